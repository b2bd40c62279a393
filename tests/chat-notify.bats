#!/usr/bin/env bats
# chat-notify against a web server that answers as told.

# shellcheck disable=SC2030,SC2031
load lib/quell
load lib/peers

setup_file() {
	export SINK=$BATS_FILE_TMPDIR/sink
	mkdir -p "$SINK"
	echo '{}' >"$SINK/script.json"
	http_sink_start "$SINK" --script "$SINK/script.json"
	PORT=$(sink_port "$SINK")
	export PORT
}

teardown_file() {
	sink_stop "$SINK"
}

setup() {
	local k
	cd "$BATS_TEST_TMPDIR" || return
	: >"$SINK/log.jsonl"
	script '{}'
	for k in slack teams gchat discord lineworks mattermost json; do
		echo "http://127.0.0.1:$PORT/hook/$k?sig=s3cr3tS1g" >"$k.url"
	done
	echo s3cr3tT0ken >chatwork.token
	chmod 600 ./*.url chatwork.token
	TT=(--typetalk-url "http://127.0.0.1:$PORT/api/v1")
	CW=(--chatwork-url "http://127.0.0.1:$PORT/v2")
	cat >report.json <<-'END'
	{"type":"report","id":"r1","case":"12345","account":"111122223333","region":"us-east-1","activity":"spam","stage":"first","due":"2020-01-01T00:00:00Z","from":"abuse-parse","subject":"@everyone <!channel> [toall] [click](https://evil.example.com/x) AKIAIOSFODNN7EXAMPLE","resources":[{"kind":"access-key","id":"AKIAIOSFODNN7EXAMPLE"}]}
	END
}

teardown() {
	# no secret was ever shown
	local f
	for f in "${output-}" "${stderr-}"; do
		if grep -qE 's3cr3t' <<<"$f"; then
			echo "a secret was shown: $f"
			return 1
		fi
	done
}

script() {
	# another size or time stamp, or the sink keeps the old one
	printf '%s\n' "$1" >"$SINK/script.new"
	mv "$SINK/script.new" "$SINK/script.json"
}

posts() {
	jq -s length "$SINK/log.jsonl"
}

body() {	# FILTER: of the last post's JSON
	jq -rs '.[-1].body' "$SINK/log.jsonl" | jq -r "$1"
}

@test "input comes out byte for byte, whatever it is" {
	{
		cat report.json
		printf '192.0.2.1\n\n   \n{"broken":\n\xff\xfe\0x\r\n'
		head -c 70000 /dev/zero | tr '\0' x
		printf '\nno newline at the end'
	} >in
	rc=0
	chat-notify --to json:json.url <in >out 2>err || rc=$?
	cmp in out
	# two lines that are no records: one breaks off, one is too long
	[ "$rc" = 3 ]
	grep -q 'standard input:5: not JSON' err
	grep -q 'standard input:7: longer than 65536 bytes' err
	[ "$(body .records)" = 4 ]
}

@test "slack: blocks of plain text, escaped" {
	run -0 --separate-stderr chat-notify --to slack:slack.url <report.json
	[ "$output" = "$(cat report.json)" ]
	[ -z "$stderr" ]
	[ "$(jq -r '.method + " " + .path' "$SINK/log.jsonl")" = \
	    "POST /hook/slack?sig=s3cr3tS1g" ]
	body . >got
	jq -e '.text == "Abuse report: case 12345" and
	    (.blocks | map(.type)) == ["header", "section", "context"] and
	    ([.blocks[0, 1].text.type, .blocks[2].elements[].type] | unique)
	    == ["plain_text"]' got
	jq -r '.blocks[1].text.text' got | grep -v '^due: ' | diff - <(
	    printf '%s\n' "account: 111122223333" "region: us-east-1" \
		"activity: spam" "stage: first" "resources: AKIA…MPLE" \
		"subject: @ everyone &lt;!channel&gt; [toall] [click](hxxps://evil[.]example[.]com/x) AKIA…MPLE")
	[[ $(jq -r '.blocks[1].text.text' got) == *"due: 2020-01-01T00:00:00Z ("*" days overdue)"* ]]
}

@test "teams: an adaptive card 1.4 of text runs" {
	run -0 --separate-stderr chat-notify --to teams:teams.url <report.json
	body . >got
	jq -e '.type == "message" and (.attachments | length) == 1 and
	    .attachments[0].contentType ==
	    "application/vnd.microsoft.card.adaptive"' got
	jq -e '.attachments[0].content | .type == "AdaptiveCard" and
	    .version == "1.4" and ([.body[].type] | unique) ==
	    ["RichTextBlock"] and .body[0].inlines[0].text ==
	    "Abuse report: case 12345" and (.body[1].inlines | map(.text)) ==
	    ["account: ", "111122223333"]' got
	run ! grep -E 'https?://evil|IOSFODNN' got
	script '{"teams": {"status": 202, "body": ""}}'
	run -0 --separate-stderr chat-notify --to teams:teams.url <report.json
}

@test "a connector of Office 365 is called retired" {
	echo 'https://127.0.0.1:1/x.webhook.office.com/s3cr3t' >o.url
	chmod 600 o.url
	run -75 --separate-stderr chat-notify -t 2 --to teams:o.url <report.json
	[[ $stderr == *"these are retired"* ]]
}

@test "chatwork: a form, the token in a header, no tags from outside" {
	run -0 --separate-stderr chat-notify --to chatwork:chatwork.token \
		--room 4711 "${CW[@]}" <report.json
	jq -e '.path == "/v2/rooms/4711/messages" and
	    .headers["X-ChatWorkToken"] == "s3cr3tT0ken" and
	    .headers["Content-Type"] == "application/x-www-form-urlencoded" and
	    (.body | startswith("body=%5Binfo%5D%5Btitle%5DAbuse%20report")) and
	    (.body | endswith("%5B%2Finfo%5D&self_unread=1")) and
	    (.body | test("%5Btoall|\\[") | not)' "$SINK/log.jsonl"
	# the room may stand in the target
	run -0 --separate-stderr chat-notify "${CW[@]}" \
		--to chatwork/42:chatwork.token --to chatwork/43:chatwork.token \
		<report.json
	[ "$(jq -r .path "$SINK/log.jsonl" | sort | tail -n 2)" = \
	    $'/v2/rooms/43/messages\n/v2/rooms/4711/messages' ]
	run -64 chat-notify --to chatwork:chatwork.token </dev/null
	run -64 chat-notify --to chatwork:chatwork.token --room x </dev/null
	run -64 chat-notify --to slack/1:slack.url </dev/null
}

@test "gchat, discord and json" {
	run -0 --separate-stderr chat-notify --to gchat:gchat.url <report.json
	[[ $(body .text) == $'*Abuse report: case 12345*\naccount: 1111'* ]]
	[[ $(body .text) == *"‹!channel›"* ]]
	run -0 --separate-stderr chat-notify --to discord:discord.url \
		<report.json
	jq -e '.status == 200' "$SINK/log.jsonl"
	[ "$(body '.allowed_mentions.parse | length')" = 0 ]
	[[ $(body .content) == '**Abuse report: case 12345**'* ]]
	[[ $(body .content) == *'\[click\](hxxps://'* ]]
	run -0 --separate-stderr chat-notify --to json:json.url <report.json
	[ "$(body .source)" = quell ]
	[ "$(body '.lines[0] | .label + "=" + .value')" = \
	    account=111122223333 ]
}

@test "pagerduty: trigger, acknowledge and resolve the incident's one alert" {
	local a pd=(--pagerduty-url "http://127.0.0.1:$PORT/v2/enqueue"
		--to pagerduty:pd.key)
	echo s3cr3tR0utingKey >pd.key
	chmod 600 pd.key
	incident open --dir inc <report.json >/dev/null
	script '{"/v2/enqueue": {"status": 202, "body": "{\"status\":\"success\"}"}}'
	run -0 --separate-stderr chat-notify "${pd[@]}" --incident inc <report.json
	[ "$(body .routing_key)" = s3cr3tR0utingKey ]
	[ "$(body '[.event_action, .dedup_key, .payload.severity, .payload.source] | join(" ")')" = 'trigger inc critical quell' ]
	[[ $(body .payload.summary) == 'Abuse report: case 12345' ]]
	# nothing of the complaint can be clicked, and no key id is whole
	[[ $(body .payload.custom_details.text) != *https://evil* ]]
	[[ $(body .payload.custom_details.text) != *AKIAIOSFODNN7EXAMPLE* ]]
	for a in acknowledge resolve; do
		run -0 --separate-stderr chat-notify "${pd[@]}" --action $a \
			--incident inc <report.json
		[ "$(body '[.event_action, .dedup_key, has("payload")] | join(" ")')" = "$a inc false" ]
	done
	# the key is shown nowhere, a dry run included (teardown looks, too)
	run -0 --separate-stderr chat-notify -n "${pd[@]}" --incident inc <report.json
	[[ $stderr == *'would post to http://127.0.0.1'* ]]
	[[ $stderr == *'"routing_key":""'* ]]
	run ! grep -r s3cr3t inc
	run -64 chat-notify "${pd[@]}" <report.json
	run -64 chat-notify "${pd[@]}" --action=shout --incident inc <report.json
	run -64 chat-notify --pagerduty-url ftp://x/ --to pagerduty:pd.key --incident inc <report.json
}

@test "gchat: one thread for an incident" {
	incident open --dir inc <report.json >/dev/null
	run -0 --separate-stderr chat-notify --to gchat:gchat.url --incident inc \
		<report.json
	[ "$(body .thread.threadKey)" = inc ]
	[[ $(jq -rs '.[-1].path' "$SINK/log.jsonl") == *'&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD' ]]
	run -0 --separate-stderr chat-notify --to gchat:gchat.url <report.json
	[ "$(body 'has("thread")')" = false ]
}

@test "whoever is called in a complaint is not called, in no target" {
	local k b
	for k in slack teams gchat discord lineworks mattermost json; do
		run -0 --separate-stderr chat-notify --to $k:$k.url <report.json
		b=$(jq -rs '.[-1].body' "$SINK/log.jsonl")
		[[ $b != *@everyone* && $b != *https://evil* ]] || { echo "$k: $b"; false; }
		# elsewhere it is no markup
		[[ $k == teams || $k == json || $b != *'<!channel>'* ]]
	done
	run -0 --separate-stderr chat-notify "${CW[@]}" --to chatwork/1:chatwork.token <report.json
	b=$(jq -rs '.[-1].body' "$SINK/log.jsonl")
	[[ $b != *%5Btoall* && $b != *%40everyone* ]]
}

@test "lineworks: title and text, no button, no mention by a tag" {
	jq -c '.subject = "<m userId=\"all\"> @jo https://evil.example/x"' \
		report.json >tag.json
	run -0 --separate-stderr chat-notify --to lineworks:lineworks.url \
		<tag.json
	[ "$(body 'keys | join(" ")')" = 'body title' ]
	[ "$(body '.body | keys | join(" ")')" = text ]
	[ "$(body .title)" = 'Abuse report: case 12345' ]
	[[ $(body .body.text) == $'account: 1111'*"‹m userId=\"all\"›"*"hxxps://evil[.]example"* ]]
	[[ $(body .body.text) != *[\<\>]* ]]
}

@test "mattermost: markdown escaped, nobody is mentioned by any name" {
	jq -c '.subject = "@jo @all <!here> <https://e.example|x> [a](https://e.example) # `x` ~town \\*b*"' \
		report.json >tag.json
	run -0 --separate-stderr chat-notify --to mattermost:mattermost.url \
		<tag.json
	[ "$(body 'keys | join(" ")')" = text ]
	[[ $(body .text) == $'**Abuse report: case 12345**\naccount: 1111'* ]]
	[[ $(body .text) == *'＠jo ＠ all ‹!here› ‹hxxps://e\[.\]example\|x› \[a\]\(hxxps://e\[.\]example\) \# \`x\` \~town \\\*b\*'* ]]
	[[ $(body .text) != *[@\<\>]* ]]
}

@test "typetalk: a form, the token in a header, a warning that it ended" {
	run -0 --separate-stderr chat-notify "${TT[@]}" \
		--to typetalk/77:chatwork.token <report.json
	jq -e '.path == "/api/v1/topics/77" and
	    .headers["X-Typetalk-Token"] == "s3cr3tT0ken" and
	    .headers["Content-Type"] == "application/x-www-form-urlencoded" and
	    (.body | startswith("message=Abuse%20report")) and
	    (.body | endswith("&ignoreHashtag=true&showLinkMeta=false")) and
	    (.body | test("%40|%60|https%3A") | not)' "$SINK/log.jsonl"
	run -64 chat-notify --to typetalk:chatwork.token <report.json
	run -64 chat-notify --typetalk-url http://a.example --room 1 \
		--to typetalk:chatwork.token <report.json
	run -0 --separate-stderr chat-notify -n --to typetalk/1:chatwork.token \
		<report.json
	[[ $stderr == *"Typetalk: the service ended"*"https://typetalk.com/..."* ]]
}

@test "each of them cuts what is too long between characters" {
	local k
	jq -c '.why = ("漢" * 3000)' report.json >long.json
	for _ in $(seq 40); do cat long.json; done >many.json
	for k in lineworks mattermost; do
		run -0 chat-notify --to $k:$k.url <many.json
	done
	jq -rs '.[0].body | fromjson | .body.text' "$SINK/log.jsonl" >text
	[ "$(wc -c <text)" -le 2300 ]
	grep -q 'bytes more' text
	jq -rs '.[1].body | fromjson | .text' "$SINK/log.jsonl" >text
	[ "$(wc -m <text)" -le 16383 ]
	iconv -f UTF-8 -t UTF-8 text >/dev/null
	run -0 chat-notify "${TT[@]}" --to typetalk/1:chatwork.token <many.json
	jq -rs '.[2].body' "$SINK/log.jsonl" | sed 's/^message=//; s/&.*//' |
		python3 -c 'import sys, urllib.parse as u
assert len(u.unquote(sys.stdin.read(), errors="strict")) <= 4000'
}

