# dns.bash - list servers and resolvers on loopback
#
# rbldnsd_zone DIR ZONE TYPE     add a zone; the list is read from stdin
#                                (TYPE ip4set, ip4trie, ip6trie, dnset, generic);
#                                RFC 5782's test point comes by itself
# rbldnsd_start DIR              all zones of DIR on a free UDP port
# unbound_start DIR ZONE=PORT... a resolver that asks 127.0.0.1:PORT for ZONE;
#                                ".=PORT" for everything else (else NXDOMAIN)
# fakedns_start DIR ZONES.json [option...]   see fakedns.py
# dns_port DIR | dns_stop DIR    for all three
# dns_ask PORT NAME [TYPE] [--tcp]   RCODE, then the answers, one a line
# shellcheck shell=bash

# shellcheck source=tests/lib/peers.bash
. "$(dirname "${BASH_SOURCE[0]}")/peers.bash"

rbldnsd_zone()	# DIR ZONE TYPE < list
{
	mkdir -p "$1/zones"
	{
		echo "\$SOA 60 ns.$2 hostmaster.$2 1 600 300 86400 60"
		echo "\$NS 60 ns.$2"
		case $3 in
		ip4*)
			echo ':127.0.0.2:listed, see https://lists.test/$'
			echo '127.0.0.2'
			;;
		ip6*)
			echo ':127.0.0.2:listed, see https://lists.test/$'
			echo '0:0:0:0:0:ffff:7f00:2/128'
			;;
		dnset)
			echo ':127.0.0.2:listed, see https://lists.test/$'
			echo test
			;;
		esac
		cat
	} >"$1/zones/$2.$3"
}

rbldnsd_start()	# DIR
{
	local dir port zones=() f as

	dir=$(cd "$1" && pwd -P) || return 1
	for f in "$dir"/zones/*; do
		f=${f##*/}
		zones+=("${f%.*}:${f##*.}:$f")
	done
	# It will not run as root, and its own user does not exist here. A chroot
	# spares that nobody a walk through the caller's private folders.
	as=(-w "$dir/zones")
	if [ "$(id -u)" = 0 ]; then
		chmod a+rx "$dir" "$dir/zones"
		chmod a+r "$dir"/zones/*
		as=(-u 65534:65534 -r "$dir" -w /zones)
	fi
	for _ in 1 2 3 4 5; do
		port=$(peers_free_port)
		LD_LIBRARY_PATH=$(peers_libs) "$PEERS_ROOT/usr/sbin/rbldnsd" \
			-n -c 1 "${as[@]}" -b "127.0.0.1/$port" "${zones[@]}" \
			</dev/null >"$dir/out" 2>&1 3>&- &
		echo $! >"$dir/pid"
		echo "$port" >"$dir/port"
		peers_wait 5 dns_up "$dir" "$port" && ! peers_gone "$!" && return 0
		dns_stop "$dir"
	done
	cat "$dir/out" >&2
	return 1
}

unbound_start()	# DIR ZONE=PORT...
{
	local dir port pair

	mkdir -p "$1"
	dir=$(cd "$1" && pwd -P) || return 1
	shift
	for _ in 1 2 3 4 5; do
		port=$(peers_free_port)
		{
			cat <<-END
			server:
			    interface: 127.0.0.1@$port
			    port: $port
			    # No packet may leave, whatever the zones say.
			    outgoing-interface: 127.0.0.1
			    do-not-query-localhost: no
			    do-ip6: no
			    do-daemonize: no
			    username: ""
			    chroot: ""
			    directory: "$dir"
			    pidfile: ""
			    use-syslog: no
			    logfile: ""
			    verbosity: 1
			    num-threads: 1
			    module-config: "iterator"
			    access-control: 127.0.0.0/8 allow
			    cache-max-negative-ttl: 1
			    infra-host-ttl: 1
			    root-hints: ""
			END
			case " $*" in
			*' .='*) ;;
			*) echo '    local-zone: "." static' ;;
			esac
			# Or the built-in zones ("test.", 127.in-addr.arpa) answer.
			for pair; do
				[ "${pair%%=*}" = . ] ||
					echo "    local-zone: \"${pair%%=*}\" transparent"
			done
			[ ! -e "$dir/extra.conf" ] || cat "$dir/extra.conf"
			printf 'remote-control:\n    control-enable: no\n'
			for pair; do
				if [ "${pair%%=*}" = . ]; then
					printf 'forward-zone:\n    name: "."\n    forward-addr: 127.0.0.1@%s\n' \
						"${pair#*=}"
				else
					printf 'stub-zone:\n    name: "%s"\n    stub-addr: 127.0.0.1@%s\n' \
						"${pair%%=*}" "${pair#*=}"
				fi
			done
		} >"$dir/unbound.conf"
		LD_LIBRARY_PATH=$(peers_libs) "$PEERS_ROOT/usr/sbin/unbound" \
			-d -c "$dir/unbound.conf" </dev/null >"$dir/out" 2>&1 3>&- &
		echo $! >"$dir/pid"
		echo "$port" >"$dir/port"
		peers_wait 5 dns_up "$dir" "$port" && ! peers_gone "$!" && return 0
		dns_stop "$dir"
	done
	cat "$dir/out" >&2
	return 1
}

fakedns_start()	# DIR ZONES.json [option...]
{
	local dir=$1 file=$2

	shift 2
	peers_sink fakedns "$dir" --zones "$file" "$@"
}

# Up when anything is bound to its UDP port, or when it died
dns_up()	# DIR PORT
{
	local hex

	printf -v hex '%04X' "$2"
	peers_gone "$(<"$1/pid")" ||
		grep -q "^ *[0-9]*: 0100007F:$hex " /proc/net/udp
}

dns_port()
{
	cat "$1/port"
}

dns_stop()
{
	peers_stop_file "$1/pid"
}

dns_ask()	# PORT NAME [TYPE] [--tcp]
{
	"$PEERS_PYTHON" "$PEERS_LIB/dns_ask.py" "$@"
}
