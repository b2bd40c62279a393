#!/usr/bin/env bats
# incident: which reports are one incident, and which never are; merge, undo.

# shellcheck disable=SC2030,SC2031,SC2154,SC2012
load lib/quell

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
}

report() {	# JQ-FILTER: the first report, changed
	jq -c "$1" "$data/report-initial.json"
}

open() {	# JQ-FILTER: opened or merged; the record is in $output
	run -0 --separate-stderr incident open < <(report "$1")
}

# The same event as Health says it: no mail, no case.
health='.case = null | .case_root = null | .message_id = null |
	.channel = "health" | .id = "aws-arn-of-the-event" |
	.event = "AWS_ABUSE_EC2_EMAIL_SPAM_REPORT"'

count() {
	ls "$QUELL_INCIDENTS" | wc -l
}

@test "mail, Health and a later mail of the case become one incident" {
	open .
	is '.changed and .report_merged == false and has("joined_by") == false'
	first=$output
	open "$health"
	is '.changed == false and .report_merged and .joined_by == "resource"'
	[ "$(jq -r .dir <<<"$output")" = "$(jq -r .dir <<<"$first")" ]
	# the event again: nothing new
	open "$health"
	is '.report_merged == false'
	# but its second page is, and an update of it
	local page='.page = 1 | .pages = 2 | .event_version = "1-1"'
	open "$health | $page"
	is '.report_merged'
	open "$health | $page | .page = 2"
	is '.report_merged'
	open "$health | $page | .event_version = \"1-2\""
	is '.report_merged'
	open "$health | $page | .page = 2"
	is '.report_merged == false'
	open '.case = "12345678901-3" | .message_id = "<m3@x>" | .resources = []'
	is '.report_merged and .joined_by == "case"'
	[ "$(count)" = 1 ]
	run -0 incident verify "$(jq -r .dir <<<"$first")"
}

@test "Health first: the case of the mail that follows is the incident's" {
	open "$health"
	dir=$(jq -r .dir <<<"$output")
	open .
	is '.joined_by == "resource" and .case == "12345678901-1"'
	# a reminder that names no resource is known by that case
	open '.stage = "reminder" | .case = "12345678901-2" |
		.message_id = "<r@x>" | .resources = [] | .account = null'
	is '.joined_by == "case" and .stage == "reminder"'
	[ "$(jq -r .dir <<<"$output")" = "$dir" ]
	[ "$(count)" = 1 ]
}

@test "a reply in the thread belongs to it, without case, account, resource" {
	open .
	open '.case = null | .account = null | .resources = [] | .id = "r" |
		.stage = "reminder" | .message_id = "<r@x>" |
		.references = ["<x@y>", "<0100019a-notice@email.amazonses.com>"]'
	is '.joined_by == "thread" and .report_merged'
	[ "$(count)" = 1 ]
}

@test "another case, account, resource or time is another incident" {
	open .
	open '.case = "22222222222-1" | .message_id = "<a@x>"'
	is .changed
	open "$health | .account = \"999999999999\" | .id = \"b\""
	is .changed
	open "$health | .resources[0].id = \"i-0ffffffffffffffff\" | .id = \"c\""
	is .changed
	[ "$(count)" = 4 ]
}

@test "what was last heard of long ago is joined by case only" {
	mkdir incidents
	incident open --dir incidents/old < <(report .) >/dev/null
	# its journal as it would be had it been opened four days ago
	old=$(date -u -d '4 days ago' +%Y-%m-%dT%H:%M:%S.000Z)
	sed -i "1s/\"time\":\"[^\"]*\"/\"time\":\"$old\"/" \
		incidents/old/journal.jsonl
	rm incidents/old/incident.json
	open "$health"
	is .changed
	open '.message_id = "<later@x>" | .resources = []'
	is '.joined_by == "case"'
}

@test "of two incidents that would do, neither is chosen" {
	open .
	open '.case = "22222222222-1" | .message_id = "<a@x>"'
	open "$health"
	is '.changed and (has("joined_by") | not)'
	[ "$(count)" = 3 ]
}

@test "a closed incident is not joined by resource; its case opens it again" {
	open .
	dir=$(jq -r .dir <<<"$output")
	incident log "$dir" --event incident.closed >/dev/null
	open "$health"
	is .changed
	run -0 incident due "$dir"
	open '.message_id = "<again@x>" | .stage = "final" | .resources = []'
	is '.joined_by == "case" and .reopened and .answered == false and
		.state == "open"'
	run -1 incident due "$dir" --within 14d
}

@test "the complaint never decides: no account, case or resource of it" {
	open .
	# a stranger's complaint that names the incident's case and instance
	open '.case = "33333333333-1" | .id = "aws-33333333333" |
		.account = "999999999999" | .message_id = "<c@x>" |
		.resources = [] | .complaint = {present: true,
		account: "123456789012", case: "12345678901-1",
		resources: [{kind: "instance", id: "i-0123456789abcdef0"}],
		message_ids: ["<0100019a-notice@email.amazonses.com>"]}'
	is '.changed and .account == "999999999999"'
	grep -L i-0123456789abcdef0 "$(jq -r .dir <<<"$output")/journal.jsonl" |
		grep -q journal
	[ "$(count)" = 2 ]
}

