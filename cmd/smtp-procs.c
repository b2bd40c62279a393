/*
 * smtp-procs - who on this host talks SMTP now, or listens for it?
 *
 * Reads the kernel's sockets (sock_diag, in each network namespace that it
 * may enter) and /proc; writes one "smtp-proc" record for each process, and
 * one "smtp-proc-scope" record of what was seen and what could not be.
 * Changes nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/text.h"
#include "host/procfs.h"
#include "host/sockdiag.h"

#define SPACES_MAX 1024		/* network namespaces */
#define PARENTS 12
#define SHOWN 20		/* sockets of one process */
#define ARGS 32
#define ARGS_BYTES 4000		/* of a record */
#define CMDLINE_MAX 32768

static const struct ir_cmd cmd = { "smtp-procs",
	"who on this host talks SMTP now, or listens for it",
	"[--hold] [--watch SECONDS] [--odd] [--port PORT ...]" };

static const struct ir_col cols[] = { { "pid", "PID" }, { "user", "USER" },
	{ "kind", "KIND" }, { "does", "DOES" }, { "program", "PROGRAM" },
	{ "peer", "PEER" }, { "why", "WHY" }, { NULL, NULL } };

/* A process, or a socket that none was found for, that was written. */
struct seen {
	uint64_t id, start;
	unsigned does;
};

struct run {
	struct ir_common common;
	struct ir_list ports;
	bool hold, odd;
	long watch;
	bool port[65536];
	struct ir_socks socks;	/* sorted by inode */
	bool *owned;		/* of each of these */
	ino_t space[SPACES_MAX];
	size_t nspaces, blind;	/* blind: not entered */
	size_t procs, unread;	/* unread: sockets not visible */
	size_t written, nodd, orphans, unowned;
	struct seen *seen;
	size_t nseen;
	int64_t boot;
	long ticks;
	struct ir_out *out;
};

enum { LISTENS = 1, SENDS = 2, TAKES = 4 };

struct proc {
	struct ir_proc_stat st;
	struct ir_proc_group group;
	uint32_t uid;
	unsigned does;
	size_t sock[SHOWN], nsocks;
	char exe[4096], cwd[4096];
	bool deleted;
};

/* --- /proc -------------------------------------------------------------- */

/* Up to max bytes of /proc/PID/NAME; an empty buffer when not readable. */
static void
slurp(struct ir_buf *b, int pid, const char *name)
{
	char path[64], part[4096];
	ssize_t n;
	int fd;

	ir_buf_trunc(b, 0);
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0) {
		if ((size_t)n > b->max - b->len)
			n = (ssize_t)(b->max - b->len);
		ir_buf_add(b, part, (size_t)n);
		if (b->len == b->max)
			break;
	}
	if (fd >= 0)
		close(fd);
}

static void
link_of(int pid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	n = readlink(path, out, size - 1);
	out[n < 0 ? 0 : n] = '\0';
}

static int
stat_of(int pid, struct ir_proc_stat *st)
{
	struct ir_buf b = IR_BUF(4096);
	int rc;

	slurp(&b, pid, "stat");
	rc = ir_proc_stat(ir_buf_cstr(&b), b.len, st);
	ir_buf_free(&b);
	return rc;
}

static void
user_name(uint32_t uid, char *out, size_t size)
{
	struct passwd pw, *found = NULL;
	char buf[16384];

	if (getpwuid_r(uid, &pw, buf, sizeof buf, &found) == 0 && found)
		snprintf(out, size, "%s", pw.pw_name);
	else
		snprintf(out, size, "%u", uid);
}

/* Each process; fn's answer does not matter. */
static int
each_proc(struct run *r, void (*fn)(struct run *r, int pid),
    struct ir_err *err)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		return ir_fail_errno(err, IR_NOINPUT, errno, "/proc");
	while ((e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			fn(r, atoi(e->d_name));
	closedir(d);
	return 0;
}

/* --- sockets ------------------------------------------------------------ */

static unsigned
does_of(const struct run *r, const struct ir_sock *s)
{
	if (s->state == TCP_LISTEN)
		return r->port[s->lport] ? LISTENS : 0;
	return r->port[s->rport] ? SENDS : r->port[s->lport] ? TAKES : 0;
}

static bool
want(const struct ir_sock *s, void *arg)
{
	struct run *r = arg;

	if (!does_of(r, s))
		return false;
	if (s->inode == 0)
		r->orphans++;
	return s->inode != 0;
}

/* Is the namespace of this file a new one? */
static bool
new_space(struct run *r, const char *path)
{
	struct stat st;
	size_t i;

	if (stat(path, &st))
		return false;
	for (i = 0; i < r->nspaces; i++)
		if (r->space[i] == st.st_ino)
			return false;
	if (r->nspaces == SPACES_MAX)
		return false;
	r->space[r->nspaces++] = st.st_ino;
	return true;
}

/* Sockets of a namespace that the process alone, or first, is met in. */
static void
look_into(struct run *r, int pid)
{
	struct ir_err err = IR_ERR_INIT;
	char path[64];
	int home, there;

	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	if (!new_space(r, path))
		return;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
		r->blind++;
	} else {
		if (ir_sockdiag_list(want, r, &r->socks, &err))
			r->blind++;
		/* cannot fail: it was ours */
		if (setns(home, CLONE_NEWNET))
			abort();
	}
	if (home >= 0)
		close(home);
	if (there >= 0)
		close(there);
}

