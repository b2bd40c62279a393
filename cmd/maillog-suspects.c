/*
 * maillog-suspects - which account, script, user or host was the way in?
 *
 * Reads the logs of Exim, Postfix, Dovecot, Courier, qmail or Plesk (files,
 * folders, standard input; plain, gzip, zstd), or states that other runs have
 * written; writes a "mail-suspect" record for each that looks as if somebody
 * else sent by it, with the lines that show it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "log/input.h"
#include "maillog/files.h"
#include "maillog/run.h"
#include "maillog/score.h"
#include "maillog/trace.h"
#include "net/origin.h"

#define NETS_MAX 64
#define SHOWN 10		/* of each kind, with --summary */
#define FOLLOW_MS 250
#define EVIDENCE 48000		/* bytes of lines in one record */

struct cmd_run {
	struct ir_common common;
	const char *since_text, *until_text, *level;
	struct ir_list accounts, ips, ids, ip_db;
	bool utc, summary, partial, merge, follow;
	long threads, evidence, top;
	bool evidence_given;
	int64_t now, end;	/* end: monotonic, of --timeout; 0: none */
	int least;		/* score from which on somebody is named */
	struct ir_mail_opts opts;
	struct ir_prefix net[NETS_MAX];
	struct ir_log_files list;
	struct ir_origins *origins;	/* NULL: no database here */
	struct ir_mail_state *state;
	struct ir_mail_run *run;
	struct ir_out *out;
	size_t bad, named;
	unsigned char *told;	/* with --follow: level told, by subject */
	size_t ntold;
};

static const struct ir_cmd cmd = {
	"maillog-suspects", "which account, script, user or host was the way "
	"in?", "[options] [log ...]"
};

static const struct ir_col suspect_cols[] = {
	{ "level", "LEVEL" }, { "score", "SCORE" }, { "kind", "KIND" },
	{ "id", "WHO" }, { "messages", "MESSAGES" },
	{ "recipients", "RCPTS" }, { "bounces", "BOUNCES" },
	{ "fails", "FAILS" }, { "ips", "IPS" }, { "networks", "NETS" },
	{ "first", "FIRST" }, { "last", "LAST" }, { "why", "WHY" },
	{ NULL, NULL }
};

static const struct ir_col line_cols[] = {
	{ "file", "FILE" }, { "line", "LINE" }, { "text", "TEXT" },
	{ NULL, NULL }
};

static const char *const kinds[IR_MLOG_WHOS] = { "", "account", "script",
	"user", "host" };

/* --- records ------------------------------------------------------------ */

/* room: what is left of the record's; a line that does not fit is named only */
static struct ir_rec *
line_record(const struct ir_mail_text *t, size_t *room)
{
	struct ir_rec *r = ir_rec_object();
	char text[IR_MAIL_TEXT * 3 + 1];
	size_t n = t->ntext < sizeof text ? t->ntext : sizeof text - 1;

	memcpy(text, t->text, n);
	ir_mlog_redact(text, n);
	ir_rec_str(r, "file", t->file);
	ir_rec_int(r, "line", (int64_t)t->line);
	if (ir_mail_text_size(text, n) > *room)
		return r;
	*room -= ir_mail_text_size(text, n);
	ir_rec_strn(r, "text", text, n);
	return r;
}

static struct ir_rec *
signal_record(const struct cmd_run *x, const struct ir_mail_signal *g,
    size_t *room)
{
	struct ir_rec *r = ir_rec_object(), *a = ir_rec_array();
	struct ir_mail_text t;
	size_t i;

	ir_rec_str(r, "signal", g->name);
	ir_rec_int(r, "points", g->points);
	ir_rec_int(r, "value", g->value);
	ir_rec_int(r, "limit", g->limit);
	ir_rec_str(r, "why", g->why);
	for (i = 0; i < g->nlines; i++)
		if (ir_mail_run_look(x->run, g->line[i], &t))
			ir_rec_push(a, line_record(&t, room));
	ir_rec_set(r, "evidence", a);
	return r;
}