@test "a forged notice joins nothing by thread or resource, and draws nothing" {
	open .
	open "$health"' | .authentic = "fail" | .id = "f"'
	is .changed
	open '.case = null | .id = "g" | .authentic = "fail" | .resources = [] |
		.references = ["<0100019a-notice@email.amazonses.com>"]'
	is .changed
	rm -r incidents
	# forged first: the true one is an incident of its own
	open "$health"' | .authentic = "fail" | .id = "f"'
	open .
	is '.changed and .case == "12345678901-1"'
	[ "$(count)" = 2 ]
}

two() {	# -> $a $b
	open '.due = "2099-01-02T00:00:00Z"'
	a=$(jq -r .dir <<<"$output")
	open '.case = "22222222222-1" | .message_id = "<b@x>" |
		.due = "2099-01-01T00:00:00Z"'
	b=$(jq -r .dir <<<"$output")
}

@test "merge A B: one deadline, one timeline, one home; undo" {
	two
	run -0 --separate-stderr incident merge "$a" "$b"
	is '.changed and .due == "2099-01-01T00:00:00Z" and
		(.merged | length) == 1'
	run -0 --separate-stderr incident merge "$a" "$b"
	is '.changed == false'
	run -0 --separate-stderr incident show "$b"
	is '.state == "merged" and .answered and .into == "'"${a##*/}"'"'
	# both cases lead to A
	open '.case = "22222222222-2" | .message_id = "<b2@x>" |
		.stage = "reminder" | .due = "2098-01-01T00:00:00Z"'
	[ "$(jq -r .dir <<<"$output")" = "$a" ]
	is '.due == "2098-01-01T00:00:00Z"'
	# a notice that B had is nothing new
	open '.case = "22222222222-1" | .message_id = "<b@x>"'
	is '.report_merged == false'
	run -0 --separate-stderr incident timeline "$a"
	[[ $output == *"${b##*/}"* && $output == *22222222222-1* ]]
	# answered there is answered
	incident log "$b" --event incident.answered >/dev/null
	run -0 --separate-stderr incident show "$a"
	is .answered
	run -0 --separate-stderr incident merge --undo "$a" "$b"
	is '.changed and (has("merged") | not)'
	run -0 --separate-stderr incident merge --undo "$a" "$b"
	is '.changed == false'
	run -0 --separate-stderr incident show "$b"
	is '.state == "acknowledged" and (has("into") | not)'
	for d in "$a" "$b"; do
		run -0 incident verify "$d"
	done
}

@test "merge: not itself, not a part of another, not from elsewhere" {
	two
	incident open --dir elsewhere/c < <(report '.case = "3"') >/dev/null
	before=$(cat "$a/journal.jsonl" "$b/journal.jsonl")
	run -64 incident merge "$a" "$a/."
	run -64 incident merge "$a" elsewhere/c
	run -66 incident merge "$a" nowhere
	run -64 incident merge "$a"
	[ "$before" = "$(cat "$a/journal.jsonl" "$b/journal.jsonl")" ]
	open '.case = "33333333333-1" | .message_id = "<c@x>"'
	c=$(jq -r .dir <<<"$output")
	incident merge "$a" "$b" >/dev/null
	run -64 incident merge "$c" "$b"
	run -64 incident merge "$b" "$c"
	# the whole family comes along
	run -0 --separate-stderr incident merge "$c" "$a"
	is '(.merged | length) == 2'
	open '.case = "22222222222-4" | .message_id = "<b4@x>"'
	[ "$(jq -r .dir <<<"$output")" = "$c" ]
}

@test "merge killed half way is finished by the same again" {
	preload=$QUELL_B/faults.so
	[[ $QUELL_B != *asan* ]] ||
		preload="$(gcc -print-file-name=libasan.so) $preload"
	for kill in FAULT_KILL FAULT_KILL_AFTER; do
		for n in 1 2 3; do
			rm -rf incidents
			two
			env "$kill=$n:journal.jsonl" LD_PRELOAD="$preload" \
				ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
				incident merge "$a" "$b" >/dev/null || true
			run -0 --separate-stderr incident merge "$a" "$b"
			run -0 --separate-stderr incident show "$b"
			is '.state == "merged"'
			[ "$(grep -c incident.merged\" "$a/journal.jsonl")" = 1 ]
			[ "$(grep -c merged-into "$b/journal.jsonl")" = 1 ]
			run -0 incident verify "$a"
			run -0 incident verify "$b"
		done
	done
}

@test "incident.json and due: derived, outdated ones are not believed" {
	open '.due = "2099-01-02T00:00:00Z"'
	dir=$(jq -r .dir <<<"$output")
	[ "$(<"$dir/due")" = "$(date -ud 2099-01-02T00:00:00Z +%s)" ]
	jq -e '.known.cases == ["12345678901"] and .type == "incident"' \
		"$dir/incident.json"
	# lies in it are not believed once the journal is longer
	jq -c '.known.keys = ["aws:44444444444"]' "$dir/incident.json" >lie
	cat lie >"$dir/incident.json"
	incident log "$dir" 'one more' >/dev/null
	open '.case = "44444444444-1" | .message_id = "<d@x>" | .resources = []'
	is .changed
	rm "$dir/incident.json" "$dir/due"
	open '.message_id = "<e@x>"'
	is '.joined_by == "case"'
	[ -s "$dir/incident.json" ]
	incident log "$dir" --event incident.answered >/dev/null
	[ ! -e "$dir/due" ]
}
