#!/usr/bin/env bats
# ses-rotate: two incidents, each with a state of its own, and one user.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/rotate.bash

incident_in() {	# DIR
	mkdir -m 700 "$1"
	: >"$1/journal.jsonl"
}

created() {
	emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length'
}

@test "two incidents and one user: both contain, one makes a key" {
	local mine=$OLD other
	incident_in one
	incident_in two
	other=$(emu_key "{\"user\": \"$user\"}" | jq -r .id)
	# one has begun and was killed before its key was sealed
	delete "$other"
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "reset_before", "times": 2}'
	rot 79 --incident=one "$mine"
	emu_reset_log
	rot 75 --incident=two "$mine"
	grep -q "$user: another rotation of this user is not over, that of $mine --incident=$PWD/one" err
	grep -q "hint: end that one with --resume or --rollback, or take over with --confirm=$user" err
	rot 75 "$mine"
	[ "$(created)" = 0 ]
	# a second stolen key of the same user still dies at once
	other=$(emu_key "{\"user\": \"$user\"}" | jq -r .id)
	rot 0 --incident=two --phase=contain "$other"
	[ "$(keys)" = '"Inactive,Inactive"' ]
	rot 75 --incident=two "$other"
	delete "$other"
	# the first goes on, and ends; then there is room for others
	resume 0 --incident=one
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(created)" = 1 ]
	rm -rf two
	incident_in two
	delete "$mine"
	rot 0 --incident=two "$(role new id)"
	[ "$(created)" = 2 ]
	emu_no_violations
}

@test "two incidents: a person takes over; what is gone holds nobody up" {
	incident_in one
	incident_in two
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "reset_before", "times": 2}'
	rot 79 --incident=one "$OLD"
	rot 75 --incident=two "$OLD"
	rot 75 --incident=two --confirm=somebody "$OLD"
	rot 0 --incident=two --confirm="$user" "$OLD"
	[ "$(keys)" = '"Active,Inactive"' ]
	new_user
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "reset_before", "times": 2}'
	rot 79 --incident=one "$OLD"
	rm -r one
	rot 0 --incident=two "$OLD"
	# a state folder that cannot be written: said, and no more
	new_user
	QUELL_STATE_DIR=/proc/none rot 0 --incident=two "$OLD"
	grep -q 'whether another run rotates it is not known' err
	# rolled back is over
	new_user
	incident_in one
	rot 0 --incident=one "$OLD"
	code 0 ses-rotate -y --rollback --incident=one --confirm="$OLD" \
		--proofs=1 --over=0 --wait=20 "$OLD"
	rot 0 --incident=two "$OLD" ||
		grep -q 'has two keys' err
	run ! grep -q 'another rotation' err
}
