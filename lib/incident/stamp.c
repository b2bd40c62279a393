/* stamp.c - see stamp.h */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/opensslv.h>
#include <openssl/rand.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "stamp.h"

#define HASH_LEN 32

static int
from_hex(const char *hex, unsigned char out[HASH_LEN])
{
	unsigned int v;
	size_t i;

	for (i = 0; i < HASH_LEN; i++) {
		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return -1;
		out[i] = (unsigned char)v;
	}
	return 0;
}

static TS_MSG_IMPRINT *
imprint_of(const char *sha256)
{
	TS_MSG_IMPRINT *m = TS_MSG_IMPRINT_new();
	X509_ALGOR *alg = X509_ALGOR_new();
	unsigned char hash[HASH_LEN];
	int ok = m && alg && from_hex(sha256, hash) == 0;

	if (ok) {
		X509_ALGOR_set_md(alg, EVP_sha256());
		ok = TS_MSG_IMPRINT_set_algo(m, alg) &&
		    TS_MSG_IMPRINT_set_msg(m, hash, HASH_LEN);
	}
	X509_ALGOR_free(alg);
	if (ok)
		return m;
	TS_MSG_IMPRINT_free(m);
	return NULL;
}

static ASN1_INTEGER *
new_nonce(void)
{
	unsigned char bytes[8];
	BIGNUM *bn;
	ASN1_INTEGER *n;

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return NULL;
	bytes[0] |= 1;		/* no leading zero */
	bn = BN_bin2bn(bytes, sizeof bytes, NULL);
	n = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
	BN_free(bn);
	return n;
}

int
ir_stamp_request(const char sha256[65], struct ir_buf *der,
    struct ir_err *err)
{
	TS_REQ *req = TS_REQ_new();
	TS_MSG_IMPRINT *m = imprint_of(sha256);
	ASN1_INTEGER *nonce = new_nonce();
	unsigned char *bytes = NULL;
	int n = 0;

	if (req && m && nonce && TS_REQ_set_version(req, 1) &&
	    TS_REQ_set_msg_imprint(req, m) && TS_REQ_set_nonce(req, nonce) &&
	    TS_REQ_set_cert_req(req, 1))
		n = i2d_TS_REQ(req, &bytes);
	if (n > 0)
		ir_buf_add(der, bytes, (size_t)n);
	OPENSSL_free(bytes);
	ASN1_INTEGER_free(nonce);
	TS_MSG_IMPRINT_free(m);
	TS_REQ_free(req);
	return n > 0 ? ir_buf_check(der, "time stamp request", err) :
	    ir_fail(err, IR_SOFTWARE, "time stamp request: OpenSSL refuses");
}

/* --- the answer ----------------------------------------------------------- */

/* What OpenSSL says last, in its own words. */
static const char *
openssl_why(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	return why ? why : "no reason given";
}

static int
read_time(const ASN1_GENERALIZEDTIME *t, int64_t *out)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return -1;
	*out = (int64_t)timegm(&tm);
	return 0;
}

static void
describe(TS_RESP *resp, struct ir_stamp *s)
{
	TS_TST_INFO *info = TS_RESP_get_tst_info(resp);
	PKCS7 *token = TS_RESP_get_token(resp);
	STACK_OF(X509) *signers;
	BIGNUM *bn;
	char *hex;

	bn = ASN1_INTEGER_to_BN(TS_TST_INFO_get_serial(info), NULL);
	hex = bn ? BN_bn2hex(bn) : NULL;
	snprintf(s->serial, sizeof s->serial, "%.63s", hex ? hex : "");
	OPENSSL_free(hex);
	BN_free(bn);
	(void)OBJ_obj2txt(s->policy, sizeof s->policy,
	    TS_TST_INFO_get_policy_id(info), 1);
	signers = token ? PKCS7_get0_signers(token, NULL, 0) : NULL;
	if (signers && sk_X509_num(signers) > 0)
		(void)X509_NAME_oneline(X509_get_subject_name(
		    sk_X509_value(signers, 0)), s->tsa, (int)sizeof s->tsa);
	sk_X509_free(signers);
}

