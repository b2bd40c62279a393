/* known.c - see known.h */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../core/file.h"
#include "known.h"

#define HEX 64
#define BYTES_MAX (IR_KNOWN_MAX * 90U)

struct ir_known {
	char path[PATH_MAX];
	int lock, fd;
	struct line {
		char key[HEX + 1];
		int64_t when;
	} *v;			/* sorted by key */
	size_t n, room;
};

void
ir_known_key(const char *const *parts, size_t n, char key[65])
{
	struct ir_buf b = IR_BUF(1U << 20);
	size_t i;

	for (i = 0; i < n; i++) {
		if (parts[i])
			ir_buf_str(&b, parts[i]);
		ir_buf_chr(&b, '\0');
	}
	ir_sha256_hex(ir_buf_cstr(&b), b.len, key);
	ir_buf_free(&b);
}

/* Where the key is, or belongs. */
static size_t
place(const struct ir_known *k, const char *key)
{
	size_t low = 0, high = k->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (memcmp(k->v[mid].key, key, HEX) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
ir_known_has(const struct ir_known *k, const char key[65])
{
	size_t i = place(k, key);

	return i < k->n && memcmp(k->v[i].key, key, HEX) == 0;
}

static int
keep(struct ir_known *k, const char *key, int64_t when, struct ir_err *err)
{
	size_t i = place(k, key);
	struct line *v;

	if (i < k->n && memcmp(k->v[i].key, key, HEX) == 0)
		return 0;
	if (k->n == k->room) {
		v = realloc(k->v, (k->room + 256) * sizeof *v);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		k->v = v;
		k->room += 256;
	}
	memmove(&k->v[i + 1], &k->v[i], (k->n - i) * sizeof *k->v);
	memcpy(k->v[i].key, key, HEX);
	k->v[i].key[HEX] = '\0';
	k->v[i].when = when;
	k->n++;
	return 0;
}

/* "KEY TIME" without the newline. */
static bool
read_line(const char *s, size_t n, int64_t *when)
{
	size_t i;

	if (n < HEX + 2 || n > HEX + 20 || s[HEX] != ' ')
		return false;
	for (i = 0; i < HEX; i++)
		if (!memchr("0123456789abcdef", s[i], 16))
			return false;
	*when = 0;
	for (i = HEX + 1; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || *when > INT64_MAX / 100)
			return false;
		*when = *when * 10 + (s[i] - '0');
	}
	return true;
}

/* The file's lines; *stale: it holds what need not be there. */
static int
load(struct ir_known *k, int64_t now, bool *stale, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(BYTES_MAX);
	const char *p, *end, *eol;
	size_t lines = 0;
	int64_t when;
	int rc = 0;

	*stale = false;
	if (access(k->path, F_OK) && errno == ENOENT)
		return 0;
	rc = ir_buf_read_file(&b, k->path, err);
	p = ir_buf_cstr(&b);
	end = p + b.len;
	for (; rc == 0 && p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol) {	/* a crash cut it off */
			*stale = true;
			break;
		}
		if (!read_line(p, (size_t)(eol - p), &when) || when < now -
		    (int64_t)IR_KNOWN_DAYS * 86400)
			*stale = true;
		else
			rc = keep(k, p, when, err);
		lines++;
	}
	*stale = *stale || lines > IR_KNOWN_MAX / 2;
	ir_buf_free(&b);
	return rc;
}

static int
newest_first(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->when > y->when ? -1 : x->when < y->when;
}

static int
by_key(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return memcmp(x->key, y->key, HEX);
}

static int
rewrite(struct ir_known *k, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(BYTES_MAX);
	size_t i;
	int rc;

	if (k->n > IR_KNOWN_MAX / 2) {
		qsort(k->v, k->n, sizeof *k->v, newest_first);
		k->n = IR_KNOWN_MAX / 2;
		qsort(k->v, k->n, sizeof *k->v, by_key);
	}
	for (i = 0; i < k->n; i++)
		ir_buf_fmt(&b, "%s %" PRId64 "\n", k->v[i].key, k->v[i].when);
	rc = ir_buf_check(&b, k->path, err) || ir_file_replace(k->path,
	    ir_buf_cstr(&b), b.len, 0600, err) ? -1 : 0;
	ir_buf_free(&b);
	return rc;
}

/* One process at a time: two would each give out the same. */
static int
lock(struct ir_known *k, struct ir_err *err)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s.lock", k->path);
	k->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->lock < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_CANTCREAT),
		    errno, "%s", path);
	if (flock(k->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? ir_fail(err, IR_TEMPFAIL,
	    "%s: another process has it", k->path) :
	    ir_fail_errno(err, IR_OSERR, errno, "%s", path);
}

int
ir_known_open(struct ir_known **out, const char *path, int64_t now,
    struct ir_err *err)
{
	struct ir_known *k = calloc(1, sizeof *k);
	bool stale;

	*out = NULL;
	if (!k)
		return ir_fail(err, IR_OSERR, "no memory");
	k->lock = k->fd = -1;
	if (strlen(path) >= sizeof k->path) {
		ir_fail(err, IR_CANTCREAT, "%s: too long", path);
		goto fail;
	}
	snprintf(k->path, sizeof k->path, "%s", path);
	if (lock(k, err) || load(k, now, &stale, err) ||
	    (stale && rewrite(k, err)))
		goto fail;
	k->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (k->fd < 0 || ir_fsync_dir_of(path)) {
		ir_fail_errno(err, ir_errno_code(errno, IR_CANTCREAT), errno,
		    "%s", path);
		goto fail;
	}
	*out = k;
	return 0;
fail:
	ir_known_close(k);
	return -1;
}

int
ir_known_add(struct ir_known *k, const char key[65], int64_t now,
    struct ir_err *err)
{
	char line[HEX + 24];
	int n = snprintf(line, sizeof line, "%.64s %" PRId64 "\n", key, now);

	if (ir_known_has(k, key))
		return 0;
	if (keep(k, key, now, err))
		return -1;
	if (ir_write_all(k->fd, line, (size_t)n) || fdatasync(k->fd))
		return ir_fail_errno(err, IR_IOERR, errno, "%s", k->path);
	return 0;
}

void
ir_known_close(struct ir_known *k)
{
	if (!k)
		return;
	if (k->fd >= 0)
		close(k->fd);
	if (k->lock >= 0)
		close(k->lock);
	free(k->v);
	free(k);
}
