/* dnsbl_state.c - what runs tell each other: tests and allowances */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/dnsbl_state.h"

#define NOW ((int64_t)1790000000000)
#define HOUR ((int64_t)3600 * 1000)

static struct ir_dnsbl_state *
open_in(const char *dir)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_dnsbl_state *s;

	if (ir_dnsbl_state_open(&s, dir, &err))
		fail_msg("%s", err.msg);
	return s;
}

static void
locked(struct ir_dnsbl_state *s, int64_t now)
{
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_dnsbl_state_lock(s, now, &err), 0);
}

static void
unlocked(struct ir_dnsbl_state *s)
{
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_dnsbl_state_unlock(s, &err), 0);
}

static void
rates(void **state)
{
	struct ir_dnsbl_state *s = open_in(NULL);
	int64_t wait;

	(void)state;
	locked(s, NOW);
	/* a second's worth at once, then one each fifth of a second */
	assert_int_equal(ir_dnsbl_state_take(s, "z", 5, 0, 9, &wait), 5);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 5, 0, 9, &wait), 0);
	assert_in_range(wait, 200, 202);
	assert_int_equal(ir_dnsbl_state_take(s, "other", 5, 0, 9, &wait), 5);
	locked(s, NOW + 210);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 5, 0, 9, &wait), 1);
	locked(s, NOW + 60000);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 5, 0, 9, &wait), 5);
	/* no limit of that kind */
	assert_int_equal(ir_dnsbl_state_take(s, "free", 0, 0, 999, &wait),
	    999);
	ir_dnsbl_state_close(s);
}

static void
days(void **state)
{
	struct ir_dnsbl_state *s = open_in(NULL);
	int64_t wait;

	(void)state;
	locked(s, NOW);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 0, 10, 7, &wait), 7);
	ir_dnsbl_state_give(s, "z", 2);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 0, 10, 7, &wait), 5);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 0, 10, 7, &wait), 0);
	assert_int_equal(wait, -1);
	locked(s, NOW + 24 * HOUR);
	assert_int_equal(ir_dnsbl_state_take(s, "z", 0, 10, 7, &wait), 7);
	ir_dnsbl_state_close(s);
}

static void
kept(void **state)
{
	char dir[] = "/tmp/dnsbl-state-XXXXXX", path[64];
	struct ir_dnsbl_belief b = { .believed = true }, got;
	struct ir_dnsbl_state *one, *two;
	int64_t wait;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	one = open_in(dir);
	two = open_in(dir);
	snprintf(b.server, sizeof b.server, "127.0.0.1:53");
	snprintf(b.detail, sizeof b.detail, "tab\there");
	locked(one, NOW);
	assert_int_equal(ir_dnsbl_state_take(one, "z", 0, 10, 7, &wait), 7);
	ir_dnsbl_state_believe(one, "z", '4', "system", &b);
	unlocked(one);
	/* another run at the same time shares it */
	locked(two, NOW);
	assert_int_equal(ir_dnsbl_state_take(two, "z", 0, 10, 7, &wait), 3);
	assert_true(ir_dnsbl_state_belief(two, "z", '4', "system", &got));
	assert_true(got.believed);
	assert_string_equal(got.server, "127.0.0.1:53");
	assert_string_equal(got.detail, "tab?here");
	assert_false(ir_dnsbl_state_belief(two, "z", '6', "system", &got));
	assert_false(ir_dnsbl_state_belief(two, "z", '4', "::1", &got));
	unlocked(two);
	/* an hour later, or before it was, it holds no more */
	locked(two, NOW + HOUR + 1);
	assert_false(ir_dnsbl_state_belief(two, "z", '4', "system", &got));
	unlocked(two);
	locked(two, NOW - 1);
	assert_false(ir_dnsbl_state_belief(two, "z", '4', "system", &got));
	unlocked(two);
	/* any bytes will do, and are put right */
	snprintf(path, sizeof path, "%s/dnsbl.state", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("quell-dnsbl-state 1\nu\tz\nt\t\t\t\t\t\t\t\t\t\nu\tz\t-1\tx\t3\n"
	    "rubbish\nu\tz\t20717\t4\t0\n", f);
	fclose(f);
	locked(one, NOW);
	assert_int_equal(ir_dnsbl_state_take(one, "z", 0, 10, 9, &wait), 6);
	unlocked(one);
	ir_dnsbl_state_close(one);
	ir_dnsbl_state_close(two);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),
		cmocka_unit_test(days),
		cmocka_unit_test(kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
