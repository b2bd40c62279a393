#!/usr/bin/env bats
# playbooks/iam-key-leak, killed at every step.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/playbook_kill

KEY=AKIASTOLENKEY0000001

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_MAILHOST_CMD=env
	mkdir bin
	printf '#!/bin/sh\n%s\n' \
		"echo '{\"type\":\"trail-event\",\"id\":\"e\",\"time\":\"2026-11-21T00:00:00Z\",\"event\":\"CreateUser\"}'" \
		>bin/trail-search
	printf '#!/bin/sh\n: >held\necho "{\\"type\\":\\"mail-hold\\",\\"id\\":\\"mx\\"}"\n' \
		>bin/exim-hold
	chmod +x bin/*
	cat >world.json <<-END
	{"users": {"ses-smtp": {"groups": ["AWSSESSendingGroupDoNotRename"],
	"keys": [{"id": "$KEY", "created": "-400d",
	"secret": "st0len/+SecretKeyForTheSmtpUser/0000001+"},
	{"id": "AKIASTOLENKEY0000002", "created": "-1d",
	"secret": "st0len/+SecretKeyForTheSmtpUser/0000002+"}]}},
	"regions": {"sa-east-1": {"ingress_points": [{"name": "door"}]}}}
	END
	kill_setup world.json
}

teardown() {
	kill_teardown
}

ending() {	# whole or killed
	kill_world '[.users["ses-smtp"] | .keys, .policies, .attached, .groups],
		(.regions | map_values([.sending_enabled, .ingress_points]))'
	jq -r .event "$1/incident/journal.jsonl" | grep -E '^incident\.' | sort -u
	jq -S '[.regions, .ingress_points] | map(map_values(keys))' \
		"$1/incident/state/ses-pause.json" 2>/dev/null
	(cd "$1/incident/steps" && find . -name 'done' | sort)
}

@test "killed at every step, it ends the same" {
	kill_run 0 25 iam-key-leak --key $KEY --watch 1 --all-keys \
		--leaked 'ops saw it'
	killed_at 10_identify_key 12_identify_hands 14_identify_reach \
		16_identify_decide 20_preserve_aws 30_contain_hold \
		32_contain_user 33_contain_key 34_contain_keys \
		36_contain_regions 38_contain_prove 50_eradicate_traces \
		70_report_timeline
	[ "$(emu_world '.users["ses-smtp"].keys | map(.status)')" = '["Inactive","Inactive"]' ]
	emu_world '.users["ses-smtp"].policies | has("QuellQuarantine")' | grep -qx true
	[ -e held ]
}