vault() {	# NAME TEXT: into the vault, as its password
	printf 'password=%s\n' "$2" | cred-vault put -y "$1" >/dev/null
}

@test "the URL from the vault: read when there is something to say, never shown" {
	(umask 077 && head -c 32 /dev/urandom >key && chmod 400 key)
	export QUELL_VAULT=$PWD/v QUELL_VAULT_KEY=file:$PWD/key
	export QUELL_STATE_DIR=$PWD/state
	vault chat/slack "http://127.0.0.1:$PORT/hook/slack?sig=s3cr3tS1g"
	vault chat/cw s3cr3tT0ken
	incident open --dir inc <report.json >/dev/null
	run -0 --separate-stderr chat-notify --to slack:vault:chat/slack \
		--to json:json.url "${CW[@]}" --to chatwork/1:vault:chat/cw \
		--incident inc <report.json
	[ "$output" = "$(cat report.json)" ]
	[ -z "$stderr" ]
	[ "$(posts)" = 3 ]
	[ "$(jq -r .path "$SINK/log.jsonl" | grep -c '/hook/slack?sig=s3cr3tS1g')" = 1 ]
	grep -q '"file":"vault:chat/slack","posted":1' inc/journal.jsonl
	run ! grep -r s3cr3t inc
	run -0 --separate-stderr chat-notify -n --to slack:vault:chat/slack \
		<report.json
	[[ $stderr == *"vault:chat/slack: would post to http://127.0.0.1:$PORT/..."* ]]
	# another vault by --vault; nothing to say: it is not even opened
	mv v w
	run -0 --separate-stderr chat-notify --to slack:vault:chat/slack </dev/null
	[ -z "$stderr" ]
	run -0 --separate-stderr chat-notify --vault w \
		--to slack:vault:chat/slack <report.json
	# no vault, no such name, no URL in it: said, and the others are told
	run -3 --separate-stderr chat-notify --to slack:vault:chat/slack \
		--to json:json.url <report.json
	[[ $stderr == *"vault: "* ]]
	[ "$output" = "$(cat report.json)" ]
	run -66 --separate-stderr chat-notify --vault w --to slack:vault:none \
		<report.json
	run -78 --separate-stderr chat-notify --vault w --to slack:vault:chat/cw \
		<report.json
	[[ $stderr == *"vault:chat/cw: does not hold an https URL"* ]]
	run -0 chat-notify --soft --vault w --to slack:vault:none <report.json
	run -64 chat-notify --to slack:vault: <report.json
	run -64 chat-notify --to 'slack:vault:a b' <report.json
}

