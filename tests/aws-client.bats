#!/usr/bin/env bats
# lib/aws against the emulator: what each failure becomes, what is repeated
# and what never is.  aws_call_tool makes the calls it reads.
# each test is a subshell of its own, and run sets stderr
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

# Each test has a user of its own.
setup() {
	emu_fresh '{"preset":"immediate","clock_skew_s":0,"page_size":null}'
	export AWS_MAX_ATTEMPTS=3
	call=$QUELL_B/unit/aws_call_tool
	user=u$BATS_TEST_NUMBER
	emu_key "{\"user\":\"$user\"}" >/dev/null
	create='{"service":"iam","operation":"CreateAccessKey","params":{"UserName":"'$user'"},"not_repeatable":true,"secret_name":"SecretAccessKey"}'
}

list='{"service":"iam","operation":"ListAccessKeys","params":{"UserName":"ses-smtp"}}'

who='{"service":"sts","operation":"GetCallerIdentity"}'

# calls JSON...: the output of aws_call_tool
calls() {
	printf '%s\n' "$@" | "$call"
}

@test "every protocol: a call works, and nothing about it is wrong" {
	out=$(calls "$list" \
	    '{"service":"sts","operation":"GetCallerIdentity"}' \
	    '{"service":"ses","operation":"GetSendQuota","region":"eu-west-1"}' \
	    '{"service":"sesv2","operation":"GetAccount","method":"GET","path":"/v2/email/account"}' \
	    '{"service":"sesv2","operation":"ListEmailIdentities","method":"GET","path":"/v2/email/identities","params":{"PageSize":"1"}}' \
	    '{"service":"monitoring","operation":"ListMetrics","json":{"Namespace":"AWS/SES"}}' \
	    '{"service":"ec2","operation":"DescribeInstances"}')
	json_is "$(jq -s . <<<"$out")" 'length == 7 and all(.code == 0 and .status == 200
	    and .attempts == 1 and .request_id)'
	json_is "$(head -1 <<<"$out")" '.reply.AccessKeyMetadata[0].Status == "Active"'
	json_is "$(tail -1 <<<"$out")" '.reply.reservationSet | length == 2'
	emu_no_violations
}

@test "paths are signed as they are sent: an identity with @ / % and blank" {
	out=$(calls '{"service":"sesv2","operation":"GetEmailIdentity","method":"GET","path":"/v2/email/identities/a%40b%2Fc%20d%25"}')
	json_is "$out" '.status == 404 and .error_code == "NotFoundException" and .code == 69'
	grep -q 'a@b/c d%' <<<"$out"
	emu_no_violations
}

@test "refused for good is 69 and is not repeated" {
	out=$(calls '{"service":"iam","operation":"GetUser","params":{"UserName":"x"}}')
	json_is "$out" '.code == 69 and .error_code == "NoSuchEntity" and .attempts == 1'
}

@test "IAM's LimitExceeded is a quota: 69, not repeated" {
	calls "$create" >/dev/null
	out=$(calls "$create")
	json_is "$out" '.code == 69 and .error_code == "LimitExceeded" and .attempts == 1'
}

@test "denied is 77, in every protocol" {
	export AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001
	export AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010
	out=$(calls "$list" '{"service":"ec2","operation":"DescribeInstances"}' \
	    '{"service":"sesv2","operation":"GetAccount","method":"GET","path":"/v2/email/account"}' \
	    '{"service":"monitoring","operation":"ListMetrics","json":{}}')
	json_is "$(jq -s . <<<"$out")" 'all(.code == 77 and .attempts == 1)'
	json_is "$(jq -s 'map(.error_code)' <<<"$out")" '.[0] == "AccessDenied" and
	    .[1] == "UnauthorizedOperation" and
	    .[2] == "AccessDeniedException" and (.[3] | test("AccessDenied"))'
}

@test "a wrong secret and an unknown key are 77" {
	w=$(printf 'wrong%.0s' 1 2 3 4 5 6 7 8)
	AWS_SECRET_ACCESS_KEY=$w run -0 calls "$list"
	json_is "$output" '.code == 77 and .error_code == "SignatureDoesNotMatch"'
	AWS_ACCESS_KEY_ID=AKIAUNKNOWNKEY000001 run -0 calls "$list"
	json_is "$output" '.code == 77 and .error_code == "InvalidClientTokenId"'
	# and with the key of one call
	out=$(calls '{"service":"sts","operation":"GetCallerIdentity","key_id":"AKIASTOLENKEY0000001","key_secret":"st0len/+SecretKeyForTheSmtpUser/0000001+"}')
	json_is "$out" '.code == 0 and (.reply.Arn | endswith("user/ses-smtp"))'
}

