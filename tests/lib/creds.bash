# creds.bash - an Exim whose smarthost wants AUTH: for the exim-creds tests
#
# creds_sink               start the smarthost, in setup_file; stop: creds_stop
# creds_make TEXT          an instance X whose client authenticators are TEXT
# creds_no_sink            no smarthost: nothing is to be sent
# creds_begin              a test's folder, with old.cred and new.cred
# creds_lookup             X keeps the old credential in x/ses.pw
# creds_inline             X keeps it in x/exim.conf; both set $what, the file
#                          that changes, and keep it as `before`
# creds_is_new             every place holds the new credential
# creds_fault VAR=VALUE COMMAND...
#                          the command under faults.so: sets rc; out and err
# creds_block USER SECRET  a credential block
# sends USER SECRET        a real Exim sends a mail with just that credential
# sends_not USER SECRET    or does not
# creds_debian true|false  X is a Debian host (split or not), TEXT after it;
#                          commands for it go through `debian`
# The smarthost takes one credential at a time, so a mail that arrives proves
# byte for byte what Exim sent.
# shellcheck shell=bash

# shellcheck source=tests/lib/exim.bash
. "$(dirname "${BASH_SOURCE[0]}")/exim.bash"

OLD_USER=AKIAOLDOLDOLDOLDOLD1
# shellcheck disable=SC2034 # for who loads this
OLD_PASS=BAoldoldoldoldoldoldoldoldoldoldoldoldoldo+/
NEW_USER=AKIANEWNEWNEWNEWNEW2
# shellcheck disable=SC2034
NEW_PASS=BBnew+ew/ewnewnewnewnewnewnewnewnewnewnewnw+
export OLD_USER NEW_USER

creds_sink()	# [option...]
{
	export CREDS_SINK=$BATS_FILE_TMPDIR/sink
	mkdir -p "$CREDS_SINK"
	echo '{"accounts": []}' >"$CREDS_SINK/script"
	smtp_sink_start "$CREDS_SINK" --script "$CREDS_SINK/script" \
		--auth a:b --require-auth "$@"
}

creds_stop()
{
	[ -z "${CREDS_SINK-}" ] || sink_stop "$CREDS_SINK"
}

creds_no_sink()
{
	export CREDS_SINK=$PWD/none
	mkdir none
	echo 9 >none/port
}

creds_begin()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	creds_block "$OLD_USER" "$OLD_PASS" >old.cred
	creds_block "$NEW_USER" "$NEW_PASS" >new.cred
	chmod 600 old.cred new.cred
}

creds_available()
{
	exim_available || skip "no exim"
	[ "$(id -u)" = 0 ] || skip "only root may read what Exim keeps"
}

creds_make()	# TEXT [exim_make's key=value ...]
{
	local text=$1

	shift
	X=$BATS_TEST_TMPDIR/x
	exim_make "$X" route=smarthost \
		smarthost="127.0.0.1::$(sink_port "$CREDS_SINK")" tls=off \
		log=stock hook=no "$@"
	sed -i '/^ *ses_login:/,$d' "$X/exim.conf"
	printf '%s\n' "$text" >>"$X/exim.conf"
	chgrp "$(<"$X/exim.uid")" "$X/exim.conf"
	chmod 0640 "$X/exim.conf"
	PATH=$X/bin:$PATH
	export QUELL_STATE_DIR=$BATS_TEST_TMPDIR/state
}

creds_block()
{
	printf 'username=%s\npassword=%s\n' "$1" "$2"
}

# an authenticator with the old credential in it
# shellcheck disable=SC2034
CREDS_LOGIN="ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : $OLD_USER : $OLD_PASS"

creds_inline()	# [TEXT]
{
	creds_make "${1-$CREDS_LOGIN}"
	what=x/exim.conf
	cp -p "$what" before
}

creds_lookup()
{
	creds_make "ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : \${lookup{user}lsearch{$PWD/x/ses.pw}{\$value}fail} : \${lookup{pass}lsearch{$PWD/x/ses.pw}{\$value}fail}"
	what=x/ses.pw
	printf 'user: %s\npass: %s\n' "$OLD_USER" "$OLD_PASS" >"$what"
	chown "root:$(<x/exim.uid)" "$what"
	chmod 640 "$what"
	cp -p "$what" before
}

creds_is_new()
{
	exim-creds --compare --from-file new.cred | jq -se 'length > 0 and
		all(.same_user and .same_password)' >/dev/null
}

creds_fault()	# VARIABLE=VALUE COMMAND...
{
	local preload

	preload_faults
	rc=0
	env "$1" LD_PRELOAD="$preload" "${@:2}" >out 2>err </dev/null || rc=$?
}

# Kills of exim-creds: Exim works with the old credential or with the new one,
# and the next run ends where this one was to end.

creds_killed()	# VARIABLE=VALUE COMMAND...: 137 or its own end
{
	creds_fault "$@"
	[[ $rc == 0 || $rc == 137 ]] || { echo "$1: $rc"; cat err; return 1; }
}

# All places, whole, and each file's user and password belong together
creds_whole()	# PLACES
{
	exim-creds --compare --from-file old.cred >a &&
		exim-creds --compare --from-file new.cred >b &&
		[ "$(wc -l <a)" = "$1" ] &&
		paste -d' ' <(jq -c '[.same_user, .same_password]' a) \
			<(jq -c '[.same_user, .same_password]' b) >c &&
		[ "$(grep -cvxE '\[true,true\] \[false,false\]|\[false,false\] \[true,true\]' c)" = 0 ]
}

