/*
 * suspects.h - which account, script, local user or host does the spam in a
 * queue come from?  Named by signals that a person can check, each with what
 * was found and from where on it counts, and with the selection (expr.h)
 * that takes its messages and leaves the owner's.
 *
 * A signal alone means little: a newsletter is fast, a shop writes the same
 * subject to everybody.  Somebody is named with
 *	two signals or more, one of them of kind "deceit"; or
 *	three of kind "volume" and twice as many messages as the median of all
 *	senders; or two, and five times as many: of a program on this host,
 *	only with a rush.
 * Who sends with the marks of a list (List-Id, List-Unsubscribe, Precedence,
 * Auto-Submitted), from one domain and one network, or from two where
 * List-Id or List-Unsubscribe name the sender's own domain, and gets no wave of
 * bounces, is passed over.
 *
 * Memory is bounded whatever the queue holds; what does not fit any more is
 * still counted where it belongs to somebody known.
 */
#ifndef IR_EXIM_SUSPECTS_H
#define IR_EXIM_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"
#include "../core/record.h"
#include "spool.h"

struct ir_suspects;

struct ir_suspects *ir_suspects_new(struct ir_err *err);
void ir_suspects_free(struct ir_suspects *s);

/* Look at one message.  -1: 71 no memory. */
int ir_suspects_add(struct ir_suspects *s, const struct ir_spool_msg *m,
    struct ir_err *err);

/*
 * Call put with a queue-suspect record (put frees it) for each, who has most
 * messages first; and list with the name of each list that was passed over.
 */
void ir_suspects_report(struct ir_suspects *s,
    void (*put)(struct ir_rec *r, void *arg),
    void (*list)(const char *name, size_t messages, void *arg), void *arg);

#endif
