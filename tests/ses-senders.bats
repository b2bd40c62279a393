#!/usr/bin/env bats
# Who can send: the named cases, and what is said of each.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load aws/shared.bash

setup_file() {
	local python
	python=$(emu_python) || return 0
	"$python" "$QUELL_ROOT/tests/senders/cases.py" \
		>"$BATS_FILE_TMPDIR/world"
	jq '.regions["us-east-1"].ingress_points = [
		{"name": "door", "type": "AUTH", "secret":
		 "arn:aws:secretsmanager:us-east-1:111122223333:secret:door"},
		{"name": "shut", "type": "AUTH", "status": "CLOSED"}] |
		.users["inline-raw"].keys[0].used = ["-5d", "ses", "eu-west-1"] |
		.users.full.password = true |
		.users.full.keys[0].status = "Inactive"' \
		"$BATS_FILE_TMPDIR/world" >"$BATS_FILE_TMPDIR/world.json"
	emu_start "$BATS_FILE_TMPDIR/world.json"
	[ -n "${EMU_HTTP:-}" ] || return 0
	(
		emu_env
		ses-senders -v >"$BATS_FILE_TMPDIR/all" \
			2>"$BATS_FILE_TMPDIR/err"
	)
	emu_calls >"$BATS_FILE_TMPDIR/calls"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	emu_env
	all=$BATS_FILE_TMPDIR/all
	emu_control POST clear_faults >/dev/null
}

teardown() {
	emu_no_violations
}

of() {	# of NAME FILTER: it holds for exactly one record of that name
	jq -se --arg n "$1" "map(select(.name == \$n)) | length == 1 and
		(.[0] | $2)" "$all" >/dev/null ||
		{ jq -c --arg n "$1" 'select(.name == $n)' "$all"; false; }
}

@test "every verdict is the one that was worked out by hand" {
	grep -v '^#' "$QUELL_ROOT/tests/data/senders.tsv" | cut -f1-5 |
		sort >want
	[ "$(wc -l <want)" -ge 60 ]
	jq -r 'select(.kind != "ingress-point") | [.name, .kind, .can_send,
		.actions["ses:SendRawEmail"] // "-",
		.actions["ses:SendEmail"] // "-"] | @tsv' "$all" | sort >got
	diff want got
}

@test "the reason: which statement of which policy" {
	of inline-raw '.policy == "own (inline, user inline-raw)" and
		.statement == 1 and (.why | test("allowed by own"))'
	of group-raw '.why | test("AmazonSesSendingAccess .inline, group AWSSES.*statement 1")'
	of deny-raw '[.reasons[] | select(.verdict == "no")][0] |
		.policy == "stop (inline, user deny-raw)" and
		.actions == ["ses:SendRawEmail"] and (.why | test("denied by"))'
	of boundary-denies '[.reasons[] | select(.verdict == "no")][0] |
		.policy == "AllButRaw" and .statement == 2'
	of boundary-blocks '.why == "not allowed by the boundary OnlyS3"'
	of from '.why | test("depends on condition key ses:FromAddress in own")'
	of granted '.policy == "by-arn (of identity mail.example.net)"'
	of not-there '.why | test("does not have")'
	of one-identity '[.reasons[] | select(.verdict == "yes")][0] |
		.on == ["arn:aws:ses:us-east-1:111122223333:identity/shop.example.net"] and .identities == 1'
}

@test "how: smtp, api, console; keys with age and last use; who is an SMTP user" {
	of inline-raw '.how == ["smtp", "api"] and .smtp_user and
		.active_keys == 1 and .keys[0].last_used_service == "ses" and
		.keys[0].last_used_region == "eu-west-1" and
		.last_used == .keys[0].last_used and (.keys[0].created | test("Z$"))'
	of full '.how == ["console"] and .console and .active_keys == 0 and
		(.smtp_user | not)'
	of session-only '.how == ["api"]'
	of mfa-device '.mfa and .how == ["api"]'
	of group-raw '.smtp_user and .groups == ["AWSSESSendingGroupDoNotRename"]'
	of wild-action '.smtp_user | not'
	# of who cannot send, the number of keys; nobody asks for more
	of none '.how == [] and .active_keys == 1 and (has("keys") | not)'
	of root '.kind == "root" and .active_keys == 0 and .mfa'
	of AWSSESSendingGroupDoNotRename '.member_count == 2 and
		.members == ["group-raw", "ses-smtp"]'
}

@test "roles: who may assume them, where they hang" {
	of r-full '.instance_profiles == ["mail"] and
		.last_used_region == "eu-west-1" and .trust == [{"principal":
		"ec2.amazonaws.com", "kind": "service", "external": false}]'
	of r-partner '.trust == [{"principal": "arn:aws:iam::999988887777:root",
		"kind": "aws", "external": true, "if": ["sts:ExternalId"]}]'
	of r-linked '.service_linked'
	of r-none '.service_linked | not'
}

