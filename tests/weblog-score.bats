#!/usr/bin/env bats
# weblog-forms: what each rule of the score says of small logs in which one
# thing is strange, or only looks so

# shellcheck disable=SC2030,SC2031,SC2154
load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export TZ=UTC
	echo 'www.a.example: web' >users
	: >mainlog
}

# post PATH N [GAP [NETS [DAY [HOUR [REFERER [MAILS [TO]]]]]]]: so many POSTs,
# so many seconds apart, from as many networks; with each MAILS mails to TO,
# where %d is another number each time; - is none
post() {
	awk -v path="$1" -v n="$2" -v gap="${3:-30}" -v nets="${4:-50}" \
		-v day="${5:-21}" -v hour="${6:-9}" -v ref="${7:--}" \
		-v mails="${8:-0}" -v to="${9:-u%d@z.example}" '
	BEGIN {
		for (i = 0; i < n; i++) {
			t = hour * 3600 + i * gap
			at = sprintf("%02d:%02d:%02d", int(t / 3600) % 24,
			    t / 60 % 60, t % 60)
			d = day + int(t / 86400)
			printf "www.a.example 10.%d.7.9 - - [%02d/Nov/2026:%s +0000] \"POST %s HTTP/1.1\" 200 9 \"%s\" \"Mozilla/5.0 (%d)\"\n",
			    i % nets, d, at, path, ref, i % 7
			for (k = 0; k < mails; k++) {
				who = to
				sub(/%d/, day * 1000000 + i * 100 + k, who)
				printf "2026-11-%02d %s 1x%04d-%011d-%04d <= w@a.example U=web P=local S=9 for %s\n",
				    d, at, day * 100 + hour, i, k, who >>"mainlog"
			}
		}
	}'
}

# form FILTER [OPTION...]: of what is said of ./log with the mail
form() {
	local filter=$1
	shift
	sort -s -t'[' -k2,2 log >sorted
	sort mainlog >mails
	run -0 --separate-stderr weblog-forms --utc --min 0 "$@" sorted
	jq -s -e '(.[0].signals | map({(.signal): .points}) | add) as $s |
		.[0] | '"$filter" <<<"$output" || {
		jq -c . <<<"$output"
		return 1
	}
}

with=(--mainlog mails --users users)

@test "a flood of half a day is no habit of its own" {
	{
		for d in 18 19 20; do
			post /contact.php 3 9000 3 $d 9 http://x/
		done
		post /contact.php 700 60 60 21 9 http://x/
	} >log
	form '$s.burst == 15 and .median == 1 and .score >= 30'
	# the office writes so every day
	for d in 18 19 20 21; do
		post /contact.php 700 60 60 $d 9 http://x/
	done >log
	form '$s.burst == null'
}

@test "a form whose mail only its owner gets is no way out" {
	post /contact.php 200 15 60 21 9 http://x/ 1 owner@a.example >log
	form '$s.burst == 15 and .score >= 30'
	form '$s."to-few" == -20 and $s.mail == null and .score < 30' \
		"${with[@]}"
	: >mainlog
	{
		post /contact.php 200 15 60 21 9 http://x/ 1 owner@a.example
		post /contact.php 200 15 60 21 9 http://x/ 1
	} >log
	form '$s.mail == 25 and $s."to-few" == null and .score >= 60' \
		"${with[@]}"
}

@test "a script that mails to lists each time it is called" {
	post /xk3jf.php 30 100 1 21 9 - 20 >log
	form '.score < 30'
	form '$s.mail == 25 and $s.reply == 10 and .score >= 30 and
		(.why | contains("20 mails for each"))' "${with[@]}"
	# whose it is must be known: others' requests are in the same seconds
	form '.score < 30' --mainlog mails
	# a forum that tells the same subscribers
	: >mainlog
	for u in 1 2 3 4 5; do
		post /posting.php 30 100 9 21 9 http://x/ 1 sub$u@z.example
	done | sort -u >log
	form '$s.mail == null' "${with[@]}"
}

@test "a form by which few write to many, slowly" {
	post /tellafriend.php 300 400 3 18 9 http://x/ 1 >log
	form '$s == {form: 10}'
	form '$s.mail == 25 and $s.reply == 10 and .score >= 30' "${with[@]}"
	: >mainlog
	# and by which many do, each once
	post /tellafriend.php 200 400 200 18 9 http://x/ 1 >log
	form '$s.mail == null and .score < 30' "${with[@]}"
}

@test "a template of a theme is never asked for" {
	post /wp-content/themes/twenty/404.php 5 100 1 >log
	form '$s.place == 30 and .score >= 30'
}

@test "shops, payments and their webhooks have mail for each" {
	local p
	for p in /webhook/stripe /paypal/ipn.php /checkout/ \
		'/?wc-ajax=checkout'; do
		: >mainlog
		post "$p" 300 12 30 21 9 - 1 >log
		form '.score == 0' "${with[@]}"
	done
	# but not lists of it
	: >mainlog
	post /webhook/x.php 60 30 1 21 9 - 12 >log
	form '$s.mail == 25 and .score >= 30' "${with[@]}"
}

@test "an API, and a login, is what its name says, but for its mail" {
	post /api/v1/import 2000 1 1 >log
	form '.score == 0'
	post /api/contact 300 12 60 >log
	form '$s.form == 10 and .score >= 30'
	# another's mail, as much by chance, is not a login's
	{
		post /wp-login.php 200 15 60
		post /other 200 15 60 21 9 http://x/ 1 >/dev/null
	} >log
	form '.score == 0 and .verdict == "brute-force"' --mainlog mails
}
