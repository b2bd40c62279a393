/* policy.c - IAM policy documents, read and evaluated */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const one[] = { "198.51.100.7" };
	static const char *const two[] = { "17", "2026-11-21T20:00:00Z" };
	const struct ir_policy_key keys[] = { { "a", one, 1 },
		{ "b", two, 2 }, { "c", NULL, 0 } };
	struct ir_policy_request r = { "ses:SendEmail",
		"arn:aws:ses:us-east-1:111122223333:identity/x", keys, 3,
		NULL };
	struct ir_policy_set set = { .n = 1 };
	struct ir_rec *list = ir_rec_array();
	char why[IR_POLICY_WHY];
	struct ir_policy *p;
	enum ir_policy_verdict a, b;

	if (ir_policy_parse(&p, "p", (const char *)data, n, NULL) == 0) {
		set.identity = &p;
		a = ir_policy_decide(&set, &r, why);
		set.incomplete = true;
		b = ir_policy_decide(&set, &r, why);
		/* with less known, only a Deny stays */
		if ((a == IR_POLICY_DENIED) != (b == IR_POLICY_DENIED) ||
		    b == IR_POLICY_ALLOWED || b == IR_POLICY_NONE)
			abort();
		set.incomplete = false;
		set.boundary = p;
		b = ir_policy_decide(&set, &r, why);
		/* a policy that bounds itself says the same */
		if (a != b)
			abort();
		r.resource = NULL;
		(void)ir_policy_decide(&set, &r, why);
		ir_policy_denies(p, true, list);
		ir_policy_denies(p, false, list);
		ir_policy_free(p);
	}
	ir_rec_free(list);
	return 0;
}
