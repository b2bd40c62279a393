/*
 * aws-preflight - may these credentials lead the response?
 *
 * Reads who the caller is, what IAM lets it do, whether it is what was
 * stolen, and whether AWS has quarantined it.  Writes records of type
 * aws-identity, aws-permission, aws-quarantine and aws-smtp.  Changes
 * nothing; with --smtp-from it sends one mail to SES's simulator.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/principal.h"
#include "aws/smtp_file.h"
#include "aws/smtp_proof.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "net/smtp.h"
#include "policy/actions.h"
#include "policy/compromised.h"

#define MAX_ACTIONS 128
#define BATCH 20			/* actions of one simulation */
#define MAX_KEYS 20
#define SMTP_ENDPOINT "email-smtp.{region}.amazonaws.com:587"

/* Whom --compromised names. */
struct suspect {
	const char *given;
	char key[130];			/* "" when it is no key id */
	struct ir_principal who;	/* name "" when that is not known */
	struct ir_err err;		/* why not */
};

struct row {
	struct ir_action action;
	enum ir_policy_verdict verdict;
	const char *how;		/* NULL: not known */
	char why[IR_POLICY_WHY + 80];
	int code;			/* of what stood in the way */
	bool asked;			/* a simulation has answered */
};

struct preflight {
	struct ir_common common;
	struct ir_aws_opts aws_opts;
	struct ir_list compromised, only;
	bool strict;
	const char *smtp_file, *smtp_user, *smtp_from, *endpoint;

	struct ir_aws *aws;
	struct ir_out *out;
	struct ir_principal me;
	char arn[640], user_id[160];
	bool read;			/* policies were asked for */
	struct ir_principal_policies policies;
	struct suspect suspects[64];
	size_t nsuspects;
	const struct suspect *is;	/* the one that we are */
	char target[700];		/* ARN of the user to act on; "" */
	struct row rows[MAX_ACTIONS];
	size_t n;
	bool quarantined, quarantine_known;
	char denied[256];		/* what is needed and denied */
	size_t unknown, later;		/* not known; of them to be had later */
	struct ir_err smtp;
};

static bool
temporary(const struct preflight *p)
{
	return strncmp(ir_aws_key_id(p->aws), "ASIA", 4) == 0;
}

/* --- who ---------------------------------------------------------------- */

/*
 * The ARN of a user or role has a path, and only IAM knows it: without an
 * answer it is taken that there is none.
 */
static void
arn_of(struct preflight *p, struct ir_principal *who)
{
	bool role = who->kind == IR_PRINCIPAL_ROLE;
	struct ir_aws_param param = { role ? "RoleName" : "UserName",
		who->name };
	struct ir_aws_call c = { .service = "iam", .operation = role ?
		"GetRole" : "GetUser", .params = &param, .nparams = 1 };
	char plain[sizeof who->arn];
	const char *arn = NULL;

	snprintf(plain, sizeof plain, "arn:%s:iam::%s:%s/%s",
	    p->me.partition, p->me.account, role ? "role" : "user",
	    who->name);
	if (ir_aws_do(p->aws, &c, NULL) == 0)
		arn = ir_rec_get(c.reply, role ? "Role.Arn" : "User.Arn");
	snprintf(who->arn, sizeof who->arn, "%s", arn ? arn : plain);
	ir_aws_call_free(&c);
}

static int
identify(struct preflight *p, struct ir_err *err)
{
	struct ir_aws_call c = { .service = "sts",
		.operation = "GetCallerIdentity" };
	const char *arn, *id;
	int rc = ir_aws_do(p->aws, &c, err);

	if (rc == 0) {
		arn = ir_rec_get(c.reply, "Arn");
		id = ir_rec_get(c.reply, "UserId");
		snprintf(p->arn, sizeof p->arn, "%s", arn ? arn : "");
		snprintf(p->user_id, sizeof p->user_id, "%s", id ? id : "");
		rc = ir_principal_parse(p->arn, &p->me, err);
	}
	if (rc == 0 && p->me.kind == IR_PRINCIPAL_ROLE)
		arn_of(p, &p->me);
	ir_aws_call_free(&c);
	return rc;
}

static bool
is_key_id(const char *s)
{
	size_t n = strlen(s);

	return n >= 16 && n <= 128 && (strncmp(s, "AKIA", 4) == 0 ||
	    strncmp(s, "ASIA", 4) == 0) &&
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n;
}

