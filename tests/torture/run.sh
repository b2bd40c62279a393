#!/usr/bin/env bash
# Kill ses-rotate at chance, many times over, with AWS as slow and as
# unsteady as it is, but the time scaled: make torture
#
#   KILLS=500 SEED=1 SCALE=50 tests/torture/run.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
QUELL_ROOT=$PWD
QUELL_B=$QUELL_ROOT/${B:-build}
PATH=$QUELL_B/bin:$PATH
export QUELL_ROOT QUELL_B PATH AWS_CONFIG_FILE=/nonexistent \
	AWS_SHARED_CREDENTIALS_FILE=/nonexistent
# shellcheck source=tests/aws/emu.bash
. tests/aws/emu.bash
# shellcheck source=tests/torture/rotate.bash
. tests/torture/rotate.bash

kills=0
n=0
RANDOM=${SEED:-1}
dir=$(mktemp -d "${TMPDIR:-/tmp}/torture.XXXXXX")
trap 'emu_stop; rm -rf "$dir"' EXIT
TMPDIR=$dir emu_start '' --time-scale "${SCALE:-50}"
cd "$dir"
torture_setup
# keys and their deaths spread for up to 30 s, flapping; some calls are lost
emu_set '{"propagation": {"new": [2, 30], "dead": [2, 30], "flap": true}}'
torture_count 2>/dev/null
while ((kills < ${KILLS:-500})); do
	n=$((n + 1))
	routine=
	torture_options=()
	if ((n % 2)); then
		routine=yes
		torture_options=(--routine)
	fi
	emu_control POST clear_faults >/dev/null
	case $((RANDOM % 6)) in
	0) emu_fault '{"match": {"operation": "CreateAccessKey"}, "do": "reset_after"}' ;;
	1) emu_fault '{"match": {"operation": "UpdateAccessKey"}, "do": "close_after"}' ;;
	2) emu_fault '{"match": {"service": "iam"}, "do": "throttle", "times": 2, "retry_after_ms": 20}' ;;
	esac
	{ torture_chance "$n"; } 2>>kills.err || {
		echo "rotation $n of seed ${SEED:-1} failed, after $kills kills"
		cp -r "$dir" /tmp/torture.failed
		exit 1
	}
	[ ! -t 1 ] || printf '\r%d kills, %d rotations' "$kills" "$n"
done
[ ! -t 1 ] || echo
printf '%d kills in %d rotations, %d orphans that a person let go, %d s\n' \
	"$kills" "$n" "$(sort -u orphans 2>/dev/null | wc -l)" "$SECONDS"
emu_violations
