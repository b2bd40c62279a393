#!/usr/bin/env bats
# smoke-staging: what it finds, what it passes over, and that it only reads.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load lib/quell
load aws/shared.bash
load lib/dns

setup() {
	emu_fresh '{"preset":"immediate","clock_skew_s":0,"disabled_regions":[],
	    "smtp_throttled":false}'
	unset QUELL_MAILHOST_CMD
	PATH=$QUELL_ROOT/playbooks:$PATH
}

teardown() {
	dns_stop "$BATS_TEST_TMPDIR/fake" 2>/dev/null || true
	[ -z "${EMU_HTTP-}" ] || emu_no_violations
}

# smtp_key FILE: a user who may send, and the SMTP password of his key
smtp_key() {
	emu_key '{"user":"staging-smtp","groups":
	    ["AWSSESSendingGroupDoNotRename"]}' >key.json
	emu_reset_log
	(umask 077 && "$(emu_python)" - key.json >"$1" <<-'END'
	import base64, hashlib, hmac, json, sys
	key = json.load(open(sys.argv[1]))
	print("user:", key["id"])
	for region in "us-east-1", "eu-west-1":
	    k = ("AWS4" + key["secret"]).encode()
	    for part in ("11111111", region, "ses", "aws4_request",
	                 "SendRawEmail"):
	        k = hmac.new(k, part.encode(), hashlib.sha256).digest()
	    print(f"pass.{region}:", base64.b64encode(b"\x04" + k).decode())
	END
	)
}

# Is it TAP? One plan, at the end, and numbers from 1 to it.
is_tap() {
	[ "$(head -n 1 <<<"$output")" = "TAP version 13" ]
	local n
	n=$(sed -n 's/^1\.\.//p' <<<"$output")
	[ "$(tail -n 1 <<<"$output")" = "1..$n" ]
	diff <(seq "$n") <(sed -nE 's/^(not )?ok ([0-9]+) - .*/\2/p' <<<"$output")
	if grep -vE '^(TAP version 13|1\.\.[0-9]+|#.*|(not )?ok [0-9]+ - .*)$' \
		<<<"$output"; then
		return 1
	fi
}

bad() {	# the failing lines
	grep '^not ok' <<<"$output"
}

@test "all is well: two regions, a key, SMTP; nothing was changed" {
	smtp_key ses.pw
	run -0 --separate-stderr smoke-staging --region us-east-1 \
		--region eu-west-1 --key AKIASTOLENKEY0000001 \
		--key-user ses-smtp --smtp-file ses.pw --strict
	[ -z "$stderr" ]
	printf '%s\n' "$output" >tap
	for want in 'credentials: arn:aws:iam::111122223333:user/responder' \
	    'clock: ' 'quarantine of ses-smtp: none' 'iam answers' \
	    'iam:CreateAccessKey in us-east-1 (simulation)' \
	    'ec2:DescribeRegions in us-east-1 (dry-run)' \
	    'ses:PutAccountSendingAttributes in eu-west-1' \
	    'SMTP AUTH in us-east-1: 235' 'SMTP AUTH in eu-west-1: 235' \
	    'ses answers in eu-west-1: sending true' 'figures of us-east-1' \
	    'key AKIASTOLENKEY0000001 of ses-smtp: Active'; do
		grep -qE '^ok [0-9]+ - ' <(grep -F "$want" tap)
	done
	is_tap
	# the emulator's log is the proof
	[ "$(emu_mutating_count)" = 0 ]
	[ "$(emu_calls '[.[] | select(.service == "smtp" and
	    .operation == "MAIL")] | length')" = 0 ]
	[ ! -e state ]
	# and no secret is in it
	run ! grep -qFf <(sed -n 's/^pass[^:]*: //p' ses.pw) tap
}

