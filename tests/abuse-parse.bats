#!/usr/bin/env bats
# abuse-parse: every variant of notice that was seen, and hostile ones
# shellcheck disable=SC2154 # bats sets stderr

load lib/quell

D=$BATS_TEST_DIRNAME/data/notice
NOW=2026-03-02T13:00:00Z

# parse FILE: the record is left in $output
parse() {
	run -0 --separate-stderr abuse-parse --now "$NOW" -o json "$D/$1"
	[ "${#lines[@]}" -eq 1 ]
	[ "${#output}" -lt 65536 ]
}

# is FILTER: the jq filter holds for the record
is() {
	jq -e "$1" <<<"$output" >/dev/null || {
		echo "not so: $1"
		jq . <<<"$output"
		return 1
	}
}

@test "1: a first notice; the complaint's own facts are not believed" {
	parse 01-initial.eml
	is '.type == "report" and .id == "aws-20000000001"'
	is '.provider == "aws" and .from == "abuse-parse"'
	is '.time == "2026-03-02T13:00:00Z"'
	is '.case == "20000000001-1" and .case_root == "20000000001"'
	is '.account == "222233334444" and .region == "ap-northeast-1"'
	is '[.resources[].id] ==
	    ["i-0aa11bb22cc33dd44", "eni-0bb22cc33dd44ee55"]'
	is 'all(.resources[]; .region == "ap-northeast-1" and
	    .account == "222233334444")'
	is '.activity == "spam" and .stage == "new" and .urgent == false'
	is '.received == "2026-03-02T10:00:30Z"'
	is '.due == "2026-03-03T10:00:00Z"'
	is '.channel == "mail" and .authentic == "pass" and .depth == 0'
	is '.reply_to == "trustandsafety@support.aws.com"'
	is '.to == "security@example.org" and .message_id == "<n1@email.example>"'
	is '.subject ==
	    "Your AWS Abuse Report [20000000001-1] [AWS ID 222233334444]"'
	is '.conflicts == [] and .partial == false'
	is '.provenance.case.source == "subject" and
	    .provenance.region == {source: "body", line: 5} and
	    .provenance.due.source == "default"'
}

@test "the complaint leads to our side" {
	parse 01-initial.eml
	is '.complaint.present'
	is '.complaint.ips == ["203.0.113.77", "2001:db8::25"]'
	is '.complaint.exim_ids == [
	    {id: "1uABCd-0001Xy-2Z", time: "2025-04-30T17:26:35Z",
	     by: "mx.victim.example", ours: false,
	     date: "2026-03-02T09:00:47Z", skew: 26408052, ok: false},
	    {id: "1uABCa-00000002Abc-1fGh", time: "2025-04-30T17:26:32Z",
	     by: "web2.example.net", ours: false,
	     date: "2026-03-02T09:00:40Z", skew: 26408048, ok: false}]'
	is '.complaint.message_ids ==
	    ["<E1uABCa-00000002Abc-1fGh@web2.example.net>"]'
	is '.complaint.subjects == ["You have wön"]'
	is '.complaint.php_script == "1001:mail.php"'
	is '.complaint.auth_user == "shop"'
	is '.complaint.sha256 | test("^[0-9a-f]{64}$")'
	is '.complaint.excerpt | startswith("Dear team") and length <= 2000'
}

@test "2: open proxy; the warning that is in every notice is not urgent" {
	parse 02-open-proxy.eml
	is '.activity == "open-proxy" and .urgent == false'
	is '.complaint.present == false'
}

@test "3: a follow-up: the terminated instance is marked" {
	parse 03-follow-up.eml
	is '[.resources[] | [.id, .gone]] == [["i-0aa11bb22cc33dd44", true],
	    ["i-0cc33dd44ee55ff66", null]]'
	is '.region == null and .activity == "open-proxy"'
}

@test "4: a reminder without account, region and resource" {
	parse 04-reminder.eml
	is '.stage == "reminder" and .account == null and .region == null'
	is '.resources == [] and .activity == "port-scan"'
	is '.abuse_time == "01 Mar 2026 14:46:47 GMT"'
	is '.provenance.due == {source: "body", line: 4,
	    words: "within 24 hours"}'
}

@test "5: final notification; quoted lines are not facts" {
	parse 05-final.eml
	is '.stage == "final" and .urgent and .account == "222233334444"'
	is '.resources == [] and .region == "ap-northeast-1"'
}

