#!/usr/bin/env bats
# exim-block against a real Exim on loopback

load lib/quell

setup_file()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" &&
		rm "$BATS_FILE_TMPDIR/no-exim"
	return 0
}

setup()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	[ ! -e "$BATS_FILE_TMPDIR/no-exim" ] ||
		skip "$(tail -n 1 "$BATS_FILE_TMPDIR/no-exim")"
	cd "$BATS_TEST_TMPDIR" || return 1
	X=$PWD/x
	F=$X/quell/deny_accounts
}

teardown()
{
	[ ! -e "$X/daemon.pid" ] || exim_stop "$X"
}

make()	# key=value ...
{
	exim_make "$X" users=billing@quell.test:pw,alice@quell.test:pw \
		queue_only=yes "$@"
	exim_hook "$X"
	PATH=$X/bin:$PATH
}

instance()
{
	make "$@"
	exim_start "$X"
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
		# shellcheck disable=SC2154 # bats sets stderr
		echo "not so: $1: $output $stderr"
		return 1
	}
}

sends()	# CODE USER
{
	run "-$1" exim_submit "$X" a@quell.test b@example.net --user "$2" \
		--pass pw
}

@test 'blocked at once, any spelling; others are not; undone' {
	instance
	sends 0 billing@quell.test
	block 0 -y billing@quell.test
	is 'length == 1 and (.[0] | .type == "mail-block" and .kind == "auth"
		and .id == "billing@quell.test" and .blocked and .ok and
		.changed and .was == false)'
	is ".[0].file == \"$F\""
	[ "$(stat -c %a "$F")" = 644 ]
	sends 1 billing@quell.test
	[[ $output == *'550 5.7.1 sending is suspended'* ]]
	sends 1 Billing@Quell.TEST
	sends 0 alice@quell.test
	block 0 -y BILLING@quell.test
	is '.[0] | .blocked and .ok and .changed == false and .was'
	[ "$(wc -l <"$F")" = 1 ]
	block 0 --list
	is 'length == 1 and .[0].id == "billing@quell.test"'
	block 0 --undo -y BILLING@quell.test
	is '.[0] | .blocked == false and .ok and .changed and .was'
	sends 0 billing@quell.test
	block 0 --undo -y billing@quell.test
	is '.[0] | .blocked == false and .ok and .changed == false'
	block 0 --list
	[ -z "$output" ]
}

@test 'a session that was open before gets 550 at its next MAIL' {
	instance
	cat >session.py <<-'END'
	import smtplib, subprocess, sys
	s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]))
	s.ehlo()
	s.login("billing@quell.test", "pw")
	s.sendmail("a@quell.test", ["b@example.net"], "Subject: 1\r\n\r\n")
	subprocess.run(["exim-block", "-y", "billing@quell.test"], check=True,
	    stdout=subprocess.DEVNULL)
	code, text = s.mail("a@quell.test")
	print(code, text.decode())
	END
	run -0 "$PEERS_PYTHON" session.py "$(exim_port "$X")"
	[[ $output == '550 5.7.1 sending is suspended'* ]]
}

