#!/usr/bin/env bats
# Where secrets go: strace sees every program that is started, every file
# that is made and every byte that is written, under a umask that hides
# nothing.

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell
load lib/peers
load aws/shared.bash

setup() {
	command -v strace >/dev/null || skip "no strace"
	no_leak_check
	cd "$BATS_TEST_TMPDIR" || return
	sink=$BATS_TEST_TMPDIR/sink
	data=$QUELL_ROOT/tests/data
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	emu_env
	# the responder's own key: in a file, as it is in no environment then
	(umask 077 && printf '[default]\n%s = %s\n%s = %s\n' \
		aws_access_key_id "$AWS_ACCESS_KEY_ID" \
		aws_secret_access_key "$AWS_SECRET_ACCESS_KEY" >aws.credentials
		printf '%s\n' "$AWS_SECRET_ACCESS_KEY" >secrets)
	export AWS_SHARED_CREDENTIALS_FILE=$PWD/aws.credentials
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	emu_control POST clear_faults >/dev/null
	emu_set '{"preset": "immediate"}'
	umask 000
}

teardown() {
	sink_stop "$sink" || true
}

secret() {	# FILE SECRET: a file of ours, and a secret to look for
	(umask 077 && printf '%s\n' "$2" >"$1" && printf '%s\n' "$2" >>secrets)
}

traced() {	# N COMMAND...: it exits with N; the trace is in ./trace
	local want=$1 got=0
	shift
	touch before
	strace -f -v -y -s 100000 -o trace -e trace=execve,execveat,openat,open,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,write,writev,pwrite64,sendto,sendmsg,sendmmsg,read,recvfrom,recvmsg,prctl \
		"$@" >stdout 2>stderr || got=$?
	[ "$got" = "$want" ] || {
		echo "$* exited $got, not $want"
		cat stdout stderr
		return 1
	}
}

clean() {	# [OPTION...]: of secret_trace.py
	python3 "$QUELL_ROOT/tests/lib/secret_trace.py" trace secrets "$@"
	run ! grep -F -f secrets stdout stderr
	# nothing that was made is open to anybody else
	[ -z "$(find . -path ./sink -prune -o -newer before -not -name trace \
		-not -name std\* -type f -perm /077 -print)" ]
	[ -z "$(find state incidents -perm /077 2>/dev/null)" ]
}

open_incident() {
	incident open <"$data/report-initial.json" | jq -r .dir
}

@test "the judge itself: it finds a secret in argv, environment, file, mode" {
	echo aSecretOfManyLetters >secrets
	judge() {
		traced 0 "$@"
		run -1 python3 "$QUELL_ROOT/tests/lib/secret_trace.py" \
			trace secrets
	}
	judge echo aSecretOfManyLetters
	[[ $output == *"handed to a program"* ]]
	judge env X=aSecretOfManyLetters true
	[[ $output == *"handed to a program"* ]]
	(umask 077 && echo aSecretOfManyLetters >s)
	judge dd if=s of=t status=none
	[[ $output == *"written to $PWD/t"* ]]
	judge sh -c 'base64 <s >t'
	[[ $output == *"written to $PWD/t"* ]]
	judge sh -c ': >u'
	[[ $output == *"open to others"* ]]
}

@test "ses-rotate: the new passwords are in --out only, never open to others" {
	local old='st0len/+SecretKeyForTheSmtpUser/0000009+' dir
	emu_key "$(jq -nc --arg s "$old" '{user: "traced", secret: $s,
		id: "AKIASTOLEN9999999999",
		groups: ["AWSSESSendingGroupDoNotRename"]}')" >/dev/null
	secret old.secret "$old"
	python3 "$QUELL_ROOT/tests/drill/smtp_password.py" us-east-1 \
		<old.secret >>secrets
	dir=$(open_incident)
	traced 0 ses-rotate -y -v --key=AKIASTOLEN9999999999 --proofs=1 \
		--wait=8 --old-secret-file=old.secret --out=new.cred \
		--from=info@shop.example.net --incident "$dir"
	sed -n 's/^pass: //p' new.cred >>secrets
	clean --file new.cred
	[ "$(stat -c %a new.cred)" = 600 ]
	grep -q '<SecretAccessKey>' trace
	run ! grep -rF -f secrets "$dir"
}

