/* creds_exim.c - see creds_exim.h */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../core/proc.h"
#include "../core/text.h"
#include "creds_conf.h"
#include "creds_exim.h"

#define CONFIG_MAX (16u << 20)

/* --- asking ------------------------------------------------------------- */

/* Its answer in out, a secret buffer; what it says on stderr in errs. */
static int
ask(const char *exim, const char *conf, const char *const *args,
    const struct ir_buf *in, struct ir_buf *out, struct ir_buf *errs,
    int *status, struct ir_err *err)
{
	const char *argv[16];
	struct ir_proc p = { .argv = argv, .timeout_ms = 60000,
		.in = in ? ir_buf_cstr(in) : NULL, .in_len = in ? in->len : 0 };
	struct ir_proc_result r = { 0, IR_BUF_SECRET(CONFIG_MAX),
		IR_BUF_SECRET(65536) };
	size_t n = 0;
	int rc;

	argv[n++] = exim;
	if (conf) {
		argv[n++] = "-C";
		argv[n++] = conf;
	}
	while (*args && n < 15)
		argv[n++] = *args++;
	argv[n] = NULL;
	rc = ir_proc_run(&p, &r, err);
	*status = r.status;
	if (rc == 0 && out)
		ir_buf_add(out, ir_buf_cstr(&r.out), r.out.len);
	if (rc == 0 && errs)
		ir_buf_add(errs, ir_buf_cstr(&r.err), r.err.len);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc ? rc : out ? ir_buf_check(out, exim, err) : 0;
}

int
ir_creds_exim_file(const char *exim, char path[PATH_MAX], struct ir_err *err)
{
	static const char mark[] = "\nConfiguration file is ";
	const char *const args[] = { "-bV", NULL }, *p;
	struct ir_buf out = IR_BUF(65536);
	size_t n;
	int status, rc = ask(exim, NULL, args, NULL, &out, NULL, &status,
	    err);

	p = rc == 0 ? strstr(ir_buf_cstr(&out), mark) : NULL;
	if (p) {
		p += sizeof mark - 1;
		n = strcspn(p, "\n");
		snprintf(path, PATH_MAX, "%.*s", (int)(n < PATH_MAX ? n : 0),
		    p);
	}
	if (rc == 0 && (!p || *path != '/')) {
		rc = ir_fail(err, IR_CONFIG, "%s -bV: it names no "
		    "configuration file", exim);
		ir_hint(err, "its configuration has an error: see what "
		    "exim -bV says");
	}
	ir_buf_free(&out);
	return rc;
}

void
ir_creds_view_init(struct ir_creds_view *v)
{
	memset(v, 0, sizeof *v);
	v->lists = (struct ir_buf)IR_BUF(1u << 20);
	v->config = (struct ir_buf)IR_BUF_SECRET(CONFIG_MAX);
	v->auths = (struct ir_buf)IR_BUF_SECRET(CONFIG_MAX);
}

void
ir_creds_view_free(struct ir_creds_view *v)
{
	ir_buf_free(&v->lists);
	ir_buf_free(&v->config);
	ir_buf_free(&v->auths);
}

/* Of Exim's words only the number of the line: they may quote a secret. */
static int
refused(const struct ir_buf *errs, const struct ir_buf *out,
    struct ir_err *err)
{
	const char *p = strstr(ir_buf_cstr(errs), "line ");
	unsigned long line = 0;

	if (!p)
		p = strstr(ir_buf_cstr(out), "line ");
	if (p)
		line = strtoul(p + 5, NULL, 10);
	if (line)
		return ir_fail(err, IR_CONFIG, "Exim refuses the "
		    "configuration, at line %lu", line);
	return ir_fail(err, IR_CONFIG, "Exim refuses the configuration");
}

static int
show(const char *exim, const char *conf, const char *const *args,
    struct ir_buf *out, struct ir_err *err)
{
	struct ir_buf errs = IR_BUF_SECRET(65536);
	int status, rc;

	rc = ask(exim, conf, args, NULL, out, &errs, &status, err);
	if (rc == 0 && status)
		rc = refused(&errs, out, err);
	ir_buf_free(&errs);
	return rc;
}

static int
route(const char *exim, const char *conf, const char *address,
    struct ir_creds_view *v, struct ir_err *err)
{
	const char *const args[] = { "-bt", address, NULL };
	struct ir_buf out = IR_BUF_SECRET(65536);
	const char *p, *end;
	int status, rc;

