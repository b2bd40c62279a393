#!/usr/bin/env bats
# exim-queue against Exim's own tools, on a spool of real submissions
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell
load lib/spool

setup_file() {
	load lib/exim
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" || return 0
	rm "$BATS_FILE_TMPDIR/no-exim"
	cd "$BATS_FILE_TMPDIR" || return 1
	chmod 0711 .
	exim_make x queue_only=yes route=none split=yes \
		users=billing@victim.example:pw,alice@quell.test:pw
	exim_start x
	fill
	exim_stop x
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return 1
	[ ! -e no-exim ] || skip "$(tail -n 1 no-exim)"
	export LC_ALL=C.UTF-8
	PATH=$PWD/x/bin:$PATH
}

fill() {
	local billing=(--user billing@victim.example --pass pw) ids
	exim_submit x billing@victim.example r%d@y.example "${billing[@]}" \
		--count 4 --subject 'Invoice %d' --bind 127.0.0.66
	exim_submit x 'spoof+x=y@e.example' \
		a@gmail.example,b@Yahoo.example,c@gmail.example \
		"${billing[@]}" --helo 'WIN-1' \
		--header "$(printf 'X-Long: %2000s' x)"
	exim_submit x alice@quell.test z@q.example --user alice@quell.test \
		--pass pw --subject '=?utf-8?B?R3LDvMOfZQ==?= 17' \
		--body $'gr\xc3\xbcn\nfree money\n'
	exim_submit x alice@quell.test "$(seq -s, -f 'm%g@many.example' 120)" \
		--user alice@quell.test --pass pw --subject many
	exim_submit x '' billing@victim.example --count 2 \
		--subject 'Mail delivery failed'
	x/bin/exim4 -odq -f bob@quell.test f@gmail.example g@h.example <<-'END'
	Subject: local
	X-PHP-Originating-Script: 33:mailer.php(82) : eval()'d code
	X-PHP-Script: shop.example/a.php for 192.0.2.4

	body
	END
	x/bin/exim4 -odq -oi '"odd name"@e.example' <<<$'Subject: odd\n\nbody'
	read -ra ids < <(exim_ids x)
	x/bin/exim4 -Mf "${ids[0]}"
	x/bin/exim4 -M "${ids[1]}"
	x/bin/exim4 -Mmd "${ids[4]}" b@Yahoo.example
} >/dev/null 2>&1

# VARIABLE JQ-PATH: all values, by exipick and by us
same() {
	exipick -i --show-vars="\$$1" |
		sed "s/^\([^ ]*\) [^=]*='\(.*\)'\$/\1 \2/" | sort >theirs
	exim-queue | jq -r "\"\(.id) \($2)\"" | sort >ours
	[ "$(wc -l <ours)" = 11 ]
	diff theirs ours || { echo "not the same: $1"; return 1; }
}

@test "every field is what exipick says" {
	# shellcheck disable=SC2016 # theirs
	same sender_address '.sender | if . == "<>" then "" else . end'
	same authenticated_id '.auth_user // ""'
	same authenticated_sender '.auth_sender // ""'
	same sender_host_address '.host // ""'
	same sender_helo_name '.helo // ""'
	same received_protocol '.protocol // ""'
	same sender_ident '.ident // ""'
	same received_time '.received | fromdate'
	same recipients_undel_count '.recipient_count - .delivered_count'
	same deliver_freeze 'if .frozen then "1" else "" end'
	same message_size .size
	same first_delivery 'if .tried then "" else "1" end'
	[ "$(jq -s 'map(select(.tried)) | length' <(exim-queue))" -ge 1 ]
}

