#!/usr/bin/env bats
# What a real Exim sends, byte for byte, for each place and each character
# that means something to Exim.

# shellcheck disable=SC2154,SC2016,SC2086,SC1003
load lib/quell
load lib/creds

setup_file() {
	local n also=()
	for n in inline quoted macro semi bar look raw read inc; do
		also+=(--mechanism "LOGIN-$n")
	done
	for n in plain qplain wrapped plook; do
		also+=(--mechanism "PLAIN-$n")
	done
	creds_sink "${also[@]}"
}

teardown_file() {
	creds_stop
}

# An authenticator that is used for the host NAME.quell.test only. Exim wants
# each to have a mechanism of its own.
place() {	# NAME PLAIN|LOGIN TEXT
	printf '%s:\n  driver = plaintext\n  public_name = %s-%s\n' "$1" "$2" "$1"
	printf '  client_condition = ${if eq{$host}{%s.quell.test}}\n' "$1"
	printf '%s\n' "$3"
}

setup() {
	creds_available
	cd "$BATS_TEST_TMPDIR" || return 1
	D=$PWD/x
}

names='inline quoted plain qplain macro semi bar wrapped look raw plook read inc'

everywhere() {
	local n hosts
	hosts=$(for n in $names; do printf '%s.quell.test,' "$n"; done)
	creds_make "$(
		echo 'SMTP_PW = old'
		echo 'SECRETWORD = x'
		place inline LOGIN '  hide client_send = : me : old'
		place quoted LOGIN '  client_send = ": me : old"'
		place plain PLAIN '  client_send = ^me^old'
		place qplain PLAIN '  client_send = "\
    ^me^old\
    "'
		place macro LOGIN '  client_send = : me : SMTP_PW'
		place semi LOGIN '  client_send = <; ; me ; old'
		place bar LOGIN '  client_send = <| |me|old'
		place wrapped PLAIN '  client_send = ${if eq{a}{a}{^me^old}fail}'
		place look LOGIN "  client_send = : \${lookup{user}lsearch{$D/look.pw}{\$value}fail} : \\
    \${sg{\${lookup{pass}lsearch{$D/look.pw}{\$value}fail}}{\\N[\\^]\\N}{^^}}"
		place raw LOGIN "  client_send = : me : \${lookup{pass}lsearch{$D/raw.pw}}"
		place plook PLAIN "  client_send = ^me^\${sg{\${lookup{pass}lsearch{$D/plook.pw}{\$value}fail}}{\\N[\\^]\\N}{^^}}"
		place read LOGIN "  client_send = : me : \${readfile{$D/read.pw}{}}"
		echo ".include $D/inc.conf"
	)" hosts="${hosts%,}"
	place inc LOGIN '  client_send = : me : old' >x/inc.conf
	printf 'user: me\npass: old\n' >x/look.pw
	printf 'pass old\n' >x/raw.pw
	printf 'pass:old\n' >x/plook.pw
	printf 'old\n' >x/read.pw
	chmod 640 x/*.pw
	chgrp "$(<x/exim.uid)" x/*.pw
}

arrives() {	# USER SECRET NAME...
	local user=$1 secret=$2 n
	shift 2
	for n; do
		exim_delivery "$X" smarthost \
			"$n.quell.test::$(sink_port "$CREDS_SINK")"
		sends "$user" "$secret" || {
			echo "$n does not send $secret"
			return 1
		}
	done
}

put() {	# USER SECRET
	creds_block "$1" "$2" >new
	chmod 600 new
	exim-creds --put -y --from-file new >out || return
	[ "$(jq -s 'map(select(.changed and .managed)) | length' out)" = 13 ] ||
		{ cat out; return 1; }
}

@test "all of them in one secret, in every place" {
	local s='s/+=%&,:a::b:::$1${x}$$\n\\\x41^b^^c"q'"'"'#;d;;|e||{f}}{ <g SMTP_PW SECRETWORD \N[^]\N!~`@*()?.-_é'
	everywhere
	# shellcheck disable=SC2086
	arrives me old $names
	put me2 "$s"
	# shellcheck disable=SC2086
	arrives me2 "$s" $names
	run -0 --separate-stderr exim-creds
	[ "$(jq -s 'map(select(.user == "me2")) | length' <<<"$output")" = 13 ]
	creds_block me2 "$s" >new
	run -0 --separate-stderr exim-creds --compare --from-file new
	[ "$(jq -s 'map(select(.same_password)) | length' <<<"$output")" = 13 ]
	# the same once more: nothing to do
	run -0 --separate-stderr exim-creds --put -y --from-file new
	jq -se 'all(.changed == false)' <<<"$output"
}

@test "each of them first and last" {
	local s
	everywhere
	for s in ':<x:' '<:x\' '#$x$'; do
		put "u$RANDOM" "$s"
		user=$(sed -n 's/^username=//p' new)
		arrives "$user" "$s" inline quoted plain qplain macro semi \
			bar wrapped raw
	done
}

@test "the rest of them" {
	local s
	everywhere
	for s in '"x"' ';\x^' '|{x};' '}x|'; do
		put "u$RANDOM" "$s"
		user=$(sed -n 's/^username=//p' new)
		arrives "$user" "$s" inline quoted plain qplain macro semi \
			bar wrapped raw
	done
}

@test "a user with them" {
	local u='u$1\n"#;{x}'
	everywhere
	put "$u" 'new'
	# shellcheck disable=SC2086
	arrives "$u" new $names
}
