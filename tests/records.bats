#!/usr/bin/env bats
# The contract of records, for every command that writes some.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/spool
load aws/shared.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	emu_env
	export QUELL_STATE_DIR=$PWD/state
	data=$QUELL_ROOT/tests/data
	msg sp 1xUnbl-0004Fv-1l auth=billing@v.example
	msg sp/Q 1xUnbm-0004Fw-2l
	incident open --dir case <"$data/report-initial.json" >/dev/null
	: >none
	printf 'username=u\npassword=p\n' >block
	cred-vault put -y a --vault "$PWD/v" --vault-key "file:$PWD/k" \
		<block >/dev/null
	printf '192.0.2.0\t192.0.2.255\t64496\tZZ\tEXAMPLE\n' >ranges.tsv
	printf '%s\n' '2026-11-21 22:00:01 1xUtVi-0006tA-0D ** u@gmail.com R=d T=s H=gmail-smtp-in.l.google.com [192.0.2.1]: SMTP error from remote mail server after end of data: 550-5.7.26 no\n550 5.7.26 dmarc' >mainlog
	printf '%s\n' '2026-11-21 22:00:00 1xUtVi-0006tA-0D <= bob@a.example H=(x) [192.0.2.7] P=esmtpsa A=plain:bob@a.example S=1' >>mainlog
	echo 'joe:old' >users
	printf '%s\n' '192.0.2.7 - - [21/Nov/2026:22:00:00 +0000] "POST /contact.php HTTP/1.1" 200 12 "-" "curl/8"' >access.log
	mkdir -p image/etc
	printf '[smtp.example]:587 someone:secret\n' >image/etc/sasl_passwd
}

# INPUT | COMMAND: each writes at least one record and changes nothing.
writers() {
	cat <<-END
	none|abuse-parse $data/notice/01-initial.eml
	$data/report-initial.json|abuse-ack -n --relay 127.0.0.1:9
	none|incident show case
	none|incident verify case
	none|incident due case --within 1s
	none|exim-queue --spool sp
	none|exim-queue --spool sp --top sender,host
	none|exim-queue-purge -n --spool sp --queue-name K --auth-user billing@v.example
	none|exim-quarantine restore -n --spool sp Q
	none|exim-quarantine list --spool sp Q
	none|ses-senders us-east-1
	none|ses-senders --keys us-east-1
	none|iam-keys
	none|iam-key-disable -n --user ses-smtp AKIASTOLENKEY0000001
	none|ses-pause -n us-east-1
	none|ses-status --details=0 --history=2d us-east-1
	none|trail-search --user=ses-smtp us-east-1
	none|trail-search --user=ses-smtp --summary us-east-1
	none|guardduty-findings us-east-1
	$data/notice/40-eventbridge.json|health-watch --all -
	none|iam-quarantine -n user/ses-smtp
	none|iam-quarantine -n --scp user/ses-smtp
	none|ec2-contain -n --smtp-only i-0a1b2c3d4e5f60001
	none|ses-rotate -n --phase contain --user ses-smtp --key AKIASTOLENKEY0000001
	none|exim-creds --root image --also /etc
	block|cred-vault put -n b --vault v
	none|cred-vault list --vault v
	none|cred-vault rotate-key -n --to file:k2 --vault v
	none|dnsbl-check -t 1 --resolver 127.0.0.1:9 --zone zen.spamhaus.org 8.8.8.8
	none|sender-check --resolver 127.0.0.1:9 -t 1 example.com
	none|mail-refusals mainlog
	none|weblog-forms --min 0 access.log
	none|maillog-suspects --level all mainlog
	none|maillog-suspects --partial mainlog
	none|ip-origin --db ranges.tsv 192.0.2.1 10.0.0.1
	none|mailbox-lock -n --passwd-file $PWD/users joe
	none|mailbox-lock -n --new-password joe
	none|smtp-procs --odd
	none|leak-scan image
	none|webroot-check --root image --notes
	none|smtp-probe --no-auth us-east-1
	none|smtp-probe --relay-test -t 1 localhost:9
	END
}

