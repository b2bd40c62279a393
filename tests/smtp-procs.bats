#!/usr/bin/env bats
# smtp-procs: real processes on loopback, told apart by what runs them.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir bin work
	pids=()
	cat >talk.pl <<-'END'
	# talk.pl listen FILE | talk.pl PORT FILE: FILE is there when it is done
	use IO::Socket::INET;
	alarm 300;
	my ($what, $file) = @ARGV;
	my @with;
	my $s = $what eq "listen" ?
	    IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 20) :
	    IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $what);
	die "no socket" unless $s;
	# the other side has taken the connection
	sysread $s, my $byte, 1 if $what ne "listen";
	open my $f, ">", "$file.new"; print $f $s->sockport; close $f;
	rename "$file.new", $file;
	while (1) {
		if ($what ne "listen") { sleep 1; next }
		my $with = $s->accept;
		syswrite $with, "x";
		push @with, $with;
	}
	END
	talk server perl listen
	port=$(<server)
}

teardown() {
	local p
	for p in "${pids[@]}"; do
		kill -KILL "$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
}

# talk NAME PROGRAM PORT|listen [ARGUMENTS ...]: runs it as PROGRAM, sets pid
talk() {
	local program=$2 i
	[[ $program == perl ]] || {
		program=bin/$2
		[ -e "$program" ] || cp "$(command -v perl)" "$program"
	}
	"$program" talk.pl "$3" "$1" "${@:4}" </dev/null >"$1.log" 2>&1 3>&- &
	pid=$!
	pids+=("$pid")
	for ((i = 0; i < 600; i++)); do
		[ ! -e "$1" ] || return 0
		sleep 0.1
	done
	cat "$1.log"
	return 1
}

# procs OPTIONS: of our port, in out
procs() {
	code 0 smtp-procs --port "$port" "$@"
}

# of PID FILTER: jq says true of its record
of() {
	jq -se --arg p "$1" "map(select(.id == \$p)) | length == 1 and (.[0] | $2)" \
		out >/dev/null || { echo "$1: not $2"; cat out; return 1; }
}

@test "who listens, who sends, who has taken a connection" {
	talk client telnet "$port"
	procs
	of "${pids[0]}" '.does == "listens,takes" and .kind == "script" and .odd
		and .sockets_total == 2 and (.sockets | length) == 2'
	of "$pid" '.does == "sends" and .kind == "tool" and .odd and
		(.why | test("by hand")) and .program == "telnet"'
	of "$pid" ".peer == \"127.0.0.1:$port\" and .sockets[0].state ==
		\"established\" and .sockets[0].local == \"127.0.0.1:$(<client)\""
	of "$pid" ".uid == $(id -u) and .user == \"$(id -un)\" and
		.cwd == \"$PWD\" and .exe == \"$PWD/bin/telnet\" and
		.argv[1:] == [\"talk.pl\", \"$port\", \"client\"]"
	of "$pid" ".parents[0].pid == $$ or (.parents | map(.pid) |
		contains([$$]))"
	# started between the boot and now
	of "$pid" '(.time | fromdate) - (.started | fromdate) |
		. >= -2 and . < 600'
	jq -se '.[-1] | .type == "smtp-proc-scope" and .listed >= 2 and
		.odd >= 2 and .processes > 2' out
	# other ports are not looked at, and of these there is a usual set
	code 0 smtp-procs
	jq -se --argjson p "$pid" 'all(.pid != $p)' out
}

@test "php, nc, python; a mail server's name in another place" {
	local name kind
	while read -r name kind; do
		talk "of-$name" "$name" "$port"
		procs
		of "$pid" ".kind == \"$kind\" and .odd"
	done <<-END
	php8.2 script
	nc.openbsd tool
	python3.11 script
	exim4 unknown
	x unknown
	END
}

