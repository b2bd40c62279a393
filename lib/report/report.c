/* report.c - see report.h */
#include <stdlib.h>
#include <string.h>

#include "complaint.h"
#include "core/record.h"
#include "core/sha256.h"
#include "core/text.h"
#include "health.h"
#include "notice.h"
#include "profile.h"
#include "report.h"
#include "sender.h"

#define DAY 86400
#define DESCRIPTION_MAX 2000
#define SUBJECT_MAX 1000
#define COPY_MIN 60		/* bytes of text that tell two notices apart */
#define RECORD_MAX (IR_REC_MAX - 2048)	/* room for fields added later */

int
ir_report_each(const char *raw, size_t n, const struct ir_report_opts *o,
    void (*fn)(struct ir_rec *, void *), void *arg, struct ir_err *err)
{
	struct ir_rec *rec;
	size_t i = 0;

	if (n >= 3 && memcmp(raw, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < n && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' ||
	    raw[i] == '\n'))
		i++;
	if (i == n)
		return ir_fail(err, IR_DATAERR, "empty input");
	if (raw[i] == '{' || raw[i] == '[')
		return ir_health_parse(raw + i, n - i, o, fn, arg, err);
	rec = ir_notice_parse(raw + i, n - i, o, err);
	if (!rec)
		return -1;
	fn(rec, arg);
	return 1;
}

static void
keep_first(struct ir_rec *rec, void *arg)
{
	struct ir_rec **first = arg;

	if (*first)
		ir_rec_free(rec);
	else
		*first = rec;
}

struct ir_rec *
ir_report_parse(const char *raw, size_t n, const struct ir_report_opts *o,
    struct ir_err *err)
{
	struct ir_rec *rec = NULL;

	ir_report_each(raw, n, o, keep_first, &rec, err);
	return rec;
}

void
ir_report_init(struct ir_report *r, const struct ir_report_opts *o)
{
	memset(r, 0, sizeof *r);
	ir_facts_init(&r->facts);
	r->opts = o;
	r->claim = ir_rec_object();
	r->subject.max = 1U << 20;
	r->upper.max = r->complaint.max = 128U << 20;
	r->authentic = "unverified";
	r->provider = "aws";
	r->channel = "none";
	r->base = r->received = o->now;
	r->base_source = IR_FROM_DEFAULT;
}

void
ir_report_free(struct ir_report *r)
{
	ir_buf_free(&r->subject);
	ir_buf_free(&r->upper);
	ir_buf_free(&r->complaint);
	ir_rec_free(r->references);
	ir_rec_free(r->claim);
}

static const char *
source_word(enum ir_fact_source s)
{
	switch (s) {
	case IR_FROM_SUBJECT:
		return "subject";
	case IR_FROM_BODY:
		return "body";
	case IR_FROM_HEADER:
		return "header";
	case IR_FROM_HEALTH:
		return "health";
	case IR_FROM_QUOTE:
		return "quote";
	case IR_FROM_NOWHERE:
	case IR_FROM_DEFAULT:
	default:
		return "default";
	}
}

/* Set a field and say where it comes from. */
static void
put(struct ir_rec *rec, struct ir_rec *prov, const char *name,
    const struct ir_fact *f)
{
	struct ir_rec *p;

	if (!f || !f->value[0]) {
		ir_rec_null(rec, name);
		return;
	}
	ir_rec_str(rec, name, f->value);
	p = ir_rec_object();
	ir_rec_str(p, "source", source_word(f->source));
	if (f->line)
		ir_rec_int(p, "line", f->line);
	ir_rec_set(prov, name, p);
}

static void
source_only(struct ir_rec *prov, const char *name, enum ir_fact_source s,
    const struct ir_fact *f)
{
	struct ir_rec *p = ir_rec_object();

	ir_rec_str(p, "source", source_word(s));
	if (f && f->value[0]) {
		if (f->line)
			ir_rec_int(p, "line", f->line);
		ir_rec_str(p, "words", f->value);
	}
	ir_rec_set(prov, name, p);
}

