/*
 * exim-queue-purge - move messages out of Exim's queue into quarantine
 *
 * Reads message ids or queue-msg records, or a selection, and the spool;
 * asks exim for its configuration.  Renames the files of each message, under
 * Exim's own lock, into a named queue beside the others; --restore moves
 * them back.  Writes one queue-msg record for each message, lines to Exim's
 * main log, the quarantine's manifest, and the incident's journal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/text.h"
#include "exim/config.h"
#include "exim/manifest.h"
#include "exim/move.h"
#include "exim/queue.h"
#include "exim/select.h"
#include "incident/journal.h"

#define ITEMS_MAX 20000000	/* messages of one run */
#define LOG_MAX 65536		/* bytes of log lines written at once */

/* A message to be moved. */
struct item {
	struct ir_queue *queue;	/* NULL: not looked for yet, or not there */
	char id[IR_SPOOL_ID_MAX];
	char sub;
	bool ready;		/* in this batch: its manifest line is out */
	char *sender, *auth_user;	/* of the record; NULL: not in it */
};

struct items {
	struct item *v;
	size_t n, cap;
};

/* Where a message in the quarantine came from. */
struct source {
	char id[IR_SPOOL_ID_MAX];
	struct ir_queue *queue;
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_select sel;
	struct ir_exim_opts ex;
	const char *queue_opt, *name, *restore;
	bool all, until_empty;
	long wait;

	struct ir_exim_config conf;
	struct ir_spool *spool;
	struct ir_journal *journal;
	struct ir_queue *quarantine;	/* NULL until it is made */
	struct ir_manifest *manifest;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err *err;
	char made_name[IR_QUEUE_NAME_MAX];
	struct items items, busy;
	struct source *sources;
	size_t nsources;
	struct ir_move_buf bufs;
	struct ir_buf log;
	int log_fd;
	int64_t now, deadline;
	bool by_filter, last_try;
	size_t moved, delivered, gone, skipped, malformed, finished;
};

/* --- gathering ---------------------------------------------------------- */

static void
items_clear(struct items *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->v[i].sender);
		free(l->v[i].auth_user);
	}
	l->n = 0;
}

static struct item *
items_add(struct items *l, const char *id, struct ir_err *err)
{
	struct item *v = l->v;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 1024;
		v = l->n < ITEMS_MAX ? reallocarray(v, l->cap, sizeof *v) :
		    NULL;
		if (!v) {
			ir_fail(err, IR_OSERR, "no memory for so many");
			return NULL;
		}
		l->v = v;
	}
	v = &v[l->n++];
	memset(v, 0, sizeof *v);
	snprintf(v->id, sizeof v->id, "%s", id);
	return v;
}

/* A walk over the queues: those that match; in a restore, all. */
static int
gather_one(const struct ir_queue_item *at, void *arg)
{
	struct run *x = arg;
	struct ir_spool_msg m;
	struct item *it;
	int rc;

	if (!x->restore && !x->all) {
		rc = ir_queue_load(at->dirfd, at->id, 'H', &x->bufs.h, NULL);
		if (rc == 0)
			return 0;
		if (rc < 0 || ir_spool_parse(x->bufs.h.data, x->bufs.h.len,
		    at->id, &m, NULL)) {
			x->malformed++;
			return 0;
		}
		if (!ir_select_match(&x->sel, &m, x->now))
			return 0;
	}
	it = items_add(&x->items, at->id, x->err);
	if (!it)
		return -1;
	it->queue = at->queue;
	it->sub = at->sub;
	return 0;
}

