/*
 * iam-key-disable - deactivate AWS access keys, and prove that they are dead
 *
 * Reads key ids (operands, or records on standard input), the state of the
 * keys from IAM and, for the proof, a file with a key's secret.  Writes
 * records of type aws-key, and the incident's journal.  Deletes a key only with
 * --delete, when it is inactive and what is known of it is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/keys.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/secret.h"
#include "core/text.h"
#include "incident/journal.h"

#define MAX_KEYS 1000
#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
/*
 * IAM is eventually consistent, and one good answer says little: that many
 * in a row, with pauses between them.
 */
#define STATUS_TIMES 3
#define SIGNED_TIMES 5
#define PAUSE_MS 400

struct opts {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws;
	const char *user, *secret_file;
	bool undo, delete;
	long wait;
};

struct key {
	char id[130];
	char user[130];			/* "" until it is known */
	char was[16], status[16];
	char created[40], used[40], used_region[40], used_service[64];
	bool leave;			/* undo: it was like that before */
	bool begun, changed;		/* begun: the journal has no end yet */
	bool worked;			/* an earlier run saw it alive */
	bool deleting;			/* an earlier run was about to delete */
	int streak;
	bool proven;
	struct ir_err err;
};

struct run {
	struct opts *o;
	struct ir_err *err;
	struct ir_aws *aws;
	struct ir_journal *journal;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_secret secret;	/* of the one key; may be empty */
	bool both_sides;		/* the secret worked before */
	struct key *keys;
	size_t n;
};

static void
copy(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src ? src : "");
}

/* The status that is wanted. */
static const char *
wanted(const struct run *r)
{
	return r->o->undo ? "Active" : r->o->delete ? "Deleted" : "Inactive";
}

static bool
same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int
add_key(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct run *r = arg;
	const char *id = ir_rec_get(rec, "id"), *type = ir_rec_get(rec, "type");
	const char *user = r->o->user ? r->o->user : ir_rec_get(rec, "user");
	size_t i, n = id ? strlen(id) : 0;
	struct key *k;

	if (type && !same(type, "aws-key"))
		return ir_fail(err, IR_DATAERR,
		    "a record of type %s, not aws-key", type);
	if (n < 16 || n > 128 || strspn(id, ID_CHARS) != n)
		return ir_fail(err, IR_DATAERR,
		    "not an access key id: %s", id ? id : "");
	if (strncmp(id, "ASIA", 4) == 0) {
		ir_fail(err, IR_DATAERR,
		    "%s is a temporary key: it cannot be deactivated", id);
		ir_hint(err, "revoke the sessions of its role or user");
		return -1;
	}
	if (user && (!*user || strlen(user) >= sizeof k->user))
		return ir_fail(err, IR_DATAERR, "bad user name");
	for (i = 0; i < r->n; i++)
		if (same(r->keys[i].id, id))
			return 0;
	if (r->n == MAX_KEYS)
		return ir_fail(err, IR_DATAERR, "more than %d keys",
		    MAX_KEYS);
	k = &r->keys[r->n++];
	copy(k->id, sizeof k->id, id);
	copy(k->user, sizeof k->user, user);
	/* what an earlier run found inactive is not for us to revive */
	k->leave = r->o->undo && same(ir_rec_get(rec, "was"), "Inactive") &&
	    same(ir_rec_get(rec, "status"), "Inactive");
	return 0;
}

static int
read_keys(struct run *r, char **operands, size_t n)
{
	int rc;

	r->keys = calloc(MAX_KEYS, sizeof *r->keys);
	if (!r->keys)
		return ir_fail(r->err, IR_OSERR, "no memory");
	rc = ir_in_each(operands, n, add_key, r, r->err);
	if (rc == 0 && r->n == 0)
		return ir_fail(r->err, IR_USAGE, "no keys given");
	if (rc == 0 && r->o->delete && r->n != 1)
		return ir_fail(r->err, IR_USAGE,
		    "--delete: one key at a time, not %zu", r->n);
	if (rc == 0 && r->o->secret_file && r->n != 1)
		return ir_fail(r->err, IR_USAGE,
		    "--key-secret-file is the secret of one key, not of %zu",
		    r->n);
	return rc;
}

