#!/usr/bin/env bats
# abuse-parse: complaints by their form, and who sent the message; other
# providers; mailboxes
# shellcheck disable=SC2154 # bats sets stderr

load lib/quell

NOW=2026-03-02T13:00:00Z
# made on 2026-03-02 at 09:00:03 and :02, as the Received fields say
OLD=1vwz8F-0001Xy-2Z
NEW=1vwz8E-00000002Abc-1fGh

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	cat >spam <<EOF
Received: from web2.example.net ([203.0.113.77] helo=web2.example.net)
	by mx.victim.example with esmtps (Exim 4.96)
	(envelope-from <shop@example.net>) id $OLD
	for you@victim.example; Mon, 02 Mar 2026 09:00:03 +0000
Received: from shop by web2.example.net with local (Exim 4.97.1)
	(envelope-from <shop@example.net>) id $NEW
	for you@victim.example; Mon, 02 Mar 2026 09:00:02 +0000
Message-Id: <E$NEW@web2.example.net>
X-PHP-Originating-Script: 1001:mail.php
From: shop@example.net
Subject: won

Claim it
EOF
	cat >mainlog <<EOF
2026-03-02 08:00:00 1vwyAU-0000AA-0A <= other@example.net U=other P=local S=1 id=x@y
2026-03-02 09:00:01 cwd=/home/shop/public_html 4 args: /usr/sbin/sendmail -t -i -fshop@example.net
2026-03-02 09:00:02 $NEW <= shop@example.net U=shop P=local S=812 id=E$NEW@web2.example.net
2026-03-02 09:00:03 $NEW => you@victim.example R=dnslookup T=remote_smtp H=mx.victim.example [198.51.100.9] C="250 OK id=$OLD"
2026-03-02 09:00:03 $NEW Completed
EOF
}

# arf FILE: a feedback report about the spam, from FROM
arf() {
	{
		cat <<'EOF'
Received: from fbl.example.com by mx.example.org; Mon, 02 Mar 2026 10:00:30 +0000
Authentication-Results: mx.example.org; dmarc=pass header.from=fbl.example.com
From: Feedback <fbl@fbl.example.com>
To: abuse@example.org
Subject: FW: won
Date: Mon, 02 Mar 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

This is an email abuse report. AWS Account ID: 999988887777 abuse
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1
Version: 1
Source-Ip: [203.0.113.77]
Source-Port: 4711
Arrival-Date: Mon, 02 Mar 2026 09:00:03 +0000
Original-Mail-From: <shop@example.net>
Original-Rcpt-To: <you@victim.example>
Original-Rcpt-To: <me@victim.example>
Reported-Domain: example.net
Reported-URI: https://example.net/x
Incidents: 3

--b
Content-Type: message/rfc822

EOF
		cat spam
		printf '\n--b--\n'
	} >"$1"
}

ap() {
	run -0 --separate-stderr abuse-parse --now "$NOW" -o json "$@"
}

@test "ARF: a complaint without a provider; strangers set no fact" {
	arf arf.eml
	ap --host web2.example.net arf.eml
	is '.provider == "complaint" and .activity == "spam"'
	is '.account == null and .case == null and .resources == []'
	is '.channel == "none" and .reply_to == null'
	is '.authentic == "pass" and .due == "2026-03-03T10:00:00Z"'
	is '.complaint | .format == "arf" and .feedback_type == "abuse" and
	    .source_ip == "203.0.113.77" and .source_port == 4711 and
	    .arrived == "2026-03-02T09:00:03Z" and .incidents == 3 and
	    .mail_from == "shop@example.net" and .domains == ["example.net"] and
	    .rcpt_to == ["you@victim.example", "me@victim.example"] and
	    .uris == ["https://example.net/x"]'
	is '.complaint.lead == {id: "'"$NEW"'", why: "received"}'
	is '[.complaint.exim_ids[] | [.ours, .ok]] ==
	    [[false, true], [true, true]]'
	is '.complaint.php_script == "1001:mail.php"'
	is '.id | test("^complaint-[0-9a-f]{24}$")'
}

