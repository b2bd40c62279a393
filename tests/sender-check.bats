#!/usr/bin/env bats
# sender-check: findings about domains, hosts and addresses, from a table of
# zones; SPF's own cases; policies and ports on loopback.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/dns

setup_file() {
	export S=$BATS_FILE_TMPDIR
	cd "$S" || return
	local bits
	for bits in 512 1024 2048; do
		openssl genrsa "$bits" 2>/dev/null |
			openssl rsa -pubout -outform DER 2>/dev/null |
			base64 -w0 >"k$bits"
	done
	openssl genrsa 2048 2>/dev/null | openssl rsa -RSAPublicKey_out \
		-outform DER 2>/dev/null | base64 -w0 >kbare
	jq -n --rawfile big k2048 --rawfile mid k1024 --rawfile small k512 \
		--rawfile bare kbare '
	def tlsa: "030101" + ("ab" * 32);
	{"good.test": {records: {
	 "@": [["MX", "10 mx.good.test"], ["TXT", "something else"],
	    ["TXT", "v=spf1 ip4:192.0.2.10 include:_spf.good.test -all"]],
	 "_spf": [["TXT", "v=spf1 ip6:2001:db8:0:1::/64 -all"]],
	 "mx": [["A", "192.0.2.10"], ["AAAA", "2001:db8::10"],
	    ["TXT", "v=spf1 a -all"]],
	 "_25._tcp.mx": [["TYPE52", tlsa], ["TYPE52", "000101" + ("ab" * 32)]],
	 "liar": [["A", "192.0.2.11"]],
	 "host-12.2.0.192": [["A", "192.0.2.12"]],
	 "s1._domainkey": [["TXT", "v=DKIM1; k=rsa; p=" + $big]],
	 "mid._domainkey": [["TXT", "v=DKIM1; t=y:s; p=" + $mid]],
	 "small._domainkey": [["TXT", "v=DKIM1; p=" + $small]],
	 "bare._domainkey": [["TXT", "k=rsa; p=" + $bare]],
	 "gone._domainkey": [["TXT", "v=DKIM1; p="]],
	 "ed._domainkey": [["TXT",
	    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]],
	 "two._domainkey": [["TXT", "v=DKIM1; p=" + $big],
	    ["TXT", "v=DKIM1; p=" + $mid]],
	 "alias._domainkey": [["CNAME", "s1._domainkey.good.test"]],
	 "text._domainkey": [["TXT", "hello"]],
	 "_dmarc": [["TXT", "v=DMARC1; p=reject; rua=mailto:d@good.test"]],
	 "_mta-sts": [["TXT", "v=STSv1; id=20260101"]],
	 "_smtp._tls": [["TXT", "v=TLSRPTv1; rua=mailto:t@good.test"]],
	 "bounce": [["MX", "10 feedback-smtp.us-east-1.amazonses.com"],
	    ["TXT", "v=spf1 include:amazonses.com ~all"]],
	 "wrong": [["MX", "10 feedback-smtp.eu-west-1.amazonses.com"],
	    ["TXT", "v=spf1 ip4:192.0.2.1 ~all"]]}},
	"all.test": {records: {"@": [["A", "192.0.2.80"],
	    ["TXT", "v=spf1 a +all"]],
	    "_dmarc": [["TXT", "v=DMARC1; p=none; pct=50; adkim=x"]]}},
	"two.test": {records: {"@": [["MX", "0 ."], ["TXT", "v=spf1 mx -all"],
	    ["TXT", "v=spf1 ip4:192.0.2.7 -all"]],
	    "_dmarc": [["TXT", "v=DMARC1; p=reject"],
	    ["TXT", "v=DMARC1; p=none"]]}},
	"many.test": {records: {"@": [["MX", "10 nowhere.many.test"],
	    ["TXT", "v=spf1 " + ("a:mx.good.test " * 11) + "-all"]],
	    "_dmarc": [["TXT", "v=DMARC1; p=quarantine; t=y; rua=mailto:r@good.test"]]}},
	"ten.test": {records: {"@": [["MX", "10 mx.good.test"], ["TXT",
	    "v=spf1 ptr a:n1.test " + ("a:mx.good.test " * 8) +
	    "?all"]], "_dmarc": [["TXT", "v=DMARC1; sp=oops"]]}},
	"macro.test": {records: {"@": [["TXT",
	    "v=spf1 exists:%{l1r-}.%{i}.%{h}.ok.test -all exp=why.macro.test"]],
	    "why": [["TXT", "not %{s} from %{c}"]]}},
	"ok.test": {records: {"news.192.0.2.10.he.lo": [["A", "127.0.0.2"]]}},
	"sub.test": {records: {"_dmarc": [["TXT",
	    "v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:a@sub.test"]],
	    "a": [["MX", "10 mx.good.test"]]}},
	"amazonses.com": {records: {"@": [["TXT",
	    "v=spf1 ip4:198.51.100.0/24 -all"]]}},
	"test": {mode: "nxdomain"}, "example": {mode: "nxdomain"}, "com": {mode: "nxdomain"},
	"2.0.192.in-addr.arpa": {records: {"10": [["PTR", "mx.good.test"]],
	    "11": [["PTR", "mx.good.test"]],
	    "12": [["PTR", "host-12.2.0.192.good.test"]]}},
	"8.b.d.0.1.0.0.2.ip6.arpa": {records: {
	    "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0":
	    [["PTR", "mx.good.test"]]}},
	"silent.test": {mode: "drop"}, "failing.test": {mode: "servfail"},
	"refusing.test": {mode: "refused"}}' >zones.json
	fakedns_start "$S/dns" "$S/zones.json"
	PORT=$(dns_port "$S/dns")
	export PORT
}

