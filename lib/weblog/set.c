/* set.c - see set.h */
#include <stdlib.h>
#include <string.h>

#include "set.h"

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

uint64_t
ir_web_hash(const void *bytes, size_t n, uint64_t seed)
{
	const unsigned char *p = bytes;
	uint64_t h = mix(seed + n + UINT64_C(0x9e3779b97f4a7c15)), v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, p, n);
	return mix(h ^ v);
}

/* Where a key is, if no other is there. */
static size_t
home(const struct ir_web_set *s, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) &
	    (s->cap - 1);
}

static struct ir_web_entry *
slot(const struct ir_web_set *s, uint64_t key)
{
	size_t i = home(s, key);

	while (s->v[i].count && s->v[i].key != key)
		i = (i + 1) & (s->cap - 1);
	return &s->v[i];
}

static int
grow(struct ir_web_set *s)
{
	struct ir_web_set big = { .cap = s->cap ? s->cap * 2 : 4 };
	size_t i;

	if (s->n >= IR_WEB_SET_MAX)
		return -1;
	big.v = calloc(big.cap, sizeof *big.v);
	if (!big.v)
		return -1;
	for (i = 0; i < s->cap; i++)
		if (s->v[i].count)
			*slot(&big, s->v[i].key) = s->v[i];
	free(s->v);
	s->v = big.v;
	s->cap = big.cap;
	return 0;
}

void
ir_web_set_soon(const struct ir_web_set *s, uint64_t key)
{
	if (s->cap)
		__builtin_prefetch(&s->v[home(s, key)], 1);
}

void
ir_web_set_add(struct ir_web_set *s, uint64_t key, uint32_t count,
    int64_t first, int64_t last)
{
	struct ir_web_entry *e = s->cap ? slot(s, key) : NULL;

	if (!e || !e->count) {
		if (s->n >= IR_WEB_SET_MAX ||
		    (s->n * 4 >= s->cap * 3 && grow(s))) {
			s->more += count;
			return;
		}
		e = slot(s, key);
		*e = (struct ir_web_entry){ key, first, last, count };
		s->n++;
		return;
	}
	e->count = e->count > UINT32_MAX - count ? UINT32_MAX :
	    e->count + count;
	if (first < e->first)
		e->first = first;
	if (last > e->last)
		e->last = last;
}

const struct ir_web_entry *
ir_web_set_get(const struct ir_web_set *s, uint64_t key)
{
	const struct ir_web_entry *e = s->cap ? slot(s, key) : NULL;

	return e && e->count ? e : NULL;
}

void
ir_web_set_merge(struct ir_web_set *to, const struct ir_web_set *from)
{
	const struct ir_web_entry *e;
	size_t i;

	for (i = 0; i < from->cap; i++) {
		e = &from->v[i];
		if (e->count)
			ir_web_set_add(to, e->key, e->count, e->first,
			    e->last);
	}
	to->more += from->more;
}

static int
by_count(const void *a, const void *b)
{
	const struct ir_web_entry *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->key > y->key) - (x->key < y->key);
}

void
ir_web_set_sort(struct ir_web_set *s)
{
	if (s->cap)
		qsort(s->v, s->cap, sizeof *s->v, by_count);
}

void
ir_web_set_free(struct ir_web_set *s)
{
	free(s->v);
	*s = (struct ir_web_set){ NULL, 0, 0, 0 };
}
