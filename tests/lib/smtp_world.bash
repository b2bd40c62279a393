# smtp_world.bash - a mail host that sends through SES: a real Exim, and the
# emulator, for the playbooks' tests
#
# smtp_world [SEED.json]   start both in the current folder: mx/, mailhost (the
#                          prefix in $QUELL_MAILHOST_CMD), ca.pem; a customer's
#                          mail waits in the queue.  Sets $password, the SMTP
#                          password of $OLD, which $SECRET is the secret of.
# smtp_world_stop
# submit N [FROM]          one more
# shellcheck shell=bash
# shellcheck disable=SC2154

# shellcheck source=tests/lib/exim.bash
. "$QUELL_ROOT/tests/lib/exim.bash"
# shellcheck source=tests/aws/emu.bash
. "$QUELL_ROOT/tests/aws/emu.bash"

smtp_world() {
	exim_available || skip 'no Exim in a namespace here'
	chmod 0711 .
	emu_start "$@"
	password=$("$(emu_python)" "$QUELL_ROOT/tests/drill/smtp_password.py" \
		us-east-1 <<<"$SECRET")
	# Exim's own user must be able to read it
	install -m 644 "$EMU_DIR/ca.pem" ca.pem
	exim_make "$PWD/mx" route=smarthost queue_only=yes auth=try \
		smarthost="email-smtp.us-east-1.localhost::$EMU_SMTP" \
		ca="$PWD/ca.pem" user="$OLD" pass="$password" relay=no \
		users=billing@shop.example.net:pw
	# as ssh does: what is on standard input is read, wanted or not
	cat >mailhost <<-END
	#!/bin/bash
	in=\$(mktemp '$PWD/in.XXXXXX')
	trap 'rm -f "\$in"' EXIT
	cat >"\$in"
	export QUELL_STATE_DIR='$PWD/mx/state'
	'$PWD/mx/bin/.enter' "\$@" <"\$in"
	END
	chmod +x mailhost
	export QUELL_MAILHOST_CMD=$PWD/mailhost
	exim_start "$PWD/mx"
	submit 1
	emu_set '{"propagation": {"new": [0.1, 0.6], "dead": [0.1, 0.6],
		"flap": true}}'
}

smtp_world_stop() {
	[ ! -d mx ] || exim_stop "$PWD/mx"
	[ -z "${EMU_PID-}" ] || emu_stop
}

submit() {	# N: a mail of a customer's, queued
	exim_submit "$PWD/mx" billing@shop.example.net \
		"customer$1@far.example.com" --user billing@shop.example.net \
		--pass pw
}

queue_is_empty() {
	[ "$(exim_queue_count "$PWD/mx")" = 0 ]
}

user_keys() {	# USER: the status of its keys
	emu_world ".users[\"$1\"].keys | map(.status) | sort | join(\",\")"
}
