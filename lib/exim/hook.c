/* hook.c - see hook.h */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../core/file.h"
#include "../core/proc.h"
#include "../core/text.h"
#include "block.h"
#include "hook.h"

/* --- the lines in the configuration -------------------------------------- */

void
ir_exim_hook_print(struct ir_buf *out, const char *dir)
{
	struct ir_buf held = IR_BUF(1u << 20);
	const char *p;

	ir_buf_fmt(out,
"# Lines for Exim's configuration through which quell steers it in an\n"
"# incident, by files in %s (0755, files 0644).\n"
"#\n"
"# Debian, Ubuntu: with the split configuration, the files that are named\n"
"#   below; else those places in /etc/exim4/exim4.conf.template.  Then\n"
"#   update-exim4.conf and reload.\n"
"# RHEL, Rocky, Alma: those places in /etc/exim/exim.conf; reload.\n"
"# cPanel: those sections of /etc/exim.conf.local (or WHM's Advanced\n"
"#   Editor); then /scripts/buildeximconf and /scripts/restartsrv_exim.\n"
"# exim-hold -n says whether all of it is in place.\n"
"\n"
"# == main: the main part, before the first \"begin\"\n"
"# Debian: conf.d/main/03_quell   cPanel: @CONFIG@\n"
"queue_only_file = %s/queue_only\n"
"hold_domains = ${if exists{%s/hold}{! +local_domains}}\n"
"\n", dir, dir, dir);
	ir_buf_fmt(out,
"# == mail: first in the ACL that acl_smtp_mail names\n"
"# Debian: conf.d/acl/30_exim4-config_check_mail   cPanel: the custom block\n"
"# at the start of that ACL\n"
"# When there is none: \"acl_smtp_mail = acl_quell_mail\" in the main part,\n"
"# and after \"begin acl\" these lines below \"acl_quell_mail:\", and then\n"
"# \"accept\".\n");
	ir_block_print(out, "mail", dir);
	ir_buf_fmt(out, "\n"
"# == not_smtp: first in the ACL that acl_not_smtp names\n"
"# When there is none: the same, with \"acl_not_smtp = acl_quell_not_smtp\".\n"
	);
	ir_block_print(out, "not_smtp", dir);
	ir_buf_fmt(out, "\n"
"# == rcpt: first in the ACL that acl_smtp_rcpt names\n"
"# Debian: conf.d/acl/30_exim4-config_check_rcpt   cPanel: the custom block\n"
"# at the start of that ACL\n");
	ir_block_print(out, "rcpt", dir);
	ir_buf_fmt(out, "\n"
"# == router: the first router\n"
"# Debian: conf.d/router/01_quell   cPanel: @ROUTERSTART@, above all else\n"
"quell_hold:\n"
"  driver = redirect\n"
"  domains = ! +local_domains\n"
"  condition = ${if exists{%s/hold}}\n"
"  allow_defer\n"
"  data = :defer: " IR_HOOK_HELD "\n"
"  no_verify\n"
"\n", dir);
	ir_block_print(out, "router", dir);
	ir_block_print_held(&held, dir);
	ir_buf_fmt(out, "\n"
"# == retry: the first retry rule.  Without it, what is older than the\n"
"# other rules bounces although it is only held.\n"
"# Debian: conf.d/retry/01_quell   cPanel: @RETRYSTART@\n"
"\"${if or{{exists{%s/hold}}{", dir);
	/* in quotes a backslash stands for itself only when doubled */
	for (p = ir_buf_cstr(&held); *p; p++) {
		if (*p == '\\')
			ir_buf_chr(out, *p);
		ir_buf_chr(out, *p);
	}
	ir_buf_str(out, "}}{*}{}}\"  *  F,52w,5m\n");
	/* where a retry rule is looked for, $domain is not set */
	ir_buf_fmt(out, "\"${if exists{%s/deny_domains}"
	    "{*@lsearch;%s/deny_domains}{}}\"  *  F,52w,5m\n", dir, dir);
	ir_buf_free(&held);
}

/* A piece of a line; lines are taken apart without a NUL. */
static bool
starts(const char *s, size_t n, const char *word)
{
	size_t k = strlen(word);

	return n >= k && memcmp(s, word, k) == 0;
}

