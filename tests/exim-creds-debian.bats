#!/usr/bin/env bats
# exim-creds on a Debian host: its own configuration, split and not, and its
# own update-exim4.conf.

# shellcheck disable=SC2154
load lib/quell
load lib/creds

setup_file() {
	creds_sink
}

teardown_file() {
	creds_stop
}

setup() {
	creds_debian_available
	cd "$BATS_TEST_TMPDIR" || return 1
	creds_block $NEW_USER $NEW_PASS >new
	chmod 600 new
}

@test "passwd.client: found, replaced, sent; nothing is reloaded" {
	creds_debian false "# mine
other.example:someone:else
*.quell.test:$OLD_USER:$OLD_PASS"
	sends $OLD_USER $OLD_PASS
	run -0 --separate-stderr debian exim-creds
	echo "$output" >&2; env | grep OLD >&2
	jq -se 'map(select(.user == env.OLD_USER)) | length == 1 and (.[0] |
		.kind == "passwd.client" and .managed and .live and
		.id == "/etc/exim4/passwd.client:3" and
		.host == "*.quell.test" and .form == "nwildlsearch" and
		.readable_by.mode == "0640" and
		(.authenticators | sort) == ["cram_md5", "login", "plain"])' \
		<<<"$output"
	run -0 --separate-stderr debian exim-creds --put -y \
		--old-user $OLD_USER --from-file new
	jq -e '.changed and .ok and .reload == "not needed"' <<<"$output"
	[ "$(cat x/deb/etc/passwd.client)" = "# mine
other.example:someone:else
*.quell.test:$NEW_USER:$NEW_PASS" ]
	sends $NEW_USER $NEW_PASS
	sends_not $OLD_USER $OLD_PASS
	run -0 --separate-stderr debian exim-creds --undo -y
	sends $OLD_USER $OLD_PASS
	[ "$(find x/deb -name '.*.quell*')" = "" ]
}
