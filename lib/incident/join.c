/* join.c - see join.h */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "../report/facts.h"
#include "incident.h"
#include "join.h"
#include "journal.h"
#include "view.h"

static const char *
get(const struct ir_rec *r, const char *key)
{
	const char *s = ir_rec_get(r, key);

	return s ? s : "";
}

/* --- what an incident is known by ---------------------------------------- */

static bool
has(const struct ir_rec *r, const char *list, const char *value)
{
	const struct ir_rec *a = ir_rec_at(r, list);
	const char *s;
	size_t i;

	for (i = 0; i < ir_rec_len(a); i++) {
		s = ir_rec_cstr(ir_rec_item(a, i));
		if (s && strcmp(s, value) == 0)
			return true;
	}
	return false;
}

static void
add(struct ir_rec *r, const char *list, const char *value)
{
	struct ir_rec *a;

	if (!value || !*value || has(r, list, value))
		return;
	a = ir_rec_at(r, list) ? ir_rec_copy(ir_rec_at(r, list)) :
	    ir_rec_array();
	ir_rec_push_str(a, value);
	ir_rec_set(r, list, a);
}

static void
drop(struct ir_rec *r, const char *list, const char *value)
{
	const struct ir_rec *old = ir_rec_at(r, list);
	struct ir_rec *a = ir_rec_array();
	const char *s;
	size_t i;

	for (i = 0; i < ir_rec_len(old); i++) {
		s = ir_rec_cstr(ir_rec_item(old, i));
		if (s && strcmp(s, value) != 0)
			ir_rec_push_str(a, s);
	}
	ir_rec_set(r, list, a);
}

/* The data of incident.opened or report.merged. */
static void
know_report(struct ir_rec *known, const struct ir_rec *line)
{
	const struct ir_rec *d = ir_rec_at(line, "data"), *list;
	bool forged = strcmp(get(d, "authentic"), "fail") == 0;
	const char *kase = ir_rec_get(d, "case");
	char key[96];
	int64_t t;
	size_t i;

	if (ir_rec_get(d, "key"))
		add(known, "keys", ir_rec_get(d, "key"));
	else if (ir_incident_key(d, key, NULL) == 0)
		add(known, "keys", key);
	if (kase)
		ir_rec_strn(known, "case", kase, ir_case_root(kase));
	if (kase)
		add(known, "cases", ir_rec_get(known, "case"));
	ir_rec_del(known, "case");
	if (!forged) {
		add(known, "accounts", ir_rec_get(d, "account"));
		add(known, "message_ids", ir_rec_get(d, "message_id"));
		list = ir_rec_at(d, "resources");
		for (i = 0; i < ir_rec_len(list); i++)
			add(known, "resources",
			    ir_rec_cstr(ir_rec_item(list, i)));
		ir_rec_bool(known, "forged", false);
	}
	if (ir_time_parse(get(line, "time"), &t) == 0)
		ir_rec_int(known, "last", t);
	if (strcmp(get(d, "stage"), "resolved") == 0)
		ir_rec_bool(known, "closed", !forged);
	else if (!ir_rec_get_bool(d, "again", false))
		ir_rec_bool(known, "closed", false);
}

static int
know(const struct ir_rec *line, void *arg)
{
	struct ir_rec *known = arg;
	const char *event = get(line, "event");
	const char *other = get(line, "data.incident");

	if (strcmp(event, "incident.opened") == 0 ||
	    strcmp(event, "report.merged") == 0) {
		know_report(known, line);
	} else if (strcmp(event, "incident.closed") == 0) {
		ir_rec_bool(known, "closed", true);
	} else if (strcmp(event, "incident.merged") == 0) {
		add(known, "merged", other);
	} else if (strcmp(event, "incident.merged-into") == 0) {
		ir_rec_str(known, "into", other);
	} else if (strcmp(event, "incident.unmerged") == 0) {
		drop(known, "merged", other);
		if (strcmp(get(known, "into"), other) == 0)
			ir_rec_del(known, "into");
	} else if (strncmp(event, "ack.", 4) == 0) {
		add(known, "message_ids", ir_rec_get(line, "data.message_id"));
		add(known, "message_ids", ir_rec_get(line, "data.remote_id"));
	}
	return 0;
}

