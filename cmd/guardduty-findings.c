/*
 * guardduty-findings - what GuardDuty and IAM Access Analyzer have found
 *
 * Reads both in all regions; writes records of type aws-finding, and for each
 * of the two one of type finding-scope that says where it is on.  Changes
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/lookup.h"
#include "aws/ses.h"
#include "aws/sigv4.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"

#define DAY 86400
#define PAGE 50			/* findings that one call gives */

enum source { GUARDDUTY, ANALYZER, SOURCES };

static const char *const source_name[SOURCES] = { "guardduty",
	"access-analyzer" };

struct findings;

/* One detector or analyzer of a region. */
struct place {
	struct findings *all;
	enum source source;
	const char *region;
	char id[256];		/* detector, or ARN of an analyzer */
	struct ir_rec *ids;	/* of findings: an array; owned */
	struct ir_aws_paging paging;
};

struct ask {
	struct place *place;
	char path[600];
	struct ir_rec *in;	/* owned */
	struct ir_aws_call call;
};

struct region {
	char name[40];
	struct ir_err err[SOURCES];
	bool on[SOURCES], disabled;
};

struct findings {
	struct ir_common common;
	struct ir_aws_opts aws_opts;
	bool every;
	long since;
	struct ir_aws *aws;
	struct ir_out *out;
	char account[13];
	struct region r[IR_LOOKUP_REGIONS];
	struct part {
		struct findings *all;
		size_t region;
		enum source source;
		struct ir_aws_paging paging;
	} part[IR_LOOKUP_REGIONS][SOURCES];
	size_t n;
	struct place **place;	/* owned, each */
	size_t nplaces;
	bool no_memory;
};

static const struct ir_cmd cmd = {
	"guardduty-findings", "what GuardDuty and Access Analyzer have found",
	"[options] [region ...]"
};

static const struct ir_col cols[] = {
	{ "time", "TIME" }, { "region", "REGION" }, { "source", "SOURCE" },
	{ "finding", "FINDING" }, { "severity", "SEVERITY" },
	{ "key", "KEY" }, { "user", "USER" }, { "ip", "IP" },
	{ "resource", "RESOURCE" }, { "why", "WHY" }, { NULL, NULL }
};

/* --- records ----------------------------------------------------------- */

static void
copy(struct ir_rec *r, const char *name, const struct ir_rec *from,
    const char *path)
{
	const char *s = ir_rec_get(from, path);

	if (s && *s)
		ir_rec_strn(r, name, s, ir_text_cut(s, strlen(s), 1024));
}

/*
 * Does it bear on abused mail: credentials, or a host that sends?  Source:
 * GuardDuty User Guide, "GuardDuty finding types".
 */
static bool
relevant(const char *type, double severity)
{
	static const char *const parts[] = { ":IAMUser/", "Spambot",
	    "InstanceCredentialExfiltration", "AttackSequence:IAM",
	    "MaliciousIPCaller", NULL };
	size_t i;

	for (i = 0; parts[i]; i++)
		if (strstr(type, parts[i]))
			return true;
	return severity >= 7;
}

/* What either service's finding begins with. */
static struct ir_rec *
finding(const struct place *p, const struct ir_rec *f, const char *source)
{
	struct ir_rec *r = ir_rec_new("aws-finding", ir_rec_get(f, "id"));
	const char *when = ir_rec_get(f, "updatedAt");
	int64_t t;

	if (when && ir_time_parse(when, &t) == 0)
		ir_rec_time(r, "time", t);
	ir_rec_str(r, "account", p->all->account);
	ir_rec_str(r, "region", p->region);
	ir_rec_str(r, "source", source);
	return r;
}

static void
put_finding(struct place *p, const struct ir_rec *f)
{
	const char *type = ir_rec_get(f, "type");
	double severity = ir_rec_get_num(f, "severity", 0);
	bool bears = relevant(type ? type : "", severity);
	struct ir_rec *r;

	if (!bears && !p->all->every)
		return;
	r = finding(p, f, source_name[GUARDDUTY]);
	ir_rec_str(r, "finding", type);
	ir_rec_num(r, "severity", severity);
	ir_rec_bool(r, "relevant", bears);
	copy(r, "key", f, "resource.accessKeyDetails.accessKeyId");
	copy(r, "user", f, "resource.accessKeyDetails.userName");
	copy(r, "resource", f, "resource.instanceDetails.instanceId");
	copy(r, "call", f, "service.action.awsApiCallAction.api");
	copy(r, "ip", f, "service.action.awsApiCallAction.remoteIpDetails."
	    "ipAddressV4");
	copy(r, "first", f, "service.eventFirstSeen");
	copy(r, "last", f, "service.eventLastSeen");
	ir_rec_int(r, "count", ir_rec_get_int(f, "service.count", 0));
	copy(r, "why", f, "title");
	ir_out_put(p->all->out, r);
}