@test "6-8: a table, an old form, a mitigation" {
	parse 06-dos-table.eml
	is '.activity == "dos" and .region == "ap-northeast-2"'
	is '.abuse_time == "2026-03-01 02:04:18 UTC"'
	is '[.resources[] | [.kind, .id]] == [["instance", "i-0aa11bb2"],
	    ["ip", "192.0.2.33"]]'
	parse 07-old.eml
	is '.case == "20000000002-1" and .provenance.case.source == "body"'
	is '.resources[0].id == "i-9ab75f00" and .activity == "intrusion"'
	parse 08-mitigated.eml
	is '.stage == "final" and .activity_text == "Brute force"'
}

@test "9, 10: resolved is not due; advice is a conversation" {
	parse 09-resolved.eml
	is '.stage == "resolved" and .due == null'
	is '.references == ["<n1@email.example>", "<ack-1@example.org>"]'
	parse 10-advice.eml
	is '.activity == null and .region == "us-west-2"'
}

@test "11-14: support cases, a policy notice, a copy of a Health event" {
	parse 11-key-exposed.eml
	is '.channel == "support-case" and .reply_to == null'
	is '.case == "170000000000009" and .activity == "credentials-exposed"'
	is '.resources == [{kind: "access-key", id: "AKIAABCDEFGHIJKLMNOP",
	    region: null}, {kind: "iam-user", id: "mailer", region: null}]'
	is '.due == "2026-03-05T00:00:00Z" and .urgent and .region == null'
	parse 12-policy.eml
	is '.due == "2026-03-27T06:16:00Z" and .activity == "account-review"'
	is '.case == null and (.id | test("^aws-[0-9a-f]{24}$"))'
	parse 13-ses-review.eml
	is '.region == "ap-northeast-1" and .account == "222233334444"'
	is '.case == "170000000000010" and .channel == "support-case"'
	parse 14-health-copy.eml
	is '.channel == "none" and .account == "222233334444"'
}

@test "HTML only: hidden text does not count, split words do" {
	parse 20-html-only.eml
	is '.account == "222233334444" and .region == "us-west-2"'
	is '.activity == "phishing" and .case == "P000111222"'
	is '.resources == [{kind: "bucket", id: "assets-example-test",
	    region: "us-west-2", account: "222233334444"}]'
}

@test "forwarded as an attachment, in ISO-2022-JP, under the sandbox" {
	parse 21-forwarded-attachment-jis.eml
	is '.depth == 1 and .authentic == "unverified"'
	is '.account == "222233334444" and .message_id == "<n1@email.example>"'
	is '.to == "oncall@example.org" and .due == "2026-03-03T10:00:00Z"'
	is '.received == "2026-03-02T12:00:00Z"'
	is '.complaint.exim_ids | length == 2'
}

@test "five forwards deep is read, six is not" {
	local n
	cd "$BATS_TEST_TMPDIR"
	sed -n '/^From:/,$p' "$D/01-initial.eml" >m0
	for n in 1 2 3 4 5 6; do
		{
			printf 'From: a@example.org\nContent-Type: '
			printf 'message/rfc822\n\n'
			cat m$((n - 1))
		} >m$n
	done
	run -0 --separate-stderr abuse-parse --now "$NOW" m5
	is '.depth == 5 and .account == "222233334444"'
	run -65 --separate-stderr abuse-parse --now "$NOW" m6
}

@test "a Japanese notice: full-width digits, region name, time limit" {
	parse 22-japanese.eml
	is '.account == "222233334444" and .region == "ap-northeast-1"'
	is '.activity == "phishing" and .case == "20000000003-1"'
	is '.subject == "Your AWS Abuse Report [20000000003-1]（重要）"'
	is '.activity_text == "フィッシング"'
	is '.provenance.due.source == "body"'
}

@test "forwarded in the text, quoted and flowed" {
	parse 23-inline.eml
	is '.depth == 1 and .authentic == "unverified"'
	is '.account == "222233334444" and .case == "20000000001-1"'
	is '.resources[0].id == "i-0aa11bb22cc33dd44"'
	is '.sender == "trustandsafety@support.aws.com"'
	is '.due == "2026-03-03T10:00:00Z" and .complaint.present'
}

@test "rewritten by a list; prefixed by a ticket system" {
	parse 24-list.eml
	is '.sender == "trustandsafety@support.aws.com"'
	is '.reply_to == "trustandsafety@support.aws.com"'
	is '.authentic == "unverified" and .id == "aws-20000000001"'
	parse 25-ticket.eml
	is '.id == "aws-20000000001" and .activity == "malware"'
	is '.account == "222233334444"'
}

