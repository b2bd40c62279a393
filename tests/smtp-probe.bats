#!/usr/bin/env bats
# smtp-probe against the emulator's SES, against sinks that answer anything,
# and against TLS servers that are wrong in each way.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/peers
load aws/shared.bash

SECRET='pr0be/+SecretKeyForTheSmtpUser/00000001+'

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 077
	servers=()
	unset QUELL_VAULT QUELL_VAULT_KEY
	[ -z "${EMU_PID-}" ] || world
}

# Whatever a test did: the password is in nothing that was written.
teardown() {
	local p
	for p in "${servers[@]}"; do
		peers_stop "$p"
	done
	[ ! -e sink ] || sink_stop sink
	run -1 grep -rlF -e "$SECRET" -e geheim --exclude='*cred*' \
		--exclude-dir=sink .
}

world() {
	emu_env
	unset AWS_REGION
	emu_control POST clear_faults >/dev/null
	emu_set '{"preset": "immediate", "rtt_ms": null, "smtp_throttled": false,
		"propagation": {"flap": false},
		"regions": {"us-east-1": {"sending_enabled": true}}}'
	user=probe-$BATS_TEST_NUMBER
	KEY=$(printf 'AKIAPROBE%05d%06d' "$$" "$BATS_TEST_NUMBER" | tail -c 20)
	emu_key "$(jq -nc --arg u "$user" --arg i "$KEY" --arg s "$SECRET" \
		'{user: $u, id: $i, secret: $s,
		groups: ["AWSSESSendingGroupDoNotRename"]}')" >/dev/null
	printf 'username=%s\nsecret_access_key=%s\n' "$KEY" "$SECRET" >cred
	emu_reset_log
}

password() {	# REGION
	python3 "$QUELL_ROOT/tests/drill/smtp_password.py" "$1" <<<"$SECRET"
}

probe() {	# N ARGUMENT...: it exits with N; the records are in out
	local want=$1 got=0
	shift
	smtp-probe --interval=0 "$@" >out 2>err </dev/null || got=$?
	[ "$got" = "$want" ] || {
		echo "smtp-probe $* exited $got, not $want"
		cat out err
		return 1
	}
}

is() {	# JQ-FILTER on the records
	jq -se "$1" out >/dev/null || { echo "not so: $1"; cat out; return 1; }
}

says() {	# REPLY-OF-THE-EMULATOR VERB N VERDICT [ARGUMENT...]
	local reply=$1 verb=$2 code=$3 verdict=$4
	shift 4
	emu_control POST clear_faults >/dev/null
	emu_fault "$(jq -nc --arg r "$reply" --arg v "$verb" \
		'{do: "reply", reply: $r, match: {service: "smtp", operation: $v}}')"
	probe "$code" --credentials cred --region us-east-1 "$@"
	is ".[0].verdict == \"$verdict\" and .[0].text == \"${reply:4}\" and
		.[0].code == ${reply:0:3} and (.[0].why | length > 0)"
}

data=(--data --from info@shop.example.net)

@test "accepted: AUTH, and a mail that SES takes" {
	probe 0 --credentials cred --region us-east-1
	is 'length == 1 and (.[0] | .type == "smtp-probe" and .ok and
		.verdict == "ok" and .stage == "auth" and .code == 235 and
		.region == "us-east-1" and .user == "'"$KEY"'" and
		(.id | test("^email-smtp.us-east-1.localhost:[0-9]+$")) and
		.tls.version == "TLSv1.3" and .tls.verified and
		.tls.name == "email-smtp.us-east-1.localhost" and
		(.tls.cipher | length > 0) and (.tls.not_after | test("^20")) and
		(.answers | length == 1) and .answers[0].verdict == "ok" and
		.ms >= 0 and .asked == 1 and .row == 1 and
		(has("why") | not) and (has("message_id") | not))'
	[ "$(emu_mutating_count)" = 0 ]
	probe 0 --credentials cred "${data[@]}" us-east-1
	is '.[0] | .stage == "message" and .code == 250 and
		(.message_id | test("^<[0-9a-f]{24}@shop.example.net>$"))'
	[ "$(emu_calls '[.[] | select(.operation == "DATA") | .params.rcpts] ==
		[["success@simulator.amazonses.com"]]')" = true ]
	emu_no_violations
}

