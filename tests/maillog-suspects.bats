#!/usr/bin/env bats
# maillog-suspects: accuracy, grammars, the same answer whatever the way,
# states that merge, what is broken in logs

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export TZ=UTC
}

setup_file() {
	export GEN=$BATS_FILE_TMPDIR/generate
	"${CC:-cc}" -O2 -std=c17 -D_GNU_SOURCE -o "$GEN" \
		"$BATS_TEST_DIRNAME/maillog/generate.c"
}

# ask OPTION...: all that is said of everybody
ask() {
	run -0 --separate-stderr maillog-suspects --level all "$@"
}

# records without what differs from run to run
plain() {
	jq -c 'del(.time)' "$@"
}

# about NAME FILTER: of the record of NAME
about() {
	jq -s -e --arg id "$1" '.[] | select(.id == $id) | '"$2" <<<"$output"
}

small() {
	"$GEN" 7 600 12 truth >mainlog
}

@test "accuracy: all twelve are found, at most two are named wrongly" {
	local seed
	for seed in 1 5; do
		"$GEN" $seed 3000 12 truth | maillog-suspects >out
		jq -r .id out | sort >named
		sort truth >want
		[ "$(wc -l <want)" = 12 ]
		[ -z "$(comm -13 named want)" ] ||
			{ comm -13 named want; false; }
		[ "$(comm -23 named want | wc -l)" -le 2 ] ||
			{ comm -23 named want; false; }
		# each with its reasons, and with lines that name it
		jq -s -e 'all(.[]; .score >= 30 and (.signals | length) > 0 and
			([.signals[].points] | add) == .score and
			([.signals[].evidence[]] | length) > 0)' out
		jq -s -e 'all(.[] | select(.kind == "account"); .id as $id |
			[.signals[] | select(.signal != "bounces") | .evidence[]
			| .text | contains($id)] | all)' out
		jq -e -s '[.[].level] | index("compromised") != null' out
	done
}

@test "file, standard input, gzip, zstd, any number of threads: one answer" {
	small
	gzip -k mainlog
	zstd -q mainlog
	name() { jq -c 'del(.time)' | sed 's/"file":"[^"]*"/"file":"-"/g'; }
	maillog-suspects --level all --threads 1 mainlog | name >want
	[ "$(wc -l <want)" -gt 600 ]
	for t in 2 5; do
		maillog-suspects --level all --threads $t mainlog | name |
			cmp - want
	done
	maillog-suspects --level all <mainlog | name | cmp - want
	# shellcheck disable=SC2002 # a pipe is what is meant
	cat mainlog | maillog-suspects --level all - | name | cmp - want
	maillog-suspects --level all mainlog.gz | name | cmp - want
	maillog-suspects --level all mainlog.zst | name | cmp - want
}

@test "evidence stands where it says" {
	local f
	small
	gzip -k mainlog
	for f in mainlog mainlog.gz; do
		maillog-suspects --evidence 10 $f >out
		jq -r '.signals[].evidence[] | [.line, .text] | @tsv' out |
			sed 's/\\\\/\\/g' | sort -un >lines
		[ "$(wc -l <lines)" -gt 50 ]
		cut -f 1 lines | awk 'NR == FNR { want[$1] = 1; next }
			FNR in want { print FNR "\t" substr($0, 1, 400) }' \
			- mainlog >real
		cmp lines real
	done
}

