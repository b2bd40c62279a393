#!/usr/bin/env bats
# ses-pause --mail-manager against the AWS emulator.
# shellcheck disable=SC2154

load lib/quell
load aws/shared.bash

setup() {
	emu_fresh '{"page_size": null, "disabled_regions": [],
		"regions": {"*": {"sending_enabled": true, "spike": null}}}'
	state=$PWD/state/ses-pause-111122223333.json
}

doors() {
	emu_set '{"regions": {"us-east-1": {"ingress_points": [
		{"name": "app", "type": "AUTH"}, {"name": "mx", "type": "OPEN"},
		{"name": "old", "type": "AUTH", "status": "CLOSED"}]},
		"eu-west-1": {"ingress_points": [{"name": "eu"},
		{"name": "cert", "type": "MTLS"}]}}}'
}

door() {	# REGION [NAME]: its status
	emu_world "[.regions[\"$1\"].ingress_points[] | select(.name == \"$2\") |
		.status // \"ACTIVE\"][0]" | jq -r .
}

@test "those with a password are closed, and opened as they were" {
	doors
	code 64 ses-pause --mail-manager us-east-1
	[ "$(emu_mutating_count)" = 0 ]
	code 0 ses-pause -y --mail-manager us-east-1
	[ "$(jq -c '[.name, .ingress_type, .status, .was, .changed, .ok]' out)" = \
		'["app","AUTH","CLOSED","ACTIVE",true,true]
["mx","OPEN","ACTIVE","ACTIVE",false,true]
["old","AUTH","CLOSED","CLOSED",false,true]' ]
	jq -se 'all(.type == "ingress-point" and .region == "us-east-1" and
		.account == "111122223333" and .dry_run == false)' out
	[ "$(jq -r 'select(.name == "mx").why' out)" = \
		'it has no password: closed only when it is named' ]
	[ "$(door us-east-1 app)$(door us-east-1 mx)$(door eu-west-1 eu)" = CLOSEDACTIVEACTIVE ]
	[ "$(jq -c '.ingress_points | map_values(map_values([.name, .status, .closed]))' \
		"$state")" = '{"us-east-1":{"inp-0000000000000000000":["app","ACTIVE",true]}}' ]
	# sending itself is another switch
	[ "$(emu_world '.regions["us-east-1"].sending_enabled')" = true ]
	[ "$(emu_mutating_count)" = 1 ]
	code 0 ses-pause -y --mail-manager us-east-1
	[ "$(jq -s 'any(.changed)' out)" = false ]
	[ "$(jq -r 'select(.name == "app").was' out)" = ACTIVE ]
	[ "$(emu_mutating_count)" = 1 ]
	# back: only what was closed here
	code 0 ses-pause -y --mail-manager --resume
	[ "$(door us-east-1 app)$(door us-east-1 old)" = ACTIVECLOSED ]
	[ "$(jq -r 'select(.name == "old").why' out)" = 'was not closed by us: left alone' ]
	code 0 ses-pause -y --mail-manager --resume us-east-1
	[ "$(jq -s 'any(.changed)' out)" = false ]
	[ "$(emu_mutating_count)" = 2 ]
	emu_no_violations
}

@test "-n: the plan is what a real run closes, no more" {
	doors
	code 0 ses-pause -n --mail-manager --all-regions
	[ "$(jq -r 'select(.changed).name' out | sort | paste -sd,)" = app,eu ]
	[ "$(emu_mutating_count)" = 0 ]
	[ ! -e state ]
	grep -v '"eu-west-1"' out >plan
	run -0 --separate-stderr ses-pause -y --mail-manager <plan
	[ "$(jq -r .name <<<"$output")" = app ]
	[ "$(door us-east-1 app)$(door us-east-1 mx)$(door eu-west-1 eu)" = CLOSEDACTIVEACTIVE ]
	# a plan that changes nothing is no error; nothing at all is one
	grep -v '"changed":true' out >plan
	run -0 ses-pause -y --mail-manager <plan
	run -64 ses-pause -y --mail-manager </dev/null
	# several, by a filter: the count, or the account
	doors
	code 64 ses-pause -y --mail-manager us-east-1 eu-west-1
	code 64 ses-pause --yes=3 --mail-manager us-east-1 eu-west-1
	code 64 ses-pause --confirm=999999999999 --mail-manager --all-regions
	[ "$(emu_mutating_count)" = 1 ]
	code 0 ses-pause --confirm=111122223333 --mail-manager --all-regions
	[ "$(door us-east-1 app)$(door eu-west-1 eu)" = CLOSEDCLOSED ]
	emu_no_violations
}

