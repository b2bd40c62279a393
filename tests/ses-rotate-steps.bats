#!/usr/bin/env bats
# ses-rotate as a chain of steps: vault, publish, verify, routine order,
# resume, rollback, status, several keys at once.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/rotate.bash

@test "the table of steps" {
	run -0 ses-rotate --dump-steps
	[ "$(awk -F'\t' '$1 == "rotate" && $3 != "routine" { print $2 }' \
		<<<"$output" | paste -sd' ')" = \
		'plan deactivate prove-dead check create seal prove-alive publish verify finish' ]
	[ "$(awk -F'\t' '$1 == "rotate" && $3 != "emergency" { print $2 }' \
		<<<"$output" | paste -sd' ')" = \
		'plan check create seal prove-alive publish verify retire prove-retired finish' ]
	# nothing is written between the creation and the sealing
	awk -F'\t' '$2 == "create" { exit !($4 == "joined") }' <<<"$output"
}

@test "an emergency: dead, sealed, proven, published, verified" {
	local new
	rot 0 --old-secret-file=old.secret --regions=us-east-1,eu-west-1 \
		--publish="$PWD/take $PWD/pub" --verify='test -s pub' \
		--host-checked='jo: reinstalled' "$OLD"
	new=$(role new id)
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(calls)" = '"235 UpdateAccessKey 535 CreateAccessKey 235 235"' ]
	[ "$(role new sealed.name) $(role new sealed.version)" = "$user 1" ]
	[ "$(role new step) $(role new next)" = 'finish null' ]
	# the whole secret is in the vault: other regions can be derived later
	[ "$(vault username)" = "$new" ]
	[ "$(vault secret_access_key | wc -c)" = 41 ]
	[ "$(vault password)" = "$(vault password.us-east-1)" ]
	[ "$(vault region)" = us-east-1 ]
	# who sends mail gets the passwords, and not the secret
	[ "$(sed 's/=.*//' pub | sort | paste -sd' ')" = \
		'name password password.eu-west-1 password.us-east-1 region username' ]
	grep -qx "username=$new" pub
	grep -qx "password=$(vault password)" pub
	emu_reset_log
	rot 0 --phase=prove --regions=ap-northeast-1 "$OLD"
	[ "$(emu_calls '[.[] | select(.operation == "AUTH") | .region] | unique | join(",")')" = '"ap-northeast-1"' ]
	# all of it again: so already
	rot 0 "$OLD"
	[ "$(jq -s 'any(.changed)' out)" = false ]
	emu_no_violations
}

@test "routine: the old key goes last, when the new one works" {
	rot 0 --old-secret-file=old.secret --publish="$PWD/take $PWD/pub" \
		--verify="$PWD/there pub id" --routine "$OLD" || true
	[ "$(keys)" = '"Active,Active"' ]
	[ "$(role old step) $(role old next)" = 'publish verify' ]
	jq -r 'select(.role == "new").id' out >id
	resume 0
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(role old routine)" = true ]
	[ "$(calls)" = '"CreateAccessKey 235 235 UpdateAccessKey 535"' ]
	# the next one has its old password from the vault
	emu_reset_log
	OLD=$(cat id)
	rot 69 --routine "$OLD"
	grep -q 'no room for a new one' err
	emu_no_violations
}

@test "the row of proofs spans the time that is asked for, on new connections" {
	proofs=3 over=2 rot 0 "$OLD"
	[ "$(role new proof.auth_235)" = 3 ]
	[ "$(emu_calls '[.[] | select(.operation == "AUTH" and .status == 235)] |
		length == 3 and .[2].t - .[0].t >= 1.9')" = true ]
	[ "$(emu_calls '[.[] | select(.operation == "CONNECT")] | length')" = 3 ]
}

@test "routine: a plan stays one" {
	code 0 ses-rotate -n --routine --vault=vault "$OLD"
	[ "$(role old routine) $(role old changed)" = 'true true' ]
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e vault ] && [ ! -e state ]
	cp out plan
	run -0 ses-rotate -y --vault=vault --vault-key="file:$PWD/vault.key" \
		--proofs=1 --over=0 <plan
	[ "$(calls)" = '"CreateAccessKey 235 UpdateAccessKey"' ]
}

@test "routine again: the vault proves the old one dead" {
	local first
	rot 0 --routine "$OLD"
	first=$(role new id)
	[ "$(role old proof.before)" = none ]
	delete "$OLD"
	rot 0 --routine "$first"
	[ "$(role old proof.before) $(role old proof.dead_535)" = '235 1' ]
	[ "$(vault username) $(vault username 1)" = "$(role new id) $first" ]
}

