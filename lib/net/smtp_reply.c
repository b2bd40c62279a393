/* smtp_reply.c - see smtp_reply.h */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "../core/text.h"
#include "smtp_reply.h"

/* The next word of a line, in any case, or false at its end. */
static bool
next_word(const char **p, const char *end, const char **word, size_t *n)
{
	while (*p < end && (**p == ' ' || **p == '\t' || **p == '='))
		(*p)++;
	*word = *p;
	while (*p < end && **p != ' ' && **p != '\t' && **p != '=')
		(*p)++;
	*n = (size_t)(*p - *word);
	return *n > 0;
}

static bool
is_word(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && strncasecmp(word, name, n) == 0;
}

/* "AUTH PLAIN LOGIN", also the old "AUTH=PLAIN LOGIN". */
static void
read_offer(const char *p, const char *end, struct ir_smtp_offers *o)
{
	const char *word;
	size_t n;

	if (!next_word(&p, end, &word, &n))
		return;
	if (is_word(word, n, "STARTTLS"))
		o->starttls = true;
	if (!is_word(word, n, "AUTH"))
		return;
	while (next_word(&p, end, &word, &n)) {
		if (is_word(word, n, "PLAIN"))
			o->auth_plain = true;
		if (is_word(word, n, "LOGIN"))
			o->auth_login = true;
	}
}

static int
read_code(const char *p, size_t n)
{
	if (n < 3 || p[0] < '2' || p[0] > '5' ||
	    !isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]))
		return -1;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

static void
keep_text(struct ir_smtp_parsed *r, const char *p, size_t n)
{
	struct ir_buf b = IR_BUF(4 * IR_SMTP_LINE_MAX);
	size_t len;

	/* NUL and other control bytes are made visible, not obeyed */
	ir_text_clean(&b, p, n);
	len = ir_text_cut(ir_buf_cstr(&b), b.len, sizeof r->text - 1);
	memcpy(r->text, ir_buf_cstr(&b), len);
	r->text[len] = '\0';
	ir_buf_free(&b);
}

long
ir_smtp_reply_parse(const char *p, size_t n, struct ir_smtp_parsed *r)
{
	const char *at = p, *end = p + n, *nl, *eol;
	int code;

	memset(r, 0, sizeof *r);
	while (at < end) {
		nl = memchr(at, '\n', (size_t)(end - at));
		if ((nl ? nl : end) - at > IR_SMTP_LINE_MAX)
			return -1;
		if (!nl)
			return 0;
		eol = nl > at && nl[-1] == '\r' ? nl - 1 : nl;
		code = read_code(at, (size_t)(eol - at));
		if (code < 0 || (r->lines && code != r->code) ||
		    ++r->lines > IR_SMTP_LINES_MAX)
			return -1;
		r->code = code;
		if (eol - at > 3 && at[3] != ' ' && at[3] != '-')
			return -1;
		if (eol - at > 3 && r->lines > 1)
			read_offer(at + 4, eol, &r->offers);
		if (eol - at == 3 || at[3] == ' ') {
			if (eol - at > 4)
				keep_text(r, at + 4, (size_t)(eol - at - 4));
			return (long)(nl + 1 - p);
		}
		at = nl + 1;
	}
	return 0;
}

void
ir_smtp_stuff(const char *msg, size_t n, struct ir_buf *out)
{
	size_t i = 0, start;

	while (i < n) {
		if (msg[i] == '.')
			ir_buf_chr(out, '.');
		for (start = i; i < n && msg[i] != '\r' && msg[i] != '\n'; i++)
			;
		ir_buf_add(out, msg + start, i - start);
		ir_buf_str(out, "\r\n");
		if (i + 1 < n && msg[i] == '\r' && msg[i + 1] == '\n')
			i++;
		i++;
	}
}