static int
not_our_own(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (same(r->keys[i].id, ir_aws_key_id(r->aws))) {
			ir_fail(r->err, IR_UNAVAILABLE, "%s is the key that "
			    "this command signs with: nothing changed",
			    r->keys[i].id);
			ir_hint(r->err, "use another --profile");
			return -1;
		}
	return 0;
}

/* What an earlier run, perhaps killed, wrote of our keys. */
static int
recall_line(const struct ir_rec *line, void *arg)
{
	const char *event = ir_rec_get(line, "event");
	const char *id = ir_rec_get(line, "data.id");
	struct run *r = arg;
	size_t i;

	for (i = 0; id && i < r->n; i++) {
		if (!same(r->keys[i].id, id))
			continue;
		if (same(event, "iam-key-disable.begin")) {
			r->keys[i].begun = true;
			r->keys[i].worked =
			    ir_rec_get_bool(line, "data.worked", false);
			r->keys[i].deleting =
			    ir_rec_get_bool(line, "data.delete", false);
			if (!*r->keys[i].user)
				copy(r->keys[i].user, sizeof r->keys[i].user,
				    ir_rec_get(line, "data.user"));
		} else if (same(event, "iam-key-disable.end")) {
			r->keys[i].begun = false;
		}
	}
	return 0;
}

static int
recall(struct run *r)
{
	if (!r->o->change.incident || r->o->change.dry_run)
		return 0;
	return ir_journal_each(r->o->change.incident, recall_line, r, r->err);
}

/* Where it was last used, and whose it is. */
static int
read_last_used(struct run *r, struct key *k, struct ir_err *err)
{
	struct ir_key_use use;

	if (ir_key_last_used(r->aws, k->id, &use, err))
		return -1;
	if (!*k->user)
		copy(k->user, sizeof k->user, use.user);
	copy(k->used, sizeof k->used, use.when);
	copy(k->used_region, sizeof k->used_region, use.region);
	copy(k->used_service, sizeof k->used_service, use.service);
	return 0;
}

/* 1: the list has the key, 0: it has not. */
static int
find_in_list(struct ir_keys *keys, struct key *k)
{
	struct ir_key *m = ir_keys_find(keys, k->id);

	if (!m)
		return 0;
	copy(k->status, sizeof k->status, m->status);
	copy(k->created, sizeof k->created, m->created);
	copy(k->user, sizeof k->user, m->user);
	return 1;
}

/* The state of a key now: into k->status.  69 when the user has no such. */
static int
read_status(struct run *r, struct key *k, struct ir_err *err)
{
	struct ir_keys keys;

	if (ir_keys_list(r->aws, k->user, &keys, err))
		return -1;
	return find_in_list(&keys, k) ? 0 : ir_fail(err, IR_UNAVAILABLE,
	    "user %s has no key %s", k->user, k->id);
}

/* Ask for every user's keys. */
static int
search(struct run *r, const struct ir_rec *names, struct key *k,
    struct ir_err *err)
{
	size_t i, n = ir_rec_len(names), found = 0;
	struct ir_aws_param *p = calloc(n + 1, sizeof *p);
	struct ir_aws_call *c = calloc(n + 1, sizeof *c);
	struct ir_keys keys;

