/* casefile.c - see casefile.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "../log/input.h"
#include "casefile.h"
#include "incident.h"

#define JSON_MAX (4u << 20)	/* of a document that is not lines */

static const char *
get(const struct ir_rec *r, const char *path)
{
	const char *s = ir_rec_get(r, path);

	return s ? s : "";
}

static bool
is(const struct ir_rec *r, const char *path, const char *want)
{
	return strcmp(get(r, path), want) == 0;
}

/* The row whose fields a and b have these values; NULL. */
static struct ir_rec *
find(const struct ir_rec *rows, const char *a, const char *av, const char *b,
    const char *bv, size_t *at)
{
	const struct ir_rec *row;
	size_t i;

	for (i = 0; i < ir_rec_len(rows); i++) {
		row = ir_rec_item(rows, i);
		if (is(row, a, av) && is(row, b, bv)) {
			*at = i;
			return ir_rec_copy(row);
		}
	}
	return NULL;
}

/* The row at that place, anew; the list owns it. */
static void
replace(struct ir_rec **rows, size_t at, struct ir_rec *row)
{
	struct ir_rec *all = ir_rec_array();
	size_t i;

	for (i = 0; i < ir_rec_len(*rows); i++)
		ir_rec_push(all, i == at ? ir_rec_copy(row) :
		    ir_rec_copy(ir_rec_item(*rows, i)));
	ir_rec_free(row);
	ir_rec_free(*rows);
	*rows = all;
}

/* More is said of what is there already. */
static void
add_affected(struct ir_case *c, const char *kind, const char *id,
    const char *detail)
{
	struct ir_rec *row;
	size_t at;

	if (!id || !*id || ir_rec_len(c->affected) >= IR_CASE_ROWS)
		return;
	row = find(c->affected, "kind", kind, "id", id, &at);
	if (row) {
		if (!*detail || strstr(get(row, "detail"), detail) ||
		    strlen(get(row, "detail")) > 300) {
			ir_rec_free(row);
			return;
		}
		ir_rec_fmt(row, "detail", "%s%s%s", get(row, "detail"),
		    *get(row, "detail") ? "; " : "", detail);
		replace(&c->affected, at, row);
		return;
	}
	row = ir_rec_object();
	ir_rec_str(row, "kind", kind);
	ir_rec_str(row, "id", id);
	ir_rec_str(row, "detail", detail);
	ir_rec_push(c->affected, row);
}

static void
add_queue(struct ir_case *c, const char *time, const char *what, int64_t n)
{
	struct ir_rec *row;
	size_t at;

	if (n < 0 || ir_rec_len(c->queue) >= IR_CASE_ROWS)
		return;
	row = find(c->queue, "time", time, "what", what, &at);
	if (row) {
		ir_rec_free(row);
		return;
	}
	row = ir_rec_object();
	ir_rec_str(row, "time", time);
	ir_rec_str(row, "what", what);
	ir_rec_int(row, "count", n);
	ir_rec_push(c->queue, row);
}

/* --- records ----------------------------------------------------------- */

/* The first and the last word on an address in a list. */
static void
add_listing(struct ir_case *c, const struct ir_rec *r)
{
	struct ir_rec *row;
	size_t at = SIZE_MAX;

	row = find(c->listings, "ip", get(r, "id"), "zone", get(r, "zone"),
	    &at);
	if (!row) {
		row = ir_rec_object();
		ir_rec_str(row, "ip", get(r, "id"));
		ir_rec_str(row, "zone", get(r, "zone"));
		ir_rec_str(row, "first", get(r, "verdict"));
		ir_rec_str(row, "first_time", get(r, "time"));
	}
	if (strcmp(get(r, "time"), get(row, "time")) >= 0) {
		ir_rec_str(row, "last", get(r, "verdict"));
		ir_rec_str(row, "time", get(r, "time"));
		ir_rec_str(row, "why", get(r, "reason"));
	}
	if (strcmp(get(r, "time"), get(row, "first_time")) < 0) {
		ir_rec_str(row, "first", get(r, "verdict"));
		ir_rec_str(row, "first_time", get(r, "time"));
	}
	if (at != SIZE_MAX)
		replace(&c->listings, at, row);
	else if (ir_rec_len(c->listings) < IR_CASE_ROWS)
		ir_rec_push(c->listings, row);
	else
		ir_rec_free(row);
}

static void
add_suspect(struct ir_case *c, const struct ir_rec *r)
{
	char text[160];

	snprintf(text, sizeof text, "%lld messages in the queue, to %lld "
	    "recipients in %lld domains",
	    (long long)ir_rec_get_int(r, "count", 0),
	    (long long)ir_rec_get_int(r, "recipients", 0),
	    (long long)ir_rec_get_int(r, "recipient_domains", 0));
	add_affected(c, is(r, "kind", "account") ? "mail account" :
	    *get(r, "kind") ? get(r, "kind") : "suspect",
	    get(r, "value"), text);
}

