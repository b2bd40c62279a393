/*
 * top.h - count messages by the value of a field: who sends most, to where,
 * from where.
 */
#ifndef IR_EXIM_TOP_H
#define IR_EXIM_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"
#include "spool.h"

/*
 * Different values of one field that are remembered.  With more of them the
 * rarest are forgotten, again and again; a record's "uncertain" is how many
 * messages its count may then lack.  So it takes no more memory for a million
 * forged senders, and whoever sends many messages is still counted.
 */
#define IR_TOP_VALUES 50000
#define IR_TOP_VALUE_MAX 256	/* bytes of a value that are kept */

struct ir_top;

/* fields: names joined by ','.  NULL: 64 an unknown field, 71. */
struct ir_top *ir_top_new(const char *fields, struct ir_err *err);
void ir_top_free(struct ir_top *t);

/* The names that ir_top_new() takes, for a message. */
const char *ir_top_fields(void);

/* Count one message of that queue.  -1: 71 no memory. */
int ir_top_add(struct ir_top *t, const struct ir_spool_msg *m,
    const char *queue, struct ir_err *err);

/* Call put with one record (put frees it) for each of the first n. */
void ir_top_report(struct ir_top *t, size_t n,
    void (*put)(struct ir_rec *r, void *arg), void *arg);

#endif
