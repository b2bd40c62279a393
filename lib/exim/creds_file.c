/* creds_file.c - see creds_file.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/secret.h"
#include "../core/text.h"
#include "creds_file.h"
#include "creds_text.h"

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t
line_end(const char *s, size_t n, size_t at)
{
	const char *nl = memchr(s + at, '\n', n - at);

	return nl ? (size_t)(nl - s) : n;
}

/* --- lsearch ------------------------------------------------------------ */

/* The key at the start of a line into key; where the value begins. */
static size_t
read_key(const char *s, size_t at, size_t end, struct ir_buf *key,
    bool *colon)
{
	char c;

	ir_buf_trunc(key, 0);
	if (s[at] == '"') {
		for (at++; at < end && s[at] != '"'; at++) {
			c = s[at];
			if (c == '\\')
				at += ir_spell_escape(s + at + 1,
				    end - at - 1, &c);
			ir_buf_chr(key, c);
		}
		at += at < end;
	} else {
		for (; at < end && s[at] != ':' && !is_blank(s[at]); at++)
			ir_buf_chr(key, s[at]);
	}
	while (at < end && is_blank(s[at]))
		at++;
	*colon = at < end && s[at] == ':';
	at += *colon;
	while (at < end && is_blank(s[at]))
		at++;
	return at;
}

/* Does the line at `at` go on with the entry before it? */
static bool
continues(const char *s, size_t n, size_t at)
{
	size_t end = line_end(s, n, at), i;

	if (at >= n || (s[at] != ' ' && s[at] != '\t'))
		return false;
	for (i = at; i < end && is_blank(s[i]); i++)
		;
	return i < end;
}

/* The value from *from on, over all of its lines; what follows it. */
static size_t
read_value(const char *s, size_t n, size_t *from, size_t end,
    struct ir_buf *value, struct ir_lsearch *e)
{
	size_t to, i;

	for (to = end; to > *from && is_blank(s[to - 1]); to--)
		;
	ir_buf_trunc(value, 0);
	ir_buf_add(value, s + *from, to - *from);
	e->to = to;
	e->joined = false;
	while (end < n && continues(s, n, end + 1)) {
		i = end + 1;
		end = line_end(s, n, i);
		while (is_blank(s[i]))
			i++;
		for (to = end; to > i && is_blank(s[to - 1]); to--)
			;
		ir_buf_chr(value, ' ');
		ir_buf_add(value, s + i, to - i);
		e->to = to;
		e->joined = true;
	}
	return end;
}

int
ir_lsearch_each(const char *s, size_t n,
    int (*fn)(const struct ir_lsearch *e, void *arg), void *arg)
{
	struct ir_buf key = IR_BUF(4096), value = IR_BUF_SECRET(n + 2);
	struct ir_lsearch e = { .line = 0 };
	size_t at, end;
	unsigned line = 1;
	int rc = 0;

	for (at = 0; rc == 0 && at < n; at = end + 1, line++) {
		end = line_end(s, n, at);
		if (at == end || s[at] == '#' || is_blank(s[at]))
			continue;
		e.line = line;
		e.from = read_key(s, at, end, &key, &e.colon);
		end = read_value(s, n, &e.from, end, &value, &e);
		for (; at < end; at++)
			line += s[at] == '\n';
		if (key.bad || value.bad) {
			ir_buf_free(&key);
			ir_buf_free(&value);
			continue;
		}
		e.key = ir_buf_cstr(&key);
		e.key_len = key.len;
		e.value = ir_buf_cstr(&value);
		e.value_len = value.len;
		rc = fn(&e, arg);
	}
	ir_buf_free(&key);
	ir_buf_free(&value);
	return rc;
}

bool
ir_lsearch_wild(const char *pattern, const char *host)
{
	size_t p, h;

	if (*pattern != '*')
		return ir_ascii_ieq(pattern, host);
	p = strlen(++pattern);
	h = strlen(host);
	return h >= p && ir_ascii_ieq(host + h - p, pattern);
}

