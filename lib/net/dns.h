/*
 * dns.h - DNS questions, many at once, with the whole answer.  dns.c is the
 * only file that knows c-ares.
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
	IR_DNS_TIMEOUT,
	IR_DNS_BAD,		/* reply not understood, other rcode */
};

#define IR_DNS_MAX_ANSWERS 16

struct ir_dns_answer {
	char text[256];		/* address, exchange host, or TXT (joined,
				   cut at 255, printable) */
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
	size_t in_flight;	/* 0: 64 */
};

/*
 * Ask n questions; each gets a status.  done (may be NULL) is called as each
 * one ends.  0, or -1 and 71 or 78 (bad resolver).  A question that failed
 * is not an error of this function.
 */
int ir_dns_run(const struct ir_dns_opts *o, struct ir_dns_query *q, size_t n,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err);

const char *ir_dns_status_word(enum ir_dns_status s);

#endif
