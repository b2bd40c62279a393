/*
 * incident - keep the folder of an incident: its journal, evidence, deadline.
 *
 * Reads report records (open), text or a record (log), bytes (evidence), and
 * the journals of incidents.  Writes below the incident's folder, and what it
 * is told to with --tar and --tsa-query; records of type "incident" to
 * standard output; timeline and report write a document there.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/text.h"
#include "incident/casefile.h"
#include "incident/due.h"
#include "incident/incident.h"
#include "incident/join.h"
#include "incident/journal.h"
#include "incident/page.h"
#include "incident/seal.h"
#include "incident/timeline.h"
#include "incident/view.h"

static const struct ir_cmd cmd = {
	"incident", "keep the journal, evidence and deadline of an incident",
	"open|log|evidence|show|merge|timeline|report|due|verify|seal "
	"[options] [dir ...]"
};

static const struct ir_col cols[] = {
	{ "id", "INCIDENT" }, { "account", "ACCOUNT" }, { "stage", "STAGE" },
	{ "state", "STATE" }, { "due", "DUE" }, { "seconds_left", "LEFT" },
	{ "events", "EVENTS" }, { "why", "WHY" }, { NULL, NULL }
};

struct opts {
	struct ir_common common;
	const char *dir, *evidence, *event, *data, *name, *as, *tar;
	const char *tsa_query, *tsa_reply, *tsa_ca;
	long within;
	bool escalate, undo;
	bool alarm;		/* an incident is due: exit 1 */
};

struct run {
	struct opts *o;
	struct ir_out *out;
	struct ir_err *err;
	struct ir_tally tally;	/* open: of the reports */
};

/* --- open --------------------------------------------------------------- */

/* What is derived follows; that it could not is no failure of the rest. */
static void
refresh(const struct opts *o, const char *dir)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_view_write(dir, ir_now(), &err))
		ir_warn(&o->common, "%s", err.msg);
}

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
open_one(struct opts *o, const struct ir_rec *report,
    const struct ir_buf *notice, struct ir_out *out, struct ir_err *err)
{
	struct ir_incident_new new = { .dir = o->dir, .from = "incident",
		.now = ir_now() };
	struct ir_rec *r;
	const char *slash;
	char dir[PATH_MAX];
	int rc;

	if (o->evidence) {
		slash = strrchr(o->evidence, '/');
		new.evidence_name = slash ? slash + 1 : o->evidence;
		new.evidence = ir_buf_cstr(notice);
		new.evidence_len = notice->len;
	}
	rc = ir_incident_open(&new, report, dir, err);
	if (rc < 0)
		return -1;
	if (!ir_view_fresh(dir))	/* also after a run that was killed */
		refresh(o, dir);
	r = ir_incident_record(dir, ir_now(), err);
	if (!r)
		return -1;
	ir_rec_bool(r, "changed", rc);
	ir_rec_bool(r, "report_merged", new.merged);
	if (new.by)
		ir_rec_str(r, "joined_by", new.by);
	ir_out_put(out, r);
	return 0;
}

/* The others must not wait for the one that cannot be opened. */
static void
not_opened(struct run *run, const struct ir_rec *report,
    const struct ir_err *err)
{
	struct ir_rec *r = ir_rec_new("incident", ir_rec_get(report, "id"));

	ir_warn(&run->o->common, "%s", err->msg);
	if (err->hint[0])
		ir_warn(&run->o->common, "hint: %s", err->hint);
	ir_rec_bool(r, "ok", false);
	ir_rec_str(r, "why", err->msg);
	ir_out_put(run->out, r);
}

