/* policy.c - see policy.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "match.h"
#include "policy.h"
#include "who.h"

struct ir_policy {
	struct ir_rec *doc;		/* checked */
	char name[IR_POLICY_NAME + 1];
	enum ir_policy_kind kind;
	bool variables;
};

/* --- reading ----------------------------------------------------------- */

/* A '+' is a plus: this is no form. */
int
ir_policy_text(const char *s, size_t n, struct ir_buf *out, struct ir_err *err)
{
	size_t i = 0;
	bool encoded;

	while (i < n && strchr(" \t\r\n", s[i]) && s[i])
		i++;
	encoded = i < n && s[i] == '%';
	for (; i < n; i++) {
		if (!encoded || s[i] != '%') {
			ir_buf_chr(out, s[i]);
			continue;
		}
		if (n - i < 3 || ir_hex_digit(s[i + 1]) < 0 ||
		    ir_hex_digit(s[i + 2]) < 0)
			return ir_fail(err, IR_DATAERR,
			    "policy: bad percent-encoding");
		ir_buf_chr(out, ir_hex_digit(s[i + 1]) * 16 +
		    ir_hex_digit(s[i + 2]));
		i += 2;
	}
	return ir_buf_check(out, "policy", err);
}

struct check {
	size_t items;
	enum ir_policy_kind kind;
	bool action, not_action, resource, not_resource, effect;
	bool principal, not_principal;
	const char *bad;
};

/* Control bytes are our own marks in patterns, and IAM has none. */
static bool
text_ok(const struct ir_rec *v)
{
	const char *s = ir_rec_cstr(v);
	size_t i;

	for (i = 0; s && s[i]; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 127)
			return false;
	return s && i < IR_POLICY_TEXT;
}

/* A text or texts, at least one. */
static bool
texts_ok(const struct ir_rec *v, struct check *c)
{
	size_t i, n = ir_rec_len(v);

	if (ir_rec_kind(v) == IR_REC_STRING)
		return ++c->items <= IR_POLICY_ITEMS && text_ok(v);
	if (ir_rec_kind(v) != IR_REC_ARRAY || n == 0)
		return false;
	c->items += n;
	for (i = 0; i < n && c->items <= IR_POLICY_ITEMS; i++)
		if (!text_ok(ir_rec_item(v, i)))
			return false;
	return i == n;
}

static bool
value_ok(const struct ir_rec *v)
{
	enum ir_rec_kind k = ir_rec_kind(v);

	return k == IR_REC_STRING ? text_ok(v) : k == IR_REC_BOOL ||
	    k == IR_REC_INT || k == IR_REC_DOUBLE;
}

static int
check_key(const char *key, const struct ir_rec *v, void *arg)
{
	struct check *c = arg;
	size_t i, n = ir_rec_kind(v) == IR_REC_ARRAY ? ir_rec_len(v) : 1;

	(void)key;
	c->items += n;
	if (n == 0 || c->items > IR_POLICY_ITEMS)
		return -1;
	if (ir_rec_kind(v) != IR_REC_ARRAY)
		return value_ok(v) ? 0 : -1;
	for (i = 0; i < n; i++)
		if (!value_ok(ir_rec_item(v, i)))
			return -1;
	return 0;
}

static int
check_operator(const char *key, const struct ir_rec *v, void *arg)
{
	(void)key;
	return ir_rec_kind(v) == IR_REC_OBJECT ?
	    ir_rec_each(v, check_key, arg) : -1;
}

static int
check_principals(const char *key, const struct ir_rec *v, void *arg)
{
	(void)key;
	return texts_ok(v, arg) ? 0 : -1;
}

/* "*", or {"AWS": texts, "Service": texts, ...} */
static bool
principal_ok(const struct ir_rec *v, struct check *c)
{
	const char *s = ir_rec_cstr(v);

	if (c->kind == IR_POLICY_OF_IDENTITY)
		return false;
	if (s)
		return strcmp(s, "*") == 0;
	return ir_rec_kind(v) == IR_REC_OBJECT && ir_rec_len(v) &&
	    ir_rec_each(v, check_principals, c) == 0;
}

