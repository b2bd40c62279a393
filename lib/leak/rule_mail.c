/*
 * rule_mail.c - passwords of mail servers and relays, by what they are
 * assigned to: MAIL_PASSWORD of Laravel, ->Password of PHPMailer, smtp_pass
 * of CodeIgniter and WordPress (also serialized), AuthPass of sSMTP, Exim's
 * client_send; and files that hold a credential in each line.
 */
#include <stdio.h>
#include <string.h>

#include "scan_in.h"

#define LEAST 6
#define MOST 128
#define MAIL_NEAR 400

/* A value, and whether its end was certain (a quote, a line's end). */
struct value {
	size_t at, len;
	bool quoted;
};

static bool
in_name(unsigned char c)
{
	return ir_leak_alnum(c) || c == '_' || c == '-';
}

/*
 * The name around "pass" at `at`: [*from, *to).  What follows "pass" must
 * end the name, and what stands before must be another word or a part.
 */
static bool
name_around(const struct leak_span *s, size_t at, size_t *from, size_t *to)
{
	static const char *const rest[] = { "word", "wd", "phrase", NULL };
	static const char *const before[] = { "smtp", "mail", "auth", NULL };
	size_t i, k;

	for (*from = at; *from && at - *from < 48 &&
	    in_name(s->p[*from - 1]); --*from)
		continue;
	for (*to = at + 4, i = 0; rest[i]; i++)
		if (ir_leak_word(s, at + 4, rest[i])) {
			*to += strlen(rest[i]);
			break;
		}
	if (*to < s->n && in_name(s->p[*to]))
		return false;
	if (*from == at || !ir_leak_alnum(s->p[at - 1]))
		return true;
	if (s->p[at] == 'P' && s->p[at - 1] >= 'a' && s->p[at - 1] <= 'z')
		return true;
	for (i = 0; before[i]; i++) {
		k = strlen(before[i]);
		if (at - *from >= k && ir_leak_word(s, at - k, before[i]))
			return true;
	}
	return false;
}

static size_t
skip_any(const struct leak_span *s, size_t at, const char *set, size_t most)
{
	while (most-- && at < s->n && s->p[at] && strchr(set, s->p[at]))
		at++;
	return at;
}

/* s:12:" of serialize(), with or without backslashes: behind it; else at. */
static size_t
skip_length(const struct leak_span *s, size_t at)
{
	size_t i = at + 2;

	if (at + 2 >= s->n || s->p[at] != 's' || s->p[at + 1] != ':')
		return at;
	i = skip_any(s, i, "0123456789", 5);
	return i < s->n && s->p[i] == ':' ? i + 1 : at;
}

/*
 * From the name's end over what assigns to the value: "=", "=>", ":", a
 * comma after a quoted name, ">" of XML, ";s:12:".  0: nothing is assigned.
 */
static size_t
over_sign(const struct leak_span *s, size_t at)
{
	size_t i = skip_any(s, at, "\\\"'`]) \t", 6);
	bool quoted = i > at && (s->p[at] == '"' || s->p[at] == '\'' ||
	    s->p[at] == '\\');

	if (i >= s->n)
		return 0;
	switch (s->p[i]) {
	case '=':
		i++;
		if (i < s->n && (s->p[i] == '=' || s->p[i] == '~'))
			return 0;
		if (i < s->n && s->p[i] == '>')
			i++;
		break;
	case ':':
		i++;
		if (i < s->n && s->p[i] == '=')
			i++;
		if (i < s->n && s->p[i] == ':')
			return 0;
		break;
	case ',':
		if (!quoted)
			return 0;
		i++;
		break;
	case ';':
		if (!quoted || skip_length(s, i + 1) == i + 1)
			return 0;
		return skip_length(s, i + 1);
	case '>':
		if (i != at)
			return 0;
		i++;
		break;
	default:
		return 0;
	}
	return skip_any(s, i, " \t", 8);
}