/* The owner of a key, by IAM. */
static void
owner_of(struct preflight *p, struct suspect *s)
{
	struct ir_aws_param param = { "AccessKeyId", s->key };
	struct ir_aws_call c = { .service = "iam",
		.operation = "GetAccessKeyLastUsed", .params = &param,
		.nparams = 1 };
	const char *user;

	if (ir_aws_do(p->aws, &c, &s->err) == 0) {
		user = ir_rec_get(c.reply, "UserName");
		snprintf(s->who.name, sizeof s->who.name, "%s",
		    user ? user : "");
	}
	ir_aws_call_free(&c);
}

static bool
is_me(const struct preflight *p, const struct suspect *s)
{
	if (*s->key && strcmp(s->key, ir_aws_key_id(p->aws)) == 0)
		return true;
	return *s->who.name && s->who.kind == p->me.kind &&
	    strcmp(s->who.name, p->me.name) == 0 &&
	    (!*s->who.account || strcmp(s->who.account, p->me.account) == 0);
}

static int
find_suspect(struct preflight *p, const char *given, struct ir_err *err)
{
	struct suspect *s = &p->suspects[p->nsuspects++];

	s->given = given;
	s->who.kind = IR_PRINCIPAL_USER;
	if (strncmp(given, "arn:", 4) == 0) {
		if (ir_principal_parse(given, &s->who, NULL))
			return ir_fail(err, IR_USAGE, "--compromised: not the "
			    "ARN of a user or role: %s", given);
	} else if (is_key_id(given)) {
		snprintf(s->key, sizeof s->key, "%s", given);
		/* our own needs no asking, and a session's cannot be asked */
		if (strcmp(given, ir_aws_key_id(p->aws)) == 0)
			s->who = p->me;
		else
			owner_of(p, s);
	} else if (strlen(given) >= sizeof s->who.name) {
		return ir_fail(err, IR_USAGE, "--compromised: not a user, a "
		    "key id or an ARN: %s", given);
	} else {
		snprintf(s->who.name, sizeof s->who.name, "%s", given);
	}
	if (s->err.code)
		ir_warn(&p->common, "%s: whose key it is, is not known: %s",
		    given, s->err.msg);
	if (!p->is && is_me(p, s))
		p->is = s;
	if (*s->who.name && !*s->who.arn && s->who.kind == IR_PRINCIPAL_USER)
		arn_of(p, &s->who);
	if (s->who.kind == IR_PRINCIPAL_USER && !*p->target)
		snprintf(p->target, sizeof p->target, "%s", s->who.arn);
	return 0;
}

static int
find_suspects(struct preflight *p, struct ir_err *err)
{
	size_t i;

	for (i = 0; i < p->compromised.n; i++)
		if (find_suspect(p, p->compromised.v[i], err))
			return -1;
	return 0;
}

/* --- quarantine -------------------------------------------------------- */

static const char *const sending[] = { "ses:SendEmail", "ses:SendRawEmail" };

static void
read_quarantine(struct preflight *p, struct ir_rec *rec, const char *arn)
{
	struct ir_rec *always, *depends, *work;
	struct ir_err err = IR_ERR_INIT;
	struct ir_policy *doc;
	char version[16];
	size_t i;

	if (ir_managed_policy(p->aws, arn, version, &doc, &err)) {
		ir_rec_null(rec, "stops_sending");
		ir_rec_str(rec, "why", err.msg);
		return;
	}
	ir_rec_str(rec, "version", version);
	ir_compromised_sending(rec, doc, sending, 2);
	work = ir_rec_object();
	for (i = 0; ir_actions[i].name; i++)
		(void)ir_compromised_denies(work, doc, ir_actions[i].name,
		    ir_actions[i].on_user ? NULL : "*");
	ir_rec_set(rec, "denies_response", work);
	always = ir_rec_array();
	depends = ir_rec_array();
	ir_policy_denies(doc, true, always);
	ir_policy_denies(doc, false, depends);
	ir_rec_set(rec, "denies", always);
	ir_rec_set(rec, "denies_if", depends);
	ir_policy_free(doc);
}

static struct ir_rec *
quarantine_record(const struct ir_principal *who, const char *id)
{
	struct ir_rec *rec = ir_rec_new("aws-quarantine", id);

	if (*who->arn)
		ir_rec_str(rec, "principal", who->arn);
	return rec;
}

