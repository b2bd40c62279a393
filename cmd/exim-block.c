/*
 * exim-block.c - refuse new mail of an account: 550 at its next MAIL
 *
 * Reads accounts, or records that name them, and Exim's own view of its
 * configuration.  Writes the folder of Exim's hook: DIR/deny_accounts, or
 * DIR/deny_users for local users.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/cli.h"
#include "core/err.h"
#include "core/file.h"
#include "core/output.h"
#include "core/record.h"
#include "core/text.h"
#include "exim/config.h"
#include "exim/hook.h"
#include "incident/journal.h"

#define MAX_ACCOUNTS 10000
#define LOCK_SECONDS 30

struct account {
	char *name;
	bool was, changed, found;
};

struct list {			/* what goes into one deny file */
	const char *kind;	/* "auth" or "local" */
	char file[PATH_MAX];
	struct account *v;
	size_t n;
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_exim_opts exim;
	const char *hook_dir;
	bool undo, list, user;
	struct ir_exim_config config;
	struct ir_exim_hook hook;
	char dir[PATH_MAX];
	const char *spool;
	struct list auth, local;
	struct ir_journal *journal;
	int lock;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err err;
};

/* Read a deny file; one that is not there is empty. */
static int
load(const char *file, struct ir_buf *b, struct ir_err *err)
{
	if (access(file, F_OK) && errno == ENOENT)
		return 0;
	return ir_buf_read_file(b, file, err);
}

static void
put(struct run *x, const struct list *l, const char *name, bool blocked,
    bool was, bool changed, const char *why)
{
	struct ir_rec *r = ir_rec_new("mail-block", name);

	ir_rec_str(r, "kind", l->kind);
	ir_rec_bool(r, "blocked", blocked);
	ir_rec_bool(r, "was", was);
	ir_rec_bool(r, "changed", changed);
	ir_rec_str(r, "file", l->file);
	ir_rec_bool(r, "ok", !why);
	if (x->change.dry_run)
		ir_rec_bool(r, "dry_run", true);
	if (why)
		ir_rec_str(r, "why", why);
	ir_out_put(x->out, r);
}

/* --- list ---------------------------------------------------------------- */

struct lister {
	struct run *x;
	const struct list *l;
};

static int
list_one(const char *key, size_t len, void *arg)
{
	struct lister *a = arg;

	(void)len;
	put(a->x, a->l, key, true, true, false, NULL);
	return 0;
}

static int
list_file(struct run *x, const struct list *l, bool heeded)
{
	struct lister a = { x, l };
	struct ir_buf b = IR_BUF(IR_DENY_FILE_MAX);
	int rc = load(l->file, &b, &x->err);

	if (rc == 0 && b.len && !heeded)
		ir_warn(&x->common, "%s: Exim does not heed it: no hook",
		    l->file);
	else if (rc == 0)
		ir_deny_each(ir_buf_cstr(&b), b.len, list_one, &a);
	ir_buf_free(&b);
	return rc;
}

static int
list(struct run *x)
{
	if (list_file(x, &x->auth, x->hook.mail_acl))
		return -1;
	return list_file(x, &x->local, x->hook.not_smtp_acl);
}

/* --- input --------------------------------------------------------------- */

static int
add_account(struct run *x, struct list *l, const char *name,
    const char *where)
{
	const char *bad = ir_deny_bad_key(name);
	size_t i;

	if (bad)
		return ir_fail(&x->err, IR_DATAERR, "%s: account: %s", where,
		    bad);
	for (i = 0; i < l->n; i++)
		if (ir_ascii_ieq(l->v[i].name, name))
			return 0;
	if (l->n == MAX_ACCOUNTS)
		return ir_fail(&x->err, IR_DATAERR, "%s: more than %d "
		    "accounts", where, MAX_ACCOUNTS);
	if (!l->v && !(l->v = calloc(MAX_ACCOUNTS, sizeof *l->v)))
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "accounts");
	if (!(l->v[l->n].name = strdup(name)))
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "accounts");
	l->n++;
	return 0;
}

/* A record of the queue names the account elsewhere than in its id. */
static int
take_record(struct run *x, const struct ir_rec *r, const char *where)
{
	const char *type = ir_rec_get(r, "type"), *name = ir_rec_get(r, "id");
	const char *kind = ir_rec_get(r, "kind");
	bool local = x->user;

	if (type && strncmp(type, "queue-", 6) == 0)
		name = ir_rec_get(r, "auth_user");
	if (type && strcmp(type, "mail-block") == 0 && kind)
		local = strcmp(kind, "local") == 0;
	if (!name)
		return ir_fail(&x->err, IR_DATAERR, "%s: no account in it",
		    where);
	return add_account(x, local ? &x->local : &x->auth, name, where);
}

