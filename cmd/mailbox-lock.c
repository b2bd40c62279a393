/*
 * mailbox-lock - stop one local mailbox, and give it a new password
 *
 * Reads names of mailboxes, what doveconf, uapi or plesk say, Dovecot's
 * passwd-files.  Writes a line of such a file or of a deny list, or has
 * cPanel or Plesk do it; what was before into the state folder; with
 * --new-password, a password into the vault.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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
#include "host/mailbox.h"
#include "host/mailbox_state.h"
#include "incident/journal.h"
#include "vault/vault.h"

#define MAX_BOXES 200
#define LOCK_SECONDS 30
#define PROOF_SECONDS 10
#define TOOL_MS 60000
#define DENIED 77		/* doveadm auth test: refused */
#define OUT_MAX (1u << 20)
#define UAPI "/usr/local/cpanel/bin/uapi"
#define USERDOMAINS "/etc/userdomains"

enum backend { DOVECOT, FILES, CPANEL, PLESK, NO_BACKEND };
static const char *const backends[] = { "dovecot", "files", "cpanel",
	"plesk" };

struct box {
	char name[IR_MAILBOX_NAME + 1];
	char given[IR_MAILBOX_HASH];	/* hash of a new password, or "" */
	char deny_file[PATH_MAX], deny_key[IR_MAILBOX_NAME + 1];
	char file[PATH_MAX], key[IR_MAILBOX_NAME + 1];
	char field[IR_PASSWD_FIELD + 1];
	char owner[64];			/* cPanel's account */
	char beside[PATH_MAX];		/* what may let it in as well */
	struct ir_secret proof;		/* what the lock is the hash of */
	bool was, changed, proven;
	bool locked;			/* now, or after the change */
	bool new_password;		/* it is in force, or will be */
	int kicked;			/* sessions; -1: not known */
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_vault_opts vault;
	bool undo, new_password, print_hook, no_kick;
	const char *backend_name, *config, *passwd_file, *deny_file, *owner;
	enum backend backend;
	struct ir_doveconf conf;
	struct ir_mailbox_state state;
	struct box *v;
	size_t n;
	struct ir_journal *journal;
	int lock;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err err;
};

/* --- programs ------------------------------------------------------------ */

/*
 * Run one; its exit code, or -1.  in (may be NULL) is a secret that goes to
 * its standard input; env names one variable that it gets.
 */
static int
tool(const char *const *argv, const struct ir_secret *in, const char *env,
    struct ir_buf *out, struct ir_err *err)
{
	const char *const keep[] = { env, NULL };
	struct ir_proc p = { .argv = argv, .keep_env = env ? keep : NULL,
		.in = in ? in->data : NULL, .in_len = in ? in->len : 0,
		.timeout_ms = TOOL_MS };
	struct ir_proc_result r = IR_PROC_RESULT(OUT_MAX);
	int rc = ir_proc_run(&p, &r, err);

	if (rc == 0) {
		rc = r.status;
		ir_buf_add(out, ir_buf_cstr(&r.out), r.out.len);
		if (rc)
			ir_buf_add(out, ir_buf_cstr(&r.err), r.err.len);
	}
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

static int
doveadm(struct run *x, const char *const *args, const struct ir_secret *in,
    struct ir_buf *out, struct ir_err *err)
{
	const char *argv[12] = { "doveadm" };
	size_t n = 1;

	if (x->config) {
		argv[n++] = "-c";
		argv[n++] = x->config;
	}
	while (*args && n < 11)
		argv[n++] = *args++;
	argv[n] = NULL;
	return tool(argv, in, NULL, out, err);
}

/* --- where the password is ------------------------------------------------ */

/* Such a file may lie in a home, where its owner can put a pipe instead. */
static int
load(const char *file, struct ir_buf *b, struct ir_err *err)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : ir_fail_errno(err, IR_NOINPUT,
		    errno, "%s", file);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = ir_fail(err, IR_NOINPUT, "%s: not a regular file", file);
	else
		rc = ir_buf_read_fd(b, fd, file, err);
	close(fd);
	return rc;
}

static bool
listed(const char *file, const char *key, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_PASSWD_FILE_MAX);
	struct ir_passwd_line l;
	bool hit = load(file, &b, err) == 0 &&
	    ir_passwd_find(ir_buf_cstr(&b), b.len, key, &l);

	ir_buf_free(&b);
	return hit;
}

/* Has that file a line of his?  1, 0, or -1. */
static int
look_up(struct box *a, const char *file, const char *key, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_PASSWD_FILE_MAX);
	struct ir_passwd_line l;
	int rc = load(file, &b, err) ? -1 : ir_passwd_find(ir_buf_cstr(&b),
	    b.len, key, &l);

	if (rc == 1 && l.len > IR_PASSWD_FIELD)
		rc = ir_fail(err, IR_DATAERR, "%s: a password field of %zu "
		    "bytes", file, l.len);
	if (rc == 1) {
		snprintf(a->file, sizeof a->file, "%s", file);
		snprintf(a->key, sizeof a->key, "%s", key);
		snprintf(a->field, sizeof a->field, "%.*s", (int)l.len,
		    b.data + l.field);
	}
	ir_buf_free(&b);
	return rc;
}

static int
expand(const char *format, const char *name, char *out, size_t size,
    struct ir_err *err)
{
	if (ir_mailbox_expand(format, name, out, size) == 0)
		return 0;
	ir_fail(err, IR_CONFIG, "doveconf: a name as this is not understood: "
	    "%s", format);
	ir_hint(err, "name the files with --passwd-file or --deny-file");
	return -1;
}

