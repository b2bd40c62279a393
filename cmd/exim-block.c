/*
 * exim-block - stop mail of an account, user, script, sender or to a domain
 *
 * Reads their names, or records that have them, and Exim's own view of its
 * configuration.  Writes the files of Exim's hook, DIR/deny_... and
 * DIR/limits, or a plain list of names that the host has for it; asks Exim
 * whether it heeds them.
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
#include "exim/block.h"
#include "exim/config.h"
#include "exim/hook.h"
#include "incident/journal.h"

#define MAX_ACCOUNTS 10000
#define LOCK_SECONDS 30
#define PROBES 20		/* names that Exim is asked about one by one */
#define PLAIN IR_BLOCK_N	/* the list of --plain-file or --cpanel */

struct account {
	char *name;
	bool was, changed, found;
	int64_t until, limit, only_new;
	char said[200];		/* Exim's answer to a probe */
	int code;		/* 0: it was not asked */
};

struct list {			/* what goes into one file */
	enum ir_block kind;
	char file[PATH_MAX];
	struct account *v;
	size_t n;
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_exim_opts exim;
	const char *hook_dir, *plain_file, *cpanel;
	bool undo, list, only_new, user, sender, host, script, domain;
	long limit, seconds;
	enum ir_block kind;	/* of bare names */
	struct ir_exim_config config;
	struct ir_exim_hook hook;
	char dir[PATH_MAX];
	const char *spool;
	struct list l[IR_BLOCK_N + 1];
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

static const char *
kind_name(const struct list *l)
{
	return l->kind == PLAIN ? "plain" : ir_block_name(l->kind);
}

static void
put(struct run *x, const struct list *l, const struct account *a,
    bool blocked, const char *why)
{
	struct ir_rec *r = ir_rec_new("mail-block", a->name);

	ir_rec_str(r, "kind", kind_name(l));
	ir_rec_bool(r, "blocked", blocked);
	ir_rec_bool(r, "was", a->was);
	ir_rec_bool(r, "changed", a->changed);
	ir_rec_str(r, "file", l->file);
	if (a->until)
		ir_rec_time(r, "until", a->until);
	if (a->limit)
		ir_rec_int(r, "limit", a->limit);
	if (l->kind != PLAIN && l->kind != IR_BLOCK_LIMIT)
		ir_rec_bool(r, "new_only", a->only_new);
	if (a->code)
		ir_rec_str(r, "probe", a->said);
	ir_rec_bool(r, "ok", !why);
	if (x->change.dry_run)
		ir_rec_bool(r, "dry_run", true);
	if (why)
		ir_rec_str(r, "why", why);
	ir_out_put(x->out, r);
}

/* Is it in the file, and until when?  Over is as good as not there. */
static int
read_entry(const char *key, size_t len, const char *line, size_t n, void *arg)
{
	struct account *a = arg;

	if (len != strlen(key) || !ir_ascii_ieq(key, a->name))
		return 0;
	a->until = ir_block_number(line, n, "until");
	a->limit = ir_block_number(line, n, "limit");
	a->only_new = ir_block_number(line, n, "new");
	return 1;
}

static bool
in_force(const struct account *a)
{
	return a->until == 0 || a->until > ir_now();
}

/* --- list ---------------------------------------------------------------- */

struct lister {
	struct run *x;
	const struct list *l;
};

static int
list_one(const char *key, size_t len, const char *line, size_t n, void *arg)
{
	struct account a = { .was = true };
	struct lister *l = arg;
	char name[IR_DENY_KEY_MAX + 1];

	(void)len;
	snprintf(name, sizeof name, "%s", key);
	a.name = name;
	a.until = ir_block_number(line, n, "until");
	a.limit = ir_block_number(line, n, "limit");
	a.only_new = ir_block_number(line, n, "new");
	put(l->x, l->l, &a, in_force(&a), NULL);
	return 0;
}

/* One name a line, as cPanel and others have it. */
static void
list_plain(struct run *x, const struct list *l, const char *s)
{
	struct account a = { .was = true };
	char name[IR_DENY_KEY_MAX + 1];
	size_t n;

	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		if (n == 0 || n > IR_DENY_KEY_MAX || *s == '#')
			continue;
		snprintf(name, sizeof name, "%.*s", (int)n, s);
		a.name = name;
		put(x, l, &a, true, NULL);
	}
}

