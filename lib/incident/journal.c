/* journal.c - see journal.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "../core/text.h"
#include "journal.h"

#define ZEROS "00000000000000000000000000000000" \
	"00000000000000000000000000000000"
#define EVIDENCE_MAX (64u << 20)

struct ir_journal {
	char *dir;
	const char *from;
	int fd;
};

int
ir_journal_create(const char *dir, struct ir_err *err)
{
	char path[PATH_MAX];
	int fd;

	if (ir_mkdirs(dir, 0700, err))
		return -1;
	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd < 0)
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", path);
	close(fd);
	if (ir_fsync_dir_of(path))
		return ir_fail_errno(err, IR_IOERR, errno, "%s", path);
	return 0;
}

int
ir_journal_open(struct ir_journal **out, const char *dir, const char *from,
    struct ir_err *err)
{
	struct ir_journal *j;
	char path[PATH_MAX];

	*out = NULL;
	if (!dir)
		return 0;
	j = calloc(1, sizeof *j);
	if (!j)
		return ir_fail(err, IR_OSERR, "no memory");
	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	j->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0) {
		ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT), errno,
		    "%s", path);
		if (errno == ENOENT)
			ir_hint(err, "open an incident first: incident open");
		free(j);
		return -1;
	}
	j->dir = strdup(dir);
	j->from = from;
	*out = j;
	return 0;
}

void
ir_journal_close(struct ir_journal *j)
{
	if (!j)
		return;
	close(j->fd);
	free(j->dir);
	free(j);
}

static int
read_all(const char *dir, struct ir_buf *b, struct ir_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	return ir_buf_read_file(b, path, err);
}

/* What the next line needs to know of the lines before it. */
struct tail {
	size_t lines;
	bool torn;		/* the last line has no newline */
	char hash[65];
};

static int
read_tail(int fd, struct tail *t, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	const char *p, *nl, *end;

	memcpy(t->hash, ZEROS, sizeof t->hash);
	t->lines = 0;
	t->torn = false;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    ir_buf_read_fd(&b, fd, "journal", err)) {
		ir_buf_free(&b);
		return -1;
	}
	end = ir_buf_cstr(&b) + b.len;
	for (p = ir_buf_cstr(&b); p < end; p = nl + 1) {
		t->lines++;
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl || nl + 1 == end)
			ir_sha256_hex(p, (size_t)((nl ? nl : end) - p),
			    t->hash);
		t->torn = !nl;
		if (!nl)
			break;
	}
	ir_buf_free(&b);
	return 0;
}

static const char *
user_name(void)
{
	const char *s = getenv("SUDO_USER");
	struct passwd *pw;

	if (s && *s)
		return s;
	pw = getpwuid(geteuid());
	return pw ? pw->pw_name : "unknown";
}

static struct ir_rec *
make_line(struct ir_journal *j, const char *event, struct ir_rec *data,
    const struct tail *t)
{
	struct ir_rec *r = ir_rec_new("journal", NULL);
	char host[256] = "", stamp[IR_TIME_LEN];

	(void)gethostname(host, sizeof host - 1);
	ir_rec_fmt(r, "id", "%zu", t->lines + 1);
	ir_rec_str(r, "time", ir_time_rfc3339_ms(ir_now_ms(), stamp));
	ir_rec_str(r, "host", host);
	ir_rec_str(r, "user", user_name());
	ir_rec_str(r, "from", j->from);
	ir_rec_str(r, "event", event);
	if (data)
		ir_rec_set(r, "data", data);
	if (t->torn)
		ir_rec_bool(r, "after_torn", true);
	ir_rec_str(r, "prev", t->hash);
	return r;
}

