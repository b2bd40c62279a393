/* input.c - see input.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "../core/cli.h"
#include "../core/sandbox.h"
#include "gunzip.h"
#include "input.h"

#define IN_SIZE (256u << 10)
#define OUT_SIZE (512u << 10)
#define DEPTH_MAX 64
/* Memory that a Zstandard frame may ask for: 128 MiB, what its tool takes. */
#define WINDOW_LOG_MAX 27

enum kind { UNKNOWN, PLAIN, GZIP, ZSTD };

struct ir_log_input {
	int fd;
	char *name;		/* owned */
	enum kind kind;
	bool eof;		/* of the descriptor */
	bool inside;		/* of a gzip member or Zstandard frame */
	bool spoiled;		/* damaged, but what came before is given */
	bool failed;
	struct ir_gunzip *gz;
	ZSTD_DCtx *zd;
	unsigned char *in, *out;	/* IN_SIZE, OUT_SIZE; owned */
	size_t at, end;		/* of what is in `in` */
	uint64_t bytes_in, bytes_out;
	/* lines */
	const char *p;		/* what is left of the last read */
	size_t left;
	char *part;		/* a line's beginning; IR_LOG_LINE_MAX */
	size_t npart;
};

/* --- opening ----------------------------------------------------------- */

int
ir_log_open_fd(struct ir_log_input **out, int fd, const char *name,
    struct ir_err *err)
{
	struct ir_log_input *in = calloc(1, sizeof *in);

	*out = in;
	if (!in) {
		close(fd);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	in->fd = fd;
	in->name = strdup(name);
	in->in = malloc(IN_SIZE);
	in->out = malloc(OUT_SIZE);
	if (in->name && in->in && in->out)
		return 0;
	ir_log_close(in);
	*out = NULL;
	return ir_fail(err, IR_OSERR, "no memory");
}

int
ir_log_open(struct ir_log_input **in, const char *path, struct ir_err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? dup(STDIN_FILENO) :
	    open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *name = is_stdin ? "standard input" : path;
	struct stat st;

	*in = NULL;
	if (fd < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT),
		    errno, "%s", name);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return ir_fail(err, IR_NOINPUT, "%s: is a folder", name);
	}
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return ir_log_open_fd(in, fd, name, err);
}

void
ir_log_close(struct ir_log_input *in)
{
	if (!in)
		return;
	ir_gunzip_free(in->gz);
	ZSTD_freeDCtx(in->zd);
	close(in->fd);
	free(in->name);
	free(in->in);
	free(in->out);
	free(in->part);
	free(in);
}

const char *
ir_log_name(const struct ir_log_input *in)
{
	return in->name;
}

uint64_t
ir_log_bytes_in(const struct ir_log_input *in)
{
	return in->bytes_in;
}

uint64_t
ir_log_bytes_out(const struct ir_log_input *in)
{
	return in->bytes_out;
}

/* --- reading ----------------------------------------------------------- */

static int
damaged(struct ir_log_input *in, const char *why, struct ir_err *err)
{
	in->failed = true;
	return ir_fail(err, IR_DATAERR, "%s: %s", in->name, why);
}

/*
 * Have at least `want` bytes in `in`, unless the end is nearer; a few of
 * those before them are kept.  0 or -1.
 */
static int
fill(struct ir_log_input *in, size_t want, struct ir_err *err)
{
	size_t back = in->at < IR_GUNZIP_BACK ? in->at : IR_GUNZIP_BACK;
	ssize_t n;

	if (in->end - in->at >= want)
		return 0;
	in->end -= in->at - back;
	memmove(in->in, in->in + in->at - back, in->end);
	in->at = back;
	while (!in->eof && in->end - in->at < want) {
		n = read(in->fd, in->in + in->end, IN_SIZE - in->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			in->failed = true;
			return ir_fail_errno(err, IR_IOERR, errno, "%s",
			    in->name);
		}
		in->eof = n == 0;
		in->end += (size_t)n;
		in->bytes_in += (uint64_t)n;
	}
	return 0;
}

