#!/usr/bin/env bats
# incident report: what is in the page, that nothing else is needed to read it,
# and that text from outside stays text.

# shellcheck disable=SC2030,SC2031,SC2154,SC2012
load lib/quell

setup() {
	export QUELL_INCIDENTS=$BATS_TEST_TMPDIR/incidents TZ=UTC
	data=$QUELL_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
	jq -c '.due = "2020-01-01T00:00:00Z"' "$data/report-initial.json" |
		incident open --dir inc/case >/dev/null
}

# What the page says: its text, a line a cell or paragraph.
cat >"$BATS_RUN_TMPDIR/page.py" <<'END'
import html.parser, sys

class Page(html.parser.HTMLParser):
    VOID = {'meta', 'link', 'img', 'br', 'hr', 'input', 'rect', 'line'}

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags, self.bad = [], [], [], []
        self.ids, self.refs, self.levels, self.rows = set(), [], [], []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith('on') or name in ('src', 'href', 'xlink:href'):
                self.bad.append((tag, name, value))
        if 'id' in a:
            if a['id'] in self.ids:
                self.bad.append(('twice', a['id']))
            self.ids.add(a['id'])
        self.refs += (a.get('aria-labelledby') or '').split()
        if tag in ('h1', 'h2', 'h3'):
            self.levels.append(int(tag[1]))
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.bad.append(('closed', tag, self.open[-1:]))
        else:
            self.open.pop()

    def handle_data(self, s):
        if self.open and self.open[-1] != 'style':
            self.text.append(s)
            if {'td', 'th'} & set(self.open):
                self.rows[-1][-1] += s

page = Page()
raw = open(sys.argv[1], encoding='utf-8').read()
page.feed(raw)
assert not page.open, page.open
assert not page.bad, page.bad
assert not {'script', 'iframe', 'object', 'embed', 'link', 'img', 'form',
            'base'} & set(page.tags)
assert not [r for r in page.refs if r not in page.ids]
assert page.levels[0] == 1 and page.levels.count(1) == 1
assert all(b <= a + 1 for a, b in zip(page.levels, page.levels[1:]))
style = raw[raw.index('<style>'):raw.index('</style>')]
for word in ('url(http', '@import', '//'):
    assert word not in style, word
assert 'prefers-color-scheme:dark' in style and '@media print' in style
for c in raw:
    assert c in '\n' or ' ' <= c and not '\x7f' <= c <= '\x9f', hex(ord(c))
    assert c not in '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'
if len(sys.argv) > 2:
    for row in page.rows:
        print('\t'.join(row))
else:
    print(' '.join(''.join(page.text).split()))
END

page() {	# the page's text in text, its tables' rows in rows
	incident report inc/case >page.html
	python3 "$BATS_RUN_TMPDIR/page.py" page.html >text
	python3 "$BATS_RUN_TMPDIR/page.py" page.html cells >rows
}

says() {
	local s
	for s; do
		grep -qF -- "$s" text || { echo "not there: $s"; cat text; return 1; }
	done
}

# An Exim log: COUNT messages a minute, from the minute FROM of 9 to TO of it.
log_of() {	# FROM TO COUNT
	local m n
	for ((m = $1; m < $2; m++)); do
		for ((n = 0; n < $3; n++)); do
			printf '2026-11-22 %02d:%02d:%02d 1xUnrx-0003Nz-%02d => a@b R=r\n' \
				$((9 + m / 60)) $((m % 60)) $((n % 60)) $((n % 100))
		done
	done
}

@test "an incident that was just opened: a page, and what is open" {
	page
	says 'Incident case' 'Case 12345678901-1, account 123456789012' \
		'The notice is not answered: it was due 2020-01-01 00:00:00 UTC' \
		'Nobody has written down that it is: contained' \
		'Nothing in the evidence tells' 'None was asked' \
		'i-0123456789abcdef0' 'its sender was verified'
}

@test "volume: before and after, by the log and by CloudWatch, gzip too" {
	{
		log_of 0 60 20
		log_of 60 120 1
	} >mainlog
	gzip -k mainlog
	cp mainlog mainlog.2
	jq -nc '{MetricDataResults: [{Label: "Send", Timestamps:
		["2026-11-22T09:00:00Z", "2026-11-22T09:15:00Z",
		"2026-11-22T10:15:00Z"], Values: [300, 310, 12]}]}' |
		jq . >cloudwatch.json
	incident evidence inc/case mainlog.gz mainlog.2 cloudwatch.json >/dev/null
	incident log inc/case --event incident.contained >/dev/null
	# contained at 10:00 of that day, by its journal
	sed -i '$s/"time":"[^"]*"/"time":"2026-11-22T09:59:59.000Z"/' \
		inc/case/journal.jsonl
	page
	# twice the same log counts once
	says 'Mail host: delivered (recipients, by the main log). Most in a quarter of an hour: 300, from 2026-11-22 09:00:00. Up to the quarter of containment: 1,200; afterwards: 60.' \
		'CloudWatch: Send (by CloudWatch). Most in a quarter of an hour: 310' \
		'contained 09:59'
	[ "$(grep -c '<svg' page.html)" = 2 ]
	grep -q '^2026-11-22 09:00:00.*1,200' rows
	grep -q 'class="before"' page.html
	grep -q 'class="after"' page.html
	incident report --as markdown inc/case >page.md
	grep -q '^# Incident case' page.md
	grep -q '^| 2026-11-22 09:00:00 | 300 | 300 |' page.md
	grep -q '300, from 2026-11-22 09:00:00' page.md
}