@test "states of parts merge to the same answer, in any order and any steps" {
	local f
	small
	split -n l/7 mainlog part.
	maillog-suspects --level all part.?? | plain >want
	maillog-suspects --summary part.?? | plain >sums
	for f in part.??; do
		maillog-suspects --partial "$f" >"$f.state"
	done
	maillog-suspects --merge --level all part.*.state | plain | cmp - want
	maillog-suspects --merge --summary part.*.state | plain | cmp - sums
	# shellcheck disable=SC2046 # words
	maillog-suspects --merge --level all $(ls -r part.*.state) | plain |
		cmp - want
	maillog-suspects --merge --partial part.a[aceg].state | zstd -q >x.zst
	sort -R part.a[bdf].state |
		maillog-suspects --merge --partial >y
	maillog-suspects --merge --level all y x.zst | plain | cmp - want
	# nothing but states
	run -65 --separate-stderr maillog-suspects --merge mainlog
	echo '{"type":"mail-suspect","id":"x"}' >z
	run -65 --separate-stderr maillog-suspects --merge z
	[[ $stderr == *'z:1: '* ]]
	# part of a fleet must not look like all of it
	gzip <mainlog | head -c 100000 >cut.gz
	run -3 --separate-stderr maillog-suspects --partial mainlog cut.gz
	[ -z "$output" ]
}

@test "Exim's lines, in all their forms" {
	cat >log <<-'END'
	2026-11-21 10:00:00 1xUtVi-0006tA-0D <= bob@a.example H=(pc) [198.51.100.7]:3333 P=esmtpsa A=plain:bob@a.example S=1 T="one" for x@y.example
	2026-11-21 10:00:01.123 +0100 [77] 1xUtVi-000000006tB-0D00 <= bob@a.example H=pc.example (pc) [198.51.100.8] P=esmtpa A=login:bob@a.example:bob@a.example S=1
	Nov 21 10:00:02 mx exim[3]: 1xUtVi-0006tC-0D <= bob@a.example H=[198.51.100.9]:1 P=esmtpsa A=dovecot_login:BOB@a.example S=1
	Nov 21 10:00:02 mx exim[3]: 2026-11-21 10:00:02 1xUtVi-0006tD-0D <= other@b.example H=(pc) [2001:db8:1::9]:1 P=esmtpsa A=plain:bob@a.example S=1
	2026-11-21 10:00:03 1xUtVi-0006tA-0D => x@y.example R=r T=t H=mx [192.0.2.1] A=plain:smarthost
	2026-11-21 10:00:03 1xUtVi-0006tA-0D -> z@y.example R=r T=t H=mx [192.0.2.1]
	2026-11-21 10:00:03 1xUtVi-0006tA-0D ** w@y.example R=r T=t: 550 no
	2026-11-21 10:00:03 1xUtVi-0006tA-0D == v@y.example R=r T=t defer (-46)
	2026-11-21 10:00:03 1xUtVi-0006tA-0D Completed
	2026-11-21 10:00:04 1xUtVi-0006tE-0D <= www@h.example U=www P=local S=1
	2026-11-21 10:00:04 1xUtVi-0006tF-0D <= <> R=1xUtVi-0006tA-0D U=Debian-exim P=local S=1
	2026-11-21 10:00:04 1xUtVi-0006tG-0D <= a@out.example H=mx.out.example [203.0.113.9] P=esmtp S=1
	2026-11-21 10:00:04 1xUtVi-0006tH-0D <= a@out.example H=(x) [127.0.0.1] P=smtp S=1
	2026-11-21 10:00:04 1xUtVi-0006tI-0D <= c@a.example H=(x) [198.51.100.7] P=esmtpsa A=plain:__cpanel__service__auth__icontact__x S=1
	2026-11-21 10:00:05 cwd=/home/u/public_html 4 args: /usr/sbin/sendmail -t -i
	2026-11-21 10:00:05 cwd=/var/spool/exim 3 args: /usr/sbin/exim -Mc 1xUtVi-0006tA-0D
	2026-11-21 10:00:06 dovecot_login authenticator failed for (1.2.3.4) [198.51.100.7]:5: 535 Incorrect authentication data (set_id=bob@a.example)
	2026-11-21 10:00:06 no MAIL in SMTP connection from (x) [198.51.100.7]:4 D=1s A=plain:bob@a.example C=EHLO,AUTH,QUIT
	END
	ask log
	about bob@a.example '.messages == 4 and .recipients == 2 and
		.bounces == 1 and .deferred == 1 and .fails == 1 and
		.logins == 1 and .ips == 4 and .networks == 2 and
		.kind == "account" and .first == "2026-11-21T09:00:01Z"'
	about www '.kind == "user" and .messages == 1'
	about 127.0.0.1 '.kind == "host" and .messages == 1'
	about /home/u/public_html '.kind == "script" and .messages == 1'
	[ "$(jq -s length <<<"$output")" = 4 ]
}

