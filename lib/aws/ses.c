/* ses.c - see ses.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "../core/file.h"
#include "../core/text.h"
#include "../incident/journal.h"
#include "ses.h"

#define DAY 86400
#define DAYS 14
#define VERIFY_TRIES 6

int
ir_aws_account(struct ir_aws *a, char account[13], char arn[512],
    struct ir_err *err)
{
	struct ir_aws_call c = { .service = "sts",
		.operation = "GetCallerIdentity" };
	const char *id;
	int rc = ir_aws_do(a, &c, err);

	if (rc == 0) {
		id = ir_rec_get(c.reply, "Account");
		if (id && strlen(id) == 12 && strspn(id, "0123456789") == 12)
			memcpy(account, id, 13);
		else
			rc = ir_fail(err, IR_PROTOCOL,
			    "sts: no account id in the reply");
		id = ir_rec_get(c.reply, "Arn");
		if (arn)
			snprintf(arn, 512, "%s", id ? id : "");
	}
	ir_aws_call_free(&c);
	return rc;
}

/* --- volume ------------------------------------------------------------ */

/* Counts of the days back from now; [0] is the last 24 hours. */
struct volume {
	int64_t now, day[DAYS + 1];
};

static void
count(struct volume *v, int64_t when, double sent)
{
	int64_t back = v->now - when;

	if (back < 0)
		back = 0;
	if (back < (DAYS + 1) * DAY && sent > 0 && sent < 1e12)
		v->day[back / DAY] += (int64_t)sent;
}

static void
sum_up(const struct volume *v, struct ir_ses_region *r)
{
	int i;

	r->volume = true;
	r->sent_14d = v->day[0];
	for (i = 1; i <= DAYS; i++) {
		r->honest += v->day[i];
		r->days += v->day[i] > 0;
	}
	r->sent_14d += r->honest;
	r->baseline = r->days >= 2;
}

static struct ir_rec *
metric_query(int64_t now)
{
	struct ir_rec *in = ir_rec_object(), *all = ir_rec_array();
	struct ir_rec *q = ir_rec_object(), *stat = ir_rec_object();
	struct ir_rec *m = ir_rec_object();

	ir_rec_str(m, "Namespace", "AWS/SES");
	ir_rec_str(m, "MetricName", "Send");
	ir_rec_set(stat, "Metric", m);
	ir_rec_int(stat, "Period", 3600);
	ir_rec_str(stat, "Stat", "Sum");
	ir_rec_str(q, "Id", "sent");
	ir_rec_set(q, "MetricStat", stat);
	ir_rec_push(all, q);
	ir_rec_set(in, "MetricDataQueries", all);
	ir_rec_int(in, "StartTime", (now - DAYS * DAY) / 3600 * 3600);
	ir_rec_int(in, "EndTime", now);
	return in;
}

static int
count_metric(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *t, *n;
	size_t i;

	(void)err;
	t = ir_rec_at(reply, "MetricDataResults.0.Timestamps");
	n = ir_rec_at(reply, "MetricDataResults.0.Values");
	if (!t || !n || ir_rec_kind(t) != IR_REC_ARRAY ||
	    ir_rec_kind(n) != IR_REC_ARRAY)
		return 0;
	for (i = 0; i < ir_rec_len(t) && i < ir_rec_len(n); i++)
		count(arg, (int64_t)ir_rec_get_num(ir_rec_item(t, i), "", 0),
		    ir_rec_get_num(ir_rec_item(n, i), "", 0));
	return 0;
}

static void
count_statistics(struct volume *v, const struct ir_rec *reply)
{
	const struct ir_rec *all = ir_rec_at(reply, "SendDataPoints"), *p;
	const char *when, *sent;
	int64_t t;
	size_t i;

	if (!all || ir_rec_kind(all) != IR_REC_ARRAY)
		return;
	for (i = 0; i < ir_rec_len(all); i++) {
		p = ir_rec_item(all, i);
		when = ir_rec_get(p, "Timestamp");
		sent = ir_rec_get(p, "DeliveryAttempts");
		if (when && sent && ir_time_parse(when, &t) == 0)
			count(v, t, strtod(sent, NULL));
	}
}

/* --- survey ------------------------------------------------------------ */

static void
fill_account(struct ir_aws_call *c)
{
	c->service = "sesv2";
	c->operation = "GetAccount";
	c->method = "GET";
	c->path = "/v2/email/account";
}

static void
read_account(struct ir_ses_region *r, const struct ir_aws_call *c)
{
	const struct ir_rec *sending;
	const char *e;

	r->err = c->err;
	r->disabled = c->disabled;
	if (c->err.code || c->disabled)
		return;
	sending = ir_rec_at(c->reply, "SendingEnabled");
	if (!sending || ir_rec_kind(sending) != IR_REC_BOOL) {
		ir_fail(&r->err, IR_PROTOCOL,
		    "%s: GetAccount does not say whether it sends", r->name);
		return;
	}
	r->sending = ir_rec_get_bool(c->reply, "SendingEnabled", false);
	e = ir_rec_get(c->reply, "EnforcementStatus");
	snprintf(r->enforcement, sizeof r->enforcement, "%s", e ? e : "");
	r->sent_24h = (int64_t)ir_rec_get_num(c->reply,
	    "SendQuota.SentLast24Hours", -1);
}

