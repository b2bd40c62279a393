/*
 * subject.h - the subject of a queued message as a person reads it: unfolded
 * and decoded (RFC 2047).  Apart from spool.h, which needs no decoder.
 */
#ifndef IR_EXIM_SUBJECT_H
#define IR_EXIM_SUBJECT_H

#include "../core/buf.h"
#include "spool.h"

#define IR_SUBJECT_MAX 8192	/* bytes of the decoded text that are kept */

/* Append the text; b->max should be IR_SUBJECT_MAX. */
void ir_spool_subject(const struct ir_spool_msg *m, struct ir_buf *b);

#endif
