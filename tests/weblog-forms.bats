#!/usr/bin/env bats
# weblog-forms: forms and scripts that spam is sent through, by access logs

# shellcheck disable=SC2154,SC2030,SC2031
load lib/quell

MAKE=$QUELL_ROOT/tests/lib/weblog_make.py

setup_file() {
	python3 "$MAKE" "$BATS_FILE_TMPDIR/w" --seed 7 --days 4 --gets 3000
	export W=$BATS_FILE_TMPDIR/w
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export TZ=UTC
}

# post [CLIENT] [PATH] [STATUS] [TIME]
post() {
	printf '%s - - [21/Nov/2026:%s +0000] "POST %s HTTP/1.1" %s 512 "-" "curl/8"\n' \
		"${1:-192.0.2.1}" "${4:-10:00:00}" "${2:-/contact.php}" "${3:-200}"
}

# many N [PATH]: as many in one hour, from one network
many() {
	local i
	for ((i = 0; i < $1; i++)); do
		printf '192.0.2.%d - - [21/Nov/2026:10:%02d:%02d +0000] "POST %s HTTP/1.1" 200 512 "-" "curl/8"\n' \
			$((i % 9 + 1)) $((i / 60 % 60)) $((i % 60)) "${2:-/contact.php}"
	done
}

found() {	# OPTION...: the suspects, in out
	code 0 weblog-forms -o json "$@"
	jq -r 'select(.type == "form-suspect" and .score > 0) | .value' out | sort
}

of() {	# VALUE FILTER: of its record in out
	json_is "$(jq -c --arg v "$1" 'select(.value == $v)' out)" "$2"
}

scope() {
	json_is "$(tail -n 1 out)" ".type == \"web-scope\" and ($1)"
}

@test "all that was planted is found, and nothing that is only busy" {
	local seed dir
	for seed in 7 8; do
		dir=$W
		[ "$seed" = 7 ] || {
			dir=other
			python3 "$MAKE" other --seed 8 --days 6 --gets 500
		}
		# by the access log alone
		[ "$(found "$dir/access.log")" = "$(sort "$dir/planted")" ]
		# and with the mail, whose it is known or not
		[ "$(found --mainlog "$dir/mainlog" "$dir/access.log")" = "$(sort "$dir/planted")" ]
		[ "$(found --mainlog "$dir/mainlog" --users "$dir/users" "$dir/access.log")" = \
			"$(sort "$dir/planted")" ]
		jq -se 'map(select(.score > 0)) | all(.verdict == "abused")' out
		# busy and honest ones were read, and have their places below
		code 0 weblog-forms -o json --min 0 --mainlog "$dir/mainlog" \
			--users "$dir/users" "$dir/access.log"
		while read -r url; do
			of "$url" '.score < 30'
		done <"$dir/honest"
	done
}

@test "a record says who, how much, and shows the lines" {
	local f n
	found --mainlog "$W/mainlog" --users "$W/users" "$W/access.log" >/dev/null
	of site9.example/wp-content/uploads/2026/10/.x/mail.php '.verdict == "abused" and
		.known == "script out of place" and .host == "site9.example" and
		.posts == 700 and .nets == 1 and .top_nets[0].net == "203.0.113.0/24" and
		.top_agents[0].agent == "curl/7.88" and .mail.user == "web9" and
		.mail.posts_with_mail == 700 and .mail.by_chance < 700 and
		(.mail.cwd | endswith("/uploads/2026/10/.x")) and .peak > 100 and
		([.signals[].points] | add) == .score and
		([.signals[].signal] | index("place") and index("mail") and
		index("burst") and index("one") and index("bare")) and
		(.evidence | length) == 5'
	# each line of the evidence is that line
	jq -r '.evidence // [] | .[] | "\(.file) \(.line) \(.text)"' out >ev
	[ "$(wc -l <ev)" -ge 30 ]
	while read -r f n text; do
		[ "$(sed -n "${n}p" "$f")" = "$text" ]
	done < <(head -n 8 ev)
}

