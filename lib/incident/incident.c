/* incident.c - see incident.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/cli.h"
#include "../core/file.h"
#include "../core/text.h"
#include "../report/facts.h"
#include "incident.h"
#include "join.h"
#include "journal.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

const char *
ir_report_str(const struct ir_rec *report, const char *path)
{
	char deep[128];
	const char *s = ir_rec_get(report, path);

	if (!s) {
		snprintf(deep, sizeof deep, "%s.value", path);
		s = ir_rec_get(report, deep);
	}
	return s && *s ? s : NULL;
}

int
ir_report_next(struct ir_in *in, struct ir_rec **report, struct ir_err *err)
{
	const char *type;
	int rc;

	while ((rc = ir_in_next(in, report, err)) == 1) {
		type = ir_rec_get(*report, "type");
		if (type && strcmp(type, "report") == 0)
			return 1;
		ir_rec_free(*report);
		*report = NULL;
		if (!type)
			return ir_fail(err, IR_DATAERR,
			    "%s: not a report record", ir_in_where(in));
	}
	return rc;
}

struct ir_rec *
ir_report_read(struct ir_err *err)
{
	struct ir_in *in = ir_in_open(NULL, 0, err);
	struct ir_rec *report = NULL, *second = NULL;
	int rc = in ? ir_report_next(in, &report, err) : -1;

	if (rc == 0)
		rc = ir_fail(err, IR_DATAERR, "no report on standard input");
	else if (rc == 1 && (rc = ir_report_next(in, &second, err)) == 1)
		rc = ir_fail(err, IR_DATAERR,
		    "%s: a second report: one at a time", ir_in_where(in));
	ir_rec_free(second);
	ir_in_close(in);
	if (rc == 0)
		return report;
	ir_rec_free(report);
	return NULL;
}

int
ir_incident_key(const struct ir_rec *report, char key[96], struct ir_err *err)
{
	const char *s = ir_report_str(report, "case");
	const char *provider = ir_report_str(report, "provider");

	if (!s)
		s = ir_rec_get(report, "id");
	if (!s)		/* what the journal keeps of it */
		s = ir_rec_get(report, "report");
	if (!s || !*s)
		return ir_fail(err, IR_DATAERR,
		    "the report has neither a case nor an id");
	snprintf(key, 96, "%.16s:%.*s", provider ? provider : "aws",
	    (int)(ir_case_root(s) < 63 ? ir_case_root(s) : 63), s);
	return 0;
}

void
ir_report_notice(const struct ir_rec *report, char notice[65])
{
	static const char *const parts[] = { "id", "case", "stage", "due" };
	const char *s = ir_report_str(report, "message_id");
	const char *base = ir_rec_get(report, "provenance.received.source");
	const char *version = ir_report_str(report, "event_version");
	size_t i, n = sizeof parts / sizeof *parts;
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);

	/* a time limit that counts from now differs each time */
	if (base && strcmp(base, "default") == 0)
		n--;
	for (i = 0; i < (s ? 1 : n); i++) {
		ir_buf_str(&b, s ? s : ir_report_str(report, parts[i]) ?
		    ir_report_str(report, parts[i]) : "");
		ir_buf_chr(&b, '\n');
	}
	/* an event comes again with each update, and page by page */
	if (!s && version)
		ir_buf_fmt(&b, "%s\n%lld\n", version,
		    (long long)ir_rec_get_int(report, "page", 0));
	ir_sha256_hex(ir_buf_cstr(&b), b.len, notice);
	ir_buf_free(&b);
}

int
ir_incident_root(char *path, size_t size, struct ir_err *err)
{
	const char *s = getenv("QUELL_INCIDENTS");
	char state[PATH_MAX];

	if (s && *s)
		snprintf(state, sizeof state, "%s", s);
	else if (ir_state_name(state, sizeof state, err))
		return -1;
	if ((size_t)snprintf(path, size, "%s%s", state, s && *s ? "" :
	    "/incidents") >= size)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", state);
	return 0;
}