/* 1 there is one, 0 there is none, -1 not known. */
static int
quarantine_of(struct preflight *p, const struct ir_principal *who,
    const char *id, const struct ir_err *before)
{
	struct ir_err err = before ? *before : (struct ir_err)IR_ERR_INIT;
	struct ir_rec *arns = NULL, *rec;
	const char *arn;
	int found = 0;
	size_t i;

	if (!err.code && who->kind != IR_PRINCIPAL_USER &&
	    who->kind != IR_PRINCIPAL_ROLE)
		return 0;
	if (!err.code)
		arns = ir_principal_attached(p->aws, who, &err);
	for (i = 0; arns && i < ir_rec_len(arns); i++) {
		arn = ir_rec_cstr(ir_rec_item(arns, i));
		if (!ir_compromised_is(arn))
			continue;
		found = 1;
		rec = quarantine_record(who, id);
		ir_rec_bool(rec, "attached", true);
		ir_rec_str(rec, "policy", strrchr(arn, '/') + 1);
		read_quarantine(p, rec, arn);
		ir_out_put(p->out, rec);
	}
	if (!found) {
		rec = quarantine_record(who, id);
		if (arns)
			ir_rec_bool(rec, "attached", false);
		else
			ir_rec_null(rec, "attached");
		if (err.code)
			ir_rec_str(rec, "why", err.msg);
		ir_out_put(p->out, rec);
	}
	found = arns ? found : -1;
	ir_rec_free(arns);
	return found;
}

static void
look_for_quarantine(struct preflight *p)
{
	const struct suspect *s;
	int found;
	size_t i;

	found = quarantine_of(p, &p->me, p->me.name, NULL);
	p->quarantined = found == 1;
	p->quarantine_known = found >= 0;
	for (i = 0; i < p->nsuspects; i++) {
		s = &p->suspects[i];
		if (!is_me(p, s))
			(void)quarantine_of(p, &s->who, *s->who.name ?
			    s->who.name : s->given, s->err.code ? &s->err :
			    NULL);
	}
}

/* --- permissions ------------------------------------------------------- */

/* What is known of a call's context, and what is known to be absent. */
struct context {
	struct ir_policy_key keys[MAX_KEYS];
	const char *value[MAX_KEYS];
	size_t n;
	char now[IR_TIME_LEN], epoch[24];
};

static void
know(struct context *c, const char *name, const char *value)
{
	c->value[c->n] = value;
	c->keys[c->n] = (struct ir_policy_key){ name, &c->value[c->n],
		value ? 1 : 0 };
	c->n++;
}

/* Of iam and sts only the partition aws says in which region they are. */
static const char *
region_of(const struct preflight *p, const char *action)
{
	if (strncmp(action, "iam:", 4) != 0)
		return ir_aws_region(p->aws);
	return strcmp(p->me.partition, "aws") == 0 ? "us-east-1" : NULL;
}

static void
context_of(const struct preflight *p, const char *action, struct context *c)
{
	bool user = p->me.kind == IR_PRINCIPAL_USER;
	int64_t now = ir_now(), skew = 0;

	(void)ir_aws_skew(p->aws, &skew);
	c->n = 0;
	ir_time_rfc3339(now + skew, c->now);
	snprintf(c->epoch, sizeof c->epoch, "%lld", (long long)(now + skew));
	know(c, "aws:CurrentTime", c->now);
	know(c, "aws:EpochTime", c->epoch);
	know(c, "aws:SecureTransport", "true");
	if (region_of(p, action))
		know(c, "aws:RequestedRegion", region_of(p, action));
	know(c, "aws:PrincipalArn", p->me.arn);
	know(c, "aws:PrincipalAccount", p->me.account);
	know(c, "aws:userid", p->user_id);
	know(c, "aws:username", user ? p->me.name : NULL);
	know(c, "aws:PrincipalType", user ? "User" : "AssumedRole");
	know(c, "aws:ViaAWSService", "false");
	know(c, "aws:PrincipalIsAWSService", "false");
	know(c, "aws:CalledVia", NULL);
	if (!temporary(p)) {
		know(c, "aws:TokenIssueTime", NULL);
		know(c, "aws:MultiFactorAuthPresent", NULL);
		know(c, "aws:MultiFactorAuthAge", NULL);
	}
}

