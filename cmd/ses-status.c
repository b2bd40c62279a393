/*
 * ses-status - what an account sends through SES, and what may stop or abuse it
 *
 * Reads SES, CloudWatch, Mail Manager and Event history in all regions; writes
 * records of type ses-region, ses-identity and ses-finding, with --history
 * ses-history.  Changes nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ses.h"
#include "aws/ses_view.h"
#include "aws/trace.h"
#include "core/buf.h"
#include "core/cli.h"
#include "core/text.h"

#define DAY 86400
#define HOUR 3600
#define QUARTER 900
#define DETAILS 20
#define NEW_DAYS 7
#define CHART 56			/* columns */
#define ALLOW_MAX (4u << 20)
#define ANOMALIES_MAX 200	/* in one record */

/* AWS's own: SES Developer Guide, "Reputation metrics", review and pause. */
#define BOUNCE_REVIEW 0.05
#define BOUNCE_PAUSE 0.10
#define COMPLAINT_REVIEW 0.001
#define COMPLAINT_PAUSE 0.005
#define QUOTA_WARN 0.8

enum severity { INFO, WARN, HIGH, CRITICAL };

struct status {
	struct ir_common common;
	struct ir_aws_opts aws_opts;
	const char *allow_file;
	long history, period;	/* seconds */
	long details;
	bool nagios;
	struct ir_aws *aws;
	struct ir_out *out;
	struct ir_buf allow;	/* names, each ended by a newline */
	char account[13];
	struct ir_ses_view v[IR_SES_REGIONS_MAX];
	size_t n;
	struct ir_ses_view_opts o;
	size_t found[4];	/* findings, by severity */
	size_t failed, blind;	/* regions; of which not all was seen */
	struct ir_buf said[4];	/* for --nagios, by severity */
};

static const struct ir_cmd cmd = {
	"ses-status", "what an account sends through SES, in all regions",
	"[options] [region ...]"
};

static const struct ir_col cols[] = {
	{ "type", "TYPE" }, { "id", "ID" }, { "region", "REGION" },
	{ "sending", "SENDING" }, { "enforcement", "ENFORCEMENT" },
	{ "sent_24h", "24H" }, { "quota_24h", "QUOTA" },
	{ "bounce_rate", "BOUNCE" }, { "complaint_rate", "COMPLAINT" },
	{ "identities", "IDENTITIES" }, { "created", "CREATED" },
	{ "severity", "SEVERITY" }, { "why", "WHY" }, { NULL, NULL }
};

/* --- the team's list --------------------------------------------------- */

/* One identity a line; '#' begins a comment. */
static int
read_allowed(struct status *s, struct ir_err *err)
{
	struct ir_buf file = IR_BUF(ALLOW_MAX);
	const char *p;
	size_t n, len;
	int rc = ir_buf_read_file(&file, s->allow_file, err);

	s->allow = (struct ir_buf)IR_BUF(ALLOW_MAX + 1);
	for (p = ir_buf_cstr(&file); rc == 0 && *p; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		p += strspn(p, " \t");
		n = strcspn(p, "\n");
		len = strcspn(p, "# \t\r\n");
		if (len) {
			ir_buf_add(&s->allow, p, len);
			ir_buf_chr(&s->allow, '\n');
		}
	}
	if (rc == 0)
		rc = ir_buf_check(&s->allow, s->allow_file, err);
	if (rc == 0 && s->allow.len == 0)
		rc = ir_fail(err, IR_USAGE, "%s: no identity in it",
		    s->allow_file);
	ir_buf_free(&file);
	return rc;
}

static bool
allowed(const struct status *s, const char *name)
{
	size_t len = strlen(name), n;
	const char *p;

	if (!s->allow_file)
		return true;
	for (p = ir_buf_cstr(&s->allow); *p; p += n + 1) {
		n = strcspn(p, "\n");
		if (n == len && strncasecmp(p, name, n) == 0)
			return true;
	}
	return false;
}

static bool
unknown_first(const char *name, void *arg)
{
	return !allowed(arg, name);
}

/* --- findings ---------------------------------------------------------- */

