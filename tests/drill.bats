#!/usr/bin/env bats
# The whole night, small: straight through, and with kill -9 on the way.

# shellcheck disable=SC2030,SC2031
load lib/quell

setup_file() {
	export DRILL_HONEST=24 DRILL_SPAM=150 DRILL_RTT=1,5
	export DRILL_PROPAGATION=1,3 DRILL_PAUSE=0.1
	export QUELL_WATCH_SECONDS=1 QUELL_PROOF_SECONDS=4
	# make drill asks how fast it is; here it is slow machines, sanitizers
	export DRILL_GOALS=900,1800 DRILL_DRAIN=300
}

drill() {	# [NAME=VALUE ...]
	# shellcheck source=tests/lib/dovecot.bash
	. "$QUELL_ROOT/tests/lib/dovecot.bash"
	exim_available || skip "no Exim in a namespace here"
	dovecot_available || skip "no Dovecot in a namespace here"
	chmod 0711 "$BATS_TEST_TMPDIR"
	run env "$@" DRILL_DIR="$BATS_TEST_TMPDIR/drill" \
		"$QUELL_ROOT/tests/drill/run.sh" 3>&-
	[ "$status" = 0 ] || { tail -n 40 <<<"$output"; false; }
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
	# the way in: its own folder, its own story
	jq -e .locked way-in/mailbox-billing@shop.example.net/steps/33_contain_mailbox/mailbox.jsonl
	incident verify way-in/mailbox-billing@shop.example.net
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
	for step in 33_contain_mailbox 34_contain_prove; do
		step=mailbox-billing@shop.example.net.$step
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
	[ ! -d mx ] || exim_stop "$PWD/mx"
	# last: it fails when something was not as AWS wants it
	[ -z "${EMU_PID-}" ] || emu_stop
}

