/*
 * exim-queue-purge - move messages out of Exim's queue into quarantine
 *
 * Reads message ids or queue-msg records, or a selection, and the spool;
 * asks exim for its configuration.  Renames the files of each message, under
 * Exim's own lock, into a named queue beside the others, or copies them to
 * another file system; or lets Exim freeze, thaw or remove them.  Writes one
 * queue-msg record for each message, lines to Exim's main log, the
 * quarantine's manifest, and the incident's journal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/text.h"
#include "exim/act.h"
#include "exim/instance.h"
#include "exim/pace.h"
#include "exim/select.h"
#include "exim/subject.h"
#include "exim/top.h"
#include "exim/transfer.h"
#include "incident/journal.h"

#define SAMPLE 5

enum action { QUARANTINE, FREEZE, THAW, REMOVE };

static const struct {
	const char *will, *did, *people;
} actions[] = {
	{ "quarantine", "quarantined", "moved" },
	{ "freeze", "frozen", "frozen" },
	{ "thaw", "thawed", "thawed" },
	{ "remove", "removed", "removed" },
};

/* What a plan shows of those that go, or of those that stay. */
struct side {
	struct ir_top *by_user;
	size_t n, nobody;	/* messages, and those of no account */
	char *sample[SAMPLE];
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_select sel;
	struct ir_instance exim;
	const char *queue_opt, *name, *elsewhere;
	bool all, until_empty, partly, freeze, thaw, via_exim;
	long wait, batch;

	enum action action;
	struct ir_spool *other;		/* of --quarantine DIR */
	struct ir_journal *journal;
	struct ir_queue *quarantine;	/* NULL until it is made */
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_buf line;
	struct ir_err *err;
	char made_name[IR_QUEUE_NAME_MAX];
	struct ir_items items, busy;
	struct ir_transfer move;
	struct ir_move_buf bufs;	/* for files that are only read */
	struct side go, stay;
	struct ir_pace pace;
	int64_t now;
	bool by_filter, last_try;
	size_t moved, delivered, gone, left, skipped, malformed, finished;
	size_t done, total;
};

/* --- the plan ----------------------------------------------------------- */

static char *
describe(const char *id, const struct ir_spool_msg *m)
{
	struct ir_buf subject = IR_BUF(IR_SUBJECT_MAX);
	struct ir_buf line = IR_BUF(1024);
	struct ir_span who = m->auth_user.n ? m->auth_user :
	    ir_spool_sender(m);

	ir_spool_subject(m, &subject);
	ir_buf_fmt(&line, "%s %.*s: %.*s", id,
	    (int)(who.n < 80 ? who.n : 80), who.p, (int)ir_text_cut(
	    ir_buf_cstr(&subject), subject.len, 80), ir_buf_cstr(&subject));
	ir_buf_free(&subject);
	return ir_buf_take(&line);
}

/* One in n takes the place of another: each has the same chance. */
static int
count_side(struct side *s, const char *id, const struct ir_spool_msg *m,
    struct ir_err *err)
{
	size_t at = s->n < SAMPLE ? s->n : (size_t)random() % (s->n + 1);

	s->n++;
	s->nobody += m->auth_user.n == 0;
	if (at < SAMPLE) {
		free(s->sample[at]);
		s->sample[at] = describe(id, m);
	}
	if (!s->by_user && !(s->by_user = ir_top_new("auth_user", err)))
		return -1;
	return ir_top_add(s->by_user, m, "", err);
}

static void
say_account(struct ir_rec *r, void *arg)
{
	const struct run *x = arg;

	ir_warn(&x->common, "%8lld  %s", (long long)ir_rec_get_int(r, "count",
	    0), ir_rec_get(r, "value"));
	ir_rec_free(r);
}

static void
say_side(struct run *x, struct side *s)
{
	size_t i;

	if (s->by_user)
		ir_top_report(s->by_user, SAMPLE, say_account, x);
	if (s->nobody)
		ir_warn(&x->common, "%8zu  of no account", s->nobody);
	for (i = 0; i < SAMPLE && s->sample[i]; i++)
		ir_warn(&x->common, "      e.g. %s", s->sample[i]);
}

