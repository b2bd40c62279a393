/*
 * sigv4.h - AWS Signature Version 4 as a pure function: no clock, no I/O.
 *
 * Source: AWS IAM User Guide, "Create a signed AWS API request".  For every
 * service but S3: the path is normalised as it was sent and then encoded
 * once more; nothing in it is decoded, so %2F is no separator.
 */
#ifndef IR_SIGV4_H
#define IR_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/secret.h"
#include "../net/http.h"

#define IR_SIGV4_KEY 32		/* bytes of a signing key */
#define IR_SIGV4_HEADERS 32	/* most headers of one request */
#define IR_SIGV4_PARAMS 1024	/* most items of one query */
#define IR_SIGV4_MAX (1u << 20)	/* bytes of a canonical request */

struct ir_sigv4_req {
	const char *method;
	const char *path;	/* exactly as sent; "" is "/" */
	const char *query;	/* exactly as sent, without '?'; may be NULL */
	/*
	 * Host, Content-Type, X-Amz-*: another header is an error, for a
	 * proxy may change it on the way.  X-Amz-Date and the session token
	 * are added here, and are an error in this list.
	 */
	const struct ir_http_header *headers;
	size_t nheaders;
	bool any_header;	/* take all: only for published vectors */
	const void *body;
	size_t body_len;
	const char *key_id;
	const struct ir_secret *secret;
	const struct ir_secret *token;	/* session token; NULL or empty: none */
	const char *region, *service;	/* of the scope, not of the host */
	int64_t when;		/* seconds since the epoch: for both dates */
};

struct ir_sigv4 {
	char date[17];			/* value of X-Amz-Date */
	struct ir_buf authorization;	/* value of Authorization */
	/* For debugging and tests; these hold the session token. */
	struct ir_buf canonical, to_sign;
};

/*
 * Fills *out, which the caller frees with ir_sigv4_free() in any case.
 * 0, or -1: 70 a header that must not be signed or none where one must be,
 * 65 larger than the limits, 71.
 */
int ir_sigv4_sign(const struct ir_sigv4_req *r, struct ir_sigv4 *out,
    struct ir_err *err);
void ir_sigv4_free(struct ir_sigv4 *out);

/* The signing key of a day (YYYYMMDD), region and service.  0, or -1, 71. */
int ir_sigv4_key(const struct ir_secret *secret, const char *day,
    const char *region, const char *service, unsigned char key[IR_SIGV4_KEY],
    struct ir_err *err);

/* HMAC-SHA256; 0, or -1 and 71. */
int ir_sigv4_hmac(const void *key, size_t keylen, const char *text, size_t n,
    unsigned char mac[IR_SIGV4_KEY], struct ir_err *err);

/* Append s with all but A-Z a-z 0-9 - . _ ~ (and '/' if slash) as %XX. */
void ir_sigv4_encode(struct ir_buf *out, const char *s, size_t n, bool slash);

#endif
