#!/usr/bin/env bats
# playbooks/rotate-90-days: what fails on the way, and kill -9.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/smtp_rotate

setup() {
	rotate_setup
}

teardown() {
	smtp_world_stop
}

@test "what fails leaves the old key at work, and the next run goes on" {
	mkdir bin
	cat >bin/exim-creds <<-END
	#!/bin/sh
	case " \$* " in *" --put "*) cat >/dev/null; exit 74 ;; esac
	exec '$QUELL_B/bin/exim-creds' "\$@"
	END
	chmod +x bin/exim-creds
	PATH=$PWD/bin:$PATH play 69 --user mail --apply
	[ "$(user_keys mail)" = '"Active,Active"' ]
	grep -qx "user: $OLD" mx/ses.pw
	play 0 --user mail --apply
	grep -q "going on with $OLD of mail, which comes to publish" play.out
	ended_well
}

@test "what does not work today is not replaced today" {
	emu_set '{"regions": {"us-east-1": {"sending_enabled": false}}}'
	play 1 --user mail --apply
	grep -q "$OLD does not work in us-east-1: paused: " play.out
	[ "$(user_keys mail)" = '"Active"' ]
	grep -qx "user: $OLD" mx/ses.pw
	emu_set '{"regions": {"us-east-1": {"sending_enabled": true}}}'
	sleep 1
	play 0 --user mail --apply
	ended_well
}

@test "killed again and again, it ends the same" {
	local after pid
	for after in 0.4 0.7 1.0 1.4 1.8 2.3; do
		setsid "$play" --regions us-east-1 --apply --user mail \
			--sender info@shop.example.net "${fast[@]}" \
			</dev/null >>killed.out 2>&1 3>&- &
		pid=$!
		sleep "$after"
		kill -9 -- "-$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rc=0
	"$play" --regions us-east-1 --apply --user mail \
		--sender info@shop.example.net "${fast[@]}" \
		</dev/null >play.out 2>&1 3>&- || rc=$?
	# killed between the creation and the sealing: a person names the orphan
	if [ "$rc" = 69 ]; then
		orphan=$(grep -oE -- '--confirm=AKIA[A-Z0-9]{16}' play.out | head -n 1)
		"$play" --regions us-east-1 --apply --user mail \
			--sender info@shop.example.net "${fast[@]}" \
			--rotate-option="$orphan" </dev/null >play.out 2>&1 3>&-
	elif [ "$rc" != 0 ]; then
		cat play.out
		false
	fi
	[ "$(user_keys mail)" = '"Active,Inactive"' ]
	grep -qx "user: $(new_key)" mx/ses.pw
	cred-vault get mail | grep -qx "username=$(new_key)"
}
