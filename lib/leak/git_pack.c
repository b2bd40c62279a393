/* git_pack.c - a pack: where its entries are, and what hangs on what */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "git_in.h"

#define PACK_HEAD 12		/* "PACK", version, number of objects */
#define READ_AT_ONCE 65536

int
ir_git_open_file(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

void
ir_git_pack_close(struct ir_git_pack *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->idx_fd >= 0)
		close(p->idx_fd);
	free(p->name);
	free(p->bytes);
	free(p->held);
	free(p->off);
	free(p->pos);
	free(p->base);
	free(p->kind);
	free(p->kids);
	free(p->kids_at);
	free(p->root);
	free(p->names);
	free(p->entry);
	memset(p, 0, sizeof *p);
	p->fd = p->idx_fd = -1;
}

/* An entry's place, and whose it is, for sorting. */
struct place {
	uint64_t off;
	uint32_t pos;
};

/* By offset, of which none is above max: eleven bits at a time. */
static int
sort_places(struct place **v, uint32_t n, uint64_t max)
{
	struct place *tmp = malloc(((size_t)n + 1) * sizeof *tmp);

	if (!tmp)
		return -1;
	for (unsigned shift = 0; shift < 64 && max >> shift; shift += 11) {
		size_t count[2048] = { 0 }, sum = 0;
		struct place *to = tmp;

		for (uint32_t i = 0; i < n; i++)
			count[(*v)[i].off >> shift & 2047]++;
		for (size_t i = 0; i < 2048; i++) {
			size_t c = count[i];

			count[i] = sum;
			sum += c;
		}
		for (uint32_t i = 0; i < n; i++)
			to[count[(*v)[i].off >> shift & 2047]++] = (*v)[i];
		tmp = *v;
		*v = to;
	}
	free(tmp);
	return 0;
}

/* Rows of the index's table of offsets, a chunk at a time. */
static int
read_places(struct ir_git *g, const struct ir_git_pack *p, struct place *v)
{
	const struct ir_git_idx *x = &p->idx;
	size_t rows = IR_GIT_CHUNK / x->offset_step, lost = 0;
	unsigned char *buf = malloc(IR_GIT_CHUNK), far[8];
	uint32_t done = 0;
	int rc = -1;

	if (!buf)
		return -2;
	while (done < x->n) {
		size_t k = x->n - done < rows ? x->n - done : rows;
		/* of the last row, no more than the offset need be there */
		size_t n = (k - 1) * x->offset_step + 4;

		if (ir_git_pread(p->idx_fd, buf, n, x->offsets +
		    (uint64_t)done * x->offset_step))
			goto out;
		for (size_t i = 0; i < k; i++) {
			uint64_t off = ir_git_be32(buf + i * x->offset_step);

			if (off & 0x80000000 && x->big) {
				off &= 0x7fffffff;
				if (off >= x->n_big || ir_git_pread(p->idx_fd,
				    far, 8, x->big + off * 8))
					off = 0;
				else
					off = ir_git_be64(far);
			}
			if (off < PACK_HEAD || off >= p->off[0]) {
				off = p->off[0];
				lost++;
			}
			v[done + i] = (struct place){ off,
			    (uint32_t)(done + i) };
		}
		done += (uint32_t)k;
	}
	if (lost)
		ir_git_problem(g, "%s: %zu objects lie outside of the pack",
		    p->name, lost);
	rc = 0;
out:
	free(buf);
	return rc;
}

/* The table of entries.  Two names for one place are one entry. */
static int
place_entries(struct ir_git *g, struct ir_git_pack *p)
{
	uint64_t end = p->off[0];
	struct place *v = malloc(((size_t)p->idx.n + 1) * sizeof *v);
	int rc = -2;

	if (!v)
		return -2;
	rc = read_places(g, p, v);
	if (rc || sort_places(&v, p->idx.n, end)) {
		rc = rc ? rc : -2;
		goto out;
	}
	rc = -2;
	free(p->off);
	p->off = malloc(((size_t)p->idx.n + 1) * sizeof *p->off);
	p->pos = malloc(((size_t)p->idx.n + 1) * sizeof *p->pos);
	if (!p->off || !p->pos)
		goto out;
	for (uint32_t i = 0; i < p->idx.n && v[i].off < end; i++) {
		if (p->m && p->off[p->m - 1] == v[i].off)
			continue;
		p->off[p->m] = v[i].off;
		p->pos[p->m++] = v[i].pos;
	}
	p->off[p->m] = end;
	rc = 0;
out:
	free(v);
	return rc;
}

