#!/usr/bin/env bats
# playbooks/role-compromise, killed at every step.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/playbook_kill

HOST=i-0a1b2c3d4e5f6000a

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_MAILHOST_CMD=env
	mkdir bin
	printf '#!/bin/sh\necho "{\\"type\\":\\"trail-event\\",\\"id\\":\\"e\\"}"\n' \
		>bin/trail-search
	printf '#!/bin/sh\n: >held\necho "{\\"type\\":\\"mail-hold\\",\\"id\\":\\"mx\\"}"\n' \
		>bin/exim-hold
	chmod +x bin/*
	cat >world.json <<-END
	{"instances": [{"id": "$HOST", "name": "app1", "region": "us-east-1",
	"private_ip": "10.0.1.9", "role": "mail-host",
	"groups": ["sg-0a1b2c3d4e5f60001"], "volumes": ["vol-1"]}]}
	END
	kill_setup world.json
}

teardown() {
	kill_teardown
}

ending() {	# whole or killed
	kill_world '(.roles["mail-host"] | .policies, .attached),
		(.regions | map_values(.sending_enabled)),
		(.ec2.instances | map_values([.tags, .state])),
		(.ec2.groups | length), (.ec2.snapshots | length)' |
		sed "s|/$1/incident|/DIR|"
	jq -r .event "$1/incident/journal.jsonl" | grep -E '^incident\.' | sort -u
	(cd "$1/incident/steps" && find . -name 'done' | sort)
}

@test "killed at every step, it ends the same" {
	kill_run 0 21 role-compromise --role mail-host --instance $HOST \
		--region us-east-1 --word GuardDuty --watch 1
	killed_at 10_identify_role 14_identify_reach 16_identify_decide \
		20_preserve_aws 22_preserve_host 30_contain_hold \
		32_contain_host 34_contain_role 36_contain_regions \
		38_contain_prove 50_eradicate_traces 70_report_timeline
	emu_world ".ec2.instances[\"$HOST\"].tags[\"quell:contained\"]" |
		grep -qx '"smtp-only"'
	[ "$(emu_world '.ec2.snapshots | length')" = 1 ]
	[ -e held ]
}
