#!/usr/bin/env bats
# trail-search: Event history by the AWS emulator, and CloudTrail files.
# shellcheck disable=SC2154,SC2030,SC2031

load lib/quell
load aws/shared.bash

K=AKIASTOLENKEY0000001

setup_file() {
	cat >"$BATS_FILE_TMPDIR/world.json" <<-END
	{"trail": [
	 {"event": "CreateAccessKey", "time": "-3h", "request": {"userName":
	  "ses-smtp"}, "response": {"accessKey": {"accessKeyId":
	  "AKIAMADEBYTHETHIEF01"}}},
	 {"event": "GetSendQuota", "source": "ses", "time": "-2h", "times": 130,
	  "step": 1, "region": "eu-west-1", "read_only": true},
	 {"event": "CreateUser", "time": "-1h", "error": "AccessDenied",
	  "request": {"userName": "mallory"}},
	 {"event": "RunInstances", "source": "ec2", "time": "-1h",
	  "session": "i-0abc", "region": "ap-east-1", "ip": "198.51.100.7"},
	 {"event": "ListUsers", "time": "-40d", "key": "AKIAOTHER", "user": "eve",
	  "ip": "198.51.100.9"},
	 {"event": "ConsoleLogin", "source": "signin", "user": "root",
	  "time": "-5d", "ip": "192.0.2.4"}],
	 "trails": [{"name": "main", "bucket": "logs-111122223333",
	  "prefix": "ct"}]}
	END
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[[ $BATS_TEST_DESCRIPTION == file* ]] && return
	emu_fresh '{"page_size": null, "rtt_ms": null}'
}

events() { # [FILTER]: of the events in out, one value a line
	jq -r "select(.type == \"trail-event\") | ${1:-.event}" out | sort
}

scope() { # FILTER: true of the last record
	tail -n 1 out | jq -e ".type == \"trail-scope\" and ($1)" >/dev/null ||
		{ tail -n 1 out; return 1; }
}

lookups() {
	emu_calls '[.[] | select(.operation == "LookupEvents" and .status == 200)] | length'
}

three=(us-east-1 eu-west-1 ap-east-1)

@test "a key, in all regions that the account has, page by page" {
	code 0 trail-search --key=$K
	[ "$(events | uniq -c | awk '{ print $1 $2 }' | paste -sd,)" = \
		1CreateAccessKey,1CreateUser,130GetSendQuota ]
	scope '.complete and .regions == 32 and .all_regions and .calls == 34 and
		.asked_by == "AccessKeyId" and .events == 132 and .fit == 132'
	[ "$(events .id | uniq -d)" = '' ]
	# one attribute for each call, and every region was asked
	[ "$(emu_calls '[.[] | select(.operation == "LookupEvents" and .status == 200) | .params.LookupAttributes | length] | unique')" = '[1]' ]
	[ "$(emu_calls '[.[] | select(.operation == "LookupEvents") | .region] | unique | length')" = 32 ]
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
}

@test "what a record says" {
	code 0 trail-search --key=$K us-east-1
	jq -se 'map(select(.event == "CreateAccessKey"))[0] |
		.type == "trail-event" and .made_key == "AKIAMADEBYTHETHIEF01" and
		.target == "ses-smtp" and .user == "ses-smtp" and
		.ip == "203.0.113.66" and .flag == "persistence" and
		.request.userName == "ses-smtp" and .account == "111122223333" and
		(.why | test("another|new access key")) and (.error | not)' out
	jq -se 'map(select(.event == "CreateUser"))[0] |
		.error == "AccessDenied" and (.why | test("it failed: AccessDenied"))' out
}

@test "it says what cannot be in it, and where that would be" {
	code 0 trail-search --user=nobody us-east-1
	scope '(.unseen | join(" ") | test("SendEmail") and test("SendRawEmail") and
		test("SMTP") and test("90 days")) and
		(.evidence | join(" ") | test("event destinations") and
		test("trail-search --file")) and
		.trails == [{"name": "main", "bucket": "logs-111122223333",
		"prefix": "ct", "all_regions": true}] and .fit == 0'
	emu_set '{"trails": []}'
	code 0 trail-search --user=nobody us-east-1
	scope '.trails == [] and (.evidence | join(" ") | test("no trail delivers"))'
	emu_set '{"trails": [{"name": "main", "bucket": "logs-111122223333",
		"prefix": "ct"}]}'
	emu_fault '{"do": "500", "match": {"operation": "DescribeTrails"}, "times": -1}'
	code 0 trail-search --user=nobody us-east-1
	scope '.trails == null'
}