	/* an address that is deferred or has no route is an answer as well */
	rc = ask(exim, conf, args, NULL, &out, NULL, &status, err);
	p = rc == 0 ? strstr(ir_buf_cstr(&out), "router = ") : NULL;
	if (p) {
		end = p + strcspn(p, "\n");
		snprintf(v->route, sizeof v->route, "%.*s",
		    end - p < 500 ? (int)(end - p) : 500, p);
	} else {
		snprintf(v->route, sizeof v->route, "none, exit %d", status);
	}
	ir_text_printable(v->route);
	ir_buf_free(&out);
	return rc;
}

int
ir_creds_view(const char *exim, const char *conf, const char *address,
    struct ir_creds_view *v, struct ir_err *err)
{
	const char *const valid[] = { "-bV", NULL };
	const char *const lists[] = { "-bP", "router_list", "transport_list",
		"authenticator_list", NULL };
	const char *const config[] = { "-bP", "config", NULL };
	const char *const auths[] = { "-bP", "authenticators", NULL };
	struct ir_buf out = IR_BUF_SECRET(CONFIG_MAX);
	int rc = show(exim, conf, valid, &out, err);

	ir_buf_free(&out);
	if (rc == 0)
		rc = show(exim, conf, lists, &v->lists, err);
	if (rc == 0)
		rc = show(exim, conf, config, &v->config, err);
	if (rc == 0)
		rc = show(exim, conf, auths, &v->auths, err);
	return rc ? rc : route(exim, conf, address, v, err);
}

/* --- comparing ---------------------------------------------------------- */

static size_t
next_line(const char **s, size_t *n, const char **line)
{
	const char *nl = memchr(*s, '\n', *n);
	size_t k = nl ? (size_t)(nl - *s) : *n;

	*line = *s;
	*n -= k + (nl != NULL);
	*s += k + (nl != NULL);
	while (k && isspace((unsigned char)**line)) {
		(*line)++;
		k--;
	}
	return k;
}

/* A line of "-bP config" that a new credential may change: up to its "=". */
static size_t
may_differ(const char *line, size_t n)
{
	static const char *const names[] = { "client_send", "client_name",
		"client_secret", "client_username", "client_password" };
	const char *eq = memchr(line, '=', n);
	size_t i, k, at = 0;

	if (!eq)
		return 0;
	k = (size_t)(eq - line) + 1;
	if (n && (isupper((unsigned char)*line) || *line == '_'))
		return k;		/* a macro */
	if (n > 5 && memcmp(line, "hide ", 5) == 0)
		at = 5;
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (n - at > strlen(names[i]) && memcmp(line + at, names[i],
		    strlen(names[i])) == 0)
			return k;
	return 0;
}

static bool
config_same(const struct ir_buf *a, const struct ir_buf *b)
{
	const char *p = ir_buf_cstr(a), *q = ir_buf_cstr(b), *x, *y;
	size_t n = a->len, m = b->len, k, l, head;

	while (n && m) {
		k = next_line(&p, &n, &x);
		l = next_line(&q, &m, &y);
		/* "# 12 "/etc/..."": where it comes from */
		if (k && l && *x == '#' && *y == '#')
			continue;
		if (k == l && memcmp(x, y, k) == 0)
			continue;
		head = may_differ(x, k);
		if (head == 0 || head != may_differ(y, l) ||
		    memcmp(x, y, head) != 0)
			return false;
	}
	return n == 0 && m == 0;
}

int
ir_creds_view_same(const struct ir_creds_view *a,
    const struct ir_creds_view *b, struct ir_err *err)
{
	if (a->lists.len != b->lists.len || memcmp(ir_buf_cstr(&a->lists),
	    ir_buf_cstr(&b->lists), a->lists.len) != 0)
		return ir_fail(err, IR_CONFIG, "with the change Exim would "
		    "have other routers, transports or authenticators");
	if (!config_same(&a->config, &b->config))
		return ir_fail(err, IR_CONFIG, "with the change more than "
		    "the credential would be another one");
	if (strcmp(a->route, b->route) != 0)
		return ir_fail(err, IR_CONFIG, "with the change mail would "
		    "take another way: %s, not %s", b->route, a->route);
	return 0;
}

