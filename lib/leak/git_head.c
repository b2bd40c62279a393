/* git_head.c - heads of commits, kept for git_origin.c; see git_in.h */
#include <stdlib.h>
#include <string.h>

#include "git_in.h"

#define HEAD_MAX UINT16_MAX

/* Bytes up to the end of the committer's line, which is all that is asked
   for; 0: there is none, or it is far away. */
static size_t
head_of(const unsigned char *p, size_t n)
{
	const unsigned char *s = memmem(p, n < HEAD_MAX ? n : HEAD_MAX,
	    "\ncommitter ", 11);
	size_t left = s ? n - (size_t)(s + 1 - p) : 0;

	s = s ? memchr(s + 1, '\n', left < HEAD_MAX ? left : HEAD_MAX) : NULL;
	return s && s - p < HEAD_MAX ? (size_t)(s + 1 - p) : 0;
}

void
ir_git_heads_add(struct ir_git_heads *h, uint32_t object,
    const unsigned char *p, size_t n)
{
	n = head_of(p, n);
	if (!n || h->used + n > h->max)
		return;
	if (h->n == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 512;
		struct ir_git_head *v = reallocarray(h->v, cap, sizeof *v);

		if (!v)
			return;
		h->v = v;
		h->cap = cap;
	}
	if (h->size - h->used < n) {
		size_t size = 2 * h->size + n + 65536;
		unsigned char *b = realloc(h->bytes, size);

		if (!b)
			return;
		h->bytes = b;
		h->size = size;
	}
	memcpy(h->bytes + h->used, p, n);
	h->v[h->n++] = (struct ir_git_head){ object, (uint32_t)h->used,
	    (uint16_t)n };
	h->used += n;
}

static int
by_object(const void *a, const void *b)
{
	const struct ir_git_head *x = a, *y = b;

	return x->object < y->object ? -1 : x->object > y->object;
}

void
ir_git_heads_sort(struct ir_git_heads *h)
{
	if (h->n)
		qsort(h->v, h->n, sizeof *h->v, by_object);
}

const unsigned char *
ir_git_head(const struct ir_git *g, uint32_t object, size_t *n)
{
	const struct ir_git_head key = { .object = object }, *v;

	for (size_t i = 0; i < IR_GIT_WORKERS_MAX; i++) {
		const struct ir_git_heads *h = &g->heads[i];

		v = h->n ? bsearch(&key, h->v, h->n, sizeof key, by_object) :
		    NULL;
		if (!v)
			continue;
		*n = v->n;
		return h->bytes + v->at;
	}
	return NULL;
}

void
ir_git_heads_free(struct ir_git_heads *h)
{
	free(h->v);
	free(h->bytes);
	memset(h, 0, sizeof *h);
}
