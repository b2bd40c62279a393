# exim.bash - real Exim instances for tests and the drill
#
# The unpacked Exim believes in /usr/sbin/exim4, /etc/exim4 and a user
# Debian-exim, none of which the host has. Each call therefore runs in a mount
# namespace of its own where two overlays supply them:
#   /usr  build/peers/root/usr over the host's
#   /etc  DIR/ns/etc (passwd, group, hosts, resolv.conf, exim4/) over the host's
# Root keeps its rights, Exim its set-user-id bit, and the spool belongs to the
# exim user (a uid free on the host), as in real life. Anyone else needs user
# namespaces: his own uid is then called Debian-exim, and Exim runs unprivileged
# (and notes on stderr and in the panic log that -C costs it its privilege).
# Nothing leaves the machine: Exim's clients bind to 127.0.0.1, and the only
# name server in resolv.conf is 127.0.0.1.
#
# exim_available                 0, or 1 and the reason on stderr (skip then)
# exim_make DIR [key=value ...]  write an instance; keys below
# exim_start DIR [exim args]     daemon in the foreground of its own pid
# exim_stop DIR                  and everything that it started
# exim_port DIR
# exim_submit DIR FROM TO [smtp_submit.py options]
# exim_queue_count DIR [QUEUE]
# exim_run DIR COMMAND...        any command inside the instance's namespace
# exim_delivery DIR sink PORT | smarthost HOST::PORT   change where mail goes
# exim_hold DIR | exim_release DIR                     the hold file
# exim_hook DIR                  the lines that exim-hold prints, put in place
# DIR/bin/{exim4,exim,sendmail,mailq,exiqgrep,exipick,...} work like the real ones
#
# Keys of exim_make:
#   route=sink|smarthost|none    where foreign mail goes           (sink)
#   sink=PORT                    for route=sink: 127.0.0.1:PORT
#   smarthost=HOST::PORT         HOST is pointed at 127.0.0.1
#   tls=require|try|off          to the smarthost, verified by ca= (require)
#   auth=require|try|off         hosts_require_auth, or Debian's hosts_try_auth
#   ca=FILE sni=NAME             CA certificates; SNI sent         (the host name)
#   user= pass=                  DIR/ses.pw
#   users=ID:PASS,...            DIR/users (write odd ids there yourself)
#   local_domains=LIST           (quell.test : localhost)
#   local=maildir|file|discard   to DIR/mail/USER                  (maildir)
#   split=yes queue_only=yes message_logs=no hook=no relay=no
#   hold=DIR                     the hook's files                  (DIR/quell)
#   retry=RULE                   (F,1h,5s)
#   log=stock|SELECTOR           log_selector                      (all that helps)
#   hosts=NAME,...               more names that are 127.0.0.1 in the namespace
#   cert=FILE key=FILE           STARTTLS on the listener
#   extra=FILE                   main options, included before the rest
# shellcheck shell=bash

# shellcheck source=tests/lib/peers.bash
. "$(dirname "${BASH_SOURCE[0]}")/peers.bash"

exim_all_log='+pid +smtp_connection +subject +sender_on_delivery +received_recipients'
exim_all_log+=' +received_sender +arguments +incoming_port +outgoing_port +queue_time'
exim_all_log+=' +deliver_time +tls_sni +tls_peerdn +smtp_protocol_error'
exim_all_log+=' +smtp_syntax_error +smtp_confirmation'

# A number that no user and no group of the host has
exim_free_id()
{
	local id

	for ((id = 979; id > 100; id--)); do
		getent passwd "$id" >/dev/null || getent group "$id" >/dev/null ||
			break
	done
	echo "$id"
}

# The command that opens a namespace, for the user that runs the tests. The
# "/" of a chroot is no mount point and cannot be made private; exim_view makes
# a private one there.
exim_enter()	# ID
{
	if [ "$(id -u)" != 0 ]; then
		echo "unshare --user --map-user=$1 --map-group=$1 --keep-caps --mount --propagation private --"
	elif unshare --mount --propagation private true 2>/dev/null; then
		echo 'unshare --mount --propagation private --'
	else
		echo 'unshare --mount --propagation unchanged -- env QUELL_CHROOT=1'
	fi
}

