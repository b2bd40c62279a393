#!/usr/bin/env bats
# exim-hold against a real Exim on loopback, with the lines of --print-hook

load lib/quell

setup_file()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	exim_available 2>"$BATS_FILE_TMPDIR/no-exim" &&
		rm "$BATS_FILE_TMPDIR/no-exim"
	return 0
}

setup()
{
	# shellcheck source=tests/lib/exim.bash
	. "$BATS_TEST_DIRNAME/lib/exim.bash"
	[ ! -e "$BATS_FILE_TMPDIR/no-exim" ] ||
		skip "$(tail -n 1 "$BATS_FILE_TMPDIR/no-exim")"
	cd "$BATS_TEST_TMPDIR" || return 1
	X=$PWD/x
}

teardown()
{
	[ ! -e "$X/daemon.pid" ] || exim_stop "$X"
	for d in "$BATS_TEST_TMPDIR"/*/pid; do
		[ ! -e "$d" ] || peers_stop_file "$d"
	done
}

# What --print-hook prints takes the place of the harness's own hook.
make()	# key=value ...
{
	exim_make "$X" users=billing@quell.test:pw "$@"
	exim_hook "$X"
	PATH=$X/bin:$PATH
}

instance()
{
	smtp_sink_start sink
	make sink="$(sink_port sink)" "$@"
	exim_start "$X"
}

mail()	# FROM TO
{
	run -0 exim_submit "$X" "$@"
}

queue_is()
{
	[ "$(exim_queue_count "$X")" = "$1" ]
}

sink_has()
{
	[ "$(sink_count sink)" = "$1" ]
}

bounces_are()
{
	[ "$(find "$X/mail/alice/new" -type f 2>/dev/null | wc -l)" = "$1" ]
}

is()	# JQ-FILTER on the one record of the last run
{
	jq -e "$1" <<<"$output" >/dev/null || {
		# shellcheck disable=SC2154 # bats sets stderr
		echo "not so: $1: $output $stderr"
		return 1
	}
}

hold()	# CODE [option...]
{
	local code=$1

	shift
	run "-$code" --separate-stderr exim-hold "$@"
}

listing()
{
	find "$X/quell" -printf '%p %m %s %T@\n' | sort
}

@test 'the printed hook holds: nothing leaves, nothing bounces, all comes back' {
	instance retry=F,2s,1s
	hold 0 -y
	is '.type == "mail-hold" and .held and .was == false and .changed
		and .ok and .backend == "hook" and .in_progress == 0
		and .id == "'"$(uname -n)"'"'
	is '.since != null and (.cannot_stop | length) == 2'
	[ "$(stat -c %a "$X/quell/hold" "$X/quell/queue_only")" = "644
644" ]
	mail alice@quell.test honest@example.net
	mail alice@quell.test bob@quell.test
	id=$("$X/bin/exiqgrep" -i -r honest)
	for run in -q -qff -q; do
		sleep 0.8
		"$X/bin/exim" $run
	done
	"$X/bin/exim" -M "$id" || :
	queue_is 1
	sink_has 0
	bounces_are 0
	# what is for this host itself still arrives
	[ "$(find "$X/mail/bob/new" -type f | wc -l)" = 1 ]
	# so after a restart of the daemon
	exim_stop "$X"
	exim_start "$X" -q1s
	mail alice@quell.test second@example.net
	sleep 1.2
	mail alice@quell.test frozen@example.net
	"$X/bin/exim" -Mf "$("$X/bin/exiqgrep" -i -r frozen)"
	hold 0 --show
	is '.held and .queue_count == 3 and .changed == false'
	sink_has 0
	hold 0 -y
	is '.held and .was and .changed == false and .ok'
	hold 0 --release --run-queue --exim x/bin/exim -y
	is '.held == false and .was and .changed and .ok and
		.cannot_stop == []'
	peers_wait 8 sink_has 2
	# the forced runs above had tried it; what is frozen stays
	peers_wait 5 queue_is 1
	[ -z "$("$X/bin/exiqgrep" -i -x)" ]
	bounces_are 0
	[ -z "$(ls -A "$X/quell")" ]
	hold 0 --release -y
	is '.held == false and .was == false and .changed == false and .ok'
}

@test '-n changes nothing, and says what would change' {
	make
	before=$(listing)
	hold 0 -n
	is '.dry_run and .changed and .held == false and .backend == "hook"'
	hold 0 -n --release
	is '.dry_run and .changed == false'
	[ "$(listing)" = "$before" ]
	hold 0 -y
	before=$(listing)
	hold 0 -n
	is '.dry_run and .changed == false and .held'
	hold 0 -n --release
	is '.dry_run and .changed and .held'
	[ "$(listing)" = "$before" ]
}

@test 'usage: codes and the need of -y' {
	make
	before=$(listing)
	hold 64 operand
	hold 64 --show --release
	hold 64 --run-queue
	hold 64 --force
	hold 64 --backend=iptables
	hold 64 --runners 0 --release
	hold 64 --probe=-be
	hold 64 --port 70000 -n
	hold 64 --hook-dir 'a b' -n
	hold 64 --hook-dir "/tmp/\${run{x}}" -n
	hold 64 </dev/null
	[[ $stderr == *'no terminal'* ]]
	hold 66 --exim /nonexistent/exim --show
	hold 64 --yes=2
	[ "$(listing)" = "$before" ]
}

@test 'a hook without one of its parts is refused' {
	make
	for part in retry router; do
		cp "$X/hook.$part.conf" kept
		: >"$X/hook.$part.conf"
		hold 78 --backend=hook -y
		[[ $stderr == *"$part"*--print-hook* ]]
		cp kept "$X/hook.$part.conf"
	done
	# not the first rule: the older one would make it bounce
	sed -i "/^begin retry/a * * F,2s,1s" "$X/exim.conf"
	hold 78 --backend=hook -y
	[[ $stderr == *'first retry rule'* ]]
	# nor is that passed over in silence when somebody holds all the same
	: >"$X/quell/hold"
	hold 0 --show
	is '.held and (.cannot_stop | any(test("retry rule")))'
	rm "$X/quell/hold"
	[ -z "$(ls -A "$X/quell")" ]
}

@test 'a router before the hook: verified by Exim, undone' {
	make
	sed -i '/^begin routers/a early:\n  driver = manualroute\n  domains = ! +local_domains\n  transport = remote_sink\n  route_list = * 127.0.0.1\n  self = send\n' "$X/exim.conf"
	hold 78 --backend=hook -y
	[[ $stderr == *'deliver all the same'* ]]
	[ -z "$(ls -A "$X/quell")" ]
}

@test 'a folder that Exim cannot enter is refused; a missing one is made' {
	[ "$(id -u)" = 0 ] || skip 'needs root'
	make
	chmod 0700 "$X/quell"
	hold 78 -y
	[[ $stderr == *'cannot enter'* ]]
	[ -z "$(ls -A "$X/quell")" ]
	rmdir "$X/quell"
	(umask 077 && exim-hold -y >rec)
	jq -e '.held and .ok' rec
	[ "$(stat -c %a "$X/quell")" = 755 ]
	[ "$(stat -c %a "$X/quell/hold")" = 644 ]
}

@test 'without the right to write: 77' {
	[ "$(id -u)" = 0 ] || skip 'needs root'
	make
	chmod 0755 "$X/spool"
	mkdir -p "$X/spool/input"
	chmod 0755 "$X/spool/input"
	"$X/bin/exim" -bP config >config.txt
	cat >fake <<-END
	#!/bin/sh
	case "\$*" in
	'-bP config') cat '$PWD/config.txt' ;;
	-bP*) echo 'spool_directory = $X/spool'
		echo 'queue_only_file = $X/quell/queue_only' ;;
	esac
	END
	chmod 0755 fake
	chmod a+rx .
	chmod a+r config.txt
	cp "$(command -v exim-hold)" .
	chmod 0755 exim-hold
	run -77 --separate-stderr setpriv --reuid 65534 --regid 65534 \
		--clear-groups ./exim-hold --exim "$PWD/fake" --backend=hook -y
	[[ $stderr == *"$X/quell"*ermission* ]]
}

@test "somebody else's hold is left to him" {
	make
	echo 'maintenance, ask Ann' >"$X/quell/hold"
	hold 0 -y
	is '.held and .was and .changed and .ok'
	cmp "$X/quell/hold" <<<'maintenance, ask Ann'
	hold 78 --release -y
	is '.ok == false and .held and (.why | test("not made by exim-hold"))'
	[ ! -e "$X/quell/queue_only" ]
	hold 0 --release --force -y
	is '.ok and .held == false and .changed'
	[ -z "$(ls -A "$X/quell")" ]
}

@test 'killed at any point, run again: the same end' {
	make
	for half in hold queue_only; do
		echo 'quell exim-hold' >"$X/quell/$half"
		hold 0 -y
		is '.held and .changed and .ok'
		rm "$X/quell/$half"
		hold 0 --release -y
		is '.held == false and .changed and .ok'
		[ -z "$(ls -A "$X/quell")" ]
	done
	# two at once
	exim-hold -y >one 3>&- &
	pid=$!
	hold 0 -y
	wait $pid
	jq -e '.held and .ok' one
	hold 0 --release -y
	for wait in 0.008 0.025; do
		exim-hold -y >/dev/null 2>&1 3>&- &
		pid=$!
		sleep $wait
		kill -KILL $pid || :
		wait $pid || :
		hold 0 -y
		is '.held and .ok'
		hold 0 --release -y
		is '.held == false and .ok'
		# a temporary of the killed one may stay; Exim heeds none
		[ -z "$(find "$X/quell" -type f ! -name '.*')" ]
	done
}

# A server that says nothing: a delivery that hangs in the middle
under_way()
{
	exim-hold --show | jq -e '.in_progress == 1'
}

mute()
{
	"$PEERS_PYTHON" -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9)
print(s.getsockname()[1], flush=True); time.sleep(60)' >mute 3>&- &
	mkdir -p mutedir
	echo $! >mutedir/pid
	peers_wait 5 test -s mute
}

@test 'a delivery under way is waited for, counted, and 75' {
	make
	mute
	exim_delivery "$X" sink "$(<mute)"
	exim_start "$X"
	mail alice@quell.test a@example.net
	peers_wait 8 under_way
	hold 75 -y --wait 0
	is '.held and .changed and .ok == false and .in_progress == 1
		and (.why | test("1 delivery"))'
	hold 0 --show
	is '.in_progress == 1 and .ok'
	# the peer goes, and with it the delivery: the mail stays
	(sleep 0.7; peers_stop_file mutedir/pid) 3>&- &
	stopper=$!
	hold 0 -y --wait 10
	is '.held and .in_progress == 0 and .ok and .changed == false'
	queue_is 1
	wait $stopper
}

@test 'no hook, no nft: 78, and where to get one' {
	make hook=no
	mkdir bin
	for tool in "$X/bin/.enter" "$X/bin/exim4"; do
		ln -s "$tool" bin/
	done
	cp "$(command -v exim-hold)" bin/
	cat >nft <<-'END'
	#!/bin/sh
	echo 'Operation not permitted' >&2
	exit 1
	END
	chmod +x nft
	mv nft bin/
	PATH=$PWD/bin:$PATH
	hold 78 -y
	[[ $stderr == *hold_domains*--print-hook* ]]
	hold 77 --backend=nft -y
	hold 78 --backend=queue-only -y
	hold 0 --show
	is '.held == false and .backend == "" and .ok'
	: >"$X/quell/hold"
	hold 0 --show --hook-dir "$X/quell"
	is '.held == false and (.why | test("does not"))'
}

@test 'queue-only: touches the file, stops runners, claims no hold' {
	make hook=no
	mute
	exim_delivery "$X" sink "$(<mute)"
	echo "queue_only_file = $X/only" >extra
	sed -i "2i .include $PWD/extra" "$X/exim.conf"
	exim_start "$X" -q10m
	# the daemon's first runner is not the one that is meant
	peers_wait 8 grep -q 'End queue run' "$X/log/mainlog"
	"$X/bin/exim" -odq -oi -f alice@quell.test a@example.net <<<'Subject: x'
	"$X/bin/exim" -qff </dev/null >/dev/null 2>&1 3>&- &
	runner=$!
	peers_wait 8 under_way
	hold 75 --backend=queue-only -y --wait 0
	is '.held == false and .backend == "queue-only" and .changed
		and (.cannot_stop | any(test("next queue run")))'
	[ "$stderr" = "exim-hold: stopping queue runner $runner" ]
	peers_wait 3 peers_gone $runner
	# the daemon itself lives
	run ! peers_gone "$(<"$X/daemon.pid")"
	# and so does the delivery, though its runner is gone
	hold 75 --backend=queue-only -y --wait 0
	is '.in_progress == 1 and .changed == false'
	[ -z "$stderr" ]
	[ -e "$X/only" ]
	hold 0 --release -y
	is '.changed and .backend == ""'
	[ ! -e "$X/only" ]
}

@test 'journal: begin before, end after' {
	make
	incident=$PWD/inc
	mkdir -m 0700 inc
	: >inc/journal.jsonl
	hold 0 -y --incident "$incident"
	run -0 jq -r '.event' inc/journal.jsonl
	[ "$output" = "exim-hold.begin
exim-hold.end" ]
	hold 0 -n --release --incident "$incident"
	[ "$(wc -l <inc/journal.jsonl)" = 2 ]
	hold 66 -y --release --incident "$PWD/none"
	[ -e "$X/quell/hold" ]
	# released without naming the incident
	hold 0 -y --release
	is '.changed and .held == false'
}

@test 'nft: refused in a network of its own, undone' {
	[ "$(id -u)" = 0 ] && unshare -n nft list tables 2>/dev/null ||
		skip 'needs root, network namespaces and nft'
	make hook=no
	cat >inside <<-'END'
	set -euo pipefail
	. "$1/lib/exim.bash"
	X=$PWD/x
	ip link set lo up
	trap 'rc=$?; set +e +o pipefail; exim_stop "$X"; sink_stop in
		exit $rc' EXIT
	smtp_sink_start in
	exim_delivery "$X" sink "$(sink_port in)"
	exim_start "$X"
	port=$(sink_port in)
	before=$(nft list ruleset)
	exim-hold --nft-loopback --port "$port" -n | jq -e '.dry_run and
		.changed and .backend == "nft"'
	[ "$(nft list ruleset)" = "$before" ]
	exim-hold --nft-loopback --port "$port" -y | jq -e '.held and .changed
		and .backend == "nft" and .ok and
		(.cannot_stop | any(test("restart")))'
	[[ $(nft list table inet quell_hold) == *skuid* ]]
	exim-hold --nft-loopback --port "$port" -y | jq -e '.held and
		.was and .changed == false'
	exim-hold --show | jq -e '.held and .backend == "nft"'
	exim_submit "$X" alice@quell.test a@example.net
	"$X/bin/exim" -qff
	grep -q 'Connection refused' "$X/log/mainlog"
	[ "$(exim_queue_count "$X")" = 1 ]
	[ "$(sink_count in)" = 0 ]
	exim-hold --release -n | jq -e '.changed and .held'
	exim-hold --release --run-queue -y | jq -e '.changed and
		.held == false'
	[ "$(nft list ruleset)" = "$before" ]
	there() { [ "$(sink_count in)" = 1 ]; }
	peers_wait 8 there
	# another port: the rule is replaced
	exim-hold -y | jq -e .changed
	exim-hold -y --port 26 | jq -e .changed
	[[ $(nft list ruleset) == *' 26,'* ]]
	[ "$(nft list ruleset | grep -c 'table')" = 1 ]
	END
	run -0 unshare -n bash inside "$BATS_TEST_DIRNAME" 3>&-
}

@test 'the examples of the manual' {
	instance
	run_examples exim-hold
}
