#!/usr/bin/env bats
# ses-pause against the AWS emulator.
# shellcheck disable=SC2154

load lib/quell
load aws/shared.bash

# Each test begins with the world as it was.
setup() {
	emu_fresh '{"page_size": null, "disabled_regions": [],
		"rate": {"sesv2": null}, "regions": {"*": {"sending_enabled": true,
		"enforcement_status": "HEALTHY", "spike": null},
		"eu-central-1": {"sending_enabled": false}}}'
	state=$PWD/state/ses-pause-111122223333.json
}

sending() { # REGION
	emu_world ".regions[\"$1\"].sending_enabled"
}

field() { # REGION FIELD
	jq -r "select(.id == \"$1\").$2" out
}

all_disabled() {
	emu_world '[.regions[] | select(.sending_enabled)] | length'
}

@test "a region without a baseline needs -y, no more" {
	code 64 ses-pause ap-south-1
	grep -q 'hint: look with -n, then use -y' err
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e "$state" ] || [ "$(jq '.regions | length' "$state")" = 0 ]
	code 0 ses-pause -y ap-south-1
	[ "$(jq -c '[.type, .id, .account, .sending, .was, .changed, .ok,
		.dry_run, .enforcement, .sent_24h, .sent_14d, .baseline]' \
		out)" = '["ses-account","ap-south-1","111122223333",false,true,true,true,false,"HEALTHY",0,0,false]' ]
	[ "$(field ap-south-1 state)" = "$state" ]
	[ "$(sending ap-south-1)" = false ]
	[ "$(sending us-east-1)" = true ]
	[ "$(stat -c %a "$state")" = 600 ]
	emu_no_violations
}

@test "paused already is 0 and unchanged, and stays what is restored" {
	code 0 ses-pause -y ap-south-1
	code 0 ses-pause -y ap-south-1
	[ "$(field ap-south-1 changed)" = false ]
	[ "$(field ap-south-1 was)" = true ]
	[ "$(jq -c '.regions["ap-south-1"].sending' "$state")" = true ]
	code 0 ses-pause -y eu-central-1
	[ "$(field eu-central-1 changed)" = false ]
	[ "$(field eu-central-1 was)" = false ]
	[ "$(emu_mutating_count)" = 1 ]
}

@test "a region with a baseline needs --confirm and shows honest mail" {
	code 64 ses-pause -y us-east-1
	grep -q 'us-east-1: honest mail stops as well' err
	grep -q 'us-east-1 (.* a day)' err
	grep -q 'hint: this needs --confirm with the account id' err
	[ "$(emu_mutating_count)" = 0 ]
	code 64 ses-pause --confirm=999999999999 us-east-1
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-pause --confirm=111122223333 us-east-1 ap-south-1
	[ "$(field us-east-1 baseline)" = true ]
	[ "$(field us-east-1 sent_14d)" -gt 300000 ]
	[ "$(field us-east-1 honest_13d)" -lt "$(field us-east-1 sent_14d)" ]
	[ "$(sending us-east-1)$(sending ap-south-1)" = falsefalse ]
}

@test "-n sends nothing that changes, writes nothing, and is a plan" {
	code 0 ses-pause -n --all-regions
	[ "$(wc -l <out)" = 27 ]
	[ "$(jq -s 'all(.dry_run and .ok)' out)" = true ]
	[ "$(field us-east-1 changed)" = true ]
	[ "$(field us-east-1 sending)" = true ]
	[ "$(field eu-central-1 changed)" = false ]
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e state ]
	code 0 ses-pause -n --no-baseline
	[ "$(jq -s 'any(.baseline)' out)" = false ]
	[ "$(wc -l <out)" = 24 ]
	cp out plan
	run -0 --separate-stderr ses-pause -y <plan
	[ "$(wc -l <<<"$output")" = 24 ]
	[ "$(all_disabled)" = 3 ]
	emu_no_violations
}

