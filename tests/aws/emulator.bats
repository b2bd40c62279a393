#!/usr/bin/env bats
# The emulator itself: its self-test, and the functions of emu.bash.

load emu.bash

setup() {
	bats_require_minimum_version 1.5.0
}

teardown() {
	emu_stop
}

@test "the emulator agrees with botocore and smtplib" {
	local python
	python=$(emu_python) || skip "no botocore"
	"$python" "$BATS_TEST_DIRNAME/selftest.py"
}

@test "emu.bash: calls, faults, settings, violations" {
	emu_python >/dev/null || skip "no botocore"
	emu_start
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
	emu_set '{"page_size":1}'
	[ "$(emu_world .settings.page_size)" = 1 ]
	run -22 emu_set '{"page_sise":1}'
	run -22 emu_fault '{"do":"explode"}'
	emu_fault '{"do":"500","match":{"service":"iam"}}'
	emu_key '{"user":"more"}' | jq -e '.id | test("^AKIA[A-Z0-9]{16}$")'
	run -0 curl -s -o /dev/null -w '%{http_code}' --noproxy '*' \
	    -d 'Action=DeleteUser' "http://iam.us-east-1.localhost:$EMU_HTTP/"
	[ "$output" = 403 ]
	[ "$(emu_mutating_count)" = 1 ]
	[ "$(emu_calls '.[0].error')" = '"MissingAuthenticationToken"' ]
	run -1 emu_violations
	[[ $output == *'not signed'* ]]
	emu_reset_log
	emu_no_violations
	# what was forgotten fails all the same, if it was not meant
	run -1 emu_violated 'no such thing'
	stop_again() { (emu_stop) 2>&1; }
	run -1 stop_again
	[[ $output == *'not signed'* ]]
	emu_violated 'not signed'
	emu_stop
}
