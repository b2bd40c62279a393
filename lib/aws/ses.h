/*
 * ses.h - what the commands that act on an SES account share: whose account
 * it is, what a region sends, and the file that remembers how things were.
 */
#ifndef IR_SES_H
#define IR_SES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "client.h"

#define IR_SES_REGIONS_MAX 64

/*
 * The account id of the credentials, 12 digits, and the caller's ARN (may be
 * NULL), by sts:GetCallerIdentity.
 */
int ir_aws_account(struct ir_aws *a, char account[13], char arn[512],
    struct ir_err *err);

/*
 * One region.  A baseline is honest sending: mail on at least two different
 * days of the last 14, the last 24 hours not counted (the abuse is in them).
 * Sources: SESv2 GetAccount; CloudWatch AWS/SES Send by the hour, or, when
 * that is denied, SES GetSendStatistics.
 */
struct ir_ses_region {
	char name[40];
	bool disabled;		/* the account has not opted in: no SES */
	bool sending;
	char enforcement[24];	/* HEALTHY, PROBATION, SHUTDOWN */
	int64_t sent_24h;	/* -1: not known */
	bool volume;		/* the next four are known */
	int64_t sent_14d, honest;	/* honest: without the last 24 hours */
	int days;		/* with mail, without the last 24 hours */
	bool baseline;
	struct ir_err err;	/* code 0: sending, enforcement are known */
};

/*
 * Fill in n regions (name is given) in parallel.  With volume, 14 days of
 * figures as well.  Returns how many have err set: 75, 77, ...
 */
size_t ir_ses_survey(struct ir_aws *a, struct ir_ses_region *r, size_t n,
    bool volume, int64_t now);

/*
 * Switch sending of one region on or off, and ask until SES says so.
 * n regions in parallel; on[i] is what is wanted.  r[i].sending and
 * r[i].err tell how it went: 75 when it was not seen within seconds.
 */
size_t ir_ses_switch(struct ir_aws *a, struct ir_ses_region **r,
    const bool *on, size_t n);

/*
 * State of a command: INCIDENT/state/NAME.json, or, without an incident,
 * NAME-SUFFIX.json in the state folder.  One JSON object, 0600, replaced
 * whole; a lock beside it keeps a second run out.
 */
struct ir_state {
	char path[PATH_MAX];
	int lock;		/* descriptor, -1: read only */
	struct ir_rec *rec;	/* never NULL after _open */
};

/*
 * Read it; an absent file is an empty object.  With write the folder and
 * the lock are made.  0, or -1: 65 the file is damaged (it is left alone),
 * 73 cannot make it, 75 another run holds the lock, 77.
 */
int ir_state_open(struct ir_state *s, const char *incident, const char *name,
    const char *suffix, bool write, struct ir_err *err);
int ir_state_save(struct ir_state *s, struct ir_err *err);
void ir_state_close(struct ir_state *s);

#endif
