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
#include "net/prefix.h"

static struct ir_dnsbl_target
target(const char *s)
{
	struct ir_dnsbl_target t;
	struct ir_err err = IR_ERR_INIT;

	if (ir_dnsbl_target(s, &t, &err))
		fail_msg("%s: %s", s, err.msg);
	return t;
}

/* The question about s, or why there is none. */
static const char *
question(const char *s, const struct ir_dnsbl_zone *z)
{
	static char name[256];
	struct ir_dnsbl_target t = target(s);
	const char *why;
	int rc = ir_dnsbl_question(&t, z, name, &why);

	ir_dnsbl_target_free(&t);
	return rc ? why : name;
}

static void
names(void **state)
{
	struct ir_dnsbl_zone z = { .name = "bl.example" };
	char name[256], long_name[256];
	struct ir_ip test;

	(void)state;
	assert_string_equal(question("192.0.2.10", &z),
	    "10.2.0.192.bl.example");
	assert_string_equal(question("::ffff:192.0.2.10", &z),
	    "10.2.0.192.bl.example");
	assert_string_equal(question("2001:db8::1:2", &z),
	    "2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
	    "bl.example");
	assert_string_equal(question("WWW.Example.COM.", &z),
	    "www.example.com.bl.example");
	/* the SHA-1 of me@example.com */
	assert_string_equal(question("Me@Example.com", &z),
	    "7197f75b9213873c4679bfcb982a00943fc0ffb3.bl.example");
	assert_int_equal(ir_ip_parse("::ffff:7f00:2", true, &test), 0);
	assert_true(test.v6);
	assert_int_equal(ir_dnsbl_name(&test, "z", name), 0);
	assert_memory_equal(name, "2.0.0.0.0.0.f.7.f.f.f.f.0.", 26);
	assert_int_equal(ir_ip_parse("192.0.2.256", false, &test), -1);
	assert_int_equal(ir_ip_parse("192.0.2", false, &test), -1);
	assert_int_equal(ir_ip_parse("", false, &test), -1);
	memset(long_name, 'a', sizeof long_name);
	long_name[60] = long_name[120] = long_name[180] = '.';
	snprintf(long_name + 240, 16, ".example");
	assert_string_equal(question(long_name, &z), "name-too-long");
	z.registered = true;
	if (ir_dnsbl_have_psl()) {
		assert_string_equal(question("a.b.example.co.uk", &z),
		    "example.co.uk.bl.example");
		assert_string_equal(question("co.uk", &z), "public-suffix");
	} else {
		assert_string_equal(question("a.b.example.co.uk", &z),
		    "no-psl");
	}
	assert_string_equal(question("example.com", &z),
	    "example.com.bl.example");
}

static void
not_targets(void **state)
{
	static const char *const bad[] = { "", "192.0.2.300", "nonsense",
		"a b.example", "-", "1.2.3", "a..b", ".a.b", "192.0.2.0/24",
		"@example.com", "a@b", "a,b@example.com", "<a@b.example>",
		"a.b/c", "xn--", "\xff\xfe.example" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dnsbl_target t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(ir_dnsbl_target(bad[i], &t, &err), -1);
		assert_int_equal(err.code, 65);
		ir_dnsbl_target_free(&t);
	}
}

