#!/bin/bash
# queue.sh: spam is taken out of a queue while Exim accepts and delivers, with
# random kill -9 of the purger and of Exim; then nothing may be lost, nothing
# delivered twice, and nothing delivered that is in quarantine.
#
# Environment: TORTURE_COUNT (100000) messages, 70 % of them spam;
# TORTURE_KILLS (20) of the purger; TORTURE_EXIM_KILLS (5) of an Exim process;
# TORTURE_RUNNERS (2); TORTURE_SPLIT (yes); TORTURE_LONG_IDS; TORTURE_DIR;
# TORTURE_RESTORE (no): bring it all back in the end, and let Exim deliver it.
#
# An Exim that is killed between the server's answer and its own note of it
# delivers a second time, whoever else is at work: so many doubles as kills
# are counted, and more are wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
: "${TORTURE_COUNT:=100000}" "${TORTURE_KILLS:=20}" "${TORTURE_EXIM_KILLS:=5}"
: "${TORTURE_RUNNERS:=2}" "${TORTURE_SPLIT:=yes}" "${TORTURE_LONG_IDS:=}"
: "${TORTURE_DIR:=}" "${TORTURE_RESTORE:=no}"
export PATH="$root/${B:-build}/bin:$PATH"
# shellcheck source=tests/lib/exim.bash
. tests/lib/exim.bash
SPAM=billing@victim.example

say() {
	printf 'torture: %s\n' "$*" >&2
}

D=${TORTURE_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/quell-torture.XXXXXX")}
mkdir -p "$D"
chmod 0711 "$D"
: >"$D/exim-kills"
: >"$D/late"
helpers=()

clean_up() {
	touch "$D/stop"
	wait ${helpers[@]+"${helpers[@]}"} 2>/dev/null || true
	exim_stop "$D/x" 2>/dev/null || true
	sink_stop "$D/sink" 2>/dev/null || true
	[ -n "$TORTURE_DIR" ] || rm -rf "$D"
}
trap clean_up EXIT

make_world() {
	local args=(--count "$TORTURE_COUNT" --list "$D/kinds")
	exim_available
	smtp_sink_start "$D/sink" --no-bodies
	exim_make "$D/x" sink="$(sink_port "$D/sink")" queue_only=yes \
		split="$TORTURE_SPLIT" users="$SPAM:pw,late@honest.example:pw" \
		retry=F,1h,1s
	[ "$TORTURE_SPLIT" != yes ] || args+=(--split)
	[ -z "$TORTURE_LONG_IDS" ] || args+=(--long-ids)
	[ "$(id -u)" != 0 ] || args+=(--owner "$(<"$D/x/exim.uid")")
	tests/lib/spool_make.py "$D/x/spool" "${args[@]}" >"$D/counts"
	exim_start "$D/x"
	say "$(<"$D/counts")"
}

# Mail of honest people and of the thief goes on arriving.
arrive() {
	local n=0
	while [ ! -e "$D/stop-arriving" ] && [ ! -e "$D/stop" ]; do
		n=$((n + 1))
		exim_submit "$D/x" late@honest.example "late.$n.%d@late.example" \
			--user late@honest.example --pass pw --count 5 \
			--connections 1 --ids | sed "s/^/$n /" >>"$D/late" || true
		exim_submit "$D/x" x@e.example "thief.$n.%d@late.example" \
			--user "$SPAM" --pass pw --count 5 --connections 1 \
			>/dev/null || true
		sleep 0.2
	done
}

run_queue() {
	while [ ! -e "$D/stop-running" ] && [ ! -e "$D/stop" ]; do
		"$D/x/bin/exim4" -q >/dev/null 2>&1 || true
	done
}

# One process of Exim's, not the daemon: most live for a moment only.
kill_exim() {
	local n=0 pid
	while [ "$n" -lt "$TORTURE_EXIM_KILLS" ] && [ ! -e "$D/stop-running" ]; do
		sleep "0.$((RANDOM % 9 + 1))"
		pid=$(pgrep -x exim4 | while read -r pid; do
			[ "/proc/$pid/cwd" -ef "$D/x/spool" ] &&
				[ "$pid" != "$(<"$D/x/daemon.pid")" ] && echo "$pid"
		done | shuf -n 1) || true
		[ -n "$pid" ] || continue
		kill -9 "$pid" 2>/dev/null || continue
		echo "$pid" >>"$D/exim-kills"
		n=$((n + 1))
	done
}

# Until the purger at $1 has begun to move, or is at its end: a kill before
# that would try nothing, and a long plan takes long to read.
begun() {
	local manifest=$D/x/spool/Q/quell-manifest.jsonl before=$2
	while kill -0 "$1" 2>/dev/null &&
		[ "$(stat -c %s "$manifest" 2>/dev/null || echo 0)" = "$before" ]
	do
		sleep 0.02
	done
}

spam_left() {
	exim-queue --spool "$D/x/spool" --auth-user "$SPAM" | wc -l
}

# Killed, again and again; then until nothing is left of it.
take_out() {
	local n pid left rc size
	for ((n = 0; n < TORTURE_KILLS; n++)); do
		exim-queue --spool "$D/x/spool" --auth-user "$SPAM" >"$D/plan"
		[ -s "$D/plan" ] || break
		size=$(stat -c %s "$D/x/spool/Q/quell-manifest.jsonl" \
			2>/dev/null || echo 0)
		exim-queue-purge -q --spool "$D/x/spool" --queue-name Q \
			--partly-delivered -y <"$D/plan" >/dev/null 2>&1 3>&- &
		pid=$!
		begun "$pid" "$size"
		sleep "0.$(printf '%03d' $((RANDOM % 500 + 1)))"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	touch "$D/stop-arriving"
	for n in 1 2 3 4 5 6 7 8 9; do
		left=$(spam_left)
		say "$left messages of the thief are left"
		[ "$left" -gt 0 ] || [ "$n" -lt 3 ] || break
		rc=0
		exim-queue --spool "$D/x/spool" --auth-user "$SPAM" |
			exim-queue-purge -q --spool "$D/x/spool" \
			--queue-name Q --partly-delivered -y --wait 20 \
			>>"$D/purged" || rc=$?
		# nothing left: no ids is 64; what is being delivered is 75
		case $rc in 0 | 64 | 75) ;; *) return "$rc" ;; esac
		sleep 0.3
	done
	[ "$(spam_left)" = 0 ]
}

