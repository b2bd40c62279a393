/* procfs.c - see procfs.h */
#include "host/procfs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

/* A whole number at *p, before end; it is stepped over.  0 or -1. */
static int
number(const char **p, const char *end, uint64_t max, uint64_t *v)
{
	const char *s = *p;
	uint64_t d;

	for (*v = 0; s < end && isdigit((unsigned char)*s); s++) {
		d = (uint64_t)(*s - '0');
		if (*v > (max - d) / 10)
			return -1;
		*v = *v * 10 + d;
	}
	if (s == *p)
		return -1;
	*p = s;
	return 0;
}

int
ir_proc_stat(const char *s, size_t n, struct ir_proc_stat *out)
{
	const char *end = s + n, *open, *close, *p = s;
	uint64_t v;
	int field;

	memset(out, 0, sizeof *out);
	if (number(&p, end, INT32_MAX, &v))
		return -1;
	out->pid = (int)v;
	open = memchr(p, '(', (size_t)(end - p));
	/* the name may have a parenthesis, too */
	close = memrchr(s, ')', n);
	if (!open || !close || close < open || (size_t)(close - open) >
	    sizeof out->comm)
		return -1;
	memcpy(out->comm, open + 1, (size_t)(close - open) - 1);
	p = close + 1;
	for (field = 3; field <= 22; field++) {
		if (p >= end || *p++ != ' ' || p >= end)
			return -1;
		if (field == 4 || field == 22) {
			if (number(&p, end, field == 4 ? INT32_MAX :
			    INT64_MAX, &v))
				return -1;
			if (field == 4)
				out->ppid = (int)v;
			else
				out->start = v;
		}
		while (p < end && *p != ' ')
			p++;
	}
	return 0;
}

/* What follows the key at the beginning of a line; NULL. */
static const char *
line_of(const char *s, size_t n, const char *key)
{
	const char *p = s, *end = s + n;
	size_t k = strlen(key);

	while (p && (size_t)(end - p) >= k) {
		if (memcmp(p, key, k) == 0)
			return p + k;
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return NULL;
}

int
ir_proc_uid(const char *s, size_t n, uint32_t *uid)
{
	const char *p = line_of(s, n, "Uid:\t"), *end = s + n;
	uint64_t v;

	if (!p || number(&p, end, UINT32_MAX, &v) || p >= end || *p++ != '\t' ||
	    number(&p, end, UINT32_MAX, &v))
		return -1;
	*uid = (uint32_t)v;
	return 0;
}

int
ir_proc_boot(const char *s, size_t n, int64_t *boot)
{
	const char *p = line_of(s, n, "btime ");
	uint64_t v;

	if (!p || number(&p, s + n, INT32_MAX * UINT64_C(64), &v))
		return -1;
	*boot = (int64_t)v;
	return 0;
}

uint32_t
ir_proc_socket(const char *s, size_t n)
{
	const char *p = s + 8;
	uint64_t v;

	if (n < 10 || memcmp(s, "socket:[", 8) || number(&p, s + n,
	    UINT32_MAX, &v) || p + 1 != s + n || *p != ']')
		return 0;
	return (uint32_t)v;
}

static bool
is_name(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isascii((unsigned char)s[i]) ||
		    (!isalnum((unsigned char)s[i]) && !strchr("@._:-", s[i])))
			return false;
	return n > 0;
}

/* 64 hex digits, maybe with a runtime's prefix and ".scope". */
static size_t
container_id(const char *s, size_t n, const char **id)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		k = isxdigit((unsigned char)s[i]) ? k + 1 : 0;
		if (k == 64 && (i + 1 == n || s[i + 1] == '.')) {
			*id = s + i - 63;
			return 12;
		}
	}
	return 0;
}