/* Does the line name DIR/FILE, and not a longer name? */
static bool
names(const char *s, size_t n, const char *dir, const char *file)
{
	size_t d = strlen(dir), f = strlen(file);
	const char *p = s, *end = s + n;

	for (; (p = memmem(p, (size_t)(end - p), dir, d)); p++) {
		if ((size_t)(end - p) < d + 1 + f || p[d] != '/' ||
		    memcmp(p + d + 1, file, f) != 0)
			continue;
		if (p + d + 1 + f == end ||
		    !strchr("abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/",
		    p[d + 1 + f]))
			return true;
	}
	return false;
}

struct scan {
	const char *dir;
	struct ir_exim_hook *h;
	char section[16];	/* "" is the main part */
	char mail[64], not_smtp[64], rcpt[64];	/* names of the ACLs */
	bool in_mail, in_not_smtp, in_rcpt;	/* nothing accepted yet */
	bool retry_seen;
};

/* "NAME = value" of the main part; the value into to. */
static void
main_value(const char *s, size_t n, const char *name, char *to, size_t size)
{
	size_t k = strlen(name);

	if (!starts(s, n, name) || !starts(s + k, n - k, " = "))
		return;
	snprintf(to, size, "%.*s", (int)(n - k - 3), s + k + 3);
}

static void
acl_line(struct scan *x, const char *s, size_t n)
{
	char label[64];

	if (s[n - 1] == ':' && !memchr(s, ' ', n) && n <= sizeof label) {
		snprintf(label, sizeof label, "%.*s", (int)(n - 1), s);
		x->in_mail = *x->mail && strcmp(label, x->mail) == 0;
		x->in_not_smtp = *x->not_smtp &&
		    strcmp(label, x->not_smtp) == 0;
		x->in_rcpt = *x->rcpt && strcmp(label, x->rcpt) == 0;
	}
	if (starts(s, n, "accept"))
		x->in_mail = x->in_not_smtp = x->in_rcpt = false;
	if (x->in_mail && names(s, n, x->dir, "deny_accounts"))
		x->h->mail_acl = true;
	if (x->in_mail && names(s, n, x->dir, "deny_senders"))
		x->h->sender_acl = true;
	if (x->in_mail && names(s, n, x->dir, "deny_hosts"))
		x->h->host_acl = true;
	if (x->in_not_smtp && names(s, n, x->dir, "deny_users"))
		x->h->not_smtp_acl = true;
	if (x->in_not_smtp && names(s, n, x->dir, "deny_scripts"))
		x->h->script_acl = true;
	if (x->in_rcpt && names(s, n, x->dir, "deny_domains"))
		x->h->domain_acl = true;
	if (x->in_rcpt && names(s, n, x->dir, "limits"))
		x->h->limit_acl = true;
}

static void
config_line(struct scan *x, const char *s, size_t n)
{
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n == 0 || *s == '#' || n > INT_MAX)
		return;
	if (starts(s, n, "begin ")) {
		snprintf(x->section, sizeof x->section, "%.*s", (int)(n - 6),
		    s + 6);
	} else if (!*x->section) {
		main_value(s, n, "acl_smtp_mail", x->mail, sizeof x->mail);
		main_value(s, n, "acl_not_smtp", x->not_smtp,
		    sizeof x->not_smtp);
		main_value(s, n, "acl_smtp_rcpt", x->rcpt, sizeof x->rcpt);
		if (starts(s, n, "queue_only_file ") &&
		    names(s, n, x->dir, "queue_only"))
			x->h->queue_only_file = true;
		if (starts(s, n, "hold_domains ") &&
		    names(s, n, x->dir, "hold"))
			x->h->hold_domains = true;
	} else if (strcmp(x->section, "acl") == 0) {
		acl_line(x, s, n);
	} else if (strcmp(x->section, "routers") == 0) {
		if (names(s, n, x->dir, "hold"))
			x->h->router = true;
		if (names(s, n, x->dir, "deny_domains"))
			x->h->block_router = true;
	} else if (strcmp(x->section, "retry") == 0) {
		if (!x->retry_seen && names(s, n, x->dir, "hold"))
			x->h->retry = true;
		x->retry_seen = true;
	}
}

