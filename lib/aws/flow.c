/*
 * flow.c - calls on their way: which one starts when, what its answer means,
 * and whether it is asked again
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../core/text.h"
#include "chain.h"
#include "job.h"
#include "xml.h"

#define PARALLEL 8
#define REPLY_MAX (16u << 20)
/* Most calls begun and not done: those that wait for their time count. */
#define WINDOW 1024
/* How long calls may go on after the first signal. */
#define GRACE_MS 2000
/* AWS takes five minutes; a difference under four is not the reason. */
#define SKEW_MIN 240

static bool
stopped(const struct ir_aws *a)
{
	return a->stop && *a->stop;
}

static void
settle(struct job *j, const struct ir_err *err)
{
	if (err)
		j->call->err = *err;
	j->done = true;
}

/* When may it start?  AWS limits how often. */
static int64_t
place(struct ir_aws *a, const struct job *j, int64_t now)
{
	return ir_rate_place(&a->rates, j->call->service, j->call->operation,
	    j->ep.region, now);
}

/* Credentials that are about to run out are replaced first, by their clock. */
static int
sign_again(struct ir_aws *a, struct job *j, struct ir_err *err)
{
	if (!j->call->key_id &&
	    ir_aws_cred_refresh(&a->cred, ir_now() + a->skew, err))
		return -1;
	return ir_job_compose(a, j, err);
}

/* The request of the next attempt; false: the job is done, it failed. */
static bool
prepare(struct ir_aws *a, struct job *j)
{
	struct ir_aws_call *c = j->call;
	struct ir_http_req *r = &j->req;
	int64_t left = a->deadline ? a->deadline - ir_mono_ms() : 0;
	struct ir_err err = IR_ERR_INIT;

	if (a->deadline && left <= 0)
		ir_fail(&err, IR_TEMPFAIL, "%s: out of time", c->operation);
	else
		(void)sign_again(a, j, &err);
	if (err.code) {
		/* an earlier attempt's error says more */
		settle(j, c->err.code ? NULL : &err);
		ir_job_clear(j);
		return false;
	}
	memset(r, 0, sizeof *r);
	r->method = c->method ? c->method : "POST";
	r->url = j->url.data;
	r->headers = j->header;
	r->nheaders = j->nheaders;
	r->body = j->body.data;
	r->body_len = j->body.len;
	r->max = REPLY_MAX;
	r->secret = c->secret != NULL;
	r->fresh = c->fresh || c->not_repeatable;
	r->timeout_ms = a->deadline && left < 60000 ? (long)left : 0;
	r->arg = j;
	j->sent_at = ir_now();
	c->attempts++;
	ir_job_trace_request(a, j);
	return true;
}

/* Try again later, or give up with what is in call->err. */
static void
retry(struct ir_aws *a, struct job *j, bool throttled)
{
	uint32_t dice = UINT32_MAX / 2;
	int64_t when;

	if (j->call->attempts >= a->attempts || stopped(a)) {
		settle(j, NULL);
		return;
	}
	if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) != sizeof dice)
		dice = UINT32_MAX / 2;
	when = place(a, j, ir_mono_ms() + ir_retry_delay(j->call->attempts,
	    throttled, j->req.retry_after_ms, dice));
	if (a->deadline && when >= a->deadline) {
		settle(j, NULL);
		return;
	}
	j->price = ir_retry_pay(&a->tokens, throttled);
	if (!j->price)
		settle(j, NULL);
	j->not_before = when;
}

static void
unknown(struct job *j, const char *why)
{
	struct ir_aws_call *c = j->call;

	ir_fail(&c->err, IR_UNKNOWN, "%s: outcome unknown: %s", c->operation,
	    why);
	ir_hint(&c->err, "look whether it was done before doing it again");
	settle(j, NULL);
}

/* No answer, or not a whole one. */
static void
on_lost(struct ir_aws *a, struct job *j, const struct ir_http_req *r)
{
	struct ir_aws_call *c = j->call;

	if (c->not_repeatable && r->sent) {
		unknown(j, r->err.msg);
		return;
	}
	c->err = r->err;
	ir_fail_prefix(&c->err, "%s", c->operation);
	if (r->err.code == IR_TEMPFAIL ||
	    (r->err.code == IR_PROTOCOL && !r->reply.bad))
		retry(a, j, false);
	else
		settle(j, NULL);
}

