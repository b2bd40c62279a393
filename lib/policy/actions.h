/*
 * actions.h - what the commands of quell ask of IAM, as data.
 *
 * Source: Service Authorization Reference (actions and resource types of
 * IAM, SES, CloudWatch, EC2, STS).
 */
#ifndef IR_POLICY_ACTIONS_H
#define IR_POLICY_ACTIONS_H

#include <stdbool.h>

struct ir_action {
	const char *name;	/* "iam:UpdateAccessKey" */
	const char *by;		/* the commands that use it, by blanks */
	bool needed;		/* without it one of them cannot do its work */
	bool on_user;		/* its resource is the user who is acted on */
};

/* Ends with a name of NULL. */
extern const struct ir_action ir_actions[];

#endif
