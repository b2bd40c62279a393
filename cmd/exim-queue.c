/*
 * exim-queue - list or sum up the messages of Exim's queues
 *
 * Reads the spool, without any lock and without Exim; message ids from
 * operands or standard input when they are given.  Writes a queue-msg record
 * for each message that is meant, or with --top a queue-top record for each
 * of the most frequent values, or with --suspects a queue-suspect record for
 * each account, script, user or host that the spam seems to come from.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cli.h"
#include "core/record.h"
#include "core/text.h"
#include "exim/instance.h"
#include "exim/queue.h"
#include "exim/select.h"
#include "exim/subject.h"
#include "exim/suspects.h"
#include "exim/top.h"

#define RCPTS_MAX 24000		/* bytes of all recipients, as JSON */

struct run {
	struct ir_common common;
	struct ir_select sel;
	struct ir_instance exim;
	const char *queue, *top_fields;
	bool want_suspects;
	long limit;
	struct ir_top *top;
	struct ir_suspects *suspects;
	struct ir_out *out;
	struct ir_file_buf h, j;
	struct ir_spool_msg m;		/* the one at hand, and why it is bad */
	struct ir_err why;
	struct ir_err *err;
	int64_t now, deadline;
	size_t seen, matched, malformed;
};

/* Most bytes that the JSON of s takes: any odd byte may become three. */
static size_t
json_cost(struct ir_span s)
{
	size_t i, n = 3;

	for (i = 0; i < s.n; i++)
		n += s.p[i] > ' ' && s.p[i] < 127 && s.p[i] != '"' &&
		    s.p[i] != '\\' ? 1 : 3;
	return n;
}

static void
set_recipients(struct ir_rec *r, const struct ir_spool_msg *m)
{
	struct ir_span left = m->rcpts, addr;
	struct ir_rec *list = ir_rec_array();
	size_t cost = 0;
	bool cut = false;

	while (!cut && ir_spool_next_rcpt(&left, &addr)) {
		cost += json_cost(addr);
		cut = cost > RCPTS_MAX;
		if (!cut)
			ir_rec_push(list, ir_rec_string(addr.p, addr.n));
	}
	ir_rec_set(r, "recipients", list);
	if (cut)
		ir_rec_bool(r, "recipients_cut", true);
}

static void
set_subject(struct ir_rec *r, const struct ir_spool_msg *m)
{
	struct ir_buf b = IR_BUF(IR_SUBJECT_MAX);

	if (m->subject.p) {
		ir_spool_subject(m, &b);
		ir_spool_text(r, "subject",
		    (struct ir_span){ ir_buf_cstr(&b), b.len });
	}
	ir_buf_free(&b);
}

static int
put_message(struct run *x, const struct ir_queue_item *item,
    const struct ir_spool_msg *m)
{
	struct ir_span j = { NULL, 0 };
	struct ir_rec *r;
	size_t delivered;

	if (ir_queue_load(item->dirfd, item->id, 'J', &x->j, NULL) == 1)
		j = (struct ir_span){ x->j.data, x->j.len };
	if (ir_spool_delivered(m, j, &delivered, x->err))
		return -1;
	r = ir_rec_new("queue-msg", item->id);
	ir_rec_str(r, "queue", ir_queue_name(item->queue));
	ir_rec_time(r, "received", m->received);
	ir_spool_text(r, "sender", ir_spool_sender(m));
	ir_spool_text(r, "auth_user", m->auth_user);
	ir_spool_text(r, "auth_sender", m->auth_sender);
	ir_spool_text(r, "ident", m->ident);
	ir_spool_text(r, "host", m->host);
	ir_spool_text(r, "helo", m->helo);
	ir_spool_text(r, "protocol", m->protocol);
	ir_spool_text(r, "script", ir_spool_script(m));
	set_subject(r, m);
	ir_rec_bool(r, "frozen", m->frozen);
	ir_rec_bool(r, "tried", !m->untried);
	ir_spool_text(r, "unknown_flag", ir_spool_unknown(m));
	ir_rec_int(r, "size", ir_queue_size(item->dirfd, item->id, m));
	ir_rec_int(r, "recipient_count", (int64_t)m->rcpt_count);
	ir_rec_int(r, "delivered_count", (int64_t)delivered);
	set_recipients(r, m);
	ir_out_put(x->out, r);
	return 0;
}