static int
check_element(const char *key, const struct ir_rec *v, void *arg)
{
	struct check *c = arg;
	const char *s = ir_rec_cstr(v);
	bool *seen = NULL, ok = false;

	if (strcmp(key, "Action") == 0)
		seen = &c->action;
	else if (strcmp(key, "NotAction") == 0)
		seen = &c->not_action;
	else if (strcmp(key, "Resource") == 0)
		seen = &c->resource;
	else if (strcmp(key, "NotResource") == 0)
		seen = &c->not_resource;
	if (seen) {
		*seen = true;
		ok = texts_ok(v, c);
	} else if (strcmp(key, "Effect") == 0) {
		c->effect = ok = s && (strcmp(s, "Allow") == 0 ||
		    strcmp(s, "Deny") == 0);
	} else if (strcmp(key, "Condition") == 0) {
		ok = ir_rec_kind(v) == IR_REC_OBJECT &&
		    ir_rec_each(v, check_operator, c) == 0;
	} else if (strcmp(key, "Principal") == 0) {
		c->principal = ok = principal_ok(v, c);
	} else if (strcmp(key, "NotPrincipal") == 0) {
		c->not_principal = ok = principal_ok(v, c);
	} else if (strcmp(key, "Sid") == 0) {
		ok = s != NULL;
	}
	return ok ? 0 : -1;
}

static bool
statement_ok(const struct ir_rec *s, struct check *c)
{
	*c = (struct check){ .items = c->items, .kind = c->kind };
	if (ir_rec_kind(s) != IR_REC_OBJECT ||
	    ir_rec_each(s, check_element, c) || !c->effect ||
	    c->action == c->not_action)
		return false;
	if (c->kind == IR_POLICY_OF_IDENTITY)
		return c->resource != c->not_resource;
	return c->principal != c->not_principal &&
	    !(c->resource && c->not_resource) &&
	    (c->kind != IR_POLICY_OF_ROLE ||
	    (!c->resource && !c->not_resource));
}

const struct ir_rec *
ir_policy_statement(const struct ir_policy *p, size_t i)
{
	const struct ir_rec *all = ir_rec_at(p->doc, "Statement");

	if (ir_rec_kind(all) == IR_REC_ARRAY)
		return i < ir_rec_len(all) ? ir_rec_item(all, i) : NULL;
	return i == 0 ? all : NULL;
}

static int
check_top(const char *key, const struct ir_rec *v, void *arg)
{
	const char *s = ir_rec_cstr(v);
	struct ir_policy *p = arg;

	if (strcmp(key, "Version") == 0 && s) {
		p->variables = strcmp(s, "2012-10-17") == 0;
		return p->variables || strcmp(s, "2008-10-17") == 0 ? 0 : -1;
	}
	if (strcmp(key, "Id") == 0)
		return s ? 0 : -1;
	return strcmp(key, "Statement") == 0 ? 0 : -1;
}

static int
check(struct ir_policy *p, struct ir_err *err)
{
	struct check c = { .kind = p->kind };
	size_t i;

	if (ir_rec_kind(p->doc) != IR_REC_OBJECT ||
	    ir_rec_each(p->doc, check_top, p) || !ir_policy_statement(p, 0))
		return ir_fail(err, IR_DATAERR, "policy: not a document");
	for (i = 0; ir_policy_statement(p, i); i++)
		if (i == IR_POLICY_STATEMENTS ||
		    !statement_ok(ir_policy_statement(p, i), &c))
			return ir_fail(err, IR_DATAERR,
			    "policy: statement %zu not understood", i + 1);
	return 0;
}

int
ir_policy_parse_kind(struct ir_policy **out, enum ir_policy_kind kind,
    const char *name, const char *bytes, size_t n, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_POLICY_MAX);
	struct ir_policy *p = calloc(1, sizeof *p);
	int rc = -1;

	*out = NULL;
	if (!p)
		return ir_fail(err, IR_OSERR, "no memory");
	p->kind = kind;
	snprintf(p->name, sizeof p->name, "%s", name ? name : "");
	if (n > 3 * (size_t)IR_POLICY_MAX)
		ir_fail(err, IR_DATAERR, "policy: too long");
	else if (ir_policy_text(bytes, n, &b, err) == 0 &&
	    /* a text with a NUL would be cut there */
	    memmem(ir_buf_cstr(&b), b.len, "\\u0000", 6))
		ir_fail(err, IR_DATAERR, "policy: a NUL in it");
	else if (!b.bad && b.len &&
	    (p->doc = ir_rec_parse_raw(b.data, b.len, err)) != NULL)
		rc = check(p, err);
	else if (err && !err->code)
		ir_fail(err, IR_DATAERR, "policy: empty");
	ir_buf_free(&b);
	if (rc == 0)
		*out = p;
	else
		ir_policy_free(p);
	return rc;
}

