#!/bin/bash
# run.sh [TARGET ...]: each fuzz target for FUZZ_SECONDS on its seeds; stops
# at the first crash and says where the input is.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build/fuzzing}
seconds=${FUZZ_SECONDS:-20}
[ $# -gt 0 ] || set -- "$B"/fuzz/*
n=0
for t in "$@"; do
	name=${t##*/}
	[[ $name != *.d ]] || continue
	corpus=$B/corpus/$name
	mkdir -p "$corpus"
	seeds=()
	[ -d "tests/fuzz/$name.seeds" ] && seeds=("tests/fuzz/$name.seeds")
	echo "== $name"
	"$B/fuzz/$name" -max_total_time="$seconds" -max_len=65536 \
		-timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$B/crash-$name-" \
		"$corpus" "${seeds[@]}" >"$B/$name.log" 2>&1 || {
		tail -n 30 "$B/$name.log"
		exit 1
	}
	grep -E 'number_of_executed_units' "$B/$name.log"
	n=$((n + 1))
done
echo "$n passed, 0 failed"
