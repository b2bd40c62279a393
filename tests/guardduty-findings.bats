#!/usr/bin/env bats
# guardduty-findings against the AWS emulator.
# shellcheck disable=SC2154

load lib/quell
load aws/shared.bash

setup_file() {
	jq -n '{findings: {off: ["eu-west-1"], guardduty: ([
	 {id: "f1", type: "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
	  severity: 8, key: "AKIASTOLENKEY0000001", user: "ses-smtp",
	  ip: "203.0.113.66", api: "GetSendQuota", title: "called from a bad place"},
	 {id: "f2", type: "Recon:EC2/Portscan", severity: 5},
	 {id: "f3", type: "Impact:S3/MaliciousIPCaller2", severity: 7.5},
	 {id: "old", type: "Discovery:IAMUser/AnomalousBehavior", severity: 2,
	  time: "-40d"},
	 {id: "gone", type: "Discovery:IAMUser/AnomalousBehavior", severity: 2,
	  archived: true}] + [range(120) | {id: "n\(.)", severity: 2,
	  region: "sa-east-1", type: "Discovery:IAMUser/AnomalousBehavior"}]),
	 analyzers: [{name: "a", findings: [
	  {id: "x1", resource: "arn:aws:iam::111122223333:role/r"},
	  {id: "x2", resource: "arn:aws:s3:::b", resource_type: "AWS::S3::Bucket"},
	  {id: "x3", resource: "arn:aws:iam::111122223333:role/q",
	   status: "ARCHIVED"}]}]}}' >"$BATS_FILE_TMPDIR/world.json"
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

setup() {
	emu_fresh '{"page_size": null}'
}

ids() {
	jq -r 'select(.type == "aws-finding").id' out | sort | paste -sd,
}

@test "all regions: what bears on credentials and mail, and what is high" {
	code 0 guardduty-findings
	[ "$(jq -r 'select(.type == "aws-finding" and .region != "sa-east-1").id' out | sort | paste -sd,)" = f1,f3,x1 ]
	[ "$(jq -c 'select(.region == "sa-east-1")' out | wc -l)" = 120 ]
	jq -se 'map(select(.id == "f1"))[0] | .key == "AKIASTOLENKEY0000001" and
		.user == "ses-smtp" and .ip == "203.0.113.66" and .relevant and
		.severity == 8 and .call == "GetSendQuota" and .count == 1 and
		.why == "called from a bad place" and .source == "guardduty"' out
	jq -se 'map(select(.id == "x1"))[0] | .source == "access-analyzer" and
		.finding == "ExternalAccess" and .resource_type == "AWS::IAM::Role"' out
	# 120 of them: fifty for each question
	[ "$(emu_calls '[.[] | select(.operation == "GetFindings" and .region == "sa-east-1")] | length')" = 3 ]
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
}

@test "where nothing watches it is said" {
	code 0 guardduty-findings us-east-1 eu-west-1
	jq -se 'map(select(.type == "finding-scope")) | map({(.id): .}) | add |
		.guardduty.on == ["us-east-1"] and .guardduty.off == ["eu-west-1"] and
		.["access-analyzer"].off == ["eu-west-1"] and
		(.guardduty.why | test("no comfort")) and .guardduty.ok' out
}

@test "--all, --since" {
	code 0 guardduty-findings --all us-east-1
	[ "$(ids)" = f1,f2,f3,x1,x2 ]
	code 0 guardduty-findings --all --since=50d us-east-1
	[ "$(ids)" = f1,f2,f3,old,x1,x2 ]
	emu_set '{"page_size": 1}'
	code 0 guardduty-findings --all us-east-1
	[ "$(ids)" = f1,f2,f3,x1,x2 ]
	emu_no_violations
}

@test "denied, throttled, usage" {
	emu_fault '{"do": "500", "match": {"service": "guardduty", "region": "eu-west-1"}, "times": -1}'
	code 75 guardduty-findings us-east-1 eu-west-1
	[ "$(ids)" = f1,f3,x1 ]
	jq -se 'map(select(.id == "guardduty"))[0] | .ok == false and
		(.unknown["eu-west-1"] | test("InternalFailure"))' out
	code 64 guardduty-findings nowhere
	export AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001
	export AWS_SECRET_ACCESS_KEY='n0body/SecretKeyWithoutAnyRights+0000010'
	code 77 guardduty-findings us-east-1
}

@test "the man page's examples" {
	run_examples guardduty-findings
}
