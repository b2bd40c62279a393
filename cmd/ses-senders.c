/*
 * ses-senders - who can send mail by SES, how, and which policy says so?
 *
 * Reads the account's users, groups, roles and policies, the SES identities
 * of all regions and the policies on them, Mail Manager's ingress points, the
 * keys of those who can send, and IAM's own opinion of them.  Writes records
 * of type ses-sender, or, with --keys, of type aws-key.  Changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/authdetails.h"
#include "aws/client.h"
#include "aws/credreport.h"
#include "aws/ingress.h"
#include "aws/principal.h"
#include "aws/sending.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "aws/userkeys.h"
#include "core/cli.h"
#include "core/names.h"
#include "core/text.h"
#include "policy/compromised.h"
#include "policy/who.h"

#define LIST_MAX 60			/* items of a list in a record */

struct opts {
	struct ir_common common;
	struct ir_aws_opts aws;
	struct ir_list principals;
	bool can_send, keys, no_simulation, simulate_all;
	long limit, wait;
	const char *region[IR_SES_REGIONS_MAX + 1];
	size_t nregions;
};

/* One user, group or role. */
struct one {
	struct ir_sender who;
	struct ir_auth_rights rights;
	struct ir_sending sends[IR_SEND_ACTIONS];
	enum ir_sending_verdict verdict;
	const struct ir_sending *best;	/* what the verdict rests on */
	const struct ir_credreport_row *row;
	struct ir_userkeys keys;
	struct ir_simulation *sim;	/* NULL: not asked */
	bool differs;
};

struct run {
	struct opts *o;
	struct ir_err *err;
	struct ir_aws *aws;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_principal me;
	int64_t now;
	struct ir_auth auth;
	struct ir_identities ids;
	struct ir_credreport report;
	bool complete;
	int root_keys, root_mfa;	/* -1: not known */
	struct one *all;
	size_t n, calls;
	struct ir_names other;		/* whom identity policies name */
	struct ir_rec **door;		/* Mail Manager's, as records */
	size_t ndoors, deaf;		/* regions that did not tell */
	struct ir_err deaf_err;		/* the first one's why */
};

static const char *
word_of(enum ir_sending_verdict v)
{
	return v == IR_SENDS ? "yes" : v == IR_SENDS_PERHAPS ? "depends" :
	    "no";
}

/* --- reading ----------------------------------------------------------- */

static int
who_asks(struct run *r)
{
	r->calls++;
	return ir_principal_me(r->aws, &r->me, r->err);
}

/* What IAM has, all at once; the report is set going meanwhile. */
static int
read_account(struct run *r)
{
	struct ir_aws_call c[IR_AUTH_CALLS + 2];
	struct ir_auth_fetch fetch;
	size_t i, n = IR_AUTH_CALLS + 2;
	int rc = 0;

	ir_auth_calls(&fetch, &r->auth, c);
	c[IR_AUTH_CALLS] = (struct ir_aws_call){ .service = "iam",
		.operation = "GetAccountSummary" };
	c[IR_AUTH_CALLS + 1] = (struct ir_aws_call){ .service = "iam",
		.operation = "GenerateCredentialReport" };
	(void)ir_aws_do_many(r->aws, c, n, n);
	r->calls += fetch.pages + 2;
	for (i = 0; i < IR_AUTH_CALLS && rc == 0; i++)
		if (c[i].err.code) {
			*r->err = c[i].err;
			if (r->err->code == IR_NOPERM)
				ir_hint(r->err, "without iam:GetAccount"
				    "AuthorizationDetails nothing can be said");
			rc = -1;
		}
	ir_root_read(c[IR_AUTH_CALLS].reply, &r->root_keys, &r->root_mfa);
	for (i = 0; i < n; i++)
		ir_aws_call_free(&c[i]);
	return rc ? rc : ir_auth_finish(&r->auth, r->err);
}

static int
read_identities(struct run *r)
{
	const char *const *regions = ir_aws_ses_regions(r->aws);
	const struct ir_identity_region *g;
	size_t i, n = 0;

	while (regions[n])
		n++;
	if (r->o->nregions) {
		regions = r->o->region;
		n = r->o->nregions;
	}
	if (ir_identities_read(r->aws, r->me.partition, r->me.account,
	    regions, n, (size_t)r->o->limit, &r->ids, r->err))
		return -1;
	r->calls += r->ids.calls;
	for (i = 0; i < n; i++) {
		g = &r->ids.region[i];
		ir_tally_add(&r->tally, g->err.code);
		r->complete = r->complete && !g->err.code && !g->unread;
		if (g->err.code)
			ir_warn(&r->o->common, "%s: %s", g->name, g->err.msg);
		else if (g->unread)
			ir_warn(&r->o->common, "%s: the policies of %zu of "
			    "%zu identities were not read%s", g->name,
			    g->unread, g->identities, r->o->limit ?
			    " (--identity-limit)" : "");
	}
	return 0;
}

/*
 * Who has the password of an ingress point needs no key: what comes in there
 * is sent on if its rules say so, and those are not evaluated here.
 */
