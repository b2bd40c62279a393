#!/usr/bin/env bats
# leak-scan: what is planted is found wherever it is packed, proven without a
# network, masked; what cannot be read is said, and nothing hangs.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state HOME=$PWD
	export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
	key=AKIARTXO2MZW7K4QDYNB
	secret='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'
	# of that secret, for eu-west-1
	ses=BHSzbLhzHuefiQYv9EtCTPigLSNND07US6wixvdZebtR
}

env_file() {	# FILE: id, secret and password in it
	mkdir -p "$(dirname "$1")"
	printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nSMTP=%s\n' \
		"$key" "$secret" "$ses" >"$1"
}

found() {	# FILTER: so many leaks are so
	jq -s "[.[] | select(.type == \"leak\") | select($1)] | length" out
}

scope() {
	jq -ce 'select(.type == "leak-scope") | '"$1" out >/dev/null || {
		tail -n 1 out
		return 1
	}
}

@test "a key in every container: all found, all proven, on 1 and 2 threads" {
	local n xz=
	if leak-scan --version | grep -q liblzma; then
		xz=xz
	fi
	python3 "$QUELL_ROOT/tests/lib/leak_make.py" t 7 $xz
	mv t/want.json .
	code 0 leak-scan --threads 1 t
	jq -s 'map(select(.type == "leak"))' out >got
	n=$(jq length want.json)
	[ "$n" -ge $((28 + (${#xz} ? 5 : 0))) ]
	[ "$(jq length got)" = $((3 * n)) ]
	jq -n --slurpfile w want.json --slurpfile g got -r '$w[0][] as $x |
		$x | select([$g[0][] | select(.where == $x.where and
		.key == $x.key and (.kind == "aws-access-key-id" or (.proven
		and .region == $x.region)))] | length != 3)' >missing
	[ ! -s missing ] || { cat missing; false; }
	jq -e 'all(.[]; .kind != "ses-smtp-password" or .proven)' got
	jq -e 'map(select(.where == "t/big.sql") | .line) == [40002, 40003, 40005]' got
	jq -e 'map(select(.form == "base64")) | length >= 6' got
	jq -e 'all(.[] | select(.account); .account == "111122223333")' got
	scope '.complete and .secrets_tried >= 26'
	mv out one
	code 0 leak-scan --threads 2 t
	diff <(jq -c 'del(.time)' one) <(jq -c 'del(.time)' out)
	# through a pipe, too
	leak-scan - <t/deep.tar.gz >out
	[ "$(found '.where == "-!a.zip!b.tar!c.gz"')" = 3 ]
}

@test "no secret is written whole, in any form of output, nor in a trace" {
	local o
	env_file t/.env
	printf 'MAIL_PASSWORD=hunter22\n-----BEGIN PRIVATE KEY-----\n%s\n' \
		MIIEpAIBAAKCAQEAw7q2Zk3Jx5Lr8Vn1TtYp0cWdRb9uXiSoEgHf6Mj4Qa2KeNyB >t/b
	for o in json table tsv; do
		code 0 leak-scan -vv --sarif=s.json -o $o t
		cat err s.json >>out
		grep -q 'k3Xq\*\*\*' out
		run -1 grep -F -e "${secret:6}" -e "${ses:6}" -e hunter -e MIIE out
	done
}

@test "kinds, names, masks and where a web server would serve it" {
	mkdir -p t/public_html/.git2 t/app/public
	env_file t/public_html/.env
	env_file t/public_html/a.php
	env_file t/public_html/.htpasswd
	env_file t/other
	printf 'define("WPMS_SMTP_PASS", "Q9z!mm41");\n' >t/wp-config.php~
	printf 'smtp.example:u@x:Q9z!mm41\n' >t/passwd.client
	printf 'smtp.example:u@x:Q9z!mm41\n' >t/nothing
	code 0 leak-scan t
	[ "$(found '.served == "yes" and .url_path == "/.env"')" = 3 ]
	[ "$(found '.served == "run"')" = 3 ]
	[ "$(found '.served == "denied"')" = 3 ]
	[ "$(found '.served == "no" and .where == "t/other"')" = 3 ]
	[ "$(found '.kind == "mail-password" and .shown == "***" and .length == 8')" = 2 ]
	[ "$(found '.name == "WPMS_SMTP_PASS" and .line == 1')" = 1 ]
	[ "$(found '.rule == "mail-credential-file"')" = 1 ]
	[ "$(found '.name == "AWS_SECRET_ACCESS_KEY" and .shown == "k3Xq***"')" = 4 ]
	code 0 leak-scan --webroot "$PWD/t" t/other
	[ "$(found '.served == "yes" and .url_path == "/other"')" = 3 ]
	code 0 leak-scan --kind webhook --kind mail-password t
	[ "$(found true)" = 2 ]
	code 64 leak-scan --kind nothing t
	# the words of mail's settings, and examples that are none
	printf 'MAIL_PASSWORD=null\nMAIL_PASSWORD=${X}\n%s\n' \
		AKIAIOSFODNN7EXAMPLE >u
	code 0 leak-scan u
	[ "$(found true)" = 0 ]
}

@test "--key: one key, what is near it and what is derived from it" {
	local other=AKIARTXO2MZW5ABCDEFG
	env_file t/a
	printf 'relay:u:%s\n' "$ses" >t/b
	printf '%s\n' "$other" >t/c
	code 0 leak-scan --key "$key" t
	[ "$(found true)" = 4 ]
	[ "$(found '.where == "t/b" and .proven and .region == "eu-west-1"')" = 1 ]
	[ "$(found ".key == \"$key\"")" = 4 ]
	code 0 leak-scan --key "$other" t
	[ "$(found true)" = 1 ]
	code 64 leak-scan --key AKIA t
	code 64 leak-scan --key 'AKIA1OSFODNN7ABCDEFG' t
}

@test "what we hold: a credential on standard input, and the vault" {
	printf 'x %s\n' "$ses" >t
	printf '%s\n' "$secret" >u
	printf 'username=%s\nsecret_access_key=%s\npassword=%s\n' "$key" \
		"$secret" x >block
	# nothing speaks for a secret that stands alone: the proof does
	code 0 leak-scan u
	[ "$(found true)" = 0 ]
	code 0 leak-scan t u
	[ "$(found '.proven and .held == null')" = 2 ]
	# or that it is ours
	leak-scan --credential - u <block >out
	[ "$(found '.held == "credential" and (.proven | not)')" = 1 ]
	leak-scan --credential - t <block >out
	[ "$(found '.held == "credential" and .proven')" = 1 ]
	leak-scan --credential - t u <block >out
	[ "$(found true)" = 2 ]
	[ "$(found ".proven and .region == \"eu-west-1\" and .key == \"$key\"
		and .held == \"credential\"")" = 2 ]
	cred-vault put -y smtp --vault "$PWD/v" --vault-key "file:$PWD/k" \
		<block >/dev/null
	printf 'username=%s\npassword=%s\n' "$key" "$ses" |
		cred-vault put -y smtp --vault "$PWD/v" >/dev/null
	code 0 leak-scan --held --vault "$PWD/v" t u
	[ "$(found '.held == "smtp:2 password" or .held == "smtp:1"')" = 2 ]
	[ "$(found .proven)" = 2 ]
	code 64 leak-scan --vault "$PWD/v" t
	code 66 leak-scan --held --vault "$PWD/none" t
	code 66 leak-scan --credential none t
}

@test "--check, an allow list, a baseline: what is known does not count" {
	local print
	env_file t/a
	code 1 leak-scan --check t
	grep -q '^leak-scan: 3 leaked credentials$' err
	cp out old.jsonl
	# lines may move
	sed -i '1i # new' t/a
	code 0 leak-scan --check --baseline old.jsonl t
	[ "$(found .known)" = 3 ]
	scope '.new == 0 and .known == 3'
	env_file t/b
	code 1 leak-scan --check --baseline old.jsonl t
	scope '.new == 3 and .known == 3'
	print=$(jq -r 'select(.kind == "aws-secret-access-key") | .fingerprint' old.jsonl)
	printf '# ours\n%s # a test\n%s\n\nses-smtp-password\n' "$print" "$key" >allow
	code 0 leak-scan --check --allow allow t
	scope '.allowed == 6 and .leaks == 0'
	printf 't/b\n' >allow
	code 1 leak-scan --check --allow allow t
	scope '.allowed == 3 and .leaks == 3'
	printf 'x\n\nwhat is this\n' >allow
	code 65 leak-scan --check --allow allow t
	grep -q 'allow:1' err
	printf '{"type":"leak"}\n' >bad
	code 65 leak-scan --check --baseline bad t
	code 66 leak-scan --check --baseline none t
	printf 'fine\n' >fine
	code 0 leak-scan --check fine
}

@test "SARIF 2.1.0: version, rules, results and places" {
	env_file 't/a b'
	code 0 leak-scan --sarif s.json t
	jq -e '.version == "2.1.0" and (.runs[0].tool.driver.name |
		length > 0) and (.runs[0].results | length == 3)' s.json
	jq -e '. as $d | all($d.runs[0].results[]; . as $r |
		$d.runs[0].tool.driver.rules[$r.ruleIndex].id == $r.ruleId and
		(.message.text | length > 0) and
		(.locations[0].physicalLocation | .artifactLocation.uri ==
		"t/a%20b" and .region.startLine >= 1))' s.json
	# what is known is not in it
	cp out old.jsonl
	code 0 leak-scan --sarif s.json --baseline old.jsonl t
	jq -e '.runs[0].results == []' s.json
	code 73 leak-scan --sarif none/s.json t
}

@test "--staged: what is about to be committed, as a hook" {
	git init -q r
	cd r
	env_file a
	env_file 'odd "name"'
	git add a 'odd "name"'
	code 1 leak-scan --staged
	cat out >../out
	[ "$(cd .. && found '.where == "a" and .line <= 3')" = 3 ]
	[ "$(cd .. && found '.where == "odd \"name\""')" = 3 ]
	# as a hook it stops the commit, and lets the next one pass
	printf '#!/bin/sh\nexec leak-scan --staged -q\n' >.git/hooks/pre-commit
	chmod +x .git/hooks/pre-commit
	run -1 git -c user.name=a -c user.email=a@x commit -qm x
	git rm -qf --cached a 'odd "name"'
	echo fine >b
	git add b
	run -0 git -c user.name=a -c user.email=a@x commit -qm x
	# what is in the work tree only does not count
	code 0 leak-scan --staged
	tar cf t.tar a
	git add t.tar
	git rm -q --cached b
	code 1 leak-scan --staged
	cat out >../out
	[ "$(cd .. && found '.where == "t.tar!a"')" = 3 ]
	code 64 leak-scan --staged a
	cd "$BATS_TEST_TMPDIR" || return 1
	code 66 leak-scan --staged
}

@test "a repository among the files: its history, unless --no-git" {
	git init -q t/r
	env_file t/r/a
	git -C t/r add a
	git -C t/r -c user.name=Ann -c user.email=ann@x.example commit -qm x
	git -C t/r rm -qf a
	git -C t/r -c user.name=Ann -c user.email=ann@x.example commit -qm y
	code 0 leak-scan t
	[ "$(found '.where == "t/r!git!a" and .git.author == "Ann <ann@x.example>"
		and .git.path == "a" and .git.reach == "ref"')" = 3 ]
	[ "$(found '.proven')" = 2 ]
	scope '.repositories == 1 and .objects == 5'
	code 0 leak-scan --no-git t
	[ "$(found true)" = 0 ]
	scope '.complete == false'
	[ "$(jq -r 'select(.type == "leak-unread") | .why' out | grep -c 'git')" = 1 ]
	code 0 leak-scan --git t/r
	[ "$(found true)" = 3 ]
	code 0 leak-scan --git t/r --git nothing
	scope '.unread == 1'
}

@test "--procs: environments, by process" {
	AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret \
		sleep 300 3>&- &
	local pid=$!
	until tr '\0' '\n' <"/proc/$pid/environ" | grep -q "$key" &&
		grep -q sleep "/proc/$pid/comm"; do
		sleep 0.1
	done
	code 0 leak-scan --procs
	kill "$pid"
	[ "$(found ".where == \"process:$pid(sleep)!environ\" and
		.name == \"AWS_SECRET_ACCESS_KEY\"")" = 1 ]
	[ "$(found ".where == \"process:$pid(sleep)!environ\" and .line == null")" = 2 ]
	scope '.processes >= 1'
}

@test "links, FIFOs, sockets, what is unreadable or gone: said, never waited for" {
	mkdir -p t/deny
	env_file t/a
	ln -s a t/link
	ln -s . t/loop
	mkfifo t/fifo
	env_file t/secret
	chmod 0 t/secret
	code 0 timeout 60 leak-scan t t/fifo /proc
	scope '.links == 2 and .special == 1'
	[ "$(found '.where == "t/a"')" = 3 ]
	jq -r 'select(.type == "leak-unread") | .id + ": " + .why' out >why
	grep -qx 't/fifo: not a file' why
	grep -q '^/proc: a file system of the kernel' why
	[ "$(id -u)" = 0 ] || grep -qx 't/secret: Permission denied' why
	scope '.complete == false'
	grep -q 'not looked into' err
	# nothing found, but not all was seen
	code 75 leak-scan --check t/fifo
	code 66 leak-scan t nothing
	[ ! -s out ]
	# a link as operand is followed
	code 0 leak-scan t/link
	[ "$(found true)" = 3 ]
}

@test "paths that are too long for the kernel are said, and are not all" {
	mkdir t
	env_file t/z
	# 20 folders in each other, of which 16 fit, and a file that does not
	python3 - <<-'END'
		import os
		os.chdir('t')
		for i in range(20):
		    if i == 16:
		        open('f' * 100, 'w').write('x')
		    os.mkdir('d' * 250)
		    os.chdir('d' * 250)
		open('g', 'w').write('AKIARTXO2MZW7K4QDYNB')
	END
	code 0 leak-scan t
	[ "$(found '.where == "t/z"')" = 3 ]
	jq -r 'select(.type == "leak-unread" and
		.why == "a path too long to be looked into") | .where' out >where
	# a file and a folder, by their whole paths
	grep -qxE 't(/d{250}){16}/f{100}' where
	grep -qxE 't(/d{250}){17}' where
	scope '.complete == false and .unread == 2'
	rm t/z
	code 75 leak-scan --check t
	# as an operand
	code 75 leak-scan --check "$(grep f where)"
}

@test "--skip, --one-file-system, --no-unpack, --timeout, --threads" {
	env_file t/node_modules/a
	env_file t/b.min.js
	env_file t/c
	tar cf t/c.tar -C t c
	gzip t/c.tar
	code 0 leak-scan --skip node_modules --skip '*.min.js' --one-file-system t
	[ "$(found true)" = 6 ]
	scope '.skipped == 2'
	code 0 leak-scan --skip node_modules --no-unpack t
	[ "$(found '.where == "t/c" or .where == "t/b.min.js"')" = 6 ]
	[ "$(found true)" = 6 ]
	code 0 leak-scan --timeout 600 t
	code 64 leak-scan --threads 0 t
	code 64 leak-scan --threads 17 t
	code 64 leak-scan
	code 64 leak-scan ''
}

@test "files as long as a page, a window, and a byte more or less: to their ends" {
	local o
	python3 - "$key" <<-'END'
		import os, sys
		os.mkdir('t')
		w, r = 256 << 10, 2048
		for n in (4096, 8192, w, w + 2 * r, 2 * w, 2 * w + 2 * r, 3 * w + r):
		    for d in (-1, 0, 1):
		        k = ' ' + sys.argv[1] + '\n'
		        with open(f't/{n + d}', 'w') as f:
		            f.write('line\n' * (n // 5 - 5))
		            f.write(' ' * (n + d - f.tell() - len(k)) + k)
	END
	for o in --threads=1 --threads=2 --no-unpack; do
		code 0 leak-scan "$o" t
		[ "$(found '.offset == (.where | ltrimstr("t/") | tonumber) - 21')" = 21 ]
		scope '.files == 21 and .complete'
	done
	jq -r 'select(.type == "leak") | "\(.where) \(.line)"' out |
		while read -r o n; do
			[ "$n" = "$(wc -l <"$o")" ]
		done
}

@test "a bomb, damage, encryption, other packers: bounded, reported, the rest read" {
	env_file t/z
	# as much as a second unpacks
	head -c 200000000 /dev/zero | gzip -1 >t/bomb.gz
	head -c 3000 /dev/urandom | gzip >full.gz
	head -c 2000 full.gz >t/cut.gz
	{ tar cf - -C t z; } >t/ok.tar
	{ head -c 1024 t/ok.tar; head -c 512 /dev/urandom; } >t/bad.tar
	printf '!<arch>\ndebian-binary   %064d' 0 >t/bad.deb
	printf '!<arch>\ndebian-binary   %-32s%-10s`\n2.0\ndata.tar' 0 4 >t/cut.deb
	: >zero && xz -qc zero | head -c 20 >t/cut.xz
	printf '\xfd7zXZ\0junkjunkjunk' >t/bad.xz
	printf 'PK\3\4\24\0\1\0\10\0\0\0\0\0\0\0\0\0\4\0\0\0\4\0\0\0\1\0\0\0xabcd' >t/locked.zip
	printf '\x28\xb5\x2f\xfdgarbage' >t/bad.zst
	code 0 leak-scan --unpack-limit 50 t
	jq -r 'select(.type == "leak-unread") | .id + ": " + .why' out | sort >why
	grep -q '^t/bomb.gz: unpacks to more than the limit' why
	grep -q '^t/cut.gz: cut off' why
	grep -q '^t/bad.tar.*: ' why
	# without liblzma they are not looked into at all
	grep -qE '^t/bad.xz: (damaged )?xz data' why
	grep -qE '^t/cut.xz: (cut off|xz data)' why
	grep -q '^t/bad.deb: damaged Debian package' why
	grep -q '^t/cut.deb: cut off' why
	grep -q '^t/locked.zip!x: encrypted' why
	grep -q '^t/bad.zst: damaged Zstandard' why
	[ "$(found '.where == "t/z"')" = 3 ]
	[ "$(found '.where == "t/ok.tar!z"')" = 3 ]
	scope '.complete == false and .unread == 9'
	# ten in each other: as far as it goes
	cp t/z n
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		gzip -c n >n2 && mv n2 n
	done
	code 0 leak-scan n
	[ "$(jq -r 'select(.type == "leak-unread") | .why' out)" = \
		'packed too deeply: not looked into' ]
}

@test "the man page's examples" {
	mkdir -p www backup
	env_file www/public_html/.env
	git init -q repo
	: >old.jsonl
	run_examples leak-scan
	[ -s new.sarif ]
}

@test "no secret is shown as the name of another; a tar that lies is damaged" {
	# made of random letters here, no key of anybody
	local ses=BHSzbLhzHuefiQYv9EtCTPigLSNND07US6wixvdZebtR
	printf '%s,AKIARTXO2MZW7K4QDYNB\n%s AKIARTXO2MZW7K4QDYNB\n%s:AKIARTXO2MZW7K4QDYNB\n' \
		"$ses" "$ses" "$ses" >list
	run -0 leak-scan list
	[ "$(jq -s 'map(select(.rule == "ses-smtp-password")) | length' <<<"$output")" -ge 1 ]
	[[ $output != *"${ses:6}"* ]]
	local body
	for body in '0000003 path=x' '7 path='; do
		python3 - "$body" <<-'END'
		import io, sys, tarfile
		with tarfile.open("t.tar", "w") as t:
		    i = tarfile.TarInfo("x")
		    b = sys.argv[1].encode() + b"\n" * (sys.argv[1][-1] != "=")
		    i.size, i.type = len(b), tarfile.XHDTYPE
		    t.addfile(i, io.BytesIO(b))
		    i = tarfile.TarInfo("y")
		    t.addfile(i)
		END
		run -0 leak-scan t.tar
	done
}