int
ir_journal_add(struct ir_journal *j, const char *event, struct ir_rec *data,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	struct ir_rec *line;
	struct tail t;
	int rc;

	if (!j) {
		ir_rec_free(data);
		return 0;
	}
	if (flock(j->fd, LOCK_EX)) {
		ir_rec_free(data);
		return ir_fail_errno(err, IR_IOERR, errno, "%s: lock",
		    j->dir);
	}
	rc = read_tail(j->fd, &t, err);
	if (rc) {
		ir_rec_free(data);
	} else {
		line = make_line(j, event, data, &t);
		if (t.torn)
			ir_buf_chr(&b, '\n');
		ir_rec_json(line, &b);
		ir_buf_chr(&b, '\n');
		ir_rec_free(line);
		rc = ir_buf_check(&b, "journal line", err);
		if (rc == 0 && (ir_write_all(j->fd, b.data, b.len) ||
		    fsync(j->fd)))
			rc = ir_fail_errno(err, IR_IOERR, errno,
			    "%s/journal.jsonl", j->dir);
	}
	(void)flock(j->fd, LOCK_UN);
	ir_buf_free(&b);
	return rc;
}

int
ir_journal_path(struct ir_journal *j, const char *sub, char *path,
    struct ir_err *err)
{
	char *slash;
	int rc;

	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", j->dir, sub) >= PATH_MAX)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", sub);
	slash = strrchr(path, '/');
	*slash = '\0';
	rc = ir_mkdirs(path, 0700, err);
	*slash = '/';
	return rc;
}

/* Highest NNNN of the evidence files. */
static unsigned
last_number(const char *dir)
{
	unsigned n, max = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "%4u-", &n) == 1 && n > max)
			max = n;
	if (d)
		closedir(d);
	return max;
}

/* A name that is safe in a file system and in a shell. */
static void
safe_name(const char *name, char out[64])
{
	size_t i;

	for (i = 0; i < 63 && name[i]; i++)
		out[i] = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
		    "TUVWXYZ0123456789._-", name[i]) ? name[i] : '_';
	out[i] = '\0';
	if (out[0] == '.')
		out[0] = '_';
}

int
ir_journal_evidence(struct ir_journal *j, const char *name,
    const void *bytes, size_t n, struct ir_err *err)
{
	char sub[96], path[PATH_MAX], safe[64], hash[65];
	struct ir_rec *data;
	unsigned num;
	int tries, rc;

	if (!j)
		return 0;
	safe_name(name, safe);
	ir_sha256_hex(bytes, n, hash);
	for (tries = 0; ; tries++) {
		if (ir_journal_path(j, "evidence/x", path, err))
			return -1;
		*strrchr(path, '/') = '\0';
		num = last_number(path) + 1;
		snprintf(sub, sizeof sub, "evidence/%04u-%s", num, safe);
		if (ir_journal_path(j, sub, path, err))
			return -1;
		rc = ir_file_create(path, bytes, n, 0400, err);
		if (rc == 0 || tries == 9 || access(path, F_OK))
			break;		/* else another took the number */
	}
	if (rc)
		return -1;
	data = ir_rec_object();
	ir_rec_str(data, "file", sub);
	ir_rec_int(data, "size", (int64_t)n);
	ir_rec_str(data, "sha256", hash);
	return ir_journal_add(j, "evidence.added", data, err);
}