	if (!p || !c) {
		free(p);
		free(c);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	for (i = 0; i < n; i++) {
		p[i].name = "UserName";
		p[i].value = ir_rec_cstr(ir_rec_item(names, i));
		c[i].service = "iam";
		c[i].operation = "ListAccessKeys";
		c[i].params = &p[i];
		c[i].nparams = 1;
	}
	ir_aws_do_many(r->aws, c, n, 0);
	for (i = 0; i < n; i++) {
		if (c[i].err.code && !err->code)
			*err = c[i].err;
		keys.n = 0;
		found += !found && c[i].reply && ir_keys_read(c[i].reply,
		    &keys, NULL) == 0 && find_in_list(&keys, k);
		ir_aws_call_free(&c[i]);
	}
	free(p);
	free(c);
	if (found)
		*err = (struct ir_err)IR_ERR_INIT;
	else if (!err->code)
		ir_fail(err, IR_UNAVAILABLE, "no user of this account has key "
		    "%s", k->id);
	return found ? 0 : -1;
}

/*
 * AWS answers "denied" for a key that does not exist, too: look at every
 * user's keys before saying either.
 */
static int
search_users(struct run *r, struct key *k, struct ir_err *err)
{
	struct ir_err denied = *err;
	struct ir_rec *names;
	int rc;

	*err = (struct ir_err)IR_ERR_INIT;
	names = ir_key_users(r->aws, err);
	rc = names ? 0 : -1;
	if (rc) {
		*err = denied;
		ir_hint(err, "no such key, or no right to look; --user helps");
	} else {
		rc = search(r, names, k, err);
	}
	ir_rec_free(names);
	return rc;
}

/* Everything that is known of one key before anything is changed. */
static int
look_at(struct run *r, struct key *k)
{
	bool named = *k->user != '\0';
	int rc = read_last_used(r, k, &k->err);

	if (rc && k->err.code == IR_NOPERM && !named) {
		rc = search_users(r, k, &k->err);
	} else {
		if (rc && named)
			k->err = (struct ir_err)IR_ERR_INIT;
		if (!rc || named)
			rc = read_status(r, k, &k->err);
	}
	/* an earlier run was killed after it had deleted it */
	if (rc && r->o->delete && k->deleting &&
	    k->err.code == IR_UNAVAILABLE) {
		k->err = (struct ir_err)IR_ERR_INIT;
		copy(k->was, sizeof k->was, "Deleted");
		copy(k->status, sizeof k->status, "Deleted");
		return 0;
	}
	copy(k->was, sizeof k->was, k->status);
	if (rc == 0 && r->o->delete && !same(k->was, "Inactive")) {
		rc = ir_fail(&k->err, IR_UNAVAILABLE, "%s is %s: only an "
		    "inactive key is deleted", k->id, k->was);
		ir_hint(&k->err, "deactivate it first, and see what breaks");
	}
	if (rc == 0 && !same(k->was, "Active") && !same(k->was, "Inactive"))
		rc = ir_fail(&k->err, IR_UNAVAILABLE, "key %s is %s", k->id,
		    k->was);
	return rc;
}

static bool
to_change(const struct run *r, const struct key *k)
{
	return k->err.code == 0 && !k->leave && !same(k->was, wanted(r));
}

/*
 * One call signed with the key itself: 1 it works, 0 it is dead, -1 neither
 * can be said.  On a new connection: an old one may know the key still.
 */
static int
try_key(struct run *r, struct key *k, struct ir_err *err)
{
	struct ir_aws_call c = { .service = "sts",
	    .operation = "GetCallerIdentity", .key_id = k->id,
	    .key_secret = &r->secret, .fresh = true };
	int rc = ir_aws_do(r->aws, &c, err) ? -1 : 1;

	if (rc < 0 && same(c.error_code, "InvalidClientTokenId"))
		rc = 0;
	ir_aws_call_free(&c);
	return rc;
}

/*
 * A call that fails proves a dead key only if it worked while the key was
 * alive: the secret could be another one's.
 */
static int
check_secret(struct run *r)
{
	struct key *k = &r->keys[0];
	struct ir_err err = IR_ERR_INIT;
	int alive;

	if (!r->o->secret_file || k->err.code)
		return 0;
	alive = try_key(r, k, &err);
	if (same(k->was, "Inactive")) {
		/* it may still work here and there, or have been seen to */
		r->both_sides = r->o->undo ? alive == 0 :
		    alive == 1 || (alive == 0 && k->worked);
		if (!r->both_sides)
			ir_warn(&r->o->common, "%s was inactive already: its "
			    "secret cannot prove anything", k->id);
		return 0;
	}
	r->both_sides = alive == 1;
	if (alive == 1)
		return 0;
	if (err.code == IR_TEMPFAIL) {
		*r->err = err;
		return -1;
	}
	ir_fail(r->err, IR_CONFIG, "%s: not the secret of %s (%s): nothing "
	    "changed", r->o->secret_file, k->id, err.msg);
	ir_hint(r->err, "without --key-secret-file, IAM's word is the proof");
	return -1;
}

static int
look(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		look_at(r, &r->keys[i]);
	return check_secret(r);
}

static int
confirm(struct run *r)
{
	const char *verb = r->o->undo ? "reactivate" : "deactivate";
	struct key *k = NULL;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		if (to_change(r, &r->keys[i])) {
			k = &r->keys[i];
			n++;
		}
	if (n == 0 || r->o->change.dry_run)
		return 0;
	if (r->o->delete)
		return ir_confirm_name(&r->o->change, k->id, "access key id",
		    r->err, "this deletes key %s of user %s: there is no undo",
		    k->id, k->user);
	if (n == 1)
		return ir_confirm(&r->o->change, 1, r->err,
		    "%s key %s of user %s?", verb, k->id, k->user);
	/* each was named: the count was seen */
	return ir_confirm(&r->o->change, 1, r->err, "%s %zu keys?", verb, n);
}

static struct ir_rec *
record_of(const struct run *r, const struct key *k)
{
	struct ir_rec *rec = ir_rec_new("aws-key", k->id);
	bool dry = r->o->change.dry_run;

	if (*k->user)
		ir_rec_str(rec, "user", k->user);
	if (*k->was)
		ir_rec_str(rec, "was", k->was);
	if (*k->status)
		ir_rec_str(rec, "status",
		    dry && to_change(r, k) ? wanted(r) : k->status);
	ir_rec_bool(rec, "ok", k->err.code == 0);
	ir_rec_bool(rec, "changed", dry ? to_change(r, k) : k->changed);
	if (dry)
		ir_rec_bool(rec, "dry_run", true);
	if (k->proven)
		ir_rec_str(rec, "proof",
		    r->both_sides ? "signed-call" : "status");
	if (*k->created)
		ir_rec_str(rec, "created", k->created);
	if (*k->used) {
		ir_rec_str(rec, "last_used", k->used);
		ir_rec_str(rec, "last_used_region", k->used_region);
		ir_rec_str(rec, "last_used_service", k->used_service);
	}
	if (k->err.code)
		ir_rec_str(rec, "why", k->err.msg);
	else if (k->leave)
		ir_rec_str(rec, "why", "was inactive before");
	return rec;
}

/* Nothing is destroyed before it is preserved. */
static int
preserve(struct run *r, const struct key *k)
{
	struct ir_rec *rec = record_of(r, k);
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	char name[160];
	int rc;

	ir_rec_time(rec, "time", ir_now());
	ir_rec_json(rec, &b);
	ir_buf_chr(&b, '\n');
	ir_rec_free(rec);
	snprintf(name, sizeof name, "aws-key-%s.json", k->id);
	rc = ir_buf_check(&b, name, r->err);
	if (rc == 0)
		rc = ir_journal_evidence(r->journal, name, b.data, b.len,
		    r->err);
	ir_buf_free(&b);
	return rc;
}

/* 0 also when AWS refused: that is in k->err.  -1: stop. */
static int
change_one(struct run *r, struct key *k)
{
	struct ir_rec *rec;

	if (r->o->delete && preserve(r, k))
		return -1;
	rec = record_of(r, k);
	ir_rec_bool(rec, "worked", r->both_sides);
	if (r->o->delete)
		ir_rec_bool(rec, "delete", true);
	if (ir_journal_add(r->journal, "iam-key-disable.begin", rec, r->err))
		return -1;
	k->begun = true;
	k->changed = (r->o->delete ?
	    ir_key_delete(r->aws, k->user, k->id, &k->err) :
	    ir_key_set(r->aws, k->user, k->id, wanted(r), &k->err)) == 0;
	return 0;
}

/* Is it as wanted, as far as one look can tell? */
static void
prove_once(struct run *r, struct key *k)
{
	struct ir_err err = IR_ERR_INIT;
	int times = r->both_sides ? SIGNED_TIMES : STATUS_TIMES;
	bool so;

	so = read_status(r, k, &err) == 0 && same(k->status, wanted(r));
	if (r->o->delete && err.code == IR_UNAVAILABLE) {
		copy(k->status, sizeof k->status, "Deleted");
		so = true;
	}
	if (so && r->both_sides)
		so = try_key(r, k, &err) == (r->o->undo ? 1 : 0);
	k->streak = so ? k->streak + 1 : 0;
	k->proven = k->streak >= times;
}

static bool
unproven(const struct key *k)
{
	return !k->proven && k->err.code == 0 && !k->leave;
}

/* Look again and again until all are proven or the time is up. */
static void
prove(struct run *r)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	int64_t end = ir_mono_ms() + r->o->wait * 1000;
	size_t i, left;