@test "logins that are guessed at are named as that, and are no mailers" {
	found "$W/access.log" >/dev/null
	of site8.example/xmlrpc.php '.verdict == "brute-force" and .score == 0 and .known == "xmlrpc"'
	of site0.example/wp-login.php '.verdict == "brute-force" and .known == "wp-login"'
	# a few are nothing
	many 60 /wp-login.php >l
	[ -z "$(found l)" ]
	scope '.posts == 60'
	# and with mail after it, it is a mailer by that name
	many 120 /wp-cron.php >l
	found l >none
	[ ! -s none ]
	for i in {0..119}; do
		printf '2026-11-21 10:%02d:%02d 1v0000-%011d-0001 <= w@a.example U=web P=local S=9 for v%s@b.example\n' \
			$((i / 60)) $((i % 60)) "$i" "$i"
	done >m
	[ "$(found --mainlog m --user a.example=web --vhost a.example l)" = a.example/wp-cron.php ]
	of a.example/wp-cron.php '[.signals[].signal] | index("mail") and index("reply")'
}

@test "every form of line, and what is none" {
	{
		echo '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /a HTTP/1.1" 200 5'
		echo 'www.x.example:443 192.0.2.1 - j doe [21/Nov/2026:10:00:00 +0000] "POST /a HTTP/1.1" 200 5 "-" "-" "more"'
		echo '2001:db8::1 - - [21/Nov/2026:11:00:00 +0100] "POST http://y.example//%61?q=1 HTTP/2.0" 303 0 "-" "a \"b\""'
		echo 'Nov 21 10:00:00 lb nginx: z.example 192.0.2.2 - - [2026-11-21T10:00:00+00:00] "POST /a HTTP/1.1" 200 5 "-" "-"'
		echo 'client.example - - [21/Nov/2026:10:00:00 +0000] "POST /a HTTP/1.1" 200 5 "-" "-"'
		echo '{"time_iso8601":"2026-11-21T10:00:00+00:00","remote_addr":"192.0.2.3","request":"POST /a HTTP/1.1","status":"200","http_host":"j.example"}'
		echo '{"ts":1795255200.5,"request":{"remote_ip":"192.0.2.4","method":"POST","host":"c.example:443","uri":"/a?x","headers":{"User-Agent":["curl"]}},"status":201}'
		echo '{"ClientHost":"192.0.2.5","RequestMethod":"POST","RequestPath":"/a","DownstreamStatus":200,"StartUTC":"2026-11-21T10:00:00Z","RequestHost":"t.example"}'
		# no POST, whatever it says
		echo '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "\"POST /b HTTP/1.1"'
		echo '{"time":"2026-11-21T10:00:00Z","method":"GET","uri":"/a","status":200,"x":"POST","y":["POST"]}'
		# torn ones
		echo '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /torn'
		echo '192.0.2.1 - - [99/Nov/2026:10:00:00 +0000] "POST /a HTTP/1.1" 200 5'
		printf '{"time":"2026-11-21T10:00:00Z","method":"POST","ur'
	} >l
	code 0 weblog-forms -o json --min 0 l
	jq -r 'select(.kind == "url") | .value' out | sort >urls
	[ "$(tr '\n' ' ' <urls)" = '/a c.example/a j.example/a t.example/a www.x.example/a y.example/a z.example/a ' ]
	scope '.lines == 13 and .posts == 8 and .unread == 3'
	of /a '.posts == 2 and .addresses == 1'
	of y.example/a '.top_nets[0].net == "2001:db8::/48" and .top_agents[0].agent == "a \\\"b\\\"" and
		.first == "2026-11-21T10:00:00Z"'
	of c.example/a '.top_agents[0].agent == "curl" and .first == "2026-11-21T10:00:00Z"'
}

@test "plain, packed, rotated, stdin, by any number of threads: the same" {
	local n f
	n=$(($(wc -l <"$W/access.log") / 3))
	mkdir r
	split -l "$n" -a 1 "$W/access.log" r/part.
	mv r/part.a access.log.2 && mv r/part.b access.log.1 && cat r/part.[c-z] >access.log
	rm -r r
	gzip -k access.log.2
	zstd -q access.log.1
	figures() {
		jq -cS 'del(.time, .evidence, .files) | select(.type == "form-suspect" or
			.lines)' out
	}
	found "$W/access.log" >/dev/null
	figures >want
	for f in 1 2 5; do
		found --threads "$f" access.log.2.gz access.log.1.zst access.log >/dev/null
		figures | cmp - want
		jq -cS 'del(.time)' out >"t$f"
		cmp "t$f" t1
	done
	code 0 bash -c 'weblog-forms -o json <"$W/access.log"'
	figures | cmp - want
	code 0 bash -c 'zcat access.log.2.gz | weblog-forms -o json - access.log.1.zst access.log'
	figures | cmp - want
	# bit by bit through a pipe
	code 0 bash -c 'head -c 300000 "$W/access.log" | weblog-forms --min 0 -o json'
	jq -c 'del(.time, .evidence)' out >want
	code 0 bash -c 'head -c 300000 "$W/access.log" | dd bs=997 status=none | weblog-forms --min 0 -o json'
	jq -c 'del(.time, .evidence)' out | cmp - want
}