@test "forged: read, and marked" {
	parse 26-forged.eml
	is '.authentic == "fail" and (.auth_why | test("dmarc=fail"))'
	is '.reply_to == null and .conflicts[0].field == "reply_to"'
	is '.conflicts[0].values[0].value == "aws-abuse@evil.example"'
	parse 27-lookalike.eml
	is '.authentic == "fail" and .channel == "none" and .reply_to == null'
}

@test "--authserv-id believes our server only" {
	run -0 --separate-stderr abuse-parse --authserv-id other.example.org \
		-o json "$D/01-initial.eml"
	is '.authentic == "unverified"'
	run -0 --separate-stderr abuse-parse --authserv-id MX.example.org \
		-o json "$D/01-initial.eml"
	is '.authentic == "pass"'
	# a field that the sender brought along stands below ours
	{
		echo 'Authentication-Results: mx.example.org; dmarc=none'
		cat "$D/01-initial.eml"
	} >"$BATS_TEST_TMPDIR/x"
	run -0 --separate-stderr abuse-parse -o json "$BATS_TEST_TMPDIR/x"
	is '.authentic == "unverified"'
}

@test "a field that a stranger brought is not our server's word" {
	cat >"$BATS_TEST_TMPDIR/x" <<'EOF'
Received: from evil.example by mx.example.org; Mon, 02 Mar 2026 10:00:30 +0000
Authentication-Results: evil.example; dmarc=pass header.from=support.aws.com
From: trustandsafety@support.aws.com
Subject: Your AWS Abuse Report [20000000001-1]

AWS ID: 222233334444
EOF
	run -0 --separate-stderr abuse-parse -o json "$BATS_TEST_TMPDIR/x"
	is '.authentic == "unverified" and (.auth_why | test("authserv-id"))'
	sed -i 's/Results: evil.example/Results: mx.example.org/' \
		"$BATS_TEST_TMPDIR/x"
	run -0 --separate-stderr abuse-parse -o json "$BATS_TEST_TMPDIR/x"
	is '.authentic == "pass"'
}

@test "195 notices of many wordings, languages and wrappings" {
	python3 "$BATS_TEST_DIRNAME/data/notices.py" "$BATS_TEST_TMPDIR/n"
	run -0 python3 "$BATS_TEST_DIRNAME/data/notices_check.py" \
		"$BATS_TEST_TMPDIR/n" "$NOW"
	[[ $output == *" 0 wrong" ]]
}

@test "contradictions are listed, and give no value" {
	parse 28-conflict.eml
	is '.case == null and .account == null and .region == null'
	is '[.conflicts[].field] == ["case", "account", "region"]'
	is '.conflicts[1].values == [
	    {value: "222233334444", source: "subject"},
	    {value: "555566667777", source: "body", line: 1}]'
	is '[.resources[] | [.account, .region]] ==
	    [["555566667777", "us-east-1"], ["222233334444", "us-west-2"]]'
}

@test "an attached complaint: a message from AWS inside is not the notice" {
	parse 29-attached-complaint.eml
	is '.depth == 0 and .account == "222233334444"'
	is '.complaint.ips[0] == "203.0.113.77"'
	is '.complaint.subjects == ["You have wön"]'
	is '.complaint.excerpt | test("never in the complaint") | not'
}

@test "the time limit: an impossible Date, and now" {
	local f=$BATS_TEST_TMPDIR/x
	sed 's/^Date:.*/Date: Mon, 02 Mar 2099 10:00:00 +0000/' \
		"$D/01-initial.eml" >"$f"
	run -0 --separate-stderr abuse-parse --now "$NOW" -o json "$f"
	is '.due == "2026-03-03T10:00:30Z"'
	sed 's/^Date:.*/Date: Mon, 02 Feb 2026 10:00:00 +0000/' \
		"$D/01-initial.eml" >"$f"
	run -0 --separate-stderr abuse-parse --now "$NOW" -o json "$f"
	is '.due == "2026-03-03T10:00:30Z"'
	run -0 --separate-stderr abuse-parse --now 2026-03-01T00:00:00Z \
		-o json "$D/01-initial.eml"
	is '.due == "2026-03-02T00:00:00Z"'
	# no Received at all, seen two weeks later
	sed '/^Received/,/^ Mon/d' "$D/01-initial.eml" >"$f"
	run -0 --separate-stderr abuse-parse --now 2026-03-16T00:00:00Z \
		-o json "$f"
	is '.due == "2026-03-03T10:00:00Z"'
}

