#!/usr/bin/env bats
# git repositories as leak-scan reads them (lib/leak/git.h): every object,
# reachable or not, in every way that git can keep it, beside git's own word
# for it; and what is damaged or means harm

load lib/quell

setup_file() {
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	export GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.net
	export GIT_COMMITTER_NAME=Cy GIT_COMMITTER_EMAIL=cy@example.net
	unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
	# 60 keys, each replaced by the next, over 150 commits with merges
	export made=$BATS_FILE_TMPDIR/made.git
	make_repo "$made"
	git -C "$made" gc -q --aggressive --prune=now
}

setup() {
	tool=$QUELL_B/unit/leak_git_tool
	cd "$BATS_TEST_TMPDIR" || return
}

# make_repo DIR [OPTION...]: the generated history, its keys in planted
make_repo() {
	git init -q --bare -b main "${@:2}" "$1"
	python3 "$QUELL_ROOT/tests/lib/git_make.py" 150 12 60 \
		2>"$BATS_FILE_TMPDIR/planted" |
		git -C "$1" fast-import --quiet --done
	cut -f 1 "$BATS_FILE_TMPDIR/planted" | sort >"$BATS_FILE_TMPDIR/keys"
}

# at SECONDS: the time of what git does next
at() {
	export GIT_AUTHOR_DATE="$1 +0000" GIT_COMMITTER_DATE="$1 +0000"
}

# key N: an access key id
key() {
	printf 'AKIAJ%s' "$(printf 'key %s' "$1" | sha256sum | tr 0189a-f AC-I |
		tr '[:lower:]' '[:upper:]' | cut -c 1-15)"
}

# look ARGUMENT...: found has a line per key; counts the rest
look() {
	"$tool" "$@" >out 2>problems
	grep -v '^=' out >found || :
	counts=$(grep '^=' out)
	counts="${counts#* } "
}

