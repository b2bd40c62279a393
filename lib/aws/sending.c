/* sending.c - see sending.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "../policy/match.h"
#include "sending.h"

const struct ir_send_action ir_send_actions[] = {
	{ "ses:SendRawEmail", true }, { "ses:SendEmail", true },
	{ "ses:SendTemplatedEmail", true }, { "ses:SendBulkEmail", true },
	{ "ses:SendBulkTemplatedEmail", true }, { "ses:SendBounce", true },
	{ "ses:SendCustomVerificationEmail", false }, { NULL, false }
};

/* --- the context of a request ------------------------------------------ */

/* Values live in the arrays: it must not be copied. */
struct context {
	struct ir_policy_key key[40 + IR_AUTH_OF_ONE];
	const char *value[40 + IR_AUTH_OF_ONE];
	char tag[IR_AUTH_OF_ONE][160];
	char now[IR_TIME_LEN], epoch[24];
	size_t n;
};

enum asks { BY_KEY, BY_SESSION };

static void
set(struct context *c, const char *name, const char *value)
{
	c->value[c->n] = value;
	c->key[c->n] = (struct ir_policy_key){ name, &c->value[c->n],
		value != NULL };
	c->n++;
}

static void
absent(struct context *c, const char *name)
{
	set(c, name, NULL);
}

static void
there(struct context *c, const char *name)
{
	c->key[c->n++] = (struct ir_policy_key){ name, NULL, 1 };
}

/* What is so whoever asks. */
static void
common(struct context *c, int64_t now)
{
	c->n = 0;
	set(c, "aws:CurrentTime", ir_time_rfc3339(now, c->now));
	snprintf(c->epoch, sizeof c->epoch, "%lld", (long long)now);
	set(c, "aws:EpochTime", c->epoch);
	/* SES has no other door */
	set(c, "aws:SecureTransport", "true");
}

/* A user or role that asks by itself, and not a service for it. */
static void
directly(struct context *c)
{
	set(c, "aws:PrincipalIsAWSService", "false");
	set(c, "aws:ViaAWSService", "false");
	absent(c, "aws:CalledVia*");
	absent(c, "aws:SourceArn");
	absent(c, "aws:SourceAccount");
	absent(c, "aws:PrincipalServiceName*");
}

/* A session can be given no tags that a user has not. */
static void
user_tags(struct context *c, const struct ir_auth_entity *e)
{
	size_t i;

	for (i = 0; i < e->ntags && i < IR_AUTH_OF_ONE; i++) {
		snprintf(c->tag[i], sizeof c->tag[i], "aws:PrincipalTag/%s",
		    e->tags[2 * i]);
		set(c, c->tag[i], e->tags[2 * i + 1]);
	}
	absent(c, "aws:PrincipalTag/*");
}

static void
user(struct context *c, const struct ir_sender *s, enum asks how)
{
	const struct ir_auth_entity *e = s->entity;

	set(c, "aws:PrincipalType", "User");
	set(c, "aws:username", e->name);
	set(c, "aws:userid", e->id);
	absent(c, "aws:FederatedProvider");
	user_tags(c, e);
	if (how == BY_KEY) {
		absent(c, "aws:TokenIssueTime");
		absent(c, "aws:MultiFactorAuthPresent");
		absent(c, "aws:MultiFactorAuthAge");
		return;
	}
	there(c, "aws:TokenIssueTime");
	if (s->mfa == IR_MFA_NO) {
		set(c, "aws:MultiFactorAuthPresent", "false");
		absent(c, "aws:MultiFactorAuthAge");
	}
}

static void
context_of(struct context *c, const struct ir_sender *s, enum asks how)
{
	const struct ir_auth_entity *e = s->entity;

	common(c, s->now);
	directly(c);
	set(c, "aws:PrincipalAccount", s->account);
	set(c, "aws:ResourceAccount", s->account);
	if (e->kind == IR_AUTH_GROUP)
		return;
	set(c, "aws:PrincipalArn", e->arn);
	if (e->kind == IR_AUTH_USER) {
		user(c, s, how);
	} else {
		set(c, "aws:PrincipalType", "AssumedRole");
		absent(c, "aws:username");
		there(c, "aws:userid");
		there(c, "aws:TokenIssueTime");
	}
}