/* What is counted, whoever it is. */
static struct ir_rec *
sender_record(const char *type, const struct ir_mail_subject *u,
    const struct ir_mail_verdict *v)
{
	struct ir_rec *r = ir_rec_new(type, u->name), *a;
	size_t i;

	ir_rec_str(r, "kind", kinds[u->who]);
	ir_rec_str(r, "value", u->name);
	ir_rec_int(r, "score", v->score);
	ir_rec_str(r, "level", v->level);
	ir_rec_int(r, "messages", u->msgs);
	ir_rec_int(r, "recipients", u->rcpts);
	ir_rec_int(r, "bounces", u->bounces);
	ir_rec_int(r, "deferred", u->defers);
	ir_rec_int(r, "logins", u->logins);
	ir_rec_int(r, "fails", u->fails);
	ir_rec_int(r, "ips", (int64_t)v->ips);
	ir_rec_int(r, "networks", (int64_t)v->nets);
	if (v->asns)
		ir_rec_int(r, "asns", (int64_t)v->asns);
	if (v->countries) {
		a = ir_rec_array();
		for (i = 0; i < v->countries; i++)
			ir_rec_push_str(a, v->country[i]);
		ir_rec_set(r, "countries", a);
	}
	if (u->first) {
		ir_rec_time(r, "first", u->first);
		ir_rec_time(r, "last", u->last);
	}
	if (v->peak) {
		ir_rec_int(r, "peak", v->peak);
		ir_rec_time(r, "peak_time", (int64_t)v->peak_hour * 3600);
		ir_rec_int(r, "median", v->median);
	}
	return r;
}

static void
put_suspect(struct cmd_run *x, const struct ir_mail_subject *u,
    const struct ir_mail_verdict *v)
{
	struct ir_rec *r = sender_record("mail-suspect", u, v);
	struct ir_rec *a = ir_rec_array();
	struct ir_buf why = IR_BUF(4096);
	size_t i, room = EVIDENCE;

	for (i = 0; i < v->nsignals; i++) {
		ir_buf_fmt(&why, "%s%s", i ? "; " : "", v->signal[i].why);
		ir_rec_push(a, signal_record(x, &v->signal[i],
		    &room));
	}
	ir_rec_set(r, "signals", a);
	ir_rec_str(r, "why", ir_buf_cstr(&why));
	ir_buf_free(&why);
	ir_out_put(x->out, r);
	x->named++;
}

static void
put_scope(struct cmd_run *x)
{
	const struct ir_mail_sums *s = ir_mail_state_sums(x->state);
	struct ir_rec *r = ir_rec_new("maillog-scope", "log");
	struct ir_rec *a = ir_rec_array();
	const char *name;
	size_t i;

	ir_rec_int(r, "files", (int64_t)s->files);
	ir_rec_int(r, "files_bad", (int64_t)x->bad);
	ir_rec_int(r, "lines", (int64_t)s->lines);
	ir_rec_int(r, "bytes", (int64_t)s->bytes);
	ir_rec_int(r, "messages", (int64_t)s->messages);
	ir_rec_int(r, "recipients", (int64_t)s->recipients);
	ir_rec_int(r, "bounces", (int64_t)s->bounces);
	ir_rec_int(r, "logins", (int64_t)s->logins);
	ir_rec_int(r, "fails", (int64_t)s->fails);
	ir_rec_int(r, "senders", (int64_t)ir_mail_subjects(x->state));
	ir_rec_int(r, "junk", (int64_t)s->junk);
	ir_rec_int(r, "long", (int64_t)s->long_lines);
	ir_rec_int(r, "torn", (int64_t)s->torn);
	ir_rec_int(r, "forged", (int64_t)s->forged);
	ir_rec_int(r, "backwards", (int64_t)s->backwards);
	ir_rec_int(r, "uncounted", (int64_t)s->uncounted);
	if (s->last) {
		ir_rec_time(r, "first", s->first);
		ir_rec_time(r, "last", s->last);
	}
	for (i = 0; x->origins && (name = ir_origins_source(x->origins, i));
	    i++)
		ir_rec_push_str(a, name);
	ir_rec_set(r, "databases", a);
	ir_out_put(x->out, r);
}

