#!/usr/bin/env bats
# exim-queue, exim-queue-purge, exim-quarantine: the ids of 23 characters that
# Exim writes since 4.97, in files as Exim 4.99.1 leaves them: a login with an
# ACL variable that lies, partly delivered; another one; a PHP script; a bounce
# shellcheck disable=SC2030,SC2031,SC2154 # bats: subshells, and $stderr

load lib/quell
load lib/spool

SPAM=1xUxEr-000000003pF-2rNo
HONEST=1xUxEr-000000003q5-364U
PHP=1xUxEr-000000003qf-3l9F
BOUNCE=1xUxEs-000000003t3-20sc

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	cp -r "$BATS_TEST_DIRNAME/data/spool-4.99" sp
	sums sp >before
}

# the same messages as a split spool has them
split() {
	local f id
	for f in sp/input/*-H; do
		id=$(basename "$f" -H)
		mkdir -p "sp/input/${id:5:1}" "sp/msglog/${id:5:1}"
		mv "sp/input/$id"-? "sp/input/${id:5:1}/"
		mv "sp/msglog/$id" "sp/msglog/${id:5:1}/"
	done
	sums sp >before
}

@test "every field is read" {
	run -0 --separate-stderr exim-queue --spool sp
	[ "$(ids <<<"$output")" = "$SPAM $HONEST $PHP $BOUNCE" ]
	jq -se --arg id $SPAM '.[] | select(.id == $id) | .sender ==
		"info@forged.example" and .auth_user == "billing@victim.example"
		and .host == "127.0.0.1" and .helo == "WIN-ATTACKER" and
		.protocol == "esmtpa" and .subject == "Your invoice überdue" and
		.recipient_count == 3 and .delivered_count == 1 and .tried and
		.received == "2026-11-22T02:23:33Z" and
		(has("unknown_flag") | not)' <<<"$output"
	jq -se --arg id $PHP '.[] | select(.id == $id) | .auth_user ==
		"www-data" and .ident == "www-data" and .protocol == "local" and
		.auth_sender == "www-data@victim.example" and
		.script == "33:mailer.php" and .recipient_count == 2' <<<"$output"
	jq -se --arg id $BOUNCE '.[] | select(.id == $id) | .sender == "<>" and
		.tried == false and .recipients == ["eve@victim.example"] and
		(has("auth_user") | not)' <<<"$output"
	# as exim -bp said it: headers and body, 335 bytes
	jq -se --arg id $SPAM '.[] | select(.id == $id) | .size == 335' \
		<<<"$output"
}

@test "selections find what they mean, and not who is lied about" {
	for split in no yes; do
		[ $split = no ] || split
		run -0 --separate-stderr exim-queue --spool sp \
			--auth-user billing@victim.example
		[ "$(ids <<<"$output")" = $SPAM ]
		run -0 --separate-stderr exim-queue --spool sp \
			--auth-user ceo@victim.example
		[ -z "$output" ]
		run -0 --separate-stderr exim-queue --spool sp --script mailer.php
		[ "$(ids <<<"$output")" = $PHP ]
		run -0 --separate-stderr exim-queue --spool sp --bounces
		[ "$(ids <<<"$output")" = $BOUNCE ]
		run -0 --separate-stderr exim-queue --spool sp --body Tomorrow
		[ "$(ids <<<"$output")" = $HONEST ]
		run -0 --separate-stderr exim-queue --spool sp $BOUNCE
		[ "$(ids <<<"$output")" = $BOUNCE ]
	done
}

@test "they are taken away, verified and brought back byte for byte" {
	for split in no yes; do
		[ $split = no ] || split
		run -0 --separate-stderr exim-queue-purge --spool sp --queue-name Q \
			--auth-user billing@victim.example --yes=1
		jq -e '.changed == false and .why == "partly delivered: left"' \
			<<<"$output"
		run -0 --separate-stderr exim-queue-purge --spool sp --queue-name Q \
			--partly-delivered --where 'auth_user = billing@victim.example
			or script = mailer.php' --yes=2
		[ "$(ids <<<"$output")" = "$SPAM $PHP" ]
		jq -se 'all(.changed and .ok)' <<<"$output"
		[ "$(exim-queue --spool sp | ids)" = "$HONEST $BOUNCE" ]
		[ "$(exim-queue --spool sp --queue Q | ids)" = "$SPAM $PHP" ]
		run -0 --separate-stderr exim-quarantine verify --spool sp Q
		jq -se 'length == 2 and all(.ok and .source == "")' <<<"$output"
		run -0 --separate-stderr exim-quarantine restore --spool sp Q --yes=2
		[ "$(ids <<<"$output")" = "$SPAM $PHP" ]
		sums sp | diff before -
	done
}

@test "the lock covers the 26 bytes that Exim locks" {
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" run -0 \
		--separate-stderr strace -f -e trace=fcntl -o trace exim-queue-purge \
		--spool sp --queue-name Q $HONEST -y
	grep -q 'F_SETLK.*l_len=26' trace
}
