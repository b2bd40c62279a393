/* match.c - see match.h */
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "match.h"

/*
 * Wildcards in an expanded pattern: a star that came out of a variable, or
 * was written ${*}, is none.  Documents have no control bytes.
 */
#define ANY '\1'
#define ONE '\2'

static enum ir_tri
least(enum ir_tri a, enum ir_tri b)
{
	return a < b ? a : b;
}

static enum ir_tri
most(enum ir_tri a, enum ir_tri b)
{
	return a > b ? a : b;
}

static enum ir_tri
not(enum ir_tri a)
{
	return (enum ir_tri)(IR_TRI_YES - a);
}

enum ir_tri
ir_policy_maybe(struct ir_policy_eval *e, const char *what, const char *which)
{
	if (!*e->maybe)
		snprintf(e->maybe, sizeof e->maybe, "%s %s", what, which);
	return IR_TRI_MAYBE;
}

/* --- patterns ---------------------------------------------------------- */

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Only the last star is ever taken back: at most as many steps as the
 * product of both lengths.
 */
static bool
fits_wild(const char *p, size_t pn, const char *s, size_t n, bool fold,
    char any, char one)
{
	size_t i = 0, k = 0, star = SIZE_MAX, from = 0, step;

	while (k < n) {
		step = i < pn && p[i] == one ? ir_utf8_len(s + k, n - k,
		    NULL) : 0;
		if (i < pn && p[i] == any) {
			star = i++;
			from = k;
		} else if (step) {
			i++;
			k += step;
		} else if (i < pn && p[i] != one && (p[i] == s[k] ||
		    (fold && lower(p[i]) == lower(s[k])))) {
			i++;
			k++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			k = ++from;
		} else {
			return false;
		}
	}
	while (i < pn && p[i] == any)
		i++;
	return i == pn;
}

static bool
fits(const char *p, size_t pn, const char *s, size_t n, bool fold)
{
	return fits_wild(p, pn, s, n, fold, ANY, ONE);
}

/* Six parts with colons between them, each for itself. */
static bool
fits_arn(const char *p, const char *s)
{
	size_t pn, n;
	int part;

	for (part = 0; part < 5; part++) {
		pn = strcspn(p, ":");
		n = strcspn(s, ":");
		if (p[pn] != ':' || s[n] != ':' || !fits(p, pn, s, n, false))
			return false;
		p += pn + 1;
		s += n + 1;
	}
	return fits(p, strlen(p), s, strlen(s), false);
}

bool
ir_policy_action(const char *pattern, const char *action)
{
	return fits_wild(pattern, strlen(pattern), action, strlen(action),
	    true, '*', '?');
}

/* --- variables --------------------------------------------------------- */

static bool
key_fits(const char *key, size_t len, const char *name)
{
	size_t k;

	for (k = 0; k < len; k++)
		if (!key[k] || lower(key[k]) != lower(name[k]))
			return false;
	return true;
}

static const struct ir_policy_key *
find_key(const struct ir_policy_eval *e, const char *name, size_t n)
{
	const struct ir_policy_request *r = e->request;
	const struct ir_policy_key *family = NULL;
	size_t i, len;

	for (i = 0; i < r->nkeys; i++) {
		len = strlen(r->keys[i].name);
		if (len == n && key_fits(r->keys[i].name, n, name))
			return &r->keys[i];
		if (len && r->keys[i].name[len - 1] == '*' && len - 1 <= n &&
		    r->keys[i].n == 0 &&
		    key_fits(r->keys[i].name, len - 1, name))
			family = &r->keys[i];
	}
	return family;
}

/* ${NAME} or ${NAME, 'OTHERWISE'}: what stands between the braces. */
static enum ir_tri
variable(struct ir_policy_eval *e, const char *s, size_t n, struct ir_buf *out)
{
	const struct ir_policy_key *k;
	size_t name = 0;
	char shown[64];

	while (name < n && s[name] != ',' && s[name] != ' ')
		name++;
	k = find_key(e, s, name);
	snprintf(shown, sizeof shown, "${%.*s}", (int)(name < 50 ? name : 50),
	    s);
	if (!k || k->n > 1 || (k->n && !k->values))
		return ir_policy_maybe(e, "variable", shown);
	if (k->n) {
		ir_buf_str(out, k->values[0]);
		return IR_TRI_YES;
	}
	while (name < n && (s[name] == ',' || s[name] == ' '))
		name++;
	if (name == n)
		return IR_TRI_NO;
	if (n - name < 2 || s[name] != '\'' || s[n - 1] != '\'')
		return ir_policy_maybe(e, "variable", shown);
	ir_buf_add(out, s + name + 1, n - name - 2);
	return IR_TRI_YES;
}

