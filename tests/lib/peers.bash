# peers.bash - what the harness of every real server shares
#
# Works in bats and in plain bash. No function prints to stdout unless that is
# its result. Servers are started with fd 3 closed (bats waits for whoever
# holds it) and are stopped by pid.
# shellcheck shell=bash

PEERS_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
PEERS_TOP=$(cd "$PEERS_LIB/../.." && pwd -P)
PEERS_ROOT=${QUELL_PEERS:-$PEERS_TOP/build/peers}/root
# A version manager's shim costs a tenth of a second at each start.
PEERS_PYTHON=/usr/bin/python3
[ -x "$PEERS_PYTHON" ] || PEERS_PYTHON=python3

# peers_have PEER...: fetched already, or fetched now; else 1 with the reason
peers_have()
{
	"$PEERS_TOP/tests/peers.sh" get "$@"
}

# Where the unpacked shared libraries are, for LD_LIBRARY_PATH
peers_libs()
{
	find "$PEERS_ROOT" -type d \
		\( -path '*/lib/*-linux-gnu*' -o -name lib64 \) -print 2>/dev/null |
		paste -sd:
}

# peers_free_port: a port on which nobody listens, below the ephemeral range
# so that no client socket takes it between now and its use
peers_free_port()
{
	local port hex

	while :; do
		port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
		printf -v hex '%04X' "$port"
		grep -qi "^ *[0-9]*: [0-9A-F]*:$hex " /proc/net/tcp \
			/proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null ||
			break
	done
	echo "$port"
}

# peers_wait SECONDS COMMAND...: until it succeeds; 1 when time is up
peers_wait()
{
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))

	shift
	until "$@" 2>/dev/null; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.03
	done
}

# peers_listens PORT: a TCP server is there (looked up, not connected to: a
# probe would be in its log)
peers_listens()
{
	local hex

	printf -v hex '%04X' "$1"
	grep -q "^ *[0-9]*: [0-9A-F]*:$hex 0*:0000 0A " /proc/net/tcp
}

peers_gone()	# PID
{
	local state

	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
	[ "${state%% *}" = Z ]
}

# peers_stop PID...: TERM, and KILL after three seconds
peers_stop()
{
	local pid

	for pid; do
		kill -TERM "$pid" 2>/dev/null || continue
		peers_wait 3 peers_gone "$pid" || kill -KILL "$pid" 2>/dev/null || :
		# 127 when it is not our child: bats would take that for a failure
		wait "$pid" 2>/dev/null || :
	done
	return 0
}

# peers_stop_file FILE: the same for the pid that FILE names
peers_stop_file()
{
	[ -s "$1" ] || return 0
	peers_stop "$(<"$1")"
	rm -f "$1"
}

# peers_sink KIND DIR [option...]: start smtp_sink.py, http_sink.py or
# fakedns.py; port and pid are left in DIR/port and DIR/pid
peers_sink()
{
	local kind=$1 dir=$2

	shift 2
	mkdir -p "$dir"
	rm -f "$dir/port"
	"$PEERS_PYTHON" "$PEERS_LIB/$kind.py" --dir "$dir" --parent-pid $$ "$@" \
		</dev/null >/dev/null 2>"$dir/stderr" 3>&- &
	echo $! >"$dir/pid"
	peers_wait 10 test -s "$dir/port" && return 0
	cat "$dir/stderr" >&2
	return 1
}

smtp_sink_start()	# DIR [option...]
{
	peers_sink smtp_sink "$@"
}

http_sink_start()	# DIR [option...]
{
	peers_sink http_sink "$@"
}

# sink_stop DIR; sink_port DIR; sink_count DIR (mails or posts recorded)
sink_stop()
{
	peers_stop_file "$1/pid"
}

sink_port()
{
	cat "$1/port"
}

sink_count()
{
	if [ -e "$1/log.jsonl" ]; then wc -l <"$1/log.jsonl"; else echo 0; fi
}
