/*
 * dns.h - DNS questions (RFC 1035), many at once, with the whole answer.
 * dns.c is the only file that knows c-ares.
 *
 * A question goes to the first server; the next one is asked only when that
 * one does not answer, or answers REFUSED or SERVFAIL, and q->server says who
 * it was in the end.  UDP with EDNS, TCP when the answer is cut off.  Names
 * are absolute: no search list.  "localhost" and what ends in ".localhost"
 * is loopback (RFC 6761) and never asked.
 */
#ifndef IR_DNS_H
#define IR_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"

enum ir_dns_type { IR_DNS_A = 1, IR_DNS_MX = 15, IR_DNS_TXT = 16,
	IR_DNS_AAAA = 28 };

enum ir_dns_status {
	IR_DNS_OK,		/* answers there */
	IR_DNS_NODATA,		/* NOERROR without such records */
	IR_DNS_NXDOMAIN,
	IR_DNS_REFUSED,
	IR_DNS_SERVFAIL,
	IR_DNS_TIMEOUT,		/* no answer, or no server there */
	IR_DNS_BAD,		/* reply not understood, other rcode */
};

#define IR_DNS_MAX_ANSWERS 16
#define IR_DNS_MAX_SERVERS 8

struct ir_dns_answer {
	char text[256];		/* address, exchange host, or TXT (joined,
				   cut at 255, printable); the null MX
				   of RFC 7505 is "" */
	int pref;		/* MX preference */
};

struct ir_dns_query {
	char name[256];		/* without the last dot */
	enum ir_dns_type type;
	void *arg;		/* the caller's */

	/* results */
	enum ir_dns_status status;
	struct ir_dns_answer answer[IR_DNS_MAX_ANSWERS];
	size_t n;		/* answers kept */
	uint32_t ttl;		/* smallest TTL of them, seconds */
	int rtt_ms;
	char server[64];	/* who was asked: "127.0.0.1:53" */
};

struct ir_dns_opts {
	const char *resolver;	/* "HOST[:PORT]", several by commas; NULL:
				   /etc/resolv.conf */
	int deadline_ms;	/* for the whole run; 0: 10000 */
	size_t in_flight;	/* 0: 64; more than about 150 makes a small
				   server lose questions */
};

/*
 * Ask n questions; each gets a status.  done (may be NULL) is called as each
 * one ends.  0, or -1 and 71 or 78 (bad resolver).  A question that failed
 * is not an error of this function.
 */
int ir_dns_run(const struct ir_dns_opts *o, struct ir_dns_query *q, size_t n,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err);

/*
 * The same in parts, for questions that follow from answers: done may call
 * ir_dns_ask().  A question must stay where it is until done was called for
 * it.  The deadline runs from ir_dns_open(); past it every question ends at
 * once with IR_DNS_TIMEOUT.  ir_dns_wait() returns when none is left.
 */
struct ir_dns;

int ir_dns_open(struct ir_dns **d, const struct ir_dns_opts *o,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err);
int ir_dns_ask(struct ir_dns *d, struct ir_dns_query *q, struct ir_err *err);
int ir_dns_wait(struct ir_dns *d, struct ir_err *err);
void ir_dns_close(struct ir_dns *d);

/*
 * Read one answer message into q's results (status, answer, n, ttl).  Pure;
 * any bytes will do: what cannot be read is IR_DNS_BAD.
 */
void ir_dns_parse(const uint8_t *msg, size_t len, struct ir_dns_query *q);

const char *ir_dns_status_word(enum ir_dns_status s);

#endif