/* Hand the page over; ask for the next one, or be done. */
static void
turn_page(struct ir_aws *a, struct job *j)
{
	const struct ir_aws_paging *p = j->call->pages;
	struct ir_aws_call *c = j->call;
	int rc;

	if (!p) {
		settle(j, NULL);
		return;
	}
	rc = p->fn(c->reply, p->arg, &c->err);
	if (rc == 0)
		rc = ir_job_turn(j, c->reply, &c->err) > 0 ? 0 : 1;
	ir_aws_call_free(c);
	if (rc < 0 && !c->err.code)
		ir_fail(&c->err, IR_SOFTWARE, "%s: the page is not wanted",
		    c->operation);
	if (rc) {
		settle(j, NULL);
		return;
	}
	ir_job_trace_call(a, j);
	c->attempts = 0;
	j->price = 0;
	j->began = ir_mono_ms();
	j->not_before = place(a, j, j->began);
}

/* JSON: the secret is cut out before a tree is made of it. */
static struct ir_rec *
parse_json(struct ir_aws_call *c, const struct ir_buf *b, struct ir_err *err)
{
	if (c->secret && c->secret_name && b->data &&
	    ir_json_cut_secret(b->data, b->len, c->secret_name, c->secret,
	    err) < 0)
		return NULL;
	return c->raw ? ir_rec_parse_raw(ir_buf_cstr(b), b->len, err) :
	    ir_rec_parse(ir_buf_cstr(b), b->len, err);
}

static void
on_success(struct ir_aws *a, struct job *j, const struct ir_http_req *r)
{
	struct ir_aws_call *c = j->call;
	struct ir_err err = IR_ERR_INIT;
	const char *method = c->method ? c->method : "POST";
	bool xml = j->ep.protocol == IR_AWS_QUERY ||
	    j->ep.protocol == IR_AWS_EC2;

	if (xml)
		c->reply = ir_xml_parse(ir_buf_cstr(&r->reply), r->reply.len,
		    c->secret_name, c->secret, &err);
	else if (r->reply.len == 0 && strcmp(method, "GET") != 0)
		c->reply = ir_rec_object();
	else
		c->reply = parse_json(c, &r->reply, &err);
	if (c->reply && c->secret && c->secret_name && !c->secret->data) {
		ir_aws_call_free(c);
		ir_fail(&err, IR_PROTOCOL, "no %s in the answer",
		    c->secret_name);
	}
	if (c->reply) {
		c->err = (struct ir_err)IR_ERR_INIT;
		c->error_code[0] = '\0';
		ir_retry_refund(&a->tokens, j->price);
		turn_page(a, j);
	} else if (c->not_repeatable) {
		unknown(j, err.msg);
	} else {
		ir_fail(&c->err, err.code == IR_OSERR ? IR_OSERR : IR_PROTOCOL,
		    "%s: answer not understood: %s", c->operation, err.msg);
		settle(j, NULL);
	}
}

/* Learn their clock from the answer; true: signing again makes sense. */
static bool
fix_skew(struct ir_aws *a, struct job *j, const struct ir_http_req *r,
    const struct ir_aws_error *e)
{
	int64_t skew;

	if (j->skew_fixed || !r->date || !ir_aws_maybe_clock(e))
		return false;
	skew = r->date - (j->sent_at + ir_now()) / 2;
	/* another call may have set it while this one was under way */
	if (skew - a->skew < SKEW_MIN && a->skew - skew < SKEW_MIN &&
	    ir_aws_error_class(r->status, e) != IR_AWS_CLOCK)
		return false;
	a->skew = skew;
	j->skew_fixed = true;
	return true;
}

