/*
 * spf_macro.h - macros of SPF (RFC 7208, section 7).  Pure.
 */
#ifndef IR_SPF_MACRO_H
#define IR_SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../net/dnsbl.h"

#define IR_SPF_EXPANDED_MAX (1u << 20)	/* bytes of one expansion */

/* What the letters stand for. */
struct ir_spf_values {
	const char *local, *sender_domain;	/* l, o; s is both */
	const char *domain;			/* d: changes on the way */
	struct ir_ip ip;			/* i, c, v */
	const char *helo;			/* h */
	const char *receiver;			/* r; NULL: "unknown" */
	int64_t now;				/* t */
	/* p, asked only when it is used; NULL: "unknown" */
	const char *(*validated)(void *arg);
	void *arg;
};

/*
 * Length of the macro at s, which begins with '%': 0 when it is none.
 * exp: c, r and t are letters, too.
 */
size_t ir_spf_macro_len(const char *s, size_t n, bool exp);

/* macro-string: visible ASCII (exp: and spaces) and macros. */
bool ir_spf_macro_string_ok(const char *s, size_t n, bool exp);

/* domain-spec: ends in a macro or in a top label. */
bool ir_spf_domain_spec_ok(const char *s, size_t n);

/* Append what s, which is well-formed, becomes. */
void ir_spf_expand(const struct ir_spf_values *v, const char *s, size_t n,
    struct ir_buf *out);

/*
 * Make a name to ask for of an expansion: without the last dot, and without
 * labels on the left until 253 bytes are left.  False: not a name that DNS
 * can carry (an empty or too long label, nothing).
 */
bool ir_spf_name(const char *s, size_t n, char out[256]);

#endif