int
ir_policy_parse(struct ir_policy **out, const char *name, const char *bytes,
    size_t n, struct ir_err *err)
{
	return ir_policy_parse_kind(out, IR_POLICY_OF_IDENTITY, name, bytes, n,
	    err);
}

void
ir_policy_free(struct ir_policy *p)
{
	if (p)
		ir_rec_free(p->doc);
	free(p);
}

const char *
ir_policy_name(const struct ir_policy *p)
{
	return p->name;
}

/* --- evaluating -------------------------------------------------------- */

static enum ir_tri
least(enum ir_tri a, enum ir_tri b)
{
	return a < b ? a : b;
}

static const char *
item(const struct ir_rec *list, size_t i)
{
	if (ir_rec_kind(list) == IR_REC_ARRAY)
		return i < ir_rec_len(list) ?
		    ir_rec_cstr(ir_rec_item(list, i)) : NULL;
	return i == 0 ? ir_rec_cstr(list) : NULL;
}

static enum ir_tri
action_fits(const struct ir_rec *s, const char *action)
{
	const struct ir_rec *list = ir_rec_at(s, "Action");
	bool other = !list, fits = false;
	size_t i;

	if (other)
		list = ir_rec_at(s, "NotAction");
	for (i = 0; item(list, i) && !fits; i++)
		fits = ir_policy_action(item(list, i), action);
	return fits != other ? IR_TRI_YES : IR_TRI_NO;
}

static enum ir_tri
resource_fits(struct ir_policy_eval *e, const struct ir_rec *s)
{
	const struct ir_rec *list = ir_rec_at(s, "Resource");
	bool other = !list;
	enum ir_tri t = IR_TRI_NO, one;
	size_t i;

	if (other)
		list = ir_rec_at(s, "NotResource");
	if (!list)		/* of a resource: that one */
		return IR_TRI_YES;
	for (i = 0; item(list, i) && t != IR_TRI_YES; i++) {
		one = ir_policy_resource(e, item(list, i));
		t = one > t ? one : t;
	}
	return other ? (enum ir_tri)(IR_TRI_YES - t) : t;
}

struct conditions {
	struct ir_policy_eval *e;
	const char *operator;
	enum ir_tri all;
};

static int
one_key(const char *key, const struct ir_rec *v, void *arg)
{
	struct conditions *c = arg;

	c->all = least(c->all, ir_policy_condition(c->e, c->operator, key,
	    v));
	return 0;
}

static int
one_operator(const char *operator, const struct ir_rec *v, void *arg)
{
	struct conditions *c = arg;

	c->operator = operator;
	return ir_rec_each(v, one_key, c);
}

/*
 * Does the statement apply?  What was not known of one that does not is
 * forgotten: it did not matter.
 */
static enum ir_tri
applies(struct ir_policy_eval *e, const struct ir_rec *s)
{
	struct conditions c = { .e = e, .all = IR_TRI_YES };
	const struct ir_rec *conditions = ir_rec_at(s, "Condition");
	bool knew = !*e->maybe;

	c.all = action_fits(s, e->request->action);
	if (c.all != IR_TRI_NO)
		c.all = least(c.all, resource_fits(e, s));
	if (c.all != IR_TRI_NO && conditions)
		(void)ir_rec_each(conditions, one_operator, &c);
	if (c.all != IR_TRI_MAYBE && knew)
		e->maybe[0] = '\0';
	return c.all;
}

bool
ir_policy_statement_has(const struct ir_rec *statement, const char *action)
{
	return action_fits(statement, action) == IR_TRI_YES;
}

/* The statement that something rests on. */
struct place {
	const struct ir_policy *policy;
	size_t statement;		/* from 1 */
};

/* The strongest of several statements, and which it was. */
struct claim {
	enum ir_tri holds;
	const struct ir_policy *policy;
	size_t statement;		/* from 1 */
	char maybe[96];			/* MAYBE: what was not known */
};