static void
say_plan(struct run *x)
{
	char text[300] = "";

	if (x->action == QUARANTINE)
		snprintf(text, sizeof text, " into quarantine %s", x->name);
	ir_warn(&x->common, "%s %zu messages%s:", actions[x->action].will,
	    x->go.n, text);
	say_side(x, &x->go);
	ir_warn(&x->common, "%zu would remain:", x->stay.n);
	say_side(x, &x->stay);
}

static void
side_free(struct side *s)
{
	size_t i;

	ir_top_free(s->by_user);
	s->by_user = NULL;
	for (i = 0; i < SAMPLE; i++) {
		free(s->sample[i]);
		s->sample[i] = NULL;
	}
	s->n = s->nobody = 0;
}

/* --- gathering ---------------------------------------------------------- */

/* A walk over the queues: those that match. */
static int
gather_one(const struct ir_queue_item *at, void *arg)
{
	struct run *x = arg;
	struct ir_spool_msg m;
	struct ir_item *it;
	bool hit;
	int rc;

	rc = ir_queue_read(at, &x->bufs.h, &m, NULL);
	if (rc == 0)
		return 0;
	if (rc < 0 && !x->all) {
		x->malformed++;
		return 0;
	}
	hit = x->all || ir_select_match(&x->sel, &(struct ir_select_msg){ &m,
	    at, -1, x->now });
	if (rc > 0 && count_side(hit ? &x->go : &x->stay, at->id, &m, x->err))
		return -1;
	if (!hit)
		return 0;
	it = ir_items_add(&x->items, at->id, x->err);
	if (!it)
		return -1;
	it->queue = (uint16_t)(ir_queue_index(at->queue) + 1);
	it->sub = at->sub;
	return 0;
}

/* The record says where it was: a named queue is looked at as well. */
static void
note_queue(struct run *x, const struct ir_rec *rec)
{
	const char *s = ir_rec_get(rec, "queue");
	struct ir_queue *q;

	if (s && *s && !x->queue_opt && ir_queue_name_ok(s) &&
	    ir_queue_open(x->exim.spool, s, &q, NULL) == 0 &&
	    !ir_queue_quarantine(q))
		x->items.v[x->items.n - 1].queue =
		    (uint16_t)(ir_queue_index(q) + 1);
}

