#!/usr/bin/env bats
# dnsbl-check: domains and networks, access keys, what lists allow, their own
# name servers, and what one run tells the next.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/dns
load lib/dnsbl_world

setup_file() {
	export DNS=$BATS_FILE_TMPDIR/dns
	mkdir -p "$DNS"
	jq -n '
	def good($more): {records: ({"2.0.0.127": [["A","127.0.0.2"]]} + $more)};
	def dom($more): {records: ({"test": [["A","127.0.0.2"]]} + $more)};
	{
	"bl.test": good({"10.2.0.192": [["A","127.0.0.2"],["TXT","seen"]]}),
	"clean.test": good({}),
	"zen.test": good({"10.2.0.192": [["A","127.0.0.2"],["A","127.0.0.10"],
	    ["TXT","both"]], "11.2.0.192": [["A","127.0.0.10"]]}),
	"sbl.test": {mode: "servfail"},
	"silent.test": {mode: "drop"},
	"dom.test": dom({"bad.example.com": [["A","127.0.0.2"]],
	    "xn--bcher-kva.example.net": [["A","127.0.0.2"]]}),
	"reg.test": dom({"example.co.uk": [["A","127.0.0.2"]]}),
	"hash.test": {records: {"7197f75b9213873c4679bfcb982a00943fc0ffb3": [["A","127.0.0.2"]]}},
	"secretkey123.keyed.test": good({"10.2.0.192": [["A","127.0.0.2"],
	    ["TXT","see https://x.test/?k=SECRETKEY123"]]}),
	"keyed.test": {mode: "refused"}
	}' >"$DNS/zones.json"
	fakedns_start "$DNS/fake" "$DNS/zones.json"
	# one that shuts us out as a resolver, while the list would answer
	jq -n '{
	"shut.test": {records: {"@": [["NS","ns.shut.test"]],
	    "*": [["A","127.255.255.254"]]}},
	"ns.shut.test": {records: {"@": [["A","127.0.0.1"]]}},
	"world.test": {mode: "refused"},
	"open.test": {mode: "servfail"}}' >"$DNS/shut.json"
	jq -n '{"shut.test": {records: {"2.0.0.127": [["A","127.0.0.2"]],
	    "10.2.0.192": [["A","127.0.0.2"],["TXT","from the list itself"]]}}}' \
	    >"$DNS/own.json"
	fakedns_start "$DNS/shut" "$DNS/shut.json"
	fakedns_start "$DNS/own" "$DNS/own.json"
	PORT=$(dns_port "$DNS/fake")
	export PORT
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state XDG_CONFIG_HOME=$PWD/config
	R=(--resolver "127.0.0.1:$PORT" -t 20 --force)
	: >"$DNS/fake/log.jsonl"
}

# asked [NAME-PATTERN]: about how many names the server was asked (a question
# may come twice when the machine is slow). A list that is tested again adds
# one, its random name.
asked() {
	jq -s --arg n "${1-.}" 'map(select(.type == "A" and
	    (.name | test($n))) | .name) | unique | length' \
	    "$DNS/fake/log.jsonl"
}

# same_day: the day of the limits (UTC) does not end in the next minute
same_day() {
	local left=$((86400 - EPOCHSECONDS % 86400))
	[ "$left" -gt 60 ] || sleep "$left"
}

# taken ZONE: of how many questions the state knows
taken() {
	awk -F'\t' -v z="$1" '$1 == "u" && $2 == z { print $4 }' \
		state/dnsbl.state
}

