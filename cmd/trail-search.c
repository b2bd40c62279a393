/*
 * trail-search - find what was done with a key, by a user, from an address
 *
 * Reads CloudTrail's Event history in all regions, or CloudTrail files; writes
 * records of type trail-event or trail-summary, and one of type trail-scope
 * that says what was read and what cannot be in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/lookup.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "log/cloudtrail.h"
#include "log/input.h"
#include "log/trail_summary.h"
#include "net/origin.h"

#define DAY 86400
#define SYSTEMS_MAX 4096	/* different AS numbers of a summary */

/* What one AS did. */
struct as_sum {
	uint32_t asn;
	char name[IR_ORIGIN_NAME];
	int64_t events, errors, flagged;
	char first[IR_TIME_LEN], last[IR_TIME_LEN];
};

struct search {
	struct ir_common common;
	struct ir_aws_opts aws_opts;
	struct ir_trail_query q;
	struct ir_list ip_db;
	struct ir_origins *origins;	/* NULL: no database here */
	struct as_sum *systems;
	size_t nsystems;
	const char *since, *until, *state_path;
	bool all, files, summary;
	int64_t now;
	int64_t end;		/* monotonic, of --timeout; 0: none */
	struct ir_out *out;
	struct ir_trail_summary *sum;
	struct ir_aws *aws;
	struct ir_lookup_state *state;
	struct ir_lookup_region regions[IR_LOOKUP_REGIONS];
	size_t nregions;
	bool some_regions;	/* all could not be asked for */
	bool ended;		/* nothing stopped it */
	char account[13];
	struct ir_rec *trails;	/* where the files are; or NULL */
	bool trails_known;
	size_t trails_n;
	struct ir_log_files list;
	uint64_t events, unread;
	size_t fit, files_bad;
};

static const struct ir_cmd cmd = {
	"trail-search", "find what was done with a key, by a user or from "
	"an address", "[options] [region ...] | --file [options] [file ...]"
};

static const struct ir_col event_cols[] = {
	{ "time", "TIME" }, { "region", "REGION" }, { "event", "EVENT" },
	{ "user", "USER" }, { "session", "SESSION" }, { "key", "KEY" },
	{ "ip", "IP" }, { "origin.asn", "ASN" },
	{ "origin.as_name", "AS" }, { "target", "TARGET" },
	{ "error", "ERROR" },
	{ "flag", "FLAG" }, { "why", "WHY" }, { NULL, NULL }
};

static const struct ir_col summary_cols[] = {
	{ "field", "FIELD" }, { "value", "VALUE" }, { "events", "EVENTS" },
	{ "errors", "ERRORS" }, { "flagged", "FLAGGED" },
	{ "first", "FIRST" }, { "last", "LAST" }, { "origin.asn", "ASN" },
	{ "origin.as_name", "AS" }, { "why", "WHY" }, { NULL, NULL }
};

/* --- what is looked for ------------------------------------------------- */

static int64_t
when(const struct search *s, const char *option, const char *text)
{
	int64_t t;

	if (ir_time_when(text, s->now, &t))
		ir_die_usage("--%s=%s: neither a time (RFC 3339) nor an age "
		    "(14d)", option, text);
	return t;
}

static void
check_usage(struct search *s, int operands)
{
	const struct ir_trail_query *q = &s->q;
	struct ir_err err = IR_ERR_INIT;
	bool any = q->keys.n || q->users.n || q->sessions.n || q->names.n ||
	    q->roles.n || q->ips.n || q->events.n || q->flagged;

	if (!any && !s->all)
		ir_die_usage("nothing to look for: name a key, a user, an "
		    "address, an event, or --all");
	if (any && s->all)
		ir_die_usage("--all and something to look for: one of them");
	if (s->files && s->state_path)
		ir_die_usage("--state: files are read anew each time");
	if (s->files && !operands && isatty(STDIN_FILENO))
		ir_die_usage("no file, and standard input is a terminal");
	if (s->since)
		s->q.since = when(s, "since", s->since);
	if (s->until)
		s->q.until = when(s, "until", s->until);
	if (ir_trail_check(q, &err))
		ir_die_usage("%s", err.msg);
}