@test "torn lines, junk, a line without end, clock steps: counted" {
	{
		many 30
		head -c 300000 /dev/urandom
		printf '\n192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /long%s HTTP/1.1" 200 5\n' \
			"$(printf '%070000d' 0)"
		printf '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /\xff\xfe\x1b[31m HTTP/1.1" 200 5 "-" "\x07\xff"\n'
		printf '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /x HTTP/1.1" 200 5 "-" "%01048576d"\n' 0
		post 192.0.2.1 /a 200 12:00:00
		post 192.0.2.1 /a 200 09:00:00
		printf '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /torn'
	} >l
	code 0 weblog-forms --min 0 -o json l
	scope '.cut == 2 and .clock_steps == 1 and .unread >= 2 and .posts == 34'
	[ "$(LC_ALL=C grep -c '[[:cntrl:]]' out)" = 0 ]
	code 0 weblog-forms --min 0 -o tsv l
	run -1 grep -q $'\x1b' out
}

@test "what people typed is not shown" {
	many 60 '/contact.php?mail=someone@secret.example' >l
	found --min 0 l >/dev/null
	of /contact.php '.evidence[0].text | contains("?***")'
	run -1 grep -q secret out
}

@test "a window; a host by the name of the log; whose mail by where it lies" {
	many 60 >l
	code 0 weblog-forms --min 0 -o json --since 2026-11-21T10:00:30Z --until 2026-11-21T10:00:40Z l
	scope '.posts == 10 and .outside == 50'
	mkdir -p home/web/logs
	cp l home/web/logs/www.shop.example.access.log.1
	echo '2026-11-21 10:00:05 1v0000-00000000001-0001 <= w@a.example U=web P=local S=9 for v@b.example' >m
	code 0 weblog-forms --min 0 -o json --mainlog m "$PWD/home/web/logs"
	of www.shop.example/contact.php '.mail.user == "web" and .mail.mails == 1 and .mail.posts_with_mail == 6'
	many 60 /~web/x.php >l2
	code 0 weblog-forms --min 0 -o json --mainlog m l2
	of /~web/x.php '.mail.user == "web"'
	code 0 weblog-forms --min 0 -o json --mainlog m --vhost a.example --user a.example=other l
	of a.example/contact.php '.mail.user == "none" and .mail.mails == 0'
	code 0 weblog-forms --min 0 -o json --mainlog m --vhost www.a.example --root "a.example=$PWD" l
	of www.a.example/contact.php '.mail.user | IN("none", "any") | not | not'
	# other lines of the log, and root's, are nobody's
	cat >m <<-'END'
	2026-11-21 10:00:05 1v0000-00000000001-0001 <= r@a.example U=root P=local S=9 for v@b.example
	2026-11-21 10:00:06 1v0000-00000000002-0001 <= w@a.example H=x [192.0.2.1] P=esmtp S=9 for v@b.example
	2026-11-21 10:00:07 1v0000-00000000003-0001 <= <> R=1v0000-00000000001-0001 U=web P=local S=9 for v@b.example
	Nov 21 10:00:08 mx exim[12]: 2026-11-21 10:00:08.120 +0000 [12] 1xUnbl-0004Fv-1l <= w@a.example U=web P=local S=9 T="a for b@c.example"
	2026-11-21 10:00:09 1xUnbl-0004Fv-1l => v@b.example R=r T=t
	2026-11-21 10:00:09 1xUnbl-0004Fv-1l -> v2@b.example R=r T=t
	END
	code 0 weblog-forms --min 0 -o json --mainlog m l
	of /contact.php '.mail.user == "any" and .mail.mails == 1 and .mail.recipients == 2'
}

