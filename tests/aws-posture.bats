#!/usr/bin/env bats
# aws-posture against the AWS emulator: each check, both ways.
# shellcheck disable=SC2154

load lib/quell
load aws/emu.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	# nothing is as it should be
	world '{"root": {"mfa": false, "keys": []},
	  "users": {"clerk": {"password": true}, "boss": {"password": true,
	    "mfa": ["arn:aws:iam::111122223333:mfa/boss"]}}}'
}

teardown() {
	emu_stop
}

world() {	# JSON
	emu_stop
	echo "$1" >world.json
	emu_start world.json
}

verdict() {	# ID [REGION]
	jq -r --arg id "$1" --arg r "${2-}" 'select(.id == $id and
		($r == "" or .region == $r)).verdict' <<<"$output"
}

field() {	# ID FILTER
	jq -c "select(.id == \"$1\") | $2" <<<"$output"
}

@test "what is missing is told, with the command that mends it" {
	run -0 --separate-stderr aws-posture
	[ "$(jq -s length <<<"$output")" = 9 ]
	jq -se 'all(.type == "posture" and .from == "aws-posture" and
		(.text | length > 0))' <<<"$output"
	[ "$(verdict root-mfa)" = fail ]
	[ "$(verdict root-key)" = pass ]
	[ "$(verdict user-mfa)" = fail ]
	[ "$(field user-mfa .users)" = '["clerk"]' ]
	[ "$(verdict trail)" = fail ]
	[[ $(field trail .fix) == *"create-trail"*"start-logging"* ]]
	for a in send bounce complaint; do
		[ "$(verdict alarm-$a)" = fail ]
		[[ $(field alarm-$a .fix) == *"put-metric-alarm --region us-east-1"* ]]
	done
	[ "$(verdict security-contact)" = fail ]
	[[ $stderr == *"7 checks failed"* || $stderr == *"checks failed"* ]]
	[ "$(emu_calls '[.[] | select(.mutating and .operation != "GenerateCredentialReport")] | length')" = 0 ]
	emu_no_violations
}

@test "what is there passes; an alarm that tells nobody does not" {
	emu_set '{"posture": {"contact": "soc@example.net", "alarms": [
		{"metric": "Send"}, {"metric": "Bounce"},
		{"metric": "Reputation.ComplaintRate", "actions": []},
		{"metric": "Send", "region": "eu-west-1", "on": false}]}}'
	run -0 --separate-stderr aws-posture us-east-1 eu-west-1
	[ "$(verdict alarm-send us-east-1)" = pass ]
	[ "$(verdict alarm-bounce us-east-1)" = pass ]
	[ "$(verdict alarm-complaint us-east-1)" = fail ]
	[ "$(verdict alarm-send eu-west-1)" = fail ]
	[ "$(verdict security-contact)" = pass ]
	[ "$(field security-contact .address)" = '"soc@example.net"' ]
	[ "$(verdict guardduty)" = pass ]
	emu_no_violations
}

@test "GuardDuty off and suspended, a trail that is stopped, a trail that writes" {
	world '{"root": {"mfa": true, "keys": []}, "findings": {"off": ["sa-east-1"],
	  "suspended": ["us-west-2"]}, "trails": [
	  {"name": "local", "bucket": "b", "multi_region": false},
	  {"name": "all", "bucket": "b", "region": "eu-west-1", "logging": false}]}'
	run -0 --separate-stderr aws-posture
	[ "$(verdict guardduty)" = fail ]
	[ "$(field guardduty .off)" = '["sa-east-1","us-west-2"]' ]
	[[ $(field guardduty .fix) == *"for r in sa-east-1 us-west-2; do aws guardduty"* ]]
	[ "$(verdict trail)" = fail ]
	[[ $(field trail .fix) == *"start-logging --name arn:aws:cloudtrail:eu-west-1"* ]]
	[ "$(verdict root-mfa)" = pass ]
	emu_no_violations
	world '{"trails": [{"name": "all", "bucket": "b"}]}'
	run -0 --separate-stderr aws-posture
	[ "$(verdict trail)" = pass ]
}

@test "who may ask nothing learns that it is not known" {
	AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001 AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010 \
		run -0 --separate-stderr aws-posture
	jq -se 'length == 9 and all(.verdict == "unknown" and (has("fix") | not))' <<<"$output"
	run -65 aws-posture nowhere
}

@test "examples of the man page" {
	run_examples aws-posture
	grep -q 'aws cloudtrail create-trail' todo.sh
}
