/*
 * credentials.h - whose key calls are signed with: the environment, a
 * profile's static keys, or the instance's role (IMDSv2 only: a tool that
 * cleans up after stolen keys does not ask the metadata service without a
 * token).
 *
 * Roles, SSO, web identity, credential_process and containers are not here
 * yet; a profile that needs one of them is an error (78) that says so, and
 * is never answered with other credentials.
 */
#ifndef IR_AWS_CREDENTIALS_H
#define IR_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/secret.h"
#include "config.h"

struct ir_aws_cred {
	char key_id[129];
	struct ir_secret secret;
	struct ir_secret token;		/* session token; may be empty */
	int64_t expires;		/* 0: never */
	const char *source;	/* "environment", "profile", "instance" */
};

/*
 * Read both files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name
 * (else ~/.aws/...); one that is not there is empty.  0, or -1: 78, 77, 71.
 */
int ir_aws_config_load(struct ir_aws_config **c, struct ir_err *err);

/*
 * The profile in force: the option's, else AWS_PROFILE, AWS_DEFAULT_PROFILE,
 * "default".  *named says whether somebody named it.
 */
const char *ir_aws_profile(const char *option, bool *named);

/*
 * Find credentials.  option is the value of --profile or NULL: with it the
 * environment's keys are passed over.  Keys found in the environment are
 * taken out of it.  0, or -1: 77 there are none, 78 half a pair, no such
 * profile, or a kind that is not supported yet, 75 the metadata service did
 * not answer.
 */
int ir_aws_cred_find(struct ir_aws_cred *cred, const struct ir_aws_config *c,
    const char *option, struct ir_err *err);

/* Once more, if they expire soon and can be had again. */
int ir_aws_cred_refresh(struct ir_aws_cred *cred, int64_t now,
    struct ir_err *err);
void ir_aws_cred_free(struct ir_aws_cred *cred);

/*
 * The JSON that the metadata service gives for a role.  Pure, but for the
 * secrets, which go to the secure heap and are overwritten in bytes.
 */
int ir_aws_cred_parse_imds(struct ir_aws_cred *cred, char *bytes, size_t n,
    struct ir_err *err);

/*
 * Cut the string member `name` out of JSON text: its value goes to *out and
 * is overwritten with 'x' in bytes.  For secrets, because a JSON parser
 * leaves copies.  0; 1 when there is none (or one with escapes); -1 and 71.
 */
int ir_json_cut_secret(char *bytes, size_t n, const char *name,
    struct ir_secret *out, struct ir_err *err);

#endif
