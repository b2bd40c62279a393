/* transfer.c - see transfer.h */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "select.h"
#include "transfer.h"

#define DIRS 136	/* folders of two queues of a split spool, and more */

/* Folders that a batch has changed. */
struct dirs {
	int v[DIRS];
	size_t n;
};

struct judge {
	struct ir_transfer *t;
	const struct ir_item *it;
};

static void
note_dir(struct dirs *d, struct ir_queue *q, char sub)
{
	int fd = ir_queue_dir(q, IR_INPUT, sub, false);
	size_t i;

	for (i = 0; i < d->n && d->v[i] != fd; i++)
		;
	if (i == d->n && fd >= 0 && d->n < DIRS)
		d->v[d->n++] = fd;
}

static int
sync_dirs(struct dirs *d, struct ir_err *err)
{
	size_t i;

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
short_text(struct ir_rec *r, const char *key, struct ir_span s)
{
	if (s.p)
		ir_rec_strn(r, key, s.p, s.n < 128 ? s.n : 128);
}

static void
add_line(struct ir_transfer *t, const struct ir_held *h)
{
	struct ir_rec *r = ir_rec_new(t->restore ? "queue-restore" :
	    "queue-move", h->id);
	char sub[2] = { h->sub, '\0' };

	ir_rec_str(r, "source", ir_queue_name(t->restore ? h->to : h->from));
	ir_rec_str(r, "sub", sub);
	if (!t->restore) {
		ir_rec_time(r, "time", t->now);
		ir_rec_str(r, "sha256_h", h->sha_h);
		ir_rec_str(r, "sha256_d", h->sha_d);
		ir_rec_int(r, "size_d", h->size_d);
	}
	if (!t->restore && h->parsed) {
		ir_rec_time(r, "received", h->msg.received);
		short_text(r, "sender", ir_spool_sender(&h->msg));
		short_text(r, "auth_user", h->msg.auth_user);
		short_text(r, "host", h->msg.host);
		ir_rec_int(r, "recipient_count", (int64_t)h->rcpts);
		ir_rec_int(r, "delivered_count", (int64_t)h->delivered);
	}
	ir_manifest_add(t->manifest, r);
}

static int
settled(struct ir_transfer *t, size_t n, struct ir_err *err)
{
	struct ir_rec *r;

	if (!t->manifest || n == 0)
		return 0;
	r = ir_rec_new(t->restore ? "queue-restored" : "queue-moved", NULL);
	ir_rec_fmt(r, "id", "%zu", n);
	ir_rec_time(r, "time", t->now);
	ir_manifest_add(t->manifest, r);
	return ir_manifest_commit(t->manifest, false, err);
}

/* --- one batch ---------------------------------------------------------- */

static bool
still(const struct ir_select_msg *m, void *arg)
{
	struct judge *j = arg;

	return !j->t->still || j->t->still(j->it, m, j->t->arg);
}

static int
report(struct ir_transfer *t, struct ir_item *it, const struct ir_held *h,
    enum ir_moved got, const struct ir_err *why)
{
	return t->done(it, h, got, why, t->arg);
}

/* Lock one.  1: it is held, 0 it is not, -1. */
static int
hold(struct ir_transfer *t, struct ir_item *it, struct ir_held *h)
{
	struct ir_err why = IR_ERR_INIT;
	struct judge j = { t, it };
	struct ir_queue_item at;
	enum ir_moved got;

	memset(h, 0, sizeof *h);
	h->fd = -1;
	if (t->located) {
		h->from = ir_spool_queue(t->spool, it->queue - 1u);
	} else {
		if (!ir_item_find(it, t->spool, &at))
			return report(t, it, NULL, IR_MOVE_GONE, &why);
		h->from = at.queue;
	}
	memcpy(h->id, it->id, sizeof h->id);
	h->sub = it->sub;
	h->restore = t->restore;
	h->leave_partly = t->leave_partly;
	h->to = t->to ? t->to : t->home(it->id, t->arg);
	if (!h->to) {
		ir_fail(&why, IR_DATAERR, "no queue to put it into");
		return report(t, it, NULL, IR_MOVE_FAILED, &why);
	}
	/* a bare id means the message, whatever it is */
	h->still = t->still && (t->located || it->said) ? still : NULL;
	h->arg = &j;
	h->now = t->now;
	got = ir_message_hold(h, &t->bufs, &why);
	h->arg = NULL;
	if (got == IR_MOVED)
		return 1;
	return report(t, it, h, got, &why);
}

/*
 * Our own lock does not stop us: a message that is named twice would be held
 * twice, and let go with the first descriptor that is closed.
 */
static bool
named_before(const struct ir_transfer *t, const struct ir_item *v, size_t i)
{
	size_t k;

	for (k = 0; !t->located && k < i; k++)
		if (strcmp(v[k].id, v[i].id) == 0)
			return true;
	return false;
}

static int
again(struct ir_transfer *t, struct ir_item *it, struct ir_held *h)
{
	static const struct ir_err twice = { 0, "named twice", "" };

	memset(h, 0, sizeof *h);
	h->fd = -1;
	return report(t, it, NULL, IR_MOVE_GONE, &twice);
}

static int
hold_batch(struct ir_transfer *t, struct ir_item *v, size_t n, size_t *held)
{
	size_t i;
	int rc;

	for (i = *held = 0; i < n; i++) {
		rc = named_before(t, v, i) ? again(t, &v[i], &t->held[i]) :
		    hold(t, &v[i], &t->held[i]);
		if (rc < 0)
			return -1;
		if (rc && t->manifest)
			add_line(t, &t->held[i]);
		*held += rc > 0;
	}
	return 0;
}

static void
release_batch(struct ir_transfer *t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		ir_message_release(&t->held[i]);
}

/* It cannot go: said, and no longer of this batch. */
static int
give_up(struct ir_transfer *t, struct ir_item *it, struct ir_held *h,
    const struct ir_err *why, struct ir_err *err)
{
	int rc = report(t, it, h, IR_MOVE_FAILED, why);

	ir_message_release(h);
	/* what does not fit this one will not fit the next one */
	if (rc == 0 && (why->code == IR_CANTCREAT || why->code == IR_IOERR)) {
		*err = *why;
		rc = -1;
	}
	return rc;
}

static int
rename_batch(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct dirs *d, struct ir_err *err)
{
	struct ir_err why;
	struct ir_held *h;
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < n; i++) {
		h = &t->held[i];
		if (h->fd < 0)
			continue;
		why = (struct ir_err)IR_ERR_INIT;
		if (ir_message_rename(h, &why) != IR_MOVED) {
			rc = give_up(t, &v[i], h, &why, err);
			continue;
		}
		note_dir(d, h->to, h->sub);
		note_dir(d, h->from, h->sub);
	}
	/* the rest of a batch that was broken off was not moved */
	for (; rc && i < n; i++)
		ir_message_release(&t->held[i]);
	return sync_dirs(d, rc ? NULL : err) || rc ? -1 : 0;
}