drain() {
	local n
	touch "$D/stop-running"
	for n in 1 2 3 4 5 6; do
		"$D/x/bin/exim4" -qff >/dev/null 2>&1 || true
		[ "$(exim_queue_count "$D/x")" != 0 ] || return 0
	done
}

judge() {	# [--all]
	"$PEERS_PYTHON" tests/torture/check.py --spool "$D/x/spool" \
		--sink "$D/sink/log.jsonl" --kinds "$D/kinds" \
		--late "$D/late" \
		--doubles "$(wc -l <"$D/exim-kills")" "$@"
}

make_world
arrive &
helpers+=($!)
for ((i = 0; i < TORTURE_RUNNERS; i++)); do
	run_queue &
	helpers+=($!)
done
kill_exim &
helpers+=($!)
start=$(date +%s)
take_out
say "taken out in $(($(date +%s) - start)) s"
drain
"$D/x/bin/exim4" -bp >"$D/bp" 2>&1
[ ! -s "$D/bp" ] || {
	say "exim -bp is not clean:"
	head "$D/bp" >&2
	exit 1
}
# what Exim says of the processes that were killed here is no panic
grep -v 'Failed writing SMTP\|Failed writing transport result\|terminated by signal\|from transport process\|crashed with signal 9' \
	"$D/x/log/paniclog" 2>/dev/null && {
	say "Exim panicked"
	exit 1
}
judge
exim-quarantine verify -q --spool "$D/x/spool" Q >"$D/verified" || {
	say "verify: $(grep -c '"ok":false' "$D/verified") not as taken"
	exit 1
}
[ "$TORTURE_RESTORE" = yes ] || exit 0
n=$(exim-queue --spool "$D/x/spool" --queue Q | wc -l)
exim-quarantine restore -q --spool "$D/x/spool" Q --yes="$n" >/dev/null
drain
judge --all
