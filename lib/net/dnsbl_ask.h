/*
 * dnsbl_ask.h - ask DNS lists about addresses, domains and mail addresses:
 * test each list first, keep to what it allows, and say what is known.
 */
#ifndef IR_DNSBL_ASK_H
#define IR_DNSBL_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "dnsbl.h"
#include "dnsbl_state.h"

/* One list and one target: all borrowed, for the length of the call. */
struct ir_dnsbl_said {
	const struct ir_dnsbl_zone *zone;
	const struct ir_dnsbl_target *target;
	const struct ir_dnsbl_result *result;
	const struct ir_dns_query *a, *txt;	/* NULL: not asked */
	const char *via;	/* "resolver", "ns" (the list's own name
				   servers); NULL: not asked */
	const struct ir_dnsbl_zone *whole;	/* the list that was asked,
				   when zone is part of it; else NULL */
};

struct ir_dnsbl_ask {
	const char *resolver;	/* as in struct ir_dns_opts */
	int deadline_ms;
	bool force;		/* special addresses and names, too */
	bool named;		/* the lists were chosen by name: say also
				   what they cannot know */
	bool fresh;		/* believe no earlier test */
	bool no_ns;		/* never ask a list's own name servers */
	long ns_port;		/* of those; 0: 53 (else only for tests) */
	struct ir_dnsbl_state *state;	/* never NULL */

	void (*said)(const struct ir_dnsbl_said *s, void *arg);
	/* something that a person should know about a list */
	void (*warn)(const char *zone, const char *text, void *arg);
	void *arg;
};

/*
 * Ask each list about each target that it takes; a list that is part of
 * another one among them is answered for by that.  0, or -1: 71, 78.  What
 * a list could not say is no error.
 */
int ir_dnsbl_ask(const struct ir_dnsbl_ask *o,
    const struct ir_dnsbl_zone *const *zone, size_t nzones,
    const struct ir_dnsbl_target *target, size_t ntargets,
    struct ir_err *err);

#endif