static int
read_input(struct run *x, char **operands, int n)
{
	struct ir_in *in = ir_in_open(operands, (size_t)n, &x->err);
	struct ir_rec *r;
	int rc;

	if (!in)
		return -1;
	while ((rc = ir_in_next(in, &r, &x->err)) > 0) {
		rc = take_record(x, r, ir_in_where(in));
		ir_rec_free(r);
		if (rc)
			break;
	}
	ir_in_close(in);
	if (rc == 0 && x->auth.n + x->local.n == 0)
		return ir_fail(&x->err, IR_USAGE, "no account given");
	return rc;
}

/* --- the change ---------------------------------------------------------- */

/* Would Exim heed the files?  Undoing needs no hook. */
static int
check_hook(struct run *x)
{
	const char *lacks = NULL;

	if (ir_exim_hook_ready(x->dir, x->spool, false, &x->err))
		return -1;
	if (x->undo)
		return 0;
	if (x->auth.n && !x->hook.mail_acl)
		lacks = "the ACL of acl_smtp_mail";
	else if (x->local.n && !x->hook.not_smtp_acl)
		lacks = "the ACL of acl_not_smtp";
	if (!lacks)
		return 0;
	ir_fail(&x->err, IR_CONFIG, "%s does not begin with the lines for "
	    "%s: nothing changed", lacks, x->dir);
	ir_hint(&x->err, "exim-hold --print-hook shows them");
	return -1;
}

