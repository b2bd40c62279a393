#!/usr/bin/env bats
# lib/aws: whose key it is (credentials.h) and where the services are
# (endpoint.h).  The table of cases is tests/aws-chain/cases.py; the rest is
# what a comparison with botocore cannot show.
# each test is a subshell of its own, and run sets stderr
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/emu.bash

setup_file() {
	export TMPDIR=$BATS_FILE_TMPDIR
	QUELL_PYTHON=$(emu_python) || skip "no python that imports botocore"
	export QUELL_PYTHON
}

setup() {
	tool=$QUELL_B/unit/aws_chain_tool
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME/.aws"
	unset AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
}

@test "the same files, environment and services as botocore: the same keys and region" {
	run "$QUELL_PYTHON" "$QUELL_ROOT/tests/aws-chain/differential.py" \
		"$tool" "$HOME"
	grep -v '^ok' <<<"$output"
	[ "$status" = 0 ]
	# the table must not shrink
	[ "$(grep -c '^ok' <<<"$output")" -ge 130 ]
}