@test "ses-rotate: a file of a group is open to it only when it is whole" {
	emu_key '{"user": "grouped", "id": "AKIASTOLEN8888888888",
		"groups": ["AWSSESSendingGroupDoNotRename"]}' >/dev/null
	traced 0 ses-rotate -y --key=AKIASTOLEN8888888888 --proofs=1 --wait=8 \
		--out=new.cred --group="$(id -gn)"
	sed -n 's/^pass: //p' new.cred >>secrets
	[ "$(stat -c %a new.cred)" = 640 ]
	# made 0600, and 0640 after the last byte
	run -0 awk '/new.cred.new/ && /O_EXCL/ { made = /, 0600\)/ }
		/write\(/ && /new.cred.new/ { late = opened }
		/fchmod\(/ && /new.cred.new/ { opened = / 0640\)/ }
		END { exit !(made && opened && !late) }' trace
	sed -i '/fchmod(.*new.cred.new.*0640)/d' trace
	python3 "$QUELL_ROOT/tests/lib/secret_trace.py" trace secrets \
		--file new.cred
}

@test "ses-rotate: into the vault, and by a pipe to who publishes it" {
	local old='st0len/+SecretKeyForTheSmtpUser/0000007+' dir pw
	emu_key "$(jq -nc --arg s "$old" '{user: "piped", secret: $s,
		id: "AKIASTOLEN7777777777",
		groups: ["AWSSESSendingGroupDoNotRename"]}')" >/dev/null
	secret old.secret "$old"
	(umask 077 && head -c 32 /dev/urandom >vault.key && chmod 400 vault.key
		printf '#!/bin/sh\numask 077\ncat >"$1"\n' >take && chmod 700 take)
	dir=$(open_incident)
	traced 0 ses-rotate -y -v --key=AKIASTOLEN7777777777 --proofs=1 --over=0 \
		--wait=8 --old-secret-file=old.secret --vault="$PWD/vault" \
		--vault-key="file:$PWD/vault.key" --host-checked='a test' \
		--publish="$PWD/take $PWD/pub" --verify="test -s $PWD/pub" \
		--incident "$dir"
	grep -q 'execve("[^"]*/take"' trace
	grep -q '<SecretAccessKey>' trace
	pw=$(sed -n 's/^password=//p' pub)
	[ "${#pw}" = 44 ]
	echo "$pw" >>secrets
	# the shell of that script says 0666, its umask makes it 0600
	[ "$(stat -c %a pub)" = 600 ]
	sed -i '/pub", O_WRONLY|O_CREAT|O_TRUNC, 0666)/d' trace
	clean --file pub --pipe
	run ! grep -rF -f secrets "$dir" vault
	# the second run, which publishes out of the vault
	sed -i 's/"publish":{[^}]*}/"publish":{}/; s/"finish":{[^}]*}/"finish":{}/' \
		"$dir/state/ses-rotate.json"
	rm pub
	traced 0 ses-rotate -y -v --resume --proofs=1 --over=0 --incident "$dir"
	[ -s pub ]
	# the shell of that script says 0666, its umask makes it 0600
	[ "$(stat -c %a pub)" = 600 ]
	sed -i '/pub", O_WRONLY|O_CREAT|O_TRUNC, 0666)/d' trace
	clean --file pub --pipe
}

@test "iam-key-disable: the key's secret signs, and goes nowhere" {
	local dir
	emu_key '{"user": "signer"}' >key.json
	secret key.secret "$(jq -r .secret key.json)"
	dir=$(open_incident)
	traced 0 iam-key-disable -y -v --key-secret-file=key.secret \
		--incident "$dir" "$(jq -r .id key.json)"
	jq -e '.proof == "signed-call"' stdout
	rm key.json
	clean
	run ! grep -rF -f secrets "$dir"
}

@test "abuse-ack: the relay's password goes over TLS, and nowhere else" {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem \
		-out cert.pem -days 2 -subj /CN=relay.localhost \
		-addext subjectAltName=DNS:relay.localhost 2>/dev/null
	secret pw 'aPasswordOfTheRelay'
	smtp_sink_start "$sink" --cert cert.pem --key key.pem \
		--auth u:aPasswordOfTheRelay --require-auth --require-tls
	traced 0 abuse-ack -y -v --relay "relay.localhost:$(sink_port "$sink")" \
		--ca-file cert.pem --relay-user u --relay-password-file pw \
		<"$data/report-initial.json"
	jq -e '.auth == "u" and .tls' "$sink/log.jsonl"
	clean
	run ! grep -rF -f secrets incidents
}

