/*
 * ses-rotate - replace a stolen SES SMTP key: contain, create, prove
 *
 * Reads the key (operand or record of type aws-key) and its user's keys;
 * deactivates it and proves it dead, makes a new one, writes its SMTP
 * passwords to a file, proves that they work.  Writes records of type
 * aws-key.  State, without secrets, lets each phase go on after a crash.
 */
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ses.h"
#include "aws/smtp_file.h"
#include "aws/smtp_password.h"
#include "aws/smtp_proof.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "incident/journal.h"
#include "net/smtp.h"

#define MAX_REGIONS 16
#define MAX_KEYS 8		/* AWS allows two */
#define BEFORE_MS 5000		/* that a proof may delay the containment */
#define ENDPOINT "email-smtp.{region}.amazonaws.com:587"

struct key {
	char id[64], status[16];
};

struct rotate {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws_opts;
	const char *phase, *key_opt, *user_opt, *region_list;
	const char *out, *mode_opt, *group;
	const char *password_file, *secret_file, *from, *endpoint;
	char path[PATH_MAX];	/* out, from the root */
	long proofs, wait;

	bool contain, create, prove;
	mode_t mode;
	gid_t gid;
	char names[MAX_REGIONS][40];
	const char *regions[MAX_REGIONS];
	size_t nregions;

	struct ir_aws *aws;
	struct ir_journal *journal;
	struct ir_state state;
	struct ir_rec *entry;	/* of this key; goes into the state */
	char account[13], arn[512], old[64], user[128];
	struct key keys[MAX_KEYS];
	size_t nkeys;
	int64_t end;		/* of --timeout; ir_mono_ms() */
	bool old_changed, new_changed;
	char orphans[4][64];	/* found in this run */
	size_t norphans;
};

static const struct ir_cmd cmd = {
	"ses-rotate", "replace a stolen SES SMTP key: contain, create, prove",
	"[-ny] [--phase=PHASE] [--out=FILE] [options] [key]"
};

static const struct ir_col cols[] = {
	{ "id", "KEY" }, { "role", "ROLE" }, { "user", "USER" },
	{ "status", "STATUS" }, { "changed", "CHANGED" },
	{ "proof.before", "BEFORE" }, { "proof.dead_535", "535" },
	{ "proof.auth_235", "235" }, { "proof.data", "DATA" },
	{ "file", "FILE" }, { "ok", "OK" }, { "why", "WHY" }, { NULL, NULL }
};

/* --- state and journal ------------------------------------------------- */

/* Put the entry into the state and write it. */
static int
save(struct rotate *r, struct ir_err *err)
{
	struct ir_rec *all = ir_rec_copy(ir_rec_at(r->state.rec, "keys"));

	if (!all)
		all = ir_rec_object();
	ir_rec_set(all, r->old, ir_rec_copy(r->entry));
	ir_rec_str(r->state.rec, "account", r->account);
	ir_rec_set(r->state.rec, "keys", all);
	return ir_state_save(&r->state, err);
}

static int
note(struct rotate *r, const char *event, const char *phase, const char *id,
    const char *what, struct ir_err *err)
{
	struct ir_rec *data = ir_rec_object();

	ir_rec_str(data, "phase", phase);
	ir_rec_str(data, "id", id);
	ir_rec_str(data, "user", r->user);
	ir_rec_str(data, "what", what);
	return ir_journal_add(r->journal, event, data, err);
}

/* --- keys -------------------------------------------------------------- */

static int
take_page(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "AccessKeyMetadata"), *k;
	const char *id, *status;
	struct rotate *r = arg;
	size_t i;

	if (!all || ir_rec_kind(all) != IR_REC_ARRAY)
		return 0;
	for (i = 0; i < ir_rec_len(all); i++) {
		k = ir_rec_item(all, i);
		id = ir_rec_get(k, "AccessKeyId");
		status = ir_rec_get(k, "Status");
		if (!id || !status || r->nkeys == MAX_KEYS ||
		    strlen(id) >= sizeof r->keys[0].id)
			return ir_fail(err, IR_PROTOCOL,
			    "ListAccessKeys: not understood");
		snprintf(r->keys[r->nkeys].id, sizeof r->keys[0].id, "%s", id);
		snprintf(r->keys[r->nkeys++].status,
		    sizeof r->keys[0].status, "%s", status);
	}
	return 0;
}

static int
list_keys(struct rotate *r, struct ir_err *err)
{
	const struct ir_aws_param user = { "UserName", r->user };
	struct ir_aws_call c = { .service = "iam",
		.operation = "ListAccessKeys", .params = &user, .nparams = 1 };
	int rc;

	r->nkeys = 0;
	rc = ir_aws_pages(r->aws, &c, "Marker", "Marker", take_page, r, err);
	ir_aws_call_free(&c);
	return rc;
}

static struct key *
find_key(struct rotate *r, const char *id)
{
	size_t i;

	for (i = 0; i < r->nkeys; i++)
		if (strcmp(r->keys[i].id, id) == 0)
			return &r->keys[i];
	return NULL;
}