static int
is_incident(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int
ir_incident_each(const char *root, int (*fn)(const char *, void *), void *arg,
    struct ir_err *err)
{
	struct dirent **list;
	char path[PATH_MAX];
	struct stat st;
	int n, i, rc = 0;

	n = scandir(root, &list, is_incident, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT),
		    errno, "%s", root);
	for (i = 0; i < n; i++) {
		if (rc == 0 && (size_t)snprintf(path, sizeof path,
		    "%s/%s/journal.jsonl", root, list[i]->d_name) <
		    sizeof path && stat(path, &st) == 0) {
			*strrchr(path, '/') = '\0';
			rc = fn(path, arg);
		}
		free(list[i]);
	}
	free(list);
	return rc;
}

struct ir_rec *
ir_incident_report(const char *dir, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_rec *r = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/report.json", dir);
	if (ir_buf_read_kept(&b, path, err) == 0) {
		r = ir_rec_parse(ir_buf_cstr(&b), b.len, err);
		if (!r)
			ir_fail_prefix(err, "%s", path);
	}
	ir_buf_free(&b);
	return r;
}

/* --- the reports of an incident ------------------------------------------ */

struct reports {
	const char *dir, *which;
	size_t number, n, at;	/* wanted by number or 0; so far; found */
	char file[128];		/* the last "evidence/NNNN-report.json" */
	char sha256[65];	/* of that file */
	struct ir_rec *found;
	struct ir_err *err;
};

static bool
is_wanted(const struct reports *s, const struct ir_rec *data)
{
	const char *id = ir_rec_get(data, "case");
	const char *mid = ir_rec_get(data, "message_id");
	size_t root = id ? ir_case_root(id) : 0;

	if (s->number || !s->which)
		return s->n == (s->number ? s->number : 1);
	return (mid && strcmp(mid, s->which) == 0) ||
	    (id && (strcmp(id, s->which) == 0 ||
	    (strlen(s->which) == root && strncmp(id, s->which, root) == 0)));
}

/* The record in a file of the folder: it is the one of that line. */
static int
take_report(struct reports *s, const struct ir_rec *data)
{
	const char *want = s->n == 1 ? ir_rec_get(data, "report_sha256") :
	    s->sha256, *key = ir_rec_get(data, "key");
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_rec *r = NULL;
	char path[PATH_MAX], hash[65], has[96];

	snprintf(path, sizeof path, "%s/%s", s->dir, s->n == 1 ?
	    "report.json" : s->file);
	if (ir_buf_read_kept(&b, path, s->err) == 0)
		r = ir_rec_parse(ir_buf_cstr(&b), b.len, s->err);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hash);
	ir_buf_free(&b);
	if (!r)
		return -1;
	if ((want && strcmp(hash, want) != 0) || (key &&
	    (ir_incident_key(r, has, NULL) || strcmp(key, has) != 0))) {
		ir_rec_free(r);
		return ir_fail(s->err, IR_DATAERR,
		    "%s: not the report that the journal tells of", path);
	}
	ir_rec_free(s->found);
	s->found = r;
	s->at = s->n;
	return 0;
}

static int
seek_report(const struct ir_rec *line, void *arg)
{
	static const char end[] = "-report.json";
	struct reports *s = arg;
	const char *event = ir_rec_get(line, "event");
	const char *file = ir_rec_get(line, "data.file");
	size_t n = file ? strlen(file) : 0;

	if (!event)
		return 0;
	if (strcmp(event, "evidence.added") == 0 && n >= sizeof end - 1 &&
	    strcmp(file + n - (sizeof end - 1), end) == 0 &&
	    strncmp(file, "evidence/", 9) == 0 && !strchr(file + 9, '/')) {
		snprintf(s->file, sizeof s->file, "%s", file);
		snprintf(s->sha256, sizeof s->sha256, "%s",
		    ir_rec_get(line, "data.sha256") ?
		    ir_rec_get(line, "data.sha256") : "");
	}
	if (strcmp(event, "incident.opened") != 0 &&
	    strcmp(event, "report.merged") != 0)
		return 0;
	s->n++;
	return is_wanted(s, ir_rec_at(line, "data")) ?
	    take_report(s, ir_rec_at(line, "data")) : 0;
}

