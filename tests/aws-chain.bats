#!/usr/bin/env bats
# lib/aws: whose key it is (credentials.h) and where the services are
# (endpoint.h).  The table of cases is tests/aws-chain/cases.py; the rest is
# what a comparison with botocore cannot show.
# each test is a subshell of its own, and run sets stderr
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/emu.bash

setup_file() {
	export TMPDIR=$BATS_FILE_TMPDIR
	QUELL_PYTHON=$(emu_python) || {
		export QUELL_SKIP="no python that imports botocore"
		return 0
	}
	export QUELL_PYTHON
}

setup() {
	# bats 1.8 does not know skip in setup_file
	[ -z "${QUELL_SKIP-}" ] || skip "$QUELL_SKIP"
	tool=$QUELL_B/unit/aws_chain_tool
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME/.aws"
	unset AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
}

@test "the same files, environment and services as botocore: the same keys and region" {
	"$QUELL_PYTHON" -c 'import botocore, sys
sys.exit([*map(int, botocore.__version__.split(".")[:2])] < [1, 44])' ||
		skip "needs the botocore of tests/requirements.txt"
	run "$QUELL_PYTHON" "$QUELL_ROOT/tests/aws-chain/differential.py" \
		"$tool" "$HOME"
	grep -v '^ok' <<<"$output"
	[ "$status" = 0 ]
	# the table must not shrink
	[ "$(grep -c '^ok' <<<"$output")" -ge 130 ]
}

# The emulator, with a role for pods; one for the tests that need it.
emulator() {
	cat >"$BATS_TEST_TMPDIR/world.json" <<-'END'
	{"roles": {"pod": {"attached": ["arn:aws:iam::aws:policy/AmazonSESFullAccess"],
	  "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	    "Action": "sts:AssumeRoleWithWebIdentity",
	    "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/x"}}]}}},
	 "settings": {"web_identity": "ey.pod.token"}}
	END
	emu_start "$BATS_TEST_TMPDIR/world.json"
	cat >"$HOME/.aws/credentials" <<-END
	[base]
	aws_access_key_id = $AWS_ACCESS_KEY_ID
	aws_secret_access_key = $AWS_SECRET_ACCESS_KEY
	END
	secret=$AWS_SECRET_ACCESS_KEY
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	cat >"$HOME/.aws/config" <<-END
	[profile role]
	role_arn = arn:aws:iam::111122223333:role/mail-host
	source_profile = base
	role_session_name = night
	[profile mfa]
	role_arn = arn:aws:iam::111122223333:role/mail-host
	source_profile = base
	mfa_serial = arn:aws:iam::111122223333:mfa/responder
	END
	call=$QUELL_B/unit/aws_call_tool
	who='{"service":"sts","operation":"GetCallerIdentity"}'
}

teardown() {
	emu_stop
}

@test "a role: the strict emulator takes the call, and the calls with its keys" {
	emulator
	run -0 --separate-stderr "$call" profile=role <<<"$who"
	jq -e '.reply.Arn | endswith(":assumed-role/mail-host/night")' <<<"$output"
	[ "$(emu_calls '[.[] | select(.operation == "AssumeRole")] | length')" = 1 ]
	# a clock that is wrong is learnt from the answer
	emu_set '{"clock_skew_s":600}'
	run -0 --separate-stderr "$call" profile=role <<<"$who"
	jq -e '.code == 0' <<<"$output"
	emu_set '{"clock_skew_s":0}'
	emu_fault '{"do":"reset_after","match":{"operation":"AssumeRole"},"times":1}'
	run -0 --separate-stderr "$call" profile=role <<<"$who"
	jq -e '.code == 0' <<<"$output"
	emu_fault '{"do":"500","match":{"operation":"AssumeRole"},"times":-1}'
	run -75 --separate-stderr "$call" profile=role <<<"$who"
	[[ $output$stderr != *"$secret"* ]]
	emu_no_violations
}

@test "--endpoint-url is for credentials only with {service} in it" {
	emulator
	run -0 "$tool" creds profile=role region=us-east-1 \
		endpoint_url=http://127.0.0.1:1
	run -75 "$tool" creds profile=role region=us-east-1 \
		"endpoint_url=http://{service}.localhost:1"
}

