/* git_walk.c - all objects of a repository, each new byte once; see git.h */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/text.h"
#include "git_in.h"
#include "unpack.h"

#define WINDOW (1u << 20)	/* of what is not held as a whole */
#define WHOLE_MAX (4u << 20)	/* on which nothing hangs: above, by windows */
#define BATCH 64		/* entries or files that a worker takes */
#define REACH_MAX 65536
#define POOL 16			/* buffers kept for the next object */

struct buffer {
	unsigned char *p;
	size_t cap;
};

/* An object whose deltas are being walked. */
struct frame {
	struct buffer b;
	size_t n;
	struct ir_git_marks marks;
	uint32_t kid, kids_end;		/* in the pack's kids */
};

/* For ir_git_seen(): whose bytes the callback has before it. */
struct ir_git_at {
	struct ir_git *g;
	struct ir_git_marks *marks;	/* NULL: nothing hangs on it */
	uint32_t object;
	/* newlines before a place in it, for the next place to begin at */
	size_t lines_to;
	uint32_t lines;
	const struct ir_git_span *fresh;	/* in the object; NULL: all */
	size_t n_fresh;
};

/* What all workers share. */
struct team {
	struct ir_git *g;
	const struct ir_git_walk *w;
	size_t margin, reach, workers;
	size_t roots;			/* of all packs */
	uint64_t ample;			/* bytes; then _MODEST ones only */
	atomic_size_t next_root, next_loose;
	atomic_ullong held, unpacked;	/* bytes */
	atomic_int rc;			/* not 0: all stop */
	atomic_bool cut;
};

struct worker {
	struct team *t;
	unsigned id;
	pthread_t thread;
	struct ir_git_unpack u;
	struct ir_git_stats s;
	struct frame *stack;
	size_t depth, cap;
	struct buffer pool[POOL];
	size_t pooled;
	struct ir_git_spans fresh;
	uint32_t *lost;			/* entries without a base, to look at */
	size_t cap_lost;
};

static void
drop_buffer(struct worker *k, struct buffer *b)
{
	atomic_fetch_sub(&k->t->held, b->cap);
	free(b->p);
	*b = (struct buffer){ NULL, 0 };
}

/* Room for n bytes: the smallest of the pool that has it, or a new one. */
static bool
get_buffer(struct worker *k, size_t n, struct buffer *b)
{
	size_t best = POOL, cap = n + n / 4 + 65536;

	for (size_t i = 0; i < k->pooled; i++)
		if (k->pool[i].cap >= n && (best == POOL ||
		    k->pool[i].cap < k->pool[best].cap))
			best = i;
	if (best < POOL) {
		*b = k->pool[best];
		k->pool[best] = k->pool[--k->pooled];
		return true;
	}
	while (k->pooled && (k->pooled == POOL ||
	    atomic_load(&k->t->held) + cap > IR_GIT_HELD_MAX))
		drop_buffer(k, &k->pool[--k->pooled]);
	if (atomic_fetch_add(&k->t->held, cap) + cap > IR_GIT_HELD_MAX) {
		atomic_fetch_sub(&k->t->held, cap);
		return false;
	}
	b->cap = cap;
	b->p = malloc(cap);
	if (!b->p)
		drop_buffer(k, b);
	return b->p != NULL;
}

static void
put_buffer(struct worker *k, struct buffer *b)
{
	if (!b->p)
		return;
	if (k->pooled == POOL)
		drop_buffer(k, b);
	else
		k->pool[k->pooled++] = *b;
	*b = (struct buffer){ NULL, 0 };
}

static void
sight(struct ir_git *g, const struct ir_git_sight *at)
{
	pthread_mutex_lock(&g->lock);
	if (g->n_sights == g->cap_sights) {
		size_t cap = g->cap_sights ? 2 * g->cap_sights : 1024;
		struct ir_git_sight *v = g->n_sights >= IR_GIT_SEEN_MAX ?
		    NULL : reallocarray(g->sights, cap, sizeof *v);

		if (v) {
			g->sights = v;
			g->cap_sights = cap;
		}
	}
	if (g->n_sights < g->cap_sights)
		g->sights[g->n_sights++] = *at;
	else
		g->dropped = true;
	pthread_mutex_unlock(&g->lock);
}