/* --- where addresses belong --------------------------------------------- */

/* Before rights are given up: databases stay open. */
static int
open_origins(struct search *s, struct ir_err *err)
{
	const struct ir_origin_opts o = { .db = s->ip_db.v,
		.ndb = s->ip_db.n, .usual = true };

	if (ir_origins_open(&s->origins, &o, err))
		return -1;
	if (ir_origins_sources(s->origins) == 0) {
		ir_origins_close(s->origins);
		s->origins = NULL;
	}
	return 0;
}

/* "origin" for a record whose address is in `field`; NULL: not known. */
static bool
add_origin(struct search *s, struct ir_rec *r, const char *field,
    struct ir_origin *o)
{
	const char *text = s->origins ? ir_rec_get(r, field) : NULL;
	struct ir_ip ip;

	if (!text || ir_ip_parse(text, false, &ip) ||
	    !ir_origins_find(s->origins, &ip, o))
		return false;
	ir_rec_set(r, "origin", ir_origin_record(o));
	return true;
}

/* An address's row of the summary also counts for its AS. */
static void
count_system(struct search *s, const struct ir_rec *r,
    const struct ir_origin *o)
{
	const char *first = ir_rec_get(r, "first");
	const char *last = ir_rec_get(r, "last");
	struct as_sum *v;
	size_t i;

	if (!s->systems)
		s->systems = calloc(SYSTEMS_MAX, sizeof *s->systems);
	for (i = 0; s->systems && i < s->nsystems &&
	    s->systems[i].asn != o->asn[0]; i++)
		continue;
	if (!s->systems || i == SYSTEMS_MAX || !o->nasn)
		return;
	v = &s->systems[i];
	if (i == s->nsystems) {
		s->nsystems++;
		v->asn = o->asn[0];
		memcpy(v->name, o->name, sizeof v->name);
	}
	v->events += ir_rec_get_int(r, "events", 0);
	v->errors += ir_rec_get_int(r, "errors", 0);
	v->flagged += ir_rec_get_int(r, "flagged", 0);
	if (first && (!v->first[0] || strcmp(first, v->first) < 0))
		snprintf(v->first, sizeof v->first, "%s", first);
	if (last && strcmp(last, v->last) > 0)
		snprintf(v->last, sizeof v->last, "%s", last);
}

static int
by_as_events(const void *a, const void *b)
{
	const struct as_sum *x = a, *y = b;

	return x->events < y->events ? 1 : x->events > y->events ? -1 :
	    x->asn > y->asn ? 1 : -1;
}

static void
report_systems(struct search *s)
{
	const struct as_sum *v;
	struct ir_rec *r;
	size_t i;

	if (s->nsystems)
		qsort(s->systems, s->nsystems, sizeof *s->systems,
		    by_as_events);
	for (i = 0; i < s->nsystems; i++) {
		v = &s->systems[i];
		r = ir_rec_new("trail-summary", NULL);
		ir_rec_fmt(r, "id", "asn:%u", v->asn);
		ir_rec_str(r, "field", "asn");
		ir_rec_fmt(r, "value", "%u", v->asn);
		ir_rec_str(r, "as_name", v->name[0] ? v->name : NULL);
		ir_rec_int(r, "events", v->events);
		ir_rec_int(r, "errors", v->errors);
		ir_rec_int(r, "flagged", v->flagged);
		ir_rec_str(r, "first", v->first[0] ? v->first : NULL);
		ir_rec_str(r, "last", v->last[0] ? v->last : NULL);
		ir_out_put(s->out, r);
	}
}

/* --- what is found ------------------------------------------------------ */

static int
take_event(struct ir_rec *event, void *arg, struct ir_err *err)
{
	struct search *s = arg;
	struct ir_origin o;
	int rc = 0;

	s->fit++;
	if (!s->sum) {
		(void)add_origin(s, event, "ip", &o);
		ir_out_put(s->out, event);
		return 0;
	}
	rc = ir_trail_summary_add_record(s->sum, event, err);
	ir_rec_free(event);
	return rc;
}

