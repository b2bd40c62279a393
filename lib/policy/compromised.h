/*
 * compromised.h - the policies that AWS attaches to who was stolen, and what
 * they really do: their names promise more than some of their versions keep.
 */
#ifndef IR_POLICY_COMPROMISED_H
#define IR_POLICY_COMPROMISED_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

/* Is this the ARN of one of AWS's own? */
bool ir_compromised_is(const char *arn);

/* Does the document nothing but deny? */
bool ir_compromised_only_denies(const struct ir_policy *doc);

/*
 * Would it deny the action to one who may do everything else?  DENIED yes,
 * ALLOWED no, UNKNOWN only sometimes; into rec as true, false or null.
 * resource NULL: any.
 */
enum ir_policy_verdict ir_compromised_denies(struct ir_rec *rec,
    struct ir_policy *doc, const char *action, const char *resource);

/*
 * What it does to n actions that send: into rec as "denies_sending" (each),
 * "stops_sending" (all of them, null: not known) and "why".
 */
void ir_compromised_sending(struct ir_rec *rec, struct ir_policy *doc,
    const char *const *actions, size_t n);

#endif
