/* git_origin.c - the first commit that has something; see git.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "git_in.h"

#define TREES_DEEP 1024		/* folders in folders */
#define DONE (1u << 31)		/* in the table: nothing left of it */
#define LATELY (1u << 16)	/* trees met last, at most; of a power of two */

struct commit {
	int64_t time, order;	/* order: never before its parents */
	uint32_t object, tree;
	uint32_t parents, n_parents;	/* in origins.parents */
	uint8_t reach;		/* enum ir_git_reach */
	uint8_t mark;		/* 0 new, 1 begun, 2 done */
};

/* Where a number came in, as far as it is known. */
struct found {
	char *path;		/* owned */
	uint32_t commit, object;	/* IR_GIT_NO: none */
	uint64_t offset;
	uint64_t objects;	/* that have it */
	uint32_t line;		/* 0: not counted */
	uint8_t reach;
	bool is, asked;		/* found; seen at all */
};

struct origins {
	struct ir_git *g;
	struct ir_git_reader *r;
	struct ir_git_stats *stats;
	struct commit *commits;		/* by object */
	size_t n_commits, cap_commits;
	uint32_t *parents;
	size_t n_parents, cap_parents;
	uint32_t *stack;		/* of commits */
	uint32_t *order;		/* commits, as they are walked */
	struct found *found;		/* [n_found] by number */
	uint32_t n_found, left;
	/* objects with something: rows of sights, by their names */
	uint32_t *table;		/* of a power of two: first row + 1 */
	size_t mask;
	uint64_t *seen;			/* trees that were walked, as bits */
	unsigned char *lately;		/* their names, as a quick filter, */
	size_t n_lately;		/* so many; a power of two */
	uint32_t *loose_ends;		/* trees and blobs that refs name */
	size_t n_ends, cap_ends;
	struct ir_buf path;
	uint32_t commit;		/* whose trees are walked; or none */
	enum ir_git_reach reach;	/* of what is being walked */
};

/* Double a table when it is full. */
static bool
room(void *table, size_t n, size_t *cap, size_t size)
{
	void **v = table, *bigger;

	if (n < *cap)
		return true;
	bigger = reallocarray(*v, *cap ? 2 * *cap : 1024, size);
	if (!bigger)
		return false;
	*v = bigger;
	*cap = *cap ? 2 * *cap : 1024;
	return true;
}

static uint64_t
hash_of(const unsigned char *name)
{
	uint64_t h;

	memcpy(&h, name, sizeof h);
	return h;
}

/* Where the table has the object of that name; NULL: nothing was seen in it,
   or all of that is found. */
static uint32_t *
cell_of(const struct origins *o, const unsigned char *name)
{
	const struct ir_git *g = o->g;

	for (size_t i = hash_of(name) & o->mask; o->table[i];
	    i = (i + 1) & o->mask) {
		uint32_t row = (o->table[i] & ~DONE) - 1;

		if (!memcmp(ir_git_name(g, g->sights[row].object), name,
		    g->hash))
			return o->table[i] & DONE ? NULL : &o->table[i];
	}
	return NULL;
}

/* The object of that name is in what is being walked. */
static void
meet(struct origins *o, const unsigned char *name)
{
	const struct ir_git_sight *s, *end = o->g->sights + o->g->n_sights;
	uint32_t *cell = cell_of(o, name), object;

	if (!cell)
		return;
	s = &o->g->sights[*cell - 1];
	*cell |= DONE;
	for (object = s->object; s < end && s->object == object; s++) {
		struct found *f = &o->found[s->what];

		if (f->is)
			continue;
		f->is = true;
		f->commit = o->commit;
		f->object = object;
		f->offset = s->offset;
		f->line = s->line;
		f->reach = (uint8_t)o->reach;
		f->path = strdup(ir_buf_cstr(&o->path));
		o->left--;
	}
}

