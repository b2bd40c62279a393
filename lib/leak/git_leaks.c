/* git_leaks.c - see git_leaks.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "git_leaks.h"
#include "unpack.h"

/* A value that was seen: its number is its row. */
struct row {
	unsigned char hash[16];		/* of kind, member and value */
	size_t find;			/* in finds */
	char *member;			/* owned; of the archive, or "" */
	bool packed;			/* in an archive, or packed file */
};

/* One thread's. */
struct hand {
	struct history *h;
	const struct ir_git_piece *p;	/* that is being looked through */
	struct ir_unpack *unpack;
	const char *member;		/* of the window; "" */
	uint64_t base, line;		/* where it begins, in an archive */
	const unsigned char *window;
	bool packed;			/* the object is an archive */
};

struct history {
	const char *path;
	const struct ir_git_leaks *o;
	struct ir_leak_finds *finds;
	pthread_mutex_t lock;		/* of what follows */
	struct row *rows;
	uint32_t n, cap;
	uint32_t *table;		/* row + 1, by hash */
	size_t mask;
	struct hand hands[IR_GIT_WORKERS_MAX];
};

static size_t
cell_of(const struct history *h, const unsigned char *hash)
{
	uint64_t i;

	memcpy(&i, hash, sizeof i);
	for (i &= h->mask; h->table[i]; i = (i + 1) & h->mask)
		if (!memcmp(h->rows[h->table[i] - 1].hash, hash,
		    sizeof h->rows->hash))
			break;
	return (size_t)i;
}

/* Room for one more row. */
static bool
grow(struct history *h)
{
	uint32_t cap = h->cap ? 2 * h->cap : 512, *table;
	struct row *rows;

	if (h->n < h->cap)
		return true;
	table = cap > IR_GIT_SEEN_MAX ? NULL : calloc(2 * (size_t)cap,
	    sizeof *table);
	rows = table ? reallocarray(h->rows, cap, sizeof *rows) : NULL;
	if (!rows) {
		free(table);
		return false;
	}
	free(h->table);
	h->rows = rows;
	h->table = table;
	h->cap = cap;
	h->mask = 2 * (size_t)cap - 1;
	for (uint32_t i = 0; i < h->n; i++)
		h->table[cell_of(h, h->rows[i].hash)] = i + 1;
	return true;
}

static void
hash_of(const struct hand *k, const struct ir_leak_hit *hit,
    unsigned char hash[16])
{
	struct ir_buf b = IR_BUF_SECRET(65536);
	char hex[65];

	ir_buf_fmt(&b, "%d:%d:%s:", (int)hit->kind, k->packed, k->member);
	ir_buf_add(&b, hit->value, hit->nvalue);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hex);
	/* so many of its digits do */
	memcpy(hash, hex, 16);
	ir_buf_free(&b);
}

/* Elsewhere more may speak for it. */
static void
more_of(struct ir_leak_finds *f, size_t at, const struct ir_leak_hit *hit)
{
	struct ir_leak_find *v;

	pthread_mutex_lock(&f->lock);
	v = &f->v[at];
	v->context = v->context || hit->context;
	if (!v->key[0])
		memcpy(v->key, hit->key, sizeof v->key);
	if (!v->name[0])
		memcpy(v->name, hit->name, sizeof v->name);
	pthread_mutex_unlock(&f->lock);
}

/* The number of a value; UINT32_MAX: there are too many. */
static uint32_t
number(struct hand *k, const struct ir_leak_hit *hit)
{
	struct history *h = k->h;
	uint64_t line = k->packed ? k->line + ir_leak_lines(k->window,
	    hit->offset) : 0;
	unsigned char hash[16];
	uint32_t what = UINT32_MAX;
	struct row *r;
	size_t cell;

	hash_of(k, hit, hash);
	pthread_mutex_lock(&h->lock);
	if (!grow(h))
		goto out;
	cell = cell_of(h, hash);
	if (h->table[cell]) {
		what = h->table[cell] - 1;
		more_of(h->finds, h->rows[what].find, hit);
		goto out;
	}
	r = &h->rows[h->n];
	memcpy(r->hash, hash, sizeof r->hash);
	r->packed = k->packed;
	r->member = strdup(k->member);
	r->find = !r->member ? SIZE_MAX : ir_leak_finds_add(h->finds, h->path,
	    k->member, k->base, line, hit);
	if (r->find == SIZE_MAX) {
		free(r->member);
		goto out;
	}
	what = h->n++;
	h->table[cell] = what + 1;
out:
	pthread_mutex_unlock(&h->lock);
	return what;
}

static int
hit(const struct ir_leak_hit *hit, void *arg)
{
	struct hand *k = arg;
	uint32_t what;

	if (!k->packed && !ir_git_new(k->p, hit->offset))
		return 0;
	what = number(k, hit);
	if (what == UINT32_MAX)
		return 0;
	/* what is packed cannot be followed by its place, and need not be:
	   each version of an archive is unpacked by itself */
	ir_git_seen(k->p, what, k->packed ? 0 : hit->offset,
	    k->packed ? SIZE_MAX : hit->len);
	return 0;
}

static void
unpacked(const unsigned char *p, size_t n, size_t from, size_t to,
    uint64_t base, uint64_t line, const char *member, void *arg)
{
	struct hand *k = arg;

	k->member = member;
	k->base = base;
	k->line = line;
	k->window = p;
	(void)ir_leak_scan(k->h->o->rules, p, n, from, to, hit, k);
	k->member = "";
}