static int
deactivate(struct rotate *r, const char *id, struct ir_err *err)
{
	const struct ir_aws_param p[] = { { "UserName", r->user },
		{ "AccessKeyId", id }, { "Status", "Inactive" } };
	struct ir_aws_call c = { .service = "iam",
		.operation = "UpdateAccessKey", .params = p, .nparams = 3 };
	int rc = ir_aws_do(r->aws, &c, err);
	struct key *k = find_key(r, id);

	if (rc == 0 && k)
		snprintf(k->status, sizeof k->status, "Inactive");
	ir_aws_call_free(&c);
	return rc;
}

/* Whose key is it?  Answered without any right on the user. */
static int
find_user(struct rotate *r, struct ir_err *err)
{
	const struct ir_aws_param key = { "AccessKeyId", r->old };
	struct ir_aws_call c = { .service = "iam",
		.operation = "GetAccessKeyLastUsed", .params = &key,
		.nparams = 1 };
	const char *user;
	int rc = ir_aws_do(r->aws, &c, err);

	if (rc == 0) {
		user = ir_rec_get(c.reply, "UserName");
		if (user && *user)
			snprintf(r->user, sizeof r->user, "%s", user);
		else
			rc = ir_fail(err, IR_UNAVAILABLE,
			    "%s: no user has it", r->old);
	} else {
		ir_hint(err, "--user says whose key it is");
	}
	ir_aws_call_free(&c);
	return rc;
}

/* --- proofs ------------------------------------------------------------ */

static struct ir_smtp_proof
proof_of(struct rotate *r, const char *region, const char *id,
    const struct ir_secret *password)
{
	struct ir_smtp_proof p = { .endpoint = r->endpoint, .region = region,
		.user = id, .password = password };

	p.deadline = ir_mono_ms() + r->wait * 1000;
	if (r->end && p.deadline > r->end)
		p.deadline = r->end;
	return p;
}

/* The old SMTP password for the first region; none: data is NULL. */
static int
old_password(struct rotate *r, struct ir_secret *out, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	struct ir_secret key = IR_SECRET_INIT;
	int rc = 0;

	if (r->secret_file) {
		rc = ir_secret_read_file(&key, r->secret_file, err);
		if (rc == 0)
			rc = ir_ses_smtp_password(&key, r->regions[0], out,
			    err);
	} else if (r->password_file) {
		rc = ir_smtp_file_read(r->password_file, &b, err);
		if (rc == 0 && (rc = ir_smtp_file_password(&b, r->regions[0],
		    out, err)))
			ir_fail_prefix(err, "%s", r->password_file);
	}
	ir_secret_free(&key);
	ir_buf_free(&b);
	return rc;
}

/*
 * What the endpoint says to the old key while it is alive.  It must not
 * hold up the containment: one question, and whatever the answer, go on.
 */
static void
prove_before(struct rotate *r, const struct ir_secret *pw, bool active)
{
	struct ir_smtp_proof p = proof_of(r, r->regions[0], r->old, pw);
	struct ir_err err = IR_ERR_INIT;
	const char *said = ir_rec_get(r->entry, "before");
	int code;

	if (said && strcmp(said, "235") == 0)
		return;
	if (!pw->data) {
		ir_rec_str(r->entry, "before", "none");
		return;
	}
	p.deadline = ir_mono_ms() + BEFORE_MS;
	code = ir_smtp_proof_auth(&p, &err);
	ir_rec_str(r->entry, "before", code == 235 ? "235" :
	    code == 535 ? (active ? "refused" : "already") : "unreachable");
	if (code != 235 && code != 535)
		ir_warn(&r->common, "no proof that %s was alive: %s", r->old,
		    err.msg);
}

static int
prove_dead(struct rotate *r, const struct ir_secret *pw, struct ir_err *err)
{
	struct ir_smtp_proof p = proof_of(r, r->regions[0], r->old, pw);
	const char *before = ir_rec_get(r->entry, "before");
	int got = 0, rc;

	if (!pw->data || ir_rec_get_bool(r->entry, "dead", false))
		return 0;
	if (before && strcmp(before, "refused") == 0) {
		ir_fail(err, IR_DATAERR, "%s is deactivated, but not proven "
		    "dead: the old password is not its password in %s",
		    r->old, r->regions[0]);
		ir_hint(err, "go on with --phase=create once you know that "
		    "nothing more is sent with it");
		return -1;
	}
	rc = ir_smtp_proof_row(&p, 535, (int)r->proofs, &got, err);
	ir_rec_int(r->entry, "dead_535", got);
	ir_rec_bool(r->entry, "dead", rc == 0);
	return rc;
}

/* --- contain ----------------------------------------------------------- */