static void finding(struct status *s, const struct ir_ses_view *v,
    enum severity severity, const char *what, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void
finding(struct status *s, const struct ir_ses_view *v, enum severity severity,
    const char *what, const char *subject, const char *fmt, ...)
{
	static const char *const word[] = { "info", "warning", "high",
		"critical" };
	struct ir_rec *r = ir_rec_new("ses-finding", NULL);
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	ir_text_printable(why);
	s->found[severity]++;
	ir_buf_fmt(&s->said[severity], "; %s: %s%s%s", v->name,
	    subject ? subject : what, ": ", why);
	ir_rec_fmt(r, "id", "%s/%s%s%s", v->name, what, subject ? "/" : "",
	    subject ? subject : "");
	ir_rec_str(r, "account", s->account);
	ir_rec_str(r, "region", v->name);
	ir_rec_str(r, "finding", what);
	ir_rec_str(r, "severity", word[severity]);
	if (subject)
		ir_rec_str(r, "subject", subject);
	ir_rec_str(r, "why", why);
	if (s->nagios)
		ir_rec_free(r);
	else
		ir_out_put(s->out, r);
}

static double
sent_in(const struct status *s, const struct ir_ses_view *v, size_t hours)
{
	double sum = 0;
	size_t i;

	for (i = s->o.hours > hours ? s->o.hours - hours : 0; i < s->o.hours;
	    i++)
		sum += v->sent[i];
	return sum;
}

static void
judge_account(struct status *s, const struct ir_ses_view *v)
{
	const char *e = ir_rec_get(v->account, "EnforcementStatus");
	double max = ir_rec_get_num(v->account, "SendQuota.Max24HourSend", -1);
	double sent = ir_rec_get_num(v->account,
	    "SendQuota.SentLast24Hours", 0);

	if (e && strcmp(e, "SHUTDOWN") == 0)
		finding(s, v, CRITICAL, "shutdown", NULL,
		    "AWS has stopped sending in this region");
	else if (e && strcmp(e, "HEALTHY") != 0)
		finding(s, v, HIGH, "probation", NULL,
		    "AWS reviews this region: enforcement is %s", e);
	if (!ir_rec_get_bool(v->account, "SendingEnabled", true))
		finding(s, v, INFO, "sending-off", NULL,
		    "sending is switched off");
	if (max > 0 && sent >= max * QUOTA_WARN)
		finding(s, v, WARN, "quota", NULL, "%.0f of %.0f mails a day "
		    "are used", sent, max);
	e = ir_rec_get(v->account, "Details.ReviewDetails.Status");
	if (e && strcmp(e, "PENDING") == 0)
		finding(s, v, WARN, "review", NULL, "a request to AWS to send "
		    "more is pending: was it yours");
}

static void
judge_rate(struct status *s, const struct ir_ses_view *v, const char *what,
    double rate, double review, double pause)
{
	if (rate >= pause)
		finding(s, v, CRITICAL, what, NULL, "%.2f %%: at %.1f %% AWS "
		    "may pause sending", rate * 100, pause * 100);
	else if (rate >= review)
		finding(s, v, HIGH, what, NULL, "%.2f %%: at %.1f %% AWS "
		    "reviews the account", rate * 100, review * 100);
}

/* In the last day it is an alarm, before that history. */
static void
judge_history(struct status *s, const struct ir_ses_view *v,
    const struct ir_history_mark *marks)
{
	size_t i, n[2] = { 0, 0 }, top[2] = { 0, 0 };
	char when[IR_TIME_LEN];
	bool late;

	for (i = 0; i < s->o.hours; i++) {
		late = i + 24 >= s->o.hours;
		if (!marks[i].marked)
			continue;
		if (n[late]++ == 0 || v->sent[i] > v->sent[top[late]])
			top[late] = i;
	}
	for (i = 0; i < 2; i++) {
		if (!n[i])
			continue;
		finding(s, v, i ? HIGH : INFO, i ? "anomaly" : "anomaly-past",
		    NULL, "%zu hour%s out of the ordinary%s: %.0f mails in "
		    "the hour of %s, usual then: %.0f (median of the other "
		    "days; marked: more than %d times that and %d)", n[i],
		    n[i] == 1 ? "" : "s", i ? " in the last day" : "",
		    v->sent[top[i]], ir_time_rfc3339(ir_ses_view_start(&s->o)
		    + (int64_t)top[i] * 3600, when), marks[top[i]].usual,
		    IR_HISTORY_TIMES, IR_HISTORY_FLOOR);
	}
}

static void
judge_identity(struct status *s, const struct ir_ses_view *v,
    const struct ir_rec *one)
{
	const char *name = ir_rec_get(one, "name");
	const char *dkim = ir_rec_get(one, "dkim");
	int64_t t = ir_rec_get_int(one, "created", 0);
	bool sending = ir_rec_get_bool(one, "sending", false);
	char when[IR_TIME_LEN];
	const char *by = ir_rec_get(one, "created_by");
	const char *ip = ir_rec_get(one, "created_ip");

	if (!allowed(s, name))
		finding(s, v, sending ? HIGH : WARN, "identity-not-allowed",
		    name, "%s, and is not in %s", sending ?
		    "mail can be sent as it" : "it is not verified yet",
		    s->allow_file);
	if (t && s->o.now - t < NEW_DAYS * DAY)
		finding(s, v, WARN, "identity-new", name, "made %s by %s from "
		    "%s", ir_time_rfc3339(t, when), by ? by : "unknown",
		    ip ? ip : "unknown");
	if (sending && dkim && strcmp(dkim, "SUCCESS") != 0)
		finding(s, v, INFO, "dkim", name, "DKIM is %s", dkim);
	if (ir_rec_get_int(one, "policies", 0))
		finding(s, v, WARN, "identity-policy", name, "a policy lets "
		    "others send as it");
}

static void
judge_sets(struct status *s, const struct ir_ses_view *v)
{
	size_t i, n = ir_rec_len(v->sets), asked = 0;
	int64_t evidence = 0;

	if (v->err[IR_SES_SETS].code)
		return;
	for (i = 0; i < n; i++) {
		const struct ir_rec *one = ir_rec_item(v->sets, i);

		asked += ir_rec_get_bool(one, "asked", false);
		evidence += ir_rec_get_int(one, "evidence", 0);
	}
	if (evidence || asked < n)
		return;
	/* only where there is something to have evidence of */
	if (ir_rec_len(v->identities) || sent_in(s, v, s->o.hours) > 0)
		finding(s, v, WARN, "no-event-destination", NULL,
		    "no evidence of who sent: no configuration set tells of "
		    "each send");
}

static void
judge_ingress(struct status *s, const struct ir_ses_view *v)
{
	const char *name, *status, *type;
	size_t i;

	for (i = 0; i < ir_rec_len(v->ingress); i++) {
		const struct ir_rec *p = ir_rec_item(v->ingress, i);

		name = ir_rec_get(p, "IngressPointName");
		status = ir_rec_get(p, "Status");
		type = ir_rec_get(p, "Type");
		if (status && strcmp(status, "ACTIVE") == 0)
			finding(s, v, WARN, "ingress-point", name ? name :
			    "unknown", "Mail Manager takes mail there (%s): "
			    "stopping IAM keys does not stop it", type ? type :
			    "unknown");
	}
}

static void
judge(struct status *s, const struct ir_ses_view *v,
    const struct ir_history_mark *marks)
{
	size_t i;

	if (v->disabled)
		return;
	if (v->account)
		judge_account(s, v);
	judge_rate(s, v, "bounce-rate", v->bounce, BOUNCE_REVIEW,
	    BOUNCE_PAUSE);
	judge_rate(s, v, "complaint-rate", v->complaint, COMPLAINT_REVIEW,
	    COMPLAINT_PAUSE);
	if (v->has_sent)
		judge_history(s, v, marks);
	for (i = 0; i < ir_rec_len(v->identities); i++)
		judge_identity(s, v, ir_rec_item(v->identities, i));
	judge_sets(s, v);
	judge_ingress(s, v);
}

/* --- records ----------------------------------------------------------- */

/* A number that is known, else null. */
static void
put_num(struct ir_rec *r, const char *name, double v, bool known)
{
	if (!known)
		ir_rec_null(r, name);
	else if (v == (double)(int64_t)v)
		ir_rec_int(r, name, (int64_t)v);
	else
		ir_rec_num(r, name, v);
}

static void
put_count(struct ir_rec *r, const char *name, size_t n, bool known)
{
	put_num(r, name, (double)n, known);
}

static size_t
count_true(const struct ir_rec *all, const char *name, bool want)
{
	size_t i, n = 0;

	for (i = 0; i < ir_rec_len(all); i++)
		n += ir_rec_get_bool(ir_rec_item(all, i), name, false) == want;
	return n;
}

static size_t
not_allowed(const struct status *s, const struct ir_ses_view *v)
{
	size_t i, n = 0;

	for (i = 0; i < ir_rec_len(v->identities); i++)
		n += !allowed(s, ir_rec_get(ir_rec_item(v->identities, i),
		    "name"));
	return n;
}

/* Of configuration sets: null when one of them was not asked. */
static void
put_sets(const struct ir_ses_view *v, struct ir_rec *r)
{
	bool known = !v->err[IR_SES_SETS].code &&
	    count_true(v->sets, "asked", false) == 0;
	int64_t all = 0, evidence = 0;
	size_t i;

	for (i = 0; i < ir_rec_len(v->sets); i++) {
		all += ir_rec_get_int(ir_rec_item(v->sets, i),
		    "destinations", 0);
		evidence += ir_rec_get_int(ir_rec_item(v->sets, i),
		    "evidence", 0);
	}
	put_count(r, "configuration_sets", ir_rec_len(v->sets),
	    !v->err[IR_SES_SETS].code);
	put_num(r, "event_destinations", (double)all, known);
	put_num(r, "send_destinations", (double)evidence, known);
}

static void
put_account(const struct ir_ses_view *v, struct ir_rec *r)
{
	const struct ir_rec *a = v->account;
	const char *s;

	if (!a) {
		ir_rec_null(r, "sending");
		ir_rec_null(r, "enforcement");
		ir_rec_null(r, "sent_24h");
		return;
	}
	ir_rec_bool(r, "sending", ir_rec_get_bool(a, "SendingEnabled",
	    false));
	ir_rec_str(r, "enforcement", ir_rec_get(a, "EnforcementStatus"));
	ir_rec_bool(r, "production", ir_rec_get_bool(a,
	    "ProductionAccessEnabled", false));
	put_num(r, "sent_24h", ir_rec_get_num(a, "SendQuota.SentLast24Hours",
	    0), true);
	put_num(r, "quota_24h", ir_rec_get_num(a, "SendQuota.Max24HourSend",
	    0), true);
	put_num(r, "rate_max", ir_rec_get_num(a, "SendQuota.MaxSendRate", 0),
	    true);
	s = ir_rec_get(a, "Details.ReviewDetails.Status");
	if (s)
		ir_rec_str(r, "review", s);
	s = ir_rec_get(a, "Details.ReviewDetails.CaseId");
	if (s)
		ir_rec_str(r, "case", s);
}

/* What could not be seen, and why: for each part, and what of it. */
static void
put_unknown(const struct ir_ses_view *v, struct ir_rec *r)
{
	struct ir_rec *u = ir_rec_object();
	size_t i, any = 0;

	for (i = 0; i < IR_SES_PARTS; i++) {
		if (!v->err[i].code)
			continue;
		any++;
		ir_rec_str(u, ir_ses_part_name((enum ir_ses_part)i),
		    v->err[i].msg);
	}
	if (v->history_err.code) {
		any++;
		ir_rec_str(u, "created", v->history_err.msg);
	}
	if (any)
		ir_rec_set(r, "unknown", u);
	else
		ir_rec_free(u);
}

/* Account first; else what is worth another try. */
static int
code_of(const struct ir_ses_view *v)
{
	size_t i;

	if (v->err[IR_SES_ACCOUNT].code)
		return v->err[IR_SES_ACCOUNT].code;
	for (i = 0; i < IR_SES_INGRESS; i++)
		if (v->err[i].code == IR_TEMPFAIL)
			return IR_TEMPFAIL;
	return 0;
}

/* Could what is judged not be seen?  Then nothing found is no comfort. */
static bool
is_blind(const struct ir_ses_view *v)
{
	return !v->disabled && (v->err[IR_SES_ACCOUNT].code ||
	    v->err[IR_SES_METRICS].code || v->err[IR_SES_IDENTITIES].code ||
	    v->err[IR_SES_SETS].code);
}

static void
report_region(struct status *s, const struct ir_ses_view *v)
{
	struct ir_rec *r = ir_rec_new("ses-region", v->name);
	const struct ir_err *err = &v->err[IR_SES_ACCOUNT];
	bool ids = !v->err[IR_SES_IDENTITIES].code;

	ir_rec_str(r, "account", s->account);
	ir_rec_str(r, "region", v->name);
	ir_rec_bool(r, "enabled", !v->disabled);
	ir_rec_bool(r, "ok", code_of(v) == 0);
	if (v->disabled) {
		ir_rec_str(r, "why", "the account has not enabled this "
		    "region");
		ir_out_put(s->out, r);
		return;
	}
	put_account(v, r);
	put_num(r, "sent_window", sent_in(s, v, s->o.hours), v->has_sent);
	put_num(r, "bounce_rate", v->bounce, v->bounce >= 0);
	put_num(r, "complaint_rate", v->complaint, v->complaint >= 0);
	put_count(r, "identities", ir_rec_len(v->identities), ids);
	put_count(r, "identities_unverified", count_true(v->identities,
	    "sending", false), ids);
	if (s->allow_file)
		put_count(r, "identities_not_allowed", not_allowed(s, v), ids);
	put_sets(v, r);
	put_count(r, "suppressed", v->suppressed,
	    !v->err[IR_SES_SUPPRESSED].code);
	if (v->suppressed_more)
		ir_rec_bool(r, "suppressed_more", true);
	put_count(r, "dedicated_ips", v->ips, !v->err[IR_SES_IPS].code);
	put_count(r, "ingress_points", ir_rec_len(v->ingress),
	    !v->err[IR_SES_INGRESS].code);
	put_unknown(v, r);
	if (err->code)
		ir_rec_str(r, "why", err->msg);
	else if (code_of(v))
		ir_rec_str(r, "why", "not all was answered: see unknown");
	ir_out_put(s->out, r);
}

/*
 * SES does not say when an identity was made.  Event history does, for 90
 * days; and who has DKIM keys was there when they were made.
 */
static void
put_age(const struct ir_ses_view *v, const struct ir_rec *one,
    struct ir_rec *r)
{
	if (ir_rec_has(one, "created")) {
		ir_rec_time(r, "created", ir_rec_get_int(one, "created", 0));
		ir_rec_str(r, "created_by", ir_rec_get(one, "created_by"));
		ir_rec_str(r, "created_key", ir_rec_get(one, "created_key"));
		ir_rec_str(r, "created_ip", ir_rec_get(one, "created_ip"));
		return;
	}
	ir_rec_null(r, "created");
	if (ir_rec_has(one, "dkim_key"))
		ir_rec_time(r, "created_before", ir_rec_get_int(one,
		    "dkim_key", 0));
	ir_rec_str(r, "age", v->history_err.code ? v->history_err.msg :
	    !v->history_read ? "unknown: not asked" :
	    "unknown: nothing of it in 90 days of Event history");
}

static void
report_identity(struct status *s, const struct ir_ses_view *v,
    const struct ir_rec *one)
{
	const char *name = ir_rec_get(one, "name");
	struct ir_rec *r = ir_rec_new("ses-identity", name);

	ir_rec_str(r, "account", s->account);
	ir_rec_str(r, "region", v->name);
	ir_rec_str(r, "kind", ir_rec_get(one, "kind"));
	ir_rec_bool(r, "sending", ir_rec_get_bool(one, "sending", false));
	ir_rec_str(r, "verification", ir_rec_get(one, "verification"));
	if (s->allow_file)
		ir_rec_bool(r, "allowed", allowed(s, name));
	put_age(v, one, r);
	if (ir_rec_get_bool(one, "asked", false)) {
		ir_rec_str(r, "dkim", ir_rec_get(one, "dkim"));
		ir_rec_bool(r, "dkim_signing", ir_rec_get_bool(one,
		    "dkim_signing", false));
		if (ir_rec_at(one, "dkim_tokens"))
			ir_rec_set(r, "dkim_tokens", ir_rec_copy(ir_rec_at(
			    one, "dkim_tokens")));
		if (ir_rec_get(one, "dkim_selector"))
			ir_rec_str(r, "dkim_selector", ir_rec_get(one,
			    "dkim_selector"));
		if (ir_rec_get(one, "mail_from"))
			ir_rec_str(r, "mail_from", ir_rec_get(one,
			    "mail_from"));
		ir_rec_str(r, "configuration_set", ir_rec_get(one,
		    "configuration_set"));
		ir_rec_int(r, "policies", ir_rec_get_int(one, "policies", 0));
	} else {
		ir_rec_null(r, "dkim");
		ir_rec_fmt(r, "why", "details unknown: %s", ir_rec_get(one,
		    "why") ? ir_rec_get(one, "why") : "not asked (--details)");
	}
	ir_out_put(s->out, r);
}

/* Up to the one that it is now. */
static struct ir_rec *
quarters(const struct status *s, const struct ir_ses_view *v)
{
	struct ir_rec *list = ir_rec_array();
	size_t i, n = (size_t)(s->o.now - ir_ses_view_start(&s->o)) /
	    QUARTER + 1;

	for (i = 0; i < n && i < IR_SES_QUARTERS; i++)
		ir_rec_push_int(list, (int64_t)v->quarter[i]);
	return list;
}

static void
report_history(struct status *s, const struct ir_ses_view *v,
    const struct ir_history_mark *marks)
{
	struct ir_rec *r = ir_rec_new("ses-history", v->name);
	struct ir_rec *sent = ir_rec_array(), *odd = ir_rec_array(), *one;
	int64_t start = ir_ses_view_start(&s->o);
	size_t i, n = 0;

	for (i = 0; i < s->o.hours; i++) {
		ir_rec_push_int(sent, (int64_t)v->sent[i]);
		if (!marks[i].marked || n++ >= ANOMALIES_MAX)
			continue;
		one = ir_rec_object();
		ir_rec_time(one, "hour", start + (int64_t)i * 3600);
		ir_rec_int(one, "sent", (int64_t)v->sent[i]);
		put_num(one, "usual", marks[i].usual, true);
		ir_rec_push(odd, one);
	}
	ir_rec_str(r, "account", s->account);
	ir_rec_str(r, "region", v->name);
	put_num(r, "sent_window", sent_in(s, v, s->o.hours), true);
	ir_rec_time(r, "start", start);
	ir_rec_str(r, "source", v->from_statistics ? "ses:GetSendStatistics" :
	    "CloudWatch AWS/SES Send");
	ir_rec_int(r, "anomalies", (int64_t)n);
	ir_rec_set(r, "anomaly", odd);
	ir_rec_set(r, "hours", sent);
	if (s->o.quarters)
		ir_rec_set(r, "quarters", quarters(s, v));
	ir_rec_fmt(r, "why", "an hour is marked when it has more than %d times "
	    "the median of the other days at that time of day (an hour more "
	    "or less), and %d mails besides, and no week was alike; fewer "
	    "than %d other days: none is", IR_HISTORY_TIMES,
	    IR_HISTORY_FLOOR, IR_HISTORY_DAYS);
	ir_out_put(s->out, r);
}

/* --- the chart --------------------------------------------------------- */

static bool
utf8(void)
{
	const char *v = getenv("LC_ALL");

	if (!v || !*v)
		v = getenv("LC_CTYPE");
	if (!v || !*v)
		v = getenv("LANG");
	return v && (strcasestr(v, "utf-8") || strcasestr(v, "utf8"));
}

/* Each column is the busiest of its hours; '!' stands under a marked one. */
static void
chart(const struct status *s, const struct ir_ses_view *v,
    const struct ir_history_mark *marks)
{
	static const char *const blocks[] = { " ", "\u2581", "\u2582",
		"\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const ascii[] = { " ", ".", ".", ":", "-", "=",
		"+", "*", "#" };
	const char *const *step = utf8() ? blocks : ascii;
	size_t wide = (s->o.hours + CHART - 1) / CHART, i, k, level;
	struct ir_buf line = IR_BUF(4096), under = IR_BUF(4096);
	double top = 0, most;
	bool marked;

	for (i = 0; i < s->o.hours; i++)
		top = v->sent[i] > top ? v->sent[i] : top;
	for (i = 0; i < s->o.hours; i += wide) {
		most = 0;
		marked = false;
		for (k = i; k < i + wide && k < s->o.hours; k++) {
			most = v->sent[k] > most ? v->sent[k] : most;
			marked = marked || marks[k].marked;
		}
		level = top > 0 ? (size_t)(most / top * 8) : 0;
		if (most > 0 && level == 0)
			level = 1;
		ir_buf_str(&line, step[level]);
		ir_buf_chr(&under, marked ? '!' : ' ');
	}
	fprintf(stderr, "%-15s |%s| most %.0f an hour\n%-15s  %s\n", v->name,
	    ir_buf_cstr(&line), top, "", ir_buf_cstr(&under));
	ir_buf_free(&line);
	ir_buf_free(&under);
}

/* --- all of it --------------------------------------------------------- */

static void
report(struct status *s, struct ir_tally *tally)
{
	static struct ir_history_mark marks[IR_HISTORY_HOURS];
	bool charts = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
	struct ir_ses_view *v;
	size_t i;

	for (v = s->v; v < s->v + s->n; v++) {
		ir_tally_add(tally, code_of(v));
		s->failed += code_of(v) != 0;
		s->blind += is_blind(v);
		ir_history_marks(v->sent, s->o.hours, IR_HISTORY_TIMES,
		    IR_HISTORY_FLOOR, marks);
		if (!s->nagios)
			report_region(s, v);
		for (i = 0; !s->nagios && i < ir_rec_len(v->identities); i++)
			report_identity(s, v, ir_rec_item(v->identities, i));
		judge(s, v, marks);
		if (!s->history || s->nagios || !v->has_sent ||
		    sent_in(s, v, s->o.hours) <= 0)
			continue;
		report_history(s, v, marks);
		if (charts && !s->common.quiet)
			chart(s, v, marks);
	}
}

static int
nagios(const struct status *s, const struct ir_err *err)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	int state = err->code ? 3 : s->found[CRITICAL] || s->found[HIGH] ? 2 :
	    s->found[WARN] ? 1 : s->blind ? 3 : 0;
	struct ir_buf all = IR_BUF(1 << 20);
	const struct ir_ses_view *v;
	double sent = 0, bounce = 0, complaint = 0;
	int k;

	for (v = s->v; v < s->v + s->n; v++) {
		sent += ir_rec_get_num(v->account,
		    "SendQuota.SentLast24Hours", 0);
		bounce = v->bounce > bounce ? v->bounce : bounce;
		complaint = v->complaint > complaint ? v->complaint :
		    complaint;
	}
	for (k = CRITICAL; k >= WARN; k--)
		ir_buf_str(&all, ir_buf_cstr(&s->said[k]));
	printf("SES %s - ", word[state]);
	if (err->code)
		printf("%s", err->msg);
	else if (all.len)
		printf("%.900s", all.data + 2);
	else
		printf("%zu regions: nothing found", s->n);
	if (s->blind)
		printf("; not all could be seen in %zu", s->blind);
	ir_buf_free(&all);
	printf(" | sent_24h=%.0f bounce=%.3f%%;%g;%g complaint=%.4f%%;%g;%g "
	    "unknown=%zu\n", sent, bounce * 100, BOUNCE_REVIEW * 100,
	    BOUNCE_PAUSE * 100, complaint * 100, COMPLAINT_REVIEW * 100,
	    COMPLAINT_PAUSE * 100, s->blind);
	return state;
}

