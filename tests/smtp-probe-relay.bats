#!/usr/bin/env bats
# smtp-probe --relay-test against a real Exim, open and closed, and against
# servers that make it hard.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell

setup_file() {
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" &&
		rm "$BATS_FILE_TMPDIR/no-exim"
	return 0
}

setup() {
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	cd "$BATS_TEST_TMPDIR" || return 1
	X=$PWD/x
}

teardown() {
	[ ! -e "$X/daemon.pid" ] || exim_stop "$X"
	[ ! -e sink/pid ] || sink_stop sink
	[ ! -s raw.pid ] || peers_stop "$(<raw.pid)"
}

exim() {	# key=value ...: an Exim that is on
	[ ! -e "$BATS_FILE_TMPDIR/no-exim" ] ||
		skip "$(tail -n 1 "$BATS_FILE_TMPDIR/no-exim")"
	smtp_sink_start sink
	exim_make "$X" sink="$(sink_port sink)" "$@"
	[ ! -e mailboxes ] || cat mailboxes >>"$X/mailboxes"
	exim_start "$X"
	port=$(exim_port "$X")
}

relay() {	# N [ARGUMENT...]
	local want=$1 got=0
	shift
	smtp-probe --relay-test "$@" >out 2>err </dev/null || got=$?
	[ "$got" = "$want" ] || { echo "$got, not $want"; cat out err; return 1; }
}

is() {
	jq -se "$1" out >/dev/null || { echo "not so: $1"; cat out; return 1; }
}

# Nothing was sent, so nothing may have arrived or wait.
untouched() {
	[ "$(sink_count sink)" = 0 ]
	[ "$(exim_queue_count "$X")" = 0 ]
	run ! grep -q ' <= ' "$X/log/mainlog"
}

@test "a closed relay: every door is tried, only its own mail is taken" {
	exim relay=no
	relay 0 --domain quell.test "localhost:$port"
	is '.[0] | .type == "smtp-probe" and .ok and .verdict == "closed" and
		.id == "localhost:'"$port"'" and .domain == "quell.test" and
		(.tests | map(.test)) == ["foreign-to-foreign",
		"local-to-foreign", "empty-to-foreign", "percent-hack",
		"quoted-local-part", "source-route", "own-domain"] and
		([.tests[].answer] == ["refused", "refused", "refused",
		"refused", "refused", "refused", "accepted"]) and
		(.tests[0] | .code == 550 and .stage == "rcpt" and
			(.text | test("relay not permitted")))'
	untouched
	# the wire: what was asked, and that it was never DATA
	is '[.[0].tests[] | "\(.from) \(.to)"] == [
		"relay-test@simulator.amazonses.com success@simulator.amazonses.com",
		"postmaster@quell.test success@simulator.amazonses.com",
		" success@simulator.amazonses.com",
		"relay-test@simulator.amazonses.com success%simulator.amazonses.com@quell.test",
		"relay-test@simulator.amazonses.com \"success@simulator.amazonses.com\"@quell.test",
		"relay-test@simulator.amazonses.com success@simulator.amazonses.com",
		"relay-test@simulator.amazonses.com postmaster@quell.test"]'
}

@test "the domain is its greeting's name when none is told" {
	exim relay=no local_domains=mail.quell.test
	relay 0 "localhost:$port"
	is '.[0] | .domain == "mail.quell.test" and .tests[6].answer == "accepted"'
	# a domain that it does not know
	relay 75 --domain elsewhere.example "localhost:$port"
	is '.[0] | .verdict == "undecided" and (.why | test("own domain"))'
	untouched
}

@test "an open relay: 1, for the first of the reasons" {
	exim relay=yes
	relay 1 --domain quell.test "localhost:$port"
	is '.[0] | .verdict == "open-relay" and (.ok | not) and
		.tests[0].answer == "accepted" and (.why | test("anybody"))'
	relay 1 --from spam@evil.example --to v@victim.example "localhost:$port"
	is '.[0].tests[1] | .to == "v@victim.example" and .answer == "accepted"'
	relay 2 --nagios "localhost:$port"
	grep -q '^SMTP CRITICAL - localhost:[0-9]* open-relay | matched=0;;;0;1$' out
	untouched
}

@test "the percent hack: 250 may be a mailbox or a relay, and Exim says which" {
	echo 'success%simulator.amazonses.com: x' >mailboxes
	exim relay=no
	relay 75 --domain quell.test "localhost:$port"
	is '.[0] | .verdict == "undecided" and .tests[3].answer == "accepted"
		and .tests[0].answer == "refused" and (.why | test("exim -bt"))'
	run -0 "$X/bin/exim4" -bt 'success%simulator.amazonses.com@quell.test'
	[[ $output == *local_user* ]]
	# the same answer, and this one relays
	: >"$X/mailboxes"
	echo 'success%simulator.amazonses.com: success@simulator.amazonses.com' \
		>"$X/aliases"
	relay 75 --domain quell.test "localhost:$port"
	is '.[0].tests[3].answer == "accepted"'
	run -0 "$X/bin/exim4" -bt 'success%simulator.amazonses.com@quell.test'
	[[ $output == *to_sink* ]]
	untouched
}

@test "a source route that is heeded is a relay" {
	smtp_sink_start sink --reply 'rcpt=550 no'
	local p
	p=$(sink_port sink)
	relay 0 "localhost:$p"
	sink_stop sink
	jq -nc '{rcpt: {"^@": "250 ok", ".": "550 no"}}' >script.json
	smtp_sink_start sink --script script.json --sessions
	relay 1 --domain a.example "localhost:$(sink_port sink)"
	is '.[0] | .verdict == "open-relay" and .tests[5].answer == "accepted"'
	jq -se 'any(.argument == "@a.example:success@simulator.amazonses.com")' \
		sink/sessions.jsonl
	jq -se 'all(.verb != "data")' sink/sessions.jsonl
}

@test "one that hangs up is asked on; one that only defers is undecided" {
	cat >script.json <<-'END'
	{"rcpt": {"postmaster@a.example": "250 ok", "%": "421 too many errors",
		".": "550 no"}}
	END
	smtp_sink_start sink --script script.json --sessions
	relay 75 --domain a.example "localhost:$(sink_port sink)"
	is '.[0] | .verdict == "undecided" and .tests[3].answer == "later" and
		.tests[3].code == 421 and .tests[6].answer == "accepted" and
		.tests[5].answer == "refused"'
	sink_stop sink
	smtp_sink_start sink --reply 'rcpt=451 greylisted'
	relay 75 "localhost:$(sink_port sink)"
	is '.[0] | .verdict == "undecided"'
	sink_stop sink
	smtp_sink_start sink --reply 'rcpt=550 no' --reply 'mail=550 bad sender'
	relay 0 "localhost:$(sink_port sink)"
	is '.[0].tests[0].stage == "mail"'
	relay 75 localhost:1
	is '.[0] | .verdict == "undecided" and (.tests | not) and
		(.why | test("connect"))'
	relay 64 --from '"a b"@c.example' "localhost:1"
}
