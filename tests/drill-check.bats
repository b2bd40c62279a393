#!/usr/bin/env bats
# The judge of the drill can say no: a made-up night that is as it must be,
# and then each thing in it that could be wrong, one at a time.

# shellcheck disable=SC2030,SC2031
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	night
}

# Everything that check.py reads.  Times: notice 1000000, contained 1000030.
night() {
	mkdir -p emu/sent mx/spool/input mx/spool/case/input mx/log desk load
	local n
	for n in 1 2; do
		mail honest "honest-$n" NEWKEY $((1000100 + n)) "h$n"
		jq -nc --arg n "$n" '{headers: {"Message-ID": "<honest-\($n)>"}}'
	done >load/honest.jsonl
	mail spam spam-1 OLDKEY 1000010 s1
	spool case 1aaaaa-000001-AA spam spam-2
	printf '{"headers":{"Message-ID":"<spam-%s>"}}\n' 1 2 >load/spam.jsonl
	echo '1aaaaa <= a@b U=x' >mx/log/mainlog
	printf '%s\n' 'Message-ID: <notice@aws>' 'Reply-To: abuse@aws.test' '' \
		>notice.eml
	printf '%s\n' 'In-Reply-To: <notice@aws>' '' hello >desk/1.eml
	jq -nc '{time: 1000005, to: ["abuse@aws.test"], file: "1.eml"}' \
		>desk/log.jsonl
	for n in mailbox ses-smtp ses-api; do
		jq -nc --arg d "$n" '{door: $d, t: 1000001, ok: true},
			{door: $d, t: 1000040, ok: false}'
	done >attack.jsonl
	jq -nc '{regions: {a: {sending_enabled: true},
		b: {sending_enabled: false}}, users: {u: {keys: [
		{id: "OLDKEY", status: "Active"}]}}}' >before.json
	jq -c '.users.u.keys = [{id: "OLDKEY", status: "Inactive"},
		{id: "NEWKEY", status: "Active"}]' before.json >after.json
	journal mail.held ses-rotate.begin ses-rotate.proof mail.released \
		incident.answered
}

journal() {	# EVENT...
	local event
	rm -rf incident
	incident open --dir incident \
		<"$QUELL_ROOT/tests/data/report-initial.json" >/dev/null
	for event; do
		incident log incident --event "$event" >/dev/null
	done
	mkdir -p incident/steps/44_contain_prove
	date -u -d @1000030 +%FT%TZ >incident/steps/44_contain_prove/ended
}

mail() {	# KIND ID KEY TIME NAME
	printf 'Message-ID: <%s>\nX-Drill: %s\n\nx\n' "$2" "$1" \
		>"emu/sent/$5.eml"
	jq -nc --arg k "$3" --argjson t "$4" '{t: $t, key_id: $k}' \
		>"emu/sent/$5.json"
}

spool() {	# QUEUE MESSAGE KIND ID
	printf 'X-Drill: %s\nMessage-ID: <%s>\n' "$3" "$4" \
		>"mx/spool/$1${1:+/}input/$2-H"
}

judge() {
	python3 "$QUELL_ROOT/tests/drill/check.py" --emu emu --exim mx \
		--desk desk --incident incident --load load --notice notice.eml \
		--before before.json --after after.json --bin "$QUELL_B/bin" \
		--old-key OLDKEY --start 1000000 --attack-log attack.jsonl
}

# The fact is wrong, and no other; what is asked is part of its row.
wrong() {	# FACT
	run -1 judge
	[ "$(grep -c 'WRONG$' <<<"$output")" = 1 ] || { echo "$output"; false; }
	[[ $(grep 'WRONG$' <<<"$output") == "$1"* ]] || { echo "$output"; false; }
}

edit() {	# FILE FILTER
	jq -c "$2" "$1" >edited
	mv edited "$1"
}

@test "a night as it must be" {
	run -0 judge
	run -1 grep WRONG <<<"$output"
}

@test "two answers, none, or one to somebody else" {
	edit desk/log.jsonl '., .'
	run -1 judge
	[[ $output =~ "acknowledgements that AWS got"\ +2\ .*WRONG ]]
	edit desk/log.jsonl 'empty'
	run -1 judge
	[[ $output =~ "acknowledgements that AWS got"\ +0\ .*WRONG ]]
	[[ $output =~ "to acknowledged"\ +never ]]
	night
	edit desk/log.jsonl '.to = ["other@aws.test"]'
	wrong 'of them, answers'
}

@test "an answer in no thread" {
	echo hello >desk/1.eml
	wrong 'of them, answers'
}

@test "an answer that was late" {
	edit desk/log.jsonl '.time = 1000061'
	wrong 'seconds from notice to acknowledged'
}

