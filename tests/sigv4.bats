#!/usr/bin/env bats
# Our signatures beside botocore's, and published vectors where there are any.

load lib/quell
load aws/emu.bash

setup() {
	python=$(emu_python 2>/dev/null) ||
		skip "no python that imports botocore"
}

@test "some hundred random requests are signed as botocore signs them" {
	run -0 "$python" "$QUELL_ROOT/tests/sigv4/compare.py" \
		"$QUELL_B/unit/sign_tool"
	[[ ${lines[-1]} =~ ^[1-9][0-9]+\ passed,\ 0\ failed$ ]]
}

@test "published vectors" {
	vectors=${QUELL_VECTORS:-$QUELL_ROOT/../shared/data/sigv4}
	[ -d "$vectors" ] || skip "no vectors in $vectors"
	run -0 "$python" "$QUELL_ROOT/tests/sigv4/compare.py" \
		"$QUELL_B/unit/sign_tool" --vectors "$vectors"
	[[ ${lines[-1]} =~ ^[1-9][0-9]+\ passed,\ 0\ failed$ ]]
}
