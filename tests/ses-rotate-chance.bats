#!/usr/bin/env bats
# ses-rotate killed at chance, before or after any call that writes, renames,
# syncs or sends, or by the clock, and again while it is resumed.  With AWS
# unsteady, too, and many more of them: make torture.
# shellcheck disable=SC2034,SC2154

load lib/quell
load aws/shared.bash
load torture/rotate.bash

setup() {
	emu_fresh '{"preset": "immediate"}'
	torture_setup
}

@test "40 kills at chance" {
	local n=0
	RANDOM=${TORTURE_SEED:-4}
	kills=0
	torture_count
	while [ "$kills" -lt 40 ]; do
		n=$((n + 1))
		routine=
		torture_options=()
		[ $((n % 2)) = 0 ] || {
			routine=yes
			torture_options=(--routine)
		}
		torture_chance "$BATS_TEST_NUMBER$(printf %04d $n)" || {
			echo "rotation $n, after $kills kills"
			return 1
		}
	done
	echo "# $kills kills in $n rotations, calls $calls" >&3
	emu_no_violations
}
