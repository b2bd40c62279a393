/*
 * exim-hold.c - hold back what this host's Exim would deliver elsewhere
 *
 * Reads Exim's view of its configuration, its spool and /proc.  Writes the
 * folder of Exim's hook (DIR/hold, DIR/queue_only), or one nftables table,
 * or the file of queue_only_file.  What it made is known by its content, so
 * that releasing needs no other state.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/cli.h"
#include "core/err.h"
#include "core/file.h"
#include "core/output.h"
#include "core/proc.h"
#include "core/record.h"
#include "core/text.h"
#include "exim/config.h"
#include "exim/hook.h"
#include "exim/queue.h"
#include "exim/spool.h"
#include "incident/journal.h"

#define MARK "quell exim-hold"		/* our files begin with it */
#define TABLE "quell_hold"
#define MAX_RUNNERS 64
#define POLL_MS 200

enum backend { NONE, HOOK, NFT, QUEUE_ONLY };
static const char *const backend_names[] = { "", "hook", "nft",
	"queue-only" };

enum maker { NOBODY, OURS, FOREIGN };

struct now {			/* how things are */
	enum maker hold, queue_only;
	bool nft;
	bool held;		/* proven: nothing leaves */
	enum backend backend;	/* that does it */
	int64_t since;		/* 0: unknown */
};

struct delivery {		/* a message that somebody works on */
	int dirfd;
	char id[IR_SPOOL_ID_MAX];
	pid_t pid;
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_exim_opts exim;
	const char *backend_word, *probe, *hook_dir;
	bool release, show, print_hook, run_queue, force, nft_loopback;
	struct ir_list ports;
	long wait, runners;

	enum backend backend;
	struct ir_exim_config config;
	struct ir_exim_hook hook;
	struct ir_buf missing;		/* parts of the hook */
	char dir[PATH_MAX];
	char hold_file[PATH_MAX], queue_only_file[PATH_MAX];
	char nft_program[PATH_MAX];	/* "" when there is none */
	struct ir_buf nft_rule;
	uid_t uid;			/* Exim's user */
	struct utsname host;

	struct ir_spool *spool;
	struct delivery *deliveries;
	size_t in_progress;

	struct now before, after;
	bool changed;
	char why[PATH_MAX + 128];
	int code;			/* of the one record */
	struct ir_journal *journal;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err err;
};

/* --- Exim ---------------------------------------------------------------- */

