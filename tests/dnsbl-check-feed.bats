#!/usr/bin/env bats
# dnsbl-check: lists read from their files, what to do about listings, looking
# again until nothing is listed, the plugin; and lists that misbehave.

# shellcheck disable=SC2154
load lib/quell
load lib/dns
load lib/dnsbl_world

setup_file() {
	export DNS=$BATS_FILE_TMPDIR/dns
	mkdir -p "$DNS"
	jq -n '
	def good($more): {records: ({"2.0.0.127": [["A","127.0.0.2"]]} + $more)};
	{
	"big.test": good({"10.2.0.192": [["A","127.0.0.2"],["TXT","big one"]],
	    "11.2.0.192": [["A","127.0.0.10"]]}),
	"small.test": good({"10.2.0.192": [["A","127.0.0.2"]]}),
	"clean.test": good({}),
	"refused.test": {mode: "refused"}
	}' >"$DNS/zones.json"
	printf '%s\n' $'small.test\t4\tblack\t2\t.0.2=spam\t-\tstd\t-\t-\t-\t-\tWait a week.' \
		$'big.test\t4\tblack\t1\t.0.2=spam;.0.10=policy: dynamic\t-\tstd\thttps://big.test/remove\t-\t-\t-\tStop it, then ask.' \
		clean.test >"$DNS/lists.tsv"
	fakedns_start "$DNS/fake" "$DNS/zones.json"
	PORT=$(dns_port "$DNS/fake")
	export PORT
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state XDG_CONFIG_HOME=$PWD/config
	R=(--resolver "127.0.0.1:$PORT" -t 20 --force)
}

