/*
 * dns.h - DNS questions (RFC 1035), many at once, with the whole answer.
 *
 * A question goes to the first of its servers; the next one is asked when
 * that one does not answer twice, cannot be reached, or answers REFUSED or
 * SERVFAIL, and q->server says who it was in the end.  After the last one the
 * first has its turn again, up to five times each.  How long is waited and
 * how much is asked at once follows what is measured: dns_window.h.
 *
 * UDP with EDNS for 1232 bytes, without it after FORMERR; TCP when the answer
 * is cut off, UDP for 4096 bytes when there is no TCP (rbldnsd has none).
 * Names are absolute: no search list.  "localhost" and what ends in
 * ".localhost" is loopback (RFC 6761) and never asked.
 *
 * Who wants to forge an answer (RFC 5452) has to send it from the server's
 * address and port to the right one of our ports, with the right id,
 * question, type and class.  Ids are 16 random bits, from the kernel; so are
 * the ports, and each carries only 4 questions at first and 128 in a long
 * run (more when no more sockets are to be had).  Each try has a new id; it
 * goes out from the port that is in use by then, most often another one.
 * Capitals mean nothing (RFC 4343), and are not used as a secret.
 */
#ifndef IR_DNS_H
#define IR_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"

enum ir_dns_type { IR_DNS_A = 1, IR_DNS_NS = 2, IR_DNS_CNAME = 5,
	IR_DNS_SOA = 6, IR_DNS_PTR = 12, IR_DNS_MX = 15, IR_DNS_TXT = 16,
	IR_DNS_AAAA = 28, IR_DNS_TLSA = 52, IR_DNS_CAA = 257 };

enum ir_dns_status {
	IR_DNS_OK,		/* answers there */
	IR_DNS_NODATA,		/* NOERROR without such records */
	IR_DNS_NXDOMAIN,
	IR_DNS_REFUSED,
	IR_DNS_SERVFAIL,
	IR_DNS_TIMEOUT,		/* no answer, or no server there */
	IR_DNS_BAD,		/* reply not understood, other rcode */
};

#define IR_DNS_MAX_ANSWERS 256	/* what comes after them is left out */
#define IR_DNS_MAX_SERVERS 8	/* in one list */

struct ir_dns_answer {
	/*
	 * What the record holds; a '\0' follows its len bytes.
	 *	A, AAAA		the address
	 *	NS CNAME PTR MX	the name, without the last dot; the root (the
	 *			null MX of RFC 7505) is "".  A byte that is
	 *			not printable is '?', so is a dot in a label
	 *	SOA		"MNAME RNAME SERIAL REFRESH RETRY EXPIRE
	 *			MINIMUM"
	 *	TXT		its strings joined: any bytes, up to 65535, to
	 *			be cleaned (text.h) before they are shown
	 *	CAA		"TAG VALUE"; VALUE may be any bytes
	 *	TLSA		the raw data: usage, selector, matching type,
	 *			then the digest
	 */
	const char *text;
	size_t len;
	uint32_t ttl;		/* seconds */
	int pref;		/* MX: preference; CAA: flags */
};

/* Begin with zeroes, or with ir_dns_query_set(). */
struct ir_dns_query {
	char name[256];		/* without the last dot */
	enum ir_dns_type type;
	/*
	 * Whom to ask: addresses "IP[:PORT]", several by commas; must stay
	 * until the question has ended.  NULL: the resolver of ir_dns_opts.
	 */
	const char *ask;
	void *arg;		/* the caller's */

	/* results */
	enum ir_dns_status status;
	int rcode;		/* of the answer; -1: there was none */
	bool ad;		/* the server says that it checked DNSSEC */
	bool tcp;		/* the answer came over TCP */
	struct ir_dns_answer *answer;	/* n of them; ir_dns_query_free() */
	size_t n;
	const char *alias;	/* where CNAMEs led to in the answer; NULL:
				   none.  Lives as long as the answers */
	uint32_t ttl;		/* smallest TTL of the answers; else how long
				   there will be none (RFC 2308), 0: not said */
	int rtt_ms;		/* from the first time it was sent */
	char server[64];	/* who answered, else who was asked last:
				   "127.0.0.1:53", "[::1]:53" */
};

void ir_dns_query_set(struct ir_dns_query *q, const char *name,
    enum ir_dns_type type);
/* Free the answers; q may be asked again, or forgotten. */
void ir_dns_query_free(struct ir_dns_query *q);

struct ir_dns_opts {
	const char *resolver;	/* "HOST[:PORT]", several by commas; NULL:
				   /etc/resolv.conf */
	int deadline_ms;	/* for the whole run; 0: 10000 */
	size_t in_flight;	/* at most so many at once to one server;
				   0: 8192 */
	size_t begin;		/* so many at the beginning, when nothing is
				   known about the server; 0: 64.  They go
				   out 64 in a millisecond */
	/*
	 * Where more questions come from, one at a time and only when there
	 * is room for them: fill *q (it is zeroed) and return true, or
	 * return false: none now.  It is asked again when a question has
	 * ended; the run ends when none is left and this has none.  Such a
	 * question, with its answers, is gone when done() has returned.
	 * NULL: all are asked by ir_dns_ask().
	 */
	bool (*next)(struct ir_dns_query *q, void *arg);
};

/*
 * Ask n questions, and those of o->next; each gets a status.  done (may be
 * NULL) is called as each one ends; arg is for both.  0, or -1 and 71 or 78
 * (bad resolver).  A question that failed is not an error of this function.
 * The answers of q[] are the caller's to free.
 */
int ir_dns_run(const struct ir_dns_opts *o, struct ir_dns_query *q, size_t n,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err);

/*
 * The same in parts, for questions that follow from answers: done may call
 * ir_dns_ask().  A question must stay where it is until done was called for
 * it; answers of an earlier round must have been freed.  The deadline runs
 * from ir_dns_open(); past it every question ends at once with
 * IR_DNS_TIMEOUT.  ir_dns_wait() returns when none is left.  ir_dns_ask()
 * fails with 71, or 78 when q->ask is no list of addresses.
 */
struct ir_dns;

int ir_dns_open(struct ir_dns **d, const struct ir_dns_opts *o,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err);
int ir_dns_ask(struct ir_dns *d, struct ir_dns_query *q, struct ir_err *err);
int ir_dns_wait(struct ir_dns *d, struct ir_err *err);
/*
 * The same until then (ir_mono_ms(); done may change it) at the latest, for
 * a caller that has more to ask by that time: 1 when questions are left.
 */
int ir_dns_wait_until(struct ir_dns *d, const int64_t *until_ms,
    struct ir_err *err);
void ir_dns_close(struct ir_dns *d);

/* What it took, so far. */
struct ir_dns_stats {
	uint64_t sent, repeats;	/* UDP questions; those among them that were
				   sent again */
	uint64_t answers;	/* that were believed */
	uint64_t strays;	/* packets that were not: forged or late */
	uint64_t tcp, ports;	/* connections made, UDP ports used */
};

void ir_dns_stats(const struct ir_dns *d, struct ir_dns_stats *out);

/*
 * Read one answer message into q's results (status, rcode, ad, answers,
 * alias, ttl); q->name and q->type are the question.  Only records of that
 * name, or of the names that CNAMEs lead to from there, count.  Any bytes
 * will do: what cannot be read is IR_DNS_BAD.  Earlier answers must have
 * been freed.
 */
void ir_dns_parse(const uint8_t *msg, size_t len, struct ir_dns_query *q);

const char *ir_dns_status_word(enum ir_dns_status s);

#endif