/* One of the steps between file systems, for all that are held. */
static int
step(struct ir_transfer *t, struct ir_item *v, size_t n, int which,
    struct dirs *d, struct ir_err *err)
{
	struct ir_err why;
	struct ir_held *h;
	int rc = 0, bad;
	size_t i;

	for (i = 0; rc == 0 && i < n; i++) {
		h = &t->held[i];
		if (h->fd < 0)
			continue;
		why = (struct ir_err)IR_ERR_INIT;
		if (which == 0)
			bad = ir_message_copy(h, &t->bufs, &why) != IR_MOVED;
		else if (which == 1)
			bad = ir_message_leave(h, &why);
		else
			bad = ir_message_arrive(h, &why);
		if (bad && which == 1)
			ir_message_uncopy(h);
		if (bad)
			rc = give_up(t, &v[i], h, &why, err);
		else
			note_dir(d, which == 1 ? h->from : h->to, h->sub);
	}
	return rc;
}

/* Broken off between two steps: as after a crash. */
static void
settle_batch(struct ir_transfer *t, size_t n)
{
	struct ir_queue_item at;
	struct ir_held *h;
	size_t i;

	for (i = 0; i < n; i++) {
		h = &t->held[i];
		if (h->fd < 0)
			continue;
		(void)ir_message_settle(h->from, h->to, h->id, h->sub, NULL);
		if (ir_queue_find(h->from, h->id, &at))
			ir_message_release(h);
	}
}