@test 'odd names reach Exim as they are and are never expanded' {
	# shellcheck disable=SC1003 # a lone backslash
	names=('od d' 'col:on' '#hash' 'quo"te' 'back\slash' '"' '\'
		"\${run{/bin/touch $BATS_TEST_TMPDIR/pwned}}" '$tod_log' '}{'
		'\303\274n@quell.test' 'a,b' "it's" '\N^.*\N' '*@quell.test' '-y')
	make
	# Exim itself calls this one \303\274n
	echo '"ün@quell.test": pw' >>"$X/users"
	for name in "${names[@]}" ' lead'; do
		case $name in
		*[\"\\:\ \#]*)
			quoted=${name//\\/\\\\}
			printf '"%s": pw\n' "${quoted//\"/\\\"}"
			;;
		*) printf '%s: pw\n' "$name" ;;
		esac
	done >>"$X/users"
	exim_start "$X"
	block 0 -y -- "${names[@]}"
	is 'length == '${#names[@]}' and all(.ok and .blocked and .changed)'
	[ ! -e pwned ]
	block 0 -y -- "${names[@]}"
	is 'all(.ok and .blocked and .changed == false)'
	for name in 'od d' 'col:on' '#hash' 'quo"te' 'back\slash' \
		'$tod_log' "${names[7]}" 'ün@quell.test' '\N^.*\N'; do
		echo "name: <$name>"
		sends 1 "$name"
		[[ $output == *'550 5.7.1'* ]]
	done
	[ ! -e pwned ]
	# no pattern: a star blocks nobody else
	sends 0 billing@quell.test
	run -0 --separate-stderr exim-block --list
	jq -re .id <<<"$output" >listed
	printf '%s\n' "${names[@]}" | cmp - listed
	block 0 -y '{"id":"{}"}' '{"id":" lead"}'
	is 'map(.id) == ["{}"," lead"] and all(.ok and .blocked)'
	sends 1 ' lead'
	block 65 -y 'ün@quell.test'
	[[ $stderr == *ooo* ]]
	block 0 --undo -y -- "${names[@]}" '{"id":"{}"}' '{"id":" lead"}'
	is 'all(.ok and .blocked == false and .changed)'
	[ ! -s "$F" ]
}

@test 'foreign lines stay byte for byte' {
	make
	printf '%s' '# kept by hand

ann@quell.test: left
   # a long
   story
"B\x42\151 Ll": quoted
BILLING@quell.test  old
	and more of it

# last
   of ann? no: of nobody
eve' >"$F"
	cp "$F" before
	block 0 --list
	is 'map(.id) == ["ann@quell.test", "BBi Ll", "BILLING@quell.test",
		"eve"]'
	block 0 -y 'bbi ll' EVE billing@quell.test
	is 'all(.changed == false and .blocked and .ok)'
	cmp "$F" before
	block 0 -y new@quell.test
	head -c "$(stat -c %s before)" "$F" | cmp - before
	block 0 --undo -y new@quell.test
	(cat before && echo) | cmp - "$F"
	block 0 --undo -y billing@quell.test
	printf '%s' '# kept by hand

ann@quell.test: left
   # a long
   story
"B\x42\151 Ll": quoted

# last
eve
' | cmp - "$F"
	# owner and mode, too
	chmod 0664 "$F"
	block 0 -y new@quell.test
	[ "$(stat -c %a "$F")" = 664 ]
}

@test 'records: of the queue, a plan, duplicates' {
	make
	block 0 -y <<-'END'
	{"type":"queue-top","id":"x","auth_user":"one@quell.test"}
	{"type":"queue-msg","id":"1xUnbl-0004Fv-1l","auth_user":"two@quell.test"}
	{"type":"queue-msg","id":"1xUnbl-0004Fv-1m","auth_user":"TWO@quell.test"}

	three@quell.test
	END
	is 'map(.id) == ["one@quell.test","two@quell.test","three@quell.test"]'
	printf 'four@quell.test\n' | exim-block -n - >plan
	jq -e '.dry_run and .changed and .blocked == false' plan
	exim-block -n --user five >>plan
	block 0 -y - <plan
	is 'length == 2 and all(.ok and .changed)
		and map(.kind) == ["auth","local"]'
	grep -q '^five:' "$X/quell/deny_users"
	run ! grep -q five "$F"
}

@test '-n changes nothing' {
	make
	block 0 -n billing@quell.test
	is '.[0] | .dry_run and .changed and .ok and .blocked == false'
	[ -z "$(ls -A "$X/quell")" ]
	block 0 -y billing@quell.test
	before=$(stat -c '%i %Y' "$F")
	block 0 -n --undo billing@quell.test
	is '.[0] | .dry_run and .changed and .blocked'
	block 0 -n billing@quell.test
	is '.[0] | .dry_run and .changed == false and .blocked'
	[ "$(stat -c '%i %Y' "$F")" = "$before" ]
}

@test 'bad input and bad usage: nothing is changed' {
	make
	block 64 -y </dev/null
	block 64 -y ''
	block 64 billing@quell.test </dev/null
	block 64 --list billing@quell.test
	block 64 --list --undo
	block 65 -y $'a\001b'
	block 65 -y $'caf\351'
	block 65 -y "$(printf 'x%.0s' {1..600})"
	block 65 -y '{"type":"queue-msg","id":"1xUnbl-0004Fv-1l"}'
	block 65 -y '{"type":"mail-block"}'
	block 65 -y '{"id":"a\u0000b\ufffd"}'
	block 65 -y '{"id":'
	printf 'ok@quell.test\nbad\001\n' >in
	block 65 -y <in
	[[ $stderr == *input:2* ]]
	block 66 --exim /nonexistent -y a
	[ -z "$(ls -A "$X/quell")" ]
}

@test 'no hook: 78, and where to get it' {
	make hook=no
	block 78 -y billing@quell.test
	[[ $stderr == *acl_smtp_mail*exim-hold\ --print-hook* ]]
	block 78 -y --user www-data --hook-dir "$X/quell"
	[[ $stderr == *acl_not_smtp* ]]
	[ -z "$(ls -A "$X/quell")" ]
	echo 'a: b' >"$F"
	block 0 --list --hook-dir "$X/quell"
	[ -z "$output" ]
	[[ $stderr == *'does not heed'* ]]
}

@test 'a hook behind an accept is no hook' {
	make
	sed -i 's/^acl_check_mail:/&\n  accept hosts = 127.0.0.1\n/' "$X/exim.conf"
	block 78 -y billing@quell.test
}

@test 'what Exim cannot read is refused: 451 to everybody' {
	[ "$(id -u)" = 0 ] || skip 'needs root'
	make
	echo 'x: y' >"$F"
	chmod 0600 "$F"
	block 78 -y billing@quell.test
	[[ $stderr == *'cannot read it'* ]]
	rm "$F"
	chmod 0700 "$X/quell"
	block 78 -y billing@quell.test
	[[ $stderr == *'cannot enter'* ]]
	[ -z "$(ls -A "$X/quell")" ]
}

@test 'local users: sendmail is refused' {
	[ "$(id -u)" = 0 ] || skip 'needs root'
	make
	run -0 "$X/bin/sendmail" -oi bob@quell.test <<<'Subject: x'
	block 0 -y --user root
	is '.[0] | .kind == "local" and .ok and .blocked and .changed'
	run -1 "$X/bin/sendmail" -oi bob@quell.test <<<'Subject: x'
	block 0 --list
	is '.[0] | .kind == "local" and .id == "root"'
	block 0 -y --user --undo root
	run -0 "$X/bin/sendmail" -oi bob@quell.test <<<'Subject: x'
}

@test 'many at once, and killed at any point' {
	make
	for i in 1 2 3 4 5; do
		exim-block -y "u$i@quell.test" >/dev/null 3>&- &
		jobs_[i]=$!
	done
	for i in 1 2 3 4 5; do
		wait "${jobs_[i]}"
	done
	[ "$(wc -l <"$F")" = 5 ]
	for wait in 0.005 0.012 0.02; do
		exim-block -y k@quell.test >/dev/null 2>&1 3>&- &
		pid=$!
		sleep $wait
		kill -KILL $pid || :
		wait $pid || :
		block 0 -y k@quell.test
		is '.[0] | .ok and .blocked'
		[ "$(grep -c '^k@' "$F")" = 1 ]
		block 0 -y --undo k@quell.test
	done
}

@test 'a lock that is held: 75, nothing is changed' {
	make
	exec 9<"$X/quell"
	flock 9
	block 75 -y -t 1 billing@quell.test 9<&-
	exec 9<&-
	[ -z "$(ls -A "$X/quell")" ]
}

@test 'journal: begin before, end after, with the accounts' {
	make
	mkdir -m 0700 inc
	: >inc/journal.jsonl
	block 0 -y --incident "$PWD/inc" billing@quell.test
	run -0 jq -rs 'map(.event + " " + .data.accounts[0])[]' inc/journal.jsonl
	[ "$output" = "exim-block.begin billing@quell.test
exim-block.end billing@quell.test" ]
	grep -q 'exim-block inc$' "$F"
	block 66 -y --incident "$PWD/none" alice@quell.test
	run ! grep -q alice "$F"
}

@test 'the examples of the manual' {
	make
	run_examples exim-block
}
