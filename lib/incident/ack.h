/*
 * ack.h - an acknowledgement that is sent at most once.
 *
 * What is known of it is in the journal and nowhere else; one event is one
 * step, and each is on disk before the next one is taken:
 *
 *	ack.prepared	the bytes are in out/ack-NNNN.eml
 *	ack.sending	written before DATA; found last: nobody knows
 *	ack.sent	the other side took it
 *	ack.handed-over	a local mail program took it, nothing more is known
 *	ack.failed	refused; "temporary" when it may be tried again
 *	ack.unknown	the answer to the message was lost
 *	ack.settled	a person found out: "as" is "sent" or "not-sent"
 *
 * Each carries "key": what makes two acknowledgements the same one.
 */
#ifndef IR_ACK_H
#define IR_ACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "journal.h"

enum ir_ack_state {
	IR_ACK_NONE, IR_ACK_PREPARED, IR_ACK_SENDING, IR_ACK_SENT,
	IR_ACK_HANDED_OVER, IR_ACK_FAILED, IR_ACK_UNKNOWN
};

struct ir_ack {
	char key[33];
	enum ir_ack_state state;
	bool temporary;		/* of FAILED: may be tried again */
	char message_id[256];
	char file[64];		/* "out/ack-0001.eml" */
	char sha256[65];
	int64_t date;		/* Date of the message */
	int64_t when;		/* of the last event */
	char transport[256];
	char reply[512];
};

const char *ir_ack_word(const struct ir_ack *a);

/* Key of an acknowledgement: hash of its parts, joined by NUL. */
void ir_ack_key(const char *const *parts, size_t n, char key[33]);

/* What the journal says of a->key.  0, or -1: 65, 66. */
int ir_ack_load(const char *dir, struct ir_ack *a, struct ir_err *err);

/*
 * Wait until no other process works on this incident's acknowledgements.
 * The lock's descriptor, or -1: 73, 75 (waited for wait_ms).
 */
int ir_ack_lock(struct ir_journal *j, long wait_ms, struct ir_err *err);

/*
 * Put the bytes on disk (0400, fsynced) and journal them; a->message_id,
 * a->date and a->sha256 are the caller's.  0, or -1: 73, 74.
 */
int ir_ack_prepare(struct ir_journal *j, struct ir_ack *a, const char *to,
    const void *bytes, size_t n, struct ir_err *err);

/* The prepared bytes; 78 when they are no longer what was journalled. */
int ir_ack_bytes(const char *dir, const struct ir_ack *a, struct ir_buf *b,
    struct ir_err *err);

/*
 * Take a step: a->transport, a->reply and a->temporary are journalled too.
 * as is for ack.settled (then state says what it leads to), else NULL.
 * 0, or -1 and 74: then the step must not be taken.
 */
int ir_ack_step(struct ir_journal *j, struct ir_ack *a,
    enum ir_ack_state state, const char *as, struct ir_err *err);

#endif
