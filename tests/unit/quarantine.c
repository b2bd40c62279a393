/* quarantine.c - the documents of policy/quarantine.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "policy/policy.h"
#include "policy/quarantine.h"

#define ARN "arn:aws:iam::444455556666:user/ops/eve"

static void
fits_and_denies(void **state)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *gaps;
	int64_t since;
	int all;

	(void)state;
	for (all = 0; all < 2; all++) {
		struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);

		ir_quarantine_document(&b, all, 1795300000);
		assert_false(b.bad);
		/* as the header promises */
		assert_true(b.len < (all ? 300 : 1100));
		gaps = ir_quarantine_gaps(b.data, b.len, &err);
		assert_non_null(gaps);
		assert_int_equal(ir_rec_len(gaps), 0);
		ir_rec_free(gaps);
		assert_true(ir_quarantine_is(b.data, b.len, all, &since));
		assert_int_equal(since, 1795300000);
		assert_false(ir_quarantine_is(b.data, b.len, !all, &since));
		ir_buf_free(&b);
	}
}

/* The sessions' part alone is conditional: it must not count. */
static void
has_gaps(void **state)
{
	static const struct {
		const char *text;
		int all;
	} v[] = {
		{ "{\"Version\":\"2012-10-17\",\"Statement\":[]}", 0 },
		{ "{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\","
		    "\"Resource\":\"*\",\"Condition\":{\"DateLessThan\":"
		    "{\"aws:TokenIssueTime\":\"2026-11-21T00:00:00Z\"}}}}",
		    1 },
		{ "{\"Statement\":{\"Effect\":\"Deny\",\"Action\":"
		    "[\"ses:*\",\"iam:*\"],\"Resource\":\"*\"}}", 0 },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
		    "\"Resource\":\"*\"}}", 1 },
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *gaps;
	int64_t since;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		gaps = ir_quarantine_gaps(v[i].text, strlen(v[i].text), &err);
		assert_true(!gaps ||
		    ir_rec_len(gaps) > (v[i].all ? 25 : 0));
		ir_rec_free(gaps);
		assert_false(ir_quarantine_is(v[i].text, strlen(v[i].text),
		    false, &since));
	}
	assert_null(ir_quarantine_gaps("{", 1, &err));
	assert_int_equal(err.code, IR_DATAERR);
	assert_false(ir_quarantine_is("", 0, false, &since));
}

static void
same_or_not(void **state)
{
	static const char a[] = "{\"a\": [1, 2],\n\t\"b\":\"x\"}";
	static const char b[] = "{\"a\":[1,2],\"b\":\"x\"}";
	static const char c[] = "{\"a\":[2,1],\"b\":\"x\"}";

	(void)state;
	assert_true(ir_quarantine_same(a, sizeof a - 1, b, sizeof b - 1));
	assert_false(ir_quarantine_same(a, sizeof a - 1, c, sizeof c - 1));
	assert_false(ir_quarantine_same(a, 0, a, 0));
	assert_false(ir_quarantine_same("{", 1, "{", 1));
}

static void
scp_of_one(void **state)
{
	struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);
	struct ir_err err = IR_ERR_INIT;
	const char *const arn[] = { ARN }, *const other[] = { ARN "2" };
	struct ir_policy_key key = { "aws:PrincipalArn", arn, 1 };
	struct ir_policy_request r = { .action = "ses:SendEmail",
	    .resource = "*", .keys = &key, .nkeys = 1 };
	struct ir_policy_set set = { .n = 1 };
	struct ir_policy *p;
	char why[IR_POLICY_WHY];

	(void)state;
	ir_quarantine_scp(&b, false, ARN);
	assert_int_equal(ir_policy_parse(&p, "scp", b.data, b.len, &err), 0);
	set.identity = &p;
	assert_int_equal(ir_policy_decide(&set, &r, why), IR_POLICY_DENIED);
	key.values = other;
	assert_int_equal(ir_policy_decide(&set, &r, why), IR_POLICY_NONE);
	ir_policy_free(p);
	ir_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits_and_denies),
		cmocka_unit_test(has_gaps),
		cmocka_unit_test(same_or_not),
		cmocka_unit_test(scp_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
