#!/usr/bin/env bats
# Where exim-creds lets a secret be seen: in no argument, no environment, no
# file that was not there to hold it, and never open to others on its way.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup() {
	command -v strace >/dev/null || skip "no strace"
	no_leak_check
	creds_available
	creds_begin
	creds_no_sink
	printf '%s\n' "$OLD_PASS" "$NEW_PASS" >secrets
}

traced() {	# COMMAND...
	umask 000
	strace -f -v -y -s 100000 -o trace -e trace=execve,execveat,openat,open,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,write,writev,pwrite64,sendto,sendmsg,sendmmsg,read,recvfrom,recvmsg,prctl \
		"$@" >stdout 2>stderr || {
		cat stderr
		return 1
	}
	run ! grep -F -f secrets stdout stderr
}

# A file gets its mode when it is whole: 0600 when it is made, and nothing is
# written once others may read it.
late_mode() {	# NAME
	awk -v name="$1" '
		index($0, name "\",") && /O_EXCL/ { made = / 0600(\)| <unf)/ }
		index($0, name ">,") && /^[0-9]+ +write\(/ { late += opened }
		index($0, name ">,") && /^[0-9]+ +fchmod\(/ { opened = 1 }
		END { if (!made || !opened || late) exit 1 }' trace
	# ours is judged already
	sed -i "/^[0-9]*  *fchmod([0-9]*<[^>]*$1>/d" trace
}

judge() {	# [--file FILE]...
	python3 "$QUELL_ROOT/tests/lib/secret_trace.py" trace secrets --pipe \
		"$@"
}

@test "--put into a lookup file" {
	creds_lookup
	traced exim-creds --put -y -v --from-file new.cred
	late_mode .ses.pw.quell-new
	judge --file "$PWD/x/.ses.pw.quell-new" \
		--file "$PWD/state/exim-creds.saved-1-0"
	[ -z "$(find state -perm /077)" ]
	traced exim-creds --undo -y
	late_mode .ses.pw.quell-new
	judge --file "$PWD/x/.ses.pw.quell-new"
	traced exim-creds
	judge
	traced exim-creds --compare --from-file new.cred
	judge
}

@test "--put into the configuration, and --move" {
	creds_inline
	traced exim-creds --put -y -v --from-file new.cred
	late_mode .exim.conf.quell-new
	judge --file "$PWD/x/.exim.conf.quell-new" \
		--file "$PWD/state/exim-creds.saved-1-0"
	traced exim-creds --move -y -v
	late_mode .exim.conf.quell-new
	late_mode .smtp-credential.quell-new
	judge --file "$PWD/x/.smtp-credential.quell-new" \
		--file "$PWD/state/exim-creds.saved-2-1"
	[ -z "$(find state -perm /077)" ]
}

@test "an error does not repeat it" {
	creds_make "$CREDS_LOGIN
  $OLD_PASS"
	printf '%s\n' $OLD_PASS >secrets
	for c in "exim-creds" "exim-creds --put -y --from-file new.cred"; do
		# shellcheck disable=SC2086 # words
		run -78 --separate-stderr $c
		run ! grep -F -f secrets <<<"$output$stderr"
	done
}
