/*
 * secret.h - secrets in memory, on OpenSSL's secure heap: locked, not in
 * core dumps, cleansed when freed.
 */
#ifndef IR_SECRET_H
#define IR_SECRET_H

#include <stddef.h>

#include "err.h"

struct ir_secret {
	char *data;		/* NUL-terminated; NULL when there is none */
	size_t len;
};

#define IR_SECRET_INIT { NULL, 0 }
#define IR_SECRET_MAX 16384	/* bytes of one secret */

/* n zero bytes there, or NULL; OPENSSL_secure_clear_free() ends them. */
void *ir_secret_alloc(size_t n);

/* Copy n bytes; an earlier value is freed.  0, or -1 and 71. */
int ir_secret_set(struct ir_secret *s, const char *bytes, size_t n,
    struct ir_err *err);
void ir_secret_free(struct ir_secret *s);

/*
 * Read a whole file, without its last newline.  It must be a regular file,
 * owned by us or by root, and open to nobody else: else 78.  66 when it
 * cannot be opened.  A link is not followed.
 */
int ir_secret_read_file(struct ir_secret *s, const char *path,
    struct ir_err *err);
/* Only open and check such a file: the descriptor, or -1. */
int ir_secret_open(const char *path, struct ir_err *err);
int ir_secret_read_fd(struct ir_secret *s, int fd, struct ir_err *err);

/* Take an environment variable and remove it from the environment. */
int ir_secret_take_env(struct ir_secret *s, const char *name,
    struct ir_err *err);

/* Overwrite n bytes that were a secret, so that no compiler leaves it out. */
void ir_secret_wipe(void *p, size_t n);

/*
 * Overwrite the stack below the caller, and with it the vector registers:
 * ciphers and memcpy leave what they worked on in both.
 */
void ir_secret_burn(void);

#endif
