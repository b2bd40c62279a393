/* prove.c - the old key dies, the new one lives: what the endpoint says */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../aws/smtp_file.h"
#include "../aws/smtp_password.h"
#include "../aws/smtp_proof.h"
#include "../core/cli.h"
#include "../core/text.h"
#include "step.h"

#define BEFORE_MS 5000		/* that a proof may delay the containment */

static struct ir_smtp_proof
proof_of(struct ir_rotate *r, const char *region, const char *id,
    const struct ir_secret *password)
{
	struct ir_smtp_proof p = { .endpoint = r->want.endpoint,
		.region = region, .user = id, .password = password };

	p.deadline = ir_mono_ms() + r->run->wait * 1000;
	if (r->run->end && p.deadline > r->run->end)
		p.deadline = r->run->end;
	return p;
}

/* --- the old key ------------------------------------------------------- */

/* What is in the vault anyway; that it has none is no fault. */
static int
from_vault(struct ir_rotate *r, struct ir_secret *out, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	int rc = 0;

	if (ir_rot_load_vault(r, r->old, &c, err))
		*err = (struct ir_err)IR_ERR_INIT;
	else
		rc = ir_credential_password(&c, r->regions[0], out, err);
	ir_credential_free(&c);
	return rc;
}

/* The old SMTP password for the first region; none: data is NULL. */
static int
old_password(struct ir_rotate *r, struct ir_secret *out, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	struct ir_secret key = IR_SECRET_INIT;
	const char *file = r->want.password_file;
	int rc = 0;

	if (r->want.secret_file) {
		rc = ir_secret_read_file(&key, r->want.secret_file, err);
		if (rc == 0)
			rc = ir_ses_smtp_password(&key, r->regions[0], out,
			    err);
	} else if (file) {
		rc = ir_smtp_file_read(file, &b, err);
		if (rc == 0 && (rc = ir_smtp_file_password(&b, r->regions[0],
		    out, err)))
			ir_fail_prefix(err, "%s", file);
	} else if (r->use_vault) {
		rc = from_vault(r, out, err);
	}
	ir_secret_free(&key);
	ir_buf_free(&b);
	return rc;
}

/*
 * A password of version 2 begins with the byte 2, in base64 with an A; the
 * later ones with a B.  It belongs to no region.
 */
static bool
is_legacy(const struct ir_secret *pw)
{
	return pw->len == IR_SES_PASSWORD_LEN && pw->data[0] == 'A';
}

/*
 * What the endpoint says to the old key while it is alive.  It must not
 * hold up the containment: one question, and whatever the answer, go on.
 */
static void
prove_before(struct ir_rotate *r, const struct ir_secret *pw, bool active)
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
	ir_rec_bool(r->entry, "legacy", is_legacy(pw));
	if (is_legacy(pw))
		ir_rot_warn(r, "the password of %s is of the old version 2: "
		    "good in each region that still takes those", r->old);
	p.deadline = ir_mono_ms() + BEFORE_MS;
	code = ir_smtp_proof_auth(&p, &err);
	ir_rec_str(r->entry, "before", code == 235 ? "235" :
	    code == 535 ? (active ? "refused" : "already") : "unreachable");
	if (code != 235 && code != 535)
		ir_rot_warn(r, "no proof that %s was alive: %s", r->old,
		    err.msg);
}

int
ir_rot_deactivate(struct ir_rotate *r, struct ir_err *err)
{
	bool active = ir_rot_active(r, r->old);
	struct ir_secret pw = IR_SECRET_INIT;
	struct ir_err bad = IR_ERR_INIT;
	int rc;

	/* a bad password file is no reason to leave the key alive */
	(void)old_password(r, &pw, &bad);
	prove_before(r, &pw, active);
	ir_secret_free(&pw);
	if (active) {
		ir_rec_bool(r->entry, "dead", false);
		ir_rot_unmark(r, r->routine ? "prove-retired" : "prove-dead");
	}
	if (ir_rot_save(r, err))
		return -1;
	rc = active ? ir_rot_switch(r, r->old, "Inactive", r->routine ?
	    "retire" : "contain", "deactivate", err) : 0;
	r->old_changed = r->old_changed ||
	    (active && !ir_rot_active(r, r->old));
	ir_rec_bool(r->entry, "contained", !ir_rot_active(r, r->old));
	return rc;
}

