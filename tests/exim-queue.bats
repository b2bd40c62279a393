#!/usr/bin/env bats
# exim-queue: what it lists of hand-made spools, and of a real Exim's
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell
load lib/spool

A=1xUnbl-0004Fv-1l
B1=1xUnbm-0004Fw-2l
C=1xUncK-0000000055e-1rvz

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	export LC_ALL=C.UTF-8
}

lists() {	# EXPECTED-IDS OPTION...
	local want=$1
	shift
	run -0 --separate-stderr exim-queue --spool sp "$@"
	[ "$(ids <<<"$output")" = "$want" ] ||
		{ echo "$*: $(ids <<<"$output"), not $want"; return 1; }
}

three() {
	msg sp $A sender=spam@v.example auth=billing@v.example \
		to='a@gmail.example b@yahoo.example' time=1795277193 \
		subject='=?utf-8?B?R3LDvMOfZQ==?= 17' script='33:m.php(82) : eval()'
	msg sp $B1 sender= host=2001:db8::1 proto=local ident=www-data \
		time=1795277293 frozen=1795277300 subject='Grüße 18'
	msg sp $C auth=BILLING@v.example sub=K time=1795277393 \
		to='c@gmail.example' subject='other'
}

@test "a record says what the message's files say" {
	three
	run -0 --separate-stderr exim-queue --spool sp $A
	[ "$(wc -l <<<"$output")" = 1 ]
	jq -e --arg id $A '.type == "queue-msg" and .id == $id and
		.queue == "" and .sender == "spam@v.example" and
		.auth_user == "billing@v.example" and .host == "192.0.2.1" and
		.protocol == "esmtpsa" and .script == "33:m.php" and
		.subject == "Grüße 17" and .frozen == false and
		.recipients == ["a@gmail.example", "b@yahoo.example"] and
		.recipient_count == 2 and .delivered_count == 0 and
		.received == "2026-11-21T16:06:33Z" and
		.from == "exim-queue" and (.time | length) > 0 and
		(has("recipients_cut") | not) and (has("ok") | not)' <<<"$output"
	exim-queue --spool sp $B1 | jq -e '.sender == "<>" and .frozen and
		.ident == "www-data" and .host == "2001:db8::1" and
		(has("auth_user") | not)'
}

@test "split, unsplit, both lengths of ids, named queues" {
	three
	msg sp/night 1xUnbn-0004Fw-2l
	lists "$A $B1 1xUnbn-0004Fw-2l $C"
	lists "$A $B1 $C" --queue -
	lists 1xUnbn-0004Fw-2l --queue night
	[ "$(jq -r .queue <<<"$output")" = night ]
	# a quarantine is a queue for those who name it only
	: >sp/night/quell-manifest.jsonl
	lists "$A $B1 $C"
	lists 1xUnbn-0004Fw-2l --queue night
	run -66 --separate-stderr exim-queue --spool sp --queue day
	run -64 --separate-stderr exim-queue --spool sp --queue ../x
}

@test "filters are exact, take any case, and are joined by and" {
	three
	lists $A --sender spam@v.example
	lists '' --sender pam@v.example
	lists '' --sender spam@vXexample
	lists $B1 --sender '<>'
	lists "$A $C" --auth-user billing@V.example
	lists $A --auth-user billing@v.example --sender spam@v.example
	lists $B1 --ident www-data
	lists $B1 --protocol local
	lists $B1 --host 2001:db8::1
	lists '' --host 2001:db8::10
	lists $A --script m.php
	lists $A --script 33:m.php
	lists $A --recipient b@yahoo.example
	lists "$A $C" --recipient-domain gmail.example
	lists $A --min-recipients 2
	lists $B1 --frozen
	lists "$A $C" --not-frozen
	lists $B1 --bounces
	lists "$A $C" --not-bounces
	lists '' --bounces --auth-user billing@v.example
	lists "$A $B1" --subject '^Grüße \d+$'
	lists "$A $C" -E --auth-user '^(?i)billing@'
	lists '' -E --auth-user '^Billing@'
	lists "$A $B1 $C" --older-than 0
	lists '' --newer-than 1s
}

@test "age, auth sender" {
	now=$(date +%s)
	msg sp $A time=$((now - 100)) vars='--auth_sender z@z.example'
	msg sp $B1 time=$((now - 1000))
	lists $A --newer-than 500
	lists $B1 --older-than 500
	lists $A --auth-sender z@z.example
}

