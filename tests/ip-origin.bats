#!/usr/bin/env bats
# ip-origin: databases, tables, Team Cymru's answers, AWS's ranges

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/dns

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state
	printf '%s\t%s\t%s\t%s\t%s\n' 192.0.2.0 192.0.2.255 64496 ZZ EXAMPLE-NET \
		198.51.100.0 198.51.100.9 AS64497 QQ OTHER \
		198.51.100.10 198.51.100.255 0 None 'Not routed' \
		2001:db8:: 2001:db8:0:ffff:ffff:ffff:ffff:ffff 64498 ZZ SIX >ip2asn.tsv
	cat >ip-ranges.json <<-'END'
	{"syncToken": "1", "createDate": "2026-11-20-00-00-00", "prefixes": [
	{"ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "AMAZON",
	 "network_border_group": "eu-west-1"},
	{"ip_prefix": "192.0.2.0/28", "region": "eu-west-1", "service": "EC2",
	 "network_border_group": "eu-west-1-ldn-1a"},
	{"ip_prefix": "192.0.2.32/28", "region": "eu-west-1", "service": "EC2",
	 "network_border_group": "eu-west-1"},
	{"ip_prefix": "192.0.2.32/29", "region": "eu-west-1",
	 "service": "EC2_INSTANCE_CONNECT", "network_border_group": "eu-west-1"},
	{"ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "S3",
	 "network_border_group": "eu-west-1"}],
	"ipv6_prefixes": [{"ipv6_prefix": "2001:db8:5::/48", "region": "GLOBAL",
	 "service": "CLOUDFRONT", "network_border_group": "GLOBAL"}]}
	END
}

teardown() {
	[ ! -d dns ] || dns_stop dns
}

mmdb() {	# skips where there is no library for it
	ip-origin --version | grep -q libmaxminddb ||
		skip 'built without libmaxminddb'
	python3 "$QUELL_ROOT/tests/lib/mmdb_make.py" asn.mmdb GeoLite2-ASN <<-'END'
	{"net":"192.0.2.0/24","data":{"autonomous_system_number":64496,"autonomous_system_organization":"Example Net"}}
	{"net":"198.51.100.0/25","data":{"autonomous_system_number":4200000000,"autonomous_system_organization":"Ünïcode \u0007bell"}}
	{"net":"2001:db8::/32","data":{"autonomous_system_number":64498,"autonomous_system_organization":"Six"}}
	END
	python3 "$QUELL_ROOT/tests/lib/mmdb_make.py" country.mmdb DBIP-Country-Lite <<-'END'
	{"net":"192.0.0.0/16","data":{"country":{"iso_code":"DE"},"registered_country":{"iso_code":"US"}}}
	{"net":"192.0.2.64/26","data":{"country":{"iso_code":"FR"}}}
	{"net":"203.0.113.0/24","data":{"registered_country":{"iso_code":"JP"}}}
	END
	python3 "$QUELL_ROOT/tests/lib/mmdb_make.py" ipinfo.mmdb 'ipinfo ipinfo_lite.mmdb' <<-'END'
	{"net":"192.0.2.0/24","data":{"asn":"AS64511","as_name":"Info","country":"Germany","country_code":"DE"}}
	END
}

ask() {	# ARGUMENT...
	run -0 --separate-stderr ip-origin "$@"
}

@test "two databases: each gives what it has, for IPv4 and IPv6" {
	mmdb
	ask --db asn.mmdb --db country.mmdb 192.0.2.5 192.0.2.70 ::ffff:192.0.2.5 \
		2001:db8:7::1 203.0.113.200 198.51.100.200
	json_is "$(jq -s . <<<"$output")" '[.[].origin] |
		.[0].asn == 64496 and .[0].as_name == "Example Net" and
		.[0].country == "DE" and .[0].prefix == "192.0.2.0/24" and
		.[0].source == "GeoLite2-ASN,DBIP-Country-Lite" and
		.[1].country == "FR" and .[1].asn == 64496 and
		.[2] == .[0] and .[3].asn == 64498 and
		.[3].prefix == "2001:db8::/32" and (.[3] | has("country") | not) and
		.[4].country == "JP" and (.[4] | has("asn") | not) and
		.[4].prefix == "203.0.113.0/24" and
		.[5].why == "documentation" and .[5].special == "documentation"'
	ask --db ipinfo.mmdb 192.0.2.9
	is '.origin.asn == 64511 and .origin.as_name == "Info" and
		.origin.country == "DE"'
	# a large number, and a name that is not clean
	ask --db asn.mmdb 198.51.100.1
	is '.origin.asn == 4200000000 and .origin.as_name == "Ünïcode �bell"'
	# nothing but what it is
	run -65 --separate-stderr ip-origin --db asn.mmdb --db "$0" 192.0.2.1
	head -c 300 asn.mmdb >half.mmdb
	run -65 ip-origin --db half.mmdb 192.0.2.1
}

