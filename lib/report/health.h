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

/*
 * An event as EventBridge gives it, in an SNS envelope, in the Records of a
 * Lambda or SQS, or the answer of DescribeEventDetails.  A suffix of the type
 * code that is not known is activity "other".  NULL and 65 for anything else;
 * a SubscriptionConfirmation is named and never followed.
 */
struct ir_rec *ir_health_parse(const char *raw, size_t n,
    const struct ir_report_opts *o, struct ir_err *err);

#endif
