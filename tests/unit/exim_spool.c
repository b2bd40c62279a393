/* exim_spool.c - the pure parts of lib/exim: spool files, config answers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "exim/config.h"
#include "exim/select.h"
#include "exim/spool.h"
#include "exim/subject.h"
#include "exim/top.h"

#define OLD "1xUnbl-0004Fv-1l"
#define NEW "1xUncK-0000000055e-1rvz"

static const char plain[] =
    OLD "-H\n"
    "Debian-exim 102 105\n"
    "<billing@victim.example>\n"
    "1795277193 0\n"
    "-received_time_usec .548436\n"
    "--helo_name WIN-ATTACKER\n"
    "-host_address [192.0.2.7]:46254\n"
    "-host_auth PLAIN\n"
    "-host_auth_pubname OTHER\n"
    "-received_protocol esmtpa\n"
    "-aclm _orig 0\n"
    "\n"
    "-made_up_by_a_later_exim x y z\n"
    "--auth_id billing@victim.example\n"
    "-local_scan x\n"
    "-localerror\n"
    "XX\n"
    "2\n"
    "a1@gmail.example\n"
    "a2@yahoo.example\n"
    "\n"
    "021P Received: from there\n"
    "018* Subject: replaced\n"
    "042  Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n a b\n"
    "048  X-PHP-Originating-Script: 33:a.php(82) : eval()\n";

static struct ir_spool_msg m;
static struct ir_err err;

static int
parse_id(const char *s, const char *id)
{
	memset(&err, 0, sizeof err);
	return ir_spool_parse(s, strlen(s), id, &m, &err);
}

static int
parse(const char *s)
{
	return parse_id(s, OLD);
}

static void
is(struct ir_span s, const char *want)
{
	assert_non_null(s.p);
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

/* plain with one part replaced */
static const char *
with(const char *from, const char *to)
{
	static char out[8192];
	const char *at = strstr(plain, from);

	assert_non_null(at);
	snprintf(out, sizeof out, "%.*s%s%s", (int)(at - plain), plain, to,
	    at + strlen(from));
	return out;
}

static void
names(void **state)
{
	(void)state;
	assert_int_equal(ir_spool_id_len(OLD, strlen(OLD)), 16);
	assert_int_equal(ir_spool_id_len(NEW, strlen(NEW)), 23);
	assert_int_equal(ir_spool_h_name(OLD "-H"), 16);
	assert_int_equal(ir_spool_h_name(NEW "-H"), 23);
	assert_int_equal(ir_spool_h_name(OLD "-D"), 0);
	assert_int_equal(ir_spool_h_name(OLD "-H.eml"), 0);
	assert_int_equal(ir_spool_h_name("hdr." OLD), 0);
	assert_int_equal(ir_spool_h_name("../../../etc/pw-H"), 0);
	assert_int_equal(ir_spool_h_name("1xUnb_-0004Fv-1l-H"), 0);
	assert_int_equal(ir_spool_h_name("1xUnbl-0004Fv-1l"), 0);
	assert_int_equal(ir_spool_h_name(""), 0);
	assert_int_equal(ir_spool_data_start(16), 19);
	assert_int_equal(ir_spool_data_start(23), 26);
}

static void
fields(void **state)
{
	struct ir_span left, a;
	struct ir_buf b = IR_BUF(IR_SUBJECT_MAX);

	(void)state;
	assert_int_equal(parse(plain), 0);
	is(m.login, "Debian-exim");
	is(m.sender, "billing@victim.example");
	assert_int_equal(m.received, 1795277193);
	is(m.auth_user, "billing@victim.example");
	is(m.authenticator, "PLAIN");
	is(m.host, "192.0.2.7");
	is(m.helo, "WIN-ATTACKER");
	is(m.protocol, "esmtpa");
	assert_false(m.local);
	assert_false(m.frozen);
	assert_null(m.auth_sender.p);
	assert_int_equal(m.rcpt_count, 2);
	left = m.rcpts;
	assert_true(ir_spool_next_rcpt(&left, &a));
	is(a, "a1@gmail.example");
	assert_true(ir_spool_next_rcpt(&left, &a));
	is(a, "a2@yahoo.example");
	assert_false(ir_spool_next_rcpt(&left, &a));
	/* the replaced header does not count and does not speak */
	assert_int_equal(m.header_size, 21 + 42 + 48);
	ir_spool_subject(&m, &b);
	assert_string_equal(ir_buf_cstr(&b), "Gr\303\274\303\237e a b");
	ir_buf_free(&b);
	is(ir_spool_script(&m), "33:a.php");
}

