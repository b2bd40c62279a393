/*
 * health-watch - abuse and risk events of AWS Health, each once
 *
 * Asks AWS Health again and again, or reads events from standard input;
 * writes a record of type "report" for each that it has not given out before.
 * Keeps which those were in a file.  Changes nothing at AWS.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/health.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/file.h"
#include "core/text.h"
#include "incident/journal.h"
#include "report/health.h"
#include "report/known.h"
#include "report/split.h"

#define DAY 86400
#define INTERVAL 300
#define STATE "health-watch.seen"

static const struct ir_cmd cmd = {
	"health-watch", "abuse and risk events of AWS Health, each once",
	"[options] [-]"
};

static const struct ir_col cols[] = {
	{ "id", "ID" }, { "stage", "STAGE" }, { "activity", "ACTIVITY" },
	{ "account", "ACCOUNT" }, { "region", "REGION" }, { "due", "DUE" },
	{ "urgent", "URGENT" }, { "event", "EVENT" }, { NULL, NULL }
};

struct opts {
	struct ir_common common;
	struct ir_aws_opts aws;
	const char *state, *resolver;
	long since, interval;
	bool once, organization, all;
};

struct run {
	struct opts *o;
	struct ir_aws_health health;
	struct ir_known *known;
	struct ir_out *out;
	struct ir_err *err;		/* what ends the run */
	struct ir_tally tally;
	/* of the event that is being read */
	const struct ir_aws_health_event *event;	/* NULL: from stdin */
	size_t given, documents;
};

/* --- giving out --------------------------------------------------------- */

/*
 * One update of an event comes by two ways, which name it differently: the
 * API has only its time, an event bus its communicationId, pages, and the time
 * to the second.  Each way keeps to its own name, since it is the more exact
 * one, and looks for the other's by the time.
 */
struct keys {
	char own[65];		/* of this delivery */
	char other[65];		/* by the other way; "": it cannot be told */
	char done[65];		/* for the other way to find; "" */
};

static void
time_key(const char *way, const char *arn, int64_t t, const char *account,
    char key[65])
{
	char stamp[IR_TIME_LEN];
	const char *parts[] = { way, arn, ir_time_rfc3339(t, stamp), account };

	ir_known_key(parts, sizeof parts / sizeof *parts, key);
}

/* As the API says it: seconds, or the words of an older answer. */
static bool
updated_at(const char *s, int64_t *t)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end || v < 1 || v > 1e11)
		return ir_time_parse(s, t) == 0;
	*t = (int64_t)v;
	return true;
}

static void
api_keys(const struct ir_aws_health_event *e, struct keys *k)
{
	const char *parts[] = { e->arn, e->updated, "", e->account };
	int64_t t;

	memset(k, 0, sizeof *k);
	ir_known_key(parts, sizeof parts / sizeof *parts, k->own);
	if (updated_at(e->updated, &t)) {
		time_key("bus", e->arn, t, e->account, k->other);
		time_key("api", e->arn, t, e->account, k->done);
	}
}

static void
page_key(const struct ir_rec *rec, int64_t page, char key[65])
{
	char text[24] = "";
	const char *parts[] = { ir_rec_get(rec, "event_arn"),
	    ir_rec_get(rec, "event_version"), text, ir_rec_get(rec,
	    "account") };

	if (page)
		snprintf(text, sizeof text, "%lld", (long long)page);
	ir_known_key(parts, sizeof parts / sizeof *parts, key);
}

/* Was all of it given, once this page is?  Then it is as the API has it. */
static bool
last_page(const struct run *r, const struct ir_rec *rec, int64_t page,
    int64_t pages)
{
	char key[65];
	int64_t i;

	if (pages > 1000)
		return false;
	for (i = 1; i <= pages; i++) {
		page_key(rec, i, key);
		if (i != page && !ir_known_has(r->known, key))
			return false;
	}
	return true;
}

/* What came by standard input need not be an event: then what it says. */
static void
record_keys(const struct run *r, const struct ir_rec *rec, struct keys *k)
{
	const char *arn = ir_rec_get(rec, "event_arn");
	const char *updated = ir_rec_get(rec, "event_updated");
	const char *account = ir_rec_get(rec, "account");
	const char *other[] = { ir_rec_get(rec, "id"),
	    ir_rec_get(rec, "message_id"), ir_rec_get(rec, "stage"),
	    ir_rec_get(rec, "complaint.sha256") };
	int64_t pages = ir_rec_get_int(rec, "pages", 0);
	int64_t page = ir_rec_get_int(rec, "page", 0), t;

	memset(k, 0, sizeof *k);
	if (!arn) {
		ir_known_key(other, sizeof other / sizeof *other, k->own);
		return;
	}
	/* a page of one is no page: the API has none */
	page_key(rec, pages > 1 ? page : 0, k->own);
	if (!updated || ir_time_parse(updated, &t))
		return;
	time_key("api", arn, t, account, k->other);
	if (pages < 2 || last_page(r, rec, page, pages))
		time_key("bus", arn, t, account, k->done);
}