@test "--resume: nothing to do, one that waits for its host, and only once" {
	resume 0
	[ ! -s out ]
	rot 64 --publish="$PWD/take $PWD/pub" "$OLD"
	grep -q 'not said to be clean' err
	grep -q "hint: --resume with --host-checked='who, how', or --confirm=$user" err
	[ "$(keys)" = '"Active,Inactive"' ]
	[ ! -e pub ]
	resume 64 --confirm=nobody
	[ ! -e pub ]
	resume 0 --confirm="$user"
	[ -s pub ]
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 1 ]
	resume 0
	[ ! -s out ]
}

@test "--status: no network, where each stands, 1 while one is unfinished" {
	code 0 env -u AWS_ENDPOINT_URL ses-rotate --status
	rot 64 --publish="$PWD/take $PWD/pub" "$OLD"
	emu_reset_log
	code 1 ses-rotate --status
	[ "$(jq -c '[.id, .user, .step, .next, .unfinished, .routine, (has("new"))]' \
		out)" = "[\"$OLD\",\"$user\",\"prove-alive\",\"publish\",true,false,true]" ]
	grep -q '1 unfinished' err
	[ "$(emu_calls length)" = 0 ]
	resume 0 --host-checked='jo: looked at it'
	code 0 ses-rotate --status
	[ "$(jq -r '.unfinished, has("finished")' out | paste -sd' ')" = 'false true' ]
}

@test "a publisher or a verifier that fails stops it there; 75 is tried again" {
	script bad 'exit 3'
	rot 69 --routine --publish="$PWD/bad" "$OLD"
	grep -q 'publish: .*/bad: exit code 3' err
	grep -q 'hint: --resume begins with this step' err
	[ "$(keys)" = '"Active,Active"' ]
	script later 'echo x >>tries; [ $(wc -l <tries) -gt 1 ] || exit 75'
	resume 0 --publish="$PWD/take $PWD/pub" --verify="$PWD/later"
	[ "$(wc -l <tries)" = 2 ]
	[ "$(keys)" = '"Active,Inactive"' ]
	new_user
	script never 'exit 75'
	wait=1 rot 75 --routine --verify="$PWD/never" "$OLD"
	[ "$(keys)" = '"Active,Active"' ]
	resume 66 --verify=/no/such/program
	code 64 ses-rotate -y --vault=vault --verify=' ' "$OLD"
}

@test "--out with a vault: written when it is published, from the vault" {
	rot 0 --phase=contain "$OLD"
	rot 0 --phase=create --out=new.cred "$OLD"
	[ ! -e new.cred ]
	rot 0 --phase=prove --out=new.cred "$OLD"
	rot 0 --phase=publish --out=new.cred "$OLD"
	[ "$(sed -n 's/^pass: //p' new.cred)" = "$(vault password)" ]
	[ "$(role new file)" = "$PWD/new.cred" ]
	code 0 ses-rotate --status
}

@test "Secrets Manager: AWSPENDING, then AWSCURRENT; again is the same version" {
	sm() {
		"$(emu_python)" - "http://127.0.0.1:$EMU_HTTP" "$@" <<-'END'
			import json
			import sys
			import botocore.session
			sm = botocore.session.get_session().create_client(
			    "secretsmanager", region_name="us-east-1",
			    endpoint_url=sys.argv[1])
			if sys.argv[2] == "make":
			    sm.create_secret(Name="mail/ses", SecretString="{}")
			else:
			    v = sm.get_secret_value(SecretId="mail/ses")
			    print(json.dumps([json.loads(v["SecretString"]), v["VersionStages"],
			        len(sm.list_secret_version_ids(SecretId="mail/ses")["Versions"])]))
		END
	}
	sm make
	emu_reset_log
	emu_fault '{"match": {"operation": "UpdateSecretVersionStage"}, "do": "500", "times": 9}'
	rot 75 --routine --publish-secret=mail/ses "$OLD"
	[ "$(keys)" = '"Active,Active"' ]
	emu_control POST clear_faults >/dev/null
	resume 0
	sm read >secret.json
	[ "$(jq -r '.[0].username' secret.json)" = "$(vault username)" ]
	[ "$(jq -r '.[0].password' secret.json)" = "$(vault password)" ]
	[ "$(jq -r '.[0] | has("secret_access_key")' secret.json)" = false ]
	[ "$(jq -c '.[1] | contains(["AWSCURRENT"])' secret.json)" = true ]
	[ "$(jq -c '.[2]' secret.json)" = 2 ]
	rm secret.json
	code 64 ses-rotate -y --vault=vault --publish-secret='a"b' "$OLD"
	emu_no_violations
}

