/*
 * ec2.h - an EC2 instance, its network interfaces and their security groups:
 * read, copied, swapped.
 *
 * Source: EC2 API Reference; EC2 User Guide, "Security group connection
 * tracking"; API Reference, "Common query parameters" (DryRun).
 *
 * Functions return 0, or -1 with the codes of ir_aws_do.
 */
#ifndef IR_EC2_H
#define IR_EC2_H

#include <stdbool.h>
#include <stddef.h>

#include "client.h"
#include "ec2_rules.h"

#define IR_EC2_ID 40
#define IR_EC2_ENIS 16
#define IR_EC2_GROUPS 16	/* of one interface; EC2's quota allows 16 */

struct ir_ec2 {
	struct ir_aws *aws;
	const char *region;
};

struct ir_ec2_group {
	char id[IR_EC2_ID], name[256];
};

struct ir_ec2_eni {
	char id[IR_EC2_ID];
	struct ir_ec2_group groups[IR_EC2_GROUPS];
	size_t n;
};

struct ir_ec2_instance {
	char id[IR_EC2_ID], vpc[IR_EC2_ID], state[24], name[256];
	char public_ip[48], asg[256];	/* asg: of an Auto Scaling group */
	bool spot, ebs_root;
	size_t volumes;			/* EBS volumes */
	struct ir_ec2_eni eni[IR_EC2_ENIS];
	size_t n;
	struct ir_rec *tags;		/* name: value; owned */
};

/* An id of that kind ("i", "sg", "eni"): prefix, hyphen, 8 or 17 hex. */
bool ir_ec2_id_ok(const char *id, const char *kind);

/* i->id is given.  69 there is none. */
int ir_ec2_instance(const struct ir_ec2 *e, struct ir_ec2_instance *i,
    struct ir_err *err);
void ir_ec2_instance_free(struct ir_ec2_instance *i);

int ir_ec2_rules(const struct ir_ec2 *e, const char *group,
    struct ir_sg_rules *out, struct ir_err *err);

/* Other instances that have the group, each id once, into an array. */
int ir_ec2_sharers(const struct ir_ec2 *e, const char *group,
    const char *instance, struct ir_rec *ids, struct ir_err *err);
/* Groups whose rules name this one, each id once. */
int ir_ec2_referrers(const struct ir_ec2 *e, const char *group,
    struct ir_rec *ids, struct ir_err *err);

/* The group of that name in a VPC; id is "" when there is none. */
int ir_ec2_group_find(const struct ir_ec2 *e, const char *vpc,
    const char *name, char id[IR_EC2_ID], struct ir_err *err);

/*
 * A group of that name with exactly these rules: found or made, what it has
 * too much revoked, what it lacks authorized, then read again.  changed may
 * be NULL.  69 also when EC2 passes over a rule that it was to revoke
 * (UnknownIpPermissions); 75 when the rules do not show.
 */
struct ir_ec2_want {
	const char *vpc, *name, *description, *incident;
	const struct ir_sg_rules *rules;
	const char *account;		/* groups of others are named by it */
};

int ir_ec2_group_make(const struct ir_ec2 *e, const struct ir_ec2_want *w,
    char id[IR_EC2_ID], struct ir_err *err);

/* Delete; one that is gone is no error.  75 when it is still in use. */
int ir_ec2_group_delete(const struct ir_ec2 *e, const char *id,
    struct ir_err *err);

/* Give an interface these groups, and look until it has them. */
int ir_ec2_eni_groups(const struct ir_ec2 *e, const char *eni,
    const char *const *groups, size_t n, struct ir_err *err);

/* Set a tag; value NULL takes it away. */
int ir_ec2_tag(const struct ir_ec2 *e, const char *resource,
    const char *name, const char *value, struct ir_err *err);

/* Snapshots made of an instance in this incident, into an array. */
int ir_ec2_snapshots(const struct ir_ec2 *e, const char *instance,
    const char *incident, struct ir_rec *ids, struct ir_err *err);
/*
 * Make them, of all its EBS volumes at one moment.  79 when the answer is
 * lost and looking does not tell: with IR_EC2_NONE it cannot.
 */
#define IR_EC2_NONE "none"	/* the incident's name when there is none */

int ir_ec2_snapshot(const struct ir_ec2 *e, const char *instance,
    const char *incident, struct ir_rec *ids, struct ir_err *err);

/* Stop or start, and look until it is on its way. */
int ir_ec2_power(const struct ir_ec2 *e, const char *instance, bool on,
    struct ir_err *err);

/*
 * May a call be made?  Asked by EC2's DryRun: p and n are its parameters.
 * 1 yes, 0 no (77 in *err), -1.
 */
int ir_ec2_may(const struct ir_ec2 *e, const char *operation,
    const struct ir_aws_param *p, size_t n, struct ir_err *err);

#endif
