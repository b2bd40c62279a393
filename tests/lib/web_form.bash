# web_form.bash - a host with a real Exim, a web server that is asked for its
# test and reload, and a mailer script that somebody left; for the tests of
# playbooks/web-form-abuse
# shellcheck shell=bash disable=SC2034,SC2154 # for tests; run's variables

load lib/exim

PLAY=$QUELL_ROOT/playbooks/web-form-abuse
SCRIPT=/wp-content/uploads/x.php

web_world() {
	[ "$(id -u)" = 0 ] || skip 'needs root: mail of another local user'
	exim_available 2>"$BATS_TEST_TMPDIR/no" ||
		skip "$(tail -n 1 "$BATS_TEST_TMPDIR/no")"
	chmod 0711 "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents
	unset TZ	# Exim has this host's
	smtp_sink_start sink --no-bodies
	exim_make "$PWD/mx" sink="$(sink_port sink)" queue_only=yes \
		users=bob@quell.test:pw
	exim_hook "$PWD/mx"
	exim_start "$PWD/mx"
	mkdir web
	: >access.log
	echo 'site.test: daemon' >users
	cat >host <<-END
	#!/bin/bash
	case \$1 in
	nginx) exec "$PWD/nginx" "\${@:2}" ;;
	*) exec "$PWD/mx/bin/.enter" "\$@" ;;
	esac
	END
	# it says what it loads, and refuses what test.no says
	cat >nginx <<-END
	#!/bin/bash
	cd "$PWD" || exit
	case \$* in
	-t) [ ! -e test.no ] ;;
	-T) for f in web/*.conf; do
		[ -e not-included ] || echo "# configuration file $PWD/\$f:"
	done ;;
	'-s reload')
		[ ! -e reload.no ] || exit 1
		rm -rf loaded
		cp -r web loaded
		;;
	esac
	END
	chmod 755 host nginx
	export QUELL_MAILHOST_CMD=$PWD/host
	args=(--log "$PWD/access.log" --server nginx --rules-dir "$PWD/web"
		--users "$PWD/users" --where 'sender = daemon@quell.test')
}

web_teardown() {
	[ ! -d mx/bin ] || exim_stop "$PWD/mx"
	[ ! -d sink ] || sink_stop sink
}

posted() {	# PATH STATUS [SECONDS]: a line of the access log, now
	printf 'site.test 203.0.113.66 - - [%s] "POST %s HTTP/1.1" %s 5 "-" "curl/8"\n' \
		"$(date -u -d "@${3:-$(date +%s)}" +'%d/%b/%Y:%H:%M:%S +0000')" \
		"$1" "$2" >>access.log
}

# mail USER TO...: as a program of that user hands it in
mail() {
	local user=$1
	shift
	printf 'Subject: A parcel for you\n\nhello\n' |
		mx/bin/.enter setpriv --reuid="$user" --regid="$user" \
			--clear-groups /usr/sbin/exim4 \
			-oi -odq "$@"
}

# 12 POSTs to the script, a mail of each; honest people and programs besides
abuse() {
	local i t
	for i in {1..12}; do
		mail daemon "v$i@d$i.example"
		# however slow this host is, that is when it was posted
		t=$(grep ' <= ' mx/log/mainlog | tail -n 1)
		posted "$SCRIPT" 200 "$(date -d "${t:0:19}" +%s)"
	done
	posted /search 200
	mail bin honest@elsewhere.example
	exim_submit mx bob@quell.test a@b.example --count 3 >/dev/null
	[ "$(exim_queue_count mx)" = 16 ]
}

# What is right in the end: theirs taken out, all others there or delivered.
web_ended() {	# DIR
	local q
	q=$(mx/bin/.enter "$QUELL_B/bin/exim-quarantine" list | jq -r .id)
	[ "$(exim_queue_count mx "$q")" = 12 ]
	[ "$(exim_queue_count mx)" = 4 ]
	grep -q '^daemon' mx/quell/deny_users
	run -1 grep -q '^bin' mx/quell/deny_users
	grep -q "POST site.test$SCRIPT" loaded/quell-web-forms.conf
	run -0 incident verify "$1"
	[ "$(jq -s 'map(select(.event == "incident.opened")) | length' \
		"$1/journal.jsonl")" = 1 ]
}
