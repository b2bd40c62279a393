/* find.c - see find.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/endpoint.h"
#include "aws/smtp_password.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/text.h"
#include "find.h"

#define SHOWN 4			/* characters of a random secret */

void
ir_leak_finds_init(struct ir_leak_finds *f)
{
	memset(f, 0, sizeof *f);
	pthread_mutex_init(&f->lock, NULL);
}

static void
commit_free(struct ir_leak_commit *c)
{
	if (!c)
		return;
	free(c->object);
	free(c->commit);
	free(c->author);
	free(c->path);
	free(c);
}

void
ir_leak_finds_free(struct ir_leak_finds *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		free(f->v[i].where);
		commit_free(f->v[i].git);
	}
	if (f->v)
		ir_secret_wipe(f->v, f->cap * sizeof *f->v);
	free(f->v);
	pthread_mutex_destroy(&f->lock);
	memset(f, 0, sizeof *f);
}

/* --- one more ------------------------------------------------------------ */

/*
 * Of what is random, a hash gives nothing away.  A password that a person
 * made could be guessed from it: it is named by its place.
 */
static void
fingerprint(struct ir_leak_find *v, const struct ir_leak_hit *h)
{
	struct ir_buf b = IR_BUF_SECRET(65536);
	char hex[65];

	ir_buf_fmt(&b, "quell-leak:%s:", ir_leak_kind_name(h->kind));
	if (h->kind == IR_LEAK_MAIL_PASSWORD)
		ir_buf_fmt(&b, "%s:%s", v->where, h->name);
	else
		ir_buf_add(&b, h->value, h->nvalue);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hex);
	snprintf(v->print, sizeof v->print, "%.*s", IR_LEAK_PRINT, hex);
	ir_buf_free(&b);
}

static void
show(struct ir_leak_find *v, const struct ir_leak_hit *h)
{
	int n = h->kind == IR_LEAK_AWS_KEY ? 20 :
	    h->kind == IR_LEAK_MAIL_PASSWORD ||
	    h->kind == IR_LEAK_PRIVATE_KEY ? 0 : SHOWN;

	snprintf(v->shown, sizeof v->shown, "%.*s%s", n, h->value,
	    h->kind == IR_LEAK_AWS_KEY ? "" : "***");
}

static bool
fill(struct ir_leak_find *v, const char *path, const char *member,
    uint64_t base, uint64_t line, const struct ir_leak_hit *h)
{
	size_t n = strlen(path), m = strlen(member);

	memset(v, 0, sizeof *v);
	v->where = malloc(n + m + 1);
	if (!v->where)
		return false;
	memcpy(v->where, path, n);
	memcpy(v->where + n, member, m + 1);
	v->line = line;
	v->offset = base + h->offset;
	v->kind = h->kind;
	v->form = h->form;
	v->rule = h->rule;
	memcpy(v->name, h->name, sizeof v->name);
	memcpy(v->key, h->key, sizeof v->key);
	v->account = h->account;
	v->context = h->context;
	v->len = h->nvalue;
	fingerprint(v, h);
	show(v, h);
	if (h->nvalue <= IR_LEAK_KEPT && (h->kind == IR_LEAK_AWS_KEY ||
	    h->kind == IR_LEAK_AWS_SECRET ||
	    h->kind == IR_LEAK_SES_PASSWORD))
		memcpy(v->value, h->value, h->nvalue);
	return true;
}

/* Room for one more; what was secret in the old place is overwritten. */
static bool
grow(struct ir_leak_finds *f)
{
	size_t cap = f->cap * 2 + 64;
	struct ir_leak_find *v;

	if (f->n < f->cap)
		return true;
	v = f->n < IR_LEAK_FINDS_MAX ? malloc(cap * sizeof *v) : NULL;
	if (!v)
		return false;
	if (f->v) {
		memcpy(v, f->v, f->n * sizeof *v);
		ir_secret_wipe(f->v, f->n * sizeof *v);
	}
	free(f->v);
	f->v = v;
	f->cap = cap;
	return true;
}