@test "by user, root, session, role, name, address, call: and all must fit" {
	code 0 trail-search --user=eve "${three[@]}"
	[ "$(events)" = ListUsers ]
	scope '.asked_by == "Username"'
	code 0 trail-search --user=root "${three[@]}"
	[ "$(events)" = ConsoleLogin ]
	code 0 trail-search --role-session=i-0abc "${three[@]}"
	[ "$(events '[.event, .role, .session, .mfa] | @csv')" = \
		'"RunInstances","mail-host","i-0abc",false' ]
	code 0 trail-search --username=i-0abc --username=eve "${three[@]}"
	[ "$(events | paste -sd,)" = ListUsers,RunInstances ]
	# an address or a role AWS cannot be asked for
	code 0 trail-search --role=mail-host --since=1d ap-east-1
	[ "$(events)" = RunInstances ]
	scope '.asked_by == null'
	grep -q 'all events of the window are read' err
	code 0 trail-search --ip=198.51.100.0/28 "${three[@]}"
	[ "$(events | paste -sd,)" = ListUsers,RunInstances ]
	code 0 trail-search --event=CreateUser --event=ListUsers us-east-1
	[ "$(events | paste -sd,)" = CreateUser,ListUsers ]
	scope '.asked_by == "EventName"'
	code 0 trail-search --key=$K --event=CreateUser us-east-1
	[ "$(events)" = CreateUser ]
	scope '.asked_by == "AccessKeyId" and .events == 2'
	code 0 trail-search --key=$K --flagged --since=90m us-east-1
	[ "$(events)" = CreateUser ]
	emu_no_violations
}

@test "a window: ages, dates, times; no more than 90 days" {
	code 0 trail-search --all --since=4d us-east-1
	[ "$(events | paste -sd,)" = CreateAccessKey,CreateUser ]
	code 0 trail-search --all --until=2d us-east-1
	[ "$(events | paste -sd,)" = ConsoleLogin,ListUsers ]
	code 0 trail-search --user=eve --since="$(date -u -d '41 days ago' +%F)" \
		--until="$(date -u -d '39 days ago' +%FT%TZ)" us-east-1
	[ "$(events)" = ListUsers ]
	code 0 trail-search --user=eve --since=400d us-east-1
	grep -q 'goes back 90 days' err
	scope '(.since | fromdate) > now - 91 * 86400'
	code 64 trail-search --user=eve --until=100d us-east-1
}

@test "summary: addresses, calls, keys, with the first and the last" {
	code 0 trail-search --all --since=80d --summary "${three[@]}"
	run ! jq -e 'select(.type == "trail-event")' out
	jq -se 'map({(.id): .}) | add | .["all:all"].events == 135 and
		.["ip:203.0.113.66"].events == 132 and
		.["ip:203.0.113.66"].errors == 1 and
		.["event:GetSendQuota"].flagged == 130 and
		.["key:'$K'"].events == 132 and .["session:i-0abc"].events == 1 and
		.["region:eu-west-1"].events == 130 and .["user:root"].events == 1 and
		.["error:AccessDenied"].events == 1 and
		(.["event:GetSendQuota"] | (.last | fromdate) - (.first | fromdate) == 129)' out
	[ "$(jq -r 'select(.field == "ip") | .events' out | paste -sd,)" = \
		132,1,1,1 ]
}

@test "two questions a second: AWS never has to say no twice" {
	code 0 trail-search --key=$K -v eu-west-1
	[ "$(lookups)" = 3 ]
	# the emulator refuses a third within a second
	[ "$(emu_calls '[.[] | select(.operation == "LookupEvents" and .status == 400)] | length')" -le 1 ]
}

