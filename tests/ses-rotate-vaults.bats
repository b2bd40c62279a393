#!/usr/bin/env bats
# ses-rotate from end to end with a vault whose key is AWS KMS's, Secrets
# Manager's or a PKCS#11 token's.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/hsm
load lib/rotate.bash

KEY1=0a1b2c3d-0000-4000-8000-000000000001

setup_file() {
	emu_start
	hsm_start "$BATS_FILE_TMPDIR/hsm"
}

# with_key SOURCE [OPTION of cred-vault...]: killed behind the creation,
# resumed, rotated once more; each new secret is in the vault and nowhere else
with_key() {
	local source=$1 first second
	emu_set '{"kms": {"us-east-1": {"'$KEY1'": {"state": "Enabled"}}},
		"propagation": {"new": [0.1, 0.4], "dead": [0.1, 0.4]}}'
	# the vault is there, with the old credential in it
	printf 'username=%s\nsecret_access_key=%s\n' "$OLD" "$SECRET" |
		cred-vault put -y --vault vault --vault-key="$source" \
			"${@:2}" "$user" >/dev/null
	code 0 ses-rotate -y --vault=vault --proofs=2 --over=0 --wait=30 \
		--host-checked=x --publish="$PWD/take $PWD/pub" \
		--verify="$PWD/there new $PWD/pub" "$OLD" ||
		{ cat err; return 1; }
	[ "$(keys)" = '"Active,Inactive"' ]
	first=$(role new id)
	[ "$(vault username)" = "$first" ]
	grep -qx "username=$first" pub
	# what was there before is its first version still
	[ "$(vault username 1)" = "$OLD" ]
	# the sealed one opens what AWS made: the next rotation proves it dead
	delete "$OLD"
	rot_with "$first"
	second=$(role new id)
	[ "$(vault username)" = "$second" ] && [ "$second" != "$first" ]
	[ "$(keys)" = '"Active,Inactive"' ]
	[ -n "$(vault secret_access_key)" ]
	run ! grep -rlF -e "$(vault secret_access_key)" vault state out err
	emu_no_violations
}

rot_with() {	# KEY: with the vault as it is
	code 0 ses-rotate -y --vault=vault --proofs=1 --over=0 --wait=30 \
		--host-checked=x --publish="$PWD/take $PWD/pub" "$1" ||
		{ cat err; return 1; }
}

@test "kms: from the stolen key to the next but one" {
	script there 'grep -q "^username=AKIA" "$2"'
	with_key "kms:$KEY1"
	# without the key nothing is made
	emu_set '{"kms": {"us-east-1": {"'$KEY1'": {"state": "Disabled"}}}}'
	new_user
	emu_reset_log
	code 69 ses-rotate -y --vault=vault --proofs=1 --over=0 "$OLD"
	grep -q Disabled err
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 0 ]
	[ "$(keys)" = '"Inactive"' ]
	emu_set '{"kms": {"us-east-1": {"'$KEY1'": {"state": "Enabled"}}}}'
	resume 0
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(vault username)" = "$(role new id)" ]
}

@test "secretsmanager: from the stolen key to the next but one" {
	script there 'grep -q "^username=AKIA" "$2"'
	with_key secretsmanager:quell/vault-key --create-key
	# a fault on the way to it: no key without a place for its secret
	new_user
	emu_fault '{"match": {"operation": "GetSecretValue"}, "do": "garbage", "times": -1}'
	emu_reset_log
	code 78 ses-rotate -y --vault=vault --proofs=1 --over=0 "$OLD"
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 0 ]
	emu_control POST clear_faults >/dev/null
	resume 0
	[ "$(vault username)" = "$(role new id)" ]
}

@test "pkcs11: from the stolen key to the next but one" {
	hsm_need
	export SOFTHSM2_CONF=$HSM/softhsm2.conf
	script there 'grep -q "^username=AKIA" "$2"'
	with_key "$(hsm_uri aes1)"
	# the token is not there: the stolen key dies, and no key is made
	new_user
	mv "$HSM/tokens" "$HSM/away"
	mkdir "$HSM/tokens"
	emu_reset_log
	code 78 ses-rotate -y --vault=vault --proofs=1 --over=0 "$OLD" || {
		rmdir "$HSM/tokens"
		mv "$HSM/away" "$HSM/tokens"
		return 1
	}
	rmdir "$HSM/tokens"
	mv "$HSM/away" "$HSM/tokens"
	[ "$(emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length')" = 0 ]
	[ "$(keys)" = '"Inactive"' ]
	resume 0
	[ "$(keys)" = '"Active,Inactive"' ]
	[ "$(vault username)" = "$(role new id)" ]
}
