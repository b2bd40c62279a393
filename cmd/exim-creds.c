/*
 * exim-creds.c - find this host's smarthost credentials, put new ones in
 *
 * Reads Exim's configuration and the files that it looks things up in, files
 * of other programs, a credential block.  Writes, with --put, --move and
 * --undo, Exim's files, and what they were before into the state folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "aws/smtp_proof.h"
#include "core/cli.h"
#include "core/err.h"
#include "core/file.h"
#include "core/output.h"
#include "core/record.h"
#include "core/text.h"
#include "exim/config.h"
#include "exim/creds.h"
#include "exim/creds_apply.h"
#include "exim/creds_put.h"
#include "exim/hook.h"
#include "incident/journal.h"
#include "vault/credential.h"

#define LOCK_SECONDS 30
#define RELOAD_SECONDS 15
#define PROBE_SECONDS 30

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_exim_opts exim;
	bool put, undo, compare;
	struct ir_optval move, probe;
	const char *root, *from_file, *old_user, *address;
	struct ir_list also;

	struct ir_exim_config config;
	struct ir_creds creds;
	struct ir_credential cred;
	char state[PATH_MAX];		/* folder */
	char user[256];			/* the new one */
	char file[PATH_MAX];		/* of --move */
	struct ir_secret pass[IR_CREDS_PLACES];	/* new, for each place */
	bool chosen[IR_CREDS_PLACES];
	size_t nchosen;
	struct ir_creds_want want[IR_CREDS_PLACES];
	struct ir_creds_plan *plan;
	struct ir_creds_apply apply;
	struct ir_journal *journal;
	int lock;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err err;
};

/* --- looking ------------------------------------------------------------ */

/* The configuration that Exim names; a host without Exim is looked at, too. */
static int
look(struct run *x)
{
	char live[PATH_MAX] = "";
	int rc = 0;

	if (!x->root)
		rc = ir_exim_config_ask(x->exim.exim, &x->config, &x->err);
	if (rc == 0 && !x->root)
		rc = ir_creds_exim_file(x->config.exim, live, &x->err);
	if (rc && !x->put && !x->undo && !x->move.given && !x->exim.exim &&
	    x->err.code == IR_NOINPUT) {
		ir_note(&x->common, "no Exim here: the usual files are read");
		x->err = (struct ir_err)IR_ERR_INIT;
		rc = 0;
	}
	if (x->exim.spool)
		snprintf(x->config.spool_directory, PATH_MAX, "%s",
		    x->exim.spool);
	if (rc == 0)
		rc = ir_creds_find(&x->creds, x->root, *live ? live : NULL,
		    &x->err);
	if (rc == 0)
		rc = ir_creds_find_foreign(&x->creds, x->also.v, x->also.n,
		    &x->err);
	if (rc == 0 && x->creds.cut)
		ir_warn(&x->common, "there is more than could be looked at");
	return rc;
}

static int
read_credential(struct run *x)
{
	const struct ir_secret *user;
	int rc = x->from_file ?
	    ir_credential_read_file(&x->cred, x->from_file, &x->err) :
	    ir_credential_read_fd(&x->cred, STDIN_FILENO, &x->err);

	if (rc)
		return -1;
	user = ir_credential_get(&x->cred, "username");
	if (!user || user->len == 0 || user->len >= sizeof x->user)
		return ir_fail(&x->err, IR_DATAERR,
		    "the credential has no username");
	memcpy(x->user, user->data, user->len + 1);
	return 0;
}

/* For a region that is not known, the one password that there is. */
static int
password_for(struct run *x, const struct ir_creds_place *p,
    struct ir_secret *pass, struct ir_err *err)
{
	if (ir_credential_password(&x->cred, *p->region ? p->region : NULL,
	    pass, err) == 0)
		return 0;
	ir_fail_prefix(err, "%s:%u", p->path, p->line);
	return -1;
}

