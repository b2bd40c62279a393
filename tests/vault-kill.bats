#!/usr/bin/env bats
# kill -9 before each system call that leaves a trace, one by one: a vault
# always opens, with the old content or the new.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

setup() {
	command -v strace >/dev/null || skip "no strace"
	no_leak_check
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state QUELL_VAULT=$PWD/v
	export QUELL_VAULT_KEY=file:$PWD/k
	umask 077
	put a one
}

put() {	# NAME PASSWORD
	printf 'username=u\npassword=%s\n' "$2" |
		cred-vault put -y "$1" >/dev/null
}

password() {	# NAME: the one that is in the vault
	cred-vault get "$1" | sed -n 's/^password=//p'
}

CALLS='mkdir flock write fchmod fsync rename link unlink'

# each_kill CHECK COMMAND...: killed at the Nth of each call, then CHECK, for
# all of them; ./in is its input.  Sets kills.
each_kill() {
	local check=$1 call n rc
	shift
	kills=0
	for call in $CALLS; do
		for ((n = 1; n < 100; n++)); do
			rc=0
			strace -qq -o /dev/null -e "trace=$call" \
				-e "inject=$call:signal=SIGKILL:when=$n" \
				"$@" <in >out 2>&1 || rc=$?
			"$check" || {
				echo "after $call $n ($rc):"
				cat out
				return 1
			}
			[ "$rc" = 137 ] || break
			kills=$((kills + 1))
		done
		[ "$rc" = 0 ] || { cat out; return 1; }
	done 2>/dev/null
	# enough of them were in the middle of something
	[ "$kills" -ge 8 ]
}

@test "put: the old content or the new" {
	turn=0
	check() {
		local got
		got=$(password a) || return
		[[ $got == new$turn || $got == "$last" ]] || {
			echo "$got, was $last"
			return 1
		}
		last=$got
		turn=$((turn + 1))
		printf 'username=u\npassword=new%s\n' "$turn" >in
	}
	last=one
	printf 'username=u\npassword=new0\n' >in
	each_kill check cred-vault put -y a
	echo "$kills kills"
	put a end
	[ "$(password a)" = end ]
	run -0 cred-vault list --all
	# each version once, no number left out
	jq -se 'map(.version) == [range(1; length + 1)]' <<<"$output"
}

@test "rotate-key: the one key or the other opens it" {
	: >in
	put b two
	check() {
		[ "$(password a)" = one ] && [ "$(password b)" = two ]
	}
	each_kill check cred-vault rotate-key -y --to="file:$PWD/k2"
	echo "$kills kills"
	run -0 cred-vault rotate-key -y --to="file:$PWD/last"
	rm -f k k2
	check
}

@test "the first vault and its key: the next run makes them" {
	printf 'username=u\npassword=x\n' >in
	export QUELL_VAULT=$PWD/new QUELL_VAULT_KEY=file:$PWD/newkey
	check() {
		cred-vault put -y a <in >again || { cat again; return 1; }
		[ "$(password a)" = x ] || return
		[ "$(stat -c '%a %s' newkey)" = '400 32' ] || return
		rm -rf state new new.lock newkey
	}
	each_kill check cred-vault put -y a
	echo "$kills kills"
}

@test "remove: the record is there, or it is in the copy" {
	: >in
	check() {
		cred-vault get a >/dev/null 2>&1 ||
			cred-vault get a --vault=v~ --old-copy >/dev/null || return
		put a again
	}
	each_kill check cred-vault remove a --confirm=a
	echo "$kills kills"
}

@test "what a killed run left goes with the next change, and nothing else" {
	local n left=0
	: >in
	# killed between the first byte and the rename
	for n in 1 2 3; do
		printf 'username=u\npassword=new\n' >in
		strace -qq -o /dev/null -e trace=rename \
			-e inject=rename:signal=SIGKILL:when=1 \
			cred-vault put -y a <in >out 2>&1 || true
		left=$((left + $(find . -maxdepth 1 -name '.v.??????' | wc -l)))
	done
	[ "$left" -ge 3 ]
	# whatever is no temporary of this vault's stays
	printf 'quellv1\n' >.w.abcdef
	printf 'mine\n' >.v.backup
	printf 'quellv1\n' >.v.longername
	mkdir .v.folder
	ln -s v .v.symlnk
	: >.v.emptyy
	: >.v~.emptyy
	run -0 cred-vault list
	[ -e .v.emptyy ]
	put a last
	[ "$(password a)" = last ]
	[ "$(find . -maxdepth 1 -name '.v*' -o -maxdepth 1 -name '.w*' | sort | paste -sd' ')" = \
		'./.v.backup ./.v.folder ./.v.longername ./.v.symlnk ./.w.abcdef' ]
}
