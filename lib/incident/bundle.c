/* bundle.c - see bundle.h */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "bundle.h"

#define BLOCK 512
#define CHUNK 65536

enum { MESSAGES, BODIES, SUMS, SIDES };

static const char *const side_name[] = { "messages.jsonl", "BODIES.SHA256",
	"SHA256SUMS" };

/* A member that is known whole only at the end: an unnamed file until then. */
struct side {
	int fd;
	int64_t size;
	struct ir_buf b;
};

struct ir_bundle {
	int fd;
	ZSTD_CCtx *z;
	bool plain;
	struct side side[SIDES];
	char *chunk, *out;
};

static int
failed(const struct ir_bundle *b, struct ir_err *err)
{
	(void)b;
	return ir_fail_errno(err, IR_IOERR, errno, "write the bundle");
}

/* An unnamed file in the folder of path. */
static int
open_side(const char *path, int which)
{
	char name[4096];
	int fd;

	if (snprintf(name, sizeof name, "%s.%s.tmp", path,
	    side_name[which]) >= (int)sizeof name)
		return -1;
	(void)unlink(name);	/* of a run that was killed right here */
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

static void
bundle_free(struct ir_bundle *b)
{
	int i;

	for (i = 0; i < SIDES; i++) {
		if (b->side[i].fd >= 0)
			close(b->side[i].fd);
		ir_buf_free(&b->side[i].b);
	}
	if (b->fd >= 0)
		close(b->fd);
	ZSTD_freeCCtx(b->z);
	free(b->chunk);
	free(b->out);
	free(b);
}

int
ir_bundle_open(struct ir_bundle **out, const char *path, struct ir_err *err)
{
	struct ir_bundle *b = calloc(1, sizeof *b);
	int i, e;

	if (!b)
		return ir_fail(err, IR_OSERR, "no memory");
	b->fd = -1;
	for (i = 0; i < SIDES; i++) {
		b->side[i].fd = -1;
		b->side[i].b.max = 2 * CHUNK;
	}
	b->chunk = malloc(CHUNK);
	b->out = malloc(CHUNK);
	b->z = ZSTD_createCCtx();
	if (!b->chunk || !b->out || !b->z) {
		bundle_free(b);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	ZSTD_CCtx_setParameter(b->z, ZSTD_c_checksumFlag, 1);
	b->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	for (i = 0; b->fd >= 0 && i < SIDES; i++) {
		b->side[i].fd = open_side(path, i);
		if (b->side[i].fd < 0) {
			e = errno;
			(void)unlink(path);
			errno = e;
			close(b->fd);
			b->fd = -1;
		}
	}
	if (b->fd < 0) {
		e = errno;
		bundle_free(b);
		return ir_fail_errno(err, IR_CANTCREAT, e, "%s", path);
	}
	*out = b;
	return 0;
}

void
ir_bundle_plain(struct ir_bundle *b)
{
	b->plain = true;
}

/* --- compressed bytes --------------------------------------------------- */

static int
put(struct ir_bundle *b, const void *bytes, size_t n, bool end,
    struct ir_err *err)
{
	ZSTD_inBuffer in = { bytes, n, 0 };
	ZSTD_outBuffer out;
	size_t left;

	do {
		out = (ZSTD_outBuffer){ b->out, CHUNK, 0 };
		left = ZSTD_compressStream2(b->z, &out, &in, end ?
		    ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return ir_fail(err, IR_SOFTWARE, "zstd: %s",
			    ZSTD_getErrorName(left));
		if (ir_write_all(b->fd, b->out, out.pos))
			return failed(b, err);
	} while (end ? left : in.pos < in.size);
	return 0;
}

/* --- members ------------------------------------------------------------ */

static void
octal(char *to, size_t width, int64_t v)
{
	uint64_t n = v < 0 ? 0 : (uint64_t)v;

	to[--width] = '\0';
	while (width) {
		to[--width] = (char)('0' + (n & 7));
		n >>= 3;
	}
}

/*
 * ustar keeps a long name in two pieces, and the '/' between them in neither:
 * 1, or 0 when that cannot be done.
 */
static int
put_name(unsigned char h[BLOCK], const char *name)
{
	size_t n = strlen(name), at;

	if (n < 100) {
		memcpy(h, name, n);
		return 1;
	}
	if (n >= IR_BUNDLE_NAME_MAX)
		return 0;
	for (at = n - 100; at < n && at < 155; at++)
		if (at && name[at] == '/') {
			memcpy(h, name + at + 1, n - at - 1);
			memcpy(h + 345, name, at);
			return 1;
		}
	return 0;
}

static int
put_head(struct ir_bundle *b, const char *name, int64_t n, int64_t mtime,
    struct ir_err *err)
{
	unsigned char h[BLOCK] = { 0 };
	char text[16];
	unsigned int sum = 0;
	size_t i;

	if (n > 077777777777 || !put_name(h, name))
		return ir_fail(err, IR_SOFTWARE, "bundle: %s: too long", name);
	memcpy(h + 100, "0000600", 8);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	octal(text, 12, n);
	memcpy(h + 124, text, 12);
	octal(text, 12, mtime);
	memcpy(h + 136, text, 12);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (i = 0; i < BLOCK; i++)
		sum += h[i];
	octal(text, 7, sum);
	memcpy(h + 148, text, 7);
	return put(b, h, BLOCK, false, err);
}

static int
put_padding(struct ir_bundle *b, int64_t n, struct ir_err *err)
{
	static const char zeros[BLOCK];
	size_t odd = (size_t)(n % BLOCK);

	return odd ? put(b, zeros, BLOCK - odd, false, err) : 0;
}

static int
side_flush(struct ir_bundle *b, struct side *s, struct ir_err *err)
{
	if (s->b.bad || ir_write_all(s->fd, ir_buf_cstr(&s->b), s->b.len))
		return failed(b, err);
	s->size += (int64_t)s->b.len;
	ir_buf_trunc(&s->b, 0);
	return 0;
}

static int
side_line(struct ir_bundle *b, int which, const char *line, size_t n,
    struct ir_err *err)
{
	struct side *s = &b->side[which];

	ir_buf_add(&s->b, line, n);
	ir_buf_chr(&s->b, '\n');
	return s->b.len > CHUNK ? side_flush(b, s, err) : 0;
}

static int
sum_line(struct ir_bundle *b, int which, const char *sha256,
    const char *name, struct ir_err *err)
{
	char line[64 + 3 + IR_BUNDLE_NAME_MAX];
	int n = snprintf(line, sizeof line, "%s  %s", sha256, name);

	return side_line(b, which, line, (size_t)n, err);
}

int
ir_bundle_add(struct ir_bundle *b, const char *name, const void *bytes,
    size_t n, int64_t mtime, struct ir_err *err)
{
	char sha256[65];

	ir_sha256_hex(bytes, n, sha256);
	if (put_head(b, name, (int64_t)n, mtime, err) ||
	    (n && put(b, bytes, n, false, err)) ||
	    put_padding(b, (int64_t)n, err))
		return -1;
	return sum_line(b, SUMS, sha256, name, err);
}

static int
put_fd(struct ir_bundle *b, int fd, int64_t n, EVP_MD_CTX *ctx,
    struct ir_err *err)
{
	int64_t at = 0;
	ssize_t got;
	size_t want;

	while (at < n) {
		want = n - at < CHUNK ? (size_t)(n - at) : CHUNK;
		got = pread(fd, b->chunk, want, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got ? errno : EIO;	/* it got shorter */
			return failed(b, err);
		}
		if (!EVP_DigestUpdate(ctx, b->chunk, (size_t)got))
			return ir_fail(err, IR_SOFTWARE, "sha256");
		if (put(b, b->chunk, (size_t)got, false, err))
			return -1;
		at += got;
	}
	return 0;
}

int
ir_bundle_add_fd(struct ir_bundle *b, const char *name, int fd, int64_t n,
    int64_t mtime, struct ir_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char md[EVP_MAX_MD_SIZE];
	char sha256[65];
	unsigned int len, i;
	int rc = -1;

	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		ir_fail(err, IR_OSERR, "no memory");
	else if (put_head(b, name, n, mtime, err) == 0 &&
	    put_fd(b, fd, n, ctx, err) == 0)
		rc = put_padding(b, n, err);
	if (rc == 0 && EVP_DigestFinal_ex(ctx, md, &len)) {
		for (i = 0; i < 32; i++)
			snprintf(sha256 + 2 * i, 3, "%02x", md[i]);
		rc = sum_line(b, SUMS, sha256, name, err);
	}
	EVP_MD_CTX_free(ctx);
	return rc;
}

int
ir_bundle_message(struct ir_bundle *b, const char *line, size_t n,
    struct ir_err *err)
{
	return side_line(b, MESSAGES, line, n, err);
}

int
ir_bundle_absent(struct ir_bundle *b, const char *name,
    const char sha256[65], struct ir_err *err)
{
	return sum_line(b, BODIES, sha256, name, err);
}

int
ir_bundle_close(struct ir_bundle *b, struct ir_err *err)
{
	static const char zeros[2 * BLOCK];
	struct side *s;
	int i, rc = 0;

	/* SHA256SUMS comes last: it has the others in it */
	for (i = 0; rc == 0 && i < SIDES; i++) {
		s = &b->side[i];
		if (b->plain && i != SUMS)
			continue;
		rc = side_flush(b, s, err);
		if (rc == 0)
			rc = ir_bundle_add_fd(b, side_name[i], s->fd, s->size,
			    (int64_t)time(NULL), err);
	}
	if (rc == 0)
		rc = put(b, zeros, sizeof zeros, true, err);
	if (rc == 0 && fsync(b->fd))
		rc = failed(b, err);
	if (rc) {
		ir_bundle_abort(b);
		return -1;
	}
	bundle_free(b);
	return 0;
}

void
ir_bundle_abort(struct ir_bundle *b)
{
	if (!b)
		return;
	(void)!ftruncate(b->fd, 0);
	bundle_free(b);
}
