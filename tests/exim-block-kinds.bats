#!/usr/bin/env bats
# exim-block: senders, hosts, scripts, domains, limits, ends, plain lists, and
# what is queued already
# shellcheck disable=SC2154 # bats: $stderr

load lib/quell

setup()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" ||
		skip "$(tail -n 1 "$BATS_FILE_TMPDIR/no-exim")"
	cd "$BATS_TEST_TMPDIR" || return 1
	X=$PWD/x
	exim_make "$X" users=billing@quell.test:pw,alice@quell.test:pw \
		queue_only=yes route=none "$@"
	exim_hook "$X"
	PATH=$X/bin:$PATH
	exim_start "$X"
}

teardown()
{
	[ ! -e "$X/daemon.pid" ] || exim_stop "$X"
}

block()	# CODE [option...]
{
	local code=$1

	shift
	run "-$code" --separate-stderr exim-block "$@"
}

is()	# JQ-FILTER on the array of the records of the last run
{
	jq -es "$1" <<<"$output" >/dev/null || {
		echo "not so: $1: $output $stderr"
		return 1
	}
}

sends()	# CODE FROM TO [option...]
{
	run "-$1" exim_submit "$X" "$2" "$3" "${@:4}"
}

@test 'a sender, a host, a domain: refused, held, asked by a probe, undone' {
	sends 0 spam@e.example v@w.example
	block 0 -y --sender spam@e.example
	is '.[0] | .kind == "sender" and .ok and .blocked and
		(.probe | startswith("550 5.7.1"))'
	sends 1 Spam@E.example v@w.example
	sends 0 other@e.example v@w.example
	block 0 -y --domain w.example
	is '.[0] | .kind == "domain" and .ok and .blocked and
		(.probe | startswith("451 4.7.1 mail to this domain is held"))'
	sends 1 other@e.example v@W.example
	[[ $output == *451* ]]
	sends 0 other@e.example v@else.example
	block 0 -y --host 127.0.0.9
	is '.[0] | .kind == "host" and .ok and (.probe | startswith("550"))'
	sends 1 other@e.example v@else.example --bind 127.0.0.9
	sends 0 other@e.example v@else.example --bind 127.0.0.8 \
		--user alice@quell.test --pass pw
	block 0 --list
	is 'map(.kind) == ["sender","host","domain"] and all(.blocked)'
	echo "$output" >listed
	block 0 --undo -y <listed
	is 'length == 3 and all(.changed and (.blocked | not))'
	sends 0 spam@e.example v@w.example --bind 127.0.0.9 \
		--user alice@quell.test --pass pw
	block 65 -y --host 'a b'
	block 65 -y --sender 'a>b@c'
	block 64 -y --sender --domain x
	block 64 -y --limit 0 x
}

@test 'what is queued is held by the first router, and does not bounce' {
	sends 0 a@quell.test v@w.example --user billing@quell.test --pass pw
	sends 0 spam@e.example v@w.example
	sends 0 free@e.example v@w.example --bind 127.0.0.9 \
		--user alice@quell.test --pass pw
	sends 0 free@e.example v@dom.example
	"$X/bin/exim4" -odq v@w.example <<-'END'
	X-PHP-Originating-Script: 33:x.php(82) : eval()'d code
	Subject: x

	END
	"$X/bin/exim4" -odq v@w.example <<<$'X-PHP-Script: shop.example/b.php for 192.0.2.9\n\n'
	sends 0 free@e.example v@free.example
	exim-block -y billing@quell.test >/dev/null
	exim-block -y --sender spam@e.example >/dev/null
	exim-block -y --host 127.0.0.9 >/dev/null
	exim-block -y --domain dom.example >/dev/null
	exim-block -y --script x.php shop.example/b.php >/dev/null
	# all of them old enough to bounce
	sed -i 's/F,1h,5s/F,1s,1s/' "$X/exim.conf"
	"$X/bin/exim4" -qff
	sleep 3
	"$X/bin/exim4" -qff
	[ "$(exim_queue_count "$X")" -ge 6 ]
	[ "$(grep -c 'R=quell_block defer .*blocked by incident' "$X/log/mainlog")" -ge 6 ]
	# only the one that nobody held has bounced (and then its bounce)
	[ "$(grep ' \*\* ' "$X/log/mainlog" | grep -vc ' free@e.example: ')" = 1 ]
	grep ' \*\* ' "$X/log/mainlog" | grep -q v@free.example
	run -0 "$X/bin/exim4" -bt x@free.example || true
	[[ $output != *'blocked by incident'* ]]
}

