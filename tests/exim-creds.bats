#!/usr/bin/env bats
# exim-creds on a hand-made configuration with a real Exim.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup_file() {
	creds_sink
}

teardown_file() {
	creds_stop
}

setup() {
	creds_available
	creds_begin
}

inline() {
	creds_make "SMTP_USER = $OLD_USER
SMTP_PASS = $OLD_PASS
ses_login:
  driver = plaintext
  public_name = LOGIN
  hide client_send = : $OLD_USER : \\
      # the password
      $OLD_PASS
ses_plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^SMTP_USER^SMTP_PASS"
}

lookup() {
	creds_make "ses_login:
  driver = plaintext
  public_name = LOGIN
  client_send = : \${lookup{user}lsearch{$PWD/x/ses.pw}{\$value}fail} : \\
    \${sg{\${lookup{pass}lsearch{$PWD/x/ses.pw}{\$value}fail}}{\\N[\\^]\\N}{^^}}"
	printf 'user: %s\npass: %s\n' $OLD_USER $OLD_PASS >x/ses.pw
}

tree() {	# all that could change: bytes, owner, mode, attributes
	find x -maxdepth 1 -type f -exec sha256sum {} + | sort
	find x -maxdepth 1 -printf '%p %u %g %m %y %l\n' | sort
	attrs x/*.conf x/ses.pw
}

@test "what is there, without a password" {
	inline
	run -0 --separate-stderr exim-creds
	jq -se --arg c "$PWD/x/exim.conf" 'length == 2 and
		all(.live and .managed and .form == "client_send" and
		.user == env.OLD_USER and .readable_by.world == false and
		.readable_by.owner == "root" and
		(.id | startswith($c + ":"))) and
		(map(.kind) | sort) == ["authenticator", "macro"] and
		map(.authenticators) == [["ses_login"], ["ses_plain"]]' \
		<<<"$output"
	# the line is the password's
	for id in $(jq -r .id <<<"$output"); do
		sed -n "${id##*:}p" x/exim.conf | grep -qF "$OLD_PASS"
	done
	run ! grep -F "$OLD_PASS" <<<"$output$stderr"
	chmod 644 x/exim.conf
	run -0 --separate-stderr exim-creds
	jq -se 'all(.readable_by.world and .readable_by.mode == "0644")' \
		<<<"$output"
	[[ $stderr == *"everybody may read it"* ]]
}

@test "--compare, by each field" {
	lookup
	run -0 --separate-stderr exim-creds --compare <old.cred
	jq -e '.same_user and .same_password' <<<"$output"
	creds_block $OLD_USER $NEW_PASS >other
	run -0 --separate-stderr exim-creds --compare <other
	jq -e '.same_user and .same_password == false' <<<"$output"
	run -0 --separate-stderr exim-creds --compare --from-file new.cred
	jq -e '(.same_user or .same_password) == false' <<<"$output"
}

@test "--put: the old key before, the new one after, --undo the old one" {
	inline
	sends $OLD_USER $OLD_PASS
	tree >before
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -se 'length == 2 and all(.changed and .ok and
		.new_user == env.NEW_USER and .reload == "no daemon")' \
		<<<"$output"
	sends $NEW_USER $NEW_PASS
	sends_not $OLD_USER $OLD_PASS
	run ! grep -rF $OLD_PASS x/exim.conf
	cp x/exim.conf kept
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -se 'length == 2 and all(.changed == false and .ok)' <<<"$output"
	cmp x/exim.conf kept
	run -0 --separate-stderr exim-creds --undo -n
	jq -e '.dry_run and .changed' <<<"$output"
	run -0 --separate-stderr exim-creds --undo -y
	jq -e --arg c "$PWD/x/exim.conf" '.id == $c and .changed and .ok' \
		<<<"$output"
	tree | diff before -
	sends $OLD_USER $OLD_PASS
	[ "$(ls state)" = exim-creds.json ]
	run -0 --separate-stderr exim-creds --undo -y
	jq -e '.changed == false' <<<"$output"
}

@test "a lookup file: owner, mode, attributes and link stay; no reload" {
	lookup
	mkdir x/real
	mv x/ses.pw x/real/ses.pw
	ln -s real/ses.pw x/ses.pw
	chown 12:"$(<x/exim.uid)" x/real/ses.pw
	chmod 0460 x/real/ses.pw
	set_attr x/real/ses.pw user.note kept || :
	set_attr x/real/ses.pw security.selinux \
		system_u:object_r:exim_etc_t:s0 || :
	attrs x/real/ses.pw >attrs
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -e '.reload == "not needed" and .changed' <<<"$output"
	[ -L x/ses.pw ]
	[ "$(stat -c '%u %a' x/real/ses.pw)" = '12 460' ]
	attrs x/real/ses.pw | diff attrs -
	[ "$(cat x/ses.pw)" = "user: $NEW_USER
pass: $NEW_PASS" ]
	sends $NEW_USER $NEW_PASS
	[ -z "$(find x -name '.*.quell*')" ]
	chmod 600 x/real/ses.pw
	run -0 exim-creds --undo -y
	[ "$(stat -c '%u %a' x/real/ses.pw)" = '12 460' ]
	attrs x/real/ses.pw | diff attrs -
	sends $OLD_USER $OLD_PASS
}

@test "-n writes nothing; its records are the plan" {
	inline
	tree >before
	run -0 --separate-stderr exim-creds --put -n --from-file new.cred
	jq -se 'length == 2 and all(.dry_run and .changed and .reload_needed)' \
		<<<"$output"
	tree | diff before -
	[ ! -e state ]
	jq -c 'select(.kind == "macro")' <<<"$output" >plan
	run -0 --separate-stderr exim-creds --put -y --from-file new.cred - \
		<plan
	jq -se 'length == 1 and .[0].kind == "macro"' <<<"$output"
	run -0 --separate-stderr exim-creds
	jq -se 'map(.user) == [env.OLD_USER, env.NEW_USER]' <<<"$output"
	# now there are two: the new one's place is no question
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -se 'map(.changed) == [true, false]' <<<"$output"
}

@test "--move: into a file that only Exim's group may read, then --put there" {
	inline
	sends $OLD_USER $OLD_PASS
	tree >before
	run -0 --separate-stderr exim-creds --move -n
	jq -se 'all(.dry_run)' <<<"$output"
	tree | diff before -
	run -0 --separate-stderr exim-creds --move -y
	jq -se --arg f "$PWD/x/smtp-credential" \
		'all(.changed and .moved_to == $f)' <<<"$output"
	f=x/smtp-credential
	[ "$(cat $f)" = "user: $OLD_USER
pass: $OLD_PASS" ]
	[ "$(stat -c '%u %g %a' $f)" = "0 $(<x/exim.uid) 640" ]
	run ! grep -F -e $OLD_PASS -e $OLD_USER x/exim.conf
	sends $OLD_USER $OLD_PASS
	# nothing is left to move
	run -64 exim-creds --move -y
	cp x/exim.conf kept
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -se 'length == 1 and .[0].reload == "not needed" and
		(.[0].authenticators | sort) == ["ses_login", "ses_plain"]' \
		<<<"$output"
	cmp kept x/exim.conf
	sends $NEW_USER $NEW_PASS
	# and the bytes that Exim wants with a circumflex
	creds_block u 'p^w:^^x' >odd
	run -0 --separate-stderr exim-creds --put -y <odd
	sends u 'p^w:^^x'
}

@test "--move is undone, the file is gone" {
	inline
	tree >before
	run -0 exim-creds --move="$PWD/x/other" -y
	[ -s x/other ]
	run -0 exim-creds --undo -y
	tree | diff before -
	# one that is there with something else in it is not overwritten
	echo mine >x/other
	run -73 exim-creds --move="$PWD/x/other" -y
	[ "$(cat x/other)" = mine ]
	rm x/other
	tree | diff before -
}

@test "two credentials: the old one must be named" {
	inline
	sed -i "s/: $OLD_USER :/: someone :/" x/exim.conf
	run -64 --separate-stderr exim-creds --put -y <new.cred
	[[ $stderr == *--old-user* ]]
	run -64 --separate-stderr exim-creds --put -y --old-user nobody \
		<new.cred
	run -0 --separate-stderr exim-creds --put -y --old-user $OLD_USER \
		<new.cred
	jq -se 'length == 1 and .[0].kind == "macro"' <<<"$output"
	grep -q ': someone :' x/exim.conf
	run -64 --separate-stderr exim-creds --move -y
	id=$(exim-creds | jq -r 'select(.user == "someone").id')
	run -0 --separate-stderr exim-creds --move -y "$id"
	sends_not $OLD_USER $OLD_PASS
}

@test "what cannot stand there stops all: PLAIN and a first circumflex, blanks" {
	inline
	tree >before
	for s in '^x' ' x' 'x '; do
		creds_block u "$s" >odd
		run -78 --separate-stderr exim-creds --put -y <odd
		[[ $stderr == *"cannot stand there"*hint* ]]
		run ! grep -F "$s" <<<"$stderr"
	done
	for s in $'a\tb' $'a\x7f'; do
		creds_block u "$s" >odd
		run -65 --separate-stderr exim-creds --put -y <odd
	done
	tree | diff before -
	[ ! -e state/exim-creds.json ]
}

@test "a first circumflex goes with LOGIN" {
	lookup
	creds_block u '^x^^y^' >odd
	run -0 --separate-stderr exim-creds --put -y <odd
	sends u '^x^^y^'
}

@test "an SES key with a password that SES cannot have given is 65" {
	lookup
	tree >before
	for p in wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY "${NEW_PASS}A" \
		"A${NEW_PASS:1}" "${NEW_PASS:0:43}="; do
		creds_block $NEW_USER "$p" >odd
		run -65 --separate-stderr exim-creds --put -y <odd
		run ! grep -F "$p" <<<"$stderr"
	done
	tree | diff before -
}

@test "bad usage and bad input change nothing" {
	lookup
	tree >before
	run -64 exim-creds --put --undo
	run -64 exim-creds --put --root / <new.cred
	run -64 exim-creds --from-file new.cred
	run -64 exim-creds --undo --probe
	run -64 exim-creds place
	run -64 exim-creds -n
	run -64 exim-creds --put -y - <new.cred
	run -64 exim-creds --put <new.cred
	run -65 exim-creds --put -y </dev/null
	run -65 exim-creds --put -y <<<password=x
	run -65 exim-creds --put -y <<<junk
	run -65 exim-creds --put -y --from-file new.cred /nothing:3
	run -65 exim-creds --put -y --from-file new.cred - <<<'{"type":"x"}'
	run -64 exim-creds --put -y --from-file new.cred - </dev/null
	run -66 exim-creds --put -y --from-file nothing
	run -66 exim-creds --put -y --exim ./nothing <new.cred
	run -66 exim-creds --root nothing
	chmod 644 new.cred
	run -78 exim-creds --put -y --from-file new.cred
	tree | diff before -
	[ ! -e state/exim-creds.json ]
}

@test "the incident's journal and state" {
	lookup
	mkdir case
	: >case/journal.jsonl
	run -0 exim-creds --put -y --incident case <new.cred
	[ "$(jq -r .event case/journal.jsonl | paste -sd' ')" = \
		'exim-creds.begin exim-creds.end' ]
	[ ! -e state ]
	[ -n "$(find case/state -name 'exim-creds.saved-*' -perm 600)" ]
	run ! grep -rF -e $NEW_PASS case
	run -0 incident verify case
	run -0 exim-creds --undo -y --incident case
	sends $OLD_USER $OLD_PASS
	run ! grep -rF -e $OLD_PASS case
}

@test "the examples of the manual" {
	inline
	mkdir -p image/etc/exim4
	printf 'h:%s:%s\n' $OLD_USER $OLD_PASS >image/etc/exim4/passwd.client
	run_examples exim-creds
}
