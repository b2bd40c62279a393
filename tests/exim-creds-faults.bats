#!/usr/bin/env bats
# exim-creds on a full or failing disk: the old configuration works, or the
# new one, and nothing is half done.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup() {
	creds_available
	creds_begin
	creds_no_sink
	[[ $QUELL_B != *asan* ]] ||
		export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
}

old_stays() {
	cmp before $what && [ "$(stat -c '%a %u %g' before)" = \
		"$(stat -c '%a %u %g' $what)" ] &&
		[ -z "$(find x -name '.*quell*')" ]
}

# Each call of a kind in turn fails. What failed changed nothing; what was
# done in spite of it is done.
each_fails() {	# KIND ERRNO CALLS PATH
	local n
	for ((n = 1; n <= $3; n++)); do
		creds_fault "$1=$n:$4:$2" exim-creds --put -y --from-file new.cred
		if [ "$rc" = 0 ]; then
			creds_is_new
			rm -rf state
			cp -p before $what
			continue
		fi
		[[ $rc == 7[34] ]] || { echo "$1=$n: $rc"; cat err; return 1; }
		old_stays || { echo "$1=$n: not the old one"; return 1; }
		[ ! -s out ]
		exim4 -bV >/dev/null
	done
}

@test "a lookup file: each write, fsync, close" {
	creds_lookup
	each_fails FAULT_WRITE ENOSPC 4 /test/
	each_fails FAULT_WRITE EIO 1 ses.pw
	each_fails FAULT_FSYNC EIO 7 /test/
	each_fails FAULT_CLOSE EIO 1 .ses.pw
	each_fails FAULT_CLOSE EIO 1 saved
}

@test "a lookup file: each rename and each file that is made" {
	creds_lookup
	each_fails FAULT_RENAME ENOSPC 5 /test/
	each_fails FAULT_OPEN ENOSPC 5 /test/
	creds_fault FAULT_RENAME=1:ses.pw:KILL exim-creds --put -y --from-file new.cred
	cmp before $what
	creds_is_new && false
	run -0 exim-creds --put -y --from-file new.cred
	creds_is_new
}

@test "the configuration itself: each write, fsync, rename" {
	creds_inline
	each_fails FAULT_WRITE ENOSPC 3 /test/
	each_fails FAULT_FSYNC EIO 6 /test/
	each_fails FAULT_RENAME EIO 4 /test/
}

@test "a disk that stays full: what was renamed comes back without room" {
	creds_inline
	# all after the rename of the configuration
	for f in FAULT_FSYNC=1+:x: FAULT_WRITE=3+:/test/: FAULT_FSYNC=5+:/test/; do
		cp -p before $what
		rm -rf state
		creds_fault "$f" exim-creds --put -y --from-file new.cred
		[[ $rc == 74 || $rc == 73 ]]
		cmp before $what
	done
	run -0 exim-creds --put -y --from-file new.cred
	creds_is_new
	[ -z "$(find x -name '.*quell*')" ]
}

@test "--undo on a full disk: the new one stays, and the next try ends it" {
	creds_lookup
	run -0 exim-creds --put -y --from-file new.cred
	cp -p $what kept
	for f in FAULT_WRITE=1:/test/ FAULT_WRITE=2:/test/ \
		FAULT_RENAME=2:/test/ FAULT_FSYNC=3:/test/; do
		creds_fault "$f" exim-creds --undo -y
		[[ $rc == 7[34] ]] || { echo "$f: $rc"; cat err; false; }
		cmp $what kept || cmp $what before
	done
	run -0 exim-creds --undo -y
	old_stays
}

@test "no journal, no change" {
	creds_lookup
	mkdir case
	: >case/journal.jsonl
	for f in FAULT_WRITE=1+:journal FAULT_FSYNC=1+:journal; do
		creds_fault $f exim-creds --put -y --from-file new.cred --incident case
		[ "$rc" = 74 ]
		old_stays
	done
	# the last line only: it is done, and said
	creds_fault FAULT_WRITE=2+:journal exim-creds --put -y --from-file new.cred \
		--incident case
	[ "$rc" = 74 ]
	jq -e .changed out
	creds_is_new
}

@test "a read-only file system" {
	creds_lookup
	mkdir ro
	printf 'user: %s\npass: %s\n' $OLD_USER $OLD_PASS >ro.pw
	run -74 --separate-stderr unshare --mount --propagation private \
		/bin/bash -c '
		mount -t tmpfs none ro && cp ro.pw ro/ses.pw &&
		chgrp '"$(<x/exim.uid)"' ro/ses.pw && chmod 640 ro/ses.pw &&
		chmod a+rx ro
		sed -i "s|/x/ses.pw|/ro/ses.pw|g" x/exim.conf
		mount -o remount,ro none ro
		exim-creds --put -y --from-file new.cred || rc=$?
		cmp ro.pw ro/ses.pw && exit "${rc:-0}"
		exit 1' ||
		[ "$status" = 73 ]
	[[ $stderr == *[Rr]ead-only* ]]
	# and of the state folder
	run -73 unshare --mount --propagation private /bin/bash -c '
		sed -i "s|/ro/ses.pw|/x/ses.pw|g" x/exim.conf
		rm -rf state; mkdir state; mount -t tmpfs -o ro none state
		exim-creds --put -y --from-file new.cred'
	old_stays
}