	for (;;) {
		left = 0;
		for (i = 0; i < r->n; i++) {
			if (unproven(&r->keys[i]))
				prove_once(r, &r->keys[i]);
			left += unproven(&r->keys[i]);
		}
		if (left == 0 || ir_stopped() || ir_mono_ms() + PAUSE_MS > end)
			break;
		nanosleep(&pause, NULL);
	}
	for (i = 0; i < r->n; i++)
		if (unproven(&r->keys[i]))
			ir_fail(&r->keys[i].err, IR_TEMPFAIL,
			    "%s, not yet proven", r->o->undo ? "reactivated" :
			    r->o->delete ? "deleted" : "deactivated");
}

/* An error that stops it is in r->err; what was done is reported anyway. */
static void
act(struct run *r)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < r->n && rc == 0; i++)
		if (to_change(r, &r->keys[i]))
			rc = change_one(r, &r->keys[i]);
	if (rc == 0)
		prove(r);
	for (i = 0; i < r->n && rc == 0; i++)
		if (r->keys[i].begun)
			rc = ir_journal_add(r->journal, "iam-key-disable.end",
			    record_of(r, &r->keys[i]), r->err);
}

static void
report(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (r->keys[i].err.code)
			ir_warn(&r->o->common, "%s: %s", r->keys[i].id,
			    r->keys[i].err.msg);
		ir_tally_add(&r->tally, r->keys[i].err.code);
		ir_out_put(r->out, record_of(r, &r->keys[i]));
	}
}

