/*
 * ec2_rules.h - rules of EC2 security groups as data: read, compared, and
 * rewritten so that mail cannot leave.  Pure.
 *
 * Source: EC2 API Reference, SecurityGroupRule and IpPermission; VPC User
 * Guide, "Security group rules", "Amazon VPC quotas".
 */
#ifndef IR_EC2_RULES_H
#define IR_EC2_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"
#include "../core/record.h"

#define IR_SG_RULES_MAX 4096	/* of one group; EC2's own quota is below */

enum ir_sg_peer { IR_SG_CIDR4, IR_SG_CIDR6, IR_SG_PREFIX, IR_SG_GROUP };

struct ir_sg_rule {
	char id[32];			/* sgr-...; "" when it is not made */
	bool egress;
	char protocol[16];		/* "-1", "tcp", "udp", "icmp", "47" */
	int from, to;			/* ports; -1 for all, or none */
	enum ir_sg_peer kind;
	char peer[64];			/* CIDR, pl-..., sg-... */
	char owner[13];			/* of a group; may be "" */
	char note[256];			/* description */
};

struct ir_sg_rules {
	struct ir_sg_rule *v;		/* owned */
	size_t n, cap;
};

/* Append; 0, or -1: 65 too many, 71. */
int ir_sg_add(struct ir_sg_rules *r, const struct ir_sg_rule *rule,
    struct ir_err *err);
void ir_sg_free(struct ir_sg_rules *r);

/* One SecurityGroupRule of an answer.  0, or -1 and 76. */
int ir_sg_read(const struct ir_rec *rec, struct ir_sg_rule *rule,
    struct ir_err *err);

/* Are they the same rule, their ids and descriptions aside? */
bool ir_sg_same(const struct ir_sg_rule *a, const struct ir_sg_rule *b);
bool ir_sg_has(const struct ir_sg_rules *r, const struct ir_sg_rule *rule);

/* Does a rule let out to a port that takes mail? */
bool ir_sg_lets_mail(const struct ir_sg_rules *r);

/*
 * The same rules without those ports: 25, 465, 587, 2465, 2525, 2587 of TCP.
 * A rule for all protocols becomes one each for the other ports of TCP, for
 * UDP, ICMP, GRE, ESP and AH; the protocols that are left then are not let
 * out.  Ports of mail stay open to the networks in allow, as far as they
 * were open to them: where a rule's peer is a prefix list or a group, what
 * it holds is not known, and nothing of it stays open.
 * 0, or -1: 64 a network in allow is none, 65 too many, 71.
 */
int ir_sg_without_mail(const struct ir_sg_rules *in, const char *const *allow,
    size_t nallow, struct ir_sg_rules *out, struct ir_err *err);

/* How many count against the quota of one direction and IP version (4, 6). */
size_t ir_sg_count(const struct ir_sg_rules *r, bool egress, int version);

/*
 * The network that two have in common, into out[64]: one of the two, or none
 * (false).  Also false when one is not a network: "a.b.c.d/n", "x::/n".
 */
bool ir_cidr_common(const char *a, const char *b, char *out);
bool ir_cidr_ok(const char *s);

#endif