void
ir_exim_hook_parse(const char *s, size_t n, const char *dir,
    struct ir_exim_hook *h)
{
	struct scan x = { .dir = dir, .h = h };
	const char *end = s + n, *nl;

	memset(h, 0, sizeof *h);
	for (; s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			nl = end;
		config_line(&x, s, (size_t)(nl - s));
		if (nl == end)
			break;
	}
}

int
ir_exim_hook_ask(const char *exim, const char *dir, struct ir_exim_hook *h,
    struct ir_err *err)
{
	const char *const argv[] = { exim, "-bP", "config", NULL };
	struct ir_proc p = { .argv = argv, .timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(16u << 20);
	int rc = ir_proc_run(&p, &r, err);

	memset(h, 0, sizeof *h);
	if (rc == 0 && r.status)
		rc = ir_fail(err, geteuid() ? IR_NOPERM : IR_CONFIG,
		    "%s -bP config: exit %d: %.*s", exim, r.status,
		    (int)strcspn(ir_buf_cstr(&r.err), "\n"),
		    ir_buf_cstr(&r.err));
	if (rc == 0)
		ir_exim_hook_parse(ir_buf_cstr(&r.out), r.out.len, dir, h);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

void
ir_exim_hook_missing(const struct ir_exim_hook *h, struct ir_buf *out)
{
	const struct {
		bool there;
		const char *name;
	} parts[] = {
		{ h->queue_only_file, "queue_only_file" },
		{ h->hold_domains, "hold_domains" },
		{ h->router, "the router" },
		{ h->retry, "the first retry rule" },
	};
	size_t i;

	for (i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!parts[i].there)
			ir_buf_fmt(out, "%s%s", out->len ? ", " : "",
			    parts[i].name);
}

/* --- the folder ---------------------------------------------------------- */

int
ir_exim_hook_dir(const struct ir_exim_config *c, const char *given,
    char dir[PATH_MAX], struct ir_err *err)
{
	const char *file = c->queue_only_file, *slash;
	size_t n = strcspn(file, ":");

	slash = *file == '/' ? memrchr(file, '/', n) : NULL;
	if (given)
		snprintf(dir, PATH_MAX, "%s", given);
	else if (slash && slash > file)
		snprintf(dir, PATH_MAX, "%.*s", (int)(slash - file), file);
	else
		snprintf(dir, PATH_MAX, "%s", IR_HOOK_DIR);
	for (n = strlen(dir); n > 1 && dir[n - 1] == '/'; )
		dir[--n] = '\0';
	/* it stands in strings that Exim expands, and in lists */
	if (dir[0] != '/' || n < 2 || dir[strspn(dir,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789/._+@-")])
		return ir_fail(err, given ? IR_USAGE : IR_CONFIG,
		    "%s: the folder must be an absolute path of plain "
		    "characters", dir);
	return 0;
}

int
ir_exim_uid(const char *spool, uid_t *uid, gid_t *gid, struct ir_err *err)
{
	struct stat st;

	if (stat(spool, &st))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", spool);
	*uid = st.st_uid;
	*gid = st.st_gid;
	return 0;
}

/* access(2) as another user; 0 or an errno value. */
static int
access_as(const char *path, int mode, uid_t uid, gid_t gid)
{
	pid_t pid;
	int st;

	if (geteuid() != 0)
		return access(path, mode) ? errno : 0;
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid))
			_exit(EPERM);
		_exit(access(path, mode) ? errno : 0);
	}
	if (pid < 0)
		return errno;
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(st) ? WEXITSTATUS(st) : EIO;
}

int
ir_exim_hook_ready(const char *dir, const char *spool, bool make,
    struct ir_err *err)
{
	mode_t mask;
	uid_t uid;
	gid_t gid;
	int e;