@test 'only new mail: what is queued goes out' {
	sends 0 a@quell.test b@quell.test --user billing@quell.test --pass pw
	sends 0 a@quell.test v@w.example --user billing@quell.test --pass pw
	exim-block -y billing@quell.test >/dev/null
	"$X/bin/exim4" -qff
	grep -q 'v@w.example R=quell_block defer' "$X/log/mainlog"
	block 0 -y --new-only billing@quell.test
	is '.[0] | .ok and .changed and .blocked and .new_only'
	block 0 -y --new-only billing@quell.test
	is '.[0].changed == false'
	sends 1 a@quell.test v@w.example --user billing@quell.test --pass pw
	"$X/bin/exim4" -qff
	grep -q 'v@w.example R=no_way_out defer' "$X/log/mainlog"
	# and back
	block 0 -y billing@quell.test
	is '.[0] | .changed and .new_only == false'
	block 64 -y --new-only --undo billing@quell.test
}

@test 'a script, with or without its user id, cannot hand in mail' {
	say() {	# CODE HEADER
		run "-$1" "$X/bin/sendmail" -oi v@w.example <<<"$2"$'\n\n'
	}
	say 0 "X-PHP-Originating-Script: 33:x.php(82) : eval()'d code"
	block 0 -y --script 33:x.php
	is '.[0] | .kind == "script" and .ok and .blocked'
	say 1 "X-PHP-Originating-Script: 33:x.php(82) : eval()'d code"
	say 1 'X-PHP-Originating-Script: 33:x.php'
	say 0 'X-PHP-Originating-Script: 34:x.php'
	block 0 -y --script a.php shop.example/b.php
	say 1 'X-PHP-Originating-Script: 34:a.php'
	say 1 'X-PHP-Script: shop.example/b.php for 192.0.2.9'
	say 0 'X-PHP-Script: shop.example/c.php for 192.0.2.9'
	say 0 'Subject: x'
	block 0 --undo -y --script 33:x.php a.php
	say 0 'X-PHP-Originating-Script: 33:x.php'
}

@test 'a limit lets so many through; the rest has to wait' {
	local to
	block 0 -y --limit 5 billing@quell.test
	is '.[0] | .kind == "limit" and .limit == 5 and .ok'
	to=$(seq -s, -f 'r%g@w.example' 8)
	sends 0 a@quell.test "$to" --user alice@quell.test --pass pw
	for n in 1 2 3 4 5; do
		sends 0 a@quell.test "r$n@w.example" \
			--user billing@quell.test --pass pw
	done
	sends 1 a@quell.test r6@w.example --user billing@quell.test --pass pw
	[[ $output == *'451 4.7.1 this account is limited to 5'* ]]
	block 0 -y --limit 5 billing@quell.test
	is '.[0].changed == false'
	block 0 -y --limit 50 billing@quell.test
	is '.[0] | .changed and .limit == 50'
	[ "$(wc -l <"$X/quell/limits")" = 1 ]
	sends 0 a@quell.test r6@w.example --user billing@quell.test --pass pw
	block 0 --undo -y --limit 0 billing@quell.test
	[ ! -s "$X/quell/limits" ]
}

@test 'a block that ends by itself' {
	block 0 -y --for 10s billing@quell.test
	is '.[0] | .ok and .blocked and (.until | length == 20)'
	sends 1 a@quell.test b@w.example --user billing@quell.test --pass pw
	block 0 --list
	is '.[0] | .blocked and (.until | length == 20)'
	sleep 10
	sends 0 a@quell.test b@w.example --user billing@quell.test --pass pw
	block 0 --list
	is '.[0].blocked == false'
	# over is as good as not there
	block 0 -y billing@quell.test
	is '.[0] | .changed and .was == false and .blocked and
		(has("until") | not)'
	[ "$(wc -l <"$X/quell/deny_accounts")" = 1 ]
	sends 1 a@quell.test b@w.example --user billing@quell.test --pass pw
	block 64 -y --undo --for 10s billing@quell.test
}