static void
take_part(const char *s, size_t n, bool after_lxc, struct ir_proc_group *out)
{
	static const char lxc[] = "lxc.payload.", machine[] = "machine-";
	const char *id = s;
	size_t k = container_id(s, n, &id);

	if (k == 0 && after_lxc)
		k = n;
	if (k == 0 && n > sizeof lxc - 1 && memcmp(s, lxc, sizeof lxc - 1) ==
	    0) {
		id = s + sizeof lxc - 1;
		k = n - (sizeof lxc - 1);
	}
	if (k == 0 && n > sizeof machine + 5 && memcmp(s, machine,
	    sizeof machine - 1) == 0 && memcmp(s + n - 6, ".scope", 6) == 0) {
		id = s + sizeof machine - 1;
		k = n - (sizeof machine - 1) - 6;
	}
	if (k && k < sizeof out->container && is_name(id, k)) {
		memcpy(out->container, id, k);
		out->container[k] = '\0';
	}
	if (n > 8 && n < sizeof out->unit && isalnum((unsigned char)*s) &&
	    memcmp(s + n - 8, ".service", 8) == 0 && is_name(s, n)) {
		memcpy(out->unit, s, n);
		out->unit[n] = '\0';
	}
}

void
ir_proc_cgroup(const char *s, size_t n, struct ir_proc_group *out)
{
	const char *p = s, *end = s + n, *stop;
	bool after_lxc = false;

	memset(out, 0, sizeof *out);
	for (; p < end; p = stop + 1) {
		for (stop = p; stop < end && *stop != '/' && *stop != '\n';
		    stop++)
			continue;
		take_part(p, (size_t)(stop - p), after_lxc, out);
		after_lxc = stop < end && *stop == '/' && stop - p == 3 &&
		    memcmp(p, "lxc", 3) == 0;
	}
}

/* --- programs ----------------------------------------------------------- */

struct known {
	const char *kind, *name;
	const char *code;	/* letters of options with code */
};

static const struct known known[] = {
	{ "mta", "exim", "" }, { "mta", "sendmail", "" },
	{ "mta", "master", "" }, { "mta", "smtp", "" },
	{ "mta", "smtpd", "" }, { "mta", "postscreen", "" },
	{ "mta", "tlsproxy", "" }, { "mta", "qmail-smtpd", "" },
	{ "mta", "qmail-remote", "" }, { "mta", "tcpserver", "" },
	{ "mta", "msmtp", "" }, { "mta", "msmtpd", "" },
	{ "mta", "ssmtp", "" }, { "mta", "esmtp", "" }, { "mta", "dma", "" },
	{ "mta", "submission", "" }, { "mta", "submission-login", "" },
	{ "mta", "dovecot", "" }, { "proxy", "systemd", "" },
	{ "proxy", "xinetd", "" }, { "proxy", "inetd", "" },
	{ "proxy", "haproxy", "" }, { "proxy", "nginx", "" },
	{ "proxy", "stunnel", "" }, { "proxy", "docker-proxy", "" },
	{ "tool", "telnet", "" }, { "tool", "nc", "" },
	{ "tool", "ncat", "" }, { "tool", "netcat", "" },
	{ "tool", "socat", "" }, { "tool", "openssl", "" },
	{ "tool", "gnutls-cli", "" }, { "tool", "curl", "" },
	{ "tool", "busybox", "c" }, { "script", "php", "rBRE" },
	{ "script", "php-cgi", "rBRE" }, { "script", "php-fpm", "" },
	{ "script", "lsphp", "rBRE" }, { "script", "perl", "eE" },
	{ "script", "python", "c" }, { "script", "pypy", "c" },
	{ "script", "ruby", "e" }, { "script", "node", "ep" },
	{ "script", "nodejs", "ep" }, { "script", "lua", "e" },
	{ "script", "bash", "c" }, { "script", "dash", "c" },
	{ "script", "sh", "c" }, { "script", "zsh", "c" },
	{ "script", "ksh", "c" }, { "script", "gawk", "e" },
	{ "script", "tclsh", "" }, { "script", "expect", "c" },
	{ "script", "java", "" },
};

