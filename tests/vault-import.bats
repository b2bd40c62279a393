#!/usr/bin/env bats
# cred-vault import: files of "openssl enc -aes-256-cbc", made by the openssl
# of the day in the ways that people made them.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state QUELL_VAULT_KEY=file:$PWD/k
	umask 077
	printf 'pass phrase\n' >pass
	cat >plain <<-'END'
	# SES
	export SMTP_USERNAME="AKIAEXAMPLE0000000001"
	SMTP_PASSWORD='s3/cr+et='
	AWS_REGION=eu-west-1
	END
}

enc() {	# OUT OPTION...: of plain
	openssl enc -aes-256-cbc -in plain -out "$@" 2>/dev/null
}

imported() {	# FILE NAME [OPTION...]
	run -0 --separate-stderr cred-vault import -y "$1" --name="$2" "${@:3}"
	jq -e '.ok and .changed and .type == "vault-item" and
		.id == "'"$2"'" and .username == "AKIAEXAMPLE0000000001"' \
		<<<"$output" >/dev/null
	[[ $output != *s3/cr* ]]
	run -0 cred-vault get "$2"
	[ "$output" = "username=AKIAEXAMPLE0000000001
password=s3/cr+et=
region=eu-west-1
name=$2" ]
}

@test "every variant of the passphrase that openssl enc has" {
	n=0
	while IFS='|' read -r make take; do
		n=$((n + 1))
		# shellcheck disable=SC2086 # words
		enc "f$n" -pass file:pass $make
		# shellcheck disable=SC2086
		imported "f$n" "v$n" --pass-file=pass $take
	done <<-'END'
	-a|
	-a -salt|
	|
	-A -a|
	-a -nosalt|
	-a -md md5|
	-a -md md5|--md=md5
	-a -md sha1|
	-a -md sha256|
	-a -md sha512|
	-a -md sha384|--md=sha384
	-a -pbkdf2|
	-a -pbkdf2 -iter 10000|
	-a -pbkdf2 -iter 5000|--iter=5000
	-a -pbkdf2 -iter 100000 -md sha512|--iter=100000 --md=sha512
	-a -pbkdf2 -md md5|--md=md5
	END
	[ "$n" = 16 ]
	run -0 openssl version
}

@test "-K and -iv, also where the variable with the IV was empty" {
	(umask 077; echo 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f >key
	echo 00112233 >short)
	enc a -a -K "$(cat key)" -iv 0102030405060708090a0b0c0d0e0f10
	imported a a --key-file=key --iv=0102030405060708090a0b0c0d0e0f10
	enc b -a -K "$(cat key)" -iv 00
	imported b b --key-file=key
	enc c -K "$(cat short)" -iv 0102
	imported c c --key-file=short --iv=0102
	run -65 cred-vault import -y c --key-file=key
	run -64 cred-vault import -y a --key-file=key --iv=xyz
	run -64 cred-vault import -y a --key-file=key --pass-file=pass
	run -64 cred-vault import -y a --pass-file=pass --iv=00
	echo 'not hex' >odd
	run -65 cred-vault import -y a --key-file=odd
}

@test "a bare password, Windows line ends, a wrong passphrase" {
	printf 's3/cr+et==\n' >plain
	enc ses-smtp.conf.enc -a -pass file:pass
	run -0 cred-vault import -y --pass-file=pass ses-smtp.conf.enc
	run -0 cred-vault get ses-smtp
	[ "${lines[0]}" = password=s3/cr+et== ]
	printf 'user=u\r\npass=p\r\n' >plain
	enc crlf -a -pass file:pass
	sed 's/$/\r/' crlf >crlf2
	run -0 cred-vault import -y --pass-file=pass crlf2 --name=crlf
	run -0 cred-vault get crlf
	[ "$output" = 'username=u
password=p
name=crlf' ]
	printf 'other\n' >wrong
	run -65 --separate-stderr cred-vault import -y --pass-file=wrong crlf
	[[ $stderr == *"another passphrase"* ]]
	jq -e '.ok == false and .changed == false and .why' <<<"$output"
	# the first line is the passphrase, as for openssl
	printf 'pass phrase\nsomething else\n' >pass
	run -0 cred-vault import -y --pass-file=pass crlf
}

@test "several files: each for itself; 3 when only some could be read" {
	enc one.enc -a -pass file:pass
	printf 'junk\n' >two.enc
	printf 'a=b\nhunter2\n' >plain
	enc three.enc -a -pass file:pass
	run -3 --separate-stderr cred-vault import -y --pass-file=pass \
		one.enc two.enc three.enc missing.enc
	jq -se 'length == 4 and map(.ok) == [true, false, false, false] and
		map(.id) == ["one", "two", "three", "missing"]' <<<"$output"
	[[ $output$stderr != *hunter2* ]]
	[[ $stderr == *"three.enc: line 2: "* ]]
	run -65 cred-vault import -y --pass-file=pass two.enc three.enc
	run -66 cred-vault import -y --pass-file=pass missing.enc
	# the same again is so already
	run -0 --separate-stderr cred-vault import -y --pass-file=pass one.enc
	jq -e '.ok and .changed == false' <<<"$output"
}

@test "-n looks and writes nothing; without -y, without a passphrase: 64" {
	enc one.enc -a -pass file:pass
	run -0 --separate-stderr cred-vault import -n --pass-file=pass one.enc
	jq -e '.dry_run and .changed and .version == 1' <<<"$output"
	[ ! -e state ] && [ ! -e k ]
	run -64 cred-vault import --pass-file=pass one.enc
	run -64 setsid cred-vault import -y one.enc
	run -64 cred-vault import -y --pass-file=pass one.enc one.enc --name=x
	run -64 cred-vault import -y --pass-file=pass
	run -64 cred-vault import -y --pass-file=pass one.enc --iter=0
	run -64 cred-vault import -y --pass-file=pass one.enc --name='a b'
	run -65 cred-vault import -y --pass-file=pass /dev/null
	run -64 --separate-stderr cred-vault import -y --pass-file=pass one.enc --md=none
	[ ! -s state/vault ] || run -1 cred-vault get one
	chmod 644 pass
	run -78 cred-vault import -y --pass-file=pass one.enc
	run -66 cred-vault import -y --pass-file=nothing one.enc
}
