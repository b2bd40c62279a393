/* dnsbl.c - addresses, the table of lists, and what answers mean */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "net/dnsbl.h"

static struct ir_ip
ip(const char *s)
{
	struct ir_ip out;

	assert_int_equal(ir_ip_parse(s, false, &out), 0);
	return out;
}

static void
names(void **state)
{
	struct ir_ip a = ip("192.0.2.10"), six = ip("2001:db8::1:2");
	struct ir_ip mapped = ip("::ffff:192.0.2.10"), test;
	char name[256];

	(void)state;
	assert_int_equal(ir_dnsbl_name(&a, "bl.example", name), 0);
	assert_string_equal(name, "10.2.0.192.bl.example");
	assert_int_equal(ir_dnsbl_name(&mapped, "bl.example", name), 0);
	assert_string_equal(name, "10.2.0.192.bl.example");
	assert_int_equal(ir_dnsbl_name(&six, "z", name), 0);
	assert_string_equal(name, "2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	    "0.0.0.0.8.b.d.0.1.0.0.2.z");
	assert_int_equal(ir_ip_parse("::ffff:7f00:2", true, &test), 0);
	assert_true(test.v6);
	assert_int_equal(ir_dnsbl_name(&test, "z", name), 0);
	assert_memory_equal(name, "2.0.0.0.0.0.f.7.f.f.f.f.0.", 26);
	assert_int_equal(ir_ip_parse("192.0.2.256", false, &test), -1);
	assert_int_equal(ir_ip_parse("192.0.2", false, &test), -1);
	assert_int_equal(ir_ip_parse("", false, &test), -1);
}

static void
special(void **state)
{
	static const char *const no[] = { "10.1.2.3", "172.31.0.1",
		"192.168.1.1", "127.1.0.1", "169.254.1.1", "100.64.0.1",
		"0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "::1",
		"fd00::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1" };
	static const char *const yes[] = { "192.0.2.1", "198.51.100.1",
		"203.0.113.1", "127.0.0.2", "172.32.0.1", "100.128.0.1",
		"2001:db8::1", "8.8.8.8" };
	struct ir_ip a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof no / sizeof *no; i++) {
		a = ip(no[i]);
		assert_non_null(ir_ip_special(&a));
	}
	for (i = 0; i < sizeof yes / sizeof *yes; i++) {
		a = ip(yes[i]);
		assert_null(ir_ip_special(&a));
	}
}

static struct ir_dnsbl_table
table(const char *text)
{
	struct ir_dnsbl_table t = { NULL, 0, 0 };
	struct ir_err err = IR_ERR_INIT;

	if (ir_dnsbl_parse(&t, text, strlen(text), "t", &err))
		fail_msg("%s", err.msg);
	return t;
}

static void
defaults(void **state)
{
	struct ir_dnsbl_table t = table("# a comment\n\nBL.Example.\n"
	    "abcdefghij0123456789abcdef.zen.example\n*.gone.example\t-\tdead"
	    "\t-\t-\t-\tnone\t-\tended\n");

	(void)state;
	assert_int_equal(t.n, 3);
	assert_string_equal(t.zone[0].name, "bl.example");
	assert_true(t.zone[0].v4);
	assert_false(t.zone[0].v6);
	assert_int_equal(t.zone[0].tier, 1);
	assert_true(t.zone[0].have_listed[0]);
	assert_string_equal(t.zone[1].shown, "KEY.zen.example");
	assert_ptr_equal(ir_dnsbl_find(&t, "bl.EXAMPLE."), &t.zone[0]);
	assert_null(ir_dnsbl_find(&t, "example"));
	assert_ptr_equal(ir_dnsbl_dead(&t, "x.gone.example"), &t.zone[2]);
	assert_null(ir_dnsbl_dead(&t, "gone.example"));
	assert_null(ir_dnsbl_dead(&t, "xgone.example"));
	ir_dnsbl_free(&t);
}