/* One of Dovecot's password databases; *over: it answers for him. */
static int
look_db(struct run *x, struct box *a, const struct ir_passdb *db,
    const char *login, bool *over)
{
	char file[PATH_MAX], key[IR_MAILBOX_NAME + 1];
	int rc;

	if (db->master)
		return 0;
	if (strcmp(db->driver, "passwd-file") != 0 || !*db->file) {
		/* a deny list behind it comes too late for him */
		*over = *over || !db->deny;
		if (!db->deny && !*a->beside)
			snprintf(a->beside, sizeof a->beside, "%s",
			    db->driver);
		return 0;
	}
	if (expand(db->file, login, file, sizeof file, &x->err) ||
	    expand(*db->format ? db->format : "%u", login, key, sizeof key,
	    &x->err))
		return -1;
	if (db->deny && !*over && !*a->deny_file) {
		snprintf(a->deny_file, sizeof a->deny_file, "%s", file);
		snprintf(a->deny_key, sizeof a->deny_key, "%s", key);
	} else if (!db->deny && !*a->file) {
		rc = look_up(a, file, key, &x->err);
		*over = true;
		return rc < 0 ? -1 : 0;
	} else if (!db->deny && listed(file, key, &x->err)) {
		snprintf(a->beside, sizeof a->beside, "%s", file);
	}
	return x->err.code ? -1 : 0;
}

static int
no_way(struct run *x, const struct box *a)
{
	ir_fail(&x->err, IR_CONFIG, "%s: in no passwd-file of Dovecot, and "
	    "there is no deny list: nothing changed", a->name);
	ir_hint(&x->err, "mailbox-lock --print-hook shows the lines of a deny "
	    "list; exim-block stops what it sends");
	return -1;
}

static int
look_dovecot(struct run *x, struct box *a)
{
	char login[IR_MAILBOX_NAME + 1];
	bool over = false;
	size_t i;

	if (expand(x->conf.format, a->name, login, sizeof login, &x->err))
		return -1;
	for (i = 0; i < x->conf.n; i++)
		if (look_db(x, a, &x->conf.db[i], login, &over))
			return -1;
	/* a deny list stands before them all */
	if (*a->deny_file)
		*a->beside = '\0';
	else if (*a->file && *a->beside)
		ir_warn(&x->common, "%s: Dovecot's passdb %s may let it in as "
		    "well: a deny list stops that, too", a->name, a->beside);
	return *a->deny_file || *a->file ? 0 : no_way(x, a);
}

/* The files that a person has named. */
static int
look_files(struct run *x, struct box *a)
{
	int rc = 0;

	if (x->deny_file) {
		snprintf(a->deny_file, sizeof a->deny_file, "%s",
		    x->deny_file);
		snprintf(a->deny_key, sizeof a->deny_key, "%s", a->name);
	}
	if (x->passwd_file)
		rc = look_up(a, x->passwd_file, a->name, &x->err);
	if (rc == 0 && x->passwd_file && !x->deny_file)
		return ir_fail(&x->err, IR_DATAERR, "%s: no line of %s",
		    x->passwd_file, a->name);
	return rc < 0 ? -1 : 0;
}

static int
look_cpanel(struct run *x, struct box *a)
{
	struct ir_buf b = IR_BUF(IR_PASSWD_FILE_MAX);
	const char *at = strchr(a->name, '@');
	int rc = 0;

	if (!at)
		return ir_fail(&x->err, IR_DATAERR, "%s: cPanel knows "
		    "mailboxes as NAME@DOMAIN", a->name);
	if (x->owner) {
		snprintf(a->owner, sizeof a->owner, "%s", x->owner);
		return 0;
	}
	if (ir_buf_read_file(&b, USERDOMAINS, &x->err))
		rc = -1;
	else if (ir_cpanel_owner(b.data, b.len, at + 1, a->owner,
	    sizeof a->owner))
		rc = ir_fail(&x->err, IR_DATAERR, USERDOMAINS ": nobody has "
		    "%s", at + 1);
	ir_buf_free(&b);
	return rc;
}

static int
look_box(struct run *x, struct box *a)
{
	switch (x->backend) {
	case DOVECOT: return look_dovecot(x, a);
	case FILES: return look_files(x, a);
	case CPANEL: return look_cpanel(x, a);
	default: return strchr(a->name, '@') ? 0 : ir_fail(&x->err,
	    IR_DATAERR, "%s: Plesk knows mailboxes as NAME@DOMAIN", a->name);
	}
}

static int
ask_dovecot(struct run *x)
{
	const char *argv[] = { "doveconf", "-n", x->config ? "-c" : NULL,
		x->config, NULL };
	struct ir_buf b = IR_BUF(OUT_MAX);
	int rc = tool(argv, NULL, NULL, &b, &x->err);

	if (rc > 0)
		rc = ir_fail(&x->err, IR_CONFIG, "doveconf: %.*s",
		    (int)strcspn(ir_buf_cstr(&b), "\n"), ir_buf_cstr(&b));
	else if (rc == 0)
		rc = ir_doveconf_parse(ir_buf_cstr(&b), b.len, &x->conf,
		    &x->err);
	ir_buf_free(&b);
	return rc;
}

