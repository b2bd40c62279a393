/* dns_answer.c - the parser of DNS answers: what it reads, what it refuses */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/dns.h"
#include "net/dns_msg.h"

/* id 1, answer, one question a.b IN A; rcode and count are filled in */
#define HEAD(rcode, an) "\0\1\x84" rcode "\0\1\0" an "\0\0\0\0" \
	"\1a\1b\0\0\1\0\1"
#define RR(type, ttl, len) "\xc0\x0c\0" type "\0\1\0\0\0" ttl "\0" len

static struct ir_dns_query
parse(enum ir_dns_type type, const char *msg, size_t n)
{
	static struct ir_dns_query q;

	ir_dns_query_free(&q);
	memset(&q, 0xee, sizeof q);
	memcpy(q.name, "A.b", 4);
	q.type = type;
	ir_dns_parse((const uint8_t *)msg, n, &q);
	return q;
}

#define PARSE(type, s) parse(type, s, sizeof(s) - 1)

static void
addresses(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_A, HEAD("\0", "\2")
	    RR("\1", "\x3c", "\4") "\x7f\0\0\2"
	    RR("\1", "\x1e", "\4") "\x7f\0\0\x0a");

	(void)state;
	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.n, 2);
	assert_string_equal(q.answer[0].text, "127.0.0.2");
	assert_string_equal(q.answer[1].text, "127.0.0.10");
	assert_int_equal(q.answer[1].len, 10);
	assert_int_equal(q.answer[0].ttl, 60);
	assert_int_equal(q.ttl, 30);
	assert_int_equal(q.rcode, 0);
	assert_false(q.ad);
	assert_null(q.alias);
	q = PARSE(IR_DNS_A, "\0\1\x81\xa0\0\1\0\1\0\0\0\0\1a\1B\0\0\1\0\1"
	    RR("\1", "\x3c", "\4") "\x7f\0\0\2");
	assert_int_equal(q.n, 1);
	assert_true(q.ad);
}

static void
alias_is_followed(void **state)
{
	/* c.b first, then the CNAME that leads to it */
	struct ir_dns_query q = PARSE(IR_DNS_A, HEAD("\0", "\2")
	    "\1c\1b\0\0\1\0\1\0\0\0\x05\0\4\xc0\0\2\1"
	    RR("\5", "\x3c", "\4") "\1C\xc0\x0e");

	(void)state;
	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.n, 1);
	assert_string_equal(q.answer[0].text, "192.0.2.1");
	assert_string_equal(q.alias, "C.b");
	assert_int_equal(q.ttl, 5);
	/* it leads out of this answer */
	q = PARSE(IR_DNS_A, HEAD("\0", "\1")
	    RR("\5", "\x3c", "\4") "\1c\xc0\x0e");
	assert_int_equal(q.status, IR_DNS_NODATA);
	assert_int_equal(q.n, 0);
	assert_string_equal(q.alias, "c.b");
	/* the CNAME itself was asked for */
	q = PARSE(IR_DNS_CNAME, HEAD("\0", "\1")
	    RR("\5", "\x3c", "\4") "\1c\xc0\x0e");
	assert_int_equal(q.n, 1);
	assert_string_equal(q.answer[0].text, "c.b");
	assert_null(q.alias);
	/* in a circle */
	q = PARSE(IR_DNS_A, HEAD("\0", "\1") RR("\5", "\x3c", "\2")
	    "\xc0\x0c");
	assert_int_equal(q.status, IR_DNS_BAD);
}

static void
what_is_another_names_is_not_taken(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_A, HEAD("\0", "\2")
	    "\1c\1b\0\0\1\0\1\0\0\0\x05\0\4\xc0\0\2\1"
	    "\2a.\1b\0\0\1\0\1\0\0\0\x05\0\4\xc0\0\2\1");

	(void)state;
	assert_int_equal(q.status, IR_DNS_NODATA);
	/* another class */
	q = PARSE(IR_DNS_A, HEAD("\0", "\1")
	    "\xc0\x0c\0\1\0\3\0\0\0\x3c\0\4\x7f\0\0\2");
	assert_int_equal(q.status, IR_DNS_NODATA);
}