# What sh does inside: $0 lies over /etc, $1/usr over /usr, $2 goes before
# PATH, the rest is run. In
# a chroot everything is first bound below a private mount, so that no mount
# of ours shows outside, and that is the new root.
# shellcheck disable=SC2016
exim_view='
	r=
	if [ -n "${QUELL_CHROOT-}" ]; then
		unset QUELL_CHROOT
		r=/proc/fs/root
		mount --make-private /proc && mount -t tmpfs none /proc/fs &&
			mkdir $r && mount --rbind / $r &&
			mount --make-rprivate $r || exit 71
	fi
	mount -t overlay -o "lowerdir=$0:/etc" none $r/etc &&
		mount -t overlay -o "lowerdir=$1/usr:/usr" none $r/usr || exit 71
	PATH=$2/usr/sbin:/usr/bin:/sbin:/bin:$PATH
	export PATH
	shift 2
	[ -n "$r" ] || exec "$@"
	exec chroot $r /bin/sh -c "cd \"\$0\" && exec \"\$@\"" "$PWD" "$@"
'

exim_available()
{
	local probe

	peers_have exim || return 1
	probe=$(exim_enter 979)
	# shellcheck disable=SC2086 # its words
	$probe /bin/sh -c "$exim_view" "$PEERS_ROOT/usr" "$PEERS_ROOT" "" true \
		2>/dev/null && return 0
	echo 'exim: no mount namespace with overlayfs here (a container' \
		'without CAP_SYS_ADMIN, a chroot without /proc, or' \
		'restricted user namespaces);' \
		'run as root' >&2
	return 1
}

# Exim's own user must be able to walk to DIR. Temporary folders of ours are
# opened for passage (not for listing); anybody's else are left alone.
exim_passable()	# DIR
{
	local at=$1

	[ "$(id -u)" = 0 ] || return 0
	while [ "$at" != / ]; do
		if ! [ $(($(stat -c '0%a' "$at") & 1)) = 1 ]; then
			case $at/ in
			"${TMPDIR:-/tmp}"/?* | /tmp/?* | "${BATS_RUN_TMPDIR:-/tmp}"/*)
				chmod a+x "$at"
				;;
			*)
				echo "exim: $at: the exim user cannot enter;" \
					"use a folder below ${TMPDIR:-/tmp}" >&2
				return 1
				;;
			esac
		fi
		at=$(dirname "$at")
	done
}

exim_make_ns()	# DIR ID HOSTS
{
	local etc=$1/ns/etc id=$2 name

	mkdir -p "$etc/exim4" "$etc/exim"
	{
		cat /etc/passwd
		for name in Debian-exim exim; do
			echo "$name:x:$id:$id::$1/spool:/usr/sbin/nologin"
		done
	} >"$etc/passwd"
	{
		cat /etc/group
		echo "Debian-exim:x:$id:"
		echo "exim:x:$id:"
	} >"$etc/group"
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' \
		>"$etc/nsswitch.conf"
	printf '%s\n' 'nameserver 127.0.0.1' 'options timeout:1 attempts:1' \
		>"$etc/resolv.conf"
	# One name a line: the first of a line would be Exim's \$host for all.
	for name in localhost mail.quell.test $3; do
		echo "127.0.0.1 $name"
	done >"$etc/hosts"
	echo mail.quell.test >"$etc/mailname"
	# With -C a set-user-id Exim drops root unless the file is named here.
	echo "$1/exim.conf" >"$etc/exim4/trusted_configs"
	ln -sfn "$1/exim.conf" "$etc/exim4/exim4.conf"
	ln -sfn "$1/exim.conf" "$etc/exim/exim.conf"
}

exim_make_bin()	# DIR ID
{
	local dir=$1 id=$2 name enter first=''

	enter=$(exim_enter "$id")
	# Without -C an unprivileged Exim refuses a configuration that is not
	# root's: the wrapper gives it.
	[ "$(id -u)" = 0 ] || first=$dir/bin:
	mkdir -p "$dir/bin"
	cat >"$dir/bin/.enter" <<-END
	#!/bin/sh
	# Run a command where the instance $dir is the system's Exim.
	[ \$# -gt 0 ] || exit 64
	# Inside already? (The environment does not tell: quell's children get a
	# fresh one.)
	[ "\$(readlink /etc/exim4/exim4.conf)" = '$dir/exim.conf' ] && exec "\$@"
	exec $enter /bin/sh -c '$exim_view' '$dir/ns/etc' '$PEERS_ROOT' '$first' "\$@"
	END
	cat >"$dir/bin/exim4" <<-END
	#!/bin/bash
	# Stands for every program of Exim's, under whatever name it is called.
	name=\${0##*/}
	conf=(-C '$dir/exim.conf')
	for arg; do
		case \$arg in -C*) conf=() ;; esac
	done
	binary=/usr/sbin/exim4
	[ -x '$PEERS_ROOT/usr/sbin/exim4' ] || binary=/usr/sbin/exim
	case \$name in
	exim | exim4 | sendmail | mailq | newaliases | runq | rmail | rsmtp)
		exec '$dir/bin/.enter' /bin/bash -c 'exec -a "\$0" "\$@"' \\
			"\$name" "\$binary" "\${conf[@]}" "\$@"
		;;
	exiqgrep | exipick)
		exec '$dir/bin/.enter' "/usr/sbin/\$name" "\${conf[@]}" "\$@"
		;;
	*)
		exec '$dir/bin/.enter' "/usr/sbin/\$name" "\$@"
		;;
	esac
	END
	chmod 0755 "$dir/bin/.enter" "$dir/bin/exim4"
	for name in exim sendmail mailq runq exiqgrep exipick exigrep exinext \
		exiqsumm eximstats exim_dbmbuild exim_dumpdb exim_tidydb; do
		ln -sf exim4 "$dir/bin/$name"
	done
}

