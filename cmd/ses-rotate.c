/*
 * ses-rotate - replace a SES SMTP key, by steps that survive a crash
 *
 * Reads keys (operands or records of type aws-key), their users' keys and
 * policies, the state of earlier runs.  Deactivates keys, creates others,
 * seals their secrets (vault or file), proves both, hands the new ones on.
 * Writes records of type aws-key and ingress-point; state without secrets.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ingress.h"
#include "aws/keys.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "incident/journal.h"
#include "net/smtp.h"
#include "rotate/rotate.h"
#include "vault/vault.h"

#define MAX_ROTATIONS 64
#define ENDPOINT "email-smtp.{region}.amazonaws.com:587"

enum mode { ROTATE, RESUME, BACK, STATUS, STEPS };

struct app {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws_opts;
	struct ir_vault_opts vault;
	struct ir_rotate_want want;
	struct ir_rotate_run run;
	const char *phase, *key_opt;
	struct ir_list users;
	long older;
	bool routine, all, resume, rollback, status, steps;
	char path[4][PATH_MAX];	/* of files, from the root */

	enum mode mode;
	int phases;
	bool again;		/* a phase was named: do it once more */
	struct ir_state state;
	char account[13], arn[512];
	struct ir_rotate *r;	/* MAX_ROTATIONS of them */
	size_t n;
	struct ir_out *out;
	struct ir_tally tally;
};

static const struct ir_cmd cmd = {
	"ses-rotate", "replace a SES SMTP key: contain, create, prove",
	"[-ny] [--phase=PHASE] [--vault=FILE | --out=FILE] [options] [key ...]"
};

static const struct ir_col cols[] = {
	{ "id", "KEY" }, { "role", "ROLE" }, { "user", "USER" },
	{ "status", "STATUS" }, { "changed", "CHANGED" },
	{ "proof.before", "BEFORE" }, { "proof.dead_535", "535" },
	{ "proof.auth_235", "235" }, { "proof.data", "DATA" },
	{ "file", "FILE" }, { "step", "STEP" }, { "next", "NEXT" },
	{ "ok", "OK" }, { "why", "WHY" }, { NULL, NULL }
};

/* --- records ----------------------------------------------------------- */

static struct ir_rec *
record(struct app *a, struct ir_rotate *r, const char *id, const char *role)
{
	struct ir_rec *rec = ir_rec_new("aws-key", id);
	struct ir_key *k = ir_keys_find(&r->keys, id);

	ir_rec_str(rec, "role", role);
	ir_rec_str(rec, "account", a->account);
	ir_rec_str(rec, "user", r->user);
	ir_rec_str(rec, "status", k ? k->status : "absent");
	ir_rec_str(rec, "phase", a->phase);
	ir_rec_bool(rec, "routine", r->routine);
	ir_rec_bool(rec, "dry_run", a->change.dry_run);
	return rec;
}

static void
put(struct app *a, struct ir_rec *rec, bool changed, const struct ir_err *err)
{
	ir_rec_bool(rec, "changed", changed);
	ir_rec_bool(rec, "ok", !err || !err->code);
	if (err && err->code)
		ir_rec_str(rec, "why", err->msg);
	ir_out_put(a->out, rec);
}

static void
copy(struct ir_rec *to, const char *as, const struct ir_rec *from,
    const char *name)
{
	const struct ir_rec *v = ir_rec_at(from, name);

	if (v)
		ir_rec_set(to, as, ir_rec_copy(v));
}

static void
stands(struct ir_rec *rec, const struct ir_rec *entry)
{
	const char *done, *next;

	ir_rotate_stands(entry, &done, &next);
	if (done)
		ir_rec_str(rec, "step", done);
	if (next)
		ir_rec_str(rec, "next", next);
}

/* What a real run would change, and what would stand in its way. */
static bool
plan_old(struct app *a, struct ir_rotate *r, struct ir_rec *rec)
{
	struct ir_key *k = ir_keys_find(&r->keys, r->old);
	int phase = r->routine ? IR_ROTATE_PUBLISH : IR_ROTATE_CONTAIN;

	if (a->mode == BACK)
		return k && strcmp(k->status, "Active") != 0;
	ir_rec_bool(rec, "slot", r->keys.n < 2);
	if ((a->phases & IR_ROTATE_CREATE) && !ir_rotate_made(r)) {
		ir_rotate_look(r);
		copy(rec, "may_send", r->may_send, "verdict");
		copy(rec, "may_send_why", r->may_send, "why");
		copy(rec, "policies", r->may_send, "policies");
		if (r->keys.n >= 2)
			ir_rec_str(rec, "why", "the user has two keys: no "
			    "room for a new one");
	}
	if (r->want.out)
		ir_rec_str(rec, "file", r->want.out);
	return (a->phases & phase) && k && strcmp(k->status, "Active") == 0;
}

