/* run.c - see run.h */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/file.h"
#include "../core/text.h"
#include "run.h"

#define PART_BITS 18
#define PARTS_MAX (1u << 21)
#define LOOK 32768		/* bytes that hold 64 usual lines */
#define SPILL (128u << 10)	/* written at once */

/* One part, as it is remembered. */
struct part {
	uint64_t off;		/* in the file */
	uint64_t line;		/* of its first line, from 1 */
	uint32_t file, nmark;
	uint32_t *mark;		/* NULL: cannot be read again */
};

struct file {
	char *name;		/* owned */
	int fd;			/* -1: cannot be read again */
	uint64_t lines;
};

/* In front of each line in the temporary file. */
struct spilled {
	uint64_t where;
	uint32_t line, len;
};

struct index {
	uint64_t where, off;
};

struct ir_mail_run {
	struct ir_mail_state *state;
	struct ir_mail_opts o;
	struct part *part;
	size_t nparts, parts_cap;
	struct file *file;
	size_t nfiles, files_cap;
	/* what is being read, under lock; whose turn it is, under turns */
	pthread_mutex_t lock, turns;
	pthread_cond_t turn;
	struct ir_log_input *in;
	struct ir_mlog_clock clock;
	char *carry;
	size_t ncarry;
	uint64_t off, seq;	/* next to be read */
	uint64_t taken;		/* next to be taken in */
	int64_t last_time;	/* of the part before */
	bool skip;		/* the rest of a line that is too long */
	bool eof, ended;
	atomic_int rc;
	struct ir_err err;
	/* lines that cannot be read again */
	int spill;
	char *buf;
	size_t nbuf;
	uint64_t spill_off;
	bool poor;
	struct index *index;
	size_t nindex;
	char *look;
};

/* One thread's. */
struct worker {
	struct ir_mail_run *r;
	char *buf;
	size_t n;
	uint64_t seq;
	struct ir_mail_events e;
	struct ir_mlog_clock clock;
	pthread_t thread;
};

/* --- beginning and end -------------------------------------------------- */