struct found {
	struct claim allow, deny;
};

static void
note(struct found *f, const struct ir_policy *p, size_t i, bool deny,
    enum ir_tri t, const struct ir_policy_eval *e)
{
	struct claim *c = deny ? &f->deny : &f->allow;

	if (t <= c->holds)
		return;
	*c = (struct claim){ .holds = t, .policy = p, .statement = i + 1 };
	if (t == IR_TRI_MAYBE)
		memcpy(c->maybe, e->maybe, sizeof c->maybe);
}

static bool
is_deny(const struct ir_rec *s)
{
	return strcmp(ir_rec_get(s, "Effect"), "Deny") == 0;
}

static void
scan(const struct ir_policy *p, const struct ir_policy_request *r,
    struct found *f)
{
	struct ir_policy_eval e = { .request = r, .variables = p->variables };
	const struct ir_rec *s;
	size_t i;

	for (i = 0; (s = ir_policy_statement(p, i)) != NULL; i++) {
		e.maybe[0] = '\0';
		note(f, p, i, is_deny(s), applies(&e, s), &e);
	}
}

/*
 * What policies of the resource give, by how they name who asks, for that
 * says what else limits it.
 */
struct granted {
	struct found named, all;
};

static void
scan_resource(const struct ir_policy *p, const struct ir_policy_request *r,
    bool bounded, struct granted *g)
{
	struct ir_policy_eval e = { .request = r, .variables = p->variables };
	const struct ir_rec *s;
	struct ir_policy_naming by;
	enum ir_tri t;
	size_t i;

	for (i = 0; (s = ir_policy_statement(p, i)) != NULL; i++) {
		e.maybe[0] = '\0';
		t = applies(&e, s);
		if (t == IR_TRI_NO)
			continue;
		ir_policy_who(&e, s, is_deny(s), bounded, &by);
		note(&g->named, p, i, is_deny(s), least(t, by.named), &e);
		note(&g->all, p, i, is_deny(s), least(t, by.all), &e);
	}
}

static void
say(struct ir_policy_answer *a, enum ir_policy_verdict v, const char *text,
    const struct ir_policy *p, size_t statement)
{
	const struct ir_rec *s = p && statement ?
	    ir_policy_statement(p, statement - 1) : NULL;

	a->verdict = v;
	a->policy = p;
	a->statement = statement;
	a->sid = s ? ir_rec_get(s, "Sid") : NULL;
	snprintf(a->why, sizeof a->why, "%s%s", text, p ? p->name : "");
}

/* Everything that has been found about one request. */
struct evidence {
	struct found own, boundary, session;
	struct granted resource;
};

static const struct claim *
least_claim(const struct claim *a, const struct claim *b)
{
	return b->holds < a->holds ? b : a;
}

static const struct claim *
most_claim(const struct claim *a, const struct claim *b)
{
	return b->holds > a->holds ? b : a;
}

static const struct claim *
denial(const struct evidence *v)
{
	return most_claim(&v->own.deny, most_claim(&v->boundary.deny,
	    most_claim(&v->session.deny, most_claim(&v->resource.named.deny,
	    &v->resource.all.deny))));
}

/* How far the Allows carry: the weakest link of the strongest chain. */
static const struct claim *
permission(const struct evidence *v, const struct ir_policy_request *r)
{
	static const struct claim unsaid = { .holds = IR_TRI_MAYBE,
		.maybe = "whether a boundary limits a grant to everyone" };
	const struct claim *b = &v->boundary.allow, *s = &v->session.allow;
	const struct claim *own, *named, *all;

	own = least_claim(&v->own.allow, least_claim(b, s));
	named = least_claim(&v->resource.named.allow, s);
	if (r->who && r->who->kind == IR_POLICY_ROLE)
		named = least_claim(named, b);
	all = least_claim(&v->resource.all.allow, s);
	/* AWS does not say */
	if (b->holds != IR_TRI_YES && r->who &&
	    r->who->kind != IR_POLICY_OTHER)
		all = least_claim(all, &unsaid);
	return most_claim(own, most_claim(named, all));
}

