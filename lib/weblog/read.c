/* read.c - see read.h */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"
#include "scan.h"

#define LOOKED_AT 65536		/* bytes by which a file shows what it is */

struct work {
	struct ir_web_read *r;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	size_t next;		/* file to be begun */
	size_t merged;		/* files that are in r->counts */
	bool stop, failed;
};

/* One file. */
struct one {
	struct ir_web_read *r;
	struct ir_web_counts *counts;
	const char *path;
	char host[128];
	uint32_t file;
	uint64_t unread, outside;
	struct ir_web_scan scan;
	struct ir_err err;
	bool is_log, over;
	struct ir_web_post post;	/* here, so that it is cleared once */
};

/* --- what a path says --------------------------------------------------- */

static void
copy_part(char *to, size_t size, const char *p, size_t n)
{
	if (n == 0 || n >= size)
		return;
	memcpy(to, p, n);
	to[n] = '\0';
}

static void
path_user(const char *path, char user[64])
{
	static const char *const before[] = { "/domlogs/", "/home/", NULL };
	const char *p, *end;
	size_t i;

	for (i = 0; before[i] && !*user; i++) {
		p = strstr(path, before[i]);
		if (!p)
			continue;
		p += strlen(before[i]);
		end = strchr(p, '/');
		if (end)
			copy_part(user, 64, p, (size_t)(end - p));
	}
}

void
ir_web_of_path(const char *path, char host[128], char user[64])
{
	static const char *const ends[] = { "-ssl_log", "-ssl.log",
		"-access.log", "_access.log", ".access.log", "-access_log",
		"_access_log", ".access_log", "-bytes_log", ".log", ".gz",
		".zst", "_log", NULL };
	const char *name = strrchr(path, '/');
	const char *last;
	size_t n, i, len;

	host[0] = user[0] = '\0';
	path_user(path, user);
	name = name ? name + 1 : path;
	n = strlen(name);
	for (;;) {
		/* a rotated one's number or date */
		for (len = n; len && name[len - 1] >= '0' &&
		    name[len - 1] <= '9'; len--)
			continue;
		if (len && len < n && (name[len - 1] == '.' ||
		    name[len - 1] == '-')) {
			n = len - 1;
			continue;
		}
		for (i = 0; ends[i]; i++) {
			len = strlen(ends[i]);
			if (n > len && memcmp(name + n - len, ends[i],
			    len) == 0)
				break;
		}
		if (!ends[i])
			break;
		n -= strlen(ends[i]);
	}
	/* a host name has a dot, and its end is of letters */
	last = memrchr(name, '.', n);
	if (last && last + 1 < name + n && !(last[1] >= '0' && last[1] <= '9'))
		ir_web_host(name, n, host, 128);
}

/* --- one file ----------------------------------------------------------- */

static int
of_user(const struct ir_web_post *p, void *arg)
{
	struct one *f = arg;

	return f->r->user ? f->r->user(p, f->path, f->r->arg) : IR_WEB_ANY;
}

static void
take_line(const char *line, size_t n, uint64_t number, void *arg)
{
	struct one *f = arg;
	struct ir_web_where w = { line, n, f->file, number };
	struct ir_web_post *post = &f->post;
	int what = ir_web_line(line, n, post);

	if (what < 0)
		f->unread++;
	f->is_log |= what >= 0;
	if (what <= 0)
		return;
	if ((f->r->since && post->time < f->r->since) ||
	    (f->r->until && post->time >= f->r->until)) {
		f->outside++;
		return;
	}
	if (!post->vhost[0])
		memcpy(post->vhost, f->host, sizeof post->vhost);
	ir_web_counts_add(f->counts, post, &w, of_user, f);
}

/* Is one of its first lines of an access log? */
static bool
seems_log(const char *p, size_t n)
{
	const char *end = p + (n < LOOKED_AT ? n : LOOKED_AT), *nl;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		if (ir_web_is_log(p, (size_t)(nl - p)))
			return true;
	}
	return false;
}

