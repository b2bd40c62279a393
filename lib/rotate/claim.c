/*
 * claim.c - one rotation of a user at a time: two incidents, each with a
 * state of its own, would both make a key.  Who is at it stands in the state
 * folder of this host.  To contain needs no claim.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "step.h"

/* Is the rotation of this key still under way, by that state file? */
static bool
under_way(const char *path, const char *key)
{
	struct ir_buf b = IR_BUF(1 << 20);
	const struct ir_rec *entry;
	const char *done, *next = NULL;
	struct ir_rec *state = NULL;

	if (ir_buf_read_file(&b, path, NULL) == 0)
		state = ir_rec_parse(ir_buf_cstr(&b), b.len, NULL);
	entry = ir_rec_at(ir_rec_at(state, "keys"), key);
	if (entry)
		ir_rotate_stands(entry, &done, &next);
	ir_rec_free(state);
	ir_buf_free(&b);
	return next != NULL;
}

/* "--incident DIR", or where the state is without one. */
static void
describe(const char *path, char *out, size_t size)
{
	const char *p = strstr(path, "/state/ses-rotate.json");

	if (p && !p[22])
		snprintf(out, size, "--incident=%.*s", (int)(p - path), path);
	else
		snprintf(out, size, "(without --incident: %s)", path);
}

static int
refuse(struct ir_rotate *r, const char *path, const char *key,
    struct ir_err *err)
{
	char where[PATH_MAX + 32], question[PATH_MAX + 256];

	describe(path, where, sizeof where);
	snprintf(question, sizeof question, "the rotation of %s of user %s is "
	    "not over: %s", key, r->user, where);
	if (r->run->sure(r->run->arg, r->user, "user", question, err) == 0)
		return 0;
	ir_fail(err, IR_TEMPFAIL, "%s: another rotation of this user is not "
	    "over, that of %s %s", r->user, key, where);
	ir_hint(err, "end that one with --resume or --rollback, or take over "
	    "with --confirm=%s", r->user);
	return -1;
}

static int
take(struct ir_rotate *r, struct ir_state *s, const char *own,
    struct ir_err *err)
{
	const char *path = ir_rec_get(s->rec, "state");
	const char *key = ir_rec_get(s->rec, "key");

	if (path && key && strcmp(path, own) == 0 && strcmp(key, r->old) == 0)
		return 0;
	if (path && key && strcmp(path, own) != 0 && under_way(path, key) &&
	    refuse(r, path, key, err))
		return -1;
	ir_rec_str(s->rec, "state", own);
	ir_rec_str(s->rec, "key", r->old);
	ir_rec_time(s->rec, "time", ir_now());
	return ir_state_save(s, err);
}

int
ir_rot_claim(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_state s = { .lock = -1 };
	struct ir_err why = IR_ERR_INIT;
	char own[PATH_MAX], name[IR_KEY_USER + 16];
	int rc = 0;

	snprintf(name, sizeof name, "%s-%s", r->run->account, r->user);
	/* the step's plan is in it by now: others see that it is under way */
	if (!realpath(r->run->state->path, own))
		return ir_fail_errno(err, IR_OSERR, errno, "%s",
		    r->run->state->path);
	if (ir_state_open(&s, NULL, "ses-rotate-user", name, true, &why) == 0)
		rc = take(r, &s, own, err);
	else if (why.code == IR_TEMPFAIL)
		rc = ir_fail(err, IR_TEMPFAIL, "%s: another run rotates it",
		    r->user);
	else
		ir_rot_warn(r, "%s: whether another run rotates it is not "
		    "known: %s", r->user, why.msg);
	ir_state_close(&s);
	return rc;
}