/* What a sweep of ours is about: some regions, as they are numbered in it. */
struct survey {
	struct ir_ses_region *r[IR_SES_REGIONS_MAX];
	const char *names[IR_SES_REGIONS_MAX];
	size_t n;
	bool on[IR_SES_REGIONS_MAX];	/* of a switch */
	struct ir_rec *in[2];		/* of the calls */
	struct volume v[IR_SES_REGIONS_MAX];
	struct ir_aws_paging paging[IR_SES_REGIONS_MAX];
	bool all[IR_SES_REGIONS_MAX];	/* every page has come */
};

static void
add(struct survey *s, struct ir_ses_region *r)
{
	s->names[s->n] = r->name;
	s->r[s->n++] = r;
}

/* Ask all regions of s; when that is not possible they have err set. */
static void
sweep(struct ir_aws *a, struct survey *s, size_t calls,
    void (*ask)(struct ir_aws_call *c, size_t i, size_t k, void *arg),
    void (*answer)(const struct ir_aws_call *c, size_t i, size_t k,
    void *arg))
{
	const struct ir_aws_sweep w = { .regions = s->names, .n = s->n,
		.calls = calls, .ask = ask, .answer = answer, .arg = s };
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	if (s->n && ir_aws_sweep(a, &w, &err))
		for (i = 0; i < s->n; i++)
			s->r[i]->err = err;
}

static void
ask_survey(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct survey *s = arg;

	if (k == 0) {
		fill_account(c);
		return;
	}
	c->service = "monitoring";
	c->operation = "GetMetricData";
	c->json = s->in[0];
	s->paging[i] = (struct ir_aws_paging){ .fn = count_metric,
		.arg = &s->v[i] };
	c->pages = &s->paging[i];
}

static void
take_survey(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct survey *s = arg;

	if (k == 0)
		read_account(s->r[i], c);
	else
		s->all[i] = c->err.code == 0;
}

static void
ask_statistics(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	(void)i;
	(void)k;
	(void)arg;
	c->service = "ses";
	c->operation = "GetSendStatistics";
}

static void
take_statistics(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct survey *s = arg;
	struct volume v = { .now = s->v[0].now };

	(void)k;
	if (c->err.code)
		return;
	count_statistics(&v, c->reply);
	sum_up(&v, s->r[i]);
}

/* Regions whose CloudWatch answered; the others get a second chance. */
static void
read_volume(struct ir_aws *a, struct survey *s)
{
	struct survey rest = { .v[0].now = s->v[0].now };
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->r[i]->err.code || s->r[i]->disabled)
			continue;
		if (s->all[i])
			sum_up(&s->v[i], s->r[i]);
		else
			add(&rest, s->r[i]);
	}
	sweep(a, &rest, 1, ask_statistics, take_statistics);
}

size_t
ir_ses_survey(struct ir_aws *a, struct ir_ses_region *r, size_t n,
    bool volume, int64_t now)
{
	struct survey s = { .in[0] = metric_query(now) };
	size_t i, failed = 0;

	for (i = 0; i < n; i++) {
		r[i].sent_24h = -1;
		s.v[i].now = now;
		add(&s, &r[i]);
	}
	sweep(a, &s, volume ? 2 : 1, ask_survey, take_survey);
	if (volume && n)
		read_volume(a, &s);
	for (i = 0; i < n; i++)
		failed += r[i].err.code != 0;
	ir_rec_free(s.in[0]);
	return failed;
}

/* --- switch ------------------------------------------------------------ */

static void
ask_switched(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	(void)i;
	(void)k;
	(void)arg;
	fill_account(c);
}

static void
take_switched(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct survey *s = arg;

	(void)k;
	read_account(s->r[i], c);
}

/*
 * Is it so yet?  Those that are not, or cannot say, stay in s.  Being
 * throttled is no verdict: SES allows one call a second.
 */
static void
verify(struct ir_aws *a, struct survey *s)
{
	struct ir_ses_region *r;
	size_t i, left = 0;

	sweep(a, s, 1, ask_switched, take_switched);
	for (i = 0; i < s->n; i++) {
		r = s->r[i];
		if (r->err.code ? r->err.code != IR_TEMPFAIL :
		    r->sending == s->on[i])
			continue;
		s->names[left] = r->name;
		s->on[left] = s->on[i];
		s->r[left++] = r;
	}
	s->n = left;
}

static void
ask_switch(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct survey *s = arg;

	(void)k;
	c->service = "sesv2";
	c->operation = "PutAccountSendingAttributes";
	c->method = "PUT";
	c->path = "/v2/email/account/sending";
	c->json = s->in[s->on[i]];
}