struct ir_rec *
ir_incident_known(const char *dir, struct ir_err *err)
{
	struct ir_rec *known, *report;
	char path[PATH_MAX], key[96];

	snprintf(path, sizeof path, "%s/report.json", dir);
	if (access(path, F_OK)) {
		ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
		return NULL;
	}
	known = ir_view_known(dir);
	if (known)
		return known;
	known = ir_rec_object();
	ir_rec_bool(known, "forged", true);
	ir_rec_bool(known, "closed", false);
	if (ir_journal_each(dir, know, known, err)) {
		ir_rec_free(known);
		return NULL;
	}
	report = ir_incident_report(dir, NULL);
	if (report && ir_incident_key(report, key, NULL) == 0)
		add(known, "keys", key);
	ir_rec_free(report);
	return known;
}

/* --- the incident of a report -------------------------------------------- */

struct search {
	const struct ir_rec *report;
	char key[96], kase[64];
	bool forged;
	int64_t now;
	char *dir;		/* by case, PATH_MAX */
	char thread[PATH_MAX], resource[PATH_MAX];
	size_t resources;	/* incidents that would do */
};

static bool
replies(const struct search *s, const struct ir_rec *known)
{
	const struct ir_rec *refs = ir_rec_at(s->report, "references");
	const char *ref;
	size_t i;

	for (i = 0; i < ir_rec_len(refs); i++) {
		ref = ir_rec_cstr(ir_rec_item(refs, i));
		if (ref && has(known, "message_ids", ref))
			return true;
	}
	return false;
}

static bool
shares(const struct search *s, const struct ir_rec *known)
{
	const struct ir_rec *list = ir_rec_at(s->report, "resources");
	const char *account = ir_report_str(s->report, "account");
	int64_t last = ir_rec_get_int(known, "last", 0);
	char word[256];
	size_t i;

	if (!account || !has(known, "accounts", account) ||
	    ir_rec_get_bool(known, "closed", false) ||
	    s->now - last > IR_JOIN_SECONDS ||
	    last - s->now > IR_JOIN_SECONDS)
		return false;
	for (i = 0; i < ir_rec_len(list); i++)
		if (ir_resource_word(ir_rec_item(list, i), word) &&
		    has(known, "resources", word))
			return true;
	return false;
}

static int
try_one(const char *dir, void *arg)
{
	struct search *s = arg;
	struct ir_rec *known = ir_incident_known(dir, NULL);
	const char *account = ir_report_str(s->report, "account");
	bool found;

	if (!known)
		return 0;
	found = has(known, "keys", s->key);
	if (found)
		snprintf(s->dir, PATH_MAX, "%s", dir);
	if (found || s->forged || ir_rec_get_bool(known, "forged", true) ||
	    (s->kase[0] && ir_rec_len(ir_rec_at(known, "cases")) &&
	    !has(known, "cases", s->kase)) ||
	    (account && ir_rec_len(ir_rec_at(known, "accounts")) &&
	    !has(known, "accounts", account))) {
		/* it is the one, or it cannot be */
	} else if (!s->thread[0] && replies(s, known)) {
		snprintf(s->thread, PATH_MAX, "%s", dir);
	} else if (!ir_rec_get(known, "into") && shares(s, known)) {
		s->resources++;
		snprintf(s->resource, PATH_MAX, "%s", dir);
	}
	ir_rec_free(known);
	return found;
}

/* The incident beside dir that is called id. */
static int
beside(const char *dir, const char *id, char *path, struct ir_err *err)
{
	const char *slash;
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	slash = memrchr(dir, '/', n);
	n = slash ? (size_t)(slash - dir) + 1 : 0;
	if (strchr(id, '/') || !*id || *id == '.' ||
	    (size_t)snprintf(path, PATH_MAX, "%.*s%s", (int)n, dir, id) >=
	    PATH_MAX)
		return ir_fail(err, IR_DATAERR, "%s: not an incident's name",
		    id);
	return 0;
}

