# quarantine.bash - what the tests of exim-queue-purge and exim-quarantine
# share: three messages, a trace, and an end to the servers
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the files that load this

A=1xUnbl-0004Fv-1l
B1=1xUnbm-0004Fw-2l
C=1xUncK-0000000055e-1rvz
SPAM=billing@victim.example

# trace OPTION... COMMAND: under a sanitizer without the leak check, which cannot be
# traced
trace() {
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace "$@"
}

# three [key=value ...]: spam, an honest one, spam in a split folder (and what
# is said of that one); the sums of all in the file before
three() {
	msg sp $A auth=$SPAM sender=spoof@e.example to='a@x.example b@x.example'
	printf 'b@x.example\n' >sp/input/$A-J
	mkdir -p sp/msglog/K
	echo log >sp/msglog/$A
	msg sp $B1 sender=$SPAM auth=other@victim.example
	msg sp $C auth=$SPAM sub=K "$@"
	echo log >sp/msglog/K/$C
	sums sp >before
}

# stop a real Exim in x and the server behind it, where they were started
stop_servers() {
	[ ! -d "$BATS_TEST_TMPDIR/x/bin" ] || {
		load lib/exim
		exim_stop "$BATS_TEST_TMPDIR/x"
		sink_stop "$BATS_TEST_TMPDIR/sink"
	}
}