/* --- judging ----------------------------------------------------------- */

/* One who asks for one action, in one way. */
struct question {
	const struct ir_identities *ids;
	const struct ir_sender *s;	/* NULL: somebody else */
	struct ir_policy_who who;
	const char *action;
	int64_t now;
	enum asks how;
	struct ir_policy_set own;
	struct context context;
	size_t known;			/* keys but for the region */
	struct ir_policy **matters;	/* own's, owned */
};

/* Most policies are about something else: they are left out from here on. */
static int
keep_what_matters(struct question *q, struct ir_err *err)
{
	const struct ir_rec *s;
	size_t i, k, n = 0;

	q->matters = calloc(q->own.n + 1, sizeof *q->matters);
	if (!q->matters)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < q->own.n; i++)
		for (k = 0; (s = ir_policy_statement(q->own.identity[i], k)) !=
		    NULL; k++)
			if (ir_policy_statement_has(s, q->action)) {
				q->matters[n++] = q->own.identity[i];
				break;
			}
	q->own.identity = q->matters;
	q->own.n = n;
	return 0;
}

static void
prepare(struct question *q)
{
	if (q->s) {
		context_of(&q->context, q->s, q->how);
	} else {
		common(&q->context, q->now);
		if (*q->who.account)
			set(&q->context, "aws:PrincipalAccount",
			    q->who.account);
	}
	q->known = q->context.n;
}

static void
ask(struct question *q, const struct ir_identity *id, const char *resource,
    struct ir_policy_answer *a)
{
	struct ir_policy_set set_ = q->own;
	struct ir_policy_request r = { .action = q->action,
		.resource = resource, .who = &q->who };

	/* the region is the last key: there is none, or another one's */
	q->context.n = q->known;
	if (id)
		set(&q->context, "aws:RequestedRegion", id->region);
	r.keys = q->context.key;
	r.nkeys = q->context.n;
	if (id && (!q->s || q->s->entity->kind != IR_AUTH_GROUP)) {
		set_.resource = id->policy;
		set_.nresource = id->n;
	}
	ir_policy_judge(&set_, &r, a);
}

static enum ir_sending_verdict
verdict_of(const struct ir_policy_answer *a)
{
	return a->verdict == IR_POLICY_ALLOWED ? IR_SENDS :
	    a->verdict == IR_POLICY_UNKNOWN ? IR_SENDS_PERHAPS : IR_SENDS_NOT;
}

/* The stronger verdict wins; of two that say no, a Deny. */
static void
take(struct ir_sending *out, const struct ir_policy_answer *a, bool first)
{
	enum ir_sending_verdict v = verdict_of(a);

	if (first || v > out->verdict || (v == IR_SENDS_NOT && !out->denied &&
	    out->verdict == v && a->verdict == IR_POLICY_DENIED)) {
		if (v > out->verdict)
			out->non = 0;
		out->verdict = v;
		out->answer = *a;
		out->denied = a->verdict == IR_POLICY_DENIED;
	}
}

static void
on_identity(struct ir_sending *out, size_t i, const struct ir_policy_answer *a)
{
	enum ir_sending_verdict v = verdict_of(a);

	take(out, a, out->non == 0 && i == 0);
	out->yes += v == IR_SENDS;
	out->perhaps += v == IR_SENDS_PERHAPS;
	if (v != IR_SENDS_NOT && v == out->verdict &&
	    out->non < IR_SENDING_ON)
		out->on[out->non++] = i;
}

/*
 * An identity that the pattern fits, and that the account does not have: the
 * wildcards become letters.  false: it is about something else.
 */