/* The value that begins at `at`, with quotes or without. */
static bool
value_at(const struct leak_span *s, size_t at, struct value *v)
{
	size_t i = at;
	unsigned char q = 0;

	v->quoted = false;
	if (i + 1 < s->n && s->p[i] == '\\' && (s->p[i + 1] == '"' ||
	    s->p[i + 1] == '\''))
		i++;
	if (i < s->n && (s->p[i] == '"' || s->p[i] == '\'')) {
		q = s->p[i++];
		v->quoted = true;
	}
	for (v->at = i; i < s->n && i - v->at <= MOST; i++) {
		if (s->p[i] < 0x21 || s->p[i] >= 0x7f)
			break;
		if (q ? s->p[i] == q || (s->p[i] == '\\' && i + 1 < s->n &&
		    s->p[i + 1] == q) : s->p[i] == '<' || s->p[i] == ';' ||
		    s->p[i] == '"' || s->p[i] == '\'')
			break;
	}
	v->len = i - v->at;
	if (v->len < LEAST || v->len > MOST)
		return false;
	if (q)
		return i < s->n && (s->p[i] == q || s->p[i] == '\\');
	i = skip_any(s, i, " \t\r", 8);
	return i >= s->n || s->p[i] == '\n' || s->p[i] == '<' ||
	    s->p[i] == '#' || s->p[i] == '\0';
}

static bool
has_any(const struct leak_span *s, const struct value *v,
    const char *const *words)
{
	size_t i;

	for (i = 0; words[i]; i++)
		if (ir_leak_near(s, v->at, v->at + v->len, words[i]))
			return true;
	return false;
}

/* How many of lower, upper, digit and other it has; bit 4: a digit. */
static unsigned
sorts(const struct leak_span *s, const struct value *v)
{
	unsigned set = 0, n = 0;
	size_t i;
	unsigned char c;

	for (i = v->at; i < v->at + v->len; i++) {
		c = s->p[i];
		set |= c >= 'a' && c <= 'z' ? 1u : c >= 'A' && c <= 'Z' ? 2u :
		    c >= '0' && c <= '9' ? 4u : 8u;
	}
	n = (set & 1) + (set >> 1 & 1) + (set >> 2 & 1) + (set >> 3 & 1);
	return n | (set & 4 ? 16 : 0);
}

/* What stands where a password would, and is none. */
static bool
stands_in(const struct leak_span *s, const struct value *v)
{
	static const char *const words[] = { "${", "{{", "<?", "%(", "$(",
	    "***", "xxxx", "your", "example", "changeme", "change_me",
	    "getenv", "env(", "environ", "null", "undefined", "function",
	    "placeholder", "redacted", "....", "->", "()", "=>", "://",
	    "passw", "passwd", "secret_", NULL };
	size_t i;

	if (strchr("$%<{[(@", s->p[v->at]))
		return true;
	if (has_any(s, v, words))
		return true;
	for (i = 1; i < v->len; i++)
		if (s->p[v->at + i] != s->p[v->at])
			return false;
	return true;
}

static void
report(struct leak_span *s, const struct value *v, const char *rule,
    const char *name, size_t nname)
{
	struct ir_leak_hit hit = {
		.offset = v->at, .len = v->len, .rule = rule,
		.kind = IR_LEAK_MAIL_PASSWORD, .account = -1,
		.context = true,
		.value = (const char *)s->p + v->at, .nvalue = v->len,
	};

	if (nname > IR_LEAK_NAME)
		nname = IR_LEAK_NAME;
	memcpy(hit.name, name, nname);
	ir_leak_emit(s, &hit);
}

/*
 * With a name that speaks of mail, any value that is not a stand-in; with
 * another, SMTP is to be near, and the value to look like a password.
 */
void
ir_leak_rule_pass(struct leak_span *s, size_t at)
{
	static const char *const mail[] = { "mail", "smtp", "ses_", "ses-",
	    "sendgrid", "mandrill", "postmark", "relay", "authpass", NULL };
	struct value v, name;
	unsigned kinds;
	size_t from, to, near, value;
	bool by_name, upper = true;

	if (!name_around(s, at, &from, &to))
		return;
	value = over_sign(s, to);
	if (value == 0 || !value_at(s, value, &v) || stands_in(s, &v))
		return;
	name = (struct value){ from, to - from, false };
	by_name = has_any(s, &name, mail);
	kinds = sorts(s, &v);
	if (by_name) {
		for (near = from; near < to; near++)
			upper = upper && ir_leak_lower(s->p[near]) ==
			    (s->p[near] | 0x20) && !(s->p[near] >= 'a' &&
			    s->p[near] <= 'z');
		/* a setting of the environment may be any word */
		if (!(upper && s->p[value - 1] == '=') && (kinds & 15) < 2)
			return;
		if (!v.quoted && !(kinds & 16) && !upper)
			return;
	} else {
		near = from < MAIL_NEAR ? 0 : from - MAIL_NEAR;
		if (!v.quoted || !(kinds & 16) || (kinds & 15) < 2 ||
		    !ir_leak_near(s, near, to + MAIL_NEAR, "smtp"))
			return;
	}
	report(s, &v, "mail-password", (const char *)s->p + from, to - from);
}