/* --- who ---------------------------------------------------------------- */

/* A subject that is to be told of, and by what it is put in order. */
struct chosen {
	const struct ir_mail_subject *u;
	int64_t weight;
};

static int
by_weight(const void *a, const void *b)
{
	const struct chosen *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	if (x->u->who != y->u->who)
		return x->u->who < y->u->who ? -1 : 1;
	return strcmp(x->u->name, y->u->name);
}

static bool
asked_for(const struct cmd_run *x, const struct ir_mail_subject *u)
{
	size_t i;

	for (i = 0; i < x->accounts.n; i++)
		if (ir_ascii_ieq(x->accounts.v[i], u->name))
			return true;
	return false;
}

static int
judge(struct cmd_run *x, const struct ir_mail_subject *u,
    struct ir_mail_verdict *v, struct ir_err *err)
{
	return ir_mail_judge(x->state, u, x->origins,
	    (size_t)x->evidence, v, err);
}

/* Whom the records are about, with their scores. */
static struct chosen *
choose(struct cmd_run *x, size_t *n, struct ir_err *err)
{
	size_t all = ir_mail_subjects(x->state), i;
	struct chosen *c = malloc((all + 1) * sizeof *c);
	const struct ir_mail_subject *u;
	struct ir_mail_verdict v;

	*n = 0;
	if (!c)
		(void)ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; c && i < all; i++) {
		u = ir_mail_subject(x->state, i);
		if (x->accounts.n ? !asked_for(x, u) :
		    x->least && !ir_mail_maybe(u))
			continue;
		if (judge(x, u, &v, err)) {
			free(c);
			return NULL;
		}
		if (x->accounts.n || v.score >= x->least)
			c[(*n)++] = (struct chosen){ u, v.score };
		ir_mail_verdict_free(&v);
	}
	if (c && *n)
		qsort(c, *n, sizeof *c, by_weight);
	return c;
}

static int
report_suspects(struct cmd_run *x, struct ir_err *err)
{
	struct ir_mail_verdict v;
	struct chosen *c;
	size_t n, i;
	int rc = 0;

	c = choose(x, &n, err);
	for (i = 0; c && i < n && (x->top == 0 || i < (size_t)x->top) &&
	    rc == 0; i++) {
		rc = judge(x, c[i].u, &v, err);
		if (rc == 0)
			put_suspect(x, c[i].u, &v);
		ir_mail_verdict_free(&v);
	}
	free(c);
	return c ? rc : -1;
}

/* Those who send most, of each kind. */
static int
report_senders(struct cmd_run *x, struct ir_err *err)
{
	size_t all = ir_mail_subjects(x->state), i, n;
	struct chosen *c = malloc((all + 1) * sizeof *c);
	const struct ir_mail_subject *u;
	struct ir_mail_verdict v;
	size_t limit = x->top ? (size_t)x->top : SHOWN;
	int who, rc = 0;

	if (!c)
		return ir_fail(err, IR_OSERR, "no memory");
	for (who = 1; who < IR_MLOG_WHOS && rc == 0; who++) {
		for (n = i = 0; i < all; i++) {
			u = ir_mail_subject(x->state, i);
			if (u->who == who && u->msgs + u->logins)
				c[n++] = (struct chosen){ u,
				    ((int64_t)u->msgs << 32) + u->logins };
		}
		if (n)
			qsort(c, n, sizeof *c, by_weight);
		for (i = 0; i < n && i < limit && rc == 0; i++) {
			rc = judge(x, c[i].u, &v, err);
			if (rc == 0)
				ir_out_put(x->out, sender_record(
				    "mail-sender", c[i].u, &v));
			ir_mail_verdict_free(&v);
		}
	}
	free(c);
	return rc;
}

static void
put_record(struct ir_rec *r, void *arg)
{
	ir_out_put(arg, r);
}