static bool
probe(const struct ir_identities *ids, const char *pattern, char arn[640])
{
	static const char *const part[] = { "arn", "aws", "ses", "us-east-1",
		"000000000000", "identity/x" };
	struct ir_buf b = IR_BUF(639);
	const char *s = pattern;
	size_t i, n;

	for (i = 0; i < 6; i++) {
		n = i < 5 ? strcspn(s, ":") : strlen(s);
		if (i)
			ir_buf_chr(&b, ':');
		if (strspn(s, "*") >= n)
			ir_buf_str(&b, part[i]);
		else
			ir_buf_add(&b, s, n);
		/* a star at the end reaches over all that follows */
		s += n < strlen(s) ? n + 1 : strcmp(s, "*") == 0 ? 0 : n;
	}
	snprintf(arn, 640, "%s", ir_buf_cstr(&b));
	ir_buf_free(&b);
	for (i = 0; arn[i]; i++)
		if (arn[i] == '*' || arn[i] == '?')
			arn[i] = 'x';
	for (i = 0; i < ids->n; i++)
		if (strcmp(ids->v[i].arn, arn) == 0)
			return false;
	return strstr(arn, ":ses:") && strstr(arn, ":identity/");
}

static bool
open_at(struct question *q, const char *pattern, struct ir_policy_answer *a)
{
	struct ir_policy_request r = { .keys = q->context.key };
	struct ir_policy_eval e = { .request = &r, .variables = true };
	struct ir_buf text = IR_BUF(IR_POLICY_TEXT);
	enum ir_tri t;
	char arn[640];
	bool there_is;

	r.nkeys = q->known;
	t = ir_policy_expand(&e, pattern, false, &text);
	there_is = t != IR_TRI_NO && (t == IR_TRI_MAYBE ||
	    probe(q->ids, ir_buf_cstr(&text), arn));
	ir_buf_free(&text);
	if (!there_is)
		return false;
	ask(q, NULL, t == IR_TRI_YES ? arn : NULL, a);
	return a->verdict == IR_POLICY_ALLOWED ||
	    a->verdict == IR_POLICY_UNKNOWN;
}

static bool
open_by(struct question *q, const struct ir_rec *s,
    struct ir_policy_answer *a)
{
	const struct ir_rec *list = ir_rec_at(s, "Resource");
	size_t i;

	if (strcmp(ir_rec_get(s, "Effect"), "Allow") != 0 ||
	    !ir_policy_statement_has(s, q->action))
		return false;
	if (!list)
		return open_at(q, "*", a);
	if (ir_rec_cstr(list))
		return open_at(q, ir_rec_cstr(list), a);
	for (i = 0; i < ir_rec_len(list); i++)
		if (open_at(q, ir_rec_cstr(ir_rec_item(list, i)), a))
			return true;
	return false;
}

/* Would it be allowed on an identity that is not there, or not ours? */
static bool
elsewhere(struct question *q, struct ir_policy_answer *a)
{
	const struct ir_rec *s;
	size_t i, k;

	if (q->own.incomplete)
		return true;
	for (i = 0; i < q->own.n; i++)
		for (k = 0; (s = ir_policy_statement(q->own.identity[i], k)) !=
		    NULL; k++)
			if (open_by(q, s, a))
				return true;
	return false;
}

static bool
names_resources(const struct ir_policy *p, const char *action)
{
	const struct ir_rec *s, *list;
	const char *text;
	size_t i, k;

	for (i = 0; p && (s = ir_policy_statement(p, i)) != NULL; i++) {
		if (!ir_policy_statement_has(s, action))
			continue;
		list = ir_rec_at(s, "Resource");
		text = list ? ir_rec_cstr(list) : NULL;
		if (!list || (text && strcmp(text, "*") != 0))
			return true;
		for (k = 0; !text && k < ir_rec_len(list); k++)
			if (strcmp(ir_rec_cstr(ir_rec_item(list, k)), "*"))
				return true;
	}
	return false;
}

/* Is it the same for all identities of a region that have no policies? */
static bool
resources_matter(const struct question *q)
{
	size_t i;

	for (i = 0; i < q->own.n; i++)
		if (names_resources(q->own.identity[i], q->action))
			return true;
	return names_resources(q->own.boundary, q->action);
}

/*
 * Most have nothing to do with sending: what is so on any resource is asked
 * first, and each identity only where that left it open, or where the
 * identity has a say.
 */
