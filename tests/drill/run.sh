#!/bin/bash
# run.sh: one whole night in a sandbox under build/drill, on real parts.
#
# A real Exim with 200 honest and 5,000 spam messages, sent in by real SMTP; a
# strict AWS emulator as its smarthost and as AWS; a real DNS list server; a
# mail server for AWS's abuse desk, and an Exim as the relay to it; a Dovecot on
# the mail host, where somebody reads the stolen mailbox; an attacker who keeps
# sending through all three doors.  A notice arrives, playbooks/abuse-report
# answers it, locks the mailbox by playbooks/mailbox-compromise, and check.py
# judges from what the servers saw.  All on loopback.
#
# Environment: DRILL_HONEST (200) DRILL_SPAM (5000) DRILL_SEED (7)
# DRILL_RTT (50,250 ms) DRILL_PROPAGATION (3,30 s) DRILL_DIR DRILL_KILL (kill
# the playbook -9 after that many seconds, several: "5 12"; it is then started
# again) DRILL_KILL_STEPS (kill it at every step, see killer.sh)
# DRILL_DRY (a dry run first) DRILL_GOALS (60,300 s)
# DRILL_PAUSE (0.4 s between the attacker's tries)
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
B=${B:-build}
: "${DRILL_HONEST:=200}" "${DRILL_SPAM:=5000}" "${DRILL_SEED:=7}"
: "${DRILL_RTT:=50,250}" "${DRILL_PROPAGATION:=3,30}" "${DRILL_KILL:=}"
: "${DRILL_GOALS:=60,300}" "${DRILL_PAUSE:=0.4}"
: "${DRILL_DIR:=$root/build/drill}"
D=$DRILL_DIR
mailbox=billing@shop.example.net
export PATH="$root/$B/bin:$PATH"

# shellcheck source=tests/lib/dovecot.bash
. tests/lib/dovecot.bash
# shellcheck source=tests/lib/dns.bash
. tests/lib/dns.bash
# shellcheck source=tests/aws/emu.bash
. tests/aws/emu.bash

say() {
	printf 'drill: %s\n' "$*" >&2
}

stop_all() {
	[ ! -d "$D" ] || touch "$D/stop"
	[ -z "${attacker-}" ] || peers_stop "$attacker"
	[ -z "${reader-}" ] || peers_stop "$reader"
	[ ! -e "$D/dv/pid" ] || dovecot_stop "$D/dv"
	exim_stop "$D/mx" 2>/dev/null || true
	exim_stop "$D/relay" 2>/dev/null || true
	emu_stop
	dns_stop "$D/dns" 2>/dev/null || true
	for sink in "$D/desk" "$D/chat"; do
		peers_stop_file "$sink/pid" 2>/dev/null || true
	done
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# Exim's own user must be able to walk there: a checkout below /root or a
# private home gets its sandbox in /tmp, and a link to it.
choose_folder() {
	local at=$root
	rm -rf "$(readlink -f "$D")" "$D"
	mkdir -p "$(dirname "$D")"
	while [ "$at" != / ] && [ $(($(stat -c '0%a' "$at") & 1)) = 1 ]; do
		at=$(dirname "$at")
	done
	if [ "$at" = / ]; then
		mkdir -p "$D"
	else
		ln -s "$(mktemp -d "${TMPDIR:-/tmp}/quell-drill.XXXXXX")" "$D"
		chmod 0711 "$D"
	fi
	D=$(cd "$D" && pwd -P)
}

# --- the world --------------------------------------------------------------

start_aws() {
	jq -n '{
	  groups: {AWSSESSendingGroupDoNotRename: {policies: {
	    AmazonSesSendingAccess: {Version: "2012-10-17", Statement: [
	      {Effect: "Allow", Action: ["ses:SendRawEmail", "ses:SendEmail"],
	       Resource: "*"}]}}}},
	  regions: {
	    "us-east-1": {daily_volume: 2400},
	    "eu-west-1": {daily_volume: 960},
	    "ap-northeast-1": {daily_volume: 120},
	    "eu-central-1": {sending_enabled: false},
	    "eu-north-1": {identities: {"shop.example.net": {}}}}
	}' >"$D/world.json"
	TMPDIR=$D emu_start "$D/world.json" --max-seconds 3600
	ses_port=$(jq -r '.region_smtp["us-east-1"].starttls' \
		"$EMU_DIR/ports.json")
	stolen_id=AKIASTOLENKEY0000001
	stolen_secret='st0len/+SecretKeyForTheSmtpUser/0000001+'
	smtp_password=$("$(emu_python)" tests/drill/smtp_password.py \
		us-east-1 <<<"$stolen_secret")
}