static int
list_file(struct run *x, const struct list *l)
{
	struct lister a = { x, l };
	struct ir_buf b = IR_BUF(IR_DENY_FILE_MAX);
	int rc = load(l->file, &b, &x->err);

	if (rc == 0 && l->kind == PLAIN)
		list_plain(x, l, ir_buf_cstr(&b));
	else if (rc == 0 && b.len && ir_block_lacks(&x->hook, l->kind))
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
	int k, rc = 0;

	if (x->kind == PLAIN)
		return list_file(x, &x->l[PLAIN]);
	for (k = 0; rc == 0 && k < PLAIN; k++)
		rc = list_file(x, &x->l[k]);
	return rc;
}

/* --- input --------------------------------------------------------------- */

static int
add_account(struct list *l, const char *name, struct ir_err *err)
{
	const char *bad = ir_deny_bad_key(name);
	size_t i;

	if (bad)
		return ir_fail(err, IR_DATAERR, "account: %s", bad);
	if (l->kind == PLAIN && name[strcspn(name, " \t#:")])
		return ir_fail(err, IR_DATAERR, "not a name for such a list");
	if ((l->kind == IR_BLOCK_HOST || l->kind == IR_BLOCK_DOMAIN ||
	    l->kind == IR_BLOCK_SENDER) && (strpbrk(name, " <>\"\\") ||
	    *name == '-'))
		return ir_fail(err, IR_DATAERR, "not a %s", kind_name(l));
	for (i = 0; i < l->n; i++)
		if (ir_ascii_ieq(l->v[i].name, name))
			return 0;
	if (l->n == MAX_ACCOUNTS)
		return ir_fail(err, IR_DATAERR, "more than %d accounts",
		    MAX_ACCOUNTS);
	if (!l->v && !(l->v = calloc(MAX_ACCOUNTS, sizeof *l->v)))
		return ir_fail_errno(err, IR_OSERR, ENOMEM, "accounts");
	if (!(l->v[l->n].name = strdup(name)))
		return ir_fail_errno(err, IR_OSERR, ENOMEM, "accounts");
	l->n++;
	return 0;
}

/* What a suspect of exim-queue is here. */
static int
kind_of_suspect(const char *kind)
{
	static const struct { const char *theirs; enum ir_block ours; } k[] = {
		{ "account", IR_BLOCK_AUTH }, { "user", IR_BLOCK_LOCAL },
		{ "script", IR_BLOCK_SCRIPT }, { "sender", IR_BLOCK_SENDER },
		{ "host", IR_BLOCK_HOST },
	};
	size_t i;

	for (i = 0; kind && i < sizeof k / sizeof *k; i++)
		if (strcmp(k[i].theirs, kind) == 0)
			return (int)k[i].ours;
	return -1;
}