each_writer() {	# FUNCTION
	local in c n=0
	while IFS='|' read -r in c; do
		n=$((n + 1))
		"$1" "$in" "$c" || { echo "failed: $c"; cat err; return 1; }
	done < <(writers)
	[ "$n" -ge 15 ]
}

written() {	# INPUT COMMAND OPTION: its output is in out
	local rc=0
	# shellcheck disable=SC2086 # words
	$2 -o "$3" <"$1" >out 2>err || rc=$?
	# what a reader or a plan may end with; unreachable lists are 75
	[[ $rc == 0 || $rc == 1 || $rc == 75 ]] || { echo "exit $rc"; return 1; }
	[ -s out ]
}

@test "type, id, time and from; at most 64 KiB; a plan says that it is one" {
	f() {
		written "$1" "$2" json || return 1
		jq -se --arg from "${2%% *}" 'all((.type | length > 0) and
			(.id | length > 0) and .from == $from and
			(.time | test("^2[0-9]{3}-[0-9-]+T[0-9:]+Z$")))' out \
			>/dev/null || { cat out; return 1; }
		[ "$(awk 'length > 65536' out | wc -l)" = 0 ] || return 1
		[[ $2 != *' -n '* ]] ||
			jq -se "all(.dry_run == true)" out >/dev/null || { cat out; return 1; }
	}
	each_writer f
}

@test "changed in a plan is what a real run would change" {
	local in c rc n=0
	while IFS='|' read -r in c; do
		[[ $c == *' -n '* ]] || continue
		n=$((n + 1))
		written "$in" "$c" json || { echo "$c"; cat err; false; }
		jq -se 'all(.dry_run == true and .changed == true)' out >/dev/null ||
			{ echo "$c"; cat out; false; }
	done < <(writers | grep -v -e 'restore -n' -e --scp)
	[ "$n" -ge 6 ]
	# and what is so already is false, without and with -n
	for c in 'ses-pause %s eu-central-1' 'exim-queue-purge %s --spool sp --queue-name K 1xUnbX-0004Fv-1l' \
		'iam-quarantine %s --watch=0 user/ses-smtp' \
		'iam-key-disable %s --user ses-smtp AKIASTOLENKEY0000001'; do
		# shellcheck disable=SC2059,SC2046 # its words
		set -- $(printf "$c" -y) && "$@" <none >out 2>err || { cat err; false; }
		# shellcheck disable=SC2059,SC2046
		set -- $(printf "$c" -n) && "$@" <none >out 2>err
		jq -se 'all(.dry_run == true and .changed == false and .ok)' out >/dev/null ||
			{ echo "$*"; cat out; false; }
	done
	iam-quarantine -y --undo user/ses-smtp >out
	jq -e .changed out
	iam-key-disable -y --undo --user ses-smtp AKIASTOLENKEY0000001 >out
	jq -e .changed out
}

@test "tsv and table: the same records, no control byte" {
	f() {
		local n
		written "$1" "$2" json || return 1
		n=$(wc -l <out)
		written "$1" "$2" tsv || return 1
		[ "$(wc -l <out)" -ge "$n" ] && grep -q $'\t' out || return 1
		[ "$(awk -F'\t' '{ print NF }' out | sort -u | wc -l)" = 1 ] ||
			return 1
		written "$1" "$2" table || return 1
		[ "$(wc -l <out)" -ge "$n" ] || return 1
		[ "$(LC_ALL=C grep -c '[[:cntrl:]]' out)" = 0 ] || return 1
	}
	each_writer f
}

