/*
 * trail_summary.h - events of CloudTrail counted: by address, by call, by who
 * made them, with the first and the last.
 */
#ifndef IR_TRAIL_SUMMARY_H
#define IR_TRAIL_SUMMARY_H

#include "../core/err.h"
#include "../core/record.h"
#include "cloudtrail.h"

#define IR_SUMMARY_VALUES 200000	/* different values of one field */

struct ir_trail_summary;

struct ir_trail_summary *ir_trail_summary_new(struct ir_err *err);
void ir_trail_summary_free(struct ir_trail_summary *s);

/* Count an event.  0, or -1: 71 no memory or too many values. */
int ir_trail_summary_add(struct ir_trail_summary *s,
    const struct ir_trail_fields *f, struct ir_err *err);
/* The same for a record of type trail-event. */
int ir_trail_summary_add_record(struct ir_trail_summary *s,
    const struct ir_rec *event, struct ir_err *err);

/*
 * Call put with one record of type trail-summary (put frees it) for all of
 * them together, then for each value of each field, most events first.  That
 * ends it: nothing may be added after.
 */
void ir_trail_summary_report(struct ir_trail_summary *s,
    void (*put)(struct ir_rec *r, void *arg), void *arg);

#endif
