#!/usr/bin/env bats
# playbooks/ip-blocklisted: nothing is asked of a list while spam leaves; the
# letters; killed and started again; until nothing is left

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/dns

PLAY=$QUELL_ROOT/playbooks/ip-blocklisted
IP=203.0.113.25

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents TZ=UTC
	zones answer
	fakedns_start dns zones.json --default nxdomain
	printf '%s\n' $'bl.test\t4\tblack\t1\t.0.2=spam source\t-\tstd\thttps://bl.test/remove' \
		$'other.test\t4\tblack\t2' >lists.tsv
	: >mainlog
	refused "$(date -u +%F)" 10:00:00
	# a mail host: two programs of it, and its log
	mkdir host
	printf '#!/bin/sh\ncat "%s/suspects"\n' "$PWD" >host/exim-queue
	printf '#!/bin/sh\necho "{\\"type\\":\\"mail-hold\\",\\"id\\":\\"h\\",\\"held\\":$(cat "%s/held")}"\n' \
		"$PWD" >host/exim-hold
	chmod +x host/*
	: >suspects
	echo false >held
	export QUELL_MAILHOST_CMD="env PATH=$PWD/host:$PATH"
	args=(--address "$IP" --resolver "127.0.0.1:$(dns_port dns)"
		--blocklist-zones "$PWD/lists.tsv" --log "$PWD/mainlog"
		--since 30d --dnsbl-option=--force --dnsbl-option=--retest)
}

teardown() {
	[ ! -d dns ] || dns_stop dns
}

zones() {	# answer: bl.test has the address; clean: nobody has
	local here='[["A", "127.0.0.2"], ["TXT", "spam seen, see https://bl.test/"]]'
	[ "$1" = answer ] || here='[]'
	jq -n --argjson here "$here" '{"bl.test": {ttl: 0, records: ({"2.0.0.127":
		[["A", "127.0.0.2"]]} + if $here == [] then {} else
		{"25.113.0.203": $here} end)},
		"other.test": {ttl: 0, records: {"2.0.0.127": [["A", "127.0.0.2"]]}}}' \
		>zones.new
	mv zones.new zones.json
}

refused() {	# DATE TIME
	printf '%s %s 1xUtVi-0006tA-0D ** a@hotmail.com R=d T=s H=hotmail-com.olc.protection.outlook.com [192.0.2.7]: SMTP error from remote mail server after MAIL FROM:<x@y.example>: 550 5.7.1 Unfortunately, messages from [%s] were not sent. Please contact your Internet service provider since part of their network is on our block list (S3140).\n' \
		"$1" "$2" $IP >>mainlog
}

taken() {	# DATE TIME
	printf '%s %s 1xUtVj-0006tA-0D => a@hotmail.com R=d T=s H=hotmail-com.olc.protection.outlook.com [192.0.2.7] C="250 ok"\n' \
		"$1" "$2" >>mainlog
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" "${args[@]}" "$@"
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
	[[ $letter == *'Cause: a stolen mailbox password'* ]]
	[[ $letter == *'all outbound mail of the host was held'* ]]
	[[ $letter == *'the abuse was stopped'*'delivery of outbound mail resumed'* ]]
	# what failed is not said
	[[ $letter != *'taken out of the queue'* ]]
	[[ $letter == *'spam seen, see'*'NOC <noc@shop.example>'* ]]
	[[ $letter != *'['*']'* ]]
	letter=$(cat $l/02-outlook.txt)
	[[ $letter == *olcsupport*'is refused'*'550 5.7.1 Unfortunately'*'(They ask for: '* ]]
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
	jq -se 'any(.event == "blocklist.clean")' case/journal.jsonl
	run -0 incident verify case
	# a list that does not tell is not a clean one
	jq '.["bl.test"].mode = "servfail"' zones.json >z && mv z zones.json
	rm case/steps/52_recover_watch/done
	play 1 --apply --incident case
	[[ $output == *'some lists did not tell'* ]]
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

@test "killed at every step, the end is the same" {
	local rc=137 n=0
	taken "$(date -u +%F)" 11:00:00
	mkdir killed
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$QUELL_B/bin"
	export KILLER_INCIDENT=$PWD/case KILLER_DONE=$PWD/killed \
		KILLER_BIN=$QUELL_B/bin QUELL_LOCK_WAIT=20
	while [ "$rc" = 137 ] && [ "$n" -lt 30 ]; do
		rc=0
		PATH="$PWD/killer:$PATH" setsid -w "$PLAY" "${args[@]}" --apply \
			--incident case </dev/null >>play.out 2>&1 3>&- || rc=$?
		n=$((n + 1))
	done
	[ "$rc" = 1 ] || { cat play.out; false; }
	echo "killed $((n - 1)) times at: $(ls killed)"
	[ "$n" -gt 8 ]
	zones clean
	play 0 --apply --incident case
	run -0 incident verify case
	[ "$(find case/steps/51_recover_letters/letters -type f | wc -l)" = 1 ]
	[ "$(jq -s 'map(select(.event == "incident.opened")) | length' \
		case/journal.jsonl)" = 1 ]
}
