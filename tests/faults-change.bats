#!/usr/bin/env bats
# A full or failing disk under the commands that change something: what
# cannot be written down is not done, what is there stays whole, and the next
# run ends where this one was to end.

# shellcheck disable=SC2154
load lib/quell
load lib/spool
load aws/shared.bash

setup_file() {
	export FAULTS_EXIM=
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	if exim_available 2>/dev/null; then
		FAULTS_EXIM=yes
	fi
	emu_start
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	preload_faults
	emu_env
	emu_control POST clear_faults >/dev/null
	emu_set '{"preset": "immediate", "regions": {"*":
		{"sending_enabled": true, "spike": null}}}'
	emu_reset_log
	umask 077
}

fault() {	# N VARIABLE=VALUE COMMAND...: it exits with N
	local want=$1 set=$2 got=0
	shift 2
	env "$set" LD_PRELOAD="$preload" "$@" >out 2>err </dev/null || got=$?
	[ "$got" = "$want" ] || {
		echo "$set: $* exited $got, not $want"
		cat out err
		return 1
	}
}

case_dir() {	# a new incident in ./case
	rm -rf case
	mkdir case
	: >case/journal.jsonl
}

no_litter() {	# DIR: nothing temporary is left there
	[ -z "$(find "$1" -name '.*.??????' -o -name '*.new' -o -name '*.probe')" ]
}

events() {
	jq -r .event case/journal.jsonl | paste -sd' '
}

# --- mail ---------------------------------------------------------------

exim_host() {
	[ -n "$FAULTS_EXIM" ] || skip "no exim"
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	X=$PWD/x
	exim_make "$X" users=billing@quell.test:pw queue_only=yes
	exim_hook "$X"
	PATH=$X/bin:$PATH
	umask 022
}

@test "exim-block: the deny file is the old one or the new one" {
	exim_host
	F=$X/quell/deny_accounts
	case_dir
	exim-block -y old@quell.test >/dev/null
	cp -p "$F" kept
	for f in FAULT_WRITE=1:deny_accounts FAULT_WRITE=1:deny_accounts:EIO \
		FAULT_FSYNC=1:deny_accounts FAULT_CLOSE=1:.deny_accounts \
		FAULT_RENAME=1:deny_accounts; do
		fault 74 $f exim-block -y --incident case new@quell.test
		cmp "$F" kept
		no_litter "$X/quell"
	done
	fault 73 FAULT_OPEN=1:deny_accounts exim-block -y --incident case \
		new@quell.test
	cmp "$F" kept
	# the undo as well
	fault 74 FAULT_FSYNC=1:deny_accounts exim-block -y --undo old@quell.test
	cmp "$F" kept
	# renamed, and the folder not synced: said; it is the new file, whole
	fault 74 FAULT_FSYNC=2:x/quell exim-block -y new@quell.test
	run -0 --separate-stderr exim-block -y --incident case new@quell.test
	jq -e '.changed == false and .blocked' <<<"$output"
	[ "$(stat -c %a "$F")" = 644 ]
	[ "$(grep -c . "$F")" = 2 ]
}

@test "exim-block, exim-hold: no journal, no change" {
	exim_host
	for f in FAULT_WRITE=1+:journal.jsonl FAULT_FSYNC=1+:journal.jsonl \
		FAULT_WRITE=1+:journal.jsonl:EIO; do
		case_dir
		fault 74 $f exim-block -y --incident case a@quell.test
		fault 74 $f exim-hold -y --backend=hook --incident case
		[ -z "$(ls -A "$X/quell" 2>/dev/null)" ]
		[ ! -s case/journal.jsonl ]
	done
	# the last line is missing only: the change is there, and is said
	case_dir
	fault 74 FAULT_WRITE=2+:journal.jsonl exim-block -y --incident case \
		a@quell.test
	grep -q '^a@quell.test:' "$X/quell/deny_accounts"
	jq -e '.changed and .blocked' out
	[ "$(events)" = exim-block.begin ]
	run -0 exim-block -y --incident case a@quell.test
	run -0 incident verify case
}

