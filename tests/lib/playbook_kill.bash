# playbook_kill.bash - a playbook killed -9 before each step's first command
# and behind it, started again until it gets through, and compared with a run
# that nobody killed
#
# kill_setup SEED.json		the seed of both worlds; ./bin has commands of
#				the test's own, which go before the real ones
# kill_run CODE MIN PLAYBOOK ARGUMENT...	--apply and --incident are added;
#				it is killed at least MIN times.  The two ends
#				are in end.whole and end.killed, made by the
#				test's own function `ending`
# killed_at STEP...		it was killed there, before and after
# shellcheck shell=bash
# shellcheck disable=SC2154

# shellcheck source=tests/aws/emu.bash
. "$QUELL_ROOT/tests/aws/emu.bash"

kill_setup() {
	kill_seed=$1
	mkdir -p all bin
	ln -sf "$QUELL_B"/bin/* all/
	# not through the links into the real ones
	cp --remove-destination bin/* all/
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$PWD/all"
}

kill_teardown() {
	[ -z "${EMU_PID-}" ] || emu_stop
}

# one COMMAND PATH-FOLDER ARGUMENT...: a process group of its own, which dies
# as a whole
kill_one() {
	PATH="$PWD/$1:$PATH" setsid -w "$QUELL_ROOT/playbooks/$2" --apply \
		"${@:3}" </dev/null >>play.out 2>&1 3>&-
}

kill_run() {
	local want=$1 min=$2 rc=0 n=0
	shift 2
	: >play.out
	mkdir whole killed
	export QUELL_INCIDENTS=$PWD/whole QUELL_STATE_DIR=$PWD/state.whole
	emu_start "$kill_seed"
	kill_one all "$1" --incident "$PWD/whole/incident" "${@:2}" || rc=$?
	[ "$rc" = "$want" ] || { cat play.out; return 1; }
	ending whole >end.whole
	emu_no_violations
	emu_stop
	emu_start "$kill_seed"
	mkdir killed/at
	export QUELL_INCIDENTS=$PWD/killed QUELL_STATE_DIR=$PWD/state.killed \
		KILLER_INCIDENT=$PWD/killed/incident KILLER_DONE=$PWD/killed/at \
		KILLER_BIN=$PWD/all QUELL_LOCK_WAIT=60
	rc=137
	while [ "$rc" = 137 ] && [ "$n" -lt 80 ]; do
		rc=0
		kill_one killer "$1" --incident "$PWD/killed/incident" "${@:2}" ||
			rc=$?
		n=$((n + 1))
	done
	echo "killed $((n - 1)) times:" killed/at/*
	[ "$rc" = "$want" ] || { cat play.out; return 1; }
	[ "$((n - 1))" -ge "$min" ]
	ending killed >end.killed
	diff end.whole end.killed
	emu_no_violations
	incident verify killed/incident | jq -e .ok
	# and once more: nothing is done
	emu_reset_log
	rc=0
	kill_one all "$1" --incident "$PWD/killed/incident" "${@:2}" || rc=$?
	[ "$rc" = "$want" ]
	[ "$(emu_calls '[.[] | select(.mutating and
		.operation != "GenerateCredentialReport")] | length')" = 0 ]
}

killed_at() {
	local step
	for step; do
		if [ ! -d "killed/at/$step.before" ] ||
			[ ! -d "killed/at/$step.after" ]; then
			echo "never killed at $step"
			return 1
		fi
	done
}

# what a world has, without the times in it
kill_world() {	# JQ-FILTER
	emu_world "$1" | jq -S 'walk(if type == "string" then
		gsub("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?"; "TIME") else . end)'
}