@test "a program whose file is gone; one that works in /tmp" {
	talk client mailer "$port"
	rm bin/mailer
	procs --odd
	of "$pid" ".deleted and .exe == \"$PWD/bin/mailer\" and
		(.why | test(\"file of its program is gone\"))"
	[[ $PWD == /tmp/* ]] || skip "the tests' folder is not below /tmp"
	of "$pid" '.why | test("works in a place for temporary files")'
}

@test "secrets in arguments are not shown, nor is code" {
	talk client mailer "$port" --password=hunter2 --token hunter3 -ap hunter4 \
		smtp://me:hunter5@h.example:25 SMTP_PASS=hunter6 \
		-u me:hunter7 BP3gXw1xU0bJ9cQ2dLk7vZt5aRy8mNe4oHs6iFq0BpWl
	procs --hold -v
	of "$pid" '.argv | index("--password=***") and index("SMTP_PASS=***") and
		index("smtp://me:***@h.example:25") and index("me:***")'
	run ! grep -qE 'hunter|BP3gXw' out err
	procs -o table
	run ! grep -qE 'hunter|BP3gXw' out
	perl -MIO::Socket::INET -e 'alarm 300; my $s = IO::Socket::INET->new(
	    PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
	    my $login = "hunter8"; open my $f, ">", "code"; close $f;
	    sleep 300' "$port" 3>&- &
	pids+=("$!")
	until [ -e code ] || ! kill -0 "${pids[-1]}"; do sleep 0.1; done
	procs
	of "${pids[-1]}" '.argv | index("-e") and any(test("^[*]{3} .code, "))'
	run ! grep -q hunter8 out
}

@test "--hold prints lines that stop and kill just that process" {
	talk client mailer "$port"
	procs
	of "$pid" 'has("hold") | not'
	procs --hold
	of "$pid" '.hold | length >= 2'
	# nothing was run
	kill -0 "$pid"
	[[ $(sed 's/.*) //' "/proc/$pid/stat") != T* ]]
	jq -r --argjson p "$pid" 'select(.pid == $p).hold[]' out >lines
	# the number is another process's by now: nothing
	sed 's/ = [0-9]*/ = 1/' lines >other
	run -1 sh other
	kill -0 "$pid"
	head -n 1 lines | sh
	until [[ $(sed 's/.*) //' "/proc/$pid/stat") == T* ]]; do sleep 0.1; done
	sed -n 2p lines | sh
	wait "$pid" || [ $? = 137 ]
	procs
	jq -se --argjson p "$pid" 'all(.pid != $p)' out
}

@test "--watch writes what is new, once, and ends by a signal or in time" {
	local watcher old i
	smtp-procs --port "$port" --watch 1 >watched 2>err 3>&- &
	watcher=$!
	pids+=("$watcher")
	seen() {
		for ((i = 0; i < 600; i++)); do
			if jq -se --argjson p "$1" 'any(.pid == $p)' \
				watched >/dev/null; then
				return 0
			fi
			sleep 0.1
		done
		return 1
	}
	seen "${pids[0]}"
	talk one mailer "$port"
	old=$pid
	seen "$old"
	talk two mailer "$port"
	seen "$pid"
	# it looked again at the first one, and wrote it no second time
	kill -TERM "$watcher"
	wait "$watcher"
	jq -se --argjson p "$old" '(map(select(.pid == $p)) | length) == 1 and
		.[-1].type == "smtp-proc-scope"' watched
	procs --watch 1 --timeout 2
	of "$pid" '.does == "sends"'
}

@test "another network namespace is looked into" {
	unshare -n true 2>/dev/null || skip "no network namespace here"
	cat >inside.pl <<-'END'
	use IO::Socket::INET;
	alarm 300;
	my $s = IO::Socket::INET->new(LocalAddr => "0.0.0.0",
	    LocalPort => $ARGV[0], Listen => 1) or die;
	open my $f, ">", "inside"; close $f;
	sleep 300;
	END
	unshare -n perl inside.pl "$port" 3>&- &
	pids+=("$!")
	until [ -e inside ] || ! kill -0 "${pids[-1]}"; do sleep 0.1; done
	procs
	of "${pids[-1]}" ".does == \"listens\" and
		.sockets[0].local == \"0.0.0.0:$port\""
	jq -se '.[-1].namespaces >= 2' out
}

@test "without root it says what it could not see" {
	[ "$(id -u)" = 0 ] || skip "it needs root to be somebody else"
	cat >as.py <<-'END'
	import os, sys
	f = os.open(sys.argv[1], os.O_RDONLY)
	os.setgroups([])
	os.setgid(65534)
	os.setuid(65534)
	os.execve(f, ["smtp-procs"] + sys.argv[2:], os.environ)
	END
	no_leak_check
	code 0 python3 as.py "$(command -v smtp-procs)" --port "$port"
	jq -se --arg e "127.0.0.1:$port" 'any(.id | startswith("socket:")) and
		any(.kind == "unseen" and .odd and .uid == 0 and
		(.why | test("run as root")) and .sockets[0].local == $e)' out
	jq -se '.[-1] | (.complete | not) and .processes_unread > 0 and
		.sockets_unowned > 0' out
	grep -q '^smtp-procs: .* run as root$' err
	# -q keeps the words, not the record
	code 0 python3 as.py "$(command -v smtp-procs)" --port "$port" -q
	[ ! -s err ]
}

@test "bad usage is 64" {
	code 64 smtp-procs something
	code 64 smtp-procs --port 0
	code 64 smtp-procs --port 65536
	code 64 smtp-procs --port smtp
	code 64 smtp-procs --watch 86401
	code 64 smtp-procs --watch
}

@test "the examples of the man page" {
	run_examples smtp-procs
}
