/* transfer.c - see transfer.h */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "select.h"
#include "transfer.h"

#define NAMES (4 * IR_MANIFEST_BATCH)
#define BATCHES IR_TRANSFER_BATCHES
#define SYNC_EACH 24	/* folders that are synced one by one */
#define DIRS 137	/* folders of two queues of a split spool, and more */

/* Folders that a batch has changed, and the manifest. */
struct dirs {
	int v[DIRS];
	size_t n;
};

/* Messages that are locked, moved and synced together. */
struct ir_batch {
	struct ir_transfer *t;
	struct ir_item *v;	/* n of them */
	size_t n, count;	/* and how many of those are held */
	struct ir_held *held;
	enum ir_moved *got;
	struct ir_err **why;	/* NULL where there is nothing to say */
	uint16_t *names;	/* a table by hash of 1 + the place in v */
	struct ir_buf lines;	/* for the manifest */
	off_t end;		/* of those lines, when they are in it */
	struct ir_move_buf bufs;
};

/* A batch that a thread moves and puts on the disk, meanwhile. */
struct mover {
	struct ir_batch *b;
	off_t synced;		/* so much of the manifest is on the disk */
	struct ir_err why;
	int rc;
	pthread_t thread;
	bool running;		/* the thread is */
};

struct judge {
	struct ir_transfer *t;
	const struct ir_item *it;
};

static void
note_fd(struct dirs *d, int fd)
{
	size_t i;

	for (i = 0; i < d->n && d->v[i] != fd; i++)
		;
	if (i == d->n && fd >= 0 && d->n < DIRS)
		d->v[d->n++] = fd;
}

static void
note_dir(struct dirs *d, struct ir_queue *q, char sub)
{
	note_fd(d, ir_queue_dir(q, IR_INPUT, sub, false));
}

static bool
same_fs(const struct dirs *d)
{
	struct stat a, b;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (fstat(d->v[i], &b) || (i && a.st_dev != b.st_dev))
			return false;
		else
			a = b;
	return true;
}

/*
 * The first fsync pays for most of them.  Ids in no order may lie in all the
 * folders of a split spool: then one sync of their file system costs less
 * than a flush of the disk for each of them.
 */
static int
sync_dirs(struct dirs *d, struct ir_err *err)
{
	size_t i;

	if (d->n > SYNC_EACH && same_fs(d) && syncfs(d->v[0]) == 0)
		/* before Linux 5.8 it keeps errors of writing to itself: the
		 * manifest, which comes first, is asked for its own */
		d->n = 1;
	for (i = 0; i < d->n; i++)
		if (fsync(d->v[i]))
			return ir_fail(err, IR_IOERR, "fsync of a queue's "
			    "folder failed");
	d->n = 0;
	return 0;
}

/* --- the manifest ------------------------------------------------------- */

/* Short, so that a batch stays readable in one piece. */
static void
short_text(struct ir_buf *line, const char *key, struct ir_span s)
{
	if (s.p)
		ir_line_strn(line, key, s.p, s.n < 128 ? s.n : 128);
}

static void
add_line(struct ir_transfer *t, struct ir_buf *line, const struct ir_held *h)
{
	char sub[2] = { h->sub, '\0' };

	ir_line_begin(line, t->restore ? "queue-restore" : "queue-move",
	    h->id);
	ir_line_str(line, "source", ir_queue_name(t->restore ? h->to :
	    h->from));
	ir_line_str(line, "sub", sub);
	if (!t->restore) {
		ir_line_time(line, "time", t->now);
		ir_line_str(line, "sha256_h", h->sha_h);
		ir_line_str(line, "sha256_d", h->sha_d);
		ir_line_int(line, "size_d", h->size_d);
	}
	if (!t->restore && h->parsed) {
		ir_line_time(line, "received", h->msg.received);
		short_text(line, "sender", ir_spool_sender(&h->msg));
		short_text(line, "auth_user", h->msg.auth_user);
		short_text(line, "host", h->msg.host);
		ir_line_int(line, "recipient_count", (int64_t)h->rcpts);
		ir_line_int(line, "delivered_count", (int64_t)h->delivered);
	}
	ir_line_end(line);
	ir_buf_chr(line, '\n');
}

