/* manifest.c - see manifest.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/file.h"
#include "manifest.h"

#define TAIL (2u << 20)		/* more than a batch can be */
#define PENDING_MAX (4u << 20)

struct ir_manifest {
	int fd;
	struct ir_buf pending;
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
		    "queue %s: another exim-queue-purge is working on it",
		    ir_queue_name(q));
	}
	m = calloc(1, sizeof *m);
	if (!m) {
		close(fd);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	m->fd = fd;
	m->pending.max = PENDING_MAX;
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
	free(m);
}

void
ir_manifest_add(struct ir_manifest *m, struct ir_rec *line)
{
	ir_rec_json(line, &m->pending);
	ir_buf_chr(&m->pending, '\n');
	ir_rec_free(line);
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

/* The lines of a text that hold `with` (NULL: all) and are records. */
static int
each_line(const char *p, size_t n, const char *with, const char *without,
    int (*fn)(const struct ir_rec *, void *), void *arg)
{
	const char *end = p + n, *nl;
	struct ir_rec *r;
	size_t len;
	int rc = 0;

	for (; rc == 0 && p < end &&
	    (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1) {
		len = (size_t)(nl - p);
		if (with && !memmem(p, len, with, strlen(with)))
			continue;
		if (without && memmem(p, len, without, strlen(without)))
			continue;
		r = ir_rec_parse(p, len, NULL);
		if (r)
			rc = fn(r, arg);
		ir_rec_free(r);
	}
	return rc;
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

int
ir_manifest_doubts(struct ir_manifest *m,
    int (*fn)(const struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	static const char done[] = "{\"type\":\"queue-moved\"";
	struct ir_buf b = IR_BUF(TAIL + 65536);
	const char *p, *from, *hit;
	struct stat st;
	int rc;

	if (fstat(m->fd, &st))
		return ir_fail_errno(err, IR_IOERR, errno, IR_MANIFEST);
	rc = read_at(m, &b, st.st_size > (off_t)TAIL ? st.st_size -
	    (off_t)TAIL : 0, err);
	if (rc == 0) {
		from = ir_buf_cstr(&b);
		for (p = from; (hit = strstr(p, done)); p = hit + 1)
			from = hit;
		rc = each_line(from, b.len - (size_t)(from - ir_buf_cstr(&b)),
		    "\"queue-move\"", NULL, fn, arg);
	}
	ir_buf_free(&b);
	return rc;
}

int
ir_manifest_sources(struct ir_manifest *m,
    int (*fn)(const struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(TAIL);
	const char *nl;
	off_t at = 0;
	int rc;

	for (;;) {
		rc = read_at(m, &b, at, err);
		nl = rc == 0 && b.len ? memrchr(b.data, '\n', b.len) : NULL;
		if (!nl)
			break;
		rc = each_line(b.data, (size_t)(nl - b.data) + 1,
		    "\"queue-move\"", "\"source\":\"\"", fn, arg);
		if (rc)
			break;
		at += nl - b.data + 1;
	}
	ir_buf_free(&b);
	return rc;
}
