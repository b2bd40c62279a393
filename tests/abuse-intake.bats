#!/usr/bin/env bats
# playbooks/abuse-intake: no report is lost, none counts twice, and the mail
# server hears 0 or 75.

# shellcheck disable=SC2030,SC2031,SC2154,SC2012
load lib/quell

INTAKE=$QUELL_ROOT/playbooks/abuse-intake

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_INCIDENTS=$PWD/incidents QUELL_INTAKE=$PWD/intake
	data=$QUELL_ROOT/tests/data/notice
}

teardown() {
	[ ! -d mx/bin ] || exim_stop "$PWD/mx"
	[ ! -d chat ] || sink_stop chat
}

incidents() {
	ls "$QUELL_INCIDENTS" | wc -l
}

kept() {	# FOLDER: how many
	find "intake/$1" -type f | wc -l
}

@test "a notice becomes an incident with the mail as evidence; again, nothing" {
	run -0 "$INTAKE" <"$data/01-initial.eml"
	[ -z "$output" ]
	dir=$(echo incidents/*)
	cmp "$data/01-initial.eml" "$dir"/evidence/0001-*
	cmp "$data/01-initial.eml" intake/done/*
	[ "$(kept new) $(kept tmp) $(kept other)" = '0 0 0' ]
	[ "$(stat -c %a intake/done)" = 700 ]
	before=$(wc -l <"$dir/journal.jsonl")
	run -0 "$INTAKE" <"$data/01-initial.eml"
	[ "$(wc -l <"$dir/journal.jsonl") $(kept "done")" = "$before 2" ]
	[ "$(incidents)" = 1 ]
	# the Health event of the same instance, by the same door
	run -0 "$INTAKE" <"$data/40-eventbridge.json"
	[ "$(incidents)" = 1 ]
	grep -q '"by":"resource"' "$dir/journal.jsonl"
	run -0 "$INTAKE" --help
	[[ $output == *'usage: abuse-intake'* ]]
}

# A reminder, direct or as a list hands it on: FROM MESSAGE-ID AUTH [FOOTER]
reminder() {
	cat <<-EOF
	Received: from a.example.net by mx.example.org; Mon, 02 Mar 2026 10:00:30 +0000
	Authentication-Results: mx.example.org; dmarc=$3 header.from=support.aws.com
	From: $1
	To: security@example.org
	Subject: RE: Your AWS Abuse Report [20000000001-2] [AWS ID 222233334444]
	Message-ID: $2
	Date: ${date:-Mon, 02 Mar 2026 10:00:00 +0000}
	List-Id: <security.lists.example.org>
	X-Original-From: AWS <trustandsafety@support.aws.com>

	Hello,

	We have not received a response to our notice about your EC2 instance.
	AWS ID: 222233334444 Region: ap-northeast-1 EC2 Instance Id: i-0aa11bb22cc33dd44
	${4-}
	EOF
}

@test "a copy that a list gave another Message-ID is no second notice" {
	local aws='AWS <trustandsafety@support.aws.com>'
	local list='AWS via security <security@lists.example.org>'
	local foot='_______________________________________________'
	run -0 "$INTAKE" <"$data/01-initial.eml"
	dir=$(echo incidents/*)
	reminder "$aws" '<r@aws>' pass | "$INTAKE"
	incident log "$dir" --event incident.answered >/dev/null
	before=$(wc -l <"$dir/journal.jsonl")
	# later, by two lists: it is answered still
	reminder "$list" '<r@list>' none "$foot" | "$INTAKE"
	reminder "$list" '<r@other>' none "--
	You are subscribed" | "$INTAKE"
	[ "$(wc -l <"$dir/journal.jsonl")" = "$before" ]
	[ "$(incident show "$dir" | jq .answered)" = true ]
	# the same words once more, written later: a second reminder
	date='Tue, 03 Mar 2026 10:00:00 +0000' reminder "$aws" '<s@aws>' pass |
		"$INTAKE"
	[ "$(incident show "$dir" | jq .answered)" = false ]
}

@test "the better copy of a notice is kept, and starts no clock" {
	local aws='AWS <trustandsafety@support.aws.com>'
	local list='AWS via security <security@lists.example.org>'
	reminder "$list" '<r@list>' none | "$INTAKE"
	dir=$(echo incidents/*)
	incident log "$dir" --event incident.answered >/dev/null
	incident log "$dir" --event incident.closed >/dev/null
	reminder "$aws" '<r@aws>' pass | "$INTAKE"
	tail -n 1 "$dir/journal.jsonl" | jq -e '.event == "report.merged" and
		.data.authentic == "pass" and .data.again'
	[ "$(incidents)" = 1 ]
	incident show "$dir" | jq -e '.answered and .state == "closed" and
		(has("reopened") | not)'
}

@test "forged words closed it; the same words, proven, are an incident with a clock" {
	local aws='AWS <trustandsafety@support.aws.com>'
	reminder "$aws" '<r@list>' fail | "$INTAKE"
	dir=$(echo incidents/*)
	incident log "$dir" --event incident.closed >/dev/null
	reminder "$aws" '<r@aws>' pass | "$INTAKE"
	[ "$(incidents)" = 1 ]
	incident show "$dir" | jq -e '.state == "open" and .reopened and
		.answered == false and .due'
}

@test "a delivery that brings several reports opens each" {
	jq -c 'if .account then .detail.eventArn += .detail.eventTypeCode
		else . end' "$data/40-eventbridge.json" \
		"$data/46-risk.json" >batch.json
	run -0 "$INTAKE" <batch.json
	[ "$(kept new) $(kept "done") $(incidents)" = '0 1 2' ]
	for dir in incidents/*; do
		cmp batch.json "$dir"/evidence/0001-*
	done
}

@test "what killed runs left is cleared once it is old, mails are not" {
	mkdir -p intake/tmp/work.abc/x
	: >intake/tmp/half.eml
	: >intake/tmp/young.eml
	touch -d '3 days ago' intake/tmp/half.eml intake/tmp/work.abc
	run -0 "$INTAKE" --again
	[ "$(ls intake/tmp)" = young.eml ]
}

@test "what is no notice is kept for a person, and not refused" {
	run -0 "$INTAKE" <"$data/30-not-abuse.eml"
	run -0 "$INTAKE" </dev/null
	[ "$(kept other) $(kept new)" = '2 0' ]
	[ ! -e incidents ] || [ "$(incidents)" = 0 ]
}

dsn() {	# MESSAGE-ID
	printf '%s\n' 'From: MAILER-DAEMON@r.example' 'To: abuse@shop.example' \
		'Subject: Undelivered: Your AWS Abuse Report [12345678901-1]' \
		"Message-ID: <dsn-$RANDOM@r.example>" \
		'Content-Type: multipart/report; report-type="delivery-status";' \
		' boundary=b' '' --b 'Content-Type: message/delivery-status' '' \
		'Reporting-MTA: dns; r.example' '' \
		'Final-Recipient: rfc822; trustandsafety@support.aws.com' \
		'Action: failed' 'Status: 5.1.1' '' --b \
		'Content-Type: message/rfc822' '' \
		'From: security@shop.example' "Message-ID: $1" \
		'Subject: Re: Your AWS Abuse Report [12345678901-1]' '' \
		'Case: 12345678901-1' --b--
}

@test "our own answer that comes back opens nothing and starts the clock again" {
	mkdir mta
	printf '#!/bin/sh\ncat >mail\n' >mta/sendmail
	chmod +x mta/sendmail
	abuse-ack -y --sendmail mta/sendmail \
		<"$QUELL_ROOT/tests/data/report-initial.json" >/dev/null 2>&1
	id=$(sed -n 's/^Message-ID: //p' mail)
	dir=$(echo incidents/*)
	# shellcheck source=tests/lib/peers.bash
	. "$QUELL_ROOT/tests/lib/peers.bash"
	http_sink_start chat
	printf 'http://127.0.0.1:%s/x\n' "$(<chat/port)" >chat.url
	chmod 600 chat.url
	dsn "$id" >dsn.eml
	run -0 "$INTAKE" --chat json:chat.url <dsn.eml
	[ "$(incidents) $(kept "done") $(kept other)" = '1 1 0' ]
	jq -se '.[0] | .ack == "bounced" and .answered == false' \
		< <(incident show "$dir")
	peers_wait 30 grep -qs bounced chat/log.jsonl
	# the same again is told to nobody; a stranger's is for a person
	run -0 "$INTAKE" --chat json:chat.url <dsn.eml
	[ "$(grep -c '"event":"ack.bounced"' "$dir/journal.jsonl")" = 1 ]
	dsn '<ack.0@shop.example>' >other.eml
	run -0 "$INTAKE" <other.eml
	[ "$(kept "done") $(kept other)" = '2 1' ]
	# what goes wrong is 75: the mail server has it still
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nkill -9 $$\n' >bin/abuse-ack
	chmod +x bin/abuse-ack
	QUELL_BIN=$PWD/bin run -75 "$INTAKE" <dsn.eml
	[ "$(kept new) $(incidents)" = '1 1' ]
}

@test "whatever goes wrong is 75, and the mail is kept" {
	run -75 "$INTAKE" --wrong <"$data/01-initial.eml"
	run -75 "$INTAKE" --dir <"$data/01-initial.eml"
	run -75 "$INTAKE" --dir /proc/nowhere <"$data/01-initial.eml"
	# no parser, one that dies, one that is killed
	mkdir bin
	ln -s "$(command -v incident)" bin/incident
	for body in 'exit 127' 'exit 70' 'kill -9 $$'; do
		printf '#!/bin/sh\n%s\n' "$body" >bin/abuse-parse
		chmod +x bin/abuse-parse
		QUELL_BIN=$PWD/bin run -75 "$INTAKE" <"$data/01-initial.eml"
	done
	[ "$(kept new)" = 3 ]
	# no incident can be opened
	: >incidents
	run -75 "$INTAKE" <"$data/01-initial.eml"
	rm incidents
	[ "$(kept new)" = 4 ]
	# not before they are old enough to belong to nobody
	run -0 "$INTAKE" --again
	[ "$(kept new)" = 4 ]
	find intake/new -type f -exec touch -d '1 hour ago' {} +
	run -0 "$INTAKE" --again
	[ "$(kept new) $(kept "done") $(incidents)" = '0 4 1' ]
	[ "$(kept tmp)" = 0 ]
}

@test "a full disk: 75, before anything is believed to be kept" {
	preload=$QUELL_B/faults.so
	[[ $QUELL_B != *asan* ]] || skip 'dd under a sanitizer library'
	for f in FAULT_WRITE=1:intake/tmp FAULT_FSYNC=1:intake/tmp; do
		run -75 env "$f" LD_PRELOAD="$preload" "$INTAKE" \
			<"$data/01-initial.eml"
		[ "$(kept new) $(kept "done")" = '0 0' ]
	done
	[ ! -e incidents ]
	for f in FAULT_WRITE=1:journal.jsonl FAULT_FSYNC=1:evidence \
		FAULT_RENAME=1:report.json; do
		run -75 env "$f" LD_PRELOAD="$preload" "$INTAKE" \
			<"$data/01-initial.eml"
	done
	[ "$(kept new) $(incidents)" = '3 0' ]
	run -0 "$INTAKE" <"$data/01-initial.eml"
	[ "$(incidents)" = 1 ]
}

@test "killed at any moment: the mail server's copy or ours, never none" {
	for n in 1 2 3 4 5 6 7 8; do
		setsid "$INTAKE" <"$data/01-initial.eml" >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "0.0$n"
		kill -9 -- "-$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	run -0 "$INTAKE" <"$data/01-initial.eml"
	find intake/new -type f -exec touch -d '1 hour ago' {} +
	run -0 "$INTAKE" --again
	[ "$(kept new) $(incidents)" = '0 1' ]
	run -0 incident verify incidents/*
}

@test "200 deliveries of 50 duplicates of 4 cases: 4 incidents, nothing lost" {
	local n running=0
	for n in 1 2 3 4; do
		sed "s/20000000001/2000000000$n/g
			s/222233334444/22223333444$n/g
			s/^Message-ID: <\(.*\)>/Message-ID: <case$n.\1>/I" \
			"$data/01-initial.eml" >"mail$n"
	done
	for n in $(seq 50); do
		for k in 1 2 3 4; do
			# by another way each time, as copies come
			{
				echo "Received: from a by b with SMTP id $n;" \
					'Mon, 2 Mar 2026 10:00:30 +0000'
				cat "mail$k"
			} | "$INTAKE" 3>&- 2>>err &
			running=$((running + 1))
			[ "$running" -lt 24 ] || { wait -n && running=$((running - 1)); }
		done
	done
	wait
	cat err
	[ ! -s err ]
	[ "$(incidents) $(kept "done") $(kept new)" = '4 200 0' ]
	for d in incidents/*; do
		run -0 incident verify "$d"
		[ "$(grep -c incident.opened "$d/journal.jsonl")" = 1 ]
		[ "$(grep -c report.merged "$d/journal.jsonl")" = 0 ]
	done
	[ "$(cat intake/done/* | grep -c '^Received: from a by b')" = 200 ]
	[ -z "$(find incidents -name '.opening*')" ]
}

@test "the chat is told once, and one that hangs delays nothing" {
	# shellcheck source=tests/lib/peers.bash
	. "$QUELL_ROOT/tests/lib/peers.bash"
	http_sink_start chat
	echo "http://127.0.0.1:$(sink_port chat)/hook" >url
	chmod 600 url
	run -0 "$INTAKE" --chat=json:url <"$data/01-initial.eml"
	run -0 "$INTAKE" --chat=json:url <"$data/01-initial.eml"
	for _ in $(seq 1000); do
		[ ! -s chat/log.jsonl ] || break
		sleep 0.1
	done
	# one that never answers; who tells it holds no pipe of ours
	mkdir bin
	printf '#!/bin/sh\nexec sleep 300\n' >bin/chat-notify
	chmod +x bin/chat-notify
	sed 's/20000000001/20000000009/g; s/^Message-ID: </&x/I
		s/222233334444/222233334449/g' "$data/01-initial.eml" >second
	out=$(QUELL_BIN=$PWD/bin "$INTAKE" --chat=json:url <second 2>&1)
	[ -z "$out" ]
	[ "$(incidents) $(kept "done")" = '2 3' ]
	pkill_ours
	[ "$(wc -l <chat/log.jsonl)" = 1 ]
	# a chat that is not there: the same
	run -0 "$INTAKE" --chat=json:nowhere <"$data/04-reminder.eml"
	[ "$(kept new)" = 0 ]
}

# The sleeper of this test, by its folder.
pkill_ours() {
	local pid
	for pid in /proc/[0-9]*; do
		if [ "$(readlink "$pid/cwd" 2>/dev/null)" = "$PWD" ] &&
			[[ $(tr '\0' ' ' <"$pid/cmdline" 2>/dev/null) == \
				*'sleep 300'* ]]; then
			kill "${pid#/proc/}"
		fi
	done
}

@test "a real Exim: an alias pipes to it, trouble is deferred, nothing bounces" {
	load lib/exim
	exim_available 2>no || skip "$(tail -n 1 no)"
	chmod 0711 "$BATS_TEST_TMPDIR"
	exim_make "$PWD/mx" route=none hook=yes retry='F,1h,1s'
	mkdir bin
	cp "$QUELL_B/bin/abuse-parse" "$QUELL_B/bin/incident" "$INTAKE" bin/
	chmod 755 bin bin/*
	install -d -m 700 -o "$(stat -c %u mx/spool)" \
		-g "$(stat -c %g mx/spool)" home
	cat >>mx/hook.router.conf <<-END

	abuse:
	  driver = redirect
	  local_parts = abuse
	  data = |$PWD/bin/abuse-intake --dir $PWD/home/intake --incidents $PWD/home/incidents
	  pipe_transport = abuse_pipe
	  user = Debian-exim
	END
	sed -i "s,^begin transports,&\\n\\nabuse_pipe:\\n  driver = pipe\\n\
  environment = QUELL_BIN=$PWD/bin\\n  temp_errors = *\\n  freeze_signal\\n\
  return_path_add\\n  envelope_to_add\\n  delivery_date_add\\n," mx/exim.conf
	# first, trouble: there is no parser
	mv bin/abuse-parse bin/gone
	exim_start "$PWD/mx"
	mx/bin/sendmail -odf -oi abuse@quell.test <"$data/01-initial.eml"
	sed 's/20000000001/20000000002/g; s/222233334444/222233334442/g' \
		"$data/02-open-proxy.eml" |
		mx/bin/sendmail -odf -oi abuse@quell.test
	[ "$(exim_queue_count mx)" = 2 ]
	grep -q ' == .*abuse.*defer' mx/log/mainlog
	[ ! -e home/incidents ]
	# mended: the queue runs, and all of it arrives
	mv bin/gone bin/abuse-parse
	for _ in $(seq 100); do
		mx/bin/exim4 -qff
		[ "$(exim_queue_count mx)" != 0 ] || break
		sleep 0.1
	done
	[ "$(exim_queue_count mx)" = 0 ]
	[ "$(ls home/incidents | wc -l)" = 2 ]
	# the copies of the failed tries become duplicates
	find home/intake/new -type f -exec touch -d '1 hour ago' {} +
	QUELL_BIN=$PWD/bin "$INTAKE" --again --dir "$PWD/home/intake" \
		--incidents "$PWD/home/incidents"
	[ "$(find home/intake/new -type f | wc -l)" = 0 ]
	[ "$(ls home/incidents | wc -l)" = 2 ]
	for d in home/incidents/*; do
		run -0 incident verify "$d"
	done
	run ! grep -E '<= <>|\*\*' mx/log/mainlog
}
