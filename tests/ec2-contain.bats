#!/usr/bin/env bats
# ec2-contain: mail or everything is blocked, per interface, nobody else is
# hurt, and the undo is exact.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load aws/shared.bash

M=i-0a1b2c3d4e5f6000a		# mail host, two interfaces
W=i-0a1b2c3d4e5f6000b		# a healthy one that shares a group
S=i-0a1b2c3d4e5f6000c		# IPv6, prefix list
A=i-0a1b2c3d4e5f6000d		# of an Auto Scaling group
N=i-0a1b2c3d4e5f6000e		# lets no mail out as it is
B=i-0a1b2c3d4e5f6000f		# a group with too many rules
E0=eni-0a1b2c3d4e006000a E1=eni-0a1b2c3d4e016000a

setup_file() {
	jq -n '
	def host(id; name; groups): {id: id, name: name, region: "us-east-1",
		private_ip: "10.0.1.9", groups: groups, volumes: []};
	{security_groups: [
	 {id: "sg-0a1b2c3d4e5f600aa", region: "us-east-1", name: "base",
	  ingress: [[22, "10.0.0.0/8"]]},
	 {id: "sg-0a1b2c3d4e5f600ab", region: "us-east-1", name: "mail",
	  ingress: [[25, "0.0.0.0/0"], {"protocol": "-1", "group": "sg-0a1b2c3d4e5f600ab"}],
	  egress: [{"protocol": "tcp", "from": 443, "to": 443, "cidr": "0.0.0.0/0",
	            "description": "updates & more"},
	           {"protocol": "tcp", "from": 25, "to": 600, "cidr": "0.0.0.0/0"}]},
	 {id: "sg-0a1b2c3d4e5f600ac", region: "us-east-1", name: "db",
	  ingress: [{"protocol": "tcp", "from": 5432, "to": 5432, "group": "sg-0a1b2c3d4e5f600aa"}],
	  egress: false},
	 {id: "sg-0a1b2c3d4e5f600ad", region: "us-east-1", name: "six",
	  egress: [{"protocol": "-1", "cidr6": "::/0"},
	           {"protocol": "tcp", "from": 0, "to": 65535, "prefix": "pl-0a1b2c3d"},
	           {"protocol": "tcp", "from": 443, "to": 443, "prefix": "pl-0a1b2c3d"}]},
	 {id: "sg-0a1b2c3d4e5f600ae", region: "us-east-1", name: "quiet",
	  egress: [{"protocol": "tcp", "from": 443, "to": 443, "cidr": "0.0.0.0/0"}]},
	 {id: "sg-0a1b2c3d4e5f600af", region: "us-east-1", name: "many",
	  egress: [range(6) | {"protocol": "-1", "cidr": "10.\(.).0.0/16"}]}],
	 instances: [
	  (host("i-0a1b2c3d4e5f6000a"; "mail1"; ["sg-0a1b2c3d4e5f600aa"]) + {
	   public_ip: "203.0.113.25", volumes: ["vol-1", "vol-2"],
	   tags: {"quell:contained": "by hand", "team": "mail"}, interfaces: [
	   {flows: [{"dst": "198.51.100.9", "port": 25}, {"dst": "198.51.100.9", "port": 443}]},
	   {groups: ["sg-0a1b2c3d4e5f600ab", "sg-0a1b2c3d4e5f600ae"]}]}),
	  host("i-0a1b2c3d4e5f6000b"; "web1"; ["sg-0a1b2c3d4e5f600aa"]),
	  host("i-0a1b2c3d4e5f6000c"; "six1"; ["sg-0a1b2c3d4e5f600ad"]),
	  (host("i-0a1b2c3d4e5f6000d"; "asg1"; ["sg-0a1b2c3d4e5f600ab"]) + {
	   tags: {"aws:autoscaling:groupName": "fleet"}}),
	  host("i-0a1b2c3d4e5f6000e"; "quiet1"; ["sg-0a1b2c3d4e5f600ae"]),
	  host("i-0a1b2c3d4e5f6000f"; "many1"; ["sg-0a1b2c3d4e5f600af"])]}' \
		>"$BATS_FILE_TMPDIR/world.json"
	emu_start "$BATS_FILE_TMPDIR/world.json"
}

