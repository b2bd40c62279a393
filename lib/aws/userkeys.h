/*
 * userkeys.h - the access keys of many users, asked for in parallel: for
 * those whose keys matter now, since the credential report may be hours old
 * and has no ids.
 *
 * Source: IAM API Reference, ListAccessKeys, GetAccessKeyLastUsed,
 * ListMFADevices, GetLoginProfile.
 */
#ifndef IR_AWS_USERKEYS_H
#define IR_AWS_USERKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#define IR_USERKEYS 8			/* IAM's own quota is two */

struct ir_userkey {
	char id[130], status[16];	/* "Active", "Inactive" */
	int64_t created;		/* 0: not known */
	bool use_known;			/* the next three are so */
	int64_t used;			/* 0: never, or not tracked */
	char service[64], region[32];	/* of the last use; "" */
};

struct ir_userkeys {
	const char *user;
	/* what to ask: the keys, their last use, MFA and password */
	bool want_keys, want_use, want_login;
	bool listed;			/* key[] is all there are */
	struct ir_userkey key[IR_USERKEYS];
	size_t n;
	bool mfa_known, mfa, password_known, password;
	struct ir_err err;		/* the first that went wrong */
};

/*
 * Fill in n users.  What is there already of key[] (from an earlier call) is
 * not asked for again, only its use.  *calls is increased by those made.
 * 0, or -1 and 71.
 */
int ir_userkeys_read(struct ir_aws *a, struct ir_userkeys *u, size_t n,
    size_t *calls, struct ir_err *err);

/* The fields of a key's record: status, created, last_used and so on. */
void ir_userkey_fields(const struct ir_userkey *k, struct ir_rec *rec);

/*
 * What an answer of GetAccountSummary (may be NULL) says of the root user:
 * how many keys it has, and whether MFA; -1: not known.  Pure.
 */
void ir_root_read(const struct ir_rec *summary, int *keys, int *mfa);

#endif