static int
gather_record(struct run *x, const struct ir_rec *rec, const char *where)
{
	const char *id = ir_rec_get(rec, "id"), *s;
	struct ir_queue *q;
	struct item *it;

	if (!id || !*id || ir_spool_id_len(id, strlen(id)) != strlen(id))
		return ir_fail(x->err, IR_DATAERR, "%s: not a message id",
		    where);
	if (!ir_rec_get_bool(rec, "ok", true)) {
		x->skipped++;	/* malformed, or it failed: nothing to trust */
		return 0;
	}
	it = items_add(&x->items, id, x->err);
	if (!it)
		return -1;
	if ((s = ir_rec_get(rec, "sender")) && !(it->sender = strdup(s)))
		return ir_fail(x->err, IR_OSERR, "no memory");
	if ((s = ir_rec_get(rec, "auth_user")) &&
	    !(it->auth_user = strdup(s)))
		return ir_fail(x->err, IR_OSERR, "no memory");
	/* the record says where it was: a named queue is looked at as well */
	s = ir_rec_get(rec, "queue");
	if (s && *s && !x->restore && !x->queue_opt &&
	    ir_queue_open(x->spool, s, &q, NULL) == 0 &&
	    !ir_queue_quarantine(q))
		it->queue = q;
	return 0;
}

static int
gather_input(struct run *x, char **operands, size_t n)
{
	struct ir_in *in = ir_in_open(operands, n, x->err);
	struct ir_rec *rec;
	int rc = in ? 0 : -1;

	while (rc == 0 && (rc = ir_in_next(in, &rec, x->err)) == 1) {
		rc = gather_record(x, rec, ir_in_where(in));
		ir_rec_free(rec);
	}
	ir_in_close(in);
	if (rc == 0 && x->items.n + x->skipped == 0)
		rc = ir_fail(x->err, IR_USAGE, "no message ids: nothing "
		    "changed");
	return rc;
}

static int
gather(struct run *x, char **operands, size_t n)
{
	if (x->by_filter)
		return ir_spool_walk(x->spool, gather_one, x, x->err);
	return gather_input(x, operands, n);
}

/* Find the message's folder; false when it is in none of the queues. */
static bool
locate(struct run *x, struct item *it)
{
	struct ir_queue_item at;

	if (x->by_filter)
		return true;
	if ((it->queue && ir_queue_find(it->queue, it->id, &at)) ||
	    ir_spool_find(x->spool, it->id, &at)) {
		it->queue = at.queue;
		it->sub = at.sub;
		return true;
	}
	return false;
}

/* --- what is said ------------------------------------------------------- */

static void
put_result(struct run *x, const struct item *it, const struct ir_move *mv,
    const char *why, int code)
{
	struct ir_rec *r = ir_rec_new("queue-msg", it->id);
	bool changed = mv && !why;

	ir_rec_bool(r, "ok", code == 0);
	ir_rec_bool(r, "changed", changed);
	ir_rec_str(r, "action", x->restore ? "restored" : "quarantined");
	ir_rec_str(r, "queue", changed ? ir_queue_name(mv->to) :
	    it->queue ? ir_queue_name(it->queue) : "");
	if (why)
		ir_rec_str(r, "why", why);
	if (mv && mv->holder)
		ir_rec_int(r, "holder_pid", mv->holder);
	if (mv && mv->parsed) {
		ir_rec_int(r, "recipient_count", (int64_t)mv->rcpts);
		ir_rec_int(r, "delivered_count", (int64_t)mv->delivered);
	}
	ir_out_put(x->out, r);
	ir_tally_add(&x->tally, code);
}

static void
queue_label(const struct ir_queue *q, char label[IR_QUEUE_NAME_MAX + 4])
{
	const char *name = ir_queue_name(q);

	snprintf(label, IR_QUEUE_NAME_MAX + 4, "%s%s%s", *name ? "(" : "",
	    name, *name ? ") " : "");
}

static void
log_flush(struct run *x)
{
	if (x->log_fd >= 0 && x->log.len &&
	    ir_write_all(x->log_fd, ir_buf_cstr(&x->log), x->log.len))
		ir_warn(&x->common, "exim's main log: %s", strerror(errno));
	ir_buf_trunc(&x->log, 0);
}