# What a site adds to its Exim so that an incident can be steered by files;
# the manual shows the same lines. Why three pieces hold mail back:
# - hold_domains is Exim's own hold. It writes no retry data and never bounces,
#   but a forced delivery (-M, -qf, -qff) does not heed it.
# - the router stops forced deliveries. Its deferral counts as a failed try, and
#   Exim bounces an address once the message is older than the retry rules.
# - the retry rule takes that end away for as long as mail is held.
# A file that does not exist would make lsearch defer, hence each exists.
exim_make_hook()	# DIR HOLD
{
	local dir=$1 hold=$2 account

	account="exists{$hold/hold_accounts}{\${lookup{\$authenticated_id}lsearch{$hold/hold_accounts}"
	cat >"$dir/hook.main.conf" <<-END
	# quell: main section
	queue_only_file = $hold/queue_only
	hold_domains = \${if exists{$hold/hold}{! +local_domains}{\${if $account{! +local_domains}}}}}}
	END
	cat >"$dir/hook.retry.conf" <<-END
	# quell: before the first retry rule
	"\${if exists{$hold/hold}{*}{\${if $account{*}{}}}}}}"  *  F,52w,5m
	END
	cat >"$dir/hook.acl_mail.conf" <<-END
	# quell: first lines of the ACL that acl_smtp_mail names
	  deny    authenticated = *
	          condition     = \${if exists{$hold/deny_accounts}{\${lookup{\$authenticated_id}lsearch{$hold/deny_accounts}{yes}{no}}}{no}}
	          message       = 5.7.1 sending is suspended for this account
	END
	cat >"$dir/hook.acl_not_smtp.conf" <<-END
	# quell: first lines of the ACL that acl_not_smtp names
	  deny    condition     = \${if exists{$hold/deny_users}{\${lookup{\$sender_ident}lsearch{$hold/deny_users}{yes}{no}}}{no}}
	          message       = sending is suspended for this user
	END
	# what only exim-hold --print-hook has
	printf '%s\n' '# quell: first lines of the ACL that acl_smtp_rcpt names' \
		>"$dir/hook.acl_rcpt.conf"
	cat >"$dir/hook.router.conf" <<-END
	# quell: before the first router
	quell_hold:
	  driver = redirect
	  domains = ! +local_domains
	  condition = \${if exists{$hold/hold}}
	  allow_defer
	  data = :defer: held by incident response
	  no_verify

	quell_hold_account:
	  driver = redirect
	  domains = ! +local_domains
	  condition = \${if exists{$hold/hold_accounts}{\${lookup{\$authenticated_id}lsearch{$hold/hold_accounts}{yes}{no}}}{no}}
	  allow_defer
	  data = :defer: account held by incident response
	  no_verify
	END
}

