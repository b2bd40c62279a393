/*
 * ack.h - an acknowledgement that is sent at most once.
 *
 * What is known of it is in the journal and nowhere else; one event is one
 * step, and each is on disk before the next one is taken:
 *
 *	ack.prepared	the bytes are in out/ack-NNNN.eml
 *	ack.sending	written before DATA; found last: nobody knows
 *	ack.sent	the recipient's own mail server took it
 *	ack.relayed	a relay or SES took it, to pass it on
 *	ack.handed-over	a local mail program took it, nothing more is known
 *	ack.delivered	and it is known that the recipient's server took it
 *	ack.delayed	a notification says that it still waits
 *	ack.bounced	it came back: a notification, or the relay's log
 *	ack.failed	refused; "temporary" when it may be tried again
 *	ack.unknown	the answer to the message was lost
 *	ack.settled	a person found out: "as" is "sent", "relayed" or
 *			"not-sent"
 *	ack.posted	a person has put the text into the provider's portal
 *
 * Only sent, delivered, posted and settled as sent stop the clock.
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
	IR_ACK_HANDED_OVER, IR_ACK_FAILED, IR_ACK_UNKNOWN, IR_ACK_RELAYED,
	IR_ACK_BOUNCED, IR_ACK_DELIVERED, IR_ACK_POSTED
};

struct ir_ack {
	char key[33];
	enum ir_ack_state state;
	bool temporary;		/* of FAILED: may be tried again */
	char message_id[256];
	char remote_id[256];	/* the Message-ID that SES gave it; or "" */
	char to[256];
	char cc[4096];		/* "a@x, b@x": copies, not worth a bounce */
	char accepted_by[12];	/* "mx", "relay", "ses", "sendmail"; or "" */
	char file[64];		/* "out/ack-0001.eml" */
	char sha256[65];
	int64_t date;		/* Date of the message */
	int64_t when;		/* of the last event */
	int64_t bounced;	/* when it came back last; 0: never */
	char transport[256];
	char reply[512];
	char how[600];		/* what is known since, and from where */
};

/* All of an incident's. */
struct ir_acks {
	struct ir_ack *v;
	size_t n;
};

#define IR_ACKS_MAX 200		/* of one incident; more are passed over */

const char *ir_ack_word(const struct ir_ack *a);

/* Key of an acknowledgement: hash of its parts, joined by NUL. */
void ir_ack_key(const char *const *parts, size_t n, char key[33]);

/* What the journal says of a->key.  0, or -1: 65, 66. */
int ir_ack_load(const char *dir, struct ir_ack *a, struct ir_err *err);
/* Of all of them, in the order of their first line; free it in any case. */
int ir_acks_load(const char *dir, struct ir_acks *all, struct ir_err *err);
void ir_acks_free(struct ir_acks *all);

/* Somebody has taken it, and nobody knows yet whether it arrived. */
bool ir_ack_waits(const struct ir_ack *a);
/* Nothing more is to be done for it: the other side has it. */
bool ir_ack_arrived(const struct ir_ack *a);

/*
 * Wait until no other process works on this incident's acknowledgements.
 * The lock's descriptor, or -1: 73, 75 (waited for wait_ms).
 */
int ir_ack_lock(struct ir_journal *j, long wait_ms, struct ir_err *err);

/*
 * Put the bytes on disk (0400, fsynced) and journal them; a->message_id,
 * a->date, a->sha256, a->to and a->cc are the caller's.  0, or -1: 73, 74.
 */
int ir_ack_prepare(struct ir_journal *j, struct ir_ack *a, const void *bytes,
    size_t n, struct ir_err *err);

/* The prepared bytes; 78 when they are no longer what was journalled. */
int ir_ack_bytes(const char *dir, const struct ir_ack *a, struct ir_buf *b,
    struct ir_err *err);

/*
 * Take a step: a->transport, a->accepted_by, a->remote_id, a->reply,
 * a->temporary and a->how are journalled, too.
 * as is for ack.settled (then state says what it leads to), else NULL.
 * 0, or -1 and 74: then the step must not be taken.
 */
int ir_ack_step(struct ir_journal *j, struct ir_ack *a,
    enum ir_ack_state state, const char *as, struct ir_err *err);

/*
 * The same for what is learned later, from a notification or a log; extra
 * (may be NULL) is freed in any case.  state IR_ACK_NONE: "ack.delayed", which
 * changes no state.
 */
int ir_ack_learn(struct ir_journal *j, struct ir_ack *a,
    enum ir_ack_state state, struct ir_rec *extra, struct ir_err *err);

#endif
