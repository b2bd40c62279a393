/*
 * scp.h - one service control policy of an organization: found by its name,
 * attached to an account, taken away again.  With credentials of the
 * management account only.
 *
 * Source: AWS Organizations API Reference; User Guide, "Service control
 * policies": they bind no principal of the management account itself.
 */
#ifndef IR_AWS_SCP_H
#define IR_AWS_SCP_H

#include <stdbool.h>

#include "client.h"

struct ir_scp {
	char name[129], target[13];	/* given: policy, account id */
	char id[160];			/* "" when there is no such policy */
	bool attached;
	bool same;			/* its text is the wanted one */
};

/*
 * May policies of this account's organization bind the target?  0, or -1: 69
 * no organization, not all features, the policies not switched on, the
 * target is the management account; 77 our account is not that.
 */
int ir_scp_allowed(struct ir_aws *a, const char *account, const char *target,
    struct ir_err *err);

/* Fill in s; content is the text that is wanted. */
int ir_scp_find(struct ir_aws *a, struct ir_scp *s, const char *content,
    struct ir_err *err);

/* Make it so, and look: 75 when it does not show. */
int ir_scp_attach(struct ir_aws *a, struct ir_scp *s, const char *content,
    const char *description, struct ir_err *err);

/* Detach and delete it. */
int ir_scp_remove(struct ir_aws *a, struct ir_scp *s, struct ir_err *err);

#endif