/* What has this host?  A panel is above the Dovecot that it brings. */
static int
find_backend(struct run *x)
{
	static const char *const program[] = { "uapi", "plesk", "doveconf" };
	static const enum backend kind[] = { CPANEL, PLESK, DOVECOT };
	char path[PATH_MAX];
	size_t i;

	x->backend = NO_BACKEND;
	for (i = 0; x->backend_name && i < NO_BACKEND; i++)
		if (strcmp(x->backend_name, backends[i]) == 0)
			x->backend = (enum backend)i;
	if (x->passwd_file || x->deny_file)
		x->backend = FILES;
	if (x->backend == NO_BACKEND && access(UAPI, X_OK) == 0)
		x->backend = CPANEL;
	for (i = 0; x->backend == NO_BACKEND && i < 3; i++)
		if (ir_proc_find(program[i], path, sizeof path, NULL) == 0)
			x->backend = kind[i];
	if (x->backend == NO_BACKEND) {
		ir_fail(&x->err, IR_CONFIG, "neither Dovecot nor cPanel nor "
		    "Plesk here");
		ir_hint(&x->err, "--passwd-file or --deny-file name what Exim "
		    "or another server reads");
		return -1;
	}
	return x->backend == DOVECOT ? ask_dovecot(x) : 0;
}

/* --- changing a file ------------------------------------------------------ */

/*
 * Dovecot takes a file of the same size and second for the same file; a hash
 * is as long as another.
 */
static int
put_file(const char *file, const struct ir_buf *new, mode_t mode,
    struct ir_err *err)
{
	struct timespec t[2] = { { 0, UTIME_OMIT }, { 0, 0 } };
	struct stat was = { .st_mtime = 0 }, is;

	(void)stat(file, &was);
	if (ir_file_replace(file, ir_buf_cstr(new), new->len, mode, err))
		return -1;
	if (stat(file, &is) == 0 && is.st_mtime <= was.st_mtime) {
		t[1].tv_sec = was.st_mtime + 1;
		(void)utimensat(AT_FDCWD, file, t, 0);
	}
	return 0;
}

/* The new content is made from what is in the file now. */
static int
put_field(struct box *a, const char *field, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_PASSWD_FILE_MAX);
	struct ir_buf new = IR_BUF(IR_PASSWD_FILE_MAX);
	struct ir_passwd_line l;
	int rc = load(a->file, &b, err);

	if (rc == 0 && !ir_passwd_find(ir_buf_cstr(&b), b.len, a->key, &l))
		rc = ir_fail(err, IR_TEMPFAIL, "%s: no line of %s any more",
		    a->file, a->key);
	if (rc == 0) {
		ir_passwd_put(b.data, b.len, &l, field, &new);
		rc = ir_buf_check(&new, a->file, err);
	}
	if (rc == 0)
		rc = put_file(a->file, &new, 0600, err);
	if (rc == 0)
		snprintf(a->field, sizeof a->field, "%s", field);
	ir_buf_free(&b);
	ir_buf_free(&new);
	return rc;
}

static int
put_deny(struct box *a, bool deny, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_PASSWD_FILE_MAX);
	struct ir_buf new = IR_BUF(IR_PASSWD_FILE_MAX);
	int rc = load(a->deny_file, &b, err);

	if (rc == 0) {
		(deny ? ir_passwd_add : ir_passwd_without)(ir_buf_cstr(&b),
		    b.len, a->deny_key, &new);
		rc = ir_buf_check(&new, a->deny_file, err);
	}
	if (rc == 0)
		rc = put_file(a->deny_file, &new, 0644, err);
	ir_buf_free(&b);
	ir_buf_free(&new);
	return rc;
}

/*
 * The form that the reader of the file understands: Dovecot wants the scheme,
 * crypteq of Exim and others the bare hash where the old one was bare.
 */
static const char *
as_there(const struct run *x, const char *old, const char *hash)
{
	return x->backend == FILES && *old != '{' ? strchr(hash, '$') : hash;
}

static bool
holds(const struct run *x, const struct box *a, const char *hash)
{
	return *hash && (strcmp(a->field, hash) == 0 ||
	    (x->backend == FILES && strcmp(a->field, strchr(hash, '$')) == 0));
}

static struct ir_mailbox_entry *
entry_of(struct run *x, const struct box *a, struct ir_err *err)
{
	struct ir_mailbox_entry *e = ir_mailbox_state_find(&x->state, a->name,
	    a->file);

	if (!e)
		e = ir_mailbox_state_add(&x->state, a->name,
		    backends[x->backend]);
	if (!e)
		ir_fail(err, IR_CONFIG, "more than %d mailboxes are locked",
		    IR_MAILBOXES);
	return e;
}

/* What is in the file now: a person may have taken minutes to say yes. */
static int
look_again(struct box *a, struct ir_err *err)
{
	char file[PATH_MAX], key[sizeof a->key];
	int rc;

	if (!*a->file)
		return 0;
	memcpy(file, a->file, sizeof file);
	memcpy(key, a->key, sizeof key);
	rc = look_up(a, file, key, err);
	return rc == 1 ? 0 : rc ? -1 : ir_fail(err, IR_TEMPFAIL,
	    "%s: no line of %s any more", file, key);
}

/* First what was goes to the disk, then what is to be goes into the file. */
static int
replace_field(struct run *x, struct box *a, struct ir_mailbox_entry *e,
    const char *hash, struct ir_err *err)
{
	if (!*e->file) {
		snprintf(e->file, sizeof e->file, "%s", a->file);
		snprintf(e->was, sizeof e->was, "%s", a->field);
	}
	if (ir_mailbox_state_save(&x->state, err))
		return -1;
	return put_field(a, as_there(x, e->was, hash), err);
}