static void
exchanges_and_text(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_MX, HEAD("\0", "\1")
	    RR("\x0f", "\x3c", "\6") "\0\x0a\1m\xc0\x0e");

	(void)state;
	assert_int_equal(q.n, 1);
	assert_int_equal(q.answer[0].pref, 10);
	assert_string_equal(q.answer[0].text, "m.b");
	q = PARSE(IR_DNS_MX, HEAD("\0", "\1") RR("\x0f", "\x3c", "\3")
	    "\0\0\0");
	assert_int_equal(q.n, 1);
	assert_string_equal(q.answer[0].text, "");
	q = PARSE(IR_DNS_TXT, HEAD("\0", "\1") RR("\x10", "\x3c", "\x07")
	    "\2h\0\3 \x1by");
	assert_int_equal(q.n, 1);
	assert_int_equal(q.answer[0].len, 5);
	assert_memory_equal(q.answer[0].text, "h\0 \x1by", 6);
	/* a length of a string that lies */
	q = PARSE(IR_DNS_TXT, HEAD("\0", "\1") RR("\x10", "\x3c", "\3")
	    "\xffhi");
	assert_string_equal(q.answer[0].text, "hi");
	q = PARSE(IR_DNS_AAAA, HEAD("\0", "\1") RR("\x1c", "\x3c", "\x10")
	    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
	assert_string_equal(q.answer[0].text, "2001:db8::1");
}

static void
other_types(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_PTR, HEAD("\0", "\1")
	    RR("\x0c", "\x3c", "\4") "\1h\xc0\x0e");

	(void)state;
	assert_string_equal(q.answer[0].text, "h.b");
	q = PARSE(IR_DNS_NS, HEAD("\0", "\1") RR("\2", "\x3c", "\4")
	    "\1n\xc0\x0e");
	assert_string_equal(q.answer[0].text, "n.b");
	q = PARSE(IR_DNS_SOA, HEAD("\0", "\1") RR("\6", "\x3c", "\x1c")
	    "\1n\xc0\x0e\1h\xc0\x0e\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff"
	    "\xff\xff");
	assert_string_equal(q.answer[0].text, "n.b h.b 1 2 3 4 4294967295");
	assert_int_equal(q.answer[0].len, 26);
	q = PARSE(IR_DNS_TLSA, HEAD("\0", "\1") RR("\x34", "\x3c", "\5")
	    "\3\1\1\0\xff");
	assert_int_equal(q.answer[0].len, 5);
	assert_memory_equal(q.answer[0].text, "\3\1\1\0\xff", 5);
	q = PARSE(IR_DNS_CAA, "\0\1\x84\0\0\1\0\1\0\0\0\0\1a\1b\0\1\1\0\1"
	    "\xc0\x0c\1\1\0\1\0\0\0\x3c\0\x0a\x80\5issueca.");
	assert_int_equal(q.answer[0].pref, 128);
	assert_string_equal(q.answer[0].text, "issue ca.");
	assert_int_equal(q.answer[0].len, 9);
	/* a tag that is longer than the record */
	q = PARSE(IR_DNS_CAA, "\0\1\x84\0\0\1\0\1\0\0\0\0\1a\1b\0\1\1\0\1"
	    "\xc0\x0c\1\1\0\1\0\0\0\x3c\0\x0a\x80\x09issueca.");
	assert_int_equal(q.status, IR_DNS_BAD);
}

static void
names_stay_printable(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_MX, HEAD("\0", "\1")
	    RR("\x0f", "\x3c", "\x0a") "\0\x0a\3a.\x1b\1b\0\0");

	(void)state;
	assert_string_equal(q.answer[0].text, "a??.b");
}

#define SOA "\1b\0\0\6\0\1\0\0\1\0\0\x16\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0" \
	"\4\0\0\0\x50"

