#!/usr/bin/env bats
# The README's promises: its options exist, its five minutes run as printed.

# shellcheck disable=SC2030,SC2031
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	[ ! -f desk/pid ] || peers_stop_file desk/pid
	[ ! -d mx ] || exim_stop "$PWD/mx"
	[ -z "${EMU_PID-}" ] || emu_stop
}

# The command lines of its code blocks, continuation lines joined.
commands() {
	sed -n 's/^    \$ //; t more; b
		:more
		/\\$/ { N; s/\\\n */ /; b more
		}
		s/ *#.*//; p' "$QUELL_ROOT/README.md"
}

@test "every option in it exists" {
	local c opt n=0 line
	commands >lines
	[ "$(wc -l <lines)" -ge 15 ]
	while read -r line; do
		# one command of a pipeline at a time
		while read -r c; do
			set -f
			# shellcheck disable=SC2086 # its words
			set -- $c
			set +f
			case $1 in
			*=* | export | jq | tee) continue ;;
			playbooks/*) "$QUELL_ROOT/$1" --help >help ;;
			*) "$1" --help >help ;;
			esac
			for opt; do
				[[ $opt == -* ]] || continue
				n=$((n + 1))
				grep -qE -- "(^| )${opt%%=*}(,|=| |$)" help || {
					echo "$1: no $opt"
					return 1
				}
			done
		done < <(tr '|' '\n' <<<"$line")
	done <lines
	[ "$n" -ge 30 ]
}

@test "every command and playbook has its row, and no row is of nothing" {
	local name
	for name in "$QUELL_ROOT"/cmd/*.c; do
		name=${name##*/}
		grep -q "^| \`${name%.c}\` |" "$QUELL_ROOT/README.md"
	done
	for name in "$QUELL_ROOT"/playbooks/*; do
		[ -x "$name" ] || continue
		grep -q "^| \`playbooks/${name##*/}\` |" "$QUELL_ROOT/README.md"
	done
	while read -r name; do
		[ -x "$QUELL_ROOT/$name" ] || [ -f "$QUELL_ROOT/cmd/$name.c" ]
	done < <(sed -n 's/^| `\([^`]*\)`.*/\1/p' "$QUELL_ROOT/README.md")
}

@test "what make can do is what it says" {
	local t
	while read -r t; do
		run -0 make -n -C "$QUELL_ROOT" DEPS=0 "$t"
	done < <(grep -oE 'make (drill|check|lint|asan|fuzz|bench|install)' \
		"$QUELL_ROOT/README.md" | cut -d' ' -f2 | sort -u)
}

world() {
	# shellcheck source=tests/lib/exim.bash
	. "$QUELL_ROOT/tests/lib/exim.bash"
	# shellcheck source=tests/aws/emu.bash
	. "$QUELL_ROOT/tests/aws/emu.bash"
	exim_available || skip "no Exim in a namespace here"
	emu_start
	smtp_sink_start desk --cert "$EMU_DIR/server.pem" \
		--key "$EMU_DIR/server.key"
	exim_make "$PWD/mx" route=none queue_only=yes \
		users=billing@shop.example.net:pw,bob@shop.example.net:pw
	exim_start "$PWD/mx"
	local n
	for n in 66 66 10; do
		exim_submit "$PWD/mx" billing@shop.example.net x@example.org \
			--bind "127.0.0.$n" --user billing@shop.example.net \
			--pass pw >/dev/null
	done
	sed 's/@DATE@/Sat, 21 Nov 2026 18:00:00 +0000/' \
		"$QUELL_ROOT/tests/drill/notice.eml" >notice.eml
	"$(emu_python)" "$QUELL_ROOT/tests/drill/smtp_password.py" us-east-1 \
		<<<'st0len/+SecretKeyForTheSmtpUser/0000001+' >old.pw
	chmod 600 old.pw
	export QUELL_STATE_DIR=$PWD/state
	PATH=$PWD/mx/bin:$PATH
}

@test "its five minutes of an incident, line by line" {
	local line n=0
	world
	while read -r line; do
		case $line in
		export* | playbooks/* | dnsbl-check*) continue ;;
		esac
		line=${line//AKIA.../AKIASTOLENKEY0000001}
		line=${line//\/srv\/ir/$PWD}
		line=${line//relay.example.net/localhost:$(<desk/port)}
		line=${line//198.51.100.66/127.0.0.66}
		# without a terminal the count has to be named
		[[ $line != *' restore '* ]] || line=${line/ -y / --yes=2 }
		n=$((n + 1))
		run -0 --separate-stderr bash -euo pipefail -c "$line"
		printf '%s\n%s\n' "$line" "$output"
		case $line in
		abuse-parse*)
			[ "$output" = $'20411223344-1\n111122223333\n2026-11-22T18:00:00Z' ]
			;;
		*--top*) [[ $output == *billing@shop.example.net* ]] ;;
		*'<plan') [ "$(wc -l <<<"$output")" = 2 ] ;;
		esac
	done < <(commands)
	[ "$n" -ge 12 ]
	[ "$(grep -c . desk/log.jsonl)" = 1 ]
	[ ! -e mx/quell/hold ]
	run -0 incident verify case1
	[ "$(emu_world '[.users["ses-smtp"].keys[].status] | sort')" = \
		'["Active","Inactive"]' ]
	emu_no_violations
}

@test "the dry run of the playbook, as printed" {
	world
	export QUELL_MAILHOST_CMD=$PWD/mx/bin/.enter
	cp old.pw mx/ses.pw
	run -1 bash -c "$(commands | sed -n "/^playbooks.*-smtp/{
		/--apply/d; s,^playbooks,$QUELL_ROOT/playbooks,
		s,/etc/exim4,$PWD/mx,;p;q}")"
	[[ $output == *"dry run: nothing changes"* ]]
	[ "$(emu_mutating_count)" = 0 ]
	[ -z "$(ls -A mx/quell)" ]
}