static void
take_switch(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct survey *s = arg;

	(void)k;
	s->r[i]->err = c->err;
	/* known only by asking: not what was asked for */
	s->r[i]->sending = !s->on[i];
}

/* The switches themselves; those that were taken stay in s. */
static void
put_all(struct ir_aws *a, struct survey *s)
{
	size_t i, left = 0;

	for (i = 0; i < 2; i++) {
		s->in[i] = ir_rec_object();
		ir_rec_bool(s->in[i], "SendingEnabled", i == 1);
	}
	sweep(a, s, 1, ask_switch, take_switch);
	for (i = 0; i < s->n; i++) {
		if (s->r[i]->err.code)
			continue;
		s->names[left] = s->names[i];
		s->on[left] = s->on[i];
		s->r[left++] = s->r[i];
	}
	s->n = left;
	ir_rec_free(s->in[0]);
	ir_rec_free(s->in[1]);
}

size_t
ir_ses_switch(struct ir_aws *a, struct ir_ses_region **r, const bool *on,
    size_t n)
{
	struct timespec pause = { 0, 100 * 1000 * 1000 };
	struct survey s = { 0 };
	size_t i, failed = 0, tries;

	for (i = 0; i < n; i++) {
		s.on[i] = on[i];
		add(&s, r[i]);
	}
	put_all(a, &s);
	for (tries = 0; s.n && tries < VERIFY_TRIES && !ir_stopped();
	    tries++) {
		if (tries)
			nanosleep(&pause, NULL);
		if (tries && pause.tv_nsec < 800000000)
			pause.tv_nsec *= 2;
		verify(a, &s);
	}
	for (i = 0; i < s.n; i++)
		if (!s.r[i]->err.code)
			ir_fail(&s.r[i]->err, IR_TEMPFAIL,
			    "%s: asked for, but GetAccount does not show it",
			    s.r[i]->name);
	for (i = 0; i < n; i++)
		failed += r[i]->err.code != 0;
	return failed;
}

/* --- state ------------------------------------------------------------- */

static int
state_path(struct ir_state *s, const char *incident, const char *name,
    const char *suffix, bool write, struct ir_err *err)
{
	char dir[PATH_MAX - 128];
	int n;

	if (incident) {
		n = snprintf(dir, sizeof dir, "%s/state", incident);
		if (n < 0 || (size_t)n >= sizeof dir)
			return ir_fail(err, IR_CANTCREAT, "%s: too long",
			    incident);
		n = snprintf(s->path, sizeof s->path, "%s/%s.json", dir, name);
	} else {
		if (ir_state_name(dir, sizeof dir, err))
			return -1;
		n = snprintf(s->path, sizeof s->path, "%s/%s-%s.json", dir,
		    name, suffix);
	}
	if (n < 0 || (size_t)n >= sizeof s->path - 8)
		return ir_fail(err, IR_CANTCREAT, "state file: name too long");
	return write ? ir_mkdirs(dir, 0700, err) : 0;
}

static int
state_lock(struct ir_state *s, struct ir_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%.*s.lock", (int)sizeof path - 8,
	    s->path);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_CANTCREAT),
		    errno, "%s", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return ir_fail(err, IR_TEMPFAIL, "%s: another run is at work", path);
}

int
ir_state_open(struct ir_state *s, const char *incident, const char *name,
    const char *suffix, bool write, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1 << 20);
	int rc = 0;

	s->lock = -1;
	s->rec = NULL;
	if (state_path(s, incident, name, suffix, write, err) ||
	    (write && state_lock(s, err))) {
		rc = -1;
	} else if (access(s->path, F_OK) && errno == ENOENT) {
		s->rec = ir_rec_object();
	} else if (ir_buf_read_file(&b, s->path, err)) {
		rc = -1;
	} else {
		s->rec = ir_rec_parse(ir_buf_cstr(&b), b.len, err);
		if (s->rec && ir_rec_kind(s->rec) != IR_REC_OBJECT) {
			ir_rec_free(s->rec);
			s->rec = NULL;
			ir_fail(err, IR_DATAERR, "not an object");
		}
		if (!s->rec) {
			ir_fail_prefix(err, "%s", s->path);
			ir_hint(err, "it says how things were: mend it or "
			    "move it away by hand");
			rc = -1;
		}
	}
	if (!s->rec)
		s->rec = ir_rec_object();
	ir_buf_free(&b);
	return rc;
}

int
ir_state_save(struct ir_state *s, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1 << 20);
	int rc;

	ir_rec_json(s->rec, &b);
	ir_buf_chr(&b, '\n');
	rc = ir_buf_check(&b, "state", err);
	if (rc == 0)
		rc = ir_file_replace(s->path, b.data, b.len, 0600, err);
	ir_buf_free(&b);
	return rc;
}

void
ir_state_close(struct ir_state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
	ir_rec_free(s->rec);
	s->rec = NULL;
}