exim_make_conf()	# DIR; reads the keys from the caller's array
{
	local dir=$1 inc='' local_transport tls_lines auth_lines
	local password="\${lookup{pass}lsearch{$dir/ses.pw}{\$value}fail}"

	[ "${k[hook]}" = no ] || inc=.include
	case ${k[tls]} in
	require) tls_lines='hosts_require_tls = *' ;;
	try) tls_lines='tls_tempfail_tryclear = false' ;;
	*) tls_lines='hosts_avoid_tls = *' ;;
	esac
	if [ "${k[tls]}" != off ]; then
		tls_lines+=$'\n  tls_sni = '${k[sni]:-\$host}
		[ -z "${k[ca]-}" ] || tls_lines+=$'\n  tls_verify_certificates = '${k[ca]}$'\n  tls_verify_hosts = *\n  tls_verify_cert_hostnames = *'
	fi
	case ${k[auth]} in
	require) auth_lines='hosts_require_auth = *' ;;
	try) auth_lines='hosts_try_auth = *' ;;
	*) auth_lines='' ;;
	esac
	case ${k[local]} in
	file) local_transport="file = $dir/mail/\$local_part_data" ;;
	maildir) local_transport="directory = $dir/mail/\$local_part_data
  maildir_format" ;;
	esac

	{
		echo "# generated by tests/lib/exim.bash"
		[ -z "${k[extra]-}" ] || echo ".include ${k[extra]}"
		cat <<-END
		.include $dir/port.conf
		exim_path = ${exim_stock}
		primary_hostname = mail.quell.test
		qualify_domain = quell.test
		domainlist local_domains = ${k[local_domains]}
		local_interfaces = 127.0.0.1
		disable_ipv6
		spool_directory = $dir/spool
		log_file_path = $dir/log/%slog
		pid_file_path = $dir/exim.pid
		$([ "${k[log]}" = stock ] || echo "log_selector = ${k[log]}")
		keep_environment =
		host_lookup =
		rfc1413_query_timeout = 0s
		dns_dnssec_ok = 0
		daemon_startup_retries = 0
		smtp_accept_max = 200
		smtp_accept_max_per_connection = 0
		smtp_accept_queue_per_connection = 0
		smtp_enforce_sync = false
		recipients_max = 0
		check_spool_space = 0
		split_spool_directory = ${k[split]}
		queue_only = ${k[queue_only]}
		message_logs = ${k[message_logs]}
		never_users =
		$([ "${k[cert]-}" ] && echo "tls_advertise_hosts = *
		tls_certificate = ${k[cert]}
		tls_privatekey = ${k[key]}" || echo 'tls_advertise_hosts =')
		auth_advertise_hosts = *
		acl_smtp_mail = acl_check_mail
		acl_smtp_rcpt = acl_check_rcpt
		acl_smtp_data = acl_check_data
		acl_not_smtp = acl_check_not_smtp
		${inc:+$inc $dir/hook.main.conf}

		begin acl

		acl_check_mail:
		${inc:+$inc $dir/hook.acl_mail.conf}
		  accept

		acl_check_rcpt:
		${inc:+$inc $dir/hook.acl_rcpt.conf}
		  accept  authenticated = *
		  accept  domains = +local_domains
		          endpass
		          verify = recipient
		  $([ "${k[relay]}" = no ] || echo 'accept  hosts = 127.0.0.1')
		  deny    message = relay not permitted

		acl_check_data:
		  accept

		acl_check_not_smtp:
		${inc:+$inc $dir/hook.acl_not_smtp.conf}
		  accept

		begin routers

		${inc:+$inc $dir/hook.router.conf}

		END
		case ${k[route]} in
		sink)
			cat <<-END
			to_sink:
			  driver = manualroute
			  domains = ! +local_domains
			  transport = remote_sink
			  route_list = * 127.0.0.1
			  self = send

			END
			;;
		smarthost)
			cat <<-END
			smarthost:
			  driver = manualroute
			  domains = ! +local_domains
			  transport = remote_smtp_smarthost
			  route_data = \${readfile{$dir/smarthost}{}} byname
			  host_find_failed = defer
			  self = send

			END
			;;
		none)
			cat <<-END
			no_way_out:
			  driver = redirect
			  domains = ! +local_domains
			  allow_defer
			  data = :defer: no way out
			  no_verify

			END
			;;
		esac
		cat <<-END
		aliases:
		  driver = redirect
		  data = \${if exists{$dir/aliases}{\${lookup{\$local_part}lsearch{$dir/aliases}}}}

		local_user:
		  driver = accept
		  domains = +local_domains
		  local_parts = lsearch;$dir/mailboxes
		  $([ "${k[local]}" = discard ] && echo 'transport = discard' || echo 'transport = local_delivery')

		begin transports

		remote_sink:
		  driver = smtp
		  port = \${readfile{$dir/sink}{}}
		  allow_localhost
		  interface = 127.0.0.1
		  hosts_avoid_tls = *
		  connect_timeout = 5s
		  command_timeout = 10s

		remote_smtp_smarthost:
		  driver = smtp
		  # by number: a small system has no /etc/services
		  port = 25
		  allow_localhost
		  interface = 127.0.0.1
		  connect_timeout = 5s
		  command_timeout = 10s
		  $tls_lines
		  $auth_lines

		discard:
		  driver = appendfile
		  file = /dev/null

		END
		[ "${k[local]}" = discard ] || cat <<-END
		local_delivery:
		  driver = appendfile
		  $local_transport
		  create_directory
		  delivery_date_add
		  envelope_to_add
		  return_path_add
		  user = ${exim_uid}
		  group = ${exim_uid}

		END
		cat <<-END
		begin retry

		${inc:+$inc $dir/hook.retry.conf}
		*  *  ${k[retry]}

		begin authenticators

		server_plain:
		  driver = plaintext
		  public_name = PLAIN
		  server_prompts = :
		  server_condition = \${if eq{\$auth3}{\${lookup{\$auth2}lsearch{$dir/users}{\$value}fail}}}
		  server_set_id = \$auth2

		server_login:
		  driver = plaintext
		  public_name = LOGIN
		  server_prompts = <| Username: | Password:
		  server_condition = \${if eq{\$auth2}{\${lookup{\$auth1}lsearch{$dir/users}{\$value}fail}}}
		  server_set_id = \$auth1

		ses_login:
		  driver = plaintext
		  public_name = LOGIN
		  hide client_send = : \${lookup{user}lsearch{$dir/ses.pw}{\$value}fail} : \\
		    \${sg{$password}{\\N[\\^]\\N}{^^}}
		END
	} >"$dir/exim.conf"
}

