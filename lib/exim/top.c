/* top.c - see top.h */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "select.h"
#include "subject.h"
#include "top.h"

#define MAX_FIELDS 16

enum field {
	F_SENDER, F_SENDER_DOMAIN, F_AUTH_USER, F_AUTH_SENDER, F_IDENT,
	F_LOGIN, F_HOST, F_HELO, F_PROTOCOL, F_SCRIPT, F_SUBJECT,
	F_RCPT_DOMAIN, F_QUEUE,
	F_COUNT
};

static const char *const field_name[F_COUNT] = { "sender",
	"sender_domain", "auth_user", "auth_sender", "ident", "login",
	"host", "helo", "protocol", "script", "subject", "recipient_domain",
	"queue" };

struct value {
	uint64_t hash;
	char *text;
	size_t len;
	size_t count, rcpts;
	size_t missed;		/* at most so many before it was remembered */
	size_t last_msg;	/* number of the message counted last */
	int64_t first, last;
};

struct table {
	enum field field;
	struct value *v;
	size_t n, cap;
	uint32_t *index;	/* 1 + place in v; 0 is free */
	size_t slots;		/* of index, a power of two */
	size_t floor;		/* what was forgotten had no more than that */
};

struct ir_top {
	struct table t[MAX_FIELDS];
	size_t n;
	size_t messages;
	uint64_t seed;
	struct ir_buf text;
};

const char *
ir_top_fields(void)
{
	return "sender sender_domain auth_user auth_sender ident login "
	    "host helo protocol script subject recipient_domain queue";
}

static int
add_field(struct ir_top *t, const char *s, size_t n, struct ir_err *err)
{
	struct table *tab = &t->t[t->n];
	int f;

	for (f = 0; f < F_COUNT; f++)
		if (strlen(field_name[f]) == n &&
		    memcmp(field_name[f], s, n) == 0)
			break;
	if (f == F_COUNT || t->n == MAX_FIELDS) {
		ir_fail(err, IR_USAGE, "--top: %s: %.*s",
		    f == F_COUNT ? "no such field" : "too many fields",
		    (int)n, s);
		ir_hint(err, "fields: %s", ir_top_fields());
		return -1;
	}
	tab->field = (enum field)f;
	tab->slots = 1024;
	tab->index = calloc(tab->slots, sizeof *tab->index);
	if (!tab->index)
		return ir_fail(err, IR_OSERR, "no memory");
	t->n++;
	return 0;
}

struct ir_top *
ir_top_new(const char *fields, struct ir_err *err)
{
	struct ir_top *t = calloc(1, sizeof *t);
	size_t n;

	if (!t) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	t->text.max = IR_SUBJECT_MAX;
	if (getrandom(&t->seed, sizeof t->seed, 0) < 0)
		t->seed = (uint64_t)(uintptr_t)t;
	for (;; fields += n + 1) {
		n = strcspn(fields, ",");
		if (add_field(t, fields, n, err)) {
			ir_top_free(t);
			return NULL;
		}
		if (!fields[n])
			return t;
	}
}

void
ir_top_free(struct ir_top *t)
{
	size_t i, k;

	if (!t)
		return;
	for (i = 0; i < t->n; i++) {
		for (k = 0; k < t->t[i].n; k++)
			free(t->t[i].v[k].text);
		free(t->t[i].v);
		free(t->t[i].index);
	}
	ir_buf_free(&t->text);
	free(t);
}

/*
 * FNV-1a from a start that nobody knows: who sends the mail chooses the
 * values, and must not be able to choose them all into one place.
 */
static uint64_t
hash(uint64_t seed, struct ir_span s)
{
	uint64_t h = 14695981039346656037u ^ seed;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return h ^ h >> 32;
}

/* The place in the index for that value. */
static uint32_t *
slot(const struct table *t, uint64_t h, struct ir_span s)
{
	size_t i = (size_t)h & (t->slots - 1);
	const struct value *v;

	for (; t->index[i]; i = (i + 1) & (t->slots - 1)) {
		v = &t->v[t->index[i] - 1];
		if (v->hash == h && v->len == s.n &&
		    memcmp(v->text, s.p, s.n) == 0)
			break;
	}
	return &t->index[i];
}

static void
index_all(struct table *t)
{
	size_t i;

	memset(t->index, 0, t->slots * sizeof *t->index);
	for (i = 0; i < t->n; i++)
		*slot(t, t->v[i].hash, (struct ir_span){ t->v[i].text,
		    t->v[i].len }) = (uint32_t)i + 1;
}

/* Forget the rarest, until a quarter is free again. */
static void
forget(struct table *t)
{
	size_t i, to;

	while (t->n > IR_TOP_VALUES / 4 * 3) {
		t->floor++;
		for (i = to = 0; i < t->n; i++) {
			if (t->v[i].count + t->v[i].missed <= t->floor)
				free(t->v[i].text);
			else
				t->v[to++] = t->v[i];
		}
		t->n = to;
	}
	index_all(t);
}

static int
grow(struct table *t)
{
	size_t cap = t->cap ? t->cap * 2 : 256;
	struct value *v;
	uint32_t *index;

	if (t->n >= IR_TOP_VALUES) {
		forget(t);
		return 0;
	}
	v = reallocarray(t->v, cap, sizeof *v);
	if (!v)
		return -1;
	t->v = v;
	t->cap = cap;
	if (t->slots >= cap * 2)
		return 0;
	index = reallocarray(t->index, cap * 2, sizeof *index);
	if (!index)
		return -1;
	t->index = index;
	t->slots = cap * 2;
	index_all(t);
	return 0;
}