static int
wait_for_death(struct ir_rotate *r, const struct ir_secret *pw,
    struct ir_err *err)
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
	rc = ir_smtp_proof_row(&p, 535, (int)r->run->proofs, &got, err);
	ir_rec_int(r->entry, "dead_535", got);
	ir_rec_bool(r->entry, "dead", rc == 0);
	return rc;
}

int
ir_rot_prove_dead(struct ir_rotate *r, struct ir_err *err)
{
	const char *phase = r->routine ? "retire" : "contain";
	struct ir_secret pw = IR_SECRET_INIT;
	struct ir_err late = IR_ERR_INIT;
	int rc = old_password(r, &pw, err);

	if (rc) {
		ir_fail_prefix(err, "%s is deactivated, but not proven dead",
		    r->old);
		return -1;
	}
	rc = wait_for_death(r, &pw, err);
	if (ir_rot_save(r, rc ? &late : err) || (pw.data && ir_rot_note(r,
	    "ses-rotate.proof", phase, r->old, rc ? "not proven dead" :
	    "dead", rc ? &late : err)))
		rc = -1;
	ir_secret_free(&pw);
	return rc;
}

/* --- the new key ------------------------------------------------------- */

static bool
is_paused(struct ir_rotate *r, const char *region)
{
	struct ir_ses_region s = { .name = "" };

	snprintf(s.name, sizeof s.name, "%s", region);
	(void)ir_ses_survey(r->run->aws, &s, 1, false, ir_now());
	return s.err.code == 0 &&
	    (!s.sending || strcmp(s.enforcement, "SHUTDOWN") == 0);
}

/* Until it is taken: a change that has not spread yet is asked again. */
static int
prove_data(struct ir_rotate *r, struct ir_smtp_proof *p, const char **said,
    struct ir_err *err)
{
	const struct timespec pause = { 0, 500 * 1000 * 1000 };
	bool paused;

	*said = "refused";
	for (;;) {
		*err = (struct ir_err)IR_ERR_INIT;
		if (ir_smtp_proof_data(p, r->want.from, &paused, err) == 0) {
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
keep_proof(struct ir_rotate *r, int got, const char *data)
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
prove_region(struct ir_rotate *r, const struct ir_credential *c,
    const char *region, const char *id, struct ir_err *err)
{
	struct ir_secret pw = IR_SECRET_INIT;
	struct ir_smtp_proof p;
	const char *data = "none";
	int got = 0, rc;

	rc = ir_credential_password(c, region, &pw, err);
	p = proof_of(r, region, id, &pw);
	p.over_ms = r->run->over * 1000;
	if (rc == 0)
		rc = ir_smtp_proof_row(&p, 235, (int)r->run->proofs, &got,
		    err);
	if (rc == 0 && r->want.from)
		rc = prove_data(r, &p, &data, err);
	keep_proof(r, got, data);
	ir_secret_free(&pw);
	return rc;
}

/* In every region. */
int
ir_rot_prove_key(struct ir_rotate *r, const char *id,
    const struct ir_credential *c, struct ir_err *err)
{
	size_t i;
	int rc = 0;

	ir_rec_del(r->entry, "proven");
	for (i = 0; rc == 0 && i < r->nregions; i++)
		rc = prove_region(r, c, r->regions[i], id, err);
	return rc;
}

int
ir_rot_prove_alive(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	const char *id = ir_rec_get(r->entry, "new");
	struct ir_err late = IR_ERR_INIT;
	int rc;

	if (!ir_rotate_made(r)) {
		ir_fail(err, IR_UNAVAILABLE,
		    "%s: there is no new key to prove", r->user);
		ir_hint(err, "make it first: --phase=create --out=FILE");
		return -1;
	}
	rc = ir_rot_load(r, id, &c, err);
	if (rc == 0)
		rc = ir_rot_prove_key(r, id, &c, err);
	ir_credential_free(&c);
	if (ir_rot_save(r, rc ? &late : err) || ir_rot_note(r,
	    "ses-rotate.proof", "prove", id, rc ? "not proven" : "proven",
	    rc ? &late : err))
		rc = -1;
	return rc;
}
