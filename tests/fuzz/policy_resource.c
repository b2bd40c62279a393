/* policy_resource.c - policies of SES identities, and of roles, by whom */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sending.h"
#include "policy/policy.h"
#include "policy/who.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ACCOUNT "111122223333"
#define IAM "arn:aws:iam::" ACCOUNT ":"

static void
judge(struct ir_policy *p)
{
	static const struct ir_policy_who who[] = {
		{ IR_POLICY_USER, IAM "user/bob", ACCOUNT, "AIDABOB" },
		{ IR_POLICY_ROLE, IAM "role/r", ACCOUNT, NULL },
		{ IR_POLICY_OTHER, "*", "", NULL },
	};
	struct ir_policy_set set = { .resource = &p, .nresource = 1 };
	struct ir_policy_request r = { .action = "ses:SendEmail",
		.resource = "arn:aws:ses:us-east-1:" ACCOUNT ":identity/x" };
	struct ir_policy_answer a, b;
	size_t i;

	for (i = 0; i < sizeof who / sizeof *who; i++) {
		r.who = &who[i];
		set.boundary = NULL;
		ir_policy_judge(&set, &r, &a);
		/* what was denied before is denied within a boundary, too */
		set.boundary = p;
		ir_policy_judge(&set, &r, &b);
		if (a.verdict == IR_POLICY_DENIED &&
		    b.verdict != IR_POLICY_DENIED)
			abort();
	}
	r.who = NULL;
	set.boundary = NULL;
	ir_policy_judge(&set, &r, &a);
	if (a.verdict == IR_POLICY_ALLOWED || a.verdict == IR_POLICY_DENIED)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char name[] = "x", region[] = "us-east-1", account[13];
	struct ir_identity id = { .name = name, .region = region };
	struct ir_rec *r;
	struct ir_policy *p;
	size_t i;

	for (i = IR_POLICY_OF_RESOURCE; i <= IR_POLICY_OF_ROLE; i++)
		if (ir_policy_parse_kind(&p, (enum ir_policy_kind)i, "p",
		    (const char *)data, n, NULL) == 0) {
			judge(p);
			ir_policy_free(p);
		}
	r = ir_rec_parse((const char *)data, n, NULL);
	if (r) {
		ir_identity_policies(&id, r);
		if (ir_rec_cstr(r))
			(void)ir_policy_account(ir_rec_cstr(r), account);
	}
	for (i = 0; i < id.n; i++)
		ir_policy_free(id.policy[i]);
	free(id.policy);
	ir_rec_free(r);
	return 0;
}