@test "two complaints are two, one complaint twice is one" {
	local a b
	arf a.eml
	a=$(abuse-parse -o json a.eml | jq -r .id)
	sed 's/Claim it/Claim them/' a.eml >b.eml
	b=$(abuse-parse -o json b.eml | jq -r .id)
	[ "$a" != "$b" ]
	[ "$a" = "$(abuse-parse -o json a.eml | jq -r .id)" ]
}

@test "an id whose time is not that of its field is no lead" {
	arf arf.eml
	sed -i 's/Mon, 02 Mar 2026 09:00:02/Mon, 02 Mar 2026 11:00:02/' arf.eml
	ap --host web2.example.net arf.eml
	is '.complaint.exim_ids[1] | .ours and .ok == false and .skew > 7000'
	is '.complaint.lead.why == "message-id"'
	# and what another host wrote is none of ours
	ap --host mail.example.org arf.eml
	is '.complaint.lead == null'
}

@test "the envelope id of an ARF report leads, too" {
	arf arf.eml
	sed -i -e '/^Received: from shop/,/^	for you/d' -e '/^Message-Id/d' \
		-e "s/^Incidents/Original-Envelope-Id: $NEW\nIncidents/" arf.eml
	ap --host web2.example.net arf.eml
	is '.complaint.lead == {id: "'"$NEW"'", why: "envelope-id"}'
}

@test "--mainlog: the local account, the script's folder, the lines" {
	arf arf.eml
	ap --host web2.example.net --mainlog mainlog arf.eml
	is '.local | .account == "shop" and .how == "local" and
	    .id == "'"$NEW"'" and .cwd == "/home/shop/public_html" and
	    .args == "/usr/sbin/sendmail -t -i -fshop@example.net" and
	    .sender == "shop@example.net" and .from == "mainlog" and
	    .received == "2026-03-02T09:00:02Z" and (.log | length) == 3'
	is 'all(.local.log[]; contains("other@") | not)'
}

@test "--mainlog: SMTP AUTH, a time zone, a pid, gzip, by Message-ID" {
	arf arf.eml
	sed -i "s/id $NEW/id unknown/" arf.eml
	cat >log <<EOF
2026-03-02 18:00:02.123 +0900 [123] $NEW <= shop@example.net H=(pc) [198.51.100.7]:4000 P=esmtpsa A=dovecot_login:shop@example.net S=812 id=E$NEW@web2.example.net
EOF
	gzip -c log >mainlog.1.gz
	ap --host nothing.example --mainlog mainlog.1.gz arf.eml
	is '.local | .account == "shop@example.net" and .how == "auth" and
	    .authenticator == "dovecot_login" and .host == "198.51.100.7" and
	    .protocol == "esmtpsa"'
	# a folder of logs
	mkdir logs
	cp mainlog.1.gz logs
	ap --mainlog logs arf.eml
	is '.local.how == "auth"'
}

@test "--mainlog: what is not there is said; a damaged log is 65" {
	arf arf.eml
	sed -i "s/$NEW/1vwyAU-00000002Xyz-0abc/" mainlog
	ap --host web2.example.net --mainlog mainlog arf.eml
	is '.local.how == "local"' # by its Message-ID
	: >empty
	ap --host web2.example.net --mainlog empty arf.eml
	is '.local == null and (.local_why | test("not in the logs"))'
	gzip -c mainlog | head -c 60 >torn.gz
	run -65 --separate-stderr abuse-parse --mainlog torn.gz -o json arf.eml
	run -66 --separate-stderr abuse-parse --mainlog nothing arf.eml
	[ -z "$output" ]
}