static void
wrong_lines(void **state)
{
	static const struct {
		const char *text, *where;
	} bad[] = {
		{ "ok.example\nbad zone\n", "t:2: not the name" },
		{ "a..b\n", "t:1: not the name" },
		{ "*.a.b\n", "t:1: only a dead" },
		{ "a.b\t5\n", "t:1: kind" },
		{ "a.b\t4\tgrey\n", "t:1: class" },
		{ "a.b\t4\tblack\t4\n", "t:1: tier" },
		{ "a.b\t4\tblack\t1\t.0.2\n", "t:1: not a code" },
		{ "a.b\t4\tblack\t1\t.0.2=\n", "t:1: not a code" },
		{ "a.b\t4\tblack\t1\t.0.9-.0.2=x\n", "t:1: not a code" },
		{ "a.b\t4\tblack\t1\tbit:3=x\n", "t:1: not a code" },
		{ "a.b\t4\tblack\t1\t.0.300=x\n", "t:1: not a code" },
		{ "a.b\t4\tblack\t1\t-\n", "t:1: no codes" },
		{ "a.b\t4\tblack\t1\t*=x\t-\tfoo\n", "t:1: not a test" },
		{ "a.b\t4\tblack\t1\t*=x\t-\t+127.0.0\n", "t:1: not a test" },
		{ "a.b\t4\tblack\t1\t*=x\t-\tstd\t-\t-\tmore\n",
		    "t:1: more than 9" },
		{ "\t4\n", "t:1: the zone is missing" },
		{ "a.b\n\na.b\n", "t:3: here for the second" },
	};
	struct ir_dnsbl_table t = { NULL, 0, 0 };
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(ir_dnsbl_parse(&t, bad[i].text,
		    strlen(bad[i].text), "t", &err), -1);
		assert_int_equal(err.code, 78);
		assert_memory_equal(err.msg, bad[i].where,
		    strlen(bad[i].where));
		ir_dnsbl_free(&t);
	}
}

static struct ir_dns_query
answer(const char *a, const char *b)
{
	static struct ir_dns_answer kept[8][2];	/* of the last eight */
	static size_t turn;
	struct ir_dns_query q = { .type = IR_DNS_A };

	q.answer = kept[turn++ % 8];
	q.answer[0].text = a;
	q.answer[1].text = b;
	q.n = *b ? 2 : 1;
	q.status = IR_DNS_OK;
	return q;
}

static const char *
verdict(const struct ir_dnsbl_zone *z, const char *a, const char *b,
    struct ir_dnsbl_result *r)
{
	struct ir_dns_query q = answer(a, b);

	ir_dnsbl_judge(z, &q, r);
	return ir_dnsbl_verdict_word(r->verdict);
}

static void
meanings(void **state)
{
	struct ir_dnsbl_table t = table(
	    "zen\t4\tblack\t1\t.0.2=SBL;.0.4-.0.7=XBL\t"
	    "127.255.255.254=public resolver\n"
	    "bits\t4\tblack\t1\tbit:16=malware;bit:64=abuse\t.0.1=refused\n"
	    "mixed\t4\tblack\t1\t.0.1=+white;.0.2=black;.0.3=~yellow\n"
	    "white\t4\twhite\t3\t127.0.2.0-127.0.9.255=trusted\n"
	    "any\n");
	struct ir_dnsbl_zone *z = t.zone;
	struct ir_dnsbl_result r;

	(void)state;
	assert_string_equal(verdict(z, "127.0.0.2", "127.0.0.6", &r),
	    "listed");
	assert_int_equal(r.nhits, 2);
	assert_string_equal(r.hit[1]->meaning, "XBL");
	assert_string_equal(verdict(z, "127.0.0.2", "127.255.255.254", &r),
	    "policy-refused");
	assert_string_equal(r.detail, "127.255.255.254: public resolver");
	assert_string_equal(verdict(z, "127.255.255.99", "", &r),
	    "policy-refused");
	assert_string_equal(verdict(z, "127.0.0.1", "", &r), "unknown");
	assert_string_equal(r.why, "error-code");
	assert_string_equal(verdict(z, "127.0.0.99", "", &r), "unknown");
	assert_string_equal(verdict(z, "203.0.113.80", "", &r), "unknown");
	assert_string_equal(verdict(z + 1, "127.0.0.80", "", &r), "listed");
	assert_int_equal(r.nhits, 2);
	assert_string_equal(verdict(z + 1, "127.0.0.1", "", &r),
	    "policy-refused");
	assert_string_equal(verdict(z + 1, "127.0.1.80", "", &r), "unknown");
	assert_string_equal(verdict(z + 2, "127.0.0.1", "", &r),
	    "whitelisted");
	assert_string_equal(verdict(z + 2, "127.0.0.3", "", &r), "clean");
	assert_int_equal(r.nhits, 1);
	assert_string_equal(verdict(z + 2, "127.0.0.1", "127.0.0.2", &r),
	    "listed");
	assert_string_equal(verdict(z + 3, "127.0.3.0", "", &r),
	    "whitelisted");
	assert_string_equal(verdict(z + 4, "127.0.0.77", "", &r), "listed");
	assert_string_equal(verdict(z + 4, "127.0.0.1", "", &r), "unknown");
	ir_dnsbl_free(&t);
}

