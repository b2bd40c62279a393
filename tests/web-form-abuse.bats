#!/usr/bin/env bats
# playbooks/web-form-abuse on a real Exim: found, stopped, blocked, cleaned
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/web_form

setup() {
	web_world
}

teardown() {
	web_teardown
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" "${args[@]}" "$@"
}

@test "dry run; rules shown; applied by a word; clean, proven, undone" {
	abuse
	cp access.log before.log
	play 0
	[[ $output == *"site.test$SCRIPT"*'mail in the same seconds'* ]]
	[[ $output == *'return 403'*'not applied'*'12 messages are spam'* ]]
	[ "$(exim_queue_count mx)" = 16 ]
	[ -z "$(ls -A mx/quell)$(ls -A web)" ]
	[ ! -e incidents ]
	[ ! -e loaded ]
	# the rules are shown, not applied; and a host that was not looked at stays
	play 64 --apply --incident case
	[[ $output == *'not applied'*--host-checked* ]]
	[ -z "$(ls -A web)" ]
	[ "$(exim_queue_count mx)" = 4 ]
	run -1 mail daemon again@b.example
	run -0 mail bin again@b.example
	# his, and what Exim writes to the user who was refused
	[ "$(exim_queue_count mx)" = 6 ]
	[ "$(zcat case/steps/30_preserve_logs/access-1.gz | wc -l)" = 13 ]
	[ "$(wc -l <case/steps/30_preserve_logs/queue.jsonl)" = 16 ]
	# what was read is what is applied, whatever the log says by now
	posted "$SCRIPT" 200
	play 0 --apply --incident case --block 'me: read them' \
		--host-checked 'me: script removed'
	grep -q "POST site.test$SCRIPT" loaded/quell-web-forms.conf
	grep -q web.block.end case/journal.jsonl
	grep -q 'me: read them' case/journal.jsonl
	grep -q incident.contained case/journal.jsonl
	run -0 incident verify case
	jq -e .ok <<<"$output"
	# and out again: first what it would do
	run -0 "$PLAY" --undo --incident case --rules-dir "$PWD/web"
	[ -e loaded/quell-web-forms.conf ]
	run -0 "$PLAY" --undo --incident case --apply --rules-dir "$PWD/web"
	[ -z "$(ls -A web)$(ls -A loaded)" ]
}

@test "a web server that does not take the rules: 78, and all is as it was" {
	abuse
	echo '# mine' >web/quell-web-forms.conf
	: >test.no
	play 78 --apply --incident case --block me --host-checked me
	[[ $output == *'all is as it was'* ]]
	[ "$(ls web)" = quell-web-forms.conf ]
	[ "$(cat web/quell-web-forms.conf)" = '# mine' ]
	[ ! -e loaded ]
	rm test.no
	: >reload.no
	play 78 --apply --incident case --block me --host-checked me
	[ "$(cat web/quell-web-forms.conf)" = '# mine' ]
	rm reload.no
	: >not-included
	play 64 --apply --incident case --block me --host-checked me
	[[ $output == *"has: include $PWD/web/quell-web-forms.conf"* ]]
	[ "$(cat web/quell-web-forms.conf)" = '# mine' ]
	rm not-included
	play 0 --apply --incident case --block me --host-checked me
	web_ended case
	# what was there before comes back
	run -0 "$PLAY" --undo --incident case --apply --rules-dir "$PWD/web"
	[ "$(cat loaded/quell-web-forms.conf)" = '# mine' ]
	[ "$(ls web)" = quell-web-forms.conf ]
}

@test "POSTs that still get through: 1, and nothing is released" {
	abuse
	play 64 --apply --incident case --block me
	date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ >case/facts/blocked
	play 1 --apply --incident case --block me --host-checked me
	[[ $output == *"still answered: site.test$SCRIPT, 12 since then"* ]]
	[ ! -e case/steps/50_recover_release/done ]
	# refused ones are none
	sed -i 's/ 200 5 / 403 5 /' access.log
	play 0 --apply --incident case --block me --host-checked me
}

@test "nothing stands out: 1, nothing is stopped; what must be told" {
	posted /search 200
	run -1 "$PLAY" --log "$PWD/access.log" --apply --incident case2
	[[ $output == *'nothing is stopped'* ]]
	[ -z "$(ls -A mx/quell)$(ls -A web)" ]
	run -64 "$PLAY"
	run -64 "$PLAY" --log x --server iis
	run -64 "$PLAY" --log x --apply
	run -0 "$PLAY" --list
	[[ $output == *41_eradicate_block* ]]
}

@test "a user that all sites share is stopped by his name only" {
	local uid=33
	abuse
	# as if www-data had sent it
	[ "$(getent passwd $uid | cut -d: -f1)" = www-data ] || skip 'no www-data'
	sed 's/U=daemon/U=www-data/; s/daemon@/www-data@/' mx/log/mainlog >main
	echo 'site.test: www-data' >users
	play 0 --mainlog "$PWD/main" --users "$PWD/users"
	[[ $output == *'www-data runs all sites: not stopped'* ]]
	run -1 grep -q deny_users <<<"$output"
}