static void
conflict(struct ir_rec *list, const char *field, const struct ir_fact_set *set,
    const struct ir_fact *chosen)
{
	struct ir_rec *o, *values, *v;
	size_t i;

	if (set->n == 0 || chosen)
		return;
	o = ir_rec_object();
	values = ir_rec_array();
	for (i = 0; i < set->n; i++) {
		v = ir_rec_object();
		ir_rec_str(v, "value", set->v[i].value);
		ir_rec_str(v, "source", source_word(set->v[i].source));
		if (set->v[i].line)
			ir_rec_int(v, "line", set->v[i].line);
		ir_rec_push(values, v);
	}
	ir_rec_str(o, "field", field);
	ir_rec_set(o, "values", values);
	ir_rec_push(list, o);
}

static struct ir_rec *
conflicts(const struct ir_report *r)
{
	struct ir_rec *list = ir_rec_array(), *o, *values, *v;

	conflict(list, "case", &r->facts.cases,
	    ir_facts_case(&r->facts.cases));
	conflict(list, "account", &r->facts.accounts,
	    ir_facts_one(&r->facts.accounts));
	conflict(list, "region", &r->facts.regions,
	    ir_facts_one(&r->facts.regions));
	if (r->reply_conflict) {
		o = ir_rec_object();
		values = ir_rec_array();
		v = ir_rec_object();
		ir_rec_str(v, "value", r->reply_conflict);
		ir_rec_str(v, "source", "header");
		ir_rec_push(values, v);
		ir_rec_str(o, "field", "reply_to");
		ir_rec_set(o, "values", values);
		ir_rec_push(list, o);
	}
	return list;
}

static struct ir_rec *
resources(const struct ir_report *r, const char *region)
{
	struct ir_rec *list = ir_rec_array(), *o;
	bool global;
	size_t i;

	for (i = 0; i < r->facts.nresources; i++) {
		const struct ir_resource *s = &r->facts.resources[i];

		o = ir_rec_object();
		ir_rec_str(o, "kind", s->kind);
		ir_rec_str(o, "id", s->id);
		/* keys and users are of no region */
		global = strcmp(s->kind, "access-key") == 0 ||
		    strcmp(s->kind, "iam-user") == 0;
		ir_rec_str(o, "region", global ? NULL : s->region[0] ?
		    s->region : region);
		if (s->account[0])
			ir_rec_str(o, "account", s->account);
		if (s->gone)
			ir_rec_bool(o, "gone", true);
		ir_rec_push(list, o);
	}
	return list;
}

/* The provider's half, with one space where there is any. */
static void
squeeze(struct ir_buf *b, const char *s, size_t n)
{
	bool space = true;
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] != ' ' && s[i] != '\n' && s[i] != '\t')
			ir_buf_chr(b, s[i]);
		else if (!space)
			ir_buf_chr(b, ' ');
		space = s[i] == ' ' || s[i] == '\n' || s[i] == '\t';
	}
}

/* A name that is the same for each copy of the notice. */
static void
identify(struct ir_rec *rec, const struct ir_report *r,
    const struct ir_fact *c)
{
	struct ir_buf b = IR_BUF(r->upper.len + r->subject.len + 2);
	char hex[65];

	if (c) {
		ir_rec_fmt(rec, "id", "%s-%.*s", r->provider,
		    (int)ir_case_root(c->value), c->value);
		return;
	}
	if (r->key[0]) {
		ir_rec_fmt(rec, "id", "%s-%s", r->provider, r->key);
		return;
	}
	squeeze(&b, ir_buf_cstr(&r->upper), r->upper.len);
	if (b.len == 0)
		ir_buf_add(&b, ir_buf_cstr(&r->subject), r->subject.len);
	/* complaints have their first lines in common */
	if (strcmp(r->provider, "complaint") == 0)
		ir_sha256_small(ir_buf_cstr(&r->complaint), r->complaint.len,
		    hex);
	else
		ir_sha256_small(ir_buf_cstr(&b), b.len, hex);
	hex[24] = '\0';
	ir_rec_fmt(rec, "id", "%s-%s", r->provider, hex);
	ir_buf_free(&b);
}

