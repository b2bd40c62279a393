/* compromised.c - see compromised.h */
#include <string.h>

#include "compromised.h"

bool
ir_compromised_is(const char *arn)
{
	const char *name = strrchr(arn, '/');

	return strstr(arn, ":iam::aws:policy/") && name &&
	    (strncmp(name, "/AWSCompromisedKeyQuarantine", 28) == 0 ||
	    strncmp(name, "/AWSExposedCredentialPolicy", 27) == 0);
}

bool
ir_compromised_only_denies(const struct ir_policy *doc)
{
	const struct ir_rec *s;
	size_t i;

	for (i = 0; (s = ir_policy_statement(doc, i)) != NULL; i++)
		if (strcmp(ir_rec_get(s, "Effect"), "Deny") != 0)
			return false;
	return true;
}

enum ir_policy_verdict
ir_compromised_denies(struct ir_rec *rec, struct ir_policy *doc,
    const char *action, const char *resource)
{
	static const char all[] = "{\"Statement\":{\"Effect\":\"Allow\","
	    "\"Action\":\"*\",\"Resource\":\"*\"}}";
	struct ir_policy *both[] = { doc, NULL };
	struct ir_policy_set set = { .identity = both, .n = 2 };
	struct ir_policy_request r = { .action = action,
		.resource = resource };
	struct ir_policy_answer a = { .verdict = IR_POLICY_UNKNOWN };

	if (ir_policy_parse(&both[1], "all", all, sizeof all - 1, NULL) == 0)
		ir_policy_judge(&set, &r, &a);
	ir_policy_free(both[1]);
	if (a.verdict == IR_POLICY_UNKNOWN)
		ir_rec_null(rec, action);
	else
		ir_rec_bool(rec, action, a.verdict == IR_POLICY_DENIED);
	return a.verdict;
}

void
ir_compromised_sending(struct ir_rec *rec, struct ir_policy *doc,
    const char *const *actions, size_t n)
{
	struct ir_rec *each = ir_rec_object();
	bool open = false, unknown = false;
	enum ir_policy_verdict v;
	size_t i;

	for (i = 0; i < n; i++) {
		v = ir_compromised_denies(each, doc, actions[i], NULL);
		open = open || v == IR_POLICY_ALLOWED;
		unknown = unknown || v == IR_POLICY_UNKNOWN;
	}
	if (unknown && !open)
		ir_rec_null(rec, "stops_sending");
	else
		ir_rec_bool(rec, "stops_sending", !open);
	ir_rec_str(rec, "why", open ? "it does not stop the sending of mail" :
	    unknown ? "it stops the sending of mail only under a condition" :
	    "it stops the sending of mail");
	ir_rec_set(rec, "denies_sending", each);
}
