#!/usr/bin/env bats
# cred-vault: what each verb does, where a secret may go, what is refused.
# The sources of keys: vault-sources.bats; damage: vault-safety.bats; the old
# files: vault-import.bats.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/exim

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state
	export QUELL_VAULT_KEY=file:$PWD/vault.key
	unset QUELL_VAULT CREDENTIALS_DIRECTORY
	umask 077
	secret='s3/cr+et=$&"x'
	credential AKIAEXAMPLE0000000001 "$secret" >block
}

credential() {	# USER PASSWORD
	printf 'username=%s\npassword=%s\n' "$1" "$2"
}

put() {	# NAME [OPTION...] <block
	cred-vault put -y "$@" >/dev/null
}

is() {	# is FILTER: jq says true of the records on stdout
	jq -se "$1" <<<"$output" >/dev/null || {
		printf 'not %s: %s\n' "$1" "$output"
		return 1
	}
}

on_tty() {	# COMMAND: its standard output is a terminal
	script -qec "$1" /dev/null </dev/null
}

@test "put seals, says so without the secret, and get gives it back" {
	run -0 --separate-stderr cred-vault put -y ses-smtp <block
	[ -z "$stderr" ]
	is '.[0] | .type == "vault-item" and .id == "ses-smtp" and .ok and
	    .changed and .version == 1 and .from == "cred-vault" and
	    .username == "AKIAEXAMPLE0000000001" and
	    (.created | length == 20) and (has("expires") | not)'
	[[ $output != *"$secret"* ]]
	run ! grep -aF -e "$secret" -e AKIAEXAMPLE -e ses-smtp state/vault
	run -0 --separate-stderr cred-vault get ses-smtp
	[ "$output" = "$(cat block; echo name=ses-smtp)" ]
	[ "$(stat -c %a state/vault)" = 600 ]
	[ "$(stat -c %a vault.key)" = 400 ]
	[ "$(stat -c %s vault.key)" = 32 ]
}

@test "the same again is so already; another is a new version" {
	put a <block
	sum=$(sha256sum state/vault)
	run -0 cred-vault put -y a <block
	is '.[0] | .changed == false and .version == 1'
	# what came out may go in
	cred-vault get a >back
	run -0 cred-vault put -y a <back
	is '.[0] | .changed == false'
	[ "$sum" = "$(sha256sum state/vault)" ]
	run -0 cred-vault put -y a < <(credential u other)
	is '.[0] | .changed and .version == 2 and .username == "u"'
	# another time of expiry is another content
	run -0 cred-vault put -y a --expires=2030-01-01T00:00:00Z < <(credential u other)
	is '.[0] | .version == 3 and .expires == "2030-01-01T00:00:00Z"'
	run -0 cred-vault get a --revision=1
	[ "$output" = "$(cat block; echo name=a)" ]
	run -0 cred-vault get a
	[ "${lines[-1]}" = expires=2030-01-01T00:00:00Z ]
	run -1 cred-vault get a --revision=4
	run -1 cred-vault get b
	run -64 cred-vault get a --revision=-1
}

@test "expires in the block is taken as the option" {
	run -0 cred-vault put -y e < <(printf 'password=x\nexpires=2020-02-03T04:05:06Z\n')
	is '.[0].expires == "2020-02-03T04:05:06Z"'
	run -65 cred-vault put -y f < <(printf 'password=x\nexpires=soon\n')
	run -64 cred-vault put -y f --expires=tomorrow <block
	run -64 cred-vault put -y f --expires=1960-01-01T00:00:00Z <block
}

@test "without -y it is 64; -n plans, and writes nothing at all" {
	run -64 cred-vault put a <block
	[ ! -e state ]
	run -0 cred-vault put -n a <block
	is '.[0] | .dry_run and .changed and .version == 1'
	[ ! -e state ] && [ ! -e vault.key ]
	put a <block
	rm -r state/vaults
	sum=$(find . -type f -exec sha256sum {} + | sort)
	run -0 cred-vault put -n a <block
	is '.[0] | .dry_run and .changed == false and .version == 1'
	run -0 cred-vault put -n a < <(credential u other)
	is '.[0] | .changed and .version == 2'
	run -0 cred-vault rotate-key -n --to=file:other.key
	is '.[0] | .type == "vault" and .dry_run'
	run -0 cred-vault remove -n a
	is '.[0] | .dry_run and .changed'
	[ "$sum" = "$(find . -type f -exec sha256sum {} + | sort)" ]
	unset QUELL_VAULT_KEY
	QUELL_VAULT=none run -66 cred-vault put -n a <block
}

