/* mainlog.c - see mainlog.h */
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
	struct ir_buf b;
};

struct ir_mainlog *
ir_mainlog_open(const struct ir_exim_config *c)
{
	struct ir_mainlog *l;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!c->spool_directory[0] || ir_exim_mainlog(c, path))
		return NULL;
	fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd < 0)
		return NULL;
	l = calloc(1, sizeof *l);
	if (!l || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
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
	char stamp[32];
	struct tm tm;

	if (l->b.len + 8192 > LOG_MAX)
		(void)ir_mainlog_flush(l);
	if (l->utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
	ir_buf_fmt(&l->b, "%s %s ", stamp, id);
}

static void
put_queue(struct ir_mainlog *l, const struct ir_queue *q, const char *in)
{
	const char *name = ir_queue_name(q);

	if (in)
		ir_buf_fmt(&l->b, "%s/%s/input, msglog", in, name);
	else
		ir_buf_fmt(&l->b, "%s%s%sinput, msglog", *name ? "(" : "",
		    name, *name ? ") " : "");
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