bool
ir_git_new(const struct ir_git_piece *p, size_t offset)
{
	uint64_t at = p->offset + offset;
	size_t lo = 0, hi = p->at->n_fresh;

	/* the last span that begins there or before */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->at->fresh[mid].from <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return !p->at->fresh || (lo && at < p->at->fresh[lo - 1].to);
}

/* The line of a place in an object that is at hand: now, because to unpack it
   once more for a line costs more than all else that is asked of it. */
static uint32_t
line_at(struct ir_git_at *at, const unsigned char *object, size_t offset)
{
	/* hits come about in their order: it is never far */
	if (offset >= at->lines_to)
		at->lines += (uint32_t)ir_leak_lines(object + at->lines_to,
		    offset - at->lines_to);
	else
		at->lines -= (uint32_t)ir_leak_lines(object + offset,
		    at->lines_to - offset);
	at->lines_to = offset;
	return at->lines + 1;
}

void
ir_git_seen(const struct ir_git_piece *p, uint32_t what, size_t offset,
    size_t len)
{
	uint64_t at = p->torn ? 0 : p->offset + offset;

	if (what >= IR_GIT_SEEN_MAX || (p->at->marks &&
	    !ir_git_mark_add(p->at->marks, (uint32_t)at,
	    len < UINT32_MAX ? (uint32_t)len : UINT32_MAX, what)))
		return;
	sight(p->at->g, &(struct ir_git_sight){ what, p->at->object, at,
	    p->object && !p->torn ? line_at(p->at, p->object, (size_t)at) :
	    0 });
}

void
ir_git_piece_name(const struct ir_git_piece *p, char hex[IR_GIT_HEX_MAX])
{
	const struct ir_git *g = p->at->g;
	uint32_t object = p->at->object;
	const struct ir_git_pack *pack = g->packs + g->n_packs;
	unsigned char name[IR_GIT_HASH_MAX];

	hex[0] = '\0';
	if (object >= g->packed) {
		ir_hex(g->loose[object - g->packed].name, g->hash, hex);
		return;
	}
	while ((--pack)->first > object)
		;
	/* all names at once are read only when there are findings */
	if (!ir_git_pread(pack->idx_fd, name, g->hash, pack->idx.names +
	    (uint64_t)(object - pack->first) * pack->idx.name_step))
		ir_hex(name, g->hash, hex);
}

static void
give(struct worker *k, struct ir_git_piece *p, struct ir_git_at *at)
{
	int rc;

	p->worker = k->id;
	p->at = at;
	if (!at->fresh)
		k->s.looked_at += p->to - p->from;
	for (size_t i = 0; i < at->n_fresh; i++)
		k->s.looked_at += at->fresh[i].to - at->fresh[i].from;
	rc = k->t->w->piece(k->t->w->arg, p);
	if (rc)
		atomic_store(&k->t->rc, rc);
}

/* Count an object that was unpacked. */
static void
count(struct worker *k, enum ir_git_kind kind, uint64_t size)
{
	k->s.objects++;
	k->s.commits += kind == IR_GIT_COMMIT;
	k->s.trees += kind == IR_GIT_TREE;
	k->s.blobs += kind == IR_GIT_BLOB;
	k->s.tags += kind == IR_GIT_TAG;
	if (kind == IR_GIT_TREE)
		return;
	k->s.bytes += size;
	if (atomic_fetch_add(&k->t->unpacked, size) + size >
	    IR_GIT_UNPACKED_MAX)
		atomic_store(&k->t->cut, true);
}

static bool
stopped(const struct worker *k)
{
	return atomic_load_explicit(&k->t->rc, memory_order_relaxed) ||
	    atomic_load_explicit(&k->t->cut, memory_order_relaxed);
}

/*
 * An object by windows.  Of b, which has room for WINDOW and twice the reach,
 * the first n bytes are there.  How many bytes it had.
 */