static void
report_old(struct app *a, struct ir_rotate *r, const struct ir_err *err)
{
	struct ir_rec *rec = record(a, r, r->old, "old");
	struct ir_rec *proof = ir_rec_object();
	bool changed = r->old_changed;

	copy(proof, "before", r->entry, "before");
	copy(proof, "legacy", r->entry, "legacy");
	copy(proof, "dead_535", r->entry, "dead_535");
	ir_rec_set(rec, "proof", proof);
	if (a->change.dry_run)
		changed = plan_old(a, r, rec);
	else
		stands(rec, r->entry);
	put(a, rec, changed, err);
}

/* A new key that is not an orphan of this run; in a plan only to go back. */
static const char *
shown_new(struct app *a, struct ir_rotate *r)
{
	const char *id = a->change.dry_run && a->mode != BACK ? NULL :
	    ir_rec_get(r->entry, "new");
	size_t i;

	for (i = 0; id && i < r->norphans; i++)
		if (strcmp(r->orphans[i], id) == 0)
			return NULL;
	return id;
}

static void
report_new(struct app *a, struct ir_rotate *r, const struct ir_err *err)
{
	struct ir_rec *rec = record(a, r, shown_new(a, r), "new");
	struct ir_rec *proof = ir_rec_object();
	struct ir_key *k = ir_keys_find(&r->keys, shown_new(a, r));
	bool changed = a->change.dry_run ? k &&
	    strcmp(k->status, "Active") == 0 : r->new_changed;

	copy(proof, "auth_235", r->entry, "proven.auth_235");
	copy(proof, "data", r->entry, "proven.data");
	ir_rec_set(rec, "proof", proof);
	copy(rec, "file", r->entry, "file");
	copy(rec, "sealed", r->entry, "sealed");
	copy(rec, "regions", r->entry, "regions");
	stands(rec, r->entry);
	put(a, rec, changed, err);
}

/* The error is the old key's as long as that was to be contained. */
static void
report(struct app *a, struct ir_rotate *r)
{
	bool new = shown_new(a, r) != NULL;
	bool old = !r->routine && (a->phases & IR_ROTATE_CONTAIN) &&
	    !ir_rec_has(r->entry, "steps.prove-dead.done") &&
	    !ir_rec_at(r->entry, "steps.prove-dead.done");
	struct ir_rec *rec;
	size_t i;

	report_old(a, r, new && !old ? NULL : &r->err);
	for (i = 0; i < r->norphans; i++) {
		rec = record(a, r, r->orphans[i], "orphan");
		ir_rec_bool(rec, "deleted", r->orphan_deleted[i]);
		ir_rec_str(rec, "why", r->orphan_deleted[i] ?
		    "its secret was lost: deleted, a person said so" :
		    "its secret was lost: deactivated");
		put(a, rec, true, NULL);
	}
	if (new)
		report_new(a, r, old ? NULL : &r->err);
}

static void
report_ingress(const struct ir_ingress *p, void *arg)
{
	struct app *a = arg;
	struct ir_rec *rec;

	if (strcmp(p->type, "AUTH") != 0)
		return;
	rec = ir_rec_new("ingress-point", p->id);
	ir_rec_str(rec, "name", p->name);
	ir_rec_str(rec, "region", p->region);
	ir_rec_str(rec, "status", p->status);
	ir_rec_str(rec, "host", p->record);
	ir_rec_str(rec, "secret", p->secret ? p->secret : "its own password");
	ir_rec_bool(rec, "dry_run", a->change.dry_run);
	ir_rec_str(rec, "why", "Mail Manager: its SMTP credentials are not "
	    "an IAM user's and live on; see ses-pause");
	put(a, rec, false, NULL);
}

