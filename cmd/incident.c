/*
 * incident - keep the folder of an incident: its journal, evidence, deadline.
 *
 * Reads a report record (open), text or a record (log), bytes (evidence), and
 * the journals of incidents.  Writes below the incident's folder only, and
 * records of type "incident" to standard output; timeline writes Markdown.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/text.h"
#include "incident/incident.h"
#include "incident/journal.h"

static const struct ir_cmd cmd = {
	"incident", "keep the journal, evidence and deadline of an incident",
	"open|log|evidence|show|timeline|due|verify [options] [dir ...]"
};

static const struct ir_col cols[] = {
	{ "id", "INCIDENT" }, { "account", "ACCOUNT" }, { "stage", "STAGE" },
	{ "state", "STATE" }, { "due", "DUE" }, { "seconds_left", "LEFT" },
	{ "events", "EVENTS" }, { NULL, NULL }
};

struct opts {
	struct ir_common common;
	const char *dir, *evidence, *event, *data, *name;
	long within;
	bool alarm;		/* an incident is due: exit 1 */
};

struct run {
	struct opts *o;
	struct ir_out *out;
	struct ir_err *err;
};

/* --- open --------------------------------------------------------------- */

static int
show(const char *dir, int changed, struct ir_out *out, struct ir_err *err)
{
	struct ir_rec *r = ir_incident_record(dir, ir_now(), err);

	if (!r)
		return -1;
	if (changed >= 0)
		ir_rec_bool(r, "changed", changed);
	ir_out_put(out, r);
	return 0;
}

static int
do_open(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_incident_new new = { r->o->dir, "incident", ir_now(), NULL,
	    NULL, 0 };
	struct ir_buf b = IR_BUF(IR_EVIDENCE_MAX);
	struct ir_rec *report = NULL;
	char dir[PATH_MAX];
	const char *slash;
	int rc = -1;

	(void)argv;
	(void)n;
	if (isatty(STDIN_FILENO))
		ir_die_usage("open: standard input is a terminal");
	report = ir_report_read(r->err);
	if (!report)
		goto out;
	if (r->o->evidence) {
		if (ir_buf_read_file(&b, r->o->evidence, r->err))
			goto out;
		slash = strrchr(r->o->evidence, '/');
		new.evidence_name = slash ? slash + 1 : r->o->evidence;
		new.evidence = ir_buf_cstr(&b);
		new.evidence_len = b.len;
	}
	rc = ir_incident_open(&new, report, dir, r->err);
	if (rc >= 0)
		rc = show(dir, rc, r->out, r->err);
out:
	ir_rec_free(report);
	ir_buf_free(&b);
	return rc;
}

/* --- log, evidence ------------------------------------------------------ */

/* "noun.state", lower case; not the names that other tools act upon. */
static void
check_event(const char *event)
{
	static const char *const ours[] = { "ack.", "evidence.", "report.",
	    "incident.opened" };
	size_t i, n = strlen(event);

	if (n > 64 || !strchr(event, '.') || event[0] == '.' ||
	    event[n - 1] == '.' || event[strspn(event,
	    "abcdefghijklmnopqrstuvwxyz0123456789._-")])
		ir_die_usage("--event: not of the form noun.state: %s", event);
	for (i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strncmp(event, ours[i], strlen(ours[i])) == 0)
			ir_die_usage("--event: written by quell itself: %s",
			    event);
}

/* All records on standard input: one is the data, more become a list. */
static struct ir_rec *
read_records(struct ir_err *err)
{
	struct ir_rec *r, *list = ir_rec_array(), *data = NULL;
	struct ir_in *in = ir_in_open(NULL, 0, err);
	int rc = in ? 1 : -1;

	while (rc == 1 && (rc = ir_in_next(in, &r, err)) == 1)
		ir_rec_push(list, r);
	if (rc == 0 && ir_rec_len(list) == 0)
		ir_fail(err, IR_DATAERR, "no record on standard input");
	else if (rc == 0 && ir_rec_len(list) == 1)
		data = ir_rec_copy(ir_rec_item(list, 0));
	else if (rc == 0) {
		data = ir_rec_object();
		ir_rec_set(data, "records", list);
		list = NULL;
	}
	ir_in_close(in);
	ir_rec_free(list);
	return data;
}

static int
read_data(const char *text, struct ir_rec **data, struct ir_err *err)
{
	if (strcmp(text, "-") == 0) {
		*data = read_records(err);
		return *data ? 0 : -1;
	}
	*data = ir_rec_parse(text, strlen(text), err);
	if (*data && ir_rec_kind(*data) != IR_REC_OBJECT) {
		ir_rec_free(*data);
		*data = NULL;
		ir_fail(err, IR_DATAERR, "not a JSON object");
	}
	if (!*data)
		ir_fail_prefix(err, "--data");
	return *data ? 0 : -1;
}