@test "an honest message lost" {
	rm emu/sent/h2.*
	run -1 judge
	[[ $output =~ "honest messages delivered "\ *1\ .*WRONG ]]
	[[ $output =~ "to recovered"\ +never ]]
}

@test "an honest message twice" {
	mail honest honest-1 NEWKEY 1000103 again
	wrong 'honest messages delivered twice'
}

@test "an honest message in quarantine" {
	spool case 1bbbbb-000001-AA honest honest-9
	wrong 'honest messages in quarantine'
}

@test "no honest mail at all is no proof" {
	: >load/honest.jsonl
	run -1 judge
	[[ $output =~ "honest messages sent in"\ +0\ .*WRONG ]]
}

@test "a bounce" {
	echo '1ccccc <= <> R=1aaaaa' >>mx/log/mainlog
	wrong 'bounces made'
}

@test "an address that failed" {
	echo '1aaaaa ** x@y: no' >>mx/log/mainlog
	wrong 'addresses that failed'
}

@test "spam delivered after containment" {
	mail spam spam-1 OLDKEY 1000033 s1
	wrong 'spam delivered after containment'
}

@test "spam left in the queue" {
	spool '' 1ddddd-000001-AA spam spam-2
	wrong 'spam left in the queue'
}

@test "no spam in quarantine; spam that was destroyed" {
	rm mx/spool/case/input/*-H
	run -1 judge
	[[ $output =~ "spam in quarantine"\ +0\ .*WRONG ]]
	[[ $output =~ "spam that is nowhere"\ +1\ .*WRONG ]]
}

@test "the attacker gets in after, never was in, or stopped trying" {
	for door in mailbox ses-smtp ses-api; do
		night
		edit attack.jsonl "if .door == \"$door\" then .ok = true else . end"
		wrong "attacker got in by $door after"
		night
		edit attack.jsonl "if .door == \"$door\" then .ok = false else . end"
		wrong "attacker got in by $door before"
		night
		edit attack.jsonl "select(.door != \"$door\" or .ok)"
		wrong "attacker still tried $door after"
	done
}

@test "a region that stayed paused; one that was switched on" {
	edit after.json '.regions.a.sending_enabled = false'
	wrong 'regions sending otherwise than before'
	night
	edit after.json '.regions.b.sending_enabled = true'
	run -1 judge
	[[ $output =~ "regions sending otherwise than before"\ +1\ .*WRONG ]]
	[[ $output =~ "regions that were off and stayed off"\ +0\ .*WRONG ]]
}

@test "the stolen key is active, or gone" {
	edit after.json '.users.u.keys[0].status = "Active"'
	wrong 'stolen key'
	edit after.json '.users.u.keys |= .[1:]'
	wrong 'stolen key'
}

@test "no new key, or two" {
	edit after.json '.users.u.keys += [{id: "X", status: "Active"}]'
	wrong 'new keys'
	edit after.json '.users.u.keys |= .[:1]'
	run -1 judge
	[[ $output =~ "new keys"\ +0\ .*WRONG ]]
}

@test "honest mail went with the old key" {
	mail honest honest-1 OLDKEY 1000101 h1
	mail honest honest-2 OLDKEY 1000101 h2
	wrong 'new key delivers'
}

@test "the key was touched before the hold; released before the proof" {
	journal ses-rotate.begin mail.held ses-rotate.proof mail.released \
		incident.answered
	wrong 'held before the key was touched'
	journal ses-rotate.begin ses-rotate.proof mail.released \
		incident.answered
	wrong 'held before the key was touched'
	journal mail.held ses-rotate.begin mail.released ses-rotate.proof \
		incident.answered
	wrong 'released after the new key was proven'
}

@test "an answer that nobody knows to have arrived" {
	journal mail.held ses-rotate.begin ses-rotate.proof mail.released
	wrong 'the incident knows that AWS has the answer'
}

@test "a journal that was edited" {
	sed -i '2s/mail.held/mail.HELD/' incident/journal.jsonl
	run -1 judge
	[[ $output =~ "journal verifies"\ +[1-9].*WRONG ]]
}

@test "contained late, or never" {
	date -u -d @1000061 +%FT%TZ >incident/steps/44_contain_prove/ended
	run -1 judge
	[[ $output =~ "notice to contained"\ +61\ .*WRONG ]]
	rm incident/steps/44_contain_prove/ended
	run -1 judge
	[[ $output =~ "notice to contained"\ +never\ .*WRONG ]]
}

@test "recovered late" {
	mail honest honest-2 NEWKEY 1000301 h2
	wrong 'seconds from notice to recovered'
}