static void
take_door(const struct ir_ingress *p, void *arg)
{
	struct run *r = arg;
	bool closed = strcmp(p->status, "CLOSED") == 0;
	struct ir_rec *rec, **more, *how;
	char id[320];

	r->calls += strcmp(p->type, "AUTH") == 0;
	more = realloc(r->door, (r->ndoors + 1) * sizeof *more);
	if (!more)
		return;
	r->door = more;
	snprintf(id, sizeof id, "arn:%s:ses:%s:%s:mailmanager-ingress-point/"
	    "%.128s", r->me.partition, p->region, r->me.account, p->id);
	rec = ir_rec_new("ses-sender", id);
	how = ir_rec_array();
	if (!closed)
		ir_rec_push_str(how, "smtp");
	ir_rec_str(rec, "kind", "ingress-point");
	ir_rec_str(rec, "name", p->name ? p->name : p->id);
	ir_rec_str(rec, "account", r->me.account);
	ir_rec_str(rec, "region", p->region);
	ir_rec_str(rec, "can_send", closed ? "no" : "depends");
	ir_rec_str(rec, "why", closed ? "it is closed" :
	    strcmp(p->type, "AUTH") == 0 ? "it has SMTP credentials of its "
	    "own, which no key or policy of IAM stops; what it sends on is "
	    "up to its rules" : "what it sends on is up to its rules");
	ir_rec_set(rec, "how", how);
	ir_rec_str(rec, "ingress_type", p->type);
	ir_rec_str(rec, "status", p->status);
	if (p->record)
		ir_rec_str(rec, "host", p->record);
	if (p->secret)
		ir_rec_str(rec, "secret", p->secret);
	r->door[r->ndoors++] = rec;
}

static void
deaf_door(const char *region, const struct ir_err *why, void *arg)
{
	struct run *r = arg;

	ir_note(&r->o->common, "%s: Mail Manager: %s", region, why->msg);
	if (r->deaf++ == 0)
		r->deaf_err = *why;
}

static int
read_doors(struct run *r)
{
	const char *name[IR_SES_REGIONS_MAX];
	size_t i, n = 0;

	for (i = 0; i < r->ids.nregions && n < IR_SES_REGIONS_MAX; i++)
		if (!r->ids.region[i].disabled)
			name[n++] = r->ids.region[i].name;
	r->calls += n;
	if (ir_ingress_each(r->aws, name, n, take_door, deaf_door, r, r->err))
		return -1;
	/* where there is no Mail Manager there is nobody to answer */
	if (n && r->deaf == n)
		ir_warn(&r->o->common, "Mail Manager's ingress points are not "
		    "known: %s", r->deaf_err.msg);
	return 0;
}

/* Without it there are more calls, and no more. */
static void
read_report(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_credreport_get(r->aws, r->o->wait, &r->report, &r->calls, &err))
		ir_note(&r->o->common, "%s: asking for each sender instead",
		    err.msg);
}

/* --- judging ----------------------------------------------------------- */

static int
judge(struct run *r, struct one *s)
{
	const struct ir_auth_entity *e = s->who.entity;
	size_t i;

	if (ir_auth_rights(&r->auth, e, &s->rights, r->err))
		return -1;
	s->who.rights = &s->rights;
	s->who.account = r->me.account;
	s->who.now = r->now;
	s->row = ir_credreport_find(&r->report, e->arn);
	if (s->row || s->keys.mfa_known)
		s->who.mfa = (s->row ? s->row->mfa : s->keys.mfa) ?
		    IR_MFA_YES : IR_MFA_NO;
	s->best = &s->sends[0];
	for (i = 0; ir_send_actions[i].name; i++) {
		if (ir_sending_judge(&r->ids, &s->who, &ir_send_actions[i],
		    &s->sends[i], r->err))
			return -1;
		if (s->sends[i].verdict > s->best->verdict)
			s->best = &s->sends[i];
	}
	s->verdict = s->best->verdict;
	return 0;
}

static int
judge_all(struct run *r)
{
	size_t i;

	r->all = calloc(r->auth.n + 1, sizeof *r->all);
	if (!r->all)
		return ir_fail(r->err, IR_OSERR, "no memory");
	for (r->n = 0; r->n < r->auth.n; r->n++) {
		r->all[r->n].who.entity = r->auth.entity[r->n];
		if (judge(r, &r->all[r->n])) {
			r->n++;
			return -1;
		}
	}
	for (i = 0; i < r->n; i++)
		r->complete = r->complete && !r->all[i].rights.incomplete;
	return 0;
}

static bool
named(const struct opts *o, const char *name, const char *arn)
{
	size_t i;

	for (i = 0; i < o->principals.n; i++)
		if (strcmp(o->principals.v[i], arn) == 0 ||
		    (name && strcmp(o->principals.v[i], name) == 0))
			return true;
	return o->principals.n == 0;
}

static bool
wanted(const struct run *r, const struct one *s)
{
	const struct ir_auth_entity *e = s->who.entity;

	return named(r->o, e->name, e->arn) &&
	    (s->verdict != IR_SENDS_NOT || !(r->o->can_send || r->o->keys));
}

/* Whose keys matter: who can send, and who is not in the report yet. */
static bool
candidate(const struct run *r, const struct one *s)
{
	const struct ir_auth_entity *e = s->who.entity;

	return e->kind == IR_AUTH_USER && named(r->o, e->name, e->arn) &&
	    (s->verdict != IR_SENDS_NOT || (r->report.time && !s->row));
}

