#!/usr/bin/env bats
# incident: kill -9 at each write of journal, evidence, incident.json, merge
# and seal.  The journal verifies, or names the one torn last line; the next
# run goes on, and ends where it would have ended without it.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

setup() {
	# hundreds of fsyncs: not of a disk that others work on
	work=$(mktemp -d /dev/shm/quell-XXXXXX 2>/dev/null) ||
		work=$BATS_TEST_TMPDIR
	cd "$work" || return
	data=$QUELL_ROOT/tests/data
	preload=$QUELL_B/faults.so
	if [[ $QUELL_B == *asan* ]]; then
		preload="$(gcc -print-file-name=libasan.so) $preload"
		export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	fi
	printf 'From: a\r\n\r\nnotice\r\n' >notice.eml
	echo bytes >bytes.txt
	jq -c '.stage = "reminder" | .message_id = "<m2@x>" |
		.case = "12345678901-2"' "$data/report-initial.json" >second.json
}

teardown() {
	cd / && rm -rf "$work"
}

start() {
	rm -rf inc
	incident open --dir inc/a --evidence notice.eml \
		<"$data/report-initial.json" >/dev/null
}

# What verify says of inc/a: the chain is whole, at most the end is torn.
holds() {
	local out
	out=$(incident verify inc/a) || {
		echo "$1: $out"
		return 1
	}
	json_is "$out" '.ok and .torn <= 1 and
		(.torn == 0 or (.warnings | length) == 1)'
}

# Each call that writes, killed before it, and behind the last one, until one
# run ends by itself.  START makes the world, COMMAND is run, then CHECK with
# the point.
each_kill() {	# START COMMAND CHECK
	local point=FAULT_KILL n=1 rc killed=0
	while :; do
		"$1"
		rc=0
		{
			env "$point=$n:inc" LD_PRELOAD="$preload" \
				bash -c "exec $2" >out 2>err <in || rc=$?
		} 2>/dev/null
		[ "$rc" = 137 ] || [ "$rc" = "${ends:-0}" ] ||
			{ cat err; return 1; }
		"$3" "$point=$n" || return 1
		[ "$rc" != 137 ] || killed=$((killed + 1))
		[ "$point" = FAULT_KILL ] || break
		if [ "$rc" = 137 ]; then
			n=$((n + 1))
		else
			point=FAULT_KILL_AFTER n=$((n - 1))
		fi
		[ "$n" -lt 80 ]
	done
	echo "killed $killed times"
	[ "$killed" -ge "${least:-6}" ]
}

@test "log: the line is there, or torn at the end, and the next goes on" {
	: >in
	logged() {
		holds "$1" || return 1
		incident log inc/a 'the next' >/dev/null || return 1
		holds "$1" || return 1
		[ "$(grep -c 'the next' inc/a/journal.jsonl)" = 1 ]
	}
	least=4 each_kill start 'incident log inc/a text' logged
}

@test "a line that was cut short anywhere is named, and the next owns up to it" {
	local n size line
	start
	incident log inc/a 'one line more' >/dev/null
	size=$(stat -c %s inc/a/journal.jsonl)
	line=$(tail -n 1 inc/a/journal.jsonl | wc -c)
	cp inc/a/journal.jsonl whole
	for n in 1 2 17 100 $((line / 2)) $((line - 2)) $((line - 1)); do
		head -c $((size - n)) whole >inc/a/journal.jsonl
		run -0 --separate-stderr incident verify inc/a
		if [ "$n" = 1 ]; then	# only its newline is missing
			is '.ok and .torn == 0 and .lines == 3'
		else
			is '.ok and .torn == 1 and .torn_line == 3 and
				(.warnings[0] | test("from line 3 on it is torn"))'
		fi
		incident log inc/a 'the next' >/dev/null
		run -0 --separate-stderr incident verify inc/a
		is '.ok and .lines == 4'
		grep -q 'the next' inc/a/journal.jsonl
	done
}

@test "evidence: kept with its line, or tried again" {
	cp bytes.txt in
	kept() {
		holds "$1" || return 1
		incident evidence inc/a --name e <bytes.txt >/dev/null || return 1
		holds "$1" || return 1
		cmp bytes.txt "$(find inc/a/evidence -name '*-e' | sort |
			tail -n 1)"
	}
	each_kill start 'incident evidence inc/a --name e' kept
}