static const char *
resource_of(const struct preflight *p, const struct row *r)
{
	if (!r->action.on_user)
		return "*";
	return *p->target ? p->target : NULL;
}

static void
decided(struct row *r, enum ir_policy_verdict v, const char *how,
    const char *why)
{
	r->verdict = v;
	r->how = how;
	r->code = 0;
	snprintf(r->why, sizeof r->why, "%s", why);
}

static void
stood_in_the_way(struct row *r, const struct ir_err *err)
{
	if (r->code != IR_TEMPFAIL)
		r->code = err->code;
	snprintf(r->why, sizeof r->why, "%.300s", err->msg);
}

static bool
some(const struct ir_rec *result, const char *path)
{
	const struct ir_rec *v = ir_rec_at(result, path);

	return v && ir_rec_kind(v) == IR_REC_ARRAY && ir_rec_len(v);
}

static bool
no(const struct ir_rec *result, const char *path)
{
	const char *said = ir_rec_get(result, path);

	return said && strcmp(said, "false") == 0;
}

/* What a simulation's result says; it may leave it open. */
static void
read_simulation(struct row *r, const struct ir_rec *result, bool any_user)
{
	const char *said = ir_rec_get(result, "EvalDecision");
	const char *by = ir_rec_get(result,
	    "MatchedStatements.0.SourcePolicyId");
	char why[200];

	if (!said) {
		snprintf(r->why, sizeof r->why, "simulation: no decision");
		return;
	}
	if (some(result, "MissingContextValues") || some(result,
	    "ResourceSpecificResults.0.MissingContextValues")) {
		by = ir_rec_get(result, "MissingContextValues.0");
		snprintf(r->why, sizeof r->why, "simulation: it depends on "
		    "%.100s", by ? by : "a condition key");
		return;
	}
	if (strcmp(said, "allowed") == 0) {
		snprintf(why, sizeof why, "allowed by %.100s",
		    by ? by : "a policy");
		decided(r, IR_POLICY_ALLOWED, "simulation", why);
	} else if (strcmp(said, "explicitDeny") == 0) {
		snprintf(why, sizeof why, "denied by %.100s",
		    by ? by : "a policy");
		decided(r, IR_POLICY_DENIED, "simulation", why);
	} else if (any_user) {
		snprintf(r->why, sizeof r->why, "not for every user; name "
		    "the one with --compromised");
	} else {
		decided(r, IR_POLICY_NONE, "simulation",
		    no(result, "OrganizationsDecisionDetail."
		    "AllowedByOrganizations") ?
		    "not allowed by the organization" :
		    no(result, "PermissionsBoundaryDecisionDetail."
		    "AllowedByPermissionsBoundary") ?
		    "not allowed by the boundary" :
		    "no policy allows it");
	}
}

struct query {
	struct ir_aws_param v[2 + BATCH + 9];
	char name[BATCH + 9][64];
	size_t n, names, entries;
};

static void
add(struct query *q, const char *name, const char *value)
{
	q->v[q->n++] = (struct ir_aws_param){ name, value };
}

static void
add_entry(struct query *q, const char *key, const char *value,
    const char *type)
{
	static const char *const part[] = { "Name", "Values.member.1",
		"Type" };
	const char *values[] = { key, value, type };
	size_t i;

	q->entries++;
	for (i = 0; i < 3; i++) {
		snprintf(q->name[q->names], sizeof q->name[0],
		    "ContextEntries.member.%zu.ContextKey%s", q->entries,
		    part[i]);
		add(q, q->name[q->names++], values[i]);
	}
}

/* What has a way of its own to find out is asked about alone. */
static bool
goes_along(const struct preflight *p, const struct row *r,
    const struct row *with)
{
	const char *a = region_of(p, r->action.name);
	const char *b = region_of(p, with->action.name);

	return r == with || (!r->asked && !p->only.n &&
	    strncmp(r->action.name, "sts:", 4) != 0 &&
	    strcmp(r->action.name, "ec2:DescribeRegions") != 0 &&
	    r->action.on_user == with->action.on_user &&
	    (a && b ? strcmp(a, b) == 0 : a == b));
}