/* --- other programs ----------------------------------------------------- */

static bool
ends(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n >= k && ir_ascii_ieq(s + n - k, tail);
}

enum ir_foreign
ir_foreign_kind(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	if (ir_ascii_ieq(name, "sasl_passwd") ||
	    ir_ascii_ieq(name, "sasl_password") ||
	    ends(path, "/sasl/passwd"))
		return IR_FOREIGN_POSTFIX;
	if (ir_ascii_ieq(name, "msmtprc") || ir_ascii_ieq(name, ".msmtprc"))
		return IR_FOREIGN_MSMTP;
	if (ir_ascii_ieq(name, "ssmtp.conf"))
		return IR_FOREIGN_SSMTP;
	if (ends(name, ".ini"))
		return IR_FOREIGN_INI;
	if (ends(name, ".php") || ends(name, ".inc"))
		return IR_FOREIGN_PHP;
	if (strncmp(name, ".env", 4) == 0 || ends(name, ".env"))
		return IR_FOREIGN_ENV;
	return IR_FOREIGN_NONE;
}

const char *
ir_foreign_word(enum ir_foreign kind)
{
	static const char *const words[] = { "other", "postfix", "msmtp",
		"ssmtp", "php-ini", "phpmailer", "env" };

	return words[kind];
}

/* One credential as it comes together, line by line. */
struct gather {
	char user[256], host[256];
	struct ir_buf pass;
	unsigned line;
	const char *why;
	int (*fn)(const struct ir_foreign_found *f, void *arg);
	void *arg;
	int rc;
};

static void
gather_end(struct gather *g)
{
	struct ir_foreign_found f = { g->user, g->host,
		ir_buf_cstr(&g->pass), g->pass.len, g->line, g->why };

	if (g->rc == 0 && (g->pass.len || *g->why))
		g->rc = g->fn(&f, g->arg);
	ir_buf_free(&g->pass);
	g->user[0] = g->host[0] = '\0';
	g->line = 0;
	g->why = "";
}

static void
put(char *to, size_t size, const char *s, size_t n)
{
	if (n >= size)
		n = 0;
	memcpy(to, s, n);
	to[n] = '\0';
}

static void
trim(const char **s, size_t *n)
{
	while (*n && is_blank(**s)) {
		(*s)++;
		(*n)--;
	}
	while (*n && is_blank((*s)[*n - 1]))
		(*n)--;
}

/* Out of single or double quotes; in double ones "\x" stands for x. */
static void
unquote(const char *s, size_t n, struct ir_buf *out)
{
	char q = n >= 2 && (*s == '"' || *s == '\'') ? *s : '\0';
	size_t i;

	ir_buf_trunc(out, 0);
	for (i = q ? 1 : 0; i < n && (!q || s[i] != q); i++) {
		if (q && s[i] == '\\' && i + 1 < n && (s[i + 1] == q ||
		    s[i + 1] == '\\' || (q == '"' && s[i + 1] == '$')))
			i++;
		ir_buf_chr(out, s[i]);
	}
}

static bool
contains(const char *s, size_t n, const char *word)
{
	size_t k = strlen(word), i;

	for (i = 0; i + k <= n; i++)
		if (strncasecmp(s + i, word, k) == 0)
			return true;
	return false;
}

/* Does the word name a password, a user or a host? */
static char
meaning(const char *s, size_t n)
{
	if (contains(s, n, "passwordeval"))
		return 'e';
	if (contains(s, n, "pass") || contains(s, n, "secret_access_key"))
		return 'p';
	if (contains(s, n, "user") || contains(s, n, "access_key_id"))
		return 'u';
	if (contains(s, n, "host") || contains(s, n, "mailhub") ||
	    contains(s, n, "smtp_server"))
		return 'h';
	return '\0';
}