static int
copy_batch(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct dirs *d, struct ir_err *err)
{
	size_t i;

	/* a full disk: those that are not copied stay where they are */
	if (step(t, v, n, 0, d, err) || sync_dirs(d, err)) {
		for (i = 0; i < n; i++)
			if (t->held[i].fd >= 0) {
				ir_message_uncopy(&t->held[i]);
				ir_message_release(&t->held[i]);
			}
		return -1;
	}
	if (step(t, v, n, 1, d, err) || sync_dirs(d, err) ||
	    step(t, v, n, 2, d, err) || sync_dirs(d, err)) {
		settle_batch(t, n);
		return -1;
	}
	for (i = 0; i < n; i++)
		if (t->held[i].fd >= 0)
			ir_message_clear(&t->held[i]);
	return 0;
}

/* Those that are still held have been moved, and that is on the disk. */
static int
report_batch(struct ir_transfer *t, struct ir_item *v, size_t n)
{
	static const struct ir_err fine = IR_ERR_INIT;
	const struct ir_held *h;
	int rc = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		h = &t->held[i];
		if (h->fd < 0)
			continue;
		ir_mainlog_moved(t->log, h->id, h->from, t->from_folder,
		    h->to, t->to_folder);
		if (report(t, &v[i], h, IR_MOVED, &fine))
			rc = -1;
	}
	(void)ir_mainlog_flush(t->log);
	return rc;
}

static bool
one_fs(const struct ir_transfer *t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (t->held[i].fd >= 0)
			return ir_queue_same_fs(t->held[i].from,
			    t->held[i].to);
	return true;
}

static int
run_batch(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct ir_err *err)
{
	struct dirs d = { .n = 0 };
	bool copy;
	size_t held;
	int rc;

	rc = hold_batch(t, v, n, &held);
	copy = (t->from_folder || t->to_folder) && !one_fs(t, n);
	if (rc == 0 && held && t->manifest && (!t->restore || copy))
		rc = ir_manifest_commit(t->manifest, true, err);
	if (rc == 0 && held)
		rc = copy ? copy_batch(t, v, n, &d, err) :
		    rename_batch(t, v, n, &d, err);
	else if (rc)
		release_batch(t, n);
	/* what was moved before it was broken off is said all the same */
	if (report_batch(t, v, n))
		rc = -1;
	release_batch(t, n);
	return rc ? -1 : settled(t, held, err);
}

int
ir_transfer_run(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct ir_err *err)
{
	size_t i, k;
	int rc;

	if (t->batch == 0 || t->batch > IR_MANIFEST_BATCH)
		t->batch = IR_MANIFEST_BATCH;
	if (!t->held)
		t->held = calloc(t->batch, sizeof *t->held);
	if (!t->held)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n; i += k) {
		k = n - i < t->batch ? n - i : t->batch;
		rc = t->next ? t->next(i, t->arg) : 0;
		if (rc == 0)
			rc = run_batch(t, v + i, k, err);
		if (rc)
			return rc;
	}
	return 0;
}

void
ir_transfer_free(struct ir_transfer *t)
{
	ir_move_buf_free(&t->bufs);
	free(t->held);
	t->held = NULL;
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