static int
read_keys(struct run *r)
{
	struct ir_userkeys *u = calloc(r->n + 1, sizeof *u);
	struct one *s;
	size_t i, n = 0;
	int rc;

	if (!u)
		return ir_fail(r->err, IR_OSERR, "no memory");
	for (i = 0; i < r->n; i++) {
		s = &r->all[i];
		s->keys.user = s->who.entity->name;
		s->keys.want_keys = s->keys.want_use = candidate(r, s);
		s->keys.want_login = s->keys.want_keys && !s->row;
		if (s->keys.want_keys)
			u[n++] = s->keys;
	}
	rc = ir_userkeys_read(r->aws, u, n, &r->calls, r->err);
	for (i = n = 0; i < r->n; i++) {
		s = &r->all[i];
		if (!s->keys.want_keys)
			continue;
		s->keys = u[n++];
		ir_tally_add(&r->tally, s->keys.err.code);
		if (s->keys.err.code)
			ir_warn(&r->o->common, "%s: %s", s->keys.user,
			    s->keys.err.msg);
		/* with MFA known now, it may be another verdict */
		if (s->keys.mfa_known && s->who.mfa == IR_MFA_UNKNOWN) {
			ir_auth_rights_free(&s->rights);
			rc = rc ? rc : judge(r, s);
		}
	}
	free(u);
	return rc;
}

/* --- IAM's opinion ----------------------------------------------------- */

struct sim_feed {
	struct run *r;
	size_t next;
	bool denied;
};

static const struct ir_identity *
sim_identity(const struct run *r, const struct one *s)
{
	return s->best->non ? &r->ids.v[s->best->on[0]] :
	    r->ids.n ? &r->ids.v[0] : NULL;
}

static struct ir_aws_call *
sim_next(void *arg)
{
	struct sim_feed *f = arg;
	struct one *s;

	for (; f->next < f->r->n && !f->denied; f->next++) {
		s = &f->r->all[f->next];
		if (!wanted(f->r, s) || (s->verdict == IR_SENDS_NOT &&
		    !f->r->o->simulate_all))
			continue;
		s->sim = calloc(1, sizeof *s->sim);
		if (!s->sim)
			return NULL;
		ir_simulation_ask(s->sim, &s->who, sim_identity(f->r, s));
		f->next++;
		f->r->calls++;
		return &s->sim->call;
	}
	return NULL;
}

static void
sim_done(struct ir_aws_call *c, void *arg)
{
	struct sim_feed *f = arg;

	ir_simulation_read((struct ir_simulation *)(void *)c);
	if (c->err.code == IR_NOPERM && !f->denied)
		ir_note(&f->r->o->common, "no simulation by IAM: %s",
		    c->err.msg);
	f->denied = f->denied || c->err.code == IR_NOPERM;
	ir_aws_call_free(c);
}

/* Only where both are sure there is a difference. */
static int
compare(struct run *r, struct one *s)
{
	const struct ir_identity *id = sim_identity(r, s);
	struct ir_policy_answer own;
	size_t i;

	for (i = 0; ir_send_actions[i].name; i++) {
		if (s->sim->said[i] != IR_SIM_ALLOWED &&
		    s->sim->said[i] != IR_SIM_DENIED)
			continue;
		if (ir_sending_own(&s->who, ir_send_actions[i].name, id, &own,
		    r->err))
			return -1;
		if (own.verdict != IR_POLICY_UNKNOWN &&
		    (own.verdict == IR_POLICY_ALLOWED) !=
		    (s->sim->said[i] == IR_SIM_ALLOWED))
			s->differs = true;
	}
	return 0;
}

static int
simulate(struct run *r)
{
	struct sim_feed f = { .r = r };
	const struct ir_aws_feed feed = { .next = sim_next, .done = sim_done,
		.arg = &f, .parallel = 16 };
	size_t i, differ = 0;

	if (r->o->no_simulation)
		return 0;
	ir_aws_run(r->aws, &feed);
	for (i = 0; i < r->n; i++) {
		if (!r->all[i].sim)
			continue;
		if (compare(r, &r->all[i]))
			return -1;
		differ += r->all[i].differs;
	}
	if (differ)
		ir_warn(&r->o->common, "IAM's simulation says otherwise of "
		    "%zu (\"differs\": true)", differ);
	return 0;
}

/* --- records ----------------------------------------------------------- */

/* Lists are cut at a length that leaves room in a record; and say so. */
static void
push(struct ir_rec *list, const char *s)
{
	size_t n = ir_rec_len(list);

	if (n < LIST_MAX)
		ir_rec_push_str(list, s);
	else if (n == LIST_MAX)
		ir_rec_push_str(list, "...");
}

static void
set_texts(struct ir_rec *rec, const char *key, char *const *v, size_t n)
{
	struct ir_rec *list = ir_rec_array();
	size_t i;

	for (i = 0; i < n; i++)
		push(list, v[i]);
	ir_rec_set(rec, key, list);
}

static void
set_answer(struct ir_rec *rec, const struct ir_sending *s)
{
	ir_rec_str(rec, "why", s->elsewhere ?
	    "only on identities that the account does not have" :
	    s->answer.why);
	if (s->elsewhere)
		ir_rec_str(rec, "rests_on", s->answer.why);
	if (s->answer.policy)
		ir_rec_str(rec, "policy", ir_policy_name(s->answer.policy));
	if (s->answer.statement)
		ir_rec_int(rec, "statement", (int64_t)s->answer.statement);
	if (s->answer.sid && *s->answer.sid)
		ir_rec_str(rec, "sid", s->answer.sid);
}

