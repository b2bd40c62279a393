/*
 * authdetails.h - every user, group and role of an account with its policies,
 * out of few calls instead of several for each.
 *
 * Source: IAM API Reference, GetAccountAuthorizationDetails.
 */
#ifndef IR_AWS_AUTHDETAILS_H
#define IR_AWS_AUTHDETAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../policy/policy.h"
#include "client.h"

#define IR_AUTH_ENTITIES 50000
#define IR_AUTH_POLICIES 50000	/* managed ones */
#define IR_AUTH_OF_ONE 256	/* policies, groups, tags of one entity */

enum ir_auth_kind { IR_AUTH_USER, IR_AUTH_GROUP, IR_AUTH_ROLE };

struct ir_auth_policy {
	char *arn;			/* NULL: inline */
	char *name;
	char version[16];		/* in force; "" for an inline one */
	char *text;			/* its document, until it is read */
	struct ir_policy *doc;		/* NULL: it could not be read */
};

struct ir_auth_entity {
	enum ir_auth_kind kind;
	char *arn, *name, *id;		/* id: "AIDA..." */
	int64_t created;		/* 0: not known */
	struct ir_auth_policy *inlined;	/* ninlined of them */
	size_t ninlined;
	char **attached, **groups;	/* ARNs, names */
	size_t nattached, ngroups;
	char *boundary;			/* ARN; NULL */
	char **tags;			/* key, value, key, value, ... */
	size_t ntags;			/* pairs */
	/* of a role */
	struct ir_policy *trust;	/* NULL: it could not be read */
	char **profiles;		/* names of instance profiles */
	size_t nprofiles;
	char *last_used, *last_region;	/* NULL: not in the last 400 days */
	bool service_linked;		/* only its service can change it */
};

struct ir_auth {
	struct ir_auth_entity **entity;	/* by ARN, after _finish */
	size_t n;
	struct ir_auth_policy **managed;	/* by ARN, after _finish */
	size_t nmanaged;
};

/*
 * Add what is in one page.  Pure.  0, or -1: 76 not understood or beyond the
 * limits, 71.
 */
int ir_auth_page(struct ir_auth *a, const struct ir_rec *page,
    struct ir_err *err);

/* All pages have been added: sort, and read the policies that are used. */
int ir_auth_finish(struct ir_auth *a, struct ir_err *err);
void ir_auth_free(struct ir_auth *a);

/*
 * The calls that fetch it all, to be made together (ir_aws_do_many): each
 * with its pages.  They borrow from f, which must stay where it is.
 */
#define IR_AUTH_CALLS 5

struct ir_auth_fetch {
	struct ir_auth *auth;
	struct ir_aws_paging paging;
	struct ir_aws_param params[IR_AUTH_CALLS][2];
	size_t pages;			/* that came */
};

void ir_auth_calls(struct ir_auth_fetch *f, struct ir_auth *a,
    struct ir_aws_call calls[IR_AUTH_CALLS]);

const struct ir_auth_entity *ir_auth_find(const struct ir_auth *a,
    const char *arn);
const struct ir_auth_policy *ir_auth_managed(const struct ir_auth *a,
    const char *arn);

/* One policy that says something about an entity, and whose it is. */
struct ir_auth_held {
	const struct ir_auth_policy *policy;
	const struct ir_auth_entity *owner;	/* itself, or a group */
};

/* All that apply to an entity: its own and those of its groups. */
struct ir_auth_rights {
	struct ir_auth_held *held;
	struct ir_policy **identity;	/* those of them that could be read */
	size_t n, nidentity;
	const struct ir_policy *boundary;
	bool incomplete;
	char why[160];			/* what is missing */
};

/* 0, or -1 and 71. */
int ir_auth_rights(const struct ir_auth *a, const struct ir_auth_entity *e,
    struct ir_auth_rights *r, struct ir_err *err);
void ir_auth_rights_free(struct ir_auth_rights *r);

#endif
