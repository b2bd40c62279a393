/* proc.c - see proc.h */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "text.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" \
	"/sbin:/bin"
#define MAX_ENV 32

int
ir_proc_find(const char *name, char *path, size_t size, struct ir_err *err)
{
	const char *dirs = getenv("PATH"), *p;
	size_t n;

	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		if (access(path, X_OK) == 0)
			return 0;
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", name);
	}
	for (p = dirs && *dirs ? dirs : DEFAULT_PATH; *p; p += n + !!p[n]) {
		n = strcspn(p, ":");
		if (n == 0 || *p != '/')
			continue;	/* never the current directory */
		if ((size_t)snprintf(path, size, "%.*s/%s", (int)n, p, name) <
		    size && access(path, X_OK) == 0)
			return 0;
	}
	return ir_fail(err, IR_NOINPUT, "%s: program not found", name);
}

/* "NAME=value" strings of the variables that a child may see. */
static void
make_env(const char *const *keep, char *env[MAX_ENV + 1])
{
	static const char *const always[] = { "PATH", "LANG", "LC_ALL", "TZ",
	    "HOME", NULL };
	const char *const *lists[] = { always, keep };
	const char *v;
	size_t i, n = 0;

	for (i = 0; i < 2; i++)
		for (; lists[i] && *lists[i] && n < MAX_ENV; lists[i]++)
			if ((v = getenv(*lists[i])) &&
			    asprintf(&env[n], "%s=%s", *lists[i], v) > 0)
				n++;
	env[n] = NULL;
}

static void
free_env(char **env)
{
	for (; *env; env++)
		free(*env);
}

static _Noreturn void
child(const struct ir_proc *p, const char *path, char **env, int in, int out,
    int errfd)
{
	union { const char *const *c; char *const *v; } argv = { p->argv };

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
	    (errfd >= 0 && dup2(errfd, 2) < 0))
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execve(path, argv.v, env);
	_exit(127);
}

/* Move bytes until both outputs are closed; 0 or -1. */
static int
pump(const struct ir_proc *p, struct ir_proc_result *r, struct pollfd fd[3],
    int64_t end, struct ir_err *err)
{
	const char *in = p->in;
	size_t left = p->in_len;
	char chunk[16384];
	struct ir_buf *to;
	int64_t wait;
	ssize_t n;
	int i, rc = 0;

	while (rc == 0 && (fd[1].fd >= 0 || fd[2].fd >= 0)) {
		wait = end - ir_mono_ms();
		if (wait <= 0) {
			rc = ir_fail(err, IR_TEMPFAIL, "%s: timed out",
			    p->argv[0]);
			break;
		}
		if (fd[0].fd >= 0 && left == 0) {
			close(fd[0].fd);
			fd[0].fd = -1;
		}
		if (poll(fd, 3, (int)wait) < 0) {
			if (errno == EINTR)
				continue;
			rc = ir_fail_errno(err, IR_OSERR, errno, "poll");
			break;
		}
		if (fd[0].fd >= 0 && fd[0].revents) {
			n = write(fd[0].fd, in, left);
			if (n > 0) {
				in += n;
				left -= (size_t)n;
			} else if (n < 0 && errno != EAGAIN &&
			    errno != EINTR) {
				left = 0;	/* it does not want more */
			}
		}
		for (i = 1; i < 3; i++) {
			if (fd[i].fd < 0 || !fd[i].revents)
				continue;
			to = i == 1 ? &r->out : &r->err;
			n = read(fd[i].fd, chunk, sizeof chunk);
			if (n > 0) {
				ir_buf_add(to, chunk, (size_t)n);
			} else if (n == 0 || errno != EINTR) {
				close(fd[i].fd);
				fd[i].fd = -1;
			}
			if (to->bad && i == 1)
				rc = ir_fail(err, IR_DATAERR,
				    "%s: more than %zu bytes of output",
				    p->argv[0], to->max);
		}
	}
	/* what a child says may be a secret */
	explicit_bzero(chunk, sizeof chunk);
	return rc;
}

/* Who has closed his outputs need not have ended; 0, or -1: time is up. */
static int
wait_end(const struct ir_proc *p, pid_t pid, int *st, int64_t end,
    struct ir_err *err)
{
	pid_t got;

	while ((got = waitpid(pid, st, WNOHANG)) == 0 ||
	    (got < 0 && errno == EINTR)) {
		if (ir_mono_ms() >= end)
			return ir_fail(err, IR_TEMPFAIL, "%s: timed out",
			    p->argv[0]);
		poll(NULL, 0, 1);
	}
	return 0;
}

static void
close_all(int fds[6])
{
	int i;

	for (i = 0; i < 6; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int
ir_proc_run(const struct ir_proc *p, struct ir_proc_result *r,
    struct ir_err *err)
{
	char path[PATH_MAX], *env[MAX_ENV + 1];
	int64_t end = ir_mono_ms() + (p->timeout_ms ? p->timeout_ms : 60000);
	int fds[6] = { -1, -1, -1, -1, -1, -1 }, rc = 0, st = 0, i;
	struct pollfd pfd[3];
	pid_t pid;

	if (ir_proc_find(p->argv[0], path, sizeof path, err))
		return -1;
	if (pipe2(fds, O_CLOEXEC) || pipe2(fds + 2, O_CLOEXEC) ||
	    (!p->inherit_stderr && pipe2(fds + 4, O_CLOEXEC))) {
		ir_fail_errno(err, IR_OSERR, errno, "pipe");
		close_all(fds);
		return -1;
	}
	make_env(p->keep_env, env);
	pid = fork();
	if (pid == 0)
		child(p, path, p->whole_env ? environ : env, fds[0], fds[3],
		    fds[5]);
	free_env(env);
	if (pid < 0) {
		ir_fail_errno(err, IR_OSERR, errno, "fork");
		close_all(fds);
		return -1;
	}
	close(fds[0]);
	close(fds[3]);
	if (fds[5] >= 0)
		close(fds[5]);
	pfd[0] = (struct pollfd){ fds[1], POLLOUT, 0 };
	pfd[1] = (struct pollfd){ fds[2], POLLIN, 0 };
	pfd[2] = (struct pollfd){ fds[4], POLLIN, 0 };
	(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
	rc = pump(p, r, pfd, end, err);
	for (i = 0; i < 3; i++)
		if (pfd[i].fd >= 0)
			close(pfd[i].fd);
	if (rc || (rc = wait_end(p, pid, &st, end, err))) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
			;
	}
	r->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	return rc;
}
