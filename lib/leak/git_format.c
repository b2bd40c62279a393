/* git_format.c - see git_format.h */
#include <string.h>

#include "../core/text.h"
#include "git_format.h"

uint32_t
ir_git_be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint64_t
ir_git_be64(const unsigned char *p)
{
	return (uint64_t)ir_git_be32(p) << 32 | ir_git_be32(p + 4);
}

int
ir_git_unhex(const char *p, size_t n, size_t hash, unsigned char *name)
{
	if (n < 2 * hash)
		return -1;
	for (size_t i = 0; i < hash; i++) {
		int hi = ir_hex_digit(p[2 * i]);
		int lo = ir_hex_digit(p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -1;
		name[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

/* A delta's way back: each further byte also counts one. */
static int
way_back(const unsigned char **p, const unsigned char *end, uint64_t *back)
{
	uint64_t v = 0;
	unsigned char c;

	do {
		if (*p == end || v >> 55)
			return -1;
		c = *(*p)++;
		v = v << 7 | (c & 0x7f);
		if (c & 0x80)
			v++;
	} while (c & 0x80);
	*back = v;
	return v ? 0 : -1;
}

int
ir_git_entry(const unsigned char *p, size_t n, size_t hash,
    struct ir_git_entry *e)
{
	const unsigned char *start = p, *end = p + n;
	unsigned shift = 4;
	unsigned char c;

	if (!n)
		return -1;
	c = *p++;
	memset(e, 0, sizeof *e);
	e->type = c >> 4 & 7;
	e->size = c & 15;
	while (c & 0x80) {
		if (p == end || shift > 53)
			return -1;
		c = *p++;
		e->size |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	}
	if (e->type == IR_GIT_OFS_DELTA) {
		if (way_back(&p, end, &e->back))
			return -1;
	} else if (e->type == IR_GIT_REF_DELTA) {
		if ((size_t)(end - p) < hash)
			return -1;
		e->base = p;
		p += hash;
	} else if (e->type < IR_GIT_COMMIT || e->type > IR_GIT_TAG) {
		return -1;
	}
	e->head = (size_t)(p - start);
	return 0;
}

int
ir_git_idx(const unsigned char *p, size_t n, uint64_t size, size_t hash,
    struct ir_git_idx *x)
{
	uint64_t fixed, before = 0;
	uint32_t last = 0;
	bool v2;

	memset(x, 0, sizeof *x);
	if (n < IR_GIT_IDX_HEAD)
		return -1;
	v2 = !memcmp(p, "\377tOc", 4);
	if (v2) {
		if (ir_git_be32(p + 4) != 2)
			return -1;
		p += 8;
		before = 8;
	}
	for (int i = 0; i < 256; i++) {
		x->fan[i] = ir_git_be32(p + 4 * i);
		if (x->fan[i] < last)
			return -1;
		last = x->fan[i];
	}
	/* the last number is for "none" */
	if (last >= UINT32_MAX)
		return -1;
	x->n = last;
	before += 256 * 4;
	fixed = before + (uint64_t)last * (hash + (v2 ? 8 : 4)) + 2 * hash;
	if (size < fixed)
		return -1;
	if (!v2) {
		x->offsets = before;
		x->names = before + 4;
		x->name_step = x->offset_step = hash + 4;
		return 0;
	}
	x->names = before;
	x->name_step = hash;
	x->offsets = before + (uint64_t)last * (hash + 4);
	x->offset_step = 4;
	x->big = x->offsets + (uint64_t)last * 4;
	x->n_big = (size - fixed) / 8;
	return 0;
}

static const struct {
	const char *word;
	enum ir_git_kind kind;
} kinds[] = {
	{ "commit ", IR_GIT_COMMIT }, { "tree ", IR_GIT_TREE },
	{ "blob ", IR_GIT_BLOB }, { "tag ", IR_GIT_TAG },
};

int
ir_git_loose(const unsigned char *p, size_t n, enum ir_git_kind *kind,
    uint64_t *size)
{
	size_t i = 0, digits;

	*size = 0;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !i; k++) {
		size_t len = strlen(kinds[k].word);

		if (n > len && !memcmp(p, kinds[k].word, len)) {
			*kind = kinds[k].kind;
			i = len;
		}
	}
	if (!i)
		return -1;
	for (digits = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		if (++digits > 18)
			return -1;
		*size = *size * 10 + (uint64_t)(p[i] - '0');
	}
	return digits && i < n && !p[i] ? (int)i + 1 : -1;
}

/* "Name <mail> 1700000000 +0900" */
static void
person(const char *p, size_t n, struct ir_git_person *who)
{
	size_t i = n;
	int64_t t = 0;
	bool minus = false;

	while (i && p[i - 1] != '>')
		i--;
	who->p = p;
	who->n = i ? i : n;
	who->time = 0;
	if (!i)
		return;
	while (i < n && p[i] == ' ')
		i++;
	if (i < n && p[i] == '-') {
		minus = true;
		i++;
	}
	for (; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		if (t < INT64_MAX / 100)
			t = t * 10 + (p[i] - '0');
	who->time = minus ? -t : t;
}

/* The line at *p, without its end; the head of an object ends at an empty
   one. */
static bool
head_line(const char **p, const char *end, const char **line, size_t *n)
{
	const char *nl;

	if (*p >= end)
		return false;
	nl = memchr(*p, '\n', (size_t)(end - *p));
	*line = *p;
	*n = (size_t)((nl ? nl : end) - *p);
	*p = nl ? nl + 1 : end;
	return *n > 0;
}

static bool
starts(const char *line, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && !memcmp(line, word, len);
}

int
ir_git_commit(const unsigned char *bytes, size_t n, size_t hash,
    struct ir_git_commit *c)
{
	const char *p = (const char *)bytes, *end = p + n, *line;
	size_t len, step = 7 + 2 * hash;

	memset(c, 0, sizeof *c);
	if (!head_line(&p, end, &line, &len) || len != 5 + 2 * hash ||
	    !starts(line, len, "tree ") ||
	    ir_git_unhex(line + 5, len - 5, hash, c->tree))
		return -1;
	while (head_line(&p, end, &line, &len)) {
		unsigned char name[IR_GIT_HASH_MAX];

		if (starts(line, len, "parent ") && !c->author.p) {
			/* in one row, so that they can be counted off */
			if (len != step || line + len == end ||
			    ir_git_unhex(line + 7, len - 7, hash, name) ||
			    (c->parents && line != c->parents +
			    c->n_parents * (step + 1)))
				return -1;
			if (!c->parents)
				c->parents = line;
			c->n_parents++;
		} else if (starts(line, len, "author ") && !c->author.p) {
			person(line + 7, len - 7, &c->author);
		} else if (starts(line, len, "committer ")) {
			person(line + 10, len - 10, &c->committer);
			break;
		}
	}
	return 0;
}

void
ir_git_parent(const struct ir_git_commit *c, size_t i, size_t hash,
    unsigned char *name)
{
	/* looked at when the commit was: they are digits */
	(void)ir_git_unhex(c->parents + i * (8 + 2 * hash) + 7, 2 * hash, hash,
	    name);
}

int
ir_git_tag(const unsigned char *bytes, size_t n, size_t hash,
    struct ir_git_tag *t)
{
	const char *p = (const char *)bytes, *end = p + n, *line;
	size_t len;

	memset(t, 0, sizeof *t);
	if (!head_line(&p, end, &line, &len) || !starts(line, len, "object ") ||
	    ir_git_unhex(line + 7, len - 7, hash, t->object))
		return -1;
	while (head_line(&p, end, &line, &len))
		if (starts(line, len, "tagger ")) {
			person(line + 7, len - 7, &t->tagger);
			break;
		}
	return 0;
}

int
ir_git_tree_next(const unsigned char **p, const unsigned char *end,
    size_t hash, struct ir_git_tree_entry *e)
{
	const unsigned char *s = *p, *nul;
	unsigned digits = 0;

	if (s == end)
		return 0;
	for (e->mode = 0; s < end && *s >= '0' && *s <= '7'; s++) {
		if (++digits > 7)
			return -1;
		e->mode = e->mode << 3 | (unsigned)(*s - '0');
	}
	if (!digits || s == end || *s++ != ' ')
		return -1;
	nul = memchr(s, 0, (size_t)(end - s));
	if (!nul || nul == s || (size_t)(end - nul - 1) < hash)
		return -1;
	e->name = (const char *)s;
	e->n = (size_t)(nul - s);
	e->object = nul + 1;
	*p = nul + 1 + hash;
	return 1;
}

int
ir_git_index_open(struct ir_git_index *x, const unsigned char *p, size_t n,
    size_t hash)
{
	memset(x, 0, sizeof *x);
	if (n < 12 || memcmp(p, "DIRC", 4))
		return -1;
	x->version = ir_git_be32(p + 4);
	x->left = ir_git_be32(p + 8);
	x->p = p + 12;
	x->end = p + n;
	x->hash = hash;
	return x->version >= 2 && x->version <= 4 ? 0 : -1;
}

/* Version 4: so many bytes off the last path's end, then what follows. */
static int
joined(struct ir_git_index *x, const unsigned char **s, size_t *keep)
{
	uint64_t cut = 0;
	size_t had = strlen(x->path);

	*keep = 0;
	if (x->version < 4)
		return 0;
	if (*s < x->end && !**s)
		(*s)++;
	else if (way_back(s, x->end, &cut) || cut > had)
		return -1;
	*keep = had - (size_t)cut;
	return 0;
}

int
ir_git_index_next(struct ir_git_index *x)
{
	const unsigned char *s = x->p, *nul;
	size_t fixed = 40 + x->hash + 2, keep, n, used;

	if (!x->left)
		return 0;
	if ((size_t)(x->end - s) < fixed + 2)
		return -1;
	x->object = s + 40;
	if (x->version >= 3 && s[fixed - 2] & 0x40)
		fixed += 2;
	s += fixed;
	if (joined(x, &s, &keep))
		return -1;
	nul = s < x->end ? memchr(s, 0, (size_t)(x->end - s)) : NULL;
	n = nul ? (size_t)(nul - s) : 0;
	if (!nul || keep + n >= sizeof x->path)
		return -1;
	memcpy(x->path + keep, s, n);
	x->path[keep + n] = '\0';
	used = (size_t)(nul + 1 - x->p);
	/* before version 4: 1 to 8 NULs to a multiple of eight */
	if (x->version < 4)
		used = (used + 7) & ~(size_t)7;
	if (used > (size_t)(x->end - x->p))
		return -1;
	x->p += used;
	x->left--;
	return 1;
}