slow_down_aws() {
	emu_set "$(jq -nc --arg rtt "$DRILL_RTT" --arg p "$DRILL_PROPAGATION" '
	  ($p | split(",") | map(tonumber)) as $d |
	  {rtt_ms: ($rtt | split(",") | map(tonumber)),
	   propagation: {new: $d, dead: $d, policy: [1, 3], sending: [1, 3],
	     flap: true}}')"
}

# Who has the stolen password reads along, too.
start_mailboxes() {
	dovecot_make "$D/dv"
	echo "$mailbox:{PLAIN}secret-billing::::::" >>"$D/dv/users"
	dovecot_start "$D/dv"
	dovecot_session "$D/dv" "$mailbox" secret-billing "$D/reader.log"
	reader=$dovecot_pid
}

# He is out, does not come in again, and the new password waits in the vault.
mailbox_locked() {
	peers_wait 30 grep -q ended "$D/reader.log" &&
		! dovecot_login "$D/dv" "$mailbox" secret-billing &&
		dovecot_login "$D/dv" alice@quell.test secret &&
		QUELL_VAULT="$D/vault" QUELL_VAULT_KEY="file:$D/vault.key" \
			cred-vault get "mailbox/$mailbox" | grep -q '^password='
}

start_mail_host() {
	exim_make "$D/mx" route=smarthost \
		smarthost="email-smtp.us-east-1.localhost::$ses_port" \
		tls=require auth=try ca="$EMU_DIR/ca.pem" \
		user="$stolen_id" pass="$smtp_password" queue_only=yes \
		users="$(for u in billing alice bob carol orders support; do
			printf '%s@shop.example.net:secret-%s,' "$u" "$u"
		done)" relay=no
	# one host: where the one is the system's, the other is, too
	grep -E '^(dovecot|dovenull|vmail):' "$D/dv/ns/etc/passwd" \
		>>"$D/mx/ns/etc/passwd"
	mkdir -p "$D/mx/ns/etc/dovecot"
	ln -s "$D/dv/dovecot.conf" "$D/mx/ns/etc/dovecot/dovecot.conf"
	# The way there behaves as ssh does: what is on standard input is read
	# at once, wanted or not.
	cat >"$D/mailhost" <<-END
	#!/bin/bash
	in=\$(mktemp '$D/in.XXXXXX')
	trap 'rm -f "\$in"' EXIT
	cat >"\$in"
	'$D/mx/bin/.enter' "\$@" <"\$in"
	END
	chmod +x "$D/mailhost"
	# Deliveries leave slowly, as they do when SES throttles.
	exim_start "$D/mx" -q30s
}

# The answer leaves through a host that is not the patient; that AWS has it is
# known from that one's log.
start_the_rest() {
	smtp_sink_start "$D/desk"
	install -m 644 "$EMU_DIR/server.pem" "$EMU_DIR/server.key" "$D/"
	exim_make "$D/relay" sink="$(<"$D/desk/port")" \
		cert="$D/server.pem" key="$D/server.key"
	exim_start "$D/relay"
	http_sink_start "$D/chat"
	printf 'http://127.0.0.1:%s/hook/secret-of-the-channel\n' \
		"$(<"$D/chat/port")" >"$D/chat.url"
	chmod 600 "$D/chat.url"
	rbldnsd_zone "$D/dns" bl.spam.test ip4set <<<'192.88.99.25'
	rbldnsd_zone "$D/dns" xbl.other.test ip4set <<<'192.88.99.25'
	rbldnsd_zone "$D/dns" calm.test ip4set <<<'198.51.100.9'
	rbldnsd_start "$D/dns"
	# a playbook that is to be killed runs in a shell of its own
	DRILL_RESOLVER=127.0.0.1:$(dns_port "$D/dns")
	export DRILL_RESOLVER
	for z in bl.spam.test xbl.other.test calm.test; do
		printf '%s\t4\tblack\t1\t.0.2=listed\t-\tstd\t%s\tdrill\n' \
			"$z" "https://lists.test/remove"
	done >"$D/zones.tsv"
}

