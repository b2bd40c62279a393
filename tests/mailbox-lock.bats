#!/usr/bin/env bats
# mailbox-lock with a real Dovecot, which is asked by IMAP.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/dovecot

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state
	export QUELL_VAULT=$PWD/vault QUELL_VAULT_KEY=file:$PWD/vault.key
	sessions=()
}

teardown() {
	[ ! -e dv/pid ] || dovecot_stop dv
	[ "${#sessions[@]}" = 0 ] || peers_stop "${sessions[@]}"
}

dovecot() {	# [deny]
	dovecot_available 2>no || skip "$(tail -n 1 no)"
	chmod 0711 "$BATS_TEST_TMPDIR"
	dovecot_make "$PWD/dv" "$@"
	dovecot_start dv
	IN=$PWD/dv/bin/.enter
}

# lock CODE [argument...]
lock() {
	local code=$1
	shift
	run "-$code" --separate-stderr "$IN" mailbox-lock "$@"
}

in_with() {	# USER PASSWORD: Dovecot looks at its files once a second
	peers_wait 20 dovecot_login dv "$@"
}

out_with() {
	run -1 dovecot_login dv "$@"
}

vault_password() {	# MAILBOX
	cred-vault get "mailbox/$1" | sed -n 's/^password=//p'
}

@test "a passwd-file: locked and proven, sessions ended, others untouched; undone" {
	dovecot
	cp -p dv/users before
	in_with alice@quell.test secret
	dovecot_session dv alice@quell.test secret open.log
	sessions+=("$dovecot_pid")
	lock 0 -n alice@quell.test
	is '.type == "mailbox" and .id == "alice@quell.test" and .dry_run and
		.changed and .was == false and .backend == "dovecot" and .sessions == 1'
	cmp before dv/users
	[ ! -e state ]
	lock 0 -y Alice@quell.test
	is '.changed and .locked and .proven and .ok and .sessions == 1'
	peers_wait 60 grep -q ended open.log
	out_with alice@quell.test secret
	in_with bob@quell.test bobpw
	[ "$(stat -c %a:%u dv/users)" = "$(stat -c %a:%u before)" ]
	grep -v ^alice before | cmp - <(grep -v ^alice dv/users)
	# again: nothing new
	cp dv/users locked
	lock 0 -y alice@quell.test
	is '.changed == false and .was and .locked and .ok'
	cmp locked dv/users
	lock 0 -n --undo alice@quell.test
	is '.changed and .was and .dry_run'
	cmp locked dv/users
	lock 0 -y --undo alice@quell.test
	is '.changed and .locked == false and .ok and .new_password == false'
	cmp before dv/users
	in_with alice@quell.test secret
	lock 0 -y --undo alice@quell.test
	is '.changed == false and .ok'
	grep -q '"mailboxes":\[\]' state/mailbox-lock.json
}

@test "a new password: made where the vault is, its hash goes to the host" {
	dovecot
	run -0 mailbox-lock -n --new-password alice@quell.test
	is '.type == "mailbox-password" and .dry_run and .changed and (has("hash") | not)'
	[ ! -e vault ]
	mailbox-lock -y --new-password alice@quell.test >hash.jsonl
	new=$(vault_password alice@quell.test)
	[ "${#new}" = 24 ]
	run -1 grep -qF "$new" hash.jsonl
	lock 0 -y - <hash.jsonl
	is '.new_password and .proven'
	# until it is released nobody gets in, with the new one neither
	out_with alice@quell.test secret
	out_with alice@quell.test "$new"
	lock 0 -y - <hash.jsonl
	is '.changed == false'
	lock 0 -y --undo alice@quell.test
	is '.changed and .new_password'
	in_with alice@quell.test "$new"
	out_with alice@quell.test secret
	run -1 grep -rqF "$new" state dv/users
}