@test "Health: EventBridge, SNS, Lambda, SQS and the API are the same" {
	local f
	for f in 40-eventbridge 41-sns 42-lambda 43-sqs 44-api; do
		parse $f.json
		is '.id == "aws-AWS_ABUSE_EC2_EMAIL_SPAM_REPORT_1_2_3"'
		is '.account == "222233334444" and .region == "eu-central-1"'
		is '.activity == "spam" and .authentic == "unverified"'
		is '[.resources[].id] == ["i-0aa11bb22cc33dd44"]'
		is '.event == "AWS_ABUSE_EC2_EMAIL_SPAM_REPORT"'
		is '.complaint.ips == ["203.0.113.77"]'
	done
	is '.stage == "resolved" and .due == null'
	parse 40-eventbridge.json
	is '.due == "2026-03-02T21:00:00Z" and .channel == "none"'
}

@test "Health: an unknown suffix is other, a risk is urgent" {
	parse 45-unknown-suffix.json
	is '.activity == "other"'
	parse 46-risk.json
	is '.activity == "credentials-exposed" and .urgent'
	is '.resources[0].id == "AKIAABCDEFGHIJKLMNOP"'
}

@test "Health: what is none is 65, a subscription request is named" {
	run -65 --separate-stderr abuse-parse "$D/47-subscription.json"
	[[ $stderr == *"confirm a subscription"* ]]
	[ -z "$output" ]
	run -65 --separate-stderr abuse-parse "$D/48-other-event.json"
	[[ $stderr == *AWS_EC2_OPERATIONAL_ISSUE* ]]
	run -65 --separate-stderr abuse-parse "$D/49-too-many-layers.json"
	run -65 --separate-stderr abuse-parse <<<'{"a":1}'
	run -65 --separate-stderr abuse-parse <<<'{"a":'
}

@test "what is no notice is 65, and says so" {
	run -65 --separate-stderr abuse-parse "$D/30-not-abuse.eml"
	[[ ${stderr_lines[0]} == "abuse-parse: $D/30-not-abuse.eml: not an abuse notice" ]]
	run -65 --separate-stderr abuse-parse "$D/31-bounce.eml"
	[[ $stderr == *"delivery report"* ]]
	run -65 --separate-stderr abuse-parse </dev/null
	[[ $stderr == *"empty input"* ]]
	run -65 --separate-stderr abuse-parse <<<''
	run -65 --separate-stderr abuse-parse <<<'Subject: hello'
}

@test "an automatic reply that quotes a case is 65" {
	run -65 --separate-stderr abuse-parse <<'EOF'
From: sato@example.org
Auto-Submitted: auto-replied (vacation)
Subject: Away: Your AWS Abuse Report [20000000001-1]

I am away.
EOF
	[[ $stderr == *"automatic reply"* ]]
}

@test "a complaint whose line ends were lost stays a complaint" {
	run -0 --separate-stderr abuse-parse --now "$NOW" -o json <<'EOF'
From: trustandsafety@support.aws.com
Subject: Your AWS Abuse Report [20000000001-1]
Content-Type: text/html

<p>AWS ID: 222233334444</p> Regards, ---Beginning of forwarded report(s)---
AWS ID: 999988887777 Region: us-east-1 i-0123456789abcdef0
EOF
	is '.account == "222233334444" and .resources == [] and .region == null'
	is '.complaint.present'
}

@test "usage: 64, a file that is not there: 66" {
	run -66 --separate-stderr abuse-parse /nonexistent
	run -66 --separate-stderr abuse-parse a b
	run -64 --separate-stderr abuse-parse --now yesterday "$D/01-initial.eml"
	run -64 --separate-stderr abuse-parse --authserv-id '' \
		"$D/01-initial.eml"
	run -64 --separate-stderr script -qec abuse-parse /dev/null
	[[ $output == *terminal* ]]
}