@test "domains: whole, registered, beyond ASCII; never to lists of addresses" {
	printf '%s\n' $'dom.test\td' $'reg.test\td\tblack\t1\t*=listed\t-\tstd\t-\t-\t-\tregistered' \
		bl.test >z
	run -1 --separate-stderr check --zones z Bad.Example.Com.
	[ "$(field dom.test .verdict)" = listed ]
	[ "$(field dom.test .id)" = bad.example.com ]
	[ -z "$(field bl.test .verdict)" ]
	run -0 --separate-stderr check --zones z 192.0.2.11
	[ "$(jq -r .zone <<<"$output")" = bl.test ]
	# named, it is said
	run -0 --separate-stderr check --zones z --zone dom.test 192.0.2.11
	[ "$(field dom.test '.verdict + " " + .why')" = "not-covered no-ipv4" ]
	if dnsbl-check --version | grep -q libpsl; then
		run -1 --separate-stderr check --zones z --zone reg.test \
			a.b.example.co.uk
		[ "$(field reg.test '.verdict + " " + .asked')" = \
		    "listed example.co.uk" ]
		run -0 --separate-stderr check --zones z --zone reg.test co.uk
		[ "$(field reg.test .why)" = public-suffix ]
	else
		run -75 --separate-stderr check --zones z --zone reg.test \
			a.b.example.co.uk
		[ "$(field reg.test .why)" = no-psl ]
	fi
	if dnsbl-check --version | grep -q libidn2; then
		run -1 --separate-stderr check --zones z --zone dom.test \
			bücher.example.net
		[ "$(field dom.test .id)" = xn--bcher-kva.example.net ]
	else
		run -65 --separate-stderr check --zones z --zone dom.test \
			bücher.example.net
		[[ $stderr == *libidn2* ]]
	fi
}

@test "a mail address is asked about by its hash" {
	printf 'hash.test\th\tblack\t1\t*=listed\t-\tnone\n' >z
	run -1 --separate-stderr check --zones z Me@Example.com
	[ "$(field hash.test .verdict)" = listed ]
	run ! grep -qi 'me@example\|"me' "$DNS/fake/log.jsonl"
}

@test "networks are taken apart, the large ones refused" {
	run -1 --separate-stderr check --zone bl.test 192.0.2.8/30 192.0.2.10
	[ "$(jq -r .id <<<"$output" | sort -t. -k4n | paste -sd' ')" = \
	    "192.0.2.8 192.0.2.9 192.0.2.10 192.0.2.11" ]
	R=("${R[@]:0:4}")
	run -65 --separate-stderr check --zone bl.test 8.8.0.0/16
	[[ $stderr == *"operand 1: 8.8.0.0/16: more than 256 addresses"* ]]
	[[ $stderr == *"hint: "*--feed* ]]
	run -65 --separate-stderr check --force --zone bl.test 8.0.0.0/8
	[ "$(asked '[.]8[.]')" = 0 ]
}

