#!/usr/bin/env bats
# What a signed call leaves in memory: the process is looked through, and
# dumped, while it still runs.  No secret key may be outside the secure heap.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root: it reads another process's memory"
	[ -z "${QUELL_ASAN:-}" ] || skip "the sanitizer keeps what was freed"
	emu_fresh
	# TLS as against AWS: its buffers are part of the question
	export AWS_ENDPOINT_URL="https://{service}.{region}.localhost:$EMU_HTTPS"
	secret=$AWS_SECRET_ACCESS_KEY
	call=$QUELL_B/unit/aws_call_tool
	who='{"service":"sts","operation":"GetCallerIdentity"}'
	list='{"service":"iam","operation":"ListUsers","pages":["Marker","Marker","Users"]}'
}

teardown() {
	[ -z "${pid:-}" ] || {
		rm -f held
		wait "$pid"
	}
}

# held INPUT ARG...: the calls are made and the process stays; sets pid
held() {
	local n=200 input=$1
	shift
	"$call" hold=held "$@" <<<"$input" >out 2>err 3>&- &
	pid=$!
	until [ -e held ]; do
		((n--)) || return 1
		sleep 0.05
	done
}

# look NEEDLE...: where they are
look() {
	python3 "$QUELL_ROOT/tests/lib/memory.py" "$pid" "$@"
}

@test "the search finds what is there: a copy on the heap" {
	LEAK=$secret held "$who" leak=1
	json_is "$(look "$secret")" '.[0].outside | any(test("heap"))'
}

@test "keys of the environment: only on the secure heap" {
	held "$who"
	json_is "$(cat out)" '.code == 0'
	json_is "$(look "$secret")" '.[0].inside >= 1 and .[0].outside == []'
}

@test "many calls, pages, failures: still only there" {
	emu_fault '{"do":"500","times":2}'
	held "$who"$'\n'"$who"$'\n''{"service":"iam","operation":"GetUser","params":{"UserName":"no"}}'
	json_is "$(look "$secret")" '.[0].inside >= 1 and .[0].outside == []'
	rm -f held && wait "$pid"
	held "$list"
	json_is "$(look "$secret")" '.[0].inside >= 1 and .[0].outside == []'
}

@test "what -vv prints leaves no copy" {
	held "$who" verbose=2
	grep -q 'x-amz-date' err
	json_is "$(look "$secret")" '.[0].inside >= 1 and .[0].outside == []'
}

@test "keys of a profile" {
	export AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials
	printf '[p]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
		"$AWS_ACCESS_KEY_ID" "$secret" >credentials
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	held "$who" profile=p
	json_is "$(cat out)" '.code == 0'
	json_is "$(look "$secret")" '.[0].inside >= 1 and .[0].outside == []'
}

@test "the instance's keys and its session token" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_EC2_METADATA_DISABLED=false
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$EMU_IMDS/
	emu_set '{"imds":{"mode":"on","role":"mail-host"}}'
	base=http://127.0.0.1:$EMU_IMDS/latest
	t=$(curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token")
	curl -sS -H "X-aws-ec2-metadata-token: $t" \
		"$base/meta-data/iam/security-credentials/mail-host" >creds
	held "$who"
	json_is "$(cat out)" '.code == 0'
	json_is "$(look "$(jq -r .SecretAccessKey creds)" "$(jq -r .Token creds)")" \
		'all(.inside >= 1 and .outside == [])'
}

@test "a secret that AWS makes for us" {
	emu_key '{"user":"fresh"}' >/dev/null
	held '{"service":"iam","operation":"CreateAccessKey","params":{"UserName":"fresh"},"not_repeatable":true,"secret_name":"SecretAccessKey"}'
	json_is "$(cat out)" '.code == 0 and .secret_len == 40'
	# the emulator does not tell it: what is on the secure heap is it
	new=$(python3 "$QUELL_ROOT/tests/lib/memory.py" "$pid" --hidden |
		grep -E '^[A-Za-z0-9/+]{40}$' | grep -vxF "$secret")
	[ "$(wc -l <<<"$new")" = 1 ]
	json_is "$(look "$new")" '.[0].inside >= 1 and .[0].outside == []'
}

@test "a core made by root holds no secret" {
	command -v gcore >/dev/null || skip "no gcore"
	held "$who"
	gcore -o core "$pid" >gcore.out 2>&1 3>&- || {
		cat gcore.out
		return 1
	}
	# it is a core of this process: the call's name is in it
	grep -qaF GetCallerIdentity core.*
	run -1 grep -caF -e "$secret" core.*
}