static int
do_open(void *arg, char **argv, size_t n)
{
	struct run *run = arg;
	struct ir_buf b = IR_BUF(IR_EVIDENCE_MAX);
	struct ir_in *in = NULL;
	struct ir_rec *report;
	int rc = -1;

	(void)argv;
	(void)n;
	if (isatty(STDIN_FILENO))
		ir_die_usage("open: standard input is a terminal");
	if (!run->o->evidence ||
	    ir_buf_read_file(&b, run->o->evidence, run->err) == 0)
		in = ir_in_open(NULL, 0, run->err);
	while (in && (rc = ir_report_next(in, &report, run->err)) == 1) {
		struct ir_err err = IR_ERR_INIT;

		if (open_one(run->o, report, &b, run->out, &err))
			not_opened(run, report, &err);
		ir_tally_add(&run->tally, err.code);
		ir_rec_free(report);
	}
	if (rc == 0 && run->tally.ok + run->tally.failed == 0)
		rc = ir_fail(run->err, IR_DATAERR,
		    "no report on standard input");
	ir_in_close(in);
	ir_buf_free(&b);
	return rc;
}

/* --- log, evidence ------------------------------------------------------ */

/* "noun.state", lower case; not the names that other tools act upon. */
static void
check_event(const char *event)
{
	static const char *const ours[] = { "ack.", "evidence.", "report.",
	    "incident.opened", "incident.merged", "incident.unmerged",
	    "incident.sealed", "seal.", "due." };
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
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_out *out = run->out;
	struct ir_err *err = run->err;
	struct ir_rec *data = NULL;
	struct ir_journal *j;
	int rc;

	if (o->event)
		check_event(o->event);
	if (n == 1 && !o->event)
		ir_die_usage("log: no text and no --event");
	if (o->data && read_data(o->data, &data, err))
		return -1;
	if (n == 2) {
		if (!argv[1][0])
			ir_die_usage("log: the text is empty");
		if (!data)
			data = ir_rec_object();
		ir_rec_str(data, "text", argv[1]);
	}
	if (ir_journal_open(&j, argv[0], "incident", err)) {
		ir_rec_free(data);
		return -1;
	}
	rc = ir_journal_add(j, o->event ? o->event : "note", data, err);
	ir_journal_close(j);
	if (rc)
		return -1;
	refresh(o, argv[0]);
	return show(argv[0], 1, out, err);
}

static int
keep_file(struct ir_journal *j, const char *path, const char *name,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_EVIDENCE_MAX);
	const char *slash = strrchr(path, '/');
	int rc = ir_buf_read_file(&b, path, err);

	if (rc == 0)
		rc = ir_journal_evidence(j, name ? name : slash ? slash + 1 :
		    path, ir_buf_cstr(&b), b.len, err);
	ir_buf_free(&b);
	return rc;
}

/* "evidence add DIR", too, as people say it. */
static int
do_evidence(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_out *out = run->out;
	struct ir_err *err = run->err;
	struct ir_journal *j = NULL;
	size_t i;
	int rc = 0;

	if (n > 1 && strcmp(argv[0], "add") == 0) {
		argv++;
		n--;
	}
	if (n == 1 && !o->name)
		ir_die_usage("evidence: --name is needed");
	if (n > 2 && o->name)
		ir_die_usage("evidence: --name is of one file");
	if (n == 1 && isatty(STDIN_FILENO))
		ir_die_usage("evidence: standard input is a terminal");
	if (ir_journal_open(&j, argv[0], "incident", err))
		return -1;
	if (n == 1)
		rc = keep_file(j, "-", o->name, err);
	for (i = 1; rc == 0 && i < n; i++)
		rc = keep_file(j, argv[i], o->name, err);
	ir_journal_close(j);
	if (rc)
		return -1;
	refresh(o, argv[0]);
	return show(argv[0], 1, out, err);
}

/* --- merge --------------------------------------------------------------- */

static int
do_merge(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_out *out = run->out;
	struct ir_err *err = run->err;
	int rc = o->undo ?
	    ir_incident_unmerge(argv[0], argv[1], "incident", err) :
	    ir_incident_merge(argv[0], argv[1], "incident", err);

	(void)n;
	if (rc < 0)
		return -1;
	refresh(o, argv[1]);
	refresh(o, argv[0]);
	return show(argv[0], rc, out, err);
}

