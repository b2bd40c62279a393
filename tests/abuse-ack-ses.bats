#!/usr/bin/env bats
# abuse-ack --ses: through SES of another account, at most once.

# shellcheck disable=SC2154,SC2155,SC2030,SC2031
load lib/quell
load aws/emu.bash

setup_file() {
	echo '{"regions": {"us-east-1": {"identities": {"shop.example": {}}},
		"eu-west-1": {"identities": {"shop.example": {}}}}}' \
		>"$BATS_FILE_TMPDIR/world.json"
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

teardown_file() {
	emu_stop
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_INCIDENTS=$PWD/incidents QUELL_STATE_DIR=$PWD/state
	unset QUELL_ACK_RELAY
	emu_env
	unset AWS_REGION
	emu_control POST clear_faults >/dev/null
	emu_set '{"preset": "immediate"}'
	emu_reset_log
	data=$QUELL_ROOT/tests/data
	rm -rf "$EMU_DIR"/sent/*
}

ack() {
	abuse-ack -y --ses us-east-1 "$@"
}

is() {	# FILTER: true of the one record in $output
	jq -se "length == 1 and (.[0] | $1)" <<<"$output" >/dev/null ||
		{ echo "not so: $1"; echo "$output"; return 1; }
}

mails() {	# how many SES took
	find "$EMU_DIR/sent" -name '*.eml' | wc -l
}

sends() {	# how often it was asked to
	emu_calls 'map(select(.operation == "SendEmail")) | length'
}

@test "SES takes it: relayed, its own id kept, ours in References" {
	run -0 --separate-stderr ack --cc c@shop.example \
		<"$data/report-reminder.json"
	[[ $stderr == *"not yet known to be with AWS"* ]]
	is '.state == "relayed" and .accepted_by == "ses" and .changed and
		.transport == "ses us-east-1 111122223333" and
		(.reply | test("^200 MessageId ")) and
		(.remote_id | test("^<[0-9a-f-]+@email.amazonses.com>$"))'
	own=$(jq -r .message_id <<<"$output")
	remote=$(jq -r .remote_id <<<"$output")
	[ "$(mails)" = 1 ]
	cmp "$EMU_DIR"/sent/*.eml "$QUELL_INCIDENTS"/*/out/ack-0001.eml
	# last of the thread; what it answers is still the notice
	sed -n '/^References:/,/^[^ ]*:/p' "$EMU_DIR"/sent/*.eml | grep -qF "$own"
	grep -qx $'In-Reply-To: <0100019b-reminder@email.amazonses.com>\r' \
		"$EMU_DIR"/sent/*.eml
	dir=$(echo "$QUELL_INCIDENTS"/*)
	run -1 --separate-stderr incident due --within 100d "$dir"
	is '.answered == false and .ack == "relayed" and .accepted_by == "ses"
		and .why'
	run -0 --separate-stderr ack <"$data/report-reminder.json"
	is '.changed == false'
	[ "$(sends)" = 1 ]
	# what comes back has SES's id
	printf '%s\n' 'Message-ID: <d1@x>' 'Content-Type: multipart/report;' \
		' report-type=delivery-status; boundary=b' '' --b \
		'Content-Type: message/delivery-status' '' \
		'Reporting-MTA: dns; a8-1.smtp-out.amazonses.com' '' \
		'Final-Recipient: rfc822; trustandsafety@support.aws.com' \
		'Action: failed' 'Status: 5.7.1' '' --b \
		'Content-Type: message/rfc822' '' "Message-ID: $remote" '' x \
		--b-- >dsn
	sed "s/^Message-ID: <[0-9a-f].*/Message-ID: <other@email.amazonses.com>\nReferences: <a@b> $own/; s/<d1@x>/<d2@x>/" dsn >dsn2
	grep -q '^References' dsn2
	run -0 --separate-stderr abuse-ack -n --bounce dsn2
	is '.changed'
	run -0 --separate-stderr abuse-ack -y --bounce dsn
	is '.state == "bounced" and .changed'
	emu_no_violations
	run -0 incident verify "$dir"
}

@test "credentials of the account in the report, or of nobody knows which: 64" {
	jq -c '.account = "111122223333"' "$data/report-initial.json" >own.json
	jq -c '.account = "123456789012" | .accounts = ["123456789012",
		"111122223333"]' "$data/report-initial.json" >also.json
	jq -c '.account = null' "$data/report-initial.json" >none.json
	run -64 --separate-stderr ack <own.json
	[[ $stderr == *"111122223333 is the account in the report"* ]]
	run -64 ack --confirm=111122223333 <own.json
	run -64 --separate-stderr abuse-ack -n --ses us-east-1 <own.json
	run -64 ack --confirm=12345678901-1 <also.json
	# one of several that contradict each other, and the one in an ARN
	jq -c '.account = null | .conflicts = [{field: "account", values:
		[{value: "123456789012"}, {value: "111122223333"}]}]' \
		"$data/report-initial.json" >conflict.json
	run -65 ack <conflict.json
	run -64 --separate-stderr ack --confirm=12345678901-1 <conflict.json
	[[ $stderr == *"111122223333 is the account in the report"* ]]
	jq -c '.resources = [{kind: "entity",
		id: "arn:aws:ses:us-east-1:111122223333:identity/x"}]' \
		"$data/report-initial.json" >arn.json
	run -64 ack <arn.json
	run -64 --separate-stderr ack <none.json
	[[ $stderr == *"--confirm=111122223333"* ]]
	[ ! -e "$QUELL_INCIDENTS" ]
	[ "$(sends)" = 0 ]
	run -0 ack --confirm=111122223333 <none.json
	[ "$(sends)" = 1 ]
}

