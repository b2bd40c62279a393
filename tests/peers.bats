#!/usr/bin/env bats
# The harness itself: real Exim, rbldnsd and unbound on loopback, and the sinks.

bats_require_minimum_version 1.5.0

setup_file()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" &&
		rm "$BATS_FILE_TMPDIR/no-exim"
	peers_have rbldnsd unbound 2>"$BATS_FILE_TMPDIR/no-dns" &&
		rm "$BATS_FILE_TMPDIR/no-dns"
	return 0
}

setup()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	# shellcheck source=tests/lib/dns.bash
	. "$BATS_TEST_DIRNAME/lib/dns.bash"
	cd "$BATS_TEST_TMPDIR" || return 1
	X=$PWD/x
	case $BATS_TEST_DESCRIPTION in
	exim*) needs no-exim ;;
	rbldnsd* | unbound*) needs no-dns ;;
	esac
}

needs()	# FILE with the reason why not
{
	[ ! -e "$BATS_FILE_TMPDIR/$1" ] || skip "$(tail -n 1 "$BATS_FILE_TMPDIR/$1")"
}

teardown()
{
	exim_stop "$X"
	for d in "$BATS_TEST_TMPDIR"/*/pid; do
		[ ! -e "$d" ] || peers_stop_file "$d"
	done
}

instance()	# key=value ...
{
	smtp_sink_start sink
	exim_make "$X" sink="$(sink_port sink)" users=billing@quell.test:pw "$@"
	exim_start "$X"
}

by_billing()	# [option...]
{
	exim_submit "$X" alice@quell.test someone@example.net \
		--user billing@quell.test --pass pw "$@"
}

queue_is()	# N
{
	[ "$(exim_queue_count "$X")" = "$1" ]
}

sink_has()	# N
{
	[ "$(sink_count sink)" = "$1" ]
}

bounces_are()	# N in the mailbox of the sender
{
	[ "$(find "$X/mail/alice/new" -type f 2>/dev/null | wc -l)" = "$1" ]
}

@test 'exim: password checked, mail delivered to the sink, nothing left behind' {
	instance
	run -0 by_billing --ids
	run -1 exim_submit "$X" a@quell.test b@example.net \
		--user billing@quell.test --pass wrong
	[[ $output == *535* ]]
	run -0 exim_submit "$X" a@quell.test b@example.net \
		--user billing@quell.test --pass pw --auth login
	peers_wait 5 sink_has 2
	run -0 jq -r .from sink/log.jsonl
	[ "$output" = "alice@quell.test
a@quell.test" ]
	grep -q '^Subject: test 0' sink/1.eml
	grep -q 'A=server_plain:billing@quell.test' "$X/log/mainlog"
	grep -q 'A=server_login:billing@quell.test' "$X/log/mainlog"
	pid=$(<"$X/daemon.pid")
	exim_stop "$X"
	peers_gone "$pid"
	[ -z "$(exim_pids "$X")" ]
}

@test 'exim: its own tools, the spool as on a mail host' {
	instance queue_only=yes split=yes
	run -0 by_billing --count 3
	queue_is 3
	run -0 "$X/bin/exiqgrep" -c
	[ "${lines[-1]}" = '3 matches out of 3 messages' ]
	run -0 --separate-stderr "$X/bin/exipick" -i
	[ "${#lines[@]}" = 3 ]
	run -0 --separate-stderr "$X/bin/exim4" -bP spool_directory split_spool_directory
	[ "$output" = "spool_directory = $X/spool
split_spool_directory" ]
	"$X/bin/exim" -bV | grep -qF "Configuration file is $X/exim.conf"
	h=$(find "$X/spool/input" -name '*-H' | head -n 1)
	grep -qx -- '--auth_id billing@quell.test' "$h"
	grep -q '^Debian-exim ' "$h"
	[ "${h%/*}" != "$X/spool/input" ]
	if [ "$(id -u)" = 0 ]; then
		[ "$(stat -c %u:%a "$h")" = "$(<"$X/exim.uid"):640" ]
		# the host has learnt nothing
		[ ! -e /etc/exim4/trusted_configs ]
		run -2 getent passwd "$(<"$X/exim.uid")"
	fi
	id=${h##*/}
	run -0 "$X/bin/exim" -Mrm "${id%-H}"
	queue_is 2
	run -0 "$X/bin/mailq"
	[[ $output == *someone@example.net* ]]
	run -0 exim_run "$X" id -u Debian-exim
	[ "$output" = "$(<"$X/exim.uid")" ]
}