@test "throttled: asked again, then 75; how long is AWS's word" {
	emu_fault '{"do":"throttle","times":1,"retry_after_ms":50}'
	json_is "$(calls "$list")" '.code == 0 and .attempts == 2'
	emu_fault '{"do":"throttle","times":-1,"retry_after_ms":50}'
	json_is "$(AWS_MAX_ATTEMPTS=2 calls "$list")" '.code == 75 and .attempts == 2
	    and .error_code == "Throttling"'
	json_is "$(AWS_MAX_ATTEMPTS=2 calls '{"service":"ec2","operation":"DescribeInstances"}')" \
		'.code == 75 and .attempts == 2 and .error_code == "RequestLimitExceeded"'
	# it was not done, so this is not an unknown outcome
	json_is "$(AWS_MAX_ATTEMPTS=2 calls "$create")" '.code == 75 and .attempts == 2'
}

@test "500, 503 and resets: asked again, then 75" {
	for f in 500 503 reset_before reset_after close_before close_after; do
		emu_fault "{\"do\":\"$f\",\"times\":1}"
		json_is "$(calls "$list")" '.code == 0 and .attempts == 2'
		emu_fault "{\"do\":\"$f\",\"times\":3}"
		json_is "$(calls "$list")" '.code == 75 and .attempts == 3'
	done
}

@test "an answer that breaks off: asked again, then 76" {
	emu_fault '{"do":"truncate","times":1}'
	json_is "$(calls "$list")" '.code == 0 and .attempts == 2'
	emu_fault '{"do":"truncate","times":3}'
	json_is "$(calls "$list")" '.code == 76 and .attempts == 3'
}

@test "an answer that is garbage, or empty, is 76 at once" {
	for f in garbage empty; do
		emu_fault "{\"do\":\"$f\",\"times\":1}"
		json_is "$(calls "$list")" '.code == 76 and .attempts == 1'
		emu_fault "{\"do\":\"$f\",\"times\":1}"
		json_is "$(calls '{"service":"sesv2","operation":"GetAccount","method":"GET","path":"/v2/email/account"}')" \
			'.code == 76 and .attempts == 1'
	done
}

@test "what must not be repeated is sent once, and its outcome is unknown" {
	for f in reset_after reset_before close_after close_before truncate \
	    garbage empty 500 503; do
		emu_key "{\"user\":\"u$f\"}" >/dev/null
		emu_reset_log
		emu_fault "{\"do\":\"$f\",\"match\":{\"operation\":\"CreateAccessKey\"},\"times\":1}"
		json_is "$(calls "${create/$user/u$f}")" '.code == 79 and
		    .attempts == 1 and .secret_len == 0'
		# what the emulator resets before doing anything is not in the log
		json_is "$(emu_calls length)" '. <= 1'
	done
}

@test "a kept connection that dies does not make libcurl send it again" {
	for f in reset_before close_before reset_after close_after; do
		emu_key "{\"user\":\"k$f\"}" >/dev/null
		emu_fault "{\"do\":\"$f\",\"match\":{\"operation\":\"CreateAccessKey\"},\"times\":1}"
		out=$(printf '%s\n' "$list" "${create/$user/k$f}" |
			"$call" parallel=1)
		json_is "$(head -1 <<<"$out")" '.code == 0'
		json_is "$(tail -1 <<<"$out")" '.code == 79 and .attempts == 1'
	done
}

@test "what was not sent may be repeated: 75, not 79" {
	AWS_ENDPOINT_URL=http://127.0.0.1:1
	json_is "$(calls "$create")" '.code == 75 and .attempts == 3 and .status == 0'
}

@test "a secret in the answer goes to the secure heap and leaves the tree" {
	out=$(calls "$create")
	json_is "$out" '.code == 0 and .secret_len == 40 and
	    .reply.AccessKey.SecretAccessKey == "***"'
	# made, and the secret is not there: nobody knows it
	other=${create/$user/ses-smtp}
	json_is "$(calls "${other/\"SecretAccessKey\"/\"NoSuch\"}")" '.code == 79'
}

@test "a clock that is wrong is set by the answer, once" {
	for s in 4000 -4000; do
		emu_set "{\"clock_skew_s\":$s}"
		emu_reset_log
		out=$(calls "$list" "$list")
		json_is "$(jq -s . <<<"$out")" 'all(.code == 0 and .attempts == 1)'
		# both were refused once, or the second learnt from the first
		json_is "$(emu_calls length)" '. <= 4'
	done
}

