#!/usr/bin/env bats
# playbooks/ip-blocklisted: nothing is asked of a list while spam leaves; the
# letters; until nothing is left

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/blocklisted

setup() {
	blocklisted_world
}

teardown() {
	[ ! -d dns ] || dns_stop dns
}

suspect() {
	jq -nc '{type: "queue-suspect", id: "account=p@shop.example", kind: "account",
		value: "p@shop.example", count: 70, signals: [{signal: "rush",
		found: 70}], where: "x", command: "x"}' >suspects
}

step() {	# STEP FILE
	cat "case/steps/$1/$2"
}

@test "a dry run looks and shows the letters, and keeps nothing" {
	play 0
	[[ $output == *"listed:"*"$IP  bl.test"* ]]
	[[ $output == *'Outlook.com'*'block list'* ]]
	[[ $output == *"Removal of $IP from bl.test"* ]]
	[[ $output == *'To: https://olcsupport.office.com/'* ]]
	[ ! -e case ]
	[ ! -e incidents ]
}

@test "spam that still leaves: 1, and nobody is asked; a person's word goes on" {
	suspect
	play 1 --apply --incident case
	[[ $output == *'spam is in the queue'*--cause-fixed* ]]
	[ ! -e case/steps/50_recover_delist ]
	# the same when it is held: what is held leaves one day
	echo true >held
	play 1 --apply --incident case
	[[ $output == *'outbound mail is held'* ]]
	play 1 --apply --incident case --cause-fixed 'me: that is a newsletter'
	[ -s case/steps/50_recover_delist/todo.jsonl ]
	jq -se 'any(.event == "cause.proven" and
		.data.word == "me: that is a newsletter" and
		.data.doubts == ["spam is in the queue"])' case/journal.jsonl
	# and the gate is looked at anew each time
	play 1 --apply --incident case
	[[ $output == *'spam is in the queue'* ]]
	# providers are not told what is not so
	run ! grep -r 'shows no spam' case/steps/51_recover_letters/letters
	: >suspects
	play 1 --apply --incident case
	[[ $output == *'are left: start again'* ]]
}

@test "an incident that is not contained: nobody is asked" {
	incident open --dir case <"$QUELL_ROOT/tests/data/report-initial.json" \
		>/dev/null
	play 1 --apply --incident case
	[[ $output == *'the incident is not contained'* ]]
	incident log case --event incident.contained stopped >/dev/null
	play 1 --apply --incident case
	[ -s case/steps/50_recover_delist/todo.jsonl ]
}

@test "letters say what the journal knows; what it does not is in brackets" {
	incident open --dir case <"$QUELL_ROOT/tests/data/report-initial.json" \
		>/dev/null
	for e in 'exim-hold.begin {"args":[]}' 'exim-hold.end {"exit":0}' \
		'exim-queue-purge.begin {"args":["x"]}' 'exim-queue-purge.end {"exit":1}' \
		'incident.contained {}' 'exim-hold.begin {"args":["--release"]}' \
		'exim-hold.end {"exit":0}'; do
		incident log case --event "${e%% *}" --data "${e#* }" </dev/null \
			>/dev/null
	done
	play 1 --apply --incident case --cause 'a stolen mailbox password' \
		--contact 'NOC <noc@shop.example>'
	l=case/steps/51_recover_letters/letters
	[ "$(find $l -type f | wc -l)" = 2 ]
	letter=$(cat $l/01-bl.test.txt)
	[[ $letter == *'To: https://bl.test/remove'*"Addresses: $IP"* ]]
	[[ $letter == *'in your list bl.test (spam source).'* ]]
	[[ $letter == *'the queue shows no spam any more'* ]]
	[[ $letter == *'Cause: a stolen mailbox password'* ]]
	[[ $letter == *'all outbound mail of the host was held'* ]]
	[[ $letter == *'the abuse was stopped'*'delivery of outbound mail resumed'* ]]
	# what failed is not said
	[[ $letter != *'taken out of the queue'* ]]
	[[ $letter == *'spam seen, see'*'NOC <noc@shop.example>'* ]]
	[[ $letter != *'['*']'* ]]
	letter=$(cat $l/02-outlook.txt)
	[[ $letter == *olcsupport*'is refused'*'550 5.7.1 Unfortunately'*'(They ask for: '* ]]
	# what cannot be read is not taken for nothing to write
	echo '{' >case/steps/50_recover_delist/todo.jsonl
	rm case/steps/51_recover_letters/done
	run "$PLAY" "${args[@]}" --apply --incident case --from 51
	[ "$status" -gt 1 ]
	[[ $output != *'0 letters'* ]]
	# nothing of it is known in an incident of its own
	play 1 --apply --incident other
	[[ $output == *'fill in what is in brackets'* ]]
	grep -q '^Cause: \[' other/steps/51_recover_letters/letters/01-bl.test.txt
}

