/* ses_view.c - see ses_view.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/text.h"
#include "../log/cloudtrail.h"
#include "lookup.h"
#include "ses_view.h"
#include "sigv4.h"

#define HOUR 3600
#define QUARTER 900
#define PARALLEL 64
/* The suppression list may be long, and is asked for once a second. */
#define SUPPRESSED_PAGES 5
/* Of Event history, newest first, two a second: 200 makings of identities. */
#define BIRTH_PAGES 4

const char *
ir_ses_part_name(enum ir_ses_part part)
{
	static const char *const names[IR_SES_PARTS] = { "account", "metrics",
		"identities", "configuration_sets", "suppressed",
		"dedicated_ips", "ingress_points" };

	return names[part];
}

int64_t
ir_ses_view_start(const struct ir_ses_view_opts *o)
{
	return o->now / HOUR * HOUR - (int64_t)(o->hours - 1) * HOUR;
}

/* --- the first round: one call for each part --------------------------- */

struct part_of {
	struct round *round;
	struct ir_ses_view *v;
	unsigned pages;
	double rate_at[2];	/* when the rates are from */
	struct ir_aws_paging paging;
};

struct round {
	struct ir_ses_view *v;
	size_t n;
	const struct ir_ses_view_opts *o;
	struct ir_rec *metrics;		/* input */
	struct part_of (*parts)[IR_SES_PARTS];
};

static void
add_query(struct ir_rec *all, const char *id, const char *metric,
    const char *stat, int period)
{
	struct ir_rec *q = ir_rec_object(), *s = ir_rec_object();
	struct ir_rec *m = ir_rec_object();

	ir_rec_str(m, "Namespace", "AWS/SES");
	ir_rec_str(m, "MetricName", metric);
	ir_rec_set(s, "Metric", m);
	ir_rec_int(s, "Period", period);
	ir_rec_str(s, "Stat", stat);
	ir_rec_str(q, "Id", id);
	ir_rec_set(q, "MetricStat", s);
	ir_rec_push(all, q);
}

static struct ir_rec *
metric_input(const struct ir_ses_view_opts *o)
{
	struct ir_rec *in = ir_rec_object(), *all = ir_rec_array();

	add_query(all, "sent", "Send", "Sum", o->quarters ? QUARTER : HOUR);
	add_query(all, "bounce", "Reputation.BounceRate", "Average", HOUR);
	add_query(all, "complaint", "Reputation.ComplaintRate", "Average",
	    HOUR);
	ir_rec_set(in, "MetricDataQueries", all);
	ir_rec_int(in, "StartTime", ir_ses_view_start(o));
	ir_rec_int(in, "EndTime", o->now);
	return in;
}

static void
count_sent(struct part_of *p, double when, double value)
{
	const struct ir_ses_view_opts *o = p->round->o;
	double since = when - (double)ir_ses_view_start(o);

	if (since < 0 || since >= (double)o->hours * HOUR || value <= 0 ||
	    value >= 1e12)
		return;
	p->v->sent[(size_t)(since / HOUR)] += value;
	if (o->quarters && since < (double)IR_SES_QUARTERS * QUARTER)
		p->v->quarter[(size_t)(since / QUARTER)] += value;
}

/* The last one counts: of a rate there is no sum. */
static void
take_rate(struct part_of *p, int which, double when, double value)
{
	if (when <= p->rate_at[which] || value < 0 || value > 1)
		return;
	p->rate_at[which] = when;
	if (which)
		p->v->complaint = value;
	else
		p->v->bounce = value;
}

static int
take_metrics(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "MetricDataResults");
	const struct ir_rec *r, *t, *v;
	struct part_of *p = arg;
	const char *id;
	size_t i, k;

	(void)err;
	for (i = 0; all && i < ir_rec_len(all); i++) {
		r = ir_rec_item(all, i);
		id = ir_rec_get(r, "Id");
		t = ir_rec_at(r, "Timestamps");
		v = ir_rec_at(r, "Values");
		for (k = 0; id && t && v && k < ir_rec_len(t) &&
		    k < ir_rec_len(v); k++) {
			double when = ir_rec_get_num(ir_rec_item(t, k), "", 0);
			double value = ir_rec_get_num(ir_rec_item(v, k), "",
			    -1);

			if (strcmp(id, "sent") == 0)
				count_sent(p, when, value);
			else
				take_rate(p, *id == 'c', when, value);
		}
	}
	return 0;
}