teardown_file() {
	dns_stop "$S/dns"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	local d
	for d in "$BATS_TEST_TMPDIR"/*/pid; do
		[ ! -e "$d" ] || peers_stop_file "$d"
	done
}

check() {
	sender-check --resolver "127.0.0.1:$PORT" "$@"
}

# finding ID CHECK FILTER: jq says true of that record of $output
finding() {
	jq -se --arg i "$1" --arg c "$2" 'map(select(.id == $i and .check == $c))
		| length > 0 and all(.[]; '"$3"')' <<<"$output" >/dev/null || {
		jq -c --arg i "$1" 'select(.id == $i)' <<<"$output"
		return 1
	}
}

@test "a domain as it should be: no finding is bad" {
	run -0 --separate-stderr check --ip 192.0.2.10 --selector s1 good.test
	[ -z "$stderr" ]
	jq -se 'all(.[]; .type == "sender-finding" and (.verdict == "pass" or
		.check == "dane")) and map(.check) == ["rdns", "helo", "mx", "spf",
		"spf-address", "dkim", "dmarc", "mta-sts", "tls-rpt", "dane"]' \
		<<<"$output"
	finding good.test spf '.result == "fail" and .lookups == 1 and
		.seen == ["v=spf1 ip4:192.0.2.10 include:_spf.good.test -all"] and
		.publish == [] and .source == "RFC 7208"'
	finding good.test spf-address '.result == "pass" and
		.trace[0].term == "ip4:192.0.2.10" and .trace[0].outcome == "match"'
	finding good.test dane '.verdict == "warn" and (.why |
		test("usage is not 2 or 3") and test("DNSSEC")) and
		.name == "_25._tcp.mx.good.test" and (.seen[0] |
		startswith("3 1 1 abab"))'
	run -1 check --strict good.test
}

@test "SPF: everybody let in, two records, too many lookups, dead names, ptr" {
	run -1 --separate-stderr check all.test two.test many.test ten.test none.test
	finding all.test spf '.verdict == "fail" and .result == "pass" and
		.publish == ["all.test. IN TXT \"v=spf1 a ~all\""]'
	finding two.test spf '.verdict == "fail" and (.why | test("several")) and
		.publish == ["two.test. IN TXT \"v=spf1 mx ip4:192.0.2.7 ~all\""] and
		(.seen | length) == 2'
	finding many.test spf '.verdict == "fail" and .result == "permerror" and
		(.why | test("more than 10 lookups"))'
	finding ten.test spf '.verdict == "warn" and .result == "neutral" and
		.lookups == 10 and .void_lookups == 2 and (.why |
		test("10 of 10 lookups") and test("1 of its names lead to nothing") and
		test("uses ptr"))'
	finding none.test spf '.verdict == "fail" and .result == "none" and
		.publish == ["none.test. IN TXT \"v=spf1 mx ~all\""]'
}

@test "SPF of an address that may not send: the record that lets it" {
	run -1 --separate-stderr check --ip 192.0.2.99 --ip 2001:db8:0:1::5 good.test
	jq -se 'map(select(.check == "spf-address")) | map(.verdict) ==
		["fail", "pass"] and .[0].result == "fail" and
		.[0].publish[0] == "good.test. IN TXT \"v=spf1 ip4:192.0.2.99 ip4:192.0.2.10 include:_spf.good.test ~all\"" and
		(.[1].trace | map(.depth) == [1, 1, 2]) and
		.[1].trace[1].outcome == "match" and
		.[1].trace[1].asked == "_spf.good.test"' <<<"$output"
	# the mail address, the HELO name and the address are in macros
	run --separate-stderr check --ip 192.0.2.10 --ip 192.0.2.9 --helo he.lo \
		News-Letter@macro.test
	jq -se 'map(select(.check == "spf-address")) | map(.result) ==
		["pass", "fail"] and .[1].explanation ==
		"not News-Letter@macro.test from 192.0.2.9"' <<<"$output"
	run --separate-stderr check --ip 192.0.2.10 --helo he.lo Letter-News@macro.test
	finding macro.test spf-address '.result == "fail" and
		.trace[0].asked == "Letter.192.0.2.10.he.lo.ok.test"'
	run -1 --separate-stderr check --ip 192.0.2.99 --ip 2001:db8:0:1::5 good.test
	# an address of its own is checked, too
	finding 192.0.2.99 rdns '.verdict == "fail"'
}

@test "DKIM keys: sizes, testing, revoked, forms, several, none" {
	run -1 --separate-stderr check --selector mid --selector small \
		--selector bare --selector gone --selector ed --selector two \
		--selector alias --selector text --selector nokey good.test
	jq -se 'map(select(.check == "dkim")) | map({(.name | split(".")[0]): .}) |
		add | .mid.verdict == "warn" and (.mid.why | test("1024") and
		test("t=y")) and (.mid.publish[0] | test("v=DKIM1; t=s; p=")) and
		.small.verdict == "fail" and (.small.why | test("512")) and
		.bare.verdict == "warn" and (.bare.why | test("RSAPublicKey")) and
		.gone.verdict == "fail" and (.gone.why | test("revoked")) and
		.ed.verdict == "warn" and .two.verdict == "fail" and
		.alias.verdict == "pass" and (.alias.why | test("RSA of 2048")) and
		.text.verdict == "fail" and .nokey.verdict == "fail" and
		(.nokey.publish[0] | startswith("nokey._domainkey.good.test. IN TXT"))' \
		<<<"$output"
	# no selector known
	run -1 --separate-stderr check good.test none.test
	finding good.test dkim '.verdict == "none"'
	finding none.test dkim '.verdict == "warn" and (.why | test("no key at all"))'
}

@test "DMARC: policies, tags that are no more, several, subdomains, reports" {
	run -1 --separate-stderr check all.test two.test many.test ten.test \
		a.sub.test x.sub.test none.test
	finding all.test dmarc '.verdict == "warn" and (.why | test("p=none") and
		test("pct, rf and ri") and test("not understood") and test("no rua")) and
		.publish == ["_dmarc.all.test. IN TXT \"v=DMARC1; p=quarantine; adkim=x; rua=mailto:dmarc-reports@all.test\""]'
	finding two.test dmarc '.verdict == "fail" and (.why | test("several"))'
	finding many.test dmarc '.verdict == "warn" and (.why | test("t=y") and
		test("good.test has not agreed")) and (.publish |
		index("many.test._report._dmarc.good.test. IN TXT \"v=DMARC1\"")) and
		(.publish[0] | test("p=quarantine; rua=mailto:r@good.test\"$"))'
	finding ten.test dmarc '.verdict == "fail" and (.why | test("without rua"))'
	finding a.sub.test dmarc '.verdict == "pass" and (.why |
		test("policy quarantine, of sub.test"))'
	finding x.sub.test dmarc '.verdict == "warn" and (.why |
		test("policy none, of sub.test"))'
	finding none.test dmarc '.verdict == "fail" and .publish ==
		["_dmarc.none.test. IN TXT \"v=DMARC1; p=none; rua=mailto:dmarc-reports@none.test\""]'
}

@test "MX: null, dead hosts, none at all" {
	run -1 --separate-stderr check two.test many.test all.test none.test
	finding two.test mx '.verdict == "warn" and (.why | test("null MX"))'
	finding many.test mx '.verdict == "fail" and (.why | test("no host"))'
	finding all.test mx '.verdict == "warn" and
		.publish == ["all.test. IN MX 10 all.test."]'
	finding none.test mx '.verdict == "fail"'
	finding none.test mta-sts '.verdict == "none" and (.publish[0] |
		test("^_mta-sts.none.test. IN TXT \"v=STSv1; id=[0-9]{12}\"$"))'
	finding none.test tls-rpt '.verdict == "none" and (.publish | length) == 1'
}

@test "addresses: confirmed names, liars, generic ones, HELO" {
	run -1 --separate-stderr check 192.0.2.10 192.0.2.11 192.0.2.12 192.0.2.13 \
		2001:db8::10 ::ffff:192.0.2.10
	# the mapped one is the first once more
	[ "$(jq -s 'map(select(.id == "192.0.2.10" and .check == "rdns")) | length' <<<"$output")" = 1 ]
	finding 192.0.2.10 rdns '.verdict == "pass"'
	finding 192.0.2.10 helo '.verdict == "pass" and .name == "mx.good.test"'
	finding 2001:db8::10 rdns '.verdict == "pass"'
	finding 192.0.2.11 rdns '.verdict == "fail" and
		.publish == ["mx.good.test. IN A 192.0.2.11"]'
	finding 192.0.2.12 rdns '.verdict == "warn" and (.why | test("provider"))'
	finding 192.0.2.13 rdns '.verdict == "fail" and
		.publish == ["13.2.0.192.in-addr.arpa. IN PTR mail.example.com."]'
	run -1 --separate-stderr check --helo mx.good.test 192.0.2.11
	finding 192.0.2.11 helo '.verdict == "fail" and (.why |
		test("other addresses") and test("SPF of mx.good.test says fail"))'
	run -1 --separate-stderr check --helo localhost 192.0.2.10
	finding 192.0.2.10 helo '.verdict == "fail"'
	run -1 --separate-stderr check --host liar.good.test nohost.good.test
	finding 192.0.2.11 rdns '.verdict == "fail"'
	finding 192.0.2.11 helo '.verdict == "pass" and .name == "liar.good.test"'
	finding nohost.good.test address '.verdict == "fail"'
}

@test "what the DNS does not answer is unknown, never bad: 75" {
	local d
	for d in failing.test refusing.test; do
		run -75 --separate-stderr check "$d"
		jq -se 'all(.[]; .verdict == "unknown" and .reason != null and
			.publish == [])' <<<"$output"
	done
	finding refusing.test spf '.reason == "refused" and .result == "temperror"'
	run -75 --separate-stderr check -t 1 silent.test
	finding silent.test dmarc '.reason == "timeout"'
	# a no counts for more
	run -1 check failing.test all.test
	run -75 sender-check -t 1 --resolver 127.0.0.1:9 192.0.2.10
	run -78 sender-check --resolver no.such.host.invalid good.test
}

@test "SES: MAIL FROM, its region, alignment" {
	run -0 --separate-stderr check --ses us-east-1 --mail-from bounce.good.test \
		--selector s1 good.test
	finding bounce.good.test ses-mail-from '.verdict == "pass"'
	finding bounce.good.test spf-address '.result == "pass"'
	finding good.test alignment '.verdict == "pass"'
	run -1 --separate-stderr check --ses us-east-1 --mail-from wrong.good.test good.test
	finding wrong.good.test ses-mail-from '.verdict == "fail" and (.why |
		test("eu-west-1") and test("does not include")) and .publish ==
		["wrong.good.test. IN MX 10 feedback-smtp.us-east-1.amazonses.com.",
		"wrong.good.test. IN TXT \"v=spf1 include:amazonses.com ~all\""]'
	run -0 --separate-stderr check --ses us-east-1 good.test
	finding good.test ses-mail-from '.verdict == "warn" and (.publish[0] |
		test("^bounce.good.test. IN MX 10 feedback-smtp.us-east-1"))'
	finding good.test alignment '.verdict == "warn" and (.why | test("by DKIM only"))'
}

@test "the identities of ses-status, and other records" {
	cat >identities.jsonl <<-'END'
	{"type":"ses-identity","id":"good.test","region":"us-east-1","kind":"DOMAIN","dkim_tokens":["tok1","s1"],"mail_from":"bounce.good.test"}
	{"type":"ses-identity","id":"sales@good.test","region":"us-east-1","dkim_selector":"s1"}
	END
	run -1 --separate-stderr check <identities.jsonl
	jq -se 'map(select(.check == "dkim")) | map([.name, .verdict]) ==
		[["tok1._domainkey.good.test", "fail"],
		["s1._domainkey.good.test", "pass"]] and .[0].publish ==
		["tok1._domainkey.good.test. IN CNAME tok1.dkim.amazonses.com."]' \
		<<<"$output"
	finding bounce.good.test ses-mail-from '.verdict == "pass"'
	# the address before its domain: what the domain knows is not lost
	run -1 --separate-stderr check < <(tac identities.jsonl)
	jq -se 'map(select(.check == "dkim")) | map([.name, .verdict]) ==
		[["s1._domainkey.good.test", "pass"],
		["tok1._domainkey.good.test", "fail"]]' <<<"$output"
	finding bounce.good.test ses-mail-from '.verdict == "pass"'
	# a report's address, a bare key, twice
	run -0 --separate-stderr check < <(printf '%s\n' \
		'{"type":"listing","id":"x","ip":"192.0.2.10"}' 192.0.2.10 \
		'{"type":"host","domain":"Good.TEST."}' good.test)
	[ "$(jq -s 'map(select(.check == "rdns" or .check == "mx").id) | join(" ")' <<<"$output")" = \
		'"192.0.2.10 good.test"' ]
}

@test "a message: From, its signatures, its envelope" {
	cat >mail.eml <<-'END'
	Return-Path: <x@bounce.good.test>
	DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=x;
	 h=from; b=abc
	DKIM-Signature: v=1; a=rsa-sha256;
	 d=good.test; s=s1; h=from; b=abc
	From: "Shop @ Home" <news@Good.test>
	To: a@example.org

	hello
	END
	run -1 --separate-stderr check --message mail.eml
	jq -se 'map(select(.check == "dkim").name) == ["x._domainkey.other.example",
		"s1._domainkey.good.test"]' <<<"$output"
	finding good.test alignment '.verdict == "pass" and .seen ==
		["From: good.test", "DKIM d=good.test", "MAIL FROM: bounce.good.test"]'
	run -1 check --message - <mail.eml
	printf 'To: a@example.org\n\nx\n' >nofrom
	run -65 --separate-stderr check --message nofrom
	[[ $stderr == 'sender-check: nofrom: no From with a domain' ]]
	run -66 check --message nothing
	printf 'From: <a@localhost>\n\nx\n' >local
	run -65 check --message local
}

@test "MTA-STS: the policy, from a web server" {
	mkdir web
	local policy=$'version: STSv1\r\nmode: enforce\r\nmx: *.good.test\r\nmax_age: 604800\r\n' port
	printf '%s' "$policy" >web/policy
	python3 - "$PWD/web" <<-'END' 3>&- &
	import functools, http.server, sys
	h = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
	s = http.server.HTTPServer(("127.0.0.1", 0), h)
	s.RequestHandlerClass.log_message = None
	open(sys.argv[1] + "/port.new", "w").write(str(s.server_port))
	import os; os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
	s.serve_forever()
	END
	echo $! >web/pid
	peers_wait 10 test -s web/port
	port=$(<web/port)
	run -0 --separate-stderr check --online-policy \
		--policy-url "http://127.0.0.1:$port/policy?{domain}" good.test
	finding good.test mta-sts-policy '.verdict == "pass" and
		.name == "http://127.0.0.1:'"$port"'/policy?good.test"'
	printf '%s' "${policy/\*.good/other}" >web/policy
	run -1 --separate-stderr check --online-policy \
		--policy-url "http://127.0.0.1:$port/policy" good.test
	finding good.test mta-sts-policy '.verdict == "fail" and
		.publish == ["mx: mx.good.test"]'
	run -1 --separate-stderr check --online-policy \
		--policy-url "http://127.0.0.1:$port/none" good.test
	finding good.test mta-sts-policy '.verdict == "fail" and (.why | test("404"))'
	# no server there: not known
	run -75 --separate-stderr check --online-policy \
		--policy-url "http://127.0.0.1:9/policy" good.test
	finding good.test mta-sts-policy '.verdict == "unknown"'
	# not asked unless it was said
	run -0 --separate-stderr check good.test
	run ! grep -q mta-sts-policy <<<"$output"
}

@test "port and relay of hosts that are named" {
	local open shut
	peers_sink smtp_sink "$PWD/open" --sessions
	peers_sink smtp_sink "$PWD/shut" --sessions \
		--reply 'rcpt=550 5.7.1 relaying denied'
	open=$(<open/port) shut=$(<shut/port)
	run -1 --separate-stderr check --ports --relay-test --port "$open" 127.0.0.1
	finding 127.0.0.1 port-25 '.verdict == "warn" and .name == "127.0.0.1:'"$open"'"'
	finding 127.0.0.1 open-relay '.verdict == "fail" and (.seen[0] |
		test("^foreign-to-foreign: 250$"))'
	run --separate-stderr check --relay-test --port "$shut" 127.0.0.1
	finding 127.0.0.1 open-relay '.verdict == "pass" and (.seen[0] |
		test("^foreign-to-foreign: 550$"))'
	# nothing was sent, and nothing at all unless it was said
	run ! grep -qi '"data' open/sessions.jsonl
	[ ! -s open/log.jsonl ]
	wc -l <shut/sessions.jsonl >before
	run --separate-stderr check --port "$shut" 127.0.0.1
	[ "$(wc -l <shut/sessions.jsonl)" = "$(<before)" ]
	run --separate-stderr check --ports --relay-test --port 9 127.0.0.1
	finding 127.0.0.1 port-25 '.verdict == "pass"'
	finding 127.0.0.1 open-relay '.verdict == "unknown" and .reason == "no-answer"'
}

@test "--nagios: a line, and 0 1 2 3" {
	run -0 --separate-stderr check --nagios 192.0.2.10
	[[ $output == "SENDER OK - nothing to mend | fail=0 warn=0 unknown=0 pass=2" ]]
	run -1 --separate-stderr check --nagios good.test
	[[ $output == "SENDER WARNING - good.test: dane warn ("* ]]
	run -2 --separate-stderr check --nagios good.test all.test
	[[ $output == "SENDER CRITICAL - "*"all.test: spf fail (it lets any"* ]]
	run -3 --separate-stderr check --nagios failing.test
	[[ $output == "SENDER UNKNOWN - "* ]]
}

@test "bad usage and bad input" {
	run -65 --separate-stderr check 'no domain'
	[[ $stderr == *": neither a domain nor an address: no domain" ]]
	[ -z "$output" ]
	run -65 --separate-stderr check bücher.test
	[[ $stderr == *"hint: write it in ASCII (xn--...)" ]]
	run -65 check localhost
	run -65 check good.test 'bad..test'
	run -64 check --host --selector s1 good.test
	run -64 check --policy-url http://127.0.0.1/ good.test
	run -64 check --ip 300.0.0.1 good.test
	run -64 check --selector 'a b' good.test
	run -64 check --mail-from 'a b' good.test
	run -64 check --port 0 good.test
	run -64 --separate-stderr check </dev/null
	[ -z "$output" ]
}

@test "SPF's own cases" {
	[ -x "$QUELL_B/unit/spf_tool" ] || skip "make units"
	run -0 "$QUELL_B/unit/spf_tool" <"$QUELL_ROOT/tests/spf/cases.tsv"
	[[ $output == "$(grep -c ^case "$QUELL_ROOT/tests/spf/cases.tsv") passed, 0 failed" ]]
	# a wrong result is noticed
	run -1 "$QUELL_B/unit/spf_tool" < <(sed 's/\tpermerror$/\tpass/' \
		"$QUELL_ROOT/tests/spf/cases.tsv")
}

@test "examples of the manual" {
	cat >mail.eml <<-'END'
	DKIM-Signature: v=1; d=good.test; s=gone; b=x
	From: a@good.test

	x
	END
	printf '%s\n' '{"type":"ses-identity","id":"good.test","region":"us-east-1","dkim_tokens":["tok1"]}' \
		>identities.jsonl
	# shellcheck disable=SC2317
	sender-check() {
		command sender-check --resolver "127.0.0.1:$PORT" "$@"
	}
	export -f sender-check
	run_examples sender-check
}
