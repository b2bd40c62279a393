#!/bin/bash
# run.sh [FILE.bats ...]: every unit program and every .bats file (or only
# those named), two at a time.  Prints what failed, then "N passed, N failed",
# and leaves the counts in $B/results for .ci/run.  With TEST_AGAIN=1 what
# failed runs once more, alone, after all others: that run is what counts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
export B
out=$B/test-output
rm -rf "$out"
mkdir -p "$out"
jobs=${JOBS:-2}

# The Python parts of the tests: a pinned botocore, or the distribution's.
if [ -z "${QUELL_PYTHON:-}" ] && [ -x tests/venv.sh ]; then
	tests/venv.sh build/venv || true
fi

# one NAME COMMAND...: run it, keep what it says
one() {
	local name=$1
	shift
	"$@" >"$out/$name.log" 2>&1 </dev/null
	echo $? >"$out/$name.rc"
}

wait_for_slot() {
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
}

# start NAME COMMAND...: beside the others, and kept for a second run
declare -A command_of
start() {
	command_of[$1]="${*:2}"
	wait_for_slot
	one "$@" &
}

export CMOCKA_MESSAGE_OUTPUT=TAP
if [ $# -gt 0 ]; then
	files=("$@")
else
	files=(tests/*.bats tests/*/*.bats)
	for unit in "$B"/unit/*; do
		# a _tool is no test: a .bats file drives it
		if [ ! -x "$unit" ] || [[ $unit == *.d || $unit == *_tool ]]; then
			continue
		fi
		start "unit-${unit##*/}" "$unit"
	done
fi
for f in "${files[@]}"; do
	name=${f##*/}
	start "${name%.bats}" bats --tap "$f"
done
wait

# count NAME: ok, skip and bad of its log
count() {
	local log=$out/$1.log rc
	# cmocka writes "not ok"/"ok" lines too, some with leading blanks
	ok=$(grep -cE '^[[:space:]]*ok ' "$log")
	skip=$(grep -cE '^ok .*# skip' "$log")
	bad=$(grep -cE '^[[:space:]]*not ok ' "$log")
	rc=$(cat "$out/$1.rc")
	# a crash or a file that ran nothing is a failure of its own
	if [ "$rc" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	elif [ "$rc" = 0 ] && [ $((ok + bad)) = 0 ]; then
		bad=1
		echo "$1: ran no test" | tee -a "$log"
	fi
}

# show NAME: the tests that failed with what they printed
show() {
	echo "=== $1 (exit $(cat "$out/$1.rc"))"
	awk '/^[[:space:]]*not ok / { on = 1 } /^ok / { on = 0 }
	    on { print; n++ } END { exit n == 0 }' "$out/$1.log" ||
		tail -n 40 "$out/$1.log"
}

# again NAME: alone; what it printed the first time is for "unsteady"
again() {
	local words
	show "$1" >"$out/$1.first"
	read -ra words <<<"${command_of[$1]}"
	one "$1" "${words[@]}"
}

passed=0 failed=0 skipped=0
for log in "$out"/*.log; do
	name=${log##*/}
	name=${name%.log}
	count "$name"
	if [ "$bad" != 0 ] && [ "${TEST_AGAIN-}" = 1 ]; then
		again "$name"
		count "$name"
	fi
	passed=$((passed + ok - skip))
	skipped=$((skipped + skip))
	failed=$((failed + bad))
	if [ "$bad" != 0 ]; then
		rm -f "$out/$name.first"
		show "$name"
	fi
done
if compgen -G "$out/*.first" >/dev/null; then
	echo "--- unsteady (passed when run alone; look into it):"
	sed 's/^/  /' "$out"/*.first
fi
if [ "$skipped" != 0 ]; then
	echo "--- skipped:"
	grep -hE '^ok .*# skip' "$out"/*.log | sed 's/^ok [0-9]* /  /'
fi
# CI has root, Exim, the emulator and all tools: what is skipped there for
# want of one of them hides the real part.  What may be missing: the published
# vectors and IPv6, and under the sanitizers what these cannot do.
if [ "${CI-}" = true ]; then
	may='no vectors in|no IPv6 here|only loopback here|botocore is installed'
	[ -z "${QUELL_ASAN-}" ] || may+='|[Ss]anitizer'
	hidden=$(grep -hE '^ok .*# skip' "$out"/*.log | grep -cvE "# skip.*($may)")
	if [ "$hidden" != 0 ]; then
		echo "$hidden of these may not be skipped here"
		failed=$((failed + hidden))
	fi
fi
echo "$passed $failed" >>"$B/results"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
