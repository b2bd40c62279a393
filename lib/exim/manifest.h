/*
 * manifest.h - what was moved into a quarantine, and from where: the file
 * IR_MANIFEST in its folder, JSON Lines, only ever appended to.
 *
 *	{"type":"queue-move","id":ID,"source":QUEUE,"sub":X,...}
 *		will be moved now; on the disk before the first rename
 *	{"type":"queue-moved","id":N,"upto":BYTE}
 *		those N and all before them are settled, and on the disk; what
 *		begins at that byte or later is not; without it, this line
 *	{"type":"queue-restore","id":ID,"source":QUEUE,"sub":X}
 *	{"type":"queue-restored","id":N}
 *		the same for the way back
 *	{"type":"queue-delete",...}, {"type":"queue-deleted",...}
 *
 * So after a crash only lines behind what the last of those settles are in
 * doubt: two batches at most.
 */
#ifndef IR_EXIM_MANIFEST_H
#define IR_EXIM_MANIFEST_H

#include "../core/err.h"
#include "../core/record.h"
#include "queue.h"

#define IR_MANIFEST_BATCH 2048	/* messages between two fsyncs */
#define IR_MANIFEST_LINE 2048	/* more bytes than a line can have */
#define IR_MANIFEST_MAX ((IR_MANIFEST_BATCH + 1) * IR_MANIFEST_LINE)

struct ir_manifest;

/*
 * Open (make: and create) the manifest of a quarantine, for this process
 * alone.  *m is NULL when there is none and it is not to be made.  -1: 75
 * another process has it, 73, 77.
 */
int ir_manifest_open(struct ir_manifest **m, struct ir_queue *q, bool make,
    struct ir_err *err);
void ir_manifest_close(struct ir_manifest *m);

/*
 * Keep whole lines (ir_line_begin() and so on) for the next commit: at most
 * a batch of them, and IR_MANIFEST_LINE bytes each.  lines is emptied.
 */
void ir_manifest_add(struct ir_manifest *m, struct ir_buf *lines);

/* Write what was kept, and fsync.  -1 and 74: then nothing may be moved. */
int ir_manifest_commit(struct ir_manifest *m, bool sync, struct ir_err *err);

/* Its descriptor, for an fsync that is put off; -1 for none. */
int ir_manifest_fd(const struct ir_manifest *m);

/* How long it is. */
off_t ir_manifest_end(const struct ir_manifest *m);

/*
 * Each line that is in doubt: queue-move, queue-restore, queue-delete.  It
 * stops at the first non-zero return.
 */
int ir_manifest_doubts(struct ir_manifest *m,
    int (*fn)(const struct ir_rec *line, void *arg), void *arg,
    struct ir_err *err);

/* Find out where each message's last queue-move line is.  0, or -1. */
int ir_manifest_index(struct ir_manifest *m, struct ir_err *err);

/* That line (the caller frees it), or NULL. */
struct ir_rec *ir_manifest_find(const struct ir_manifest *m, const char *id);

#endif
