/* refusals.c - lines of logs, replies, and the table of what they mean */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/refusals.h"

static struct ir_delivery d;

static int
line(const char *s)
{
	static const struct ir_delivery_clock clock = { 1795300000, true };

	memset(&d, 0xee, sizeof d);
	return ir_delivery_parse(s, strlen(s), &clock, &d);
}

static void
replies(void **state)
{
	static const struct {
		const char *in;
		int code;
		const char *enhanced, *text;
	} r[] = { { "550 5.7.1 no", 550, "5.7.1", "no" },
		{ "550-5.7.1 a\\n550-5.7.1 b\\n550 5.7.1 c", 550, "5.7.1",
		    "a b c" },
		{ "550-5.7.1 a 550 5.7.1 b", 550, "5.7.1", "a b" },
		{ "550 see 550 of it", 550, "", "see of it" },
		{ "550 5.7.1 not 551 5.7.1 x", 550, "5.7.1",
		    "not 551 5.7.1 x" },
		{ "554-a\\n554-b\\n554 c", 554, "", "a b c" },
		{ "421 #4.7.0 x", 421, "4.7.0", "x" },
		{ "550 1.2.3.4 is blocked", 550, "", "1.2.3.4 is blocked" },
		{ "550", 550, "", "" }, { "5500 x", 0, "", "5500 x" },
		{ "650 x", 0, "", "650 x" }, { "", 0, "", "" },
		{ "550 5.7.1", 550, "5.7.1", "" },
		{ "550 \xff\x01z", 550, "", "\xef\xbf\xbd\xef\xbf\xbdz" } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof r / sizeof *r; i++) {
		memset(&d, 0, sizeof d);
		ir_delivery_reply(r[i].in, strlen(r[i].in), &d);
		assert_int_equal(d.code, r[i].code);
		assert_string_equal(d.enhanced, r[i].enhanced);
		assert_string_equal(d.text, r[i].text);
	}
}

static void
lines(void **state)
{
	(void)state;
	assert_int_equal(line("2026-11-21 22:00:01 1xUtVi-0006tA-0D => "
	    "a@B.Example R=r T=t H=mx.B.example [192.0.2.1]:25 X=y"), 1);
	assert_int_equal(d.kind, IR_DELIVERED);
	assert_string_equal(d.domain, "b.example");
	assert_string_equal(d.host, "mx.b.example");
	assert_string_equal(d.ip, "192.0.2.1");
	assert_string_equal(d.id, "1xUtVi-0006tA-0D");
	/* 2026-11-21T22:00:01Z */
	assert_int_equal(d.time, 1795298401);
	/* what a sender writes into an address is not what a server says */
	assert_int_equal(line("2026-11-21 22:00:01 1xUtVi-0006tA-0D <= "
	    "\"** x\"@y.example H=mx [192.0.2.1] P=esmtp S=1 T=\"** a@b "
	    "SMTP error from remote mail server after x: 550 no\""), 0);
	assert_int_equal(line("2026-11-21 22:00:01 1xUtVi-0006tA-0D "
	    "Completed"), 0);
	assert_int_equal(line("2026-11-21 22:00:01 1xUtVi-0006tA-0D == "
	    "a@b.example R=r T=t defer (-54): retry time not reached"), 2);
	assert_int_equal(line("2026-11-21 22:00:01 no host name found for IP "
	    "address 192.0.2.1"), 0);
	assert_int_equal(line("2026-11-21 22:00:01 1xUtVi-0006tA-0D "
	    "H=mx.b.example [192.0.2.1] Connection refused"), 1);
	assert_int_equal(d.kind, IR_HOST_REFUSED);
	assert_int_equal(d.code, 0);
	assert_string_equal(d.text, "Connection refused");
	/* the year that is not in the log: not in the future */
	assert_int_equal(line("Dec 31 22:00:01 mx postfix/smtp[1]: ABC: "
	    "to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25, "
	    "status=sent (250 ok)"), 1);
	assert_true(d.time < 1795300000 && d.time > 1763760000);
	assert_int_equal(line("Nov  1 22:00:01 mx postfix/local[1]: ABC: "
	    "to=<a@b.example>, relay=local, status=sent (x)"), 0);
	assert_int_equal(line(""), 0);
	assert_int_equal(line("2026-11-21 22:00:01"), 0);
	assert_int_equal(line("2026-11-21 22:00:01 "), 0);
}

static const char table[] = "# a comment\n"
    "provider\tone\tOne\tone.example\tmail.example\thttps://one/\tall\n"
    "provider\ttwo\tTwo\tmx.one.example\t-\t-\t-\n"
    "refusal\tone\tlist\t550\tin ([a-z.]+)\tip-blocked\t$1\tm\tt\t-\n"
    "refusal\tone\trest\t5.7.*;4xx\t-\trate\tbl.example\tm\tt\tc\n"
    "refusal\t*\tany\t*\tzonk\tuser\t-\tm\t-\t-\n";

static void
matching(void **state)
{
	struct ir_refusals *t = ir_refusals_new();
	const struct ir_refusal_provider *p;
	const struct ir_refusal_rule *r;
	char list[80];

	(void)state;
	assert_int_equal(ir_refusals_add(t, table, sizeof table - 1, "t",
	    NULL), 0);
	assert_int_equal(ir_refusals_count(t), 5);
	assert_null(ir_refusals_provider(t, "none.example", ""));
	assert_null(ir_refusals_provider(t, "notone.example", ""));
	p = ir_refusals_provider(t, "a.mx.one.example", "mail.example");
	assert_string_equal(p->name, "two");
	p = ir_refusals_provider(t, "", "sub.mail.example");
	assert_string_equal(p->name, "one");
	memset(&d, 0, sizeof d);
	d.code = 550;
	strncpy(d.text, "you are IN bl.Example.", sizeof d.text - 1);
	r = ir_refusals_match(t, p, &d, list);
	assert_string_equal(r->id, "list");
	assert_string_equal(list, "bl.Example");
	d.code = 421;
	r = ir_refusals_match(t, p, &d, list);
	assert_string_equal(r->id, "rest");
	assert_string_equal(list, "bl.example");
	d.code = 554;
	assert_null(ir_refusals_match(t, p, &d, list));
	memcpy(d.enhanced, "5.7.26", 7);
	assert_non_null(ir_refusals_match(t, p, &d, list));
	assert_null(ir_refusals_match(t, NULL, &d, list));
	strncpy(d.text, "ZONK", sizeof d.text - 1);
	assert_string_equal(ir_refusals_match(t, NULL, &d, list)->id, "any");
	ir_refusals_free(t);
}

static void
shapes(void **state)
{
	static const char *const s[][2] = {
		{ "from 192.0.2.1 to <a@b.example>", "from IP to <ADDRESS>" },
		{ "[2001:db8::1] id q1w2e3r4t5", "[IP] id ID" },
		{ "see (S3150), [TSS04] 5.7.1", "see (S3150), [TSS04] 5.7.1" },
		{ "at 1700000000 x12", "at N x12" },
		{ "http://x.example/q?ip=192.0.2.1", "URL=IP" },
		{ "mx12345.host77.example said", "NAME said" },
		{ "", "" } };
	struct ir_buf b = IR_BUF(4096);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof s / sizeof *s; i++) {
		ir_buf_trunc(&b, 0);
		ir_refusal_shape(s[i][0], &b);
		assert_string_equal(ir_buf_cstr(&b), s[i][1]);
	}
	ir_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies),
		cmocka_unit_test(lines),
		cmocka_unit_test(matching),
		cmocka_unit_test(shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
