/* creds_text.c - see creds_text.h */
#include <stdint.h>
#include <string.h>

#include "../core/secret.h"
#include "../core/text.h"
#include "creds_text.h"

static bool
octal(char c)
{
	return c >= '0' && c <= '7';
}

size_t
ir_spell_escape(const char *s, size_t n, char *c)
{
	static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
	const char *p;
	unsigned v = 0;
	size_t i;

	if (n == 0)
		return 0;
	p = *s ? strchr(from, *s) : NULL;
	if (p) {
		*c = to[p - from];
		return 1;
	}
	if (octal(*s)) {
		for (i = 0; i < n && i < 3 && octal(s[i]); i++)
			v = v * 8 + (unsigned)(s[i] - '0');
		*c = (char)v;
		return i;
	}
	if (*s == 'x' && n > 1 && ir_hex_digit(s[1]) >= 0) {
		for (i = 1; i < n && i < 3 && ir_hex_digit(s[i]) >= 0; i++)
			v = v * 16 + (unsigned)ir_hex_digit(s[i]);
		*c = (char)v;
		return i;
	}
	*c = *s;
	return 1;
}

/* One byte as it stands in a list and in quotes. */
static void
outer(struct ir_buf *out, const struct ir_spelling *e, char c)
{
	if ((e->how & IR_SPELL_QUOTED) && (c == '\\' || c == '"'))
		ir_buf_chr(out, '\\');
	ir_buf_chr(out, c);
	if ((e->how & IR_SPELL_LIST) && c == e->separator)
		ir_buf_chr(out, c);
}

/* One byte of the secret as Exim's expansion must see it. */
static void
inner(struct ir_buf *out, const struct ir_spelling *e, char c, bool as_hex)
{
	static const char digits[] = "0123456789abcdef";

	if (!(e->how & IR_SPELL_EXPAND)) {
		outer(out, e, c);
	} else if (as_hex) {
		outer(out, e, '\\');
		outer(out, e, 'x');
		outer(out, e, digits[(unsigned char)c >> 4]);
		outer(out, e, digits[(unsigned char)c & 15]);
	} else {
		if (memchr("\\${}\"#", c, 6))
			outer(out, e, '\\');
		outer(out, e, c);
	}
}

static int
refuse(struct ir_err *err, const char *why)
{
	ir_fail(err, IR_CONFIG, "the new credential cannot stand there: %s",
	    why);
	ir_hint(err, "an authenticator of type LOGIN that reads a lookup "
	    "file takes it: --move");
	return -1;
}

static int
check(const struct ir_spelling *e, const char *s, size_t n,
    struct ir_err *err)
{
	size_t i;

	if (n == 0)
		return ir_fail(err, IR_DATAERR, "the new credential is empty");
	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return ir_fail(err, IR_DATAERR, "the new credential "
			    "has a control byte in it");
	if (s[0] == ' ' || s[n - 1] == ' ')
		return refuse(err, "a blank at its beginning or end");
	if ((e->how & IR_SPELL_PLAIN) && s[0] == '^')
		return refuse(err, "with PLAIN it cannot begin with a "
		    "circumflex");
	if ((e->how & IR_SPELL_FIELD) && memchr(s, ':', n))
		return refuse(err, "a colon in the user");
	if ((e->how & IR_SPELL_LIST) && (!e->separator ||
	    strchr("\\${}^\"x", e->separator) ||
	    ir_hex_digit(e->separator) >= 0))
		return refuse(err, "the list's separator");
	return 0;
}

struct spelt {
	struct ir_buf text;
	struct ir_buf made_by;	/* for each byte of it, two: which one's */
	struct ir_buf bare;	/* bytes of the secret in hexadecimal */
};

static void
write_all(struct spelt *w, const struct ir_spelling *e, const char *s,
    size_t n)
{
	bool first, last, list = e->how & IR_SPELL_LIST, as_hex;
	uint16_t i, k;

	ir_buf_trunc(&w->text, 0);
	ir_buf_trunc(&w->made_by, 0);
	for (i = 0; i < n; i++) {
		first = i == 0;
		last = i + 1 == (int)n;
		/*
		 * A backslash that ends the line would continue it; a "<"
		 * that begins the list would name another separator; a
		 * separator at either edge could join what stands beside it.
		 */
		as_hex = w->bare.data[i] || (last && s[i] == '\\') ||
		    (first && s[i] == '<') || ((first || last) && list &&
		    s[i] == e->separator);
		inner(&w->text, e, s[i], as_hex);
		if (s[i] == '^' && (e->how & IR_SPELL_CARET))
			inner(&w->text, e, '^', false);
		k = i;
		while (!w->text.bad && w->made_by.len < 2 * w->text.len)
			ir_buf_add(&w->made_by, &k, sizeof k);
	}
}