static void
warn_about(const struct cmd_run *x)
{
	const struct ir_mail_sums *s = ir_mail_state_sums(x->state);

	if (s->lines && s->junk * 2 > s->lines)
		ir_warn(&x->common, "%llu of %llu lines are of no known log",
		    (unsigned long long)s->junk,
		    (unsigned long long)s->lines);
	if (s->lines && !s->last)
		ir_warn(&x->common, "no line has a time: is it the log of a "
		    "mail server?");
	if (s->uncounted)
		ir_warn(&x->common, "%llu things were too many to be counted",
		    (unsigned long long)s->uncounted);
	if (s->forged)
		ir_warn(&x->common, "%llu clients named themselves so as to "
		    "look like more of the line",
		    (unsigned long long)s->forged);
	if (x->run && ir_mail_run_poor(x->run))
		ir_warn(&x->common, "no room for a temporary file: evidence "
		    "from pipes and packed logs is missing");
}

static int
report(struct cmd_run *x, struct ir_err *err)
{
	if (x->partial) {
		ir_mail_export(x->state, ir_mail_run_look, x->run,
		    put_record, x->out);
		warn_about(x);
		return 0;
	}
	ir_mail_finish(x->state);
	if (x->summary) {
		if (report_senders(x, err))
			return -1;
		put_scope(x);
	} else if (report_suspects(x, err)) {
		return -1;
	}
	warn_about(x);
	return 0;
}

/* --- input -------------------------------------------------------------- */

static bool
over(void *arg)
{
	const struct cmd_run *x = arg;

	return ir_stopped() || (x->end && ir_mono_ms() > x->end);
}

static int64_t
written(const struct cmd_run *x, const char *path)
{
	struct stat st;

	return strcmp(path, "-") && stat(path, &st) == 0 ? st.st_mtime :
	    x->now;
}

/* States, one record a line, packed or not. */
static int
merge_file(struct cmd_run *x, const char *path, struct ir_err *err)
{
	struct ir_log_input *in = NULL;
	struct ir_rec *r;
	uint64_t line = 0;
	const char *p;
	bool cut;
	size_t n;
	int rc = 0, got = 1;

	if (ir_log_open(&in, path, err))
		return -1;
	while (rc == 0 && !over(x) &&
	    (got = ir_log_line(in, &p, &n, &cut, err)) > 0) {
		line++;
		if (n == 0)
			continue;
		r = cut ? NULL : ir_rec_parse(p, n, err);
		rc = r ? ir_mail_import(x->state, r, err) : cut ?
		    ir_fail(err, IR_DATAERR, "a line is too long") : -1;
		ir_rec_free(r);
		if (rc)
			ir_fail_prefix(err, "%s:%llu", ir_log_name(in),
			    (unsigned long long)line);
	}
	ir_log_close(in);
	return rc ? rc : got < 0 ? -1 : over(x);
}

static bool
put_line(const struct ir_mail_text *t, void *arg)
{
	struct ir_rec *r = ir_rec_new("mail-line", NULL);
	struct cmd_run *x = arg;
	char *text = malloc(t->ntext + 1);

	if (text) {
		memcpy(text, t->text, t->ntext);
		ir_mlog_redact(text, t->ntext);
		ir_rec_fmt(r, "id", "%s:%llu", t->file,
		    (unsigned long long)t->line);
		ir_rec_str(r, "file", t->file);
		ir_rec_int(r, "line", (int64_t)t->line);
		ir_rec_strn(r, "text", text, t->ntext);
		ir_out_put(x->out, r);
		x->named++;
	} else {
		ir_rec_free(r);
	}
	free(text);
	return text != NULL;
}

/* Files, each with what is to be done with it; one that is bad does not hide
 * the others. */
static int
each_file(struct cmd_run *x, int (*fn)(struct cmd_run *x, const char *path,
    void *arg, struct ir_err *err), void *arg, struct ir_tally *tally,
    struct ir_err *err)
{
	int64_t began = ir_mono_ms();
	struct ir_err one;
	size_t i;
	int rc;

	for (i = 0; i < x->list.n; i++) {
		one = (struct ir_err)IR_ERR_INIT;
		ir_progress(&x->common, "files", i, x->list.n, began);
		rc = fn(x, x->list.v[i], arg, &one);
		if (rc)
			ir_progress_end();
		if (rc > 0)
			return ir_fail(err, IR_TEMPFAIL, "%zu of %zu files "
			    "were not read to the end", x->list.n - i,
			    x->list.n);
		if (rc < 0) {
			ir_warn(&x->common, "%s", one.msg);
			x->bad++;
		}
		if (tally)
			ir_tally_add(tally, one.code);
	}
	ir_progress_end();
	return 0;
}