@test "credentials: a block, on standard input, and the mail server's lookup file" {
	printf 'username=%s\npassword=%s\n' "$KEY" "$(password us-east-1)" >cred
	probe 0 --credentials cred --region us-east-1
	printf 'user: %s\npass: %s\npass.us-east-1: %s\npass.eu-west-1: %s\n' \
		"$KEY" "$(password us-east-1)" "$(password us-east-1)" \
		"$(password eu-west-1)" >cred
	probe 0 --credentials cred us-east-1 eu-west-1
	is 'map(.region) == ["us-east-1", "eu-west-1"] and all(.ok)'
	smtp-probe --credentials=- eu-west-1 <cred | jq -e .ok
	# a host that is called as SES's are has its region
	probe 0 --credentials cred "email-smtp.eu-west-1.localhost:$EMU_SMTP"
	is '.[0].region == "eu-west-1"'
	chmod 644 cred
	probe 78 --credentials cred us-east-1
	probe 66 --credentials nothing us-east-1
	printf 'password=x\n' >cred
	chmod 600 cred
	probe 65 --credentials cred us-east-1
	printf 'username=%s\npassword=x\nregion=eu-west-1\n' "$KEY" >cred
	probe 65 --credentials cred us-east-1
	grep -q 'no password for us-east-1' err
	run -0 emu_calls '[.[] | select(.operation == "AUTH" and .status == 535)]'
	[ "$output" = '[]' ]
}

# The credential in a vault of its own.
seal() {
	export QUELL_VAULT=$PWD/vault.cred QUELL_STATE_DIR=$PWD/state
	cred-vault put -y --vault-key "file:$PWD/key.cred" ses-smtp <cred
}

@test "the vault: the newest of that name; and what it does not have" {
	seal
	probe 0 --credential ses-smtp us-east-1 eu-west-1
	is 'length == 2 and all(.ok)'
	# the moment it was put there is when the key was made
	printf 'username=%s\npassword=x\n' "$KEY" >cred
	cred-vault put -y ses-smtp <cred
	probe 75 --credential ses-smtp us-east-1
	is '.[0].verdict == "not-propagated"'
	cred-vault get --revision 1 ses-smtp |
		smtp-probe --credentials - us-east-1 | jq -e .ok
	probe 66 --credential other us-east-1
	[ ! -s out ]
	probe 66 --vault nothing --credential ses-smtp us-east-1
	probe 64 --credential ses-smtp --credentials cred us-east-1
	probe 64 --vault vault.cred --credentials cred us-east-1
}

@test "implicit TLS, by the option where the port does not tell" {
	probe 0 --credentials cred --tls implicit \
		"email-smtp.us-east-1.localhost:$EMU_SMTPS"
	is '.[0].tls.verified'
	probe 0 --no-auth --tls=implicit \
		"email-smtp.us-east-1.localhost:$EMU_SMTPS"
	is '.[0] | .stage == "helo" and .verdict == "ok" and (has("user") | not)'
	run -0 emu_calls '[.[] | select(.operation == "AUTH")] | length'
	[ "$output" = 1 ]
}

@test "bad credentials: another region's password, a dead key" {
	printf 'username=%s\npassword=%s\n' "$KEY" "$(password eu-west-1)" >cred
	probe 1 --credentials cred --region us-east-1
	is '.[0] | .verdict == "bad-credentials" and .code == 535 and (.ok | not)
		and .stage == "auth" and (.why | test("not for this region"))'
	# nothing is sent after a refusal
	probe 1 --credentials cred --region us-east-1 "${data[@]}"
	run -0 emu_calls '[.[] | select(.operation == "MAIL")] | length'
	[ "$output" = 0 ]
}

