#!/usr/bin/env bats
# incident: what verify names, escalation, CSV, seals, time stamps.

# shellcheck disable=SC2030,SC2031,SC2154,SC2012
load lib/quell

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	printf 'From: a\r\n\r\nnotice\r\n' >notice.eml
}

report() {
	jq -c "$1" "$data/report-initial.json"
}

open_one() {	# [JQ-FILTER] -> $dir
	dir=$(incident open --evidence notice.eml \
		< <(report "${1-.}") | jq -r .dir)
}

in_minutes() {	# N: a deadline
	date -u -d "$1 minutes" +%Y-%m-%dT%H:%M:%SZ
}

@test "verify names a gap, the torn last line, and a clock that went back" {
	open_one
	for i in 1 2 3 4; do incident log "$dir" "line $i" >/dev/null; done
	cp "$dir/journal.jsonl" good
	sed 4,5d good >"$dir/journal.jsonl"
	run -1 --separate-stderr incident verify "$dir"
	is '.bad_line == 4 and (.why | test("lines are missing from 4 on.*6"))'
	sed 4d good >"$dir/journal.jsonl"
	run -1 --separate-stderr incident verify "$dir"
	is '.bad_line == 4 and (.why | test("line 4 is missing"))'
	cat good >"$dir/journal.jsonl"
	printf '{"type":"journal","id":"7","ti' >>"$dir/journal.jsonl"
	run -0 --separate-stderr incident verify "$dir"
	is '.ok and .torn == 1 and .torn_line == 7 and
		(.warnings[0] | test("line 7 on it is torn"))'
	incident log "$dir" 'goes on' >/dev/null
	run -0 --separate-stderr incident verify "$dir"
	is '.ok and .torn_line == 7 and (.warnings[0] | test("owns up"))'
	# report.json stands in the journal, too
	chmod u+w "$dir/report.json"
	echo >>"$dir/report.json"
	run -1 --separate-stderr incident verify "$dir"
	is '.bad_line == 1 and (.why | test("report.json was changed"))'
}

@test "evidence: files by name, several; add is a word" {
	open_one
	echo one >one.txt
	echo two >two.txt
	run -0 --separate-stderr incident evidence "$dir" one.txt two.txt
	is '.evidence == 3'
	run -0 --separate-stderr incident evidence add "$dir" one.txt \
		--name other
	run -0 incident evidence add "$dir" --name bytes <one.txt
	cmp one.txt "$dir/evidence/0002-one.txt"
	cmp one.txt "$dir/evidence/0004-other"
	cmp one.txt "$dir/evidence/0005-bytes"
	run -64 incident evidence "$dir" one.txt two.txt --name x
	run -66 incident evidence "$dir" nowhere
	run -0 incident verify "$dir"
}

