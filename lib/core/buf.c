/* buf.c - see buf.h */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "err.h"

/* Make room for n more bytes and the NUL. */
static bool
room(struct ir_buf *b, size_t n)
{
	size_t cap;
	char *p;

	if (b->bad)
		return false;
	if (n > b->max - b->len) {
		b->bad = true;
		return false;
	}
	if (b->len + n < b->cap)
		return true;
	cap = b->cap ? b->cap * 2 : 256;
	while (cap < b->len + n + 1)
		cap *= 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	if (b->wipe) {
		/* realloc would leave a copy behind */
		p = malloc(cap);
		if (p && b->len)
			memcpy(p, b->data, b->len);
		if (p && b->data)
			explicit_bzero(b->data, b->cap);
		if (p)
			free(b->data);
	} else {
		p = realloc(b->data, cap);
	}
	if (!p) {
		b->bad = true;
		return false;
	}
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return true;
}

void
ir_buf_add(struct ir_buf *b, const void *bytes, size_t n)
{
	if (!room(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
ir_buf_str(struct ir_buf *b, const char *s)
{
	ir_buf_add(b, s, strlen(s));
}

void
ir_buf_chr(struct ir_buf *b, int c)
{
	char ch = (char)c;

	ir_buf_add(b, &ch, 1);
}

void
ir_buf_fmt(struct ir_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !room(b, (size_t)n)) {
		b->bad = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
ir_buf_trunc(struct ir_buf *b, size_t len)
{
	if (len >= b->len)
		return;
	if (b->wipe)
		explicit_bzero(b->data + len, b->len - len);
	b->len = len;
	b->data[len] = '\0';
}

const char *
ir_buf_cstr(const struct ir_buf *b)
{
	return b->data ? b->data : "";
}

char *
ir_buf_take(struct ir_buf *b)
{
	char *p;

	if (!b->data)
		room(b, 0);
	p = b->data;
	b->data = NULL;
	b->len = b->cap = 0;
	return p;
}

int
ir_buf_check(const struct ir_buf *b, const char *what, struct ir_err *err)
{
	if (!b->bad)
		return 0;
	return ir_fail(err, IR_DATAERR, "%s: larger than %zu bytes", what,
	    b->max);
}

void
ir_buf_free(struct ir_buf *b)
{
	if (b->data && b->wipe)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->bad = false;
}

int
ir_buf_read_fd(struct ir_buf *b, int fd, const char *name, struct ir_err *err)
{
	char chunk[65536];
	ssize_t n;

	for (;;) {
		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		ir_buf_add(b, chunk, (size_t)n);
		if (b->bad)
			break;
	}
	if (b->wipe)
		explicit_bzero(chunk, sizeof chunk);
	if (n < 0)
		return ir_fail_errno(err, IR_IOERR, errno, "%s", name);
	return ir_buf_check(b, name, err);
}

int
ir_buf_read_file(struct ir_buf *b, const char *path, struct ir_err *err)
{
	struct stat st;
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return ir_buf_read_fd(b, STDIN_FILENO, "standard input", err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rc = ir_fail_errno(err, IR_NOINPUT, EISDIR, "%s", path);
	else
		rc = ir_buf_read_fd(b, fd, path, err);
	close(fd);
	return rc;
}

int
ir_buf_read_kept(struct ir_buf *b, const char *path, struct ir_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
	    O_NONBLOCK), rc;
	struct stat st;

	if (fd < 0)
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = ir_fail(err, IR_NOINPUT, "%s: not a regular file", path);
	else
		rc = ir_buf_read_fd(b, fd, path, err);
	close(fd);
	return rc;
}