/* --- show, timeline, due, verify ---------------------------------------- */

static int
do_show(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct ir_out *out = run->out;
	struct ir_err *err = run->err;
	(void)n;
	return show(argv[0], -1, out, err);
}

/* The word of --as; the first is the default. */
static size_t
form(const struct opts *o, const char *const words[], size_t n)
{
	size_t i;

	for (i = 0; o->as && i < n; i++)
		if (strcmp(o->as, words[i]) == 0)
			return i;
	if (o->as)
		ir_die_usage("--as=%s: %s or %s", o->as, words[0], words[1]);
	return 0;
}

static int
print(const struct ir_buf *b, const char *what, struct ir_err *err)
{
	if (ir_buf_check(b, what, err))
		return -1;
	fwrite(ir_buf_cstr(b), 1, b->len, stdout);
	return 0;
}

static int
do_timeline(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_err *err = run->err;
	static const char *const words[] = { "markdown", "csv" };
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX * 2);
	size_t as = form(o, words, 2);
	struct ir_timeline t;
	int rc;

	(void)n;
	rc = ir_timeline_read(&t, argv[0], err);
	if (rc == 0 && as)
		ir_timeline_csv(&t, &b);
	else if (rc == 0)
		ir_timeline_md(&t, &b);
	if (rc == 0)
		rc = print(&b, "timeline", err);
	ir_timeline_free(&t);
	ir_buf_free(&b);
	return rc;
}

static int
do_report(void *arg, char **argv, size_t n)
{
	static const char *const words[] = { "html", "markdown" };
	const struct run *run = arg;
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX * 4);
	size_t as = form(run->o, words, 2);
	struct ir_case c;
	int rc;

	(void)n;
	rc = ir_case_read(&c, argv[0], ir_now(), run->err);
	if (rc == 0) {
		ir_page(&c, as == 0, &b);
		rc = print(&b, "report", run->err);
	}
	ir_case_free(&c);
	ir_buf_free(&b);
	return rc;
}

