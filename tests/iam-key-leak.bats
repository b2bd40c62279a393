#!/usr/bin/env bats
# The playbooks iam-key-leak and role-compromise against the AWS emulator.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/emu.bash

KEY=AKIASTOLENKEY0000001
HOST=i-0a1b2c3d4e5f6000a

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	mkdir bin
	PATH=$PWD/bin:$QUELL_ROOT/playbooks:$PATH
	# half a minute of look-ups, tested elsewhere
	printf '#!/bin/sh\necho "$0 $*" >>"%s"\n%s\n' "$PWD/trail.log" \
		"echo '{\"type\":\"trail-event\",\"id\":\"e\",\"time\":\"2026-11-21T00:00:00Z\",\"event\":\"CreateUser\",\"ip\":\"192.0.2.66\"}'" \
		>bin/trail-search
	printf '#!/bin/sh\necho "exim-hold $*" >>"%s"\necho "{\\"type\\":\\"mail-hold\\",\\"id\\":\\"mx\\"}"\n' \
		"$PWD/hold.log" >bin/exim-hold
	chmod +x bin/*
	jq -n --arg host $HOST '{instances: [{id: $host, name: "app1",
		region: "us-east-1", private_ip: "10.0.1.9", role: "mail-host",
		groups: ["sg-0a1b2c3d4e5f60001"], volumes: ["vol-1"]}],
		users: {"ses-smtp": {groups: ["AWSSESSendingGroupDoNotRename"],
		keys: [{id: "AKIASTOLENKEY0000001", created: "-400d",
		secret: "st0len/+SecretKeyForTheSmtpUser/0000001+"},
		{id: "AKIASTOLENKEY0000002", created: "-1d",
		secret: "st0len/+SecretKeyForTheSmtpUser/0000002+"}]}}}' >world.json
	emu_start world.json
}

teardown() {
	emu_stop
}

events() {
	jq -r .event "$1/journal.jsonl" | grep -v evidence | paste -sd' '
}

@test "iam-key-leak: a dry run changes nothing and leaves nothing" {
	run -0 iam-key-leak --key $KEY
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e hold.log ]
	[ ! -e state ]
	[[ $output == *"key $KEY of ses-smtp: Active"* ]]
	[[ $output == *"may send: yes"* ]]
	[[ $output == *"other active keys: AKIASTOLENKEY0000002"* ]]
	[[ $output == *"CreateUser  192.0.2.66"* ]]
	emu_no_violations
}

@test "iam-key-leak: nothing without a person's word, nor before the mail host is held" {
	run -64 iam-key-leak
	run -1 iam-key-leak --key $KEY --incident inc --apply
	[[ $output == *--leaked* ]]
	run -64 iam-key-leak --key $KEY --incident inc --apply --leaked 'ops saw it'
	[[ $output == *"hold it first"* ]]
	[ "$(emu_mutating_count)" = 0 ]
}

@test "iam-key-leak: held, denied, dead, paused, proven; again nothing" {
	export QUELL_MAILHOST_CMD=env
	run -0 iam-key-leak --key $KEY --incident inc --apply --watch 1 \
		--leaked 'ops saw it'
	grep -qx 'exim-hold -y' hold.log
	[ "$(events inc)" = "incident.opened decision.containment exim-hold.begin exim-hold.end mail.held iam-quarantine.begin iam-quarantine.end iam-key-disable.begin iam-key-disable.end ses-pause.begin ses-pause.end incident.contained" ]
	[ "$(emu_world '.users["ses-smtp"].keys | map(.status)')" = '["Inactive","Active"]' ]
	emu_world '.users["ses-smtp"].policies | has("QuellQuarantine")' | grep -qx true
	emu_world '.regions["us-east-1"].sending_enabled' | grep -qx true
	emu_world '.regions["sa-east-1"].sending_enabled' | grep -qx false
	grep -q -- "--key $KEY --flagged --since 14d" trail.log
	run -0 incident verify inc
	emu_reset_log
	run -0 iam-key-leak --key $KEY --incident inc --apply --leaked 'ops saw it'
	[ "$(emu_mutating_count)" = 0 ]
	# the lines that it gives to undo it work
	run -0 iam-quarantine -y --undo --incident inc user/ses-smtp
	emu_world '.users["ses-smtp"].policies | has("QuellQuarantine")' | grep -qx false
	run -0 iam-key-disable --delete --incident inc --confirm=$KEY $KEY
	emu_no_violations
}

@test "iam-key-leak: the case is open in another folder: it is named" {
	run -1 iam-key-leak --key $KEY --incident inc --apply
	run -64 iam-key-leak --key $KEY --incident other --apply
	[[ $output == *"the case is open already: --incident "*inc* ]]
}

@test "iam-key-leak: Mail Manager: shut where SES is, named elsewhere, or none" {
	emu_set '{"regions": {"sa-east-1": {"ingress_points": [{"name": "unused"}]},
		"us-east-1": {"ingress_points": [{"name": "shop"}]}}}'
	run -0 iam-key-leak --key $KEY
	[[ $output == *"left open, as honest mail may come in there: shop: ses-pause -y --mail-manager --region us-east-1 inp-"* ]]
	[ "$(emu_mutating_count)" = 0 ]
	run -0 iam-key-leak --key $KEY --incident inc --apply --watch 1 \
		--leaked 'ops saw it' --no-mail-host 'ops'
	[[ $output == *"unused in sa-east-1: CLOSED"* ]]
	[ "$(emu_world '.regions | [."sa-east-1", ."us-east-1"] |
		map(.ingress_points[0].status // "ACTIVE")')" = '["CLOSED","ACTIVE"]' ]
	# what it printed works
	run -0 ses-pause -y --mail-manager --region us-east-1 inp-0000000000000000000
	run -0 ses-pause -y --mail-manager --resume --incident inc
	[ "$(emu_world '.regions["sa-east-1"].ingress_points[0].status')" = '"ACTIVE"' ]
	emu_set '{"regions": {"us-east-1": {"ingress_points": []},
		"sa-east-1": {"ingress_points": []}}}'
	run -0 iam-key-leak --key $KEY
	[[ $output == *"no open ingress point"* ]]
	emu_no_violations
}

@test "iam-key-leak: --all-keys kills the others; --no-mail-host is a word" {
	run -0 iam-key-leak --key $KEY --incident inc --apply --watch 1 --all \
		--all-keys --leaked 'ops saw it' --no-mail-host 'ops'
	[ "$(emu_world '.users["ses-smtp"].keys | map(.status)')" = '["Inactive","Inactive"]' ]
	emu_world '.users["ses-smtp"].policies.QuellQuarantine.Statement[0].Action' | grep -qx '"\*"'
	jq -se 'any(.event == "mail.not-held" and .data.word == "ops")' inc/journal.jsonl
}

@test "iam-key-leak: undone again and again: it stops with 69, and goes on when that ends" {
	emu_key '{"user":"mallory","id":"AKIAMALLORYKEY000001","policies":{"w":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}}}' >/dev/null
	emu_set '{"propagation": {"policy": [30, 40], "flap": true},
		"attacker": {"user": "mallory", "times": -1, "every_ms": 20}}'
	run -69 iam-key-leak --key AKIAMALLORYKEY000001 --incident inc --apply \
		--watch 1 --leaked 'ops saw it' --no-mail-host 'ops'
	[[ $output == *"NOT CONTAINED"* ]]
	run ! grep -q incident.contained inc/journal.jsonl
	emu_set '{"preset": "immediate", "attacker": null}'
	run -0 iam-key-leak --key AKIAMALLORYKEY000001 --incident inc --apply \
		--watch 1 --leaked 'ops saw it' --no-mail-host 'ops'
	[ "$(events inc | grep -o incident.contained)" = incident.contained ]
}

@test "role-compromise: dry run, word, host and role, twice, undo" {
	run -0 role-compromise --role mail-host --instance $HOST
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e state ]
	run -64 role-compromise
	run -1 role-compromise --role mail-host --instance $HOST --incident inc --apply
	[ "$(emu_mutating_count)" = 0 ]
	before=$(emu_world '.ec2.groups')
	run -0 role-compromise --role mail-host --instance $HOST --incident inc \
		--apply --word 'GuardDuty' --watch 1
	[ "$(events inc)" = "incident.opened decision.containment ec2-contain.begin ec2-contain.end ec2-contain.begin ec2-contain.end iam-quarantine.begin iam-quarantine.end ses-pause.begin ses-pause.end incident.contained" ]
	[ "$(emu_world '.ec2.snapshots | length')" = 1 ]
	emu_world ".ec2.instances[\"$HOST\"].tags[\"quell:contained\"]" | grep -qx '"smtp-only"'
	emu_world '.roles["mail-host"].policies | has("QuellQuarantine")' | grep -qx true
	emu_reset_log
	run -0 role-compromise --role mail-host --instance $HOST --incident inc \
		--apply --word 'GuardDuty'
	[ "$(emu_mutating_count)" = 0 ]
	run -0 iam-quarantine -y --undo --incident inc role/mail-host
	run -0 ec2-contain -y --undo --incident inc $HOST
	[ "$before" = "$(emu_world '.ec2.groups')" ]
	emu_no_violations
}

@test "role-compromise: --isolate, and the mail host is held first" {
	export QUELL_MAILHOST_CMD=env

	printf '#!/bin/sh\nexec "%s/bin/ec2-contain" --settle=0 "$@"\n' "$QUELL_B" >bin/ec2-contain
	chmod +x bin/ec2-contain
	run -0 role-compromise --role arn:aws:sts::111122223333:assumed-role/mail-host/$HOST \
		--instance $HOST --isolate --incident inc --apply --word 'x' --watch 1
	grep -qx 'exim-hold -y' hold.log
	emu_world ".ec2.instances[\"$HOST\"].tags[\"quell:contained\"]" | grep -qx '"isolate"'
	# a user is none
	run -64 role-compromise --role arn:aws:iam::111122223333:user/ses-smtp
}