@test "exim-hold: a file that cannot be made whole is not made" {
	exim_host
	case_dir
	for f in FAULT_WRITE=1:quell/.hold FAULT_FSYNC=1:quell/.hold \
		FAULT_CLOSE=1:quell/.hold FAULT_RENAME=1:quell/hold; do
		fault 74 $f exim-hold -y --backend=hook --incident case
		[ -z "$(ls -A "$X/quell")" ]
	done
	fault 73 FAULT_OPEN=1:quell/.hold exim-hold -y --backend=hook
	[ -z "$(ls -A "$X/quell")" ]
	# the second of the two: held already, and the next run completes it
	fault 74 FAULT_WRITE=1:.queue_only exim-hold -y --backend=hook
	no_litter "$X/quell"
	run -0 --separate-stderr exim-hold -y --backend=hook --incident case
	jq -e .held <<<"$output"
	[ "$(ls "$X/quell")" = $'hold\nqueue_only' ]
	# a release that fails says so, and the next one ends it
	fault 73 FAULT_UNLINK=1:quell/queue_only exim-hold -y --release
	[ -e "$X/quell/hold" ]
	[ -e "$X/quell/queue_only" ]
	fault 73 FAULT_UNLINK=1:quell/hold exim-hold -y --release
	[ -e "$X/quell/hold" ]
	run -0 --separate-stderr exim-hold -y --release --incident case
	jq -e '.held == false and .changed' <<<"$output"
	[ -z "$(ls -A "$X/quell")" ]
	run -0 incident verify case
}

@test "exim-queue-purge: what is not in the manifest is not moved" {
	msg sp 1xUnbl-0004Fv-1l auth=a@x.example
	msg sp 1xUnbm-0004Fw-2l auth=a@x.example
	sums sp >before
	purge=(exim-queue-purge --spool sp --queue-name Q --auth-user
		a@x.example --yes=2)
	for f in FAULT_WRITE=1+:quell-manifest FAULT_FSYNC=1+:quell-manifest \
		FAULT_WRITE=1+:quell-manifest:EIO; do
		fault 74 $f "${purge[@]}"
		sums sp | grep -v manifest | diff before -
		[ "$(find sp/Q/input -type f | wc -l)" = 0 ]
	done
	case_dir
	for f in FAULT_WRITE=1+:journal FAULT_FSYNC=1+:journal; do
		fault 74 $f "${purge[@]}" --incident case
		sums sp | grep -v manifest | diff before -
	done
	[ ! -s case/journal.jsonl ]
	# each rename of a message in turn: what was moved comes back
	for f in 1:1xUnbl-0004Fv-1l-H 1:1xUnbl-0004Fv-1l-D; do
		fault 73 FAULT_RENAME=$f "${purge[@]}"
		# inodes decide whether the other one had its turn before
		[ "$(find sp -name '1xUnbl*' | sort | paste -sd' ')" = \
			"sp/input/1xUnbl-0004Fv-1l-D sp/input/1xUnbl-0004Fv-1l-H" ]
		run -0 exim-quarantine restore --spool sp -y Q \
			1xUnbm-0004Fw-2l
		sums sp | grep -v manifest | diff before -
	done
	# the cut-off lines of the manifest do not hide the whole ones
	run -0 "${purge[@]}"
	run -0 exim-quarantine restore --spool sp Q --yes=2
	sums sp | grep -v manifest | diff before -
}

# --- AWS ----------------------------------------------------------------