@test "open: the next one opens it, once; a second report is merged once" {
	cp "$data/report-initial.json" in
	nothing() { rm -rf inc && mkdir inc; }
	opened() {
		incident open --dir inc/a --evidence notice.eml \
			<"$data/report-initial.json" >again || return 1
		holds "$1" || return 1
		[ "$(grep -c incident.opened inc/a/journal.jsonl)" = 1 ] &&
			[ "$(find inc -name notice.eml -o -name '*-notice.eml' |
				grep -vc opening)" -ge 1 ] &&
			[ "$(<inc/a/due)" -gt 0 ]
	}
	each_kill nothing \
		'incident open --dir inc/a --evidence notice.eml' opened
	cp second.json in
	merged() {
		incident open --dir inc/b <second.json >again || return 1
		holds "$1" || return 1
		[ "$(grep -c report.merged inc/a/journal.jsonl)" = 1 ] &&
			[ ! -e inc/b ] &&
			json_is "$(cat again)" '.stage == "reminder"'
	}
	each_kill start 'incident open --dir inc/b' merged
}

@test "incident.json and due: the old or the new, never half, and mended" {
	: >in
	derived() {
		[ ! -s inc/a/incident.json ] ||
			jq -e '.type == "incident"' inc/a/incident.json >/dev/null ||
			return 1
		holds "$1" || return 1
		incident log inc/a more >/dev/null || return 1
		jq -e --arg n "$(stat -c %s inc/a/journal.jsonl)" \
			'.journal_bytes == ($n | tonumber)' inc/a/incident.json \
			>/dev/null || return 1
		if grep -q incident.answered inc/a/journal.jsonl; then
			[ ! -e inc/a/due ]
		else
			[ "$(<inc/a/due)" -gt 0 ]
		fi
	}
	each_kill start 'incident log inc/a --event incident.answered' derived
}

@test "seal: killed anywhere, the next one seals, and it verifies" {
	: >in
	sealed() {
		local out
		holds "$1" || return 1
		out=$(incident seal inc/a) || return 1
		json_is "$out" '.number == 1 and .files == 2' || return 1
		[ "$(grep -c incident.sealed inc/a/journal.jsonl)" = 1 ] &&
			(cd inc/a && sha256sum --quiet -c seal/0001.SHA256SUMS) &&
			holds "$1"
	}
	archived() {
		rm -f inc/a.tar.zst
		sealed "$1" || return 1
		incident seal inc/a --tar inc/a.tar.zst >/dev/null &&
			zstd -qdc inc/a.tar.zst | tar -tf - | grep -q SHA256SUMS
	}
	each_kill start 'incident seal inc/a --tar inc/a.tar.zst' archived
	asked() {
		sealed "$1" || return 1
		incident seal inc/a --tsa-query q >/dev/null &&
			cmp q inc/a/seal/0001.tsq &&
			openssl ts -query -in q -text >/dev/null
	}
	each_kill start 'incident seal inc/a --tsa-query q' asked
}

@test "due --escalate: told, or told again; never lost" {
	: >in
	late() {
		rm -rf inc
		jq -c '.due = "2020-01-01T00:00:00Z"' \
			"$data/report-initial.json" |
			incident open --dir inc/a >/dev/null
	}
	told() {
		holds "$1" || return 1
		incident due --escalate inc/a >>out || [ $? = 1 ] || return 1
		[ "$(wc -l <out)" -ge 1 ] &&
			[ "$(grep -c due.escalated inc/a/journal.jsonl)" = 1 ]
	}
	ends=1 each_kill late 'incident due --escalate inc/a' told
}

@test "a full disk under a seal: 73 or 74, and nothing half" {
	start
	for f in FAULT_WRITE=1:seal FAULT_FSYNC=1:seal FAULT_RENAME=1:seal \
		FAULT_WRITE=1:journal.jsonl FAULT_FSYNC=1:journal.jsonl; do
		run -74 env "$f" LD_PRELOAD="$preload" incident seal inc/a
		run -0 --separate-stderr incident verify inc/a
		is '.ok and .seals == 0'
		[ -z "$(find inc -name '.*.??????')" ]
	done
	for f in FAULT_WRITE=1:tar FAULT_FSYNC=1:tar FAULT_RENAME=1:a.tar; do
		run -74 env "$f" LD_PRELOAD="$preload" incident seal inc/a \
			--tar "$PWD/a.tar.zst"
		[ ! -e a.tar.zst ] && [ ! -e a.tar.zst.part ]
	done
	run -73 env FAULT_OPEN=1:a.tar LD_PRELOAD="$preload" incident seal \
		inc/a --tar "$PWD/a.tar.zst"
	# what is derived fails: said, and the line is there all the same
	run -0 --separate-stderr env FAULT_WRITE=1:incident.json \
		LD_PRELOAD="$preload" incident log inc/a x
	[[ $stderr == *incident.json* ]]
	is '.last.event == "note"'
}
