#!/bin/bash
# feed-rate.sh - how fast addresses go against a list's own file: the library
# alone, with a dense feed too, then the whole command with a sparse feed and a /8. Wanted: 5 M/s.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build}
"$B/bench/feed_rate"
echo "ten million entries in one /8"
"$B/bench/feed_rate" 10000000
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
awk 'BEGIN { srand(1); for (i = 0; i < 1000000; i++)
	printf "%d.%d.%d.%d\n", 1 + int(rand() * 223), int(rand() * 256),
	    int(rand() * 256), int(rand() * 256) }' >"$D/feed"
read -r ms kib < <("$B/bench/measure" 3 "$B/bin/dnsbl-check" \
	--feed "ip4set:$D/feed" 10.0.0.0/8)
awk -v ms="$ms" -v kib="$kib" 'BEGIN {
	printf "command  %8.2f M addresses/s: a /8, reading the file included (%d ms of CPU, %d MiB)\n",
	    16777216 / ms / 1e3, ms, kib / 1024 }'
