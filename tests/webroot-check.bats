#!/usr/bin/env bats
# webroot-check: a small host in a folder, honest and broken into.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/webroot

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 022
}

check() {	# CODE [argument...]: records in out
	local code=$1
	shift
	code "$code" webroot-check --root "$PWD/r" "$@"
}

scope() {	# FILTER
	jq -e "select(.type == \"host-scope\") | $1" out >/dev/null || {
		tail -n 1 out
		return 1
	}
}

has() {	# LEVEL WHAT PATH
	jq -se --arg l "$1" --arg w "$2" --arg p "$3" 'any(.level == $l and
		.what == $w and .path == $p)' out >/dev/null || {
		echo "missing: $*"
		jq -c --arg p "$3" 'select(.path == $p)' out
		return 1
	}
}

@test "an honest host: nothing to look at, and what was looked at is said" {
	webroot_host r
	check 0
	[ "$(wc -l <out)" = 1 ]
	scope '.complete and .packages == "dpkg" and .package_files == 3 and
		.strong == 0 and .look == 0 and .scripts >= 6 and .unread == 0'
	check 0 --notes
	has note ssh-key /home/alice/.ssh/authorized_keys
	has note cron-entry /etc/crontab
	has note script-in-uploads /home/shop/public_html/wp-content/cache/compiled.php
}

@test "each trace of a thief is found, with the level and the evidence" {
	local level what path
	webroot_host r
	webroot_thief r
	check 1
	while read -r level what path; do
		has "$level" "$what" "$path"
	done < <(webroot_traces)
	jq -se 'all(.[] | select(.type == "host-finding"); (.id | length > 0) and
		(.why | length > 5) and (.sha256 | length == 64) and .mtime and .ctime
		and (.uid | type == "number") and .mode and (.size >= 0))' out
	jq -se 'any(.what == "regexp-run" and .line == 3 and .kind == "web" and
		.text == "$x = preg_replace(\"/.*/e\", $code, \"\");" and
		(.owner | IN("root", "shop")))' out
	[ "$(jq -r 'select(.what == "set-uid" and .path == "/usr/bin/helper").sha256' out)" = \
		"$(sha256sum <"$(type -P true)" | cut -d' ' -f1)" ]
	# and what is honest beside it is not named
	run -1 grep -e contact.php -e functions.php -e font.php -e mailman -e hello.cgi out
	check 1 --strong
	run -0 jq -sr 'map(.level // empty) | unique[]' out
	[ "$output" = strong ]
	check 1 --notes
	has note conffile /etc/one.conf
}

@test "since the incident: what is newer stands out, honest or not" {
	webroot_host r
	find r -exec touch -h -d '2026-01-01' {} +
	# a time of its own for each: it is the change of the entry that counts
	check 0 --since 2099-01-01 --notes
	jq -se 'all(.[] | select(.type == "host-finding"); .changed_since == false)' out
	check 1 --since 1h
	has look time-set-back /home/shop/public_html/contact.php
	has look ssh-key /home/alice/.ssh/authorized_keys
	has look new-unit /etc/systemd/system/one.service
	jq -se 'all(.[] | select(.type == "host-finding"); .changed_since)' out
	scope '.since | test("^2")'
	check 64 --since yesterday-or-so
}

@test "read-only; links, pipes and loops are not followed, nor a way out" {
	webroot_host r
	webroot_thief r
	mkdir -p out.d/www
	echo '<?php eval(base64_decode("x"));' >out.d/www/x.php
	ln -s "$PWD/out.d" r/var/www
	ln -s ../../../../../../../etc/passwd r/home/shop/public_html/up.php
	rm r/etc/ld.so.preload
	ln -s /usr/lib/libone.so.1 r/etc/ld.so.preload
	find r -printf '%p %m %T@ %C@\n' | sort >before
	check 1
	find r -printf '%p %m %T@ %C@\n' | sort | diff before -
	run -1 grep -e /www/x.php -e up.php -e link.php -e fifo -e /loop/ out
	# inside of the disk, an absolute link leads to the disk
	has strong preload /etc/ld.so.preload
	run -0 jq -r 'select(.what == "preload").text' out
	[ "$output" = library ]
	if command -v strace >/dev/null && [[ $QUELL_B != *asan* ]]; then
		strace -f -o trace -e trace=file webroot-check --root "$PWD/r" >/dev/null || :
		run -1 grep -E 'O_WRONLY|O_RDWR|O_CREAT|unlink|rename|chmod|mkdir' trace
	fi
}

@test "folders that are named, and parts that are left out" {
	webroot_host r
	webroot_thief r
	mkdir r/data
	cp r/home/shop/public_html/c.php r/data/
	check 1 --web-only --no-packages /data
	[ "$(jq -r '.path // empty' out)" = /data/c.php ]
	scope '.packages == "not checked" and .package_files == 0'
	check 64 data
	check 0 --web-only --no-packages --web /nowhere
	check 64 --strong --notes
	code 66 webroot-check --root "$PWD/no-such"
}