static int
open_both(struct ir_git_pack *p, const char *idx_path, size_t hash,
    uint64_t *size)
{
	unsigned char head[IR_GIT_IDX_HEAD];
	uint64_t idx_size;
	const char *slash = strrchr(idx_path, '/');
	size_t n = strlen(idx_path) - 4;	/* without ".idx" */
	char *path = malloc(n + 6);
	size_t dir = slash ? (size_t)(slash + 1 - idx_path) : 0;

	if (!path)
		return -2;
	memcpy(path, idx_path, n);
	memcpy(path + n, ".pack", 6);
	p->name = strdup(path + dir);
	p->idx_fd = ir_git_open_file(idx_path, &idx_size);
	p->fd = p->name ? ir_git_open_file(path, size) : -1;
	free(path);
	if (!p->name)
		return -2;
	if (p->fd < 0 || p->idx_fd < 0 ||
	    ir_git_pread(p->idx_fd, head, sizeof head < idx_size ?
	    sizeof head : (size_t)idx_size, 0) ||
	    ir_git_idx(head, idx_size < sizeof head ? (size_t)idx_size :
	    sizeof head, idx_size, hash, &p->idx) ||
	    ir_git_pread(p->fd, head, PACK_HEAD, 0) ||
	    memcmp(head, "PACK", 4) ||
	    (ir_git_be32(head + 4) != 2 && ir_git_be32(head + 4) != 3) ||
	    *size < PACK_HEAD + hash)
		return -1;
	return 0;
}

int
ir_git_pack_open(struct ir_git *g, struct ir_git_pack *p,
    const char *idx_path)
{
	uint64_t size;
	int rc;

	memset(p, 0, sizeof *p);
	p->fd = p->idx_fd = -1;
	rc = open_both(p, idx_path, g->hash, &size);
	if (rc == -1)
		ir_git_problem(g, "%s: not readable, or no pack and its index",
		    p->name);
	if (!rc && p->idx.n > IR_GIT_OBJECTS_MAX - g->packed) {
		ir_git_problem(g, "%s: more than %d objects", p->name,
		    IR_GIT_OBJECTS_MAX);
		rc = -1;
	}
	if (!rc) {
		/* until the table is made, off[0] is where the data ends */
		p->off = malloc(sizeof *p->off);
		if (!p->off)
			rc = -2;
		else
			p->off[0] = size - g->hash;
	}
	if (rc)
		ir_git_pack_close(p);
	return rc;
}

/* The entry that begins there, among the first n. */
static uint32_t
entry_at(const struct ir_git_pack *p, uint32_t n, uint64_t off)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->off[mid] < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && p->off[lo] == off ? lo : IR_GIT_NO;
}

int
ir_git_pack_names(const struct ir_git *g, struct ir_git_pack *p)
{
	const struct ir_git_idx *x = &p->idx;
	size_t n = (size_t)x->n * g->hash;

	if (!p->names) {
		unsigned char *v = malloc(n + 1);

		if (!v)
			return -1;
		if (x->name_step == g->hash) {
			if (ir_git_pread(p->idx_fd, v, n, x->names))
				memset(v, 0, n);
		} else for (uint32_t i = 0; i < x->n; i++)
			if (ir_git_pread(p->idx_fd, v + i * g->hash, g->hash,
			    x->names + (uint64_t)i * x->name_step))
				memset(v + i * g->hash, 0, g->hash);
		p->names = v;
	}
	if (p->base && !p->entry) {
		p->entry = malloc(((size_t)x->n + 1) * sizeof *p->entry);
		if (!p->entry)
			return -1;
		memset(p->entry, 0xff, ((size_t)x->n + 1) * sizeof *p->entry);
		for (uint32_t i = 0; i < p->m; i++)
			p->entry[p->pos[i]] = i;
	}
	return 0;
}

uint32_t
ir_git_pack_find(const struct ir_git *g, const struct ir_git_pack *p,
    const unsigned char *name)
{
	uint32_t lo = name[0] ? p->idx.fan[name[0] - 1] : 0;
	uint32_t hi = p->idx.fan[name[0]];

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = memcmp(p->names + (size_t)mid * g->hash, name, g->hash);

		if (!c)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return IR_GIT_NO;
}

/* REF_DELTA: the entry of that name.  One in a second place is not found. */
static int
base_by_name(const struct ir_git *g, struct ir_git_pack *p,
    const unsigned char *name, uint32_t *base)
{
	uint32_t object;

	if (ir_git_pack_names(g, p))
		return -1;
	object = ir_git_pack_find(g, p, name);
	*base = object == IR_GIT_NO ? IR_GIT_NO : p->entry[object];
	return 0;
}

/* Room for the small entries, as far as they may be held. */
static void
hold(struct ir_git *g, struct ir_git_pack *p)
{
	size_t sum = 0, max = IR_GIT_SMALL_HELD - (size_t)g->held;

	p->held = malloc(((size_t)p->m + 1) * sizeof *p->held);
	for (uint32_t i = 0; p->held && i < p->m; i++) {
		uint64_t len = p->off[i + 1] - p->off[i];

		p->held[i] = IR_GIT_NO;
		if (len > IR_GIT_SMALL || len > max - sum)
			continue;
		p->held[i] = (uint32_t)sum;
		sum += (size_t)len;
	}
	p->bytes = p->held ? malloc(sum + 1) : NULL;
	if (p->bytes) {
		g->held += sum;
		return;
	}
	free(p->held);
	p->held = NULL;
}

/* n bytes of entry i, of which the last ones that were read are in buf, from
   *from to *to.  NULL: they cannot be had. */
