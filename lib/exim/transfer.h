/*
 * transfer.h - many messages from queue to queue: batch by batch, with the
 * manifest before and behind each.  For exim-queue-purge and exim-quarantine.
 *
 * For each batch: lock them all and hash them; write the manifest and fsync
 * it; move them; fsync the folders; unlock; say in the manifest that they are
 * settled.  So what is said to be moved is on the disk, and a crash leaves
 * at most two batches in doubt, which ir_transfer_settle() brings to an end.
 */
#ifndef IR_EXIM_TRANSFER_H
#define IR_EXIM_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "items.h"
#include "mainlog.h"
#include "manifest.h"
#include "move.h"

#define IR_TRANSFER_BATCHES 2	/* that are under way at a time */

struct ir_transfer {
	struct ir_spool *spool;		/* where the messages are looked for */
	struct ir_queue *to;		/* NULL: ask home */
	struct ir_manifest *manifest;	/* of the quarantine; NULL: none */
	struct ir_mainlog *log;		/* NULL: none */
	const char *from_folder, *to_folder; /* for the log, when elsewhere */
	bool restore, leave_partly;
	bool located;			/* all of them, and none twice */
	/*
	 * Go on to the next batch while a thread moves this one.  Only with a
	 * manifest, on one file system, and where next() never waits.
	 */
	bool overlap;
	size_t batch;			/* messages at a time */
	int64_t now;
	void *arg;			/* of all below */
	/* a message's queue, for a restore */
	struct ir_queue *(*home)(const char *id, void *arg);
	/* may it be taken?  Under the lock.  NULL: always */
	bool (*still)(const struct ir_item *it,
	    const struct ir_select_msg *m, void *arg);
	/*
	 * What became of it; h is NULL when it was not found, or is named
	 * twice, as why says.  -1 stops.
	 */
	int (*done)(struct ir_item *it, const struct ir_held *h,
	    enum ir_moved got, const struct ir_err *why, void *arg);
	/* before each batch; non-zero stops, and is returned */
	int (*next)(size_t done, void *arg);
	/* behind each batch: what was reported is on the disk */
	void (*settled)(void *arg);
	/* used inside */
	struct ir_batch *batches[IR_TRANSFER_BATCHES];
};

/* 0, what next returned, or -1: 73, 74. */
int ir_transfer_run(struct ir_transfer *t, struct ir_item *v, size_t n,
    struct ir_err *err);
void ir_transfer_free(struct ir_transfer *t);

/*
 * Bring what a former run left half done to an end: live are the queues of
 * Exim's spool, q is a quarantine, there or elsewhere.  The number of
 * messages that were touched is added to *count; warn is told of those that
 * cannot be settled.  0, or -1.
 */
int ir_transfer_settle(struct ir_spool *live, struct ir_queue *q,
    size_t *count, void (*warn)(const char *id, const char *why, void *arg),
    void *arg, struct ir_err *err);

#endif