@test "the time is up: 75" {
	emu_fault '{"do":"hang","times":-1}'
	SECONDS=0
	out=$(printf '%s\n' "$list" "$create" | "$call" timeout=1)
	[ "$SECONDS" -le 4 ]
	json_is "$(head -1 <<<"$out")" '.code == 75'
	json_is "$(tail -1 <<<"$out")" '.code == 79'
}

@test "all pages" {
	emu_set '{"page_size":2}'
	out=$(calls '{"service":"iam","operation":"ListUsers","pages":["Marker","Marker","Users"]}')
	n=$(emu_world '.users | length')
	json_is "$out" ".code == 0 and .pages == ($n / 2 | ceil) and .items == $n"
	out=$(calls '{"service":"monitoring","operation":"ListMetrics","json":{"Namespace":"AWS/SES"},"pages":["NextToken","NextToken","Metrics"]}')
	json_is "$out" '.code == 0 and .pages == 4 and .items == 7'
	out=$(calls '{"service":"sesv2","operation":"ListEmailIdentities","method":"GET","path":"/v2/email/identities","params":{"PageSize":"1"},"pages":["NextToken","NextToken","EmailIdentities"]}')
	json_is "$out" '.code == 0 and .pages == 2 and .items == 2'
	emu_no_violations
}

@test "many at once: one failure is one failure" {
	emu_fault '{"do":"500","times":3,"match":{"operation":"GetUser"}}'
	yes "$list" | head -n 200 >"$BATS_TEST_TMPDIR/in"
	echo '{"service":"iam","operation":"GetUser"}' >>"$BATS_TEST_TMPDIR/in"
	out=$("$call" <"$BATS_TEST_TMPDIR/in")
	json_is "$(jq -s . <<<"$out")" 'length == 201 and (map(select(.code == 0)) |
	    length == 200) and .[200].code == 75'
	emu_no_violations
}

@test "https with the CA file; without it 77" {
	export AWS_ENDPOINT_URL="https://{service}.{region}.localhost:$EMU_HTTPS"
	json_is "$(calls "$list")" '.code == 0'
	unset AWS_CA_BUNDLE
	json_is "$(calls "$list")" '.code == 77 and .status == 0'
	AWS_CA_BUNDLE=/nonexistent run -0 calls "$list"
	json_is "$output" '.code == 78'
}

@test "plain http goes to this machine only" {
	for url in http://192.0.2.1 http://localhost.example http://127.0.0.1.example \
	    http://u@127.0.0.1 ftp://127.0.0.1; do
		AWS_ENDPOINT_URL=$url run -0 calls "$list"
		json_is "$output" '.code == 78'
	done
}

@test "endpoints: option, service's variable, variable, profile" {
	good=$AWS_ENDPOINT_URL bad=http://127.0.0.1:1
	export AWS_MAX_ATTEMPTS=1
	AWS_ENDPOINT_URL=$bad
	json_is "$(calls "$list")" '.code == 75'
	json_is "$(AWS_ENDPOINT_URL_IAM=$good calls "$list")" '.code == 0'
	json_is "$(AWS_ENDPOINT_URL_IAM=$bad "$call" endpoint_url="$good" <<<"$list")" \
		'.code == 0'
	unset AWS_ENDPOINT_URL
	export AWS_CONFIG_FILE=$BATS_TEST_TMPDIR/config
	printf '[default]\nendpoint_url = %s\n' "$good" >"$AWS_CONFIG_FILE"
	json_is "$(calls "$list")" '.code == 0'
	printf '[default]\nendpoint_url = %s\nservices = s\n[services s]\niam =\n  endpoint_url = %s\n' \
		"$bad" "$good" >"$AWS_CONFIG_FILE"
	json_is "$(calls "$list")" '.code == 0'
	json_is "$(calls "$who")" '.code == 75'
}

