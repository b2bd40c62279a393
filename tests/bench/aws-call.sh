#!/bin/bash
# aws-call.sh: CPU of a cold start and one signed call over HTTPS, ours beside
# the AWS CLI's in the same run; the goal is a twentieth.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
# shellcheck source=tests/aws/emu.bash
. tests/aws/emu.bash
B=${B:-build}
emu_start
trap emu_stop EXIT
export AWS_ENDPOINT_URL=https://localhost:$EMU_HTTPS
export AWS_DEFAULT_REGION=$AWS_REGION

read -r ours rss < <(bench_cpu 15 "$B/bench/one_call")
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
read -r theirs their_rss < <(bench_cpu 7 "${peer[@]}")
bench_ratio "CPU: one signed call : $name" "$ours" "$theirs"
echo "memory: $rss KiB : $their_rss KiB"
