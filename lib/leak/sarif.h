/*
 * sarif.h - findings as SARIF 2.1.0 (OASIS, "Static Analysis Results
 * Interchange Format"), for code scanners of CI.
 */
#ifndef IR_LEAK_SARIF_H
#define IR_LEAK_SARIF_H

#include <stdbool.h>

#include "../core/buf.h"
#include "find.h"

/* Append the document; skip[i]: finding i is left out.  may be NULL. */
void ir_leak_sarif(const struct ir_leak_finds *f, const bool *skip,
    const char *version, struct ir_buf *out);

#endif
