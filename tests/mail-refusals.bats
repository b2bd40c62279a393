#!/usr/bin/env bats
# mail-refusals: logs of Exim and Postfix, the table, what still happens

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export TZ=UTC
}

# exim FLAG RCPT HOST TEXT [DAY [ID]]: a line of its main log
exim() {
	printf '2026-11-%s 22:00:01 %s %s %s R=dnslookup T=remote_smtp%s H=%s [192.0.2.1]%s\n' \
		"${5-21}" "${6-1xUtVi-0006tA-0D}" "$1" "$2" \
		"$([ "$1" != == ] || printf ' defer (-46)')" "$3" \
		"$([ "$1" = '=>' ] || printf ': SMTP error from remote mail server after end of data: %s' "$4")"
}

ask() {
	run -0 --separate-stderr mail-refusals "$@"
	found=$(jq -s 'map(select(.type == "mail-refusal"))' <<<"$output")
	scope=$(jq -s 'last' <<<"$output")
}

# HOST RCPT REPLY ID: what the reply of that server is taken for
known() {
	cat <<-'END'
	gmail-smtp-in.l.google.com|a@gmail.com|550-5.7.1 [192.0.2.9      19] Gmail has detected that this message is\n550-5.7.1 likely suspicious due to the very low reputation of the sending IP\n550 5.7.1 address. x-gsmtp|google/ip-reputation|ip-blocked
	aspmx.l.google.com|a@firm.example|550-5.7.26 Unauthenticated email from shop.example is not accepted due to\n550 5.7.26 domain's DMARC policy. x-gsmtp|google/dmarc|auth
	gmail-smtp-in.l.google.com|a@gmail.com|421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n421 4.7.28 from your IP address. x-gsmtp|google/unusual-rate-ip|rate
	gmail-smtp-in.l.google.com|a@gmail.com|550-5.7.25 The IP address sending this message does not have a PTR record\n550 5.7.25 setup. x-gsmtp|google/ptr|ptr
	gmail-smtp-in.l.google.com|a@gmail.com|550-5.1.1 The email account that you tried to reach does not exist.\n550 5.1.1 x-gsmtp|google/user-unknown|user
	mta7.am0.yahoodns.net|a@yahoo.com|421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes|yahoo/tss04|ip-blocked
	mta7.am0.yahoodns.net|a@aol.com|553 5.7.2 [TSS09] All messages from 192.0.2.9 will be permanently deferred; Retrying will NOT succeed.|yahoo/tss09|ip-blocked
	mta7.am0.yahoodns.net|a@yahoo.com|553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.9, because the ip is in Spamhaus's list|yahoo/spamhaus|ip-blocked
	outlook-com.olc.protection.outlook.com|a@hotmail.com|550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).|outlook/s3150|ip-blocked
	firm-example.mail.protection.outlook.com|a@firm.example|550 5.7.606 Access denied, banned sending IP [192.0.2.9]. To request removal from this list please visit https://sender.office.com/|microsoft-365/banned-ip|ip-blocked
	firm-example.mail.protection.outlook.com|a@firm.example|451 4.7.500 Server busy. Access denied, please try again later from [192.0.2.9]. (S77719)|microsoft-365/suspicious|ip-blocked
	mx01.mail.icloud.com|a@icloud.com|550 5.7.1 [CS01] Message rejected due to local policy.|apple/cs01|content
	mfsmax.docomo.ne.jp|a@docomo.ne.jp|550 Unknown user a@docomo.ne.jp|docomo/user-unknown|user
	mfsmax.docomo.ne.jp|a@docomo.ne.jp|421 Service not available|docomo/blocked|ip-blocked
	msmx.au.com|a@ezweb.ne.jp|550 <a@ezweb.ne.jp>: User unknown|au/user-unknown|user
	mx.softbank.ne.jp|a@softbank.ne.jp|553 shop.example does not exist|softbank/sender-domain|auth
	mx1.comcast.net|a@comcast.net|554 resimta-po-11v.sys.comcast.net 192.0.2.9 found on one or more DNSBLs, see http://postmaster.comcast.net/smtp-error-codes.php#BL000010|comcast/bl000010|ip-blocked
	mx.charter.net|a@charter.net|554 ERROR: Mail refused. AUP#In-1220|spectrum/spamhaus|ip-blocked
	mx.att.net|a@att.net|553 5.3.0 flpd594 DNSBL:RBL 521< 192.0.2.9 >_is_blocked.For assistance forward this email to abuse_rbl@abuse-att.net|att/rbl|ip-blocked
	mx00.gmx.net|a@gmx.de|554-gmx.net (mxgmx104) Nemesis ESMTP Service not available\n554-No SMTP service\n554-IP address is block listed.\n554 For explanation visit https://postmaster.gmx.net/en/case?c=r0201&i=ip&v=192.0.2.9&r=1MNcgj|gmx/blocklisted|ip-blocked
	mx02.t-online.de|a@t-online.de|554 IP=192.0.2.9 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)|t-online/bl|ip-blocked
	smtp-in.orange.fr|a@orange.fr|550 mwinf5c04 ME Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues. OFR006_102|orange/spam-ip|ip-blocked
	mx1.free.fr|a@free.fr|550 Too many spams from your IP (192.0.2.9), please visit http://postmaster.free.fr/|free/spams|ip-blocked
	mxs.mail.ru|a@mail.ru|550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=abc|mailru/spam|content
	mx.yandex.ru|a@yandex.ru|554 5.7.1 Message rejected under suspicion of SPAM; https://ya.cc/1IrBc|yandex/suspicion|content
	mx3.qq.com|a@qq.com|550 Suspected spam ip|qq/spam-ip|ip-blocked
	163mx01.mxmail.netease.com|a@163.com|554 DT:SPM 163 mx1,abc,1 http://mail.163.com/help/help_spam_16.htm|netease/spm|content
	eu-smtp-inbound-1.mimecast.com|a@firm.example|550 csi.mimecast.org Poor Reputation Sender. [vH7Ns8biNg-p6EfZ0QaVMQ.us149]|mimecast/reputation|ip-blocked
	mx0a-001.pphosted.com|a@firm.example|554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.9|proofpoint/blocked|ip-blocked
	d1.ess.barracudanetworks.com|a@firm.example|550 permanent failure for one or more recipients (a@firm.example:blocked)|barracuda/blocked|ip-blocked
	mx1.hc1.iphmx.com|a@firm.example|554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.|cisco/poor|ip-blocked
	email-smtp.us-east-1.amazonaws.com|a@gmail.com|554 Access denied: User `arn:aws:iam::111122223333:user/ses' is not authorized to perform `ses:SendRawEmail'|amazon-ses/denied|account
	mx.firm.example|a@firm.example|554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.9|other/spamhaus|ip-blocked
	mx.firm.example|a@firm.example|550 5.7.1 Service unavailable; client [192.0.2.9] blocked using bl.some-list.example|other/dnsbl:bl.some-list.example|ip-blocked
	mx.firm.example|a@firm.example|450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.9]|other/ptr|ptr
	mx.firm.example|a@firm.example|550 5.7.1 Email rejected per DMARC policy for shop.example|other/dmarc|auth
	mx.firm.example|a@firm.example|451 4.7.1 Greylisting in action, please come back later|other/greylist|greylist
	mx.firm.example|a@firm.example|550 5.1.1 <a@firm.example>: Recipient address rejected: User unknown in virtual mailbox table|other/user-unknown|user
	mx.firm.example|a@firm.example|552 5.2.2 Mailbox full|other/full|user
	mx.firm.example|a@firm.example|550 Administrative prohibition|other/policy|policy
	END
}