@test "a deny list: the password stays, and a new one is in force at once" {
	dovecot deny
	cp dv/users before
	lock 0 -y alice@quell.test
	is '.changed and .proven and (.deny_file | endswith("/deny"))'
	cmp before dv/users
	[ "$(cat dv/deny)" = alice@quell.test ]
	out_with alice@quell.test secret
	in_with bob@quell.test bobpw
	lock 0 -y --undo alice@quell.test
	is '.changed'
	[ ! -s dv/deny ]
	in_with alice@quell.test secret
	mailbox-lock -y --new-password alice@quell.test >hash.jsonl
	lock 0 -y - <hash.jsonl
	is '.changed and .new_password'
	run -1 cmp before dv/users
	lock 0 -y --undo alice@quell.test
	in_with alice@quell.test "$(vault_password alice@quell.test)"
	out_with alice@quell.test secret
	# somebody whom Dovecot knows from elsewhere
	lock 0 -y carol@quell.test
	is '.changed and .proven and .ok'
	echo '{"id":"dave@quell.test","hash":"'"$(jq -r .hash hash.jsonl)"'"}' >dave
	lock 78 -y - <dave
	is '.ok == false and (.why | test("cannot change"))'
	grep -qx dave@quell.test dv/deny
}

@test "no passwd-file and no deny list: 78, and what is missing is printed" {
	dovecot
	sed -i 's/driver = passwd-file/driver = pam/; /username_format/d' dv/dovecot.conf
	lock 78 -y alice@quell.test
	[[ $stderr == *'no deny list: nothing changed'*--print-hook* ]]
	[ -z "$output" ]
	run -0 mailbox-lock --print-hook
	[[ $output == *'deny = yes'* ]]
	# a deny list behind what lets him in is none
	cat >>dv/dovecot.conf <<-END
	passdb {
	  driver = passwd-file
	  deny = yes
	  args = $PWD/dv/deny
	}
	END
	lock 78 -y alice@quell.test
	sed -i 's/%u/%{md5:user}/; s/driver = pam/&\n  args = x/' dv/dovecot.conf
	printf 'auth_username_format = %%{hash}\n' >>dv/dovecot.conf
	lock 78 -y alice@quell.test
	[[ $stderr == *'is not understood'* ]]
	# somebody with two passwords: said, as the second goes on being good
	sed -i '/^auth_username_format/d' dv/dovecot.conf.in
	sed "s|PORT|1|; s|^userdb|passdb {\n  driver = passwd-file\n  args = $PWD/dv/more\n}\n&|" \
		dv/dovecot.conf.in >dv/dovecot.conf
	printf 'alice@quell.test:{PLAIN}second\n' >dv/more
	lock 0 -n alice@quell.test
	is '.beside | endswith("/more")'
	lock 0 -n bob@quell.test
	is 'has("beside") | not'
}

