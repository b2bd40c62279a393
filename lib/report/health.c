/* health.c - see health.h */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/record.h"
#include "core/text.h"
#include "health.h"
#include "mail/date.h"
#include "report/text.h"

#define MAX_ENTITIES 200

/* An event, whatever its shape: all borrowed from the parsed JSON. */
struct event {
	const struct ir_rec *detail;	/* eventTypeCode and its fellows */
	const struct ir_rec *outer;	/* EventBridge's frame, or NULL */
	const struct ir_rec *description;
	const char *code;
};

/* The activity that a suffix of a type code means; NULL: not in the list. */
static const char *
activity_of(const char *code)
{
	static const struct {
		const char *part, *word;
	} words[] = {
		{ "SPAM", "spam" }, { "PHISHING", "phishing" },
		{ "PORT_SCANNING", "port-scan" }, { "DOS_REPORT", "dos" },
		{ "INTRUSION", "intrusion" }, { "EXPLOIT", "intrusion" },
		{ "MALWARE", "malware" }, { "OPEN_PROXY", "open-proxy" },
		{ "BOTNET", "botnet" }, { "COPYRIGHT", "copyright" },
		{ "CREDENTIALS", "credentials-exposed" },
		{ "ACCOUNT_CONSOLE_COMPROMISE", "credentials-exposed" },
	};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strstr(code, words[i].part))
			return words[i].word;
	return "other";
}

static bool
about_abuse(const char *code)
{
	return code && (strncmp(code, "AWS_ABUSE_", 10) == 0 ||
	    strncmp(code, "AWS_RISK_", 9) == 0);
}

/* Take off one envelope: a string that is JSON again, or NULL. */
static struct ir_rec *
unwrap(const struct ir_rec *r)
{
	static const char *const paths[] = { "Message", "Records.0.Sns.Message",
	    "Records.0.body", "Records.0.Body", "body", "Body" };
	struct ir_rec *in;
	const char *s;
	size_t i;

	for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		s = ir_rec_get(r, paths[i]);
		if (!s || s[strspn(s, " \t\r\n")] != '{')
			continue;
		in = ir_rec_parse_raw(s, strlen(s), NULL);
		if (in && ir_rec_kind(in) == IR_REC_OBJECT)
			return in;
		ir_rec_free(in);
	}
	return NULL;
}

static bool
find_event(struct event *e, const struct ir_rec *r)
{
	static const char *const inner[] = { "detail", "successfulSet.0.event",
	    "event", "" };
	size_t i;

	for (i = 0; i < sizeof inner / sizeof inner[0]; i++) {
		e->detail = ir_rec_at(r, inner[i]);
		e->code = ir_rec_get(e->detail, "eventTypeCode");
		if (e->code)
			break;
	}
	if (!e->code)
		return false;
	if (i == 0)
		e->outer = r;
	e->description = i == 1 ? ir_rec_at(r,
	    "successfulSet.0.eventDescription") :
	    ir_rec_at(i == 2 ? r : e->detail, "eventDescription");
	return true;
}

/* The English text: an object, or a list of {language, latestDescription}. */
static const char *
description(const struct event *e)
{
	const struct ir_rec *d = e->description;
	const char *s, *lang, *any = NULL;
	size_t i;

	if (ir_rec_kind(d) == IR_REC_OBJECT)
		return ir_rec_get(d, "latestDescription");
	for (i = 0; i < ir_rec_len(d); i++) {
		s = ir_rec_get(ir_rec_item(d, i), "latestDescription");
		lang = ir_rec_get(ir_rec_item(d, i), "language");
		if (!any)
			any = s;
		if (s && lang && strncmp(lang, "en", 2) == 0)
			return s;
	}
	return any;
}

/* RFC 1123, ISO 8601 or seconds. */
static bool
time_at(const struct ir_rec *r, const char *path, int64_t *t)
{
	const char *s = ir_rec_get(r, path);

	if (s)
		return ir_mail_date(s, strlen(s), t) == 0;
	*t = ir_rec_get_int(r, path, -1);
	if (*t > INT64_C(100000000000))		/* milliseconds */
		*t /= 1000;
	return *t > 0;
}

static void
add_account(struct ir_report *r, const char *s)
{
	if (s && strlen(s) == 12 && strspn(s, "0123456789") == 12)
		ir_facts_add(&r->facts.accounts, s, 12, IR_FROM_HEALTH, 0, 2);
}

static void
add_region(struct ir_report *r, const char *s)
{
	if (s && s[0] && strcmp(s, "global") != 0 &&
	    r->facts.regions.n == 0)
		ir_facts_add(&r->facts.regions, s, strlen(s), IR_FROM_HEALTH,
		    0, 2);
}

/* An id that no rule knows is kept as it is. */
static void
add_resource(struct ir_report *r, const char *s)
{
	struct ir_resource *res;
	size_t before = r->facts.nresources, i;

	if (!s || !s[0] || strcmp(s, "UNKNOWN") == 0 ||
	    (strlen(s) == 12 && strspn(s, "0123456789") == 12))
		return;
	ir_facts_resources(&r->facts, s, strlen(s));
	if (r->facts.nresources != before || before == IR_FACT_RESOURCES ||
	    strlen(s) >= sizeof res->id)
		return;
	for (i = 0; i < before; i++)
		if (strstr(s, r->facts.resources[i].id))
			return;
	res = &r->facts.resources[r->facts.nresources++];
	memset(res, 0, sizeof *res);
	memcpy(res->kind, "entity", 7);
	memcpy(res->id, s, strlen(s) + 1);
}