/* The first line that "exim OPTION ARG" prints, into buf; its exit code. */
static int
ask_exim(struct run *x, const char *option, const char *arg, char *buf,
    size_t size)
{
	const char *const argv[] = { x->config.exim, option, arg, NULL };
	struct ir_proc p = { .argv = argv, .timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(65536);
	int rc = ir_proc_run(&p, &r, &x->err);

	snprintf(buf, size, "%.*s", (int)strcspn(ir_buf_cstr(&r.out), "\n"),
	    ir_buf_cstr(&r.out));
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc ? -1 : r.status;
}

/* Does Exim hold what is for elsewhere?  -1: no answer. */
static int
exim_holds(struct run *x, char *answer, size_t size)
{
	int status = ask_exim(x, "-bt", x->probe, answer, size);

	return status < 0 ? -1 : status == 1 &&
	    strstr(answer, IR_HOOK_HELD) != NULL;
}

/* --- nft ----------------------------------------------------------------- */

/*
 * One rule, named by its comment.  A refused connection makes Exim defer; it
 * also ends a connection over which one message after the other would leave.
 */
static int
make_nft_rule(struct run *x)
{
	struct ir_buf ports = IR_BUF(2048);
	char *end;
	size_t i;
	long p;

	ir_buf_str(&ports, "25, 465, 587, 2465, 2525, 2587");
	for (i = 0; i < x->ports.n; i++) {
		p = strtol(x->ports.v[i], &end, 10);
		if (*end || p < 1 || p > 65535) {
			ir_buf_free(&ports);
			return ir_fail(&x->err, IR_USAGE, "--port: not a "
			    "port: %s", x->ports.v[i]);
		}
		ir_buf_fmt(&ports, ", %ld", p);
	}
	ir_buf_fmt(&x->nft_rule, "add table inet " TABLE "\n"
	    "delete table inet " TABLE "\n"
	    "table inet " TABLE " {\n"
	    "\tchain output {\n"
	    "\t\ttype filter hook output priority 0; policy accept;\n"
	    "\t\tmeta skuid %lu tcp dport { %s } %sreject with tcp reset "
	    "comment \"quell: uid %lu ports %s%s\"\n"
	    "\t}\n}\n", (unsigned long)x->uid, ir_buf_cstr(&ports),
	    x->nft_loopback ? "" : "oifname != \"lo\" ",
	    (unsigned long)x->uid, ir_buf_cstr(&ports),
	    x->nft_loopback ? " lo" : "");
	if (ports.len > 80)	/* nft's limit for a comment is 128 */
		ir_fail(&x->err, IR_USAGE, "--port: too many ports");
	ir_buf_free(&ports);
	return x->err.code ? -1 : 0;
}

/* Run nft with a script or with a listing; 0, or -1 (77 not allowed). */
static int
nft(struct run *x, const struct ir_buf *script, struct ir_buf *listing)
{
	const char *const apply[] = { x->nft_program, "-f", "-", NULL };
	const char *const look[] = { x->nft_program, "list", "table", "inet",
		TABLE, NULL };
	struct ir_proc p = { .argv = script ? apply : look,
		.timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(1 << 20);
	int rc;

	if (script) {
		p.in = ir_buf_cstr(script);
		p.in_len = script->len;
	}
	rc = ir_proc_run(&p, &r, &x->err);
	if (rc == 0 && r.status)
		rc = ir_fail(&x->err, strstr(ir_buf_cstr(&r.err),
		    "not permitted") ? IR_NOPERM : IR_OSERR, "nft: %.*s",
		    (int)strcspn(ir_buf_cstr(&r.err), "\n"),
		    ir_buf_cstr(&r.err));
	if (rc == 0 && listing)
		ir_buf_add(listing, ir_buf_cstr(&r.out), r.out.len);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

/* Is the table there, and (same) with the rule that is asked for now? */
static bool
nft_there(struct run *x, bool same)
{
	struct ir_buf listing = IR_BUF(1 << 20);
	const char *mark = strstr(ir_buf_cstr(&x->nft_rule), "comment ");
	char want[200];
	bool yes;

	if (!*x->nft_program)
		return false;
	snprintf(want, sizeof want, "%.*s", mark ? (int)strcspn(mark, "\n") :
	    0, mark ? mark : "");
	yes = nft(x, NULL, &listing) == 0 &&
	    strstr(ir_buf_cstr(&listing), same ? want : "reject");
	x->err.code = 0;	/* no such table is an answer too */
	ir_buf_free(&listing);
	return yes;
}

/* May we change the rules at all?  Changes nothing. */
static bool
nft_usable(struct run *x)
{
	const char *const argv[] = { x->nft_program, "list", "tables", NULL };
	struct ir_proc p = { .argv = argv, .timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(1 << 20);
	bool yes = *x->nft_program && ir_proc_run(&p, &r, NULL) == 0 &&
	    r.status == 0;

	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return yes;
}

/* --- our files ----------------------------------------------------------- */

static enum maker
maker_of(const char *file, int64_t *since)
{
	char head[sizeof MARK - 1];
	struct stat st;
	ssize_t n;
	int fd;

	if (!*file || lstat(file, &st))
		return NOBODY;
	if (since)
		*since = st.st_mtime;
	fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return FOREIGN;
	n = read(fd, head, sizeof head);
	close(fd);
	return n == (ssize_t)sizeof head && memcmp(head, MARK,
	    sizeof head) == 0 ? OURS : FOREIGN;
}

/* 1 made, 0 was there, -1. */
static int
make_file(struct run *x, const char *file)
{
	const char *id = x->change.incident;
	char text[PATH_MAX + 64];
	int n;

	if (maker_of(file, NULL) != NOBODY)
		return 0;
	n = snprintf(text, sizeof text, MARK "%s%s\n", id ? " for " : "",
	    id ? id : "");
	if (ir_file_create(file, text, (size_t)n, 0644, &x->err) == 0)
		return 1;
	if (maker_of(file, NULL) == NOBODY)
		return -1;
	x->err.code = 0;	/* another one was faster */
	return 0;
}

/* 1 removed, 0 was not there, or is somebody else's, -1. */
static int
remove_file(struct run *x, const char *file)
{
	enum maker m = maker_of(file, NULL);

	if (m == NOBODY || (m == FOREIGN && !x->force))
		return 0;
	if (unlink(file) || ir_fsync_dir_of(file))
		return ir_fail_errno(&x->err, ir_errno_code(errno,
		    IR_CANTCREAT), errno, "%s", file);
	return 1;
}

/* --- how things are ------------------------------------------------------ */

static void
look_now(struct run *x, struct now *s)
{
	char answer[512];

	memset(s, 0, sizeof *s);
	s->queue_only = maker_of(x->queue_only_file, &s->since);
	s->hold = maker_of(x->hold_file, &s->since);
	s->nft = nft_there(x, false);
	if (s->hold != NOBODY && exim_holds(x, answer, sizeof answer) == 1)
		s->backend = HOOK;
	else if (s->nft)
		s->backend = NFT;
	else if (s->queue_only != NOBODY)
		s->backend = QUEUE_ONLY;
	if (s->backend == NFT)
		s->since = 0;	/* nobody keeps that */
	s->held = s->backend == HOOK || s->backend == NFT;
	x->err.code = 0;
}

/* Who holds the lock that every delivery takes on ID-D?  0: nobody. */
static pid_t
locker(int dirfd, const char *id)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_len = ir_spool_data_start(strlen(id)) };
	char name[IR_SPOOL_ID_MAX + 2];
	pid_t pid = 0;
	int fd;

	snprintf(name, sizeof name, "%s-D", id);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		pid = l.l_pid;
	close(fd);
	return pid;
}

static int
see_delivery(const struct ir_queue_item *item, void *arg)
{
	struct run *x = arg;
	struct delivery *d;
	pid_t pid = locker(item->dirfd, item->id);

	if (!pid)
		return 0;
	d = reallocarray(x->deliveries, x->in_progress + 1, sizeof *d);
	if (!d)
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "deliveries");
	x->deliveries = d;
	d += x->in_progress++;
	d->dirfd = item->dirfd;
	d->pid = pid;
	snprintf(d->id, sizeof d->id, "%s", item->id);
	return 0;
}

static int
count_deliveries(struct run *x)
{
	x->in_progress = 0;
	return ir_spool_walk(x->spool, see_delivery, x, &x->err);
}

/*
 * Those that began before the hold did go on to their end.  Whoever locks a
 * message later than that has asked whether mail is held.
 */
static int
wait_for_deliveries(struct run *x)
{
	long limit = x->common.timeout && x->common.timeout < x->wait ?
	    x->common.timeout : x->wait;
	int64_t end = ir_mono_ms() + limit * 1000;
	struct timespec nap = { 0, POLL_MS * 1000000L };
	size_t i, left;

	if (count_deliveries(x))
		return -1;
	while (x->in_progress && ir_mono_ms() < end) {
		nanosleep(&nap, NULL);
		for (i = left = 0; i < x->in_progress; i++)
			if (locker(x->deliveries[i].dirfd,
			    x->deliveries[i].id) == x->deliveries[i].pid)
				x->deliveries[left++] = x->deliveries[i];
		x->in_progress = left;
	}
	return 0;
}

/* --- queue runners ------------------------------------------------------- */

/*
 * Is the process of this Exim a queue runner (1), or a daemon that starts
 * some (2)?  Exim works in its spool directory.
 */
static int
runner_kind(const struct run *x, const char *pid)
{
	char path[64], args[4096], *p;
	struct stat cwd, spool;
	ssize_t n;
	int fd, kind = 0;

	snprintf(path, sizeof path, "/proc/%.16s/cwd", pid);
	if (stat(path, &cwd) || stat(x->config.spool_directory, &spool) ||
	    cwd.st_ino != spool.st_ino || cwd.st_dev != spool.st_dev)
		return 0;
	snprintf(path, sizeof path, "/proc/%.16s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, args, sizeof args - 1);
	close(fd);
	/* a process may change its own line: it need not end in a NUL */
	args[n > 0 ? n : 0] = '\0';
	if (!strstr(args, "exim"))
		return 0;
	for (p = args; p < args + n; p += strlen(p) + 1) {
		if (strncmp(p, "-bd", 3) == 0)
			return 2;
		if (p[0] == '-' && p[1] == 'q' && p[2] != 'G')
			kind = strpbrk(p, "0123456789") ? 2 : 1;
	}
	return kind;
}

/* Parent of a process; 0 when there is none to be seen. */
static long
parent_of(const char *pid)
{
	char path[64], text[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strrchr(text, ')');		/* the name before may hold anything */
	return p && strlen(p) > 4 ? strtol(p + 4, NULL, 10) : 0;
}

/*
 * A runner's deliveries are its children and look like it.  They must not be
 * cut off: one holds the lock of its message, others have a runner above.
 */
static bool
is_runner(const struct run *x, const char *pid)
{
	char parent[24];
	size_t i;

	if (runner_kind(x, pid) != 1)
		return false;
	for (i = 0; i < x->in_progress; i++)
		if (x->deliveries[i].pid == (pid_t)atol(pid))
			return false;
	snprintf(parent, sizeof parent, "%ld", parent_of(pid));
	return runner_kind(x, parent) != 1;
}

/* TERM to queue runners; what they have begun goes on to its end. */
static int
stop_runners(struct run *x)
{
	DIR *proc;
	struct dirent *e;

	if (count_deliveries(x))
		return -1;
	proc = opendir("/proc");
	while (proc && (e = readdir(proc)))
		if (strspn(e->d_name, "0123456789") == strlen(e->d_name) &&
		    is_runner(x, e->d_name)) {
			ir_warn(&x->common, "stopping queue runner %s",
			    e->d_name);
			if (kill((pid_t)atol(e->d_name), SIGTERM) == 0)
				x->changed = true;
		}
	if (proc)
		closedir(proc);
	return 0;
}

/*
 * Start "exim -qf", detached, and do not wait for it.  It passes over the
 * retry times that the hold left behind; -qff would also send what somebody
 * has frozen, which in an incident is spam.
 */
static int
start_runner(struct run *x)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", option[] = "-qf";
	char *const argv[] = { x->config.exim, option, NULL };
	char *const env[] = { path, NULL };
	pid_t pid = fork();
	int fd, st;

	if (pid == 0) {
		if (setsid() < 0 || (pid = fork()) != 0)
			_exit(pid < 0);
		fd = open("/dev/null", O_RDWR);
		if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 ||
		    dup2(fd, 2) < 0)
			_exit(1);
		close_range(3, ~0U, 0);
		execve(argv[0], argv, env);
		_exit(1);
	}
	if (pid < 0)
		return ir_fail_errno(&x->err, IR_OSERR, errno, "fork");
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(st) || WEXITSTATUS(st))
		return ir_fail(&x->err, IR_OSERR, "cannot start exim -qf");
	return 0;
}

