#!/usr/bin/env bats
# iam-key-disable: what it changes, what it refuses, and how it proves it.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/iam_key.bash

# as_operator ACTION...: credentials that may do only that
as_operator() {
	local actions
	actions=$(printf '%s\n' "$@" | jq -R . | jq -sc .)
	emu_key "{\"user\":\"op$RANDOM\",\"policies\":{\"p\":{
	    \"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",
	    \"Resource\":\"*\",\"Action\":$actions}]}}}" >op.json
	AWS_ACCESS_KEY_ID=$(jq -r .id op.json)
	AWS_SECRET_ACCESS_KEY=$(jq -r .secret op.json)
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

@test "it deactivates, proves it, and says what it saw" {
	run -0 --separate-stderr iam-key-disable -y "$key"
	[ -z "$stderr" ]
	is '.type == "aws-key" and .id == "'"$key"'" and
	    .user == "'"$user"'" and .was == "Active" and
	    .status == "Inactive" and .ok and .changed and
	    .proof == "status" and .from == "iam-key-disable" and
	    (.created | length == 20) and (has("last_used") | not) and
	    (has("dry_run") | not)'
	[ "$(status_of "$key")" = Inactive ]
	[ "$(emu_mutating_count)" = 1 ]
	# three looks in a row after the change, and one before it
	[ "$(emu_calls '[.[] | select(.operation == "ListAccessKeys")] | length')" = 4 ]
	emu_no_violations
}

@test "it was so already: 0, nothing changed, proven all the same" {
	iam-key-disable -y "$key" >/dev/null
	emu_reset_log
	run -0 --separate-stderr iam-key-disable -y "$key"
	is '.was == "Inactive" and .ok and .changed == false and .proof == "status"'
	# nothing to ask about either
	run -0 --separate-stderr iam-key-disable "$key" </dev/null
	[ "$(emu_mutating_count)" = 0 ]
}

@test "-n changes nothing; its plan is what a real run takes" {
	run -0 --separate-stderr iam-key-disable -n --incident=/nonexistent "$key"
	is '.dry_run and .changed and .was == "Active" and .status == "Inactive" and
	    (has("proof") | not)'
	[ "$(emu_mutating_count)" = 0 ]
	printf '%s\n' "$output" >plan
	run -0 --separate-stderr iam-key-disable -y <plan
	is '.changed and .status == "Inactive"'
	run -0 --separate-stderr iam-key-disable -n "$key"
	is '.dry_run and .changed == false'
	emu_no_violations
}

@test "--undo brings back; what was inactive before is left" {
	run -0 --separate-stderr iam-key-disable -y "$key"
	printf '%s\n' "$output" >done1
	run -0 --separate-stderr iam-key-disable --undo -n <done1
	is '.dry_run and .changed and .status == "Active"'
	printf '%s\n' "$output" >undo-plan
	run -0 --separate-stderr iam-key-disable --undo -y <undo-plan
	is '.changed and .was == "Inactive" and .status == "Active" and .proof == "status"'
	run -0 --separate-stderr iam-key-disable --undo -y "$key"
	is '.changed == false and .ok'
	# now it is found inactive: its record does not revive it
	emu_key "{\"user\":\"$user\",\"id\":\"$key\",\"status\":\"Inactive\"}"
	run -0 --separate-stderr iam-key-disable -y "$key"
	printf '%s\n' "$output" >done2
	run -0 --separate-stderr iam-key-disable --undo -y <done2
	is '.changed == false and .status == "Inactive" and .ok and (.why | length > 0)'
	# but named by a person it does
	run -0 --separate-stderr iam-key-disable --undo -y "$key"
	is '.changed and .status == "Active"'
}

@test "many keys, bare and as records, each once" {
	b=$(emu_key '{"user":"second"}' | jq -r .id)
	printf '%s\n\n{"type":"aws-key","id":"%s","user":"second"}\n%s\n' \
		"$key" "$b" "$key" >in
	run -0 --separate-stderr iam-key-disable -y <in
	[ "$(jq -s length <<<"$output")" = 2 ]
	jq -se 'all(.changed and .proof == "status")' <<<"$output"
	[ "$(changes)" = 2 ]
}

@test "some fail: 3, and each says so" {
	run -3 --separate-stderr iam-key-disable -y "$key" AKIANOSUCHKEY0000001
	[[ $stderr == *AKIANOSUCHKEY0000001* ]]
	jq -se '.[0].ok and .[0].changed and .[1].ok == false and
	    (.[1].why | test("no user"))' <<<"$output"
}

@test "a key that does not exist is 69, with and without --user" {
	run -69 --separate-stderr iam-key-disable -y AKIANOSUCHKEY0000001
	is '.ok == false and .changed == false'
	run -69 iam-key-disable -y --user="$user" AKIANOSUCHKEY0000001
	run -69 iam-key-disable -y --user=nobody "$key"
	run -69 iam-key-disable -y --user=nosuchuser "$key"
	[ "$(emu_mutating_count)" = 0 ]
}

@test "the user is found in the keys of all users when asking is denied" {
	as_operator iam:ListUsers iam:ListAccessKeys
	run -0 --separate-stderr iam-key-disable -n "$key"
	is '.user == "'"$user"'"'
}

@test "the caller's own key is refused before anything is sent" {
	run -69 --separate-stderr iam-key-disable -y "$AWS_ACCESS_KEY_ID"
	[[ $stderr == *"signs with"*hint* ]]
	run -69 iam-key-disable -y "$key" "$AWS_ACCESS_KEY_ID"
	run -69 iam-key-disable -n "$AWS_ACCESS_KEY_ID"
	[ "$(emu_calls length)" = 0 ]
}

@test "bad input is 65 and names the line; nothing is sent" {
	for id in AKIA akiastolenkey0000001 'AKIASTOLENKEY00000 1' \
	    ASIATEMPORARY0000001; do
		run -65 iam-key-disable -y "$id"
		[ -n "$output" ]
	done
	run -65 --separate-stderr iam-key-disable -y < <(echo "$key"; echo 'x y')
	[[ $stderr == *"standard input:2"* ]]
	run -65 iam-key-disable -y <<<'{"type":"queue-msg","id":"AKIASTOLENKEY0000001"}'
	run -65 iam-key-disable -y <<<'{"user":"x"}'
	run -65 iam-key-disable -y <<<'{"id":'
	run -65 iam-key-disable -y < <(for i in {10000..11000}; do echo "AKIA00000000000$i"; done)
	[ "$(emu_calls length)" = 0 ]
}

@test "an empty selection, no -y, a silly --wait: 64" {
	run -64 iam-key-disable -y </dev/null
	run -64 iam-key-disable -y ''
	run -64 iam-key-disable "$key" </dev/null
	run -64 iam-key-disable -y --wait=2d "$key"
	run -64 iam-key-disable -y --user= "$key"
	run -64 iam-key-disable --key-secret-file=key.secret -y "$key" AKIANOSUCHKEY0000001
	[ "$(emu_mutating_count)" = 0 ]
}

@test "throttled, broken, reset: it tries again; then 75" {
	for f in throttle 500 reset_before reset_after; do
		emu_fault "{\"do\":\"$f\",\"times\":1,\"match\":{\"operation\":\"UpdateAccessKey\"}}"
	done
	AWS_MAX_ATTEMPTS=5 run -0 --separate-stderr iam-key-disable -y "$key"
	is '.changed and .proof == "status"'
	emu_fault '{"do":"503","times":-1,"match":{"operation":"ListAccessKeys"}}'
	run -75 iam-key-disable -y --undo "$key"
	[ "$(status_of "$key")" = Inactive ]
}

@test "the answers are lost and the work is done: it looks, and says so" {
	emu_fault '{"do":"reset_after","times":3,"match":{"operation":"UpdateAccessKey"}}'
	run -0 --separate-stderr iam-key-disable -y "$key"
	is '.changed and .ok and .proof == "status"'
}

@test "garbage is 76" {
	emu_fault '{"do":"garbage","times":-1,"match":{"operation":"ListAccessKeys"}}'
	run -76 iam-key-disable -y "$key"
	[ "$(emu_mutating_count)" = 0 ]
}

@test "denied is 77" {
	as_operator iam:ListAccessKeys
	run -77 --separate-stderr iam-key-disable -y "$key"
	[[ $stderr == *"hint"* || $output == *"AccessDenied"* ]]
	as_operator iam:ListAccessKeys iam:GetAccessKeyLastUsed
	run -77 --separate-stderr iam-key-disable -y "$key"
	is '.ok == false and .changed == false and .status == "Active"'
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	run -77 iam-key-disable -y "$key"
}

@test "the journal has the state before, and the proof after" {
	mkdir -m 700 inc
	: >inc/journal.jsonl
	run -0 --separate-stderr iam-key-disable -y --incident=inc "$key"
	jq -se 'length == 2 and .[0].event == "iam-key-disable.begin" and
	    .[0].data.was == "Active" and .[0].data.changed == false and
	    .[1].event == "iam-key-disable.end" and .[1].data.changed and
	    .[1].data.proof == "status"' inc/journal.jsonl
	# nothing to change, nothing to journal
	iam-key-disable -y --incident=inc "$key" >/dev/null
	[ "$(wc -l <inc/journal.jsonl)" = 2 ]
	# without a journal no change
	run -66 iam-key-disable --undo -y --incident=nosuch "$key"
	[ "$(changes)" = 1 ]
}

@test "the record has the last use" {
	AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret \
		"$QUELL_B/unit/aws_call_tool" <<<'{"service":"sts","operation":"GetCallerIdentity"}'
	run -0 --separate-stderr iam-key-disable -n "$key"
	is '.last_used_service == "sts" and .last_used_region == "us-east-1" and
	    (.last_used | length == 20)'
}

@test "--delete: only an inactive key, one, confirmed, and kept first" {
	mkdir -m 700 inc
	: >inc/journal.jsonl
	run -64 iam-key-disable -y --delete "$key"
	run -64 iam-key-disable -y --delete --undo --incident=inc "$key"
	run -64 iam-key-disable -y --delete --incident=inc "$key" AKIASTOLENKEY0000001
	run -69 --separate-stderr iam-key-disable -y --delete --incident=inc --confirm="$key" "$key"
	[[ $stderr == *"only an inactive key"* ]]
	[ "$(emu_mutating_count)" = 0 ]
	iam-key-disable -y "$key" >/dev/null
	run -64 iam-key-disable -y --delete --incident=inc "$key"
	run -64 iam-key-disable -y --delete --incident=inc --confirm=AKIASTOLENKEY0000001 "$key"
	run -0 --separate-stderr iam-key-disable -n --delete "$key"
	is '.dry_run and .changed and .was == "Inactive" and .status == "Deleted"'
	[ "$(status_of "$key")" = Inactive ]
	[ ! -e inc/evidence ]
	run -0 --separate-stderr iam-key-disable --delete --incident=inc --confirm="$key" "$key"
	is '.changed and .status == "Deleted" and .proof == "status" and .ok'
	[ -z "$(status_of "$key")" ]
	jq -e --arg k "$key" '.id == $k and .was == "Inactive" and (.created | length == 20) and
	    .user == "'"$user"'"' inc/evidence/*aws-key-"$key".json
	jq -se 'map(.event) == ["evidence.added", "iam-key-disable.begin", "iam-key-disable.end"] and
	    .[1].data.delete' inc/journal.jsonl
	# again: the journal knows that it was ours
	run -0 --separate-stderr iam-key-disable --delete --incident=inc --confirm="$key" "$key"
	is '.changed == false and .was == "Deleted" and .ok'
	# in another incident nobody knows such a key
	mkdir -m 700 inc2
	: >inc2/journal.jsonl
	run -69 iam-key-disable --delete --incident=inc2 --confirm="$key" "$key"
	emu_no_violations
}

@test "examples of the man page" {
	mkdir -m 700 case
	: >case/journal.jsonl
	emu_key '{"user":"second","id":"AKIASTOLENKEY0000002"}' >/dev/null
	(umask 077 && echo 'st0len/+SecretKeyForTheSmtpUser/0000001+' >stolen.secret)
	run_examples iam-key-disable
}
