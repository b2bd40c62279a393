/* manifest.c - see manifest.h */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/file.h"
#include "manifest.h"

#define TAIL (3 * (size_t)IR_MANIFEST_MAX)	/* what may be in doubt */
#define CHUNK (1u << 20)	/* what is read at a time for the index */

/*
 * Where an id's line begins, plus 1, and above that some bits of the id's
 * hash, so that other lines need not be read; 0: free.  Eight bytes each: a
 * million of them are a table of 16 MB.
 */
#define AT_BITS 36		/* 64 GiB of lines */
#define LOW ((UINT64_C(1) << AT_BITS) - 1)
#define AT(place) ((off_t)((place) & LOW) - 1)

struct ir_manifest {
	int fd;
	struct ir_buf pending;
	uint64_t *places;	/* a table by hash */
	size_t slots, n;
};

/* A crash may have cut the last line off: the next one begins afresh. */
static void
mend_last_line(struct ir_manifest *m)
{
	off_t end = lseek(m->fd, 0, SEEK_END);
	char last;

	if (end > 0 && pread(m->fd, &last, 1, end - 1) == 1 && last != '\n')
		ir_buf_chr(&m->pending, '\n');
}

int
ir_manifest_open(struct ir_manifest **out, struct ir_queue *q, bool make,
    struct ir_err *err)
{
	struct ir_manifest *m;
	struct stat st;
	int fd;

	*out = NULL;
	fd = openat(ir_queue_fd(q), IR_MANIFEST, O_RDWR | O_APPEND |
	    O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0), 0640);
	if (fd < 0 && errno == ENOENT && !make)
		return 0;
	if (fd < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_CANTCREAT),
		    errno, "%s/%s", ir_queue_name(q), IR_MANIFEST);
	/* a pipe of that name would keep us waiting */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return ir_fail(err, IR_CONFIG, "%s/%s: not a regular file",
		    ir_queue_name(q), IR_MANIFEST);
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return ir_fail(err, IR_TEMPFAIL,
		    "queue %s: another run is working on it",
		    ir_queue_name(q));
	}
	m = calloc(1, sizeof *m);
	if (!m) {
		close(fd);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	m->fd = fd;
	m->pending.max = IR_MANIFEST_MAX;
	mend_last_line(m);
	if (make)
		(void)fsync(ir_queue_fd(q));
	*out = m;
	return 0;
}

void
ir_manifest_close(struct ir_manifest *m)
{
	if (!m)
		return;
	close(m->fd);
	ir_buf_free(&m->pending);
	free(m->places);
	free(m);
}

void
ir_manifest_add(struct ir_manifest *m, struct ir_buf *lines)
{
	ir_buf_add(&m->pending, ir_buf_cstr(lines), lines->len);
	m->pending.bad = m->pending.bad || lines->bad;
	ir_buf_trunc(lines, 0);
}

int
ir_manifest_commit(struct ir_manifest *m, bool sync, struct ir_err *err)
{
	if (ir_buf_check(&m->pending, IR_MANIFEST, err))
		return -1;
	if (ir_write_all(m->fd, ir_buf_cstr(&m->pending), m->pending.len) ||
	    (sync && fdatasync(m->fd)))
		return ir_fail_errno(err, IR_IOERR, errno, IR_MANIFEST);
	ir_buf_trunc(&m->pending, 0);
	return 0;
}

int
ir_manifest_fd(const struct ir_manifest *m)
{
	return m ? m->fd : -1;
}

off_t
ir_manifest_end(const struct ir_manifest *m)
{
	return lseek(m->fd, 0, SEEK_END);
}

/* Bytes from `at` to at most b->max. */
static int
read_at(struct ir_manifest *m, struct ir_buf *b, off_t at, struct ir_err *err)
{
	char chunk[65536];
	ssize_t got;

	ir_buf_trunc(b, 0);
	while (b->len + sizeof chunk <= b->max) {
		got = pread(m->fd, chunk, sizeof chunk, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ir_fail_errno(err, IR_IOERR, errno,
			    IR_MANIFEST);
		if (got == 0)
			break;
		ir_buf_add(b, chunk, (size_t)got);
		at += got;
	}
	return ir_buf_check(b, IR_MANIFEST, err);
}

/*
 * Where a line at `at` says that what is in doubt begins; the whole ends with
 * it, and begins at byte `base` of the file.
 */
static const char *
settled_upto(const char *whole, off_t base, const char *at, const char *nl)
{
	struct ir_rec *r = ir_rec_parse(at, (size_t)(nl - at), NULL);
	int64_t upto = ir_rec_get_int(r, "upto", -1);

	ir_rec_free(r);
	if (upto < 0 || upto > base + (at - whole))
		return nl + 1;
	return upto < base ? whole : whole + (upto - base);
}

static bool
line_is(const char *p, size_t n, const char *type)
{
	char head[64];
	size_t len = (size_t)snprintf(head, sizeof head, "{\"type\":\"%s\",",
	    type);

	return n >= len && memcmp(p, head, len) == 0;
}

int
ir_manifest_doubts(struct ir_manifest *m,
    int (*fn)(const struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(TAIL + 65536);
	const char *p, *from, *nl, *end;
	struct ir_rec *r;
	struct stat st;
	off_t base;
	size_t n;
	int rc;

	if (fstat(m->fd, &st))
		return ir_fail_errno(err, IR_IOERR, errno, IR_MANIFEST);
	base = st.st_size > (off_t)TAIL ? st.st_size - (off_t)TAIL : 0;
	rc = read_at(m, &b, base, err);
	from = ir_buf_cstr(&b);
	end = from + b.len;
	for (p = from; rc == 0 && (nl = memchr(p, '\n', (size_t)(end - p)));
	    p = nl + 1) {
		n = (size_t)(nl - p);
		if (line_is(p, n, "queue-moved") ||
		    line_is(p, n, "queue-restored") ||
		    line_is(p, n, "queue-deleted"))
			from = settled_upto(b.data, base, p, nl);
	}
	for (p = from; rc == 0 && (nl = memchr(p, '\n', (size_t)(end - p)));
	    p = nl + 1) {
		r = ir_rec_parse(p, (size_t)(nl - p), NULL);
		if (r)
			rc = fn(r, arg);
		ir_rec_free(r);
	}
	ir_buf_free(&b);
	return rc;
}

/* --- where a message's line is ------------------------------------------ */

static uint64_t
id_hash(const char *id, size_t n)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)id[i]) * 1099511628211u;
	return h ^ h >> 32;
}