/* What Exim's own "exim -MG" would log. */
static void
log_move(struct run *x, const struct ir_move *mv)
{
	char stamp[32], from[IR_QUEUE_NAME_MAX + 4];
	char to[IR_QUEUE_NAME_MAX + 4];
	time_t t = time(NULL);
	struct tm tm;

	if (x->log_fd < 0)
		return;
	if (strcmp(x->conf.timezone, "UTC") == 0)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
	queue_label(mv->from, from);
	queue_label(mv->to, to);
	if (x->log.len + 512 > LOG_MAX)
		log_flush(x);
	ir_buf_fmt(&x->log, "%s %s moved from %sinput, msglog to %sinput, "
	    "msglog\n", stamp, mv->id, from, to);
}

static void
log_open(struct run *x)
{
	char path[PATH_MAX];
	struct stat st;

	if (!x->conf.spool_directory[0])
		return;		/* exim was not asked */
	if (ir_exim_mainlog(&x->conf, path) == 0)
		x->log_fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW |
		    O_NONBLOCK | O_CLOEXEC);
	if (x->log_fd >= 0 && (fstat(x->log_fd, &st) ||
	    !S_ISREG(st.st_mode))) {
		close(x->log_fd);
		x->log_fd = -1;
	}
	if (x->log_fd < 0)
		ir_note(&x->common, "exim's main log will not say what moved");
}

/* --- the dry run -------------------------------------------------------- */

static bool
as_recorded(const struct ir_spool_msg *m, void *arg)
{
	const struct item *it = arg;

	return (!it->sender ||
	    ir_spool_text_is(ir_spool_sender(m), it->sender)) &&
	    (!it->auth_user || ir_spool_text_is(m->auth_user, it->auth_user));
}

static void
plan_message(struct run *x, struct item *it, struct ir_rec *r)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_span j = { NULL, 0 };
	struct ir_spool_msg m;
	size_t delivered = 0;
	int dir = ir_queue_dir(it->queue, IR_INPUT, it->sub, false), rc;

	rc = ir_queue_load(dir, it->id, 'H', &x->bufs.h, &why);
	if (rc == 1)
		rc = ir_spool_parse(x->bufs.h.data, x->bufs.h.len, it->id, &m,
		    &why) ? -1 : 1;
	ir_rec_bool(r, "ok", rc == 0 || (rc == 1 && as_recorded(&m, it)));
	if (rc < 1) {
		ir_rec_str(r, "why", rc ? why.msg : "gone");
		return;
	}
	if (!as_recorded(&m, it))
		ir_rec_str(r, "why", "not the message of the record");
	else
		ir_rec_bool(r, "changed", true);
	if (ir_queue_load(dir, it->id, 'J', &x->bufs.j, NULL) == 1)
		j = (struct ir_span){ x->bufs.j.data, x->bufs.j.len };
	(void)ir_spool_delivered(&m, j, &delivered, NULL);
	ir_spool_text(r, "sender", ir_spool_sender(&m));
	ir_spool_text(r, "auth_user", m.auth_user);
	ir_rec_int(r, "recipient_count", (int64_t)m.rcpt_count);
	ir_rec_int(r, "delivered_count", (int64_t)delivered);
	x->delivered += delivered;
	x->moved++;
}

static void
plan(struct run *x)
{
	struct ir_rec *r;
	size_t i;

	for (i = 0; i < x->items.n; i++) {
		struct item *it = &x->items.v[i];

		r = ir_rec_new("queue-msg", it->id);
		ir_rec_bool(r, "dry_run", true);
		ir_rec_bool(r, "changed", false);
		ir_rec_str(r, "action", x->restore ? "restore" : "quarantine");
		if (locate(x, it)) {
			ir_rec_str(r, "queue", ir_queue_name(it->queue));
			plan_message(x, it, r);
		} else {
			ir_rec_bool(r, "ok", true);
			ir_rec_str(r, "why", "gone");
		}
		ir_tally_add(&x->tally, ir_rec_get_bool(r, "ok", true) ? 0 :
		    IR_DATAERR);
		ir_out_put(x->out, r);
	}
}