static X509_STORE *
open_store(const char *ca_file, int64_t at, struct ir_err *err)
{
	X509_STORE *store = X509_STORE_new();

	if (!store || X509_STORE_load_locations(store, ca_file, NULL) != 1) {
		X509_STORE_free(store);
		ir_fail(err, IR_NOINPUT, "%s: no certificates (PEM) in it",
		    ca_file);
		return NULL;
	}
	if (at)
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store),
		    (time_t)at);
	return store;
}

static int
check(TS_RESP *resp, TS_REQ *req, X509_STORE *store, struct ir_err *err)
{
	TS_VERIFY_CTX *ctx = TS_REQ_to_TS_VERIFY_CTX(req, NULL);
	int ok;

	if (!ctx) {
		X509_STORE_free(store);
		return ir_fail(err, IR_DATAERR, "time stamp: bad request");
	}
	(void)TS_VERIFY_CTX_add_flags(ctx, TS_VFY_SIGNATURE);
#if OPENSSL_VERSION_PREREQ(3, 4)
	(void)TS_VERIFY_CTX_set0_store(ctx, store);	/* ctx owns it now */
#else
	(void)TS_VERIFY_CTX_set_store(ctx, store);	/* the same */
#endif
	ERR_clear_error();
	ok = TS_RESP_verify_response(ctx, resp);
	TS_VERIFY_CTX_free(ctx);
	return ok == 1 ? 0 : ir_fail(err, IR_NOPERM,
	    "time stamp: does not verify: %s", openssl_why());
}

/* The request is a file, too: it must ask for this very hash. */
static int
asks_for(TS_REQ *req, const char *sha256, struct ir_err *err)
{
	TS_MSG_IMPRINT *m = TS_REQ_get_msg_imprint(req);
	ASN1_OCTET_STRING *msg = m ? TS_MSG_IMPRINT_get_msg(m) : NULL;
	unsigned char hash[HASH_LEN];

	if (!msg || from_hex(sha256, hash) ||
	    ASN1_STRING_length(msg) != HASH_LEN ||
	    memcmp(ASN1_STRING_get0_data(msg), hash, HASH_LEN) != 0)
		return ir_fail(err, IR_DATAERR,
		    "time stamp: the request is for another hash");
	return 0;
}

int
ir_stamp_verify(const void *reply, size_t n, const void *request, size_t m,
    const char sha256[65], const char *ca_file, int64_t at,
    struct ir_stamp *s, struct ir_err *err)
{
	const unsigned char *p = reply, *q = request;
	TS_RESP *resp = n < LONG_MAX ? d2i_TS_RESP(NULL, &p, (long)n) : NULL;
	TS_REQ *req = m < LONG_MAX ? d2i_TS_REQ(NULL, &q, (long)m) : NULL;
	X509_STORE *store;
	long status;
	int rc = -1;

	memset(s, 0, sizeof *s);
	if (!resp || p != (const unsigned char *)reply + n) {
		ir_fail(err, IR_DATAERR, "time stamp: not an answer of a TSA");
		goto out;
	}
	if (!req) {
		ir_fail(err, IR_DATAERR, "time stamp: bad request");
		goto out;
	}
	status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(
	    TS_RESP_get_status_info(resp)));
	if (status != 0 && status != 1) {
		ir_fail(err, IR_UNAVAILABLE,
		    "time stamp: the authority refused: status %ld", status);
		goto out;
	}
	if (asks_for(req, sha256, err) || !TS_RESP_get_tst_info(resp) ||
	    read_time(TS_TST_INFO_get_time(TS_RESP_get_tst_info(resp)),
	    &s->time)) {
		if (err && !err->code)
			ir_fail(err, IR_DATAERR, "time stamp: no time in it");
		goto out;
	}
	store = open_store(ca_file, at < 0 ? s->time : at, err);
	if (!store)
		goto out;
	rc = check(resp, req, store, err);
	if (rc == 0)
		describe(resp, s);
out:
	TS_RESP_free(resp);
	TS_REQ_free(req);
	return rc;
}