load_mail() {
	local who address plan
	mkdir -p "$D/load"
	"$PEERS_PYTHON" tests/drill/load.py "$D/load" "$DRILL_HONEST" \
		"$DRILL_SPAM" "$DRILL_SEED"
	# the thief has two machines
	split -n l/2 -a 1 "$D/load/spam.jsonl" "$D/load/spam."
	for who in honest.jsonl:127.0.0.10 spam.a:127.0.0.66 \
		spam.b:127.0.0.67; do
		address=${who#*:}
		plan=$D/load/${who%:*}
		"$PEERS_PYTHON" tests/lib/smtp_submit.py \
			--port "$(exim_port "$D/mx")" --bind "$address" \
			--plan "$plan" >"$plan.out"
	done
	say "$(exim_queue_count "$D/mx") messages wait in the queue"
}

start_attacker() {
	"$(emu_python)" tests/drill/attacker.py --log "$D/attack.jsonl" \
		--stop "$D/stop" --mailbox-password secret-billing \
		--ca "$EMU_DIR/ca.pem" --key-id "$stolen_id" \
		--smtp-password "$smtp_password" --secret "$stolen_secret" \
		--endpoint "http://127.0.0.1:$EMU_HTTP" \
		--regions us-east-1,eu-north-1 --ses-port "$ses_port" \
		--mail-port "$(exim_port "$D/mx")" --pause "$DRILL_PAUSE" \
		--seconds 1800 </dev/null >"$D/attacker.out" 2>&1 3>&- &
	attacker=$!
	peers_wait 30 attacker_in || { cat "$D/attacker.out"; exit 1; }
}

# through all three doors at least once
attacker_in() {
	[ "$(jq -r 'select(.ok).door' "$D/attack.jsonl" | sort -u | wc -l)" = 3 ]
}

write_notice() {
	local now
	now=$(date -u '+%a, %d %b %Y %H:%M:%S +0000')
	sed "s/@DATE@/$now/" tests/drill/notice.eml >"$D/notice.eml"
}

# --- the night --------------------------------------------------------------

playbook() {
	env QUELL_MAILHOST_CMD="$D/mailhost" \
		QUELL_VAULT="$D/vault" QUELL_VAULT_KEY="file:$D/vault.key" \
		QUELL_ACK_RELAY="localhost:$(<"$D/relay/port")" \
		QUELL_ACK_MAINLOG="cat $D/relay/log/mainlog" \
		QUELL_SES_SMTP="$QUELL_SES_SMTP" \
		playbooks/abuse-report --ack-mx 127.0.0.1 --notice "$D/notice.eml" \
		--incident "$D/incident" --apply \
		--contact "On-call <oncall@shop.example.net>" \
		--cred-file "$D/mx/ses.pw" --key-user ses-smtp \
		--chat "json:$D/chat.url" --blocklist-zones "$D/zones.tsv" \
		--resolver "$DRILL_RESOLVER" \
		--way-in "drill: the log shows it" \
		--address 192.88.99.25 --host-checked "drill: host is clean"
}

# Started, and killed after so many seconds: every other time all that it
# started dies with it (the machine crashed), else only the playbook itself
# (the terminal went away) and its children go on for a moment.
killed_playbook() {	# SECONDS NUMBER
	local pid
	setsid bash -c "$(declare -f playbook); playbook" </dev/null \
		>>"$D/playbook.out" 2>&1 3>&- &
	pid=$!
	sleep "$1"
	say "kill -9 after $1 s"
	if [ $(($2 % 2)) = 0 ]; then
		kill -9 -- "-$pid" 2>/dev/null || true
	else
		pkill -9 -g "$pid" -f playbooks/abuse-report || true
	fi
	wait "$pid" 2>/dev/null || true
}

# Killed at every step, and started again until it gets through.
killed_at_every_step() {
	local rc=137 n=0
	mkdir -p "$D/killed"
	tests/drill/killer.sh make "$D/killer" "$root/$B/bin"
	export KILLER_INCIDENT="$D/incident" KILLER_DONE="$D/killed" \
		KILLER_BIN="$root/$B/bin"
	while [ "$rc" = 137 ] && [ "$n" -lt 100 ]; do
		rc=0
		PATH="$D/killer:$PATH" setsid -w bash -c \
			"$(declare -f playbook); playbook" </dev/null \
			>>"$D/playbook.out" 2>&1 3>&- || rc=$?
		n=$((n + 1))
	done
	say "killed $((n - 1)) times, at: $(cd "$D/killed" && echo *)"
	[ "$rc" = 0 ] || cat "$D/playbook.out" >&2
	return "$rc"
}

run_playbook() {
	local after n=0 rc=0
	if [ -n "${DRILL_KILL_STEPS-}" ]; then
		killed_at_every_step
		return
	fi
	for after in $DRILL_KILL; do
		killed_playbook "$after" "$n"
		n=$((n + 1))
	done
	playbook </dev/null 2>&1 | tee -a "$D/playbook.out" >&2 || rc=$?
	return "$rc"
}

# A dry run first: nothing may be different after it.
state_of_the_world() {
	find "$D/mx/quell" "$D/mx/ses.pw" "$D/dv/users" "$D/desk" "$D/chat" -type f \
		-printf '%p %s %T@\n' | sort
	emu_world '{regions: (.regions | map_values(.sending_enabled)),
		keys: [.users[].keys[] | {id, status}]}'
	emu_calls 'map(select(.mutating and
		(.key_id == "AKIARESPONDERKEY0001"))) | length'
}