/* With a deny list the new password can be put at once. */
static int
lock_by_list(struct run *x, struct box *a, struct ir_err *err)
{
	struct ir_mailbox_entry *e;
	bool put;

	if (look_again(a, err))
		return -1;
	put = *a->given && *a->file && !holds(x, a, a->given);
	a->was = listed(a->deny_file, a->deny_key, err);
	a->changed = !a->was || put;
	a->new_password = *a->given && *a->file;
	if (err->code || x->change.dry_run || !a->changed)
		return err->code ? -1 : 0;
	if (!a->was && put_deny(a, true, err))
		return -1;
	if (!put)
		return 0;
	if (!(e = entry_of(x, a, err)))
		return -1;
	snprintf(e->next, sizeof e->next, "%s", a->given);
	return replace_field(x, a, e, a->given, err);
}

/* Without one: a password that nobody has. */
static int
lock_by_password(struct run *x, struct box *a, struct ir_err *err)
{
	struct ir_mailbox_entry *e = ir_mailbox_state_find(&x->state, a->name,
	    a->file);
	bool next = *a->given && (!e || strcmp(e->next, a->given) != 0);

	if (look_again(a, err))
		return -1;
	a->was = e && holds(x, a, e->lock);
	a->changed = !a->was || next;
	a->new_password = *a->given || (e && *e->next);
	if (x->change.dry_run || !a->changed)
		return 0;
	if (!(e = entry_of(x, a, err)))
		return -1;
	if (*a->given)
		snprintf(e->next, sizeof e->next, "%s", a->given);
	if (a->was)
		return ir_mailbox_state_save(&x->state, err);
	/* undone or changed by others since: what is there now is the old */
	if (strcmp(e->was, a->field) != 0)
		*e->file = '\0';
	if (ir_mailbox_password(&a->proof, err) ||
	    ir_mailbox_hash(&a->proof, e->lock, err))
		return -1;
	return replace_field(x, a, e, e->lock, err);
}

static int
unlock_password(struct run *x, struct box *a, struct ir_mailbox_entry *e,
    struct ir_err *err)
{
	const char *to = *e->next ? as_there(x, e->was, e->next) : e->was;

	if (!holds(x, a, e->lock)) {
		if (strcmp(a->field, to) != 0)
			ir_warn(&x->common, "%s: somebody has set another "
			    "password since: it stays", a->name);
		return 0;
	}
	a->was = a->changed = true;
	return x->change.dry_run ? 0 : put_field(a, to, err);
}

static int
unlock_files(struct run *x, struct box *a, struct ir_err *err)
{
	struct ir_mailbox_entry *e = ir_mailbox_state_find(&x->state, a->name,
	    a->file);

	if (look_again(a, err))
		return -1;
	if (!e && (e = ir_mailbox_state_find(&x->state, a->name, NULL)))
		return ir_fail(err, IR_CONFIG, "%s was locked in %s: name that "
		    "file", a->name, *e->file ? e->file : e->backend);
	a->was = *a->deny_file && listed(a->deny_file, a->deny_key, err);
	a->changed = a->was;
	a->new_password = e && *e->next && *e->file;
	if (err->code)
		return -1;
	/* behind a deny list a new password is in place already */
	if (e && *e->lock && unlock_password(x, a, e, err))
		return -1;
	if (x->change.dry_run)
		return 0;
	if (*a->deny_file && a->was && put_deny(a, false, err))
		return -1;
	if (e) {
		ir_mailbox_state_drop(&x->state, e);
		return ir_mailbox_state_save(&x->state, err);
	}
	return 0;
}

/* --- cPanel, Plesk ------------------------------------------------------- */

/* NAME=VALUE, its value as uapi wants it. */
static void
uri(char *out, size_t size, const char *name, const char *value, size_t len)
{
	size_t n = (size_t)snprintf(out, size, "%s=", name), i;

	for (i = 0; i < len && n + 4 < size; i++)
		n += (size_t)snprintf(out + n, size - n,
		    strchr("@%+=", value[i]) ? "%%%02X" : "%c",
		    (unsigned char)value[i]);
}

static int
uapi(const struct box *a, const char *function, int restricted[2],
    struct ir_err *err)
{
	char user[80], email[800], domain[800];
	/* CloudLinux wants its whole path */
	const char *argv[] = { access(UAPI, X_OK) == 0 ? UAPI : "uapi",
		"--output=json", user, "Email", function, email, NULL, NULL,
		NULL, NULL };
	struct ir_buf b = IR_BUF(OUT_MAX);
	const char *at = strchr(a->name, '@');
	int rc;

	snprintf(user, sizeof user, "--user=%s", a->owner);
	uri(email, sizeof email, "email", a->name, restricted ?
	    (size_t)(at - a->name) : strlen(a->name));
	if (restricted) {
		uri(domain, sizeof domain, "domain", at + 1, strlen(at + 1));
		argv[6] = domain;
		argv[7] = "get_restrictions=1";
		argv[8] = "no_disk=1";
	}
	rc = tool(argv, NULL, NULL, &b, err);
	if (rc > 0)
		rc = ir_fail(err, IR_UNAVAILABLE, "uapi: exit %d", rc);
	else if (rc == 0)
		rc = ir_uapi_answer(ir_buf_cstr(&b), b.len, restricted, err);
	ir_buf_free(&b);
	return rc;
}

