#!/usr/bin/env bats
# playbooks/harden with a real fail2ban, which reads real log lines and bans
# nobody but in its own list.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/peers

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[ "$(id -u)" = 0 ] || skip 'root only'
	peers_have fail2ban 2>no || skip "$(tail -n 1 no)"
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	export QUELL_MAILHOST_CMD=env AWS_REGION=us-east-1
	cp -r "$PEERS_ROOT/etc/fail2ban" f2b
	rm -f f2b/jail.d/*
	cat >f2b/jail.local <<-END
	[DEFAULT]
	backend = polling
	action =
	maxretry = 3
	ignoreip = 127.0.0.1/8 203.0.113.9
	exim_main_log = $PWD/mainlog
	dovecot_log = $PWD/maillog
	dovecot_backend = polling
	END
	printf '[DEFAULT]\ndbfile = None\nlogtarget = %s/f2b.log\n' "$PWD" \
		>f2b/fail2ban.local
	: >mainlog
	: >maillog
	mkdir bin
	cat >bin/fail2ban-client <<-END
	#!/bin/sh
	PYTHONPATH=$PEERS_ROOT/usr/lib/python3/dist-packages exec $PEERS_PYTHON \
		$PEERS_ROOT/usr/bin/fail2ban-client -c $PWD/f2b -s $PWD/sock -p $PWD/pid "\$@"
	END
	# what is looked at in AWS has tests of its own
	printf '#!/bin/sh\necho "%s"\n' '{\"type\":\"posture\",\"id\":\"x\",\"verdict\":\"pass\"}' \
		>bin/aws-posture
	printf '#!/bin/sh\necho "%s"\n' '{\"id\":\"us-east-1\",\"send_destinations\":1}' \
		>bin/ses-status
	printf '#!/bin/sh\n:\n' >bin/iam-keys
	printf '#!/bin/sh\n:\n' >bin/ses-pause
	chmod +x bin/*
	PATH=$PWD/bin:$QUELL_ROOT/playbooks:$PATH
	PYTHONPATH=$PEERS_ROOT/usr/lib/python3/dist-packages "$PEERS_PYTHON" \
		"$PEERS_ROOT/usr/bin/fail2ban-server" -c "$PWD/f2b" -s "$PWD/sock" \
		-p "$PWD/pid" -f start >server.log 2>&1 </dev/null 3>&- &
	server=$!
	peers_wait 60 fail2ban-client ping
}

teardown() {
	[ -z "${server-}" ] || peers_stop "$server"
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" harden --fail2ban-dir "$PWD/f2b" "$@"
}

banned() {	# JAIL ADDRESS
	fail2ban-client status "$1" 2>/dev/null | grep 'Banned IP' | grep -qwF "$2"
}

@test "jails for SMTP and IMAP, the office and whom the administrator lets in" {
	play 1 --fail2ban --office 198.51.100.0/24
	[[ $output == *'[dovecot]'* ]]
	[ -z "$(ls -A f2b/jail.d)" ]
	run ! fail2ban-client status exim
	# the checks were made before it was mended
	play 1 --fail2ban --office 198.51.100.0/24 --incident inc --apply
	fail2ban-client status exim
	fail2ban-client status dovecot
	[ "$(grep -c '^ignoreip = 127.0.0.1/8 198.51.100.0/24 203.0.113.9$' \
		f2b/jail.d/quell.local)" = 2 ]
	# thief, office, and the administrator's own, in both logs
	for ip in 192.0.2.66 198.51.100.7 203.0.113.9; do
		for _ in 1 2 3 4; do
			echo "$(date '+%F %T') dovecot_login authenticator failed for (x) [$ip]: 535 Incorrect authentication data (set_id=a@b)" >>mainlog
			echo "$(LC_ALL=C date '+%b %e %T') mx dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<a@b>, method=PLAIN, rip=$ip, lip=192.0.2.1" >>maillog
		done
	done
	peers_wait 120 banned exim 192.0.2.66
	peers_wait 120 banned dovecot 192.0.2.66
	for ip in 198.51.100.7 203.0.113.9; do
		run ! banned exim "$ip"
		run ! banned dovecot "$ip"
	done
	# again: the same; it outlives a reload
	cp f2b/jail.d/quell.local was
	play 0 --fail2ban --office 198.51.100.0/24 --incident inc --apply
	cmp was f2b/jail.d/quell.local
	banned exim 192.0.2.66
	jq -se 'map(.event) | index("fail2ban.begin") and index("fail2ban.end")' inc/journal.jsonl
	# a network that only looks like one of them
	play 1 --office 198.51.100.0/2
	[[ $output == *'198.51.100.0/2 may be banned by dovecot exim'* ]]
}

@test "what fail2ban does not like is not put there" {
	printf '[exim]\nenabled = true\n' >f2b/jail.d/quell.local
	fail2ban-client reload >/dev/null
	cp f2b/jail.d/quell.local before
	play 78 --fail2ban --jail exim --jail no-such-jail --incident inc --apply
	[[ $output == *'nothing is changed'* ]]
	cmp before f2b/jail.d/quell.local
	fail2ban-client status exim
}

@test "a later run keeps what earlier ones asked for, and takes one away" {
	play 1 --fail2ban --jail exim --office 198.51.100.0/24 --incident a --apply
	play 1 --fail2ban --jail dovecot --office 203.0.113.0/24 --incident a --apply
	for jail in exim dovecot; do
		fail2ban-client get "$jail" ignoreip >ignored
		for net in 127.0.0.0/8 203.0.113.9 198.51.100.0/24 203.0.113.0/24; do
			grep -qF "$net" ignored
		done
	done
	# what the hint says is not the end of the others either
	play 1 --office 192.0.2.0/24
	[[ $output == *"$(printf '%s' '--fail2ban --office 192.0.2.0/24')"* ]]
	play 1 --fail2ban --office 192.0.2.0/24 --incident a --apply
	fail2ban-client get exim ignoreip | grep -qF 198.51.100.0/24
	# one away, in a dry run first
	cp f2b/jail.d/quell.local was
	play 0 --fail2ban --no-jail exim --no-office 203.0.113.0/24
	cmp was f2b/jail.d/quell.local
	play 0 --fail2ban --no-jail exim --no-office 203.0.113.0/24 --incident a --apply
	run ! fail2ban-client status exim
	fail2ban-client get dovecot ignoreip >ignored
	run ! grep -F 203.0.113.0/24 ignored
	grep -qF 192.0.2.0/24 ignored
	grep -qF 203.0.113.9 ignored
	# the hint names all that are to be on, not those alone that are off
	play 1 --jail exim
	[[ $output == *'no fail2ban jail: exim'*'--incident DIR --apply --fail2ban --jail dovecot --jail exim'* ]]
	# what only another file lets in is said
	play 0 --fail2ban --no-office 203.0.113.9 --incident a --apply
	[[ $output == *'another file lets 203.0.113.9 in by dovecot'* ]]
	# the file of an older version: its lists are kept
	printf '# written by harden of quell\n[exim]\nenabled = true\nignoreip = 127.0.0.1/8 192.0.2.77\n' \
		>f2b/jail.d/quell.local
	play 1 --fail2ban --jail dovecot --incident a --apply
	fail2ban-client get dovecot ignoreip | grep -qF 192.0.2.77
	run -64 harden --jail "$(printf 'x]\nbanaction = evil')"
	run -64 harden --office '-x'
}