struct ir_rec *
ir_incident_report_of(const char *dir, const char *which, size_t *number,
    struct ir_err *err)
{
	struct reports s = { .dir = dir, .which = which, .err = err };
	int rc;

	/* a case has more digits */
	if (which && which[0] && strlen(which) <= 6 &&
	    strspn(which, DIGITS) == strlen(which))
		s.number = (size_t)strtoul(which, NULL, 10);
	rc = ir_journal_each(dir, seek_report, &s, err);
	if (rc == 0 && !s.found)
		rc = ir_fail(err, IR_NOINPUT, "%s: none of its %zu reports is "
		    "%s", dir, s.n, which ? which : "the first");
	if (rc) {
		ir_rec_free(s.found);
		return NULL;
	}
	*number = s.at;
	return s.found;
}

/* --- opening ------------------------------------------------------------ */

/* "2026-11-21T150211Z-aws-12345678901" */
static int
folder_name(const char *root, const char *key, int64_t now, char *dir,
    struct ir_err *err)
{
	char stamp[IR_TIME_LEN], name[96], hash[65], *p, *q;

	ir_time_rfc3339(now, stamp);
	for (p = q = stamp; *p; p++)
		if (*p != ':')
			*q++ = *p;
	*q = '\0';
	/* an id without a case begins with its provider already */
	snprintf(name, sizeof name, "%s", strncmp(key, "aws:aws-", 8) ? key :
	    key + 4);
	if ((p = strchr(name, ':')))
		*p = '-';
	if (name[strspn(name, LETTERS DIGITS "-")] || strlen(name) > 40) {
		ir_sha256_hex(key, strlen(key), hash);
		snprintf(name, sizeof name, "report-%.12s", hash);
	}
	if ((size_t)snprintf(dir, PATH_MAX, "%s/%s-%s", root, stamp, name) >=
	    PATH_MAX)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", root);
	return 0;
}

bool
ir_resource_word(const struct ir_rec *resource, char word[256])
{
	const char *id = ir_rec_cstr(resource), *kind = NULL;

	if (!id) {
		id = ir_rec_get(resource, "id");
		kind = ir_rec_get(resource, "kind");
	}
	if (!id || !*id)
		return false;
	snprintf(word, 256, "%.40s %.200s", kind ? kind : "", id);
	return true;
}

/* What the journal keeps of a report: never a word of the complaint in it. */
static struct ir_rec *
digest(const struct ir_rec *report)
{
	static const char *const keep[] = { "provider", "case", "account",
	    "region", "stage", "due", "extended", "message_id", "channel",
	    "authentic", "copy_sha256" };
	const struct ir_rec *list = ir_rec_at(report, "resources");
	struct ir_rec *d = ir_rec_object(), *words = ir_rec_array();
	char notice[65], word[256], key[96];
	const char *s;
	size_t i;

	ir_report_notice(report, notice);
	ir_rec_str(d, "report", ir_rec_get(report, "id"));
	ir_rec_str(d, "notice", notice);
	if (ir_incident_key(report, key, NULL) == 0)
		ir_rec_str(d, "key", key);
	for (i = 0; i < ir_rec_len(list) && i < IR_FACT_RESOURCES; i++)
		if (ir_resource_word(ir_rec_item(list, i), word))
			ir_rec_push_str(words, word);
	ir_rec_set(d, "resources", words);
	for (i = 0; i < sizeof keep / sizeof *keep; i++)
		if ((s = ir_report_str(report, keep[i])))
			ir_rec_str(d, keep[i], s);
	ir_rec_bool(d, "urgent", ir_rec_get_bool(report, "urgent", false));
	return d;
}

