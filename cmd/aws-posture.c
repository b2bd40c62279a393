/*
 * aws-posture - is an account ready for the next night
 *
 * Reads what AWS says of root, MFA, GuardDuty, CloudTrail, alarms on mail and
 * the security contact; writes a record of type posture for each, with the
 * command that mends it.  Changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/credreport.h"
#include "aws/trace.h"
#include "core/buf.h"
#include "core/cli.h"

#define REGIONS_MAX 64

enum verdict { PASS, FAIL, UNKNOWN };

struct posture {
	struct ir_common common;
	struct ir_aws_opts aws_opts;
	long wait;
	struct ir_aws *aws;
	struct ir_out *out;
	const char *regions[REGIONS_MAX];	/* where alarms are wanted */
	size_t n;
	size_t failed;
	/* of the sweep for GuardDuty */
	const char *all[REGIONS_MAX];
	char detector[REGIONS_MAX][64], path[REGIONS_MAX][96];
	enum verdict on[REGIONS_MAX];
	size_t nall;
	struct ir_err guard_err;
};

static const struct ir_cmd cmd = {
	"aws-posture", "is an account ready for the next night",
	"[options] [region ...]"
};

static const struct ir_col cols[] = {
	{ "id", "CHECK" }, { "region", "REGION" }, { "verdict", "VERDICT" },
	{ "text", "WHAT" }, { "fix", "MEND IT BY" }, { NULL, NULL }
};

/* --- saying ------------------------------------------------------------ */

static struct ir_rec *
check(const char *id, enum verdict v, const char *text)
{
	static const char *const words[] = { "pass", "fail", "unknown" };
	struct ir_rec *rec = ir_rec_new("posture", id);

	ir_rec_str(rec, "verdict", words[v]);
	ir_rec_str(rec, "text", text);
	return rec;
}

static void
put(struct posture *p, struct ir_rec *rec, enum verdict v, const char *fix)
{
	if (v == FAIL && fix)
		ir_rec_str(rec, "fix", fix);
	p->failed += v == FAIL;
	ir_out_put(p->out, rec);
}

static void
put_unknown(struct posture *p, const char *id, const struct ir_err *err)
{
	ir_out_put(p->out, check(id, UNKNOWN, err->msg));
}

/* --- people ------------------------------------------------------------ */

/* A number of the account's summary, or -1. */
static long
summary(const struct ir_rec *reply, const char *key)
{
	const struct ir_rec *map = ir_rec_at(reply, "SummaryMap"), *e;
	const char *k, *v;
	size_t i;

	for (i = 0; map && i < ir_rec_len(map); i++) {
		e = ir_rec_item(map, i);
		k = ir_rec_get(e, "key");
		v = ir_rec_get(e, "value");
		if (k && v && strcmp(k, key) == 0)
			return strtol(v, NULL, 10);
	}
	return -1;
}

/* Fresh, while the credential report may be hours old. */
static void
root(struct posture *p)
{
	struct ir_aws_call c = { .service = "iam",
	    .operation = "GetAccountSummary" };
	struct ir_err err = IR_ERR_INIT;
	long mfa = -1, keys = -1;
	enum verdict v;

	if (ir_aws_do(p->aws, &c, &err) == 0) {
		mfa = summary(c.reply, "AccountMFAEnabled");
		keys = summary(c.reply, "AccountAccessKeysPresent");
		if (mfa < 0 || keys < 0)
			ir_fail(&err, IR_PROTOCOL,
			    "GetAccountSummary: not understood");
	}
	ir_aws_call_free(&c);
	if (err.code) {
		put_unknown(p, "root-mfa", &err);
		put_unknown(p, "root-key", &err);
		return;
	}
	v = mfa ? PASS : FAIL;
	put(p, check("root-mfa", v, mfa ? "the root user has MFA" :
	    "the root user has no MFA"), v,
	    "sign in as root: Security credentials, Assign MFA device");
	v = keys ? FAIL : PASS;
	put(p, check("root-key", v, keys ? "the root user has an access key" :
	    "the root user has no access key"), v,
	    "sign in as root: Security credentials, deactivate its keys");
}

