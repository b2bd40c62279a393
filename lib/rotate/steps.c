/* steps.c - the tables of steps, and who walks along them; see rotate.h */
#include <string.h>

#include "../core/cli.h"
#include "../core/text.h"
#include "step.h"

/* --- when a step applies, and when what it did still holds -------------- */

static bool
old_is_off(struct ir_rotate *r)
{
	return !ir_rot_active(r, r->old);
}

static bool
made(struct ir_rotate *r)
{
	return ir_rotate_made(r);
}

static bool
has_publisher(const struct ir_rotate *r)
{
	return r->want.publish || r->want.publish_secret ||
	    (r->use_vault && r->want.out);
}

static bool
has_verify(const struct ir_rotate *r)
{
	return r->want.verify != NULL;
}

const struct ir_rotate_step ir_rotate_steps[] = {
	{ "plan", IR_ROTATE_ALL, IR_ROTATE_ANY, NULL, NULL, ir_rot_plan,
	    false, "write down what is to be done" },
	{ "deactivate", IR_ROTATE_CONTAIN, IR_ROTATE_EMERGENCY, NULL,
	    old_is_off, ir_rot_deactivate, false, "the stolen key, first" },
	{ "prove-dead", IR_ROTATE_CONTAIN, IR_ROTATE_EMERGENCY, NULL,
	    NULL, ir_rot_prove_dead, false,
	    "535 in a row, where 235 was before" },
	{ "check", IR_ROTATE_CREATE, IR_ROTATE_ANY, NULL, NULL, ir_rot_check,
	    false, "may the new key send?" },
	{ "create", IR_ROTATE_CREATE, IR_ROTATE_ANY, NULL, made,
	    ir_rot_create, true, "settle orphans, try the place, create" },
	{ "seal", IR_ROTATE_CREATE, IR_ROTATE_ANY, NULL, made, ir_rot_seal,
	    false, "the secret, before anything else can fail" },
	{ "prove-alive", IR_ROTATE_PROVE, IR_ROTATE_ANY, NULL, NULL,
	    ir_rot_prove_alive, false, "235 in a row, then DATA" },
	{ "publish", IR_ROTATE_PUBLISH, IR_ROTATE_ANY, has_publisher, NULL,
	    ir_rot_publish, false, "to who sends with it" },
	{ "verify", IR_ROTATE_PUBLISH, IR_ROTATE_ANY, has_verify, NULL,
	    ir_rot_verify, false, "that they do" },
	{ "retire", IR_ROTATE_PUBLISH, IR_ROTATE_ROUTINE, NULL, old_is_off,
	    ir_rot_deactivate, false, "the old key, last" },
	{ "prove-retired", IR_ROTATE_PUBLISH, IR_ROTATE_ROUTINE, NULL,
	    NULL, ir_rot_prove_dead, false, "as prove-dead" },
	{ "finish", IR_ROTATE_PROVE | IR_ROTATE_PUBLISH, IR_ROTATE_ANY, NULL,
	    NULL, ir_rot_finish, false, "look at all keys once more" },
	{ NULL, 0, IR_ROTATE_ANY, NULL, NULL, NULL, false, NULL }
};

/* --- walking ----------------------------------------------------------- */

static bool
in_order(const struct ir_rotate_step *s, bool routine)
{
	return s->order == IR_ROTATE_ANY ||
	    (s->order == IR_ROTATE_ROUTINE) == routine;
}

static bool
applies(const struct ir_rotate *r, const struct ir_rotate_step *s)
{
	return in_order(s, r->routine) && (!s->applies || s->applies(r));
}

static bool
is_done(struct ir_rotate *r, const struct ir_rotate_step *s)
{
	const char *at = ir_rot_marked(r->entry, s->name);

	return at && strcmp(at, "done") == 0 && (!s->holds || s->holds(r));
}

