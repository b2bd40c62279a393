/*
 * stamp.h - time stamps of a third party (RFC 3161): what to ask it, and
 * whether its answer is one to the question.  Nothing is sent from here.
 */
#ifndef IR_STAMP_H
#define IR_STAMP_H

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"

#define IR_STAMP_MAX (1u << 20)		/* bytes of an answer */

struct ir_stamp {
	int64_t time;		/* that the authority says it is */
	char serial[64];	/* of the token, hex */
	char policy[80];	/* OID */
	char tsa[256];		/* subject of the signer's certificate */
};

/*
 * A request (DER) for a stamp on a SHA-256 in hex, with a nonce, and asking
 * for the certificate.  0, or -1: 70, 71.
 */
int ir_stamp_request(const char sha256[65], struct ir_buf *der,
    struct ir_err *err);

/*
 * Does the answer fit the request and the hash, and is it signed by a
 * certificate for time stamping that chains to ca_file (PEM)?  at: as of
 * when certificates must be valid; 0 is now, -1 the stamp's own time.
 * 0 and *s, or -1: 65 not DER, or another hash's, 69 the authority refused,
 * 77 the signature, 66 ca_file.
 */
int ir_stamp_verify(const void *reply, size_t n, const void *request,
    size_t m, const char sha256[65], const char *ca_file, int64_t at,
    struct ir_stamp *s, struct ir_err *err);

#endif
