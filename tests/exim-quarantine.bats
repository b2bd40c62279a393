#!/usr/bin/env bats
# exim-quarantine: on hand-made spools, on two file systems, with a real Exim
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell
load lib/spool
load lib/quarantine

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	export LC_ALL=C.UTF-8
	D=
}

teardown() {
	[ -z "$D" ] || rm -rf "$D"
	stop_servers
}

purge() {
	exim-queue-purge -q --spool sp --queue-name Q --partly-delivered "$@"
}

q() {	# VERB ARGUMENT...
	local verb=$1
	shift
	exim-quarantine "$verb" --spool sp "$@"
}

# a folder on another file system, in D
another_disk() {
	D=$(mktemp -d /dev/shm/quell-test.XXXXXX 2>/dev/null) ||
		skip 'no /dev/shm'
	[ "$(stat -c %d "$D")" != "$(stat -c %d .)" ] ||
		skip '/dev/shm is the same file system'
}

@test "list: the quarantines, and the messages of one" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	msg sp/night 1xUnbn-0004Fw-2l auth="$SPAM"
	run -0 q list
	[ -z "$output" ]
	purge --auth-user "$SPAM" --yes=3 >moved
	run -0 q list
	jq -e '.type == "queue-quarantine" and .id == "Q" and
		.messages == 3' <<<"$output"
	run -0 q list Q
	[ "$(ids <<<"$output")" = "$A 1xUnbn-0004Fw-2l $C" ]
	jq -se --arg c "$C" 'map(select(.id == $c))[0] | .type == "queue-msg" and
		.queue == "Q" and .source == "" and .auth_user == "'"$SPAM"'" and
		.subject == "Grüße" and (.taken | length == 20) and
		.recipient_count == 1' <<<"$output"
	[ "$(jq -r 'select(.source == "night").id' <<<"$output")" = \
		1xUnbn-0004Fw-2l ]
	# the hashes are those of the files
	[ "$(jq -r --arg c "$C" 'select(.id == $c) | .sha256_h, .sha256_d' \
		<<<"$output")" = "$(sha256sum <sp/Q/input/K/"$C"-H | cut -d' ' -f1
		sha256sum <sp/Q/input/K/"$C"-D | cut -d' ' -f1)" ]
	run -0 q list Q "$A"
	[ "$(ids <<<"$output")" = "$A" ]
	run -0 q list Q --where 'sender = spoof@e.example'
	[ "$(ids <<<"$output")" = "$A" ]
	run -0 q list Q "$B1"
	jq -e '.why == "not in this quarantine"' <<<"$output"
	run -66 q list nosuch
}

@test "restore puts every byte back, into its own folder and queue" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	msg sp/night 1xUnbn-0004Fw-2l auth="$SPAM"
	purge --auth-user "$SPAM" --yes=3 >moved
	[ ! -e sp/night/input/1xUnbn-0004Fw-2l-H ]
	run -0 --separate-stderr q restore -n Q
	jq -se 'length == 3 and all(.dry_run and .changed == false and
		.action == "restore")' <<<"$output"
	[ -e sp/Q/input/"$A"-H ]
	run -0 --separate-stderr q restore Q "$C" -y
	jq -e '.ok and .changed and .action == "restored" and .queue == ""' \
		<<<"$output"
	[ -e sp/input/K/"$C"-H ]
	[ ! -e sp/input/"$A"-H ]
	# a count is asked for
	run -64 q restore Q -y
	run -64 q restore Q --yes=3
	run -0 --separate-stderr q restore Q --yes=2
	sums sp | diff before -
	[ -e sp/night/input/1xUnbn-0004Fw-2l-D ]
	[ -z "$(find sp/Q -name '1x*')" ]
	# again: nothing to do is no failure
	run -0 --separate-stderr q restore Q -y
	[ -z "$output" ]
	# the records of the purge say what to restore; twice is once
	purge --auth-user "$SPAM" --yes=3 >moved
	run -0 --separate-stderr q restore Q -y - < <(cat moved moved)
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 3 ]
	sums sp | diff before -
	jq -se 'map(.type) | index("queue-restored")' \
		sp/Q/quell-manifest.jsonl >/dev/null
}

@test "a selection of a quarantine is restored" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	purge --auth-user "$SPAM" --yes=2 >moved
	run -0 q restore Q -y --where 'subject ~ Grü'
	[ -e sp/input/K/"$C"-H ]
	[ ! -e sp/input/"$A"-H ]
	run -64 q restore Q -y --where 'x' "$A"
	run -64 q restore Q -y --where 'x'
	run -64 q restore Q -y --where ''
}