static void
put_external(struct place *p, const struct ir_rec *f)
{
	const char *type = ir_rec_get(f, "findingType");
	const char *kind = ir_rec_get(f, "resourceType");
	bool bears = kind && strncmp(kind, "AWS::IAM::", 10) == 0;
	struct ir_rec *r;

	if (!bears && !p->all->every)
		return;
	r = finding(p, f, source_name[ANALYZER]);
	ir_rec_str(r, "finding", type ? type : "ExternalAccess");
	ir_rec_bool(r, "relevant", bears);
	copy(r, "resource", f, "resource");
	copy(r, "resource_type", f, "resourceType");
	ir_rec_str(r, "why", type && strncmp(type, "Unused", 6) == 0 ?
	    "has rights or credentials that nobody uses" :
	    "may be used from outside of the account");
	ir_out_put(p->all->out, r);
}

/* --- where they are on ------------------------------------------------- */

static void
add_place(struct part *part, const char *id)
{
	struct findings *s = part->all;
	struct place **v = realloc(s->place, (s->nplaces + 1) * sizeof *v);
	struct place *p = calloc(1, sizeof *p);

	if (v)
		s->place = v;
	if (!v || !p) {
		free(p);
		s->no_memory = true;
		return;
	}
	*p = (struct place){ .all = s, .source = part->source,
		.region = s->r[part->region].name, .ids = ir_rec_array() };
	snprintf(p->id, sizeof p->id, "%s", id);
	s->place[s->nplaces++] = p;
	s->r[part->region].on[part->source] = true;
}

static int
take_places(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct part *part = arg;
	const struct ir_rec *all = ir_rec_at(reply, part->source == GUARDDUTY ?
	    "detectorIds" : "analyzers"), *one;
	const char *id, *status;
	size_t i;

	(void)err;
	for (i = 0; all && i < ir_rec_len(all); i++) {
		one = ir_rec_item(all, i);
		status = ir_rec_get(one, "status");
		id = part->source == GUARDDUTY ? ir_rec_cstr(one) :
		    ir_rec_get(one, "arn");
		if (id && strlen(id) < 256 && (part->source == GUARDDUTY ||
		    (status && strcmp(status, "ACTIVE") == 0)))
			add_place(part, id);
	}
	return 0;
}

static void
ask_part(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct findings *s = arg;
	struct part *part = &s->part[i][k];

	*part = (struct part){ s, i, (enum source)k, { .fn = take_places,
		.arg = part } };
	c->service = k == GUARDDUTY ? "guardduty" : "accessanalyzer";
	c->operation = k == GUARDDUTY ? "ListDetectors" : "ListAnalyzers";
	c->method = "GET";
	c->path = k == GUARDDUTY ? "/detector" : "/analyzer";
	c->pages = &part->paging;
}

static void
take_part(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct findings *s = arg;

	s->r[i].err[k] = c->err;
	s->r[i].disabled = s->r[i].disabled || c->disabled;
}

/* --- what they found --------------------------------------------------- */

static int
take_ids(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all;
	struct place *p = arg;
	size_t i;

	(void)err;
	all = ir_rec_at(reply, p->source == GUARDDUTY ? "findingIds" :
	    "findings");
	for (i = 0; all && i < ir_rec_len(all); i++) {
		if (p->source == ANALYZER)
			put_external(p, ir_rec_item(all, i));
		else if (ir_rec_cstr(ir_rec_item(all, i)))
			ir_rec_push_str(p->ids,
			    ir_rec_cstr(ir_rec_item(all, i)));
	}
	return 0;
}

static struct ir_rec *
equals(const char *name, const char *value)
{
	struct ir_rec *rule = ir_rec_object(), *v = ir_rec_array();

	ir_rec_push_str(v, value);
	ir_rec_set(rule, name, v);
	return rule;
}

/* GuardDuty: those that are not archived, of the time asked for. */
static struct ir_rec *
guardduty_input(const struct findings *s)
{
	struct ir_rec *in = ir_rec_object(), *c = ir_rec_object();
	struct ir_rec *rules = ir_rec_object(), *when = ir_rec_object();

	ir_rec_set(rules, "service.archived", equals("equals", "false"));
	ir_rec_int(when, "greaterThanOrEqual", (ir_now() - s->since) * 1000);
	ir_rec_set(rules, "updatedAt", when);
	ir_rec_set(c, "criterion", rules);
	ir_rec_set(in, "findingCriteria", c);
	ir_rec_int(in, "maxResults", PAGE);
	return in;
}

