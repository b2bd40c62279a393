/* creds_other.c - files of other programs that hold credentials; see creds.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/text.h"
#include "creds.h"

#define DEPTH 12
#define ENTRIES 100000		/* of all folders that are walked */

struct walk {
	struct ir_creds *c;
	const char *path;		/* of the file, as the root has it */
	enum ir_foreign kind;
	size_t left;
	struct ir_err *err;
};

/* postmap makes a second copy, which Postfix reads. */
static bool
has_map(struct walk *w)
{
	static const char *const tails[] = { ".db", ".lmdb", ".cdb" };
	char path[PATH_MAX + 8];
	struct stat st;
	size_t i;
	int fd;

	for (i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(path, sizeof path, "%s%s", w->path, tails[i]);
		fd = ir_creds_open(w->c, path, &st);
		if (fd >= 0) {
			close(fd);
			return true;
		}
	}
	return false;
}

static int
found(const struct ir_foreign_found *f, void *arg)
{
	struct walk *w = arg;
	struct ir_creds *c = w->c;
	struct ir_creds_place *p;

	/* what has no password and no known user is of no interest */
	if (!*f->user && w->kind != IR_FOREIGN_SSMTP)
		return 0;
	if (c->n == IR_CREDS_PLACES) {
		c->cut = true;
		return 1;
	}
	p = &c->place[c->n++];
	memset(p, 0, sizeof *p);
	snprintf(p->kind, sizeof p->kind, "%s", ir_foreign_word(w->kind));
	snprintf(p->form, sizeof p->form, "%s", ir_foreign_word(w->kind));
	snprintf(p->path, sizeof p->path, "%s", w->path);
	snprintf(p->user, sizeof p->user, "%s", f->user);
	snprintf(p->host, sizeof p->host, "%s", f->host);
	p->line = f->line;
	ir_creds_region(f->host, strlen(f->host), p->region);
	(void)ir_secret_set(&p->pass, f->pass, f->pass_len, w->err);
	p->why = *f->why ? f->why : w->kind == IR_FOREIGN_POSTFIX &&
	    has_map(w) ? "another program's file: change it there, then "
	    "postmap makes the .db beside it anew" :
	    "another program's file: change it there";
	return 0;
}

static void
look_at(struct walk *w, const char *path)
{
	struct ir_buf b = IR_BUF_SECRET(IR_FOREIGN_MAX);
	struct stat st;
	int fd;

	w->kind = ir_foreign_kind(path);
	if (w->kind == IR_FOREIGN_NONE)
		return;
	fd = ir_creds_open(w->c, path, &st);
	if (fd < 0)
		return;
	w->path = path;
	if (st.st_size <= IR_FOREIGN_MAX &&
	    ir_buf_read_fd(&b, fd, path, NULL) == 0)
		ir_foreign_each(w->kind, ir_buf_cstr(&b), b.len, found, w);
	ir_buf_free(&b);
	close(fd);
}

/* Below dir, no links followed. */
static void
walk(struct walk *w, int fd, const char *dir, int depth)
{
	char path[PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *d = fdopendir(fd);
	int sub;

	if (!d) {
		close(fd);
		return;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (w->left == 0) {
			w->c->cut = true;
			break;
		}
		w->left--;
		if ((size_t)snprintf(path, sizeof path, "%s/%s",
		    strcmp(dir, "/") ? dir : "", e->d_name) >= sizeof path ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(st.st_mode)) {
			look_at(w, path);
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH) {
			sub = openat(dirfd(d), e->d_name, O_RDONLY |
			    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (sub >= 0)
				walk(w, sub, path, depth + 1);
		}
	}
	closedir(d);
}

/* A file, or a folder and what is below it. */
static int
look_below(struct walk *w, const char *path)
{
	struct stat st;
	int fd = ir_creds_open(w->c, path, &st);

	if (fd >= 0) {
		close(fd);
		look_at(w, path);
		return 0;
	}
	fd = ir_creds_opendir(w->c, path);
	if (fd < 0)
		return -1;
	walk(w, fd, path, 0);
	return 0;
}

int
ir_creds_find_foreign(struct ir_creds *c, const char *const *also,
    size_t nalso, struct ir_err *err)
{
	static const char *const usual[] = { "/etc/postfix/sasl_passwd",
		"/etc/postfix/sasl/sasl_passwd", "/etc/postfix/sasl/passwd",
		"/etc/msmtprc", "/root/.msmtprc", "/etc/ssmtp/ssmtp.conf",
		"/etc/php.ini", "/etc/php", "/etc/php.d",
		"/usr/local/lib/php.ini", "/var/www", "/srv/www" };
	struct walk w = { .c = c, .left = ENTRIES, .err = err };
	char real[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof usual / sizeof *usual; i++)
		(void)look_below(&w, usual[i]);
	for (i = 0; i < nalso; i++) {
		/* one that is named is there; the usual ones need not be */
		if (look_below(&w, c->root ? also[i] : realpath(also[i],
		    real) ? real : also[i]))
			return ir_fail_errno(err, ir_errno_code(errno,
			    IR_NOINPUT), errno, "%s", also[i]);
	}
	return 0;
}