@test "a quarantine is what its document says, not what it is called" {
	of quarantine-1 '.quarantined and .can_send == "yes" and
		.quarantine[0].by == "AWS" and
		.quarantine[0].stops_sending == false and
		.quarantine[0].denies == 2'
	of quarantine-2 '.quarantine[0] | .version == "v5" and
		(.stops_sending | not) and
		.denies_sending["ses:SendRawEmail"] == false'
	of quarantine-3 '.quarantine[0].stops_sending == false'
	of quarantine-4 '.quarantine[0].stops_sending and
		.can_send == "no" and (.why | test("QuarantineV4"))'
	of quarantine-own '.quarantine[0] | .by == "account" and
		.stops_sending and .policy == "QuellQuarantine"'
	of full '(.quarantined | not) and .quarantine == []'
}

@test "others: accounts, services, everyone; Mail Manager's doors" {
	of arn:aws:iam::999988887777:root '.external and .kind == "account" and
		.account == "999988887777" and (.why | test("partner"))'
	of email.cognito-idp.amazonaws.com '.kind == "service"'
	of '*' '.kind == "everyone"'
	of arn:aws:sts::111122223333:federated-user/fed '.external == false'
	of AIDADELETEDUSER000001 '.why | test("no more")'
	of door '.kind == "ingress-point" and .can_send == "depends" and
		.status == "ACTIVE" and .ingress_type == "AUTH" and
		.region == "us-east-1" and (.secret | test("secret:door")) and
		(.host | test("door"))'
	of shut '.can_send == "no"'
}

@test "IAM's opinion: the same; one that differs is shown" {
	jq -se 'map(select(.simulated)) | length > 50 and
		all(.differs == false)' "$all" >/dev/null
	of deny-raw '.simulated["ses:SendRawEmail"] == "denied" and
		.simulated["ses:SendEmail"] == "allowed"'
	of boundary-part '.simulated_by["ses:SendRawEmail"] == "the boundary"'
	of from '.simulated["ses:SendRawEmail"] == "depends"'
	# our word stays, but the other is not hidden
	emu_set '{"simulated_scp": ["ses:Send*"]}'
	run -0 --separate-stderr ses-senders --principal full us-east-1
	jq -e '.differs and .can_send == "yes" and
		.simulated_by["ses:SendEmail"] == "the organization"' \
		<<<"$output"
	[[ $stderr == *"IAM's simulation says otherwise of 1"* ]]
	emu_set '{"simulated_scp": []}'
}

@test "calls: counted, none that changes, some for senders, none for the rest" {
	n=$(wc -l <"$BATS_FILE_TMPDIR/calls")
	grep -q "^ses-senders: $n calls: 93 principals, 67 can send" \
		"$BATS_FILE_TMPDIR/err"
	jq -se 'all(.mutating | not)' "$BATS_FILE_TMPDIR/calls" >/dev/null
	jq -se '[.[] | select(.operation == "ListAccessKeys") |
		.params.UserName] | length == 53 and (index("none") | not)' \
		"$BATS_FILE_TMPDIR/calls" >/dev/null
	[ "$(jq -s 'map(select(.operation == "ListEmailIdentities")) | length' \
		"$BATS_FILE_TMPDIR/calls")" = 27 ]
	# the regions given, the principal given
	emu_reset_log
	run -0 --separate-stderr ses-senders -v --no-simulation \
		--principal inline-raw us-east-1
	[ "$(jq -r .name <<<"$output")" = inline-raw ]
	[ "$(emu_calls length)" -le 20 ]
	[[ $stderr == *": $(emu_calls length) calls: "* ]]
	emu_calls '[.[].operation] | index("SimulatePrincipalPolicy")' | grep -qx null
}

@test "filters; keys flow into iam-key-disable" {
	run -0 --separate-stderr ses-senders --can-send --no-simulation us-east-1
	jq -se 'all(.can_send != "no") and length > 50' <<<"$output" >/dev/null
	run -0 --separate-stderr ses-senders --keys --no-simulation \
		--principal inline-raw --principal none \
		--principal arn:aws:iam::111122223333:user/group-raw us-east-1
	jq -se 'map(.user) == ["group-raw", "inline-raw"] and
		all(.type == "aws-key" and .status == "Active" and
		.can_send == "yes")' <<<"$output" >/dev/null
	run -0 --separate-stderr iam-key-disable -n <<<"$output"
	jq -se 'length == 2 and all(.dry_run and .changed)' <<<"$output"
	[ "$(emu_mutating_count)" = 0 ]
	run -69 ses-senders --principal nosuch --no-simulation us-east-1
	[ "$output" = "ses-senders: nosuch: no such user, group or role" ]
	run -64 ses-senders not-a-region-
	run -64 ses-senders --no-simulation --simulate-all
}

