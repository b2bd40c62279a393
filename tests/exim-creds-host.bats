#!/usr/bin/env bats
# exim-creds on other hosts: Rocky, cPanel, an image, a running daemon; and
# the files of other programs.

# shellcheck disable=SC2154,SC2016,SC2086,SC2094
load lib/quell
load lib/creds

setup_file() {
	creds_sink
}

teardown_file() {
	creds_stop
}

setup() {
	creds_begin
}

teardown() {
	[ ! -d x ] || exim_stop x
}

# An instance whose /etc is X/etc and whose Exim reads /etc/FILE
host_make() {	# FILE TEXT
	creds_available
	creds_make "$2"
	cp -a x/ns/etc x/etc
	mkdir -p "$(dirname "x/etc/$1")"
	rm -f "x/etc/$1"
	cp -p x/exim.conf "x/etc/$1"
	printf '#!/bin/sh\ncase " $*" in *" -C "*) exec /usr/sbin/exim4 "$@" ;; esac
exec /usr/sbin/exim4 -C /etc/%s "$@"\n' "$1" >x/bin/hexim
	chmod +x x/bin/hexim
	PATH=${PATH#"$X/bin:"}
	export CREDS_RUN="on_host $PWD/x/bin/hexim"
}

on_host() {
	# what creds_submit calls exim4
	[ "${2-}" != exim4 ] || set -- "$1" "${@:3}"
	exim_run "$X" /bin/sh -c \
		'mount --bind "$0/etc" /etc && exec "$@"' "$X" "$@"
}

creds() {	# exim-creds there
	on_host exim-creds --exim "$PWD/x/bin/hexim" "$@"
}

@test "Rocky: /etc/exim/exim.conf, label and all" {
	host_make exim/exim.conf "$CREDS_LOGIN"
	set_attr x/etc/exim/exim.conf security.selinux \
		system_u:object_r:exim_etc_t:s0 || :
	attrs x/etc/exim/exim.conf >attrs
	sends $OLD_USER $OLD_PASS
	run -0 --separate-stderr creds --put -y <new.cred
	jq -se 'length == 1 and .[0].changed and (.[0].id |
		startswith("/etc/exim/exim.conf:"))' <<<"$output"
	sends $NEW_USER $NEW_PASS
	attrs x/etc/exim/exim.conf | diff attrs -
	[ "$(stat -c '%a %g' x/etc/exim/exim.conf)" = "640 $(<x/exim.uid)" ]
	run -0 creds --undo -y
	sends $OLD_USER $OLD_PASS
	cmp x/exim.conf x/etc/exim/exim.conf
	attrs x/etc/exim/exim.conf | diff attrs -
}

@test "cPanel: the source of the configuration and what is made of it" {
	host_make exim.conf "$CREDS_LOGIN"
	# as the script that makes it puts the sections together
	printf '@AUTH@\n%s\n@BEGINACL@\n# %s\n@CONFIG@\n@RETRYSTART@\n' \
		"$CREDS_LOGIN" "$OLD_PASS" >x/etc/exim.conf.local
	run -0 --separate-stderr creds
	jq -se 'map([.kind, .managed, .live]) == [
		["cpanel-section", true, false],
		["authenticator", true, true]]' <<<"$output"
	run -0 --separate-stderr creds --put -y <new.cred
	jq -se 'length == 2 and all(.changed)' <<<"$output"
	grep -qF ": $NEW_USER : $NEW_PASS" x/etc/exim.conf.local
	# a comment is not a place
	grep -q "^# $OLD_PASS" x/etc/exim.conf.local
	sends $NEW_USER $NEW_PASS
	run -0 creds --move -y
	sends $NEW_USER $NEW_PASS
	run ! grep -F $NEW_PASS x/etc/exim.conf.local x/etc/exim.conf
	[ -s x/etc/smtp-credential ]
}

@test "the daemon reads it again, lives, and sends with it" {
	creds_available
	creds_make "$CREDS_LOGIN"
	exim_start x
	pid=$(<x/exim.pid)
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -e '.reload == "done"' <<<"$output"
	[ "$(<x/exim.pid)" = "$pid" ]
	kill -0 "$pid"
	grep -q "$pid.*SIGHUP received\|SIGHUP received" x/log/mainlog
	peers_listens "$(exim_port x)"
	jq -nc --arg a "$NEW_USER:$NEW_PASS" '{accounts: [$a]}' \
		>"$CREDS_SINK/script"
	n=$(sink_count "$CREDS_SINK")
	exim_submit x a@quell.test v@example.net >/dev/null
	sent() { [ "$(sink_count "$CREDS_SINK")" -gt "$n" ]; }
	peers_wait 10 sent
	run -0 --separate-stderr exim-creds --undo -y
	jq -e '.reload == "done"' <<<"$output"
	kill -0 "$pid"
}