static void
add_record(struct ir_case *c, const struct ir_rec *r)
{
	char text[120];

	if (ir_rec_get_bool(r, "dry_run", false))
		return;
	if (is(r, "type", "listing")) {
		add_listing(c, r);
	} else if (is(r, "type", "queue-suspect") ||
	    is(r, "type", "mail-suspect")) {
		add_suspect(c, r);
	} else if (is(r, "type", "mail-block") &&
	    ir_rec_get_bool(r, "blocked", false)) {
		add_affected(c, "mail account", get(r, "id"), "blocked");
	} else if (is(r, "type", "aws-key") && !is(r, "role", "new") &&
	    *get(r, "user")) {
		snprintf(text, sizeof text, "of %.100s", get(r, "user"));
		add_affected(c, "access key", get(r, "id"), text);
	} else if (is(r, "type", "ec2-instance")) {
		add_affected(c, "instance", get(r, "id"), "");
	} else if (is(r, "type", "mail-hold")) {
		add_queue(c, get(r, "time"),
		    !ir_rec_get_bool(r, "changed", false) ? "waiting" :
		    ir_rec_get_bool(r, "held", false) ?
		    "waiting, as mail was held" :
		    "waiting, as mail was released",
		    ir_rec_get_int(r, "queue_count", -1));
	}
}

/* --- files ------------------------------------------------------------- */

struct reading {
	struct ir_case *c;
	struct ir_volumes volumes;
	struct ir_buf whole;	/* of a document that is not lines */
	bool evidence;		/* below evidence: queue lists count */
	bool document, log;	/* by its first line */
	size_t waiting, taken;	/* queue messages listed, and quarantined */
	char when[40];		/* the time of the first */
	const char *name;
};

static void
queue_line(struct reading *f, const struct ir_rec *r)
{
	bool took = is(r, "action", "quarantined");

	if (!f->evidence || ir_rec_get_bool(r, "dry_run", false))
		return;
	if (!f->when[0])
		snprintf(f->when, sizeof f->when, "%.39s", get(r, "time"));
	if (took && ir_rec_get_bool(r, "ok", false))
		f->taken++;
	else if (!ir_rec_has(r, "ok") && !*get(r, "action"))
		f->waiting++;
}

static void
use_line(struct reading *f, const char *p, size_t n, bool first)
{
	struct ir_rec *r;

	if (first)
		f->log = n && *p >= '0' && *p <= '9';
	if (f->log) {
		ir_volume_log(&f->volumes, p, n, f->c->timeline.zone);
	} else if (n) {
		r = f->document ? NULL : ir_rec_parse(p, n, NULL);
		if (ir_rec_kind(r) == IR_REC_OBJECT) {
			if (is(r, "type", "queue-msg"))
				queue_line(f, r);
			else
				add_record(f->c, r);
			ir_volume_json(&f->volumes, r);
		} else if (first || f->document) {
			f->document = true;
			if (f->whole.len + n < JSON_MAX) {
				ir_buf_add(&f->whole, p, n);
				ir_buf_chr(&f->whole, '\n');
			}
		}
		ir_rec_free(r);
	}
}

static void
use_whole(struct reading *f)
{
	struct ir_rec *r;
	char what[160];

	if (f->document) {
		r = ir_rec_parse(ir_buf_cstr(&f->whole), f->whole.len, NULL);
		if (r)
			ir_volume_json(&f->volumes, r);
		ir_rec_free(r);
	}
	ir_volumes_join(&f->c->volumes, &f->volumes);
	if (f->waiting) {
		snprintf(what, sizeof what, "waiting, as listed in %.100s",
		    f->name);
		add_queue(f->c, f->when, what, (int64_t)f->waiting);
	}
	if (f->taken) {
		snprintf(what, sizeof what, "quarantined, as listed in %.100s",
		    f->name);
		add_queue(f->c, f->when, what, (int64_t)f->taken);
	}
}

static bool
brought(const struct ir_case *c, size_t i, const char *name)
{
	const char *file = i < c->timeline.n ?
	    get(c->timeline.v[i].line, "data.file") : "";

	return strncmp(file, "evidence/", 9) == 0 &&
	    strcmp(file + 9, name) == 0;
}

/*
 * A notice as it came: strangers write it, and records or log lines in it are
 * theirs.  By its name, or because a report brought it: it follows
 * incident.opened, or is the last but one before report.merged.
 */