static uint64_t
give_stream(struct worker *k, struct ir_git_stream *s, struct buffer *b,
    size_t n, uint64_t size, enum ir_git_kind kind, uint32_t object)
{
	struct ir_git_at at = { .g = k->t->g, .object = object };
	size_t reach = k->t->reach, from = 0, to, keep;
	uint64_t offset = 0;
	bool last;

	do {
		n += ir_git_stream_read(s, b->p + n, WINDOW + 2 * reach - n);
		last = s->done || s->bad || offset + n > size || stopped(k);
		to = last ? n : n - reach;
		give(k, &(struct ir_git_piece){ .data = b->p, .n = n,
		    .from = from, .to = to, .offset = offset, .kind = kind,
		    .object = offset || !last ? NULL : b->p, .n_object = n,
		    .first = !offset, .last = last }, &at);
		if (last)
			break;
		keep = to - reach;
		memmove(b->p, b->p + keep, n - keep);
		n -= keep;
		offset += keep;
		from = reach;
	} while (!last);
	return offset + n;
}

static void
give_whole(struct worker *k, struct frame *f, enum ir_git_kind kind,
    uint32_t object)
{
	struct ir_git_at at = { .g = k->t->g, .marks = &f->marks,
		.object = object };

	f->marks.n = 0;
	if (f->n)
		give(k, &(struct ir_git_piece){ .data = f->b.p, .n = f->n,
		    .to = f->n, .kind = kind, .object = f->b.p,
		    .n_object = f->n, .first = true, .last = true }, &at);
}

/* For git_origin.c. */
static void
keep_head(struct worker *k, enum ir_git_kind kind, uint32_t object,
    const unsigned char *p, size_t n)
{
	if (kind == IR_GIT_COMMIT)
		ir_git_heads_add(&k->t->g->heads[k->id], object, p, n);
}

/* What is new in it, and sights of what it has from its base. */
static void
give_fresh(struct worker *k, struct frame *f, enum ir_git_kind kind,
    uint32_t object)
{
	struct ir_git_at at = { .g = k->t->g, .marks = &f->marks,
		.object = object };
	const struct ir_git_spans *v = &k->fresh;
	size_t reach = k->t->reach;

	for (size_t i = 0; i < f->marks.n; i++)
		sight(k->t->g, &(struct ir_git_sight){ f->marks.v[i].what,
		    object, f->marks.v[i].at, line_at(&at, f->b.p,
		    f->marks.v[i].at) });
	for (size_t i = 0, next; i < v->n && !stopped(k); i = next) {
		size_t from = v->v[i].from, to = v->v[i].to, begin, end;

		/* where two would reach into each other, one look is less */
		for (next = i + 1; next < v->n && v->v[next].from - to <=
		    2 * reach; next++)
			to = v->v[next].to;
		begin = from > reach ? from - reach : 0;
		end = f->n - to > reach ? to + reach : f->n;
		at.fresh = v->v + i;
		at.n_fresh = next - i;
		give(k, &(struct ir_git_piece){ .data = f->b.p + begin,
		    .n = end - begin, .from = from - begin, .to = to - begin,
		    .offset = begin, .kind = kind, .object = f->b.p,
		    .n_object = f->n, .first = !i, .last = next == v->n },
		    &at);
	}
}

static bool
more_lost(struct worker *k, size_t n)
{
	size_t cap = k->cap_lost ? 2 * k->cap_lost : 256;
	uint32_t *v;

	if (n < k->cap_lost)
		return true;
	v = reallocarray(k->lost, cap, sizeof *v);
	if (!v)
		return false;
	k->lost = v;
	k->cap_lost = cap;
	return true;
}

/* Entry i has no base: its instructions at least are looked through. */
static void
give_torn(struct worker *k, const struct ir_git_pack *p, uint32_t i)
{
	struct ir_git_at at = { .g = k->t->g,
		.object = p->first + p->pos[i] };
	uint64_t base, result;
	size_t n;

	k->s.objects++;
	k->s.baseless++;
	(void)ir_git_pack_delta(k->t->g, p, i, &k->u, &n, &base, &result);
	if (n)
		give(k, &(struct ir_git_piece){ .data = k->u.delta, .n = n,
		    .to = n, .kind = p->kind[i] ? p->kind[i] : IR_GIT_BLOB,
		    .first = true, .last = true, .torn = true }, &at);
}

/* Entry i can't be had, so neither can what hangs on it. */
static void
lose_kids(struct worker *k, const struct ir_git_pack *p, uint32_t i)
{
	size_t n = 0;

	for (;; i = k->lost[--n]) {
		for (uint32_t c = p->kids_at[i]; c < p->kids_at[i + 1]; c++) {
			give_torn(k, p, p->kids[c]);
			if (more_lost(k, n))
				k->lost[n++] = p->kids[c];
		}
		if (!n || stopped(k))
			break;
	}
}

