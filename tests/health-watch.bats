#!/usr/bin/env bats
# health-watch against the AWS emulator, a name server, and pipes.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/dns
load aws/shared.bash

P=arn:aws:health:us-east-1::event

# event ARN-TAIL UPDATED [jq of more]
event() {
	jq -nc --arg a "$P/$1" --argjson t "$2" '{arn: $a, service:
		($a | split("/")[1]), eventTypeCode: ($a | split("/")[2]),
		eventTypeCategory: "issue", region: "eu-west-1", startTime: $t,
		lastUpdatedTime: $t, statusCode: "open", entities:
		["i-0a1b2c3d4e5f60001"], description: "Hello,\nReported Activity: spam\nPlease reply within 12 hours.\n---Beginning of forwarded report(s)---\nAWS ID: 999988887777\n"}'" ${3-}"
}

world() {	# EVENT... | what else
	local more=$1
	shift
	emu_set "$(printf '%s\n' "$@" | jq -sc "{health: ({plan: true,
		organization: false, events: .} $more)}")"
}

setup_file() {
	export S=$BATS_FILE_TMPDIR
	emu_start
	fakedns() {
		jq -n --arg r "$1" '{"amazonaws.com": {records:
			{"global.health": [["CNAME", "health.\($r).amazonaws.com."]]}}}' \
			>"$S/zones.tmp"
		mv "$S/zones.tmp" "$S/zones.json"
	}
	fakedns us-east-2
	mkdir -p "$S/dns"
	fakedns_start "$S/dns" "$S/zones.json"
}

teardown_file() {
	dns_stop "$S/dns"
	emu_stop
}

setup() {
	emu_fresh '{"page_size": null}'
	cd "$BATS_TEST_TMPDIR" || return
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	now=$(date +%s)
	A=$(event ABUSE/AWS_ABUSE_EC2_EMAIL_SPAM_REPORT/AWS_ABUSE_EC2_EMAIL_SPAM_REPORT_a $((now - 7200)))
	B=$(event RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED_b $((now - 3600)))
	world '' "$A" "$B"
}

ids() {
	jq -r .id out | sort | paste -sd,
}

@test "abuse and risk events become reports, each once, also after a restart" {
	code 0 health-watch --once
	[ "$(ids)" = aws-AWS_ABUSE_EC2_EMAIL_SPAM_REPORT_a,aws-AWS_RISK_CREDENTIALS_EXPOSED_b ]
	jq -se 'map(select(.activity == "spam"))[0] | .type == "report" and
		.from == "health-watch" and .account == "111122223333" and
		.region == "eu-west-1" and (.event_arn | endswith("_REPORT_a")) and
		.resources[0].id == "i-0a1b2c3d4e5f60001" and .stage == "new" and
		.conflicts == []' out
	# a reply is due 12 hours after the event began: the text was read by lines
	[ "$(jq -r 'select(.activity == "spam").due | fromdate' out)" = $((now - 7200 + 43200)) ]
	jq -se 'map(select(.urgent))[0].channel == "support-case"' out
	code 0 health-watch --once
	[ ! -s out ]
	# the second time nothing but the list was asked for
	[ "$(emu_calls '[.[] | select(.operation == "DescribeEventDetails")] | length')" = 1 ]
	code 0 health-watch --once --all
	[ "$(wc -l <out)" = 2 ]
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
}

@test "an update is new; closed is resolved; other services and types are none" {
	code 0 health-watch --once
	world '' "$(event ABUSE/AWS_ABUSE_EC2_EMAIL_SPAM_REPORT/AWS_ABUSE_EC2_EMAIL_SPAM_REPORT_a $((now - 60)) '| .statusCode = "closed"')" \
		"$B" "$(event EC2/AWS_EC2_OPERATIONAL_ISSUE/x "$now")" \
		"$(event ABUSE/AWS_ABUSE_OF_TOMORROW/z "$now" '| .description = "Hello"')" \
		"$(event ABUSE/AWS_SOMETHING_ELSE/w "$now")"
	code 0 health-watch --once -v
	[ "$(jq -r '[.stage, .activity] | join(" ")' out | sort | paste -sd,)" = 'new other,resolved spam' ]
	grep -q 'AWS_SOMETHING_ELSE/w: passed over' err
	# what is passed over is not asked for again
	emu_reset_log
	code 0 health-watch --once
	[ ! -s out ]
	[ "$(emu_calls '[.[] | select(.operation == "DescribeEventDetails")] | length')" = 0 ]
}

