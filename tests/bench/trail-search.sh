#!/usr/bin/env bash
# trail-search: CPU time on a CloudTrail .json.gz, as a ratio to `zcat | wc -c`
# of the same file in the same run
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/trail-search
events=${EVENTS:-60000}
runs=${RUNS:-5}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 "$root/tests/lib/trail_make.py" "$events" | gzip >"$dir/t.json.gz"
printf '%d events, %d bytes, packed %d\n' "$events" \
	"$(zcat "$dir/t.json.gz" | wc -c)" "$(stat -c %s "$dir/t.json.gz")"

# shellcheck disable=SC2016 # $0 is bash -c's
zcat=(bash -c 'zcat "$0" | wc -c' "$dir/t.json.gz")
show() { # NAME OPTION...
	local name=$1 base ms kib
	shift
	read -r base _ < <(bench_cpu "$runs" "${zcat[@]}")
	read -r ms kib < <(bench_cpu "$runs" "$bin" -q -o json --file "$@" \
		"$dir/t.json.gz")
	bench_ratio "$name ($kib KiB)" "$base" "$ms"
}
echo "                                                zcat|wc -c  trail-search"
show 'a key' --key=AKIASTOLENKEY0000001
show 'an address' --ip=203.0.113.66
show 'a network' --ip=203.0.113.64/26
show 'calls that matter' --flagged
show 'since a time' --all --since=2027-01-01
show 'summary of all' --all --summary
show 'every event written' --all
