/* identities.c - SES identities of many regions and their policies */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "sending.h"

/* --- the list ---------------------------------------------------------- */

struct reading {
	struct ir_identities *out;
	const char *partition, *account;
	struct ir_aws_paging *paging;	/* one for each region */
	struct page_of {
		struct reading *r;
		size_t region;
	} *page;
	struct ir_aws_param size[1];
};

static int
add(struct reading *r, size_t region, const char *name, struct ir_err *err)
{
	struct ir_identities *out = r->out;
	struct ir_identity *more, *id;
	struct ir_buf arn = IR_BUF(1024);

	if (out->n == IR_IDENTITIES)
		return ir_fail(err, IR_PROTOCOL, "more than %d identities",
		    IR_IDENTITIES);
	if ((out->n & (out->n - 1)) == 0) {
		more = realloc(out->v, (out->n ? 2 * out->n : 1) *
		    sizeof *more);
		if (!more)
			return ir_fail(err, IR_OSERR, "no memory");
		out->v = more;
	}
	id = &out->v[out->n];
	memset(id, 0, sizeof *id);
	id->region = out->region[region].name;
	ir_buf_fmt(&arn, "arn:%s:ses:%s:%s:identity/%s", r->partition,
	    id->region, r->account, name);
	if (ir_buf_check(&arn, "identity", err)) {
		ir_buf_free(&arn);
		return -1;
	}
	id->name = strdup(name);
	if (!id->name) {
		ir_buf_free(&arn);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	id->arn = ir_buf_take(&arn);
	out->n++;
	out->region[region].identities++;
	return 0;
}

static int
take_page(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "EmailIdentities"), *v;
	const struct page_of *p = arg;
	const char *name;
	size_t i;

	p->r->out->calls++;
	if (!all || ir_rec_kind(all) != IR_REC_ARRAY)
		return ir_fail(err, IR_PROTOCOL,
		    "ListEmailIdentities: no identities in the answer");
	for (i = 0; i < ir_rec_len(all); i++) {
		v = ir_rec_item(all, i);
		name = ir_rec_get(v, "IdentityName");
		if (!name || !*name || strlen(name) > 320)
			return ir_fail(err, IR_PROTOCOL,
			    "ListEmailIdentities: an identity without a name");
		if (add(p->r, p->region, name, err))
			return -1;
	}
	return 0;
}

static void
ask_list(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct reading *r = arg;

	(void)k;
	r->page[i] = (struct page_of){ r, i };
	r->paging[i] = (struct ir_aws_paging){ .fn = take_page,
		.arg = &r->page[i] };
	c->service = "sesv2";
	c->operation = "ListEmailIdentities";
	c->method = "GET";
	c->path = "/v2/email/identities";
	c->params = r->size;
	c->nparams = 1;
	c->pages = &r->paging[i];
}

static void
answer_list(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct reading *r = arg;

	(void)k;
	r->out->calls += c->err.code || c->disabled;
	r->out->region[i].err = c->err;
	r->out->region[i].disabled = c->disabled;
}

static int
list(struct ir_aws *a, struct reading *r, const char *const *regions,
    size_t n, struct ir_err *err)
{
	const struct ir_aws_sweep s = { .regions = regions, .n = n,
		.calls = 1, .ask = ask_list, .answer = answer_list,
		.arg = r };

	r->size[0] = (struct ir_aws_param){ "PageSize", "1000" };
	return ir_aws_sweep(a, &s, err);
}

/* --- their policies ---------------------------------------------------- */

static int
one_policy(const char *key, const struct ir_rec *v, void *arg)
{
	struct ir_identity *id = arg;
	const char *text = ir_rec_cstr(v);
	char name[IR_POLICY_NAME + 1];
	struct ir_policy **more, *p;

	snprintf(name, sizeof name, "%.64s (of identity %.160s)", key,
	    id->name);
	more = id->n < IR_IDENTITY_POLICIES ? realloc(id->policy,
	    (id->n + 1) * sizeof *more) : NULL;
	if (more)
		id->policy = more;
	if (!more || !text || ir_policy_parse_kind(&p, IR_POLICY_OF_RESOURCE,
	    name, text, strlen(text), NULL))
		id->unread = true;
	else
		id->policy[id->n++] = p;
	return 0;
}

void
ir_identity_policies(struct ir_identity *id, const struct ir_rec *reply)
{
	const struct ir_rec *all = ir_rec_at(reply, "Policies");

	if (!all || ir_rec_kind(all) != IR_REC_OBJECT)
		id->unread = true;
	else
		(void)ir_rec_each(all, one_policy, id);
}