/* By the name without its version: python3.11, nc.openbsd, exim4. */
static const struct known *
find_known(const char *exe)
{
	const char *base = strrchr(exe, '/');
	size_t i, n;

	base = base ? base + 1 : exe;
	n = strcspn(base, ".0123456789");
	if (n > 1 && base[n - 1] == '-')
		n--;
	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (strlen(known[i].name) == n && memcmp(known[i].name, base,
		    n) == 0)
			return &known[i];
	return NULL;
}

bool
ir_program_odd_place(const char *path)
{
	static const char *const odd[] = { "/tmp", "/var/tmp", "/dev/shm",
		"/run/user", "/run/shm" };
	size_t i, n;

	if (strncmp(path, "/memfd:", 7) == 0)
		return true;
	for (i = 0; i < sizeof odd / sizeof *odd; i++) {
		n = strlen(odd[i]);
		if (strncmp(path, odd[i], n) == 0 && (path[n] == '/' ||
		    path[n] == '\0' || path[n] == ' '))
			return true;
	}
	return false;
}

const char *
ir_program_kind(const char *exe)
{
	static const char *const place[] = { "/usr/", "/bin/", "/sbin/",
		"/lib/", "/opt/", "/var/qmail/" };
	const struct known *k = find_known(exe);
	size_t i;

	if (!k)
		return "unknown";
	for (i = 0; i < sizeof place / sizeof *place; i++)
		if (strncmp(exe, place[i], strlen(place[i])) == 0)
			return k->kind;
	/* whoever wants to look like an MTA takes its name */
	return strcmp(k->kind, "mta") && strcmp(k->kind, "proxy") ? k->kind :
	    "unknown";
}

/* --- arguments ---------------------------------------------------------- */

#define HIDDEN "***"

static bool
has_word(const char *s, size_t n, const char *word)
{
	size_t k = strlen(word), i;

	for (i = 0; i + k <= n; i++)
		if (strncasecmp(s + i, word, k) == 0)
			return true;
	return false;
}

static bool
says_secret(const char *s, size_t n)
{
	static const char *const words[] = { "pass", "pwd", "secret",
		"token", "apikey", "api-key", "api_key", "access-key",
		"access_key", "private", "credential", "authorization",
		"bearer", "oauth" };
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (has_word(s, n, words[i]))
			return true;
	return false;
}

/* Copy text without long runs that look random. */
static void
add_plain(struct ir_buf *out, const char *s, size_t n)
{
	size_t i, k, slash;
	bool up, low, digit;

	for (i = 0; i < n; i += k) {
		up = low = digit = false;
		slash = 0;
		for (k = 0; i + k < n && (isalnum((unsigned char)s[i + k]) ||
		    strchr("+/=_", s[i + k])) && s[i + k]; k++) {
			up |= isupper((unsigned char)s[i + k]) != 0;
			low |= islower((unsigned char)s[i + k]) != 0;
			digit |= isdigit((unsigned char)s[i + k]) != 0;
			slash += s[i + k] == '/';
		}
		if (k >= 16 && slash * 12 <= k && up + low + digit >= 2 &&
		    (digit || k >= 20))
			ir_buf_str(out, HIDDEN);
		else
			ir_buf_add(out, s + i, k ? k : 1);
		k = k ? k : 1;
	}
}

/* user:password@ of a URL, or of -u; false: there is none. */
static bool
add_login(struct ir_buf *out, const char *s, size_t n, bool after_u)
{
	const char *at = memrchr(s, '@', n), *end = s + n, *from = s, *colon;
	const char *scheme = memmem(s, n, "://", 3);

	if (scheme)
		from = scheme + 3;
	colon = memchr(from, ':', (size_t)(end - from));
	if (!colon || (!after_u && (!at || at < colon)))
		return false;
	if (after_u)
		at = end;
	add_plain(out, s, (size_t)(colon + 1 - s));
	ir_buf_str(out, HIDDEN);
	add_plain(out, at, (size_t)(end - at));
	return true;
}

struct masking {
	bool hide;	/* the next argument is secret */
	bool login;	/* the next one is user:password */
	const char *code;
};

