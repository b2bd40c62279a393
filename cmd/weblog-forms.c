/*
 * weblog-forms - which web forms and scripts is spam sent through?
 *
 * Reads access logs of web servers, and Exim's main log if it is told;
 * writes records of type form-suspect, and one of type web-scope.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/text.h"
#include "log/input.h"
#include "net/prefix.h"
#include "weblog/read.h"
#include "weblog/rules.h"
#include "weblog/score.h"

#define OWNERS_MAX 65536	/* hosts whose user is known */
#define OWNERS_BYTES (8u << 20)
#define SHOWN 5			/* networks, programs of a record */
#define MAIN_LOGS 64

/* Whose a virtual host is. */
struct owner {
	char host[128], user[64];
	int number;		/* of ir_web_mails_user() */
};

struct run {
	struct ir_common common;
	const char *since_text, *until_text, *min_text, *rules, *users;
	const char *vhost;
	struct ir_list mainlogs, user, root, allow, logpath;
	bool utc;
	long threads;
	int min;
	int64_t now, end;
	struct ir_log_input *main_in[MAIN_LOGS];
	struct ir_delivery_clock main_clock[MAIN_LOGS];
	struct owner *owner;
	size_t nowners;
	struct ir_log_files files;
	struct ir_web_mails *mails;
	struct ir_web_read read;
	struct ir_web_score *score;
	size_t nscores, urls;
	struct ir_web_who *who;
	size_t nwhos;
	size_t bad, rules_refused;
	struct ir_tally *tally;
	struct ir_out *out;
};

static const struct ir_cmd cmd = {
	"weblog-forms", "find web forms and scripts that spam is sent "
	"through", "[options] [log ...]"
};

static const struct ir_col cols[] = {
	{ "verdict", "VERDICT" }, { "score", "SCORE" }, { "kind", "KIND" },
	{ "value", "VALUE" }, { "posts", "POSTS" },
	{ "ok_posts", "OK" }, { "peak", "PEAK/H" }, { "nets", "NETS" },
	{ "why", "WHY" }, { NULL, NULL }
};

/* --- whose a host is ---------------------------------------------------- */

static int
add_owner(struct run *r, const char *host, size_t nhost, const char *user,
    size_t nuser, struct ir_err *err)
{
	struct owner *o;

	if (!r->owner)
		r->owner = calloc(OWNERS_MAX, sizeof *r->owner);
	if (!r->owner)
		return ir_fail(err, IR_OSERR, "no memory");
	if (r->nowners == OWNERS_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d hosts",
		    OWNERS_MAX);
	o = &r->owner[r->nowners];
	ir_web_host(host, nhost, o->host, sizeof o->host);
	if (!o->host[0] || nuser == 0 || nuser >= sizeof o->user)
		return ir_fail(err, IR_DATAERR, "not HOST and USER: %.*s",
		    (int)nhost, host);
	memcpy(o->user, user, nuser);
	o->user[nuser] = '\0';
	r->nowners++;
	return 0;
}

/* "example.com: user", as cPanel's /etc/userdomains. */
static int
read_users(struct run *r, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(OWNERS_BYTES);
	const char *p, *end, *colon;
	size_t line = 0;
	int rc = ir_buf_read_file(&b, r->users, err);

	for (p = ir_buf_cstr(&b); rc == 0 && *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, "\n");
		line++;
		colon = memchr(p, ':', (size_t)(end - p));
		if (*p == '#' || *p == '*' || end == p)
			continue;
		if (colon) {
			const char *u = colon + 1 + strspn(colon + 1, " \t");

			rc = add_owner(r, p, (size_t)(colon - p), u,
			    strcspn(u, " \t\r\n"), err);
		} else {
			rc = ir_fail(err, IR_DATAERR, "no HOST: USER");
		}
		if (rc)
			ir_fail_prefix(err, "%s:%zu", r->users, line);
	}
	ir_buf_free(&b);
	return rc;
}