/* --- hold ---------------------------------------------------------------- */

static int
fail_no_hook(struct run *x)
{
	ir_fail(&x->err, IR_CONFIG, "Exim's configuration lacks, for %s: %s; "
	    "nothing changed", x->dir, ir_buf_cstr(&x->missing));
	ir_hint(&x->err, "exim-hold --print-hook shows the lines and where "
	    "they go; with nftables, --backend=nft needs none");
	return -1;
}

static int
choose(struct run *x)
{
	if (x->backend == HOOK && x->missing.len)
		return fail_no_hook(x);
	if (x->backend == NFT && !*x->nft_program)
		return ir_fail(&x->err, IR_CONFIG, "nft: program not found: "
		    "nothing changed");
	if (x->backend == QUEUE_ONLY && !*x->queue_only_file)
		return ir_fail(&x->err, IR_CONFIG, "Exim's configuration has "
		    "no queue_only_file: nothing changed");
	if (x->backend == NONE && !x->missing.len) {
		x->backend = HOOK;
	} else if (x->backend == NONE && nft_usable(x)) {
		x->backend = NFT;
		ir_warn(&x->common, "no complete hook in Exim's "
		    "configuration (%s): holding by nft",
		    ir_buf_cstr(&x->missing));
	} else if (x->backend == NONE) {
		return fail_no_hook(x);
	}
	if (x->backend == HOOK)
		return ir_exim_hook_ready(x->dir, x->config.spool_directory,
		    false, &x->err);
	return 0;
}