@test "a role's keys are had again before they expire, and only then" {
	emulator
	roles() {
		emu_calls '[.[] | select(.operation == "AssumeRole")] | length'
	}
	run -0 --separate-stderr "$call" profile=role parallel=1 <<<"$who
$who
$who"
	[ "$(roles)" = 1 ]
	emu_set '{"session_s":120}'
	run -0 --separate-stderr "$call" profile=role parallel=1 <<<"$who"
	jq -e '.code == 0' <<<"$output"
	[ "$(roles)" = 3 ]
	# when there are no new ones those at hand have to do
	emu_fault '{"do":"throttle","match":{"operation":"AssumeRole"},"times":-1,"skip":1,"retry_after_ms":10}'
	run -0 --separate-stderr "$call" profile=role parallel=1 <<<"$who"
	jq -e '.code == 0' <<<"$output"
	emu_control POST clear_faults >/dev/null
	emu_set '{"session_s":null}'
	run -0 "$tool" renew profile=role region=us-east-1
	jq -e '.code == 0 and .expires > now + 3000' <<<"$output"
	run -77 "$tool" renew profile=base
	jq -e '.msg | test("base: keys.*expired")' <<<"$output"
	emu_no_violations
}

@test "a role with MFA: the code is asked for, and used once" {
	emulator
	run -0 "$tool" creds profile=mfa region=us-east-1 mfa=123456
	jq -e '.id | startswith("ASIA")' <<<"$output"
	run -77 "$tool" creds profile=mfa region=us-east-1
	jq -e '(.msg | test("MFA")) and (.hint | test("export-credentials --profile mfa"))' <<<"$output"
	run -77 "$tool" creds profile=mfa region=us-east-1 mfa=12345x
	emu_reset_log
	emu_fault '{"do":"reset_after","match":{"operation":"AssumeRole"},"times":1}'
	run -75 "$tool" creds profile=mfa region=us-east-1 mfa=123456
	[ "$(emu_calls '[.[] | select(.operation == "AssumeRole")] | length')" = 1 ]
	emu_no_violations
}

@test "web identity: not signed, and the file is read again" {
	emulator
	export AWS_WEB_IDENTITY_TOKEN_FILE=$BATS_TEST_TMPDIR/token
	export AWS_ROLE_ARN=arn:aws:iam::111122223333:role/pod
	echo ey.pod.token >"$AWS_WEB_IDENTITY_TOKEN_FILE"
	run -0 --separate-stderr "$call" <<<"$who"
	jq -e '.reply.Arn | contains(":assumed-role/pod/quell-")' <<<"$output"
	echo ey.other.token >"$AWS_WEB_IDENTITY_TOKEN_FILE"
	run -77 --separate-stderr "$call" <<<"$who"
	[[ $stderr == *InvalidIdentityToken* && $stderr != *ey.other* ]]
	emu_no_violations
}

@test "a process: its stderr is seen, its input is not ours, no shell" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/p" <<-'END'
	#!/bin/sh
	echo "please touch the key" >&2
	[ -z "$(cat)" ] || exit 9
	[ "$1" = '$(id)' ] || exit 8
	printf '{"Version":1,"AccessKeyId":"AKIAX","SecretAccessKey":"s"}'
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/p"
	printf '[default]\ncredential_process = %s $(id)\n' \
		"$BATS_TEST_TMPDIR/bin/p" >"$HOME/.aws/config"
	run -0 --separate-stderr "$tool" creds <<<"records"
	[ "$stderr" = "please touch the key" ]
	jq -e '.id == "AKIAX" and .expires == 0' <<<"$output"
	# what is said of a failure has neither its output nor its arguments
	printf '[default]\ncredential_process = /bin/echo topsecret\n' \
		>"$HOME/.aws/config"
	run -76 --separate-stderr "$tool" creds
	[[ $output$stderr != *topsecret* ]]
	# more than anybody needs
	printf '[default]\ncredential_process = /usr/bin/yes\n' \
		>"$HOME/.aws/config"
	run -76 --separate-stderr "$tool" creds
}

