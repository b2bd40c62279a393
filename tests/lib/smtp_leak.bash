# smtp_leak.bash - what the tests of playbooks/smtp-credential-leak share
# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

OLD=AKIASTOLENKEY0000001
SECRET='st0len/+SecretKeyForTheSmtpUser/0000001+'

# shellcheck source=tests/lib/smtp_world.bash
. "$QUELL_ROOT/tests/lib/smtp_world.bash"

leak_setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_VAULT=$PWD/vault
	export QUELL_VAULT_KEY=file:$PWD/vault.key QUELL_PROOF_INTERVAL=0
	unset QUELL_PROOF_WAIT QUELL_PROOF_FROM
	play=$QUELL_ROOT/playbooks/smtp-credential-leak
	smtp_world
}

leak_teardown() {
	smtp_world_stop
	[ ! -d mx2 ] || exim_stop "$PWD/mx2"
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
