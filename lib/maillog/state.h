/*
 * state.h - what logs say about each account, script, local user and host on
 * the spot, in counts that can be added: of two parts of a log, or the logs of
 * two hosts, in any order, with the same result.
 *
 * Kept per subject are sums, first and last times, sets (networks, addresses,
 * hours) and samples chosen by hash, never an order of arrival.  What belongs
 * to one message is joined by its id; messages that are not done when a part
 * ends wait in the state for the part that has the rest.
 *
 * Memory: about 200 bytes a subject, 18 bytes (22 with room to grow) a network
 * of a subject, 8 an address when a network has several, 4 an hour in which
 * something was sent.
 */
#ifndef IR_MAILLOG_STATE_H
#define IR_MAILLOG_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"
#include "line.h"

#define IR_MAIL_SUBJECTS 2000000	/* beyond, new ones are only counted */
#define IR_MAIL_NETS 1000000		/* networks of one subject, likewise */
#define IR_MAIL_FAILNETS 4096		/* that failed; likewise */
#define IR_MAIL_OPEN 262144		/* messages under way at once */
#define IR_MAIL_KMV 5
#define IR_MAIL_BOUNCE_LINES 3
#define IR_MAIL_HEAVY 20		/* recipients of a message with many */
#define IR_MAIL_INSIDE UINT32_MAX	/* the "network" of this host's own */
#define IR_MAIL_TEXT 400	/* bytes of an evidence line; more is cut */

/* Where a line stands: a number that ir_mail_places makes sense of. */
#define IR_MAIL_NOWHERE ((UINT64_C(1) << 40) - 1)

/* 18 bytes: there may be millions. */
struct ir_mail_net {
	uint32_t net;		/* IPv4: the /24; bit 31: IPv6; 0: free */
	uint32_t first;		/* success: sent or logged in */
	uint32_t where;		/* of the first; the low 32 bits of 40 */
	uint8_t where_high;
	uint8_t low;		/* the last byte of the one address, */
	uint16_t several : 1;	/* unless there are several: then see ip */
	uint16_t logins : 3, sends : 12;	/* that many, or more */
	uint16_t last;		/* hour % 65536 */
} __attribute__((packed));

static inline uint64_t
ir_mail_net_where(const struct ir_mail_net *e)
{
	return (uint64_t)e->where_high << 32 | e->where;
}

/* The hour of its last success, as a time; not before its first. */
static inline uint32_t
ir_mail_net_last(const struct ir_mail_net *e)
{
	uint32_t h = e->first / 3600;

	h += (e->last - h) & 0xffff;
	return h * 3600 > e->first ? h * 3600 : e->first;
}

struct ir_mail_failnet {
	uint32_t net, first, last, n;
	uint64_t where;		/* of the first */
};

struct ir_mail_sample {
	uint32_t hash, hour;
	uint64_t where;
};

/* The k smallest hashes: how many different ones there are, about. */
struct ir_mail_kmv {
	uint32_t v[IR_MAIL_KMV];	/* ascending; 0: free */
};

/* What few have: messages to many, and recipients that refused. */
struct ir_mail_rare {
	uint32_t heavy, heavy_rcpts, heavy_first, heavy_last;
	struct ir_mail_sample bounced[IR_MAIL_BOUNCE_LINES];
};

struct ir_mail_subject {
	uint64_t hash;
	const char *name;	/* in the state's store */
	uint8_t who;		/* enum ir_mlog_who */
	uint32_t msgs, rcpts, bounces, defers, logins, checks, fails;
	uint32_t foreign;	/* messages whose sender is of another domain */
	uint32_t titled;	/* messages whose subject is logged */
	uint32_t robots;	/* messages with a mass mailer's HELO */
	uint32_t max_rcpts;	/* of one message */
	uint32_t first, last;	/* of sends and logins; 0: none */
	struct ir_mail_kmv senders, titles;
	struct ir_mail_rare *rare;	/* NULL: none of it */
	/* hash tables, and cells and samples in the order of hours */
	struct ir_mail_net *net;
	uint64_t *ip;
	struct ir_mail_failnet *fail;
	uint32_t *cell;		/* hour % 65536 << 16 | messages */
	struct ir_mail_sample *sample;
	uint32_t nnet, net_cap, nip, ip_cap, nfail, fail_cap;
	uint32_t ncell, cell_cap, nsample, sample_cap;
};