@test "--spool: a message that is still in the queue" {
	arf arf.eml
	mkdir -p spool/input/E
	cat >"spool/input/E/$NEW-H" <<EOF
$NEW-H
shop 1001 1001
<shop@example.net>
1772442002 0
-received_time_usec .123456
-ident shop
-received_protocol local
-auth_id shop
-auth_sender shop@web2.example.net
-local
XX
1
you@victim.example

023F From: shop@example.net
013  Subject: won
034  X-PHP-Originating-Script: 1:a.php
EOF
	ap --host web2.example.net --spool spool arf.eml
	is '.local | .account == "shop" and .from == "spool" and
	    .how == "local" and .sender == "shop@example.net"'
}

@test "X-ARF, SpamCop, Hotmail" {
	cat >x.eml <<'EOF'
From: autoreport@blocklist.example
X-ARF: YES
Subject: abuse report about 203.0.113.77
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

An attack.
--b
Content-Type: text/plain; name="report.txt"

---
Reported-From: autoreport@blocklist.example
Category: abuse
Report-Type: login-attack
Service: ssh
Version: 0.2
User-Agent: Fail2BanFeedBackScript
Date: Mon, 02 Mar 2026 09:00:00 +0000
Source-Type: ipv4
Source: 203.0.113.77
Port: 22
Report-ID: 4711@blocklist.example
--b--
EOF
	ap x.eml
	is '.complaint | .format == "x-arf" and .kind == "login-attack" and
	    .source_ip == "203.0.113.77" and .source_port == 22 and
	    .report_id == "4711@blocklist.example"'
	is '.activity == "intrusion"'
	{
		printf 'From: 4711@reports.spamcop.net\n'
		printf 'Subject: [SpamCop (203.0.113.77) id:4711]won\n\n'
		printf '[ SpamCop V5 ]\nEmail from 203.0.113.77 / '
		printf 'Mon, 02 Mar 2026 09:00:03 +0000\n'
		printf '[ Offending message ]\n'
		cat spam
	} >sc.eml
	ap --host web2.example.net sc.eml
	is '.activity == "spam" and .id == "complaint-4711"'
	is '.complaint | .format == "spamcop" and .report_id == "4711" and
	    .source_ip == "203.0.113.77" and .lead.why == "received" and
	    .arrived == "2026-03-02T09:00:03Z"'
	{
		printf 'From: staff@hotmail.example\n'
		printf 'Subject: complaint about message from 203.0.113.77\n'
		printf 'Content-Type: message/rfc822\n\n'
		cat spam
	} >hm.eml
	ap hm.eml
	is '.complaint | .format == "hotmail" and .source_ip == "203.0.113.77"'
}

xarf4() {
	jq -n --arg p "$(base64 -w0 spam)" \
	    --arg h "sha256:$(sha256sum <spam | cut -d' ' -f1)" '{
	    xarf_version: "4.2.0", report_id: "02eb480f-8172-431a",
	    timestamp: "2026-03-02T09:30:00Z", reporter: {org: "O",
	    contact: "r@example.com", domain: "example.com"},
	    source_identifier: "203.0.113.77", source_port: 25,
	    category: "messaging", type: "spam", smtp_from: "shop@example.net",
	    smtp_to: ["you@victim.example"], subject: "won", evidence: [
	    {content_type: "message/rfc822", payload: $p, hash: $h}]}'
}

@test "XARF 4: bare, in an envelope, in a mail, in AWS's notice" {
	local want='.format == "xarf" and .version == "4.2.0" and
	    .category == "messaging" and .kind == "spam" and
	    .source_ip == "203.0.113.77" and .evidence[0].hash_ok and
	    .lead.id == "'"$NEW"'" and .reporter == "r@example.com"'
	xarf4 >x.json
	ap --host web2.example.net x.json
	is ".complaint | $want"
	is '.id == "complaint-02eb480f-8172-431a" and .activity == "spam"'
	jq '{Type: "Notification", Message: tostring}' x.json >sns.json
	ap --host web2.example.net sns.json
	is ".complaint | $want"
	{
		printf 'From: r@example.com\nSubject: XARF\n'
		printf 'Content-Type: application/json\n\n'
		cat x.json
	} >x.eml
	ap --host web2.example.net x.eml
	is ".complaint | $want"
	{
		printf 'From: trustandsafety@support.aws.com\n'
		printf 'Subject: Your AWS Abuse Report [20000000001-1]\n\n'
		printf 'AWS ID: 222233334444\n'
		printf -- '---Beginning of forwarded report(s)---\n'
		cat x.json
	} >n.eml
	ap --host web2.example.net n.eml
	is ".complaint | $want"
	is '.provider == "aws" and .account == "222233334444"'
}

