/* asker.c - see asker.h */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/text.h"
#include "asker.h"

#define BUCKETS 1024
#define PATIENCE_MS 6000	/* for one question: this to twice this */
#define MAX_HOPS 8		/* of CNAMEs, when the server does not follow */

struct entry {
	struct entry *next;	/* of the bucket */
	struct ir_dns_query q;	/* the answers stay here */
	struct ir_rrset set;
	bool done;
};

struct ir_asker {
	struct ir_resolver res;	/* first: it is what the evaluators have */
	struct ir_dns *dns;
	const char *resolver;
	int64_t deadline, dns_deadline;	/* monotonic milliseconds */
	size_t pending;
	struct entry *bucket[BUCKETS];
	size_t n;
};

static size_t
bucket_of(const char *name, enum ir_dns_type type)
{
	size_t h = 5381 + (size_t)type;

	for (; *name; name++)
		h = h * 33 + (size_t)(*name | 0x20);
	return h % BUCKETS;
}

/* Keep the answers in the form that the evaluators read. */
static void
answered(struct ir_dns_query *q, void *arg)
{
	struct ir_asker *a = arg;
	struct entry *e = q->arg;
	size_t i;

	e->done = true;
	a->pending--;
	e->set.status = q->status;
	e->set.secure = q->ad;
	e->set.ttl = q->ttl;
	if (q->status != IR_DNS_OK)
		return;
	e->set.rr = calloc(q->n + 1, sizeof *e->set.rr);
	if (!e->set.rr) {
		e->set.status = IR_DNS_TIMEOUT;
		return;
	}
	for (i = 0; i < q->n; i++)
		e->set.rr[i] = (struct ir_rr){ q->answer[i].text,
			q->answer[i].len, q->answer[i].pref };
	e->set.n = q->n;
}

/*
 * A silent server costs the engine six to nine seconds, several of them that
 * much each.  One name must not take the time of all that come after it:
 * when the deadline is near, and nothing is under way, the engine gets
 * another.
 */
static int
renew(struct ir_asker *a, struct ir_err *err)
{
	int64_t now = ir_mono_ms();
	struct ir_dns_opts o = { .resolver = a->resolver };

	if (a->dns && (a->pending || a->dns_deadline - now >= PATIENCE_MS ||
	    a->dns_deadline >= a->deadline))
		return 0;
	a->dns_deadline = now + 2 * PATIENCE_MS < a->deadline ?
	    now + 2 * PATIENCE_MS : a->deadline;
	o.deadline_ms = a->dns_deadline - now > 1 ?
	    (int)(a->dns_deadline - now) : 1;
	ir_dns_close(a->dns);
	return ir_dns_open(&a->dns, &o, answered, a, err);
}

/* The entry of a question, asked now when it is new; NULL: too many. */
static struct entry *
entry_of(struct ir_asker *a, const char *name, enum ir_dns_type type)
{
	size_t b = bucket_of(name, type);
	struct entry *e;

	for (e = a->bucket[b]; e; e = e->next)
		if (e->q.type == type && strcasecmp(e->q.name, name) == 0)
			return e;
	if (a->n == IR_ASKER_MAX || strlen(name) >= sizeof e->q.name ||
	    renew(a, NULL))
		return NULL;
	e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	ir_dns_query_set(&e->q, name, type);
	e->q.arg = e;
	e->set.status = IR_DNS_TIMEOUT;
	e->next = a->bucket[b];
	a->bucket[b] = e;
	a->n++;
	if (ir_dns_ask(a->dns, &e->q, NULL))
		e->done = true;
	else
		a->pending++;
	return e;
}

static const struct ir_rrset *
ask(struct ir_resolver *res, const char *name, enum ir_dns_type type)
{
	struct ir_asker *a = (struct ir_asker *)res;
	struct entry *e;
	int hops;

	for (hops = 0; ; hops++) {
		e = entry_of(a, name, type);
		if (e && !e->done)
			(void)ir_dns_wait(a->dns, NULL);
		/* a server that is not recursive leaves the rest to us */
		if (!e || e->set.status != IR_DNS_NODATA || !e->q.alias ||
		    strcasecmp(e->q.alias, name) == 0)
			return e ? &e->set : NULL;
		if (hops == MAX_HOPS)
			return NULL;
		name = e->q.alias;
	}
}

int
ir_asker_open(struct ir_asker **out, const char *resolver, int deadline_ms,
    struct ir_err *err)
{
	struct ir_asker *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a)
		return ir_fail(err, IR_OSERR, "no memory");
	a->res.ask = ask;
	a->resolver = resolver;
	a->deadline = ir_mono_ms() + deadline_ms;
	if (renew(a, err)) {
		free(a);
		return -1;
	}
	*out = a;
	return 0;
}

void
ir_asker_close(struct ir_asker *a)
{
	struct entry *e;
	size_t i;

	if (!a)
		return;
	ir_dns_close(a->dns);
	for (i = 0; i < BUCKETS; i++)
		while ((e = a->bucket[i])) {
			a->bucket[i] = e->next;
			ir_dns_query_free(&e->q);
			free(e->set.rr);
			free(e);
		}
	free(a);
}

struct ir_resolver *
ir_asker_resolver(struct ir_asker *a)
{
	return &a->res;
}

void
ir_asker_want(struct ir_asker *a, const char *name, enum ir_dns_type type)
{
	if (*name)
		(void)entry_of(a, name, type);
}

void
ir_asker_fetch(struct ir_asker *a)
{
	if (a->dns)
		(void)ir_dns_wait(a->dns, NULL);
}
