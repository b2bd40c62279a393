#!/usr/bin/env bash
# abuse-parse: time and memory of one run, as ratios to `true` and to an
# interpreter that does nothing
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/abuse-parse
mail=$root/tests/data/notice/01-initial.eml
runs=${RUNS:-100}

# once MEASURE COMMAND...: milliseconds of one run, and its peak in KiB
once() {
	local t0 t1 i kib
	read -r _ kib < <(bench_cpu 1 "$@")
	"$@" >/dev/null		# once more, unmeasured: everything is cached
	t0=${EPOCHREALTIME/./}
	for ((i = 0; i < runs; i++)); do "$@" >/dev/null; done
	t1=${EPOCHREALTIME/./}
	awk -v us=$((t1 - t0)) -v n="$runs" -v k="$kib" \
		'BEGIN { printf "%.2f %d\n", us / n / 1000, k }'
}

true=$(type -P true)
read -r base_ms base_kib < <(once "$true")
printf '%-28s %8s %8s %8s %8s\n' run ms 'x true' KiB 'x true'
show() {
	local name=$1 ms kib
	shift
	read -r ms kib < <(once "$@")
	awk -v name="$name" -v ms="$ms" -v b="$base_ms" -v k="$kib" \
		-v bk="$base_kib" 'BEGIN { printf "%-28s %8.2f %8.1f %8d %8.1f\n",
		name, ms, ms / b, k, k / bk }'
}
show true "$true"
show 'abuse-parse notice' "$bin" -o json "$mail"
show 'abuse-parse ISO-2022-JP' "$bin" -o json \
	"$root/tests/data/notice/22-japanese.eml"
show 'abuse-parse Health event' "$bin" -o json \
	"$root/tests/data/notice/41-sns.json"
if type -P python3 >/dev/null; then
	show 'python3 -c pass' python3 -c pass
fi