@test "a flood's mail is the flood's: its user is found, and another form's recipients stay its own" {
	many 900 /tell.php >l
	for ((i = 0; i < 900; i++)); do
		printf '2026-11-21 10:%02d:%02d 1v0000-%06d-00 <= w@a.example U=web P=local S=9 for v%d@b.example\n' \
			$((i / 60 % 60)) $((i % 60)) "$i" "$i"
	done >m
	for ((i = 0; i < 30; i++)); do
		printf '192.0.2.1 - - [21/Nov/2026:14:%02d:00 +0000] "POST /contact.php HTTP/1.1" 302 9 "-" "curl/8"\n' "$i" >&3
		printf '2026-11-21 14:%02d:01 1v0000-%06d-01 <= w@a.example U=web P=local S=9 for owner@a.example\n' "$i" "$i" >&4
	done 3>>l 4>>m
	code 0 weblog-forms -o json --utc --mainlog m l
	of /tell.php '.mail.user == "web" and .verdict == "abused" and
		.mail.recipients == 900 and .mail.distinct == 900 and
		([.signals[].signal] | contains(["mail", "reply"]))'
	of /contact.php '.mail.recipients == 30 and .mail.distinct == 1 and
		([.signals[].signal] | contains(["mail"])) and
		([.signals[].signal] | contains(["reply"]) | not)'
}

@test "clients and programs that post to many" {
	for u in a b c d e f; do
		many 40 "/$u"
	done >l
	found l >/dev/null
	of 192.0.2.0/24 '.kind == "client" and .urls == 6 and .posts == 240 and
		.verdict == "suspect" and (.top_urls | length) == 5'
	of curl/8 '.kind == "agent" and .urls == 6'
}

@test "what cannot be read does not hide the others" {
	many 60 >good
	gzip -c good | head -c 200 >bad.gz
	code 3 weblog-forms --min 0 -o json bad.gz good
	[[ $(<err) == *'bad.gz'* ]]
	scope '.files == 2 and .files_bad == 1'
	of /contact.php '.posts >= 60'
	echo 'no access log' >other
	code 0 weblog-forms -o json other
	[[ $(<err) == *'1 of the files are no access log'* ]]
	code 66 weblog-forms nothing
	code 66 weblog-forms --mainlog nothing good
	code 66 weblog-forms --users nothing good
	echo 'no such form' >u
	code 65 weblog-forms --users u good
	[[ $(<err) == *'u:1: no HOST: USER'* ]]
}