@test "an empty or a bad value is 64, and lists nothing" {
	three
	run -64 --separate-stderr exim-queue --spool sp --sender ''
	[ -z "$output" ]
	run -64 --separate-stderr exim-queue --spool sp --subject '('
	[[ $stderr == *'--subject: not a regular expression'* ]]
	run -64 --separate-stderr exim-queue --spool sp -E --host '['
	run -64 --separate-stderr exim-queue --spool sp --top nonsense
	[[ $stderr == *sender_domain* ]]
	run -64 --separate-stderr exim-queue --spool sp --min-recipients x
	run -66 --separate-stderr exim-queue --spool nowhere
	mkdir empty
	run -66 --separate-stderr exim-queue --spool empty
	run -65 --separate-stderr exim-queue --spool sp nonsense
	[[ $stderr == *'operand 1: not a message id'* ]]
}

@test "text that a value counts does not speak for the envelope" {
	lie=$'x\n--auth_id ceo@v.example\nXX\n1\n'
	msg sp $A auth=real@v.example vars="--aclm _x ${#lie}"$'\n'"$lie"
	lists '' --auth-user ceo@v.example
	lists $A --auth-user real@v.example
}

@test "-J and the tree are merged into what is delivered" {
	msg sp $A to='a@x.example b@x.example c@x.example' \
		tree=$'NY a@x.example\nNN z@x.example'
	printf 'b@x.example\n' >sp/input/$A-J
	run -0 --separate-stderr exim-queue --spool sp
	jq -e '.recipient_count == 3 and .delivered_count == 2' <<<"$output"
}

@test "size is that of headers and body" {
	msg sp $A subject=Hi	# 12 + 1 + 5
	[ "$(exim-queue --spool sp | jq .size)" = 18 ]
}

@test "malformed messages are listed as such and stop nothing" {
	three
	head -c 60 sp/input/$A-H >sp/input/1xUnb1-0004Fv-1l-H
	sed 's/^1$/2/' sp/input/$B1-H >sp/input/1xUnb2-0004Fv-1l-H
	: >sp/input/1xUnb3-0004Fv-1l-H
	head -c 500 /dev/zero >sp/input/1xUnb4-0004Fv-1l-H
	ln -s /etc/passwd sp/input/1xUnb5-0004Fv-1l-H
	mkfifo sp/input/1xUnb6-0004Fv-1l-H
	run -0 --separate-stderr timeout 5 exim-queue --spool sp
	[ "$(jq -s 'length' <<<"$output")" = 9 ]
	[ "$(jq -s '[.[] | select(.ok == false and .class == "malformed" and
		(.why | startswith("malformed: ")))] | length' <<<"$output")" = 6 ]
	[[ $stderr == *'6 malformed'* ]]
	[[ $output != *root:* ]]
	# a search finds what it understands, and says that there was more
	lists $A --sender spam@v.example
	[[ $stderr == *'6 malformed or unreadable messages passed over'* ]]
	run -0 --separate-stderr exim-queue --spool sp 1xUnb2-0004Fv-1l
	jq -e '.ok == false' <<<"$output"
}

@test "names that are no message's are ignored" {
	three
	: >sp/input/hdr.$A
	: >sp/input/$A-K
	: >"sp/input/$A-H.bak"
	: >$'sp/input/1xUnb1-0004Fv-1\nH'
	: >$'sp/input/;rm -rf x-H'
	mkdir sp/input/1xUnb1-0004Fv-1l-H sp/input/KK sp/input/_
	ln -s /etc sp/input/e
	ln -s /tmp sp/linked
	lists "$A $B1 $C"
	[ -z "$stderr" ]
}

@test "control bytes and broken UTF-8 never reach the output" {
	msg sp $A sender=$'a\e[31m\xff@x.example' subject=$'x\e]0;y\a'
	run -0 --separate-stderr exim-queue --spool sp
	run ! grep -q $'\e' <<<"$output"
	jq -e '.sender == "a\ufffd[31m\ufffd@x.example"' <<<"$output"
	run -0 --separate-stderr exim-queue --spool sp -o table
	run ! grep -q $'\e' <<<"$output"
}

