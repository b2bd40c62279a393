/*
 * mail-refusals - which providers refuse this host's mail, and why?
 *
 * Reads the logs of Exim or Postfix (files, folders, standard input; plain,
 * gzip, zstd) and a table of what providers say; writes one "mail-refusal"
 * record for each provider and reason, and one "refusal-scope" record of what
 * was read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/text.h"
#include "log/delivery.h"
#include "log/input.h"
#include "log/refusals.h"

#define TABLE_ETC "/etc/quell/refusals.tsv"
#define TABLE_SHIPPED QUELL_DATADIR "/refusals.tsv"
#define KINDS_MAX 20000		/* shapes of replies that are remembered */
#define GROUPS_MAX 3000		/* records; what comes after is counted only */
#define DOMAINS_MAX 200000	/* that are followed */
#define OF_GROUP 64		/* domains that a record keeps */
#define SHOWN 10		/* domains in a record */
#define RECENT 256

/* A domain that mail goes to. */
struct domain {
	char *name;		/* NULL: free */
	int64_t last_ok;
};

struct part {
	size_t domain;
	uint64_t count;
	int64_t last;
};

struct group {
	const struct ir_refusal_provider *provider;
	const struct ir_refusal_rule *rule;	/* NULL: not in the table */
	char list[80], shape[256], id[160];
	uint64_t count, refused, deferred;
	int64_t first, last;
	int code;
	char enhanced[16], host[256];
	struct part part[OF_GROUP];
	size_t nparts;
	bool more_parts;
	char *file, *text;	/* of the last of them */
	uint64_t line;
	/* found out at the end */
	int64_t last_ok;
	bool still;
};

/* A reply that was seen, and where it counts. */
struct kind {
	char *key;		/* NULL: free */
	struct group *group;
};

/* What a host said is told again for the recipient. */
struct recent {
	char id[28];
	const struct group *group;
};

struct run {
	struct ir_common common;
	const char *since_text, *until_text, *table_path;
	struct ir_list classes;
	bool utc;
	int64_t now, since, until;
	int64_t end;		/* monotonic, of --timeout; 0: none */
	struct ir_refusals *table;
	struct ir_log_files list;
	struct ir_out *out;
	struct kind *kind;		/* hash tables */
	struct domain *domain;
	size_t nkinds, ndomains;
	struct group **group;
	size_t ngroups;
	struct recent recent[RECENT];
	uint64_t lines, delivered, refusals, local, uncounted;
	int64_t first, last;
	size_t bad;
};

static const struct ir_cmd cmd = {
	"mail-refusals", "which providers refuse this host's mail, and why?",
	"[options] [log ...]"
};

static const struct ir_col cols[] = {
	{ "name", "PROVIDER" }, { "class", "CLASS" }, { "count", "COUNT" },
	{ "still", "STILL" }, { "last", "LAST" }, { "code", "CODE" },
	{ "enhanced", "STATUS" }, { "blocklist", "LIST" },
	{ "meaning", "MEANING" }, { "todo", "TO DO" },
	{ "contact", "CONTACT" }, { NULL, NULL }
};

/* --- counting ----------------------------------------------------------- */

static uint64_t
hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* Its place; too many of them: none. */
static struct domain *
find_domain(struct run *r, const char *name)
{
	size_t cap = DOMAINS_MAX * 2, i;

	if (!*name)
		return NULL;
	for (i = hash(name) % cap; r->domain[i].name; i = (i + 1) % cap)
		if (strcmp(r->domain[i].name, name) == 0)
			return &r->domain[i];
	if (r->ndomains == DOMAINS_MAX ||
	    !(r->domain[i].name = strdup(name)))
		return NULL;
	r->ndomains++;
	return &r->domain[i];
}

static struct kind *
find_kind(struct run *r, const char *key)
{
	size_t cap = KINDS_MAX * 2, i;

	for (i = hash(key) % cap; r->kind[i].key; i = (i + 1) % cap)
		if (strcmp(r->kind[i].key, key) == 0)
			break;
	return &r->kind[i];
}

static struct group *
same_group(struct run *r, const struct group *g)
{
	size_t i;

	for (i = 0; i < r->ngroups; i++)
		if (strcmp(r->group[i]->id, g->id) == 0 &&
		    strcmp(r->group[i]->shape, g->shape) == 0)
			return r->group[i];
	return NULL;
}