static int
hold_hook(struct run *x)
{
	int hold, queue_only = 0;
	char answer[512];

	if (ir_exim_hook_ready(x->dir, x->config.spool_directory, true,
	    &x->err))
		return -1;
	hold = make_file(x, x->hold_file);
	if (hold >= 0)
		queue_only = make_file(x, x->queue_only_file);
	if (hold < 0 || queue_only < 0)
		return -1;
	x->changed = hold || queue_only;
	if (exim_holds(x, answer, sizeof answer) == 1)
		return 0;
	if (!x->err.code)
		ir_fail(&x->err, IR_CONFIG, "Exim would deliver all the "
		    "same: exim -bt says: %s", answer);
	ir_hint(&x->err, "is quell_hold the first router? nothing is held");
	if (queue_only)
		unlink(x->queue_only_file);
	if (hold)
		unlink(x->hold_file);
	return -1;
}

static int
hold_nft(struct run *x)
{
	if (nft_there(x, true))
		return 0;
	if (nft(x, &x->nft_rule, NULL))
		return -1;
	x->changed = true;
	if (!nft_there(x, true))
		return ir_fail(&x->err, IR_OSERR, "nft: the table is not "
		    "there after it was made");
	return 0;
}

static int
hold_queue_only(struct run *x)
{
	int made = make_file(x, x->queue_only_file);

	if (made < 0)
		return -1;
	x->changed = made;
	return stop_runners(x);
}

