#!/usr/bin/env bats
# exim-queue-purge: on hand-made spools, against locks, kill -9 and a real Exim
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell
load lib/spool
load lib/quarantine

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	preload_faults
}

teardown() {
	[ -z "${LOCKER-}" ] || kill "$LOCKER" 2>/dev/null || true
	stop_servers
}

purge() { exim-queue-purge --spool sp --queue-name Q --partly-delivered "$@"; }

# as tests/faults/faults.c says; strace counts the calls of each thread
fault() {	# VARIABLE=VALUE COMMAND...
	env "$1" LD_PRELOAD="$preload" "${@:2}" 2>err
}

# lock ID-D of a folder as Exim does; LOCKER is the holder
lock() {	# DIR ID
	python3 -c '
import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[2]), 0)
open("locked", "w").close()
time.sleep(30)' "$1/$2-D" $((${#2} + 3)) 3>&- &
	LOCKER=$!
	for _ in $(seq 100); do [ ! -e locked ] || return 0; sleep 0.05; done
	return 1
}

unlock() {
	kill "$LOCKER"
	wait "$LOCKER" 2>/dev/null || true
	LOCKER=
}

@test "a selection moves all files of its messages, and nothing else" {
	three
	umask 077
	run -0 --separate-stderr purge --auth-user "$SPAM" --yes=2
	umask 022
	[ "$(stat -c %a sp/Q sp/Q/input sp/Q/input/K | sort -u)" = 750 ]
	[ "$(ids <<<"$output")" = "$A $C" ]
	jq -se 'all(.type == "queue-msg" and .ok and .changed and
		.action == "quarantined" and .queue == "Q")' <<<"$output"
	jq -se '.[] | select(.recipient_count == 2) | .delivered_count == 1' \
		<<<"$output"
	[[ $stderr == *'2 messages moved'*'exim-quarantine restore Q'* ]]
	[ "$(cd sp/Q && find . -type f | sort | paste -sd' ')" = \
		"./input/$A-D ./input/$A-H ./input/$A-J ./input/K/$C-D ./input/K/$C-H ./msglog/$A ./msglog/K/$C ./quell-manifest.jsonl" ]
	[ "$(find sp/input sp/msglog -type f | sort | paste -sd' ')" = \
		"sp/input/$B1-D sp/input/$B1-H" ]
	sums sp >after
	run -1 grep -Fxvf before after
}

@test "restore puts every byte back, into its own folder" {
	three
	msg sp/night 1xUnbn-0004Fw-2l auth="$SPAM"
	purge --auth-user "$SPAM" --yes=3 >moved
	[ ! -e sp/night/input/1xUnbn-0004Fw-2l-H ]
	run -0 --separate-stderr exim-quarantine restore --spool sp Q "$C" -y
	jq -e '.ok and .changed and .action == "restored" and .queue == ""' \
		<<<"$output"
	[ -e sp/input/K/"$C"-H ]
	[ ! -e sp/input/"$A"-H ]
	run -64 exim-quarantine restore --spool sp Q -y
	run -0 --separate-stderr exim-quarantine restore --spool sp Q --yes=2
	sums sp | diff before -
	# what came from a named queue is back there
	[ -e sp/night/input/1xUnbn-0004Fw-2l-D ]
	[ -z "$(find sp/Q -name '1x*')" ]
	# again: nothing to do is no failure
	run -0 --separate-stderr exim-quarantine restore --spool sp Q -y
	[ -z "$output" ]
	# the records of the purge say what to restore
	purge --auth-user "$SPAM" --yes=3 >moved
	run -0 exim-quarantine restore --spool sp -y Q - <moved
	sums sp | diff before -
}

@test "-n shows the plan and changes nothing; the plan is accepted" {
	three
	find sp | sort >tree
	run -0 --separate-stderr purge --auth-user "$SPAM" -n
	echo "$output" >plan
	[ "$(ids <plan)" = "$A $C" ]
	jq -se 'all(.dry_run and .changed and .queue == "" and
		.action == "quarantine" and .auth_user == "'"$SPAM"'")' plan
	find sp | sort | diff tree -
	sums sp | diff before -
	run -0 --separate-stderr purge -y <plan
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 2 ]
	run -0 --separate-stderr exim-quarantine restore --spool sp Q -n
	[ "$(jq -r .action <<<"$output" | sort -u)" = restore ]
	[ -e sp/Q/input/"$A"-H ]
}

