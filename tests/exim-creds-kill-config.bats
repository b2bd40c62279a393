#!/usr/bin/env bats
# exim-creds killed while it changes the configuration itself: Exim works with
# the old credential or with
# the new one, and the next run ends where this one was to end.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup() {
	creds_available
	cd "$BATS_TEST_TMPDIR" || return 1
	preload=$QUELL_B/faults.so
	[[ $QUELL_B != *asan* ]] ||
		preload="$(gcc -print-file-name=libasan.so) $preload"
	creds_block $OLD_USER $OLD_PASS >old
	creds_block $NEW_USER $NEW_PASS >new
	chmod 600 old new
	export CREDS_SINK=$PWD/none
	mkdir none
	echo 9 >none/port
}

lookup() {
	creds_make "ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : \${lookup{user}lsearch{$PWD/x/ses.pw}{\$value}fail} : \${lookup{pass}lsearch{$PWD/x/ses.pw}{\$value}fail}"
	printf 'user: %s\npass: %s\n' $OLD_USER $OLD_PASS >x/ses.pw
	chown "root:$(<x/exim.uid)" x/ses.pw
	chmod 640 x/ses.pw
	cp -p x/ses.pw before
	what=x/ses.pw
}

inline() {
	creds_make "USER = $OLD_USER
.include $PWD/x/inc.conf
ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : USER : $OLD_PASS"
	printf 'two:\n  driver = plaintext\n  public_name = PLAIN
  client_send = ^%s^%s\n' $OLD_USER $OLD_PASS >x/inc.conf
	cp -p x/exim.conf before
	what=x/exim.conf
}

killed() {	# VARIABLE=VALUE COMMAND...: 137 or its own end
	rc=0
	env "$1" LD_PRELOAD="$preload" "${@:2}" >out 2>err </dev/null || rc=$?
	[[ $rc == 0 || $rc == 137 ]] || { echo "$1: $rc"; cat err; return 1; }
}

# All places, whole, and each file's user and password belong together
whole() {
	exim-creds --compare --from-file old >a &&
		exim-creds --compare --from-file new >b &&
		[ "$(wc -l <a)" = "$1" ] &&
		paste -d' ' <(jq -c '[.same_user, .same_password]' a) \
			<(jq -c '[.same_user, .same_password]' b) >c &&
		[ "$(grep -cvxE '\[true,true\] \[false,false\]|\[false,false\] \[true,true\]' c)" = 0 ]
}

all_new() {
	exim-creds --compare --from-file new |
		jq -se 'all(.same_user and .same_password)' >/dev/null
}

clean() {
	[ -z "$(find x -name '.*quell*')" ] &&
		[ "$(jq -r .status state/exim-creds.json)" = "$1" ]
}

# Killed at each call of a kind in turn, until it is not any more
each_kill() {	# KIND PATH PLACES
	local n
	for ((n = 1; n < 30; n++)); do
		killed "$1=$n:$2:KILL" exim-creds --put -y --from-file new
		whole "$3" || { echo "$1=$n: not whole"; return 1; }
		[ "$rc" = 137 ] || break
		exim-creds --put -y --from-file new >out 2>err || {
			echo "$1=$n: then"
			cat err
			return 1
		}
		if ! all_new || ! clean 'done'; then
			echo "$1=$n: not ended"
			return 1
		fi
		exim-creds --undo -y >/dev/null
		cmp before $what && clean undone
	done
	all_new
	[ "$n" -gt "$4" ]
	exim-creds --undo -y >/dev/null
}

@test "two files of the configuration: at each rename" {
	inline
	each_kill FAULT_RENAME /test/ 2 5
}

@test "--undo: at each rename, and once more" {
	inline
	local n
	for ((n = 1; n < 20; n++)); do
		exim-creds --put -y --from-file new >/dev/null
		killed "FAULT_RENAME=$n:/test/:KILL" exim-creds --undo -y
		whole 2
		[ "$rc" = 137 ] || break
		run -0 exim-creds --undo -y
		cmp before $what
		clean undone
	done
	[ "$n" -gt 3 ]
}

@test "--undo killed, then another --put" {
	inline
	exim-creds --put -y --from-file new >/dev/null
	killed FAULT_RENAME=2:/test/:KILL exim-creds --undo -y
	[ "$rc" = 137 ]
	run -0 exim-creds --put -y --from-file new
	all_new
	clean 'done'
	run -0 exim-creds --undo -y
	cmp before $what
}

@test "--move killed at each rename: the old text or the file, never neither" {
	inline
	local n
	for ((n = 1; n < 20; n++)); do
		killed "FAULT_RENAME=$n:/test/:KILL" exim-creds --move -y
		exim-creds --compare --from-file old |
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