@test "a table of ranges: plain and packed, what is not routed, its network" {
	gzip -k ip2asn.tsv
	for f in ip2asn.tsv ip2asn.tsv.gz; do
		ask --db $f 192.0.2.77 198.51.100.5 198.51.100.77 2001:db8:0:1::5 \
			2001:db8:1::1 8.8.8.8
		json_is "$(jq -s 'map(.origin)' <<<"$output")" '
			.[0].asn == 64496 and .[0].prefix == "192.0.2.0/24" and
			.[0].country == "ZZ" and .[0].as_name == "EXAMPLE-NET" and
			.[1].asn == 64497 and .[1].prefix == "198.51.100.0/29" and
			.[2].why == "documentation" and .[3].asn == 64498 and
			.[3].prefix == "2001:db8::/48" and
			(.[4] | has("asn") | not) and .[5].why == "no-source-knows"'
	done
	echo 'nonsense' >bad.tsv
	run -65 --separate-stderr ip-origin --db bad.tsv 192.0.2.1
	[[ $stderr == *'bad.tsv:1: neither a database nor a range'* ]]
	: >empty.tsv
	run -65 ip-origin --db empty.tsv 192.0.2.1
}

@test "records keep all they have; which field; without an address they pass" {
	cat >in <<-'END'
	{"type":"mail","id":"m1","client_ip":"192.0.2.1","n":1.50,"deep":{"ip":"198.51.100.1"},"l":[1,null]}
	{"type":"scope","id":"all","x":true}
	{"type":"mail","id":"m2","client_ip":"not one"}

	192.0.2.9
	END
	ask --db ip2asn.tsv <in
	json_is "$(jq -s . <<<"$output")" 'length == 4 and
		.[0].n == 1.5 and .[0].deep.ip == "198.51.100.1" and
		.[0].l == [1, null] and .[0].origin.asn == 64496 and
		.[0].type == "mail" and (.[1] | has("origin") | not) and
		.[1].x and (.[2] | has("origin") | not) and
		.[3].type == "ip-origin" and .[3].id == "192.0.2.9"'
	ask --db ip2asn.tsv --field deep.ip <in
	json_is "$(jq -s . <<<"$output")" '.[0].origin.asn == 64497 and
		.[3].origin.asn == 64496'
	run -65 --separate-stderr ip-origin --db ip2asn.tsv <<<$'192.0.2.1\nmail.example'
	[[ $stderr == *'standard input:2: not an IP address: mail.example'* ]]
}

@test "columns: tabs or blanks, brackets, lines without an address stay in line" {
	printf 'a\t192.0.2.1\tb c\nx 2001:db8::1 y\n# no\n\nlog - H=(h) [198.51.100.1], x\n' >in
	ask --db ip2asn.tsv --column 2 <in
	[ "${lines[0]}" = $'a\t192.0.2.1\tb c\t64496\t192.0.2.0/24\tZZ\tEXAMPLE-NET' ]
	[ "${lines[1]}" = $'x 2001:db8::1 y\t64498\t2001:db8::/48\tZZ\tSIX' ]
	[ "${lines[2]}" = $'# no\t-\t-\t-\t-' ]
	[ "$(wc -l <<<"$output")" = 5 ]
	ask --db ip2asn.tsv --aws ip-ranges.json --column 4 <in
	[ "${lines[4]}" = $'log - H=(h) [198.51.100.1], x\t64497\t198.51.100.0/29\tQQ\tOTHER\t-\t-' ]
	run -64 ip-origin --db ip2asn.tsv --column 2 192.0.2.1
	run -64 ip-origin --db ip2asn.tsv --column 2 --field x <in
	run -74 bash -c 'ip-origin --db ip2asn.tsv --column 2 <in >/dev/full'
	head -c 70000 /dev/zero | tr '\0' x >long
	run -65 ip-origin --db ip2asn.tsv --column 1 <long
}