@test "one message for a run, or one for each record" {
	printf '%s\n' '{"type":"aws-key","id":"a","ok":true}' \
		'{"type":"aws-key","id":"b","ok":false,"why":"denied"}' >in
	run -0 --separate-stderr chat-notify --to json:json.url <in
	[ "$(posts)" = 1 ]
	[ "$(body .title)" = "AWS access key: 2 records, 1 failed" ]
	[ "$(body .text)" = $'AWS access key: a\nAWS access key: b: failed: denied' ]
	run -0 --separate-stderr chat-notify --each --to json:json.url <in
	[ "$(posts)" = 3 ]
	# not a flood: 20, and one for all the others
	: >"$SINK/log.jsonl"
	for i in {1..50}; do echo "$i"; done >in
	run -0 --separate-stderr chat-notify --each --to json:json.url <in
	[ "$(posts)" = 21 ]
	[ "$(body .records)" = 30 ]
}

@test "nothing in, nothing posted" {
	run -0 --separate-stderr chat-notify --to json:json.url </dev/null
	[ "$(posts)" = 0 ]
}

@test "listings: what is listed or unknown gets a line, the clean are counted" {
	printf '%s\n' \
	    '{"type":"listing","id":"192.0.2.1","zone":"bl.test","verdict":"listed"}' \
	    '{"type":"listing","id":"192.0.2.1","zone":"b2.test","verdict":"clean"}' \
	    >in
	run -0 --separate-stderr chat-notify --to json:json.url <in
	[ "$(body .title)" = "Blocklist: 1 listed, 0 unknown, 1 others" ]
	[ "$(body .text)" = "Blocklist: 192.0.2.1 listed, bl[.]test" ]
}