@test "the proof of death: accepted before, then refused five times" {
	probe 0 --credentials cred us-east-1
	cp out before
	probe 1 --credentials cred --expect refused us-east-1
	is '.[0] | .verdict == "ok" and .expect == "bad-credentials" and
		(.ok | not) and .asked == 5'
	emu_key "{\"user\":\"$user\",\"id\":\"$KEY\",\"status\":\"Inactive\"}" >/dev/null
	smtp-probe --interval 0 --credentials=cred --expect=refused \
		<before >out
	is '.[0] | .ok and .before == "ok" and .row == 5 and (has("why") | not)
		and ([.answers[].code] == [535, 535, 535, 535, 535])'
	# without it, it is said that a wrong password looks the same
	probe 0 --credentials cred --expect refused us-east-1
	is '.[0] | .ok and (.why | test("a wrong password is refused too"))'
	# what was seen with another key proves nothing
	jq -c '.user = "AKIAOTHER"' before >other
	smtp-probe --interval 0 --credentials=cred --expect=refused <other >out
	is '.[0] | has("before") | not'
}

@test "mixed answers are a change that spreads; --wait waits for the end of it" {
	emu_fault '[{"do":"reply","reply":"535 Authentication Credentials Invalid",
		"match":{"service":"smtp","operation":"AUTH"},"skip":1}]'
	probe 75 --credentials cred --count 3 us-east-1
	is '.[0] | .verdict == "not-propagated" and .row == 1 and
		([.answers[].verdict] == ["ok", "bad-credentials", "ok"])'
	emu_control POST clear_faults >/dev/null
	emu_fault '[{"do":"reply","reply":"535 Authentication Credentials Invalid",
		"match":{"service":"smtp","operation":"AUTH"},"skip":1,"times":2}]'
	probe 0 --credentials cred --count 3 --wait 20 us-east-1
	is '.[0] | .ok and .asked == 6 and .row == 3 and .verdict == "ok"'
	# one that says nothing breaks the row: not proven, and not refuted
	emu_control POST clear_faults >/dev/null
	emu_fault '[{"do":"reply","reply":"451 later",
		"match":{"service":"smtp","operation":"AUTH"},"skip":1}]'
	probe 75 --credentials cred --count 3 us-east-1
	is '.[0] | .verdict == "ok" and (.ok | not) and .row == 1 and
		.why == "only 1 of 3 in a row"'
	# it never comes: the time is kept
	local start=$SECONDS
	smtp-probe --credentials=cred --expect=refused --wait=2 \
		us-east-1 >out </dev/null || [ $? = 1 ]
	[ $((SECONDS - start)) -le 6 ]
	is '.[0] | .verdict == "ok" and (.ok | not)'
	probe 1 --credentials cred --expect paused --timeout 1 --wait 60 us-east-1
}

@test "of many answers the last hundred are kept, and all are counted" {
	emu_fault '[{"do":"reply","reply":"451 later","times":10,
		"match":{"service":"smtp","operation":"AUTH"}}]'
	probe 0 --credentials cred --count 110 --wait 60 us-east-1
	is '.[0] | .asked == 120 and .row == 110 and (.answers | length) == 100
		and (.answers | all(.verdict == "ok"))'
}

@test "a young key that is refused is not propagated yet" {
	printf 'username=%s\npassword=x\ncreated=%s\n' "$KEY" \
		"$(date -u +%Y-%m-%dT%H:%M:%SZ)" >cred
	probe 75 --credentials cred us-east-1
	is '.[0] | .verdict == "not-propagated" and (.why | test("seconds old"))'
	sed -i 's/^created=.*/created=2026-01-01T00:00:00Z/' cred
	probe 1 --credentials cred us-east-1
	is '.[0].verdict == "bad-credentials"'
	# a refusal that is expected is what it is, however young
	sed -i "s/^created=.*/created=$(date -u +%Y-%m-%dT%H:%M:%SZ)/" cred
	probe 0 --credentials cred --expect refused us-east-1
	is '.[0].verdict == "bad-credentials"'
	sed -i 's/^created=.*/created=yesterday/' cred
	probe 65 --credentials cred us-east-1
}

