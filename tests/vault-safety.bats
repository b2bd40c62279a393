#!/usr/bin/env bats
# A vault under bad luck and bad hands: damaged files, other people's files,
# two runs at once, a full disk.  kill -9: vault-kill.bats; every byte and
# every length of a file: tests/unit/vault.c.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state QUELL_VAULT=$PWD/v
	export QUELL_VAULT_KEY=file:$PWD/k
	umask 077
	preload_faults
	put a one
}

put() {	# NAME PASSWORD [OPTION...]
	printf 'username=u\npassword=%s\n' "$2" |
		cred-vault put -y "$1" "${@:3}" >/dev/null
}

password() {	# NAME: the one that is in the vault
	cred-vault get "$1" | sed -n 's/^password=//p'
}

fault() {	# N VARIABLE=VALUE COMMAND...: it exits with N
	local want=$1 set=$2 got=0
	shift 2
	env "$set" LD_PRELOAD="$preload" "$@" >out 2>err <in || got=$?
	[ "$got" = "$want" ] || {
		echo "$set: $* exited $got, not $want"
		cat out err
		return 1
	}
}

no_litter() {
	[ -z "$(find . -name '.*.??????' -o -name '*.new')" ]
}

@test "a changed file is 65, whoever asks, and stays as it is" {
	local was
	was=$(od -An -tu1 -j200 -N1 v)
	# shellcheck disable=SC2059 # another byte, whatever it was
	printf "\\$(printf %03o $((was ^ 1)))" |
		dd of=v bs=1 seek=200 conv=notrunc status=none
	sum=$(sha256sum v)
	for c in 'get a' list 'rotate-key -y --to=file:k2' \
		'remove a --confirm=a'; do
		# shellcheck disable=SC2086
		run -65 --separate-stderr cred-vault $c
		[[ -z $output && $stderr == *"$PWD/v: "* ]]
	done
	run -65 put a two
	[ "$sum" = "$(sha256sum v)" ]
	# --old-copy is no way around it
	run -65 cred-vault get a --old-copy
	: >v
	run -65 cred-vault get a
	head -c 100000 /dev/urandom >v
	run -65 cred-vault get a
	[ ! -e k2 ]
}

@test "an old copy of the file is noticed, by readers, too" {
	cp v old
	put a two
	cp old v
	run -78 cred-vault get a
	run -78 cred-vault list
	run -78 put a three
	run -0 cred-vault get a --old-copy
	[ "${lines[1]}" = password=one ]
	run -78 cred-vault get a
	# whoever has never seen it cannot know
	QUELL_STATE_DIR=$PWD/elsewhere run -0 cred-vault get a
	# somebody else's vault in its place
	printf 'password=x\n' | cred-vault put -y a --vault="$PWD/w" \
		--vault-key=file:"$PWD/wk" >/dev/null
	cp w v
	run -78 --separate-stderr cred-vault get a
	[[ $stderr == *"not the vault that was here before"* ]]
	rm v
	put a new
	[ "$(password a)" = new ]
}

@test "owner, mode, links, and what is no file: 78" {
	chmod 644 v
	run -78 cred-vault get a
	chmod 640 v
	run -78 cred-vault get a
	chmod 400 v
	run -0 cred-vault get a
	chmod 600 v
	mv v w
	ln -s w v
	run -78 cred-vault get a
	run -78 put a two
	rm v
	mkfifo v
	run -78 cred-vault get a
	rm v
	mkdir v
	run -78 cred-vault get a
	rmdir v
	mv w v
	chmod 444 k
	run -78 cred-vault get a
	chmod 400 k
	# a lock that is a link is not followed
	rm v.lock
	ln -s "$PWD/victim" v.lock
	run -78 put a two
	[ ! -e victim ]
	rm v.lock
	if [ "$(id -u)" = 0 ]; then
		chown 65534 v
		run -78 cred-vault get a
		chown 0 v
		chown 65534 k
		run -78 cred-vault get a
		chown 0 k
	fi
	[ "$(password a)" = one ]
}

@test "a vault that is being changed: 75 for who would change it, not for readers" {
	exec 8>>v.lock
	flock 8
	start=$SECONDS
	run -75 --separate-stderr put b two
	[[ $stderr == *"another run is changing it"* ]]
	[ $((SECONDS - start)) -ge 4 ]
	run -0 cred-vault get a
	# it waits a little: the other may be done soon
	(sleep 1; exec 8>&-) 3>&- &
	exec 8>&-
	put b two
	wait $!
	[ "$(password b)" = two ]
}

