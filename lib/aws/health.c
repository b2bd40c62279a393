/* health.c - see health.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "../net/dns.h"
#include "health.h"
#include "job.h"

#define MAX_EVENTS 5000		/* of one round */
#define MAX_ACCOUNTS 1000	/* of one event */
#define MAX_ENTITIES 200
#define BATCH 10		/* ARNs that one call takes */
#define ROUNDS 3

/* One event, in one account. */
struct item {
	char *arn;
	char account[13];
	char updated[IR_AWS_HEALTH_STAMP];
	struct ir_rec *entities;
};

struct round {
	struct ir_aws_health *h;
	bool org;
	struct item *v;
	size_t n, room;
	const char *arn;		/* whose accounts are listed */
	const char *updated;
	struct item *batch;
	size_t nbatch;
};

/* --- which region answers ---------------------------------------------- */

static const char *
global_name(const struct ir_aws *a)
{
	const char *r = ir_aws_region(a);

	if (r && strncmp(r, "cn-", 3) == 0)
		return "global.health.amazonaws.com.cn";
	if (r && (strncmp(r, "us-gov-", 7) == 0 ||
	    strncmp(r, "eusc-", 5) == 0))
		return NULL;
	return "global.health.amazonaws.com";
}

/* Somebody's own endpoint has no alias, unless a resolver is named for it. */
static bool
own_endpoint(const struct ir_aws *a)
{
	struct ir_endpoint_opts o;
	struct ir_err err = IR_ERR_INIT;

	return ir_endpoint_options("health", a->config, a->profile,
	    a->endpoint_url, &o, &err) == 0 && o.url;
}

/* Where the alias leads to now, into a->health; a note when nobody says. */
static void
find_active(struct ir_aws_health *h)
{
	struct ir_dns_opts o = { .resolver = h->resolver,
		.deadline_ms = 5000 };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_query q = { 0 };
	const char *name = global_name(h->aws);

	if (!name || (!h->resolver && own_endpoint(h->aws)))
		return;
	ir_dns_query_set(&q, name, IR_DNS_CNAME);
	if (ir_dns_run(&o, &q, 1, NULL, NULL, &err) == 0 &&
	    q.status == IR_DNS_OK && q.n && strlen(q.answer[0].text) <
	    sizeof h->host && strncmp(q.answer[0].text, "health", 6) == 0)
		snprintf(h->host, sizeof h->host, "%s", q.answer[0].text);
	else if (!h->note[0])
		snprintf(h->note, sizeof h->note, "%s: %s: the usual region "
		    "of Health is asked", name, err.code ? "no resolver" :
		    ir_dns_status_word(q.status));
	ir_dns_query_free(&q);
	memcpy(h->aws->health, h->host, sizeof h->aws->health);
}

/* --- the list ----------------------------------------------------------- */

static void
stamp(const struct ir_rec *event, char out[IR_AWS_HEALTH_STAMP])
{
	const char *s = ir_rec_get(event, "lastUpdatedTime");
	double t = ir_rec_get_num(event, "lastUpdatedTime", 0);

	if (s)
		snprintf(out, IR_AWS_HEALTH_STAMP, "%.39s", s);
	else
		snprintf(out, IR_AWS_HEALTH_STAMP, "%.3f",
		    t > 0 && t < 1e12 ? t : 0);
}

static int
add(struct round *r, const char *arn, const char *account,
    const char *updated, struct ir_err *err)
{
	struct item *v, *i;

	if (r->n == MAX_EVENTS)
		return ir_fail(err, IR_UNAVAILABLE, "more than %d events",
		    MAX_EVENTS);
	if (r->n == r->room) {
		v = realloc(r->v, (r->room + 64) * sizeof *v);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		r->v = v;
		r->room += 64;
	}
	i = &r->v[r->n];
	memset(i, 0, sizeof *i);
	i->arn = strdup(arn);
	if (!i->arn)
		return ir_fail(err, IR_OSERR, "no memory");
	snprintf(i->account, sizeof i->account, "%.12s", account);
	snprintf(i->updated, sizeof i->updated, "%s", updated);
	r->n++;
	return 0;
}

static int
take_events(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct round *r = arg;
	const struct ir_rec *list = ir_rec_at(reply, "events"), *e;
	char updated[IR_AWS_HEALTH_STAMP];
	const char *arn;
	size_t i;

	for (i = 0; list && i < ir_rec_len(list); i++) {
		e = ir_rec_item(list, i);
		arn = ir_rec_get(e, "arn");
		stamp(e, updated);
		if (arn && add(r, arn, r->h->account, updated, err))
			return -1;
	}
	return 0;
}

static struct ir_rec *
strings(const char *const *v, size_t n)
{
	struct ir_rec *list = ir_rec_array();
	size_t i;

	for (i = 0; i < n; i++)
		ir_rec_push_str(list, v[i]);
	return list;
}