static bool
would_change(struct run *x)
{
	switch (x->backend) {
	case HOOK:
		return x->before.hold == NOBODY ||
		    x->before.queue_only == NOBODY;
	case NFT:
		return !nft_there(x, true);
	case QUEUE_ONLY:
		return x->before.queue_only == NOBODY;
	case NONE:
		break;
	}
	return false;
}

static int
act_hold(struct run *x)
{
	int rc;

	if (x->change.dry_run) {
		x->changed = would_change(x);
		return count_deliveries(x);
	}
	rc = x->backend == HOOK ? hold_hook(x) : x->backend == NFT ?
	    hold_nft(x) : hold_queue_only(x);
	if (rc || wait_for_deliveries(x))
		return -1;
	if (!x->in_progress)
		return 0;
	x->code = IR_TEMPFAIL;
	snprintf(x->why, sizeof x->why, "%zu deliver%s that began before "
	    "still under way", x->in_progress,
	    x->in_progress == 1 ? "y is" : "ies are");
	return 0;
}

/* --- release ------------------------------------------------------------- */

static bool
means(const struct run *x, enum backend b)
{
	return x->backend == NONE || x->backend == b;
}

static int
release_files(struct run *x)
{
	int n;

	/* the hold last: should this be cut short, it is still to be seen */
	n = means(x, HOOK) || means(x, QUEUE_ONLY) ?
	    remove_file(x, x->queue_only_file) : 0;
	if (n < 0)
		return -1;
	x->changed |= n > 0;
	n = means(x, HOOK) ? remove_file(x, x->hold_file) : 0;
	if (n < 0)
		return -1;
	x->changed |= n > 0;
	return 0;
}