	if (ir_exim_uid(spool, &uid, &gid, err))
		return -1;
	if (access(dir, F_OK)) {
		if (errno != ENOENT)
			return ir_fail_errno(err, IR_NOPERM, errno, "%s", dir);
		if (!make)
			return 0;
		mask = umask(022);
		e = ir_mkdirs(dir, 0755, err);
		umask(mask);
		if (e)
			return -1;
	}
	if (access(dir, W_OK | X_OK))
		return ir_fail_errno(err, errno == EROFS ? IR_CANTCREAT :
		    IR_NOPERM, errno, "%s", dir);
	e = access_as(dir, X_OK, uid, gid);
	if (e == 0)
		return 0;
	ir_fail_errno(err, IR_CONFIG, e, "%s: the exim user (uid %ld) cannot "
	    "enter", dir, (long)uid);
	ir_hint(err, "chmod a+x it and the folders above");
	return -1;
}

int
ir_exim_hook_readable(const char *file, const char *spool,
    struct ir_err *err)
{
	uid_t uid;
	gid_t gid;
	int e;

	if (ir_exim_uid(spool, &uid, &gid, err))
		return -1;
	e = access_as(file, R_OK, uid, gid);
	if (e == 0 || e == ENOENT)
		return 0;
	ir_fail_errno(err, IR_CONFIG, e, "%s: the exim user (uid %ld) cannot "
	    "read it, and would answer 451 to everybody", file, (long)uid);
	ir_hint(err, "chmod a+r it");
	return -1;
}

/* --- deny files ---------------------------------------------------------- */

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What a backslash in a quoted key stands for; s is behind it. */
static size_t
unescape(const char *s, size_t n, char *c)
{
	static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
	static const char hex[] = "0123456789abcdef";
	const char *p;
	size_t i;
	int v = 0;

	if (n == 0) {
		*c = '\\';
		return 0;
	}
	if (*s >= '0' && *s <= '7') {
		for (i = 0; i < 3 && i < n && s[i] >= '0' && s[i] <= '7'; i++)
			v = v * 8 + (s[i] - '0');
		*c = (char)v;
		return i;
	}
	if (*s == 'x') {
		for (i = 1; i < 3 && i < n && s[i] && (p = strchr(hex,
		    s[i] >= 'A' && s[i] <= 'F' ? s[i] + 32 : s[i])); i++)
			v = v * 16 + (int)(p - hex);
		*c = (char)v;
		return i;
	}
	p = *s ? strchr(from, *s) : NULL;
	*c = p ? to[p - from] : *s;
	return 1;
}

/*
 * The key of a line, as Exim's lsearch reads it; false when it has none or
 * one that is longer than any of ours.
 */
static bool
line_key(const char *s, size_t n, char key[IR_DENY_KEY_MAX + 1], size_t *len)
{
	const char *nul = memchr(s, '\0', n);
	size_t i = 0, k = 0;
	bool quoted;
	char c;

	if (nul)
		n = (size_t)(nul - s);	/* Exim sees a string */
	while (n && blank(s[n - 1]))
		n--;
	if (n == 0 || *s == '#' || blank(*s))
		return false;
	quoted = *s == '"';
	for (i = quoted; i < n; ) {
		c = s[i++];
		if (quoted ? c == '"' : c == ':' || blank(c))
			break;
		if (quoted && c == '\\')
			i += unescape(s + i, n - i, &c);
		if (k == IR_DENY_KEY_MAX)
			return false;
		key[k++] = c;
	}
	key[k] = '\0';
	*len = k;
	return true;
}

static bool
same_key(const char *a, size_t n, const char *b)
{
	return strlen(a) == n && strlen(b) == n && ir_ascii_ieq(a, b);
}

/* Length of the line at s, its newline included. */
static size_t
line_len(const char *s, size_t n)
{
	const char *nl = memchr(s, '\n', n);

	return nl ? (size_t)(nl - s) + 1 : n;
}

int
ir_deny_each(const char *s, size_t n, int (*fn)(const char *key, size_t len,
    const char *line, size_t line_n, void *arg), void *arg)
{
	char key[IR_DENY_KEY_MAX + 1];
	size_t k, len;
	int rc = 0;

	for (; n && rc == 0; s += k, n -= k) {
		k = line_len(s, n);
		if (line_key(s, k, key, &len))
			rc = fn(key, len, s, k, arg);
	}
	return rc;
}

static int
is_it(const char *key, size_t len, const char *line, size_t n, void *arg)
{
	(void)line;
	(void)n;
	return same_key(key, len, arg);
}

bool
ir_deny_has(const char *s, size_t n, const char *key)
{
	union { const char *c; void *v; } arg = { .c = key };

	return ir_deny_each(s, n, is_it, arg.v) != 0;
}

void
ir_deny_add(struct ir_buf *file, const char *key, const char *note)
{
	bool plain = key[strspn(key, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+=-")] == '\0';

	if (file->len && file->data[file->len - 1] != '\n')
		ir_buf_chr(file, '\n');
	if (plain) {
		ir_buf_str(file, key);
	} else {
		ir_buf_chr(file, '"');
		for (; *key; key++) {
			if (*key == '"' || *key == '\\')
				ir_buf_chr(file, '\\');
			ir_buf_chr(file, *key);
		}
		ir_buf_chr(file, '"');
	}
	ir_buf_fmt(file, ": %s\n", note);
}

size_t
ir_deny_without(const char *s, size_t n, const char *key, struct ir_buf *out)
{
	char got[IR_DENY_KEY_MAX + 1];
	size_t k, len, i, count = 0;
	bool dropping = false;

	for (; n; s += k, n -= k) {
		k = line_len(s, n);
		for (i = 0; i < k && blank(s[i]); i++)
			;
		if (i < k && *s != '#' && i == 0) {
			dropping = line_key(s, k, got, &len) &&
			    same_key(got, len, key);
			count += dropping;
		}
		/* continuation lines go with their entry; comments stay */
		if (!dropping || i == k || *s == '#')
			ir_buf_add(out, s, k);
	}
	return count;
}

const char *
ir_deny_bad_key(const char *key)
{
	size_t n = strlen(key), i;

	if (n == 0)
		return "empty";
	if (n > IR_DENY_KEY_MAX)
		return "too long";
	if (strstr(key, "\xef\xbf\xbd"))
		return "bytes in it that are lost (U+FFFD)";
	for (i = 0; i < n; i++) {
		if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
			return "a control byte in it";
		if ((unsigned char)key[i] > 0x7f)
			return "not ASCII; Exim's log and queue spell such "
			    "bytes \\ooo, and so must you";
	}
	return NULL;
}

/* Exim's answers, one a line behind its prompts. */
static int
read_answers(const char *s, size_t n, bool *found, struct ir_err *err)
{
	size_t i, k;

	for (i = 0; i < n; i++, s += k + (s[k] == '\n')) {
		while (s[0] == '>' && s[1] == ' ')
			s += 2;
		k = strcspn(s, "\n");
		if (k == 3 && memcmp(s, "yes", 3) == 0)
			found[i] = true;
		else if (k == 2 && memcmp(s, "no", 2) == 0)
			found[i] = false;
		else
			return ir_fail(err, IR_PROTOCOL,
			    "exim -be: answer not understood: %.*s",
			    (int)(k > 200 ? 200 : k), s);
	}
	return 0;
}

int
ir_deny_ask(const char *exim, const char *file, const char *const *keys,
    size_t n, bool *found, struct ir_err *err)
{
	const char *const argv[] = { exim, "-be", NULL };
	unsigned char b64[IR_DENY_KEY_MAX * 4 / 3 + 8];
	struct ir_buf in = IR_BUF(64u << 20);
	struct ir_proc p = { .argv = argv, .timeout_ms = 60000 };
	struct ir_proc_result r = IR_PROC_RESULT(16u << 20);
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		EVP_EncodeBlock(b64, (const unsigned char *)keys[i],
		    (int)strlen(keys[i]));
		ir_buf_fmt(&in, "${lookup{${base64d:%s}}lsearch{%s}"
		    "{yes}{no}}\n", (const char *)b64, file);
	}
	rc = ir_buf_check(&in, "accounts", err);
	p.in = ir_buf_cstr(&in);
	p.in_len = in.len;
	if (rc == 0)
		rc = ir_proc_run(&p, &r, err);
	if (rc == 0)
		rc = read_answers(ir_buf_cstr(&r.out), n, found, err);
	ir_buf_free(&in);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}
