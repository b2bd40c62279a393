#!/usr/bin/env bash
# leak-scan: CPU time on a tree of files, as a ratio to only opening and
# reading them, and to ripgrep with the same shapes as ASCII patterns.
# TREE=DIR: that tree; else Debian's kernel source, unpacked under build/, if
# it can be had, else /usr.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/leak-scan
floor=$root/${B:-build}/bench/tree_floor
runs=${RUNS:-3}
tree=${TREE:-$root/build/leak-tree}
rg=$(command -v rg || true)

fetch() {
	local part=$tree.part deb
	mkdir -p "$part"
	(
		cd "$part"
		deb=$(apt-cache search --names-only '^linux-source-[0-9.]+$' |
			awk 'NR == 1 { print $1 }')
		apt-get -q download "$deb" >/dev/null 2>&1
		dpkg-deb -x ./*.deb deb
		mkdir tree
		tar xf deb/usr/src/*.tar.* -C tree
	) || return 1
	mv "$part/tree" "$tree"
	rm -rf "$part"
}

if [ ! -d "$tree" ] && ! fetch; then
	rm -rf "$tree.part"
	tree=/usr
fi
printf '%s: %d files, %d MB\n' "$tree" "$(find "$tree" -type f | wc -l)" \
	"$(($(du -s --apparent-size --block-size=1M "$tree" | cut -f1)))"

read -r base _ < <(bench_cpu "$runs" "$floor" "$tree")
echo "                                               open, read   leak-scan"
show() { # NAME OPTION...
	local name=$1 ms kib
	shift
	read -r ms kib < <(bench_cpu "$runs" "$bin" -q -o json --no-git "$@" \
		"$tree")
	bench_ratio "$name ($kib KiB)" "$base" "$ms"
}
show 'one thread, archives as they are' --threads 1 --no-unpack
show 'two threads, archives as they are' --threads 2 --no-unpack
show 'two threads' --threads 2
show 'key ids only' --threads 2 --kind aws-access-key-id
if [ -n "$rg" ]; then
	read -r ms _ < <(bench_cpu "$runs" "$bin" -q -o json --no-git \
		--no-unpack "$tree")
	read -r other _ < <(bench_cpu 1 "$rg" --no-config --no-unicode -uuu \
		--no-messages -ac '(AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}' "$tree")
	bench_ratio 'ripgrep, key ids : leak-scan, all' "$other" "$ms"
	read -r other _ < <(bench_cpu 1 "$rg" --no-config --no-unicode -uuu \
		--no-messages -ac -e '(AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}' \
		-e '\bB[A-P][A-Za-z0-9+/]{42}\b' "$tree")
	bench_ratio 'ripgrep, ids and passwords : leak-scan' "$other" "$ms"
fi

# what is no credential of AWS must not look like one
"$bin" -q --no-git --kind aws-access-key-id --kind aws-secret-access-key \
	--kind ses-smtp-password "$tree" | jq -rs '
	(map(select(.type == "leak")) | group_by(.kind) |
	map("\(.[0].kind) \(length)") | join(", ")) as $l |
	"taken for credentials of AWS: \($l | if . == "" then "none" else . end)" +
	" in \(map(select(.type == "leak-scope"))[0].files) files"'
