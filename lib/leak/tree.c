/* tree.c - see tree.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tree.h"
#include "unpack.h"

#define KEPT (2 * IR_LEAK_REACH)	/* of a window, for the next one */
#define BUFFER (IR_UNPACK_WINDOW + KEPT)
#define PAGE 4096		/* or a multiple of it */
#define DENTS (64u << 10)
#define BATCH 128		/* names that another thread may take over */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* What a folder is on. */
struct place {
	dev_t dev;
	bool paged;		/* see is_paged() */
};

/* A folder to read, or some of the files in it. */
struct item {
	struct item *next;
	char *path;		/* owned */
	struct place place;	/* of the folder it is in */
	bool operand;
	char *names;		/* NUL after each; owned; NULL: all of it */
	size_t nnames;		/* bytes */
};

struct batch {
	char names[BATCH * 256];
	size_t n, count;
};

struct tree {
	const struct ir_tree_opts *o;
	const struct ir_tree_to *to;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct item *items;	/* the newest first */
	unsigned threads;
	_Atomic unsigned waiting;
	_Atomic bool failed;
	struct ir_tree_count *count;
};

struct worker {
	struct tree *t;
	struct ir_tree_count count;
	struct ir_unpack *unpack;
	unsigned char *buf;	/* BUFFER */
	char *dents;		/* DENTS */
	struct batch *batch;
	char path[PATH_MAX];
	size_t npath;		/* of the folder's part, with its slash */
	bool paged;		/* what is read now; see is_paged() */
	bool atime;		/* O_NOATIME was refused */
};

/* linux_dirent64 of getdents64(2) */
struct dent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* --- items --------------------------------------------------------------- */

static void
item_free(struct item *i)
{
	if (!i)
		return;
	free(i->path);
	free(i->names);
	free(i);
}