/* Seen, but not to be understood: shown unless something was searched for. */
static void
put_bad(struct run *x, const struct ir_queue_item *item, const char *class,
    const char *why)
{
	struct ir_rec *r;

	x->malformed++;
	if (x->top || x->suspects || ir_select_any(&x->sel))
		return;
	r = ir_rec_new("queue-msg", item->id);
	ir_rec_str(r, "queue", item->queue ? ir_queue_name(item->queue) : "");
	ir_rec_bool(r, "ok", false);
	ir_rec_str(r, "class", class);
	ir_rec_str(r, "why", why);
	ir_out_put(x->out, r);
}

/* For each message of the spool: 0, 1 enough, -1. */
static int
one_message(const struct ir_queue_item *item, void *arg)
{
	struct run *x = arg;
	struct ir_select_msg judged = { &x->m, item, -1, x->now };
	int rc;

	if (x->deadline && x->seen++ % 256 == 0 &&
	    ir_mono_ms() > x->deadline)
		return ir_fail(x->err, IR_TEMPFAIL, "time is up");
	rc = ir_queue_read(item, &x->h, &x->m, &x->why);
	if (rc == 0)
		return 0;	/* delivered meanwhile */
	if (rc < 0) {
		put_bad(x, item, x->why.code == IR_DATAERR ? "malformed" :
		    "unreadable", x->why.msg);
		return 0;
	}
	if (!ir_select_match(&x->sel, &judged))
		return 0;
	x->matched++;
	if (x->suspects)
		return ir_suspects_add(x->suspects, &x->m, x->err);
	if (x->top)
		return ir_top_add(x->top, &x->m, ir_queue_name(item->queue),
		    x->err);
	rc = put_message(x, item, &x->m);
	return rc ? rc : x->limit > 0 && x->matched >= (size_t)x->limit;
}

/* Ids that were named: those that are not there are said, too. */
static int
named_messages(struct run *x, char **ids, size_t n)
{
	struct ir_in *in = ir_in_open(ids, n, x->err);
	struct ir_rec *rec = NULL;
	struct ir_queue_item item;
	const char *id;
	int rc = in ? 0 : -1;

	while (rc == 0 && (rc = ir_in_next(in, &rec, x->err)) == 1) {
		id = ir_rec_get(rec, "id");
		memset(&item, 0, sizeof item);
		if (!id || ir_spool_id_len(id, strlen(id)) != strlen(id)) {
			rc = ir_fail(x->err, IR_DATAERR,
			    "%s: not a message id", ir_in_where(in));
		} else if (ir_spool_find(x->exim.spool, id, &item)) {
			rc = one_message(&item, x);
		} else {
			memcpy(item.id, id, strlen(id) + 1);
			put_bad(x, &item, "gone", "not in the queue");
			x->malformed--;
			rc = 0;
		}
		ir_rec_free(rec);
	}
	ir_in_close(in);
	return rc;
}

static void
put_record(struct ir_rec *r, void *arg)
{
	struct run *x = arg;

	ir_out_put(x->out, r);
}

static void
note_list(const char *name, size_t messages, void *arg)
{
	struct run *x = arg;

	ir_warn(&x->common, "passed over, by the marks of a list: %s, "
	    "%zu messages", name, messages);
}

static void
report(struct run *x)
{
	const struct ir_common *common = &x->common;

	if (x->top)
		ir_top_report(x->top, x->limit < 0 ? 10 : (size_t)x->limit,
		    put_record, x);
	if (x->suspects)
		ir_suspects_report(x->suspects, put_record, note_list, x);
	if (x->malformed)
		ir_warn(common, "%zu malformed or unreadable message%s %s",
		    x->malformed, x->malformed == 1 ? "" : "s",
		    x->top || x->suspects || ir_select_any(&x->sel) ?
		    "passed over" :
		    "listed with \"ok\":false");
	if (x->sel.gave_up)
		ir_warn(common, "a pattern took too long on %zu texts, "
		    "which count as not matched", x->sel.gave_up);
	ir_note(common, "%zu messages", x->matched);
}

