#!/usr/bin/env bats
# playbooks/smtp-credential-leak, killed at every step.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/smtp_leak

setup() {
	leak_setup
}

teardown() {
	leak_teardown
}

# Before each step's first command, and behind it when nobody knows yet what it
# did, as the drill does; then started again until it gets through.
@test "killed at every step, it ends the same" {
	local rc=137 n=0 step
	mkdir killed
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$QUELL_B/bin"
	export KILLER_INCIDENT=$PWD/incident KILLER_DONE=$PWD/killed \
		KILLER_BIN=$QUELL_B/bin QUELL_LOCK_WAIT=20
	while [ "$rc" = 137 ] && [ "$n" -lt 60 ]; do
		rc=0
		PATH="$PWD/killer:$PATH" setsid -w "$play" --apply \
			--incident "$PWD/incident" --leaked 'oncall: paste site' \
			--host-checked 'oncall: clean' --regions us-east-1 \
			--sender info@shop.example.net \
			--rotate-option=--over=1 </dev/null >>play.out 2>&1 3>&- ||
			rc=$?
		n=$((n + 1))
	done
	[ "$rc" = 0 ] || cat play.out
	[ "$rc" = 0 ]
	echo "killed $((n - 1)) times at: $(ls killed)"
	[ "$n" -gt 25 ]
	for step in $("$play" --list); do
		[ -d "killed/$step.before" ]
	done
	ended_well
	[ "$(keys)" = '"Active,Inactive"' ]
}
