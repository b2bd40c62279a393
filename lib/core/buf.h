/*
 * buf.h - a byte buffer that grows to a stated maximum and no further.
 *
 * The buffer is always NUL-terminated after `len` bytes, so `data` may be
 * read as a string when the content has no NUL.  Overflow and lack of memory
 * are sticky: later appends do nothing, and ir_buf_bad() says so.
 */
#ifndef IR_BUF_H
#define IR_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct ir_err;

struct ir_buf {
	char *data;		/* owned; NULL until the first append */
	size_t len, cap;
	size_t max;		/* most bytes of content */
	bool bad;		/* overflow or no memory */
	bool wipe;		/* secret: cleansed when freed or moved */
};

#define IR_BUF(max) { NULL, 0, 0, (max), false, false }
#define IR_BUF_SECRET(max) { NULL, 0, 0, (max), false, true }

void ir_buf_add(struct ir_buf *b, const void *bytes, size_t n);
void ir_buf_str(struct ir_buf *b, const char *s);
void ir_buf_chr(struct ir_buf *b, int c);
void ir_buf_fmt(struct ir_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ir_buf_trunc(struct ir_buf *b, size_t len);

/* The content as a string: "" when empty, never NULL. */
const char *ir_buf_cstr(const struct ir_buf *b);

/* Hand the content over to the caller, who frees it with free(). */
char *ir_buf_take(struct ir_buf *b);

/* 0, or -1 with code 65 ("what: too large") or 71 (no memory). */
int ir_buf_check(const struct ir_buf *b, const char *what, struct ir_err *err);

/* Free the content (cleansed first when it is secret); usable again. */
void ir_buf_free(struct ir_buf *b);

/*
 * Read all of fd, at most b->max bytes.  0, or -1: 65 when there is more,
 * 74 when reading fails (name is for the message).
 */
int ir_buf_read_fd(struct ir_buf *b, int fd, const char *name,
    struct ir_err *err);

/* The same for a path; "-" is standard input.  66 when it cannot be opened. */
int ir_buf_read_file(struct ir_buf *b, const char *path, struct ir_err *err);

/*
 * The same for a file of a folder that others may have filled: a regular
 * file and no link, so that it cannot lead elsewhere nor wait for ever.
 */
int ir_buf_read_kept(struct ir_buf *b, const char *path, struct ir_err *err);

#endif
