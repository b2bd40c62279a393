/*
 * move.h - take one message from one queue to another, under Exim's own
 * lock and without a moment in which Exim could see half of it.
 *
 * Exim locks the first bytes of ID-D (fcntl, as many as its first line has)
 * for as long as it works on a message.  Who holds that lock may rename the
 * message's files; the lock stays with the file.  A fcntl lock is dropped
 * when the process closes any descriptor of the file, so there is only one.
 *
 * Out of a queue -H goes first: without it Exim sees no message.  Back into
 * one it goes last.  Nothing is ever unlinked and nothing is overwritten.
 */
#ifndef IR_EXIM_MOVE_H
#define IR_EXIM_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../core/err.h"
#include "queue.h"

enum ir_moved {
	IR_MOVED,
	IR_MOVE_GONE,		/* delivered, or moved by another, meanwhile */
	IR_MOVE_BUSY,		/* being delivered: see holder */
	IR_MOVE_CHANGED,	/* it is no longer what was meant */
	IR_MOVE_FAILED		/* see *err; 73: hopeless for all others, too */
};

struct ir_move {
	struct ir_queue *from, *to;
	const char *id;
	char sub;		/* its folder, the same on both sides */
	bool restore;		/* -H last */
	/*
	 * Asked under the lock; NULL: any message, malformed ones included.
	 */
	bool (*still)(const struct ir_spool_msg *m, void *arg);
	void *arg;
	/* results */
	pid_t holder;		/* of the lock, 0 when not known */
	bool parsed;		/* the two counts are known */
	size_t rcpts, delivered;
};

/* Memory for the two files that are read. */
struct ir_move_buf {
	struct ir_file_buf h, j;
};

enum ir_moved ir_message_move(struct ir_move *mv, struct ir_move_buf *b,
    struct ir_err *err);

/*
 * A move was cut off: if -H arrived, bring what stayed behind.  The number
 * of files that were moved, or -1.
 */
int ir_message_finish(struct ir_queue *from, struct ir_queue *to,
    const char *id, char sub, struct ir_err *err);

/* Does another process hold the message now?  Its pid, or 0. */
pid_t ir_message_holder(struct ir_queue *q, const char *id, char sub);

#endif