static int
due_one(const char *dir, void *arg)
{
	const struct run *d = arg;
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

/* Is it at a step that nobody was told of?  Then tell: once, if it can be. */
static int
escalate_one(const char *dir, void *arg)
{
	const struct run *d = arg;
	struct ir_rec *r = NULL;
	const char *step = NULL;
	char due[IR_TIME_LEN] = "";
	int64_t left = 0;
	int lock, told = 1;

	lock = ir_view_lock(dir, d->err);
	if (lock >= 0)
		r = ir_incident_record(dir, ir_now(), d->err);
	if (r && !ir_rec_get_bool(r, "answered", false)) {
		left = ir_rec_get_int(r, "seconds_left", 0);
		snprintf(due, sizeof due, "%s", ir_rec_get(r, "due"));
		step = ir_due_step(left);
		told = step ? ir_due_told(dir, due, step, d->err) : 1;
	}
	if (told == 0) {
		/* first out of the house: twice is better than never */
		ir_rec_str(r, "step", step);
		ir_rec_bool(r, "alarm", true);
		ir_out_put(d->out, r);
		r = NULL;
		d->o->alarm = true;
		(void)ir_due_tell(dir, "incident", due, step, left, d->err);
	}
	ir_rec_free(r);
	if (lock >= 0)
		close(lock);
	if (lock < 0 || told < 0)
		return due_one(dir, arg);	/* says what is wrong */
	refresh(d->o, dir);
	return 0;
}

static int
do_due(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_err *err = run->err;
	int (*one)(const char *, void *) = o->escalate ? escalate_one :
	    due_one;
	char root[PATH_MAX];
	size_t i;

	if (n == 1 && strcmp(argv[0], "all") == 0) {
		if (ir_incident_root(root, sizeof root, err) ||
		    ir_incident_each(root, one, arg, err))
			return -1;
	} else {
		for (i = 0; i < n; i++)
			one(argv[i], arg);
	}
	return err->code ? -1 : 0;
}

/* --- verify, seal --------------------------------------------------------- */

/* Warnings: not wrong, but somebody should know. */
static struct ir_rec *
warnings(const struct ir_journal_check *c)
{
	struct ir_rec *list = ir_rec_array();
	char text[160];

	if (c->backwards) {
		snprintf(text, sizeof text, "the clock went back %zu times, "
		    "first before line %zu", c->backwards, c->back_line);
		ir_rec_push_str(list, text);
	}
	if (c->torn) {
		snprintf(text, sizeof text, c->torn_last ?
		    "from line %zu on it is torn, to the end: a crash" :
		    "line %zu is torn: a crash, which the line after it owns "
		    "up to", c->torn_line);
		ir_rec_push_str(list, text);
	}
	return list;
}

/* The incidents that the seal stands for, too. */
static int
add_merged(struct opts *o, const char *dir, const struct ir_seal *s,
    struct ir_rec *r, struct ir_err *err)
{
	struct ir_rec *list = ir_seal_merged(dir, s, err);
	const struct ir_rec *one;
	size_t i;

	if (!list)
		return -1;
	for (i = 0; i < ir_rec_len(list); i++) {
		one = ir_rec_item(list, i);
		if (ir_rec_get_bool(one, "ok", false))
			continue;
		ir_rec_bool(r, "ok", false);
		ir_rec_fmt(r, "why", "merged: %s", ir_rec_get(one, "why") ?
		    ir_rec_get(one, "why") : "not an incident's name");
		o->alarm = true;
	}
	if (ir_rec_len(list))
		ir_rec_set(r, "merged", list);
	else
		ir_rec_free(list);
	return 0;
}

/* What was sealed is there still, and its stamp; o->alarm if not. */
static int
add_seal(struct opts *o, const char *dir, struct ir_rec *r,
    struct ir_err *err)
{
	struct ir_stamp stamp;
	struct ir_rec *changed;
	struct ir_seal s;

	if (ir_seal_last(dir, &s, err))
		return -1;
	ir_rec_int(r, "seals", s.number);
	if (!s.number)
		return 0;
	ir_rec_str(r, "sealed", s.time);
	changed = ir_seal_changed(dir, &s, err);
	if (!changed)
		return -1;
	ir_rec_set(r, "changed_since", changed);
	if (add_merged(o, dir, &s, r, err))
		return -1;
	if (!s.stamped || !o->tsa_ca)
		return 0;
	if (ir_seal_stamp_check(dir, &s, o->tsa_ca, &stamp, err) == 0) {
		ir_rec_time(r, "stamped", stamp.time);
		ir_rec_str(r, "tsa", stamp.tsa);
		return 0;
	}
	if (err->code == IR_NOINPUT)
		return -1;
	ir_rec_bool(r, "ok", false);
	ir_rec_str(r, "why", err->msg);
	*err = (struct ir_err)IR_ERR_INIT;
	o->alarm = true;
	return 0;
}

static int
do_verify(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_out *out = run->out;
	struct ir_err *err = run->err;
	struct ir_journal_check c;
	struct ir_rec *r;
	const char *slash = strrchr(argv[0], '/');

	(void)n;
	if (ir_journal_verify(argv[0], &c, err))
		return -1;
	r = ir_rec_new("incident-verify", slash && slash[1] ? slash + 1 :
	    argv[0]);
	ir_rec_str(r, "dir", argv[0]);
	ir_rec_bool(r, "ok", c.bad_line == 0);
	ir_rec_int(r, "lines", (int64_t)c.lines);
	ir_rec_int(r, "torn", (int64_t)c.torn);
	if (c.torn)
		ir_rec_int(r, "torn_line", (int64_t)c.torn_line);
	ir_rec_int(r, "evidence", (int64_t)c.evidence);
	ir_rec_int(r, "clock_went_back", (int64_t)c.backwards);
	ir_rec_set(r, "warnings", warnings(&c));
	if (c.bad_line) {
		ir_rec_int(r, "bad_line", (int64_t)c.bad_line);
		ir_rec_str(r, "why", c.why);
		o->alarm = true;
	} else if (add_seal(o, argv[0], r, err)) {
		ir_rec_free(r);
		return -1;
	}
	ir_rec_str(r, "head", c.head);
	ir_out_put(out, r);
	return 0;
}

static void
put_seal(struct ir_out *out, const char *dir, const struct ir_seal *s,
    const struct ir_stamp *stamp, bool changed, const char *tar)
{
	const char *slash = strrchr(dir, '/');
	struct ir_rec *r = ir_rec_new("incident-seal", slash && slash[1] ?
	    slash + 1 : dir);

	ir_rec_str(r, "dir", dir);
	ir_rec_bool(r, "ok", true);
	ir_rec_bool(r, "changed", changed);
	ir_rec_int(r, "number", s->number);
	ir_rec_str(r, "sealed", s->time);
	ir_rec_int(r, "line", (int64_t)s->line);
	ir_rec_int(r, "files", (int64_t)s->files);
	if (s->odd)
		ir_rec_int(r, "left_out", (int64_t)s->odd);
	ir_rec_str(r, "file", s->file);
	ir_rec_str(r, "sha256", s->sha256);
	ir_rec_str(r, "head", s->head);
	if (stamp->time) {
		ir_rec_time(r, "stamped", stamp->time);
		ir_rec_str(r, "tsa", stamp->tsa);
		ir_rec_str(r, "serial", stamp->serial);
		ir_rec_str(r, "policy", stamp->policy);
	}
	if (tar)
		ir_rec_str(r, "tar", tar);
	ir_out_put(out, r);
}

/* The answer to what was asked: it is of the seal that is there. */
static int
stamp_it(const struct opts *o, const char *dir, const struct ir_seal *s,
    struct ir_stamp *stamp, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_STAMP_MAX);
	int rc = -1;

	if (ir_buf_read_file(&b, o->tsa_reply, err) == 0)
		rc = ir_seal_stamp(dir, s, "incident", ir_buf_cstr(&b), b.len,
		    o->tsa_ca, stamp, err);
	ir_buf_free(&b);
	return rc;
}

