#!/usr/bin/env bats
# The step engine of the playbooks, with a small playbook of its own.

# shellcheck disable=SC2030,SC2031
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir incident
	cat >play <<END
#!/bin/bash
# play - a playbook for the test of the engine.
#
# usage: play

. "$QUELL_ROOT/playbooks/lib.sh"
pb_option() { pb_took=0; }
step_10_identify_a() { echo a >>"$BATS_TEST_TMPDIR/log"; pb_note x 1; }
step_20_contain_b() {
	echo "b \$pb_mode" >>"$BATS_TEST_TMPDIR/log"
	[ ! -f "$BATS_TEST_TMPDIR/code" ] || return "\$(cat "$BATS_TEST_TMPDIR/code")"
	false_is_not_fatal=\$(false) || true
}
step_30_report_c() { echo "c \$(pb_get x)" >>"$BATS_TEST_TMPDIR/log"; }
pb_parse "\$@"
pb_run
END
	chmod +x play
}

@test "a dry run is the default, changes nothing and says -n" {
	run -0 ./play
	[ "$(cat log)" = $'a\nb -n\nc 1' ]
	[ -z "$(ls incident)" ]
}

@test "--list and --help" {
	run -0 ./play --list
	[ "$output" = $'10_identify_a\n20_contain_b\n30_report_c' ]
	run -0 ./play --help
	[[ $output == *"a playbook for the test"* ]]
	run -64 ./play --wrong
	run -64 ./play --apply
	run -64 ./play --incident ''
}

@test "what is done is passed over" {
	run -0 ./play --apply --incident incident
	run -0 ./play --apply --incident incident
	[ "$(cat log)" = $'a\nb -y\nc 1' ]
	[[ $output == *"10_identify_a: done before"* ]]
	[ -s incident/SHA256SUMS ]
	(cd incident && sha256sum --quiet -c SHA256SUMS)
}

@test "a failure stops it, and the next run resumes there" {
	echo 69 >code
	run -69 ./play --apply --incident incident
	[ "$(cat incident/steps/20_contain_b/exit)" = 69 ]
	[ ! -e incident/steps/20_contain_b/done ]
	rm code
	run -0 ./play --apply --incident incident
	[ "$(cat log)" = $'a\nb -y\nb -y\nc 1' ]
}

@test "a failing command inside a step fails the step" {
	sed -i 's/^step_30.*/step_30_report_c() { false; echo never; }/' play
	run -1 ./play --apply --incident incident
	[ ! -s incident/steps/30_report_c/stdout ]
}

@test "only 75 is tried again, and not for ever" {
	echo 75 >code
	QUELL_RETRIES=2 run -75 ./play --apply --incident incident
	[ "$(grep -c '^b' log)" = 2 ]
}

@test "79 stops it with the question to settle" {
	echo 79 >code
	run -79 ./play --apply --incident incident
	[ "$(grep -c '^b' log)" = 1 ]
	[[ $output == *"unknown; settle it by reading"* ]]
}

@test "--from begins later" {
	run -0 ./play --apply --incident incident --from 20
	[ "$(cat log)" = $'b -y\nc ' ]
}

@test "two runs at a time do not happen" {
	exec 8>incident/lock
	flock 8
	QUELL_LOCK_WAIT=1 run -75 ./play --apply --incident incident 8>&-
	exec 8>&-
}

@test "a word reaches a program behind ssh as it is, whatever shell is there" {
	mkdir bin
	cat >bin/ssh <<-'END'
		#!/bin/sh
		# as ssh does: the words in one, to the shell of the account
		shift
		exec "$REMOTE_SHELL" -c "$*"
	END
	chmod +x bin/ssh
	PATH=$PWD/bin:$PATH
	sed -i 's/^step_10.*/step_10_identify_a() { pb_host printf "<%s>" "${words[@]}"; }/' play
	cat >>play.words <<-'END'
		words=("it's" '$(touch hacked)' '`touch hacked`' 'a;touch hacked' ''
			$'new\nline'"';touch hacked;'" '*' '-n' $'\\' '~' 'x"y' $'\t')
	END
	sed -i '/^pb_option/r play.words' play
	printf '<%s>' "it's" '$(touch hacked)' '`touch hacked`' 'a;touch hacked' '' \
		$'new\nline'"';touch hacked;'" '*' '-n' $'\\' '~' 'x"y' $'\t' >want
	for REMOTE_SHELL in dash bash sh; do
		export REMOTE_SHELL
		command -v $REMOTE_SHELL >/dev/null || continue
		for prefix in "ssh mail1" "$PWD/bin/ssh mail1" \
			"timeout 9 ssh mail1" "env X=1 ssh mail1" "" "env X=1"; do
			rm -rf incident
			QUELL_MAILHOST_CMD=$prefix run -0 ./play --apply --incident incident
			cmp want incident/steps/10_identify_a/stdout
		done
	done
	[ ! -e hacked ]
}

# What a mail host is for these: the programs of $PWD/host.
host() {
	mkdir -p host
	cat >"host/$1"
	chmod +x "host/$1"
	export QUELL_MAILHOST_CMD="env PATH=$PWD/host:$PATH"
}

ask() {	# COMMAND...: in the engine's shell
	bash -c '. "$0"; "$@"' "$QUELL_ROOT/playbooks/lib.sh" "$@" </dev/null
}