/* The two views differ in the form of one member. */
static struct ir_rec *
filter(const struct round *r)
{
	static const char *const services[] = { "ABUSE", "RISK" };
	struct ir_rec *in = ir_rec_object(), *f = ir_rec_object();
	struct ir_rec *range = ir_rec_object(), *list;

	ir_rec_set(f, "services", strings(services, 2));
	ir_rec_int(range, "from", r->h->since);
	if (r->org) {
		ir_rec_set(f, "lastUpdatedTime", range);
	} else {
		list = ir_rec_array();
		ir_rec_push(list, range);
		ir_rec_set(f, "lastUpdatedTimes", list);
	}
	ir_rec_set(in, "filter", f);
	ir_rec_int(in, "maxResults", 100);
	return in;
}

/* A list operation; its input is freed. */
static int
list_all(struct round *r, const char *operation, struct ir_rec *in,
    int (*fn)(const struct ir_rec *, void *, struct ir_err *),
    struct ir_aws_call *c, struct ir_err *err)
{
	int rc;

	*c = (struct ir_aws_call){ .service = "health",
		.operation = operation, .json = in, .raw = true };
	rc = ir_aws_pages(r->h->aws, c, NULL, NULL, fn, r, err);
	ir_aws_call_free(c);
	ir_rec_free(in);
	return rc;
}

/* What the plan does not include is not denied: say it in plain words. */
static int
explain(const struct ir_aws_call *c, struct ir_err *err)
{
	if (strcmp(c->error_code, "SubscriptionRequiredException") != 0)
		return -1;
	ir_fail(err, IR_UNAVAILABLE, "no Health API: the account's support "
	    "plan does not include it (SubscriptionRequiredException)");
	ir_hint(err, "abuse notices still come by mail: abuse-parse; and "
	    "events by EventBridge: health-watch -");
	return -1;
}

static int
take_accounts(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct round *r = arg;
	const struct ir_rec *list = ir_rec_at(reply, "affectedAccounts");
	const char *s;
	size_t i;

	for (i = 0; list && i < ir_rec_len(list) && i < MAX_ACCOUNTS; i++) {
		s = ir_rec_cstr(ir_rec_item(list, i));
		if (s && strlen(s) == 12 && add(r, r->arn, s, r->updated,
		    err))
			return -1;
	}
	return 0;
}

/* The organization's view lists events; each has accounts. */
static int
find_accounts(struct round *r, struct ir_err *err)
{
	struct item *events = r->v;
	struct ir_aws_call c;
	struct ir_rec *in;
	size_t n = r->n, i;
	int rc = 0;

	r->v = NULL;
	r->n = r->room = 0;
	for (i = 0; i < n; i++) {
		r->arn = events[i].arn;
		r->updated = events[i].updated;
		in = ir_rec_object();
		ir_rec_str(in, "eventArn", r->arn);
		if (rc == 0)
			rc = list_all(r,
			    "DescribeAffectedAccountsForOrganization", in,
			    take_accounts, &c, err);
		else
			ir_rec_free(in);
		free(events[i].arn);
	}
	free(events);
	return rc;
}

static bool
denied(const struct ir_aws_call *c)
{
	return c->err.code == IR_NOPERM || strcmp(c->error_code,
	    "AccessDeniedException") == 0 || strcmp(c->error_code,
	    "ValidationException") == 0;
}

static int
list_events(struct round *r, struct ir_err *err)
{
	struct ir_aws_call c;

	if (r->org) {
		if (list_all(r, "DescribeEventsForOrganization", filter(r),
		    take_events, &c, err) == 0)
			return find_accounts(r, err);
		if (!denied(&c))
			return explain(&c, err);
		snprintf(r->h->note, sizeof r->h->note, "the organization's "
		    "events cannot be read, only this account's: %.120s",
		    c.err.msg);
		*err = (struct ir_err)IR_ERR_INIT;
		r->h->fell_back = true;
		r->org = false;
	}
	if (list_all(r, "DescribeEvents", filter(r), take_events, &c, err))
		return explain(&c, err);
	return 0;
}

/* --- what each says ----------------------------------------------------- */

static struct item *
item_of(struct round *r, const char *arn, const char *account)
{
	size_t i;

	for (i = 0; arn && i < r->nbatch; i++)
		if (strcmp(r->batch[i].arn, arn) == 0 && (!r->org ||
		    (account && strcmp(r->batch[i].account, account) == 0)))
			return &r->batch[i];
	return NULL;
}

static int
take_entities(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct round *r = arg;
	const struct ir_rec *list = ir_rec_at(reply, "entities"), *e;
	struct item *it;
	size_t i;

	(void)err;
	for (i = 0; list && i < ir_rec_len(list); i++) {
		e = ir_rec_item(list, i);
		it = item_of(r, ir_rec_get(e, "eventArn"),
		    ir_rec_get(e, "awsAccountId"));
		if (it && ir_rec_len(it->entities) < MAX_ENTITIES)
			ir_rec_push(it->entities, ir_rec_copy(e));
	}
	return 0;
}

