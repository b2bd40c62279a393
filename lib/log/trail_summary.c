/* trail_summary.c - see trail_summary.h */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../core/text.h"
#include "trail_summary.h"

static const char *const fields[] = { "ip", "event", "key", "user",
	"session", "region", "error" };
#define FIELDS (sizeof fields / sizeof *fields)

struct value {
	uint64_t hash;
	char *text;		/* owned; NULL: a free slot */
	uint64_t events, errors, flagged;
	int64_t first, last;
};

struct table {
	struct value *v;	/* owned */
	size_t n, cap;		/* cap is a power of two */
};

struct ir_trail_summary {
	struct table t[FIELDS];
	struct value all;
	uint64_t seed;
};

struct ir_trail_summary *
ir_trail_summary_new(struct ir_err *err)
{
	struct ir_trail_summary *s = calloc(1, sizeof *s);

	if (!s)
		ir_fail(err, IR_OSERR, "no memory");
	else if (getrandom(&s->seed, sizeof s->seed, GRND_NONBLOCK) < 0)
		s->seed = (uint64_t)ir_now_ms();
	return s;
}

void
ir_trail_summary_free(struct ir_trail_summary *s)
{
	size_t i, k;

	for (i = 0; s && i < FIELDS; i++) {
		for (k = 0; k < s->t[i].cap; k++)
			free(s->t[i].v[k].text);
		free(s->t[i].v);
	}
	free(s);
}

/* FNV-1a from a start that nobody knows. */
static uint64_t
hash_of(uint64_t seed, const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ seed;

	while (*s)
		h = (h ^ (unsigned char)*s++) * UINT64_C(1099511628211);
	return h;
}

static struct value *
slot(const struct table *t, uint64_t hash, const char *text)
{
	size_t i = (size_t)hash & (t->cap - 1);

	while (t->v[i].text && (t->v[i].hash != hash ||
	    strcmp(t->v[i].text, text) != 0))
		i = (i + 1) & (t->cap - 1);
	return &t->v[i];
}

static int
grow(struct table *t)
{
	struct table big = { NULL, t->n, t->cap ? t->cap * 2 : 64 };
	size_t i;

	big.v = calloc(big.cap, sizeof *big.v);
	if (!big.v)
		return -1;
	for (i = 0; i < t->cap; i++)
		if (t->v[i].text)
			*slot(&big, t->v[i].hash, t->v[i].text) = t->v[i];
	free(t->v);
	*t = big;
	return 0;
}

static struct value *
find(struct table *t, uint64_t hash, const char *text, struct ir_err *err)
{
	struct value *v;

	if (t->n * 2 >= t->cap && grow(t)) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	v = slot(t, hash, text);
	if (v->text)
		return v;
	if (t->n == IR_SUMMARY_VALUES) {
		ir_fail(err, IR_OSERR, "more than %d different values to "
		    "count", IR_SUMMARY_VALUES);
		return NULL;
	}
	v->text = strdup(text);
	if (!v->text) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	v->hash = hash;
	t->n++;
	return v;
}

/* One event, as it counts. */
struct one {
	const char *text[FIELDS];	/* in the order of fields[] */
	bool error, flag;
	int64_t when;
};

static void
count(struct value *v, const struct one *e)
{
	v->first = v->events == 0 || e->when < v->first ? e->when : v->first;
	v->last = v->events == 0 || e->when > v->last ? e->when : v->last;
	v->events++;
	v->errors += e->error;
	v->flagged += e->flag;
}

static int
add(struct ir_trail_summary *s, const struct one *e, struct ir_err *err)
{
	struct value *v;
	size_t i;

	count(&s->all, e);
	for (i = 0; i < FIELDS; i++) {
		if (!e->text[i] || !*e->text[i])
			continue;
		v = find(&s->t[i], hash_of(s->seed, e->text[i]), e->text[i],
		    err);
		if (!v)
			return -1;
		count(v, e);
	}
	return 0;
}

int
ir_trail_summary_add(struct ir_trail_summary *s,
    const struct ir_trail_fields *f, struct ir_err *err)
{
	const struct one e = { .text = { f->ip, f->event, f->key,
		ir_trail_user(f), ir_trail_session(f), f->region, f->error },
		.error = f->error && *f->error, .when = f->when,
		.flag = f->event && ir_trail_call_find(f->event, f->source) };

	return add(s, &e, err);
}

int
ir_trail_summary_add_record(struct ir_trail_summary *s,
    const struct ir_rec *event, struct ir_err *err)
{
	struct one e = { .error = ir_rec_has(event, "error"),
		.flag = ir_rec_has(event, "flag") };
	const char *when = ir_rec_get(event, "time");
	size_t i;

	if (when)
		(void)ir_time_parse(when, &e.when);
	for (i = 0; i < FIELDS; i++)
		e.text[i] = ir_rec_get(event, fields[i]);
	return add(s, &e, err);
}

static int
by_events(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	if (x->events != y->events)
		return x->events < y->events ? 1 : -1;
	return x->text && y->text ? strcmp(x->text, y->text) : 0;
}

static struct ir_rec *
record(const char *field, const struct value *v)
{
	struct ir_rec *r = ir_rec_new("trail-summary", NULL);

	ir_rec_fmt(r, "id", "%s:%s", field, v->text ? v->text : "all");
	ir_rec_str(r, "field", field);
	ir_rec_str(r, "value", v->text ? v->text : "all");
	ir_rec_int(r, "events", (int64_t)v->events);
	ir_rec_int(r, "errors", (int64_t)v->errors);
	ir_rec_int(r, "flagged", (int64_t)v->flagged);
	if (v->events) {
		ir_rec_time(r, "first", v->first);
		ir_rec_time(r, "last", v->last);
	}
	return r;
}

void
ir_trail_summary_report(struct ir_trail_summary *s,
    void (*put)(struct ir_rec *r, void *arg), void *arg)
{
	struct table *t;
	size_t i, k, n;

	put(record("all", &s->all), arg);
	for (i = 0; i < FIELDS; i++) {
		t = &s->t[i];
		for (k = n = 0; k < t->cap; k++)
			if (t->v[k].text)
				t->v[n++] = t->v[k];
		/* what was moved is not freed twice */
		t->cap = n;
		if (n)
			qsort(t->v, n, sizeof *t->v, by_events);
		for (k = 0; k < n; k++)
			put(record(fields[i], &t->v[k]), arg);
	}
}