# an AWS account and a mail host in which nothing is wrong
calm_world() {
	# shellcheck source=tests/lib/exim.bash
	. "$QUELL_ROOT/tests/lib/exim.bash"
	# shellcheck source=tests/aws/emu.bash
	. "$QUELL_ROOT/tests/aws/emu.bash"
	exim_available || skip "no Exim in a namespace here"
	cd "$BATS_TEST_TMPDIR" || return 1
	exim_make "$PWD/mx" route=none queue_only=yes
	exim_start "$PWD/mx"
	exim_submit "$PWD/mx" bob@quell.test customer@near.example.com
	emu_start
	QUELL_MAILHOST_CMD=$PWD/mx/bin/.enter
	export QUELL_MAILHOST_CMD
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
regions() {
	emu_world '.regions | map_values(.sending_enabled)'
}

@test "a notice alone is answered, and stops nothing" {
	desk
	desk_ca=$AWS_CA_BUNDLE
	calm_world
	export AWS_CA_BUNDLE=$desk_ca
	play -1
	[[ $output == *"nothing is stopped"*--corroborated* ]]
	[ "$(answers)" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
	[ -z "$(ls -A mx/quell)" ]
	[ ! -e incident/steps/30_preserve_mail ]
	grep -q decision.containment incident/journal.jsonl
	# again: the same, and no second answer
	play -1
	[ "$(answers)" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
}

@test "the stolen user's own key does not lead the response" {
	desk
	desk_ca=$AWS_CA_BUNDLE
	calm_world
	export AWS_CA_BUNDLE=$desk_ca
	export AWS_ACCESS_KEY_ID=AKIASTOLENKEY0000001
	export AWS_SECRET_ACCESS_KEY='st0len/+SecretKeyForTheSmtpUser/0000001+'
	run -77 "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--notice notice.eml --incident incident --key-user ses-smtp
	[[ $output == *aws-preflight*ses-smtp* ]]
	[ "$(answers)" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e incident/steps/20_identify_corroborate ]
}

@test "a person's word, no mailbox, no key, no account: what was not done is not said" {
	local said was
	calm_world
	was=$(regions)
	sed "s/@DATE@/$(date -u '+%a, %d %b %Y %H:%M:%S +0000')/
		s/AWS ID: 111122223333//; s/ \[AWS ID [0-9]*\]//" \
		"$QUELL_ROOT/tests/drill/notice.eml" >notice.eml
	export QUELL_WATCH_SECONDS=0.1
	run -64 "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--notice notice.eml --incident incident --contact oncall \
		--corroborated 'oncall: I saw it'
	[[ $output == *--host-checked* ]]
	[ -e incident/steps/44_contain_prove/done ]
	[ "$(jq -r .account incident/report.json)" = null ]
	# unused regions are paused, the business's own is not
	[ "$(emu_world '[.regions | to_entries[] |
		select(.value.sending_enabled).key]')" = \
		'["ap-northeast-1","eu-west-1","us-east-1"]' ]
	run -0 "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--notice notice.eml --incident incident --contact oncall \
		--corroborated 'oncall: I saw it' --host-checked 'oncall: clean'
	[ "$(regions)" = "$was" ]
	[ ! -e mx/quell/hold ]
	said=$(<incident/steps/71_report_reply/reply.txt)
	[[ $said != *mailbox* && $said != *key* && $said != *evidence* ]]
	[[ $said == *"outbound mail held, regions without"* ]]
	# no relay was named: that is said until somebody has answered
	[[ $output == *"has NOT been answered"* ]]
	[ ! -e incident/steps/12_identify_acknowledge/done ]
	emu_no_violations
}

@test "the mail host's changes are in the journal, before and after" {
	calm_world
	run -0 "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--notice <(sed "s/@DATE@/$(date -u '+%a, %d %b %Y %H:%M:%S +0000')/" \
		"$QUELL_ROOT/tests/drill/notice.eml") --incident incident \
		--account billing@shop.example.net --corroborated 'I saw it' \
		--host-checked clean
	[ "$(jq -r .event incident/journal.jsonl | grep -E \
		'^exim-(hold|block)' | tr '\n' ' ')" = 'exim-hold.begin exim-hold.end exim-block.begin exim-block.end exim-block.begin exim-block.end exim-hold.begin exim-hold.end ' ]
	run -0 incident verify incident
}

@test "nothing is called contained while the hold, the block or the key is missing" {
	local start
	calm_world
	incident open --dir incident <"$QUELL_ROOT/tests/data/report-initial.json"
	mkdir incident/facts
	echo AKIASTOLENKEY0000001 >incident/facts/key
	echo billing@shop.example.net >incident/facts/account
	start=("$QUELL_ROOT/playbooks/abuse-report" --apply --incident incident
		--key-user ses-smtp --from 44)
	run -1 "${start[@]}"
	[[ $output == *"mail host is not held"* ]]
	mx/bin/.enter exim-hold -y
	run -1 "${start[@]}"
	[[ $output == *"account is not blocked"* ]]
	mx/bin/.enter exim-block -y billing@shop.example.net
	run -1 "${start[@]}"
	[[ $output == *"key is not dead"* ]]
	run -1 grep incident.contained incident/journal.jsonl
	iam-key-disable -y --user ses-smtp AKIASTOLENKEY0000001
	run -64 "${start[@]}"
	[[ $output == *--host-checked* ]]
	run -0 grep incident.contained incident/journal.jsonl
}

@test "nothing is released to a host that has only the dead key" {
	local start
	calm_world
	incident open --dir incident <"$QUELL_ROOT/tests/data/report-initial.json"
	mkdir -p incident/facts incident/secrets
	echo AKIASTOLENKEY0000001 >incident/facts/key
	printf 'user: AKIANEW\npass: new\n' >incident/secrets/ses.pw
	mx/bin/.enter exim-hold -y
	start=("$QUELL_ROOT/playbooks/abuse-report" --apply --incident incident
		--key-user ses-smtp --from 64)
	held() {
		mx/bin/.enter exim-hold --show | jq -e .held
	}
	# nobody said where it goes
	run -64 "${start[@]}"
	[[ $output == *"does not have the new credentials"*--published* ]]
	held
	# it has another one
	run -64 "${start[@]}" --cred-file "$PWD/mx/ses.pw"
	held
	[ -s incident/secrets/ses.pw ]
	# it has it: released, and the copy here goes
	cp incident/secrets/ses.pw mx/ses.pw
	run -0 "${start[@]}" --cred-file "$PWD/mx/ses.pw"
	run -1 held
	[ ! -e incident/secrets/ses.pw ]
}

@test "a person's word that the host has the new key; the copy stays" {
	calm_world
	incident open --dir incident <"$QUELL_ROOT/tests/data/report-initial.json"
	mkdir -p incident/facts incident/secrets
	echo AKIASTOLENKEY0000001 >incident/facts/key
	echo 'pass: new' >incident/secrets/ses.pw
	run -0 "$QUELL_ROOT/playbooks/abuse-report" --apply \
		--incident incident --key-user ses-smtp --from 64 \
		--published 'by hand'
	[[ $output == *"nobody else has them"* ]]
	[ -s incident/secrets/ses.pw ]
}