@test 'exim: a named queue is apart' {
	instance queue_only=yes
	run -0 by_billing --count 2
	id=$("$X/bin/exiqgrep" -i -f alice | head -n 1)
	run -0 "$X/bin/exim" -MG ir-test "$id"
	queue_is 1
	run -0 --separate-stderr exim_queue_count "$X" ir-test
	[ "$output" = 1 ]
	"$X/bin/exim" -qff
	sink_has 1
	run -0 "$X/bin/exim" -qGir-test -MG '' "$id"
	queue_is 1
}

@test 'exim: stopping ends the queue runner and a delivery that hangs' {
	"$PEERS_PYTHON" -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9)
print(s.getsockname()[1], flush=True); time.sleep(60)' >mute 3>&- &
	mute=$!
	peers_wait 5 test -s mute
	exim_make "$X" sink="$(<mute)"
	exim_start "$X" -q1s
	run -0 exim_submit "$X" alice@quell.test a@example.net
	peers_wait 5 grep -q -- '-Mc' "$X/log/mainlog"
	[ "$(exim_pids "$X" | wc -l)" -ge 2 ]
	exim_stop "$X"
	[ -z "$(exim_pids "$X")" ]
	queue_is 1
	peers_stop $mute
}

@test 'exim: local mail, alias, command line' {
	instance
	echo 'info: bob' >"$X/aliases"
	run -0 exim_submit "$X" a@elsewhere.test info@quell.test
	run -1 exim_submit "$X" a@elsewhere.test nobody@quell.test
	"$X/bin/sendmail" -f alice@quell.test -oi bob <<<'Subject: by hand'
	arrived()
	{
		[ "$(find "$X/mail/bob/new" -type f | wc -l)" = 2 ]
	}
	peers_wait 5 arrived
	grep -rq '^Subject: by hand' "$X/mail/bob/new"
}

@test 'exim: 550 at RCPT bounces, 450 stays queued' {
	echo '{"rcpt": {"^no@": "550 5.1.1 no such user", "^later@": "450 4.2.1 later"}}' >script
	smtp_sink_start sink --script "$PWD/script"
	exim_make "$X" sink="$(sink_port sink)" retry=F,1h,1s
	exim_start "$X"
	run -0 exim_submit "$X" alice@quell.test no@example.net
	peers_wait 5 bounces_are 1
	grep -rq 'no such user' "$X/mail/alice/new"
	run -0 exim_submit "$X" alice@quell.test later@example.org
	peers_wait 5 grep -q '== later@example.org' "$X/log/mainlog"
	queue_is 1
	echo '{}' >script
	"$X/bin/exim" -qff
	queue_is 0
	sink_has 1
}

@test 'exim: queue_only file accepts and waits' {
	instance
	: >"$X/quell/queue_only"
	run -0 by_billing
	sleep 0.3
	queue_is 1
	sink_has 0
	rm "$X/quell/queue_only"
	"$X/bin/exim" -q
	queue_is 0
	sink_has 1
}