static int
contain_key(struct rotate *r, const struct ir_secret *pw, struct ir_err *err)
{
	struct key *k = find_key(r, r->old);
	bool active = k && strcmp(k->status, "Active") == 0;

	if (!k && !ir_rec_get_bool(r->entry, "contained", false))
		return ir_fail(err, IR_UNAVAILABLE, "%s: has no key %s",
		    r->user, r->old);
	prove_before(r, pw, active);
	if (save(r, err))
		return -1;
	if (active) {
		ir_rec_bool(r->entry, "dead", false);
		if (note(r, "ses-rotate.begin", "contain", r->old,
		    "deactivate", err) || deactivate(r, r->old, err))
			return -1;
		r->old_changed = true;
	}
	ir_rec_bool(r->entry, "contained", true);
	if (save(r, err))
		return -1;
	return active ? note(r, "ses-rotate.end", "contain", r->old,
	    "inactive", err) : 0;
}

static int
contain(struct rotate *r, struct ir_err *err)
{
	struct ir_secret pw = IR_SECRET_INIT;
	struct ir_err bad = IR_ERR_INIT, late = IR_ERR_INIT;
	int rc;

	/* a bad password file is no reason to leave the key alive */
	(void)old_password(r, &pw, &bad);
	rc = contain_key(r, &pw, err);
	if (rc == 0 && bad.code) {
		*err = bad;
		ir_fail_prefix(err, "%s is deactivated, but not proven dead",
		    r->old);
		rc = -1;
	} else if (rc == 0) {
		rc = prove_dead(r, &pw, err);
		if (save(r, rc ? &late : err) || (pw.data && note(r,
		    "ses-rotate.proof", "contain", r->old,
		    rc ? "not proven dead" : "dead", rc ? &late : err)))
			rc = -1;
	}
	ir_secret_free(&pw);
	return rc;
}

/* --- create ------------------------------------------------------------ */

static bool
known_before(struct rotate *r, const char *id)
{
	const struct ir_rec *ids = ir_rec_at(r->entry, "ids_before");
	const char *s;
	size_t i;

	for (i = 0; ids && i < ir_rec_len(ids); i++) {
		s = ir_rec_cstr(ir_rec_item(ids, i));
		if (s && strcmp(s, id) == 0)
			return true;
	}
	return false;
}

/*
 * A key that came into being after we asked for one, and whose secret no
 * file has: nobody can use it.  Deactivate it; how many there were, or -1.
 */
static int
settle_orphans(struct rotate *r, struct ir_err *err)
{
	int found = 0;
	size_t i;

	if (!ir_rec_get_bool(r->entry, "creating", false))
		return 0;
	for (i = 0; i < r->nkeys; i++) {
		struct key *k = &r->keys[i];

		if (known_before(r, k->id) || r->norphans == 4)
			continue;
		ir_warn(&r->common, "%s: was created, but its secret is lost: "
		    "deactivated", k->id);
		if (note(r, "ses-rotate.begin", "create", k->id,
		    "deactivate: its secret is lost", err) ||
		    (strcmp(k->status, "Active") == 0 &&
		    deactivate(r, k->id, err)) || note(r, "ses-rotate.end",
		    "create", k->id, "inactive", err))
			return -1;
		snprintf(r->orphans[r->norphans++], sizeof r->orphans[0],
		    "%s", k->id);
		found++;
	}
	ir_rec_bool(r->entry, "creating", false);
	ir_rec_del(r->entry, "new");
	return save(r, err) ? -1 : found;
}

/* AWS allows two keys; which one may go is not ours to say. */
static int
need_slot(struct rotate *r, struct ir_err *err)
{
	const char *idle = r->old;
	size_t i;

	if (r->nkeys < 2)
		return 0;
	for (i = 0; i < r->nkeys; i++)
		if (strcmp(r->keys[i].status, "Active") != 0 &&
		    strcmp(r->keys[i].id, r->old) != 0)
			idle = r->keys[i].id;
	ir_fail(err, IR_UNAVAILABLE, "%s: has two keys already, %s and %s: no "
	    "room for a new one", r->user, r->keys[0].id, r->keys[1].id);
	ir_hint(err, "delete what is not needed, by hand: aws iam "
	    "delete-access-key --user-name %s --access-key-id %s", r->user,
	    idle);
	return -1;
}

/* ListAccessKeys may lag behind what we have just made. */
static void
remember_key(struct rotate *r, const char *id)
{
	if (find_key(r, id) || r->nkeys == MAX_KEYS)
		return;
	snprintf(r->keys[r->nkeys].id, sizeof r->keys[0].id, "%s", id);
	snprintf(r->keys[r->nkeys++].status, sizeof r->keys[0].status,
	    "Active");
}

static int
create_once(struct rotate *r, char id[64], struct ir_secret *secret,
    struct ir_err *err)
{
	const struct ir_aws_param user = { "UserName", r->user };
	struct ir_aws_call c = { .service = "iam",
		.operation = "CreateAccessKey", .params = &user, .nparams = 1,
		.not_repeatable = true, .secret_name = "SecretAccessKey",
		.secret = secret };
	struct ir_rec *ids = ir_rec_array();
	const char *s;
	size_t i;
	int rc = -1;