/* Into the manifest, and on the disk where it must be there first. */
static int
write_lines(struct ir_batch *b, bool sync, struct ir_err *err)
{
	struct ir_manifest *m = b->t->manifest;

	if (!m || b->count == 0)
		return 0;
	ir_manifest_add(m, &b->lines);
	if (ir_manifest_commit(m, sync, err))
		return -1;
	b->end = ir_manifest_end(m);
	return 0;
}

static int
settled(struct ir_batch *b, struct ir_err *err)
{
	struct ir_buf line = IR_BUF(IR_MANIFEST_LINE);
	struct ir_transfer *t = b->t;
	char id[24];

	if (!t->manifest || b->count == 0)
		return 0;
	snprintf(id, sizeof id, "%zu", b->count);
	ir_line_begin(&line, t->restore ? "queue-restored" : "queue-moved",
	    id);
	ir_line_time(&line, "time", t->now);
	ir_line_int(&line, "upto", b->end);
	ir_line_end(&line);
	ir_buf_chr(&line, '\n');
	ir_manifest_add(t->manifest, &line);
	ir_buf_free(&line);
	return ir_manifest_commit(t->manifest, false, err);
}

/* --- one batch ---------------------------------------------------------- */

static bool
still(const struct ir_select_msg *m, void *arg)
{
	struct judge *j = arg;

	return !j->t->still || j->t->still(j->it, m, j->t->arg);
}

/* Lock one, and look at it. */
static enum ir_moved
hold(struct ir_batch *b, struct ir_item *it, struct ir_held *h,
    struct ir_err *why)
{
	struct ir_transfer *t = b->t;
	struct judge j = { t, it };
	struct ir_queue_item at;
	enum ir_moved got;

	if (t->located) {
		h->from = ir_spool_queue(t->spool, it->queue - 1u);
	} else {
		if (!ir_item_find(it, t->spool, &at))
			return IR_MOVE_GONE;
		h->from = at.queue;
	}
	memcpy(h->id, it->id, sizeof h->id);
	h->sub = it->sub;
	h->restore = t->restore;
	h->leave_partly = t->leave_partly;
	h->to = t->to ? t->to : t->home(it->id, t->arg);
	if (!h->to) {
		ir_fail(why, IR_DATAERR, "no queue to put it into");
		return IR_MOVE_FAILED;
	}
	/* a bare id means the message, whatever it is */
	h->still = t->still && (t->located || it->said) ? still : NULL;
	h->arg = &j;
	h->now = t->now;
	got = ir_message_hold(h, &b->bufs, why);
	h->arg = NULL;
	return got;
}

/* Where the id is in the batch's table, or the free place for it. */
static uint16_t *
name_at(const struct ir_batch *b, const char *id)
{
	uint64_t h = 14695981039346656037u;
	const char *p;
	size_t at;

	for (p = id; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (at = (size_t)(h ^ h >> 32) % NAMES; b->names[at] &&
	    strcmp(b->v[b->names[at] - 1].id, id) != 0;
	    at = (at + 1) % NAMES)
		;
	return &b->names[at];
}

/*
 * Our own lock does not stop us: a message that is named twice would be held
 * twice, and let go with the first descriptor that is closed.  So all batches
 * that are under way are looked at.
 */
static bool
named_before(struct ir_batch *b, size_t i)
{
	const struct ir_batch *other;
	size_t k;

	if (b->t->located)
		return false;
	for (k = 0; k < BATCHES; k++) {
		other = b->t->batches[k];
		if (other && other->n && *name_at(other, b->v[i].id))
			return true;
	}
	*name_at(b, b->v[i].id) = (uint16_t)(i + 1);
	return false;
}

static void
hold_batch(struct ir_batch *b, struct ir_item *v, size_t n)
{
	struct ir_err why = IR_ERR_INIT;
	size_t i;

	b->v = v;
	b->n = n;
	b->count = 0;
	memset(b->names, 0, NAMES * sizeof *b->names);
	for (i = 0; i < b->n; i++) {
		memset(&b->held[i], 0, sizeof b->held[i]);
		b->held[i].fd = -1;
		why.msg[0] = '\0';
		b->got[i] = IR_MOVE_GONE;
		if (named_before(b, i))
			ir_fail(&why, 0, "named twice");
		else
			b->got[i] = hold(b, &b->v[i], &b->held[i], &why);
		if (why.msg[0] && (b->why[i] = malloc(sizeof why)))
			*b->why[i] = why;
		if (b->got[i] != IR_MOVED)
			continue;
		b->count++;
		if (b->t->manifest)
			add_line(b->t, &b->lines, &b->held[i]);
	}
}

static void
release_batch(struct ir_batch *b)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		ir_message_release(&b->held[i]);
		free(b->why[i]);
		b->why[i] = NULL;
	}
	b->n = b->count = 0;
	ir_buf_trunc(&b->lines, 0);
}