@test "no permission: who may not do what on which identity" {
	emu_key '{"user":"nobody","id":"AKIANOBODYPROBE00001",
		"secret":"'"$SECRET"'"}' >/dev/null
	printf 'username=AKIANOBODYPROBE00001\nsecret_access_key=%s\n' \
		"$SECRET" >cred
	probe 0 --credentials cred us-east-1
	probe 1 --credentials cred "${data[@]}" us-east-1
	is '.[0] | .verdict == "no-permission" and .stage == "message" and
		.action == "ses:SendRawEmail" and
		.principal == "arn:aws:iam::111122223333:user/nobody" and
		.resource == "arn:aws:ses:us-east-1:111122223333:identity/shop.example.net"
		and (.why | test("nobody may not ses:SendRawEmail on arn:aws:ses"))'
}

@test "identity not verified, paused, out of quota" {
	probe 1 --credentials cred --data --from a@other.example us-east-1
	is '.[0] | .verdict == "identity-not-verified" and
		.resource == "a@other.example"'
	emu_set '{"regions": {"us-east-1": {"sending_enabled": false}}}'
	probe 1 --credentials cred "${data[@]}" us-east-1
	is '.[0] | .verdict == "paused" and .kind == "account"'
	# AUTH knows nothing of it
	probe 0 --credentials cred us-east-1
	probe 0 --credentials cred --expect=paused "${data[@]}" us-east-1
	is '.[0] | .ok'
	emu_set '{"regions": {"us-east-1": {"sending_enabled": true,
		"quota": {"max_24h": 0, "max_rate": 1}}}}'
	probe 75 --credentials cred "${data[@]}" us-east-1
	is '.[0] | .verdict == "throttled" and .kind == "daily-quota" and
		(.why | test("quota"))'
	emu_set '{"regions": {"us-east-1": {"sending_enabled": true,
		"quota": {"max_24h": 200000, "max_rate": 80}}}}'
	emu_set '{"smtp_throttled": true}'
	probe 75 --credentials cred us-east-1
	is '.[0] | .verdict == "throttled" and .kind == "authentication"'
}

@test "SES's other sentences" {
	says '454 Throttling failure: Maximum sending rate exceeded.' END 75 \
		throttled "${data[@]}"
	is '.[0].kind == "rate"'
	says '421 Too many concurrent SMTP connections; please try again later.' \
		CONNECT 75 throttled
	is '.[0].kind == "connections" and .[0].stage == "connect"'
	says '451 Temporary service failure' AUTH 75 temporary
	says '535 Account not subscribed to SES' AUTH 1 account-not-subscribed
	says '552 Message is too long.' END 1 rejected "${data[@]}"
	says '550 5.1.1 no such mailbox' RCPT 1 rejected "${data[@]}"
	is '.[0].stage == "rcpt"'
	says '454 TLS not available' STARTTLS 1 tls
	is '.[0].kind == "refused"'
}

@test "the answer to the message is lost: 79, and it is not sent again" {
	emu_fault '{"do":"close_after","match":{"service":"smtp","operation":"END"}}'
	probe 79 --credentials cred "${data[@]}" --count 3 --wait 5 us-east-1
	is '.[0] | .verdict == "unknown" and .asked == 1 and .code == 0 and
		(.message_id | length > 0) and (.why | test("Message-ID"))'
	run -0 emu_calls '[.[] | select(.operation == "DATA")] | length'
	[ "$output" = 1 ]
}