static int
by_inode(const void *a, const void *b)
{
	const struct ir_sock *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int
look_at_sockets(struct run *r, struct ir_err *err)
{
	r->socks.n = r->nspaces = r->blind = r->orphans = 0;
	(void)new_space(r, "/proc/self/ns/net");
	if (ir_sockdiag_list(want, r, &r->socks, err) ||
	    each_proc(r, look_into, err))
		return -1;
	if (r->socks.n)
		qsort(r->socks.v, r->socks.n, sizeof *r->socks.v, by_inode);
	free(r->owned);
	r->owned = calloc(r->socks.n + 1, sizeof *r->owned);
	return r->owned ? 0 : ir_fail(err, IR_OSERR, "no memory");
}

/* --- records ------------------------------------------------------------ */

static void
put_end(struct ir_rec *rec, const char *key, const char *ip, uint16_t port)
{
	ir_rec_fmt(rec, key, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
}

static struct ir_rec *
socket_record(const struct run *r, const struct ir_sock *s)
{
	struct ir_rec *one = ir_rec_object();
	unsigned does = does_of(r, s);

	ir_rec_str(one, "does", does == LISTENS ? "listens" :
	    does == SENDS ? "sends" : "takes");
	ir_rec_str(one, "state", ir_sock_state(s->state));
	put_end(one, "local", s->local, s->lport);
	if (does != LISTENS)
		put_end(one, "remote", s->remote, s->rport);
	return one;
}

static void
put_user(struct ir_rec *rec, uint32_t uid)
{
	char name[256];

	user_name(uid, name, sizeof name);
	ir_rec_int(rec, "uid", uid);
	ir_rec_str(rec, "user", name);
}

static void
put_argv(struct ir_rec *rec, const struct proc *p)
{
	struct ir_buf raw = IR_BUF(CMDLINE_MAX);
	struct ir_buf masked = IR_BUF(CMDLINE_MAX * 8);
	struct ir_rec *argv = ir_rec_array();
	const char *s, *end;
	size_t i = 0, n, left = ARGS_BYTES;

	slurp(&raw, p->st.pid, "cmdline");
	ir_argv_mask(p->exe, ir_buf_cstr(&raw), raw.len, &masked);
	s = ir_buf_cstr(&masked);
	end = s + masked.len;
	for (; s < end && i < ARGS && left; s += strlen(s) + 1, i++) {
		n = ir_text_cut(s, strlen(s), left);
		ir_rec_push(argv, ir_rec_string(s, n));
		left -= n;
	}
	ir_rec_set(rec, "argv", argv);
	if (s < end || raw.len == raw.max)
		ir_rec_bool(rec, "argv_more", true);
	ir_buf_free(&raw);
	ir_buf_free(&masked);
}

static void
put_parents(struct ir_rec *rec, const struct proc *p)
{
	struct ir_rec *list = ir_rec_array(), *one;
	struct ir_proc_stat st = p->st;
	char exe[4096];
	int i;

	for (i = 0; i < PARENTS && st.ppid > 0 && stat_of(st.ppid, &st) == 0;
	    i++) {
		one = ir_rec_object();
		ir_rec_int(one, "pid", st.pid);
		ir_rec_str(one, "comm", st.comm);
		link_of(st.pid, "exe", exe, sizeof exe);
		ir_rec_str(one, "exe", exe[0] ? exe : NULL);
		ir_rec_push(list, one);
	}
	ir_rec_set(rec, "parents", list);
}

static void
put_sockets(const struct run *r, struct ir_rec *rec, const struct proc *p)
{
	struct ir_rec *list = ir_rec_array();
	const struct ir_sock *s, *peer = NULL;
	size_t i;

	for (i = 0; i < p->nsocks && i < SHOWN; i++) {
		s = &r->socks.v[p->sock[i]];
		if (!peer && does_of(r, s) == SENDS)
			peer = s;
		ir_rec_push(list, socket_record(r, s));
	}
	if (peer)
		put_end(rec, "peer", peer->remote, peer->rport);
	ir_rec_set(rec, "sockets", list);
	ir_rec_int(rec, "sockets_total", (int64_t)p->nsocks);
	ir_rec_fmt(rec, "does", "%s%s%s%s%s", p->does & LISTENS ? "listens" :
	    "", p->does & LISTENS && p->does & ~1u ? "," : "",
	    p->does & SENDS ? "sends" : "",
	    p->does & SENDS && p->does & TAKES ? "," : "",
	    p->does & TAKES ? "takes" : "");
}

/*
 * Lines for a person to read and then run: only while the pid is still this
 * process.  A service's first process would come back when killed.
 */
static void
put_hold(struct ir_rec *rec, const struct proc *p)
{
	static const char *const how[] = { "STOP", "KILL" };
	struct ir_rec *lines = ir_rec_array();
	char line[256];
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof line, "test \"$(sed 's/.*) //' "
		    "/proc/%d/stat | cut -d' ' -f20)\" = %llu && "
		    "kill -%s %d", p->st.pid, (unsigned long long)p->st.start,
		    how[i], p->st.pid);
		ir_rec_push_str(lines, line);
	}
	if (p->group.unit[0] && p->st.ppid == 1) {
		snprintf(line, sizeof line, "systemctl stop '%s'",
		    p->group.unit);
		ir_rec_push_str(lines, line);
	}
	ir_rec_set(rec, "hold", lines);
}

