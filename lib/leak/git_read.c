/* git_read.c - any object by its number or name; see git_in.h */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "git_in.h"

#define SLOTS 8192
#define CACHE_MAX (96u << 20)	/* bytes of objects kept */

struct ir_git_reader {
	struct ir_git *g;
	struct ir_git_unpack u;
	struct ir_git_spans fresh;	/* not of interest here */
	struct ir_git_marks marks;
	struct slot {
		unsigned char *p;
		size_t n;
		uint32_t object;
	} slots[SLOTS];
	size_t held, hand;
	uint32_t *chain;		/* entries, from the one asked for */
	size_t cap;
};

struct ir_git_reader *
ir_git_reader_new(struct ir_git *g)
{
	struct ir_git_reader *r = calloc(1, sizeof *r);
	bool bad = !r;

	for (size_t i = 0; i < g->n_packs && !bad; i++)
		bad = ir_git_pack_load(g, &g->packs[i]) ||
		    ir_git_pack_names(g, &g->packs[i]);
	if (bad || ir_git_unpack_new(&r->u)) {
		free(r);
		return NULL;
	}
	r->g = g;
	return r;
}

void
ir_git_reader_free(struct ir_git_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(r->slots[i].p);
	ir_git_unpack_free(&r->u);
	ir_git_spans_free(&r->fresh);
	ir_git_marks_free(&r->marks);
	free(r->chain);
	free(r);
}

