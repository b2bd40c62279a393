#!/usr/bin/env bats
# abuse-ack: what is sent, that it is sent once, and what is never sent.

# shellcheck disable=SC2154,SC2155,SC2030,SC2031
load lib/quell
load lib/peers

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	unset QUELL_ACK_RELAY
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	sink=$BATS_TEST_TMPDIR/sink
}

teardown() {
	sink_stop "$sink" || true
	sink_stop "$BATS_TEST_TMPDIR/dns" || true
}

serve() {	# [sink option...]
	smtp_sink_start "$sink" --sessions "$@"
	relay=(--relay "127.0.0.1:$(sink_port "$sink")" --relay-tls none)
}

script() {	# JSON: how the sink answers from now on
	printf '%s\n' "$1" >script.tmp
	mv script.tmp script.json
}

report() {	# JQ-FILTER: the first report, changed
	jq -c "$1" "$data/report-initial.json"
}

ack() {
	abuse-ack -y "${relay[@]}" "$@"
}

events() {	# the ack events of the only incident
	jq -r 'select(.event | startswith("ack.")) | .event' \
		"$QUELL_INCIDENTS"/*/journal.jsonl | paste -sd' '
}

sound() {
	local dir
	for dir in "$QUELL_INCIDENTS"/*; do
		incident verify "$dir" >/dev/null || return
	done
}

@test "the preview is byte for byte what the server gets" {
	serve
	d=2026-11-21T10:00:00Z
	abuse-ack -n --print --date $d <"$data/report-initial.json" >preview
	run -0 --separate-stderr abuse-ack -n --date $d \
		<"$data/report-initial.json"
	jq -e --arg h "$(sha256sum <preview | cut -d' ' -f1)" \
		--argjson n "$(wc -c <preview)" '.dry_run and .sha256 == $h and
		.bytes == $n and .state == "none" and .changed' \
		<<<"$output"
	[ "$(sink_count "$sink")" = 0 ]
	run -0 --separate-stderr ack --date $d <"$data/report-initial.json"
	[[ $stderr == *"not yet known to be with AWS"* ]]
	jq -e --arg h "$(sha256sum <preview | cut -d' ' -f1)" '.ok and .changed
		and .state == "relayed" and .accepted_by == "relay" and
		.sha256 == $h and .taken_at and (has("sent_at") | not) and
		(.reply | test("sink-1")) and .case == "12345678901-1" and
		.to == "trustandsafety@support.aws.com"' <<<"$output"
	cmp preview "$sink/1.eml"
	cmp preview "$QUELL_INCIDENTS"/*/out/ack-0001.eml
	[ "$(stat -c %a "$QUELL_INCIDENTS"/*/out/ack-0001.eml)" = 400 ]
	jq -e '.from == "security@shop.example" and
		.to == ["trustandsafety@support.aws.com"]' "$sink/log.jsonl"
	[ "$(events)" = "ack.prepared ack.sending ack.relayed" ]
	sound
	# a relay is not AWS: the clock goes on, and says why
	run -1 --separate-stderr incident due --within 100d "$QUELL_INCIDENTS"/*
	jq -e '.answered == false and .ack == "relayed" and .alarm and
		.accepted_by == "relay" and .state == "open" and
		(.why | test("handed to a relay, not yet known to be with AWS"))' \
		<<<"$output"
}

@test "headers: thread, subject as it was, sender and recipient" {
	run -0 abuse-ack -n --print <"$data/report-reminder.json"
	grep -qx $'Subject: Re: Your AWS Abuse Report \[12345678901-1\] \[AWS ID 123456789012\]\r' <<<"$output"
	grep -qx $'In-Reply-To: <0100019b-reminder@email.amazonses.com>\r' \
		<<<"$output"
	grep -A1 '^References: <0100019a' <<<"$output" |
		grep -q ' <0100019b-reminder'
	run ! grep -i '^Auto-Submitted' <<<"$output"
	run ! grep -i '^Bcc' <<<"$output"
	run -0 abuse-ack -n --print --unattended --from ops@x.example \
		--reply-to r@x.example --cc c@x.example --next 2h \
		--date 2026-11-21T10:00:00+09:00 --contact 'Jo <+81 3>' \
		<"$data/report-initial.json"
	grep -qx $'Auto-Submitted: auto-replied\r' <<<"$output"
	grep -qx $'From: ops@x.example\r' <<<"$output"
	grep -qx $'Cc: c@x.example\r' <<<"$output"
	grep -qx $'Reply-To: r@x.example\r' <<<"$output"
	grep -qx $'Date: Sat, 21 Nov 2026 01:00:00 +0000\r' <<<"$output"
	grep -q 'again by 2026-11-21 03:00 UTC' <<<"$output"
	grep -qx $'Contact: Jo <+81 3>\r' <<<"$output"
	# a subject that is a reply already gets no second Re:
	run -0 abuse-ack -n --print < <(report '.subject = "RE: x [1-1]"')
	grep -qx $'Subject: RE: x \[1-1\]\r' <<<"$output"
}

@test "-n and --print write nothing and open no connection" {
	serve
	incident open <"$data/report-initial.json" >/dev/null
	find . -path ./sink -prune -o -type f -printf '%p %T@ %s\n' | sort >a
	abuse-ack -n "${relay[@]}" <"$data/report-initial.json" >/dev/null
	abuse-ack -n --print "${relay[@]}" <"$data/report-initial.json" \
		>/dev/null
	abuse-ack --print -y "${relay[@]}" <"$data/report-initial.json" \
		>/dev/null
	abuse-ack -n --incident "$(echo "$QUELL_INCIDENTS"/*)" >/dev/null
	find . -path ./sink -prune -o -type f -printf '%p %T@ %s\n' | sort |
		grep -v '^./b ' >b
	diff <(grep -v '^./[ab] ' a) <(grep -v '^./[ab] ' b)
	[ ! -s "$sink/sessions.jsonl" ]
}

@test "without -y, without a way, without a report: 64 and nothing changed" {
	serve
	run -64 abuse-ack "${relay[@]}" <"$data/report-initial.json"
	run -64 abuse-ack -y <"$data/report-initial.json"
	[[ $output == *QUELL_ACK_RELAY* ]]
	run -64 abuse-ack -y "${relay[@]}" --mx <"$data/report-initial.json"
	run -64 abuse-ack -y "${relay[@]}" --settle=maybe \
		<"$data/report-initial.json"
	run -64 abuse-ack -y "${relay[@]}" file <"$data/report-initial.json"
	run -64 abuse-ack -y --relay x --relay-tls no <"$data/report-initial.json"
	run -64 abuse-ack -y --relay x --relay-user u \
		<"$data/report-initial.json"
	run -64 abuse-ack -y --mx --cc a@b.example <"$data/report-initial.json"
	run -64 ack --date yesterday <"$data/report-initial.json"
	run -65 ack </dev/null
	run -65 ack <<<12345678901
	run -65 ack <<<'{"type":"incident","id":"x"}'
	run -65 ack < <(report . && report .)
	run -66 ack --incident nowhere
	[ ! -e "$QUELL_INCIDENTS" ]
	[ "$(sink_count "$sink")" = 0 ]
}

@test "the relay from the environment; a run after it changes nothing" {
	serve
	export QUELL_ACK_RELAY=127.0.0.1:$(sink_port "$sink")
	run -0 abuse-ack -y --relay-tls none <"$data/report-initial.json"
	run -0 --separate-stderr ack <"$data/report-initial.json"
	jq -e '.changed == false and .state == "relayed" and .ok and .taken_at' \
		<<<"$output"
	# not by another way, another date or another text either
	run -0 --separate-stderr ack --date 2026-01-01T00:00:00Z --contact x \
		<"$data/report-initial.json"
	run -0 ack --incident "$(echo "$QUELL_INCIDENTS"/*)"
	run -0 ack --incident "$(echo "$QUELL_INCIDENTS"/*)" - \
		<"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 1 ]
	sound
}

@test "a second notice is answered only when it presses, and with --again" {
	serve
	ack <"$data/report-initial.json" >/dev/null
	run -0 --separate-stderr ack <"$data/report-reminder.json"
	jq -e '.changed == false' <<<"$output"
	run -64 ack --again <"$data/report-initial.json"
	run -0 ack --again <"$data/report-reminder.json"
	run -0 --separate-stderr ack --again <"$data/report-reminder.json"
	jq -e '.changed == false' <<<"$output"
	[ "$(sink_count "$sink")" = 2 ]
	[ "$(cat "$sink"/[12].eml | grep -c "^Message-ID")" = 2 ]
	run ! cmp -s <(grep ^Message-ID "$sink/1.eml") \
		<(grep ^Message-ID "$sink/2.eml")
	sound
}

@test "eight runs at once send exactly one" {
	serve
	pids=()
	for _ in 1 2 3 4 5 6 7 8; do
		ack <"$data/report-initial.json" >>out.jsonl 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(sink_count "$sink")" = 1 ]
	jq -se 'length == 8 and all(.state == "relayed") and
		(map(select(.changed)) | length == 1)' out.jsonl
	sound
}

@test "forged is 77; who knows better repeats the case" {
	serve
	run -77 ack <"$data/report-forged.json"
	run -77 ack --confirm=12345678901-1 <"$data/report-forged.json"
	run -77 abuse-ack -n <"$data/report-forged.json"
	[ "$(sink_count "$sink")" = 0 ]
	run -0 ack --confirm=99999999999-1 <"$data/report-forged.json"
	[ "$(sink_count "$sink")" = 1 ]
}

@test "facts that contradict each other: 65; who knows better repeats the case" {
	serve
	while read -r filter; do
		run -65 --separate-stderr ack < <(report "$filter")
		[[ $stderr == *"contradict"*"--confirm=12345678901-1"* ]]
		[ "$(sink_count "$sink")" = 0 ]
	done <<-'X'
		.conflicts = ["account"]
		.accounts = ["1", "2"]
	X
	run -65 ack --confirm=1 < <(report '.conflicts = ["account"]')
	run -0 --separate-stderr ack --confirm=12345678901-1 \
		< <(report '.conflicts = ["account"]')
	jq -e '.why | test("contradict")' <<<"$output"
}

done_in_incident() {	# what the responder did, in folder c
	incident open --dir c <"$data/report-initial.json" >/dev/null
	jq -nc '{type: "iam-key", id: "AKIASTOLENKEY0000001", from:
		"iam-key-disable", ok: true, changed: true, key:
		"AKIASTOLENKEY0000001", user: "ses-smtp"}' |
		incident log c --event=iam-key-disable.end --data=- >/dev/null
	line=$(jq -r 'select(.event == "iam-key-disable.end").id' c/journal.jsonl)
	at=$(jq -r 'select(.event == "iam-key-disable.end").time' c/journal.jsonl)
}

@test "--kind=resolved: the journal's actions with time and reference, or 78" {
	local full=(--kind=resolved --cause='a leaked SMTP password'
		--prevention='keys live 90 days, in a vault')
	serve
	done_in_incident
	run -78 --separate-stderr ack "${full[@]}" --incident c
	[[ $stderr == *"no value for {{state}}"* ]]
	incident log c --event=incident.contained </dev/null >/dev/null
	run -78 --separate-stderr ack --kind=resolved --incident c
	[[ $stderr == *"no value for {{cause}}"* ]]
	[ "$(sink_count "$sink")" = 0 ]
	run -0 --separate-stderr ack "${full[@]}" --incident c
	[ "$(sink_count "$sink")" = 1 ]
	grep -q '^Cause: a leaked SMTP password' "$sink/1.eml"
	grep -q "^- ${at:0:10} ${at:11:5} UTC: .*\[journal line $line\]" "$sink/1.eml"
	grep -q '^State now: contained since 2' "$sink/1.eml"
	# once; and the first answer is another letter
	run -0 --separate-stderr ack "${full[@]}" --incident c
	jq -e '.changed | not' <<<"$output"
	run -0 --separate-stderr ack --incident c
	[ "$(sink_count "$sink")" = 2 ]
	run -0 incident verify c
}

@test "--kind=extend and not-abusive; each is sent once" {
	serve
	run -78 ack --kind=extend --reason='the mail host is rebuilt' <"$data/report-initial.json"
	run -0 ack --kind=extend --reason='the mail host is rebuilt' \
		--until=2026-11-25T12:00:00Z <"$data/report-initial.json"
	run -0 ack --kind=extend --reason='the mail host is rebuilt' \
		--until=2026-11-25T12:00:00Z <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 1 ]
	grep -q '^Time requested: until 2026-11-25 12:00 UTC' "$sink/1.eml"
	grep -q '^Reason: the mail host is rebuilt' "$sink/1.eml"
	# more time is another request
	run -0 ack --kind=extend --reason=more --until=2026-11-27T12:00:00Z \
		<"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 2 ]
	run -78 ack --kind=not-abusive <"$data/report-initial.json"
	run -0 ack --kind=not-abusive --reason='a newsletter to subscribers' \
		<"$data/report-initial.json"
	grep -q '^Use case: a newsletter to subscribers' "$sink/3.eml"
	run -64 ack --kind=other <"$data/report-initial.json"
	run -64 ack --kind=extend --again <"$data/report-initial.json"
	run -64 ack --kind=extend --until=soon <"$data/report-initial.json"
	sound
}

@test "--summary: the same facts for the owner, in Japanese and Portuguese" {
	local lang
	serve
	done_in_incident
	for lang in ja pt; do
		run -0 --separate-stderr abuse-ack --summary=$lang --kind=resolved \
			--cause=leak --incident c
		[[ $output == *12345678901-1*leak*"[journal line $line]"* ]]
		[ -z "$stderr" ]
	done
	[[ $output == *'Medidas tomadas (UTC):'* ]]
	run -64 abuse-ack --summary=fr --incident c
	[ "$(sink_count "$sink")" = 0 ]
	[ ! -e c/out/ack-0001.eml ]
}

@test "a team's own letters, by kind" {
	mkdir own
	printf 'Ours: {{case}} {{kind}}\n' >own/ack.txt
	export QUELL_LETTERS=$PWD/own
	run -0 abuse-ack --print <"$data/report-initial.json"
	[[ $output == *'Ours: 12345678901-1 ack'* ]]
	printf 'Ours: TODO\n' >own/ack.txt
	run -78 abuse-ack --print <"$data/report-initial.json"
}

@test "unverified or incomplete: -y, and it is said" {
	serve
	while read -r filter; do
		run -64 --separate-stderr abuse-ack "${relay[@]}" \
			< <(report "$filter")
		run -0 --separate-stderr ack < <(report "$filter")
		jq -e '.why | test("verified|contradict|no case|no account")' \
			<<<"$output"
		[ -n "$stderr" ]
		rm -rf "$QUELL_INCIDENTS"
	done <<-'X'
		.authentic = "unverified"
		.account = null
		.case = null
	X
}

@test "only AWS is answered, on the boundary of a label" {
	serve
	for d in notamazon.com amazon.com.evil.example evil.example aws.co; do
		run -77 ack < <(report ".reply_to = \"x@$d\"")
		run -77 ack --to "x@$d" <"$data/report-initial.json"
	done
	run -65 ack < <(report '.reply_to = null | .sender = null')
	run -65 ack < <(report '.reply_to = "x@aws.com\r\nBcc: v@x"')
	[ "$(sink_count "$sink")" = 0 ]
	for d in amazon.com SUPPORT.AWS.COM amazonaws.com; do
		run -0 abuse-ack -n < <(report ".reply_to = \"Abuse <x@$d>\"")
	done
	run -0 ack --to x@evil.example --confirm=x@evil.example \
		<"$data/report-initial.json"
	jq -e '.to == ["x@evil.example"]' "$sink/log.jsonl"
	run -64 ack < <(report '.to = null | .case = "5"')
}

@test "resolved: nothing to send. No mail channel: the text, and 69" {
	serve
	run -0 --separate-stderr ack < <(report '.stage = "resolved"')
	jq -e '.changed == false and .state == "none" and
		(.why | test("resolved"))' <<<"$output"
	run -69 --separate-stderr ack <"$data/report-support.json"
	[[ $stderr == *"Support Center"* ]]
	run -69 --separate-stderr abuse-ack --print <"$data/report-support.json"
	[ "${lines[0]}" = Hello, ]
	grep -q 'Case: 176600000000745' <<<"$output"
	run ! grep -q '^Subject:' <<<"$output"
	[ "$(sink_count "$sink")" = 0 ]
	[ ! -e "$QUELL_INCIDENTS" ]
}

@test "a letter with holes does not go out: 78" {
	serve
	while read -r text; do
		printf '%s\n' "$text" >letter.txt
		run -78 ack --template letter.txt < <(report '.region = null')
		run -78 abuse-ack -n --template letter.txt \
			< <(report '.region = null')
	done <<-'X'
		Region: {{region}}
		Case {{cases}}
		{{case
		Account (AWSアカウントID)
		TODO what we did
	X
	run -78 ack < <(report '.activity = "{{case}}"')
	run -66 ack --template nowhere <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 0 ]
	[ ! -e "$QUELL_INCIDENTS" ]
	printf 'Case {{case}} {{account}} {{resources}} {{activity}} {{due}}
	{{contact}} 担当 {{next}}\nRegion {{region?}}\n' >letter.txt
	run -0 ack --template letter.txt < <(report '.region = null')
	sed '1,/^\r$/d' "$sink/1.eml" | python3 -c 'import quopri, sys
sys.stdout.buffer.write(quopri.decodestring(sys.stdin.buffer.read()))' |
		tr -d '\r' >body
	grep -qx 'Case 12345678901-1 123456789012 i-0123456789abcdef0 spam 2026-11-22 09:00 UTC' body
	grep -q '担当' body
	run ! grep Region body
}

@test "hostile text adds no header, no recipient and no line" {
	serve
	run -0 ack --cc ok@x.example <"$data/report-hostile.json"
	jq -e '.to == ["trustandsafety@support.aws.com", "ok@x.example"]' \
		"$sink/log.jsonl"
	sed '/^\r$/q' "$sink/1.eml" >headers
	run ! grep -iE '^(Bcc|X)' headers
	[ "$(sed '/^[ \t]/d' headers | grep -c :)" = 10 ]
	run ! grep -P '[^\x20-\x7e\r\n]' "$sink/1.eml"
	run ! grep -P '^.{998,}' "$sink/1.eml"
	run ! grep -P '[^\r]$' "$sink/1.eml"
	long=$(printf 'x%.0s' {1..1900})
	run -0 abuse-ack -n --print < <(report ".subject = \"$long [1-1]\"")
	grep -qF '[1-1]' <<<"$output"
	run ! grep -P '^.{998,}' <<<"$output"
	run -65 abuse-ack -n < <(report ".subject = \"$long$long\"")
}

@test "450, 421, no server: 75, and the next run sends the same bytes" {
	script '{"rcpt": ["450 4.2.1 later"]}'
	serve --script script.json
	run -75 --separate-stderr ack <"$data/report-initial.json"
	jq -e '.ok == false and .state == "failed" and (.reply | test("450"))' \
		<<<"$output"
	# the preview shows what will be tried again
	abuse-ack --print <"$data/report-initial.json" |
		cmp - "$QUELL_INCIDENTS"/*/out/ack-0001.eml
	script '{"data_end": ["451 4.3.0 later"]}'
	run -75 ack <"$data/report-initial.json"
	script '{"connect": ["421 busy"]}'
	run -75 ack <"$data/report-initial.json"
	script '{"rcpt": ["drop"]}'
	run -75 ack <"$data/report-initial.json"
	port=$(sink_port "$sink")
	sink_stop "$sink"
	run -75 ack <"$data/report-initial.json"
	serve --port "$port"
	run -0 --separate-stderr ack <"$data/report-initial.json"
	jq -e .changed <<<"$output"
	[ "$(ls "$QUELL_INCIDENTS"/*/out)" = ack-0001.eml ]
	cmp "$sink/1.eml" "$QUELL_INCIDENTS"/*/out/ack-0001.eml
	sound
}

@test "550 at any point is 69; the person may try another way" {
	serve --script script.json
	for point in connect mail rcpt data data_end; do
		script "{\"$point\": \"550 5.7.1 no\"}"
		run -69 --separate-stderr ack <"$data/report-initial.json"
		jq -e '.state == "failed" and (.reply | test("550")) and
			.ok == false' <<<"$output"
	done
	script '{}'
	run -0 ack <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 1 ]
	sound
}

@test "the reply is lost after the dot: 79, never again by itself" {
	script '{"data_end": ["accept+drop"]}'
	serve --script script.json
	run -79 --separate-stderr ack <"$data/report-initial.json"
	jq -e '.state == "unknown" and .ok == false' <<<"$output"
	run -79 --separate-stderr ack <"$data/report-initial.json"
	[[ $stderr == *"<ack."*"ack-0001.eml"* ]]
	[[ $stderr == *--settle*--resend* ]]
	run -79 abuse-ack -n <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 1 ]
	run -1 --separate-stderr incident due "$QUELL_INCIDENTS"/* --within 100d
	jq -e '.answered == false and .ack == "unknown" and .why' <<<"$output"
	# the same id and bytes, on demand
	run -0 --separate-stderr ack --resend --contact ignored \
		<"$data/report-initial.json"
	jq -e '.changed and .state == "relayed"' <<<"$output"
	cmp "$sink/1.eml" "$sink/2.eml"
	run -64 ack --resend --again <"$data/report-reminder.json"
	run -0 ack --resend <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 2 ]
	sound
}

@test "--settle writes down what a person found out" {
	script '{"data_end": ["drop", "drop"]}'
	serve --script script.json
	run -64 ack --settle=sent <"$data/report-initial.json"
	run -79 ack <"$data/report-initial.json"
	run -64 abuse-ack --settle=sent <"$data/report-initial.json"
	run -0 --separate-stderr abuse-ack -y --settle=not-sent \
		<"$data/report-initial.json"
	jq -e '.changed and .state == "failed"' <<<"$output"
	run -79 ack <"$data/report-initial.json"
	run -0 --separate-stderr abuse-ack -y --settle=sent \
		<"$data/report-initial.json"
	jq -e '.changed and .state == "sent"' <<<"$output"
	run -0 --separate-stderr ack <"$data/report-initial.json"
	jq -e '.changed == false' <<<"$output"
	jq -e '.answered' < <(incident show "$QUELL_INCIDENTS"/*)
	[ "$(sink_count "$sink")" = 0 ]
	sound
}

# A server that takes the message and keeps its answer to itself.
slow_server() {
	cat >slow.py <<-'X'
		import socket, sys, time
		s = socket.socket()
		s.bind(("127.0.0.1", 0))
		s.listen()
		open("slow.tmp", "w").write(str(s.getsockname()[1]))
		import os
		os.rename("slow.tmp", "slow.port")
		c, _ = s.accept()
		f = c.makefile("rb")
		c.sendall(b"220 slow\r\n")
		for line in f:
		    if line[:4] == b"DATA":
		        c.sendall(b"354 go\r\n")
		        while f.readline() != b".\r\n":
		            pass
		        open("slow.got", "w").close()
		        time.sleep(20)
		    c.sendall(b"250 ok\r\n")
	X
	"$PEERS_PYTHON" slow.py 3>&- &
	slow=$!
	peers_wait 5 test -s slow.port
}

@test "kill -9 between the dot and its answer: the next run is 79" {
	slow_server
	abuse-ack -y --relay "127.0.0.1:$(<slow.port)" --relay-tls none \
		<"$data/report-initial.json" >/dev/null 2>&1 3>&- &
	pid=$!
	peers_wait 5 test -e slow.got
	# a second run waits for the first, and no longer than it was told
	run -75 abuse-ack -y --timeout 1 --relay 127.0.0.1:1 \
		--relay-tls none <"$data/report-initial.json"
	kill -9 "$pid"
	wait "$pid" || true
	kill "$slow"
	serve
	[ "$(events)" = "ack.prepared ack.sending" ]
	run -79 ack <"$data/report-initial.json"
	run -79 ack <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 0 ]
	[ "$(events)" = "ack.prepared ack.sending ack.unknown" ]
	sound
}

@test "kill -9 at any moment: at most one, or 79" {
	serve
	for i in 1 2 3 4 5 6 7 8; do
		ack <"$data/report-initial.json" >/dev/null 2>&1 3>&- &
		sleep "0.00$i"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	done
	rc=0
	ack <"$data/report-initial.json" >/dev/null 2>&1 || rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 79 ]
	[ "$(sink_count "$sink")" -le 1 ]
	sound
}

@test "what was prepared and then changed on disk is not sent: 78" {
	script '{"rcpt": ["450 later"]}'
	serve --script script.json
	run -75 ack <"$data/report-initial.json"
	chmod u+w "$QUELL_INCIDENTS"/*/out/ack-0001.eml
	echo x >>"$QUELL_INCIDENTS"/*/out/ack-0001.eml
	run -78 ack <"$data/report-initial.json"
	[ "$(sink_count "$sink")" = 0 ]
	# another text is another message
	run -0 ack --contact other <"$data/report-initial.json"
	[ -f "$(echo "$QUELL_INCIDENTS"/*/out/ack-0002.eml)" ]
}

