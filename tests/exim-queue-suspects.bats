#!/usr/bin/env bats
# exim-queue --suspects: who is named, who is not, and what the selection takes
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell
load lib/spool

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	export LC_ALL=C.UTF-8
}

crowd() {	# THIEF [option...]
	local thief=$1
	shift
	rm -rf sp
	python3 "$BATS_TEST_DIRNAME/lib/spool_crowd.py" sp --thief "$thief" \
		--list kinds "$@"
}

suspects() {
	run -0 --separate-stderr exim-queue --spool sp --suspects
	printf '%s\n' "$output" >who.out
}

# what a selection takes, by kind
taken() {	# WHERE
	exim-queue --spool sp --where "$1" | jq -r .id | sort >ids
	sort kinds | join - ids | cut -d' ' -f2 | sort | uniq -c |
		sed 's/^ *//' | paste -sd,
}

# ID of the only one who is named, and his selection takes the spam and
# nothing else
named() {	# ID COUNT
	suspects
	[ "$(jq -r .id who.out)" = "$1" ] || { cat who.out; return 1; }
	where=$(jq -r .where who.out)
	[ "$(taken "$where")" = "$2 spam" ] || {
		echo "$where"; taken "$where"; return 1; }
	jq -e --argjson n "$2" '.selected == $n and .type == "queue-suspect" and
		.left == .count - $n and (.signals | length >= 2) and
		all(.signals[]; .found >= .threshold and
		(.what | length > 0))' who.out >/dev/null
}

@test "people, a newsletter, a mailing list and a shop: nobody" {
	crowd none
	suspects
	[ ! -s who.out ] || [ -z "$(<who.out)" ]
	# the list that was passed over is said
	[[ $stderr == *'newsletter@firm.example, 400 messages'* ]]
}

@test "fewer than 100 messages from each of many addresses" {
	crowd hosts --count 90
	named account=billing@firm.example 90
	jq -e '[.signals[].signal] | index("networks") and
		index("same-subject")' who.out
	jq -e '.senders == 1 and .hosts >= 60 and .recipients == 102' who.out
}

@test "through the webmail on 127.0.0.1 that the owner uses, too" {
	crowd webmail --count 90
	named account=billing@firm.example 90
	[[ $where == *127.0.0.1*subject* ]]
	# also few, also many
	crowd webmail --count 45
	named account=billing@firm.example 45
	crowd webmail --count 900
	named account=billing@firm.example 900
}

@test "one address, forged senders, a dropped script, no login, local mail" {
	crowd flood --count 200
	named account=billing@firm.example 200
	jq -e '[.signals[].signal] | index("senders")' who.out
	crowd script
	named script=33:x.php 90
	jq -e '.through == "www-data" and
		([.signals[].signal] | index("eval"))' who.out
	crowd relay
	named host=127.0.0.1 90
	crowd local
	named user=www-data 90
}

@test "people who write much are not named; the thief among them is" {
	crowd none --each 30
	suspects
	[ -z "$(<who.out)" ]
	crowd webmail --each 30 --count 90
	named account=billing@firm.example 90
}

@test "the command is ready for a shell" {
	crowd hosts
	suspects
	command=$(jq -r .command who.out)
	[[ $command == 'exim-queue-purge -n --where '* ]]
	run -0 --separate-stderr bash -c "$command --spool sp"
	[ "$(jq -s 'map(select(.dry_run)) | length' <<<"$output")" = 90 ]
	# a name that a shell would see something in
	rm -rf sp
	for n in {10..59}; do
		msg sp "1xUnbl-0004$n-1l" auth="o'brien\$(touch pwned)\"" \
			to="a@d$n.example" subject="It's \`touch pwned\` ($n)" \
			vars='-host_auth PLAIN' sender="s$n@e$n.example"
	done
	suspects
	command=$(jq -r .command who.out)
	run -0 --separate-stderr bash -c "$command --spool sp"
	[ "$(jq -s length <<<"$output")" = 50 ]
	[ ! -e pwned ]
}

@test "subjects that no pattern could hold are still taken" {
	local n
	for n in {10..59}; do
		msg sp "1xUnbl-0004$n-1l" auth=b@v.example host=127.0.0.1 \
			to="a@d$n.example" vars='-host_auth PLAIN' \
			subject=$'W\xfcrg [x](y) $ \\E.* \t '"$n"
	done
	for n in {10..14}; do
		msg sp "1xUnbm-0004$n-1l" auth=b@v.example host=127.0.0.1 \
			vars='-host_auth PLAIN' subject="Hello $n$n you"
		msg sp "1xUnbn-0004$n-1l" auth=c@v.example subject="x" \
			vars='-host_auth PLAIN'
		msg sp "1xUnbo-0004$n-1l" auth="d$n@v.example" subject="y" \
			vars='-host_auth PLAIN'
	done
	suspects
	[ "$(jq -r .id who.out)" = account=b@v.example ]
	jq -e '.selected == 50 and .left == 5' who.out
	[ "$(exim-queue --spool sp --where "$(jq -r .where who.out)" | wc -l)" = 50 ]
}

@test "the big flood with bounces and half honest names" {
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 4000 \
		--list kinds >counts
	suspects
	[ "$(jq -r .id who.out)" = account=billing@victim.example ]
	jq -e '[.signals[].signal] | index("bounces") and index("senders")' who.out
	[ "$(taken "$(jq -r .where who.out)")" = "$(jq .spam counts) spam" ]
	jq -e --slurpfile c counts '.share > 0.7 and .share < 0.9 and
		.bounces == $c[0].bounce' who.out
}

@test "a list that gets bounces, or speaks for others, is no list" {
	crowd none
	for n in $(seq 100 160); do
		msg sp "1xUnbp-000$n-1l" sender= to=newsletter@firm.example
	done
	suspects
	[ "$(jq -r .id who.out)" = account=newsletter@firm.example ]
	jq -e '[.signals[].signal] | index("bounces")' who.out
}

@test "two networks and another's List-Unsubscribe are no list" {
	crowd list
	named account=sales@firm.example 90
}

@test "a list of the sender's own domain may come from two networks" {
	crowd own-list
	suspects
	[ -z "$(<who.out)" ]
	[[ $stderr == *'sales@news.firm.example, 93 messages'* ]]
}

@test "usage, and a selection beforehand" {
	crowd flood
	run -64 exim-queue --spool sp --suspects --top host
	run -64 exim-queue --spool sp --suspects --limit 3
	run -0 --separate-stderr exim-queue --spool sp --suspects \
		--auth-user nobody@x.example
	[ -z "$output" ]
	run -0 exim-queue --spool sp --suspects -o table
	[[ $output == *SUSPECT*WHERE* ]]
}