static void
codes(void **state)
{
	struct ir_dns_query q;

	(void)state;
	q = PARSE(IR_DNS_A, HEAD("\0", "\0"));
	assert_int_equal(q.status, IR_DNS_NODATA);
	assert_int_equal(q.ttl, 0);
	q = PARSE(IR_DNS_A, HEAD("\3", "\0"));
	assert_int_equal(q.status, IR_DNS_NXDOMAIN);
	assert_int_equal(q.rcode, 3);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\2", "\0")).status,
	    IR_DNS_SERVFAIL);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\5", "\0")).status,
	    IR_DNS_REFUSED);
	q = PARSE(IR_DNS_A, HEAD("\4", "\0"));
	assert_int_equal(q.status, IR_DNS_BAD);
	assert_int_equal(q.rcode, 4);
	/* until when there is none: the smaller of TTL 256 and minimum 80 */
	q = PARSE(IR_DNS_A, "\0\1\x84\3\0\1\0\0\0\1\0\0\1a\1b\0\0\1\0\1" SOA);
	assert_int_equal(q.status, IR_DNS_NXDOMAIN);
	assert_int_equal(q.ttl, 80);
	/* BADVERS: the upper bits of the rcode are in the OPT record */
	q = PARSE(IR_DNS_A, "\0\1\x84\0\0\1\0\0\0\0\0\1\1a\1b\0\0\1\0\1"
	    "\0\0\x29\4\xd0\1\0\0\0\0\0");
	assert_int_equal(q.status, IR_DNS_BAD);
	assert_int_equal(q.rcode, 16);
}

static void
broken(void **state)
{
	static const char whole[] = HEAD("\0", "\1") RR("\1", "\x3c", "\4")
	    "\x7f\0\0\2";
	size_t n;

	(void)state;
	for (n = 0; n < sizeof whole - 1; n++) {
		struct ir_dns_query q = parse(IR_DNS_A, whole, n);

		assert_int_equal(q.status, IR_DNS_BAD);
		assert_int_equal(q.n, 0);
	}
	/* a name that points at itself, an A of 5 bytes, a question */
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\0", "\1")
	    "\xc0\x15\0\1\0\1\0\0\0\1\0\4aaaa").status, IR_DNS_BAD);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\0", "\1")
	    RR("\1", "\1", "\5") "aaaaa").status, IR_DNS_BAD);
	assert_int_equal(PARSE(IR_DNS_A, "\0\1\0\0\0\1\0\0\0\0\0\0").status,
	    IR_DNS_BAD);
}

static void
many_answers(void **state)
{
	static char msg[6000];
	size_t n = sizeof HEAD("\0", "\0") - 1;
	struct ir_dns_query q;
	int i;

	(void)state;
	memcpy(msg, HEAD("\0", "\0"), n);
	msg[6] = 1;		/* 300 of them */
	msg[7] = 44;
	for (i = 0; i < 300; i++, n += 16)
		memcpy(msg + n, RR("\1", "\x3c", "\4") "\x7f\0\0\2", 16);
	q = parse(IR_DNS_A, msg, n);
	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.n, IR_DNS_MAX_ANSWERS);
	assert_string_equal(q.answer[255].text, "127.0.0.2");
}

/* One TXT of 65000 bytes, as it comes over TCP. */
static void
long_text(void **state)
{
	static char msg[65400];
	size_t n = sizeof HEAD("\0", "\1") - 1, i;
	struct ir_dns_query q;

	(void)state;
	memcpy(msg, HEAD("\0", "\1") RR("\x10", "\x3c", "\0"), n + 12);
	msg[n + 10] = (char)(65024 >> 8);
	msg[n + 11] = (char)(65024 & 255);
	n += 12;
	for (i = 0; i < 254; i++, n += 256)
		memset(msg + n, 'x', 256), msg[n] = (char)255;
	q = parse(IR_DNS_TXT, msg, n);
	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.answer[0].len, 254 * 255);
	assert_int_equal(strlen(q.answer[0].text), 254 * 255);
}

#define Q(id, qr, n, name, type) id qr n "\0\0\0\0\0\0" name type "\0\1"