@test "abuse-ack --sendmail: the program gets a fresh environment" {
	cat >mta <<-'END'
		#!/bin/sh
		cat >/dev/null
	END
	chmod 700 mta
	AWS_SECRET_ACCESS_KEY=$(cat secrets) traced 0 \
		abuse-ack -y --sendmail "$PWD/mta" <"$data/report-initial.json"
	# we had it, the child has not
	grep -F -f secrets trace | grep -q 'execve(.*abuse-ack'
	run -0 grep "execve(\"$PWD/mta\"" trace
	[[ $output == *PATH=* ]]
	run ! grep -F -f secrets <<<"$output"
}

@test "chat-notify: the URL is in the request and nowhere else" {
	local dir
	mkdir "$sink"
	http_sink_start "$sink"
	secret slack.url \
		"http://127.0.0.1:$(sink_port "$sink")/hook/slack?sig=s3cr3tSignature"
	echo s3cr3tSignature >>secrets
	dir=$(open_incident)
	traced 0 chat-notify --to slack:slack.url --incident "$dir" -v \
		<"$data/report-initial.json"
	# its output is the report, byte for byte
	cmp stdout "$data/report-initial.json"
	clean --socket
	run ! grep -rF -f secrets "$dir"
	traced 0 chat-notify -n --to slack:slack.url <"$data/report-initial.json"
	clean
	# a login in the URL would be shown, or sent in the clear
	for url in https://u:s3cr3t@x.example/y http://127.0.0.1:80@x.example/ \
		http://localhost:@x.example/y; do
		secret bad.url "$url"
		run -78 --separate-stderr chat-notify -n --to json:bad.url </dev/null
		[[ $stderr != *s3cr3t* ]]
	done
}

