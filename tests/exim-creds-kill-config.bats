#!/usr/bin/env bats
# exim-creds killed while it changes the configuration itself: Exim works with
# the old credential or with
# the new one, and the next run ends where this one was to end.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup() {
	creds_available
	creds_begin
	creds_no_sink
}

inline() {
	creds_inline "USER = $OLD_USER
.include $PWD/x/inc.conf
ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : USER : $OLD_PASS"
	printf 'two:\n  driver = plaintext\n  public_name = PLAIN
  client_send = ^%s^%s\n' $OLD_USER $OLD_PASS >x/inc.conf
}

@test "two files of the configuration: at each rename" {
	inline
	creds_each_kill FAULT_RENAME /test/ 2 5
}

@test "--undo: at each rename, and once more" {
	inline
	local n
	for ((n = 1; n < 20; n++)); do
		exim-creds --put -y --from-file new.cred >/dev/null
		creds_killed "FAULT_RENAME=$n:/test/:KILL" exim-creds --undo -y
		creds_whole 2
		[ "$rc" = 137 ] || break
		run -0 exim-creds --undo -y
		cmp before $what
		creds_clean undone
	done
	[ "$n" -gt 3 ]
}

@test "--undo killed, then another --put" {
	inline
	exim-creds --put -y --from-file new.cred >/dev/null
	creds_killed FAULT_RENAME=2:/test/:KILL exim-creds --undo -y
	[ "$rc" = 137 ]
	run -0 exim-creds --put -y --from-file new.cred
	creds_is_new
	creds_clean 'done'
	run -0 exim-creds --undo -y
	cmp before $what
}

@test "--move killed at each rename: the old text or the file, never neither" {
	inline
	local n
	for ((n = 1; n < 20; n++)); do
		creds_killed "FAULT_RENAME=$n:/test/:KILL" exim-creds --move -y
		exim-creds --compare --from-file old.cred |
			jq -se 'length > 0 and all(.same_user and .same_password)'
		[ "$rc" = 137 ] || break
		run -0 exim-creds --move -y
		[ -s x/smtp-credential ]
		run -0 exim-creds --undo -y
		cmp before $what
		[ ! -e x/smtp-credential ]
	done
	[ "$n" -gt 3 ]
}