static void
put(struct ir_rec *r, void *arg)
{
	const char *field = ir_rec_get(r, "field");
	struct search *s = arg;
	struct ir_origin o;

	if (field && strcmp(field, "ip") == 0 &&
	    add_origin(s, r, "value", &o))
		count_system(s, r, &o);
	ir_out_put(s->out, r);
}

/* --- files -------------------------------------------------------------- */

/* All of an event is read only where it has to be. */
static int
take_text(const char *text, size_t n, bool escapes, void *arg,
    struct ir_err *err)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_trail_fields f;
	struct search *s = arg;
	struct ir_rec *ev;
	bool quick;
	int rc = 0;

	if (!ir_trail_maybe(&s->q, text, n, escapes))
		return 0;
	quick = ir_trail_fields_quick(text, n, &f);
	if (quick && !ir_trail_match(&s->q, &f))
		return 0;
	if (quick && s->sum) {
		s->fit++;
		return ir_trail_summary_add(s->sum, &f, err);
	}
	ev = ir_trail_parse(text, n, &why);
	if (ev)
		ir_trail_fields_of(ev, &f);
	if (!ev)
		s->unread += why.code != IR_NO;
	else if (ir_trail_match(&s->q, &f))
		rc = take_event(ir_trail_record(ev), s, err);
	ir_rec_free(ev);
	return rc;
}

static bool
over(const struct search *s)
{
	return ir_stopped() || (s->end && ir_mono_ms() > s->end);
}

/* 0 to its end, 1 not, for it is over; -1. */
static int
read_file(struct search *s, const char *path, struct ir_err *err)
{
	struct ir_trail_scan scan = { .fn = take_text, .arg = s };
	struct ir_log_input *in = NULL;
	const char *p;
	ssize_t n = 0;
	int rc = 1;

	if (ir_log_open(&in, path, err))
		return -1;
	while (rc > 0 && !over(s)) {
		n = ir_log_read(in, &p, err);
		rc = n > 0 ? ir_trail_feed(&scan, p, (size_t)n, err) : (int)n;
		if (n > 0 && rc == 0)
			rc = 1;
	}
	if (rc == 0)
		rc = ir_trail_end(&scan, err);
	if (rc < 0 && err->code == IR_DATAERR && n > 0)
		ir_fail_prefix(err, "%s", ir_log_name(in));
	s->events += scan.events;
	s->unread += scan.too_long;
	ir_trail_scan_free(&scan);
	ir_log_close(in);
	return rc;
}

/* What is wrong with one file does not hide the others. */
static int
read_files(struct search *s, struct ir_tally *tally, struct ir_err *err)
{
	struct ir_err one;
	int64_t began = ir_mono_ms();
	size_t i;
	int rc;

	s->end = s->common.timeout ? began + s->common.timeout * 1000 : 0;
	for (i = 0; i < s->list.n; i++) {
		one = (struct ir_err)IR_ERR_INIT;
		ir_progress(&s->common, "files", i, s->list.n, began);
		rc = read_file(s, s->list.v[i], &one);
		if (rc == 0) {
			ir_tally_add(tally, 0);
			continue;
		}
		ir_progress_end();
		if (rc > 0)
			return ir_fail(err, IR_TEMPFAIL, "%zu of %zu files "
			    "were not read to the end", s->list.n - i,
			    s->list.n);
		if (one.code == IR_OSERR) {
			*err = one;
			return -1;
		}
		s->files_bad++;
		ir_warn(&s->common, "%s", one.msg);
		ir_tally_add(tally, one.code);
	}
	ir_progress_end();
	return 0;
}

/* --- Event history ------------------------------------------------------ */

static int
add_region(struct search *s, const char *name, struct ir_err *err)
{
	size_t i;

	if (!ir_aws_region_ok(name))
		return ir_fail(err, IR_USAGE, "not a region: %s", name);
	for (i = 0; i < s->nregions; i++)
		if (strcmp(s->regions[i].name, name) == 0)
			return 0;
	if (s->nregions == IR_LOOKUP_REGIONS)
		return ir_fail(err, IR_USAGE, "more than %d regions",
		    IR_LOOKUP_REGIONS);
	snprintf(s->regions[s->nregions++].name, sizeof s->regions[0].name,
	    "%s", name);
	return 0;
}

