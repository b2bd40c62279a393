#!/usr/bin/env bats
# abuse-ack --report: which of the reports of an incident is answered.

# shellcheck disable=SC2154
load lib/quell

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	# Health has it first, then the notice, then a reminder
	report '.case = null | .message_id = null | .channel = "health" |
		.id = "aws-event" | .reply_to = null' | incident open >first
	dir=$(jq -r .dir first)
	report . | incident open >/dev/null
	jq -c . "$data/report-reminder.json" | incident open >/dev/null
	[ "$(incident show "$dir" | jq .events)" = 5 ]
}

report() {	# JQ-FILTER: the first report, changed
	jq -c "$1" "$data/report-initial.json"
}

ack() {
	abuse-ack -n --print --incident "$dir" "$@"
}

@test "by number, case, root and Message-ID; the record says which" {
	run -0 --separate-stderr abuse-ack -n --incident "$dir" --report 2
	jq -e '.report == 2 and .case == "12345678901-1"' <<<"$output"
	id=$(jq -r .message_id "$data/report-initial.json")
	later=$(jq -r .message_id "$data/report-reminder.json")
	for which in 2 12345678901-1 "$id"; do
		run -0 --separate-stderr ack --report "$which"
		grep -qxF "In-Reply-To: $id"$'\r' <<<"$output"
	done
	# the last one of a case
	for which in 3 12345678901 12345678901-2 "$later"; do
		run -0 --separate-stderr ack --report "$which"
		grep -qxF "In-Reply-To: $later"$'\r' <<<"$output"
	done
}

@test "the first is the default: an event is answered by no mail" {
	run --separate-stderr abuse-ack -n --incident "$dir"
	[ "$status" -ne 0 ] || [ "$(jq -r .report <<<"$output")" = 1 ]
	[[ $output != *'"to":'* ]]
}

@test "one that is not there is 66; one that was changed is 65" {
	for which in 0 4 99 nothing 99999999999; do
		run -66 --separate-stderr ack --report "$which"
		[[ $stderr == *'none of its 3 reports'* ]]
	done
	run -64 abuse-ack -n --report 1 <"$data/report-initial.json"
	run -64 abuse-ack -n --incident "$dir" --report 1 - \
		<"$data/report-initial.json"
	file=$(find "$dir/evidence" -name '*-report.json' | sort | head -n 1)
	chmod u+w "$file"
	sed -i 's/trustandsafety/thief/' "$file"
	run -65 --separate-stderr ack --report 2
	[[ $stderr == *'not the report that the journal tells of'* ]]
	run -0 --separate-stderr ack --report 3
}

@test "a report of another case than the incident's is 78 still" {
	run -78 --separate-stderr abuse-ack -n --incident "$dir" - \
		< <(report '.case = "99999999999"')
	run -0 --separate-stderr abuse-ack -n --print --incident "$dir" - \
		< <(report .)
}
