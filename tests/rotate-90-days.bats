#!/usr/bin/env bats
# playbooks/rotate-90-days: a real Exim sends through the emulator with a key
# that is 120 days old.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

OLD=AKIAOLDKEYOFMAIL0001
SECRET='0ldMai/+SecretKeyForTheSmtpUser/00000001'

setup() {
	# shellcheck source=tests/lib/smtp_world.bash
	. "$BATS_TEST_DIRNAME/lib/smtp_world.bash"
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_VAULT=$PWD/vault
	export QUELL_VAULT_KEY=file:$PWD/vault.key
	play=$QUELL_ROOT/playbooks/rotate-90-days
	jq -n --arg old "$OLD" --arg secret "$SECRET" '{users: {
		mail: {groups: ["AWSSESSendingGroupDoNotRename"],
			keys: [{id: $old, secret: $secret, created: "-120d"}]},
		young: {groups: ["AWSSESSendingGroupDoNotRename"], keys: [{
			id: "AKIAYOUNGKEY00000001", created: "-10d",
			secret: "y0ungg/+SecretKeyForTheSmtpUser/00000001"}]},
		other: {groups: ["AWSSESSendingGroupDoNotRename"], keys: [{
			id: "AKIAOTHERKEY00000001", created: "-200d",
			secret: "0therr/+SecretKeyForTheSmtpUser/00000001"}]}}}' \
		>seed.json
	smtp_world seed.json
	book=$PWD/state/rotations
	fast=(--rotate-option=--over=0 --rotate-option=--proofs=3)
}

teardown() {
	smtp_world_stop
}

play() {	# CODE [OPTION...]
	local want=$1 got=0
	shift
	"$play" --regions us-east-1 --sender info@shop.example.net \
		"${fast[@]}" "$@" \
		>play.out 2>&1 </dev/null 3>&- || got=$?
	[ "$got" = "$want" ] || { echo "$got, not $want"; cat play.out; return 1; }
}

new_key() {
	emu_world '.users.mail.keys[] | select(.status == "Active").id' |
		tr -d '"'
}

# One new key, sealed and in use; the old one dead; nothing bounced.
ended_well() {
	local new
	[ "$(user_keys mail)" = '"Active,Inactive"' ]
	new=$(new_key)
	[ "$new" != "$OLD" ]
	cred-vault get mail | grep -qx "username=$new"
	grep -qx "user: $new" mx/ses.pw
	mx/bin/exim4 -qff
	peers_wait 10 queue_is_empty
	run ! grep -E ' \*\* | <= <> ' mx/log/mainlog
	[ "$(emu_calls '[.[] | select(.operation == "DATA" and .status == 250 and
		.params.rcpts == ["customer1@far.example.com"]) | .key_id]')" = \
		"[\"$new\"]" ]
	# at no time was there no key that works, on the host or in AWS
	[ "$(emu_calls '[.[] | select(.mutating and .service == "iam" and
		(.status // 200) < 400) | .operation] | .[0]')" = '"CreateAccessKey"' ]
	[ "$(emu_calls '[.[] | select(.mutating and .service == "iam") |
		.operation] | unique | join(",")')" = '"CreateAccessKey,UpdateAccessKey"' ]
	emu_no_violations
	run -0 ses-rotate --status --incident "$book"
	run -1 grep -rlF -e "$password" -e "$SECRET" -e "$(cred-vault get mail |
		sed -n 's/^secret_access_key=//p')" "$book" play.out
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

@test "what fails leaves the old key at work, and the next run goes on" {
	mkdir bin
	cat >bin/exim-creds <<-END
	#!/bin/sh
	case " \$* " in *" --put "*) cat >/dev/null; exit 74 ;; esac
	exec '$QUELL_B/bin/exim-creds' "\$@"
	END
	chmod +x bin/exim-creds
	PATH=$PWD/bin:$PATH play 69 --user mail --apply
	[ "$(user_keys mail)" = '"Active,Active"' ]
	grep -qx "user: $OLD" mx/ses.pw
	play 0 --user mail --apply
	grep -q "going on with $OLD of mail, which comes to publish" play.out
	ended_well
}

@test "what does not work today is not replaced today" {
	emu_set '{"regions": {"us-east-1": {"sending_enabled": false}}}'
	play 1 --user mail --apply
	grep -q "$OLD does not work in us-east-1: paused: " play.out
	[ "$(user_keys mail)" = '"Active"' ]
	grep -qx "user: $OLD" mx/ses.pw
	emu_set '{"regions": {"us-east-1": {"sending_enabled": true}}}'
	sleep 1
	play 0 --user mail --apply
	ended_well
}

@test "killed again and again, it ends the same" {
	local after pid
	for after in 0.4 0.7 1.0 1.4 1.8 2.3; do
		setsid "$play" --regions us-east-1 --apply --user mail \
			--sender info@shop.example.net "${fast[@]}" \
			</dev/null >>killed.out 2>&1 3>&- &
		pid=$!
		sleep "$after"
		kill -9 -- "-$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rc=0
	"$play" --regions us-east-1 --apply --user mail \
		--sender info@shop.example.net "${fast[@]}" \
		</dev/null >play.out 2>&1 3>&- || rc=$?
	# killed between the creation and the sealing: a person names the orphan
	if [ "$rc" = 69 ]; then
		orphan=$(grep -oE -- '--confirm=AKIA[A-Z0-9]{16}' play.out | head -n 1)
		"$play" --regions us-east-1 --apply --user mail \
			--sender info@shop.example.net "${fast[@]}" \
			--rotate-option="$orphan" </dev/null >play.out 2>&1 3>&-
	elif [ "$rc" != 0 ]; then
		cat play.out
		false
	fi
	[ "$(user_keys mail)" = '"Active,Inactive"' ]
	grep -qx "user: $(new_key)" mx/ses.pw
	cred-vault get mail | grep -qx "username=$(new_key)"
}
