#!/usr/bin/env bats
# mailbox-lock with cPanel and Plesk, which cannot run here: stand-ins for
# their commands that keep what they were called with.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state W=$PWD
	export QUELL_VAULT=$PWD/vault QUELL_VAULT_KEY=file:$PWD/vault.key
	mkdir bin
	PATH=$PWD/bin:$PATH
	echo 0 >login
	echo 0 >outgoing
	# the environment is fresh: where it is, is written into it
	cat >bin/uapi <<-END
	#!/bin/sh
	cd $W
	echo "\$*" >>argv
	case \$4 in
	suspend_login) echo 1 >login ;;
	unsuspend_login) echo 0 >login ;;
	suspend_outgoing) [ ! -e broken ] && echo 1 >outgoing ;;
	unsuspend_outgoing) echo 0 >outgoing ;;
	list_pops_with_disk)
		case \$5 in
		email=alice)
			echo '{"result":{"status":1,"errors":null,"data":[{"email":"alice@shop.example","suspended_login":'\$(cat login)',"suspended_outgoing":"'\$(cat outgoing)'"}]}}' ;;
		*) echo '{"result":{"status":1,"data":[]}}' ;;
		esac
		exit 0 ;;
	esac
	[ ! -e broken ] || { echo '{"result":{"status":0,"errors":["no role for that"]}}'; exit 0; }
	echo '{"result":{"status":1,"errors":null,"data":null}}'
	END
	printf '#!/bin/sh\ncase $1 in -f) printf "username\\tproto\\n" ;; *) echo "$*" >>%s/kicked ;; esac\n' \
		"$W" >bin/doveadm
	chmod +x bin/*
}

lock() {	# CODE [argument...]
	local code=$1
	shift
	run "-$code" --separate-stderr mailbox-lock "$@"
}

@test "cPanel: suspended and proven by its own list, and lifted again" {
	lock 0 -n --owner shop alice@shop.example
	is '.backend == "cpanel" and .changed and .dry_run'
	[ "$(cat argv)" = '--output=json --user=shop Email list_pops_with_disk email=alice domain=shop.example get_restrictions=1 no_disk=1' ]
	lock 0 -y --owner shop alice@shop.example
	is '.locked and .changed and .proven and .owner == "shop" and .sessions == 0'
	grep -qx -- '--output=json --user=shop Email suspend_login email=alice%40shop.example' argv
	grep -qx -- '--output=json --user=shop Email suspend_outgoing email=alice%40shop.example' argv
	[ "$(cat login outgoing | paste -sd,)" = 1,1 ]
	lock 0 -y --owner shop alice@shop.example
	is '.changed == false and .was'
	lock 0 -y --undo --owner shop alice@shop.example
	is '.changed and .locked == false'
	[ "$(cat login outgoing | paste -sd,)" = 0,0 ]
	lock 0 -y --undo --owner shop alice@shop.example
	is '.changed == false'
}

@test "cPanel: what was suspended before stays so; what fails says why" {
	echo 1 >outgoing
	lock 0 -y --owner shop alice@shop.example
	is .changed
	run -1 grep -q suspend_outgoing argv
	lock 0 -y --undo --owner shop alice@shop.example
	[ "$(cat login outgoing | paste -sd,)" = 0,1 ]
	# locked by somebody else: not ours to lift
	echo 1 >login
	lock 0 -y --undo --owner shop alice@shop.example
	is '.changed == false'
	echo 0 >login
	: >broken
	lock 69 -y --owner shop alice@shop.example
	is '.ok == false and (.why | test("no role for that"))'
	lock 65 -y --owner shop nobody@shop.example
	lock 65 -y --owner shop alice
	lock 64 -y --owner -x alice@shop.example
	[ -e /etc/userdomains ] || lock 66 -y alice@shop.example
}

@test "cPanel: a given password is not put, and locks it all the same" {
	mailbox-lock -y --new-password alice@shop.example >hash.jsonl
	lock 78 -y --owner shop - <hash.jsonl
	is '.locked and .changed and .proven and .new_password == false and
		.ok == false and (.why | test("^locked; .* as an argument only"))'
	[[ $stderr == *'cred-vault get mailbox/alice@shop.example'* ]]
	[ "$(cat login outgoing | paste -sd,)" = 1,1 ]
	run -1 grep -qF "$(jq -r .hash hash.jsonl)" argv
	lock 78 -y --owner shop - <hash.jsonl
	is '.locked and .was and .changed == false'
	lock 0 -y --undo --owner shop alice@shop.example
	[ "$(cat login outgoing | paste -sd,)" = 0,0 ]
	# what fails before it is no lock
	: >broken
	lock 69 -y --owner shop - <hash.jsonl
	is '.locked == false'
}

@test "cPanel: killed after each call, the next run ends the same" {
	for n in 1 2 3; do
		echo 0 >login
		echo 0 >outgoing
		rm -rf state argv
		mv bin/uapi bin/uapi.real
		printf '#!/bin/sh\n%s/bin/uapi.real "$@"\n[ "$(wc -l <%s/argv)" != %s ] || kill -KILL $PPID\n' \
			"$W" "$W" "$n" >bin/uapi
		chmod +x bin/uapi
		run -137 mailbox-lock -y --owner shop alice@shop.example
		mv bin/uapi.real bin/uapi
		run -0 mailbox-lock -y --owner shop alice@shop.example
		[ "$(cat login outgoing | paste -sd,)" = 1,1 ]
		run -0 mailbox-lock -y --undo --owner shop alice@shop.example
		[ "$(cat login outgoing | paste -sd,)" = 0,0 ]
	done
}

@test "Plesk: another password and a limit of nothing; the limit is lifted" {
	printf '#!/bin/sh\necho "$*" >>%s/argv\necho "$PSA_PASSWORD" >>%s/env\n[ ! -e %s/fail ] || { echo "no such mail" >&2; exit 1; }\n' \
		"$W" "$W" "$W" >bin/plesk
	chmod +x bin/plesk
	rm bin/uapi
	lock 0 -n alice@shop.example
	is '.backend == "plesk" and .changed'
	[ ! -e argv ]
	lock 0 -y alice@shop.example
	is '.changed and .locked and .new_password == false'
	[ "$(head -n 1 argv)" = 'bin mail -u alice@shop.example -passwd  -passwd_type crypt' ]
	[ "$(tail -n 1 argv)" = 'bin mail -u alice@shop.example -outgoing-messages-mbox-limit 0' ]
	head -n 1 env | grep -qE '^\$6\$'
	[ "$(tail -n 1 env)" = '' ]
	lock 0 -y alice@shop.example
	is '.changed == false'
	mailbox-lock -y --new-password alice@shop.example >hash.jsonl
	lock 0 -y - <hash.jsonl
	is '.changed and .new_password'
	grep -qxF "$(jq -r .hash hash.jsonl | sed 's/^{[^}]*}//')" env
	lock 0 -y --undo alice@shop.example
	is '.changed'
	[ "$(tail -n 1 argv)" = 'bin mail -u alice@shop.example -outgoing-messages-mbox-limit default' ]
	: >fail
	lock 69 -y bob@shop.example
	is '.why | test("no such mail")'
}