@test "--data sends one mail, to the simulator, and only then" {
	smtp_key ses.pw
	run -0 smoke-staging --region us-east-1 --region eu-west-1 \
		--smtp-file ses.pw --data alerts@shop.example.net
	[[ $output == *"DATA in us-east-1"* ]]
	[ "$(emu_calls '[.[] | select(.service == "smtp" and
	    .operation == "DATA")] | length')" = 1 ]
	[ "$(emu_mutating_count)" = 1 ]
	# from an address that is not verified
	run -1 smoke-staging --region us-east-1 --smtp-file ses.pw \
		--data nobody@example.org
	[[ $(bad) == *"DATA in us-east-1: refused"* ]]
	# the answer is lost: not sent again
	emu_reset_log
	emu_fault '{"do":"reset_after","match":{"service":"smtp",
	    "operation":"END"},"times":1}'
	run -79 smoke-staging --region us-east-1 --smtp-file ses.pw \
		--data alerts@shop.example.net
}

@test "what is missing is passed over, and says so" {
	run -0 smoke-staging
	is_tap
	for what in 'SMTP AUTH in us-east-1 # SKIP no --smtp-file' \
	    'a key looked up # SKIP no --key' 'DNS lists # SKIP no --resolver'
	do
		grep -qF "$what" <<<"$output"
	done
}

@test "credentials that AWS does not take" {
	AWS_ACCESS_KEY_ID=AKIANOSUCHKEY0000001 run -1 smoke-staging
	[[ $(bad) == *"credentials: none that AWS takes (exit 77)"* ]]
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	run -1 smoke-staging
	is_tap
	[ "$(emu_mutating_count)" = 0 ]
}

@test "credentials that are the compromised ones" {
	run -1 smoke-staging --key-user responder
	[[ $(bad) == *"they are those of --key-user"* ]]
}

@test "rights: denied is a failure, not known only with --strict" {
	emu_key '{"user":"ci","policies":{"p":{"Version":"2012-10-17",
	    "Statement":[{"Effect":"Allow","Resource":"*","Action":[
	    "iam:Get*","iam:List*","iam:Simulate*","iam:UpdateAccessKey",
	    "ses:*","cloudwatch:GetMetricData","ec2:DescribeRegions"]}]}}}' >ci.json
	AWS_ACCESS_KEY_ID=$(jq -r .id ci.json)
	AWS_SECRET_ACCESS_KEY=$(jq -r .secret ci.json)
	emu_reset_log
	run -1 smoke-staging --key-user ses-smtp
	[ "$(bad | wc -l)" = 1 ]
	[[ $(bad) == *"iam:CreateAccessKey in us-east-1: no policy allows it" ]]
	emu_key '{"user":"blind","policies":{"p":{"Version":"2012-10-17",
	    "Statement":[{"Effect":"Allow","Resource":"*","Action":[
	    "ses:*","cloudwatch:GetMetricData","ec2:DescribeRegions"]}]}}}' >b.json
	AWS_ACCESS_KEY_ID=$(jq -r .id b.json)
	AWS_SECRET_ACCESS_KEY=$(jq -r .secret b.json)
	emu_reset_log
	run -0 smoke-staging
	[[ $output == *"iam:CreateAccessKey in us-east-1 # SKIP not known"* ]]
	[[ $output == *"quarantine of blind # SKIP not known"* ]]
	[[ $output != *"iam answers"* ]]
	run -1 smoke-staging --strict
	[[ $(bad) == *"iam:CreateAccessKey in us-east-1: "* ]]
}

@test "SMTP: another password, a file open to others" {
	smtp_key ses.pw
	sed 's/\(^pass.*: B\)../\1xx/' ses.pw >wrong.pw
	chmod 600 wrong.pw
	run -1 smoke-staging --smtp-file wrong.pw
	[[ $(bad) == *"SMTP AUTH in us-east-1"* ]]
	chmod 644 ses.pw
	run -1 smoke-staging --smtp-file ses.pw
	[[ $(bad) == *"SMTP AUTH in us-east-1"* ]]
	chmod 600 ses.pw
	QUELL_SES_SMTP=127.0.0.1:1 run -75 smoke-staging --smtp-file ses.pw
	[[ $(bad) == *"SMTP AUTH in us-east-1"* ]]
}