static void
long_id_local_login(void **state)
{
	(void)state;
	assert_int_equal(parse_id(NEW "-H\nwww data 5 x -33 -1\n<>\n17 0\n"
	    "-ident www-data\n-local\n-auth_id www-data\n-frozen 18\n"
	    "--(pgsql)auth_sender a@b\nXX\n0\n\n", NEW), 0);
	is(m.login, "www data 5 x");
	assert_int_equal(m.sender.n, 0);
	assert_true(m.local);
	assert_true(m.frozen);
	is(m.auth_user, "www-data");
	is(m.auth_sender, "a@b");
	assert_int_equal(m.received, 17);
}

static void
counted_values(void **state)
{
	(void)state;
	/* a value that looks like the rest of the envelope stays a value */
	assert_int_equal(parse(with("-aclm _orig 0\n\n",
	    "--aclm _lie 22\n--auth_id ceo@x\nXX\n9\n\n\n"
	    "-aclc x 1\na\n-acl 3 0\n\n--(q)aclm y 2\n\n\n\n")), 0);
	is(m.auth_user, "billing@victim.example");
	assert_int_equal(m.rcpt_count, 2);
	assert_int_equal(parse(with("_orig 0", "_orig 7")), -1);
	assert_int_equal(err.code, 65);
	assert_string_equal(err.msg,
	    "malformed: length of an ACL variable");
	assert_int_equal(parse(with("_orig 0", "_orig 999999999")), -1);
	assert_int_equal(parse(with("_orig 0", "_orig -1")), -1);
	assert_int_equal(parse(with("_orig 0", "_orig")), -1);
}

static void
hosts(void **state)
{
	static const char *const t[][2] = {
		{ "[192.0.2.1]:25", "192.0.2.1" },
		{ "192.0.2.1.25", "192.0.2.1" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "[2001:db8::1]:587", "2001:db8::1" },
		{ "2001:db8::1.587", "2001:db8::1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "::ffff:192.0.2.1.25", "::ffff:192.0.2.1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		assert_int_equal(parse(with("[192.0.2.7]:46254", t[i][0])), 0);
		is(m.host, t[i][1]);
	}
}

static void
recipient_forms(void **state)
{
	static const char *const t[][2] = {
		{ "a@x", "a@x" },
		{ "a b#c@x", "a b#c@x" },
		{ "\"a 1\"@x 12,3,-1", "\"a 1\"@x 12,3,-1" },
		{ "a@x 12,3,4", "a@x" },
		{ "a@x 7", "a@x" },
		{ "a@x e@y 3,5#1", "a@x" },
		{ "a@x  0,5#1", "a@x" },
		{ "a@x  0,0  0,-1#3", "a@x" },
		{ "a b@x rfc822;o@p 10,16 err o@y 7,-1#3", "a b@x" },
		{ "a@x orc 99,16 e@y 3,-1#3", "a@x orc 99,16 e@y 3,-1#3" },
		{ "a@x #3", "a@x #3" },
		{ "a@x #0", "a@x #0" },
		{ "7", "7" },
		{ "#", "#" },
	};
	char text[256];
	struct ir_span left, a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		snprintf(text, sizeof text, "%s\n", t[i][0]);
		left = (struct ir_span){ text, strlen(text) };
		assert_true(ir_spool_next_rcpt(&left, &a));
		is(a, t[i][1]);
	}
}

