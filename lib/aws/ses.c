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
#define PAGES 40		/* of GetMetricData for one region */

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
metric_query(int64_t now, const char *token)
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
	if (token)
		ir_rec_str(in, "NextToken", token);
	return in;
}

static void
count_metric(struct volume *v, const struct ir_rec *reply)
{
	const struct ir_rec *t, *n;
	size_t i;

	t = ir_rec_at(reply, "MetricDataResults.0.Timestamps");
	n = ir_rec_at(reply, "MetricDataResults.0.Values");
	if (!t || !n || ir_rec_kind(t) != IR_REC_ARRAY ||
	    ir_rec_kind(n) != IR_REC_ARRAY)
		return;
	for (i = 0; i < ir_rec_len(t) && i < ir_rec_len(n); i++)
		count(v, (int64_t)ir_rec_get_num(ir_rec_item(t, i), "", 0),
		    ir_rec_get_num(ir_rec_item(n, i), "", 0));
}

/* The pages behind the first; 0 when all of them came. */
static int
more_metric(struct ir_aws *a, const char *region, struct volume *v,
    const struct ir_rec *first)
{
	const char *token = ir_rec_get(first, "NextToken");
	struct ir_aws_call c = { 0 };
	struct ir_rec *in;
	int rc = 0, pages = 0;

	while (rc == 0 && token && *token) {
		if (++pages > PAGES) {
			rc = -1;
			break;
		}
		in = metric_query(v->now, token);
		ir_aws_call_free(&c);
		c = (struct ir_aws_call){ .service = "monitoring",
			.operation = "GetMetricData", .region = region,
			.json = in };
		rc = ir_aws_do(a, &c, NULL);
		ir_rec_free(in);
		if (rc == 0)
			count_metric(v, c.reply);
		token = rc ? NULL : ir_rec_get(c.reply, "NextToken");
	}
	ir_aws_call_free(&c);
	return rc;
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

static struct ir_aws_call
account_call(const char *region)
{
	return (struct ir_aws_call){ .service = "sesv2",
		.operation = "GetAccount", .region = region, .method = "GET",
		.path = "/v2/email/account" };
}

static void
read_account(struct ir_ses_region *r, const struct ir_aws_call *c)
{
	const struct ir_rec *sending;
	const char *e;

	r->err = c->err;
	if (c->err.code)
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

/* Not the key's fault: GetCallerIdentity has just taken it. */
static bool
key_unknown_there(const struct ir_aws_call *c)
{
	return strcmp(c->error_code, "UnrecognizedClientException") == 0 ||
	    strcmp(c->error_code, "InvalidClientTokenId") == 0 ||
	    strcmp(c->error_code, "AuthFailure") == 0;
}

static bool
opted_out(const struct ir_rec *regions, const char *name)
{
	const char *n, *status;
	size_t i;

	for (i = 0; regions && i < ir_rec_len(regions); i++) {
		n = ir_rec_get(ir_rec_item(regions, i), "regionName");
		status = ir_rec_get(ir_rec_item(regions, i), "optInStatus");
		if (n && status && strcmp(n, name) == 0)
			return strcmp(status, "not-opted-in") == 0;
	}
	return false;
}

/*
 * A region that refused the key may be one that the account never opted
 * into.  Only EC2 can tell; when it does not, the refusal stands.
 */
static void
find_disabled(struct ir_aws *a, struct ir_ses_region *r, size_t n,
    const struct ir_aws_call *calls)
{
	static const struct ir_aws_param all[] = { { "AllRegions", "true" } };
	struct ir_aws_call c = { .service = "ec2",
		.operation = "DescribeRegions", .params = all, .nparams = 1 };
	bool asked = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!r[i].err.code || !key_unknown_there(&calls[i]))
			continue;
		if (!asked && ir_aws_do(a, &c, NULL))
			break;
		asked = true;
		if (opted_out(ir_rec_at(c.reply, "regionInfo"), r[i].name)) {
			r[i].disabled = true;
			r[i].err = (struct ir_err)IR_ERR_INIT;
		}
	}
	ir_aws_call_free(&c);
}

/* Regions whose CloudWatch answered; the others get a second chance. */
static void
read_volume(struct ir_aws *a, struct ir_ses_region *r, size_t n,
    const struct ir_aws_call *metric, int64_t now)
{
	struct ir_aws_call *calls = calloc(n, sizeof *calls);
	size_t *of = calloc(n, sizeof *of), i, m = 0;
	struct volume v;

	for (i = 0; calls && of && i < n; i++) {
		v = (struct volume){ .now = now };
		if (r[i].err.code || r[i].disabled)
			continue;
		if (metric[i].err.code == 0) {
			count_metric(&v, metric[i].reply);
			if (more_metric(a, r[i].name, &v,
			    metric[i].reply) == 0) {
				sum_up(&v, &r[i]);
				continue;
			}
		}
		calls[m] = (struct ir_aws_call){ .service = "ses",
			.operation = "GetSendStatistics",
			.region = r[i].name };
		of[m++] = i;
	}
	if (m)
		(void)ir_aws_do_many(a, calls, m, 0);
	for (i = 0; i < m; i++) {
		if (calls[i].err.code == 0) {
			v = (struct volume){ .now = now };
			count_statistics(&v, calls[i].reply);
			sum_up(&v, &r[of[i]]);
		}
		ir_aws_call_free(&calls[i]);
	}
	free(calls);
	free(of);
}