static void
no_ingress(const char *region, const struct ir_err *why, void *arg)
{
	struct app *a = arg;

	ir_note(&a->common, "Mail Manager in %s was not looked at: %s",
	    region, why->msg);
}

/* Doors that stay open when the key is dead, in the regions of it all. */
static void
look_at_ingress(struct app *a)
{
	const char *names[64];
	size_t n = 0, i, k, j;
	struct ir_err err;

	for (i = 0; i < a->n; i++)
		for (k = 0; k < a->r[i].nregions; k++) {
			for (j = 0; j < n &&
			    strcmp(names[j], a->r[i].regions[k]) != 0; j++)
				;
			if (j == n && n < 64)
				names[n++] = a->r[i].regions[k];
		}
	(void)ir_ingress_each(a->run.aws, names, n, report_ingress,
	    no_ingress, a, &err);
}

/* --- options ----------------------------------------------------------- */

static void
check_phase(struct app *a)
{
	static const struct {
		const char *name;
		int phases;
	} words[] = { { "contain", IR_ROTATE_CONTAIN },
		{ "create", IR_ROTATE_CREATE }, { "prove", IR_ROTATE_PROVE },
		{ "publish", IR_ROTATE_PUBLISH }, { "all", IR_ROTATE_ALL } };
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].name, a->phase) == 0)
			a->phases = words[i].phases;
	if (!a->phases)
		ir_die_usage("--phase: not contain, create, prove, publish or "
		    "all: %s", a->phase);
	a->again = a->phases != IR_ROTATE_ALL;
	if (a->again && (a->routine || a->older || a->mode != ROTATE))
		ir_die_usage("--phase: not with --routine, --older-than, "
		    "--resume or --rollback");
}

/* The state outlives this run's working folder. */
static void
from_root(const char **path, char out[PATH_MAX], const char *option)
{
	char cwd[PATH_MAX] = "";

	if (!*path)
		return;
	if (**path != '/' && !getcwd(cwd, sizeof cwd))
		ir_die_usage("%s: say it from the root", option);
	if ((size_t)snprintf(out, PATH_MAX, "%s%s%s", cwd, *cwd ? "/" : "",
	    *path) >= PATH_MAX)
		ir_die_usage("%s: too long", option);
	*path = out;
}

/* A vault that nobody asked for is not used. */
static void
check_places(struct app *a)
{
	const char *env = getenv("QUELL_VAULT");

	if (!a->vault.path && env && *env)
		a->vault.path = env;
	if (!a->vault.path && (a->vault.key || a->want.vault_name))
		ir_die_usage("--vault-key, --vault-name: which --vault?");
	a->want.vault = a->vault.path;
	from_root(&a->want.out, a->path[0], "--out");
	from_root(&a->want.vault, a->path[1], "--vault");
	from_root(&a->want.password_file, a->path[2], "--old-password-file");
	from_root(&a->want.secret_file, a->path[3], "--old-secret-file");
	a->run.vault_key = a->vault.key;
	if (a->mode == ROTATE && (a->phases & IR_ROTATE_CREATE) &&
	    !a->want.out && !a->want.vault)
		ir_die_usage("--vault or --out is needed: the secret is shown "
		    "only once");
}