@test "--rollback: routine: the old key is published again, the new one is off" {
	local first new
	rot 0 --routine "$OLD"
	first=$(role new id)
	delete "$OLD"
	OLD=$first
	rot 0 --routine --publish="$PWD/take $PWD/pub" "$OLD"
	new=$(role new id)
	code 64 ses-rotate --rollback "$OLD"
	code 64 ses-rotate -y --rollback
	code 69 ses-rotate -y --rollback AKIAANOTHERKEY000001
	emu_reset_log
	code 0 ses-rotate -n --rollback "$OLD"
	[ "$(role old changed) $(role new changed)" = 'true true' ]
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-rotate -y --rollback --proofs=1 --over=0 "$OLD"
	[ "$(calls)" = '"UpdateAccessKey 235 UpdateAccessKey"' ]
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(emu_world ".keys[\"$OLD\"].status // ([.users[\"$user\"].keys[] | select(.id == \"$OLD\")][0].status)")" = '"Active"' ]
	grep -qx "username=$OLD" pub
	[ "$(vault username)" = "$OLD" ]
	code 0 ses-rotate --status
	[ "$(jq -r "select(.id == \"$OLD\") | has(\"rolled_back\")" out)" = true ]
	# again: so already
	emu_reset_log
	code 0 ses-rotate -y --rollback --proofs=1 --over=0 "$OLD"
	[ "$(emu_mutating_count)" = 0 ]
	# never deleted, but a person may: then it can be rotated anew
	delete "$new"
	rot 0 --routine "$OLD"
	[ "$(keys)" = '"Active,Inactive"' ]
	emu_no_violations
}

@test "--rollback: a stolen key lives again only when a person names it" {
	rot 0 "$OLD"
	emu_reset_log
	code 64 ses-rotate -y --rollback "$OLD"
	grep -q 'given up as stolen' err
	code 64 ses-rotate -y --rollback --confirm=AKIAANOTHERKEY000001 "$OLD"
	[ "$(emu_mutating_count) $(keys)" = '0 "Active,Inactive"' ]
	code 0 ses-rotate --status
	code 0 ses-rotate -y --rollback --confirm="$OLD" "$OLD"
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(role new status) $(role old status)" = 'Inactive Active' ]
}

@test "--rollback: nothing is begun that cannot be ended" {
	rot 0 --routine --publish="$PWD/take $PWD/pub" "$OLD"
	emu_reset_log
	code 66 ses-rotate -y --rollback "$OLD"
	grep -q 'has no secret of' err
	[ "$(emu_mutating_count)" = 0 ]
}

@test "several keys: all are contained first, one that fails stops no other" {
	local a=$user A=$OLD b B
	new_user
	b=$user B=$OLD
	new_user '"status": "Inactive"'
	emu_key "{\"user\": \"$b\", \"status\": \"Inactive\"}" >/dev/null
	emu_reset_log
	rot 3 "$A" "$B" "$OLD"
	cat out err
	[ "$(emu_calls '[.[] | select(.mutating) | .operation] | join(" ")')" = \
		'"UpdateAccessKey UpdateAccessKey CreateAccessKey CreateAccessKey"' ]
	[ "$(jq -c 'select(.role == "old") | [.user, .ok]' out | paste -sd' ')" = \
		"[\"$a\",true] [\"$b\",false] [\"$user\",true]" ]
	[ "$(jq -r 'select(.role == "new").user' out | paste -sd' ')" = "$a $user" ]
	code 64 ses-rotate -y --out=x "$A" "$B"
	code 64 ses-rotate -y --vault=vault --old-secret-file=old.secret "$A" "$B"
	new_user
	A=$OLD
	new_user
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "throttle", "times": -1, "retry_after_ms": 10}'
	rot 75 "$A" "$OLD"
}

@test "--older-than: routine, of users or of all that the vault has" {
	local young
	rot 0 --older-than=90d --user="$user"
	[ ! -s out ]
	[ "$(keys)" = '"Active"' ]
	new_user '"created": "-100d"'
	young=$OLD
	rot 0 --older-than=90d --user="$user" --user="steps-$BATS_TEST_NUMBER-1"
	[ "$(role old id) $(role old routine)" = "$young true" ]
	[ "$(keys)" = '"Active,Inactive"' ]
	code 64 ses-rotate -y --older-than=90d
	code 64 ses-rotate -y --older-than=90d --all
	code 64 ses-rotate -y --older-than=90d --all --user=x
	code 64 ses-rotate -y --older-than=90d --user="$user" "$OLD"
	code 64 ses-rotate -y --all
	delete "$young"
	sleep 1.1
	# of all users only the one whose key is in the vault
	rot 0 --older-than=1 --all
	[ "$(role old user)" = "$user" ]
	[ "$(keys)" = '"Active,Inactive"' ]
}

