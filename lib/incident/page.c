/* page.c - see page.h */
#include <stdio.h>
#include <string.h>

#include "../core/text.h"
#include "chart.h"
#include "doc.h"
#include "incident.h"
#include "markup.h"
#include "page.h"

#define BEFORE (36 * 3600 / IR_VOLUME_STEP)	/* slots shown around it */
#define AFTER (24 * 3600 / IR_VOLUME_STEP)
#define SHOWN_LEAST 16
#define TEXT_MAX 400		/* of an event, in bytes */

static const char *
get(const struct ir_rec *r, const char *path)
{
	const char *s = ir_rec_get(r, path);

	return s ? s : "";
}

static void
number(char out[32], double n)
{
	char text[32];
	size_t len, i, k = 0;

	len = (size_t)snprintf(text, sizeof text, "%.0f", n);
	for (i = 0; i < len && k < 30; i++) {
		if (i && (len - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = text[i];
	}
	out[k] = '\0';
}

/* "2026-11-22 00:24:45", into a buffer of the caller. */
static const char *
when(char out[64], const char *time)
{
	struct ir_buf b = IR_BUF(4096);

	ir_mark_time(&b, time);
	snprintf(out, 64, "%.40s", ir_buf_cstr(&b));
	ir_buf_free(&b);
	return out;
}

static const char *
when_slot(char out[64], int64_t slot)
{
	char stamp[IR_TIME_LEN];

	return when(out, ir_time_rfc3339(slot * IR_VOLUME_STEP, stamp));
}

/* --- the head ------------------------------------------------------------- */

static void
tile(struct ir_doc *d, const char *big, const char *small)
{
	if (!d->html) {
		ir_buf_str(d->out, "- ");
		ir_mark_md(d->out, small);
		ir_buf_str(d->out, ": ");
		ir_mark_md(d->out, big);
		ir_buf_chr(d->out, '\n');
		return;
	}
	ir_buf_str(d->out, "<li><b>");
	ir_mark_html(d->out, big);
	ir_buf_str(d->out, "</b><span>");
	ir_mark_html(d->out, small);
	ir_buf_str(d->out, "</span></li>\n");
}

static void
span_text(char out[64], int64_t s)
{
	if (s < 60)
		snprintf(out, 64, "%lld s", (long long)s);
	else if (s < 3600)
		snprintf(out, 64, "%lld min", (long long)s / 60);
	else if (s < 48 * 3600)
		snprintf(out, 64, "%lld h %02lld min", (long long)s / 3600,
		    (long long)s / 60 % 60);
	else
		snprintf(out, 64, "%lld d %lld h", (long long)s / 86400,
		    (long long)s / 3600 % 24);
}

static void
phase_tile(struct ir_doc *d, const struct ir_case *c, const char *key,
    const char *small)
{
	int64_t opened, t;
	char text[64];

	if (ir_time_parse(get(c->incident, "opened"), &opened))
		return;
	if (strcmp(key, "contained") == 0 && c->contained)
		t = c->contained;
	else if (ir_time_parse(get(c->incident, key), &t)) {
		tile(d, "\xe2\x80\x94", small);
		return;
	}
	span_text(text, t > opened ? t - opened : 0);
	tile(d, text, small);
}

static void
head(struct ir_doc *d, const struct ir_case *c)
{
	const struct ir_rec *r = c->incident;
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	const struct ir_rec *report = ir_rec_item(c->reports, 0);
	char t[64];

	if (d->html) {
		ir_buf_str(d->out, "<p><span class=\"state ");
		ir_buf_str(d->out, !strcmp(get(r, "state"), "open") ? "bad" :
		    !strcmp(get(r, "state"), "closed") ||
		    !strcmp(get(r, "state"), "recovered") ||
		    !strcmp(get(r, "state"), "resolved") ? "ok" : "warn");
		ir_buf_fmt(d->out, "\">%s</span></p>\n", get(r, "state"));
	}
	ir_buf_fmt(&b, "Case %s, account %s%s%s. Opened %s UTC. State: %s.",
	    *get(r, "case") ? get(r, "case") : "without a number",
	    *get(r, "account") ? get(r, "account") : "not named",
	    *get(r, "region") ? ", " : "", get(r, "region"),
	    when(t, get(r, "opened")), get(r, "state"));
	ir_doc_p(d, ir_buf_cstr(&b));
	ir_buf_trunc(&b, 0);
	if (report) {
		ir_buf_fmt(&b, "The notice speaks of %s; %s.",
		    ir_report_str(report, "activity") ?
		    ir_report_str(report, "activity") : "abuse, without a "
		    "word for it", strcmp(get(report, "authentic"), "pass") ?
		    "that it is from whom it says was not proven" :
		    "its sender was verified");
		ir_doc_p(d, ir_buf_cstr(&b));
	}
	ir_buf_free(&b);
	ir_doc_list(d, "tiles");
	phase_tile(d, c, "acknowledged", "until it was answered");
	phase_tile(d, c, "contained", "until the first stop");
	phase_tile(d, c, "recovered", "until recovered");
	snprintf(t, sizeof t, "%zu", ir_rec_len(c->open));
	tile(d, t, ir_rec_len(c->open) == 1 ? "open point" : "open points");
	ir_doc_list_end(d);
	ir_doc_note(d, "Times are UTC, as in the journal, and count from when "
	    "the incident was opened.");
}

static void
open_points(struct ir_doc *d, const struct ir_case *c)
{
	size_t i;

	ir_doc_section(d, "open", "What is open");
	if (!ir_rec_len(c->open))
		ir_doc_p(d, "Nothing that can be seen from here.");
	else
		ir_doc_list(d, "open");
	for (i = 0; i < ir_rec_len(c->open); i++)
		ir_doc_item(d, ir_rec_cstr(ir_rec_item(c->open, i)));
	if (ir_rec_len(c->open))
		ir_doc_list_end(d);
	ir_doc_section_end(d);
}

static void
affected(struct ir_doc *d, const struct ir_case *c)
{
	static const char *const heads[] = { "Kind", "What", "Remark" };
	const struct ir_rec *r;
	size_t i;

	ir_doc_section(d, "affected", "What was affected");
	ir_doc_table(d, "By the provider's notice and by what was found",
	    heads, "tmt");
	for (i = 0; i < ir_rec_len(c->affected); i++) {
		r = ir_rec_item(c->affected, i);
		ir_doc_row(d, (const char *const[]){ get(r, "kind"),
		    get(r, "id"), get(r, "detail") });
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
}

/* --- volume ------------------------------------------------------------ */

/* The first slot from `from` on in which there was anything; or mark. */
static int64_t
first_of(const struct ir_volume *v, int64_t from, int64_t mark)
{
	size_t i = 0;

	while (i < v->n && (v->slot[i] < from || v->count[i] <= 0))
		i++;
	return i < v->n && v->slot[i] < mark ? v->slot[i] : mark;
}

/* What is shown, the same of all, so that they can be laid side by side. */
static struct ir_span
span_of(const struct ir_case *c)
{
	struct ir_span s = { INT64_MAX, INT64_MIN, c->contained,
		"contained" };
	int64_t mark = c->contained / IR_VOLUME_STEP, begin = mark, from;
	const struct ir_volume *v;
	size_t i;

	if (c->contained_by && strcmp(c->contained_by, "incident.contained"))
		s.mark_text = "first stop";
	for (i = 0; i < c->volumes.n; i++) {
		v = &c->volumes.v[i];
		if (v->n == 0)
			continue;
		s.from = v->from < s.from ? v->from : s.from;
		s.to = v->to > s.to ? v->to : s.to;
		from = first_of(v, mark - BEFORE, mark) - 4;
		begin = from < begin ? from : begin;
	}
	if (s.from > s.to)	/* there is nothing to show */
		s.from = s.to = mark;
	if (s.mark) {
		/* not a day of nothing in front of it */
		s.from = s.from > begin ? s.from : begin;
		s.from = s.from < mark - 4 ? s.from : mark - 4;
		s.to = s.to < mark + AFTER ? s.to : mark + AFTER;
		s.to = s.to > mark + 4 ? s.to : mark + 4;
	}
	while (s.to - s.from + 1 < SHOWN_LEAST) {
		s.from--;
		s.to++;
	}
	if (s.to - s.from >= 4 * BEFORE)
		s.from = s.to - 4 * BEFORE;
	return s;
}

static void
say_sums(struct ir_buf *b, const struct ir_case *c,
    const struct ir_volume *v, const struct ir_chart_sums *sum)
{
	char peak[32], was[32], then[32], t[64];

	number(peak, sum->peak);
	number(was, sum->before);
	number(then, sum->after);
	ir_buf_fmt(b, "%s (%s). Most in a quarter of an hour: %s, from %s. ",
	    v->label, v->unit, peak, when_slot(t, sum->peak_at));
	if (!c->contained)
		ir_buf_fmt(b, "In all: %s; it is not contained.", was);
	else if (!sum->known_after)
		ir_buf_fmt(b, "Before: %s; of the time after containment "
		    "nothing is in evidence.", was);
	else
		ir_buf_fmt(b, "Up to the quarter of containment: %s; "
		    "afterwards: %s.", was, then);
	if (v->hourly)
		ir_buf_str(b, " Figures by the hour, a quarter of it each.");
}

static void
volumes(struct ir_doc *d, const struct ir_case *c)
{
	struct ir_buf b = IR_BUF(4096);
	struct ir_span s = span_of(c);
	struct ir_chart_sums sum;
	size_t i, shown = 0;

	ir_doc_section(d, "volume", "How much was sent");
	if (d->html && c->volumes.n)
		ir_buf_str(d->out, "<ul class=\"legend\"><li><i style=\""
		    "background:var(--before)\"></i>up to containment</li>"
		    "<li><i style=\"background:var(--after)\"></i>afterwards"
		    "</li><li><i style=\"background:var(--unknown)\"></i>"
		    "hatched: nothing is known</li></ul>\n");
	for (i = 0; i < c->volumes.n; i++) {
		if (c->volumes.v[i].n == 0)
			continue;	/* regions that are used for nothing */
		ir_chart_sum(&c->volumes.v[i], &s, &sum);
		ir_buf_trunc(&b, 0);
		say_sums(&b, c, &c->volumes.v[i], &sum);
		shown++;
		if (!d->html) {
			ir_doc_p(d, ir_buf_cstr(&b));
			continue;
		}
		ir_buf_str(d->out, "<figure><div class=\"scroll chart\" "
		    "role=\"group\" tabindex=\"0\" aria-label=\"Chart\">\n");
		ir_chart_svg(&c->volumes.v[i], &s, (unsigned)i, d->out);
		ir_buf_str(d->out, "</div><figcaption>");
		ir_mark_html(d->out, ir_buf_cstr(&b));
		ir_buf_str(d->out, "</figcaption></figure>\n");
	}
	if (!shown)
		ir_doc_p(d, "Nothing in the evidence tells: add the main log, "
		    "or figures of CloudWatch (incident evidence).");
	else if (c->volumes.full)
		ir_doc_note(d, "There was more than is counted here.");
	ir_buf_free(&b);
	ir_doc_section_end(d);
}

/* The sum of the slots that are known; -1 when none is. */
static double
sum_at(const struct ir_volume *v, int64_t slot, int64_t step)
{
	double n, sum = -1;
	int64_t i;

	for (i = 0; i < step; i++) {
		n = ir_volume_at(v, slot + i);
		if (n >= 0)
			sum = (sum < 0 ? 0 : sum) + n;
	}
	return sum;
}

/* On a page by the hour, or it would be many; in Markdown all of it. */
static void
figures(struct ir_doc *d, const struct ir_case *c)
{
	const char *heads[IR_VOLUME_SERIES + 1] = { "From (UTC)" };
	const char *cells[IR_VOLUME_SERIES + 1];
	char text[IR_VOLUME_SERIES + 1][64], kinds[IR_VOLUME_SERIES + 2] =
	    "w", labels[IR_VOLUME_SERIES][256];
	const struct ir_volume *shown[IR_VOLUME_SERIES];
	struct ir_span s = span_of(c);
	int64_t slot, step = d->html ? 4 : 1;
	struct ir_buf b = IR_BUF(4096);
	size_t i, n = 0;
	double sum;

	for (i = 0; i < c->volumes.n; i++) {
		if (c->volumes.v[i].n == 0)
			continue;
		ir_buf_trunc(&b, 0);
		if (d->html)
			ir_mark_html(&b, c->volumes.v[i].label);
		else
			ir_mark_md(&b, c->volumes.v[i].label);
		snprintf(labels[n], sizeof labels[n], "%s", ir_buf_cstr(&b));
		shown[n] = &c->volumes.v[i];
		heads[n + 1] = labels[n];
		kinds[++n] = 'n';
	}
	kinds[n + 1] = '\0';
	ir_buf_free(&b);
	if (!n)
		return;
	ir_doc_section(d, "figures", "The figures of the charts");
	ir_doc_table(d, d->html ? "By the hour; a dash: nothing is known" :
	    "By the quarter of an hour; a dash: nothing is known", heads,
	    kinds);
	for (slot = s.from / step * step; slot <= s.to; slot += step) {
		cells[0] = when_slot(text[0], slot);
		for (i = 0; i < n; i++) {
			sum = sum_at(shown[i], slot, step);
			if (sum < 0)
				snprintf(text[i + 1], 64, "\xe2\x80\x94");
			else
				number(text[i + 1], sum);
			cells[i + 1] = text[i + 1];
		}
		ir_doc_row(d, cells);
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
}

/* --- tables ------------------------------------------------------------ */

static void
queue(struct ir_doc *d, const struct ir_case *c)
{
	static const char *const heads[] = { "Time (UTC)", "Messages",
		"What" };
	const struct ir_rec *r;
	char t[64], n[32];
	size_t i;

	ir_doc_section(d, "queue", "The queue");
	if (!ir_rec_len(c->queue)) {
		ir_doc_p(d, "The evidence has no counts of a queue.");
		ir_doc_section_end(d);
		return;
	}
	ir_doc_table(d, "Messages in the mail host's queue", heads, "wnt");
	for (i = 0; i < ir_rec_len(c->queue); i++) {
		r = ir_rec_item(c->queue, i);
		number(n, (double)ir_rec_get_int(r, "count", 0));
		ir_doc_row(d, (const char *const[]){ when(t, get(r, "time")),
		    n, get(r, "what") });
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
}

static void
blocklists(struct ir_doc *d, const struct ir_case *c)
{
	static const char *const heads[] = { "Address", "List", "First",
		"Last", "As of (UTC)", "Reason" };
	const struct ir_rec *r;
	const char *last;
	char t[64];
	size_t i;

	ir_doc_section(d, "lists", "Blocklists");
	if (!ir_rec_len(c->listings)) {
		ir_doc_p(d, "None was asked (dnsbl-check).");
		ir_doc_section_end(d);
		return;
	}
	ir_doc_table(d, "What blocklists said of the mail host's addresses",
	    heads, "mtsswt");
	for (i = 0; i < ir_rec_len(c->listings); i++) {
		r = ir_rec_item(c->listings, i);
		last = get(r, "last");
		ir_doc_row(d, (const char *const[]){ get(r, "ip"),
		    get(r, "zone"), get(r, "first"),
		    strcmp(last, "clean") == 0 &&
		    strcmp(get(r, "first"), "listed") == 0 ? "delisted" :
		    last, when(t, get(r, "time")), get(r, "why") });
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
}

static void
actions(struct ir_doc *d, const struct ir_case *c)
{
	static const char *const heads[] = { "Time (UTC)", "Command", "On",
		"Before", "After", "State", "Undo" };
	const struct ir_rec *r;
	struct ir_buf b = IR_BUF(256);
	char t[64];
	size_t i;

	ir_doc_section(d, "actions", "What was done");
	if (!ir_rec_len(c->actions)) {
		ir_doc_p(d, "The journal has no action.");
		ir_doc_section_end(d);
		return;
	}
	ir_doc_table(d, "Changes, with what was before and after, and the way "
	    "back", heads, "wtmttsm");
	for (i = 0; i < ir_rec_len(c->actions); i++) {
		r = ir_rec_item(c->actions, i);
		ir_buf_trunc(&b, 0);
		if (*get(r, "undone") && strcmp(get(r, "state"), "undone") ==
		    0)
			ir_buf_fmt(&b, "done at %.8s", get(r, "undone") + 11);
		else
			ir_buf_str(&b, get(r, "undo"));
		ir_doc_row(d, (const char *const[]){ when(t, get(r, "time")),
		    get(r, "command"), get(r, "what"), get(r, "before"),
		    get(r, "after"), get(r, "state"), ir_buf_cstr(&b) });
	}
	ir_doc_table_end(d);
	ir_buf_free(&b);
	ir_doc_section_end(d);
}

static void
reports(struct ir_doc *d, const struct ir_case *c)
{
	static const char *const heads[] = { "Received (UTC)", "Stage",
		"Way", "Sender verified", "Due (UTC)", "Subject" };
	const struct ir_rec *r;
	char t[64], due[64];
	size_t i;

	ir_doc_section(d, "reports", "What was reported");
	ir_doc_table(d, "Reports of this case", heads, "wttswt");
	for (i = 0; i < ir_rec_len(c->reports); i++) {
		r = ir_rec_item(c->reports, i);
		ir_doc_row(d, (const char *const[]){
		    when(t, *get(r, "received") ? get(r, "received") :
		    get(r, "time")), get(r, "stage"), get(r, "channel"),
		    get(r, "authentic"), when(due, get(r, "due")),
		    *get(r, "subject") ? get(r, "subject") : get(r, "event")
		    });
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
}

static void
evidence(struct ir_doc *d, const struct ir_case *c)
{
	static const char *const heads[] = { "Added (UTC)", "File", "Bytes",
		"SHA-256" };
	const struct ir_rec *r;
	char t[64], n[32];
	size_t i;

	ir_doc_section(d, "evidence", "Evidence");
	ir_doc_table(d, "Files below the incident's folder", heads, "wmnm");
	for (i = 0; i < ir_rec_len(c->files); i++) {
		r = ir_rec_item(c->files, i);
		number(n, (double)ir_rec_get_int(r, "size", 0));
		ir_doc_row(d, (const char *const[]){ when(t, get(r, "time")),
		    get(r, "file"), n, get(r, "sha256") });
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
}

/* --- timeline ---------------------------------------------------------- */

static int
brief_pair(const char *key, const struct ir_rec *val, void *arg)
{
	static const char *const skip[] = { "type", "time", "from", "key",
		"sha256", "notice", "report_sha256", "version", "zone",
		"zone_name", "date", "records", "signals", "head",
		"dry_run", "sealed", "with_evidence" };
	struct ir_buf *b = arg, json = IR_BUF(IR_REC_MAX);
	const char *s = ir_rec_cstr(val), *p;
	size_t i;

	for (i = 0; i < sizeof skip / sizeof *skip; i++)
		if (strcmp(key, skip[i]) == 0)
			return 0;
	if ((s && !*s) || ir_rec_kind(val) == IR_REC_NULL)
		return 0;
	if (b->len)
		ir_buf_str(b, " \xc2\xb7 ");
	if (strcmp(key, "text") != 0) {
		for (p = key; *p; p++)
			ir_buf_chr(b, *p == '_' ? ' ' : *p);
		ir_buf_str(b, ": ");
	}
	if (s) {
		ir_buf_str(b, s);
	} else if (ir_rec_kind(val) == IR_REC_OBJECT) {
		ir_buf_fmt(b, "%zu named", ir_rec_len(val));
	} else if (ir_rec_kind(val) == IR_REC_ARRAY) {
		for (i = 0; i < ir_rec_len(val) && i < 5; i++) {
			s = ir_rec_cstr(ir_rec_item(val, i));
			if (!s)
				s = ir_rec_get(ir_rec_item(val, i), "id");
			if (!s) {
				ir_buf_fmt(b, "%zu of them", ir_rec_len(val));
				break;
			}
			ir_buf_fmt(b, "%s%s", i ? ", " : "", s);
		}
		if (i == 5 && ir_rec_len(val) > 5)
			ir_buf_fmt(b, " and %zu more", ir_rec_len(val) - 5);
		else if (!ir_rec_len(val))
			ir_buf_str(b, "none");
	} else {
		ir_rec_json(val, &json);
		ir_buf_str(b, ir_buf_cstr(&json));
	}
	ir_buf_free(&json);
	return 0;
}

static void
brief(struct ir_buf *b, const struct ir_rec *data)
{
	size_t cut;

	if (ir_rec_kind(data) == IR_REC_OBJECT)
		ir_rec_each(data, brief_pair, b);
	if (b->len > TEXT_MAX) {
		cut = ir_text_cut(b->data, b->len, TEXT_MAX);
		ir_buf_trunc(b, cut);
		ir_buf_str(b, " \xe2\x80\xa6");
	}
}

static void
timeline(struct ir_doc *d, const struct ir_case *c)
{
	const char *heads[7] = { "Time (UTC)" }, *cells[7];
	struct ir_buf b = IR_BUF(IR_REC_MAX * 2), l = IR_BUF(256);
	struct ir_buf w = IR_BUF(1024);
	const struct ir_event *e;
	bool many = ir_rec_len(c->timeline.family) > 1;
	bool local = c->timeline.zone != 0;
	char t[64], kinds[8] = "";
	size_t i, k;

	snprintf(kinds, sizeof kinds, "w%swtt%s", local ? "w" : "",
	    many ? "m" : "");
	k = 1;
	if (local)
		heads[k++] = "Local";
	heads[k++] = "Event";
	heads[k++] = "Who";
	heads[k++] = "What";
	heads[k] = "Incident";
	ir_doc_section(d, "timeline", "Timeline");
	ir_doc_table(d, "The journal, line by line; what is cut here is whole "
	    "there", heads, kinds);
	for (i = 0; i < c->timeline.n; i++) {
		e = &c->timeline.v[i];
		ir_buf_trunc(&b, 0);
		ir_buf_trunc(&l, 0);
		ir_buf_trunc(&w, 0);
		ir_timeline_local(&c->timeline, get(e->line, "time"), &l);
		ir_buf_fmt(&w, "%.60s, %.60s", get(e->line, "user"),
		    get(e->line, "from"));
		brief(&b, ir_rec_at(e->line, "data"));
		k = 0;
		cells[k++] = when(t, get(e->line, "time"));
		if (local)
			cells[k++] = ir_buf_cstr(&l);
		cells[k++] = get(e->line, "event");
		cells[k++] = ir_buf_cstr(&w);
		cells[k++] = ir_buf_cstr(&b);
		cells[k] = e->incident;
		ir_doc_row(d, cells);
	}
	ir_doc_table_end(d);
	ir_doc_section_end(d);
	ir_buf_free(&w);
	ir_buf_free(&l);
	ir_buf_free(&b);
}

static void
foot(struct ir_doc *d, const struct ir_case *c)
{
	char text[400], stamp[IR_TIME_LEN];

	snprintf(text, sizeof text, "Made %s UTC from %zu lines of the "
	    "journal, which %s. Its head was %s. Access key ids are cut to "
	    "their last four characters.",
	    ir_time_rfc3339(c->now, stamp), c->check.lines,
	    c->check.bad_line ? "does NOT verify" : "verifies",
	    c->check.head);
	if (d->html)
		ir_buf_str(d->out, "<footer>\n");
	ir_doc_note(d, text);
	if (d->html)
		ir_buf_str(d->out, "</footer>\n");
}

void
ir_page(const struct ir_case *c, bool html, struct ir_buf *out)
{
	struct ir_doc d = { .html = html, .out = out };
	struct ir_buf title = IR_BUF(1024);

	ir_buf_fmt(&title, "Incident %.200s", get(c->incident, "id"));
	ir_doc_begin(&d, ir_buf_cstr(&title));
	head(&d, c);
	open_points(&d, c);
	affected(&d, c);
	volumes(&d, c);
	queue(&d, c);
	blocklists(&d, c);
	actions(&d, c);
	reports(&d, c);
	timeline(&d, c);
	evidence(&d, c);
	figures(&d, c);
	foot(&d, c);
	ir_doc_end(&d);
	ir_buf_free(&title);
}
