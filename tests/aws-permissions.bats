#!/usr/bin/env bats
# aws-preflight's table against what the commands really ask of AWS: each
# action that the emulator saw of a command is in its row, and each operation
# in the source is in some row.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

HOST=i-0a1b2c3d4e5f6000a
KEY1=0a1b2c3d-0000-4000-8000-000000000001

setup_file() {
	jq -n --arg host $HOST '{instances: [{id: $host, name: "app1",
		region: "us-east-1", private_ip: "10.0.1.9", role: "mail-host",
		groups: ["sg-0a1b2c3d4e5f60001"], volumes: ["vol-1"]}],
		regions: {"us-east-1": {ingress_points: [{name: "in"}]}}}' \
		>"$BATS_FILE_TMPDIR/world.json"
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

setup() {
	emu_fresh '{"preset": "immediate", "kms": {"us-east-1": {"'$KEY1'":
		{"state": "Enabled"}}}}'
	umask 077
	aws-preflight 2>/dev/null >table || true
	emu_reset_log
}

# used COMMAND: what was asked for since the last time; each is in its row
used() {
	local missing
	emu_calls '[.[] | select(.kind == "api") | .action // empty] | unique |
		.[]' | jq -r . >seen
	emu_reset_log
	[ -s seen ]
	missing=$(jq -nr --rawfile seen seen --slurpfile table table --arg c "$1" '
		$seen | split("\n")[] | select(. != "") | . as $a |
		select([$table[] | select(.type == "aws-permission" and
			.id == $a and ((.for // "") | split(" ") | index($c)))] |
			length == 0)')
	[ -z "$missing" ] || { echo "$1 uses, and no row says so: $missing"; return 1; }
}

# try COMMAND...: whatever comes of it
try() {
	"$@" >>out 2>>err </dev/null || true
}

@test "readers" {
	try ses-status us-east-1
	used ses-status
	try ses-senders
	try ses-senders --keys
	try ses-senders --simulate-all
	used ses-senders
	try iam-keys --fresh
	try iam-keys
	used iam-keys
	try trail-search --user=x us-east-1
	try trail-search --user=x
	used trail-search
	try guardduty-findings
	used guardduty-findings
	emu_set '{"health": {"plan": true, "organization": true, "events": [
		{"arn": "arn:aws:health:us-east-1::event/ABUSE/AWS_ABUSE_DOS_REPORT/a",
		"service": "ABUSE", "eventTypeCode": "AWS_ABUSE_DOS_REPORT",
		"lastUpdatedTime": '"$(date +%s)"'}]}}'
	try health-watch --once --all --state "$PWD/seen"
	try health-watch --once --all --organization --state "$PWD/seen"
	used health-watch
	try aws-posture us-east-1
	used aws-posture
}

@test "preflight itself" {
	try aws-preflight --compromised=ses-smtp --compromised=AKIASTOLENKEY0000001
	emu_key '{"user": "weak"}' >weak.json
	AWS_ACCESS_KEY_ID=$(jq -r .id weak.json) \
		AWS_SECRET_ACCESS_KEY=$(jq -r .secret weak.json) \
		try aws-preflight
	used aws-preflight
}

@test "ses-pause, iam-key-disable, iam-quarantine" {
	try ses-pause -y --all-regions --confirm=111122223333
	try ses-pause -y --resume
	try ses-pause -n --all-regions --mail-manager
	try ses-pause -y --mail-manager us-east-1
	try ses-pause -y --mail-manager --resume
	used ses-pause
	emu_key '{"user": "old"}' >old.json
	local key
	key=$(jq -r .id old.json)
	try iam-key-disable -y "$key"
	try iam-key-disable -y --undo "$key"
	try iam-key-disable -y "$key"
	try iam-key-disable --delete --confirm="$key" "$key"
	used iam-key-disable
	try iam-quarantine -y --watch=0 user/ses-smtp
	try iam-quarantine -y --undo user/ses-smtp
	try iam-quarantine -y --watch=0 role/mail-host
	try iam-quarantine -y --undo role/mail-host
	try iam-quarantine -n --scp user/ses-smtp
	used iam-quarantine
}

@test "ec2-contain" {
	try ec2-contain -y --region us-east-1 --snapshot $HOST
	try ec2-contain -y --region us-east-1 --smtp-only $HOST
	try ec2-contain -y --region us-east-1 --undo $HOST
	try ec2-contain -y --region us-east-1 --isolate --settle=0 $HOST
	try ec2-contain -y --region us-east-1 --undo $HOST
	try ec2-contain --region us-east-1 --stop --confirm=$HOST $HOST
	used ec2-contain
}

@test "ses-rotate, cred-vault" {
	local key new
	emu_key '{"user": "smtp", "groups": ["AWSSESSendingGroupDoNotRename"]}' >k.json
	key=$(jq -r .id k.json)
	try ses-rotate -y --vault=v --vault-key="kms:$KEY1" --proofs=1 --over=0 \
		--publish-secret=ses/smtp --host-checked=x "$key"
	try ses-rotate --status
	new=$(emu_world '.users.smtp.keys | map(select(.status == "Active"))[0].id' |
		tr -d '"')
	try ses-rotate -n --older-than=1d --user=smtp
	try ses-rotate -n --older-than=1d --all --vault=v
	used ses-rotate
	try cred-vault list --vault=v
	printf 'username=u\npassword=p\n' >block
	cred-vault put -y a --vault=w --vault-key="kms:$KEY1" <block >/dev/null
	try cred-vault rotate-key -y --vault=w --to=secretsmanager:quell/w --create-key
	try cred-vault list --vault=w
	used cred-vault
	[ -n "$new" ]
}

# What is in the source, and the emulator knows: an operation that no row has
# was forgotten.
@test "every operation in the source is in some row" {
	"$(emu_python)" - "$QUELL_ROOT" >operations <<-'END'
	import glob, importlib, re, sys
	root = sys.argv[1]
	sys.path.insert(0, root + "/tests/aws")
	for f in sorted(glob.glob(root + "/tests/aws/services_*.py")):
	    importlib.import_module(f.rsplit("/", 1)[1][:-3])
	import registry
	known = {name for _, name in registry.OPERATIONS}
	seen = set()
	for f in glob.glob(root + "/cmd/*.c") + glob.glob(root + "/lib/*/*.c"):
	    if f.endswith(("policy/actions.c", "trail_calls.c")):
	        continue
	    seen |= set(re.findall(r'"([A-Z][A-Za-z0-9]+)"', open(f).read())) & known
	# the profile's, before any command; what a new key is to do; and what
	# another account's credentials are for (abuse-ack --ses)
	seen -= {"AssumeRole", "AssumeRoleWithWebIdentity", "SendRawEmail",
	         "SendEmail"}
	print("\n".join(sorted(seen)))
	END
	[ "$(wc -l <operations)" -gt 60 ]
	run -0 jq -nr --rawfile seen operations --slurpfile table table '
		($table | map(select(.type == "aws-permission").id | split(":")[1]))
			as $rows |
		$seen | split("\n")[] | sub("^ListFindingsV2$"; "ListFindings") |
			select(. != "" and (. as $o | $rows | index($o) | not))'
	echo "$output"
	[ -z "$output" ]
}