static struct ir_rec *
analyzer_input(const struct place *p)
{
	struct ir_rec *in = ir_rec_object(), *f = ir_rec_object();

	ir_rec_str(in, "analyzerArn", p->id);
	ir_rec_set(f, "status", equals("eq", "ACTIVE"));
	ir_rec_set(in, "filter", f);
	return in;
}

/* A call about a place; to GuardDuty the detector is in the path. */
static void
prepare(struct ask *a, struct place *p, const char *operation,
    const char *tail)
{
	struct ir_buf path = IR_BUF(sizeof a->path - 1);

	a->place = p;
	if (p->source == GUARDDUTY) {
		ir_buf_str(&path, "/detector/");
		ir_sigv4_encode(&path, p->id, strlen(p->id), false);
	}
	ir_buf_str(&path, tail);
	snprintf(a->path, sizeof a->path, "%s", ir_buf_cstr(&path));
	ir_buf_free(&path);
	a->call = (struct ir_aws_call){ .region = p->region,
		.service = p->source == GUARDDUTY ? "guardduty" :
		"accessanalyzer", .operation = operation, .method = "POST",
		.path = a->path };
}

static void
note_error(struct findings *s, const struct ask *a)
{
	size_t i;

	for (i = 0; a->call.err.code && i < s->n; i++)
		if (strcmp(s->r[i].name, a->place->region) == 0)
			s->r[i].err[a->place->source] = a->call.err;
}

/* Make the calls of v (the inputs are freed), and hand each to fn. */
static int
make_calls(struct findings *s, struct ask *v, size_t n,
    void (*fn)(struct ask *a), struct ir_err *err)
{
	struct ir_aws_call *c = calloc(n + 1, sizeof *c);
	size_t i;

	for (i = 0; i < n; i++) {
		v[i].call.json = v[i].in;
		if (c)
			c[i] = v[i].call;
	}
	if (c)
		(void)ir_aws_do_many(s->aws, c, n, 32);
	for (i = 0; i < n; i++) {
		if (c) {
			v[i].call = c[i];
			note_error(s, &v[i]);
			if (fn && v[i].call.reply)
				fn(&v[i]);
			ir_aws_call_free(&c[i]);
		}
		ir_rec_free(v[i].in);
	}
	free(v);
	free(c);
	return c ? 0 : ir_fail(err, IR_OSERR, "no memory");
}

static int
list_findings(struct findings *s, struct ir_err *err)
{
	struct ask *v = calloc(s->nplaces + 1, sizeof *v);
	size_t i;

	if (!v)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < s->nplaces; i++) {
		struct place *p = s->place[i];

		prepare(&v[i], p, p->source == GUARDDUTY ? "ListFindings" :
		    "ListFindingsV2", p->source == GUARDDUTY ? "/findings" :
		    "/findingv2");
		v[i].in = p->source == GUARDDUTY ? guardduty_input(s) :
		    analyzer_input(p);
		p->paging = (struct ir_aws_paging){ .fn = take_ids,
			.arg = p };
		v[i].call.pages = &p->paging;
	}
	return make_calls(s, v, s->nplaces, NULL, err);
}

static void
take_findings(struct ask *a)
{
	const struct ir_rec *all = ir_rec_at(a->call.reply, "findings");
	size_t i;

	for (i = 0; all && i < ir_rec_len(all); i++)
		put_finding(a->place, ir_rec_item(all, i));
}

/* GuardDuty's are asked for by their ids, so many at a time. */
static int
get_findings(struct findings *s, struct ir_err *err)
{
	size_t i, k, n = 0, of;
	struct ir_rec *ids;
	struct ask *v;

	for (i = 0; i < s->nplaces; i++)
		n += ir_rec_len(s->place[i]->ids) / PAGE + 1;
	v = calloc(n + 1, sizeof *v);
	if (!v)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = n = 0; i < s->nplaces; i++) {
		of = ir_rec_len(s->place[i]->ids);
		for (k = 0, ids = NULL; k < of; k++) {
			if (k % PAGE == 0) {
				prepare(&v[n], s->place[i], "GetFindings",
				    "/findings/get");
				ids = ir_rec_array();
				v[n].in = ir_rec_object();
				ir_rec_set(v[n++].in, "findingIds", ids);
			}
			ir_rec_push_str(ids, ir_rec_cstr(ir_rec_item(
			    s->place[i]->ids, k)));
		}
	}
	return make_calls(s, v, n, take_findings, err);
}