static void
read_one(struct one *f)
{
	struct ir_log_input *in = NULL;
	bool first = true;
	const char *p;
	ssize_t n;

	f->over = f->r->over && f->r->over(f->r->arg);
	if (f->over || ir_log_open(&in, f->path, &f->err))
		return;
	while ((n = ir_log_read(in, &p, &f->err)) > 0) {
		if (first)
			f->is_log = seems_log(p, (size_t)n);
		first = false;
		if (ir_web_feed(&f->scan, p, (size_t)n)) {
			ir_fail(&f->err, IR_OSERR, "no memory");
			break;
		}
		f->over = f->r->over && f->r->over(f->r->arg);
		if (f->over)
			break;
	}
	ir_web_end(&f->scan);
	ir_web_counts_end(f->counts);
	f->is_log |= f->scan.lines == 0;
	if (f->counts->bad)
		ir_fail(&f->err, IR_OSERR, "no memory");
	ir_log_close(in);
}

/* --- all files ---------------------------------------------------------- */

static void
merge(struct work *w, const struct one *f)
{
	struct ir_web_read *r = w->r;

	ir_web_counts_merge(r->counts, f->counts);
	r->lines += f->scan.lines;
	r->cut += f->scan.cut;
	r->unread += f->unread;
	r->outside += f->outside;
	r->odd += !f->is_log && !f->err.code && !f->over;
	r->ended += !f->over;
	w->stop |= f->over;
	w->failed |= r->counts->bad || f->err.code == IR_OSERR;
	if (r->done && !f->over)
		r->done(f->file, &f->err, r->arg);
}

static void
one_file(struct work *w, size_t i)
{
	static const struct ir_err fine = IR_ERR_INIT;
	struct ir_web_read *r = w->r;
	struct one f = { .r = r, .path = r->files->v[i], .err = fine,
		.file = (uint32_t)i, .scan = { .fn = take_line } };
	char user[64];

	f.scan.arg = &f;
	ir_web_of_path(f.path, f.host, user);
	if (r->vhost)
		ir_web_host(r->vhost, strlen(r->vhost), f.host,
		    sizeof f.host);
	f.counts = ir_web_counts_new(r->mails);
	if (f.counts)
		read_one(&f);
	pthread_mutex_lock(&w->lock);
	while (w->merged < i)
		pthread_cond_wait(&w->turn, &w->lock);
	if (f.counts && !w->stop)
		merge(w, &f);
	w->failed |= !f.counts;
	w->merged++;
	pthread_cond_broadcast(&w->turn);
	pthread_mutex_unlock(&w->lock);
	ir_web_counts_free(f.counts);
	ir_web_scan_free(&f.scan);
}

static void *
worker(void *arg)
{
	struct work *w = arg;
	size_t i;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		i = w->stop || w->failed ? w->r->files->n : w->next;
		w->next += i < w->r->files->n;
		pthread_mutex_unlock(&w->lock);
		if (i >= w->r->files->n)
			return NULL;
		one_file(w, i);
	}
}

int
ir_web_read(struct ir_web_read *r, struct ir_err *err)
{
	struct work w = { .r = r, .lock = PTHREAD_MUTEX_INITIALIZER,
		.turn = PTHREAD_COND_INITIALIZER };
	pthread_t thread[IR_WEB_THREADS];
	size_t n = 0, i;

	r->counts = ir_web_counts_new(r->mails);
	if (!r->counts)
		return ir_fail(err, IR_OSERR, "no memory");
	/* this one is a thread, too */
	while (n + 1 < r->threads && n < IR_WEB_THREADS &&
	    n + 1 < r->files->n &&
	    pthread_create(&thread[n], NULL, worker, &w) == 0)
		n++;
	(void)worker(&w);
	for (i = 0; i < n; i++)
		(void)pthread_join(thread[i], NULL);
	if (w.failed)
		return ir_fail(err, IR_OSERR, "no memory");
	return w.stop;
}