static void
damaged(struct worker *k, const struct ir_git_pack *p, uint32_t i)
{
	k->s.damaged++;
	ir_git_problem(k->t->g, "%s: entry at %llu: damaged", p->name,
	    (unsigned long long)p->off[i]);
}

static void
too_large(struct worker *k, const struct ir_git_pack *p, uint32_t i)
{
	k->s.too_large++;
	ir_git_problem(k->t->g, "%s: entry at %llu: too large to be unpacked "
	    "with what hangs on it", p->name, (unsigned long long)p->off[i]);
}

static bool
push(struct worker *k, const struct ir_git_pack *p, uint32_t i,
    const struct frame *f)
{
	if (k->depth == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 64;
		struct frame *v = reallocarray(k->stack, cap, sizeof *v);

		if (!v)
			return false;
		k->stack = v;
		k->cap = cap;
	}
	k->stack[k->depth] = *f;
	k->stack[k->depth].kid = p->kids_at[i];
	k->stack[k->depth++].kids_end = p->kids_at[i + 1];
	return true;
}

static void
let_go(struct worker *k, struct frame *f)
{
	put_buffer(k, &f->b);
	ir_git_marks_free(&f->marks);
}

/* A root on which nothing hangs that has to be at hand. */
static void
root_by_windows(struct worker *k, const struct ir_git_pack *p, uint32_t i,
    const struct ir_git_entry *e, struct ir_git_stream *s)
{
	struct buffer b = { NULL, 0 };

	if (!get_buffer(k, WINDOW + 2 * k->t->reach + 1, &b)) {
		too_large(k, p, i);
		return;
	}
	if (give_stream(k, s, &b, 0, e->size, p->kind[i],
	    p->first + p->pos[i]) != e->size || !s->done)
		damaged(k, p, i);
	put_buffer(k, &b);
}

/* Give out a root; true: it is on the stack, for what hangs on it. */
static bool
walk_root(struct worker *k, const struct ir_git_pack *p, uint32_t i)
{
	bool whole, kids = p->kids_at[i] < p->kids_at[i + 1];
	struct frame f = { .n = 0 };
	struct ir_git_stream s;
	struct ir_git_entry e;

	if (ir_git_entry_open(k->t->g, p, i, &k->u, &e, &s)) {
		damaged(k, p, i);
		lose_kids(k, p, i);
		return false;
	}
	count(k, p->kind[i], e.size);
	if (e.size > (kids ? IR_GIT_OBJECT_MAX : WHOLE_MAX) ||
	    !get_buffer(k, (size_t)e.size + IR_GIT_SLACK, &f.b)) {
		root_by_windows(k, p, i, &e, &s);
		if (kids) {
			too_large(k, p, i);
			lose_kids(k, p, i);
		}
		return false;
	}
	f.n = ir_git_stream_all(&s, f.b.p, (size_t)e.size, &whole);
	give_whole(k, &f, p->kind[i], p->first + p->pos[i]);
	if (whole)
		keep_head(k, p->kind[i], p->first + p->pos[i], f.b.p, f.n);
	if (!whole) {
		damaged(k, p, i);
		lose_kids(k, p, i);
	} else if (kids && push(k, p, i, &f)) {
		return true;
	}
	let_go(k, &f);
	return false;
}

/* Make entry i from what it changes, which is on the stack, and give out
   what is new.  False: it could not be made. */
static bool
make_kid(struct worker *k, const struct ir_git_pack *p, uint32_t i,
    struct frame *f)
{
	const struct frame *top = &k->stack[k->depth - 1];
	uint64_t base, result;
	size_t n;
	int used = ir_git_pack_delta(k->t->g, p, i, &k->u, &n, &base, &result);