static const unsigned char *
bytes_of(const struct ir_git_pack *p, uint32_t i, size_t n,
    unsigned char *buf, uint64_t *from, uint64_t *to)
{
	uint64_t off = p->off[i], left = p->off[p->m] - off;

	if (off < *from || off + n > *to) {
		*from = off;
		*to = off + (left < READ_AT_ONCE ? left : READ_AT_ONCE);
		if (ir_git_pread(p->fd, buf, (size_t)(*to - off), off)) {
			*to = off;
			return NULL;
		}
	}
	return buf + (off - *from);
}

/* What each entry is and hangs on; kids_at[] counts what hangs on it. */
static int
read_heads(struct ir_git *g, struct ir_git_pack *p, unsigned char *buf)
{
	uint64_t from = 0, to = 0;	/* bytes of the file in buf */

	for (uint32_t i = 0; i < p->m; i++) {
		uint64_t off = p->off[i], len = p->off[i + 1] - off;
		bool held = p->held && p->held[i] != IR_GIT_NO;
		size_t n = held || len < IR_GIT_ENTRY_MAX ? (size_t)len :
		    IR_GIT_ENTRY_MAX;
		const unsigned char *at = bytes_of(p, i, n, buf, &from, &to);
		struct ir_git_entry e;
		uint32_t base = IR_GIT_NO;

		p->base[i] = IR_GIT_NO;
		if (held && at)
			memcpy(p->bytes + p->held[i], at, n);
		else if (held)
			p->held[i] = IR_GIT_NO;
		if (!at || ir_git_entry(at, n, g->hash, &e)) {
			ir_git_problem(g, "%s: entry at %llu: damaged", p->name,
			    (unsigned long long)off);
			continue;
		}
		if (e.type <= IR_GIT_TAG) {
			p->kind[i] = (uint8_t)e.type;
			p->root[p->roots++] = i;
			continue;
		}
		if (e.base ? base_by_name(g, p, e.base, &base) : 0)
			return -1;
		if (!e.base && e.back <= off)
			base = entry_at(p, i, off - e.back);
		p->base[i] = base;
		if (base != IR_GIT_NO)
			p->kids_at[base + 1]++;
	}
	return 0;
}

/*
 * Sort what hangs on each entry into kids, and give it the kind of what it
 * hangs on.  The kid that most hangs on comes last: whoever walks down can
 * let go of its parent then, and holds few objects at a time (each further
 * one has at most half of what hangs on the one before).
 */
static int
sort_kids(struct ir_git_pack *p)
{
	uint32_t *fill = malloc(((size_t)p->m + 1) * sizeof *fill);
	uint32_t *order = malloc(((size_t)p->m + 1) * sizeof *order);
	uint32_t n = p->roots;

	if (!fill || !order) {
		free(fill);
		free(order);
		return -1;
	}
	for (uint32_t i = 0; i < p->m; i++)
		p->kids_at[i + 1] += p->kids_at[i];
	memcpy(fill, p->kids_at, (size_t)p->m * sizeof *fill);
	for (uint32_t i = 0; i < p->m; i++)
		if (p->base[i] != IR_GIT_NO)
			p->kids[fill[p->base[i]]++] = i;
	memcpy(order, p->root, n * sizeof *order);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = p->kids_at[order[i]];
		    k < p->kids_at[order[i] + 1]; k++) {
			p->kind[p->kids[k]] = p->kind[order[i]];
			order[n++] = p->kids[k];
		}
	/* from here on fill is how many hang on an entry, with itself */
	for (uint32_t i = 0; i < p->m; i++)
		fill[i] = 1;
	while (n--) {
		uint32_t e = order[n], last = p->kids_at[e + 1] - 1;

		for (uint32_t k = p->kids_at[e]; k < p->kids_at[e + 1]; k++) {
			uint32_t kid = p->kids[k];

			fill[e] += fill[kid];
			if (fill[kid] > fill[p->kids[last]]) {
				p->kids[k] = p->kids[last];
				p->kids[last] = kid;
			}
		}
	}
	free(fill);
	free(order);
	return 0;
}

int
ir_git_pack_load(struct ir_git *g, struct ir_git_pack *p)
{
	unsigned char *buf = NULL;
	int rc;

	if (p->base)
		return 0;
	rc = place_entries(g, p);
	if (rc == -1) {
		ir_git_problem(g, "%s: its index cannot be read", p->name);
		p->m = 0;
		rc = 0;
	}
	if (rc)
		return -1;
	hold(g, p);
	p->base = calloc((size_t)p->m + 1, sizeof *p->base);
	p->kind = calloc((size_t)p->m + 1, sizeof *p->kind);
	p->kids = calloc((size_t)p->m + 1, sizeof *p->kids);
	p->kids_at = calloc((size_t)p->m + 2, sizeof *p->kids_at);
	p->root = calloc((size_t)p->m + 1, sizeof *p->root);
	buf = malloc(READ_AT_ONCE);
	rc = p->base && p->kind && p->kids && p->kids_at && p->root && buf &&
	    !read_heads(g, p, buf) && !sort_kids(p) ? 0 : -1;
	free(buf);
	return rc;
}