static void
believing(void **state)
{
	struct ir_dnsbl_table t = table("bl.example\n");
	struct ir_dns_query yes = answer("127.0.0.2", ""), no = yes, q;
	struct ir_dnsbl_result r;

	(void)state;
	no.status = IR_DNS_NXDOMAIN;
	no.n = 0;
	assert_true(ir_dnsbl_believe(t.zone, &yes, &no, &no, &r));
	assert_false(ir_dnsbl_believe(t.zone, &no, &no, &no, &r));
	assert_string_equal(r.why, "empty-zone");
	assert_false(ir_dnsbl_believe(t.zone, &yes, &yes, &yes, &r));
	assert_string_equal(r.why, "lists-the-world");
	assert_false(ir_dnsbl_believe(t.zone, &yes, &yes, &no, &r));
	assert_string_equal(r.why, "lists-the-world");
	q = answer("203.0.113.80", "");
	assert_false(ir_dnsbl_believe(t.zone, &q, &q, &q, &r));
	assert_string_equal(r.why, "dead-zone");
	q = answer("127.0.0.1", "");
	assert_false(ir_dnsbl_believe(t.zone, &q, &q, &q, &r));
	assert_string_equal(r.why, "error-code");
	q = answer("127.255.255.254", "");
	assert_false(ir_dnsbl_believe(t.zone, &q, &q, &q, &r));
	assert_int_equal(r.verdict, IR_DNSBL_REFUSED);
	q = no;
	q.status = IR_DNS_SERVFAIL;
	assert_false(ir_dnsbl_believe(t.zone, &q, &q, &q, &r));
	assert_string_equal(r.why, "servfail");
	assert_false(ir_dnsbl_believe(t.zone, &q, &no, &no, &r));
	assert_string_equal(r.why, "servfail");
	/* no test points: the random name is all there is */
	assert_true(ir_dnsbl_believe(t.zone, NULL, NULL, &no, &r));
	ir_dnsbl_free(&t);
}

/* The table that ships must be readable, and not name dead lists as alive. */
static void
shipped(void **state)
{
	struct ir_buf b = IR_BUF(IR_DNSBL_MAX_TEXT);
	struct ir_dnsbl_table t = { NULL, 0, 0 };
	struct ir_err err = IR_ERR_INIT;
	size_t i, alive = 0;

	(void)state;
	if (ir_buf_read_file(&b, "lib/net/dnsbl-zones.tsv", &err))
		skip();
	if (ir_dnsbl_parse(&t, b.data, b.len, "zones", &err))
		fail_msg("%s", err.msg);
	for (i = 0; i < t.n; i++) {
		if (t.zone[i].class == IR_DNSBL_DEAD)
			continue;
		alive++;
		assert_null(ir_dnsbl_dead(&t, t.zone[i].name));
		assert_true(t.zone[i].tier == 3 || t.zone[i].have_listed[0] ||
		    t.zone[i].have_listed[1]);
	}
	assert_true(alive >= 25);
	assert_non_null(ir_dnsbl_dead(&t, "spam.dnsbl.sorbs.net"));
	ir_dnsbl_free(&t);
	ir_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(special),
		cmocka_unit_test(defaults),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(meanings),
		cmocka_unit_test(believing),
		cmocka_unit_test(shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
