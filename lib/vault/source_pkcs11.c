/*
 * source_pkcs11.c - a key on a PKCS#11 token (an HSM, a smart card, a TPM),
 * named by a URI of RFC 7512, through p11-kit
 *
 * The data key is wrapped as the token can: the first byte says how.
 *
 *	G	AES key, GCM: iv 12, ciphertext, tag 16
 *	C	AES key, CBC with padding: iv 16, ciphertext; the HMAC of the
 *		vault's file is what authenticates it then
 *	O, o	RSA key, OAEP with SHA-256, with SHA-1 (all that some tokens
 *		know): encrypted here, under the public key
 *
 * The token's key never leaves it.
 */
#include "source.h"

#ifndef HAVE_P11_KIT_1

static int
without(struct ir_err *err)
{
	ir_fail(err, IR_CONFIG, "pkcs11: quell was built without p11-kit");
	ir_hint(err, "install p11-kit's development files and build again");
	return -1;
}

static int
pkcs11_wrap(struct ir_vault_ctx *x, const char *rest,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	(void)x;
	(void)rest;
	(void)head;
	(void)data;
	return without(err);
}

static int
pkcs11_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *rest, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	(void)x;
	(void)head;
	(void)rest;
	(void)data;
	return without(err);
}

#else

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "seal.h"

#define SLOTS_MAX 256
#define MECHANISMS_MAX 1024
#define GCM_IV 12
#define CBC_IV 16
#define RSA_MAX 1024			/* bytes of a modulus: 8192 bits */
#define RSA_MIN 256

struct token {
	P11KitUri *uri;
	CK_FUNCTION_LIST *one, **many;	/* loaded by path, or all configured */
	CK_FUNCTION_LIST *fl;		/* the module that has it */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE session;
	bool open;
	CK_OBJECT_HANDLE key;
	bool rsa;
};

/* --- the URI, and the modules --------------------------------------------- */

static int
token_failed(struct ir_err *err, int code, const char *what, CK_RV rv)
{
	return ir_fail(err, code, "pkcs11: %s: %s", what,
	    p11_kit_strerror(rv));
}

static int
read_uri(struct token *t, const char *rest, struct ir_err *err)
{
	char text[IR_VAULT_SOURCE + 16];
	const char *pin;
	int rc;

	t->uri = p11_kit_uri_new();
	if (!t->uri)
		return ir_fail(err, IR_OSERR, "no memory");
	snprintf(text, sizeof text, "pkcs11:%s", rest);
	rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, t->uri);
	if (rc != P11_KIT_URI_OK)
		return ir_fail(err, IR_USAGE, "pkcs11: bad URI: %s",
		    p11_kit_uri_message(rc));
	if (p11_kit_uri_get_pin_value(t->uri))
		return ir_fail(err, IR_USAGE, "pkcs11: a PIN in the URI");
	if (!p11_kit_uri_get_attribute(t->uri, CKA_LABEL) &&
	    !p11_kit_uri_get_attribute(t->uri, CKA_ID)) {
		ir_fail(err, IR_USAGE, "pkcs11: the URI names no key");
		ir_hint(err, "object=LABEL or id=%%HH");
		return -1;
	}
	pin = p11_kit_uri_get_pin_source(t->uri);
	if (pin && strncmp(pin, "file:/", 6) != 0)
		return ir_fail(err, IR_USAGE,
		    "pkcs11: pin-source is not of the form file:/PATH");
	if (p11_kit_uri_any_unrecognized(t->uri))
		return ir_fail(err, IR_USAGE,
		    "pkcs11: the URI has attributes that are not understood");
	return 0;
}

/*
 * The path may come out of a vault's file, and what is loaded from there
 * runs with our rights: only what nobody else could have put there.
 */
static int
check_module(const char *path, struct ir_err *err)
{
	struct stat st;

	if (*path != '/')
		return ir_fail(err, IR_USAGE,
		    "pkcs11: module-path does not begin with /: %s", path);
	if (stat(path, &st))
		return ir_fail(err, IR_CONFIG,
		    "pkcs11: no such module: %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 022) ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		return ir_fail(err, IR_CONFIG,
		    "pkcs11: %s: others may change this module", path);
	return 0;
}

