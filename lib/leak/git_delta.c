/* git_delta.c - see git_delta.h */
#include <stdlib.h>
#include <string.h>

#include "git_delta.h"

static int
size_of(const unsigned char **p, const unsigned char *end, uint64_t *size)
{
	unsigned shift = 0;
	unsigned char c;

	*size = 0;
	do {
		if (*p == end || shift > 56)
			return -1;
		c = *(*p)++;
		*size |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80);
	return 0;
}

int
ir_git_delta_sizes(const unsigned char *p, size_t n, uint64_t *base,
    uint64_t *result)
{
	const unsigned char *start = p, *end = p + n;

	if (size_of(&p, end, base) || size_of(&p, end, result))
		return -1;
	return (int)(p - start);
}

static int
span_add(struct ir_git_spans *s, size_t from, size_t to)
{
	if (s->n && from <= s->v[s->n - 1].to) {
		if (to > s->v[s->n - 1].to)
			s->v[s->n - 1].to = (uint32_t)to;
		return 0;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct ir_git_span *v = reallocarray(s->v, cap, sizeof *v);

		if (!v)
			return -1;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n].from = (uint32_t)from;
	s->v[s->n++].to = (uint32_t)to;
	return 0;
}

static int
fresh(const struct ir_git_delta *d, size_t from, size_t to)
{
	return span_add(d->fresh, from > d->margin ? from - d->margin : 0,
	    d->n_out - to > d->margin ? to + d->margin : d->n_out);
}

/* The first mark at or behind a place. */
static size_t
mark_from(const struct ir_git_marks *m, uint32_t at)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->v[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
ir_git_mark_add(struct ir_git_marks *m, uint32_t at, uint32_t len,
    uint32_t what)
{
	size_t i = mark_from(m, at);

	for (; i < m->n && m->v[i].at == at; i++)
		if (m->v[i].what == what)
			return false;
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 16;
		struct ir_git_mark *v = cap > IR_GIT_MARKS_MAX ? NULL :
		    reallocarray(m->v, cap, sizeof *v);

		if (!v) {
			m->dropped = true;
			return false;
		}
		m->v = v;
		m->cap = cap;
	}
	memmove(m->v + i + 1, m->v + i, (m->n - i) * sizeof *m->v);
	m->v[i] = (struct ir_git_mark){ at, len, what };
	m->n++;
	return true;
}

void
ir_git_marks_free(struct ir_git_marks *m)
{
	free(m->v);
	*m = (struct ir_git_marks){ NULL, 0, 0, false };
}

void
ir_git_spans_free(struct ir_git_spans *s)
{
	free(s->v);
	*s = (struct ir_git_spans){ NULL, 0, 0 };
}

/* Bytes of the base that lie beside each other in the result, too.  One copy
   instruction reaches no further than 64 KiB, as git writes them. */
struct run {
	size_t src, dst, n;
};

/* The marks that lie in a copied run lie in the result. */
static void
carry(const struct ir_git_delta *d, const struct run *r)
{
	const struct ir_git_marks *had = d->had;
	size_t i;

	if (!had || !had->n || !r->n)
		return;
	for (i = mark_from(had, (uint32_t)r->src); i < had->n &&
	    had->v[i].at < r->src + r->n && !d->has->dropped; i++)
		if (had->v[i].len <= r->src + r->n - had->v[i].at)
			(void)ir_git_mark_add(d->has,
			    (uint32_t)(had->v[i].at - r->src + r->dst),
			    had->v[i].len, had->v[i].what);
}

/* A copy instruction's offset and size: only the bytes that are not 0. */
static int
copy_of(const unsigned char **p, const unsigned char *end, unsigned c,
    size_t *off, size_t *n)
{
	*off = *n = 0;
	for (unsigned i = 0; i < 7; i++) {
		if (!(c & 1u << i))
			continue;
		if (*p == end)
			return -1;
		if (i < 4)
			*off |= (size_t)*(*p)++ << (8 * i);
		else
			*n |= (size_t)*(*p)++ << (8 * (i - 4));
	}
	if (!*n)
		*n = 0x10000;
	return 0;
}

int
ir_git_delta_apply(const struct ir_git_delta *d)
{
	const unsigned char *p = d->ops, *end = p + d->n_ops;
	struct run run = { 0, 0, 0 };
	size_t dst = 0, off, n;
	bool inserted = false;	/* the last one was no copy */

	d->fresh->n = 0;
	while (p < end) {
		unsigned c = *p++;

		if (!c)
			return -1;
		if (!(c & 0x80)) {
			n = c;
			if (n > (size_t)(end - p) || n > d->n_out - dst ||
			    fresh(d, dst, dst + n))
				return -1;
			memcpy(d->out + dst, p, n);
			p += n;
			dst += n;
			inserted = true;
			continue;
		}
		if (copy_of(&p, end, c, &off, &n) || off > d->n_base ||
		    n > d->n_base - off || n > d->n_out - dst)
			return -1;
		memcpy(d->out + dst, d->base + off, n);
		if (!inserted && off == run.src + run.n) {
			run.n += n;
		} else {
			if (!inserted && fresh(d, dst, dst))
				return -1;
			carry(d, &run);
			run = (struct run){ off, dst, n };
		}
		inserted = false;
		dst += n;
	}
	if (dst != d->n_out ||
	    (!inserted && run.src + run.n != d->n_base && fresh(d, dst, dst)))
		return -1;
	carry(d, &run);
	return 0;
}