static int
choose_regions(struct search *s, char **operands, size_t n,
    struct ir_err *err)
{
	char names[IR_LOOKUP_REGIONS][40];
	struct ir_err why = IR_ERR_INIT;
	size_t i;

	for (i = 0; i < n; i++)
		if (add_region(s, operands[i], err))
			return -1;
	if (n)
		return 0;
	n = ir_lookup_regions(s->aws, names, &why);
	for (i = 0; i < n; i++)
		if (add_region(s, names[i], err))
			return -1;
	s->some_regions = why.code != 0;
	if (why.code)
		ir_warn(&s->common, "only regions that have SES are searched: "
		    "%s", why.msg);
	return n ? 0 : ir_fail(err, IR_UNAVAILABLE, "no region");
}

static void
add_list(struct ir_buf *b, const char *name, const struct ir_list *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		ir_buf_fmt(b, "%s=%s\n", name, v->v[i]);
}

/* Two searches are the same when this is: what the state belongs to. */
static void
say_all(const struct search *s, struct ir_buf *b)
{
	const struct ir_trail_query *q = &s->q;
	size_t i;

	ir_buf_fmt(b, "account=%s\nsince=%s\nuntil=%s\nflagged=%d\n",
	    s->account, s->since ? s->since : "", s->until ? s->until : "",
	    q->flagged);
	add_list(b, "key", &q->keys);
	add_list(b, "user", &q->users);
	add_list(b, "session", &q->sessions);
	add_list(b, "name", &q->names);
	add_list(b, "role", &q->roles);
	add_list(b, "ip", &q->ips);
	add_list(b, "event", &q->events);
	for (i = 0; i < s->nregions; i++)
		ir_buf_fmt(b, "region=%s\n", s->regions[i].name);
}

static int
open_state(struct search *s, struct ir_err *err)
{
	struct ir_buf what = IR_BUF(1 << 20);
	int rc;

	say_all(s, &what);
	rc = ir_buf_check(&what, "options", err);
	if (rc == 0)
		rc = ir_lookup_state_open(&s->state, s->state_path,
		    ir_buf_cstr(&what), &s->q.since, &s->q.until, err);
	ir_buf_free(&what);
	return rc;
}

/* Trails deliver what Event history has not: where to? */
static void
find_trails(struct search *s)
{
	struct ir_aws_call c = { .service = "cloudtrail",
		.operation = "DescribeTrails" };
	const struct ir_rec *all, *t;
	struct ir_rec *one;
	size_t i;

	if (ir_aws_do(s->aws, &c, NULL) == 0) {
		s->trails = ir_rec_array();
		all = ir_rec_at(c.reply, "trailList");
		for (i = 0; all && i < ir_rec_len(all) && i < 32; i++) {
			t = ir_rec_item(all, i);
			one = ir_rec_object();
			ir_rec_str(one, "name", ir_rec_get(t, "Name"));
			ir_rec_str(one, "bucket", ir_rec_get(t,
			    "S3BucketName"));
			ir_rec_str(one, "prefix", ir_rec_get(t,
			    "S3KeyPrefix"));
			ir_rec_bool(one, "all_regions", ir_rec_get_bool(t,
			    "IsMultiRegionTrail", false));
			ir_rec_push(s->trails, one);
		}
		s->trails_known = true;
		s->trails_n = ir_rec_len(s->trails);
	}
	ir_aws_call_free(&c);
}

static int
open_history(struct search *s, char **operands, size_t n, struct ir_err *err)
{
	int64_t oldest = s->now - (int64_t)IR_LOOKUP_DAYS * DAY;

	if (ir_aws_open(&s->aws, &s->aws_opts, ir_ask_tty, err))
		return -1;
	ir_aws_follow(s->aws, &s->common);
	if (s->q.since && s->q.since < oldest)
		ir_warn(&s->common, "Event history goes back %d days; what is "
		    "older is in the files of a trail", IR_LOOKUP_DAYS);
	if (s->q.since < oldest)
		s->q.since = oldest;
	if (!s->q.until)
		s->q.until = s->now;
	if (s->q.until <= s->q.since)
		return ir_fail(err, IR_USAGE, "the window ends before Event "
		    "history begins");
	if (ir_aws_account(s->aws, s->account, NULL, err) ||
	    choose_regions(s, operands, n, err))
		return -1;
	find_trails(s);
	return open_state(s, err);
}