bool
ir_creds_view_option(const struct ir_buf *auths, const char *auth,
    const char *option, const char **value, size_t *n)
{
	static const char tail[] = " authenticator:";
	const char *s = ir_buf_cstr(auths), *line;
	size_t left = auths->len, k, name = strlen(auth), o = strlen(option);
	bool in = false;

	while (left) {
		k = next_line(&s, &left, &line);
		if (k >= sizeof tail - 1 && memcmp(line + k -
		    (sizeof tail - 1), tail, sizeof tail - 1) == 0)
			in = k == name + sizeof tail - 1 &&
			    memcmp(line, auth, name) == 0;
		if (!in || k < o + 2 || memcmp(line, option, o) != 0 ||
		    memcmp(line + o, " =", 2) != 0)
			continue;
		*value = line + o + 2;
		*n = k - o - 2;
		if (*n && **value == ' ') {
			(*value)++;
			(*n)--;
		}
		return *n > 0;
	}
	return false;
}

/* --- what would be sent ------------------------------------------------- */

#define ITEMS 8			/* of one client_send */

struct question {
	struct ir_buf in;	/* for exim -be */
	char mark[20];
	size_t n;		/* expansions asked for */
};

static bool
name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* In place of a variable that only a connection has. */
static size_t
variable(const char *s, size_t n, const char *host, const char **value)
{
	static const char *const names[] = { "$host", "${host}",
		"$tls_out_cipher", "${tls_out_cipher}", "$tls_cipher",
		"${tls_cipher}" };
	size_t i, k;

	for (i = 0; i < sizeof names / sizeof *names; i++) {
		k = strlen(names[i]);
		if (n < k || memcmp(s, names[i], k) != 0 ||
		    (s[1] != '{' && n > k && name_char(s[k])))
			continue;
		*value = i < 2 ? host : "TLSv1.3";
		return k;
	}
	return 0;
}

static void
question(struct question *q, const char *s, size_t n, const char *host,
    const struct ir_creds_subst *subst, size_t nsubst)
{
	const char *value;
	size_t i, j, k;

	ir_buf_fmt(&q->in, "q%s%zu<", q->mark, q->n);
	for (i = 0; i < n; i += k) {
		k = i && s[i - 1] == '\\' ? 0 :
		    variable(s + i, n - i, host, &value);
		for (j = 0; k == 0 && j < nsubst; j++) {
			k = strlen(subst[j].path);
			value = subst[j].instead;
			if (n - i < k || memcmp(s + i, subst[j].path, k) != 0
			    || (n - i > k && s[i + k] != '}' &&
			    s[i + k] != ' '))
				k = 0;
		}
		if (k) {
			ir_buf_str(&q->in, value);
			continue;
		}
		ir_buf_chr(&q->in, s[i]);
		k = 1;
	}
	ir_buf_fmt(&q->in, ">q%s%zu\n", q->mark, q->n++);
}

/* The answer to the nth; false when the expansion failed. */
static bool
answer(const struct question *q, const struct ir_buf *out, size_t nth,
    struct ir_buf *to)
{
	char head[48], tail[48];
	const char *s = ir_buf_cstr(out), *a, *b;

	snprintf(head, sizeof head, "q%s%zu<", q->mark, nth);
	snprintf(tail, sizeof tail, ">q%s%zu", q->mark, nth);
	a = memmem(s, out->len, head, strlen(head));
	if (!a)
		return false;
	a += strlen(head);
	b = memmem(a, out->len - (size_t)(a - s), tail, strlen(tail));
	if (!b)
		return false;
	ir_buf_add(to, a, (size_t)(b - a));
	return true;
}

static const char *const user_options[] = { "client_name",
	"client_username" };
static const char *const pass_options[] = { "client_secret",
	"client_password" };

/* All that is asked for one authenticator; how many expansions. */
static size_t
ask_auth(struct question *q, const struct ir_creds_view *v,
    const struct ir_creds_sent *s, const struct ir_creds_subst *subst,
    size_t nsubst)
{
	struct ir_buf item = IR_BUF_SECRET(IR_CONF_LINE);
	const char *text;
	size_t n, i, first = q->n;

	if (ir_creds_view_option(&v->auths, s->auth, "client_send", &text,
	    &n)) {
		for (i = 0; i < ITEMS && ir_conf_item(text, n, i, &item);
		    i++) {
			question(q, ir_buf_cstr(&item), item.len, s->host,
			    subst, nsubst);
			ir_buf_trunc(&item, 0);
		}
	}
	for (i = 0; i < 2 && q->n == first; i++) {
		if (!ir_creds_view_option(&v->auths, s->auth,
		    pass_options[i], &text, &n))
			continue;
		question(q, text, n, s->host, subst, nsubst);
		if (ir_creds_view_option(&v->auths, s->auth,
		    user_options[i], &text, &n))
			question(q, text, n, s->host, subst, nsubst);
	}
	ir_buf_free(&item);
	return q->n - first;
}

