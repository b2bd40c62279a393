#!/usr/bin/env bats
# The whole night, small: straight through, and with kill -9 on the way.

load lib/quell

setup_file() {
	export DRILL_HONEST=24 DRILL_SPAM=150 DRILL_RTT=1,5
	export DRILL_PROPAGATION=1,3 DRILL_PAUSE=0.1 DRILL_GOALS=120,240
	export QUELL_WATCH_SECONDS=1 DRILL_DRAIN=60
}

drill() {	# [NAME=VALUE ...]
	# shellcheck source=tests/lib/exim.bash
	. "$QUELL_ROOT/tests/lib/exim.bash"
	exim_available || skip "no Exim in a namespace here"
	chmod 0711 "$BATS_TEST_TMPDIR"
	run -0 env "$@" DRILL_DIR="$BATS_TEST_TMPDIR/drill" \
		"$QUELL_ROOT/tests/drill/run.sh" 3>&-
}

no_process_left() {
	sleep 0.5
	run -1 pgrep -f "$BATS_TEST_TMPDIR/drill"
}

@test "a night, after a dry run that changed nothing" {
	drill DRILL_DRY=1
	[[ $output == *"a dry run changed nothing"* ]]
	# the folder tells the story
	cd "$BATS_TEST_TMPDIR/drill/incident"
	sha256sum --quiet -c SHA256SUMS
	grep -q 'ses-rotate' steps/70_report_timeline/timeline.md
	grep -q '20411223344-1' steps/71_report_reply/reply.txt
	run -1 grep -rlE 'st0len/|secret-billing' .
	[ ! -e secrets/ses.pw ]
	no_process_left
}

@test "killed again and again, the night ends the same" {
	drill DRILL_KILL="0.3 0.8 1.2 2 1.5 3 2.5"
	no_process_left
}

# Before each step's first command, and behind it when nobody knows yet what
# it did: all of them in one night, which ends with check.py's verdict.
@test "killed at every step, the night ends the same" {
	local step
	drill DRILL_KILL_STEPS=1
	for step in $("$QUELL_ROOT/playbooks/abuse-report" --list); do
		[ -d "$BATS_TEST_TMPDIR/drill/killed/$step.before" ]
		[ -d "$BATS_TEST_TMPDIR/drill/killed/$step.after" ]
	done
	no_process_left
}

# --- the playbook alone -----------------------------------------------------

desk() {
	# shellcheck source=tests/lib/peers.bash
	. "$QUELL_ROOT/tests/lib/peers.bash"
	cd "$BATS_TEST_TMPDIR" || return 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost 2>/dev/null
	smtp_sink_start desk --cert cert.pem --key key.pem "$@"
	QUELL_ACK_RELAY="localhost:$(<desk/port)"
	export QUELL_ACK_RELAY AWS_CA_BUNDLE=$PWD/cert.pem
	sed "s/@DATE@/$(date -u '+%a, %d %b %Y %H:%M:%S +0000')/" \
		"$QUELL_ROOT/tests/drill/notice.eml" >notice.eml
}

answers() {
	grep -c . desk/log.jsonl 2>/dev/null || true
}

play() {
	run "$1" "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--notice notice.eml --incident incident --contact oncall
}

teardown() {
	[ ! -f desk/pid ] || peers_stop_file desk/pid
}

@test "the answer to the acknowledgement is lost: 79, and never a second mail" {
	desk --reply data_end=accept+drop
	play -79
	[ "$(answers)" = 1 ]
	play -79
	[ "$(answers)" = 1 ]
	[ ! -e incident/steps/12_identify_acknowledge/done ]
	# a person found it in AWS's answer
	run -0 abuse-ack -y --incident incident --settle sent \
		<incident/report.json
	run "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--notice notice.eml --incident incident --contact oncall
	[ -e incident/steps/12_identify_acknowledge/done ]
	[ "$(answers)" = 1 ]
}

@test "a forged notice is not answered and stops nothing" {
	desk
	sed -i 's/dmarc=pass/dmarc=fail/; s/spf=pass/spf=fail/; s/dkim=pass/dkim=none/' \
		notice.eml
	play -77
	[ "$(answers)" = 0 ]
	[ ! -e incident/steps/20_identify_corroborate ]
}