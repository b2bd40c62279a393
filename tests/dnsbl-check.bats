#!/usr/bin/env bats
# dnsbl-check against lists that behave, lists that do not, and real servers.

# shellcheck disable=SC2030,SC2031
load lib/quell
load lib/dns
load lib/dnsbl_world

setup_file() {
	export DNS=$BATS_FILE_TMPDIR/dns
	mkdir -p "$DNS"
	# Thirteen ways in which a list can answer for 192.0.2.10. Only "listed"
	# lists it and only "clean" does not; nobody can know about the others.
	jq -n '
	def good($more): {records: ({"2.0.0.127": [["A","127.0.0.2"]]} + $more)};
	{
	"listed.test": good({"10.2.0.192": [["A","127.0.0.2"],["A","127.0.0.4"],
	    ["TXT","spam seen,\u001b[31m see https://lists.test/?192.0.2.10"]],
	    "8.2.0.192": [["A","127.0.0.77"]],
	    "7.2.0.192": [["A","127.0.0.2"],["A","127.255.255.255"]],
	    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2":
	        [["A","127.0.0.2"]],
	    "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0":
	        [["A","127.0.0.2"]]}),
	"clean.test": good({}),
	"openres.test": {mode: "wildcard", value: "127.255.255.254"},
	"rate.test": {mode: "wildcard", value: "127.255.255.255"},
	"typo.test": {mode: "wildcard", value: "127.255.255.252"},
	"refuse1.test": {mode: "wildcard", value: "127.0.0.1"},
	"parked.test": {mode: "wildcard", value: "203.0.113.80"},
	"world.test": {mode: "wildcard", value: "127.0.0.2"},
	"refused.test": {mode: "refused"},
	"servfail.test": {mode: "servfail"},
	"silent.test": {mode: "drop"},
	"empty.test": {mode: "empty"},
	"white.test": good({"10.2.0.192": [["A","127.0.3.0"]]}),
	"bits.test": good({"10.2.0.192": [["A","127.0.0.80"]]}),
	"nomore.test": {mode: "nxdomain"},
	"tcp.test": (good({"10.2.0.192": [["A","127.0.0.2"],
	    ["TXT","said over TCP"]]}) + {mode: "truncate"}),
	"cut.test": (good({}) + {mode: "truncate-drop"}),
	"garbage.test": {mode: "garbage"},
	"id.test": (good({}) + {mode: "wrong-id"}),
	"name.test": (good({}) + {mode: "wrong-name"}),
	"notimp.test": {mode: "notimp"},
	"noedns.test": (good({}) + {mode: "formerr", first: 4})
	}' >"$DNS/zones.json"
	printf '%s\n' clean.test $'listed.test\t46\tblack\t1\t.0.2=spam;.0.4=bot\t-\tstd\thttps://lists.test/remove' \
		openres.test rate.test typo.test refuse1.test parked.test \
		world.test refused.test servfail.test silent.test empty.test \
		$'white.test\t4\twhite\t1\t127.0.2.0-127.0.9.255=trusted\t-\t+127.0.0.2' \
		>"$DNS/thirteen.tsv"
	sed -i 's/^white.test\t.*/white.test\t4\twhite\t1\t.0.2=test;127.0.2.0-127.0.9.255=trusted/' \
		"$DNS/thirteen.tsv"
	fakedns_start "$DNS/fake" "$DNS/zones.json"
	PORT=$(dns_port "$DNS/fake")
	export PORT
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	# nobody's own tables, keys or earlier tests; the targets are of the
	# documentation's networks, which are asked about only when forced
	export QUELL_STATE_DIR=$PWD/state XDG_CONFIG_HOME=$PWD/config
	R=(--resolver "127.0.0.1:$PORT" -t 4 --force)
}

@test "thirteen lists, two of which can be believed about the address" {
	run -1 --separate-stderr check --zones "$DNS/thirteen.tsv" 192.0.2.10
	[ "$(wc -l <<<"$output")" = 13 ]
	# what is wrong for good is told a person, too
	diff - <(sort <<<"$stderr") <<-END
	dnsbl-check: empty.test: its test point is gone: emptied, not believed
	dnsbl-check: parked.test: dead, or the resolver makes up answers: not believed
	dnsbl-check: world.test: lists the world: not believed
	END
	diff - <(jq -r '[.zone, .verdict, .why // "-"] | join(" ")' \
	    <<<"$output" | sort) <<-END
	clean.test clean -
	empty.test unknown empty-zone
	listed.test listed -
	openres.test policy-refused error-code
	parked.test unknown dead-zone
	rate.test policy-refused error-code
	refuse1.test unknown error-code
	refused.test unknown refused
	servfail.test unknown servfail
	silent.test unknown timeout
	typo.test policy-refused error-code
	white.test whitelisted -
	world.test unknown lists-the-world
	END
}

