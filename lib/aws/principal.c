/* principal.c - see principal.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "principal.h"
#include "ses.h"

/* --- ARNs -------------------------------------------------------------- */

/* The next part of an ARN into out; false when it is not there or too long. */
static bool
part(const char **s, char *out, size_t size)
{
	size_t n = strcspn(*s, ":");

	if ((*s)[n] != ':' || n >= size)
		return false;
	if (out) {
		memcpy(out, *s, n);
		out[n] = '\0';
	}
	*s += n + 1;
	return true;
}

static bool
copied(char *out, size_t size, const char *s, size_t n)
{
	if (n == 0 || n >= size)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

/* What stands behind the last colon. */
static bool
resource(struct ir_principal *p, const char *s, const char *arn)
{
	const char *slash = strrchr(s, '/');

	if (strcmp(s, "root") == 0) {
		p->kind = IR_PRINCIPAL_ROOT;
		return copied(p->arn, sizeof p->arn, arn, strlen(arn)) &&
		    copied(p->name, sizeof p->name, s, 4);
	}
	if (!slash || !slash[1])
		return false;
	if (strncmp(s, "user/", 5) == 0 || strncmp(s, "role/", 5) == 0) {
		p->kind = *s == 'u' ? IR_PRINCIPAL_USER : IR_PRINCIPAL_ROLE;
		return copied(p->arn, sizeof p->arn, arn, strlen(arn)) &&
		    copied(p->name, sizeof p->name, slash + 1,
		    strlen(slash + 1));
	}
	if (strncmp(s, "assumed-role/", 13) == 0) {
		p->kind = IR_PRINCIPAL_ROLE;
		if (slash < s + 13 || !copied(p->name, sizeof p->name, s + 13,
		    (size_t)(slash - s) - 13) || !copied(p->session,
		    sizeof p->session, slash + 1, strlen(slash + 1)))
			return false;
		snprintf(p->arn, sizeof p->arn, "arn:%s:iam::%s:role/%s",
		    p->partition, p->account, p->name);
		return true;
	}
	return copied(p->arn, sizeof p->arn, arn, strlen(arn)) &&
	    copied(p->name, sizeof p->name, slash + 1, strlen(slash + 1));
}

int
ir_principal_parse(const char *arn, struct ir_principal *p,
    struct ir_err *err)
{
	const char *s = arn;

	memset(p, 0, sizeof *p);
	if (strncmp(arn, "arn:", 4) == 0 && part(&s, NULL, 8) &&
	    part(&s, p->partition, sizeof p->partition) &&
	    part(&s, NULL, 8) && part(&s, NULL, 32) &&
	    part(&s, p->account, sizeof p->account) && resource(p, s, arn))
		return 0;
	return ir_fail(err, IR_PROTOCOL, "not the ARN of a principal: %s",
	    arn);
}

int
ir_principal_me(struct ir_aws *a, struct ir_principal *p, struct ir_err *err)
{
	char account[13], arn[512];

	if (ir_aws_account(a, account, arn, err))
		return -1;
	return ir_principal_parse(arn, p, err);
}

/* --- reading ----------------------------------------------------------- */

struct names {
	struct ir_rec *out;
	const char *list, *member;	/* NULL: the items are texts */
};

static int
take_names(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct names *n = arg;
	const struct ir_rec *all = ir_rec_at(reply, n->list), *v;
	const char *s;
	size_t i;

	for (i = 0; all && i < ir_rec_len(all); i++) {
		v = ir_rec_item(all, i);
		s = n->member ? ir_rec_get(v, n->member) : ir_rec_cstr(v);
		if (!s || ir_rec_len(n->out) == IR_PRINCIPAL_POLICIES)
			return ir_fail(err, IR_PROTOCOL,
			    "%s: not understood, or too many", n->list);
		ir_rec_push_str(n->out, s);
	}
	return 0;
}

/* One list of IAM, whole: an array of texts. */
static struct ir_rec *
names_of(struct ir_aws *a, const char *operation, const char *param,
    const char *value, const char *list, const char *member,
    struct ir_err *err)
{
	struct ir_aws_param p = { param, value };
	struct ir_aws_call c = { .service = "iam", .operation = operation,
		.params = &p, .nparams = 1 };
	struct names n = { ir_rec_array(), list, member };

	if (ir_aws_pages(a, &c, "Marker", "Marker", take_names, &n, err) == 0)
		return n.out;
	ir_rec_free(n.out);
	return NULL;
}

/* One call with two parameters; text at path is a policy. */
static int
document(struct ir_aws *a, const char *operation,
    const struct ir_aws_param *p, const char *path, const char *name,
    struct ir_policy **out, struct ir_err *err)
{
	struct ir_aws_call c = { .service = "iam", .operation = operation,
		.params = p, .nparams = 2 };
	const char *text;
	int rc = ir_aws_do(a, &c, err);

	*out = NULL;
	if (rc == 0) {
		text = ir_rec_get(c.reply, path);
		rc = ir_policy_parse(out, name, text ? text : "",
		    text ? strlen(text) : 0, err);
		if (rc)
			ir_fail_prefix(err, "%s", name);
	}
	ir_aws_call_free(&c);
	return rc;
}

int
ir_managed_policy(struct ir_aws *a, const char *arn, char version[16],
    struct ir_policy **out, struct ir_err *err)
{
	char v[16];
	struct ir_aws_param p[] = { { "PolicyArn", arn },
		{ "VersionId", v } };
	struct ir_aws_call c = { .service = "iam", .operation = "GetPolicy",
		.params = p, .nparams = 1 };
	const char *slash = strrchr(arn, '/'), *s;
	int rc = ir_aws_do(a, &c, err);

	*out = NULL;
	s = rc ? NULL : ir_rec_get(c.reply, "Policy.DefaultVersionId");
	snprintf(v, sizeof v, "%s", s ? s : "");
	if (version)
		memcpy(version, v, sizeof v);
	ir_aws_call_free(&c);
	if (rc)
		return -1;
	return document(a, "GetPolicyVersion", p, "PolicyVersion.Document",
	    slash ? slash + 1 : arn, out, err);
}

struct reader {
	struct ir_aws *aws;
	struct ir_principal_policies *out;
};

static void
lost(struct reader *r, const struct ir_err *err)
{
	if (!r->out->err.code)
		r->out->err = *err;
	r->out->complete = false;
}

static void
add(struct reader *r, struct ir_policy *p, struct ir_err *err)
{
	if (!p) {
		lost(r, err);
	} else if (r->out->n == IR_PRINCIPAL_POLICIES) {
		ir_fail(err, IR_PROTOCOL, "more than %d policies",
		    IR_PRINCIPAL_POLICIES);
		lost(r, err);
		ir_policy_free(p);
	} else {
		r->out->identity[r->out->n++] = p;
	}
}

static const char *const word[] = { "User", "Group", "Role" };
enum owner { USER, GROUP, ROLE };

static void
inline_of(struct reader *r, enum owner kind, const char *name)
{
	char list[40], get[40], param[16];
	struct ir_aws_param p[2] = { { param, name },
		{ "PolicyName", NULL } };
	struct ir_err err = IR_ERR_INIT;
	struct ir_policy *one;
	struct ir_rec *names;
	size_t i;

	snprintf(list, sizeof list, "List%sPolicies", word[kind]);
	snprintf(get, sizeof get, "Get%sPolicy", word[kind]);
	snprintf(param, sizeof param, "%sName", word[kind]);
	names = names_of(r->aws, list, param, name, "PolicyNames", NULL, &err);
	if (!names)
		lost(r, &err);
	for (i = 0; names && i < ir_rec_len(names); i++) {
		err = (struct ir_err)IR_ERR_INIT;
		p[1].value = ir_rec_cstr(ir_rec_item(names, i));
		(void)document(r->aws, get, p, "PolicyDocument", p[1].value,
		    &one, &err);
		add(r, one, &err);
	}
	ir_rec_free(names);
}

static struct ir_rec *
attached_to(struct ir_aws *a, enum owner kind, const char *name,
    struct ir_err *err)
{
	char list[40], param[16];

	snprintf(list, sizeof list, "ListAttached%sPolicies", word[kind]);
	snprintf(param, sizeof param, "%sName", word[kind]);
	return names_of(a, list, param, name, "AttachedPolicies", "PolicyArn",
	    err);
}

static void
managed_of(struct reader *r, enum owner kind, const char *name)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *arns = attached_to(r->aws, kind, name, &err);
	struct ir_policy *one;
	size_t i;

	if (!arns)
		lost(r, &err);
	for (i = 0; arns && i < ir_rec_len(arns); i++) {
		err = (struct ir_err)IR_ERR_INIT;
		(void)ir_managed_policy(r->aws,
		    ir_rec_cstr(ir_rec_item(arns, i)), NULL, &one, &err);
		add(r, one, &err);
	}
	ir_rec_free(arns);
}