/* Where a list's own words begin: a line of "_", or of "--" alone. */
static size_t
before_footer(const char *s, size_t n)
{
	const char *p = s, *end = s + n, *nl;
	size_t len;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		len = (size_t)(nl - p);
		while (len && p[len - 1] == ' ')
			len--;
		if ((len >= 20 && strspn(p, "_") >= len) ||
		    (len == 2 && memcmp(p, "--", 2) == 0))
			return (size_t)(p - s);
	}
	return n;
}

/*
 * What stays the same when a list rewrites the notice, its Message-ID too:
 * the provider's words, and when they were written, to the second.
 */
static void
mark_copies(struct ir_rec *rec, const struct ir_report *r)
{
	const char *s = ir_buf_cstr(&r->upper);
	struct ir_buf b = IR_BUF(r->upper.len + 64);
	char hex[65];

	ir_buf_fmt(&b, "%lld ", (long long)r->date);
	squeeze(&b, s, before_footer(s, r->upper.len));
	while (b.len && b.data[b.len - 1] == ' ')
		ir_buf_trunc(&b, b.len - 1);
	if (r->date && b.len >= COPY_MIN &&
	    strcmp(r->provider, "complaint") != 0) {
		ir_sha256_small(ir_buf_cstr(&b), b.len, hex);
		ir_rec_str(rec, "copy_sha256", hex);
	}
	ir_buf_free(&b);
}

static void
times(struct ir_rec *rec, struct ir_rec *prov, const struct ir_report *r,
    const char *stage)
{
	const struct ir_facts *f = &r->facts;
	const struct ir_fact *words = &f->due;
	const char *hours = ir_profile_get(r->opts->profiles, r->provider,
	    "deadline", 0);
	int64_t due = r->base + (hours ? atoi(hours) * 3600 : DAY);
	/* a date that was over before is of something else */
	bool dated = f->due_at >= 0 && f->due_at > r->base - DAY;
	bool said = f->due_seconds >= 0 || dated;

	ir_rec_time(rec, "received", r->received);
	source_only(prov, "received", r->base_source, NULL);
	if (f->due_seconds >= 0)
		due = r->base + f->due_seconds;
	if (dated && (f->due_seconds < 0 || f->due_at < due)) {
		due = f->due_at;
		words = &f->due_on;
	}
	if (strcmp(stage, "resolved") == 0) {
		ir_rec_null(rec, "due");
		return;
	}
	ir_rec_time(rec, "due", due);
	source_only(prov, "due", said ? words->source : IR_FROM_DEFAULT,
	    said ? words : NULL);
}

static bool
of_provider(const struct ir_report *r, const char *addr)
{
	const char *name = ir_profile_sender(r->opts->profiles, addr);

	return strcmp(r->provider, "aws") == 0 ? ir_sender_aws(addr) :
	    name && strcmp(name, r->provider) == 0;
}

static void
mail_fields(struct ir_rec *rec, const struct ir_report *r)
{
	struct ir_rec *refs = r->references ? ir_rec_copy(r->references) :
	    NULL;

	ir_rec_str(rec, "channel", r->channel);
	ir_rec_str(rec, "sender", r->sender[0] ? r->sender : NULL);
	ir_rec_str(rec, "reply_to", of_provider(r, r->reply_to) ?
	    r->reply_to : NULL);
	if (r->reply_url[0])
		ir_rec_str(rec, "reply_url", r->reply_url);
	ir_rec_str(rec, "to", r->to[0] ? r->to : NULL);
	ir_rec_str(rec, "message_id", r->message_id[0] ? r->message_id :
	    NULL);
	ir_rec_set(rec, "references", refs ? refs : ir_rec_array());
	ir_rec_strn(rec, "subject", ir_buf_cstr(&r->subject),
	    ir_text_cut(ir_buf_cstr(&r->subject), r->subject.len,
	    SUBJECT_MAX));
	ir_rec_str(rec, "authentic", r->authentic);
	ir_rec_str(rec, "auth_why", r->auth_why);
	ir_rec_int(rec, "depth", r->depth);
}

