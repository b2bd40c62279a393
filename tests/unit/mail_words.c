/* mail_words.c - header values: RFC 2047 and the charsets of real mail */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "mail/words.h"

static void
is(const char *in, const char *want)
{
	struct ir_buf b = IR_BUF(65536);

	ir_mail_words(&b, in, strlen(in));
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
plain_and_folded(void **state)
{
	(void)state;
	is("", "");
	is("hello", "hello");
	is("a\r\n b", "a b");
	is("caf\xc3\xa9", "caf\xc3\xa9");
	is("=?x?q", "=?x?q");
	is("a=?utf-8?q?b?=c", "abc");
}

static void
neighbours_are_joined(void **state)
{
	(void)state;
	is("=?UTF-8?Q?a_b?=\r\n =?utf-8?q?_c?= d", "a b c d");
	is("=?UTF-8?B?YWI=?= =?UTF-8?B?Y2Q=?=", "abcd");
	/* one character in two words */
	is("=?UTF-8?B?44E=?= =?UTF-8?B?gg==?=", "\xe3\x81\x82");
	is("=?UTF-8?Q?a?= b =?UTF-8?Q?c?=", "a b c");
	/* padding inside a word */
	is("=?UTF-8?B?YWI=Y2Q=?=", "abcd");
	is("=?UTF-8*en?Q?x=C3=A9?=", "x\xc3\xa9");
}

static void
japanese(void **state)
{
	(void)state;
	is("=?ISO-2022-JP?B?GyRCJSIlKxsoQg==?=", "\xe3\x82\xa2\xe3\x82\xab");
	/* NEC row 13 and half-width kana, as CP50221 has them */
	is("\x1b$B-!\x1b(B", "\xe2\x91\xa0");
	is("=?iso-2022-jp?Q?=1B(I1=1B(B?=", "\xef\xbd\xb1");
	/* cut off inside a character */
	is("=?iso-2022-jp?Q?=1B$B$?=", "\xef\xbf\xbd");
	is("=?shift_jis?B?h0A=?=", "\xe2\x91\xa0");
	is("=?gb2312?B?xOM=?=", "\xe4\xbd\xa0");
	/* raw, undeclared */
	is("\x82\xa0\x82\xa2", "\xe3\x81\x82\xe3\x81\x84");
	is("\xa4\xa2\xa4\xa4", "\xe3\x81\x82\xe3\x81\x84");
}

static void
never_dropped(void **state)
{
	(void)state;
	is("caf\xe9 x", "caf\xc3\xa9 x");
	is("=?UFT-8?Q?caf=C3=A9?=", "caf\xc3\xa9");
	is("=?utf-8?Q?caf=E9?=", "caf\xc3\xa9");
	is("=?no/such//IGNORE?Q?a=C3=A9?=", "a\xc3\xa9");
	is("=?unicode-1-1-utf-7?Q?+AGE-?=", "a");
	is("=?utf-8?Q?a=0Ab=00c?=", "a b c");
}

/* The sender does not choose what iconv loads. */
static void
odd_charsets_are_guessed(void **state)
{
	static const char *const odd[] = { "IBM037", "IBM1364", "IBM1390",
	    "UCS-4", "ISO-2022-CN-EXT", "UTF8-MAC", "EBCDIC-US", "INTERNAL",
	    "WCHAR_T" };
	char word[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		snprintf(word, sizeof word, "=?%s?Q?=C1b?=", odd[i]);
		is(word, "\xc3\x81" "b");
	}
	is("=?koi8-r?Q?=C1?=", "\xd0\xb0");
	is("=?iso-8859-15?Q?=A4?=", "\xe2\x82\xac");
	is("=?Windows-1251?Q?=C0?=", "\xd0\x90");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_and_folded),
		cmocka_unit_test(neighbours_are_joined),
		cmocka_unit_test(japanese),
		cmocka_unit_test(never_dropped),
		cmocka_unit_test(odd_charsets_are_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
