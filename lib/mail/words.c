/* words.c - see words.h */
#include <string.h>
#include <strings.h>

#include "charset.h"
#include "core/buf.h"
#include "core/text.h"
#include "words.h"

static int
base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

void
ir_base64_lenient(struct ir_buf *out, const char *s, size_t n)
{
	unsigned long acc = 0;
	unsigned bits = 0;
	char chunk[3072];
	size_t i, len = 0;
	int v;

	for (i = 0; i < n; i++) {
		v = base64_value((unsigned char)s[i]);
		if (v < 0) {
			if (s[i] == '=')
				bits = 0;	/* the group ends here */
			continue;
		}
		acc = (acc << 6 | (unsigned long)v) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			chunk[len++] = (char)(acc >> bits & 0xff);
		}
		if (len == sizeof chunk) {
			ir_buf_add(out, chunk, len);
			len = 0;
		}
	}
	ir_buf_add(out, chunk, len);
}

/* Bytes of a soft line end after the '=' at s[0]; 0 when it is none. */
static size_t
soft_end(const char *s, size_t n)
{
	size_t i = 1;

	while (i < n && (s[i] == ' ' || s[i] == '\t'))
		i++;
	if (i < n && s[i] == '\r')
		i++;
	if (i < n && s[i] == '\n')
		return i + 1;
	return i == n ? n : 0;
}

void
ir_qp_lenient(struct ir_buf *out, const char *s, size_t n, bool header)
{
	size_t i = 0, from = 0, skip;

	while (i < n) {
		if (header && s[i] == '_') {
			ir_buf_add(out, s + from, i - from);
			ir_buf_chr(out, ' ');
			from = ++i;
		} else if (s[i] != '=') {
			i++;
		} else if (i + 2 < n && ir_hex_digit(s[i + 1]) >= 0 &&
		    ir_hex_digit(s[i + 2]) >= 0) {
			ir_buf_add(out, s + from, i - from);
			ir_buf_chr(out, ir_hex_digit(s[i + 1]) << 4 |
			    ir_hex_digit(s[i + 2]));
			from = i += 3;
		} else if (!header && (skip = soft_end(s + i, n - i)) != 0) {
			ir_buf_add(out, s + from, i - from);
			from = i += skip;
		} else {
			i++;	/* not what it seemed: kept */
		}
	}
	ir_buf_add(out, s + from, n - from);
}

struct word {
	const char *charset, *text;
	size_t charset_len, text_len, len;
	bool base64;
};

/* An encoded word at s[0]?  Spaces inside the text are let pass in "Q". */
static bool
encoded_word(const char *s, size_t n, struct word *w)
{
	const char *end = s + n, *p, *star;

	if (n < 8 || s[0] != '=' || s[1] != '?')
		return false;
	w->charset = s + 2;
	/* a label is short: a search further would not be linear */
	p = memchr(s + 2, '?', n - 2 < 80 ? n - 2 : 80);
	if (!p || p == s + 2 || end - p < 5 || p[2] != '?')
		return false;
	star = memchr(w->charset, '*', (size_t)(p - w->charset));
	w->charset_len = (size_t)((star ? star : p) - w->charset);
	if (p[1] == 'b' || p[1] == 'B')
		w->base64 = true;
	else if (p[1] == 'q' || p[1] == 'Q')
		w->base64 = false;
	else
		return false;
	w->text = p + 3;
	for (p = w->text; p + 1 < end; p++) {
		if (*p == '?' && p[1] == '=')
			break;
		if (*p == '?' || *p == '\n' || *p == '\r')
			return false;
	}
	if (p + 1 >= end)
		return false;
	w->text_len = (size_t)(p - w->text);
	w->len = (size_t)(p + 2 - s);
	return true;
}

/* Plain text between encoded words, unfolded. */
static void
plain(struct ir_buf *out, const char *s, size_t n)
{
	struct ir_buf b = IR_BUF(n + 1);
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] != '\r' && s[i] != '\n')
			ir_buf_chr(&b, s[i] ? s[i] : ' ');
	ir_charset_utf8(out, NULL, 0, ir_buf_cstr(&b), b.len);
	ir_buf_free(&b);
}

static bool
only_space(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r' &&
		    s[i] != '\n')
			return false;
	return true;
}

void
ir_mail_words(struct ir_buf *out, const char *s, size_t n)
{
	struct ir_buf octets = IR_BUF(n + 1);
	struct word w, last = { NULL, NULL, 0, 0, 0, false };
	size_t i = 0, from = 0, start = out->len;

	while (i < n) {
		const char *q = memchr(s + i, '=', n - i);

		if (!q)
			break;
		i = (size_t)(q - s);
		if (!encoded_word(q, n - i, &w)) {
			i++;
			continue;
		}
		if (!last.charset || !only_space(s + from, i - from)) {
			if (last.charset)
				ir_charset_utf8(out, last.charset,
				    last.charset_len, ir_buf_cstr(&octets),
				    octets.len);
			plain(out, s + from, i - from);
			ir_buf_trunc(&octets, 0);
		} else if (last.charset_len != w.charset_len ||
		    strncasecmp(last.charset, w.charset, w.charset_len) != 0) {
			ir_charset_utf8(out, last.charset, last.charset_len,
			    ir_buf_cstr(&octets), octets.len);
			ir_buf_trunc(&octets, 0);
		}
		if (w.base64)
			ir_base64_lenient(&octets, w.text, w.text_len);
		else
			ir_qp_lenient(&octets, w.text, w.text_len, true);
		last = w;
		i += w.len;
		from = i;
	}
	if (last.charset)
		ir_charset_utf8(out, last.charset, last.charset_len,
		    ir_buf_cstr(&octets), octets.len);
	plain(out, s + from, n - from);
	ir_buf_free(&octets);
	/* an encoded line end or NUL must not make a second line */
	for (i = start; i < out->len; i++)
		if ((unsigned char)out->data[i] < 0x20 || out->data[i] == 0x7f)
			out->data[i] = ' ';
}