@test "a plan is what a real run takes" {
	local c
	exim-queue-purge -n --spool sp --queue-name K \
		--auth-user billing@v.example >plan
	run -0 exim-queue-purge -y --spool sp --queue-name K <plan
	[ -e sp/K/input/1xUnbl-0004Fv-1l-H ]
	exim-quarantine restore -n --spool sp K >plan
	run -0 exim-quarantine restore -y --spool sp K - <plan
	[ -e sp/input/1xUnbl-0004Fv-1l-H ]
	ses-pause -n eu-north-1 >plan
	run -0 --separate-stderr ses-pause -y <plan
	jq -e '.changed and .sending == false' <<<"$output"
	iam-quarantine -n user/ses-smtp >plan
	run -0 iam-quarantine -y --watch=0 <plan
	run -0 iam-quarantine -y --undo <plan
	ec2-contain -n --smtp-only i-0a1b2c3d4e5f60001 >plan
	run -0 ec2-contain -y --smtp-only <plan
	run -0 ec2-contain -y --undo i-0a1b2c3d4e5f60001
	iam-key-disable -n --user ses-smtp AKIASTOLENKEY0000001 >plan
	run -0 iam-key-disable -y <plan
	[ "$(emu_world '.users["ses-smtp"].keys[0].status')" = '"Inactive"' ]
	emu_no_violations
}

@test "an unset variable is 64, never everything" {
	local c unset=
	for c in 'exim-queue --sender' 'exim-queue-purge -y --sender' \
		'cred-vault put -y' 'cred-vault get' 'cred-vault list --vault' \
		'cred-vault remove --confirm' 'cred-vault rotate-key -y --to' \
		'exim-queue-purge -y --auth-user' 'exim-queue-purge -y --queue-name' \
		'exim-quarantine restore -y' 'exim-queue-purge -y --where' 'iam-key-disable -y --user' \
		'ses-pause -y --confirm' 'ses-pause -y --region' \
		'ses-senders --principal' 'iam-keys --user' 'iam-keys --older-than' \
		'iam-quarantine -y --policy-name' 'iam-quarantine -y --key' \
		'ec2-contain -y --smtp-allow' 'ec2-contain -y --smtp-only --region' \
		'ses-rotate -y --key' 'abuse-ack -y --relay' 'exim-block -y --' \
		'exim-hold -y --backend' 'dnsbl-check --zone' 'incident show' \
		'chat-notify --to' 'abuse-parse --now' 'trail-search --key' \
		'trail-search --ip' 'ses-status --allow-list' 'ip-origin --db' \
		'ip-origin --field' 'sender-check --ses' 'sender-check --selector' \
		'sender-check' 'mail-refusals --table' 'mail-refusals --since' \
		'weblog-forms --mainlog' 'weblog-forms --vhost' 'weblog-forms --rules' \
		'smtp-procs --port' 'smtp-procs --watch' \
		'leak-scan' 'leak-scan --key' 'leak-scan --allow' \
		'mailbox-lock -y --passwd-file' 'mailbox-lock -y --owner' \
		'mailbox-lock -y --backend' \
		'maillog-suspects --account' 'maillog-suspects --ip' \
		'maillog-suspects --message-id' \
		'webroot-check --root' 'webroot-check --since' 'webroot-check'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr $c "$unset" <none
		[[ $status == 64 || ( $status == 65 && $c == exim-block* ) ]] ||
			{ echo "$c '': $status $stderr"; false; }
		[ -z "$output" ]
	done
	[ "$(emu_control GET 'calls?mutating=1' | jq 'map(select(.region == "us-east-1" and .service == "sesv2")) | length')" = 0 ]
	# and no selection at all
	for c in 'exim-queue-purge -y --spool sp --queue-name K' 'ses-pause -y' leak-scan \
		'iam-key-disable -y' 'iam-quarantine -y' 'ec2-contain -y --isolate' \
		exim-block\ -y dnsbl-check sender-check; do
		# shellcheck disable=SC2086
		run -64 $c <none
	done
	[ -e sp/input/1xUnbl-0004Fv-1l-H ]
}