/* --- moving ------------------------------------------------------------- */

static bool
still_selected(const struct ir_spool_msg *m, void *arg)
{
	struct run *x = arg;

	return ir_select_match(&x->sel, m, x->now);
}

static int
by_id(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* Where a restored message belongs: the default queue unless noted. */
static struct ir_queue *
home_of(struct run *x, const char *id)
{
	struct source key = { "", NULL }, *hit = NULL;
	struct ir_queue *q = NULL;

	snprintf(key.id, sizeof key.id, "%s", id);
	if (x->nsources)
		hit = bsearch(&key, x->sources, x->nsources, sizeof key,
		    by_id);
	if (hit)
		return hit->queue;
	(void)ir_queue_open(x->spool, "", &q, NULL);
	return q;
}

static int
keep_busy(struct run *x, struct item *it)
{
	struct item *copy = items_add(&x->busy, it->id, x->err);

	if (!copy)
		return -1;
	copy->queue = it->queue;
	copy->sub = it->sub;
	copy->sender = it->sender;
	copy->auth_user = it->auth_user;
	it->sender = it->auth_user = NULL;
	return 0;
}

static int
settle(struct run *x, struct item *it, struct ir_move *mv, enum ir_moved got,
    const struct ir_err *why)
{
	switch (got) {
	case IR_MOVED:
		x->moved++;
		x->delivered += mv->delivered;
		log_move(x, mv);
		put_result(x, it, mv, NULL, 0);
		break;
	case IR_MOVE_GONE:
		x->gone++;
		put_result(x, it, mv, "gone", 0);
		break;
	case IR_MOVE_BUSY:
		if (!x->last_try)
			return keep_busy(x, it);
		put_result(x, it, mv, "being delivered", IR_TEMPFAIL);
		break;
	case IR_MOVE_CHANGED:
		if (x->by_filter)
			put_result(x, it, mv, "no longer selected", 0);
		else
			put_result(x, it, mv, "not the message of the record",
			    IR_DATAERR);
		break;
	case IR_MOVE_FAILED:
	default:
		put_result(x, it, mv, why->msg, why->code);
		/* what does not fit this one will not fit the next one */
		if (why->code == IR_CANTCREAT) {
			*x->err = *why;
			return -1;
		}
		break;
	}
	return 0;
}

static int
move_one(struct run *x, struct item *it)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_move mv = { .from = it->queue, .id = it->id,
	    .sub = it->sub, .restore = x->restore != NULL };

	mv.to = x->restore ? home_of(x, it->id) : x->quarantine;
	if (!x->restore && x->by_filter && !x->all) {
		mv.still = still_selected;
		mv.arg = x;
	} else if (it->sender || it->auth_user) {
		mv.still = as_recorded;
		mv.arg = it;
	}
	return settle(x, it, &mv, ir_message_move(&mv, &x->bufs, &why), &why);
}

/* Not in a queue: perhaps a former run has moved it. */
static void
not_there(struct run *x, const struct item *it)
{
	struct ir_queue_item at;
	struct ir_queue *q;
	char why[128] = "gone";
	size_t i;

	for (i = 0; !x->restore && (q = ir_spool_queue(x->spool, i)); i++)
		if (ir_queue_quarantine(q) && ir_queue_find(q, it->id, &at))
			snprintf(why, sizeof why, "in quarantine already: %s",
			    ir_queue_name(q));
	x->gone++;
	put_result(x, it, NULL, why, 0);
}

/* Short, so that a batch stays readable in one piece. */
static void
short_text(struct ir_rec *r, const char *key, struct ir_span s)
{
	if (s.p)
		ir_rec_strn(r, key, s.p, s.n < 128 ? s.n : 128);
}

