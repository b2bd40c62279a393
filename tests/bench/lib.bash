# lib.bash - timing for the benches: CPU seconds and memory of a command, the
# median of several runs, and ratios between two commands in the same run.
# shellcheck shell=bash

# bench_cpu RUNS COMMAND...: median user+system milliseconds of one run, and
# the largest resident set in KiB
bench_cpu() {
	"$(dirname "${BASH_SOURCE[0]}")/../../${B:-build}/bench/measure" "$@"
}

# bench_ratio NAME A B: how many times B is of A
bench_ratio() {
	awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN {
		printf "%-44s %8.2f ms  %8.2f ms  1 : %.1f\n", name, a, b,
		    (a > 0 ? b / a : 0) }'
}