static void
entities(struct ir_report *r, const struct event *e)
{
	const struct ir_rec *list;
	size_t i;

	list = ir_rec_at(e->outer, "resources");
	for (i = 0; e->outer && i < ir_rec_len(list) && i < MAX_ENTITIES; i++)
		add_resource(r, ir_rec_cstr(ir_rec_item(list, i)));
	list = ir_rec_at(e->detail, "affectedEntities");
	for (i = 0; i < ir_rec_len(list) && i < MAX_ENTITIES; i++)
		add_resource(r, ir_rec_get(ir_rec_item(list, i),
		    "entityValue"));
}

/* The last part of the ARN: the same for every update of an event. */
static void
key(struct ir_report *r, const struct event *e)
{
	const char *arn = ir_rec_get(e->detail, "eventArn"), *slash;

	if (!arn)
		arn = ir_rec_get(e->detail, "arn");
	if (!arn)
		return;
	slash = strrchr(arn, '/');
	snprintf(r->key, sizeof r->key, "%s", slash ? slash + 1 : arn);
}

static void
text(struct ir_report *r, const char *s)
{
	struct ir_buf all = IR_BUF(IR_HEALTH_BYTES * 4);
	size_t at, body;

	ir_text_regular(&all, s, strlen(s));
	at = ir_text_complaint(ir_buf_cstr(&all), all.len, &body);
	ir_buf_add(&r->upper, ir_buf_cstr(&all), at);
	ir_buf_add(&r->complaint, ir_buf_cstr(&all) + body, all.len - body);
	ir_buf_free(&all);
	if (r->upper.data)
		ir_text_unquote(r->upper.data, r->upper.len);
	ir_facts_body(&r->facts, ir_buf_cstr(&r->upper), r->upper.len);
}

static void
fact(struct ir_fact *f, const char *s)
{
	memset(f, 0, sizeof *f);
	snprintf(f->value, sizeof f->value, "%s", s);
	f->source = IR_FROM_HEALTH;
}

static struct ir_rec *
record(const struct event *e, const struct ir_report_opts *o)
{
	const char *s = description(e), *account, *status, *word;
	struct ir_report r;
	struct ir_rec *rec;
	int64_t t;

	ir_report_init(&r, o);
	if (s)
		text(&r, s);
	r.event = e->code;
	word = activity_of(e->code);
	if (strcmp(word, "other") != 0 || !r.facts.activity.value[0])
		fact(&r.facts.activity, word);
	/* a delegated account may get it: the affected one is meant */
	account = ir_rec_get(e->detail, "affectedAccount");
	if (!account)
		account = ir_rec_get(e->detail, "awsAccountId");
	if (!account)
		account = ir_rec_get(e->outer, "account");
	add_account(&r, account);
	add_region(&r, ir_rec_get(e->detail, "eventRegion"));
	add_region(&r, ir_rec_get(e->detail, "region"));
	entities(&r, e);
	status = ir_rec_get(e->detail, "statusCode");
	if (status && strcmp(status, "closed") == 0)
		fact(&r.facts.stage, "resolved");
	if (strncmp(e->code, "AWS_RISK_", 9) == 0) {
		fact(&r.facts.urgent, e->code);
		r.channel = "support-case";
	}
	if (time_at(e->detail, "startTime", &t) && t <= o->now) {
		r.base = r.received = t;
		r.base_source = IR_FROM_HEALTH;
	}
	if (time_at(e->outer, "time", &t) && t <= o->now &&
	    t >= r.base)
		r.received = t;
	key(&r, e);
	snprintf(r.auth_why, sizeof r.auth_why, "an event carries no proof of "
	    "where it comes from");
	ir_buf_str(&r.subject, e->code);
	rec = ir_report_record(&r);
	ir_report_free(&r);
	return rec;
}

static void
explain(const struct ir_rec *r, const struct event *e, struct ir_err *err)
{
	const char *type = ir_rec_get(r, "Type");

	if (type && strcmp(type, "SubscriptionConfirmation") == 0) {
		ir_fail(err, IR_DATAERR, "not an abuse notice: it is SNS "
		    "asking to confirm a subscription");
		ir_hint(err, "confirm it yourself if you asked for it; "
		    "nothing was fetched");
	} else if (e->code) {
		ir_fail(err, IR_DATAERR, "not an abuse notice: a Health event "
		    "%.100s", e->code);
	} else {
		ir_fail(err, IR_DATAERR, "not an abuse notice: JSON, but no "
		    "AWS Health event");
	}
}

struct ir_rec *
ir_health_parse(const char *raw, size_t n, const struct ir_report_opts *o,
    struct ir_err *err)
{
	struct event e = { NULL, NULL, NULL, NULL };
	struct ir_rec *r, *in, *rec = NULL;
	const char *source;
	int layer;

	if (n > IR_HEALTH_BYTES) {
		ir_fail(err, IR_DATAERR, "JSON: larger than %u bytes",
		    IR_HEALTH_BYTES);
		return NULL;
	}
	r = ir_rec_parse_raw(raw, n, err);
	if (!r)
		return NULL;
	for (layer = 0; layer < IR_HEALTH_LAYERS && !find_event(&e, r) &&
	    (in = unwrap(r)) != NULL; layer++) {
		ir_rec_free(r);
		r = in;
	}
	if (!e.code)
		find_event(&e, r);
	source = ir_rec_get(e.outer, "source");
	if (about_abuse(e.code) && (!source ||
	    strcmp(source, "aws.health") == 0))
		rec = record(&e, o);
	else
		explain(r, &e, err);
	ir_rec_free(r);
	return rec;
}