static int
analyse(struct cmd_run *x, const char *path, void *arg, struct ir_err *err)
{
	(void)arg;
	return x->merge ? merge_file(x, path, err) :
	    ir_mail_run_file(x->run, path, written(x, path), err);
}

struct tracing {
	struct ir_mail_trace t;
	bool learn;
};

static int
trace_one(struct cmd_run *x, const char *path, void *arg, struct ir_err *err)
{
	struct tracing *t = arg;

	(void)x;
	if (t->learn && strcmp(path, "-") == 0)
		return 0;	/* it can be read once only */
	return ir_mail_trace_file(&t->t, path, t->learn, err);
}

static int
trace(struct cmd_run *x, struct ir_tally *tally, struct ir_err *err)
{
	struct tracing *t = calloc(1, sizeof *t);
	bool header = false;
	size_t i;
	int rc = t ? 0 : ir_fail(err, IR_OSERR, "no memory");

	for (i = 0; rc == 0 && i < x->ids.n; i++) {
		rc = ir_mail_trace_add(&t->t, x->ids.v[i],
		    strlen(x->ids.v[i]), err);
		header |= ir_mail_trace_header(x->ids.v[i]);
	}
	if (rc == 0) {
		t->t.put = put_line;
		t->t.over = over;
		t->t.arg = x;
		t->learn = true;
		if (header)
			rc = each_file(x, trace_one, t, NULL, err);
		x->bad = 0;
		t->learn = false;
	}
	if (rc == 0)
		rc = each_file(x, trace_one, t, tally, err);
	if (rc == 0 && x->named == 0)
		ir_warn(&x->common, "no line names it");
	free(t);
	return rc;
}

/* --- --follow ----------------------------------------------------------- */

/* Tell of those who have come to a higher level since they were told of. */
static int
tell_new(struct cmd_run *x, struct ir_err *err)
{
	size_t all = ir_mail_subjects(x->state), i, want;
	struct ir_mail_verdict v;
	const struct ir_mail_subject *u;
	unsigned char *more, level;

	if (all > x->ntold) {
		want = all * 2;
		more = realloc(x->told, want);
		if (!more)
			return ir_fail(err, IR_OSERR, "no memory");
		memset(more + x->ntold, 0, want - x->ntold);
		x->told = more;
		x->ntold = want;
	}
	for (i = 0; i < all; i++) {
		u = ir_mail_subject(x->state, i);
		if (!ir_mail_maybe(u) || (x->accounts.n && !asked_for(x, u)))
			continue;
		if (judge(x, u, &v, err))
			return -1;
		level = (unsigned char)(v.score / 20 > 3 ? 3 : v.score / 20);
		if (v.score >= x->least && level > x->told[i])
			put_suspect(x, u, &v);
		if (level > x->told[i])
			x->told[i] = level;
		ir_mail_verdict_free(&v);
	}
	return 0;
}

/* Has another file taken the name, or was it emptied? */
static bool
rotated(const char *path, dev_t dev, ino_t ino, off_t seen)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_dev != dev ||
	    st.st_ino != ino || st.st_size < seen);
}

