/* letter.c - see letter.h */
#include <stdbool.h>
#include <string.h>

#include "letter.h"

/* What a person was meant to fill in, and did not. */
static const char *const left_over[] = { "TODO", "FIXME", "XXXX", "{{", "}}",
    "(AWS\xe3\x82\xa2\xe3\x82\xab\xe3\x82\xa6\xe3\x83\xb3\xe3\x83\x88ID)" };

/* Is it there?  Words count as words only: an id may have such letters. */
static bool
has(const char *line, const char *what)
{
	static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(what);
	const char *p;

	for (p = line; (p = strstr(p, what)); p++)
		if (!strchr(alnum, *what) ||
		    ((p == line || !strchr(alnum, p[-1])) &&
		    (!p[n] || !strchr(alnum, p[n]))))
			return true;
	return false;
}

static const struct ir_letter_value *
lookup(const struct ir_letter_value *v, size_t nv, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < nv; i++)
		if (strlen(v[i].name) == n && memcmp(v[i].name, name, n) == 0)
			return &v[i];
	return NULL;
}

/* Values are foreign text: one line each, but for lists. */
static void
add_value(struct ir_buf *out, const struct ir_letter_value *v)
{
	const char *s;

	for (s = v->value; *s; s++)
		ir_buf_chr(out, (unsigned char)*s < ' ' &&
		    !(v->lines && *s == '\n') ? ' ' : *s);
}

/* One line: 1 to keep it, 0 to leave it out, -1. */
static int
fill_line(const char *s, size_t n, size_t number,
    const struct ir_letter_value *v, size_t nv, struct ir_buf *out,
    struct ir_err *err)
{
	const char *end = s + n, *open, *shut;
	const struct ir_letter_value *value;
	bool optional;
	size_t len;

	while ((open = memmem(s, (size_t)(end - s), "{{", 2))) {
		ir_buf_add(out, s, (size_t)(open - s));
		open += 2;
		shut = memmem(open, (size_t)(end - open), "}}", 2);
		if (!shut)
			return ir_fail(err, IR_CONFIG,
			    "line %zu of the letter: {{ without }}", number);
		len = (size_t)(shut - open);
		optional = len && shut[-1] == '?';
		value = lookup(v, nv, open, len - optional);
		if (!value)
			return ir_fail(err, IR_CONFIG,
			    "line %zu of the letter: no such placeholder: "
			    "{{%.*s}}", number, (int)(len < 60 ? len : 60),
			    open);
		if (!value->value || !*value->value) {
			if (optional)
				return 0;
			return ir_fail(err, IR_CONFIG,
			    "line %zu of the letter: there is no value for "
			    "{{%s}}", number, value->name);
		}
		add_value(out, value);
		s = shut + 2;
	}
	ir_buf_add(out, s, (size_t)(end - s));
	return 1;
}

int
ir_letter_fill(const char *template, size_t n,
    const struct ir_letter_value *v, size_t nv, struct ir_buf *out,
    struct ir_err *err)
{
	const char *p, *nl, *end = template + n;
	size_t number = 0, start, i;
	int keep;

	if (n > IR_LETTER_MAX || memchr(template, '\0', n))
		return ir_fail(err, IR_CONFIG, "the letter is not a text");
	for (p = template; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		start = out->len;
		keep = fill_line(p, (size_t)(nl - p), ++number, v, nv, out,
		    err);
		if (keep < 0)
			return -1;
		if (!keep) {
			ir_buf_trunc(out, start);
			continue;
		}
		for (i = 0; i < sizeof left_over / sizeof *left_over; i++)
			if (has(ir_buf_cstr(out) + start, left_over[i]))
				return ir_fail(err, IR_CONFIG,
				    "line %zu of the letter was not filled "
				    "in: %s", number, left_over[i]);
		ir_buf_chr(out, '\n');
	}
	return ir_buf_check(out, "letter", err);
}
