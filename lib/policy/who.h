/*
 * who.h - whom a statement of a resource's policy names.  Pure.
 *
 * Source: IAM User Guide, "AWS JSON policy elements: Principal" and
 * "NotPrincipal", "Permissions boundaries".
 */
#ifndef IR_POLICY_WHO_H
#define IR_POLICY_WHO_H

#include "match.h"

struct ir_policy_naming {
	enum ir_tri named;		/* by ARN, id or, to deny, account */
	enum ir_tri all;		/* as one of everybody */
};

/*
 * Does a statement name the request's `who`?  An Allow for the own account
 * names none of its users and roles: it only lets their policies do so.
 * A session of a role that is named: MAYBE, whoever assumes it chooses that
 * name.  NotPrincipal with Deny hits everybody with a boundary, and those
 * whose account it does not name as well: MAYBE.
 */
void ir_policy_who(struct ir_policy_eval *e, const struct ir_rec *statement,
    bool deny, bool bounded, struct ir_policy_naming *by);

/* The account in an ARN, or a bare account id: 12 digits; false: none. */
bool ir_policy_account(const char *principal, char account[13]);

#endif
