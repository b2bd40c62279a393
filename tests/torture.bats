#!/usr/bin/env bats
# A small run of tests/torture/queue.sh; the large one is make torture.

load lib/quell

teardown() {
	touch "$BATS_TEST_TMPDIR/stop"
}

@test "purged under load and kill -9: none lost, none twice, none after all" {
	load lib/exim
	exim_available || skip 'no Exim'
	chmod 0711 "$BATS_TEST_TMPDIR"
	run -0 env TORTURE_COUNT=700 TORTURE_KILLS=6 TORTURE_EXIM_KILLS=2 \
		TORTURE_DIR="$BATS_TEST_TMPDIR" \
		"$QUELL_ROOT/tests/torture/queue.sh" 3>&-
	[[ $output != *WRONG* ]]
	[[ $output == *'messages left in the queue '*ok* ]]
}
