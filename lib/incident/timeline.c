/* timeline.c - see timeline.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "join.h"
#include "journal.h"
#include "markup.h"
#include "timeline.h"

struct reading {
	struct ir_timeline *t;
	const char *incident;
};

static int
keep(const struct ir_rec *line, void *arg)
{
	struct reading *r = arg;
	struct ir_timeline *t = r->t;
	struct ir_event *v;

	if (t->n == t->cap) {
		v = realloc(t->v, (t->cap * 2 + 64) * sizeof *v);
		if (!v)
			return 1;
		t->v = v;
		t->cap = t->cap * 2 + 64;
	}
	t->v[t->n] = (struct ir_event){ ir_rec_copy(line), r->incident,
	    t->n };
	t->n++;
	return 0;
}

static int
earlier(const void *a, const void *b)
{
	const struct ir_event *x = a, *y = b;
	const char *s = ir_rec_get(x->line, "time");
	const char *t = ir_rec_get(y->line, "time");
	int rc = strcmp(s ? s : "", t ? t : "");

	return rc ? rc : x->at < y->at ? -1 : 1;
}

static void
find_zone(struct ir_timeline *t)
{
	const char *zone = "+00:00", *name;
	int h, m;
	size_t i;

	snprintf(t->zone_name, sizeof t->zone_name, "UTC");
	for (i = 0; i < t->n; i++) {
		zone = ir_rec_get(t->v[i].line, "data.zone");
		if (zone && (*zone == '+' || *zone == '-') &&
		    sscanf(zone + 1, "%2d:%2d", &h, &m) == 2 && h >= 0 &&
		    h < 15 && m >= 0 && m < 60)
			break;
	}
	if (i == t->n)
		return;
	t->zone = (h * 60L + m) * 60 * (*zone == '-' ? -1 : 1);
	name = ir_rec_get(t->v[i].line, "data.zone_name");
	snprintf(t->zone_name, sizeof t->zone_name, "%.15s",
	    name && *name ? name : zone);
}

int
ir_timeline_read(struct ir_timeline *t, const char *dir, struct ir_err *err)
{
	struct reading r = { t, NULL };
	const char *path, *slash;
	size_t i;
	int rc = 0;

	memset(t, 0, sizeof *t);
	t->family = ir_incident_family(dir, err);
	if (!t->family)
		return -1;
	for (i = 0; rc == 0 && i < ir_rec_len(t->family); i++) {
		path = ir_rec_cstr(ir_rec_item(t->family, i));
		slash = strrchr(path, '/');
		r.incident = slash && slash[1] ? slash + 1 : path;
		rc = ir_journal_each(path, keep, &r, err);
		if (rc > 0)
			rc = ir_fail(err, IR_OSERR, "no memory");
	}
	/* one journal is in its own order, whatever its clock did */
	if (rc == 0 && ir_rec_len(t->family) > 1 && t->n)
		qsort(t->v, t->n, sizeof *t->v, earlier);
	find_zone(t);
	return rc;
}

void
ir_timeline_free(struct ir_timeline *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		ir_rec_free(t->v[i].line);
	free(t->v);
	ir_rec_free(t->family);
	memset(t, 0, sizeof *t);
}

void
ir_timeline_local(const struct ir_timeline *t, const char *time,
    struct ir_buf *out)
{
	char stamp[IR_TIME_LEN];
	int64_t when;

	if (!time || ir_time_parse(time, &when))
		return;
	ir_time_rfc3339(when + t->zone, stamp);
	ir_buf_add(out, stamp + 11, 8);
	ir_buf_chr(out, ' ');
	ir_buf_str(out, t->zone_name);
}

static const char *
get(const struct ir_event *e, const char *path)
{
	const char *s = ir_rec_get(e->line, path);

	return s ? s : "";
}

static void
who(const struct ir_event *e, struct ir_buf *b)
{
	ir_buf_fmt(b, "%s@%s", get(e, "user"), get(e, "host"));
}

static void
md_cell(struct ir_buf *out, const char *s)
{
	ir_buf_chr(out, ' ');
	ir_mark_md(out, s);
	ir_buf_str(out, " |");
}

static void
md_row(const struct ir_timeline *t, const struct ir_event *e,
    struct ir_buf *out)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);

	ir_buf_chr(out, '|');
	md_cell(out, get(e, "time"));
	ir_timeline_local(t, get(e, "time"), &b);
	md_cell(out, ir_buf_cstr(&b));
	md_cell(out, get(e, "event"));
	ir_buf_trunc(&b, 0);
	who(e, &b);
	md_cell(out, ir_buf_cstr(&b));
	md_cell(out, get(e, "from"));
	ir_buf_trunc(&b, 0);
	ir_mark_data(&b, ir_rec_at(e->line, "data"));
	md_cell(out, ir_buf_cstr(&b));
	ir_buf_trunc(&b, 0);
	if (*get(e, "data.file"))
		ir_buf_fmt(&b, "%s (%.12s)", get(e, "data.file"),
		    get(e, "data.sha256"));
	md_cell(out, ir_buf_cstr(&b));
	if (ir_rec_len(t->family) > 1)
		md_cell(out, e->incident);
	ir_buf_chr(out, '\n');
	ir_buf_free(&b);
}

void
ir_timeline_md(const struct ir_timeline *t, struct ir_buf *out)
{
	bool many = ir_rec_len(t->family) > 1;
	size_t i;

	ir_buf_fmt(out, "| time (UTC) | local | event | who | from | what | "
	    "evidence |%s\n|---|---|---|---|---|---|---|%s\n",
	    many ? " incident |" : "", many ? "---|" : "");
	for (i = 0; i < t->n; i++)
		md_row(t, &t->v[i], out);
}

static void
csv_field(struct ir_buf *out, const char *s)
{
	ir_buf_chr(out, ',');
	ir_mark_csv(out, s);
}

static void
csv_row(const struct ir_event *e, struct ir_buf *out)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);
	const char *time = get(e, "time");
	size_t n = strlen(time);

	ir_buf_fmt(&b, "%s: ", get(e, "event"));
	ir_mark_data(&b, ir_rec_at(e->line, "data"));
	ir_mark_csv(out, ir_buf_cstr(&b));
	/* "+00:00" is what every reader of ISO 8601 takes */
	ir_buf_trunc(&b, 0);
	ir_buf_add(&b, time, n - (n && time[n - 1] == 'Z'));
	if (n && time[n - 1] == 'Z')
		ir_buf_str(&b, "+00:00");
	csv_field(out, ir_buf_cstr(&b));
	csv_field(out, "written to the journal");
	csv_field(out, get(e, "event"));
	csv_field(out, get(e, "user"));
	csv_field(out, get(e, "host"));
	csv_field(out, get(e, "from"));
	csv_field(out, e->incident);
	csv_field(out, get(e, "id"));
	csv_field(out, get(e, "data.file"));
	csv_field(out, get(e, "data.sha256"));
	ir_buf_str(out, "\r\n");
	ir_buf_free(&b);
}

void
ir_timeline_csv(const struct ir_timeline *t, struct ir_buf *out)
{
	size_t i;

	ir_buf_str(out, "message,datetime,timestamp_desc,event,user,host,"
	    "source,incident,line,evidence,sha256\r\n");
	for (i = 0; i < t->n; i++)
		csv_row(&t->v[i], out);
}