profiles() {
	export AWS_CONFIG_FILE=$BATS_TEST_TMPDIR/config
	export AWS_SHARED_CREDENTIALS_FILE=$BATS_TEST_TMPDIR/credentials
	cat >"$AWS_SHARED_CREDENTIALS_FILE" <<-END
	[stolen]
	aws_access_key_id = AKIASTOLENKEY0000001
	aws_secret_access_key = st0len/+SecretKeyForTheSmtpUser/0000001+
	[half]
	aws_access_key_id = AKIASTOLENKEY0000001
	END
	cat >"$AWS_CONFIG_FILE" <<-END
	[profile stolen]
	region = eu-west-1
	[profile role]
	role_arn = arn:aws:iam::111122223333:role/x
	source_profile = stolen
	[profile process]
	credential_process = /bin/false
	[profile sso]
	sso_session = s
	[profile login]
	login_session = arn:aws:iam::111122223333:user/x
	[profile empty]
	region = eu-west-1
	END
}

@test "credentials: --profile passes the environment over, AWS_PROFILE does not" {
	profiles
	json_is "$("$call" profile=stolen <<<"$who")" '.reply.Arn | endswith("/ses-smtp")'
	json_is "$(AWS_PROFILE=stolen calls "$who")" '.reply.Arn | endswith("/responder")'
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
	json_is "$(AWS_PROFILE=stolen calls "$who")" '.reply.Arn | endswith("/ses-smtp")'
	json_is "$(emu_calls '.[-1].region')" '. == "eu-west-1"'
}

@test "credentials: what cannot be used is said, nothing else is used" {
	profiles
	for p in login nosuch half; do
		run -78 --separate-stderr "$call" profile=$p <<<"$who"
		[[ $stderr == *"$p"* ]]
	done
	for p in role process sso empty; do
		run -77 --separate-stderr "$call" profile=$p <<<"$who"
		[[ $stderr == *"$p"* || $stderr == *role/x* ]]
	done
	(
		unset AWS_SECRET_ACCESS_KEY
		run -78 --separate-stderr "$call" <<<"$who"
	)
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	run -77 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *"no AWS credentials"* ]]
	AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/ \
		run -78 --separate-stderr "$call" <<<"$who"
	printf '[default]\nword\n' >"$AWS_CONFIG_FILE"
	run -78 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *"config:2: "* ]]
}

@test "credentials: the instance's role, with a token only" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_EC2_METADATA_DISABLED=false
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$EMU_IMDS/
	emu_set '{"imds":{"mode":"on","role":"mail-host"}}'
	json_is "$(calls "$who")" '.code == 0 and (.reply.Arn | contains("assumed-role/mail-host"))'
	emu_no_violations
	emu_set '{"imds":{"mode":"v1only","role":"mail-host"}}'
	run -77 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *IMDSv2* ]]
	emu_set '{"imds":{"mode":"on","role":null}}'
	run -77 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *"no role"* ]]
	emu_set '{"imds":{"mode":"hang","role":"mail-host"}}'
	run -75 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *"hop limit"* ]]
	AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1
	run -77 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *"no AWS credentials"* ]]
}

@test "regions: none is 78, a bad one 64 or 78" {
	unset AWS_REGION
	json_is "$(calls '{"service":"ec2","operation":"DescribeInstances"}')" '.code == 78'
	json_is "$(calls "$list")" '.code == 0'
	run -64 "$call" region=us-east-1.evil.example <<<"$list"
	AWS_REGION='US East' run -78 "$call" <<<"$list"
	json_is "$(AWS_DEFAULT_REGION=eu-west-1 calls '{"service":"ses","operation":"GetSendQuota"}')" \
		'.code == 0'
}

@test "no secret on the wire, in output or in messages" {
	out=$(calls "$list" "$create" "$who" 2>&1)
	run ! grep -F "$AWS_SECRET_ACCESS_KEY" <<<"$out"
	emu_no_violations
}

@test "retry mode: standard, or taken as that; another word is 78" {
	emu_fault '{"do":"500","times":1}'
	json_is "$(AWS_RETRY_MODE=legacy calls "$list")" '.code == 0 and .attempts == 2'
	AWS_RETRY_MODE=adaptive "$call" verbose=1 <<<"$list" >out 2>err
	json_is "$(cat out)" '.code == 0'
	grep -q 'adaptive is taken as standard' err
	AWS_RETRY_MODE=wild run -78 "$call" <<<"$list"
	export AWS_CONFIG_FILE=$BATS_TEST_TMPDIR/config
	printf '[default]\nretry_mode = wild\n' >"$AWS_CONFIG_FILE"
	run -78 "$call" <<<"$list"
	printf '[default]\nretry_mode = standard\nmax_attempts = 2\n' >"$AWS_CONFIG_FILE"
	unset AWS_MAX_ATTEMPTS
	emu_fault '{"do":"500","times":-1}'
	json_is "$(calls "$list")" '.code == 75 and .attempts == 2'
	AWS_MAX_ATTEMPTS=0 run -78 "$call" <<<"$list"
}

