/*
 * move.h - take messages from one queue to another, under Exim's own lock
 * and without a moment in which Exim could see half of one.
 *
 * Exim locks the first bytes of ID-D (fcntl, as many as its first line has)
 * for as long as it works on a message.  Who holds that lock may rename or
 * remove the message's files.  A fcntl lock is dropped when the process
 * closes any descriptor of the file, so there is only one.
 *
 * On one file system the files are renamed: out of a queue -H goes first,
 * without it Exim sees no message; back into one it goes last.  Nothing is
 * unlinked and nothing is overwritten.
 *
 * Between file systems they are copied, in four steps, each for as many
 * messages as are held at a time:
 *	copy	all files, -H as ID-H.quell; fsync, read back and compare
 *	leave	rename ID-H to ID-H.quell in the old queue; fsync the folder
 *	arrive	rename ID-H.quell to ID-H in the new one; fsync the folder
 *	clear	unlink what is left in the old queue, ID-H.quell last
 * So ID-H is in one of them, or in none for a moment, and what is there says
 * how far it came: ir_message_settle() brings it to an end.
 */
#ifndef IR_EXIM_MOVE_H
#define IR_EXIM_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../core/err.h"
#include "select.h"

enum ir_moved {
	IR_MOVED,
	IR_MOVE_GONE,		/* delivered, or moved by another, meanwhile */
	IR_MOVE_BUSY,		/* being delivered: see holder */
	IR_MOVE_CHANGED,	/* it is no longer what was meant */
	IR_MOVE_PARTLY,		/* some of its recipients have it already */
	IR_MOVE_FAILED		/* see *err; 73: hopeless for all others, too */
};

/* A message whose lock we have. */
struct ir_held {
	/* given */
	struct ir_queue *from, *to;
	char id[IR_SPOOL_ID_MAX];
	char sub;		/* its folder, the same on both sides */
	bool restore;		/* -H last; -D may be there already */
	bool leave_partly;	/* a partly delivered one is not taken */
	/*
	 * Asked under the lock; NULL: any message, malformed ones included.
	 */
	bool (*still)(const struct ir_select_msg *m, void *arg);
	void *arg;
	int64_t now;
	/* found */
	int fd;			/* its -D, locked; -1: not held */
	bool at_goal;		/* -D is in the new queue */
	pid_t holder;		/* of the lock, 0 when not known */
	bool parsed;		/* what follows is known */
	struct ir_spool_msg msg; /* lies in the buffer: until the next one */
	size_t rcpts, delivered;
	bool partly;		/* in the tree of -H, or by a -J */
	char sha_h[65], sha_d[65];
	int64_t size_d;
};

/* Memory for the two files that are read, and for hashing. */
struct ir_move_buf {
	struct ir_file_buf h, j, d;
};
void ir_move_buf_free(struct ir_move_buf *b);

/*
 * Hex SHA-256 of a whole file, wherever its descriptor stands; b is room to
 * work in.  0, or -1: 71, 74.
 */
int ir_hash_fd(int fd, struct ir_file_buf *b, char out[65],
    struct ir_err *err);

/*
 * Lock it, look again whether it is what is meant, and hash it.  IR_MOVED:
 * it is held, until ir_message_release().
 */
enum ir_moved ir_message_hold(struct ir_held *h, struct ir_move_buf *b,
    struct ir_err *err);
void ir_message_release(struct ir_held *h);

/* Rename its files into h->to; all, or none. */
enum ir_moved ir_message_rename(struct ir_held *h, struct ir_err *err);

/* The four steps between file systems. */
enum ir_moved ir_message_copy(struct ir_held *h, struct ir_move_buf *b,
    struct ir_err *err);
int ir_message_leave(struct ir_held *h, struct ir_err *err);
int ir_message_arrive(struct ir_held *h, struct ir_err *err);
void ir_message_clear(struct ir_held *h);

/* Take the copies away again. */
void ir_message_uncopy(struct ir_held *h);

/* Unlink its files in h->from for good, -H last.  0, or -1. */
int ir_message_remove(struct ir_held *h, struct ir_err *err);

/*
 * A move was cut off: end it, or undo it where it had not left yet.  The
 * number of files that were touched, or -1.
 */
int ir_message_settle(struct ir_queue *from, struct ir_queue *to,
    const char *id, char sub, struct ir_err *err);

/* Does another process hold the message now?  Its pid, or 0. */
pid_t ir_message_holder(struct ir_queue *q, const char *id, char sub);

/* Are both queues on one file system? */
bool ir_queue_same_fs(struct ir_queue *a, struct ir_queue *b);

#endif
