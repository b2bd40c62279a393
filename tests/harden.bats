#!/usr/bin/env bats
# The playbook harden against the AWS emulator.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/emu.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	mkdir bin
	PATH=$PWD/bin:$QUELL_ROOT/playbooks:$PATH
	cat >bin/fail2ban-client <<-'END'
	#!/bin/sh
	echo "$*" >>"$BATS_TEST_TMPDIR/f2b.log"
	case $* in
	'status '*) [ ! -e nojail ] ;;
	'get '*' ignoreip') cat "ignored.$2" 2>/dev/null || echo 127.0.0.1/8 ;;
	'set '*' addignoreip '*) echo "$4" >>"ignored.$2" ;;
	esac
	END
	chmod +x bin/*
	emu_start
}

teardown() {
	emu_stop
}

verdict() {	# ID: of the last run with --apply
	jq -r --arg id "$1" 'select(.id == $id).verdict' \
		inc/steps/70_report_checks/checks.jsonl
}

@test "a dry run looks, prints the commands, changes nothing" {
	run -1 harden
	[[ $output == *"dry run"* ]]
	[[ $output == *"aws cloudwatch put-metric-alarm"* ]]
	[[ $output == *"aws account put-alternate-contact"* ]]
	[[ $output == *"checks fail"* ]]
	[ "$(emu_calls '[.[] | select(.mutating and .operation != "GenerateCredentialReport")] | length')" = 0 ]
	[ ! -e f2b.log ]
	emu_no_violations
}

@test "--apply retires keys, tells fail2ban the office; again nothing new" {
	export QUELL_MAILHOST_CMD=env
	run -1 harden --incident inc --apply --retire AKIANOBODYKEY0000001 \
		--office 198.51.100.0/24
	[ "$(emu_world '.users.nobody.keys[0].status')" = '"Inactive"' ]
	[ "$(cat ignored.exim ignored.dovecot | sort -u)" = 198.51.100.0/24 ]
	[ "$(verdict fail2ban)" = pass ]
	[ "$(verdict fail2ban-office)" = fail ]
	[ "$(verdict key-age)" = fail ]
	[ "$(verdict long-term-keys)" = fail ]
	[ "$(verdict event-destination)" = fail ]
	[ "$(verdict guardduty)" = pass ]
	jq -se 'map(.event) | index("iam-key-disable.end") and index("fail2ban.end")' inc/journal.jsonl
	emu_reset_log
	run -1 harden --incident inc --apply --retire AKIANOBODYKEY0000001 \
		--office 198.51.100.0/24
	[ "$(verdict fail2ban-office)" = pass ]
	[ "$(emu_calls '[.[] | select(.operation == "UpdateAccessKey")] | length')" = 0 ]
	[ "$(grep -c addignoreip f2b.log)" = 2 ]
	: >nojail
	run -1 harden --incident inc --apply
	[ "$(verdict fail2ban)" = fail ]
	emu_no_violations
}

@test "usage" {
	run -64 harden --age
	run -64 harden --apply
	unset AWS_REGION
	AWS_DEFAULT_REGION='' run -64 harden
	run -0 harden --list
	[[ $output == *10_identify_account* ]]
}