static int
do_seal(void *arg, char **argv, size_t n)
{
	const struct run *run = arg;
	struct opts *o = run->o;
	struct ir_out *out = run->out;
	struct ir_err *err = run->err;
	struct ir_buf der = IR_BUF(IR_STAMP_MAX);
	struct ir_stamp stamp = { 0 };
	struct ir_seal s;
	int rc, changed = 0;

	(void)n;
	if (!o->tsa_reply != !o->tsa_ca)
		ir_die_usage("seal: --tsa-reply and --tsa-ca go together");
	if (o->tsa_reply && o->tsa_query)
		ir_die_usage("seal: the query comes before the reply");
	if (o->tsa_reply) {
		rc = ir_seal_last(argv[0], &s, err);
		if (rc == 0 && !s.number)
			rc = ir_fail(err, IR_USAGE, "%s: not sealed yet",
			    argv[0]);
		if (rc == 0)
			rc = changed = stamp_it(o, argv[0], &s, &stamp, err);
	} else {
		rc = changed = ir_seal_make(argv[0], "incident", &s, err);
	}
	if (rc >= 0)
		refresh(o, argv[0]);
	if (rc >= 0 && o->tsa_query) {
		rc = ir_seal_query(argv[0], &s, &der, err);
		if (rc == 0)
			rc = ir_file_replace(o->tsa_query, der.data, der.len,
			    0600, err);
	}
	if (rc >= 0 && o->tar)
		rc = ir_seal_tar(argv[0], o->tar, err);
	if (rc >= 0)
		put_seal(out, argv[0], &s, &stamp, changed > 0, o->tar);
	ir_buf_free(&der);
	return rc < 0 ? -1 : 0;
}

