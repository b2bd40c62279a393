/*
 * creds_file.h - files that hold SMTP credentials: Exim's lookup files, and
 * those of other programs, which are only looked at.  Pure.
 */
#ifndef IR_CREDS_FILE_H
#define IR_CREDS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"

/*
 * One entry of an lsearch file (Exim specification, "Single-key lookup
 * types").  key and value point into buffers that end with the call.
 */
struct ir_lsearch {
	const char *key, *value;	/* NUL-terminated; lines joined */
	size_t key_len, value_len;
	size_t from, to;		/* the value's bytes in the file */
	unsigned line;
	bool colon;			/* a colon stands behind the key */
	bool joined;			/* the value goes over several lines */
};

/* Call fn for each entry; stops at non-zero. */
int ir_lsearch_each(const char *s, size_t n,
    int (*fn)(const struct ir_lsearch *e, void *arg), void *arg);

/*
 * Would (n)wildlsearch take the entry's key for a host?  Patterns "*tail"
 * and plain names; a regular expression is never said to match.
 */
bool ir_lsearch_wild(const char *pattern, const char *host);

enum ir_foreign {
	IR_FOREIGN_NONE, IR_FOREIGN_POSTFIX, IR_FOREIGN_MSMTP,
	IR_FOREIGN_SSMTP, IR_FOREIGN_INI, IR_FOREIGN_PHP, IR_FOREIGN_ENV
};

/* What is of interest, by the file's name alone. */
enum ir_foreign ir_foreign_kind(const char *path);
const char *ir_foreign_word(enum ir_foreign kind);

struct ir_foreign_found {
	const char *user, *host;	/* "" when there is none */
	const char *pass;		/* secret */
	size_t pass_len;		/* 0: not in the file, see why */
	unsigned line;			/* of the password, else of the user */
	const char *why;		/* "" or what there is instead */
};

#define IR_FOREIGN_MAX (1u << 20)	/* bytes of a file that is looked at */

/* Call fn for each credential; stops at non-zero. */
int ir_foreign_each(enum ir_foreign kind, const char *s, size_t n,
    int (*fn)(const struct ir_foreign_found *f, void *arg), void *arg);

#endif