static void
say_unknown(struct ir_policy_answer *a, const struct claim *c)
{
	char text[128];

	snprintf(text, sizeof text, "depends on %.90s%s", c->maybe,
	    c->policy ? " in " : "");
	say(a, IR_POLICY_UNKNOWN, text, c->policy, c->statement);
}

static void
gather(const struct ir_policy_set *set, const struct ir_policy_request *r,
    struct evidence *v)
{
	size_t i;

	memset(v, 0, sizeof *v);
	for (i = 0; i < set->n; i++)
		scan(set->identity[i], r, &v->own);
	for (i = 0; i < set->nresource; i++)
		scan_resource(set->resource[i], r, set->boundary != NULL,
		    &v->resource);
	/* without a limit nothing is limited */
	if (set->boundary)
		scan(set->boundary, r, &v->boundary);
	else
		v->boundary.allow.holds = IR_TRI_YES;
	if (set->session)
		scan(set->session, r, &v->session);
	else
		v->session.allow.holds = IR_TRI_YES;
}

static void
judge(const struct ir_policy_set *set, const struct ir_policy_request *r,
    struct ir_policy_answer *a)
{
	const struct claim *allow, *deny;
	struct evidence v;

	gather(set, r, &v);
	allow = permission(&v, r);
	deny = denial(&v);
	if (deny->holds == IR_TRI_YES)
		say(a, IR_POLICY_DENIED, "denied by ", deny->policy,
		    deny->statement);
	else if (allow->holds == IR_TRI_NO && !v.boundary.allow.holds)
		say(a, IR_POLICY_NONE, "not allowed by the boundary ",
		    set->boundary, 0);
	else if (set->incomplete)
		say(a, IR_POLICY_UNKNOWN, "not all policies could be read",
		    NULL, 0);
	else if (allow->holds == IR_TRI_NO && !v.session.allow.holds)
		say(a, IR_POLICY_NONE, "not allowed by the session policy ",
		    set->session, 0);
	else if (allow->holds == IR_TRI_NO)
		say(a, IR_POLICY_NONE, "no policy allows it", NULL, 0);
	else if (deny->holds == IR_TRI_MAYBE)
		say_unknown(a, deny);
	else if (allow->holds == IR_TRI_MAYBE)
		say_unknown(a, allow);
	else
		say(a, IR_POLICY_ALLOWED, "allowed by ", allow->policy,
		    allow->statement);
}

void
ir_policy_judge(const struct ir_policy_set *set,
    const struct ir_policy_request *r, struct ir_policy_answer *a)
{
	bool sid;
	size_t n;

	judge(set, r, a);
	n = strlen(a->why);
	sid = a->sid && *a->sid;
	if (a->statement)
		snprintf(a->why + n, sizeof a->why - n,
		    ", statement %zu%s%.80s%s", a->statement, sid ? " (" : "",
		    sid ? a->sid : "", sid ? ")" : "");
}

enum ir_policy_verdict
ir_policy_decide(const struct ir_policy_set *set,
    const struct ir_policy_request *r, char why[IR_POLICY_WHY])
{
	struct ir_policy_answer a;

	judge(set, r, &a);
	memcpy(why, a.why, sizeof a.why);
	return a.verdict;
}

/* --- what is denied ---------------------------------------------------- */

void
ir_policy_denies(const struct ir_policy *p, bool always,
    struct ir_rec *actions)
{
	const struct ir_rec *s, *list, *res;
	char text[IR_POLICY_TEXT + 16];
	size_t i, k;
	bool every;

	for (i = 0; (s = ir_policy_statement(p, i)) != NULL; i++) {
		if (strcmp(ir_rec_get(s, "Effect"), "Deny") != 0)
			continue;
		res = ir_rec_at(s, "Resource");
		for (k = 0, every = false; res && item(res, k); k++)
			every = every || strcmp(item(res, k), "*") == 0;
		if ((every && !ir_rec_has(s, "Condition")) != always)
			continue;
		list = ir_rec_at(s, "Action");
		for (k = 0; list && item(list, k); k++)
			ir_rec_push_str(actions, item(list, k));
		list = ir_rec_at(s, "NotAction");
		for (k = 0; list && item(list, k); k++) {
			snprintf(text, sizeof text, "all but %s",
			    item(list, k));
			ir_rec_push_str(actions, text);
		}
	}
}