@test "recipients, sizes and subjects are what Exim says" {
	local id
	exim-queue >all
	while read -r id; do
		exim4 -Mvh "$id" >h
		# what is left to deliver, and what is not
		[ "$(exim4 -bp "$id" | sed -n 's/^        [ D] //p' | sort)" = \
			"$(jq -r --arg id "$id" 'select(.id == $id) |
			.recipients[]' all | sort)" ]
		# the size that it was received with
		size=$(sed -n 's/.* S=\([0-9]*\) .*/\1/p' "x/spool/msglog/${id:5:1}/$id" | head -n 1)
		# (when it arrives Exim counts otherwise for a long header)
		grep -qE '^[0-9]{4}[A-Z ] ' h || [ "$size" = "$(jq -r --arg id "$id" \
			'select(.id == $id).size' all)" ] || {
			echo "$id: $size"; return 1; }
		subject=$(sed -n 's/^[0-9]\{3\}  Subject: //p' h)
		[ "$subject" != '=?utf-8?B?R3LDvMOfZQ==?= 17' ] ||
			subject='Grüße 17'
		[ "$subject" = "$(jq -r --arg id "$id" \
			'select(.id == $id).subject' all)" ]
	done < <(jq -r .id all)
}

selects() {	# CRITERION OPTION...
	local want=$1 got
	shift
	want=$(exipick -i "$want" | sort)
	got=$(exim-queue "$@" | jq -r .id | sort)
	[ -n "$want" ]
	[ "$want" = "$got" ] || {
		echo "$*:"; diff <(echo "$want") <(echo "$got"); return 1; }
}

# shellcheck disable=SC2016 # criteria of exipick
@test "every selection is exipick's" {
	local now
	selects '$sender_address eq billing@victim.example' \
		--sender billing@victim.example
	selects '$authenticated_id eq billing@victim.example' \
		--auth-user billing@victim.example
	selects '$authenticated_sender eq root@quell.test' \
		--auth-sender root@quell.test
	selects '$sender_ident eq root' --ident root
	selects '$sender_host_address eq 127.0.0.66' --host 127.0.0.66
	selects '$sender_host_address =~ /^127\.0\.0\./' --host 127.0.0.0/24
	selects '$sender_helo_name eq WIN-1' --helo win-1
	selects '$received_protocol eq local' --protocol local
	selects 'each_recipients = z@q.example' --recipient z@q.example
	selects '$recipients =~ /@gmail\.example/' \
		--recipient-domain gmail.example
	selects '$recipients_count >= 3' --min-recipients 3
	selects '$recipients_count <= 1' --max-recipients 1
	selects '$message_size > 1000' --larger-than 1000
	selects '$message_size < 400' --smaller-than 400
	selects '$deliver_freeze' --frozen
	selects '!$deliver_freeze' --not-frozen
	selects '$sender_address eq ' --bounces
	selects '!$first_delivery' --deferred
	selects '$message_age > 0' --older-than 0
	selects '$h_subject: =~ /Invoice/' --subject Invoice
	selects '$h_x-php-script: =~ /a\.php/' --header 'X-PHP-Script=a\.php'
	selects '$message_body =~ /free money/' --body 'free money'
	selects '$h_x-php-originating-script: =~ /mailer/' --script mailer.php
	# both headers of a script are looked at
	selects '$h_x-php-script: =~ /a\.php/' --script shop.example/a.php
	[ "$(exim-queue --where '(auth_user = billing@victim.example or bounce)
		and not (frozen or subject ~ "^Invoice [12]$")' |
		jq -r .id | sort)" = "$(exipick -i --or \
		'$authenticated_id eq billing@victim.example' \
		'$sender_address eq ' | sort | comm -23 - <(exipick -i --or \
		'$deliver_freeze' '$h_subject: =~ /^Invoice [12]$/' | sort))" ]
	now=$(date +%s)
	[ "$(exim-queue --where "age >= 0 and age < 3600 and partly_delivered" |
		jq -r .id)" = "$(exim-queue --where recipients=3 | jq -r .id)" ]
	[ "$now" -gt 0 ]
}

@test "deferred since: by the message log, by the -H file without one" {
	# just now
	[ "$(exim-queue --deferred | wc -l)" = 1 ]
	[ -z "$(exim-queue --deferred-since 1h)" ]
	id=$(exim-queue --deferred | jq -r .id)
	log=x/spool/msglog/${id:5:1}/$id
	cp "$log" kept
	sed -i "s/^[0-9-]* [0-9:]* \(.* defer \)/$(date -d -2hours \
		'+%Y-%m-%d %H:%M:%S') \1/" "$log"
	[ "$(exim-queue --deferred-since 1h | jq -r .id)" = "$id" ]
	[ -z "$(exim-queue --deferred-since 3h)" ]
	[ "$(exim-queue --where 'deferred > 1h and deferred < 3h' |
		jq -r .id)" = "$id" ]
	rm "$log"
	[ -z "$(exim-queue --deferred-since 1h)" ]
	touch -d '-2 hours' "x/spool/input/${id:5:1}/$id-H"
	[ "$(exim-queue --deferred-since 1h | jq -r .id)" = "$id" ]
	cat kept >"$log"
}

@test "freeze, thaw and remove are Exim's own, in batches" {
	local e
	cp -a x/spool kept.spool
	# inside the instance, where exim has its rights whoever calls it
	e=(x/bin/.enter "$QUELL_B/bin/exim-queue-purge" -q)
	n=$(exim-queue --auth-user billing@victim.example --not-frozen | wc -l)
	run -0 --separate-stderr "${e[@]}" --freeze --auth-user \
		billing@victim.example --yes=5 --batch 2
	jq -se --argjson n "$n" 'length == 5 and all(.ok and
		.action == "frozen") and (map(select(.changed)) |
		length == $n)' <<<"$output"
	[ "$(jq -r 'select(.changed | not).why' <<<"$output" | sort -u)" = \
		'so already' ]
	[ "$(exim-queue --frozen | wc -l)" = 5 ]
	[ "$(exim-queue --auth-user billing@victim.example --not-frozen |
		wc -l)" = 0 ]
	run -0 --separate-stderr "${e[@]}" --thaw --yes=5 \
		--auth-user billing@victim.example
	[ "$(exim-queue --frozen | wc -l)" = 0 ]
	run -0 --separate-stderr "${e[@]}" --via-exim -n --bounces
	jq -se 'length == 2 and all(.action == "remove" and .dry_run)' \
		<<<"$output"
	[ "$(exim-queue --bounces | wc -l)" = 2 ]
	run -0 --separate-stderr "${e[@]}" --via-exim --yes=2 --bounces
	jq -se 'length == 2 and all(.changed and .action == "removed")' \
		<<<"$output"
	[ "$(exim-queue --bounces | wc -l)" = 0 ]
	grep -q 'removed by ' x/log/mainlog
	run -64 "${e[@]}" --freeze --thaw --bounces -y
	run -64 "${e[@]}" --freeze --queue-name Q --bounces -y
	run -64 exim-queue-purge --spool x/spool --freeze --bounces -y
	rm -rf x/spool
	mv kept.spool x/spool
}

