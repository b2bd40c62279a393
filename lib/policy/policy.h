/*
 * policy.h - what IAM policy documents say about an action, as pure
 * functions: text and a request in, a decision out.
 *
 * Source: IAM User Guide, "IAM JSON policy elements reference" and "Policy
 * evaluation logic", "Permissions boundaries", "NotPrincipal".  Identity
 * policies, a permissions boundary, a session policy and the policies of the
 * resource are evaluated; those of an organization are not seen here.
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
#define IR_POLICY_WHY 400
#define IR_POLICY_NAME 255	/* bytes of a name; longer ones are cut */

struct ir_policy;

enum ir_policy_kind {
	IR_POLICY_OF_IDENTITY,		/* also a boundary, a session's */
	/* of a resource: names who, and perhaps which resources */
	IR_POLICY_OF_RESOURCE,
	IR_POLICY_OF_ROLE,		/* who may assume it: a trust policy */
};

/*
 * Read a document: JSON, or percent-encoded JSON (RFC 3986) as IAM returns
 * it.  name is for reasons.  Names that a JSON object has twice are not
 * seen: IAM stores no such document.  0, or -1: 65 (not a policy of an
 * identity, or larger than the limits), 71.
 */
int ir_policy_parse(struct ir_policy **p, const char *name,
    const char *bytes, size_t n, struct ir_err *err);
/* The same for another kind of document. */
int ir_policy_parse_kind(struct ir_policy **p, enum ir_policy_kind kind,
    const char *name, const char *bytes, size_t n, struct ir_err *err);
void ir_policy_free(struct ir_policy *p);

/*
 * Append a document's text as it was stored, byte for byte: percent-encoding
 * is taken off where there is some.  0, or -1 and 65.
 */
int ir_policy_text(const char *s, size_t n, struct ir_buf *out,
    struct ir_err *err);

const char *ir_policy_name(const struct ir_policy *p);

/* Statement number i, from 0, as it was checked; NULL: there is none. */
const struct ir_rec *ir_policy_statement(const struct ir_policy *p, size_t i);
/* Is the action one that the statement is about?  No wildcards in it. */
bool ir_policy_statement_has(const struct ir_rec *statement,
    const char *action);

/*
 * A key of the request's context.  In the list without values: known to be
 * absent; then its name may end in "*", for all that begin so and are not in
 * the list.  values NULL and n 1: it is there, and its value is not known.
 * Not in the list: not known, which is another thing.
 */
struct ir_policy_key {
	const char *name;		/* "aws:username", in any case */
	const char *const *values;
	size_t n;
};

/* Who asks, for the Principal of a resource's policies. */
struct ir_policy_who {
	enum {
		IR_POLICY_USER, IR_POLICY_ROLE,	/* in the resource's account */
		/*
		 * Anybody else, named as a policy names them: an ARN, an
		 * account, "*", a service.  That their own account allows it
		 * is taken for granted.
		 */
		IR_POLICY_OTHER,
	} kind;
	const char *arn, *account;
	const char *id;			/* "AIDA...", "AROA..."; may be NULL */
};

struct ir_policy_request {
	const char *action;		/* "ses:SendRawEmail" */
	/* An ARN, or "*" for actions that have none; NULL: any, not known */
	const char *resource;
	const struct ir_policy_key *keys;
	size_t nkeys;
	/* Needed where the set has policies of the resource. */
	const struct ir_policy_who *who;
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
	const struct ir_policy *session;	/* NULL: there is none */
	struct ir_policy *const *resource;	/* of kind _OF_RESOURCE */
	size_t nresource;
	bool incomplete;	/* there are others that could not be read */
};

struct ir_policy_answer {
	enum ir_policy_verdict verdict;
	/* What it rests on, as far as that is one thing. */
	const struct ir_policy *policy;		/* NULL */
	size_t statement;			/* from 1; 0 */
	const char *sid;			/* borrowed; NULL */
	char why[IR_POLICY_WHY];		/* the same in words */
};

/*
 * The decision.  What the resource's policies give to a user by its ARN is
 * not limited by a boundary; what they give to a role is; whether what they
 * give to everyone is, AWS does not say: then it is not known.
 */
void ir_policy_judge(const struct ir_policy_set *s,
    const struct ir_policy_request *r, struct ir_policy_answer *a);

/* The same in short; why is without the statement. */
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