size_t
ir_ses_survey(struct ir_aws *a, struct ir_ses_region *r, size_t n,
    bool volume, int64_t now)
{
	struct ir_aws_call *calls = calloc(2 * n + 1, sizeof *calls);
	struct ir_rec *query = metric_query(now, NULL);
	size_t i, failed = 0;

	for (i = 0; i < n && calls; i++) {
		calls[i] = account_call(r[i].name);
		calls[n + i] = (struct ir_aws_call){ .service = "monitoring",
			.operation = "GetMetricData", .region = r[i].name,
			.json = query };
	}
	if (calls)
		(void)ir_aws_do_many(a, calls, volume ? 2 * n : n, 0);
	for (i = 0; i < n; i++) {
		r[i].sent_24h = -1;
		if (calls)
			read_account(&r[i], &calls[i]);
		else
			ir_fail(&r[i].err, IR_OSERR, "no memory");
	}
	if (calls) {
		find_disabled(a, r, n, calls);
		if (volume)
			read_volume(a, r, n, calls + n, now);
	}
	for (i = 0; i < 2 * n && calls; i++)
		ir_aws_call_free(&calls[i]);
	for (i = 0; i < n; i++)
		failed += r[i].err.code != 0;
	ir_rec_free(query);
	free(calls);
	return failed;
}

/* --- switch ------------------------------------------------------------ */

/*
 * Ask all that are pending; how many still are.  Being throttled is no
 * verdict: SES allows one call a second.
 */
static size_t
verify(struct ir_aws *a, struct ir_ses_region **r, const bool *on,
    bool *pending, size_t n, struct ir_aws_call *calls)
{
	size_t of[IR_SES_REGIONS_MAX], i, m = 0, left = 0;

	for (i = 0; i < n; i++)
		if (pending[i]) {
			calls[m] = account_call(r[i]->name);
			of[m++] = i;
		}
	if (m)
		(void)ir_aws_do_many(a, calls, m, 0);
	for (i = 0; i < m; i++) {
		struct ir_ses_region *one = r[of[i]];

		read_account(one, &calls[i]);
		pending[of[i]] = one->err.code ?
		    one->err.code == IR_TEMPFAIL : one->sending != on[of[i]];
		left += pending[of[i]];
		ir_aws_call_free(&calls[i]);
	}
	return left;
}

/* The switches themselves; pending[i]: it was taken. */
static void
put_all(struct ir_aws *a, struct ir_ses_region **r, const bool *on,
    bool *pending, size_t n, struct ir_aws_call *calls)
{
	struct ir_rec *body[2] = { ir_rec_object(), ir_rec_object() };
	size_t i;

	ir_rec_bool(body[0], "SendingEnabled", false);
	ir_rec_bool(body[1], "SendingEnabled", true);
	for (i = 0; i < n; i++)
		calls[i] = (struct ir_aws_call){ .service = "sesv2",
			.operation = "PutAccountSendingAttributes",
			.region = r[i]->name, .method = "PUT",
			.path = "/v2/email/account/sending",
			.json = body[on[i]] };
	(void)ir_aws_do_many(a, calls, n, 0);
	for (i = 0; i < n; i++) {
		r[i]->err = calls[i].err;
		pending[i] = !calls[i].err.code;
		/* known only by asking: not what was asked for */
		r[i]->sending = !on[i];
		ir_aws_call_free(&calls[i]);
	}
	ir_rec_free(body[0]);
	ir_rec_free(body[1]);
}

size_t
ir_ses_switch(struct ir_aws *a, struct ir_ses_region **r, const bool *on,
    size_t n)
{
	struct ir_aws_call *calls = calloc(n + 1, sizeof *calls);
	struct timespec pause = { 0, 100 * 1000 * 1000 };
	bool pending[IR_SES_REGIONS_MAX];
	size_t i, failed = 0, tries;

	if (calls)
		put_all(a, r, on, pending, n, calls);
	for (tries = 0; calls && tries < VERIFY_TRIES &&
	    verify(a, r, on, pending, n, calls); tries++) {
		nanosleep(&pause, NULL);
		pause.tv_nsec = pause.tv_nsec < 400000000 ?
		    pause.tv_nsec * 2 : 800000000;
	}
	for (i = 0; i < n; i++) {
		if (!calls)
			ir_fail(&r[i]->err, IR_OSERR, "no memory");
		else if (!r[i]->err.code && pending[i])
			ir_fail(&r[i]->err, IR_TEMPFAIL,
			    "%s: asked for, but GetAccount does not show it",
			    r[i]->name);
		failed += r[i]->err.code != 0;
	}
	free(calls);
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