@test "AWS's ranges: all services, the closest region" {
	ask --db ip2asn.tsv --aws ip-ranges.json 192.0.2.1 192.0.2.200 \
		2001:db8:5::1 198.51.100.1 192.0.2.33
	json_is "$(jq -s 'map(.origin.aws)' <<<"$output")" '
		(.[0].services | sort) == ["AMAZON", "EC2", "S3"] and
		.[0].prefix == "192.0.2.0/28" and
		.[0].network_border_group == "eu-west-1-ldn-1a" and
		(.[1].services | sort) == ["AMAZON", "S3"] and
		.[1].region == "eu-west-1" and .[2].services == ["CLOUDFRONT"] and
		.[3] == null and (.[4].services | sort) ==
		["AMAZON", "EC2", "EC2_INSTANCE_CONNECT", "S3"]'
	for bad in '{}' '[]' '{"prefixes":[{"ip_prefix":"x"}]}' '{"prefixes":[1]}' ''; do
		printf %s "$bad" >bad.json
		run -65 ip-origin --aws bad.json 192.0.2.1
	done
}

cymru() {	# a name server with Team Cymru's zones
	peers_available 2>/dev/null || true
	cat >zones.json <<-'END'
	{"asn.cymru.com": {"records": {
	"8.8.8.8.origin": [["TXT", "15169 | 8.8.8.0/24 | US | arin | 2023-12-28"]],
	"1.1.1.1.origin": [["TXT", "13335 | 1.1.1.0/24 | AU | apnic | 2011-08-11"],
		["TXT", "64999 | 1.0.0.0/12 | US | arin | "],
		["TXT", "64998 | 9.0.0.0/9 | US | arin | "]],
	"4.3.2.44.origin": [["TXT", "23028 701 | 44.2.0.0/16 | US | arin | 1998-09-25"]],
	"4.3.2.45.origin": [["TXT", "666 | 0.0.0.0/0 | US | arin | 1998-09-25"]],
	"4.3.2.46.origin": [["TXT", "garbage"]],
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.0.2.origin6":
		[["TXT", "15169 | 2001:4860::/32 | US | arin | 2005-03-14"]],
	"AS15169": [["TXT", "15169 | US | arin | 2000-03-30 | GOOGLE, US"]],
	"AS13335": [["TXT", "13335 | US | arin | 2010-07-14 | CLOUDFLARENET - Cloudflare, Inc., US"]],
	"AS23028": [["TXT", "23028 | US | arin | 2002-01-04 | TEAM-CYMRU, US"]]
	}}}
	END
	fakedns_start dns zones.json --default servfail
	dns=(--dns --resolver "127.0.0.1:$(dns_port dns)")
}

asked() {
	jq -r .name dns/log.jsonl | sort
}