@test "Postfix, Dovecot, Courier, qmail and Plesk" {
	cat >log <<-'END'
	Nov 21 10:00:00 mx postfix/submission/smtpd[1]: 4F1A2B3C4D: client=h[198.51.100.7]:9, sasl_method=LOGIN, sasl_username=p@a.example
	Nov 21 10:00:01 mx postfix/smtp[1]: 4F1A2B3C4D: to=<a@b.example>, relay=mx[192.0.2.1]:25, dsn=5.1.1, status=bounced (no)
	Nov 21 10:00:01 mx postfix/smtp[1]: 4F1A2B3C4D: to=<c@b.example>, relay=mx[192.0.2.1]:25, dsn=2.0.0, status=sent (ok)
	Nov 21 10:00:02 mx postfix/qmgr[1]: 4F1A2B3C4D: removed
	Nov 21 10:01:00 mx postfix/smtpd[1]: 4F1A2B3C4D: client=h[198.51.100.7], sasl_method=LOGIN, sasl_username=q@a.example
	Nov 21 10:00:02 mx postfix/smtpd[1]: warning: unknown[198.51.100.8]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=p@a.example
	Nov 21 10:00:02 mx postfix/pickup[1]: 4F1A2B3C4E: uid=33 from=<www-data>
	2026-11-21T10:00:03.5+00:00 mx dovecot: imap-login: Login: user=<d@a.example>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1
	Nov  2 10:00:03 mx dovecot[4]: pop3-login: Info: Disconnected: Aborted (auth failed, 3 attempts in 4 secs): user=<d@a.example>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1
	Nov 21 10:00:03 mx dovecot: auth-worker(9): conn unix:auth-worker (pid=1,uid=2): auth-worker<3>: sql(d@a.example,198.51.100.7,<x>): Password mismatch
	Nov 21 10:00:04 mx imapd: LOGIN FAILED, user=c@a.example, ip=[::ffff:198.51.100.7]
	Nov 21 10:00:04 mx imapd-ssl: LOGIN, user=c@a.example, ip=[::ffff:198.51.100.7], port=[5], protocol=IMAP
	Nov 21 10:00:05 mx smtp_auth: SMTP user [k] : /var/qmail/mailnames/a.example/k logged in from unknown@ [198.51.100.7]
	Nov 21 10:00:05 mx plesk_saslauthd[1]: failed mail authentication attempt for user 'k@a.example' (password len=10)
	Nov 21 10:00:06 mx qmail: 1795305600.1 info msg 77: bytes 9 from <a@b.example> qp 3 uid 10003
	Nov 21 10:00:06 mx qmail: 1795305600.2 starting delivery 5: msg 77 to remote x@y.example
	Nov 21 10:00:06 mx qmail: 1795305600.3 end msg 77
	END
	touch -d 2026-11-22 log
	ask log
	about p@a.example '.messages == 1 and .recipients == 1 and
		.bounces == 1 and .fails == 1 and .networks == 1'
	about q@a.example '.messages == 1 and .bounces == 0'
	about d@a.example '.logins == 1 and .fails == 4 and .messages == 0'
	about c@a.example '.logins == 1 and .fails == 1 and .ips == 1'
	about k@a.example '.messages == 1 and .fails == 1'
	about uid:33 '.kind == "user" and .messages == 1'
	about uid:10003 '.kind == "user" and .recipients == 1'
}