/* It cannot go: said in the end, and no longer of this batch. */
static int
give_up(struct ir_batch *b, size_t i, const struct ir_err *why,
    struct ir_err *err)
{
	b->got[i] = IR_MOVE_FAILED;
	if ((b->why[i] = malloc(sizeof *why)))
		*b->why[i] = *why;
	ir_message_release(&b->held[i]);
	/* what does not fit this one will not fit the next one */
	if (why->code != IR_CANTCREAT && why->code != IR_IOERR)
		return 0;
	*err = *why;
	return -1;
}

/* From the i-th on: neither moved nor refused. */
static void
let_go(struct ir_batch *b, size_t i)
{
	for (; i < b->n; i++)
		ir_message_release(&b->held[i]);
}

static int
rename_batch(struct ir_batch *b, struct dirs *d, struct ir_err *err)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_held *h;
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < b->n; i++) {
		h = &b->held[i];
		if (h->fd < 0)
			continue;
		if (ir_message_rename(h, &why) != IR_MOVED) {
			rc = give_up(b, i, &why, err);
			continue;
		}
		note_dir(d, h->to, h->sub);
		note_dir(d, h->from, h->sub);
	}
	if (rc)
		let_go(b, i);
	return rc;
}

/* One of the steps between file systems, for all that are held. */
static int
step(struct ir_batch *b, int which, struct dirs *d, struct ir_err *err)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_held *h;
	int rc = 0, bad;
	size_t i;

	for (i = 0; rc == 0 && i < b->n; i++) {
		h = &b->held[i];
		if (h->fd < 0)
			continue;
		if (which == 0)
			bad = ir_message_copy(h, &b->bufs, &why) != IR_MOVED;
		else if (which == 1)
			bad = ir_message_leave(h, &why);
		else
			bad = ir_message_arrive(h, &why);
		if (bad && which == 1)
			ir_message_uncopy(h);
		if (bad)
			rc = give_up(b, i, &why, err);
		else
			note_dir(d, which == 1 ? h->from : h->to, h->sub);
	}
	return rc;
}

/* Broken off between two steps: as after a crash. */
static void
settle_batch(struct ir_batch *b)
{
	struct ir_queue_item at;
	struct ir_held *h;
	size_t i;

	for (i = 0; i < b->n; i++) {
		h = &b->held[i];
		if (h->fd < 0)
			continue;
		(void)ir_message_settle(h->from, h->to, h->id, h->sub, NULL);
		if (ir_queue_find(h->from, h->id, &at))
			ir_message_release(h);
	}
}

static int
copy_batch(struct ir_batch *b, struct dirs *d, struct ir_err *err)
{
	size_t i;

	/* a full disk: those that are not copied stay where they are */
	if (step(b, 0, d, err) || sync_dirs(d, err)) {
		for (i = 0; i < b->n; i++)
			if (b->held[i].fd >= 0) {
				ir_message_uncopy(&b->held[i]);
				ir_message_release(&b->held[i]);
			}
		return -1;
	}
	if (step(b, 1, d, err) || sync_dirs(d, err) ||
	    step(b, 2, d, err) || sync_dirs(d, err)) {
		settle_batch(b);
		return -1;
	}
	for (i = 0; i < b->n; i++)
		if (b->held[i].fd >= 0)
			ir_message_clear(&b->held[i]);
	return 0;
}

/*
 * Those that are still held have been moved, and that is on the disk.  Those
 * that a batch which was broken off let go of were neither moved nor refused.
 */