static void
compare(struct run *x, const struct ir_creds_place *p, struct ir_rec *r)
{
	struct ir_secret pass = IR_SECRET_INIT;
	struct ir_err why = IR_ERR_INIT;

	ir_rec_bool(r, "same_user", strcmp(p->user, x->user) == 0);
	if (p->pass.len && password_for(x, p, &pass, &why) == 0)
		ir_rec_bool(r, "same_password", pass.len == p->pass.len &&
		    memcmp(pass.data, p->pass.data, pass.len) == 0);
	else
		ir_rec_null(r, "same_password");
	ir_secret_free(&pass);
}

static void
list(struct run *x)
{
	const struct ir_creds_place *p;
	struct ir_rec *r;
	size_t i;

	for (i = 0; i < x->creds.n; i++) {
		p = &x->creds.place[i];
		r = ir_creds_record(&x->creds, p);
		if (x->compare)
			compare(x, p, r);
		if (ir_rec_get_bool(r, "readable_by.world", false))
			ir_warn(&x->common, "%s: everybody may read it",
			    p->path);
		ir_out_put(x->out, r);
	}
}

/* --- choosing ----------------------------------------------------------- */

static bool
named(const struct ir_creds_place *p, const char *id)
{
	char own[PATH_MAX + 16];

	snprintf(own, sizeof own, "%s:%u", p->path, p->line);
	return strcmp(own, id) == 0;
}

static int
choose_id(struct run *x, const char *id, struct ir_err *err)
{
	size_t i, n = 0;

	for (i = 0; i < x->creds.n; i++) {
		if (!named(&x->creds.place[i], id))
			continue;
		n++;
		if (!x->creds.place[i].managed)
			return ir_fail(err, IR_DATAERR, "%s cannot be "
			    "changed: %s", id, x->creds.place[i].why);
		x->nchosen += !x->chosen[i];
		x->chosen[i] = true;
	}
	if (n == 0)
		return ir_fail(err, IR_DATAERR, "no credential at %s", id);
	return 0;
}

static int
choose_record(const struct ir_rec *r, void *arg, struct ir_err *err)
{
	const char *id = ir_rec_get(r, "id");

	/* what a plan says of others is not its subject */
	if (ir_rec_has(r, "changed") && ir_rec_has(r, "managed") &&
	    !ir_rec_get_bool(r, "managed", true))
		return 0;
	return id ? choose_id(arg, id, err) :
	    ir_fail(err, IR_DATAERR, "no id in it");
}

static int
choose_named(struct run *x, char **operands, int n)
{
	int rc = ir_in_each(operands, (size_t)n, choose_record, x,
	    &x->err);

	if (rc == 0 && x->nchosen == 0)
		return ir_fail(&x->err, IR_USAGE, "no place given");
	return rc;
}

/* May this place be chosen without being named? */
static bool
eligible(const struct run *x, const struct ir_creds_place *p)
{
	return p->managed && *p->user && (!x->move.given ||
	    (p->pass_at.conf > 0 && p->user_at.there));
}

/* The one user, beside the new one, whose credential is here. */
static int
guess_user(struct run *x, const char **old)
{
	const struct ir_creds_place *p;
	size_t i;

	*old = NULL;
	for (i = 0; i < x->creds.n; i++) {
		p = &x->creds.place[i];
		if (!eligible(x, p) || strcmp(p->user, x->user) == 0)
			continue;
		if (*old && strcmp(*old, p->user) != 0) {
			ir_fail(&x->err, IR_USAGE, "credentials of several "
			    "users are here: %s and %s", *old, p->user);
			ir_hint(&x->err, "name the one to replace with "
			    "--old-user");
			return -1;
		}
		*old = p->user;
	}
	return 0;
}

static int
choose(struct run *x, char **operands, int n)
{
	const struct ir_creds_place *p;
	const char *old = x->old_user;
	size_t i;

	if (n)
		return choose_named(x, operands, n);
	if (!old && guess_user(x, &old))
		return -1;
	for (i = 0; i < x->creds.n; i++) {
		p = &x->creds.place[i];
		/* those that a run before this one has changed, as well */
		if (!eligible(x, p) || ((!old || strcmp(p->user, old) != 0) &&
		    strcmp(p->user, x->user) != 0))
			continue;
		x->chosen[i] = true;
		x->nchosen++;
	}
	if (x->nchosen)
		return 0;
	if (x->old_user)
		return ir_fail(&x->err, IR_USAGE, "no credential of %s here "
		    "that could be changed", x->old_user);
	return ir_fail(&x->err, IR_USAGE, x->move.given ? "no credential "
	    "stands in the configuration itself" : "no credential here that "
	    "could be changed");
}

