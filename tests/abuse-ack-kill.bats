#!/usr/bin/env bats
# abuse-ack: kill -9 before each write, to a file or a socket.
# Nothing is sent twice, nothing is believed that is not so, and the next run
# goes on.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/peers

setup() {
	# hundreds of fsyncs: not of a disk that others work on
	work=$(mktemp -d /dev/shm/quell-XXXXXX 2>/dev/null) ||
		work=$BATS_TEST_TMPDIR
	cd "$work" || return
	unset QUELL_ACK_RELAY
	export QUELL_INCIDENTS=$work/inc
	data=$QUELL_ROOT/tests/data
	preload_faults
	smtp_sink_start "$work/sink"
	relay=(--relay "127.0.0.1:$(sink_port sink)" --relay-tls none)
}

teardown() {
	sink_stop "$work/sink" || true
	cd / && rm -rf "$work"
}

state() {	# FILTER: of the incident
	incident show inc/a | jq -se "length == 1 and (.[0] | $1)" >/dev/null ||
		{ incident show inc/a; return 1; }
}

# Before each write, until one run ends by itself, and behind the last one.
# START makes the world, COMMAND is killed, CHECK looks and goes on.
each_kill() {	# START CHECK COMMAND...
	local start=$1 check=$2 point=FAULT_KILL n=1 rc killed=0
	shift 2
	while :; do
		"$start"
		rc=0
		{
			env "$point=$n:" "LD_PRELOAD=$preload" "$@" \
				>out 2>err </dev/null || rc=$?
		} 2>/dev/null
		run -0 incident verify inc/a
		"$check" || { echo "$point=$n: $rc"; cat err; return 1; }
		[ "$rc" != 137 ] || killed=$((killed + 1))
		[ "$point" = FAULT_KILL ] || break
		if [ "$rc" = 137 ]; then
			n=$((n + 1))
		else
			[ "$rc" = 0 ]
			point=FAULT_KILL_AFTER n=$((n - 1))
		fi
		[ "$n" -lt 100 ]
	done
	run -0 incident verify inc/a
	[ "$killed" -ge 4 ]
}

fresh() {
	rm -rf inc
	before=$(sink_count sink)
	incident open --dir inc/a <"$data/report-initial.json" >/dev/null
}

taken() {	# how many the relay took since
	echo $(($(sink_count sink) - before))
}

@test "sending: at most one, and what nobody knows is 79" {
	goes_on() {
		local rc=0
		abuse-ack -y "${relay[@]}" --incident inc/a >again 2>&1 \
			</dev/null || rc=$?
		case $rc in
		0) [ "$(taken)" = 1 ] && state '.ack == "relayed"' ;;
		79) [ "$(taken)" -le 1 ] && state '.ack == "unknown"' ;;
		*) cat again; false ;;
		esac && state '.answered == false'
	}
	each_kill fresh goes_on abuse-ack -y "${relay[@]}" --incident inc/a
}

was_sent() {
	fresh
	abuse-ack -y "${relay[@]}" --incident inc/a >ack.json 2>/dev/null </dev/null
	jq -r '"Content-Type: multipart/report; report-type=delivery-status;",
		" boundary=b", "", "--b", "Content-Type: message/delivery-status", "",
		"Final-Recipient: rfc822; \(.to)", "Action: failed", "",
		"--b", "Content-Type: text/rfc822-headers", "",
		"Message-ID: \(.message_id)", "", "--b--"' ack.json >dsn.eml
}

@test "a bounce: written once, never lost" {
	bounced() {
		local rc=0
		abuse-ack -y --bounce dsn.eml >again 2>&1 || rc=$?
		[ "$rc" = 0 ] && state '.ack == "bounced" and .overdue' &&
			[ "$(grep -c '"ack.bounced"' inc/a/journal.jsonl)" = 1 ] &&
			cmp dsn.eml inc/a/evidence/0001-bounce.eml &&
			[ "$(taken)" = 1 ]
	}
	each_kill was_sent bounced abuse-ack -y --bounce dsn.eml
}

@test "the relay's log: the clock stops once it is written, not before" {
	arrived() {
		local rc=0
		state ".answered == ($(grep -c '"ack.delivered"' \
			inc/a/journal.jsonl) > 0)" || return 1
		abuse-ack -y --delivered --incident inc/a --evidence seen \
			>again 2>&1 </dev/null || rc=$?
		[ "$rc" = 0 ] && state .answered && [ ! -e inc/a/due ] &&
			[ "$(grep -c '"ack.delivered"' inc/a/journal.jsonl)" = 1 ]
	}
	each_kill was_sent arrived abuse-ack -y --delivered --incident inc/a \
		--evidence seen
}

@test "sent again after it came back: at most once more, or 79" {
	came_back() {
		was_sent
		abuse-ack -y --bounce dsn.eml >/dev/null
	}
	again() {
		local rc=0
		abuse-ack -y "${relay[@]}" --incident inc/a >again 2>&1 \
			</dev/null || rc=$?
		case $rc in
		69) [ "$(taken)" = 1 ] && state '.ack == "bounced"' ;;
		0) [ "$(taken)" = 2 ] && state '.ack == "relayed"' ;;
		79) [ "$(taken)" -le 2 ] && state '.ack == "unknown"' ;;
		*) cat again; false ;;
		esac
	}
	each_kill came_back again abuse-ack -y "${relay[@]}" --resend \
		--incident inc/a
}

@test "posted: written down once, with the text" {
	posted() {
		local rc=0
		abuse-ack -y --posted me --incident inc/a --date \
			2026-11-21T10:00:00Z >again 2>&1 </dev/null || rc=$?
		[ "$rc" = 0 ] && state '.accepted_by == "reseller"' &&
			[ "$(grep -c '"ack.relayed"' inc/a/journal.jsonl)" = 1 ] &&
			cmp inc/a/out/ack-0001.txt text
	}
	fresh
	abuse-ack --ticket --incident inc/a --date 2026-11-21T10:00:00Z \
		</dev/null >text 2>/dev/null
	each_kill fresh posted abuse-ack -y --posted me --incident inc/a \
		--date 2026-11-21T10:00:00Z
}
