/*
 * ingress.h - SES Mail Manager's ingress points: doors with SMTP credentials
 * of their own, which live on when the keys of IAM users die.
 *
 * Source: Amazon SES Mail Manager API Reference, ListIngressPoints,
 * GetIngressPoint, UpdateIngressPoint.
 */
#ifndef IR_AWS_INGRESS_H
#define IR_AWS_INGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "client.h"

struct ir_ingress {
	const char *region, *id, *name;
	const char *status;	/* ACTIVE, CLOSED, ... */
	const char *type;	/* AUTH: SMTP user and password; OPEN, MTLS */
	const char *record;	/* host name; may be NULL */
	const char *secret;	/* ARN in Secrets Manager; may be NULL */
};

/*
 * Call fn for each ingress point of these regions (at most 64).  failed gets
 * a region that could not be asked, and why; one where Mail Manager is not
 * offered has no such name, and ends there, too.  0, or -1 and 71.
 */
int ir_ingress_each(struct ir_aws *a, const char *const *regions, size_t n,
    void (*fn)(const struct ir_ingress *p, void *arg),
    void (*failed)(const char *region, const struct ir_err *why, void *arg),
    void *arg, struct ir_err *err);

/*
 * Open one, or close it, and see that it is so.  0, or -1: among others 75
 * when GetIngressPoint does not show it yet.
 */
int ir_ingress_set(struct ir_aws *a, const char *region, const char *id,
    bool open, struct ir_err *err);

#endif