static void
beyond_ascii(void **state)
{
	struct ir_dnsbl_zone z = { .name = "z" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dnsbl_target t;

	(void)state;
	if (ir_dnsbl_have_idn()) {
		assert_string_equal(question("B\xc3\xbc" "cher.example", &z),
		    "xn--bcher-kva.example.z");
		assert_string_equal(question(
		    "\xe4\xbe\x8b\xe3\x81\x88.jp", &z),
		    "xn--r8jz45g.jp.z");
	} else {
		assert_int_equal(ir_dnsbl_target("b\xc3\xbc.example", &t,
		    &err), -1);
		assert_non_null(strstr(err.msg, "libidn2"));
	}
}

static void
networks(void **state)
{
	static const struct {
		const char *text, *first;
		int bits;
	} good[] = {
		{ "192.0.2.77/24", "192.0.2.0", 24 },
		{ "10.1.2.3/8", "10.0.0.0", 8 },
		{ "0.0.0.0/0", "0.0.0.0", 0 },
		{ "192.0.2.7/32", "192.0.2.7", 32 },
		{ "192.0.2.7/31", "192.0.2.6", 31 },
		{ "2001:db8::1/32", "2001:db8::", 32 },
		{ "2001:db8:ffff::/33", "2001:db8:8000::", 33 },
		{ "::ffff:192.0.2.7/120", "192.0.2.0", 24 },
	};
	static const char *const bad[] = { "192.0.2.0", "192.0.2.0/",
		"192.0.2.0/33", "192.0.2.0/-1", "192.0.2/24", "x/24", "/24",
		"2001:db8::/129", "192.0.2.0/24x",
		"192.0.2.0/0024", "192.0.2.0/24 " };
	struct ir_prefix net;
	struct ir_ip ip;
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(ir_net_parse(good[i].text, &net), 0);
		assert_string_equal(ir_ip_text(&net.ip, text, sizeof text),
		    good[i].first);
		assert_int_equal(net.bits, good[i].bits);
	}
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(ir_net_parse(bad[i], &net), -1);
	assert_int_equal(ir_net_parse("10.0.0.0/8", &net), 0);
	assert_int_equal(ir_net_size(&net), 1 << 24);
	ip = ir_ip_add(&net.ip, 0x010203);
	assert_string_equal(ir_ip_text(&ip, text, sizeof text), "10.1.2.3");
	assert_int_equal(ir_net_parse("::/0", &net), 0);
	assert_true(ir_net_size(&net) == UINT64_MAX);
}

