#!/usr/bin/env bats
# ses-status against the AWS emulator.
# shellcheck disable=SC2154

load lib/quell
load aws/shared.bash

setup_file() {
	cat >"$BATS_FILE_TMPDIR/world.json" <<-'END'
	{"regions": {
	 "us-east-1": {"daily_volume": 24000, "spike": {"hours": 6,
	  "volume": 69825}, "bounce_rate": 0.06, "complaint_rate": 0.006,
	  "identities": {"shop.example.net": {"mail_from": "b.shop.example.net",
	   "dkim_tokens": ["tok1", "tok2", "tok3"]}, "evil.example.org":
	   {"policies": {"p": "{}"}}, "ceo@shop.example.net": {"verified": false},
	   "old.example.com": {"dkim": "FAILED", "dkim_key": "-500d",
	   "dkim_origin": "EXTERNAL", "dkim_tokens": ["own1"]}},
	  "configuration_sets": {"events": {"destinations": [
	   {"Name": "d", "Enabled": true, "MatchingEventTypes": ["SEND", "BOUNCE"],
	    "SnsDestination": {"TopicArn": "arn:aws:sns:us-east-1:111122223333:x"}},
	   {"Name": "e", "Enabled": false, "MatchingEventTypes": ["SEND"],
	    "SnsDestination": {"TopicArn": "arn:aws:sns:us-east-1:111122223333:y"}}]}},
	  "suppressed": [{"address": "a@example.org", "reason": "BOUNCE"},
	   {"address": "b@example.org", "reason": "COMPLAINT"}],
	  "dedicated_ips": [{"ip": "192.0.2.77"}],
	  "ingress_points": [{"name": "smtp-in"}, {"name": "shut", "status": "CLOSED"}],
	  "review": {"status": "PENDING", "case": "case-1"},
	  "quota": {"max_24h": 100000}},
	 "eu-west-1": {"daily_volume": 9600, "configuration_sets": {"blind": {"destinations": [
	   {"Name": "d", "Enabled": true, "MatchingEventTypes": ["BOUNCE"],
	    "SnsDestination": {"TopicArn": "arn:aws:sns:eu-west-1:111122223333:x"}}]}}},
	 "sa-east-1": {"enforcement_status": "SHUTDOWN"},
	 "ap-south-1": {"enforcement_status": "PROBATION"}},
	 "trail": [
	  {"event": "CreateEmailIdentity", "source": "ses", "time": "-20h",
	   "request": {"emailIdentity": "evil.example.org"}},
	  {"event": "CreateEmailIdentity", "source": "ses", "time": "-19h",
	   "error": "AlreadyExistsException",
	   "request": {"emailIdentity": "shop.example.net"}},
	  {"event": "VerifyEmailIdentity", "source": "ses", "time": "-60d",
	   "session": "admin", "request": {"emailAddress": "CEO@shop.example.net"}}]}
	END
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

setup() {
	emu_fresh '{"page_size": null, "disabled_regions": []}'
	printf '# ours\nshop.example.net # the shop\n\n  OLD.example.com\r\nmail.example.net\n' >ours
}

region() { # REGION FILTER: true of its record
	jq -se --arg r "$1" "map(select(.type == \"ses-region\" and .id == \$r))[0] | $2" out ||
		{ jq -c "select(.type == \"ses-region\" and .id == \"$1\")" out; return 1; }
}

findings() { # REGION
	jq -r --arg r "$1" 'select(.type == "ses-finding" and .region == $r) |
		"\(.severity) \(.finding)\(if .subject then " " + .subject else "" end)"' \
		out | sort
}

@test "all regions in parallel, a record each, nothing changed" {
	emu_set '{"rtt_ms": [100, 100]}'
	local t0=${EPOCHREALTIME/./}
	code 0 ses-status --details=0
	[ $((${EPOCHREALTIME/./} - t0)) -lt 12000000 ]
	emu_set '{"rtt_ms": null}'
	[ "$(jq -r 'select(.type == "ses-region").id' out | sort -u | wc -l)" = 27 ]
	region ca-west-1 '.sending and .enforcement == "HEALTHY" and .identities == 0
		and .sent_24h == 0 and .bounce_rate == null and .enabled and .ok and
		.production and (has("unknown") | not)'
	region eu-central-1 '.sending == false'
	region us-east-1 '.enforcement == "HEALTHY" and .sent_24h > 90000 and
		.quota_24h == 100000 and .rate_max == 80 and .review == "PENDING" and
		.case == "case-1" and .bounce_rate == 0.06 and .complaint_rate == 0.006
		and .identities == 4 and .identities_unverified == 1 and
		.suppressed == 2 and .dedicated_ips == 1 and .ingress_points == 2 and
		.sent_window > 300000 and .account == "111122223333"'
	# of sets nothing was asked: not known, not none
	region us-east-1 '.configuration_sets == 1 and .event_destinations == null
		and .send_destinations == null'
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
}

@test "findings: what AWS objects to, what is not ours, what leaves no trace" {
	code 0 ses-status --allow-list=ours us-east-1 eu-west-1 sa-east-1 \
		ap-south-1 eu-central-1
	[ "$(findings us-east-1)" = "critical complaint-rate
high anomaly
high bounce-rate
high identity-not-allowed evil.example.org
info dkim old.example.com
warning identity-new evil.example.org
warning identity-not-allowed ceo@shop.example.net
warning identity-policy evil.example.org
warning ingress-point smtp-in
warning quota
warning review" ]
	[ "$(findings eu-west-1)" = 'warning no-event-destination' ]
	[ "$(findings sa-east-1)" = 'critical shutdown' ]
	[ "$(findings ap-south-1)" = 'high probation' ]
	[ "$(findings eu-central-1)" = 'info sending-off' ]
	region us-east-1 '.event_destinations == 2 and .send_destinations == 1 and
		.identities_not_allowed == 2'
	region eu-west-1 '.event_destinations == 1 and .send_destinations == 0'
	jq -se 'map(select(.finding == "no-event-destination"))[0].why |
		test("no evidence of who sent")' out
	jq -se 'map(select(.finding == "identity-new"))[0].why |
		test("by ses-smtp from 203.0.113.66")' out
	emu_no_violations
}

@test "thresholds: 5 and 10 percent, 0.1 and 0.5" {
	local r c
	while read -r r c want; do
		emu_set "{\"regions\": {\"eu-west-1\": {\"bounce_rate\": $r,
			\"complaint_rate\": $c, \"daily_volume\": 9600}}}"
		code 0 ses-status --details=0 eu-west-1
		[ "$(findings eu-west-1 | grep rate | tr '\n' ,)" = "$want" ] ||
			{ echo "$r $c"; findings eu-west-1; false; }
	done <<-'END'
	0.0499 0.00099
	0.05 0.00099 high bounce-rate,
	0.1 0.001 critical bounce-rate,high complaint-rate,
	0.0001 0.0049 high complaint-rate,
	0.0001 0.005 critical complaint-rate,
	END
	emu_set '{"regions": {"eu-west-1": {"bounce_rate": 0.012,
		"complaint_rate": 0.0002}}}'
}