	*f = (struct frame){ .n = 0 };
	if (used < 0 || base != top->n) {
		damaged(k, p, i);
		give_torn(k, p, i);
		return false;
	}
	if (result > IR_GIT_OBJECT_MAX || (result > IR_GIT_MODEST &&
	    atomic_load(&k->t->unpacked) > k->t->ample) ||
	    !get_buffer(k, (size_t)result + IR_GIT_SLACK, &f->b)) {
		too_large(k, p, i);
		give_torn(k, p, i);
		return false;
	}
	f->n = (size_t)result;
	if (ir_git_delta_apply(&(struct ir_git_delta){ top->b.p, top->n,
	    k->u.delta + used, n - (size_t)used, f->b.p, f->n, k->t->margin,
	    &k->fresh, &top->marks, &f->marks })) {
		damaged(k, p, i);
		give_torn(k, p, i);
		let_go(k, f);
		return false;
	}
	count(k, p->kind[i], result);
	if (f->marks.dropped)
		atomic_store(&k->t->cut, true);
	give_fresh(k, f, p->kind[i], p->first + p->pos[i]);
	keep_head(k, p->kind[i], p->first + p->pos[i], f->b.p, f->n);
	return true;
}

/* A root and all that hangs on it. */
static void
walk_family(struct worker *k, const struct ir_git_pack *p, uint32_t root)
{
	if (p->kind[root] == IR_GIT_TREE || !walk_root(k, p, root))
		return;
	while (k->depth && !stopped(k)) {
		struct frame *top = &k->stack[k->depth - 1], f;
		uint32_t i;
		bool made;

		if (top->kid == top->kids_end) {
			let_go(k, top);
			k->depth--;
			continue;
		}
		i = p->kids[top->kid++];
		made = make_kid(k, p, i, &f);
		top = &k->stack[k->depth - 1];
		if (top->kid == top->kids_end) {
			let_go(k, top);
			k->depth--;
		}
		if (!made)
			lose_kids(k, p, i);
		else if (p->kids_at[i] == p->kids_at[i + 1] ||
		    !push(k, p, i, &f))
			let_go(k, &f);
	}
	while (k->depth)
		let_go(k, &k->stack[--k->depth]);
}

static void
walk_loose(struct worker *k, uint32_t i)
{
	struct ir_git *g = k->t->g;
	struct ir_git_loose_object *o = &g->loose[i];
	char *path = ir_git_loose_path(g, o);
	struct buffer b = { NULL, 0 };
	enum ir_git_kind kind;
	struct ir_git_stream s;
	uint64_t packed, size = 0, got = 0;
	size_t n;
	int fd = path ? ir_git_open_file(path, &packed) : -1, head = -1;

	k->s.loose++;
	if (fd >= 0 && get_buffer(k, WINDOW + 2 * k->t->reach + 1, &b)) {
		ir_git_stream_open(&s, &k->u, fd, 0, packed);
		n = ir_git_stream_read(&s, b.p, WINDOW);
		head = ir_git_loose(b.p, n, &kind, &size);
		if (head > 0) {
			o->kind = (uint8_t)kind;
			count(k, kind, size);
			n -= (size_t)head;
			memmove(b.p, b.p + head, n);
		}
		if (head > 0 && kind != IR_GIT_TREE)
			got = give_stream(k, &s, &b, n, size, kind,
			    g->packed + i);
		else
			got = size;
		if (head > 0 && got == size && size <= WINDOW)
			keep_head(k, kind, g->packed + i, b.p, (size_t)size);
	}
	if (fd < 0 || head < 0 || ((got != size || s.bad) && !stopped(k))) {
		k->s.damaged++;
		ir_git_problem(g, "%s: %s", path ? path : "?",
		    fd < 0 ? strerror(errno) : "damaged");
	}
	put_buffer(k, &b);
	if (fd >= 0)
		close(fd);
	free(path);
}

/* The pack of the n-th root of all, and which of its roots that is. */
static const struct ir_git_pack *
pack_of_root(const struct ir_git *g, size_t *n)
{
	const struct ir_git_pack *p = g->packs;

	while (*n >= p->roots)
		*n -= p++->roots;
	return p;
}

static void *
work(void *arg)
{
	struct worker *k = arg;
	struct team *t = k->t;
	const struct ir_git_pack *p;
	size_t i, n;

	while (!stopped(k) &&
	    (i = atomic_fetch_add(&t->next_root, BATCH)) < t->roots) {
		size_t end = t->roots - i < BATCH ? t->roots : i + BATCH;

		n = i;
		p = pack_of_root(t->g, &n);
		for (; i < end && !stopped(k); i++, n++) {
			for (; n >= p->roots; p++)
				n -= p->roots;
			walk_family(k, p, p->root[n]);
		}
	}
	while (!stopped(k) &&
	    (i = atomic_fetch_add(&t->next_loose, BATCH)) < t->g->n_loose)
		for (n = 0; n < BATCH && i + n < t->g->n_loose &&
		    !stopped(k); n++)
			walk_loose(k, (uint32_t)(i + n));
	return NULL;
}