@test "a message with very many recipients is cut to fit a record" {
	msg sp $A rcpts="$(seq -f 'rcpt%g.\"@some-domain.example' 16384)"
	run -0 --separate-stderr exim-queue --spool sp
	[ "${#output}" -lt 65536 ]
	jq -e '.recipient_count == 16384 and .recipients_cut and
		(.recipients | length) > 100' <<<"$output"
	lists $A --recipient 'rcpt16384.\"@some-domain.example'
	msg sp $A rcpts="$(seq -f 'r%g@x.example' 16385)"
	run -0 --separate-stderr exim-queue --spool sp
	jq -e '.why == "malformed: more than 16384 recipients"' <<<"$output"
}

@test "ids come from operands and standard input; one that is gone is said" {
	three
	run -0 --separate-stderr exim-queue --spool sp - <<<"$A"$'\n'"$C"
	[ "$(ids <<<"$output")" = "$A $C" ]
	run -0 --separate-stderr exim-queue --spool sp 1xUnb9-0004Fv-1l
	jq -e '.ok == false and .class == "gone"' <<<"$output"
	lists $C --auth-user billing@v.example $B1 $C
}

@test "--top counts values; --limit bounds what is shown" {
	three
	run -0 --separate-stderr exim-queue --spool sp \
		--top auth_user,recipient_domain,subject,sender
	jq -se '.[0] | .type == "queue-top" and .field == "auth_user" and
		.count == 1 and .recipients == 2 and
		.id == "auth_user=billing@v.example"' <<<"$output"
	jq -se 'map(select(.value == "gmail.example"))[0] | .count == 2 and
		.recipients == 2 and .share == 0.6666 and
		.first == "2026-11-21T16:06:33Z" and
		.last == "2026-11-21T16:09:53Z"' <<<"$output"
	jq -se 'map(select(.field == "subject"))[0] | .value == "Grüße #" and
		.count == 2' <<<"$output"
	jq -se 'map(select(.id == "sender=<>")) | length == 1' <<<"$output"
	run -0 --separate-stderr exim-queue --spool sp --top sender --limit 1
	[ "$(wc -l <<<"$output")" = 1 ]
	run -0 --separate-stderr exim-queue --spool sp --limit 2
	[ "$(wc -l <<<"$output")" = 2 ]
	run -0 --separate-stderr exim-queue --spool sp --frozen --top host
	[ "$(jq -r .value <<<"$output")" = 2001:db8::1 ]
}

@test "a full device and a closed stdout are 74" {
	three
	run -74 bash -c 'exim-queue --spool sp >/dev/full'
	run -74 bash -c 'exim-queue --spool sp >&-'
}

@test "a table for people" {
	three
	run -0 --separate-stderr exim-queue --spool sp -o table
	[[ ${lines[0]} == ID*RECEIVED*SENDER* ]]
	run -0 --separate-stderr exim-queue --spool sp --top host -o tsv
	[[ $output == *$'host\t2'* ]]
}

@test "not allowed to look is 77 with a hint" {
	[ "$(id -u)" = 0 ] || skip 'needs root to become somebody else'
	three
	chmod 0711 "$BATS_TEST_TMPDIR"
	chmod 0700 sp
	run -77 --separate-stderr setpriv --reuid 65534 --regid 65534 \
		--clear-groups exim-queue --spool sp
	[[ $stderr == *'hint: run as root'* ]]
}

@test "a real Exim's queue" {
	load lib/exim
	exim_available || skip 'no Exim'
	exim_make x queue_only=yes split=yes users=billing@victim.example:pw
	exim_start x
	exim_submit x spoof@e.example c@gmail.example,d@gmail.example \
		--user billing@victim.example --pass pw --count 2 >/dev/null
	exim_submit x bob@quell.test e@gmail.example --subject 'Grüße' >/dev/null
	x/bin/exim4 -odq f@gmail.example <<<'Subject: local' >/dev/null
	exim_stop x
	PATH=$PWD/x/bin:$PATH run -0 --separate-stderr exim-queue
	[ "$(jq -s length <<<"$output")" = 4 ]
	[ "$(ids <<<"$output")" = "$(exim_ids x)" ]
	jq -se 'map(select(.auth_user == "billing@victim.example")) |
		length == 2 and all(.recipient_count == 2)' <<<"$output"
	jq -se 'map(select(.subject == "Grüße")) | length == 1' <<<"$output"
	jq -se 'map(select(.protocol == "local")) | length == 1' <<<"$output"
	# the size is the one that Exim prints
	id=$(jq -rs '.[0].id' <<<"$output")
	size=$(x/bin/exim4 -bp | awk -v id="$id" '$3 == id { print $2 }')
	[ "$(jq -s '.[0].size' <<<"$output")" = "$size" ]
	run -66 --separate-stderr exim-queue --exim /nonexistent/exim
}