static int
on_cpanel(struct run *x, struct box *a, struct ir_err *err)
{
	struct ir_mailbox_entry *e = ir_mailbox_state_find(&x->state, a->name,
	    a->file);
	bool want = !x->undo, login, outgoing;
	int is[2];

	if (uapi(a, "list_pops_with_disk", is, err))
		return -1;
	a->was = is[0] == 1 && is[1] == 1;
	/* what was stopped before stays so; and without a word of ours, too */
	login = (is[0] == 1) != want && (want || (e && !e->login_was));
	outgoing = (is[1] == 1) != want && (want || (e && !e->outgoing_was));
	a->changed = login || outgoing;
	if (x->change.dry_run)
		return 0;
	if (want && a->changed && !e) {
		if (!(e = entry_of(x, a, err)))
			return -1;
		e->login_was = is[0] == 1;
		e->outgoing_was = is[1] == 1;
		if (ir_mailbox_state_save(&x->state, err))
			return -1;
	}
	if ((login && uapi(a, want ? "suspend_login" : "unsuspend_login", NULL,
	    err)) || (outgoing && uapi(a, want ? "suspend_outgoing" :
	    "unsuspend_outgoing", NULL, err)))
		return -1;
	if (a->changed && (uapi(a, "list_pops_with_disk", is, err) ||
	    (login && (is[0] == 1) != want) ||
	    (outgoing && (is[1] == 1) != want)))
		return err->code ? -1 : ir_fail(err, IR_UNAVAILABLE,
		    "cPanel says that it is done, and it is not");
	a->proven = a->changed;
	if (want || !e)
		return 0;
	ir_mailbox_state_drop(&x->state, e);
	return ir_mailbox_state_save(&x->state, err);
}

static int
plesk(const struct box *a, const char *option, const char *value,
    const char *hash, struct ir_err *err)
{
	const char *argv[] = { "plesk", "bin", "mail", "-u", a->name, option,
		value, hash ? "-passwd_type" : NULL, "crypt", NULL };
	struct ir_buf b = IR_BUF(OUT_MAX);
	int rc;

	/* Plesk's way beside an argument; it is a hash, and of 139 bits */
	if (hash)
		setenv("PSA_PASSWORD", strchr(hash, '$'), 1);
	rc = tool(argv, NULL, hash ? "PSA_PASSWORD" : NULL, &b, err);
	unsetenv("PSA_PASSWORD");
	if (rc > 0)
		rc = ir_fail(err, IR_UNAVAILABLE, "plesk: %.*s",
		    (int)strcspn(ir_buf_cstr(&b), "\n"), ir_buf_cstr(&b));
	ir_buf_free(&b);
	return rc;
}

static int
on_plesk(struct run *x, struct box *a, struct ir_err *err)
{
	static const char limit[] = "-outgoing-messages-mbox-limit";
	struct ir_mailbox_entry *e = ir_mailbox_state_find(&x->state, a->name,
	    a->file);
	const char *hash = a->given;
	char none[IR_MAILBOX_HASH];

	a->was = e && *e->lock;
	a->new_password = *a->given || (e && *e->next);
	a->changed = x->undo ? e != NULL : !a->was || (*hash &&
	    strcmp(e->next, hash) != 0);
	if (x->change.dry_run || !a->changed)
		return 0;
	if (x->undo) {
		if ((*hash && plesk(a, "-passwd", "", hash, err)) ||
		    plesk(a, limit, "default", NULL, err))
			return -1;
		ir_mailbox_state_drop(&x->state, e);
		return ir_mailbox_state_save(&x->state, err);
	}
	if (!(e = entry_of(x, a, err)))
		return -1;
	/* an entry without a lock: begun, so that --undo undoes the limit */
	if (ir_mailbox_state_save(&x->state, err))
		return -1;
	if (!*hash && (ir_mailbox_password(&a->proof, err) ||
	    ir_mailbox_hash(&a->proof, none, err)))
		return -1;
	if (plesk(a, "-passwd", "", *hash ? hash : none, err) ||
	    plesk(a, limit, "0", NULL, err))
		return -1;
	snprintf(e->lock, sizeof e->lock, "%s", *hash ? hash : none);
	if (*hash)
		snprintf(e->next, sizeof e->next, "%s", hash);
	return ir_mailbox_state_save(&x->state, err);
}

/* --- sessions and proof -------------------------------------------------- */

/* Lines of "doveadm who" but the first; -1: there is no telling. */
static int
sessions(struct run *x, const struct box *a)
{
	const char *const args[] = { "-f", "tab", "who", "-1", a->name, NULL };
	struct ir_buf b = IR_BUF(OUT_MAX);
	int n = 0, rc = doveadm(x, args, NULL, &b, NULL);
	const char *p;

	for (p = ir_buf_cstr(&b); *p; p++)
		n += *p == '\n';
	ir_buf_free(&b);
	return rc ? -1 : n ? n - 1 : 0;
}

/*
 * Processes end a moment after they are told to.  A login that began before
 * the lock may come through behind the first kick: hence until none is left.
 */
static int
kick(struct run *x, struct box *a, struct ir_err *err)
{
	const char *const args[] = { "kick", a->name, NULL };
	struct timespec nap = { 0, 100 * 1000000L };
	int64_t end = ir_mono_ms() + LOCK_SECONDS * 1000;
	struct ir_buf b = IR_BUF(OUT_MAX);
	int n;

	a->kicked = n = sessions(x, a);
	if (x->change.dry_run)
		return 0;
	while (n > 0 && ir_mono_ms() < end) {
		ir_buf_trunc(&b, 0);
		(void)doveadm(x, args, NULL, &b, NULL);
		nanosleep(&nap, NULL);
		n = sessions(x, a);
	}
	ir_buf_free(&b);
	return n > 0 ? ir_fail(err, IR_TEMPFAIL, "%d of its sessions go on",
	    n) : 0;
}