static int
release_nft(struct run *x)
{
	struct ir_buf script = IR_BUF(256);
	int rc;

	if (!means(x, NFT) || !x->before.nft)
		return 0;
	ir_buf_str(&script, "delete table inet " TABLE "\n");
	rc = nft(x, &script, NULL);
	ir_buf_free(&script);
	if (rc == 0)
		x->changed = true;
	return rc;
}

static int
act_release(struct run *x)
{
	const struct now *b = &x->before;
	long i;

	if (x->change.dry_run) {
		x->changed = (means(x, NFT) && b->nft) || (means(x, HOOK) &&
		    (b->hold == OURS || (b->hold && x->force))) ||
		    (!(x->backend == NFT) && (b->queue_only == OURS ||
		    (b->queue_only && x->force)));
		return count_deliveries(x);
	}
	if (release_files(x) || release_nft(x))
		return -1;
	look_now(x, &x->after);
	if (x->after.held || x->after.hold || x->after.queue_only) {
		x->code = IR_CONFIG;
		snprintf(x->why, sizeof x->why, "%s %s",
		    x->after.hold == FOREIGN ? x->hold_file :
		    x->after.queue_only == FOREIGN ? x->queue_only_file :
		    "another back end's hold",
		    x->after.hold == FOREIGN || x->after.queue_only == FOREIGN
		    ? "was not made by exim-hold; --force removes it" :
		    "is left");
	}
	for (i = 0; x->run_queue && !x->after.held && i < x->runners; i++)
		if (start_runner(x))
			return -1;
	return count_deliveries(x);
}

/* --- the record ---------------------------------------------------------- */

static void
add_limits(struct run *x, struct ir_rec *list, enum backend b)
{
	char answer[256];
	const char *value;

	if (b == NONE)
		return;
	ir_rec_push_str(list, "programs that send without Exim: direct SMTP, "
	    "the SES API");
	if (ask_exim(x, "-bP", "delay_warning", answer, sizeof answer) == 0 &&
	    (value = strstr(answer, "= ")) && value[2] && b != QUEUE_ONLY) {
		snprintf(answer, sizeof answer, "%.*s", 40, value + 2);
		ir_rec_push_str(list, "Exim's warnings to senders that their "
		    "mail is late (delay_warning)");
	}
	if (b == HOOK && x->missing.len)
		ir_rec_push_str(list, "the hook is not complete (without its "
		    "retry rule old mail bounces)");
	if (b == NFT) {
		ir_rec_push_str(list, "a restart of this host ends the hold");
		ir_rec_push_str(list, "refused tries count: what is older "
		    "than the last retry rule bounces");
		ir_rec_push_str(list, "mail over other ports, and transports "
		    "that run as another user");
	}
	if (b == QUEUE_ONLY)
		ir_rec_push_str(list, "mail in the queue leaves with the next "
		    "queue run, or one that is forced");
}

static int64_t
queue_count(struct run *x)
{
	const char *const argv[] = { x->config.exim, "-bpc", NULL };
	struct ir_proc p = { .argv = argv, .timeout_ms = 60000 };
	struct ir_proc_result r = IR_PROC_RESULT(65536);
	int64_t n = -1;

	if (ir_proc_run(&p, &r, NULL) == 0 && r.status == 0)
		n = strtoll(ir_buf_cstr(&r.out), NULL, 10);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return n;
}