/* A record of the queue names the account elsewhere than in its id. */
static int
take_record(const struct ir_rec *r, void *arg, struct ir_err *err)
{
	struct run *x = arg;
	const char *type = ir_rec_get(r, "type"), *name = ir_rec_get(r, "id");
	const char *kind = ir_rec_get(r, "kind");
	int k = (int)x->kind;

	if (type && (strcmp(type, "queue-suspect") == 0 ||
	    strcmp(type, "mail-suspect") == 0)) {
		name = ir_rec_get(r, "value");
		k = kind_of_suspect(kind);
	} else if (type && strncmp(type, "queue-", 6) == 0) {
		name = ir_rec_get(r, "auth_user");
	} else if (type && strcmp(type, "mail-block") == 0 && kind) {
		k = strcmp(kind, "plain") == 0 ? (int)x->kind :
		    ir_block_kind(kind);
	}
	if (!name || k < 0)
		return ir_fail(err, IR_DATAERR, "no account in it");
	/* Exim would never find it: its scripts have names from a header */
	if (type && strcmp(type, "mail-suspect") == 0 &&
	    k == (int)IR_BLOCK_SCRIPT) {
		ir_fail(err, IR_DATAERR, "%s: mail of a folder cannot be "
		    "blocked", name);
		ir_hint(err, "block the local user whose scripts are there: "
		    "--user");
		return -1;
	}
	return add_account(&x->l[k], name, err);
}

static size_t
total(const struct run *x)
{
	size_t n = 0;
	int k;

	for (k = 0; k <= PLAIN; k++)
		n += x->l[k].n;
	return n;
}

static const char *
first_name(const struct run *x)
{
	int k;

	for (k = 0; k < PLAIN && x->l[k].n == 0; k++)
		;
	return x->l[k].v[0].name;
}

static int
read_input(struct run *x, char **operands, int n)
{
	int rc = ir_in_each(operands, (size_t)n, take_record, x, &x->err);

	if (rc == 0 && total(x) == 0)
		return ir_fail(&x->err, IR_USAGE, "no account given");
	return rc;
}

/* --- the change ---------------------------------------------------------- */

/* Would Exim heed the files?  Undoing needs no hook. */
static int
check_hook(struct run *x)
{
	const char *lacks = NULL;
	int k;

	if (x->kind == PLAIN)
		return 0;
	if (ir_exim_hook_ready(x->dir, x->spool, false, &x->err))
		return -1;
	for (k = 0; !x->undo && !lacks && k < PLAIN; k++)
		if (x->l[k].n)
			lacks = ir_block_lacks(&x->hook, (enum ir_block)k);
	if (!lacks && !x->undo && !x->hook.block_router)
		ir_warn(&x->common, "no router of the hook's: what is queued "
		    "already is not held");
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

	if (x->kind == PLAIN)
		return 0;
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

/* When it ends and what it is for, as Exim and a person read it. */
static void
entry_text(struct run *x, const struct list *l, char *text, size_t size)
{
	char when[IR_TIME_LEN], until[40] = "", limit[40] = "";
	const char *id = x->change.incident, *slash;

	slash = id ? strrchr(id, '/') : NULL;
	if (x->seconds > 0)
		snprintf(until, sizeof until, "until=%lld ",
		    (long long)ir_now() + x->seconds);
	if (l->kind == IR_BLOCK_LIMIT)
		snprintf(limit, sizeof limit, "limit=%ld ", x->limit);
	snprintf(text, size, "%s%s%s%s exim-block%s%s", until, limit,
	    x->only_new ? "new=1 " : "", ir_time_rfc3339(ir_now(), when),
	    id ? " " : "", !id ? "" : slash && slash[1] ? slash + 1 : id);
	ir_text_printable(text);
}

/* Is the line there?  without: append all others to it. */
static bool
plain_line(const char *s, const char *name, struct ir_buf *without)
{
	bool hit = false, this;
	size_t n, k = strlen(name);

	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		this = n == k && memcmp(s, name, n) == 0;
		hit |= this;
		if (without && !this)
			ir_buf_add(without, s, n + (s[n] == '\n'));
	}
	return hit;
}

static void
find(const struct list *l, const struct ir_buf *b, struct account *a)
{
	a->until = a->limit = a->only_new = 0;
	a->was = l->kind == PLAIN ? plain_line(ir_buf_cstr(b), a->name, NULL)
	    : ir_deny_each(ir_buf_cstr(b), b->len, read_entry, a) != 0;
}