/* 1 it is shut, 0 it is not (yet), -1 no answer */
static int
ask_login(struct run *x, const struct box *a)
{
	const char *const flush[] = { "auth", "cache", "flush", a->name,
		NULL };
	const char *const test[] = { "auth", "test", a->name, NULL };
	struct ir_buf b = IR_BUF(OUT_MAX);
	int rc, shut;

	(void)doveadm(x, flush, NULL, &b, NULL);
	ir_buf_trunc(&b, 0);
	rc = doveadm(x, test, &a->proof, &b, NULL);
	shut = *a->deny_file ? rc == DENIED && strstr(ir_buf_cstr(&b),
	    "code=user_disabled") : rc == 0;
	ir_buf_free(&b);
	return shut ? 1 : rc == 0 || rc == DENIED ? 0 : -1;
}

/*
 * Dovecot is asked with a password: a denied mailbox is refused as such
 * whatever the password; one with a locked line takes ours and so no other.
 * It looks at its files once a second.
 */
static int
prove(struct run *x, struct box *a, struct ir_err *err)
{
	struct timespec nap = { 0, 300 * 1000000L };
	int64_t end = ir_mono_ms() + PROOF_SECONDS * 1000;
	int shut;

	if (*a->deny_file && !a->proof.len &&
	    ir_mailbox_password(&a->proof, err))
		return -1;
	if (!a->proof.len)	/* locked by a run before: not ours to tell */
		return 0;
	while ((shut = ask_login(x, a)) == 0 && ir_mono_ms() < end)
		nanosleep(&nap, NULL);
	a->proven = shut == 1;
	if (shut < 0)	/* a Dovecot that does not run lets nobody in */
		ir_warn(&x->common, "%s: Dovecot does not answer: not proven",
		    a->name);
	if (shut != 0)
		return 0;
	a->locked = false;
	ir_fail(err, IR_CONFIG, "Dovecot does not heed it");
	ir_hint(err, "it is in the file: does another passdb stand before "
	    "it?");
	return -1;
}

/* --- one mailbox --------------------------------------------------------- */

static void
report(struct run *x, const struct box *a, const struct ir_err *err)
{
	struct ir_rec *r = ir_rec_new("mailbox", a->name);

	ir_rec_str(r, "backend", backends[x->backend]);
	ir_rec_bool(r, "locked", a->locked);
	ir_rec_bool(r, "was", a->was);
	ir_rec_bool(r, "changed", a->changed);
	if (*a->deny_file)
		ir_rec_str(r, "deny_file", a->deny_file);
	if (*a->file)
		ir_rec_str(r, "file", a->file);
	if (*a->owner)
		ir_rec_str(r, "owner", a->owner);
	if (*a->beside)
		ir_rec_str(r, "beside", a->beside);
	ir_rec_bool(r, "new_password", a->new_password);
	if (a->kicked >= 0)
		ir_rec_int(r, "sessions", a->kicked);
	if (!x->change.dry_run)
		ir_rec_bool(r, "proven", a->proven);
	else
		ir_rec_bool(r, "dry_run", true);
	ir_rec_bool(r, "ok", err->code == 0);
	if (err->code)
		ir_rec_str(r, "why", err->msg);
	ir_out_put(x->out, r);
	ir_tally_add(&x->tally, err->code);
	if (err->code && *err->hint)
		ir_warn(&x->common, "%s: hint: %s", a->name, err->hint);
}

/* It is locked all the same: that comes first, here as on the host. */
static void
no_password(const struct run *x, const struct box *a, struct ir_err *err)
{
	if (x->backend == CPANEL)
		ir_fail(err, IR_CONFIG, "locked; cPanel takes a new password "
		    "as an argument only: not given there");
	else
		ir_fail(err, IR_CONFIG, "locked; its password is kept where "
		    "this cannot change it");
	ir_hint(err, "set it %s: cred-vault get mailbox/%s", x->backend ==
	    CPANEL ? "in cPanel's own pages" : "there", a->name);
}

static void
change_box(struct run *x, struct box *a)
{
	struct ir_err err = IR_ERR_INIT;
	int rc;

	/* what a killed run left: copies of files with password hashes */
	if (!x->change.dry_run && *a->file)
		ir_file_sweep(a->file, "", 0);
	if (!x->change.dry_run && *a->deny_file)
		ir_file_sweep(a->deny_file, "", 0);
	if (x->backend == CPANEL)
		rc = on_cpanel(x, a, &err);
	else if (x->backend == PLESK)
		rc = on_plesk(x, a, &err);
	else if (x->undo)
		rc = unlock_files(x, a, &err);
	else if (*a->deny_file)
		rc = lock_by_list(x, a, &err);
	else
		rc = lock_by_password(x, a, &err);
	a->locked = rc || x->change.dry_run ? a->was : x->undo ? a->was &&
	    !a->changed : true;
	if (rc == 0 && x->backend == DOVECOT && !x->change.dry_run)
		rc = x->undo ? 0 : prove(x, a, &err);
	if (rc == 0 && !x->undo && !x->no_kick && x->backend != FILES)
		rc = kick(x, a, &err);
	if (rc == 0 && *a->given && !a->new_password && !x->undo &&
	    !x->change.dry_run)
		no_password(x, a, &err);
	report(x, a, &err);
	ir_secret_free(&a->proof);
}

/* --- new passwords ------------------------------------------------------- */