@test "what providers say is known: each reply by its provider, reason and class" {
	local host rcpt reply id class n=0
	while IFS='|' read -r host rcpt reply id class; do
		n=$((n + 1))
		exim '**' "$rcpt" "$host" "$reply" >one.log
		mail-refusals -o json one.log >out
		[ "$(jq -r 'select(.type == "mail-refusal") | "\(.id) \(.class)"' out)" = \
			"$id $class" ] || { echo "$reply"; cat out; false; }
		jq -se '.[0] | .count == 1 and .refused == 1 and .still and
			(.meaning | length > 5) and .sample.line == 1' out >/dev/null
	done < <(known)
	[ "$n" -ge 38 ]
}

@test "both ids, milliseconds, zone, pid, syslog, Postfix: one is like the other" {
	text='SMTP error from remote mail server after RCPT TO:<a@gmail.com>: 550 5.7.26 unauthenticated'
	old='H=mx.google.com [192.0.2.1]'
	cat >log <<-END
	2026-11-21 22:00:01 1xUtVi-0006tA-0D ** a@gmail.com R=d T=s $old: $text
	2026-11-21 22:00:01.123 1xUtVi-00000006tA1-0DaB ** a@gmail.com R=d T=s $old X=TLS1.3 CV=yes: $text
	2026-11-22 00:00:01 +0200 [4711] 1xUtVi-00000006tA1-0DaB ** <a@gmail.com>: $text
	Nov 21 22:00:01 mx exim[12]: 2026-11-21 22:00:01 1xUtVi-0006tA-0D ** al <a@gmail.com> R=d T=s $old: $text
	Nov 21 22:00:01 mx exim[12]: 1xUtVi-0006tA-0D ** a@gmail.com <b@c.example> F=<x@y.example> R=d T=s $old: $text
	2026-11-21 22:00:01 1xUtVi-0006tA-0D ** a@gmail.com R=d T=s: SMTP error from remote mailer after RCPT TO:<a@gmail.com>: host mx.google.com [192.0.2.1]: 550 5.7.26 unauthenticated
	Nov 21 22:00:01 mx postfix/smtp[99]: 3Xyz0Abcdef: to=<a@gmail.com>, relay=mx.google.com[192.0.2.1]:25, delay=1, dsn=5.7.26, status=bounced (host mx.google.com[192.0.2.1] said: 550-5.7.26 unauthenticated 550 5.7.26 mail (in reply to RCPT TO command))
	2026-11-21T23:00:01.5+01:00 mx postfix-out/smtp[99]: 3F00: to=<a@gmail.com>, orig_to=<b@c>, relay=mx.google.com[192.0.2.1]:25, dsn=5.7.26, status=bounced (host mx.google.com[192.0.2.1] said: 550 5.7.26 unauthenticated (in reply to end of DATA command))
	END
	touch -d '2026-11-22 12:00:00' log
	ask log
	json_is "$found" 'length == 1 and .[0].count == 8 and .[0].refused == 8 and
		.[0].id == "google/unauthenticated" and
		.[0].first == "2026-11-21T22:00:01Z" and .[0].last == .[0].first and
		.[0].domains == [{domain: "gmail.com", count: 8}] and
		.[0].enhanced == "5.7.26"'
	# local time, unless it is told otherwise
	head -n 1 log >one
	TZ=Asia/Tokyo ask one
	json_is "$found" '.[0].first == "2026-11-21T13:00:01Z"'
	TZ=Asia/Tokyo ask --utc one
	json_is "$found" '.[0].first == "2026-11-21T22:00:01Z"'
}