@test "429 and 5xx are tried again, and the wait that is asked for is kept" {
	script '{"slack": [{"status": 429, "headers": {"Retry-After": "1"}}, 503, 200]}'
	local began=${EPOCHREALTIME/[.,]/}
	run -0 --separate-stderr chat-notify --to slack:slack.url <report.json
	[ "$(posts)" = 3 ]
	[ $((${EPOCHREALTIME/[.,]/} - began)) -gt 1900000 ]
	script '{"discord": [{"status": 429, "body": "{\"retry_after\": 0.3}"}, 204]}'
	run -0 --separate-stderr chat-notify --to discord:discord.url \
		<report.json
	[ "$(posts)" = 5 ]
}

@test "a chat that keeps failing: 75, after four tries, and the pipe went on" {
	script '{"slack": 503, "json": 200}'
	run -75 --separate-stderr chat-notify --to slack:slack.url \
		--to json:json.url <report.json
	[ "$output" = "$(cat report.json)" ]
	[[ $stderr == *"slack: slack.url: answered 503"* ]]
	[ "$(jq -r 'select(.path | test("slack")) | .n' "$SINK/log.jsonl" |
	    wc -l)" = 4 ]
	[ "$(jq -r 'select(.path | test("json")) | .n' "$SINK/log.jsonl" |
	    wc -l)" = 1 ]
}

