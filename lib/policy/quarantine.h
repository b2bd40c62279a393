/*
 * quarantine.h - the policy documents that take a stolen principal's means to
 * send mail and to get away, as pure functions.
 *
 * Source: IAM User Guide, "Revoking IAM role temporary security credentials"
 * (aws:TokenIssueTime), "AWS global condition context keys"; AWS
 * Organizations User Guide, "Service control policies".
 */
#ifndef IR_QUARANTINE_H
#define IR_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/record.h"

/* IAM counts all inline policies of one user together, without white space. */
#define IR_QUARANTINE_MAX 10240

/*
 * Append the identity policy, as one line of JSON: everything that sends
 * mail and every way to other credentials, rights or machines is denied (or,
 * with all, everything); and everything to sessions issued before `since`.
 * Without all it is below 1100 bytes, with all below 300.
 */
void ir_quarantine_document(struct ir_buf *out, bool all, int64_t since);

/* Append the organization's policy: the same for one ARN, whatever session. */
void ir_quarantine_scp(struct ir_buf *out, bool all, const char *arn);

/*
 * Is the text such a document, of that scope, whatever its time?  *since is
 * that time.  White space does not matter.
 */
bool ir_quarantine_is(const char *text, size_t n, bool all, int64_t *since);

/* Do two texts say the same JSON, white space aside? */
bool ir_quarantine_same(const char *a, size_t na, const char *b, size_t nb);

/* What must be denied in any case; ends with NULL. */
extern const char *const ir_quarantine_actions[];

/*
 * Evaluate a document: the actions of that list that it does not deny in any
 * case, as an array (the caller frees it); NULL: 65 it is no policy.
 */
struct ir_rec *ir_quarantine_gaps(const char *text, size_t n,
    struct ir_err *err);

#endif