@test "--incident: its report, its folder, its case only" {
	serve
	incident open --dir here/one <"$data/report-initial.json" >/dev/null
	run -78 ack --incident here/one - < <(report '.case = "77777777777"')
	run -0 --separate-stderr ack --incident here/one </dev/null
	jq -e '.incident == "here/one" and .state == "relayed"' <<<"$output"
	[ -f here/one/out/ack-0001.eml ]
	[ ! -e "$QUELL_INCIDENTS" ]
	[ "$(sink_count "$sink")" = 1 ]
}

@test "the answer does not travel through SES, unless it is insisted" {
	ses=email-smtp.eu-west-1.amazonaws.com
	run -64 --separate-stderr abuse-ack -y --relay $ses \
		<"$data/report-initial.json"
	[[ $stderr == *"--confirm=ses"* ]]
	QUELL_ACK_RELAY=$ses:587 run -64 abuse-ack -y \
		<"$data/report-initial.json"
	run -0 abuse-ack -n --relay $ses --confirm=ses \
		<"$data/report-initial.json"
}

@test "login and TLS: must by default, a wrong password is 77" {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem \
		-out cert.pem -days 2 -subj /CN=relay.localhost \
		-addext subjectAltName=DNS:relay.localhost 2>/dev/null
	serve --cert cert.pem --key key.pem --auth u:secret --require-auth \
		--require-tls
	relay=(--relay "relay.localhost:$(sink_port "$sink")"
		--ca-file cert.pem --relay-user u --relay-password-file pw)
	(umask 077 && echo wrong >pw)
	run -77 ack <"$data/report-initial.json"
	run ! grep -r wrong "$QUELL_INCIDENTS"
	echo secret >pw
	chmod 644 pw
	run -78 ack <"$data/report-initial.json"
	chmod 600 pw
	run -0 ack <"$data/report-initial.json"
	jq -e '.auth == "u" and .tls' "$sink/log.jsonl"
	run ! grep -r secret "$QUELL_INCIDENTS"
	# TLS from the start
	sink_stop "$sink"
	rm "$sink/log.jsonl"
	serve --cert cert.pem --key key.pem --implicit
	run -0 abuse-ack -y --relay "relay.localhost:$(sink_port "$sink")" \
		--relay-tls wrap --ca-file cert.pem \
		< <(report '.case = "66666666666"')
	jq -e .tls "$sink/log.jsonl"
	# a certificate that nobody vouches for
	run -77 abuse-ack -y --relay "relay.localhost:$(sink_port "$sink")" \
		--relay-tls wrap < <(report '.case = "88888888888"')
	# no STARTTLS offered: nothing is sent in the clear
	sink_stop "$sink"
	serve --auth u:secret
	run -69 abuse-ack -y --relay "relay.localhost:$(sink_port "$sink")" \
		< <(report '.case = "44444444444"')
}

