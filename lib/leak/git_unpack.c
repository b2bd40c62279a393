/* git_unpack.c - entries of a pack, unpacked; see git_in.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "git_in.h"

#define SMALL 128	/* packed bytes: below, zlib has the lead over ISA-L */

int
ir_git_pread(int fd, void *to, size_t n, uint64_t at)
{
	unsigned char *p = to;

	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		p += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return 0;
}

int
ir_git_unpack_new(struct ir_git_unpack *u)
{
	memset(u, 0, sizeof *u);
	u->z = ir_gunzip_new();
	u->in = malloc(IR_GIT_CHUNK);
	if (!u->z || !u->in) {
		ir_git_unpack_free(u);
		return -1;
	}
	ir_gunzip_wrapped(u->z, IR_GUNZIP_ZLIB);
	return 0;
}

void
ir_git_unpack_free(struct ir_git_unpack *u)
{
	ir_gunzip_free(u->z);
	free(u->in);
	free(u->delta);
	memset(u, 0, sizeof *u);
}

void
ir_git_stream_open(struct ir_git_stream *s, struct ir_git_unpack *u, int fd,
    uint64_t at, uint64_t end)
{
	ir_gunzip_reset(u->z);
	*s = (struct ir_git_stream){ u, fd, at, end, NULL, 0, false, false };
}

size_t
ir_git_stream_read(struct ir_git_stream *s, unsigned char *out, size_t n)
{
	size_t sum = 0, made;

	while (sum < n && !s->done && !s->bad) {
		size_t had = s->n;
		int rc;

		if (!s->n && s->at < s->end) {
			s->n = s->end - s->at < IR_GIT_CHUNK ?
			    (size_t)(s->end - s->at) : IR_GIT_CHUNK;
			s->p = s->u->in;
			if (ir_git_pread(s->fd, s->u->in, s->n, s->at)) {
				s->bad = true;
				break;
			}
			s->at += s->n;
			had = s->n;
		}
		rc = ir_gunzip_run(s->u->z, &s->p, &s->n, out + sum, n - sum,
		    &made);
		sum += made;
		if (rc < 0 || (!rc && !made && s->n == had))
			s->bad = true;	/* also: cut off */
		else if (rc)
			s->done = true;
	}
	return sum;
}

/* deflate makes at most 258 bytes of two bits */
static bool
plausible(uint64_t packed, uint64_t size)
{
	return size / 1032 <= packed;
}

int
ir_git_entry_open(const struct ir_git *g, const struct ir_git_pack *p,
    uint32_t i, struct ir_git_unpack *u, struct ir_git_entry *e,
    struct ir_git_stream *s)
{
	uint64_t len = p->off[i + 1] - p->off[i];
	size_t n = len < IR_GIT_CHUNK ? (size_t)len : IR_GIT_CHUNK;
	const unsigned char *in = u->in;

	if (p->held && p->held[i] != IR_GIT_NO)
		in = p->bytes + p->held[i];
	else if (ir_git_pread(p->fd, u->in, n, p->off[i]))
		return -1;
	if (ir_git_entry(in, n, g->hash, e) || !plausible(len, e->size))
		return -1;
	ir_git_stream_open(s, u, p->fd, p->off[i] + n, p->off[i + 1]);
	s->p = in + e->head;
	s->n = n - e->head;
	return 0;
}

size_t
ir_git_stream_all(struct ir_git_stream *s, unsigned char *out, size_t size,
    bool *whole)
{
	size_t n;

	/* one byte more, so that too long a one shows */
	if (s->n <= SMALL && s->at == s->end) {
		s->done = !ir_gunzip_small(s->u->z, s->p, s->n, out, size + 1,
		    &n);
		s->bad = !s->done;
	} else {
		n = ir_git_stream_read(s, out, size + 1);
	}
	*whole = s->done && n == size;
	return n < size ? n : size;
}

int
ir_git_pack_delta(const struct ir_git *g, const struct ir_git_pack *p,
    uint32_t i, struct ir_git_unpack *u, size_t *n, uint64_t *base,
    uint64_t *result)
{
	struct ir_git_stream s;
	struct ir_git_entry e;
	bool whole;
	int used;

	*n = 0;
	if (ir_git_entry_open(g, p, i, u, &e, &s) ||
	    e.size > IR_GIT_OBJECT_MAX)
		return -1;
	if (u->cap_delta < e.size + IR_GIT_SLACK) {
		size_t cap = (size_t)e.size + (size_t)e.size / 2 + 65536;
		unsigned char *d = malloc(cap);

		if (!d)
			return -1;
		free(u->delta);
		u->delta = d;
		u->cap_delta = cap;
	}
	*n = ir_git_stream_all(&s, u->delta, (size_t)e.size, &whole);
	used = ir_git_delta_sizes(u->delta, *n, base, result);
	return whole ? used : -1;
}
