#!/usr/bin/env bats
# playbooks/mailbox-compromise: what the log says, and locks that are half one
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/mailbox_world

PLAY=$QUELL_ROOT/playbooks/mailbox-compromise

setup() {
	mailbox_setup
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" --log "$PWD/mainlog" "$@"
}

@test "the log names it: since when, from where, who else, kept before all" {
	mailbox_log a@x.example 11 >mainlog
	# somebody else's, from one of these places
	echo '2026-11-12 04:00:00 1x900b-00000000900-0001 <= b@x.example H=([9.9.9.9]) [11.0.0.77]:4711 P=esmtpsa A=plain:b@x.example S=900 id=b T="hello" for v@d.example' >>mainlog
	play 0
	[[ $output == *'log: compromised, '*' account a@x.example'* ]]
	[[ $output == *"$PWD/mainlog:"*': 2026-11-1'*'<= a@x.example'* ]]
	[[ $output == *11.0.0.5/24* ]]
	[[ $output != *9.9.9.9* ]]
	[[ $output == *'since 2026-11-11T03:'* ]]
	[[ $output == *'also b@x.example, since 2026-11-12T04:00:00Z'* ]]
	[ ! -e state.blocked ]
	play 0 --apply --incident case
	[ "$(cat state.blocked)" = a@x.example ]
	run -1 grep -q '^a@x.example:old:' state.users
	grep -q '^b@x.example:other:' state.users
	# its lines are in the incident before anything is done
	run -0 jq -r '.event, (.data.file // empty)' case/journal.jsonl
	[[ ${output%%exim-hold.begin*} == *log-suspects.jsonl*same-networks.jsonl* ]]
	jq -se 'any(.id == "a@x.example" and ([.signals[].evidence[]] | length > 5))' \
		case/facts/log-suspects.jsonl
	jq -se 'any(.event == "decision.containment" and .data.shown_by == "log")' \
		case/journal.jsonl
	# another run asks the log no more: what was seen then counts
	: >mainlog
	play 0 --apply --incident case --owner-ready me
	[ ! -e state.blocked ]
}

@test "more than was asked for: a command line each, nobody is stopped" {
	{
		mailbox_log a@x.example 11
		mailbox_log "o'b@x.example" 60
	} >mainlog
	play 1 --apply --incident case
	[[ $output == *'nothing is stopped'* ]]
	[[ $output == *"mailbox-compromise --account 'a@x.example' --incident $PWD/case-mailbox-a@x.example --apply"* || \
		$output == *"mailbox-compromise --account 'a@x.example' --incident case-mailbox-a@x.example --apply"* ]]
	[[ $output == *"--account 'o'\\''b@x.example'"* ]]
	[ ! -e state.blocked ] && [ ! -e state.held ]
	# the person says which: it alone, on the log's word
	play 0 --apply --incident case --account a@x.example
	[ "$(cat state.blocked)" = a@x.example ]
	[[ $output == *"stands out, too: account o'b@x.example"* ]]
	# the same folder is not for another one
	play 64 --apply --incident case --account b@x.example
	[[ $output == *'that is the incident of a@x.example'* ]]
	play 0 --apply --incident case --account A@x.example
	# the queue's goes before the log's
	echo b@x.example >in-queue
	rm -f state.purged
	play 0
	[[ $output == *'the log does not name b@x.example'* ]]
	[[ $output == *'stands out, too: account a@x.example'* ]]
}

@test "no log, a broken one, no such command: said, and nothing waits for it" {
	echo a@x.example >in-queue
	rm mainlog
	run -0 "$PLAY"
	[[ $output == *'no log found there: --log says which'* ]]
	play 0
	[[ $output == *'maillog-suspects: exit 66'* ]]
	printf '#!/bin/sh\nexit 127\n' >bin/maillog-suspects
	chmod +x bin/maillog-suspects
	play 0 --apply --incident case
	[[ $output == *'maillog-suspects: exit 127: what the log says is not known'* ]]
	[ "$(cat state.blocked)" = a@x.example ]
}

@test "the host's own settings say where the logs are, rotated ones, too" {
	mailbox_log a@x.example 11 >mainlog
	head -n 200 mainlog | gzip >mainlog.2.gz
	sed -n 201,230p mainlog >mainlog.1
	sed -i 1,230d mainlog
	run -0 "$PLAY"
	[[ $output == *'compromised'*' account a@x.example'*"$PWD/mainlog.2.gz:"* ]]
	[[ $output == *'248 messages'* ]]
}

@test "a list that locks it is enough; it is undone, whatever the person said" {
	export MAILBOX_DENY=yes
	echo a@x.example >in-queue
	: >state.deny
	# its password is in SQL: locked all the same, and no word is asked for
	play 0 --apply --incident case
	[[ $output == *'locked true'*'its password is kept where'* ]]
	[[ $output == *'it is not in force: set it where its password is kept'* ]]
	[ "$(cat state.deny)" = a@x.example ]
	run -1 grep -q locked-by-hand case/journal.jsonl
	play 0 --apply --incident case --locked 'me: in SQL, too' --owner-ready me
	[ ! -s state.deny ]
	[ ! -e state.blocked ]
	grep -q mailbox.returned case/journal.jsonl
}

@test "a person's word for the lock holds in the next run, which undoes nothing" {
	echo a@x.example >in-queue
	printf '#!/bin/sh\nexit 78\n' >bin/mailbox-lock
	play 64 --apply --incident case --no-password
	[[ $output == *--locked* ]]
	printf '#!/bin/sh\nexit 75\n' >bin/exim-queue-purge
	QUELL_RETRIES=1 play 75 --apply --incident case --no-password \
		--locked 'me: in SQL'
	rm case/steps/34_contain_prove/done
	printf '#!/bin/sh\n: >"$QUELL_STATE_DIR.purged"\n' >bin/exim-queue-purge
	play 0 --apply --incident case --no-password
	[[ $output == *'unlock it where it was locked: me: in SQL'* ]]
	play 0 --apply --incident case --owner-ready me
	run -1 grep -q '"mailbox-lock.begin".*--undo' case/journal.jsonl
}

@test "--no-password: not the one that an earlier run made" {
	echo a@x.example >in-queue
	mv bin/mailbox-lock bin/mailbox-lock.real
	printf '#!/bin/sh\ncase $* in *--new-password*) ;; *) [ -e ready ] || exit 78 ;; esac\nexec "${0%%/*}/mailbox-lock.real" "$@"\n' \
		>bin/mailbox-lock
	chmod +x bin/mailbox-lock
	play 64 --apply --incident case
	jq -e .hash case/steps/32_contain_password/password.jsonl
	: >ready
	play 0 --apply --incident case --no-password
	jq -e '.locked and .new_password == false' \
		case/steps/33_contain_mailbox/mailbox.jsonl
}

@test "a part of another incident: kept, held and released by that one" {
	mailbox_log a@x.example 11 >mainlog
	echo '{"type":"report","id":"r1","activity":"spam","stage":"initial"}' |
		incident open --dir whole >/dev/null
	mkdir whole/steps
	play 64 --apply --incident case --part-of nowhere
	play 0 --apply --incident case --part-of whole --until 34
	[[ $output == *'released by the playbook of '*/whole*'done until 34'* ]]
	[ ! -e case/steps/40_eradicate_quarantine ]
	[ ! -e case/steps/30_preserve_queue/queue.jsonl ]
	# it is a part in the next run, too, and leaves the hold to that one
	: >state.held
	play 0 --apply --incident case
	[ -e state.held ]
	[ -e case/steps/50_recover_release/done ]
}