/* Actions for which the same is so are one entry. */
static void
set_reasons(const struct run *r, struct ir_rec *rec,
    const struct ir_sending *s)
{
	struct ir_rec *list = ir_rec_array(), *one, *actions, *on;
	bool said[IR_SEND_ACTIONS] = { false };
	size_t i, k;

	for (i = 0; ir_send_actions[i].name; i++) {
		if (said[i])
			continue;
		one = ir_rec_object();
		actions = ir_rec_array();
		for (k = i; ir_send_actions[k].name; k++) {
			if (s[k].verdict != s[i].verdict || strcmp(
			    s[k].answer.why, s[i].answer.why) != 0 ||
			    s[k].yes != s[i].yes ||
			    s[k].perhaps != s[i].perhaps)
				continue;
			said[k] = true;
			ir_rec_push_str(actions, ir_send_actions[k].name);
		}
		ir_rec_set(one, "actions", actions);
		ir_rec_str(one, "verdict", word_of(s[i].verdict));
		set_answer(one, &s[i]);
		ir_rec_int(one, "identities", (int64_t)(s[i].yes +
		    s[i].perhaps));
		on = ir_rec_array();
		for (k = 0; k < s[i].non; k++)
			ir_rec_push_str(on, r->ids.v[s[i].on[k]].arn);
		ir_rec_set(one, "on", on);
		ir_rec_push(list, one);
	}
	ir_rec_set(rec, "reasons", list);
}

static void
set_verdicts(const struct run *r, struct ir_rec *rec,
    const struct ir_sending *s)
{
	struct ir_rec *each = ir_rec_object();
	size_t i;

	for (i = 0; ir_send_actions[i].name; i++)
		ir_rec_str(each, ir_send_actions[i].name,
		    word_of(s[i].verdict));
	ir_rec_set(rec, "actions", each);
	set_reasons(r, rec, s);
}

static void
set_policies(struct ir_rec *rec, const struct one *s)
{
	struct ir_rec *list = ir_rec_array();
	const struct ir_auth_held *h;
	char text[2400];
	size_t i;

	for (i = 0; i < s->rights.n; i++) {
		h = &s->rights.held[i];
		if (h->owner == s->who.entity && h->policy->arn)
			snprintf(text, sizeof text, "%s", h->policy->arn);
		else
			snprintf(text, sizeof text, "%.1100s%s%.1100s",
			    h->policy->arn ? h->policy->arn : h->policy->name,
			    h->owner == s->who.entity ? " (inline" :
			    " (of group ", h->owner == s->who.entity ? ")" :
			    h->owner->name);
		if (h->owner != s->who.entity)
			snprintf(text + strlen(text), sizeof text -
			    strlen(text), "%s)", h->policy->arn ? "" :
			    ", inline");
		push(list, text);
	}
	ir_rec_set(rec, "policies", list);
}

/* AWS's own by their names, others because they do nothing but deny. */
static void
set_quarantine(struct ir_rec *rec, const struct one *s)
{
	const char *actions[IR_SEND_ACTIONS];
	struct ir_rec *list = ir_rec_array(), *one, *denies;
	const struct ir_auth_held *h;
	size_t i, n = 0;
	bool aws;

	for (i = 0; ir_send_actions[i].name; i++)
		if (ir_send_actions[i].on_identity)
			actions[n++] = ir_send_actions[i].name;
	for (i = 0; i < s->rights.n && ir_rec_len(list) < 10; i++) {
		h = &s->rights.held[i];
		aws = h->policy->arn && ir_compromised_is(h->policy->arn);
		if (!aws && !(h->policy->doc &&
		    ir_compromised_only_denies(h->policy->doc)))
			continue;
		one = ir_rec_object();
		ir_rec_str(one, "policy", h->policy->name);
		ir_rec_str(one, "by", aws ? "AWS" : "account");
		if (*h->policy->version)
			ir_rec_str(one, "version", h->policy->version);
		if (h->policy->doc) {
			ir_compromised_sending(one, h->policy->doc, actions, n);
			denies = ir_rec_array();
			ir_policy_denies(h->policy->doc, true, denies);
			ir_rec_int(one, "denies", (int64_t)ir_rec_len(denies));
			ir_rec_free(denies);
		} else {
			ir_rec_null(one, "stops_sending");
		}
		ir_rec_push(list, one);
	}
	ir_rec_bool(rec, "quarantined", ir_rec_len(list) > 0);
	ir_rec_set(rec, "quarantine", list);
}

/* Do all policies together allow nothing but SendRawEmail? */
static bool
only_raw(const struct one *s)
{
	const struct ir_rec *st, *list;
	const char *action;
	size_t i, k, m, n = 0;

	for (i = 0; i < s->rights.nidentity; i++)
		for (k = 0; (st = ir_policy_statement(s->rights.identity[i],
		    k)) != NULL; k++) {
			if (strcmp(ir_rec_get(st, "Effect"), "Allow") != 0)
				continue;
			list = ir_rec_at(st, "Action");
			action = list ? ir_rec_cstr(list) : NULL;
			m = 0;
			if (list && !action)
				action = ir_rec_cstr(ir_rec_item(list, m++));
			for (; action; n++) {
				if (!ir_ascii_ieq(action, "ses:SendRawEmail"))
					return false;
				action = m && m < ir_rec_len(list) ?
				    ir_rec_cstr(ir_rec_item(list, m++)) :
				    NULL;
			}
			if (!list)
				return false;
		}
	return n > 0;
}

