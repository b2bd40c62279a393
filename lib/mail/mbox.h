/*
 * mbox.h - the mails of an mbox file (RFC 4155, and the mboxrd form).
 *
 * A mail begins at a line "From " at the start or after a blank line.  Only
 * for files that are known to be mailboxes: a mail from a stranger may have
 * such a line of its own.
 */
#ifndef IR_MBOX_H
#define IR_MBOX_H

#include <stddef.h>

#include "core/err.h"

/*
 * Call fn for each mail, without its "From " line; ">From " is unquoted by
 * nobody.  Of a mail over max bytes the beginning is given.  path "-" is
 * standard input; it may be compressed.  Ends at fn's first non-zero return,
 * which it returns; -1: 66, 65, 74.
 */
int ir_mbox_each(const char *path, size_t max,
    int (*fn)(const char *raw, size_t n, void *arg), void *arg,
    struct ir_err *err);

#endif