@test "clock, a region that is off, a service that does not answer" {
	emu_set '{"clock_skew_s":-200}'
	run -1 smoke-staging
	[[ $(bad) == *"s from AWS, more than 60"* ]]
	run -0 smoke-staging --max-skew 300
	emu_set '{"clock_skew_s":0}'
	emu_fault '{"do":"500","match":{"service":"sesv2"},"times":-1}'
	export AWS_MAX_ATTEMPTS=1
	run -75 smoke-staging
	[[ $(bad) == *"ses answers in us-east-1"* ]]
	emu_control POST clear_faults >/dev/null
	emu_set '{"disabled_regions":["af-south-1"]}'
	run -1 smoke-staging --region us-east-1 --region af-south-1
	[[ $(bad) == *"credentials in af-south-1: not taken; is it enabled?"* ]]
	[ "$(emu_mutating_count)" = 0 ]
}

@test "DNS: lists that answer for their test point, and one that does not" {
	jq -n '{"good.test": {records: {"2.0.0.127": [["A","127.0.0.2"]]}},
	    "empty.test": {mode: "empty"}}' >zones.json
	printf 'good.test\n' >good.tsv
	printf 'good.test\nempty.test\n' >both.tsv
	fakedns_start fake zones.json
	at=127.0.0.1:$(dns_port fake)
	run -0 smoke-staging --resolver "$at" --blocklist-zones good.tsv
	[[ $output == *"good.test answers"* ]]
	run -1 smoke-staging --resolver "$at" --blocklist-zones both.tsv
	[[ $(bad) == *"empty.test answers: unknown empty-zone"* ]]
}

@test "Exim's configuration, here and on the mail host" {
	mkdir bin
	printf '#!/bin/sh\n[ ! -e broken ] || { echo "config error" >&2; exit 1; }\n' \
		>bin/exim4
	chmod +x bin/exim4
	PATH=$PWD/bin:$PATH run -0 smoke-staging
	[[ $output == *"Exim's configuration parses"* ]]
	QUELL_MAILHOST_CMD="env PATH=$PWD/bin:$PATH" run -0 smoke-staging
	[[ $output == *"Exim's configuration parses"* ]]
	touch broken
	PATH=$PWD/bin:$PATH run -1 smoke-staging
	[[ $(bad) == *"Exim's configuration (exim4: exit 1)"* ]]
	[[ $output == *"# config error"* ]]
	# asked for and absent is no pass
	run -1 smoke-staging --exim "$PWD/nothing"
	[[ $(bad) == *"Exim's configuration"* ]]
}

@test "a real Exim, and a real mistake in its configuration" {
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>why || skip "$(tail -n 1 why)"
	exim_make "$PWD/x"
	PATH=$PWD/x/bin:$PATH run -0 smoke-staging
	[[ $output == *"Exim's configuration parses"* ]]
	echo 'no_such_option = 1' >>"$PWD/x/exim.conf"
	PATH=$PWD/x/bin:$PATH run -1 smoke-staging
	[[ $(bad) == *"Exim's configuration"* ]]
}

@test "bad usage, and its help" {
	run -64 smoke-staging --wrong
	run -64 smoke-staging --region ''
	run -64 smoke-staging --apply
	run -64 smoke-staging --data a@example.net
	run -64 smoke-staging --max-skew soon
	unset AWS_REGION
	run -64 smoke-staging
	run -0 smoke-staging --help
	[[ $output == *"usage: smoke-staging"* ]]
	[[ $output == *"GitHub Actions"* ]]
	[[ $output == *"GitLab CI"* ]]
}