@test "hostile: 2000 nested parts, bombs, NULs, 20 MB are quick and kept" {
	local h='From: trustandsafety@support.aws.com
Subject: Your AWS Abuse Report [20000000001-1]'
	hostile() {	# stdin: the rest of a mail
		{
			printf '%s\n' "$h"
			cat
		} >"$BATS_TEST_TMPDIR/m"
		run -0 --separate-stderr timeout 60 abuse-parse --now "$NOW" \
			-o json "$BATS_TEST_TMPDIR/m"
		[ "${#output}" -lt 65536 ]
		is '.case == "20000000001-1"'
	}
	hostile < <(for i in {1..2000}; do
		printf 'Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n' \
			"$i" "$i"
	done)
	is '.partial and (.partial_why | length > 0)'
	hostile < <(yes 'Content-Type: message/rfc822

' | head -n 4000)
	is '.partial_why == "nested too deeply"'
	hostile < <(printf 'Content-Type: multipart/mixed; boundary=b\n\n'
		yes -- '--b

x' | head -n 150000)
	is '.partial_why == "too many parts"'
	hostile < <(yes 'X: y' | head -n 100000)
	is '.partial_why == "too many header fields"'
	hostile < <(printf 'X: '; head -c 1000000 /dev/zero | tr '\0' y)
	is '.partial_why == "a header field is too long"'
	hostile < <(printf '\nAWS ID: 222233334444\n'
		yes 'within AWS ID Region: x 192.0.2.1' | head -c 20000000)
	is '.partial and .account == "222233334444"'
	hostile < <(printf '\nAWS ID:\0 222233334444\0\n')
	is '.account == "222233334444"'
	hostile < <(printf 'Content-Transfer-Encoding: base64\n\n'
		printf 'AWS ID: 222233334444\n' | base64 | head -c 25)
	is '.account == null and .partial == false'
	# quotes and backslashes double in JSON: still one line
	hostile < <(printf 'Message-ID: <%s>\nReferences:' \
		"$(head -c 900 /dev/zero | tr '\0' '"')"
		for i in {1..60}; do
			printf ' <%d%s@x>' "$i" \
				"$(head -c 200 /dev/zero | tr '\0' '"')"
		done
		printf '\n\n'
		for i in {1..70}; do
			printf 'arn:aws:s3:::%s%d\n' \
				"$(head -c 150 /dev/zero | tr '\0' '\134')" "$i"
		done
		echo '---Beginning of forwarded report'
		for i in {1..20}; do
			printf 'Subject: %d%s\n' "$i" \
				"$(head -c 290 /dev/zero | tr '\0' '\134')"
		done)
	is '.partial'
}

can_trace() {
	type -P strace >/dev/null || skip "no strace"
	no_leak_check
}

traced() {
	strace -e trace=openat,landlock_restrict_self,%network \
		-o "$BATS_TEST_TMPDIR/trace" "$@"
}

@test "the sandbox is up before a byte is parsed" {
	[[ $QUELL_B != *asan* ]] || skip "no sandbox under the sanitizers"
	can_trace
	run -0 --separate-stderr traced abuse-parse -o json \
		"$D/22-japanese.eml"
	is '.activity_text == "フィッシング"'
	run ! grep socket "$BATS_TEST_TMPDIR/trace"
	grep -q 'landlock_restrict_self.* = 0' "$BATS_TEST_TMPDIR/trace" ||
		skip "this kernel has no Landlock"
	sed '1,/landlock_restrict_self/d' "$BATS_TEST_TMPDIR/trace" \
		>"$BATS_TEST_TMPDIR/after"
	run ! grep 'openat.* = [0-9]' "$BATS_TEST_TMPDIR/after"
}

@test "a subscription is not followed" {
	can_trace
	run -65 --separate-stderr traced abuse-parse "$D/47-subscription.json"
	run ! grep -E 'socket|connect' "$BATS_TEST_TMPDIR/trace"
}

@test "a table for people" {
	run -0 --separate-stderr abuse-parse --now "$NOW" -o table \
		"$D/01-initial.eml"
	[[ ${lines[0]} == ID* ]]
	[[ ${lines[1]} == aws-20000000001* ]]
}

@test "the examples of the man page" {
	cp "$D/01-initial.eml" "$BATS_TEST_TMPDIR/notice.eml"
	cd "$BATS_TEST_TMPDIR"
	: >mainlog
	mkdir Maildir
	cp notice.eml Maildir
	run_examples abuse-parse
}

@test "no mail takes the square of its length" {
	cd "$BATS_TEST_TMPDIR"
	head='From: trustandsafety@support.aws.com
Subject: Your AWS Abuse Report [1234567-1]
Content-Type: text/plain
'
	for t in '\n' ' ' '> ' '\r' '\t' '(' '<' '&' '[' '1.' 'AKIA' '=?' \
		'arn:aws:' 'us-east-1 ' 'a@' '://' '24 hours ' 'Case ' '\xe3'; do
		{
			printf '%s\n' "$head"
			printf '%b' "$t" | python3 -c 'import sys
sys.stdout.buffer.write(sys.stdin.buffer.read() * 300000)'
		} >in
		run timeout 60 abuse-parse in
		[ "$status" != 124 ] || {
			echo "too slow: $t"
			false
		}
	done
}
