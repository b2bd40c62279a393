/* client.c - see client.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../core/text.h"
#include "../net/http.h"
#include "answer.h"
#include "client.h"
#include "config.h"
#include "credentials.h"
#include "endpoint.h"
#include "sigv4.h"
#include "xml.h"

#define PARALLEL 16
#define PARALLEL_MAX 64
#define ATTEMPTS 3
#define CAP_MS 20000
#define BASE_BROKEN_MS 50
#define BASE_SLOW_MS 1000
/* Signed a round at a time, so that no signature waits till it is stale. */
#define ROUND 8
#define PAGES_MAX 1000
#define BODY_MAX (1u << 20)
#define REPLY_MAX (16u << 20)
/* AWS takes five minutes; a difference under four is not the reason. */
#define SKEW_MIN 240

struct ir_aws {
	struct ir_http *http;
	struct ir_aws_config *config;
	struct ir_aws_cred cred;
	char region[64];		/* "" when none was given */
	char *endpoint_url;		/* --endpoint-url; owned */
	char *profile;			/* in force; owned */
	int64_t deadline;		/* monotonic ms; 0: none */
	int64_t skew;			/* their clock minus ours, seconds */
	int64_t seen_skew;		/* the same, by the last answer */
	bool seen;			/* there was one with a Date */
	int attempts;
	int (*ask)(const char *prompt, char *buf, size_t size);
};

/* What do_many keeps of a call between its attempts. */
struct job {
	struct ir_aws_call *call;
	struct ir_endpoint ep;
	int64_t not_before;		/* monotonic ms */
	bool done, skew_fixed;

	/* of the attempt that is under way */
	struct ir_buf url, body, query;
	struct ir_sigv4 sig;
	struct ir_http_header header[10];
	size_t nheaders;
	char target[160];
	int64_t sent_at;
};

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static int
find_region(struct ir_aws *a, const char *option, const char *profile,
    struct ir_err *err)
{
	const char *r = option;

	if (!r)
		r = env("AWS_REGION");
	if (!r)
		r = env("AWS_DEFAULT_REGION");
	if (!r)
		r = ir_aws_config_get(a->config, IR_AWS_PROFILE, profile,
		    "region");
	if (!r || !*r)
		return 0;
	if (!ir_aws_region_ok(r))
		return ir_fail(err, option ? IR_USAGE : IR_CONFIG,
		    "not a region: %s", r);
	snprintf(a->region, sizeof a->region, "%s", r);
	return 0;
}

static int
find_attempts(struct ir_aws *a, const char *profile, struct ir_err *err)
{
	const char *v = env("AWS_MAX_ATTEMPTS");
	char *end;
	long n;

	a->attempts = ATTEMPTS;
	if (!v)
		v = ir_aws_config_get(a->config, IR_AWS_PROFILE, profile,
		    "max_attempts");
	if (!v || !*v)
		return 0;
	n = strtol(v, &end, 10);
	if (*end || n < 1 || n > 100)
		return ir_fail(err, IR_CONFIG, "max_attempts: not 1 to 100: %s",
		    v);
	a->attempts = (int)n;
	return 0;
}

static int
set_up(struct ir_aws *a, const struct ir_aws_opts *o, struct ir_err *err)
{
	struct ir_http_opts ho = { .parallel = PARALLEL_MAX };
	const char *profile;
	bool named;

	if (ir_aws_config_load(&a->config, err))
		return -1;
	profile = ir_aws_profile(o->profile, &named);
	if (o->endpoint_url && !(a->endpoint_url = strdup(o->endpoint_url)))
		return ir_fail(err, IR_OSERR, "no memory");
	a->profile = strdup(profile);
	if (!a->profile)
		return ir_fail(err, IR_OSERR, "no memory");
	ho.ca_file = env("AWS_CA_BUNDLE");
	if (!ho.ca_file)
		ho.ca_file = ir_aws_config_get(a->config, IR_AWS_PROFILE,
		    profile, "ca_bundle");
	if (find_region(a, o->region, profile, err) ||
	    find_attempts(a, profile, err) ||
	    ir_aws_cred_find(&a->cred, a->config, o->profile, err))
		return -1;
	return ir_http_open(&a->http, &ho, err);
}

int
ir_aws_open(struct ir_aws **a, const struct ir_aws_opts *o,
    int (*ask)(const char *prompt, char *buf, size_t size),
    struct ir_err *err)
{
	struct ir_err local = IR_ERR_INIT;

	*a = calloc(1, sizeof **a);
	if (!*a)
		return ir_fail(err, IR_OSERR, "no memory");
	(*a)->ask = ask;
	if (set_up(*a, o, &local) == 0)
		return 0;
	if (err)
		*err = local;
	ir_aws_close(*a);
	*a = NULL;
	return -1;
}