static bool
foreign(const struct ir_case *c, const char *name)
{
	const char *dot = strrchr(name, '.');
	const struct ir_rec *line;
	size_t i;

	if (dot && strcmp(dot, ".eml") == 0)
		return true;
	for (i = 0; i < c->timeline.n; i++) {
		line = c->timeline.v[i].line;
		if (!ir_rec_get_bool(line, "data.with_evidence", false))
			continue;
		if (is(line, "event", "incident.opened") ?
		    brought(c, i + 1, name) : i >= 2 &&
		    brought(c, i - 2, name))
			return true;
	}
	return false;
}

static void
read_file(struct ir_case *c, const char *dir, const char *sub,
    const char *name)
{
	struct reading f = { .c = c, .whole = IR_BUF(JSON_MAX), .name = name,
		.evidence = strcmp(sub, "evidence") == 0 };
	struct ir_log_input *in = NULL;
	char path[PATH_MAX];
	const char *p;
	size_t n;
	bool first = true;
	int fd, rc;

	if (f.evidence && foreign(c, name))
		return;
	if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", dir, sub, name) >=
	    sizeof path)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || ir_log_open_fd(&in, fd, path, NULL)) {
		c->unread++;
		return;
	}
	while ((rc = ir_log_line(in, &p, &n, NULL, NULL)) == 1) {
		/* neither records nor a log: a mail, whose lines may lie */
		if (first && !(n && strchr("{[0123456789", *p)))
			break;
		use_line(&f, p, n, first);
		first = false;
		if (ir_log_bytes_out(in) > IR_CASE_FILE_MAX)
			break;
	}
	if (rc < 0)
		c->unread++;
	ir_log_close(in);
	use_whole(&f);
	ir_volumes_free(&f.volumes);
	ir_buf_free(&f.whole);
}

static int
visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Call fn with what is in DIR/sub, in the order of names. */
static void
each(struct ir_case *c, const char *dir, const char *sub,
    void (*fn)(struct ir_case *, const char *, const char *, const char *))
{
	struct dirent **list;
	char path[PATH_MAX];
	int n, i;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, sub) >=
	    sizeof path)
		return;
	n = scandir(path, &list, visible, alphasort);
	for (i = 0; i < n; i++) {
		fn(c, dir, sub, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* Of a step only its records: what it printed for people says nothing more. */
static void
step_file(struct ir_case *c, const char *dir, const char *sub,
    const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".json") == 0))
		read_file(c, dir, sub, name);
}

static void
step(struct ir_case *c, const char *dir, const char *sub, const char *name)
{
	char folder[512];

	if ((size_t)snprintf(folder, sizeof folder, "%s/%s", sub, name) <
	    sizeof folder)
		each(c, dir, folder, step_file);
}

/* --- reports ----------------------------------------------------------- */

static void
add_report(struct ir_case *c, const char *path)
{
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_rec *r = NULL;

	if (ir_rec_len(c->reports) < IR_CASE_ROWS &&
	    ir_buf_read_kept(&b, path, NULL) == 0)
		r = ir_rec_parse(ir_buf_cstr(&b), b.len, NULL);
	if (r && is(r, "type", "report"))
		ir_rec_push(c->reports, r);
	else
		ir_rec_free(r);
	ir_buf_free(&b);
}

static void
merged_report(struct ir_case *c, const char *dir, const char *sub,
    const char *name)
{
	static const char end[] = "-report.json";
	size_t n = strlen(name);
	char path[PATH_MAX];

	if (n > sizeof end - 1 && strcmp(name + n - sizeof end + 1, end) == 0 &&
	    (size_t)snprintf(path, sizeof path, "%s/%s/%s", dir, sub, name) <
	    sizeof path)
		add_report(c, path);
}

static void
use_reports(struct ir_case *c)
{
	const struct ir_rec *r, *list, *one;
	const char *s;
	char text[96];
	size_t i, k;

	for (i = 0; i < ir_rec_len(c->reports); i++) {
		r = ir_rec_item(c->reports, i);
		if (is(r, "authentic", "fail"))
			continue;	/* whoever wrote it was not there */
		add_affected(c, "account", ir_report_str(r, "account"), "");
		list = ir_rec_at(r, "resources");
		for (k = 0; k < ir_rec_len(list) && k < IR_CASE_ROWS; k++) {
			one = ir_rec_item(list, k);
			s = ir_rec_cstr(one);
			snprintf(text, sizeof text, "named in the notice%s"
			    "%.40s%s", *get(one, "region") ? ", in " : "",
			    get(one, "region"), ir_rec_get_bool(one, "gone",
			    false) ? ", gone" : "");
			add_affected(c, *get(one, "kind") ? get(one, "kind") :
			    "resource", s ? s : get(one, "id"), text);
		}
	}
}

/* --- the journal ------------------------------------------------------- */