static int
choose_regions(struct status *s, char **operands, size_t n,
    struct ir_err *err)
{
	const char *const *all = ir_aws_ses_regions(s->aws);
	size_t i, k;

	for (i = 0; n ? i < n : all[i] != NULL; i++) {
		const char *name = n ? operands[i] : all[i];

		if (!ir_aws_region_ok(name))
			return ir_fail(err, IR_USAGE, "not a region: %s",
			    name);
		for (k = 0; k < s->n && strcmp(s->v[k].name, name) != 0; k++)
			;
		if (k < s->n)
			continue;
		if (s->n == IR_SES_REGIONS_MAX)
			return ir_fail(err, IR_USAGE, "more than %d regions",
			    IR_SES_REGIONS_MAX);
		snprintf(s->v[s->n++].name, sizeof s->v[0].name, "%s", name);
	}
	return s->n ? 0 : ir_fail(err, IR_UNAVAILABLE,
	    "there is no SES in this partition");
}

static int
read_all(struct status *s, char **operands, size_t n, struct ir_err *err)
{
	if (s->allow_file && read_allowed(s, err))
		return -1;
	if (ir_aws_open(&s->aws, &s->aws_opts, ir_ask_tty, err))
		return -1;
	ir_aws_follow(s->aws, &s->common);
	if (ir_aws_account(s->aws, s->account, NULL, err) ||
	    choose_regions(s, operands, n, err))
		return -1;
	s->o = (struct ir_ses_view_opts){ .now = ir_now(),
		.hours = (size_t)(s->history ? s->history : 14L * DAY) / 3600,
		.details = (size_t)s->details,
		.quarters = s->period == QUARTER,
		.first = s->allow_file ? unknown_first : NULL, .arg = s };
	return ir_ses_view_read(s->aws, s->v, s->n, &s->o, err);
}

