/*
 * import.h - the files that people kept credentials in before: what
 * "openssl enc -aes-256-cbc" wrote (enc(1ssl)), and the text inside.  Pure.
 */
#ifndef IR_VAULT_IMPORT_H
#define IR_VAULT_IMPORT_H

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/secret.h"
#include "credential.h"

#define IR_IMPORT_MAX 65536	/* bytes of such a file */

struct ir_import_how {
	/* -pass: the key is derived from it, as the file's maker did */
	const struct ir_secret *pass;
	long iter;		/* -pbkdf2 -iter N; 0: tried with 10000 */
	const char *md;		/* -md; NULL: sha256, md5, sha512, sha1 */
	/* -K and -iv instead, in hex; iv NULL: zeros */
	const struct ir_secret *key;
	const char *iv;
};

/*
 * Decrypt n bytes, base64 (-a) or not, with a salt in front or not, to text
 * at out, a secret buffer.  The format has no checksum: what comes out must
 * be printable text.  0, or -1: 65 not such a file, or another passphrase;
 * 64 iv or md.
 */
int ir_import_decrypt(const char *bytes, size_t n,
    const struct ir_import_how *how, struct ir_buf *out, struct ir_err *err);

/*
 * A credential from text: lines NAME=VALUE ("export", quotes, comments as in
 * a shell's file; the usual names: SMTP_USERNAME, AWS_SECRET_ACCESS_KEY...),
 * or one line that is a password.  0, or -1 and 65, with the line's number
 * and nothing of its text.
 */
int ir_import_text(struct ir_credential *c, const char *text, size_t n,
    struct ir_err *err);

#endif