static int
lock_dir(struct run *x)
{
	long limit = x->common.timeout ? x->common.timeout : LOCK_SECONDS;
	int64_t end = ir_mono_ms() + limit * 1000;
	struct timespec nap = { 0, 20 * 1000000L };

	if (ir_exim_hook_ready(x->dir, x->spool, !x->change.dry_run,
	    &x->err))
		return -1;
	x->lock = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->lock < 0 && x->change.dry_run && errno == ENOENT)
		return 0;
	if (x->lock < 0)
		return ir_fail_errno(&x->err, ir_errno_code(errno, IR_OSERR),
		    errno, "%s", x->dir);
	while (flock(x->lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ir_fail_errno(&x->err, IR_OSERR, errno, "%s",
			    x->dir);
		if (ir_mono_ms() >= end)
			return ir_fail(&x->err, IR_TEMPFAIL, "%s: locked by "
			    "another exim-block", x->dir);
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* One pass: *b becomes the new content. 0, or -1 when it got too large. */
static int
edit(struct run *x, struct list *l, struct ir_buf *b)
{
	struct ir_buf copy = IR_BUF(IR_DENY_FILE_MAX);
	char when[IR_TIME_LEN], note[200];
	const char *id = x->change.incident, *slash;
	struct account *a;
	size_t i;

	slash = id ? strrchr(id, '/') : NULL;
	snprintf(note, sizeof note, "%s exim-block%s%s",
	    ir_time_rfc3339(ir_now(), when), id ? " " : "",
	    !id ? "" : slash && slash[1] ? slash + 1 : id);
	ir_text_printable(note);
	for (i = 0; i < l->n && !b->bad; i++) {
		a = &l->v[i];
		a->was = ir_deny_has(ir_buf_cstr(b), b->len, a->name);
		a->changed = a->was == x->undo;
		if (!a->changed)
			continue;
		if (!x->undo) {
			ir_deny_add(b, a->name, note);
			continue;
		}
		ir_deny_without(ir_buf_cstr(b), b->len, a->name, &copy);
		ir_buf_trunc(b, 0);
		ir_buf_add(b, ir_buf_cstr(&copy), copy.len);
		ir_buf_trunc(&copy, 0);
	}
	ir_buf_free(&copy);
	return ir_buf_check(b, l->file, &x->err);
}

static int
verify(struct run *x, struct list *l)
{
	bool *found = calloc(l->n, sizeof *found);
	const char **keys = calloc(l->n, sizeof *keys);
	size_t i;
	int rc;

	if (!found || !keys) {
		free(found);
		free(keys);
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "accounts");
	}
	for (i = 0; i < l->n; i++)
		keys[i] = l->v[i].name;
	if (access(l->file, F_OK) == 0)	/* else nobody is found */
		rc = ir_deny_ask(x->config.exim, l->file, keys, l->n, found,
		    &x->err);
	else
		rc = 0;
	for (i = 0; i < l->n; i++)
		l->v[i].found = found[i];
	free(found);
	free(keys);
	return rc;
}

static void
report(struct run *x, struct list *l)
{
	const struct account *a;
	const char *why;
	bool blocked;
	size_t i;

	for (i = 0; i < l->n; i++) {
		a = &l->v[i];
		blocked = x->change.dry_run ? a->was : a->found;
		why = NULL;
		if (!x->change.dry_run && blocked == x->undo)
			why = x->undo ? "Exim still finds it in the file" :
			    "Exim does not find it in the file";
		put(x, l, a->name, blocked, a->was, a->changed, why);
		ir_tally_add(&x->tally, why ? IR_CONFIG : IR_OK);
	}
}

static int
change_file(struct run *x, struct list *l)
{
	struct ir_buf b = IR_BUF(IR_DENY_FILE_MAX);
	bool changed = false;
	size_t i;
	int rc;

	if (l->n == 0)
		return 0;
	rc = ir_exim_hook_readable(l->file, x->spool, &x->err);
	if (rc == 0)
		rc = load(l->file, &b, &x->err);
	if (rc == 0)
		rc = edit(x, l, &b);
	for (i = 0; i < l->n; i++)
		changed |= l->v[i].changed;
	if (rc == 0 && changed && !x->change.dry_run)
		rc = ir_file_replace(l->file, ir_buf_cstr(&b), b.len, 0644,
		    &x->err);
	ir_buf_free(&b);
	if (rc == 0 && !x->change.dry_run)
		rc = verify(x, l);
	if (rc == 0)
		report(x, l);
	return rc;
}

static int
note(struct run *x, const char *event)
{
	struct ir_rec *data = ir_rec_object(), *names = ir_rec_array();
	size_t i;

	for (i = 0; i < x->auth.n && i < 100; i++)
		ir_rec_push_str(names, x->auth.v[i].name);
	for (i = 0; i < x->local.n && i < 100; i++)
		ir_rec_push_str(names, x->local.v[i].name);
	ir_rec_bool(data, "undo", x->undo);
	ir_rec_int(data, "count", (int64_t)(x->auth.n + x->local.n));
	ir_rec_set(data, "accounts", names);
	return ir_journal_add(x->journal, event, data, &x->err);
}

static int
change(struct run *x)
{
	if (!x->change.dry_run) {
		if (ir_journal_open(&x->journal, x->change.incident,
		    ir_prog(), &x->err) || note(x, "exim-block.begin"))
			return -1;
	}
	if (lock_dir(x) || change_file(x, &x->auth) ||
	    change_file(x, &x->local))
		return -1;
	return x->change.dry_run ? 0 : note(x, "exim-block.end");
}

/* Ask Exim all there is to know. */
static int
look(struct run *x)
{
	if (ir_exim_config_ask(x->exim.exim, &x->config, &x->err) ||
	    ir_exim_hook_dir(&x->config, x->hook_dir, x->dir, &x->err) ||
	    ir_exim_hook_ask(x->config.exim, x->dir, &x->hook, &x->err))
		return -1;
	x->spool = x->exim.spool ? x->exim.spool : x->config.spool_directory;
	x->auth.kind = "auth";
	x->local.kind = "local";
	if (snprintf(x->auth.file, PATH_MAX, "%s/deny_accounts", x->dir) >=
	    PATH_MAX || snprintf(x->local.file, PATH_MAX, "%s/deny_users",
	    x->dir) >= PATH_MAX)
		return ir_fail(&x->err, IR_USAGE, "%s: too long", x->dir);
	return 0;
}

static void
free_list(struct list *l)
{
	while (l->n)
		free(l->v[--l->n].name);
	free(l->v);
}

static const struct ir_col cols[] = {
	{ "id", "ACCOUNT" }, { "kind", "KIND" }, { "blocked", "BLOCKED" },
	{ "changed", "CHANGED" }, { "file", "FILE" }, { "why", "WHY" },
	{ NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-block", "refuse new mail of an account",
	"[options] [account ... | -]"
};

int
main(int argc, char **argv)
{
	struct run x = { .lock = -1 };
	const struct ir_opt opts[] = {
		{ 0, "undo", NULL, IR_BOOL, &x.undo, "let it send again" },
		{ 0, "list", NULL, IR_BOOL, &x.list, "list who is blocked" },
		{ 0, "user", NULL, IR_BOOL, &x.user,
		    "the names are local users, who call sendmail" },
		{ 0, "hook-dir", "DIR", IR_STR, &x.hook_dir,
		    "folder of the hook's files; default: ask exim" },
		IR_OPTS_EXIM(&x.exim), IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	if (x.list && (n || x.undo || x.user))
		ir_die_usage("--list goes with no account, --undo or --user");
	x.out = ir_open_output(&x.common, cols);
	if (x.list) {
		if (look(&x) == 0)
			list(&x);
		goto out;
	}
	if (read_input(&x, argv + 1, n) || look(&x) || check_hook(&x))
		goto out;
	if (!x.change.dry_run && ir_confirm(&x.change, 1, &x.err,
	    "%s %zu account%s (%s%s)?", x.undo ? "unblock" : "block",
	    x.auth.n + x.local.n, x.auth.n + x.local.n == 1 ? "" : "s",
	    x.auth.n ? x.auth.v[0].name : x.local.v[0].name,
	    x.auth.n + x.local.n > 1 ? ", ..." : ""))
		goto out;
	change(&x);
out:
	if (x.lock >= 0)
		close(x.lock);
	ir_journal_close(x.journal);
	free_list(&x.auth);
	free_list(&x.local);
	return ir_end(&x.err, x.out, &x.tally);
}