/* PLAIN: NUL user NUL password. */
static bool
plain(const struct ir_buf *b, struct ir_creds_sent *s)
{
	const char *one, *two;

	if (!b->len)
		return false;
	one = memchr(b->data, '\0', b->len);
	if (!one)
		return false;
	one++;
	two = memchr(one, '\0', b->len - (size_t)(one - b->data));
	if (!two)
		return false;
	ir_buf_add(&s->user, one, (size_t)(two - one));
	two++;
	ir_buf_add(&s->pass, two, b->len - (size_t)(two - b->data));
	return true;
}

/* What the answers from `first` on mean. */
static void
read_auth(const struct question *q, const struct ir_creds_view *v,
    const struct ir_buf *out, size_t first, size_t n,
    struct ir_creds_sent *s)
{
	struct ir_buf got = IR_BUF_SECRET(IR_CONF_LINE);
	struct ir_buf sent = IR_BUF_SECRET(IR_CONF_LINE);
	const char *text;
	size_t i, len;
	bool all = n > 0;

	s->cram = !ir_creds_view_option(&v->auths, s->auth, "client_send",
	    &text, &len);
	for (i = 0; all && i < n; i++) {
		ir_buf_trunc(&got, 0);
		ir_buf_trunc(&sent, 0);
		all = answer(q, out, first + i, &got);
		if (!all)
			break;
		if (s->cram) {
			ir_buf_add(i ? &s->user : &s->pass,
			    ir_buf_cstr(&got), got.len);
			continue;
		}
		ir_uncaret(&sent, ir_buf_cstr(&got), got.len);
		if (plain(&sent, s))
			break;
		if (i + 2 == n)
			ir_buf_add(&s->user, ir_buf_cstr(&sent), sent.len);
		else if (i + 1 == n)
			ir_buf_add(&s->pass, ir_buf_cstr(&sent), sent.len);
	}
	s->known = all && s->pass.len > 0;
	ir_buf_free(&got);
	ir_buf_free(&sent);
}

int
ir_creds_send(const char *exim, const char *conf,
    const struct ir_creds_view *v, const struct ir_creds_subst *subst,
    size_t nsubst, struct ir_creds_sent *sent, size_t n, struct ir_err *err)
{
	struct question q = { .in = IR_BUF_SECRET(CONFIG_MAX) };
	struct ir_buf out = IR_BUF_SECRET(CONFIG_MAX);
	const char *const args[] = { "-be", NULL };
	unsigned char noise[8];
	size_t i, *count = calloc(n + 1, sizeof *count), first = 0;
	int status, rc = 0;

	if (!count)
		return ir_fail(err, IR_OSERR, "no memory");
	if (getrandom(noise, sizeof noise, 0) != sizeof noise)
		memset(noise, 0x5a, sizeof noise);
	for (i = 0; i < sizeof noise; i++)
		snprintf(q.mark + 2 * i, 3, "%02x", noise[i]);
	for (i = 0; i < n; i++) {
		sent[i].user = (struct ir_buf)IR_BUF_SECRET(IR_CONF_LINE);
		sent[i].pass = (struct ir_buf)IR_BUF_SECRET(IR_CONF_LINE);
		count[i] = ask_auth(&q, v, &sent[i], subst, nsubst);
	}
	rc = ir_buf_check(&q.in, "expansions", err);
	if (rc == 0 && q.n)
		rc = ask(exim, conf, args, &q.in, &out, NULL, &status, err);
	for (i = 0; rc == 0 && i < n; i++) {
		read_auth(&q, v, &out, first, count[i], &sent[i]);
		first += count[i];
	}
	ir_buf_free(&q.in);
	ir_buf_free(&out);
	free(count);
	return rc;
}

/* --- the daemon --------------------------------------------------------- */

static size_t
read_proc(pid_t pid, const char *what, char *to, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, to, size - 1);
	close(fd);
	if (n < 0)
		n = 0;
	to[n] = '\0';
	return (size_t)n;
}

/* Is the socket one that listens? */
static bool
inode_listens(const char *inode)
{
	static const char *const tables[] = { "/proc/net/tcp",
		"/proc/net/tcp6" };
	struct ir_buf b = IR_BUF(4u << 20);
	const char *s, *line;
	char state[8], got[32];
	size_t i, n, k;
	bool yes = false;

	for (i = 0; i < 2 && !yes; i++) {
		ir_buf_trunc(&b, 0);
		if (ir_buf_read_file(&b, tables[i], NULL))
			continue;
		s = ir_buf_cstr(&b);
		n = b.len;
		while (n && !yes) {
			k = next_line(&s, &n, &line);
			yes = k && sscanf(line, "%*s %*s %*s %7s %*s %*s %*s "
			    "%*s %*s %31s", state, got) == 2 &&
			    strcmp(state, "0A") == 0 &&
			    strcmp(got, inode) == 0;
		}
	}
	ir_buf_free(&b);
	return yes;
}