static struct ir_rec *
manifest_line(struct run *x, const struct item *it)
{
	struct ir_rec *r = ir_rec_new("queue-move", it->id);
	char sub[2] = { it->sub, '\0' };
	struct ir_spool_msg m;
	int dir = ir_queue_dir(it->queue, IR_INPUT, it->sub, false);

	ir_rec_time(r, "time", ir_now());
	ir_rec_str(r, "source", ir_queue_name(it->queue));
	ir_rec_str(r, "sub", sub);
	if (ir_queue_load(dir, it->id, 'H', &x->bufs.h, NULL) == 1 &&
	    ir_spool_parse(x->bufs.h.data, x->bufs.h.len, it->id, &m,
	    NULL) == 0) {
		ir_rec_time(r, "received", m.received);
		short_text(r, "sender", ir_spool_sender(&m));
		short_text(r, "auth_user", m.auth_user);
		short_text(r, "host", m.host);
		ir_rec_int(r, "recipient_count", (int64_t)m.rcpt_count);
	}
	return r;
}

/* Say what will be moved, on the disk, then move it. */
static int
act_batch(struct run *x, struct item *v, size_t n)
{
	struct ir_rec *done;
	size_t i, ready = 0;
	int rc = 0;

	for (i = 0; i < n; i++) {
		v[i].ready = locate(x, &v[i]);
		if (!v[i].ready)
			not_there(x, &v[i]);
		else if (!x->restore)
			ir_manifest_add(x->manifest, manifest_line(x, &v[i]));
		ready += v[i].ready;
	}
	if (ready == 0)
		return 0;
	if (!x->restore && ir_manifest_commit(x->manifest, true, x->err))
		return -1;
	for (i = 0; rc == 0 && i < n; i++)
		if (v[i].ready)
			rc = move_one(x, &v[i]);
	log_flush(x);
	if (rc || !x->manifest)
		return rc;
	done = ir_rec_new(x->restore ? "queue-restored" : "queue-moved", NULL);
	ir_rec_fmt(done, "id", "%zu", ready);
	ir_rec_time(done, "time", ir_now());
	ir_manifest_add(x->manifest, done);
	return ir_manifest_commit(x->manifest, false, x->err);
}

static int
act_list(struct run *x, struct items *l)
{
	size_t i, n;

	for (i = 0; i < l->n; i += n) {
		n = l->n - i < IR_MANIFEST_BATCH ? l->n - i :
		    IR_MANIFEST_BATCH;
		if (x->deadline && ir_mono_ms() > x->deadline)
			return ir_fail(x->err, IR_TEMPFAIL, "time is up, "
			    "%zu messages are left", l->n - i);
		if (act_batch(x, l->v + i, n))
			return -1;
	}
	return 0;
}

static bool
any_free(const struct items *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (ir_message_holder(l->v[i].queue, l->v[i].id,
		    l->v[i].sub) == 0)
			return true;
	return false;
}

/* Messages that were being delivered: again, for as long as we may wait. */
static int
act_busy(struct run *x)
{
	const struct timespec nap = { 0, 100000000 };
	int64_t end = ir_mono_ms() + x->wait * 1000;
	struct items again = { NULL, 0, 0 }, empty;
	int rc = 0;

	while (rc == 0 && x->busy.n) {
		x->last_try = ir_mono_ms() >= end ||
		    (x->deadline && ir_mono_ms() > x->deadline);
		if (!x->last_try && !any_free(&x->busy)) {
			nanosleep(&nap, NULL);
			continue;
		}
		empty = again;
		again = x->busy;
		x->busy = empty;
		rc = act_list(x, &again);
		items_clear(&again);
	}
	x->last_try = false;
	items_clear(&x->busy);
	free(again.v);
	return rc;
}

/* --- what a former run left half done ----------------------------------- */

struct doubt {
	struct run *x;
	struct ir_queue *quarantine;
};

