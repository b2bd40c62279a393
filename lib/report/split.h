/*
 * split.h - cut a stream of JSON documents into documents, as they come:
 * one a line, several on a line, or one over many lines.
 *
 * What is not JSON is given line by line.  A document that a new line breaks
 * off inside of a string (RFC 8259 allows none there), that grows beyond
 * IR_SPLIT_MAX, or that the stream's end cuts off, is given as it is, and
 * called broken; its lines may still hold whole ones.
 */
#ifndef IR_SPLIT_H
#define IR_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"

#define IR_SPLIT_MAX (1U << 20)	/* bytes of a document */

struct ir_split {
	struct ir_buf b;	/* what has come of this one */
	unsigned depth;
	bool text, escape;	/* inside of a string; after a backslash */
	bool junk;		/* up to the end of the line */
	bool skip;		/* the rest of a line that was given */
};

/* Begin with this; ir_buf_free() its b in the end. */
#define IR_SPLIT_INIT { IR_BUF(IR_SPLIT_MAX), 0, false, false, false, false }

/*
 * n more bytes; fn gets each document that ends in them.  It is valid only
 * during the call, and whether it is valid JSON fn finds out.
 */
void ir_split_feed(struct ir_split *s, const char *p, size_t n,
    void (*fn)(const char *doc, size_t n, bool whole, void *arg), void *arg);
/* There is no more: what is left is given. */
void ir_split_end(struct ir_split *s,
    void (*fn)(const char *doc, size_t n, bool whole, void *arg), void *arg);

#endif