static int
gather_input(struct run *x, char **operands, size_t n)
{
	struct ir_in *in = ir_in_open(operands, n, x->err);
	struct ir_rec *rec;
	int rc = in ? 0 : -1;

	while (rc == 0 && (rc = ir_in_next(in, &rec, x->err)) == 1) {
		rc = ir_items_add_record(&x->items, rec, ir_in_where(in),
		    x->err);
		if (rc == 0)
			note_queue(x, rec);
		x->skipped += rc > 0;
		rc = rc < 0 ? -1 : 0;
		ir_rec_free(rec);
	}
	ir_in_close(in);
	if (rc == 0 && x->items.n + x->skipped == 0)
		rc = ir_fail(x->err, IR_USAGE, "no message ids: nothing "
		    "changed");
	return rc;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t
id_number(const char *id)
{
	uint64_t h = 14695981039346656037u;

	while (*id)
		h = (h ^ (unsigned char)*id++) * 1099511628211u;
	return h;
}

struct others {
	struct run *x;
	uint64_t *ids;		/* of those that were named, sorted */
	size_t n;
};

static int
count_other(const struct ir_queue_item *at, void *arg)
{
	struct others *o = arg;
	uint64_t key = id_number(at->id);
	struct ir_spool_msg m;

	if (ir_queue_read(at, &o->x->bufs.h, &m, NULL) <= 0)
		return 0;
	return count_side(bsearch(&key, o->ids, o->n, sizeof key, by_number) ?
	    &o->x->go : &o->x->stay, at->id, &m, o->x->err);
}

/* Those that were named, and what would remain: by a walk of its own. */
static int
count_named(struct run *x)
{
	struct others o = { x, NULL, x->items.n };
	size_t i;
	int rc;

	o.ids = calloc(o.n + 1, sizeof *o.ids);
	if (!o.ids)
		return ir_fail(x->err, IR_OSERR, "no memory");
	for (i = 0; i < o.n; i++)
		o.ids[i] = id_number(x->items.v[i].id);
	qsort(o.ids, o.n, sizeof *o.ids, by_number);
	rc = ir_spool_walk(x->exim.spool, count_other, &o, x->err);
	free(o.ids);
	return rc;
}

static int
gather(struct run *x, char **operands, size_t n)
{
	if (x->by_filter)
		return ir_spool_walk(x->exim.spool, gather_one, x, x->err);
	if (gather_input(x, operands, n))
		return -1;
	if (x->common.quiet || !(x->change.dry_run || isatty(STDERR_FILENO)))
		return 0;
	return count_named(x);
}

/* --- what is said ------------------------------------------------------- */

static void
put_result(struct run *x, const struct ir_item *it, const struct ir_held *h,
    const char *why, int code)
{
	struct ir_queue *at = it->queue ?
	    ir_spool_queue(x->exim.spool, it->queue - 1u) : NULL;
	struct ir_buf *line = &x->line;
	bool changed = !why;

	if (changed && x->quarantine)
		at = x->quarantine;
	ir_line_begin(line, "queue-msg", it->id);
	ir_line_bool(line, "ok", code == 0);
	ir_line_bool(line, "changed", changed);
	ir_line_str(line, "action", actions[x->action].did);
	ir_line_str(line, "queue", at ? ir_queue_name(at) : "");
	if (changed && x->elsewhere)
		ir_line_str(line, "folder", x->elsewhere);
	if (why)
		ir_line_str(line, "why", why);
	if (h && h->holder)
		ir_line_int(line, "holder_pid", h->holder);
	if (h && h->parsed) {
		ir_line_int(line, "recipient_count", (int64_t)h->rcpts);
		ir_line_int(line, "delivered_count", (int64_t)h->delivered);
	}
	if (h && changed && h->sha_h[0]) {
		ir_line_str(line, "sha256_h", h->sha_h);
		ir_line_str(line, "sha256_d", h->sha_d);
	}
	ir_out_line(x->out, line);
	ir_tally_add(&x->tally, code);
}

/* Not in a queue: perhaps a former run has moved it. */
static void
not_there(struct run *x, const struct ir_item *it)
{
	struct ir_spool *spools[] = { x->exim.spool, x->other };
	char why[128] = "gone";
	struct ir_queue_item at;
	struct ir_queue *q;
	size_t i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; spools[k] && (q = ir_spool_queue(spools[k], i));
		    i++)
			if (ir_queue_quarantine(q) &&
			    ir_queue_find(q, it->id, &at))
				snprintf(why, sizeof why, "in quarantine "
				    "already: %s", ir_queue_name(q));
	x->gone++;
	put_result(x, it, NULL, why, 0);
}

/* --- the dry run -------------------------------------------------------- */