static void
add(struct run *x, const struct list *l, struct ir_buf *b,
    const struct account *a)
{
	char text[300];

	if (l->kind != PLAIN) {
		entry_text(x, l, text, sizeof text);
		ir_deny_add(b, a->name, text);
		return;
	}
	if (b->len && b->data[b->len - 1] != '\n')
		ir_buf_chr(b, '\n');
	ir_buf_fmt(b, "%s\n", a->name);
}

static void
take_out(const struct list *l, struct ir_buf *b, const struct account *a)
{
	struct ir_buf copy = IR_BUF(IR_DENY_FILE_MAX);

	if (l->kind == PLAIN)
		(void)plain_line(ir_buf_cstr(b), a->name, &copy);
	else
		ir_deny_without(ir_buf_cstr(b), b->len, a->name, &copy);
	ir_buf_trunc(b, 0);
	ir_buf_add(b, ir_buf_cstr(&copy), copy.len);
	ir_buf_free(&copy);
}

/* One pass: *b becomes the new content. 0, or -1 when it got too large. */
static int
edit(struct run *x, struct list *l, struct ir_buf *b)
{
	struct account *a;
	size_t i;

	for (i = 0; i < l->n && !b->bad; i++) {
		a = &l->v[i];
		find(l, b, a);
		/* another end or limit takes the place of the old one */
		a->changed = x->undo ? a->was : !a->was || !in_force(a) ||
		    x->seconds > 0 || a->until ||
		    (l->kind != IR_BLOCK_LIMIT &&
		    (a->only_new > 0) != x->only_new) ||
		    (l->kind == IR_BLOCK_LIMIT && a->limit != x->limit);
		if (!a->changed)
			continue;
		if (a->was)
			take_out(l, b, a);
		a->was = a->was && in_force(a);
		if (!x->undo) {
			add(x, l, b, a);
			a->until = x->seconds > 0 ? ir_now() + x->seconds : 0;
			a->limit = l->kind == IR_BLOCK_LIMIT ? x->limit : 0;
			a->only_new = x->only_new;
		}
	}
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
	rc = 0;
	if (l->kind == PLAIN) {
		struct ir_buf b = IR_BUF(IR_DENY_FILE_MAX);

		rc = load(l->file, &b, &x->err);
		for (i = 0; rc == 0 && i < l->n; i++)
			found[i] = plain_line(ir_buf_cstr(&b), keys[i], NULL);
		ir_buf_free(&b);
	} else if (access(l->file, F_OK) == 0)	/* else nobody is found */
		rc = ir_deny_ask(x->config.exim, l->file, keys, l->n, found,
		    &x->err);
	for (i = 0; i < l->n; i++)
		l->v[i].found = found[i];
	free(found);
	free(keys);
	return rc;
}

/*
 * Would Exim refuse him?  A look into the file is not the whole answer:
 * something may stand before the hook.
 */
static void
probe(struct run *x, struct list *l)
{
	struct account *a;
	size_t i;

	if (l->kind == IR_BLOCK_LOCAL || l->kind == IR_BLOCK_SCRIPT ||
	    l->kind == IR_BLOCK_LIMIT || l->kind == PLAIN || x->undo)
		return;
	for (i = 0; i < l->n && i < PROBES; i++) {
		a = &l->v[i];
		if (a->found && ir_block_probe(x->config.exim, l->kind,
		    a->name, &a->code, a->said, NULL) < 0)
			a->code = 0;
	}
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
		else if (!x->change.dry_run && a->code >= 200 &&
		    a->code < 300)
			why = "Exim finds it in the file, and lets it through";
		put(x, l, a, blocked, why);
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
	rc = l->kind == PLAIN ? 0 :
	    ir_exim_hook_readable(l->file, x->spool, &x->err);
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
	if (rc == 0 && !x->change.dry_run) {
		rc = verify(x, l);
		if (rc == 0)
			probe(x, l);
	}
	if (rc == 0)
		report(x, l);
	return rc;
}