@test "rules of one's own: added, replaced, switched off; bad ones are 78" {
	webroot_host r
	mkdir -p r/data
	echo '<?php frobnicate(); $_GET["a"]();' >r/data/x.php
	printf 'frob\tlook\tphp\t\\bfrobnicate\\(\t-\tfrobs\n' >rules
	check 1 --web-only --rules rules /data
	has look frob /data/x.php
	has strong call-input /data/x.php
	printf 'call-input\toff\t-\t-\t-\t-\n' >rules
	check 0 --web-only --rules rules /data
	for bad in 'x' $'x\tbad\tphp\ta\t-\tw' $'x\tlook\tnone\ta\t-\tw' \
		$'x\tlook\tphp\t(\t-\tw' $'x\tlook\tphp\t-\t-\tw'; do
		printf '%s\n' "$bad" >rules
		check 78 --web-only --rules rules /data
		grep -q 'rules:1:' err
	done
	check 66 --rules no-such
}

@test "the rpm database, through a stand-in for rpm" {
	webroot_host r
	rm -r r/var/lib/dpkg
	mkdir -p r/var/lib/rpm bin
	: >r/var/lib/rpm/rpmdb.sqlite
	cat >bin/rpm <<-'END'
	#!/bin/sh
	[ "$1" = --root ] || exit 9
	case $3 in
	-qa) [ "$4" = -l ] && printf '%s\n' /usr/bin/one /usr/lib/libone.so.1 '(contains no files)' ;;
	-Va) [ "$4" = --noscripts ] && printf '%s\n' 'S.5....T.    /usr/bin/one' 'S.5....T.  c /etc/one.conf' \
		'.M.......    /usr/lib/libone.so.1' 'missing     /usr/share/x' \
		'.......T.  g /var/log/x' 'Unsatisfied dependencies for x' ; exit 1 ;;
	esac
	END
	chmod +x bin/rpm
	PATH=$PWD/bin:$PATH
	check 1 --notes
	has strong package-file /usr/bin/one
	has look package-file /usr/lib/libone.so.1
	has note conffile /etc/one.conf
	scope '.packages == "rpm" and .missing == 1'
	[ "$(jq -r 'select(.what == "package-file" and .path == "/usr/bin/one").text' out)" = S.5....T. ]
	# without rpm it says so
	rm bin/rpm
	if ! command -v rpm >/dev/null; then
		check 75
		scope '.complete == false and .packages == "none"'
		grep -q 'files of packages are not known' err
	fi
}

@test "software that changed itself does not flood: programs all, others some" {
	webroot_host r
	mkdir -p r/usr/share/self r/usr/lib/self/bin
	for n in {1..30}; do
		echo "$n" >"r/usr/share/self/$n.html"
		echo "$n" >"r/usr/lib/self/bin/$n"
	done
	(cd r && md5sum usr/share/self/* usr/lib/self/bin/*) >r/var/lib/dpkg/info/self.md5sums
	for f in r/usr/share/self/* r/usr/lib/self/bin/*; do
		echo new >>"$f"
	done
	check 1
	scope '.look == 30 and .strong == 30 and .package_files == 63'
	[ "$(jq -r 'select(.level == "look").path' out | wc -l)" = 20 ]
	[ "$(jq -r 'select(.level == "strong").path' out | wc -l)" = 30 ]
	[ "$(jq -r 'select(.text).text' out)" = 'more files of this package are not named' ]
}

@test "junk of any kind: bounded, nothing is believed" {
	webroot_host r
	w=r/home/shop/public_html
	head -c 5000000 /dev/zero | tr '\0' '(' >$w/deep.php
	head -c 300000 /dev/urandom >$w/random.php
	{ echo '<?php'; head -c 4500000 /dev/zero; echo 'eval(base64_decode("x"));'; } >$w/long.php
	printf 'x\n\n/\xff\xfe\0\n%s  ../../../etc/passwd\n' "$(printf 0%.0s {1..32})" \
		>>r/var/lib/dpkg/info/one.md5sums
	printf ':::\n%s\nx:y\n' "$(head -c 3000 /dev/zero | tr '\0' :)" >>r/etc/passwd
	printf '<?php\n// \033]0;x\007 \xff\n$_GET["\033[2J"]();' >$w/esc.php
	mkdir -p "$w/$(printf 'd/%.0s' {1..70})"
	code 1 timeout 120 webroot-check --root "$PWD/r"
	scope '.cut == 2 and (.complete | not) and .unread >= 1'
	LC_ALL=C run -1 grep -c '[[:cntrl:]]' <(grep esc.php out)
	jq -se 'any(.what == "call-input" and (.path | endswith("esc.php")))' out
}

@test "examples" {
	webroot_host r
	webroot_thief r
	mkdir -p bin
	# /mnt and / are the small host
	printf '#!/bin/sh\n[ "$1" != --root ] || shift 2\nexec %s --root %s "$@"\n' \
		"$QUELL_B/bin/webroot-check" "$PWD/r" >bin/webroot-check
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
	run_examples webroot-check
}