/* Takes over names.  0, or -1: no memory. */
static int
push(struct tree *t, const char *path, struct place place, bool operand,
    char *names, size_t nnames)
{
	struct item *i = calloc(1, sizeof *i);

	if (i)
		i->path = strdup(path);
	if (!i || !i->path) {
		free(i);
		free(names);
		t->failed = true;
		return -1;
	}
	i->place = place;
	i->operand = operand;
	i->names = names;
	i->nnames = nnames;
	pthread_mutex_lock(&t->lock);
	i->next = t->items;
	t->items = i;
	if (t->waiting)
		pthread_cond_signal(&t->more);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

/* The next one, or NULL: no thread has any left. */
static struct item *
pop(struct tree *t)
{
	struct item *i;

	pthread_mutex_lock(&t->lock);
	while (!t->items) {
		if (++t->waiting == t->threads) {
			pthread_cond_broadcast(&t->more);
			pthread_mutex_unlock(&t->lock);
			return NULL;
		}
		pthread_cond_wait(&t->more, &t->lock);
		if (t->waiting == t->threads) {
			pthread_mutex_unlock(&t->lock);
			return NULL;
		}
		t->waiting--;
	}
	i = t->items;
	t->items = i->next;
	pthread_mutex_unlock(&t->lock);
	return i;
}

/* --- one file ------------------------------------------------------------ */

static void
problem(struct worker *w, const char *why)
{
	w->count.unread++;
	w->t->to->problem(w->path, "", why, w->t->to->arg);
}

static void
problem_errno(struct worker *w, int e)
{
	char text[128];

	if (e == ENOENT)
		problem(w, "vanished while it was looked for");
	else
		problem(w, strerror_r(e, text, sizeof text));
}

/* name in the folder, or a whole path when there is none, does not fit. */
static void
too_long(struct worker *w, const char *name)
{
	size_t n = strlen(name);
	char *path = malloc(w->npath + n + 1);

	w->count.unread++;
	if (path) {
		memcpy(path, w->path, w->npath);
		memcpy(path + w->npath, name, n + 1);
	}
	w->t->to->problem(path ? path : name, "", "a path too long to be "
	    "looked into", w->t->to->arg);
	free(path);
}

static bool
stopped(struct worker *w)
{
	const struct ir_tree_to *to = w->t->to;

	return w->t->failed || (to->stop && to->stop(to->arg));
}

static void
window(const unsigned char *p, size_t n, size_t from, size_t to,
    uint64_t base, uint64_t line, const char *member, void *arg)
{
	struct worker *w = arg;

	w->t->to->window(w->path, p, n, from, to, base, line, member,
	    w->t->to->arg);
}

static void
member_problem(const char *member, const char *why, void *arg)
{
	struct worker *w = arg;

	w->count.unread++;
	w->t->to->problem(w->path, member, why, w->t->to->arg);
}

static bool
make_unpack(struct worker *w)
{
	const struct ir_unpack_to to = { window, member_problem, w };

	if (!w->unpack)
		w->unpack = ir_unpack_new(&to, w->t->o->unpack_limit);
	if (!w->unpack)
		w->t->failed = true;
	return w->unpack != NULL;
}

/*
 * As much as there is, up to n; -1 and errno.  paged: what ends within a page
 * ends the file, and is not asked again.
 */
static ssize_t
read_all(int fd, unsigned char *p, size_t n, bool paged)
{
	size_t got = 0;
	ssize_t r;

	while (got < n) {
		r = read(fd, p + got, n - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
		if (paged && (size_t)r % PAGE)
			break;
	}
	return (ssize_t)got;
}

/* read_all() into the rest of the buffer, and count it; *e is its errno. */
static ssize_t
read_more(struct worker *w, int fd, size_t at, int *e)
{
	ssize_t r = read_all(fd, w->buf + at, BUFFER - at, w->paged);

	*e = errno;
	w->count.bytes += r > 0 ? (uint64_t)r : 0;
	return r;
}

static void
show(struct worker *w, size_t n, size_t from, size_t to, uint64_t base,
    uint64_t line)
{
	w->t->to->window(w->path, w->buf, n, from, to, base, line, "",
	    w->t->to->arg);
}

/* More than fits at once: window by window.  A full one is in w->buf. */
static int
read_plain(struct worker *w, int fd)
{
	size_t n = BUFFER, from = 0;
	uint64_t base = 0, line = 1;
	ssize_t r;
	int e = 0;

	while (n == BUFFER && !stopped(w)) {
		show(w, n, from, n - IR_LEAK_REACH, base, line);
		line += ir_leak_lines(w->buf, n - KEPT);
		base += n - KEPT;
		memmove(w->buf, w->buf + n - KEPT, KEPT);
		from = IR_LEAK_REACH;
		r = read_more(w, fd, KEPT, &e);
		n = KEPT + (r > 0 ? (size_t)r : 0);
		if (r < 0)
			break;
		e = 0;
	}
	if (n < BUFFER)
		show(w, n, from, n, base, line);
	return e;
}

/* Packed: the first n bytes are in w->buf. */
static int
read_packed(struct worker *w, int fd, size_t n)
{
	ssize_t r = (ssize_t)n;
	int e = 0;

	if (!make_unpack(w))
		return 0;
	ir_unpack_begin(w->unpack, true);
	while (r > 0 && !stopped(w) && !ir_unpack_full(w->unpack)) {
		ir_unpack_data(w->unpack, w->buf, (size_t)r);
		if ((size_t)r < BUFFER)
			break;
		r = read_more(w, fd, 0, &e);
	}
	ir_unpack_end(w->unpack);
	return r < 0 ? e : 0;
}

/* One that does not come in one piece: it may change while it is read. */
static void
read_on(struct worker *w, int fd, size_t n, bool packed)
{
	struct stat before, after;
	int e;

	if (fstat(fd, &before))
		memset(&before, 0, sizeof before);
	e = packed ? read_packed(w, fd, n) : read_plain(w, fd);
	if (e)
		problem_errno(w, e);
	else if (fstat(fd, &after) == 0 && S_ISREG(after.st_mode) &&
	    (after.st_size != before.st_size ||
	    after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != before.st_mtim.tv_nsec))
		problem(w, "changed while it was read");
}

static void
read_file(struct worker *w, int fd)
{
	ssize_t n = read_all(fd, w->buf, BUFFER, w->paged);
	bool packed;

	if (n < 0) {
		problem_errno(w, errno);
		return;
	}
	w->count.files++;
	w->count.bytes += (uint64_t)n;
	if (n == 0)
		return;
	packed = !w->t->o->no_unpack && ir_unpack_is(w->buf, (size_t)n);
	if (packed || n == BUFFER)
		read_on(w, fd, (size_t)n, packed);
	else
		show(w, (size_t)n, 0, (size_t)n, 0, 1);
}

/* name in the folder dir (AT_FDCWD: w->path is the whole). */
static void
open_file(struct worker *w, int dir, const char *name, int flags)
{
	int fd = -1;

	flags |= OPEN_FLAGS;
	if (!w->atime) {
		fd = openat(dir, name, flags | O_NOATIME);
		if (fd < 0 && errno == EPERM)
			w->atime = true;
	}
	if (w->atime)
		fd = openat(dir, name, flags);
	if (fd < 0) {
		problem_errno(w, errno);
		return;
	}
	read_file(w, fd);
	close(fd);
}

/* --- folders ------------------------------------------------------------- */

/* path becomes PARENT/name; false: too long. */
static bool
put_name(struct worker *w, const char *name)
{
	size_t n = strlen(name);

	if (w->npath + n + 1 > sizeof w->path)
		return false;
	memcpy(w->path + w->npath, name, n + 1);
	return true;
}

static bool
is_skipped(const struct worker *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->t->o->nskip; i++)
		if (fnmatch(w->t->o->skip[i], name, 0) == 0)
			return true;
	return false;
}

static void
each_file(struct worker *w, int dir, const char *names, size_t n)
{
	size_t at;

	for (at = 0; at < n && !stopped(w); at += strlen(names + at) + 1)
		if (put_name(w, names + at))
			open_file(w, dir, names + at, O_NOFOLLOW);
		else
			too_long(w, names + at);
}

/* 0: not known. */
static unsigned long
file_system(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) ? 0 : (unsigned long)s.f_type;
}

