/*
 * credentials.h - whose key calls are signed with, found as the AWS SDKs do
 * ("AWS SDKs and Tools Reference Guide", standardized credential providers):
 *
 *  1. AWS_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN, unless a profile
 *     was named by option
 *  2. the profile's role_arn, by source_profile or credential_source
 *  3. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (unless a
 *     profile was named by option), else the profile's
 *  4. the profile's SSO role, with the token that `aws sso login` left
 *  5. the profile's keys in the credentials file
 *  6. the profile's credential_process
 *  7. the profile's keys in the config file
 *  8. the container's credentials (AWS_CONTAINER_CREDENTIALS_*)
 *  9. the instance's role, by IMDSv2 only: a tool that cleans up after stolen
 *     keys does not ask the metadata service without a token
 *
 * What is found but does not work is an error; the search does not go on to
 * somebody else's credentials.  Left out are the cache of `aws login` and
 * the renewal of SSO tokens: `aws configure export-credentials` does both
 * and can be a credential_process.  Nothing is ever written.
 *
 * Secrets are kept on the secure heap.  Copies that a library keeps: libcurl
 * has the session token in its header list until the request is done, and
 * what was read from a socket in its buffers until the handle is closed; the
 * environment's own memory is overwritten, the kernel's copy in
 * /proc/PID/environ with it.
 */
#ifndef IR_AWS_CREDENTIALS_H
#define IR_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/secret.h"
#include "config.h"

struct ir_chain;

struct ir_aws_cred {
	char key_id[129];
	struct ir_secret secret;
	struct ir_secret token;		/* session token; may be empty */
	int64_t expires;		/* 0: never, or not known */
	bool fixed;			/* as they were written down */
	char source[512];		/* for people */
	struct ir_chain *chain;		/* how to get them again; owned */
};

struct ir_aws_cred_opts {
	const struct ir_aws_config *config;	/* outlives the credentials */
	const char *profile;		/* --profile; may be NULL */
	const char *region;		/* in force; may be NULL */
	/*
	 * --endpoint-url; may be NULL.  STS and the SSO portal are asked there
	 * only if {service} is in it: it is meant for all services then.
	 */
	const char *endpoint_url;
	/* reads an MFA code from the person; may be NULL */
	int (*ask)(const char *prompt, char *buf, size_t size);
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
 * The region in force: the option's, else AWS_REGION, AWS_DEFAULT_REGION,
 * the profile's; "" when there is none.  0, or -1: 64 the option is none, 78
 * another is none.
 */
int ir_aws_find_region(const struct ir_aws_config *c, const char *option,
    const char *profile, char region[64], struct ir_err *err);

/*
 * Find credentials; may run a program and call STS.  Keys found in the
 * environment are taken out of it.  0, or -1: 77 there are none, or they
 * were refused or have expired, 78 bad configuration (half a pair, no such
 * profile, a loop, a kind that is left out), 75 a service did not answer, 76
 * it was not understood.
 */
int ir_aws_cred_find(struct ir_aws_cred *cred,
    const struct ir_aws_cred_opts *o, struct ir_err *err);

/*
 * The same again if they expire within five minutes.  -1 only when they
 * have expired and there are no new ones.
 */
int ir_aws_cred_refresh(struct ir_aws_cred *cred, int64_t now,
    struct ir_err *err);

/*
 * Get new ones at once: AWS says that these have expired.  0, or -1: 77 they
 * are not of a kind that can be had again, and as for _find.
 */
int ir_aws_cred_renew(struct ir_aws_cred *cred, struct ir_err *err);

void ir_aws_cred_free(struct ir_aws_cred *cred);

/*
 * Where they came from, for people: "environment", "profile prod: keys",
 * "profile prod: role arn:... with profile base: keys", "instance role x".
 */
const char *ir_aws_cred_source(const struct ir_aws_cred *cred);

#endif
