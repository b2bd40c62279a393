/* dns_answer.c - the parser of DNS answers: what it reads, what it refuses */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/dns.h"

/* id 1, answer, one question a.b IN A; rcode and count are filled in */
#define HEAD(rcode, an) "\0\1\x84" rcode "\0\1\0" an "\0\0\0\0" \
	"\1a\1b\0\0\1\0\1"
#define RR(type, ttl, len) "\xc0\x0c\0" type "\0\1\0\0\0" ttl "\0" len

static struct ir_dns_query
parse(enum ir_dns_type type, const char *msg, size_t n)
{
	struct ir_dns_query q;

	memset(&q, 0xee, sizeof q);
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
	assert_int_equal(q.ttl, 30);
}

static void
alias_is_followed(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_A, HEAD("\0", "\2")
	    RR("\5", "\x3c", "\4") "\1c\xc0\x0e"
	    "\1c\1b\0\0\1\0\1\0\0\0\x05\0\4\xc0\0\2\1");

	(void)state;
	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.n, 1);
	assert_string_equal(q.answer[0].text, "192.0.2.1");
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
	    "\2hi\3 \x1by");
	assert_int_equal(q.n, 1);
	assert_string_equal(q.answer[0].text, "hi \xef\xbf\xbdy");
	/* a length of a string that lies */
	q = PARSE(IR_DNS_TXT, HEAD("\0", "\1") RR("\x10", "\x3c", "\3")
	    "\xffhi");
	assert_string_equal(q.answer[0].text, "hi");
	q = PARSE(IR_DNS_AAAA, HEAD("\0", "\1") RR("\x1c", "\x3c", "\x10")
	    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
	assert_string_equal(q.answer[0].text, "2001:db8::1");
}

static void
names_stay_printable(void **state)
{
	struct ir_dns_query q = PARSE(IR_DNS_MX, HEAD("\0", "\1")
	    RR("\x0f", "\x3c", "\x0a") "\0\x0a\3a.\x1b\1b\0\0");

	(void)state;
	assert_string_equal(q.answer[0].text, "a??.b");
}

static void
codes(void **state)
{
	(void)state;
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\0", "\0")).status,
	    IR_DNS_NODATA);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\3", "\0")).status,
	    IR_DNS_NXDOMAIN);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\2", "\0")).status,
	    IR_DNS_SERVFAIL);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\5", "\0")).status,
	    IR_DNS_REFUSED);
	assert_int_equal(PARSE(IR_DNS_A, HEAD("\4", "\0")).status,
	    IR_DNS_BAD);
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
	char msg[2000];
	size_t n = sizeof HEAD("\0", "\x28") - 1;
	struct ir_dns_query q;
	int i;

	(void)state;
	memcpy(msg, HEAD("\0", "\x28"), n);
	for (i = 0; i < 40; i++, n += 16)
		memcpy(msg + n, RR("\1", "\x3c", "\4") "\x7f\0\0\2", 16);
	q = parse(IR_DNS_A, msg, n);
	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.n, IR_DNS_MAX_ANSWERS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(alias_is_followed),
		cmocka_unit_test(exchanges_and_text),
		cmocka_unit_test(names_stay_printable),
		cmocka_unit_test(codes),
		cmocka_unit_test(broken),
		cmocka_unit_test(many_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
