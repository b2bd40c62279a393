/*
 * git_delta.c - a delta on a base, whatever both are: byte for byte what a
 * slow reading makes of it; whatever is not a run of the base is in a span;
 * known places are where they went.
 * Input: margin, length of the base, base, instructions.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "leak/git_delta.h"

#define RESULT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Where each byte of the result comes from; -1: inserted.  Its size, or -1. */
static long
slowly(const uint8_t *p, size_t n, const uint8_t *base, size_t n_base,
    uint8_t *out, long *from)
{
	size_t made = 0;

	for (size_t i = 0; i < n;) {
		unsigned c = p[i++];
		size_t off = 0, len = 0;

		if (!c)
			return -1;
		for (int k = 0; c & 0x80 && k < 7; k++)
			if (c >> k & 1) {
				if (i == n)
					return -1;
				if (k < 4)
					off |= (size_t)p[i++] << (8 * k);
				else
					len |= (size_t)p[i++] << (8 * (k - 4));
			}
		if (c & 0x80)
			len = len ? len : 65536;
		else
			len = c;
		if (len > RESULT_MAX - made || (c & 0x80 ?
		    off + len > n_base : len > n - i))
			return -1;
		for (size_t k = 0; k < len; k++, made++) {
			from[made] = c & 0x80 ? (long)(off + k) : -1;
			out[made] = c & 0x80 ? base[off + k] : p[i + k];
		}
		if (!(c & 0x80))
			i += len;
	}
	return (long)made;
}

static void
need(int yes)
{
	if (!yes)
		abort();
}

static void
look(const struct ir_git_delta *d, const long *from)
{
	const struct ir_git_spans *s = d->fresh;
	size_t k = 0, marks = 0;

	for (size_t i = 0; i < s->n; i++)
		need(s->v[i].from <= s->v[i].to && s->v[i].to <= d->n_out &&
		    (!i || s->v[i - 1].to < s->v[i].from));
	for (size_t i = 0; i < d->n_out; i++) {
		size_t end = d->n_out - i < d->margin ? d->n_out :
		    i + d->margin, run = i;

		while (k < s->n && s->v[k].to <= i)
			k++;
		while (from[i] >= 0 && run < end &&
		    from[run] == from[i] + (long)(run - i))
			run++;
		if (run < end)
			need(k < s->n && s->v[k].from <= i);
	}
	/* marks are 4 bytes long; each copy of one whole is a mark */
	for (size_t i = 0; i + 4 <= d->n_out; i++)
		for (size_t m = 0; m < d->had->n; m++)
			marks += from[i] >= 0 &&
			    from[i] == (long)d->had->v[m].at &&
			    from[i + 1] == from[i] + 1 &&
			    from[i + 2] == from[i] + 2 &&
			    from[i + 3] == from[i] + 3;
	need(d->has->dropped || d->has->n == marks);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t want[RESULT_MAX], out[RESULT_MAX];
	static long from[RESULT_MAX];
	struct ir_git_spans fresh = { NULL, 0, 0 };
	struct ir_git_marks had = { NULL, 0, 0, false };
	struct ir_git_marks has = { NULL, 0, 0, false };
	uint64_t a, b;
	size_t n_base;
	long size;

	(void)ir_git_delta_sizes(data, n, &a, &b);
	if (n < 2 || n > 4096 || data[1] > n - 2)
		return 0;
	n_base = data[1];
	for (uint32_t at = 3; at + 4 <= n_base; at += 9)
		(void)ir_git_mark_add(&had, at, 4, at);
	size = slowly(data + 2 + n_base, n - 2 - n_base, data + 2, n_base, want,
	    from);
	struct ir_git_delta d = {
		.base = data + 2, .n_base = n_base,
		.ops = data + 2 + n_base, .n_ops = n - 2 - n_base,
		.out = out, .n_out = size < 0 ? 100 : (size_t)size,
		.margin = data[0] % 64, .fresh = &fresh, .had = &had,
		.has = &has,
	};
	if (size < 0) {
		need(ir_git_delta_apply(&d));
	} else {
		need(!ir_git_delta_apply(&d));
		need(!memcmp(out, want, (size_t)size));
		look(&d, from);
	}
	ir_git_marks_free(&had);
	ir_git_marks_free(&has);
	ir_git_spans_free(&fresh);
	return 0;
}
