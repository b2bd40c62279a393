#!/usr/bin/env bats
# The emulator in every mode, against a call that reads, one that may be
# repeated and one that may not: the right result or the right exit code, and
# nothing done twice, by the emulator's own log.  And signals.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

setup() {
	emu_fresh '{"preset":"immediate","clock_skew_s":0,"rtt_ms":null,"imds":{"mode":"off"}}'
	call=$QUELL_B/unit/aws_call_tool
}

# the call of a kind, with a user of its own
input() { # KIND USER
	case $1 in
	read)
		jq -nc --arg u "$2" '{service: "iam",
		    operation: "ListAccessKeys", params: {UserName: $u}}' ;;
	write)
		jq -nc --arg u "$2" --arg k "$3" '{service: "iam",
		    operation: "UpdateAccessKey", params: {UserName: $u,
		    AccessKeyId: $k, Status: "Inactive"}}' ;;
	once)
		jq -nc --arg u "$2" '{service: "iam",
		    operation: "CreateAccessKey", params: {UserName: $u},
		    not_repeatable: true, secret_name: "SecretAccessKey"}' ;;
	esac
}

# one KIND FAULT CODE ATTEMPTS [ARG...]: the call in that mode
one() {
	local kind=$1 fault=$2 code=$3 attempts=$4 user=$1-$2 key n took
	shift 4
	key=$(emu_key "{\"user\":\"$user\"}" | jq -r .id)
	emu_reset_log
	case $fault in
	clock*) emu_set "{\"clock_skew_s\":${fault#clock}}" ;;
	*) emu_fault "{\"do\":\"$fault\",\"times\":1,\"ms\":400,\"retry_after_ms\":20}" ;;
	esac
	[ "$fault" != hang ] || {
		emu_control POST clear_faults >/dev/null
		emu_fault '{"do":"hang","times":-1}'
	}
	out=$(input "$kind" "$user" "$key" | "$call" "$@")
	json_is "$out" ".code == $code and .attempts == $attempts" || {
		echo "$kind, $fault"
		return 1
	}
	emu_control POST clear_faults >/dev/null
	emu_set '{"clock_skew_s":0}'
	# how often it took effect
	n=$(emu_world ".users[\"$user\"].keys | length")
	took=$(emu_calls '[.[] | select(.operation == "CreateAccessKey" and
	    (.status == 200 or (.fault // "" | test("after"))))] | length')
	case $kind in
	once)
		[ "$((n - 1))" = "$took" ] && [ "$took" -le 1 ]
		[ "$code" != 0 ] || [ "$took" = 1 ]
		[ "$code" = 75 ] && [ "$took" != 0 ] && return 1
		;;
	write)
		[ "$code" != 0 ] || json_is "$(emu_world ".users[\"$user\"].keys[0]")" \
			'.status == "Inactive"'
		;;
	esac
	run ! grep -qF "$AWS_SECRET_ACCESS_KEY" <<<"$out"
	emu_no_violations
}

@test "throttled: all three are asked again" {
	for k in read write once; do
		one $k throttle 0 2
	done
}

@test "500 and 503: asked again, but never what must not be repeated" {
	for f in 500 503; do
		one read $f 0 2
		one write $f 0 2
		one once $f 79 1
	done
}

@test "the connection is lost, before and after acting" {
	for f in reset_before reset_after close_before close_after truncate; do
		one read $f 0 2
		one write $f 0 2
		one once $f 79 1
	done
}

@test "slow is not lost" {
	for k in read write once; do
		one $k slow 0 1
	done
}

@test "garbage and nothing at all" {
	for f in garbage empty; do
		one read $f 76 1
		one write $f 76 1
		one once $f 79 1
	done
}

@test "no answer, and the time is up" {
	for k in read write; do
		one $k hang 75 1 timeout=1
	done
	one once hang 79 1 timeout=1
}

@test "a clock ten minutes off, either way" {
	for s in 600 -600; do
		for k in read write once; do
			one $k clock$s 0 1
		done
	done
}

@test "the bucket: retries end long before the attempts do" {
	export AWS_MAX_ATTEMPTS=4
	emu_fault '{"do":"500","times":-1}'
	out=$(input read ses-smtp | "$call" repeat=40 parallel=8)
	json_is "$out" '.failed == 40 and .code == 75'
	# 40 first attempts, and 35 retries of 14 out of 500
	[ "$(emu_calls length)" = 75 ]
}

@test "a retry that would come after the limit is not waited for" {
	emu_fault '{"do":"throttle","times":-1,"retry_after_ms":4500}'
	SECONDS=0
	out=$(input read ses-smtp | "$call" timeout=3)
	json_is "$out" '.code == 75 and .error_code == "Throttling"'
	[ "$SECONDS" -le 1 ]
}

# --- credentials that run out ---------------------------------------------

@test "the instance's token runs out on the way: another is fetched" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_EC2_METADATA_DISABLED=false
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$EMU_IMDS/
	emu_set '{"imds":{"mode":"on","role":"mail-host"},"rtt_ms":[60,60]}'
	"$call" repeat=16 parallel=2 <<<'{"service":"sts","operation":"GetCallerIdentity"}' \
		>out 3>&- &
	sleep 0.4
	emu_set '{"clock_skew_s":90000}'
	wait $!
	json_is "$(cat out)" '.ok == 16 and .failed == 0'
	# the new time was learnt, and with it that the pair at hand is old
	json_is "$(emu_calls '[.[].key_id | select(.)] | unique')" 'length == 2'
}

