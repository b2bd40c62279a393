/*
 * trace.h - what a command shows of its calls to AWS: with -v a line for
 * each, with -vv each request as it is signed; on a terminal how far it has
 * come.  One line in main, after ir_aws_open.
 */
#ifndef IR_AWS_TRACE_H
#define IR_AWS_TRACE_H

#include "../core/buf.h"
#include "client.h"

/*
 * Print the events of a by ir_note and ir_progress (cli.h), take its time
 * limit from --timeout, and let signals end the run cleanly.  c must live
 * as long as a.
 */
void ir_aws_follow(struct ir_aws *a, const struct ir_common *c);

/*
 * Append text with the values of what is secret by its name replaced by
 * "***": lines "name: value" of a head, "name=value" of a form, members of a
 * JSON object ("Password", "SecretAccessKey", "X-Amz-Security-Token", ...).
 * Pure.
 */
void ir_aws_mask(struct ir_buf *out, const char *text, size_t n);

#endif