@test "feeds of every form: listed with its words, clean, not covered" {
	printf ':127.0.0.3:bad, see https://x.test/$\n192.0.2.0/28\n!192.0.2.3\n2001:db8::/32\n' >rbl
	printf '; DROP\n192.0.2.0/24 ; SBL1\n' >drop.txt
	printf '{"cidr":"192.0.2.0/24","sblid":"SBL2"}\n{"type":"metadata"}\n' >drop.json
	printf 'ip,reason\n192.0.2.1,"said ""so"""\n' >some.csv
	printf ':127.0.1.2:x\n.bad.example\n' >names
	run -1 --separate-stderr dnsbl-check --feed rbl --feed drop.txt \
		--feed drop.json --feed some.csv --feed dnset:names \
		192.0.2.1 192.0.2.3 2001:db8::1 www.bad.example
	diff - <(jq -r '[.zone, .id, .verdict, .why // "-", .reason // "-"] |
	    join(" ")' <<<"$output" | sort) <<-END
	drop.json 192.0.2.1 listed - SBL2
	drop.json 192.0.2.3 listed - SBL2
	drop.json 2001:db8::1 not-covered no-ipv6 -
	drop.json www.bad.example not-covered no-domains -
	drop.txt 192.0.2.1 listed - SBL1
	drop.txt 192.0.2.3 listed - SBL1
	drop.txt 2001:db8::1 not-covered no-ipv6 -
	drop.txt www.bad.example not-covered no-domains -
	names 192.0.2.1 not-covered no-ipv4 -
	names 192.0.2.3 not-covered no-ipv4 -
	names 2001:db8::1 not-covered no-ipv6 -
	names www.bad.example listed - x
	rbl 192.0.2.1 listed - bad, see https://x.test/192.0.2.1
	rbl 192.0.2.3 clean - -
	rbl 2001:db8::1 listed - bad, see https://x.test/2001:db8::1
	rbl www.bad.example not-covered no-domains -
	some.csv 192.0.2.1 listed - said "so"
	some.csv 192.0.2.3 clean - -
	some.csv 2001:db8::1 not-covered no-ipv6 -
	some.csv www.bad.example not-covered no-domains -
	END
	jq -se 'all(.via == "feed" and .type == "listing")' <<<"$output"
	[ "$(field rbl '.codes[0]' | head -n 1)" = 127.0.0.3 ]
	# no question was asked, no state kept
	[ ! -e state ]
}

@test "a network against a feed: its listed parts, and how much that is" {
	printf '10.0.0.0/24\n!10.0.0.128/25\n10.9.0.5-6\n' >rbl
	run -1 --separate-stderr dnsbl-check --feed rbl 10.0.0.0/8
	[ "$(jq -r 'select(.type == "listing") | [.id, .verdict,
	    .addresses // 1] | join(" ")' <<<"$output")" = \
	    $'10.0.0.0/25 listed 128\n10.9.0.5 listed 1\n10.9.0.6 listed 1' ]
	jq -e 'select(.type == "listing-range") | .id == "10.0.0.0/8" and
	    .addresses == 16777216 and .listed == 130' <<<"$output"
	run -0 --separate-stderr dnsbl-check --feed rbl 11.0.0.0/8
	jq -e '.type == "listing-range" and .listed == 0' <<<"$output"
}

@test "a feed of a list that the table has is read with its codes" {
	printf 'z.test\t4\tblack\t2\t.0.2=spam;.0.9=~grey\t-\tstd\thttps://z.test/\n' >z
	printf '192.0.2.1 :2:\n192.0.2.2 :9:\n192.0.2.3 :77:\n' >data
	run -1 --separate-stderr dnsbl-check --zones z --feed z.test:ip4trie:data \
		192.0.2.1 192.0.2.2 192.0.2.3
	[ "$(jq -r '[.zone, .verdict, .why // .meanings[0]] | join(" ")' \
	    <<<"$output")" = "z.test listed spam
z.test clean grey
z.test unknown error-code" ]
}

@test "feeds that are empty, broken, or partly so" {
	: >empty
	printf '<html>\n<b>no</b>\n' >html
	printf '192.0.2.1\nwhat is this\n192.0.2.2\n' >some
	run -75 --separate-stderr dnsbl-check --feed empty 192.0.2.1
	[ "$(jq -r '.verdict + " " + .why' <<<"$output")" = "unknown empty-zone" ]
	[[ $stderr == *"empty: empty: not believed"* ]]
	run -65 --separate-stderr dnsbl-check --feed html 192.0.2.1
	[[ $stderr == *"html: line 1: not an entry"* ]]
	run -1 --separate-stderr dnsbl-check --feed some 192.0.2.2
	[[ $stderr == *"some: 1 lines not understood, the first is line 2"* ]]
	run -66 --separate-stderr dnsbl-check --feed nothing 192.0.2.1
	# both: files and lists
	run -1 --separate-stderr check --feed some --zone clean.test 192.0.2.1
	[ "$(jq -r '.zone + " " + .verdict' <<<"$output" | sort)" = \
	    $'clean.test clean\nsome listed' ]
}

@test "a feed says what a real rbldnsd says of the same file" {
	peers_have rbldnsd || skip "no rbldnsd"
	local kind
	mkdir -p "$DNS"
	for kind in ip4set ip4trie; do
		awk -v seed=7 'BEGIN { srand(seed); for (i = 0; i < 120; i++) {
		    b = 24 + int(rand() * 9); s = 2 ^ (32 - b)
		    printf "%s10.0.0.%d/%d\n", rand() < .3 ? "!" : "",
		        int(int(rand() * 256) / s) * s, b }
		    print "10.0.2" }' | sort -u >entries
		# only the one takes ranges that are no network
		[ $kind = ip4trie ] || echo 10.0.1.7-9 >>entries
		# the same network both ways: the server takes either
		awk -F/ '{ n = $0; sub(/^!/, "", n); if (!seen[n]++) print }' \
			entries >list
		rbldnsd_zone "$DNS/$kind" "$kind.test" "$kind" <list
		rbldnsd_start "$DNS/$kind"
		dnsbl-check --resolver "127.0.0.1:$(dns_port "$DNS/$kind")" \
			-t 30 --force --zone "$kind.test" 10.0.0.0/24 10.0.1.0/28 \
			10.0.2.200 >dns || [ $? = 1 ]
		dns_stop "$DNS/$kind"
		for i in {0..255}; do echo "10.0.0.$i"; done >ips
		for i in {0..15}; do echo "10.0.1.$i"; done >>ips
		echo 10.0.2.200 >>ips
		dnsbl-check --feed "$kind:list" <ips >feed || [ $? = 1 ]
		[ "$(wc -l <feed)" = 273 ]
		diff <(jq -r '.id + " " + .verdict' dns | sort) \
			<(jq -r '.id + " " + .verdict' feed | sort)
		[ "$(grep -c '"listed"' feed)" -gt 20 ]
		[ "$(grep -c '"clean"' feed)" -gt 20 ]
	done
}