@test "the servers: operands, regions, records, standard input; each its record" {
	probe 0 --credentials cred us-east-1 eu-west-1
	is 'length == 2'
	printf 'us-east-1\n{"type":"ses-account","id":"eu-west-1"}\n' >list
	run -0 --separate-stderr smtp-probe --credentials cred - <list
	[ "$(jq -r .region <<<"$output" | paste -sd,)" = us-east-1,eu-west-1 ]
	# the worst decides
	probe 1 --credentials cred --region us-east-1 us-east-1 localhost:1 \
		--expect bad-credentials
	# which password? A secret key makes one for each region
	probe 65 --credentials cred us-east-1 localhost:1
	grep -q 'hint: --region' err
	probe 75 --credentials cred --region us-east-1 us-east-1 localhost:1
	is '.[1] | .verdict == "unreachable" and .kind == "refused" and
		.stage == "connect" and .code == 0'
	# one that cannot be read: none is asked
	emu_reset_log
	local bad
	for bad in 'a b' 'host:99999' 'host:x' '{"type":"x"}' '[::1' \
		'{"id":"us-east-1","region":"../x"}' "$(printf 'h%.0s' {1..300})"; do
		probe 65 --credentials cred us-east-1 "$bad"
		[ ! -s out ]
	done
	[ "$(emu_calls 'length')" = 0 ]
}

@test "usage: what must be told, and what does not go together" {
	probe 64 us-east-1
	probe 64 --credentials cred
	grep -q 'no servers' err
	probe 64 --credentials -
	probe 64 --credentials cred --data us-east-1
	probe 64 --credentials cred --from a@b.example us-east-1
	probe 64 --credentials cred --data --from 'a b' us-east-1
	probe 64 --credentials cred --expect maybe us-east-1
	probe 64 --credentials cred --tls none us-east-1
	probe 64 --credentials cred --count 1001 us-east-1
	probe 64 --credentials cred --no-auth us-east-1
	probe 64 --credentials cred --region nowhere
	probe 64 --credentials cred --domain x.example us-east-1
	probe 64 --relay-test --credentials cred localhost
	probe 64 --relay-test --region us-east-1
	probe 64 --relay-test
	probe 65 --relay-test us-east-1
	[ ! -s out ]
	[ "$(emu_calls 'length')" = 0 ]
}

@test "a mail to anybody but the simulator needs that name, and no --wait" {
	local to=boss@shop.example.net
	probe 64 --credentials cred "${data[@]}" --to "$to" us-east-1
	probe 64 --credentials cred "${data[@]}" --to "$to" --confirm=other us-east-1
	probe 64 --credentials cred "${data[@]}" --to "$to" --confirm="$to" \
		--wait 5 us-east-1
	[ "$(emu_calls 'length')" = 0 ]
	probe 0 --credentials cred "${data[@]}" --to "$to" --confirm="$to" us-east-1
	[ "$(emu_calls '[.[] | select(.operation == "DATA") | .params.rcpts]')" = \
		"[[\"$to\"]]" ]
}

@test "nagios: one line, perfdata, 0 1 2 3" {
	probe 0 --nagios --credentials cred us-east-1
	grep -qE '^SMTP OK - email-smtp.us-east-1.localhost:[0-9]+ ok(, | \().* \| matched=1;;;0;1 time=[0-9]+\.[0-9]{3}s cert_days=[0-9]+$' out ||
		grep -qE '^SMTP OK - email-smtp.us-east-1.localhost:[0-9]+ ok \| matched=1;;;0;1 time=[0-9]+\.[0-9]{3}s cert_days=[0-9]+$' out ||
		{ cat out; false; }
	emu_set '{"smtp_throttled": true}'
	probe 1 --nagios --credentials cred us-east-1
	grep -q '^SMTP WARNING - .*throttled' out
	emu_set '{"smtp_throttled": false}'
	printf 'username=%s\npassword=x\n' "$KEY" >cred
	probe 2 --nagios --credentials cred us-east-1 eu-west-1
	grep -q '^SMTP CRITICAL - .*bad-credentials, .*bad-credentials | matched=0;;;0;2' out
	probe 2 --nagios --no-auth localhost:1
	probe 3 --nagios --credentials nothing us-east-1
	grep -q '^SMTP UNKNOWN - ' out
	[ "$(wc -l <out)" = 1 ]
}

