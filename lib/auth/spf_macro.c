/* spf_macro.c - see spf_macro.h */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "spf_macro.h"

#define DELIMITERS ".-+,/_="

struct macro {
	char letter;		/* lower case */
	bool escape;		/* it was upper case */
	size_t keep;		/* parts on the right; 0: all */
	bool reverse;
	const char *delimiters;
	size_t ndelimiters;
};

static bool
alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "%{...}" at s: its length, or 0. */
static size_t
read_macro(const char *s, size_t n, bool exp, struct macro *m)
{
	size_t at = 2;
	bool counted;

	memset(m, 0, sizeof *m);
	if (n < 4 || !alpha(s[at]))
		return 0;
	m->escape = s[at] < 'a';
	m->letter = (char)(s[at++] | 0x20);
	if (!strchr(exp ? "slodiphvcrt" : "slodiphv", m->letter))
		return 0;
	counted = at < n && digit(s[at]);
	for (; at < n && digit(s[at]); at++)
		if (m->keep < 100000)
			m->keep = m->keep * 10 + (size_t)(s[at] - '0');
	if (counted && m->keep == 0)
		return 0;
	if (at < n && (s[at] | 0x20) == 'r') {
		m->reverse = true;
		at++;
	}
	m->delimiters = s + at;
	while (at < n && s[at] && strchr(DELIMITERS, s[at])) {
		m->ndelimiters++;
		at++;
	}
	return at < n && s[at] == '}' ? at + 1 : 0;
}

size_t
ir_spf_macro_len(const char *s, size_t n, bool exp)
{
	struct macro m;

	if (n < 2 || s[0] != '%')
		return 0;
	if (s[1] == '{')
		return read_macro(s, n, exp, &m);
	return s[1] == '%' || s[1] == '_' || s[1] == '-' ? 2 : 0;
}

bool
ir_spf_macro_string_ok(const char *s, size_t n, bool exp)
{
	size_t i = 0, len;

	while (i < n) {
		if (s[i] == '%') {
			len = ir_spf_macro_len(s + i, n - i, exp);
			if (len == 0)
				return false;
			i += len;
		} else if (s[i] < (exp ? ' ' : '!') || s[i] > '~') {
			return false;
		} else {
			i++;
		}
	}
	return true;
}

/* Letters and digits, and hyphens inside; not of digits alone. */
static bool
top_label(const char *s, size_t n)
{
	bool only_digits = true;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!alpha(s[i]) && !digit(s[i]) && s[i] != '-')
			return false;
		only_digits = only_digits && digit(s[i]);
	}
	return n > 0 && !only_digits && s[0] != '-' && s[n - 1] != '-';
}

bool
ir_spf_domain_spec_ok(const char *s, size_t n)
{
	size_t i = 0, run = 0, end = n, dot;

	if (n == 0 || !ir_spf_macro_string_ok(s, n, false))
		return false;
	while (i < n) {		/* run: where the last literal begins */
		if (s[i] == '%') {
			i += ir_spf_macro_len(s + i, n - i, false);
			run = i;
		} else {
			i++;
		}
	}
	if (run == n)
		return true;
	if (s[end - 1] == '.')
		end--;
	for (dot = end; dot > run && s[dot - 1] != '.'; dot--)
		continue;
	return dot > run && top_label(s + dot, end - dot);
}

/* --- expansion ---------------------------------------------------------- */

/* The address as labels: octets, or nibbles with dots between them. */
static void
dotted(const struct ir_ip *ip, char out[80])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	if (!ip->v6) {
		ir_ip_text(ip, out, 80);
		return;
	}
	for (i = 0; i < 32; i++) {
		out[i * 2] = hex[i % 2 ? ip->b[i / 2] & 15 : ip->b[i / 2] >> 4];
		out[i * 2 + 1] = '.';
	}
	out[63] = '\0';
}

