/*
 * webroot-check - what was changed on this host, and what is worth a look
 *
 * Reads the package manager's records and the files they are of, web roots,
 * and what runs by itself: cron tables, aliases, units and so on; a table of
 * rules.  Writes nothing and changes nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/cli.h"
#include "core/err.h"
#include "core/names.h"
#include "core/output.h"
#include "core/proc.h"
#include "core/record.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "host/packages.h"
#include "host/rules.h"

#define DEPTH_MAX 64
#define FILE_MAX (4u << 20)	/* bytes of a script that are looked at */
#define HEAD 8192		/* of a picture */
#define HASH_MAX (64u << 20)
#define TABLE_MAX (64u << 20)	/* a list of dpkg's */
#define RPM_MAX (64u << 20)
#define IN_TMP_MAX 100		/* programs in /tmp that are told of */
#define OF_PACKAGE 20		/* changed files that are no programs */
#define USERS_MAX 20000
#define RULES_ETC "/etc/quell/webroot-rules.tsv"
#define RULES_SHIPPED QUELL_DATADIR "/webroot-rules.tsv"

struct user {
	uid_t uid;
	char *name, *home;
};

struct run {
	struct ir_common common;
	const char *root, *since_text, *rules_path;
	struct ir_list web;
	bool no_packages, no_host, strong, notes;
	int64_t now, since;		/* since 0: not given */
	int64_t end;			/* monotonic ms; 0: no limit */
	int fd;				/* of root */
	struct ir_rules *rules;
	struct ir_paths owned;		/* by packages */
	struct user *users;
	size_t nusers;
	size_t findings[3], in_tmp, of_package;
	size_t files, scripts, checked, missing, conffiles;
	size_t unread, cut;
	struct ir_names cut_by;		/* what could not be looked at: few */
	bool dpkg, rpm, late;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err err;
};

/* A file that is looked at. */
struct file {
	struct run *x;
	const char *path;	/* below the root, with the '/' */
	int fd;
	struct stat st;
	char hash[65];		/* "" until it is asked for */
	const char *type;	/* what the record calls it */
	enum ir_rule_level raise;	/* what has changed since is at least */
};

/* --- opening ------------------------------------------------------------- */

/*
 * Open below the root as if that were /: no link leads out of a mounted disk.
 * Where the kernel has no such call (before 5.6) only the real root works.
 */
static int
open_in(const struct run *x, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY), .resolve = RESOLVE_IN_ROOT |
	    RESOLVE_NO_MAGICLINKS };
	int fd, tries = 0;

	/* EAGAIN: something was renamed meanwhile, openat2(2) */
	do
		fd = (int)syscall(SYS_openat2, x->fd, path, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && ++tries < 20);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM) &&
	    strcmp(x->root, "/") == 0)
		fd = open(path, (int)how.flags);
	return fd;
}

static bool
over(struct run *x)
{
	if (x->end && ir_mono_ms() >= x->end)
		x->late = true;
	return x->late || ir_stopped();
}

/* Not a finding: something that could not be looked at. */
static void
unseen(struct run *x, const char *path)
{
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		return;
	x->unread++;
	if (x->cut_by.n < 10)
		(void)ir_names_add(&x->cut_by, path);
}