@test "a wait that is longer than the limit, or than a minute, is not waited for" {
	script '{"slack": {"status": 429, "headers": {"Retry-After": "5"}}}'
	local began=${EPOCHREALTIME/[.,]/}
	run -75 --separate-stderr chat-notify -t 2 --to slack:slack.url \
		<report.json
	script '{"slack": {"status": 429, "headers": {"Retry-After": "61"}} }'
	run -75 --separate-stderr chat-notify -t 90 --to slack:slack.url \
		<report.json
	[ "$(posts)" = 2 ]
	script '{"slack": {"status": 200, "delay": 5}}'
	run -75 --separate-stderr chat-notify -t 1 --to slack:slack.url \
		<report.json
	[[ $stderr == *"slack: slack.url: no answer"* ]]
	[ "$(posts)" = 3 ]
	[ $((${EPOCHREALTIME/[.,]/} - began)) -lt 3000000 ]
}

@test "refused for good is 69, with the service's own word" {
	script '{"slack": {"status": 404, "body": "channel_is_archived"}}'
	run -69 --separate-stderr chat-notify --to slack:slack.url <report.json
	[[ $stderr == *"slack: slack.url: answered 404: channel_is_archived"* ]]
	[ "$(posts)" = 1 ]
	# a reply that repeats the URL is not repeated here
	script '{"slack": {"status": 403, "body": "no hook for /hook/slack?sig=s3cr3tS1g"}}'
	run -69 --separate-stderr chat-notify --to slack:slack.url <report.json
	[[ $stderr == *"answered 403" ]]
	# a redirection is not followed
	script '{"slack": {"status": 302, "headers": {"Location": "/hook/json"}}}'
	run -69 --separate-stderr chat-notify --to slack:slack.url <report.json
	run ! grep hook/json "$SINK/log.jsonl"
	# one fine and one refused: partly
	run -3 --separate-stderr chat-notify --to slack:slack.url \
		--to json:json.url <report.json
}

