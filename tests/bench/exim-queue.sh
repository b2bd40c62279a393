#!/bin/bash
# exim-queue.sh [COUNT]: how long it takes to find and to move the spam of one
# account in a spool of COUNT messages (20000), beside Exim's own tools.
#
# Prints ratios only: seconds of the other / seconds of ours, the best of three
# runs each, one after the other on a warm cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/${B:-build}/bin:$PATH
count=${1:-20000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/lib/exim.bash
. tests/lib/exim.bash

# best COMMAND...: the shortest of three runs, in microseconds
best() {
	local t n best=
	for n in 1 2 3; do
		t=${EPOCHREALTIME/[.,]/}
		"$@" >"$dir/out" 2>"$dir/err" || { cat "$dir/err" >&2; return 1; }
		n=$((${EPOCHREALTIME/[.,]/} - t))
		[ -n "$best" ] && [ "$best" -le "$n" ] || best=$n
	done
	echo "$best"
}

ratio() {	# WHAT OTHER OURS
	awk -v w="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%-58s %6.1f\n", w, a / b }'
}

exim=
owner=()
if exim_available; then
	exim_make "$dir/x" queue_only=yes split=yes
	exim=$dir/x/bin/exim4
	spool=$dir/x/spool
	[ "$(id -u)" != 0 ] || owner=(--owner "$(<"$dir/x/exim.uid")")
else
	spool=$dir/spool
fi
tests/lib/spool_make.py "$spool" --count "$count" --split "${owner[@]}" \
	>"$dir/counts"
spam=$(jq .spam "$dir/counts")
select=(--auth-user billing@victim.example)

floor() {
	find "$spool/input" -name '*-H' -print0 | xargs -0 cat
}

all() { exim-queue --spool "$spool" --frozen; }
ours() { exim-queue --spool "$spool" "${select[@]}"; }
move() {
	exim-queue-purge --spool "$spool" --queue-name B "${select[@]}" \
		--yes="$spam"
}
back() { exim-quarantine restore --spool "$spool" B --yes="$spam"; }

a=$(best all)
o=$(best ours)
ratio 'find | xargs cat of all -H files: of a search' "$(best floor)" "$a"
if [ -n "$exim" ]; then
	bp=$(best "$exim" -bp)
	ratio 'exim -bp: of a search' "$bp" "$a"
	ratio 'exim -bp: of listing one account as JSON' "$bp" "$o"
fi
if [ -n "$exim" ] && "$dir/x/bin/exiqgrep" -i >"$dir/ids" 2>/dev/null &&
	[ -s "$dir/ids" ] && ! grep -q help "$dir/ids"; then
	ratio 'exiqgrep -i -f (by sender only): of listing one account' \
		"$(best "$dir/x/bin/exiqgrep" -i -f billing@victim.example)" "$o"
fi

t=${EPOCHREALTIME/[.,]/}
move >"$dir/moved" 2>/dev/null
m=$((${EPOCHREALTIME/[.,]/} - t))
t=${EPOCHREALTIME/[.,]/}
back >/dev/null 2>&1
ratio 'moving them back: of moving them away' \
	$((${EPOCHREALTIME/[.,]/} - t)) "$m"
if [ -n "$exim" ]; then
	jq -r .id "$dir/moved" >"$dir/ids"
	t=${EPOCHREALTIME/[.,]/}
	xargs "$exim" -Mrm <"$dir/ids" >/dev/null 2>&1
	ratio 'xargs exim -Mrm, ids given: of finding and moving them' \
		$((${EPOCHREALTIME/[.,]/} - t)) "$m"
fi