@test "no vault: 66, and how one is made" {
	unset QUELL_VAULT_KEY
	for c in 'get a' list 'rotate-key -y --to=file:k' 'remove a --confirm=a'; do
		# shellcheck disable=SC2086
		run -66 --separate-stderr cred-vault $c
		[ -z "$output" ]
		[[ $stderr == *"there is no vault"*--vault-key* ]]
	done
	run -66 cred-vault put -y a <block
	[ ! -e state/vault ]
	# where, by option and by environment
	run -0 cred-vault put -y a --vault=v1 --vault-key=file:k1 <block
	[ -s v1 ] && [ -s k1 ]
	QUELL_VAULT=v2 QUELL_VAULT_KEY=file:k1 run -0 cred-vault put -y a <block
	[ -s v2 ]
	QUELL_VAULT=v2 run -0 cred-vault get a --vault=v1
}

@test "bad blocks are 65 with the line and without its text" {
	n=0
	for b in 'hunter2' 'password=x\nhunter2' 'PASSWORD=hunter2' '=hunter2' \
		'password=a\npassword=hunter2' '' '\npassword=hunter2' \
		'password=a\0hunter2'; do
		# shellcheck disable=SC2059
		run -65 --separate-stderr cred-vault put -y a < <(printf "$b")
		[[ $stderr != *hunter2* && $stderr == *credential* && -z $output ]]
		n=$((n + 1))
	done
	[ "$n" = 8 ]
	head -c 20000 /dev/zero | tr '\0' x | run -65 cred-vault put -y a
	[ ! -e state/vault ]
}

@test "usage: verbs, operands and options that do not belong" {
	put a <block
	run -64 cred-vault
	run -64 cred-vault show
	run -64 cred-vault put -y <block
	run -64 cred-vault put -y 'a b' <block
	run -64 cred-vault put -y -- -a <block
	run -64 cred-vault put -y a b <block
	run -64 cred-vault list a
	run -64 cred-vault list -y
	[[ $output == *"list: takes no --yes"* ]]
	run -64 cred-vault get a --incident=x
	run -64 cred-vault get a --older-than=1d
	run -64 cred-vault put -y a --reveal <block
	run -64 cred-vault get a --exim-file=x --env-file=y
	run -64 cred-vault get a --aws --env-file=y
	run -64 cred-vault get a --group="$(id -gn)"
	run -64 cred-vault get a --exim-file=x --fd=1
	run -64 cred-vault get a --exim-file=x --group=no-such-group
	run -64 cred-vault get a --env-prefix=X_
	run -64 cred-vault get a --env-file=x --env-prefix='X;'
	run -64 cred-vault rotate-key -y
	for s in nothing:x file: x '' kms:; do
		run -64 cred-vault rotate-key -y --to="$s"
	done
	[ ! -e x ] && [ ! -e y ]
}

@test "get: not to a terminal, unless --reveal says so" {
	put a <block
	run -64 on_tty 'cred-vault get a'
	[[ $output == *"would stand on the terminal"* && $output != *s3/cr* ]]
	run -64 on_tty 'cred-vault get a --aws'
	run -64 on_tty 'cred-vault get a --fd=2 >/dev/null'
	run -0 on_tty 'cred-vault get a --reveal'
	[[ $output == *"password=$secret"* ]]
	run -0 on_tty 'cred-vault get a | cat >got'
	grep -qF "$secret" got
}

@test "put on a terminal: field by field, and none is shown" {
	printf 'username=typed\npassword=not-to-be-seen\n\n' >keys
	# the terminal echoes nothing while fields are asked for
	cat >type.py <<-'END'
	import os, pty, signal, sys
	signal.alarm(10)
	pid, fd = pty.fork()
	if pid == 0:
	    os.execvp("cred-vault", ["cred-vault", "put", "-y", "typed"])
	shown = b""
	for line in open("keys", "rb"):
	    while not shown.endswith(b": "):
	        shown += os.read(fd, 1000)
	    os.write(fd, line)
	    shown += b"|"
	try:
	    while more := os.read(fd, 1000):
	        shown += more
	except OSError:
	    pass
	sys.stdout.write(shown.decode())
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	run -0 python3 type.py
	[[ $output == *"field, as key=value"* && $output != *not-to-be-seen* ]]
	run -0 cred-vault get typed
	[ "${lines[1]}" = password=not-to-be-seen ]
}

@test "get --fd, a full disk, a closed reader" {
	put a <block
	run -0 --separate-stderr cred-vault get a --fd=5 5>got
	[ -z "$output" ]
	grep -qF "password=$secret" got
	run -74 cred-vault get a --fd=9 9>&-
	got=0
	cred-vault get a >/dev/full 2>err || got=$?
	[ "$got" = 74 ]
	run -74 bash -c 'exec 9> >(:); wait $!; exec cred-vault get a >&9'
}

