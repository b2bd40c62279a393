/* notice.h - an abuse notice as it comes by mail; see report.h. */
#ifndef IR_NOTICE_H
#define IR_NOTICE_H

#include "report.h"

/*
 * The notice may be the mail itself, a message attached up to five deep, one
 * forwarded inline, or one that a mailing list has rewritten.
 */
struct ir_rec *ir_notice_parse(const char *raw, size_t n,
    const struct ir_report_opts *o, struct ir_err *err);

/* A XARF report that did not come in a mail: parsed JSON. */
struct ir_rec *ir_notice_xarf(const struct ir_rec *json,
    const struct ir_report_opts *o);

#endif
