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

#define NUMBER_MAX 100000000	/* of evidence: what is larger is none */
#define ZEROS "00000000000000000000000000000000" \
	"00000000000000000000000000000000"

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

static int
no_journal(const char *path, int e, struct ir_err *err)
{
	ir_fail_errno(err, ir_errno_code(e, IR_NOINPUT), e, "%s", path);
	if (e == ENOENT)
		ir_hint(err, "open an incident first: incident open");
	return -1;
}

int
ir_journal_open(struct ir_journal **out, const char *dir, const char *from,
    struct ir_err *err)
{
	struct ir_journal *j;
	char path[PATH_MAX];
	struct stat st;

	*out = NULL;
	if (!dir)
		return 0;
	j = calloc(1, sizeof *j);
	if (!j)
		return ir_fail(err, IR_OSERR, "no memory");
	j->fd = -1;
	if ((size_t)snprintf(path, sizeof path, "%s/journal.jsonl", dir) <
	    sizeof path)
		j->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	else
		errno = ENAMETOOLONG;
	if (j->fd < 0) {
		no_journal(path, errno, err);
		free(j);
		return -1;
	}
	if (fstat(j->fd, &st) || !S_ISREG(st.st_mode)) {
		ir_journal_close(j);
		return ir_fail(err, IR_NOINPUT, "%s: not a regular file",
		    path);
	}
	j->from = from;
	j->dir = strdup(dir);
	if (!j->dir) {
		ir_journal_close(j);
		return ir_fail(err, IR_OSERR, "no memory");
	}
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

/* The whole file, while no writer is in the middle of a line. */
static int
read_all(const char *dir, struct ir_buf *b, struct ir_err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, rc;

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return no_journal(path, errno, err);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return ir_fail(err, IR_NOINPUT, "%s: not a regular file",
		    path);
	}
	(void)flock(fd, LOCK_SH);
	rc = ir_buf_read_fd(b, fd, path, err);
	close(fd);
	return rc;
}

int
ir_journal_scan(const char *p, size_t n, struct ir_journal_tail *t,
    int (*fn)(const struct ir_journal_line *, void *), void *arg)
{
	const char *end = p + n, *cut = p, *nl;
	struct ir_journal_line l;
	int rc = 0;

	memset(t, 0, sizeof *t);
	memcpy(t->head, ZEROS, sizeof t->head);
	for (; rc == 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		t->lines++;
		t->open = nl == end;
		l.number = t->lines;
		l.rec = ir_rec_parse(p, (size_t)(nl - p), NULL);
		if (ir_rec_kind(l.rec) != IR_REC_OBJECT) {
			ir_rec_free(l.rec);	/* no whole line: a crash */
			t->torn++;
			if (!t->cut[0])
				t->torn_line = t->lines;
			ir_sha256_hex(cut, (size_t)(nl - cut), t->cut);
			continue;
		}
		l.tail = t;
		rc = fn ? fn(&l, arg) : 0;
		ir_rec_free(l.rec);
		ir_sha256_hex(p, (size_t)(nl - p), t->head);
		t->cut[0] = '\0';
		cut = nl + 1;
	}
	return rc;
}

static bool
is_whole(const char *p, size_t n)
{
	struct ir_rec *r = ir_rec_parse(p, n, NULL);
	bool whole = ir_rec_kind(r) == IR_REC_OBJECT;

	ir_rec_free(r);
	return whole;
}

/*
 * What ir_journal_scan() would leave in *t (but torn), from the end: each
 * append needs it, and a long journal should not make it slow.
 */
static void
tail_of(const char *p, size_t n, struct ir_journal_tail *t)
{
	const char *end = p + n, *start, *stop, *nl;

	memset(t, 0, sizeof *t);
	memcpy(t->head, ZEROS, sizeof t->head);
	if (n == 0)
		return;
	t->open = end[-1] != '\n';
	for (nl = p; (nl = memchr(nl, '\n', (size_t)(end - nl))); nl++)
		t->lines++;
	t->lines += t->open;
	end -= !t->open;
	for (stop = end; ; stop = start - 1) {
		nl = memrchr(p, '\n', (size_t)(stop - p));
		start = nl ? nl + 1 : p;
		if (is_whole(start, (size_t)(stop - start))) {
			ir_sha256_hex(start, (size_t)(stop - start), t->head);
			start = stop + 1;
			break;
		}
		if (start == p)
			break;
	}
	if (start <= end)
		ir_sha256_hex(start, (size_t)(end - start), t->cut);
}

static int
read_tail(int fd, struct ir_journal_tail *t, off_t *size, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	int rc = -1;

	if (lseek(fd, 0, SEEK_SET) < 0)
		ir_fail_errno(err, IR_IOERR, errno, "journal");
	else
		rc = ir_buf_read_fd(&b, fd, "journal", err);
	if (rc == 0)
		tail_of(ir_buf_cstr(&b), b.len, t);
	*size = (off_t)b.len;
	ir_buf_free(&b);
	return rc;
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
    const struct ir_journal_tail *t)
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
	if (t->cut[0])
		ir_rec_str(r, "torn", t->cut);
	ir_rec_str(r, "prev", t->head);
	return r;
}

