#!/bin/bash
# aws-call.sh: CPU of a cold start and one signed call over HTTPS, beside the
# AWS CLI's (goal: a fiftieth) and a bare libcurl GET over the same TLS (goal:
# at most 1.3 times); 500 calls of 50 ms, eight at once (goal: at most 1.15
# times what the server's thinking takes) in memory that does not grow; and
# 30 regions in one round trip.  All in the same run.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
# shellcheck source=tests/aws/emu.bash
. tests/aws/emu.bash
B=${B:-build}
THINK=50
emu_start
coproc SERVER { exec python3 tests/bench/think.py "$THINK"; }
server=$SERVER_PID
trap 'kill "$server" 2>/dev/null; emu_stop' EXIT
read -r port <&"${SERVER[0]}"
export AWS_ENDPOINT_URL=https://localhost:$EMU_HTTPS
export AWS_DEFAULT_REGION=$AWS_REGION

read -r ours rss < <(bench_cpu 25 "$B/bench/one_call")
read -r bare bare_rss < <(bench_cpu 25 "$B/bench/bare_get" \
	"https://localhost:$EMU_HTTPS/_emu/calls" "$AWS_CA_BUNDLE")
# the program itself, not the shim of a version manager, which costs more
aws=$(pyenv which aws 2>/dev/null || command -v aws || true)
if [ -n "$aws" ]; then
	peer=("$aws" sts get-caller-identity)
	name='aws sts get-caller-identity'
else
	peer=("$(emu_python)" -c 'import botocore.session as s
s.Session().create_client("sts").get_caller_identity()')
	name='botocore get_caller_identity (no aws here)'
fi
read -r theirs their_rss < <(bench_cpu 5 "${peer[@]}")
bench_ratio "CPU: one signed call : $name" "$ours" "$theirs"
bench_ratio "CPU: bare libcurl GET, same TLS : one call" "$bare" "$ours"
echo "memory: $rss KiB : $their_rss KiB, bare GET $bare_rss KiB"

export AWS_ENDPOINT_URL="http://{service}.{region}.localhost:$port"
read -r short short_rss < <("$B/bench/many_calls" 50 8)
read -r long long_rss < <("$B/bench/many_calls" 500 8)
bench_ratio "500 calls, 8 at once: server's thinking : all" \
	"$((500 * THINK / 8))" "$long"
echo "memory: 50 calls $short_rss KiB in $short ms, 500 calls $long_rss KiB"
read -r one _ < <("$B/bench/many_calls" 1 1)
read -r sweep _ < <("$B/bench/many_calls" sweep)
bench_ratio "one call : 30 regions" "$one" "$sweep"