@test "usage; -n and --print send nothing" {
	run -64 ack --relay x.example <"$data/report-initial.json"
	run -64 ack --mx <"$data/report-initial.json"
	run -64 abuse-ack -y --ses nowhere <"$data/report-initial.json"
	run -64 abuse-ack -y --profile x --relay y.example \
		<"$data/report-initial.json"
	run -0 --separate-stderr abuse-ack -n --ses us-east-1 \
		<"$data/report-initial.json"
	is '.dry_run and .changed and .state == "none"'
	[ "$(emu_mutating_count)" = 0 ]
	emu_reset_log
	run -0 abuse-ack --print --ses us-east-1 <"$data/report-initial.json"
	[ "$(emu_calls length)" = 0 ]
	[ ! -e "$QUELL_INCIDENTS" ]
	run -77 env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY \
		AWS_CONFIG_FILE=/nowhere AWS_SHARED_CREDENTIALS_FILE=/nowhere \
		abuse-ack -y --ses us-east-1 <"$data/report-initial.json"
	[ ! -e "$QUELL_INCIDENTS" ]
}

@test "the answer is lost: 79, never again by itself; --resend the same bytes" {
	emu_fault '{"do": "reset_after", "match": {"operation": "SendEmail"}}'
	run -79 --separate-stderr ack <"$data/report-initial.json"
	is '.state == "unknown" and (has("accepted_by") | not)'
	[ "$(mails)" = 1 ]
	run -79 ack <"$data/report-initial.json"
	run -79 abuse-ack -y --relay 127.0.0.1:9 --relay-tls none \
		<"$data/report-initial.json"
	[ "$(sends)" = 1 ]
	run -64 abuse-ack -y --resend <"$data/report-initial.json"
	run -0 --separate-stderr ack --resend <"$data/report-initial.json"
	is '.state == "relayed"'
	[ "$(mails)" = 2 ]
	[ "$(sha256sum "$EMU_DIR"/sent/*.eml | cut -d' ' -f1 | uniq | wc -l)" = 1 ]
	# a 5xx may have sent it, too
	rm -rf "$QUELL_INCIDENTS"
	emu_fault '{"do": "500", "match": {"operation": "SendEmail"}}'
	run -79 ack <"$data/report-initial.json"
	run -0 incident verify "$QUELL_INCIDENTS"/*
}

@test "throttled: 75 and again; paused, not verified, denied: failed, not sent" {
	emu_fault '{"do": "throttle", "times": -1, "match": {"operation": "SendEmail"}}'
	AWS_MAX_ATTEMPTS=1 run -75 --separate-stderr ack <"$data/report-initial.json"
	is '.state == "failed"'
	emu_control POST clear_faults >/dev/null
	run -0 --separate-stderr ack <"$data/report-initial.json"
	is '.state == "relayed"'
	[ "$(ls "$QUELL_INCIDENTS"/*/out)" = ack-0001.eml ]
	emu_set '{"regions": {"eu-west-1": {"sending_enabled": false}}}'
	run -69 --separate-stderr abuse-ack -y --ses eu-west-1 \
		< <(jq -c '.case = "77777777777"' "$data/report-initial.json")
	is '.state == "failed" and (.why | test("Sending paused"))'
	run -69 --separate-stderr ack --from x@other.example \
		< <(jq -c '.case = "66666666666"' "$data/report-initial.json")
	is '.state == "failed" and (.why | test("not verified"))'
	[ "$(mails)" = 1 ]
}

@test "killed at any moment: at most one mail, or 79" {
	local i rc=0
	emu_set '{"rtt_ms": [20, 20]}'
	for i in 1 2 3 4 5 6; do
		ack <"$data/report-initial.json" >/dev/null 2>&1 3>&- &
		sleep "0.0$((i * 2))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	done
	emu_set '{"rtt_ms": [0, 0]}'
	ack <"$data/report-initial.json" >/dev/null 2>&1 || rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 79 ]
	[ "$(mails)" -le 1 ]
	run -0 incident verify "$QUELL_INCIDENTS"/*
}

@test "no secret of the credentials anywhere" {
	run -0 ack -vv <"$data/report-initial.json"
	run ! grep -F 'r3sp0nd/+ErSecret' <<<"$output"
	run ! grep -rF 'r3sp0nd/+ErSecret' "$QUELL_INCIDENTS"
}