int
main(int argc, char **argv)
{
	static struct status s = { .details = DETAILS, .said = {
		IR_BUF(1 << 18), IR_BUF(1 << 18), IR_BUF(1 << 18),
		IR_BUF(1 << 18) } };
	const struct ir_opt opts[] = {
		{ 0, "allow-list", "FILE", IR_STR, &s.allow_file,
		    "identities that are ours, one a line; others are found" },
		{ 0, "history", "DAYS", IR_SECONDS, &s.history,
		    "also what was sent by the hour: 14d, at most 60d" },
		{ 0, "period", "SECONDS", IR_SECONDS, &s.period,
		    "of --history: 15m or 1h (default); 15m for the chart "
		    "of an incident's report" },
		{ 0, "details", "N", IR_INT, &s.details,
		    "identities and sets asked one by one in each region "
		    "(20); AWS answers one a second" },
		{ 0, "nagios", NULL, IR_BOOL, &s.nagios,
		    "one line, and exit 0, 1, 2 or 3 as a plugin" },
		IR_OPTS_AWS(&s.aws_opts),
		IR_OPTS_COMMON(&s.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	int n, code, state = 0;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &s.common);
	if (s.history && (s.history < DAY || s.history > 60L * DAY))
		ir_die_usage("--history: from 1d to 60d");
	if (s.period && s.period != QUARTER && s.period != HOUR)
		ir_die_usage("--period: 15m or 1h");
	if (s.period == QUARTER && (!s.history || s.history > 14L * DAY))
		ir_die_usage("--period=15m: with --history of at most 14d");
	if (read_all(&s, argv + 1, (size_t)n, &err) == 0) {
		if (!s.nagios)
			s.out = ir_open_output(&s.common, cols);
		report(&s, &tally);
	}
	if (s.nagios)
		state = nagios(&s, &err);
	ir_ses_view_free(s.v, s.n);
	ir_buf_free(&s.allow);
	for (n = 0; n < 4; n++)
		ir_buf_free(&s.said[n]);
	ir_aws_close(s.aws);
	code = ir_end(&err, s.out, &tally);
	return s.nagios && code != IR_IOERR ? state : code;
}
