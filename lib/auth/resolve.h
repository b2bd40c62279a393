/*
 * resolve.h - how the evaluators of this room ask the DNS: through a
 * function that the caller hands them, one question at a time.  The engine
 * (asker.h) is behind it in a command, a table in a test.
 */
#ifndef IR_AUTH_RESOLVE_H
#define IR_AUTH_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../net/dns.h"

struct ir_rr {
	const char *data;	/* NUL after len bytes: an address as text, a
				   host without its last dot, the joined
				   strings of a TXT (any bytes), raw TLSA */
	size_t len;
	int pref;		/* MX */
};

struct ir_rrset {
	enum ir_dns_status status;	/* OK: there is at least one */
	struct ir_rr *rr;
	size_t n;
	bool secure;		/* the resolver says it validated (AD) */
	uint32_t ttl;
};

struct ir_resolver {
	/*
	 * CNAMEs are followed.  The answer is the resolver's and stays until
	 * it is closed; NULL: no memory, or out of time.
	 */
	const struct ir_rrset *(*ask)(struct ir_resolver *r, const char *name,
	    enum ir_dns_type type);
};

/* Neither there nor not there: SERVFAIL, no answer, ... */
static inline bool
ir_rrset_failed(const struct ir_rrset *s)
{
	return !s || (s->status != IR_DNS_OK && s->status != IR_DNS_NODATA &&
	    s->status != IR_DNS_NXDOMAIN);
}

#endif