static int
open_spill(void)
{
	const char *dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	size_t i;
	int fd;

	for (i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		if (!dirs[i] || !*dirs[i])
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

struct ir_mail_run *
ir_mail_run_new(struct ir_mail_state *s, const struct ir_mail_opts *o,
    struct ir_err *err)
{
	struct ir_mail_run *r = calloc(1, sizeof *r);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (r) {
		r->state = s;
		r->o = *o;
		r->spill = open_spill();
		r->poor = r->spill < 0;
		r->carry = malloc(IR_MAIL_PART);
		r->buf = malloc(SPILL);
		r->look = malloc(LOOK);
		pthread_mutex_init(&r->lock, NULL);
		pthread_mutex_init(&r->turns, NULL);
		pthread_cond_init(&r->turn, NULL);
		if (r->o.threads == 0)
			r->o.threads = cores > 0 ? (unsigned)cores : 1;
		if (r->o.threads > IR_MAIL_THREADS)
			r->o.threads = IR_MAIL_THREADS;
	}
	if (r && r->carry && r->buf && r->look)
		return r;
	ir_mail_run_free(r);
	(void)ir_fail(err, IR_OSERR, "no memory");
	return NULL;
}

void
ir_mail_run_free(struct ir_mail_run *r)
{
	size_t i;

	if (!r)
		return;
	ir_log_close(r->in);
	for (i = 0; i < r->nparts; i++)
		free(r->part[i].mark);
	for (i = 0; i < r->nfiles; i++) {
		if (r->file[i].fd >= 0)
			close(r->file[i].fd);
		free(r->file[i].name);
	}
	if (r->spill >= 0)
		close(r->spill);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->turns);
	pthread_cond_destroy(&r->turn);
	free(r->part);
	free(r->file);
	free(r->carry);
	free(r->buf);
	free(r->look);
	free(r->index);
	free(r);
}

bool
ir_mail_run_poor(const struct ir_mail_run *r)
{
	return r->poor;
}

/* --- reading ------------------------------------------------------------ */

/* What is left of a line that was too long goes; how much there is after. */
static size_t
skip_rest(struct ir_mail_run *r, char *buf, size_t n)
{
	char *nl = memchr(buf, '\n', n);

	if (!nl) {
		r->off += n;
		return 0;
	}
	nl++;
	r->skip = false;
	r->off += (size_t)(nl - buf);
	n -= (size_t)(nl - buf);
	memmove(buf, nl, n);
	return n;
}

/*
 * The next part into buf: as many whole lines as fit, the last one of a log
 * maybe without its end.  0 at the end, or -1.  What could be read before an
 * error counts: the error is told by the next call.
 */
static ssize_t
next_part(struct ir_mail_run *r, char *buf, uint64_t *off)
{
	size_t n = r->ncarry, keep;
	ssize_t got = 1;
	char *nl;

	memcpy(buf, r->carry, n);
	r->ncarry = 0;
	while (!r->eof && n < IR_MAIL_PART) {
		got = ir_log_read_into(r->in, buf + n, IR_MAIL_PART - n,
		    &r->err);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (r->skip)
			n = skip_rest(r, buf, n);
	}
	if (got < 0)
		r->rc = -1;
	if (got <= 0)
		r->eof = true;
	*off = r->off;
	keep = 0;
	if (n == IR_MAIL_PART || (r->o.follow && n)) {
		nl = memrchr(buf, '\n', n);
		if (nl)
			keep = n - (size_t)(nl + 1 - buf);
		else if (n == IR_MAIL_PART)
			r->skip = true;
		else
			keep = n;
	}
	memcpy(r->carry, buf + n - keep, keep);
	r->ncarry = keep;
	r->off += n - keep;
	return (ssize_t)(n - keep);
}

static void *
grow(void *v, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap * 2 + 64;
	void *more;

	if (n < *cap)
		return v;
	more = realloc(v, want * size);
	if (more)
		*cap = want;
	return more;
}

static int
keep_line(void *arg, uint64_t where, uint32_t line, const char *text,
    size_t n)
{
	struct ir_mail_run *r = arg;
	struct spilled h = { where, line, 0 };

	if (r->poor)
		return 0;
	h.len = (uint32_t)(n > IR_MAIL_TEXT ? IR_MAIL_TEXT : n);
	if (r->nbuf + sizeof h + h.len > SPILL) {
		if (ir_write_all(r->spill, r->buf, r->nbuf)) {
			/* a full disk costs the text, not the answer */
			r->poor = true;
			return 0;
		}
		r->spill_off += r->nbuf;
		r->nbuf = 0;
	}
	memcpy(r->buf + r->nbuf, &h, sizeof h);
	memcpy(r->buf + r->nbuf + sizeof h, text, h.len);
	r->nbuf += sizeof h + h.len;
	return 0;
}

/* Remember where the part was, and take in what it says; it is its turn. */
static int
take_part(struct ir_mail_run *r, struct worker *w, uint64_t off)
{
	struct file *f = &r->file[r->nfiles - 1];
	struct part *p;
	void *v = grow(r->part, r->nparts, &r->parts_cap, sizeof *r->part);

	if (!v)
		return ir_fail(&r->err, IR_OSERR, "no memory");
	r->part = v;
	p = &r->part[r->nparts++];
	*p = (struct part){ off, f->lines + 1, (uint32_t)r->nfiles - 1, 0,
	    NULL };
	if (f->fd >= 0 && w->e.nmark) {
		p->mark = malloc(w->e.nmark * sizeof *p->mark);
		if (!p->mark)
			return ir_fail(&r->err, IR_OSERR, "no memory");
		memcpy(p->mark, w->e.mark, w->e.nmark * sizeof *p->mark);
		p->nmark = (uint32_t)w->e.nmark;
	}
	f->lines += w->e.sums.lines;
	w->e.sums.backwards += w->e.begin && w->e.begin < r->last_time - 1;
	if (w->e.time)
		r->last_time = w->e.time;
	ir_mail_add_sums(ir_mail_state_sums(r->state), &w->e.sums);
	return ir_mail_apply(r->state, w->e.v, w->e.n, w->seq << PART_BITS,
	    w->buf, f->fd >= 0 ? NULL : keep_line, r, &r->err);
}

/* What one part takes; 1 while there is more. */
static int
step(struct worker *w)
{
	struct ir_mail_run *r = w->r;
	uint64_t off = 0;
	ssize_t n;
	int rc;

	pthread_mutex_lock(&r->lock);
	if (r->ended || r->rc || (r->o.over && r->o.over(r->o.arg)) ||
	    r->seq >= PARTS_MAX) {
		if (!r->ended && r->rc == 0)
			r->rc = r->seq >= PARTS_MAX ? ir_fail(&r->err,
			    IR_DATAERR, "more than 512 GiB of logs") : 1;
		pthread_mutex_unlock(&r->lock);
		return 0;
	}
	n = next_part(r, w->buf, &off);
	if (n == 0 && r->eof)
		r->ended = true;
	w->seq = n > 0 ? r->seq++ : r->seq;
	pthread_mutex_unlock(&r->lock);
	if (n <= 0)
		return 0;
	w->n = (size_t)n;
	rc = ir_mail_parse_part(&w->e, w->buf, w->n, &r->o, &w->clock);
	pthread_mutex_lock(&r->turns);
	while (r->taken != w->seq)
		pthread_cond_wait(&r->turn, &r->turns);
	pthread_mutex_unlock(&r->turns);
	if (rc == 0)
		rc = take_part(r, w, off);
	else
		(void)ir_fail(&r->err, IR_OSERR, "no memory");
	if (rc)
		r->rc = -1;
	pthread_mutex_lock(&r->turns);
	r->taken++;
	pthread_cond_broadcast(&r->turn);
	pthread_mutex_unlock(&r->turns);
	return rc == 0;
}

static void *
work(void *arg)
{
	while (step(arg))
		continue;
	return NULL;
}

int
ir_mail_run_open(struct ir_mail_run *r, const char *path, int64_t mtime,
    struct ir_err *err)
{
	void *v = grow(r->file, r->nfiles, &r->files_cap, sizeof *r->file);
	struct file *f;
	int plain;

	if (!v)
		return ir_fail(err, IR_OSERR, "no memory");
	r->file = v;
	ir_log_close(r->in);
	r->in = NULL;
	if (ir_log_open(&r->in, path, err))
		return -1;
	r->clock = (struct ir_mlog_clock){ .now = mtime, .utc = r->o.utc };
	r->ncarry = 0;
	r->off = 0;
	r->last_time = 0;
	r->skip = r->eof = r->ended = false;
	r->rc = 0;
	r->err = (struct ir_err)IR_ERR_INIT;
	f = &r->file[r->nfiles];
	*f = (struct file){ strdup(ir_log_name(r->in)), -1, 0 };
	if (!f->name)
		return ir_fail(err, IR_OSERR, "no memory");
	r->nfiles++;
	ir_mail_state_sums(r->state)->files++;
	plain = ir_log_plain(r->in, err);
	if (plain < 0)
		return -1;
	if (plain && lseek(ir_log_fd(r->in), 0, SEEK_CUR) >= 0 &&
	    strcmp(path, "-") != 0)
		f->fd = fcntl(ir_log_fd(r->in), F_DUPFD_CLOEXEC, 3);
	return 0;
}

static struct worker *
workers(struct ir_mail_run *r, unsigned n)
{
	struct worker *w = calloc(n, sizeof *w);
	unsigned i;

	for (i = 0; w && i < n; i++) {
		w[i].r = r;
		w[i].buf = malloc(IR_MAIL_PART);
		w[i].clock = r->clock;
		if (!w[i].buf)
			r->rc = ir_fail(&r->err, IR_OSERR, "no memory");
	}
	return w;
}

static void
free_workers(struct worker *w, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		free(w[i].buf);
		ir_mail_events_free(&w[i].e);
	}
	free(w);
}