@test "what cannot be read is said, and the rest is there" {
	emu_fault '{"do":"500","times":-1,"match":{"region":"eu-west-1","operation":"ListEmailIdentities"}}'
	run -75 --separate-stderr env AWS_MAX_ATTEMPTS=1 ses-senders \
		--no-simulation --principal inline-raw us-east-1 eu-west-1
	[[ $stderr == *"eu-west-1: "* ]]
	jq -e '.can_send == "yes" and .complete == false' <<<"$output"
	emu_control POST clear_faults >/dev/null
	run -0 --separate-stderr ses-senders --no-simulation \
		--identity-limit 1 --principal inline-raw us-east-1
	[[ $stderr == *"us-east-1: the policies of 1 of 2 identities were not read (--identity-limit)"* ]]
	jq -e '.complete == false' <<<"$output"
	# without the right to the details there is no answer, only a hint
	emu_fault '{"do":"500","times":-1,"match":{"operation":"GetAccountAuthorizationDetails"}}'
	run -75 --separate-stderr env AWS_MAX_ATTEMPTS=1 ses-senders
	[ -z "$output" ]
	emu_control POST clear_faults >/dev/null
	export AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001
	AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010 \
		run -77 --separate-stderr ses-senders
	[[ $stderr == *"hint: without iam:GetAccountAuthorizationDetails"* ]]
}

@test "without the credential report: MFA and password one by one, the same verdicts" {
	emu_fault '{"do":"500","times":-1,"match":{"operation":"GetCredentialReport"}}'
	run -0 --separate-stderr env AWS_MAX_ATTEMPTS=1 ses-senders -v \
		--no-simulation us-east-1 eu-west-1
	[[ $stderr == *"asking for each sender instead"* ]]
	jq -r 'select(.kind == "user") | [.name, .can_send] | @tsv' \
		<<<"$output" | sort >got
	jq -r 'select(.kind == "user") | [.name, .can_send] | @tsv' \
		"$all" | sort | diff - got
	jq -se 'map(select(.name == "mfa-device"))[0] | .mfa and
		(.console | not)' <<<"$output"
}

@test "a policy that is not understood makes it unknown, not wrong" {
	jq '.users["inline-raw"].policies.odd = "{\"Statement\": 1}" |
		.users = {"inline-raw": .users["inline-raw"], "deny-all": .users["deny-all"]}' \
		"$BATS_FILE_TMPDIR/world.json" >w.json
	(	# beside the one of all tests
		emu_start w.json
		ses-senders --no-simulation us-east-1 >out
		emu_no_violations
		emu_stop
	)
	jq -se '(map(select(.name == "inline-raw"))[0] |
		.can_send == "depends" and .complete == false and
		.missing == "policy odd could not be read") and
		(map(select(.name == "deny-all"))[0].can_send == "no")' out
}

@test "with few rights: no second opinion, no keys, the same verdicts" {
	jq '.users = {"group-raw": .users["group-raw"], "auditor": {"keys": [
		{"id": "AKIAAUDITORKEY000001", "secret":
		 "auditorsecretauditorsecretauditorsecret1"}], "policies":
		{"audit": {"Version": "2012-10-17", "Statement": [{"Effect":
		"Allow", "Resource": "*", "Action": ["sts:GetCallerIdentity",
		"iam:GetAccountAuthorizationDetails", "ses:Get*", "ses:List*"
		]}]}}}}' "$BATS_FILE_TMPDIR/world.json" >w.json
	(
		emu_start w.json
		export AWS_ACCESS_KEY_ID=AKIAAUDITORKEY000001
		export AWS_SECRET_ACCESS_KEY=auditorsecretauditorsecretauditorsecret1
		got=0
		ses-senders -v us-east-1 >out 2>err || got=$?
		[ "$got" = 3 ]
		# asked once or a few times, not for each
		[ "$(emu_calls '[.[] | select(.operation == "SimulatePrincipalPolicy")] | length')" -le 16 ]
		emu_no_violations
		emu_stop
	)
	grep -q "no simulation by IAM: " err
	# whichever of them is refused first
	grep -qE "^ses-senders: group-raw: (List(AccessKeys|MFADevices)|GetLoginProfile): AccessDenied" err
	jq -se 'map(select(.name == "group-raw"))[0] | .can_send == "yes" and
		.complete == false and (has("keys") or has("mfa") or
		has("simulated") | not)' out
	jq -se 'map(select(.kind == "root"))[0] | has("active_keys") | not' out
}

@test "the examples of the man page" {
	run_examples ses-senders
}