@test "-v: a line for each call; -vv: what was signed; stdout stays as it is" {
	emu_fault '{"do":"500","times":1}'
	ses-pause -n us-east-1 >plain
	ses-pause -n -v us-east-1 >out 2>err
	cmp <(jq -S 'del(.time)' plain) <(jq -S 'del(.time)' out)
	grep -qE '^ses-pause: sesv2 GetAccount us-east-1: 200, 1 attempt, [0-9]+ ms, id [0-9a-f-]{36}$' err
	run ! grep -q '^ses-pause: |' err
	emu_fault '{"do":"500","times":1,"match":{"operation":"GetCallerIdentity"}}'
	for v in -vv '-v -v' '--verbose -v'; do
		# shellcheck disable=SC2086
		ses-pause -n $v us-east-1 >out 2>err
		grep -q '^ses-pause: | host:email.us-east-1' err
		grep -q '^ses-pause: | Action=GetCallerIdentity' err
		run ! grep -F "$AWS_SECRET_ACCESS_KEY" err
	done
	emu_fault '{"do":"500","times":1,"match":{"operation":"GetCallerIdentity"}}'
	ses-pause -n -v us-east-1 2>&1 >out |
		grep -q 'sts GetCallerIdentity us-east-1: 200, 2 attempts'
	calls '{"service":"iam","operation":"GetUser","params":{"UserName":"no"}}' >/dev/null
	"$call" verbose=1 <<<'{"service":"iam","operation":"GetUser","params":{"UserName":"no"}}' 2>&1 >out |
		grep -q 'iam GetUser us-east-1: 404 NoSuchEntity, 1 attempt'
}

@test "-vv shows no secret: the key of a call, its token, what AWS made" {
	"$call" verbose=2 <<<"$create"$'\n''{"service":"sts","operation":"GetCallerIdentity","key_id":"AKIASTOLENKEY0000001","key_secret":"st0len/+SecretKeyForTheSmtpUser/0000001+"}' >out 2>err
	grep -q 'Action=CreateAccessKey' err
	run ! grep -F -e "$AWS_SECRET_ACCESS_KEY" -e st0len err out
	run ! grep -E 'SecretAccessKey>|Authorization' err
}

@test "a sweep: each region once, in parallel, and one without opt-in says so" {
	emu_set '{"rtt_ms":[300,300],"disabled_regions":["me-south-1"]}'
	got=$("$call" regions=us-east-1,eu-west-1,me-south-1,sa-east-1,ap-south-1,eu-north-1,us-west-2,eu-west-3,ca-central-1,ap-northeast-1,us-east-2,eu-west-2 \
		<<<'{"service":"sesv2","operation":"GetAccount","method":"GET","path":"/v2/email/account"}' 2>ms)
	emu_set '{"rtt_ms":null,"disabled_regions":[]}'
	json_is "$(jq -s . <<<"$got")" 'length == 12 and all(.code == 0) and
	    (map(select(.disabled).region) == ["me-south-1"])'
	# one round trip, and EC2's word for the one that is off; not twelve
	[ "$(tr -dc 0-9 <ms)" -lt 2400 ]
	[ "$(emu_calls '[.[] | select(.operation == "GetAccount")] | length')" = 12 ]
}

@test "once a second is all that SES allows: the second call waits" {
	emu_set '{"rate":{"sesv2":1}}'
	get='{"service":"sesv2","operation":"GetAccount","method":"GET","path":"/v2/email/account"}'
	out=$(calls "$get" "$get" "${get/\"method\"/\"region\":\"eu-west-1\",\"method\"}")
	emu_set '{"rate":{"sesv2":null}}'
	# nobody was throttled
	json_is "$(jq -s . <<<"$out")" 'all(.code == 0 and .attempts == 1)'
}

@test "progress: on a terminal, after a second; not in a pipe, not with -q" {
	command -v script >/dev/null || skip "no script(1)"
	emu_set '{"rtt_ms":[350,350]}'
	echo "$list" >in
	script -qec "$call parallel=2 repeat=8 <in >/dev/null" /dev/null >'tty'
	"$call" parallel=2 repeat=8 <in >out 2>err
	emu_set '{"rtt_ms":null}'
	grep -q 'calls to AWS: [1-7] of 8, ' 'tty'
	# and it is taken away
	tail -c 4 'tty' | grep -qF $'\033[K'
	[ ! -s err ]
}
