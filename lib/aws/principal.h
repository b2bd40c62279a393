/*
 * principal.h - who a caller is, and the policies that IAM has for a user or
 * a role: its own, those attached, those of its groups, its boundary.
 *
 * Source: IAM User Guide, "IAM identifiers"; IAM API Reference.
 */
#ifndef IR_AWS_PRINCIPAL_H
#define IR_AWS_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>

#include "../policy/policy.h"
#include "client.h"

#define IR_PRINCIPAL_POLICIES 256

enum ir_principal_kind {
	IR_PRINCIPAL_OTHER,		/* federated user, and what may come */
	IR_PRINCIPAL_ROOT,
	IR_PRINCIPAL_USER,
	IR_PRINCIPAL_ROLE,		/* a session of a role */
};

struct ir_principal {
	enum ir_principal_kind kind;
	char partition[24], account[13];
	char name[129];			/* of the user or role, no path */
	char session[65];		/* of a role */
	/*
	 * ARN of the user or role in IAM.  A session does not say the path
	 * of its role: "/" is assumed until ir_principal_read() knows.
	 */
	char arn[640];
};

/*
 * Read an ARN as sts:GetCallerIdentity gives it.  Pure.  0, or -1 and 76.
 */
int ir_principal_parse(const char *arn, struct ir_principal *p,
    struct ir_err *err);

/* Who the credentials are, by sts:GetCallerIdentity. */
int ir_principal_me(struct ir_aws *a, struct ir_principal *p,
    struct ir_err *err);

struct ir_principal_policies {
	struct ir_policy *identity[IR_PRINCIPAL_POLICIES];
	size_t n;
	struct ir_policy *boundary;
	bool complete;			/* nothing was denied us, or unclear */
	struct ir_err err;		/* the first that was, if not */
};

/*
 * Read them all, and the ARN.  What cannot be read leaves `complete` false,
 * the rest is there.  The caller frees with ir_principal_free().
 */
void ir_principal_read(struct ir_aws *a, struct ir_principal *p,
    struct ir_principal_policies *out);
void ir_principal_free(struct ir_principal_policies *out);

/*
 * The ARNs of the managed policies attached to a user or role, as an array
 * of strings that the caller frees.  NULL: the codes of ir_aws_do.
 */
struct ir_rec *ir_principal_attached(struct ir_aws *a,
    const struct ir_principal *p, struct ir_err *err);

/*
 * A managed policy's document in force.  version (16 bytes, may be NULL) is
 * its name.  0, or -1: the codes of ir_aws_do, 65 not understood.
 */
int ir_managed_policy(struct ir_aws *a, const char *arn, char version[16],
    struct ir_policy **out, struct ir_err *err);

#endif