static bool
was_given(const struct run *r, const struct keys *k)
{
	return !r->o->all && (ir_known_has(r->known, k->own) ||
	    (k->other[0] && ir_known_has(r->known, k->other)));
}

/* The name for the other way first: a crash in between repeats, at worst. */
static int
remember(struct run *r, const struct keys *k)
{
	if (k->done[0] && !ir_known_has(r->known, k->done) &&
	    ir_known_add(r->known, k->done, ir_now(), r->err))
		return -1;
	return ir_known_add(r->known, k->own, ir_now(), r->err);
}

/*
 * First it is written, then remembered: after a crash in between it is
 * written again, and never lost.
 */
static void
give(struct ir_rec *rec, void *arg)
{
	struct run *r = arg;
	struct keys k;

	if (r->event)
		api_keys(r->event, &k);
	else
		record_keys(r, rec, &k);
	if (r->err->code || was_given(r, &k)) {
		ir_rec_free(rec);
		return;
	}
	ir_out_put(r->out, rec);
	r->given++;
	if (fflush(stdout) || ferror(stdout))
		ir_fail(r->err, IR_IOERR, "standard output: not written");
	else
		(void)remember(r, &k);
}

/* --- by the API --------------------------------------------------------- */

static bool
is_known(const struct ir_aws_health_event *e, void *arg)
{
	struct run *r = arg;
	struct keys k;

	api_keys(e, &k);
	return was_given(r, &k);
}

/* An event from the API: the same parser as for all the others. */
static int
take(const struct ir_aws_health_event *e, const struct ir_rec *frame,
    void *arg, struct ir_err *err)
{
	struct run *r = arg;
	const struct ir_report_opts opts = { .now = ir_now() };
	struct ir_buf b = IR_BUF(IR_HEALTH_BYTES);
	struct ir_err why = IR_ERR_INIT;
	struct keys k;

	r->event = e;
	ir_rec_json(frame, &b);
	if (ir_buf_check(&b, e->arn, &why) || ir_health_parse(ir_buf_cstr(&b),
	    b.len, &opts, give, r, &why) < 0) {
		ir_note(&r->o->common, "%s: passed over: %s", e->arn, why.msg);
		/* not for the other way: that one may be readable */
		api_keys(e, &k);
		ir_known_add(r->known, k.own, ir_now(), r->err);
	}
	r->event = NULL;
	ir_buf_free(&b);
	if (r->err->code)
		*err = *r->err;
	return r->err->code ? -1 : 0;
}

static int
round_once(struct run *r, struct ir_err *err)
{
	struct ir_aws_health *h = &r->health;
	size_t before = r->given;
	int rc;

	h->since = ir_now() - r->o->since;
	ir_aws_set_timeout(h->aws, r->o->common.timeout);
	rc = ir_aws_health_poll(h, err);
	if (h->note[0])
		ir_warn(&r->o->common, "%s", h->note);
	if (rc)
		return -1;
	if (h->withheld) {
		ir_warn(&r->o->common, "%zu events: AWS gave no details; they "
		    "are asked for again", h->withheld);
		ir_tally_add(&r->tally, IR_TEMPFAIL);
	}
	ir_note(&r->o->common, "%s%s%zu events, %zu new", h->host, h->host[0] ?
	    ": " : "", h->events, r->given - before);
	return 0;
}

/* What passes is said and waited for; the rest ends the run. */
static void
watch(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;
	int64_t next;

	for (;;) {
		next = ir_mono_ms() + r->o->interval * 1000;
		if (round_once(r, &err)) {
			if (r->err->code || (ir_stopped() && !r->o->once))
				return;
			if (r->o->once || err.code != IR_TEMPFAIL) {
				*r->err = err;
				return;
			}
			ir_warn(&r->o->common, "%s", err.msg);
			err = (struct ir_err)IR_ERR_INIT;
		}
		if (r->o->once)
			return;
		r->tally = (struct ir_tally)IR_TALLY_INIT;
		while (!ir_stopped() && ir_mono_ms() < next)
			poll(NULL, 0, (int)(next - ir_mono_ms()));
		if (ir_stopped())
			return;
	}
}

static int
open_api(struct run *r)
{
	struct ir_aws_health *h = &r->health;

	if (ir_aws_open(&h->aws, &r->o->aws, ir_ask_tty, r->err))
		return -1;
	ir_aws_follow(h->aws, &r->o->common);
	h->resolver = r->o->resolver;
	h->organization = r->o->organization;
	h->known = is_known;
	h->take = take;
	h->arg = r;
	return ir_aws_account(h->aws, h->account, NULL, r->err);
}

/* --- from standard input ------------------------------------------------ */