static void
delivered(void **state)
{
	struct ir_span j = { "a2@yahoo.example\na1@gm", 22 };
	size_t n;

	(void)state;
	assert_int_equal(parse(with("XX\n",
	    "YN zz@x\nNY a1@gmail.example\nNN YN@b\n")), 0);
	assert_int_equal(m.done_count, 3);
	assert_int_equal(ir_spool_delivered(&m, (struct ir_span){ NULL, 0 },
	    &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ir_spool_delivered(&m, j, &n, NULL), 0);
	assert_int_equal(n, 2);
	/* a tree that promises more than there is */
	assert_int_equal(parse(with("XX\n", "YY a@b\nNN c@d\n")), -1);
	assert_string_equal(err.msg, "malformed: tree of non-recipients");
}

static void
refused(const char *s, const char *why)
{
	assert_int_equal(parse(s), -1);
	assert_int_equal(err.code, 65);
	if (strcmp(err.msg, why) != 0)
		print_message("%s\n", s);
	assert_string_equal(err.msg, why);
}

static void
malformed(void **state)
{
	char all[sizeof plain];
	size_t n, ok = 0;

	(void)state;
	refused("", "malformed: empty");
	refused(with(OLD, "1xUnbl-0004Fv-1m"),
	    "malformed: the first line is not the file's name");
	refused(with("Debian-exim 102 105", "102 105"),
	    "malformed: no login, uid and gid");
	refused(with("<billing@victim.example>\n", "billing\n"),
	    "malformed: no sender");
	refused(with("1795277193 0", "soon 0"),
	    "malformed: no time of arrival");
	refused(with("1795277193 0", "253402300800 0"),
	    "malformed: no time of arrival");
	refused(with("\n2\n", "\n3\n"),
	    "malformed: fewer recipients than their count");
	refused(with("\n2\n", "\n1\n"),
	    "malformed: more recipients than their count");
	refused(with("\n2\n", "\n16385\n"),
	    "malformed: more than 16384 recipients");
	refused(with("\n2\n", "\n99999999999\n"),
	    "malformed: count of recipients");
	refused(with("\n2\n", "\n-2\n"), "malformed: count of recipients");
	refused(with("021P", "020P"), "malformed: length of a header");
	refused(with("021P ", "999999999P "), "malformed: cut short");
	/* NUL bytes, as a crash leaves them */
	memcpy(all, plain, sizeof all);
	all[100] = '\0';
	assert_int_equal(ir_spool_parse(all, sizeof plain - 1, OLD, &m, &err),
	    -1);
	assert_string_equal(err.msg, "malformed: a NUL byte");
	/* cut anywhere: whole only at the end of a header */
	for (n = 0; n < sizeof plain - 1; n++)
		ok += ir_spool_parse(plain, n, OLD, &m, NULL) == 0;
	assert_int_equal(ok, 4);
}

static bool
match(struct ir_select *s, int64_t now)
{
	struct ir_select_msg t = { &m, NULL, -1, now };

	return ir_select_match(s, &t);
}

static void
selecting(void **state)
{
	struct ir_select s = IR_SELECT_INIT;

	(void)state;
	assert_int_equal(parse(plain), 0);
	assert_false(ir_select_any(&s));
	s.text[IR_F_SENDER] = "Billing@Victim.Example";
	assert_true(ir_select_any(&s));
	assert_int_equal(ir_select_begin(&s, &err), 0);
	assert_true(match(&s, 0));
	ir_select_end(&s);
	s.text[IR_F_SENDER] = "illing@victim.example";
	assert_int_equal(ir_select_begin(&s, &err), 0);
	assert_false(match(&s, 0));
	ir_select_end(&s);
	s.regex = true;
	assert_int_equal(ir_select_begin(&s, &err), 0);
	assert_true(match(&s, 0));
	ir_select_end(&s);
	s = (struct ir_select)IR_SELECT_INIT;
	s.text[IR_F_RECIPIENT_DOMAIN] = "yahoo.example";
	s.text[IR_F_RECIPIENT] = "a1@gmail.example";
	s.text[IR_F_SCRIPT] = "a.php";
	s.text[IR_F_SUBJECT] = "^Gr\303\274\303\237e";
	s.min_rcpts = 2;
	s.older = 9;
	s.newer = 10;
	assert_int_equal(ir_select_begin(&s, &err), 0);
	assert_true(match(&s, 1795277203));
	assert_false(match(&s, 1795277204));
	assert_false(match(&s, 1795277202));
	ir_select_end(&s);
	s.min_rcpts = 3;
	assert_int_equal(ir_select_begin(&s, &err), 0);
	assert_false(match(&s, 1795277203));
	ir_select_end(&s);
	s = (struct ir_select)IR_SELECT_INIT;
	s.text[IR_F_SUBJECT] = "(";
	assert_int_equal(ir_select_begin(&s, &err), -1);
	assert_int_equal(err.code, 64);
	ir_select_end(&s);
	/* a pattern that explodes is no match, and is owned up to */
	s = (struct ir_select)IR_SELECT_INIT;
	s.text[IR_F_HOST] = "(a+)+(a+)+(a+)+$";
	s.regex = true;
	m.host = (struct ir_span){
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 59 };
	assert_int_equal(ir_select_begin(&s, &err), 0);
	assert_false(match(&s, 0));
	assert_int_equal(s.gave_up, 1);
	ir_select_end(&s);
}

/* 1, 0, or -1 for an expression that is none */
static int
where(const char *text)
{
	struct ir_select s = IR_SELECT_INIT;
	int rc = -1;

	memset(&err, 0, sizeof err);
	s.where = text;
	if (ir_select_begin(&s, &err) == 0)
		rc = match(&s, 1795277293);
	ir_select_end(&s);
	return rc;
}

static void
expressions(void **state)
{
	static const char *const yes[] = {
		"sender = billing@victim.example",
		"  not( sender=x or helo = y )and "
		    "auth_user=BILLING@victim.example",
		"sender = x and sender = y or host = 192.0.2.7",
		"sender = x or host = 192.0.2.0/24 and not frozen",
		"host = 192.0.2.7/32 and host = 0.0.0.0/0 and "
		    "host != 192.0.2.8",
		"subject ~ \"^Gr\303\274\" and subject !~ '^gr'",
		"script = a.php and script = 33:a.php and script ~ '\\.php$'",
		"recipients = 2 and recipients >= 2 and recipients <= 2 and "
		    "recipients > 1 and recipients < 3 and recipients != 3",
		"age = 100 and age > 1m and age < 1h",
		"authenticated and not bounce and not local and deferred",
		"header.subject ~ X or header.Subject ~ Gr",
		"helo = \"WIN-ATTACKER\" and helo != \"\\\"\\\\\"",
		"not not recipient_domain = yahoo.example",
		"sender_domain = victim.example and login = 'Debian-exim'",
	}, *const no[] = {
		"sender = x or sender = y", "not authenticated",
		"sender = x or host = 192.0.2.7 and frozen",
		"host = 192.0.3.0/24", "host = 192.0.2.128/25", "host = ::/0",
		"header.replaced ~ .", "header.subject ~ replaced",
		"size > 0", "body ~ .", "age > 100 or age < 100",
		"partly_delivered", "deferred > 0",
	}, *const bad[] = {
		"", " ", "sender", "sender =", "sender = ''", "x = y",
		"sender = a b", "(sender = a", "sender = a)", "and",
		"sender = a and", "not", "sender < a", "age = x", "age ~ 1",
		"age = 1x", "size = 1Q", "frozen = 1", "sender = \"a",
		"subject ~ \"(\"", "host = a", "host = 1.2.3.4/33",
		"header = x", "header. = x", "recipients = 1k", "!frozen",
		"sender = a or or sender = b", "age = 9999999999999999",
	};
	char deep[300];
	size_t i;

	(void)state;
	assert_int_equal(parse(plain), 0);
	for (i = 0; i < sizeof yes / sizeof *yes; i++)
		if (where(yes[i]) != 1)
			fail_msg("%s: %s", yes[i], err.msg);
	for (i = 0; i < sizeof no / sizeof *no; i++)
		if (where(no[i]) != 0)
			fail_msg("%s: %s", no[i], err.msg);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (where(bad[i]) != -1)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, 64);
	}
	memset(deep, '(', 200);
	snprintf(deep + 200, sizeof deep - 200, "frozen");
	assert_int_equal(where(deep), -1);
}