static int
load_modules(struct token *t, struct ir_err *err)
{
	const char *path = p11_kit_uri_get_module_path(t->uri);
	CK_RV rv;

	if (!path) {
		t->many = p11_kit_modules_load_and_initialize(0);
		return t->many ? 0 : ir_fail(err, IR_CONFIG,
		    "pkcs11: p11-kit: %s", p11_kit_message());
	}
	if (check_module(path, err))
		return -1;
	t->one = p11_kit_module_load(path, 0);
	if (!t->one)
		return ir_fail(err, IR_CONFIG, "pkcs11: %s: %s", path,
		    p11_kit_message());
	rv = p11_kit_module_initialize(t->one);
	if (rv == CKR_OK)
		return 0;
	p11_kit_module_release(t->one);
	t->one = NULL;
	return token_failed(err, IR_CONFIG, path, rv);
}

/* --- the token ------------------------------------------------------------ */

static bool
module_fits(const struct token *t, CK_FUNCTION_LIST *fl)
{
	const char *want = p11_kit_uri_get_module_name(t->uri);
	char *name = want ? p11_kit_module_get_name(fl) : NULL;
	bool fits = !want || (name && strcmp(name, want) == 0);
	CK_INFO info;

	free(name);
	return fits && fl->C_GetInfo(&info) == CKR_OK &&
	    p11_kit_uri_match_module_info(t->uri, &info);
}

/* Count the tokens of a module that the URI names; t becomes the last. */
static size_t
count_tokens(struct token *t, CK_FUNCTION_LIST *fl)
{
	CK_SLOT_ID slot[SLOTS_MAX], want = p11_kit_uri_get_slot_id(t->uri);
	CK_ULONG n = SLOTS_MAX, i;
	CK_SLOT_INFO place;
	CK_TOKEN_INFO info;
	size_t found = 0;

	if (!module_fits(t, fl) ||
	    fl->C_GetSlotList(CK_TRUE, slot, &n) != CKR_OK)
		return 0;
	for (i = 0; i < n; i++) {
		if ((want != (CK_SLOT_ID)-1 && want != slot[i]) ||
		    fl->C_GetSlotInfo(slot[i], &place) != CKR_OK ||
		    !p11_kit_uri_match_slot_info(t->uri, &place) ||
		    fl->C_GetTokenInfo(slot[i], &info) != CKR_OK ||
		    !(info.flags & CKF_TOKEN_INITIALIZED) ||
		    !p11_kit_uri_match_token_info(t->uri, &info))
			continue;
		found++;
		t->fl = fl;
		t->slot = slot[i];
		t->info = info;
	}
	return found;
}

static int
find_token(struct token *t, struct ir_err *err)
{
	size_t n = 0, i;
	CK_RV rv;

	if (t->one)
		n = count_tokens(t, t->one);
	for (i = 0; t->many && t->many[i]; i++)
		n += count_tokens(t, t->many[i]);
	if (n != 1) {
		ir_fail(err, IR_CONFIG, n ? "pkcs11: more than one token is "
		    "meant" : "pkcs11: no such token");
		if (n)
			ir_hint(err, "name it by serial= or slot-id=");
		else if (!t->one)
			ir_hint(err, "is it plugged in, and its module known "
			    "to p11-kit? else: module-path=");
		return -1;
	}
	rv = t->fl->C_OpenSession(t->slot, CKF_SERIAL_SESSION, NULL, NULL,
	    &t->session);
	if (rv != CKR_OK)
		return token_failed(err, IR_CONFIG, "session", rv);
	t->open = true;
	return 0;
}

static int
get_pin(struct ir_vault_ctx *x, const struct token *t, struct ir_secret *pin,
    struct ir_err *err)
{
	const char *source = p11_kit_uri_get_pin_source(t->uri);
	char typed[256], prompt[96];
	int rc;

	if (source)
		return ir_secret_read_file(pin, source + 5, err);
	/* the label is filled up with blanks */
	snprintf(prompt, sizeof prompt, "PIN of the token %.32s: ",
	    (const char *)t->info.label);
	if (!x->o->ask || x->o->ask(prompt, typed, sizeof typed)) {
		ir_fail(err, IR_CONFIG, "pkcs11: the token wants a PIN");
		ir_hint(err, "pin-source=file:/PATH, or a terminal to ask on");
		return -1;
	}
	rc = ir_secret_set(pin, typed, strlen(typed), err);
	ir_secret_wipe(typed, sizeof typed);
	return rc;
}

