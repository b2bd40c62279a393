/*
 * policy.h - what IAM policy documents say about an action, as pure
 * functions: text and a request in, a decision out.
 *
 * Source: IAM User Guide, "IAM JSON policy elements reference" and "Policy
 * evaluation logic".  Identity policies and a permissions boundary are
 * evaluated; resource policies, session policies and the policies of an
 * organization are not seen here.
 *
 * Nothing is guessed.  A condition operator or key that is not known here, a
 * value that cannot be read, a document that could not be had: each makes
 * the decision "unknown" wherever it could turn it, and is never taken for
 * satisfied nor for failed.
 */
#ifndef IR_POLICY_H
#define IR_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/record.h"

#define IR_POLICY_MAX 131072	/* bytes of a document; IAM's own: 10240 */
#define IR_POLICY_STATEMENTS 1024
#define IR_POLICY_ITEMS 8192	/* actions, resources, values of a document */
#define IR_POLICY_TEXT 4096	/* bytes of one such, variables replaced */
#define IR_POLICY_WHY 160

struct ir_policy;

/*
 * Read a document: JSON, or percent-encoded JSON (RFC 3986) as IAM returns
 * it.  name is for reasons.  Names that a JSON object has twice are not
 * seen: IAM stores no such document.  0, or -1: 65 (not a policy of an
 * identity, or larger than the limits), 71.
 */
int ir_policy_parse(struct ir_policy **p, const char *name,
    const char *bytes, size_t n, struct ir_err *err);
void ir_policy_free(struct ir_policy *p);

/*
 * Append a document's text as it was stored, byte for byte: percent-encoding
 * is taken off where there is some.  0, or -1 and 65.
 */
int ir_policy_text(const char *s, size_t n, struct ir_buf *out,
    struct ir_err *err);

const char *ir_policy_name(const struct ir_policy *p);

/*
 * A key of the request's context.  In the list without values: known to be
 * absent.  Not in the list: not known, which is another thing.
 */
struct ir_policy_key {
	const char *name;		/* "aws:username", in any case */
	const char *const *values;
	size_t n;
};

struct ir_policy_request {
	const char *action;		/* "ses:SendRawEmail" */
	/* An ARN, or "*" for actions that have none; NULL: any, not known */
	const char *resource;
	const struct ir_policy_key *keys;
	size_t nkeys;
};

enum ir_policy_verdict {
	IR_POLICY_NONE,			/* nothing allows it: denied */
	IR_POLICY_ALLOWED,
	IR_POLICY_DENIED,		/* explicitly */
	IR_POLICY_UNKNOWN,
};

struct ir_policy_set {
	struct ir_policy *const *identity;
	size_t n;
	const struct ir_policy *boundary;	/* NULL: there is none */
	bool incomplete;	/* there are others that could not be read */
};

/* The decision; why is what it rests on, in words. */
enum ir_policy_verdict ir_policy_decide(const struct ir_policy_set *s,
    const struct ir_policy_request *r, char why[IR_POLICY_WHY]);

/*
 * The actions that a document denies, as it words them, appended to an
 * array: those of Deny statements on every resource without a condition
 * (always), or of the other Deny statements.  NotAction is "all but ...".
 */
void ir_policy_denies(const struct ir_policy *p, bool always,
    struct ir_rec *actions);

#endif
