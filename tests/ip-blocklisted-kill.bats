#!/usr/bin/env bats
# playbooks/ip-blocklisted: killed at every step, and started again

# shellcheck disable=SC2154
load lib/quell
load lib/blocklisted

setup() {
	blocklisted_world
}

teardown() {
	[ ! -d dns ] || dns_stop dns
}

@test "killed at every step, the end is the same" {
	local rc=137 n=0
	taken "$(date -u +%F)" 11:00:00
	mkdir killed
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$QUELL_B/bin"
	export KILLER_INCIDENT=$PWD/case KILLER_DONE=$PWD/killed \
		KILLER_BIN=$QUELL_B/bin QUELL_LOCK_WAIT=20
	while [ "$rc" = 137 ] && [ "$n" -lt 30 ]; do
		rc=0
		PATH="$PWD/killer:$PATH" setsid -w "$PLAY" "${args[@]}" --apply \
			--incident case </dev/null >>play.out 2>&1 3>&- || rc=$?
		n=$((n + 1))
	done
	[ "$rc" = 1 ] || { cat play.out; false; }
	echo "killed $((n - 1)) times at: $(ls killed)"
	[ "$n" -gt 8 ]
	zones clean
	play 0 --apply --incident case
	run -0 incident verify case
	[ "$(find case/steps/51_recover_letters/letters -type f | wc -l)" = 1 ]
	[ "$(jq -s 'map(select(.event == "incident.opened")) | length' \
		case/journal.jsonl)" = 1 ]
}
