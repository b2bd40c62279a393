#!/usr/bin/env bats
# Access keys: from a report that is old, and from IAM itself.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load aws/shared.bash

setup_file() {
	cat >"$BATS_FILE_TMPDIR/world" <<-'END'
	{"users": {
	  "old": {"keys": [
	    {"id": "AKIAOLDKEY0000000001", "created": "-400d",
	     "secret": "oldsecretoldsecretoldsecretoldsecret0001",
	     "used": ["-5d", "ses", "us-east-1"]},
	    {"id": "AKIAOLDKEY0000000002", "created": "-200d",
	     "secret": "oldsecretoldsecretoldsecretoldsecret0002",
	     "used": ["-150d", "s3", "eu-west-1"]}]},
	  "idle": {"keys": [
	    {"id": "AKIAIDLEKEY000000001", "created": "-120d",
	     "secret": "idlesecretidlesecretidlesecretidlesec001",
	     "status": "Inactive"}]},
	  "a,b": {"keys": [
	    {"id": "AKIACOMMAKEY00000001", "created": "-95d",
	     "secret": "commasecretcommasecretcommasecretcomma01"}]},
	  "fresh": {"created": "-600s", "keys": [
	    {"id": "AKIAFRESHKEY00000001", "created": "-500s",
	     "secret": "freshsecretfreshsecretfreshsecretfresh01"}]},
	  "victim": {"keys": [
	    {"id": "AKIAVICTIMKEY0000001", "created": "-300s",
	     "secret": "victimsecretvictimsecretvictimsecret0001"}]},
	  "without": {}},
	 "settings": {"report_age_s": 3600}}
	END
	emu_start "$BATS_FILE_TMPDIR/world"
}

setup() {
	emu_fresh '{"trail": []}'
}

teardown() {
	emu_no_violations
}

ids() {		# their ids, by blanks
	jq -r 'select(.type == "aws-key").id' | sort | tr '\n' ' '
}

keys() {	# ARGUMENT...: the ids
	iam-keys "$@" 2>err | ids
}

# What CloudTrail says of a key made for somebody
created_for() {
	emu_set "$(jq -nc --arg u "$1" '{trail: [{EventId: "1", EventName:
		"CreateAccessKey", EventTime: (now - 290), Username: "mallory",
		Resources: [{ResourceType: "AWS::IAM::AccessKey", ResourceName:
		"AKIAVICTIMKEY0000001"}, {ResourceType: "AWS::IAM::User",
		ResourceName: $u}], CloudTrailEvent: "{}"}]}')"
}

@test "every key with age, last use, status" {
	iam-keys --fresh >all
	[ "$(ids <all)" = "AKIACOMMAKEY00000001 AKIAFRESHKEY00000001 AKIAIDLEKEY000000001 AKIANOBODYKEY0000001 AKIAOLDKEY0000000001 AKIAOLDKEY0000000002 AKIARESPONDERKEY0001 AKIASTOLENKEY0000001 AKIAVICTIMKEY0000001 " ]
	jq -se 'map(select(.id == "AKIAOLDKEY0000000001"))[0] |
		.user == "old" and .status == "Active" and .age_days == 400 and
		.unused_days == 5 and .last_used_service == "ses" and
		.last_used_region == "us-east-1" and .active_keys == 2 and
		(has("in_report") | not)' all
	jq -se 'map(select(.id == "AKIAIDLEKEY000000001"))[0] |
		.status == "Inactive" and .last_used == null and
		.unused_days == 120 and .active_keys == 0' all
	jq -se 'map(select(.type == "aws-root"))[0] | .active_keys == 0 and
		.mfa and (.id | test(":root$"))' all
}

@test "from the report: the same, but for what is younger than it" {
	iam-keys --fresh >all
	emu_reset_log
	iam-keys -v >some 2>err
	# a new user is asked about; a new key of an old user is not known of
	[ "$(ids <some)" = "$(ids <all | sed 's/AKIAVICTIMKEY0000001 //')" ]
	jq -S 'select(.id != "AKIAVICTIMKEY0000001") |
		del(.time, .in_report, .report_time, .last_used, .unused_days)' \
		all >a
	jq -S 'del(.time, .in_report, .report_time, .last_used, .unused_days)' \
		some | diff a -
	jq -se 'map(select(.type == "aws-key")) | all(.in_report ==
		(.user != "fresh")) and all(.report_time | test("Z$"))' some
	grep -q "^iam-keys: $(emu_calls length) calls: 9 users, 7 asked about, 8 keys" err
	# unless CloudTrail has seen it being made
	created_for victim
	[[ $(keys) == *AKIAVICTIMKEY0000001* ]]
	# and when it cannot be asked, that is said
	emu_fault '{"do":"500","times":-1,"match":{"service":"cloudtrail"}}'
	AWS_MAX_ATTEMPTS=1 iam-keys 2>err >out
	grep -q "keys made since the credential report are not known" err
}