@test "identities: verification, DKIM, and an age that is not guessed" {
	code 0 ses-status --allow-list=ours us-east-1
	jq -se 'map(select(.type == "ses-identity")) | map({(.id): .}) | add |
		.["evil.example.org"] as $e | .["shop.example.net"] as $s |
		.["ceo@shop.example.net"] as $c | .["old.example.com"] as $o |
		($e.created | fromdate) < now - 19 * 3600 and
		$e.created_by == "ses-smtp" and $e.created_ip == "203.0.113.66" and
		$e.created_key == "AKIASTOLENKEY0000001" and $e.policies == 1 and
		$e.allowed == false and $e.sending and
		$s.created == null and ($s.age | test("unknown")) and
		($s.created_before | fromdate) < now - 299 * 86400 and $s.allowed and
		$s.dkim == "SUCCESS" and $s.mail_from == "b.shop.example.net" and
		$s.dkim_tokens == ["tok1", "tok2", "tok3"] and
		$o.dkim_selector == "own1" and $o.dkim_tokens == null and
		$c.created_by == "admin" and $c.sending == false and
		$c.verification == "PENDING" and $o.dkim == "FAILED"' out
	# one at a time only as far as it is asked for; strangers first
	code 0 ses-status --allow-list=ours --details=1 us-east-1
	jq -se 'map(select(.type == "ses-identity" and .dkim)) |
		map(.id) == ["ceo@shop.example.net"]' out
	jq -se 'map(select(.id == "shop.example.net"))[0] | .dkim == null and
		(.why | test("not asked"))' out
}