@test "a log that ends at containment claims nothing of the time after it" {
	log_of 0 30 5 >mainlog
	incident evidence inc/case mainlog >/dev/null
	incident log inc/case --event incident.contained >/dev/null
	sed -i '$s/"time":"[^"]*"/"time":"2026-11-22T09:40:00.000Z"/' \
		inc/case/journal.jsonl
	page
	says 'of the time after containment nothing is in evidence'
	grep -q 'url(#unknown' page.html
}

# What commands and playbooks write, in short.
night() {
	incident log inc/case --event exim-hold.begin --data '{"args":[]}'
	incident log inc/case --event exim-hold.end --data '{"exit":0}'
	jq -nc '{type: "mail-hold", id: "mx1", held: true, was: false,
		changed: true, ok: true, queue_count: 5224, from: "exim-hold",
		time: "2026-11-22T00:24:50Z"}' |
		incident log inc/case --event mail.held --data -
	incident log inc/case --event ses-pause.begin \
		--data '{"resume":false,"regions":{"a-1":{"sending":true},"b-1":{"sending":true}}}'
	incident log inc/case --event ses-pause.end \
		--data '{"resume":false,"regions":{"a-1":{"sending":false},"b-1":{"sending":false}}}'
	incident log inc/case --event iam-key-disable.begin \
		--data '{"id":"AKIAIOSFODNN7EXAMPLE","user":"u","was":"Active"}'
	printf '%s\n' \
		'{"type":"listing","id":"203.0.113.9","zone":"bl.test","verdict":"listed","reason":"spam","time":"2026-11-22T01:00:00Z"}' \
		'{"type":"listing","id":"203.0.113.9","zone":"zz.test","verdict":"listed","reason":"spam","time":"2026-11-22T01:00:00Z"}' \
		>first.jsonl
	printf '%s\n' \
		'{"type":"listing","id":"203.0.113.9","zone":"bl.test","verdict":"clean","time":"2026-11-22T05:00:00Z"}' \
		>later.jsonl
	printf '%s\n' \
		'{"type":"queue-msg","id":"1","time":"2026-11-22T00:20:00Z"}' \
		'{"type":"queue-msg","id":"2","time":"2026-11-22T00:20:00Z"}' \
		>queue.jsonl
	incident evidence inc/case first.jsonl later.jsonl queue.jsonl
}

@test "actions with before, after and undo; queue, lists, what is still open" {
	night >/dev/null
	page
	grep -q $'exim-hold\tmx1\tmail flows\tmail held\tin force\texim-hold --release' rows
	grep -q $'ses-pause\ta-1, b-1\tsending on in 2\tsending off in 2\tin force\tses-pause --resume' rows
	grep -q $'iam-key-disable\tAKIA…MPLE.*unknown' rows
	grep -q $'203.0.113.9\tbl.test\tlisted\tdelisted' rows
	grep -q $'203.0.113.9\tzz.test\tlisted\tlisted' rows
	grep -q $'5,224\twaiting, as mail was held' rows
	grep -q $'\t2\twaiting, as listed in' rows
	says 'Still in force: exim-hold mx1' 'Still in force: ses-pause a-1, b-1' \
		'203.0.113.9 is listed by zz.test' \
		'iam-key-disable began at'
	run ! grep -q 'is listed by bl.test' text
	# undone: no longer open
	incident log inc/case --event exim-hold.begin \
		--data '{"args":["--release"]}' >/dev/null
	incident log inc/case --event exim-hold.end --data '{"exit":0}' >/dev/null
	page
	run ! grep -q 'Still in force: exim-hold' text
	grep -q $'exim-hold\tmx1\tmail flows\tmail held\tundone' rows
}

@test "points that people open and close" {
	incident log inc/case --event point.open 'ask the owner' >/dev/null
	incident log inc/case --event point.open 'tell the others' >/dev/null
	page
	says 'ask the owner (' 'tell the others ('
	incident log inc/case --event point.closed 'ask the owner' >/dev/null
	page
	sed 's/.*What is open//; s/What was affected.*//' text >open
	run ! grep -q 'ask the owner' open
	grep -q 'tell the others' open
}