static void
check_commands(struct app *a)
{
	struct ir_rotate_words w;
	struct ir_err err = IR_ERR_INIT;
	const char *s = a->want.publish_secret;

	if ((a->want.publish && ir_rotate_words(a->want.publish, &w, &err)) ||
	    (a->want.verify && ir_rotate_words(a->want.verify, &w, &err)))
		ir_die_usage("--publish, --verify: %s", err.msg);
	if (s && (strlen(s) > 512 || strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789/_+=.@:-") != strlen(s)))
		ir_die_usage("--publish-secret: not the name of a secret: %s",
		    s);
}

static void
check_endpoint(struct app *a)
{
	const char *env = getenv("QUELL_SES_SMTP");
	const char *e = a->want.endpoint;
	char host[256];
	int port = 0;

	if (!e)
		e = env && *env ? env : ENDPOINT;
	if (ir_smtp_endpoint(e, "us-east-1", host, sizeof host, &port, NULL))
		ir_die_usage("--smtp-endpoint: not HOST[:PORT]: %s", e);
	a->want.endpoint = e;
}

static void
check_mode(struct app *a, int n)
{
	int modes = a->resume + a->rollback + a->status + a->steps;

	if (modes > 1)
		ir_die_usage("--resume, --rollback, --status: one of them");
	a->mode = a->resume ? RESUME : a->rollback ? BACK :
	    a->status ? STATUS : a->steps ? STEPS : ROTATE;
	if (a->mode == BACK && !a->key_opt && n == 0)
		ir_die_usage("--rollback: of which key?");
	if (a->older && a->mode != ROTATE)
		ir_die_usage("--older-than starts rotations");
	if (a->older && !a->users.n && !a->all)
		ir_die_usage("--older-than: of which --user?  Or --all");
	if (a->all && (!a->older || a->users.n))
		ir_die_usage("--all: with --older-than, without --user");
	a->routine = a->routine || a->older;
	check_phase(a);
}

/* What can be said before anything is opened. */
static void
check_usage(struct app *a, int n)
{
	struct ir_err err = IR_ERR_INIT;
	mode_t mode;
	gid_t gid;

	check_mode(a, n);
	if (a->key_opt && n)
		ir_die_usage("--key and an operand: one of them");
	if (a->older && (a->key_opt || n))
		ir_die_usage("--older-than finds the keys itself");
	if (a->mode == ROTATE && !a->older && !a->key_opt && n == 0 &&
	    isatty(STDIN_FILENO))
		ir_die_usage("no key, and standard input is a terminal");
	if (!a->older && a->users.n > 1)
		ir_die_usage("--user: one, or --older-than");
	if (a->want.password_file && a->want.secret_file)
		ir_die_usage("--old-password-file and --old-secret-file: one "
		    "of them");
	if (a->run.proofs < 1 || a->run.proofs > 1000)
		ir_die_usage("--proofs: 1 to 1000");
	/* a new key spreads for half a minute, and is taken in between */
	if (a->run.over < 0)
		a->run.over = a->run.wait < 120 ? a->run.wait / 6 : 20;
	if (a->run.over > 3600)
		ir_die_usage("--over: at most an hour");
	if (a->want.from && !ir_smtp_address_ok(a->want.from))
		ir_die_usage("--from: not a mail address: %s", a->want.from);
	if (ir_rotate_mode(&a->want, &mode, &gid, &err))
		ir_die_usage("%s", err.msg);
	check_endpoint(a);
	check_commands(a);
	check_places(a);
}

/* --- which keys -------------------------------------------------------- */

static int
add_key(struct app *a, const char *id, const char *user, bool routine,
    struct ir_err *err)
{
	struct ir_rotate *r;
	size_t i;

	for (i = 0; i < a->n; i++)
		if (strcmp(a->r[i].old, id) == 0)
			return 0;
	if (a->n == MAX_ROTATIONS)
		return ir_fail(err, IR_DATAERR, "more than %d keys",
		    MAX_ROTATIONS);
	r = &a->r[a->n++];
	snprintf(r->old, sizeof r->old, "%s", id);
	if (a->users.n && !a->older)
		user = a->users.v[0];
	snprintf(r->user, sizeof r->user, "%s", user ? user : "");
	r->routine = routine;
	return 0;
}

static int
not_a_key(const char *id, struct ir_err *err)
{
	if (id && strncmp(id, "ASIA", 4) == 0) {
		ir_fail(err, IR_DATAERR, "%s is a temporary key: it has "
		    "no SMTP password and cannot be deactivated", id);
		ir_hint(err, "revoke the sessions of its role or user");
		return -1;
	}
	return ir_fail(err, IR_DATAERR,
	    "not the id of a user's access key");
}

/* Records of new keys, orphans and ingress points are passed over. */
static int
take_record(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct app *a = arg;
	const char *type = ir_rec_get(rec, "type");
	const char *role = ir_rec_get(rec, "role");
	const char *id = ir_rec_get(rec, "id");

	if ((role && strcmp(role, "old") != 0) ||
	    (type && strcmp(type, "ingress-point") == 0))
		return 0;
	if (!id || !ir_key_id_ok(id))
		return not_a_key(id, err);
	return add_key(a, id, ir_rec_get(rec, "user"), a->routine ||
	    ir_rec_get_bool(rec, "routine", false), err);
}

static int
read_keys(struct app *a, char **operands, size_t n, struct ir_err *err)
{
	int rc;

	if (a->key_opt && ir_key_id_ok(a->key_opt))
		return add_key(a, a->key_opt, NULL, a->routine, err);
	if (a->key_opt) {
		not_a_key(a->key_opt, err);
		ir_fail_prefix(err, "--key");
		return -1;
	}
	rc = ir_in_each(operands, n, take_record, a, err);
	if (rc == 0 && a->n == 0)
		return ir_fail(err, IR_USAGE,
		    "no key given: nothing changed");
	return rc;
}

struct of_user {
	struct app *a;
	const char *user;
	struct ir_err *err;
};

static bool
is_over(const struct ir_rec *entry)
{
	const char *done, *next;

	ir_rotate_stands(entry, &done, &next);
	return next == NULL;
}

/* All that was begun and is not over, or what was named of it. */
static int
take_unfinished(const char *id, const struct ir_rec *entry, void *arg)
{
	struct of_user *o = arg;

	if (is_over(entry))
		return 0;
	return add_key(o->a, id, ir_rec_get(entry, "user"), false, o->err);
}

static int
find_unfinished(struct app *a, struct ir_err *err)
{
	struct of_user o = { .a = a, .err = err };

	if (a->n)
		return 0;
	if (ir_rec_each(ir_rec_at(a->state.rec, "keys"), take_unfinished, &o))
		return -1;
	if (a->n == 0)
		ir_note(&a->common, "nothing is unfinished");
	return 0;
}

/* Which vault record is of this user's key?  Only such keys are replaced. */
static int
in_vault(const struct ir_vault_item *item, void *arg)
{
	const char *id = arg;

	return strcmp(item->username, id) == 0;
}

static int
take_old(struct app *a, const char *user, struct ir_vault *v, int64_t before,
    struct ir_err *err)
{
	struct ir_keys keys;
	int64_t created;
	size_t i;
	union { const char *c; void *v; } id;

	if (ir_keys_list(a->run.aws, user, &keys, err))
		return -1;
	for (i = 0; i < keys.n; i++) {
		id.c = keys.key[i].id;
		if (strcmp(keys.key[i].status, "Active") != 0 ||
		    ir_time_parse(keys.key[i].created, &created) ||
		    created > before)
			continue;
		if (a->all && !(v && ir_vault_each(v, in_vault, id.v))) {
			ir_note(&a->common, "%s of %s is old, but not in the "
			    "vault: left alone", id.c, user);
			continue;
		}
		if (add_key(a, id.c, user, true, err))
			return -1;
	}
	return 0;
}

static int
find_old(struct app *a, struct ir_err *err)
{
	const struct ir_vault_opts o = { .path = a->want.vault,
		.key = a->run.vault_key, .client = a->run.aws,
		.look = a->change.dry_run };
	int64_t before = ir_now() - a->older;
	struct ir_rec *names = NULL;
	struct ir_vault *v = NULL;
	size_t i, n;
	int rc = 0;

	if (a->all) {
		if (!a->want.vault)
			return ir_fail(err, IR_USAGE, "--all: only keys that "
			    "the vault holds are replaced: which --vault?");
		if (ir_vault_open(&v, &o, false, err))
			return -1;
		names = ir_key_users(a->run.aws, err);
		rc = names ? 0 : -1;
	}
	n = a->all ? ir_rec_len(names) : a->users.n;
	for (i = 0; rc == 0 && i < n; i++)
		rc = take_old(a, a->all ? ir_rec_cstr(ir_rec_item(names, i)) :
		    a->users.v[i], v, before, err);
	ir_rec_free(names);
	ir_vault_close(v);
	return rc;
}

/* --- opening ----------------------------------------------------------- */

/* "arn:aws:iam::111122223333:user/path/NAME" */
static bool
caller_is(const struct app *a, const char *user)
{
	const char *name = strrchr(a->arn, '/');

	return strstr(a->arn, ":user/") && name &&
	    strcmp(name + 1, user) == 0;
}

static int
open_state(struct app *a, struct ir_err *err)
{
	const char *of;

	if (ir_journal_open(&a->run.journal, a->change.incident, cmd.name,
	    err) || ir_state_open(&a->state, a->change.incident, cmd.name,
	    a->account, !a->change.dry_run, err))
		return -1;
	of = ir_rec_get(a->state.rec, "account");
	if (of && strcmp(of, a->account) != 0)
		return ir_fail(err, IR_CONFIG, "%s: is of account %s, the "
		    "credentials are of %s", a->state.path, of, a->account);
	return 0;
}

/* One file and one password are of one key. */
static int
check_count(struct app *a, struct ir_err *err)
{
	if (a->n > 1 && (a->want.out || a->want.vault_name ||
	    a->want.publish_secret || a->want.password_file ||
	    a->want.secret_file))
		return ir_fail(err, IR_USAGE, "--out, --vault-name, "
		    "--publish-secret and the files of an old password are "
		    "of one key, not of %zu", a->n);
	return 0;
}

/* With one key an error of it is that of the run. */
static int
open_rotations(struct app *a, struct ir_err *err)
{
	/* a later phase keeps the order; to contain is always an emergency */
	bool keep = a->mode != ROTATE ||
	    (a->again && a->phases != IR_ROTATE_CONTAIN);
	struct ir_rotate *r;
	size_t i;

	for (i = 0; i < a->n; i++) {
		r = &a->r[i];
		if (a->mode != ROTATE && !ir_rec_at(ir_rec_at(a->state.rec,
		    "keys"), r->old))
			return ir_fail(err, IR_UNAVAILABLE, "%s: no rotation "
			    "of it is known: nothing changed", r->old);
		if (ir_rotate_open(r, &a->run, &a->want, r->routine, keep) &&
		    a->n == 1) {
			*err = r->err;
			return -1;
		}
		if (caller_is(a, r->user))
			ir_warn(&a->common, "%s is the user of this very run: "
			    "responders should use another", r->user);
	}
	return 0;
}

static int
open_all(struct app *a, char **operands, size_t n, struct ir_err *err)
{
	bool named = a->key_opt || n || (a->mode == ROTATE && !a->older);

	a->r = calloc(MAX_ROTATIONS, sizeof *a->r);
	if (!a->r)
		return ir_fail(err, IR_OSERR, "no memory");
	if (a->mode == STATUS)
		return 0;
	if ((named && read_keys(a, operands, n, err)) ||
	    ir_aws_open(&a->run.aws, &a->aws_opts, ir_ask_tty, err))
		return -1;
	ir_aws_follow(a->run.aws, &a->common);
	if (a->common.timeout)
		a->run.end = ir_mono_ms() + a->common.timeout * 1000;
	if (ir_aws_account(a->run.aws, a->account, a->arn, err) ||
	    open_state(a, err) || (a->mode != ROTATE &&
	    find_unfinished(a, err)) || (a->older && find_old(a, err)) ||
	    check_count(a, err))
		return -1;
	return open_rotations(a, err);
}

/* --- acting ------------------------------------------------------------ */

static void
warn(void *arg, const char *text)
{
	struct app *a = arg;

	ir_warn(&a->common, "%s", text);
}

static int
sure(void *arg, const char *name, const char *what, const char *question,
    struct ir_err *err)
{
	struct app *a = arg;

	return ir_confirm_name(&a->change, name, what, err, "%s", question);
}

static const char *
verb(const struct app *a, const struct ir_rotate *r)
{
	return a->mode == BACK ? "go back to" : a->mode == RESUME ?
	    "go on with the rotation of" : r->routine ? "replace" :
	    a->phases == IR_ROTATE_CONTAIN ? "deactivate" :
	    a->phases & IR_ROTATE_CONTAIN ? "deactivate and replace" :
	    "go on for";
}

/* Each was named, or its user was; --all is a selection. */
static int
confirm(struct app *a, struct ir_err *err)
{
	const struct ir_rotate *r = &a->r[0];

	if (a->n == 0 || a->change.dry_run || a->mode == STATUS)
		return 0;
	if (a->n == 1)
		return ir_confirm(&a->change, 1, err, "%s key %s of user %s?",
		    verb(a, r), r->old, r->user);
	return ir_confirm(&a->change, a->all ? a->n : 1, err,
	    "%s %zu keys, from %s of user %s on?", verb(a, r), a->n, r->old,
	    r->user);
}

static void
go(struct app *a, struct ir_rotate *r, const char *until)
{
	if (r->err.code)
		return;
	if (a->mode == BACK || (a->mode == RESUME &&
	    ir_rotate_is_back(r->entry)))
		(void)(until ? 0 : ir_rotate_back(r));
	else
		(void)ir_rotate_go(r, a->phases, a->again, until);
}

/* All are contained before any is replaced; one that fails stops no other. */
static void
act(struct app *a)
{
	bool contains = a->mode != BACK && (a->phases & IR_ROTATE_CONTAIN);
	size_t i;

	for (i = 0; contains && !a->change.dry_run && i < a->n; i++)
		if (!a->r[i].routine)
			go(a, &a->r[i], "deactivate");
	if (contains && !a->older && a->mode == ROTATE)
		look_at_ingress(a);
	for (i = 0; i < a->n; i++) {
		if (!a->change.dry_run)
			go(a, &a->r[i], NULL);
		report(a, &a->r[i]);
		ir_tally_add(&a->tally, a->r[i].err.code);
	}
}

/* --- status ------------------------------------------------------------ */

static int
show_entry(const char *id, const struct ir_rec *entry, void *arg)
{
	struct app *a = arg;
	struct ir_rec *rec = ir_rec_new("aws-key", id);
	bool over = is_over(entry);

	ir_rec_str(rec, "role", "old");
	copy(rec, "account", a->state.rec, "account");
	copy(rec, "user", entry, "user");
	copy(rec, "routine", entry, "routine");
	copy(rec, "new", entry, "new");
	copy(rec, "started", entry, "started");
	copy(rec, "finished", entry, "finished");
	copy(rec, "rolled_back", entry, "rolled_back");
	stands(rec, entry);
	ir_rec_bool(rec, "unfinished", !over);
	put(a, rec, false, NULL);
	if (!over)
		a->n++;
	return 0;
}

static int
show_state(struct app *a, const char *suffix, struct ir_err *err)
{
	int rc = ir_state_open(&a->state, a->change.incident, cmd.name,
	    suffix, false, err);

	if (rc == 0)
		(void)ir_rec_each(ir_rec_at(a->state.rec, "keys"),
		    show_entry, a);
	ir_state_close(&a->state);
	return rc;
}

/* "ses-rotate-ACCOUNT.json": the account. */
static bool
suffix_of(const char *file, char out[16])
{
	const char *p = file + sizeof "ses-rotate-" - 1;
	size_t n;

	if (strncmp(file, "ses-rotate-", sizeof "ses-rotate-" - 1) != 0)
		return false;
	n = strspn(p, "0123456789");
	if (n == 0 || n > 15 || strcmp(p + n, ".json") != 0)
		return false;
	snprintf(out, 16, "%.*s", (int)n, p);
	return true;
}

static int
status(struct app *a, struct ir_err *err)
{
	char dir[PATH_MAX], suffix[16];
	struct dirent *e;
	DIR *d;
	int rc = 0;

	if (a->change.incident)
		return show_state(a, "", err);
	if (ir_state_name(dir, sizeof dir, err))
		return -1;
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : ir_fail_errno(err, IR_NOINPUT,
		    errno, "%s", dir);
	while (rc == 0 && (e = readdir(d)))
		if (suffix_of(e->d_name, suffix))
			rc = show_state(a, suffix, err);
	closedir(d);
	return rc;
}

static void
dump_steps(const struct ir_rotate_step *s, const char *table)
{
	const char *const order[] = { "any", "emergency", "routine" };

	for (; s->name; s++)
		printf("%s\t%s\t%s\t%s\t%s\n", table, s->name, order[s->order],
		    s->joined ? "joined" : "-", s->help);
}

/* --- main -------------------------------------------------------------- */

static int
parse(struct app *a, int argc, char **argv)
{
	const struct ir_opt opts[] = {
		{ 0, "phase", "PHASE", IR_STR, &a->phase,
		    "contain, create, prove, publish or all (the default)" },
		{ 0, "key", "KEY", IR_STR, &a->key_opt,
		    "the old key, instead of an operand" },
		{ 0, "user", "NAME", IR_LIST, &a->users,
		    "IAM user of the key; default: ask AWS" },
		{ 0, "routine", NULL, IR_BOOL, &a->routine,
		    "nothing is stolen: the old key goes last" },
		{ 0, "older-than", "AGE", IR_SECONDS, &a->older,
		    "routine, for each --user's keys of that age; 90d" },
		{ 0, "all", NULL, IR_BOOL, &a->all,
		    "of all users, if the vault holds the key" },
		{ 0, "resume", NULL, IR_BOOL, &a->resume,
		    "go on with what is unfinished" },
		{ 0, "rollback", NULL, IR_BOOL, &a->rollback,
		    "back to the old key" },
		{ 0, "status", NULL, IR_BOOL, &a->status,
		    "where each rotation stands; 1: one is unfinished" },
		{ 0, "regions", "LIST", IR_STR, &a->want.regions,
		    "make and prove SMTP passwords for these, by commas" },
		IR_OPTS_VAULT(&a->vault),
		{ 0, "vault-name", "NAME", IR_STR, &a->want.vault_name,
		    "of the record; default: the user" },
		{ 0, "out", "FILE", IR_STR, &a->want.out,
		    "write the new user and passwords there" },
		{ 0, "mode", "MODE", IR_STR, &a->want.mode,
		    "of that file: 0600, or 0640 with --group" },
		{ 0, "group", "NAME", IR_STR, &a->want.group,
		    "of that file" },
		{ 0, "publish", "COMMAND", IR_STR, &a->want.publish,
		    "gets the new credential on its standard input" },
		{ 0, "publish-secret", "NAME", IR_STR,
		    &a->want.publish_secret, "or Secrets Manager does" },
		{ 0, "host-checked", "TEXT", IR_STR, &a->want.host_checked,
		    "who says that the host is clean, and how" },
		{ 0, "verify", "COMMAND", IR_STR, &a->want.verify,
		    "exits 0 when mail goes out with it" },
		{ 0, "old-password-file", "FILE", IR_STR,
		    &a->want.password_file,
		    "the old SMTP password, to prove it dead" },
		{ 0, "old-secret-file", "FILE", IR_STR, &a->want.secret_file,
		    "or the old secret access key" },
		{ 0, "from", "ADDRESS", IR_STR, &a->want.from,
		    "prove by a mail from there to the mailbox simulator" },
		{ 0, "proofs", "COUNT", IR_INT, &a->run.proofs,
		    "answers in a row that are a proof; default 5" },
		{ 0, "over", "SECONDS", IR_SECONDS, &a->run.over,
		    "that the row of the new key spans; default 20" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &a->run.wait,
		    "time for each proof; default 120" },
		{ 0, "smtp-endpoint", "HOST", IR_STR, &a->want.endpoint,
		    "HOST[:PORT]; {region} in it is replaced" },
		{ 0, "dump-steps", NULL, IR_BOOL, &a->steps, NULL },
		IR_OPTS_CHANGE(&a->change), IR_OPTS_AWS(&a->aws_opts),
		IR_OPTS_COMMON(&a->common), IR_OPT_END
	};
	int n = ir_parse(argc, argv, opts, &a->common);

	check_usage(a, n);
	return n;
}

static void
close_all(struct app *a)
{
	size_t i;

	for (i = 0; a->r && i < MAX_ROTATIONS; i++)
		ir_rotate_close(&a->r[i]);
	free(a->r);
	ir_state_close(&a->state);
	ir_journal_close(a->run.journal);
	ir_aws_close(a->run.aws);
}

int
main(int argc, char **argv)
{
	struct app a = { .state = { .lock = -1 }, .phase = "all",
		.run = { .proofs = 5, .over = -1, .wait = 120, .warn = warn,
		.sure = sure }, .tally = IR_TALLY_INIT };
	struct ir_err err = IR_ERR_INIT;
	int n;

	a.run.arg = &a;
	a.run.state = &a.state;
	a.run.account = a.account;
	ir_begin(&cmd);
	n = parse(&a, argc, argv);
	if (a.mode == STEPS) {
		dump_steps(ir_rotate_steps, "rotate");
		dump_steps(ir_rollback_steps, "rollback");
	} else if (open_all(&a, argv + 1, (size_t)n, &err) == 0 &&
	    confirm(&a, &err) == 0) {
		a.out = ir_open_output(&a.common, cols);
		if (a.mode == STATUS && status(&a, &err) == 0 && a.n)
			ir_fail(&err, IR_NO, "%zu unfinished", a.n);
		else if (a.mode != STATUS)
			act(&a);
		if (a.mode != STATUS && a.n == 1)
			err = a.r[0].err;
	}
	close_all(&a);
	return ir_end(&err, a.out, &a.tally);
}
