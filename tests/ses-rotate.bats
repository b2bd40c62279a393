#!/usr/bin/env bats
# ses-rotate against the AWS emulator and its SMTP endpoint.
# shellcheck disable=SC2154

load lib/quell
load aws/shared.bash

SECRET='st0len/+SecretKeyForTheSmtpUser/0000001+'

# Each test has a user of its own.
setup() {
	emu_fresh '{"preset": "immediate", "rtt_ms": null,
		"regions": {"us-east-1": {"sending_enabled": true}}}'
	state=$PWD/state/ses-rotate-111122223333.json
	umask 077
	printf '%s\n' "$SECRET" >old.secret
	new_user
}

# Sets $user and $OLD, the key of it that was stolen.
new_user() {
	users=$((${users:-0} + 1))
	user=user-$BATS_TEST_NUMBER-$users
	OLD=$(printf 'AKIASTOLEN%05d%05d' "$BATS_TEST_NUMBER" "$users")
	emu_key "$(jq -nc --arg u "$user" --arg i "$OLD" --arg s "$SECRET" \
		'{user: $u, id: $i, secret: $s,
		groups: ["AWSSESSendingGroupDoNotRename"]}')" >/dev/null
}

# Whatever a test did: no secret is in anything but the credential file.
teardown() {
	local secrets
	secrets=$(cat ./*.cred 2>/dev/null | sed -n 's/^pass[^:]*: //p'
		echo "$SECRET")
	run -1 grep -rlF -e "$secrets" --exclude='*.cred' \
		--exclude=old.secret --exclude=old.pw .
}

rotate() { # N ARGUMENT...: with the old key, quickly
	local want=$1
	shift
	code "$want" ses-rotate -y --key="$OLD" --proofs="${proofs:-1}" \
		--wait="${wait:-8}" --over=0 "$@"
}

old_password() { # REGION
	printf '%s\n' "$SECRET" |
		python3 "$QUELL_ROOT/tests/drill/smtp_password.py" "$1"
}

role() { # ROLE FIELD
	jq -r "select(.role == \"$1\").$2" out
}

keys() {
	emu_world "[.users[\"$user\"].keys[] | .status] | sort | join(\",\")"
}

smtp_calls() { # FILTER
	emu_calls "[.[] | select(.service == \"smtp\") | $1]"
}

# What a person would do by hand.
delete_key() { # ID
	"$(emu_python)" - "$1" "http://127.0.0.1:$EMU_HTTP" "$user" <<-'END'
		import sys
		import botocore.session
		iam = botocore.session.get_session().create_client(
		    "iam", region_name="us-east-1", endpoint_url=sys.argv[2])
		iam.delete_access_key(UserName=sys.argv[3], AccessKeyId=sys.argv[1])
	END
}

# Fill the user's second slot.
second_key() {
	emu_key "{\"user\": \"$user\", \"status\": \"Inactive\"}" |
		jq -r .id
}

@test "all of it: contained and dead before the new key is made, then proven" {
	proofs=3 rotate 0 --old-secret-file=old.secret --out=new.cred \
		--from=info@shop.example.net
	[ "$(role old status)$(role new status)" = InactiveActive ]
	[ "$(role old proof.before) $(role old proof.dead_535)" = '235 3' ]
	[ "$(role new proof.auth_235) $(role new proof.data)" = '3 accepted' ]
	[ "$(jq -s 'all(.changed and .ok and .type == "aws-key" and
		(.user | startswith("user-")) and .account == "111122223333")' out)" = true ]
	[ "$(keys)" = '"Active,Inactive"' ]
	# the order is law
	[ "$(emu_calls '[.[] | select(.mutating) | .operation] | join(",")')" = \
		'"UpdateAccessKey,CreateAccessKey,DATA"' ]
	[ "$(emu_calls '[.[] | select(.operation == "AUTH" or .mutating) |
		if .operation == "AUTH" then .status else .operation end] |
		map(tostring) | join(" ")')" = \
		'"235 UpdateAccessKey 535 535 535 CreateAccessKey 235 235 235 235 DATA"' ]
	[ "$(role new file)" = "$PWD/new.cred" ]
	[ "$(stat -c %a new.cred)" = 600 ]
	emu_no_violations
}

@test "the file: user and passwords of every region, as lsearch reads it" {
	rotate 0 --out=new.cred --regions=us-east-1,eu-west-1
	local id
	id=$(role new id)
	grep -qx "user: $id" new.cred
	[ "$(sed -n 's/^pass: //p' new.cred)" = \
		"$(sed -n 's/^pass.us-east-1: //p' new.cred)" ]
	[ "$(grep -c '^pass' new.cred)" = 3 ]
	[ "$(sed -n 's/^pass.eu-west-1: //p' new.cred | wc -c)" = 45 ]
	[ "$(role new 'regions | join(",")')" = us-east-1,eu-west-1 ]
	[ "$(role new proof.auth_235)" = 1 ]
	[ "$(smtp_calls 'select(.status == 235) | .region' | jq -c unique)" = \
		'["eu-west-1","us-east-1"]' ]
	emu_no_violations
}

@test "mode and group of the file" {
	local g
	g=$(id -gn)
	rotate 0 --out=new.cred --group="$g"
	[ "$(stat -c '%a %G' new.cred)" = "640 $g" ]
	code 0 ses-rotate -y --phase=prove --proofs=1 "$OLD"
	code 64 ses-rotate -y --out=x --mode=0644 "$OLD"
	code 64 ses-rotate -y --out=x --mode=0640 "$OLD"
	code 64 ses-rotate -y --out=x --group=no-such-group "$OLD"
}

@test "-n makes reading calls only, no SMTP, writes nothing, and is a plan" {
	code 0 ses-rotate -n --out=new.cred --old-secret-file=old.secret \
		--from=info@shop.example.net "$OLD"
	[ "$(jq -c '[.id, .role, .user, .status, .changed, .dry_run, .slot]' \
		out)" = "[\"$OLD\",\"old\",\"$user\",\"Active\",true,true,true]" ]
	[ "$(emu_mutating_count)" = 0 ]
	[ "$(smtp_calls .operation)" = '[]' ]
	[ ! -e state ] && [ ! -e new.cred ]
	cp out plan
	run -0 ses-rotate -y --phase=contain --old-secret-file=old.secret --proofs=1 <plan
	[ "$(keys)" = '"Inactive"' ]
}

@test "phases one by one, each again without doing it again" {
	rotate 0 --phase=contain --old-secret-file=old.secret
	[ "$(keys)" = '"Inactive"' ]
	emu_reset_log
	rotate 0 --phase=contain --old-secret-file=old.secret
	[ "$(role old changed)" = false ]
	[ "$(role old proof.dead_535)" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
	rotate 69 --phase=prove
	rotate 0 --phase=create --out=new.cred
	cp new.cred first.cred
	rotate 0 --phase=create --out=new.cred
	[ "$(role new changed)" = false ]
	cmp new.cred first.cred
	rotate 0 --phase=prove
	[ "$(role new changed)" = false ]
	[ "$(role new proof.auth_235)" = 1 ]
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 1 ]
	emu_no_violations
}

@test "create is refused while the old key lives" {
	rotate 69 --phase=create --out=new.cred
	grep -q 'still active: contain it first' err
	[ "$(emu_mutating_count)" = 0 ]
}

@test "a key whose file was handed over is never taken for an orphan" {
	rotate 0 --out=new.cred
	mv new.cred gone.cred
	rotate 0 --phase=create --out=other.cred
	[ "$(role new status)" = Active ]
	[ ! -e other.cred ]
	[ "$(keys)" = '"Active,Inactive"' ]
	rotate 66 --phase=prove
}

@test "the key of this very run is refused" {
	code 69 ses-rotate -y --phase=contain AKIARESPONDERKEY0001
	grep -q 'is the key of this very run' err
	AWS_ACCESS_KEY_ID=$OLD AWS_SECRET_ACCESS_KEY=$SECRET \
		code 69 ses-rotate -y --phase=contain "$OLD"
	[ "$(emu_mutating_count)" = 0 ]
}

@test "two keys: contained, then 69 with what to do, nothing deleted" {
	local other
	other=$(second_key)
	code 0 ses-rotate -n --out=new.cred "$OLD"
	[ "$(role old slot)" = false ]
	rotate 69 --out=new.cred --old-secret-file=old.secret
	[ "$(keys)" = '"Inactive,Inactive"' ]
	[ "$(role old proof.dead_535)" = 1 ]
	[ "$(role old ok)" = false ]
	grep -q 'no room for a new one' err
	grep -q "hint: .*delete-access-key --user-name $user --access-key-id $other" err
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey" or .operation == "DeleteAccessKey")] | length')" = 0 ]
	[ ! -e new.cred ]
}

@test "no password: contained, and no proof is claimed" {
	rotate 0 --phase=contain
	[ "$(keys)" = '"Inactive"' ]
	[ "$(role old proof.before)" = none ]
	[ "$(role old 'proof | has("dead_535")')" = false ]
	[ "$(smtp_calls .operation)" = '[]' ]
}

@test "the old SMTP password, alone in its file or for its region" {
	old_password us-east-1 >old.pw
	rotate 0 --phase=contain --old-password-file=old.pw
	[ "$(role old proof.before) $(role old proof.dead_535)" = '235 1' ]
	printf 'user: x\npass: %s\npass.eu-west-1: %s\n' \
		"$(old_password us-east-1)" "$(old_password eu-west-1)" >old.pw
	emu_key "{\"user\": \"$user\", \"id\": \"$OLD\", \"status\": \"Active\"}" >/dev/null
	rm -r state
	rotate 0 --phase=contain --old-password-file=old.pw --regions=eu-west-1
	[ "$(role old proof.before)" = 235 ]
}

@test "a password of another region: contained, but nothing is proven: 65" {
	old_password us-east-1 >old.pw
	rotate 65 --old-password-file=old.pw --regions=eu-west-1 --out=new.cred
	[ "$(role old proof.before)" = refused ]
	[ "$(role old status)" = Inactive ]
	[ "$(role old ok)" = false ]
	grep -q 'not proven dead' err
	[ ! -e new.cred ]
	# the next phase is for a person to start
	rotate 0 --phase=create --out=new.cred
}

@test "a credential file as the old password; files that are open to others" {
	rotate 0 --out=one.cred
	local id
	id=$(role new id)
	code 0 ses-rotate -y --phase=contain --proofs=1 \
		--old-password-file=one.cred "$id"
	[ "$(role old proof.before) $(role old proof.dead_535)" = '235 1' ]
	chmod 644 old.secret
	rm -r state
	code 78 ses-rotate -y --phase=contain --old-secret-file=old.secret "$OLD"
	chmod 600 old.secret
}

@test "a password file that cannot be read does not delay the containment" {
	rotate 66 --phase=contain --old-password-file=missing
	[ "$(keys)" = '"Inactive"' ]
	grep -q 'is deactivated, but not proven dead' err
}

@test "no SMTP endpoint: contained, 75; later it is proven" {
	wait=1 rotate 75 --phase=contain --old-secret-file=old.secret \
		--smtp-endpoint='email-smtp.{region}.localhost:1'
	[ "$(keys)" = '"Inactive"' ]
	[ "$(role old proof.before)" = unreachable ]
	rotate 0 --phase=contain --old-secret-file=old.secret
	[ "$(role old proof.before)" = already ]
}

@test "a slow, flapping death is proven by a row of answers only" {
	emu_set '{"propagation": {"dead": [0.3, 1.5], "flap": true}}'
	proofs=5 wait=20 rotate 0 --phase=contain --old-secret-file=old.secret
	[ "$(role old proof.dead_535)" = 5 ]
	[ "$(smtp_calls 'select(.operation == "AUTH") | .status' | jq -c '.[-5:]')" = '[535,535,535,535,535]' ]
	[ "$(smtp_calls 'select(.operation == "AUTH" and .status == 235)' | jq length)" -gt 1 ]
}

@test "not dead in time: 75, and the next run goes on" {
	emu_set '{"propagation": {"dead": [60, 60]}}'
	wait=1 rotate 75 --out=new.cred --old-secret-file=old.secret
	[ "$(role old ok)" = false ]
	[ "$(keys)" = '"Inactive"' ]
	[ ! -e new.cred ]
}

@test "a slow, flapping birth is proven by a row of answers only" {
	emu_set '{"propagation": {"new": [0.3, 1.5], "flap": true}}'
	proofs=5 wait=20 rotate 0 --out=new.cred
	[ "$(role new proof.auth_235)" = 5 ]
	[ "$(smtp_calls 'select(.operation == "AUTH" and .status == 535)' | jq length)" -gt 0 ]
	[ "$(smtp_calls 'select(.operation == "AUTH") | .status' | jq -c '.[-5:]')" = '[235,235,235,235,235]' ]
}

@test "paused: the DATA proof says so; later it is accepted" {
	emu_set '{"regions": {"us-east-1": {"sending_enabled": false}}}'
	rotate 0 --out=new.cred --from=info@shop.example.net
	[ "$(role new proof.data)" = paused ]
	emu_set '{"regions": {"us-east-1": {"sending_enabled": true}}}'
	rotate 0 --phase=prove --from=info@shop.example.net
	[ "$(role new proof.data)" = accepted ]
}

@test "resumed, but not everywhere yet: asked until it is taken" {
	rotate 0 --out=new.cred
	emu_fault '{"match": {"service": "smtp", "operation": "END"}, "do": "reply", "reply": "554 Message rejected: Sending has been disabled for this account", "times": 2}'
	rotate 0 --phase=prove --from=info@shop.example.net
	[ "$(role new proof.data)" = accepted ]
}

@test "DATA is refused: 69; its answer is lost: 79 and not sent again" {
	rotate 0 --out=new.cred
	rotate 69 --phase=prove --from=info@not-ours.example
	[ "$(role new proof.data)" = refused ]
	[ "$(role new ok)" = false ]
	emu_reset_log
	emu_fault '{"match": {"service": "smtp", "operation": "END"}, "do": "reset_before"}'
	rotate 79 --phase=prove --from=info@shop.example.net
	[ "$(role new proof.data)" = unknown ]
	[ "$(smtp_calls 'select(.operation == "MAIL")' | jq length)" = 1 ]
	code 64 ses-rotate -y --phase=prove --from='a b@c' "$OLD"
}

@test "the answer to CreateAccessKey is lost: orphan deactivated, and 69" {
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "reset_after"}'
	rotate 69 --out=new.cred
	[ "$(keys)" = '"Inactive,Inactive"' ]
	[ "$(role orphan status)" = Inactive ]
	grep -q 'its secret is lost: deactivated' err
	grep -q "hint: .*$(role orphan id)" err
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 1 ]
	[ ! -e new.cred ]
	# a person deletes it: there is room
	delete_key "$(role orphan id)"
	rotate 0 --out=new.cred
	[ "$(keys)" = '"Active,Inactive"' ]
}

@test "CreateAccessKey never arrived: settled by looking, made once more" {
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "reset_before"}'
	rotate 0 --out=new.cred
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(role new status)" = Active ]
}

@test "an answer that is cut off counts as lost" {
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "truncate"}'
	rotate 69 --out=new.cred
	[ "$(keys)" = '"Inactive,Inactive"' ]
}

@test "killed at any point of the creation: no live key without an owner" {
	local point pid n
	for point in before after; do
		emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "hang", "ms": 1500, "when": "'$point'"}'
		ses-rotate -y --out=new.cred --proofs=1 "$OLD" \
			>killed.out 2>&1 </dev/null 3>&- &
		pid=$!
		n=200
		until grep -q '"creating":true' "$state" 2>/dev/null; do
			sleep 0.05
			n=$((n - 1)) && [ "$n" -gt 0 ]
		done
		sleep 0.5
		kill -9 "$pid"
		wait "$pid" || true
		if [ $point = before ]; then
			rotate 0 --out=new.cred
			[ "$(keys)" = '"Active,Inactive"' ]
			rm -rf state new.cred
			new_user
		else
			rotate 69 --out=new.cred
			[ "$(keys)" = '"Inactive,Inactive"' ]
			[ -n "$(role orphan id)" ]
			[ ! -e new.cred ]
		fi
	done
}

@test "killed while containing: the next run goes on" {
	emu_fault '{"match": {"operation": "UpdateAccessKey"}, "do": "hang", "ms": 1500, "when": "after"}'
	ses-rotate -y --phase=contain --old-secret-file=old.secret --proofs=2 "$OLD" \
		>killed.out 2>&1 </dev/null 3>&- &
	local pid=$! n=200
	until [ "$(keys)" = '"Inactive"' ]; do
		sleep 0.05
		n=$((n - 1)) && [ "$n" -gt 0 ]
	done
	kill -9 "$pid"
	wait "$pid" || true
	rotate 0 --phase=contain --old-secret-file=old.secret
	# the 235 of the killed run is remembered
	[ "$(role old proof.before) $(role old proof.dead_535)" = '235 1' ]
}

@test "killed behind the file: the key is kept" {
	rotate 0 --out=new.cred
	local id
	id=$(role new id)
	jq -c --arg k "$OLD" '.keys[$k] |= (del(.file, .regions) | .creating = true)' \
		"$state" >x && cat x >"$state"
	rotate 0 --phase=create --out=new.cred
	[ "$(role new id)" = "$id" ]
	[ "$(keys)" = '"Active,Inactive"' ]
	rotate 0 --phase=prove
}

@test "a place that cannot be written is found out before the key is made" {
	echo 'root:x:0:0' >passwd
	rotate 73 --out=passwd
	[ "$(cat passwd)" = 'root:x:0:0' ]
	ln -s new.cred link
	rotate 78 --out=link
	rotate 73 --out=nodir/new.cred
	[ "$(keys)" = '"Inactive"' ]
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 0 ]
}

@test "the place goes away while the key is made: the key is deactivated" {
	mkdir place
	emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "slow", "ms": 1500}'
	ses-rotate -y --out=place/new.cred --proofs=1 "$OLD" \
		>out 2>err </dev/null 3>&- &
	local pid=$! n=200 got=0
	until grep -q '"creating":true' "$state" 2>/dev/null; do
		sleep 0.05
		n=$((n - 1)) && [ "$n" -gt 0 ]
	done
	mv place gone
	wait "$pid" || got=$?
	[ "$got" = 73 ]
	[ "$(keys)" = '"Inactive,Inactive"' ]
	[ "$(role orphan status)" = Inactive ]
	[ "$(role old ok)" = false ]
	[ ! -e gone/new.cred ] && [ ! -e gone/new.cred.new ]
}

@test "the incident: journal before and after each change, state without secrets" {
	mkdir -m 700 case && : >case/journal.jsonl
	rotate 0 --out=new.cred --old-secret-file=old.secret --incident="$PWD/case"
	[ "$(jq -r '.event + "/" + .data.phase' case/journal.jsonl | paste -sd' ')" = \
		'ses-rotate.begin/contain ses-rotate.end/contain ses-rotate.proof/contain ses-rotate.begin/create ses-rotate.end/create ses-rotate.proof/prove' ]
	[ "$(jq -r ".keys.$OLD.new" case/state/ses-rotate.json)" = "$(role new id)" ]
	# here is only whose rotation it is, for another incident to see
	find state -type f -printf "%f\n" >here
	run ! grep -v "^ses-rotate-user-" here
}

@test "no secret in the arguments of any process" {
	emu_set '{"rtt_ms": [30, 30]}'
	ses-rotate -y --out=new.cred --old-secret-file=old.secret --proofs=2 --over=0 \
		"$OLD" >run.out 2>&1 </dev/null 3>&- &
	local pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		cat "/proc/$pid/cmdline" "/proc/$pid/environ" >>seen 2>/dev/null || true
		sleep 0.05
	done
	wait "$pid"
	# teardown looks for the secrets in what was seen
	[ -s seen ]
}

@test "a key of nobody, of another user, or no key" {
	code 69 ses-rotate -y --phase=contain --user=nobody "$OLD"
	grep -q "nobody: has no key $OLD" err
	code 65 ses-rotate -y --phase=contain nonsense
	code 65 ses-rotate -y --phase=contain ASIASTOLENKEY0000001
	code 64 ses-rotate -y --phase=contain
	code 64 ses-rotate -y --phase=contain --key="$OLD" "$OLD"
	code 64 ses-rotate -y --old-secret-file=old.secret --phase=contain "$OLD" AKIANOBODYKEY0000001
	code 64 ses-rotate -y --phase=nothing "$OLD"
	code 64 ses-rotate -y --phase=contain --smtp-endpoint='a b' "$OLD"
	code 64 ses-rotate -y "$OLD"
	code 64 ses-rotate -y --out=x --proofs=0 "$OLD"
	code 64 ses-rotate -y --phase=contain --regions=us-east-1,,x "$OLD"
	code 64 ses-rotate --phase=contain "$OLD"
	grep -q 'hint: look with -n, then use -y' err
	[ "$(emu_mutating_count)" = 0 ]
}

@test "denied: 77 and nothing changed" {
	AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001 \
	AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010 \
		code 77 ses-rotate -y --phase=contain --user="$user" "$OLD"
	[ "$(emu_mutating_count)" = 0 ]
}

@test "the examples of the manual" {
	old_password us-east-1 >old.pw
	emu_key '{"user": "routine", "id": "AKIAROUTINEKEY000001",
		"groups": ["AWSSESSendingGroupDoNotRename"]}' >/dev/null
	for user in shop news; do
		emu_key "{\"user\": \"$user\"}" >/dev/null
	done
	head -c 32 /dev/urandom >vault.key
	chmod 400 vault.key
	mkdir bin
	printf '%s\n' '#!/bin/sh' 'cat >/dev/null' \
		'[ -e tried ] || { : >tried; exit 255; }' >bin/ssh
	chmod 700 bin/ssh
	PATH=$PWD/bin:$PATH run_examples ses-rotate
}
