/*
 * asker.h - the DNS engine as a resolver for the evaluators of this room:
 * one question at a time, each asked once; what is known to be needed can be
 * asked for all at once before.
 */
#ifndef IR_AUTH_ASKER_H
#define IR_AUTH_ASKER_H

#include "resolve.h"

#define IR_ASKER_MAX 20000	/* questions; past them none is asked */

struct ir_asker;

/*
 * As ir_dns_open(): 0, or -1 and 71 or 78.  The deadline runs from here; one
 * silent question takes at most 12 seconds of it.  resolver must stay.
 */
int ir_asker_open(struct ir_asker **a, const char *resolver,
    int deadline_ms, struct ir_err *err);
void ir_asker_close(struct ir_asker *a);

struct ir_resolver *ir_asker_resolver(struct ir_asker *a);

/* Note a question for the next ir_asker_fetch(); "" or too long: nothing. */
void ir_asker_want(struct ir_asker *a, const char *name,
    enum ir_dns_type type);
/* Ask all that was noted, and wait. */
void ir_asker_fetch(struct ir_asker *a);

#endif