@test 'exim: hold keeps mail past the retry rules and forced runs, bounces none' {
	instance retry=F,1s,1s
	exim_hold "$X"
	run -0 by_billing
	run -0 exim_submit "$X" alice@quell.test bob@quell.test
	for run in -q -qff -q -qff; do
		sleep 0.8
		"$X/bin/exim" $run
	done
	queue_is 1
	sink_has 0
	[ "$(find "$X/mail/bob/new" -type f | wc -l)" = 1 ]
	run -1 "$X/bin/exim" -bt someone@example.net
	[[ $output == *'held by incident response'* ]]
	exim_release "$X"
	"$X/bin/exim" -qff
	queue_is 0
	sink_has 1
	bounces_are 0
}

@test 'exim: hold of one account leaves the others alone' {
	instance retry=F,1s,1s
	echo 'billing@quell.test: incident' >"$X/quell/hold_accounts"
	run -0 by_billing --from ceo@elsewhere.test
	run -0 exim_submit "$X" alice@quell.test honest@example.net
	peers_wait 5 sink_has 1
	sleep 1.2
	"$X/bin/exim" -qff
	sleep 1.2
	"$X/bin/exim" -qff
	queue_is 1
	rm "$X/quell/hold_accounts"
	"$X/bin/exim" -qff
	queue_is 0
	sink_has 2
	bounces_are 0
}

@test 'exim: a denied account gets 550 at MAIL, whatever its spelling' {
	instance
	# A key with a colon, a blank, # or a quote in it is quoted in the file.
	printf '%s\n' 'billing@quell.test: x' '"od d:#1": x' '"quo\"te\\": x' \
		>"$X/quell/deny_accounts"
	printf '%s\n' '"od d:#1": pw' '"quo\"te\\": pw' 'MiXed@Quell.Test: pw' \
		'free: pw' >>"$X/users"
	for user in billing@quell.test BILLING@quell.test "od d:#1" "quo\"te\\"; do
		run -1 exim_submit "$X" a@quell.test b@example.net \
			--user "$user" --pass pw
		[[ $output == *'550 5.7.1 sending is suspended'* ]]
	done
	run -0 exim_submit "$X" a@quell.test b@example.net --user free --pass pw
	run -0 exim_submit "$X" a@quell.test b@example.net \
		--user mixed@quell.test --pass pw
	rm "$X/quell/deny_accounts"
	run -0 by_billing
}

@test 'exim: a denied local user cannot use sendmail' {
	instance
	[ "$(id -u)" = 0 ] || skip 'needs another user'
	printf 'root: x\n' >"$X/quell/deny_users"
	run -1 "$X/bin/sendmail" -oi bob@quell.test <<<'Subject: x'
	rm "$X/quell/deny_users"
	run -0 "$X/bin/sendmail" -oi bob@quell.test <<<'Subject: x'
}

@test 'exim: without the hook the hold files mean nothing' {
	instance hook=no
	exim_hold "$X"
	: >"$X/quell/queue_only"
	run -0 by_billing
	peers_wait 5 sink_has 1
}

certificate()	# NAME
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout key.pem -out cert.pem -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=DNS:$1" 2>/dev/null
}