# Each test begins with the world as it was.
setup() {
	emu_fresh "$(jq -c '. + {ec2: {ipv6: false, revoke: "exact"}}' \
		"$BATS_FILE_TMPDIR/world.json")"
	umask 077
}

contain() {
	ec2-contain --settle=0 "$@"
}

# Everything that can be changed, and nothing that only remembers
world() {
	emu_world '.ec2 | .instances |= map_values(.interfaces |= map_values(
		del(.history, .flows)))' | jq -S .
}

groups_of() {	# ENI
	emu_world ".ec2.instances[].interfaces[\"$1\"].groups // empty"
}

# The egress rules of the groups that an interface has now, merged
egress_of() {
	emu_world "(.ec2.instances[].interfaces[\"$1\"].groups // empty) as \$g |
		[.ec2.groups | to_entries[] | select(.key | IN(\$g[])).value.rules[]
		| select(.[0])]"
}

# may ENI CIDR PORT: would a packet to that peer and port be let out?
may() {
	egress_of "$1" | jq -e --arg c "$2" --argjson p "$3" 'any(.[];
		(.[4] == $c or .[5] == $c or .[6] == $c) and (.[1] == "-1" or
		(.[1] == "tcp" and .[2] <= $p and $p <= .[3])))' >/dev/null
}

mail_is_closed() {	# ENI CIDR
	local p
	for p in 25 465 587 2465 2525 2587; do
		if may "$1" "$2" $p; then
			echo "$p is open"
			return 1
		fi
	done
}

@test "--smtp-only on two interfaces: mail is closed, nothing else is" {
	world >before
	run -0 --separate-stderr contain -y --smtp-only $M
	is '.type == "ec2-instance" and .id == "'$M'" and .region == "us-east-1" and
	    .account == "111122223333" and .name == "mail1" and
	    .public_ip == "203.0.113.25" and .instance_state == "running" and
	    .action == "smtp-only" and .was == false and .contained and
	    .changed and .ok and .dry_run == false and
	    (.interfaces | length) == 2 and
	    .interfaces[0].was == ["sg-0a1b2c3d4e5f600aa"] and
	    .interfaces[0].copies[0].of == "sg-0a1b2c3d4e5f600aa" and
	    .interfaces[0].copies[0].egress_ipv4 == 12 and
	    (.interfaces[1].copies | length) == 1'
	mail_is_closed $E0 0.0.0.0/0
	mail_is_closed $E1 0.0.0.0/0
	for p in 1 24 26 80 443 464 466 588 2464 2588 65535; do
		may $E0 0.0.0.0/0 $p
	done
	for p in 26 443 464 466 586 588 600; do
		may $E1 0.0.0.0/0 $p
	done
	run ! may $E1 0.0.0.0/0 601
	# UDP, ICMP and tunnels still go, and what came in still does
	egress_of $E0 | jq -e 'map(.[1]) | unique == ["47","50","51","icmp","tcp","udp"]'
	emu_world '.ec2.groups[] | select(.name == "quell-smtp/sg-0a1b2c3d4e5f600aa/'$E0'").rules[] | select(.[0] | not)' |
		jq -e '. == [false, "tcp", 22, 22, "10.0.0.0/8", "", "", ""]'
	# the group that lets no mail out stays, the order too
	groups_of $E1 | jq -e '.[1] == "sg-0a1b2c3d4e5f600ae" and (.[0] | . != "sg-0a1b2c3d4e5f600ab")'
	# who shares a group keeps it as it was
	[ "$(groups_of eni-0a1b2c3d4e006000b)" = '["sg-0a1b2c3d4e5f600aa"]' ]
	diff <(jq '.groups["sg-0a1b2c3d4e5f600aa"]' before) \
		<(world | jq '.groups["sg-0a1b2c3d4e5f600aa"]')
	# one call an interface: the host is never without groups
	emu_calls '[.[] | select(.operation == "ModifyNetworkInterfaceAttribute")] | length' | grep -qx 2
	emu_calls '[.[] | select(.operation == "ModifyInstanceAttribute")] | length' | grep -qx 0
	emu_no_violations
}