static void
special(void **state)
{
	static const char *const no[] = { "10.1.2.3", "172.31.0.1",
		"192.168.1.1", "127.1.0.1", "169.254.1.1", "100.64.0.1",
		"0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "::1",
		"fd00::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1",
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1",
		"198.18.0.1", "198.19.255.255", "3fff::1", "100::1", "mx.local",
		"a.example", "example.com", "www.example.org", "host.test",
		"me@example.net", "db.corp", "x.home.arpa" };
	static const char *const yes[] = { "127.0.0.2", "172.32.0.1",
		"100.128.0.1", "8.8.8.8", "198.20.0.1", "2001:db9::1",
		"100:0:0:1::1",
		"example.de", "localdomain.net", "myexample.com" };
	struct ir_dnsbl_target t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof no / sizeof *no; i++) {
		t = target(no[i]);
		if (!ir_dnsbl_special(&t))
			fail_msg("%s", no[i]);
		ir_dnsbl_target_free(&t);
	}
	for (i = 0; i < sizeof yes / sizeof *yes; i++) {
		t = target(yes[i]);
		if (ir_dnsbl_special(&t))
			fail_msg("%s", yes[i]);
		ir_dnsbl_target_free(&t);
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
	assert_int_equal(t.zone[0].kinds, 1u << IR_DNSBL_IP4);
	assert_int_equal(t.zone[0].tier, 1);
	assert_string_equal(t.zone[0].listed[0].label, "2.0.0.127");
	assert_string_equal(t.zone[0].unlisted[IR_DNSBL_DOMAIN].label,
	    "invalid");
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
		{ "a.b\t4\tblack\t1\t*=x\t-\tstd\t-\t-\t-\tmore\n",
		    "t:1: not an option" },
		{ "a.b\t4\tblack\t1\t*=x\t-\tstd\t-\t-\t-\t-\t-\tmore\n",
		    "t:1: more than 12" },
		{ "a.b\t4\tblack\t1\t*=x\t-\tstd\t-\t-\t5\n",
		    "t:1: not a limit" },
		{ "a.b\t4\tblack\t1\t*=x\t-\tstd\t-\t-\t0/s\n",
		    "t:1: not a limit" },
		{ "a.b\t4\tblack\t1\t*=x\t-\tstd\t-\t-\t-\tkey=x\n",
		    "t:1: not an option" },
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

static void
all_columns(void **state)
{
	struct ir_dnsbl_table t = table("KEY.zen.example\t46d\tblack\t2\t"
	    ".0.2=low: SBL;.0.3=CSS;.0.10=policy: PBL\t-\t"
	    "+127.0.0.2;-::ffff:7f00:1;+TEST.point;-INVALID\thttps://x/\t"
	    "alive\t5/s;100000/d\tregistered;key=zen;part-of=all.example\t"
	    "Mend it, then ask.\nhash.example\th\tblack\t3\t*=x\t-\t"
	    "+me@example.com\n");
	const struct ir_dnsbl_zone *z = t.zone;
	struct ir_dnsbl_result r;
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_query q = answer("127.0.0.10", "127.0.0.2");
	char text[64] = "see ABCDEF123456 or abcdef123456.";

	(void)state;
	assert_int_equal(z->kinds, 7);
	assert_string_equal(z->listed[IR_DNSBL_IP4].label, "2.0.0.127");
	assert_string_equal(z->unlisted[IR_DNSBL_IP4].label, "");
	assert_memory_equal(z->unlisted[IR_DNSBL_IP6].label, "1.0.0.0.", 8);
	assert_string_equal(z->listed[IR_DNSBL_DOMAIN].label, "test.point");
	assert_int_equal(z->per_second, 5);
	assert_int_equal(z->per_day, 100000);
	assert_true(z->registered);
	assert_string_equal(z->part_of, "all.example");
	assert_string_equal(z->key_name, "zen");
	assert_string_equal(z->steps, "Mend it, then ask.");
	ir_dnsbl_judge(z, &q, &r);
	assert_int_equal(r.severity, IR_DNSBL_LOW);
	q = answer("127.0.0.3", "");
	ir_dnsbl_judge(z, &q, &r);
	assert_int_equal(r.severity, IR_DNSBL_MEDIUM);
	/* its key */
	assert_true(ir_dnsbl_keyless(z));
	assert_int_equal(ir_dnsbl_set_key(t.zone, "two.labels", &err), -1);
	assert_null(strstr(err.msg, "two.labels"));
	assert_int_equal(ir_dnsbl_set_key(t.zone, "abcdef123456", &err), 0);
	assert_false(ir_dnsbl_keyless(z));
	assert_string_equal(z->name, "abcdef123456.zen.example");
	assert_string_equal(z->shown, "KEY.zen.example");
	assert_int_equal(ir_dnsbl_set_key(t.zone, "other", &err), 0);
	assert_string_equal(z->name, "other.zen.example");
	assert_int_equal(ir_dnsbl_set_key(t.zone, "abcdef123456", &err), 0);
	ir_dnsbl_mask(z, text);
	assert_string_equal(text, "see ************ or ************.");
	assert_int_equal(strlen(z[1].listed[IR_DNSBL_MAIL].label), 40);
	ir_dnsbl_free(&t);
}

static void
parts(void **state)
{
	struct ir_dnsbl_table t = table("zen\nsbl\t4\tblack\t1\t.0.2=SBL\n");
	struct ir_dns_query q = answer("127.0.0.10", "127.0.0.4");
	struct ir_dnsbl_result r;

	(void)state;
	ir_dnsbl_judge_part(t.zone + 1, &q, &r);
	assert_int_equal(r.verdict, IR_DNSBL_CLEAN);
	q = answer("127.0.0.10", "127.0.0.2");
	ir_dnsbl_judge_part(t.zone + 1, &q, &r);
	assert_int_equal(r.verdict, IR_DNSBL_LISTED);
	assert_int_equal(r.nhits, 1);
	q = answer("127.255.255.254", "");
	ir_dnsbl_judge_part(t.zone + 1, &q, &r);
	assert_int_equal(r.verdict, IR_DNSBL_REFUSED);
	assert_true(ir_dnsbl_shut_out(&r));
	ir_dnsbl_free(&t);
}

/* The table that ships must be readable, and not name dead lists as alive. */
static void
shipped(void **state)
{
	struct ir_buf b = IR_BUF(IR_DNSBL_MAX_TEXT);
	struct ir_dnsbl_table t = { NULL, 0, 0 };
	struct ir_err err = IR_ERR_INIT;
	size_t i, k, alive = 0;
	bool tested;

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
		for (k = 0, tested = false; k < IR_DNSBL_KINDS; k++)
			tested = tested || t.zone[i].listed[k].label[0];
		assert_true(t.zone[i].tier == 3 || tested);
		if (t.zone[i].part_of[0])
			assert_non_null(ir_dnsbl_find(&t, t.zone[i].part_of));
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
		cmocka_unit_test(not_targets),
		cmocka_unit_test(beyond_ascii),
		cmocka_unit_test(networks),
		cmocka_unit_test(special),
		cmocka_unit_test(defaults),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(meanings),
		cmocka_unit_test(believing),
		cmocka_unit_test(all_columns),
		cmocka_unit_test(parts),
		cmocka_unit_test(shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