@test 'exim: smarthost over verified TLS with the password of ses.pw' {
	name=email-smtp.eu-west-1.amazonaws.com
	certificate $name
	smtp_sink_start sink --cert cert.pem --key key.pem --require-auth \
		--require-tls --auth 'AKIA1:s3/cr+t^'
	exim_make "$X" route=smarthost smarthost="$name::$(sink_port sink)" \
		ca="$PWD/cert.pem" user=AKIA1 pass='s3/cr+t^' retry=F,1h,1s
	exim_start "$X"
	run -0 exim_submit "$X" alice@quell.test b@example.net
	peers_wait 5 sink_has 1
	run -0 jq -r '.auth, .sni' sink/log.jsonl
	[ "$output" = "AKIA1
$name" ]
	# a dead key with hosts_require_auth: deferred, not bounced
	printf 'user: AKIA1\npass: old\n' >"$X/ses.pw"
	run -0 exim_submit "$X" alice@quell.test c@example.net
	peers_wait 5 grep -q 'defer (-42)' "$X/log/mainlog"
	# rotation is the file alone
	printf 'user: AKIA1\npass: s3/cr+t^\n' >"$X/ses.pw"
	"$X/bin/exim" -qff
	queue_is 0
	sink_has 2
	# another server's certificate is not good enough
	printf '%s' "localhost::$(sink_port sink)" >"$X/smarthost"
	run -0 exim_submit "$X" alice@quell.test d@example.net
	peers_wait 5 grep -q '== d@example.net' "$X/log/mainlog"
	sink_has 2
}

@test 'exim: with stock hosts_try_auth a dead key bounces honest mail' {
	name=email-smtp.eu-west-1.amazonaws.com
	certificate $name
	smtp_sink_start sink --cert cert.pem --key key.pem --require-auth \
		--auth AKIA1:new
	exim_make "$X" route=smarthost smarthost="$name::$(sink_port sink)" \
		ca="$PWD/cert.pem" user=AKIA1 pass=old auth=try
	exim_start "$X"
	run -0 exim_submit "$X" alice@quell.test b@example.net
	peers_wait 5 bounces_are 1
	grep -rq '530 Authentication required' "$X/mail/alice/new"
}

@test 'exim: many messages by plan' {
	instance queue_only=yes
	jq -nc 'range(600) | {from: "s\(. % 7)@quell.test",
		to: ["a\(.)@example.net", "b\(.)@example.org"],
		subject: "invoice \(.)", headers: {"X-N": "\(.)"},
		user: (if . % 2 == 0 then "billing@quell.test" else null end),
		pass: "pw", body: ".dot\nline\n"}' >plan.jsonl
	run -0 exim_submit "$X" x@quell.test y@example.net --plan plan.jsonl
	jq -e '.sent == 600 and .refused == 0' <<<"$output"
	queue_is 600
	[ "$(grep -rl -- '--auth_id' "$X/spool/input" | wc -l)" = 300 ]
}

@test 'smtp_sink: replies by script, connection lost after DATA' {
	smtp_sink_start sink --sessions \
		--reply 'data_end=554 5.7.1 Sending paused for this account'
	submit()
	{
		"$PEERS_PYTHON" "$PEERS_LIB/smtp_submit.py" \
			--port "$(sink_port sink)" "$@"
	}
	run -1 submit
	[[ $output == *'554 5.7.1 Sending paused'* ]]
	sink_has 0
	sink_stop sink
	echo '{"data_end": ["accept+drop", "drop"], "connect": [null, null, null, "421 4.3.2 busy"]}' >script
	smtp_sink_start sink --script "$PWD/script"
	run -75 submit
	sink_has 1
	run -75 submit
	sink_has 1
	run -0 submit
	sink_has 2
	run -1 submit
}

@test 'http_sink: records, answers by script' {
	echo '{"^/hook": [{"status": 429, "headers": {"Retry-After": "1"}}, "drop"]}' >script
	http_sink_start web --script "$PWD/script"
	url=http://127.0.0.1:$(sink_port web)
	run -0 curl -s -o /dev/null -w '%{http_code} %header{retry-after}' -d '{"text":"hi"}' "$url/hook"
	[ "$output" = '429 1' ]
	run -52 curl -s -d again "$url/hook"
	run -0 curl -s -d three "$url/hook"
	[ "$output" = ok ]
	run -0 jq -r .body web/log.jsonl
	[ "${lines[0]}" = '{"text":"hi"}' ]
	[ "$(sink_count web)" = 3 ]
}

@test 'sinks end with their parent' {
	bash -c '. "$1/peers.bash"; smtp_sink_start orphan; cp orphan/pid kept' - "$PEERS_LIB"
	peers_wait 3 peers_gone "$(<kept)"
}