/* One thing that a part of a log says. */
struct ir_mail_event {
	uint8_t kind, who;	/* as of the line */
	bool robot, foreign, done;
	uint32_t time, off, len;	/* the line, in its part */
	uint32_t bounce_off, bounce_len, bounce_line, line;
	uint32_t n, rcpts, bounces, defers, sender, title;
	uint64_t id, hash;	/* of message and subject */
	const char *name;
	uint32_t nname;
	struct ir_mlog_addr ip;
};

/* What the parts said in all. */
struct ir_mail_sums {
	uint64_t lines, bytes, junk, long_lines, torn, messages, recipients;
	uint64_t bounces, logins, fails, forged, backwards, uncounted, files;
	int64_t first, last;	/* 0: no time */
};

struct ir_mail_state;

/* Keeps the text of lines that cannot be read again; NULL: they can. */
typedef int ir_mail_keep(void *arg, uint64_t where, uint32_t line,
    const char *text, size_t n);

struct ir_mail_state *ir_mail_state_new(struct ir_err *err);
void ir_mail_state_free(struct ir_mail_state *s);

/* The hash by which a subject is known: upper and lower case are the same. */
uint64_t ir_mail_subject_hash(enum ir_mlog_who who, const char *name,
    size_t n);

/*
 * Take the events of a part, in their order; base is where its first byte
 * stands, text its bytes.  0, or -1: 71.
 */
int ir_mail_apply(struct ir_mail_state *s, const struct ir_mail_event *ev,
    size_t n, uint64_t base, const char *text, ir_mail_keep *keep, void *arg,
    struct ir_err *err);
struct ir_mail_sums *ir_mail_state_sums(struct ir_mail_state *s);
void ir_mail_add_sums(struct ir_mail_sums *to, const struct ir_mail_sums *f);

/* All is in: messages that are under way count as far as they came. */
void ir_mail_finish(struct ir_mail_state *s);

size_t ir_mail_subjects(const struct ir_mail_state *s);
struct ir_mail_subject *ir_mail_subject(struct ir_mail_state *s, size_t i);
const struct ir_mail_subject *ir_mail_subject_at(
    const struct ir_mail_state *s, size_t i);
/* Its network; NULL: it was never there. */
const struct ir_mail_net *ir_mail_net_in(const struct ir_mail_subject *u,
    uint32_t net);
struct ir_mail_subject *ir_mail_find(struct ir_mail_state *s, uint64_t hash);

/* Never NULL. */
const struct ir_mail_rare *ir_mail_rare(const struct ir_mail_subject *u);

/* Distinct addresses; about how many of a set of hashes. */
size_t ir_mail_ips(const struct ir_mail_subject *u);
uint32_t ir_mail_distinct(const struct ir_mail_kmv *k);
/* An address of the network; false: inside. */
bool ir_mail_net_addr(const struct ir_mail_state *s, uint32_t net,
    struct ir_mlog_addr *a);
uint32_t ir_mail_net_of(struct ir_mail_state *s,
    const struct ir_mlog_addr *a);

/*
 * The state as records of type mail-partial, each at most 60 KB, each of
 * which may be taken by itself.  line tells where a line stands and what it
 * is; false: not known.  put owns the record.
 */
struct ir_mail_text {
	const char *file, *text;
	size_t ntext;
	uint64_t line;
};
typedef bool ir_mail_look(void *arg, uint64_t where, struct ir_mail_text *t);
void ir_mail_export(struct ir_mail_state *s, ir_mail_look *look, void *arg,
    void (*put)(struct ir_rec *r, void *arg), void *put_arg);
/* 0, or -1: 65 not such a record, 71. */
int ir_mail_import(struct ir_mail_state *s, const struct ir_rec *r,
    struct ir_err *err);
/* Bytes that a text may take in a record. */
size_t ir_mail_text_size(const char *p, size_t n);
/* Lines that came by import; false: it is none of those. */
bool ir_mail_imported(const struct ir_mail_state *s, uint64_t where,
    struct ir_mail_text *t);

#endif
