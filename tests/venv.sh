#!/bin/sh
# venv.sh [DIR]: the Python environment of the tests, in build/venv or DIR.
# Without the package index the distribution's botocore has to do.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/../build/venv}
want=$here/requirements.txt

if [ -f "$venv/.done" ] && cmp -s "$want" "$venv/.done"; then
	exit 0
fi
# Two ask in one `make check`: a fresh no is not asked for again.
if [ -n "$(find "$venv.failed" -mmin -5 2>/dev/null)" ]; then
	:
elif python3 -m venv "$venv" 2>/dev/null &&
    "$venv/bin/python3" -m pip install --quiet \
    --disable-pip-version-check --timeout 15 --retries 1 -r "$want" \
    >/dev/null 2>&1; then
	cp "$want" "$venv/.done"
	exit 0
else
	mkdir -p "$(dirname "$venv")"
	: >"$venv.failed"
fi
# Only what venv made: DIR may be anything.
if [ -f "$venv/pyvenv.cfg" ]; then
	rm -rf "$venv"
fi
/usr/bin/python3 -c 'import botocore' 2>/dev/null ||
	"$here/deps.sh" botocore || true
if /usr/bin/python3 -c 'import botocore' 2>/dev/null; then
	echo 'venv.sh: no package index: the distribution'"'"'s botocore serves;' \
	    'left out: what only newer service models know (CloudWatch by JSON' \
	    'through botocore)' >&2
	exit 0
fi
echo 'venv.sh: no package index and no python3-botocore: left out: every' \
    'test that needs the AWS emulator' >&2
exit 1