@test "a client that names itself as more of the line names nobody" {
	cat >log <<-'END'
	2026-11-21 10:00:00 1xUtVi-0006tA-0D <= a@b.example H=(x) [9.9.9.9] P=esmtpa A=plain:victim@a.example) [203.0.113.7]:5 P=esmtp S=1 T="t"
	2026-11-21 10:00:00 1xUtVi-0006tB-0D <= a@b.example H=(A=plain:victim@a.example) [203.0.113.7]:5 P=esmtp S=1 T="A=plain:victim@a.example"
	2026-11-21 10:00:06 dovecot_login authenticator failed for (x) [9.9.9.9]: 535 no (set_id=victim@a.example)) [203.0.113.7]:5: 535 Incorrect authentication data (set_id=real@a.example)
	END
	ask log
	[ "$(jq -s -c 'map(.id)' <<<"$output")" = '["real@a.example"]' ]
	run -0 --separate-stderr maillog-suspects --summary log
	[ "$(jq 'select(.type == "maillog-scope").forged' <<<"$output")" -ge 1 ]
	[[ $stderr == *'look like more of the line'* ]]
}

@test "text of the sender's choice names no account: envelope, SNI, Message-ID" {
	local i
	for i in {10..59}; do
		printf '2026-11-21 04:%d:00 1xUtVi-000%s-0D %s\n' "$i" "6$i" \
			"<= \"a A=plain:victim@a.example b\"@evil.example H=mx (x) [203.0.113.$i]:5 P=esmtp S=1" \
			"$i" "7$i" "<= x@evil.example H=mx (x) [203.0.113.$i]:5 P=esmtps SNI=\"x A=plain:victim@a.example y\" S=1" \
			"$i" "8$i" "<= hacked@a.example H=mx (x) [203.0.113.$i]:5 P=esmtpsa A=plain:hacked@a.example S=1 id=\" A=plain:victim@a.example \"@d"
	done >log
	echo 'Nov 21 18:00:00 h postfix/smtpd[1]: ABCDEF123: client=localhost[127.0.0.1' >>log
	ask log
	jq -se 'map(.id) | index("hacked@a.example") and
		(index("victim@a.example") | not)' <<<"$output"
}

@test "guessed, and then used at once from there, is enough by itself" {
	local i
	{
		for i in {10..35}; do
			echo "2026-11-1$((i % 5)) 09:$i:00 1xUtVi-0006$i-0D <= d@a.example H=(pc) [192.0.2.1]:3 P=esmtpsa A=plain:d@a.example S=1"
		done | sort
		for i in 1 2 3 4 5 6; do
			echo "2026-11-21 10:00:0$i plain authenticator failed for (x) [198.51.100.7]:5: 535 Incorrect authentication data (set_id=d@a.example)"
		done
		for i in {10..19}; do
			echo "2026-11-21 10:$i:00 1xUtVi-0007$i-0D <= d@a.example H=(pc) [198.51.100.7]:3 P=esmtpsa A=plain:d@a.example S=1"
		done
	} >log
	ask log
	about d@a.example '.level == "suspect" and [.signals[].signal] == ["guessed"]'
	sed '$d' log >less
	ask --account d@a.example less
	about d@a.example '.level == "watch" and .signals[0].points == 20'
}

@test "passwords that a log has in clear are masked" {
	local i
	for i in 1 2 3 4 5 6; do
		echo "Nov 21 10:00:0$i mx dovecot: auth-worker(9): sql(d@a.example,198.51.100.7): unknown user (given password: Hunter$i)"
	done >log
	echo 'Nov 21 10:00:09 mx dovecot: imap-login: Login: user=<d@a.example>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1' >>log
	echo '2026-11-21 10:01:00 1xUtVi-0006tA-0D <= d@a.example H=(pc) [198.51.100.7]:3 P=esmtpsa A=plain:d@a.example S=1 T="password=Hunter7 x"' >>log
	touch -d 2026-11-22 log
	ask --account d@a.example log
	about d@a.example '[.signals[].signal] == ["guessed"] and
		.signals[0].points == 20 and .signals[0].value == 6'
	run ! grep Hunter <<<"$output"
	maillog-suspects --partial log >state
	run ! grep Hunter state
	maillog-suspects --message-id 1xUtVi-0006tA-0D log >lines
	grep -q 'password=\*\*\*' lines
	run ! grep Hunter lines
}