@test "usage" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	run -64 exim-quarantine
	run -64 q eat
	run -64 q restore
	run -64 q restore ''
	run -64 q restore ../x -y
	run -64 q export Q
	run -64 q list --batch 5
	run -64 q list Q -y
	run -64 q restore Q --bodies -y
	run -64 q restore Q --batch 5000 -y
	run -66 q restore nosuch -y
	purge -y "$A" >moved
	run -65 q restore Q -y nonsense
	run -64 q restore Q -y - </dev/null
	[ -e sp/Q/input/"$A"-H ]
	run -66 exim-quarantine list --quarantine "$PWD/nowhere"
}

@test "verify finds what was changed" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	purge --auth-user "$SPAM" --yes=2 >moved
	run -0 q verify Q
	[ "$(jq -s 'map(select(.ok)) | length' <<<"$output")" = 2 ]
	printf x >>sp/Q/input/"$A"-D
	run -3 q verify Q
	[ "$(jq -r 'select(.ok | not) | "\(.id) \(.why)"' <<<"$output")" = \
		"$A -D is not what was taken" ]
	printf x >>sp/Q/input/K/"$C"-H
	run -65 q verify Q
	run -65 q verify Q "$C"
	rm sp/Q/input/"$A"-D
	run -65 q verify Q "$A"
	[[ $output == *'cannot be read'* ]]
}

@test "export: headers, hashes of bodies; every hash is right" {
	command -v zstd >/dev/null || skip 'no zstd'
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	purge --auth-user "$SPAM" --yes=2 >moved
	run -0 q export Q b.tar.zst
	[ "$(ids <<<"$output")" = "$A $C" ]
	[ "$(stat -c %a b.tar.zst)" = 600 ]
	mkdir out && zstd -dcq b.tar.zst | tar -xC out
	[ "$(cd out && find . -type f | sort | paste -sd' ')" = "./BODIES.SHA256 ./Q/$A-H ./Q/$A-J ./Q/$A.log ./Q/$C-H ./Q/$C.log ./SHA256SUMS ./messages.jsonl" ]
	cmp out/Q/"$A"-H sp/Q/input/"$A"-H
	(cd out && sha256sum --quiet -c SHA256SUMS)
	[ "$(grep -c . out/SHA256SUMS)" = 7 ]
	mkdir -p bodies/Q && cp sp/Q/input/"$A"-D sp/Q/input/K/"$C"-D bodies/Q
	(cd bodies && sha256sum --quiet -c ../out/BODIES.SHA256)
	[ "$(ids <out/messages.jsonl)" = "$A $C" ]
	# it is there: it stays as it is
	sha256sum b.tar.zst >sum
	run -73 q export Q b.tar.zst
	sha256sum --quiet -c sum
	run -0 q export Q all.tar.zst --bodies "$A"
	mkdir all && zstd -dcq all.tar.zst | tar -xC all
	cmp all/Q/"$A"-D sp/Q/input/"$A"-D
	(cd all && sha256sum --quiet -c SHA256SUMS)
	[ ! -e all/Q/"$C"-H ]
	# one that could not be finished is empty, never half
	run -65 q export Q bad.tar.zst "$A" nonsense
	[ ! -s bad.tar.zst ]
	run -73 q export Q nowhere/b.tar.zst
	[ -z "$(find . -maxdepth 1 -name '*.tmp')" ]
	sums sp >after
	[ -e sp/Q/input/"$A"-H ]
}

@test "delete: only with the name, only in a quarantine, for good" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	purge --auth-user "$SPAM" --yes=2 >moved
	run -64 q delete Q -y
	run -64 q delete Q --confirm=R -y
	run -0 --separate-stderr q delete Q -n
	jq -se 'length == 2 and all(.dry_run)' <<<"$output"
	[ -e sp/Q/input/"$A"-H ]
	run -0 --separate-stderr q delete Q --confirm=Q -y "$A" "$A"
	[ "$(jq -s 'map(select(.changed)) | length' <<<"$output")" = 1 ]
	[ "$(cd sp/Q && find . -type f | sort | paste -sd' ')" = \
		"./input/K/$C-D ./input/K/$C-H ./msglog/K/$C ./quell-manifest.jsonl" ]
	run -0 q delete Q --confirm=Q -y
	[ -z "$(find sp/Q -name '1x*')" ]
	[ -e sp/input/"$B1"-H ]
	[ "$(jq -r .type sp/Q/quell-manifest.jsonl | tail -n 1)" = queue-deleted ]
	# a queue in use is none of ours
	msg sp/night 1xUnbn-0004Fw-2l
	run -78 q delete night --confirm=night -y
	[ -e sp/night/input/1xUnbn-0004Fw-2l-H ]
}

