#!/usr/bin/env bats
# incident: folder, journal, evidence, deadline.

# bats runs each test in a subshell of its own
# shellcheck disable=SC2030,SC2031,SC2154,SC2012,SC2001
load lib/quell

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	printf 'From: a\r\n\r\nnotice \0 bytes\r\n' >notice.eml
}

open_one() {	# -> $dir
	dir=$(incident open --evidence notice.eml \
		<"$data/report-initial.json" | jq -r .dir)
}

report() {	# JQ-FILTER: the first report, changed
	jq -c "$1" "$data/report-initial.json"
}

@test "open makes the folder whole: report, genesis line, evidence" {
	run -0 --separate-stderr incident open --evidence notice.eml \
		<"$data/report-initial.json"
	jq -e '.type == "incident" and .changed and .case == "12345678901-1"
		and .account == "123456789012" and .stage == "new" and
		.urgent == false and .due == "2026-11-22T09:00:00Z" and
		.state == "open" and .answered == false and .events == 2 and
		.evidence == 1 and (.seconds_left | type) == "number" and
		.last.event == "evidence.added"' <<<"$output"
	dir=$(jq -r .dir <<<"$output")
	[[ ${dir##*/} =~ ^20[0-9-]{8}T[0-9]{6}Z-aws-12345678901$ ]]
	[ "$(stat -c %a "$dir")" = 700 ]
	cmp notice.eml "$dir/evidence/0001-notice.eml"
	[ "$(stat -c %a "$dir/evidence/0001-notice.eml")" = 400 ]
	diff <(jq -S . "$dir/report.json") \
		<(jq -S . "$data/report-initial.json")
	head -n 1 "$dir/journal.jsonl" | jq -e '.event == "incident.opened" and
		.id == "1" and .data.version != "0" and
		(.prev | test("^0{64}$")) and .user and .host'
	[ "$(jq -r .data.sha256 <(sed -n 2p "$dir/journal.jsonl"))" = \
		"$(sha256sum <notice.eml | cut -d' ' -f1)" ]
	# the head is the hash of the last raw line
	[ "$(jq -r .head <<<"$output")" = "$(tail -n 1 "$dir/journal.jsonl" |
		tr -d '\n' | sha256sum | cut -d' ' -f1)" ]
	[ -z "$(find "$QUELL_INCIDENTS" -name '.*')" ]
}

@test "one incident for a case: another report of it is merged" {
	open_one
	run -0 --separate-stderr incident open <"$data/report-reminder.json"
	jq -e --arg d "$dir" '.dir == $d and .changed == false and
		.stage == "reminder" and .due == "2026-11-22T09:00:00Z"' \
		<<<"$output"
	jq -e 'select(.event == "report.merged") | .data.case ==
		"12345678901-2"' "$dir/journal.jsonl"
	ls "$dir/evidence/0002-report.json"
	before=$(wc -l <"$dir/journal.jsonl")
	# the same report once more is nothing new
	incident open <"$data/report-reminder.json" >/dev/null
	incident open <"$data/report-initial.json" >/dev/null
	[ "$(wc -l <"$dir/journal.jsonl")" = "$before" ]
	[ "$(ls "$QUELL_INCIDENTS" | wc -l)" = 1 ]
	run -0 incident verify "$dir"
}

@test "open takes several: each its own incident, or the same" {
	{
		report .
		report '.case = "22222222222" | .id = "aws-2" | .resources = [] |
			.message_id = "<2@x>"'
		echo '{"type": "note", "id": "x"}'
		cat "$data/report-reminder.json"
	} | jq -c . >several.jsonl
	run -0 --separate-stderr incident open --evidence notice.eml \
		<several.jsonl
	jq -es 'map(.changed) == [true, true, false] and
		map(.report_merged) == [false, false, true] and
		.[0].dir == .[2].dir and .[0].dir != .[1].dir and
		map(.evidence) == [1, 1, 3]' <<<"$output"
	run -0 --separate-stderr incident open --evidence notice.eml \
		<several.jsonl
	jq -es 'all(.[]; .changed == false and .report_merged == false)' \
		<<<"$output"
	[ "$(ls "$QUELL_INCIDENTS" | wc -l)" = 2 ]
	for dir in "$QUELL_INCIDENTS"/*; do
		run -0 incident verify "$dir"
	done
	# what belongs elsewhere is no reason to leave the rest
	{
		report '.case = "31"'
		report '.case = "32" | .resources = []'
		report '.case = "31" | .message_id = "<3@x>"'
	} >three.jsonl
	run -3 --separate-stderr incident open --dir one/c <three.jsonl
	jq -es 'map(.ok) == [null, false, null] and
		(.[1].why | test("another case")) and .[2].report_merged' \
		<<<"$output"
	[[ $stderr = "incident: one/c: an incident of another case"* ]]
	# a line that is no record: those before it are opened
	{
		report '.case = "41" | .resources = []'
		echo '{"type":'
	} >bad.jsonl
	run -65 --separate-stderr incident open <bad.jsonl
	jq -es 'length == 1 and .[0].changed' <<<"$output"
	[[ $stderr = *"standard input:2"* ]]
}

@test "a report without a case is its own; hostile ids make no path" {
	run -0 --separate-stderr incident open < <(report '.case = null')
	[[ $(jq -r .id <<<"$output") =~ Z-aws-12345678901$ ]]
	run -0 --separate-stderr incident open \
		< <(report '.case = "../../etc/passwd" | .id = "x" |
			.resources = []')
	[[ $(jq -r .id <<<"$output") =~ -report-[0-9a-f]{12}$ ]]
	[ "$(ls "$QUELL_INCIDENTS" | wc -l)" = 2 ]
	[ -z "$(find "$BATS_TEST_TMPDIR" -name '*passwd*')" ]
}

@test "--dir: made, or furnished when it is there; not another case's" {
	mkdir -p pb/facts
	run -0 --separate-stderr incident open --dir pb <"$data/report-initial.json"
	jq -e '.changed and .dir == "pb"' <<<"$output"
	[ -d pb/facts ]
	run -0 --separate-stderr incident open --dir pb <"$data/report-initial.json"
	jq -e '.changed == false and .dir == "./pb"' <<<"$output"
	run -73 --separate-stderr incident open --dir pb \
		< <(report '.case = "99999999999"')
	run -0 --separate-stderr incident open --dir new/one/ \
		< <(report '.case = "99999999999"')
	[ -f new/one/report.json ]
	# a folder that a killed run left without its report is taken up
	chmod u+w new/one/report.json
	rm -f new/one/report.json
	run -0 --separate-stderr incident open --dir new/one \
		< <(report '.case = "99999999999"')
	jq -e .changed <<<"$output"
	[ "$(grep -c incident.opened new/one/journal.jsonl)" = 1 ]
	run -0 incident verify new/one
}

@test "eight that open the same case at once make one incident" {
	for _ in 1 2 3 4 5 6 7 8; do
		incident open <"$data/report-initial.json" >>out.jsonl 3>&- &
	done
	wait
	[ "$(jq -s 'map(select(.changed)) | length' out.jsonl)" = 1 ]
	[ "$(ls -A "$QUELL_INCIDENTS" | wc -l)" = 1 ]
}

@test "eight writers at once: the chain holds and no line is lost" {
	open_one
	for i in 1 2 3 4 5 6 7 8; do
		(for k in 1 2 3 4 5; do
			incident log "$dir" "writer $i line $k" >/dev/null
			echo "$i $k" | incident evidence "$dir" --name "w$i" \
				>/dev/null
		done) 3>&- &
	done
	wait
	run -0 --separate-stderr incident verify "$dir"
	jq -e '.ok and .lines == 82 and .torn == 0 and .evidence == 41' \
		<<<"$output"
	[ "$(ls "$dir/evidence" | cut -c1-4 | sort -u | wc -l)" = 41 ]
}

@test "log: text, event, data; not the events that quell itself writes" {
	open_one
	run -0 --separate-stderr incident log "$dir" 'called the owner: no answer'
	jq -e '.changed and .last.event == "note"' <<<"$output"
	run -0 incident log "$dir" --event sending.paused --data '{"region":"r"}'
	printf '{"a":1}\n{"a":2}\n' |
		incident log "$dir" --event mail.held --data - >/dev/null
	tail -n 3 "$dir/journal.jsonl" | jq -se '
		.[0].data.text == "called the owner: no answer" and
		.[1].data.region == "r" and .[2].data.records[1].a == 2'
	for e in ack.sent evidence.added incident.opened report.merged \
		Upper.Case 'a b.c' nodot .x x.; do
		run -64 incident log "$dir" --event "$e" --data '{}'
	done
	run -64 incident log "$dir"
	run -64 incident log "$dir" ''
	run -65 incident log "$dir" --data '[1]' text
	run -65 incident log "$dir" --data '{' text
	run -66 incident log nowhere text
}

@test "state follows the journal, from open to closed" {
	open_one
	while read -r phase state; do
		run -0 --separate-stderr incident log "$dir" \
			--event "incident.$phase"
		jq -e --arg s "$state" '.state == $s' <<<"$output"
	done <<-'X'
		answered acknowledged
		contained contained
		eradicated eradicated
		recovered recovered
		closed closed
	X
	run -0 --separate-stderr incident show "$dir"
	jq -e '.answered and .acknowledged and .contained and .closed and
		(has("seconds_left") | not)' <<<"$output"
}

@test "a reminder after the answer makes it unanswered again" {
	open_one
	incident log "$dir" --event incident.answered >/dev/null
	run -0 --separate-stderr incident open <"$data/report-reminder.json"
	jq -e '.answered == false and .rearmed and
		.due == "2026-11-22T20:00:00Z"' <<<"$output"
	incident log "$dir" --event incident.answered >/dev/null
	run -0 --separate-stderr incident log "$dir" --event incident.bounced
	jq -e '.answered == false and .overdue' <<<"$output"
}

@test "only a verified notice that the case is resolved stops the clock" {
	open_one
	run -0 --separate-stderr incident open < <(report '.message_id = "<r2@x>" |
		.stage = "resolved" | .authentic = "fail"')
	jq -e '.answered == false' <<<"$output"
	run -0 --separate-stderr incident open < <(report '.message_id = "<r3@x>" |
		.stage = "resolved"')
	jq -e '.answered and .state == "resolved"' <<<"$output"
}

@test "due: 1 when an unanswered incident is due within the time" {
	soon=$(date -u -d '+5 hours' +%Y-%m-%dT%H:%M:%SZ)
	late=$(date -u -d '+20 hours' +%Y-%m-%dT%H:%M:%SZ)
	a=$(incident open < <(report ".due = \"$soon\"") | jq -r .dir)
	b=$(incident open < <(report ".due = \"$late\" | .id = \"b\" |
		.case = \"22222222222\"") | jq -r .dir)
	run -1 --separate-stderr incident due all
	[ "$(jq -s length <<<"$output")" = 2 ]
	jq -se 'map(.alarm) == [true, false] or map(.alarm) == [false, true]' \
		<<<"$output"
	run -0 incident due all --within 4h
	run -0 incident due "$b"
	run -1 incident due "$b" "$a"
	incident log "$a" --event incident.answered >/dev/null
	run -0 incident due all
	run -1 incident due all --within 21h
}

@test "due: over is 1, no deadline is 24 h, unreadable hides nothing" {
	incident open < <(report '.due = "2020-01-01T00:00:00Z"') >/dev/null
	run -1 --separate-stderr incident due all --within 0
	jq -e '.overdue and .seconds_left < 0' <<<"$output"
	d=$(incident open < <(report '.due = null | .id = "n" |
		.case = "33333333333"') | jq -r .dir)
	run -0 --separate-stderr incident due "$d"
	jq -e '.due_assumed and .seconds_left > 86000' <<<"$output"
	mkdir -p "$QUELL_INCIDENTS/0broken/journal.jsonl"
	run -66 --separate-stderr incident due all
	[ "$(jq -s length <<<"$output")" = 3 ]
	jq -se '.[0].ok == false and .[0].alarm' <<<"$output"
	QUELL_INCIDENTS=$BATS_TEST_TMPDIR/none run -0 incident due all
}

@test "timeline is a Markdown table and foreign text stays in its cell" {
	open_one
	incident log "$dir" 'a | b `c` <script> [x](y)' >/dev/null
	run -0 --separate-stderr incident timeline "$dir"
	[ "${lines[0]}" = '| time (UTC) | local | event | who | from | what | evidence |' ]
	[ "${#lines[@]}" = 5 ]
	for l in "${lines[@]}"; do
		[ "$(sed 's/\\|//g' <<<"$l" | tr -cd '|' | wc -c)" = 8 ]
	done
	run ! grep -F '<script>' <<<"$output"
}

@test "verify: names the first bad line; missing and changed evidence" {
	open_one
	for i in 1 2 3; do incident log "$dir" "line $i" >/dev/null; done
	run -0 --separate-stderr incident verify "$dir"
	jq -e '.ok and .lines == 5 and .evidence == 1' <<<"$output"
	cp "$dir/journal.jsonl" good
	sed -i '3s/line 1/line X/' "$dir/journal.jsonl"
	run -1 --separate-stderr incident verify "$dir"
	jq -e '.ok == false and .bad_line == 4' <<<"$output"
	sed 3d good >"$dir/journal.jsonl"
	run -1 --separate-stderr incident verify "$dir"
	jq -e '.bad_line == 3' <<<"$output"
	: >"$dir/journal.jsonl"
	run -1 incident verify "$dir"
	echo rubbish >"$dir/journal.jsonl"
	run -1 --separate-stderr incident verify "$dir"
	jq -e '.bad_line == 1 and (.why | test("no line"))' <<<"$output"
	cat good >"$dir/journal.jsonl"
	run -0 incident verify "$dir"
	chmod u+w "$dir/evidence/0001-notice.eml"
	echo x >>"$dir/evidence/0001-notice.eml"
	run -1 --separate-stderr incident verify "$dir"
	jq -e '.bad_line == 2 and (.why | test("was changed"))' <<<"$output"
	rm -f "$dir/evidence/0001-notice.eml"
	run -1 --separate-stderr incident verify "$dir"
	jq -e '.why | test("is missing")' <<<"$output"
	run -66 incident verify nowhere
}

@test "a line that a crash cut off stays, is owned up to, and verifies" {
	open_one
	printf '{"type":"journal","id":"3","ti' >>"$dir/journal.jsonl"
	run -0 --separate-stderr incident verify "$dir"
	jq -e '.torn == 1' <<<"$output"
	incident log "$dir" after >/dev/null
	run -0 --separate-stderr incident verify "$dir"
	jq -e '.torn == 1 and .lines == 4' <<<"$output"
	sed -i '3s/journal/Journal/' "$dir/journal.jsonl"
	run -1 --separate-stderr incident verify "$dir"
	jq -e '.bad_line == 4 and (.why | test("torn"))' <<<"$output"
}

@test "kill -9 at any moment leaves an incident that goes on" {
	for i in 1 2 3 4 5 6; do
		incident open <"$data/report-initial.json" >/dev/null 3>&- &
		sleep "0.00$i"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	done
	run -0 --separate-stderr incident open <"$data/report-initial.json"
	dir=$(jq -r .dir <<<"$output")
	run -0 incident verify "$dir"
	[ "$(ls "$QUELL_INCIDENTS" | wc -l)" = 1 ]
}

@test "usage errors are 64 for each verb, bad input is 65" {
	for args in '' 'nosuch' 'open x' 'log' 'log a b c' 'evidence' 'show' \
		'show a b' 'timeline' 'due' 'verify' 'show --within 3 d' \
		'open --name x' 'evidence d' 'due --event a.b all' \
		'verify --dir x y'; do
		# shellcheck disable=SC2086
		run -64 --separate-stderr incident $args </dev/null
		[ -z "$output" ]
		[[ $stderr == *hint:* ]]
	done
	run -65 incident open </dev/null
	run -65 incident open <<<'bare-key'
	run -65 incident open <<<'{"type":"ack"}'
	run -65 incident open <<<'{"type":"report"}'
	run -66 incident open --evidence nowhere <"$data/report-initial.json"
	[ ! -e "$QUELL_INCIDENTS" ] || [ -z "$(ls -A "$QUELL_INCIDENTS")" ]
}

@test "the examples of the man page" {
	cp "$data/report-initial.json" report.json
	mkdir bin
	printf '#!/bin/sh\ncat report.json\n' >bin/abuse-parse
	chmod +x bin/abuse-parse
	PATH=$PWD/bin:$PATH
	cp notice.eml queue.txt
	run_examples incident
}