@test "nobody there: 75, no part of the URL is shown" {
	echo 'http://127.0.0.1:9/s3cr3t/x' >dead.url
	chmod 600 dead.url
	run -75 --separate-stderr chat-notify -t 3 --to slack:dead.url \
		<report.json
	[[ $stderr == "chat-notify: slack: dead.url: no answer: "* ]]
	[ "$output" = "$(cat report.json)" ]
}

@test "--soft: exit 0 whatever happens to the chat, with a warning" {
	script '{"slack": 404}'
	run -0 --separate-stderr chat-notify --soft --to slack:slack.url \
		<report.json
	[[ $stderr == *"answered 404"* ]]
	run -0 --separate-stderr chat-notify --soft --to slack:nothing \
		<report.json
	[ "$output" = "$(cat report.json)" ]
	[[ $stderr == *"slack: nothing: "* ]]
	run -0 --separate-stderr chat-notify -q --soft --to slack:nothing \
		<report.json
	[ -z "$stderr" ]
}

@test "unsafe or useless files: 78 or 66, the pipe goes on, others are told" {
	chmod 640 slack.url
	run -78 --separate-stderr chat-notify --to slack:slack.url <report.json
	[[ $stderr == *"slack.url: open to others"* ]]
	[ "$output" = "$(cat report.json)" ]
	chmod 600 slack.url
	ln -s slack.url link.url
	run -78 chat-notify --to slack:link.url <report.json
	run -66 chat-notify --to slack:nothing <report.json
	for bad in 'http://example.com/s3cr3t' 'https://' 's3cr3t' \
	    'https://a/s3cr3t b' ''; do
		echo "$bad" >bad.url
		chmod 600 bad.url
		run -78 --separate-stderr chat-notify --to json:bad.url <report.json
		[[ $stderr == *"bad.url: does not hold an https URL"* ]]
	done
	printf 'two\nlines\n' >bad.url
	run -78 --separate-stderr chat-notify --to chatwork/1:bad.url <report.json
	[ "$(posts)" = 0 ]
	run -3 --separate-stderr chat-notify --to json:bad.url \
		--to json:json.url <report.json
	[ "$(posts)" = 1 ]
}

@test "usage" {
	run -64 chat-notify </dev/null
	run -64 --separate-stderr chat-notify --to https://x.example/s3cr3t \
		</dev/null
	[[ $stderr == *"takes a file that holds the URL"* ]]
	run -64 chat-notify --to irc:slack.url </dev/null
	run -64 chat-notify --to slack </dev/null
	run -64 chat-notify --to slack: </dev/null
	run -64 chat-notify --to slack:slack.url operand </dev/null
	run -64 chat-notify --to slack:slack.url --chatwork-url http://a.example \
		</dev/null
}

