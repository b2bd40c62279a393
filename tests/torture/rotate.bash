# shellcheck shell=bash
# Rotations that are killed, and the person who starts them again: what the
# tests of ses-rotate and `make torture` share.  Needs emu_start, and a
# folder to work in.
#
#   torture_user N        a user with a key of his own; sets $user $OLD
#   torture_run ENV...    one run with these variables; sets $got
#   torture_settle        again and again until it is done
#   torture_check         is everything as it has to be?
# shellcheck disable=SC2154

torture_setup() {
	umask 077
	export QUELL_STATE_DIR=$PWD/state
	torture_secret='st0len/+SecretKeyForTheTorture/00000001+'
	head -c 32 /dev/urandom >vault.key
	chmod 400 vault.key
	printf '%s\n' '#!/bin/sh' 'cat >"$1.new" && mv "$1.new" "$1"' >take
	printf '%s\n' '#!/bin/sh' \
		'grep -q "^username=AKIA" "$1"' >there
	chmod 700 take there
	preload=$QUELL_B/faults.so
	if [[ $QUELL_B == *asan* ]]; then
		preload="$(gcc -print-file-name=libasan.so) $preload"
		export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	fi
	torture_options=()
}

torture_user() { # N
	user=tortured-$1
	OLD=$(printf 'AKIATORTURE%09d' "$1")
	emu_key "$(jq -nc --arg u "$user" --arg i "$OLD" \
		--arg s "$torture_secret" '{user: $u, id: $i, secret: $s,
		groups: ["AWSSESSendingGroupDoNotRename"]}')" >/dev/null
	printf '%s\n' "$torture_secret" >old.secret
	rm -rf state published vault vault.lock
}

torture_state() { # FILTER
	jq -r ".keys[\"$OLD\"]$1" state/ses-rotate-*.json 2>/dev/null
}

# What a person would type: the rotation, or --resume once it is written down.
torture_run() { # ENV...
	local args=(-y --vault "$PWD/vault" --vault-key "file:$PWD/vault.key"
		--proofs "${proofs:-1}" --over 0 --wait "${wait:-20}")
	got=0
	if [ -n "$(torture_state '.steps // empty')" ]; then
		args+=(--resume "$@")
	else
		args+=(--key "$OLD" --publish "$PWD/take $PWD/published"
			--verify "$PWD/there $PWD/published"
			--host-checked 'the torturer, by order'
			${torture_options[@]+"${torture_options[@]}"})
		[ -n "${routine-}" ] ||
			args+=(--old-secret-file old.secret)
	fi
	[ -z "${confirm-}" ] || args+=(--confirm "$confirm")
	env ${torture_env[@]+"${torture_env[@]}"} ses-rotate "${args[@]}" \
		>run.out 2>run.err </dev/null 3>&- || got=$?
}

# Run it with a fault: torture_kill VARIABLE=VALUE; 137 when it was killed
torture_kill() {
	torture_env=("$@" LD_PRELOAD="$preload")
	torture_run
	torture_env=()
}

# The person: starts it again, and names the orphan that is in the way.
torture_settle() {
	local tries
	confirm=
	for tries in 1 2 3 4 5 6 7 8; do
		torture_run
		cat run.err >>all.err
		case $got in
		0)
			[ -n "$(torture_state '.finished // empty')" ] &&
				return 0
			;;
		69)
			confirm=$(sed -nE 's/.*--resume --confirm=(AKIA[A-Z0-9]+) .*/\1/p' \
				run.err)
			[ -n "$confirm" ] || break
			echo "$confirm" >>orphans
			;;
		75 | 79) ;;
		*) break ;;
		esac
	done
	echo "not settled: exit $got after $tries"
	cat run.out run.err
	return 1
}

# Exactly one new active key, its secret sealed and working, no orphan, the
# old key inactive, and what is published is the new one.
torture_check() {
	local keys new sealed
	keys=$(emu_world "[.users[\"$user\"].keys[] | \"\(.id) \(.status)\"] | sort[]" | tr -d '"')
	new=$(awk '$2 == "Active" { print $1 }' <<<"$keys")
	if [ "$(wc -l <<<"$keys")" != 2 ] || [ "$(wc -w <<<"$new")" != 1 ] ||
		[ "$new" = "$OLD" ] ||
		! grep -qx "$OLD Inactive" <<<"$keys"; then
		echo "keys of $user: $keys"
		return 1
	fi
	sealed=$(cred-vault get --vault "$PWD/vault" "$user")
	grep -qx "username=$new" <<<"$sealed" || {
		echo "the vault does not have $new"
		return 1
	}
	grep -qx "username=$new" published || {
		echo "$new is not published"
		return 1
	}
	# the very secret that is sealed: its password is taken
	ses-rotate -y --phase prove --key "$OLD" --proofs 1 --over 0 \
		--wait 20 >prove.out 2>prove.err </dev/null || {
		cat prove.err
		return 1
	}
}

# How many calls that write, rename, sync or send a whole run makes, about.
torture_count() {
	local n=64
	while :; do
		user_of_count=$((${user_of_count:-0} + 1))
		torture_user "9$(printf %04d "$user_of_count")"
		torture_kill "FAULT_KILL=$n:"
		[ "$got" = 137 ] || break
		n=$((n * 2))
	done
	calls=$((n * 3 / 4))
}

# One rotation that is killed at chance, and again when it is resumed, as
# often as chance has it.  Adds to $kills.
torture_chance() { # N
	torture_user "$1"
	while :; do
		case $((RANDOM % 4)) in
		0)	# between two calls, by the clock
			torture_env=(timeout -s KILL
				"0.$(printf %03d $((RANDOM % 500)))")
			;;
		1) torture_env=("FAULT_KILL_AFTER=$((RANDOM % calls + 1)):"
			LD_PRELOAD="$preload") ;;
		*) torture_env=("FAULT_KILL=$((RANDOM % calls + 1)):"
			LD_PRELOAD="$preload") ;;
		esac
		torture_run
		torture_env=()
		[ "$got" != 137 ] || kills=$((kills + 1))
		# one in three is let alone after that
		if [ "$got" != 137 ] || [ $((RANDOM % 3)) = 0 ]; then
			break
		fi
	done
	torture_settle && torture_check
}
