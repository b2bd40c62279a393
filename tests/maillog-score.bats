#!/usr/bin/env bats
# maillog-suspects: what each rule of the score says of small logs in which
# one thing is strange, or only looks so

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export TZ=UTC
}

# send WHO IP FROM-DAY DAYS A-DAY [SECONDS [HOUR [MORE]]]: messages, so far
# apart, from that hour on; IP may have %d: the number of the message; MORE is
# put at the end of the arrival; a WHO without @ is a local user
send() {
	local call
	call=$(cksum <<<"$*")
	awk -v who="$1" -v ip="$2" -v from="$3" -v days="$4" -v n="$5" \
		-v gap="${6:-600}" -v hour="${7:-9}" -v more="${8:-}" \
		-v call="${call%% *}" -v bounced="${BOUNCED:-0}" '
	BEGIN {
		for (d = from; d < from + days; d++)
			for (i = 0; i < n; i++) {
				t = hour * 3600 + i * gap + d % 7
				seq++
				s = sprintf("2026-11-%02d %02d:%02d:%02d ",
				    d + int(t / 86400), int(t / 3600) % 24,
				    t / 60 % 60, t % 60)
				s = s sprintf("1xUtVi-0%010.0f-%04d", call, seq)
				at = ip
				sub(/%d/, seq, at)
				if (who ~ /@/)
					how = "H=(pc) [" at "]:5 P=esmtpsa A=plain:" who
				else if (who ~ /^[0-9]/)
					how = "H=(pc) [" who "]:5 P=smtp"
				else
					how = "U=" who " P=local"
				print s " <= " (who ~ /@/ ? who : "x@y.example") \
				    " " how " S=100" more
				if (bounced && seq % bounced == 0)
					print s " ** r" seq "@z.example R=d T=t: 550 no"
				else
					print s " => r" seq "@z.example R=d T=t"
				print s " Completed"
			}
	}'
}

# fail WHO IP DAY HOUR N
fail() {
	local i
	for ((i = 0; i < $5; i++)); do
		printf '2026-11-%02d %02d:%02d:%02d plain authenticator failed for (x) [%s]:5: 535 Incorrect authentication data (set_id=%s)\n' \
			"$3" "$4" $((i / 60)) $((i % 60)) "$2" "$1"
	done
}

# others: who makes that the log has a past
others() {
	local i
	for i in {1..24}; do
		send "o$i@other.example" "203.0.113.$i" 1 14 3
	done
}

# ask OPTION...: all that is said of everybody in ./log
ask() {
	sort -s -k1,2 log >sorted
	run -0 --separate-stderr maillog-suspects --level all "$@" sorted
}

# about NAME FILTER: of the record of NAME
about() {
	jq -s -e --arg id "$1" '.[] | select(.id == $id) |
		(.signals | map({(.signal): .points}) | add) as $s | '"$2" \
		<<<"$output" || { jq -c . <<<"$output"; return 1; }
}

@test "a place is new, unless colleagues have long been there" {
	{
		send a@a.example 84.1.2.3 1 10 2
		send a@a.example 91.9.9.9 11 2 80 100
	} >log
	ask
	about a@a.example '$s.new == 20'
	send b@a.example 91.9.9.7 1 10 2 >>log
	ask
	about a@a.example '$s.new == 20'
	send c@a.example 91.9.9.8 1 10 2 >>log
	ask
	about a@a.example '$s.new == null and .level == ""'
	# they came with it
	{
		send a@a.example 84.1.2.3 1 10 2
		for a in a b c; do
			send $a@a.example 91.9.9.9 11 2 80 100
		done
	} >log
	ask
	about a@a.example '$s.new == 20'
}

@test "a newsletter from a new place is no theft, if its list is well kept" {
	{
		send a@a.example 84.1.2.3 1 10 2
		BOUNCED=50 send a@a.example 91.9.9.9 11 1 700 4
	} >log
	ask
	about a@a.example '$s.new == 10 and .score < 30'
	{
		send a@a.example 84.1.2.3 1 10 2
		BOUNCED=20 send a@a.example 91.9.9.9 11 1 700 4
	} >log
	ask
	about a@a.example '$s.new == 30 and .level == "compromised"'
}

@test "a new place in another part of the world is enough by itself" {
	{
		send a@a.example 84.1.2.3 1 10 2
		send a@a.example 200.9.9.9 11 1 60 300
	} >log
	ask
	about a@a.example '$s.new == 30 and .level == "suspect" and
		(.why | contains("another part of the world"))'
	# what IANA gave out before there were regions may be anywhere
	sed 's/200\.9\.9\.9/157.9.9.9/' log >old && mv old log
	ask
	about a@a.example '$s.new == 20 and $s.travel == null'
}

