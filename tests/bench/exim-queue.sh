#!/bin/bash
# exim-queue.sh [COUNT]: finding and moving the spam of one account in a spool
# of COUNT messages (20000), beside the floor and beside Exim's own tools.
#
# Ratios in one run, on a warm cache: CPU of a search to that of a bare
# getdents, open, read and close of every -H; seconds of a move, with hashes
# and syncs, to those of the pipelines that people use.  BENCH_DISKS="ext4 xfs
# tmpfs" does it on loop images of those (root, mkfs); BENCH_SPLIT=no, and
# BENCH_PEERS=no leaves Exim's tools out.  Memory is the largest resident set.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
PATH=$PWD/${B:-build}/bin:$PATH
bench=$PWD/${B:-build}/bench
count=${1:-${BENCH_COUNT:-20000}}
: "${BENCH_DISKS:=here}" "${BENCH_SPLIT:=yes}" "${BENCH_PEERS:=yes}"
runs=5
dir=$(mktemp -d)
mounted=
clean_up() {
	[ -z "$mounted" ] || umount "$mounted" 2>/dev/null || true
	rm -rf "$dir"
}
trap clean_up EXIT
chmod 0711 "$dir"
# shellcheck source=tests/lib/exim.bash
. tests/lib/exim.bash
select=(--auth-user billing@victim.example)

ratio() {	# WHAT A B NOTE: B is how many times A
	awk -v w="$1" -v a="$2" -v b="$3" -v n="${4-}" 'BEGIN {
		printf "%-52s %10.1f %10.1f ms  1 : %-6.2f %s\n", w, a, b,
		    (a > 0 ? b / a : 0), n }'
}

# A file system in a file, at $dir/disk; 0 when there is one.
make_disk() {	# KIND
	local size=$((count * 24 + 400000))	# KiB
	mkdir -p "$dir/disk"
	case $1 in
	here) return 0 ;;
	tmpfs) mount -t tmpfs -o "size=${size}k,nr_inodes=0" none "$dir/disk" ;;
	*)
		command -v "mkfs.$1" >/dev/null || return 1
		truncate -s "${size}k" "$dir/$1.img"
		if [ "$1" = ext4 ]; then
			mkfs.ext4 -q -N $((count * 4 + 10000)) "$dir/$1.img"
		else
			"mkfs.$1" -q "$dir/$1.img"
		fi
		mount -o loop "$dir/$1.img" "$dir/disk"
		;;
	esac || return 1
	mounted=$dir/disk
	chmod 0711 "$dir/disk"
}

world() {
	local owner=() args=()
	exim=''
	rm -rf "$dir/disk/x"
	if exim_available 2>/dev/null; then
		exim_make "$dir/disk/x" queue_only=yes split="$BENCH_SPLIT"
		exim=$dir/disk/x/bin/exim4
		[ "$(id -u)" != 0 ] || owner=(--owner "$(<"$dir/disk/x/exim.uid")")
	fi
	spool=$dir/disk/x/spool
	[ "$BENCH_SPLIT" != yes ] || args=(--split)
	tests/lib/spool_make.py "$spool" --count "$count" \
		${args[@]+"${args[@]}"} ${owner[@]+"${owner[@]}"} >"$dir/counts"
	spam=$(jq .spam "$dir/counts")
	sync
}

cpu() {
	bench_cpu "$@"
}

scan() {
	local floor ours kib rest
	read -r floor rest < <(cpu $runs "$bench/spool_floor" "$spool/input" \
		"$spool"/input/?)
	# matches nothing, so that nothing is printed
	read -r ours kib < <(cpu $runs exim-queue --spool "$spool" \
		--auth-user nobody@v.example)
	ratio 'scan by a header filter: floor, CPU' "$floor" "$ours" \
		"${kib} KiB (goal 1.2)"
	read -r rest kib < <(cpu $runs exim-queue --spool "$spool" \
		--top auth_user,sender_domain,script,subject,host)
	ratio '--top over five fields: floor, CPU' "$floor" "$rest" "${kib} KiB"
	read -r rest kib < <(cpu $runs exim-queue --spool "$spool" --suspects)
	ratio '--suspects: floor, CPU' "$floor" "$rest" "${kib} KiB"
	[ -n "$exim" ] && [ "$BENCH_PEERS" = yes ] || return 0
	read -r rest kib < <(cpu 1 "$exim" -bp)
	ratio 'exim -bp: floor, CPU' "$floor" "$rest" "${kib} KiB"
	read -r rest kib < <(cpu 1 "$dir/disk/x/bin/exiqgrep" -i -f \
		billing@victim.example)
	ratio 'exiqgrep -i -f: floor, CPU' "$floor" "$rest" "${kib} KiB"
	[ "$count" -gt 50000 ] || {
		# shellcheck disable=SC2016
		read -r rest kib < <(cpu 1 "$dir/disk/x/bin/exipick" -i \
			'$authenticated_id eq billing@victim.example')
		ratio 'exipick by auth id: floor, CPU' "$floor" "$rest" "${kib} KiB"
	}
}