@test 'fakedns: every kind of misbehaviour' {
	cat >zones.json <<-END
	{"good.test": {"records": {"2.0.0.127": [["A", "127.0.0.2"],
	    ["A", "127.0.0.4"], ["TXT", "listed"]],
	  "@": [["MX", "10 mail.good.test"]]}},
	 "refused.test": {"mode": "refused"}, "servfail.test": {"mode": "servfail"},
	 "drop.test": {"mode": "drop"}, "empty.test": {"mode": "empty"},
	 "wild.test": {"mode": "wildcard"}, "blocked.test": {"mode": "blocked"},
	 "big.test": {"mode": "truncate", "records": {"*": [["TXT", "long"]]}},
	 "flaky.test": {"mode": "servfail", "first": 1,
	   "records": {"*": [["A", "127.0.0.2"]]}}}
	END
	fakedns_start dns "$PWD/zones.json"
	port=$(dns_port dns)
	run -0 dns_ask "$port" 2.0.0.127.GOOD.test
	[ "$output" = "NOERROR
A 127.0.0.2
A 127.0.0.4" ]
	run -0 dns_ask "$port" 1.0.0.127.good.test
	[ "$output" = NXDOMAIN ]
	run -0 dns_ask "$port" good.test MX
	[ "${lines[1]}" = 'MX 10 mail.good.test' ]
	run -0 dns_ask "$port" x.refused.test
	[ "$output" = REFUSED ]
	run -0 dns_ask "$port" x.servfail.test
	[ "$output" = SERVFAIL ]
	run -75 dns_ask "$port" x.drop.test
	run -0 dns_ask "$port" x.empty.test
	[ "$output" = NOERROR ]
	run -0 dns_ask "$port" x.wild.test
	[ "${lines[1]}" = 'A 127.0.0.2' ]
	run -0 dns_ask "$port" x.blocked.test
	[ "${lines[1]}" = 'A 127.255.255.254' ]
	run -0 dns_ask "$port" x.big.test TXT
	[ "$output" = 'NOERROR TC' ]
	run -0 dns_ask "$port" x.big.test TXT --tcp
	[ "${lines[1]}" = 'TXT long' ]
	run -0 dns_ask "$port" x.flaky.test
	[ "$output" = SERVFAIL ]
	run -0 dns_ask "$port" x.flaky.test
	[ "${lines[1]}" = 'A 127.0.0.2' ]
}

@test 'rbldnsd: test points, and a change is seen' {
	echo 192.0.2.1 | rbldnsd_zone rbl bl.test ip4set
	echo bad.example | rbldnsd_zone rbl dbl.test dnset
	rbldnsd_start rbl
	port=$(dns_port rbl)
	run -0 dns_ask "$port" 2.0.0.127.bl.test
	[ "$output" = "NOERROR
A 127.0.0.2" ]
	run -0 dns_ask "$port" 1.0.0.127.bl.test
	[ "$output" = NXDOMAIN ]
	run -0 dns_ask "$port" 1.2.0.192.bl.test TXT
	[ "${lines[1]}" = 'TXT listed, see https://lists.test/192.0.2.1' ]
	run -0 dns_ask "$port" bad.example.dbl.test
	[ "${lines[1]}" = 'A 127.0.0.2' ]
	: | rbldnsd_zone rbl bl.test ip4set
	delisted()
	{
		[ "$(dns_ask "$port" 1.2.0.192.bl.test)" = NXDOMAIN ]
	}
	peers_wait 5 delisted
}

@test 'unbound: resolves through rbldnsd, knows nothing else' {
	: | rbldnsd_zone rbl bl.test ip4set
	rbldnsd_start rbl
	unbound_start resolver bl.test="$(dns_port rbl)"
	run -0 dns_ask "$(dns_port resolver)" 2.0.0.127.bl.test
	[ "$output" = "NOERROR
A 127.0.0.2" ]
	run -0 dns_ask "$(dns_port resolver)" 1.0.0.127.bl.test
	[ "$output" = NXDOMAIN ]
	run -0 dns_ask "$(dns_port resolver)" example.com
	[ "$output" = NXDOMAIN ]
}
