/*
 * git_format.c - heads, indexes, commits, tags, trees of a git repository:
 * whatever the bytes are, what comes out lies within them.
 * The first byte: which of them; its highest bit: SHA-256.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "leak/git_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
need(int yes)
{
	if (!yes)
		abort();
}

static void
within(const void *p, size_t len, const uint8_t *data, size_t n)
{
	const uint8_t *s = p;

	need(!s || (s >= data && len <= n && s <= data + n - len));
}

static void
idx(const uint8_t *p, size_t n, size_t hash)
{
	struct ir_git_idx x;
	uint64_t size = n < 9 ? n : ir_git_be64(p);

	if (n < 9 || ir_git_idx(p + 8, n - 8, size, hash, &x))
		return;
	if (x.n)
		need(x.names + (uint64_t)(x.n - 1) * x.name_step + hash <=
		    size && x.offsets + (uint64_t)(x.n - 1) * x.offset_step +
		    4 <= size && x.big + 8 * x.n_big <= size);
	for (int i = 0; i < 255; i++)
		need(x.fan[i] <= x.fan[i + 1]);
	need(x.fan[255] == x.n);
}

static void
commit(const uint8_t *p, size_t n, size_t hash)
{
	unsigned char name[IR_GIT_HASH_MAX];
	struct ir_git_commit c;
	struct ir_git_tag t;

	if (!ir_git_commit(p, n, hash, &c)) {
		within(c.author.p, c.author.n, p, n);
		within(c.committer.p, c.committer.n, p, n);
		within(c.parents, c.n_parents * (8 + 2 * hash) -
		    (c.n_parents > 0), p, n);
		for (size_t i = 0; i < c.n_parents; i++)
			ir_git_parent(&c, i, hash, name);
	}
	if (!ir_git_tag(p, n, hash, &t))
		within(t.tagger.p, t.tagger.n, p, n);
}

static void
tree(const uint8_t *p, size_t n, size_t hash)
{
	const unsigned char *s = p;
	struct ir_git_tree_entry e;
	struct ir_git_index x;

	while (ir_git_tree_next(&s, p + n, hash, &e) == 1) {
		within(e.name, e.n, p, n);
		within(e.object, hash, p, n);
	}
	if (ir_git_index_open(&x, p, n, hash))
		return;
	while (ir_git_index_next(&x) == 1)
		within(x.object, hash, p, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t hash = n && data[0] & 0x80 ? 32 : 20;
	struct ir_git_entry e;
	enum ir_git_kind kind;
	uint64_t size;
	int used;

	if (!n)
		return 0;
	switch (data[0] & 3) {
	case 0:
		if (!ir_git_entry(data + 1, n - 1, hash, &e)) {
			need(e.head <= n - 1);
			within(e.base, hash, data + 1, n - 1);
		}
		used = ir_git_loose(data + 1, n - 1, &kind, &size);
		need(used < 0 || (size_t)used <= n - 1);
		break;
	case 1:
		idx(data + 1, n - 1, hash);
		break;
	case 2:
		commit(data + 1, n - 1, hash);
		break;
	default:
		tree(data + 1, n - 1, hash);
	}
	return 0;
}
