/* create.c - a new key, and what an earlier attempt may have left */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../core/cli.h"
#include "../core/text.h"
#include "step.h"

#define LOOKS 4			/* one a second: a list may lag behind */
#define MARGIN 2		/* seconds that two clocks may differ by */

/* --- orphans ----------------------------------------------------------- */

/*
 * Ours: it was not there before, came after we asked, and was never used,
 * for nobody has its secret.  Anything else is left alone.
 */
static int
prove_ours(struct ir_rotate *r, const struct ir_key *k, struct ir_err *err)
{
	int64_t asked = ir_rec_get_int(r->entry, "asked", INT64_MAX);
	struct ir_key_use use;
	int64_t created;

	if (ir_time_parse(k->created, &created) || created + MARGIN < asked)
		return ir_fail(err, IR_UNAVAILABLE, "%s: a key of %s that was "
		    "not there before, but was created before one was asked "
		    "for: left alone", k->id, r->user);
	if (ir_key_last_used(r->run->aws, k->id, &use, err))
		return -1;
	if (ir_rot_in_vault(r, k->id))
		return ir_fail(err, IR_UNAVAILABLE, "%s: a new key of %s that "
		    "another rotation made: the vault has its secret",
		    k->id, r->user);
	if (*use.when)
		return ir_fail(err, IR_UNAVAILABLE, "%s: a new key of %s that "
		    "is not ours, for it is in use (%s): left alone", k->id,
		    r->user, use.when);
	return 0;
}

static size_t
remember_orphan(struct ir_rotate *r, const char *id)
{
	size_t i;

	for (i = 0; i < r->norphans; i++)
		if (strcmp(r->orphans[i], id) == 0)
			return i;
	if (r->norphans == IR_ROTATE_ORPHANS)
		r->norphans--;
	snprintf(r->orphans[r->norphans], sizeof r->orphans[0], "%s", id);
	r->orphan_deleted[r->norphans] = false;
	return r->norphans++;
}

static void
forget_key(struct ir_rotate *r, const char *id)
{
	struct ir_key *k = ir_keys_find(&r->keys, id);

	if (k)
		*k = r->keys.key[--r->keys.n];
}

/* Only a person deletes a key, and only this one. */
static int
delete_orphan(struct ir_rotate *r, const char *id, size_t n,
    struct ir_err *err)
{
	char question[512];

	snprintf(question, sizeof question, "%s of %s was created, but its "
	    "secret is lost: delete it for good?", id, r->user);
	if (r->run->sure(r->run->arg, id, "key id", question, err)) {
		ir_fail(err, IR_UNAVAILABLE, "%s of %s was created, but its "
		    "secret is lost: deactivated, and in the way of another",
		    id, r->user);
		ir_hint(err, "--resume --confirm=%s deletes it and goes on",
		    id);
		return -1;
	}
	if (ir_rot_note(r, "ses-rotate.begin", "create", id,
	    "delete: its secret is lost, a person said so", err) ||
	    ir_key_delete(r->run->aws, r->user, id, err))
		return -1;
	r->orphan_deleted[n] = true;
	forget_key(r, id);
	return ir_rot_note(r, "ses-rotate.end", "create", id, "deleted", err);
}

static int
settle_orphan(struct ir_rotate *r, const struct ir_key *key,
    struct ir_err *err)
{
	struct ir_key k = *key;
	size_t n;

	if (prove_ours(r, &k, err))
		return -1;
	ir_rot_warn(r, "%s: was created, but its secret is lost: deactivated",
	    k.id);
	if (strcmp(k.status, "Active") == 0 && ir_rot_switch(r, k.id,
	    "Inactive", "create", "deactivate: its secret is lost", err))
		return -1;
	n = remember_orphan(r, k.id);
	return delete_orphan(r, k.id, n, err);
}

/* The file or the vault has it: killed just behind that. */
static void
adopt(struct ir_rotate *r, const char *id)
{
	struct ir_rec *names, *sealed;
	size_t i;

	ir_rec_str(r->entry, "new", id);
	if (r->use_vault) {
		sealed = ir_rec_object();
		ir_rec_str(sealed, "name", ir_rot_vault_name(r));
		ir_rec_set(r->entry, "sealed", sealed);
	} else {
		ir_rec_str(r->entry, "file", ir_rot_path(r));
	}
	names = ir_rec_array();
	for (i = 0; i < r->nregions; i++)
		ir_rec_push_str(names, r->regions[i]);
	ir_rec_set(r->entry, "regions", names);
	ir_rec_bool(r->entry, "creating", false);
	r->new_changed = true;
}

/*
 * The list may lag behind what we have made: look until it shows this key, or
 * with NULL any that was not there before.  1 found, 0 not in time, -1.
 */
static int
look_for(struct ir_rotate *r, const char *id, struct ir_err *err)
{
	const struct timespec second = { 1, 0 };
	size_t i;
	int tries;

	for (tries = 0; tries < LOOKS && !ir_stopped(); tries++) {
		if (tries)
			nanosleep(&second, NULL);
		if (ir_keys_list(r->run->aws, r->user, &r->keys, err))
			return -1;
		for (i = 0; i < r->keys.n; i++)
			if (id ? strcmp(r->keys.key[i].id, id) == 0 :
			    !ir_rot_before(r, r->keys.key[i].id))
				return 1;
	}
	return 0;
}