@test "until nothing is left: 1 while listed or refused, then 0, and done is done" {
	play 1 --apply --incident case
	[[ $output == *'1 listings and 1 refusals are left'* ]]
	zones clean
	play 1 --apply --incident case
	[[ $output == *'10_identify_lists: done before'* ]]
	[[ $output == *'50_recover_delist: done before'* ]]
	[[ $output == *'0 listings and 1 refusals are left'* ]]
	taken "$(date -u +%F)" 11:00:00
	play 0 --apply --incident case
	[[ $output == *'- nowhere'*'- by nobody'* ]]
	run -0 incident verify case
	# a list that does not tell is not a clean one
	jq '.["bl.test"].mode = "servfail"' zones.json >z && mv z zones.json
	rm case/steps/52_recover_watch/done
	play 1 --apply --incident case
	[[ $output == *'some lists did not tell'* ]]
	[ "$(jq -s 'map(select(.event == "blocklist.clean")) | length' \
		case/journal.jsonl)" = 1 ]
}

@test "how the mail is authenticated: found, told, kept" {
	play 0 --domain shop.test --sender-option=--selector=s1
	[[ $output == *"fail: shop.test spf-address: mail from $IP gets fail"* ]]
	[[ $output == *"publish: shop.test. IN TXT \"v=spf1 ip4:$IP ip4:192.0.2.1 ~all\""* ]]
	[[ $output == *"fail: $IP rdns: "* ]]
	play 1 --apply --incident case --domain shop.test --domain bl.test
	json_is "$(jq -s . case/steps/11_identify_posture/posture.jsonl)" '
		map(.id) | index("shop.test") and index("bl.test")'
	find case/evidence -type f -name '*posture*' | grep -q .
	# and what it says stops nothing
	[ -s case/steps/50_recover_delist/todo.jsonl ]
	play 0
	[[ $output == *'no --domain: how the mail is authenticated'* ]]
}

@test "not to be told of refusals is not to have none" {
	zones clean
	# held: nothing is tried
	echo true >held
	taken "$(date -u +%F)" 11:00:00
	play 1 --apply --incident case
	[[ $output == *'who refuses is not known: outbound mail is held'* ]]
	[[ $(step 60_report report.md) == *$'## Still refused\n- outbound mail is held'* ]]
	echo false >held
	# the log that was rotated still counts, also while there is no new one
	refused "$(date -u +%F)" 12:00:00
	mv mainlog mainlog.1
	play 1 --apply --incident case
	[[ $output == *'0 listings and 1 refusals are left'* ]]
	mv mainlog.1 gone
	play 1 --apply --incident case
	[[ $output == *'who refuses is not known: the log was not read'* ]]
	run ! grep blocklist.clean case/journal.jsonl
	taken "$(date -u +%F)" 13:00:00
	play 0 --apply --incident case
}

@test "watching: it ends by itself when the last list lets go" {
	taken "$(date -u +%F)" 11:00:00
	"$PLAY" "${args[@]}" --apply --incident case --watch-for 120s --every 1s \
		>out 2>&1 </dev/null 3>&- &
	pid=$!
	peers_wait 60 grep -q '"listed"' case/steps/52_recover_watch/listings.jsonl ||
		{ cat out; false; }
	zones clean
	wait "$pid" || { cat out; false; }
	grep -q -- '- nowhere' out
}

@test "without a log, a zone table, an address" {
	run -64 "$PLAY" --apply --incident case
	[[ $output == *'--address says which'* ]]
	args=("${args[@]/$PWD\/mainlog/$PWD\/nothing}")
	play 1 --apply --incident case
	[[ $output == *'what providers say is not known'* ]]
	[ -s case/steps/50_recover_delist/todo.jsonl ]
	args=("${args[@]/$PWD\/lists.tsv/$PWD\/nothing}")
	play 66 --apply --incident case2
}
