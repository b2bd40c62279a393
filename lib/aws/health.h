/*
 * health.h - the events of AWS Health that are of abuse or risk, by its API.
 *
 * Health answers in one region at a time; global.health.amazonaws.com is an
 * alias of it.  The other region answers, too, but is behind.  So the alias
 * is looked up before each round, and a round during which it moved is done
 * again.
 *
 * Source: AWS Health User Guide, "Accessing the AWS Health API" and "AWS
 * Health endpoints"; AWS Health API Reference.
 */
#ifndef IR_AWS_HEALTH_H
#define IR_AWS_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#define IR_AWS_HEALTH_STAMP 40

/* One event in the account it is about: what identifies its last update. */
struct ir_aws_health_event {
	const char *arn, *account;	/* borrowed */
	char updated[IR_AWS_HEALTH_STAMP];
};

struct ir_aws_health {
	struct ir_aws *aws;
	const char *resolver;	/* "HOST[:PORT]"; NULL: the system's */
	char account[13];	/* the caller's */
	bool organization;	/* of all accounts, if that is allowed */
	int64_t since;		/* only what was updated after that */

	/* Is this update known?  Then its text is not asked for. */
	bool (*known)(const struct ir_aws_health_event *e, void *arg);
	/*
	 * An event with all that belongs to it: {"event", "eventDescription",
	 * "entities", "awsAccountId"}, strings as they came (they are to be
	 * parsed further).  0, or -1 and *err: that ends the round.
	 */
	int (*take)(const struct ir_aws_health_event *e,
	    const struct ir_rec *frame, void *arg, struct ir_err *err);
	void *arg;

	/* results */
	size_t events;		/* listed */
	size_t withheld;	/* of which Health gave no details */
	bool fell_back;		/* the organization's view is not allowed */
	char host[256];		/* where it was asked; "": as configured */
	char note[256];		/* what went less well, or "" */
};

/*
 * One round.  0, or -1: 69 with "no Health API" in it when the support plan
 * has none (SubscriptionRequiredException), and the codes of ir_aws_do().
 */
int ir_aws_health_poll(struct ir_aws_health *h, struct ir_err *err);

#endif