exim_make()	# DIR [key=value ...]
{
	local dir pair name id smarthost_name exim_uid exim_stock=/usr/sbin/exim4
	declare -A k=(
		[route]="sink" [sink]="25" [smarthost]="" [tls]="require"
		[auth]="require" [user]="AKIAQUELLTEST0000001" [pass]="unset"
		[users]="" [local]="maildir" [hosts]="" [split]="no"
		[queue_only]="no" [message_logs]="yes" [hook]="yes"
		[relay]="yes" [retry]="F,1h,5s"
		[local_domains]="quell.test : localhost"
		[log]="$exim_all_log"
	)

	mkdir -p "$1" || return 1
	dir=$(cd "$1" && pwd -P)
	shift
	case $dir$PEERS_ROOT in
	*[\ :,\'\"\\]*)
		echo "exim: $dir: no colon, comma, quote or blank, please" >&2
		return 1
		;;
	esac
	for pair; do
		name=${pair%%=*}
		case $name in
		route | sink | smarthost | tls | auth | ca | sni | user | pass | \
			users | local_domains | local | split | queue_only | \
			message_logs | hook | hold | relay | retry | log | \
			hosts | cert | key | extra) k[$name]=${pair#*=} ;;
		*)
			echo "exim_make: $name: no such key" >&2
			return 1
			;;
		esac
	done
	exim_passable "$dir" || return 1
	[ -e "$PEERS_ROOT/usr/sbin/exim4" ] || exim_stock=/usr/sbin/exim

	exim_uid=$(exim_free_id)
	smarthost_name=${k[smarthost]%%::*}
	case $smarthost_name in
	*[!0-9.]*) k[hosts]+=,$smarthost_name ;;
	esac
	exim_make_ns "$dir" "$exim_uid" "${k[hosts]//,/ }"
	exim_make_bin "$dir" "$exim_uid"
	: "${k[hold]:=$dir/quell}"
	mkdir -p "$dir/spool" "$dir/log" "$dir/mail" "${k[hold]}"
	chmod 0750 "$dir/spool" "$dir/log"
	# The exim user must get into the hold folder: to him a file that he
	# cannot reach does not exist, so nobody is denied and nothing queued.
	# A file that he cannot read makes Exim answer 451 instead.
	chmod 0755 "${k[hold]}"
	exim_make_hook "$dir" "${k[hold]}"
	exim_make_conf "$dir"
	[ "${k[hold]}" = "$dir/quell" ] || ln -sfn "${k[hold]}" "$dir/quell"
	printf '%s' "${k[smarthost]}" >"$dir/smarthost"
	printf '%s' "${k[sink]}" >"$dir/sink"
	: >"$dir/port.conf"
	: >"$dir/aliases"
	printf '%s: %s\n' postmaster postmaster billing billing alice alice \
		bob bob >"$dir/mailboxes"
	printf 'user: %s\npass: %s\n' "${k[user]}" "${k[pass]}" >"$dir/ses.pw"
	: >"$dir/users"
	[ -z "${k[users]}" ] || for pair in ${k[users]//,/ }; do
		printf '%s: %s\n' "${pair%%:*}" "${pair#*:}"
	done >"$dir/users"
	chmod 0640 "$dir/ses.pw" "$dir/users"
	chmod 0644 "$dir"/*.conf
	echo "$exim_uid" >"$dir/exim.uid"
	if [ "$(id -u)" = 0 ]; then
		chown "$exim_uid:$exim_uid" "$dir/spool" "$dir/log" "$dir/mail"
		chgrp "$exim_uid" "$dir/ses.pw" "$dir/users"
	fi
}

exim_run()	# DIR COMMAND...
{
	local dir

	dir=$(cd "$1" && pwd -P) || return 1
	shift
	"$dir/bin/.enter" "$@"
}

exim_start()	# DIR [exim args]
{
	local dir port pid

	dir=$(cd "$1" && pwd -P) || return 1
	shift
	for _ in 1 2 3 4 5; do
		port=$(peers_free_port)
		echo "daemon_smtp_ports = $port" >"$dir/port.conf"
		"$dir/bin/exim4" -bdf "$@" </dev/null >"$dir/daemon.out" 2>&1 3>&- &
		pid=$!
		echo "$pid" >"$dir/daemon.pid"
		echo "$port" >"$dir/port"
		# When another server took the port meanwhile, Exim gives up.
		peers_wait 10 exim_up "$dir" "$pid"
		peers_listens "$port" && ! peers_gone "$pid" && return 0
		peers_stop "$pid"
	done
	cat "$dir/daemon.out" "$dir/log/paniclog" >&2 2>/dev/null
	return 1
}

exim_up()	# DIR PID; also done when it died
{
	peers_gone "$2" || peers_listens "$(<"$1/port")"
}

exim_port()	# DIR
{
	cat "$1/port"
}

# The processes of an instance: Exim works in its spool folder, and is given
# the configuration by name.
exim_pids()	# DIR
{
	local dir p

	dir=$(cd "$1" && pwd -P) || return 1
	{
		grep -lzxF -e "$dir/exim.conf" /proc/[0-9]*/cmdline 2>/dev/null
		for p in /proc/[0-9]*; do
			[ "$p/cwd" -ef "$dir/spool" ] && echo "$p/"
		done
	} | cut -d/ -f3 | sort -u | while read -r p; do
		[ "$p" = $$ ] || [ "$p" = "$BASHPID" ] || peers_gone "$p" || echo "$p"
	done
}

