/*
 * act.h - let Exim itself freeze, thaw or remove messages: "exim -Mf ID ..."
 * (specification, chapter "The Exim command line").  It rewrites and removes
 * files that only it should.
 */
#ifndef IR_EXIM_ACT_H
#define IR_EXIM_ACT_H

#include "config.h"
#include "items.h"

#define IR_ACT_BATCH 256	/* ids of one call; ARG_MAX is far away */

enum ir_act { IR_ACT_FREEZE, IR_ACT_THAW, IR_ACT_REMOVE };

/*
 * One call for at most IR_ACT_BATCH messages.  Exim's exit code says little
 * of many, so look at the messages afterwards.  said gets its words.  0, or
 * -1: 75 in no time, 71.
 */
int ir_exim_act(const struct ir_exim_config *c, enum ir_act what,
    const struct ir_item *v, size_t n, struct ir_buf *said,
    struct ir_err *err);

#endif