static void
set_key_list(struct ir_rec *rec, const struct one *s)
{
	struct ir_rec *list = ir_rec_array(), *one;
	const struct ir_userkey *k, *last = NULL;
	size_t i, active = 0;

	for (i = 0; i < s->keys.n; i++) {
		k = &s->keys.key[i];
		one = ir_rec_object();
		ir_rec_str(one, "id", k->id);
		ir_userkey_fields(k, one);
		ir_rec_push(list, one);
		active += strcmp(k->status, "Active") == 0;
		if (k->used && (!last || k->used > last->used))
			last = k;
	}
	for (i = 0; !s->keys.listed && s->row && i < IR_CREDREPORT_KEYS; i++)
		active += s->row->key[i].active;
	if (s->keys.listed)
		ir_rec_set(rec, "keys", list);
	else
		ir_rec_free(list);
	if (s->keys.listed || s->row)
		ir_rec_int(rec, "active_keys", (int64_t)active);
	if (last) {
		ir_rec_time(rec, "last_used", last->used);
		ir_rec_str(rec, "last_used_service", last->service);
		ir_rec_str(rec, "last_used_region", last->region);
	}
}

static bool
has_active(const struct one *s)
{
	size_t i;

	for (i = 0; i < s->keys.n; i++)
		if (strcmp(s->keys.key[i].status, "Active") == 0)
			return true;
	return false;
}

static void
set_user(struct ir_rec *rec, const struct one *s)
{
	const struct ir_auth_entity *e = s->who.entity;
	struct ir_rec *how = ir_rec_array();
	bool console = s->row ? s->row->password : s->keys.password;
	bool mfa = s->row ? s->row->mfa : s->keys.mfa;

	if (has_active(s) && s->sends[0].by_key != IR_SENDS_NOT)
		ir_rec_push_str(how, "smtp");
	if (has_active(s) && s->verdict != IR_SENDS_NOT)
		ir_rec_push_str(how, "api");
	if (console && s->verdict != IR_SENDS_NOT)
		ir_rec_push_str(how, "console");
	ir_rec_set(rec, "how", how);
	ir_rec_bool(rec, "smtp_user", s->keys.n && only_raw(s));
	set_key_list(rec, s);
	if (s->row || s->keys.mfa_known)
		ir_rec_bool(rec, "mfa", mfa);
	if (s->row || s->keys.password_known)
		ir_rec_bool(rec, "console", console);
	set_texts(rec, "groups", e->groups, e->ngroups);
}

struct trust {
	struct ir_rec *list;
	const struct ir_rec *statement;
	const char *account;
};

static int
trust_key(const char *key, const struct ir_rec *v, void *arg)
{
	(void)v;
	push(arg, key);
	return 0;
}

static int
trust_operator(const char *operator, const struct ir_rec *v, void *arg)
{
	(void)operator;
	return ir_rec_each(v, trust_key, arg);
}

static void
trust_one(struct trust *t, const char *kind, const char *name)
{
	const struct ir_rec *c = ir_rec_at(t->statement, "Condition");
	struct ir_rec *one, *keys;
	char account[13];

	if (ir_rec_len(t->list) >= LIST_MAX)
		return;
	one = ir_rec_object();
	ir_rec_str(one, "principal", name);
	ir_rec_str(one, "kind", strcmp(kind, "AWS") == 0 ? "aws" :
	    strcmp(kind, "Service") == 0 ? "service" :
	    strcmp(kind, "Federated") == 0 ? "federated" : kind);
	ir_rec_bool(one, "external", strcmp(name, "*") == 0 ||
	    (ir_policy_account(name, account) &&
	    strcmp(account, t->account) != 0));
	if (c) {
		keys = ir_rec_array();
		(void)ir_rec_each(c, trust_operator, keys);
		ir_rec_set(one, "if", keys);
	}
	ir_rec_push(t->list, one);
}

static int
trust_kind(const char *kind, const struct ir_rec *v, void *arg)
{
	size_t i;

	if (ir_rec_cstr(v))
		trust_one(arg, kind, ir_rec_cstr(v));
	for (i = 0; ir_rec_kind(v) == IR_REC_ARRAY && i < ir_rec_len(v); i++)
		trust_one(arg, kind, ir_rec_cstr(ir_rec_item(v, i)));
	return 0;
}

/* Who may assume it, by what its trust policy allows. */
static void
set_trust(struct ir_rec *rec, const struct run *r,
    const struct ir_auth_entity *e)
{
	struct trust t = { .account = r->me.account };
	const struct ir_rec *p;
	size_t i;

	if (!e->trust) {
		ir_rec_null(rec, "trust");
		return;
	}
	t.list = ir_rec_array();
	for (i = 0; (t.statement = ir_policy_statement(e->trust, i)) != NULL;
	    i++) {
		if (strcmp(ir_rec_get(t.statement, "Effect"), "Allow") != 0)
			continue;
		p = ir_rec_at(t.statement, "Principal");
		if (!p)
			trust_one(&t, "AWS", "all but some (NotPrincipal)");
		else if (ir_rec_cstr(p))
			trust_one(&t, "AWS", ir_rec_cstr(p));
		else
			(void)ir_rec_each(p, trust_kind, &t);
	}
	ir_rec_set(rec, "trust", t.list);
}

