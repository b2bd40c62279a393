/* check.c - may the new key send, and did all end as it was meant to? */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../aws/principal.h"
#include "../core/cli.h"
#include "../core/text.h"
#include "step.h"

#define LOOKS 4			/* one a second */
#define ACTION "ses:SendRawEmail"	/* what SMTP needs */

/* --- policies ---------------------------------------------------------- */

/* arn:aws:iam::ACCOUNT:user/NAME, by the region's partition. */
static int
principal_of(const struct ir_rotate *r, struct ir_principal *who,
    struct ir_err *err)
{
	const char *p = r->regions[0];
	char arn[256];

	snprintf(arn, sizeof arn, "arn:%s:iam::%s:user/%s",
	    strncmp(p, "us-gov-", 7) == 0 ? "aws-us-gov" :
	    strncmp(p, "cn-", 3) == 0 ? "aws-cn" :
	    strncmp(p, "eusc-", 5) == 0 ? "aws-eusc" : "aws",
	    r->run->account, r->user);
	return ir_principal_parse(arn, who, err);
}

static const char *
word(enum ir_policy_verdict v)
{
	switch (v) {
	case IR_POLICY_ALLOWED:
		return "yes";
	case IR_POLICY_DENIED:
		return "denied";
	case IR_POLICY_NONE:
		return "no";
	case IR_POLICY_UNKNOWN:
	default:
		return "unknown";
	}
}

/* The names of what was read: of groups, too. */
static struct ir_rec *
names_of(const struct ir_principal_policies *p)
{
	struct ir_rec *names = ir_rec_array();
	size_t i;

	for (i = 0; i < p->n; i++)
		ir_rec_push_str(names, ir_policy_name(p->identity[i]));
	return names;
}

void
ir_rotate_look(struct ir_rotate *r)
{
	struct ir_principal_policies p = { .n = 0 };
	struct ir_policy_set set;
	const char *from = r->want.from, *user = r->user;
	const struct ir_policy_key keys[] = {
		{ "aws:username", &user, 1 },
		{ "aws:SecureTransport", (const char *const[]){ "true" }, 1 },
		{ "ses:FromAddress", &from, 1 }
	};
	struct ir_policy_request q = { .action = ACTION, .keys = keys,
		.nkeys = from ? 3 : 2 };
	char why[IR_POLICY_WHY] = "";
	enum ir_policy_verdict v = IR_POLICY_UNKNOWN;
	struct ir_principal who;
	struct ir_err err = IR_ERR_INIT;

	ir_rec_free(r->may_send);
	r->may_send = ir_rec_object();
	if (principal_of(r, &who, &err) == 0) {
		ir_principal_read(r->run->aws, &who, &p);
		set = (struct ir_policy_set){ .identity = p.identity,
			.n = p.n, .boundary = p.boundary,
			.incomplete = !p.complete };
		v = ir_policy_decide(&set, &q, why);
		if (v == IR_POLICY_UNKNOWN && !p.complete)
			err = p.err;
	}
	ir_rec_str(r->may_send, "verdict", word(v));
	ir_rec_str(r->may_send, "why", err.code ? err.msg : why);
	ir_rec_set(r->may_send, "policies", names_of(&p));
	ir_principal_free(&p);
}

/*
 * A policy of the SES identity could allow what no policy of the user does;
 * only a person knows.  What cannot be read stops nothing: the proof by DATA
 * is still to come.
 */
int
ir_rot_check(struct ir_rotate *r, struct ir_err *err)
{
	const char *verdict, *why;
	char question[512];

	if (ir_rotate_made(r))
		return 0;
	ir_rotate_look(r);
	verdict = ir_rec_get(r->may_send, "verdict");
	why = ir_rec_get(r->may_send, "why");
	if (strcmp(verdict, "yes") == 0)
		return 0;
	if (strcmp(verdict, "unknown") == 0) {
		ir_rot_warn(r, "%s: not known whether it may send: %s",
		    r->user, why ? why : "");
		return 0;
	}
	snprintf(question, sizeof question, "user %s may not send ("
	    ACTION ": %s); a new key could not, either", r->user,
	    why ? why : verdict);
	if (r->run->sure(r->run->arg, r->user, "user", question, err) == 0)
		return 0;
	ir_fail(err, IR_CONFIG, "%s: may not send: " ACTION ": %s", r->user,
	    why ? why : verdict);
	ir_hint(err, "give it the right (group AWSSESSendingGroupDoNotRename, "
	    "say), or go on with --confirm=%s", r->user);
	return -1;
}

/* --- the end ----------------------------------------------------------- */

/*
 * One new key that is active, the old one not, and nothing that came into
 * being since.
 */
int
ir_rot_finish(struct ir_rotate *r, struct ir_err *err)
{
	const struct timespec second = { 1, 0 };
	const char *new = ir_rec_get(r->entry, "new");
	size_t i;
	int tries;

	/* the list may lag behind */
	for (tries = 0; tries < LOOKS; tries++) {
		if (tries)
			nanosleep(&second, NULL);
		if (ir_keys_list(r->run->aws, r->user, &r->keys, err))
			return -1;
		if (!new || ir_rot_active(r, new) || ir_stopped())
			break;
	}
	if (!new || !ir_rot_active(r, new))
		return ir_fail(err, IR_UNAVAILABLE, "%s: the new key %s is "
		    "not active", r->user, new ? new : "");
	if (ir_rot_active(r, r->old))
		return ir_fail(err, IR_UNAVAILABLE, "%s: %s is active again",
		    r->user, r->old);
	for (i = 0; i < r->keys.n; i++)
		if (strcmp(r->keys.key[i].id, new) != 0 &&
		    strcmp(r->keys.key[i].id, r->old) != 0 &&
		    !ir_rot_before(r, r->keys.key[i].id))
			ir_rot_warn(r, "%s: %s was not there before: whose "
			    "is it?", r->user, r->keys.key[i].id);
	ir_rec_time(r->entry, "finished", ir_now());
	return 0;
}