/* A pair of name and value; a second one of a kind begins a new credential. */
static void
pair(struct gather *g, char what, const char *s, size_t n, unsigned line)
{
	struct ir_buf v = IR_BUF_SECRET(IR_SECRET_MAX);

	unquote(s, n, &v);
	if ((what == 'p' && g->pass.len) || (what == 'u' && *g->user))
		gather_end(g);
	if (what == 'u') {
		put(g->user, sizeof g->user, ir_buf_cstr(&v), v.len);
	} else if (what == 'h') {
		put(g->host, sizeof g->host, ir_buf_cstr(&v), v.len);
	} else if (what == 'p' && v.len && !v.bad) {
		ir_buf_add(&g->pass, v.data, v.len);
		g->line = line;
	} else if (what == 'e') {
		g->why = "a command gives the password";
		g->line = line;
	}
	ir_buf_free(&v);
}

/* host user:password */
static void
postfix_line(struct gather *g, const char *s, size_t n, unsigned line)
{
	const char *colon;
	size_t k;

	for (k = 0; k < n && !is_blank(s[k]); k++)
		;
	put(g->host, sizeof g->host, s, k);
	s += k;
	n -= k;
	trim(&s, &n);
	colon = memchr(s, ':', n);
	if (!colon)
		return;
	k = (size_t)(colon - s);
	put(g->user, sizeof g->user, s, k);
	ir_buf_add(&g->pass, colon + 1, n - k - 1);
	g->line = line;
	gather_end(g);
}

static void
msmtp_line(struct gather *g, const char *s, size_t n, unsigned line)
{
	char what;
	size_t k;

	for (k = 0; k < n && !is_blank(s[k]); k++)
		;
	if (strncmp(s, "account", k) == 0 || strncmp(s, "defaults", k) == 0)
		gather_end(g);
	what = meaning(s, k);
	s += k;
	n -= k;
	trim(&s, &n);
	if (what)
		pair(g, what, s, n, line);
}

/* -au, -ap of sendmail_path: what ssmtp and others take. */
static void
sendmail_path(struct gather *g, const char *s, size_t n, unsigned line)
{
	static const char *const flags[] = { " -au", " -ap" };
	const char *hit;
	size_t i, k;

	for (i = 0; i < 2; i++) {
		hit = memmem(s, n, flags[i], 4);
		if (!hit)
			continue;
		hit += 4;
		for (k = 0; hit + k < s + n && !is_blank(hit[k]) &&
		    hit[k] != '"'; k++)
			;
		pair(g, i ? 'p' : 'u', hit, k, line);
	}
	gather_end(g);
}

/* scheme://user:password@host, with %XX. */
static bool
dsn(struct gather *g, const char *s, size_t n, unsigned line)
{
	const char *at, *p, *end = s + n, *colon;
	struct ir_buf b = IR_BUF_SECRET(IR_SECRET_MAX);
	char c, hex[3] = "";

	p = memmem(s, n, "://", 3);
	if (!p || !contains(s, (size_t)(p - s), "smtp"))
		return false;
	p += 3;
	at = memchr(p, '@', (size_t)(end - p));
	colon = at ? memchr(p, ':', (size_t)(at - p)) : NULL;
	if (!colon)
		return false;
	gather_end(g);
	put(g->user, sizeof g->user, p, (size_t)(colon - p));
	for (p = colon + 1; p < at; p++) {
		c = *p;
		if (c == '%' && at - p > 2) {
			hex[0] = p[1];
			hex[1] = p[2];
			c = (char)strtol(hex, NULL, 16);
			p += 2;
		}
		ir_buf_chr(&b, c);
	}
	ir_buf_add(&g->pass, ir_buf_cstr(&b), b.len);
	ir_buf_free(&b);
	for (p = ++at; p < end && !memchr(":/?\"'", *p, 5); p++)
		;
	put(g->host, sizeof g->host, at, (size_t)(p - at));
	g->line = line;
	gather_end(g);
	return true;
}

