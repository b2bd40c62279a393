/*
 * bundle.h - an evidence bundle: a .tar.zst (POSIX ustar, RFC 8878) that is
 * written in one pass, and at its end
 *
 *	messages.jsonl	one record a line, what the caller says of each
 *	BODIES.SHA256	hashes of files that are not in it
 *	SHA256SUMS	hashes of all that is, as sha256sum -c reads them
 *
 * All files are opened by ir_bundle_open(): rights may be given up then.
 */
#ifndef IR_BUNDLE_H
#define IR_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"

#define IR_BUNDLE_NAME_MAX 256	/* bytes of a member's name, its NUL too; of
				   more than 99 the end behind a '/' counts
				   99 at most, what is before it 154 */

struct ir_bundle;

/* Make the file, 0600; -1 and 73 when it is there, or cannot be made. */
int ir_bundle_open(struct ir_bundle **b, const char *path,
    struct ir_err *err);

/* It has SHA256SUMS only at its end.  Call it before anything is added. */
void ir_bundle_plain(struct ir_bundle *b);

/* Add a file.  -1: 70 a name that is too long, 74. */
int ir_bundle_add(struct ir_bundle *b, const char *name, const void *bytes,
    size_t n, int64_t mtime, struct ir_err *err);

/* The same with the first n bytes of fd. */
int ir_bundle_add_fd(struct ir_bundle *b, const char *name, int fd,
    int64_t n, int64_t mtime, struct ir_err *err);

/* A line (without its end) of messages.jsonl. */
int ir_bundle_message(struct ir_bundle *b, const char *line, size_t n,
    struct ir_err *err);

/* A file that is not in it. */
int ir_bundle_absent(struct ir_bundle *b, const char *name,
    const char sha256[65], struct ir_err *err);

/* Write the end and fsync; 0, or -1 and 74.  b is freed. */
int ir_bundle_close(struct ir_bundle *b, struct ir_err *err);

/* Give it up: what is there is emptied, so that nobody trusts it. */
void ir_bundle_abort(struct ir_bundle *b);

#endif
