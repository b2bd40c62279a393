#!/usr/bin/env bats
# A vault's key on a PKCS#11 token (SoftHSM2); and from each source of keys to
# each other one.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/hsm
load lib/vault_key.bash

setup_file() {
	emu_start
	hsm_start "$BATS_FILE_TMPDIR/hsm"
}

setup() {
	vault_key_setup
	hsm=$HSM
	export SOFTHSM2_CONF=$HSM/softhsm2.conf
}

@test "pkcs11: AES and RSA keys of a SoftHSM2 token" {
	hsm_need
	make_vault "$(hsm_uri aes1)"
	opens
	run -0 rotate "$(hsm_uri rsa)"
	opens
	# by p11-kit's own configuration, and by id
	run -0 rotate "pkcs11:token=quell;id=%01?pin-source=file:$hsm/pin"
	opens
	# the token's key does not leave it; another key is another key
	run -65 cred-vault list --vault-key="$(hsm_uri aes2)"
	run -65 cred-vault list --vault-key="$(hsm_uri rsa)"
	# nothing of the PIN in the file, nor of the key
	run ! grep -a 12345678 state/vault
	mv "$hsm/tokens" "$hsm/away"
	mkdir "$hsm/tokens"
	run -78 --separate-stderr cred-vault get ses
	rmdir "$hsm/tokens"
	mv "$hsm/away" "$hsm/tokens"
	[[ $stderr == *"no such token"* ]]
	opens
}

@test "pkcs11: what is refused, and why" {
	hsm_need
	refused 64 'PIN does not belong' "$(hsm_uri aes1)&pin-value=12345678"
	[[ $stderr != *12345678* ]]
	refused 77 login "$(hsm_uri aes1 "$hsm/wrong")"
	refused 78 'no such key' "$(hsm_uri none)"
	refused 64 'names no key' "pkcs11:token=quell?pin-source=file:$hsm/pin"
	refused 78 'no such token' "pkcs11:token=other;object=aes1"
	refused 78 'wants a PIN' "pkcs11:token=quell;object=aes1"
	refused 78 'more than one token' \
		"pkcs11:model=SoftHSM%20v2;object=aes1?pin-source=file:$hsm/pin"
	refused 64 'bad URI' "pkcs11:object=%zz"
	refused 64 'not understood' "pkcs11:token=quell;object=aes1;x-odd=1"
	refused 64 'pin-source' "pkcs11:token=quell;object=aes1?pin-source=pin"
	refused 78 '2048' "$(hsm_uri small)"
	chmod 644 "$hsm/pin"
	refused 78 'open to others' "$(hsm_uri aes1)"
	chmod 600 "$hsm/pin"
	# a module that others could have put there is not loaded
	cp "$HSM_MODULE" evil.so
	chmod 777 evil.so
	refused 78 'others may change this module' \
		"pkcs11:token=quell;object=aes1?module-path=$PWD/evil.so"
	refused 64 'begin with /' "pkcs11:token=quell;object=aes1?module-path=evil.so"
	refused 78 'no such module' "pkcs11:object=aes1?module-path=/none.so"
}

@test "pkcs11: the PIN is asked for on a terminal, without echo" {
	hsm_need
	make_vault "$(hsm_uri aes1)"
	cat >type.py <<-'END'
	import os, pty, signal, sys
	signal.alarm(10)
	pid, fd = pty.fork()
	if pid == 0:
	    os.execvp("cred-vault", ["cred-vault", "list", "--vault-key",
	              sys.argv[1]])
	shown = b""
	while not shown.endswith(b": "):
	    shown += os.read(fd, 1000)
	os.write(fd, b"12345678\n")
	try:
	    while more := os.read(fd, 1000):
	        shown += more
	except OSError:
	    pass
	sys.stdout.write(shown.decode())
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	run -0 python3 type.py "pkcs11:token=quell;object=aes1?module-path=$HSM_MODULE"
	[[ $output == *"PIN of the token quell"* && $output != *12345678* ]]
}

@test "pkcs11: a token without GCM wraps by CBC, and a change shows all the same" {
	hsm_need
	printf 'slots.mechanisms = CKM_AES_CBC,CKM_AES_CBC_PAD\n' |
		cat "$HSM/softhsm2.conf" - >nogcm.conf
	SOFTHSM2_CONF=$PWD/nogcm.conf
	make_vault "$(hsm_uri aes1)"
	opens
	# how it was wrapped, and each byte of that
	cat >change.py <<-'END'
	import sys
	vault = bytearray(open("good", "rb").read())
	at = 8 + 16 + 8
	at += 2 + int.from_bytes(vault[at:at + 2], "big")
	n = int.from_bytes(vault[at:at + 2], "big")
	if len(sys.argv) == 1:
	    print(chr(vault[at + 2]), n)
	else:
	    vault[at + 2 + int(sys.argv[1])] ^= 1
	    open("state/vault", "wb").write(vault)
	END
	cp state/vault good
	run -0 python3 change.py
	[ "$output" = 'C 65' ]
	for i in 1 8 16 17 30 40 50 64; do
		python3 change.py "$i"
		run -65 cred-vault get ses
	done
	cp good state/vault
	opens
}

@test "rotate-key: from each source to each other one" {
	mkdir creds
	head -c 32 /dev/urandom >creds/one
	chmod 400 creds/one
	export CREDENTIALS_DIRECTORY=$PWD/creds
	all=(file:a.key "kms:$KEY1" secretsmanager:pairs systemd:one)
	if [ -n "$HSM_MODULE" ] && cred-vault --version | grep -q p11-kit; then
		all+=("$(hsm_uri aes1)" "$(hsm_uri rsa)")
	fi
	make_vault "${all[0]}"
	n=0
	# a walk over every pair; the last of a row leads to the next row
	# (bats has an i of its own)
	for ((row = 0; row < ${#all[@]}; row++)); do
		run -0 rotate "${all[row]}" --create-key
		for ((col = row; col < ${#all[@]}; col++)); do
			run -0 rotate "${all[col]}" --create-key
			run -0 rotate "${all[row]}" --create-key
			n=$((n + 1))
		done
		opens
	done
	[ "$n" -ge 10 ]
	emu_no_violations
}