@test "it warns of groups that are shared, and of what the host loses" {
	run -0 --separate-stderr contain -y --smtp-only $M
	[[ $stderr == *"sg-0a1b2c3d4e5f600aa is shared with 1 other hosts"* ]]
	[[ $stderr == *"leaves sg-0a1b2c3d4e5f600aa, which sg-0a1b2c3d4e5f600ac"* ]]
	is '(.shared | map(select(.group == "sg-0a1b2c3d4e5f600aa").instances) == [["'$W'"]]) and
	    (.lost | map(.named_by) | any(. == ["sg-0a1b2c3d4e5f600ac"])) and
	    (.lost[] | select(.group == "sg-0a1b2c3d4e5f600ab").named_by ==
	     ["sg-0a1b2c3d4e5f600ab"])'
}

@test "a second run changes nothing; --undo is exact, and so is a second undo" {
	world >before
	contain -y --smtp-only $M >/dev/null
	world >after
	emu_reset_log
	run -0 --separate-stderr contain -y --smtp-only $M
	is '.changed == false and .was and .contained'
	[ "$(emu_mutating_count)" = 0 ]
	world | cmp - after
	run -0 --separate-stderr contain -n --undo $M
	is '.dry_run and .changed and .contained == false'
	[ "$(emu_mutating_count)" = 0 ]
	run -0 --separate-stderr contain -y --undo $M
	is '.changed and .was and .contained == false and
	    .interfaces[0].groups == ["sg-0a1b2c3d4e5f600aa"]'
	world | cmp - before
	emu_reset_log
	run -0 --separate-stderr contain -y --undo $M
	is '.changed == false and (.why | test("nothing was saved"))'
	[ "$(emu_mutating_count)" = 0 ]
	emu_no_violations
}

@test "--smtp-allow: mail to that network only, as far as it was open" {
	run -64 contain -y --smtp-allow=198.51.100.1/24 $M
	run -64 contain -y --smtp-allow=mail.example.net $M
	run -0 --separate-stderr contain -y --smtp-allow=198.51.100.0/24 $M
	is '.action == "smtp-only" and .contained'
	mail_is_closed $E0 0.0.0.0/0
	may $E0 198.51.100.0/24 25
	may $E1 198.51.100.0/24 587
	run ! may $E1 198.51.100.0/24 2525
	run ! may $E0 198.51.100.0/24 80
	# another network, then none: the copies are mended in place
	before=$(groups_of $E0)
	run -0 --separate-stderr contain -y --smtp-allow=203.0.113.0/24 $M
	is '.changed'
	may $E0 203.0.113.0/24 25
	run ! may $E0 198.51.100.0/24 25
	contain -y --smtp-only $M >/dev/null
	run ! may $E0 203.0.113.0/24 25
	[ "$before" = "$(groups_of $E0)" ]
}

@test "IPv6-only and prefix-list rules" {
	emu_set '{"ec2": {"ipv6": true}}'
	world >before
	run -0 --separate-stderr contain -y --smtp-only $S
	is '.contained and .interfaces[0].copies[0].egress_ipv6 == 20'
	e=eni-0a1b2c3d4e006000c
	mail_is_closed $e ::/0
	mail_is_closed $e pl-0a1b2c3d
	may $e ::/0 443
	may $e pl-0a1b2c3d 443
	may $e pl-0a1b2c3d 588
	# the rules that EC2 gives a new group are gone
	egress_of $e | jq -e 'all(.[1] != "-1" and .[4] != "0.0.0.0/0")'
	egress_of $e | jq -e 'map(.[1]) | index("icmpv6") != null and index("icmp") == null'
	contain -y --undo $S >/dev/null
	world | cmp - before
}

