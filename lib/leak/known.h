/*
 * known.h - findings that are known already: the records of an earlier run
 * (a baseline), and a list of what is allowed.
 */
#ifndef IR_LEAK_KNOWN_H
#define IR_LEAK_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"
#include "find.h"

#define IR_LEAK_KNOWN_FILE (64u << 20)	/* bytes of such a file */

struct ir_leak_known {
	char (*id)[IR_LEAK_PRINT + 1];	/* of the baseline, sorted; owned */
	size_t nid;
	char *text;			/* the allow list; owned */
	const char **allow;		/* its lines, into text; owned */
	size_t nallow;
};

#define IR_LEAK_KNOWN_INIT { NULL, 0, NULL, NULL, 0 }

/*
 * Records of type "leak", as leak-scan writes them; others are passed over.
 * 0, or -1: 66, 65.
 */
int ir_leak_baseline(struct ir_leak_known *k, const char *path,
    struct ir_err *err);
/*
 * One a line: a fingerprint (16 hex digits), an access key id, a kind,
 * or a pattern (fnmatch(3)) of the place, which has a "/", "*" or "?";
 * "#" begins a comment.  0, or -1: 66, 65 a line that is none of these.
 */
int ir_leak_allow(struct ir_leak_known *k, const char *path,
    struct ir_err *err);
void ir_leak_known_free(struct ir_leak_known *k);

bool ir_leak_is_known(const struct ir_leak_known *k,
    const struct ir_leak_find *v);
bool ir_leak_is_allowed(const struct ir_leak_known *k,
    const struct ir_leak_find *v);

#endif