static const struct ir_col list_cols[] = {
	{ "id", "ID" }, { "received", "RECEIVED" }, { "queue", "QUEUE" },
	{ "auth_user", "AUTH USER" }, { "sender", "SENDER" },
	{ "host", "HOST" }, { "recipient_count", "RCPTS" },
	{ "delivered_count", "DONE" }, { "subject", "SUBJECT" },
	{ "why", "WHY" }, { NULL, NULL }
};

static const struct ir_col top_cols[] = {
	{ "field", "FIELD" }, { "count", "COUNT" },
	{ "recipients", "RCPTS" }, { "first", "FIRST" }, { "last", "LAST" },
	{ "value", "VALUE" }, { NULL, NULL }
};

static const struct ir_col suspect_cols[] = {
	{ "id", "SUSPECT" }, { "count", "COUNT" }, { "share", "SHARE" },
	{ "recipient_domains", "DOMAINS" }, { "busiest_10min", "10 MIN" },
	{ "selected", "TAKEN" }, { "left", "LEFT" }, { "where", "WHERE" },
	{ NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-queue", "list or sum up the messages of Exim's queues",
	"[options] [id ... | -]"
};

/* Patterns, counters, the spool: 0 or -1. */
static int
prepare(struct run *x)
{
	if (ir_select_begin(&x->sel, x->err))
		return -1;
	if (x->top_fields && !(x->top = ir_top_new(x->top_fields, x->err)))
		return -1;
	if (x->want_suspects && !(x->suspects = ir_suspects_new(x->err)))
		return -1;
	if (ir_instance_open(&x->exim, x->queue, x->err))
		return -1;
	return ir_spool_give_up_rights(x->exim.spool, x->err);
}

static void
clean_up(struct run *x)
{
	ir_top_free(x->top);
	ir_suspects_free(x->suspects);
	ir_select_end(&x->sel);
	ir_file_buf_free(&x->h);
	ir_file_buf_free(&x->j);
	ir_instance_close(&x->exim);
}

int
main(int argc, char **argv)
{
	struct ir_err err = IR_ERR_INIT;
	struct run x = { .sel = IR_SELECT_INIT, .limit = -1, .err = &err };
	const struct ir_opt opts[] = {
		IR_OPTS_SELECT(&x.sel),
		{ 0, "queue", "NAME", IR_STR, &x.queue,
		    "only this queue; - is the default one" },
		{ 0, "top", "FIELD,...", IR_STR, &x.top_fields,
		    "count the most frequent values instead" },
		{ 0, "suspects", NULL, IR_BOOL, &x.want_suspects,
		    "who the spam seems to come from, instead" },
		{ 0, "limit", "N", IR_INT, &x.limit,
		    "this many records; of each field with --top (10)" },
		IR_OPTS_INSTANCE(&x.exim),
		IR_OPTS_COMMON(&x.common),
		IR_OPT_END
	};
	int n, rc;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	if (x.want_suspects && (x.top_fields || x.limit >= 0))
		ir_die_usage("--suspects goes with no --top and no --limit");
	x.now = ir_now();
	x.deadline = x.common.timeout ?
	    ir_mono_ms() + x.common.timeout * 1000 : 0;
	if (prepare(&x))
		goto out;
	x.out = ir_open_output(&x.common, x.suspects ? suspect_cols :
	    x.top ? top_cols : list_cols);
	if (n)
		rc = named_messages(&x, argv + 1, (size_t)n);
	else
		rc = ir_spool_walk(x.exim.spool, one_message, &x, &err);
	if (rc >= 0)
		report(&x);
out:
	clean_up(&x);
	return ir_end(&err, x.out, NULL);
}