creds_clean()	# STATUS: of the state, and nothing lies about
{
	[ -z "$(find x -name '.*quell*')" ] &&
		[ "$(jq -r .status state/exim-creds.json)" = "$1" ]
}

# --put killed at each call of a kind in turn, until it is not any more, which
# is after more than ATLEAST of them
creds_each_kill()	# KIND PATH PLACES ATLEAST
{
	local n

	for ((n = 1; n < 30; n++)); do
		creds_killed "$1=$n:$2:KILL" \
			exim-creds --put -y --from-file new.cred
		creds_whole "$3" || { echo "$1=$n: not whole"; return 1; }
		[ "$rc" = 137 ] || break
		exim-creds --put -y --from-file new.cred >out 2>err || {
			echo "$1=$n: then"
			cat err
			return 1
		}
		if ! creds_is_new || ! creds_clean 'done'; then
			echo "$1=$n: not ended"
			return 1
		fi
		exim-creds --undo -y >/dev/null
		cmp before "$what"
		creds_clean undone
	done
	creds_is_new
	[ "$n" -gt "$4" ]
	exim-creds --undo -y >/dev/null
}

creds_submit()
{
	rm -rf "$X/spool/db" "$X/spool/input"
	printf 'Subject: x\n\nx\n' |
		${CREDS_RUN-} exim4 -odf -f a@quell.test v@example.net 2>/dev/null
}

sends()
{
	local n

	jq -nc --arg a "$1:$2" '{accounts: [$a]}' >"$CREDS_SINK/script.new"
	mv "$CREDS_SINK/script.new" "$CREDS_SINK/script"
	n=$(sink_count "$CREDS_SINK")
	creds_submit
	[ "$(sink_count "$CREDS_SINK")" = $((n + 1)) ] &&
		[ "$(tail -n1 "$CREDS_SINK/log.jsonl" | jq -r .auth)" = "$1" ]
}

sends_not()
{
	if sends "$@"; then
		return 1
	fi
}

# --- Debian ---------------------------------------------------------------

creds_debian_available()
{
	creds_available
	peers_have exim-config || skip "no Debian configuration"
}

# A command where X's folders are /etc/exim4 and /var/lib/exim4
debian()
{
	# shellcheck disable=SC2016
	exim_run "$X" /bin/sh -c '
		mount --bind "$0/deb/etc" /etc/exim4 &&
		mount -t overlay -o "lowerdir=$0/deb/lib:/var/lib" none /var/lib &&
		mount --bind "$0/deb/var" /var/lib/exim4 &&
		mkdir -p /var/spool 2>/dev/null
		exec "$@"' "$X" "$@"
}

creds_debian()	# true|false, passwd.client's lines
{
	creds_make ''
	PATH=${PATH#"$X/bin:"}
	mkdir -p "$X/deb/lib/exim4" "$X/deb/var"
	cp -a "$PEERS_ROOT/etc/exim4" "$X/deb/etc"
	rm -f "$X/ns/etc/exim4/exim4.conf" "$X/ns/etc/exim4/trusted_configs"
	cat >"$X/deb/etc/update-exim4.conf.conf" <<-END
	dc_eximconfig_configtype='smarthost'
	dc_other_hostnames='quell.test'
	dc_local_interfaces='127.0.0.1'
	dc_readhost=''
	dc_relay_domains=''
	dc_minimaldns='false'
	dc_relay_nets=''
	dc_smarthost='smtp.quell.test::$(sink_port "$CREDS_SINK")'
	CFILEMODE='640'
	dc_use_split_config='$1'
	dc_hide_mailname=''
	dc_mailname_in_oh='true'
	dc_localdelivery='mail_spool'
	END
	sed 's/^\t*//' >"$X/macros" <<-END
	AUTH_CLIENT_ALLOW_NOTLS_PASSWORDS = yes
	REMOTE_SMTP_SMARTHOST_HOSTS_AVOID_TLS = *
	MAIN_HOST_LOOKUP =
	SPOOLDIR = $X/spool
	log_file_path = $X/log/%slog
	pid_file_path = $X/exim.pid
	END
	if [ "$1" = true ]; then
		cp "$X/macros" "$X/deb/etc/conf.d/main/000_local"
	else
		cp "$X/macros" "$X/deb/etc/exim4.conf.localmacros"
	fi
	sed -i '/^remote_smtp_smarthost:/,/driver/s/driver = smtp/&\n  allow_localhost\n  port = 25/' \
		"$X/deb/etc/exim4.conf.template" \
		"$X/deb/etc/conf.d/transport/30_exim4-config_remote_smtp_smarthost"
	sed -i '/^smarthost:/a\  self = send' \
		"$X/deb/etc/exim4.conf.template" \
		"$X/deb/etc/conf.d/router/200_exim4-config_primary"
	echo '127.0.0.1 smtp.quell.test' >>"$X/ns/etc/hosts"
	printf '%s\n' "$2" >"$X/deb/etc/passwd.client"
	chgrp "$(<"$X/exim.uid")" "$X/deb/etc/passwd.client"
	chmod 0640 "$X/deb/etc/passwd.client"
	debian update-exim4.conf
	CREDS_RUN=debian
}

# Extended attributes, one a line; set_attr FILE NAME VALUE says whether the
# file system takes it.
attrs()	# FILE...
{
	"$PEERS_PYTHON" -c 'import os, sys
for f in sys.argv[1:]:
    for n in sorted(os.listxattr(f)):
        print(f, n, os.getxattr(f, n).hex())' "$@"
}

set_attr()	# FILE NAME VALUE
{
	"$PEERS_PYTHON" -c 'import os, sys
os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())' "$@" 2>/dev/null
}