static int
take_identities(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "EmailIdentities"), *i;
	struct part_of *p = arg;
	struct ir_rec *one;
	const char *name, *status;
	size_t k;

	(void)err;
	for (k = 0; all && k < ir_rec_len(all); k++) {
		i = ir_rec_item(all, k);
		name = ir_rec_get(i, "IdentityName");
		status = ir_rec_get(i, "VerificationStatus");
		if (!name)
			continue;
		one = ir_rec_object();
		ir_rec_str(one, "name", name);
		ir_rec_str(one, "kind", ir_rec_get(i, "IdentityType"));
		ir_rec_str(one, "verification", status);
		ir_rec_bool(one, "sending", ir_rec_get_bool(i,
		    "SendingEnabled", false));
		ir_rec_push(p->v->identities, one);
	}
	return 0;
}

static int
take_sets(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "ConfigurationSets");
	struct part_of *p = arg;
	struct ir_rec *one;
	const char *name;
	size_t k;

	(void)err;
	for (k = 0; all && k < ir_rec_len(all); k++) {
		name = ir_rec_cstr(ir_rec_item(all, k));
		if (!name)
			continue;
		one = ir_rec_object();
		ir_rec_str(one, "name", name);
		ir_rec_push(p->v->sets, one);
	}
	return 0;
}

static size_t
length(const struct ir_rec *reply, const char *name)
{
	const struct ir_rec *all = ir_rec_at(reply, name);

	return all && ir_rec_kind(all) == IR_REC_ARRAY ? ir_rec_len(all) : 0;
}

static int
take_suppressed(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct part_of *p = arg;
	const char *more = ir_rec_get(reply, "NextToken");

	(void)err;
	p->v->suppressed += length(reply, "SuppressedDestinationSummaries");
	if (++p->pages < SUPPRESSED_PAGES)
		return 0;
	p->v->suppressed_more = more && *more;
	return 1;
}

static int
take_ips(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct part_of *p = arg;

	(void)err;
	p->v->ips += length(reply, "DedicatedIps");
	return 0;
}

static int
take_ingress(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "IngressPoints");
	struct part_of *p = arg;
	size_t k;

	(void)err;
	for (k = 0; all && k < ir_rec_len(all); k++)
		ir_rec_push(p->v->ingress, ir_rec_copy(ir_rec_item(all, k)));
	return 0;
}

static const struct part {
	const char *service, *operation, *path;
	int (*take)(const struct ir_rec *reply, void *arg, struct ir_err *err);
} parts[IR_SES_PARTS] = {
	{ "sesv2", "GetAccount", "/v2/email/account", NULL },
	{ "monitoring", "GetMetricData", NULL, take_metrics },
	{ "sesv2", "ListEmailIdentities", "/v2/email/identities",
	    take_identities },
	{ "sesv2", "ListConfigurationSets", "/v2/email/configuration-sets",
	    take_sets },
	{ "sesv2", "ListSuppressedDestinations",
	    "/v2/email/suppression/addresses", take_suppressed },
	{ "sesv2", "GetDedicatedIps", "/v2/email/dedicated-ips", take_ips },
	{ "mailmanager", "ListIngressPoints", NULL, take_ingress },
};

static void
ask_part(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	static const struct ir_aws_param size[] = { { "PageSize", "1000" } };
	struct round *r = arg;
	struct part_of *p = &r->parts[i][k];

	*p = (struct part_of){ .round = r, .v = &r->v[i],
		.paging = { .fn = parts[k].take, .arg = p } };
	c->service = parts[k].service;
	c->operation = parts[k].operation;
	if (k == IR_SES_METRICS)
		c->json = r->metrics;
	if (parts[k].path) {
		c->method = "GET";
		c->path = parts[k].path;
	}
	if (k == IR_SES_SUPPRESSED || k == IR_SES_IDENTITIES ||
	    k == IR_SES_SETS) {
		c->params = size;
		c->nparams = 1;
	}
	if (parts[k].take)
		c->pages = &p->paging;
}

static void
take_part(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct round *r = arg;
	struct ir_ses_view *v = &r->v[i];

	v->err[k] = c->err;
	v->disabled = v->disabled || c->disabled;
	if (k == IR_SES_ACCOUNT && c->reply)
		v->account = ir_rec_copy(c->reply);
	if (k == IR_SES_METRICS && !c->err.code)
		v->has_sent = true;
}

