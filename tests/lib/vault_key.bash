# shellcheck shell=bash
# What the tests of where a vault's key comes from share: one emulator with a
# KMS key, and for each test a credential in `block` to be put into a vault.
# shellcheck disable=SC2154

# shellcheck source=tests/aws/shared.bash
. "$QUELL_ROOT/tests/aws/shared.bash"

KEY1=0a1b2c3d-0000-4000-8000-000000000001

setup() {
	vault_key_setup
}

vault_key_setup() {
	emu_fresh '{"preset": "immediate", "kms": {"us-east-1": {"'$KEY1'":
		{"state": "Enabled"}}}}'
	export AWS_MAX_ATTEMPTS=2
	unset QUELL_VAULT QUELL_VAULT_KEY CREDENTIALS_DIRECTORY
	umask 077
	printf 'username=u\npassword=%s\n' 's3/cr+et=' >block
}

make_vault() {	# SOURCE [OPTION...]
	cred-vault put -y ses --vault-key="$1" "${@:2}" <block >/dev/null
}

opens() {
	run -0 --separate-stderr cred-vault get ses
	[ "$output" = "$(cat block; echo name=ses)" ]
}

rotate() {	# SOURCE [OPTION...]
	cred-vault rotate-key -y --to="$1" "${@:2}"
}

refused() {	# CODE TEXT SOURCE: it makes no vault
	run "-$1" --separate-stderr cred-vault put -y ses --vault=new \
		--vault-key="$3" <block
	[[ $stderr == *"$2"* ]] || { echo "$stderr"; return 1; }
	[ -z "$output" ] && [ ! -e new ]
}

operations() {
	emu_calls '[.[] | select(.kind == "api") | .operation] | join(" ")'
}
