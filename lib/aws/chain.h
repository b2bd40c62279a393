/*
 * chain.h - the parts of the credential chain (credentials.h), each in a
 * file of its own: cred_*.c.  Only they and their tests include this.
 *
 * A part returns 1 when it has found credentials, 0 when it is not meant, or
 * -1 and the error; *cred is then to be freed by the caller.
 */
#ifndef IR_AWS_CHAIN_H
#define IR_AWS_CHAIN_H

#include "../net/http.h"
#include "credentials.h"

#define IR_CHAIN_MAX 16		/* most roles in a row */

struct ir_chain {
	struct ir_aws_cred_opts o;	/* strings owned */
	char *profile;			/* in force; owned */
	bool named;
	struct ir_aws_cred env;		/* the environment's, once taken */
	const char *visited[IR_CHAIN_MAX];	/* profiles; borrowed */
	size_t nvisited;
	int64_t skew;			/* AWS's clock minus ours */
	int64_t not_before;		/* no new try before; unix time */
};

/* An environment variable that is set and not empty, or NULL. */
const char *ir_chain_env(const char *name);
/* A setting: the environment's, else that of the profile in force. */
const char *ir_chain_setting(const struct ir_chain *ch, const char *var,
    const char *key);
/* The hint for what is left out. */
void ir_chain_hint_export(const char *profile, struct ir_err *err);

/* Copies; 0, or -1: 78 when it cannot be one, 71. */
int ir_cred_set_key_id(struct ir_aws_cred *cred, const char *id,
    struct ir_err *err);
/* A line break in a secret would split a header: 78. */
int ir_cred_check(const struct ir_aws_cred *cred, struct ir_err *err);

enum ir_cred_form {
	IR_CRED_METADATA,	/* of the instance and of the container */
	IR_CRED_PROCESS,	/* of a credential_process */
	IR_CRED_SSO,		/* of the SSO portal */
};

/*
 * Read credentials in JSON.  Pure, but for the secrets, which go to the
 * secure heap and are overwritten in bytes.  0, or -1: 76, 77 the service
 * says that it has none, 71.
 */
int ir_cred_parse(struct ir_aws_cred *cred, enum ir_cred_form form,
    char *bytes, size_t n, struct ir_err *err);

/*
 * Cut the string member `name` out of JSON text: its value goes to *out and
 * is overwritten with 'x' in bytes.  For secrets, because a JSON parser
 * leaves copies.  0; 1 when there is none (or with an escape that no secret
 * needs); -1 and 71.
 */
int ir_json_cut_secret(char *bytes, size_t n, const char *name,
    struct ir_secret *out, struct ir_err *err);

/* The answer of AssumeRole and AssumeRoleWithWebIdentity; as above. */
int ir_cred_parse_sts(struct ir_aws_cred *cred, char *bytes, size_t n,
    struct ir_err *err);

/* The cached token of `aws sso login`; 0, or -1 and 76. */
int ir_sso_parse_token(struct ir_secret *token, int64_t *expires,
    char *bytes, size_t n, struct ir_err *err);

/*
 * Split as a POSIX shell splits words: blanks, '...', "...", backslash; no
 * expansion of any kind.  words point into line, which is changed, and end
 * with NULL.  The count, or -1: a quote is open, or more than max - 1 words.
 */
int ir_shell_split(char *line, char **words, size_t max);

/* May the container's credentials be asked for there?  By form only. */
bool ir_container_url_ok(const char *url);

int ir_cred_process(const struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, struct ir_err *err);
int ir_cred_sso(const struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, struct ir_err *err);
int ir_cred_container(const struct ir_chain *ch, struct ir_aws_cred *cred,
    struct ir_err *err);
int ir_cred_instance(const struct ir_chain *ch, struct ir_aws_cred *cred,
    struct ir_err *err);

/* A role to be assumed. */
struct ir_cred_role {
	const char *arn, *session;	/* session NULL: a name is made up */
	const char *external_id, *mfa_serial, *mfa_code;	/* or NULL */
	const char *duration;		/* seconds, in digits, or NULL */
	const struct ir_aws_cred *by;	/* who asks: AssumeRole; or */
	const struct ir_secret *token;	/* ... WithWebIdentity */
};

/* 0 or -1. */
int ir_cred_assume(struct ir_chain *ch, struct ir_aws_cred *cred,
    const struct ir_cred_role *role, struct ir_err *err);

#endif