dry_run() {
	local before
	before=$(state_of_the_world)
	QUELL_MAILHOST_CMD="$D/mailhost" \
	QUELL_ACK_RELAY="localhost:$(<"$D/relay/port")" \
		playbooks/abuse-report --notice "$D/notice.eml" \
		--cred-file "$D/mx/ses.pw" --key-user ses-smtp \
		--chat "json:$D/chat.url" </dev/null >"$D/dry-run.out" 2>&1 || {
		cat "$D/dry-run.out" >&2
		return 1
	}
	[ "$before" = "$(state_of_the_world)" ] || {
		say "the dry run changed something"
		diff <(echo "$before") <(state_of_the_world) >&2
		return 1
	}
	say "a dry run changed nothing"
}

all_delivered() {
	[ "$(grep -lEr '^X-Drill: honest' "$EMU_DIR/sent" | wc -l)" -ge \
		"$DRILL_HONEST" ]
}

main() {
	local rc=0 start
	[ -n "${QUELL_PYTHON-}" ] || tests/venv.sh build/venv
	peers_have exim rbldnsd dovecot
	exim_available
	# in a condition: it tries commands that fail
	dovecot_available || exit
	choose_folder
	export D
	say "setting up below $D"
	start_aws
	start_mailboxes
	start_mail_host
	start_the_rest
	load_mail
	slow_down_aws
	emu_world >"$D/before.json"
	start_attacker
	sleep 3
	write_notice
	[ -z "${DRILL_DRY-}" ] || dry_run || rc=1
	start=$(date +%s.%N)
	say "the notice arrives"
	run_playbook || rc=$?
	[ "$rc" = 0 ] || say "the playbook ended with $rc"
	if mailbox_locked; then
		say "the mailbox is locked, its reader out"
	else
		say "the mailbox is NOT locked"
		rc=1
	fi
	say "waiting for the honest mail"
	peers_wait "${DRILL_DRAIN:-300}" all_delivered || true
	sleep 3
	touch "$D/stop"
	emu_world >"$D/after.json"
	emu_violations >"$D/violations.jsonl" || {
		say "requests that AWS would not accept:"
		cat "$D/violations.jsonl" >&2
		rc=1
	}
	"$PEERS_PYTHON" tests/drill/check.py --emu "$EMU_DIR" \
		--exim "$D/mx" --desk "$D/desk" --incident "$D/incident" \
		--load "$D/load" --before "$D/before.json" \
		--after "$D/after.json" --bin "$root/$B/bin" \
		--old-key "$stolen_id" --notice "$D/notice.eml" --start "$start" \
		--attack-log "$D/attack.jsonl" \
		--contain-goal "${DRILL_GOALS%,*}" \
		--recover-goal "${DRILL_GOALS#*,}" | tee "$D/facts" || rc=1
	say "the incident folder: $D/incident"
	return $rc
}

main