/* Made where the vault is; what leaves it is the hash. */
static int
new_password(struct run *x, struct ir_vault *v, struct box *a)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_secret s = IR_SECRET_INIT;
	struct ir_rec *r = ir_rec_new("mailbox-password", a->name);
	char name[IR_MAILBOX_NAME + 16];
	uint32_t version = 0;
	int rc = 0;

	snprintf(name, sizeof name, "mailbox/%s", a->name);
	if (!ir_vault_name_ok(name))
		rc = ir_fail(&x->err, IR_DATAERR, "%s: not a name for the "
		    "vault", a->name);
	else if (!x->change.dry_run && (ir_mailbox_password(&s, &x->err) ||
	    ir_mailbox_hash(&s, a->given, &x->err) ||
	    ir_credential_set(&c, "username", a->name, strlen(a->name),
	    &x->err) || ir_credential_set(&c, "password", s.data, s.len,
	    &x->err) || ir_vault_put(v, name, &c, 0, &version, &x->err)))
		rc = -1;
	ir_credential_free(&c);
	ir_secret_free(&s);
	if (rc) {
		ir_rec_free(r);
		return -1;
	}
	ir_rec_str(r, "vault_name", name);
	ir_rec_bool(r, "changed", true);
	ir_rec_bool(r, "ok", true);
	if (x->change.dry_run) {
		ir_rec_bool(r, "dry_run", true);
	} else {
		ir_rec_int(r, "version", version);
		ir_rec_str(r, "hash", a->given);
	}
	ir_out_put(x->out, r);
	return 0;
}

/* --- input --------------------------------------------------------------- */

static int
take_record(const struct ir_rec *r, void *arg, struct ir_err *err)
{
	const char *type = ir_rec_get(r, "type"), *name = ir_rec_get(r, "id");
	const char *hash = ir_rec_get(r, "hash");
	struct run *x = arg;
	struct box *a;
	size_t i;

	if (type && (strcmp(type, "queue-suspect") == 0 ||
	    strcmp(type, "mail-suspect") == 0))
		name = ir_ascii_ieq(ir_rec_get(r, "kind") ? ir_rec_get(r,
		    "kind") : "", "account") ? ir_rec_get(r, "value") : NULL;
	else if (type && strncmp(type, "queue-", 6) == 0)
		name = ir_rec_get(r, "auth_user");
	if (!name || !ir_mailbox_name_ok(name))
		return ir_fail(err, IR_DATAERR, "no name of a mailbox in it");
	if (hash && !ir_mailbox_hash_ok(hash))
		return ir_fail(err, IR_DATAERR, "%s: not a hash that "
		    "--new-password gives", name);
	for (i = 0; i < x->n && !ir_ascii_ieq(x->v[i].name, name); i++)
		;
	if (i == MAX_BOXES)
		return ir_fail(err, IR_DATAERR, "more than %d mailboxes",
		    MAX_BOXES);
	a = &x->v[i];
	if (i == x->n)
		*a = (struct box){ .kicked = -1 };
	x->n += i == x->n;
	snprintf(a->name, sizeof a->name, "%s", name);
	if (hash)
		snprintf(a->given, sizeof a->given, "%s", hash);
	return 0;
}

static int
read_input(struct run *x, char **operands, int n)
{
	x->v = calloc(MAX_BOXES, sizeof *x->v);
	if (!x->v)
		return ir_fail_errno(&x->err, IR_OSERR, ENOMEM, "mailboxes");
	if (ir_in_each(operands, (size_t)n, take_record, x, &x->err))
		return -1;
	return x->n ? 0 : ir_fail(&x->err, IR_USAGE, "no mailbox given");
}

/* --- the run ------------------------------------------------------------- */