void
ir_aws_close(struct ir_aws *a)
{
	if (!a)
		return;
	ir_http_close(a->http);
	ir_aws_cred_free(&a->cred);
	ir_aws_config_free(a->config);
	free(a->endpoint_url);
	free(a->profile);
	free(a);
}

const char *
ir_aws_region(const struct ir_aws *a)
{
	return *a->region ? a->region : NULL;
}

const char *
ir_aws_key_id(const struct ir_aws *a)
{
	return a->cred.key_id;
}

bool
ir_aws_skew(const struct ir_aws *a, int64_t *seconds)
{
	*seconds = a->seen_skew;
	return a->seen;
}

void
ir_aws_set_timeout(struct ir_aws *a, long seconds)
{
	a->deadline = seconds ? ir_mono_ms() + seconds * 1000 : 0;
}

const char *const *
ir_aws_ses_regions(const struct ir_aws *a)
{
	return ir_endpoint_ses_regions(ir_aws_region(a));
}

void
ir_aws_call_free(struct ir_aws_call *call)
{
	ir_rec_free(call->reply);
	call->reply = NULL;
}

/* name=value pairs, encoded strictly: the same bytes are signed. */
static void
add_params(struct ir_buf *b, const struct ir_aws_call *call, const char *sep)
{
	size_t i;

	for (i = 0; i < call->nparams; i++) {
		ir_buf_str(b, sep);
		ir_sigv4_encode(b, call->params[i].name,
		    strlen(call->params[i].name), false);
		ir_buf_chr(b, '=');
		ir_sigv4_encode(b, call->params[i].value,
		    strlen(call->params[i].value), false);
		sep = "&";
	}
}

static void
add_header(struct job *j, const char *name, const char *value)
{
	j->header[j->nheaders].name = name;
	j->header[j->nheaders++].value = value;
}

/* Body, query and the headers that are signed. */
static int
compose(struct job *j, struct ir_err *err)
{
	struct ir_aws_call *c = j->call;

	j->nheaders = 0;
	add_header(j, "Host", j->ep.host);
	switch (j->ep.protocol) {
	case IR_AWS_QUERY:
	case IR_AWS_EC2:
		ir_buf_fmt(&j->body, "Action=%s&Version=%s", c->operation,
		    j->ep.version);
		add_params(&j->body, c, "&");
		add_header(j, "Content-Type",
		    "application/x-www-form-urlencoded; charset=utf-8");
		break;
	case IR_AWS_JSON10:
		if (c->json)
			ir_rec_json(c->json, &j->body);
		else
			ir_buf_str(&j->body, "{}");
		snprintf(j->target, sizeof j->target, "%s.%s", j->ep.target,
		    c->operation);
		add_header(j, "Content-Type", "application/x-amz-json-1.0");
		add_header(j, "X-Amz-Target", j->target);
		break;
	case IR_AWS_REST_JSON:
	default:
		add_params(&j->query, c, "");
		if (c->json) {
			ir_rec_json(c->json, &j->body);
			add_header(j, "Content-Type", "application/json");
		}
		break;
	}
	ir_buf_str(&j->url, j->ep.url);
	ir_buf_str(&j->url, c->path ? c->path : "/");
	if (j->query.len)
		ir_buf_fmt(&j->url, "?%s", j->query.data);
	if (ir_buf_check(&j->body, c->operation, err) ||
	    ir_buf_check(&j->query, c->operation, err))
		return -1;
	return ir_buf_check(&j->url, c->operation, err);
}

static int
sign(struct ir_aws *a, struct job *j, struct ir_err *err)
{
	struct ir_aws_call *c = j->call;
	struct ir_sigv4_req r = {
		.method = c->method ? c->method : "POST",
		.path = c->path ? c->path : "/",
		.query = ir_buf_cstr(&j->query),
		.headers = j->header, .nheaders = j->nheaders,
		.body = j->body.data, .body_len = j->body.len,
		.key_id = c->key_id ? c->key_id : a->cred.key_id,
		.secret = c->key_id ? c->key_secret : &a->cred.secret,
		.token = c->key_id ? NULL : &a->cred.token,
		.region = j->ep.region, .service = j->ep.signing,
		.when = ir_now() + a->skew,
	};

	if (ir_sigv4_sign(&r, &j->sig, err))
		return -1;
	add_header(j, "X-Amz-Date", j->sig.date);
	if (r.token && r.token->len)
		add_header(j, "X-Amz-Security-Token", r.token->data);
	add_header(j, "Authorization", ir_buf_cstr(&j->sig.authorization));
	/* not signed: a proxy may drop these and no harm is done */
	if (j->ep.protocol == IR_AWS_JSON10)
		add_header(j, "x-amzn-query-mode", "true");
	if (j->ep.protocol == IR_AWS_JSON10 ||
	    j->ep.protocol == IR_AWS_REST_JSON)
		add_header(j, "Accept", "application/json");
	return 0;
}

