/*
 * match.h - patterns, variables and condition operators of IAM policies.
 * Pure.  Answers have three values, for what is not known stays unknown.
 */
#ifndef IR_POLICY_MATCH_H
#define IR_POLICY_MATCH_H

#include <stdbool.h>

#include "policy.h"

/* In this order, "and" is the smaller and "or" the greater of two. */
enum ir_tri { IR_TRI_NO, IR_TRI_MAYBE, IR_TRI_YES };

/* One evaluation. */
struct ir_policy_eval {
	const struct ir_policy_request *request;
	bool variables;		/* the document's version has them */
	char maybe[96];		/* the first thing that was not known */
};

/* Remember what was not known, if it is the first thing: MAYBE. */
enum ir_tri ir_policy_maybe(struct ir_policy_eval *e, const char *what,
    const char *which);

/*
 * A text with its variables replaced.  If wild, wildcards in it become marks
 * only patterns know.  NO: a variable has no value.
 */
enum ir_tri ir_policy_expand(struct ir_policy_eval *e, const char *s,
    bool wild, struct ir_buf *out);

/* Does an item of Action or NotAction fit?  Letter case does not matter. */
bool ir_policy_action(const char *pattern, const char *action);

/* Does an item of Resource or NotResource fit the request's? */
enum ir_tri ir_policy_resource(struct ir_policy_eval *e,
    const char *pattern);

/*
 * Does "operator": {"key": values} hold?  values is a scalar or an array of
 * scalars.
 */
enum ir_tri ir_policy_condition(struct ir_policy_eval *e,
    const char *operator, const char *key, const struct ir_rec *values);

#endif
