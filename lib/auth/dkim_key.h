/*
 * dkim_key.h - the key that verifies DKIM signatures, as it is published
 * (RFC 6376, section 3.6.1; RFC 8301; Ed25519: RFC 8463).  Pure.
 */
#ifndef IR_DKIM_KEY_H
#define IR_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>

enum ir_dkim_type { IR_DKIM_RSA, IR_DKIM_ED25519, IR_DKIM_UNKNOWN };

struct ir_dkim_key {
	/* why nobody can use it, as a text of ours; NULL: it can be used */
	const char *problem;
	enum ir_dkim_type type;
	int bits;		/* of RSA's modulus; 256 for Ed25519 */
	bool revoked;		/* p= is empty; no problem beside that */
	bool testing;		/* t=y */
	bool same_domain;	/* t=s: i= must be of d= itself */
	bool pkcs1;		/* RSAPublicKey instead of the
				   SubjectPublicKeyInfo that most expect */
	bool no_version;	/* v= is left out, which is allowed */
};

/* Any bytes; k is always filled. */
void ir_dkim_key_parse(const char *s, size_t n, struct ir_dkim_key *k);

/* Could this TXT be meant as one?  It has a p= tag, or v=DKIM1. */
bool ir_dkim_is_key(const char *s, size_t n);

/*
 * d= and s= of a DKIM-Signature header field's value (folded or not).
 * False: one is missing, or cannot be in a name.
 */
bool ir_dkim_signature(const char *s, size_t n, char domain[256],
    char selector[256]);

#endif