static int
login(struct ir_vault_ctx *x, struct token *t, struct ir_err *err)
{
	struct ir_secret pin = IR_SECRET_INIT;
	bool own = t->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH;
	CK_RV rv;

	if (!(t->info.flags & CKF_LOGIN_REQUIRED))
		return 0;
	if (t->info.flags & CKF_USER_PIN_LOCKED)
		return ir_fail(err, IR_NOPERM,
		    "pkcs11: the token's PIN is locked");
	if (t->info.flags & CKF_USER_PIN_FINAL_TRY) {
		ir_fail(err, IR_NOPERM, "pkcs11: one wrong PIN more would "
		    "lock the token: not tried");
		ir_hint(err, "log in once with the token's own tool");
		return -1;
	}
	if (!own && get_pin(x, t, &pin, err))
		return -1;
	rv = t->fl->C_Login(t->session, CKU_USER, (CK_UTF8CHAR *)pin.data,
	    pin.len);
	ir_secret_free(&pin);
	ir_secret_burn();
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	return token_failed(err, IR_NOPERM, "login", rv);
}

/* --- the key -------------------------------------------------------------- */

/* How many objects of a class the URI names, and the first of them. */
static CK_ULONG
count_objects(const struct token *t, CK_OBJECT_CLASS class,
    CK_OBJECT_HANDLE *object)
{
	CK_ATTRIBUTE *of, template[16];
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0, i, k = 0;

	of = p11_kit_uri_get_attributes(t->uri, &n);
	for (i = 0; i < n && k < 15; i++)
		if (of[i].type != CKA_CLASS)
			template[k++] = of[i];
	template[k++] = (CK_ATTRIBUTE){ CKA_CLASS, &class, sizeof class };
	if (t->fl->C_FindObjectsInit(t->session, template, k) != CKR_OK)
		return 0;
	n = 0;
	if (t->fl->C_FindObjects(t->session, found, 2, &n) != CKR_OK)
		n = 0;
	t->fl->C_FindObjectsFinal(t->session);
	if (n)
		*object = found[0];
	return n;
}

static int
find_key(struct token *t, struct ir_err *err)
{
	CK_KEY_TYPE type = 0;
	CK_ATTRIBUTE a = { CKA_KEY_TYPE, &type, sizeof type };
	CK_ULONG n = count_objects(t, CKO_SECRET_KEY, &t->key);

	if (n == 0)
		n = count_objects(t, CKO_PRIVATE_KEY, &t->key);
	if (n == 0)
		return ir_fail(err, IR_CONFIG,
		    "pkcs11: no such key on the token");
	if (n > 1) {
		ir_fail(err, IR_CONFIG, "pkcs11: more than one key is meant");
		ir_hint(err, "name it by object= and id=");
		return -1;
	}
	if (t->fl->C_GetAttributeValue(t->session, t->key, &a, 1) != CKR_OK ||
	    (type != CKK_AES && type != CKK_RSA))
		return ir_fail(err, IR_CONFIG,
		    "pkcs11: neither an AES nor an RSA key");
	t->rsa = type == CKK_RSA;
	return 0;
}

static void
close_token(struct token *t)
{
	if (t->open)
		t->fl->C_CloseSession(t->session);
	if (t->many)
		p11_kit_modules_finalize_and_release(t->many);
	if (t->one) {
		p11_kit_module_finalize(t->one);
		p11_kit_module_release(t->one);
	}
	if (t->uri)
		p11_kit_uri_free(t->uri);
	memset(t, 0, sizeof *t);
	ir_secret_burn();
}

static int
open_token(struct ir_vault_ctx *x, struct token *t, const char *rest,
    struct ir_err *err)
{
	memset(t, 0, sizeof *t);
	if (read_uri(t, rest, err) || load_modules(t, err) ||
	    find_token(t, err) || login(x, t, err) || find_key(t, err)) {
		close_token(t);
		return -1;
	}
	return 0;
}

/* --- AES ------------------------------------------------------------------ */

/* In its list, and for both: there are tokens that only know about it. */
static bool
has_mechanism(const struct token *t, CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_TYPE list[MECHANISMS_MAX];
	CK_ULONG n = MECHANISMS_MAX, i;
	CK_MECHANISM_INFO info;

	if (t->fl->C_GetMechanismList(t->slot, list, &n) != CKR_OK)
		return false;
	for (i = 0; i < n && list[i] != type; i++)
		;
	return i < n &&
	    t->fl->C_GetMechanismInfo(t->slot, type, &info) == CKR_OK &&
	    (info.flags & CKF_ENCRYPT) && (info.flags & CKF_DECRYPT);
}