/* Where the incident in dir goes on, when it was merged into another. */
static int
follow(char *dir, struct ir_err *err)
{
	char next[PATH_MAX];
	struct ir_rec *known;
	const char *into;
	int depth, rc = 0;

	for (depth = 0; rc == 0 && depth < IR_JOIN_DEPTH; depth++) {
		known = ir_incident_known(dir, NULL);
		into = known ? ir_rec_get(known, "into") : NULL;
		if (into)
			rc = beside(dir, into, next, err);
		if (into && rc == 0)
			snprintf(dir, PATH_MAX, "%s", next);
		ir_rec_free(known);
		if (!into)
			break;
	}
	return rc;
}

int
ir_incident_join(const char *root, const struct ir_rec *report, int64_t now,
    char *dir, const char **by, struct ir_err *err)
{
	struct search s = { .report = report, .now = now, .dir = dir };
	const char *kase = ir_report_str(report, "case");
	const char *auth = ir_report_str(report, "authentic");
	int rc;

	if (ir_incident_key(report, s.key, err))
		return -1;
	if (kase)
		snprintf(s.kase, sizeof s.kase, "%.*s",
		    (int)ir_case_root(kase), kase);
	s.forged = auth && strcmp(auth, "fail") == 0;
	rc = ir_incident_each(root, try_one, &s, err);
	if (rc < 0)
		return -1;
	*by = rc ? "case" : s.thread[0] ? "thread" : s.resources == 1 ?
	    "resource" : NULL;
	if (!*by)
		return 0;
	if (!rc)
		snprintf(dir, PATH_MAX, "%s", s.thread[0] ? s.thread :
		    s.resource);
	return follow(dir, err) ? -1 : 1;
}

static int
by_key(const char *dir, void *arg)
{
	struct search *s = arg;
	struct ir_rec *known = ir_incident_known(dir, NULL);
	bool found = known && has(known, "keys", s->key);

	if (found)
		snprintf(s->dir, PATH_MAX, "%s", dir);
	ir_rec_free(known);
	return found;
}

int
ir_incident_find(const char *root, const char *key, char *dir,
    struct ir_err *err)
{
	struct search s = { .dir = dir };
	int rc;

	snprintf(s.key, sizeof s.key, "%s", key);
	rc = ir_incident_each(root, by_key, &s, err);
	return rc == 1 && follow(dir, err) ? -1 : rc;
}

/* --- incidents that are one ----------------------------------------------- */

static int
gather(struct ir_rec *list, const char *dir, int depth, struct ir_err *err)
{
	const struct ir_rec *merged;
	struct ir_rec *known;
	char path[PATH_MAX];
	size_t i;
	int rc = 0;

	if (depth > IR_JOIN_DEPTH || ir_rec_len(list) >= IR_JOIN_FAMILY)
		return ir_fail(err, IR_DATAERR,
		    "%s: too many incidents in one", dir);
	for (i = 0; i < ir_rec_len(list); i++)
		if (strcmp(ir_rec_cstr(ir_rec_item(list, i)), dir) == 0)
			return 0;
	ir_rec_push_str(list, dir);
	known = ir_incident_known(dir, NULL);
	merged = known ? ir_rec_at(known, "merged") : NULL;
	for (i = 0; rc == 0 && i < ir_rec_len(merged); i++) {
		rc = beside(dir, ir_rec_cstr(ir_rec_item(merged, i)), path,
		    err);
		if (rc == 0)
			rc = gather(list, path, depth + 1, err);
	}
	ir_rec_free(known);
	return rc;
}

struct ir_rec *
ir_incident_family(const char *dir, struct ir_err *err)
{
	struct ir_rec *list = ir_rec_array();

	if (gather(list, dir, 0, err) == 0)
		return list;
	ir_rec_free(list);
	return NULL;
}

/* --- by hand ----------------------------------------------------------- */

struct pair {
	char a[PATH_MAX], b[PATH_MAX];	/* real paths */
	const char *a_id, *b_id;
	struct ir_rec *a_known, *b_known;
	int lock;
};

static void
pair_close(struct pair *p)
{
	ir_rec_free(p->a_known);
	ir_rec_free(p->b_known);
	if (p->lock >= 0)
		close(p->lock);
}

/* Both, known, while nobody else opens or merges there. */
static int
pair_open(struct pair *p, const char *dir, const char *other,
    struct ir_err *err)
{
	size_t n;