static void
document(const char *doc, size_t n, bool whole, void *arg)
{
	struct run *r = arg;
	const struct ir_report_opts opts = { .now = ir_now() };
	struct ir_err why = IR_ERR_INIT;
	struct ir_rec *json;

	if (r->err->code)
		return;
	r->documents++;
	/* the whole of a broken one may still hold lines that are whole */
	json = whole ? ir_rec_parse(doc, n, &why) : NULL;
	if (!json) {
		ir_warn(&r->o->common, "document %zu: %s", r->documents,
		    why.code ? why.msg : "not a whole JSON document");
		ir_tally_add(&r->tally, IR_DATAERR);
	} else {
		ir_tally_add(&r->tally, 0);
	}
	ir_rec_free(json);
	why = (struct ir_err)IR_ERR_INIT;
	if (ir_health_parse(doc, n, &opts, give, r, &why) >= 0 || !json)
		return;
	if (why.hint[0])
		ir_warn(&r->o->common, "document %zu: %s; %s", r->documents,
		    why.msg, why.hint);
	else
		ir_note(&r->o->common, "document %zu: %s", r->documents,
		    why.msg);
}

static void
from_stdin(struct run *r)
{
	struct ir_split s = IR_SPLIT_INIT;
	char chunk[65536];
	ssize_t n;

	while (!r->err->code && !ir_stopped()) {
		n = read(STDIN_FILENO, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ir_fail_errno(r->err, IR_IOERR, errno,
			    "standard input");
		if (n <= 0)
			break;
		ir_split_feed(&s, chunk, (size_t)n, document, r);
	}
	ir_split_end(&s, document, r);
	ir_buf_free(&s.b);
	ir_note(&r->o->common, "%zu documents, %zu new reports", r->documents,
	    r->given);
}

/* --- around it ---------------------------------------------------------- */

static int
open_state(struct run *r)
{
	char dir[PATH_MAX - 32], path[PATH_MAX];

	if (r->o->state)
		return ir_known_open(&r->known, r->o->state, ir_now(), r->err);
	if (ir_state_dir(dir, sizeof dir, r->err))
		return -1;
	snprintf(path, sizeof path, "%s/" STATE, dir);
	return ir_known_open(&r->known, path, ir_now(), r->err);
}

/* True: standard input is read. */
static bool
check(struct opts *o, char **argv, int n)
{
	if (n > 1 || (n && strcmp(argv[1], "-") != 0))
		ir_die_usage("takes no operand but -");
	if (n && isatty(STDIN_FILENO))
		ir_die_usage("no events: standard input is a terminal");
	if (n && (o->once || o->organization || o->resolver || o->interval ||
	    o->since))
		ir_die_usage("--once, --interval, --since, --organization and "
		    "--resolver do not go with -");
	if (o->once && o->interval)
		ir_die_usage("--once and --interval: only one");
	if (o->interval > DAY)
		ir_die_usage("--interval: more than a day");
	if (o->since > 90L * DAY)
		ir_die_usage("--since: AWS Health forgets after 90 days");
	if (!o->interval)
		o->interval = INTERVAL;
	if (!o->since)
		o->since = 14L * DAY;
	/* a table comes at the end, and there may be none */
	if (!n && !o->once && o->common.format == IR_FMT_AUTO)
		o->common.format = IR_FMT_JSON;
	return n;
}

int
main(int argc, char **argv)
{
	static struct opts o;
	const struct ir_opt table[] = {
		{ 0, "all", NULL, IR_BOOL, &o.all,
		    "also what was given out before" },
		{ 0, "interval", "SECONDS", IR_SECONDS, &o.interval,
		    "ask again after that time (5m)" },
		{ 0, "once", NULL, IR_BOOL, &o.once, "ask once, for cron" },
		{ 0, "organization", NULL, IR_BOOL, &o.organization,
		    "the events of all accounts, if that is allowed" },
		{ 0, "resolver", "HOST[:PORT]", IR_STR, &o.resolver,
		    "name server that knows which region of Health answers" },
		{ 0, "since", "AGE", IR_SECONDS, &o.since,
		    "what was updated in that time (14d)" },
		{ 0, "state", "FILE", IR_STR, &o.state,
		    "remember there what was given out" },
		IR_OPTS_AWS(&o.aws),
		IR_OPTS_COMMON(&o.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .o = &o, .err = &err, .tally = IR_TALLY_INIT };
	bool input;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, table, &o.common);
	input = check(&o, argv, n);
	if (open_state(&r) || (!input && open_api(&r)))
		goto out;
	ir_catch_stop();
	r.out = ir_open_output(&o.common, cols);
	if (input)
		from_stdin(&r);
	else
		watch(&r);
out:
	ir_aws_close(r.health.aws);
	ir_known_close(r.known);
	return ir_end(&err, r.out, &r.tally);
}