static const struct ir_cmd command = {
	"iam-key-disable", "deactivate AWS access keys and prove it",
	"[options] [key-id ...]"
};

static const struct ir_col cols[] = {
	{ "id", "KEY" }, { "user", "USER" }, { "was", "WAS" },
	{ "status", "STATUS" }, { "changed", "CHANGED" },
	{ "proof", "PROOF" }, { "last_used", "LAST USED" },
	{ "last_used_service", "FOR" }, { "why", "WHY" }, { NULL, NULL }
};

static void
check_usage(const struct opts *o, int operands)
{
	if (o->wait > 86400)
		ir_die_usage("--wait: more than a day");
	if (operands == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no keys, and standard input is a terminal");
	if (!o->delete)
		return;
	if (o->undo || o->secret_file)
		ir_die_usage("--delete: without --undo and "
		    "--key-secret-file");
	if (!o->change.incident && !o->change.dry_run)
		ir_die_usage("--delete: with --incident, which keeps what is "
		    "known of the key");
}

int
main(int argc, char **argv)
{
	struct opts o = { .wait = 60 };
	const struct ir_opt opts[] = {
		{ 0, "user", "NAME", IR_STR, &o.user,
		    "user who has the keys; default: ask IAM" },
		{ 0, "undo", NULL, IR_BOOL, &o.undo,
		    "reactivate the keys" },
		{ 0, "delete", NULL, IR_BOOL, &o.delete,
		    "delete an inactive key for good; needs --confirm" },
		{ 0, "key-secret-file", "FILE", IR_STR, &o.secret_file,
		    "secret of the key: prove it by calls signed with it" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &o.wait,
		    "limit for the proof; default: 60" },
		IR_OPTS_CHANGE(&o.change), IR_OPTS_AWS(&o.aws),
		IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .o = &o, .err = &err, .tally = IR_TALLY_INIT };
	int n;

	ir_begin(&command);
	n = ir_parse(argc, argv, opts, &o.common);
	check_usage(&o, n);
	r.out = ir_open_output(&o.common, cols);
	if (read_keys(&r, argv + 1, (size_t)n) ||
	    (o.secret_file &&
	    ir_secret_read_file(&r.secret, o.secret_file, &err)) ||
	    ir_aws_open(&r.aws, &o.aws, ir_ask_tty, &err) ||
	    not_our_own(&r) || recall(&r))
		goto out;
	ir_aws_follow(r.aws, &o.common);
	if (look(&r) || confirm(&r) || (!o.change.dry_run &&
	    ir_journal_open(&r.journal, o.change.incident, "iam-key-disable",
	    &err)))
		goto out;
	if (!o.change.dry_run)
		act(&r);
	report(&r);
out:
	ir_journal_close(r.journal);
	ir_aws_close(r.aws);
	ir_secret_free(&r.secret);
	free(r.keys);
	return ir_end(&err, r.out, &r.tally);
}