/* --- planning ----------------------------------------------------------- */

/* What SES gave out has a form; anything else is somebody's mistake. */
static int
check_format(struct run *x, const struct ir_secret *pass)
{
	if (!ir_ses_user(x->user, strlen(x->user)) ||
	    ir_ses_password(pass->data, pass->len))
		return 0;
	ir_fail(&x->err, IR_DATAERR, "the password of %s is not an SMTP "
	    "password of Amazon SES", x->user);
	ir_hint(&x->err, "it is 44 characters of base64; the secret access "
	    "key is another thing");
	return -1;
}

static int
plan_put(struct run *x)
{
	struct ir_err why = IR_ERR_INIT;
	struct ir_creds_place *p;
	size_t i, n = 0;

	for (i = 0; i < x->creds.n; i++) {
		p = &x->creds.place[i];
		if (!x->chosen[i])
			continue;
		if (password_for(x, p, &x->pass[i], &why)) {
			/* an entry that nobody reads may go on being wrong */
			if (!p->nauth && why.code == IR_DATAERR) {
				ir_warn(&x->common, "%s: left as it is",
				    why.msg);
				x->chosen[i] = false;
				x->nchosen--;
				continue;
			}
			x->err = why;
			return -1;
		}
		if (check_format(x, &x->pass[i]) || ir_creds_put(x->plan,
		    &x->creds, p, x->user, &x->pass[i], &x->err))
			return -1;
		x->want[n++] = (struct ir_creds_want){ p, x->user,
			&x->pass[i] };
	}
	return 0;
}

static int
move_name(struct run *x)
{
	const char *slash = strrchr(x->creds.live, '/');

	if (x->move.value)
		snprintf(x->file, sizeof x->file, "%s", x->move.value);
	else if (x->creds.debian)
		snprintf(x->file, sizeof x->file, IR_DEBIAN_DIR
		    "/smtp-credential");
	else
		snprintf(x->file, sizeof x->file, "%.*s/smtp-credential",
		    slash ? (int)(slash - x->creds.live) : 0, x->creds.live);
	return 0;
}

static int
plan_move(struct run *x)
{
	const struct ir_creds_place *p, *first = NULL;
	size_t i, n = 0;
	uid_t uid;
	gid_t gid;

	if (ir_exim_uid(x->config.spool_directory, &uid, &gid, &x->err))
		return -1;
	for (i = 0; i < x->creds.n; i++) {
		p = &x->creds.place[i];
		if (!x->chosen[i])
			continue;
		if (!eligible(x, p))
			return ir_fail(&x->err, IR_DATAERR, "%s:%u: the "
			    "credential does not stand in the configuration",
			    p->path, p->line);
		if (first && (strcmp(first->user, p->user) != 0 ||
		    first->pass.len != p->pass.len || memcmp(first->pass.data,
		    p->pass.data, p->pass.len) != 0)) {
			ir_fail(&x->err, IR_USAGE, "%s:%u and %s:%u are not "
			    "the same credential", first->path, first->line,
			    p->path, p->line);
			ir_hint(&x->err, "name one of them, and a file for it");
			return -1;
		}
		if (!first)
			first = p;
		if (ir_creds_move(x->plan, &x->creds, p, x->file, &x->err))
			return -1;
		x->want[n++] = (struct ir_creds_want){ p, p->user, &p->pass };
	}
	snprintf(x->user, sizeof x->user, "%s", first->user);
	return ir_creds_move_file(x->plan, x->file, x->user, &first->pass,
	    gid, &x->err);
}