/* The batch's ARNs, in the form that each view wants them. */
static struct ir_rec *
arns(const struct round *r)
{
	struct ir_rec *list = ir_rec_array(), *o;
	size_t i;

	for (i = 0; i < r->nbatch; i++) {
		if (!r->org) {
			ir_rec_push_str(list, r->batch[i].arn);
			continue;
		}
		o = ir_rec_object();
		ir_rec_str(o, "eventArn", r->batch[i].arn);
		ir_rec_str(o, "awsAccountId", r->batch[i].account);
		ir_rec_push(list, o);
	}
	return list;
}

static int
ask_entities(struct round *r, struct ir_err *err)
{
	struct ir_rec *in = ir_rec_object(), *f;
	struct ir_aws_call c;

	if (r->org) {
		ir_rec_set(in, "organizationEntityFilters", arns(r));
	} else {
		f = ir_rec_object();
		ir_rec_set(f, "eventArns", arns(r));
		ir_rec_set(in, "filter", f);
	}
	return list_all(r, r->org ? "DescribeAffectedEntitiesForOrganization" :
	    "DescribeAffectedEntities", in, take_entities, &c, err);
}

static int
give(struct round *r, const struct ir_rec *one, struct ir_err *err)
{
	const char *account = ir_rec_get(one, "awsAccountId");
	struct item *it = item_of(r, ir_rec_get(one, "event.arn"), account);
	struct ir_aws_health_event e = { 0 };
	struct ir_rec *frame;
	int rc;

	if (!it)
		return 0;
	/* updated again since it was listed: this is what is given */
	stamp(ir_rec_at(one, "event"), it->updated);
	e.arn = it->arn;
	e.account = it->account;
	memcpy(e.updated, it->updated, sizeof e.updated);
	frame = ir_rec_copy(one);
	ir_rec_str(frame, "awsAccountId", it->account);
	ir_rec_set(frame, "entities", it->entities);
	it->entities = NULL;
	rc = r->h->take(&e, frame, r->h->arg, err);
	ir_rec_free(frame);
	return rc;
}

static int
details(struct round *r, struct ir_err *err)
{
	struct ir_rec *in = ir_rec_object();
	struct ir_aws_call c = { .service = "health", .operation = r->org ?
	    "DescribeEventDetailsForOrganization" : "DescribeEventDetails",
	    .json = in, .raw = true };
	const struct ir_rec *list;
	int rc;
	size_t i;

	ir_rec_set(in, r->org ? "organizationEventDetailFilters" :
	    "eventArns", arns(r));
	rc = ask_entities(r, err) || ir_aws_do(r->h->aws, &c, err) ? -1 : 0;
	list = ir_rec_at(c.reply, "successfulSet");
	for (i = 0; rc == 0 && list && i < ir_rec_len(list); i++)
		rc = give(r, ir_rec_item(list, i), err);
	r->h->withheld += ir_rec_len(ir_rec_at(c.reply, "failedSet"));
	ir_aws_call_free(&c);
	ir_rec_free(in);
	return rc;
}

/* Those that are not known, so many at a time. */
static int
read_new(struct round *r, struct ir_err *err)
{
	struct ir_aws_health_event e;
	struct item swap;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++) {
		e.arn = r->v[i].arn;
		e.account = r->v[i].account;
		memcpy(e.updated, r->v[i].updated, sizeof e.updated);
		if (r->h->known(&e, r->h->arg))
			continue;
		swap = r->v[n];
		r->v[n++] = r->v[i];
		r->v[i] = swap;
	}
	for (i = 0; i < n; i += r->nbatch) {
		r->batch = &r->v[i];
		for (r->nbatch = 0; r->nbatch < BATCH && i + r->nbatch < n;
		    r->nbatch++)
			r->batch[r->nbatch].entities = ir_rec_array();
		if (details(r, err))
			return -1;
	}
	return 0;
}

static int
one_round(struct ir_aws_health *h, struct ir_err *err)
{
	struct round r = { .h = h, .org = h->organization && !h->fell_back };
	size_t i;
	int rc;

	rc = list_events(&r, err);
	h->events = r.n;
	if (rc == 0)
		rc = read_new(&r, err);
	for (i = 0; i < r.n; i++) {
		free(r.v[i].arn);
		ir_rec_free(r.v[i].entities);
	}
	free(r.v);
	return rc;
}

int
ir_aws_health_poll(struct ir_aws_health *h, struct ir_err *err)
{
	char was[sizeof h->host];
	int rc, i;

	h->note[0] = h->host[0] = '\0';
	h->fell_back = false;
	find_active(h);
	for (i = 0; ; i++) {
		h->withheld = 0;
		memcpy(was, h->host, sizeof was);
		rc = one_round(h, err);
		if (rc && err->code != IR_TEMPFAIL)
			return rc;
		find_active(h);
		if (strcmp(was, h->host) == 0 || i + 1 == ROUNDS)
			return rc;
		if (rc)		/* it moved away under our feet */
			*err = (struct ir_err)IR_ERR_INIT;
	}
}
