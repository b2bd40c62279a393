/*
 * unpack.h - the files inside of a file: gzip (RFC 1952), Zstandard (RFC
 * 8878), xz (when built with liblzma), zip (APPNOTE.TXT 6.3: by its local
 * headers; stored, deflated, Zstandard), tar (POSIX ustar and pax, GNU), a
 * Debian package (deb(5)), each in each.  The first bytes say which; the name
 * does not matter.  Pure: bytes are put in, windows of what is inside come
 * out, nothing is read or written.
 *
 * Bounded: IR_UNPACK_DEPTH containers in each other, `limit` bytes out of one
 * file altogether, IR_UNPACK_WINDOW of memory for each; 128 MiB for a frame
 * of Zstandard, and for xz.
 */
#ifndef IR_LEAK_UNPACK_H
#define IR_LEAK_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan.h"

#define IR_UNPACK_DEPTH 6
#define IR_UNPACK_WINDOW (256u << 10)
#define IR_UNPACK_MEMBER 1024	/* bytes of "!member!member" */

struct ir_unpack;

struct ir_unpack_to {
	/*
	 * n bytes of a file (member "": the one that was put in, else
	 * "!a.tar!b") from its byte base on, which is in line `line` (from 1);
	 * what begins in [from, to) of them has not been shown before, and
	 * IR_LEAK_REACH bytes are around it as far as there are any.
	 */
	void (*window)(const unsigned char *p, size_t n, size_t from,
	    size_t to, uint64_t base, uint64_t line, const char *member,
	    void *arg);
	/* What could not be looked into, and why. */
	void (*problem)(const char *member, const char *why, void *arg);
	void *arg;
};

/* limit 0: none.  NULL: no memory. */
struct ir_unpack *ir_unpack_new(const struct ir_unpack_to *to,
    uint64_t limit);
void ir_unpack_free(struct ir_unpack *u);

/* Is what begins so packed? */
bool ir_unpack_is(const unsigned char *p, size_t n);

/*
 * One file after the other: begin, its bytes in pieces, end.  Not packed:
 * plain bytes, whatever they look like.
 */
void ir_unpack_begin(struct ir_unpack *u, bool packed);
void ir_unpack_data(struct ir_unpack *u, const unsigned char *p, size_t n);
void ir_unpack_end(struct ir_unpack *u);
/* Nothing that is put in will be shown any more: the limit is reached. */
bool ir_unpack_full(const struct ir_unpack *u);

/* Newlines in n bytes. */
uint64_t ir_leak_lines(const unsigned char *p, size_t n);

#endif