static bool
is_gzip(const unsigned char *p, size_t n)
{
	return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

/* A frame, or a skippable one (RFC 8878, 3.1). */
static bool
is_zstd(const unsigned char *p, size_t n)
{
	return n >= 4 && ((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f &&
	    p[3] == 0xfd) || ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a &&
	    p[2] == 0x4d && p[3] == 0x18));
}

static int
find_kind(struct ir_log_input *in, struct ir_err *err)
{
	if (fill(in, 4, err))
		return -1;
	in->kind = PLAIN;
	if (is_gzip(in->in, in->end)) {
		in->kind = GZIP;
		in->inside = true;
		in->gz = ir_gunzip_new();
		if (!in->gz)
			return ir_fail(err, IR_OSERR, "no memory");
	} else if (is_zstd(in->in, in->end)) {
		in->kind = ZSTD;
		in->zd = ZSTD_createDCtx();
		if (!in->zd)
			return ir_fail(err, IR_OSERR, "no memory");
		(void)ZSTD_DCtx_setParameter(in->zd, ZSTD_d_windowLogMax,
		    WINDOW_LOG_MAX);
	}
	return 0;
}

/*
 * After a member comes another, or the end; what else there may be (zeros
 * that fill a block, garbage) is not part of it, as gzip(1) has it.
 */
static int
next_member(struct ir_log_input *in, struct ir_err *err)
{
	if (fill(in, 3, err))
		return -1;
	in->inside = is_gzip(in->in + in->at, in->end - in->at);
	if (in->inside) {
		ir_gunzip_reset(in->gz);
		return 0;
	}
	in->at = in->end = 0;
	in->eof = true;
	return 0;
}

/* Unpack: how many bytes, or -1; 0: no more for now, or the end. */
static ssize_t
unpack_gzip(struct ir_log_input *in, unsigned char *out, size_t size,
    struct ir_err *err)
{
	const unsigned char *p = in->in + in->at;
	size_t left = in->end - in->at, made = 0;
	int rc = in->spoiled ? -1 : ir_gunzip_run(in->gz, &p, &left, out, size,
	    &made);

	in->at = (size_t)(p - in->in);
	in->spoiled = rc < 0;
	if (rc < 0 && made == 0)
		return damaged(in, "damaged gzip data", err);
	if (rc > 0 && next_member(in, err))
		return -1;
	return (ssize_t)made;
}

static ssize_t
unpack_zstd(struct ir_log_input *in, unsigned char *out, size_t size,
    struct ir_err *err)
{
	ZSTD_inBuffer i = { in->in, in->end, in->at };
	ZSTD_outBuffer o = { out, size, 0 };
	size_t rc = ZSTD_decompressStream(in->zd, &o, &i);

	if (ZSTD_isError(rc))
		return damaged(in, "damaged Zstandard data", err);
	in->at = i.pos;
	/* 0: a frame is complete; the next one may follow */
	in->inside = rc != 0;
	return (ssize_t)o.pos;
}

static ssize_t
read_packed(struct ir_log_input *in, unsigned char *out, size_t size,
    struct ir_err *err)
{
	ssize_t n = 0;
	size_t at, end;

	while (n == 0) {
		if (fill(in, 1, err))
			return -1;
		if (in->at == in->end && in->eof && !in->inside)
			return 0;
		at = in->at;
		end = in->end;
		n = in->kind == GZIP ? unpack_gzip(in, out, size, err) :
		    unpack_zstd(in, out, size, err);
		if (n == 0 && in->at == at && in->end == end && in->eof)
			return damaged(in, "cut off: its end is missing", err);
	}
	return n;
}