@test "killed and begun again: the same output, no page asked twice" {
	local first
	emu_set '{"page_size": 20}'
	code 0 trail-search --key=$K --until=1m eu-west-1
	grep trail-event out | sort >whole
	emu_reset_log
	trail-search --key=$K --until=1m --state=st eu-west-1 >one 2>/dev/null &
	first=$!
	until grep -c '^{"list"' st 2>/dev/null | grep -q '^[2-9]'; do
		sleep 0.1
	done
	kill -9 $first
	wait $first || true
	[ "$(stat -c %a st)" = 600 ]
	# as if it had been cut off in the middle of a page
	printf '{"type":"trail-event","id":"torn' >>st
	code 0 trail-search --key=$K --until=1m --state=st eu-west-1
	grep trail-event out | sort | cmp - whole
	scope '.calls == 7 and .events == 130 and .complete'
	[ "$(lookups)" -le 8 ]
	# a third time nothing is asked
	emu_reset_log
	code 0 trail-search --key=$K --until=1m --state=st eu-west-1
	grep trail-event out | sort | cmp - whole
	[ "$(lookups)" = 0 ]
	code 0 trail-search --key=$K --until=1m --state=st --summary eu-west-1
	jq -se '.[0].events == 130' out
	emu_no_violations
}

@test "a token that AWS no longer knows: the list is begun again where it was" {
	emu_set '{"page_size": 20}'
	emu_fault '{"do": "500", "match": {"operation": "LookupEvents"}, "skip": 3, "times": 9}'
	code 75 trail-search --key=$K --state=st eu-west-1
	emu_control POST clear_faults >/dev/null
	jq -se 'map(select(.type == "trail-region"))[0] | .ok == false and .events >= 20 and .events <= 60' out
	scope '.complete == false'
	sed -i 's/"token":"...../"token":"xxxxx/' st
	code 0 trail-search --key=$K --state=st eu-west-1
	[ "$(events | wc -l)" = 130 ]
	[ "$(events .id | uniq -d)" = '' ]
	emu_violated 'LookupEvents: token unknown'
}

@test "a full disk, or a kill at any point, under the state: the next run ends it" {
	local preload f n
	preload_faults
	local two=(us-east-1 eu-west-1)
	code 0 trail-search --key=$K --until=1m "${two[@]}"
	grep trail-event out | sort >whole
	for n in 1 4; do
		for f in FAULT_WRITE=$n:st FAULT_KILL=$n:st FAULT_KILL_AFTER=$n:st; do
			rm -f st
			LD_PRELOAD=$preload run env "$f" trail-search --key=$K --until=1m \
				--state=st "${two[@]}"
			[[ $status == 74 || $status == 137 ]] ||
				{ echo "$f: $status $output"; false; }
			code 0 trail-search --key=$K --until=1m --state=st "${two[@]}"
			grep trail-event out | sort | cmp - whole
		done
	done
}

@test "the state is of one search" {
	code 0 trail-search --user=eve --state=st us-east-1
	code 78 trail-search --user=bob --state=st us-east-1
	grep -q 'st: is of another search' err
	code 78 trail-search --user=eve --state=st eu-west-1
	echo '{"id":"something"}' >other
	code 65 trail-search --user=eve --state=other us-east-1
	[ "$(cat other)" = '{"id":"something"}' ]
	echo hello >other
	code 65 trail-search --user=eve --state=other us-east-1
	ln -s st link
	run ! trail-search --user=eve --state=link us-east-1
	code 73 trail-search --user=eve --state=none/st us-east-1
	: >empty
	code 0 trail-search --user=eve --state=empty us-east-1
	exec 9<st
	flock 9
	code 75 trail-search --user=eve --state=st us-east-1
	exec 9<&-
}

@test "a region that does not answer, a denial" {
	emu_fault '{"do": "throttle", "match": {"operation": "LookupEvents", "region": "eu-west-1"}, "times": -1}'
	code 75 trail-search --key=$K us-east-1 eu-west-1
	[ "$(events | wc -l)" = 2 ]
	jq -se 'map(select(.type == "trail-region")) | length == 1 and .[0].id == "eu-west-1"' out
	scope '.complete == false'
	emu_control POST clear_faults >/dev/null
	emu_fault '{"do": "500", "match": {"operation": "DescribeRegions"}, "times": -1}'
	code 0 trail-search --user=eve
	grep -q 'only regions that have SES are searched' err
	scope '.regions == 27 and .all_regions == false and .complete == false'
	emu_control POST clear_faults >/dev/null
	export AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001
	export AWS_SECRET_ACCESS_KEY='n0body/SecretKeyWithoutAnyRights+0000010'
	code 77 trail-search --user=eve us-east-1
}

