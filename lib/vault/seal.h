/*
 * seal.h - the vault's cryptography, all of it OpenSSL's: AES-256-GCM (NIST
 * SP 800-38D) with random 96-bit nonces, HMAC-SHA-256, HKDF (RFC 5869).
 */
#ifndef IR_VAULT_SEAL_H
#define IR_VAULT_SEAL_H

#include "../core/err.h"
#include "format.h"

/* What the data key is used through; on the secure heap. */
struct ir_vault_keys {
	unsigned char data[IR_VAULT_KEY];
	unsigned char label[IR_VAULT_KEY], box[IR_VAULT_KEY],
	    mac[IR_VAULT_KEY];
};

/* n zero bytes on the secure heap; NULL and 71. */
void *ir_vault_alloc(size_t n, struct ir_err *err);
/* Cleansed; p may be NULL. */
void ir_vault_wipe(void *p, size_t n);

/* Fill in the others from data.  0, or -1 and 71. */
int ir_vault_derive(struct ir_vault_keys *k,
    const unsigned char id[IR_VAULT_ID], struct ir_err *err);

/* HKDF-SHA-256 to one key; info is text. */
int ir_vault_hkdf(const void *ikm, size_t n, const unsigned char *salt,
    size_t nsalt, const char *info, unsigned char out[IR_VAULT_KEY],
    struct ir_err *err);

int ir_vault_random(void *p, size_t n, struct ir_err *err);

struct ir_vault_aad {
	const void *p[2];
	size_t n[2];
};

/* n bytes become IR_VAULT_SEAL + n at out.  0, or -1 and 71. */
int ir_vault_seal(const unsigned char key[IR_VAULT_KEY],
    const struct ir_vault_aad *aad, const void *plain, size_t n,
    unsigned char *out, struct ir_err *err);

/* n bytes become n - IR_VAULT_SEAL at out.  0, or -1: 65 not authentic. */
int ir_vault_unseal(const unsigned char key[IR_VAULT_KEY],
    const struct ir_vault_aad *aad, const unsigned char *sealed, size_t n,
    void *out, struct ir_err *err);

int ir_vault_hmac(const unsigned char key[IR_VAULT_KEY], const void *bytes,
    size_t n, unsigned char mac[IR_VAULT_MAC], struct ir_err *err);

/* In constant time. */
bool ir_vault_same(const void *a, const void *b, size_t n);

#endif
