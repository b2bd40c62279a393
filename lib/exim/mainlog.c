/* mainlog.c - see mainlog.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "mainlog.h"

#define LOG_MAX 65536		/* bytes that are written at once */

struct ir_mainlog {
	int fd;
	bool utc;
	time_t at;		/* what stamp says */
	char stamp[32];
	struct ir_buf b;
};

/* Is the name that of the pattern, with digits for its %D or %M? */
static bool
dated(const char *name, const char *pattern)
{
	const char *pc = strchr(pattern, '%');
	size_t before = (size_t)(pc - pattern), digits = pc[1] == 'D' ? 8 : 6;

	return strlen(name) == strlen(pattern) - 2 + digits &&
	    memcmp(name, pattern, before) == 0 &&
	    strspn(name + before, "0123456789") >= digits &&
	    strcmp(name + before + digits, pc + 2) == 0;
}

/* The newest file that the path with a date in its last part stands for. */
static int
newest(char path[PATH_MAX], struct ir_err *why)
{
	char *name = strrchr(path, '/') + 1, best[NAME_MAX + 1] = "";
	char pattern[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(pattern, sizeof pattern, "%s", name);
	if (!strchr(name, '%'))
		return ir_fail(why, IR_NOINPUT, "%s: a date in the name of "
		    "its folder", path);
	*name = '\0';
	d = opendir(path);
	if (!d)
		return ir_fail_errno(why, ir_errno_code(errno, IR_NOINPUT),
		    errno, "%s", path);
	while ((e = readdir(d)))
		if (dated(e->d_name, pattern) && strcmp(e->d_name, best) > 0)
			snprintf(best, sizeof best, "%s", e->d_name);
	closedir(d);
	if (!*best || strlen(path) + strlen(best) >= PATH_MAX)
		return ir_fail(why, IR_NOINPUT, "%s%s: no such file yet",
		    path, pattern);
	memcpy(name, best, strlen(best) + 1);
	return 0;
}

struct ir_mainlog *
ir_mainlog_open(const struct ir_exim_config *c, struct ir_err *why)
{
	struct ir_mainlog *l;
	char path[PATH_MAX];
	struct stat st;
	int fd, rc;

	rc = c->spool_directory[0] ? ir_exim_mainlog(c, path) : -1;
	if (rc < 0)
		ir_fail(why, IR_NOINPUT, "log_file_path names no file: %s",
		    c->log_file_path);
	if (rc < 0 || (rc > 0 && newest(path, why)))
		return NULL;
	fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd < 0) {
		ir_fail_errno(why, ir_errno_code(errno, IR_NOINPUT), errno,
		    "%s", path);
		return NULL;
	}
	l = calloc(1, sizeof *l);
	if (!l || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		ir_fail(why, IR_NOINPUT, "%s: not a plain file", path);
		free(l);
		close(fd);
		return NULL;
	}
	l->fd = fd;
	l->utc = strcmp(c->timezone, "UTC") == 0;
	l->b.max = LOG_MAX;
	return l;
}

void
ir_mainlog_close(struct ir_mainlog *l)
{
	if (!l)
		return;
	(void)ir_mainlog_flush(l);
	close(l->fd);
	ir_buf_free(&l->b);
	free(l);
}

int
ir_mainlog_flush(struct ir_mainlog *l)
{
	int rc = 0;

	if (l && l->b.len) {
		rc = ir_write_all(l->fd, ir_buf_cstr(&l->b), l->b.len);
		ir_buf_trunc(&l->b, 0);
	}
	return rc;
}

static void
begin_line(struct ir_mainlog *l, const char *id)
{
	time_t t = time(NULL);
	struct tm tm;

	if (l->b.len + 8192 > LOG_MAX)
		(void)ir_mainlog_flush(l);
	if (t != l->at) {
		if (l->utc)
			gmtime_r(&t, &tm);
		else
			localtime_r(&t, &tm);
		strftime(l->stamp, sizeof l->stamp, "%Y-%m-%d %H:%M:%S ",
		    &tm);
		l->at = t;
	}
	ir_buf_str(&l->b, l->stamp);
	ir_buf_str(&l->b, id);
	ir_buf_chr(&l->b, ' ');
}

static void
put_queue(struct ir_mainlog *l, const struct ir_queue *q, const char *in)
{
	const char *name = ir_queue_name(q);

	if (in) {
		ir_buf_fmt(&l->b, "%s/%s/", in, name);
	} else if (*name) {
		ir_buf_chr(&l->b, '(');
		ir_buf_str(&l->b, name);
		ir_buf_str(&l->b, ") ");
	}
	ir_buf_str(&l->b, "input, msglog");
}

void
ir_mainlog_moved(struct ir_mainlog *l, const char *id,
    const struct ir_queue *from, const char *from_folder,
    const struct ir_queue *to, const char *to_folder)
{
	if (!l)
		return;
	begin_line(l, id);
	ir_buf_str(&l->b, "moved from ");
	put_queue(l, from, from_folder);
	ir_buf_str(&l->b, " to ");
	put_queue(l, to, to_folder);
	ir_buf_chr(&l->b, '\n');
}

void
ir_mainlog_removed(struct ir_mainlog *l, const char *id, const char *user)
{
	if (!l)
		return;
	begin_line(l, id);
	ir_buf_fmt(&l->b, "removed by %s\n", user);
	begin_line(l, id);
	ir_buf_str(&l->b, "Completed\n");
}