static int
report_batch(struct ir_batch *b)
{
	static const struct ir_err fine = IR_ERR_INIT;
	struct ir_transfer *t = b->t;
	const struct ir_held *h;
	int rc = 0;
	size_t i;

	for (i = 0; i < b->n; i++) {
		h = &b->held[i];
		if (b->got[i] == IR_MOVED && h->fd < 0)
			continue;
		if (b->got[i] == IR_MOVED)
			ir_mainlog_moved(t->log, h->id, h->from,
			    t->from_folder, h->to, t->to_folder);
		if (t->done(&b->v[i], h->id[0] ? h : NULL, b->got[i],
		    b->why[i] ? b->why[i] : &fine, t->arg))
			rc = -1;
	}
	(void)ir_mainlog_flush(t->log);
	return rc;
}

static bool
one_fs(const struct ir_batch *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (b->held[i].fd >= 0)
			return ir_queue_same_fs(b->held[i].from,
			    b->held[i].to);
	return true;
}

/* Said, let go of, and settled: what was moved is on the disk, unless bad. */
static int
finish_batch(struct ir_batch *b, bool bad, struct ir_err *err)
{
	struct ir_transfer *t = b->t;
	int rc;

	if (b->n == 0)
		return 0;
	/* what was moved before it was broken off is said all the same */
	rc = report_batch(b);
	if (rc == 0 && !bad)
		rc = settled(b, err);
	release_batch(b);
	if (rc == 0 && !bad && t->settled)
		t->settled(t->arg);
	return rc;
}

/* Lock, write down, move, sync: one after the other. */
static int
run_batch(struct ir_batch *b, struct ir_err *err)
{
	struct ir_transfer *t = b->t;
	struct dirs d = { .n = 0 };
	bool copy;
	int rc;

	copy = (t->from_folder || t->to_folder) && !one_fs(b);
	rc = write_lines(b, !t->restore || copy, err);
	if (rc)
		release_batch(b);
	else if (copy)
		rc = copy_batch(b, &d, err);
	else
		rc = rename_batch(b, &d, err);
	if (!copy && sync_dirs(&d, rc ? NULL : err))
		rc = -1;
	return finish_batch(b, rc != 0, err) || rc ? -1 : 0;
}

/* --- batch after batch -------------------------------------------------- */

static void
batch_free(struct ir_batch *b)
{
	if (!b)
		return;
	ir_move_buf_free(&b->bufs);
	ir_buf_free(&b->lines);
	free(b->held);
	free(b->got);
	free(b->why);
	free(b->names);
	free(b);
}

static struct ir_batch *
batch_new(struct ir_transfer *t)
{
	struct ir_batch *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->t = t;
	b->lines.max = IR_MANIFEST_MAX;
	b->held = calloc(t->batch, sizeof *b->held);
	b->got = calloc(t->batch, sizeof *b->got);
	b->why = calloc(t->batch, sizeof *b->why);
	b->names = calloc(NAMES, sizeof *b->names);
	if (b->held && b->got && b->why && b->names)
		return b;
	batch_free(b);
	return NULL;
}

/*
 * Each message that is held is an open file: of all the batches at work they
 * take less than half of what the process may open.
 */
static size_t
most_files(void)
{
	struct rlimit l;
	rlim_t n;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return IR_MANIFEST_BATCH;
	n = l.rlim_cur / (2 * BATCHES + 2);
	if (n >= IR_MANIFEST_BATCH)
		return IR_MANIFEST_BATCH;
	return n ? (size_t)n : 1;
}

static int
begin(struct ir_transfer *t, struct ir_err *err)
{
	size_t i;

	if (t->batch == 0 || t->batch > most_files())
		t->batch = most_files();
	for (i = 0; i < (t->overlap ? BATCHES : 1); i++)
		if (!t->batches[i] && !(t->batches[i] = batch_new(t)))
			return ir_fail(err, IR_OSERR, "no memory");
	return 0;
}

/*
 * The lines of the batch are on the disk before its first rename: mostly the
 * sync behind the batch before has brought them there already.
 */
static void *
move_batch(void *arg)
{
	struct mover *m = arg;
	int fd = ir_manifest_fd(m->b->t->manifest);
	struct dirs d = { .n = 0 };
	off_t end;

	m->rc = 0;
	if (m->b->end > m->synced && fdatasync(fd)) {
		m->rc = ir_fail_errno(&m->why, IR_IOERR, errno, IR_MANIFEST);
		let_go(m->b, 0);
		return NULL;
	}
	/* the first one: see sync_dirs() */
	note_fd(&d, fd);
	m->rc = rename_batch(m->b, &d, &m->why);
	/* the next batch may be written down, or half of it, by now */
	end = ir_manifest_end(m->b->t->manifest);
	if (sync_dirs(&d, m->rc ? NULL : &m->why))
		m->rc = -1;
	else
		m->synced = end;
	return NULL;
}

