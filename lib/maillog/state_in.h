/*
 * state_in.h - what state.c (counting) and partial.c (states as records)
 * share; nobody else includes it.
 */
#ifndef IR_MAILLOG_STATE_IN_H
#define IR_MAILLOG_STATE_IN_H

#include "state.h"

#define BLOCK 1024		/* subjects that are made at once */
#define STORE 65536		/* bytes of names, likewise */
#define NOBODY UINT32_MAX
#define OUTSIDE UINT32_MAX	/* the subject of mail from outside */

/* A message whose end was not seen, or not its beginning. */
struct message {
	uint64_t id;		/* 0: free */
	uint32_t subject;	/* 1 + number; OUTSIDE; 0: not known */
	uint32_t rcpts, bounces, defers, time;
	bool done;
	struct ir_mail_sample bounced;
};

struct v6 {
	uint32_t key;		/* 0: free */
	unsigned char b[6];
};

/* A line of evidence that came with a record. */
struct place {
	uint32_t file;
	uint64_t line;
	char *text;		/* owned */
};

/* Where a subject is; half of the hash saves looking at others. */
struct slot {
	uint32_t tag;
	uint32_t number;	/* and 1; 0: free */
};

struct ir_mail_state {
	struct ir_mail_subject **block;
	uint32_t nblocks, block_cap;
	size_t n;
	struct slot *slot;	/* by hash */
	size_t cap;
	char **store;
	uint32_t nstores, store_cap;
	size_t store_used;
	struct message *open;
	uint32_t nopen, open_cap;
	struct v6 *v6;
	uint32_t nv6, v6_cap;
	struct place *place;
	uint32_t nplaces, place_cap;
	char **file;		/* names, of places */
	uint32_t nfiles, file_cap;
	struct ir_mail_sums sums;
	bool took;		/* the last fact's line became evidence */
	bool no_memory;
};

struct net_fact {
	uint32_t net, time, last, sends, logins;
	uint64_t where;
	uint8_t low;
	bool low_known, several;
};

uint32_t ir_mail_intern(struct ir_mail_state *s, enum ir_mlog_who who,
    const char *name, size_t n, uint64_t hash);
void ir_mail_add_net(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct net_fact *f);
void ir_mail_add_ip(struct ir_mail_state *s, struct ir_mail_subject *u,
    uint64_t ip);
void ir_mail_add_fail(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_failnet *f);
void ir_mail_add_sample(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_sample *f);
void ir_mail_add_bounced(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_sample *f);
void ir_mail_add_heavy(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_rare *f);
void ir_mail_add_hour(struct ir_mail_state *s, struct ir_mail_subject *u,
    uint32_t hour, uint32_t n);
void ir_mail_add_times(struct ir_mail_subject *u, uint32_t first,
    uint32_t last);
/* Counters, times and hash sets of f; not its tables. */
void ir_mail_add_counts(struct ir_mail_subject *u,
    const struct ir_mail_subject *f);
struct message *ir_mail_message(struct ir_mail_state *s, uint64_t id);
void ir_mail_message_add(const struct ir_mail_state *s, struct message *m,
    const struct message *f);

#endif
