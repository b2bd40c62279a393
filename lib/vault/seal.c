/* seal.c - see seal.h */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "../core/secret.h"
#include "seal.h"

#define NONCE 12
#define TAG 16

static int
failed(struct ir_err *err, const char *what)
{
	return ir_fail(err, IR_OSERR, "%s failed", what);
}

void *
ir_vault_alloc(size_t n, struct ir_err *err)
{
	void *p = ir_secret_alloc(n);

	if (!p)
		ir_fail(err, IR_OSERR, "no memory for a secret");
	return p;
}

void
ir_vault_wipe(void *p, size_t n)
{
	if (p)
		OPENSSL_secure_clear_free(p, n);
}

int
ir_vault_random(void *p, size_t n, struct ir_err *err)
{
	if (RAND_priv_bytes(p, (int)n) != 1)
		return failed(err, "random numbers");
	return 0;
}

int
ir_vault_hmac(const unsigned char key[IR_VAULT_KEY], const void *bytes,
    size_t n, unsigned char mac[IR_VAULT_MAC], struct ir_err *err)
{
	if (!HMAC(EVP_sha256(), key, IR_VAULT_KEY, bytes, n, mac, NULL))
		return failed(err, "HMAC");
	return 0;
}

int
ir_vault_hkdf(const void *ikm, size_t n, const unsigned char *salt,
    size_t nsalt, const char *info, unsigned char out[IR_VAULT_KEY],
    struct ir_err *err)
{
	unsigned char prk[IR_VAULT_MAC], text[64];
	size_t k = strlen(info);
	int rc = -1;

	if (k + 1 > sizeof text)
		return ir_fail(err, IR_SOFTWARE, "HKDF: info too long");
	memcpy(text, info, k);
	text[k] = 1;	/* RFC 5869, 2.3: the first and only block */
	if (HMAC(EVP_sha256(), salt, (int)nsalt, ikm, n, prk, NULL) &&
	    HMAC(EVP_sha256(), prk, sizeof prk, text, k + 1, out, NULL))
		rc = 0;
	OPENSSL_cleanse(prk, sizeof prk);
	return rc ? failed(err, "HKDF") : 0;
}

int
ir_vault_derive(struct ir_vault_keys *k,
    const unsigned char id[IR_VAULT_ID], struct ir_err *err)
{
	const struct { const char *info; unsigned char *key; } all[] = {
		{ "quell vault 1 label", k->label },
		{ "quell vault 1 box", k->box },
		{ "quell vault 1 file", k->mac },
	};
	size_t i;

	for (i = 0; i < sizeof all / sizeof *all; i++)
		if (ir_vault_hkdf(k->data, IR_VAULT_KEY, id, IR_VAULT_ID,
		    all[i].info, all[i].key, err))
			return -1;
	return 0;
}

static bool
feed_aad(EVP_CIPHER_CTX *c, const struct ir_vault_aad *aad)
{
	size_t i;
	int n;

	for (i = 0; i < 2; i++)
		if (aad->n[i] && EVP_CipherUpdate(c, NULL, &n, aad->p[i],
		    (int)aad->n[i]) != 1)
			return false;
	return true;
}

int
ir_vault_seal(const unsigned char key[IR_VAULT_KEY],
    const struct ir_vault_aad *aad, const void *plain, size_t n,
    unsigned char *out, struct ir_err *err)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char none[1];
	int len = 0, last = 0, rc = -1;

	if (c && n <= INT32_MAX && ir_vault_random(out, NONCE, err) == 0 &&
	    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
	    feed_aad(c, aad) &&
	    (n == 0 || EVP_EncryptUpdate(c, out + NONCE, &len, plain,
	    (int)n) == 1) &&
	    EVP_EncryptFinal_ex(c, none, &last) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG,
	    out + NONCE + n) == 1)
		rc = 0;
	EVP_CIPHER_CTX_free(c);
	return rc ? failed(err, "encryption") : 0;
}

int
ir_vault_unseal(const unsigned char key[IR_VAULT_KEY],
    const struct ir_vault_aad *aad, const unsigned char *sealed, size_t n,
    void *out, struct ir_err *err)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char tag[TAG], none[1];
	int len = 0, last = 0, ok = 0;

	if (n < IR_VAULT_SEAL || n > INT32_MAX || !c) {
		EVP_CIPHER_CTX_free(c);
		return c ? ir_fail(err, IR_DATAERR, "cut off") :
		    failed(err, "decryption");
	}
	n -= IR_VAULT_SEAL;
	memcpy(tag, sealed + NONCE + n, TAG);
	ok = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
	    feed_aad(c, aad) &&
	    (n == 0 || EVP_DecryptUpdate(c, out, &len, sealed + NONCE,
	    (int)n) == 1) &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
	    EVP_DecryptFinal_ex(c, none, &last) == 1;
	EVP_CIPHER_CTX_free(c);
	if (ok)
		return 0;
	OPENSSL_cleanse(out, n);
	return ir_fail(err, IR_DATAERR, "not authentic");
}

bool
ir_vault_same(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
