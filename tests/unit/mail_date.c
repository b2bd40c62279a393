/* mail_date.c - the dates of mail */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "mail/date.h"

static void
is(const char *in, const char *want)
{
	char buf[IR_TIME_LEN];
	int64_t t;

	if (ir_mail_date(in, strlen(in), &t))
		assert_string_equal("none", want);
	else
		assert_string_equal(ir_time_rfc3339(t, buf), want);
}

static void
forms(void **state)
{
	(void)state;
	is("Mon, 27 Apr 2026 15:02:11 +0000", "2026-04-27T15:02:11Z");
	is("27 Apr 2026 15:02 +0900", "2026-04-27T06:02:00Z");
	is("Mon, 27 Apr 2026 15:02:11 -0530 (x (y) z)", "2026-04-27T20:32:11Z");
	is("Fri, 1 May 2026 09:00:00 GMT", "2026-05-01T09:00:00Z");
	is("Fri, 1 May 26 09:00:00 EST", "2026-05-01T14:00:00Z");
	is("Wed Nov 21 02:04:18 2026", "2026-11-21T02:04:18Z");
	is("2018-11-28 02:04:18 UTC", "2018-11-28T02:04:18Z");
	is("2018-11-28T02:04:18.123Z", "2018-11-28T02:04:18Z");
	is("2018-11-28T02:04:18+09:00", "2018-11-27T17:04:18Z");
	is("10 Jul 2024 02:21:07 UTC", "2024-07-10T02:21:07Z");
	is("July 10, 2024 02:21 (UTC)", "2024-07-10T02:21:00Z");
}

static void
nonsense(void **state)
{
	(void)state;
	is("", "none");
	is("tomorrow", "none");
	is("32 Apr 2026 10:00:00 GMT", "none");
	is("1 Apr 2026 25:00:00 GMT", "none");
	is("1 Apr 2026", "none");
	is("99999999999999999999:99 99999999999999", "none");
	is("-5 Apr -2026 -1:-1:-1", "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
