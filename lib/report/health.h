/*
 * health.h - AWS Health events about abuse (AWS_ABUSE_*) and risk
 * (AWS_RISK_*); see report.h.
 *
 * Source: AWS Health user guide, "Amazon EventBridge schema"; AWS Health API,
 * DescribeEventDetails; SNS developer guide, message formats.
 */
#ifndef IR_HEALTH_H
#define IR_HEALTH_H

#include "report.h"

#define IR_HEALTH_BYTES (1U << 20)
#define IR_HEALTH_LAYERS 5	/* envelopes taken off */

#define IR_HEALTH_EVENTS 200	/* of a batch */

/*
 * Events as EventBridge gives them, in an SNS envelope, in the Records of a
 * Lambda, the Messages of SQS, an array, JSON Lines, or the answer of
 * DescribeEventDetails or DescribeEvents (also for an organization).  A
 * suffix of the type code that is not known is activity "other".  Also what
 * else comes in such envelopes: a XARF report, a mail that SES received, and
 * WorkMail's summary of one.  fn gets each record and owns it; their number,
 * or -1 and 65 when there is none.  A SubscriptionConfirmation is named and
 * never followed.
 */
int ir_health_parse(const char *raw, size_t n, const struct ir_report_opts *o,
    void (*fn)(struct ir_rec *rec, void *arg), void *arg,
    struct ir_err *err);

#endif