struct aes {
	CK_MECHANISM mechanism;
	CK_GCM_PARAMS gcm;
	size_t iv;
};

/* iv follows the byte that names the method, id is the vault's. */
static void
aes_method(struct aes *m, char method, unsigned char *iv,
    const unsigned char *id)
{
	memset(m, 0, sizeof *m);
	if (method == 'G') {
		m->iv = GCM_IV;
		m->gcm = (CK_GCM_PARAMS){ iv, GCM_IV, GCM_IV * 8,
		    (unsigned char *)(uintptr_t)id, IR_VAULT_ID, 128 };
		m->mechanism = (CK_MECHANISM){ CKM_AES_GCM, &m->gcm,
		    sizeof m->gcm };
	} else {
		m->iv = CBC_IV;
		m->mechanism = (CK_MECHANISM){ CKM_AES_CBC_PAD, iv, CBC_IV };
	}
}

static int
aes_wrap(struct token *t, struct ir_vault_head *head,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	char method = has_mechanism(t, CKM_AES_GCM) ? 'G' : 'C';
	CK_ULONG n;
	struct aes m;
	CK_RV rv;

	aes_method(&m, method, head->wrapped + 1, head->id);
	head->wrapped[0] = (unsigned char)method;
	if (ir_vault_random(head->wrapped + 1, m.iv, err))
		return -1;
	n = sizeof head->wrapped - 1 - m.iv;
	rv = t->fl->C_EncryptInit(t->session, &m.mechanism, t->key);
	if (rv == CKR_OK)
		rv = t->fl->C_Encrypt(t->session, data, IR_VAULT_KEY,
		    head->wrapped + 1 + m.iv, &n);
	head->nwrapped = 1 + m.iv + n;
	return rv == CKR_OK ? 0 : token_failed(err, IR_CONFIG, "encryption",
	    rv);
}

/* Decrypt n bytes to exactly one key. */
static CK_RV
decrypt(struct token *t, CK_MECHANISM *m, const unsigned char *p, size_t n,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	/* a token may want room for the whole ciphertext */
	unsigned char *out = ir_vault_alloc(RSA_MAX, err);
	CK_ULONG len = RSA_MAX;
	CK_RV rv = CKR_HOST_MEMORY;

	if (out)
		rv = t->fl->C_DecryptInit(t->session, m, t->key);
	if (out && rv == CKR_OK)
		rv = t->fl->C_Decrypt(t->session,
		    (unsigned char *)(uintptr_t)p, n, out, &len);
	if (rv == CKR_OK && len != IR_VAULT_KEY)
		rv = CKR_ENCRYPTED_DATA_INVALID;
	if (rv == CKR_OK)
		memcpy(data, out, IR_VAULT_KEY);
	ir_vault_wipe(out, RSA_MAX);
	ir_secret_burn();
	return rv;
}

/* --- RSA ------------------------------------------------------------------ */

static int
get_number(const struct token *t, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE_TYPE type, BIGNUM **out)
{
	unsigned char bytes[RSA_MAX];
	CK_ATTRIBUTE a = { type, bytes, sizeof bytes };

	if (t->fl->C_GetAttributeValue(t->session, object, &a, 1) != CKR_OK ||
	    a.ulValueLen == 0 || a.ulValueLen > sizeof bytes)
		return -1;
	*out = BN_bin2bn(bytes, (int)a.ulValueLen, NULL);
	return *out ? 0 : -1;
}

static EVP_PKEY *
make_key(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *p = NULL;
	EVP_PKEY *key = NULL;

	if (b && c && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) &&
	    (p = OSSL_PARAM_BLD_to_param(b)) &&
	    (EVP_PKEY_fromdata_init(c) != 1 ||
	    EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, p) != 1))
		key = NULL;
	OSSL_PARAM_free(p);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(c);
	return key;
}

/* The private key object tells its public part, or there is a public one. */
static EVP_PKEY *
public_key(const struct token *t)
{
	BIGNUM *n = NULL, *e = NULL;
	CK_OBJECT_HANDLE other;
	EVP_PKEY *key = NULL;

	if ((get_number(t, t->key, CKA_MODULUS, &n) == 0 &&
	    get_number(t, t->key, CKA_PUBLIC_EXPONENT, &e) == 0) ||
	    (count_objects(t, CKO_PUBLIC_KEY, &other) == 1 &&
	    (n || get_number(t, other, CKA_MODULUS, &n) == 0) &&
	    get_number(t, other, CKA_PUBLIC_EXPONENT, &e) == 0))
		key = make_key(n, e);
	BN_free(n);
	BN_free(e);
	return key;
}