static int
keep_evidence(struct ir_journal *j, const struct ir_incident_new *n,
    struct ir_err *err)
{
	if (!n->evidence_name)
		return 0;
	return ir_journal_evidence(j, n->evidence_name, n->evidence,
	    n->evidence_len, err);
}

static int
is_opened(const struct ir_rec *line, void *arg)
{
	const char *event = ir_rec_get(line, "event");

	(void)arg;
	return event && strcmp(event, "incident.opened") == 0;
}

/* An empty journal, or one that an earlier try left. */
static int
begin_journal(struct ir_journal **j, const char *dir, const char *from,
    struct ir_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	if (access(path, F_OK) && ir_journal_create(dir, err))
		return -1;
	return ir_journal_open(j, dir, from, err);
}

/* Where the clock of the wall stood: for who reads the times later. */
static void
put_zone(struct ir_rec *data, int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm;
	long min;

	if (!localtime_r(&t, &tm))
		return;
	min = labs(tm.tm_gmtoff) / 60;
	ir_rec_fmt(data, "zone", "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+',
	    min / 60, min % 60);
	ir_rec_str(data, "zone_name", tm.tm_zone);
}

/*
 * Everything in the new folder.  The report comes last: a folder without it
 * is no incident yet, and the next try goes on where this one ended.
 */
static int
furnish(const char *dir, const struct ir_incident_new *n,
    const struct ir_rec *report, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_journal *j = NULL;
	struct ir_rec *data;
	char path[PATH_MAX], hash[65];
	int rc = -1, opened;

	ir_rec_json(report, &b);
	ir_buf_chr(&b, '\n');
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hash);
	if (ir_buf_check(&b, "report", err) ||
	    begin_journal(&j, dir, n->from, err) ||
	    ir_journal_path(j, "report.json", path, err))
		goto out;
	opened = ir_journal_each(dir, is_opened, NULL, err);
	if (opened < 0)
		goto out;
	if (!opened) {
		data = digest(report);
		ir_rec_str(data, "version", ir_version());
		ir_rec_bool(data, "with_evidence", n->evidence_name);
		put_zone(data, n->now);
		ir_rec_str(data, "report_sha256", hash);
		if (ir_journal_add(j, "incident.opened", data, err))
			goto out;
	}
	if (keep_evidence(j, n, err) == 0)
		rc = ir_file_replace(path, b.data, b.len, 0400, err);
out:
	ir_journal_close(j);
	ir_buf_free(&b);
	return rc;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
