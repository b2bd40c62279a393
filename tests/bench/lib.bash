# lib.bash - timing for the benches: CPU seconds and memory of a command, the
# median of several runs, and ratios between two commands in the same run.
# shellcheck shell=bash

# bench_cpu RUNS COMMAND...: median user+system milliseconds of one run, and
# the largest resident set in KiB
bench_cpu() {
	local runs=$1
	shift
	python3 - "$runs" "$@" <<'END'
import os, statistics, subprocess, sys
runs, command = int(sys.argv[1]), sys.argv[2:]
cpu, rss = [], 0
for i in range(runs + 1):
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, use = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"bench: {command[0]} exited {status}")
    if i:                       # the first run warms the caches
        cpu.append((use.ru_utime + use.ru_stime) * 1000)
        rss = max(rss, use.ru_maxrss)
print(f"{statistics.median(cpu):.2f} {rss}")
END
}

# bench_ratio NAME A B: how many times B is of A
bench_ratio() {
	awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN {
		printf "%-44s %8.2f ms  %8.2f ms  1 : %.1f\n", name, a, b,
		    a > 0 ? b / a : 0 }'
}
