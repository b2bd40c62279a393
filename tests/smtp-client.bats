#!/usr/bin/env bats
# The SMTP client of lib/net, led by build/unit/smtp against servers that
# misbehave in every way a mail server can.
# shellcheck disable=SC2030,SC2031,SC2119,SC2120,SC2154

load lib/quell

client() { # ARGUMENT...
	"$QUELL_B/unit/smtp" "$@"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset AWS_CA_BUNDLE
	pids=()
}

teardown() {
	local p
	for p in "${pids[@]}"; do
		kill "$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
}

wait_file() {
	local n=200
	until [ -s "$1" ]; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.03
	done
}

# raw STEP...: sets $port
raw() {
	rm -f raw.port
	python3 "$QUELL_ROOT/tests/data/smtp_raw.py" raw.port "$@" \
		>/dev/null 2>raw.err </dev/null 3>&- &
	pids+=($!)
	wait_file raw.port
	port=$(<raw.port)
}

# sink ARGUMENT...: sets $port
sink() {
	rm -rf sink
	mkdir sink
	python3 "$QUELL_ROOT/tests/lib/smtp_sink.py" --dir sink --sessions \
		--parent-pid "$$" "$@" >/dev/null 2>sink.err </dev/null 3>&- &
	pids+=($!)
	wait_file sink/port
	port=$(<sink/port)
}

# A CA, and a certificate for mx.localhost and no other name.
make_certs() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca \
		-addext keyUsage=critical,keyCertSign 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-keyout key.pem -out req.pem -subj /CN=mx 2>/dev/null
	printf 'subjectAltName=DNS:mx.localhost\n' >ext
	openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key \
		-CAcreateserial -days 2 -extfile ext -out cert.pem 2>/dev/null
}

password() {
	(umask 077 && printf 's3cret+PassWord/0\n' >pw)
}

mails() {
	[ -e sink/log.jsonl ] && wc -l <sink/log.jsonl
}

# The dialogue of a server up to 354, for raw.
hello=('220 x\r\n' '250 x\r\n' '250 ok\r\n' '250 ok\r\n')

@test "pure parts" {
	client
}

@test "a message arrives byte for byte: CRLF, dots, no end of line" {
	sink
	printf 'Subject: x\n\n.\n..\n.dot\na.b\r\nlone\rcr\nend' >m
	run -0 client localhost "$port" none 5000 - - a@example.net b@example.net m
	[[ ${lines[0]} == 'message 250 2.0.0 Ok sink-1' ]]
	printf 'Subject: x\r\n\r\n.\r\n..\r\n.dot\r\na.b\r\nlone\r\ncr\r\nend\r\n' |
		cmp - sink/1.eml
}

@test "an empty message and a null sender" {
	sink
	: >m
	run -0 client localhost "$port" none 5000 - - '' b@example.net m
	[ ! -s sink/1.eml ]
	[ "$(jq -r .from sink/log.jsonl)" = '' ]
}

@test "a large message, over TLS as well" {
	make_certs
	export AWS_CA_BUNDLE=$PWD/ca.pem
	sink --cert cert.pem --key key.pem
	seq 300000 >m
	run -0 client mx.localhost "$port" must 5000 - - a@b.c d@e.f m
	sed 's/$/\r/' m | cmp - sink/1.eml
	[ "$(jq -r .sni sink/log.jsonl)" = mx.localhost ]
}

@test "replies: 4xx is 75, 5xx is 69, at every point" {
	: >m
	local point
	for point in connect ehlo mail rcpt data data_end; do
		sink --reply "$point=451 4.3.0 later"
		run -75 client localhost "$port" none 5000 - - a@b.c d@e.f m
		[[ ${lines[-1]} == *'451 4.3.0 later' ]]
		sink --reply "$point=550 5.7.1 no"
		case $point in ehlo) ;; *)
			run -69 client localhost "$port" none 5000 - - a@b.c d@e.f m
			[[ ${lines[-1]} == *'550 5.7.1 no' ]] ;;
		esac
		[ -z "$(mails)" ] || [ "$(mails)" = 0 ]
	done
}

@test "421 anywhere is 75" {
	: >m
	sink --reply 'connect=421 too busy'
	run -75 client localhost "$port" none 5000
	sink --reply 'mail=421 closing'
	run -75 client localhost "$port" none 5000 - - a@b.c d@e.f m
}