static int
first_round(struct ir_aws *a, struct round *r, struct ir_err *err)
{
	const char *names[IR_SES_REGIONS_MAX];
	struct ir_aws_sweep w = { .regions = names, .n = r->n,
		.calls = IR_SES_PARTS, .ask = ask_part, .answer = take_part,
		.arg = r };
	size_t i;
	int rc;

	for (i = 0; i < r->n; i++)
		names[i] = r->v[i].name;
	r->metrics = metric_input(r->o);
	r->parts = calloc(r->n + 1, sizeof *r->parts);
	rc = r->parts ? ir_aws_sweep(a, &w, err) :
	    ir_fail(err, IR_OSERR, "no memory");
	free(r->parts);
	ir_rec_free(r->metrics);
	return rc;
}

/* --- the second: what the lists named, one by one ---------------------- */

enum detail { IDENTITY, SET, STATISTICS, BORN };

struct ask {
	enum detail what;
	struct ir_ses_view *v;
	struct ir_rec *of;	/* in v's identities or sets */
	char path[1024];
	unsigned pages;
	struct ir_rec *in;	/* owned */
	struct ir_aws_paging paging;
	struct ir_aws_call call;
};

struct second {
	const struct ir_ses_view_opts *o;
	struct ask **v;		/* owned, each of them */
	size_t n, cap, next;
	bool failed;
};

/* The calls that make an identity, in both versions of the API. */
static const char *const births[] = { "CreateEmailIdentity",
	"VerifyDomainIdentity", "VerifyEmailIdentity", "VerifyDomainDkim" };

static struct ask *
add_ask(struct second *s, enum detail what, struct ir_ses_view *v)
{
	struct ask **more = s->v, *a = calloc(1, sizeof *a);

	if (s->n == s->cap)
		more = realloc(s->v, (s->cap * 2 + 64) * sizeof *more);
	if (more && s->n == s->cap)
		s->cap = s->cap * 2 + 64;
	if (more)
		s->v = more;
	if (!a || !more) {
		free(a);
		s->failed = true;
		return NULL;
	}
	a->what = what;
	a->v = v;
	a->call.region = v->name;
	s->v[s->n++] = a;
	return a;
}

/* The array's item, to be changed in place. */
static struct ir_rec *
item(struct ir_rec *all, size_t i)
{
	union { const struct ir_rec *c; struct ir_rec *r; } u = {
		ir_rec_item(all, i) };

	return u.r;
}

static void
add_named(struct second *s, enum detail what, struct ir_ses_view *v,
    struct ir_rec *of)
{
	struct ir_buf path = IR_BUF(sizeof ((struct ask *)0)->path - 1);
	const char *name = ir_rec_get(of, "name");
	struct ask *a = add_ask(s, what, v);

	if (!a)
		return;
	ir_buf_str(&path, what == IDENTITY ? "/v2/email/identities/" :
	    "/v2/email/configuration-sets/");
	ir_sigv4_encode(&path, name, strlen(name), false);
	if (what == SET)
		ir_buf_str(&path, "/event-destinations");
	snprintf(a->path, sizeof a->path, "%s", ir_buf_cstr(&path));
	ir_buf_free(&path);
	a->of = of;
	a->call.service = "sesv2";
	a->call.operation = what == IDENTITY ? "GetEmailIdentity" :
	    "GetConfigurationSetEventDestinations";
	a->call.method = "GET";
	a->call.path = a->path;
}

/* Those that are asked first are the ones that nobody knows. */
static void
add_identities(struct second *s, struct ir_ses_view *v)
{
	const struct ir_ses_view_opts *o = s->o;
	size_t i, k, n = ir_rec_len(v->identities), done = 0;
	struct ir_rec *one;
	bool early;

	for (k = 0; k < 2; k++)
		for (i = 0; i < n && done < o->details; i++) {
			one = item(v->identities, i);
			early = o->first && o->first(ir_rec_get(one, "name"),
			    o->arg);
			if (early != (k == 0))
				continue;
			add_named(s, IDENTITY, v, one);
			done++;
		}
}

static int take_births(const struct ir_rec *reply, void *arg,
    struct ir_err *err);

static void
add_births(struct second *s, struct ir_ses_view *v)
{
	struct ir_rec *all, *one;
	struct ask *a;
	size_t i;

	v->history_read = true;
	for (i = 0; i < sizeof births / sizeof *births; i++) {
		a = add_ask(s, BORN, v);
		if (!a)
			return;
		all = ir_rec_array();
		one = ir_rec_object();
		ir_rec_str(one, "AttributeKey", "EventName");
		ir_rec_str(one, "AttributeValue", births[i]);
		ir_rec_push(all, one);
		a->in = ir_rec_object();
		ir_rec_set(a->in, "LookupAttributes", all);
		ir_rec_int(a->in, "StartTime", s->o->now -
		    (int64_t)IR_LOOKUP_DAYS * 86400);
		ir_rec_int(a->in, "EndTime", s->o->now);
		ir_rec_int(a->in, "MaxResults", 50);
		a->paging = (struct ir_aws_paging){ .fn = take_births,
			.arg = a };
		a->call.service = "cloudtrail";
		a->call.operation = "LookupEvents";
		a->call.json = a->in;
		a->call.pages = &a->paging;
	}
}