static void
set_role(struct ir_rec *rec, const struct run *r, const struct one *s)
{
	const struct ir_auth_entity *e = s->who.entity;
	struct ir_rec *how = ir_rec_array();

	if (s->verdict != IR_SENDS_NOT)
		ir_rec_push_str(how, "api");
	ir_rec_set(rec, "how", how);
	set_trust(rec, r, e);
	set_texts(rec, "instance_profiles", e->profiles, e->nprofiles);
	ir_rec_bool(rec, "service_linked", e->service_linked);
	if (e->last_used)
		ir_rec_str(rec, "last_used", e->last_used);
	if (e->last_region)
		ir_rec_str(rec, "last_used_region", e->last_region);
}

static void
set_group(struct ir_rec *rec, const struct run *r, const struct one *s)
{
	const struct ir_auth_entity *e = s->who.entity, *u;
	struct ir_rec *members = ir_rec_array();
	size_t i, k, n = 0;

	for (i = 0; i < r->n; i++) {
		u = r->all[i].who.entity;
		for (k = 0; k < u->ngroups; k++)
			if (strcmp(u->groups[k], e->name) == 0) {
				push(members, u->name);
				n++;
			}
	}
	ir_rec_int(rec, "member_count", (int64_t)n);
	ir_rec_set(rec, "members", members);
}

static void
set_simulation(struct ir_rec *rec, const struct run *r, const struct one *s)
{
	static const char *const word[] = { NULL, "allowed", "denied",
		"depends" };
	const struct ir_identity *id = sim_identity(r, s);
	struct ir_rec *each = ir_rec_object(), *why = ir_rec_object();
	size_t i;

	for (i = 0; ir_send_actions[i].name; i++) {
		if (!word[s->sim->said[i]])
			continue;
		ir_rec_str(each, ir_send_actions[i].name,
		    word[s->sim->said[i]]);
		if (*s->sim->why[i])
			ir_rec_str(why, ir_send_actions[i].name,
			    s->sim->why[i]);
	}
	if (ir_rec_len(each)) {
		ir_rec_str(rec, "simulated_on", id ? id->arn : "*");
		ir_rec_bool(rec, "differs", s->differs);
		ir_rec_set(rec, "simulated", each);
		ir_rec_set(rec, "simulated_by", why);
	} else {
		ir_rec_free(each);
		ir_rec_free(why);
	}
}

static void
say_one(const struct run *r, const struct one *s)
{
	static const char *const kinds[] = { "user", "group", "role" };
	const struct ir_auth_entity *e = s->who.entity;
	struct ir_rec *rec = ir_rec_new("ses-sender", e->arn);

	ir_rec_str(rec, "kind", kinds[e->kind]);
	ir_rec_str(rec, "name", e->name);
	ir_rec_str(rec, "account", r->me.account);
	ir_rec_str(rec, "can_send", word_of(s->verdict));
	set_answer(rec, s->best);
	set_verdicts(r, rec, s->sends);
	if (e->created)
		ir_rec_time(rec, "created", e->created);
	if (e->kind == IR_AUTH_USER)
		set_user(rec, s);
	else if (e->kind == IR_AUTH_ROLE)
		set_role(rec, r, s);
	else
		set_group(rec, r, s);
	set_policies(rec, s);
	if (e->boundary)
		ir_rec_str(rec, "boundary", e->boundary);
	set_quarantine(rec, s);
	if (s->sim)
		set_simulation(rec, r, s);
	ir_rec_bool(rec, "complete", r->complete && !s->rights.incomplete &&
	    !s->keys.err.code);
	if (s->rights.incomplete)
		ir_rec_str(rec, "missing", s->rights.why);
	ir_out_put(r->out, rec);
}

static void
say_keys(const struct run *r, const struct one *s)
{
	struct ir_rec *rec;
	size_t i;

	for (i = 0; i < s->keys.n; i++) {
		rec = ir_rec_new("aws-key", s->keys.key[i].id);
		ir_rec_str(rec, "user", s->who.entity->name);
		ir_userkey_fields(&s->keys.key[i], rec);
		ir_rec_str(rec, "principal", s->who.entity->arn);
		ir_rec_str(rec, "can_send", word_of(s->verdict));
		ir_rec_str(rec, "why", s->best->answer.why);
		ir_out_put(r->out, rec);
	}
}