@test "an Exim that never had a message: nothing, and no error" {
	mv x/spool/input aside
	run -0 --separate-stderr exim-queue
	[ -z "$output" ]
	run -0 --separate-stderr exim-queue --suspects
	[ -z "$output" ]
	run -0 --separate-stderr exim-queue-purge --frozen -y
	[ -z "$output" ]
	# named, it is none
	run -66 exim-queue --spool x/spool
	run -66 exim-queue --queue nosuch
	mv aside x/spool/input
}

@test "another instance, by its configuration" {
	load lib/exim
	exim_make y queue_only=yes route=none
	sed 's,^spool_directory.*,spool_directory = '"$PWD"'/y/spool,' \
		x/exim.conf >other.conf
	grep -q y/spool other.conf
	mkdir -p y/spool/input
	cp x/spool/input/*/*-[HD] y/spool/input
	rm y/spool/input/"$(exim-queue --frozen | jq -r .id)"-[HD]
	run -0 --separate-stderr x/bin/.enter "$QUELL_B/bin/exim-queue" \
		--exim-config "$PWD/other.conf"
	[ "$(jq -s length <<<"$output")" = 10 ]
	run -78 --separate-stderr x/bin/.enter "$QUELL_B/bin/exim-queue" \
		--exim-config "$PWD/nowhere.conf"
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR" || return 0
	[ ! -d x/bin ] || {
		load lib/exim
		exim_stop x
	}
}