/* The user of a document root is its owner. */
static int
add_root(struct run *r, const char *text, struct ir_err *err)
{
	const char *eq = strchr(text, '=');
	struct passwd *pw;
	struct stat st;

	if (stat(eq + 1, &st))
		return ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT),
		    errno, "--root: %s", eq + 1);
	pw = getpwuid(st.st_uid);
	if (!pw)
		return ir_fail(err, IR_NOINPUT, "--root: %s: its owner, %lu, "
		    "has no name", eq + 1, (unsigned long)st.st_uid);
	return add_owner(r, text, (size_t)(eq - text), pw->pw_name,
	    strlen(pw->pw_name), err);
}

static int
by_host(const void *a, const void *b)
{
	return strcmp(((const struct owner *)a)->host,
	    ((const struct owner *)b)->host);
}

static int
read_owners(struct run *r, struct ir_err *err)
{
	const char *eq;
	size_t i;

	for (i = 0; i < r->user.n; i++) {
		eq = strchr(r->user.v[i], '=');
		if (add_owner(r, r->user.v[i], (size_t)(eq - r->user.v[i]),
		    eq + 1, strlen(eq + 1), err))
			return -1;
	}
	for (i = 0; i < r->root.n; i++)
		if (add_root(r, r->root.v[i], err))
			return -1;
	if (r->users && read_users(r, err))
		return -1;
	if (r->nowners)
		qsort(r->owner, r->nowners, sizeof *r->owner, by_host);
	return 0;
}

/* Told, else by its name in the path: /~user/, or where the log lies. */
static int
user_of(const struct ir_web_post *p, const char *path, void *arg)
{
	const struct run *r = arg;
	const struct owner *o = NULL;
	struct owner key = { .number = 0 };
	char host[128], name[64] = "";

	memcpy(key.host, p->vhost, sizeof key.host);
	if (strncmp(key.host, "www.", 4) == 0)
		memmove(key.host, key.host + 4, strlen(key.host + 4) + 1);
	if (r->nowners)
		o = bsearch(&key, r->owner, r->nowners, sizeof key, by_host);
	memcpy(key.host, p->vhost, sizeof key.host);
	if (!o && r->nowners)
		o = bsearch(&key, r->owner, r->nowners, sizeof key, by_host);
	if (o)
		return o->number;
	if (!r->mails)
		return IR_WEB_ANY;
	if (p->path[0] == '/' && p->path[1] == '~')
		snprintf(name, sizeof name, "%.*s",
		    (int)strcspn(p->path + 2, "/"), p->path + 2);
	else
		ir_web_of_path(path, host, name);
	return name[0] ? ir_web_mails_user(r->mails, name) : IR_WEB_ANY;
}

/* --- mail --------------------------------------------------------------- */

static bool
over(void *arg)
{
	const struct run *r = arg;

	return ir_stopped() || (r->end && ir_mono_ms() > r->end);
}

/* Opened before rights are given up. */
static int
open_mails(struct run *r, struct ir_err *err)
{
	struct stat st;
	size_t i;

	if (r->mainlogs.n == 0)
		return 0;
	r->mails = ir_web_mails_new();
	if (!r->mails)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < r->mainlogs.n; i++) {
		/* a year that a log leaves out is that of its last change */
		r->main_clock[i] = (struct ir_delivery_clock){
		    stat(r->mainlogs.v[i], &st) ? r->now : st.st_mtime,
		    r->utc };
		if (ir_log_open(&r->main_in[i], r->mainlogs.v[i], err))
			return -1;
	}
	return 0;
}

static int
read_mails(struct run *r, struct ir_err *err)
{
	struct ir_err one;
	const char *p;
	uint64_t line;
	size_t i, n;
	int rc;

	for (i = 0; i < r->mainlogs.n; i++) {
		one = (struct ir_err)IR_ERR_INIT;
		for (line = 0; (rc = ir_log_line(r->main_in[i], &p, &n, NULL,
		    &one)) > 0; line++) {
			ir_web_mails_line(r->mails, p, n, &r->main_clock[i]);
			if (line % 4096 == 0 && over(r))
				return ir_fail(err, IR_TEMPFAIL, "%s was not "
				    "read to the end",
				    ir_log_name(r->main_in[i]));
		}
		ir_tally_add(r->tally, one.code);
		if (rc < 0) {
			r->bad++;
			ir_warn(&r->common, "%s", one.msg);
		}
	}
	if (r->mails && ir_web_mails_ready(r->mails, err))
		return -1;
	for (i = 0; i < r->nowners; i++)
		r->owner[i].number = r->mails ? ir_web_mails_user(r->mails,
		    r->owner[i].user) : IR_WEB_ANY;
	return 0;
}

