/* maillog.c - lines of mail servers' logs, counts that can be added */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "maillog/files.h"
#include "maillog/run.h"

static struct ir_mlog_line
parse(const char *s)
{
	struct ir_mlog_clock c = { .now = 1795305600, .utc = true };
	struct ir_mlog_line l;

	ir_mlog_parse(s, strlen(s), &c, &l);
	return l;
}

static void
is_name(const struct ir_mlog_line *l, const char *name)
{
	assert_int_equal(l->nname, strlen(name));
	assert_memory_equal(l->name, name, l->nname);
}

static void
test_exim(void **state)
{
	struct ir_mlog_line l = parse("2026-11-21 18:00:00 "
	    "1xUtVi-000000006tA-0D00 <= a@b.example H=pc (x (y)) [::1]:5 "
	    "P=esmtpsa DN=\"CN=a A=plain:no\" A=plain:me:other S=1 "
	    "T=\"A=plain:no\"");

	(void)state;
	assert_int_equal(l.kind, IR_MLOG_ARRIVE);
	assert_int_equal(l.who, IR_MLOG_ACCOUNT);
	is_name(&l, "me");
	assert_int_equal(l.time, 1795284000);
	assert_int_equal(l.ip.family, 6);
	assert_true(ir_mlog_addr_inside(&l.ip));
	/* an authenticator that names nobody */
	l = parse("2026-11-21 18:00:00 1xUtVi-0006tA-0D <= a@b.example "
	    "H=(x) [192.0.2.1] P=esmtpa A=mylogin S=1");
	assert_int_equal(l.who, IR_MLOG_NOBODY);
	l = parse("2026-11-21 18:00:00 -0300 1xUtVi-0006tA-0D Completed");
	assert_int_equal(l.kind, IR_MLOG_DONE);
	assert_int_equal(l.time, 1795284000 + 3 * 3600);
	assert_int_equal(parse("rubbish").kind, IR_MLOG_JUNK);
	assert_int_equal(parse("  header: of a reject").kind, IR_MLOG_NONE);
}

/* What is read quickly is what the plain way reads. */
static void
test_addresses(void **state)
{
	static const char *const text[] = { "1.2.3.4", "255.255.255.255",
		"0.0.0.0", "192.0.2.1", "10.20.30.40", "256.1.1.1",
		"1.2.3.256", "1.300.3.4", "1.2.3", "1.2.3.4.5", "1..3.4",
		".1.2.3", "1.2.3.", "1.2.3.4444", "0001.2.3.4", "001.02.3.4",
		"1.2.3.a", "1,2.3.4", "999.9.9.9", "", "2001:db8::1",
		"::ffff:192.0.2.1", "1.2.3.4 ", " 1.2.3.4" };
	char line[200];
	struct ir_mlog_line l;
	struct ir_mlog_addr a;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof text / sizeof *text; i++)
		for (k = 0; k < 2; k++) {
			(void)snprintf(line, sizeof line, "2026-11-21 "
			    "18:00:00 1xUtVi-0006tA-0D <= a@b H=(x) [%s]%s",
			    text[i], k ? ":2525 P=esmtp S=100 id=x@y" : "");
			l = parse(line);
			(void)ir_mlog_addr(text[i], strlen(text[i]), &a);
			assert_int_equal(l.ip.family, a.family);
			if (a.family)
				assert_memory_equal(l.ip.b, a.b,
				    a.family == 4 ? 4 : 16);
		}
}

/* The ends of lines, with and without what the processor has for it. */
static void
test_ends(void **state)
{
	static struct ir_log_ends a, b;
	static char text[IR_LOG_ENDS];
	size_t n, i, na, nb, seed = 1;

	(void)state;
	for (n = 0; n <= IR_LOG_ENDS; n += n < 300 ? 1 : 657) {
		for (i = 0; i < n; i++) {
			seed = seed * 6364136223846793005u + 1;
			text[i] = seed >> 60 < n % 17 ? '\n' : 'x';
		}
		na = ir_log_ends(text, n, &a);
		nb = ir_log_ends_portable(text, n, &b);
		assert_int_equal(na, nb);
		assert_memory_equal(a.at, b.at, na * sizeof a.at[0]);
	}
	memset(text, '\n', sizeof text);
	assert_int_equal(ir_log_ends(text, sizeof text, &a), sizeof text);
	assert_int_equal(a.at[IR_LOG_ENDS - 1], IR_LOG_ENDS - 1);
}

static void
test_times(void **state)
{
	struct ir_mlog_line l = parse("Feb  9 10:00:00 mx imapd: LOGIN, "
	    "user=a, ip=[::ffff:192.0.2.1], port=[1]");

	(void)state;
	assert_int_equal(l.kind, IR_MLOG_LOGIN);
	assert_int_equal(l.time, 1770631200);	/* 2026 */
	assert_int_equal(l.ip.family, 4);
	/* not in the future: of the year before */
	l = parse("Dec 25 10:00:00 mx imapd: LOGIN, user=a, ip=[192.0.2.1]");
	assert_int_equal(l.time, 1766656800);
	l = parse("@4000000067400000000000ab qmail: end msg 77");
	assert_int_equal(l.time, 0x67400000 - 10);
}

static void
test_redact(void **state)
{
	char a[] = "sql(x,1.2.3.4): unknown user (given password: a b)";
	char b[] = "SASL LOGIN authentication failed: UGFz, sasl_username=u";
	char c[] = "SASL LOGIN authentication failed: authentication failure";

	(void)state;
	ir_mlog_redact(a, sizeof a - 1);
	assert_string_equal(a, "sql(x,1.2.3.4): unknown user (given "
	    "password: ****");
	ir_mlog_redact(b, sizeof b - 1);
	assert_string_equal(b, "SASL LOGIN authentication failed: ****, "
	    "sasl_username=u");
	ir_mlog_redact(c, sizeof c - 1);
	assert_non_null(strstr(c, "failed: authentication failure"));
}

static void
test_distinct(void **state)
{
	struct ir_mail_kmv k = { { 5, 9 } };

	(void)state;
	assert_int_equal(ir_mail_distinct(&k), 2);
	assert_int_equal(ir_mail_subject_hash(IR_MLOG_ACCOUNT, "Bob@X", 5),
	    ir_mail_subject_hash(IR_MLOG_ACCOUNT, "bob@x", 5));
	assert_int_not_equal(ir_mail_subject_hash(IR_MLOG_ACCOUNT, "bob@x",
	    5), ir_mail_subject_hash(IR_MLOG_USER, "bob@x", 5));
}

static void
test_files(void **state)
{
	char a[] = "m", b[] = "m.1", c[] = "m.2.gz", d[] = "m-20261101";
	char *v[] = { a, c, d, b };

	(void)state;
	ir_mail_files_sort(v, 4);
	assert_ptr_equal(v[0], d);
	assert_ptr_equal(v[1], c);
	assert_ptr_equal(v[2], b);
	assert_ptr_equal(v[3], a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exim), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