@test "deferred, a host that was tried, connections: counted once" {
	t='SMTP error from remote mail server after initial connection: 421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred due to user complaints'
	cat >log <<-END
	2026-11-21 22:00:01 1xUtVi-0006tA-0D H=mta5.am0.yahoodns.net [192.0.2.5]: $t
	2026-11-21 22:00:02 1xUtVi-0006tA-0D H=mta6.am0.yahoodns.net [192.0.2.6]: $t
	2026-11-21 22:00:02 1xUtVi-0006tA-0D == a@yahoo.com R=d T=s defer (-46) H=mta6.am0.yahoodns.net [192.0.2.6]: $t
	2026-11-21 22:10:02 1xUtVi-0006tA-0D == a@yahoo.com R=d T=s defer (-54): retry time not reached for any host for 'yahoo.com'
	2026-11-21 22:20:00 1xUtVj-0006tA-0D H=mta5.am0.yahoodns.net [192.0.2.5] Connection timed out
	2026-11-21 22:30:00 1xUtVk-0006tA-0D ** x@nowhere.example: Unrouteable address
	2026-11-21 22:31:00 1xUtVl-0006tA-0D => bob <bob@here.example> R=local T=local_delivery
	Nov 21 22:40:00 mx postfix/smtp[9]: 3F01: to=<a@yahoo.com>, relay=none, delay=30, dsn=4.4.1, status=deferred (connect to mta5.am0.yahoodns.net[192.0.2.5]:25: Connection timed out)
	Nov 21 22:41:00 mx postfix/smtp[9]: 3F02: to=<a@yahoo.com>, relay=none, delay=30, dsn=4.7.0, status=deferred (host mta5.am0.yahoodns.net[192.0.2.5] refused to talk to me: 421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred)
	Nov 21 22:42:00 mx postfix/smtp[9]: 3F03: to=<a@nowhere.example>, relay=none, dsn=5.4.4, status=bounced (Host or domain name not found)
	2026-11-21 22:50:00 some other line
	END
	ask log
	json_is "$found" '(map({(.id): [.count, .refused, .deferred]}) | add) ==
		{"yahoo/tss04": [2, 0, 2], "yahoo/timeout": [2, 0, 2]}'
	json_is "$scope" '.type == "refusal-scope" and .refusals == 4 and
		.not_sent == 3 and .delivered == 0 and .lines == 11'
}

