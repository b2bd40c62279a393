/*
 * suspects_in.h - what suspects.c (counting, judging) and suspects_where.c
 * (the selection, the record) share; nobody else includes it.
 */
#ifndef IR_EXIM_SUSPECTS_IN_H
#define IR_EXIM_SUSPECTS_IN_H

#include <stdint.h>

#include "../core/buf.h"
#include "suspects.h"

#define GROUPS_MAX 40000	/* senders and sources */
#define NAMES_MAX 40000
#define NO_NAME UINT32_MAX	/* there was no room for it */
#define NAME_BYTES 255		/* of a name that are kept */
#define CELLS_MAX 100000
#define PAIRS_MAX 340000

/* From where on a signal counts. */
#define BUSY 30			/* messages in ten minutes */
#define WIDE 25			/* domains of recipients */
#define SAME 20			/* messages with one subject */
#define SAME_SHARE 5		/* per cent of all that have it */
#define SENDERS 10		/* envelope senders */
#define FOREIGN 3		/* sender domains that are not the account's */
#define NETS 5			/* networks of one account */
#define BOUNCES 10		/* bounces that wait for it */
#define FEW 10			/* messages that make a subject a wave */

enum ir_suspect_kind {
	K_ACCOUNT, K_SCRIPT, K_USER, K_SENDER, K_HOST, K_SOURCE
};

/* Who sends; or one source of his: an address and what it calls itself. */
struct ir_group {
	enum ir_suspect_kind kind;
	uint32_t name;		/* account, script, user, sender, host */
	uint32_t channel;	/* the host or user that carries several */
	uint32_t owner;		/* of a source: the group it belongs to */
	uint32_t helo, next;	/* of a source; next: 1 + number, 0 none */
	uint32_t first_source;	/* 1 + number, 0 none */
	size_t count, rcpts, lists, own_lists, evals, bounces;
	size_t domains, senders, foreign, nets, hosts, busiest, sender_domains;
	int64_t first, last;
	/* found out in the end */
	size_t same, in_waves;
	uint32_t subject;
	int volume, deceit;
	bool shared;		/* several people use it: a web server's user,
				   a webmail's address */
	bool bad, is_list, named;
};

/* Messages of a source with a subject. */
struct ir_cell {
	uint32_t source, subject, count;
	bool wave;
};

struct ir_pair {
	uint64_t key;
	uint32_t n;
};

/* A table of numbers by hash; whose hash collides is looked at by same(). */
struct ir_index {
	uint32_t *v;		/* 1 + number, 0 is free */
	size_t slots, n, max;
};

struct ir_suspects {
	uint64_t seed;
	struct ir_group *groups;
	char **names;
	struct ir_cell *cells;
	struct ir_pair *pairs;
	size_t pair_slots, npairs;
	struct ir_index by_group, by_name, by_cell;
	size_t messages, bounces;
	struct ir_buf text;
};

enum ir_dim { D_DOMAIN, D_SENDER, D_SENDER_DOMAIN, D_NET, D_HOST, D_TIME,
	D_BOUNCE, D_SUBJECT };

/* How often a pair was met. */
uint32_t ir_suspects_met(const struct ir_suspects *s, enum ir_dim d,
    uint32_t g, uint64_t value);

/* Fill g->volume, g->deceit and g->is_list. */
void ir_suspects_judge(struct ir_group *g);

/* The record of group number i; middle: messages of the median sender. */
struct ir_rec *ir_suspects_record(struct ir_suspects *s, uint32_t i,
    size_t middle);

#endif