static int
note(struct run *x, const char *event)
{
	struct ir_rec *data = ir_rec_object(), *names = ir_rec_array();
	size_t i;
	int k;

	for (k = 0; k <= PLAIN; k++)
		for (i = 0; i < x->l[k].n && i < 100; i++)
			ir_rec_push_str(names, x->l[k].v[i].name);
	ir_rec_bool(data, "undo", x->undo);
	ir_rec_int(data, "count", (int64_t)total(x));
	ir_rec_set(data, "accounts", names);
	return ir_journal_add(x->journal, event, data, &x->err);
}

static int
change(struct run *x)
{
	int k;

	if (!x->change.dry_run) {
		if (ir_journal_open(&x->journal, x->change.incident,
		    ir_prog(), &x->err) || note(x, "exim-block.begin"))
			return -1;
	}
	if (lock_dir(x))
		return -1;
	for (k = 0; k <= PLAIN; k++)
		if (change_file(x, &x->l[k]))
			return -1;
	return x->change.dry_run ? 0 : note(x, "exim-block.end");
}

/* The file of --plain-file or --cpanel. */
static int
plain_name(struct run *x)
{
	static const char *const cpanel[][2] = {
		{ "hold", "/etc/outgoing_mail_hold_users" },
		{ "suspend", "/etc/outgoing_mail_suspended_users" },
	};
	const char *file = x->plain_file;
	size_t i;

	for (i = 0; x->cpanel && i < 2; i++)
		if (strcmp(x->cpanel, cpanel[i][0]) == 0)
			file = cpanel[i][1];
	if (!file && !x->cpanel)
		return 0;
	if (!file || *file != '/' || strlen(file) >= PATH_MAX)
		return ir_fail(&x->err, IR_USAGE, "--plain-file wants an "
		    "absolute path, --cpanel hold or suspend");
	snprintf(x->l[PLAIN].file, PATH_MAX, "%s", file);
	return 0;
}

/* Ask Exim all there is to know. */
static int
look(struct run *x)
{
	int k;

	if (plain_name(x))
		return -1;
	if (x->kind == PLAIN)
		return 0;
	if (ir_exim_config_ask(x->exim.exim, &x->config, &x->err) ||
	    ir_exim_hook_dir(&x->config, x->hook_dir, x->dir, &x->err) ||
	    ir_exim_hook_ask(x->config.exim, x->dir, &x->hook, &x->err))
		return -1;
	x->spool = x->exim.spool ? x->exim.spool : x->config.spool_directory;
	for (k = 0; k < PLAIN; k++)
		if (snprintf(x->l[k].file, PATH_MAX, "%s/%s", x->dir,
		    ir_block_file((enum ir_block)k)) >= PATH_MAX)
			return ir_fail(&x->err, IR_USAGE, "%s: too long",
			    x->dir);
	return 0;
}

static void
free_list(struct list *l)
{
	while (l->n)
		free(l->v[--l->n].name);
	free(l->v);
}

/* Of what kind are bare names? */
static void
set_kind(struct run *x, int operands)
{
	bool plain = x->plain_file || x->cpanel;
	int k;

	for (k = 0; k <= PLAIN; k++)
		x->l[k].kind = (enum ir_block)k;
	if (x->user + x->sender + x->host + x->script + x->domain +
	    (x->limit >= 0) + plain > 1 || (x->plain_file && x->cpanel))
		ir_die_usage("only one of --user, --sender, --host, --script, "
		    "--domain, --limit, --plain-file and --cpanel");
	x->kind = x->user ? IR_BLOCK_LOCAL : x->sender ? IR_BLOCK_SENDER :
	    x->host ? IR_BLOCK_HOST : x->script ? IR_BLOCK_SCRIPT :
	    x->domain ? IR_BLOCK_DOMAIN : x->limit >= 0 ? IR_BLOCK_LIMIT :
	    plain ? PLAIN : IR_BLOCK_AUTH;
	if (x->limit == 0 && !x->undo)
		ir_die_usage("--limit: at least 1; without it an account is "
		    "blocked");
	if (plain && (x->seconds >= 0 || x->only_new))
		ir_die_usage("such a list knows names and nothing else");
	if (x->only_new && (x->undo || x->limit >= 0))
		ir_die_usage("--new-only goes with no --undo and no --limit");
	if (x->undo && x->seconds >= 0)
		ir_die_usage("--undo and --for contradict each other");
	if (x->list && (operands || x->undo || x->seconds >= 0 ||
	    (x->kind != IR_BLOCK_AUTH && x->kind != PLAIN)))
		ir_die_usage("--list goes with no account and no other option "
		    "of these");
	if (x->list && plain)
		x->kind = PLAIN;
}

