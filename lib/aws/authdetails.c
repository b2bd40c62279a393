/* authdetails.c - see authdetails.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "authdetails.h"

/*
 * So many to a page that even the largest ones (a managed policy has five
 * versions of 6144 characters, a role 10240 of inline policies, and all of
 * it percent-encoded) are less than a reply may be.
 */
static const struct filter {
	const char *name, *items;
} filters[IR_AUTH_CALLS] = {
	{ "User", "500" }, { "Group", "300" }, { "Role", "200" },
	{ "LocalManagedPolicy", "150" }, { "AWSManagedPolicy", "150" },
};

/* --- reading ----------------------------------------------------------- */

static const struct ir_rec *
element(const struct ir_rec *r, const char *list, size_t i)
{
	const struct ir_rec *all = ir_rec_at(r, list);

	if (!all || ir_rec_kind(all) != IR_REC_ARRAY || i >= ir_rec_len(all))
		return NULL;
	return ir_rec_item(all, i);
}

static int
bad(struct ir_err *err, const char *what)
{
	return ir_fail(err, IR_PROTOCOL,
	    "GetAccountAuthorizationDetails: %s", what);
}

static int
copy(char **out, const char *s, struct ir_err *err)
{
	if (!s || !*s || strlen(s) > 2048)
		return bad(err, "a name is missing, or too long");
	*out = strdup(s);
	return *out ? 0 : ir_fail(err, IR_OSERR, "no memory");
}

/* A list of texts; member is NULL where the items are the texts. */
static int
copy_list(char ***out, size_t *n, const struct ir_rec *r, const char *list,
    const char *member, struct ir_err *err)
{
	const struct ir_rec *v;
	char **all;
	size_t i;

	for (i = 0; (v = element(r, list, i)) != NULL; i++) {
		if (i == IR_AUTH_OF_ONE)
			return bad(err, "too many for one");
		all = realloc(*out, (i + 1) * sizeof *all);
		if (!all)
			return ir_fail(err, IR_OSERR, "no memory");
		*out = all;
		if (copy(&all[i], member ? ir_rec_get(v, member) :
		    ir_rec_cstr(v), err))
			return -1;
		*n = i + 1;
	}
	return 0;
}

static int
copy_tags(struct ir_auth_entity *e, const struct ir_rec *r,
    struct ir_err *err)
{
	const struct ir_rec *v;
	const char *value;
	char **all;
	size_t i;

	for (i = 0; (v = element(r, "Tags", i)) != NULL; i++) {
		if (i == IR_AUTH_OF_ONE)
			return bad(err, "too many tags");
		all = realloc(e->tags, (i + 1) * 2 * sizeof *all);
		if (!all)
			return ir_fail(err, IR_OSERR, "no memory");
		e->tags = all;
		if (copy(&all[2 * i], ir_rec_get(v, "Key"), err))
			return -1;
		value = ir_rec_get(v, "Value");
		all[2 * i + 1] = strdup(value ? value : "");
		if (!all[2 * i + 1]) {
			free(all[2 * i]);
			return ir_fail(err, IR_OSERR, "no memory");
		}
		e->ntags = i + 1;
	}
	return 0;
}

static const char *const word[] = { "user", "group", "role" };

static int
copy_inlined(struct ir_auth_entity *e, const struct ir_rec *r,
    const char *list, struct ir_err *err)
{
	struct ir_auth_policy *all, *p;
	char name[IR_POLICY_NAME + 1];
	const struct ir_rec *v;
	const char *text;
	size_t i;

	for (i = 0; (v = element(r, list, i)) != NULL; i++) {
		if (i == IR_AUTH_OF_ONE)
			return bad(err, "too many inline policies");
		all = realloc(e->inlined, (i + 1) * sizeof *all);
		if (!all)
			return ir_fail(err, IR_OSERR, "no memory");
		e->inlined = all;
		p = &all[i];
		memset(p, 0, sizeof *p);
		e->ninlined = i + 1;
		if (copy(&p->name, ir_rec_get(v, "PolicyName"), err))
			return -1;
		snprintf(name, sizeof name, "%.100s (inline, %s %.100s)",
		    p->name, word[e->kind], e->name);
		text = ir_rec_get(v, "PolicyDocument");
		/* one that is not understood: what it says is not known */
		(void)ir_policy_parse(&p->doc, name, text ? text : "",
		    text ? strlen(text) : 0, NULL);
	}
	return 0;
}