@test "torn lines, junk, lines of a megabyte, no UTF-8, clock steps, new year" {
	{
		head -c 300000 /dev/urandom
		echo
		printf '2026-11-21 10:00:00 1xUtVi-0006tA-0D <= bob@a.example H=(\377\376) [198.51.100.7]:3 P=esmtpsa A=plain:bob@a.example S=1 T="\377"\r\n'
		printf '2026-11-21 10:00:00 1xUtVi-0006tB-0D <= bob@a.example H=(x) [198.51.100.7]:3 P=esmtpsa A=plain:bob@a.example S=1 T="'
		head -c 1000000 /dev/zero | tr '\0' x
		printf '"\n2026-11-21 09:00:00 1xUtVi-0006tC-0D <= bob@a.example H=(x) [198.51.100.7]:3 P=esmtpsa A=plain:bob@a.example S=1\n'
		printf '2026-11-21 09:00:01 1xUtVi-0006tD-0D <= bob@a.exa'
	} >log
	ask log
	about bob@a.example '.messages == 3'
	run -0 --separate-stderr maillog-suspects --summary log
	jq -e 'select(.type == "maillog-scope") | .junk > 0 and .long == 1 and
		.torn == 1 and .backwards >= 1 and .bytes > 1' <<<"$output"
	# syslog has no year: what would be in the future is of last year
	cat >mail.log <<-'END'
	Dec 31 23:59:59 mx postfix/smtpd[1]: 4F1A2B3C4D: client=h[198.51.100.7], sasl_method=LOGIN, sasl_username=p@a.example
	Jan  1 00:00:01 mx postfix/smtpd[1]: 4F1A2B3C5D: client=h[198.51.100.7], sasl_method=LOGIN, sasl_username=p@a.example
	END
	touch -d '2026-01-02 00:00:00Z' mail.log
	ask mail.log
	about p@a.example '.first == "2025-12-31T23:59:59Z" and
		.last == "2026-01-01T00:00:01Z"'
	# a file that is damaged says what came before
	small
	gzip mainlog
	head -c 300000 mainlog.gz >cut.gz
	run -3 --separate-stderr maillog-suspects --level all log cut.gz
	[[ $stderr == *'cut.gz: cut off'* ]]
	[ "$(jq -s length <<<"$output")" -gt 10 ]
	head -c 100000 /dev/urandom >junk
	run -0 --separate-stderr maillog-suspects junk
	[[ $stderr == *'no known log'* ]]
}

@test "all lines of a message, across rotated files, in their order" {
	printf '%s\n' '2026-11-20 10:00:00 1xUtVi-0006tA-0D <= bob@a.example H=(x) [198.51.100.7]:3 P=esmtpsa A=plain:bob@a.example S=1 id=abc.1@pc.example' \
		'2026-11-20 10:00:00 1xUtVi-0006tB-0D <= eve@a.example U=eve P=local S=1 id=abc.2@pc.example' \
		'2026-11-20 10:00:01 1xUtVi-0006tA-0D == x@y.example R=r T=t defer' |
		gzip >mainlog.10.gz
	echo '2026-11-21 10:00:00 1xUtVi-0006tA-0D == x@y.example R=r T=t defer' >mainlog.2
	printf '%s\n' '2026-11-22 10:00:00 1xUtVi-0006tA-0D => x@y.example R=r T=t' \
		'2026-11-22 10:00:00 21xUtVi-0006tA-0D9 another' \
		'2026-11-22 10:00:00 1xUtVi-0006tF-0D <= <> R=1xUtVi-0006tA-0D U=mail P=local' \
		'2026-11-22 10:00:00 1xUtVi-0006tA-0D Completed' >mainlog
	for id in 1xUtVi-0006tA-0D abc.1@pc.example '<abc.1@pc.example>'; do
		run -0 --separate-stderr maillog-suspects --message-id "$id" \
			mainlog mainlog.2 mainlog.10.gz
		[ "$(jq -r '"\(.file):\(.line)"' <<<"$output" | paste -sd' ')" = \
			'mainlog.10.gz:1 mainlog.10.gz:3 mainlog.2:1 mainlog:1 mainlog:3 mainlog:4' ]
	done
	# the same lines as grep's, whatever the size
	small_id=$("$GEN" 7 600 12 truth | tee big | awk '/A=dovecot/ { id = $3 } END { print id }')
	maillog-suspects --message-id "$small_id" big | jq -r .text >got
	grep -F "$small_id" big | cmp - got
	run -0 --separate-stderr maillog-suspects --message-id nobody@x.example big
	[ -z "$output" ]
	[[ $stderr == *'no line names it'* ]]
	run -64 maillog-suspects --message-id x big
}