static void
say_root(const struct run *r)
{
	char arn[64];
	struct ir_rec *rec, *how;

	snprintf(arn, sizeof arn, "arn:%.20s:iam::%.12s:root",
	    r->me.partition, r->me.account);
	if (r->o->keys || !named(r->o, "root", arn))
		return;
	rec = ir_rec_new("ses-sender", arn);
	how = ir_rec_array();
	ir_rec_str(rec, "kind", "root");
	ir_rec_str(rec, "name", "root");
	ir_rec_str(rec, "account", r->me.account);
	ir_rec_str(rec, "can_send", "yes");
	ir_rec_str(rec, "why", "the root user: nothing in IAM limits it");
	if (r->root_keys != 0) {
		ir_rec_push_str(how, "smtp");
		ir_rec_push_str(how, "api");
	}
	ir_rec_push_str(how, "console");
	ir_rec_set(rec, "how", how);
	if (r->root_keys >= 0)
		ir_rec_int(rec, "active_keys", r->root_keys);
	if (r->root_mfa >= 0)
		ir_rec_bool(rec, "mfa", r->root_mfa > 0);
	ir_rec_bool(rec, "complete", r->root_keys >= 0 && r->complete);
	ir_out_put(r->out, rec);
}

/* --- others that identity policies name --------------------------------- */

/* One of ours, or covered by those: root is the account itself. */
static bool
is_own(const struct run *r, const char *name)
{
	size_t i, n = strlen(name);
	char account[13];

	if (ir_auth_find(&r->auth, name))
		return true;
	for (i = 0; i < r->n; i++)
		if (strcmp(r->all[i].who.entity->id, name) == 0)
			return true;
	return ir_policy_account(name, account) &&
	    strcmp(account, r->me.account) == 0 && (n == 12 ||
	    (n > 5 && strcmp(name + n - 5, ":root") == 0) ||
	    strstr(name, ":assumed-role/"));
}

static void
add_other(struct run *r, const char *name)
{
	if (!is_own(r, name) && ir_names_add(&r->other, name))
		r->complete = false;
}

static int
other_kind(const char *kind, const struct ir_rec *v, void *arg)
{
	size_t i;

	(void)kind;
	if (ir_rec_cstr(v))
		add_other(arg, ir_rec_cstr(v));
	for (i = 0; ir_rec_kind(v) == IR_REC_ARRAY && i < ir_rec_len(v); i++)
		add_other(arg, ir_rec_cstr(ir_rec_item(v, i)));
	return 0;
}

static void
others_of(struct run *r, const struct ir_policy *p)
{
	const struct ir_rec *s, *v;
	size_t i;

	for (i = 0; (s = ir_policy_statement(p, i)) != NULL; i++) {
		if (strcmp(ir_rec_get(s, "Effect"), "Allow") != 0)
			continue;
		v = ir_rec_at(s, "Principal");
		if (!v || ir_rec_cstr(v))
			add_other(r, "*");
		else
			(void)ir_rec_each(v, other_kind, r);
	}
}

/* What is left in a policy of a user or role that was deleted. */
static bool
is_gone(const char *name)
{
	return (strncmp(name, "AIDA", 4) == 0 ||
	    strncmp(name, "AROA", 4) == 0) && !strpbrk(name, ":.*");
}

static const char *
other_word(const char *name)
{
	size_t n = strlen(name);

	return is_gone(name) ? "deleted" : strcmp(name, "*") == 0 ? "everyone" :
	    strncmp(name, "arn:", 4) != 0 && strchr(name, '.') ? "service" :
	    n == 12 || (n > 5 && strcmp(name + n - 5, ":root") == 0) ?
	    "account" : "principal";
}

static void
say_other(const struct run *r, const char *name)
{
	struct ir_sending s[IR_SEND_ACTIONS];
	const struct ir_sending *best = &s[0];
	char account[13] = "";
	struct ir_rec *rec;
	size_t i;

	memset(s, 0, sizeof s);
	(void)ir_policy_account(name, account);
	for (i = 0; ir_send_actions[i].name && !is_gone(name); i++) {
		ir_sending_judge_other(&r->ids, name, account,
		    &ir_send_actions[i], r->now, &s[i]);
		if (s[i].verdict > best->verdict)
			best = &s[i];
	}
	if (!named(r->o, NULL, name) || (r->o->can_send &&
	    best->verdict == IR_SENDS_NOT))
		return;
	rec = ir_rec_new("ses-sender", name);
	ir_rec_str(rec, "kind", other_word(name));
	ir_rec_str(rec, "name", name);
	if (*account)
		ir_rec_str(rec, "account", account);
	ir_rec_bool(rec, "external", strcmp(account, r->me.account) != 0);
	ir_rec_str(rec, "can_send", word_of(best->verdict));
	if (is_gone(name)) {
		ir_rec_str(rec, "why", "the id of a user or role that is no "
		    "more");
	} else {
		set_answer(rec, best);
		set_verdicts(r, rec, s);
	}
	ir_rec_bool(rec, "complete", r->complete);
	ir_out_put(r->out, rec);
}

static void
say_door(const struct run *r, const struct ir_rec *rec)
{
	if (named(r->o, ir_rec_get(rec, "name"), ir_rec_get(rec, "id")) &&
	    (!r->o->can_send ||
	    strcmp(ir_rec_get(rec, "can_send"), "no") != 0))
		ir_out_put(r->out, ir_rec_copy(rec));
}