@test "a part of a list is answered for by the whole, not asked twice" {
	printf '%s\n' $'zen.test\t4\tblack\t1\t.0.2=SBL;.0.10=policy: PBL' \
		$'sbl.test\t4\tblack\t1\t.0.2=SBL\t-\tstd\t-\t-\t-\tpart-of=zen.test' >z
	run -1 --separate-stderr check --zones z 192.0.2.10 192.0.2.11
	[ "$(jq -r .zone <<<"$output" | sort -u)" = zen.test ]
	[ "$(jq -r '.id + " " + .severity' <<<"$output" | sort)" = \
	    $'192.0.2.10 high\n192.0.2.11 policy' ]
	run -1 --separate-stderr check --zones z --zone zen.test \
		--zone sbl.test 192.0.2.10 192.0.2.11
	[ "$(jq -r 'select(.zone == "sbl.test") | [.id, .verdict, .part_of] |
	    join(" ")' <<<"$output" | sort)" = \
	    $'192.0.2.10 listed zen.test\n192.0.2.11 clean zen.test' ]
	[ "$(asked 'sbl[.]test')" = 0 ]
}

@test "a key from a file: used in the name, shown nowhere" {
	printf 'KEY.keyed.test\t4\tblack\t1\t*=listed\t-\tstd\t-\t-\t-\tkey=mine\n' >z
	(umask 077; printf '# keys\nother x\nmine SecretKey123\n' >keys)
	run -1 --separate-stderr check -v --zones z --keys keys 192.0.2.10
	[ "$(field KEY.keyed.test .verdict)" = listed ]
	[ "$(field KEY.keyed.test .reason)" = "see https://x.test/?k=************" ]
	run ! grep -i secretkey <<<"$output$stderr"
	run ! grep -ri secretkey state
	# found by itself
	mkdir -p config/quell
	mv keys config/quell/dnsbl.keys
	run -1 --separate-stderr check --zones z 192.0.2.10
	chmod 644 config/quell/dnsbl.keys
	run -78 --separate-stderr check --zones z 192.0.2.10
	printf 'mine two words here\n' >bad
	chmod 600 bad
	run -78 --separate-stderr check --zones z --keys bad 192.0.2.10
	[[ $stderr == *"bad:1: not \"NAME KEY\""* ]]
	run ! grep words <<<"$stderr"
}

@test "a key from the vault" {
	printf 'KEY.keyed.test\t4\tblack\t1\t*=listed\t-\tstd\t-\t-\t-\tkey=mine\n' >z
	(umask 077; head -c 32 /dev/urandom >wrap)
	chmod 400 wrap
	printf 'username=x\npassword=SecretKey123\n' |
		cred-vault put --vault v --vault-key "file:$PWD/wrap" -y dnsbl/mine
	run -1 --separate-stderr check --zones z --vault v 192.0.2.10
	[ "$(field KEY.keyed.test .verdict)" = listed ]
	run ! grep -i secretkey <<<"$output$stderr"
}

@test "a list that needs a key and has none is not asked, and never clean" {
	printf 'KEY.keyed.test\t4\nclean.test\n' >z
	run -75 --separate-stderr check --zones z 192.0.2.10
	[ "$(field KEY.keyed.test '.verdict + " " + .why')" = "unknown no-key" ]
	[ "$(asked keyed)" = 0 ]
	# the table that ships has some: they are for those who have keys
	run -75 --separate-stderr dnsbl-check --resolver 127.0.0.1:9 -t 1 8.8.8.8
	run ! grep KEY <<<"$output"
	run -75 --separate-stderr dnsbl-check --resolver 127.0.0.1:9 -t 1 \
		--zone KEY.zen.dq.spamhaus.net 8.8.8.8
	[ "$(jq -r .why <<<"$output")" = no-key ]
}

@test "the user's own table adds to the other, and replaces lines of it" {
	mkdir -p config/quell
	printf 'clean.test\nzen.spamhaus.org\t4\tblack\t3\n' \
		>config/quell/dnsbl.zones
	run -75 --separate-stderr dnsbl-check --resolver "127.0.0.1:$PORT" -t 3 \
		--tier 1 8.8.8.8
	[ "$(field clean.test .verdict)" = clean ]
	[ -z "$(field zen.spamhaus.org .verdict)" ]
	[ -n "$(field bl.spamcop.net .verdict)" ]
}

@test "a test of a list holds for an hour, but a listing is tested anew" {
	run -0 check --zone clean.test 192.0.2.1
	[ "$(asked)" = 4 ]
	run -0 check --zone clean.test 192.0.2.2
	[ "$(asked)" = 5 ]
	run -0 check --retest --zone clean.test 192.0.2.3
	[ "$(asked)" = 7 ]
	# another resolver is another matter
	run -0 dnsbl-check --resolver "localhost:$PORT" -t 20 --force \
		--zone clean.test 192.0.2.4
	[ "$(asked)" = 9 ]
	run -0 check --zone bl.test 192.0.2.1
	[ "$(asked 'bl[.]test')" = 4 ]
	run -1 check --zone bl.test 192.0.2.10
	[ "$(asked 'bl[.]test')" = 6 ]
	# a list that began to list the world since then
	cp "$DNS/zones.json" was
	jq '."clean.test" = {mode: "wildcard"}' was >"$DNS/zones.json"
	run -75 --separate-stderr check --zone clean.test 192.0.2.5
	cp was "$DNS/zones.json"
	[ "$(field clean.test .why)" = lists-the-world ]
	[[ $stderr == *"clean.test: lists the world"* ]]
}

@test "a limit of questions a day holds over runs, and over two at once" {
	printf 'clean.test\t4\tblack\t1\t*=listed\t-\tstd\t-\t-\t20/d\n' >z
	same_day
	# 3 for the test, which both may make
	for i in 1 2; do
		check --zones z "192.0.2.$((i * 16))/28" >"out$i" 2>err$i 3>&- &
	done
	wait
	[ "$(taken clean.test)" = 20 ]
	[ "$(asked)" -le 20 ]
	[ "$(cat out1 out2 | jq -r 'select(.verdict == "clean") | .id' |
	    sort -u | wc -l)" -ge 14 ]
	[ "$(cat out1 out2 | jq -r 'select(.why == "daily-limit") | .detail' |
	    sort -u)" = "20 a day" ]
	[ "$(cat out1 out2 | wc -l)" = 32 ]
	run -75 --separate-stderr check --zones z 192.0.2.99
	[ "$(field clean.test '.verdict + " " + .why')" = "unknown daily-limit" ]
	[ "$(taken clean.test)" = 20 ]
	[ "$(asked '^99')" = 0 ]
}

@test "a limit of questions a second is kept, and the rest waits its turn" {
	printf 'clean.test\t4\tblack\t1\t*=listed\t-\tstd\t-\t-\t10/s\n' >z
	local began=${EPOCHREALTIME/[.,]/}
	run -0 --separate-stderr check --zones z 192.0.2.0/27
	# 35 questions: 10 at once, the others one a tenth of a second
	[ $((${EPOCHREALTIME/[.,]/} - began)) -ge 2300000 ]
	[ "$(wc -l <<<"$output")" = 32 ]
	[ "$(asked)" = 35 ]
	# what the time does not suffice for is said
	run -75 --separate-stderr dnsbl-check "${R[@]:0:2}" -t 1 --force \
		--zones z 192.0.2.0/26
	[ "$(wc -l <<<"$output")" = 64 ]
	[ "$(jq -r 'select(.why == "rate-limit") | .detail' <<<"$output" |
	    sort -u)" = "10 a second" ]
}

@test "a list that is silent takes none of the time of one with a limit" {
	printf 'clean.test\t4\tblack\t1\t*=listed\t-\tstd\t-\t-\t10/s\nsilent.test\n' >z
	# 35 questions take 2.5 s; the other list's are out until the end
	run -75 --separate-stderr dnsbl-check "${R[@]:0:2}" -t 7 --force \
		--zones z 192.0.2.0/27
	[ "$(jq -r 'select(.zone == "clean.test") | .verdict' <<<"$output" |
	    sort | uniq -c | xargs)" = "32 clean" ]
	[ "$(jq -r 'select(.zone == "silent.test") | .why' <<<"$output" |
	    sort | uniq -c | xargs)" = "32 timeout" ]
}

@test "no place for the state: the limits hold for this run, and it is said" {
	printf 'clean.test\t4\tblack\t1\t*=listed\t-\tstd\t-\t-\t5/d\n' >z
	same_day
	: >file
	QUELL_STATE_DIR=$PWD/file run -75 --separate-stderr check --zones z \
		192.0.2.0/29
	[[ $stderr == *"counted for this run only"* ]]
	[ "$(asked)" = 5 ]
}

@test "a resolver that is shut out: the list's own servers are asked, openly" {
	local at
	at=$(dns_port "$DNS/shut")
	R=(--resolver "127.0.0.1:$at" -t 20 --force --ns-port
		"$(dns_port "$DNS/own")")
	run -1 --separate-stderr check --zone shut.test 192.0.2.10 192.0.2.11
	[ "$(jq -r '[.id, .verdict, .via, .server] | join(" ")' <<<"$output" |
	    sort)" = "192.0.2.10 listed ns 127.0.0.1:$(dns_port "$DNS/own")
192.0.2.11 clean ns 127.0.0.1:$(dns_port "$DNS/own")" ]
	[ "$(jq -r '.reason // empty' <<<"$output")" = "from the list itself" ]
	# the next run remembers
	: >"$DNS/shut/log.jsonl"
	run -0 --separate-stderr check --zone shut.test 192.0.2.12
	[ "$(field shut.test .via)" = ns ]
	[ ! -s "$DNS/shut/log.jsonl" ]
	# forbidden
	run -75 --separate-stderr check --no-ns --zone shut.test 192.0.2.10
	[ "$(field shut.test '.verdict + " " + .via')" = "policy-refused resolver" ]
	# one that has no servers to be found stays what it is
	run -75 --separate-stderr check --zone open.test --zone world.test \
		192.0.2.10
	[ "$(field open.test .why)" = servfail ]
	[ "$(field world.test .why)" = refused ]
	# a private address is no name server of a public list
	R=("${R[@]:0:5}")
	run -75 --separate-stderr check --retest --zone shut.test 192.0.2.10
	[ "$(field shut.test .verdict)" = policy-refused ]
}
