/* queue.c - see queue.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"

#define SUBS 63		/* none, 0-9, A-Z, a-z */
#define FIRST_READ 65536
#define FILES 65536	/* descriptors; 1024 queues need 2048, split more */
#define AT_ONCE 131072	/* entries of a folder that are sorted together */
#define PLAIN (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct ir_queue {
	struct ir_spool *spool;
	size_t index;
	bool chosen;
	char name[IR_QUEUE_NAME_MAX];
	int fd;
	_Atomic int dirs[2][SUBS]; /* -1: not opened yet; two threads look */
};

struct ir_spool {
	int fd;
	char *dir;
	uid_t uid;
	gid_t gid;
	bool unused_ok;
	struct ir_queue *queues[IR_QUEUES_MAX + 1];
	size_t n;
};

static const char *const part_name[] = { "input", "msglog" };

/*
 * All queues are kept open, each with its folders: a spool of many would run
 * into the usual 1024, and then not be looked at at all.
 */
static void
allow_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= FILES)
		return;
	l.rlim_cur = l.rlim_max < FILES ? l.rlim_max : FILES;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

int
ir_spool_open(struct ir_spool **out, const char *dir, struct ir_err *err)
{
	struct ir_spool *s = calloc(1, sizeof *s);
	struct stat st;

	if (!s || !(s->dir = strdup(dir))) {
		free(s);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	allow_files();
	s->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st)) {
		ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT), errno,
		    "%s", dir);
		if (err && err->code == IR_NOPERM)
			ir_hint(err, "run as root or as exim's user");
		if (s->fd >= 0)
			close(s->fd);
		free(s->dir);
		free(s);
		return -1;
	}
	s->uid = st.st_uid;
	s->gid = st.st_gid;
	/*
	 * The packagers differ in who owns the top; input is Exim's.  Root's
	 * input in Exim's top is a folder that was moved there, so that we
	 * keep our rights.
	 */
	if (fstatat(s->fd, "input", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_uid != 0) {
		s->uid = st.st_uid;
		s->gid = st.st_gid;
	}
	*out = s;
	return 0;
}

static void
queue_close(struct ir_queue *q)
{
	int part, i;

	for (part = 0; part < 2; part++)
		for (i = 0; i < SUBS; i++)
			if (q->dirs[part][i] >= 0)
				close(q->dirs[part][i]);
	close(q->fd);
	free(q);
}

void
ir_spool_close(struct ir_spool *s)
{
	if (!s)
		return;
	while (s->n)
		queue_close(s->queues[--s->n]);
	close(s->fd);
	free(s->dir);
	free(s);
}

void
ir_spool_unused_ok(struct ir_spool *s)
{
	s->unused_ok = true;
}

int
ir_spool_fd(const struct ir_spool *s)
{
	return s->fd;
}

void
ir_spool_set_owner(struct ir_spool *s, uid_t uid, gid_t gid)
{
	s->uid = uid;
	s->gid = gid;
}

void
ir_spool_owner(const struct ir_spool *s, uid_t *uid, gid_t *gid)
{
	*uid = s->uid;
	*gid = s->gid;
}

int
ir_spool_give_up_rights(struct ir_spool *s, struct ir_err *err)
{
	if (geteuid() != 0 || s->uid == 0)
		return 0;
	if (setgroups(1, &s->gid) || setresgid(s->gid, s->gid, s->gid) ||
	    setresuid(s->uid, s->uid, s->uid))
		return ir_fail_errno(err, IR_OSERR, errno,
		    "become the owner of %s", s->dir);
	return 0;
}

bool
ir_queue_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n < IR_QUEUE_NAME_MAX && name[n] == '\0';
}

/* --- queues ------------------------------------------------------------- */

static int
denied(const struct ir_spool *s, const char *name, int e, int otherwise,
    struct ir_err *err)
{
	ir_fail_errno(err, ir_errno_code(e, otherwise), e, "%s/%s", s->dir,
	    name);
	if (err && err->code == IR_NOPERM && e != EROFS)
		ir_hint(err, "run as root or as exim's user");
	return -1;
}

static struct ir_queue *
opened(struct ir_spool *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->queues[i]->name, name) == 0)
			return s->queues[i];
	return NULL;
}

int
ir_queue_open(struct ir_spool *s, const char *name, struct ir_queue **out,
    struct ir_err *err)
{
	struct ir_queue *q = opened(s, name);
	size_t i;