static void
clean_up(struct run *x)
{
	int k;

	if (x->lock >= 0)
		close(x->lock);
	ir_journal_close(x->journal);
	for (k = 0; k <= PLAIN; k++)
		free_list(&x->l[k]);
}

static const struct ir_col cols[] = {
	{ "id", "ACCOUNT" }, { "kind", "KIND" }, { "blocked", "BLOCKED" },
	{ "changed", "CHANGED" }, { "file", "FILE" }, { "why", "WHY" },
	{ NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-block",
	"stop mail of an account, user, script, sender or to a domain",
	"[options] [name ... | -]"
};

static int
confirm(struct run *x)
{
	size_t n = total(x);

	return ir_confirm(&x->change, 1, &x->err, "%s %zu name%s (%s%s)?",
	    x->undo ? "unblock" : x->limit > 0 ? "limit" : "block", n,
	    n == 1 ? "" : "s", first_name(x), n > 1 ? ", ..." : "");
}

int
main(int argc, char **argv)
{
	struct run x = { .lock = -1, .limit = -1, .seconds = -1 };
	const struct ir_opt opts[] = {
		{ 0, "undo", NULL, IR_BOOL, &x.undo, "let it send again" },
		{ 0, "list", NULL, IR_BOOL, &x.list, "list who is blocked" },
		{ 0, "user", NULL, IR_BOOL, &x.user,
		    "the names are local users, who call sendmail" },
		{ 0, "sender", NULL, IR_BOOL, &x.sender,
		    "the names are envelope senders" },
		{ 0, "host", NULL, IR_BOOL, &x.host,
		    "the names are addresses of clients" },
		{ 0, "script", NULL, IR_BOOL, &x.script,
		    "the names are scripts, of X-PHP-... headers" },
		{ 0, "domain", NULL, IR_BOOL, &x.domain,
		    "hold mail to these domains" },
		{ 0, "limit", "N", IR_INT, &x.limit,
		    "let the accounts send to N recipients an hour" },
		{ 0, "new-only", NULL, IR_BOOL, &x.only_new,
		    "what is in the queue already may go out" },
		{ 0, "for", "SECONDS", IR_SECONDS, &x.seconds,
		    "and no longer than that: 24h, 14d" },
		{ 0, "plain-file", "FILE", IR_STR, &x.plain_file,
		    "a list of names that the host has for it" },
		{ 0, "cpanel", "HOW", IR_STR, &x.cpanel,
		    "cPanel's own list of users: hold or suspend" },
		{ 0, "hook-dir", "DIR", IR_STR, &x.hook_dir,
		    "folder of the hook's files; default: ask exim" },
		IR_OPTS_EXIM(&x.exim), IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	set_kind(&x, n);
	x.out = ir_open_output(&x.common, cols);
	if (x.list) {
		if (look(&x) == 0)
			list(&x);
		goto out;
	}
	if (read_input(&x, argv + 1, n) || look(&x) || check_hook(&x))
		goto out;
	if (!x.change.dry_run && confirm(&x))
		goto out;
	change(&x);
out:
	clean_up(&x);
	return ir_end(&x.err, x.out, &x.tally);
}