ssize_t
ir_log_read(struct ir_log_input *in, const char **p, struct ir_err *err)
{
	ssize_t n;

	*p = NULL;
	if (in->failed)
		return damaged(in, "was damaged", err);
	if (in->kind == UNKNOWN && find_kind(in, err))
		return -1;
	if (in->kind == PLAIN) {
		if (in->at == in->end && fill(in, 1, err))
			return -1;
		n = (ssize_t)(in->end - in->at);
		*p = (const char *)in->in + in->at;
		in->at = in->end;
	} else {
		n = read_packed(in, in->out, OUT_SIZE, err);
		*p = (const char *)in->out;
	}
	if (n > 0)
		in->bytes_out += (uint64_t)n;
	return n;
}

/* What was read to find out the kind, then the descriptor itself. */
static ssize_t
read_plain(struct ir_log_input *in, char *to, size_t size,
    struct ir_err *err)
{
	size_t have = in->end - in->at;
	ssize_t n;

	if (have) {
		if (have > size)
			have = size;
		memcpy(to, in->in + in->at, have);
		in->at += have;
		return (ssize_t)have;
	}
	do
		n = read(in->fd, to, size);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		in->failed = true;
		return ir_fail_errno(err, IR_IOERR, errno, "%s", in->name);
	}
	in->bytes_in += (uint64_t)n;
	return n;
}

ssize_t
ir_log_read_into(struct ir_log_input *in, char *to, size_t size,
    struct ir_err *err)
{
	ssize_t n;

	if (in->failed)
		return damaged(in, "was damaged", err);
	if (in->kind == UNKNOWN && find_kind(in, err))
		return -1;
	n = in->kind == PLAIN ? read_plain(in, to, size, err) :
	    read_packed(in, (unsigned char *)to, size, err);
	if (n > 0)
		in->bytes_out += (uint64_t)n;
	return n;
}

int
ir_log_plain(struct ir_log_input *in, struct ir_err *err)
{
	if (in->kind == UNKNOWN && find_kind(in, err))
		return -1;
	return in->kind == PLAIN;
}

int
ir_log_fd(const struct ir_log_input *in)
{
	return in->fd;
}

/* --- lines ------------------------------------------------------------- */

/* Keep n bytes for later, as far as a line may go. */
static int
keep(struct ir_log_input *in, const char *p, size_t n, bool *cut,
    struct ir_err *err)
{
	size_t room = IR_LOG_LINE_MAX - in->npart;

	if (!in->part && !(in->part = malloc(IR_LOG_LINE_MAX)))
		return ir_fail(err, IR_OSERR, "no memory");
	if (n > room) {
		n = room;
		*cut = true;
	}
	memcpy(in->part + in->npart, p, n);
	in->npart += n;
	return 0;
}

/* The line that ends within what is left, with what was kept of it. */
static int
whole_line(struct ir_log_input *in, size_t len, const char **p, size_t *n,
    bool *cut, struct ir_err *err)
{
	*p = in->p;
	*n = len;
	if (in->npart || len > IR_LOG_LINE_MAX) {
		if (keep(in, in->p, len, cut, err))
			return -1;
		*p = in->part;
		*n = in->npart;
		in->npart = 0;
	}
	if (*n && !*cut && (*p)[*n - 1] == '\r')
		--*n;
	return 1;
}

int
ir_log_line(struct ir_log_input *in, const char **p, size_t *n, bool *cut,
    struct ir_err *err)
{
	const char *end;
	bool was_cut = false;
	size_t len;
	ssize_t got;
	int rc;

	for (;;) {
		end = in->left ? memchr(in->p, '\n', in->left) : NULL;
		if (end)
			break;
		if (in->left && keep(in, in->p, in->left, &was_cut, err))
			return -1;
		in->left = 0;
		got = ir_log_read(in, &in->p, err);
		if (got < 0 || (got == 0 && in->npart == 0))
			return (int)got;
		in->left = (size_t)got;
		if (got == 0) {
			rc = whole_line(in, 0, p, n, &was_cut, err);
			if (cut)
				*cut = was_cut;
			return rc;
		}
	}
	len = (size_t)(end - in->p);
	rc = whole_line(in, len, p, n, &was_cut, err);
	in->p = end + 1;
	in->left -= len + 1;
	if (cut)
		*cut = was_cut;
	return rc;
}