@test "what to do, in order of what it does to delivery" {
	run -1 --separate-stderr check --zones "$DNS/lists.tsv" --delist \
		192.0.2.10 192.0.2.11
	[ "$(jq -r '[.type, .order, .id, .zone, .severity] | join(" ")' \
	    <<<"$output")" = "delist 1 192.0.2.10 big.test high
delist 2 192.0.2.11 big.test policy
delist 3 192.0.2.10 small.test medium" ]
	[ "$(jq -r 'select(.order == 1) | .text' <<<"$output")" = \
	    "1. 192.0.2.10 is in big.test: spam (severity high, tier 1)
   It says: big one
   Stop it, then ask.
   https://big.test/remove" ]
	run -1 --separate-stderr check --zones "$DNS/lists.tsv" --delist \
		-o table 192.0.2.10
	[ "${lines[0]}" = "1. 192.0.2.10 is in big.test: spam (severity high, tier 1)" ]
	[[ $output == *"   Wait a week."* ]]
	run -0 --separate-stderr check --zones "$DNS/lists.tsv" --delist 192.0.2.12
	[ -z "$output" ]
	run -75 --separate-stderr check --delist --zone refused.test 192.0.2.12
	printf '192.0.2.10 see there\n' >rbl
	run -1 --separate-stderr dnsbl-check --feed rbl --delist 192.0.2.10
	[ "$(jq -r .reason <<<"$output")" = "see there" ]
}

@test "of two dozen ways to misbehave not one is taken for an answer" {
	dnsbl_world "$DNS/world"
	fakedns_start "$DNS/world/fake" "$DNS/world/zones.json"
	run -1 --separate-stderr dnsbl-check --force -t 6 --resolver \
		"127.0.0.1:$(dns_port "$DNS/world/fake")" \
		--zones "$DNS/world/lists.tsv" 192.0.2.10
	dns_stop "$DNS/world/fake"
	jq -r '(.zone | sub("^KEY."; "")) + " " + .verdict' <<<"$output" >said
	run -0 dnsbl_wrong "$DNS/world" <said
	[ "$output" = 0 ]
}

@test "looking again: each change is told, and the end is clean" {
	cp "$DNS/zones.json" was
	dnsbl-check "${R[@]}" --zones "$DNS/lists.tsv" --watch --every 1 \
		192.0.2.10 192.0.2.12 >out 2>err 3>&- &
	local pid=$! rc=0
	first() { [ "$(wc -l <out)" = 6 ]; }
	peers_wait 20 first
	jq '."small.test".records |= del(."10.2.0.192")' was >"$DNS/zones.json"
	second() { [ "$(wc -l <out)" = 7 ]; }
	peers_wait 20 second
	# what cannot be asked is no change
	jq '."big.test" = {mode: "refused"}' "$DNS/zones.json" >new
	cp new "$DNS/zones.json"
	sleep 1.5
	kill -0 "$pid"
	jq '."small.test".records |= del(."10.2.0.192") |
	    ."big.test".records |= del(."10.2.0.192")' was >"$DNS/zones.json"
	wait "$pid" || rc=$?
	cp was "$DNS/zones.json"
	[ "$rc" = 0 ]
	[ "$(tail -n +7 out | jq -r '[.zone, .id, .was, .verdict] | join(" ")')" = \
	    "small.test 192.0.2.10 listed clean
big.test 192.0.2.10 listed clean" ]
}

@test "looking again ends with its deadline, or when it is told to" {
	run -1 --separate-stderr check --zones "$DNS/lists.tsv" --watch \
		--every 60 --deadline 1 192.0.2.10
	[ "$(wc -l <<<"$output")" = 3 ]
	run -0 --separate-stderr check --zone clean.test --watch 192.0.2.10
	run -75 --separate-stderr check --zone refused.test --watch 192.0.2.10
	dnsbl-check "${R[@]}" --zones "$DNS/lists.tsv" --watch 192.0.2.10 \
		>out 2>err 3>&- &
	local pid=$! rc=0
	first() { [ "$(wc -l <out)" = 3 ]; }
	peers_wait 20 first
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	[ "$rc" = 1 ]
	run -64 --separate-stderr check --watch --nagios 192.0.2.10
	run -64 --separate-stderr check --every 5 192.0.2.10
}

@test "watching tells a chat" {
	printf '{"type":"listing","id":"192.0.2.1","zone":"z","verdict":"clean","was":"listed"}\n' >in
	(umask 077; echo http://127.0.0.1:9/x >url)
	run -0 --separate-stderr chat-notify -n --to json:url <in
}

@test "as check_dnsbl even bad usage is a plugin's answer" {
	ln -s "$(command -v dnsbl-check)" check_dnsbl
	run -3 --separate-stderr ./check_dnsbl --no-such-option
	[ "$output" = "DNSBL UNKNOWN - bad usage" ]
	run -3 --separate-stderr ./check_dnsbl --tier 9 192.0.2.10
	[ "$output" = "DNSBL UNKNOWN - bad usage" ]
	run -3 --separate-stderr ./check_dnsbl --zones nothing 192.0.2.10
	[[ $output == "DNSBL UNKNOWN - nothing: no such file | "* ]]
	run -0 --separate-stderr ./check_dnsbl --help
	printf '192.0.2.10\n' >rbl
	run -2 --separate-stderr ./check_dnsbl --feed rbl 192.0.2.10
	[ "$output" = "DNSBL CRITICAL - 192.0.2.10 in rbl | listed=1 clean=0 unknown=0" ]
}

@test "make install makes the plugin's name, uninstall takes it away" {
	make -C "$QUELL_ROOT" -n install DESTDIR=/x PREFIX=/usr DEPS=0 \
		B="$QUELL_B" | grep -q 'ln -sf dnsbl-check "/x/usr/bin/check_dnsbl"'
	make -C "$QUELL_ROOT" -n uninstall DESTDIR=/x PREFIX=/usr |
		grep -q 'rm -f "/x/usr/bin/check_dnsbl"'
}