static int
by_object(const void *a, const void *b)
{
	const struct ir_git_sight *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Sights in order, one number for each object, and their table. */
static int
sort_sights(struct origins *o)
{
	struct ir_git *g = o->g;
	size_t n = 0, size = 16;

	for (size_t i = 0; i < g->n_sights; i++) {
		struct ir_git_sight *s = &g->sights[i];

		s->object = ir_git_find(g, ir_git_name(g, s->object));
		if (s->what >= o->n_found)
			o->n_found = s->what + 1;
		if (s->object != IR_GIT_NO)
			g->sights[n++] = *s;
	}
	g->n_sights = n;
	if (n)
		qsort(g->sights, n, sizeof *g->sights, by_object);
	while (size < 2 * n)
		size *= 2;
	o->mask = size - 1;
	o->table = calloc(size, sizeof *o->table);
	o->found = calloc((size_t)o->n_found + 1, sizeof *o->found);
	if (!o->table || !o->found)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct ir_git_sight *s = &g->sights[i];
		struct found *f = &o->found[s->what];
		size_t at = hash_of(ir_git_name(g, s->object)) & o->mask;

		if (!f->asked)
			o->left++;
		f->asked = true;
		if (!i || s[-1].object != s->object || s[-1].what != s->what)
			f->objects++;
		if (i && s[-1].object == s->object)
			continue;
		while (o->table[at])
			at = (at + 1) & o->mask;
		o->table[at] = (uint32_t)i + 1;
	}
	return 0;
}

/* A commit, or as much as is asked for; back is what ir_git_give_back()
   wants, or NULL.  NULL: it cannot be had. */
static const unsigned char *
read_commit(struct origins *o, uint32_t object, unsigned char **back,
    size_t *n)
{
	const unsigned char *head = ir_git_head(o->g, object, n);

	*back = NULL;
	if (!head && !ir_git_read(o->r, object, back, n))
		head = *back;
	return head;
}

static int
add_commit(struct origins *o, uint32_t object)
{
	size_t hash = o->g->hash, n;
	unsigned char *back, name[IR_GIT_HASH_MAX];
	const unsigned char *data;
	struct ir_git_commit c;
	struct commit *v;
	int rc = 0;

	if (ir_git_find(o->g, ir_git_name(o->g, object)) != object)
		return 0;		/* it is somewhere else, too */
	data = read_commit(o, object, &back, &n);
	if (!data)
		return 0;		/* the walk told it */
	if (ir_git_commit(data, n, hash, &c))
		goto out;
	rc = -1;
	if (!room(&o->commits, o->n_commits, &o->cap_commits,
	    sizeof *o->commits))
		goto out;
	v = &o->commits[o->n_commits++];
	memset(v, 0, sizeof *v);
	v->object = object;
	v->time = c.committer.time;
	v->tree = ir_git_find(o->g, c.tree);
	v->parents = (uint32_t)o->n_parents;
	o->stats->missing += v->tree == IR_GIT_NO;
	for (size_t i = 0; i < c.n_parents; i++) {
		if (o->n_parents >= UINT32_MAX - 1 || !room(&o->parents,
		    o->n_parents, &o->cap_parents, sizeof *o->parents))
			goto out;
		ir_git_parent(&c, i, hash, name);
		o->parents[o->n_parents] = ir_git_find(o->g, name);
		o->stats->missing += o->parents[o->n_parents++] == IR_GIT_NO;
	}
	v->n_parents = (uint32_t)(o->n_parents - v->parents);
	rc = 0;
out:
	ir_git_give_back(o->r, object, back, n);
	return rc;
}

/* The row of a commit, by its object. */
static uint32_t
commit_of(const struct origins *o, uint32_t object)
{
	size_t lo = 0, hi = o->n_commits;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (o->commits[mid].object < object)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < o->n_commits && o->commits[lo].object == object ?
	    (uint32_t)lo : IR_GIT_NO;
}

static int
read_commits(struct origins *o)
{
	const struct ir_git *g = o->g;

	for (uint32_t i = 0; i < g->packed + g->n_loose; i++)
		if (ir_git_kind_of(g, i) == IR_GIT_COMMIT && add_commit(o, i))
			return -1;
	/* from objects to rows */
	for (size_t i = 0; i < o->n_parents; i++)
		if (o->parents[i] != IR_GIT_NO)
			o->parents[i] = commit_of(o, o->parents[i]);
	/* a commit may wait there once for each that has it as a parent */
	o->stack = calloc(o->n_commits + o->n_parents + 1, sizeof *o->stack);
	o->order = calloc(o->n_commits + 1, sizeof *o->order);
	return o->stack && o->order ? 0 : -1;
}

/* Behind its parents, which are done, but for those that a ring of parents
   has under work. */
static int64_t
behind_parents(const struct origins *o, const struct commit *c)
{
	int64_t order = c->time;

	for (uint32_t k = 0; k < c->n_parents; k++) {
		uint32_t row = o->parents[c->parents + k];

		if (row != IR_GIT_NO && o->commits[row].mark == 2 &&
		    o->commits[row].order >= order)
			order = o->commits[row].order + 1;
	}
	return order;
}