@test "--since; many events over many pages, ten to a question" {
	local i list=()
	for i in $(seq 25); do
		list+=("$(event ABUSE/AWS_ABUSE_DOS_REPORT/d"$i" $((now - i * 3600)))")
	done
	world '' "${list[@]}"
	emu_set '{"page_size": 4}'
	code 0 health-watch --once
	[ "$(wc -l <out)" = 25 ]
	jq -se 'all(.resources[0].id == "i-0a1b2c3d4e5f60001")' out
	[ "$(emu_calls '[.[] | select(.operation == "DescribeEventDetails")] | length')" = 3 ]
	code 0 health-watch --once --all --since=330m
	[ "$(wc -l <out)" = 5 ]
	emu_no_violations
}

@test "no Health API in the plan: 69, in plain words" {
	emu_set '{"health": {"plan": false}}'
	code 69 health-watch --once
	[ ! -s out ]
	grep -q "no Health API: the account's support plan does not include it (SubscriptionRequiredException)" err
	grep -q '^health-watch: hint: .*abuse-parse.*health-watch -' err
	# not only once: there is nothing to wait for
	code 69 health-watch
	code 69 health-watch --once --organization
}

@test "the organization's view, and when it is not allowed" {
	world '| .organization = true' "$A" "$(jq -c '.accounts = ["444455556666", "777788889999"]' <<<"$B")"
	code 0 health-watch --once --organization
	[ "$(jq -r .account out | sort | paste -sd,)" = 111122223333,444455556666,777788889999 ]
	[ ! -s err ]
	code 0 health-watch --once --organization
	[ ! -s out ]
	world '' "$A"
	code 0 health-watch --once --organization --all
	[ "$(jq -r .account out)" = 111122223333 ]
	grep -q "organization's events cannot be read, only this account's" err
	emu_no_violations
}

@test "the region that the alias leads to is asked; one that moves is asked anew" {
	local port
	port=$(dns_port "$S/dns")
	code 0 health-watch --once -v --resolver "127.0.0.1:$port"
	[ "$(emu_calls '[.[] | select(.service == "health") | .region] | unique | join(",")')" = '"us-east-2"' ]
	grep -q 'health.us-east-2.amazonaws.com: 2 events, 2 new' err
	# nobody there to ask: the usual one, and it is said
	emu_reset_log
	code 0 health-watch --once --all --resolver 127.0.0.1:9
	[ "$(emu_calls '[.[] | select(.service == "health") | .region] | unique | join(",")')" = '"us-east-1"' ]
	grep -q 'the usual region of Health is asked' err
	[ "$(wc -l <out)" = 2 ]
	emu_no_violations
}

@test "throttled and denied; two at once" {
	emu_fault '{"do": "500", "match": {"service": "health"}, "times": -1}'
	AWS_MAX_ATTEMPTS=1 code 75 health-watch --once
	emu_control POST clear_faults >/dev/null
	mkdir -p state
	exec 4>state/health-watch.seen.lock
	flock 4
	code 75 health-watch --once
	grep -q 'another process has it' err
	exec 4>&-
	export AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001
	export AWS_SECRET_ACCESS_KEY='n0body/SecretKeyWithoutAnyRights+0000010'
	code 77 health-watch --once
}

# wait_for COMMAND...: until it is true
wait_for() {
	local i
	for i in $(seq 600); do
		if "$@"; then
			return 0
		fi
		sleep 0.1
	done
	echo "waited in vain: $*"
	return 1
}

has_lines() {
	[ "$(wc -l <"$2")" = "$1" ]
}

@test "it goes on asking: trouble passes, what is new comes, SIGTERM ends it" {
	local pid
	emu_fault '{"do": "500", "match": {"service": "health"}, "times": 1}'
	AWS_MAX_ATTEMPTS=1 health-watch --interval=1 >live 2>warn </dev/null 3>&- &
	pid=$!
	wait_for grep -q DescribeEvents warn
	[ ! -s live ]
	wait_for has_lines 2 live
	kill -TERM $pid
	wait $pid
	jq -se 'all(.type == "report")' live
}