	for (i = 0; i < r->nkeys; i++)
		ir_rec_push_str(ids, r->keys[i].id);
	ir_rec_set(r->entry, "ids_before", ids);
	ir_rec_str(r->entry, "out", r->out);
	ir_rec_bool(r->entry, "creating", true);
	if (save(r, err) || note(r, "ses-rotate.begin", "create", r->old,
	    "create a key", err) || ir_aws_do(r->aws, &c, err))
		goto out;
	s = ir_rec_get(c.reply, "AccessKey.AccessKeyId");
	if (s && strlen(s) < 64 && secret->data) {
		snprintf(id, 64, "%s", s);
		remember_key(r, id);
		rc = 0;
	} else {
		ir_fail(err, IR_UNKNOWN, "CreateAccessKey: not understood");
	}
out:
	ir_aws_call_free(&c);
	return rc;
}

/* The answer was lost: did the key come into being?  Look a few times. */
static int
settle_lost(struct rotate *r, struct ir_err *err)
{
	const struct timespec second = { 1, 0 };
	size_t i;
	int tries;

	for (tries = 0; tries < 4; tries++) {
		if (tries)
			nanosleep(&second, NULL);
		if (list_keys(r, err))
			return -1;
		for (i = 0; i < r->nkeys; i++)
			if (!known_before(r, r->keys[i].id))
				return settle_orphans(r, err) < 0 ? -1 : 0;
	}
	return 0;
}

/*
 * Lost once is settled by looking, then tried once more.  What cannot be
 * settled now stays 79: the next run begins with looking.
 */
static int
create_key(struct rotate *r, char id[64], struct ir_secret *secret,
    struct ir_err *err)
{
	struct ir_err lost;
	int tries;

	if (settle_orphans(r, err) < 0 || need_slot(r, err))
		return -1;
	for (tries = 0; create_once(r, id, secret, err); tries++) {
		if (err->code != IR_UNKNOWN)
			return -1;
		lost = *err;
		ir_hint(&lost, "run it again: it looks for the key first");
		(void)note(r, "ses-rotate.end", "create", r->old,
		    "outcome unknown: a key may have been created", err);
		ir_warn(&r->common, "%s", lost.msg);
		*err = (struct ir_err)IR_ERR_INIT;
		if (tries || settle_lost(r, err)) {
			*err = lost;
			return -1;
		}
		if (need_slot(r, err))
			return -1;
	}
	return 0;
}

static int
write_file(struct rotate *r, const char *id, const struct ir_secret *secret,
    struct ir_err *err)
{
	struct ir_secret pass[MAX_REGIONS] = { IR_SECRET_INIT };
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < r->nregions; i++)
		rc = ir_ses_smtp_password(secret, r->regions[i], &pass[i],
		    err);
	if (rc == 0)
		rc = ir_smtp_file_write(r->out, r->mode, r->gid, id,
		    r->regions, pass, r->nregions, err);
	for (i = 0; i < r->nregions; i++)
		ir_secret_free(&pass[i]);
	return rc;
}

/* Where the passwords of the new key are, or were to be. */
static const char *
out_path(struct rotate *r)
{
	const char *path = ir_rec_get(r->entry, "file");

	if (!path)
		path = ir_rec_get(r->entry, "out");
	return path ? path : r->out;
}

/* Is the new key there, and does the file hold it? */
static bool
in_file(struct rotate *r)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	const char *id = ir_rec_get(r->entry, "new"), *path = out_path(r), *v;
	bool same = false;
	size_t n;

	if (id && path && find_key(r, id) &&
	    ir_smtp_file_read(path, &b, NULL) == 0)
		same = ir_smtp_file_find(ir_buf_cstr(&b), b.len, "user", &v,
		    &n) && strlen(id) == n && memcmp(v, id, n) == 0;
	ir_buf_free(&b);
	return same;
}

/*
 * Made and handed over: it may be in use by now, on another host and with
 * the file moved away, so it is never taken for an orphan.
 */
static bool
is_made(struct rotate *r)
{
	return ir_rec_get(r->entry, "new") && ir_rec_get(r->entry, "file");
}

static int
finish_create(struct rotate *r, const char *id, struct ir_err *err)
{
	struct ir_rec *names = ir_rec_array();
	size_t i;

	for (i = 0; i < r->nregions; i++)
		ir_rec_push_str(names, r->regions[i]);
	ir_rec_set(r->entry, "regions", names);
	ir_rec_str(r->entry, "file", out_path(r));
	ir_rec_bool(r->entry, "creating", false);
	return save(r, err) || note(r, "ses-rotate.end", "create", id,
	    "created, its passwords are in the file", err) ? -1 : 0;
}

/* The file could not be written: nobody has the secret of this key. */
static void
abandon(struct rotate *r, const char *id)
{
	struct ir_err err = IR_ERR_INIT;

	if (deactivate(r, id, &err) == 0 && r->norphans < 4)
		snprintf(r->orphans[r->norphans++], sizeof r->orphans[0],
		    "%s", id);
	else
		ir_warn(&r->common, "%s: not deactivated: %s", id, err.msg);
}