/* One write and an fsync; what cannot be written whole is taken back. */
static int
append(struct ir_journal *j, const struct ir_buf *b, off_t size,
    struct ir_err *err)
{
	int e;

	if (ir_write_all(j->fd, b->data, b->len) == 0 && fsync(j->fd) == 0)
		return 0;
	e = errno;
	/* an append-only file (chattr +a) refuses: then the line stays torn */
	if (ftruncate(j->fd, size) == 0)
		(void)fsync(j->fd);
	return ir_fail_errno(err, IR_IOERR, e, "%s/journal.jsonl", j->dir);
}

int
ir_journal_add(struct ir_journal *j, const char *event, struct ir_rec *data,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	struct ir_journal_tail t;
	struct ir_rec *line;
	off_t size;
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
	rc = read_tail(j->fd, &t, &size, err);
	if (rc) {
		ir_rec_free(data);
	} else {
		line = make_line(j, event, data, &t);
		if (t.open)
			ir_buf_chr(&b, '\n');
		ir_rec_json(line, &b);
		ir_buf_chr(&b, '\n');
		ir_rec_free(line);
		rc = ir_buf_check(&b, "journal line", err);
		if (rc == 0)
			rc = append(j, &b, size, err);
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

/* Highest NNNN of the evidence files; not of names that only look like it. */
static unsigned
last_number(const char *dir)
{
	unsigned long n, max = 0;
	struct dirent *e;
	DIR *d = opendir(dir);
	char *end;

	while (d && (e = readdir(d))) {
		n = strtoul(e->d_name, &end, 10);
		if (*end == '-' && end - e->d_name >= 4 && n < NUMBER_MAX &&
		    n > max)
			max = n;
	}
	if (d)
		closedir(d);
	return (unsigned)max;
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
	int rc;

	if (!j)
		return 0;
	if (n > IR_EVIDENCE_MAX)
		return ir_fail(err, IR_DATAERR, "%s: more than %u bytes",
		    name, IR_EVIDENCE_MAX);
	safe_name(name, safe);
	ir_sha256_hex(bytes, n, hash);
	if (ir_journal_path(j, "evidence/x", path, err))
		return -1;
	*strrchr(path, '/') = '\0';
	/* under the journal's lock nobody else takes the number */
	if (flock(j->fd, LOCK_EX))
		return ir_fail_errno(err, IR_IOERR, errno, "%s: lock", j->dir);
	snprintf(sub, sizeof sub, "evidence/%04u-%s", last_number(path) + 1,
	    safe);
	rc = ir_journal_path(j, sub, path, err);
	if (rc == 0)
		rc = ir_file_create(path, bytes, n, 0400, err);
	if (rc) {
		(void)flock(j->fd, LOCK_UN);
		return -1;
	}
	data = ir_rec_object();
	ir_rec_str(data, "file", sub);
	ir_rec_int(data, "size", (int64_t)n);
	ir_rec_str(data, "sha256", hash);
	rc = ir_journal_add(j, "evidence.added", data, err);	/* unlocks */
	if (rc)		/* the caller still has the bytes, and will try again */
		unlink(path);
	return rc;
}

struct each {
	int (*fn)(const struct ir_rec *, void *);
	void *arg;
};

static int
each_line(const struct ir_journal_line *l, void *arg)
{
	struct each *e = arg;

	return e->fn(l->rec, e->arg);
}

int
ir_journal_each(const char *dir,
    int (*fn)(const struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	struct each e = { fn, arg };
	struct ir_journal_tail t;
	int rc = -1;

	if (read_all(dir, &b, err) == 0)
		rc = ir_journal_scan(ir_buf_cstr(&b), b.len, &t, each_line,
		    &e);
	ir_buf_free(&b);
	return rc;
}

static void
check_fail(struct ir_journal_check *c, size_t line, const char *why)
{
	if (c->bad_line)
		return;
	c->bad_line = line;
	snprintf(c->why, sizeof c->why, "%s", why);
}

/* The line says which it is: after the ones that are here, some are gone. */
static void
check_gap(struct ir_journal_check *c, const struct ir_journal_line *l,
    const char *id)
{
	unsigned long long n = strtoull(id, NULL, 10);
	char why[160];

	if (id[strspn(id, "0123456789")] || n <= l->number || n > 1000000000)
		check_fail(c, l->number,
		    "the line before it was changed or removed");
	snprintf(why, sizeof why, n == l->number + 1 ?
	    "line %zu is missing: what is here calls itself line %llu" :
	    "lines are missing from %zu on: what is here calls itself "
	    "line %llu", l->number, n);
	check_fail(c, l->number, why);
}

static void
check_evidence(const char *dir, const struct ir_journal_line *l,
    struct ir_journal_check *c)
{
	static const struct { const char *event, *folder, *what; } kept[] = {
		{ "evidence.added", "evidence/", "evidence" },
		{ "incident.sealed", "seal/", "a seal" },
		{ "seal.stamped", "seal/", "a time stamp" },
	};
	const char *event = ir_rec_get(l->rec, "event");
	const char *file = ir_rec_get(l->rec, "data.file");
	const char *want = ir_rec_get(l->rec, "data.sha256");
	struct ir_buf b = IR_BUF(IR_EVIDENCE_MAX);
	char path[PATH_MAX], hash[65], why[160];

	size_t i, n;

	for (i = 0; i < sizeof kept / sizeof *kept; i++)
		if (event && strcmp(event, kept[i].event) == 0)
			break;
	if (!dir || i == sizeof kept / sizeof *kept)
		return;
	if (i == 0)
		c->evidence++;
	n = strlen(kept[i].folder);
	snprintf(path, sizeof path, "%s/%s", dir, file ? file : "");
	if (!file || !want || strncmp(file, kept[i].folder, n) != 0 ||
	    strchr(file + n, '/') || ir_buf_read_kept(&b, path, NULL)) {
		snprintf(why, sizeof why, "%s is missing: %.100s",
		    kept[i].what, file ? file : "no name");
		check_fail(c, l->number, why);
	} else {
		ir_sha256_hex(ir_buf_cstr(&b), b.len, hash);
		if (strcmp(hash, want) != 0) {
			snprintf(why, sizeof why, "%s was changed: %.100s",
			    kept[i].what, file);
			check_fail(c, l->number, why);
		}
	}
	ir_buf_free(&b);
}

/* The report that it was opened with is in the folder, its hash here. */
static void
check_report(const char *dir, const struct ir_journal_line *l,
    struct ir_journal_check *c)
{
	const char *want = ir_rec_get(l->rec, "data.report_sha256");
	const char *event = ir_rec_get(l->rec, "event");
	struct ir_buf b = IR_BUF(IR_EVIDENCE_MAX);
	char path[PATH_MAX], hash[65];

	if (!dir || !want || !event || strcmp(event, "incident.opened") != 0)
		return;
	snprintf(path, sizeof path, "%s/report.json", dir);
	if (ir_buf_read_kept(&b, path, NULL)) {
		check_fail(c, l->number, "report.json is missing");
	} else {
		ir_sha256_hex(ir_buf_cstr(&b), b.len, hash);
		if (strcmp(hash, want) != 0)
			check_fail(c, l->number, "report.json was changed");
	}
	ir_buf_free(&b);
}

struct check {
	const char *dir;	/* NULL: leave the evidence alone */
	struct ir_journal_check *c;
	int64_t last;
};

static int
check_line(const struct ir_journal_line *l, void *arg)
{
	struct check *k = arg;
	const char *prev = ir_rec_get(l->rec, "prev");
	const char *torn = ir_rec_get(l->rec, "torn");
	const char *id = ir_rec_get(l->rec, "id");
	const char *time = ir_rec_get(l->rec, "time");
	char want[24];
	int64_t t;

	snprintf(want, sizeof want, "%zu", l->number);
	if (!prev || !id || !time || ir_time_parse(time, &t)) {
		check_fail(k->c, l->number, "not a journal line");
	} else if (strcmp(prev, l->tail->head) != 0) {
		check_gap(k->c, l, id);
	} else if (strcmp(id, want) != 0) {
		check_fail(k->c, l->number, "wrong sequence number");
	} else if (strcmp(torn ? torn : "", l->tail->cut) != 0) {
		check_fail(k->c, l->number, torn ?
		    "the torn line before it was changed or removed" :
		    "the line before it is no journal line");
	} else {
		if (t < k->last && !k->c->backwards++)
			k->c->back_line = l->number;
		k->last = t;
		check_report(k->dir, l, k->c);
		check_evidence(k->dir, l, k->c);
	}
	return 0;
}

void
ir_journal_check(const char *bytes, size_t n, const char *dir,
    struct ir_journal_check *c)
{
	struct check k = { dir, c, 0 };
	struct ir_journal_tail t;

	memset(c, 0, sizeof *c);
	ir_journal_scan(bytes, n, &t, check_line, &k);
	c->lines = t.lines;
	c->torn = t.torn;
	c->torn_line = t.torn_line;
	c->torn_last = t.cut[0] != '\0';
	memcpy(c->head, t.head, sizeof c->head);
	if (c->bad_line == 0 && t.lines == t.torn) {
		c->bad_line = 1;
		snprintf(c->why, sizeof c->why, n == 0 ?
		    "the journal is empty" : "no line is a journal line");
	}
}

int
ir_journal_verify(const char *dir, struct ir_journal_check *c,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	int rc = read_all(dir, &b, err);

	if (rc == 0)
		ir_journal_check(ir_buf_cstr(&b), b.len, dir, c);
	ir_buf_free(&b);
	return rc;
}

int
ir_journal_head(const char *dir, char head[65], struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	struct ir_journal_tail t;
	int rc = read_all(dir, &b, err);

	if (rc == 0) {
		tail_of(ir_buf_cstr(&b), b.len, &t);
		memcpy(head, t.head, 65);
	}
	ir_buf_free(&b);
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