static int
copy_role(struct ir_auth_entity *e, const struct ir_rec *r,
    struct ir_err *err)
{
	const char *s = ir_rec_get(r, "AssumeRolePolicyDocument");

	(void)ir_policy_parse_kind(&e->trust, IR_POLICY_OF_ROLE, e->name,
	    s ? s : "", s ? strlen(s) : 0, NULL);
	s = ir_rec_get(r, "RoleLastUsed.LastUsedDate");
	if (s && copy(&e->last_used, s, err))
		return -1;
	s = ir_rec_get(r, "RoleLastUsed.Region");
	if (s && *s && copy(&e->last_region, s, err))
		return -1;
	s = ir_rec_get(r, "Path");
	e->service_linked = s && strncmp(s, "/aws-service-role/", 18) == 0;
	return copy_list(&e->profiles, &e->nprofiles, r,
	    "InstanceProfileList", "InstanceProfileName", err);
}

/* What the three kinds are called in the answer. */
static const struct kind {
	const char *list, *name, *id, *policies;
} kinds[] = {
	{ "UserDetailList", "UserName", "UserId", "UserPolicyList" },
	{ "GroupDetailList", "GroupName", "GroupId", "GroupPolicyList" },
	{ "RoleDetailList", "RoleName", "RoleId", "RolePolicyList" },
};

static int
fill(struct ir_auth_entity *e, const struct ir_rec *r, struct ir_err *err)
{
	const struct kind *k = &kinds[e->kind];
	const char *s = ir_rec_get(r, "CreateDate");

	if (!s || ir_time_parse(s, &e->created))
		e->created = 0;
	if (copy(&e->arn, ir_rec_get(r, "Arn"), err) ||
	    copy(&e->name, ir_rec_get(r, k->name), err) ||
	    copy(&e->id, ir_rec_get(r, k->id), err) ||
	    copy_inlined(e, r, k->policies, err) ||
	    copy_list(&e->attached, &e->nattached, r,
	    "AttachedManagedPolicies", "PolicyArn", err) ||
	    copy_tags(e, r, err))
		return -1;
	s = ir_rec_get(r, "PermissionsBoundary.PermissionsBoundaryArn");
	if (s && copy(&e->boundary, s, err))
		return -1;
	if (e->kind == IR_AUTH_USER)
		return copy_list(&e->groups, &e->ngroups, r, "GroupList",
		    NULL, err);
	return e->kind == IR_AUTH_ROLE ? copy_role(e, r, err) : 0;
}

/* Room for one more pointer; the arrays grow by doubling. */
static void **
slot(void *array, size_t n, size_t max, struct ir_err *err)
{
	void ***all = array, **more;

	if (n == max) {
		(void)bad(err, "more than the limit");
		return NULL;
	}
	if ((n & (n - 1)) == 0) {
		more = realloc(*all, (n ? 2 * n : 1) * sizeof *more);
		if (!more) {
			ir_fail(err, IR_OSERR, "no memory");
			return NULL;
		}
		*all = more;
	}
	return &(*all)[n];
}

static int
add_entity(struct ir_auth *a, enum ir_auth_kind kind, const struct ir_rec *r,
    struct ir_err *err)
{
	void **at = slot(&a->entity, a->n, IR_AUTH_ENTITIES, err);
	struct ir_auth_entity *e = at ? calloc(1, sizeof *e) : NULL;

	if (!at)
		return -1;
	if (!e)
		return ir_fail(err, IR_OSERR, "no memory");
	e->kind = kind;
	*at = e;
	a->n++;
	return fill(e, r, err);
}

/* The document in force; the older versions are not kept. */
static int
fill_managed(struct ir_auth_policy *p, const struct ir_rec *r,
    struct ir_err *err)
{
	const char *v = ir_rec_get(r, "DefaultVersionId"), *id, *text;
	const struct ir_rec *one;
	size_t i;

	if (copy(&p->arn, ir_rec_get(r, "Arn"), err) ||
	    copy(&p->name, ir_rec_get(r, "PolicyName"), err))
		return -1;
	snprintf(p->version, sizeof p->version, "%s", v ? v : "");
	for (i = 0; (one = element(r, "PolicyVersionList", i)) != NULL; i++) {
		id = ir_rec_get(one, "VersionId");
		text = ir_rec_get(one, "Document");
		if (!v || !id || !text || strcmp(v, id) != 0)
			continue;
		free(p->text);
		p->text = strdup(text);
		if (!p->text)
			return ir_fail(err, IR_OSERR, "no memory");
	}
	return 0;
}