/* File systems whose files are questions to the kernel. */
static bool
is_pseudo(unsigned long type)
{
	static const unsigned long magic[] = { 0x9fa0 /* proc */,
	    0x62656572 /* sysfs */, 0x27e0eb /* cgroup */,
	    0x63677270 /* cgroup2 */, 0x64626720 /* debugfs */,
	    0x74726163 /* tracefs */, 0x73636673 /* securityfs */,
	    0xcafe4a11 /* bpf */, 0x1cd1 /* devpts */,
	    0x19800202 /* mqueue */, 0x62656570 /* configfs */,
	    0x6e736673 /* nsfs */, 0x50495045 /* pipefs */,
	    0xf97cff8c /* selinux */, 0x42494e4d /* binfmt_misc */,
	    0x187 /* autofs */, 0xde5e81e4 /* efivarfs */,
	    0x6165676c /* pstore */, 0x65735543 /* fusectl */,
	    0xabba1974 /* xenfs */ };
	size_t i;

	for (i = 0; i < sizeof magic / sizeof *magic; i++)
		if (type == magic[i])
			return true;
	return false;
}

/*
 * File systems that read whole pages out of the kernel's cache: a read that
 * ends short of what was asked for, and within a page, is at the file's end;
 * at a page's it may have failed at the next.  A file over the network, or of
 * a program (FUSE), may come in any pieces.
 */
static bool
is_paged(unsigned long type)
{
	return type == 0xef53 /* ext2, 3, 4 */ ||
	    type == 0x58465342 /* XFS */ || type == 0x9123683e /* Btrfs */ ||
	    type == 0x01021994 /* tmpfs */;
}