/* Fills the record; the exit code that it will have. */
static int
plan_message(struct run *x, struct ir_item *it, struct ir_rec *r)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_span j = { NULL, 0 };
	struct ir_queue_item at;
	struct ir_spool_msg m;
	size_t delivered = 0;
	bool partly;
	int rc;

	if (!ir_item_find(it, x->exim.spool, &at)) {
		ir_rec_str(r, "why", "gone");
		return 0;
	}
	ir_rec_str(r, "queue", ir_queue_name(at.queue));
	rc = ir_queue_read(&at, &x->bufs.h, &m, &why);
	if (rc < 1) {
		ir_rec_str(r, "why", rc ? why.msg : "gone");
		return rc ? IR_DATAERR : 0;
	}
	rc = ir_queue_load(at.dirfd, at.id, 'J', &x->bufs.j, NULL);
	if (rc == 1)
		j = (struct ir_span){ x->bufs.j.data,
		    x->bufs.j.len };
	partly = rc == 1 || m.done_count > 0;
	(void)ir_spool_delivered(&m, j, &delivered, NULL);
	ir_spool_text(r, "sender", ir_spool_sender(&m));
	ir_spool_text(r, "auth_user", m.auth_user);
	ir_rec_time(r, "received", m.received);
	ir_rec_int(r, "recipient_count", (int64_t)m.rcpt_count);
	ir_rec_int(r, "delivered_count", (int64_t)delivered);
	if (!ir_item_is(it, &m)) {
		ir_rec_str(r, "why", "not the message of the record");
		return IR_DATAERR;
	}
	if (partly && !x->partly && x->action == QUARANTINE) {
		ir_rec_str(r, "why", "partly delivered: left");
		x->left++;
		return 0;
	}
	ir_rec_bool(r, "changed", true);
	x->delivered += delivered;
	x->moved++;
	return 0;
}

static void
plan(struct run *x)
{
	struct ir_rec *r;
	size_t i;
	int code;

	say_plan(x);
	for (i = 0; i < x->items.n; i++) {
		r = ir_rec_new("queue-msg", x->items.v[i].id);
		ir_rec_bool(r, "dry_run", true);
		ir_rec_bool(r, "changed", false);
		ir_rec_str(r, "action", actions[x->action].will);
		code = plan_message(x, &x->items.v[i], r);
		ir_rec_bool(r, "ok", code == 0);
		ir_tally_add(&x->tally, code);
		ir_out_put(x->out, r);
	}
}

/* --- moving ------------------------------------------------------------- */

static bool
still(const struct ir_item *it, const struct ir_select_msg *m, void *arg)
{
	struct run *x = arg;

	if (x->by_filter)
		return ir_select_match(&x->sel, m);
	return ir_item_is(it, m->m);
}

static int
keep_busy(struct run *x, const struct ir_item *it)
{
	struct ir_item *copy = ir_items_add(&x->busy, it->id, x->err);

	if (copy)
		*copy = *it;
	return copy ? 0 : -1;
}

static int
settle(struct ir_item *it, const struct ir_held *h, enum ir_moved got,
    const struct ir_err *why, void *arg)
{
	struct run *x = arg;

	switch (got) {
	case IR_MOVED:
		x->moved++;
		x->delivered += h->delivered;
		put_result(x, it, h, NULL, 0);
		break;
	case IR_MOVE_GONE:
		if (why->msg[0])
			put_result(x, it, h, why->msg, 0);
		else
			not_there(x, it);
		break;
	case IR_MOVE_BUSY:
		if (!x->last_try)
			return keep_busy(x, it);
		put_result(x, it, h, "being delivered", IR_TEMPFAIL);
		break;
	case IR_MOVE_PARTLY:
		x->left++;
		put_result(x, it, h, "partly delivered: left", 0);
		break;
	case IR_MOVE_CHANGED:
		if (x->by_filter)
			put_result(x, it, h, "no longer selected", 0);
		else
			put_result(x, it, h, "not the message of the record",
			    IR_DATAERR);
		break;
	case IR_MOVE_FAILED:
	default:
		put_result(x, it, h, why->msg, why->code);
		break;
	}
	return 0;
}

static void
settled(void *arg)
{
	struct run *x = arg;

	ir_out_flush(x->out);
}

/* Before each batch. */
static int
next(size_t done, void *arg)
{
	struct run *x = arg;

	return ir_pace(&x->pace, x->done + done, x->total, x->err);
}

static bool
any_free(struct run *x)
{
	const struct ir_item *it;
	size_t i;

	for (i = 0; i < x->busy.n; i++) {
		it = &x->busy.v[i];
		if (ir_message_holder(ir_spool_queue(x->exim.spool,
		    it->queue - 1u), it->id, it->sub) == 0)
			return true;
	}
	return false;
}