static int
follow(struct cmd_run *x, struct ir_err *err)
{
	const struct timespec pause = { 0, FOLLOW_MS * 1000000L };
	const char *path = x->list.v[x->list.n - 1];
	bool named = strcmp(path, "-") != 0;
	int64_t got, seen = 0, told_at = 0;
	bool news = false;
	struct stat st;

	if (ir_mail_run_open(x->run, path, written(x, path), err))
		return -1;
	memset(&st, 0, sizeof st);
	(void)stat(path, &st);
	while (!over(x)) {
		got = ir_mail_run_more(x->run, err);
		if (got < 0)
			return -1;
		seen += got;
		news |= got > 0;
		if (got > 0 && ir_mono_ms() - told_at < 1000)
			continue;
		if (news && tell_new(x, err))
			return -1;
		told_at = news ? ir_mono_ms() : told_at;
		news = false;
		if (got > 0)
			continue;
		if (named && rotated(path, st.st_dev, st.st_ino,
		    (off_t)seen)) {
			if (ir_mail_run_open(x->run, path, ir_now(), err) ==
			    0 && stat(path, &st) == 0)
				seen = 0;
			continue;
		}
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* --- beginning ---------------------------------------------------------- */

static void
read_time(const struct cmd_run *x, const char *option, const char *text,
    int64_t *t)
{
	if (text && ir_time_when(text, x->now, t))
		ir_die_usage("--%s=%s: neither a time (RFC 3339) nor an age "
		    "(14d)", option, text);
}

static void
check_modes(const struct cmd_run *x, int n)
{
	int modes = x->summary + x->partial + (x->ids.n > 0) + x->follow;

	if (modes > 1)
		ir_die_usage("--summary, --partial, --message-id, --follow: "
		    "one of them");
	if (x->merge && (x->ids.n || x->follow))
		ir_die_usage("--merge: states have no lines to look through");
	if (x->merge && (x->since_text || x->until_text || x->ips.n))
		ir_die_usage("--merge: --since, --until and --ip go with the "
		    "runs that read the logs");
	if (x->follow && n != 1)
		ir_die_usage("--follow: one log");
	if (x->accounts.n && (x->partial || x->summary || x->ids.n))
		ir_die_usage("--account goes with the list of suspects");
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no log, and standard input is a terminal");
}

static void
check_usage(struct cmd_run *x, int n)
{
	static const char *const levels[] = { "all", "watch", "suspect",
		"compromised" };
	size_t i;

	x->now = ir_now();
	tzset();	/* later no file of a zone can be opened */
	check_modes(x, n);
	read_time(x, "since", x->since_text, &x->opts.since);
	read_time(x, "until", x->until_text, &x->opts.until);
	for (i = 0; x->level && i < 4 && strcmp(levels[i], x->level); i++)
		continue;
	if (x->level && i == 4)
		ir_die_usage("--level=%s: not all, watch, suspect or "
		    "compromised", x->level);
	x->least = x->level ? (int)i * 20 : IR_MAIL_SUSPECT;
	for (i = 0; i < x->ips.n; i++)
		if (ir_prefix_parse(x->ips.v[i], &x->net[i]))
			ir_die_usage("--ip=%s: neither an address nor a "
			    "network", x->ips.v[i]);
	/* who was there is the question, not how bad he is */
	if (x->ips.n && !x->level)
		x->least = 0;
	if (x->evidence > IR_MAIL_LINES)
		ir_die_usage("--evidence: at most %d", IR_MAIL_LINES);
	x->opts.now = x->now;
	x->opts.utc = x->utc;
	x->opts.net = x->net;
	x->opts.nnet = x->ips.n;
	x->opts.threads = x->follow ? 1 : (unsigned)(x->threads >
	    IR_MAIL_THREADS ? IR_MAIL_THREADS : x->threads);
	x->opts.follow = x->follow;
	x->opts.over = over;
	x->opts.arg = x;
}

static void
twice(void *arg, const char *path, const char *same)
{
	const struct cmd_run *x = arg;

	ir_warn(&x->common, "%s: the same log as %s: read once", path, same);
}

static int
open_files(struct cmd_run *x, char **operands, size_t n, struct ir_err *err)
{
	const char **paths = calloc(n + 1, sizeof *paths);
	const struct ir_origin_opts o = { .db = x->ip_db.v,
		.ndb = x->ip_db.n, .usual = true };
	size_t i;
	int rc = paths ? 0 : ir_fail(err, IR_OSERR, "no memory");

	if (rc == 0 && n == 0)
		rc = ir_log_files_add(&x->list, "-", err);
	for (i = 0; i < n && rc == 0; i++) {
		paths[i] = operands[i];
		rc = ir_log_files_add(&x->list, operands[i], err);
	}
	if (rc == 0 && x->list.n == 0)
		rc = ir_fail(err, IR_NOINPUT, "no file in %s", operands[0]);
	if (rc == 0)
		ir_mail_files_sort(x->list.v, x->list.n);
	if (rc == 0 && !x->ids.n && !x->partial)
		rc = ir_origins_open(&x->origins, &o, err);
	if (rc == 0 && x->origins && !ir_origins_sources(x->origins)) {
		ir_origins_close(x->origins);
		x->origins = NULL;
	}
	if (rc == 0 && !x->ids.n)
		x->state = ir_mail_state_new(err);
	if (x->state)
		x->run = ir_mail_run_new(x->state, &x->opts, err);
	if (rc == 0 && !x->ids.n && !x->run)
		rc = -1;
	/* a log that is followed gets a new file in its folder */
	if (rc == 0 && !x->follow)
		ir_sandbox_read_only(paths, n);
	if (rc == 0)
		x->list.n = ir_mail_files_once(x->list.v, x->list.n, twice,
		    x);
	free(paths);
	(void)ir_catch_stop();
	return rc;
}

static int
act(struct cmd_run *x, struct ir_tally *tally, struct ir_err *err)
{
	int rc;

	x->end = x->common.timeout ? ir_mono_ms() + x->common.timeout * 1000 :
	    0;
	if (x->ids.n)
		return trace(x, tally, err);
	if (x->follow)
		return follow(x, err);
	rc = each_file(x, analyse, NULL, tally, err);
	/* part of a fleet's state would look like all of it */
	if (x->partial && (rc || x->bad))
		return rc ? rc : 0;
	return report(x, rc ? NULL : err) ? -1 : rc;
}

static void
close_all(struct cmd_run *x)
{
	ir_mail_run_free(x->run);
	ir_mail_state_free(x->state);
	if (x->origins)
		ir_origins_close(x->origins);
	ir_log_files_free(&x->list);
	free(x->told);
}

int
main(int argc, char **argv)
{
	static struct cmd_run x = { .evidence = 3 };
	const struct ir_opt opts[] = {
		{ 0, "since", "TIME", IR_STR, &x.since_text,
		    "not before: RFC 3339, or 2d ago" },
		{ 0, "until", "TIME", IR_STR, &x.until_text, "before" },
		{ 0, "account", "NAME", IR_LIST, &x.accounts,
		    "this account, user, script or host, whatever its score" },
		{ 0, "ip", "ADDRESS", IR_LIST, &x.ips,
		    "only what came from there (or ADDRESS/BITS)" },
		{ 0, "message-id", "ID", IR_LIST, &x.ids,
		    "all lines of this message, in order" },
		{ 0, "level", "LEVEL", IR_STR, &x.level,
		    "from all, watch, suspect (default) or compromised on" },
		{ 0, "evidence", "COUNT", IR_INT, &x.evidence,
		    "lines per signal, at most 10; default: 3" },
		{ 0, "top", "COUNT", IR_INT, &x.top, "at most that many" },
		{ 0, "summary", NULL, IR_BOOL, &x.summary,
		    "who sends most, and what was read" },
		{ 0, "follow", NULL, IR_BOOL, &x.follow,
		    "go on as the log grows; tell of suspects at once" },
		{ 0, "partial", NULL, IR_BOOL, &x.partial,
		    "write what --merge takes, instead of an answer" },
		{ 0, "merge", NULL, IR_BOOL, &x.merge,
		    "read what --partial wrote, instead of logs" },
		{ 0, "ip-db", "FILE", IR_LIST, &x.ip_db,
		    "database of AS or countries; default: as ip-origin" },
		{ 0, "threads", "COUNT", IR_INT, &x.threads,
		    "default: one per core" },
		{ 0, "utc", NULL, IR_BOOL, &x.utc,
		    "times without a zone are UTC; default: this host's" },
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	check_usage(&x, n);
	if (open_files(&x, argv + 1, (size_t)n, &err))
		goto out;
	x.out = ir_open_output(&x.common, x.ids.n ? line_cols :
	    suspect_cols);
	(void)act(&x, &tally, &err);
out:
	close_all(&x);
	return ir_end(&err, x.out, &tally);
}
