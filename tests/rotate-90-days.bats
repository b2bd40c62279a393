#!/usr/bin/env bats
# playbooks/rotate-90-days: a real Exim sends through the emulator with a key
# that is 120 days old.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/smtp_rotate

setup() {
	rotate_setup
}

teardown() {
	smtp_world_stop
}

@test "nothing is old: one line, 0, nothing is written" {
	play 0 --user young --apply
	[ "$(wc -l <play.out)" = 1 ]
	grep -q 'no key of young is older than 90d' play.out
	[ ! -e state ]
	play 0 --user mail --older-than 150d --apply
	[ "$(wc -l <play.out)" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
	play 64 --apply
	play 69 --user nobody-of-that-name --apply
}

@test "a dry run says which, and changes nothing" {
	local before
	before=$(sha256sum mx/ses.pw)
	play 0 --user young --user mail
	grep -q "would be replaced: $OLD of mail, in us-east-1" play.out
	[ "$(emu_mutating_count)" = 0 ]
	[ "$(sha256sum mx/ses.pw)" = "$before" ]
	[ ! -e vault ]
	[ ! -e "$book" ]
}

@test "an old key is replaced; the next day there is nothing to do" {
	play 0 --user young --user mail --apply
	ended_well
	grep -q "$(new_key) replaces the key of mail" play.out
	# the old one worked; the new one did, and the mail host had sent with it,
	# before the old one died
	[ "$(emu_calls '[.[] | select((.operation == "DATA" and .status == 250) or
		.operation == "UpdateAccessKey") | .operation] | .[0:4]')" = \
		'["DATA","DATA","DATA","UpdateAccessKey"]' ]
	# its password was taken from the host: so it is proven dead
	jq -se 'any(.event == "ses-rotate.proof" and .data.what == "dead")' \
		"$book/journal.jsonl"
	cred-vault list --all | jq -se 'map(.username) | index("'"$OLD"'") != null'
	incident verify "$book" | jq -e .ok
	emu_reset_log
	play 0 --user young --user mail --apply
	[ "$(wc -l <play.out)" = 1 ]
	[ "$(emu_mutating_count)" = 0 ]
}

@test "a key that no mail host reads is left to who uses it; the others go on" {
	play 1 --user other --user mail --apply
	grep -q 'AKIAOTHERKEY00000001 of other.*no mail host reads it' play.out
	[ "$(user_keys other)" = '"Active"' ]
	ended_well
}
