/* policy.c - see policy.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "match.h"
#include "policy.h"

#define NAME_MAX_ 128

struct ir_policy {
	struct ir_rec *doc;		/* checked */
	char name[NAME_MAX_ + 1];
	bool variables;
};

/* --- reading ----------------------------------------------------------- */

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

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
		if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
			return ir_fail(err, IR_DATAERR,
			    "policy: bad percent-encoding");
		ir_buf_chr(out, hex(s[i + 1]) * 16 + hex(s[i + 2]));
		i += 2;
	}
	return ir_buf_check(out, "policy", err);
}

struct check {
	size_t items;
	bool action, not_action, resource, not_resource, effect;
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
	} else if (strcmp(key, "Sid") == 0) {
		ok = s != NULL;
	}
	return ok ? 0 : -1;
}

static bool
statement_ok(const struct ir_rec *s, struct check *c)
{
	*c = (struct check){ .items = c->items };
	return ir_rec_kind(s) == IR_REC_OBJECT &&
	    ir_rec_each(s, check_element, c) == 0 && c->effect &&
	    c->action != c->not_action && c->resource != c->not_resource;
}

static const struct ir_rec *
statement(const struct ir_policy *p, size_t i)
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
	struct check c = { 0 };
	size_t i;

	if (ir_rec_kind(p->doc) != IR_REC_OBJECT ||
	    ir_rec_each(p->doc, check_top, p) || !statement(p, 0))
		return ir_fail(err, IR_DATAERR, "policy: not a document");
	for (i = 0; statement(p, i); i++)
		if (i == IR_POLICY_STATEMENTS ||
		    !statement_ok(statement(p, i), &c))
			return ir_fail(err, IR_DATAERR,
			    "policy: statement %zu not understood", i + 1);
	return 0;
}

int
ir_policy_parse(struct ir_policy **out, const char *name, const char *bytes,
    size_t n, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_POLICY_MAX);
	struct ir_policy *p = calloc(1, sizeof *p);
	int rc = -1;

	*out = NULL;
	if (!p)
		return ir_fail(err, IR_OSERR, "no memory");
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

/* The strongest Allow and Deny among documents, and where they were. */
struct found {
	enum ir_tri allow, deny;
	const char *allowed_by, *denied_by, *maybe_in;
	char maybe[96];
};

static void
scan(const struct ir_policy *p, const struct ir_policy_request *r,
    struct found *f)
{
	struct ir_policy_eval e = { .request = r, .variables = p->variables };
	const struct ir_rec *s;
	enum ir_tri t;
	size_t i;

	for (i = 0; (s = statement(p, i)) != NULL; i++) {
		t = applies(&e, s);
		if (strcmp(ir_rec_get(s, "Effect"), "Deny") == 0) {
			if (t > f->deny)
				f->denied_by = p->name;
			f->deny = t > f->deny ? t : f->deny;
		} else {
			if (t > f->allow)
				f->allowed_by = p->name;
			f->allow = t > f->allow ? t : f->allow;
		}
	}
	if (*e.maybe && !*f->maybe) {
		memcpy(f->maybe, e.maybe, sizeof f->maybe);
		f->maybe_in = p->name;
	}
}

static enum ir_policy_verdict
say(char why[IR_POLICY_WHY], enum ir_policy_verdict v, const char *text,
    const char *name)
{
	snprintf(why, IR_POLICY_WHY, "%s%.120s", text, name ? name : "");
	return v;
}

enum ir_policy_verdict
ir_policy_decide(const struct ir_policy_set *set,
    const struct ir_policy_request *r, char why[IR_POLICY_WHY])
{
	struct found f = { .allow = IR_TRI_NO }, b = { .allow = IR_TRI_YES };
	size_t i;

	for (i = 0; i < set->n; i++)
		scan(set->identity[i], r, &f);
	if (set->boundary) {
		b.allow = IR_TRI_NO;
		scan(set->boundary, r, &b);
	}
	if (f.deny == IR_TRI_YES || b.deny == IR_TRI_YES)
		return say(why, IR_POLICY_DENIED, "denied by ",
		    f.deny == IR_TRI_YES ? f.denied_by : b.denied_by);
	if (b.allow == IR_TRI_NO)
		return say(why, IR_POLICY_NONE,
		    "not allowed by the boundary ",
		    ir_policy_name(set->boundary));
	if (set->incomplete)
		return say(why, IR_POLICY_UNKNOWN,
		    "not all policies could be read", NULL);
	if (f.allow == IR_TRI_NO)
		return say(why, IR_POLICY_NONE, "no policy allows it", NULL);
	if (least(f.allow, b.allow) == IR_TRI_YES && !f.deny && !b.deny)
		return say(why, IR_POLICY_ALLOWED, "allowed by ",
		    f.allowed_by);
	snprintf(why, IR_POLICY_WHY, "depends on %.70s in %.60s",
	    *f.maybe ? f.maybe : b.maybe, *f.maybe ? f.maybe_in : b.maybe_in);
	return IR_POLICY_UNKNOWN;
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

	for (i = 0; (s = statement(p, i)) != NULL; i++) {
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