@test "HELO when EHLO is unknown" {
	raw '220 x\r\n' '502 what\r\n' '250 hi\r\n'
	run -0 client localhost "$port" none 3000
}

@test "dropped at any point before the dot: 75" {
	: >m
	local point
	for point in connect ehlo mail rcpt data; do
		sink --reply "$point=drop"
		run -75 client localhost "$port" none 5000 - - a@b.c d@e.f m
		[[ ${lines[-1]} == *'closed without a reply' ]]
	done
}

@test "dropped after the dot: 79, and the message is there" {
	: >m
	sink --reply 'data_end=accept+drop'
	run -79 client localhost "$port" none 5000 - - a@b.c d@e.f m
	[ "$(mails)" = 1 ]
	[[ ${lines[0]} == 'message 0 ' ]]
	sink --reply data_end=drop
	run -79 client localhost "$port" none 5000 - - a@b.c d@e.f m
}

@test "silence, garbage or a half reply after the dot: 79" {
	: >m
	raw "${hello[@]}" '354 go\r\n' wait
	run -79 client localhost "$port" none 700 - - a@b.c d@e.f m
	raw "${hello[@]}" '354 go\r\n' 'what?\r\n'
	run -79 client localhost "$port" none 3000 - - a@b.c d@e.f m
	raw "${hello[@]}" '354 go\r\n' '250 o'
	run -79 client localhost "$port" none 700 - - a@b.c d@e.f m
	raw "${hello[@]}" '354 go\r\n' '354 again\r\n'
	run -79 client localhost "$port" none 3000 - - a@b.c d@e.f m
}

@test "lost in the middle of the body: 75, the dot was never sent" {
	seq 900000 >m
	raw "${hello[@]}" '354 go\r\n' close
	run -75 client localhost "$port" none 3000 - - a@b.c d@e.f m
	raw "${hello[@]}" '354 go\r\n' pause
	run -75 client localhost "$port" none 700 - - a@b.c d@e.f m
}

@test "refused in the middle of the body: the reply counts" {
	seq 900000 >m
	raw "${hello[@]}" '354 go\r\n' '552 too big\r\n' wait close
	run -69 client localhost "$port" none 3000 - - a@b.c d@e.f m
	[[ ${lines[-1]} == *'552 too big' ]]
}

@test "an answer before its question is not taken for one" {
	: >m
	raw "${hello[@]}" '354 go\r\n250 taken\r\n'
	run -76 client localhost "$port" none 3000 - - a@b.c d@e.f m
	raw '220 x\r\n250 x\r\n'
	run -76 client localhost "$port" none 3000
}

@test "multi-line replies, and those that are none" {
	raw '220-hello\r\n220-there\r\n220 x\r\n' '250-x\r\n250 y\r\n'
	run -0 client localhost "$port" none 3000
	local bad
	for bad in '220-a\r\n250 b\r\n' 'SSH-2.0-x\r\n' '\x00\x01\xff\r\n' \
	    '99 low\r\n' "220 $(printf '%3000s' x)"'\r\n' \
	    "$(printf '220-x\\r\\n%.0s' {1..101})"'220 x\r\n'; do
		raw "$bad"
		run -76 client localhost "$port" none 3000
	done
}

@test "a server that drips is given up on time" {
	raw '220-x\r\n' pause
	local start=$SECONDS
	run -75 client localhost "$port" none 800
	[ $((SECONDS - start)) -le 3 ]
}

@test "nobody listens: 75; no such host: 69" {
	run -75 client localhost 1 none 2000
	run -69 client no-such-host.invalid 25 none 2000
	run -64 client 'a b' 25 none 2000
}

@test "IPv6 and IPv4 in turn" {
	python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' ||
		skip 'no IPv6 here'
	RAW_HOST=::1 raw '220 x\r\n' '250 x\r\n'
	run -0 client localhost "$port" none 3000
}

@test "addresses with line ends are refused before they are sent" {
	: >m
	sink
	run -65 client localhost "$port" none 3000 - - \
		$'a@b.c>\r\nRCPT TO:<x@y.z' d@e.f m
	run -65 client localhost "$port" none 3000 - - a@b.c '' m
	run ! grep -q x@y.z sink/sessions.jsonl
}

