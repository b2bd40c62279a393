#!/usr/bin/env bats
# abuse-ack: what becomes of an answer after somebody took it.  A relay is not
# AWS; what came back; the relay's log; a reseller's portal.

# shellcheck disable=SC2154,SC2155,SC2030,SC2031
load lib/quell
load lib/peers

setup_file() {
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" &&
		rm "$BATS_FILE_TMPDIR/no-exim"
	return 0
}

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	unset QUELL_ACK_RELAY
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	sink=$BATS_TEST_TMPDIR/sink
	to=trustandsafety@support.aws.com
}

teardown() {
	[ ! -e x/daemon.pid ] || exim_stop "$PWD/x"
	sink_stop "$sink" || true
}

serve() {	# [sink option...]
	smtp_sink_start "$sink" "$@"
	relay=(--relay "127.0.0.1:$(sink_port "$sink")" --relay-tls none)
}

ack() {
	abuse-ack -y "${relay[@]}" "$@"
}

sent() {	# an answer that a relay took; its folder and id
	serve
	ack "$@" <"$data/report-initial.json" >/dev/null 2>&1
	dir=$(echo "$QUELL_INCIDENTS"/*)
	id=$(sed -n 's/^Message-ID: \(<.*>\)\r$/\1/p' "$sink/1.eml")
	[ -n "$id" ]
}

is() {	# FILTER: true of the one record in $output
	jq -se "length == 1 and (.[0] | $1)" <<<"$output" >/dev/null ||
		{ echo "not so: $1"; echo "$output"; return 1; }
}

due() {	# FILTER: of the incident
	incident show "$dir" >shown
	jq -se "length == 1 and (.[0] | $1)" shown >/dev/null ||
		{ echo "not so: $1"; cat shown; return 1; }
}

events() {	# of the journal, without what is evidence
	jq -r 'select(.event | startswith("ack.")) | .event' \
		"$dir/journal.jsonl" | paste -sd' '
}

# A notification.  DSN_ID is its own id; FIELDS follow the recipient's.
dsn() {	# ACTION RECIPIENT MESSAGE-ID [FIELD...]
	local action=$1 who=$2 of=$3
	shift 3
	cat <<-X
	From: MAILER-DAEMON@relay.example
	To: security@shop.example
	Subject: Mail delivery failed
	Message-ID: <${DSN_ID-dsn-1}@relay.example>
	MIME-Version: 1.0
	Content-Type: multipart/report; report-type=delivery-status;
	 boundary="b"

	--b

	A message that you sent could not be delivered.
	--b
	Content-Type: message/delivery-status

	Reporting-MTA: dns; relay.example

	Final-Recipient: rfc822;$who
	Action: $action
	Status: 5.1.1
	Diagnostic-Code: smtp; 550-5.1.1 no such
	 mailbox here
	--b
	Content-Type: ${DSN_PART-text/rfc822-headers}

	From: security@shop.example
	Message-ID: $of
	$(printf '%s\n' "$@")
	Subject: Re: Your AWS Abuse Report

	--b--
	X
}

bounce() {
	abuse-ack -y --bounce "$@"
}

@test "a relay's 250 is relayed: the clock runs until it is confirmed" {
	sent
	due '.answered == false and .ack == "relayed" and .seconds_left and
		.why == "handed to a relay, not yet known to be with AWS"'
	[ -e "$dir/due" ]
	run -64 abuse-ack --delivered --evidence 'seen' --incident "$dir"
	run -0 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--evidence 'Jo: AWS answered "received" at 10:12'
	is '.state == "delivered" and .changed and .accepted_by == "relay" and
		(.how | test("^Jo: AWS")) and .sent_at'
	due '.answered and .acknowledged and .ack == "delivered" and
		(has("why") | not)'
	[ ! -e "$dir/due" ]
	run -0 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--evidence again
	is '.changed == false and .state == "delivered"'
	run -0 --separate-stderr ack <"$data/report-initial.json"
	is '.changed == false'
	[ "$(sink_count "$sink")" = 1 ]
	[ "$(events)" = "ack.prepared ack.sending ack.relayed ack.delivered" ]
	run -0 incident verify "$dir"
}

@test "--delivered: usage, -n writes nothing, one of several by its id" {
	sent
	run -64 abuse-ack -y --delivered --evidence x
	run -64 abuse-ack -y --delivered --incident "$dir"
	run -64 abuse-ack -y --delivered --incident "$dir" --evidence x \
		--mainlog y
	run -64 abuse-ack -y --delivered --incident "$dir" --evidence x file
	run -64 abuse-ack -y --evidence x <"$data/report-initial.json"
	run -64 abuse-ack -y --mainlog x <"$data/report-initial.json"
	run -64 abuse-ack -y --delivered --bounce --incident "$dir" --evidence x
	run -66 abuse-ack -y --delivered --incident "$dir" --mainlog nowhere
	run -66 abuse-ack -y --delivered --incident nowhere --evidence x
	cp -r "$dir" before
	run -0 --separate-stderr abuse-ack -n --delivered --incident "$dir" \
		--evidence x
	is '.dry_run and .changed and .state == "relayed"'
	diff -r "$dir" before
	ack --kind=not-abusive --reason=newsletter \
		<"$data/report-initial.json" >/dev/null 2>&1
	run -64 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--evidence x
	[[ $stderr == *"2 answers are on their way"*"--confirm="* ]]
	run -0 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--evidence x --confirm="$id"
	is ".message_id == \"$id\" and .state == \"delivered\""
	run -64 abuse-ack -y --delivered --incident "$dir" --evidence x \
		--confirm='<other@x>'
}

log_lines() {	# [the line of what became of it]
	local bare=${id#<}
	printf '%s\n' "2026-11-22 10:00:00 1vMAaa-00000000001-0001 <= o@x.example H=h [192.0.2.1] P=esmtps S=99 id=other@x.example" \
		"2026-11-22 10:00:00 1vMAaa-00000000002-0002 <= security@shop.example H=h [192.0.2.1] P=esmtps S=999 id=${bare%>} T=\"Re: x\"" \
		"2026-11-22 10:00:01 1vMAaa-00000000001-0001 => $to R=dnslookup T=remote_smtp H=mx.amazon.com [192.0.2.9] C=\"250 ok\"" \
		"$@" "2026-11-22 10:00:09 1vMAaa-00000000002-0002 Completed"
}

judged() {	# CODE WORD: what the log says
	local rc=0
	abuse-ack -n --delivered --incident "$dir" --mainlog log \
		${3+"$3"} >out 2>err || rc=$?
	[ "$rc" = "$1" ] && jq -se --arg w "$2" 'length == 1 and
		((.[0].why // .[0].how) | test($w))' out >/dev/null && return
	echo "$rc, not $1 $2"
	cat out err
	return 1
}

@test "--mainlog: who took it, by the relay's log" {
	local x="2026-11-22 10:00:02 1vMAaa-00000000002-0002"
	sent --cc copy@x.example
	: >log
	judged 75 'does not know it'
	log_lines >log
	judged 75 'has not tried'
	log_lines "$x == $to R=dnslookup T=remote_smtp defer (-53): retry" >log
	judged 75 'try again'
	log_lines "$x == $to R=dnslookup T=remote_smtp H=mx.amazon.com [192.0.2.9]: SMTP error from remote mail server after RCPT TO:<$to>: 450 4.2.0 later" >log
	judged 75 'try again'
	# a copy, a host of somebody else, and one that only looks like AWS
	log_lines "$x -> copy@x.example R=dnslookup T=remote_smtp H=mx.amazon.com [192.0.2.9] C=\"250 ok\"" >log
	judged 75 'not tried'
	log_lines "$x => $to R=smarthost T=remote_smtp H=next.example [192.0.2.9] C=\"250 ok\"" >log
	judged 75 'not the recipient'
	judged 0 '250 ok' --mx-host=next.example
	log_lines "$x => $to R=d T=remote_smtp H=amazon.com.evil.example [192.0.2.9] C=\"250 ok\"" >log
	judged 75 'not the recipient'
	log_lines "$x ** $to R=d T=remote_smtp H=mx.amazon.com [192.0.2.9]: SMTP error from remote mail server after RCPT TO:<$to>: 550 5.1.1 no" >log
	judged 69 'came back'
	log_lines "$x ** $to: retry timeout exceeded" >log
	judged 69 'came back'
	# the same in Postfix
	printf '%s\n' "Nov 22 10:00:00 r postfix/cleanup[1]: AB12CD34EF: message-id=$id" \
		"Nov 22 10:00:02 r postfix/smtp[2]: AB12CD34EF: to=<$to>, relay=mx.amazon.com[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 ok)" >log
	judged 0 'status=sent'
	# two files, one of them packed; the host is the recipient's own
	log_lines >log.1
	gzip log.1
	echo "$x => Trustandsafety@support.aws.com R=d T=remote_smtp H=mx1.support.aws.com [192.0.2.9] C=\"250 2.0.0 queued as 77\"" >log
	run -0 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--mainlog log.1.gz --mainlog log
	is '.state == "delivered" and .changed and
		(.how | test("queued as 77"))'
	due '.answered and .ack == "delivered"'
	run -0 incident verify "$dir"
}

@test "--mainlog settles an unknown outcome; its failure line is a bounce" {
	printf '{"data_end": ["accept+drop"]}\n' >script.json
	serve --script script.json
	run -79 ack <"$data/report-initial.json"
	dir=$(echo "$QUELL_INCIDENTS"/*)
	id=$(sed -n 's/^Message-ID: \(<.*>\)\r$/\1/p' "$sink/1.eml")
	run -64 abuse-ack -y --delivered --incident "$dir" --evidence x
	log_lines "2026-11-22 10:00:02 1vMAaa-00000000002-0002 ** $to R=d T=remote_smtp H=mx.amazon.com [192.0.2.9]: SMTP error from remote mail server after RCPT TO:<$to>: 550 5.1.1 no" >log
	run -69 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--mainlog log
	is '.state == "bounced" and .changed'
	due '.answered == false and .ack == "bounced" and .overdue'
	[ "$(sink_count "$sink")" = 1 ]
}

@test "a real relay: its log, and the bounce that it writes" {
	[ ! -e "$BATS_FILE_TMPDIR/no-exim" ] ||
		skip "$(tail -n 1 "$BATS_FILE_TMPDIR/no-exim")"
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	printf '{"rcpt": {"^trustandsafety": "550 5.1.1 no such mailbox"}}\n' \
		>script.json
	smtp_sink_start "$sink" --script script.json
	exim_make "$PWD/x" sink="$(sink_port "$sink")" relay=127.0.0.1
	exim_start "$PWD/x"
	relay=(--relay "127.0.0.1:$(exim_port "$PWD/x")" --relay-tls none)
	run -0 ack <"$data/report-initial.json"
	dir=$(echo "$QUELL_INCIDENTS"/*)
	# it comes back to the sender, whose mail goes to the sink, too
	peers_wait 60 test -s "$sink/1.eml"
	run -0 --separate-stderr bounce "$sink/1.eml"
	is '.state == "bounced" and .changed and (.how | test("5.1.1|550"))'
	due '.answered == false and .ack == "bounced" and .rearmed and
		.why == "the answer came back"'
	run -69 ack <"$data/report-initial.json"
	echo '{}' >script.json
	run -0 ack --resend <"$data/report-initial.json"
	peers_wait 60 test -s "$sink/2.eml"
	arrived() {
		abuse-ack -y --delivered --incident "$dir" \
			--mainlog x/log/mainlog --mx-host 127.0.0.1 >out 2>err
	}
	peers_wait 60 arrived || { cat out err x/log/mainlog; false; }
	jq -e '.state == "delivered"' out
	due '.answered and .ack == "delivered"'
	run -0 incident verify "$dir"
}

@test "--bounce: ours is journalled, kept, and starts the clock again" {
	sent
	abuse-ack -y --delivered --incident "$dir" --evidence x >/dev/null
	due .answered
	dsn failed "$to" "$id" >dsn.eml
	run -64 --separate-stderr abuse-ack --bounce dsn.eml
	run -0 --separate-stderr abuse-ack -n --bounce dsn.eml
	is '.dry_run and .changed and .why == "failed"'
	due .answered
	run -0 --separate-stderr bounce <dsn.eml
	is '.state == "bounced" and .changed and .ok and .to == "'"$to"'" and
		(.how | test("failed 5.1.1, says relay.example: smtp; 550-5.1.1 no such mailbox"))'
	due '.answered == false and .ack == "bounced" and .overdue and .rearmed'
	cmp dsn.eml "$dir"/evidence/*bounce.eml
	# once
	run -0 --separate-stderr bounce --incident "$dir" <dsn.eml
	is '.changed == false and .why == "this notification was taken in before"'
	DSN_ID=dsn-2 dsn failed "$to" "$id" >second.eml
	run -0 --separate-stderr bounce second.eml
	is '.changed == false'
	[ "$(find "$dir/evidence" -name '*bounce.eml' | wc -l)" = 1 ]
	[[ $(incident due --within 1h "$dir" -o table || true) == *"the answer came back"* ]]
	# nothing goes out again by itself
	run -69 --separate-stderr ack <"$data/report-initial.json"
	[[ $stderr == *"came back: failed 5.1.1"*"--resend"* ]]
	run -69 abuse-ack -n <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 1 ]
	run -0 --separate-stderr ack --resend <"$data/report-initial.json"
	is '.state == "relayed" and .changed and (has("how") | not)'
	cmp "$sink/1.eml" "$sink/2.eml"
	run -0 --separate-stderr ack <"$data/report-initial.json"
	is '.state == "relayed" and (has("how") | not)'
	# the first one again, late: it is not about this sending
	run -0 --separate-stderr bounce dsn.eml
	is '.changed == false and .state == "relayed"'
	due '.ack == "relayed"'
	DSN_ID=dsn-3 dsn failed "$to" "$id" >third.eml
	run -0 --separate-stderr bounce third.eml
	is '.changed and .state == "bounced"'
	# another address is another answer
	run -0 ack --to ec2-abuse@amazon.com <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 3 ]
	run -0 incident verify "$dir"
}

@test "--bounce: forged, unrelated or no notification: 65 and nothing changes" {
	sent
	cp -r "$QUELL_INCIDENTS" before
	dsn failed "$to" '<ack.0123456789abcdef0123456789abcdef@shop.example>' >f1
	dsn failed "$to" '' >f2
	# our id, but not as the id of what came back
	dsn failed "$to" '<x@y>' "References: $id" "X-Message-ID: $id" >f3
	cp "$sink/1.eml" f4
	printf 'Subject: failed\n\n%s\n' "$(dsn failed "$to" "$id")" >f5
	{
		printf 'Subject: fwd\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n'
		dsn failed "$to" "$id"
	} >f6
	dsn failed "$to" "$id" | sed 's/^Action: .*/Action: exploded/' >f7
	dsn failed "$to" "$id" | sed '/^Final-Recipient/d' >f8
	: >f9
	[ "$(echo f[1-9] | wc -w)" = 9 ]
	for f in f[1-9]; do
		run -65 --separate-stderr bounce "$f"
		[ -z "$output" ]
	done
	dsn failed "$to" "$id" >ours
	run -66 bounce nowhere
	incident open --dir other < <(jq -c '.case = "77777777777" |
		.message_id = "<z@y>"' "$data/report-initial.json") >/dev/null
	run -65 bounce --incident other ours
	diff -r "$QUELL_INCIDENTS" before
	due '.ack == "relayed"'
}

@test "--bounce: delayed is no failure, a copy is none, success is not proof" {
	sent --cc copy@x.example
	sed -i '/"ack.relayed"/s/"time":"[^"]*"/"time":"2026-11-01T00:00:00.000Z"/' \
		"$dir/journal.jsonl"
	DSN_ID=a dsn delayed "$to" "$id" >delayed.eml
	run -0 --separate-stderr bounce delayed.eml
	is '.changed and .state == "relayed" and (.how | test("^delayed"))'
	# a delay says nothing of when it was sent
	is '.taken_at | startswith("2026-11-01T00:00:00")'
	due '.answered == false and .ack == "relayed" and (has("rearmed") | not)'
	run -0 --separate-stderr bounce delayed.eml
	is '.changed == false'
	DSN_ID=b dsn failed copy@x.example "$id" >copy
	run -0 --separate-stderr bounce copy
	is '.changed == false and .state == "relayed" and .why == "only a copy came back"'
	DSN_ID=c dsn delivered "$to" "$id" >success
	run -0 --separate-stderr bounce success
	is '.changed == false and .state == "relayed" and (.why | test("--delivered"))'
	due '.answered == false'
	DSN_ID=d dsn relayed "$to" "$id" >passed
	run -0 --separate-stderr bounce passed
	is '.changed == false'
	# AWS may have passed it on to an address that we do not know
	DSN_ID=e DSN_PART=message/rfc822 dsn failed inner@desk.amazon.com "$id" >inner
	run -0 --separate-stderr bounce inner
	is '.changed and .state == "bounced"'
	[ "$(events)" = "ack.prepared ack.sending ack.relayed ack.delayed ack.bounced" ]
}

@test "--bounce: SES by SMTP gave it another id, ours is in References" {
	sent
	sed -i 's/"smtp 127.0.0.1:[0-9]*"/"smtp email-smtp.eu-west-1.amazonaws.com:587"/' \
		"$dir/journal.jsonl"
	dsn failed "$to" '<0102@eu-west-1.amazonses.com>' "References: $id" >f
	run -0 --separate-stderr bounce f
	is '.changed and .state == "bounced"'
}

@test "a flood of delays does not fill the disk, and hides no failure" {
	local i
	sent
	for i in $(seq 22); do
		DSN_ID=d$i dsn delayed "$to" "$id" >dsn.eml
		bounce dsn.eml >last
	done
	jq -e '.changed == false and (.why | test("often enough"))' last
	[ "$(grep -c '"ack.delayed"' "$dir/journal.jsonl")" = 20 ]
	dsn failed "$to" "$id" >dsn.eml
	run -0 --separate-stderr bounce dsn.eml
	is '.changed and .state == "bounced"'
}

@test "more copies than can be sent are not left out in silence" {
	local i cc=()
	serve
	for i in $(seq 16); do
		cc+=(--cc "c$i@x.example")
	done
	run -64 ack "${cc[@]}" <"$data/report-initial.json"
	run -0 ack "${cc[@]:2}" <"$data/report-initial.json"
	[ "$(jq '.to | length' "$sink/log.jsonl")" = 16 ]
}

@test "--bounce settles an unknown outcome: it did go out" {
	printf '{"data_end": ["accept+drop"]}\n' >script.json
	serve --script script.json
	run -79 ack <"$data/report-initial.json"
	dir=$(echo "$QUELL_INCIDENTS"/*)
	id=$(sed -n 's/^Message-ID: \(<.*>\)\r$/\1/p' "$sink/1.eml")
	dsn failed "$to" "$id" >dsn.eml
	run -0 --separate-stderr bounce dsn.eml
	is '.state == "bounced"'
	run -69 ack <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 1 ]
}

@test "eight bounces at once, and a kill: one line, nothing torn that hides" {
	local i pids=()
	sent
	dsn failed "$to" "$id" >dsn.eml
	for i in 1 2 3 4 5 6 7 8; do
		bounce dsn.eml >>out 2>>err 3>&- &
		pids+=($!)
	done
	kill -9 "${pids[3]}" 2>/dev/null || true
	for i in "${pids[@]}"; do
		wait "$i" || true
	done
	bounce dsn.eml >>out
	[ "$(grep -c '"event":"ack.bounced"' "$dir/journal.jsonl")" = 1 ]
	due '.ack == "bounced"'
	run -0 incident verify "$dir"
}

@test "--ticket: the text for a reseller; --posted keeps the clock running" {
	serve
	run -0 --separate-stderr abuse-ack --ticket <"$data/report-initial.json"
	[[ $output == "Please forward this"*"Subject: Your AWS Abuse Report"*"Message-ID: <"*"Case: 12345678901-1"* ]]
	[[ $stderr == *"--posted"* ]]
	run ! grep -q '^From:' <<<"$output"
	[ ! -e "$QUELL_INCIDENTS" ]
	run -64 abuse-ack --posted 'Jo, ticket 4711' <"$data/report-initial.json"
	[ ! -e "$QUELL_INCIDENTS" ]
	run -0 --separate-stderr abuse-ack -n --ticket --posted x \
		--date 2026-11-21T10:00:00Z <"$data/report-initial.json"
	is '.dry_run and .changed and .state == "none"'
	[ ! -e "$QUELL_INCIDENTS" ]
	abuse-ack --ticket --date 2026-11-21T10:00:00Z \
		<"$data/report-initial.json" >text
	run -0 --separate-stderr abuse-ack -y --posted 'Jo, ticket 4711' \
		--date 2026-11-21T10:00:00Z <"$data/report-initial.json"
	is '.state == "relayed" and .accepted_by == "reseller" and .changed and
		.how == "Jo, ticket 4711" and (has("message_id") | not)'
	dir=$(echo "$QUELL_INCIDENTS"/*)
	cmp text "$dir/out/ack-0001.txt"
	due '.answered == false and
		.why == "with the reseller, not yet known to be with AWS"'
	run -0 --separate-stderr abuse-ack -y --posted again \
		<"$data/report-initial.json"
	is '.changed == false'
	run -0 --separate-stderr abuse-ack -y --delivered --incident "$dir" \
		--evidence 'reseller: passed on 10:20'
	due '.answered'
	[ "$(sink_count "$sink")" = 0 ]
	run -0 incident verify "$dir"
	# forged, or with holes: no text either
	run -77 abuse-ack --ticket <"$data/report-forged.json"
	run -78 abuse-ack --ticket --kind=not-abusive <"$data/report-initial.json"
}

@test "a provider that wants a ticket gets one by itself, and posted is there" {
	serve
	jq -c '.provider = "linode" | .channel = "ticket" | .case = "123456" |
		.sender = "abuse@linode.com" | .reply_to = null' \
		"$data/report-initial.json" >linode.json
	run -0 --separate-stderr ack <linode.json
	[[ $output == "Hello,"*"Case: 123456"* ]]
	[ "$(sink_count "$sink")" = 0 ]
	[ ! -e "$QUELL_INCIDENTS" ]
	run -0 --separate-stderr abuse-ack -y --posted 'Jo, in the console' \
		<linode.json
	is '.state == "posted" and .accepted_by == "provider"'
	dir=$(echo "$QUELL_INCIDENTS"/*)
	due '.answered and .ack == "posted"'
	# Support Center is AWS's own: the same
	run -0 --separate-stderr abuse-ack -y --posted 'Jo, case 1766' \
		<"$data/report-support.json"
	is '.state == "posted"'
}
