/*
 * staged.h - what "git diff --cached --raw -z --no-abbrev" says is about to
 * be committed (git-diff(1), "RAW OUTPUT FORMAT").  Pure.
 */
#ifndef IR_LEAK_STAGED_H
#define IR_LEAK_STAGED_H

#include <stddef.h>

#include "../core/err.h"

struct ir_leak_staged {
	char object[65];	/* hex; of the new content */
	const char *path;	/* NUL-terminated, into the text */
};

/*
 * The next entry from *at on; *at moves on.  Entries of submodules and of
 * what is deleted are passed over.  1, 0 at the end, or -1 and 76.
 */
int ir_leak_staged_next(const char *text, size_t n, size_t *at,
    struct ir_leak_staged *s, struct ir_err *err);

#endif
