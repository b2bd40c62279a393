/*
 * vault.h - sealed credentials in one file.
 *
 * Each record is sealed by AES-256-GCM under the vault's data key, with a
 * random nonce and, as associated data, the vault's id, the record's name,
 * its version and its times.  The data key is wrapped by a wrapping key that
 * comes from a source:
 *
 *	file:PATH		32 bytes, 0400, ours
 *	kms:KEY			AWS KMS (key id, ARN or alias/NAME)
 *	secretsmanager:NAME	AWS Secrets Manager
 *	pkcs11:...		RFC 7512 URI of a key on a token
 *	systemd:NAME		$CREDENTIALS_DIRECTORY/NAME
 *
 * The file as a whole carries a MAC, so that records cannot be taken out,
 * swapped or replaced by older ones; and a generation, the highest of which
 * is remembered outside the file, so that an old copy of the whole file is
 * noticed.  The format stands in format.h.
 */
#ifndef IR_VAULT_H
#define IR_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/cli.h"
#include "credential.h"

#define IR_VAULT_NAME 128	/* bytes of a name: [A-Za-z0-9._@/+-] */

struct ir_vault;
struct ir_aws;

struct ir_vault_opts {
	const char *path;	/* NULL: $QUELL_VAULT, else state dir/vault */
	/* the source, to make one; NULL: $QUELL_VAULT_KEY.  Of one that is
	   there: where its key is now, if of the same kind */
	const char *key;
	const struct ir_aws_opts *aws;	/* for kms, secretsmanager */
	/*
	 * Borrowed, instead of one that is opened when needed: opening takes
	 * the keys out of the environment, so who calls AWS, too, opens one
	 * and lends it.  May be NULL.
	 */
	struct ir_aws *client;
	const struct ir_common *common;	/* for --timeout, -v; may be NULL */
	/* reads a PIN or MFA code from the person (ir_ask_tty); may be NULL */
	int (*ask)(const char *prompt, char *buf, size_t size);
	bool old_copy;		/* take a file of an older generation */
	bool look;		/* write nothing, not even what was seen */
	bool create_key;	/* secretsmanager: make a missing secret */
};

#define IR_OPTS_VAULT(v) \
	{ 0, "vault", "FILE", IR_STR, &(v)->path, \
	    "the vault; default: $QUELL_VAULT" }, \
	{ 0, "vault-key", "SOURCE", IR_STR, &(v)->key, \
	    "where its wrapping key comes from, to make one" }

struct ir_vault_item {
	char name[IR_VAULT_NAME + 1];
	uint32_t version;	/* from 1; grows with each put of that name */
	int64_t created, expires;	/* UNIX seconds; expires 0: never */
	char username[128];	/* the field of that name, not a secret */
};

/* [A-Za-z0-9._@/+-]{1,128}, not beginning with '-'. */
bool ir_vault_name_ok(const char *name);
/* Could this text be a source?  0, or -1 and 64, with a hint. */
int ir_vault_source_check(const char *source, struct ir_err *err);

/*
 * Open, check and, with write, lock.  A missing file is made only with write
 * and a key source.  0, or -1: 65 damaged, tampered with or truncated, 66
 * not there, 69 and 75 and 77 from the key's source, 75 another run holds
 * the lock, 78 owner, mode, link, or an older generation than was seen.
 */
int ir_vault_open(struct ir_vault **v, const struct ir_vault_opts *o,
    bool write, struct ir_err *err);
void ir_vault_close(struct ir_vault *v);

/*
 * Seal c under name; the file is replaced and synced before this returns.
 * Older versions stay until removed.  The same content as the newest is not
 * put a second time.  expires 0: as the field of that name says.  The fields
 * name and expires are kept as such, not in the block.  *version may be
 * NULL.  0, or -1: 65, 73, 74.
 */
int ir_vault_put(struct ir_vault *v, const char *name,
    const struct ir_credential *c, int64_t expires, uint32_t *version,
    struct ir_err *err);

/*
 * Would ir_vault_put leave it at that?  1 and the newest version when it has
 * this content, 0 (*version is then the newest, or 0), or -1 and 65.
 */
int ir_vault_has(struct ir_vault *v, const char *name,
    const struct ir_credential *c, int64_t expires, uint32_t *version,
    struct ir_err *err);

/*
 * Would a put of at most n bytes succeed now?  Writes a file of that size
 * beside the vault, syncs it and takes it away again.  0, or -1: 73, 74.
 */
int ir_vault_try(struct ir_vault *v, size_t n, struct ir_err *err);

/*
 * version 0: the newest.  name and, if it has one, expires are among the
 * fields.  0, or -1: 1 none of that name, 65 tampered.
 */
int ir_vault_get(struct ir_vault *v, const char *name, uint32_t version,
    struct ir_credential *c, struct ir_err *err);

/*
 * version 0: all.  The file as it was is kept beside it, as PATH~; it is put
 * back with old_copy.  How many went, or -1: 73, 74.
 */
int ir_vault_remove(struct ir_vault *v, const char *name, uint32_t version,
    struct ir_err *err);

/* In order of name and version; fn may return non-zero to stop. */
int ir_vault_each(struct ir_vault *v,
    int (*fn)(const struct ir_vault_item *item, void *arg), void *arg);

/* The one of that name and version (0: the newest); NULL. */
const struct ir_vault_item *ir_vault_item(const struct ir_vault *v,
    const char *name, uint32_t version);

/* Wrap the data key (a new one, records sealed anew) by another source. */
int ir_vault_rekey(struct ir_vault *v, const char *source,
    struct ir_err *err);

/* One more with each change that was written. */
uint64_t ir_vault_generation(const struct ir_vault *v);
const char *ir_vault_path(const struct ir_vault *v);
/* The source as the file names it, without anything secret. */
const char *ir_vault_source(const struct ir_vault *v);

#endif