@test 'what stands before the hook is found out by the probe' {
	# a second ACL that lets one address in before ours is asked
	sed -i 's/^acl_check_mail:/&\n  warn set acl_c_x = 1\n/' "$X/exim.conf"
	block 0 -y --sender spam@e.example
	is '.[0] | .ok and .code == null and (.probe | startswith("550"))'
	sed -i 's/^acl_smtp_mail = .*/acl_smtp_mail = ${if def:acl_c_x{acl_check_mail}{acl_check_data}}/' \
		"$X/exim.conf"
	block 78 -y --sender other@e.example
}

@test 'suspects of exim-queue are blocked as what they are' {
	cat >suspects <<-'END'
	{"type":"queue-suspect","id":"account=b@quell.test","kind":"account","value":"b@quell.test"}
	{"type":"queue-suspect","id":"script=33:x.php","kind":"script","value":"33:x.php","through":"www-data"}
	{"type":"queue-suspect","id":"user=web","kind":"user","value":"web"}
	{"type":"queue-suspect","id":"host=192.0.2.9","kind":"host","value":"192.0.2.9"}
	{"type":"queue-suspect","id":"sender=a@b.example","kind":"sender","value":"a@b.example"}
	END
	block 0 -n <suspects
	is 'all(.dry_run) and map(.kind) ==
		["auth","local","sender","host","script"]'
	[ -z "$(ls -A "$X/quell")" ]
	block 0 -y <suspects
	is 'all(.ok and .blocked)'
	block 65 -y <<<'{"type":"queue-suspect","id":"x","kind":"odd","value":"x"}'
}

@test 'suspects of maillog-suspects, too' {
	{
		for i in {10..49}; do
			echo "2026-11-21 04:$i:00 1xUtVi-0006$i-0D <= b@quell.test H=(User) [192.0.2.$i] P=esmtpsa A=plain:b@quell.test S=1"
			echo "2026-11-21 04:$i:01 cwd=/home/web/public_html/uploads 3 args: /usr/sbin/sendmail -t -i"
			echo "2026-11-21 04:$i:01 1xUtVi-0007$i-0D <= web@quell.test U=web P=local S=1"
			echo "2026-11-21 04:$i:02 1xUtVi-0006$i-0D ** x@y.example R=r T=t: 550 no"
			echo "2026-11-21 04:$i:02 1xUtVi-0007$i-0D ** x@y.example R=r T=t: 550 no"
		done
	} >log
	maillog-suspects --level all log >suspects
	jq -se 'map(.kind) | sort == ["account","script","user"]' suspects
	# of a folder Exim knows nothing
	block 65 -y <suspects
	[[ $stderr == *'hint: '*'--user'* ]]
	jq -c 'select(.kind != "script")' suspects >others
	block 0 -n <others
	is 'all(.dry_run) and (map(.kind) | sort) == ["auth","local"]'
}

@test "lists of the host's own: one name a line" {
	printf 'old\nnew2\n' >list
	block 0 -y --plain-file "$PWD/list" webuser old
	is 'map([.kind, .changed, .was, .blocked]) ==
		[["plain",true,false,true],["plain",false,true,true]]'
	[ "$(paste -sd, list)" = old,new2,webuser ]
	block 0 --list --plain-file "$PWD/list"
	is 'map(.id) == ["old","new2","webuser"]'
	block 0 -y --undo --plain-file "$PWD/list" old
	[ "$(paste -sd, list)" = new2,webuser ]
	block 0 -n --plain-file "$PWD/none" x
	[ ! -e none ]
	block 65 -y --plain-file "$PWD/list" 'a b'
	block 64 -y --plain-file relative x
	block 64 -y --cpanel maybe x
	block 64 -y --plain-file "$PWD/list" --for 1h x
	block 0 -n --cpanel suspend webuser
	is '.[0].file == "/etc/outgoing_mail_suspended_users"'
	block 0 -n --cpanel hold webuser
	is '.[0].file == "/etc/outgoing_mail_hold_users"'
}