# COMMAND...: once, into wall and cpu, in milliseconds (measure would run it
# a first time to warm up)
both() {
	local TIMEFORMAT='%R %U %S' t
	t=$({ time "$@" </dev/null >"$dir/out" 2>"$dir/err"; } 2>&1) || {
		tail -n 3 "$dir/err" >&2
		return 1
	}
	read -r wall cpu < <(awk '{ print $1 * 1000, ($2 + $3) * 1000 }' <<<"$t")
}

# The ways in which people find the ids: milliseconds of each.
find_ids() {
	local wall cpu
	both "$dir/disk/x/bin/exiqgrep" -i -f billing@victim.example
	exiqgrep=$wall exiqgrep_cpu=$cpu
	# shellcheck disable=SC2016
	both sh -c '"$0" -bp | awk "/<billing@victim\.example>/ { print \$3 }"' \
		"$exim"
	listed=$wall
	# shellcheck disable=SC2016 # as root, in a folder of the spool
	both sh -c 'cd "$0" && grep -rlxF --include="*-H" \
		-e "--auth_id billing@victim.example" . |
		sed "s,.*/,,;s,-H$,,"' "$spool/input"
	grepped=$wall
}

take() {
	local wall cpu our_wall our_cpu exiqgrep exiqgrep_cpu listed grepped
	both exim-queue-purge -q --spool "$spool" --queue-name B \
		"${select[@]}" --yes="$spam"
	our_wall=$wall our_cpu=$cpu
	printf '%-52s %10.0f a second\n' \
		"find and move $spam, hashed, synced" \
		"$(awk -v n="$spam" -v t="$wall" 'BEGIN { print n / t * 1000 }')"
	exim-queue --spool "$spool" --queue B | jq -r .id >"$dir/ids"
	both exim-quarantine restore -q --spool "$spool" B --yes="$spam"
	ratio 'moving them back: moving away, seconds' "$our_wall" "$wall"
	if [ "$BENCH_SPLIT" = yes ]; then
		# shellcheck disable=SC2016
		both sh -c '"$0" "$1" . F <"$2"' "$bench/move_floor" "$spool" \
			"$dir/ids"
		ratio 'bare lock, hash, three renames, no sync: ours, seconds' \
			"$wall" "$our_wall"
		ratio 'the same, CPU' "$cpu" "$our_cpu"
		"$bench/move_floor" "$spool" F . <"$dir/ids"
	fi
	[ -n "$exim" ] && [ "$BENCH_PEERS" = yes ] || return 0
	find_ids
	# the ids that it is given here are the right ones, in the order of
	# inodes; what exiqgrep and exim -bp find are not
	# shellcheck disable=SC2016
	both sh -c 'xargs -a "$1" "$2" -Mrm || true' sh "$dir/ids" "$exim"
	ratio 'exiqgrep | xargs exim -Mrm: find and move, seconds' \
		"$our_wall" "$((${wall%.*} + ${exiqgrep%.*}))" '(goal 3)'
	ratio 'the same, CPU' "$our_cpu" "$((${cpu%.*} + ${exiqgrep_cpu%.*}))"
	ratio 'exim -bp | awk | xargs exim -Mrm, seconds' \
		"$our_wall" "$((${wall%.*} + ${listed%.*}))"
	ratio 'grep -rl | xargs exim -Mrm, seconds' \
		"$our_wall" "$((${wall%.*} + ${grepped%.*}))"
	ratio 'xargs exim -Mrm alone, ids found by us, seconds' \
		"$our_wall" "$wall"
	ratio 'the same alone, CPU' "$our_cpu" "$cpu"
}

for disk in $BENCH_DISKS; do
	if ! make_disk "$disk"; then
		echo "-- $disk: cannot be made here"
		continue
	fi
	echo "-- $disk, split: $BENCH_SPLIT, $count messages"
	world
	scan
	take
	rm -rf "$dir/disk/x"
	[ -z "$mounted" ] || umount "$mounted"
	mounted=
done
