/*
 * ends.h - where the lines of a text end, many at once: with AVX2 where the
 * processor has it, else one after the other; with equal results.
 */
#ifndef IR_LOG_ENDS_H
#define IR_LOG_ENDS_H

#include <stddef.h>
#include <stdint.h>

#define IR_LOG_ENDS 8192	/* bytes that are looked through at once */

struct ir_log_ends {
	uint16_t at[IR_LOG_ENDS + 4];	/* a few more may be written */
};

/*
 * The places of LF in n (<= IR_LOG_ENDS) bytes, ascending; how many.
 * portable: without AVX2, for tests.
 */
size_t ir_log_ends(const char *p, size_t n, struct ir_log_ends *e);
size_t ir_log_ends_portable(const char *p, size_t n, struct ir_log_ends *e);

#endif
