#!/usr/bin/env bats
# playbooks/abuse-report, step 54: it calls the playbook of the way in
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/mailbox_world

PLAY=$QUELL_ROOT/playbooks/abuse-report

setup() {
	mailbox_setup
	mailbox_log a@x.example 11 >mainlog
	contained case
}

# An incident that is contained by now: mail is held, what the queue showed is
# a fact.
contained() {	# FOLDER
	incident open --dir "$1" <"$QUELL_ROOT/tests/data/report-initial.json" \
		>/dev/null
	mkdir -p "$1/facts" "$1/steps"
	: >state.held
	echo '{"type":"queue-suspect","id":"account=a@x.example","kind":"account","value":"a@x.example","count":5,"where":"w","signals":[]}' \
		>"$1/facts/suspects.jsonl"
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" --from 54 --until 54 "$@"
}

where=case/way-in/mailbox-a@x.example

@test "it looks by itself; it locks on a word, and holds and releases nothing" {
	play 0 --apply --incident case
	[[ $output == *'mailbox-compromise: 13_identify_access'*'done until 13'* ]]
	[[ $output == *"--way-in 'who, how they know'"* ]]
	grep -q '^a@x.example:old:' state.users
	find $where/evidence | grep -q log-suspects
	[ ! -e $where/steps/14_identify_decide ]
	[ ! -e case/steps/54_eradicate_cause/done ]
	play 0 --apply --incident case --way-in 'me: her laptop'
	[[ $output == *'10_identify_queue: done before'* ]]
	[[ $output == *"a@x.example is locked"*"--incident case/$where"* || \
		$output == *"a@x.example is locked"*"--incident $where --apply --part-of case --owner-ready 'who, how'"* ]]
	run -1 grep -q '^a@x.example:old:' state.users
	grep -q '^b@x.example:other:' state.users
	[ "$(cat state.blocked)" = a@x.example ]
	cred-vault get mailbox/a@x.example | grep -q '^password='
	# mail is still held, by the one who holds it
	[ -e state.held ]
	[ -e case/steps/54_eradicate_cause/done ]
	grep -q 'me: her laptop' $where/journal.jsonl
	for i in case $where; do
		run -0 incident verify "$i"
	done
	jq -se 'map(.event) | index("cause.called") and index("cause.returned")' \
		case/journal.jsonl
	# what it prints is what goes on: to its end, with the mail still held
	run -0 "$QUELL_ROOT/playbooks/mailbox-compromise" --account a@x.example \
		--incident $where --apply --part-of case --owner-ready me
	[ -e state.held ]
	[ ! -e state.blocked ]
}

@test "a dry run only looks; without a vault it is locked all the same" {
	play 0 --incident case --way-in me
	[[ $output == *'mailbox-compromise: dry run'* ]]
	[ ! -e case/way-in ]
	grep -q '^a@x.example:old:' state.users
	unset QUELL_VAULT
	play 0 --apply --incident case --way-in me
	run -1 grep -q '^a@x.example:old:' state.users
}

@test "what cannot be locked is said, and the night goes on" {
	printf '#!/bin/sh\nexit 78\n' >bin/mailbox-lock
	play 0 --apply --incident case --way-in me
	[[ $output == *'mailbox-compromise ended with 78; this goes on without it'* ]] ||
		[[ $output == *'mailbox-compromise ended with 64; this goes on without it'* ]]
	[[ $output == *'a@x.example is NOT locked'*'--part-of case'* ]]
	[ ! -e case/steps/54_eradicate_cause/done ]
}

@test "nobody stands out in the queue: the log is asked, and nobody is locked" {
	: >case/facts/suspects.jsonl
	play 0 --apply --incident case --way-in me
	[[ $output == *'the log, and nothing else, names a@x.example:'* ]]
	[[ $output == *"--account 'a@x.example' --incident case/way-in/mailbox-a@x.example --apply --part-of case"* ]]
	grep -q '^a@x.example:old:' state.users
	[ ! -e state.blocked ]
	: >mainlog
	rm -r case/way-in
	play 0 --apply --incident case
	[[ $output == *'mailbox-compromise ended with 1;'* ]]
}