/* --- logs --------------------------------------------------------------- */

static void
file_done(size_t file, const struct ir_err *e, void *arg)
{
	struct run *r = arg;

	(void)file;
	ir_tally_add(r->tally, e->code);
	if (e->code) {
		r->bad++;
		ir_warn(&r->common, "%s", e->msg);
	}
}

static int
read_logs(struct run *r, struct ir_err *err)
{
	int rc;

	r->read.files = &r->files;
	r->read.threads = (size_t)r->threads;
	r->read.mails = r->mails;
	r->read.vhost = r->vhost;
	r->read.over = over;
	r->read.user = user_of;
	r->read.done = file_done;
	r->read.arg = r;
	rc = ir_web_read(&r->read, err);
	if (rc > 0)
		return ir_fail(err, IR_TEMPFAIL, "%zu of %zu files were not "
		    "read to the end", r->files.n - r->read.ended,
		    r->files.n);
	return rc;
}

/* --- what was found ----------------------------------------------------- */

static int
by_score(const void *a, const void *b)
{
	const struct ir_web_score *x = a, *y = b;

	if (x->score != y->score)
		return y->score - x->score;
	if (x->url->ok != y->url->ok)
		return x->url->ok < y->url->ok ? 1 : -1;
	return strcmp(x->url->key, y->url->key);
}

/* Guesses at logins are no mailers, but shown for what they are. */
static bool
wanted(const struct run *r, int score, const char *verdict)
{
	return score >= r->min || strcmp(verdict, "brute-force") == 0;
}

static int
judge(struct run *r, struct ir_err *err)
{
	struct ir_web_counts *c = r->read.counts;
	struct ir_web_score s;
	int n = ir_web_whos(c, &r->who, err);
	size_t i;

	if (n < 0)
		return -1;
	for (i = 0; i < (size_t)n; i++)
		if (wanted(r, r->who[i].score, r->who[i].verdict))
			r->who[r->nwhos++] = r->who[i];
	r->score = calloc(c->nurls + 1, sizeof *r->score);
	if (!r->score)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < c->cap; i++) {
		if (!c->url[i])
			continue;
		ir_web_score(c->url[i], c, &s);
		if (wanted(r, s.score, s.verdict))
			r->score[r->nscores++] = s;
	}
	if (r->nscores)
		qsort(r->score, r->nscores, sizeof *r->score, by_score);
	return 0;
}

/* "burst 240 in an hour (from 100)" of each, and as an array. */
static void
set_signals(struct ir_rec *rec, const struct ir_web_signal *s, size_t n)
{
	struct ir_rec *a = ir_rec_array(), *one;
	struct ir_buf why = IR_BUF(4096);
	size_t i;

	for (i = 0; i < n; i++) {
		one = ir_rec_object();
		ir_rec_str(one, "signal", s[i].name);
		ir_rec_int(one, "points", s[i].points);
		ir_rec_int(one, "found", s[i].found);
		ir_rec_int(one, "limit", s[i].limit);
		ir_rec_str(one, "unit", s[i].unit);
		ir_rec_push(a, one);
		ir_buf_fmt(&why, "%s%s: %lld %s", i ? "; " : "", s[i].name,
		    (long long)s[i].found, s[i].unit);
	}
	ir_rec_set(rec, "signals", a);
	ir_rec_str(rec, "why", why.len ? ir_buf_cstr(&why) : NULL);
	ir_buf_free(&why);
}

/* A line with what people typed left out. */
static void
set_text(struct ir_rec *rec, const char *p)
{
	struct ir_buf b = IR_BUF(4096);
	size_t n;

	for (; *p; p += n) {
		n = strcspn(p, "?");
		ir_buf_add(&b, p, n);
		if (!p[n])
			break;
		ir_buf_str(&b, "?***");
		n += strcspn(p + n, " \"");
	}
	ir_rec_str(rec, "text", ir_buf_cstr(&b));
	ir_buf_free(&b);
}