static void
add_region(struct second *s, struct ir_ses_view *v)
{
	size_t i, n = ir_rec_len(v->sets);
	struct ask *a;

	if (v->disabled)
		return;
	if (v->err[IR_SES_METRICS].code &&
	    (a = add_ask(s, STATISTICS, v))) {
		a->call.service = "ses";
		a->call.operation = "GetSendStatistics";
	}
	add_identities(s, v);
	for (i = 0; i < n && i < s->o->details; i++)
		add_named(s, SET, v, item(v->sets, i));
	if (ir_rec_len(v->identities) && s->o->details)
		add_births(s, v);
}

/* Easy DKIM has tokens; a key of one's own has a selector in their place. */
static void
take_tokens(struct ir_rec *of, const struct ir_rec *tokens,
    const char *origin)
{
	if (!tokens || ir_rec_len(tokens) == 0)
		return;
	if (origin && strcmp(origin, "EXTERNAL") == 0)
		ir_rec_str(of, "dkim_selector", ir_rec_cstr(ir_rec_item(
		    tokens, 0)));
	else
		ir_rec_set(of, "dkim_tokens", ir_rec_copy(tokens));
}

static void
take_identity(struct ir_rec *of, const struct ir_rec *reply)
{
	const struct ir_rec *p = ir_rec_at(reply, "Policies");
	double t = ir_rec_get_num(reply,
	    "DkimAttributes.LastKeyGenerationTimestamp", 0);

	ir_rec_bool(of, "asked", true);
	ir_rec_str(of, "dkim", ir_rec_get(reply, "DkimAttributes.Status"));
	ir_rec_bool(of, "dkim_signing", ir_rec_get_bool(reply,
	    "DkimAttributes.SigningEnabled", false));
	take_tokens(of, ir_rec_at(reply, "DkimAttributes.Tokens"),
	    ir_rec_get(reply, "DkimAttributes.SigningAttributesOrigin"));
	if (ir_rec_get(reply, "MailFromAttributes.MailFromDomain"))
		ir_rec_str(of, "mail_from", ir_rec_get(reply,
		    "MailFromAttributes.MailFromDomain"));
	if (t > 0)
		ir_rec_int(of, "dkim_key", (int64_t)t);
	if (ir_rec_get(reply, "ConfigurationSetName"))
		ir_rec_str(of, "configuration_set", ir_rec_get(reply,
		    "ConfigurationSetName"));
	ir_rec_int(of, "policies", p && ir_rec_kind(p) == IR_REC_OBJECT ?
	    (int64_t)ir_rec_len(p) : 0);
}

/* Is it enabled, and told of each mail that is sent? */
static bool
tells_of_sends(const struct ir_rec *d)
{
	const struct ir_rec *types = ir_rec_at(d, "MatchingEventTypes");
	const char *t;
	size_t i;

	if (!ir_rec_get_bool(d, "Enabled", false))
		return false;
	for (i = 0; types && i < ir_rec_len(types); i++) {
		t = ir_rec_cstr(ir_rec_item(types, i));
		if (t && strcmp(t, "SEND") == 0)
			return true;
	}
	return false;
}

static void
take_destinations(struct ir_rec *of, const struct ir_rec *reply)
{
	const struct ir_rec *all = ir_rec_at(reply, "EventDestinations");
	int64_t n = 0;
	size_t i;

	for (i = 0; all && i < ir_rec_len(all); i++)
		n += tells_of_sends(ir_rec_item(all, i));
	ir_rec_bool(of, "asked", true);
	ir_rec_int(of, "destinations", (int64_t)length(reply,
	    "EventDestinations"));
	ir_rec_int(of, "evidence", n);
}

/* SES version 1 says what was tried in quarters of an hour. */
static void
take_statistics(struct ask *a, const struct ir_rec *reply,
    const struct ir_ses_view_opts *o)
{
	const struct ir_rec *all = ir_rec_at(reply, "SendDataPoints"), *d;
	struct round r = { .o = o };
	struct part_of p = { .round = &r, .v = a->v };
	const char *when, *sent;
	int64_t t;
	size_t i;

	for (i = 0; all && ir_rec_kind(all) == IR_REC_ARRAY &&
	    i < ir_rec_len(all); i++) {
		d = ir_rec_item(all, i);
		when = ir_rec_get(d, "Timestamp");
		sent = ir_rec_get(d, "DeliveryAttempts");
		if (when && sent && ir_time_parse(when, &t) == 0)
			count_sent(&p, (double)t, strtod(sent, NULL));
	}
	a->v->has_sent = a->v->from_statistics = true;
}