/* Messages that were being delivered: again, for as long as we may wait. */
static int
act_busy(struct run *x)
{
	const struct timespec nap = { 0, 100000000 };
	int64_t end = ir_mono_ms() + x->wait * 1000;
	struct ir_items again = { NULL, 0, 0 }, empty;
	int rc = 0;

	while (rc == 0 && x->busy.n) {
		x->last_try = ir_mono_ms() >= end || ir_stopped() ||
		    (x->pace.deadline && ir_mono_ms() > x->pace.deadline);
		if (!x->last_try && !any_free(x)) {
			nanosleep(&nap, NULL);
			continue;
		}
		empty = again;
		again = x->busy;
		x->busy = empty;
		x->move.next = NULL;
		rc = ir_transfer_run(&x->move, again.v, again.n, x->err);
		x->move.next = next;
		again.n = 0;
	}
	x->last_try = false;
	x->busy.n = 0;
	ir_items_free(&again);
	return rc;
}

/* --- through Exim ------------------------------------------------------- */

/* Before and after: is it as it should be?  1, 0 gone, -1 not. */
static int
is_so(struct run *x, struct ir_item *it, struct ir_held *h)
{
	struct ir_queue_item at;
	struct ir_spool_msg m;

	if (!ir_item_find(it, x->exim.spool, &at) ||
	    ir_queue_read(&at, &x->bufs.h, &m, NULL) <= 0)
		return x->action == REMOVE;
	h->parsed = true;
	h->rcpts = m.rcpt_count;
	return x->action != REMOVE && m.frozen == (x->action == FREEZE) ?
	    1 : -1;
}

static bool
may_act(struct run *x, struct ir_item *it)
{
	struct ir_select_msg judged = { .data_fd = -1, .now = x->now };
	struct ir_held h = { .parsed = false };
	struct ir_err why = IR_ERR_INIT;
	struct ir_queue_item at;
	struct ir_spool_msg m;

	if (!ir_item_find(it, x->exim.spool, &at)) {
		not_there(x, it);
		return false;
	}
	judged.m = &m;
	judged.at = &at;
	if (ir_queue_read(&at, &x->bufs.h, &m, &why) <= 0) {
		put_result(x, it, NULL, why.msg, IR_DATAERR);
		return false;
	}
	if (!still(it, &judged, x)) {
		put_result(x, it, NULL, x->by_filter ? "no longer selected" :
		    "not the message of the record",
		    x->by_filter ? 0 : IR_DATAERR);
		return false;
	}
	if (is_so(x, it, &h) == 1) {
		put_result(x, it, &h, "so already", 0);
		return false;
	}
	return true;
}

/* What Exim said of it, "Message ID ...", without those two words. */
static const char *
words_for(const struct ir_buf *said, const char *id, char line[200])
{
	const char *p = strstr(ir_buf_cstr(said), id);

	if (!p)
		return "exim did nothing, and said nothing";
	p += strlen(id);
	p += strspn(p, " :");
	snprintf(line, 200, "exim: %.*s", (int)strcspn(p, "\n"), p);
	return line;
}

static int
exim_batch(struct run *x, struct ir_item *v, size_t n)
{
	static const enum ir_act what[] = { 0, IR_ACT_FREEZE, IR_ACT_THAW,
		IR_ACT_REMOVE };
	struct ir_buf said = IR_BUF(1u << 20);
	struct ir_held h;
	char line[200];
	size_t i, k;
	int rc = 0;

	for (i = k = 0; i < n; i++)
		if (may_act(x, &v[i]))
			v[k++] = v[i];
	if (k)
		rc = ir_exim_act(&x->exim.conf, what[x->action], v, k, &said,
		    x->err);
	for (i = 0; rc == 0 && i < k; i++) {
		memset(&h, 0, sizeof h);
		if (is_so(x, &v[i], &h) != -1) {
			x->moved++;
			put_result(x, &v[i], &h, NULL, 0);
		} else {
			put_result(x, &v[i], &h, words_for(&said, v[i].id,
			    line), strstr(line, "locked") ? IR_TEMPFAIL :
			    IR_SOFTWARE);
		}
	}
	ir_buf_free(&said);
	return rc;
}

