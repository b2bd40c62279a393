#!/usr/bin/env bash
# weblog-forms: CPU time as a ratio to cat of the same log in the same run, and
# of the tools people count POSTs with to weblog-forms.  MB=1000, RUNS=3
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/weblog-forms
runs=${RUNS:-3} mb=${MB:-1000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# a POST in 20 lines, as on a host of shops and blogs; and in 7
make_log() {	# NAME GETS
	local n
	python3 "$root/tests/lib/weblog_make.py" "$dir/$1" --gets "$2"
	n=$((mb * 1000000 / $(stat -c %s "$dir/$1/access.log")))
	for ((; n > 0; n--)); do
		cat "$dir/$1/access.log"
	done >"$dir/$1.log"
	printf '%s: %s bytes, a POST in %s lines\n' "$1" \
		"$(stat -c %s "$dir/$1.log")" "$(awk '/"POST / { n++ }
			END { printf "%.1f", NR / n }' "$dir/$1/access.log")"
}

against() {	# NAME FILE COMMAND...: how many times the CPU of cat
	local name=$1 file=$2 base ms kib
	shift 2
	read -r base _ < <(bench_cpu "$runs" cat "$file")
	read -r ms kib < <(bench_cpu "$runs" "$@")
	bench_ratio "$name ($kib KiB)" "$base" "$ms"
}

peer() {	# NAME FILE COMMAND...: how many times the CPU of weblog-forms
	local name=$1 file=$2 base ms
	shift 2
	read -r base _ < <(bench_cpu 1 "$bin" -q -o json "$file")
	read -r ms _ < <(bench_cpu 1 "$@")
	bench_ratio "$name" "$base" "$ms"
}

make_log few 1200000
make_log many 400000
echo "                                                     cat  weblog-forms"
against 'a POST in 20' "$dir/few.log" "$bin" -q -o json "$dir/few.log"
against 'a POST in 7' "$dir/many.log" "$bin" -q -o json "$dir/many.log"
against 'with the mail that follows' "$dir/few.log" "$bin" -q -o json --utc \
	--mainlog "$dir/few/mainlog" --users "$dir/few/users" "$dir/few.log"
against 'wc -l' "$dir/few.log" wc -l "$dir/few.log"
head -c 200000000 "$dir/few.log" >"$dir/part.log"
gzip -1 -k "$dir/part.log"
zstd -q -k "$dir/part.log"
read -r ms _ < <(bench_cpu "$runs" zcat "$dir/part.log.gz")
read -r gz _ < <(bench_cpu "$runs" "$bin" -q -o json "$dir/part.log.gz")
bench_ratio '.gz: weblog-forms to zcat' "$gz" "$ms"
read -r ms _ < <(bench_cpu "$runs" zstd -dcq "$dir/part.log.zst")
read -r gz _ < <(bench_cpu "$runs" "$bin" -q -o json "$dir/part.log.zst")
bench_ratio '.zst: zstd -dc to weblog-forms' "$ms" "$gz"

echo "                                            weblog-forms          peer"
# the one-liner of the night
# shellcheck disable=SC2016
prog='/"POST / { for (i = 1; i <= NF; i++) if ($i == "\"POST") break
	n[$(i - 5) " " $(i + 1)]++ } END { for (k in n) print n[k], k }'
for awk in mawk gawk; do
	command -v "$awk" >/dev/null || continue
	peer "$awk, POSTs by client and path" "$dir/part.log" "$awk" "$prog" \
		"$dir/part.log"
done
if "$root/tests/peers.sh" get goaccess 2>/dev/null; then
	peers=$("$root/tests/peers.sh" path)
	head -c 50000000 "$dir/part.log" | sed 's/^[^ ]* //' >"$dir/small.log"
	peer 'goaccess' "$dir/small.log" "$peers/usr/bin/goaccess" \
		--log-format=COMBINED --no-global-config --no-progress \
		-p /dev/null -o "$dir/out.json" "$dir/small.log" 2>/dev/null
fi