static int
oaep(EVP_PKEY *key, char method, const unsigned char data[IR_VAULT_KEY],
    struct ir_vault_head *head)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	const EVP_MD *md = method == 'O' ? EVP_sha256() : EVP_sha1();
	size_t n = sizeof head->wrapped - 1;
	int ok = c && EVP_PKEY_encrypt_init(c) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(c, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(c, md) == 1 &&
	    EVP_PKEY_encrypt(c, head->wrapped + 1, &n, data,
	    IR_VAULT_KEY) == 1;

	EVP_PKEY_CTX_free(c);
	head->wrapped[0] = (unsigned char)method;
	head->nwrapped = n + 1;
	return ok ? 0 : -1;
}

static CK_RV
rsa_decrypt(struct token *t, const struct ir_vault_head *head,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	bool sha1 = head->wrapped[0] == 'o';
	CK_RSA_PKCS_OAEP_PARAMS p = { sha1 ? CKM_SHA_1 : CKM_SHA256,
	    sha1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL,
	    0 };
	CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &p, sizeof p };

	return decrypt(t, &m, head->wrapped + 1, head->nwrapped - 1, data,
	    err);
}

/* Not every token knows OAEP with SHA-256: what comes back is taken. */
static int
rsa_wrap(struct token *t, struct ir_vault_head *head,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	EVP_PKEY *key = public_key(t);
	unsigned char *again = ir_vault_alloc(IR_VAULT_KEY, err);
	const char *method;
	CK_RV rv = CKR_KEY_TYPE_INCONSISTENT;
	int rc = -1;

	if (!again) {
		EVP_PKEY_free(key);
		return -1;
	}
	if (!key)
		ir_fail(err, IR_CONFIG, "pkcs11: the token does not tell the "
		    "public key");
	else if (EVP_PKEY_get_size(key) < RSA_MIN)
		ir_fail(err, IR_CONFIG, "pkcs11: an RSA key of less than 2048 "
		    "bits");
	else
		for (method = "Oo"; *method && rc; method++) {
			if (oaep(key, *method, data, head))
				break;
			rv = rsa_decrypt(t, head, again, err);
			rc = rv == CKR_OK && ir_vault_same(again, data,
			    IR_VAULT_KEY) ? 0 : -1;
		}
	if (rc && !err->code)
		token_failed(err, IR_CONFIG, "OAEP", rv);
	ir_vault_wipe(again, IR_VAULT_KEY);
	EVP_PKEY_free(key);
	return rc;
}

/* --- the source ----------------------------------------------------------- */

static int
pkcs11_wrap(struct ir_vault_ctx *x, const char *rest,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	struct token t;
	int rc;

	if (ir_vault_set_source(head, "pkcs11", rest, err) ||
	    ir_vault_random(data, IR_VAULT_KEY, err) ||
	    open_token(x, &t, rest, err))
		return -1;
	rc = t.rsa ? rsa_wrap(&t, head, data, err) :
	    aes_wrap(&t, head, data, err);
	close_token(&t);
	return rc;
}

static int
pkcs11_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *rest, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	char method = (char)head->wrapped[0];
	unsigned char iv[CBC_IV];
	struct token t;
	struct aes m;
	CK_RV rv = CKR_ENCRYPTED_DATA_INVALID;

	if (open_token(x, &t, rest, err))
		return -1;
	if (t.rsa && (method == 'O' || method == 'o')) {
		rv = rsa_decrypt(&t, head, data, err);
	} else if (!t.rsa && (method == 'G' || method == 'C')) {
		aes_method(&m, method, iv, head->id);
		if (head->nwrapped > 1 + m.iv) {
			memcpy(iv, head->wrapped + 1, m.iv);
			rv = decrypt(&t, &m.mechanism,
			    head->wrapped + 1 + m.iv,
			    head->nwrapped - 1 - m.iv, data, err);
		}
	}
	close_token(&t);
	return rv == CKR_OK ? 0 : ir_fail(err, IR_DATAERR, "pkcs11: not the "
	    "key of this vault, or the vault was changed (%s)",
	    p11_kit_strerror(rv));
}

#endif

const struct ir_vault_kind ir_vault_pkcs11_kind = { "pkcs11", pkcs11_wrap,
	pkcs11_unwrap };