@test "file: usage" {
	local a
	code 64 trail-search
	grep -q 'nothing to look for' err
	for a in --all\ --key=AKIA1 --key=akia --ip=1.2.3 --ip=192.0.2.1/33 \
		--event=a,b --since=yesterday --since=1 --since=2026-13-01 \
		--all\ --since=2026-11-02\ --until=2026-11-01 --file\ --all\ --state=x \
		--key= --ip=; do
		# shellcheck disable=SC2086
		code 64 trail-search $a no-region
		[ ! -s out ]
	done
	[ ! -e x ]
}

# files: one in each form, of 2000 events of which two are by the stolen key
forms() {
	mkdir -p d/sub
	python3 "$QUELL_ROOT/tests/lib/trail_make.py" 2000 >d/a.json
	gzip -c d/a.json >d/sub/b.json.gz
	zstd -q d/a.json -o d/sub/c.log
	jq -c '.Records[]' d/a.json >d/sub/d.jsonl
	jq '.Records' d/a.json >d/sub/e.json
	gzip -c d/a.json d/sub/d.jsonl >d/sub/two.gz
	jq '{Events: [.Records[] | {EventId: .eventID, EventName: .eventName,
		CloudTrailEvent: tojson}], NextToken: "x"}' d/a.json >d/sub/f.json
}

@test "file: every form gives the same" {
	local f
	forms
	code 0 trail-search --file --key=$K d/a.json
	[ "$(events)" = $'GetSendQuota\nGetSendQuota' ]
	scope '.id == "files" and .files == 1 and .events == 2000 and .complete and
		(.unseen | join(" ") | test("SES data events"))'
	grep trail-event out >want
	for f in d/sub/[b-f]*; do
		code 0 trail-search --file --key=$K "$f"
		grep trail-event out | cmp - want
		scope '.events == 2000 and .complete'
	done
	run -0 --separate-stderr trail-search --file --key=$K <d/sub/b.json.gz
	[ "$(grep trail-event <<<"$output")" = "$(cat want)" ]
	run -0 --separate-stderr trail-search --file --key=$K - <d/a.json
	[ "$(grep trail-event <<<"$output")" = "$(cat want)" ]
	code 0 trail-search --file --key=$K d
	[ "$(events | wc -l)" = 16 ]
	scope '.files == 7 and .events == 16000'
}

@test "file: the same filters and summary" {
	forms
	code 0 trail-search --file --ip=203.0.113.64/26 d/a.json
	[ "$(events | wc -l)" = 2 ]
	code 0 trail-search --file --flagged d/a.json
	[ "$(events | uniq)" = GetSendQuota ]
	code 0 trail-search --file --user=ses-smtp --event=GetSendQuota \
		--since=2026-11-01T00:00:20Z d/a.json
	[ "$(events | wc -l)" = 1 ]
	code 0 trail-search --file --all --summary d/sub/b.json.gz
	jq -se 'map({(.id): .}) | add | .["all:all"].events == 2000 and
		.["ip:203.0.113.66"].events == 2 and .["user:ses-smtp"].flagged == 2' out
	# what all counts is what all lists
	code 0 trail-search --file --all d/a.json
	[ "$(events | wc -l)" = 2000 ]
}

