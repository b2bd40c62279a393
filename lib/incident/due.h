/*
 * due.h - who has to be woken: the steps before a deadline, each told once.
 *
 * Steps are 12, 6 and 1 hours before the deadline, and when it is over.
 * "due.escalated" in the journal says which was told, and of which deadline:
 * another deadline (a reminder, a bounce) begins anew.
 */
#ifndef IR_DUE_H
#define IR_DUE_H

#include <stdint.h>

#include "../core/err.h"

/* "12h", "6h", "1h" or "over", by the seconds left; NULL: it is early. */
const char *ir_due_step(int64_t left);

/* Was this step, or a later one, told of this deadline?  1, 0 or -1. */
int ir_due_told(const char *dir, const char *due, const char *step,
    struct ir_err *err);

/* Write down that it was.  0, or -1: 66, 74. */
int ir_due_tell(const char *dir, const char *from, const char *due,
    const char *step, int64_t left, struct ir_err *err);

#endif