static void
judge(struct question *q, bool on_identities, struct ir_sending *out)
{
	const struct ir_identity *id, *same = NULL;
	struct ir_policy_answer base, one;
	bool matter;
	size_t i;

	memset(out, 0, sizeof *out);
	prepare(q);
	ask(q, NULL, on_identities ? NULL : "*", &base);
	if (!on_identities || q->ids->n == 0) {
		take(out, &base, true);
		return;
	}
	matter = base.verdict == IR_POLICY_UNKNOWN && resources_matter(q);
	for (i = 0; i < q->ids->n; i++) {
		id = &q->ids->v[i];
		if (base.verdict != IR_POLICY_UNKNOWN && id->n == 0) {
			on_identity(out, i, &base);
			continue;
		}
		if (matter || id->n || !same ||
		    strcmp(same->region, id->region) != 0)
			ask(q, id, id->arn, &one);
		same = id->n ? NULL : id;
		on_identity(out, i, &one);
	}
	if (!q->s || out->verdict != IR_SENDS_NOT)
		return;
	if (base.verdict != IR_POLICY_UNKNOWN) {
		/* an identity may deny as well, but that is not why */
		out->answer = base;
		out->denied = base.verdict == IR_POLICY_DENIED;
	} else if (elsewhere(q, &base)) {
		out->verdict = IR_SENDS_PERHAPS;
		out->elsewhere = true;
		out->answer = base;
	}
}

int
ir_sending_judge(const struct ir_identities *ids, const struct ir_sender *s,
    const struct ir_send_action *action, struct ir_sending *out,
    struct ir_err *err)
{
	struct question *q = calloc(1, sizeof *q);
	struct ir_sending session;

	if (!q)
		return ir_fail(err, IR_OSERR, "no memory");
	*q = (struct question){ .ids = ids, .s = s, .action = action->name,
		.who = { .kind = s->entity->kind == IR_AUTH_USER ?
		IR_POLICY_USER : IR_POLICY_ROLE, .arn = s->entity->arn,
		.account = s->account, .id = s->entity->id },
		.how = BY_KEY, .own = { .identity = s->rights->identity,
		.n = s->rights->nidentity, .boundary = s->rights->boundary,
		.incomplete = s->rights->incomplete } };
	if (keep_what_matters(q, err)) {
		free(q);
		return -1;
	}
	judge(q, action->on_identity, out);
	out->by_key = s->entity->kind == IR_AUTH_USER ? out->verdict :
	    IR_SENDS_NOT;
	if (s->entity->kind == IR_AUTH_USER && out->verdict != IR_SENDS) {
		q->how = BY_SESSION;
		judge(q, action->on_identity, &session);
		if (session.verdict > out->verdict) {
			session.by_key = out->by_key;
			*out = session;
		}
	}
	free(q->matters);
	free(q);
	return 0;
}

void
ir_sending_judge_other(const struct ir_identities *ids, const char *principal,
    const char *account, const struct ir_send_action *action, int64_t now,
    struct ir_sending *out)
{
	struct question *q = calloc(1, sizeof *q);

	memset(out, 0, sizeof *out);
	if (!q)
		return;
	*q = (struct question){ .ids = ids, .action = action->name,
		.who = { .kind = IR_POLICY_OTHER, .arn = principal,
		.account = account }, .now = now };
	if (action->on_identity)
		judge(q, true, out);
	free(q);
}

int
ir_sending_own(const struct ir_sender *s, const char *action,
    const struct ir_identity *id, struct ir_policy_answer *a,
    struct ir_err *err)
{
	const struct ir_policy_set own = { .identity = s->rights->identity,
		.n = s->rights->nidentity, .boundary = s->rights->boundary,
		.incomplete = s->rights->incomplete };
	struct context *c = malloc(sizeof *c);
	struct ir_policy_request r = { .action = action,
		.resource = id ? id->arn : "*" };

	if (!c)
		return ir_fail(err, IR_OSERR, "no memory");
	context_of(c, s, BY_KEY);
	if (id)
		set(c, "aws:RequestedRegion", id->region);
	r.keys = c->key;
	r.nkeys = c->n;
	ir_policy_judge(&own, &r, a);
	free(c);
	return 0;
}
