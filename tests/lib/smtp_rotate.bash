# smtp_rotate.bash - what the tests of playbooks/rotate-90-days share
# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

OLD=AKIAOLDKEYOFMAIL0001
SECRET='0ldMai/+SecretKeyForTheSmtpUser/00000001'

# shellcheck source=tests/lib/smtp_world.bash
. "$QUELL_ROOT/tests/lib/smtp_world.bash"

rotate_setup() {
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