/* Users with a password and no second factor, by name. */
static void
mfa_check(struct posture *p, const struct ir_credreport *c)
{
	struct ir_rec *names = ir_rec_array(), *rec;
	enum verdict v;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (!c->row[i].root && c->row[i].password && !c->row[i].mfa &&
		    ir_rec_len(names) < 100)
			ir_rec_push_str(names, c->row[i].name);
	v = ir_rec_len(names) ? FAIL : PASS;
	rec = check("user-mfa", v, v == FAIL ?
	    "users with a password and no MFA" :
	    "every user with a password has MFA");
	if (v == FAIL)
		ir_rec_set(rec, "users", names);
	else
		ir_rec_free(names);
	put(p, rec, v, "each of them: Security credentials, Assign MFA "
	    "device; until then aws iam delete-login-profile --user-name "
	    "NAME");
}

static void
people(struct posture *p)
{
	struct ir_credreport c = { .n = 0 };
	struct ir_err err = IR_ERR_INIT;
	size_t calls = 0;

	root(p);
	if (ir_credreport_get(p->aws, p->wait, &c, &calls, &err)) {
		put_unknown(p, "user-mfa", &err);
		return;
	}
	mfa_check(p, &c);
	ir_credreport_free(&c);
}

/* --- GuardDuty --------------------------------------------------------- */

static void
ask_detectors(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	(void)i;
	(void)k;
	(void)arg;
	c->service = "guardduty";
	c->operation = "ListDetectors";
	c->method = "GET";
	c->path = "/detector";
}

static void
take_detectors(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct posture *p = arg;
	const char *id = ir_rec_get(c->reply, "detectorIds.0");

	(void)k;
	p->on[i] = c->disabled ? PASS : c->err.code ? UNKNOWN : FAIL;
	if (c->err.code && !c->disabled)
		p->guard_err = c->err;
	if (id && strspn(id, "0123456789abcdef") == strlen(id) &&
	    strlen(id) < sizeof p->detector[i])
		memcpy(p->detector[i], id, strlen(id) + 1);
}

static void
ask_status(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct posture *p = arg;
	char id[sizeof p->detector[i]];

	ask_detectors(c, i, k, arg);
	if (!*p->detector[i])
		return;
	memcpy(id, p->detector[i], sizeof id);
	c->operation = "GetDetector";
	snprintf(p->path[i], sizeof p->path[i], "/detector/%s", id);
	c->path = p->path[i];
}

static void
take_status(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct posture *p = arg;
	const char *s = ir_rec_get(c->reply, "status");

	(void)k;
	if (!*p->detector[i])
		return;
	p->on[i] = c->err.code ? UNKNOWN : s && strcmp(s, "ENABLED") == 0 ?
	    PASS : FAIL;
	if (c->err.code)
		p->guard_err = c->err;
}

static void
guardduty(struct posture *p)
{
	struct ir_aws_sweep w = { .regions = p->all, .calls = 1, .arg = p,
	    .ask = ask_detectors, .answer = take_detectors };
	const char *const *r = ir_aws_ses_regions(p->aws);
	struct ir_rec *off = ir_rec_array(), *rec;
	struct ir_buf fix = IR_BUF(8192);
	enum verdict v = PASS;
	size_t i;

	for (; *r && p->nall < REGIONS_MAX; r++)
		p->all[p->nall++] = *r;
	w.n = p->nall;
	(void)ir_aws_sweep(p->aws, &w, &p->guard_err);
	w.ask = ask_status;
	w.answer = take_status;
	(void)ir_aws_sweep(p->aws, &w, &p->guard_err);
	ir_buf_str(&fix, "for r in");
	for (i = 0; i < p->nall; i++) {
		if (p->on[i] == FAIL) {
			ir_rec_push_str(off, p->all[i]);
			ir_buf_fmt(&fix, " %s", p->all[i]);
			v = FAIL;
		} else if (p->on[i] == UNKNOWN && v == PASS) {
			v = UNKNOWN;
		}
	}
	ir_buf_str(&fix, "; do aws guardduty create-detector --enable "
	    "--region \"$r\"; done");
	rec = check("guardduty", v, v == PASS ?
	    "GuardDuty is on in every region that has SES" : v == FAIL ?
	    "GuardDuty is off in some regions" : p->guard_err.msg);
	if (v == FAIL)
		ir_rec_set(rec, "off", ir_rec_copy(off));
	ir_rec_free(off);
	put(p, rec, v, ir_buf_cstr(&fix));
	ir_buf_free(&fix);
}