/* Entries that hang on nothing that is there, or on each other in a ring. */
static void
walk_lost(struct worker *k)
{
	for (size_t j = 0; j < k->t->g->n_packs; j++) {
		struct ir_git_pack *p = &k->t->g->packs[j];

		for (uint32_t i = 0; i < p->m && !stopped(k); i++)
			if (!p->kind[i])
				give_torn(k, p, i);
	}
}

static void
count_trees(const struct ir_git *g, struct ir_git_stats *s)
{
	s->packs = g->n_packs;
	for (size_t j = 0; j < g->n_packs; j++)
		for (uint32_t i = 0; i < g->packs[j].m; i++)
			if (g->packs[j].kind[i] == IR_GIT_TREE) {
				s->objects++;
				s->trees++;
			}
}

static void
add_stats(struct ir_git_stats *a, const struct ir_git_stats *b)
{
	a->objects += b->objects;
	a->commits += b->commits;
	a->trees += b->trees;
	a->blobs += b->blobs;
	a->tags += b->tags;
	a->loose += b->loose;
	a->bytes += b->bytes;
	a->looked_at += b->looked_at;
	a->damaged += b->damaged;
	a->baseless += b->baseless;
	a->too_large += b->too_large;
}

static void
worker_free(struct worker *k)
{
	while (k->pooled)
		drop_buffer(k, &k->pool[--k->pooled]);
	ir_git_unpack_free(&k->u);
	ir_git_spans_free(&k->fresh);
	free(k->stack);
	free(k->lost);
}

/* All of them, the first one in this thread. */
static int
run_team(struct team *t, struct ir_git_stats *stats)
{
	struct worker v[IR_GIT_WORKERS_MAX];
	size_t n = 0, running = 1;

	memset(v, 0, sizeof v);
	while (n < t->workers) {
		v[n].t = t;
		v[n].id = (unsigned)n;
		t->g->heads[n].max = IR_GIT_HEADS_MAX / t->workers;
		if (ir_git_unpack_new(&v[n].u))
			break;
		n++;
	}
	if (!n)
		return -1;
	while (running < n && !pthread_create(&v[running].thread, NULL, work,
	    &v[running]))
		running++;
	work(&v[0]);
	for (size_t i = 1; i < running; i++)
		pthread_join(v[i].thread, NULL);
	walk_lost(&v[0]);
	for (size_t i = 0; i < n; i++) {
		ir_git_heads_sort(&t->g->heads[i]);
		add_stats(stats, &v[i].s);
		worker_free(&v[i]);
	}
	return 0;
}

int
ir_git_walk(struct ir_git *g, const struct ir_git_walk *w,
    struct ir_git_stats *stats, struct ir_err *err)
{
	struct team t = { .g = g, .w = w };
	int rc = 0;

	memset(stats, 0, sizeof *stats);
	t.workers = w->workers < 1 ? 1 : w->workers > IR_GIT_WORKERS_MAX ?
	    IR_GIT_WORKERS_MAX : w->workers;
	t.margin = w->margin < REACH_MAX ? w->margin : REACH_MAX;
	t.reach = w->reach < REACH_MAX ? w->reach : REACH_MAX;
	g->walk = w;
	t.ample = IR_GIT_AMPLE;
	for (size_t i = 0; w->problem && i < g->notes.n; i++)
		w->problem(w->arg, g->notes.v[i]);
	for (size_t i = 0; i < g->n_packs && !rc; i++) {
		rc = ir_git_pack_load(g, &g->packs[i]);
		t.roots += g->packs[i].roots;
		t.ample += IR_GIT_AMPLE_TIMES * g->packs[i].off[g->packs[i].m];
	}
	if (!rc)
		rc = run_team(&t, stats);
	if (rc)
		return ir_fail(err, IR_OSERR, "no memory for the objects");
	count_trees(g, stats);
	stats->partial = g->partial;
	stats->cut = atomic_load(&t.cut) || g->dropped;
	return atomic_load(&t.rc);
}