@test "a signal that the daemon lost between looking and waiting is sent again" {
	creds_available
	creds_make "$CREDS_LOGIN"
	cat >deaf <<-'EOF'
		n=0
		trap 'n=$((n + 1)); [ $n -lt 2 ] || exec -a exim4-daemon sleep 30' HUP
		: >ready
		while :; do sleep 0.1; done
	EOF
	bash -c 'exec -a exim4-daemon bash deaf' 3>&- &
	pid=$!
	echo $pid >x/exim.pid
	ready() { [ -e ready ]; }
	peers_wait 5 ready
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -e '.reload == "done"' <<<"$output"
	kill $pid
	wait $pid || :
}

@test "a daemon that does not survive: all is put back, and it is said" {
	creds_available
	creds_make "$CREDS_LOGIN"
	cp x/exim.conf before
	# it looks like one, and dies of the signal
	bash -c 'exec -a exim4-daemon sleep 60' 3>&- &
	pid=$!
	echo $pid >x/exim.pid
	run -78 --separate-stderr exim-creds --put -y <new.cred
	[[ $stderr == *"did not survive"* ]]
	cmp x/exim.conf before
	sends $OLD_USER $OLD_PASS
	wait $pid || :
	# the pid of something else is no daemon: it is left alone
	sleep 60 3>&- &
	pid=$!
	echo $pid >x/exim.pid
	run -0 --separate-stderr exim-creds --put -y <new.cred
	jq -e '.reload == "no daemon"' <<<"$output"
	kill $pid
	rm -f x/exim.pid
}

@test "a file that the exim user could not read is not put there" {
	creds_available
	creds_make "ses:
  driver = plaintext
  public_name = LOGIN
  client_send = : $OLD_USER : \${lookup{pass}lsearch{$PWD/x/ses.pw}}"
	printf 'pass: %s\n' $OLD_PASS >x/ses.pw
	chown root:root x/ses.pw
	chmod 600 x/ses.pw
	cp -p x/ses.pw x/exim.conf .
	run -78 --separate-stderr exim-creds --put -y <new.cred
	[[ $stderr == *"exim user cannot read"* ]]
	cmp x/ses.pw ses.pw
	cmp x/exim.conf exim.conf
	[ -z "$(find x state -name '*quell-*' -o -name '*saved*')" ]
}

@test "--probe: refused is 77 and changes nothing; accepted goes on" {
	creds_available
	creds_make "$CREDS_LOGIN"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem \
		-out cert.pem -days 2 -subj /CN=smtp.localhost \
		-addext subjectAltName=DNS:smtp.localhost 2>/dev/null
	smtp_sink_start "$PWD/tls" --cert cert.pem --key key.pem \
		--auth "$NEW_USER:$NEW_PASS" --require-tls
	to=smtp.localhost:$(sink_port tls)
	export AWS_CA_BUNDLE=$PWD/cert.pem
	cp x/exim.conf before
	creds_block $NEW_USER "${NEW_PASS/new/wen}" >bad
	run -77 --separate-stderr exim-creds --put -y --probe="$to" <bad
	cmp x/exim.conf before
	[ ! -e state/exim-creds.json ]
	run -64 exim-creds --put -y --probe <new.cred
	run -75 exim-creds --put -y --probe=smtp.localhost:9 <new.cred
	cmp x/exim.conf before
	run -0 exim-creds --put -y --probe="$to" <new.cred
	sink_stop tls
	sends $NEW_USER $NEW_PASS
}

@test "somebody else's edit since: --undo does not overwrite it" {
	creds_available
	creds_make "$CREDS_LOGIN"
	run -0 exim-creds --put -y <new.cred
	echo '# mine' >>x/exim.conf
	cp x/exim.conf edited
	run -78 --separate-stderr exim-creds --undo -y
	[[ $stderr == *"changed by somebody else"*hint* ]]
	cmp x/exim.conf edited
}

@test "entries for several regions" {
	creds_available
	creds_lookup
	printf 'user: %s\npass: %s\npass.eu-west-1: a\npass.us-east-1: b\n' \
		$OLD_USER $OLD_PASS >x/ses.pw
	run -0 --separate-stderr exim-creds
	jq -se 'map([.region, .live]) == [[null, true],
		["eu-west-1", false], ["us-east-1", false]]' <<<"$output"
	printf 'username=%s\npassword=%s\nregion=us-west-2\npassword.eu-west-1=%s\n' \
		$NEW_USER $NEW_PASS BCother+password+of+another+region+ooooooooo >multi
	run -0 --separate-stderr exim-creds --put -y <multi
	jq -se 'length == 2' <<<"$output"
	# said: that one stays wrong
	[[ $stderr == *"ses.pw:4"*"left as it is"* ]]
	[ "$(cat x/ses.pw)" = "user: $NEW_USER
pass: $NEW_PASS
pass.eu-west-1: BCother+password+of+another+region+ooooooooo
pass.us-east-1: b" ]
	sends $NEW_USER $NEW_PASS
}