/* 1: made by an earlier run after all, 0: there is nothing, -1. */
static int
settle(struct ir_rotate *r, struct ir_err *err)
{
	char id[IR_KEY_ID];
	size_t i = 0;
	int rc = 0;

	if (!ir_rec_get_bool(r->entry, "creating", false))
		return 0;
	if (ir_rot_sealed(r, id))
		rc = ir_keys_find(&r->keys, id) ? 1 : look_for(r, id, err);
	if (rc < 0)
		return -1;
	if (rc) {
		adopt(r, id);
		return ir_rot_save(r, err) || ir_rot_note(r, "ses-rotate.end",
		    "create", id, "created by an earlier run", err) ? -1 : 1;
	}
	while (i < r->keys.n) {
		if (ir_rot_before(r, r->keys.key[i].id)) {
			i++;
			continue;
		}
		if (settle_orphan(r, &r->keys.key[i], err))
			return -1;
		i = 0;
	}
	return 0;
}

/* --- creation ---------------------------------------------------------- */

/* AWS allows two keys; which one may go is not ours to say. */
static int
no_slot(struct ir_rotate *r, struct ir_err *err)
{
	const char *idle = r->old;
	size_t i;

	for (i = 0; i < r->keys.n; i++)
		if (strcmp(r->keys.key[i].status, "Active") != 0 &&
		    strcmp(r->keys.key[i].id, r->old) != 0)
			idle = r->keys.key[i].id;
	ir_fail(err, IR_UNAVAILABLE, "%s: has two keys already, %s and %s: no "
	    "room for a new one", r->user, r->keys.key[0].id,
	    r->keys.n > 1 ? r->keys.key[1].id : "another");
	if (r->routine && strcmp(idle, r->old) == 0)
		ir_hint(err, "both are in use: which one can go?");
	else
		ir_hint(err, "delete what is not needed, by hand: aws iam "
		    "delete-access-key --user-name %s --access-key-id %s",
		    r->user, idle);
	return -1;
}

/* ListAccessKeys may lag behind what we have just made. */
static void
remember_key(struct ir_rotate *r, const char *id)
{
	struct ir_key *k;

	if (ir_keys_find(&r->keys, id) || r->keys.n == IR_KEYS_MAX)
		return;
	k = &r->keys.key[r->keys.n++];
	memset(k, 0, sizeof *k);
	snprintf(k->id, sizeof k->id, "%s", id);
	snprintf(k->status, sizeof k->status, "Active");
}

/* What is known before: to tell afterwards which key is new. */
static int
write_before(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_rec *ids;
	size_t i;

	if (!ir_rec_get_bool(r->entry, "creating", false)) {
		ids = ir_rec_array();
		for (i = 0; i < r->keys.n; i++)
			ir_rec_push_str(ids, r->keys.key[i].id);
		ir_rec_set(r->entry, "ids_before", ids);
		ir_rec_int(r->entry, "asked", ir_rot_now(r));
	}
	if (!r->use_vault)
		ir_rec_str(r->entry, "out", r->want.out);
	ir_rec_del(r->entry, "new");
	ir_rec_bool(r->entry, "creating", true);
	return ir_rot_save(r, err) || ir_rot_note(r, "ses-rotate.begin",
	    "create", r->old, "create a key", err) ? -1 : 0;
}

/* No key came into being by this attempt; first: there was none before. */
static int
refused(struct ir_rotate *r, bool full, bool first, struct ir_err *err)
{
	struct ir_err more = IR_ERR_INIT;
	int rc;

	if (full) {
		/* an earlier attempt's key, that the list did not show yet? */
		rc = look_for(r, NULL, &more) == 1 ? settle(r, &more) : 0;
		if (rc < 0)
			*err = more;
		else if (rc == 0)
			(void)no_slot(r, err);
		else
			*err = (struct ir_err)IR_ERR_INIT;
		return rc > 0 ? 0 : -1;
	}
	if (first) {
		ir_rec_bool(r->entry, "creating", false);
		(void)ir_rot_save(r, &more);
	}
	return -1;
}

/*
 * Lost once is settled by looking, then tried once more.  What cannot be
 * settled now stays 79: the next run begins with looking.
 */
static int
ask_for_key(struct ir_rotate *r, struct ir_err *err)
{
	bool first = !ir_rec_get_bool(r->entry, "creating", false);
	struct ir_err lost;
	bool full = false;
	int tries;

	for (tries = 0; ; tries++) {
		if (r->keys.n >= 2)
			return no_slot(r, err);
		if (write_before(r, err))
			return -1;
		if (ir_key_create(r->run->aws, r->user, r->made, &r->secret,
		    &full, err) == 0)
			return 0;
		if (err->code != IR_UNKNOWN)
			return refused(r, full, first && !tries, err);
		lost = *err;
		ir_hint(&lost, "run it again: it looks for the key first");
		(void)ir_rot_note(r, "ses-rotate.end", "create", r->old,
		    "outcome unknown: a key may have been created", err);
		ir_rot_warn(r, "%s", lost.msg);
		*err = (struct ir_err)IR_ERR_INIT;
		if (tries || ir_stopped() || look_for(r, NULL, err) < 0) {
			*err = lost;
			return -1;
		}
		if (settle(r, err) < 0)
			return -1;
	}
}

int
ir_rot_create(struct ir_rotate *r, struct ir_err *err)
{
	int rc;

	if (!r->routine && ir_rot_active(r, r->old))
		return ir_fail(err, IR_UNAVAILABLE,
		    "%s is still active: contain it first", r->old);
	if (ir_rotate_made(r))
		return 0;
	rc = settle(r, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (!r->use_vault && !r->want.out)
		return ir_fail(err, IR_USAGE, "--vault or --out is needed: "
		    "the secret is shown only once");
	if (ir_rot_preflight(r, err) || ask_for_key(r, err))
		return -1;
	remember_key(r, r->made);
	return 0;
}