static void
read_all(struct preflight *p, const struct ir_rec *results)
{
	const struct ir_rec *one;
	const char *name;
	struct row *r;
	size_t i, k;

	for (i = 0; i < ir_rec_len(results); i++) {
		one = ir_rec_item(results, i);
		name = ir_rec_get(one, "EvalActionName");
		for (k = 0; name && k < p->n; k++) {
			r = &p->rows[k];
			if (!r->asked || r->how || *r->why ||
			    strcmp(r->action.name, name) != 0)
				continue;
			read_simulation(r, one, r->action.on_user &&
			    !*p->target);
		}
	}
}

/*
 * One simulation of this action, and of those that go along with it.  -1: it
 * was refused or lost.
 */
static int
simulate(struct preflight *p, struct row *r)
{
	const char *region = region_of(p, r->action.name);
	struct ir_aws_call c = { .service = "iam",
		.operation = "SimulatePrincipalPolicy" };
	struct ir_err err = IR_ERR_INIT;
	struct query q = { .n = 0 };
	char now[IR_TIME_LEN];
	size_t i, n = 0;
	int rc;

	add(&q, "PolicySourceArn", p->me.arn);
	for (i = (size_t)(r - p->rows); i < p->n && n < BATCH; i++) {
		if (!goes_along(p, &p->rows[i], r))
			continue;
		p->rows[i].asked = true;
		snprintf(q.name[q.names], sizeof q.name[0],
		    "ActionNames.member.%zu", ++n);
		add(&q, q.name[q.names++], p->rows[i].action.name);
	}
	if (r->action.on_user && *p->target)
		add(&q, "ResourceArns.member.1", p->target);
	add_entry(&q, "aws:CurrentTime", ir_time_rfc3339(ir_now(), now),
	    "date");
	add_entry(&q, "aws:SecureTransport", "true", "boolean");
	if (region)
		add_entry(&q, "aws:RequestedRegion", region, "string");
	c.params = q.v;
	c.nparams = q.n;
	rc = ir_aws_do(p->aws, &c, &err);
	if (rc == 0)
		read_all(p, ir_rec_at(c.reply, "EvaluationResults"));
	else
		stood_in_the_way(r, &err);
	ir_aws_call_free(&c);
	return rc;
}

/* Its own policies, evaluated here. */
static void
evaluate(struct preflight *p, struct row *r)
{
	struct ir_policy_set set;
	struct ir_policy_request q = { .action = r->action.name,
		.resource = resource_of(p, r) };
	char why[IR_POLICY_WHY];
	struct context c;
	enum ir_policy_verdict v;

	if (!p->read)
		ir_principal_read(p->aws, &p->me, &p->policies);
	p->read = true;
	context_of(p, r->action.name, &c);
	q.keys = c.keys;
	q.nkeys = c.n;
	set = (struct ir_policy_set){ .identity = p->policies.identity,
		.n = p->policies.n, .boundary = p->policies.boundary,
		.incomplete = !p->policies.complete };
	v = ir_policy_decide(&set, &q, why);
	if (v != IR_POLICY_UNKNOWN)
		decided(r, v, "policies", why);
	else if (p->policies.complete)
		snprintf(r->why, sizeof r->why, "%s", why);
	else if (r->code || !*r->why)
		stood_in_the_way(r, &p->policies.err);
}

/*
 * EC2 answers the question itself, and sees what IAM's simulation and the
 * policies do not show: those of the session and of the organization.
 */
static bool
dry_run(struct preflight *p, struct row *r)
{
	static const struct ir_aws_param dry = { "DryRun", "true" };
	struct ir_aws_call c = { .service = "ec2",
		.operation = "DescribeRegions", .params = &dry,
		.nparams = 1 };

	if (strcmp(r->action.name, "ec2:DescribeRegions") != 0)
		return false;
	(void)ir_aws_do(p->aws, &c, NULL);
	if (strcmp(c.error_code, "DryRunOperation") == 0)
		decided(r, IR_POLICY_ALLOWED, "dry-run", "EC2 says so");
	else if (strcmp(c.error_code, "UnauthorizedOperation") == 0)
		decided(r, IR_POLICY_NONE, "dry-run", "EC2 says so");
	ir_aws_call_free(&c);
	return r->how != NULL;
}