/* Times that a wrong clock gave are moved behind those of the parents. */
static void
put_in_order(struct origins *o)
{
	for (size_t i = 0; i < o->n_commits; i++) {
		size_t n = 0;

		o->stack[n++] = (uint32_t)i;
		while (n) {
			struct commit *c = &o->commits[o->stack[n - 1]];

			if (c->mark == 0) {
				c->mark = 1;
				for (uint32_t k = 0; k < c->n_parents; k++) {
					uint32_t row =
					    o->parents[c->parents + k];

					if (row != IR_GIT_NO &&
					    !o->commits[row].mark)
						o->stack[n++] = row;
				}
				continue;
			}
			if (c->mark == 1)
				c->order = behind_parents(o, c);
			c->mark = 2;
			n--;
		}
	}
}

/* All that a commit leads to is reached. */
static void
reach_from(struct origins *o, uint32_t row)
{
	size_t n = 0;

	if (o->commits[row].reach < o->reach)
		o->stack[n++] = row;
	o->commits[row].reach = o->commits[row].reach < o->reach ?
	    (uint8_t)o->reach : o->commits[row].reach;
	while (n) {
		const struct commit *c = &o->commits[o->stack[--n]];

		for (uint32_t k = 0; k < c->n_parents; k++) {
			row = o->parents[c->parents + k];
			if (row == IR_GIT_NO ||
			    o->commits[row].reach >= o->reach)
				continue;
			o->commits[row].reach = (uint8_t)o->reach;
			o->stack[n++] = row;
		}
	}
}

/* A ref's or reflog's name: ir_git_tip_fn. */
static int
tip(void *arg, const unsigned char *name)
{
	struct origins *o = arg;
	uint32_t object = ir_git_find(o->g, name), row;
	struct ir_git_tag t;
	unsigned char *data;
	size_t n;

	for (int depth = 0; object != IR_GIT_NO && depth < 16; depth++) {
		enum ir_git_kind kind = ir_git_kind_of(o->g, object);
		int rc;

		if (kind != IR_GIT_TAG) {
			row = commit_of(o, object);
			if (kind == IR_GIT_COMMIT && row != IR_GIT_NO)
				reach_from(o, row);
			else if (room(&o->loose_ends, o->n_ends, &o->cap_ends,
			    sizeof *o->loose_ends))
				o->loose_ends[o->n_ends++] = object;
			return 0;
		}
		/* what a tag itself says comes after what commits have */
		if (cell_of(o, ir_git_name(o->g, object)) &&
		    room(&o->loose_ends, o->n_ends, &o->cap_ends,
		    sizeof *o->loose_ends))
			o->loose_ends[o->n_ends++] = object;
		if (ir_git_read(o->r, object, &data, &n))
			return 0;
		rc = ir_git_tag(data, n, o->g->hash, &t);
		ir_git_give_back(o->r, object, data, n);
		object = rc ? IR_GIT_NO : ir_git_find(o->g, t.object);
	}
	return 0;
}

/* Was the tree of that name met lately? */
static bool
lately(struct origins *o, const unsigned char *name)
{
	unsigned char *slot = o->lately +
	    (hash_of(name) & (o->n_lately - 1)) * IR_GIT_HASH_MAX;

	if (!memcmp(slot, name, o->g->hash))
		return true;
	memcpy(slot, name, o->g->hash);
	return false;
}

static void walk_tree(struct origins *o, uint32_t tree, int depth);

static void
walk_entry(struct origins *o, const struct ir_git_tree_entry *e, int depth)
{
	size_t len = o->path.len;
	uint32_t object;

	if (e->mode == 0160000 || (e->mode == 040000 && lately(o, e->object)))
		return;
	if (e->mode != 040000 && !cell_of(o, e->object))
		return;
	if (len)
		ir_buf_chr(&o->path, '/');
	ir_buf_add(&o->path, e->name, e->n);
	if (e->mode != 040000) {
		meet(o, e->object);
	} else {
		object = ir_git_find(o->g, e->object);
		if (object == IR_GIT_NO)
			o->stats->missing++;
		else
			walk_tree(o, object, depth + 1);
	}
	ir_buf_trunc(&o->path, len);
}