@test "cred-vault: sealed; out of it only where it was asked for" {
	local dir f
	export QUELL_VAULT=$PWD/v QUELL_VAULT_KEY=file:$PWD/k
	(umask 077 && printf 'username=AKIAINTHEVAULT000001\npassword=%s\n' \
		's3/cretOfTheVault+1=' >block)
	secret one 's3/cretOfTheVault+1='
	dir=$(open_incident)
	traced 0 cred-vault put -y -v ses --incident "$dir" <block
	clean
	[ "$(stat -c %a v k)" = $'600\n400' ]
	traced 0 cred-vault list --all -v
	clean
	traced 0 cred-vault rotate-key -y --to="file:$PWD/k2" --incident "$dir"
	clean
	traced 0 cred-vault put -y ses <<<'password=other'
	traced 0 cred-vault remove ses --revision=2 --confirm=ses
	clean
	run ! grep -raF -f secrets "$dir" state v v~ k k2
	for f in exim env; do
		traced 0 cred-vault get ses "--$f-file=out.$f"
		clean --file "out.$f"
		grep -qF -f secrets "out.$f"
	done
	# a group's: made 0600, and 0640 after the last byte
	traced 0 cred-vault get ses --exim-file=grouped --group="$(id -gn)"
	run -0 awk '/grouped.new/ && /O_EXCL/ { made = /, 0600\)/ }
		/write\(/ && /grouped.new/ { late = opened }
		/fchmod\(/ && /grouped.new/ { opened = / 0640\)/ }
		END { exit !(made && opened && !late) }' trace
	# into a pipe, and not to standard error
	traced 0 sh -c 'exec cred-vault get ses -v 3>&1 >&2 2>/dev/null --fd=3'
	grep -qF -f secrets stdout
	rm stdout out.*
}

@test "cred-vault: keys of AWS, and files of before, leave nothing behind" {
	(umask 077 && printf 'SMTP_USERNAME=u\nSMTP_PASSWORD=%s\n' \
		's3/cretOfTheVault+2=' >plain)
	secret pass aPassPhraseOfWords
	echo 's3/cretOfTheVault+2=' >>secrets
	openssl enc -aes-256-cbc -a -pbkdf2 -in plain -out old.enc \
		-pass file:pass
	rm plain
	for to in kms:alias/quell-vault secretsmanager:traced; do
		traced 0 cred-vault import -y -vv --pass-file=pass old.enc \
			--vault="v.${to%%:*}" --vault-key="$to" --create-key
		clean
		traced 0 cred-vault list --vault="v.${to%%:*}" -vv
		clean
		# the wrapping key, on its way there
		run ! grep -E 'Secret(Binary|String)":"[^*]' stderr
	done
}

@test "cred-vault: while it runs, secrets are on the secure heap and nowhere else" {
	local pid
	[[ $QUELL_B != *asan* ]] || skip "the sanitizer keeps what was freed"
	[ "$(id -u)" = 0 ] || skip "needs root: it reads another process's memory"
	export QUELL_VAULT=$PWD/v
	umask 077
	local pw='s3/cretOfTheVault+3=' key=aWrappingKeyOfThirtyTwoCharacter
	printf '%s' "$key" >k
	printf 'username=u\npassword=%s\nx=%s\n' "$pw" "$pw" >block
	printf 'PASSWORD=%s\n' "$pw" >plain
	openssl enc -aes-256-cbc -a -pbkdf2 -in plain -out old.enc \
		-pass pass:aPassPhraseOfWords
	echo aPassPhraseOfWords >pass
	rm plain
	cred-vault put -y ses --vault-key="file:$PWD/k" <block >/dev/null
	mkfifo full
	exec 7<>full
	dd if=/dev/zero of=full bs=65536 count=1 oflag=nonblock status=none
	# each stands still where it would write its record: all is still open
	looked() {	# INPUT COMMAND...
		"${@:2}" <"$1" >full 2>err 3>&- 7>&- &
		pid=$!
		peers_wait 5 grep -q 'pipe_write\|^0' "/proc/$pid/wchan"
		sleep 0.3
		kill -0 "$pid" || { cat err; return 1; }
		run -0 python3 "$QUELL_ROOT/tests/lib/memory.py" "$pid" \
			"$pw" "$key" aPassPhraseOfWords
		kill -9 "$pid"
		wait "$pid" || true
		jq -e 'all(.outside == [])' <<<"$output" || {
			echo "${*:2}: $output"
			return 1
		}
	}
	printf 'password=%s\n' "$pw" >other
	looked other cred-vault put -y two
	looked block cred-vault put -y ses
	looked /dev/null cred-vault list
	looked /dev/null cred-vault get ses --exim-file="$PWD/x"
	looked /dev/null cred-vault get ses --env-file="$PWD/y"
	looked /dev/null cred-vault rotate-key -y --to="file:$PWD/k"
	looked /dev/null cred-vault import -y --pass-file=pass old.enc
	exec 7>&-
}

@test "every command: no core, not dumpable, nothing of it can be read" {
	[[ $QUELL_B != *asan* ]] || skip "the sanitizer's build stays dumpable"
	local c pid who=()
	[ "$(id -u)" != 0 ] || ! setpriv --reuid=65534 --regid=65534 \
		--clear-groups "$QUELL_B/bin/incident" --version >/dev/null 2>&1 ||
		who=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	mkfifo pipe
	exec 7<>pipe
	# full: who writes to it waits
	dd if=/dev/zero of=pipe bs=65536 count=1 oflag=nonblock status=none
	for c in "$QUELL_ROOT"/cmd/*.c; do
		c=${c##*/}
		${who[@]+"${who[@]}"} "$QUELL_B/bin/${c%.c}" --help \
			>pipe 2>/dev/null 3>&- 7>&- &
		pid=$!
		peers_wait 5 grep -q 'pipe_write\|^0' "/proc/$pid/wchan" || true
		peers_wait 5 grep -q '^Max core file size  *0  *0 ' \
			"/proc/$pid/limits" || {
			echo "$c: core files"
			false
		}
		# root's, and closed to the user whose process it is
		if [ ${#who[@]} != 0 ] || [ "$(id -u)" != 0 ]; then
			peers_wait 5 eval '[ "$(stat -c %u "/proc/$pid/environ")" = 0 ]'
		fi
		kill "$pid"
		wait "$pid" || true
		strace -o trace -e trace=prctl "$QUELL_B/bin/${c%.c}" -V >/dev/null
		grep -q 'PR_SET_DUMPABLE, SUID_DUMP_DISABLE) *= 0' trace
	done
	exec 7>&-
}