@test "may it send?  group, denied, no right, unknown" {
	code 0 ses-rotate -n --vault=vault "$OLD"
	[ "$(role old may_send)" = yes ]
	[ "$(role old 'policies | length')" = 1 ]
	new_user '"policies": {quarantine: {Version: "2012-10-17",
		Statement: [{Effect: "Deny", Action: "ses:Send*", Resource: "*"}]}}'
	code 0 ses-rotate -n --vault=vault "$OLD"
	[ "$(role old may_send)" = denied ]
	rot 78 "$OLD"
	# contained all the same
	[ "$(keys)" = '"Inactive"' ]
	grep -q 'may not send: ses:SendRawEmail' err
	grep -q "confirm=$user" err
	emu_key '{"user": "powerless", "id": "AKIAPOWERLESS0000001"}' >/dev/null
	rot 78 --routine AKIAPOWERLESS0000001
	rot 0 --routine --confirm=powerless AKIAPOWERLESS0000001
	[ "$(role new sealed.name)" = powerless ]
}

@test "the boundary counts, too" {
	emu_key "$(jq -nc '{user: "bounded", id: "AKIABOUNDED000000001",
		groups: ["AWSSESSendingGroupDoNotRename"],
		boundary: "arn:aws:iam::aws:policy/AWSDenyAll"}')" >/dev/null
	code 0 ses-rotate -n --vault=vault AKIABOUNDED000000001
	[ "$(role old may_send)" = denied ]
}

@test "Mail Manager: a door with its own password is named, and left" {
	emu_set '{"regions": {"us-east-1": {"ingress_points": [
		{"name": "in", "type": "AUTH"}, {"name": "open", "type": "OPEN"},
		{"name": "kept", "type": "AUTH",
		"secret": "arn:aws:secretsmanager:us-east-1:111122223333:secret:x-AbCdEf"}]}}}'
	code 0 ses-rotate -n --vault=vault "$OLD"
	[ "$(jq -c 'select(.type == "ingress-point") | [.name, .region, .status]' \
		out | paste -sd' ')" = \
		'["in","us-east-1","ACTIVE"] ["kept","us-east-1","ACTIVE"]' ]
	jq -se '.[] | select(.name == "kept").secret |
		startswith("arn:aws:secretsmanager")' out
	jq -se '.[] | select(.name == "in").why | contains("ses-pause")' out
	# the plan with them in it is a plan
	cp out plan
	run -0 ses-rotate -y --phase=contain <plan
	[ "$(keys)" = '"Inactive"' ]
	# a refusal to look is not a reason to stop
	emu_fault '{"match": {"operation": "ListIngressPoints"}, "do": "500", "times": 9}'
	rot 0 -v --phase=contain "$OLD"
	grep -q 'Mail Manager in us-east-1 was not looked at' err
	emu_no_violations
}

@test "an old password of version 2 is named, and proven dead all the same" {
	printf '%s\n' "$SECRET" | python3 -c "
import base64, hashlib, hmac, sys
s = sys.stdin.read().strip().encode()
print(base64.b64encode(b'\2' + hmac.new(s, b'SendRawEmail',
    hashlib.sha256).digest()).decode())" >old.pw
	[ "$(cut -c1 old.pw)" = A ]
	emu_set '{"smtp_v2": true}'
	rot 0 --phase=contain --old-password-file=old.pw "$OLD"
	emu_set '{"smtp_v2": false}'
	[ "$(role old proof.legacy)" = true ]
	[ "$(role old proof.before) $(role old proof.dead_535)" = '235 1' ]
	grep -q 'of the old version 2' err
}

@test "a temporary key is refused, and why" {
	code 65 ses-rotate -y --phase=contain ASIASTOLENKEY0000001
	grep -q 'temporary key: it has no SMTP password' err
	grep -q 'hint: revoke the sessions' err
}

@test "what cannot be: usage" {
	code 64 ses-rotate -y --resume --rollback
	code 64 ses-rotate -y --phase=create --routine --vault=vault "$OLD"
	code 64 ses-rotate -y --resume --phase=create
	code 64 ses-rotate -y --resume --older-than=90d
	code 64 ses-rotate -y --vault=vault --over=2h "$OLD"
	code 64 ses-rotate -y --user=a --user=b --vault=vault "$OLD"
	code 69 ses-rotate --resume "$OLD"
	[ "$(emu_mutating_count)" = 0 ]
}