@test "STARTTLS: certificate, name and CA are checked" {
	make_certs
	sink --cert cert.pem --key key.pem
	AWS_CA_BUNDLE=$PWD/ca.pem run -0 client mx.localhost "$port" must 5000
	AWS_CA_BUNDLE=$PWD/ca.pem run -77 client other.localhost "$port" must 5000
	AWS_CA_BUNDLE=$PWD/ca.pem run -77 client 127.0.0.1 "$port" must 5000
	run -77 client mx.localhost "$port" must 5000
	AWS_CA_BUNDLE=/nonexistent run -78 client mx.localhost "$port" must 5000
	# opportunistic: any certificate
	run -0 client other.localhost "$port" may 5000
	# the name is checked, not where it leads
	AWS_CA_BUNDLE=$PWD/ca.pem SMTP_ADDRESS=127.0.0.1 \
		run -0 client mx.localhost "$port" must 5000
	SMTP_ADDRESS=127.0.0.1 AWS_CA_BUNDLE=$PWD/ca.pem \
		run -77 client mx.example.net "$port" must 5000
}

@test "implicit TLS" {
	make_certs
	sink --cert cert.pem --key key.pem --implicit
	AWS_CA_BUNDLE=$PWD/ca.pem run -0 client mx.localhost "$port" wrap 5000
	run -77 client mx.localhost "$port" wrap 5000
}

@test "STARTTLS that is taken away is not gone without" {
	sink
	run -69 client localhost "$port" must 3000
	[[ ${lines[-1]} == *'STARTTLS is not offered' ]]
	run -0 client localhost "$port" may 3000
	raw '220 x\r\n' '250-x\r\n250 STARTTLS\r\n' '454 no\r\n'
	run -75 client localhost "$port" must 3000
}

@test "plain text behind the reply to STARTTLS is an attack: 76" {
	raw '220 x\r\n' '250-x\r\n250 STARTTLS\r\n' \
		'220 go\r\n250-x\r\n250 AUTH PLAIN\r\n'
	run -76 client localhost "$port" may 3000
	[[ ${lines[-1]} == *'plain text behind the reply' ]]
}

@test "AUTH: 235, 535 is 77, 454 is 75" {
	make_certs
	password
	export AWS_CA_BUNDLE=$PWD/ca.pem
	sink --cert cert.pem --key key.pem --require-tls \
		--auth 'me:s3cret+PassWord/0'
	run -0 client mx.localhost "$port" must 5000 me pw
	[[ ${lines[0]} == 'auth 235 '* ]]
	run -77 client mx.localhost "$port" must 5000 you pw
	[[ ${lines[0]} == 'auth 535 '* ]]
	sink --cert cert.pem --key key.pem --auth me:x \
		--reply 'auth=454 Temporary authentication failure'
	run -75 client mx.localhost "$port" must 5000 me pw
	sink --cert cert.pem --key key.pem
	run -69 client mx.localhost "$port" must 5000 me pw
}

@test "AUTH LOGIN when that is all there is" {
	password
	raw '220 x\r\n' '250-x\r\n250 AUTH LOGIN\r\n' '334 VXNlcm5hbWU6\r\n' \
		'334 UGFzc3dvcmQ6\r\n' '235 ok\r\n'
	run -0 client localhost "$port" none 3000 me pw
	raw '220 x\r\n' '250-x\r\n250 AUTH LOGIN\r\n' '535 no\r\n'
	run -77 client localhost "$port" none 3000 me pw
}

@test "no password in the clear to another machine" {
	password
	local ip
	ip=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 '\.') ||
		skip 'only loopback here'
	sink --host "$ip" --auth me:x
	run -78 client "$ip" "$port" none 3000 me pw
	run ! grep -q '"auth"' sink/sessions.jsonl
}

@test "a server that repeats the password does not get it into a message" {
	password
	raw '220 x\r\n' '250-x\r\n250 AUTH PLAIN\r\n' \
		"500 what is AUTH PLAIN $(printf '\0me\0s3cret+PassWord/0' | base64)\r\n"
	run -69 client localhost "$port" none 3000 me pw
	[[ $output != *"$(printf '\0me\0s3cret' | base64 | cut -c1-8)"* ]]
	[[ $output == *'repeats the credential'* ]]
	raw '220 x\r\n' '250-x\r\n250 AUTH PLAIN\r\n' '535 s3cret+PassWord/0\r\n'
	run -77 client localhost "$port" none 3000 me pw
	[[ $output != *s3cret* ]]
}