# --- servers of our own -------------------------------------------------------

make_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca \
		-addext keyUsage=critical,keyCertSign 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-keyout key.pem -out req.pem -subj /CN=mx 2>/dev/null
	printf 'subjectAltName=DNS:mx.localhost\n' >ext
	export AWS_CA_BUNDLE=$PWD/ca.pem
}

certificate() {	# FILE, then what says how long
	local file=$1
	shift
	openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key \
		-CAcreateserial "$@" -extfile ext -out "$file" 2>/dev/null
}

tls_server() {	# s_server's options; sets $port
	port=$(peers_free_port)
	openssl s_server -accept "127.0.0.1:$port" -key key.pem -quiet "$@" \
		>/dev/null 2>&1 </dev/null 3>&- &
	servers+=($!)
	peers_wait 10 peers_listens "$port"
}

@test "TLS: expired, wrong name, self-signed, unknown CA, only old versions" {
	make_ca
	certificate good.pem -days 20
	certificate expired.pem -days -1 ||
		certificate expired.pem -not_before 20200101000000Z \
			-not_after 20210101000000Z
	openssl req -x509 -key key.pem -out self.pem -days 20 -subj /CN=mx \
		-addext subjectAltName=DNS:mx.localhost 2>/dev/null
	try() {	# KIND WHY
		probe 1 --no-auth --tls implicit "${host:-mx.localhost}:$port"
		is ".[0] | .verdict == \"tls\" and .kind == \"$1\" and
			(.why | test(\"$2\")) and .stage == \"starttls\" and
			(.tls.verified != true)"
	}
	tls_server -cert expired.pem
	try expired 'has expired'
	is '.[0].tls.not_after < "2026-11-22" and (.[0].tls.not_after | length > 0)'
	tls_server -cert good.pem
	host=other.localhost try name 'another name'
	host=127.0.0.1 try name 'another name'
	AWS_CA_BUNDLE='' try ca 'trusted CA'
	tls_server -cert self.pem
	try ca 'trusted CA'
	tls_server -cert good.pem -tls1 -cipher DEFAULT@SECLEVEL=0
	try version 'version of TLS'
	# no password goes to any of them
	printf 'username=me\npassword=geheim+geheim\n' >cred2
	probe 1 --credentials cred2 --tls implicit "mx.localhost:$port"
	# as for the certificates that are named, one that cannot be read is ours
	AWS_CA_BUNDLE=/nonexistent probe 78 --no-auth --tls implicit \
		"mx.localhost:$port"
	[ ! -s out ]
}

@test "TLS: not offered; and a good one, whose end nagios watches" {
	make_ca
	smtp_sink_start sink
	probe 1 --no-auth "mx.localhost:$(sink_port sink)"
	is '.[0] | .verdict == "tls" and .kind == "none-offered"'
	sink_stop sink
	certificate good.pem -days 20
	smtp_sink_start sink --cert good.pem --key key.pem --auth 'me:pw/1'
	probe 0 --nagios --no-auth "mx.localhost:$(sink_port sink)"
	grep -qE 'cert_days=(19|20)$' out
	printf 'username=me\npassword=pw/1\n' >cred2
	probe 0 --credentials cred2 "mx.localhost:$(sink_port sink)"
	is '.[0] | .ok and .tls.name == "mx.localhost" and (has("region") | not)'
	sink_stop sink
	certificate soon.pem -days 5
	smtp_sink_start sink --cert soon.pem --key key.pem
	probe 1 --nagios --no-auth "mx.localhost:$(sink_port sink)"
	grep -q 'WARNING - .*certificate ends in [45] days' out
	# no AUTH is offered
	probe 1 --credentials cred2 "mx.localhost:$(sink_port sink)"
	is '.[0] | .verdict == "rejected" and .kind == "no-auth-offered"'
}

raw() {	# STEP...: sets $port
	rm -f raw.port
	"$PEERS_PYTHON" "$QUELL_ROOT/tests/data/smtp_raw.py" raw.port "$@" \
		>/dev/null 2>raw.err </dev/null 3>&- &
	servers+=($!)
	peers_wait 10 test -s raw.port
	port=$(<raw.port)
}

@test "not SMTP, silent, closed, no such host" {
	raw 'HTTP/1.1 400 Bad Request\r\n'
	probe 1 --no-auth "localhost:$port"
	is '.[0] | .verdict == "not-smtp" and .stage == "connect"'
	raw '220-x\r\n' pause
	probe 75 --no-auth --timeout 1 "localhost:$port"
	is '.[0] | .verdict == "unreachable" and .kind == "silent"'
	raw '220 x\r\n' close
	probe 75 --no-auth "localhost:$port"
	is '.[0] | .verdict == "unreachable" and .kind == "closed"'
	probe 75 --no-auth no-such-host.invalid
	is '.[0] | .verdict == "unreachable" and .kind == "no-such-host"'
}

@test "a server's words are made clean, and no password comes back in them" {
	make_ca
	certificate good.pem -days 20
	smtp_sink_start sink --cert good.pem --key key.pem --auth me:pw \
		--reply $'auth=535 \e[2J<script>\x01 geheim+geheim no'
	printf 'username=me\npassword=geheim+geheim\n' >cred2
	probe 1 --credentials cred2 "mx.localhost:$(sink_port sink)"
	is '.[0].text == "(not shown: it repeats the credential)"'
	run ! grep -q geheim out err
	run ! grep -q $'\e' out err
}

@test "port 25 is closed and 587 is open: blocked" {
	[ "$(id -u)" = 0 ] || skip 'ports below 1024 are root'"'"'s'
	"$PEERS_PYTHON" -c 'import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.88", 587))
s.listen(5)
open("listens", "w").write("x")
time.sleep(30)' </dev/null >/dev/null 2>&1 3>&- &
	servers+=($!)
	peers_wait 5 test -s listens || skip 'cannot listen on 127.0.0.88:587'
	probe 1 --no-auth 127.0.0.88:25
	is '.[0] | .verdict == "blocked" and .open_port == 587 and
		.kind == "refused" and (.why | test("port 587 is open"))'
	probe 0 --no-auth --expect=blocked 127.0.0.88:25
	# nothing is open there: that is another thing
	probe 75 --no-auth 127.0.0.89:25
	is '.[0] | .verdict == "unreachable" and (has("open_port") | not)'
}

@test "where the secret goes: to the server only" {
	command -v strace >/dev/null || skip 'no strace'
	no_leak_check
	printf '%s\n' "$SECRET" >secrets.cred
	password us-east-1 >>secrets.cred
	strace -f -v -y -s 100000 -o trace.cred -e \
		trace=execve,openat,open,creat,mkdir,chmod,fchmod,write,writev,sendto,sendmsg \
		smtp-probe --credentials cred us-east-1 >out </dev/null
	python3 "$QUELL_ROOT/tests/lib/secret_trace.py" trace.cred secrets.cred \
		--socket
	run ! grep -F -f secrets.cred out
	rm secrets.cred trace.cred
}

@test "the examples of the manual" {
	cp cred ses.cred
	mkdir bin
	# their hosts are not here
	cat >bin/smtp-probe <<-END
	#!/bin/sh
	for a; do
		shift
		case \$a in
		mail1.example.net) set -- "\$@" localhost:1 ;;
		*) set -- "\$@" "\$a" ;;
		esac
	done
	exec "$QUELL_B/bin/smtp-probe" "\$@"
	END
	chmod +x bin/smtp-probe
	PATH=$PWD/bin:$PATH
	seal
	cat >bin/ses-rotate <<-END
	#!/bin/bash
	curl -sS --noproxy '*' -X POST --data-binary \
		'{"user":"$user","id":"$KEY","status":"Inactive"}' \
		http://127.0.0.1:$EMU_HTTP/_emu/key
	END
	chmod +x bin/*
	run_examples smtp-probe
}