static int
add_managed(struct ir_auth *a, const struct ir_rec *r, struct ir_err *err)
{
	void **at = slot(&a->managed, a->nmanaged, IR_AUTH_POLICIES, err);
	struct ir_auth_policy *p = at ? calloc(1, sizeof *p) : NULL;

	if (!at)
		return -1;
	if (!p)
		return ir_fail(err, IR_OSERR, "no memory");
	*at = p;
	a->nmanaged++;
	return fill_managed(p, r, err);
}

int
ir_auth_page(struct ir_auth *a, const struct ir_rec *page,
    struct ir_err *err)
{
	const struct ir_rec *r;
	size_t i, k;

	for (k = 0; k < sizeof kinds / sizeof *kinds; k++)
		for (i = 0; (r = element(page, kinds[k].list, i)) != NULL; i++)
			if (add_entity(a, (enum ir_auth_kind)k, r, err))
				return -1;
	for (i = 0; (r = element(page, "Policies", i)) != NULL; i++)
		if (add_managed(a, r, err))
			return -1;
	return 0;
}

/* --- looking up -------------------------------------------------------- */

static int
by_entity(const void *a, const void *b)
{
	const struct ir_auth_entity *const *x = a, *const *y = b;

	/* what was not read to its end has no ARN */
	return strcmp((*x)->arn ? (*x)->arn : "", (*y)->arn ? (*y)->arn : "");
}

static int
by_policy(const void *a, const void *b)
{
	const struct ir_auth_policy *const *x = a, *const *y = b;

	return strcmp((*x)->arn ? (*x)->arn : "", (*y)->arn ? (*y)->arn : "");
}

static int
entity_is(const void *key, const void *b)
{
	const struct ir_auth_entity *const *y = b;

	return strcmp(key, (*y)->arn ? (*y)->arn : "");
}

static int
policy_is(const void *key, const void *b)
{
	const struct ir_auth_policy *const *y = b;

	return strcmp(key, (*y)->arn ? (*y)->arn : "");
}

static struct ir_auth_policy *
managed(const struct ir_auth *a, const char *arn)
{
	struct ir_auth_policy **p = a->nmanaged ? bsearch(arn, a->managed,
	    a->nmanaged, sizeof(void *), policy_is) : NULL;

	return p ? *p : NULL;
}

const struct ir_auth_policy *
ir_auth_managed(const struct ir_auth *a, const char *arn)
{
	return managed(a, arn);
}

const struct ir_auth_entity *
ir_auth_find(const struct ir_auth *a, const char *arn)
{
	struct ir_auth_entity **e = a->n ? bsearch(arn, a->entity, a->n,
	    sizeof(void *), entity_is) : NULL;

	return e ? *e : NULL;
}

static void
read_managed(const struct ir_auth *a, const char *arn)
{
	struct ir_auth_policy *p = managed(a, arn);

	if (!p || p->doc || !p->text)
		return;
	(void)ir_policy_parse(&p->doc, p->name, p->text, strlen(p->text),
	    NULL);
	free(p->text);
	p->text = NULL;
}

int
ir_auth_finish(struct ir_auth *a, struct ir_err *err)
{
	const struct ir_auth_entity *e;
	size_t i, k;

	if (a->n)
		qsort(a->entity, a->n, sizeof(void *), by_entity);
	if (a->nmanaged)
		qsort(a->managed, a->nmanaged, sizeof(void *), by_policy);
	for (i = 0; i < a->n; i++) {
		e = a->entity[i];
		if (i && strcmp(e->arn, a->entity[i - 1]->arn) == 0)
			return bad(err, "one comes twice");
		for (k = 0; k < e->nattached; k++)
			read_managed(a, e->attached[k]);
		if (e->boundary)
			read_managed(a, e->boundary);
	}
	return 0;
}

/* --- what applies to one ----------------------------------------------- */

/* A group by its name: its ARN has a path that a user does not say. */
static const struct ir_auth_entity *
group_of(const struct ir_auth *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->entity[i]->kind == IR_AUTH_GROUP &&
		    strcmp(a->entity[i]->name, name) == 0)
			return a->entity[i];
	return NULL;
}

static void
missing(struct ir_auth_rights *r, const char *what, const char *name)
{
	if (!r->incomplete)
		snprintf(r->why, sizeof r->why, "%s %.120s could not be read",
		    what, name);
	r->incomplete = true;
}

