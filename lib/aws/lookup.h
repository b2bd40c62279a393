/*
 * lookup.h - search CloudTrail's Event history in many regions at once.
 *
 * Source: CloudTrail API Reference, LookupEvents: management events of the
 * last 90 days, by region; one attribute for each call, 50 events a page, two
 * calls a second in a region; a token holds only for the same call.  So the
 * attribute that leaves least is asked for, and the rest is chosen here.
 */
#ifndef IR_LOOKUP_H
#define IR_LOOKUP_H

#include "../log/cloudtrail.h"
#include "client.h"

#define IR_LOOKUP_REGIONS 64
#define IR_LOOKUP_DAYS 90

/*
 * Names of the regions that the account has enabled, by EC2; when that is
 * denied those that have SES, and *err says why (its code is kept).  Their
 * number.
 */
size_t ir_lookup_regions(struct ir_aws *a,
    char names[IR_LOOKUP_REGIONS][40], struct ir_err *err);

/*
 * What a search has found so far, in a file that only grows: a head that says
 * which search it is, each event that fits, and after each page where the
 * next one is.  A run that was killed loses at most a page, which the next
 * one reads again.
 */
struct ir_lookup_state;

/*
 * Open the file at path (NULL: keep none) for the search that `what` says
 * in full.  An absent or empty file begins one; in an older one *since and
 * *until become those it began with.  0, or -1: 65 not such a file, 78 of
 * another search, 73, 75 another run is at work, 77.
 */
int ir_lookup_state_open(struct ir_lookup_state **s, const char *path,
    const char *what, int64_t *since, int64_t *until, struct ir_err *err);
void ir_lookup_state_close(struct ir_lookup_state *s);

struct ir_lookup_region {
	char name[40];
	size_t calls;		/* pages that were asked for, now and before */
	size_t events, unread;	/* seen; not understood */
	size_t fit;		/* given to put */
	struct ir_err err;	/* code 0: all of it was read */
};

struct ir_lookup {
	struct ir_lookup_region *regions;
	size_t n;
	const struct ir_trail_query *query;
	int64_t since, until;		/* both must be given */
	struct ir_lookup_state *state;	/* or NULL */
	/*
	 * Takes each event that fits, as the record it becomes: first those
	 * of the state, then what comes.  It frees it.  0, or -1 and *err.
	 */
	int (*put)(struct ir_rec *event, void *arg, struct ir_err *err);
	void *arg;
};

/*
 * 0 when all was asked, whatever came of it: see each region's err.  -1: the
 * state cannot be written (74) or read (65), 71, or what put said.
 */
int ir_lookup_run(struct ir_aws *a, const struct ir_lookup *l,
    struct ir_err *err);

/* The attribute that would be asked for: "AccessKeyId", ...; NULL: none. */
const char *ir_lookup_attribute(const struct ir_trail_query *q);

#endif