@test "pb_credential: of a lookup file and of passwd.client; else there is none" {
	printf '%s\n' '# comment' 'user: AKIAX' 'pass: pw/1+' \
		'pass.eu-west-1: pw:2' >ses.pw
	printf '%s\n' '# comment' 'mx.example:me:other' \
		'*.amazonaws.com:AKIAX:pw:with:colons' '*:AKIAX:second' >passwd.client
	place() {	# KIND FILE [MORE]
		jq -nc --arg k "$1" --arg f "$2" '{kind: $k, id: "\($f):7",
			user: "AKIAX"}' >places
	}
	place lookup-file "$PWD/ses.pw"
	run -0 ask pb_credential places AKIAX
	[ "$output" = $'username=AKIAX\npassword=pw/1+\npassword.eu-west-1=pw:2' ]
	run -1 ask pb_credential places AKIAY
	[ -z "$output" ]
	place passwd.client "$PWD/passwd.client"
	run -0 ask pb_credential places AKIAX
	[ "$output" = $'username=AKIAX\npassword=pw:with:colons' ]
	place authenticator "$PWD/ses.pw"
	run -1 ask pb_credential places AKIAX
	place lookup-file "$PWD/nothing"
	run ask pb_credential places AKIAX
	[ "$status" != 0 ]
	[[ $output != *password* ]]
}

@test "pb_deliver: only the log's word counts" {
	host exim4 <<-END
	#!/bin/bash
	case \$1 in
	-bP) echo "log_file_path = \$(cat '$PWD/where')" ;;
	*)
		id=\$(sed -n 's/^Message-ID: <\(.*\)>/\1/p')
		echo "2026-11-21 22:00:00 1xUtVi-0006tA-0D <= \$3 id=\$id" >>'$PWD/mainlog'
		[ ! -e '$PWD/fate' ] || echo "2026-11-21 22:00:01 1xUtVi-0006tA-0D \$(cat '$PWD/fate') x@y.example" >>'$PWD/mainlog'
		;;
	esac
	END
	echo "$PWD/%slog" >where
	run -66 ask pb_deliver a@b.example x@y.example
	echo '=>' >fate
	rm mainlog
	run -0 ask pb_deliver a@b.example x@y.example
	[[ $output == *' => x@y.example' ]]
	echo '==' >fate
	rm mainlog
	run -75 ask pb_deliver a@b.example x@y.example
	echo '**' >fate
	rm mainlog
	run -1 ask pb_deliver a@b.example x@y.example
	echo syslog >where
	run -66 ask pb_deliver a@b.example x@y.example
	[[ $output == *"the mail log is no file"* ]]
}

@test "pb_hands: what AWS may refuse is told; stolen hands stop it" {
	mkdir bin
	printf '#!/bin/sh\necho "$*" >>args; exit "$(cat preflight)"\n' \
		>bin/aws-preflight
	chmod +x bin/aws-preflight
	sed -i '/^step_20/,/^}/c step_20_identify_hands() { pb_hands ses-smtp; }' play
	for code in 0 1 3 69; do
		echo "$code" >preflight
		PATH=$PWD/bin:$PATH run -0 ./play
		[ "$code" = 0 ] || [[ $output == *"preflight: exit $code: AWS may refuse"* ]]
	done
	[ "$(sort -u args)" = --compromised=ses-smtp ]
	echo 77 >preflight
	PATH=$PWD/bin:$PATH run -77 ./play
}

@test "pb_ended: the time of a step, or that it was not done" {
	sed -i '/^step_30/c step_30_report_c() { echo "$(pb_ended 10_identify_a) and $(pb_ended 25_none)" >>"'"$PWD"'/log"; }' play
	run -0 ./play --apply --incident incident
	grep -qE '^[0-9-]{10}T[0-9:]{8}Z and \(not done\)$' log
}

@test "no playbook writes the journal by words of its own" {
	run -0 grep -lE '^[^"]*incident log|"note"\} \+' "$QUELL_ROOT"/playbooks/*
	[ "$output" = "$QUELL_ROOT/playbooks/lib.sh" ]
	run ! grep -nE '^(journal|note|ended)\(\)' "$QUELL_ROOT"/playbooks/*
}

@test "another playbook's folder, a step that is none, what is missing" {
	run -0 ./play --apply --incident incident --until 20
	[[ $output == *'done until 20'* ]]
	[ ! -e incident/steps/30_report_c ]
	cp play other
	run -64 ./other --apply --incident incident
	[[ $output == *'incident is an incident of play: other needs a folder of its own'* ]]
	run -64 ./other --incident incident
	# one that says that it joins does
	sed 's/^pb_parse/pb_joins=yes; pb_parse/' play >other
	run -0 ./other --apply --incident incident
	run -0 ./play --apply --incident incident
	run -64 ./play --from 33
	[[ $output == *'no step begins with 33: play --list'* ]]
	run -64 ./play --until 9
	run -0 ./play --incident nowhere
	[[ $output == *'nowhere: there is no such incident yet'* ]]
	mkdir few
	for c in bash sed dirname readlink grep sort jq flock; do
		ln -s "$(command -v "$c")" few/
	done
	PATH=$PWD/few run -66 ./play
	[[ $output == *'not in PATH: incident'* ]]
}