static void
unpack_problem(const char *member, const char *why, void *arg)
{
	struct hand *k = arg;
	char name[IR_GIT_HEX_MAX], *place;

	ir_git_piece_name(k->p, name);
	if (asprintf(&place, "!git!%s%s", name, member) < 0)
		return;
	pthread_mutex_lock(&k->h->lock);
	k->h->o->problem(k->h->path, place, why, k->h->o->arg);
	pthread_mutex_unlock(&k->h->lock);
	free(place);
}

/* Is the object, whose first piece this is, to be unpacked? */
static bool
begin(struct hand *k, const struct ir_git_piece *p)
{
	const struct ir_unpack_to to = { unpacked, unpack_problem, k };
	const unsigned char *start = p->object ? p->object : p->data;
	size_t n = p->object ? p->n_object : p->n;

	if (k->h->o->no_unpack || p->torn || p->kind != IR_GIT_BLOB ||
	    !ir_unpack_is(start, n))
		return false;
	if (!k->unpack)
		k->unpack = ir_unpack_new(&to, k->h->o->unpack_limit);
	if (!k->unpack)
		return false;
	ir_unpack_begin(k->unpack, true);
	return true;
}

static int
piece(void *arg, const struct ir_git_piece *p)
{
	struct history *h = arg;
	struct hand *k = &h->hands[p->worker];

	k->h = h;
	k->p = p;
	k->member = "";
	k->base = 0;
	if (p->first)
		k->packed = begin(k, p);
	if (!k->packed) {
		(void)ir_leak_scan(h->o->rules, p->data, p->n, p->from, p->to,
		    hit, k);
		return h->o->stop(h->o->arg);
	}
	if (!p->object)
		ir_unpack_data(k->unpack, p->data + p->from, p->to - p->from);
	else if (p->first)
		ir_unpack_data(k->unpack, p->object, p->n_object);
	if (p->last)
		ir_unpack_end(k->unpack);
	return h->o->stop(h->o->arg);
}

static void
problem(void *arg, const char *what)
{
	struct history *h = arg;

	pthread_mutex_lock(&h->lock);
	h->o->problem(h->path, "", what, h->o->arg);
	pthread_mutex_unlock(&h->lock);
}

/* The fingerprint of a password that a person made is its place; of one that
   was there in a commit, with the commit. */
static void
print_by_place(struct ir_leak_find *v)
{
	struct ir_buf b = IR_BUF(65536);
	char hex[65];

	ir_buf_fmt(&b, "quell-leak:%s:%s:%s:%s:%llu",
	    ir_leak_kind_name(v->kind), v->where, v->name, v->git->object,
	    (unsigned long long)v->offset);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hex);
	snprintf(v->print, sizeof v->print, "%.*s", IR_LEAK_PRINT, hex);
	ir_buf_free(&b);
}

static int
origin(void *arg, const struct ir_git_origin *o)
{
	struct history *h = arg;
	const struct row *r = &h->rows[o->what];
	struct ir_leak_commit *c = calloc(1, sizeof *c);
	struct ir_leak_find *v;
	char *where;

	if (!c || asprintf(&where, "%s!git!%s%s", h->path, o->path[0] ?
	    o->path : o->object, r->member) < 0) {
		free(c);
		return -1;
	}
	c->object = strdup(o->object);
	c->commit = strdup(o->commit);
	c->author = strdup(o->author);
	c->path = strdup(o->path);
	c->reach = ir_git_reach_name(o->reach);
	c->time = o->commit_time;
	c->objects = o->objects;
	pthread_mutex_lock(&h->finds->lock);
	v = &h->finds->v[r->find];
	free(v->where);
	v->where = where;
	v->git = c;
	if (!r->packed) {
		v->line = o->line;
		v->offset = o->offset;
	}
	if (v->kind == IR_LEAK_MAIL_PASSWORD && c->object)
		print_by_place(v);
	pthread_mutex_unlock(&h->finds->lock);
	return 0;
}

int
ir_git_leaks(const char *path, const struct ir_git_leaks *o,
    struct ir_leak_finds *finds, struct ir_git_stats *stats,
    struct ir_err *err)
{
	struct history h = { .path = path, .o = o, .finds = finds };
	const struct ir_git_walk w = { piece, problem, &h, o->threads,
		IR_GIT_LEAKS_MARGIN, IR_LEAK_REACH };
	struct ir_git *g;
	int rc;

	memset(stats, 0, sizeof *stats);
	if (ir_git_open(&g, path, err))
		return -1;
	pthread_mutex_init(&h.lock, NULL);
	rc = ir_git_walk(g, &w, stats, err);
	/* what was stopped still has its origins */
	if (rc >= 0 && h.n)
		rc = ir_git_origins(g, origin, &h, stats, err);
	if (stats->partial)
		problem(&h, "a clone without all objects: what is not here "
		    "was not looked through");
	else if (stats->missing)
		problem(&h, "commits or trees are missing");
	ir_git_close(g);
	for (size_t i = 0; i < IR_GIT_WORKERS_MAX; i++)
		ir_unpack_free(h.hands[i].unpack);
	for (uint32_t i = 0; i < h.n; i++)
		free(h.rows[i].member);
	free(h.rows);
	free(h.table);
	pthread_mutex_destroy(&h.lock);
	return rc < 0 ? -1 : 0;
}