static int
by_time(const void *a, const void *b)
{
	const struct ir_web_sample *x = a, *y = b;

	if (!x->text || !y->text)
		return (x->text == NULL) - (y->text == NULL);
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static void
set_evidence(const struct run *r, struct ir_rec *rec, struct ir_web_url *u)
{
	struct ir_rec *a = ir_rec_array(), *one;
	const char *path;
	size_t i;

	qsort(u->sample, IR_WEB_SAMPLES, sizeof *u->sample, by_time);
	for (i = 0; i < IR_WEB_SAMPLES && u->sample[i].text; i++) {
		path = r->files.v[u->sample[i].file];
		one = ir_rec_object();
		ir_rec_str(one, "file", strcmp(path, "-") ? path :
		    "standard input");
		ir_rec_int(one, "line", (int64_t)u->sample[i].line);
		ir_rec_time(one, "time", u->sample[i].time);
		set_text(one, u->sample[i].text);
		ir_rec_push(a, one);
	}
	ir_rec_set(rec, "evidence", a);
}

static void
set_sources(const struct run *r, struct ir_rec *rec,
    const struct ir_web_url *u)
{
	struct ir_rec *nets = ir_rec_array(), *agents = ir_rec_array(), *one;
	const struct ir_web_agent *a;
	char net[IR_PREFIX_TEXT];
	size_t i;

	for (i = 0; i < u->nets.n && i < SHOWN; i++) {
		one = ir_rec_object();
		ir_rec_str(one, "net", ir_web_net_text(u->nets.v[i].key, net,
		    sizeof net));
		ir_rec_int(one, "count", u->nets.v[i].count);
		ir_rec_push(nets, one);
	}
	for (i = 0; i < u->agents.n && i < SHOWN; i++) {
		a = ir_web_agent_of(r->read.counts, u->agents.v[i].key);
		one = ir_rec_object();
		ir_rec_str(one, "agent", a ? a->name : NULL);
		ir_rec_int(one, "count", u->agents.v[i].count);
		ir_rec_push(agents, one);
	}
	ir_rec_int(rec, "nets", (int64_t)u->nets.n);
	ir_rec_int(rec, "addresses", (int64_t)u->addresses.n);
	if (u->nets.more || u->addresses.more)
		ir_rec_bool(rec, "nets_more", true);
	ir_rec_int(rec, "agents", (int64_t)u->agents.n);
	ir_rec_set(rec, "top_nets", nets);
	ir_rec_set(rec, "top_agents", agents);
}

static void
set_mail(const struct run *r, struct ir_rec *rec,
    const struct ir_web_score *s)
{
	struct ir_rec *m = ir_rec_object();
	struct ir_web_mails_sum sum;

	ir_web_mails_about(r->mails, s->user, &s->url->hours, IR_WEB_AFTER,
	    &sum);
	ir_rec_str(m, "user", ir_web_mails_name(r->mails, s->user));
	ir_rec_int(m, "posts_with_mail", (int64_t)s->url->mailed);
	ir_rec_int(m, "by_chance", (int64_t)s->chance);
	ir_rec_int(m, "mails", (int64_t)sum.mails);
	ir_rec_int(m, "recipients", (int64_t)sum.recipients);
	ir_rec_int(m, "distinct", (int64_t)sum.distinct);
	ir_rec_str(m, "cwd", sum.cwd);
	if (sum.cwd)
		ir_rec_int(m, "cwd_mails", (int64_t)sum.cwd_mails);
	ir_rec_set(rec, "mail", m);
}

static void
set_answers(struct ir_rec *rec, const struct ir_web_url *u)
{
	static const char *const names[] = { "unknown", "1xx", "2xx", "3xx",
		"4xx", "5xx" };
	struct ir_rec *a = ir_rec_object();
	size_t i;

	for (i = 0; i < 6; i++)
		if (u->answers[i])
			ir_rec_int(a, names[i], (int64_t)u->answers[i]);
	ir_rec_set(rec, "answers", a);
}

static struct ir_rec *
url_record(const struct run *r, const struct ir_web_score *s)
{
	struct ir_web_url *u = s->url;
	struct ir_rec *rec = ir_rec_new("form-suspect", NULL);

	ir_rec_fmt(rec, "id", "url=%s", u->key);
	ir_rec_str(rec, "kind", "url");
	ir_rec_str(rec, "value", u->key);
	ir_rec_strn(rec, "host", u->key, u->host_len);
	ir_rec_str(rec, "path", u->key + u->host_len);
	if (u->cut)
		ir_rec_bool(rec, "path_cut", true);
	ir_rec_str(rec, "known", u->known.name);
	ir_rec_int(rec, "score", s->score);
	ir_rec_str(rec, "verdict", s->verdict);
	set_signals(rec, s->signal, s->n);
	ir_rec_int(rec, "posts", (int64_t)u->posts);
	ir_rec_int(rec, "ok_posts", (int64_t)u->ok);
	set_answers(rec, u);
	ir_rec_int(rec, "peak", s->peak);
	ir_rec_time(rec, "peak_hour", s->peak_hour);
	ir_rec_int(rec, "median", s->median);
	ir_rec_int(rec, "hours", (int64_t)u->hours.n);
	if (u->ok) {
		ir_rec_time(rec, "first", u->first);
		ir_rec_time(rec, "last", u->last);
	}
	set_sources(r, rec, u);
	if (s->has_mail)
		set_mail(r, rec, s);
	set_evidence(r, rec, u);
	return rec;
}

static struct ir_rec *
who_record(const struct run *r, const struct ir_web_who *w)
{
	struct ir_rec *rec = ir_rec_new("form-suspect", NULL), *a, *one;
	const char *kind = w->agent ? "agent" : "client";
	const struct ir_web_agent *agent;
	char net[IR_PREFIX_TEXT];
	const char *value;
	size_t i;

	agent = w->agent ? ir_web_agent_of(r->read.counts, w->key) : NULL;
	value = !w->agent ? ir_web_net_text(w->key, net, sizeof net) :
	    agent ? agent->name : "";
	ir_rec_fmt(rec, "id", "%s=%s", kind, value);
	ir_rec_str(rec, "kind", kind);
	ir_rec_str(rec, "value", value);
	ir_rec_int(rec, "score", w->score);
	ir_rec_str(rec, "verdict", w->verdict);
	set_signals(rec, w->signal, w->n);
	ir_rec_int(rec, "posts", (int64_t)w->posts);
	ir_rec_int(rec, "ok_posts", (int64_t)w->posts);
	ir_rec_int(rec, "logins", (int64_t)w->logins);
	ir_rec_int(rec, "urls", w->urls);
	ir_rec_time(rec, "first", w->first);
	ir_rec_time(rec, "last", w->last);
	a = ir_rec_array();
	for (i = 0; i < 5 && w->top[i]; i++) {
		one = ir_rec_object();
		ir_rec_str(one, "url", w->top[i]->key);
		ir_rec_int(one, "count", w->top_n[i]);
		ir_rec_push(a, one);
	}
	ir_rec_set(rec, "top_urls", a);
	if (w->top[0])
		set_evidence(r, rec, w->top[0]);
	return rec;
}

static void
scope(struct run *r)
{
	const struct ir_web_counts *c = r->read.counts;
	struct ir_rec *s = ir_rec_new("web-scope", "log");

	ir_rec_int(s, "files", (int64_t)(r->files.n + r->mainlogs.n));
	ir_rec_int(s, "files_bad", (int64_t)r->bad);
	ir_rec_int(s, "lines", (int64_t)r->read.lines);
	ir_rec_int(s, "posts", (int64_t)c->posts);
	ir_rec_int(s, "urls", (int64_t)c->nurls);
	ir_rec_int(s, "unread", (int64_t)r->read.unread);
	ir_rec_int(s, "cut", (int64_t)r->read.cut);
	ir_rec_int(s, "clock_steps", (int64_t)c->steps);
	ir_rec_int(s, "outside", (int64_t)r->read.outside);
	ir_rec_int(s, "uncounted", (int64_t)c->uncounted);
	if (c->posts) {
		ir_rec_time(s, "first", c->first);
		ir_rec_time(s, "last", c->last);
	}
	if (r->mails) {
		ir_rec_int(s, "mails", (int64_t)ir_web_mails_count(r->mails,
		    IR_WEB_ANY, INT64_MIN, INT64_MAX - 1));
	}
	ir_out_put(r->out, s);
	if (r->read.odd)
		ir_warn(&r->common, "%zu of the files are no access log",
		    r->read.odd);
}

static void
report(struct run *r)
{
	size_t i;

	r->out = ir_open_output(&r->common, cols);
	for (i = 0; i < r->nscores; i++)
		ir_out_put(r->out, url_record(r, &r->score[i]));
	for (i = 0; i < r->nwhos; i++)
		ir_out_put(r->out, who_record(r, &r->who[i]));
	scope(r);
}

/* --- rules -------------------------------------------------------------- */

static const char *const servers[] = { "fail2ban", "nginx", "apache" };

/* The logs that are still written to. */
static size_t
live_logs(const struct run *r, const char **v, size_t max)
{
	const char *p, *end;
	size_t i, n = 0;

	for (i = 0; i < r->logpath.n && n < max; i++)
		v[n++] = r->logpath.v[i];
	for (i = 0; i < r->files.n && n < max && !r->logpath.n; i++) {
		p = r->files.v[i];
		end = strrchr(p, '.');
		if (*p == '/' && !(end && (strcmp(end, ".gz") == 0 ||
		    strcmp(end, ".zst") == 0 ||
		    (end[1] >= '0' && end[1] <= '9'))))
			v[n++] = p;
	}
	return n;
}

static int
write_rules(struct run *r, struct ir_err *err)
{
	const char *logs[64];
	struct ir_buf b = IR_BUF(4u << 20);
	struct ir_web_rules rules = { .score = r->score, .who = r->who,
		.nwhos = r->nwhos, .allow = r->allow.v, .nallow = r->allow.n,
		.logs = logs };
	size_t n;

	while (strcmp(servers[rules.server], r->rules))
		rules.server++;
	/* a login is closed to guesses by other means: nobody could log in */
	for (n = 0; n < r->nscores; n++)
		if (strcmp(r->score[n].verdict, "brute-force") != 0)
			r->score[rules.nscores++] = r->score[n];
	rules.nlogs = live_logs(r, logs, 64);
	n = ir_web_rules(&rules, &b, &r->rules_refused);
	if (ir_buf_check(&b, "rules", err))
		return -1;
	if (fwrite(ir_buf_cstr(&b), 1, b.len, stdout) != b.len ||
	    fflush(stdout))
		ir_fail(err, IR_IOERR, "standard output was not written");
	ir_buf_free(&b);
	ir_warn(&r->common, "%zu rules, to be read before they are used%s", n,
	    r->rules_refused ? "; some paths were refused" : "");
	return err->code ? -1 : 0;
}

/* --- main --------------------------------------------------------------- */

static void
check_pairs(const struct ir_list *l, const char *option)
{
	const char *eq;
	size_t i;

	for (i = 0; i < l->n; i++) {
		eq = strchr(l->v[i], '=');
		if (!eq || eq == l->v[i] || !eq[1])
			ir_die_usage("--%s=%s: HOST=... is asked for", option,
			    l->v[i]);
	}
}

static void
check_time(const struct run *r, const char *option, const char *text,
    int64_t *t)
{
	if (text && ir_time_when(text, r->now, t))
		ir_die_usage("--%s=%s: neither a time (RFC 3339) nor an age "
		    "(14d)", option, text);
}

static void
check_usage(struct run *r, int n)
{
	char host[128] = "x";
	struct ir_prefix p;
	char *end;
	size_t i;

	r->now = ir_now();
	tzset();	/* later no file of a zone can be opened */
	check_time(r, "since", r->since_text, &r->read.since);
	check_time(r, "until", r->until_text, &r->read.until);
	r->min = 30;
	if (r->min_text) {
		r->min = (int)strtol(r->min_text, &end, 10);
		if (*end || r->min < 0 || r->min > 200)
			ir_die_usage("--min=%s: not a score", r->min_text);
	}
	check_pairs(&r->user, "user");
	check_pairs(&r->root, "root");
	for (i = 0; i < r->allow.n; i++)
		if (ir_prefix_parse(r->allow.v[i], &p))
			ir_die_usage("--allow=%s: not a network",
			    r->allow.v[i]);
	for (i = 0; r->rules && i < 3 && strcmp(servers[i], r->rules); i++)
		continue;
	if (r->rules && i == 3)
		ir_die_usage("--rules=%s: fail2ban, nginx or apache",
		    r->rules);
	if (r->vhost)
		ir_web_host(r->vhost, strlen(r->vhost), host, sizeof host);
	if (!host[0])
		ir_die_usage("--vhost=%s: not a host", r->vhost);
	if (r->threads < 1 || r->threads > IR_WEB_THREADS)
		ir_die_usage("--threads: 1 to %d", IR_WEB_THREADS);
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no log, and standard input is a terminal");
	if (r->common.timeout)
		r->end = ir_mono_ms() + r->common.timeout * 1000;
}

static void
free_run(struct run *r)
{
	size_t i;

	for (i = 0; i < MAIN_LOGS; i++)
		ir_log_close(r->main_in[i]);
	ir_web_counts_free(r->read.counts);
	ir_web_mails_free(r->mails);
	ir_log_files_free(&r->files);
	free(r->owner);
	free(r->score);
	free(r->who);
}

#define OPTS_OWNER(r) \
	{ 0, "mainlog", "FILE", IR_LIST, &(r)->mainlogs, \
	    "Exim's main log: which mail follows; many times" }, \
	{ 0, "user", "HOST=USER", IR_LIST, &(r)->user, \
	    "whose scripts a host runs; many times" }, \
	{ 0, "users", "FILE", IR_STR, &(r)->users, \
	    "the same, lines HOST: USER, as cPanel's /etc/userdomains" }, \
	{ 0, "root", "HOST=DIR", IR_LIST, &(r)->root, \
	    "whose: the owner's of the document root; many times" }, \
	{ 0, "vhost", "HOST", IR_STR, &(r)->vhost, \
	    "host of lines that name none; default: by the log's name" }

int
main(int argc, char **argv)
{
	static struct run r = { .threads = 2 };
	const struct ir_opt opts[] = {
		{ 0, "since", "TIME", IR_STR, &r.since_text,
		    "not before: RFC 3339, or 2d ago" },
		{ 0, "until", "TIME", IR_STR, &r.until_text, "before" },
		{ 0, "min", "SCORE", IR_STR, &r.min_text,
		    "what has less is not shown; default: 30" },
		OPTS_OWNER(&r),
		{ 0, "rules", "SERVER", IR_STR, &r.rules,
		    "print lines for fail2ban, nginx or apache instead" },
		{ 0, "allow", "NET", IR_LIST, &r.allow,
		    "never in a rule: the office, say; many times" },
		{ 0, "logpath", "FILE", IR_LIST, &r.logpath,
		    "what fail2ban is to read; default: the logs" },
		{ 0, "utc", NULL, IR_BOOL, &r.utc,
		    "times of the main log without a zone are UTC" },
		{ 0, "threads", "N", IR_INT, &r.threads,
		    "logs that are read at once; default: 2" },
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, n);
	r.tally = &tally;
	if (read_owners(&r, &err) || open_mails(&r, &err) ||
	    ir_log_files_open(&r.files, argv + 1, (size_t)n, &err) ||
	    read_mails(&r, &err))
		goto out;
	(void)read_logs(&r, &err);
	if (err.code != IR_OSERR && judge(&r, &err) == 0) {
		if (!r.rules)
			report(&r);
		else if (!err.code)
			(void)write_rules(&r, &err);
	}
out:
	free_run(&r);
	return ir_end(&err, r.out, &tally);
}
