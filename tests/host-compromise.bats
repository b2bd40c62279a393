#!/usr/bin/env bats
# playbooks/host-compromise: the AWS emulator, the real readers on a small host
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/playbook_kill
load lib/webroot

HOST=i-0a1b2c3d4e5f6000a

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 022
	export QUELL_MAILHOST_CMD=env
	webroot_host r
	webroot_thief r
	mkdir bin
	printf '#!/bin/sh\ncase $* in -n*) ;; *--release*) rm -f "$QUELL_STATE_DIR.held" ;; *) : >"$QUELL_STATE_DIR.held" ;; esac\necho "{\\"type\\":\\"mail-hold\\",\\"id\\":\\"mx\\"}"\n' \
		>bin/exim-hold
	printf '#!/bin/sh\necho "{\\"type\\":\\"queue-msg\\",\\"id\\":\\"1\\"}"\n' >bin/exim-queue
	printf '#!/bin/sh\necho "log_file_path = %s"\n' "$PWD/mainlog" >bin/exim4
	printf '#!/bin/sh\nexec %s --root %s "$@"\n' "$QUELL_B/bin/webroot-check" "$PWD/r" \
		>bin/webroot-check
	printf '#!/bin/sh\necho %s\n' "'"'{"type":"smtp-credential","id":"/etc/exim4/passwd.client:3","user":"AKIASTOLENKEY0000001","host":"email-smtp.us-east-1.amazonaws.com"}'"'" \
		>bin/exim-creds
	printf '#!/bin/sh\necho %s\n' "'"'{"type":"smtp-proc","id":"4711","odd":true,"exe":"/dev/shm/k","why":"odd","does":"sends","hold":["kill -STOP 4711"]}'"'" \
		>bin/smtp-procs
	chmod +x bin/*
	: >mainlog
	cat >world.json <<-END
	{"instances": [{"id": "$HOST", "name": "mx1", "region": "us-east-1",
	"private_ip": "10.0.1.9", "role": "mail-host",
	"groups": ["sg-0a1b2c3d4e5f60001"], "volumes": ["vol-1"]}]}
	END
	kill_setup world.json
}

teardown() {
	kill_teardown
}

play() {	# CODE [option...]
	local code=$1
	shift
	PATH=$PWD/all:$PATH run "-$code" "$QUELL_ROOT/playbooks/host-compromise" "$@"
}

one_world() {
	export QUELL_INCIDENTS=$PWD/incidents QUELL_STATE_DIR=$PWD/state
	emu_start world.json
}

@test "no instance: evidence, the lines for a person, a word for the rest" {
	one_world
	play 0 --since 3d
	[[ $output == *'/usr/bin/helper'* ]]
	[[ $output == *'kill -STOP 4711'* ]]
	[ ! -e state.held ]
	play 1 --apply --incident case
	[ ! -e state.held ]
	play 64 --apply --incident case --word 'me: AWS says so'
	[[ $output == *--cut-off* ]]
	[ -e state.held ]
	play 0 --apply --incident case --word 'me' --cut-off 'me: switch port 7'
	[[ $output == *'smtp-credential-leak --key AKIASTOLENKEY0000001'* ]]
	[[ $output == *'stays held'*--host-checked* ]]
	[ -e state.held ]
	jq -se 'any(.what == "set-uid")' case/steps/31_preserve_changes/webroot-check.jsonl
	[ "$(find case/evidence -type f | grep -cE 'smtp-procs|webroot-check|queue|mainlog|credentials')" -ge 4 ]
	play 0 --apply --incident case --host-checked 'me: built anew'
	[ ! -e state.held ]
	run -0 incident verify case
	[ "$(emu_calls '[.[] | select(.mutating)] | length')" = 0 ]
	unset QUELL_MAILHOST_CMD
	play 64 --apply --incident other --word x
}

@test "an instance: snapshot, then its network; isolated when asked" {
	one_world
	play 0 --instance $HOST --region us-east-1
	[ "$(emu_calls '[.[] | select(.mutating)] | length')" = 0 ]
	play 0 --apply --incident case --instance $HOST --region us-east-1 \
		--isolate --word me
	emu_world ".ec2.instances[\"$HOST\"].tags[\"quell:contained\"]" | grep -qx '"isolate"'
	[ "$(emu_world '.ec2.snapshots | length')" = 1 ]
	[[ $output == *"role-compromise --role NAME --instance $HOST"* ]]
	# somebody opens it again: a run from there notices
	PATH=$PWD/all:$PATH ec2-contain -y --undo --incident case --region us-east-1 $HOST >/dev/null
	rm case/steps/42_contain_prove/done
	play 1 --apply --incident case --from 42 --isolate --region us-east-1 --word me
	[[ $output == *'not contained any more'* ]]
	emu_no_violations
}

ending() {	# whole or killed
	kill_world '(.ec2.instances | map_values([.tags, .state])),
		(.ec2.groups | length), (.ec2.snapshots | length)' |
		sed "s|/$1/incident|/DIR|"
	find . -maxdepth 1 -name "state.$1.*" | sed "s/$1/X/" | sort
	jq -r .event "$1/incident/journal.jsonl" | grep -E '^incident\.' | sort -u
	(cd "$1/incident/steps" && find . -name 'done' | sort)
}

@test "killed at every step, it ends the same" {
	kill_run 0 19 host-compromise --instance $HOST --region us-east-1 --word me
	killed_at 10_identify_host 12_identify_decide 20_contain_hold \
		30_preserve_processes 31_preserve_changes 32_preserve_queue \
		33_preserve_credentials 36_preserve_disks 40_contain_network \
		42_contain_prove 70_report_timeline
	[ "$(emu_world '.ec2.snapshots | length')" = 1 ]
}