@test "stopped or out of time: 75, and what was read is written" {
	mkfifo in
	weblog-forms --min 0 -o json - <in >out 2>err 3>&- &
	pid=$!
	exec 9>in
	# SIGTERM is caught: the log is open
	until ((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status") & 0x4000)); do
		sleep 0.05
	done
	kill "$pid"
	post >&9
	rc=0
	wait "$pid" || rc=$?
	exec 9>&-
	[ "$rc" = 75 ]
	[[ $(<err) == *'1 of 1 files were not read to the end' ]]
	json_is "$(jq -s . out)" '.[-1].type == "web-scope"'
	# endless; and then there are no rules
	run -75 --separate-stderr weblog-forms -t 1 --rules nginx - < <(yes "$(post)")
	[ -z "$output" ]
}

@test "usage" {
	local o
	post >l
	for o in --min=x --min=-1 --rules=iis --allow=x --user=x --root=x= --vhost='a b' \
		--threads=0 --threads=99 --since=never; do
		run -64 --separate-stderr weblog-forms "$o" l
		[ -z "$output" ]
	done
}

# --- rules ------------------------------------------------------------------

# The parts of what was printed, as files.
parts() {
	awk '/^# == / { file = $3; sub(/:$/, "", file); gsub("/", "_", file)
		printf "" >file; next } file { print >file }' "$1"
}

real() {	# PEER...: or skip
	load lib/peers
	peers_have "$@" 2>no || skip "$(tail -n 1 no)"
	LD_LIBRARY_PATH=$(peers_libs)
}

@test "rules: hostile names are refused, what is allowed is left out" {
	local s
	{
		many 150 /contact.php
		many 150 "/mail';}evil.php"
		many 150 '/form"evil.php'
		many 150 "/form%0aevil.php"
		many 150 '/form$(evil).php'
		many 150 '/mail\x22evil.php'
		many 150 "/form-evil$(printf '%0300d' 0)"
		for u in a b c d e f; do
			many 40 "/$u"
		done
	} >l
	for s in fail2ban nginx apache; do
		code 0 weblog-forms --rules "$s" l
		[[ $(<err) == *'some paths were refused'* ]]
		run -1 grep -q evil out
		grep -q contact out
		[ "$(grep -c '^# refused' out)" = 5 ]
	done
	grep -q "192.0.2.0/24" out
	code 0 weblog-forms --rules apache --allow 192.0.2.8 l
	run -1 grep -q "192.0.2.0/24" out
	# logins stay open, and nothing is blocked where nothing was found
	many 200 /wp-login.php >l
	code 0 weblog-forms --rules nginx l
	run -1 grep -q return out
}

@test "rules: a real nginx takes them, and blocks these POSTs alone" {
	real nginx
	many 150 >l
	found l >/dev/null
	weblog-forms --vhost a.example --rules nginx l >rules.txt
	parts rules.txt
	port=$(peers_free_port)
	cat >nginx.conf <<-END
	daemon off; pid $PWD/pid; error_log stderr; events {}
	http { access_log off; client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2;
	fastcgi_temp_path $PWD/t3; uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
	server { listen 127.0.0.1:$port; include $PWD/quell-web-forms.conf;
	location / { return 204; } } }
	END
	LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$PEERS_ROOT/usr/sbin/nginx" -t -p "$PWD" -c "$PWD/nginx.conf"
	LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$PEERS_ROOT/usr/sbin/nginx" -p "$PWD" \
		-c "$PWD/nginx.conf" >nginx.out 2>&1 3>&- &
	pid=$!
	peers_wait 30 peers_listens "$port"
	got() {
		unset LD_LIBRARY_PATH
		curl -sS -o /dev/null -w '%{http_code}\n' -H "Host: $1" "${@:3}" \
			"http://127.0.0.1:$port$2"
	}
	codes=$(got a.example /contact.php -d x; got a.example /contact.php; got b.example /contact.php -d x
		got a.example /other.php -d x)
	kill "$pid"
	wait "$pid" || true
	[ "$(tr '\n' ' ' <<<"$codes")" = '403 204 204 204 ' ]
}

@test "rules: a real Apache takes them" {
	real apache
	{ many 150; for u in a b c d e f; do many 40 "/$u"; done; } >l
	weblog-forms --vhost a.example --rules apache l >rules.txt
	parts rules.txt
	{
		printf 'ServerRoot %s\nPidFile %s/pid\nServerName x\nErrorLog /dev/stderr\nListen 127.0.0.1:9\n' "$PWD" "$PWD"
		for m in mpm_prefork authz_core authz_host; do
			echo "LoadModule ${m}_module $PEERS_ROOT/usr/lib/apache2/modules/mod_$m.so"
		done
		echo "Include $PWD/quell-web-forms.conf"
	} >apache.conf
	LD_LIBRARY_PATH=$LD_LIBRARY_PATH run -0 "$PEERS_ROOT/usr/sbin/apache2" -t -f "$PWD/apache.conf"
	[[ $output == *'Syntax OK'* ]]
	grep -q -- "-R '192.0.2.0/24'" quell-web-forms.conf
}

@test "rules: a real fail2ban finds the clients by them" {
	real fail2ban
	{ many 150; post 198.51.100.4 /other.php; post 198.51.100.5 /contactXphp; } >l
	sed 's/^/a.example:443 /' l >l2
	weblog-forms --rules fail2ban --allow 203.0.113.0/24 --logpath /var/log/nginx/access.log l >rules.txt
	parts rules.txt
	for f in l l2; do
		# with Debian's own tables, which jails of any host are read with
		PYTHONPATH=$PEERS_ROOT/usr/lib/python3/dist-packages run -0 /usr/bin/python3 \
			"$PEERS_ROOT/usr/bin/fail2ban-regex" "$PWD/$f" \
			"$PWD/filter.d_quell-web-forms.conf"
		[[ $output == *'152 lines, 0 ignored, 150 matched, 2 missed'* ]]
	done
	grep -qx 'logpath = /var/log/nginx/access.log' jail.d_quell-web-forms.conf
	grep -qx 'ignoreip = 127.0.0.1/8 ::1 203.0.113.0/24' jail.d_quell-web-forms.conf
	grep -qx 'enabled = true' jail.d_quell-web-forms.conf
	# no log is known: it is not switched on
	weblog-forms --rules fail2ban - <l | grep -qx 'enabled = false'
}

@test "the man page's examples" {
	ln -s "$W/access.log" access.log
	gzip -c "$W/access.log" >access.log.1.gz
	ln -s "$W/mainlog" mainlog
	ln -s "$W/users" userdomains
	run_examples weblog-forms
}
