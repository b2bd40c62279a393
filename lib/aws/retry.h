/*
 * retry.h - when a call may be tried again, and when it may start at all.
 * Pure: time and dice are parameters.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Retry behavior", standard
 * mode with the rules that hold since November 2026: 3 attempts; delay =
 * random part of base * 2^(n-1), at most 20 s; base 50 ms, 1 s when
 * throttled; x-amz-retry-after is obeyed between that delay and 5 s more; a
 * bucket of 500 tokens, 14 a retry, 5 when throttled, given back when it
 * worked.
 */
#ifndef IR_RETRY_H
#define IR_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_RETRY_TOKENS 500
#define IR_RETRY_ATTEMPTS 3	/* the first one counts */

/*
 * Milliseconds until the attempt after attempt number `attempt` (from 1).
 * ask_ms is what AWS asked for, 0: nothing; dice is random.
 */
int64_t ir_retry_delay(int attempt, bool throttled, int64_t ask_ms,
    uint32_t dice);

/* Pay for a retry out of *tokens: the price, or 0: too few are left. */
int ir_retry_pay(int *tokens, bool throttled);
/* It worked: give back what its last retry cost, 0: there was none. */
void ir_retry_refund(int *tokens, int price);

/*
 * What AWS allows a client: so many calls a second of a service in a region.
 * One slot for each that has been used.
 */
struct ir_rate {
	char what[160];
	int64_t next;		/* monotonic ms */
};

struct ir_rates {
	struct ir_rate *v;	/* owned */
	size_t n, cap;
};

/*
 * Take the next place for a call: the time (monotonic ms) at which it may
 * start, now or later.  Services without a limit start now.
 */
int64_t ir_rate_place(struct ir_rates *r, const char *service,
    const char *operation, const char *region, int64_t now);
void ir_rates_free(struct ir_rates *r);

#endif