@test "hostile text is text: mark-up, bidi, control bytes, keys, everywhere" {
	local evil=$'</td></table><script>alert(1)</script><img src=x onerror=alert(2)>"\' onload=x \u202etxt\u202c \u2066 \x1b[2J\x07 &lt; | `x` AKIAIOSFODNN7EXAMPLE'
	rm -rf inc
	jq -c --arg e "$evil" '.subject = $e | .activity = $e | .auth_why = $e |
		.authentic = "pass" | .event = $e | .stage = $e | .channel = $e |
		.resources = [{kind: $e, id: $e, region: $e}] |
		.conflicts = [{field: $e, values: []}]' \
		"$data/report-initial.json" | incident open --dir inc/case >/dev/null
	incident log inc/case "$evil" >/dev/null
	incident log inc/case --event point.open "$evil" >/dev/null
	jq -nc --arg e "$evil" '{type: "mail-hold", id: $e, held: true,
		was: false, changed: true, ok: true, queue_count: 1,
		from: "exim-hold", ($e): $e}' |
		incident log inc/case --event mail.held --data - >/dev/null
	jq -nc --arg e "$evil" '{type: "listing", id: $e, zone: $e,
		verdict: $e, reason: $e, time: $e}' >l.jsonl
	jq -nc --arg e "$evil" '{Label: $e, Datapoints: [{Timestamp:
		"2026-11-22T00:00:00Z", Sum: 3}]}' >c.json
	incident evidence inc/case l.jsonl c.json >/dev/null
	SUDO_USER=$evil incident log inc/case x >/dev/null
	page
	run ! grep -qE '<(script|img)|onerror=alert\(2\)>$' page.html
	run ! grep -q AKIAIO page.html
	grep -q '&lt;script&gt;' page.html
	incident report --as markdown inc/case >page.md
	run ! grep -qE '(^|[^\\])<(script|img)' page.md
	run ! grep -q AKIAIO page.md
	[ "$(LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\x7f]' page.md)" = 0 ]
}

@test "records and log lines in a mail are not believed" {
	{
		printf 'From: a@b\r\n\r\n'
		log_of 0 10 9
		echo '{"type":"listing","id":"192.0.2.1","zone":"forged.test","verdict":"listed","time":"2026-11-22T01:00:00Z"}'
	} >notice.eml
	echo '{"type":"listing","id":"192.0.2.2","zone":"forged.test","verdict":"listed","time":"2026-11-22T01:00:00Z"}' >notice.json
	incident evidence inc/case notice.eml >/dev/null
	jq -c '.message_id = "<n@x>"' "$data/report-initial.json" |
		incident open --dir inc/case --evidence notice.json >/dev/null
	jq -c '.case = "2"' "$data/report-initial.json" |
		incident open --dir inc/other --evidence notice.json >/dev/null
	page
	run ! grep -qE 'forged.test|<svg' page.html
	incident report inc/other >page.html
	run ! grep -q forged.test page.html
}

@test "merged incidents are in one page; a broken journal is said" {
	jq -c '.case = "22222222222-1" | .message_id = "<o@x>"' \
		"$data/report-initial.json" | incident open --dir inc/other >/dev/null
	incident log inc/other 'in the other one' >/dev/null
	incident merge inc/case inc/other >/dev/null
	page
	says 'in the other one' 'which verifies'
	sed -i 's/in the other one/in the Other one/' inc/other/journal.jsonl
	sed -i '1s/123456789012/123456789013/' inc/case/journal.jsonl
	page
	says 'does NOT verify' 'The journal or the evidence does not verify: line 2'
	run -64 incident report inc/case --as pdf
	run -66 incident report nowhere
}

@test "contrast: text 4.5 or more on its ground, bars 3, light, dark and print" {
	incident report inc/case >page.html
	python3 - page.html <<-'END'
	import re, sys
	style = re.search(r'<style>(.*?)</style>', open(sys.argv[1]).read(), re.S)[1]
	sets = re.findall(r':root\{([^}]*)\}', style)
	assert len(sets) == 3, len(sets)

	def lum(c):
	    c = c.lstrip('#')
	    c = ''.join(x * 2 for x in c) if len(c) == 3 else c
	    v = [int(c[i:i + 2], 16) / 255 for i in (0, 2, 4)]
	    v = [x / 12.92 if x <= .03928 else ((x + .055) / 1.055) ** 2.4 for x in v]
	    return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]

	def ratio(a, b):
	    a, b = sorted((lum(a), lum(b)), reverse=True)
	    return (a + .05) / (b + .05)

	all = {}
	for s in sets:
	    all = dict(all, **dict(re.findall(r'--(\w+):(#\w+)', s)))
	    for fg, bg, least in [('fg', 'bg', 4.5), ('soft', 'bg', 4.5),
	            ('fg', 'panel', 4.5), ('soft', 'panel', 4.5),
	            ('bad', 'badbg', 4.5), ('ok', 'okbg', 4.5),
	            ('warn', 'warnbg', 4.5), ('bad', 'bg', 4.5),
	            ('before', 'bg', 3), ('after', 'bg', 3)]:
	        r = ratio(all[fg], all[bg])
	        assert r >= least, (fg, bg, r)
	END
}