static bool
listens(pid_t pid)
{
	char dir[64], path[PATH_MAX], to[64], *end;
	struct dirent *e;
	bool yes = false;
	ssize_t n;
	DIR *d;

	snprintf(dir, sizeof dir, "/proc/%ld/fd", (long)pid);
	d = opendir(dir);
	while (d && !yes && (e = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		n = readlink(path, to, sizeof to - 1);
		if (n < 9 || memcmp(to, "socket:[", 8) != 0)
			continue;
		to[n] = '\0';
		end = strchr(to, ']');
		if (!end)
			continue;
		*end = '\0';
		yes = inode_listens(to + 8);
	}
	if (d)
		closedir(d);
	return yes;
}

static pid_t
daemon_pid(const char *pid_file)
{
	struct ir_buf b = IR_BUF(64);
	long pid = 0;

	if (*pid_file && ir_buf_read_file(&b, pid_file, NULL) == 0)
		pid = strtol(ir_buf_cstr(&b), NULL, 10);
	ir_buf_free(&b);
	return pid > 1 ? (pid_t)pid : 0;
}

void
ir_exim_daemon(const char *pid_file, struct ir_exim_daemon *d)
{
	memset(d, 0, sizeof *d);
	d->pid = daemon_pid(pid_file);
	if (!d->pid)
		return;
	d->nargs = read_proc(d->pid, "cmdline", d->args, sizeof d->args);
	/* the pid of something else by now, or of nothing */
	if (d->nargs == 0 || !strstr(d->args, "exim")) {
		d->pid = 0;
		return;
	}
	d->nlife = read_proc(d->pid, "auxv", d->life, sizeof d->life);
	d->listens = listens(d->pid);
}

int
ir_exim_reload(const char *pid_file, const struct ir_exim_daemon *d,
    long wait_ms, struct ir_err *err)
{
	int64_t end = ir_mono_ms() + wait_ms, told = ir_mono_ms() - 1000;
	struct ir_exim_daemon now = *d;
	bool another = false;
	int gone = 0;

	for (;;) {
		/* Exim looks for the signal before it waits: one that falls
		 * between the two is seen at the next connection, hours
		 * later.  It ignores the signal while it starts again. */
		if (now.pid == d->pid && !another &&
		    ir_mono_ms() >= told + 1000) {
			if (kill(d->pid, SIGHUP) && errno != ESRCH)
				return ir_fail_errno(err, ir_errno_code(errno,
				    IR_OSERR), errno, "reload of Exim's "
				    "daemon");
			told = ir_mono_ms();
		}
		ir_exim_daemon(pid_file, &now);
		/* the auxiliary vector of a process is another one after
		 * exec */
		another = now.pid && (now.pid != d->pid ||
		    now.nlife != d->nlife ||
		    memcmp(now.life, d->life, now.nlife) != 0);
		if (another && (now.listens || !d->listens))
			return 0;
		gone = now.pid ? 0 : gone + 1;
		if (gone > 20)
			return ir_fail(err, IR_CONFIG, "Exim's daemon did "
			    "not survive the reload");
		if (ir_mono_ms() >= end)
			return ir_fail(err, IR_TEMPFAIL, "Exim's daemon has "
			    "not reloaded in time");
		poll(NULL, 0, 50);
	}
}

int
ir_exim_revive(const char *exim, const struct ir_exim_daemon *d,
    struct ir_err *err)
{
	const char *argv[64], *p;
	struct ir_proc proc = { .argv = argv, .timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(65536);
	bool background = false;
	size_t n = 0;
	int rc;

	argv[n++] = exim;
	for (p = d->args + strlen(d->args) + 1; p < d->args + d->nargs &&
	    n < 63; p += strlen(p) + 1) {
		background |= strcmp(p, "-bd") == 0;
		argv[n++] = p;
	}
	argv[n] = NULL;
	if (!background)
		return ir_fail(err, IR_CONFIG, "Exim's daemon runs no more, "
		    "and only who started it can start it again");
	rc = ir_proc_run(&proc, &r, err);
	if (rc == 0 && r.status)
		rc = ir_fail(err, IR_CONFIG, "Exim's daemon could not be "
		    "started again: exit %d", r.status);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}