static void
value_of(const struct ir_spf_values *v, char letter, struct ir_buf *b)
{
	char text[80];

	switch (letter) {
	case 's':
		ir_buf_fmt(b, "%s@%s", v->local, v->sender_domain);
		break;
	case 'l':
		ir_buf_str(b, v->local);
		break;
	case 'o':
		ir_buf_str(b, v->sender_domain);
		break;
	case 'd':
		ir_buf_str(b, v->domain);
		break;
	case 'i':
		dotted(&v->ip, text);
		ir_buf_str(b, text);
		break;
	case 'p':
		ir_buf_str(b, v->validated ? v->validated(v->arg) : "unknown");
		break;
	case 'v':
		ir_buf_str(b, v->ip.v6 ? "ip6" : "in-addr");
		break;
	case 'h':
		ir_buf_str(b, v->helo);
		break;
	case 'c':
		ir_buf_str(b, ir_ip_text(&v->ip, text, sizeof text));
		break;
	case 'r':
		ir_buf_str(b, v->receiver ? v->receiver : "unknown");
		break;
	default:
		ir_buf_fmt(b, "%" PRId64, v->now);
	}
}

static bool
delimits(const struct macro *m, char c)
{
	return m->ndelimiters ?
	    memchr(m->delimiters, c, m->ndelimiters) != NULL : c == '.';
}

/* One part, escaped if that was asked for, with a dot before it. */
static void
add_part(struct ir_buf *out, const struct macro *m, const char *s, size_t n,
    bool first)
{
	static const char plain[] = "-._~";
	size_t i;

	if (!first)
		ir_buf_chr(out, '.');
	for (i = 0; i < n; i++) {
		if (m->escape && !alpha(s[i]) && !digit(s[i]) &&
		    !strchr(plain, s[i]))
			ir_buf_fmt(out, "%%%02X", (unsigned char)s[i]);
		else
			ir_buf_chr(out, s[i]);
	}
}

/* Split, turn round, keep the parts on the right, join with dots. */
static void
transform(const struct macro *m, const char *s, size_t n, struct ir_buf *out)
{
	size_t parts = 1, skip, i, start, end, k;

	for (i = 0; i < n; i++)
		parts += delimits(m, s[i]);
	skip = m->keep && m->keep < parts ? parts - m->keep : 0;
	if (!m->reverse) {
		for (i = 0; i < n && skip; i++)
			skip -= delimits(m, s[i]);
		for (k = 0, start = i; start <= n; start = end + 1, k++) {
			for (end = start; end < n && !delimits(m, s[end]); )
				end++;
			add_part(out, m, s + start, end - start, k == 0);
		}
		return;
	}
	/* what is on the right after turning is what comes first now */
	end = n;
	for (k = 0; k < parts; k++, end = start - 1) {
		for (start = end; start > 0 && !delimits(m, s[start - 1]); )
			start--;
		if (k >= skip)
			add_part(out, m, s + start, end - start, k == skip);
	}
}

void
ir_spf_expand(const struct ir_spf_values *v, const char *s, size_t n,
    struct ir_buf *out)
{
	struct ir_buf value = IR_BUF(IR_SPF_EXPANDED_MAX);
	struct macro m;
	size_t i = 0;

	while (i < n && !out->bad) {
		if (s[i] != '%' || i + 1 == n) {
			ir_buf_chr(out, s[i++]);
		} else if (s[i + 1] == '{') {
			i += read_macro(s + i, n - i, true, &m);
			ir_buf_trunc(&value, 0);
			value_of(v, m.letter, &value);
			transform(&m, ir_buf_cstr(&value), value.len, out);
		} else {
			ir_buf_str(out, s[i + 1] == '%' ? "%" :
			    s[i + 1] == '_' ? " " : "%20");
			i += 2;
		}
	}
	ir_buf_free(&value);
}

bool
ir_spf_name(const char *s, size_t n, char out[256])
{
	size_t i, label = 0;
	const char *dot;

	if (n && s[n - 1] == '.')
		n--;
	while (n > 253) {
		dot = memchr(s, '.', n);
		if (!dot)
			return false;
		n -= (size_t)(dot + 1 - s);
		s = dot + 1;
	}
	for (i = 0; i <= n; i++) {
		if (i < n && s[i] == '\0')
			return false;
		if (i < n && s[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > 63)
			return false;
		label = 0;
	}
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}