create(const char *root, const char *dir, const struct ir_incident_new *n,
    const struct ir_rec *report, struct ir_err *err)
{
	char tmp[PATH_MAX];
	struct stat st;

	if (stat(dir, &st) == 0)	/* a folder that the caller made */
		return furnish(dir, n, report, err) ? -1 : 1;
	if ((size_t)snprintf(tmp, sizeof tmp, "%s/.opening-XXXXXX", root) >=
	    sizeof tmp)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", root);
	if (!mkdtemp(tmp))
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", root);
	if (furnish(tmp, n, report, err))
		goto fail;
	if (rename(tmp, dir)) {
		ir_fail_errno(err, IR_CANTCREAT, errno, "%s", dir);
		goto fail;
	}
	if (ir_fsync_dir_of(dir))
		return ir_fail_errno(err, IR_IOERR, errno, "%s", root);
	return 1;
fail:
	/* only what was made here, moments ago */
	nftw(tmp, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return -1;
}

/* How far it is known who wrote it. */
static int
rank(const char *authentic)
{
	return !authentic ? 0 : strcmp(authentic, "pass") == 0 ? 2 :
	    strcmp(authentic, "fail") != 0;
}

/* What of the notice is in the journal already. */
struct before {
	char notice[65];
	const char *copy;	/* what all copies of it have; or NULL */
	int rank;		/* of the best copy; -1: there is none */
};

static int
same_notice(const struct ir_rec *line, void *arg)
{
	struct before *b = arg;
	const char *event = ir_rec_get(line, "event");
	const char *id = ir_rec_get(line, "data.notice");
	const char *copy = ir_rec_get(line, "data.copy_sha256");
	int r = rank(ir_rec_get(line, "data.authentic"));

	if (!event || (strcmp(event, "incident.opened") != 0 &&
	    strcmp(event, "report.merged") != 0))
		return 0;
	if (copy && b->copy && strcmp(copy, b->copy) == 0 && r > b->rank)
		b->rank = r;
	return id && strcmp(id, b->notice) == 0;
}

/*
 * 1 when the incident, or one that was merged into it, has the notice, or a
 * copy that is as good as this one; *again when it has one, not so sure.
 */
static int
had_before(const char *dir, const struct ir_rec *report, bool *again,
    struct ir_err *err)
{
	struct before b = { .copy = ir_report_str(report, "copy_sha256"),
		.rank = -1 };
	struct ir_rec *family = ir_incident_family(dir, err);
	int rc = family ? 0 : -1;
	size_t i;

	ir_report_notice(report, b.notice);
	for (i = 0; rc == 0 && i < ir_rec_len(family); i++)
		rc = ir_journal_each(ir_rec_cstr(ir_rec_item(family, i)),
		    same_notice, &b, err);
	ir_rec_free(family);
	/* what looked forged started no clock: the true one is news */
	*again = b.rank > 0;
	if (rc == 0 && b.rank >= rank(ir_report_str(report, "authentic")))
		rc = 1;
	return rc;
}

static int
merge(const char *dir, struct ir_incident_new *n, const struct ir_rec *report,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_rec *data;
	struct ir_journal *j;
	bool again;
	int rc;

	rc = had_before(dir, report, &again, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (ir_journal_open(&j, dir, n->from, err))
		return -1;
	ir_rec_json(report, &b);
	ir_buf_chr(&b, '\n');
	rc = -1;
	if (ir_buf_check(&b, "report", err) == 0 &&
	    keep_evidence(j, n, err) == 0 &&
	    ir_journal_evidence(j, "report.json", b.data, b.len, err) == 0) {
		data = digest(report);
		ir_rec_str(data, "by", n->by);
		if (again)
			ir_rec_bool(data, "again", true);
		ir_rec_bool(data, "with_evidence", n->evidence_name);
		rc = ir_journal_add(j, "report.merged", data, err);
	}
	n->merged = rc == 0;
	ir_buf_free(&b);
	ir_journal_close(j);
	return rc;
}

/* The folder that holds dir. */
static int
parent_of(const char *dir, char *root, struct ir_err *err)
{
	char *slash;
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n >= PATH_MAX || n == 0)
		return ir_fail(err, IR_CANTCREAT, "%s: bad folder name", dir);
	snprintf(root, PATH_MAX, "%.*s", (int)n, dir);
	slash = strrchr(root, '/');
	if (!slash)
		snprintf(root, PATH_MAX, ".");
	else
		slash[slash == root] = '\0';
	return 0;
}

/* The folder that the caller names; not one that is another incident's. */
static int
given_name(const char *name, char *dir, struct ir_err *err)
{
	char report[PATH_MAX], journal[PATH_MAX];
	size_t n = strlen(name);

	while (n > 1 && name[n - 1] == '/')
		n--;
	if (n >= PATH_MAX - 32)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", name);
	snprintf(dir, PATH_MAX, "%.*s", (int)n, name);
	snprintf(report, sizeof report, "%.*s/report.json", (int)n, name);
	snprintf(journal, sizeof journal, "%.*s/journal.jsonl", (int)n, name);
	if (access(report, F_OK) == 0 && access(journal, F_OK) == 0)
		return ir_fail(err, IR_CANTCREAT,
		    "%s: an incident of another case is there", name);
	return 0;
}

int
ir_incident_open(struct ir_incident_new *n, const struct ir_rec *report,
    char *dir, struct ir_err *err)
{
	char root[PATH_MAX], key[96];
	int lock, rc;

	n->by = NULL;
	n->merged = false;
	if (ir_incident_key(report, key, err) ||
	    (n->dir ? parent_of(n->dir, root, err) :
	    ir_incident_root(root, sizeof root, err)) ||
	    ir_mkdirs(root, 0700, err))
		return -1;
	lock = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX)) {
		ir_fail_errno(err, IR_CANTCREAT, errno, "%s: lock", root);
		rc = -1;
		goto out;
	}
	rc = ir_incident_join(root, report, n->now, dir, &n->by, err);
	if (rc == 1) {
		rc = merge(dir, n, report, err);
	} else if (rc == 0) {
		if (n->dir)
			rc = given_name(n->dir, dir, err);
		else
			rc = folder_name(root, key, n->now, dir, err);
		if (rc == 0)
			rc = create(root, dir, n, report, err);
	}