@test "--no-baseline is a filter: the count, or the account, is asked for" {
	code 64 ses-pause -y --no-baseline
	grep -q 'use --yes=23' err
	code 64 ses-pause --yes=4 --no-baseline
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-pause --no-baseline ap-south-1 us-east-1 -y
	[ "$(jq -r .id out)" = ap-south-1 ]
	code 0 ses-pause --yes=22 --no-baseline
	code 0 ses-pause -y --all-regions --no-baseline --confirm=111122223333
	[ "$(jq -s 'any(.changed)' out)" = false ]
	[ "$(all_disabled)" = 3 ]
}

@test "a burst of the last 24 hours is no baseline" {
	emu_set '{"regions": {"ap-south-1": {"spike": {"hours": 6, "volume": 69825}}}}'
	code 0 ses-pause -n --no-baseline ap-south-1
	[ "$(field ap-south-1 baseline)" = false ]
	[ "$(field ap-south-1 sent_14d)" -gt 60000 ]
	[ "$(field ap-south-1 honest_13d)" = 0 ]
}

@test "everything, and back exactly as it was, home first" {
	code 64 ses-pause -y --all-regions
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-pause --all-regions --confirm=111122223333
	[ "$(wc -l <out)" = 27 ]
	[ "$(all_disabled)" = 0 ]
	[ "$(jq '.regions | length' "$state")" = 27 ]
	emu_reset_log
	code 0 ses-pause --resume -y --region=eu-west-1
	[ "$(all_disabled)" = 26 ]
	[ "$(sending eu-central-1)" = false ]
	[ "$(field eu-central-1 changed)" = false ]
	[ "$(field us-east-1 changed)" = true ]
	[ "$(emu_calls '[.[] | select(.mutating)] | .[0].region')" = '"eu-west-1"' ]
	# the home region was seen to send before the second was switched
	[ "$(emu_calls '[.[] | select(.mutating or .region == "eu-west-1")] |
		map(.operation) | index("PutAccountSendingAttributes") as $i |
		.[$i + 1]')" = '"GetAccount"' ]
	emu_reset_log
	code 0 ses-pause --resume -y
	[ "$(jq -s 'any(.changed)' out)" = false ]
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
}

@test "resume leaves alone what it did not save, and what a person did since" {
	code 0 ses-pause -y ap-south-1 ap-south-2
	emu_set '{"regions": {"us-west-1": {"sending_enabled": false}}}'
	code 0 ses-pause --resume -y us-west-1 ap-south-1
	[ "$(field us-west-1 changed)" = false ]
	[ "$(field us-west-1 why)" = 'nothing was saved for it: left alone' ]
	[ "$(sending us-west-1)$(sending ap-south-1)$(sending ap-south-2)" = \
		falsetruefalse ]
	# off again by hand: a second resume is not asked to undo that
	emu_set '{"regions": {"ap-south-1": {"sending_enabled": false}}}'
	code 0 ses-pause --resume -y
	[ "$(sending ap-south-1)$(sending ap-south-2)" = falsetrue ]
	code 0 ses-pause --resume -n
	run -0 --separate-stderr ses-pause --resume -y - <out
	[ "$(jq -s 'any(.changed)' <<<"$output")" = false ]
	# and a new pause saves anew
	code 0 ses-pause -y ap-south-1
	[ "$(field ap-south-1 was)" = false ]
}

@test "resume with nothing saved says so" {
	code 0 ses-pause --resume -y
	[ ! -s out ]
	grep -q 'nothing is saved' err
}

@test "resume stops when the home region fails" {
	code 0 ses-pause -y ap-south-1 ap-south-2
	emu_fault '{"match": {"operation": "PutAccountSendingAttributes", "region": "ap-south-2"}, "do": "500", "times": -1}'
	code 75 ses-pause --resume -y --region=ap-south-2
	[ "$(sending ap-south-1)" = false ]
	[[ $(field ap-south-1 why) == 'not tried: the home region'* ]]
}

@test "one region fails for good: 3; for now: 75; the others are done" {
	code 3 ses-pause -y ap-south-1 us-nowhere-9
	[ "$(field ap-south-1 changed)" = true ]
	[ "$(field us-nowhere-9 ok)" = false ]
	emu_violated 'scope region us-nowhere-9'
	emu_fault '{"match": {"operation": "PutAccountSendingAttributes", "region": "ap-south-2"}, "do": "500", "times": -1}'
	code 75 ses-pause -y ap-south-1 ap-south-2
	[ "$(field ap-south-1 ok)" = true ]
	[ "$(field ap-south-2 ok)" = false ]
	[ "$(field ap-south-2 changed)" = false ]
	[ -n "$(field ap-south-2 why)" ]
	[ "$(jq -c '.regions["ap-south-2"].sending' "$state")" = true ]
}

@test "only throttled: 75" {
	emu_fault '{"match": {"operation": "GetAccount", "region": "ap-south-1"}, "do": "throttle", "times": -1}'
	code 75 ses-pause -y -t 20 ap-south-1
	[ "$(field ap-south-1 ok)" = false ]
	[ "$(emu_mutating_count)" = 0 ]
}

@test "one call a second, as SES allows: slower, and done" {
	emu_set '{"rate": {"sesv2": 1}}'
	code 0 ses-pause -y ap-south-1 ap-south-2
	[ "$(sending ap-south-1)$(sending ap-south-2)" = falsefalse ]
}

@test "the answer to the switch is lost: it is asked again and verified" {
	emu_fault '{"match": {"operation": "PutAccountSendingAttributes"}, "do": "reset_after"}'
	code 0 ses-pause -y ap-south-1
	[ "$(sending ap-south-1)" = false ]
}

@test "denied: 77 and nothing changed" {
	AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001 \
	AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010 \
		code 77 ses-pause -y ap-south-1
	[ "$(emu_mutating_count)" = 0 ]
}

@test "no CloudWatch: GetSendStatistics; neither: unknown, and that is wide" {
	emu_fault '{"match": {"operation": "GetMetricData"}, "do": "500", "times": -1}'
	code 0 ses-pause -n us-east-1 ap-south-1
	[ "$(field us-east-1 baseline)" = true ]
	[ "$(field us-east-1 sent_14d)" -gt 300000 ]
	[ "$(field ap-south-1 baseline)" = false ]
	emu_fault '{"match": {"operation": "GetSendStatistics"}, "do": "500", "times": -1}'
	code 0 ses-pause -n ap-south-1
	[ "$(field ap-south-1 baseline)" = null ]
	[ "$(field ap-south-1 why)" = 'volume unknown' ]
	code 64 ses-pause -y ap-south-1
	code 0 ses-pause --no-baseline ap-south-1 -y
	[ ! -s out ]
	grep -q 'left alone: its volume is not known' err
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-pause --confirm=111122223333 ap-south-1
}

@test "figures that come in pages" {
	emu_set '{"page_size": 100}'
	code 0 ses-pause -n us-east-1
	local paged
	paged=$(field us-east-1 sent_14d)
	emu_set '{"page_size": null}'
	code 0 ses-pause -n us-east-1
	[ "$(field us-east-1 sent_14d)" = "$paged" ]
}

@test "a region that is not enabled is reported, and is no failure" {
	emu_set '{"disabled_regions": ["me-south-1", "af-south-1"]}'
	code 0 ses-pause -n --all-regions
	[ "$(field me-south-1 enabled) $(field me-south-1 ok) $(field me-south-1 changed)" = 'false true false' ]
	[ "$(field me-south-1 why)" = 'the account has not enabled this region' ]
	[ "$(field eu-west-2 changed)" = true ]
	code 0 ses-pause -y ap-south-1 af-south-1
	[ "$(jq -c '.regions | keys' "$state")" = '["ap-south-1"]' ]
	emu_no_violations
}

@test "AWS's own verdict is shown" {
	emu_set '{"regions": {"ap-south-1": {"enforcement_status": "SHUTDOWN"}}}'
	code 0 ses-pause -n ap-south-1
	[ "$(field ap-south-1 enforcement)" = SHUTDOWN ]
}

@test "selection: keys, records, nothing, rubbish" {
	printf 'ap-south-1\n{"type":"ses-account","id":"ap-south-2"}\n\n' >in
	run -0 --separate-stderr ses-pause -n - <in
	[ "$(jq -r .id <<<"$output" | paste -sd,)" = ap-south-1,ap-south-2 ]
	code 64 ses-pause -y
	code 65 ses-pause -y nonsense
	code 64 ses-pause -y ''
	echo '{"type":"queue-msg","id":"x"}' >in
	run -65 --separate-stderr ses-pause -y <in
	[[ $stderr == *'standard input:1: not a ses-account'* ]]
	echo '{"type":"ses-account","id":"ap-south-1","account":"999999999999"}' >in
	run -65 ses-pause -y <in
	echo '{"broken' >in
	run -65 ses-pause -y <in
	code 64 ses-pause --all-regions ap-south-1
	code 64 ses-pause --resume --all-regions
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-pause -n ap-south-1 ap-south-1
	[ "$(wc -l <out)" = 1 ]
}

@test "the incident: state and journal are there, before is before" {
	incident=$PWD/case
	mkdir -m 700 case && : >case/journal.jsonl
	code 0 ses-pause -n ap-south-1 --incident="$incident"
	[ ! -e case/state ] && [ ! -s case/journal.jsonl ]
	code 0 ses-pause -y ap-south-1 --incident="$incident"
	[ "$(jq -r .event case/journal.jsonl | paste -sd,)" = \
		ses-pause.begin,ses-pause.end ]
	[ "$(jq -s '.[0].data.regions["ap-south-1"].sending' \
		case/journal.jsonl)" = true ]
	[ "$(jq '.regions["ap-south-1"].sending' case/state/ses-pause.json)" = true ]
	[ ! -e "$state" ]
	code 66 ses-pause -y ap-south-1 --incident=nowhere
}

@test "a damaged state file is left alone, and so is SES" {
	mkdir state
	echo '{"regions": {' >"$state"
	code 65 ses-pause -y ap-south-1
	[ "$(emu_mutating_count)" = 0 ]
	[ "$(cat "$state")" = '{"regions": {' ]
	echo '{"account":"999999999999"}' >"$state"
	code 78 ses-pause -y ap-south-1
}

@test "state that cannot be written: nothing is changed" {
	mkdir state
	ln -s /dev/full state/x
	echo notadir >blocked
	QUELL_STATE_DIR=$PWD/blocked/x code 73 ses-pause -y ap-south-1
	[ "$(emu_mutating_count)" = 0 ]
}

@test "two runs at once: the second is told to wait" {
	mkdir state
	flock "$state.lock" -c 'sleep 3' 3>&- &
	sleep 0.3
	code 75 ses-pause -y ap-south-1
	grep -q 'another run is at work' err
	kill $! && wait $! || true
	[ "$(emu_mutating_count)" = 0 ]
}

@test "killed between saving and switching, and between switching and seeing" {
	local op
	for op in PutAccountSendingAttributes:before PutAccountSendingAttributes:after; do
		emu_fault '{"match": {"operation": "PutAccountSendingAttributes"}, "do": "hang", "ms": 2000, "when": "'"${op#*:}"'"}'
		ses-pause -y ap-south-1 >/dev/null 2>&1 </dev/null 3>&- &
		local pid=$! n=100
		until [ "$(jq '.regions | length' "$state" 2>/dev/null)" = 1 ]; do
			sleep 0.05
			n=$((n - 1)) && [ "$n" -gt 0 ]
		done
		sleep 0.4
		kill -9 "$pid"
		wait "$pid" || true
		code 0 ses-pause -y ap-south-1
		[ "$(sending ap-south-1)" = false ]
		[ "$(field ap-south-1 was)" = true ]
		code 0 ses-pause --resume -y
		[ "$(sending ap-south-1)" = true ]
		rm "$state"
	done
}

@test "the examples of the manual" {
	emu_set '{"regions": {"us-east-1": {"ingress_points": [{"name": "app"}]}}}'
	run_examples ses-pause
}
