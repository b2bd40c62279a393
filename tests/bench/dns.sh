#!/bin/bash
# dns.sh: the DNS engine.  A million lookups beside massdns (goals: at least
# its rate, at most its CPU, at most 8 MiB of memory, nothing lost), the same
# against a real list server, a line of 40 ms that loses 2 % (goal: every name
# answered), and one address in 60 lists (goals: at most 1.1 times the slowest
# list; with 3 dead ones, done at the limit of 3 s and each of them named).
#
# massdns is found by $MASSDNS or in PATH, else its rows are left out.  NAMES
# (1000000) and RUNS (3) may be set.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build}
PATH=$PWD/$B/bin:$PATH
# shellcheck source=tests/lib/dns.bash
. tests/lib/dns.bash
names=${NAMES:-1000000}
runs=${RUNS:-3}
massdns=${MASSDNS:-$(command -v massdns || true)}
tmp=$(mktemp -d)
server=
stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	server=
}
trap 'stop; [ ! -e "$tmp/rbl/pid" ] || dns_stop "$tmp/rbl"; rm -rf "$tmp"' EXIT

# serve [option...]: a dns_server; $port is where
serve() {
	stop
	rm -f "$tmp/port"
	"$B/bench/dns_server" "$@" >"$tmp/port" &
	server=$!
	peers_wait 5 test -s "$tmp/port"
	port=$(<"$tmp/port")
}

# ours FILE: one line "wall cpu_us listed unanswered kib repeats"
ours() {
	{ "$B/bench/dns_many" "127.0.0.1:$port" "$1" 60 || true; } \
		2>&1 >"$tmp/out" |
		awk '{ print $5, $6, $2, $4, $7 - $8, $9 }'
}

# theirs FILE IN_FLIGHT: the same of massdns; what it gives up on it does not
# say
theirs() {
	local count t

	count=$(wc -l <"$1")
	echo "127.0.0.1:$port" >"$tmp/resolvers"
	TIMEFORMAT='%R %U %S'
	t=$({ time timeout 120 "$massdns" --root -q -r "$tmp/resolvers" -s "$2" \
		-t A -o S -w "$tmp/out" "$1" >/dev/null 2>&1; } 2>&1)
	awk -v n="$count" -v listed="$(wc -l <"$tmp/out")" \
		'{ printf "%.3f %.2f %d - - -\n", $1, ($2 + $3) * 1e6 / n, listed }' \
		<<<"$t"
}

# row NAME COUNT < lines: the median of the runs
row() {
	sort -n | awk -v name="$1" -v n="$2" '{ line[NR] = $0 } END {
		split(line[int((NR + 1) / 2)], f, " ")
		printf "%-34s %8.0f/s %6.2f us CPU %8d listed %5s unanswered %6s KiB %6s again\n",
			name, n / f[1], f[2], f[3], f[4], f[5], f[6] }'
}

# race NAME FILE IN_FLIGHT...: ours and theirs by turns
race() {
	local name=$1 file=$2 count i w

	shift 2
	count=$(wc -l <"$file")
	rm -f "$tmp"/run.*
	for ((i = 0; i < runs; i++)); do
		ours "$file" >>"$tmp/run.ours"
		for w in ${massdns:+"$@"}; do
			theirs "$file" "$w" >>"$tmp/run.$w"
		done
	done
	row "$name: ours" "$count" <"$tmp/run.ours"
	for w in ${massdns:+"$@"}; do
		row "$name: massdns -s $w" "$count" <"$tmp/run.$w"
	done
}

[ -n "$massdns" ] || echo "no massdns here: its rows are left out"
awk -v n="$names" 'BEGIN {
	srand(1)
	for (i = 0; i < n; i++)
		printf "%d.%d.%d.%d.bl.quell.test\n", rand() * 256, rand() * 256,
		    i / 256 % 256, i / 65536 % 256
}' >"$tmp/names"
head -n $((names / 5)) "$tmp/names" >"$tmp/fifth"

serve -b 131072
race "$names names" "$tmp/names" 64 256 1000
serve -d 40 -l 20
race "40 ms, 2 % lost" "$tmp/fifth" 10000

if peers_have rbldnsd; then
	sed 's/\.bl\.quell\.test$//' "$tmp/fifth" | awk -F. 'NR % 10 == 0 {
		print $4 "." $3 "." $2 "." $1 }' |
		rbldnsd_zone "$tmp/rbl" bl.quell.test ip4set
	rbldnsd_start "$tmp/rbl"
	port=$(dns_port "$tmp/rbl")
	race "rbldnsd" "$tmp/fifth" 64 1000
	dns_stop "$tmp/rbl"
fi

# 60 lists, 12 to 348 ms away, most of them near
serve
for ((i = 0; i < 60; i++)); do
	rtt=$((12 + i * i * i * 336 / 205379))
	printf 'l%d.rtt%d.test\t4\tblack\t1\n' "$i" "$rtt"
done >"$tmp/alive"
sed 's/^l\(7\|23\|41\)\.rtt[0-9]*/l\1.dead/' "$tmp/alive" >"$tmp/dead"
check() {	# TABLE: milliseconds, verdicts
	local began=${EPOCHREALTIME/[.,]/} ms

	XDG_STATE_HOME=$(mktemp -d -p "$tmp") dnsbl-check --force --zones "$1" \
		-t 3 --resolver "127.0.0.1:$port" 192.0.2.11 \
		>"$tmp/verdicts" 2>/dev/null || true
	ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
	echo "$ms $(jq -r '.verdict + " " + (.why // "")' "$tmp/verdicts" |
		sort | uniq -c | tr -s ' \n' ' ')"
}
for ((i = 0; i < runs; i++)); do
	read -r ms verdicts < <(check "$tmp/alive")
	awk -v ms="$ms" -v v="$verdicts" 'BEGIN { printf \
		"60 lists, the slowest 348 ms: %d ms, 1 : %.2f (%s)\n",
		ms, ms / 348, v }'
done
read -r ms verdicts < <(check "$tmp/dead")
echo "60 lists, 3 dead, limit 3 s: $ms ms ($verdicts): $(jq -r \
	'select(.why == "timeout") | .zone' "$tmp/verdicts" | paste -sd' ')"
