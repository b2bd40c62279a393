/* scp.c - see scp.h */
#include <stdio.h>
#include <string.h>

#include "../policy/quarantine.h"
#include "scp.h"

#define TYPE "SERVICE_CONTROL_POLICY"

/* One call; in is freed.  *reply may be NULL. */
static int
call(struct ir_aws *a, const char *operation, struct ir_rec *in,
    struct ir_aws_call *c, struct ir_err *err)
{
	int rc;

	*c = (struct ir_aws_call){ .service = "organizations",
	    .operation = operation, .json = in,
	    .not_repeatable = strcmp(operation, "CreatePolicy") == 0 };
	rc = ir_aws_do(a, c, err);
	ir_rec_free(in);
	c->json = NULL;
	return rc;
}

static struct ir_rec *
object(const char *key, const char *value)
{
	struct ir_rec *r = ir_rec_object();

	ir_rec_str(r, key, value);
	return r;
}

struct search {
	const char *name;
	char id[160];
	bool enabled;
};

static int
take_page(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *list = ir_rec_at(reply, "Policies"), *p;
	struct search *s = arg;
	const char *name, *id;
	size_t i;

	(void)err;
	for (i = 0; list && i < ir_rec_len(list); i++) {
		p = ir_rec_item(list, i);
		name = ir_rec_get(p, "Name");
		id = ir_rec_get(p, "Id");
		if (name && id && strcmp(name, s->name) == 0)
			snprintf(s->id, sizeof s->id, "%s", id);
	}
	return *s->id ? 1 : 0;
}

/* The id of the policy in a list, "" when it is not there. */
static int
search(struct ir_aws *a, const char *operation, const char *target,
    struct search *s, struct ir_err *err)
{
	struct ir_rec *in = object("Filter", TYPE);
	struct ir_aws_call c = { .service = "organizations",
	    .operation = operation, .json = in };
	int rc;

	s->id[0] = '\0';
	if (target)
		ir_rec_str(in, "TargetId", target);
	rc = ir_aws_pages(a, &c, NULL, NULL, take_page, s, err);
	ir_rec_free(in);
	return rc < 0 ? -1 : 0;
}

static int
take_root(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *types = ir_rec_at(reply, "Roots.0.PolicyTypes");
	struct search *s = arg;
	const char *type, *status;
	size_t i;

	(void)err;
	for (i = 0; types && i < ir_rec_len(types); i++) {
		type = ir_rec_get(ir_rec_item(types, i), "Type");
		status = ir_rec_get(ir_rec_item(types, i), "Status");
		if (type && status && strcmp(type, TYPE) == 0 &&
		    strcmp(status, "ENABLED") == 0)
			s->enabled = true;
	}
	return 1;
}

static int
switched_on(struct ir_aws *a, struct ir_err *err)
{
	struct ir_rec *in = ir_rec_object();
	struct ir_aws_call c = { .service = "organizations",
	    .operation = "ListRoots", .json = in };
	struct search s = { .enabled = false };
	int rc = ir_aws_pages(a, &c, NULL, NULL, take_root, &s, err);

	ir_rec_free(in);
	if (rc < 0)
		return -1;
	if (s.enabled)
		return 0;
	ir_fail(err, IR_UNAVAILABLE,
	    "service control policies are not switched on");
	ir_hint(err, "aws organizations enable-policy-type --policy-type "
	    TYPE " --root-id ...");
	return -1;
}

int
ir_scp_allowed(struct ir_aws *a, const char *account, const char *target,
    struct ir_err *err)
{
	struct ir_aws_call c;
	const char *master, *features;
	int rc = call(a, "DescribeOrganization", ir_rec_object(), &c, err);