@test "a token of the environment runs out: 77, once, and what to do" {
	arn=$(emu_world '.roles["mail-host"].arn' | tr -d '"')
	[ -n "$arn" ]
	emu_set '{"imds":{"mode":"on","role":"mail-host"}}'
	base=http://127.0.0.1:$EMU_IMDS/latest
	t=$(curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token")
	creds=$(curl -sS -H "X-aws-ec2-metadata-token: $t" \
		"$base/meta-data/iam/security-credentials/mail-host")
	AWS_ACCESS_KEY_ID=$(jq -r .AccessKeyId <<<"$creds")
	AWS_SECRET_ACCESS_KEY=$(jq -r .SecretAccessKey <<<"$creds")
	AWS_SESSION_TOKEN=$(jq -r .Token <<<"$creds")
	export AWS_ACCESS_KEY_ID AWS_SESSION_TOKEN
	json_is "$("$call" <<<'{"service":"sts","operation":"GetCallerIdentity"}')" '.code == 0'
	# the token is sent, and never shown
	"$call" verbose=2 <<<'{"service":"sts","operation":"GetCallerIdentity"}' >out 2>err
	grep -q 'x-amz-security-token:\*\*\*$' err
	run ! grep -qF -e "$AWS_SESSION_TOKEN" -e "$AWS_SECRET_ACCESS_KEY" out err
	emu_reset_log
	emu_set '{"clock_skew_s":400000}'
	json_is "$("$call" <<<'{"service":"sts","operation":"GetCallerIdentity"}')" \
		'.code == 77 and .error_code == "ExpiredToken" and .attempts == 1'
	[ "$(emu_calls length)" -le 2 ]
}

# --- signals ---------------------------------------------------------------

# until FILTER: the emulator's log says so
until_log() {
	local n=100
	until json_is "$(emu_calls '[.[].operation]')" "$1" >/dev/null; do
		((n--)) || return 1
		sleep 0.05
	done
}

@test "a signal: what runs may end, what waits is not started" {
	emu_fault '{"do":"slow","ms":1000,"times":-1}'
	input read ses-smtp >in
	cat in in in in >four
	"$call" parallel=2 <four >out 3>&- &
	pid=$!
	sleep 0.5
	kill -TERM $pid
	wait $pid
	json_is "$(jq -s 'map(.code)' out)" '. == [0, 0, 75, 75]'
	grep -q interrupted out
	[ "$(emu_calls length)" = 2 ]
}

@test "a signal: what hangs is abandoned, and is 79 if it must not be repeated" {
	emu_key '{"user":"sig"}' >/dev/null
	emu_fault '{"do":"hang","times":-1}'
	{ input read sig && input once sig; } >in
	SECONDS=0
	"$call" <in >out 3>&- &
	pid=$!
	sleep 0.5
	# the first gives two seconds, the second none
	kill -TERM $pid
	sleep 0.2
	kill -TERM $pid
	wait $pid
	[ "$SECONDS" -le 2 ]
	json_is "$(jq -s 'map(.code)' out)" '. == [75, 79]'
}

@test "ses-rotate is stopped while it creates a key: 79, journalled, settled by the next run" {
	mkdir -m 700 inc && : >inc/journal.jsonl
	key=$(emu_key '{"user":"rot","groups":["AWSSESSendingGroupDoNotRename"]}' |
		jq -r .id)
	emu_fault '{"do":"hang","times":1,"when":"after","match":{"operation":"CreateAccessKey"}}'
	ses-rotate -y --incident=inc --user=rot --out=new.cred "$key" \
		>out 2>err </dev/null 3>&- &
	pid=$!
	until_log 'any(. == "CreateAccessKey")' || sleep 1
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	cat err
	[ "$rc" = 79 ]
	grep -q 'outcome unknown' err
	json_is "$(jq -s . inc/journal.jsonl)" 'any(.[]; .event == "ses-rotate.end"
	    and (.data.what | test("outcome unknown")))'
	[ ! -e new.cred ]
	[ "$(emu_world '.users.rot.keys | length')" = 2 ]
	# the next run finds the key that nobody has the secret of
	rc=0
	ses-rotate -y --incident=inc --user=rot --out=new.cred "$key" \
		>out 2>err </dev/null || rc=$?
	[ "$rc" = 69 ]
	json_is "$(emu_world '[.users.rot.keys[].status]')" '. == ["Inactive", "Inactive"]'
	emu_control POST clear_faults >/dev/null
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 1 ]
}

@test "ses-pause is stopped: what was is on disk, the journal has an end" {
	mkdir -m 700 inc && : >inc/journal.jsonl
	emu_fault '{"do":"hang","times":-1,"match":{"operation":"PutAccountSendingAttributes"}}'
	ses-pause -y --incident=inc --confirm=111122223333 us-east-1 \
		>out 2>err </dev/null 3>&- &
	pid=$!
	sleep 1.2
	kill -TERM $pid
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	cat err out
	[ "$rc" = 75 ]
	json_is "$(cat out)" '.ok == false and (.why | test("interrupted"))'
	json_is "$(cat inc/state/ses-pause.json)" '.regions["us-east-1"].paused'
	json_is "$(jq -s 'map(.event)' inc/journal.jsonl)" 'index("ses-pause.begin") and index("ses-pause.end")'
}