enum ir_tri
ir_policy_expand(struct ir_policy_eval *e, const char *s, bool wild,
    struct ir_buf *out)
{
	enum ir_tri all = IR_TRI_YES;
	const char *end;

	for (; *s; s++) {
		end = s[0] == '$' && s[1] == '{' && e->variables ?
		    strchr(s, '}') : NULL;
		if (end && end - s == 3 && strchr("*?$", s[2])) {
			ir_buf_chr(out, s[2]);
			s = end;
		} else if (end) {
			all = least(all, variable(e, s + 2,
			    (size_t)(end - s) - 2, out));
			s = end;
		} else if (wild && *s == '*') {
			ir_buf_chr(out, ANY);
		} else if (wild && *s == '?') {
			ir_buf_chr(out, ONE);
		} else {
			ir_buf_chr(out, *s);
		}
	}
	if (out->bad)
		return ir_policy_maybe(e, "a text longer than", "the limit");
	return all;
}

/*
 * A star in one of the first five parts of an ARN: the documentation does
 * not say in every case whether it may reach over a colon.
 */
enum ir_tri
ir_policy_resource(struct ir_policy_eval *e, const char *pattern)
{
	const char *s = e->request->resource;
	struct ir_buf b = IR_BUF(IR_POLICY_TEXT);
	enum ir_tri t;

	if (pattern[strspn(pattern, "*")] == '\0')
		return *pattern ? IR_TRI_YES : IR_TRI_NO;
	t = ir_policy_expand(e, pattern, true, &b);
	if (!s && t != IR_TRI_NO)
		t = ir_policy_maybe(e, "resource", pattern);
	else if (t == IR_TRI_YES &&
	    !fits(ir_buf_cstr(&b), b.len, s, strlen(s), false))
		t = IR_TRI_NO;
	else if (t == IR_TRI_YES && !fits_arn(ir_buf_cstr(&b), s))
		t = ir_policy_maybe(e, "pattern", pattern);
	ir_buf_free(&b);
	return t;
}

/* --- condition operators ----------------------------------------------- */

enum kind { EQUAL, EQUAL_FOLD, LIKE, ARN, BOOL, ADDRESS, NUMBER, DATE, NIL };

#define LESS 1
#define SAME 2
#define MORE 4

static const struct operator {
	const char *name;
	enum kind kind;
	bool negated;
	int holds;			/* of NUMBER and DATE */
} operators[] = {
	{ "StringEquals", EQUAL, false, 0 },
	{ "StringNotEquals", EQUAL, true, 0 },
	{ "StringEqualsIgnoreCase", EQUAL_FOLD, false, 0 },
	{ "StringNotEqualsIgnoreCase", EQUAL_FOLD, true, 0 },
	{ "StringLike", LIKE, false, 0 },
	{ "StringNotLike", LIKE, true, 0 },
	{ "ArnEquals", ARN, false, 0 },
	{ "ArnLike", ARN, false, 0 },
	{ "ArnNotEquals", ARN, true, 0 },
	{ "ArnNotLike", ARN, true, 0 },
	{ "Bool", BOOL, false, 0 },
	{ "BinaryEquals", EQUAL, false, 0 },
	{ "IpAddress", ADDRESS, false, 0 },
	{ "NotIpAddress", ADDRESS, true, 0 },
	{ "NumericEquals", NUMBER, false, SAME },
	{ "NumericNotEquals", NUMBER, true, SAME },
	{ "NumericLessThan", NUMBER, false, LESS },
	{ "NumericLessThanEquals", NUMBER, false, LESS | SAME },
	{ "NumericGreaterThan", NUMBER, false, MORE },
	{ "NumericGreaterThanEquals", NUMBER, false, MORE | SAME },
	{ "DateEquals", DATE, false, SAME },
	{ "DateNotEquals", DATE, true, SAME },
	{ "DateLessThan", DATE, false, LESS },
	{ "DateLessThanEquals", DATE, false, LESS | SAME },
	{ "DateGreaterThan", DATE, false, MORE },
	{ "DateGreaterThanEquals", DATE, false, MORE | SAME },
	{ "Null", NIL, false, 0 },
};