@test "a host that lets no mail out is left alone, but tagged" {
	run -0 --separate-stderr contain -y --smtp-only $N
	is '.contained and (.interfaces[0] | has("copies") | not)'
	[ "$(groups_of eni-0a1b2c3d4e006000e)" = '["sg-0a1b2c3d4e5f600ae"]' ]
	[ "$(emu_calls '[.[] | select(.mutating).operation]')" = '["CreateTags"]' ]
}

@test "too many rules: 69 before anything is changed" {
	run -69 --separate-stderr contain -y --smtp-only $B
	[[ $stderr == *"takes 72 rules, the quota is 60"*--rules-quota* ]]
	run -69 contain -n --smtp-only $B
	[ "$(emu_mutating_count)" = 0 ]
	# AWS has the last word
	run -69 --separate-stderr contain -y --smtp-only --rules-quota=100 $B
	[[ $stderr == *RulesPerSecurityGroupLimitExceeded* ]]
	[ "$(groups_of eni-0a1b2c3d4e006000f)" = '["sg-0a1b2c3d4e5f600af"]' ]
	is '.contained == false and .ok == false'
	run -0 contain -y --undo $B
	[ "$(emu_world '[.ec2.groups[] | select(.name | test("quell"))] | length')" = 0 ]
}

@test "a revoke that EC2 passes over is no success" {
	emu_set '{"ec2": {"revoke": "mismatched"}}'
	run -69 --separate-stderr contain -y --smtp-only $M
	is '.ok == false and .contained == false and (.why | test("passed over 1 rules"))'
	[ "$(groups_of $E0)" = '["sg-0a1b2c3d4e5f600aa"]' ]
	emu_set '{"ec2": {"revoke": "exact"}}'
	run -0 --separate-stderr contain -y --smtp-only $M
	is '.contained'
	mail_is_closed $E0 0.0.0.0/0
}

@test "--isolate cuts what is open, in two steps, and leaves no open group" {
	world >before
	# a plain swap would not: that is what the two steps are for
	contain -y --smtp-only $M >/dev/null
	emu_world ".ec2.instances[\"$M\"].interfaces[\"$E0\"].flows | map(.port)" | grep -qx '\[25,443\]'
	run -0 --separate-stderr contain -y --isolate $M
	is '.contained and .action == "isolate" and
	    .interfaces[0].was == ["sg-0a1b2c3d4e5f600aa"] and
	    .interfaces[0].copies[0].egress_ipv4 == 0'
	emu_world ".ec2.instances[\"$M\"].interfaces[\"$E0\"].flows" | grep -qx '\[\]'
	for e in $E0 $E1; do
		emu_world ".ec2.groups[(.ec2.instances[\"$M\"].interfaces[\"$e\"].groups[0])].rules" |
			grep -qx '\[\]'
	done
	[ "$(emu_world '[.ec2.groups[] | select(.name | test("quell-open"))] | length')" = 0 ]
	[ "$(emu_world ".ec2.instances[\"$M\"].tags[\"quell:contained\"]")" = '"isolate"' ]
	contain -y --undo $M >/dev/null
	world | cmp - before
	emu_no_violations
}

@test "--smtp-only --cut cuts them as well" {
	run -0 --separate-stderr contain -y --smtp-only --cut $M
	is '.contained'
	emu_world ".ec2.instances[\"$M\"].interfaces[\"$E0\"].flows | map(.port)" | grep -qx '\[443\]'
	[ "$(emu_world '[.ec2.groups[] | select(.name | test("quell-open"))] | length')" = 0 ]
}

@test "--snapshot once an incident; a lost answer is looked up, not repeated" {
	mkdir case case2
	: >case/journal.jsonl
	: >case2/journal.jsonl
	n=$(emu_world '.ec2.snapshots | length')
	emu_fault '{"do":"reset_after","times":1,"match":{"operation":"CreateSnapshots"}}'
	run -0 --separate-stderr contain -y --incident=case --snapshot $M
	is '(.snapshots | length) == 2 and .changed and .action == "snapshot" and .contained == false'
	run -0 --separate-stderr contain -y --incident=case --snapshot $M
	is '(.snapshots | length) == 2 and .changed == false'
	[ "$(emu_world '.ec2.snapshots | length')" = $((n + 2)) ]
	emu_world '.ec2.snapshots[-1].tags' | jq -e '."quell:instance" == "'$M'" and (."quell:incident" | test("^case 2"))'
	run -0 contain -y --incident=case2 --snapshot $M
	[ "$(emu_world '.ec2.snapshots | length')" = $((n + 4)) ]
	jq -se 'map(.event) == ["ec2-contain.begin", "ec2-contain.end"]' case/journal.jsonl
	# another incident of that name is another one
	mkdir other other/case
	: >other/case/journal.jsonl
	run -0 contain -y --incident=other/case --snapshot $M
	[ "$(emu_world '.ec2.snapshots | length')" = $((n + 6)) ]
	# without an incident nothing says what is old: new ones each time
	contain -y --snapshot $M >/dev/null
	contain -y --snapshot $M >/dev/null
	[ "$(emu_world '.ec2.snapshots | length')" = $((n + 10)) ]
}

@test "--stop: confirmed, after the snapshot, warned of, and started again only on demand" {
	run -64 contain -y --stop $M
	run -64 contain -y --stop --confirm=$W $M
	run -64 contain -y --stop --confirm=$M $M $W
	[ "$(emu_mutating_count)" = 0 ]
	run -0 --separate-stderr contain -y --isolate --snapshot --stop --confirm=$M $M
	[[ $stderr == *"a stop loses what is in memory"*203.0.113.25* ]]
	is '.instance_state == "stopping" and .contained and (.snapshots | length) == 2'
	[ "$(emu_calls '[.[] | select(.mutating).operation | select(IN("CreateSnapshots",
		"ModifyNetworkInterfaceAttribute", "StopInstances"))] | [.[0], .[-1]]')" = \
		'["CreateSnapshots","StopInstances"]' ]
	run -0 --separate-stderr contain -y --undo $M
	is '.instance_state == "stopped" and (.why | test("stays stopped"))'
	contain -y --isolate --stop --confirm=$M $M >/dev/null
	run -0 --separate-stderr contain -y --undo $M
	[ "$(emu_world ".ec2.instances[\"$M\"].state")" = '"stopped"' ]
}