static void
reason(struct ir_buf *b, const char *text)
{
	ir_buf_fmt(b, "%s%s", b->len ? "; " : "", text);
}

/* Why it stands out; empty: it does not. */
static void
judge(const struct proc *p, const char *kind, struct ir_buf *why)
{
	if (strcmp(kind, "tool") == 0)
		reason(why, "a tool for connections by hand");
	else if (strcmp(kind, "script") == 0)
		reason(why, "an interpreter, not a mail server");
	else if (strcmp(kind, "unknown") == 0)
		reason(why, p->exe[0] ? "not a mail server that is known" :
		    "its program cannot be seen");
	if (p->deleted)
		reason(why, "the file of its program is gone: replaced by an "
		    "update, or hidden");
	if (ir_program_odd_place(p->exe))
		reason(why, "its program is in a place for temporary files");
	if (ir_program_odd_place(p->cwd))
		reason(why, "it works in a place for temporary files");
}

static bool
is_new(struct run *r, uint64_t id, uint64_t start, unsigned does)
{
	struct seen *v;
	size_t i;

	for (i = 0; i < r->nseen; i++)
		if (r->seen[i].id == id && r->seen[i].start == start) {
			if ((does & ~r->seen[i].does) == 0)
				return false;
			r->seen[i].does |= does;
			return true;
		}
	v = realloc(r->seen, (r->nseen + 1) * sizeof *v);
	if (v) {
		r->seen = v;
		v[r->nseen++] = (struct seen){ id, start, does };
	}
	return true;
}

static void
put_proc(struct run *r, struct proc *p)
{
	struct ir_buf why = IR_BUF(1000);
	const char *kind = ir_program_kind(p->exe), *base;
	struct ir_rec *rec;
	char id[16];

	judge(p, kind, &why);
	if ((r->odd && !why.len) ||
	    !is_new(r, (uint64_t)p->st.pid, p->st.start, p->does)) {
		ir_buf_free(&why);
		return;
	}
	snprintf(id, sizeof id, "%d", p->st.pid);
	base = strrchr(p->exe, '/');
	rec = ir_rec_new("smtp-proc", id);
	ir_rec_int(rec, "pid", p->st.pid);
	put_user(rec, p->uid);
	ir_rec_str(rec, "kind", kind);
	ir_rec_bool(rec, "odd", why.len > 0);
	ir_rec_str(rec, "why", why.len ? ir_buf_cstr(&why) : NULL);
	ir_rec_str(rec, "comm", p->st.comm);
	ir_rec_str(rec, "program", base ? base + 1 : p->st.comm);
	ir_rec_str(rec, "exe", p->exe[0] ? p->exe : NULL);
	ir_rec_bool(rec, "deleted", p->deleted);
	ir_rec_str(rec, "cwd", p->cwd[0] ? p->cwd : NULL);
	put_argv(rec, p);
	ir_rec_time(rec, "started", r->boot +
	    (int64_t)(p->st.start / (uint64_t)r->ticks));
	put_parents(rec, p);
	ir_rec_str(rec, "container", p->group.container[0] ?
	    p->group.container : NULL);
	ir_rec_str(rec, "unit", p->group.unit[0] ? p->group.unit : NULL);
	put_sockets(r, rec, p);
	if (r->hold && why.len)
		put_hold(rec, p);
	r->written++;
	r->nodd += why.len > 0;
	ir_out_put(r->out, rec);
	ir_buf_free(&why);
}