static int
finish_one(const struct ir_rec *line, void *arg)
{
	struct doubt *d = arg;
	const char *id = ir_rec_get(line, "id");
	const char *sub = ir_rec_get(line, "sub");
	const char *name = ir_rec_get(line, "source");
	struct ir_err why = IR_ERR_INIT;
	struct ir_queue *q;
	int n;

	if (!id || ir_spool_id_len(id, strlen(id)) != strlen(id) || !sub ||
	    !name || ir_queue_open(d->x->spool, name, &q, NULL))
		return 0;
	n = ir_message_finish(q, d->quarantine, id, sub[0], &why);
	d->x->finished += n > 0;
	if (n < 0)
		ir_warn(&d->x->common, "%s: cut off before, and not to be "
		    "finished: %s", id, why.msg);
	return 0;
}

static int
finish_former(struct run *x)
{
	struct ir_manifest *m;
	struct doubt d = { x, NULL };
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && (d.quarantine = ir_spool_queue(x->spool, i));
	    i++) {
		if (!ir_queue_quarantine(d.quarantine) ||
		    ir_manifest_open(&m, d.quarantine, false, NULL) || !m)
			continue;	/* a run that is alive has it */
		rc = ir_manifest_doubts(m, finish_one, &d, x->err);
		ir_manifest_close(m);
	}
	if (x->finished)
		ir_warn(&x->common, "finished %zu messages that a former run "
		    "had left half moved", x->finished);
	return rc;
}

/* --- the two directions ------------------------------------------------- */

static int
note_source(const struct ir_rec *line, void *arg)
{
	struct run *x = arg;
	const char *id = ir_rec_get(line, "id");
	const char *name = ir_rec_get(line, "source");
	struct source *v;

	if (!id || strlen(id) >= sizeof v->id || !name)
		return 0;
	v = reallocarray(x->sources, x->nsources + 1, sizeof *v);
	if (!v)
		return ir_fail(x->err, IR_OSERR, "no memory");
	x->sources = v;
	v += x->nsources;
	snprintf(v->id, sizeof v->id, "%s", id);
	if (ir_queue_open(x->spool, name, &v->queue, NULL) &&
	    ir_queue_make(x->spool, name, &v->queue, x->err))
		return -1;
	x->nsources++;
	return 0;
}

static int
not_empty(const struct ir_queue_item *at, void *arg)
{
	(void)at;
	(void)arg;
	return 1;
}

/* A queue that is in use must not become a quarantine by mistake. */
static int
check_name(struct run *x)
{
	struct ir_queue *q;

	if (ir_queue_open(x->spool, x->name, &q, NULL) ||
	    ir_queue_quarantine(q) ||
	    ir_queue_walk(q, not_empty, NULL, NULL) != 1)
		return 0;
	return ir_fail(x->err, IR_CANTCREAT, "queue %s is in use: it is no "
	    "quarantine", x->name);
}

static int
prepare(struct run *x)
{
	if (finish_former(x))
		return -1;
	if (x->restore) {
		if (ir_queue_open(x->spool, x->restore, &x->quarantine,
		    x->err) || ir_manifest_open(&x->manifest, x->quarantine,
		    false, x->err))
			return -1;
		if (!x->manifest)
			return 0;
		if (ir_manifest_sources(x->manifest, note_source, x, x->err))
			return -1;
		if (x->nsources)
			qsort(x->sources, x->nsources, sizeof *x->sources,
			    by_id);
	} else if (check_name(x) ||
	    ir_queue_make(x->spool, x->name, &x->quarantine, x->err) ||
	    ir_manifest_open(&x->manifest, x->quarantine, true, x->err)) {
		return -1;
	}
	log_open(x);
	return 0;
}