@test "--undo --start starts what this stopped" {
	contain -y --isolate --stop --confirm=$M $M >/dev/null 2>&1
	run -0 --separate-stderr contain -y --undo --start $M
	is '.instance_state == "pending" and .changed'
	[ "$(emu_world ".ec2.instances[\"$M\"].state")" = '"running"' ]
}

@test "no snapshot, no stop; of an Auto Scaling group neither" {
	mkdir case
	: >case/journal.jsonl
	emu_fault '{"do":"500","times":-1,"match":{"operation":"CreateSnapshots"}}'
	AWS_MAX_ATTEMPTS=1 run --separate-stderr contain -y --incident=case --isolate --snapshot --stop --confirm=$M $M
	[ "$status" = 79 ]
	is '.contained and .ok == false and .instance_state == "running"'
	[ "$(emu_calls '[.[] | select(.operation == "StopInstances")] | length')" = 0 ]
	run -69 --separate-stderr contain -y --stop --confirm=$A $A
	[[ $stderr == *"Auto Scaling group fleet"*enter-standby* ]]
}

@test "-n: EC2 is asked by DryRun, nothing is changed, and a denial is told" {
	world >before
	run -0 --separate-stderr contain -n --isolate --snapshot --incident=/nonexistent $M
	is '.dry_run and .changed and .contained and .ok and (has("denied") | not)'
	[ "$(emu_mutating_count)" = 0 ]
	[ "$(emu_calls '[.[] | select(.params.DryRun) | .operation] | sort')" = \
		'["AuthorizeSecurityGroupEgress","CreateSecurityGroup","CreateSnapshots","CreateTags","ModifyNetworkInterfaceAttribute","RevokeSecurityGroupEgress"]' ]
	[ ! -e state ]
	world | cmp - before
	printf '%s\n' "$output" >plan
	emu_key "{\"user\":\"looker$RANDOM\",\"policies\":{\"p\":{\"Version\":\"2012-10-17\",
	    \"Statement\":[{\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":[\"ec2:Describe*\",
	    \"ec2:CreateTags\"]}]}}}" >op.json
	AWS_ACCESS_KEY_ID=$(jq -r .id op.json) AWS_SECRET_ACCESS_KEY=$(jq -r .secret op.json) \
		run -77 --separate-stderr contain -n --smtp-only $M
	is '.ok == false and .changed == false and (.denied | index("CreateSecurityGroup") != null and
	    index("CreateTags") == null)'
	# the plan is what is done: the same groups, the same action
	run -65 contain -y --smtp-only --snapshot <plan
	run -0 --separate-stderr contain -y --isolate --snapshot <plan
	is '.contained'
	run -69 --separate-stderr contain -y --isolate <plan
	[[ $stderr == *"not those of the plan"* ]]
}

@test "killed anywhere, it ends where it was to end when it is run again" {
	world >before
	mkdir case
	: >case/journal.jsonl
	contain -y --incident=case --isolate $M >/dev/null
	world >after
	contain -y --incident=case --undo $M >/dev/null
	world | cmp - before
	for op in CreateSecurityGroup RevokeSecurityGroupEgress \
		AuthorizeSecurityGroupIngress ModifyNetworkInterfaceAttribute \
		DeleteSecurityGroup CreateTags; do
		for skip in 0 1; do
			[ "$op$skip" != CreateTags1 ] || continue
			emu_fault "{\"do\":\"slow\",\"ms\":700,\"times\":1,\"skip\":$skip,\"match\":{\"operation\":\"$op\"}}"
			emu_reset_log
			ec2-contain --settle=0 -y --incident=case --isolate $M >/dev/null 2>&1 3>&- &
			pid=$!
			for _ in {1..200}; do
				n=$(emu_calls "[.[] | select(.operation == \"$op\")] | length")
				[ "$n" -le $skip ] || break
				sleep 0.02
			done
			kill -9 $pid
			wait $pid 2>/dev/null || true
			run -0 --separate-stderr contain -y --incident=case --isolate $M
			is '.contained and .interfaces[0].was == ["sg-0a1b2c3d4e5f600aa"]'
			# ids are new, the rest is the same
			diff <(world | jq '[.groups[] | del(.tags)] | sort_by(.name)') \
				<(jq '[.groups[] | del(.tags)] | sort_by(.name)' after)
			contain -y --incident=case --undo $M >/dev/null
			world | cmp - before
		done
	done
	emu_no_violations
}

@test "no state, no journal: nothing is changed" {
	run -66 contain -y --incident=nosuch --smtp-only $M
	contain -y --smtp-only $M >/dev/null
	mv state gone
	run -69 --separate-stderr contain -y --smtp-only $M
	[[ $stderr == *"nothing is saved of it"*hint* ]]
	mv gone state
	contain -y --undo $M >/dev/null
}

@test "bad input is 64 or 65, nobody there 69; nothing is sent that changes" {
	run -64 contain -y $M
	run -64 contain -y --smtp-only --isolate $M
	run -64 contain -y --undo --isolate $M
	run -64 contain -y --start $M
	run -64 contain -y --isolate --cut $M
	run -64 contain -y --smtp-only --rules-quota=0 $M
	run -64 contain -y --smtp-only </dev/null
	run -64 contain --smtp-only $M </dev/null
	run -65 contain -y --smtp-only mail1
	run -65 contain -y --smtp-only i-XYZ
	run -65 --separate-stderr contain -y --smtp-only < <(echo $M; echo x)
	[[ $stderr == *"standard input:2"* ]]
	run -65 contain -y --smtp-only <<<'{"type":"queue-msg","id":"'$M'"}'
	run -65 contain -y --smtp-only <<<'{"type":"ec2-instance","id":"'$M'","account":"999988887777"}'
	run -65 contain -y --smtp-only <<<'{"type":"ec2-instance","id":"'$M'","region":"nowhere"}'
	run -69 contain -y --smtp-only i-0123456789abcdef0
	[ "$(emu_mutating_count)" = 0 ]
}

@test "examples of the man page" {
	run_examples ec2-contain
}
