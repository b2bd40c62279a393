#!/usr/bin/env bats
# playbooks/mailbox-compromise, killed at every step.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/playbook_kill

# The mail host's own commands remember in $QUELL_STATE_DIR.*, each world its
# own; mailbox-lock is the real one, with a stand-in for Dovecot.
setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_MAILHOST_CMD=env QUELL_VAULT_KEY=file:$PWD/vault.key
	export QUELL_VAULT=$PWD/vault
	mkdir bin
	: >mainlog
	cat >bin/exim-queue <<-'END'
	#!/bin/sh
	s=$QUELL_STATE_DIR
	case $* in
	*--suspects*) [ -e "$s.purged" ] || echo '{"type":"queue-suspect","id":"account=a@x.example","kind":"account","value":"a@x.example","count":5,"where":"w","signals":[],"command":"c"}' ;;
	*--where*) [ -e "$s.purged" ] || echo '{"type":"queue-msg","id":"1xUnbX-0004Fv-1l"}' ;;
	*--top*) ;;
	*) echo '{"type":"queue-msg","id":"1xUnbX-0004Fv-1l"}' ;;
	esac
	END
	cat >bin/exim-hold <<-'END'
	#!/bin/sh
	case $* in
	*--release*) rm -f "$QUELL_STATE_DIR.held" ;;
	*) : >"$QUELL_STATE_DIR.held" ;;
	esac
	echo '{"type":"mail-hold","id":"mx"}'
	END
	cat >bin/exim-block <<-'END'
	#!/bin/sh
	case $* in
	*--undo*) rm -f "$QUELL_STATE_DIR.blocked" ;;
	*--list*) [ ! -e "$QUELL_STATE_DIR.blocked" ] || echo '{"type":"mail-block","id":"a@x.example","blocked":true}' ;;
	*) : >"$QUELL_STATE_DIR.blocked"; echo '{"type":"mail-block","id":"a@x.example","ok":true}' ;;
	esac
	END
	printf '#!/bin/sh\n: >"$QUELL_STATE_DIR.purged"\necho "{\\"type\\":\\"queue-msg\\",\\"id\\":\\"1xUnbX-0004Fv-1l\\",\\"ok\\":true,\\"changed\\":true}"\n' \
		>bin/exim-queue-purge
	printf '#!/bin/sh\necho "log_file_path = %s"\n' "$PWD/mainlog" >bin/exim4
	# Dovecot gets a fresh environment: its files are told by name
	cat >bin/mailbox-lock.host <<-END
	#!/bin/sh
	case \$* in
	*--new-password*) exec '$QUELL_B/bin/mailbox-lock' "\$@" ;;
	esac
	exec '$QUELL_B/bin/mailbox-lock' --passwd-file "\$QUELL_STATE_DIR.users" "\$@"
	END
	mv bin/mailbox-lock.host bin/mailbox-lock
	chmod +x bin/*
	printf 'a@x.example:old:\nb@x.example:other:\n' >state.whole.users
	cp state.whole.users state.killed.users
	echo '{}' >world.json
	kill_setup world.json
}

teardown() {
	kill_teardown
}

ending() {	# whole or killed
	find . -maxdepth 1 -name "state.$1.*" | sed "s/$1/X/" | sort
	sed -E 's/\$6\$[^:]*/HASH/' "state.$1.users"
	jq -r .event "$1/incident/journal.jsonl" | grep -E '^incident\.' | sort -u
	jq -r '.mailboxes[] | [.id, (.lock != ""), (.next != "")] | @tsv' \
		"state.$1/mailbox-lock.json"
	(cd "$1/incident/steps" && find . -name 'done' | sort)
	# the new password of the vault is the one that will be in force
	perl -e 'my ($p, $h) = @ARGV; $h =~ s/^\{.*\}//;
		print crypt($p, $h) eq $h ? "same\n" : "other\n"' \
		"$(cred-vault get mailbox/a@x.example | sed -n 's/^password=//p')" \
		"$(jq -r '.mailboxes[0].next' "state.$1/mailbox-lock.json")"
}

@test "killed at every step, it ends the same" {
	kill_run 0 17 mailbox-compromise
	killed_at 10_identify_account 12_identify_decide 20_contain_hold \
		21_contain_account 30_preserve_queue 32_contain_password \
		33_contain_mailbox 34_contain_prove 40_eradicate_quarantine \
		41_eradicate_prove 50_recover_release 70_report_timeline
	grep -qx same end.killed
	[ ! -e state.killed.held ]
	[ -e state.killed.blocked ]
}
