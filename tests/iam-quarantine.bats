#!/usr/bin/env bats
# iam-quarantine: what it denies, how it holds against who undoes it, and that
# the undo is exact.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

MALLORY_KEY=AKIAMALLORYKEY000001
MALLORY_SECRET=mall0ry/+SecretKeyOfTheIntruder+00000001

setup_file() {
	local org='"id":"o-exampleorg","accounts":{"444455556666":[]}'
	cat >"$BATS_FILE_TMPDIR/world.json" <<-END
	{"users": {"mallory": {"path": "/ops/", "policies": {"work": {
	    "Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	    "Action": ["iam:*", "ses:*", "s3:*", "sts:*"], "Resource": "*"}]}},
	    "keys": [{"id": "$MALLORY_KEY", "secret": "$MALLORY_SECRET"}]}},
	 "roles": {"app.web": {"path": "/svc/", "trust": {
	    "Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	    "Action": "sts:AssumeRole", "Principal": {
	    "AWS": "arn:aws:iam::111122223333:user/responder"}}]},
	    "policies": {"work": {"Version": "2012-10-17", "Statement": [{
	    "Effect": "Allow", "Action": "*", "Resource": "*"}]}}}},
	 "organization": {"master": "111122223333", $org}}
	END
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

setup() {
	emu_fresh '{"preset": "immediate", "attacker": null}'
	umask 077
	# what an earlier test left
	for one in user/mallory:UserName role/app.web:RoleName; do
		name=${one#*/}
		kind=${one%%/*}
		api DeleteXPolicy "${kind^}" "${name#*:}=${name%:*}" \
			PolicyName=QuellQuarantine || true
	done
	emu_reset_log
	echo "$MALLORY_SECRET" >key.secret
}

# api OPERATION-WITH-X Kind NAME=VALUE...: one call of IAM, as the responder
api() {
	local op=${1/X/$2}
	shift 2
	printf '%s\n' "$@" | jq -Rn --arg op "$op" '{service: "iam",
		operation: $op, params: [inputs | capture("^(?<k>[^=]*)=(?<v>.*)")
		| {(.k): .v}] | add}' -c | "$QUELL_B/unit/aws_call_tool"
}

assume() {	# role/PATH
	jq -nc --arg arn "arn:aws:iam::111122223333:$1" '{service: "sts",
		operation: "AssumeRole", params: {RoleArn: $arn,
		RoleSessionName: "thief"}}' | "$QUELL_B/unit/aws_call_tool"
}

session() {	# ANSWER COMMAND...: with the credentials of that session
	env AWS_ACCESS_KEY_ID="$(jq -r .reply.Credentials.AccessKeyId <<<"$1")" \
		AWS_SECRET_ACCESS_KEY="$(jq -r .reply.Credentials.SecretAccessKey <<<"$1")" \
		AWS_SESSION_TOKEN="$(jq -r .reply.Credentials.SessionToken <<<"$1")" \
		"${@:2}"
}

policy_of() {	# Kind NAME [POLICY]: the stored text, percent-encoded
	api GetXPolicy "$1" "$1Name=$2" "PolicyName=${3:-QuellQuarantine}" |
		jq -r '.reply.PolicyDocument // empty'
}

# The state of all principals, as the emulator stores it
rights() {
	emu_world '[.users, .roles] | map(map_values(
		{policies, attached, boundary, keys: (.keys | map(del(.last_used)))}))'
}

@test "a user: what it denies, whose session it ends, and the record" {
	run -0 --separate-stderr iam-quarantine -y --watch=1 user/mallory
	is '.type == "aws-principal" and .kind == "user" and .name == "mallory" and
	    .id == "arn:aws:iam::111122223333:user/ops/mallory" and
	    .account == "111122223333" and .policy == "QuellQuarantine" and
	    .was == false and .quarantined and .changed and .ok and
	    .scope == "mail" and .proof == "policy" and .simulated == "denied" and
	    (.sessions_before | length == 20) and .keys[0].status == "Active" and
	    (has("undone") | not) and (has("new_keys") | not)'
	[ "$(emu_mutating_count)" = 1 ]
	# as the intruder sees it
	for op in '"iam","operation":"CreateAccessKey","params":{"UserName":"mallory"}' \
		'"iam","operation":"DeleteUserPolicy","params":{"UserName":"mallory","PolicyName":"QuellQuarantine"}' \
		'"iam","operation":"PutUserPolicy","params":{"UserName":"mallory","PolicyName":"a","PolicyDocument":"{}"}' \
		'"sts","operation":"GetSessionToken"' \
		'"ses","operation":"GetSendQuota"' \
		'"sesv2","operation":"SendEmail","method":"POST","path":"/v2/email/outbound-emails","json":{"Content":{}}'; do
		out=$(AWS_ACCESS_KEY_ID=$MALLORY_KEY AWS_SECRET_ACCESS_KEY=$MALLORY_SECRET \
			"$QUELL_B/unit/aws_call_tool" <<<"{\"service\":$op}")
		jq -e '.code == 77' <<<"$out" || { echo "$op: $out"; false; }
	done
	[ "$(jq -r '.principals["user/mallory"] | has("before")' \
		state/iam-quarantine-111122223333.json)" = false ]
	[ "$(stat -c %a state/iam-quarantine-111122223333.json)" = 600 ]
	emu_no_violations
}

@test "a second run changes nothing; --renew ends younger sessions, too" {
	iam-quarantine -y --watch=0 user/mallory >/dev/null
	policy_of User mallory >one
	emu_reset_log
	run -0 --separate-stderr iam-quarantine -y --watch=0 user/mallory
	is '.was and .changed == false and .quarantined and .proof == "policy"'
	[ "$(emu_mutating_count)" = 0 ]
	sleep 1
	run -0 --separate-stderr iam-quarantine -y --watch=0 --renew user/mallory
	is '.changed and .quarantined'
	policy_of User mallory >two
	run -1 cmp -s one two
	# the wide one is not loosened by a run without --all
	run -0 --separate-stderr iam-quarantine -y --watch=0 --all user/mallory
	is '.changed and .scope == "all"'
	run -0 --separate-stderr iam-quarantine -y --watch=0 user/mallory
	is '.changed == false and .scope == "all"'
}

@test "--undo is exact: a policy of that name that was there comes back, byte for byte" {
	local doc='{ "Version": "2012-10-17",
	"Statement": [ {"Effect":"Allow", "Action":"s3:GetObject",
	  "Resource":"arn:aws:s3:::a b%20+/*" } ] }'
	api PutXPolicy User UserName=mallory PolicyName=QuellQuarantine \
		"PolicyDocument=${doc//$'\n'/ }" >/dev/null
	rights >before
	policy_of User mallory >text
	emu_reset_log
	run -0 --separate-stderr iam-quarantine -y --watch=0 user/mallory
	is '.changed'
	run -0 --separate-stderr iam-quarantine -n --undo user/mallory
	is '.dry_run and .changed and .quarantined == false'
	run -0 --separate-stderr iam-quarantine -y --undo user/mallory
	is '.changed and .was and .quarantined == false and .ok'
	rights >after
	cmp before after
	cmp text <(policy_of User mallory)
	run -0 --separate-stderr iam-quarantine -y --undo user/mallory
	is '.changed == false and (.why | test("nothing was saved"))'
	# and again: the state of the first time is not what is restored
	iam-quarantine -y --watch=0 user/mallory >/dev/null
	iam-quarantine -y --watch=0 --all user/mallory >/dev/null
	iam-quarantine -y --undo user/mallory >/dev/null
	cmp text <(policy_of User mallory)
	[ -z "$(emu_violations)" ]
}

@test "--undo without a saved state, with another name, after somebody's hand" {
	iam-quarantine -y --watch=0 user/mallory >/dev/null
	mv state gone
	run -69 --separate-stderr iam-quarantine -y --undo user/mallory
	[[ $stderr == *"nothing was saved"*hint* ]]
	mv gone/* state/
	run -78 --separate-stderr iam-quarantine -y --undo --policy-name=Other user/mallory
	[[ $stderr == *QuellQuarantine* ]]
	api PutXPolicy User UserName=mallory PolicyName=QuellQuarantine \
		'PolicyDocument={"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}' >/dev/null
	mkdir case
	: >case/journal.jsonl
	# (the state of this incident knows nothing)
	mkdir case/state
	cp state/*.json case/state/iam-quarantine.json
	run -0 --separate-stderr iam-quarantine -y --incident case --undo user/mallory
	[[ $stderr == *"not what was put there"* ]]
	jq -se '.[0].data.found | test("s3:")' case/journal.jsonl
	[ -z "$(policy_of User mallory)" ]
}

@test "a role: older sessions end, new ones are denied mail and escape" {
	out=$(assume role/svc/app.web)
	sleep 1
	run -0 --separate-stderr iam-quarantine -y --watch=0 \
		arn:aws:sts::111122223333:assumed-role/app.web/i-0123
	is '.kind == "role" and .changed and .quarantined and
	    .id == "arn:aws:iam::111122223333:role/svc/app.web" and
	    (has("keys") | not)'
	# the old session may do nothing, a new one no mail
	list='{"service":"ec2","operation":"DescribeInstances"}'
	jq -e '.code == 77' <<<"$(session "$out" "$QUELL_B/unit/aws_call_tool" <<<"$list")"
	sleep 1
	out=$(assume role/svc/app.web)
	jq -e '.code == 0' <<<"$(session "$out" "$QUELL_B/unit/aws_call_tool" <<<"$list")"
	jq -e '.code == 77' <<<"$(session "$out" "$QUELL_B/unit/aws_call_tool" \
		<<<'{"service":"ses","operation":"GetSendQuota"}')"
	emu_world '.roles["app.web"].policies.QuellQuarantine.Statement[1]' >s
	jq -e '.Action == "*" and (.Condition.DateLessThan["aws:TokenIssueTime"] | length == 20)' s
	run -0 --separate-stderr iam-quarantine -y --undo role/app.web
	is '.changed'
	[ "$(emu_world '.roles["app.web"].policies | keys')" = '["work"]' ]
	emu_no_violations
}

@test "an access key id and records name their user; each once" {
	run -0 --separate-stderr iam-quarantine -n "$MALLORY_KEY"
	is '.name == "mallory" and .dry_run and .changed and .quarantined'
	printf '%s\n' "$output" >plan
	printf '%s\n' '{"type":"aws-key","id":"AKIAXXXXXXXXXXXXXXXX","user":"mallory"}' \
		'{"type":"ses-sender","id":"x","arn":"arn:aws:iam::111122223333:user/ops/mallory"}' >>plan
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e state ]
	run -0 --separate-stderr iam-quarantine -y --watch=0 <plan
	[ "$(wc -l <<<"$output")" = 1 ]
	is '.changed and .quarantined'
}

@test "who undoes it during propagation, and gives up: it ends contained" {
	emu_set '{"propagation": {"policy": [0.6, 1.2], "flap": true},
		"attacker": {"user": "mallory", "times": 2, "every_ms": 20}}'
	run -0 --separate-stderr iam-quarantine -y --watch=2 --key="$MALLORY_KEY" \
		--key-secret-file=key.secret user/mallory
	is '.quarantined and .ok and .undone == 2 and .proof == "probe"'
	[[ $stderr == *"somebody undid the quarantine"* ]]
	[ "$(emu_calls '[.[] | select(.kind == "attacker")] | length')" = 2 ]
	[ "$(emu_world '.users.mallory.policies | has("QuellQuarantine")')" = true ]
	sleep 1.5
	out=$(AWS_ACCESS_KEY_ID=$MALLORY_KEY AWS_SECRET_ACCESS_KEY=$MALLORY_SECRET \
		"$QUELL_B/unit/aws_call_tool" <<<'{"service":"ses","operation":"GetSendQuota"}')
	jq -e '.code == 77' <<<"$out"
}

@test "who undoes it for ever: it says loudly that it is not contained" {
	emu_set '{"propagation": {"policy": [30, 40], "flap": true},
		"attacker": {"user": "mallory", "times": -1, "every_ms": 20}}'
	run -69 --separate-stderr iam-quarantine -y --watch=1 user/mallory
	is '.quarantined == false and .ok == false and .undone > 10 and
	    (.why | test("NOT CONTAINED")) and (has("proof") | not)'
	[[ $stderr == *"NOT CONTAINED"*iam-key-disable*--scp* ]]
}

@test "a deny that is stored and not in force yet is 75, with the key as witness" {
	emu_set '{"propagation": {"policy": [60, 70], "flap": false}}'
	run -75 --separate-stderr iam-quarantine -y --watch=0 --key="$MALLORY_KEY" \
		--key-secret-file=key.secret user/mallory
	is '.quarantined == false and .changed and (.why | test("NOT CONTAINED yet"))'
	emu_set '{"preset": "immediate"}'
	emu_set '{"attacker": null}'
}

@test "a key made meanwhile is told" {
	emu_fault '{"do":"slow","ms":1500,"times":1,"match":{"operation":"PutUserPolicy"}}'
	(
		sleep 0.7
		export AWS_ACCESS_KEY_ID=$MALLORY_KEY \
			AWS_SECRET_ACCESS_KEY=$MALLORY_SECRET
		api CreateXKey Access UserName=mallory >made
	) 3>&- &
	emu_set '{"propagation": {"policy": [2, 2], "flap": false}}'
	run -0 --separate-stderr iam-quarantine -y --watch=3 user/mallory
	wait
	is '(.new_keys | length) == 1 and (.keys | length) == 2'
	[[ $stderr == *"a new key was made"* ]]
	api DeleteXKey Access UserName=mallory \
		AccessKeyId="$(jq -r '.new_keys[0]' <<<"$output")" >/dev/null
}

@test "the caller is refused, user and role, before anything is changed" {
	run -69 --separate-stderr iam-quarantine -y user/responder
	[[ $stderr == *"acts as"*hint* ]]
	run -69 iam-quarantine -y user/mallory user/RESPONDER
	run -69 iam-quarantine -y --apply-scp --confirm=111122223333 user/responder
	out=$(assume role/svc/app.web)
	run -69 --separate-stderr session "$out" iam-quarantine -y role/app.web
	[[ $stderr == *"acts as"* ]]
	[ "$(emu_calls '[.[] | select(.operation == "PutUserPolicy" or .operation == "PutRolePolicy")] | length')" = 0 ]
}

@test "bad input is 64 or 65, nobody there 69, nothing sent" {
	run -65 iam-quarantine -y mallory
	run -65 iam-quarantine -y arn:aws:iam::111122223333:group/x
	run -65 iam-quarantine -y arn:aws:iam::111122223333:root
	run -65 iam-quarantine -y arn:aws:iam::444455556666:user/x
	run -65 iam-quarantine -y user/
	run -65 --separate-stderr iam-quarantine -y < <(echo user/a; echo 'x y')
	[[ $stderr == *"standard input:2"* ]]
	run -65 iam-quarantine -y <<<'{"type":"queue-msg","id":"user/mallory"}'
	run -64 iam-quarantine -y </dev/null
	run -64 iam-quarantine user/mallory </dev/null
	run -64 iam-quarantine -y --key="$MALLORY_KEY" user/mallory
	run -64 iam-quarantine -y --key=X --key-secret-file=key.secret user/mallory user/nobody
	run -64 iam-quarantine -y --undo --renew user/mallory
	run -64 iam-quarantine -y --scp --undo user/mallory
	run -64 iam-quarantine -y --watch=2d user/mallory
	run -69 iam-quarantine -y user/nosuchuser
	run -69 iam-quarantine -y role/nosuchrole
	[ "$(emu_mutating_count)" = 0 ]
}

@test "no room in the user's inline policies: 69, and the hint is the short form" {
	long=$(printf 'arn:aws:s3:::%01300d' 0)
	api PutXPolicy User UserName=mallory PolicyName=big \
		"PolicyDocument={\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"$long\"}]}" >/dev/null
	run -69 --separate-stderr iam-quarantine -y --watch=0 user/mallory
	[[ $stderr == *LimitExceeded*"--all is the short form"* ]]
	is '.ok == false and .changed == false'
	run -0 --separate-stderr iam-quarantine -y --watch=0 --all user/mallory
	is '.quarantined and .scope == "all"'
	api DeleteXPolicy User UserName=mallory PolicyName=big >/dev/null
}

@test "no state, no journal: no change; killed before the call, the next run ends it" {
	mkdir case
	: >case/journal.jsonl
	run -66 iam-quarantine -y --incident=nosuch user/mallory
	[ "$(emu_mutating_count)" = 0 ]
	# killed while PutUserPolicy hangs: the state is there, the deny may be
	emu_fault '{"do":"slow","ms":1500,"times":1,"match":{"operation":"PutUserPolicy"}}'
	iam-quarantine -y --watch=0 --incident=case user/mallory >/dev/null 2>&1 3>&- &
	pid=$!
	for _ in {1..100}; do
		[ ! -s case/journal.jsonl ] || break
		sleep 0.02
	done
	kill -9 "$pid"
	wait "$pid" || true
	sleep 1.6
	run -0 --separate-stderr iam-quarantine -y --watch=0 --incident=case user/mallory
	is '.quarantined and .was'
	run -0 --separate-stderr iam-quarantine -y --incident=case --undo user/mallory
	is '.changed'
	[ -z "$(policy_of User mallory)" ]
	jq -se 'map(.event) | .[0] == "iam-quarantine.begin" and
		.[-1] == "iam-quarantine.end"' case/journal.jsonl
}

@test "--scp prints the organization's policy and asks nothing of IAM" {
	arn=arn:aws:iam::444455556666:user/ops/eve
	run -0 --separate-stderr iam-quarantine --scp "$arn"
	is '.type == "aws-scp" and .account == "444455556666" and .ok and
	    .changed == false and (.document | fromjson | .Statement[0] |
	    .Effect == "Deny" and (.Action | index("ses:*") != null) and
	    .Condition.ArnEquals["aws:PrincipalArn"] == "'$arn'")'
	[ "$(emu_calls 'map(.operation)')" = '["GetCallerIdentity"]' ]
	run -0 --separate-stderr iam-quarantine --scp --all user/mallory
	is '.arn == "arn:aws:iam::111122223333:user/ops/mallory" and
	    (.document | fromjson | .Statement[0].Action == "*")'
	run -65 iam-quarantine --scp arn:aws:sts::444455556666:assumed-role/r/s
	run -0 --separate-stderr iam-quarantine --scp arn:aws:iam::444455556666:root
	is '.document | test("root")'
}

@test "--apply-scp: confirmed, attached, idempotent, undone; -n sends nothing" {
	arn=arn:aws:iam::444455556666:user/ops/eve
	emu_world .organization >before
	run -0 --separate-stderr iam-quarantine -n --apply-scp "$arn"
	is '.dry_run and .changed and .attached and .was == false'
	[ "$(emu_mutating_count)" = 0 ]
	printf '%s\n' "$output" >plan
	run -64 iam-quarantine -y --apply-scp "$arn"
	run -64 iam-quarantine -y --apply-scp --confirm=111122223333 "$arn"
	run -0 --separate-stderr iam-quarantine -y --apply-scp --confirm=444455556666 <plan
	is '.changed and .attached and .was == false and (.policy_id | length > 3)'
	[ "$(emu_world '.organization.accounts["444455556666"] | length')" = 1 ]
	run -0 --separate-stderr iam-quarantine -y --apply-scp --confirm=444455556666 "$arn"
	is '.changed == false and .was'
	run -0 --separate-stderr iam-quarantine -y --apply-scp --confirm=444455556666 --all "$arn"
	is '.changed and .was'
	run -0 --separate-stderr iam-quarantine -y --undo --apply-scp --confirm=444455556666 "$arn"
	is '.changed and .attached == false'
	cmp <(emu_world '.organization | .policies //= {}') \
		<(jq -c '.policies //= {}' before)
	# the answer to CreatePolicy is lost: looked for, found, attached
	emu_fault '{"do":"reset_after","times":1,"match":{"operation":"CreatePolicy"}}'
	run -0 --separate-stderr iam-quarantine -y --apply-scp --confirm=444455556666 "$arn"
	is '.changed and .attached'
	[ "$(emu_world '.organization.policies | length')" = 1 ]
	iam-quarantine -y --undo --apply-scp --confirm=444455556666 "$arn" >/dev/null
	emu_no_violations
}

@test "--apply-scp where it cannot bind: 69 and 77, with the reason" {
	run -69 --separate-stderr iam-quarantine -y --apply-scp \
		--confirm=111122223333 user/mallory
	[[ $stderr == *"management account"* ]]
	emu_set '{"organization": {"master":"999988887777","id":"o-x","accounts":{"444455556666":[]}}}'
	run -77 --separate-stderr iam-quarantine -n --apply-scp arn:aws:iam::444455556666:user/eve
	[[ $stderr == *999988887777* ]]
	emu_set '{"organization": {"master":"111122223333","id":"o-x","scp":false,"accounts":{"444455556666":[]}}}'
	run -69 --separate-stderr iam-quarantine -n --apply-scp arn:aws:iam::444455556666:user/eve
	[[ $stderr == *"not switched on"* ]]
	emu_set '{"organization": null}'
	run -69 iam-quarantine -n --apply-scp arn:aws:iam::444455556666:user/eve
	emu_set '{"organization": {"master":"111122223333","id":"o-x","accounts":{"444455556666":[]}}}'
	[ "$(emu_mutating_count)" = 0 ]
}

@test "examples of the man page" {
	(umask 077 && echo "$MALLORY_SECRET" >stolen.secret)
	run_examples iam-quarantine
}