static int
read_history(struct search *s, struct ir_tally *tally, struct ir_err *err)
{
	const struct ir_lookup l = { .regions = s->regions,
		.n = s->nregions, .query = &s->q, .since = s->q.since,
		.until = s->q.until, .state = s->state, .put = take_event,
		.arg = s };
	size_t i;

	if (!ir_lookup_attribute(&s->q))
		ir_warn(&s->common, "all events of the window are read, 100 a "
		    "second in each region: --since makes it shorter");
	if (ir_lookup_run(s->aws, &l, err))
		return -1;
	for (i = 0; i < s->nregions; i++) {
		s->events += s->regions[i].events;
		s->unread += s->regions[i].unread;
		ir_tally_add(tally, s->regions[i].err.code);
	}
	return 0;
}

/* --- what was read, and what was not ------------------------------------ */

/*
 * Sources: CloudTrail User Guide, "Working with CloudTrail Event history";
 * SES Developer Guide, "Logging Amazon SES API calls with CloudTrail" and
 * "Monitoring email sending using event publishing".
 */
static void
add_unseen(const struct search *s, struct ir_rec *r)
{
	struct ir_rec *unseen = ir_rec_array(), *where = ir_rec_array();

	ir_rec_push_str(unseen, s->files ?
	    "mail sent by SES (SendEmail, SendRawEmail, SMTP), unless the "
	    "trail logs SES data events" :
	    "mail sent by SES: SendEmail, SendRawEmail, SMTP");
	if (!s->files)
		ir_rec_push_str(unseen, "data events of any service, and what "
		    "is older than 90 days");
	ir_rec_push_str(unseen, "what CloudTrail has not delivered yet (some "
	    "minutes), or lost: no event is no proof");
	ir_rec_push_str(where, "the event destinations of SES configuration "
	    "sets: ses:caller-identity and ses:source-ip of each mail; "
	    "ses-status says which there are");
	ir_rec_push_str(where, "CloudWatch AWS/SES Send, by the hour, without "
	    "a name: ses-status --history");
	ir_rec_push_str(where, "the mail host's own log, for SMTP");
	if (s->trails_known && !s->trails_n)
		ir_rec_push_str(where, "no trail delivers files: what Event "
		    "history has not is lost");
	else if (!s->files)
		ir_rec_push_str(where, "files of a trail in S3: trail-search "
		    "--file");
	ir_rec_set(r, "unseen", unseen);
	ir_rec_set(r, "evidence", where);
}

/* A region that could not be read, or not to its end. */
static void
report_regions(struct search *s)
{
	const struct ir_lookup_region *g;
	struct ir_rec *r;
	size_t i;

	for (i = 0; i < s->nregions; i++) {
		g = &s->regions[i];
		if (!g->err.code)
			continue;
		r = ir_rec_new("trail-region", g->name);
		ir_rec_str(r, "region", g->name);
		ir_rec_bool(r, "ok", false);
		ir_rec_str(r, "why", g->err.msg);
		ir_rec_int(r, "events", (int64_t)g->events);
		ir_out_put(s->out, r);
	}
}

static void
add_window(const struct search *s, struct ir_rec *r)
{
	if (s->q.since)
		ir_rec_time(r, "since", s->q.since);
	if (s->q.until)
		ir_rec_time(r, "until", s->q.until);
}