static void
report(struct run *x)
{
	struct ir_rec *r = ir_rec_new("mail-hold", x->host.nodename);
	struct ir_rec *limits = ir_rec_array();
	struct now *s = x->change.dry_run || x->show ? &x->before : &x->after;
	enum backend b;
	int64_t n = queue_count(x);

	if (s == &x->after)
		look_now(x, s);
	b = x->change.dry_run && !x->release ? x->backend : s->backend;
	ir_rec_bool(r, "held", s->held);
	ir_rec_bool(r, "was", x->before.held);
	ir_rec_bool(r, "changed", x->changed);
	ir_rec_str(r, "backend", backend_names[b]);
	if (s->since)
		ir_rec_time(r, "since", s->since);
	ir_rec_int(r, "in_progress", (int64_t)x->in_progress);
	if (n >= 0)
		ir_rec_int(r, "queue_count", n);
	add_limits(x, limits, b);
	ir_rec_set(r, "cannot_stop", limits);
	ir_rec_bool(r, "ok", x->code == 0);
	if (x->change.dry_run)
		ir_rec_bool(r, "dry_run", true);
	if (*x->why)
		ir_rec_str(r, "why", x->why);
	else if (s->hold != NOBODY && s->backend != HOOK)
		ir_rec_str(r, "why", "the hold file is there, but Exim does "
		    "not heed it");
	x->err.code = 0;
	ir_out_put(x->out, r);
	ir_tally_add(&x->tally, x->code);
}

/* --- the run ------------------------------------------------------------- */

static int
look(struct run *x)
{
	const char *spool;
	gid_t gid;

	if (ir_exim_config_ask(x->exim.exim, &x->config, &x->err) ||
	    ir_exim_hook_dir(&x->config, x->hook_dir, x->dir, &x->err) ||
	    ir_exim_hook_ask(x->config.exim, x->dir, &x->hook, &x->err))
		return -1;
	ir_exim_hook_missing(&x->hook, &x->missing);
	if (x->exim.spool)
		snprintf(x->config.spool_directory, PATH_MAX, "%s",
		    x->exim.spool);
	spool = x->config.spool_directory;
	if (snprintf(x->hold_file, PATH_MAX, "%s/hold", x->dir) >= PATH_MAX)
		return ir_fail(&x->err, IR_USAGE, "%s: too long", x->dir);
	/* it may be a list; what is not plain is not for us to make */
	if (x->config.queue_only_file[0] == '/')
		snprintf(x->queue_only_file, PATH_MAX, "%.*s",
		    (int)strcspn(x->config.queue_only_file, " :"),
		    x->config.queue_only_file);
	if (ir_proc_find("nft", x->nft_program, PATH_MAX, NULL) &&
	    ir_proc_find("/usr/sbin/nft", x->nft_program, PATH_MAX, NULL))
		*x->nft_program = '\0';
	if (ir_exim_uid(spool, &x->uid, &gid, &x->err) ||
	    make_nft_rule(x) || ir_spool_open(&x->spool, spool, &x->err))
		return -1;
	/* before its first message Exim has no queue */
	if (ir_spool_choose(x->spool, NULL, &x->err)) {
		if (x->err.code != IR_NOINPUT)
			return -1;
		x->err.code = 0;
	}
	uname(&x->host);
	look_now(x, &x->before);
	return 0;
}

static int
note(struct run *x, const char *event)
{
	struct ir_rec *data = ir_rec_object();

	ir_rec_bool(data, "release", x->release);
	ir_rec_str(data, "backend", backend_names[x->backend]);
	ir_rec_bool(data, "was", x->before.held);
	ir_rec_bool(data, "changed", x->changed);
	ir_rec_int(data, "in_progress", (int64_t)x->in_progress);
	return ir_journal_add(x->journal, event, data, &x->err);
}

static int
confirm(struct run *x)
{
	if (x->show || x->change.dry_run)
		return 0;
	return ir_confirm(&x->change, 1, &x->err, x->release ?
	    "release the outbound mail of %s?" :
	    "hold all outbound mail of %s?", x->host.nodename);
}

static int
act(struct run *x)
{
	if (x->show)
		return count_deliveries(x);
	if (!x->change.dry_run && (ir_journal_open(&x->journal,
	    x->change.incident, ir_prog(), &x->err) ||
	    note(x, "exim-hold.begin")))
		return -1;
	if (x->release ? act_release(x) : act_hold(x))
		return -1;
	return x->change.dry_run ? 0 : note(x, "exim-hold.end");
}