exim_stop()	# DIR
{
	local pids

	[ -d "$1/bin" ] || return 0
	peers_stop_file "$1/daemon.pid"
	# A runner may start another delivery between look and stop.
	for _ in 1 2 3; do
		pids=$(exim_pids "$1")
		[ -n "$pids" ] || break
		# shellcheck disable=SC2086 # a list of pids
		peers_stop $pids
	done
	rm -f "$1/exim.pid"
}

exim_submit()	# DIR FROM TO [option...]
{
	local dir=$1 from=$2 to=$3

	shift 3
	"$PEERS_PYTHON" "$PEERS_LIB/smtp_submit.py" --port "$(exim_port "$dir")" \
		--from "$from" --to "$to" "$@"
}

exim_queue_count()	# DIR [QUEUE]
{
	"$1/bin/exim4" ${2:+"-qG$2"} -bpc
}

exim_delivery()	# DIR sink|smarthost WHERE
{
	printf '%s' "$3" >"$1/$2"
}

exim_hook()	# DIR
{
	exim-hold --print-hook --hook-dir "$1/quell" >"$1/hook.txt" || return
	awk -v to="$1/hook." '/^# == / { name = substr($3, 1, index($3, ":") - 1)
		if (name ~ /^(mail|not_smtp|rcpt)$/) name = "acl_" name
		file = to name ".conf"; printf "" >file; next }
		file { print >file }' "$1/hook.txt"
}

exim_hold()	# DIR
{
	: >"$1/quell/hold"
}

exim_release()	# DIR
{
	rm -f "$1/quell/hold"
}