uint32_t
ir_git_find(const struct ir_git *g, const unsigned char *name)
{
	uint32_t lo = 0, hi = g->n_loose;

	for (size_t i = 0; i < g->n_packs; i++) {
		uint32_t n = ir_git_pack_find(g, &g->packs[i], name);

		if (n != IR_GIT_NO)
			return g->packs[i].first + n;
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = memcmp(g->loose[mid].name, name, g->hash);

		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < g->n_loose && !memcmp(g->loose[lo].name, name, g->hash) ?
	    g->packed + lo : IR_GIT_NO;
}

/* The pack of an object that is in one. */
static const struct ir_git_pack *
pack_of(const struct ir_git *g, uint32_t object)
{
	size_t i = g->n_packs;

	while (g->packs[--i].first > object)
		;
	return &g->packs[i];
}

const unsigned char *
ir_git_name(const struct ir_git *g, uint32_t object)
{
	const struct ir_git_pack *p;

	if (object >= g->packed)
		return g->loose[object - g->packed].name;
	p = pack_of(g, object);
	return p->names + (size_t)(object - p->first) * g->hash;
}

enum ir_git_kind
ir_git_kind_of(const struct ir_git *g, uint32_t object)
{
	const struct ir_git_pack *p;
	uint32_t i;

	if (object >= g->packed)
		return g->loose[object - g->packed].kind;
	p = pack_of(g, object);
	i = p->entry[object - p->first];
	return i == IR_GIT_NO ? 0 : p->kind[i];
}

static void
empty(struct ir_git_reader *r, struct slot *s)
{
	r->held -= s->n;
	free(s->p);
	*s = (struct slot){ NULL, 0, 0 };
}

static struct slot *
slot_of(struct ir_git_reader *r, uint32_t object)
{
	return &r->slots[object * 2654435761u >> 19];
}

void
ir_git_give_back(struct ir_git_reader *r, uint32_t object,
    unsigned char *data, size_t n)
{
	struct slot *s = slot_of(r, object);

	if (!data || n > CACHE_MAX / 4) {
		free(data);
		return;
	}
	empty(r, s);
	*s = (struct slot){ data, n, object };
	for (r->held += n; r->held > CACHE_MAX; r->hand++)
		if (&r->slots[r->hand % SLOTS] != s)
			empty(r, &r->slots[r->hand % SLOTS]);
}

/* It is the caller's then. */
static bool
take(struct ir_git_reader *r, uint32_t object, unsigned char **data, size_t *n)
{
	struct slot *s = slot_of(r, object);

	if (!s->p || s->object != object)
		return false;
	*data = s->p;
	*n = s->n;
	r->held -= s->n;
	*s = (struct slot){ NULL, 0, 0 };
	return true;
}

static int
read_root(struct ir_git_reader *r, const struct ir_git_pack *p, uint32_t i,
    unsigned char **data, size_t *n)
{
	struct ir_git_stream s;
	struct ir_git_entry e;
	bool whole;

	if (ir_git_entry_open(r->g, p, i, &r->u, &e, &s) ||
	    e.size > IR_GIT_OBJECT_MAX)
		return -1;
	*data = malloc((size_t)e.size + IR_GIT_SLACK);
	if (!*data)
		return -1;
	*n = ir_git_stream_all(&s, *data, (size_t)e.size, &whole);
	if (whole)
		return 0;
	free(*data);
	return -1;
}

/* What entry i makes of its base. */
static int
apply(struct ir_git_reader *r, const struct ir_git_pack *p, uint32_t i,
    const unsigned char *base, size_t n_base, unsigned char **data, size_t *n)
{
	uint64_t from, to;
	size_t len;
	int used = ir_git_pack_delta(r->g, p, i, &r->u, &len, &from, &to);

	if (used < 0 || from != n_base || to > IR_GIT_OBJECT_MAX)
		return -1;
	*n = (size_t)to;
	*data = malloc(*n + IR_GIT_SLACK);
	if (*data && !ir_git_delta_apply(&(struct ir_git_delta){ base, n_base,
	    r->u.delta + used, len - (size_t)used, *data, *n, 0, &r->fresh,
	    NULL, &r->marks }))
		return 0;
	free(*data);
	return -1;
}

static int
read_packed(struct ir_git_reader *r, const struct ir_git_pack *p, uint32_t i,
    unsigned char **data, size_t *n)
{
	size_t depth = 0;

	/* up to a base that is at hand; those of known kind have a root */
	while (!take(r, p->first + p->pos[i], data, n)) {
		if (p->base[i] == IR_GIT_NO) {
			if (read_root(r, p, i, data, n))
				return -1;
			break;
		}
		if (depth == r->cap) {
			size_t cap = r->cap ? 2 * r->cap : 256;
			uint32_t *v = reallocarray(r->chain, cap, sizeof *v);

			if (!v)
				return -1;
			r->chain = v;
			r->cap = cap;
		}
		r->chain[depth++] = i;
		i = p->base[i];
	}
	while (depth--) {
		unsigned char *next;
		size_t len;
		int rc = apply(r, p, r->chain[depth], *data, *n, &next, &len);

		ir_git_give_back(r, p->first + p->pos[i], *data, *n);
		if (rc)
			return -1;
		*data = next;
		*n = len;
		i = r->chain[depth];
	}
	return 0;
}

static int
read_loose(struct ir_git_reader *r, const struct ir_git_loose_object *o,
    unsigned char **data, size_t *n)
{
	char *path = ir_git_loose_path(r->g, o);
	unsigned char head[64];
	enum ir_git_kind kind;
	struct ir_git_stream s;
	uint64_t packed, size;
	int fd = path ? ir_git_open_file(path, &packed) : -1, used;
	size_t had;
	int rc = -1;

	free(path);
	if (fd < 0)
		return -1;
	ir_git_stream_open(&s, &r->u, fd, 0, packed);
	had = ir_git_stream_read(&s, head, sizeof head);
	used = ir_git_loose(head, had, &kind, &size);
	if (used > 0 && size <= IR_GIT_OBJECT_MAX && size / 1032 <= packed &&
	    had - (size_t)used <= size &&
	    (*data = malloc((size_t)size + IR_GIT_SLACK))) {
		had -= (size_t)used;
		memcpy(*data, head + used, had);
		*n = had + ir_git_stream_read(&s, *data + had,
		    (size_t)size + 1 - had);
		rc = *n == size && !s.bad ? 0 : -1;
		if (rc)
			free(*data);
	}
	close(fd);
	return rc;
}

int
ir_git_read(struct ir_git_reader *r, uint32_t object, unsigned char **data,
    size_t *n)
{
	const struct ir_git_pack *p;
	uint32_t i;

	if (object >= r->g->packed)
		return take(r, object, data, n) ? 0 : read_loose(r,
		    &r->g->loose[object - r->g->packed], data, n);
	p = pack_of(r->g, object);
	i = p->entry[object - p->first];
	return i == IR_GIT_NO || !p->kind[i] ? -1 :
	    read_packed(r, p, i, data, n);
}