@test "a listing says what, why, until when, who said so and what to do" {
	run -1 --separate-stderr check --zones "$DNS/thirteen.tsv" \
		--zone listed.test 192.0.2.10
	jq -e '.type == "listing" and .id == "192.0.2.10" and
	    (.codes | sort) == ["127.0.0.2", "127.0.0.4"] and
	    (.meanings | sort) == ["bot", "spam"] and
	    (.reason | startswith("spam seen,")) and
	    (.reason | test("[\u0000-\u001f]") | not) and
	    .delist == "https://lists.test/remove" and .ttl == 60 and
	    .tier == 1 and .class == "black" and (.rtt_ms | type) == "number"
	    and .from == "dnsbl-check" and (.time | endswith("Z"))' \
	    <<<"$output"
	[ "$(jq -r .server <<<"$output")" = "127.0.0.1:$PORT" ]
}

@test "TXT is asked for what is listed and for nothing else" {
	: >"$DNS/fake/log.jsonl"
	run -1 --separate-stderr check --zones "$DNS/thirteen.tsv" \
		--zone listed.test --zone clean.test 192.0.2.10
	run -0 jq -rs 'map(select(.type == "TXT") | .name) | unique[]' \
		"$DNS/fake/log.jsonl"
	[ "$output" = 10.2.0.192.listed.test ]
	# three probes for each list, and the address
	run -0 jq -s 'map(select(.type == "A") | .name) | unique | length' \
		"$DNS/fake/log.jsonl"
	[ "$output" = 8 ]
}

@test "exit code: 0 clean, 1 listed, 75 could not tell, 1 wins" {
	run -0 check --zone clean.test 192.0.2.10
	run -1 check --zone listed.test 192.0.2.10
	run -75 check --zone clean.test --zone refused.test 192.0.2.10
	run -1 check --zone listed.test --zone refused.test 192.0.2.10
	# a list of honest senders does not speak about abuse
	run -0 check --zones "$DNS/thirteen.tsv" --zone white.test 192.0.2.10
	run -75 --separate-stderr check --zone nomore.test 192.0.2.10
	[ "$(field nomore.test .why)" = empty-zone ]
}

@test "all answers are read: an error among them spoils a listing" {
	run -75 --separate-stderr check --zones "$DNS/thirteen.tsv" \
		--zone listed.test 192.0.2.7
	[ "$(field listed.test .verdict)" = policy-refused ]
	[ "$(field listed.test '.codes | length')" = 0 ]
	# a code that the table does not have
	run -75 --separate-stderr check --zones "$DNS/thirteen.tsv" \
		--zone listed.test 192.0.2.8
	[ "$(field listed.test '.verdict + " " + .why')" = "unknown error-code" ]
	[[ $(field listed.test .detail) == 127.0.0.77* ]]
}

@test "a bit mask is taken apart" {
	printf 'bits.test\t4\tblack\t1\tbit:16=malware;bit:64=abuse;.0.2=test\n' >z
	run -1 --separate-stderr check --zones z 192.0.2.10
	[ "$(field bits.test '.meanings | join(",")')" = malware,abuse ]
}

@test "IPv6 goes by nibbles, mapped IPv4 is IPv4, the other family is not covered" {
	run -1 --separate-stderr check --zones "$DNS/thirteen.tsv" \
		--zone listed.test --zone clean.test 2001:db8::1
	[ "$(field listed.test .verdict)" = listed ]
	[ "$(field clean.test '.verdict + " " + .why')" = "not-covered no-ipv6" ]
	run -1 --separate-stderr check --zones "$DNS/thirteen.tsv" \
		--zone listed.test ::ffff:192.0.2.10
	[ "$(field listed.test .id)" = 192.0.2.10 ]
}