@test "killed at each write: it is locked or not, and the next run ends the same" {
	local undo n rc how list
	preload_faults
	mkdir h
	printf 'alice:old:x\nbob:other\n' >before
	for list in '' list; do
		how=(--passwd-file "$PWD/h/users" ${list:+--deny-file "$PWD/h/deny"})
		for undo in '' --undo; do
			for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
				rm -rf state h/*
				cp before h/users
				: >h/deny
				[ -z "$undo" ] || mailbox-lock -y "${how[@]}" alice >out
				rc=0
				# shellcheck disable=SC2086 # a word or none
				FAULT_KILL=$n: LD_PRELOAD="$preload" mailbox-lock -y $undo \
					"${how[@]}" alice >out 2>err || rc=$?
				[ "$rc" = 137 ] || [ "$rc" = 0 ]
				# never half a file
				[ "$(wc -l <h/users)" = 2 ]
				grep -qx bob:other h/users
				# shellcheck disable=SC2086
				mailbox-lock -y $undo "${how[@]}" alice >out
				if [ -z "$undo" ]; then
					jq -e '.locked and .ok' out
					[ -n "$list" ] || grep -qE '^alice:[$]6[$].*:x$' h/users
					[ -z "$list" ] || grep -qx alice h/deny
					mailbox-lock -y --undo "${how[@]}" alice >out
				fi
				cmp before h/users
				[ ! -s h/deny ]
				[ -z "$(find h state -name '.*.??????')" ]
				[ "$rc" = 137 ] || break
			done
			[ "$rc" = 0 ] && [ "$n" -gt 3 ]
		done
	done
}

@test "a disk that is full: the old file stays, nothing is called locked" {
	dovecot
	preload_faults
	cp dv/users before
	for f in FAULT_WRITE=1:users FAULT_RENAME=1:users FAULT_FSYNC=1:users \
		FAULT_WRITE=1:mailbox-lock; do
		run -74 --separate-stderr "$IN" env "$f" LD_PRELOAD="$preload" \
			mailbox-lock -y alice@quell.test
		is '.ok == false and .locked == false'
		cmp before dv/users
	done
	in_with alice@quell.test secret
}

@test "files that a person names: Exim's own passwd, a list" {
	printf '%s\n' 'joe:$1$ab$oldoldoldold:clear' 'joey:$1$cd$other:' >passwd
	cp passwd before
	run -0 --separate-stderr mailbox-lock -y --passwd-file "$PWD/passwd" joe
	is '.backend == "files" and .changed and .proven == false'
	grep -qE '^joe:\$6\$[^:]*:clear$' passwd
	grep -qxF 'joey:$1$cd$other:' passwd
	run -0 mailbox-lock -y --undo --passwd-file "$PWD/passwd" joe
	cmp before passwd
	mailbox-lock -y --new-password joe >hash.jsonl
	run -0 mailbox-lock -y --passwd-file "$PWD/passwd" - <hash.jsonl
	run -0 mailbox-lock -y --undo --passwd-file "$PWD/passwd" joe
	[ "$(perl -e 'my ($p, $h) = @ARGV; print crypt($p, $h) eq $h' \
		"$(vault_password joe)" "$(sed -n 's/^joe:\([^:]*\):clear/\1/p' passwd)")" = 1 ]
	# changed by somebody else while it was locked: that stays
	run -0 mailbox-lock -y --passwd-file "$PWD/passwd" joey
	sed -i 's/^joey:.*/joey:mine/' passwd
	run -0 --separate-stderr mailbox-lock -y --undo --passwd-file "$PWD/passwd" joey
	is '.changed == false'
	[[ $stderr == *'another password since'* ]]
	grep -qx joey:mine passwd
	run -65 mailbox-lock -y --passwd-file "$PWD/passwd" nobody
	run -0 mailbox-lock -y --deny-file "$PWD/list" joe
	[ "$(cat list)" = joe ]
	run -0 mailbox-lock -y --undo --deny-file "$PWD/list" joe
	[ ! -s list ]
}

@test "what comes in: names, suspects, plans; bad ones are 65" {
	printf 'a:x\nb:x\n' >p
	f=(--passwd-file "$PWD/p")
	run -0 mailbox-lock -n "${f[@]}" a b a
	[ "$(wc -l <<<"$output")" = 2 ]
	echo '{"type":"queue-suspect","id":"account=a","kind":"account","value":"a"}' >in
	run -0 mailbox-lock -n "${f[@]}" - <in
	is '.id == "a"'
	echo '{"type":"mail-suspect","id":"b","kind":"account","value":"b"}' >in
	run -0 mailbox-lock -n "${f[@]}" - <in
	is '.id == "b"'
	mailbox-lock -n "${f[@]}" b >plan
	run -0 mailbox-lock -y "${f[@]}" - <plan
	is '.id == "b" and .changed'
	for bad in '{"type":"queue-suspect","kind":"host","value":"192.0.2.1"}' \
		'{"type":"mail-suspect","id":"web","kind":"user","value":"web"}' \
		'../x' 'a b' '@x' 'x@' 'a@b@c' '{"id":"a","hash":"x"}' \
		'{"id":"a","hash":"{SHA512-CRYPT}$6$abcdefgh$short"}' '*' 'a:b'; do
		echo "$bad" >in
		run -65 --separate-stderr mailbox-lock -y "${f[@]}" - <in
		[ -z "$output" ]
	done
	grep -q ^a:x p
	run -64 mailbox-lock -y "${f[@]}" </dev/null
	run -64 mailbox-lock -y "${f[@]}" ''
	run -64 mailbox-lock "${f[@]}" a </dev/null
	run -64 mailbox-lock -y --undo --new-password a
	run -64 mailbox-lock -y --passwd-file p a
	run -64 mailbox-lock -y --backend nothing a
	run -64 mailbox-lock -y --backend cpanel "${f[@]}" a
}