static void
clear_attempt(struct job *j)
{
	ir_sigv4_free(&j->sig);
	ir_buf_free(&j->url);
	ir_buf_free(&j->body);
	ir_buf_free(&j->query);
}

static void
settle(struct job *j, const struct ir_err *err)
{
	if (err)
		j->call->err = *err;
	j->done = true;
}

/* The request of the next attempt; false: the job is done, it failed. */
static bool
prepare(struct ir_aws *a, struct job *j, struct ir_http_req *r)
{
	struct ir_aws_call *c = j->call;
	int64_t left = a->deadline ? a->deadline - ir_mono_ms() : 0;
	struct ir_err err = IR_ERR_INIT;

	j->url = (struct ir_buf)IR_BUF(65536);
	j->query = (struct ir_buf)IR_BUF(65536);
	j->body = (struct ir_buf)IR_BUF(BODY_MAX);
	if (a->deadline && left <= 0)
		ir_fail(&err, IR_TEMPFAIL, "%s: out of time", c->operation);
	else if (c->key_id ||
	    ir_aws_cred_refresh(&a->cred, ir_now(), &err) == 0) {
		if (compose(j, &err) == 0)
			sign(a, j, &err);
	}
	if (err.code) {
		/* an earlier attempt's error says more */
		settle(j, c->err.code ? NULL : &err);
		clear_attempt(j);
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
	return true;
}

/* A random part of base * 2^(attempt - 1), at most CAP_MS. */
static int64_t
backoff(int attempt, int64_t base)
{
	int64_t t = base;
	uint32_t dice = 0;

	while (--attempt > 0 && t < CAP_MS)
		t *= 2;
	if (t > CAP_MS)
		t = CAP_MS;
	if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) != sizeof dice)
		dice = UINT32_MAX / 2;
	return (int64_t)((double)t * ((double)dice / (double)UINT32_MAX));
}

/* Try again later, or give up with what is in call->err. */
static void
retry(struct ir_aws *a, struct job *j, const struct ir_http_req *r,
    int64_t base)
{
	int64_t t = backoff(j->call->attempts, base), ask = r->retry_after_ms;

	if (ask > t)
		t = ask < t + 5000 ? ask : t + 5000;
	if (j->call->attempts >= a->attempts) {
		settle(j, NULL);
		return;
	}
	j->not_before = ir_mono_ms() + t;
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
		retry(a, j, r, BASE_BROKEN_MS);
	else
		settle(j, NULL);
}

static void
on_success(struct job *j, const struct ir_http_req *r)
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
		c->reply = ir_rec_parse(ir_buf_cstr(&r->reply), r->reply.len,
		    &err);
	if (c->reply && c->secret && c->secret_name && !c->secret->data) {
		ir_aws_call_free(c);
		ir_fail(&err, IR_PROTOCOL, "no %s in the answer",
		    c->secret_name);
	}
	if (c->reply) {
		c->err = (struct ir_err)IR_ERR_INIT;
		c->error_code[0] = '\0';
		settle(j, NULL);
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
	if (fix_skew(a, j, r, &e)) {
		/* the attempt said nothing about the call itself */
		c->attempts--;
		j->not_before = 0;
	} else if (class == IR_AWS_SLOW_DOWN) {
		retry(a, j, r, BASE_SLOW_MS);
	} else if (class == IR_AWS_BROKEN) {
		retry(a, j, r, BASE_BROKEN_MS);
	} else {
		settle(j, NULL);
	}
}

static void
take_answer(struct ir_aws *a, struct ir_http_req *r)
{
	struct job *j = r->arg;
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
		on_success(j, r);
	else
		on_error(a, j, r);
	ir_buf_free(&r->reply);
	clear_attempt(j);
}

static void
pause_until(const struct ir_aws *a, int64_t when)
{
	int64_t now = ir_mono_ms();
	struct timespec ts;

	if (a->deadline && when > a->deadline)
		when = a->deadline;
	if (when <= now)
		return;
	ts.tv_sec = (when - now) / 1000;
	ts.tv_nsec = (when - now) % 1000 * 1000000;
	nanosleep(&ts, NULL);
}

/*
 * One round: those jobs whose time has come, ROUND for each connection;
 * when there are none, wait for the first.  Returns the number not done.
 */
static size_t
one_round(struct ir_aws *a, struct job *jobs, size_t n,
    struct ir_http_req *reqs, size_t parallel)
{
	int64_t now = ir_mono_ms(), first = INT64_MAX;
	size_t i, k = 0, open = 0;