int
ir_mail_run_file(struct ir_mail_run *r, const char *path, int64_t mtime,
    struct ir_err *err)
{
	unsigned n = r->o.threads, i, made = 0;
	struct worker *w;

	if (ir_mail_run_open(r, path, mtime, err))
		return -1;
	w = workers(r, n);
	if (!w)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 1; i < n && r->rc == 0; i++) {
		if (pthread_create(&w[i].thread, NULL, work, &w[i]))
			break;
		made = i;
	}
	work(&w[0]);
	for (i = 1; i <= made; i++)
		pthread_join(w[i].thread, NULL);
	free_workers(w, n);
	if (r->rc < 0)
		*err = r->err;
	ir_log_close(r->in);
	r->in = NULL;
	return r->rc;
}

int64_t
ir_mail_run_more(struct ir_mail_run *r, struct ir_err *err)
{
	uint64_t before = r->off;
	struct worker *w = workers(r, 1);

	if (!w)
		return ir_fail(err, IR_OSERR, "no memory");
	r->eof = r->ended = false;
	while (step(w))
		continue;
	free_workers(w, 1);
	if (r->rc < 0) {
		*err = r->err;
		return -1;
	}
	return (int64_t)(r->off - before);
}

/* --- evidence ----------------------------------------------------------- */

