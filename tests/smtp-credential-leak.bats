#!/usr/bin/env bats
# playbooks/smtp-credential-leak: a real Exim sends through the emulator with a
# key that has leaked.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/smtp_leak

setup() {
	leak_setup
}

teardown() {
	leak_teardown
}

@test "a dry run changes nothing and says what would be done" {
	local before
	before=$(sha256sum mx/ses.pw mx/exim.conf; ls mx/quell)
	play 0
	[ "$(emu_mutating_count)" = 0 ]
	[ "$(sha256sum mx/ses.pw mx/exim.conf; ls mx/quell)" = "$before" ]
	[ ! -e vault ]
	[ ! -e incident ]
	[ "$(exim_queue_count "$PWD/mx")" = 1 ]
	grep -q "key $OLD of ses-smtp in us-east-1, on 1 mail host" play.out
	grep -q "would be replaced: .*ses.pw" play.out
}

@test "nobody says that they leaked: nothing is stopped" {
	play 1 --apply --incident "$PWD/incident"
	grep -q -- '--leaked' play.out
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e mx/quell/hold ]
}

@test "from the leak to the release; no new key before the host is checked" {
	emu_set '{"regions": {"us-east-1": {"ingress_points": [{"name": "door",
		"type": "AUTH", "status": "ACTIVE"}]}}}'
	apply 64
	grep -q -- '--host-checked' play.out
	# what does not die with the key is named
	grep -q 'door  ACTIVE: ses-pause -y --mail-manager --region us-east-1 inp-' play.out
	[ "$(keys)" = '"Active,Inactive"' ]
	[ -e mx/quell/hold ]
	grep -qx "user: $OLD" mx/ses.pw
	# proven from both sides
	jq -se 'all(.ok and .before == "ok" and .verdict == "bad-credentials")' \
		incident/steps/34_contain_prove/dead.jsonl
	# the order: held, then the key; nothing was tried meanwhile
	run ! grep ' \*\* ' mx/log/mainlog
	apply 0 --host-checked 'oncall: image rebuilt'
	ended_well
	# through the hold, before all others
	grep -q ' => success@simulator.amazonses.com ' \
		incident/steps/53_recover_deliver/delivered.1
	jq -e '.held == false' incident/steps/54_recover_release/release.1.jsonl
	grep -q 'proven dead' incident/steps/70_report/report.txt
	grep -q 'door  ACTIVE' incident/steps/70_report/report.txt
	grep -q 'leak.copies\|where the leaked key was' play.out
	# once more: nothing is done twice
	emu_reset_log
	apply 0
	[ "$(emu_mutating_count)" = 0 ]
}