@test "a form or a script: its logs are read; with a word its user is stopped" {
	local web=case/way-in/web-site7
	echo '{"type":"queue-suspect","id":"user=site7","kind":"user","value":"site7","count":5,"where":"w","signals":[]}' \
		>case/facts/suspects.jsonl
	for n in {10..50}; do
		echo "site.test 203.0.113.66 - - [12/Nov/2026:03:00:$n +0000] \"POST /f.php HTTP/1.1\" 200 5 \"-\" \"curl/8\""
	done >access.log
	play 0 --apply --incident case --web-log "$PWD/access.log"
	[[ $output == *'web-form-abuse: 12_identify_users'*'done until 12'* ]]
	[[ $output == *'--way-in'* ]]
	[ ! -e state.blocked ]
	[ -e state.held ]
	play 0 --apply --incident case --web-log "$PWD/access.log" --way-in me
	[ "$(cat state.blocked)" = site7 ]
	[ "$(zcat $web/steps/30_preserve_logs/access-1.gz | wc -l)" = 41 ]
	[ -e state.held ]
	[ -e case/steps/54_eradicate_cause/done ]
}

@test "from the host itself: what it shows is kept, nothing is decided" {
	local host=case/way-in/host
	echo '{"type":"queue-suspect","id":"host=127.0.0.1","kind":"host","value":"127.0.0.1","count":5,"where":"w","signals":[]}' \
		>case/facts/suspects.jsonl
	printf '#!/bin/sh\necho %s\n' "'"'{"type":"smtp-proc","id":"4711","odd":true,"exe":"/dev/shm/k","why":"odd","does":"sends"}'"'" \
		>bin/smtp-procs
	printf '#!/bin/sh\n:\n' >bin/webroot-check
	printf '#!/bin/sh\n:\n' >bin/exim-creds
	chmod +x bin/*
	play 0 --apply --incident case --way-in me
	[[ $output == *'it is looked at, no more'*'/dev/shm/k'*'done until 33'* ]]
	[[ $output == *"host-compromise --incident case/way-in/host --apply --word"* ]]
	find $host/evidence | grep -q smtp-procs
	run -1 grep -q decision.containment $host/journal.jsonl
	# by hand it wants its word, as ever
	run -1 "$QUELL_ROOT/playbooks/host-compromise" --incident $host --apply
	[[ $output == *'nobody says that it is so: nothing is stopped'* ]]
}

ending() {	# FOLDER
	sed -E 's/\$6\$[^:]*/HASH/' state.users
	cat state.blocked
	[ -e state.held ]
	(cd "$1" && find . -name 'done' | sort)
	jq -r '.mailboxes[] | [.id, (.lock != ""), (.next != "")] | @tsv' \
		state/mailbox-lock.json
}

@test "killed at every step of it and of what it calls, it ends the same" {
	local rc=137 n=0 step
	play 0 --apply --incident case --way-in me
	ending case >whole
	rm -rf case state state.* vault incidents
	printf '%s\n' a@x.example:old: b@x.example:other: >state.users
	contained case
	mkdir killed all
	ln -s "$QUELL_B"/bin/* all/
	cp --remove-destination bin/* all/
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$PWD/all"
	export KILLER_INCIDENT=$PWD/case KILLER_DONE=$PWD/killed \
		KILLER_BIN=$PWD/all QUELL_LOCK_WAIT=60
	while [ "$rc" = 137 ] && [ "$n" -lt 60 ]; do
		rc=0
		PATH="$PWD/killer:$PATH" setsid -w "$PLAY" --from 54 --until 54 \
			--apply --incident case --way-in me </dev/null \
			>>play.out 2>&1 3>&- || rc=$?
		n=$((n + 1))
	done
	echo "killed $((n - 1)) times:" killed/*
	[ "$rc" = 0 ] || { cat play.out; false; }
	for step in 54_eradicate_cause \
		mailbox-a@x.example.{10_identify_queue,11_identify_log} \
		mailbox-a@x.example.{13_identify_access,14_identify_decide} \
		mailbox-a@x.example.{21_contain_account,32_contain_password} \
		mailbox-a@x.example.{33_contain_mailbox,34_contain_prove}; do
		[ -d "killed/$step.before" ] && [ -d "killed/$step.after" ]
	done
	ending case >killed.end
	diff whole killed.end
	run -0 incident verify $where
}