out:
	if (lock >= 0)
		close(lock);
	return rc;
}

/* --- summing up --------------------------------------------------------- */

struct sum {
	struct ir_rec *r;
	int64_t due, opened;
	size_t events, evidence;
	bool answered, into;
	const char *why;	/* it is not answered, though it was tried */
};

static bool
later_stage(const char *stage)
{
	return stage && (strcmp(stage, "reminder") == 0 ||
	    strcmp(stage, "final") == 0);
}

static void
add_report(struct sum *s, const struct ir_rec *line, int64_t t)
{
	static const char *const keep[] = { "case", "account", "region",
	    "stage" };
	const char *v, *due = ir_rec_get(line, "data.due");
	const char *stage = ir_rec_get(line, "data.stage");
	const char *authentic = ir_rec_get(line, "data.authentic");
	char path[32];
	int64_t when;
	size_t i;

	for (i = 0; i < sizeof keep / sizeof *keep; i++) {
		snprintf(path, sizeof path, "data.%s", keep[i]);
		v = ir_rec_get(line, path);
		/* the first word on whose case it is, the last on its stage */
		if (v && (!ir_rec_get(s->r, keep[i]) || i == 3))
			ir_rec_str(s->r, keep[i], v);
	}
	if (ir_rec_get_bool(line, "data.urgent", false))
		ir_rec_bool(s->r, "urgent", true);
	if (stage && strcmp(stage, "resolved") == 0) {
		/* who can forge a notice must not be able to stop the clock */
		if (authentic && strcmp(authentic, "pass") == 0)
			ir_rec_time(s->r, "resolved", t);
		return;
	}
	if (ir_rec_get_bool(line, "data.again", false))
		return;		/* a better copy of what was known already */
	if (ir_rec_get(s->r, "closed") || ir_rec_get(s->r, "resolved")) {
		/* what was over is not */
		ir_rec_del(s->r, "closed");
		ir_rec_del(s->r, "resolved");
		ir_rec_bool(s->r, "reopened", true);
		s->answered = false;
		s->due = 0;
		if (!due)
			s->due = t + IR_INCIDENT_HOURS * 3600;
	}
	if (!due || ir_time_parse(due, &when))
		when = 0;
	if (s->answered && later_stage(stage)) {
		s->answered = false;	/* they have not seen our answer */
		s->due = when ? when : t + IR_INCIDENT_HOURS * 3600;
		ir_rec_bool(s->r, "rearmed", true);
	} else if (when && (!s->due || when < s->due)) {
		s->due = when;
	}
}

static bool
one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* What an acknowledgement is short of; NULL: of nothing that can be said. */
static const char *
why_not(const char *what)
{
	static const struct { const char *what, *why; } why[] = {
		{ "relayed", "handed to a relay, not yet known to be with "
		    "AWS" },
		{ "handed-over", "handed to a local mail program, not yet "
		    "known to be with AWS" },
		{ "bounced", "the answer came back" },
		{ "failed", "the answer was refused" },
		{ "sending", "whether the answer arrived is not known" },
		{ "unknown", "whether the answer arrived is not known" },
	};
	size_t i;

	for (i = 0; i < sizeof why / sizeof *why; i++)
		if (strcmp(what, why[i].what) == 0)
			return why[i].why;
	return NULL;
}

