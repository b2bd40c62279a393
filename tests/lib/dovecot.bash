# dovecot.bash - a real Dovecot for tests, unpacked and never installed
#
# As exim.bash: each call runs in a mount namespace where overlays supply
# /usr and /etc; what may change lies in DIR.
#
# dovecot_available            0, or 1 and the reason on stderr (skip then)
# dovecot_make DIR [deny]      users alice@ and bob@quell.test in DIR/users;
#                              with deny, a deny list DIR/deny before it
# dovecot_start DIR | dovecot_stop DIR
# dovecot_login DIR USER PASSWORD   0: IMAP lets it in
# dovecot_session DIR USER PASSWORD LOG  a session that stays, its pid in
#                              dovecot_pid; LOG ends when it is ended
# DIR/bin/.enter COMMAND...    where it is the system's Dovecot
# shellcheck shell=bash

# shellcheck source=tests/lib/exim.bash
. "$(dirname "${BASH_SOURCE[0]}")/exim.bash"

dovecot_available() {
	local probe

	[ "$(id -u)" = 0 ] || {
		echo 'dovecot: root only' >&2
		return 1
	}
	peers_have dovecot || return 1
	probe=$(exim_enter 979)
	# shellcheck disable=SC2086 # its words
	$probe /bin/sh -c "$exim_view" "$PEERS_ROOT/usr" "$PEERS_ROOT" "" \
		doveconf --help >/dev/null 2>&1
	# shellcheck disable=SC2086
	$probe /bin/sh -c "$exim_view" "$PEERS_ROOT/usr" "$PEERS_ROOT" "" true \
		2>/dev/null && return 0
	echo 'dovecot: no mount namespace with overlayfs here' >&2
	return 1
}

dovecot_make() {	# DIR [deny]
	local dir etc id name

	mkdir -p "$1"
	dir=$(cd "$1" && pwd -P)
	etc=$dir/ns/etc
	exim_passable "$dir" || return 1
	mkdir -p "$etc/dovecot" "$dir/run" "$dir/mail" "$dir/bin"
	cp /etc/passwd /etc/group "$etc/"
	id=$(exim_free_id)
	for name in dovecot dovenull vmail; do
		echo "$name:x:$id:$id::/:/bin/false" >>"$etc/passwd"
		echo "$name:x:$id:" >>"$etc/group"
		id=$((id - 1))
		while getent passwd "$id" >/dev/null; do id=$((id - 1)); done
	done
	chown "$((id + 1))" "$dir/mail"
	printf '%s\n' 'alice@quell.test:{PLAIN}secret::::::' \
		'bob@quell.test:{PLAIN}bobpw::::::' >"$dir/users"
	: >"$dir/deny"
	ln -sfn "$dir/dovecot.conf" "$etc/dovecot/dovecot.conf"
	cat >"$dir/bin/.enter" <<-END
	#!/bin/sh
	[ "\$(readlink /etc/dovecot/dovecot.conf)" = '$dir/dovecot.conf' ] && exec "\$@"
	exec $(exim_enter 979) /bin/sh -c '$exim_view' '$etc' '$PEERS_ROOT' '' "\$@"
	END
	chmod +x "$dir/bin/.enter"
	{
		cat <<-END
		base_dir = $dir/run
		state_dir = $dir/run
		log_path = $dir/log
		protocols = imap
		listen = 127.0.0.1
		ssl = no
		disable_plaintext_auth = no
		mail_location = maildir:$dir/mail/%u
		first_valid_uid = 1
		auth_cache_size = 1M
		auth_failure_delay = 0
		END
		[ "${2-}" != deny ] || printf '%s\n' 'passdb {' \
			'  driver = passwd-file' '  deny = yes' \
			"  args = $dir/deny" '}'
		cat <<-END
		passdb {
		  driver = passwd-file
		  args = scheme=CRYPT username_format=%u $dir/users
		}
		userdb {
		  driver = static
		  args = uid=vmail gid=vmail home=$dir/mail/%u
		}
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
		service imap-login {
		  inet_listener imap {
		    port = PORT
		  }
		  inet_listener imaps {
		    port = 0
		  }
		}
		END
	} >"$dir/dovecot.conf.in"
}

dovecot_start() {	# DIR
	local dir port

	dir=$(cd "$1" && pwd -P)
	for _ in 1 2 3 4 5; do
		port=$(peers_free_port)
		sed "s/PORT/$port/" "$dir/dovecot.conf.in" >"$dir/dovecot.conf"
		"$dir/bin/.enter" dovecot -F </dev/null >"$dir/out" 2>&1 3>&- &
		echo $! >"$dir/pid"
		peers_wait 60 dovecot_up "$(<"$dir/pid")" "$port"
		if peers_listens "$port"; then
			echo "$port" >"$dir/port"
			return 0
		fi
		dovecot_stop "$dir"
	done
	cat "$dir/out" "$dir/log" >&2
	return 1
}

dovecot_up() {	# PID PORT; also done when it died
	peers_gone "$1" || peers_listens "$2"
}

dovecot_stop() {	# DIR
	peers_stop_file "$1/pid"
}

dovecot_login() {	# DIR USER PASSWORD
	local fd line rc=1

	exec {fd}<>"/dev/tcp/127.0.0.1/$(<"$1/port")" || return 2
	read -r -t 60 line <&"$fd" || rc=2
	printf 'a LOGIN %s %s\r\nb LOGOUT\r\n' "$2" "$3" >&"$fd"
	while read -r -t 60 line <&"$fd"; do
		case $line in
		'a OK'*) rc=0 && break ;;
		'a NO'*) rc=1 && break ;;
		esac
	done
	exec {fd}>&-
	return "$rc"
}

dovecot_session() {	# DIR USER PASSWORD LOG
	(
		exec 5<>"/dev/tcp/127.0.0.1/$(<"$1/port")"
		printf 'a LOGIN %s %s\r\n' "$2" "$3" >&5
		cat <&5
		echo ended
	) >"$4" 2>&1 </dev/null 3>&- &
	# shellcheck disable=SC2034 # for the caller
	dovecot_pid=$!
	peers_wait 60 grep -q '^a OK' "$4"
}