/* The last step is for when there is nothing left before it. */
static bool
all_before(struct ir_rotate *r, const struct ir_rotate_step *table,
    const struct ir_rotate_step *s)
{
	const struct ir_rotate_step *p;

	for (p = table; p < s; p++)
		if (applies(r, p) && !is_done(r, p))
			return false;
	return true;
}

/*
 * Done: marked with the step before it, when nothing was written between
 * the two.
 */
static int
do_step(struct ir_rotate *r, const struct ir_rotate_step *s, bool follows,
    struct ir_err *err)
{
	int rc;

	if (!follows && ir_rot_mark(r, s->name, "begun", err))
		return -1;
	rc = s->act(r, err);
	if (rc || s->joined)
		return rc;
	if (follows && ir_rot_mark(r, s[-1].name, "done", err))
		return -1;
	return ir_rot_mark(r, s->name, "done", err);
}

static int
walk(struct ir_rotate *r, const struct ir_rotate_step *table, int phases,
    bool again, const char *until)
{
	const struct ir_rotate_step *s;
	bool follows = false;
	int rc = 0;

	for (s = table; s->name && rc == 0; s++) {
		if (!(s->phase & phases) || !applies(r, s))
			continue;
		if (s->act == ir_rot_finish && !all_before(r, table, s))
			continue;
		/* but what was created is sealed first */
		if (ir_stopped() && !follows)
			return ir_fail(&r->err, IR_TEMPFAIL,
			    "%s: stopped before %s", r->old, s->name);
		if (follows || again || s->act == ir_rot_plan ||
		    !is_done(r, s)) {
			rc = s->phase & IR_ROTATE_CONTAIN ? 0 :
			    ir_rot_claim(r, &r->err);
			if (rc == 0)
				rc = do_step(r, s, follows, &r->err);
			follows = s->joined;
		}
		if (until && strcmp(s->name, until) == 0)
			break;
	}
	return rc;
}

int
ir_rotate_go(struct ir_rotate *r, int phases, bool again, const char *until)
{
	int rc;

	/* with the first mark all that a later run needs is written */
	if (ir_rot_plan(r, &r->err))
		return -1;
	rc = walk(r, ir_rotate_steps, phases, again, until);
	/* its lock is in the way of the next key's rotation */
	ir_vault_close(r->sealing);
	r->sealing = NULL;
	return rc;
}

int
ir_rotate_back(struct ir_rotate *r)
{
	return walk(r, ir_rollback_steps, IR_ROTATE_ALL, false, NULL);
}

/* --- where it stands ---------------------------------------------------- */

bool
ir_rotate_is_back(const struct ir_rec *entry)
{
	const char *at = ir_rot_marked(entry, "back");

	return at && strcmp(at, "done") == 0;
}

/* By the plan alone: what applies() asks of a rotation that is open. */
static bool
planned(const struct ir_rec *entry, const struct ir_rotate_step *s)
{
	const struct ir_rec *plan = ir_rec_at(entry, "plan");
	struct ir_rotate r = { .use_vault = ir_rec_has(plan, "vault"),
		.routine = ir_rec_get_bool(entry, "routine", false) };

	r.want.publish = ir_rec_get(plan, "publish");
	r.want.publish_secret = ir_rec_get(plan, "publish_secret");
	r.want.verify = ir_rec_get(plan, "verify");
	r.want.out = ir_rec_get(plan, "out");
	return applies(&r, s);
}

void
ir_rotate_stands(const struct ir_rec *entry, const char **done,
    const char **next)
{
	const struct ir_rotate_step *s = ir_rotate_steps;
	const char *at;

	*done = *next = NULL;
	if (ir_rotate_is_back(entry))
		s = ir_rollback_steps;
	for (; s->name; s++) {
		if (!planned(entry, s))
			continue;
		at = ir_rot_marked(entry, s->name);
		if (at && strcmp(at, "done") == 0) {
			*done = s->name;
		} else {
			*next = s->name;
			return;
		}
	}
}
