/*
 * dns_window.h - how many questions may be on their way to a server, and how
 * long an answer is waited for.  Pure: time is a parameter, in microseconds
 * of any clock that never goes back.
 *
 * The window begins at 64 and is doubled as long as that makes at least 15 %
 * more answers come in; else it goes back and waits for 16 epochs.  An epoch
 * is two round trips, 20 ms at least, and begins a round trip after a
 * doubling.  The window is halved only when more than 10 % of an epoch's
 * answers were lost: lines lose packets by themselves.  What it grows by is
 * let out one more for each answer; never do more than 128 questions go out
 * at once, nor more than one and a half windows in a round trip (64 in a
 * millisecond before that is known): a small server has room for about 170
 * packets.
 */
#ifndef IR_DNS_WINDOW_H
#define IR_DNS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_DNS_WINDOW_START 64
#define IR_DNS_WINDOW_LEAST 16
#define IR_DNS_WINDOW_MOST 8192

#define IR_DNS_TRIES 5
#define IR_DNS_RTO_LEAST 250000
#define IR_DNS_RTO_MOST 2000000

struct ir_dns_rto {
	int64_t srtt, var;	/* RFC 6298, 2 */
	bool known;		/* there was an answer */
};

/* An answer came after rtt microseconds; of which try must be known. */
void ir_dns_rto_sample(struct ir_dns_rto *r, int64_t rtt);
/*
 * How long to wait for the answer to try number n (from 0): srtt + 4 var,
 * or first while nothing is known, doubled for each try; 250 ms to 2 s.
 */
int64_t ir_dns_rto_wait(const struct ir_dns_rto *r, int64_t first, unsigned n);

struct ir_dns_window {
	size_t open;		/* so many may be on their way now */
	size_t size, max;	/* open grows to size */
	int64_t began;		/* of the epoch */
	size_t answered, lost;	/* in it */
	bool full;		/* in it: more would have been sent */
	bool probing;		/* just doubled: was it worth it? */
	double rate;		/* answers a microsecond before that */
	int hold;		/* epochs to wait before the next doubling */
	int64_t halved;		/* no second time before */
	double credit;		/* questions that may go out at once */
	int64_t credited;	/* the time of that */
};

/* max 0: IR_DNS_WINDOW_MOST; start 0: IR_DNS_WINDOW_START. */
void ir_dns_window_init(struct ir_dns_window *w, size_t start, size_t max,
    int64_t now);
void ir_dns_window_answered(struct ir_dns_window *w);
/* A try was waited for in vain. */
void ir_dns_window_lost(struct ir_dns_window *w);
/* There is something to send, and no room. */
void ir_dns_window_full(struct ir_dns_window *w);
/*
 * How many more may be sent now, when flying are on their way; the caller
 * says how many it has sent.  When there are none though flying is less than
 * open, ask again a millisecond later.
 */
size_t ir_dns_window_room(struct ir_dns_window *w,
    const struct ir_dns_rto *r, size_t flying, int64_t now);
void ir_dns_window_sent(struct ir_dns_window *w, size_t n);
/* To be called often: at the end of an epoch the window is adapted. */
void ir_dns_window_tick(struct ir_dns_window *w,
    const struct ir_dns_rto *r, int64_t now);

#endif
