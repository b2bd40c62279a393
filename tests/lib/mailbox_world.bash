# mailbox_world.bash - a mail host of stand-ins in ./bin, for the playbook
# mailbox-compromise
#
# They remember in $QUELL_STATE_DIR.*, each world its own: .held, .blocked (a
# name a line), .purged.  mailbox-lock is the real one, with the files
# .users (passwd) and, when MAILBOX_DENY is set, .deny alone.
#
# mailbox_world [NAME]		who stands out in its queue, if anybody
# mailbox_setup			the same for one world, with two mailboxes, in
#				the test's own folder; for setup()
# mailbox_log NAME BYTE		lines of Exim's log: NAME sends from thirty
#				places, the first of them BYTE.0.0.5, on two
#				days after honest ones from 198.51.100.9
# shellcheck shell=bash

mailbox_world() {
	mkdir -p bin
	: >mainlog
	echo "${1-}" >in-queue
	cat >bin/exim-queue <<-END
	#!/bin/sh
	s=\$QUELL_STATE_DIR
	who=\$(cat '$PWD/in-queue')
	[ -n "\$who" ] && [ ! -e "\$s.purged" ] || exit 0
	case \$* in
	*--suspects*) echo '{"type":"queue-suspect","id":"account='"\$who"'","kind":"account","value":"'"\$who"'","count":5,"where":"w","signals":[],"command":"c"}' ;;
	*--top*) ;;
	*) echo '{"type":"queue-msg","id":"1xUnbX-0004Fv-1l"}' ;;
	esac
	END
	cat >bin/exim-hold <<-'END'
	#!/bin/sh
	case $* in
	-n*) ;;
	*--release*) rm -f "$QUELL_STATE_DIR.held" ;;
	*) : >"$QUELL_STATE_DIR.held" ;;
	esac
	echo '{"type":"mail-hold","id":"mx"}'
	END
	cat >bin/exim-block <<-'END'
	#!/bin/sh
	b=$QUELL_STATE_DIR.blocked
	for who; do :; done
	case $* in
	-n*) ;;
	*--undo*) rm -f "$b" ;;
	*--list*) sed 's/.*/{"type":"mail-block","id":"&","blocked":true}/' "$b" ;;
	*--new-only*) ;;
	*) grep -qxF "$who" "$b" 2>/dev/null || echo "$who" >>"$b" ;;
	esac
	case $* in
	*--list*) ;;
	*) echo '{"type":"mail-block","id":"'"$who"'","ok":true}' ;;
	esac
	END
	cat >bin/exim-queue-purge <<-'END'
	#!/bin/sh
	case $* in -n*) ;; *) : >"$QUELL_STATE_DIR.purged" ;; esac
	echo '{"type":"queue-msg","id":"1xUnbX-0004Fv-1l","ok":true,"changed":true}'
	END
	printf '#!/bin/sh\necho "log_file_path = %s/%%slog"\n' "$PWD" >bin/exim4
	# Dovecot gets a fresh environment: its files are told by name
	cat >bin/mailbox-lock <<-END
	#!/bin/sh
	case \$* in
	*--new-password*) exec '$QUELL_B/bin/mailbox-lock' "\$@" ;;
	esac
	file="--passwd-file=\$QUELL_STATE_DIR.users"
	[ -z "\$MAILBOX_DENY" ] || file="--deny-file=\$QUELL_STATE_DIR.deny"
	exec '$QUELL_B/bin/mailbox-lock' "\$file" "\$@"
	END
	chmod +x bin/*
}

mailbox_log() {
	awk -v who="$1" -v b="$2" 'function line(day, h, m, ip, n) {
		printf "2026-11-%02d %02d:%02d:%02d 1x%03d%s-00000000%03d-0001 <= %s H=(pc) [%s]:4711 P=esmtpsa A=plain:%s S=900 id=%d%s%s T=\"your parcel\" for v%d@d%d.example\n",
			day, h, m, n % 60, n, substr(who, 1, 1), n, who,
			ip, who, n, ".", who, n, n }
	BEGIN {
		for (i = 0; i < 8; i++)
			line(i + 1, 9, i, "198.51.100.9", i)
		for (i = 0; i < 240; i++)
			line(11 + (i > 119), 3, (i % 120) / 2,
				(b + i % 30) ".0.0.5", i + 10)
	}'
}

mailbox_setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_MAILHOST_CMD=env QUELL_STATE_DIR=$PWD/state TZ=UTC
	export QUELL_INCIDENTS=$PWD/incidents
	export QUELL_VAULT=$PWD/vault QUELL_VAULT_KEY=file:$PWD/vault.key
	mailbox_world
	PATH=$PWD/bin:$PATH
	printf '%s\n' a@x.example:old: b@x.example:other: >state.users
}
