/*
 * rollback.c - back to the old key, by steps as well: it lives again, is
 * proven to, is published again; then the new key dies.  Nothing is deleted.
 */
#include <stdio.h>
#include <string.h>

#include "../core/text.h"
#include "step.h"

static bool
was_published(const struct ir_rotate *r)
{
	return ir_rot_marked(r->entry, "publish") != NULL;
}

static bool
was_verified(const struct ir_rotate *r)
{
	return r->want.verify && was_published(r);
}

static bool
old_is_on(struct ir_rotate *r)
{
	return ir_rot_active(r, r->old);
}

static bool
new_is_off(struct ir_rotate *r)
{
	const char *new = ir_rec_get(r->entry, "new");

	return !new || !ir_rot_active(r, new);
}

/*
 * The key of an emergency is in a thief's hands: it lives again only when a
 * person names it.  And nothing is begun that cannot be ended.
 */
static int
back(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	char question[512];
	int rc = 0;

	if (!ir_keys_find(&r->keys, r->old))
		return ir_fail(err, IR_UNAVAILABLE, "%s: %s is gone: there "
		    "is no way back", r->user, r->old);
	snprintf(question, sizeof question, "%s of %s was given up as stolen: "
	    "let it live again?", r->old, r->user);
	if (!r->routine && !ir_rot_active(r, r->old) && r->run->sure(
	    r->run->arg, r->old, "key id", question, err))
		return -1;
	if (was_published(r))
		rc = r->use_vault ? ir_rot_load_vault(r, r->old, &c, err) :
		    ir_fail(err, IR_NOINPUT, "without a vault nothing has "
		    "the secret of %s", r->old);
	if (rc)
		ir_hint(err, "publish the old credential by hand, then "
		    "switch the keys with iam-key-disable");
	ir_credential_free(&c);
	return rc;
}

static int
revive(struct ir_rotate *r, struct ir_err *err)
{
	if (ir_rot_active(r, r->old))
		return 0;
	ir_rec_bool(r->entry, "contained", false);
	ir_rec_bool(r->entry, "dead", false);
	if (ir_rot_save(r, err) || ir_rot_switch(r, r->old, "Active", "back",
	    "reactivate", err))
		return -1;
	r->old_changed = true;
	return 0;
}

/* The old credential, with the passwords of the wanted regions. */
static int
republish(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT, all = IR_CREDENTIAL_INIT;
	struct ir_vault *v = NULL;
	int rc = -1;

	if (ir_rot_load(r, r->old, &c, err) == 0 &&
	    ir_rot_prove_key(r, r->old, &c, err) == 0 &&
	    ir_rot_publish_key(r, &c, r->old, err) == 0 &&
	    ir_rot_load_vault(r, r->old, &all, err) == 0 &&
	    ir_rot_vault(r, &v, true, err) == 0)
		/* the newest version is the one in use */
		rc = ir_vault_put(v, ir_rot_vault_name(r), &all, 0, NULL,
		    err);
	ir_vault_close(v);
	ir_credential_free(&all);
	ir_credential_free(&c);
	return rc;
}

static int
disable_new(struct ir_rotate *r, struct ir_err *err)
{
	const char *new = ir_rec_get(r->entry, "new");

	if (!new || !ir_rot_active(r, new))
		return 0;
	if (ir_rot_switch(r, new, "Inactive", "back", "deactivate", err))
		return -1;
	r->new_changed = true;
	return 0;
}

static int
rolled_back(struct ir_rotate *r, struct ir_err *err)
{
	(void)err;
	ir_rec_time(r->entry, "rolled_back", ir_now());
	return 0;
}

#define ALL IR_ROTATE_ALL, IR_ROTATE_ANY

const struct ir_rotate_step ir_rollback_steps[] = {
	{ "back", ALL, NULL, NULL, back, false, "may it, and can it?" },
	{ "revive", ALL, NULL, old_is_on, revive, false, "the old key" },
	{ "republish", ALL, was_published, NULL, republish, false,
	    "what the vault has of it" },
	{ "reverify", ALL, was_verified, NULL, ir_rot_verify, false,
	    "that it is used" },
	{ "disable-new", ALL, NULL, new_is_off, disable_new, false,
	    "the new key" },
	{ "rolled-back", ALL, NULL, NULL, rolled_back, false, "the end" },
	{ NULL, 0, IR_ROTATE_ANY, NULL, NULL, NULL, false, NULL }
};