@test "does it still happen: delivered since, to that domain" {
	{
		exim '**' a@gmail.com mx.google.com '550 5.7.26 unauthenticated' 20
		exim '=>' b@gmail.com mx.google.com '' 21
		exim '**' a@firm.example aspmx.l.google.com '550 5.7.26 unauthenticated' 19
		exim '=>' b@other.example aspmx.l.google.com '' 21
	} >log
	ask log
	json_is "$found" '.[0].still and .[0].domains_total == 2 and
		.[0].last_delivered == "2026-11-21T22:00:01Z"'
	exim '=>' b@firm.example aspmx.l.google.com '' 21 >>log
	ask log
	json_is "$found" '.[0].still == false'
	exim '==' b@firm.example aspmx.l.google.com '421 4.7.26 rate limited because it is unauthenticated' 22 >>log
	ask log
	json_is "$found" '.[0].still and .[0].last == "2026-11-22T22:00:01Z" and .[0].code == 421'
	ask --until 2026-11-20 log
	json_is "$found" 'length == 1 and .[0].count == 1'
	ask --since 2026-11-23T00:00:00Z log
	json_is "$found" 'length == 0'
}

@test "what nobody knows is grouped by its shape, and not lost" {
	for n in 1 2 3; do
		exim '**' "u$n@a$n.example" mx.a.example \
			"550 Zonk q$n$n$n$n$n${n}x$n$n <u$n@a$n.example> from 192.0.2.$n at 1700$n$n$n"
	done >log
	exim '**' u@b.example mx.b.example '550 Another kind of no' >>log
	ask log
	json_is "$found" 'length == 2 and .[0].count == 3 and
		.[0].class == "unknown" and .[0].provider == "other" and
		.[0].meaning == "Zonk ID <ADDRESS> from IP at N" and
		.[0].domains_total == 3 and .[1].count == 1 and
		(.[0].sample.text | contains("***@a3.example")) and
		(.[0].sample.text | contains("u3@") | not)'
	ask --class unknown --class auth log
	json_is "$found" 'length == 2'
	ask --class auth log
	json_is "$found" 'length == 0'
	run -64 mail-refusals --class nonsense log
}