static bool
read_number(const char *s, double *v)
{
	char *end;

	if (!*s || s[strspn(s, "0123456789+-.eE")])
		return false;
	*v = strtod(s, &end);
	return *end == '\0' && isfinite(*v);
}

/* A day, a day with a time, or seconds since the epoch. */
static bool
read_date(const char *s, double *v)
{
	char day[40];
	int64_t t;

	if (strlen(s) == 10 && s[4] == '-') {
		snprintf(day, sizeof day, "%sT00:00:00Z", s);
		s = day;
	}
	if (strchr(s, ':') || strchr(s, 'T')) {
		if (ir_time_parse(s, &t))
			return false;
		*v = (double)t;
		return true;
	}
	return read_number(s, v);
}

struct network {
	unsigned char a[16];
	unsigned bits;
	bool four;
};

/* An address with or without a prefix length. */
static bool
read_network(const char *s, struct network *w)
{
	char text[64], *end;
	size_t n = strcspn(s, "/");
	unsigned long len;

	if (n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	w->four = inet_pton(AF_INET, text, w->a) == 1;
	if (!w->four && inet_pton(AF_INET6, text, w->a) != 1)
		return false;
	w->bits = w->four ? 32 : 128;
	if (!s[n])
		return true;
	if (s[n + 1] < '0' || s[n + 1] > '9')
		return false;
	len = strtoul(s + n + 1, &end, 10);
	if (*end || len > w->bits)
		return false;
	w->bits = (unsigned)len;
	return true;
}

/* Is it an IPv4 address in IPv6's clothes, or may one be in it? */
static bool
mapped(const struct network *w)
{
	static const unsigned char prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !w->four && memcmp(w->a, prefix, sizeof prefix) == 0;
}

static enum ir_tri
in_network(struct ir_policy_eval *e, const char *want, const char *have)
{
	struct network w, h;
	unsigned i;

	if (!read_network(want, &w))
		return ir_policy_maybe(e, "address", want);
	if (!read_network(have, &h))
		return ir_policy_maybe(e, "address", have);
	if (w.four != h.four)
		return mapped(&w) || mapped(&h) ?
		    ir_policy_maybe(e, "address", want) : IR_TRI_NO;
	for (i = 0; i < w.bits; i++)
		if ((w.a[i / 8] ^ h.a[i / 8]) & (0x80u >> i % 8))
			return IR_TRI_NO;
	return IR_TRI_YES;
}

static enum ir_tri
compare(struct ir_policy_eval *e, const struct operator *o, const char *want,
    const char *have)
{
	double w, h;
	bool (*read)(const char *, double *) =
	    o->kind == DATE ? read_date : read_number;

	if (!read(want, &w))
		return ir_policy_maybe(e, "value", want);
	if (!read(have, &h))
		return ir_policy_maybe(e, "value", have);
	return o->holds & (h < w ? LESS : h > w ? MORE : SAME) ? IR_TRI_YES :
	    IR_TRI_NO;
}

/* One value of the policy against one of the request. */
static enum ir_tri
test(struct ir_policy_eval *e, const struct operator *o, const char *text,
    const char *have)
{
	bool wild = o->kind == LIKE || o->kind == ARN, yes = false;
	struct ir_buf b = IR_BUF(IR_POLICY_TEXT);
	enum ir_tri t = ir_policy_expand(e, text, wild, &b);
	const char *want = ir_buf_cstr(&b);

	if (t == IR_TRI_NO && o->negated)
		t = ir_policy_maybe(e, "variable in", text);
	if (t == IR_TRI_YES && o->kind == ADDRESS) {
		t = in_network(e, want, have);
	} else if (t == IR_TRI_YES && (o->kind == NUMBER || o->kind == DATE)) {
		t = compare(e, o, want, have);
	} else if (t == IR_TRI_YES) {
		if (o->kind == EQUAL)
			yes = strcmp(want, have) == 0;
		else if (o->kind == EQUAL_FOLD || o->kind == BOOL)
			yes = ir_ascii_ieq(want, have);
		else if (o->kind == LIKE)
			yes = fits(want, b.len, have, strlen(have), false);
		else
			yes = fits_arn(want, have);
		t = yes ? IR_TRI_YES : IR_TRI_NO;
	}
	ir_buf_free(&b);
	return t;
}

/* A scalar as IAM compares it; NULL when it is none. */
static const char *
scalar(const struct ir_rec *v, char buf[64])
{
	struct ir_buf b = IR_BUF(63);

	if (ir_rec_kind(v) == IR_REC_STRING)
		return ir_rec_cstr(v);
	if (ir_rec_kind(v) == IR_REC_BOOL || ir_rec_kind(v) == IR_REC_INT ||
	    ir_rec_kind(v) == IR_REC_DOUBLE) {
		ir_rec_json(v, &b);
		snprintf(buf, 64, "%s", ir_buf_cstr(&b));
		ir_buf_free(&b);
		return *buf ? buf : NULL;
	}
	return NULL;
}

/* One value of the request against all of the policy. */
static enum ir_tri
test_all(struct ir_policy_eval *e, const struct operator *o,
    const struct ir_rec *values, const char *have)
{
	bool list = ir_rec_kind(values) == IR_REC_ARRAY;
	size_t i, n = list ? ir_rec_len(values) : 1;
	enum ir_tri t = IR_TRI_NO;
	const char *want;
	char buf[64];

	for (i = 0; i < n; i++) {
		want = scalar(list ? ir_rec_item(values, i) : values, buf);
		t = most(t, want ? test(e, o, want, have) :
		    ir_policy_maybe(e, "a value of", o->name));
	}
	return o->negated ? not(t) : t;
}

static enum ir_tri
is_null(struct ir_policy_eval *e, const struct ir_rec *values, bool absent)
{
	const struct ir_rec *v = ir_rec_kind(values) == IR_REC_ARRAY &&
	    ir_rec_len(values) == 1 ? ir_rec_item(values, 0) : values;
	char buf[64];
	const char *want = scalar(v, buf);

	if (want && ir_ascii_ieq(want, "true"))
		return absent ? IR_TRI_YES : IR_TRI_NO;
	if (want && ir_ascii_ieq(want, "false"))
		return absent ? IR_TRI_NO : IR_TRI_YES;
	return ir_policy_maybe(e, "a value of", "Null");
}

enum quantifier { PLAIN, FOR_ALL, FOR_ANY };

static const struct operator *
find_operator(const char *s, enum quantifier *q, bool *if_exists)
{
	size_t i, n;

	*q = PLAIN;
	if (strncmp(s, "ForAllValues:", 13) == 0)
		*q = FOR_ALL;
	else if (strncmp(s, "ForAnyValue:", 12) == 0)
		*q = FOR_ANY;
	s += *q == FOR_ALL ? 13 : *q == FOR_ANY ? 12 : 0;
	for (i = 0; i < sizeof operators / sizeof *operators; i++) {
		n = strlen(operators[i].name);
		if (strncmp(s, operators[i].name, n) != 0)
			continue;
		*if_exists = strcmp(s + n, "IfExists") == 0;
		if (!s[n] || (*if_exists && operators[i].kind != NIL))
			return &operators[i];
	}
	return NULL;
}

enum ir_tri
ir_policy_condition(struct ir_policy_eval *e, const char *operator,
    const char *key, const struct ir_rec *values)
{
	const struct ir_policy_key *k = find_key(e, key, strlen(key));
	enum quantifier q;
	bool if_exists, every;
	const struct operator *o = find_operator(operator, &q, &if_exists);
	enum ir_tri t, one;
	size_t i;

	if (!o)
		return ir_policy_maybe(e, "operator", operator);
	if (!k)
		return ir_policy_maybe(e, "condition key", key);
	if (o->kind == NIL)
		return q == PLAIN ? is_null(e, values, k->n == 0) :
		    ir_policy_maybe(e, "operator", operator);
	if (k->n == 0)
		return if_exists || q == FOR_ALL ||
		    (o->negated && q != FOR_ANY) ? IR_TRI_YES : IR_TRI_NO;
	if (!k->values)
		return ir_policy_maybe(e, "condition key", key);
	every = q == FOR_ALL || (o->negated && q == PLAIN);
	t = every ? IR_TRI_YES : IR_TRI_NO;
	for (i = 0; i < k->n; i++) {
		one = test_all(e, o, values, k->values[i]);
		t = every ? least(t, one) : most(t, one);
	}
	return t;
}
