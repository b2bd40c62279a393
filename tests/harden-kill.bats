#!/usr/bin/env bats
# playbooks/harden, killed at every step.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/playbook_kill

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_MAILHOST_CMD=env
	mkdir bin
	# each incident's host remembers by itself
	cat >bin/fail2ban-client <<-'END'
	#!/bin/sh
	case $* in
	'get '*' ignoreip') cat "$QUELL_STATE_DIR.ignored.$2" 2>/dev/null || echo 127.0.0.1/8 ;;
	'set '*' addignoreip '*) echo "$4" >"$QUELL_STATE_DIR.ignored.$2" ;;
	esac
	END
	# looked at in all regions each time, tested elsewhere
	printf '#!/bin/sh\necho "%s"\n' '{\"type\":\"posture\",\"id\":\"x\",\"verdict\":\"pass\"}' \
		>bin/aws-posture
	printf '#!/bin/sh\necho "%s"\n' '{\"id\":\"us-east-1\",\"send_destinations\":1}' \
		>bin/ses-status
	chmod +x bin/*
	echo '{}' >world.json
	kill_setup world.json
}

teardown() {
	kill_teardown
}

ending() {	# whole or killed
	kill_world '.users | map_values(.keys | map([.id, .status]))'
	jq -r .event "$1/incident/journal.jsonl" | grep -E '^incident\.' | sort -u
	jq -r '[.id, .region, .verdict] | map(. // "") | join(" ")' \
		"$1/incident/steps/70_report_checks/checks.jsonl"
	cat "state.$1.ignored.exim" "state.$1.ignored.dovecot"
}

@test "killed at every step, it ends the same" {
	kill_run 1 13 harden --retire AKIANOBODYKEY0000001 \
		--office 198.51.100.0/24
	killed_at 10_identify_account 12_identify_keys 14_identify_ses \
		16_identify_host 20_preserve_folder 30_recover_keys \
		32_recover_office
	[ "$(emu_world '.users.nobody.keys[0].status')" = '"Inactive"' ]
	[ "$(cat state.killed.ignored.dovecot)" = 198.51.100.0/24 ]
}