@test "-n posts nothing, copies, and shows what would be posted" {
	run -0 --separate-stderr chat-notify -n --to slack:slack.url \
		--to chatwork/1:chatwork.token <report.json
	[ "$output" = "$(cat report.json)" ]
	[ "$(posts)" = 0 ]
	[[ $stderr == *"slack.url: would post to http://127.0.0.1:$PORT/...: {\"text\":\"Abuse report: case 12345\""* ]]
	[[ $stderr == *"chatwork.token: would post to https://api.chatwork.com/...: body="* ]]
}

@test "the secret is neither in argv nor in the environment of the process" {
	script '{"slack": {"status": 200, "delay": 0.6}}'
	chat-notify --to slack:slack.url <report.json >/dev/null &
	sleep 0.3
	tr '\0' '\n' <"/proc/$!/cmdline" >seen
	ps -o args= -p $! >>seen
	wait $!
	grep -q slack.url seen
	run ! grep s3cr3t seen
}

@test "output: the records have gone on before the chat answers; 74 when they cannot" {
	script '{"slack": {"status": 200, "delay": 1}}'
	chat-notify --to slack:slack.url <report.json >out &
	sleep 0.4
	cmp report.json out
	wait $!
	rc=0
	chat-notify --to json:json.url <report.json >/dev/full 2>err || rc=$?
	[ "$rc" = 74 ]
	rc=0
	chat-notify --soft --to json:json.url <report.json >&- 2>err || rc=$?
	[ "$rc" = 74 ]
	# the chat was told all the same
	[ "$(posts)" = 3 ]
}

@test "what comes next is not kept waiting by a slow chat" {
	script '{"slack": {"status": 200, "delay": 1}}'
	chat-notify --to slack:slack.url <report.json |
		{ cat >out; date +%s%N >ended; } &
	sleep 0.5
	[ -s ended ]
	cmp report.json out
	wait $!
}

@test "--incident: the journal's head leaves the house, and the end is journalled" {
	mkdir -p inc/evidence inc/state inc/out
	printf '{"type":"journal","id":"1","event":"incident.opened","prev":"%064d"}\n' 0 \
		>inc/journal.jsonl
	head=$(head -c -1 inc/journal.jsonl | sha256sum | cut -d' ' -f1)
	run -0 --separate-stderr chat-notify --incident inc --to json:json.url \
		<report.json
	[[ $(body .footer) == "quell on "*", incident inc, journal $head" ]]
	run -0 tail -n 1 inc/journal.jsonl
	jq -e --arg head "$head" '.event == "chat-notify.end" and
	    .data.head == $head and .data.records == 1 and
	    .data.targets == [{kind: "json", file: "json.url", posted: 1,
	    failed: 0, status: 200}] and .prev == $head' <<<"$output"
	# a dry run writes nothing
	cp inc/journal.jsonl before
	run -0 chat-notify -n --incident inc --to json:json.url <report.json
	cmp before inc/journal.jsonl
	# an incident that is not there stops neither pipe nor chat
	run -3 --separate-stderr chat-notify --incident nowhere \
		--to json:json.url <report.json
	[ "$(posts)" = 2 ]
	[ "$output" = "$(cat report.json)" ]
}

@test "the man page's examples" {
	mkdir bin
	printf '#!/bin/sh\nexec %s --chatwork-url http://127.0.0.1:%s/v2 "$@"\n' \
		"$(command -v chat-notify)" "$PORT" >bin/chat-notify
	chmod +x bin/chat-notify
	echo '{"type":"listing","id":"192.0.2.1","zone":"bl.test","verdict":"listed"}' \
		>listings.jsonl
	(umask 077 && head -c 32 /dev/urandom >key && chmod 400 key)
	export QUELL_VAULT=$PWD/v QUELL_VAULT_KEY=file:$PWD/key
	vault chat/slack "$(<slack.url)"
	PATH="$PWD/bin:$PATH" run_examples chat-notify
	[ "$(posts)" = 5 ]
}