static bool
is_one_of(const char *s, size_t n, const char *const *list, size_t m)
{
	size_t i;

	for (i = 0; i < m; i++)
		if (strlen(list[i]) == n && memcmp(list[i], s, n) == 0)
			return true;
	return false;
}

/* One word; true when the rest of the argument is hidden with it. */
static bool
mask_word(struct masking *m, const char *s, size_t n, struct ir_buf *out)
{
	/* of swaks, sendemail; of curl */
	static const char *const secret[] = { "-ap", "-xp" };
	static const char *const login[] = { "-u", "-U", "--user",
		"--proxy-user" };
	size_t sep = 0;
	bool after_u = m->login;

	m->login = is_one_of(s, n, login, 4);
	while (sep < n && s[sep] != '=' && s[sep] != ':')
		sep++;
	if (sep < n && says_secret(s, sep) &&
	    (n - sep < 3 || memcmp(s + sep, "://", 3))) {
		add_plain(out, s, sep + 1);
		ir_buf_str(out, HIDDEN);
		/* "Authorization: Bearer x", "password: x" */
		return true;
	}
	if (is_one_of(s, n, secret, 2) || (sep == n && says_secret(s, n)))
		m->hide = true;
	if (n > 2 && s[0] == '-' && s[1] == 'p' && !isdigit((unsigned char)
	    s[2]) && !says_secret(s, n) && strncmp(s, "-port", n)) {
		ir_buf_str(out, "-p" HIDDEN);
		return false;
	}
	if (!add_login(out, s, n, after_u || (n > 2 && (memcmp(s, "-u", 2) ==
	    0 || (n > 7 && memcmp(s, "--user=", 7) == 0)))))
		add_plain(out, s, n);
	return false;
}

static void
mask_argument(struct masking *m, const char *s, size_t n, struct ir_buf *out)
{
	size_t i, k;

	if (m->hide) {
		m->hide = false;
		ir_buf_str(out, HIDDEN);
		return;
	}
	for (i = 0; i < n; i += k) {
		for (k = 0; i + k < n && isspace((unsigned char)s[i + k]); k++)
			ir_buf_chr(out, ' ');
		if (k)
			continue;
		while (i + k < n && !isspace((unsigned char)s[i + k]))
			k++;
		if (m->hide) {
			m->hide = false;
			ir_buf_str(out, HIDDEN);
			return;
		}
		if (mask_word(m, s + i, k, out))
			return;
	}
}

/*
 * 0: no option with code; 1: the next argument is code; 2: it is in here,
 * after the letter.  Options may be together: -lne.
 */
static int
code_option(const struct masking *m, const char *s, size_t n)
{
	size_t i;

	if (n < 2 || s[0] != '-' || s[1] == '-')
		return n > 6 && *m->code && memcmp(s, "--eval", 6) == 0 ? 2 :
		    n == 6 && *m->code && memcmp(s, "--eval", 6) == 0;
	for (i = 1; i < n && isalnum((unsigned char)s[i]) && s[i] != 'M' &&
	    s[i] != 'I' && s[i] != 'm' && s[i] != 'd'; i++)
		if (strchr(m->code, s[i]))
			return i + 1 == n ? 1 : 2;
	return 0;
}

void
ir_argv_mask(const char *exe, const char *raw, size_t n, struct ir_buf *out)
{
	const struct known *k = find_known(exe);
	struct masking m = { false, false, k ? k->code : "" };
	const char *p = raw, *end = raw + n, *nul;
	bool code = false;
	int what;

	for (; p < end; p = nul + 1) {
		size_t len;

		nul = memchr(p, '\0', (size_t)(end - p));
		if (!nul)
			nul = end;
		len = (size_t)(nul - p);
		what = p == raw ? 0 : code_option(&m, p, len);
		if (code || what == 2)
			ir_buf_fmt(out, "%s" HIDDEN " (code, %zu bytes)",
			    code ? "" : "-", len);
		else
			mask_argument(&m, p, len, out);
		code = !code && what == 1;
		ir_buf_chr(out, '\0');
	}
}