@test "ses-pause: what was before is on the disk, or nothing is paused" {
	export QUELL_STATE_DIR=$PWD/state
	s=state/ses-pause-111122223333.json
	for f in FAULT_WRITE=1:ses-pause-1 FAULT_FSYNC=1:ses-pause-1 \
		FAULT_CLOSE=1:.ses-pause-1 FAULT_RENAME=1:ses-pause-1; do
		fault 74 $f ses-pause -y ap-south-1
		[ "$(emu_mutating_count)" = 0 ]
		[ ! -e $s ]
		no_litter state
	done
	unset QUELL_STATE_DIR
	for f in FAULT_WRITE=1+:journal.jsonl FAULT_FSYNC=1+:journal.jsonl; do
		case_dir
		fault 74 $f ses-pause -y --incident case ap-south-1
		[ "$(emu_mutating_count)" = 0 ]
		[ ! -s case/journal.jsonl ]
	done
	case_dir
	run -0 ses-pause -y --incident case ap-south-1
	cp case/state/ses-pause.json kept
	# resumed, and that cannot be written: said; the old state is whole, and
	# the next run ends it
	fault 74 FAULT_WRITE=1:ses-pause.json ses-pause -y --resume \
		--incident case ap-south-1
	cmp kept case/state/ses-pause.json
	no_litter case
	run -0 ses-pause -y --resume --incident case ap-south-1
	jq -e '.regions["ap-south-1"].paused == false' \
		case/state/ses-pause.json
	[ "$(emu_world '.regions["ap-south-1"].sending_enabled')" = true ]
	run -0 incident verify case
}

@test "ses-rotate: a full disk, before and after the key is made" {
	n=0
	key() {		# a new user with a key that was stolen
		n=$((n + 1))
		id=$(printf "AKIASTOLEN77777777%02d" $n)
		emu_key "{\"user\": \"full$n\", \"id\": \"$id\", \"groups\":
			[\"AWSSESSendingGroupDoNotRename\"]}" >/dev/null
		emu_reset_log
		rm -f new.cred
	}
	status() {
		emu_world "[.users[\"full$n\"].keys[] | .status] | sort | join(\",\")"
	}
	made() {
		emu_calls '[.[] | select(.operation == "CreateAccessKey")] | length'
	}
	rotate=(ses-rotate -y --proofs=1 --over=0 --wait=8 --out=new.cred
		--incident case)
	# no journal, no state: nothing is done
	for f in FAULT_WRITE=1+:journal.jsonl FAULT_FSYNC=1+:journal.jsonl \
		FAULT_WRITE=1+:ses-rotate.json FAULT_FSYNC=1:ses-rotate.json; do
		case_dir
		key
		fault 74 $f "${rotate[@]}" "$id"
		[ "$(emu_mutating_count)" = 0 ]
	done
	# no room where the password is to be: found out before
	for f in FAULT_WRITE=1:new.cred FAULT_FSYNC=1:new.cred \
		FAULT_CLOSE=1:new.cred.probe; do
		case_dir
		key
		fault 74 $f "${rotate[@]}" "$id"
		[ "$(status) $(made)" = '"Inactive" 0' ]
		no_litter .
	done
	# the room goes while the key is made: it is nobody's, and is switched
	# off; an older file of ours stays
	for f in FAULT_WRITE=1:new.cred.new FAULT_FSYNC=1:new.cred.new \
		FAULT_CLOSE=1:new.cred.new FAULT_WRITE=1:new.cred.new:EIO; do
		case_dir
		key
		printf 'user: AKIAOLD\npass: x\n' >new.cred
		fault 74 $f "${rotate[@]}" "$id"
		[ "$(status) $(made)" = '"Inactive,Inactive" 1' ]
		[ "$(cat new.cred)" = $'user: AKIAOLD\npass: x' ]
		no_litter .
		jq -se 'any(.role == "orphan" and .status == "Inactive")' out
		run -0 incident verify case
	done
}

@test "iam-key-disable: no journal, no change; the end is missing: said" {
	for f in FAULT_WRITE=1+:journal.jsonl FAULT_FSYNC=1+:journal.jsonl; do
		case_dir
		emu_key '{"user": "iamfull"}' >key.json
		id=$(jq -r .id key.json)
		emu_reset_log
		fault 74 $f iam-key-disable -y --incident case "$id"
		[ "$(emu_mutating_count)" = 0 ]
		[ ! -s case/journal.jsonl ]
	done
	fault 74 FAULT_WRITE=2+:journal.jsonl iam-key-disable -y \
		--incident case "$id"
	[ "$(emu_mutating_count)" = 1 ]
	run -0 iam-key-disable -y --incident case "$id"
	[ "$(emu_mutating_count)" = 1 ]
	run -0 incident verify case
}
