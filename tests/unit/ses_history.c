/* ses_history.c - which hours are out of the ordinary */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/ses_history.h"

#define N (14 * 24)

static struct ir_history_mark mark[N];

static size_t
marks(const double *sent, size_t n)
{
	size_t i, found = 0;

	ir_history_marks(sent, n, IR_HISTORY_TIMES, IR_HISTORY_FLOOR, mark);
	for (i = 0; i < n; i++)
		found += mark[i].marked;
	return found;
}

static void
days(double *sent)
{
	size_t i;

	for (i = 0; i < N; i++)
		sent[i] = i % 24 >= 9 && i % 24 < 18 ? 1000 : 20;
}

static void
abuse(void **state)
{
	double sent[N];
	size_t i;

	(void)state;
	days(sent);
	assert_int_equal(marks(sent, N), 0);
	assert_true(mark[0].known);
	assert_true(mark[12].usual > 999 && mark[12].usual < 1001);
	/* six hours of it at the end: marked, by night with far less */
	for (i = N - 6; i < N; i++)
		sent[i] += 11000;
	assert_int_equal(marks(sent, N), 6);
	days(sent);
	sent[N - 24 + 3] = 181;
	assert_int_equal(marks(sent, N), 1);
	sent[N - 24 + 3] = 180;
	assert_int_equal(marks(sent, N), 0);
	/* by day the same is nothing */
	days(sent);
	sent[N - 12] = 4000;
	assert_int_equal(marks(sent, N), 0);
	/* five days of it do not become the usual */
	for (i = N - 5 * 24; i < N; i++)
		sent[i] = 20000;
	assert_int_equal(marks(sent, N), 5 * 24);
}

static void
honest(void **state)
{
	double sent[N];

	(void)state;
	/* a newsletter of each week, now an hour later */
	days(sent);
	sent[2 * 24 + 5] = 30000;
	sent[9 * 24 + 6] = 28000;
	assert_int_equal(marks(sent, N), 0);
	sent[9 * 24 + 6] = 20;
	assert_int_equal(marks(sent, N), 1);
	assert_true(mark[2 * 24 + 5].marked);
	/* a little mail from nowhere is below the floor */
	memset(sent, 0, sizeof sent);
	sent[100] = 100;
	assert_int_equal(marks(sent, N), 0);
	sent[100] = 101;
	assert_int_equal(marks(sent, N), 1);
}

static void
too_few(void **state)
{
	double sent[N] = { 0 };

	(void)state;
	sent[10] = 1e6;
	assert_int_equal(marks(sent, 72), 0);
	assert_false(mark[10].known);
	assert_int_equal(marks(sent, 96), 1);
	assert_true(mark[10].known);
	assert_int_equal(marks(sent, 0), 0);
	assert_int_equal(marks(sent, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abuse),
		cmocka_unit_test(honest),
		cmocka_unit_test(too_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
