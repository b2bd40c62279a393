/*
 * credential.h - a credential on its way between commands, and the forms
 * in which programs read one.
 *
 * The credential block is that of git-credential(1): lines "key=value", the
 * end at an empty line or at the end of the input.  A value is any bytes
 * but newline and NUL.  Keys are lower case; those that mean something here:
 *
 *	name		what the vault calls it, "ses-smtp"
 *	username	SMTP user; for SES the access key id
 *	password	SMTP password
 *	password.REGION	the same for one region, "password.eu-west-1"
 *	secret_access_key, session_token	of the access key `username`
 *	region		that `password` is for
 *	host		that it is for
 *	expires		RFC 3339
 *
 * Others are kept and handed on.  A block is secret as a whole.
 */
#ifndef IR_CREDENTIAL_H
#define IR_CREDENTIAL_H

#include <stddef.h>
#include <sys/types.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/secret.h"

#define IR_CREDENTIAL_MAX 16384		/* bytes of a block */
#define IR_CREDENTIAL_FIELDS 64
#define IR_CREDENTIAL_KEY 64		/* bytes of a key: [a-z0-9._-] */

struct ir_credential {
	struct ir_credential_field {
		char key[IR_CREDENTIAL_KEY + 1];
		struct ir_secret value;
	} field[IR_CREDENTIAL_FIELDS];
	size_t n;
};

#define IR_CREDENTIAL_INIT { .n = 0 }

/*
 * Read one block of n bytes; *used (may be NULL) is what it took, with the
 * empty line.  A key twice, a line without "=", a key of other letters:
 * 65, with the line's number and never its text.  Pure.  0 or -1 (65, 71);
 * on failure c is empty.
 */
int ir_credential_parse(struct ir_credential *c, const char *bytes, size_t n,
    size_t *used, struct ir_err *err);

/* The same from a descriptor, to its end; "-" or a 0600 file of ours. */
int ir_credential_read_fd(struct ir_credential *c, int fd,
    struct ir_err *err);
int ir_credential_read_file(struct ir_credential *c, const char *path,
    struct ir_err *err);

void ir_credential_free(struct ir_credential *c);

/* Set, replacing an older value.  0, or -1: 65 key, value or count, 71. */
int ir_credential_set(struct ir_credential *c, const char *key,
    const char *value, size_t n, struct ir_err *err);

void ir_credential_unset(struct ir_credential *c, const char *key);

/* Borrowed; NULL when there is none. */
const struct ir_secret *ir_credential_get(const struct ir_credential *c,
    const char *key);

/*
 * The password for a region (NULL: that of the field `region`):
 * password.REGION, else password when `region` is absent or the same, else
 * derived from secret_access_key (SES developer guide, "Obtaining SMTP
 * credentials"; only for a long-term key: AKIA).  0, or -1: 65 none.
 */
int ir_credential_password(const struct ir_credential *c, const char *region,
    struct ir_secret *out, struct ir_err *err);

enum ir_credential_form {
	IR_CREDENTIAL_BLOCK,	/* as above */
	IR_CREDENTIAL_ENV,	/* NAME='value' lines; see below */
	IR_CREDENTIAL_EXIM,	/* lsearch: user: pass: pass.REGION: */
	IR_CREDENTIAL_AWS,	/* credential_process JSON, version 1 */
};

/*
 * Append to b, a secret buffer.  0, or -1: 65 a value that the form cannot
 * carry or a field that it needs and that is not there.
 */
int ir_credential_print(const struct ir_credential *c,
    enum ir_credential_form form, struct ir_buf *b, struct ir_err *err);

#define IR_CREDENTIAL_PREFIX "SMTP_"

/*
 * The form for env files, quoted so that a shell and systemd's
 * EnvironmentFile= read the same: username is SMTP_USERNAME, password.REGION
 * SMTP_PASSWORD_REGION, with the prefix given; an access key's are AWS's own
 * names (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN).  name
 * and expires are left out.  0, or -1: 65 as above, 64 the prefix.
 */
int ir_credential_env(const struct ir_credential *c, const char *prefix,
    struct ir_buf *b, struct ir_err *err);

/*
 * Replace the file at path by a printed credential.  What is there already
 * must be a file of that form or empty, not a link.  1 written, 0 it was so
 * already, or -1: 73 it holds something else, 74, 77, 78.
 */
int ir_credential_write(const char *path, enum ir_credential_form form,
    const struct ir_buf *b, mode_t mode, gid_t group, struct ir_err *err);

#endif