@test "what would be everything, or nothing, is 64" {
	three
	run -64 --separate-stderr purge -y </dev/null
	[[ $stderr == *'no message ids'* ]]
	run -64 purge --auth-user '' -y
	run -64 purge --auth-user "$SPAM"
	run -64 --separate-stderr purge --auth-user "$SPAM" -y
	[[ $stderr == *--yes=2* ]]
	run -64 purge --auth-user "$SPAM" --yes=3
	run -64 purge "$A"
	run -64 purge --all --frozen -y
	run -64 purge --all "$A" -y
	run -64 purge --frozen "$A" -y
	run -64 purge --until-empty "$A" -y
	run -64 purge --restore R -y
	run -64 exim-quarantine restore --spool sp Q --frozen -y
	run -64 exim-queue-purge --spool sp --queue-name ../x "$A" -y
	run -64 exim-queue-purge --spool sp --queue-name Q --queue Q --all -y
	run -66 exim-quarantine restore --spool sp nosuch -y
	run -65 --separate-stderr purge -y <<<'not-an-id'
	[[ $stderr == *'standard input:1: not a message id'* ]]
	run -65 purge -y <<<'{"id":'
	run -65 purge -y <<<'{"type":"queue-top","id":"sender=x"}'
	sums sp | diff before -
	[ ! -e sp/Q ]
	run -0 purge --all --yes=3
	[ -z "$(find sp/input -type f)" ]
}

@test "ids: from operands, from standard input, gone ones, twice" {
	three
	run -0 --separate-stderr purge -y "$A" 1xUnb9-0004Fv-1l
	jq -se 'map(select(.why == "gone"))[0] | .ok and .changed == false' \
		<<<"$output"
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 1 ]
	run -0 --separate-stderr purge -y <<<"$A"
	jq -e '.ok and .changed == false and
		.why == "in quarantine already: Q"' <<<"$output"
	run -0 --separate-stderr purge -y "$C" "$C"
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 1 ]
}

@test "a record is checked against the message, under the lock" {
	three
	exim-queue --spool sp "$A" |
		jq -c '.auth_user = "somebody@else.example"' >wrong
	run -65 --separate-stderr purge -y <wrong
	jq -e '.ok == false and .why == "not the message of the record"' \
		<<<"$output"
	exim-queue --spool sp "$A" | jq -c '.sender = "x@y.example"' >wrong2
	exim-queue --spool sp "$C" >right
	run -3 --separate-stderr bash -c 'cat wrong2 right |
		exim-queue-purge --spool sp --queue-name Q -y'
	[ -e sp/input/"$A"-H ]
	[ -e sp/Q/input/K/"$C"-H ]
	run -65 --separate-stderr purge -n <wrong
	# a record that says that it failed is no order
	jq -c '.ok = false' wrong2 >bad
	run -0 --separate-stderr purge -y <bad
	[ -z "$output" ]
	[[ $stderr == *'1 records with "ok":false passed over'* ]]
	[ -e sp/input/"$A"-H ]
}

@test "odd bytes in a sender survive the way through a record" {
	msg sp "$A" sender=$'a\001\xff@x.example' auth="$SPAM"
	msg sp "$B1" sender=
	run -0 --separate-stderr bash -c 'exim-queue --spool sp |
		exim-queue-purge --spool sp --queue-name Q -y'
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 2 ]
}

@test "a message that is being delivered stays, and its holder is named" {
	three
	lock sp/input "$A"
	run -75 --separate-stderr purge --auth-user "$SPAM" --yes=2 --queue -
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 1 ]
	jq -se --argjson p "$LOCKER" 'map(select(.ok == false))[0] |
		.why == "being delivered" and .holder_pid == $p' <<<"$output"
	[ -e sp/input/"$A"-H ]
	grep "input/$A" before >want
	(cd sp && find input -name "$A*" | sort | xargs sha256sum) | diff want -
	# mixed with a failure of another kind it is 3
	exim-queue --spool sp "$B1" | jq -c '.sender = "x@y.example"' >wrong
	run -3 --separate-stderr purge -y - "$A" <wrong
	# waiting helps once the delivery is over
	(sleep 0.7; kill "$LOCKER") 3>&- &
	run -0 --separate-stderr purge -y --wait 10 "$A"
	jq -e '.changed' <<<"$output"
	LOCKER=
}

# Exim says nothing in its panic log, but that it runs unprivileged.
no_panic() {
	run grep -sv 'lost privilege for using -C' x/log/paniclog
	[ -z "$output" ]
}

@test "the lock is as long as Exim's, for both lengths of ids" {
	three
	lock sp/input/K "$C"
	run -75 purge -y "$C"
	unlock
	command -v strace >/dev/null || skip 'no strace'
	# the command is not dumpable: only root's strace sees its memory
	[ "$(id -u)" = 0 ] || skip 'needs root to trace it'
	trace -f -e trace=fcntl,renameat2 -o trace \
		exim-queue-purge --spool sp --queue-name Q --partly-delivered \
			-y "$A" "$C" >/dev/null
	grep -q 'F_SETLK.*l_len=19' trace
	grep -q 'F_SETLK.*l_len=26' trace
	# -H goes first, under the lock
	run -0 awk '/F_SETLK/ { lock = 1 } /renameat2/ { print lock, $0; exit }' trace
	[[ $output == 1*"-H\""* ]]
}