static void
mover_begin(struct mover *m, struct ir_batch *b)
{
	m->b = b;
	m->running = pthread_create(&m->thread, NULL, move_batch, m) == 0;
	if (!m->running)
		(void)move_batch(m);
}

static int
mover_end(struct mover *m, struct ir_err *err)
{
	if (m->running)
		(void)pthread_join(m->thread, NULL);
	m->running = false;
	if (m->rc)
		*err = m->why;
	return m->rc;
}

/*
 * Two batches are under way: while one is moved and synced, the one before it
 * is reported, and the one behind it is held and written down.  A second
 * thread that renames would only wait: a file system lets one at a time.
 */
static int
run_ahead(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct ir_err *err)
{
	struct ir_batch *is = t->batches[0], *then = t->batches[1], *done;
	struct mover m = { .rc = 0 };
	size_t i = 0, k;
	bool bad = false;
	int stop = 0;

	do {
		if (i < n && !stop && !bad && t->next)
			stop = t->next(i, t->arg);
		if (i < n && !stop && !bad) {
			k = n - i < t->batch ? n - i : t->batch;
			hold_batch(then, v + i, k);
			i += k;
			bad = write_lines(then, false, err) != 0;
		}
		bad = mover_end(&m, err) || bad;
		if (bad)
			release_batch(then);
		else if (then->n)
			mover_begin(&m, then);
		bad = finish_batch(is, bad, err) || bad;
		done = is;
		is = then;
		then = done;
	} while (is->n);
	return bad ? -1 : stop;
}

int
ir_transfer_run(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct ir_err *err)
{
	size_t i, k;
	int rc;

	if (begin(t, err))
		return -1;
	if (t->overlap)
		return run_ahead(t, v, n, err);
	for (i = 0; i < n; i += k) {
		k = n - i < t->batch ? n - i : t->batch;
		if (t->next && (rc = t->next(i, t->arg)))
			return rc;
		hold_batch(t->batches[0], v + i, k);
		if (run_batch(t->batches[0], err))
			return -1;
	}
	return 0;
}

void
ir_transfer_free(struct ir_transfer *t)
{
	size_t i;

	for (i = 0; i < BATCHES; i++) {
		batch_free(t->batches[i]);
		t->batches[i] = NULL;
	}
}

/* --- after a crash ------------------------------------------------------ */

struct doubt {
	struct ir_spool *live;
	struct ir_queue *q;
	size_t *count;
	void (*warn)(const char *id, const char *why, void *arg);
	void *arg;
};

static int
settle_one(const struct ir_rec *line, void *arg)
{
	struct doubt *d = arg;
	const char *type = ir_rec_get(line, "type");
	const char *id = ir_rec_get(line, "id");
	const char *sub = ir_rec_get(line, "sub");
	const char *name = ir_rec_get(line, "source");
	struct ir_err why = IR_ERR_INIT;
	struct ir_queue *q;
	bool back;
	int n;

	if (!type || !id || !sub || !name ||
	    ir_spool_id_len(id, strlen(id)) != strlen(id) ||
	    ir_queue_open(d->live, name, &q, NULL))
		return 0;
	back = strcmp(type, "queue-restore") == 0;
	if (!back && strcmp(type, "queue-move") != 0)
		return 0;
	n = back ? ir_message_settle(d->q, q, id, sub[0], &why) :
	    ir_message_settle(q, d->q, id, sub[0], &why);
	*d->count += n > 0;
	if (n < 0)
		d->warn(id, why.msg, d->arg);
	return 0;
}

int
ir_transfer_settle(struct ir_spool *live, struct ir_queue *q, size_t *count,
    void (*warn)(const char *, const char *, void *), void *arg,
    struct ir_err *err)
{
	struct doubt d = { live, q, count, warn, arg };
	struct ir_manifest *m;
	int rc;

	/* a run that is alive has it */
	if (ir_manifest_open(&m, q, false, NULL) || !m)
		return 0;
	rc = ir_manifest_doubts(m, settle_one, &d, err);
	ir_manifest_close(m);
	return rc;
}