@test "private addresses never leave, unless forced" {
	: >"$DNS/fake/log.jsonl"
	R=("${R[@]:0:4}")
	run -0 --separate-stderr check --zone clean.test 10.0.0.1 fd00::1 127.9.9.9 \
		192.0.2.10 198.51.100.1 203.0.113.255 2001:db8::1 198.18.0.1 \
		mx.example.com db1.internal
	[ "$(jq -r '.verdict + " " + .why' <<<"$output" | sort -u)" = \
	    $'not-covered benchmark\nnot-covered documentation\nnot-covered loopback\nnot-covered no-domains\nnot-covered no-ipv6\nnot-covered private' ]
	[[ $stderr == *"10.0.0.1: not asked about: private address"* ]]
	[ ! -s "$DNS/fake/log.jsonl" ]
	run -0 check --force --zone clean.test 10.0.0.1
	[ "$(field clean.test .verdict)" = clean ]
}

@test "addresses from records and bare keys; each is asked about once" {
	printf '%s\n' '{"id":"msg1","ip":"192.0.2.10"}' '{"id":"192.0.2.11"}' '' \
		192.0.2.10 >in
	run -0 --separate-stderr check --zone clean.test <in
	[ "$(jq -r .id <<<"$output" | sort)" = $'192.0.2.10\n192.0.2.11' ]
	run -0 --separate-stderr check --zone clean.test - 192.0.2.12 <in
	[ "$(wc -l <<<"$output")" = 3 ]
}

@test "many addresses: every one is answered, a broken list for all of them" {
	for i in {1..60}; do echo "192.0.2.$i"; done >in
	: >"$DNS/fake/log.jsonl"
	run -1 --separate-stderr check --zone listed.test --zone clean.test \
		--zone refused.test <in
	[ "$(wc -l <<<"$output")" = 180 ]
	[ "$(jq -r 'select(.verdict == "listed") | .id' <<<"$output" |
	    sort -u | paste -sd' ')" = "192.0.2.10 192.0.2.8" ]
	[ "$(jq -r 'select(.why == "refused") | .id' <<<"$output" | sort -u |
	    wc -l)" = 60 ]
	# the broken one got its probes, one try, and who its servers are
	run -0 jq -r 'select(.name | endswith("refused.test")) | .type + .name' \
		"$DNS/fake/log.jsonl"
	[ "$(sort -u <<<"$output" | cut -c1,2 | tr -d '0-9q' | sort | uniq -c |
	    xargs)" = "4 A 1 NS" ]
}

@test "a bad address is 65 with its place, and nothing is asked" {
	: >"$DNS/fake/log.jsonl"
	printf '192.0.2.1\n192.0.2.300\n' >in
	run -65 --separate-stderr check --zone clean.test <in
	[[ $stderr == *"standard input:2: not an IP address, a domain or a mail address: 192.0.2.300"* ]]
	[ -z "$output" ]
	run -65 --separate-stderr check --zone clean.test example
	[[ $stderr == *"operand 1: not an IP address, a domain or a mail address: example"* ]]
	run -65 --separate-stderr check --zone clean.test <<<'{"queue":"x"}'
	run -65 --separate-stderr check --zone clean.test <<<'{"id":'
	[[ $stderr == *"standard input:1"* ]]
	[ ! -s "$DNS/fake/log.jsonl" ]
	run -65 --separate-stderr dnsbl-check "${R[@]:0:4}" --zone clean.test < <(
	    for i in {0..16}; do for j in {0..255}; do
	    echo "198.61.$i.$j"; done; done)
	[[ $stderr == *"more than 4096"* ]]
}

@test "no addresses, bad options and bad resolvers" {
	run -64 --separate-stderr check --zone clean.test </dev/null
	[[ $stderr == *"no addresses"* ]]
	run -64 --separate-stderr check --zone 'no such' 192.0.2.1
	run -64 --separate-stderr check --zone '#' 192.0.2.1
	run -64 --separate-stderr check --tier 4 192.0.2.1
	run -64 --separate-stderr check --zone a.test,b.test 192.0.2.1
	run -78 --separate-stderr dnsbl-check --resolver 127.0.0.1:0 192.0.2.1
	[[ $stderr == *"127.0.0.1:0: not HOST[:PORT]"* ]]
	run -78 --separate-stderr dnsbl-check --resolver '[::1' 192.0.2.1
	run -64 --separate-stderr dnsbl-check --resolver '' 192.0.2.1
	run -78 --separate-stderr dnsbl-check --resolver 127.0.0.1, 192.0.2.1
}