/* Only what the other side is known to have stops the clock: see ack.h. */
static void
add_ack(struct sum *s, const char *what, const struct ir_rec *line, int64_t t)
{
	static const char *const there[] = { "sent", "delivered", "posted",
	    NULL };
	const char *as = ir_rec_get(line, "data.as");
	const char *by = ir_rec_get(line, "data.accepted_by");

	if (strcmp(what, "delayed") == 0)
		return;		/* it may still arrive */
	if (strcmp(what, "settled") == 0)
		what = !as || strcmp(as, "sent") == 0 ? "sent" :
		    strcmp(as, "relayed") == 0 ? as : "failed";
	if (one_of(what, there)) {
		s->answered = true;
		ir_rec_time(s->r, "acknowledged", t);
	} else if (strcmp(what, "bounced") == 0) {
		s->answered = false;
		s->due = t;	/* it was believed to be done: at once */
		ir_rec_bool(s->r, "rearmed", true);
	}
	ir_rec_str(s->r, "ack", what);
	if (by)
		ir_rec_str(s->r, "accepted_by", by);
	else
		ir_rec_del(s->r, "accepted_by");
	s->why = by && strcmp(by, "reseller") == 0 &&
	    strcmp(what, "relayed") == 0 ?
	    "with the reseller, not yet known to be with AWS" :
	    why_not(what);
}

static int
add_line(const struct ir_rec *line, void *arg)
{
	static const char *const phases[] = { "contained", "eradicated",
	    "recovered", "closed" };
	struct sum *s = arg;
	const char *event = ir_rec_get(line, "event"), *file;
	const char *time = ir_rec_get(line, "time");
	struct ir_rec *last;
	int64_t t = 0;
	size_t i;

	if (!event || !time || ir_time_parse(time, &t))
		return 0;
	s->events++;
	if (strcmp(event, "incident.opened") == 0) {
		s->opened = t;
		ir_rec_time(s->r, "opened", t);
		add_report(s, line, t);
	} else if (strcmp(event, "report.merged") == 0) {
		add_report(s, line, t);
	} else if (strcmp(event, "evidence.added") == 0) {
		s->evidence++;
	} else if (strcmp(event, "incident.answered") == 0) {
		s->answered = true;
		ir_rec_time(s->r, "acknowledged", t);
	} else if (strcmp(event, "incident.bounced") == 0) {
		s->answered = false;
		s->due = t;	/* it was believed to be done: at once */
		s->why = "the answer came back";
		ir_rec_bool(s->r, "rearmed", true);
	} else if (strncmp(event, "ack.", 4) == 0) {
		add_ack(s, event + 4, line, t);
	} else if (strcmp(event, "incident.merged-into") == 0) {
		s->into = true;
		ir_rec_str(s->r, "into", ir_rec_get(line, "data.incident"));
	} else if (strcmp(event, "incident.unmerged") == 0 && s->into) {
		s->into = false;
		ir_rec_del(s->r, "into");
	}
	for (i = 0; i < sizeof phases / sizeof *phases; i++)
		if (strncmp(event, "incident.", 9) == 0 &&
		    strcmp(event + 9, phases[i]) == 0)
			ir_rec_time(s->r, phases[i], t);
	last = ir_rec_object();
	ir_rec_str(last, "id", ir_rec_get(line, "id"));
	ir_rec_str(last, "time", time);
	ir_rec_str(last, "event", event);
	if ((file = ir_rec_get(line, "data.file")))
		ir_rec_str(last, "file", file);
	ir_rec_set(s->r, "last", last);
	return 0;
}

/* The furthest that the incident has come. */
static const char *
state_word(const struct sum *s)
{
	static const char *const order[] = { "closed", "recovered",
	    "eradicated", "contained" };
	size_t i;

	for (i = 0; i < sizeof order / sizeof *order; i++)
		if (ir_rec_get(s->r, order[i]))
			return order[i];
	if (ir_rec_get(s->r, "resolved"))
		return "resolved";
	return s->answered ? "acknowledged" : "open";
}