	p->a_known = p->b_known = NULL;
	p->lock = -1;
	if (!realpath(dir, p->a))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", dir);
	if (!realpath(other, p->b))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", other);
	p->a_id = strrchr(p->a, '/') + 1;
	p->b_id = strrchr(p->b, '/') + 1;
	n = (size_t)(p->a_id - p->a);
	if (strcmp(p->a, p->b) == 0)
		return ir_fail(err, IR_USAGE, "%s: it is the same incident",
		    other);
	if (n != (size_t)(p->b_id - p->b) || strncmp(p->a, p->b, n))
		return ir_fail(err, IR_USAGE, "%s: not beside %s", other, dir);
	p->a[n - 1] = '\0';
	p->lock = open(n > 1 ? p->a : "/",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->lock < 0 || flock(p->lock, LOCK_EX)) {
		ir_fail_errno(err, IR_CANTCREAT, errno, "%s: lock", p->a);
		p->a[n - 1] = '/';
		return -1;
	}
	p->a[n - 1] = '/';
	p->a_known = ir_incident_known(p->a, err);
	if (p->a_known)
		p->b_known = ir_incident_known(p->b, err);
	return p->b_known ? 0 : -1;
}

static int
note(const char *dir, const char *event, const char *other_dir,
    const char *other, const char *from, struct ir_err *err)
{
	struct ir_rec *d = ir_rec_object();
	struct ir_journal *j;
	char head[65];
	int rc;

	ir_rec_str(d, "incident", other);
	if (ir_journal_head(other_dir, head, err) ||
	    ir_journal_open(&j, dir, from, err)) {
		ir_rec_free(d);
		return -1;
	}
	ir_rec_str(d, "head", head);
	rc = ir_journal_add(j, event, d, err);
	ir_journal_close(j);
	return rc;
}

/* A line that is to be written, when it is not there yet. */
struct step {
	bool due;
	bool ours;		/* in a's journal, about b; else the reverse */
	const char *event;
};

/* How many of the lines were due, or -1. */
static int
take(const struct pair *p, const struct step *steps, size_t n,
    const char *from, struct ir_err *err)
{
	int did = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!steps[i].due)
			continue;
		if (steps[i].ours ?
		    note(p->a, steps[i].event, p->b, p->b_id, from, err) :
		    note(p->b, steps[i].event, p->a, p->a_id, from, err))
			return -1;
		did++;
	}
	return did;
}

static int
merge(const struct pair *p, const char *from, struct ir_err *err)
{
	const char *into = ir_rec_get(p->b_known, "into");
	/* first the one that goes on: the other must not drop out of sight */
	const struct step steps[] = {
		{ !has(p->a_known, "merged", p->b_id), true,
		    "incident.merged" },
		{ !into, false, "incident.merged-into" },
	};

	if (ir_rec_get(p->a_known, "into"))
		return ir_fail(err, IR_USAGE, "%s: it is a part of %s",
		    p->a_id, ir_rec_get(p->a_known, "into"));
	if (into && strcmp(into, p->a_id) != 0)
		return ir_fail(err, IR_USAGE, "%s: it is a part of %s",
		    p->b_id, into);
	return take(p, steps, 2, from, err);
}

static int
unmerge(const struct pair *p, const char *from, struct ir_err *err)
{
	const char *into = ir_rec_get(p->b_known, "into");
	const struct step steps[] = {
		{ into && strcmp(into, p->a_id) == 0, false,
		    "incident.unmerged" },
		{ has(p->a_known, "merged", p->b_id), true,
		    "incident.unmerged" },
	};

	return take(p, steps, 2, from, err);
}

static int
both(const char *dir, const char *other, const char *from,
    int (*act)(const struct pair *, const char *, struct ir_err *),
    struct ir_err *err)
{
	struct pair p;
	int rc = pair_open(&p, dir, other, err);

	if (rc == 0)
		rc = act(&p, from, err);
	pair_close(&p);
	return rc > 0 ? 1 : rc;
}

int
ir_incident_merge(const char *dir, const char *other, const char *from,
    struct ir_err *err)
{
	return both(dir, other, from, merge, err);
}

int
ir_incident_unmerge(const char *dir, const char *other, const char *from,
    struct ir_err *err)
{
	return both(dir, other, from, unmerge, err);
}
