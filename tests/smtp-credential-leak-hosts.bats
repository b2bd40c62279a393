#!/usr/bin/env bats
# playbooks/smtp-credential-leak: several mail hosts, and one that exim-creds
# does not understand; and where the secrets go.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/smtp_leak

setup() {
	leak_setup
}

teardown() {
	leak_teardown
}

@test "two mail hosts; while SES is paused, both stay held" {
	local host
	exim_make "$PWD/mx2" route=smarthost queue_only=yes auth=try \
		smarthost="email-smtp.us-east-1.localhost::$EMU_SMTP" \
		ca="$PWD/ca.pem" user="$OLD" pass="$password" relay=no \
		users=billing@shop.example.net:pw
	exim_start "$PWD/mx2"
	exim_submit "$PWD/mx2" billing@shop.example.net c@far.example.com \
		--user billing@shop.example.net --pass pw
	sed "s,$PWD/mx/,$PWD/mx2/,g" mailhost >mailhost2
	chmod +x mailhost2
	export QUELL_PROOF_WAIT=2
	hosts=(--mail-host "$PWD/mailhost" --mail-host "$PWD/mailhost2")
	emu_set '{"regions": {"us-east-1": {"sending_enabled": false}}}'
	apply 1 "${hosts[@]}" --host-checked 'oncall: both rebuilt'
	grep -q 'us-east-1: paused: ' play.out
	grep -q 'the hold stays' play.out
	for host in mx mx2; do
		[ -e "$host/quell/hold" ]
		run ! grep -q "$OLD" "$host/ses.pw"
	done
	emu_set '{"regions": {"us-east-1": {"sending_enabled": true}}}'
	apply 0 "${hosts[@]}"
	for host in mx mx2; do
		[ ! -e "$host/quell/hold" ]
		grep -q ' => success@simulator.amazonses.com ' \
			"$host/log/mainlog"
	done
	ended_well
}

@test "credentials that exim-creds can neither read nor put: a person's word" {
	mkdir bin
	cat >bin/exim-creds <<-END
	#!/bin/sh
	case " \$* " in *" --put "*) cat >/dev/null; exit 78 ;; esac
	echo '{"type":"smtp-credential","id":"/etc/odd.conf:3","kind":"macro",
		"user":"$OLD","managed":false,"readable_by":{"owner":"root",
		"group":"root","mode":"0644","world":true}}' | tr -d '\n\t'
	END
	chmod +x bin/exim-creds
	PATH=$PWD/bin:$PATH
	apply 64
	grep -q -- '--key says which key leaked; found on .*AKIA' play.out
	apply 78 --key "$OLD" --host-checked 'oncall: clean'
	grep -q 'inactive in IAM; nobody has its password' play.out
	[ -e mx/quell/hold ]
	# a person puts it there
	cred-vault get --exim-file "$PWD/ses.pw" ses-smtp
	cat ses.pw >mx/ses.pw
	rm ses.pw
	apply 0 --published 'oncall: by hand'
	grep -q '/etc/odd.conf:3  macro  root:root 0644, open to everybody' play.out
	grep -q 'these still have it' play.out
	ended_well
}

@test "no secret in any argument or environment, none in a file for others" {
	command -v strace >/dev/null || skip 'no strace'
	no_leak_check
	export QUELL_MAILHOST_CMD=$PWD/mx/bin/.enter
	umask 022
	strace -f -v -s 100000 -e trace=execve -o trace --seccomp-bpf \
		"$play" --apply --incident "$PWD/incident" --leaked 'oncall' \
		--host-checked 'oncall' --regions us-east-1 \
		--sender info@shop.example.net --rotate-option=--over=0 \
		</dev/null >play.out 2>&1 3>&-
	umask 077
	{
		printf '%s\n' "$password" "$SECRET" "$(secret_now)"
		sed -n 's/^pass: //p' mx/ses.pw
	} >secrets
	[ "$(wc -l <secrets)" = 4 ]
	[ "$(grep -c execve trace)" -gt 100 ]
	run ! grep -F -f secrets trace
	# what holds one is for its owner, or Exim's group, only
	run -0 grep -rlF -f secrets --exclude=secrets --exclude-dir=emu.\* .
	while read -r file; do
		echo "$file $(stat -c %a "$file")"
		[ $(($(stat -c '0%a' "$file") & 037)) = 0 ]
	done <<<"$output"
	[[ $output == *mx/ses.pw* ]]
}
