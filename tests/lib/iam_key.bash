# shellcheck shell=bash
# What the tests of iam-key-disable share: one emulator, and for each test a
# user ($user) with a key of its own ($key, its secret in key.secret).
# shellcheck disable=SC2034

# shellcheck source=tests/aws/shared.bash
. "$QUELL_ROOT/tests/aws/shared.bash"

setup() {
	emu_fresh '{"preset": "immediate"}'
	user=u$BATS_TEST_NUMBER
	emu_key "{\"user\":\"$user\"}" >key.json
	key=$(jq -r .id key.json) secret=$(jq -r .secret key.json)
	(umask 077 && printf '%s\n' "$secret" >key.secret)
}

status_of() {
	emu_world | jq -r ".users[].keys[] | select(.id == \"$1\") | .status"
}

changes() {
	emu_calls '[.[] | select(.operation == "UpdateAccessKey")] | length'
}
