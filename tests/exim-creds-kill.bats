#!/usr/bin/env bats
# exim-creds killed at any moment: Exim works with the old credential or with
# the new one, and the next run ends where this one was to end.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup() {
	creds_available
	creds_begin
	creds_no_sink
}

@test "a lookup file: at each rename and each sync" {
	creds_lookup
	creds_each_kill FAULT_RENAME /test/ 1 3
	creds_each_kill FAULT_FSYNC ses.pw 1 1
}

@test "a lookup file: at each write and each unlink" {
	creds_lookup
	creds_each_kill FAULT_WRITE /test/ 1 3
	creds_each_kill FAULT_UNLINK quell-old 1 1
}

@test "at any time" {
	creds_lookup
	local n
	for n in 03 08 14 20; do
		timeout -s KILL "0.$n" exim-creds --put -y --from-file new.cred \
			>/dev/null 2>&1 || :
		creds_whole 1
		run -0 exim-creds --put -y --from-file new.cred
		creds_is_new
		[ -z "$(find x -name '.*quell*')" ]
		run -0 exim-creds --undo -y
		cmp before $what
	done
}

@test "two at once: one waits for the other" {
	creds_lookup
	exim-creds --put -y --from-file new.cred >one &
	pid=$!
	QUELL_STATE_DIR=$PWD/state2 exim-creds --put -y --from-file new.cred >two
	wait $pid
	creds_is_new
	jq -se 'map(.changed) | sort == [false, true]' one two
}
