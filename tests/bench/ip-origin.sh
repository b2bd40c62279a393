#!/usr/bin/env bash
# ip-origin: addresses a second from an .mmdb (records and columns), and from a
# table of ranges; beside mmdblookup(1) where it is
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/ip-origin
count=${COUNT:-1000000}
networks=${NETWORKS:-60000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

echo "{\"many\": $networks}" |
	python3 "$root/tests/lib/mmdb_make.py" "$dir/asn.mmdb" GeoLite2-ASN
# the same networks as ranges, and addresses in them, in no order
awk -v n="$networks" -v count="$count" -v tsv="$dir/ranges.tsv" 'BEGIN {
	srand(7)
	for (i = 0; i < n; i++) {
		v = 65536 + i
		p = int(v / 65536) "." int(v / 256) % 256 "." v % 256
		printf "%s.0\t%s.255\t%d\tDE\tNetwork %d\n", p, p, 1000 + i, i >tsv
	}
	for (i = 0; i < count; i++) {
		v = 65536 + int(rand() * n)
		printf "%d.%d.%d.%d\n", int(v / 65536), int(v / 256) % 256,
			v % 256, int(rand() * 256)
	}
}' >"$dir/ips"
printf '%d addresses, %d networks\n' "$count" "$networks"

show() {	# NAME ARGUMENT...
	local name=$1 ms kib
	shift
	# shellcheck disable=SC2016 # bash -c's
	read -r ms kib < <(bench_cpu 1 bash -c 'ips=$1; shift
		"$@" <"$ips" >/dev/null' _ "$dir/ips" "$bin" -q "$@")
	awk -v n="$name" -v c="$count" -v ms="$ms" -v k="$kib" 'BEGIN {
		printf "%-32s %8.2f s CPU  %9.0f a second  %d KiB\n", n, ms / 1000,
		    c / ms * 1000, k }'
}
if "$bin" --version | grep -q libmaxminddb; then
	show 'mmdb, records' -o json --db "$dir/asn.mmdb"
	show 'mmdb, columns' --column 1 --db "$dir/asn.mmdb"
fi
show 'table, records' -o json --db "$dir/ranges.tsv"
show 'table, columns' --column 1 --db "$dir/ranges.tsv"
if command -v mmdblookup >/dev/null; then
	head -n 300 "$dir/ips" >"$dir/few"
	# shellcheck disable=SC2016 # bash -c's
	read -r ms _ < <(bench_cpu 1 bash -c 'while read -r ip; do
		mmdblookup -f "$1" -i "$ip"; done <"$2" >/dev/null 2>&1' _ \
		"$dir/asn.mmdb" "$dir/few")
	awk -v ms="$ms" 'BEGIN { printf "%-32s %34.0f a second\n",
		"mmdblookup, one at a time", 300 / ms * 1000 }'
fi
