#!/usr/bin/env bash
# maillog-suspects: CPU time on a generated Exim log (DAYS of some 25 MB; ids of
# 16 characters, since eximstats knows no others), as ratios to cat, eximstats,
# exigrep, igzip and zstd in the same run; wall time with two threads to one;
# memory for 100,000 accounts and a million addresses.  Of packed logs both
# times are told: the wall time on two cores is what an engineer waits, the CPU
# time is what is left on a machine that has other work.
# The Perl peers get the first PEER_MB only, and their ratios are per byte.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/maillog-suspects
days=${DAYS:-36}
peer_mb=${PEER_MB:-16}
runs=${RUNS:-3}
export TZ=UTC
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"${CC:-cc}" -O2 -std=c17 -D_GNU_SOURCE -o "$dir/generate" \
	"$root/tests/maillog/generate.c"
# ids of Exim before 4.97: the same first part, of the second its last digits
"$dir/generate" 1 3000 "$days" |
	sed -E 's/ ([0-9A-Za-z]{6})-00000([0-9A-Za-z]{6})-00([0-9A-Za-z]{2}) / \1-\2-\3 /' \
		>"$dir/log"
head -c $((peer_mb * 1000000)) "$dir/log" >"$dir/part"
size=$(stat -c %s "$dir/log")
printf '%d bytes, %d lines, %d arrivals\n' "$size" "$(wc -l <"$dir/log")" \
	"$(grep -c ' <= ' "$dir/log")"

ms() { bench_cpu "$runs" "$@" | cut -d' ' -f1; }
cat_ms=$(ms cat "$dir/log")
full=$(ms "$bin" --threads 1 "$dir/log")
bench_ratio 'cat : all analysed, one thread' "$cat_ms" "$full"
bench_ratio 'cat : --summary' "$cat_ms" "$(ms "$bin" --threads 1 --summary "$dir/log")"

# wall time: the best of several
wall() {
	local best=999999999 t0 t
	for ((i = 0; i < runs + 2; i++)); do
		t0=$(date +%s%N)
		"$@" >/dev/null
		t=$((($(date +%s%N) - t0) / 1000))
		[ "$t" -ge "$best" ] || best=$t
	done
	awk -v t="$best" 'BEGIN { printf "%.1f", t / 1000 }'
}
bench_ratio 'two threads : one (wall)' "$(wall "$bin" --threads 2 "$dir/log")" \
	"$(wall "$bin" --threads 1 "$dir/log")"

part=$(stat -c %s "$dir/part")
scaled() { awk -v f="$size" -v p="$part" -v t="$1" 'BEGIN { print t * f / p }'; }
"$root/tests/peers.sh" get igzip >&2 || true
peers=$("$root/tests/peers.sh" path 2>/dev/null || true)
tool() {
	local d
	command -v "$1" && return
	for d in usr/sbin usr/bin; do
		[ ! -e "$peers/$d/$1" ] || { echo "$peers/$d/$1"; return; }
	done
	return 1
}
if peer=$(tool eximstats); then
	bench_ratio 'all analysed : eximstats (per byte)' "$full" \
		"$(scaled "$(runs=1 ms perl "$peer" -nr -ne -nt "$dir/part")")"
fi
id=$(awk '/A=dovecot/ { id = $3 } END { print id }' "$dir/part")
trace=$(ms "$bin" --message-id "$id" "$dir/log")
if peer=$(tool exigrep); then
	bench_ratio '--message-id : exigrep (per byte)' "$trace" \
		"$(scaled "$(runs=1 ms perl "$peer" "$id" "$dir/part")")"
fi
bench_ratio 'cat : --message-id' "$cat_ms" "$trace"

# packed NAME FILE UNPACK...
packed() {
	local name=$1 file=$2
	shift 2
	bench_ratio "$name (wall, two threads)" "$(wall "$@" "$file")" \
		"$(wall "$bin" --threads 2 "$file")"
	bench_ratio "$name (CPU)" "$(ms "$@" "$file")" \
		"$(ms "$bin" --threads 2 "$file")"
}
gunzip=$(tool igzip) || gunzip=gzip
if [ "$gunzip" = gzip ]; then
	gzip -1 -c "$dir/log" >"$dir/log.gz"
else
	"$gunzip" -c "$dir/log" >"$dir/log.gz"
fi
packed "${gunzip##*/} -dc : .gz" "$dir/log.gz" "$gunzip" -dc
zstd -qc "$dir/log" >"$dir/log.zst"
packed 'zstd -dc : .zst' "$dir/log.zst" zstd -dc

# a million messages of as many addresses, each of them completed
awk 'BEGIN { srand(5); for (i = 0; i < 1000000; i++) { a = i % 100000
	s = i * 2; printf "2026-11-%02d %02d:%02d:%02d %06d-%06d-00 <= " \
	"user%d@d%d.example H=(pc) [%d.%d.%d.%d]:1 P=esmtpsa A=plain:" \
	"user%d@d%d.example S=1 T=\"t %d\"\n", 1 + s / 86400,
	s / 3600 % 24, s / 60 % 60, s % 60, i / 1000, i, a, a % 977,
	20 + rand() * 60, rand() * 256, rand() * 256, rand() * 256, a,
	a % 977, i
	printf "2026-11-%02d %02d:%02d:%02d %06d-%06d-00 Completed\n",
	1 + s / 86400, s / 3600 % 24, s / 60 % 60, s % 60, i / 1000,
	i } }' >"$dir/many"
for t in 1 2; do
	read -r _ kib < <(bench_cpu 1 "$bin" --threads "$t" "$dir/many")
	printf '%-44s %8d KiB\n' "100,000 accounts, 1 M addresses, $t threads" "$kib"
done
