#!/usr/bin/env bats
# iam-key-disable: proof by calls signed with the key itself.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/iam_key.bash

@test "proof by the key itself, when AWS is slow to believe it" {
	emu_set '{"propagation":{"dead":[1,3]}}'
	run -0 --separate-stderr iam-key-disable -y --key-secret-file=key.secret "$key"
	is '.proof == "signed-call" and .status == "Inactive"'
	# it worked before, and the last five were refused
	emu_calls '[.[] | select(.operation == "GetCallerIdentity") | .status]' >tries
	jq -e '.[0] == 200 and (.[-5:] | all(. == 403))' tries
	run ! grep -rF "$secret" "$EMU_DIR/calls.jsonl"
}

@test "--undo is proven by the key that works again" {
	iam-key-disable -y "$key" >/dev/null
	run -0 --separate-stderr iam-key-disable --undo -y --key-secret-file=key.secret "$key"
	is '.proof == "signed-call" and .status == "Active"'
}

@test "a key that was dead before proves nothing by failing" {
	iam-key-disable -y "$key" >/dev/null
	run -0 --separate-stderr iam-key-disable -y --key-secret-file=key.secret "$key"
	is '.proof == "status" and .changed == false'
	[[ $stderr == *"inactive already"* ]]
}

@test "a wrong secret, or one that others can read: 78, nothing changed" {
	(umask 077 && printf 'wrong%.0s' 1 2 3 4 5 6 7 8 >other.secret)
	run -78 --separate-stderr iam-key-disable -y --key-secret-file=other.secret "$key"
	[[ $stderr == *"not the secret of"* ]]
	chmod 644 key.secret
	run -78 iam-key-disable -y --key-secret-file=key.secret "$key"
	run -66 iam-key-disable -y --key-secret-file=nosuch "$key"
	[ "$(emu_mutating_count)" = 0 ]
}

@test "not proven in time: 75, changed; the next run goes on" {
	emu_set '{"propagation":{"dead":[3,3]}}'
	run -75 --separate-stderr iam-key-disable -y --wait=1 --key-secret-file=key.secret "$key"
	is '.changed and .ok == false and .status == "Inactive" and
	    (has("proof") | not) and (.why | test("not yet proven"))'
	run -0 --separate-stderr iam-key-disable -y "$key"
	is '.changed == false and .proof == "status"'
	[ "$(changes)" = 1 ]
}

@test "no secret in records or messages" {
	run -0 iam-key-disable -v -y --key-secret-file=key.secret "$key"
	[[ $output != *"$secret"* ]]
	[[ $output != *"$AWS_SECRET_ACCESS_KEY"* ]]
}

@test "killed while it proves: the next run finishes it, proof and journal" {
	mkdir -m 700 inc
	: >inc/journal.jsonl
	emu_set '{"propagation":{"dead":[1,1]}}'
	iam-key-disable -y --incident=inc --key-secret-file=key.secret \
		"$key" >out 2>&1 3>&- &
	pid=$!
	until [ "$(changes)" = 1 ]; do sleep 0.05; done
	kill -9 "$pid"
	wait "$pid" || true
	[ ! -s out ]
	[ "$(wc -l <inc/journal.jsonl)" = 1 ]
	run -0 --separate-stderr iam-key-disable -y --incident=inc \
		--key-secret-file=key.secret "$key"
	is '.changed == false and .proof == "signed-call"'
	jq -se 'length == 2 and .[1].event == "iam-key-disable.end"' inc/journal.jsonl
	run -0 --separate-stderr iam-key-disable -y --incident=inc \
		--key-secret-file=key.secret "$key"
	is '.proof == "signed-call"'
	[ "$(wc -l <inc/journal.jsonl)" = 2 ]
}