int
ir_journal_each(const char *dir,
    int (*fn)(const struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	const char *p, *nl, *end;
	struct ir_rec *r;
	int rc = -1;

	if (read_all(dir, &b, err))
		goto out;
	rc = 0;
	end = ir_buf_cstr(&b) + b.len;
	for (p = ir_buf_cstr(&b); rc == 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			break;
		r = ir_rec_parse(p, (size_t)(nl - p), NULL);
		if (r)
			rc = fn(r, arg);
		ir_rec_free(r);
	}
out:
	ir_buf_free(&b);
	return rc;
}

static void
check_fail(struct ir_journal_check *c, const char *why)
{
	if (c->bad_line)
		return;
	c->bad_line = c->lines;
	snprintf(c->why, sizeof c->why, "%s", why);
}

static void
check_evidence(const char *dir, const struct ir_rec *r,
    struct ir_journal_check *c)
{
	const char *event = ir_rec_get(r, "event");
	const char *file = ir_rec_get(r, "data.file");
	const char *want = ir_rec_get(r, "data.sha256");
	struct ir_buf b = IR_BUF(EVIDENCE_MAX);
	char path[PATH_MAX], hash[65], why[160];

	if (!event || strcmp(event, "evidence.added") != 0 || !file || !want)
		return;
	c->evidence++;
	snprintf(path, sizeof path, "%s/%s", dir, file);
	if (strstr(file, "..") || ir_buf_read_file(&b, path, NULL)) {
		snprintf(why, sizeof why, "evidence is missing: %.100s", file);
		check_fail(c, why);
	} else {
		ir_sha256_hex(ir_buf_cstr(&b), b.len, hash);
		if (strcmp(hash, want) != 0) {
			snprintf(why, sizeof why,
			    "evidence was changed: %.100s", file);
			check_fail(c, why);
		}
	}
	ir_buf_free(&b);
}

static void
check_line(const char *dir, const char *p, size_t n, bool after_torn,
    int64_t *last, struct ir_journal_check *c)
{
	struct ir_rec *r = ir_rec_parse(p, n, NULL);
	const char *prev = ir_rec_get(r, "prev");
	const char *id = ir_rec_get(r, "id"), *time = ir_rec_get(r, "time");
	int64_t t;

	if (!r || !prev || !id || !time) {
		check_fail(c, "not a journal line");
	} else if (strcmp(prev, c->head) != 0) {
		check_fail(c, "the line before it was changed or removed");
	} else if (strtoull(id, NULL, 10) != c->lines) {
		check_fail(c, "wrong sequence number");
	} else if (after_torn != ir_rec_get_bool(r, "after_torn", false)) {
		check_fail(c, "wrong mark of a torn line");
	} else if (ir_time_parse(time, &t) == 0) {
		if (t < *last)
			c->backwards++;
		*last = t;
		check_evidence(dir, r, c);
	}
	ir_rec_free(r);
}

int
ir_journal_verify(const char *dir, struct ir_journal_check *c,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	const char *p, *nl, *end;
	bool after_torn = false, torn;
	int64_t last = 0;
	size_t n;

	memset(c, 0, sizeof *c);
	memcpy(c->head, ZEROS, sizeof c->head);
	if (read_all(dir, &b, err)) {
		ir_buf_free(&b);
		return -1;
	}
	end = ir_buf_cstr(&b) + b.len;
	for (p = ir_buf_cstr(&b); p < end; p += n + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((nl ? nl : end) - p);
		c->lines++;
		/* a torn line is not JSON and the next line owns up to it */
		torn = !nl;
		if (nl && nl + 1 < end) {
			const char *next = memchr(nl + 1, '\n',
			    (size_t)(end - nl - 1));
			struct ir_rec *r = ir_rec_parse(nl + 1,
			    (size_t)((next ? next : end) - nl - 1), NULL);

			torn = ir_rec_get_bool(r, "after_torn", false);
			ir_rec_free(r);
		}
		if (torn)
			c->torn++;
		else
			check_line(dir, p, n, after_torn, &last, c);
		after_torn = torn;
		ir_sha256_hex(p, n, c->head);
	}
	ir_buf_free(&b);
	return 0;
}

int
ir_journal_head(const char *dir, char head[65], struct ir_err *err)
{
	struct ir_journal *j;
	struct tail t;
	int rc;

	if (ir_journal_open(&j, dir, "", err))
		return -1;
	rc = read_tail(j->fd, &t, err);
	if (rc == 0)
		memcpy(head, t.hash, 65);
	ir_journal_close(j);
	return rc;
}

int
ir_state_name(char *path, size_t size, struct ir_err *err)
{
	const char *s = getenv("QUELL_STATE_DIR"), *home = getenv("HOME");
	int n;

	if (s && *s)
		n = snprintf(path, size, "%s", s);
	else if (geteuid() == 0 || !home || !*home)
		n = snprintf(path, size, "/var/lib/quell");
	else
		n = snprintf(path, size, "%s/.local/state/quell", home);
	return (size_t)n < size ? 0 :
	    ir_fail(err, IR_CANTCREAT, "state folder: name too long");
}

int
ir_state_dir(char *path, size_t size, struct ir_err *err)
{
	return ir_state_name(path, size, err) || ir_mkdirs(path, 0700, err) ?
	    -1 : 0;
}
