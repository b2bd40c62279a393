/*
 * known.h - what was given out before, remembered across restarts.
 *
 * A file of lines, "KEY TIME\n": a SHA-256 in hex, and seconds since the
 * epoch.  A line is added, and on disk, before ir_known_add() returns; half
 * of one, after a crash, is no line.  What is older than IR_KNOWN_DAYS is
 * dropped when the file is opened: AWS Health forgets after 90 days.
 */
#ifndef IR_KNOWN_H
#define IR_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"

#define IR_KNOWN_DAYS 100
#define IR_KNOWN_MAX 100000	/* keys; the oldest are dropped */

struct ir_known;

/* Key of a thing: hash of what identifies it; NULL counts as "". */
void ir_known_key(const char *const *parts, size_t n, char key[65]);

/*
 * Open the file, making it if needed.  0, or -1: 73, 74, 75 another process
 * has it, 66 it cannot be read.
 */
int ir_known_open(struct ir_known **k, const char *path, int64_t now,
    struct ir_err *err);
bool ir_known_has(const struct ir_known *k, const char key[65]);
/* 0, or -1 and 74: it will be given out again. */
int ir_known_add(struct ir_known *k, const char key[65], int64_t now,
    struct ir_err *err);
void ir_known_close(struct ir_known *k);

#endif