static int
through_exim(struct run *x)
{
	size_t i, n, most = x->batch > 0 && x->batch < IR_ACT_BATCH ?
	    (size_t)x->batch : IR_ACT_BATCH;

	for (i = 0; i < x->items.n; i += n) {
		n = x->items.n - i < most ? x->items.n - i : most;
		if (next(i, x) || exim_batch(x, x->items.v + i, n))
			return -1;
	}
	return 0;
}

/* --- acting ------------------------------------------------------------- */

static void
warn_doubt(const char *id, const char *why, void *arg)
{
	const struct run *x = arg;

	ir_warn(&x->common, "%s: cut off before, and not to be finished: %s",
	    id, why);
}

static int
finish_former(struct run *x)
{
	struct ir_spool *spools[] = { x->exim.spool, x->other };
	struct ir_queue *q;
	size_t i, k;
	int rc = 0;

	for (k = 0; k < 2; k++)
		for (i = 0; rc == 0 && spools[k] &&
		    (q = ir_spool_queue(spools[k], i)); i++)
			if (ir_queue_quarantine(q))
				rc = ir_transfer_settle(x->exim.spool, q,
				    &x->finished, warn_doubt, x, x->err);
	if (x->finished)
		ir_warn(&x->common, "finished %zu messages that a former run "
		    "had left half moved", x->finished);
	return rc;
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

	if (x->other || ir_queue_open(x->exim.spool, x->name, &q, NULL) ||
	    ir_queue_quarantine(q) ||
	    ir_queue_walk(q, not_empty, NULL, NULL) != 1)
		return 0;
	return ir_fail(x->err, IR_CANTCREAT, "queue %s is in use: it is no "
	    "quarantine", x->name);
}

static int
prepare(struct run *x)
{
	struct ir_transfer *t = &x->move;
	struct ir_err why = IR_ERR_INIT;

	if (finish_former(x))
		return -1;
	if (x->action != QUARANTINE)
		return 0;
	if (check_name(x) || (!x->other && ir_queue_make(x->exim.spool,
	    x->name, &x->quarantine, x->err)) ||
	    ir_manifest_open(&t->manifest, x->quarantine, true, x->err))
		return -1;
	t->log = ir_instance_log(&x->exim, &why);
	if (why.msg[0])
		ir_warn(&x->common, "no lines in exim's main log: %s",
		    why.msg);
	t->spool = x->exim.spool;
	t->to = x->quarantine;
	t->to_folder = x->elsewhere;
	t->leave_partly = !x->partly;
	t->located = x->by_filter;
	t->batch = (size_t)x->batch;
	t->now = x->now;
	t->arg = x;
	t->still = x->all ? NULL : still;
	t->done = settle;
	t->next = next;
	t->settled = settled;
	t->overlap = !x->elsewhere && x->pace.rate <= 0;
	return 0;
}

static int
journal(struct run *x, const char *event)
{
	struct ir_rec *d = ir_rec_object();

	ir_rec_str(d, "action", actions[x->action].will);
	if (x->action == QUARANTINE)
		ir_rec_str(d, "queue", x->name);
	if (x->elsewhere)
		ir_rec_str(d, "folder", x->elsewhere);
	ir_rec_int(d, "selected", (int64_t)x->items.n);
	ir_rec_int(d, "moved", (int64_t)x->moved);
	ir_rec_int(d, "delivered_recipients", (int64_t)x->delivered);
	ir_rec_int(d, "left", (int64_t)x->left);
	ir_rec_int(d, "gone", (int64_t)x->gone);
	ir_rec_int(d, "failed", (int64_t)x->tally.failed);
	return ir_journal_add(x->journal, event, d, x->err);
}