/* Exim: client_send = : user : password, or ^user^password. */
void
ir_leak_rule_client_send(struct leak_span *s, size_t at)
{
	struct value v = { 0 };
	size_t i, end;

	if (at < 5 || !ir_leak_word(s, at - 5, "client_send"))
		return;
	i = skip_any(s, at + 6, " \t", 8);
	if (i >= s->n || s->p[i] != '=')
		return;
	for (end = i; end < s->n && end - i < 400 && s->p[end] != '\n'; end++)
		if (s->p[end] == '$' || s->p[end] == '{')
			return;
	while (end > i && (s->p[end - 1] == '\r' || s->p[end - 1] == ' ' ||
	    s->p[end - 1] == '"'))
		end--;
	for (v.at = end; v.at > i + 1 && s->p[v.at - 1] > 0x20 &&
	    s->p[v.at - 1] != ':' && s->p[v.at - 1] != '^'; v.at--)
		continue;
	v.len = end - v.at;
	if (v.len < LEAST || v.len > MOST || stands_in(s, &v))
		return;
	report(s, &v, "exim-client-send", "client_send", 11);
}

/* --- a credential in each line ------------------------------------------- */

/* Up to a byte of the set, or the end; at most the line. */
static size_t
field(const struct leak_span *s, size_t at, size_t end, const char *set)
{
	while (at < end && !(s->p[at] && strchr(set, s->p[at])))
		at++;
	return at;
}

/*
 * "host:user:password" of Exim, "host user:password" of Postfix,
 * "password X" of msmtp and netrc(5).
 */
static bool
credential_line(const struct leak_span *s, size_t at, size_t end,
    struct value *v)
{
	size_t a, b, i;

	at = skip_any(s, at, " \t", 64);
	if (at >= end || s->p[at] == '#')
		return false;
	for (i = at; i + 9 < end; i++)
		if (ir_leak_word(s, i, "password") && (s->p[i + 8] == ' ' ||
		    s->p[i + 8] == '\t')) {
			v->at = skip_any(s, i + 8, " \t", 64);
			v->len = field(s, v->at, end, " \t") - v->at;
			return true;
		}
	a = field(s, at, end, " \t");
	if (a < end) {
		a = skip_any(s, a, " \t", 64);
		b = field(s, a, end, ":");
	} else {
		a = field(s, at, end, ":") + 1;
		b = a < end ? field(s, a, end, ":") : end;
	}
	if (b >= end || b == a)
		return false;
	v->at = b + 1;
	v->len = end - v->at;
	return field(s, v->at, end, " \t") == end;
}

void
ir_leak_rule_lines(struct leak_span *s)
{
	const unsigned char *nl;
	struct value v = { 0 };
	size_t at, end, next;

	for (at = 0; at < s->n && !s->root->stop; at = next) {
		nl = memchr(s->p + at, '\n', s->n - at);
		end = nl ? (size_t)(nl - s->p) : s->n;
		next = end + 1;
		if (end > at && s->p[end - 1] == '\r')
			end--;
		if (end - at > 1000 || !credential_line(s, at, end, &v) ||
		    v.len < LEAST || v.len > MOST || stands_in(s, &v))
			continue;
		/* SES's own are known by their shape */
		if (v.len == 44 && s->p[v.at] == 'B' &&
		    s->p[v.at + 1] >= 'A' && s->p[v.at + 1] <= 'P')
			continue;
		report(s, &v, "mail-credential-file", "", 0);
	}
}