	*out = q;
	if (q)
		return 0;
	if (*name && !ir_queue_name_ok(name))
		return ir_fail(err, IR_USAGE, "not a queue name: %s", name);
	if (s->n == IR_QUEUES_MAX)
		return ir_fail(err, IR_DATAERR, "%s: too many queues", s->dir);
	q = malloc(sizeof *q);
	if (!q)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < SUBS; i++) {
		atomic_init(&q->dirs[IR_INPUT][i], -1);
		atomic_init(&q->dirs[IR_MSGLOG][i], -1);
	}
	snprintf(q->name, sizeof q->name, "%s", name);
	q->spool = s;
	q->index = s->n;
	q->chosen = false;
	q->fd = openat(s->fd, *name ? name : ".", OPEN_DIR);
	if (q->fd < 0) {
		free(q);
		return denied(s, name, errno, IR_NOINPUT, err);
	}
	s->queues[s->n++] = q;
	if (ir_queue_dir(q, IR_INPUT, 0, false) < 0 && !(errno == ENOENT &&
	    s->unused_ok && !*name)) {
		int e = errno;

		s->n--;
		queue_close(q);
		return denied(s, *name ? name : "input", e, IR_NOINPUT, err);
	}
	*out = q;
	return 0;
}

/* A folder of Exim's: made when missing, and its user's. */
static int
make_dir(const struct ir_spool *s, int at, const char *name)
{
	bool made = mkdirat(at, name, 0750) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return -1;
	fd = openat(at, name, OPEN_DIR);
	if (fd < 0)
		return -1;
	/* whatever the umask of the caller is */
	if (made && (fchmod(fd, 0750) || (geteuid() == 0 &&
	    fchown(fd, s->uid, s->gid)))) {
		int e = errno;

		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

int
ir_queue_make(struct ir_spool *s, const char *name, struct ir_queue **q,
    struct ir_err *err)
{
	int fd, in;

	if (!ir_queue_name_ok(name))
		return ir_fail(err, IR_USAGE, "not a queue name: %s", name);
	fd = make_dir(s, s->fd, name);
	if (fd < 0)
		return denied(s, name, errno, IR_CANTCREAT, err);
	in = make_dir(s, fd, part_name[IR_INPUT]);
	close(fd);
	if (in < 0)
		return denied(s, name, errno, IR_CANTCREAT, err);
	close(in);
	if (ir_queue_open(s, name, q, err))
		return -1;
	if (ir_queue_dir(*q, IR_MSGLOG, 0, true) < 0)
		return denied(s, name, errno, IR_CANTCREAT, err);
	(void)fsync((*q)->fd);
	(void)fsync(s->fd);
	return 0;
}

static bool
has_input(const struct ir_spool *s, const char *name)
{
	char path[256 + sizeof "/input"];
	struct stat st;

	snprintf(path, sizeof path, "%s/input", name);
	return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode) &&
	    fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

static int
open_all(struct ir_spool *s, bool choose, struct ir_err *err)
{
	struct ir_queue *q;
	struct dirent *e;
	int rc = 0, fd = openat(s->fd, ".", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		rc = ir_fail_errno(err, IR_IOERR, errno, "%s", s->dir);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(d))) {
		if (!ir_queue_name_ok(e->d_name) || !has_input(s, e->d_name))
			continue;
		rc = ir_queue_open(s, e->d_name, &q, err);
		if (rc == 0 && choose)
			q->chosen = !ir_queue_quarantine(q);
	}
	closedir(d);
	return rc;
}

int
ir_spool_choose(struct ir_spool *s, const char *name, struct ir_err *err)
{
	struct ir_queue *q;

	if (ir_queue_open(s, name && strcmp(name, "-") ? name : "", &q, err))
		return -1;
	q->chosen = true;
	return open_all(s, name == NULL, err);
}

struct ir_queue *
ir_spool_queue(struct ir_spool *s, size_t i)
{
	return i < s->n ? s->queues[i] : NULL;
}

const char *
ir_queue_name(const struct ir_queue *q)
{
	return q->name;
}

size_t
ir_queue_index(const struct ir_queue *q)
{
	return q->index;
}

int
ir_queue_fd(const struct ir_queue *q)
{
	return q->fd;
}

bool
ir_queue_quarantine(const struct ir_queue *q)
{
	struct stat st;

	return q->name[0] && fstatat(q->fd, IR_MANIFEST, &st,
	    AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static int
sub_slot(char c)
{
	if (c >= '0' && c <= '9')
		return 1 + c - '0';
	if (c >= 'A' && c <= 'Z')
		return 11 + c - 'A';
	if (c >= 'a' && c <= 'z')
		return 37 + c - 'a';
	return 0;
}

/* Another thread may have opened it meanwhile: then its descriptor is it. */
static int
keep(_Atomic int *slot, int fd)
{
	int there = -1;

	if (fd < 0 || atomic_compare_exchange_strong(slot, &there, fd))
		return fd;
	close(fd);
	return there;
}

static int
open_in(struct ir_queue *q, int at, const char *name, bool make)
{
	int fd = openat(at, name, OPEN_DIR);

	return fd < 0 && errno == ENOENT && make ?
	    make_dir(q->spool, at, name) : fd;
}

int
ir_queue_dir(struct ir_queue *q, enum ir_queue_part part, char sub, bool make)
{
	_Atomic int *slot = &q->dirs[part][sub_slot(sub)];
	char name[2] = { sub, '\0' };
	int fd = *slot;

	if (fd >= 0)
		return fd;
	fd = q->dirs[part][0];
	if (fd < 0)
		fd = keep(&q->dirs[part][0], open_in(q, q->fd,
		    part_name[part], make));
	if (fd < 0 || slot == &q->dirs[part][0])
		return fd;
	return keep(slot, open_in(q, fd, name, make));
}

/* --- walking ------------------------------------------------------------ */

struct entry {
	uint64_t ino;
	char id[IR_SPOOL_ID_MAX];
};

struct entries {
	struct entry *v;
	size_t n, cap;
	char subs[SUBS];	/* split folders that were seen */
	size_t nsubs;
};

static int
by_inode(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static int
add_entry(struct entries *l, const struct dirent *e, size_t id_len,
    struct ir_err *err)
{
	struct entry *v;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 1024;
		v = reallocarray(l->v, l->cap, sizeof *v);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		l->v = v;
	}
	v = &l->v[l->n++];
	v->ino = e->d_ino;
	memcpy(v->id, e->d_name, id_len);
	v->id[id_len] = '\0';
	return 0;
}

/*
 * Inodes are where the files lie.  Most file systems list a folder in that
 * order or the other way round as it is; ext4 does in the order of a hash.
 */
static void
sort_entries(struct entries *l)
{
	size_t i, up = 1, down = 1;
	struct entry e;

	for (i = 1; i < l->n; i++) {
		up += l->v[i - 1].ino <= l->v[i].ino;
		down += l->v[i - 1].ino >= l->v[i].ino;
	}
	if (up >= l->n)
		return;
	if (down < l->n) {
		qsort(l->v, l->n, sizeof *l->v, by_inode);
		return;
	}
	for (i = 0; i < l->n / 2; i++) {
		e = l->v[i];
		l->v[i] = l->v[l->n - 1 - i];
		l->v[l->n - 1 - i] = e;
	}
}

/* More of the folder: 1, or 0 when that was all of it. */
static int
list_some(DIR *d, bool top, struct entries *l, struct ir_err *err)
{
	struct dirent *e;
	int rc = 0;
	size_t n;

	l->n = 0;
	while (rc == 0 && l->n < AT_ONCE && (errno = 0, e = readdir(d))) {
		n = ir_spool_h_name(e->d_name);
		if (n && e->d_type != DT_DIR)
			rc = add_entry(l, e, n, err);
		else if (top && sub_slot(e->d_name[0]) && !e->d_name[1] &&
		    l->nsubs < SUBS)
			l->subs[l->nsubs++] = e->d_name[0];
	}
	if (rc == 0 && l->n < AT_ONCE && errno)
		rc = ir_fail_errno(err, IR_IOERR, errno, "list the queue");
	sort_entries(l);
	return rc ? rc : l->n == AT_ONCE;
}

static int
walk_dir(struct ir_queue *q, char sub, struct entries *l,
    int (*fn)(const struct ir_queue_item *, void *), void *arg,
    struct ir_err *err)
{
	struct ir_queue_item item = { q, -1, sub, "" };
	int rc = 0, more = 1, fd;
	size_t i;
	DIR *d;

	item.dirfd = ir_queue_dir(q, IR_INPUT, sub, false);
	if (item.dirfd < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return 0;	/* not a folder of Exim's */
		return denied(q->spool, part_name[IR_INPUT], errno, IR_IOERR,
		    err);
	}
	fd = openat(item.dirfd, ".", OPEN_DIR);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		rc = ir_fail_errno(err, ir_errno_code(errno, IR_IOERR), errno,
		    "list the queue");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && more > 0) {
		more = list_some(d, sub == 0, l, err);
		for (i = 0; rc == 0 && more >= 0 && i < l->n; i++) {
			memcpy(item.id, l->v[i].id, sizeof item.id);
			rc = fn(&item, arg);
		}
	}
	closedir(d);
	return more < 0 ? -1 : rc;
}

int
ir_queue_walk(struct ir_queue *q,
    int (*fn)(const struct ir_queue_item *, void *), void *arg,
    struct ir_err *err)
{
	struct entries l = { NULL, 0, 0, "", 0 };
	size_t i;
	int rc;

	rc = walk_dir(q, 0, &l, fn, arg, err);
	for (i = 0; rc == 0 && i < l.nsubs; i++)
		rc = walk_dir(q, l.subs[i], &l, fn, arg, err);
	free(l.v);
	return rc;
}

int
ir_spool_walk(struct ir_spool *s,
    int (*fn)(const struct ir_queue_item *, void *), void *arg,
    struct ir_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->n; i++)
		if (s->queues[i]->chosen)
			rc = ir_queue_walk(s->queues[i], fn, arg, err);
	return rc;
}

bool
ir_queue_find(struct ir_queue *q, const char *id, struct ir_queue_item *item)
{
	char name[IR_SPOOL_ID_MAX + 2];
	struct stat st;
	int i;

	snprintf(name, sizeof name, "%s-H", id);
	snprintf(item->id, sizeof item->id, "%s", id);
	item->queue = q;
	for (i = 0; i < 2; i++) {
		item->sub = (char)(i ? 0 : id[5]);
		item->dirfd = ir_queue_dir(q, IR_INPUT, item->sub, false);
		if (item->dirfd >= 0 && fstatat(item->dirfd, name, &st,
		    AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

bool
ir_spool_find(struct ir_spool *s, const char *id, struct ir_queue_item *item)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->queues[i]->chosen && ir_queue_find(s->queues[i], id,
		    item))
			return true;
	return false;
}

/* --- files -------------------------------------------------------------- */

void
ir_file_buf_free(struct ir_file_buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

static int
grow(struct ir_file_buf *b, struct ir_err *err)
{
	size_t cap = b->cap ? b->cap * 4 : FIRST_READ;
	char *p;

	if (b->cap > IR_SPOOL_H_MAX)
		return ir_fail(err, IR_DATAERR, "malformed: too large");
	p = realloc(b->data, cap);
	if (!p)
		return ir_fail(err, IR_OSERR, "no memory");
	b->data = p;
	b->cap = cap;
	return 0;
}

static int
read_file(int fd, struct ir_file_buf *b, struct ir_err *err)
{
	ssize_t got;

	for (b->len = 0; ; ) {
		if (b->len == b->cap && grow(b, err))
			return -1;
		got = read(fd, b->data + b->len, b->cap - b->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ir_fail_errno(err, errno == EISDIR ||
			    errno == EAGAIN ? IR_DATAERR : IR_IOERR, errno,
			    "malformed");
		b->len += (size_t)got;
		/* a plain file gives less than asked for only at its end */
		if (b->len < b->cap)
			return 1;
	}
}

int
ir_queue_load(int dirfd, const char *id, char kind, struct ir_file_buf *b,
    struct ir_err *err)
{
	char name[IR_SPOOL_ID_MAX + 2];
	size_t n = strlen(id);
	int fd, rc;

	memcpy(name, id, n);
	name[n] = '-';
	name[n + 1] = kind;
	name[n + 2] = '\0';
	b->len = 0;
	/* to look is no trace: the time of access is evidence, and a write */
	fd = openat(dirfd, name, PLAIN | (b->not_ours ? 0 : O_NOATIME));
	if (fd < 0 && errno == EPERM && !b->not_ours) {
		b->not_ours = true;
		fd = openat(dirfd, name, PLAIN);
	}
	if (fd < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno == ELOOP || errno == ENXIO)
			return ir_fail(err, IR_DATAERR,
			    "malformed: not a plain file");
		return ir_fail_errno(err, ir_errno_code(errno, IR_IOERR),
		    errno, "open");
	}
	rc = read_file(fd, b, err);
	close(fd);
	return rc;
}

int
ir_queue_read(const struct ir_queue_item *at, struct ir_file_buf *b,
    struct ir_spool_msg *m, struct ir_err *err)
{
	int rc = ir_queue_load(at->dirfd, at->id, 'H', b, err);

	return rc == 1 && ir_spool_parse(b->data, b->len, at->id, m, err) ?
	    -1 : rc;
}

int64_t
ir_queue_size(int dirfd, const char *id, const struct ir_spool_msg *m)
{
	char name[IR_SPOOL_ID_MAX + 2];
	struct stat st;

	snprintf(name, sizeof name, "%s-D", id);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    st.st_size < ir_spool_data_start(strlen(id)))
		return 0;
	/* one more for the blank line between headers and body */
	return (int64_t)m->header_size + st.st_size -
	    ir_spool_data_start(strlen(id)) + 1;
}
