/*
 * abuse-parse - read abuse notices and say what they say
 *
 * Reads mails or events from standard input or files; writes one record of
 * type "report" for each notice.  Also reads the table of providers, and
 * with --mainlog and --spool what Exim knows of the message complained of.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/cli.h"
#include "core/record.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "log/input.h"
#include "mail/charset.h"
#include "mail/mbox.h"
#include "report/profile.h"
#include "report/report.h"
#include "report/trace.h"

/* More than the 32 MiB that are parsed: a larger mail is read in part. */
#define INPUT_MAX (64U << 20)
#define PATHS_MAX 256
#define PROVIDERS_SHIPPED QUELL_DATADIR "/providers.tsv"
#define PROVIDERS_ETC "/etc/quell/providers.tsv"

static const struct ir_cmd cmd = {
	"abuse-parse", "read abuse notices and say what they say",
	"[options] [file ...]"
};

static const struct ir_col cols[] = {
	{ "id", "ID" }, { "stage", "STAGE" }, { "activity", "ACTIVITY" },
	{ "account", "ACCOUNT" }, { "region", "REGION" }, { "due", "DUE" },
	{ "urgent", "URGENT" }, { "channel", "CHANNEL" },
	{ "authentic", "AUTHENTIC" }, { NULL, NULL }
};

struct opts {
	const char *now, *spool, *providers;
	struct ir_list hosts, logs;
	bool mbox;
};

struct run {
	const struct ir_common *common;
	const struct opts *opts;
	struct ir_report_opts report;
	struct ir_profiles profiles;
	struct ir_trace_opts trace;
	struct ir_log_files files, logs;
	char host[256];			/* ours, when none is named */
	const char *host_p;
	bool many;			/* a mailbox: other mail is no error */
	size_t mails, notices;
	struct ir_out *out;
	struct ir_err *err;
};

/* One table; 0 also when it is not there and need not be. */
static int
read_table(struct run *r, const char *path, bool needed)
{
	struct ir_buf b = IR_BUF(IR_PROFILE_BYTES);
	int rc = 0;

	if (needed || access(path, R_OK) == 0)
		rc = ir_buf_read_file(&b, path, r->err);
	if (rc == 0 && b.len)
		rc = ir_profiles_add(&r->profiles, ir_buf_cstr(&b), b.len,
		    path, r->err);
	ir_buf_free(&b);
	return rc;
}

/* The table that came with this program, or lies beside its source. */
static int
read_shipped(struct run *r)
{
	static const char *const near[] = { "../../", "../../../" };
	char exe[4096], path[4200];
	ssize_t n;
	size_t i;

	if (access(PROVIDERS_SHIPPED, R_OK) == 0)
		return read_table(r, PROVIDERS_SHIPPED, false);
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n < 0 ? 0 : n] = '\0';
	for (i = 0; i < 2 && strrchr(exe, '/'); i++) {
		snprintf(path, sizeof path, "%.*s%slib/report/providers.tsv",
		    (int)(strrchr(exe, '/') + 1 - exe), exe, near[i]);
		if (access(path, R_OK) == 0)
			return read_table(r, path, false);
	}
	return 0;
}

/* Which hosts are ours, which files are meant, what providers there are. */
static int
prepare(struct run *r, int n, char **argv)
{
	const struct opts *o = r->opts;
	struct stat st;
	size_t i;
	int rc = 0;

	r->report.hosts = o->hosts.v;
	r->report.nhosts = o->hosts.n;
	if (o->hosts.n == 0 && gethostname(r->host, sizeof r->host - 1) == 0) {
		r->host_p = r->host;
		r->report.hosts = &r->host_p;
		r->report.nhosts = 1;
	}
	if (o->providers)
		rc = read_table(r, o->providers, true);
	else
		rc = read_table(r, PROVIDERS_ETC, false);
	if (rc == 0)
		rc = read_shipped(r);
	r->report.profiles = &r->profiles;
	for (i = 0; rc == 0 && i < o->logs.n; i++)
		rc = ir_log_files_add(&r->logs, o->logs.v[i], r->err);
	r->trace.logs = r->logs.v;
	r->trace.nlogs = r->logs.n;
	r->trace.spool = o->spool;
	r->many = n > 1 || o->mbox || (n == 1 && stat(argv[1], &st) == 0 &&
	    S_ISDIR(st.st_mode));
	for (i = 1; rc == 0 && r->many && i <= (size_t)n; i++)
		rc = ir_log_files_add(&r->files, argv[i], r->err);
	return rc;
}