static void
headers(void **state)
{
	struct ir_span left, name, value;

	(void)state;
	assert_int_equal(parse(plain), 0);
	is(ir_spool_unknown(&m), "made_up_by_a_later_exim");
	left = m.headers;
	assert_true(ir_spool_next_header(&left, &name, &value));
	is(name, "Received");
	is(value, "from there");
	/* the replaced one is not there */
	assert_true(ir_spool_next_header(&left, &name, &value));
	is(name, "Subject");
	assert_true(ir_spool_next_header(&left, &name, &value));
	is(name, "X-PHP-Originating-Script");
	assert_false(ir_spool_next_header(&left, &name, &value));
	assert_int_equal(parse(with("-made_up_by_a_later_exim x y z\n",
	    "-frozen 1795277300\n-deliver_firsttime\n")), 0);
	assert_null(ir_spool_unknown(&m).p);
	assert_true(m.frozen && m.untried);
	assert_int_equal(m.frozen_at, 1795277300);
}

/* Is s what a record calls `recorded`? */
static bool
text_is(struct ir_span v, const char *recorded)
{
	struct ir_buf b = IR_BUF(IR_SPOOL_TEXT_MAX * 3);
	bool same;

	ir_spool_recorded(&b, v);
	same = strcmp(ir_buf_cstr(&b), recorded) == 0;
	ir_buf_free(&b);
	return same;
}