@test "the journal, and an incident's own state" {
	printf 'a:x\n' >p
	mkdir case
	: >case/journal.jsonl
	run -0 mailbox-lock -y --incident case --passwd-file "$PWD/p" a
	[ "$(jq -r .event case/journal.jsonl | paste -sd' ')" = \
		'mailbox-lock.begin mailbox-lock.end' ]
	[ -e case/state/mailbox-lock.json ]
	[ "$(stat -c %a case/state/mailbox-lock.json)" = 600 ]
	run -0 mailbox-lock -n --undo --incident case --passwd-file "$PWD/p" a
	is .changed
	run -0 mailbox-lock -y --undo --incident case --passwd-file "$PWD/p" a
	grep -qx a:x p
}

@test "no argument and no environment of a program holds a password" {
	dovecot
	for c in doveadm doveconf; do
		mkdir -p spy
		printf '#!/bin/sh\n{ echo "$0 $*"; tr "\\0" "\\n" </proc/self/environ; } >>%s\nexec /usr/bin/%s "$@"\n' \
			"$PWD/spied" "$c" >spy/$c
		chmod +x spy/$c
	done
	mailbox-lock -y --new-password alice@quell.test >hash.jsonl
	"$IN" env PATH="$PWD/spy:$PATH" mailbox-lock -y - <hash.jsonl
	grep -q 'auth test alice' spied
	run -1 grep -qF "$(vault_password alice@quell.test)" spied
	run -1 grep -qE '[A-HJ-NP-Za-km-z2-9]{24}' <(grep -v -e PATH -e HOME -e ' ' spied)
}

@test "examples" {
	dovecot deny
	cp "$(command -v mailbox-lock)" .
	mkdir -p bin
	printf '#!/bin/sh\nshift\nexec "$@"\n' >bin/ssh
	printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
	printf '#!/bin/sh\necho %s\n' "'"'{"type":"queue-suspect","id":"account=bob@quell.test","kind":"account","value":"bob@quell.test"}'"'" \
		>bin/exim-queue
	chmod +x bin/*
	printf '#!/bin/sh\nexec %s %s "$@"\n' "$IN" "$QUELL_B/bin/mailbox-lock" >bin/mailbox-lock
	chmod +x bin/mailbox-lock
	PATH=$PWD/bin:$PATH
	touch dv/exim-passwd
	run_examples mailbox-lock
}

@test "two files of one name: each keeps what was in it, and undo names the file" {
	printf 'a:old1\n' >exim
	printf 'a:old2\n' >other
	run -0 mailbox-lock -y --passwd-file "$PWD/exim" a
	run -0 mailbox-lock -y --passwd-file "$PWD/other" a
	run -1 grep -h old exim other
	printf 'a:old3\n' >third
	run -78 --separate-stderr mailbox-lock -y --undo --passwd-file "$PWD/third" a
	[[ $output == *'was locked in'* ]]
	run -0 mailbox-lock -y --undo --passwd-file "$PWD/exim" a
	run -0 mailbox-lock -y --undo --passwd-file "$PWD/other" a
	[ "$(cat exim other third)" = $'a:old1\na:old2\na:old3' ]
}

@test "a pipe in the place of a password file is no reason to wait" {
	mkfifo p
	run -66 timeout 20 mailbox-lock -y --passwd-file "$PWD/p" a
}