@test "any that is named, whatever its type" {
	doors
	code 0 ses-pause -y --mail-manager --region=us-east-1 inp-0000000000000000001
	[ "$(jq -r .name out)" = mx ]
	[ "$(door us-east-1 app)$(door us-east-1 mx)" = ACTIVECLOSED ]
	# a record that has no plan in it, as ses-rotate's
	run -0 ses-pause -y --mail-manager \
		<<<'{"type":"ingress-point","id":"inp-0000000000000000001","region":"eu-west-1"}'
	[ "$(door eu-west-1 cert)" = CLOSED ]
	code 69 ses-pause -y --mail-manager --region=us-east-1 inp-0000000000000000009
	code 65 ses-pause -y --mail-manager --region=us-east-1 inp
	code 64 ses-pause -y --mail-manager --no-baseline
	run -65 ses-pause -y --mail-manager \
		<<<'{"type":"ingress-point","id":"inp-0000000000000000001","region":"eu-west-1","account":"999999999999"}'
	[[ $output == *'account 999999999999, but'* ]]
	run -65 ses-pause -y <<<'{"type":"ingress-point","id":"inp-0000000000000000001"}'
	# one that is gone meanwhile is told of, once
	emu_set '{"regions": {"eu-west-1": {"ingress_points": []}}}'
	code 0 ses-pause -y --resume --mail-manager
	[ "$(jq -r 'select(.region == "eu-west-1").why' out)" = 'it is there no more' ]
	[ "$(door us-east-1 mx)" = ACTIVE ]
	code 0 ses-pause -y --resume --mail-manager
	[ "$(jq -s 'map(select(.region == "eu-west-1")) | length' out)" = 0 ]
	emu_no_violations
}

@test "a region that fails, a change that does not show, a kill" {
	doors
	emu_fault '{"match": {"operation": "ListIngressPoints", "region": "eu-west-1"}, "do": "garbage", "times": -1}'
	code 3 ses-pause -n --mail-manager us-east-1 eu-west-1
	[ "$(jq -c 'select(.ok | not) | [.id, .region]' out)" = '["eu-west-1","eu-west-1"]' ]
	emu_control POST clear_faults >/dev/null
	emu_fault '{"match": {"operation": "ListIngressPoints", "region": "eu-west-1"}, "do": "500", "times": -1}'
	code 0 ses-pause -n --mail-manager --all-regions
	grep -q 'there is no answer from Mail Manager in: eu-west-1$' err
	emu_control POST clear_faults >/dev/null
	emu_fault '{"match": {"operation": "GetIngressPoint"}, "do": "garbage", "times": -1}'
	code 75 ses-pause -y --mail-manager us-east-1
	grep -q 'asked for, but GetIngressPoint does not show it' out
	emu_control POST clear_faults >/dev/null
	code 0 ses-pause -y --mail-manager us-east-1
	code 0 ses-pause -y --mail-manager --resume
	[ "$(door us-east-1 app)$(door us-east-1 old)" = ACTIVECLOSED ]
	local when
	for when in before after; do
		emu_fault '{"match": {"operation": "UpdateIngressPoint"}, "do": "hang", "ms": 60000, "when": "'$when'"}'
		ses-pause -y --mail-manager us-east-1 >/dev/null 2>&1 </dev/null 3>&- &
		local pid=$!
		until [ "$(emu_calls '[.[] | select(.operation == "UpdateIngressPoint")] | length')" -gt 0 ] ||
			jq -e '.ingress_points["us-east-1"]["inp-0000000000000000000"].closed' "$state" >/dev/null; do
			sleep 0.05
		done
		kill -9 "$pid"
		wait "$pid" || true
		emu_control POST clear_faults >/dev/null
		code 0 ses-pause -y --mail-manager us-east-1
		[ "$(door us-east-1 app)" = CLOSED ]
		code 0 ses-pause -y --mail-manager --resume
		[ "$(door us-east-1 app)$(door us-east-1 old)" = ACTIVECLOSED ]
		emu_reset_log
	done
	# a run of the other switch does not lose it
	code 0 ses-pause -y --mail-manager us-east-1
	code 0 ses-pause -y ap-south-1
	code 0 ses-pause -y --resume
	code 0 ses-pause -y --mail-manager --resume
	[ "$(door us-east-1 app)" = ACTIVE ]
	emu_no_violations
}