/* A tree that was walked before had nothing that is still looked for. */
static void
walk_tree(struct origins *o, uint32_t tree, int depth)
{
	const unsigned char *p;
	struct ir_git_tree_entry e;
	unsigned char *data;
	size_t n;
	int rc = 0;

	if (depth > TREES_DEEP || o->seen[tree / 64] >> (tree % 64) & 1 ||
	    ir_git_kind_of(o->g, tree) != IR_GIT_TREE)
		return;
	o->seen[tree / 64] |= UINT64_C(1) << (tree % 64);
	if (ir_git_read(o->r, tree, &data, &n)) {
		o->stats->damaged++;
		ir_git_problem(o->g, "a tree is damaged: not all paths are "
		    "known");
		return;
	}
	for (p = data; o->left && (rc = ir_git_tree_next(&p, data + n,
	    o->g->hash, &e)) == 1;)
		walk_entry(o, &e, depth);
	o->stats->damaged += rc < 0;
	ir_git_give_back(o->r, tree, data, n);
}

static int
by_order(const void *a, const void *b, void *arg)
{
	const struct commit *v = arg;
	const struct commit *x = &v[*(const uint32_t *)a];
	const struct commit *y = &v[*(const uint32_t *)b];

	if (x->reach != y->reach)
		return x->reach > y->reach ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->object < y->object ? -1 : x->object > y->object;
}

/* Commits that refs lead to, then the reflogs', then the rest; each kind from
   the first to the last. */
static void
walk_commits(struct origins *o)
{
	for (size_t i = 0; i < o->n_commits; i++)
		o->order[i] = (uint32_t)i;
	if (o->n_commits)
		qsort_r(o->order, o->n_commits, sizeof *o->order, by_order,
		    o->commits);
	for (size_t i = 0; i < o->n_commits && o->left; i++) {
		const struct commit *c = &o->commits[o->order[i]];

		o->commit = o->order[i];
		o->reach = c->reach;
		meet(o, ir_git_name(o->g, c->object));
		if (c->tree != IR_GIT_NO)
			walk_tree(o, c->tree, 0);
	}
	o->commit = IR_GIT_NO;
}

/* What refs name that is no commit: tags' own text, blobs, trees. */
static void
walk_ends(struct origins *o, enum ir_git_reach reach, size_t from, size_t to)
{
	o->reach = reach;
	for (; from < to && o->left; from++)
		if (ir_git_kind_of(o->g, o->loose_ends[from]) == IR_GIT_TREE)
			walk_tree(o, o->loose_ends[from], 0);
		else
			meet(o, ir_git_name(o->g, o->loose_ends[from]));
}

static void
walk_index(struct origins *o)
{
	struct ir_buf b = IR_BUF(IR_GIT_FILE_MAX);
	struct ir_git_index x;
	uint64_t size;
	char *path;
	int fd;

	if (!o->left || asprintf(&path, "%s/index", o->g->dir) < 0)
		return;
	fd = ir_git_open_file(path, &size);
	free(path);
	if (fd < 0)
		return;
	o->reach = IR_GIT_REACH_INDEX;
	if (!ir_buf_read_fd(&b, fd, "index", NULL) && b.data &&
	    !ir_git_index_open(&x, (const unsigned char *)b.data, b.len,
	    o->g->hash))
		while (o->left && ir_git_index_next(&x) == 1) {
			ir_buf_trunc(&o->path, 0);
			ir_buf_str(&o->path, x.path);
			meet(o, x.object);
		}
	ir_buf_trunc(&o->path, 0);
	close(fd);
	ir_buf_free(&b);
}

/* What nothing leads to: each in some object that has it. */
static void
take_rest(struct origins *o)
{
	o->reach = IR_GIT_REACH_NONE;
	for (size_t i = 0; i < o->g->n_sights && o->left; i++)
		if (!o->found[o->g->sights[i].what].is)
			meet(o, ir_git_name(o->g, o->g->sights[i].object));
}

static char *
text_of(const struct ir_git_person *p)
{
	return p->p ? strndup(p->p, p->n) : NULL;
}

/* Author and times of the commit, or of the tag that it stands in. */
static char *
who(struct origins *o, const struct found *f, struct ir_git_origin *out)
{
	uint32_t object = f->commit == IR_GIT_NO ? f->object :
	    o->commits[f->commit].object;
	struct ir_git_commit c;
	struct ir_git_tag t;
	unsigned char *data;
	char *s = NULL;
	size_t n;

	if ((f->commit == IR_GIT_NO && out->kind != IR_GIT_TAG) ||
	    ir_git_read(o->r, object, &data, &n))
		return NULL;
	if (f->commit == IR_GIT_NO && !ir_git_tag(data, n, o->g->hash, &t)) {
		out->author_time = out->commit_time = t.tagger.time;
		s = text_of(&t.tagger);
	} else if (!ir_git_commit(data, n, o->g->hash, &c)) {
		out->author_time = c.author.time;
		out->commit_time = c.committer.time;
		s = text_of(&c.author);
	}
	ir_git_give_back(o->r, object, data, n);
	return s;
}