	if (rc == 0) {
		master = ir_rec_get(c.reply,
		    "Organization.MasterAccountId");
		features = ir_rec_get(c.reply, "Organization.FeatureSet");
		if (!master || !features)
			rc = ir_fail(err, IR_PROTOCOL,
			    "organizations: not understood");
		else if (strcmp(master, target) == 0)
			rc = ir_fail(err, IR_UNAVAILABLE, "%s is the "
			    "management account: no service control policy "
			    "binds its principals", target);
		else if (strcmp(master, account) != 0)
			rc = ir_fail(err, IR_NOPERM, "the credentials are of "
			    "account %s: only the management account %s can "
			    "attach it", account, master);
		else if (strcmp(features, "ALL") != 0)
			rc = ir_fail(err, IR_UNAVAILABLE,
			    "the organization has billing features only");
	}
	ir_aws_call_free(&c);
	return rc ? -1 : switched_on(a, err);
}

static int
read_text(struct ir_aws *a, struct ir_scp *s, const char *content,
    struct ir_err *err)
{
	struct ir_aws_call c;
	const char *text;
	int rc = call(a, "DescribePolicy", object("PolicyId", s->id), &c, err);

	if (rc == 0) {
		text = ir_rec_get(c.reply, "Policy.Content");
		s->same = text && ir_quarantine_same(text, strlen(text),
		    content, strlen(content));
	}
	ir_aws_call_free(&c);
	return rc;
}

int
ir_scp_find(struct ir_aws *a, struct ir_scp *s, const char *content,
    struct ir_err *err)
{
	struct search found = { .name = s->name };

	s->same = s->attached = false;
	if (search(a, "ListPoliciesForTarget", s->target, &found, err))
		return -1;
	s->attached = *found.id != '\0';
	if (!s->attached && search(a, "ListPolicies", NULL, &found, err))
		return -1;
	memcpy(s->id, found.id, sizeof s->id);
	return *s->id ? read_text(a, s, content, err) : 0;
}

static int
create(struct ir_aws *a, struct ir_scp *s, const char *content,
    const char *description, struct ir_err *err)
{
	struct ir_rec *in = object("Name", s->name);
	struct ir_aws_call c;
	const char *id;
	int rc;

	ir_rec_str(in, "Content", content);
	ir_rec_str(in, "Description", description);
	ir_rec_str(in, "Type", TYPE);
	rc = call(a, "CreatePolicy", in, &c, err);
	id = rc ? NULL : ir_rec_get(c.reply, "Policy.PolicySummary.Id");
	if (id)
		snprintf(s->id, sizeof s->id, "%s", id);
	else if (rc == 0)
		rc = ir_fail(err, IR_PROTOCOL, "CreatePolicy: no id");
	ir_aws_call_free(&c);
	return rc;
}

static int
act(struct ir_aws *a, struct ir_scp *s, const char *operation,
    const char *key, const char *value, struct ir_err *err)
{
	struct ir_rec *in = object("PolicyId", s->id);
	struct ir_aws_call c;
	int rc;

	if (key)
		ir_rec_str(in, key, value);
	rc = call(a, operation, in, &c, err);
	ir_aws_call_free(&c);
	return rc;
}

int
ir_scp_attach(struct ir_aws *a, struct ir_scp *s, const char *content,
    const char *description, struct ir_err *err)
{
	if (*s->id) {
		if (!s->same &&
		    act(a, s, "UpdatePolicy", "Content", content, err))
			return -1;
	} else if (create(a, s, content, description, err)) {
		/* the answer may be lost and the policy there: look */
		if (err->code != IR_UNKNOWN || ir_scp_find(a, s, content,
		    NULL) || !*s->id)
			return -1;
		*err = (struct ir_err)IR_ERR_INIT;
	}
	if (!s->attached &&
	    act(a, s, "AttachPolicy", "TargetId", s->target, err))
		return -1;
	if (ir_scp_find(a, s, content, err))
		return -1;
	return s->attached && s->same ? 0 : ir_fail(err, IR_TEMPFAIL,
	    "%s: attached, but the account's list does not show it", s->name);
}

int
ir_scp_remove(struct ir_aws *a, struct ir_scp *s, struct ir_err *err)
{
	if (s->attached &&
	    act(a, s, "DetachPolicy", "TargetId", s->target, err))
		return -1;
	s->attached = false;
	if (*s->id && act(a, s, "DeletePolicy", NULL, NULL, err))
		return -1;
	s->id[0] = '\0';
	return 0;
}