@test "an image: what is in it, and no way out of it" {
	mkdir -p image/etc/exim4/conf.d/auth image/etc/exim4/conf.d/main \
		image/var/www/shop image/etc/postfix outside
	echo "dc_x=y
dc_use_split_config='true'" >image/etc/exim4/update-exim4.conf.conf
	cp "$QUELL_ROOT/tests/data/exim-creds/auth" \
		image/etc/exim4/conf.d/auth/30_auth 2>/dev/null ||
		printf 'begin authenticators\nlogin:\n  public_name = LOGIN
  client_send = : ${extract{1}{:}{${lookup{$host}nwildlsearch{CONFDIR/passwd.client}{$value}fail}}} : ${extract{2}{:}{${lookup{$host}nwildlsearch{CONFDIR/passwd.client}{$value}fail}}}\n' \
		>image/etc/exim4/conf.d/auth/30_auth
	echo 'CONFDIR = /etc/exim4' >image/etc/exim4/conf.d/main/01_local
	ln -s /etc/exim4/real image/etc/exim4/passwd.client
	printf '*.amazonaws.com:%s:%s\n' $OLD_USER $OLD_PASS \
		>image/etc/exim4/real
	printf 'MAIL_USERNAME=%s\nMAIL_PASSWORD=%s\n' $OLD_USER $OLD_PASS \
		>image/var/www/shop/.env
	printf '[h]:587 %s:%s\n' someone secret >outside/sasl_passwd
	ln -s "$PWD/outside/sasl_passwd" image/etc/postfix/sasl_passwd
	ln -s "$PWD/outside" image/var/www/out
	run -0 --separate-stderr exim-creds --root image
	jq -se 'map([.id, .kind, .user]) == [
		["/etc/exim4/passwd.client:1", "passwd.client", env.OLD_USER],
		["/var/www/shop/.env:2", "env", env.OLD_USER]] and
		.[0].host == "*.amazonaws.com" and .[0].managed and
		.[1].managed == false' <<<"$output"
	run -0 --separate-stderr exim-creds --root image --compare <old.cred
	jq -se 'all(.same_user and .same_password)' <<<"$output"
	run ! grep -F $OLD_PASS <<<"$output$stderr"
}

@test "other programs' files: looked at where it is said, never changed" {
	creds_available
	creds_make "$CREDS_LOGIN"
	mkdir -p app/conf
	cat >app/mailer.php <<-END
	<?php
	\$mail->Host = 'email-smtp.eu-west-1.amazonaws.com';
	\$mail->Username = '$OLD_USER';
	\$mail->Password = '$OLD_PASS';
	END
	printf 'host h\nuser %s\npasswordeval "cat x"\n' $OLD_USER >app/.msmtprc
	printf '[h]:587 %s:%s\n' $OLD_USER $OLD_PASS >app/conf/sasl_passwd
	: >app/conf/sasl_passwd.db
	printf 'AuthUser=%s\nAuthPass=%s\nmailhub=h\n' $OLD_USER $OLD_PASS \
		>app/conf/ssmtp.conf
	printf '[mail]\nsmtp_username = %s\nsmtp_password = "%s"\n' $OLD_USER \
		$OLD_PASS >app/php.ini
	printf 'nothing: here\n' >app/notes.txt
	find app -type f -exec sha256sum {} + >before
	run -0 --separate-stderr exim-creds --compare --also app <old.cred
	jq -se --arg d "$PWD/app/" 'map(select(.managed == false)) |
		map({(.id | ltrimstr($d)): [.kind, .same_password]}) | add == {
		"mailer.php:4": ["phpmailer", true],
		".msmtprc:3": ["msmtp", null],
		"conf/sasl_passwd:1": ["postfix", true],
		"conf/ssmtp.conf:2": ["ssmtp", true],
		"php.ini:3": ["php-ini", true]}' <<<"$output"
	jq -se 'map(select(.kind == "phpmailer")) | .[0].region == "eu-west-1"
		and (.[0].host | test("amazonaws"))' <<<"$output"
	jq -se 'map(select(.kind == "postfix")) | .[0].why |
		test("postmap")' <<<"$output"
	# a new credential: they are said to hold the old one
	run -0 --separate-stderr exim-creds --put -y --also app <new.cred
	jq -se 'map(select(.managed == false)) | length == 5 and
		all(.changed == false)' <<<"$output"
	[ "$(grep -c "holds the old credential" <<<"$stderr")" = 5 ]
	sha256sum -c --quiet before
	run -66 exim-creds --also nothing
	# a plan with them in it is a plan
	run -0 exim-creds --undo -y
	exim-creds --put -n --also app --from-file new.cred >plan 2>/dev/null
	[ "$(wc -l <plan)" = 6 ]
	run -0 --separate-stderr exim-creds --put -y --also app \
		--from-file new.cred - <plan
	sha256sum -c --quiet before
}