/* --- of several that are one, in the order of time ------------------------ */

struct line {
	struct ir_rec *rec;
	size_t at;
};

struct lines {
	struct line *v;
	size_t n, cap;
};

static int
keep_line(const struct ir_rec *line, void *arg)
{
	const char *event = ir_rec_get(line, "event");
	struct lines *l = arg;
	struct line *v;

	/* what joins them is of each alone */
	if (event && (strncmp(event, "incident.merged", 15) == 0 ||
	    strcmp(event, "incident.unmerged") == 0))
		return 0;
	if (l->n == l->cap) {
		v = realloc(l->v, (l->cap * 2 + 64) * sizeof *v);
		if (!v)
			return 1;
		l->v = v;
		l->cap = l->cap * 2 + 64;
	}
	l->v[l->n] = (struct line){ ir_rec_copy(line), l->n };
	l->n++;
	return 0;
}

static int
earlier(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	const char *s = ir_rec_get(x->rec, "time");
	const char *t = ir_rec_get(y->rec, "time");
	int rc = strcmp(s ? s : "", t ? t : "");

	return rc ? rc : x->at < y->at ? -1 : 1;
}

static int
sum_family(const struct ir_rec *family, struct sum *s, struct ir_err *err)
{
	struct lines l = { NULL, 0, 0 };
	struct ir_rec *merged = ir_rec_array();
	const char *dir;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < ir_rec_len(family); i++) {
		dir = ir_rec_cstr(ir_rec_item(family, i));
		rc = ir_journal_each(dir, keep_line, &l, err);
		if (rc > 0)
			rc = ir_fail(err, IR_OSERR, "no memory");
		if (i)
			ir_rec_push_str(merged, strrchr(dir, '/') ?
			    strrchr(dir, '/') + 1 : dir);
	}
	if (rc == 0 && l.n)	/* times of one length: their order is theirs */
		qsort(l.v, l.n, sizeof *l.v, earlier);
	for (i = 0; i < l.n; i++) {
		if (rc == 0)
			add_line(l.v[i].rec, s);
		ir_rec_free(l.v[i].rec);
	}
	free(l.v);
	ir_rec_set(s->r, "merged", merged);
	return rc;
}

struct ir_rec *
ir_incident_record(const char *dir, int64_t now, struct ir_err *err)
{
	const char *slash = strrchr(dir, '/');
	struct sum s = { 0 };
	struct ir_rec *family = ir_incident_family(dir, err);
	char head[65];
	int rc = -1;

	s.r = ir_rec_new("incident", slash && slash[1] ? slash + 1 : dir);
	ir_rec_str(s.r, "dir", dir);
	ir_rec_bool(s.r, "urgent", false);
	if (ir_rec_len(family) > 1)
		rc = sum_family(family, &s, err);
	else if (family)
		rc = ir_journal_each(dir, add_line, &s, err);
	ir_rec_free(family);
	if (rc || ir_journal_head(dir, head, err)) {
		ir_rec_free(s.r);
		return NULL;
	}
	if (!s.due && s.opened) {
		s.due = s.opened + IR_INCIDENT_HOURS * 3600;
		ir_rec_bool(s.r, "due_assumed", true);
	}
	if (s.into || ir_rec_get(s.r, "closed") ||
	    ir_rec_get(s.r, "resolved"))
		s.answered = true;
	ir_rec_str(s.r, "state", s.into ? "merged" : state_word(&s));
	ir_rec_bool(s.r, "answered", s.answered);
	if (s.due)
		ir_rec_time(s.r, "due", s.due);
	if (!s.answered) {
		ir_rec_int(s.r, "seconds_left", s.due - now);
		ir_rec_bool(s.r, "overdue", s.due <= now);
		if (s.why)
			ir_rec_str(s.r, "why", s.why);
	}
	ir_rec_int(s.r, "events", (int64_t)s.events);
	ir_rec_int(s.r, "evidence", (int64_t)s.evidence);
	ir_rec_str(s.r, "head", head);
	return s.r;
}