@test "a table of one's own comes first; mistakes are named" {
	exim '**' a@gmail.com mx.google.com '550 5.7.26 unauthenticated' >log
	exim '**' a@corp.example mx.corp.example '550 Go away, said the gate' >>log
	printf 'provider\tcorp\tThe Corp\tcorp.example\t-\thttps://corp.example/\tall\n' >t
	printf 'refusal\tcorp\tgate\t550\tthe (g\\w+)\tpolicy\t$1\tthe gate\tknock\t-\n' >>t
	printf 'refusal\tgoogle\tmine\t5.7.*\t-\tcontent\t-\tmine\t-\tme@x.example\n' >>t
	ask --table t log
	json_is "$found" '(map({(.id): .}) | add) | .["corp/gate:gate"].contact ==
		"https://corp.example/" and .["corp/gate:gate"].blocklist == "gate" and
		.["google/mine"].contact == "me@x.example"'
	for bad in 'nonsense' $'refusal\tgoogle\tx' $'refusal\tnobody\tx\t*\t-\tauth\t-\tm\t-\t-' \
		$'refusal\t*\tx\t*\t(\tauth\t-\tm\t-\t-' $'refusal\t*\tx\t*\t-\tbad\t-\tm\t-\t-' \
		$'refusal\t*\t-\t*\t-\tauth\t-\tm\t-\t-' $'provider\t-\tx\t-\t-\t-\t-'; do
		printf '# one\n%s\n' "$bad" >t
		run -78 --separate-stderr mail-refusals --table t log
		[[ $stderr == *'t:2: '* ]]
	done
	run -66 mail-refusals --table none log
}

@test "packed logs, folders, standard input; a broken file does not hide the others" {
	exim '**' a@gmail.com mx.google.com '550 5.7.26 unauthenticated' >m
	mkdir logs
	gzip -c m >logs/mainlog.2.gz
	zstd -q -c m >logs/mainlog.3.zst 2>/dev/null || gzip -c m >logs/mainlog.3.gz
	cp m logs/mainlog
	ask logs
	json_is "$found" '.[0].count == 3'
	ask - <m
	json_is "$found" '.[0].count == 1 and .[0].sample.file == "standard input"'
	head -c 60 logs/mainlog.2.gz >logs/cut.gz
	run -3 --separate-stderr mail-refusals logs
	[[ $stderr == *cut.gz* ]]
	[ "$(jq -r 'select(.type == "mail-refusal").count' <<<"$output")" = 3 ]
	run -66 mail-refusals nothing
	run -0 --separate-stderr mail-refusals <<<'just text'
	[[ $stderr == *'is it the log of an MTA'* ]]
}

@test "stopped or out of time within a file: 75, and what was read is written" {
	exim '**' a@gmail.com mx.google.com '550 5.7.26 unauthenticated' >m
	mkfifo in
	mail-refusals -o json - <in >out 2>err 3>&- &
	pid=$!
	exec 9>in
	# SIGTERM is caught: the table is read, the log is open
	until ((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status") & 0x4000)); do
		sleep 0.05
	done
	kill "$pid"
	cat m >&9
	rc=0
	wait "$pid" || rc=$?
	exec 9>&-
	[ "$rc" = 75 ]
	[[ $(<err) == *'1 of 1 files were not read to the end' ]]
	json_is "$(jq -s . out)" '.[-1].type == "refusal-scope"'
	# endless
	run -75 --separate-stderr mail-refusals -t 1 - < <(yes "$(<m)")
	[[ $stderr == *'not read to the end' ]]
	json_is "$(jq -s . <<<"$output")" '.[0].id == "google/unauthenticated"'
}

@test "hostile lines: control bytes, endless words, a name that is none" {
	{
		exim '**' $'a@g\x01mail.com' $'mx.\x1b[31mevil' $'550 5.7.1 \x1b[31m\xff\xfe bell\x07'
		exim '**' "a@$(printf 'x%.0s' {1..400}).example" "$(printf 'y%.0s' {1..400})" "550 $(printf 'z%.0s' {1..5000})"
		printf '2026-11-21 22:00:01 1xUtVi-0006tA-0D ** \n'
		printf '2026-11-21 22:00:01 1xUtVi-0006tA-0D == @ H= []: SMTP error from remote mail server after x: 5'
	} >log
	run -0 --separate-stderr mail-refusals log
	[ "$(LC_ALL=C grep -c $'[\x01-\x08\x0b-\x1f]' <<<"$output")" = 0 ]
	jq -se 'all(.type != null)' <<<"$output"
}

@test "the examples of the man page" {
	exim '**' a@gmail.com mx.google.com '550 5.7.26 unauthenticated' >mainlog
	gzip -c mainlog >mainlog.1.gz
	run_examples mail-refusals
}
