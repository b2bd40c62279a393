#!/usr/bin/env bats
# What every command does with input that is none: one line that names the
# place, the right code, nothing on stdout, nothing changed and nothing sent.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/spool
load aws/shared.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	msg sp 1xUnbl-0004Fv-1l auth=billing@v.example
	msg sp/Q 1xUnbm-0004Fw-2l
	mkdir folder
	incident open --dir folder/case \
		<"$QUELL_ROOT/tests/data/report-initial.json" >/dev/null
	# an Exim that answers nothing: input is judged before it is asked
	printf '#!/bin/sh\nexit 1\n' >exim
	chmod +x exim
	PATH=$PWD:$PATH
	printf '192.0.2.0\t192.0.2.255\t64496\tZZ\tEXAMPLE\n' >ranges.tsv
	url=json:$PWD/url
	echo http://127.0.0.1:9/ >url
	chmod 600 url
}

# The commands that read records, as they would change something.
readers() {
	printf '%s\n' 'abuse-ack -y --relay 127.0.0.1:9' 'exim-block -y' \
		'exim-queue --spool sp -' 'exim-queue-purge -y --spool sp --queue-name Q' \
		'exim-quarantine restore -y --spool sp Q -' \
		'iam-key-disable -y' 'ses-pause -y' 'iam-quarantine -y' \
		'ec2-contain -y --smtp-only' \
		'dnsbl-check --resolver 127.0.0.1:9' \
		'sender-check --resolver 127.0.0.1:9' 'incident open' \
		'smtp-probe --no-auth --timeout 1' 'ip-origin --db ranges.tsv' \
		'incident log folder/case --event a.b --data -'
}

refused() {	# CODES INPUT: each reader, with one of the codes and one line
	local c name err rc
	while read -r c; do
		name=${c%% *}
		rc=0
		# shellcheck disable=SC2086 # its words
		$c <"$2" >out 2>err || rc=$?
		[[ " $1 " == *" $rc "* ]] || { echo "$c: $rc"; cat err; return 1; }
		[ ! -s out ] || { echo "$c: wrote"; cat out; return 1; }
		err=$(grep -v "^$name: hint: " err)
		[ "$(wc -l <<<"$err")" = 1 ] || { echo "$c: $err"; return 1; }
		[[ $err == "$name: "*${3-}* ]] || { echo "$c: $err"; return 1; }
	done < <(readers)
}

state() {
	find sp folder state incidents -type f ! -name '*.lock' -exec sha256sum {} + 2>/dev/null |
		sort
	emu_mutating_count
}

@test "no input, half a record, NULs, a line without end, another type" {
	local before all
	emu_env
	before=$(state)
	: >none
	all=$(readers)
	readers() { grep -vE '^(exim-queue|ip-origin) --' <<<"$all"; }
	refused '64 65' none
	# a reader of an empty stream has nothing to list
	run -0 exim-queue --spool sp - <none
	[ -z "$output" ]
	run -0 ip-origin --db ranges.tsv <none
	[ -z "$output" ]
	readers() { echo "$all"; }
	printf '{"type":"report","id":"a' >half
	refused 65 half ':1: '
	printf 'one\0two\n' >nul
	refused 65 nul ':1: '
	head -c 20000000 /dev/zero | tr '\0' x >long
	refused 65 long ':1: '
	printf '<a><b>&c;' >xml
	readers() { grep -vE '^(exim-block|incident log)' <<<"$all"; }
	refused 65 xml ':1: '
	jq -nc '{type: "listing", id: "192.0.2.1\n\u0000", zone: "x"}' >other
	readers() { grep -vE '^(dnsbl|incident|abuse-ack|ip-origin)' <<<"$all"; }
	refused 65 other ':1: '
	[ "$before" = "$(state)" ]
}

@test "input that is a folder, or cannot be read: 66 before anything" {
	local c
	for c in 'incident log folder/case --data @x' 'abuse-parse nothing' \
		'incident show nothing' \
		'exim-queue --spool nothing' 'dnsbl-check --zones nothing 192.0.2.1' \
		'ip-origin --db nothing 192.0.2.1' 'mail-refusals nothing' \
		'leak-scan nothing' 'leak-scan --baseline nothing sp' 'leak-scan --allow nothing sp' \
		'weblog-forms nothing' 'weblog-forms --users nothing -' \
		'maillog-suspects nothing' 'maillog-suspects --merge nothing' \
		'mail-refusals --table nothing sp' 'ip-origin --aws folder 192.0.2.1' \
		'ses-rotate -y --user u --key AKIAAAAAAAAAAAAAAAAA --phase contain --old-password-file nothing'; do
		emu_env
		# shellcheck disable=SC2086
		run --separate-stderr $c
		[[ $status == 6[4569] || $status == 78 ]] ||
			{ echo "$c: $status $stderr"; false; }
		[ -z "$output" ]
	done
	run -66 abuse-parse nothing
	run -66 incident show nothing
	run -66 exim-queue --spool nothing
}

@test "what passes its input on does so, whatever it is" {
	for f in /dev/null "${BASH_SOURCE[0]}"; do
		run -0 --separate-stderr chat-notify --soft -t 1 --to "$url" <"$f"
		[ "$output" = "$(<"$f")" ]
	done
}

@test "an answer of AWS that is cut in half, or garbage: named, nothing claimed" {
	emu_env
	local c fault
	for fault in truncate garbage; do
		emu_control POST clear_faults >/dev/null
		emu_fault "{\"do\":\"$fault\",\"times\":1000}"
		for c in 'ses-pause -n us-east-1' 'ses-pause -y eu-north-1' \
			'ses-status us-east-1' 'trail-search --user=x us-east-1' \
			'guardduty-findings us-east-1' 'health-watch --once' \
			'iam-key-disable -y --user ses-smtp AKIASTOLENKEY0000001' \
			'ses-senders us-east-1' 'iam-keys' \
			'iam-quarantine -y --watch=0 user/ses-smtp' \
			'ec2-contain -y --isolate i-0a1b2c3d4e5f60001' \
			'ses-rotate -y --user ses-smtp --key AKIASTOLENKEY0000001 --phase contain'; do
			# shellcheck disable=SC2086
			run --separate-stderr env AWS_MAX_ATTEMPTS=2 $c
			[[ $status == 7[569] ]] ||
				{ echo "$fault: $c: $status $stderr"; false; }
			if [ -n "$output" ]; then
				jq -se 'all(.ok == false and (.changed | not))' <<<"$output"
			else
				[[ $stderr == "${c%% *}: "* ]]
			fi
		done
	done
	emu_control POST clear_faults >/dev/null
}
