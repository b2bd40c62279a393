/* config.c - see config.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../core/proc.h"
#include "config.h"

static void
copy(char *to, size_t size, const char *s, size_t n)
{
	if (n >= size)
		n = 0;		/* half a path is worse than none */
	memcpy(to, s, n);
	to[n] = '\0';
}

static void
one_line(const char *s, size_t n, struct ir_exim_config *c)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} text[] = {
		{ "spool_directory", c->spool_directory,
		    sizeof c->spool_directory },
		{ "log_file_path", c->log_file_path, sizeof c->log_file_path },
		{ "event_action", c->event_action, sizeof c->event_action },
		{ "queue_only_file", c->queue_only_file,
		    sizeof c->queue_only_file },
		{ "exim_user", c->exim_user, sizeof c->exim_user },
		{ "exim_group", c->exim_group, sizeof c->exim_group },
		{ "pid_file_path", c->pid_file_path, sizeof c->pid_file_path },
		{ "timezone", c->timezone, sizeof c->timezone },
	};
	const struct {
		const char *name;
		bool *to;
	} flag[] = {
		{ "split_spool_directory", &c->split_spool_directory },
		{ "message_logs", &c->message_logs },
	};
	bool yes = n < 3 || memcmp(s, "no_", 3) != 0;
	size_t i, k;

	for (i = 0; i < sizeof text / sizeof *text; i++) {
		k = strlen(text[i].name);
		if (n >= k + 2 && memcmp(s, text[i].name, k) == 0 &&
		    memcmp(s + k, " =", 2) == 0) {
			k += n > k + 2 && s[k + 2] == ' ' ? 3 : 2;
			copy(text[i].to, text[i].size, s + k, n - k);
			return;
		}
	}
	if (!yes) {
		s += 3;
		n -= 3;
	}
	for (i = 0; i < sizeof flag / sizeof *flag; i++)
		if (n == strlen(flag[i].name) &&
		    memcmp(s, flag[i].name, n) == 0)
			*flag[i].to = yes;
}

void
ir_exim_config_parse(const char *s, size_t n, struct ir_exim_config *c)
{
	const char *end = s + n, *nl;

	memset(c, 0, sizeof *c);
	for (; s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			nl = end;
		if (!memchr(s, '\0', (size_t)(nl - s)))
			one_line(s, (size_t)(nl - s), c);
		if (nl == end)
			break;
	}
}

static int
find_exim(const char *program, char path[PATH_MAX], struct ir_err *err)
{
	static const char *const names[] = { "exim4", "exim",
		"/usr/sbin/exim4", "/usr/sbin/exim" };
	size_t i;

	if (program)
		return ir_proc_find(program, path, PATH_MAX, err);
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (ir_proc_find(names[i], path, PATH_MAX, NULL) == 0)
			return 0;
	ir_fail(err, IR_NOINPUT, "no exim4 and no exim in PATH");
	ir_hint(err, "name it with --exim, or the spool with --spool");
	return -1;
}

#define NAMES "spool_directory", "split_spool_directory", "log_file_path", \
	"message_logs", "event_action", "queue_only_file", "exim_user", \
	"exim_group", "pid_file_path", "timezone"

int
ir_exim_config_ask(const char *program, struct ir_exim_config *c,
    struct ir_err *err)
{
	return ir_exim_config_ask_file(program, NULL, c, err);
}

int
ir_exim_config_ask_file(const char *program, const char *file,
    struct ir_exim_config *c, struct ir_err *err)
{
	char path[PATH_MAX], why[256];
	/* behind -bP every word is the name of an option */
	const char *const other[] = { path, "-C", file, "-bP", NAMES, NULL };
	const char *const own[] = { path, "-bP", NAMES, NULL };
	struct ir_proc p = { .argv = file ? other : own,
	    .timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(65536);
	int rc;

	memset(c, 0, sizeof *c);
	if (find_exim(program, path, err))
		return -1;
	rc = ir_proc_run(&p, &r, err);
	if (rc == 0) {
		ir_exim_config_parse(ir_buf_cstr(&r.out), r.out.len, c);
		snprintf(c->exim, sizeof c->exim, "%s", path);
		snprintf(c->file, sizeof c->file, "%s", file ? file : "");
		snprintf(why, sizeof why, "%.*s",
		    (int)strcspn(ir_buf_cstr(&r.err), "\n"),
		    ir_buf_cstr(&r.err));
		if (r.status)
			rc = ir_fail(err, IR_CONFIG, "%s -bP: exit %d: %s",
			    path, r.status, why);
		else if (c->spool_directory[0] != '/')
			rc = ir_fail(err, IR_CONFIG,
			    "%s -bP: no spool directory in the answer", path);
	}
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

/* "%s" is the log's name, and one "%D" or "%M" may follow or come before. */
static int
log_name(const char *p, size_t n, char path[PATH_MAX])
{
	size_t i, at = 0;
	int names = 0, dates = 0;

	for (i = 0; i < n && at + 5 < PATH_MAX; i++) {
		if (p[i] != '%') {
			path[at++] = p[i];
		} else if (i + 1 < n && p[i + 1] == 's') {
			memcpy(path + at, "main", 4);
			at += 4;
			names++;
			i++;
		} else if (i + 1 < n && (p[i + 1] == 'D' || p[i + 1] == 'M')) {
			path[at++] = '%';
			dates++;
		} else {
			return -1;
		}
	}
	path[at] = '\0';
	return i == n && names == 1 && dates <= 1 ? dates : -1;
}

int
ir_exim_mainlog(const struct ir_exim_config *c, char path[PATH_MAX])
{
	const char *p = c->log_file_path, *end;
	size_t n;
	int rc;

	if (!*p) {
		n = (size_t)snprintf(path, PATH_MAX, "%s/log/mainlog",
		    c->spool_directory);
		return n < PATH_MAX ? 0 : -1;
	}
	while (*p) {
		p += strspn(p, " :");
		end = p + strcspn(p, ":");
		for (n = (size_t)(end - p); n && p[n - 1] == ' '; n--)
			;
		rc = n && *p == '/' ? log_name(p, n, path) : -1;
		if (rc >= 0)
			return rc;
		p = end;
	}
	return -1;
}