@test "from a pipe: each once, as it comes, over pages and updates" {
	local e pid
	e=$(jq -c . "$QUELL_ROOT/tests/data/notice/40-eventbridge.json")
	mkfifo pipe
	health-watch - <pipe >live 2>warn 3>&- &
	pid=$!
	exec 6>pipe
	echo "$e" >&6
	wait_for has_lines 1 live	# the pipe is still open
	{
		echo "$e"	# again
		jq . <<<"$e"	# in another form
		jq '.region = "us-west-2" | .id = "copy"' <<<"$e"	# the backup region
		cat "$QUELL_ROOT/tests/data/notice/41-sns.json"	# in an envelope
		jq -c '.detail.communicationId = "x-2"' <<<"$e"
		jq -c '.detail.communicationId = "x-3" | .detail.totalPages = "2"' <<<"$e"
		jq -c '.detail.communicationId = "x-3" | .detail.totalPages = "2" | .detail.page = "2"' <<<"$e"
		jq -c '.detail.eventTypeCode = "AWS_EC2_OPERATIONAL_ISSUE"' <<<"$e"
	} >&6
	exec 6>&-
	wait $pid
	[ "$(jq -r .event_version live | sort | uniq -c | awk '{ print $2 $1 }' | paste -sd,)" = x-11,x-21,x-32 ]
	[ ! -s warn ]
	health-watch - <<<"$e" >out
	[ ! -s out ]
	[ -z "$(emu_calls '.[]')" ]
}

@test "a pipe: what is broken is 65 and named, the rest is read" {
	local e rc=0
	e=$(jq -c . "$QUELL_ROOT/tests/data/notice/40-eventbridge.json")
	{
		echo hello
		echo "${e:0:300}"
		cat "$QUELL_ROOT/tests/data/notice/47-subscription.json"
		echo
		echo "$e"
		jq -c '.detail.communicationId = "x-9"' <<<"$e"
		echo '{"a":1'
	} >in
	health-watch - <in >out 2>err || rc=$?
	[ "$rc" = 3 ]
	[ "$(jq -r .event_version out | paste -sd,)" = x-1,x-9 ]
	grep -q '^health-watch: document 1: ' err
	grep -q 'confirm a subscription' err
	rc=0
	echo hello | health-watch - >out 2>err || rc=$?
	[ "$rc" = 65 ]
}

# The same updates as an event bus has them: times in words, to the second.
bus() {	# EVENT [jq of more]
	jq -c '{version: "0", id: "1", "detail-type": "AWS Health Abuse Event",
		source: "aws.health", account: "111122223333", region: "global",
		time: (.lastUpdatedTime | floor | todate),
		detail: {eventArn: .arn, service, eventTypeCode, statusCode,
		communicationId: "c-\(.lastUpdatedTime)",
		startTime: (.startTime | floor | strftime("%a, %d %b %Y %H:%M:%S GMT")),
		lastUpdatedTime: (.lastUpdatedTime | floor |
			strftime("%a, %d %b %Y %H:%M:%S GMT")),
		eventDescription: [{language: "en_US",
			latestDescription: .description}],
		affectedAccount: "111122223333", page: "1", totalPages: "1"}}
		'"${2-}" <<<"$1"
}

@test "the same update by the API and by an event bus is one, in both orders" {
	local C
	# the API has fractions of a second
	C=$(jq -c '.lastUpdatedTime += 0.096' <<<"$A")
	world '' "$C" "$B"
	code 0 health-watch --once
	[ "$(wc -l <out)" = 2 ]
	{ bus "$C"; bus "$B"; } >bus.json
	health-watch - <bus.json >out
	[ ! -s out ]
	# the bus first, with the memory of another run
	rm -rf state
	health-watch - <bus.json >out
	[ "$(wc -l <out)" = 2 ]
	code 0 health-watch --once
	[ ! -s out ]
	health-watch - <bus.json >out
	[ ! -s out ]
	# an update is new, once, whichever way is first
	C=$(jq -c '.lastUpdatedTime += 60 | .statusCode = "closed"' <<<"$C")
	world '' "$C" "$B"
	bus "$C" >bus.json
	health-watch - <bus.json >out
	[ "$(wc -l <out)" = 1 ]
	code 0 health-watch --once
	[ ! -s out ]
	# another account's is another
	bus "$C" '| .detail.affectedAccount = "999900001111"' >bus.json
	health-watch - <bus.json >out
	[ "$(wc -l <out)" = 1 ]
	# of pages, all must have come before the API's is the same
	rm -rf state
	bus "$B" '| .detail.totalPages = "2"' >p1
	bus "$B" '| .detail.totalPages = "2" | .detail.page = "2"' >p2
	health-watch - <p1 >out
	[ "$(wc -l <out)" = 1 ]
	cp -r state half
	health-watch - <p2 >out
	[ "$(wc -l <out)" = 1 ]
	code 0 health-watch --once
	[ "$(wc -l <out)" = 1 ]
	[ "$(jq -r .event out)" = AWS_ABUSE_EC2_EMAIL_SPAM_REPORT ]
	rm -rf state
	mv half state
	code 0 health-watch --once
	[ "$(wc -l <out)" = 2 ]
	# and then no page is new
	health-watch - <p2 >out
	[ ! -s out ]
}