@test "the examples of the man page" {
	load lib/exim
	exim_available || skip 'no Exim'
	exim_make x queue_only=yes
	cp -r x/spool spool
	three
	cp -r sp/input/. x/spool/input/
	export PATH=$PWD/x/bin:$PATH
	rm -rf spool && mv sp spool
	run_examples exim-queue
}

teardown() {
	[ ! -d "$BATS_TEST_TMPDIR/x/bin" ] || {
		load lib/exim
		exim_stop "$BATS_TEST_TMPDIR/x"
	}
}

@test "more queues than a process may have files open, as a rule" {
	msg sp 1xUnbl-0004Fv-1l sender=a@x.example
	mkdir sp/q{1..400} sp/q{1..400}/input
	ulimit -Sn 256
	run -0 exim-queue --spool sp -o json
	[ "$(grep -c 1xUnbl-0004Fv-1l <<<"$output")" = 1 ]
}

# headers ID LINE...: more of them at the end of a message's -H
headers() {
	local file=sp/input/$1-H h
	shift
	for h; do printf '%03d  %s\n' $((${#h} + 1)) "$h" >>"$file"; done
}

@test "a body is searched as it lies there, and decoded" {
	three
	b64=1xUnb1-0004Fv-1l qp=1xUnb2-0004Fv-1l multi=1xUnb3-0004Fv-1l
	pdf=1xUnb4-0004Fv-1l
	msg sp $b64
	headers $b64 'Content-Type: text/plain; charset=utf-8' \
		'Content-Transfer-Encoding: base64'
	printf '%s\n' $b64-D "$(printf 'Visit http://pills.example/ for Gr\xc3\xbc\xc3\x9fe' |
		base64)" >sp/input/$b64-D
	msg sp $qp
	headers $qp 'content-type: text/html; charset=iso-8859-1' \
		'CONTENT-TRANSFER-ENCODING: Quoted-Printable'
	printf '%s\n' $qp-D 'Gr=FC=DFe, <a href=3D"http://pi=' \
		'lls.example/">' >sp/input/$qp-D
	msg sp $multi
	headers $multi 'Content-Type: multipart/mixed; boundary=xx'
	printf '%s\n' $multi-D --xx 'Content-Type: text/plain' '' hello --xx \
		'Content-Type: text/plain' 'Content-Transfer-Encoding: base64' '' \
		"$(printf 'pills.example' | base64)" --xx-- >sp/input/$multi-D
	# what is no text stays as it is
	msg sp $pdf
	headers $pdf 'Content-Type: application/pdf' \
		'Content-Transfer-Encoding: base64'
	printf '%s\n' $pdf-D "$(printf 'pills.example' | base64)" >sp/input/$pdf-D
	lists "$b64 $qp $multi" --body 'pills\.example'
	lists "$b64 $qp" --body 'Grüße'
	lists "$qp" --body 'Gr=FC=DFe'
	lists "$multi" --body 'hello'
	lists "$pdf" --body '^cGlsbHMu'
	# the same under the lock
	run -0 exim-queue-purge --spool sp --body 'pills\.example' --yes=3
}

@test "more filters: nets, HELO, headers, bodies, sizes, domains, scripts" {
	three
	msg sp 1xUnb1-0004Fv-1l host=198.51.100.9 vars='--helo_name WIN-7' \
		sender=x@Shop.example subject=long to='a@a.b b@a.b c@a.b'
	printf 'buy now\xff\n%070000d cheap' 0 >>sp/input/1xUnb1-0004Fv-1l-D
	D1=1xUnb1-0004Fv-1l
	lists "$D1" --host 198.51.100.0/24
	lists "$D1" --host 198.51.100.9/32
	lists '' --host 198.51.100.8/32
	lists "$B1" --host 2001:db8::/32
	lists "$B1" --host 2001:0DB8:0:0::1
	lists "$D1 $A $B1 $C" --where 'host = 0.0.0.0/0 or host = ::/0'
	lists "$D1" --helo win-7
	lists "$D1" --sender-domain shop.EXAMPLE
	lists "$D1" --min-recipients 3
	lists "$A" --min-recipients 2 --max-recipients 2
	lists "$D1" --body 'buy now'
	lists "$D1" --body 'cheap$'
	lists '' --body 'buy' --frozen
	lists "$D1" --larger-than 70000
	lists "$A $B1 $C" --smaller-than 70000
	lists "$A" --header 'X-PHP-Originating-Script=m\.php'
	lists "$A" --header 'subject=.' --header 'x-php-originating-script=33:'
	lists '' --header 'X-None=.'
	lists "$A" --where 'header.X-PHP-Originating-Script ~ "eval\(\)"'
	for bad in 'x=' '=x' x 'x=('; do
		run -64 exim-queue --spool sp --header "$bad"
	done
	for bad in 1.2.3 1.2.3.4/33 1.2.3.4/ ::/129 host.example; do
		run -64 exim-queue --spool sp --host "$bad"
	done
	run -64 --separate-stderr exim-queue --spool sp --where 'sender = a )'
	[[ $stderr == *'at character 12'* ]]
	run -64 exim-queue --spool sp --where 'sender ='
}

@test "a script of any X-PHP-... header, whichever is first" {
	h='X-PHP-Filename: /home/u/second.php for 192.0.2.1'
	msg sp $A script='33:first.php'
	printf '%03d  %s\n' $((${#h} + 1)) "$h" >>sp/input/$A-H
	lists $A --script first.php
	lists $A --script /home/u/second.php
	lists '' --script second.php
}

@test "a variable that no Exim writes is said, and stops nothing" {
	msg sp $A vars=$'-made_up x\n--also_made_up'
	msg sp $B1 vars=$'-tls_resumption A\n-deliver_firsttime\n--(mysql)helo_name q'
	run -0 exim-queue --spool sp $A
	jq -e '.unknown_flag == "made_up" and .tried' <<<"$output"
	run -0 exim-queue --spool sp $B1
	jq -e '(has("unknown_flag") | not) and .tried == false and
		.helo == "q"' <<<"$output"
}

@test "a million recipients, huge headers, wrong lengths: said, and passed over" {
	three
	{
		printf '%s-H\nmail 8 8\n<a@b.example>\n1795277193 0\nXX\n1000000\n' \
			1xUnb1-0004Fv-1l
		seq -f 'r%g@x.example' 1000000
		printf '\n013  Subject: Hi\n'
	} >sp/input/1xUnb1-0004Fv-1l-H
	head -c 40000000 /dev/zero | tr '\0' a >sp/input/1xUnb2-0004Fv-1l-H
	sed 's/^0[0-9]*  Subject/999999999  Subject/' sp/input/$A-H |
		sed "1s/.*/1xUnb3-0004Fv-1l-H/" >sp/input/1xUnb3-0004Fv-1l-H
	sed "1s/.*/1xUnb4-0004Fv-1l-H/; s/^-received_protocol.*/-aclm _x 99999999/" \
		sp/input/$A-H >sp/input/1xUnb4-0004Fv-1l-H
	run -0 --separate-stderr timeout 20 exim-queue --spool sp
	[ "$(jq -s 'map(select(.ok == false and .class == "malformed")) |
		length' <<<"$output")" = 4 ]
	[[ $output == *'more than 16384 recipients'* ]]
	[[ $output == *'too large'* ]]
	[[ $stderr == *'4 malformed'* ]]
	lists "$A $C" --auth-user billing@v.example
}

@test "--top forgets the rarest, and says what it may have missed" {
	# five messages with 16000 different recipients' domains each
	for k in 1 2 3 4 5; do
		msg sp "1xUnb$k-0004Fv-1l" rcpts="$(seq -f "r@d$k.%g.example" 16000)
r@always.example"
	done
	run -0 --separate-stderr exim-queue --spool sp --top recipient_domain
	jq -se '.[0] | .value == "always.example" and .count == 5 and
		(has("uncertain") | not)' <<<"$output" ||
		jq -se '.[0] | .value == "always.example" and .count +
		.uncertain >= 5' <<<"$output"
	jq -se 'length == 10' <<<"$output"
}