/* --- folders ----------------------------------------------------------- */

static int
add_path(struct ir_log_files *f, char *path, struct ir_err *err)
{
	char **v;

	if (f->n == IR_LOG_FILES_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d files",
		    IR_LOG_FILES_MAX);
	if (f->n == f->cap) {
		v = realloc(f->v, (f->cap * 2 + 16) * sizeof *v);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		f->v = v;
		f->cap = f->cap * 2 + 16;
	}
	f->v[f->n++] = path;
	return 0;
}

static int
visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int walk(struct ir_log_files *f, const char *path, int depth,
    struct ir_err *err);

/* One name of a folder: a file is taken, a folder gone into. */
static int
take(struct ir_log_files *f, const char *dir, const char *name, int depth,
    struct ir_err *err)
{
	size_t n = strlen(dir), size = n + strlen(name) + 2;
	char *path = malloc(size);
	struct stat st;
	int rc = 0;

	if (!path)
		return ir_fail(err, IR_OSERR, "no memory");
	memcpy(path, dir, n);
	path[n] = '/';
	memcpy(path + n + 1, name, size - n - 1);
	if (lstat(path, &st)) {
		if (errno != ENOENT)
			rc = ir_fail_errno(err, ir_errno_code(errno,
			    IR_NOINPUT), errno, "%s", path);
	} else if (S_ISDIR(st.st_mode)) {
		rc = walk(f, path, depth + 1, err);
	} else if (S_ISREG(st.st_mode)) {
		rc = add_path(f, path, err);
		if (rc == 0)
			return 0;
	}
	free(path);
	return rc;
}

static int
walk(struct ir_log_files *f, const char *path, int depth, struct ir_err *err)
{
	struct dirent **v;
	int i, n, rc = 0;

	if (depth > DEPTH_MAX)
		return ir_fail(err, IR_DATAERR, "%s: too deep", path);
	n = scandir(path, &v, visible, alphasort);
	if (n < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT),
		    errno, "%s", path);
	for (i = 0; i < n; i++) {
		if (rc == 0)
			rc = take(f, path, v[i]->d_name, depth, err);
		free(v[i]);
	}
	free(v);
	return rc;
}

int
ir_log_files_add(struct ir_log_files *f, const char *operand,
    struct ir_err *err)
{
	struct stat st;
	char *path;

	if (strcmp(operand, "-") != 0) {
		if (stat(operand, &st))
			return ir_fail_errno(err, ir_errno_code(errno,
			    IR_NOINPUT), errno, "%s", operand);
		if (S_ISDIR(st.st_mode))
			return walk(f, operand, 0, err);
	}
	path = strdup(operand);
	if (!path)
		return ir_fail(err, IR_OSERR, "no memory");
	if (add_path(f, path, err)) {
		free(path);
		return -1;
	}
	return 0;
}

void
ir_log_files_free(struct ir_log_files *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		free(f->v[i]);
	free(f->v);
	*f = (struct ir_log_files){ NULL, 0, 0 };
}

int
ir_log_files_open(struct ir_log_files *f, char **operands, size_t n,
    struct ir_err *err)
{
	const char **paths = calloc(n + 1, sizeof *paths);
	size_t i;
	int rc = paths ? 0 : ir_fail(err, IR_OSERR, "no memory");

	if (rc == 0 && n == 0)
		rc = ir_log_files_add(f, "-", err);
	for (i = 0; i < n && rc == 0; i++) {
		paths[i] = operands[i];
		rc = ir_log_files_add(f, operands[i], err);
	}
	if (rc == 0 && f->n == 0)
		rc = ir_fail(err, IR_NOINPUT, "no file in %s", operands[0]);
	if (rc == 0)
		(void)ir_sandbox_read_only(paths, n);
	free(paths);
	(void)ir_catch_stop();
	return rc;
}