@test "kill -9 at any rename, then again: whole messages, none lost" {
	local n k
	for n in 1 2 3 4 5 6 7 8; do
		rm -rf sp
		three
		# seven renames
		rc=0
		fault FAULT_KILL="$n:1xUn" exim-queue-purge --spool sp \
			--queue-name Q --partly-delivered --auth-user "$SPAM" \
			--yes=2 >/dev/null || rc=$?
		[ $rc = $((n < 8 ? 137 : 0)) ]
		for k in $A $C; do
			[ "$(find sp -name "$k-H" | wc -l)" = 1 ]
			[ "$(find sp -name "$k-D" | wc -l)" = 1 ]
		done
		run -0 --separate-stderr exim-queue-purge --spool sp \
			--queue-name Q2 --auth-user "$SPAM" --yes="$(exim-queue \
			--spool sp --auth-user "$SPAM" | wc -l | tr -d ' ')"
		run -0 purge -y "$A" "$C"
		[ "$(find sp/input sp/msglog -type f | wc -l)" = 2 ]
		for k in Q Q2; do
			[ -d sp/$k ] || continue
			[ "$(find sp/$k -name '*-H' | wc -l)" = \
				"$(find sp/$k -name '*-D' | wc -l)" ]
			exim-quarantine restore --spool sp $k --yes="$(find \
				sp/$k -name '*-H' | wc -l)" >/dev/null
		done
		sums sp | diff before -
	done
}

@test "kill -9 amid many messages, then again" {
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 1600 \
		--spam 1 --bounces 0 --split >/dev/null
	sums sp >before
	# three renames a message: in the seventh batch, -H moved and -D not
	rc=0
	fault FAULT_KILL=3602:1xUn exim-queue-purge --spool sp --queue-name Q \
		--batch 200 --auth-user "$SPAM" --yes=1600 >/dev/null || rc=$?
	[ $rc = 137 ]
	left=$(exim-queue --spool sp | wc -l | tr -d ' ')
	[ "$left" = 399 ]
	run -0 --separate-stderr purge --auth-user "$SPAM" --yes="$left"
	[[ $stderr == *'finished 1 messages that a former run'* ]]
	[ -z "$(find sp/input sp/msglog -type f)" ]
	run -0 exim-quarantine restore --spool sp Q --yes=1600
	sums sp | diff before -
}

@test "kill -9 while batch upon batch is under way, then again" {
	local at left
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" one --count 30 \
		--spam 1 --bounces 0 >/dev/null
	# renames; writes and fsyncs of the manifest; fsyncs of a folder
	for at in 2:1xUn 14:1xUn 26:1xUn 74:1xUn 90:1xUn 1:quell-manifest \
		2:quell-manifest 3:quell-manifest 6:quell-manifest \
		9:quell-manifest 1:Q/input 4:Q/input; do
		rm -rf sp
		cp -a one sp
		rc=0
		fault FAULT_KILL="$at" exim-queue-purge --spool sp \
			--queue-name Q --batch 4 --auth-user "$SPAM" --yes=30 \
			>/dev/null || rc=$?
		[ $rc = 137 ]
		left=$(exim-queue --spool sp | wc -l | tr -d ' ')
		if [ "$left" = 0 ]; then
			# the plan of a run that finds nothing finishes nothing
			run -0 purge -y 1xUnb1-000000-07
		else
			run -0 purge --auth-user "$SPAM" --yes="$left"
		fi
		[ -z "$(find sp/input sp/msglog -type f)" ]
		run -0 exim-quarantine verify -q --spool sp Q
		[ "$(grep -c '"ok":true' <<<"$output")" = 30 ]
		run -0 exim-quarantine restore -q --spool sp Q --yes=30
		diff -r one/input sp/input
		diff -r one/msglog sp/msglog
	done
}

@test "no thread can be had: the same, one after the other" {
	command -v strace >/dev/null || skip 'no strace'
	# the command is not dumpable: only root's strace sees its memory
	[ "$(id -u)" = 0 ] || skip 'needs root to trace it'
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 30 \
		--spam 1 --bounces 0 --split >/dev/null
	sums sp >before
	trace -o /dev/null -e trace=clone3,clone -e inject=clone3,clone:error=EAGAIN \
		exim-queue-purge -q --spool sp --queue-name Q --batch 4 \
		--auth-user "$SPAM" --yes=30 >out
	[ "$(grep -c '"changed":true' out)" = 30 ]
	[ -z "$(find sp/input -type f)" ]
	run -0 exim-quarantine restore -q --spool sp Q --yes=30
	sums sp | diff before -
}