static int
plan(struct run *x)
{
	x->plan = ir_creds_plan_new(&x->err);
	if (!x->plan || (x->move.given && move_name(x)) ||
	    (x->move.given ? plan_move(x) : plan_put(x)))
		return -1;
	return ir_creds_plan_end(x->plan, &x->creds, &x->err);
}

/* --- asking the other side ---------------------------------------------- */

static int
probe_one(struct run *x, const struct ir_creds_place *p,
    const struct ir_secret *pass)
{
	struct ir_smtp_proof proof = { .endpoint = x->probe.value ?
		x->probe.value : "email-smtp.{region}.amazonaws.com",
		.region = p->region, .user = x->user, .password = pass,
		.deadline = ir_mono_ms() + PROBE_SECONDS * 1000 };
	int code;

	if (!*p->region && strstr(proof.endpoint, "{region}"))
		return ir_fail(&x->err, IR_USAGE, "--probe: %s:%u: which "
		    "region is not known: name the endpoint", p->path,
		    p->line);
	code = ir_smtp_proof_auth(&proof, &x->err);
	if (code == 235) {
		x->err = (struct ir_err)IR_ERR_INIT;
		return 0;
	}
	if (code == 535)
		return ir_fail(&x->err, IR_NOPERM, "the new credential is "
		    "refused (535): nothing changed");
	return x->err.code ? -1 : ir_fail(&x->err, IR_TEMPFAIL, "the new "
	    "credential could not be tried (%d)", code);
}

/* Each region once. */
static int
probe(struct run *x)
{
	size_t i, k;

	for (i = 0; x->probe.given && i < x->creds.n; i++) {
		if (!x->chosen[i])
			continue;
		for (k = 0; k < i; k++)
			if (x->chosen[k] && strcmp(x->creds.place[k].region,
			    x->creds.place[i].region) == 0)
				break;
		if (k == i && probe_one(x, &x->creds.place[i], &x->pass[i]))
			return -1;
	}
	return 0;
}

/* --- records ------------------------------------------------------------ */

/* Is a file of the place in the plan? */
static bool
changes(const struct run *x, const struct ir_creds_place *p)
{
	const struct ir_creds_spot *s[] = { &p->user_at, &p->pass_at };
	const struct ir_creds_edit *e;
	const struct ir_buf *b;
	size_t i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; s[i]->there && k < x->plan->nedit; k++) {
			e = &x->plan->edit[k];
			if (e->conf != s[i]->conf || e->file != s[i]->file ||
			    e->from != s[i]->from)
				continue;
			b = &x->creds.conf[e->conf]->file[e->file].bytes;
			if (e->text.len != e->to - e->from ||
			    memcmp(e->text.data, b->data + e->from,
			    e->text.len) != 0)
				return true;
		}
	}
	return false;
}

static void
report_chosen(struct run *x, size_t i)
{
	const struct ir_creds_place *p = &x->creds.place[i];
	struct ir_rec *r = ir_creds_record(&x->creds, p);

	ir_rec_str(r, "new_user", x->user);
	ir_rec_bool(r, "changed", changes(x, p));
	if (x->move.given)
		ir_rec_str(r, "moved_to", x->file);
	if (x->change.dry_run) {
		ir_rec_bool(r, "dry_run", true);
		ir_rec_bool(r, "reload_needed", x->plan->config);
	} else {
		ir_rec_str(r, "reload", x->apply.reload);
	}
	ir_rec_bool(r, "ok", true);
	ir_tally_add(&x->tally, IR_OK);
	ir_out_put(x->out, r);
}

/* What holds the old credential and is not ours to change. */
static void
report_left(struct run *x, size_t i)
{
	const struct ir_creds_place *p = &x->creds.place[i];
	struct ir_rec *r = ir_creds_record(&x->creds, p);

	ir_warn(&x->common, "%s:%u holds the old credential of %s as well, "
	    "and stays as it is: %s", p->path, p->line, p->user, p->why);
	ir_rec_bool(r, "changed", false);
	if (x->change.dry_run)
		ir_rec_bool(r, "dry_run", true);
	ir_out_put(x->out, r);
}