/* Only what was named may still be read, and charsets be loaded. */
static void
confine(const struct run *r, int n, char **argv)
{
	const char *paths[PATHS_MAX] = { "/usr/lib" };
	size_t count = r->many ? 1 : 0, i;

	if (!r->many && !r->trace.spool && r->logs.n == 0) {
		ir_sandbox_parse_only();
		return;
	}
	for (i = 1; r->many && i <= (size_t)n && count < PATHS_MAX; i++)
		paths[count++] = argv[i];
	for (i = 0; i < r->opts->logs.n && count < PATHS_MAX; i++)
		paths[count++] = r->opts->logs.v[i];
	if (r->trace.spool && count < PATHS_MAX)
		paths[count++] = r->trace.spool;
	if (count < PATHS_MAX)
		ir_sandbox_read_only(paths, count);
}

static void
put(struct ir_rec *rec, void *arg)
{
	struct run *r = arg;

	r->notices++;
	if ((r->trace.nlogs || r->trace.spool) && !r->err->code)
		(void)ir_trace(rec, &r->trace, r->err);
	ir_out_put(r->out, rec);
}

/* One mail or document. */
static int
one(struct run *r, const char *raw, size_t n)
{
	struct ir_err err = IR_ERR_INIT;

	r->mails++;
	if (ir_report_each(raw, n, &r->report, put, r, r->many ? &err :
	    r->err) < 0 && !(r->many && err.code == IR_DATAERR)) {
		if (r->many)
			*r->err = err;
		return -1;
	}
	return r->err->code ? -1 : 0;
}

static int
mbox_mail(const char *raw, size_t n, void *arg)
{
	return one(arg, raw, n);
}

/* A file of a mailbox; one that cannot be read stops the run. */
static int
file(struct run *r, const char *path)
{
	struct ir_buf in = IR_BUF(INPUT_MAX);
	int rc;

	if (r->opts->mbox)
		return ir_mbox_each(path, INPUT_MAX, mbox_mail, r, r->err);
	rc = ir_buf_read_file(&in, path, r->err);
	if (rc == 0)
		rc = one(r, ir_buf_cstr(&in), in.len);
	ir_buf_free(&in);
	return rc;
}

static void
mailbox(struct run *r)
{
	int64_t since = ir_mono_ms();
	size_t i;

	if (r->files.n == 0)
		file(r, "-");
	for (i = 0; i < r->files.n && file(r, r->files.v[i]) == 0; i++)
		ir_progress(r->common, "mails", i, r->files.n, since);
	ir_progress_end();
	ir_note(r->common, "%zu mails, %zu notices", r->mails, r->notices);
}

static void
check(int n, struct run *r)
{
	const char *now = r->opts->now;

	r->report.now = ir_now();
	if (now && ir_time_parse(now, &r->report.now))
		ir_die_usage("--now=%s: not an RFC 3339 time", now);
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no file, and standard input is a terminal");
}

int
main(int argc, char **argv)
{
	struct ir_common common = { 0 };
	struct opts o = { 0 };
	struct run r = { .common = &common, .opts = &o };
	const struct ir_opt table[] = {
		{ 0, "authserv-id", "HOST", IR_STR, &r.report.authserv_id,
		    "believe Authentication-Results of this server only" },
		{ 0, "host", "NAME", IR_LIST, &o.hosts,
		    "a mail host of ours; default: this host" },
		{ 0, "mainlog", "FILE", IR_LIST, &o.logs,
		    "Exim's main log: who sent the message" },
		{ 0, "mbox", NULL, IR_BOOL, &o.mbox,
		    "the files are mailboxes in mbox form" },
		{ 0, "now", "TIME", IR_STR, &o.now,
		    "when the notice was first seen (RFC 3339)" },
		{ 0, "providers", "FILE", IR_STR, &o.providers,
		    "table of providers beside AWS" },
		{ 0, "spool", "DIR", IR_STR, &o.spool,
		    "Exim's spool directory: who sent the message" },
		IR_OPTS_COMMON(&common),
		IR_OPT_END
	};
	struct ir_buf in = IR_BUF(INPUT_MAX);
	struct ir_charset_hold *held = NULL;
	struct ir_err err = IR_ERR_INIT;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, table, &common);
	r.err = &err;
	check(n, &r);
	if (prepare(&r, n, argv) || (!r.many && ir_buf_read_file(&in, n ?
	    argv[1] : "-", &err)))
		goto out;
	held = ir_charset_hold(ir_buf_cstr(&in), in.len);
	confine(&r, n, argv);
	r.out = ir_open_output(&common, cols);
	if (r.many)
		mailbox(&r);
	else if (one(&r, ir_buf_cstr(&in), in.len) && n &&
	    strcmp(argv[1], "-") != 0 && r.notices == 0)
		ir_fail_prefix(&err, "%s", argv[1]);
out:
	ir_charset_release(held);
	ir_profiles_free(&r.profiles);
	ir_log_files_free(&r.files);
	ir_log_files_free(&r.logs);
	ir_buf_free(&in);
	return ir_end(&err, r.out, NULL);
}