static int
hold(struct ir_auth_rights *r, const struct ir_auth_policy *p,
    const struct ir_auth_entity *owner, struct ir_err *err)
{
	struct ir_auth_held *held;
	struct ir_policy **identity;

	held = realloc(r->held, (r->n + 1) * sizeof *held);
	if (held)
		r->held = held;
	identity = realloc(r->identity, (r->n + 1) * sizeof *identity);
	if (identity)
		r->identity = identity;
	if (!held || !identity)
		return ir_fail(err, IR_OSERR, "no memory");
	held[r->n++] = (struct ir_auth_held){ p, owner };
	if (p->doc)
		identity[r->nidentity++] = p->doc;
	else
		missing(r, "policy", p->name);
	return 0;
}

static int
hold_all(const struct ir_auth *a, const struct ir_auth_entity *e,
    struct ir_auth_rights *r, struct ir_err *err)
{
	const struct ir_auth_policy *p;
	size_t i;

	for (i = 0; i < e->ninlined; i++)
		if (hold(r, &e->inlined[i], e, err))
			return -1;
	for (i = 0; i < e->nattached; i++) {
		p = managed(a, e->attached[i]);
		if (!p)
			missing(r, "policy", e->attached[i]);
		else if (hold(r, p, e, err))
			return -1;
	}
	return 0;
}

int
ir_auth_rights(const struct ir_auth *a, const struct ir_auth_entity *e,
    struct ir_auth_rights *r, struct ir_err *err)
{
	const struct ir_auth_entity *g;
	const struct ir_auth_policy *p;
	int rc;
	size_t i;

	memset(r, 0, sizeof *r);
	rc = hold_all(a, e, r, err);
	for (i = 0; i < e->ngroups && rc == 0; i++) {
		g = group_of(a, e->groups[i]);
		if (g)
			rc = hold_all(a, g, r, err);
		else
			missing(r, "group", e->groups[i]);
	}
	p = e->boundary ? managed(a, e->boundary) : NULL;
	if (p && p->doc)
		r->boundary = p->doc;
	else if (e->boundary)
		missing(r, "boundary", e->boundary);
	if (rc)
		ir_auth_rights_free(r);
	return rc;
}

void
ir_auth_rights_free(struct ir_auth_rights *r)
{
	free(r->held);
	free(r->identity);
	memset(r, 0, sizeof *r);
}

/* --- fetching ---------------------------------------------------------- */

static int
take_page(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct ir_auth_fetch *f = arg;

	f->pages++;
	return ir_auth_page(f->auth, reply, err);
}

void
ir_auth_calls(struct ir_auth_fetch *f, struct ir_auth *a,
    struct ir_aws_call calls[IR_AUTH_CALLS])
{
	size_t i;

	*f = (struct ir_auth_fetch){ .auth = a,
		.paging = { .fn = take_page, .arg = f } };
	for (i = 0; i < IR_AUTH_CALLS; i++) {
		f->params[i][0] = (struct ir_aws_param){ "Filter.member.1",
			filters[i].name };
		f->params[i][1] = (struct ir_aws_param){ "MaxItems",
			filters[i].items };
		calls[i] = (struct ir_aws_call){ .service = "iam",
			.operation = "GetAccountAuthorizationDetails",
			.params = f->params[i], .nparams = 2,
			.pages = &f->paging };
	}
}

/* --- freeing ----------------------------------------------------------- */

static void
free_policy(struct ir_auth_policy *p)
{
	free(p->arn);
	free(p->name);
	free(p->text);
	ir_policy_free(p->doc);
}

static void
free_list(char **list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void
free_entity(struct ir_auth_entity *e)
{
	size_t i;

	free(e->arn);
	free(e->name);
	free(e->id);
	for (i = 0; i < e->ninlined; i++)
		free_policy(&e->inlined[i]);
	free(e->inlined);
	free_list(e->attached, e->nattached);
	free_list(e->groups, e->ngroups);
	free_list(e->tags, 2 * e->ntags);
	free_list(e->profiles, e->nprofiles);
	free(e->boundary);
	free(e->last_used);
	free(e->last_region);
	ir_policy_free(e->trust);
	free(e);
}

void
ir_auth_free(struct ir_auth *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		free_entity(a->entity[i]);
	for (i = 0; i < a->nmanaged; i++) {
		free_policy(a->managed[i]);
		free(a->managed[i]);
	}
	free(a->entity);
	free(a->managed);
	memset(a, 0, sizeof *a);
}
