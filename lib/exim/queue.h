/*
 * queue.h - Exim's spool on disk: its queues, their folders, their messages.
 *
 *	SPOOL/[QUEUE/]input/[X/]ID-H	X: sixth character of the id, when
 *	SPOOL/[QUEUE/]msglog/[X/]ID	split_spool_directory is on
 *
 * Both places are looked at whatever the setting says: a changed setting
 * leaves messages in the other.  The spool directory may be reached through
 * a link; below it no link is followed.  Messages come and go all the time,
 * so one that is no longer there is never an error.
 *
 * A queue that holds a file IR_MANIFEST is a quarantine of quell's.
 */
#ifndef IR_EXIM_QUEUE_H
#define IR_EXIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/err.h"
#include "spool.h"

#define IR_MANIFEST "quell-manifest.jsonl"
#define IR_QUEUE_NAME_MAX 64		/* with its NUL */
#define IR_QUEUES_MAX 1024		/* named queues of one spool */

enum ir_queue_part { IR_INPUT, IR_MSGLOG };

struct ir_spool;
struct ir_queue;

/* 66 no such directory, 77 not allowed to look. */
int ir_spool_open(struct ir_spool **s, const char *dir, struct ir_err *err);
void ir_spool_close(struct ir_spool *s);
int ir_spool_fd(const struct ir_spool *s);

/*
 * An Exim that never had a message has no folder input: from now on the
 * default queue is empty then.  For a spool that Exim's own configuration
 * names; any other folder without input is none.
 */
void ir_spool_unused_ok(struct ir_spool *s);

/*
 * Root becomes the owner of the spool for good: Exim's user, which is all
 * that is needed from here on.  0, or -1 and 71.
 */
int ir_spool_give_up_rights(struct ir_spool *s, struct ir_err *err);

/*
 * uid and gid that own the spool; who shall own what is made in another
 * folder that serves as one.
 */
void ir_spool_set_owner(struct ir_spool *s, uid_t uid, gid_t gid);
void ir_spool_owner(const struct ir_spool *s, uid_t *uid, gid_t *gid);

/* Is it letters, digits, '_' and '-', and not too long? */
bool ir_queue_name_ok(const char *name);

/*
 * Open a queue; name "" is the default one.  It belongs to the spool, is
 * opened once and closed with it.  -1: 66 no such queue, 77, 71.
 */
int ir_queue_open(struct ir_spool *s, const char *name, struct ir_queue **q,
    struct ir_err *err);

/*
 * Make a named queue with its folders, as Exim would (0750, its user); one
 * that is there is opened.  *fd is its folder.  -1: 73, 77.
 */
int ir_queue_make(struct ir_spool *s, const char *name, struct ir_queue **q,
    struct ir_err *err);

/*
 * Choose the queues that ir_spool_walk() and ir_spool_find() look at.  NULL:
 * the default queue and all named ones but quarantines.  "-": the default
 * queue; else the queue of that name, quarantine or not.  All are opened.
 */
int ir_spool_choose(struct ir_spool *s, const char *name, struct ir_err *err);

/* Those that are open, in the order of opening; NULL at the end. */
struct ir_queue *ir_spool_queue(struct ir_spool *s, size_t i);
const char *ir_queue_name(const struct ir_queue *q);
size_t ir_queue_index(const struct ir_queue *q);
bool ir_queue_quarantine(const struct ir_queue *q);
int ir_queue_fd(const struct ir_queue *q);	/* folder of the queue */

/*
 * Folder of input or msglog; sub is 0 or the character of a split spool.
 * The descriptor stays the queue's.  -1 and errno; make: it is made.
 */
int ir_queue_dir(struct ir_queue *q, enum ir_queue_part part, char sub,
    bool make);

/* One message that a walk meets. */
struct ir_queue_item {
	struct ir_queue *queue;
	int dirfd;		/* where its -H was seen */
	char sub;
	char id[IR_SPOOL_ID_MAX];
};

/*
 * Call fn for each ID-H of the chosen queues, folder by folder, in the order
 * of inodes (of 131,072 at a time), which is how they lie on
 * the disk.  It stops at the first
 * non-zero return, which is returned.  -1: 71, 74, 77.
 */
int ir_spool_walk(struct ir_spool *s,
    int (*fn)(const struct ir_queue_item *item, void *arg), void *arg,
    struct ir_err *err);

/* The same for one queue. */
int ir_queue_walk(struct ir_queue *q,
    int (*fn)(const struct ir_queue_item *item, void *arg), void *arg,
    struct ir_err *err);

/* Where is the message?  Fills *item; false when it is not there. */
bool ir_spool_find(struct ir_spool *s, const char *id,
    struct ir_queue_item *item);
bool ir_queue_find(struct ir_queue *q, const char *id,
    struct ir_queue_item *item);

/* Memory for one file, used again and again. */
struct ir_file_buf {
	char *data;
	size_t len, cap;
	bool not_ours;		/* only an owner may leave no time of access */
};
void ir_file_buf_free(struct ir_file_buf *b);

/*
 * Read ID-H or ID-J (kind 'H' or 'J').  1, 0 when it is not there, or -1:
 * 65 too large or no plain file, 77, 74, 71.
 */
int ir_queue_load(int dirfd, const char *id, char kind, struct ir_file_buf *b,
    struct ir_err *err);

/* Read and parse a message's -H; *m lies in b.  As above, or malformed. */
int ir_queue_read(const struct ir_queue_item *at, struct ir_file_buf *b,
    struct ir_spool_msg *m, struct ir_err *err);

/* Bytes of the whole message as Exim counts them; 0 without -D. */
int64_t ir_queue_size(int dirfd, const char *id,
    const struct ir_spool_msg *m);

#endif