/* A folder that is one of git's: HEAD, objects and refs are in it. */
static bool
is_git(int dir)
{
	return faccessat(dir, "HEAD", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    faccessat(dir, "objects", F_OK, 0) == 0 &&
	    faccessat(dir, "refs", F_OK, 0) == 0;
}

/* Of git's objects, what is known is that they are for somebody else. */
static bool
take_git(struct worker *w, int dir)
{
	size_t n = w->npath;
	char *p = w->path;

	if (!is_git(dir))
		return false;
	p[n - 1] = '\0';
	if (n > 5 && strcmp(p + n - 6, "/.git") == 0)
		p[n - 6] = '\0';
	if (w->t->to->git)
		w->t->to->git(p[0] ? p : "/", w->t->to->arg);
	else
		problem(w, "a git repository: its objects are not looked "
		    "into");
	p[n - 1] = '/';
	if (n > 5 && p[n - 6] == '\0')
		p[n - 6] = '/';
	return true;
}

/* Hand over what is in b, if somebody waits, or do it. */
static void
batch_done(struct worker *w, int dir, struct batch *b, struct place place,
    bool last)
{
	struct tree *t = w->t;
	char *copy = NULL;

	if (b->n == 0)
		return;
	if (!last && t->waiting && (copy = malloc(b->n))) {
		memcpy(copy, b->names, b->n);
		w->path[w->npath] = '\0';
		(void)push(t, w->path, place, false, copy, b->n);
	} else {
		each_file(w, dir, b->names, b->n);
	}
	b->n = b->count = 0;
}

static unsigned char
type_of(int dir, const struct dent *d)
{
	struct stat st;

	if (d->type != DT_UNKNOWN)
		return d->type;
	if (fstatat(dir, d->name, &st, AT_SYMLINK_NOFOLLOW))
		return DT_REG;	/* opening it says what is wrong */
	return (unsigned char)IFTODT(st.st_mode);
}

static void
entry(struct worker *w, int dir, const struct dent *d, struct place place,
    bool git, struct batch *b)
{
	const char *name = d->name;
	unsigned char type;
	size_t n;

	if (name[0] == '.' && (name[1] == '\0' ||
	    (name[1] == '.' && name[2] == '\0')))
		return;
	if (w->t->o->nskip && is_skipped(w, name)) {
		w->count.skipped++;
		return;
	}
	type = type_of(dir, d);
	if (type == DT_REG) {
		n = strlen(name) + 1;
		if (b->count == BATCH || b->n + n > sizeof b->names)
			batch_done(w, dir, b, place, false);
		memcpy(b->names + b->n, name, n);
		b->n += n;
		b->count++;
	} else if (type == DT_DIR) {
		if (git && strcmp(name, "objects") == 0)
			return;
		if (put_name(w, name))
			(void)push(w->t, w->path, place, false, NULL, 0);
		else
			too_long(w, name);
	} else if (type == DT_LNK) {
		w->count.links++;
	} else {
		w->count.special++;
	}
}

static void
each_entry(struct worker *w, int dir, struct place place)
{
	struct batch *b = w->batch;
	const struct dent *d;
	bool git = take_git(w, dir);
	long n = 0, at;

	b->n = b->count = 0;
	while (!stopped(w) &&
	    (n = syscall(SYS_getdents64, dir, w->dents, DENTS)) > 0)
		for (at = 0; at < n; at += d->reclen) {
			d = (const struct dent *)(const void *)
			    (w->dents + at);
			entry(w, dir, d, place, git, b);
		}
	w->path[w->npath] = '\0';
	if (n < 0)
		problem_errno(w, errno);
	batch_done(w, dir, b, place, true);
}

static void
folder(struct worker *w, const struct item *i)
{
	int fd = open(i->path, OPEN_FLAGS | O_DIRECTORY |
	    (i->operand ? 0 : O_NOFOLLOW));
	struct place place = i->place;
	size_t n = strlen(i->path);
	unsigned long type = 0;
	struct stat st;

	w->npath = 0;
	if (n + 2 > sizeof w->path) {
		too_long(w, i->path);
		if (fd >= 0)
			close(fd);
		return;
	}
	memcpy(w->path, i->path, n + 1);
	if (fd < 0 || fstat(fd, &st)) {
		problem_errno(w, errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (i->operand || st.st_dev != i->place.dev) {
		type = file_system(fd);
		place = (struct place){ st.st_dev, is_paged(type) };
	}
	if (is_pseudo(type)) {
		if (i->operand)
			problem(w, "a file system of the kernel: not "
			    "entered");
		else
			w->count.skipped++;
	} else if (!i->operand && w->t->o->one_device &&
	    st.st_dev != i->place.dev) {
		w->count.skipped++;
	} else {
		if (n == 0 || w->path[n - 1] != '/')
			w->path[n++] = '/';
		w->path[n] = '\0';
		w->npath = n;
		w->paged = place.paged;
		if (i->names) {
			each_file(w, fd, i->names, i->nnames);
		} else {
			w->count.folders++;
			each_entry(w, fd, place);
		}
	}
	close(fd);
}

/* --- all ----------------------------------------------------------------- */

static void
operand(struct worker *w, const char *path)
{
	const struct place unknown = { 0 };
	struct stat st;
	size_t n = strlen(path);

	w->npath = 0;
	if (n + 2 > sizeof w->path) {
		too_long(w, path);
		return;
	}
	memcpy(w->path, path, n + 1);
	w->paged = false;
	if (strcmp(path, "-") == 0) {
		read_file(w, STDIN_FILENO);
	} else if (stat(path, &st)) {
		problem_errno(w, errno);
	} else if (S_ISDIR(st.st_mode)) {
		/* a slash at the end is none of the name */
		while (n > 1 && w->path[n - 1] == '/')
			w->path[--n] = '\0';
		(void)push(w->t, w->path, unknown, true, NULL, 0);
	} else if (S_ISREG(st.st_mode)) {
		open_file(w, AT_FDCWD, path, 0);
	} else {
		problem(w, "not a file");
	}
}

static bool
worker_init(struct worker *w, struct tree *t)
{
	w->t = t;
	w->buf = aligned_alloc(64, BUFFER);	/* as vectors like it */
	w->dents = malloc(DENTS);
	w->batch = malloc(sizeof *w->batch);
	return w->buf && w->dents && w->batch;
}

static void
worker_free(struct worker *w)
{
	struct ir_tree_count *c = w->t->count;

	c->files += w->count.files;
	c->bytes += w->count.bytes;
	c->folders += w->count.folders;
	c->links += w->count.links;
	c->special += w->count.special;
	c->unread += w->count.unread;
	c->skipped += w->count.skipped;
	ir_unpack_free(w->unpack);
	free(w->buf);
	free(w->dents);
	free(w->batch);
	free(w);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct item *i;

	while ((i = pop(w->t))) {
		if (!stopped(w))
			folder(w, i);
		item_free(i);
	}
	return NULL;
}

int
ir_tree_run(char *const *operands, size_t n, const struct ir_tree_opts *o,
    const struct ir_tree_to *to, struct ir_tree_count *count,
    struct ir_err *err)
{
	struct tree t = { .o = o, .to = to, .count = count };
	struct worker *w[IR_TREE_THREADS] = { NULL };
	pthread_t id[IR_TREE_THREADS];
	struct item *next;
	unsigned i, k, started = 1;

	memset(count, 0, sizeof *count);
	t.threads = o->threads ? o->threads : 1;
	if (t.threads > IR_TREE_THREADS)
		t.threads = IR_TREE_THREADS;
	pthread_mutex_init(&t.lock, NULL);
	pthread_cond_init(&t.more, NULL);
	for (i = 0; i < t.threads; i++) {
		w[i] = calloc(1, sizeof *w[i]);
		if (!w[i] || !worker_init(w[i], &t))
			t.failed = true;
	}
	for (k = 0; k < n && !t.failed && !stopped(w[0]); k++)
		operand(w[0], operands[k]);
	for (; started < t.threads && !t.failed; started++)
		if (pthread_create(&id[started], NULL, work, w[started]))
			break;
	/* those that could not be started wait for ever */
	pthread_mutex_lock(&t.lock);
	t.waiting += t.threads - started;
	pthread_mutex_unlock(&t.lock);
	if (started > 1 || !t.failed)	/* the others wait for it */
		work(w[0]);
	for (i = 1; i < started; i++)
		pthread_join(id[i], NULL);
	for (i = 0; i < t.threads; i++)
		if (w[i] && w[i]->t)
			worker_free(w[i]);
	for (; t.items; t.items = next) {
		next = t.items->next;
		item_free(t.items);
	}
	pthread_mutex_destroy(&t.lock);
	pthread_cond_destroy(&t.more);
	return t.failed ? ir_fail(err, IR_OSERR, "no memory") : 0;
}
