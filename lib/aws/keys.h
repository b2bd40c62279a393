/*
 * keys.h - the access keys of an IAM user, as the commands that switch them
 * off and replace them need it.
 *
 * Source: IAM API Reference, ListAccessKeys, GetAccessKeyLastUsed,
 * UpdateAccessKey, CreateAccessKey, DeleteAccessKey.
 */
#ifndef IR_AWS_KEYS_H
#define IR_AWS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#define IR_KEY_ID 129		/* bytes, with the NUL */
#define IR_KEY_USER 130
#define IR_KEYS_MAX 8		/* of one user: AWS allows two */
#define IR_KEY_USERS_MAX 20000

struct ir_key {
	char id[IR_KEY_ID], user[IR_KEY_USER];
	char status[16];		/* Active, Inactive, Expired */
	char created[40];		/* RFC 3339, as AWS words it */
};

struct ir_keys {
	struct ir_key key[IR_KEYS_MAX];
	size_t n;
};

/* An id of long-term keys by its form: AKIA and 12 letters or more. */
bool ir_key_id_ok(const char *id);

/*
 * Read one page of ListAccessKeys, appending.  Pure.  0, or -1 and 76.
 */
int ir_keys_read(const struct ir_rec *reply, struct ir_keys *keys,
    struct ir_err *err);

/* The keys of a user.  0, or -1: the codes of ir_aws_do. */
int ir_keys_list(struct ir_aws *a, const char *user, struct ir_keys *keys,
    struct ir_err *err);
/* NULL when it is not there. */
struct ir_key *ir_keys_find(struct ir_keys *keys, const char *id);

struct ir_key_use {
	char user[IR_KEY_USER];		/* whose it is; may be empty */
	char when[40];			/* "": never, as far as IAM knows */
	char region[40], service[64];
};

/*
 * Whose key, and where it was used last: answered without a right on the
 * user.  IAM keeps this in periods, not by the second.
 */
int ir_key_last_used(struct ir_aws *a, const char *id, struct ir_key_use *u,
    struct ir_err *err);

/*
 * "Active" or "Inactive".  When the answers were lost the list is asked, so
 * that -1 and 75 mean: not so, as far as IAM shows.
 */
int ir_key_set(struct ir_aws *a, const char *user, const char *id,
    const char *status, struct ir_err *err);

/*
 * A new key: id, and its secret.  Not repeatable: 79 when the answer is
 * lost, and then a key may be there whose secret nobody has.  69 with
 * *full: the user has as many as AWS allows.
 */
int ir_key_create(struct ir_aws *a, const char *user, char id[IR_KEY_ID],
    struct ir_secret *secret, bool *full, struct ir_err *err);

/* For good.  A key that is not there any more is 0, too. */
int ir_key_delete(struct ir_aws *a, const char *user, const char *id,
    struct ir_err *err);

/*
 * The names of all users, an array of strings that the caller frees.  NULL:
 * the codes of ir_aws_do, 76 too many.
 */
struct ir_rec *ir_key_users(struct ir_aws *a, struct ir_err *err);

#endif