# count NAME: one of the counts
count() {
	local rest=${counts##*"$1 "}
	echo "${rest%% *}"
}

# field KEY N
field() {
	awk -F '\t' -v k="$1" -v n="$2" '$1 == k { print $n }' found
}

# all_of_them: the generated keys, and nothing else
all_of_them() {
	cut -f 1 found | sort | diff "$BATS_FILE_TMPDIR/keys" -
}

@test "60 keys, each rotated out by the next, in deltas: 60 of 60" {
	look "$made"
	all_of_them
	[ "$(count damaged) $(count baseless) $(count missing)" = '0 0 0' ]
	# they are deltas; and far less was looked at than there is
	git -C "$made" verify-pack -v "$made"/objects/pack/*.idx |
		awk '$2 == "blob" && NF > 5 { n++ } END { exit !(n > 50) }'
	[ $(($(count looked_at) * 3)) -lt "$(count bytes)" ]
	# what is new alone, without the places where old meets new, has few
	look -n -m 0 "$made"
	[ "$(count keys)" -lt 60 ]
}

@test "the objects that have a key, and its first commit, are git's own" {
	look "$made"
	git -C "$made" cat-file --batch-all-objects --batch >all
	python3 - all found "$made" <<-'END'
	import re, subprocess, sys
	data, at, have = open(sys.argv[1], 'rb').read(), 0, {}
	while at < len(data):
	    end = data.index(b'\n', at)
	    name, kind, size = data[at:end].split()
	    at = end + 2 + int(size)
	    if kind == b'blob':
	        for k in set(re.findall(rb'AKIA[A-Z2-7]{16}', data[end:at])):
	            have.setdefault(k, set()).add(name)
	first, log = {}, subprocess.run(['git', '-C', sys.argv[3], 'log', '--all',
	    '--raw', '-m', '--root', '-r', '--no-abbrev', '--no-renames',
	    '--reverse', '--date-order', '--format=C %H %ct'],
	    capture_output=True).stdout
	for line in log.split(b'\n'):
	    f = line.split()
	    if line.startswith(b'C '):
	        commit = (int(f[2]), f[1])
	    elif line.startswith(b':'):
	        first.setdefault(f[3], commit)
	n = 0
	for line in open(sys.argv[2], 'rb'):
	    f = line.rstrip(b'\n').split(b'\t')
	    assert int(f[7]) == len(have[f[0]]), line
	    assert (int(f[6]), f[4]) == min(first[o] for o in have[f[0]]), line
	    path, no = f[3].rsplit(b':', 1)
	    text = subprocess.run(['git', '-C', sys.argv[3], 'show',
	        f[4] + b':' + path], capture_output=True).stdout
	    assert f[0] in text.split(b'\n')[int(no) - 1], line
	    n += 1
	assert n == 60
	END
	[ "$(cut -f 6 found | sort -u | head -n 1)" = 'Dev0 <dev0@example.net>' ]
}

@test "two workers find what one finds" {
	look "$made"
	sort found >one
	look -w 2 "$made"
	sort found | diff one -
}

@test "all ways to keep a pack: index v1, 64-bit offsets, deltas by name, several" {
	cp -r "$made" v1.git
	cp -r "$made" far.git
	rm -f {v1,far}.git/objects/pack/*.{idx,rev,bitmap}
	git index-pack --index-version=1 v1.git/objects/pack/*.pack
	git index-pack --index-version=2,0x100 far.git/objects/pack/*.pack
	look v1.git
	all_of_them
	look far.git
	all_of_them
	cp -r "$made" names.git
	git -C names.git -c repack.useDeltaBaseOffset=false repack -adfq
	look names.git
	all_of_them
	# several packs, a multi-pack-index, a bitmap
	make_repo several.git
	git -C several.git -c pack.packSizeLimit=1m repack -adq \
		--max-pack-size=1m
	git -C several.git multi-pack-index write
	look several.git
	all_of_them
	[ "$(count packs)" -gt 1 ]
}

@test "names of SHA-256" {
	make_repo sha256.git --object-format=sha256
	look sha256.git
	all_of_them
	git -C sha256.git gc -q
	look sha256.git
	all_of_them
	[ "$(head -n 1 found | cut -f 5 | tr -d '\n' | wc -c)" = 64 ]
}

@test "loose, bare, a work tree, a second work tree, a submodule, a borrower" {
	git init -q -b main work
	cd work
	key 1 >a
	git add a
	at 1700000000
	git commit -qm one
	cd "$BATS_TEST_TMPDIR" || return
	look work
	[ "$(count packs) $(count loose)" = '0 3' ]
	[ "$(field "$(key 1)" 4)" = a:1 ]
	look work/.git
	[ -n "$(field "$(key 1)" 4)" ]
	git -C work worktree add -q ../second 2>/dev/null
	cd second
	key 2 >b
	git add b
	at 1700000100
	git commit -qm two
	cd "$BATS_TEST_TMPDIR" || return
	look second
	[ -n "$(field "$(key 1)" 4)" ]
	[ "$(field "$(key 2)" 2)" = ref ]
	look work
	[ "$(field "$(key 2)" 2)" = ref ]
	git clone -q --shared work borrower
	look borrower
	[ "$(field "$(key 1)" 4)" = a:1 ]
	git -C borrower -c protocol.file.allow=always submodule --quiet add \
		"$PWD/work" sub
	look borrower/sub
	[ "$(field "$(key 1)" 4)" = a:1 ]
	look borrower/.git/modules/sub
	[ "$(field "$(key 1)" 4)" = a:1 ]
	run -66 "$tool" "$BATS_TEST_TMPDIR"
	run -66 "$tool" "$BATS_TEST_TMPDIR/nowhere"
}

@test "who leads to it: ref, stash, reflog, index, nothing; messages and tags" {
	git init -q -b main r
	cd r
	echo text >f
	git add f
	at 1700000000
	git commit -qm one
	# in a branch's past only
	key 1 >f
	at 1700000010
	git commit -qam two
	at 1700000020
	git commit -q --allow-empty -m "used $(key 2)"
	git reset -q --hard HEAD~2
	# two stashes: the older one is the reflog's
	key 3 >f
	git stash -q
	key 4 >f
	git stash -q
	# a message, a tag's text, staged, thrown away
	at 1700000030
	git commit -q --allow-empty -m "the key is $(key 5)"
	git tag -a -m "tag $(key 6)" v1
	mkdir d
	key 7 >d/staged
	git add d/staged
	key 8 | git hash-object -w --stdin >/dev/null
	cd "$BATS_TEST_TMPDIR" || return
	look r
	reach() {
		field "$(key "$1")" 2
	}
	[ "$(reach 1)/$(reach 2)" = reflog/reflog ]
	[ "$(field "$(key 2)" 3)" = commit ]
	[ "$(reach 3)/$(reach 4)" = reflog/ref ]
	[ "$(reach 5)/$(field "$(key 5)" 3)" = ref/commit ]
	[ "$(field "$(key 5)" 4)" = :5 ] || [ "$(field "$(key 5)" 4)" = :6 ]
	[ "$(reach 6)/$(field "$(key 6)" 3)" = ref/tag ]
	[ "$(field "$(key 6)" 6)" = 'Cy <cy@example.net>' ]
	[ "$(reach 7)/$(field "$(key 7)" 4)" = index/d/staged:1 ]
	[ "$(reach 8)" = none ]
	[ "$(wc -l <found)" = 8 ]
	# without reflogs and packed: found all the same
	git -C r reflog expire --expire=now --all
	git -C r repack -adq --keep-unreachable
	look r
	[ "$(wc -l <found)" = 8 ]
	[ "$(reach 1)/$(reach 5)" = none/ref ]
	[ "$(field "$(key 1)" 7)" = 1700000010 ]
	# the index in its other versions
	for v in 2 3 4; do
		git -C r update-index --index-version $v
		look r
		[ "$(field "$(key 7)" 4)" = d/staged:1 ]
	done
}

@test "a key that stayed for 30 versions came in with the first of them" {
	git init -q -b main r
	cd r
	seq 400 >f
	git add f
	at 1700000000
	git commit -qm zero
	sed -i "200s/.*/$(key 1)/" f
	for i in $(seq 30); do
		sed -i "$((i * 3))s/\$/ changed $i/" f
		# the second one's clock was wrong
		at $((1700000000 + (i == 2 ? 5 : i * 1000)))
		git commit -qam "$i"
	done
	git gc -q --aggressive
	cd "$BATS_TEST_TMPDIR" || return
	look r
	[ "$(field "$(key 1)" 8)" = 30 ]
	[ "$(field "$(key 1)" 5)" = "$(git -C r rev-parse HEAD~29)" ]
	[ "$(field "$(key 1)" 4)" = f:200 ]
	# it moved: the line is that of the first commit
	git -C r mv f g
	at 1700900000
	git -C r commit -qm moved
	look r
	[ "$(field "$(key 1)" 4)" = f:200 ]
}

@test "large files: by windows, and with what hangs on them" {
	git init -q -b main r
	cd r
	python3 - "$(key 1)" "$(key 2)" "$(key 3)" <<-'END'
	import random, sys
	rnd = random.Random(3)
	text = bytearray(rnd.randbytes(5 << 19).hex().encode())
	# the windows are of 1 MiB
	for k, at in zip(sys.argv[1:], ((1 << 20) - 9, (2 << 20) + 64, len(text) - 20)):
	    text[at:at + 20] = k.encode()
	open('big', 'wb').write(text)
	END
	git add big
	at 1700000000
	git config core.compression 1
	git config pack.window 2
	git -c core.bigFileThreshold=1m commit -qm one
	git -c core.bigFileThreshold=1m gc -q
	key 4 >>big
	git commit -qam two
	cd "$BATS_TEST_TMPDIR" || return
	look r
	[ "$(cut -f 1 found | sort | tr '\n' ' ')" = \
	    "$(for i in 1 2 3 4; do key $i; echo; done | sort | tr '\n' ' ')" ]
	git -C r gc -q
	look r
	[ "$(wc -l <found)/$(field "$(key 1)" 8)" = 4/2 ]
}

@test "a missing blob, a damaged pack, a cut one: the rest is found" {
	git init -q -b main r
	cd r
	for i in $(seq 8); do
		key "$i" >"f$i"
		git add "f$i"
		at $((1700000000 + i))
		git commit -qm "$i"
	done
	gone=$(git rev-parse HEAD:f3)
	rm -f ".git/objects/${gone:0:2}/${gone:2}"
	cd "$BATS_TEST_TMPDIR" || return
	run ! git -C r log -p
	look r
	[ "$(wc -l <found)" = 7 ]
	[ -z "$(field "$(key 3)" 2)" ]
	# a loose object of rubbish
	gone=$(git -C r rev-parse HEAD:f4)
	chmod u+w "r/.git/objects/${gone:0:2}/${gone:2}"
	echo rubbish >"r/.git/objects/${gone:0:2}/${gone:2}"
	look r
	[ "$(wc -l <found)/$(count damaged)" = 6/1 ]
	grep -q "${gone:2}: damaged" problems
	# a pack, a byte of it turned round; all others have their keys
	cp -r "$made" bad.git
	chmod u+w bad.git/objects/pack/*.pack
	python3 - bad.git/objects/pack/*.pack <<-'END'
	import sys
	f = open(sys.argv[1], 'r+b')
	f.seek(0, 2)
	at = f.tell() * 2 // 3
	f.seek(at)
	b = f.read(1)
	f.seek(at)
	f.write(bytes([b[0] ^ 0x41]))
	END
	look bad.git
	[ $(($(count damaged) + $(count baseless))) -gt 0 ]
	[ -s problems ]
	[ "$(wc -l <found)" -gt 20 ]
	# a tenth of a pack is gone
	truncate -s $(($(stat -c %s bad.git/objects/pack/*.pack) * 9 / 10)) \
		bad.git/objects/pack/*.pack
	look bad.git
	[ "$(wc -l <found)" -gt 20 ]
}

@test "a delta whose base is gone: its own words are looked through" {
	mkdir -p r/objects/pack r/refs
	echo 'ref: refs/heads/main' >r/HEAD
	python3 - "$(key 1)" <<-'END'
	import struct, sys, zlib
	def entry(kind, base, data):
	    n, head = len(data), bytearray()
	    c, n = kind << 4 | n & 15, n >> 4
	    while n:
	        head.append(c | 0x80)
	        c, n = n & 127, n >> 7
	    head.append(c)
	    return bytes(head) + base + zlib.compress(data)
	ins = b'x = ' + sys.argv[1].encode() + b';'
	delta = bytes([10, 10 + len(ins), 0x90, 10, len(ins)]) + ins
	name = lambda i: bytes(19) + bytes([i])
	# 0, 1: a ring; 2: what hangs on it; 3: a base that is nowhere;
	# 4: says that it is of 200 MB
	entries = [entry(7, name(1), delta), entry(7, name(0), delta),
	    entry(7, name(1), delta), entry(7, name(99), delta),
	    bytes([0xb0, 0x80, 0x80, 0xe0, 5]) + zlib.compress(b'small')]
	pack, offsets = b'PACK' + struct.pack('>II', 2, 5), []
	for e in entries:
	    offsets.append(len(pack))
	    pack += e
	# and one that lies behind the end
	offsets.append(1 << 20)
	idx = b'\377tOc' + struct.pack('>I', 2) + struct.pack('>256I', *[6] * 256)
	idx += b''.join(name(i) for i in range(6)) + bytes(24)
	idx += struct.pack('>6I', *offsets) + bytes(40)
	open('r/objects/pack/pack-1.pack', 'wb').write(pack + bytes(20))
	open('r/objects/pack/pack-1.idx', 'wb').write(idx)
	END
	look r
	[ "$(field "$(key 1)" 2)/$(field "$(key 1)" 8)" = none/4 ]
	[ "$(count baseless)" = 4 ]
	[ "$(count damaged)" = 1 ]
	grep -q 'lie outside' problems
}

@test "whoever means harm: FIFOs, rings of alternates, an endless folder" {
	git init -q -b main r
	cd r
	key 1 >f
	git add f
	at 1700000000
	git commit -qm one
	cd "$BATS_TEST_TMPDIR" || return
	mkfifo "r/.git/objects/aa$(printf '%036d' 0)" r/.git/refs/heads/fifo
	mkdir -p r/.git/objects/ab r/.git/logs/refs
	mkfifo "r/.git/objects/ab/$(printf '%038d' 0)" r/.git/logs/refs/fifo \
		r/.git/objects/pack/pack-1.{idx,pack}
	ln -s . r/.git/refs/heads/again
	printf '%s\n' "$PWD/r/.git/objects" ../objects /dev/null /nowhere \
		>r/.git/objects/info/alternates
	look r
	[ "$(field "$(key 1)" 2)" = ref ]
	[ "$(count damaged)" = 1 ]
	# a .git file that means itself
	mkdir s
	echo 'gitdir: .git' >s/.git
	run -66 "$tool" s
}

@test "a clone that left out objects says so" {
	git -C "$made" config uploadpack.allowFilter true
	git clone -q --bare --filter=blob:none "file://$made" part.git
	look part.git
	[ "$(count partial)" = 1 ]
	git clone -q --bare --depth 5 "file://$made" shallow.git
	look shallow.git
	[ "$(count partial)" = 1 ]
}

# --- by the command ---------------------------------------------------------

# scan OPTION...: what leak-scan says, in records
scan() {
	leak-scan -o json "$@" >records
}

# leaks FILTER: how many leaks are like that
leaks() {
	jq -s "[.[] | select(.type == \"leak\") | select($1)] | length" records
}

@test "leak-scan: 60 of 60, with commit, author, path and line" {
	scan --git "$made" --kind aws-access-key-id
	jq -r 'select(.type == "leak") | .shown' records | sort |
		diff "$BATS_FILE_TMPDIR/keys" -
	look "$made"
	jq -r 'select(.type == "leak") | [.shown, .git.reach, "blob",
		"\(.git.path):\(.line)", .git.commit, .git.author,
		.git.objects] | @tsv' records | sort >theirs
	cut -f 1-6,8 found | sort | diff theirs -
	[ "$(jq -r 'select(.type == "leak-scope") |
		"\(.complete) \(.repositories)"' records)" = 'true 1' ]
	# one key, of which nobody knows where it went
	scan --git "$made" --key "$(head -n 1 "$BATS_FILE_TMPDIR/keys")"
	[ "$(leaks true)" = 1 ]
}

@test "leak-scan: passwords of one name, each in its time" {
	git init -q -b main r
	cd r
	for i in $(seq 12); do
		seq 300 >.env
		echo "MAIL_PASSWORD=ohTh8ahx$i" >>.env
		seq 300 >>.env
		git add .env
		at $((1700000000 + i))
		git commit -qm "$i"
	done
	git gc -q --aggressive
	cd "$BATS_TEST_TMPDIR" || return
	scan --git r
	[ "$(leaks '.name == "MAIL_PASSWORD" and .line == 301')" = 12 ]
	[ "$(jq -r 'select(.type == "leak") | .id' records | sort -u | wc -l)" = 12 ]
	# none of them, whole or in part, is told
	run -1 grep ohTh8ahx records
}

@test "leak-scan: archives in git, large ones too" {
	git init -q -b main r
	cd r
	mkdir in
	key 1 >in/one
	seq 200 >in/two
	tar -cf - in | gzip >a.tar.gz
	git add a.tar.gz
	at 1700000000
	git commit -qm one
	{
		echo
		key 2
	} >>in/two
	tar -cf a.tar in
	rm a.tar.gz
	git add -A a.tar a.tar.gz
	at 1700000100
	git commit -qm two
	seq 9000 | shuf --random-source=/dev/zero >in/two
	tar -cf a.tar in
	head -c 5m /dev/zero >in/one
	key 3 >>in/one
	tar -cf b.tar in
	git add a.tar b.tar
	at 1700000200
	git commit -qm three
	git gc -q
	cd "$BATS_TEST_TMPDIR" || return
	scan --git r --kind aws-access-key-id
	[ "$(leaks ".shown == \"$(key 1)\" and
		(.where | endswith(\"r!git!a.tar.gz!in/one\")) and .line == 1 and
		.git.committed == \"2023-11-14T22:13:20Z\"")" = 1 ]
	[ "$(leaks ".shown == \"$(key 2)\" and .line == 202 and
		(.where | endswith(\"r!git!a.tar!in/two\"))")" = 1 ]
	[ "$(leaks ".shown == \"$(key 3)\" and
		(.where | endswith(\"r!git!b.tar!in/one\"))")" = 1 ]
	# as plain bytes: what is not deflated
	scan --git r --no-unpack --kind aws-access-key-id
	[ "$(leaks '.where | contains("b.tar!")')" = 0 ]
	[ "$(leaks ".shown == \"$(key 3)\"")" = 1 ]
}

@test "leak-scan: two work trees are one repository; what is not whole is told" {
	git init -q -b main t
	mkdir www
	mv t www/r
	key 1 >www/r/f
	git -C www/r add f
	at 1700000000
	git -C www/r commit -qm one
	git -C www/r worktree add -q ../second 2>/dev/null
	scan --kind aws-access-key-id www
	# two files, one history
	[ "$(leaks '.git')/$(leaks '.git | not')" = 1/2 ]
	[ "$(jq 'select(.type == "leak-scope") | .repositories' records)" = 1 ]
	gone=$(git -C www/r rev-parse HEAD:f)
	chmod u+w "www/r/.git/objects/${gone:0:2}/${gone:2}"
	echo rubbish >"www/r/.git/objects/${gone:0:2}/${gone:2}"
	scan --git www/r
	[ "$(jq -r 'select(.type == "leak-unread") | .why' records |
		grep -c damaged)" = 1 ]
	[ "$(jq 'select(.type == "leak-scope") | .complete' records)" = false ]
	git clone -q --bare --depth 5 "file://$made" shallow.git
	scan --git shallow.git
	[ "$(jq -r 'select(.type == "leak-unread") | .why' records |
		grep -c 'without all objects')" = 1 ]
}
