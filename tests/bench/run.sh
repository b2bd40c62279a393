#!/bin/bash
# run.sh [NAME ...]: every bench (or those named); ratios against peers in the
# same run, never an absolute time as a test.
set -euo pipefail
cd "$(dirname "$0")/../.."
export B=${B:-build}
tests/venv.sh build/venv || true
[ $# -gt 0 ] || set -- tests/bench/*.sh
for b; do
	case $b in
	*/run.sh) continue ;;
	*/*) ;;
	*) b=tests/bench/$b.sh ;;
	esac
	echo "== ${b##*/}"
	"$b"
done