static int
create(struct rotate *r, struct ir_err *err)
{
	struct ir_secret secret = IR_SECRET_INIT;
	struct key *k = find_key(r, r->old);
	char id[64] = "";
	int rc = -1;

	if (k && strcmp(k->status, "Active") == 0)
		return ir_fail(err, IR_UNAVAILABLE,
		    "%s is still active: contain it first", r->old);
	if (is_made(r))
		return 0;
	if (in_file(r)) {	/* killed just behind the file */
		r->new_changed = true;
		return finish_create(r, ir_rec_get(r->entry, "new"), err);
	}
	if (ir_smtp_file_check(r->out, err) ||
	    create_key(r, id, &secret, err))
		goto out;
	ir_rec_str(r->entry, "new", id);
	r->new_changed = true;
	if (save(r, err) == 0 && write_file(r, id, &secret, err) == 0)
		rc = finish_create(r, id, err);
	else
		abandon(r, id);
out:
	ir_secret_free(&secret);
	return rc;
}

/* --- prove ------------------------------------------------------------- */

static bool
is_paused(struct rotate *r, const char *region)
{
	struct ir_ses_region s = { .name = "" };

	snprintf(s.name, sizeof s.name, "%s", region);
	(void)ir_ses_survey(r->aws, &s, 1, false, ir_now());
	return s.err.code == 0 &&
	    (!s.sending || strcmp(s.enforcement, "SHUTDOWN") == 0);
}

/* Until it is taken: a change that has not spread yet is asked again. */
static int
prove_data(struct rotate *r, struct ir_smtp_proof *p, const char **said,
    struct ir_err *err)
{
	const struct timespec pause = { 0, 500 * 1000 * 1000 };
	bool paused;

	*said = "refused";
	for (;;) {
		*err = (struct ir_err)IR_ERR_INIT;
		if (ir_smtp_proof_data(p, r->from, &paused, err) == 0) {
			*said = "accepted";
			return 0;
		}
		if (err->code == IR_UNKNOWN) {
			*said = "unknown";
			return -1;
		}
		if (paused && is_paused(r, p->region)) {
			*said = "paused";
			*err = (struct ir_err)IR_ERR_INIT;
			return 0;
		}
		if (!paused && err->code != IR_TEMPFAIL &&
		    err->code != IR_NOPERM)
			return -1;
		if (ir_mono_ms() + 500 >= p->deadline || ir_stopped())
			break;
		nanosleep(&pause, NULL);
	}
	err->code = IR_TEMPFAIL;
	return -1;
}

/* Of several regions the weakest counts. */
static void
keep_proof(struct rotate *r, int got, const char *data)
{
	struct ir_rec *sum = ir_rec_copy(ir_rec_at(r->entry, "proven"));
	const char *said = ir_rec_get(sum, "data");

	if (!sum)
		sum = ir_rec_object();
	if (got < ir_rec_get_int(sum, "auth_235", INT32_MAX))
		ir_rec_int(sum, "auth_235", got);
	if (!said || strcmp(said, "accepted") == 0)
		ir_rec_str(sum, "data", data);
	ir_rec_set(r->entry, "proven", sum);
}

static int
prove_region(struct rotate *r, const struct ir_buf *file, const char *region,
    const char *id, struct ir_err *err)
{
	struct ir_secret pw = IR_SECRET_INIT;
	struct ir_smtp_proof p;
	const char *data = "none";
	int got = 0, rc;

	rc = ir_smtp_file_password(file, region, &pw, err);
	p = proof_of(r, region, id, &pw);
	if (rc == 0)
		rc = ir_smtp_proof_row(&p, 235, (int)r->proofs, &got, err);
	if (rc == 0 && r->from)
		rc = prove_data(r, &p, &data, err);
	keep_proof(r, got, data);
	ir_secret_free(&pw);
	return rc;
}

static int
prove(struct rotate *r, struct ir_err *err)
{
	struct ir_buf file = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	const char *id = ir_rec_get(r->entry, "new");
	const char *path = r->out ? r->out : out_path(r);
	struct ir_err late = IR_ERR_INIT;
	size_t i;
	int rc;

	if (!is_made(r)) {
		ir_fail(err, IR_UNAVAILABLE,
		    "%s: there is no new key to prove", r->user);
		ir_hint(err, "make it first: --phase=create --out=FILE");
		return -1;
	}
	ir_rec_del(r->entry, "proven");
	rc = ir_smtp_file_read(path, &file, err);
	for (i = 0; rc == 0 && i < r->nregions; i++)
		rc = prove_region(r, &file, r->regions[i], id, err);
	ir_buf_free(&file);
	if (save(r, rc ? &late : err) || note(r, "ses-rotate.proof", "prove",
	    id, rc ? "not proven" : "proven", rc ? &late : err))
		rc = -1;
	return rc;
}

/* --- saying ------------------------------------------------------------ */

static struct ir_rec *
record(struct rotate *r, const char *id, const char *role)
{
	struct ir_rec *rec = ir_rec_new("aws-key", id);
	struct key *k = find_key(r, id);

