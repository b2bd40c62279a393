#!/usr/bin/env bats
# playbooks/mailbox-compromise on a real Exim and a real Dovecot
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

PLAY=$QUELL_ROOT/playbooks/mailbox-compromise

setup() {
	load lib/dovecot
	{ exim_available && dovecot_available; } 2>"$BATS_TEST_TMPDIR/no" ||
		skip "$(tail -n 1 "$BATS_TEST_TMPDIR/no")"
	chmod 0711 "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_VAULT=$PWD/vault QUELL_VAULT_KEY=file:$PWD/vault.key
	export QUELL_STATE_DIR=$PWD/state
	smtp_sink_start sink --no-bodies
	dovecot_make "$PWD/dv" "$@"
	sed -i 's/alice@/p0@/' dv/users
	dovecot_start dv
	exim_make "$PWD/mx" sink="$(sink_port sink)" queue_only=yes \
		users="$(for n in {0..6}; do echo -n "p$n@quell.test:pw,"; done)news@quell.test:pw"
	# one host: where the one is the system's, the other is, too
	grep -E '^(dovecot|dovenull|vmail):' dv/ns/etc/passwd >>mx/ns/etc/passwd
	mkdir -p mx/ns/etc/dovecot
	ln -s "$PWD/dv/dovecot.conf" mx/ns/etc/dovecot/dovecot.conf
	exim_hook "$PWD/mx"
	exim_start "$PWD/mx"
	export QUELL_MAILHOST_CMD=$PWD/mx/bin/.enter
	session=''
}

teardown() {
	[ -z "$session" ] || peers_stop "$session"
	[ ! -d mx/bin ] || exim_stop "$PWD/mx"
	[ ! -d sink ] || sink_stop sink
	[ ! -e dv/pid ] || dovecot_stop dv
}

fill() {
	{
		for n in {0..6}; do
			for k in 1 2 3; do
				printf '{"from":"p%s@quell.test","user":"p%s@quell.test","pass":"pw","to":["c%s@d%s.example"],"subject":"Talk %s of %s"}\n' \
					"$n" "$n" "$k" "$n" "$k" "$n$k"
			done
		done
		for n in {1..70}; do
			printf '{"from":"p0@quell.test","user":"p0@quell.test","pass":"pw","to":["v%s@s%s.example"],"subject":"Your parcel %s waits"}\n' "$n" "$n" "$n"
		done
	} >plan
	exim_submit mx - x@y.example --plan plan >/dev/null
	[ "$(exim_queue_count mx)" = 91 ]
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" "$@"
}

@test "stopped, kept, locked, cleaned, released; given back on a word" {
	fill
	dovecot_session dv p0@quell.test secret open.log
	session=$dovecot_pid
	cp dv/users before
	play 0
	[[ $output == *'suspect: account=p0@quell.test'* ]]
	[[ $output == *'70 messages are spam'* ]]
	[ "$(exim_queue_count mx)" = 91 ]
	[ -z "$(ls -A mx/quell)" ]
	cmp before dv/users
	[ ! -e vault ]
	play 0 --apply --incident case
	[[ $output == *'stays locked'*--owner-ready* ]]
	# who was in is out, and nobody gets in
	peers_wait 60 grep -q ended open.log
	run -1 dovecot_login dv p0@quell.test secret
	peers_wait 60 dovecot_login dv bob@quell.test bobpw
	grep -q '^p0@quell.test:' mx/quell/deny_accounts
	# his spam is kept, his and everybody's honest mail is out
	[ ! -e mx/quell/hold ]
	peers_wait 60 bash -c '[ "$(wc -l <sink/log.jsonl)" -ge 21 ]'
	run -1 grep -q '"v[0-9]*@s' sink/log.jsonl
	[ "$(exim_queue_count mx)" = 0 ]
	q=$(mx/bin/.enter "$QUELL_B/bin/exim-quarantine" list | jq -r .id)
	[ "$(exim_queue_count mx "$q")" = 70 ]
	# kept before it was touched
	[ "$(wc -l <case/steps/30_preserve_queue/queue.jsonl)" = 91 ]
	new=$(cred-vault get mailbox/p0@quell.test | sed -n 's/^password=//p')
	run -1 dovecot_login dv p0@quell.test "$new"
	run -1 grep -rqF "$new" case state dv mx
	play 0 --apply --incident case --owner-ready 'me: new laptop'
	peers_wait 60 dovecot_login dv p0@quell.test "$new"
	run -1 dovecot_login dv p0@quell.test secret
	run -1 grep -q p0 mx/quell/deny_accounts
	run -0 incident verify case
	run -0 jq -r .event case/journal.jsonl
	for e in mailbox-lock.begin account.blocked mailbox.locked \
		incident.contained mailbox.returned; do
		grep -qx "$e" <<<"$output"
	done
}

@test "a name without a word stops nobody; what cannot be locked is said" {
	play 1 --apply --incident case
	[[ $output == *'no mailbox stands out'* ]]
	play 1 --apply --incident case2 --account p1@quell.test
	[[ $output == *--word* ]]
	[ -z "$(ls -A mx/quell)" ]
	play 64 --apply --incident case2 --account p1@quell.test --word 'me: he said'
	[[ $output == *--locked* ]]
	play 0 --apply --incident case2 --account p1@quell.test --word 'me: he said' \
		--locked 'me: in SQL'
	grep -q '^p1@quell.test:' mx/quell/deny_accounts
	[ ! -e mx/quell/hold ]
	unset QUELL_VAULT
	play 64 --apply --incident case3 --account p0@quell.test --word x
	[[ $output == *--no-password* ]]
	play 0 --apply --incident case3 --account p0@quell.test --word x --no-password
	run -1 dovecot_login dv p0@quell.test secret
}

@test "usage" {
	run -64 "$PLAY" --apply
	run -64 "$PLAY" --account
	run -64 "$PLAY" --nothing
	run -0 "$PLAY" --list
	[[ $output == *33_contain_mailbox* ]]
	run -0 "$PLAY" --help
	[[ $output == *mailbox-compromise* ]]
}