static int
one_pass(struct run *x)
{
	int rc;

	x->total = x->done + x->items.n;
	if (x->action != QUARANTINE)
		return through_exim(x);
	ir_out_hold(x->out);
	rc = ir_transfer_run(&x->move, x->items.v, x->items.n, x->err);
	ir_out_flush(x->out);
	x->done += x->items.n;
	return rc ? rc : act_busy(x);
}

/* Pass after pass while mail of that kind keeps arriving. */
static int
act(struct run *x)
{
	size_t before;
	int rc;

	if (journal(x, "exim-queue-purge.begin") || prepare(x))
		return -1;
	ir_catch_stop();
	for (;;) {
		before = x->moved;
		rc = one_pass(x);
		if (rc || !x->until_empty || x->moved == before)
			break;
		x->items.n = 0;
		x->now = x->move.now = ir_now();
		rc = gather(x, NULL, 0);
		if (rc || x->items.n == 0)
			break;
	}
	ir_progress_end();
	if (journal(x, "exim-queue-purge.end"))
		return -1;
	return rc;
}

static int
confirm(struct run *x)
{
	size_t n = x->by_filter ? x->items.n : 1;

	if (x->by_filter || isatty(STDERR_FILENO))
		say_plan(x);
	if (x->action == QUARANTINE)
		return ir_confirm(&x->change, n, x->err, "move %zu messages "
		    "out of the queue into quarantine %s?", x->items.n,
		    x->name);
	return ir_confirm(&x->change, n, x->err, "%s %zu messages%s?",
	    actions[x->action].will, x->items.n, x->action == REMOVE ?
	    " for good, without a copy" : "");
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
	if (x->left)
		ir_warn(&x->common, "%zu partly delivered messages left; "
		    "--partly-delivered takes them", x->left);
	ir_warn(&x->common, "%zu messages %s%s, %zu gone, %zu failed; %zu of "
	    "their recipients had it already", x->moved,
	    x->change.dry_run ? "would be " : "", actions[x->action].people,
	    x->gone, x->tally.failed, x->delivered);
	if (x->moved && x->action == QUARANTINE && !x->change.dry_run)
		ir_warn(&x->common, "undo: exim-quarantine restore%s%s %s",
		    x->elsewhere ? " --quarantine " : "",
		    x->elsewhere ? x->elsewhere : "", x->name);
}

/* --- beginning ---------------------------------------------------------- */

static void
check_options(struct run *x, int operands)
{
	bool filter = ir_select_any(&x->sel);

	if (x->freeze + x->thaw + x->via_exim > 1)
		ir_die_usage("--freeze, --thaw, --via-exim: only one of them");
	x->action = x->freeze ? FREEZE : x->thaw ? THAW :
	    x->via_exim ? REMOVE : QUARANTINE;
	x->pace.common = &x->common;
	x->pace.what = actions[x->action].will;
	if (x->action != QUARANTINE && (x->name || x->elsewhere ||
	    x->until_empty || x->wait || x->partly))
		ir_die_usage("that option is for the quarantine only");
	if (x->action != QUARANTINE && x->exim.opts.spool &&
	    !x->exim.opts.exim)
		ir_die_usage("--freeze, --thaw and --via-exim need exim, not "
		    "only a spool");
	if (operands && (filter || x->all))
		ir_die_usage("ids, or a selection: not both");
	if (filter && x->all)
		ir_die_usage("--all and a selection contradict each other");
	if (x->name && !ir_queue_name_ok(x->name))
		ir_die_usage("--queue-name: only letters, digits, _ and -, "
		    "at most %d", IR_QUEUE_NAME_MAX - 1);
	if (x->name && !x->elsewhere && x->queue_opt &&
	    strcmp(x->name, x->queue_opt) == 0)
		ir_die_usage("--queue and --queue-name are the same queue");
	if (x->batch > IR_MANIFEST_BATCH)
		ir_die_usage("--batch: at most %d", IR_MANIFEST_BATCH);
	x->by_filter = !operands && (filter || x->all);
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

	if (x->name)
		return;
	gmtime_r(&t, &tm);
	strftime(x->made_name, sizeof x->made_name, "quell-%Y%m%dT%H%M%SZ",
	    &tm);
	x->name = x->made_name;
}