size_t
ir_leak_finds_add(struct ir_leak_finds *f, const char *path,
    const char *member, uint64_t base, uint64_t line,
    const struct ir_leak_hit *hit)
{
	size_t at = SIZE_MAX;

	pthread_mutex_lock(&f->lock);
	if (grow(f) && fill(&f->v[f->n], path, member, base, line, hit))
		at = f->n++;
	else
		f->dropped++;
	pthread_mutex_unlock(&f->lock);
	return at;
}

/* --- proofs -------------------------------------------------------------- */

struct proof {
	struct ir_leak_finds *f;
	struct ir_leak_find **ses;	/* by value */
	size_t nses;
};

static int
by_value(const void *a, const void *b)
{
	const struct ir_leak_find *const *x = a, *const *y = b;

	return strcmp((*x)->value, (*y)->value);
}

/* The first password with this value, of nses - *at from there; NULL. */
static size_t
first_of(const struct proof *p, const char *value)
{
	size_t lo = 0, hi = p->nses, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(p->ses[mid]->value, value) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
mark(struct ir_leak_find *v, const char *region, const char *key,
    const char *held)
{
	v->proven = true;
	snprintf(v->region, sizeof v->region, "%s", region);
	if (key[0])
		memcpy(v->of_key, key, sizeof v->of_key);
	if (held)
		snprintf(v->held, sizeof v->held, "%s", held);
}

/* All regions of one partition; *hit: one at least was the password. */
static int
derive(struct proof *p, const struct ir_secret *secret, const char *partition,
    const char *key, const char *held, char region[32], struct ir_err *err)
{
	const char *const *r = ir_endpoint_ses_regions(partition);
	struct ir_secret pass = IR_SECRET_INIT;
	size_t i;

	for (; r && *r; r++) {
		if (ir_ses_smtp_password(secret, *r, &pass, err))
			return -1;
		for (i = first_of(p, pass.data); i < p->nses &&
		    strcmp(p->ses[i]->value, pass.data) == 0; i++) {
			mark(p->ses[i], *r, key, held);
			snprintf(region, 32, "%s", *r);
		}
	}
	ir_secret_free(&pass);
	return 0;
}

static int
derive_all(struct proof *p, const char *value, const char *key,
    const char *held, char region[32], struct ir_err *err)
{
	static const char *const in[] = { "us-east-1", "us-gov-west-1",
	    "eusc-de-east-1" };
	struct ir_secret secret = IR_SECRET_INIT;
	int rc = ir_secret_set(&secret, value, strlen(value), err);
	size_t i;

	region[0] = '\0';
	for (i = 0; rc == 0 && i < sizeof in / sizeof *in; i++)
		rc = derive(p, &secret, in[i], key, held, region, err);
	ir_secret_free(&secret);
	return rc;
}

static int
prove_held(struct proof *p, const struct ir_leak_held *h, struct ir_err *err)
{
	struct ir_leak_find *v;
	char region[32];
	size_t i;

	for (i = 0; i < p->f->n; i++) {
		v = &p->f->v[i];
		if ((h->secret.data && v->kind == IR_LEAK_AWS_SECRET &&
		    strcmp(v->value, h->secret.data) == 0) ||
		    (h->password.data && v->kind == IR_LEAK_SES_PASSWORD &&
		    strcmp(v->value, h->password.data) == 0) ||
		    (h->key[0] && v->kind == IR_LEAK_AWS_KEY &&
		    strcmp(v->value, h->key) == 0)) {
			snprintf(v->held, sizeof v->held, "%s", h->name);
			memcpy(v->of_key, h->key, sizeof v->of_key);
		}
	}
	return !h->secret.data || p->nses == 0 ? 0 :
	    derive_all(p, h->secret.data, h->key, h->name, region, err);
}

/* The found secrets, each value once: those with context first. */
static int
by_secret(const void *a, const void *b)
{
	const struct ir_leak_find *const *x = a, *const *y = b;

	if ((*x)->context != (*y)->context)
		return (*x)->context ? -1 : 1;
	return strcmp((*x)->value, (*y)->value);
}

static int
prove_found(struct proof *p, struct ir_leak_find **secret, size_t n,
    size_t *tried, struct ir_err *err)
{
	size_t i, bare = 0;
	char region[32] = "";

	qsort(secret, n, sizeof *secret, by_secret);
	for (i = 0; i < n; i++) {
		if (i && strcmp(secret[i]->value, secret[i - 1]->value) == 0 &&
		    secret[i]->context == secret[i - 1]->context) {
			if (region[0])
				mark(secret[i], region, secret[i]->key, NULL);
			continue;
		}
		if (!secret[i]->context && ++bare > IR_LEAK_PROOFS_MAX)
			break;
		++*tried;
		if (derive_all(p, secret[i]->value, secret[i]->key, NULL,
		    region, err))
			return -1;
		if (region[0])
			mark(secret[i], region, secret[i]->key, NULL);
	}
	return 0;
}

int
ir_leak_prove(struct ir_leak_finds *f, const struct ir_leak_held *held,
    size_t nheld, size_t *tried, struct ir_err *err)
{
	struct proof p = { f, NULL, 0 };
	struct ir_leak_find **secret = NULL;
	size_t i, n = 0;
	int rc = 0;

	*tried = 0;
	p.ses = calloc(f->n + 1, sizeof *p.ses);
	secret = calloc(f->n + 1, sizeof *secret);
	if (!p.ses || !secret)
		rc = ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; rc == 0 && i < f->n; i++)
		if (f->v[i].kind == IR_LEAK_SES_PASSWORD)
			p.ses[p.nses++] = &f->v[i];
		else if (f->v[i].kind == IR_LEAK_AWS_SECRET)
			secret[n++] = &f->v[i];
	if (p.nses)
		qsort(p.ses, p.nses, sizeof *p.ses, by_value);
	for (i = 0; rc == 0 && i < nheld; i++, ++*tried)
		rc = prove_held(&p, &held[i], err);
	if (rc == 0 && p.nses && n)
		rc = prove_found(&p, secret, n, tried, err);
	free(p.ses);
	free(secret);
	return rc;
}

