/*
 * format.h - the bytes of a vault's file.  Pure: nothing here has a key.
 *
 *	8	"quellv1\n"
 *	16	the vault's id, random
 *	8	generation, one more with each change
 *	2, n	the key's source, as text
 *	2, n	the data key, wrapped by the source
 *	4	number of records, and for each:
 *		2	bytes of the label
 *		4	bytes of the box
 *		n	label: nonce 12, ciphertext, tag 16
 *		n	box: the same
 *	32	HMAC-SHA-256 of all before
 *
 * Numbers are big-endian.  The label holds what a list shows, the box the
 * credential block (credential.h); so a list opens no secret, and the file
 * shows nobody the names.  A label as plain text:
 *
 *	4	version
 *	8	created, UNIX seconds
 *	8	expires, UNIX seconds; 0: never
 *	1, n	name
 *	1, n	username
 *
 * It is the associated data of its box, after the vault's id.  The data key
 * is never used itself: HKDF-SHA-256 (RFC 5869) makes of it, with the id as
 * salt, a key for the labels, one for the boxes and one for the HMAC.
 */
#ifndef IR_VAULT_FORMAT_H
#define IR_VAULT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "credential.h"
#include "vault.h"

#define IR_VAULT_ID 16
#define IR_VAULT_KEY 32
#define IR_VAULT_MAC 32
#define IR_VAULT_SEAL (12 + 16)		/* nonce and tag */
#define IR_VAULT_SOURCE 1024
#define IR_VAULT_WRAPPED 8192
#define IR_VAULT_LABEL (4 + 8 + 8 + 1 + IR_VAULT_NAME + 1 + 127)
#define IR_VAULT_RECORDS 100000
#define IR_VAULT_FILE_MAX (64u << 20)

struct ir_vault_head {
	unsigned char id[IR_VAULT_ID];
	uint64_t generation;
	char source[IR_VAULT_SOURCE + 1];
	unsigned char wrapped[IR_VAULT_WRAPPED];
	size_t nwrapped;
};

struct ir_vault_sealed {
	const unsigned char *label, *box;	/* into the file's bytes */
	size_t nlabel, nbox;
};

struct ir_vault_file {
	struct ir_vault_head head;
	struct ir_vault_sealed *sealed;		/* n of them; owned */
	size_t n;
	const unsigned char *mac;		/* IR_VAULT_MAC, into bytes */
};

/* bytes must outlive f.  0, or -1 and 65 (or 71); then f holds nothing. */
int ir_vault_parse(struct ir_vault_file *f, const unsigned char *bytes,
    size_t n, struct ir_err *err);
void ir_vault_file_free(struct ir_vault_file *f);

/* Append head and, with the count, the beginning of the records. */
void ir_vault_add_head(struct ir_buf *b, const struct ir_vault_head *h,
    size_t records);
void ir_vault_add_sealed(struct ir_buf *b, const struct ir_vault_sealed *s);

/* How many bytes at label, which has room for IR_VAULT_LABEL. */
size_t ir_vault_label(const struct ir_vault_item *item,
    unsigned char *label);
/* 0, or -1 and 65. */
int ir_vault_label_parse(struct ir_vault_item *item,
    const unsigned char *label, size_t n, struct ir_err *err);

/* What every vault begins with. */
#define IR_VAULT_MAGIC "quellv1\n"
#define IR_VAULT_MAGIC_LEN 8

#endif