static void
on_error(struct ir_aws *a, struct job *j, const struct ir_http_req *r)
{
	static const int exits[] = {
		[IR_AWS_REFUSED] = IR_UNAVAILABLE, [IR_AWS_DENIED] = IR_NOPERM,
		[IR_AWS_SLOW_DOWN] = IR_TEMPFAIL, [IR_AWS_BROKEN] = IR_TEMPFAIL,
		[IR_AWS_CLOCK] = IR_NOPERM, [IR_AWS_STRANGE] = IR_PROTOCOL,
	};
	struct ir_aws_call *c = j->call;
	struct ir_aws_error e;
	enum ir_aws_class class;

	ir_aws_error_read(j->ep.protocol, ir_buf_cstr(&r->reply),
	    r->reply.len, r->query_error, r->error_type, &e);
	class = ir_aws_error_class(r->status, &e);
	snprintf(c->error_code, sizeof c->error_code, "%s", e.code);
	if (class == IR_AWS_BROKEN && c->not_repeatable) {
		unknown(j, *e.code ? e.code : "server error");
		return;
	}
	if (*e.code)
		ir_fail(&c->err, exits[class], "%s: %s%s%s", c->operation,
		    e.code, *e.text ? ": " : "", e.text);
	else
		ir_fail(&c->err, exits[class], "%s: status %d", c->operation,
		    r->status);
	if (class == IR_AWS_CLOCK)
		ir_hint(&c->err, "is this machine's clock right?");
	else if (ir_aws_maybe_expired(&e))
		ir_hint(&c->err, "get new credentials, then run it again");
	if (fix_skew(a, j, r, &e)) {
		/* the attempt said nothing about the call itself */
		c->attempts--;
		j->not_before = 0;
	} else if (class == IR_AWS_SLOW_DOWN) {
		retry(a, j, true);
	} else if (class == IR_AWS_BROKEN) {
		retry(a, j, false);
	} else {
		settle(j, NULL);
	}
}

static void
take_answer(struct ir_aws *a, struct job *j)
{
	struct ir_http_req *r = &j->req;
	struct ir_aws_call *c = j->call;

	c->http_status = r->status;
	snprintf(c->request_id, sizeof c->request_id, "%s", r->request_id);
	if (r->date) {
		a->seen = true;
		a->seen_skew = r->date - (j->sent_at + ir_now()) / 2;
	}
	if (r->err.code)
		on_lost(a, j, r);
	else if (r->status >= 200 && r->status < 300)
		on_success(a, j, r);
	else
		on_error(a, j, r);
	ir_buf_free(&r->reply);
	ir_job_clear(j);
	if (c->secret)
		ir_secret_burn();
}

/* --- the queue --------------------------------------------------------- */

struct flow {
	struct ir_aws *a;
	const struct ir_aws_feed *feed;
	struct job *first, **last;	/* those that wait */
	size_t open, closed;
	bool dry;			/* the feed has no more */
	int64_t began, stopping;	/* stopping: since when; 0 */
};

static void
append(struct flow *f, struct job *j)
{
	j->next = NULL;
	*f->last = j;
	f->last = &j->next;
}

static void
finish(struct flow *f, struct job *j)
{
	if (j->call->attempts)
		ir_job_trace_call(f->a, j);
	f->open--;
	f->closed++;
	if (f->feed->done)
		f->feed->done(j->call, f->feed->arg);
	free(j->token);
	free(j);
}

static void
begin(struct ir_aws *a, struct job *j)
{
	struct ir_aws_call *c = j->call;
	const char *region = c->region ? c->region : ir_aws_region(a);
	struct ir_endpoint_opts o;

	c->reply = NULL;
	c->http_status = c->attempts = 0;
	c->error_code[0] = c->request_id[0] = '\0';
	c->err = (struct ir_err)IR_ERR_INIT;
	if (ir_endpoint_options(c->service, a->config, a->profile,
	    a->endpoint_url, &o, &c->err)) {
		j->done = true;
		return;
	}
	o.health = *a->health ? a->health : NULL;
	if (ir_endpoint_find(c->service, region, &o, &j->ep, &c->err)) {
		j->done = true;
		return;
	}
	j->began = ir_mono_ms();
	j->not_before = place(a, j, j->began);
	if (a->deadline && j->not_before >= a->deadline) {
		ir_fail(&c->err, IR_TEMPFAIL, "%s: out of time", c->operation);
		j->done = true;
	}
}

/* One more call from the feed: it waits, or cannot even start. */
static bool
pull(struct flow *f)
{
	struct ir_aws_call *c;
	struct job *j;

	c = f->dry ? NULL : f->feed->next(f->feed->arg);
	if (!c) {
		f->dry = true;
		return false;
	}
	j = calloc(1, sizeof *j);
	if (!j) {
		ir_fail(&c->err, IR_OSERR, "no memory");
		if (f->feed->done)
			f->feed->done(c, f->feed->arg);
		return true;
	}
	j->call = c;
	f->open++;
	begin(f->a, j);
	if (j->done)
		finish(f, j);
	else
		append(f, j);
	return true;
}