@test "a window of time, a network, an account, a level" {
	local i
	for i in 1 2 3; do
		echo "2026-11-2$i 10:00:00 1xUtV$i-0006tA-0D <= bob@a.example H=(x) [198.51.10$i.7]:3 P=esmtpsa A=plain:bob@a.example S=1"
		echo "2026-11-2$i 10:00:00 1xUtV$i-0006tB-0D <= eve@a.example H=(x) [203.0.113.$i]:3 P=esmtpsa A=plain:eve@a.example S=1"
	done >log
	ask --since 2026-11-22 --until 2026-11-23 log
	about bob@a.example '.messages == 1 and .first == "2026-11-22T10:00:00Z"'
	run -0 --separate-stderr maillog-suspects --ip 198.51.101.0/24 --ip 203.0.113.2 log
	about bob@a.example '.messages == 1'
	about eve@a.example '.messages == 1'
	run -0 --separate-stderr maillog-suspects --account BOB@a.example log
	[ "$(jq -r '[.id, .score, .value, .kind] | @tsv' <<<"$output")" = \
		$'bob@a.example\t0\tbob@a.example\taccount' ]
	run -0 maillog-suspects log
	[ -z "$output" ]
	run -0 --separate-stderr maillog-suspects --summary --top 1 log
	[ "$(jq -s -c 'map(.type)' <<<"$output")" = '["mail-sender","maillog-scope"]' ]
	run -64 maillog-suspects --level much log
	run -64 maillog-suspects --ip nowhere log
	run -64 maillog-suspects --since yesterday log
	run -64 maillog-suspects --summary --partial log
	run -64 maillog-suspects --evidence 11 log
	run -64 maillog-suspects --merge --ip 192.0.2.1 log
	run -64 maillog-suspects --follow log log
	run -66 maillog-suspects nothing
}

@test "of another network's messages nothing is left, nor too much" {
	local i
	for ((i = 0; i < 300; i++)); do
		printf '2026-11-21 10:00:00 1xUtVi-00%04x-0D %s\n' "$i" \
			"<= bob@a.example H=(x) [198.51.100.7]:3 P=esmtpsa A=plain:bob@a.example S=1"
	done >many
	# as many ends in another part of the log, far from their beginnings
	{
		cat many
		yes '2026-11-21 10:00:00 Start queue run: pid=1' | head -8000
		sed 's/<=.*/=> x@b.example R=a T=b/' many
		sed 's/<=.*/Completed/' many
	} >log
	run -0 --separate-stderr maillog-suspects --ip 203.0.113.0/24 --partial log
	[ "$(jq -s 'length' <<<"$output")" = 1 ]
	jq -e 'has("messages") | not' <<<"$output"
	run -0 --separate-stderr maillog-suspects --ip 203.0.113.0/24 --summary log
	jq -e '.messages == 0 and .uncounted == 0 and .senders == 0' <<<"$output"
	run -0 --separate-stderr maillog-suspects --ip 198.51.100.7 log
	about bob@a.example '.messages == 300 and .recipients == 300'
}