@test "Team Cymru: networks, several origins, names; a network is asked for once" {
	cymru
	: >none.tsv
	printf '192.0.2.0\t192.0.2.255\t64496\tZZ\tX\n' >one.tsv
	ask --db one.tsv "${dns[@]}" 8.8.8.8 8.8.8.77 1.1.1.1 44.2.3.4 \
		2001:4860:4860::1 2001:4860:ffff::1 10.1.2.3 192.0.2.9 203.0.113.5 127.0.0.9
	json_is "$(jq -s 'map(.origin)' <<<"$output")" '
		.[0].asn == 15169 and .[0].as_name == "GOOGLE, US" and
		.[0].prefix == "8.8.8.0/24" and .[0].registry == "arin" and
		.[0].source == "cymru" and .[1].asn == 15169 and
		.[2].asn == 13335 and .[2].prefix == "1.1.1.0/24" and
		(.[2] | has("asns") | not) and
		.[3].asns == [23028, 701] and .[3].as_name == "TEAM-CYMRU, US" and
		.[4].asn == 15169 and .[4].prefix == "2001:4860::/32" and
		.[6].why == "private" and .[7].asn == 64496 and
		.[8].why == "documentation" and .[9].special == "loopback"'
	# what is private or known is not asked about, a network only once
	run -1 grep -E '^(3.2.1.10|9.2.0.192|5.113|9.0.0.127|77.8)' <(asked)
	[ "$(asked | grep -c '8.8.8.8.origin')" = 1 ]
	[ "$(asked | grep -c '^as15169')" = 1 ]
	# the next run knows, also about others of that network, without asking
	: >dns/log.jsonl
	ask --db one.tsv "${dns[@]}" 44.2.200.9 8.8.8.1
	json_is "$(jq -s 'map(.origin)' <<<"$output")" '.[0].asns == [23028, 701] and
		.[1].as_name == "GOOGLE, US"'
	[ ! -s dns/log.jsonl ]
	[ "$(stat -c %a state/ip-origin.cache)" = 600 ]
	ask --db one.tsv "${dns[@]}" --no-cache 8.8.8.1
	is '.origin.why == "not-announced"'
	# an old entry, and one that somebody made up, are nothing
	printf 'p\t8.8.8.0/24\t1\tUS\tarin\t5\np\t8.8.8.0/24\t1\tUS\tarin\t99999999999\nx\np\t\n' \
		>state/ip-origin.cache
	ask --db one.tsv "${dns[@]}" 8.8.8.8
	is '.origin.asn == 15169'
}

@test "answers that lie or fail are no answers, and said so" {
	cymru
	printf '192.0.2.0\t192.0.2.255\t64496\tZZ\tX\n' >one.tsv
	run -75 --separate-stderr ip-origin --db one.tsv "${dns[@]}" 45.2.3.4 46.2.3.4
	json_is "$(jq -s 'map(.origin.why)' <<<"$output")" '. == ["bad-reply", "bad-reply"]'
	run -75 --separate-stderr ip-origin --db one.tsv "${dns[@]}" 46.2.3.4 8.8.8.8
	json_is "$(jq -s 'map(.origin.asn)' <<<"$output")" '. == [null, 15169]'
	# nothing of that is kept
	run -1 grep -E '^p.(0|45|46)\.' state/ip-origin.cache
	jq '.["asn.cymru.com"].mode = "servfail"' zones.json >z && mv z zones.json
	run -75 --separate-stderr ip-origin --db one.tsv "${dns[@]}" 9.9.9.9
	is '.origin.why == "servfail"'
}

@test "nobody is asked unless it is asked for" {
	cymru
	printf '192.0.2.0\t192.0.2.255\t64496\tZZ\tX\n' >one.tsv
	ask --db one.tsv 8.8.8.8
	is '.origin.why == "no-source-knows"'
	[ ! -s dns/log.jsonl ]
	run -64 ip-origin --db one.tsv --resolver 127.0.0.1:9 8.8.8.8
	[ ! -e state/ip-origin.cache ]
}

@test "stopped before the end: 75, and what was read is written" {
	mkfifo in
	ip-origin --db ip2asn.tsv -o json <in >out 2>err 3>&- &
	pid=$!
	exec 9>in
	echo 192.0.2.1 >&9
	peers_wait 10 test -s out
	kill "$pid"
	echo 192.0.2.2 >&9
	rc=0
	wait "$pid" || rc=$?
	exec 9>&-
	[ "$rc" = 75 ]
	[[ $(<err) == *'stopped: the rest was not read' ]]
	[ "$(jq -r .id out | head -n 1)" = 192.0.2.1 ]
}

@test "usage" {
	run -64 ip-origin --db ip2asn.tsv --column x
	run -64 ip-origin --db ip2asn.tsv --column 1001 </dev/null
	run -66 ip-origin --db nothing 192.0.2.1
	args=()
	for _ in {1..9}; do args+=(--db ip2asn.tsv); done
	run -64 ip-origin "${args[@]}" 192.0.2.1
}

@test "the examples of the man page" {
	cp ip2asn.tsv asn.mmdb
	if ip-origin --version | grep -q libmaxminddb; then
		mmdb
	fi
	printf '192.0.2.1\n198.51.100.1\n' >addresses
	printf '{"type":"x","id":"1","ip":"192.0.2.1"}\n{"type":"x","id":"2"}\n' >events
	printf 'a b 192.0.2.1\n' >table
	run_examples ip-origin
}