/* Which group a reply belongs to, looked up in the table. */
static struct group *
new_kind(struct run *r, const struct ir_refusal_provider *p,
    const struct ir_delivery *d, const char *shape)
{
	struct group g = { .provider = p }, *known;
	const char *who = p ? p->name : "other";

	g.rule = ir_refusals_match(r->table, p, d, g.list);
	if (g.rule) {
		snprintf(g.id, sizeof g.id, "%s/%.60s%s%s", who, g.rule->id,
		    g.list[0] && strcmp(g.rule->list, "$1") == 0 ? ":" : "",
		    strcmp(g.rule->list, "$1") == 0 ? g.list : "");
	} else {
		snprintf(g.shape, sizeof g.shape, "%.255s", shape);
		g.shape[ir_text_cut(g.shape, strlen(g.shape), 250)] = '\0';
		snprintf(g.id, sizeof g.id, "%s/unknown-%d-%08x", who,
		    d->code, (unsigned)hash(shape));
	}
	known = same_group(r, &g);
	if (known || r->ngroups == GROUPS_MAX)
		return known;
	known = malloc(sizeof *known);
	if (known) {
		*known = g;
		r->group[r->ngroups++] = known;
	}
	return known;
}

static struct group *
find_group(struct run *r, const struct ir_delivery *d)
{
	const struct ir_refusal_provider *p = ir_refusals_provider(r->table,
	    d->host, d->domain);
	struct ir_buf key = IR_BUF(4096);
	struct group *g = NULL;
	struct kind *k;
	size_t at;

	ir_buf_fmt(&key, "%s %d %s ", p ? p->name : "", d->code, d->enhanced);
	at = key.len;
	ir_refusal_shape(d->text, &key);
	if (key.bad)
		goto out;
	k = find_kind(r, ir_buf_cstr(&key));
	if (k->key) {
		g = k->group;
		goto out;
	}
	g = new_kind(r, p, d, ir_buf_cstr(&key) + at);
	/* a list's name may be gone from the shape: looked at each time */
	if (g && r->nkinds < KINDS_MAX &&
	    !(g->rule && strcmp(g->rule->list, "$1") == 0)) {
		k->key = ir_buf_take(&key);
		k->group = g;
		r->nkinds += k->key != NULL;
	}
out:
	ir_buf_free(&key);
	return g;
}

static void
count_domain(struct run *r, struct group *g, const struct ir_delivery *d)
{
	struct domain *dom = find_domain(r, d->domain);
	size_t at = dom ? (size_t)(dom - r->domain) : 0, i;

	if (!dom) {
		g->more_parts |= d->domain[0] != '\0';
		return;
	}
	for (i = 0; i < g->nparts && g->part[i].domain != at; i++)
		continue;
	if (i == OF_GROUP) {
		g->more_parts = true;
		return;
	}
	if (i == g->nparts)
		g->part[g->nparts++] = (struct part){ at, 0, 0 };
	g->part[i].count++;
	if (d->time > g->part[i].last)
		g->part[i].last = d->time;
}

/* Did the line before say this of the host, for the same message? */
static bool
told_before(struct run *r, const struct group *g, const struct ir_delivery *d)
{
	struct recent *v = &r->recent[hash(d->id) % RECENT];
	bool same = d->id[0] && v->group == g && strcmp(v->id, d->id) == 0;

	if (d->kind == IR_HOST_REFUSED) {
		memcpy(v->id, d->id, sizeof v->id);
		v->group = g;
	} else if (same) {
		v->group = NULL;
	}
	return same;
}

static void
set(char **to, const char *s)
{
	free(*to);
	*to = strdup(s);
}

static void
count_refusal(struct run *r, struct group *g, const struct ir_delivery *d,
    const char *file, uint64_t line)
{
	bool again = told_before(r, g, d);

	g->count += !again;
	r->refusals += !again;
	g->refused += d->kind == IR_REFUSED;
	g->deferred += d->kind != IR_REFUSED && !again;
	if (!g->first || d->time < g->first)
		g->first = d->time;
	count_domain(r, g, d);
	if (d->time < g->last)
		return;
	g->last = d->time;
	g->code = d->code;
	memcpy(g->enhanced, d->enhanced, sizeof g->enhanced);
	if (d->host[0])
		memcpy(g->host, d->host, sizeof g->host);
	if (!again || !g->text) {
		g->line = line;
		set(&g->file, file);
		set(&g->text, d->text);
	}
}

