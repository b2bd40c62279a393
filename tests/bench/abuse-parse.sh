#!/usr/bin/env bash
# abuse-parse: time and memory of one run, beside `true`, Python's email
# package and mblaze's mshow, all on the same mail; then a mailbox of 10,000
# (MAILS) mails at once
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/abuse-parse
mail=$root/tests/data/notice/01-initial.eml
runs=${RUNS:-100}

# once MEASURE COMMAND...: milliseconds of one run, and its peak in KiB
once() {
	local t0 t1 i kib
	read -r _ kib < <(bench_cpu 1 "$@")
	"$@" >/dev/null		# once more, unmeasured: everything is cached
	t0=${EPOCHREALTIME/./}
	for ((i = 0; i < runs; i++)); do "$@" >/dev/null; done
	t1=${EPOCHREALTIME/./}
	awk -v us=$((t1 - t0)) -v n="$runs" -v k="$kib" \
		'BEGIN { printf "%.2f %d\n", us / n / 1000, k }'
}

true=$(type -P true)
read -r base_ms base_kib < <(once "$true")
printf '%-28s %8s %8s %8s %8s\n' run ms 'x true' KiB 'x true'
show() {
	local name=$1 ms kib
	shift
	read -r ms kib < <(once "$@")
	awk -v name="$name" -v ms="$ms" -v b="$base_ms" -v k="$kib" \
		-v bk="$base_kib" 'BEGIN { printf "%-28s %8.2f %8.1f %8d %8.1f\n",
		name, ms, ms / b, k, k / bk }'
}
show true "$true"
show 'abuse-parse notice' "$bin" -o json "$mail"
show 'abuse-parse ISO-2022-JP' "$bin" -o json \
	"$root/tests/data/notice/22-japanese.eml"
show 'abuse-parse Health event' "$bin" -o json \
	"$root/tests/data/notice/41-sns.json"
show 'abuse-parse ARF complaint' "$bin" -o json "$root/tests/data/arf.eml"

# peers: they only take the mail apart
if type -P python3 >/dev/null; then
	show 'python3 -c pass' python3 -c pass
	show 'python3 email' python3 -c 'import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"),
    policy=email.policy.default)
print(m["subject"], m["message-id"], [p.get_content_type() for p in m.walk()],
    m.get_body().get_content())' "$mail"
fi
# mblaze is not installed for it: its package is unpacked
peers=$root/build/peers
mshow=$(type -P mshow || echo "$peers/mblaze/usr/bin/mshow")
if [ ! -x "$mshow" ] && type -P apt-get >/dev/null; then
	mkdir -p "$peers"
	(cd "$peers" && apt-get -qq download mblaze &&
		dpkg -x mblaze_*.deb mblaze) >/dev/null 2>&1 || :
fi
if [ -x "$mshow" ]; then
	show 'mblaze mshow' "$mshow" "$mail"
else
	echo 'mblaze mshow: not here, and not to be had'
fi

# a mailbox of many mails, one in ten of them a notice
mails=${MAILS:-10000}
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
awk -v n="$mails" -v a="$mail" -v b="$root/tests/data/notice/30-not-abuse.eml" '
	function put(f, line) {
		while ((getline line <f) > 0) print line
		close(f)
	}
	BEGIN { for (i = 0; i < n; i++) {
		print "From x@y Mon Mar  2 10:00:00 2026"
		put(i % 10 ? b : a)
		print ""
	} }' >"$box/mbox"
t0=${EPOCHREALTIME/./}
got=$("$bin" -o json --mbox "$box/mbox" | wc -l)
t1=${EPOCHREALTIME/./}
awk -v n="$mails" -v got="$got" -v us=$((t1 - t0)) 'BEGIN {
	printf "%d mails in a mailbox, %d notices: %.2f s, %.0f mails/s\n",
	    n, got, us / 1e6, n / (us / 1e6) }'