@test "denied is unknown, by field, and says so" {
	emu_key '{"user": "half", "id": "AKIAHALFHALFHALF0001",
		"secret": "half/+SecretKeyThatMayReadALittle0000001", "policies":
		{"p": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Action": ["ses:GetAccount", "ses:GetSendStatistics",
		"ses:ListEmailIdentities"], "Resource": "*"}]}}}' >/dev/null
	export AWS_ACCESS_KEY_ID=AKIAHALFHALFHALF0001
	export AWS_SECRET_ACCESS_KEY='half/+SecretKeyThatMayReadALittle0000001'
	code 0 ses-status --history=14d eu-west-1
	region eu-west-1 '.sending and .identities == 2 and .suppressed == null and
		.dedicated_ips == null and .ingress_points == null and
		.configuration_sets == null and .bounce_rate == null and
		(.unknown | keys) == ["configuration_sets", "created",
		"dedicated_ips", "ingress_points", "metrics", "suppressed"] and
		(.unknown.suppressed | test("AccessDenied")) and .sent_window > 100000'
	jq -se 'map(select(.type == "ses-history"))[0].source == "ses:GetSendStatistics"' out
	jq -se 'map(select(.type == "ses-identity"))[0] | .dkim == null and
		(.why | test("AccessDenied")) and (.age | test("AccessDenied"))' out
	# nothing is said of what was not seen
	[ -z "$(findings eu-west-1)" ]
	code 3 ses-status --nagios eu-west-1
	grep -q '^SES UNKNOWN - .*not all could be seen in 1' out
	export AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001
	export AWS_SECRET_ACCESS_KEY='n0body/SecretKeyWithoutAnyRights+0000010'
	code 77 ses-status eu-west-1 us-east-1
	region eu-west-1 '.ok == false and .sending == null and .enforcement == null'
	code 3 ses-status --nagios eu-west-1
}

@test "a region that fails, one that is not enabled" {
	emu_fault '{"do": "throttle", "match": {"operation": "GetAccount", "region": "eu-west-1"}, "times": -1}'
	code 75 ses-status --details=0 eu-west-1 us-west-1
	region eu-west-1 '.ok == false and (.why | test("TooManyRequests"))'
	region us-west-1 .ok
	emu_control POST clear_faults >/dev/null
	emu_set '{"disabled_regions": ["af-south-1"]}'
	code 0 ses-status --details=0 af-south-1 us-west-1
	region af-south-1 '.enabled == false and .ok and (.why | test("not enabled"))'
	[ -z "$(findings af-south-1)" ]
}

@test "history: the series, what is out of the ordinary, and by which rule" {
	code 0 ses-status --details=0 --history=14d us-east-1 eu-west-1 us-west-1
	jq -se 'map(select(.type == "ses-history")) | map({(.id): .}) | add |
		keys == ["eu-west-1", "us-east-1"] and
		(.["us-east-1"] | (.hours | length) == 336 and
		(.start | fromdate) % 3600 == 0 and .anomalies >= 6 and
		.sent_window == (.hours | add) and
		(.anomaly | all(.sent > .usual * 4 + 100)) and
		(.anomaly | map(.hour | fromdate) | min) > now - 8 * 3600 and
		(.why | test("4 times the median")) and
		.source == "CloudWatch AWS/SES Send") and
		.["eu-west-1"].anomalies == 0' out
	jq -se 'map(select(.finding == "anomaly"))[0].why |
		test("hours out of the ordinary in the last day") and test("median")' out
	code 0 ses-status --details=0 --history=60d us-east-1
	jq -se 'map(select(.type == "ses-history"))[0].hours | length == 1440' out
	[ "$(awk 'length > 65536' out | wc -l)" = 0 ]
	code 64 ses-status --history=1h us-east-1
	# by the quarter: the same mails, up to now
	code 0 ses-status --details=0 --history=2d --period=15m us-east-1
	jq -se 'map(select(.type == "ses-history"))[0] |
		(.hours | length) == 48 and (.quarters | add) == (.hours | add)
		and (.quarters | length) > 188 and (.quarters | length) <= 192
		and ((.quarters[:4] | add) == .hours[0])' out
	code 64 ses-status --history=15d --period=15m us-east-1
	code 64 ses-status --period=15m us-east-1
	code 64 ses-status --history=2d --period=5m us-east-1
	code 64 ses-status --history=61d us-east-1
}