static void
recorded_texts(void **state)
{
	struct ir_span s = { "a\001\377b", 4 };

	(void)state;
	assert_true(text_is(s, "a\357\277\275\357\277\275b"));
	assert_false(text_is(s, "ab"));
	assert_true(text_is((struct ir_span){ "x@y", 3 }, "x@y"));
	assert_false(text_is((struct ir_span){ "x@y", 3 }, "X@y"));
	assert_false(text_is((struct ir_span){ NULL, 0 }, "x"));
}

static void
config_answers(void **state)
{
	static const char s[] = "spool_directory = /var/spool/exim4\n"
	    "no_split_spool_directory\nlog_file_path = /var/log/%slog\n"
	    "message_logs\nevent_action = \nqueue_only_file = \n"
	    "exim_user = Debian-exim\nexim_group = Debian-exim\n"
	    "pid_file_path = /run/exim.pid\ntimezone = UTC\nsplit_spool_d";
	struct ir_exim_config c;
	char path[PATH_MAX];

	(void)state;
	ir_exim_config_parse(s, sizeof s - 1, &c);
	assert_string_equal(c.spool_directory, "/var/spool/exim4");
	assert_false(c.split_spool_directory);
	assert_true(c.message_logs);
	assert_string_equal(c.event_action, "");
	assert_string_equal(c.exim_user, "Debian-exim");
	assert_string_equal(c.timezone, "UTC");
	assert_int_equal(ir_exim_mainlog(&c, path), 0);
	assert_string_equal(path, "/var/log/mainlog");
	snprintf(c.log_file_path, PATH_MAX, "%s",
	    "syslog : /var/log/x/%slog-a");
	assert_int_equal(ir_exim_mainlog(&c, path), 0);
	assert_string_equal(path, "/var/log/x/mainlog-a");
	snprintf(c.log_file_path, PATH_MAX, "%s", "/var/log/%slog-%D");
	assert_int_equal(ir_exim_mainlog(&c, path), 1);
	assert_string_equal(path, "/var/log/mainlog-%D");
	snprintf(c.log_file_path, PATH_MAX, "%s", "/l/%M/%slog:/m/%M-%s.l");
	assert_int_equal(ir_exim_mainlog(&c, path), 1);
	assert_string_equal(path, "/l/%M/mainlog");
	snprintf(c.log_file_path, PATH_MAX, "%s", "/l/%s%x : /m/%D%D%s: /m/x");
	assert_int_equal(ir_exim_mainlog(&c, path), -1);
	snprintf(c.log_file_path, PATH_MAX, "%s", "syslog");
	assert_int_equal(ir_exim_mainlog(&c, path), -1);
	snprintf(c.log_file_path, PATH_MAX, "%s", "");
	assert_int_equal(ir_exim_mainlog(&c, path), 0);
	assert_string_equal(path, "/var/spool/exim4/log/mainlog");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(fields),
		cmocka_unit_test(long_id_local_login),
		cmocka_unit_test(counted_values),
		cmocka_unit_test(hosts),
		cmocka_unit_test(recipient_forms),
		cmocka_unit_test(delivered),
		cmocka_unit_test(malformed),
		cmocka_unit_test(selecting),
		cmocka_unit_test(expressions),
		cmocka_unit_test(headers),
		cmocka_unit_test(recorded_texts),
		cmocka_unit_test(config_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
