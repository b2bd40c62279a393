/*
 * credreport.h - IAM's credential report: users, their keys, their MFA, in
 * one file.  It may be four hours old, and does not say the ids of the keys.
 *
 * Source: IAM User Guide, "Generate credential reports for your AWS account".
 */
#ifndef IR_AWS_CREDREPORT_H
#define IR_AWS_CREDREPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#define IR_CREDREPORT_MAX (16u << 20)	/* bytes of the file */
#define IR_CREDREPORT_ROWS 50000
#define IR_CREDREPORT_KEYS 2

struct ir_credreport_key {
	bool there, active;
	int64_t created;		/* 0: not known */
	int64_t used;			/* 0: never, or not tracked */
	char region[32], service[64];	/* of the last use; "" */
};

struct ir_credreport_row {
	char name[129], arn[640];
	bool root;
	int64_t created, password_used;	/* 0: not known, never */
	bool password, mfa;
	struct ir_credreport_key key[IR_CREDREPORT_KEYS];
};

struct ir_credreport {
	struct ir_credreport_row *row;	/* by ARN */
	size_t n;
	int64_t time;			/* when it was made; 0: not known */
};

/*
 * Read the file: CSV with a heading line (RFC 4180); columns are found by
 * their names, and others are passed over.  Pure.  0, or -1: 76, 71.
 */
int ir_credreport_parse(struct ir_credreport *c, const char *bytes, size_t n,
    struct ir_err *err);

/*
 * Have one made if there is none, wait for it at most so many seconds, and
 * read it.  *calls is increased by those made.  0, or -1: 75 not ready, the
 * codes of ir_aws_do, 76.
 */
int ir_credreport_get(struct ir_aws *a, long seconds,
    struct ir_credreport *c, size_t *calls, struct ir_err *err);

/* The row of a user, or NULL. */
const struct ir_credreport_row *ir_credreport_find(
    const struct ir_credreport *c, const char *arn);
void ir_credreport_free(struct ir_credreport *c);

#endif