@test "a table with a mistake is 78 with file and line; a missing one 66" {
	printf '# lists\nclean.test\nbl.test\t4\tgrey\n' >z
	run -78 --separate-stderr check --zones z 192.0.2.1
	[[ $stderr == *"z:3: class is not black, white or dead: grey"* ]]
	run -66 --separate-stderr check --zones nothing 192.0.2.1
	printf 'clean.test\t4\tblack\t3\n' >z
	run -64 --separate-stderr check --zones z 192.0.2.1
	[[ $stderr == *"no list in the table is of tier 2 or better"* ]]
	run -0 --separate-stderr check --zones z --tier 3 192.0.2.1
	run -0 --separate-stderr check --zones z --zone clean.test 192.0.2.1
}

@test "a list that is known to be dead is not asked, whoever's table it is in" {
	: >"$DNS/fake/log.jsonl"
	printf 'clean.test\nbl.spamcannibal.org\nspam.dnsbl.sorbs.net\n' >z
	run -75 --separate-stderr check --zones z 192.0.2.1
	[ "$(field bl.spamcannibal.org '.verdict + " " + .why')" = \
	    "unknown dead-zone" ]
	[[ $(field spam.dnsbl.sorbs.net .detail) == *2024* ]]
	[[ $stderr == *"bl.spamcannibal.org: a dead list, not asked"* ]]
	run ! grep -E 'spamcannibal|sorbs' "$DNS/fake/log.jsonl"
	run -75 --separate-stderr check --zone dnsbl.sorbs.net 192.0.2.1
}

@test "the table that ships is found and read" {
	run -75 --separate-stderr dnsbl-check --resolver 127.0.0.1:9 -t 1 --force \
		192.0.2.1 2001:db8::1
	[ "$(field zen.spamhaus.org .why | sort -u)" = timeout ]
	[ -z "$(field dnsbl-3.uceprotect.net .why)" ]
	run -75 --separate-stderr dnsbl-check --resolver 127.0.0.1:9 -t 1 --force \
		--tier 3 192.0.2.1
	[ "$(wc -l <<<"$output")" -ge 25 ]
}

@test "an access key in the name of a list is not shown" {
	run -75 --separate-stderr check -v --zone \
		abcdefghijklmnopqrstuvwxyz.clean.test 192.0.2.1
	[ "$(jq -r .zone <<<"$output")" = KEY.clean.test ]
	run ! grep -r abcdefghij <<<"$output$stderr"
}

@test "lists that do not answer cost no more than the limit, the others nothing" {
	local rc=0
	dnsbl-check "${R[@]:0:2}" -t 4 --force --zone silent.test --zone cut.test \
		--zone listed.test 192.0.2.10 >out 3>&- &
	# streamed: the first line is the listing, with its reason
	peers_wait 20 test -s out
	wait $! || rc=$?
	[ "$rc" = 1 ]
	head -n 1 out | jq -e '.zone == "listed.test" and .reason'
	[ "$(jq -r 'select(.why == "timeout") | .zone' out | sort |
	    paste -sd' ')" = "cut.test silent.test" ]
}

@test "an answer that is cut off is asked for again over TCP" {
	run -1 --separate-stderr check --zone tcp.test 192.0.2.10
	[ "$(field tcp.test .reason)" = "said over TCP" ]
}

@test "what is no answer to the question is not taken for one" {
	run -75 --separate-stderr check --zone garbage.test --zone id.test \
		--zone name.test --zone notimp.test --zone noedns.test 192.0.2.10
	diff - <(jq -r '[.zone, .verdict, .why // "-"] | join(" ")' \
	    <<<"$output" | sort) <<-END
	garbage.test unknown timeout
	id.test unknown timeout
	name.test unknown timeout
	noedns.test clean -
	notimp.test unknown bad-reply
	END
}

@test "the second resolver is asked when the first does not answer, and named" {
	run -1 --separate-stderr dnsbl-check -t 2 --force \
		--resolver "127.0.0.1:9,localhost:$PORT" --zone listed.test 192.0.2.10
	[ "$(field listed.test .server)" = "127.0.0.1:$PORT" ]
}

@test "lists judged through one resolver are not believed through another" {
	# The first forgets the address only: its SERVFAIL sends us onward.
	jq '{"listed.test": (."listed.test" | .records |= del(."10.2.0.192"))}
	    | ."10.2.0.192.listed.test" = {mode: "servfail"}' \
	    "$DNS/zones.json" >half.json
	fakedns_start "$DNS/half" half.json
	run -75 --separate-stderr dnsbl-check -t 2 --force --zone listed.test \
		--resolver "127.0.0.1:$(dns_port "$DNS/half"),127.0.0.1:$PORT" \
		192.0.2.10
	dns_stop "$DNS/half"
	[ "$(field listed.test '.verdict + " " + .why')" = \
	    "unknown other-resolver" ]
}