@test "little else, before a burst from a new place, is no past of its own" {
	{
		others
		send a@a.example 84.1.2.3 8 1 2
		send a@a.example 91.9.9.9 8 1 200 100 13
	} >log
	ask
	about a@a.example '$s.new == 30'
	grep -v @other.example log >alone && mv alone log
	ask
	about a@a.example '$s.new == null'
}

@test "guessed: not by who was near before, or where colleagues are" {
	{
		send a@a.example 84.1.2.3 1 10 2
		fail a@a.example 91.9.9.9 11 8 20
		send a@a.example 91.9.9.9 11 1 3
	} >log
	ask
	about a@a.example '$s == {guessed: 30}'
	send b@a.example 91.9.9.7 1 10 2 >>log
	send c@a.example 91.9.9.8 1 10 2 >>log
	ask
	about a@a.example '$s == null and .score == 0'
	{
		send a@a.example 91.9.1.1 1 10 2
		fail a@a.example 91.9.9.9 11 8 20
		send a@a.example 91.9.9.9 11 1 3
	} >log
	ask
	about a@a.example '$s == null and .score == 0'
}

@test "guessed: who needed many tries may come back hours later" {
	{
		send a@a.example 84.1.2.3 1 10 2
		fail a@a.example 91.9.9.9 11 8 20
		send a@a.example 91.9.9.9 11 1 2 600 20
		send b@b.example 84.1.2.3 1 10 2
		fail b@b.example 91.9.9.9 11 8 12
		send b@b.example 91.9.9.9 11 1 2 600 20
	} >log
	ask
	about a@a.example '$s == {guessed: 30}'
	about b@b.example '$s == null'
}

@test "who always wrote through a VPN is no botnet; who begins to is" {
	local d
	for d in {1..14}; do
		for ip in 23 45 77 91 103 146 185 200; do
			send vpn@a.example "$((ip + d % 4)).1.$d.1" "$d" 1 1 \
				1 $((ip % 12 + 8))
			[ "$d" -lt 8 ] || send bot@b.example \
				"$((ip + d % 4)).1.$d.1" "$d" 1 1 1 \
				$((ip % 12 + 8))
		done
	done >log
	send bot@b.example 84.1.2.3 1 7 8 >>log
	ask
	about vpn@a.example '.level != "suspect" and .level != "compromised"
		and (.why | contains("as it always did"))'
	about bot@b.example '.level == "compromised" and $s.nets >= 40'
}

@test "a provider of IPv6 is one place" {
	local i
	for i in {1..20}; do
		send a@a.example "2600:10$((i % 10 / 5))$((i % 10)):$i::1" \
			"$((i / 2 + 1))" 1 2 900 $((8 + i % 2 * 4))
	done >log
	ask
	about a@a.example '$s.nets == null and $s.travel == null'
}

@test "burst: also by the day; by webmail it has more points" {
	{
		send a@a.example 84.1.2.3 1 10 2
		send a@a.example 84.1.2.3 11 1 140 240
		send web@a.example 127.0.0.1 1 10 2
		send web@a.example 127.0.0.1 11 1 60 30 9 \
			' T="a subject"'
	} | sed 's/(pc) \[127/([127.0.0.1]) [127/' >log
	ask
	about a@a.example '$s == {burst: 7} and
		(.why | contains("140 messages in a day"))'
	about web@a.example '$s.burst == 20 and $s.helo == null'
}

@test "sudden: a program that nobody knew sends at once" {
	{
		others
		BOUNCED=9 send newuser x 9 2 320 90
		send oldshop x 1 14 110 600
	} >log
	ask
	about newuser '$s.sudden == 15 and $s.script == 10 and
		$s.bounces == 20 and .level == "suspect"'
	about oldshop '$s.sudden == null and .score == 0'
	grep -v @other.example log >alone && mv alone log
	ask
	about newuser '$s.sudden == null'
}

@test "a scanner without a login has one subject; a worm has more to tell" {
	{
		send 192.168.1.50 x 1 9 12 600 9 ' T="Scan"'
		BOUNCED=5 send 192.168.1.77 x 9 1 300 60 9 ' T="Your parcel"'
	} >log
	ask
	about 192.168.1.50 '$s == {direct: 20} and .level == "watch"'
	about 192.168.1.77 '$s.subject == 10 and $s.bounces == 25 and
		.level == "suspect" or .level == "compromised"'
}