@test "by two ways, killed at each write: nothing is lost, little comes twice" {
	local n when rc
	preload_faults
	bus "$A" >bus.json
	for n in 1 2 3; do
		for when in FAULT_KILL FAULT_KILL_AFTER; do
			rm -rf state
			rc=0
			env "$when=$n:seen" "LD_PRELOAD=$preload" health-watch - \
				<bus.json >one 2>/dev/null || rc=$?
			[ $rc = 0 ] || [ $rc = 137 ]
			code 0 health-watch --once
			cat out >>one
			[ "$(jq -r .id one | sort -u | wc -l)" = 2 ]
			health-watch - <bus.json >>one
			[ "$(wc -l <one)" -le 3 ]
			health-watch - <bus.json >out
			[ ! -s out ]
		done
	done
}

@test "what else came by such a pipe: once, too" {
	local f
	for f in 1 2; do
		health-watch - <"$QUELL_ROOT/tests/data/notice/42-lambda.json" >out$f
	done
	[ "$(wc -l <out1)" = 1 ]
	[ ! -s out2 ]
}

@test "written, then remembered: a full disk loses nothing" {
	local rc=0
	health-watch --once >/dev/full 2>err || rc=$?
	[ "$rc" = 74 ]
	code 0 health-watch --once
	[ "$(wc -l <out)" = 2 ]
}

@test "kill -9 before and after each write: nothing is lost, little comes twice" {
	local n when killed=0 rc
	preload_faults
	for n in 1 2 3 4 5; do
		for when in FAULT_KILL FAULT_KILL_AFTER; do
			rm -rf state
			rc=0
			env "$when=$n:seen" "LD_PRELOAD=$preload" health-watch \
				--once >one 2>/dev/null </dev/null || rc=$?
			[ $rc = 0 ] || { [ $rc = 137 ]; killed=$((killed + 1)); }
			code 0 health-watch --once
			[ "$(cat one out | jq -r .id | sort -u | wc -l)" = 2 ]
			[ "$(cat one out | wc -l)" -le 3 ]
			code 0 health-watch --once
			[ ! -s out ]
		done
	done
	[ "$killed" -ge 6 ]
}

@test "a memory cut off or damaged is mended, what is old is dropped" {
	code 0 health-watch --once
	[ "$(stat -c %a state/health-watch.seen)" = 600 ]
	[ "$(wc -l <state/health-watch.seen)" = 4 ]
	printf '%064d 100\nrubbish\n%030d' 1 2 >>state/health-watch.seen
	code 0 health-watch --once
	[ ! -s out ]
	[ "$(wc -l <state/health-watch.seen)" = 4 ]
	# half a line is none: that event comes again (its own name is last)
	world '' "$B"
	code 0 health-watch --once --state half
	[ "$(wc -l <half)" = 2 ]
	truncate -s -5 half
	code 0 health-watch --once --state half
	[ "$(wc -l <out)" = 1 ]
	[ "$(wc -l <half)" = 2 ]
	world '' "$A" "$B"
	code 0 health-watch --once --state other
	[ "$(wc -l <out)" = 2 ]
}

@test "usage" {
	code 64 health-watch x
	code 64 health-watch - --once
	code 64 health-watch --interval=25h
	code 64 health-watch --once --interval=60
	code 64 health-watch --since=91d
	code 64 health-watch - --organization
}

@test "the units" {
	command -v systemd-analyze >/dev/null || skip 'no systemd'
	mkdir units
	# verify wants the programs to be there
	sed 's,/bin/bash,/bin/sh,' "$QUELL_ROOT/systemd/health-watch.service" >units/health-watch.service
	cp "$QUELL_ROOT/systemd/health-watch.timer" units/
	run -0 systemd-analyze verify --man=no units/health-watch.service units/health-watch.timer
}

@test "the unit's command makes incidents, and an empty round is none" {
	local line
	line=$(sed -n 's/^ExecStart=//p' "$QUELL_ROOT/systemd/health-watch.service")
	line=${line//\$\$/\$}
	line=${line//\/var\/lib\/quell/$PWD/state}
	mkdir -p state
	eval "$line" >out
	[ "$(jq -s 'length' state/health-watch.jsonl)" = 2 ]
	[ "$(jq -se 'map(select(.type == "incident")) | length' out)" = 2 ]
	eval "$line" >out
	[ ! -s out ]
}

@test "the examples of the man page" {
	cp "$QUELL_ROOT/tests/data/notice/43-sqs.json" messages.json
	run_examples health-watch
}