	ir_rec_str(rec, "role", role);
	ir_rec_str(rec, "account", r->account);
	ir_rec_str(rec, "user", r->user);
	ir_rec_str(rec, "status", k ? k->status : "absent");
	ir_rec_str(rec, "phase", r->phase);
	ir_rec_bool(rec, "dry_run", r->change.dry_run);
	return rec;
}

static void
put(struct ir_out *out, struct ir_rec *rec, bool changed,
    const struct ir_err *err)
{
	ir_rec_bool(rec, "changed", changed);
	ir_rec_bool(rec, "ok", !err || !err->code);
	if (err && err->code)
		ir_rec_str(rec, "why", err->msg);
	ir_out_put(out, rec);
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
report_old(struct rotate *r, struct ir_out *out, const struct ir_err *err)
{
	struct ir_rec *rec = record(r, r->old, "old");
	struct ir_rec *proof = ir_rec_object();
	struct key *k = find_key(r, r->old);
	bool changed = r->old_changed;

	copy(proof, "before", r->entry, "before");
	copy(proof, "dead_535", r->entry, "dead_535");
	ir_rec_set(rec, "proof", proof);
	if (r->change.dry_run) {
		changed = r->contain && k && strcmp(k->status, "Active") == 0;
		ir_rec_bool(rec, "slot", r->nkeys < 2);
		if (r->create && r->nkeys >= 2 && !is_made(r))
			ir_rec_str(rec, "why", "the user has two keys: no "
			    "room for a new one");
		if (r->out)
			ir_rec_str(rec, "file", r->out);
	}
	put(out, rec, changed, err);
}

/* A new key that is not an orphan of this run. */
static const char *
shown_new(struct rotate *r)
{
	const char *id = r->change.dry_run ? NULL :
	    ir_rec_get(r->entry, "new");
	size_t i;

	for (i = 0; id && i < r->norphans; i++)
		if (strcmp(r->orphans[i], id) == 0)
			return NULL;
	return id;
}

static void
report_new(struct rotate *r, struct ir_out *out, const struct ir_err *err)
{
	struct ir_rec *rec = record(r, shown_new(r), "new");
	struct ir_rec *proof = ir_rec_object();

	copy(proof, "auth_235", r->entry, "proven.auth_235");
	copy(proof, "data", r->entry, "proven.data");
	ir_rec_set(rec, "proof", proof);
	copy(rec, "file", r->entry, "file");
	copy(rec, "regions", r->entry, "regions");
	put(out, rec, r->new_changed, err);
}

/* err belongs to the old key unless it came later and there is a new one. */
static void
report(struct rotate *r, struct ir_out *out, bool contained,
    const struct ir_err *err)
{
	bool new = shown_new(r) != NULL;
	struct ir_rec *rec;
	size_t i;

	report_old(r, out, contained && new ? NULL : err);
	for (i = 0; i < r->norphans; i++) {
		rec = record(r, r->orphans[i], "orphan");
		ir_rec_str(rec, "why", "its secret was lost: deactivated");
		put(out, rec, true, NULL);
	}
	if (new)
		report_new(r, out, contained ? err : NULL);
}

/* --- options ----------------------------------------------------------- */

static void
check_phase(struct rotate *r)
{
	bool all = strcmp(r->phase, "all") == 0;

	r->contain = all || strcmp(r->phase, "contain") == 0;
	r->create = all || strcmp(r->phase, "create") == 0;
	r->prove = all || strcmp(r->phase, "prove") == 0;
	if (!r->contain && !r->create && !r->prove)
		ir_die_usage("--phase: not contain, create, prove or all: %s",
		    r->phase);
	if (r->create && !r->out)
		ir_die_usage("--out is needed: the secret is shown only once");
	if (r->password_file && r->secret_file)
		ir_die_usage("--old-password-file and --old-secret-file: one "
		    "of them");
	if (r->proofs < 1 || r->proofs > 1000)
		ir_die_usage("--proofs: 1 to 1000");
	if (r->from && !ir_smtp_address_ok(r->from))
		ir_die_usage("--from: not a mail address: %s", r->from);
}

/* The state outlives this run's working folder. */
static void
check_out(struct rotate *r)
{
	char cwd[PATH_MAX] = "";

	if (!r->out)
		return;
	if (*r->out != '/' && !getcwd(cwd, sizeof cwd))
		ir_die_usage("--out: say it from the root");
	if ((size_t)snprintf(r->path, sizeof r->path, "%s%s%s", cwd,
	    *cwd ? "/" : "", r->out) >= sizeof r->path)
		ir_die_usage("--out: too long");
	r->out = r->path;
}

static void
check_mode(struct rotate *r)
{
	const char *const modes[] = { "0400", "0440", "0600", "0640" };
	const char *m = r->mode_opt ? r->mode_opt : r->group ? "0640" : "0600";
	struct group *g;
	size_t i;

	for (i = 0; i < 4 && strcmp(m, modes[i]) != 0; i++)
		;
	if (i == 4)
		ir_die_usage("--mode: not 0400, 0440, 0600 or 0640: %s", m);
	r->mode = (mode_t)strtoul(m, NULL, 8);
	if ((r->mode & 040) && !r->group)
		ir_die_usage("--mode=%s needs --group", m);
	g = r->group ? getgrnam(r->group) : NULL;
	if (r->group && !g)
		ir_die_usage("--group: no such group: %s", r->group);
	r->gid = g ? g->gr_gid : (gid_t)-1;
}

/* What can be said before anything is opened; --key becomes the operand. */
static void
check_usage(struct rotate *r, int *n, char **argv)
{
	static char key[64];
	char host[256];
	int port = 0;

	if (r->key_opt && *n)
		ir_die_usage("--key and an operand: one of them");
	if (r->key_opt) {
		snprintf(key, sizeof key, "%s", r->key_opt);
		argv[1] = key;
		*n = 1;
	}
	if (*n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no key, and standard input is a terminal");
	if (!r->endpoint)
		r->endpoint = getenv("QUELL_SES_SMTP");
	if (!r->endpoint || !*r->endpoint)
		r->endpoint = ENDPOINT;
	if (ir_smtp_endpoint(r->endpoint, "us-east-1", host, sizeof host,
	    &port, NULL))
		ir_die_usage("--smtp-endpoint: not HOST[:PORT]: %s",
		    r->endpoint);
	check_phase(r);
	check_mode(r);
	check_out(r);
}

/* --regions, else what the key was made for, else the client's region. */
static int
find_regions(struct rotate *r, struct ir_err *err)
{
	const struct ir_rec *saved = ir_rec_at(r->entry, "regions");
	const char *p = r->region_list, *home = ir_aws_region(r->aws), *s;
	struct ir_buf b = IR_BUF(1024);
	size_t n, i;

	for (i = 0; !p && saved && i < ir_rec_len(saved); i++) {
		s = ir_rec_cstr(ir_rec_item(saved, i));
		ir_buf_fmt(&b, "%s%s", i ? "," : "", s ? s : "");
	}
	if (!p)
		p = b.len ? ir_buf_cstr(&b) : home ? home : "";
	for (; *p && r->nregions < MAX_REGIONS; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		snprintf(r->names[r->nregions], sizeof r->names[0], "%.*s",
		    (int)n, p);
		if (!ir_aws_region_ok(r->names[r->nregions]))
			break;
		r->regions[r->nregions] = r->names[r->nregions];
		r->nregions++;
	}
	n = strlen(p);
	ir_buf_free(&b);
	if (n || !r->nregions)
		return ir_fail(err, IR_USAGE, r->region_list ?
		    "--regions: not a list of regions: %s" :
		    "no region given: use --regions%s",
		    r->region_list ? r->region_list : "");
	return 0;
}

/* --- opening ----------------------------------------------------------- */

/* Exactly one key; records of new keys and orphans are passed over. */
static int
read_key(struct rotate *r, char **operands, size_t n, struct ir_err *err)
{
	struct ir_in *in = ir_in_open(operands, n, err);
	struct ir_rec *rec = NULL;
	const char *id, *user, *role;
	int rc;

	while (in && (rc = ir_in_next(in, &rec, err)) > 0) {
		id = ir_rec_get(rec, "id");
		user = ir_rec_get(rec, "user");
		role = ir_rec_get(rec, "role");
		if (role && strcmp(role, "old") != 0)
			id = NULL;
		else if (!id || strlen(id) < 16 || strlen(id) > 40 ||
		    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") !=
		    strlen(id) || strncmp(id, "AKIA", 4) != 0)
			rc = ir_fail(err, IR_DATAERR,
			    "%s: not the id of a user's access key",
			    ir_in_where(in));
		else if (r->old[0] && strcmp(r->old, id) != 0)
			rc = ir_fail(err, IR_USAGE,
			    "more than one key: rotate one at a time");
		if (rc > 0 && id) {
			snprintf(r->old, sizeof r->old, "%s", id);
			snprintf(r->user, sizeof r->user, "%s",
			    user ? user : "");
		}
		ir_rec_free(rec);
		if (rc < 0)
			break;
	}
	if (!in || rc < 0) {
		ir_in_close(in);
		return -1;
	}
	ir_in_close(in);
	return r->old[0] ? 0 : ir_fail(err, IR_USAGE,
	    "no key given: nothing changed");
}

/* "arn:aws:iam::111122223333:user/path/NAME" */
static bool
caller_is(const struct rotate *r)
{
	const char *name = strrchr(r->arn, '/');

	return strstr(r->arn, ":user/") && name &&
	    strcmp(name + 1, r->user) == 0;
}

static int
clean_hands(struct rotate *r, struct ir_err *err)
{
	if (strcmp(ir_aws_key_id(r->aws), r->old) != 0)
		return 0;
	ir_fail(err, IR_UNAVAILABLE,
	    "%s: is the key of this very run: nothing changed", r->old);
	ir_hint(err, "use credentials that are not the stolen ones");
	return -1;
}

static int
open_state(struct rotate *r, struct ir_err *err)
{
	const char *of;

	if (ir_journal_open(&r->journal, r->change.incident, cmd.name, err) ||
	    ir_state_open(&r->state, r->change.incident, cmd.name, r->account,
	    !r->change.dry_run, err))
		return -1;
	of = ir_rec_get(r->state.rec, "account");
	if (of && strcmp(of, r->account) != 0)
		return ir_fail(err, IR_CONFIG, "%s: is of account %s, the "
		    "credentials are of %s", r->state.path, of, r->account);
	r->entry = ir_rec_copy(ir_rec_at(ir_rec_at(r->state.rec, "keys"),
	    r->old));
	if (!r->entry)
		r->entry = ir_rec_object();
	of = ir_rec_get(r->entry, "user");
	if (!r->user[0] && of)
		snprintf(r->user, sizeof r->user, "%s", of);
	return 0;
}

static int
open_all(struct rotate *r, char **operands, size_t n, struct ir_err *err)
{
	if (read_key(r, operands, n, err) ||
	    ir_aws_open(&r->aws, &r->aws_opts, ir_ask_tty, err) ||
	    clean_hands(r, err))
		return -1;
	ir_aws_follow(r->aws, &r->common);
	if (r->common.timeout)
		r->end = ir_mono_ms() + r->common.timeout * 1000;
	if (r->user_opt)
		snprintf(r->user, sizeof r->user, "%s", r->user_opt);
	if (ir_aws_account(r->aws, r->account, r->arn, err) ||
	    open_state(r, err) || find_regions(r, err) ||
	    (!r->user[0] && find_user(r, err)))
		return -1;
	if (caller_is(r))
		ir_warn(&r->common, "%s is the user of this very run: "
		    "responders should use another", r->user);
	ir_rec_str(r->entry, "user", r->user);
	return list_keys(r, err);
}

static int
confirm(struct rotate *r, struct ir_err *err)
{
	return ir_confirm(&r->change, 1, err, "%s%s%s%s of user %s?",
	    r->contain ? "deactivate key " : "go on for key ", r->old,
	    r->create ? " and create another for " : "",
	    r->create ? r->out : "", r->user);
}

static void
run(struct rotate *r, struct ir_out *out, struct ir_err *err)
{
	bool act = !r->change.dry_run, contained;

	contained = !act || !r->contain || contain(r, err) == 0;
	if (act && contained && (!r->create || create(r, err) == 0) &&
	    r->prove)
		(void)prove(r, err);
	report(r, out, contained, err);
}

static void
close_all(struct rotate *r)
{
	ir_rec_free(r->entry);
	ir_state_close(&r->state);
	ir_journal_close(r->journal);
	ir_aws_close(r->aws);
}

int
main(int argc, char **argv)
{
	static struct rotate r = { .state = { .lock = -1 }, .phase = "all",
		.proofs = 5, .wait = 120 };
	const struct ir_opt opts[] = {
		{ 0, "phase", "PHASE", IR_STR, &r.phase,
		    "contain, create, prove or all (the default)" },
		{ 0, "key", "KEY", IR_STR, &r.key_opt,
		    "the old key, instead of an operand" },
		{ 0, "user", "NAME", IR_STR, &r.user_opt,
		    "IAM user of the key; default: ask AWS" },
		{ 0, "regions", "LIST", IR_STR, &r.region_list,
		    "make and prove SMTP passwords for these, by commas" },
		{ 0, "out", "FILE", IR_STR, &r.out,
		    "write the new user and passwords there" },
		{ 0, "mode", "MODE", IR_STR, &r.mode_opt,
		    "of that file: 0600, or 0640 with --group" },
		{ 0, "group", "NAME", IR_STR, &r.group, "of that file" },
		{ 0, "old-password-file", "FILE", IR_STR, &r.password_file,
		    "the old SMTP password, to prove it dead" },
		{ 0, "old-secret-file", "FILE", IR_STR, &r.secret_file,
		    "or the old secret access key" },
		{ 0, "from", "ADDRESS", IR_STR, &r.from,
		    "prove by a mail from there to the mailbox simulator" },
		{ 0, "proofs", "COUNT", IR_INT, &r.proofs,
		    "answers in a row that are a proof; default 5" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &r.wait,
		    "time for each proof; default 120" },
		{ 0, "smtp-endpoint", "HOST", IR_STR, &r.endpoint,
		    "HOST[:PORT]; {region} in it is replaced" },
		IR_OPTS_CHANGE(&r.change),
		IR_OPTS_AWS(&r.aws_opts),
		IR_OPTS_COMMON(&r.common),
		IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_out *out = NULL;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, &n, argv);
	if (open_all(&r, argv + 1, (size_t)n, &err) == 0 &&
	    (r.change.dry_run || confirm(&r, &err) == 0)) {
		out = ir_open_output(&r.common, cols);
		run(&r, out, &err);
	}
	close_all(&r);
	return ir_end(&err, out, NULL);
}