static void
take_line(struct run *r, const char *p, size_t n,
    const struct ir_delivery_clock *clock, const char *file, uint64_t line)
{
	static struct ir_delivery d;
	struct domain *dom;
	struct group *g;
	int what = ir_delivery_parse(p, n, clock, &d);

	if (what == 0 || (r->since && d.time < r->since) ||
	    (r->until && d.time >= r->until))
		return;
	if (!r->first || d.time < r->first)
		r->first = d.time;
	if (d.time > r->last)
		r->last = d.time;
	if (what == 2) {
		r->local++;
		return;
	}
	if (d.kind == IR_DELIVERED) {
		r->delivered++;
		dom = find_domain(r, d.domain);
		if (dom && d.time > dom->last_ok)
			dom->last_ok = d.time;
		return;
	}
	g = find_group(r, &d);
	if (g)
		count_refusal(r, g, &d, file, line);
	else
		r->uncounted++;
}

/* --- files -------------------------------------------------------------- */

/* The clock is looked at now and then only. */
static bool
over(const struct run *r, uint64_t line)
{
	return ir_stopped() || (r->end && line % 1024 == 0 &&
	    ir_mono_ms() > r->end);
}

/* 0 to its end, 1 not, for it is over; -1. */
static int
read_file(struct run *r, const char *path, struct ir_err *err)
{
	struct ir_delivery_clock clock = { r->now, r->utc };
	struct ir_log_input *in = NULL;
	uint64_t line = 0;
	struct stat st;
	const char *p;
	size_t n;
	int rc = 1;

	/* a year that a log leaves out is that of its last change */
	if (strcmp(path, "-") && stat(path, &st) == 0)
		clock.now = st.st_mtime;
	if (ir_log_open(&in, path, err))
		return -1;
	while (!over(r, line) &&
	    (rc = ir_log_line(in, &p, &n, NULL, err)) > 0)
		take_line(r, p, n, &clock, ir_log_name(in), ++line);
	r->lines += line;
	ir_log_close(in);
	return rc;
}

/* What is wrong with one file does not hide the others. */
static int
read_files(struct run *r, struct ir_tally *tally, struct ir_err *err)
{
	int64_t began = ir_mono_ms();
	struct ir_err one;
	size_t i;
	int rc;

	r->end = r->common.timeout ? began + r->common.timeout * 1000 : 0;
	for (i = 0; i < r->list.n; i++) {
		one = (struct ir_err)IR_ERR_INIT;
		ir_progress(&r->common, "files", i, r->list.n, began);
		rc = read_file(r, r->list.v[i], &one);
		if (rc)
			ir_progress_end();
		if (rc > 0)
			return ir_fail(err, IR_TEMPFAIL, "%zu of %zu files "
			    "were not read to the end", r->list.n - i,
			    r->list.n);
		if (rc < 0) {
			ir_warn(&r->common, "%s", one.msg);
			r->bad++;
		}
		ir_tally_add(tally, one.code);
	}
	ir_progress_end();
	return 0;
}

/* --- the table ---------------------------------------------------------- */

/* 1 when read, 0 when there is none, -1. */
static int
read_table(struct run *r, const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_REFUSALS_BYTES);
	int rc;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	rc = ir_buf_read_file(&b, path, err);
	if (rc == 0)
		rc = ir_refusals_add(r->table, ir_buf_cstr(&b), b.len, path,
		    err);
	ir_buf_free(&b);
	return rc ? -1 : 1;
}