static struct ir_rec *
complaint(const struct ir_report *r)
{
	const struct ir_complaint_opts opts = { r->opts->now, r->opts->hosts,
	    r->opts->nhosts, r->claim };

	return ir_complaint(ir_buf_cstr(&r->complaint), r->complaint.len,
	    &opts);
}

static bool
fits(const struct ir_rec *rec)
{
	struct ir_buf b = IR_BUF(RECORD_MAX);
	bool ok;

	ir_rec_json(rec, &b);
	ok = !b.bad;
	ir_buf_free(&b);
	return ok;
}

/* Hostile text can make a record too long for a line: give up the extras. */
static void
shrink(struct ir_rec *rec)
{
	struct ir_rec *c;

	if (fits(rec))
		return;
	ir_rec_bool(rec, "partial", true);
	ir_rec_str(rec, "partial_why", "more than fits into one record");
	ir_rec_set(rec, "references", ir_rec_array());
	if (fits(rec))
		return;
	c = ir_rec_object();
	ir_rec_bool(c, "present", true);
	ir_rec_str(c, "sha256", ir_rec_get(rec, "complaint.sha256"));
	ir_rec_set(rec, "complaint", c);
}

struct ir_rec *
ir_report_record(const struct ir_report *r)
{
	const struct ir_facts *f = &r->facts;
	const struct ir_fact *c = ir_facts_case(&f->cases);
	const struct ir_fact *region = ir_facts_one(&f->regions);
	struct ir_rec *rec = ir_rec_new("report", "");
	struct ir_rec *prov = ir_rec_object();
	const char *stage = f->stage.value[0] ? f->stage.value : "new";
	const char *why = r->partial;
	bool urgent = f->urgent.value[0] && strcmp(stage, "resolved") != 0;

	identify(rec, r, c);
	mark_copies(rec, r);
	ir_rec_time(rec, "time", r->opts->now);
	ir_rec_str(rec, "provider", r->provider);
	put(rec, prov, "case", c);
	if (c)
		ir_rec_strn(rec, "case_root", c->value,
		    ir_case_root(c->value));
	else
		ir_rec_null(rec, "case_root");
	put(rec, prov, "account", ir_facts_one(&f->accounts));
	put(rec, prov, "region", region);
	ir_rec_set(rec, "resources", resources(r, region ? region->value :
	    NULL));
	put(rec, prov, "activity", &f->activity);
	put(rec, prov, "activity_text", &f->activity_text);
	put(rec, prov, "abuse_time", &f->when);
	ir_rec_str(rec, "stage", stage);
	source_only(prov, "stage", f->stage.source, NULL);
	ir_rec_bool(rec, "urgent", urgent);
	if (urgent)
		source_only(prov, "urgent", f->urgent.source, &f->urgent);
	times(rec, prov, r, stage);
	mail_fields(rec, r);
	if (r->event)
		ir_rec_str(rec, "event", r->event);
	if (r->pages > 0) {
		ir_rec_int(rec, "page", r->page);
		ir_rec_int(rec, "pages", r->pages);
	}
	if (r->description)
		ir_rec_strn(rec, "description", r->description,
		    ir_text_cut(r->description, strlen(r->description),
		    DESCRIPTION_MAX));
	ir_rec_set(rec, "complaint", complaint(r));
	ir_rec_set(rec, "conflicts", conflicts(r));
	if (!why && f->truncated)
		why = "more than is read in the notice's own text";
	if (!why && r->complaint.len > IR_COMPLAINT_BYTES)
		why = "the complaint is larger than is searched";
	ir_rec_bool(rec, "partial", why != NULL);
	if (why)
		ir_rec_str(rec, "partial_why", why);
	ir_rec_set(rec, "provenance", prov);
	shrink(rec);
	return rec;
}
