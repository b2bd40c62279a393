/*
 * dns_engine.h - what the parts of the DNS engine share: dns.c (questions
 * from beginning to end), dns_server.c (who is asked), dns_udp.c and
 * dns_tcp.c (how).  For nobody else; dns.h is the interface.
 *
 * A job is a question that has not ended.  It is in exactly one queue: of
 * its server (ready, again: to be sent; flying: sent, by number of the try,
 * the oldest first), of the engine (at_once: needs no server; tcp_wait), or
 * it has a connection (conns).
 */
#ifndef IR_DNS_ENGINE_H
#define IR_DNS_ENGINE_H

#include <sys/socket.h>

#include "dns.h"
#include "dns_msg.h"
#include "dns_window.h"

#define IR_DNS_EDNS 1232	/* bytes that pass everywhere unbroken */
#define IR_DNS_EDNS_BIG 4096	/* asked for when TCP is not to be had */
#define IR_DNS_MAX_ALL 1024	/* servers of all lists together */
#define IR_DNS_MAX_CONNS 16	/* TCP connections at once */

struct job;

struct queue {
	struct job *first, *last;
	size_t *count;		/* of its jobs and those of its like; or NULL */
};

/* Whom to ask, in this order. */
struct list {
	struct server *server[IR_DNS_MAX_SERVERS];
	size_t n;
};

/* What epoll tells: the first member of a port and of a connection. */
enum watch { WATCH_PORT, WATCH_CONN };

/* A UDP socket that is connected to a server, with a port of its own. */
struct port {
	enum watch kind;
	int fd;
	struct server *server;
	unsigned limit, used;	/* questions that it may carry, has carried */
	unsigned busy;		/* entries in use */
	struct port *next;
	struct {
		struct job *job;	/* NULL: free */
		uint16_t id;
		uint8_t which;		/* of job->try */
	} entry[256];		/* by the low byte of the id */
};

struct server {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	char name[64];
	struct ir_dns_window window;
	struct ir_dns_rto rto;
	int64_t first_wait;	/* while the RTO is not known */
	struct port *port;	/* the one in use; NULL: none */
	struct port *old;	/* used up: they wait for their answers */
	bool reap;		/* one of them may be done */
	bool stuck;		/* nothing more goes out just now */
	struct queue ready, again, flying[IR_DNS_TRIES];
	size_t nready, nflying;	/* both queues to be sent; sent */
	uint64_t asked;
	int64_t down_until;	/* nobody listens there */
	unsigned silent;	/* tries in vain, as long as none was not */
};

struct job {
	struct ir_dns_query *q;
	struct list *list;	/* of the engine, or its own: own_list */
	struct job *prev, *next;
	struct queue *in;
	struct server *at;	/* who is asked now */
	int64_t began, sent;	/* the first try, the last one; us */
	struct {
		struct port *port;	/* NULL: none, or given up */
		int64_t sent;
		uint8_t slot;
	} try[2];		/* the last one and the one before */
	struct conn *conn;
	uint8_t turn;		/* which try of which server: see dns.c */
	uint8_t which;		/* of try[] is the last one */
	uint8_t said;		/* servers that refused it, a bit each */
	uint8_t spoke;		/* the last of them, + 1 */
	bool own_list;
	bool own_query;		/* a struct drawn */
	bool plain;		/* without EDNS */
	bool big;		/* with EDNS for large answers */
};

struct conn {
	enum watch kind;
	int fd;
	struct job *job;
	struct conn *next;
	int64_t until;
	uint16_t id;
	bool reading;
	size_t len, at;		/* of what is under way; how much is done */
	uint8_t head[2 + IR_DNS_MAX_QUESTION];	/* question; length */
	uint8_t *answer;	/* NULL: its length is not known */
};

struct ir_dns {
	int epoll;
	struct server *server[IR_DNS_MAX_ALL];
	size_t nservers, nports;
	struct list usual;
	int64_t now, deadline;	/* microseconds */
	int budget_ms;
	size_t in_flight, begin;
	size_t left;		/* jobs */
	bool dry;		/* next() had none since a question ended */
	bool hurry;		/* look around again before any waiting */
	struct queue at_once, tcp_wait;
	struct conn *conns;
	size_t nconns;
	struct udp_room *room;	/* of dns_udp.c */
	uint8_t random[512];
	size_t random_left;
	bool (*next)(struct ir_dns_query *q, void *arg);
	void (*done)(struct ir_dns_query *q, void *arg);
	void *arg;
	struct ir_dns_stats stats;
};

/* dns.c */
static inline bool
ir_dns_flying(const struct job *j)
{
	return j->in && j->in->count == &j->at->nflying;
}

void ir_dns_clock(struct ir_dns *d);
/* How often its server has been asked before. */
unsigned ir_dns_try_number(const struct job *j);
void ir_dns_enqueue(struct queue *in, struct job *j);
void ir_dns_dequeue(struct job *j);
uint16_t ir_dns_random(struct ir_dns *d);
/* An answer to j's question, of s; it has been found to be one. */
void ir_dns_answered(struct ir_dns *d, struct job *j, struct server *s,
    const uint8_t *msg, size_t len, bool tcp);
/* This try was in vain; lost: no answer came, the network may be full. */
void ir_dns_in_vain(struct ir_dns *d, struct job *j, bool lost);
/* TCP failed: perhaps a large UDP answer does it. */
void ir_dns_no_tcp(struct ir_dns *d, struct job *j);
void ir_dns_give_up(struct ir_dns *d, struct job *j);

/* dns_server.c: fill l; names: hosts are looked up (getaddrinfo). */
int ir_dns_add_list(struct ir_dns *d, struct list *l, const char *s,
    bool names, struct ir_err *err);
int ir_dns_add_system(struct ir_dns *d, struct list *l, struct ir_err *err);
bool ir_dns_is_localhost(const char *name);

/* dns_udp.c */
int ir_dns_udp_open(struct ir_dns *d, struct ir_err *err);
void ir_dns_udp_close(struct ir_dns *d);
/* Send what the server's window has room for. */
void ir_dns_udp_send(struct ir_dns *d, struct server *s);
void ir_dns_udp_read(struct ir_dns *d, struct port *p);
/* No more answers are expected for j. */
void ir_dns_udp_forget(struct job *j);
/* Close the ports that are no longer of use. */
void ir_dns_udp_reap(struct ir_dns *d, struct server *s);

/* dns_tcp.c */
void ir_dns_tcp_start(struct ir_dns *d);
void ir_dns_tcp_event(struct ir_dns *d, struct conn *c);
void ir_dns_tcp_end(struct ir_dns *d, struct conn *c);
/* End those whose time is up; the earliest end of the others, or INT64_MAX. */
int64_t ir_dns_tcp_expire(struct ir_dns *d);

#endif