/* --- CloudTrail -------------------------------------------------------- */

/* Does it write now? */
static enum verdict
trail_logs(struct posture *p, const char *arn, const char *home,
    struct ir_err *err)
{
	struct ir_rec *in = ir_rec_object();
	struct ir_aws_call c = { .service = "cloudtrail", .region = home,
	    .operation = "GetTrailStatus", .json = in };
	enum verdict v = UNKNOWN;

	ir_rec_str(in, "Name", arn);
	if (ir_aws_do(p->aws, &c, err) == 0)
		v = ir_rec_get_bool(c.reply, "IsLogging", false) ? PASS :
		    FAIL;
	ir_aws_call_free(&c);
	ir_rec_free(in);
	return v;
}

static void
trails(struct posture *p)
{
	struct ir_rec *in = ir_rec_object(), *rec;
	struct ir_aws_call c = { .service = "cloudtrail",
	    .operation = "DescribeTrails", .json = in };
	struct ir_err err = IR_ERR_INIT;
	const struct ir_rec *list, *t;
	const char *arn, *home, *text = "no trail of all regions";
	char fix[512] = "aws cloudtrail create-trail --name quell "
	    "--s3-bucket-name BUCKET --is-multi-region-trail "
	    "--enable-log-file-validation && aws cloudtrail start-logging "
	    "--name quell";
	enum verdict v = FAIL, one;
	size_t i;

	if (ir_aws_do(p->aws, &c, &err))
		v = UNKNOWN;
	list = ir_rec_at(c.reply, "trailList");
	for (i = 0; v == FAIL && list && i < ir_rec_len(list); i++) {
		t = ir_rec_item(list, i);
		arn = ir_rec_get(t, "TrailARN");
		home = ir_rec_get(t, "HomeRegion");
		if (!arn || !home || !ir_aws_region_ok(home) ||
		    !ir_rec_get_bool(t, "IsMultiRegionTrail", false))
			continue;
		one = trail_logs(p, arn, home, &err);
		if (one != FAIL) {
			v = one;
			continue;
		}
		text = "a trail of all regions is there, and stopped";
		snprintf(fix, sizeof fix, "aws cloudtrail start-logging "
		    "--name %.300s --region %.40s", arn, home);
	}
	rec = check("trail", v, v == PASS ? "a trail of all regions writes" :
	    v == FAIL ? text : err.msg);
	put(p, rec, v, fix);
	ir_aws_call_free(&c);
	ir_rec_free(in);
}

/* --- alarms ------------------------------------------------------------ */

static const struct alarm {
	const char *id, *metric, *other, *fix;
} alarms[] = {
	{ "alarm-send", "Send", NULL, "--metric-name Send --statistic Sum "
	    "--period 3600 --threshold A-BUSY-HOUR" },
	{ "alarm-bounce", "Reputation.BounceRate", "Bounce",
	    "--metric-name Reputation.BounceRate --statistic Average "
	    "--period 900 --threshold 0.04" },
	{ "alarm-complaint", "Reputation.ComplaintRate", "Complaint",
	    "--metric-name Reputation.ComplaintRate --statistic Average "
	    "--period 900 --threshold 0.0008" },
};
#define ALARMS (sizeof alarms / sizeof *alarms)

static int
take_alarms(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "MetricAlarms"), *a;
	const char *space, *metric;
	bool *there = arg;
	size_t i, k;

	(void)err;
	for (i = 0; all && i < ir_rec_len(all); i++) {
		a = ir_rec_item(all, i);
		space = ir_rec_get(a, "Namespace");
		metric = ir_rec_get(a, "MetricName");
		/* an alarm that tells nobody is none */
		if (!space || !metric || strcmp(space, "AWS/SES") != 0 ||
		    !ir_rec_get_bool(a, "ActionsEnabled", false) ||
		    ir_rec_len(ir_rec_at(a, "AlarmActions")) == 0)
			continue;
		for (k = 0; k < ALARMS; k++)
			if (strcmp(metric, alarms[k].metric) == 0 ||
			    (alarms[k].other &&
			    strcmp(metric, alarms[k].other) == 0))
				there[k] = true;
	}
	return 0;
}

