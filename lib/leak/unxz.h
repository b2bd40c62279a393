/*
 * unxz.h - xz data, piece by piece, by liblzma; built without it, it can't.
 *
 * Source: "The .xz File Format", 1.1.0 (several streams in a row, and zeros
 * that fill a block, are one file).
 */
#ifndef IR_LEAK_UNXZ_H
#define IR_LEAK_UNXZ_H

#include <stdbool.h>
#include <stddef.h>

#define IR_UNXZ_MEMORY (128u << 20)	/* that one file may ask for */

struct ir_unxz;

bool ir_unxz_can(void);
/* NULL: no memory, or it can't.  For one file after the other. */
struct ir_unxz *ir_unxz_new(void);
void ir_unxz_free(struct ir_unxz *x);

/*
 * The next bytes: *p, *left of them, move on as they are used; last: no more
 * will come.  *made are in out then.  0: again, with more when all are used
 * and out is not full; 1: complete; -1: damaged; -2: it takes more memory than
 * it may; -3: last, and its end is missing.
 */
int ir_unxz_run(struct ir_unxz *x, const unsigned char **p, size_t *left,
    bool last, unsigned char *out, size_t size, size_t *made);
/* From the beginning; 0, or -1: no memory. */
int ir_unxz_reset(struct ir_unxz *x);

#endif