/* --- main --------------------------------------------------------------- */

static const struct ir_verb verbs[] = {
	{ "open", ",dir,evidence,", 0, 0, "", do_open },
	{ "log", ",event,data,", 1, 2, "dir [text]", do_log },
	{ "evidence", ",name,", 1, SIZE_MAX, "dir [file ...]", do_evidence },
	{ "show", ",", 1, 1, "dir", do_show },
	{ "merge", ",undo,", 2, 2, "dir other", do_merge },
	{ "timeline", ",as,", 1, 1, "dir", do_timeline },
	{ "report", ",as,", 1, 1, "dir", do_report },
	{ "due", ",within,escalate,", 1, SIZE_MAX, "all|dir ...", do_due },
	{ "verify", ",tsa-ca,", 1, 1, "dir", do_verify },
	{ "seal", ",tar,tsa-query,tsa-reply,tsa-ca,", 1, 1, "dir", do_seal },
};

/* The options; n operands follow the verb. */
static const struct ir_verb *
parse(struct opts *o, int argc, char **argv, size_t *n)
{
	const struct ir_opt opts[] = {
		{ 0, "dir", "DIR", IR_STR, &o->dir,
		    "open: the folder to make; default: by time and case" },
		{ 0, "evidence", "FILE", IR_STR, &o->evidence,
		    "open: keep the original notice, too" },
		{ 0, "event", "EVENT", IR_STR, &o->event,
		    "log: what happened, as noun.state; default: note" },
		{ 0, "data", "JSON", IR_STR, &o->data,
		    "log: a JSON object with details; - is standard input" },
		{ 0, "name", "NAME", IR_STR, &o->name,
		    "evidence: what to call the bytes" },
		{ 0, "undo", NULL, IR_BOOL, &o->undo,
		    "merge: they are two again" },
		{ 0, "as", "FORM", IR_STR, &o->as,
		    "timeline: markdown or csv; report: html or markdown" },
		{ 0, "within", "SECONDS", IR_SECONDS, &o->within,
		    "due: exit 1 when that little time is left; default 6h" },
		{ 0, "escalate", NULL, IR_BOOL, &o->escalate,
		    "due: only what is new at 12, 6, 1 hours and over" },
		{ 0, "tar", "FILE", IR_STR, &o->tar,
		    "seal: the folder as a .tar.zst, too" },
		{ 0, "tsa-query", "FILE", IR_STR, &o->tsa_query,
		    "seal: write what to ask a time stamp authority" },
		{ 0, "tsa-reply", "FILE", IR_STR, &o->tsa_reply,
		    "seal: verify and keep its answer" },
		{ 0, "tsa-ca", "FILE", IR_STR, &o->tsa_ca,
		    "seal, verify: its authority's certificates" },
		IR_OPTS_COMMON(&o->common),
		IR_OPT_END
	};
	const struct ir_verb *v = ir_parse_verb(argc, argv, opts, &o->common,
	    verbs, sizeof verbs / sizeof *verbs, n);

	if (o->escalate && o->within >= 0)
		ir_die_usage("due: --escalate has steps of its own");
	if (o->within < 0)
		o->within = 6 * 3600;
	return v;
}

int
main(int argc, char **argv)
{
	struct opts o = { .within = -1 };
	struct ir_err err = IR_ERR_INIT;
	struct run run = { .o = &o, .err = &err };
	const struct ir_verb *v;
	size_t n;
	int code;

	ir_begin(&cmd);
	v = parse(&o, argc, argv, &n);
	run.out = ir_open_output(&o.common, cols);
	if (v->run(&run, argv + 2, n) && !err.code)
		ir_fail(&err, IR_SOFTWARE, "%s: no reason given", v->name);
	code = ir_end(&err, run.out, &run.tally);
	return code ? code : o.alarm;
}