static size_t
home_of(const struct ir_manifest *m, uint64_t place)
{
	return (size_t)(place >> AT_BITS) & (m->slots - 1);
}

/* The id in a line that begins with queue-move; its length, or 0. */
static size_t
id_of(const char **p, size_t n)
{
	static const char head[] = "{\"type\":\"queue-move\",\"id\":\"";

	if (n < sizeof head || memcmp(*p, head, sizeof head - 1) != 0)
		return 0;
	*p += sizeof head - 1;
	return ir_spool_id_len(*p, n - (sizeof head - 1));
}

/* Does the line there begin with that id? */
static bool
line_of(const struct ir_manifest *m, uint64_t place, const char *id, size_t n)
{
	char line[96];
	const char *p = line;
	ssize_t got = pread(m->fd, line, sizeof line, AT(place));

	return got > 0 && id_of(&p, (size_t)got) == n &&
	    memcmp(p, id, n) == 0;
}

/* Its place in the table, or the free one where it belongs. */
static uint64_t *
place_of(const struct ir_manifest *m, const char *id, size_t n)
{
	uint64_t hash = id_hash(id, n);
	size_t i = home_of(m, hash);

	while (m->places[i] && ((m->places[i] ^ hash) >> AT_BITS ||
	    !line_of(m, m->places[i], id, n)))
		i = (i + 1) & (m->slots - 1);
	return &m->places[i];
}

static int
more_places(struct ir_manifest *m)
{
	size_t slots = m->slots, i, k;
	uint64_t *old = m->places;

	if (slots && m->n * 4 < slots * 3)
		return 0;
	m->slots = slots ? slots * 2 : 1024;
	m->places = calloc(m->slots, sizeof *m->places);
	if (!m->places) {
		m->places = old;
		m->slots = slots;
		return -1;
	}
	for (k = 0; k < slots; k++) {
		if (!old[k])
			continue;
		for (i = home_of(m, old[k]); m->places[i];
		    i = (i + 1) & (m->slots - 1))
			;
		m->places[i] = old[k];
	}
	free(old);
	return 0;
}

static int
index_line(struct ir_manifest *m, const char *p, size_t n, off_t at)
{
	size_t len = id_of(&p, n);
	uint64_t *v;

	if (len == 0)
		return 0;
	if (at + 1 >= (off_t)1 << AT_BITS || more_places(m))
		return -1;
	v = place_of(m, p, len);
	m->n += *v == 0;
	*v = (id_hash(p, len) & ~LOW) | ((uint64_t)at + 1);
	return 0;
}

int
ir_manifest_index(struct ir_manifest *m, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(CHUNK);
	const char *p, *nl;
	off_t at = 0;
	int rc = more_places(m);

	while (rc == 0) {
		rc = read_at(m, &b, at, err);
		if (rc || !b.len)
			break;
		p = b.data;
		while (rc == 0 && (nl = memchr(p, '\n',
		    b.len - (size_t)(p - b.data)))) {
			rc = index_line(m, p, (size_t)(nl - p),
			    at + (p - b.data));
			p = nl + 1;
		}
		if (p == b.data)
			break;		/* no whole line is left */
		at += p - b.data;
	}
	ir_buf_free(&b);
	return rc ? ir_fail(err, IR_OSERR, "no memory") : 0;
}

struct ir_rec *
ir_manifest_find(const struct ir_manifest *m, const char *id)
{
	char line[IR_MANIFEST_LINE], *nl;
	uint64_t place;
	ssize_t n;

	place = m->slots ? *place_of(m, id, strlen(id)) : 0;
	n = place ? pread(m->fd, line, sizeof line, AT(place)) : 0;
	nl = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	return nl ? ir_rec_parse(line, (size_t)(nl - line), NULL) : NULL;
}