static int
journal(struct run *x, const char *event)
{
	struct ir_rec *d = ir_rec_object();

	ir_rec_str(d, "action", x->restore ? "restore" : "quarantine");
	ir_rec_str(d, "queue", x->name);
	ir_rec_int(d, "selected", (int64_t)(x->items.n));
	ir_rec_int(d, "moved", (int64_t)x->moved);
	ir_rec_int(d, "delivered_recipients", (int64_t)x->delivered);
	ir_rec_int(d, "gone", (int64_t)x->gone);
	ir_rec_int(d, "failed", (int64_t)x->tally.failed);
	return ir_journal_add(x->journal, event, d, x->err);
}

/* Pass after pass while mail of that kind keeps arriving. */
static int
act(struct run *x)
{
	size_t before;
	int rc;

	if (journal(x, "exim-queue-purge.begin") || prepare(x))
		return -1;
	for (;;) {
		before = x->moved;
		rc = act_list(x, &x->items);
		if (rc == 0)
			rc = act_busy(x);
		if (rc || !x->until_empty || x->moved == before)
			break;
		items_clear(&x->items);
		x->now = ir_now();
		if (gather(x, NULL, 0)) {
			rc = -1;
			break;
		}
		if (x->items.n == 0)
			break;
	}
	(void)fsync(ir_queue_fd(x->quarantine));
	if (journal(x, "exim-queue-purge.end"))
		return -1;
	return rc;
}

static int
confirm(struct run *x)
{
	size_t n = x->by_filter ? x->items.n : 1;

	if (x->restore)
		return ir_confirm(&x->change, n, x->err, "move %zu messages "
		    "of quarantine %s back into the queue, to be delivered?",
		    x->items.n, x->restore);
	return ir_confirm(&x->change, n, x->err,
	    "move %zu messages out of the queue into quarantine %s?",
	    x->items.n, x->name);
}

static void
summary(struct run *x)
{
	if (x->malformed)
		ir_warn(&x->common, "%zu malformed messages passed over; "
		    "exim-queue lists them", x->malformed);
	if (x->skipped)
		ir_warn(&x->common, "%zu records with \"ok\":false passed "
		    "over", x->skipped);
	if (x->sel.gave_up)
		ir_warn(&x->common, "a pattern took too long on %zu texts, "
		    "which count as not matched", x->sel.gave_up);
	ir_warn(&x->common, "%zu messages %s, %zu gone, %zu failed; %zu of "
	    "their recipients had it already", x->moved,
	    x->change.dry_run ? "would be moved" : x->restore ? "restored" :
	    "moved", x->gone, x->tally.failed, x->delivered);
	if (x->moved && !x->restore && !x->change.dry_run)
		ir_warn(&x->common, "undo: exim-queue-purge --restore %s",
		    x->name);
}

/* --- beginning ---------------------------------------------------------- */

static void
check_options(struct run *x, int operands)
{
	bool filter = ir_select_any(&x->sel);

	if (x->restore && (filter || x->all || x->queue_opt || x->name ||
	    x->until_empty))
		ir_die_usage("--restore takes ids and no selection");
	if (operands && (filter || x->all))
		ir_die_usage("ids, or a selection: not both");
	if (filter && x->all)
		ir_die_usage("--all and a selection contradict each other");
	if (x->name && !ir_queue_name_ok(x->name))
		ir_die_usage("--queue-name: only letters, digits, _ and -, "
		    "at most %d", IR_QUEUE_NAME_MAX - 1);
	if (x->name && x->queue_opt && strcmp(x->name, x->queue_opt) == 0)
		ir_die_usage("--queue and --queue-name are the same queue");
	x->by_filter = !operands && (filter || x->all || x->restore);
	if (x->until_empty && !x->by_filter)
		ir_die_usage("--until-empty needs a selection");
	if (!operands && !x->by_filter && isatty(STDIN_FILENO))
		ir_die_usage("no ids, no selection, and standard input is a "
		    "terminal");
}

