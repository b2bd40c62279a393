/* gunzip.c - see gunzip.h */
#include <stdint.h>
#include <stdlib.h>

#include "gunzip.h"

#ifdef HAVE_LIBISAL

#include <isa-l/igzip_lib.h>

struct ir_gunzip {
	struct inflate_state s;
	uint32_t flag;		/* the wrapping, in ISA-L's words */
};

struct ir_gunzip *
ir_gunzip_new(void)
{
	struct ir_gunzip *g = calloc(1, sizeof *g);

	if (g) {
		isal_inflate_init(&g->s);
		ir_gunzip_wrapped(g, IR_GUNZIP_GZIP);
	}
	return g;
}

void
ir_gunzip_free(struct ir_gunzip *g)
{
	free(g);
}

void
ir_gunzip_reset(struct ir_gunzip *g)
{
	isal_inflate_reset(&g->s);
	g->s.crc_flag = g->flag;
}

void
ir_gunzip_wrapped(struct ir_gunzip *g, enum ir_gunzip_wrap wrap)
{
	static const uint32_t flags[] = {
		ISAL_GZIP, ISAL_ZLIB, ISAL_DEFLATE,
	};

	g->flag = flags[wrap];
	ir_gunzip_reset(g);
}

int
ir_gunzip_run(struct ir_gunzip *g, const unsigned char **in, size_t *nin,
    unsigned char *out, size_t size, size_t *made)
{
	union { const unsigned char *c; uint8_t *p; } u = { *in };
	int rc;

	g->s.next_in = u.p;	/* it only reads there */
	g->s.avail_in = (uint32_t)*nin;
	g->s.next_out = out;
	g->s.avail_out = (uint32_t)size;
	rc = isal_inflate(&g->s);
	*made = size - g->s.avail_out;
	if ((rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT) ||
	    *in - g->s.next_in > IR_GUNZIP_BACK)
		return -1;
	*in = g->s.next_in;
	*nin = g->s.avail_in;
	return g->s.block_state == ISAL_BLOCK_FINISH;
}

#else

#include <zlib.h>

struct ir_gunzip {
	z_stream z;
};

struct ir_gunzip *
ir_gunzip_new(void)
{
	struct ir_gunzip *g = calloc(1, sizeof *g);

	/* 16: with the header and trailer of gzip */
	if (g && inflateInit2(&g->z, 16 + MAX_WBITS) != Z_OK) {
		free(g);
		g = NULL;
	}
	return g;
}

void
ir_gunzip_free(struct ir_gunzip *g)
{
	if (g)
		inflateEnd(&g->z);
	free(g);
}

void
ir_gunzip_reset(struct ir_gunzip *g)
{
	inflateReset(&g->z);
}

void
ir_gunzip_wrapped(struct ir_gunzip *g, enum ir_gunzip_wrap wrap)
{
	static const int bits[] = { 16 + MAX_WBITS, MAX_WBITS, -MAX_WBITS };

	inflateReset2(&g->z, bits[wrap]);
}

int
ir_gunzip_run(struct ir_gunzip *g, const unsigned char **in, size_t *nin,
    unsigned char *out, size_t size, size_t *made)
{
	union { const unsigned char *c; Bytef *p; } u = { *in };
	int rc;

	g->z.next_in = u.p;	/* it only reads there */
	g->z.avail_in = (uInt)*nin;
	g->z.next_out = out;
	g->z.avail_out = (uInt)size;
	rc = inflate(&g->z, Z_NO_FLUSH);
	*in += *nin - g->z.avail_in;
	*nin = g->z.avail_in;
	*made = size - g->z.avail_out;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return -1;
	return rc == Z_STREAM_END;
}

#endif
