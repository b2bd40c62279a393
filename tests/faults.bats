#!/usr/bin/env bats
# A full or failing disk at any moment: the old content or the new, no litter,
# the right exit code, and nothing sent that could not be written down.

# shellcheck disable=SC2154,SC2094
load lib/quell
load lib/peers

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	unset QUELL_ACK_RELAY
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	sink=$BATS_TEST_TMPDIR/sink
	preload_faults
}

teardown() {
	sink_stop "$sink" || true
}

fault() {	# VARIABLE=VALUE COMMAND...
	local set=$1
	shift
	env "$set" LD_PRELOAD="$preload" "$@"
}

open_one() {
	incident open --dir inc/a <"$data/report-initial.json" >/dev/null
}

state() {	# names, sizes and content of all files
	find inc -type f | sort | xargs sha256sum
}

@test "the library fails what it is told to fail, and only that" {
	run -0 fault FAULT_WRITE=1:nowhere incident --version
	open_one
	run -74 fault FAULT_WRITE=1:journal.jsonl incident log inc/a x
	run -0 fault FAULT_WRITE=2:journal.jsonl incident log inc/a x
}

@test "a journal line is there whole or not at all: 74" {
	open_one
	state >before
	for f in FAULT_WRITE=1:journal.jsonl:ENOSPC \
		FAULT_WRITE=1:journal.jsonl:EIO FAULT_FSYNC=1:journal.jsonl; do
		run -74 --separate-stderr fault $f incident log inc/a text
		[ -z "$output" ]
		state | diff before -
	done
	run -0 incident log inc/a text
	run -0 --separate-stderr incident verify inc/a
	jq -e '.torn == 0 and .lines == 2' <<<"$output"
}

@test "evidence that cannot be kept leaves no litter" {
	open_one
	state >before
	for f in FAULT_WRITE=1:evidence FAULT_FSYNC=1:evidence \
		FAULT_CLOSE=1:evidence/. FAULT_RENAME=1:evidence \
		FAULT_WRITE=1:journal.jsonl FAULT_FSYNC=2:evidence; do
		run -74 fault $f incident evidence inc/a --name e <<<bytes
		state | diff before -
	done
	run -73 fault FAULT_OPEN=2:evidence incident evidence inc/a \
		--name e <<<bytes
	state | diff before -
	run -0 incident evidence inc/a --name e <<<bytes
	run -0 incident verify inc/a
}

@test "an incident is opened whole or not at all, and the next try opens it" {
	mkdir inc
	for f in FAULT_WRITE=1:report.json FAULT_FSYNC=1:report.json \
		FAULT_RENAME=1:report.json FAULT_WRITE=1:journal.jsonl \
		FAULT_CLOSE=1:report.json FAULT_WRITE=1:evidence \
		FAULT_RENAME=1:inc/a FAULT_OPEN=1:inc FAULT_OPEN=1:journal; do
		rc=0
		fault $f incident open --dir inc/a --evidence \
			"$data/report-initial.json" \
			<"$data/report-initial.json" >out 2>err || rc=$?
		[ "$rc" = 73 ] || [ "$rc" = 74 ] || {
			echo "$f: $rc"
			false
		}
		# said of this report, whatever became of others beside it
		jq -se 'length == 1 and .[0].ok == false and
			(.[0].why | length > 0)' out
		[ -z "$(ls -A inc)" ]
	done
	run -0 incident open --dir inc/a <"$data/report-initial.json"
	run -0 incident verify inc/a
}

@test "a file that is replaced: the old content stays" {
	# report.json of a folder that was there is replaced whole
	mkdir -p inc/a
	echo '{"old":1}' >inc/a/report.json
	for f in FAULT_WRITE=1:report.json FAULT_FSYNC=1:report.json \
		FAULT_CLOSE=1:report.json FAULT_RENAME=1:report.json; do
		run -74 fault $f incident open --dir inc/a \
			<"$data/report-initial.json"
		[ "$(cat inc/a/report.json)" = '{"old":1}' ]
		[ "$(find inc -name '.report*' | wc -l)" = 0 ]
		rm inc/a/journal.jsonl
	done
}

@test "nothing is sent when the journal or the bytes cannot be written" {
	smtp_sink_start "$sink"
	relay=(--relay "127.0.0.1:$(sink_port "$sink")" --relay-tls none)
	# the first line is ack.prepared, the second ack.sending
	for f in FAULT_WRITE=1+:journal.jsonl FAULT_FSYNC=1+:journal.jsonl \
		FAULT_WRITE=2+:journal.jsonl FAULT_FSYNC=2+:journal.jsonl \
		FAULT_WRITE=1:ack-0 FAULT_FSYNC=1:ack-0 FAULT_RENAME=1:ack-0; do
		rm -rf inc
		open_one
		run -74 fault $f abuse-ack -y "${relay[@]}" --incident inc/a
		[ "$(sink_count "$sink")" = 0 ]
		run -0 incident verify inc/a
	done
	run -73 fault FAULT_OPEN=1:ack.lock abuse-ack -y "${relay[@]}" \
		--incident inc/a
	run -0 abuse-ack -y "${relay[@]}" --incident inc/a
	[ "$(sink_count "$sink")" = 1 ]
	run -0 incident verify inc/a
}

@test "sent, and the journal fails then: 74, said so, never sent again" {
	smtp_sink_start "$sink"
	relay=(--relay "127.0.0.1:$(sink_port "$sink")" --relay-tls none)
	open_one
	run -74 --separate-stderr fault FAULT_WRITE=3+:journal.jsonl \
		abuse-ack -y "${relay[@]}" --incident inc/a
	[[ $stderr == *"it was sent"*--settle=relayed* ]]
	[ "$(sink_count "$sink")" = 1 ]
	run -79 abuse-ack -y "${relay[@]}" --incident inc/a
	run -0 abuse-ack -y --settle=relayed --incident inc/a
	jq -se '.[0] | .answered == false and .ack == "relayed"' \
		< <(incident show inc/a)
	run -0 --separate-stderr abuse-ack -y "${relay[@]}" --incident inc/a
	jq -e '.changed == false' <<<"$output"
	[ "$(sink_count "$sink")" = 1 ]
	run -0 incident verify inc/a
}