static void
use_event(struct ir_case *c, const struct ir_rec *line)
{
	const struct ir_rec *data = ir_rec_at(line, "data"), *list;
	const char *event = get(line, "event");
	struct ir_rec *row;
	size_t i;

	if (strcmp(event, "evidence.added") == 0 &&
	    ir_rec_len(c->files) < IR_CASE_ROWS) {
		row = ir_rec_object();
		ir_rec_str(row, "time", get(line, "time"));
		ir_rec_str(row, "file", get(data, "file"));
		ir_rec_str(row, "sha256", get(data, "sha256"));
		ir_rec_int(row, "size", ir_rec_get_int(data, "size", 0));
		ir_rec_push(c->files, row);
	}
	if (*get(data, "type"))
		add_record(c, data);
	list = ir_rec_at(data, "records");
	for (i = 0; i < ir_rec_len(list); i++)
		add_record(c, ir_rec_item(list, i));
}

/* The first time that somebody stopped something, else when they said so. */
static void
find_containment(struct ir_case *c)
{
	static const char *const stops[] = { "incident.contained", "mail.held",
		"exim-hold.end", "exim-block.end", "ses-pause.end",
		"iam-key-disable.end", "account.blocked", "ses-rotate.end",
		"iam-quarantine.end", "ec2-contain.end" };
	const struct ir_rec *line;
	const char *event;
	size_t i, k, from;

	for (from = 0; from < 2 && !c->contained; from++)
		for (i = 0; i < c->timeline.n && !c->contained; i++) {
			line = c->timeline.v[i].line;
			event = get(line, "event");
			for (k = from; k < (from ? sizeof stops /
			    sizeof *stops : 1); k++)
				if (strcmp(event, stops[k]) == 0 &&
				    ir_time_parse(get(line, "time"),
				    &c->contained) == 0)
					c->contained_by = event;
		}
}

static int
by_time(const void *a, const void *b)
{
	return strcmp(get(*(const struct ir_rec *const *)a, "time"),
	    get(*(const struct ir_rec *const *)b, "time"));
}

static struct ir_rec *
sorted(struct ir_rec *rows)
{
	size_t i, n = ir_rec_len(rows);
	const struct ir_rec **v = calloc(n ? n : 1, sizeof *v);
	struct ir_rec *out = ir_rec_array();

	if (!v) {
		ir_rec_free(out);
		return rows;
	}
	for (i = 0; i < n; i++)
		v[i] = ir_rec_item(rows, i);
	qsort(v, n, sizeof *v, by_time);
	for (i = 0; i < n; i++)
		ir_rec_push(out, ir_rec_copy(v[i]));
	free(v);
	ir_rec_free(rows);
	return out;
}

int
ir_case_read(struct ir_case *c, const char *dir, int64_t now,
    struct ir_err *err)
{
	char path[PATH_MAX];
	const char *d;
	size_t i;

	memset(c, 0, sizeof *c);
	c->dir = dir;
	c->now = now;
	c->reports = ir_rec_array();
	c->affected = ir_rec_array();
	c->queue = ir_rec_array();
	c->listings = ir_rec_array();
	c->actions = ir_rec_array();
	c->open = ir_rec_array();
	c->files = ir_rec_array();
	c->incident = ir_incident_record(dir, now, err);
	if (!c->incident || ir_timeline_read(&c->timeline, dir, err) ||
	    ir_journal_verify(dir, &c->check, err))
		return -1;
	for (i = 0; i < ir_rec_len(c->timeline.family); i++) {
		d = ir_rec_cstr(ir_rec_item(c->timeline.family, i));
		if ((size_t)snprintf(path, sizeof path, "%s/report.json", d) <
		    sizeof path)
			add_report(c, path);
		each(c, d, "evidence", merged_report);
	}
	use_reports(c);
	for (i = 0; i < c->timeline.n; i++)
		use_event(c, c->timeline.v[i].line);
	find_containment(c);
	for (i = 0; i < ir_rec_len(c->timeline.family); i++) {
		d = ir_rec_cstr(ir_rec_item(c->timeline.family, i));
		each(c, d, "evidence", read_file);
		each(c, d, "steps", step);
	}
	c->queue = sorted(c->queue);
	ir_case_actions(c);
	ir_case_open_points(c);
	return 0;
}

void
ir_case_free(struct ir_case *c)
{
	ir_rec_free(c->incident);
	ir_timeline_free(&c->timeline);
	ir_rec_free(c->reports);
	ir_volumes_free(&c->volumes);
	ir_rec_free(c->affected);
	ir_rec_free(c->queue);
	ir_rec_free(c->listings);
	ir_rec_free(c->actions);
	ir_rec_free(c->open);
	ir_rec_free(c->files);
}