static int
do_log(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_rec *data = NULL;
	struct ir_journal *j;
	int rc;

	if (r->o->event)
		check_event(r->o->event);
	if (n == 1 && !r->o->event)
		ir_die_usage("log: no text and no --event");
	if (r->o->data && read_data(r->o->data, &data, r->err))
		return -1;
	if (n == 2) {
		if (!argv[1][0])
			ir_die_usage("log: the text is empty");
		if (!data)
			data = ir_rec_object();
		ir_rec_str(data, "text", argv[1]);
	}
	if (ir_journal_open(&j, argv[0], "incident", r->err)) {
		ir_rec_free(data);
		return -1;
	}
	rc = ir_journal_add(j, r->o->event ? r->o->event : "note", data,
	    r->err);
	ir_journal_close(j);
	return rc ? -1 : show(argv[0], 1, r->out, r->err);
}

static int
do_evidence(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_buf b = IR_BUF(IR_EVIDENCE_MAX);
	struct ir_journal *j = NULL;
	int rc = -1;

	(void)n;
	if (!r->o->name)
		ir_die_usage("evidence: --name is needed");
	if (isatty(STDIN_FILENO))
		ir_die_usage("evidence: standard input is a terminal");
	if (ir_journal_open(&j, argv[0], "incident", r->err) == 0 &&
	    ir_buf_read_fd(&b, STDIN_FILENO, "standard input", r->err) == 0)
		rc = ir_journal_evidence(j, r->o->name, ir_buf_cstr(&b), b.len,
		    r->err);
	ir_journal_close(j);
	ir_buf_free(&b);
	return rc ? -1 : show(argv[0], 1, r->out, r->err);
}

/* --- show, timeline, due, verify ---------------------------------------- */

static int
do_show(void *arg, char **argv, size_t n)
{
	struct run *r = arg;

	(void)n;
	return show(argv[0], -1, r->out, r->err);
}

/* A cell of a Markdown table: one line, and no mark-up from outside. */
static void
cell(struct ir_buf *b, const char *s)
{
	struct ir_buf clean = IR_BUF(IR_REC_MAX * 3);
	const char *p;

	ir_text_term(&clean, s, strlen(s));
	for (p = ir_buf_cstr(&clean); *p; p++) {
		if (strchr("|\\`*_<>[]", *p))
			ir_buf_chr(b, '\\');
		ir_buf_chr(b, *p);
	}
	ir_buf_free(&clean);
}

static int
add_pair(const char *key, const struct ir_rec *val, void *arg)
{
	struct ir_buf *b = arg, json = IR_BUF(IR_REC_MAX);
	const char *s = ir_rec_cstr(val);

	if (b->len)
		ir_buf_str(b, ", ");
	if (!s) {
		ir_rec_json(val, &json);
		s = ir_buf_cstr(&json);
	}
	if (strcmp(key, "text") == 0)
		ir_buf_str(b, s);
	else
		ir_buf_fmt(b, "%s %s", key, s);
	ir_buf_free(&json);
	return 0;
}

static int
timeline_row(const struct ir_rec *line, void *arg)
{
	static const char *const keys[] = { "time", "event", "user", "host",
	    "from" };
	struct ir_buf *b = arg, what = IR_BUF(IR_REC_MAX * 2);
	const struct ir_rec *data = ir_rec_at(line, "data");
	const char *s;
	size_t i;

	ir_buf_str(b, "|");
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		s = ir_rec_get(line, keys[i]);
		ir_buf_str(b, " ");
		cell(b, s ? s : "");
		ir_buf_str(b, " |");
	}
	if (ir_rec_kind(data) == IR_REC_OBJECT)
		ir_rec_each(data, add_pair, &what);
	ir_buf_str(b, " ");
	cell(b, ir_buf_cstr(&what));
	ir_buf_str(b, " |\n");
	ir_buf_free(&what);
	return 0;
}

static int
do_timeline(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX * 2);
	int rc;

	(void)n;
	ir_buf_str(&b, "| time (UTC) | event | user | host | from | what |\n"
	    "|---|---|---|---|---|---|\n");
	rc = ir_journal_each(argv[0], timeline_row, &b, r->err);
	if (rc == 0)
		rc = ir_buf_check(&b, "timeline", r->err);
	if (rc == 0)
		fwrite(ir_buf_cstr(&b), 1, b.len, stdout);
	ir_buf_free(&b);
	return rc;
}

