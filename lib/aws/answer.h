/*
 * answer.h - what an answer of AWS means: the error in it, and what to do
 * about that.  Pure.
 */
#ifndef IR_AWS_ANSWER_H
#define IR_AWS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "endpoint.h"

struct ir_aws_error {
	char code[96];		/* "AccessDenied"; "" when none was found */
	char text[320];		/* printable */
};

/*
 * The error in an answer whose status is not 2xx.  query_error and
 * error_type are the values of x-amzn-query-error and x-amzn-errortype, or
 * "".
 */
void ir_aws_error_read(enum ir_aws_protocol protocol, const char *bytes,
    size_t n, const char *query_error, const char *error_type,
    struct ir_aws_error *e);

enum ir_aws_class {
	IR_AWS_REFUSED,		/* for good: 69 */
	IR_AWS_DENIED,		/* 77 */
	IR_AWS_SLOW_DOWN,	/* not done, ask later: 75 */
	IR_AWS_BROKEN,		/* 5xx: perhaps done: 75 or 79 */
	IR_AWS_CLOCK,		/* ours or theirs is wrong: 77 */
	IR_AWS_STRANGE,		/* 1xx, 3xx: 76 */
};

enum ir_aws_class ir_aws_error_class(int status,
    const struct ir_aws_error *e);

/* Could a wrong clock be the reason?  AWS has one code for many reasons. */
bool ir_aws_maybe_clock(const struct ir_aws_error *e);

/* Could old session credentials be the reason? */
bool ir_aws_maybe_expired(const struct ir_aws_error *e);

#endif