static bool
is_answer(const char *msg, size_t n)
{
	return ir_dns_answers((const uint8_t *)msg, n, 0x0102, "ab.c", 1);
}

#define IS_ANSWER(s) is_answer(s, sizeof(s) - 1)

static void
forged(void **state)
{
	uint8_t q[IR_DNS_MAX_QUESTION];
	size_t n = ir_dns_question(q, 0x0102, "ab.c", 1, 1232), i;

	(void)state;
	assert_int_equal(n, 12 + 6 + 4 + 11);
	assert_memory_equal(q, "\1\2\1\x20\0\1\0\0\0\0\0\1\2ab\1c\0\0\1\0\1"
	    "\0\0\x29\4\xd0\0\0\0\0\0\0", n);
	assert_false(ir_dns_answers(q, n, 0x0102, "ab.c", 1));	/* no QR */
	q[2] |= 0x80;
	assert_true(ir_dns_answers(q, n, 0x0102, "ab.c", 1));
	for (i = 0; i < n - 11; i++)
		assert_false(ir_dns_answers(q, i, 0x0102, "ab.c", 1));
	assert_true(IS_ANSWER(Q("\1\2", "\x81\0", "\0\1", "\2aB\1C\0",
	    "\0\1")));
	assert_false(IS_ANSWER(Q("\1\3", "\x81\0", "\0\1", "\2ab\1c\0",
	    "\0\1")));
	assert_false(IS_ANSWER(Q("\1\2", "\x81\0", "\0\1", "\2ab\1d\0",
	    "\0\1")));
	assert_false(IS_ANSWER(Q("\1\2", "\x81\0", "\0\1", "\2ab\0",
	    "\0\1")));
	assert_false(IS_ANSWER(Q("\1\2", "\x81\0", "\0\1", "\2ab\1c\1d\0",
	    "\0\1")));
	assert_false(IS_ANSWER(Q("\1\2", "\x81\0", "\0\1", "\2ab\1c\0",
	    "\0\2")));
	assert_false(IS_ANSWER(Q("\1\2", "\x81\0", "\0\2", "\2ab\1c\0",
	    "\0\1")));
	/* without the question: only where the server understood nothing */
	assert_false(IS_ANSWER("\1\2\x81\0\0\0\0\0\0\0\0\0"));
	assert_false(IS_ANSWER("\1\2\x81\3\0\0\0\0\0\0\0\0"));
	assert_true(IS_ANSWER("\1\2\x81\1\0\0\0\0\0\0\0\0"));
}

static void
questions(void **state)
{
	uint8_t q[IR_DNS_MAX_QUESTION];
	char name[256];

	(void)state;
	assert_int_equal(ir_dns_question(q, 1, "a..b", 1, 0), 0);
	assert_int_equal(ir_dns_question(q, 1, ".a", 1, 0), 0);
	assert_int_equal(ir_dns_question(q, 1, "a.b.", 1, 0), 12 + 5 + 4);
	assert_int_equal(ir_dns_question(q, 1, "", 1, 0), 12 + 1 + 4);
	memset(name, 'x', sizeof name);
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';		/* the longest there is */
	assert_int_equal(ir_dns_question(q, 1, name, 1, 1232),
	    IR_DNS_MAX_QUESTION);
	name[253] = 'x';
	name[254] = '\0';
	assert_int_equal(ir_dns_question(q, 1, name, 1, 0), 0);
	name[63] = 'x';
	name[100] = '\0';
	assert_int_equal(ir_dns_question(q, 1, name, 1, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(alias_is_followed),
		cmocka_unit_test(what_is_another_names_is_not_taken),
		cmocka_unit_test(exchanges_and_text),
		cmocka_unit_test(other_types),
		cmocka_unit_test(names_stay_printable),
		cmocka_unit_test(codes),
		cmocka_unit_test(broken),
		cmocka_unit_test(many_answers),
		cmocka_unit_test(long_text),
		cmocka_unit_test(forged),
		cmocka_unit_test(questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