static int
due_one(const char *dir, void *arg)
{
	struct run *d = arg;
	struct ir_rec *r = ir_incident_record(dir, ir_now(), d->err);
	const char *slash = strrchr(dir, '/');
	bool alarm = true;

	if (r) {
		alarm = !ir_rec_get_bool(r, "answered", false) &&
		    ir_rec_get_int(r, "seconds_left", 0) <= d->o->within;
	} else {	/* it must not hide the others */
		r = ir_rec_new("incident", slash && slash[1] ? slash + 1 :
		    dir);
		ir_rec_str(r, "dir", dir);
		ir_rec_bool(r, "ok", false);
		ir_rec_str(r, "why", d->err->msg);
	}
	ir_rec_bool(r, "alarm", alarm);
	if (alarm)
		d->o->alarm = true;
	ir_out_put(d->out, r);
	return 0;
}

static int
do_due(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	char root[PATH_MAX];
	size_t i;

	if (n == 1 && strcmp(argv[0], "all") == 0) {
		if (ir_incident_root(root, sizeof root, r->err) ||
		    ir_incident_each(root, due_one, r, r->err))
			return -1;
	} else {
		for (i = 0; i < n; i++)
			due_one(argv[i], r);
	}
	return r->err->code ? -1 : 0;
}

static int
do_verify(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_journal_check c;
	struct ir_rec *rec;
	const char *slash = strrchr(argv[0], '/');

	(void)n;
	if (ir_journal_verify(argv[0], &c, r->err))
		return -1;
	rec = ir_rec_new("incident-verify", slash && slash[1] ?
	    slash + 1 : argv[0]);
	ir_rec_str(rec, "dir", argv[0]);
	ir_rec_bool(rec, "ok", c.bad_line == 0);
	ir_rec_int(rec, "lines", (int64_t)c.lines);
	ir_rec_int(rec, "torn", (int64_t)c.torn);
	ir_rec_int(rec, "evidence", (int64_t)c.evidence);
	ir_rec_int(rec, "clock_went_back", (int64_t)c.backwards);
	if (c.bad_line) {
		ir_rec_int(rec, "bad_line", (int64_t)c.bad_line);
		ir_rec_str(rec, "why", c.why);
		r->o->alarm = true;
	}
	ir_rec_str(rec, "head", c.head);
	ir_out_put(r->out, rec);
	return 0;
}

/* --- main --------------------------------------------------------------- */

static const struct ir_verb verbs[] = {
	{ "open", ",dir,evidence,", 0, 0, "", do_open },
	{ "log", ",event,data,", 1, 2, "dir [text]", do_log },
	{ "evidence", ",name,", 1, 1, "dir", do_evidence },
	{ "show", ",", 1, 1, "dir", do_show },
	{ "timeline", ",", 1, 1, "dir", do_timeline },
	{ "due", ",within,", 1, SIZE_MAX, "all|dir ...", do_due },
	{ "verify", ",", 1, 1, "dir", do_verify },
};

int
main(int argc, char **argv)
{
	struct opts o = { .within = -1 };
	const struct ir_opt opts[] = {
		{ 0, "dir", "DIR", IR_STR, &o.dir,
		    "open: the folder to make; default: by time and case" },
		{ 0, "evidence", "FILE", IR_STR, &o.evidence,
		    "open: keep the original notice, too" },
		{ 0, "event", "EVENT", IR_STR, &o.event,
		    "log: what happened, as noun.state; default: note" },
		{ 0, "data", "JSON", IR_STR, &o.data,
		    "log: a JSON object with details; - is standard input" },
		{ 0, "name", "NAME", IR_STR, &o.name,
		    "evidence: what to call the bytes" },
		{ 0, "within", "SECONDS", IR_SECONDS, &o.within,
		    "due: exit 1 when that little time is left; default 6h" },
		IR_OPTS_COMMON(&o.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .o = &o, .err = &err };
	const struct ir_verb *v;
	size_t n;
	int code;

	ir_begin(&cmd);
	v = ir_parse_verb(argc, argv, opts, &o.common, verbs,
	    sizeof verbs / sizeof *verbs, &n);
	if (o.within < 0)
		o.within = 6 * 3600;
	r.out = ir_open_output(&o.common, cols);
	if (v->run(&r, argv + 2, n) && !err.code)
		ir_fail(&err, IR_SOFTWARE, "%s: no reason given", v->name);
	code = ir_end(&err, r.out, NULL);
	return code ? code : o.alarm;
}