/* The table that came with this program, or lies beside its source. */
static int
read_shipped(struct run *r, struct ir_err *err)
{
	static const char *const near[] = { "../../", "../../../" };
	char exe[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	int rc = 0;
	size_t i;

	exe[n < 0 ? 0 : n] = '\0';
	for (i = 0; i < 2 && rc == 0 && strrchr(exe, '/'); i++) {
		snprintf(path, sizeof path, "%.*s%slib/log/refusals.tsv",
		    (int)(strrchr(exe, '/') + 1 - exe), exe, near[i]);
		rc = read_table(r, path, err);
	}
	return rc ? rc : read_table(r, TABLE_SHIPPED, err);
}

/* Its own table adds to the one that ships, and comes before it. */
static int
read_tables(struct run *r, struct ir_err *err)
{
	int rc;

	r->table = ir_refusals_new();
	r->kind = calloc(KINDS_MAX * 2, sizeof *r->kind);
	r->domain = calloc(DOMAINS_MAX * 2, sizeof *r->domain);
	r->group = calloc(GROUPS_MAX, sizeof(struct group *));
	if (!r->table || !r->kind || !r->domain || !r->group)
		return ir_fail(err, IR_OSERR, "no memory");
	rc = read_shipped(r, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		ir_warn(&r->common, TABLE_SHIPPED ": not there: no reply is "
		    "known");
	rc = read_table(r, r->table_path ? r->table_path : TABLE_ETC, err);
	if (rc == 0 && r->table_path)
		return ir_fail(err, IR_NOINPUT, "%s: no such file",
		    r->table_path);
	return rc < 0 ? -1 : 0;
}

/* --- what was found ----------------------------------------------------- */

static int
class_rank(const struct group *g)
{
	static const char *const classes[] = { IR_REFUSAL_CLASSES };
	int i, n = (int)(sizeof classes / sizeof *classes);

	for (i = 0; g->rule && i < n; i++)
		if (strcmp(g->rule->class, classes[i]) == 0)
			return strcmp(classes[i], "user") ? i : n;
	return g->rule ? n : 2;
}

/* What still happens first, then what is worse, then what is more. */
static int
by_weight(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a;
	const struct group *y = *(struct group *const *)b;

	if (x->still != y->still)
		return x->still ? -1 : 1;
	if (class_rank(x) != class_rank(y))
		return class_rank(x) - class_rank(y);
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->id, y->id);
}

static int
by_count(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

/*
 * It still happens while nothing has been delivered to one of its domains
 * since.  Of what only a host said, no domain is known.
 */
static void
find_still(const struct run *r, struct group *g)
{
	const struct domain *d;
	size_t i;

	g->still = g->nparts == 0;
	for (i = 0; i < g->nparts; i++) {
		d = &r->domain[g->part[i].domain];
		if (d->last_ok <= g->part[i].last)
			g->still = true;
		if (d->last_ok > g->last_ok)
			g->last_ok = d->last_ok;
	}
	qsort(g->part, g->nparts, sizeof *g->part, by_count);
}

/* The text of a log, with the people in it left out. */
static void
set_sample(struct ir_rec *r, const struct group *g)
{
	struct ir_rec *s = ir_rec_object();
	struct ir_buf b = IR_BUF(1 << 16);
	const char *p = g->text ? g->text : "";
	size_t n;

	while (*p) {
		n = strcspn(p, " <>()[]:;,\"'@");
		if (n && p[n] == '@')
			ir_buf_str(&b, "***");
		else
			ir_buf_add(&b, p, n);
		p += n;
		if (*p)
			ir_buf_chr(&b, *p++);
	}
	ir_rec_str(s, "file", g->file);
	ir_rec_int(s, "line", (int64_t)g->line);
	ir_rec_str(s, "text", ir_buf_cstr(&b));
	ir_rec_set(r, "sample", s);
	ir_buf_free(&b);
}

static void
set_domains(const struct run *run, struct ir_rec *r, const struct group *g)
{
	struct ir_rec *a = ir_rec_array(), *one;
	size_t i;

	for (i = 0; i < g->nparts && i < SHOWN; i++) {
		one = ir_rec_object();
		ir_rec_str(one, "domain",
		    run->domain[g->part[i].domain].name);
		ir_rec_int(one, "count", (int64_t)g->part[i].count);
		ir_rec_push(a, one);
	}
	ir_rec_set(r, "domains", a);
	ir_rec_int(r, "domains_total", (int64_t)g->nparts);
	if (g->more_parts)
		ir_rec_bool(r, "domains_more", true);
}

static struct ir_rec *
record(const struct run *run, const struct group *g)
{
	const struct ir_refusal_provider *p = g->provider;
	const struct ir_refusal_rule *rule = g->rule;
	struct ir_rec *r = ir_rec_new("mail-refusal", g->id);
	const char *contact = rule && *rule->contact ? rule->contact :
	    p ? p->contact : "";

	ir_rec_str(r, "provider", p ? p->name : "other");
	ir_rec_str(r, "name", p ? p->title : "other servers");
	ir_rec_str(r, "reason", rule ? rule->id : "unknown");
	ir_rec_str(r, "class", rule ? rule->class : "unknown");
	ir_rec_str(r, "meaning", rule ? rule->meaning : g->shape);
	if (g->list[0])
		ir_rec_str(r, "blocklist", g->list);
	if (g->code)
		ir_rec_int(r, "code", g->code);
	if (g->enhanced[0])
		ir_rec_str(r, "enhanced", g->enhanced);
	ir_rec_int(r, "count", (int64_t)g->count);
	ir_rec_int(r, "refused", (int64_t)g->refused);
	ir_rec_int(r, "deferred", (int64_t)g->deferred);
	ir_rec_time(r, "first", g->first);
	ir_rec_time(r, "last", g->last);
	if (g->last_ok)
		ir_rec_time(r, "last_delivered", g->last_ok);
	ir_rec_bool(r, "still", g->still);
	ir_rec_str(r, "host", g->host[0] ? g->host : NULL);
	set_domains(run, r, g);
	set_sample(r, g);
	ir_rec_str(r, "todo", rule && *rule->todo ? rule->todo : NULL);
	ir_rec_str(r, "contact", *contact ? contact : NULL);
	ir_rec_str(r, "asks", p && *p->asks ? p->asks : NULL);
	return r;
}

static bool
wanted(const struct run *r, const struct group *g)
{
	const char *class = g->rule ? g->rule->class : "unknown";
	size_t i;

	for (i = 0; i < r->classes.n; i++)
		if (strcmp(r->classes.v[i], class) == 0)
			return true;
	return r->classes.n == 0;
}

static void
report(struct run *r)
{
	struct ir_rec *s = ir_rec_new("refusal-scope", "log");
	size_t i;

	for (i = 0; i < r->ngroups; i++)
		find_still(r, r->group[i]);
	if (r->ngroups)
		qsort(r->group, r->ngroups, sizeof *r->group, by_weight);
	for (i = 0; i < r->ngroups; i++)
		if (wanted(r, r->group[i]))
			ir_out_put(r->out, record(r, r->group[i]));
	ir_rec_int(s, "files", (int64_t)r->list.n);
	ir_rec_int(s, "files_bad", (int64_t)r->bad);
	ir_rec_int(s, "lines", (int64_t)r->lines);
	ir_rec_int(s, "delivered", (int64_t)r->delivered);
	ir_rec_int(s, "refusals", (int64_t)r->refusals);
	ir_rec_int(s, "uncounted", (int64_t)r->uncounted);
	ir_rec_int(s, "not_sent", (int64_t)r->local);
	if (r->last) {
		ir_rec_time(s, "first", r->first);
		ir_rec_time(s, "last", r->last);
	}
	ir_out_put(r->out, s);
	if (r->lines && !r->last)
		ir_warn(&r->common, "no line says what became of a message: "
		    "is it the log of an MTA?");
}

static void
check_usage(struct run *r, int n)
{
	static const char *const classes[] = { IR_REFUSAL_CLASSES,
		"unknown" };
	size_t i, k, all = sizeof classes / sizeof *classes;

	r->now = ir_now();
	tzset();	/* later no file of a zone can be opened */
	if (r->since_text && ir_time_when(r->since_text, r->now, &r->since))
		ir_die_usage("--since=%s: neither a time (RFC 3339) nor an "
		    "age (14d)", r->since_text);
	if (r->until_text && ir_time_when(r->until_text, r->now, &r->until))
		ir_die_usage("--until=%s: neither a time (RFC 3339) nor an "
		    "age (14d)", r->until_text);
	for (i = 0; i < r->classes.n; i++) {
		for (k = 0; k < all && strcmp(r->classes.v[i], classes[k]);
		    k++)
			continue;
		if (k == all)
			ir_die_usage("--class=%s: no such class",
			    r->classes.v[i]);
	}
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no log, and standard input is a terminal");
}

static void
free_run(struct run *r)
{
	size_t i;

	for (i = 0; i < r->ngroups; i++) {
		free(r->group[i]->file);
		free(r->group[i]->text);
		free(r->group[i]);
	}
	for (i = 0; r->kind && i < KINDS_MAX * 2; i++)
		free(r->kind[i].key);
	for (i = 0; r->domain && i < DOMAINS_MAX * 2; i++)
		free(r->domain[i].name);
	free(r->group);
	free(r->kind);
	free(r->domain);
	ir_log_files_free(&r->list);
	ir_refusals_free(r->table);
}

int
main(int argc, char **argv)
{
	static struct run r;
	const struct ir_opt opts[] = {
		{ 0, "since", "TIME", IR_STR, &r.since_text,
		    "not before: RFC 3339, or 2d ago" },
		{ 0, "until", "TIME", IR_STR, &r.until_text, "before" },
		{ 0, "class", "CLASS", IR_LIST, &r.classes,
		    "only these: ip-blocked, auth, ...; many times" },
		{ 0, "table", "FILE", IR_STR, &r.table_path,
		    "more of what providers say; default: " TABLE_ETC },
		{ 0, "utc", NULL, IR_BOOL, &r.utc,
		    "times without a zone are UTC; default: this host's" },
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, n);
	if (read_tables(&r, &err) ||
	    ir_log_files_open(&r.list, argv + 1, (size_t)n, &err))
		goto out;
	r.out = ir_open_output(&r.common, cols);
	(void)read_files(&r, &tally, &err);
	report(&r);
out:
	free_run(&r);
	return ir_end(&err, r.out, &tally);
}
