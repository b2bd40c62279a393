/*
 * gunzip.h - one member of gzip data (RFC 1952) after the other, by ISA-L
 * where that was found, else by zlib.  Also zlib's own wrapping (RFC 1950)
 * and none at all (RFC 1951).
 */
#ifndef IR_GUNZIP_H
#define IR_GUNZIP_H

#include <stddef.h>

/*
 * ISA-L reads ahead, and at a member's end gives back what it had no use for,
 * also what it took in an earlier call: so many bytes of those have to stand
 * before *in still.
 */
#define IR_GUNZIP_BACK 8

struct ir_gunzip;

/* At the beginning of a member.  NULL: no memory. */
struct ir_gunzip *ir_gunzip_new(void);
void ir_gunzip_free(struct ir_gunzip *g);
/* At the beginning of the next member. */
void ir_gunzip_reset(struct ir_gunzip *g);

enum ir_gunzip_wrap {
	IR_GUNZIP_GZIP,		/* what it is when new */
	IR_GUNZIP_ZLIB,
	IR_GUNZIP_RAW,		/* no check sum, then */
};

/* So wrapped is what comes, from its beginning, also after a reset. */
void ir_gunzip_wrapped(struct ir_gunzip *g, enum ir_gunzip_wrap wrap);

/*
 * Unpack from *in, of which *nin bytes are left, into out, which has room for
 * size; *in and *nin move on, *made is how many came out.  1: that was the
 * member's end, its check sum is right; 0: there is more; -1: damaged.
 */
int ir_gunzip_run(struct ir_gunzip *g, const unsigned char **in, size_t *nin,
    unsigned char *out, size_t size, size_t *made);

/*
 * A whole member that zlib wrapped (RFC 1950), at once and by zlib, whatever
 * g is set to: of up to about a hundred bytes it is done before ISA-L has its
 * tables ready.  Only between members.  *made is how many bytes came out; 0:
 * that was all of it, and its check sum is right; -1: damaged, cut off, or
 * more than size.
 */
int ir_gunzip_small(struct ir_gunzip *g, const unsigned char *in, size_t nin,
    unsigned char *out, size_t size, size_t *made);

#endif