/* *simulates: it has not been refused yet. */
static void
decide(struct preflight *p, struct row *r, bool *simulates)
{
	bool principal = p->me.kind == IR_PRINCIPAL_USER ||
	    p->me.kind == IR_PRINCIPAL_ROLE;

	if (!r->how)
		r->verdict = IR_POLICY_UNKNOWN;
	if (!principal)
		snprintf(r->why, sizeof r->why, "IAM cannot be asked about "
		    "%.200s", p->arn);
	if (strcmp(r->action.name, "sts:GetCallerIdentity") == 0) {
		decided(r, IR_POLICY_ALLOWED, "call", "it was just made");
	} else if (p->me.kind == IR_PRINCIPAL_ROOT) {
		decided(r, IR_POLICY_ALLOWED, "root",
		    "the root user: nothing in IAM limits it");
	} else if (dry_run(p, r)) {
		;
	} else if (principal) {
		if (*simulates && !r->asked)
			*simulates = simulate(p, r) == 0;
		if (!r->how)
			evaluate(p, r);
	}
	/* what AssumeRole was given along takes away, and cannot be read */
	if (r->verdict == IR_POLICY_ALLOWED && temporary(p) &&
	    (strcmp(r->how, "simulation") == 0 ||
	    strcmp(r->how, "policies") == 0)) {
		size_t n = strlen(r->why);

		snprintf(r->why + n, sizeof r->why - n,
		    ", if the session has no policy of its own");
	}
}

static void
count(struct preflight *p, const struct row *r)
{
	size_t n = strlen(p->denied);

	if (r->verdict == IR_POLICY_UNKNOWN) {
		p->unknown++;
		p->later += r->code == IR_TEMPFAIL;
	}
	if (!r->action.needed || r->verdict == IR_POLICY_ALLOWED ||
	    (r->verdict == IR_POLICY_UNKNOWN &&
	    (!p->strict || r->code == IR_TEMPFAIL)))
		return;
	snprintf(p->denied + n, sizeof p->denied - n, "%s%s", n ? ", " : "",
	    r->action.name);
}

static void
say(struct preflight *p, const struct row *r)
{
	struct ir_rec *rec = ir_rec_new("aws-permission", r->action.name);
	const char *resource = resource_of(p, r);

	if (r->verdict == IR_POLICY_UNKNOWN) {
		ir_rec_str(rec, "decision", "not known");
	} else {
		ir_rec_str(rec, "decision", r->verdict == IR_POLICY_ALLOWED ?
		    "allowed" : "denied");
		ir_rec_bool(rec, "ok", r->verdict == IR_POLICY_ALLOWED);
	}
	ir_rec_bool(rec, "needed", r->action.needed);
	if (r->action.by)
		ir_rec_str(rec, "for", r->action.by);
	if (resource)
		ir_rec_str(rec, "resource", resource);
	if (ir_aws_region(p->aws))
		ir_rec_str(rec, "region", ir_aws_region(p->aws));
	if (r->how)
		ir_rec_str(rec, "how", r->how);
	ir_rec_str(rec, "why", r->why);
	ir_out_put(p->out, rec);
}

static void
permissions(struct preflight *p)
{
	bool simulates = true;
	size_t i;

	for (i = 0; i < p->n; i++) {
		decide(p, &p->rows[i], &simulates);
		count(p, &p->rows[i]);
		say(p, &p->rows[i]);
	}
}

/* --- SMTP -------------------------------------------------------------- */

static void
smtp_record(struct preflight *p, const char *user, int code, const char *data)
{
	struct ir_rec *rec = ir_rec_new("aws-smtp", ir_aws_region(p->aws));

	ir_rec_str(rec, "user", user);
	if (code)
		ir_rec_int(rec, "auth", code);
	ir_rec_str(rec, "data", data);
	ir_rec_bool(rec, "ok", p->smtp.code == 0);
	if (p->smtp.code)
		ir_rec_str(rec, "why", p->smtp.msg);
	ir_out_put(p->out, rec);
}

static const char *
send_one(struct preflight *p, const struct ir_smtp_proof *proof)
{
	bool paused;

	if (ir_smtp_proof_data(proof, p->smtp_from, &paused, &p->smtp) == 0)
		return "accepted";
	return p->smtp.code == IR_UNKNOWN ? "unknown" :
	    paused ? "paused" : "refused";
}

