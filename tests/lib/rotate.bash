# shellcheck shell=bash
# What the tests of ses-rotate's steps share: an emulator for all of a file, a
# user with a key and a vault for each test.
# shellcheck disable=SC2034,SC2154

# shellcheck source=tests/aws/shared.bash
. "$QUELL_ROOT/tests/aws/shared.bash"

SECRET='st0len/+SecretKeyForTheSmtpUser/0000001+'

setup() {
	emu_fresh '{"preset": "immediate", "regions": {"*":
		{"sending_enabled": true, "ingress_points": []}}}'
	umask 077
	state=$PWD/state/ses-rotate-111122223333.json
	head -c 32 /dev/urandom >vault.key
	chmod 400 vault.key
	printf '%s\n' "$SECRET" >old.secret
	script take 'cat >"$1.new"; mv "$1.new" "$1"'
	script there 'grep -q "^username=$(cat "$2")\$" "$1"'
	new_user
}

script() { # NAME BODY
	printf '#!/bin/sh\nset -e\n%s\n' "$2" >"$1"
	chmod 700 "$1"
}

new_user() { # [MORE]: sets $user $OLD
	users=$((${users:-0} + 1))
	user=steps-$BATS_TEST_NUMBER-$users
	OLD=$(printf 'AKIASTEPSX%05d%05d' "$BATS_TEST_NUMBER" "$users")
	emu_key "$(jq -nc --arg u "$user" --arg i "$OLD" --arg s "$SECRET" \
		"{user: \$u, id: \$i, secret: \$s,
		groups: [\"AWSSESSendingGroupDoNotRename\"]} + {${1-}}")" \
		>/dev/null
}

rot() { # N ARGUMENT...: with a vault, quickly
	local want=$1
	shift
	code "$want" ses-rotate -y --vault=vault --vault-key="file:$PWD/vault.key" \
		--proofs="${proofs:-1}" --over="${over:-0}" --wait="${wait:-8}" "$@"
}

resume() { # N ARGUMENT...
	local want=$1
	shift
	code "$want" ses-rotate -y --resume --proofs=1 --over=0 \
		--wait="${wait:-8}" "$@"
}

role() { # ROLE FIELD
	jq -r "select(.role == \"$1\").$2" out
}

keys() {
	emu_world "[.users[\"$user\"].keys[] | .status] | sort | join(\",\")"
}

calls() { # what changed something, and what AUTH said
	emu_calls '[.[] | select(.operation == "AUTH" or .mutating) |
		if .operation == "AUTH" then .status else .operation end] |
		map(tostring) | join(" ")'
}

vault() { # FIELD [VERSION]
	cred-vault get --vault vault ${2:+--revision "$2"} "$user" |
		sed -n "s/^$1=//p"
}

delete() { # ID: by hand
	"$(emu_python)" - "$1" "http://127.0.0.1:$EMU_HTTP" "$user" <<-'END'
		import sys
		import botocore.session
		iam = botocore.session.get_session().create_client(
		    "iam", region_name="us-east-1", endpoint_url=sys.argv[2])
		iam.delete_access_key(UserName=sys.argv[3], AccessKeyId=sys.argv[1])
	END
}