@test "get --exim-file: what lsearch reads, 0600, replaced only when it is ours" {
	printf 'username=u\npassword=%s\npassword.eu-west-1=e:1\n' "$secret" |
		put a
	run -0 cred-vault get a --exim-file=f
	is '.[0] | .changed and .file == "f" and .version == 1'
	[[ $output != *"$secret"* ]]
	[ "$(stat -c %a f)" = 600 ]
	[ "$(grep -v '^#' f)" = "user: u
pass: $secret
pass.eu-west-1: e:1" ]
	before=$(stat -c %i f)
	run -0 cred-vault get a --exim-file=f
	is '.[0].changed == false'
	[ "$before" = "$(stat -c %i f)" ]
	chmod 644 f
	run -0 cred-vault get a --exim-file=f --group="$(id -gn)"
	is '.[0].changed'
	[ "$(stat -c %a f)" = 640 ]
	# an old one of this form, and an empty one, are replaced
	echo 'user: old' >f
	run -0 cred-vault get a --exim-file=f
	: >f
	run -0 cred-vault get a --exim-file=f
	# anything else stays
	echo 'root:x:0:0' >g
	run -73 cred-vault get a --exim-file=g
	[ "$(cat g)" = root:x:0:0 ]
	ln -s f link
	run -78 cred-vault get a --exim-file=link
	[ -L link ]
	run -73 cred-vault get a --exim-file=no/such/folder
	printf 'password=x\n' | put nouser
	run -65 cred-vault get nouser --exim-file=h
	printf 'username=u\npassword= x\n' | put blank
	run -65 cred-vault get blank --exim-file=h
	[ ! -e h ]
}

@test "get --exim-file: Exim itself reads the password byte for byte" {
	exim_available || skip "no exim"
	exim_make "$PWD/x"
	pw='a/b+c=:$d\e^f<g>"h%i{j}'\''k'
	printf 'username=u\npassword=%s\n' "$pw" | put a
	cred-vault get a --exim-file="$PWD/f" >/dev/null
	run -0 "$PWD/x/bin/exim4" -be "\${lookup{pass}lsearch{$PWD/f}}"
	[ "$output" = "$pw" ]
}

@test "get --env-file: a shell reads the same" {
	pw='it'\''s $HOME `id` \ "x" é'
	printf 'username=u\npassword=%s\npassword.eu-west-1=%s\n' "$pw" \
		"$secret" | put a
	run -0 cred-vault get a --env-file=f
	is '.[0].changed'
	[ "$(sh -c '. ./f; printf %s "$SMTP_PASSWORD"')" = "$pw" ]
	[ "$(sh -c '. ./f; printf %s "$SMTP_PASSWORD_EU_WEST_1"')" = "$secret" ]
	run -0 cred-vault get a --env-file=f --env-prefix=MAIL_
	[ "$(sh -c '. ./f; printf %s "$MAIL_USERNAME"')" = u ]
	printf 'username=AKIAX\nsecret_access_key=%s\n' "$secret" | put k
	cred-vault get k --env-file=f >/dev/null
	[ "$(sh -c '. ./f; printf %s "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY"')" = "AKIAX $secret" ]
	# and what it wrote can be read by import's rules: the same names
	echo '[Unit]' >unit
	run -73 cred-vault get a --env-file=unit
	[ "$(cat unit)" = '[Unit]' ]
}

@test "list: the newest of each name, its age, and by exit code what is old" {
	put b <block
	put a --expires=2020-01-01T00:00:00Z <block
	credential u 2 | put b
	run -0 --separate-stderr cred-vault list
	is 'length == 2 and (map(.id) == ["a", "b"]) and
	    .[0].expired and .[0].versions == 1 and
	    .[1].version == 2 and .[1].versions == 2 and
	    (.[1].expired | not) and .[1].age < 60'
	[[ $output != *"$secret"* ]]
	run -0 cred-vault list --all
	is 'length == 3 and (map("\(.id)\(.version)") == ["a1", "b1", "b2"])'
	run -1 cred-vault list --expired
	is 'length == 1 and .[0].id == "a"'
	run -0 cred-vault list --older-than=90d
	[ -z "$output" ]
	run -1 cred-vault list --older-than=90d --expired
	run -1 cred-vault list --older-than=0s
	is 'length == 2'
	# by the vault's own clock, not by files
	if command -v faketime >/dev/null; then
		run -1 faketime '+91 days' cred-vault list --older-than=90d
		is 'length == 2'
	fi
	# on a terminal a table
	run -0 on_tty 'cred-vault list'
	[[ $output == NAME*VERSION*USERNAME* ]]
}

@test "remove: by name only, kept beside it, and to be undone" {
	put a <block
	credential u 2 | put a
	put b <block
	run -64 cred-vault remove a
	run -64 cred-vault remove -y a
	run -64 cred-vault remove a --confirm=b
	run -0 cred-vault remove a --revision=1 --confirm=a
	is '.[0] | .changed and .version == 1 and (.kept | endswith("vault~"))'
	run -0 cred-vault list --all
	is 'map("\(.id)\(.version)") == ["a2", "b1"]'
	run -0 cred-vault remove a --confirm=a
	run -0 cred-vault remove a --confirm=a
	is '.[0].changed == false'
	run -1 cred-vault get a
	[ "$(stat -c %a state/vault~)" = 600 ]
	# undo
	cp state/vault~ state/vault
	run -78 --separate-stderr cred-vault list
	[[ $stderr == *"an old copy: generation 5, and 6 was seen"*--old-copy* ]]
	run -0 cred-vault rotate-key -y --old-copy --to="$QUELL_VAULT_KEY"
	is '.[0].generation == 7'
	run -0 cred-vault get a
	[ "${lines[1]}" = password=2 ]
}

@test "rotate-key: the old key opens nothing any more" {
	put a <block
	credential u 2 | put a
	run -0 cred-vault rotate-key -y --to=file:new.key
	is '.[0] | .type == "vault" and .changed and .records == 2 and
	    (.was | endswith("vault.key")) and (.source | endswith("/new.key"))'
	mv vault.key gone
	run -0 cred-vault get a
	[ "${lines[1]}" = password=2 ]
	run -0 cred-vault get a --revision=1
	[ "${lines[1]}" = "password=$secret" ]
	mv new.key moved
	run -78 cred-vault list
	run -0 cred-vault list --vault-key=file:moved
	run -65 cred-vault list --vault-key=file:gone
}

@test "the journal of an incident: begin and end, no secret" {
	dir=$(incident open --dir "$PWD/case" \
		<"$QUELL_ROOT/tests/data/report-initial.json" | jq -r .dir)
	put a --incident="$dir" <block
	run -0 cred-vault rotate-key -y --to=file:k2 --incident="$dir"
	run -0 cred-vault remove a --confirm=a --incident="$dir"
	run -0 jq -rs '[.[] | select(.from == "cred-vault") |
		"\(.event) \(.data.act) \(.data.id | sub(".*/"; ""))"] | .[]' \
		"$dir/journal.jsonl"
	[ "$output" = "cred-vault.begin put a
cred-vault.end put a
cred-vault.begin rotate-key vault
cred-vault.end rotate-key vault
cred-vault.begin remove a
cred-vault.end remove a" ]
	run ! grep -rF "$secret" "$dir"
	run -0 incident verify "$dir"
	# no journal, no change
	sum=$(sha256sum state/vault)
	run -66 cred-vault put -y b --incident=nowhere <block
	[ "$sum" = "$(sha256sum state/vault)" ]
}

@test "-q and -v change nothing on stdout; table and tsv are the same records" {
	put a <block
	run -0 --separate-stderr cred-vault list -o tsv
	[[ $output == *$'a\t1\tAKIAEXAMPLE0000000001'* ]]
	run -0 --separate-stderr cred-vault get -q a
	one=$output
	run -0 --separate-stderr cred-vault get -v a
	[ "$one" = "$output" ]
}

@test "10,000 records list in well under a second" {
	make_vault=$QUELL_B/unit/vault_tool
	[ -x "$make_vault" ] || skip "not built"
	"$make_vault" big file:big.key 10000
	start=$(date +%s%N)
	run -0 bash -c 'cred-vault list --vault=big | wc -l'
	ms=$((($(date +%s%N) - start) / 1000000))
	[ "$output" = 10000 ]
	echo "10,000 records in $ms ms"
	[[ $QUELL_B == *asan* ]] || [ "$ms" -lt 1000 ]
	run -0 cred-vault get --vault=big name-05000
	[ "${lines[1]}" = password=secret-05000 ]
	put --vault=big one-more <block
	run -0 cred-vault get --vault=big one-more
}

@test "the examples of the man page" {
	mkdir mnt
	sed 's,/mnt/key,mnt,' "$QUELL_ROOT/cmd/cred-vault.1" >page
	run -0 grep -c 'Dl \$' page
	# the folder of the key, and what is asked of AWS, are this test's
	man_examples() {
		sed -n 's/^\.Dl \$ //p' page | sed 's/kms:[^ ]*/file:kms.key/' |
			sed 's/^/0\t/'
	}
	credential AKIAX pw >block
	echo pw >pass
	printf 'SMTP_USERNAME=u\nSMTP_PASSWORD=p\n' |
		openssl enc -aes-256-cbc -a -pbkdf2 -out ses.enc -pass file:pass
	run_examples cred-vault
	[ -s passwd.ses ]
}
