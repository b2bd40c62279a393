/*
 * sending.h - may this user, group or role send mail by SES, on which
 * identities, and which policy says so?  Worked out here, from the account's
 * authorization details and the identities' own policies.
 *
 * Source: Service Authorization Reference, Amazon SES; SES Developer Guide,
 * "Sending authorization"; IAM User Guide, "Global condition context keys".
 */
#ifndef IR_AWS_SENDING_H
#define IR_AWS_SENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../policy/policy.h"
#include "authdetails.h"
#include "client.h"

#define IR_IDENTITIES 100000
#define IR_IDENTITY_POLICIES 20		/* SES's own limit for one */

/* --- identities -------------------------------------------------------- */

struct ir_identity {
	char *arn, *name;
	const char *region;
	struct ir_policy **policy;	/* sending authorization */
	size_t n;
	bool unread;			/* its policies are not known */
};

struct ir_identity_region {
	const char *name;
	bool disabled;			/* the account has not opted in */
	size_t identities, unread;
	struct ir_err err;		/* the first that went wrong */
};

struct ir_identities {
	struct ir_identity *v;
	size_t n;
	struct ir_identity_region *region;
	size_t nregions;
	size_t calls;			/* that were made */
};

/*
 * Read those of n regions in parallel, and their policies: of at most
 * `limit` identities in each region (0: of all), for SES answers once a
 * second.  partition is "aws", account has 12 digits.  What could not be
 * read is in the regions' err.  0, or -1 and 71.
 */
int ir_identities_read(struct ir_aws *a, const char *partition,
    const char *account, const char *const *regions, size_t n, size_t limit,
    struct ir_identities *out, struct ir_err *err);
void ir_identities_free(struct ir_identities *ids);

/* The policies in one answer of GetEmailIdentityPolicies.  Pure. */
void ir_identity_policies(struct ir_identity *id, const struct ir_rec *reply);

/* --- who may send ------------------------------------------------------ */

struct ir_send_action {
	const char *name;		/* "ses:SendRawEmail" */
	bool on_identity;		/* its resource is an identity */
};

/* Ends with a name of NULL; the first is the one that SMTP is. */
extern const struct ir_send_action ir_send_actions[];
#define IR_SEND_ACTIONS 7

enum ir_sending_verdict { IR_SENDS_NOT, IR_SENDS_PERHAPS, IR_SENDS };

#define IR_SENDING_ON 8

struct ir_sending {
	enum ir_sending_verdict verdict;
	/* The same with a long-term key and no session: what SMTP is. */
	enum ir_sending_verdict by_key;
	bool denied;			/* SENDS_NOT: by a Deny */
	/* not on the account's identities: on others, if there are any */
	bool elsewhere;
	size_t yes, perhaps;		/* identities */
	size_t on[IR_SENDING_ON], non;	/* the first of them */
	struct ir_policy_answer answer;	/* for the strongest verdict */
};

struct ir_sender {
	const struct ir_auth_entity *entity;
	const struct ir_auth_rights *rights;
	const char *account;
	enum { IR_MFA_UNKNOWN, IR_MFA_NO, IR_MFA_YES } mfa;
	int64_t now;
};

/*
 * Judge one action.  A user is judged with a long-term key, and, if that
 * does not do, with a session, as sts:GetSessionToken gives it.  A group is
 * judged as if it could ask by itself.  Addresses, the source address and
 * what else the sender chooses or we cannot see count as not known: then
 * the verdict is PERHAPS.  0, or -1 and 71.
 */
int ir_sending_judge(const struct ir_identities *ids,
    const struct ir_sender *s, const struct ir_send_action *action,
    struct ir_sending *out, struct ir_err *err);

/* Somebody whom policies of identities name: "*", an account, an ARN. */
void ir_sending_judge_other(const struct ir_identities *ids,
    const char *principal, const char *account,
    const struct ir_send_action *action, int64_t now,
    struct ir_sending *out);

/* What the user's or role's own policies say, for one identity. */
int ir_sending_own(const struct ir_sender *s, const char *action,
    const struct ir_identity *id, struct ir_policy_answer *a,
    struct ir_err *err);

/* --- IAM's opinion ----------------------------------------------------- */

enum ir_simulated { IR_SIM_NONE, IR_SIM_ALLOWED, IR_SIM_DENIED, IR_SIM_OPEN };

/*
 * SimulatePrincipalPolicy for all sending actions on one identity (NULL:
 * on "*").  It knows the organization's policies, and not those of the
 * identity.
 */
struct ir_simulation {
	struct ir_aws_call call;	/* to be made; first member */
	struct ir_aws_param param[40];
	char name[30][64];
	char now[32];
	/* results, by ir_simulation_read() */
	enum ir_simulated said[IR_SEND_ACTIONS];
	char why[IR_SEND_ACTIONS][80];
};

void ir_simulation_ask(struct ir_simulation *m, const struct ir_sender *s,
    const struct ir_identity *id);
void ir_simulation_read(struct ir_simulation *m);

#endif