int
ir_spell(struct ir_buf *out, const struct ir_spelling *e, const char *s,
    size_t n, ir_spell_macro *macro, void *arg, struct ir_err *err)
{
	struct spelt w = { IR_BUF_SECRET(8 * IR_SECRET_MAX),
		IR_BUF(16 * IR_SECRET_MAX), IR_BUF(IR_SECRET_MAX) };
	bool again = true;
	uint16_t k;
	long at;
	size_t i;
	int rc = check(e, s, n, err);

	for (i = 0; rc == 0 && i < n; i++)
		ir_buf_chr(&w.bare, 0);
	if (rc == 0)
		rc = ir_buf_check(&w.bare, "credential", err);
	while (rc == 0 && again) {
		write_all(&w, e, s, n);
		if ((rc = ir_buf_check(&w.text, "credential", err)))
			break;
		at = macro && (e->how & IR_SPELL_EXPAND) ?
		    macro(w.text.data, w.text.len, arg) : -1;
		again = at >= 0;
		if (!again)
			break;
		memcpy(&k, w.made_by.data + 2 * at, sizeof k);
		if (w.bare.data[k])
			rc = refuse(err, "a macro's name in it");
		w.bare.data[k] = 1;
	}
	if (rc == 0)
		ir_buf_add(out, w.text.data, w.text.len);
	ir_buf_free(&w.text);
	ir_buf_free(&w.made_by);
	ir_buf_free(&w.bare);
	return rc;
}

int
ir_spell_expression(struct ir_buf *out, const struct ir_spelling *e,
    const char *s, ir_spell_macro *macro, void *arg, struct ir_err *err)
{
	size_t from = out->len;

	for (; *s; s++)
		outer(out, e, *s);
	if (ir_buf_check(out, "expression", err))
		return -1;
	if (macro && macro(out->data + from, out->len - from, arg) >= 0)
		return ir_fail(err, IR_CONFIG, "a macro's name is part of "
		    "the lookup that would be written");
	return 0;
}

void
ir_uncaret(struct ir_buf *out, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] != '^') {
			ir_buf_chr(out, s[i]);
		} else if (i + 1 < n && s[i + 1] == '^') {
			ir_buf_chr(out, '^');
			i++;
		} else {
			ir_buf_chr(out, '\0');
		}
	}
}

int
ir_unspell(struct ir_buf *out, const struct ir_spelling *e, const char *s,
    size_t n)
{
	struct ir_buf b = IR_BUF_SECRET(n + 1);
	bool expand = e->how & IR_SPELL_EXPAND, verbatim = false, known = true;
	size_t i;
	char c;

	for (i = 0; i < n; i++) {
		if (!expand || (s[i] != '$' && s[i] != '\\')) {
			ir_buf_chr(&b, s[i]);
		} else if (s[i] == '\\' && i + 1 < n && s[i + 1] == 'N') {
			verbatim = !verbatim;
			i++;
		} else if (verbatim) {
			ir_buf_chr(&b, s[i]);
		} else if (s[i] == '\\' && i + 1 < n) {
			i += ir_spell_escape(s + i + 1, n - i - 1, &c);
			ir_buf_chr(&b, c);
		} else {
			known = false;
		}
	}
	if (known && (e->how & IR_SPELL_CARET))
		ir_uncaret(out, ir_buf_cstr(&b), b.len);
	else if (known)
		ir_buf_add(out, ir_buf_cstr(&b), b.len);
	ir_buf_free(&b);
	return known ? 0 : -1;
}

bool
ir_ses_user(const char *s, size_t n)
{
	size_t i;

	if (n != 20 || memcmp(s, "AKIA", 4) != 0)
		return false;
	for (i = 4; i < n; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') ||
		    (s[i] >= '0' && s[i] <= '9')))
			return false;
	return true;
}

bool
ir_ses_password(const char *s, size_t n)
{
	size_t i;

	/* 33 bytes: the version, 4 or once 2, and 32 of a hash */
	if (n != 44 || !((s[0] == 'B' && s[1] >= 'A' && s[1] <= 'P') ||
	    (s[0] == 'A' && s[1] >= 'g' && s[1] <= 'v')))
		return false;
	for (i = 0; i < n; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' &&
		    s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') ||
		    s[i] == '+' || s[i] == '/'))
			return false;
	return true;
}