@test "filters, and their combinations" {
	[ "$(keys --older-than 90d)" = "AKIACOMMAKEY00000001 AKIAIDLEKEY000000001 AKIAOLDKEY0000000001 AKIAOLDKEY0000000002 AKIARESPONDERKEY0001 AKIASTOLENKEY0000001 " ]
	[ "$(keys --older-than 90d --active)" = "AKIACOMMAKEY00000001 AKIAOLDKEY0000000001 AKIAOLDKEY0000000002 AKIARESPONDERKEY0001 AKIASTOLENKEY0000001 " ]
	[ "$(keys --older-than 300d)" = "AKIAOLDKEY0000000001 AKIASTOLENKEY0000001 " ]
	[ "$(keys --unused 100d)" = "AKIAIDLEKEY000000001 AKIAOLDKEY0000000002 AKIASTOLENKEY0000001 " ]
	[ "$(keys --two-active)" = "AKIAOLDKEY0000000001 AKIAOLDKEY0000000002 " ]
	[ "$(keys --two-active --unused 90d)" = "AKIAOLDKEY0000000002 " ]
	[ "$(keys --user fresh --user old)" = "AKIAFRESHKEY00000001 AKIAOLDKEY0000000001 AKIAOLDKEY0000000002 " ]
	[ "$(keys --user 'a,b')" = "AKIACOMMAKEY00000001 " ]
	[ -z "$(keys --user without)" ]
	[ -z "$(keys --two-active --older-than 1000d)" ]
	# a filter leaves the root user out
	run -0 --separate-stderr iam-keys --older-than 300d
	[[ $output != *aws-root* ]]
	run -0 --separate-stderr iam-keys --root
	jq -e '.type == "aws-root" and .active_keys == 0' <<<"$output"
	[ "$(iam-keys --root --two-active | jq -s length)" = 3 ]
	run -69 iam-keys --user nosuch
	[ "$output" = "iam-keys: nosuch: no such user" ]
	run -64 iam-keys old
	run -64 iam-keys --older-than soon
}

@test "few calls: those of whom the report says that they could pass" {
	iam-keys --two-active >out
	[ "$(emu_calls '[.[] | select(.operation == "ListAccessKeys").params.UserName] | sort')" = '["fresh","old"]' ]
	# the report's word for the last use is enough for what is not selected
	[ "$(emu_calls '[.[] | select(.operation == "GetAccessKeyLastUsed")] | length')" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
}

@test "a key that was used since the report is not unused" {
	# the report says never; now it is used
	[[ $(keys --unused 100d) == *AKIASTOLENKEY0000001* ]]
	(
		export AWS_ACCESS_KEY_ID=AKIASTOLENKEY0000001
		export AWS_SECRET_ACCESS_KEY='st0len/+SecretKeyForTheSmtpUser/0000001+'
		aws-preflight >/dev/null 2>&1 || true
	)
	[[ $(keys --unused 100d) != *AKIASTOLENKEY0000001* ]]
}

@test "the report: being made, not ready, denied" {
	(
		emu_start <(jq '.settings = {"report_polls": 2}' \
			"$BATS_FILE_TMPDIR/world")
		iam-keys -v --older-than 300d >out 2>err
		grep -q "^iam-keys: $(emu_calls length) calls: " err
		[ "$(jq -r .id out | sort | tr '\n' ' ')" = \
			"AKIAOLDKEY0000000001 AKIASTOLENKEY0000001 " ]
		emu_calls '[.[] | select(.operation == "GenerateCredentialReport")] | length' |
			grep -qx 4
		emu_no_violations
		emu_stop
	)
	(
		emu_start <(jq '.settings = {"report_polls": 1000}' \
			"$BATS_FILE_TMPDIR/world")
		iam-keys -v --report-wait 1 --older-than 300d >out 2>err
		grep -q "is not ready: asking for each user instead" err
		[ "$(jq -r .id out | sort | tr '\n' ' ')" = \
			"AKIAOLDKEY0000000001 AKIASTOLENKEY0000001 " ]
		emu_stop
	)
	emu_fault '{"do":"garbage","times":-1,"match":{"operation":"GetCredentialReport"}}'
	AWS_MAX_ATTEMPTS=1 iam-keys -v --older-than 300d >out 2>err
	grep -q "asking for each user instead" err
	[ "$(jq -s length out)" = 2 ]
}

@test "what cannot be read is said, and the rest is there" {
	emu_fault '{"do":"500","times":1,"match":{"operation":"ListAccessKeys"}}'
	run -75 --separate-stderr env AWS_MAX_ATTEMPTS=1 iam-keys --fresh
	[ "$(ids <<<"$output" | wc -w)" -ge 7 ]
	[[ $stderr == *": ListAccessKeys: "* ]]
	AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001 \
		AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010 \
		run -77 --separate-stderr iam-keys
	[ -z "$output" ]
}

@test "--nagios: 0 1 2 3 and one line" {
	run -0 iam-keys --nagios --older-than 1000d
	[[ $output == "KEYS OK - 9 users, none of their keys selected | selected=0 users=9 root=0" ]]
	run -1 iam-keys --nagios --two-active --unused 90d
	[ "$output" = "KEYS WARNING - 1 selected: AKIAOLDKEY0000000002 (old) | selected=1 users=9 root=0" ]
	run -1 iam-keys --nagios
	[[ $output == "KEYS WARNING - 6 selected: "* ]]
	(
		emu_start <(echo '{"root": {"keys": [{}], "mfa": false}}')
		run -2 iam-keys --nagios --older-than 1000d
		[[ $output == "KEYS CRITICAL - the root user has keys | "*"root=1" ]]
		run -0 --separate-stderr iam-keys --older-than 1000d
		[[ $stderr == *"the root user has keys (--root)"* ]]
		run -0 iam-keys --root
		jq -e '.active_keys == 1 and (.mfa | not) and
			(.why | test("nothing in IAM limits"))' <<<"$output"
		emu_stop
	)
	AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrongwrongwrongwrongwrong \
		run -3 --separate-stderr iam-keys --nagios
	[[ $output == "KEYS UNKNOWN - "* ]]
	[ "$(wc -l <<<"$output")" = 1 ]
	local got=0
	iam-keys --nagios >/dev/full 2>err || got=$?
	[ "$got" = 74 ]
}

@test "the examples of the man page" {
	run_examples iam-keys
}