@test "many at once: every put is there afterwards, every read is whole" {
	local n pids=()
	for n in 1 2 3 4 5 6 7 8; do
		put "name$n" "secret$n" 3>&- &
		pids+=($!)
	done
	for n in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(password a)" = one ]
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	for n in 1 2 3 4 5 6 7 8; do
		[ "$(password "name$n")" = "secret$n" ]
	done
	run -0 cred-vault list
	[ "${#lines[@]}" = 9 ]
	# the first of all, by many at once
	export QUELL_VAULT=$PWD/fresh QUELL_VAULT_KEY=file:$PWD/freshkey
	pids=()
	for n in 1 2 3 4; do
		put "name$n" "secret$n" 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	run -0 cred-vault list
	[ "${#lines[@]}" = 4 ]
}

@test "a full or failing disk: 73 or 74, the old file, no litter" {
	cp v kept
	printf 'username=u\npassword=two\n' >in
	for f in FAULT_WRITE=1:/.v. FAULT_WRITE=1:/.v.:EIO FAULT_FSYNC=1:/.v. \
		FAULT_CLOSE=1:/.v. FAULT_RENAME=1:/v; do
		for c in 'put -y a' 'rotate-key -y --to=file:k'; do
			# shellcheck disable=SC2086
			fault 74 $f cred-vault $c
			cmp v kept
			no_litter
		done
	done
	fault 73 FAULT_OPEN=1:/.v. cred-vault put -y a
	cmp v kept
	fault 73 FAULT_OPEN=1:v.lock cred-vault put -y a
	# renamed, and the folder not synced: said, and it is the new file, whole
	[ "$(password a)" = one ]
	fault 74 FAULT_FSYNC=2:"$PWD" cred-vault put -y a
	run -0 cred-vault put -y a <in
	[ "$(password a)" = two ]
}

@test "a full disk while a vault or a key is made" {
	printf 'username=u\npassword=two\n' >in
	export QUELL_VAULT=$PWD/new QUELL_VAULT_KEY=file:$PWD/newkey
	fault 74 FAULT_WRITE=1:/.newkey cred-vault put -y a
	[ ! -e new ] && [ ! -e newkey ]
	fault 74 FAULT_WRITE=1:/.new. cred-vault put -y a
	[ ! -e new ]
	no_litter
	run -0 cred-vault put -y a <in
}

@test "a full disk under the memory of what was seen keeps nothing from anybody" {
	: >in
	rm -r state/vaults
	fault 0 FAULT_OPEN=1+:vaults cred-vault get a
	grep -q ^password=one out
	fault 0 FAULT_WRITE=1+:vaults cred-vault get a
	printf 'username=u\npassword=two\n' >in
	fault 0 FAULT_RENAME=1+:vaults cred-vault put -y a
	[ "$(password a)" = two ]
}

@test "a full disk under get --exim-file, --env-file, remove" {
	: >in
	cred-vault get a --exim-file=x >/dev/null
	cp x kept
	put a two
	for f in FAULT_WRITE=1:x.new FAULT_FSYNC=1:x.new FAULT_CLOSE=1:x.new \
		FAULT_RENAME=1:/x; do
		fault 74 $f cred-vault get a --exim-file="$PWD/x"
		cmp x kept
		no_litter
	done
	fault 73 FAULT_OPEN=1:y.new cred-vault get a --env-file="$PWD/y"
	[ ! -e y ]
	cp v vkept
	# what cannot be kept is not removed
	fault 74 FAULT_WRITE=1:/.v~ cred-vault remove a --confirm=a
	cmp v vkept
	fault 74 FAULT_WRITE=1:/.v. cred-vault remove a --confirm=a
	cmp v vkept
	no_litter
}

@test "a read-only state folder and folder of the vault: it can still be read" {
	# root minds modes when it may not override them
	local as=()
	[ "$(id -u)" != 0 ] ||
		as=(setpriv '--bounding-set=-dac_override,-dac_read_search')
	printf 'username=u\npassword=other\n' >other
	chmod 500 . state
	run -0 "${as[@]}" cred-vault get a
	run -73 "${as[@]}" cred-vault put -y a <other
	chmod 700 . state
}
