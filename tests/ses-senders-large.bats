#!/usr/bin/env bats
# A large account: 500 users, 200 roles, 1500 policies and the named cases.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load aws/shared.bash

ACTIONS=(ses:SendRawEmail ses:SendEmail ses:SendBounce)

setup_file() {
	local python
	python=$(emu_python) || return 0
	cd "$BATS_FILE_TMPDIR" || return 1
	"$python" "$QUELL_ROOT/tests/senders/cases.py" 500 200 1500 >world
	emu_start world
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return 1
	emu_env
}

teardown() {
	emu_no_violations
}

@test "every verdict is that of another evaluator, which tries all requests" {
	ses-senders -v >all 2>err
	jq -r 'select(.kind | IN("user", "group", "role")) | [.name, .kind,
		.actions[$ARGS.positional[]]] | @tsv' all \
		--args "${ACTIONS[@]}" | sort >got
	"$(emu_python)" "$QUELL_ROOT/tests/senders/oracle.py" world \
		"${ACTIONS[@]}" | sort >want
	[ "$(wc -l <want)" -ge 790 ]
	diff want got
	# and it is a test: many of each
	for v in yes depends no; do
		[ "$(cut -f3 got | grep -cx "$v")" -ge 60 ]
	done
}

@test "calls grow with regions and senders, not with principals" {
	emu_calls >calls
	count() { jq -s --arg o "$1" 'map(select(.operation == $o)) | length' calls; }
	senders=$(jq -s 'map(select(.kind == "user" or .kind == "role" or .kind == "group") | select(.can_send != "no")) | length' all)
	users=$(jq -s 'map(select(.kind == "user" and .can_send != "no")) | length' all)
	keys=$(jq -s 'map(select(.kind == "user" and .can_send != "no") | .keys[]) | length' all)
	pages=$(count GetAccountAuthorizationDetails)
	[ "$senders" -lt 300 ]
	[ "$(count ListAccessKeys)" = "$users" ]
	[ "$(count GetAccessKeyLastUsed)" = "$keys" ]
	[ "$(count SimulatePrincipalPolicy)" = "$senders" ]
	[ "$pages" -le 27 ]	# of 100 each, and there are 2355
	total=$((pages + 27 + 27 + 5 + 5 + users + keys + senders))
	[ "$(wc -l <calls)" = "$total" ]
	grep -q "^ses-senders: $total calls: 8[0-9][0-9] principals, $senders can send or may, 5 identities in 27 regions" err
	jq -se 'all(.mutating | not)' calls >/dev/null
}

@test "at 50 ms from AWS: well under a minute" {
	emu_set '{"rtt_ms": [50, 50]}'
	local from=$EPOCHREALTIME took
	ses-senders >again
	took=$(jq -n "$EPOCHREALTIME - $from")
	echo "# seconds at 50 ms: $took" >&3
	jq -en "$took < 45"
	emu_set '{"rtt_ms": null}'
	jq -S 'del(.time, .last_used, .keys)' all | diff - <(jq -S \
		'del(.time, .last_used, .keys)' again) >/dev/null
}