@test "named again, in the same batch or a later one: moved once" {
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 20 \
		--spam 1 --bounces 0 >/dev/null
	exim-queue --spool sp | jq -r .id >ids
	# each twice in a row, all again, and the other way round
	{ sed p ids; cat ids; tac ids; } >often
	run -0 --separate-stderr bash -c 'exim-queue-purge -q --spool sp \
		--queue-name Q --batch 8 -y <often'
	[ "$(grep -c '"changed":true' <<<"$output")" = 20 ]
	[ "$(jq -r 'select(.changed | not).why' <<<"$output" | sort -u)" = \
		'in quarantine already: Q
named twice' ]
	[ "$(find sp/Q/input -name '*-H' | wc -l)" = 20 ]
	run -0 exim-quarantine verify -q --spool sp Q
}

@test "the disk fails under a batch: said, and nothing lost or left half" {
	local at
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" one --count 30 \
		--spam 1 --bounces 0 >/dev/null
	# the last one: in the third batch, and it cannot be taken back either
	for at in FSYNC=1+:quell-manifest FSYNC=2+:quell-manifest \
		FSYNC=1+:Q/input FSYNC=3+:Q/input WRITE=4+:quell-manifest \
		RENAME=26+:1xUn; do
		rm -rf sp
		cp -a one sp
		rc=0
		fault "FAULT_$at" exim-queue-purge -q --spool sp --queue-name Q \
			--batch 4 --auth-user "$SPAM" --yes=30 >out || rc=$?
		[ "$rc" = 74 ] || [ "$rc" = 73 ]
		grep -q 'exim-queue-purge: ' err
		[ "$(find sp -name '*-H' | wc -l)" = 30 ]
		# what is said to be moved has been
		jq -r 'select(.changed).id' out >moved
		while read -r id; do
			[ -e "sp/Q/input/$id-H" ]
		done <moved
		left=$(exim-queue --spool sp | wc -l | tr -d ' ')
		[ "$left" -gt 0 ]
		run -0 purge --auth-user "$SPAM" --yes="$left"
		[ -z "$(find sp/input -type f)" ]
		run -0 exim-quarantine restore -q --spool sp Q --yes=30
		diff -r one/input sp/input
	done
}

@test "kill -9 at any rename of a restore, then again" {
	command -v strace >/dev/null || skip 'no strace'
	# the command is not dumpable: only root's strace sees its memory
	[ "$(id -u)" = 0 ] || skip 'needs root to trace it'
	local n
	for n in 1 2 3 4 5 6 7; do
		rm -rf sp
		three
		purge --auth-user "$SPAM" --yes=2 >/dev/null
		trace -o /dev/null -e trace=renameat2 \
			-e inject=renameat2:signal=KILL:when="$n" \
			exim-quarantine restore --spool sp Q --yes=2 \
			>/dev/null 2>&1 || true
		n2=$(find sp/Q -name '*-H' | wc -l)
		run -0 exim-quarantine restore --spool sp Q --yes="$n2"
		sums sp | diff before -
	done
}

@test "the manifest is on the disk before the first rename" {
	command -v strace >/dev/null || skip 'no strace'
	# the command is not dumpable: only root's strace sees its memory
	[ "$(id -u)" = 0 ] || skip 'needs root to trace it'
	three
	trace -f -o trace -e trace=write,fdatasync,renameat2 \
		exim-queue-purge --spool sp --queue-name Q --partly-delivered -y "$A" >/dev/null
	run -0 awk '/queue-move/ { w = NR } /fdatasync.*= 0/ && w { s = NR }
		/renameat2/ { print (w && s && s > w); exit }' trace
	[ "$output" = 1 ]
	jq -se '.[0] | .type == "queue-move" and .source == "" and
		.sub == "" and .sender == "spoof@e.example"' \
		sp/Q/quell-manifest.jsonl
}

@test "nothing is overwritten, a queue in use is no quarantine" {
	three
	purge -y "$A" >/dev/null
	cp sp/Q/input/"$A"-H sp/Q/input/"$A"-D sp/input/
	run -65 --separate-stderr purge -y "$A"
	[[ $output == *'of that name'* ]]
	msg sp/night 1xUnbn-0004Fw-2l
	run -73 --separate-stderr exim-queue-purge --spool sp \
		--queue-name night -y "$C"
	[[ $stderr == *'is in use'* ]]
	[ -e sp/input/K/"$C"-H ]
}

@test "another file system is 73 and says why" {
	[ "$(id -u)" = 0 ] || skip 'needs root to mount'
	unshare -m true 2>/dev/null || skip 'no mount namespace'
	mkdir -p sp/input
	unshare -m bash -c '. "$1/lib/spool.bash"
		mount -t tmpfs none sp/input && msg sp 1xUnbl-0004Fv-1l &&
		{ rc=0; exim-queue-purge --spool sp --queue-name Q -y \
			1xUnbl-0004Fv-1l || rc=$?; ls sp/input; exit $rc; }' \
		- "$BATS_TEST_DIRNAME" >out 2>err || [ $? = 73 ]
	grep -q 'different file systems' err
	grep -q 'hint: ' err
	grep -q -- 1xUnbl-0004Fv-1l-H out
	grep -q '"ok":false' out
}

@test "malformed messages: passed over by a selection, moved by their id" {
	three
	head -c 50 sp/input/"$B1"-H >h && mv h sp/input/"$B1"-H
	run -0 --separate-stderr purge --auth-user "$SPAM" --yes=2
	[[ $stderr == *'1 malformed messages passed over'* ]]
	[ -e sp/input/"$B1"-H ]
	rm sp/input/"$B1"-D
	run -65 --separate-stderr purge -y "$B1"
	jq -e '.why == "malformed: no data file"' <<<"$output"
	echo "$B1"-D >sp/input/"$B1"-D
	run -0 --separate-stderr purge -y "$B1"
	jq -e '.changed and (has("recipient_count") | not)' <<<"$output"
	[ -e sp/Q/input/"$B1"-H ]
}

@test "links and hostile names lead nowhere" {
	three
	mkdir outside
	msg outside 1xUnb1-0004Fv-1l auth="$SPAM"
	ln -s "$PWD/outside/input/1xUnb1-0004Fv-1l-H" sp/input/1xUnb1-0004Fv-1l-H
	ln -s "$PWD/outside/input/1xUnb1-0004Fv-1l-D" sp/input/1xUnb1-0004Fv-1l-D
	ln -s "$PWD/outside" sp/linked
	run -0 purge --auth-user "$SPAM" --yes=2
	[ -e outside/input/1xUnb1-0004Fv-1l-H ]
	ln -s "$PWD/outside" sp/Q3
	run -77 exim-queue-purge --spool sp --queue-name Q3 -y "$B1" ||
		run -73 exim-queue-purge --spool sp --queue-name Q3 -y "$B1"
	[ -e sp/input/"$B1"-H ]
}

@test "--until-empty goes on while such mail keeps arriving" {
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 3000 \
		--spam 1 --bounces 0 >/dev/null
	msg late 1zUnb1-0004Fv-1l auth="$SPAM"
	mkfifo pipe
	{ read -r _; mv late/input/*-D sp/input; mv late/input/*-H sp/input
		cat >/dev/null; } <pipe 3>&- &
	run -0 --separate-stderr bash -c "exim-queue-purge --spool sp \
		--queue-name Q --auth-user $SPAM --yes=3000 --until-empty >pipe"
	wait
	[[ $stderr == *'3001 messages moved'* ]]
	[ -z "$(find sp/input -type f)" ]
}

@test "the incident's journal has it before and after" {
	three
	mkdir -m 700 inc && : >inc/journal.jsonl
	run -0 purge --auth-user "$SPAM" --yes=2 --incident inc
	jq -se '.[0].event == "exim-queue-purge.begin" and
		.[0].data.selected == 2 and
		.[-1].event == "exim-queue-purge.end" and
		.[-1].data.moved == 2 and .[-1].data.queue == "Q"' \
		inc/journal.jsonl
	run -66 purge -y "$B1" --incident nowhere
	[ -e sp/input/"$B1"-H ]
	cp inc/journal.jsonl journal
	run -0 purge -n "$B1" --incident inc
	diff journal inc/journal.jsonl
}

@test "output that cannot be written is 74, and the work is done" {
	three
	run -74 bash -c "exim-queue-purge --spool sp --queue-name Q --partly-delivered -y $A >/dev/full"
	[ -e sp/Q/input/"$A"-H ]
}

@test "somebody else is 77" {
	[ "$(id -u)" = 0 ] || skip 'needs root to become somebody else'
	three
	chmod 0755 "$BATS_TEST_TMPDIR" sp sp/input
	run -77 --separate-stderr setpriv --reuid 65534 --regid 65534 \
		--clear-groups "$QUELL_B/bin/exim-queue-purge" --spool sp \
		--queue-name Q -y "$A"
	[[ $stderr == *hint:* ]]
}

@test "5200 messages: spam moved, honest ones untouched, all restored" {
	for kind in '' '--split --long-ids'; do
		rm -rf sp
		# shellcheck disable=SC2086 # options
		python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 5200 \
			--list kinds $kind >counts
		sums sp >before
		n=$(jq .spam counts)
		purge --auth-user "$SPAM" --yes="$n" >moved
		[ "$(wc -l <moved)" = "$n" ]
		diff <(jq -r .id moved | sort) \
			<(awk '$2 == "spam" { print $1 }' kinds | sort)
		awk '$2 == "spam" { print $1 }' kinds >spam
		grep -vFf spam before >honest
		sums sp | diff honest -
		exim-quarantine restore --spool sp Q --yes="$n" >/dev/null
		sums sp | diff before -
	done
}

@test "a running Exim with 240 messages" {
	load lib/exim
	exim_available || skip 'no Exim'
	exim_make x queue_only=yes split=yes \
		users="$SPAM:pw,honest@v.example:pw"
	exim_start x
	{
		printf '{"from":"%s","user":"%s","pass":"pw","count":100,"to":["a%%d@gmail.example","b@x.example"]}\n' "$SPAM" "$SPAM"
		printf '{"from":"spoof%%d@e.example","user":"%s","pass":"pw","count":60}\n' "$SPAM"
		printf '{"from":"%s","user":"honest@v.example","pass":"pw","count":50}\n' "$SPAM"
		printf '{"from":"","count":30}\n'
	} >plan
	exim_submit x - x@y.example --plan plan >/dev/null
	[ "$(exim_queue_count x)" = 240 ]
	PATH=$PWD/x/bin:$PATH
	sums x/spool >before
	exim-queue --auth-user "$SPAM" >spam
	[ "$(wc -l <spam)" = 160 ]
	run -0 --separate-stderr exim-queue-purge --queue-name Q -y <spam
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 160 ]
	[ "$(exim_queue_count x)" = 80 ]
	[ "$(exim_queue_count x Q)" = 160 ]
	[ "$(exim_ids x -qGQ)" = "$(ids <spam)" ]
	jq -r .id spam >spam.ids
	grep -vFf spam.ids before >honest
	sums x/spool | diff honest -
	# folders as Exim makes them
	own=$(stat -c '%u:%g' x/spool/input)
	for d in x/spool/Q x/spool/Q/input x/spool/Q/msglog; do
		[ "$(stat -c '%u:%g %a' $d)" = "$own 750" ]
	done
	[ "$(stat -c '%u:%g %a' x/spool/Q/quell-manifest.jsonl)" = "$own 640" ]
	# the main log says what Exim would say
	id=$(head -n 1 spam.ids)
	grep -q "^....-..-.. ..:..:.. $id moved from input, msglog to (Q) input, msglog\$" x/log/mainlog
	# Exim can bring one back, and so can we
	x/bin/exim4 -qGQ -MG '' "$id"
	run -0 exim-quarantine restore Q --yes=159
	[ "$(exim_queue_count x)" = 240 ]
	sums x/spool | diff <(sed 's/x//' before) <(sed 's/x//' -) >diffs || true
	# (Exim's own mover writes to the message log; all else is the same)
	run ! grep 'input/' diffs
	no_panic
}

@test "a message in a real delivery is left to it" {
	load lib/exim
	exim_available || skip 'no Exim'
	# a server that lets its clients wait for the greeting
	python3 -c '
import socket, time
s = socket.create_server(("127.0.0.1", 0))
open("port", "w").write(str(s.getsockname()[1]))
c = s.accept()[0]
open("locked", "w").close()
time.sleep(3)' 3>&- &
	LOCKER=$!
	peers_wait 5 test -s port
	exim_make x sink="$(<port)" queue_only=yes users="$SPAM":pw
	exim_start x
	exim_submit x "$SPAM" a@y.example --user "$SPAM" --pass pw --count 2 >/dev/null
	PATH=$PWD/x/bin:$PATH
	read -r one two < <(exim_ids x)
	x/bin/exim4 -M "$one" 3>&- &
	peers_wait 5 test -e locked
	run -75 --separate-stderr exim-queue-purge --queue-name Q -y "$one" "$two"
	jq -se --arg id "$one" 'map(select(.id == $id))[0] |
		.why == "being delivered" and .holder_pid > 0' <<<"$output"
	[ "$(exim_ids x)" = "$one" ]
	[ "$(exim_ids x -qGQ)" = "$two" ]
	# the delivery fails in the end, and the message is to be had
	run -0 exim-queue-purge --queue-name Q -y --wait 20 "$one"
	[ "$(exim_queue_count x)" = 0 ]
	[ "$(exim_queue_count x Q)" = 2 ]
	LOCKER=
}

@test "while Exim delivers: every message is delivered or kept, never both" {
	load lib/exim
	exim_available || skip 'no Exim'
	smtp_sink_start sink --no-bodies
	exim_make x sink="$(sink_port sink)" queue_only=yes users="$SPAM":pw
	exim_start x
	exim_submit x "$SPAM" r%d@y.example --user "$SPAM" --pass pw --count 200 >/dev/null
	PATH=$PWD/x/bin:$PATH
	x/bin/exim4 -q >/dev/null 2>&1 3>&- &
	runners=$!
	x/bin/exim4 -qf >/dev/null 2>&1 3>&- &
	runners+=" $!"
	peers_wait 5 test -s sink/log.jsonl
	run -0 --separate-stderr bash -c 'exim-queue |
		exim-queue-purge --queue-name Q -y --wait 20'
	# shellcheck disable=SC2086 # two pids
	wait $runners
	[ -z "$(find x/spool/input -type f)" ]
	exim-queue --queue Q | jq -r '.recipients[]' | sort >kept
	jq -r '.to | if type == "array" then .[] else . end' sink/log.jsonl |
		tr -d '<>' | sort >delivered
	sink_stop sink
	[ -s kept ]
	[ -s delivered ]
	[ "$(sort kept delivered | uniq | wc -l)" = 200 ]
	[ "$(sort kept delivered | uniq -d | wc -l)" = 0 ]
	[ "$(find x/spool/Q -name '*-H' | wc -l)" = "$(find x/spool/Q -name '*-D' | wc -l)" ]
	no_panic
}

# an exim that says where its spool and its log are, as the file where has it
fake_exim() {
	cat >fake <<-EOF
		#!/bin/sh
		echo "spool_directory = $PWD/sp"
		echo "log_file_path = \$(cat '$PWD/where')"
	EOF
	chmod +x fake
}

@test "a log with a date in its name: the newest gets the lines" {
	three
	fake_exim
	mkdir log
	touch log/mainlog-20261120 log/mainlog-20261121 log/mainlog-20261121.gz \
		log/mainlog-2026112x log/mainlog-20269999999 log/mainlog-202612
	echo "syslog : $PWD/log/%slog-%D" >where
	run -0 --separate-stderr purge --exim ./fake "$B1" -y
	[[ $stderr != *'main log'* ]]
	grep -qF "$B1 moved from input, msglog to (Q) input, msglog" \
		log/mainlog-20261121
	[ "$(cat log/* | wc -l)" = 1 ]
	# a month
	echo "$PWD/log/%slog-%M" >where
	run -0 --separate-stderr exim-quarantine restore --exim ./fake Q "$B1" -y
	grep -qF "$B1 moved from (Q) input, msglog to input, msglog" \
		log/mainlog-202612
}

@test "without a log that is a file that is said, once" {
	three
	fake_exim
	for where in syslog "$PWD/none/%slog-%D" "$PWD/%slog-%D" \
		"$PWD/%slog" "$PWD/%D/%slog"; do
		echo "$where" >where
		run -0 --separate-stderr purge --exim ./fake "$B1" -y
		[ "$(grep -c "no lines in exim's main log: " <<<"$stderr")" = 1 ]
		run -0 --separate-stderr exim-quarantine restore --exim ./fake \
			Q "$B1" -y
		[ "$(grep -c "no lines in exim's main log: " <<<"$stderr")" = 1 ]
	done
	sums sp | diff before -
}

@test "an event_action is warned about" {
	load lib/exim
	exim_available || skip 'no Exim'
	echo 'event_action = ${if eq{a}{b}{x}{}}' >extra.conf
	exim_make x extra="$PWD/extra.conf"
	mkdir -p x/spool/input
	run -0 --separate-stderr exim-queue-purge --exim x/bin/exim4 -y "$A"
	[[ $stderr == *event_action* ]]
}

@test "the examples of the man page" {
	three
	load lib/exim
	exim_available || skip 'no Exim'
	exim_make x queue_only=yes
	cp -r sp/. x/spool/
	[ "$(id -u)" != 0 ] || chown -R "$(cat x/exim.uid):$(cat x/exim.uid)" x/spool
	export PATH=$PWD/x/bin:$PATH
	run_examples exim-queue-purge
}

@test "a manifest that is no plain file, or a link: 78 or 73, nobody waits" {
	three
	mkdir -p sp/Q/input sp/Q/msglog
	mkfifo sp/Q/quell-manifest.jsonl
	run -78 timeout 10 exim-queue-purge --spool sp --queue-name Q \
		--auth-user "$SPAM" --yes=2
	rm sp/Q/quell-manifest.jsonl
	ln -s /etc/passwd sp/Q/quell-manifest.jsonl
	run -73 timeout 10 exim-queue-purge --spool sp --queue-name Q \
		--auth-user "$SPAM" --yes=2
	rm -r sp/Q
	sums sp | diff before -
}

@test "root's folder in place of input does not let us keep root's rights" {
	[ "$(id -u)" = 0 ] || skip "not root"
	three
	chown -R 65534:65534 sp
	chown 0:0 sp/input
	rc=0
	trace -f -o calls -e trace=setresuid exim-queue-purge --spool sp \
		--partly-delivered --queue-name Q --auth-user "$SPAM" --yes=2 || rc=$?
	grep -q 'setresuid(65534, 65534, 65534) *= 0' calls
	# and without them what lies there cannot be moved
	[ "$rc" = 3 ]
	[ -e sp/input/"$A"-H ]
	chown 65534:65534 sp/input
	run -0 purge --auth-user "$SPAM" --yes=1
	[ "$(stat -c %u sp/Q sp/Q/input sp/Q/quell-manifest.jsonl | uniq)" = 65534 ]
}

@test "-n and a selection say what goes and what would remain" {
	three
	run -0 --separate-stderr purge --auth-user "$SPAM" -n
	[[ $stderr == *'quarantine 2 messages into quarantine Q:'*"2  $SPAM"* ]]
	[[ $stderr == *"e.g. $A $SPAM: Hi"* ]]
	[[ $stderr == *'1 would remain:'*"e.g. $B1 other@victim.example: Hi"* ]]
	run -0 --separate-stderr purge -n "$B1"
	[[ $stderr == *'2 would remain:'*"2  $SPAM"* ]]
	run -0 --separate-stderr purge -q -n "$B1"
	[ -z "$stderr" ]
}

@test "partly delivered messages are left and reported, unless asked for" {
	three
	msg sp 1xUnbq-0004Fv-1l auth="$SPAM" to='a@x.example b@x.example' \
		tree='NN a@x.example'
	run -0 --separate-stderr exim-queue-purge --spool sp --queue-name Q \
		--auth-user "$SPAM" --yes=3
	jq -se 'map(select(.changed)) | length == 1' <<<"$output"
	[ "$(jq -r 'select(.changed | not).why' <<<"$output" | sort -u)" = \
		'partly delivered: left' ]
	[[ $stderr == *'2 partly delivered messages left'* ]]
	[ -e sp/input/"$A"-J ]
	[ "$(exim-queue --spool sp --where partly_delivered | wc -l)" = 2 ]
	run -0 exim-queue-purge -q --spool sp --queue-name Q \
		--where 'partly_delivered' --partly-delivered --yes=2
	[ -e sp/Q/input/"$A"-J ]
}

@test "a record's time and count of recipients are checked, too" {
	three
	exim-queue --spool sp "$C" >plan
	jq -c '.received = "2026-11-21T00:00:00Z"' plan >late
	run -65 purge -y <late
	jq -c '.recipient_count = 7' plan >many
	run -65 purge -y <many
	run -0 purge -y <plan
	[ -e sp/Q/input/K/"$C"-H ]
}

@test "slowly, in small batches; a first signal ends behind the batch" {
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 60 \
		--spam 1 --bounces 0 >/dev/null
	start=$(date +%s%N)
	run -0 exim-queue-purge -q --spool sp --queue-name Q --batch 5 \
		--rate 30 --auth-user "$SPAM" --yes=60
	[ $(($(date +%s%N) - start)) -gt 1500000000 ]
	[ "$(grep -c '"queue-moved"' sp/Q/quell-manifest.jsonl)" = 12 ]
	exim-quarantine restore -q --spool sp Q --yes=60 >/dev/null
	exim-queue-purge --spool sp --queue-name Q --batch 5 --rate 10 \
		--auth-user "$SPAM" --yes=60 >out 2>err 3>&- &
	pid=$!
	peers_wait_file() { for _ in {1..100}; do [ -s out ] && return; sleep 0.05; done; }
	peers_wait_file
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	[ "$rc" = 75 ]
	grep -q 'stopped, [0-9]* messages are left' err
	n=$(grep -c '"changed":true' out)
	[ "$n" -gt 0 ]
	[ $((n % 5)) = 0 ]
	[ "$(find sp/Q -name '*-H' | wc -l)" = "$n" ]
	[ "$(find sp/input -name '*-H' | wc -l)" = $((60 - n)) ]
	run -64 purge --batch 5000 -y "$A"
}

@test "a spool that is read-only: a clear message, nothing lost" {
	[ "$(id -u)" = 0 ] || skip 'needs root to mount'
	unshare -m true 2>/dev/null || skip 'no mount namespace'
	three
	# shellcheck disable=SC2016
	unshare -m bash -c 'mount --bind sp sp && mount -o remount,ro,bind sp &&
		{ rc=0; exim-queue-purge -q --spool sp --queue-name Q -y '"$C"' \
			2>err || rc=$?; exim-queue --spool sp | wc -l >n
		echo $rc; }' >rc
	[ "$(<rc)" = 77 ]
	run ! grep -q 'run as root' err
	grep -q 'Read-only file system' err
	[ "$(<n)" = 3 ]
	sums sp | diff before -
}

@test "a spool that is full: 73 or 74, nothing lost" {
	[ "$(id -u)" = 0 ] || skip 'needs root to mount'
	unshare -m true 2>/dev/null || skip 'no mount namespace'
	mkdir disk
	# shellcheck disable=SC2016
	unshare -m bash -c 'mount -t tmpfs -o size=2m,nr_inodes=0 none disk &&
		python3 "$1/lib/spool_make.py" disk/sp --count 100 --spam 1 \
			--bounces 0 >/dev/null
		head -c 9m /dev/zero >disk/full 2>/dev/null
		(cd disk/sp && find input -type f | sort | xargs sha256sum) >was
		rc=0
		exim-queue-purge -q --spool disk/sp --queue-name Q --yes=100 \
			--auth-user '"$SPAM"' >out 2>err || rc=$?
		rm disk/full
		exim-quarantine restore -q --spool disk/sp Q --yes="$(find \
			disk/sp/Q -name "*-H" | wc -l)" >/dev/null
		(cd disk/sp && find input -type f | sort | xargs sha256sum) |
			diff was - && echo $rc' - "$BATS_TEST_DIRNAME" >rc
	cat err
	[[ $(<rc) == 7[34] ]]
	[[ $(<err) == *'No space left'* ]]
}