static void
groups_of(struct reader *r, const char *user)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *groups = names_of(r->aws, "ListGroupsForUser",
	    "UserName", user, "Groups", "GroupName", &err);
	const char *name;
	size_t i;

	if (!groups)
		lost(r, &err);
	for (i = 0; groups && i < ir_rec_len(groups); i++) {
		name = ir_rec_cstr(ir_rec_item(groups, i));
		inline_of(r, GROUP, name);
		managed_of(r, GROUP, name);
	}
	ir_rec_free(groups);
}

/* GetUser, GetRole: the ARN with its path, and the boundary. */
static void
read_entity(struct reader *r, struct ir_principal *p, enum owner kind)
{
	struct ir_aws_param param = { kind == USER ? "UserName" : "RoleName",
		p->name };
	struct ir_aws_call c = { .service = "iam",
		.operation = kind == USER ? "GetUser" : "GetRole",
		.params = &param, .nparams = 1 };
	struct ir_err err = IR_ERR_INIT;
	const struct ir_rec *e;
	const char *s;

	if (ir_aws_do(r->aws, &c, &err)) {
		lost(r, &err);
		return;
	}
	e = ir_rec_at(c.reply, word[kind]);
	s = ir_rec_get(e, "Arn");
	if (s && strlen(s) < sizeof p->arn)
		memcpy(p->arn, s, strlen(s) + 1);
	s = ir_rec_get(e, "PermissionsBoundary.PermissionsBoundaryArn");
	if (s && ir_managed_policy(r->aws, s, NULL, &r->out->boundary, &err))
		lost(r, &err);
	ir_aws_call_free(&c);
}

void
ir_principal_read(struct ir_aws *a, struct ir_principal *p,
    struct ir_principal_policies *out)
{
	struct reader r = { a, out };
	enum owner kind = p->kind == IR_PRINCIPAL_USER ? USER : ROLE;

	memset(out, 0, sizeof *out);
	if (p->kind != IR_PRINCIPAL_USER && p->kind != IR_PRINCIPAL_ROLE) {
		ir_fail(&out->err, IR_UNAVAILABLE,
		    "%s: neither a user nor a role", p->arn);
		return;
	}
	out->complete = true;
	read_entity(&r, p, kind);
	inline_of(&r, kind, p->name);
	managed_of(&r, kind, p->name);
	if (kind == USER)
		groups_of(&r, p->name);
}

void
ir_principal_free(struct ir_principal_policies *out)
{
	size_t i;

	for (i = 0; i < out->n; i++)
		ir_policy_free(out->identity[i]);
	ir_policy_free(out->boundary);
	memset(out, 0, sizeof *out);
}

struct ir_rec *
ir_principal_attached(struct ir_aws *a, const struct ir_principal *p,
    struct ir_err *err)
{
	return attached_to(a, p->kind == IR_PRINCIPAL_USER ? USER : ROLE,
	    p->name, err);
}