@test "the incident's journal has it" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	mkdir -m 700 inc && : >inc/journal.jsonl
	purge --auth-user "$SPAM" --yes=2 >moved
	q restore Q -y "$A" --incident inc >/dev/null
	q delete Q --confirm=Q -y --incident inc >/dev/null
	[ "$(jq -r '"\(.event) \(.data.verb) \(.data.moved)"' \
		inc/journal.jsonl | paste -sd,)" = 'exim-quarantine.begin restore 0,exim-quarantine.end restore 1,exim-quarantine.begin delete 0,exim-quarantine.end delete 1' ]
	run -66 q restore Q -y "$C" --incident nowhere
}

@test "another disk: there and back, byte for byte, nothing left over" {
	another_disk
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	run -0 --separate-stderr purge --auth-user "$SPAM" --yes=2 \
		--quarantine "$D/k"
	jq -se --arg d "$D/k" 'length == 2 and all(.ok and .changed and
		.queue == "Q" and .folder == $d)' <<<"$output"
	[ ! -e sp/Q ]
	[ "$(find sp -type f | sort | paste -sd' ')" = \
		"sp/input/$B1-D sp/input/$B1-H" ]
	[ "$(cd "$D/k/Q" && find . -type f | sort | paste -sd' ')" = \
		"./input/$A-D ./input/$A-H ./input/$A-J ./input/K/$C-D ./input/K/$C-H ./msglog/$A ./msglog/K/$C ./quell-manifest.jsonl" ]
	[ "$(stat -c %a "$D/k")" = 700 ]
	run -0 exim-quarantine list --quarantine "$D/k"
	jq -e '.id == "Q" and .messages == 2' <<<"$output"
	run -0 exim-quarantine verify Q --quarantine "$D/k"
	# already taken
	run -0 --separate-stderr purge -y "$A" --quarantine "$D/k"
	jq -e '.why == "in quarantine already: Q"' <<<"$output"
	run -0 q restore Q --yes=2 --quarantine "$D/k"
	sums sp | diff before -
	[ -z "$(find sp "$D" -name '*.quell' -o -name '1x*' -path "$D/*")" ]
	run -64 purge -y "$A" --quarantine relative/path
	[ -e sp/input/"$A"-H ]
}

@test "another disk: kill -9 at any step, both ways, then again" {
	command -v strace >/dev/null || skip 'no strace'
	[ "$(id -u)" = 0 ] || skip 'needs root to trace it'
	another_disk
	local n call k
	for call in renameat2 unlinkat fsync; do
		for n in 1 2 3 4 5 6 7 8 9; do
			rm -rf sp "$D/k"
			three subject='=?utf-8?B?R3LDvMOfZQ==?='
			trace -o /dev/null -e trace=$call \
				-e inject=$call:signal=KILL:when="$n" \
				exim-queue-purge -q --spool sp --queue-name Q \
				--quarantine "$D/k" --partly-delivered \
				--auth-user "$SPAM" --yes=2 >/dev/null 2>&1 || true
			# never in both places, as far as Exim can see
			for k in $A $C; do
				[ "$(find sp "$D" -name "$k-H" | wc -l)" -le 1 ]
			done
			run -0 purge -y "$A" "$C" --quarantine "$D/k"
			[ "$(find sp -type f | sort | paste -sd' ')" = \
				"sp/input/$B1-D sp/input/$B1-H" ] ||
				{ echo "$call $n"; find sp "$D"; false; }
			# the way back
			trace -o /dev/null -e trace=$call \
				-e inject=$call:signal=KILL:when="$n" \
				exim-quarantine restore -q --spool sp \
				--quarantine "$D/k" Q --yes=2 \
				>/dev/null 2>&1 || true
			for k in $A $C; do
				[ "$(find sp "$D" -name "$k-H" | wc -l)" -le 1 ]
			done
			# what was half way is finished first, then counted
			run -0 q restore -y Q "$A" "$C" --quarantine "$D/k"
			sums sp | diff before - || { echo "$call $n"; false; }
			[ -z "$(find sp "$D" -name '*.quell')" ]
		done
	done
}

@test "another disk that is full: 73 or 74, and nothing is lost" {
	[ "$(id -u)" = 0 ] || skip 'needs root to mount'
	unshare -m true 2>/dev/null || skip 'no mount namespace'
	python3 "$BATS_TEST_DIRNAME/lib/spool_make.py" sp --count 200 \
		--spam 1 --bounces 0 >/dev/null
	sums sp >before
	mkdir disk
	# shellcheck disable=SC2016
	unshare -m bash -c 'mount -t tmpfs -o size=400k none disk &&
		{ rc=0; exim-queue-purge -q --spool sp --queue-name Q \
			--quarantine "$PWD/disk" --batch 20 --yes=200 \
			--auth-user '"$SPAM"' >moved 2>err || rc=$?
		n=$(find disk -name "*-H" | wc -l)
		exim-quarantine verify Q --quarantine "$PWD/disk" \
			>/dev/null || exit 99
		rm -f disk/*.x
		exim-quarantine restore -q --spool sp Q --yes="$n" \
			--quarantine "$PWD/disk" >back || exit 98
		echo "$rc $n"; }' >out
	cat out err
	[[ $(<out) == 7[34]\ * ]]
	[[ $(<err) == *'No space left'* ]]
	sums sp | diff before -
}

@test "Exim delivers what was restored, once" {
	load lib/exim
	exim_available || skip 'no Exim'
	smtp_sink_start sink
	exim_make x sink="$(sink_port sink)" queue_only=yes users="$SPAM":pw
	exim_start x
	exim_submit x "$SPAM" r%d@y.example --user "$SPAM" --pass pw --count 20 \
		>/dev/null
	PATH=$PWD/x/bin:$PATH
	sums x/spool >before
	exim-queue-purge -q --queue-name Q --auth-user "$SPAM" --yes=20 >moved
	x/bin/exim4 -qf
	[ ! -s sink/log.jsonl ]
	# exigrep tells the whole story of a message
	id=$(exim_ids x -qGQ | cut -d' ' -f1)
	x/bin/exigrep "$id" x/log/mainlog >story
	grep -q "$id moved from input, msglog to (Q) input, msglog" story
	run -0 exim-quarantine restore Q --yes=20
	sums x/spool | diff before -
	# and through another disk
	another_disk
	exim-queue-purge -q --queue-name Q --quarantine "$D/k" \
		--auth-user "$SPAM" --yes=20 >moved
	[ "$(exim_queue_count x)" = 0 ]
	run -0 exim-quarantine restore Q --quarantine "$D/k" --yes=20
	sums x/spool | diff before -
	x/bin/exim4 -qf
	peers_wait 20 bash -c '[ "$(wc -l <sink/log.jsonl)" = 20 ]'
	[ "$(exim_queue_count x)" = 0 ]
	[ "$(jq -r '.to[]' sink/log.jsonl | sort -u | wc -l)" = 20 ]
	[ ! -s x/log/paniclog ]
	# what is deleted says so as Exim would
	exim_submit x "$SPAM" r@y.example --user "$SPAM" --pass pw >/dev/null
	id=$(exim_ids x)
	exim-queue-purge -q --queue-name Q -y "$id" >/dev/null
	exim-quarantine delete Q -y --confirm=Q >/dev/null
	grep -q "$id removed by " x/log/mainlog
	grep -q "$id Completed" x/log/mainlog
}

@test "output that cannot be written is 74, and the work is done" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	purge --auth-user "$SPAM" --yes=2 >moved
	run -74 bash -c "exim-quarantine list --spool sp Q >/dev/full"
	run -74 bash -c "exim-quarantine restore -y --spool sp Q $A >/dev/full"
	[ -e sp/input/"$A"-H ]
}

@test "the examples of the man page" {
	three subject='=?utf-8?B?R3LDvMOfZQ==?='
	load lib/exim
	exim_available || skip 'no Exim'
	exim_make x queue_only=yes
	cp -r sp/. x/spool/
	[ "$(id -u)" != 0 ] || chown -R "$(cat x/exim.uid):$(cat x/exim.uid)" x/spool
	export PATH=$PWD/x/bin:$PATH
	exim-queue-purge -q --queue-name spam --partly-delivered \
		--auth-user "$SPAM" --yes=2 >moved
	run_examples exim-quarantine
}