static int
by_where(const void *a, const void *b)
{
	const struct index *x = a, *y = b;

	return (x->where > y->where) - (x->where < y->where);
}

/* Where in the temporary file each line is. */
static void
index_spill(struct ir_mail_run *r)
{
	uint64_t off = 0, end = r->spill_off + r->nbuf;
	struct spilled h;
	size_t cap = 0;
	void *v;

	if (r->nbuf && ir_write_all(r->spill, r->buf, r->nbuf) == 0) {
		r->spill_off += r->nbuf;
		r->nbuf = 0;
	} else {
		end = r->spill_off;
	}
	for (; off < end && pread(r->spill, &h, sizeof h, (off_t)off) ==
	    (ssize_t)sizeof h; off += sizeof h + h.len) {
		v = grow(r->index, r->nindex, &cap, sizeof *r->index);
		if (!v)
			break;
		r->index = v;
		r->index[r->nindex++] = (struct index){ h.where, off };
	}
	if (r->nindex)
		qsort(r->index, r->nindex, sizeof *r->index, by_where);
}

static bool
look_spilled(struct ir_mail_run *r, uint64_t where, struct ir_mail_text *t)
{
	struct index key = { where, 0 }, *i;
	struct spilled h;

	if (r->spill < 0)
		return false;
	if (!r->index || r->nbuf) {
		r->nindex = 0;
		index_spill(r);
	}
	i = r->nindex ? bsearch(&key, r->index, r->nindex, sizeof key,
	    by_where) : NULL;
	if (!i || pread(r->spill, &h, sizeof h, (off_t)i->off) !=
	    (ssize_t)sizeof h || h.len > LOOK || pread(r->spill, r->look,
	    h.len, (off_t)(i->off + sizeof h)) != (ssize_t)h.len)
		return false;
	t->text = r->look;
	t->ntext = h.len;
	t->line = h.line;
	return true;
}

static bool
look_again(struct ir_mail_run *r, const struct part *p, uint32_t off,
    struct ir_mail_text *t)
{
	uint32_t lo = 0, hi = p->nmark, mid, at;
	const char *q, *end, *nl;
	ssize_t n;
	size_t line;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (p->mark[mid] <= off)
			lo = mid;
		else
			hi = mid;
	}
	if (hi == 0)
		return false;
	/* count the lines from the mark on, a piece at a time */
	line = (size_t)lo * 64;
	for (at = p->mark[lo]; at + 1024 < off; at += (uint32_t)n) {
		n = pread(r->file[p->file].fd, r->look, off - at > LOOK ?
		    LOOK : off - at, (off_t)(p->off + at));
		if (n <= 0)
			return false;
		for (q = r->look, end = q + n; (nl = memchr(q, '\n',
		    (size_t)(end - q))); q = nl + 1)
			line++;
	}
	n = pread(r->file[p->file].fd, r->look, LOOK, (off_t)(p->off + at));
	if (n <= (ssize_t)(off - at))
		return false;
	for (q = r->look, end = q + (off - at); q < end && (nl = memchr(q,
	    '\n', (size_t)(end - q))); q = nl + 1)
		line++;
	q = r->look + (off - at);
	end = r->look + n;
	nl = memchr(q, '\n', (size_t)(end - q));
	t->text = q;
	t->ntext = (size_t)((nl ? nl : end) - q);
	if (t->ntext && q[t->ntext - 1] == '\r')
		t->ntext--;
	if (t->ntext > IR_MAIL_TEXT)
		t->ntext = IR_MAIL_TEXT;
	t->line = line;
	return true;
}

bool
ir_mail_run_look(void *arg, uint64_t where, struct ir_mail_text *t)
{
	struct ir_mail_run *r = arg;
	const struct part *p;

	if (ir_mail_imported(r->state, where, t))
		return true;
	if (where >> PART_BITS >= r->nparts)
		return false;
	p = &r->part[where >> PART_BITS];
	t->file = r->file[p->file].name;
	if (!(p->mark ? look_again(r, p, where & (IR_MAIL_PART - 1), t) :
	    look_spilled(r, where, t)))
		return false;
	t->line += p->line;
	return true;
}