@test "file: with a database, addresses and summary have their AS" {
	forms
	printf '203.0.113.0\t203.0.113.127\t64501\tZZ\tBAD-HOSTING\n' >ranges.tsv
	code 0 trail-search --file --flagged --ip-db ranges.tsv d/a.json
	jq -se 'map(select(.type == "trail-event")) | length > 0 and
		all(.origin.asn == 64501 and .origin.as_name == "BAD-HOSTING")' out
	code 0 trail-search --file --all --summary --ip-db ranges.tsv d/a.json
	jq -se 'map({(.id): .}) | add | .["ip:203.0.113.66"].origin.asn == 64501 and
		.["asn:64501"].as_name == "BAD-HOSTING" and
		.["asn:64501"].events == ([.[] | select(.field == "ip" and
			.origin.asn == 64501).events] | add) and
		.["asn:64501"].first <= .["asn:64501"].last' out
	code 66 trail-search --file --all --ip-db nothing d/a.json
}

@test "file: a damaged one does not hide the others, and is told" {
	forms
	head -c 3000 d/sub/b.json.gz >d/cut.gz
	echo 'Nov 21 10:00:00 mx exim[1]: hello' >d/text
	printf '{"Records":[{"eventTime":"2026-11-21T10:00:00Z","eventName":"X",}]}' >d/bad
	echo '{"digestStartTime":"2026-11-21T10:00:00Z"}' >d/digest
	code 65 trail-search --file --all --summary d/cut.gz
	grep -q 'd/cut.gz: cut off' err
	code 65 trail-search --file --all d/text
	grep -q "d/text: not CloudTrail's JSON" err
	code 3 trail-search --file --event=X d/bad
	scope '.unread == 1 and .complete == false'
	code 0 trail-search --file --all d/digest
	scope '.unread == 0 and .fit == 0'
	code 3 trail-search --file --key=$K d
	[ "$(events | wc -l)" -ge 16 ]
	scope '.files_bad == 2 and .complete == false'
	code 66 trail-search --file --all nowhere
	mkdir e
	code 66 trail-search --file --all e
}

@test "file: stopped or out of time within one: 75, and what was found is written" {
	local event
	event='{"eventVersion":"1.08","eventTime":"2026-11-20T10:00:00Z","eventName":"GetUser","eventSource":"iam.amazonaws.com","eventID":"1","awsRegion":"us-east-1"}'
	mkfifo in
	trail-search -o json --file --all - <in >out 2>err 3>&- &
	pid=$!
	exec 9>in
	# SIGTERM is caught: what is to be read is open
	until ((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status") & 0x4000)); do
		sleep 0.05
	done
	kill "$pid"
	echo "$event" >&9
	rc=0
	wait "$pid" || rc=$?
	exec 9>&-
	[ "$rc" = 75 ]
	[[ $(<err) == *'1 of 1 files were not read to the end' ]]
	scope '.complete == false'
	# endless
	run -75 --separate-stderr trail-search -t 1 --file --key=$K - \
		< <(yes "$event")
	[[ $stderr == *'not read to the end' ]]
	jq -se '.[-1] | .complete == false and .events > 0' <<<"$output"
}

@test "file: what is opened late may still be opened, nothing else" {
	# a link out of the folder is not followed
	forms
	ln -s /etc/passwd d/link
	code 0 trail-search --file --key=$K d
	scope '.files == 7'
	# and the sandbox is there, where the kernel has one
	command -v strace >/dev/null || skip 'no strace'
	no_leak_check
	code 0 strace -f -e trace=landlock_restrict_self,openat,connect,socket -o tr \
		trail-search --file --key=$K d
	run ! grep -E 'connect\(|socket\(' tr
}

@test "file: secrets in requests are masked, control bytes are not passed on" {
	cat >ev.json <<-'END'
	{"Records":[{"eventTime":"2026-11-21T10:00:00Z","eventName":"UpdateLoginProfile","eventSource":"iam.amazonaws.com","requestParameters":{"userName":"x\u001b[31m","password":"hunter2","deep":[{"secretKey":"s3"}]},"userAgent":"a\nb"}]}
	END
	code 0 trail-search --file --all ev.json
	jq -se '.[0].request == {"userName": .[0].request.userName, "password": "***",
		"deep": [{"secretKey": "***"}]} and .[0].agent == "a b"' out
	run ! grep -qE 'hunter2|s3"|\\u001b' out
}

@test "the man page's examples" {
	mkdir AWSLogs
	python3 "$QUELL_ROOT/tests/lib/trail_make.py" 100 | gzip >AWSLogs/a.json.gz
	run_examples trail-search
}