/* One AUTH, and with --smtp-from one mail.  What fails is in p->smtp. */
static void
smtp(struct preflight *p)
{
	struct ir_buf file = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	struct ir_secret password = IR_SECRET_INIT;
	struct ir_smtp_proof proof = { .endpoint = p->endpoint,
		.region = ir_aws_region(p->aws), .password = &password,
		.deadline = ir_mono_ms() + 30000 };
	const char *data = "none", *v;
	char user[130] = "";
	size_t len;
	int code = 0;

	if (ir_smtp_file_read(p->smtp_file, &file, &p->smtp) == 0 &&
	    ir_smtp_file_find(ir_buf_cstr(&file), file.len, "user", &v, &len))
		snprintf(user, sizeof user, "%.*s", (int)len, v);
	if (p->smtp_user)
		snprintf(user, sizeof user, "%s", p->smtp_user);
	proof.user = user;
	if (!p->smtp.code && !*user)
		ir_fail(&p->smtp, IR_DATAERR, "%s: no user in it, and no "
		    "--smtp-user", p->smtp_file);
	if (!p->smtp.code && ir_smtp_file_password(&file, proof.region,
	    &password, &p->smtp) == 0)
		code = ir_smtp_proof_auth(&proof, &p->smtp);
	if (code == 235 && p->smtp_from)
		data = send_one(p, &proof);
	smtp_record(p, user, code, data);
	ir_secret_free(&password);
	ir_buf_free(&file);
}

/* --- the answer -------------------------------------------------------- */

static const char *
kind_word(const struct preflight *p)
{
	static const char *const words[] = { "other", "root", "user",
		"role" };

	return words[p->me.kind];
}

static void
say_identity(struct preflight *p)
{
	struct ir_rec *rec = ir_rec_new("aws-identity", p->arn);
	bool open = false;
	int64_t skew;
	size_t i;

	ir_rec_str(rec, "account", p->me.account);
	ir_rec_str(rec, "kind", kind_word(p));
	ir_rec_str(rec, "name", p->me.name);
	ir_rec_str(rec, "key", ir_aws_key_id(p->aws));
	ir_rec_bool(rec, "temporary", temporary(p));
	ir_rec_str(rec, "source", ir_aws_source(p->aws));
	if (ir_aws_region(p->aws))
		ir_rec_str(rec, "region", ir_aws_region(p->aws));
	else
		ir_rec_null(rec, "region");
	ir_rec_str(rec, "partition", p->me.partition);
	if (ir_aws_skew(p->aws, &skew))
		ir_rec_int(rec, "clock_skew", skew);
	else
		ir_rec_null(rec, "clock_skew");
	for (i = 0; i < p->nsuspects; i++)
		open = open || p->suspects[i].err.code;
	if (open && !p->is)
		ir_rec_null(rec, "compromised");
	else if (p->nsuspects)
		ir_rec_bool(rec, "compromised", p->is != NULL);
	ir_out_put(p->out, rec);
}

/* The worst of what was found is the exit code. */
static void
conclude(struct preflight *p, struct ir_err *err)
{
	if (p->smtp.code == IR_UNKNOWN) {
		*err = p->smtp;
	} else if (p->is) {
		ir_fail(err, IR_NOPERM, "%s is the compromised principal "
		    "(%s): it does not lead the response", p->arn,
		    p->is->given);
		ir_hint(err, "use credentials of another principal");
	} else if (p->quarantined) {
		ir_fail(err, IR_NOPERM, "%s is quarantined by AWS: it does "
		    "not lead the response", p->arn);
		ir_hint(err, "use credentials of another principal");
	} else if (*p->denied) {
		ir_fail(err, IR_NO, "needed, and %s: %s", p->strict ?
		    "denied or not known" : "denied", p->denied);
	} else if (p->smtp.code) {
		*err = p->smtp;
		if (err->code == IR_NOPERM)
			err->code = IR_NO;
	} else if (p->later) {
		ir_fail(err, IR_TEMPFAIL, "not known of %zu action%s, and "
		    "IAM should be asked again", p->unknown,
		    p->unknown == 1 ? "" : "s");
	}
	if (p->unknown && !err->code)
		ir_warn(&p->common, "not known of %zu action%s whether "
		    "allowed", p->unknown, p->unknown == 1 ? "" : "s");
	if (!p->quarantine_known && !err->code)
		ir_warn(&p->common, "not known whether AWS has quarantined "
		    "%s", p->me.name);
	if (p->me.kind == IR_PRINCIPAL_ROOT)
		ir_warn(&p->common, "these are the root user's credentials");
}

