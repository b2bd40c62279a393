#!/usr/bin/env bats
# playbooks/smtp-credential-leak: a real Exim sends through the emulator with a
# key that has leaked.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

OLD=AKIASTOLENKEY0000001
SECRET='st0len/+SecretKeyForTheSmtpUser/0000001+'

setup() {
	# shellcheck source=tests/lib/smtp_world.bash
	. "$BATS_TEST_DIRNAME/lib/smtp_world.bash"
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_VAULT=$PWD/vault
	export QUELL_VAULT_KEY=file:$PWD/vault.key QUELL_PROOF_INTERVAL=0
	play=$QUELL_ROOT/playbooks/smtp-credential-leak
	smtp_world
}

teardown() {
	smtp_world_stop
}

play() {	# CODE [OPTION...]
	local want=$1 got=0
	shift
	"$play" --regions us-east-1 --sender info@shop.example.net \
		--rotate-option=--over=1 "$@" \
		>play.out 2>&1 </dev/null 3>&- || got=$?
	[ "$got" = "$want" ] || { echo "$got, not $want"; cat play.out; return 1; }
}

apply() {	# CODE [OPTION...]
	local want=$1
	shift
	play "$want" --apply --incident "$PWD/incident" \
		--leaked 'oncall: it is on a paste site' "$@"
}

keys() {
	user_keys ses-smtp
}

# As all of it must end: one new key that works, sealed; the old one dead; the
# host sends with the new one; nothing bounced.
ended_well() {
	local new
	[ "$(keys)" = '"Active,Inactive"' ]
	new=$(emu_world '.users["ses-smtp"].keys[] |
		select(.status == "Active").id' | tr -d '"')
	[ "$new" != "$OLD" ]
	cred-vault get ses-smtp | grep -qx "username=$new"
	grep -qx "user: $new" mx/ses.pw
	peers_wait 20 queue_is_empty
	run ! grep -E ' \*\* | <= <> ' mx/log/mainlog
	[ ! -e mx/quell/hold ]
	# the customer's mail left with the new key
	[ "$(emu_calls '[.[] | select(.operation == "DATA" and .status == 250 and
		(.params.rcpts == ["customer1@far.example.com"])) | .key_id]')" = \
		"[\"$new\"]" ]
	emu_no_violations
	incident verify incident | jq -e .ok
	# no secret but in the vault and on the mail host
	run -1 grep -rlF -e "$password" -e "$SECRET" -e "$(secret_now)" \
		incident state play.out
}

secret_now() {
	cred-vault get ses-smtp | sed -n 's/^secret_access_key=//p'
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
	apply 64
	grep -q -- '--host-checked' play.out
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
	grep -q 'leak.copies\|where the leaked key was' play.out
	# once more: nothing is done twice
	emu_reset_log
	apply 0
	[ "$(emu_mutating_count)" = 0 ]
}

# Before each step's first command, and behind it when nobody knows yet what it
# did, as the drill does; then started again until it gets through.
@test "killed at every step, it ends the same" {
	local rc=137 n=0 step
	mkdir killed
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$QUELL_B/bin"
	export KILLER_INCIDENT=$PWD/incident KILLER_DONE=$PWD/killed \
		KILLER_BIN=$QUELL_B/bin QUELL_LOCK_WAIT=20
	while [ "$rc" = 137 ] && [ "$n" -lt 60 ]; do
		rc=0
		PATH="$PWD/killer:$PATH" setsid -w "$play" --apply \
			--incident "$PWD/incident" --leaked 'oncall: paste site' \
			--host-checked 'oncall: clean' --regions us-east-1 \
			--sender info@shop.example.net \
			--rotate-option=--over=1 </dev/null >>play.out 2>&1 3>&- ||
			rc=$?
		n=$((n + 1))
	done
	[ "$rc" = 0 ] || cat play.out
	[ "$rc" = 0 ]
	echo "killed $((n - 1)) times at: $(ls killed)"
	[ "$n" -gt 25 ]
	for step in $("$play" --list); do
		[ -d "killed/$step.before" ]
	done
	ended_well
	[ "$(keys)" = '"Active,Inactive"' ]
}