@test "history on a terminal: a chart, in blocks or in ASCII" {
	type script >/dev/null || skip 'no script(1)'
	run -0 script -qec 'LC_ALL=C.UTF-8 ses-status --details=0 --history=14d us-east-1 eu-west-1' /dev/null
	grep -qE '^.*us-east-1 +\|.*█.*\| most [0-9]+ an hour' <<<"$output"
	grep -qE '^ +!+' <<<"$output"
	run -0 script -qec 'LC_ALL=C ses-status --details=0 --history=14d us-east-1' /dev/null
	grep -qE 'us-east-1 +\|[ .:=+*#-]+\| most' <<<"$output"
	run ! grep -q █ <<<"$output"
	# not into a pipe
	code 0 ses-status --details=0 --history=14d us-east-1
	[ ! -s err ]
}

@test "nagios: 0, 1, 2; 3 when nothing can be said" {
	code 0 ses-status --nagios us-west-1
	[[ $(cat out) == 'SES OK - 1 regions: nothing found | sent_24h=0 bounce=0.000%;5;10 complaint=0.0000%;0.1;0.5 unknown=0' ]]
	code 1 ses-status --nagios eu-west-1
	grep -q '^SES WARNING - eu-west-1: no-event-destination' out
	code 2 ses-status --nagios eu-west-1 sa-east-1 us-east-1
	[ "$(wc -l <out)" = 1 ]
	# the worst first
	grep -qE '^SES CRITICAL - (sa-east-1: shutdown|us-east-1: complaint)' out
	grep -qE ' \| sent_24h=[0-9]+ bounce=6.000%' out
	emu_fault '{"do": "500", "match": {"operation": "GetCallerIdentity"}, "times": -1}'
	code 3 ses-status --nagios eu-west-1
	grep -q '^SES UNKNOWN - GetCallerIdentity' out
}

@test "usage: regions, an empty list" {
	code 64 ses-status nowhere
	: >empty
	code 64 ses-status --allow-list=empty us-east-1
	code 66 ses-status --allow-list=none us-east-1
	code 64 ses-status --details=-1
	[ "$(emu_calls '[.[] | select(.service == "sesv2")] | length')" = 0 ]
}

@test "lists of many pages" {
	emu_set '{"page_size": 1, "regions": {"ca-west-1": {"identities":
		["a.example", "b.example", "c.example"], "ingress_points":
		[{"name": "one"}, {"name": "two"}], "suppressed":
		[{"address": "a@example.org", "reason": "BOUNCE"},
		{"address": "b@example.org", "reason": "BOUNCE"}]}}}'
	code 0 ses-status --details=0 ca-west-1
	region ca-west-1 '.identities == 3 and .suppressed == 2 and .ingress_points == 2'
}

@test "the man page's examples" {
	emu_set '{"regions": {"us-east-1": {"spike": null, "daily_volume": 1200,
		"bounce_rate": 0.01, "complaint_rate": 0.0001, "identities": [],
		"ingress_points": [], "review": null},
		"ca-west-1": {"identities": [], "ingress_points": []},
		"sa-east-1": {"enforcement_status": "HEALTHY"},
		"ap-south-1": {"enforcement_status": "HEALTHY"}}}'
	run_examples ses-status
}