static void
run(struct preflight *p, struct ir_err *err)
{
	say_identity(p);
	look_for_quarantine(p);
	if (!p->is)
		permissions(p);
	if (!p->is && p->smtp_file)
		smtp(p);
	conclude(p, err);
}

/* The table, or what --action asks about. */
static void
choose_actions(struct preflight *p)
{
	const struct ir_action *a;
	const char *colon, *name;
	size_t i;

	for (i = 0; !p->only.n && ir_actions[i].name; i++)
		p->rows[p->n++].action = ir_actions[i];
	for (i = 0; i < p->only.n; i++) {
		name = p->only.v[i];
		colon = strchr(name, ':');
		if (!colon || colon == name || !colon[1] ||
		    strpbrk(name, "*? ") || strlen(name) > 128)
			ir_die_usage("--action: not SERVICE:ACTION: %s", name);
		for (a = ir_actions; a->name; a++)
			if (ir_ascii_ieq(a->name, name))
				break;
		p->rows[p->n].action = *a;
		p->rows[p->n].action.name = name;
		p->rows[p->n++].action.needed = true;
	}
}

static void
check_usage(struct preflight *p, int operands)
{
	char host[256];
	int port = 0;

	if (operands)
		ir_die_usage("no operands: --compromised names who it is not");
	if (!p->smtp_file && (p->smtp_user || p->smtp_from))
		ir_die_usage("--smtp-user and --smtp-from need --smtp-file");
	if (p->smtp_from && !ir_smtp_address_ok(p->smtp_from))
		ir_die_usage("--smtp-from: not a mail address: %s",
		    p->smtp_from);
	if (!p->endpoint)
		p->endpoint = getenv("QUELL_SES_SMTP");
	if (!p->endpoint || !*p->endpoint)
		p->endpoint = SMTP_ENDPOINT;
	if (ir_smtp_endpoint(p->endpoint, "us-east-1", host, sizeof host,
	    &port, NULL))
		ir_die_usage("--smtp-endpoint: not HOST[:PORT]: %s",
		    p->endpoint);
	choose_actions(p);
}

static const struct ir_cmd cmd = {
	"aws-preflight", "may these credentials lead the response?",
	"[options]"
};

static const struct ir_col cols[] = {
	{ "type", "TYPE" }, { "id", "ID" }, { "decision", "DECISION" },
	{ "how", "HOW" }, { "source", "SOURCE" }, { "region", "REGION" },
	{ "clock_skew", "SKEW" }, { "attached", "QUARANTINED" },
	{ "why", "WHY" }, { NULL, NULL }
};

int
main(int argc, char **argv)
{
	static struct preflight p;
	const struct ir_opt opts[] = {
		{ 0, "compromised", "WHO", IR_LIST, &p.compromised,
		    "user, key id or ARN that was stolen; several" },
		{ 0, "action", "ACTION", IR_LIST, &p.only,
		    "ask about these actions instead of the table's" },
		{ 0, "strict", NULL, IR_BOOL, &p.strict,
		    "what is not known counts as denied" },
		{ 0, "smtp-file", "FILE", IR_STR, &p.smtp_file,
		    "SES SMTP credentials to try AUTH with" },
		{ 0, "smtp-user", "KEY", IR_STR, &p.smtp_user,
		    "their user, if the file does not say" },
		{ 0, "smtp-endpoint", "HOST:PORT", IR_STR, &p.endpoint,
		    "SMTP endpoint; {region} is replaced" },
		{ 0, "smtp-from", "ADDRESS", IR_STR, &p.smtp_from,
		    "send one mail from there to SES's simulator" },
		IR_OPTS_AWS(&p.aws_opts), IR_OPTS_COMMON(&p.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;

	ir_begin(&cmd);
	check_usage(&p, ir_parse(argc, argv, opts, &p.common));
	if (ir_aws_open(&p.aws, &p.aws_opts, ir_ask_tty, &err))
		goto out;
	ir_aws_follow(p.aws, &p.common);
	if (p.smtp_file && !ir_aws_region(p.aws)) {
		ir_fail(&err, IR_CONFIG, "no AWS region");
		goto out;
	}
	p.out = ir_open_output(&p.common, cols);
	if (identify(&p, &err) || find_suspects(&p, &err))
		goto out;
	run(&p, &err);
out:
	ir_principal_free(&p.policies);
	ir_aws_close(p.aws);
	return ir_end(&err, p.out, NULL);
}