@test "due --escalate: 12, 6, 1 hours and over, once each" {
	open_one ".due = \"$(in_minutes +1200)\""
	run -0 incident due --escalate all
	[ -z "$output" ]
	for step in 12h:+660 6h:+300 1h:+30 over:-60; do
		rm -rf incidents
		open_one ".due = \"$(in_minutes "${step#*:}")\""
		run -1 --separate-stderr incident due --escalate all
		is ".alarm and .step == \"${step%:*}\""
		run -0 incident due --escalate all
		[ -z "$output" ]
	done
	# a step that was passed by is not told afterwards; the next one is
	grep -q '"event":"due.escalated".*"step":"over"' "$dir/journal.jsonl"
	# another deadline begins anew: the answer came back
	incident log "$dir" --event incident.answered >/dev/null
	run -0 incident due --escalate all
	sleep 1.1
	incident log "$dir" --event incident.bounced >/dev/null
	run -1 --separate-stderr incident due --escalate all
	is '.step == "over"'
	run -64 incident due --escalate --within 1h all
	run -0 incident verify "$dir"
}

@test "due --escalate by many at once tells once" {
	open_one ".due = \"$(in_minutes +300)\""
	for _ in 1 2 3 4 5 6; do
		incident due --escalate all >>told 3>&- &
	done
	wait
	[ "$(wc -l <told)" = 1 ]
	[ "$(grep -c due.escalated "$dir/journal.jsonl")" = 1 ]
}

@test "timeline --as csv: columns of Timesketch, quoted, no formula, no key" {
	open_one
	incident log "$dir" $'=cmd|"x",\u202eevil <b> AKIAIOSFODNN7EXAMPLE' \
		>/dev/null
	run -0 --separate-stderr incident timeline "$dir" --as csv
	python3 - <<-'END' <(printf '%s\n' "$output")
	import csv, sys, datetime
	rows = list(csv.DictReader(open(sys.argv[1], newline='')))
	assert list(rows[0])[:3] == ['message', 'datetime', 'timestamp_desc']
	assert len(rows) == 3, rows
	for r in rows:
	    t = datetime.datetime.fromisoformat(r['datetime'])
	    assert t.utcoffset() == datetime.timedelta(0)
	    assert None not in r and None not in r.values()
	assert rows[1]['evidence'] == 'evidence/0001-notice.eml'
	assert len(rows[1]['sha256']) == 64
	m = rows[2]['message']
	assert '"x",\ufffdevil <b>' in m and 'AKIAIO' not in m, m
	END
	run -64 incident timeline "$dir" --as xml
	SUDO_USER='=1+1' incident log "$dir" hm >/dev/null
	incident timeline "$dir" --as csv | grep -q "\"'=1+1\""
}

authority() {	# a time stamp authority of our own, in tsa/
	mkdir tsa
	(
		cd tsa || exit
		openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key \
			-out ca.pem -days 2 -subj '/CN=Test CA' 2>/dev/null
		printf '%s\n' '[e]' 'extendedKeyUsage = critical,timeStamping' \
			>ext
		openssl req -newkey rsa:2048 -nodes -keyout tsa.key \
			-out tsa.csr -subj '/CN=Test TSA' 2>/dev/null
		openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key \
			-CAcreateserial -days 2 -extfile ext -extensions e \
			-out tsa.pem 2>/dev/null
		echo 01 >serial
		cat >tsa.cnf <<-'END'
		[tsa]
		default_tsa = t
		[t]
		serial = serial
		signer_cert = tsa.pem
		signer_key = tsa.key
		signer_digest = sha256
		default_policy = 1.2.3.4.1
		digests = sha256
		accuracy = secs:1
		END
	)
}

answer() {	# QUERY REPLY
	(cd tsa && openssl ts -reply -config tsa.cnf -queryfile "../$1" \
		-out "../$2" 2>/dev/null)
}

@test "seal: hashes of all files, in the chain; again is nothing new" {
	open_one
	mkdir -p "$dir/state" "$dir/secrets" "$dir/steps/10_a"
	echo secret >"$dir/secrets/pw"
	echo x >"$dir/steps/10_a/stdout"
	: >"$dir/state/ack.lock"
	run -0 --separate-stderr incident seal "$dir" --tar a.tar.zst
	is '.type == "incident-seal" and .changed and .number == 1 and
		.file == "seal/0001.SHA256SUMS" and .files == 3'
	head=$(jq -r .head <<<"$output")
	[ "$head" = "$(tail -n 1 "$dir/journal.jsonl" | tr -d '\n' |
		sha256sum | cut -d' ' -f1)" ]
	(cd "$dir" && sha256sum --quiet -c seal/0001.SHA256SUMS)
	run ! grep -E 'secrets|lock|incident.json' "$dir/seal/0001.SHA256SUMS"
	run -0 --separate-stderr incident seal "$dir"
	is '.changed == false and .head == "'"$head"'"'
	# the archive: whole, by itself
	mkdir out
	zstd -qdc a.tar.zst | tar -xf - -C out
	(cd out && sha256sum --quiet -c SHA256SUMS)
	run -0 incident verify "out/${dir##*/}"
	[ -z "$(find out -name pw -o -name '*.lock')" ]
	run -73 incident seal "$dir" --tar a.tar.zst
	# it goes on, and the next seal has the next number
	incident log "$dir" 'one more' >/dev/null
	run -0 --separate-stderr incident seal "$dir"
	is '.changed and .number == 2'
	run -0 --separate-stderr incident verify "$dir"
	is '.ok and .seals == 2 and .changed_since == []'
	echo y >"$dir/steps/10_a/stdout"
	run -0 --separate-stderr incident verify "$dir"
	is '.ok and .changed_since == ["steps/10_a/stdout"]'
	chmod u+w "$dir/seal/0001.SHA256SUMS"
	echo >>"$dir/seal/0001.SHA256SUMS"
	run -1 --separate-stderr incident verify "$dir"
	is '.why | test("a seal was changed")'
	run -65 incident seal "$dir"
}

@test "a folder from elsewhere: links lead nowhere, pipes hold nothing up" {
	open_one
	echo secret >outside
	ln -s "$PWD/outside" "$dir/evidence/0002-link.jsonl"
	mkfifo "$dir/evidence/0003-pipe"
	ln -s "$PWD" "$dir/evidence/0004-folder"
	: >"$dir/evidence/999999999-x"
	: >"$dir/evidence/99999999999999999999999-x"
	echo x | incident evidence "$dir" --name next >/dev/null
	echo x | incident evidence "$dir" --name next >/dev/null
	[ -e "$dir/evidence/0005-next" ] || [ -e "$dir/evidence/0006-next" ]
	run -0 --separate-stderr incident seal "$dir" --tar x.tar.zst
	jq -e '.left_out == 3' <<<"$output"
	[ "$(zstd -qdc x.tar.zst | tar t | grep -cE 'link|pipe|folder')" = 0 ]
	run -0 incident verify "$dir"
	run -0 incident report "$dir"
	# what the journal tells of is such a thing now
	for file in "$dir/evidence/0001-notice.eml" "$dir/report.json" \
		"$dir/seal/0001.SHA256SUMS" "$dir/journal.jsonl"; do
		mv "$file" saved
		for kind in pipe link; do
			if [ "$kind" = pipe ]; then
				mkfifo "$file"
			else
				ln -s "$PWD/saved" "$file"
			fi
			for verb in verify report seal show; do
				run timeout 60 incident "$verb" "$dir"
				[ "$status" != 124 ]
				[ "$verb$status" != verify0 ] ||
					[[ $kind$file = link*journal.jsonl ]]
			done
			rm "$file"
		done
		mv saved "$file"
	done
	run -0 incident verify "$dir"
}

@test "a merged incident is sealed whole: its head stands for all of it" {
	open_one '.case = "1" | .resources = []'
	a=$dir
	open_one '.case = "2" | .resources = [] | .message_id = "<b@x>"'
	b=$dir
	open_one '.case = "3" | .resources = [] | .message_id = "<c@x>"'
	incident merge "$b" "$dir" >/dev/null
	incident merge "$a" "$b" >/dev/null
	run -0 --separate-stderr incident seal "$a" --tar all.tar.zst
	jq -e .changed <<<"$output"
	jq -es --arg b "${b##*/}" --arg c "${dir##*/}" --arg h "$(tail -n 1 \
		"$b/journal.jsonl" | tr -d '\n' | sha256sum | cut -d' ' -f1)" \
		'last.data.merged | map(.incident) == [$b, $c] and
		.[0].head == $h' "$a/journal.jsonl"
	mkdir out
	zstd -qdc all.tar.zst | tar x -C out
	(cd out && sha256sum --quiet -c SHA256SUMS)
	cmp "$b/evidence/0001-notice.eml" out/"${b##*/}"/evidence/0001-*
	cmp "$dir/journal.jsonl" out/"${dir##*/}"/journal.jsonl
	run -0 --separate-stderr incident seal "$a"
	jq -e '.changed == false' <<<"$output"
	run -0 --separate-stderr incident verify "$a"
	jq -e '.ok and (.merged | map(.ok) == [true, true])' <<<"$output"
	# what is added to a part later is not sealed: the next seal has it
	incident log "$dir" 'after the seal' >/dev/null
	run -0 --separate-stderr incident verify "$a"
	run -0 --separate-stderr incident seal "$a"
	jq -e '.changed and .number == 2' <<<"$output"
	# a part that was made anew shows in the head of the whole
	cp -a "$dir" kept
	rm -rf "$dir"
	incident open --dir "$dir" < <(report '.case = "3" | .resources = []') \
		>/dev/null
	run -1 --separate-stderr incident verify "$a"
	jq -e '.ok == false and (.why | test("sealed is gone"))' <<<"$output"
	rm -rf "$dir"
	cp -a kept "$dir"
	run -0 --separate-stderr incident verify "$a"
	echo x >"$dir/more"
	chmod u+w "$dir"/evidence/0001-*
	echo x >>"$dir"/evidence/0001-notice.eml
	run -1 --separate-stderr incident verify "$a"
	jq -e '.merged[1].ok == false' <<<"$output"
}

@test "a time stamp of RFC 3161: asked, verified, kept, verified again" {
	open_one
	authority
	run -0 --separate-stderr incident seal "$dir" --tsa-query q.tsq
	head=$(jq -r .head <<<"$output")
	openssl ts -query -in q.tsq -text | grep -q 'Hash Algorithm: sha256'
	# the same question again, nonce and all
	incident seal "$dir" --tsa-query q2.tsq >/dev/null
	cmp q.tsq q2.tsq
	answer q.tsq r.tsr
	run -0 --separate-stderr incident seal "$dir" --tsa-reply r.tsr \
		--tsa-ca tsa/ca.pem
	is '.changed and .policy == "1.2.3.4.1" and (.tsa | test("Test TSA"))
		and (.stamped | test("Z$"))'
	run -0 --separate-stderr incident seal "$dir" --tsa-reply r.tsr \
		--tsa-ca tsa/ca.pem
	is '.changed == false'
	run -0 --separate-stderr incident verify "$dir" --tsa-ca tsa/ca.pem
	is '.ok and .stamped and (.tsa | test("Test TSA"))'
	# by OpenSSL's own tool, as the page says
	grep '"incident.sealed"' "$dir/journal.jsonl" | tr -d '\n' >line
	[ "$(sha256sum <line | cut -d' ' -f1)" = "$head" ]
	openssl ts -verify -in "$dir/seal/0001.tsr" -data line \
		-CAfile tsa/ca.pem
	# stamps are not sealed anew, and the archive has them
	run -0 --separate-stderr incident seal "$dir" --tar a.tar.zst
	is '.changed == false'
	zstd -qdc a.tar.zst | tar -tf - | grep -q seal/0001.tsr
}

@test "a stamp that is not: another hash, another CA, changed, refused, none" {
	open_one
	authority
	run -64 incident seal "$dir" --tsa-reply r.tsr --tsa-ca tsa/ca.pem
	incident seal "$dir" >/dev/null
	echo rubbish >r.tsr
	run -64 incident seal "$dir" --tsa-reply r.tsr --tsa-ca tsa/ca.pem
	incident seal "$dir" --tsa-query q.tsq >/dev/null
	before=$(wc -l <"$dir/journal.jsonl")
	run -65 incident seal "$dir" --tsa-reply r.tsr --tsa-ca tsa/ca.pem
	openssl ts -query -sha256 -data notice.eml -cert -out other.tsq \
		2>/dev/null
	answer other.tsq other.tsr
	run -77 incident seal "$dir" --tsa-reply other.tsr --tsa-ca tsa/ca.pem
	openssl ts -query -sha512 -data notice.eml -cert -out no.tsq 2>/dev/null
	answer no.tsq no.tsr || true
	run -69 incident seal "$dir" --tsa-reply no.tsr --tsa-ca tsa/ca.pem
	answer q.tsq r.tsr
	run -66 incident seal "$dir" --tsa-reply r.tsr --tsa-ca nowhere
	mv tsa good
	authority
	run -77 incident seal "$dir" --tsa-reply r.tsr --tsa-ca tsa/ca.pem
	run -64 incident seal "$dir" --tsa-reply r.tsr
	run -64 incident seal "$dir" --tsa-query x --tsa-reply r.tsr \
		--tsa-ca good/ca.pem
	[ "$(wc -l <"$dir/journal.jsonl")" = "$before" ]
	[ ! -e "$dir/seal/0001.tsr" ]
	incident seal "$dir" --tsa-reply r.tsr --tsa-ca good/ca.pem >/dev/null
	run -1 --separate-stderr incident verify "$dir" --tsa-ca tsa/ca.pem
	is '.ok == false and (.why | test("does not verify"))'
	run -66 incident verify "$dir" --tsa-ca nowhere
}