static int
print_hook(struct run *x)
{
	struct ir_exim_config none = { .exim = "" };
	struct ir_buf b = IR_BUF(65536);

	if (ir_exim_hook_dir(&none, x->hook_dir, x->dir, &x->err))
		return -1;
	ir_exim_hook_print(&b, x->dir);
	if (fwrite(ir_buf_cstr(&b), 1, b.len, stdout) != b.len)
		ir_fail_errno(&x->err, IR_IOERR, errno, "standard output");
	ir_buf_free(&b);
	return 0;
}

static void
check_usage(struct run *x, int operands)
{
	const char *w = x->backend_word;
	size_t i;

	if (operands)
		ir_die_usage("takes no operands");
	if (x->show + x->release + x->print_hook > 1)
		ir_die_usage("one of --show, --release and --print-hook");
	if ((x->run_queue || x->force) && !x->release)
		ir_die_usage("--run-queue and --force go with --release");
	if (x->runners < 1 || x->runners > MAX_RUNNERS)
		ir_die_usage("--runners: 1 to %d", MAX_RUNNERS);
	if (x->probe[0] == '-' || !strchr(x->probe, '@'))
		ir_die_usage("--probe: not an address: %s", x->probe);
	for (i = 0; w && i < 4; i++)
		if (i && strcmp(w, backend_names[i]) == 0)
			x->backend = (enum backend)i;
	if (w && x->backend == NONE && strcmp(w, "auto") != 0)
		ir_die_usage("--backend: not auto, hook, nft or queue-only: "
		    "%s", w);
}

static const struct ir_col cols[] = {
	{ "id", "HOST" }, { "held", "HELD" }, { "changed", "CHANGED" },
	{ "backend", "BACKEND" }, { "in_progress", "UNDER WAY" },
	{ "queue_count", "QUEUE" }, { "why", "WHY" }, { NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-hold", "hold back what this host's Exim would deliver elsewhere",
	"[options]"
};

int
main(int argc, char **argv)
{
	struct run x = { .wait = 20, .runners = 4,
		.probe = "quell-probe@example.org",
		.missing = IR_BUF(1024), .nft_rule = IR_BUF(4096) };
	const struct ir_opt opts[] = {
		{ 0, "release", NULL, IR_BOOL, &x.release,
		    "let the mail go again" },
		{ 0, "show", NULL, IR_BOOL, &x.show, "only look" },
		{ 0, "backend", "WORD", IR_STR, &x.backend_word,
		    "auto, hook, nft or queue-only" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &x.wait,
		    "for deliveries under way; default: 20" },
		{ 0, "probe", "ADDRESS", IR_STR, &x.probe,
		    "Exim is asked how it would route it" },
		{ 0, "run-queue", NULL, IR_BOOL, &x.run_queue,
		    "start to deliver once released" },
		{ 0, "runners", "N", IR_INT, &x.runners,
		    "queue runners to start; default: 4" },
		{ 0, "force", NULL, IR_BOOL, &x.force,
		    "release what others hold, too" },
		{ 0, "port", "PORT", IR_LIST, &x.ports,
		    "nft: one more port that is closed" },
		{ 0, "nft-loopback", NULL, IR_BOOL, &x.nft_loopback,
		    "nft: also to this host itself" },
		{ 0, "print-hook", NULL, IR_BOOL, &x.print_hook,
		    "print the lines for Exim's configuration" },
		{ 0, "hook-dir", "DIR", IR_STR, &x.hook_dir,
		    "folder of the hook's files; default: ask exim" },
		IR_OPTS_EXIM(&x.exim), IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};

	ir_begin(&cmd);
	check_usage(&x, ir_parse(argc, argv, opts, &x.common));
	x.out = ir_open_output(&x.common, cols);
	if (x.print_hook) {
		print_hook(&x);
		goto out;
	}
	if (look(&x) || (!x.show && !x.release && choose(&x)) ||
	    confirm(&x) || act(&x))
		goto out;
	report(&x);
out:
	ir_journal_close(x.journal);
	ir_spool_close(x.spool);
	free(x.deliveries);
	ir_buf_free(&x.missing);
	ir_buf_free(&x.nft_rule);
	return ir_end(&x.err, x.out, &x.tally);
}