static void
report(struct run *r)
{
	size_t i, k, senders = 0;

	for (i = 0; i < r->ids.n; i++)
		for (k = 0; k < r->ids.v[i].n; k++)
			others_of(r, r->ids.v[i].policy[k]);
	say_root(r);
	for (i = 0; i < r->n; i++) {
		senders += r->all[i].verdict != IR_SENDS_NOT;
		if (!wanted(r, &r->all[i]))
			continue;
		if (r->o->keys)
			say_keys(r, &r->all[i]);
		else
			say_one(r, &r->all[i]);
	}
	for (i = 0; i < r->other.n && !r->o->keys; i++)
		say_other(r, r->other.v[i]);
	for (i = 0; i < r->ndoors && !r->o->keys; i++)
		say_door(r, r->door[i]);
	ir_note(&r->o->common, "%zu calls: %zu principals, %zu can send or "
	    "may, %zu identities in %zu regions", r->calls, r->n, senders,
	    r->ids.n, r->ids.nregions);
}

/* A name that nobody has is a mistake, and not an empty answer. */
static int
check_names(struct run *r)
{
	const char *name;
	size_t i, k, n;
	bool known;

	for (i = 0; i < r->o->principals.n; i++) {
		name = r->o->principals.v[i];
		for (k = 0; k < r->n; k++)
			if (strcmp(r->all[k].who.entity->name, name) == 0 ||
			    strcmp(r->all[k].who.entity->arn, name) == 0)
				break;
		for (n = 0, known = k < r->n; n < r->ndoors; n++)
			known = known || strcmp(ir_rec_get(r->door[n],
			    "name"), name) == 0;
		if (!known && strcmp(name, "root") != 0 &&
		    !strchr(name, ':') && !strchr(name, '*') &&
		    strspn(name, "0123456789") != 12)
			return ir_fail(r->err, IR_UNAVAILABLE,
			    "%s: no such user, group or role", name);
	}
	return 0;
}

static void
free_run(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		ir_auth_rights_free(&r->all[i].rights);
		free(r->all[i].sim);
	}
	free(r->all);
	ir_names_free(&r->other);
	for (i = 0; i < r->ndoors; i++)
		ir_rec_free(r->door[i]);
	free(r->door);
	ir_identities_free(&r->ids);
	ir_credreport_free(&r->report);
	ir_auth_free(&r->auth);
	ir_aws_close(r->aws);
}

static void
check_usage(struct opts *o, char **operands, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (!ir_aws_region_ok(operands[i]))
			ir_die_usage("not a region: %s", operands[i]);
		if (o->nregions == IR_SES_REGIONS_MAX)
			ir_die_usage("more than %d regions",
			    IR_SES_REGIONS_MAX);
		o->region[o->nregions++] = operands[i];
	}
	if (o->no_simulation && o->simulate_all)
		ir_die_usage("--no-simulation and --simulate-all exclude "
		    "each other");
}

static const struct ir_cmd command = {
	"ses-senders", "who can send mail by SES, and which policy says so?",
	"[options] [region ...]"
};

static const struct ir_col cols[] = {
	{ "kind", "KIND" }, { "name", "NAME" }, { "can_send", "CAN SEND" },
	{ "how", "HOW" }, { "active_keys", "KEYS" },
	{ "last_used", "LAST USED" }, { "last_used_service", "FOR" },
	{ "quarantined", "QUARANTINED" }, { "why", "WHY" }, { NULL, NULL }
};

static const struct ir_col key_cols[] = {
	{ "id", "KEY" }, { "user", "USER" }, { "status", "STATUS" },
	{ "created", "CREATED" }, { "last_used", "LAST USED" },
	{ "last_used_service", "FOR" }, { "can_send", "CAN SEND" },
	{ "why", "WHY" }, { NULL, NULL }
};

int
main(int argc, char **argv)
{
	static struct opts o = { .limit = 60, .wait = 10 };
	const struct ir_opt opts[] = {
		{ 0, "can-send", NULL, IR_BOOL, &o.can_send,
		    "only those who can, or may be able to" },
		{ 0, "keys", NULL, IR_BOOL, &o.keys,
		    "their access keys instead, for iam-key-disable" },
		{ 0, "principal", "NAME", IR_LIST, &o.principals,
		    "only this user, group or role, by name or ARN; several" },
		{ 0, "identity-limit", "COUNT", IR_INT, &o.limit,
		    "identities of a region whose policies are read; "
		    "default: 60; 0: all" },
		{ 0, "report-wait", "SECONDS", IR_SECONDS, &o.wait,
		    "wait for the credential report; default: 10" },
		{ 0, "no-simulation", NULL, IR_BOOL, &o.no_simulation,
		    "do not ask IAM for its opinion" },
		{ 0, "simulate-all", NULL, IR_BOOL, &o.simulate_all,
		    "ask about those who cannot send as well" },
		IR_OPTS_AWS(&o.aws), IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .o = &o, .err = &err, .tally = IR_TALLY_INIT,
		.complete = true, .now = ir_now() };

	ir_begin(&command);
	check_usage(&o, argv + 1, ir_parse(argc, argv, opts, &o.common));
	if (ir_aws_open(&r.aws, &o.aws, ir_ask_tty, &err))
		goto out;
	ir_aws_follow(r.aws, &o.common);
	r.out = ir_open_output(&o.common, o.keys ? key_cols : cols);
	if (who_asks(&r) || read_account(&r) || read_identities(&r) ||
	    read_doors(&r))
		goto out;
	read_report(&r);
	if (judge_all(&r) || check_names(&r) || read_keys(&r) || simulate(&r))
		goto out;
	report(&r);
out:
	free_run(&r);
	return ir_end(&err, r.out, &r.tally);
}