/* Who made an identity, by an event: the first time that it worked. */
static void
born(struct ir_ses_view *v, const struct ir_rec *ev)
{
	static const char *const names[] = {
		"requestParameters.emailIdentity", "requestParameters.domain",
		"requestParameters.emailAddress" };
	struct ir_trail_fields f;
	const char *name = NULL, *who;
	struct ir_rec *one;
	size_t i, n = ir_rec_len(v->identities);

	ir_trail_fields_of(ev, &f);
	for (i = 0; i < 3 && !name; i++)
		name = ir_rec_get(ev, names[i]);
	if (!name || (f.error && *f.error))
		return;
	for (i = 0; i < n; i++) {
		one = item(v->identities, i);
		if (strcasecmp(ir_rec_get(one, "name"), name) != 0 ||
		    (ir_rec_has(one, "created") &&
		    ir_rec_get_int(one, "created", 0) <= f.when))
			continue;
		who = ir_trail_session(&f);
		if (!who)
			who = ir_trail_user(&f);
		ir_rec_int(one, "created", f.when);
		ir_rec_str(one, "created_by", who);
		ir_rec_str(one, "created_key", f.key);
		ir_rec_str(one, "created_ip", f.ip);
	}
}

static int
take_births(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "Events");
	struct ask *a = arg;
	struct ir_rec *ev;
	const char *text;
	size_t i;

	(void)err;
	for (i = 0; all && i < ir_rec_len(all); i++) {
		text = ir_rec_get(ir_rec_item(all, i), "CloudTrailEvent");
		ev = text ? ir_trail_parse(text, strlen(text), NULL) : NULL;
		if (ev)
			born(a->v, ev);
		ir_rec_free(ev);
	}
	return ++a->pages == BIRTH_PAGES;
}

static struct ir_aws_call *
next_ask(void *arg)
{
	struct second *s = arg;

	return s->next < s->n ? &s->v[s->next++]->call : NULL;
}

static void
done_ask(struct ir_aws_call *c, void *arg)
{
	struct second *s = arg;
	struct ask *a = NULL;
	size_t i;

	for (i = 0; i < s->n && !a; i++)
		if (&s->v[i]->call == c)
			a = s->v[i];
	if (a && a->what == BORN) {
		if (c->err.code)
			a->v->history_err = c->err;
	} else if (a && c->err.code) {
		if (a->of)
			ir_rec_str(a->of, "why", c->err.msg);
	} else if (a && a->what == STATISTICS) {
		take_statistics(a, c->reply, s->o);
	} else if (a && a->what == IDENTITY) {
		take_identity(a->of, c->reply);
	} else if (a) {
		take_destinations(a->of, c->reply);
	}
	ir_aws_call_free(c);
}

static int
second_round(struct ir_aws *a, struct round *r, struct ir_err *err)
{
	struct second s = { .o = r->o };
	struct ir_aws_feed feed = { .next = next_ask, .done = done_ask,
		.arg = &s, .parallel = PARALLEL };
	size_t i;

	for (i = 0; i < r->n; i++)
		add_region(&s, &r->v[i]);
	feed.total = s.n;
	if (!s.failed && s.n)
		ir_aws_run(a, &feed);
	for (i = 0; i < s.n; i++) {
		ir_rec_free(s.v[i]->in);
		free(s.v[i]);
	}
	free(s.v);
	return s.failed ? ir_fail(err, IR_OSERR, "no memory") : 0;
}

int
ir_ses_view_read(struct ir_aws *a, struct ir_ses_view *v, size_t n,
    const struct ir_ses_view_opts *o, struct ir_err *err)
{
	struct round r = { .v = v, .n = n, .o = o };
	size_t i;

	for (i = 0; i < n; i++) {
		v[i].identities = ir_rec_array();
		v[i].sets = ir_rec_array();
		v[i].ingress = ir_rec_array();
		v[i].bounce = v[i].complaint = -1;
	}
	return first_round(a, &r, err) || second_round(a, &r, err) ? -1 : 0;
}

void
ir_ses_view_free(struct ir_ses_view *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		ir_rec_free(v[i].account);
		ir_rec_free(v[i].identities);
		ir_rec_free(v[i].sets);
		ir_rec_free(v[i].ingress);
	}
}
