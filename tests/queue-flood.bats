#!/usr/bin/env bats
# playbooks/queue-flood on a real Exim: what goes, what stays, killed halfway
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell

PLAY=$QUELL_ROOT/playbooks/queue-flood

setup() {
	load lib/exim
	exim_available 2>"$BATS_TEST_TMPDIR/no" ||
		skip "$(tail -n 1 "$BATS_TEST_TMPDIR/no")"
	chmod 0711 "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return 1
	smtp_sink_start sink --no-bodies
	exim_make "$PWD/mx" sink="$(sink_port sink)" queue_only=yes \
		users="$(for n in {0..6}; do echo -n "p$n@quell.test:pw,"; done)news@quell.test:pw"
	exim_hook "$PWD/mx"
	exim_start "$PWD/mx"
	export QUELL_MAILHOST_CMD=$PWD/mx/bin/.enter
}

teardown() {
	[ ! -d mx/bin ] || exim_stop "$PWD/mx"
	[ ! -d sink ] || sink_stop sink
}

# people, their newsletter, and p0's password in wrong hands: through the same
# webmail as p0 himself
fill() {
	{
		for n in {0..6}; do
			for k in 1 2 3; do
				printf '{"from":"p%s@quell.test","user":"p%s@quell.test","pass":"pw","to":["c%s@d%s.example"],"subject":"Talk %s of %s","headers":{"X-Kind":"honest"}}\n' \
					"$n" "$n" "$k" "$n" "$k" "$n$k"
			done
		done
		for n in {1..60}; do
			printf '{"from":"news@quell.test","user":"news@quell.test","pass":"pw","to":["n%s@d%s.example"],"subject":"News","headers":{"List-Unsubscribe":"<mailto:u@quell.test>"}}\n' "$n" "$n"
		done
		for n in {1..70}; do
			printf '{"from":"p0@quell.test","user":"p0@quell.test","pass":"pw","to":["v%s@s%s.example"],"subject":"Your parcel %s waits"}\n' "$n" "$n" "$n"
		done
	} >plan
	exim_submit mx - x@y.example --plan plan >/dev/null
	[ "$(exim_queue_count mx)" = 151 ]
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" "$@"
}

ended_well() {
	[ ! -e mx/quell/hold ]
	peers_wait 30 bash -c '[ "$(wc -l <sink/log.jsonl)" -ge 81 ]'
	[ "$(jq -r '.to[]' sink/log.jsonl | sort | uniq -d | wc -l)" = 0 ]
	[ "$(jq -r '.to[]' sink/log.jsonl | sort -u | wc -l)" = 81 ]
	run -1 grep -q '"v[0-9]*@s' sink/log.jsonl
	q=$(mx/bin/.enter "$QUELL_B/bin/exim-quarantine" list | jq -r .id)
	[ "$(exim_queue_count mx "$q")" = 70 ]
	[ "$(exim_queue_count mx)" = 0 ]
	run -0 incident verify case
}

@test "hold, stop, keep, quarantine, prove, release" {
	fill
	play 0
	[[ $output == *'suspect: account=p0@quell.test, 73 messages'* ]]
	[[ $output == *'70 messages are spam'* ]]
	[ "$(exim_queue_count mx)" = 151 ]
	[ -z "$(ls -A mx/quell)" ]
	play 64 --apply --incident case
	[[ $output == *'70 messages are in quarantine'* ]]
	[[ $output == *--host-checked* ]]
	[ "$(exim_queue_count mx)" = 81 ]
	[ -e mx/quell/hold ]
	grep -q '^p0@quell.test:' mx/quell/deny_accounts
	[ ! -s sink/log.jsonl ]
	# kept before it was touched
	[ "$(wc -l <case/steps/30_preserve_queue/queue.jsonl)" = 151 ]
	play 0 --apply --incident case --host-checked 'me: new password'
	ended_well
	grep -q 'queue.remains' case/journal.jsonl
}

@test "killed again and again, the end is the same" {
	local n pid
	fill
	for n in 0.3 0.6 0.9 1.2 1.6 2; do
		setsid "$PLAY" --apply --incident case --host-checked ok \
			>>out 2>&1 </dev/null 3>&- &
		pid=$!
		sleep "$n"
		kill -9 -- "-$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	play 0 --apply --incident case --host-checked ok
	ended_well
}

@test "a queue in which nobody stands out: 1, and nothing is stopped" {
	exim_submit mx bob@quell.test a@b.example --count 5 >/dev/null
	play 1 --apply --incident case
	[[ $output == *'nothing is stopped'* ]]
	[ -z "$(ls -A mx/quell)" ]
	[ "$(exim_queue_count mx)" = 5 ]
	# a person knows better
	play 0 --apply --incident case2 --where 'sender = bob@quell.test' \
		--host-checked ok --quarantine "$PWD/kept"
	[ "$(exim_queue_count mx)" = 0 ]
	run -0 exim-quarantine list --quarantine "$PWD/kept"
	[ "$(jq .messages <<<"$output")" = 5 ]
}

@test "spam that is left: 1, nothing is released without a word" {
	fill
	play 64 --apply --incident case
	# as if the thief had found another way in
	rm mx/quell/deny_accounts
	for n in {1..40}; do
		printf '{"from":"p0@quell.test","user":"p0@quell.test","pass":"pw","to":["v%s@s%s.example"],"subject":"Again %s"}\n' "$n" "$n" "$n"
	done >plan
	exim_submit mx - x@y.example --plan plan >/dev/null
	rm case/steps/41_eradicate_prove/done
	play 1 --apply --incident case --host-checked ok
	[[ $output == *'still there: account=p0@quell.test'*--rest-checked* ]]
	[ -e mx/quell/hold ]
	play 0 --apply --incident case --host-checked ok \
		--rest-checked 'me: that is a test'
	[ ! -e mx/quell/hold ]
}