static int
open_state(struct run *x)
{
	char dir[PATH_MAX], *slash;
	long limit = x->common.timeout ? x->common.timeout : LOCK_SECONDS;
	int64_t end = ir_mono_ms() + limit * 1000;
	struct timespec nap = { 0, 20 * 1000000L };

	if (ir_journal_open(&x->journal, x->change.dry_run ? NULL :
	    x->change.incident, ir_prog(), &x->err))
		return -1;
	if (x->journal && ir_journal_path(x->journal,
	    "state/mailbox-lock.json", dir, &x->err))
		return -1;
	if (x->journal && (slash = strrchr(dir, '/')))
		*slash = '\0';
	else if (x->change.incident)
		snprintf(dir, sizeof dir, "%s/state", x->change.incident);
	else if (x->change.dry_run ? ir_state_name(dir, sizeof dir, &x->err) :
	    ir_state_dir(dir, sizeof dir, &x->err))
		return -1;
	if (!x->change.dry_run &&
	    (x->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return ir_fail_errno(&x->err, ir_errno_code(errno, IR_OSERR),
		    errno, "%s", dir);
	while (x->lock >= 0 && flock(x->lock, LOCK_EX | LOCK_NB)) {
		if (ir_mono_ms() >= end)
			return ir_fail(&x->err, IR_TEMPFAIL, "%s: locked by "
			    "another run", dir);
		nanosleep(&nap, NULL);
	}
	if (ir_mailbox_state_load(&x->state, dir, &x->err))
		return -1;
	if (!x->change.dry_run)
		ir_file_sweep(x->state.path, "", 0);
	return 0;
}

static int
note(struct run *x, const char *event)
{
	struct ir_rec *data = ir_rec_object(), *names = ir_rec_array();
	size_t i;

	for (i = 0; i < x->n; i++)
		ir_rec_push_str(names, x->v[i].name);
	ir_rec_str(data, "action", x->new_password ? "new-password" :
	    x->undo ? "undo" : "lock");
	ir_rec_set(data, "accounts", names);
	return ir_journal_add(x->journal, event, data, &x->err);
}

static int
confirm(struct run *x)
{
	if (x->change.dry_run)
		return 0;
	return ir_confirm(&x->change, 1, &x->err, "%s %zu mailbox%s (%s%s)?",
	    x->new_password ? "make a new password for" : x->undo ? "unlock" :
	    "lock", x->n, x->n == 1 ? "" : "es", x->v[0].name,
	    x->n > 1 ? ", ..." : "");
}

static void
change(struct run *x)
{
	size_t i;

	if (find_backend(x) || open_state(x))
		return;
	for (i = 0; i < x->n; i++)
		if (look_box(x, &x->v[i]))
			return;
	if (confirm(x) || (!x->change.dry_run &&
	    note(x, "mailbox-lock.begin")))
		return;
	for (i = 0; i < x->n; i++)
		change_box(x, &x->v[i]);
	if (!x->change.dry_run)
		note(x, "mailbox-lock.end");
}

static void
passwords(struct run *x)
{
	struct ir_vault *v = NULL;
	size_t i;
	int rc = 0;

	x->vault.common = &x->common;
	x->vault.ask = ir_ask_tty;
	x->vault.look = x->change.dry_run;
	if (confirm(x) || ir_journal_open(&x->journal, x->change.dry_run ?
	    NULL : x->change.incident, ir_prog(), &x->err))
		return;
	if (!x->change.dry_run && (ir_vault_open(&v, &x->vault, true,
	    &x->err) || note(x, "mailbox-lock.begin")))
		rc = -1;
	for (i = 0; rc == 0 && i < x->n; i++)
		rc = new_password(x, v, &x->v[i]);
	if (v)
		ir_vault_close(v);
	if (rc == 0 && !x->change.dry_run)
		note(x, "mailbox-lock.end");
}

/* What a Dovecot without passwd-files needs, once, on a quiet day. */
static void
print_hook(void)
{
	fputs("# Dovecot: before all other passdb blocks; the file must "
	    "exist:\n#   install -m 644 /dev/null /etc/dovecot/deny-users\n"
	    "passdb {\n  driver = passwd-file\n  deny = yes\n"
	    "  args = /etc/dovecot/deny-users\n}\n"
	    "# 2.4: passdb deny { driver = passwd-file; deny = yes;\n"
	    "#   passwd_file_path = /etc/dovecot/deny-users }, a line each\n",
	    stdout);
}

static const struct ir_col cols[] = {
	{ "id", "MAILBOX" }, { "backend", "BACKEND" }, { "locked", "LOCKED" },
	{ "changed", "CHANGED" }, { "proven", "PROVEN" },
	{ "sessions", "SESSIONS" }, { "new_password", "NEW PASSWORD" },
	{ "why", "WHY" }, { NULL, NULL }
};

static const struct ir_cmd cmd = {
	"mailbox-lock", "stop one local mailbox, and give it a new password",
	"[options] [mailbox ... | -]"
};

static void
check_usage(const struct run *x, int operands)
{
	size_t i;

	if (x->undo + x->new_password + x->print_hook > 1)
		ir_die_usage("one of --undo, --new-password and --print-hook");
	if (x->print_hook && operands)
		ir_die_usage("--print-hook takes no mailbox");
	for (i = 0; x->backend_name && i < NO_BACKEND; i++)
		if (strcmp(x->backend_name, backends[i]) == 0)
			break;
	if (x->backend_name && i == NO_BACKEND)
		ir_die_usage("--backend: dovecot, files, cpanel or plesk");
	if ((x->passwd_file && *x->passwd_file != '/') ||
	    (x->deny_file && *x->deny_file != '/'))
		ir_die_usage("--passwd-file and --deny-file want an absolute "
		    "path");
	if ((x->passwd_file || x->deny_file) != (x->backend_name &&
	    strcmp(x->backend_name, "files") == 0) && x->backend_name)
		ir_die_usage("--passwd-file and --deny-file are the backend "
		    "files");
	if (x->owner && (*x->owner == '-' || strlen(x->owner) > 63))
		ir_die_usage("--owner: not a name of cPanel's");
}

int
main(int argc, char **argv)
{
	static struct run x = { .lock = -1 };
	const struct ir_opt opts[] = {
		{ 0, "undo", NULL, IR_BOOL, &x.undo, "let it log in again" },
		{ 0, "new-password", NULL, IR_BOOL, &x.new_password,
		    "put new passwords into the vault, print their hashes" },
		{ 0, "print-hook", NULL, IR_BOOL, &x.print_hook,
		    "print the lines of a deny list" },
		{ 0, "no-kick", NULL, IR_BOOL, &x.no_kick,
		    "leave open sessions alone" },
		{ 0, "backend", "NAME", IR_STR, &x.backend_name,
		    "dovecot, files, cpanel or plesk; default: look" },
		{ 0, "dovecot-config", "FILE", IR_STR, &x.config,
		    "of another instance, as for doveadm -c" },
		{ 0, "passwd-file", "FILE", IR_STR, &x.passwd_file,
		    "a file NAME:PASSWORD... that some server reads" },
		{ 0, "deny-file", "FILE", IR_STR, &x.deny_file,
		    "a list of names that some server refuses" },
		{ 0, "owner", "USER", IR_STR, &x.owner,
		    "cPanel's account that has the mailboxes" },
		IR_OPTS_VAULT(&x.vault), IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	check_usage(&x, n);
	if (x.print_hook) {
		print_hook();
		return ir_end(&x.err, NULL, NULL);
	}
	x.out = ir_open_output(&x.common, cols);
	if (read_input(&x, argv + 1, n))
		goto out;
	if (x.new_password)
		passwords(&x);
	else
		change(&x);
out:
	if (x.lock >= 0)
		close(x.lock);
	ir_journal_close(x.journal);
	ir_mailbox_state_free(&x.state);
	free(x.v);
	return ir_end(&x.err, x.out, &x.tally);
}
