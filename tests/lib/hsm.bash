# shellcheck shell=bash
# A PKCS#11 token for tests: SoftHSM2, in the test's own folder.
#
#   setup_file() { hsm_start "$BATS_FILE_TMPDIR/hsm"; }
#   setup()      { hsm_need; export SOFTHSM2_CONF=$HSM/softhsm2.conf; }

# hsm_start DIR: a token of its own, with an AES and an RSA key
hsm_start() {
	export HSM_MODULE='' HSM=''
	local m
	for m in /usr/lib/softhsm/libsofthsm2.so \
		/usr/lib64/pkcs11/libsofthsm2.so \
		/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so; do
		[ ! -e "$m" ] || HSM_MODULE=$(readlink -f "$m")
	done
	[ -n "$HSM_MODULE" ] && command -v softhsm2-util >/dev/null || return 0
	(
		umask 077
		mkdir -p "$1/tokens"
		cd "$1" || exit
		printf 'directories.tokendir = %s/tokens\nlog.level = ERROR\n' \
			"$1" >softhsm2.conf
		export SOFTHSM2_CONF=$1/softhsm2.conf
		softhsm2-util --init-token --free --label quell --pin 12345678 \
			--so-pin 87654321
		softhsm2-util --init-token --free --label twin --pin 12345678 \
			--so-pin 87654321
		for key in 1 2; do
			# the tool reads text: a key with odd bytes is cut short
			openssl rand -hex 16 | tr -d '\n' >aes$key
			softhsm2-util --import aes$key --aes --token quell \
				--pin 12345678 --label aes$key --id 0$key
		done
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
			-out rsa.pem
		softhsm2-util --import rsa.pem --token quell --pin 12345678 \
			--label rsa --id 03
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 \
			-out small.pem
		softhsm2-util --import small.pem --token quell --pin 12345678 \
			--label small --id 04
		printf '12345678\n' >pin
		printf '99999999\n' >wrong
		rm -f aes? ./*.pem
	) >"$1.log" 2>&1 || return
	export HSM=$1
}

hsm_need() {
	[ -n "$HSM_MODULE" ] || skip "no SoftHSM2"
	cred-vault --version | grep -q p11-kit || skip "built without p11-kit"
}

# hsm_uri OBJECT [PINFILE]: a key on the token
hsm_uri() {
	printf 'pkcs11:token=quell;object=%s?module-path=%s&pin-source=file:%s' \
		"$1" "$HSM_MODULE" "${2-$HSM/pin}"
}