static uint64_t
line_of(struct origins *o, const struct found *f)
{
	uint64_t line = 1;
	unsigned char *data, *p;
	size_t n;

	if (f->line)
		return f->line;
	if (ir_git_read(o->r, f->object, &data, &n))
		return 0;
	for (p = data; f->offset <= n && (p = memchr(p, '\n',
	    (size_t)(data + f->offset - p))); p++)
		line++;
	if (f->offset > n)
		line = 0;
	ir_git_give_back(o->r, f->object, data, n);
	return line;
}

static int
tell(struct origins *o, uint32_t what,
    int (*fn)(void *, const struct ir_git_origin *), void *arg)
{
	const struct found *f = &o->found[what];
	char object[IR_GIT_HEX_MAX], commit[IR_GIT_HEX_MAX] = "";
	struct ir_git_origin out = {
		.what = what, .reach = f->reach, .object = object,
		.commit = commit, .path = f->path ? f->path : "",
		.offset = f->offset, .objects = f->objects,
	};
	char *author;
	int rc;

	ir_hex(ir_git_name(o->g, f->object), o->g->hash, object);
	out.kind = ir_git_kind_of(o->g, f->object);
	if (f->commit != IR_GIT_NO)
		ir_hex(ir_git_name(o->g, o->commits[f->commit].object),
		    o->g->hash, commit);
	author = who(o, f, &out);
	out.author = author ? author : "";
	out.line = line_of(o, f);
	rc = fn(arg, &out);
	free(author);
	return rc;
}

static int
find_all(struct origins *o)
{
	const struct ir_git *g = o->g;
	size_t by_ref;

	o->r = ir_git_reader_new(o->g);
	o->seen = calloc(((size_t)g->packed + g->n_loose) / 64 + 1,
	    sizeof *o->seen);
	/* memory that is new costs as much as the trees of a small one */
	for (o->n_lately = 64; o->n_lately < LATELY && o->n_lately <
	    (size_t)g->packed + g->n_loose;)
		o->n_lately *= 2;
	o->lately = calloc(o->n_lately, IR_GIT_HASH_MAX);
	if (!o->r || !o->seen || !o->lately || sort_sights(o) ||
	    read_commits(o))
		return -1;
	put_in_order(o);
	o->reach = IR_GIT_REACH_REF;
	(void)ir_git_refs(o->g, false, tip, o);
	by_ref = o->n_ends;
	o->reach = IR_GIT_REACH_LOG;
	(void)ir_git_refs(o->g, true, tip, o);
	o->commit = IR_GIT_NO;
	walk_commits(o);
	walk_ends(o, IR_GIT_REACH_REF, 0, by_ref);
	walk_ends(o, IR_GIT_REACH_LOG, by_ref, o->n_ends);
	walk_index(o);
	take_rest(o);
	return 0;
}

int
ir_git_origins(struct ir_git *g,
    int (*fn)(void *arg, const struct ir_git_origin *o), void *arg,
    struct ir_git_stats *stats, struct ir_err *err)
{
	struct origins o = { .g = g, .stats = stats, .path = IR_BUF(65536) };
	int rc = 0;

	if (!g->n_sights)
		return 0;
	rc = find_all(&o);
	if (rc)
		rc = ir_fail(err, IR_OSERR, "no memory for the commits");
	for (uint32_t i = 0; i < o.n_found && !rc; i++)
		if (o.found[i].is)
			rc = tell(&o, i, fn, arg);
	for (uint32_t i = 0; o.found && i < o.n_found; i++)
		free(o.found[i].path);
	free(o.found);
	free(o.table);
	free(o.commits);
	free(o.parents);
	free(o.stack);
	free(o.order);
	free(o.seen);
	free(o.lately);
	free(o.loose_ends);
	ir_buf_free(&o.path);
	ir_git_reader_free(o.r);
	return rc;
}

const char *
ir_git_reach_name(enum ir_git_reach r)
{
	static const char *const names[] = {
		"none", "index", "reflog", "ref",
	};

	return names[r];
}