/* The first whose time has come, out of the list; else when that will be. */
static struct job *
take_ready(struct flow *f, int64_t *wait_ms)
{
	int64_t now = ir_mono_ms();
	struct job **p, *j;

	*wait_ms = -1;
	for (p = &f->first; (j = *p); p = &j->next) {
		if (j->not_before <= now) {
			*p = j->next;
			if (!*p)
				f->last = p;
			return j;
		}
		if (*wait_ms < 0 || j->not_before - now < *wait_ms)
			*wait_ms = j->not_before - now;
	}
	return NULL;
}

/* Nothing more is started. */
static void
drop_waiting(struct flow *f)
{
	struct job *j;

	while (f->first || pull(f)) {
		j = f->first;
		if (!j)
			continue;
		f->first = j->next;
		if (!f->first)
			f->last = &f->first;
		if (!j->call->err.code)
			ir_fail(&j->call->err, IR_TEMPFAIL, "%s: %s",
			    j->call->operation, stopped(f->a) ?
			    "interrupted" : "not started");
		settle(j, NULL);
		finish(f, j);
	}
}

static struct ir_http_req *
flow_next(void *arg, int64_t *wait_ms)
{
	struct flow *f = arg;
	struct job *j;

	if (stopped(f->a)) {
		drop_waiting(f);
		*wait_ms = -1;
		return NULL;
	}
	for (;;) {
		j = take_ready(f, wait_ms);
		if (j && prepare(f->a, j))
			return &j->req;
		if (j)
			finish(f, j);
		else if (f->open >= WINDOW || !pull(f))
			return NULL;
	}
}

static void
flow_done(struct ir_http_req *r, void *arg)
{
	struct flow *f = arg;
	struct job *j = r->arg;

	take_answer(f->a, j);
	if (j->done)
		finish(f, j);
	else
		append(f, j);
}

/* Is it time to abandon what is under way? */
static bool
flow_tick(void *arg)
{
	struct flow *f = arg;
	int64_t now = ir_mono_ms();
	const struct ir_aws_event e = { .kind = IR_AWS_EVENT_PROGRESS,
		.service = f->first ? f->first->call->service : NULL,
		.done = f->closed, .total = f->feed->total,
		.since = f->began };

	if (f->a->trace)
		f->a->trace(&e, f->a->trace_arg);
	if (!stopped(f->a))
		return false;
	if (!f->stopping)
		f->stopping = now;
	return *f->a->stop > 1 || now - f->stopping > GRACE_MS;
}

void
ir_aws_run(struct ir_aws *a, const struct ir_aws_feed *feed)
{
	struct flow f = { .a = a, .feed = feed, .began = ir_mono_ms() };
	const struct ir_http_feed hf = { flow_next, flow_done, flow_tick, &f };
	const struct ir_aws_event end = { .kind = IR_AWS_EVENT_END };

	f.last = &f.first;
	ir_http_feed(a->http, &hf, feed->parallel ? feed->parallel : PARALLEL);
	drop_waiting(&f);
	if (a->trace)
		a->trace(&end, a->trace_arg);
}

/* --- the other ways to ask --------------------------------------------- */

struct list {
	struct ir_aws_call *calls;
	size_t n, next;
};

static struct ir_aws_call *
list_next(void *arg)
{
	struct list *l = arg;

	return l->next < l->n ? &l->calls[l->next++] : NULL;
}

size_t
ir_aws_do_many(struct ir_aws *a, struct ir_aws_call *calls, size_t n,
    size_t parallel)
{
	struct list l = { calls, n, 0 };
	const struct ir_aws_feed feed = { .next = list_next, .arg = &l,
		.total = n, .parallel = parallel };
	size_t i, failed = 0;

	ir_aws_run(a, &feed);
	for (i = 0; i < n; i++)
		failed += calls[i].err.code != 0;
	return failed;
}

int
ir_aws_do(struct ir_aws *a, struct ir_aws_call *call, struct ir_err *err)
{
	if (ir_aws_do_many(a, call, 1, 1) == 0)
		return 0;
	if (err)
		*err = call->err;
	return -1;
}

int
ir_aws_pages(struct ir_aws *a, struct ir_aws_call *call,
    const char *token_in, const char *token_out,
    int (*fn)(const struct ir_rec *reply, void *arg, struct ir_err *err),
    void *arg, struct ir_err *err)
{
	const struct ir_aws_paging pages = { token_in, token_out, fn, arg };
	int rc;

	call->pages = &pages;
	rc = ir_aws_do(a, call, err);
	call->pages = NULL;
	return rc;
}
