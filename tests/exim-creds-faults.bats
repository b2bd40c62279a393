#!/usr/bin/env bats
# exim-creds on a full or failing disk: the old configuration works, or the
# new one, and nothing is half done.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup() {
	creds_available
	cd "$BATS_TEST_TMPDIR" || return 1
	preload=$QUELL_B/faults.so
	if [[ $QUELL_B == *asan* ]]; then
		preload="$(gcc -print-file-name=libasan.so) $preload"
		export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	fi
	creds_block $NEW_USER $NEW_PASS >new
	chmod 600 new
	export CREDS_SINK=$PWD/none
	mkdir none
	echo 9 >none/port

}

fault() {	# VARIABLE=VALUE COMMAND...: sets rc
	rc=0
	env "$1" LD_PRELOAD="$preload" "${@:2}" >out 2>err </dev/null || rc=$?
}

lookup() {
	creds_make "ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : \${lookup{user}lsearch{$PWD/x/ses.pw}{\$value}fail} : \${lookup{pass}lsearch{$PWD/x/ses.pw}{\$value}fail}"
	printf 'user: %s\npass: %s\n' $OLD_USER $OLD_PASS >x/ses.pw
	chown "root:$(<x/exim.uid)" x/ses.pw
	chmod 640 x/ses.pw
	cp -p x/ses.pw old
	what=x/ses.pw
}

inline() {
	creds_make "ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : $OLD_USER : $OLD_PASS"
	cp -p x/exim.conf old
	what=x/exim.conf
}

old_stays() {
	cmp old $what && [ "$(stat -c '%a %u %g' old)" = \
		"$(stat -c '%a %u %g' $what)" ] &&
		[ -z "$(find x -name '.*quell*')" ]
}

is_new() {
	exim-creds --compare --from-file new |
		jq -e '.same_user and .same_password' >/dev/null
}

# Each call of a kind in turn fails. What failed changed nothing; what was
# done in spite of it is done.
each_fails() {	# KIND ERRNO CALLS PATH
	local n
	for ((n = 1; n <= $3; n++)); do
		fault "$1=$n:$4:$2" exim-creds --put -y --from-file new
		if [ "$rc" = 0 ]; then
			is_new
			rm -rf state
			cp -p old $what
			continue
		fi
		[[ $rc == 7[34] ]] || { echo "$1=$n: $rc"; cat err; return 1; }
		old_stays || { echo "$1=$n: not the old one"; return 1; }
		[ ! -s out ]
		exim4 -bV >/dev/null
	done
}

@test "a lookup file: each write, fsync, close" {
	lookup
	each_fails FAULT_WRITE ENOSPC 4 /test/
	each_fails FAULT_WRITE EIO 1 ses.pw
	each_fails FAULT_FSYNC EIO 7 /test/
	each_fails FAULT_CLOSE EIO 1 .ses.pw
	each_fails FAULT_CLOSE EIO 1 saved
}

@test "a lookup file: each rename and each file that is made" {
	lookup
	each_fails FAULT_RENAME ENOSPC 5 /test/
	each_fails FAULT_OPEN ENOSPC 5 /test/
	fault FAULT_RENAME=1:ses.pw:KILL exim-creds --put -y --from-file new
	cmp old $what
	is_new && false
	run -0 exim-creds --put -y --from-file new
	is_new
}

@test "the configuration itself: each write, fsync, rename" {
	inline
	each_fails FAULT_WRITE ENOSPC 3 /test/
	each_fails FAULT_FSYNC EIO 6 /test/
	each_fails FAULT_RENAME EIO 4 /test/
}

@test "a disk that stays full: what was renamed comes back without room" {
	inline
	# all after the rename of the configuration
	for f in FAULT_FSYNC=1+:x: FAULT_WRITE=3+:/test/: FAULT_FSYNC=5+:/test/; do
		cp -p old $what
		rm -rf state
		fault "$f" exim-creds --put -y --from-file new
		[[ $rc == 74 || $rc == 73 ]]
		cmp old $what
	done
	run -0 exim-creds --put -y --from-file new
	is_new
	[ -z "$(find x -name '.*quell*')" ]
}

@test "--undo on a full disk: the new one stays, and the next try ends it" {
	lookup
	run -0 exim-creds --put -y --from-file new
	cp -p $what kept
	for f in FAULT_WRITE=1:/test/ FAULT_WRITE=2:/test/ \
		FAULT_RENAME=2:/test/ FAULT_FSYNC=3:/test/; do
		fault "$f" exim-creds --undo -y
		[[ $rc == 7[34] ]] || { echo "$f: $rc"; cat err; false; }
		cmp $what kept || cmp $what old
	done
	run -0 exim-creds --undo -y
	old_stays
}

@test "no journal, no change" {
	lookup
	mkdir case
	: >case/journal.jsonl
	for f in FAULT_WRITE=1+:journal FAULT_FSYNC=1+:journal; do
		fault $f exim-creds --put -y --from-file new --incident case
		[ "$rc" = 74 ]
		old_stays
	done
	# the last line only: it is done, and said
	fault FAULT_WRITE=2+:journal exim-creds --put -y --from-file new \
		--incident case
	[ "$rc" = 74 ]
	jq -e .changed out
	is_new
}

@test "a read-only file system" {
	lookup
	mkdir ro
	printf 'user: %s\npass: %s\n' $OLD_USER $OLD_PASS >ro.pw
	run -74 --separate-stderr unshare --mount --propagation private \
		/bin/bash -c '
		mount -t tmpfs none ro && cp ro.pw ro/ses.pw &&
		chgrp '"$(<x/exim.uid)"' ro/ses.pw && chmod 640 ro/ses.pw &&
		chmod a+rx ro
		sed -i "s|/x/ses.pw|/ro/ses.pw|g" x/exim.conf
		mount -o remount,ro none ro
		exim-creds --put -y --from-file new || rc=$?
		cmp ro.pw ro/ses.pw && exit "${rc:-0}"
		exit 1' ||
		[ "$status" = 73 ]
	[[ $stderr == *[Rr]ead-only* ]]
	# and of the state folder
	run -73 unshare --mount --propagation private /bin/bash -c '
		sed -i "s|/ro/ses.pw|/x/ses.pw|g" x/exim.conf
		rm -rf state; mkdir state; mount -t tmpfs -o ro none state
		exim-creds --put -y --from-file new'
	old_stays
}
