#!/usr/bin/env bash
# leak-scan in a repository's history: CPU time as a ratio to what people do,
# git log -p | grep, in the same run.  REPO=DIR: that one in place of a
# generated one of COMMITS commits (a small one, 500, is a fifth start-up).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/bench/lib.bash
. "$root/tests/bench/lib.bash"
bin=$root/${B:-build}/bin/leak-scan
runs=${RUNS:-3}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

repo=${REPO:-$dir/r.git}
if [ -z "${REPO:-}" ]; then
	git init -q --bare "$repo"
	python3 "$root/tests/lib/git_make.py" "${COMMITS:-1500}" 150 60 \
		2>"$dir/planted" | git -C "$repo" fast-import --quiet --done
	git -C "$repo" repack -adfq
fi
printf '%s objects in packs of %s KiB\n' \
	"$(git -C "$repo" count-objects -v | sed -n 's/^in-pack: //p')" \
	"$(git -C "$repo" count-objects -v | sed -n 's/^size-pack: //p')"

ids='\b((A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b'
# shellcheck disable=SC2016 # $0 and $1 are bash -c's
log=(bash -c 'git -C "$0" log -p -U0 --all | LC_ALL=C grep -caE "$1" || :'
	"$repo" "$ids")
# shellcheck disable=SC2016
cat=(bash -c 'git -C "$0" cat-file --batch-all-objects --batch --unordered |
	LC_ALL=C grep -caE "$1" || :' "$repo" "$ids")
ours=("$bin" -q -o json --threads 1 --git "$repo")
read -r ms kib < <(bench_cpu "$runs" "${ours[@]}")
read -r two _ < <(bench_cpu "$runs" "$bin" -q -o json --git "$repo")
read -r one _ < <(bench_cpu "$runs" "${ours[@]}" --kind aws-access-key-id)
read -r by_log _ < <(bench_cpu "$runs" "${log[@]}")
read -r by_cat _ < <(bench_cpu 1 "${cat[@]}")
echo "                                              leak-scan        other"
bench_ratio "all rules ($kib KiB) : log -p | grep" "$ms" "$by_log"
bench_ratio "access key ids : log -p | grep" "$one" "$by_log"
bench_ratio "all rules, two threads : log -p | grep" "$two" "$by_log"
bench_ratio "all rules : cat-file of all objects | grep" "$ms" "$by_cat"
if [ -z "${REPO:-}" ]; then
	"${ours[@]}" --kind aws-access-key-id |
		jq -r 'select(.type == "leak") | .shown' | sort >"$dir/found"
	cut -f 1 "$dir/planted" | sort >"$dir/keys"
	echo "planted keys found: $(comm -12 "$dir/found" "$dir/keys" | wc -l)" \
		"of $(wc -l <"$dir/keys")"
fi