static bool
left_behind(const struct run *x, const struct ir_creds_place *p)
{
	size_t i;

	if (p->managed || p->generated || !*p->user || x->move.given ||
	    strcmp(p->user, x->user) == 0)
		return false;
	for (i = 0; i < x->creds.n; i++)
		if (x->chosen[i] &&
		    strcmp(x->creds.place[i].user, p->user) == 0)
			return true;
	return false;
}

static void
report(struct run *x)
{
	size_t i;

	for (i = 0; i < x->creds.n; i++)
		if (x->chosen[i])
			report_chosen(x, i);
		else if (left_behind(x, &x->creds.place[i]))
			report_left(x, i);
	if (*x->apply.wrong)
		ir_warn(&x->common, "the authenticator %s would send "
		    "something else; it is no way to a host that offers PLAIN "
		    "or LOGIN", x->apply.wrong);
}

/* --- changing ----------------------------------------------------------- */

/* Two runs with state folders of their own must not meet either. */
static int
lock(struct run *x)
{
	long limit = x->common.timeout ? x->common.timeout : LOCK_SECONDS;
	int64_t end = ir_mono_ms() + limit * 1000;
	struct timespec nap = { 0, 20 * 1000000L };
	char dir[PATH_MAX];
	const char *slash;

	if (ir_creds_exim_file(x->config.exim, dir, &x->err))
		return -1;
	slash = strrchr(dir, '/');
	dir[slash == dir ? 1 : slash - dir] = '\0';
	x->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->lock < 0)
		return ir_fail_errno(&x->err, ir_errno_code(errno, IR_OSERR),
		    errno, "%s", dir);
	while (flock(x->lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ir_fail_errno(&x->err, IR_OSERR, errno, "%s",
			    dir);
		if (ir_mono_ms() >= end)
			return ir_fail(&x->err, IR_TEMPFAIL, "%s: locked by "
			    "another exim-creds", dir);
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int
note(struct run *x, const char *event)
{
	struct ir_rec *data = ir_rec_object(), *files = ir_rec_array();
	size_t i;

	ir_rec_str(data, "action", x->undo ? "undo" : x->move.given ? "move" :
	    "put");
	ir_rec_str(data, "user", x->undo ? x->apply.tx.user : x->user);
	for (i = 0; x->plan && i < x->plan->n; i++)
		ir_rec_push_str(files, x->plan->change[i].path);
	for (i = 0; x->undo && i < x->apply.tx.n; i++)
		ir_rec_push_str(files, x->apply.tx.file[i].path);
	ir_rec_set(data, "files", files);
	if (*x->apply.reload)
		ir_rec_str(data, "reload", x->apply.reload);
	return ir_journal_add(x->journal, event, data, &x->err);
}

/* The state folder, and what a run before this one left there. */
static int
open_state(struct run *x)
{
	char path[PATH_MAX];

	if (ir_journal_open(&x->journal, x->change.dry_run ? NULL :
	    x->change.incident, ir_prog(), &x->err))
		return -1;
	if (x->journal && ir_journal_path(x->journal, "state/exim-creds.json",
	    path, &x->err))
		return -1;
	if (x->journal)
		snprintf(x->state, sizeof x->state, "%.*s",
		    (int)(strrchr(path, '/') - path), path);
	else if (x->change.incident)
		snprintf(x->state, sizeof x->state, "%s/state",
		    x->change.incident);
	else if (x->change.dry_run ?
	    ir_state_name(x->state, sizeof x->state, &x->err) :
	    ir_state_dir(x->state, sizeof x->state, &x->err))
		return -1;
	return ir_tx_load(&x->apply.tx, x->state, &x->err);
}

static int
recover(struct run *x)
{
	int rc = 0;

	if (x->change.dry_run && (x->apply.tx.status == IR_TX_UNDER_WAY ||
	    x->apply.tx.status == IR_TX_UNDOING))
		ir_warn(&x->common, "a run before this one was cut off: a "
		    "real run first puts back what it changed");
	else if (!x->change.dry_run)
		rc = ir_creds_recover(&x->apply, &x->err);
	if (rc > 0)
		ir_warn(&x->common, "a run before this one was cut off: what "
		    "it had changed is put back");
	return rc < 0 ? -1 : 0;
}

static int
begin(struct run *x)
{
	if (ir_exim_config_ask(x->exim.exim, &x->config, &x->err))
		return -1;
	if (x->exim.spool)
		snprintf(x->config.spool_directory, PATH_MAX, "%s",
		    x->exim.spool);
	x->apply.exim = &x->config;
	x->apply.creds = &x->creds;
	x->apply.address = x->address;
	x->apply.reload = "";
	x->apply.reload_ms = 1000 * (x->common.timeout ? x->common.timeout :
	    RELOAD_SECONDS);
	if ((!x->change.dry_run && lock(x)) || open_state(x))
		return -1;
	return 0;
}

static int
confirm(struct run *x)
{
	if (x->change.dry_run)
		return 0;
	if (x->undo)
		return ir_confirm(&x->change, 1, &x->err, "put back what was "
		    "before the credential of %s?", x->apply.tx.user);
	/* however many places: it is one credential */
	if (x->move.given)
		return ir_confirm(&x->change, 1, &x->err, "move the "
		    "credential of %s from %zu place%s into %s?", x->user,
		    x->nchosen, x->nchosen == 1 ? "" : "s", x->file);
	return ir_confirm(&x->change, 1, &x->err, "put the credential of %s "
	    "into %zu place%s?", x->user, x->nchosen,
	    x->nchosen == 1 ? "" : "s");
}

static int
act(struct run *x)
{
	if (x->change.dry_run)
		return 0;
	if (x->plan->n == 0) {
		x->apply.reload = "not needed";
		return 0;
	}
	if (ir_creds_apply_init(&x->apply, &x->err) || probe(x) ||
	    note(x, "exim-creds.begin"))
		return -1;
	if (ir_creds_apply(&x->apply, x->plan, x->want, x->nchosen, x->user,
	    &x->err))
		return -1;
	return note(x, "exim-creds.end");
}

static void
change(struct run *x, char **operands, int n)
{
	int rc;

	if (begin(x) || recover(x) || look(x) || choose(x, operands, n) ||
	    plan(x) || confirm(x))
		return;
	rc = act(x);
	if (rc == 0 || (x->apply.tx.status == IR_TX_DONE &&
	    *x->apply.reload))
		report(x);
}

/* --- undoing ------------------------------------------------------------ */

static void
report_undo(struct run *x, bool changed)
{
	const struct ir_tx *t = &x->apply.tx;
	struct ir_rec *r;
	size_t i;

	for (i = 0; i < t->n || i == 0; i++) {
		r = ir_rec_new("smtp-credential-undo", t->n ?
		    t->file[i].path : x->state);
		ir_rec_bool(r, "changed", changed);
		if (x->change.dry_run)
			ir_rec_bool(r, "dry_run", true);
		else if (changed)
			ir_rec_str(r, "reload", x->apply.reload);
		if (!changed)
			ir_rec_str(r, "why", "nothing to undo");
		ir_rec_bool(r, "ok", true);
		ir_out_put(x->out, r);
		ir_tally_add(&x->tally, IR_OK);
	}
}

static void
undo(struct run *x)
{
	bool any;

	if (begin(x))
		return;
	any = x->apply.tx.status != IR_TX_NONE &&
	    x->apply.tx.status != IR_TX_UNDONE;
	if (any && !x->change.dry_run && (confirm(x) ||
	    note(x, "exim-creds.begin") ||
	    ir_creds_undo(&x->apply, &x->err)))
		return;
	report_undo(x, any);
	if (any && !x->change.dry_run)
		note(x, "exim-creds.end");
}

/* --- the run ------------------------------------------------------------ */

static void
check_usage(struct run *x, char **operands, int n)
{
	bool change = x->put || x->move.given || x->undo;
	int i;

	if (x->put + x->move.given + x->undo + x->compare > 1)
		ir_die_usage("one of --put, --move, --undo and --compare");
	if (x->root && change)
		ir_die_usage("--root is for looking only");
	if (n && !x->put && !x->move.given)
		ir_die_usage("takes no operands without --put or --move");
	if (x->from_file && !x->put && !x->compare)
		ir_die_usage("--from-file goes with --put or --compare");
	if (x->old_user && ((!x->put && !x->move.given) || n))
		ir_die_usage("--old-user goes with --put or --move, without "
		    "operands");
	if (x->probe.given && !x->put)
		ir_die_usage("--probe goes with --put");
	if (!change && (x->change.dry_run || x->change.yes.given ||
	    x->change.incident))
		ir_die_usage("-n, -y and --incident go with --put, --move or "
		    "--undo");
	if (x->address[0] == '-' || !strchr(x->address, '@'))
		ir_die_usage("--route: not an address: %s", x->address);
	for (i = 0; i < n; i++)
		if (strcmp(operands[i], "-") == 0 && x->put && !x->from_file)
			ir_die_usage("standard input has the places: the "
			    "credential must come with --from-file");
	if ((x->put || x->compare) && !x->from_file && isatty(STDIN_FILENO))
		ir_die_usage("standard input is a terminal: the credential "
		    "comes on a pipe or with --from-file");
}

static const struct ir_col cols[] = {
	{ "id", "PLACE" }, { "kind", "KIND" }, { "user", "USER" },
	{ "host", "HOST" }, { "managed", "MANAGED" }, { "live", "LIVE" },
	{ "readable_by.mode", "MODE" }, { "changed", "CHANGED" },
	{ "same_password", "SAME" }, { "why", "WHY" }, { NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-creds", "find this host's smarthost credentials, put new ones in",
	"[options] [place ... | -]"
};

static void
clean_up(struct run *x)
{
	size_t i;

	for (i = 0; i < IR_CREDS_PLACES; i++)
		ir_secret_free(&x->pass[i]);
	if (x->lock >= 0)
		close(x->lock);
	ir_journal_close(x->journal);
	ir_creds_plan_free(x->plan);
	ir_creds_apply_free(&x->apply);
	ir_creds_free(&x->creds);
	ir_credential_free(&x->cred);
	ir_secret_burn();
}

int
main(int argc, char **argv)
{
	static struct run x = { .lock = -1,
		.address = "quell-probe@example.org" };
	const struct ir_opt opts[] = {
		{ 0, "put", NULL, IR_BOOL, &x.put,
		    "put the credential on standard input in place" },
		{ 0, "move", "FILE", IR_OPTVAL, &x.move,
		    "from the configuration into a lookup file" },
		{ 0, "undo", NULL, IR_BOOL, &x.undo,
		    "put back what was before" },
		{ 0, "compare", NULL, IR_BOOL, &x.compare,
		    "is it the credential on standard input?" },
		{ 0, "from-file", "FILE", IR_STR, &x.from_file,
		    "the credential; default: standard input" },
		{ 0, "old-user", "USER", IR_STR, &x.old_user,
		    "whose credential is replaced" },
		{ 0, "probe", "ENDPOINT", IR_OPTVAL, &x.probe,
		    "try the new one there first; default: SES" },
		{ 0, "route", "ADDRESS", IR_STR, &x.address,
		    "Exim is asked how it would route it" },
		{ 0, "root", "DIR", IR_STR, &x.root,
		    "look at a mounted image instead of this host" },
		{ 0, "also", "PATH", IR_LIST, &x.also,
		    "look there, too, for files of other programs" },
		IR_OPTS_EXIM(&x.exim), IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common), IR_OPT_END
	};
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	check_usage(&x, argv + 1, n);
	x.out = ir_open_output(&x.common, cols);
	if ((x.put || x.compare) && read_credential(&x))
		goto out;
	if (x.undo)
		undo(&x);
	else if (x.put || x.move.given)
		change(&x, argv + 1, n);
	else if (look(&x) == 0)
		list(&x);
out:
	clean_up(&x);
	return ir_end(&x.err, x.out, &x.tally);
}