static void
report(struct search *s, const struct ir_tally *tally)
{
	struct ir_rec *r = ir_rec_new("trail-scope", s->files ? "files" :
	    "event-history");
	size_t i, calls = 0;

	if (s->sum)
		ir_trail_summary_report(s->sum, put, s);
	report_systems(s);
	report_regions(s);
	for (i = 0; i < s->nregions; i++)
		calls += s->regions[i].calls;
	if (s->files) {
		ir_rec_int(r, "files", (int64_t)s->list.n);
		ir_rec_int(r, "files_bad", (int64_t)s->files_bad);
	} else {
		ir_rec_str(r, "account", s->account);
		ir_rec_int(r, "regions", (int64_t)s->nregions);
		ir_rec_bool(r, "all_regions", !s->some_regions);
		ir_rec_int(r, "calls", (int64_t)calls);
		ir_rec_str(r, "asked_by", ir_lookup_attribute(&s->q));
	}
	add_window(s, r);
	ir_rec_int(r, "events", (int64_t)s->events);
	ir_rec_int(r, "unread", (int64_t)s->unread);
	ir_rec_int(r, "fit", (int64_t)s->fit);
	ir_rec_bool(r, "complete", s->ended && !tally->failed &&
	    !s->some_regions);
	if (s->trails) {
		ir_rec_set(r, "trails", s->trails);
		s->trails = NULL;
	}
	add_unseen(s, r);
	ir_rec_str(r, "why", "mail sent by SES is not in it: see unseen and "
	    "evidence");
	ir_out_put(s->out, r);
	if (s->unread)
		ir_warn(&s->common, "%llu events could not be read",
		    (unsigned long long)s->unread);
}

#define OPTS_QUERY(q) \
	{ 0, "key", "ID", IR_LIST, &(q)->keys, "calls with this access key" }, \
	{ 0, "user", "NAME", IR_LIST, &(q)->users, \
	    "calls of this IAM user, or root" }, \
	{ 0, "role", "NAME", IR_LIST, &(q)->roles, \
	    "calls of all sessions of this role" }, \
	{ 0, "role-session", "NAME", IR_LIST, &(q)->sessions, \
	    "calls of this session of a role" }, \
	{ 0, "username", "NAME", IR_LIST, &(q)->names, \
	    "calls of a user or of a session of that name" }, \
	{ 0, "ip", "ADDRESS", IR_LIST, &(q)->ips, \
	    "calls from this address, or network" }, \
	{ 0, "event", "NAME", IR_LIST, &(q)->events, \
	    "calls of this name: CreateAccessKey" }, \
	{ 0, "flagged", NULL, IR_BOOL, &(q)->flagged, \
	    "only calls that matter when mail is abused" }

int
main(int argc, char **argv)
{
	static struct search s;
	const struct ir_opt opts[] = {
		OPTS_QUERY(&s.q),
		{ 0, "all", NULL, IR_BOOL, &s.all, "every call" },
		{ 0, "since", "TIME", IR_STR, &s.since,
		    "not before: RFC 3339, or 14d ago; default: 90d" },
		{ 0, "until", "TIME", IR_STR, &s.until, "before" },
		{ 0, "summary", NULL, IR_BOOL, &s.summary,
		    "count by address, call, key, user instead" },
		{ 0, "state", "FILE", IR_STR, &s.state_path,
		    "keep what was found, and go on from there" },
		{ 0, "ip-db", "FILE", IR_LIST, &s.ip_db,
		    "database of addresses, as ip-origin's --db" },
		{ 0, "file", NULL, IR_BOOL, &s.files,
		    "operands are CloudTrail files and folders; - is stdin" },
		IR_OPTS_AWS(&s.aws_opts),
		IR_OPTS_COMMON(&s.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	int n, rc;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &s.common);
	s.now = ir_now();
	check_usage(&s, n);
	rc = open_origins(&s, &err);
	if (rc == 0)
		rc = s.files ? ir_log_files_open(&s.list, argv + 1,
		    (size_t)n, &err) : open_history(&s, argv + 1, (size_t)n,
		    &err);
	if (rc || (s.summary && !(s.sum = ir_trail_summary_new(&err))))
		goto out;
	s.out = ir_open_output(&s.common, s.summary ? summary_cols :
	    event_cols);
	rc = s.files ? read_files(&s, &tally, &err) :
	    read_history(&s, &tally, &err);
	s.ended = rc == 0;
	if (s.unread)
		ir_tally_add(&tally, IR_DATAERR);
	report(&s, &tally);
out:
	ir_rec_free(s.trails);
	ir_origins_close(s.origins);
	free(s.systems);
	ir_trail_summary_free(s.sum);
	ir_log_files_free(&s.list);
	ir_lookup_state_close(s.state);
	ir_aws_close(s.aws);
	return ir_end(&err, s.out, &tally);
}