/* While we may still write there: Exim's user gets a folder of his own. */
static int
open_elsewhere(struct run *x)
{
	uid_t uid;
	gid_t gid;

	if (!x->elsewhere)
		return 0;
	if (x->elsewhere[0] != '/')
		return ir_fail(x->err, IR_USAGE, "--quarantine: not an "
		    "absolute path: %s", x->elsewhere);
	if (!x->change.dry_run && ir_mkdirs(x->elsewhere, 0700, x->err))
		return -1;
	if (x->change.dry_run && access(x->elsewhere, F_OK))
		return 0;
	if (ir_spool_open(&x->other, x->elsewhere, x->err))
		return -1;
	ir_spool_owner(x->exim.spool, &uid, &gid);
	ir_spool_set_owner(x->other, uid, gid);
	ir_spool_unused_ok(x->other);
	if (ir_spool_choose(x->other, NULL, x->err))
		return -1;
	return x->change.dry_run ? 0 : ir_queue_make(x->other, x->name,
	    &x->quarantine, x->err);
}

static int
open_spool(struct run *x)
{
	if (ir_instance_open(&x->exim, x->queue_opt, x->err) ||
	    open_elsewhere(x))
		return -1;
	if (x->exim.conf.event_action[0] && x->action == QUARANTINE)
		ir_warn(&x->common, "exim has an event_action, which hears "
		    "nothing of messages moved here");
	return ir_spool_give_up_rights(x->exim.spool, x->err);
}

static void
close_all(struct run *x)
{
	ir_buf_free(&x->line);
	ir_items_free(&x->items);
	ir_items_free(&x->busy);
	side_free(&x->go);
	side_free(&x->stay);
	ir_select_end(&x->sel);
	ir_manifest_close(x->move.manifest);
	ir_mainlog_close(x->move.log);
	ir_transfer_free(&x->move);
	ir_move_buf_free(&x->bufs);
	ir_spool_close(x->other);
	ir_instance_close(&x->exim);
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
	struct run x = { .sel = IR_SELECT_INIT, .err = &err,
	    .line = IR_BUF(IR_REC_MAX),
	    .now = ir_now(), .pace.since = ir_mono_ms() };
	const struct ir_opt opts[] = {
		IR_OPTS_SELECT(&x.sel),
		{ 0, "all", NULL, IR_BOOL, &x.all, "every message" },
		{ 0, "queue", "NAME", IR_STR, &x.queue_opt,
		    "only from this queue; - is the default one" },
		{ 0, "queue-name", "NAME", IR_STR, &x.name,
		    "name of the quarantine; default: quell-TIME" },
		{ 0, "quarantine", "DIR", IR_STR, &x.elsewhere,
		    "where it lies, if not in Exim's spool" },
		{ 0, "partly-delivered", NULL, IR_BOOL, &x.partly,
		    "also those that some recipients have already" },
		{ 0, "until-empty", NULL, IR_BOOL, &x.until_empty,
		    "again and again until nothing is selected" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &x.wait,
		    "for messages that are being delivered" },
		{ 0, "batch", "N", IR_INT, &x.batch,
		    "messages that are locked and synced together (2048)" },
		{ 0, "rate", "N", IR_INT, &x.pace.rate,
		    "messages a second, at most" },
		{ 0, "freeze", NULL, IR_BOOL, &x.freeze,
		    "let exim freeze them instead" },
		{ 0, "thaw", NULL, IR_BOOL, &x.thaw,
		    "let exim thaw them instead" },
		{ 0, "via-exim", NULL, IR_BOOL, &x.via_exim,
		    "let exim remove them instead: no copy is kept" },
		IR_OPTS_INSTANCE(&x.exim),
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
		x.pace.deadline = ir_mono_ms() + x.common.timeout * 1000;
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