/* As in a path: all but RFC 3986's unreserved characters. */
static char *
path_of(const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-._~";
	struct ir_buf b = IR_BUF(2048);

	ir_buf_str(&b, "/v2/email/identities/");
	for (; *name; name++) {
		if (strchr(plain, *name))
			ir_buf_chr(&b, *name);
		else
			ir_buf_fmt(&b, "%%%02X", (unsigned char)*name);
	}
	ir_buf_str(&b, "/policies");
	return ir_buf_take(&b);
}

struct asked {
	struct ir_aws_call call;	/* first */
	char *path;
	struct ir_identity *id;
};

struct feed {
	struct ir_identities *ids;
	size_t next, limit, region, in_region;
};

static struct ir_identity_region *
region_of(struct ir_identities *ids, const struct ir_identity *id)
{
	size_t i;

	for (i = 0; i < ids->nregions; i++)
		if (strcmp(ids->region[i].name, id->region) == 0)
			return &ids->region[i];
	return NULL;
}

static int
by_region(const void *a, const void *b)
{
	const struct ir_identity *x = a, *y = b;
	int d = strcmp(x->region, y->region);

	return d ? d : strcmp(x->name, y->name);
}

static struct ir_aws_call *
next(void *arg)
{
	struct feed *f = arg;
	struct ir_identity *id;
	struct asked *q;

	for (; f->next < f->ids->n; f->next++) {
		id = &f->ids->v[f->next];
		f->in_region = f->next && strcmp(id->region,
		    id[-1].region) == 0 ? f->in_region + 1 : 0;
		if (!f->limit || f->in_region < f->limit)
			break;
		id->unread = true;
	}
	q = f->next < f->ids->n ? calloc(1, sizeof *q) : NULL;
	if (!q)
		return NULL;
	q->id = &f->ids->v[f->next++];
	q->path = path_of(q->id->name);
	q->call = (struct ir_aws_call){ .service = "sesv2",
		.operation = "GetEmailIdentityPolicies", .method = "GET",
		.path = q->path, .region = q->id->region };
	/* until the answer says what they are */
	q->id->unread = true;
	return &q->call;
}

static void
done(struct ir_aws_call *c, void *arg)
{
	struct asked *q = (struct asked *)(void *)c;
	struct feed *f = arg;
	struct ir_identity_region *r = region_of(f->ids, q->id);

	f->ids->calls++;
	if (c->err.code) {
		if (r && !r->err.code)
			r->err = c->err;
	} else {
		q->id->unread = false;
		ir_identity_policies(q->id, c->reply);
	}
	ir_aws_call_free(c);
	free(q->path);
	free(q);
}

static void
read_policies(struct ir_aws *a, struct ir_identities *ids, size_t limit)
{
	struct feed f = { .ids = ids, .limit = limit };
	const struct ir_aws_feed feed = { .next = next, .done = done,
		.arg = &f, .total = ids->n, .parallel = 64 };
	struct ir_identity_region *r;
	size_t i;

	if (ids->n)
		qsort(ids->v, ids->n, sizeof *ids->v, by_region);
	ir_aws_run(a, &feed);
	for (i = 0; i < ids->n; i++) {
		r = region_of(ids, &ids->v[i]);
		if (r)
			r->unread += ids->v[i].unread;
	}
}

int
ir_identities_read(struct ir_aws *a, const char *partition,
    const char *account, const char *const *regions, size_t n, size_t limit,
    struct ir_identities *out, struct ir_err *err)
{
	struct reading r = { .out = out, .partition = partition,
		.account = account };
	size_t i;
	int rc;

	memset(out, 0, sizeof *out);
	out->region = calloc(n + 1, sizeof *out->region);
	r.paging = calloc(n + 1, sizeof *r.paging);
	r.page = calloc(n + 1, sizeof *r.page);
	if (!out->region || !r.paging || !r.page) {
		rc = ir_fail(err, IR_OSERR, "no memory");
	} else {
		out->nregions = n;
		for (i = 0; i < n; i++)
			out->region[i].name = regions[i];
		rc = list(a, &r, regions, n, err);
	}
	free(r.paging);
	free(r.page);
	if (rc == 0)
		read_policies(a, out, limit);
	else
		ir_identities_free(out);
	return rc;
}

void
ir_identities_free(struct ir_identities *ids)
{
	size_t i, k;

	for (i = 0; i < ids->n; i++) {
		for (k = 0; k < ids->v[i].n; k++)
			ir_policy_free(ids->v[i].policy[k]);
		free(ids->v[i].policy);
		free(ids->v[i].arn);
		free(ids->v[i].name);
	}
	free(ids->v);
	free(ids->region);
	memset(ids, 0, sizeof *ids);
}
