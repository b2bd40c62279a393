/*
 * dnsbl_state.h - what runs of dnsbl-check tell each other: which lists
 * passed their test within the hour, and how often each was asked.
 *
 * One file, dnsbl.state, in the state folder, locked (flock) for each look
 * at it, so that runs at the same time share one allowance.  A line of it
 * that cannot be read is passed over: the worst that comes of it is a test
 * too many.  No access key is ever in it.
 */
#ifndef IR_DNSBL_STATE_H
#define IR_DNSBL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"

#define IR_DNSBL_BELIEF_MS (3600 * 1000)	/* a test holds that long */

/* What a test of a list found, through one resolver. */
struct ir_dnsbl_belief {
	bool believed;
	char why[24], detail[128];	/* of one that is not */
	char server[64];	/* who answered */
	char ask[200];		/* its own name servers; "": the resolver */
};

struct ir_dnsbl_state;

/*
 * dir NULL: kept for this run only.  0, or -1: 71, 73 cannot be opened; then
 * the caller may go on with NULL.
 */
int ir_dnsbl_state_open(struct ir_dnsbl_state **s, const char *dir,
    struct ir_err *err);
void ir_dnsbl_state_close(struct ir_dnsbl_state *s);

/*
 * All below is done between these two: lock and read, write and unlock.  now
 * is in milliseconds since the epoch.  0, or -1 and 73, 74: the file cannot
 * be used; what is in memory still holds.
 */
int ir_dnsbl_state_lock(struct ir_dnsbl_state *s, int64_t now,
    struct ir_err *err);
int ir_dnsbl_state_unlock(struct ir_dnsbl_state *s, struct ir_err *err);

/* kind is a letter; resolver whose answers these are, as it was named. */
bool ir_dnsbl_state_belief(const struct ir_dnsbl_state *s, const char *zone,
    char kind, const char *resolver, struct ir_dnsbl_belief *b);
void ir_dnsbl_state_believe(struct ir_dnsbl_state *s, const char *zone,
    char kind, const char *resolver, const struct ir_dnsbl_belief *b);

/*
 * May `want` questions go to the zone now?  How many may; when that is 0,
 * *wait is the milliseconds after which one may, or -1: not today.  At most
 * a second's worth goes at once.  A limit of 0 is none.
 */
long ir_dnsbl_state_take(struct ir_dnsbl_state *s, const char *zone,
    long per_second, long per_day, long want, int64_t *wait);
/* n of those were not asked after all. */
void ir_dnsbl_state_give(struct ir_dnsbl_state *s, const char *zone, long n);

#endif
