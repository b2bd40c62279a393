#!/usr/bin/env bats
# aws-preflight: who the caller is, what it may do, and when it must not lead.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

setup_file() {
	cat >"$BATS_FILE_TMPDIR/world.json" <<-'END'
	{"managed_policies": {
	  "arn:aws:iam::111122223333:policy/OnlyIam": {"Version": "2012-10-17",
	    "Statement": [{"Effect": "Allow", "Action": "iam:*",
	      "Resource": "*"}]},
	  "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV9": {
	    "Version": "2012-10-17", "Statement": [{"Effect": "Deny",
	      "Action": ["ses:Send*", "iam:*AccessKey"], "Resource": "*"}]},
	  "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV8": {
	    "Version": "2012-10-17", "Statement": [{"Effect": "Deny",
	      "Action": "ses:Send*", "Resource": "*", "Condition":
	      {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}]}},
	 "roles": {"responder-role": {"path": "/ops/", "trust": {
	   "Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	     "Action": "sts:AssumeRole", "Principal": {"AWS":
	     "arn:aws:iam::111122223333:user/responder"}}]}, "policies": {"p": {
	   "Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	     "Action": ["iam:*", "ses:*"], "Resource": "*"}]}}}}}
	END
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

setup() {
	emu_fresh '{"preset":"immediate","clock_skew_s":0}'
	who=u$BATS_TEST_NUMBER
}

# Whatever was asked: nothing was changed, and nothing was sloppy.
teardown() {
	[ -z "${EMU_HTTP-}" ] || [ "$BATS_TEST_NUMBER" = "${sends-}" ] || {
		[ "$(emu_mutating_count)" = 0 ]
		emu_no_violations
	}
}

# of TYPE [ID]: those records of the output
table() {	# how many actions the table has
	grep -c '^	{ "' "$QUELL_ROOT/lib/policy/actions.c"
}

of() {
	jq -Rc --arg t "$1" --arg i "${2-}" 'fromjson? |
	    select(.type == $t and ($i == "" or .id == $i))' <<<"$output"
}

is() {	# is TYPE ID FILTER
	of "$1" "$2" | jq -se "length == 1 and (.[0] | $3)" >/dev/null || {
		printf 'not %s of:\n%s\n' "$3" "$(of "$1" "$2")"
		return 1
	}
}

# as JSON: a user of its own with these policies, and its credentials. The
# rights to simulate (S) or to read its own policies (R) are asked for by name.
as() {
	jq -n --arg user "$who" --argjson s "$1" '{$user, policies: {p:
	    {Version: "2012-10-17", Statement: $s}}} + ($ARGS.named.more // {})' \
	    --argjson more "${2:-{\}}" >user.json
	emu_key "$(cat user.json)" >key.json
	AWS_ACCESS_KEY_ID=$(jq -r .id key.json)
	AWS_SECRET_ACCESS_KEY=$(jq -r .secret key.json)
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	emu_reset_log
}

READ='{"Effect":"Allow","Resource":"*","Action":["iam:Get*","iam:List*"]}'
SIM='{"Effect":"Allow","Resource":"*","Action":"iam:SimulatePrincipalPolicy"}'
WORK='{"Effect":"Allow","Resource":"*","Action":["iam:*","ses:*",
    "cloudwatch:GetMetricData","ec2:DescribeRegions"]}'

@test "the responder: who it is, and everything is allowed" {
	run -0 --separate-stderr aws-preflight
	[ -z "$stderr" ]
	is aws-identity '' '.id == "arn:aws:iam::111122223333:user/responder" and
	    .account == "111122223333" and .kind == "user" and
	    .name == "responder" and .key == "AKIARESPONDERKEY0001" and
	    (.temporary | not) and (.source | test("environment")) and
	    .region == "us-east-1" and .partition == "aws" and
	    (.clock_skew | fabs <= 1) and (has("compromised") | not)'
	is aws-quarantine responder '.attached == false'
	[ "$(of aws-permission | wc -l)" = "$(table)" ]
	[ "$(of aws-permission | jq -r '.decision' | sort -u)" = allowed ]
	is aws-permission sts:GetCallerIdentity '.how == "call"'
	is aws-permission iam:UpdateAccessKey '.how == "simulation" and .ok and
	    .needed and (.for | contains("ses-rotate")) and (has("resource") | not)'
	is aws-permission ec2:DescribeRegions '.needed == false and
	    .how == "dry-run"'
}

@test "which source of credentials won" {
	printf '[staging]\naws_access_key_id=%s\naws_secret_access_key=%s\n' \
	    "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >credentials
	export AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials
	# with --profile the environment's are passed over
	AWS_ACCESS_KEY_ID=AKIANOSUCHKEY0000001 run -0 aws-preflight \
		--profile=staging --action=ses:GetAccount
	is aws-identity '' '.source | test("profile staging")'
	run -0 aws-preflight --action=ses:GetAccount
	is aws-identity '' '.source | test("environment")'
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	printf '[profile lead]\nrole_arn=%s\nsource_profile=staging\n' \
	    arn:aws:iam::111122223333:role/ops/responder-role >config
	export AWS_CONFIG_FILE=$PWD/config
	run -0 aws-preflight --profile=lead \
		--action=iam:UpdateAccessKey --compromised=ses-smtp
	is aws-identity '' '.kind == "role" and .temporary and
	    (.source | test("role"))'
	is aws-permission iam:UpdateAccessKey '.decision == "allowed"'
}

@test "the clock: AWS's minus ours, in seconds" {
	emu_set '{"clock_skew_s":-150}'
	run -0 --separate-stderr aws-preflight --action=ses:GetAccount
	is aws-identity '' '.clock_skew >= -152 and .clock_skew <= -148'
	# also when it has to be learnt first
	emu_set '{"clock_skew_s":700}'
	run -0 --separate-stderr aws-preflight --action=ses:GetAccount
	is aws-identity '' '.clock_skew >= 698 and .clock_skew <= 702'
}

@test "the compromised principal does not lead: by user, key and ARN" {
	for it in responder AKIARESPONDERKEY0001 \
	    arn:aws:iam::111122223333:user/responder; do
		run -77 --separate-stderr aws-preflight --compromised="$it"
		is aws-identity '' '.compromised'
		[ -z "$(of aws-permission)" ]
		[[ $stderr == *"is the compromised principal"*"$it"* ]]
	done
	# one of several is enough; another key of the same user, too
	run -77 aws-preflight --compromised=ses-smtp --compromised=responder
	other=$(emu_key '{"user":"responder"}' | jq -r .id)
	emu_reset_log
	run -77 aws-preflight --compromised="$other"
	run -0 --separate-stderr aws-preflight --compromised=ses-smtp \
		--compromised=AKIASTOLENKEY0000001
	is aws-identity '' '.compromised == false'
	is aws-permission iam:CreateAccessKey \
	    '.resource == "arn:aws:iam::111122223333:user/ses-smtp"'
	# the same name in another account is another user
	run -0 aws-preflight \
		--compromised=arn:aws:iam::999999999999:user/responder
}

@test "whose key it is can be not known: said, and not guessed" {
	as "[$SIM, {\"Effect\":\"Allow\",\"Resource\":\"*\",
	    \"Action\":\"ses:GetAccount\"}]"
	run -0 --separate-stderr aws-preflight --action=ses:GetAccount \
		--compromised=AKIASTOLENKEY0000001
	[[ $stderr == *"whose key it is, is not known"* ]]
	is aws-identity '' '.compromised == null'
	is aws-quarantine AKIASTOLENKEY0000001 '.attached == null and
	    (.why | contains("AccessDenied"))'
	[[ $stderr == *"not known whether AWS has quarantined $who"* ]]
}

@test "what is needed and denied is 1; what is not needed is not" {
	as "[$SIM, $WORK, {\"Effect\":\"Deny\",\"Resource\":\"*\",
	    \"Action\":\"iam:CreateAccessKey\"}]"
	run -1 --separate-stderr aws-preflight
	is aws-permission iam:CreateAccessKey '.decision == "denied" and
	    .ok == false and .how == "simulation" and (.why | test("denied by"))'
	[[ $stderr == *"needed, and denied: iam:CreateAccessKey"* ]]
	as "[$SIM, $WORK, {\"Effect\":\"Deny\",\"Resource\":\"*\",
	    \"Action\":\"cloudwatch:*\"}]"
	run -1 aws-preflight
}

@test "not needed and denied is 0" {
	as "[$SIM, $WORK, {\"Effect\":\"Deny\",\"Resource\":\"*\",
	    \"Action\":\"cloudwatch:*\"}]"
	run -0 --separate-stderr aws-preflight
	is aws-permission cloudwatch:GetMetricData '.decision == "denied"'
}

@test "without simulation it evaluates its own policies, and says the same" {
	as "[$SIM, $READ, {\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":\"ses:Get*\"},
	    {\"Effect\":\"Deny\",\"Resource\":\"*\",\"Action\":\"iam:ListUsers\"}]" \
	    '{"groups":["AWSSESSendingGroupDoNotRename"],
	      "attached":["arn:aws:iam::aws:policy/AmazonSESFullAccess"]}'
	run -1 aws-preflight --compromised=nobody
	# all but the call that was made, and EC2's dry run
	[ "$(of aws-permission | jq -r 'select(.how=="simulation").id' | wc -l)" = $(($(table) - 2)) ]
	of aws-permission | jq -c '[.id, .decision]' >simulated
	who=${who}b
	as "[$READ, {\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":\"ses:Get*\"},
	    {\"Effect\":\"Deny\",\"Resource\":\"*\",\"Action\":\"iam:ListUsers\"}]" \
	    '{"groups":["AWSSESSendingGroupDoNotRename"],
	      "attached":["arn:aws:iam::aws:policy/AmazonSESFullAccess"]}'
	run -1 aws-preflight --compromised=nobody
	[ "$(of aws-permission | jq -r 'select(.how=="policies").id' | wc -l)" = $(($(table) - 2)) ]
	# the right to simulate itself is what the two differ in
	diff <(grep -v Simulate simulated) <(of aws-permission |
		jq -c '[.id, .decision]' | grep -v Simulate)
	is aws-permission ses:PutAccountSendingAttributes \
	    '.decision == "allowed" and .why == "allowed by AmazonSESFullAccess"'
	# the group's policy counts, and a boundary takes away
	run -0 aws-preflight --action=ses:SendRawEmail
	is aws-permission ses:SendRawEmail '.how == "policies" and .needed'
	who=${who}c
	as "[$READ, $WORK]" \
	    '{"boundary":"arn:aws:iam::111122223333:policy/OnlyIam"}'
	run -1 aws-preflight
	is aws-permission ses:GetAccount '.how == "simulation" and
	    .why == "not allowed by the boundary"'
	who=${who}d
	as "[$READ, $WORK, {\"Effect\":\"Deny\",\"Resource\":\"*\",
	    \"Action\":\"iam:Simulate*\"}]" \
	    '{"boundary":"arn:aws:iam::111122223333:policy/OnlyIam"}'
	run -1 aws-preflight
	is aws-permission ses:GetAccount '.decision == "denied" and
	    .why == "not allowed by the boundary OnlyIam"'
	is aws-permission iam:UpdateAccessKey '.decision == "allowed"'
}

@test "a condition that is not known leaves it not known" {
	as "[$SIM, $READ, {\"Effect\":\"Allow\",\"Resource\":\"*\",
	    \"Action\":\"ses:GetAccount\",\"Condition\":{\"IpAddress\":
	    {\"aws:SourceIp\":\"198.51.100.0/24\"}}},
	    {\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":\"ses:GetSendStatistics\",
	    \"Condition\":{\"StringEquals\":{\"aws:username\":\"$who\"}}}]"
	run -0 --separate-stderr aws-preflight --action=ses:GetAccount \
		--action=ses:GetSendStatistics
	is aws-permission ses:GetAccount '.decision == "not known" and
	    (has("ok") | not) and (has("how") | not) and
	    (.why | contains("aws:SourceIp"))'
	[[ $stderr == *"not known of 1 action whether allowed"* ]]
	is aws-permission ses:GetSendStatistics '.decision == "allowed"'
	# --strict does not let that pass
	run -1 --separate-stderr aws-preflight --strict --action=ses:GetAccount
	[[ $stderr == *"denied or not known: ses:GetAccount"* ]]
}

@test "rights on some users are not rights on any" {
	as "[$SIM, $READ, {\"Effect\":\"Allow\",\"Action\":\"iam:UpdateAccessKey\",
	    \"Resource\":\"arn:aws:iam::*:user/ses-*\"}]"
	run -0 --separate-stderr aws-preflight --action=iam:UpdateAccessKey
	is aws-permission iam:UpdateAccessKey '.decision == "not known"'
	run -0 --separate-stderr aws-preflight --action=iam:UpdateAccessKey \
		--compromised=ses-smtp
	is aws-permission iam:UpdateAccessKey '.decision == "allowed"'
	run -1 --separate-stderr aws-preflight --action=iam:UpdateAccessKey \
		--compromised=nobody
	is aws-permission iam:UpdateAccessKey '.decision == "denied"'
}

@test "who may read nothing: EC2 is asked, the rest is not known" {
	as '[{"Effect":"Allow","Resource":"*","Action":"ec2:DescribeRegions"}]'
	run -0 --separate-stderr aws-preflight
	is aws-permission ec2:DescribeRegions '.decision == "allowed" and
	    .how == "dry-run"'
	is aws-permission iam:UpdateAccessKey '.decision == "not known" and
	    (.why | contains("AccessDenied"))'
	[[ $stderr == *"not known of $(jq -se \
		'map(select(.decision == "not known")) | length | select(. > 9)' \
		<<<"$output") actions"* ]]
	# not one simulation for each action when the first was refused
	[ "$(emu_calls '[.[] | select(.operation == "SimulatePrincipalPolicy")] |
	    length')" = 1 ]
	who=${who}b
	as '[{"Effect":"Deny","Resource":"*","Action":"ec2:*"}]'
	run -0 aws-preflight
	is aws-permission ec2:DescribeRegions '.decision == "denied" and
	    .how == "dry-run"'
}

@test "a policy that cannot be read leaves what it could turn" {
	as "[$READ, $WORK, {\"Effect\":\"Deny\",\"Resource\":\"*\",
	    \"Action\":[\"iam:SimulatePrincipalPolicy\",\"iam:GetPolicy\",
	    \"iam:CreateAccessKey\"]}]" \
	    '{"attached":["arn:aws:iam::aws:policy/AmazonSESFullAccess"]}'
	run -1 --separate-stderr aws-preflight
	is aws-permission iam:CreateAccessKey '.decision == "denied" and
	    .how == "policies"'
	is aws-permission iam:UpdateAccessKey '.decision == "not known"'
}

@test "the quarantine: read, not trusted by its name" {
	quarantine() {
		emu_key "{\"user\":\"$1\",\"attached\":
		    [\"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine$2\"]}" \
		    >/dev/null
	}
	for v in 2 3 8 9; do
		quarantine "$who-v$v" "V$v"
	done
	emu_reset_log
	run -0 aws-preflight --compromised="$who-v2" --compromised="$who-v3" \
		--compromised="$who-v8" --compromised="$who-v9"
	for v in 2 3; do
		is aws-quarantine "$who-v$v" '.attached and
		    .stops_sending == false and
		    .denies_sending == {"ses:SendEmail":false,"ses:SendRawEmail":false} and
		    .denies_response["iam:UpdateAccessKey"] and
		    .denies_response["ses:GetAccount"] == false and
		    (.denies | index("ses:GetSendQuota")) and
		    (.why | contains("does not stop"))'
	done
	is aws-quarantine "$who-v2" '.policy == "AWSCompromisedKeyQuarantineV2" and
	    .version == "v5" and .denies_if == []'
	is aws-quarantine "$who-v3" '.denies_if == ["kms:CreateGrant"]'
	# one of that name may do anything
	is aws-quarantine "$who-v9" '.stops_sending and
	    .denies_response["iam:UpdateAccessKey"]'
	is aws-quarantine "$who-v8" '.stops_sending == null and
	    .denies_sending["ses:SendEmail"] == null and .denies == [] and
	    .denies_if == ["ses:Send*"] and (.why | contains("condition"))'
}

@test "who is quarantined does not lead" {
	as "[$WORK]" '{"attached":
	    ["arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"]}'
	run -77 --separate-stderr aws-preflight
	is aws-quarantine "$who" '.attached and .stops_sending == false'
	is aws-permission iam:CreateAccessKey '.decision == "denied"'
	[[ $stderr == *"quarantined by AWS"* ]]
	# a policy of the account with such a name is not AWS's
	emu_key "{\"user\":\"nobody\"}" >/dev/null
	emu_reset_log
}

@test "a role's session: its role is looked at" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_EC2_METADATA_DISABLED=false
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$EMU_IMDS
	emu_set '{"imds":{"mode":"on","role":"responder-role"}}'
	run -0 --separate-stderr aws-preflight
	is aws-identity '' '.kind == "role" and .name == "responder-role" and
	    .temporary and (.id | contains(":assumed-role/"))'
	is aws-quarantine responder-role \
	    '.principal == "arn:aws:iam::111122223333:role/ops/responder-role"'
	is aws-permission iam:UpdateAccessKey '.decision == "allowed" and
	    .how == "simulation" and (.why | contains("session"))'
	run -77 aws-preflight \
		--compromised=arn:aws:iam::111122223333:role/responder-role
	# a user of that name is somebody else
	run -0 aws-preflight --compromised=responder-role
}

@test "a role without rights in IAM, as a mail host's" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_EC2_METADATA_DISABLED=false
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$EMU_IMDS
	emu_set '{"imds":{"mode":"on","role":"mail-host"}}'
	run -0 --separate-stderr aws-preflight
	is aws-identity '' '.name == "mail-host"'
	is aws-permission ses:GetAccount '.decision == "not known"'
	is aws-permission ec2:DescribeRegions '.decision == "denied" and
	    .how == "dry-run"'
	is aws-quarantine mail-host '.attached == null'
}

@test "SMTP: 235 and 535, and one mail only when asked" {
	sends=$BATS_TEST_NUMBER
	emu_key "{\"user\":\"$who\",\"groups\":
	    [\"AWSSESSendingGroupDoNotRename\"]}" >key.json
	emu_reset_log
	(umask 077 && cd "$QUELL_ROOT" && "$(emu_python)" - "$BATS_TEST_TMPDIR" <<-'END'
	import base64, hashlib, hmac, json, sys
	key = json.load(open(sys.argv[1] + "/key.json"))
	k = ("AWS4" + key["secret"]).encode()
	for part in "11111111", "us-east-1", "ses", "aws4_request", "SendRawEmail":
	    k = hmac.new(k, part.encode(), hashlib.sha256).digest()
	word = base64.b64encode(b"\x04" + k).decode()
	open(sys.argv[1] + "/ses.pw", "w").write(
	    f"user: {key['id']}\npass: {word}\n")
	END
	)
	run -0 --separate-stderr aws-preflight --smtp-file=ses.pw
	is aws-smtp us-east-1 '.auth == 235 and .ok and .data == "none" and
	    .user == "'"$(jq -r .id key.json)"'"'
	[ "$(emu_mutating_count)" = 0 ]
	run -0 aws-preflight --smtp-file=ses.pw \
		--smtp-from=alerts@shop.example.net
	is aws-smtp us-east-1 '.data == "accepted"'
	[ "$(emu_calls '[.[] | select(.service == "smtp" and
	    .operation == "DATA")] | length')" = 1 ]
	run ! grep -qF "$(sed -n 's/^pass: //p' ses.pw)" <<<"$output$stderr"
	# a password of another region, or another key's
	run -1 --separate-stderr aws-preflight --region=eu-west-1 \
		--smtp-file=ses.pw
	is aws-smtp eu-west-1 '.auth == 535 and .ok == false'
	# files that are not good
	chmod 644 ses.pw
	run -78 aws-preflight --smtp-file=ses.pw
	run -66 aws-preflight --smtp-file=nothing
	(umask 077 && echo x >alone)
	run -65 --separate-stderr aws-preflight --smtp-file=alone
	[[ $stderr == *"--smtp-user"* ]]
	run -1 aws-preflight --smtp-file=alone --smtp-user=AKIASTOLENKEY0000001
	# no answer
	chmod 600 ses.pw
	run -75 aws-preflight --smtp-file=ses.pw --smtp-endpoint=127.0.0.1:1
}

@test "throttled, lost, and bad credentials" {
	emu_fault '{"do":"throttle","match":{"service":"iam"},"times":-1}'
	run -75 --separate-stderr env AWS_MAX_ATTEMPTS=1 aws-preflight
	[[ $stderr == *"should be asked again"* ]]
	# that is no denial for --strict either
	run -75 env AWS_MAX_ATTEMPTS=1 aws-preflight --strict
	emu_control POST clear_faults >/dev/null
	emu_fault '{"do":"500","match":{"service":"sts"},"times":-1}'
	run -75 env AWS_MAX_ATTEMPTS=1 aws-preflight
	emu_control POST clear_faults >/dev/null
	# one lost answer changes nothing
	emu_fault '{"do":"truncate","match":{"service":"iam"},"times":1,"skip":3}'
	run -0 aws-preflight
	AWS_ACCESS_KEY_ID=AKIANOSUCHKEY0000001 run -77 aws-preflight
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	run -77 aws-preflight
}

@test "without a region: said, and what does not need one still answers" {
	unset AWS_REGION
	run -0 --separate-stderr aws-preflight
	is aws-identity '' '.region == null'
	is aws-permission iam:UpdateAccessKey '.decision == "allowed" and
	    (has("region") | not)'
	(umask 077 && echo x >alone)
	run -78 aws-preflight --smtp-file=alone --smtp-user=x
}

@test "-v shows the calls, and no secret" {
	run -0 --separate-stderr aws-preflight -vv --action=iam:UpdateAccessKey
	[[ $stderr == *SimulatePrincipalPolicy* ]]
	run ! grep -qF "$AWS_SECRET_ACCESS_KEY" <<<"$output$stderr"
}

@test "bad usage" {
	run -64 aws-preflight responder
	run -64 aws-preflight --compromised=
	run -64 aws-preflight --compromised=arn:aws:s3:::bucket
	run -64 aws-preflight --action=ses
	run -64 aws-preflight --action='ses:*'
	run -64 aws-preflight --smtp-from=a@example.net
	run -64 aws-preflight --smtp-user=x
	run -64 aws-preflight --smtp-file=x --smtp-from='a b'
	run -64 aws-preflight --smtp-file=x --smtp-endpoint=
}

@test "the examples of the man page" {
	run_examples aws-preflight
}