static struct value *
add_value(struct table *t, uint64_t h, struct ir_span s, int64_t when)
{
	struct value *v;
	char *text;

	if ((t->n == t->cap || t->n >= IR_TOP_VALUES) && grow(t))
		return NULL;
	text = malloc(s.n + 1);
	if (!text)
		return NULL;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*slot(t, h, s) = (uint32_t)t->n + 1;
	v = &t->v[t->n++];
	*v = (struct value){ .hash = h, .text = text, .len = s.n,
	    .missed = t->floor, .first = when, .last = when };
	return v;
}

static int
count(struct ir_top *top, struct table *t, struct ir_span s, size_t rcpts,
    int64_t when, struct ir_err *err)
{
	struct value *v;
	uint32_t place;
	uint64_t h;

	if (s.n == 0)
		return 0;
	if (s.n > IR_TOP_VALUE_MAX)
		s.n = IR_TOP_VALUE_MAX;
	h = hash(top->seed, s);
	place = *slot(t, h, s);
	v = place ? &t->v[place - 1] : add_value(t, h, s, when);
	if (!v)
		return ir_fail(err, IR_OSERR, "no memory");
	v->count += v->last_msg != top->messages;
	v->last_msg = top->messages;
	v->rcpts += rcpts;
	if (when < v->first)
		v->first = when;
	if (when > v->last)
		v->last = when;
	return 0;
}

/* Subjects that differ in numbers only are one: "invoice 17", "invoice 18". */
static struct ir_span
subject(struct ir_top *t, const struct ir_spool_msg *m)
{
	size_t i, to = 0;
	char *s;

	ir_buf_trunc(&t->text, 0);
	ir_spool_subject(m, &t->text);
	s = t->text.data;
	for (i = 0; i < t->text.len; i++) {
		if (s[i] < '0' || s[i] > '9')
			s[to++] = s[i];
		else if (to == 0 || s[to - 1] != '#')
			s[to++] = '#';
	}
	ir_buf_trunc(&t->text, to);
	return (struct ir_span){ ir_buf_cstr(&t->text), to };
}

static struct ir_span
field_value(struct ir_top *t, enum field f, const struct ir_spool_msg *m,
    const char *queue)
{
	switch (f) {
	case F_SENDER:
		return ir_spool_sender(m);
	case F_SENDER_DOMAIN:
		return ir_span_domain(m->sender);
	case F_AUTH_USER:
		return m->auth_user;
	case F_AUTH_SENDER:
		return m->auth_sender;
	case F_IDENT:
		return m->ident;
	case F_LOGIN:
		return m->login;
	case F_HOST:
		return m->host;
	case F_HELO:
		return m->helo;
	case F_PROTOCOL:
		return m->protocol;
	case F_SCRIPT:
		return ir_spool_script(m);
	case F_SUBJECT:
		return subject(t, m);
	case F_QUEUE:
		return (struct ir_span){ queue, strlen(queue) };
	case F_RCPT_DOMAIN:
	case F_COUNT:
	default:
		return (struct ir_span){ NULL, 0 };
	}
}

int
ir_top_add(struct ir_top *t, const struct ir_spool_msg *m, const char *queue,
    struct ir_err *err)
{
	struct ir_span left, addr;
	struct table *tab;
	int rc = 0;

	t->messages++;
	for (tab = t->t; rc == 0 && tab < t->t + t->n; tab++) {
		if (tab->field != F_RCPT_DOMAIN) {
			rc = count(t, tab, field_value(t, tab->field, m,
			    queue), m->rcpt_count, m->received, err);
			continue;
		}
		left = m->rcpts;
		while (rc == 0 && ir_spool_next_rcpt(&left, &addr))
			rc = count(t, tab, ir_span_domain(addr), 1,
			    m->received, err);
	}
	return rc;
}

static int
by_count(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->rcpts != y->rcpts)
		return x->rcpts > y->rcpts ? -1 : 1;
	return strcmp(x->text, y->text);
}

void
ir_top_report(struct ir_top *t, size_t n,
    void (*put)(struct ir_rec *, void *), void *arg)
{
	struct table *tab;
	struct value *v;
	struct ir_rec *r;
	size_t i;

	for (tab = t->t; tab < t->t + t->n; tab++) {
		if (tab->n)
			qsort(tab->v, tab->n, sizeof *tab->v, by_count);
		for (i = 0; i < tab->n && (n == 0 || i < n); i++) {
			v = &tab->v[i];
			r = ir_rec_new("queue-top", NULL);
			ir_rec_fmt(r, "id", "%s=%s", field_name[tab->field],
			    v->text);
			ir_rec_str(r, "field", field_name[tab->field]);
			ir_rec_strn(r, "value", v->text, v->len);
			ir_rec_int(r, "count", (int64_t)v->count);
			ir_rec_num(r, "share", (double)(v->count * 10000 /
			    t->messages) / 10000);
			ir_rec_int(r, "recipients", (int64_t)v->rcpts);
			if (v->missed)
				ir_rec_int(r, "uncertain", (int64_t)v->missed);
			ir_rec_time(r, "first", v->first);
			ir_rec_time(r, "last", v->last);
			put(r, arg);
		}
	}
}