/* --- all of it --------------------------------------------------------- */

/* Where nothing watches, no finding is no comfort. */
static void
put_scope(struct findings *s, enum source k)
{
	struct ir_rec *r = ir_rec_new("finding-scope", source_name[k]);
	struct ir_rec *on = ir_rec_array(), *off = ir_rec_array();
	struct ir_rec *unknown = ir_rec_object();
	size_t i, offs = 0, bad = 0;

	for (i = 0; i < s->n; i++) {
		const struct region *g = &s->r[i];

		if (g->disabled)
			continue;
		if (g->err[k].code) {
			bad++;
			ir_rec_str(unknown, g->name, g->err[k].msg);
		} else if (g->on[k]) {
			ir_rec_push_str(on, g->name);
		} else {
			offs++;
			ir_rec_push_str(off, g->name);
		}
	}
	ir_rec_str(r, "account", s->account);
	ir_rec_str(r, "source", source_name[k]);
	ir_rec_set(r, "on", on);
	ir_rec_set(r, "off", off);
	ir_rec_set(r, "unknown", unknown);
	ir_rec_bool(r, "ok", bad == 0);
	if (offs || bad)
		ir_rec_fmt(r, "why", "off in %zu regions, unknown in %zu: no "
		    "finding there is no comfort", offs, bad);
	ir_out_put(s->out, r);
}

static int
open_all(struct findings *s, char **operands, size_t n, struct ir_err *err)
{
	char names[IR_LOOKUP_REGIONS][40];
	struct ir_err why = IR_ERR_INIT;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!ir_aws_region_ok(operands[i]))
			return ir_fail(err, IR_USAGE, "not a region: %s",
			    operands[i]);
		if (i == IR_LOOKUP_REGIONS)
			return ir_fail(err, IR_USAGE, "more than %d regions",
			    IR_LOOKUP_REGIONS);
		snprintf(names[i], sizeof names[i], "%s", operands[i]);
	}
	if (ir_aws_open(&s->aws, &s->aws_opts, ir_ask_tty, err))
		return -1;
	ir_aws_follow(s->aws, &s->common);
	if (ir_aws_account(s->aws, s->account, NULL, err))
		return -1;
	if (n == 0)
		n = ir_lookup_regions(s->aws, names, &why);
	if (why.code)
		ir_warn(&s->common, "only regions that have SES are asked: %s",
		    why.msg);
	for (i = 0; i < n; i++)
		memcpy(s->r[i].name, names[i], sizeof names[i]);
	s->n = n;
	return 0;
}

static int
read_all(struct findings *s, struct ir_err *err)
{
	const char *names[IR_LOOKUP_REGIONS];
	const struct ir_aws_sweep w = { .regions = names, .n = s->n,
		.calls = SOURCES, .ask = ask_part, .answer = take_part,
		.arg = s };
	size_t i;

	for (i = 0; i < s->n; i++)
		names[i] = s->r[i].name;
	if (ir_aws_sweep(s->aws, &w, err))
		return -1;
	if (s->no_memory)
		return ir_fail(err, IR_OSERR, "no memory");
	return list_findings(s, err) || get_findings(s, err) ? -1 : 0;
}

int
main(int argc, char **argv)
{
	static struct findings s = { .since = 30L * DAY };
	const struct ir_opt opts[] = {
		{ 0, "all", NULL, IR_BOOL, &s.every,
		    "also what does not bear on credentials or mail" },
		{ 0, "since", "AGE", IR_SECONDS, &s.since,
		    "GuardDuty's of that time (30d)" },
		IR_OPTS_AWS(&s.aws_opts),
		IR_OPTS_COMMON(&s.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	size_t i, k;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &s.common);
	if (open_all(&s, argv + 1, (size_t)n, &err))
		goto out;
	s.out = ir_open_output(&s.common, cols);
	if (read_all(&s, &err))
		goto out;
	for (k = 0; k < SOURCES; k++)
		put_scope(&s, (enum source)k);
	for (i = 0; i < s.n; i++)
		for (k = 0; k < SOURCES; k++)
			ir_tally_add(&tally, s.r[i].err[k].code);
out:
	for (i = 0; i < s.nplaces; i++) {
		ir_rec_free(s.place[i]->ids);
		free(s.place[i]);
	}
	free(s.place);
	ir_aws_close(s.aws);
	return ir_end(&err, s.out, &tally);
}