/* --- the end ------------------------------------------------------------- */

static int
by_place(const void *a, const void *b)
{
	const struct ir_leak_find *x = a, *y = b;
	int rc = strcmp(x->where, y->where);

	if (rc == 0)
		rc = (x->offset > y->offset) - (x->offset < y->offset);
	if (rc == 0)
		rc = (x->kind > y->kind) - (x->kind < y->kind);
	return rc ? rc : strcmp(x->print, y->print);
}

static bool
same(const struct ir_leak_find *x, const struct ir_leak_find *y)
{
	return strcmp(x->where, y->where) == 0 && x->kind == y->kind &&
	    x->line == y->line && strcmp(x->print, y->print) == 0 &&
	    (x->line || x->offset == y->offset);
}

void
ir_leak_finds_settle(struct ir_leak_finds *f)
{
	struct ir_leak_find *v;
	size_t i, n = 0;

	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_place);
	for (i = 0; i < f->n; i++) {
		v = &f->v[i];
		if ((v->kind == IR_LEAK_AWS_SECRET && !v->context &&
		    !v->proven && !v->held[0]) ||
		    (n && same(v, &f->v[n - 1]))) {
			free(v->where);
			commit_free(v->git);
		} else {
			f->v[n++] = *v;
		}
	}
	if (f->n > n)
		ir_secret_wipe(f->v + n, (f->n - n) * sizeof *f->v);
	f->n = n;
}

bool
ir_leak_find_of(const struct ir_leak_find *v, const char *key)
{
	return strcmp(v->key, key) == 0 || strcmp(v->of_key, key) == 0 ||
	    (v->kind == IR_LEAK_AWS_KEY && strcmp(v->value, key) == 0);
}

void
ir_leak_find_id(const struct ir_leak_find *v, char id[IR_LEAK_PRINT + 1])
{
	struct ir_buf b = IR_BUF(65536);
	char hex[65];

	ir_buf_fmt(&b, "%s:%s:%s", v->print, ir_leak_kind_name(v->kind),
	    v->where);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hex);
	snprintf(id, IR_LEAK_PRINT + 1, "%.*s", IR_LEAK_PRINT, hex);
	ir_buf_free(&b);
}
