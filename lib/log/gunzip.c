/* gunzip.c - see gunzip.h */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "gunzip.h"

static int
small(z_stream *z, const unsigned char *in, size_t nin, unsigned char *out,
    size_t size, size_t *made)
{
	union { const unsigned char *c; Bytef *p; } u = { in };
	int rc;

	z->next_in = u.p;	/* it only reads there */
	z->avail_in = (uInt)nin;
	z->next_out = out;
	z->avail_out = (uInt)size;
	rc = inflate(z, Z_FINISH);
	*made = size - z->avail_out;
	return rc == Z_STREAM_END ? 0 : -1;
}

#ifdef HAVE_LIBISAL

#include <isa-l/igzip_lib.h>

struct ir_gunzip {
	struct inflate_state s;
	uint32_t flag;		/* the wrapping, in ISA-L's words */
	z_stream z;		/* for what is small */
	bool ready;		/* z is */
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
	if (g && g->ready)
		inflateEnd(&g->z);
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

int
ir_gunzip_small(struct ir_gunzip *g, const unsigned char *in, size_t nin,
    unsigned char *out, size_t size, size_t *made)
{
	*made = 0;
	if (g->ready)
		inflateReset(&g->z);
	else
		g->ready = inflateInit(&g->z) == Z_OK;
	return g->ready ? small(&g->z, in, nin, out, size, made) : -1;
}

#else

struct ir_gunzip {
	z_stream z;
	int bits;		/* the wrapping, in zlib's words */
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
	if (g)
		g->bits = 16 + MAX_WBITS;
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

	g->bits = bits[wrap];
	inflateReset2(&g->z, g->bits);
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

int
ir_gunzip_small(struct ir_gunzip *g, const unsigned char *in, size_t nin,
    unsigned char *out, size_t size, size_t *made)
{
	int rc;

	inflateReset2(&g->z, MAX_WBITS);
	rc = small(&g->z, in, nin, out, size, made);
	inflateReset2(&g->z, g->bits);
	return rc;
}

#endif