static void
set_name(struct run *x)
{
	time_t t = time(NULL);
	struct tm tm;

	if (x->restore) {
		x->name = x->restore;
	} else if (!x->name) {
		gmtime_r(&t, &tm);
		strftime(x->made_name, sizeof x->made_name,
		    "quell-%Y%m%dT%H%M%SZ", &tm);
		x->name = x->made_name;
	}
}

static int
open_spool(struct run *x)
{
	const char *dir = x->ex.spool;

	/* a spool named alone may be one that this host's exim has not */
	if (!dir || x->ex.exim) {
		if (ir_exim_config_ask(x->ex.exim, &x->conf, x->err))
			return -1;
		if (!dir)
			dir = x->conf.spool_directory;
	}
	if (x->conf.event_action[0])
		ir_warn(&x->common, "exim has an event_action, which hears "
		    "nothing of messages moved here");
	if (ir_spool_open(&x->spool, dir, x->err) ||
	    ir_spool_choose(x->spool, x->restore ? x->restore : x->queue_opt,
	    x->err))
		return -1;
	return ir_spool_give_up_rights(x->spool, x->err);
}

static void
close_all(struct run *x)
{
	items_clear(&x->items);
	items_clear(&x->busy);
	free(x->items.v);
	free(x->busy.v);
	free(x->sources);
	ir_select_end(&x->sel);
	ir_manifest_close(x->manifest);
	ir_file_buf_free(&x->bufs.h);
	ir_file_buf_free(&x->bufs.j);
	ir_buf_free(&x->log);
	if (x->log_fd >= 0)
		close(x->log_fd);
	ir_spool_close(x->spool);
	ir_journal_close(x->journal);
}

static const struct ir_col cols[] = {
	{ "id", "ID" }, { "ok", "OK" }, { "changed", "CHANGED" },
	{ "queue", "QUEUE" }, { "recipient_count", "RCPTS" },
	{ "delivered_count", "DONE" }, { "why", "WHY" }, { NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-queue-purge",
	"move messages out of Exim's queue into quarantine",
	"[options] [id ... | -]"
};

int
main(int argc, char **argv)
{
	struct ir_err err = IR_ERR_INIT;
	struct run x = { .sel = IR_SELECT_INIT, .err = &err, .log_fd = -1,
	    .log = IR_BUF(LOG_MAX), .now = ir_now() };
	const struct ir_opt opts[] = {
		IR_OPTS_SELECT(&x.sel),
		{ 0, "all", NULL, IR_BOOL, &x.all, "every message" },
		{ 0, "queue", "NAME", IR_STR, &x.queue_opt,
		    "only from this queue; - is the default one" },
		{ 0, "queue-name", "NAME", IR_STR, &x.name,
		    "name of the quarantine; default: quell-TIME" },
		{ 0, "restore", "NAME", IR_STR, &x.restore,
		    "move messages of this quarantine back" },
		{ 0, "until-empty", NULL, IR_BOOL, &x.until_empty,
		    "again and again until nothing is selected" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &x.wait,
		    "for messages that are being delivered" },
		IR_OPTS_EXIM(&x.ex),
		IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common),
		IR_OPT_END
	};
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	check_options(&x, n);
	set_name(&x);
	if (x.common.timeout)
		x.deadline = ir_mono_ms() + x.common.timeout * 1000;
	if (ir_select_begin(&x.sel, &err) || ir_journal_open(&x.journal,
	    x.change.dry_run ? NULL : x.change.incident, cmd.name, &err) ||
	    open_spool(&x) || gather(&x, argv + 1, (size_t)n))
		goto out;
	if (x.items.n && !x.change.dry_run && confirm(&x))
		goto out;
	x.out = ir_open_output(&x.common, cols);
	if (x.change.dry_run)
		plan(&x);
	else if (x.items.n)
		(void)act(&x);
	summary(&x);
out:
	close_all(&x);
	return ir_end(&err, x.out, &x.tally);
}