@test "a log that is given twice is read once" {
	small
	head -c 300000 mainlog >part
	maillog-suspects --summary mainlog | plain >want
	mkdir d
	cp mainlog d/mainlog
	gzip -c mainlog >d/mainlog.gz
	zstd -qc mainlog >d/mainlog.zst
	ln d/mainlog d/hard
	ln -s mainlog d/link
	run -0 --separate-stderr maillog-suspects --summary d/mainlog d/*
	plain <<<"$output" | cmp - want
	[ "${#stderr_lines[@]}" = 5 ]
	for f in mainlog mainlog.gz mainlog.zst hard link; do
		grep -qx "maillog-suspects: d/$f: the same log as d/mainlog: read once" <<<"$stderr"
	done
	# another text under such a name is another log
	mkdir e
	cp part e/mainlog
	tail -c 300000 mainlog | gzip >e/mainlog.gz
	run -0 --separate-stderr maillog-suspects --summary e/*
	jq -s -e '.[-1] | .files == 2 and .bytes == 600000' <<<"$output"
	[ -z "$stderr" ]
}

@test "honest: a telephone, webmail, an announcement, a changed password" {
	local i
	{
		for i in {10..99}; do
			echo "2026-11-1$((i % 9)) 10:$((i % 50 + 10)):00 1xUt$i-0006tA-0D <= tel@a.example H=(x) [100.70.$i.7]:3 P=esmtpsa A=plain:tel@a.example S=1"
			echo "2026-11-1$((i % 9)) 10:$((i % 50 + 10)):00 1xUt$i-0006tB-0D <= web@a.example H=(x) [127.0.0.1]:3 P=esmtpsa A=plain:web@a.example S=1"
			echo "2026-11-2$((i % 9)) 10:00:$i 1xUt$i-0006tC-0D <= pw@a.example H=(x) [198.51.100.$i]:3 P=esmtpsa A=plain:pw@a.example S=1"
		done | sed 's/:\(..\):[6-9]/:\1:1/'
		for i in {10..40}; do
			echo "2026-11-29 11:00:$i plain authenticator failed for (x) [198.51.100.9]: 535 Incorrect authentication data (set_id=pw@a.example)"
		done
	} >log
	run -0 --separate-stderr maillog-suspects --level watch log
	[ -z "$output" ]
	ask log
	about tel@a.example '.networks == 90'
	about web@a.example '.networks == 0'
	about pw@a.example '.fails == 31 and .score == 0'
}

@test "--follow: a suspect is told of when he becomes one, through a rotation" {
	small
	mv mainlog big
	awk 'NR == FNR { if (/<= user501@/) mine[$3] = 1; next }
		$3 in mine' big big >all
	head -n 20 all >mainlog
	maillog-suspects --follow mainlog >out 2>err 3>&- &
	pid=$!
	wait_for() {
		for _ in {1..6000}; do
			if "$@"; then return 0; fi
			kill -0 $pid || return 1
			sleep 0.05
		done
		return 1
	}
	tail -n +21 all | head -n 1000 >>mainlog
	wait_for grep -q user501@ out
	mv mainlog mainlog.1
	tail -n +1021 all >mainlog
	wait_for grep -q '"level":"compromised"' out
	kill -TERM $pid
	wait $pid
	jq -e -s 'map(.type == "mail-suspect") | all' out
}

@test "files of rotated logs are read in the order they were written" {
	local f
	mkdir d
	for f in a.log a.log.1 a.log.2.gz a.log.10.gz b-20261101.gz \
		b-20261102 b; do
		echo "2026-11-21 10:00:00 1xUtVi-0006tA-0D $f" >d/x
		if [[ $f == *.gz ]]; then gzip <d/x; else cat d/x; fi >d/$f
	done
	rm d/x
	run -0 maillog-suspects --message-id 1xUtVi-0006tA-0D d
	[ "$(jq -r '.text[37:]' <<<"$output" | paste -sd' ')" = \
		'a.log.10.gz a.log.2.gz a.log.1 a.log b-20261101.gz b-20261102 b' ]
}

@test "the man page's examples" {
	small
	split -n l/2 mainlog x.
	gzip <x.aa >mainlog.1.gz
	mv x.ab mainlog
	run_examples maillog-suspects
}