@test "exit codes: 77 none or refused, 78 configuration" {
	run -77 "$tool" creds
	printf '[default]\nrole_arn = x\n' >"$HOME/.aws/config"
	run -78 "$tool" creds
	printf '[default]\nsource_profile = x\ncredential_process = "a\n' \
		>"$HOME/.aws/config"
	run -78 "$tool" creds
	run -78 "$tool" creds profile=nosuch
	AWS_USE_FIPS_ENDPOINT=maybe AWS_ROLE_ARN=x \
		AWS_WEB_IDENTITY_TOKEN_FILE=/dev/null run -78 "$tool" creds
	AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/ \
		run -78 "$tool" creds profile=default
	rm "$HOME/.aws/config"
	export AWS_EC2_METADATA_DISABLED=false
	AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=ipv5 run -78 "$tool" creds
	AWS_METADATA_SERVICE_TIMEOUT=0 run -78 "$tool" creds
	AWS_METADATA_SERVICE_NUM_ATTEMPTS=x run -78 "$tool" creds
	AWS_EC2_METADATA_SERVICE_ENDPOINT=http://192.0.2.1 \
		run -78 "$tool" creds
}

@test "while they are held, secrets are on the secure heap and nowhere else" {
	[[ -z ${QUELL_ASAN:-} && $QUELL_B != */asan ]] ||
		skip "the sanitizer's memory is too large to look through"
	emulator
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/p" <<-END
	#!/bin/sh
	echo '{"Version":1,"AccessKeyId":"AKIAX","SecretAccessKey":"$secret"}'
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/p"
	printf '[profile p]\ncredential_process = %s\n' \
		"$BATS_TEST_TMPDIR/bin/p" >>"$HOME/.aws/config"
	cat >>"$HOME/.aws/credentials" <<-END
	[session]
	aws_access_key_id = ASIAX
	aws_secret_access_key = $secret
	aws_session_token = IQoJ/session/token/of/somebody==
	END
	for p in base session p role; do
		run -0 "$tool" scan profile=$p region=us-east-1
		echo "$p: $output"
		[ "$output" = 0 ]
	done
	AWS_ACCESS_KEY_ID=AKIAX AWS_SECRET_ACCESS_KEY=$secret \
		run -0 "$tool" scan
	[ "$output" = 0 ]
	AWS_EC2_METADATA_DISABLED=false \
		AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$EMU_IMDS \
		run -0 "$tool" scan
	echo "instance: $output"
	[ "$output" = 0 ]
	# it would have found one: what is not asked for stays where it was
	AWS_ACCESS_KEY_ID=AKIAX AWS_SECRET_ACCESS_KEY=$secret \
		run -0 --separate-stderr "$tool" scan profile=base
	[ "$output" = 1 ]
}

# The address of ECS, 169.254.170.2, on the loopback of a name space.
@test "the container's address by relative URI" {
	unshare -rn true 2>/dev/null || skip "no name spaces"
	command -v ip >/dev/null || skip "no ip(8)"
	cat >"$BATS_TEST_TMPDIR/ecs.py" <<-'END'
	import http.server
	class H(http.server.BaseHTTPRequestHandler):
	    def log_message(self, *a):
	        pass
	    def do_GET(self):
	        body = (b'{"AccessKeyId":"ASIAECS","SecretAccessKey":"s","Token":'
	                b'"t","Expiration":"2099-01-01T00:00:00Z","RoleArn":"r"}')
	        ok = self.path == "/v2/credentials/x?id=1"
	        self.send_response(200 if ok else 404)
	        self.send_header("Content-Length", str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	s = http.server.HTTPServer(("169.254.170.2", 80), H)
	open("ready", "w").close()
	s.handle_request()
	END
	cat >"$BATS_TEST_TMPDIR/inside" <<-END
	set -e
	cd "$BATS_TEST_TMPDIR"
	ip link set lo up
	ip addr add 169.254.170.2/32 dev lo
	python3 ecs.py 3>&- &
	for i in \$(seq 100); do [ -e ready ] && break; sleep 0.05; done
	AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x?id=1 "$tool" creds
	wait
	END
	run -0 unshare -rn bash "$BATS_TEST_TMPDIR/inside"
	jq -e '.id == "ASIAECS" and .source == "container"' <<<"$output"
}