static void
alarm_checks(struct posture *p, const char *region)
{
	struct ir_rec *in = ir_rec_object(), *rec;
	struct ir_aws_call c = { .service = "monitoring", .region = region,
	    .operation = "DescribeAlarms", .json = in };
	bool there[ALARMS] = { false };
	struct ir_err err = IR_ERR_INIT;
	char fix[512], text[128];
	enum verdict v;
	size_t k;
	int rc = ir_aws_pages(p->aws, &c, NULL, NULL, take_alarms, there,
	    &err);

	for (k = 0; k < ALARMS; k++) {
		v = rc ? UNKNOWN : there[k] ? PASS : FAIL;
		snprintf(text, sizeof text, v == PASS ?
		    "an alarm on %s tells somebody" :
		    "no alarm on %s tells anybody", alarms[k].metric);
		rec = check(alarms[k].id, v, rc ? err.msg : text);
		ir_rec_str(rec, "region", region);
		snprintf(fix, sizeof fix, "aws cloudwatch put-metric-alarm "
		    "--region %s --alarm-name quell-%s --namespace AWS/SES "
		    "%s --comparison-operator GreaterThanOrEqualToThreshold "
		    "--evaluation-periods 1 --treat-missing-data notBreaching "
		    "--alarm-actions TOPIC-ARN", region, alarms[k].id,
		    alarms[k].fix);
		put(p, rec, v, fix);
	}
	ir_rec_free(in);
}

/* --- who is told ------------------------------------------------------- */

static void
contact(struct posture *p)
{
	struct ir_rec *in = ir_rec_object(), *rec;
	struct ir_aws_call c = { .service = "account",
	    .operation = "GetAlternateContact", .method = "POST",
	    .path = "/getAlternateContact", .json = in };
	struct ir_err err = IR_ERR_INIT;
	const char *mail;
	enum verdict v = UNKNOWN;

	ir_rec_str(in, "AlternateContactType", "SECURITY");
	if (ir_aws_do(p->aws, &c, &err) == 0)
		v = PASS;
	else if (strcmp(c.error_code, "ResourceNotFoundException") == 0)
		v = FAIL;
	mail = ir_rec_get(c.reply, "AlternateContact.EmailAddress");
	rec = check("security-contact", v, v == PASS ?
	    "AWS writes to a security contact; does a person read that?" :
	    v == FAIL ? "no security contact: AWS writes to the root "
	    "address only" : err.msg);
	if (mail)
		ir_rec_str(rec, "address", mail);
	put(p, rec, v, "aws account put-alternate-contact "
	    "--alternate-contact-type SECURITY --name NAME --title TITLE "
	    "--email-address ADDRESS --phone-number NUMBER");
	ir_aws_call_free(&c);
	ir_rec_free(in);
}

static int
read_regions(struct posture *p, char **operands, int n, struct ir_err *err)
{
	int i;

	for (i = 0; i < n; i++) {
		if (!ir_aws_region_ok(operands[i]))
			return ir_fail(err, IR_DATAERR, "not a region: %s",
			    operands[i]);
		if (p->n == REGIONS_MAX)
			return ir_fail(err, IR_DATAERR, "more than %d regions",
			    REGIONS_MAX);
		p->regions[p->n++] = operands[i];
	}
	if (p->n == 0 && ir_aws_region(p->aws))
		p->regions[p->n++] = ir_aws_region(p->aws);
	return p->n ? 0 : ir_fail(err, IR_CONFIG, "no region: --region");
}

int
main(int argc, char **argv)
{
	static struct posture p = { .wait = 10 };
	const struct ir_opt opts[] = {
		{ 0, "report-wait", "SECONDS", IR_SECONDS, &p.wait,
		    "wait for the credential report; default: 10" },
		IR_OPTS_AWS(&p.aws_opts), IR_OPTS_COMMON(&p.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	size_t i;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &p.common);
	if (ir_aws_open(&p.aws, &p.aws_opts, ir_ask_tty, &err))
		goto out;
	ir_aws_follow(p.aws, &p.common);
	if (read_regions(&p, argv + 1, n, &err))
		goto out;
	p.out = ir_open_output(&p.common, cols);
	people(&p);
	guardduty(&p);
	trails(&p);
	for (i = 0; i < p.n; i++)
		alarm_checks(&p, p.regions[i]);
	contact(&p);
	if (p.failed)
		ir_warn(&p.common, "%zu checks failed", p.failed);
out:
	ir_aws_close(p.aws);
	return ir_end(&err, p.out, NULL);
}