@test "XARF 4: evidence that was changed; version 3" {
	xarf4 | jq '.evidence[0].payload |= .[0:40]' >x.json
	ap x.json
	is '.complaint.evidence[0].hash_ok == false'
	jq -n '{Version: "3.0.0", ReporterInfo: {ReporterOrg: "O",
	    ReporterOrgEmail: "r@example.com"}, Report: {ReportClass:
	    "Activity", ReportType: "Ddos", Date: "2026-03-02T09:00:00Z",
	    Source: {IP: "203.0.113.77", Port: 80, Type: "ip"}}}' >v3.json
	ap v3.json
	is '.activity == "dos" and (.complaint | .version == "3.0.0" and
	    .source_ip == "203.0.113.77" and .source_port == 80)'
}

# What differs: a sample says whether it is encoded, the names of the
# addresses, the URL beside the address.
@test "XARF 1 and 2, and what came before them" {
	local v1
	v1=$(jq -n --rawfile m spam '{Version: "1", ReporterInfo: {ReporterOrg:
	    "O", ReporterOrgEmail: "r@example.com"}, Disclosure: true,
	    Report: {ReportClass: "Activity", ReportType: "Spam", Date:
	    "2026-03-02T09:00:00Z", SourceIp: "203.0.113.77", SourcePort: 4711,
	    SourceUrl: "http://shop.example.net/won", SmtpMailFromAddress:
	    "shop@example.net", SmtpRcptToAddress: "you@victim.example",
	    ReporterCaseID: "1", Samples: [{ContentType: "message/rfc822",
	    Base64Encoded: false, Payload: $m}]}}')
	echo "$v1" >v1.json
	ap --host web2.example.net v1.json
	is '.complaint | .version == "1" and .source_port == 4711 and
	    .uris == ["http://shop.example.net/won"] and
	    .rcpt_to == ["you@victim.example"] and .report_id == null and
	    .evidence[0].bytes > 100 and .lead.id == "'"$NEW"'"'
	jq '.Version = "2" | .InternalProcessing = {EventTags: ["a"]} |
	    .Report.Samples[0] |= (.Base64Encoded = true |
	    .Payload |= @base64)' v1.json >v2.json
	ap --host web2.example.net v2.json
	is '.complaint | .version == "2" and .lead.id == "'"$NEW"'"'
	jq 'del(.Version) | .Report |= (.FromAddress = .SmtpMailFromAddress |
	    .ToAddress = .SmtpRcptToAddress | .InfringingUrl = .SourceUrl |
	    del(.SmtpMailFromAddress, .SmtpRcptToAddress, .SourceUrl))' \
	    v1.json >alpha.json
	ap --host web2.example.net alpha.json
	is '.complaint | .mail_from == "shop@example.net" and
	    .rcpt_to == ["you@victim.example"] and
	    .uris == ["http://shop.example.net/won"]'
	jq '.Report.ReportType = "LoginAttack"' v1.json >login.json
	ap login.json
	is '.activity == "intrusion"'
	jq '.Report.ReportType = "ChildAbuse"' v1.json >other.json
	ap other.json
	is '.activity == "other"'
}

