/* unxz.c - see unxz.h */
#include <stdlib.h>

#include "unxz.h"

#ifdef HAVE_LIBLZMA
#include <lzma.h>

struct ir_unxz {
	lzma_stream s;
};

bool
ir_unxz_can(void)
{
	return true;
}

int
ir_unxz_reset(struct ir_unxz *x)
{
	return lzma_stream_decoder(&x->s, IR_UNXZ_MEMORY,
	    LZMA_CONCATENATED) == LZMA_OK ? 0 : -1;
}

struct ir_unxz *
ir_unxz_new(void)
{
	static const lzma_stream none = LZMA_STREAM_INIT;
	struct ir_unxz *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->s = none;
	if (ir_unxz_reset(x) == 0)
		return x;
	ir_unxz_free(x);
	return NULL;
}

void
ir_unxz_free(struct ir_unxz *x)
{
	if (x)
		lzma_end(&x->s);
	free(x);
}

int
ir_unxz_run(struct ir_unxz *x, const unsigned char **p, size_t *left,
    bool last, unsigned char *out, size_t size, size_t *made)
{
	lzma_ret rc;

	x->s.next_in = *p;
	x->s.avail_in = *left;
	x->s.next_out = out;
	x->s.avail_out = size;
	rc = lzma_code(&x->s, last ? LZMA_FINISH : LZMA_RUN);
	*p = x->s.next_in;
	*left = x->s.avail_in;
	*made = size - x->s.avail_out;
	switch (rc) {
	case LZMA_OK:
		return 0;
	case LZMA_STREAM_END:
		return 1;
	case LZMA_BUF_ERROR:	/* neither read nor made anything */
		return last ? -3 : 0;
	case LZMA_MEMLIMIT_ERROR:
	case LZMA_MEM_ERROR:
		return -2;
	default:
		return -1;
	}
}
#else

bool
ir_unxz_can(void)
{
	return false;
}

struct ir_unxz *
ir_unxz_new(void)
{
	return NULL;
}

void
ir_unxz_free(struct ir_unxz *x)
{
	(void)x;
}

int
ir_unxz_reset(struct ir_unxz *x)
{
	(void)x;
	return -1;
}

int
ir_unxz_run(struct ir_unxz *x, const unsigned char **p, size_t *left,
    bool last, unsigned char *out, size_t size, size_t *made)
{
	(void)x;
	(void)p;
	(void)left;
	(void)last;
	(void)out;
	(void)size;
	*made = 0;
	return -1;
}
#endif