static int
read_in(struct run *x, const char *path, struct ir_buf *b)
{
	int fd = open_in(x, path, O_RDONLY), rc = -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = ir_buf_read_fd(b, fd, path, NULL);
	if (rc)
		unseen(x, path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* --- findings ------------------------------------------------------------ */

static const char *
user_name(const struct run *x, uid_t uid)
{
	size_t i;

	for (i = 0; i < x->nusers; i++)
		if (x->users[i].uid == uid)
			return x->users[i].name;
	return NULL;
}

static bool
changed_since(const struct run *x, const struct stat *st)
{
	return x->since && (st->st_mtime >= x->since ||
	    st->st_ctime >= x->since);
}

static bool
wanted(const struct run *x, enum ir_rule_level level)
{
	return level == IR_LEVEL_STRONG || (level == IR_LEVEL_LOOK &&
	    !x->strong) || (level == IR_LEVEL_NOTE && x->notes);
}

static void
hash_file(struct file *f)
{
	if (*f->hash || f->fd < 0 || f->st.st_size > HASH_MAX ||
	    lseek(f->fd, 0, SEEK_SET) < 0)
		return;
	if (ir_sha256_fd(f->fd, HASH_MAX, f->hash))
		*f->hash = '\0';
}

static void
put(struct file *f, enum ir_rule_level level, const char *what,
    const char *why, size_t line, const char *text)
{
	struct run *x = f->x;
	bool new = changed_since(x, &f->st);
	const char *user = user_name(x, f->st.st_uid);
	struct ir_rec *r;

	if (new && level < f->raise)
		level = f->raise;
	x->findings[level]++;
	if (!wanted(x, level))
		return;
	r = ir_rec_new("host-finding", NULL);
	if (line)
		ir_rec_fmt(r, "id", "%s:%s:%zu", what, f->path, line);
	else
		ir_rec_fmt(r, "id", "%s:%s", what, f->path);
	ir_rec_str(r, "level", ir_rule_level(level));
	ir_rec_str(r, "what", what);
	ir_rec_str(r, "kind", f->type);
	ir_rec_str(r, "why", why);
	ir_rec_str(r, "path", f->path);
	if (line)
		ir_rec_int(r, "line", (int64_t)line);
	if (text && *text)
		ir_rec_str(r, "text", text);
	if (f->st.st_nlink) {
		hash_file(f);
		ir_rec_time(r, "mtime", f->st.st_mtime);
		ir_rec_time(r, "ctime", f->st.st_ctime);
		ir_rec_int(r, "uid", f->st.st_uid);
		if (user)
			ir_rec_str(r, "owner", user);
		ir_rec_fmt(r, "mode", "%04o", f->st.st_mode & 07777);
		ir_rec_int(r, "size", f->st.st_size);
		if (*f->hash)
			ir_rec_str(r, "sha256", f->hash);
		if (x->since)
			ir_rec_bool(r, "changed_since", new);
	}
	ir_out_put(x->out, r);
}

static void
on_hit(const struct ir_rule_hit *h, void *arg)
{
	put(arg, h->level, h->id, h->why, h->line, h->text);
}

/* The rules of one kind on an open file. */
static void
apply(struct file *f, enum ir_rule_kind kind, bool each_line)
{
	struct run *x = f->x;
	char *piece = malloc(FILE_MAX);
	bool gave_up = false;
	size_t n = 0;
	ssize_t got;

	while (piece && n < FILE_MAX && (got = pread(f->fd, piece + n,
	    FILE_MAX - n, (off_t)n)) > 0)
		n += (size_t)got;
	x->cut += f->st.st_size > FILE_MAX;
	if (piece)
		ir_rules_scan(x->rules, kind, each_line, piece, n, on_hit, f,
		    &gave_up);
	if (gave_up)
		put(f, IR_LEVEL_LOOK, "hard-to-read", "a pattern took too "
		    "long on it: made so that nobody can read it?", 0, NULL);
	free(piece);
}

/* One file by its name: its rules.  1 when it was there. */
static int
look_file(struct run *x, const char *path, const char *type,
    enum ir_rule_kind kind, bool each_line)
{
	struct file f = { .x = x, .path = path, .type = type,
		.raise = IR_LEVEL_LOOK };

	f.fd = open_in(x, path, O_RDONLY);
	if (f.fd < 0 || fstat(f.fd, &f.st) || !S_ISREG(f.st.st_mode)) {
		if (f.fd < 0)
			unseen(x, path);
		else
			close(f.fd);
		return 0;
	}
	x->files++;
	apply(&f, kind, each_line);
	close(f.fd);
	return 1;
}

/* --- walking ------------------------------------------------------------- */

/*
 * Every entry of a folder and below; no link is followed.  fn gets its parent
 * as a descriptor; for a folder it says whether to go in.
 */
typedef bool visit_fn(struct run *x, int dir, const char *name,
    const char *path, const struct stat *st, void *arg);

static void
walk(struct run *x, int fd, char *path, size_t len, int depth, visit_fn *fn,
    void *arg)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	struct stat st;
	size_t n;
	int sub;

	if (!d) {
		close(fd);
		return;
	}
	while (!over(x) && (e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (len + n + 2 > PATH_MAX) {
			errno = ENAMETOOLONG;
			unseen(x, path);
			continue;
		}
		path[len] = '/';
		memcpy(path + len + 1, e->d_name, n + 1);
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			unseen(x, path);
		} else if (fn(x, dirfd(d), e->d_name, path, &st, arg) &&
		    S_ISDIR(st.st_mode)) {
			sub = depth < DEPTH_MAX ? openat(dirfd(d), e->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
			    -1;
			if (depth == DEPTH_MAX)
				errno = EMLINK;
			if (sub < 0)
				unseen(x, path);
			else
				walk(x, sub, path, len + 1 + n, depth + 1, fn,
				    arg);
		}
		path[len] = '\0';
	}
	closedir(d);
}

static void
walk_in(struct run *x, const char *dir, visit_fn *fn, void *arg)
{
	int fd = open_in(x, dir, O_RDONLY | O_DIRECTORY);
	char path[PATH_MAX];
	size_t n;

	if (fd < 0) {
		unseen(x, dir);
		return;
	}
	snprintf(path, sizeof path, "%s", dir);
	for (n = strlen(path); n && path[n - 1] == '/'; )
		path[--n] = '\0';
	walk(x, fd, path, n, 0, fn, arg);
}

static int
open_entry(struct file *f, int dir, const char *name)
{
	f->fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY);
	if (f->fd >= 0 && fstat(f->fd, &f->st) == 0 &&
	    S_ISREG(f->st.st_mode))
		return 0;
	unseen(f->x, f->path);
	if (f->fd >= 0)
		close(f->fd);
	return -1;
}

/* --- packages ------------------------------------------------------------ */

/* Is it run, or loaded by what is run? */
static bool
program(const char *path, const struct stat *st)
{
	return (st->st_mode & 0111) || strstr(path, "/bin/") ||
	    strstr(path, "/sbin/") || strstr(path, ".so");
}

/* Software that brings itself up to date changes hundreds: some are named. */
static void
changed_file(struct run *x, struct file *f)
{
	if (program(f->path, &f->st))
		put(f, IR_LEVEL_STRONG, "package-file",
		    "not what its package brought", 0, NULL);
	else if (++x->of_package <= OF_PACKAGE)
		put(f, IR_LEVEL_LOOK, "package-file",
		    "not what its package brought", 0, x->of_package <
		    OF_PACKAGE ? NULL : "more files of this package are not "
		    "named");
	else
		x->findings[IR_LEVEL_LOOK]++;
}

static void
check_sum(struct run *x, const char *path, const char *want,
    const struct ir_paths *diverted)
{
	struct file f = { .x = x, .path = path, .type = "package",
		.raise = IR_LEVEL_LOOK };
	char got[33];

	if (ir_paths_have(diverted, path))
		return;
	f.fd = open_in(x, path, O_RDONLY);
	if (f.fd < 0 || fstat(f.fd, &f.st) || !S_ISREG(f.st.st_mode)) {
		/* documents are left out of small systems on purpose */
		if (f.fd < 0 && errno != ENOENT)
			unseen(x, path);
		x->missing++;
	} else if (ir_md5_fd(f.fd, got)) {
		unseen(x, path);
	} else {
		x->checked++;
		if (strcmp(got, want) != 0)
			changed_file(x, &f);
	}
	if (f.fd >= 0)
		close(f.fd);
}

/* Each line of a text. */
static void
each_line(const struct ir_buf *b, void (*fn)(struct run *x, const char *s,
    size_t n, void *arg), struct run *x, void *arg)
{
	const char *s = ir_buf_cstr(b), *end = s + b->len, *nl;

	for (; s < end && !over(x); s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			nl = end;
		fn(x, s, (size_t)(nl - s), arg);
	}
}

static void
sum_line(struct run *x, const char *s, size_t n, void *diverted)
{
	char hash[33], path[PATH_MAX], full[PATH_MAX + 1];

	if (ir_md5sums_line(s, n, hash, path))
		return;
	snprintf(full, sizeof full, "/%s", path);
	check_sum(x, full, hash, diverted);
}

static void
list_line(struct run *x, const char *s, size_t n, void *paths)
{
	if (n > 1)
		(void)ir_paths_add(paths, s, n, &x->err);
}

/* "  /etc/x MD5": what the administrator may change, and did. */
static void
status_line(struct run *x, const char *s, size_t n, void *diverted)
{
	struct file f = { .x = x, .type = "conffile",
		.raise = IR_LEVEL_LOOK };
	char path[PATH_MAX], got[33];
	const char *blank;

	(void)diverted;
	if (n < 36 || s[0] != ' ' || s[1] != '/' ||
	    !(blank = memchr(s + 1, ' ', n - 1)) ||
	    (size_t)(blank - s) >= PATH_MAX || n - (size_t)(blank - s) < 33 ||
	    memmem(s, n, " obsolete", 9) || memmem(s, n, "newconffile", 11))
		return;
	snprintf(path, sizeof path, "%.*s", (int)(blank - s) - 1, s + 1);
	f.path = path;
	f.fd = open_in(x, path, O_RDONLY);
	if (f.fd < 0)
		return;
	if (fstat(f.fd, &f.st) == 0 && S_ISREG(f.st.st_mode) &&
	    ir_md5_fd(f.fd, got) == 0) {
		x->conffiles++;
		if (memcmp(got, blank + 1, 32) != 0)
			put(&f, IR_LEVEL_NOTE, "conffile",
			    "a setting of a package, changed", 0, NULL);
	}
	close(f.fd);
}

struct dpkg {
	const char *suffix;
	void (*line)(struct run *, const char *, size_t, void *);
	void *arg;
};

static bool
dpkg_file(struct run *x, int dir, const char *name, const char *path,
    const struct stat *st, void *arg)
{
	const struct dpkg *d = arg;
	struct file f = { .x = x, .path = path };
	struct ir_buf b = IR_BUF(TABLE_MAX);
	size_t n = strlen(name), k = strlen(d->suffix);

	if (!S_ISREG(st->st_mode) || n < k ||
	    strcmp(name + n - k, d->suffix) != 0 ||
	    open_entry(&f, dir, name))
		return false;
	x->of_package = 0;
	if (ir_buf_read_fd(&b, f.fd, path, NULL) == 0)
		each_line(&b, d->line, x, d->arg);
	close(f.fd);
	ir_buf_free(&b);
	return false;
}

static void
check_dpkg(struct run *x)
{
	static const char info[] = "/var/lib/dpkg/info";
	struct ir_buf b = IR_BUF(TABLE_MAX);
	struct ir_paths diverted = IR_PATHS_INIT;
	struct dpkg lists = { ".list", list_line, &x->owned };
	struct dpkg sums = { ".md5sums", sum_line, &diverted };
	size_t before = x->owned.n;

	walk_in(x, info, dpkg_file, &lists);
	ir_paths_sort(&x->owned);
	x->dpkg = x->owned.n > before;
	if (!x->dpkg || x->no_packages)
		return;
	/* three lines each: from, to, package */
	if (read_in(x, "/var/lib/dpkg/diversions", &b) == 0) {
		each_line(&b, list_line, x, &diverted);
		each_line(&b, list_line, x, &x->owned);
	}
	ir_paths_sort(&x->owned);
	ir_paths_sort(&diverted);
	walk_in(x, info, dpkg_file, &sums);
	ir_buf_trunc(&b, 0);
	if (read_in(x, "/var/lib/dpkg/status", &b) == 0)
		each_line(&b, status_line, x, NULL);
	ir_paths_free(&diverted);
	ir_buf_free(&b);
}

static void
rpm_line(struct run *x, const char *s, size_t n, void *arg)
{
	struct ir_rpm_line l;
	struct file f = { .x = x, .fd = -1, .type = "package",
		.raise = IR_LEVEL_LOOK };

	(void)arg;
	if (ir_rpm_line(s, n, &l))
		return;
	f.path = l.path;
	if (l.missing) {
		x->missing++;
		return;
	}
	f.fd = open_in(x, l.path, O_RDONLY);
	if (f.fd >= 0)
		(void)fstat(f.fd, &f.st);
	if (l.attribute == 'c') {
		if (l.content)
			put(&f, IR_LEVEL_NOTE, "conffile",
			    "a setting of a package, changed", 0, l.flags);
	} else if (l.attribute != 'g' && (l.content || l.mode || l.owner)) {
		put(&f, l.content && program(l.path, &f.st) ?
		    IR_LEVEL_STRONG : IR_LEVEL_LOOK, "package-file",
		    l.content ? "not what its package brought" :
		    "owner or mode is not what its package brought", 0,
		    l.flags);
	}
	if (f.fd >= 0)
		close(f.fd);
}

static bool
rpm_here(struct run *x)
{
	static const char *const d[] = { "/var/lib/rpm/Packages",
		"/var/lib/rpm/rpmdb.sqlite",
		"/usr/lib/sysimage/rpm/rpmdb.sqlite",
		"/var/lib/rpm/Packages.db" };
	size_t i;
	int fd = -1;

	for (i = 0; fd < 0 && i < sizeof d / sizeof *d; i++)
		fd = open_in(x, d[i], O_RDONLY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* One run of rpm; its lines to fn.  0 or -1. */
static int
ask_rpm(struct run *x, const char *how, void (*fn)(struct run *,
    const char *, size_t, void *), void *arg)
{
	/* a package's own script for it might be the thief's */
	bool verify = strcmp(how, "-Va") == 0;
	const char *argv[] = { "rpm", "--root", x->root, how, verify ?
		"--noscripts" : "-l", verify ? "--nodeps" : NULL, NULL };
	struct ir_proc p = { .argv = argv, .timeout_ms = 3600 * 1000 };
	struct ir_proc_result r = IR_PROC_RESULT(RPM_MAX);
	int rc = ir_proc_run(&p, &r, &x->err);

	/* rpm -Va ends with 1 when anything differs */
	if (rc == 0 && (r.status == 0 || r.out.len))
		each_line(&r.out, fn, x, arg);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

static void
check_rpm(struct run *x)
{
	if (!rpm_here(x))
		return;
	x->rpm = true;
	if (ask_rpm(x, "-qa", list_line, &x->owned) == 0) {
		ir_paths_sort(&x->owned);
		if (!x->no_packages)
			(void)ask_rpm(x, "-Va", rpm_line, NULL);
	}
	if (x->err.code) {
		ir_warn(&x->common, "%s: files of packages are not known",
		    x->err.msg);
		x->err = (struct ir_err)IR_ERR_INIT;
		errno = EIO;
		unseen(x, "the database of rpm");
		x->rpm = false;
	}
}

static bool
owned(const struct run *x, const char *path)
{
	return ir_paths_have(&x->owned, path);
}

/* --- web roots ----------------------------------------------------------- */

static bool
ends(const char *s, const char *const *list)
{
	const char *dot = strrchr(s, '.');

	for (; dot && *list; list++)
		if (ir_ascii_ieq(dot, *list))
			return true;
	return false;
}

static bool
is_php(const char *name)
{
	static const char *const e[] = { ".php", ".php3", ".php4", ".php5",
		".php7", ".php8", ".phtml", ".pht", ".phar", ".inc", ".phps",
		".module", NULL };

	/* x.php.jpg is run by some settings */
	return ends(name, e) || strcasestr(name, ".php.") ||
	    strcasestr(name, ".phtml.");
}

static bool
is_cgi(const char *name)
{
	static const char *const e[] = { ".cgi", ".pl", ".py", ".rb", ".sh",
		".jsp", ".asp", ".aspx", NULL };

	return ends(name, e);
}

static bool
is_picture(const char *name)
{
	static const char *const e[] = { ".jpg", ".jpeg", ".png", ".gif",
		".ico", ".bmp", ".webp", ".svg", ".txt", ".css", ".woff",
		".ttf", ".log", NULL };

	return ends(name, e);
}

/* The folder that is for what visitors bring: its level, or -1. */
static int
upload_folder(const char *path)
{
	static const struct { const char *name; int level; } f[] = {
		{ "/uploads/", IR_LEVEL_STRONG }, { "/upload/", IR_LEVEL_LOOK },
		{ "/images/", IR_LEVEL_LOOK }, { "/img/", IR_LEVEL_LOOK },
		{ "/media/", IR_LEVEL_LOOK }, { "/fonts/", IR_LEVEL_NOTE },
		{ "/.well-known/", IR_LEVEL_STRONG },
		{ "/tmp/", IR_LEVEL_LOOK }, { "/files/", IR_LEVEL_LOOK },
		{ "/css/", IR_LEVEL_LOOK }, { "/cache/", IR_LEVEL_NOTE },
	};
	/* a part of a program that deals with pictures */
	static const char *const code[] = { "/includes/", "/inc/", "/src/",
		"/lib/", "/vendor/", "/classes/", "/modules/" };
	const char *slash = strrchr(path, '/');
	size_t i, k, n = (size_t)(slash - path) + 1;

	for (i = 0; i < sizeof f / sizeof *f; i++)
		if (memmem(path, n, f[i].name, strlen(f[i].name)))
			break;
	if (i == sizeof f / sizeof *f)
		return -1;
	for (k = 0; f[i].level < IR_LEVEL_STRONG &&
	    k < sizeof code / sizeof *code; k++)
		if (memmem(path, n, code[k], strlen(code[k])))
			return IR_LEVEL_NOTE;
	return f[i].level;
}

/* "<?php // Silence is golden." keeps a server from listing a folder. */
static bool
does_nothing(const char *s, size_t n)
{
	size_t i = 0, k;

	if (n > 512)
		return false;
	while (i < n) {
		if (strchr(" \t\r\n", s[i]) && s[i]) {
			i++;
		} else if (n - i >= 5 && memcmp(s + i, "<?php", 5) == 0) {
			i += 5;
		} else if (n - i >= 2 && memcmp(s + i, "?>", 2) == 0) {
			i += 2;
		} else if (s[i] == '#' || (n - i >= 2 &&
		    memcmp(s + i, "//", 2) == 0)) {
			for (; i < n && s[i] != '\n'; i++)
				if (n - i >= 2 && memcmp(s + i, "?>", 2) == 0)
					break;
		} else if (n - i >= 4 && memcmp(s + i, "/*", 2) == 0) {
			for (k = i + 2; k + 1 < n && memcmp(s + k, "*/", 2);
			    k++)
				;
			i = k + 2;
		} else {
			return false;
		}
	}
	return true;
}

static void
web_script(struct file *f, const char *name, bool php)
{
	struct run *x = f->x;
	char head[HEAD];
	ssize_t n = pread(f->fd, head, sizeof head, 0);
	int level = upload_folder(f->path);

	x->scripts++;
	if (n < 0 || does_nothing(head, (size_t)n))
		return;
	if (level >= 0 && php)
		put(f, (enum ir_rule_level)level, "script-in-uploads",
		    "a script in a folder for pictures, uploads or the like",
		    0, NULL);
	if (*name == '.')
		put(f, IR_LEVEL_LOOK, "hidden-script", "a script whose name "
		    "begins with a dot", 0, NULL);
	if (is_picture(name))
		put(f, IR_LEVEL_LOOK, "two-endings", "a script that looks "
		    "like something else", 0, NULL);
	if (changed_since(x, &f->st)) {
		put(f, IR_LEVEL_LOOK, "changed", "a script that was changed "
		    "since then", 0, NULL);
		/* cp and tar set the old time; so does who hides something */
		if (f->st.st_mtime < x->since - 86400)
			put(f, IR_LEVEL_LOOK, "time-set-back", "put there "
			    "since then, with an older time on it", 0, NULL);
	}
	apply(f, php ? IR_RULE_PHP : IR_RULE_CGI, false);
}

/* A picture with PHP in it is run where something includes it. */
static void
web_picture(struct file *f)
{
	char head[HEAD];
	ssize_t n = pread(f->fd, head, sizeof head, 0);
	const char *at;

	if (n > 0 && (at = memmem(head, (size_t)n, "<?php", 5)) &&
	    at + 5 < head + n && strchr(" \t\r\n", at[5]) && at[5])
		put(f, ends(f->path, (const char *const []){ ".txt", ".log",
		    ".css", NULL }) ? IR_LEVEL_NOTE : IR_LEVEL_STRONG,
		    "php-in-picture", "PHP in a file that is no script", 0,
		    NULL);
}

static bool
web_entry(struct run *x, int dir, const char *name, const char *path,
    const struct stat *st, void *arg)
{
	struct file f = { .x = x, .path = path, .type = "web",
		.raise = IR_LEVEL_LOOK };
	bool php = is_php(name), htaccess = strcmp(name, ".htaccess") == 0;
	bool ini = strcmp(name, ".user.ini") == 0 ||
	    strcmp(name, "php.ini") == 0;

	(void)arg;
	if (S_ISDIR(st->st_mode))
		return strcmp(name, ".git") != 0;
	if (!S_ISREG(st->st_mode))
		return false;
	x->files++;
	if (!php && !htaccess && !ini && !is_cgi(name) && !is_picture(name))
		return false;
	if (open_entry(&f, dir, name))
		return false;
	if (htaccess || ini)
		apply(&f, htaccess ? IR_RULE_HTACCESS : IR_RULE_INI, true);
	else if (php || is_cgi(name))
		web_script(&f, name, php);
	else
		web_picture(&f);
	close(f.fd);
	return false;
}

static void
check_web(struct run *x)
{
	static const char *const usual[] = { "/var/www", "/srv/www",
		"/srv/http", "/usr/share/nginx/html", "/usr/local/www" };
	static const char *const home[] = { "public_html", "www", "htdocs",
		"httpdocs", "html" };
	char path[PATH_MAX];
	size_t i, k;

	for (i = 0; i < x->web.n; i++)
		walk_in(x, x->web.v[i], web_entry, NULL);
	if (x->web.n)
		return;
	for (i = 0; i < sizeof usual / sizeof *usual; i++)
		walk_in(x, usual[i], web_entry, NULL);
	for (i = 0; i < x->nusers; i++)
		for (k = 0; strncmp(x->users[i].home, "/var/www", 8) != 0 &&
		    k < sizeof home / sizeof *home; k++) {
			snprintf(path, sizeof path, "%s/%s",
			    x->users[i].home, home[k]);
			walk_in(x, path, web_entry, NULL);
		}
}

/* --- what runs by itself -------------------------------------------------- */

struct place {
	const char *type;
	enum ir_rule_kind kind;
	const char *suffix;	/* of the names that count; NULL: all */
	bool units;
};

static bool
place_entry(struct run *x, int dir, const char *name, const char *path,
    const struct stat *st, void *arg)
{
	const struct place *p = arg;
	struct file f = { .x = x, .path = path, .type = p->type,
		.raise = IR_LEVEL_LOOK };
	size_t n = strlen(name), k = p->suffix ? strlen(p->suffix) : 0;

	if (S_ISDIR(st->st_mode))
		return true;
	if (!S_ISREG(st->st_mode) || n < k || (k && strcmp(name + n - k,
	    p->suffix) != 0) || open_entry(&f, dir, name))
		return false;
	x->files++;
	if (p->units && changed_since(x, &f.st) && !owned(x, path))
		put(&f, IR_LEVEL_LOOK, "new-unit", "runs by itself, was "
		    "changed since then, and is of no package", 0, NULL);
	/* what packages bring is checked by its sums */
	if (!owned(x, path) || changed_since(x, &f.st))
		apply(&f, p->kind, true);
	close(f.fd);
	return false;
}

static void
check_places(struct run *x)
{
	static const struct { const char *dir; struct place p; } v[] = {
		{ "/etc/cron.d", { "cron", IR_RULE_CRON, NULL, true } },
		{ "/etc/cron.hourly", { "cron", IR_RULE_CRON, NULL, true } },
		{ "/etc/cron.daily", { "cron", IR_RULE_CRON, NULL, true } },
		{ "/etc/cron.weekly", { "cron", IR_RULE_CRON, NULL, true } },
		{ "/etc/cron.monthly", { "cron", IR_RULE_CRON, NULL, true } },
		{ "/var/spool/cron", { "cron", IR_RULE_CRON, NULL, false } },
		{ "/etc/systemd/system", { "unit", IR_RULE_UNIT, NULL,
		    true } },
		{ "/run/systemd/system", { "unit", IR_RULE_UNIT, NULL,
		    true } },
		{ "/usr/local/lib/systemd", { "unit", IR_RULE_UNIT, NULL,
		    true } },
		{ "/etc/valiases", { "alias", IR_RULE_ALIAS, NULL, false } },
		{ "/etc/vfilters", { "filter", IR_RULE_FILTER, NULL,
		    false } },
		{ "/etc/php", { "php-ini", IR_RULE_INI, ".ini", false } },
		{ "/etc/php.d", { "php-ini", IR_RULE_INI, ".ini", false } },
		{ "/etc/ssh/authorized_keys.d", { "keys", IR_RULE_KEYS, NULL,
		    false } },
	};
	struct place p;
	size_t i;

	for (i = 0; i < sizeof v / sizeof *v; i++) {
		p = v[i].p;
		walk_in(x, v[i].dir, place_entry, &p);
	}
	(void)look_file(x, "/etc/crontab", "cron", IR_RULE_CRON, true);
	(void)look_file(x, "/etc/php.ini", "php-ini", IR_RULE_INI, true);
	(void)look_file(x, "/etc/aliases", "alias", IR_RULE_ALIAS, true);
	(void)look_file(x, "/etc/mail/aliases", "alias", IR_RULE_ALIAS, true);
	(void)look_file(x, "/etc/ld.so.preload", "preload", IR_RULE_PRELOAD,
	    true);
	(void)look_file(x, "/etc/exim4/system-filter", "filter",
	    IR_RULE_FILTER, true);
	(void)look_file(x, "/etc/cpanel_exim_system_filter", "filter",
	    IR_RULE_FILTER, true);
}

static void
check_homes(struct run *x)
{
	static const struct { const char *name, *type; enum ir_rule_kind k; }
	    v[] = {
		{ ".forward", "forward", IR_RULE_FORWARD },
		{ ".ssh/authorized_keys", "keys", IR_RULE_KEYS },
		{ ".ssh/authorized_keys2", "keys", IR_RULE_KEYS },
	};
	struct place units = { "unit", IR_RULE_UNIT, NULL, true };
	char path[PATH_MAX];
	size_t i, k;

	for (i = 0; i < x->nusers && !over(x); i++) {
		for (k = 0; k < sizeof v / sizeof *v; k++) {
			snprintf(path, sizeof path, "%s/%s", x->users[i].home,
			    v[k].name);
			(void)look_file(x, path, v[k].type, v[k].k, true);
		}
		snprintf(path, sizeof path, "%s/.config/systemd/user",
		    x->users[i].home);
		walk_in(x, path, place_entry, &units);
	}
}

/* --- programs ------------------------------------------------------------ */

/* Who is set-uid and gives a shell, is a door. */
static bool
gives_a_shell(const char *name)
{
	static const char *const v[] = { "sh", "bash", "dash", "zsh", "ksh",
		"busybox", "python", "perl", "php", "ruby", "node", "find",
		"vim", "vi", "nano", "cp", "mv", "env", "awk", "gawk", "mawk",
		"sed", "tar", "less", "tee", "gdb", "strace", "nmap", "dd" };
	size_t i, n;

	for (i = 0; i < sizeof v / sizeof *v; i++) {
		n = strlen(v[i]);
		if (strncmp(name, v[i], n) == 0 &&
		    strspn(name + n, "0123456789.-") == strlen(name + n))
			return true;
	}
	return false;
}

static bool
anybody_writes(const char *path)
{
	return strncmp(path, "/tmp/", 5) == 0 ||
	    strncmp(path, "/var/tmp/", 9) == 0 ||
	    strncmp(path, "/dev/shm/", 9) == 0;
}

/* Folders of mail and of data, which are large and hold no programs. */
static bool
go_in(const struct run *x, const char *name, const char *path)
{
	static const char *const no[] = { "/proc", "/sys", "/dev", "/run",
		"/var/spool", "/var/mail", "/var/vmail", "/var/lib/docker",
		"/var/lib/containers", "/var/lib/mysql", "/var/cache" };
	size_t i;

	(void)x;
	if (strncmp(path, "/dev/shm", 8) == 0)
		return true;
	for (i = 0; i < sizeof no / sizeof *no; i++)
		if (strcmp(path, no[i]) == 0)
			return false;
	return strcmp(name, "Maildir") != 0 && strcmp(name, "cur") != 0 &&
	    strcmp(name, "new") != 0;
}

static bool
in_bin(const char *path)
{
	static const char *const d[] = { "/usr/bin/", "/usr/sbin/", "/bin/",
		"/sbin/" };
	size_t i;

	for (i = 0; i < 4; i++)
		if (strncmp(path, d[i], strlen(d[i])) == 0)
			return true;
	return false;
}

static void
set_uid(struct file *f, const char *name)
{
	bool mine = owned(f->x, f->path);

	if (gives_a_shell(name))
		put(f, IR_LEVEL_STRONG, "set-uid", "set-uid, and it runs what "
		    "it is told to", 0, NULL);
	else if (!mine)
		put(f, f->x->owned.n || anybody_writes(f->path) ?
		    IR_LEVEL_STRONG : IR_LEVEL_NOTE, "set-uid",
		    "set-uid, and of no package", 0, NULL);
	else if (changed_since(f->x, &f->st))
		put(f, IR_LEVEL_LOOK, "set-uid", "set-uid, and changed since "
		    "then", 0, NULL);
}

static bool
program_entry(struct run *x, int dir, const char *name, const char *path,
    const struct stat *st, void *arg)
{
	struct file f = { .x = x, .path = path, .type = "program",
		.raise = IR_LEVEL_LOOK, .st = *st };
	bool suid = (st->st_mode & S_ISUID) && (st->st_mode & 0111);
	bool tmp = anybody_writes(path) && (st->st_mode & 0111);
	bool stray = x->owned.n && in_bin(path) && !owned(x, path);

	(void)arg;
	if (S_ISDIR(st->st_mode))
		return go_in(x, name, path);
	if (!S_ISREG(st->st_mode) || (!suid && !tmp && !stray) ||
	    open_entry(&f, dir, name))
		return false;
	x->files++;
	if (suid)
		set_uid(&f, name);
	else if (stray)
		put(&f, IR_LEVEL_LOOK, "stray-program", "stands among the "
		    "system's programs, and is of no package", 0, NULL);
	else if (x->in_tmp++ < IN_TMP_MAX)
		put(&f, IR_LEVEL_LOOK, "program-in-tmp", "a program where "
		    "anybody may write", 0, NULL);
	close(f.fd);
	return false;
}

/* --- the run ------------------------------------------------------------- */

static void
user_line(struct run *x, const char *s, size_t n, void *arg)
{
	char line[1024], *c[7] = { line };
	struct user *u;
	size_t i, k;

	(void)arg;
	if (n >= sizeof line || x->nusers == USERS_MAX || memchr(s, 0, n))
		return;
	memcpy(line, s, n);
	line[n] = '\0';
	for (i = 1; i < 7; i++) {
		c[i] = strchr(c[i - 1], ':');
		if (!c[i])
			return;
		*c[i]++ = '\0';
	}
	u = &x->users[x->nusers];
	u->uid = (uid_t)strtoul(c[2], NULL, 10);
	u->name = strdup(c[0]);
	u->home = strdup(c[5]);
	x->nusers += u->name && u->home;
	/* one home is looked at once; the name stays */
	for (k = 0; u->home && k + 1 < x->nusers; k++)
		if (strcmp(x->users[k].home, u->home) == 0)
			snprintf(u->home, strlen(u->home) + 1, "%s", "");
	if (u->home && (*u->home != '/' || !u->home[1]))
		*u->home = '\0';
}

static int
read_users(struct run *x)
{
	struct ir_buf b = IR_BUF(TABLE_MAX);

	x->users = calloc(USERS_MAX, sizeof *x->users);
	if (!x->users)
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "users");
	if (read_in(x, "/etc/passwd", &b) == 0)
		each_line(&b, user_line, x, NULL);
	ir_buf_free(&b);
	return 0;
}

static int
read_table(struct run *x, const char *path)
{
	struct ir_buf b = IR_BUF(IR_RULES_BYTES);
	int rc = 0;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	if (ir_buf_read_file(&b, path, &x->err) ||
	    ir_rules_add(x->rules, ir_buf_cstr(&b), b.len, path, &x->err))
		rc = -1;
	ir_buf_free(&b);
	return rc ? -1 : 1;
}

/* The table that ships: beside the sources, else where it was installed. */
static int
read_rules(struct run *x)
{
	static const char *const near[] = { "../../", "../../../" };
	char exe[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	int rc = 0;
	size_t i;

	x->rules = ir_rules_new();
	if (!x->rules)
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "rules");
	exe[n < 0 ? 0 : n] = '\0';
	for (i = 0; i < 2 && rc == 0 && strrchr(exe, '/'); i++) {
		snprintf(path, sizeof path, "%.*s%slib/host/webroot-rules.tsv",
		    (int)(strrchr(exe, '/') + 1 - exe), exe, near[i]);
		rc = read_table(x, path);
	}
	if (rc == 0)
		rc = read_table(x, RULES_SHIPPED);
	if (rc == 0)
		return ir_fail(&x->err, IR_NOINPUT, RULES_SHIPPED ": not "
		    "there");
	if (rc > 0)
		rc = read_table(x, x->rules_path ? x->rules_path : RULES_ETC);
	if (rc == 0 && x->rules_path)
		return ir_fail(&x->err, IR_NOINPUT, "%s: no such file",
		    x->rules_path);
	return rc < 0 ? -1 : 0;
}

static int
begin(struct run *x)
{
	x->now = ir_now();
	if (x->since_text && ir_time_when(x->since_text, x->now, &x->since))
		return ir_fail(&x->err, IR_USAGE, "--since: not a time: %s",
		    x->since_text);
	if (x->common.timeout)
		x->end = ir_mono_ms() + x->common.timeout * 1000;
	x->fd = open(x->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->fd < 0)
		return ir_fail_errno(&x->err, IR_NOINPUT, errno, "%s",
		    x->root);
	return read_rules(x) || read_users(x) ? -1 : 0;
}

static void
report(struct run *x)
{
	struct ir_rec *r = ir_rec_new("host-scope", x->root), *l;
	size_t i;

	l = ir_rec_array();
	for (i = 0; i < x->cut_by.n; i++)
		ir_rec_push_str(l, x->cut_by.v[i]);
	ir_rec_bool(r, "complete", !x->unread && !x->late && !ir_stopped());
	ir_rec_str(r, "packages", x->no_packages ? "not checked" : x->dpkg ?
	    "dpkg" : x->rpm ? "rpm" : "none");
	ir_rec_int(r, "package_files", (int64_t)(x->checked + x->conffiles));
	ir_rec_int(r, "missing", (int64_t)x->missing);
	ir_rec_int(r, "files", (int64_t)x->files);
	ir_rec_int(r, "programs_in_tmp", (int64_t)x->in_tmp);
	ir_rec_int(r, "scripts", (int64_t)x->scripts);
	ir_rec_int(r, "cut", (int64_t)x->cut);
	ir_rec_int(r, "unread", (int64_t)x->unread);
	ir_rec_set(r, "unread_paths", l);
	if (x->since)
		ir_rec_time(r, "since", x->since);
	ir_rec_int(r, "strong", (int64_t)x->findings[IR_LEVEL_STRONG]);
	ir_rec_int(r, "look", (int64_t)x->findings[IR_LEVEL_LOOK]);
	ir_rec_int(r, "notes", (int64_t)x->findings[IR_LEVEL_NOTE]);
	ir_out_put(x->out, r);
	if (x->findings[IR_LEVEL_STRONG] + x->findings[IR_LEVEL_LOOK])
		ir_tally_add(&x->tally, IR_NO);
	else if (x->unread || x->late || ir_stopped())
		ir_tally_add(&x->tally, IR_TEMPFAIL);
}

static void
check(struct run *x)
{
	const char *const root[] = { x->root };

	if (begin(x))
		return;
	check_rpm(x);
	/* from here on it reads, and nothing else */
	(void)ir_sandbox_read_only(root, 1);
	check_dpkg(x);
	check_web(x);
	if (!x->no_host) {
		check_places(x);
		check_homes(x);
		walk_in(x, "/", program_entry, NULL);
	}
	if (x->err.code == 0)
		report(x);
}

static const struct ir_col cols[] = {
	{ "level", "LEVEL" }, { "what", "WHAT" }, { "path", "PATH" },
	{ "line", "LINE" }, { "mtime", "CHANGED" }, { "owner", "OWNER" },
	{ "why", "WHY" }, { NULL, NULL }
};

static const struct ir_cmd cmd = {
	"webroot-check", "what was changed on this host, and what is worth "
	"a look", "[options] [folder ...]"
};

static void
clean_up(struct run *x)
{
	while (x->nusers) {
		free(x->users[--x->nusers].name);
		free(x->users[x->nusers].home);
	}
	free(x->users);
	ir_paths_free(&x->owned);
	ir_rules_free(x->rules);
	ir_names_free(&x->cut_by);
	if (x->fd >= 0)
		close(x->fd);
}

int
main(int argc, char **argv)
{
	static struct run x = { .root = "/", .fd = -1,
		.owned = IR_PATHS_INIT };
	const struct ir_opt opts[] = {
		{ 0, "since", "TIME", IR_STR, &x.since_text,
		    "what changed after it stands out: 3d, 2026-11-20" },
		{ 0, "root", "DIR", IR_STR, &x.root,
		    "look at a disk that is mounted there" },
		{ 0, "web", "DIR", IR_LIST, &x.web,
		    "these are the web roots; default: the usual places" },
		{ 0, "rules", "FILE", IR_STR, &x.rules_path,
		    "more rules; default: " RULES_ETC },
		{ 0, "strong", NULL, IR_BOOL, &x.strong,
		    "only what has hardly an honest reason" },
		{ 0, "notes", NULL, IR_BOOL, &x.notes,
		    "also what is merely there: keys, cron entries" },
		{ 0, "no-packages", NULL, IR_BOOL, &x.no_packages,
		    "do not hash the files of packages" },
		{ 0, "web-only", NULL, IR_BOOL, &x.no_host,
		    "only packages and web roots" },
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};
	int i, n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	if (x.strong && x.notes)
		ir_die_usage("--strong and --notes contradict each other");
	for (i = 1; i <= n && x.web.n < 64; i++)
		x.web.v[x.web.n++] = argv[i];
	for (i = 0; i < (int)x.web.n; i++)
		if (*x.web.v[i] != '/')
			ir_die_usage("%s: folders are named from the root",
			    x.web.v[i]);
	(void)ir_catch_stop();
	x.out = ir_open_output(&x.common, cols);
	check(&x);
	clean_up(&x);
	return ir_end(&x.err, x.out, &x.tally);
}