	for (i = 0; i < n && k < parallel * ROUND; i++) {
		if (jobs[i].done)
			continue;
		open++;
		if (jobs[i].not_before > now &&
		    (!a->deadline || now < a->deadline)) {
			if (jobs[i].not_before < first)
				first = jobs[i].not_before;
			continue;
		}
		k += prepare(a, &jobs[i], &reqs[k]);
	}
	if (k) {
		ir_http_run(a->http, reqs, k, parallel);
		for (i = 0; i < k; i++)
			take_answer(a, &reqs[i]);
	} else if (first != INT64_MAX) {
		pause_until(a, first);
	}
	return open;
}

static void
begin(struct ir_aws *a, struct job *j, struct ir_aws_call *c)
{
	const char *url = a->endpoint_url;
	const char *region = c->region ? c->region : ir_aws_region(a);

	memset(j, 0, sizeof *j);
	j->call = c;
	c->reply = NULL;
	c->http_status = c->attempts = 0;
	c->error_code[0] = c->request_id[0] = '\0';
	c->err = (struct ir_err)IR_ERR_INIT;
	if (!url)
		url = ir_endpoint_configured(c->service, a->config,
		    a->profile);
	if (ir_endpoint_find(c->service, region, url, &j->ep, &c->err))
		j->done = true;
}

size_t
ir_aws_do_many(struct ir_aws *a, struct ir_aws_call *calls, size_t n,
    size_t parallel)
{
	struct ir_http_req *reqs;
	struct job *jobs;
	size_t i, failed = 0;

	if (parallel == 0)
		parallel = PARALLEL;
	if (parallel > PARALLEL_MAX)
		parallel = PARALLEL_MAX;
	jobs = calloc(n ? n : 1, sizeof *jobs);
	reqs = calloc(parallel * ROUND, sizeof *reqs);
	for (i = 0; i < n; i++) {
		if (jobs && reqs)
			begin(a, &jobs[i], &calls[i]);
		else
			ir_fail(&calls[i].err, IR_OSERR, "no memory");
	}
	while (jobs && reqs && one_round(a, jobs, n, reqs, parallel))
		;
	for (i = 0; i < n; i++)
		failed += calls[i].err.code != 0;
	free(jobs);
	free(reqs);
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

/* The call for one page: a copy of call with the token in it. */
static int
page_call(const struct ir_aws_call *call, const char *token_in,
    const char *token, struct ir_aws_call *page, struct ir_rec **json,
    struct ir_aws_param **params, struct ir_err *err)
{
	*page = *call;
	*json = NULL;
	*params = NULL;
	if (!token)
		return 0;
	if (strcmp(call->service, "monitoring") == 0 ||
	    (call->json && !call->nparams)) {
		*json = call->json ? ir_rec_copy(call->json) :
		    ir_rec_object();
		if (!*json)
			return ir_fail(err, IR_OSERR, "no memory");
		ir_rec_str(*json, token_in, token);
		page->json = *json;
		return 0;
	}
	*params = calloc(call->nparams + 1, sizeof **params);
	if (!*params)
		return ir_fail(err, IR_OSERR, "no memory");
	if (call->nparams)
		memcpy(*params, call->params,
		    call->nparams * sizeof **params);
	(*params)[call->nparams].name = token_in;
	(*params)[call->nparams].value = token;
	page->params = *params;
	page->nparams = call->nparams + 1;
	return 0;
}

int
ir_aws_pages(struct ir_aws *a, struct ir_aws_call *call,
    const char *token_in, const char *token_out,
    int (*fn)(const struct ir_rec *reply, void *arg, struct ir_err *err),
    void *arg, struct ir_err *err)
{
	const struct ir_aws_call plain = *call;
	struct ir_aws_param *params;
	struct ir_rec *json;
	char *token = NULL;
	const char *next;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0; i++) {
		if (i == PAGES_MAX) {
			rc = ir_fail(err, IR_PROTOCOL, "%s: more than %d pages",
			    plain.operation, PAGES_MAX);
			break;
		}
		rc = page_call(&plain, token_in, token, call, &json, &params,
		    err);
		if (rc == 0)
			rc = ir_aws_do(a, call, err);
		if (rc == 0)
			rc = fn(call->reply, arg, err);
		next = rc == 0 ? ir_rec_get(call->reply, token_out) : NULL;
		if (next && token && strcmp(next, token) == 0)
			rc = ir_fail(err, IR_PROTOCOL,
			    "%s: the same page again", plain.operation);
		free(token);
		token = next && *next ? strdup(next) : NULL;
		ir_aws_call_free(call);
		ir_rec_free(json);
		free(params);
		/* what pointed into the page is gone */
		call->params = plain.params;
		call->nparams = plain.nparams;
		call->json = plain.json;
		if (!token)
			break;
	}
	free(token);
	return rc;
}
