#!/usr/bin/env bats
# playbooks/mailbox-compromise, killed at every step.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/playbook_kill
load lib/mailbox_world

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_MAILHOST_CMD=env QUELL_VAULT_KEY=file:$PWD/vault.key
	export QUELL_VAULT=$PWD/vault
	mailbox_world a@x.example
	printf 'a@x.example:old:\nb@x.example:other:\n' >state.whole.users
	cp state.whole.users state.killed.users
	export TZ=UTC
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
	mailbox_log a@x.example 11 >mainlog
	kill_run 0 21 mailbox-compromise --log "$PWD/mainlog"
	killed_at 10_identify_queue 11_identify_log 13_identify_access \
		14_identify_decide 20_contain_hold \
		21_contain_account 30_preserve_queue 32_contain_password \
		33_contain_mailbox 34_contain_prove 40_eradicate_quarantine \
		41_eradicate_prove 50_recover_release 70_report_timeline
	grep -qx same end.killed
	[ ! -e state.killed.held ]
	[ -e state.killed.blocked ]
}
