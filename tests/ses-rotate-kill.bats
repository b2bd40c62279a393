#!/usr/bin/env bats
# ses-rotate killed before and after every step, by its own table of them:
# the next run always ends in the same place.
# shellcheck disable=SC2034,SC2154

load lib/quell
load aws/shared.bash
load torture/rotate.bash

setup() {
	emu_fresh '{"preset": "immediate"}'
	torture_setup
}

user() {
	users=$((${users:-0} + 1))
	torture_user "$BATS_TEST_NUMBER$(printf %04d $users)"
	routine=${1-}
	torture_options=()
	[ -z "$routine" ] || torture_options=(--routine)
}

# The steps of an order, from the program's own table.
steps() { # emergency|routine
	ses-rotate --dump-steps | awk -F'\t' -v o="$1" \
		'$1 == "rotate" && ($3 == "any" || $3 == o) { print $2, $4 }'
}

every_step() { # emergency|routine
	local step joined at stage after='' n=0
	while read -r step joined; do
		for stage in begun 'done'; do
			# the end of a joined step is written with the next
			# one's, whose beginning is not written at all
			[ "$after$stage" != joinedbegun ] || continue
			for at in before after; do
				user "${1#emergency}"
				n=$((n + 1))
				torture_kill "FAULT_KILL_RENAME=$at:ses-rotate-:\"last\":\"$step.$stage\""
				[ "$got" = 137 ] || {
					echo "$at $step.$stage: exit $got"
					cat run.err
					return 1
				}
				if ! torture_settle || ! torture_check; then
					echo "killed $at $step.$stage"
					return 1
				fi
			done
		done
		after=$joined
	done < <(steps "$1")
	[ "$n" -ge 30 ]
	[ ! -e orphans ]
	emu_no_violations
}

@test "killed before and after each step begins and ends: emergency" {
	every_step emergency
}

@test "killed before and after each step begins and ends: routine" {
	every_step routine
}