@test "a batch of events is a record for each; SES and WorkMail" {
	local d=$BATS_TEST_DIRNAME/data/notice
	jq -n --slurpfile a "$d/40-eventbridge.json" \
	    --slurpfile b "$d/46-risk.json" --slurpfile c \
	    "$d/48-other-event.json" '{Records: [$a[0], $b[0], $c[0]] |
	    map({body: tostring})}' >batch.json
	ap batch.json
	[ "${#lines[@]}" -eq 2 ]
	jq -c '.Records[].body | fromjson' batch.json >lines.json
	ap lines.json
	[ "${#lines[@]}" -eq 2 ]
	jq -n --rawfile m "$d/01-initial.eml" '{Records: [{Sns: {Message:
	    ({notificationType: "Received", mail: {}, receipt: {}, content: $m}
	    | tostring)}}]}' >ses.json
	ap ses.json
	is '.case == "20000000001-1" and .account == "222233334444"'
	jq -n '{summaryVersion: "2018-10-10", flowDirection: "INBOUND",
	    sender: {address: "trustandsafety@support.aws.com"},
	    envelope: {recipients: [{address: "security@example.org"}]},
	    messageId: "0f1e", subject: "Your AWS Abuse Report [20000000001-1]"
	    }' >workmail.json
	ap workmail.json
	is '.case == "20000000001-1" and .partial and .workmail_id == "0f1e"'
	is '.partial_why | test("GetRawMessageContent")'
	jq '.subject = "hello" | .sender.address = "a@example.org"' \
		workmail.json >x.json
	run -65 --separate-stderr abuse-parse x.json
	[[ $stderr == *WorkMail* ]]
}

hetzner() {
	cat <<'EOF'
Received: from mail.hetzner.com by mx.example.org; Mon, 02 Mar 2026 10:00:30 +0000
Authentication-Results: mx.example.org; dkim=pass header.d=hetzner.com
From: Abuse <abuse@hetzner.com>
To: security@example.org
Subject: Abuse Message [AbuseID:0EE497:1B]: AbuseNormal: Spam from 203.0.113.77
Date: Mon, 02 Mar 2026 10:00:00 +0000

Dear customer, we have received a report of spam from your server.
AWS Account ID: 999988887777
Send us a statement within 12 hours:
https://abuse.hetzner.com/statements/?token=abcDEF123

---------- Forwarded message ---------
[AbuseID:FFFFFF:1A] https://abuse.hetzner.com/statements/?token=evil
EOF
}

@test "another provider: by the table, in mails and forwards" {
	hetzner >h.eml
	ap h.eml
	is '.provider == "hetzner" and .case == "0EE497:1B"'
	is '.id == "hetzner-0EE497:1B" and .account == null'
	is '[.resources[].id] == ["203.0.113.77"] and .activity == "spam"'
	is '.channel == "web" and .due == "2026-03-02T22:00:00Z"'
	is '.reply_url ==
	    "https://abuse.hetzner.com/statements/?token=abcDEF123"'
	is '.authentic == "pass" and .provenance.case.source == "subject"'
	sed -i 's/d=hetzner.com/d=evil.example/' h.eml
	ap h.eml
	is '.authentic == "unverified"'
	{
		printf 'From: sato@example.org\nSubject: Fwd\n\n'
		printf -- '---------- Forwarded message ---------\n'
		hetzner | sed -n '/^From/,$p'
	} >f.eml
	ap f.eml
	is '.provider == "hetzner" and .case == "0EE497:1B" and .depth == 1'
	cat >o.eml <<'EOF'
From: OVHcloud <ticket+ABCDEFGHIJ@abuse.ovh.net>
Subject: Abuse on your server

Please act.
EOF
	ap o.eml
	is '.provider == "ovh" and .case == "ABCDEFGHIJ" and .channel == "mail"'
	is '.reply_to == "ticket+ABCDEFGHIJ@abuse.ovh.net"'
}