@test "--mx: the recipient's servers, best first, the next if one is down" {
	serve
	port=$(sink_port "$sink")
	cat >zones.json <<-X
		{"support.aws.com": {"records": {"@": [["MX", "20 b.support.aws.com."],
			["MX", "10 a.support.aws.com."]],
			"a": [["A", "127.0.0.77"]], "b": [["A", "127.0.0.1"]]}}}
	X
	peers_sink fakedns "$BATS_TEST_TMPDIR/dns" --zones zones.json
	args=(--mx --mx-port "$port" --resolver "127.0.0.1:$(<dns/port)")
	run -0 --separate-stderr abuse-ack -y "${args[@]}" \
		<"$data/report-initial.json"
	jq -e --arg t "smtp b.support.aws.com:$port" '.transport == $t and
		.state == "sent" and .accepted_by == "mx" and .sent_at' \
		<<<"$output"
	# the recipient's own server has it: that stops the clock
	run -0 --separate-stderr incident due --within 100d "$QUELL_INCIDENTS"/*
	jq -e '.answered and .ack == "sent" and .accepted_by == "mx" and
		.state == "acknowledged" and (has("why") | not)' <<<"$output"
	[ "$(sink_count "$sink")" = 1 ]
	# without MX the domain itself; a null MX takes no mail
	echo '{"aws.com": {"records": {"@": [["A", "127.0.0.1"]]}}}' >zones.json
	run -0 abuse-ack -y "${args[@]}" \
		< <(report '.reply_to = "x@aws.com" | .case = "77777777777"')
	sleep 0.1
	echo '{"aws.com": {"records": {"@": [["MX", "0 ."]]}}}' >zones.json
	run -69 abuse-ack -y "${args[@]}" \
		< <(report '.reply_to = "x@aws.com" | .case = "88888888888"')
	sleep 0.1
	# no such domain, and a name server that fails
	echo '{"aws.com": {"mode": "nxdomain"}}' >zones.json
	run -69 abuse-ack -y "${args[@]}" < <(report '.case = "55555555555"')
	sleep 0.1
	echo '{"aws.com": {"mode": "servfail"}}' >zones.json
	run -75 abuse-ack -y "${args[@]}" < <(report '.case = "55555555555"')
	[ "$(sink_count "$sink")" = 2 ]
	sound
}

@test "a copy that is refused does not stop the answer" {
	script '{"rcpt": {"^copy@": "550 5.1.1 no"}}'
	serve --script script.json
	run -0 --separate-stderr ack --cc copy@x.example --cc ok@x.example \
		<"$data/report-initial.json"
	jq -e '.state == "relayed"' <<<"$output"
	[[ $stderr == *"1 copies were refused"* ]]
	jq -e '.to | length == 2' "$sink/log.jsonl"
}

@test "--sendmail: handed over is not sent" {
	mkdir bin
	cat >bin/fakemail <<-'X'
		#!/bin/sh
		printf '%s\n' "$@" >args
		cat >mail
		env >env
		exit "$(cat code)"
	X
	chmod +x bin/fakemail
	echo 75 >code
	run -66 abuse-ack -y --sendmail ./nowhere <"$data/report-initial.json"
	run -75 abuse-ack -y --sendmail bin/fakemail <"$data/report-initial.json"
	echo 64 >code
	run -69 abuse-ack -y --sendmail bin/fakemail <"$data/report-initial.json"
	echo 0 >code
	run -0 --separate-stderr abuse-ack -y --sendmail bin/fakemail \
		--cc c@x.example <"$data/report-initial.json"
	jq -e '.state == "handed-over" and (has("sent_at") | not) and
		.accepted_by == "sendmail"' <<<"$output"
	diff args - <<-'X'
		-i
		-f
		security@shop.example
		--
		trustandsafety@support.aws.com
		c@x.example
	X
	run ! grep -q $'\r' mail
	tr -d '\r' <"$(echo "$QUELL_INCIDENTS"/*/out/ack-0002.eml)" | cmp - mail
	run ! grep QUELL env
	jq -e '.answered == false and .ack == "handed-over"' \
		< <(incident show "$QUELL_INCIDENTS"/*)
	run -0 --separate-stderr abuse-ack -y --sendmail bin/fakemail \
		<"$data/report-initial.json"
	jq -e '.changed == false' <<<"$output"
	run -0 abuse-ack -y --settle=sent <"$data/report-initial.json"
	jq -e .answered < <(incident show "$QUELL_INCIDENTS"/*)
}

@test "the examples of the man page" {
	serve
	cp "$data/report-initial.json" report.json
	cp "$data/report-support.json" support.json
	export QUELL_ACK_RELAY=127.0.0.1:$(sink_port "$sink")
	export QUELL_INCIDENTS=$PWD/inc
	incident open --dir inc/a <report.json >/dev/null
	# what becomes of it: its Message-ID is known before it is sent
	id=$(abuse-ack -n <report.json | jq -r .message_id)
	printf '%s\n' 'Content-Type: multipart/report;' \
		' report-type=delivery-status; boundary=b' '' --b \
		'Content-Type: message/delivery-status' '' \
		'Final-Recipient: rfc822; trustandsafety@support.aws.com' \
		'Action: failed' '' --b 'Content-Type: text/rfc822-headers' '' \
		"Message-ID: $id" '' --b-- >bounce.eml
	printf '%s %s\n' "$(date -d '+1 hour' '+%F %T')" \
		"1vMAaa-00000000002-0002 <= a@b H=c [192.0.2.1] id=${id:1:-1}" \
		"$(date -d '+1 hour' '+%F %T')" \
		"1vMAaa-00000000002-0002 => trustandsafety@support.aws.com R=d T=s H=mx.amazon.com [192.0.2.9]" \
		>mainlog
	run_examples abuse-ack
}

@test "no hint holds what a shell would run" {
	for to in '`id`@evil.example' 'a$b@evil.example' "o'neil@evil.example"; do
		run -77 --separate-stderr abuse-ack -n \
			< <(jq -c --arg to "$to" '.reply_to = $to' \
			"$data/report-initial.json")
		[[ $stderr != *hint* ]]
	done
	run -77 --separate-stderr abuse-ack -n \
		< <(report '.reply_to = "a@evil.example"')
	[[ $stderr == *"--confirm=a@evil.example"* ]]
	run -77 --separate-stderr abuse-ack -n \
		< <(report '.authentic = "fail" | .case = "$(id)"')
	[[ $stderr != *hint* ]]
}
