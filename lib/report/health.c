/* health.c - see health.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "complaint.h"
#include "core/record.h"
#include "core/text.h"
#include "health.h"
#include "mail/date.h"
#include "mail/words.h"
#include "notice.h"
#include "report/text.h"
#include "xarf.h"

#define MAX_ENTITIES 200
#define VERSION_MAX 400		/* bytes of an ARN, or of an update's name */

/* An event, whatever its shape: all borrowed from the parsed JSON. */
struct event {
	const struct ir_rec *detail;	/* eventTypeCode and its fellows */
	const struct ir_rec *outer;	/* EventBridge's frame, or NULL */
	const struct ir_rec *around;	/* the API's frame, or NULL */
	const struct ir_rec *description;
	const char *code;
};

/* What is found on the way through the envelopes. */
struct walk {
	const struct ir_report_opts *opts;
	void (*fn)(struct ir_rec *rec, void *arg);
	void *arg;
	int found;
	unsigned values;		/* looked at: a limit */
	char other[128];		/* what it is that is not of abuse */
	bool subscription;
};

/* The activity that a suffix of a type code means; NULL: not in the list. */
static const char *
activity_of(const char *code)
{
	static const struct {
		const char *part, *word;
	} words[] = {
		{ "SPAM", "spam" }, { "PHISHING", "phishing" },
		{ "PORT_SCAN", "port-scan" }, { "DOS_REPORT", "dos" },
		{ "DDOS", "dos" },
		{ "INTRUSION", "intrusion" }, { "EXPLOIT", "intrusion" },
		{ "MALWARE", "malware" }, { "OPEN_PROXY", "open-proxy" },
		{ "BOTNET", "botnet" }, { "COPYRIGHT", "copyright" },
		{ "FRAUD", "fraud" }, { "CRAWLING", "crawling" },
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

/* Is r an event, in one of its forms? */
static bool
find_event(struct event *e, const struct ir_rec *r)
{
	static const char *const inner[] = { "detail", "event", "" };
	size_t i;

	memset(e, 0, sizeof *e);
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
	else
		e->around = r;
	e->description = ir_rec_at(i == 1 ? r : e->detail,
	    "eventDescription");
	return true;
}

/* The text in a language: an object, or a list of {language, ...}. */
static const char *
description(const struct event *e, const char *language)
{
	const struct ir_rec *d = e->description;
	const char *s, *lang, *any = NULL;
	size_t i;

	if (ir_rec_kind(d) == IR_REC_OBJECT)
		return *language == 'e' ? ir_rec_get(d, "latestDescription") :
		    NULL;
	for (i = 0; ir_rec_kind(d) == IR_REC_ARRAY && i < ir_rec_len(d); i++) {
		s = ir_rec_get(ir_rec_item(d, i), "latestDescription");
		lang = ir_rec_get(ir_rec_item(d, i), "language");
		if (!any)
			any = s;
		if (s && lang && strncmp(lang, language, 2) == 0)
			return s;
	}
	return *language == 'e' ? any : NULL;
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

/*
 * What tells an event's deliveries apart: its ARN, and of which update it is.
 * The API has no communicationId, so the time of the update has to do.
 */
static void
version(struct ir_rec *rec, const struct event *e)
{
	const char *arn = ir_rec_get(e->detail, "eventArn");
	const char *s = ir_rec_get(e->detail, "communicationId");
	double updated = ir_rec_get_num(e->detail, "lastUpdatedTime", -1);
	int64_t t;

	if (!arn)
		arn = ir_rec_get(e->detail, "arn");
	if (!s)
		s = ir_rec_get(e->detail, "lastUpdatedTime");
	if (arn)
		ir_rec_strn(rec, "event_arn", arn, ir_text_cut(arn,
		    strlen(arn), VERSION_MAX));
	if (s)
		ir_rec_strn(rec, "event_version", s, ir_text_cut(s, strlen(s),
		    VERSION_MAX));
	else if (updated > 0 && updated < 1e12)
		ir_rec_fmt(rec, "event_version", "%.3f", updated);
	if (time_at(e->detail, "lastUpdatedTime", &t))
		ir_rec_time(rec, "event_updated", t);
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
entity_list(struct ir_report *r, const struct ir_rec *list, const char *key)
{
	size_t i;

	for (i = 0; ir_rec_kind(list) == IR_REC_ARRAY &&
	    i < ir_rec_len(list) && i < MAX_ENTITIES; i++)
		add_resource(r, key ? ir_rec_get(ir_rec_item(list, i), key) :
		    ir_rec_cstr(ir_rec_item(list, i)));
}

static void
entities(struct ir_report *r, const struct event *e)
{
	entity_list(r, ir_rec_at(e->outer, "resources"), NULL);
	entity_list(r, ir_rec_at(e->detail, "affectedEntities"),
	    "entityValue");
	/* DescribeAffectedEntities' answer, put beside the event */
	entity_list(r, ir_rec_at(e->around, "entities"), "entityValue");
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
	if (r->upper.data)
		ir_text_unquote(r->upper.data, r->upper.len);
	ir_facts_body(&r->facts, ir_buf_cstr(&r->upper), r->upper.len);
	ir_buf_trunc(&all, 0);
	ir_claim_text(r->claim, ir_buf_cstr(&r->complaint), r->complaint.len,
	    &all);
	ir_buf_add(&r->complaint, ir_buf_cstr(&all), all.len);
	ir_buf_free(&all);
}

static void
fact(struct ir_fact *f, const char *s)
{
	memset(f, 0, sizeof *f);
	snprintf(f->value, sizeof f->value, "%s", s);
	f->source = IR_FROM_HEALTH;
}

/* A number, or a string that is one. */
static int64_t
count_at(const struct ir_rec *r, const char *path)
{
	const char *s = ir_rec_get(r, path);

	if (s && strlen(s) < 7 && strspn(s, "0123456789") == strlen(s))
		return atoi(s);
	return s ? 0 : ir_rec_get_int(r, path, 0);
}

/* A delegated account may get it: the affected one is meant. */
static const char *
affected(const struct event *e)
{
	static const char *const keys[] = { "affectedAccount",
	    "awsAccountId" };
	const struct ir_rec *frames[] = { e->detail, e->around };
	const char *s;
	size_t i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			if ((s = ir_rec_get(frames[j], keys[i])) != NULL)
				return s;
	return ir_rec_get(e->outer, "account");
}

static struct ir_rec *
record(const struct event *e, const struct ir_report_opts *o)
{
	const char *s = description(e, "en"), *status, *word;
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
	add_account(&r, affected(e));
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
	r.page = count_at(e->detail, "page");
	r.pages = count_at(e->detail, "totalPages");
	r.description = description(e, "ja");
	snprintf(r.auth_why, sizeof r.auth_why, "an event carries no proof of "
	    "where it comes from");
	ir_buf_str(&r.subject, e->code);
	rec = ir_report_record(&r);
	version(rec, e);
	ir_report_free(&r);
	return rec;
}

static void
found(struct walk *w, struct ir_rec *rec)
{
	if (!rec)
		return;
	w->found++;
	w->fn(rec, w->arg);
}

static void
event(struct walk *w, const struct event *e)
{
	const char *source = ir_rec_get(e->outer, "source");

	if (about_abuse(e->code) && (!source ||
	    strcmp(source, "aws.health") == 0))
		found(w, record(e, w->opts));
	else if (!w->other[0])
		snprintf(w->other, sizeof w->other, "a Health event %.100s",
		    e->code);
}

/* A mail in an envelope of SES: its action "SNS" puts the mail itself in. */
static void
received_mail(struct walk *w, const struct ir_rec *r)
{
	const char *s = ir_rec_get(r, "content"),
	    *how = ir_rec_get(r, "receipt.action.encoding");
	struct ir_err err = IR_ERR_INIT;
	struct ir_buf b = IR_BUF(IR_HEALTH_BYTES);

	if (!s) {
		snprintf(w->other, sizeof w->other, "SES's word of a mail that "
		    "is kept elsewhere");
		return;
	}
	if (how && ir_ascii_ieq(how, "base64"))
		ir_base64_lenient(&b, s, strlen(s));
	else
		ir_buf_str(&b, s);
	found(w, ir_notice_parse(ir_buf_cstr(&b), b.len, w->opts, &err));
	ir_buf_free(&b);
}

/* A field of a mail that we put together. */
static void
field(struct ir_buf *b, const char *name, const char *s)
{
	size_t i, n = s ? strlen(s) : 0;

	ir_buf_str(b, name);
	for (i = 0; i < n && i < 1000; i++)
		ir_buf_chr(b, (unsigned char)s[i] < ' ' ? ' ' : s[i]);
	ir_buf_chr(b, '\n');
}

/*
 * WorkMail's summary of a mail has no text: what its subject says is read,
 * and the record is marked partial.
 */
static void
workmail(struct walk *w, const struct ir_rec *r)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_buf b = IR_BUF(65536);
	struct ir_rec *rec;

	field(&b, "From: ", ir_rec_get(r, "sender.address"));
	field(&b, "To: ", ir_rec_get(r, "envelope.recipients.0.address"));
	field(&b, "Subject: ", ir_rec_get(r, "subject"));
	ir_buf_chr(&b, '\n');
	rec = ir_notice_parse(ir_buf_cstr(&b), b.len, w->opts, &err);
	ir_buf_free(&b);
	if (!rec) {
		snprintf(w->other, sizeof w->other, "WorkMail's summary of "
		    "other mail");
		return;
	}
	ir_rec_bool(rec, "partial", true);
	ir_rec_str(rec, "partial_why", "WorkMail's summary: the mail itself "
	    "is got by GetRawMessageContent");
	ir_rec_str(rec, "workmail_id", ir_rec_get(r, "messageId"));
	found(w, rec);
}

static void walk(struct walk *w, const struct ir_rec *r, int layer);

/* A string that is JSON again. */
static void
inside(struct walk *w, const char *s, int layer)
{
	struct ir_rec *in;
	size_t blank = s ? strspn(s, " \t\r\n") : 0;

	if (!s || layer >= IR_HEALTH_LAYERS || (s[blank] != '{' &&
	    s[blank] != '['))
		return;
	in = ir_rec_parse_raw(s, strlen(s), NULL);
	if (in)
		walk(w, in, layer + 1);
	ir_rec_free(in);
}

/* Each of a list: a batch of a queue, of a function, of an answer. */
static void
batch(struct walk *w, const struct ir_rec *list, int layer)
{
	size_t i;

	for (i = 0; ir_rec_kind(list) == IR_REC_ARRAY && i < ir_rec_len(list);
	    i++)
		walk(w, ir_rec_item(list, i), layer);
}

/* An object that is none of those: what it may have around one. */
static void
envelope(struct walk *w, const struct ir_rec *r, int layer)
{
	static const char *const strings[] = { "Sns.Message", "Message",
	    "body", "Body", "message" };
	static const char *const lists[] = { "Records", "Messages", "records",
	    "successfulSet", "events" };
	size_t i;

	for (i = 0; i < sizeof lists / sizeof lists[0]; i++)
		batch(w, ir_rec_at(r, lists[i]), layer);
	for (i = 0; i < sizeof strings / sizeof strings[0]; i++)
		inside(w, ir_rec_get(r, strings[i]), layer);
	if (ir_rec_at(r, "detail"))
		walk(w, ir_rec_at(r, "detail"), layer);
}

/* Recursion ends with the layers, and JSON's own depth is bounded. */
static void
walk(struct walk *w, const struct ir_rec *r, int layer)
{
	const char *type = ir_rec_get(r, "Type");
	struct event e;

	if (w->values++ > 20 * IR_HEALTH_EVENTS ||
	    w->found >= IR_HEALTH_EVENTS)
		return;
	if (ir_rec_kind(r) == IR_REC_STRING)
		inside(w, ir_rec_cstr(r), layer);
	else if (ir_rec_kind(r) == IR_REC_ARRAY)
		batch(w, r, layer);
	else if (type && strcmp(type, "SubscriptionConfirmation") == 0)
		w->subscription = true;
	else if (find_event(&e, r))
		event(w, &e);
	else if (ir_xarf_is(r))
		found(w, ir_notice_xarf(r, w->opts));
	else if (ir_rec_get(r, "summaryVersion") &&
	    ir_rec_get(r, "flowDirection"))
		workmail(w, r);
	else if (ir_rec_at(r, "receipt") && ir_rec_at(r, "mail"))
		received_mail(w, r);
	else if (ir_rec_kind(r) == IR_REC_OBJECT)
		envelope(w, r, layer);
}

static int
explain(const struct walk *w, struct ir_err *err)
{
	if (!w->subscription)
		return ir_fail(err, IR_DATAERR, "not an abuse notice: %s",
		    w->other[0] ? w->other : "JSON, but no AWS Health event");
	ir_fail(err, IR_DATAERR, "not an abuse notice: it is SNS asking to "
	    "confirm a subscription");
	ir_hint(err, "confirm it yourself if you asked for it; nothing was "
	    "fetched");
	return -1;
}

/* JSON Lines: each line is an object of its own. */
static bool
lines(struct walk *w, const char *raw, size_t n)
{
	const char *end = raw + n, *eol;
	struct ir_rec *r;
	bool any = false;

	for (; raw < end; raw = eol + (eol < end)) {
		eol = memchr(raw, '\n', (size_t)(end - raw));
		if (!eol)
			eol = end;
		r = eol > raw ? ir_rec_parse_raw(raw, (size_t)(eol - raw),
		    NULL) : NULL;
		any = any || r;
		if (r)
			walk(w, r, 0);
		ir_rec_free(r);
	}
	return any;
}

int
ir_health_parse(const char *raw, size_t n, const struct ir_report_opts *o,
    void (*fn)(struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	struct walk w = { o, fn, arg, 0, 0, "", false };
	struct ir_err first = IR_ERR_INIT;
	struct ir_rec *r;

	if (n > IR_HEALTH_BYTES)
		return ir_fail(err, IR_DATAERR, "JSON: larger than %u bytes",
		    IR_HEALTH_BYTES);
	r = ir_rec_parse_raw(raw, n, &first);
	if (r)
		walk(&w, r, 0);
	else if (!memchr(raw, '\n', n) || !lines(&w, raw, n))
		return ir_fail(err, first.code, "%s", first.msg);
	ir_rec_free(r);
	return w.found ? w.found : explain(&w, err);
}
