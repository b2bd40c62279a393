/* expr.c - see expr.h */
#include <stdlib.h>
#include <string.h>

#include "expr.h"

static const char *const field_name[IR_F_N] = {
	"sender", "sender_domain", "auth_user", "auth_sender", "ident",
	"login", "host", "helo", "protocol", "script", "recipient",
	"recipient_domain", "subject", "body", "header", "recipients", "age",
	"size", "deferred", "frozen", "bounce", "local",
	"authenticated", "partly_delivered"
};

struct parser {
	struct ir_expr *x;
	const char *start, *p, *end;
	int depth;
	struct ir_err *err;
};

const char *
ir_field_name(enum ir_field f)
{
	return field_name[f];
}

static int
wrong(struct parser *s, const char *what)
{
	return ir_fail(s->err, IR_USAGE, "--where: %s at character %zu", what,
	    (size_t)(s->p - s->start) + 1);
}

int
ir_expr_add(struct ir_expr *x, struct ir_expr_node node, struct ir_err *err)
{
	struct ir_expr_node *v;
	size_t cap;

	if (x->n == x->cap) {
		cap = x->cap ? x->cap * 2 : 16;
		v = cap > IR_EXPR_NODES ? NULL :
		    reallocarray(x->v, cap, sizeof *v);
		if (!v)
			return ir_fail(err, cap > IR_EXPR_NODES ? IR_USAGE :
			    IR_OSERR, "--where: too long");
		x->v = v;
		x->cap = cap;
	}
	x->v[x->n] = node;
	return (int)x->n++;
}

void
ir_expr_free(struct ir_expr *x)
{
	while (x->ntexts)
		free(x->texts[--x->ntexts]);
	free(x->v);
	x->v = NULL;
	x->n = x->cap = 0;
}

/* --- words -------------------------------------------------------------- */

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
skip_blanks(struct parser *s)
{
	while (s->p < s->end && blank(*s->p))
		s->p++;
}