/* name = value, as in ssmtp.conf, *.ini and .env */
static void
equals_line(struct gather *g, enum ir_foreign kind, const char *s, size_t n,
    unsigned line)
{
	const char *eq = memchr(s, '=', n), *v;
	size_t k, vn;
	char what;

	if (!eq) {
		if (*s == '[')
			gather_end(g);
		return;
	}
	k = (size_t)(eq - s);
	v = eq + 1;
	vn = n - k - 1;
	trim(&v, &vn);
	if (kind == IR_FOREIGN_INI && contains(s, k, "sendmail_path")) {
		sendmail_path(g, v, vn, line);
		return;
	}
	if (kind == IR_FOREIGN_ENV && vn && dsn(g, v, vn, line))
		return;
	if (kind == IR_FOREIGN_ENV && !contains(s, k, "mail") &&
	    !contains(s, k, "smtp") && !contains(s, k, "ses") &&
	    !contains(s, k, "aws"))
		return;
	/* php.ini has passwords of many things */
	if (kind == IR_FOREIGN_INI && !contains(s, k, "smtp") &&
	    !contains(s, k, "auth_") && !contains(s, k, "mail"))
		return;
	what = meaning(s, k);
	if (what && vn)
		pair(g, what, v, vn, line);
}

/* Where a quoted string begins, at or behind s; NULL when there is none. */
static const char *
quoted(const char *s, const char *end, size_t *n)
{
	const char *p;

	while (s < end && *s != '"' && *s != '\'')
		s++;
	if (s == end)
		return NULL;
	for (p = s + 1; p < end && *p != *s; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	if (p == end)
		return NULL;
	*n = (size_t)(p - s) + 1;
	return s;
}

/*
 * $mail->Password = '...';  define('SMTP_PASS', '...');  'smtp_pass' => '...'
 */
static void
php_line(struct gather *g, const char *s, size_t n, unsigned line)
{
	const char *end = s + n, *name, *v, *p;
	size_t k, vn;

	for (p = s; p < end; p = v + vn) {
		name = memmem(p, (size_t)(end - p), "->", 2);
		v = quoted(p, end, &vn);
		if (!v)
			return;
		if (name && name < v) {
			name += 2;
			for (k = 0; name + k < v && name[k] != '=' &&
			    !is_blank(name[k]); k++)
				;
			if (!memchr(name, '=', (size_t)(v - name)))
				continue;
		} else {
			/* the name is quoted as well, and the value next */
			name = v;
			k = vn;
			if (!contains(name, k, "smtp") &&
			    !contains(name, k, "mail") &&
			    !contains(name, k, "ses_"))
				continue;
			v = quoted(name + k, end, &vn);
			if (!v)
				return;
			if (v - name - (ptrdiff_t)k > 8)
				continue;
		}
		if (vn > 2 && meaning(name, k) && meaning(name, k) != 'e')
			pair(g, meaning(name, k), v, vn, line);
	}
}

int
ir_foreign_each(enum ir_foreign kind, const char *s, size_t n,
    int (*fn)(const struct ir_foreign_found *f, void *arg), void *arg)
{
	struct gather g = { .pass = IR_BUF_SECRET(IR_SECRET_MAX), .fn = fn,
		.arg = arg, .why = "" };
	size_t at, end, k;
	unsigned line = 1;
	const char *p;

	for (at = 0; g.rc == 0 && at < n; at = end + 1, line++) {
		end = line_end(s, n, at);
		p = s + at;
		k = end - at;
		trim(&p, &k);
		if (k == 0 || *p == '#' || (*p == ';' &&
		    kind == IR_FOREIGN_INI) || (kind == IR_FOREIGN_PHP &&
		    (*p == '*' || (k > 1 && p[0] == '/' && p[1] == '/'))))
			continue;
		if (kind == IR_FOREIGN_POSTFIX)
			postfix_line(&g, p, k, line);
		else if (kind == IR_FOREIGN_MSMTP)
			msmtp_line(&g, p, k, line);
		else if (kind == IR_FOREIGN_PHP)
			php_line(&g, p, k, line);
		else if (kind != IR_FOREIGN_NONE)
			equals_line(&g, kind, p, k, line);
	}
	gather_end(&g);
	ir_buf_free(&g.pass);
	return g.rc;
}