/* A socket whose process was not found. */
static void
put_unowned(struct run *r, const struct ir_sock *s)
{
	struct ir_rec *rec, *list;
	char id[32];

	r->unowned++;
	if (!is_new(r, (uint64_t)s->inode << 32, 0, does_of(r, s)))
		return;
	snprintf(id, sizeof id, "socket:%u", s->inode);
	rec = ir_rec_new("smtp-proc", id);
	list = ir_rec_array();
	put_user(rec, s->uid);
	ir_rec_str(rec, "kind", "unseen");
	ir_rec_bool(rec, "odd", true);
	ir_rec_str(rec, "why", r->unread ? "its process cannot be seen: run "
	    "as root" : "no process that can be seen has this socket");
	ir_rec_push(list, socket_record(r, s));
	ir_rec_str(rec, "does", ir_rec_get(list, "0.does"));
	if (does_of(r, s) == SENDS)
		put_end(rec, "peer", s->remote, s->rport);
	ir_rec_set(rec, "sockets", list);
	ir_rec_int(rec, "sockets_total", 1);
	r->written++;
	r->nodd++;
	ir_out_put(r->out, rec);
}

/* --- one look ----------------------------------------------------------- */

/* The first of the sockets with this inode; SIZE_MAX. */
static size_t
find_socket(const struct run *r, uint32_t inode)
{
	const struct ir_sock key = { .inode = inode }, *s;

	if (inode == 0 || r->socks.n == 0)
		return SIZE_MAX;
	s = bsearch(&key, r->socks.v, r->socks.n, sizeof *s, by_inode);
	return s ? (size_t)(s - r->socks.v) : SIZE_MAX;
}

/* 0, or -1: its descriptors are not for us to see. */
static int
find_sockets(struct run *r, int pid, struct proc *p)
{
	char path[64], to[64];
	struct dirent *e;
	ssize_t n;
	size_t i;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	while ((e = readdir(d))) {
		n = readlinkat(dirfd(d), e->d_name, to, sizeof to);
		i = n < 0 ? SIZE_MAX :
		    find_socket(r, ir_proc_socket(to, (size_t)n));
		if (i == SIZE_MAX)
			continue;
		r->owned[i] = true;
		p->does |= does_of(r, &r->socks.v[i]);
		if (p->nsocks < SHOWN)
			p->sock[p->nsocks] = i;
		p->nsocks++;
	}
	closedir(d);
	return 0;
}

static void
look_at(struct run *r, int pid)
{
	static const char gone[] = " (deleted)";
	struct ir_buf b = IR_BUF(65536);
	static struct proc p;
	size_t n;

	memset(&p, 0, sizeof p);
	r->procs++;
	if (find_sockets(r, pid, &p)) {
		r->unread++;
		return;
	}
	if (p.nsocks == 0 || stat_of(pid, &p.st))
		return;
	slurp(&b, pid, "status");
	(void)ir_proc_uid(ir_buf_cstr(&b), b.len, &p.uid);
	slurp(&b, pid, "cgroup");
	ir_proc_cgroup(ir_buf_cstr(&b), b.len, &p.group);
	ir_buf_free(&b);
	link_of(pid, "cwd", p.cwd, sizeof p.cwd);
	link_of(pid, "exe", p.exe, sizeof p.exe);
	n = strlen(p.exe);
	if (n > sizeof gone - 1 &&
	    strcmp(p.exe + n - (sizeof gone - 1), gone) == 0) {
		p.deleted = true;
		p.exe[n - (sizeof gone - 1)] = '\0';
	}
	put_proc(r, &p);
}

/*
 * Between the sockets and the processes some end: what has no process then
 * is looked for once more.
 */
static int
look(struct run *r, struct ir_err *err)
{
	int again;
	size_t i;

	for (again = 0; again < 2; again++) {
		r->procs = r->unread = r->unowned = 0;
		if (look_at_sockets(r, err) || each_proc(r, look_at, err))
			return -1;
		for (i = 0; i < r->socks.n && r->owned[i]; i++)
			continue;
		if (i == r->socks.n)
			return 0;
	}
	for (i = 0; i < r->socks.n; i++)
		if (!r->owned[i] && (i == 0 || r->socks.v[i].inode !=
		    r->socks.v[i - 1].inode))
			put_unowned(r, &r->socks.v[i]);
	return 0;
}

