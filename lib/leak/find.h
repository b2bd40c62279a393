/*
 * find.h - what was found: kept together, proven, sorted.  Several threads
 * may add at one time.
 *
 * Values that a proof needs are kept, and overwritten at the end; all else
 * of a secret is its fingerprint, and the few characters that are shown.
 */
#ifndef IR_LEAK_FIND_H
#define IR_LEAK_FIND_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/secret.h"
#include "scan.h"

#define IR_LEAK_FINDS_MAX 1000000
#define IR_LEAK_KEPT 44			/* bytes of a value that is kept */
#define IR_LEAK_PRINT 16		/* hex digits of a fingerprint */
#define IR_LEAK_PROOFS_MAX 4000		/* secrets without context tried */

/* Where in git's history it came in: all strings owned. */
struct ir_leak_commit {
	char *object, *commit, *author, *path;
	const char *reach;		/* static */
	int64_t time;
	uint64_t objects;
};

struct ir_leak_find {
	char *where;			/* path, and !member; owned */
	uint64_t line, offset;		/* line 0: not of lines */
	enum ir_leak_kind kind;
	enum ir_leak_form form;
	const char *rule;
	char name[IR_LEAK_NAME + 1], key[21];
	int64_t account;
	bool context;
	size_t len;			/* of the value */
	char print[IR_LEAK_PRINT + 1], shown[24];
	char value[IR_LEAK_KEPT + 1];	/* "" unless a proof needs it */
	/* the password is derived from a secret of key of_key, for region */
	bool proven;
	char region[32], of_key[21];
	char held[160];			/* the credential held that it is of */
	struct ir_leak_commit *git;	/* owned; NULL: none of git's */
};

struct ir_leak_finds {
	pthread_mutex_t lock;
	struct ir_leak_find *v;
	size_t n, cap;
	uint64_t dropped;		/* over the limit, or no memory */
};

/* A credential that we hold, to compare with. */
struct ir_leak_held {
	char name[160], key[21];
	struct ir_secret secret;	/* secret access key; or none */
	struct ir_secret password;	/* SES SMTP password; or none */
};

void ir_leak_finds_init(struct ir_leak_finds *f);
void ir_leak_finds_free(struct ir_leak_finds *f);

/* Its number, or SIZE_MAX: dropped. */
size_t ir_leak_finds_add(struct ir_leak_finds *f, const char *path,
    const char *member, uint64_t base, uint64_t line,
    const struct ir_leak_hit *hit);

/*
 * Derive the SMTP password of each secret, found or held, for each region
 * with SES, and compare with those that were found; compare all with what is
 * held.  *tried is how many secrets there were.  0, or -1 and 71.
 */
int ir_leak_prove(struct ir_leak_finds *f, const struct ir_leak_held *held,
    size_t nheld, size_t *tried, struct ir_err *err);

/*
 * Drop secrets that nothing speaks for but their shape, and what is there
 * twice; sort by place.
 */
void ir_leak_finds_settle(struct ir_leak_finds *f);

/* Is it of this access key: the id, near it, derived from it? */
bool ir_leak_find_of(const struct ir_leak_find *v, const char *key);

/* 16 hex digits that name a leak at its place, whatever its line. */
void ir_leak_find_id(const struct ir_leak_find *v,
    char id[IR_LEAK_PRINT + 1]);

#endif