@test "another provider: a table of one's own; a wrong one is 78" {
	printf '%s\t%s\t%s\n' example domain provider.example \
		example case 'Incident ([0-9]+)' example account \
		'Customer: ([A-Z0-9]+)' example reply mail \
		example deadline 48 >mine.tsv
	cat >m.eml <<'EOF'
From: abuse@mail.provider.example
Subject: Incident 4711: abuse
Date: Mon, 02 Mar 2026 10:00:00 +0000

Customer: K123
EOF
	ap --providers mine.tsv m.eml
	is '.provider == "example" and .case == "4711" and .account == "K123"'
	is '.due == "2026-03-04T10:00:00Z" and
	    .reply_to == "abuse@mail.provider.example"'
	is '.provenance.account == {source: "body", line: 1}'
	run -65 --separate-stderr abuse-parse m.eml
	local bad
	for bad in 'example domain' 'aws domain evil.example' \
		'example colour red' 'example case (' \
		'example deadline soon' 'example reply never'; do
		printf '# x\n%s\n' "${bad// /$'\t'}" >bad.tsv
		run -78 --separate-stderr abuse-parse --providers bad.tsv m.eml
		[[ $stderr == *bad.tsv:2:* ]]
		[ -z "$output" ]
	done
	run -66 --separate-stderr abuse-parse --providers nothing m.eml
}

@test "mailboxes: a folder, an mbox, several files; other mail is passed" {
	local d=$BATS_TEST_DIRNAME/data/notice
	mkdir -p Maildir/cur Maildir/new
	cp "$d/01-initial.eml" Maildir/cur/1
	cp "$d/30-not-abuse.eml" Maildir/cur/2
	cp "$d/22-japanese.eml" Maildir/new/3
	ap Maildir
	[ "${#lines[@]}" -eq 2 ]
	jq -es 'map(.activity) == ["spam", "phishing"] and
	    .[1].activity_text == "フィッシング"' <<<"$output"
	ap "$d/01-initial.eml" "$d/30-not-abuse.eml" "$d/05-final.eml"
	[ "${#lines[@]}" -eq 2 ]
	for f in Maildir/*/*; do
		printf 'From x@y Mon Mar  2 10:00:00 2026\n'
		cat "$f"
		echo
	done >mbox
	ap -v --mbox mbox
	[ "${#lines[@]}" -eq 2 ]
	[[ $stderr == *"3 mails, 2 notices"* ]]
	run -0 --separate-stderr abuse-parse --mbox -o json <mbox
	[ "${#lines[@]}" -eq 2 ]
	mkdir nothing
	ap nothing
	[ -z "$output" ]
	run -66 --separate-stderr abuse-parse Maildir missing
}

@test "a mail that a pipe gives a From line is read; it is not split" {
	local d=$BATS_TEST_DIRNAME/data/notice
	{
		printf 'From aws@x Mon Mar  2 10:00:00 2026\n'
		cat "$d/01-initial.eml"
		printf '\nFrom x@y Mon Mar  2 10:00:00 2026\n'
		printf 'From: trustandsafety@support.aws.com\n'
		printf 'Subject: Your AWS Abuse Report [29999999999-1]\n\nx\n'
	} >piped
	run -0 --separate-stderr abuse-parse --now "$NOW" -o json <piped
	[ "${#lines[@]}" -eq 1 ]
	is '.case == "20000000001-1" and .authentic == "pass"'
}

@test "nothing that sends is loaded to parse" {
	run -0 env LD_TRACE_LOADED_OBJECTS=1 "$QUELL_B/bin/abuse-parse"
	[[ $output == *libc.so* ]]
	run ! grep -E 'libcurl|libssl|libcares|libnghttp' <<<"$output"
}

@test "our mails beside Python's email package" {
	[ -x "$QUELL_B/unit/mime_tool" ] || skip "make units"
	python3 "$BATS_TEST_DIRNAME/data/notices.py" n
	run -0 python3 "$BATS_TEST_DIRNAME/corpus/compare.py" n \
		"$BATS_TEST_DIRNAME/data/notice"
	[[ $output == *" 0 differences without an explanation"* ]]
}