static void
report(struct run *r)
{
	struct ir_rec *rec = ir_rec_new("smtp-proc-scope", "host");
	bool complete = !r->unread && !r->blind && !r->unowned &&
	    !r->socks.full;

	ir_rec_bool(rec, "complete", complete);
	ir_rec_int(rec, "processes", (int64_t)r->procs);
	ir_rec_int(rec, "processes_unread", (int64_t)r->unread);
	ir_rec_int(rec, "namespaces", (int64_t)r->nspaces);
	ir_rec_int(rec, "namespaces_unread", (int64_t)r->blind);
	ir_rec_int(rec, "sockets", (int64_t)r->socks.n);
	ir_rec_int(rec, "sockets_unowned", (int64_t)r->unowned);
	ir_rec_int(rec, "sockets_orphaned", (int64_t)r->orphans);
	ir_rec_int(rec, "listed", (int64_t)r->written);
	ir_rec_int(rec, "odd", (int64_t)r->nodd);
	ir_out_put(r->out, rec);
	if (r->unread)
		ir_warn(&r->common, "%zu of %zu processes: sockets not "
		    "visible: run as root", r->unread, r->procs);
	if (r->blind)
		ir_warn(&r->common, "%zu of %zu network namespaces could not "
		    "be entered", r->blind, r->nspaces);
	if (r->socks.full)
		ir_warn(&r->common, "more than %d sockets: the rest is left "
		    "out", IR_SOCKS_MAX);
}

static int
prepare(struct run *r, struct ir_err *err)
{
	static const int smtp[] = { 25, 465, 587, 2465, 2525, 2587 };
	struct ir_buf b = IR_BUF(1 << 20);
	size_t i;
	int rc;

	for (i = 0; r->ports.n == 0 && i < sizeof smtp / sizeof *smtp; i++)
		r->port[smtp[i]] = true;
	r->ticks = sysconf(_SC_CLK_TCK);
	/* a file of /proc has no size: it is read to its end */
	rc = ir_buf_read_file(&b, "/proc/stat", err);
	if (rc == 0 && (r->ticks <= 0 || ir_proc_boot(ir_buf_cstr(&b), b.len,
	    &r->boot)))
		rc = ir_fail(err, IR_PROTOCOL, "/proc/stat: no btime");
	ir_buf_free(&b);
	return rc;
}

static void
check_usage(struct run *r, int n)
{
	const char *s;
	size_t i;
	long v;

	if (n)
		ir_die_usage("it takes no operands");
	if (r->watch > 86400)
		ir_die_usage("--watch: more than a day");
	for (i = 0; i < r->ports.n; i++) {
		s = r->ports.v[i];
		v = strspn(s, "0123456789") == strlen(s) && strlen(s) < 6 ?
		    strtol(s, NULL, 10) : 0;
		if (v < 1 || v > 65535)
			ir_die_usage("--port=%s: not a port", s);
		else
			r->port[v] = true;
	}
}

/* Look again and again, until a signal or --timeout ends it. */
static int
look_on(struct run *r, struct ir_err *err)
{
	int64_t began = ir_mono_ms(), pause, left;

	for (;;) {
		if (look(r, err))
			return -1;
		pause = r->watch * 1000;
		if (r->common.timeout) {
			left = began + r->common.timeout * 1000 - ir_mono_ms();
			if (left < pause)
				pause = left;
		}
		if (r->watch == 0 || pause <= 0 || ir_stopped())
			return 0;
		(void)poll(NULL, 0, (int)pause);
		if (ir_stopped())
			return 0;
	}
}

int
main(int argc, char **argv)
{
	static struct run r;
	const struct ir_opt opts[] = {
		{ 0, "hold", NULL, IR_BOOL, &r.hold,
		    "print, not run, what stops those that stand out" },
		{ 0, "odd", NULL, IR_BOOL, &r.odd, "only what stands out" },
		{ 0, "port", "PORT", IR_LIST, &r.ports,
		    "instead of 25, 465, 587, 2465, 2525, 2587; many times" },
		{ 0, "watch", "SECONDS", IR_SECONDS, &r.watch,
		    "look again that often; write what is new" },
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, n);
	if (prepare(&r, &err))
		goto out;
	ir_catch_stop();
	r.out = ir_open_output(&r.common, cols);
	if (look_on(&r, &err) == 0)
		report(&r);
out:
	free(r.socks.v);
	free(r.owned);
	free(r.seen);
	return ir_end(&err, r.out, NULL);
}