/* Characters of a field, flag or keyword; of a header's name as well. */
static size_t
word_len(const struct parser *s)
{
	const char *p = s->p;

	while (p < s->end && ((*p >= 'a' && *p <= 'z') || *p == '_' ||
	    (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
	    *p == '.' || *p == '-'))
		p++;
	return (size_t)(p - s->p);
}

static bool
keyword(struct parser *s, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(s);
	if (word_len(s) != n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

static char *
keep(struct parser *s, const char *p, size_t n)
{
	char *copy = s->x->ntexts < IR_EXPR_NODES ? strndup(p, n) : NULL;

	if (!copy) {
		ir_fail(s->err, IR_OSERR, "--where: no memory");
		return NULL;
	}
	s->x->texts[s->x->ntexts++] = copy;
	return copy;
}

/* In quotes; within double ones \" and \\ are undone. */
static char *
quoted(struct parser *s, char mark)
{
	const char *from = ++s->p, *p = from;
	char *copy, *to;

	while (p < s->end && *p != mark)
		p += 1 + (mark == '"' && *p == '\\' && p + 1 < s->end);
	if (p >= s->end) {
		wrong(s, "a quote that does not end");
		return NULL;
	}
	copy = keep(s, from, (size_t)(p - from));
	if (!copy)
		return NULL;
	s->p = p + 1;
	if (mark == '"') {
		for (p = to = copy; *p; *to++ = *p++)
			if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
				p++;
		*to = '\0';
	}
	return copy;
}

static char *
take_value(struct parser *s)
{
	const char *from;

	skip_blanks(s);
	if (s->p < s->end && (*s->p == '"' || *s->p == '\''))
		return quoted(s, *s->p);
	for (from = s->p; s->p < s->end && !blank(*s->p) && *s->p != '(' &&
	    *s->p != ')'; )
		s->p++;
	if (s->p == from) {
		wrong(s, "a value is missing");
		return NULL;
	}
	return keep(s, from, (size_t)(s->p - from));
}

/* --- terms -------------------------------------------------------------- */

/* Digits, then one of the units; -1 when it is something else. */
static int64_t
number(const char *s, const char *units, const int64_t *factors)
{
	int64_t n = 0;
	const char *unit;
	int digits = 0;

	for (; *s >= '0' && *s <= '9' && digits < 12; s++, digits++)
		n = n * 10 + (*s - '0');
	if (digits == 0)
		return -1;
	if (!*s)
		return n;
	unit = strchr(units, *s);
	return unit && !s[1] ? n * factors[unit - units] : -1;
}

int64_t
ir_expr_seconds(const char *s)
{
	static const int64_t f[] = { 1, 60, 3600, 86400, 604800 };

	return number(s, "smhdw", f);
}

static int64_t
number_of(enum ir_field f, const char *s)
{
	static const int64_t bytes[] = { 1024, 1048576, 1073741824,
		1024, 1048576, 1073741824 };

	if (f == IR_F_AGE || f == IR_F_DEFERRED)
		return ir_expr_seconds(s);
	return number(s, f == IR_F_SIZE ? "KMGkmg" : "", bytes);
}

/* =  !=  ~  !~  <  <=  >  >= ; sets *not. */
static bool
take_op(struct parser *s, enum ir_expr_op *op, bool *not)
{
	char c;

	skip_blanks(s);
	*not = s->p < s->end && *s->p == '!';
	c = s->p + *not < s->end ? s->p[*not] : '\0';
	if (c != '=' && c != '~' && (*not || (c != '<' && c != '>')))
		return false;
	s->p += 1 + *not;
	*op = c == '~' ? IR_X_MATCHES : c == '=' ? IR_X_IS :
	    c == '<' ? IR_X_LT : IR_X_GT;
	if (*op > IR_X_MATCHES && s->p < s->end && *s->p == '=') {
		s->p++;
		*not = true;
		*op = *op == IR_X_LT ? IR_X_GT : IR_X_LT;
	}
	return true;
}

static int
add(struct parser *s, struct ir_expr_node node)
{
	return ir_expr_add(s->x, node, s->err);
}

static int
negate(struct parser *s, int node, bool not)
{
	return node < 0 || !not ? node : add(s, (struct ir_expr_node){
	    .op = IR_X_NOT, .a = node });
}

static int
take_term(struct parser *s, struct ir_expr_node node)
{
	const char *at;
	char *value;
	bool not;

	skip_blanks(s);
	at = s->p;
	if (!take_op(s, &node.op, &not)) {
		if (node.field < IR_F_DEFERRED)
			return wrong(s, "an operator is missing");
		node.op = IR_X_FLAG;
		return add(s, node);
	}
	if (node.field >= IR_F_FROZEN || (node.field >= IR_F_RECIPIENTS) !=
	    (node.op > IR_X_MATCHES || (node.op == IR_X_IS &&
	    node.field >= IR_F_RECIPIENTS))) {
		s->p = at;
		return wrong(s, "an operator that this field does not have");
	}
	value = take_value(s);
	if (!value)
		return -1;
	if (node.field < IR_F_RECIPIENTS) {
		node.text = value;
		/* what an unset variable leaves must not mean "any" */
		if (!*value)
			return wrong(s, "an empty value");
	} else {
		node.number = number_of(node.field, value);
		if (node.op == IR_X_IS)
			node.op = IR_X_EQ;
		if (node.number < 0)
			return wrong(s, "no number");
	}
	return negate(s, add(s, node), not);
}

static int
take_field(struct parser *s)
{
	struct ir_expr_node node = { .a = 0 };
	size_t n = word_len(s);
	int f;

	if (n > 7 && memcmp(s->p, "header.", 7) == 0) {
		node.field = IR_F_HEADER;
		node.name = keep(s, s->p + 7, n - 7);
		if (!node.name)
			return -1;
		s->p += n;
		return take_term(s, node);
	}
	for (f = 0; f < IR_F_N; f++)
		if (f != IR_F_HEADER && strlen(field_name[f]) == n &&
		    memcmp(field_name[f], s->p, n) == 0)
			break;
	if (f == IR_F_N)
		return wrong(s, n ? "no such field" : "a field is missing");
	s->p += n;
	node.field = (enum ir_field)f;
	return take_term(s, node);
}

/* --- and, or, not ------------------------------------------------------- */

static int take_expr(struct parser *s);

static int
take_part(struct parser *s)
{
	int node;

	skip_blanks(s);
	if (++s->depth > IR_EXPR_DEPTH)
		return wrong(s, "too deep");
	if (keyword(s, "not")) {
		node = negate(s, take_part(s), true);
	} else if (s->p < s->end && *s->p == '(') {
		s->p++;
		node = take_expr(s);
		skip_blanks(s);
		if (node >= 0 && (s->p >= s->end || *s->p++ != ')'))
			return wrong(s, "a ')' is missing");
	} else {
		node = take_field(s);
	}
	s->depth--;
	return node;
}

static int
take_and(struct parser *s)
{
	int a = take_part(s), b;

	while (a >= 0 && keyword(s, "and")) {
		b = take_part(s);
		a = b < 0 ? b : add(s, (struct ir_expr_node){
		    .op = IR_X_AND, .a = a, .b = b });
	}
	return a;
}

static int
take_expr(struct parser *s)
{
	int a = take_and(s), b;

	while (a >= 0 && keyword(s, "or")) {
		b = take_and(s);
		a = b < 0 ? b : add(s, (struct ir_expr_node){
		    .op = IR_X_OR, .a = a, .b = b });
	}
	return a;
}

int
ir_expr_parse(struct ir_expr *x, const char *text, size_t n, int *root,
    struct ir_err *err)
{
	struct parser s = { x, text, text, text + n, 0, err };

	if (n > IR_EXPR_MAX || memchr(text, '\0', n))
		return ir_fail(err, IR_USAGE, "--where: too long");
	*root = take_expr(&s);
	if (*root < 0)
		return -1;
	skip_blanks(&s);
	return s.p < s.end ? wrong(&s, "and, or, or the end is missing") : 0;
}

void
ir_expr_quote(struct ir_buf *out, const char *value, size_t n)
{
	size_t i;

	ir_buf_chr(out, '"');
	for (i = 0; i < n; i++) {
		if (value[i] == '"' || value[i] == '\\')
			ir_buf_chr(out, '\\');
		ir_buf_chr(out, value[i]);
	}
	ir_buf_chr(out, '"');
}
