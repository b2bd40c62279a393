/*
 * letter.h - the text of an answer, from a template.  Pure.
 *
 *	{{name}}	the value; an empty one is an error
 *	{{name?}}	the value; when it is empty the whole line is left out
 *
 * A letter with holes must not leave the house: unknown and empty names, and
 * what people leave standing ("TODO", "(AWS...ID)" in Japanese) are 78.
 */
#ifndef IR_LETTER_H
#define IR_LETTER_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"
#include "../core/err.h"

#define IR_LETTER_MAX (256u << 10)	/* bytes of a template */

struct ir_letter_value {
	const char *name, *value;	/* value NULL or "": empty */
	bool lines;			/* its newlines stay */
};

/* Append the filled template to out.  0, or -1 and 78 (the line is named). */
int ir_letter_fill(const char *template, size_t n,
    const struct ir_letter_value *v, size_t nv, struct ir_buf *out,
    struct ir_err *err);

#endif