@test "as a plugin: one line with figures, and 0, 1, 2 or 3" {
	ln -s "$(command -v dnsbl-check)" check_dnsbl
	run -0 --separate-stderr ./check_dnsbl "${R[@]}" --zone clean.test 192.0.2.10
	[ "$output" = "DNSBL OK - 1 address, 1 list: not listed | listed=0 clean=1 unknown=0" ]
	run -2 --separate-stderr check --nagios --zone listed.test \
		--zone refused.test 192.0.2.10
	[ "$output" = "DNSBL CRITICAL - 192.0.2.10 in listed.test, 1 unknown | listed=1 clean=0 unknown=1" ]
	run -3 --separate-stderr check --nagios --zone refused.test 192.0.2.10
	[[ $output == "DNSBL UNKNOWN - "* ]]
	printf 'listed.test\t4\tblack\t2\n' >z
	run -1 --separate-stderr check --nagios --zones z 192.0.2.10
	[[ $output == "DNSBL WARNING - 192.0.2.10 in listed.test |"* ]]
	run -3 --separate-stderr check --nagios --zone clean.test nonsense
	[[ $output == "DNSBL UNKNOWN - operand 1: not an IP address, a domain or a mail address: nonsense |"* ]]
}

@test "a real rbldnsd, and an unbound in front of it" {
	peers_have rbldnsd unbound || skip "no rbldnsd or unbound"
	rbldnsd_zone "$DNS/rbl" bl.quell.test ip4set <<-'END'
	:127.0.0.2:spam source, see https://lists.test/$
	192.0.2.10
	END
	rbldnsd_start "$DNS/rbl"
	unbound_start "$DNS/unbound" "bl.quell.test=$(dns_port "$DNS/rbl")"
	for d in rbl unbound; do
		run -1 --separate-stderr dnsbl-check -t 5 --force --zone bl.quell.test \
			--resolver "127.0.0.1:$(dns_port "$DNS/$d")" \
			192.0.2.10 192.0.2.11
		[ "$(jq -r '.id + " " + .verdict' <<<"$output" | sort)" = \
		    $'192.0.2.10 listed\n192.0.2.11 clean' ]
		[ "$(jq -r 'select(.verdict == "listed") | .reason' \
		    <<<"$output")" = \
		    "spam source, see https://lists.test/192.0.2.10" ]
	done
	# the server behind the resolver dies: nobody knows, nobody is clean
	dns_stop "$DNS/rbl"
	run -75 --separate-stderr dnsbl-check -t 2 --force --zone bl.quell.test \
		--resolver "127.0.0.1:$(dns_port "$DNS/unbound")" 192.0.2.99
	[ "$(field bl.quell.test .verdict)" = unknown ]
	dns_stop "$DNS/unbound"
}

@test "output that cannot be written is 74" {
	rc=0
	check --zone clean.test 192.0.2.10 >/dev/full 2>err || rc=$?
	[ "$rc" = 74 ]
}

@test "table output; -q silences the warning" {
	run -0 --separate-stderr check -q -o table --zone clean.test 10.0.0.1
	[[ ${lines[0]} == ADDRESS*LIST*VERDICT* ]]
	[ -z "$stderr" ]
}

@test "the man page's examples" {
	sed 's/silent.test//;/^$/d' "$DNS/thirteen.tsv" >lists.tsv
	printf 'clean.test\n' >mine.tsv
	printf '%s\n' 192.0.2.11 192.0.2.12 >hosts
	printf '192.0.2.0/28 ; SBL1\n' >drop.txt
	printf '192.0.2.64/28 :2:mine\n' >mine.rbl
	(umask 077; echo http://127.0.0.1:9/hook >chat.url)
	# the examples name no resolver
	mkdir bin
	printf '#!/bin/sh\nexec %s --force --resolver 127.0.0.1:%s "$@"\n' \
		"$(command -v dnsbl-check)" "$PORT" >bin/dnsbl-check
	chmod +x bin/dnsbl-check
	PATH="$PWD/bin:$PATH" run_examples dnsbl-check
}
