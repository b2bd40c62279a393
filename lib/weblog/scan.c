/* scan.c - see scan.h */
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "scan.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

/*
 * A line in which there may be a POST, from the place where it says so;
 * returns the line's end.  Beyond IR_WEB_LINE nothing is looked at.
 */
static const char *
take(struct ir_web_scan *s, const char *begin, const char *at,
    const char *end, uint64_t number)
{
	const char *from = memrchr(begin, '\n', (size_t)(at - begin));
	const char *to = memchr(at, '\n', (size_t)(end - at));

	size_t n;

	from = from ? from + 1 : begin;
	if (!to)
		to = end;
	n = (size_t)(to - from);
	if ((size_t)(at - from) + 5 > IR_WEB_LINE)
		return to;
	if (n > IR_WEB_LINE) {
		s->cut++;
		n = IR_WEB_LINE;
	}
	s->fn(from, n, number, s->arg);
	return to;
}

/* Whole lines, the plain way. */
static void
lines_plain(struct ir_web_scan *s, const char *begin, const char *p,
    const char *end)
{
	const char *nl, *at;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		at = memmem(p, (size_t)(nl - p), "\"POST", 5);
		if (at)
			(void)take(s, begin, at, nl, s->lines + 1);
		s->lines += nl < end;
	}
}

#ifdef HAVE_AVX2
/* Of 32 bytes: where a line ends, and where `"P` is. */
__attribute__((target("avx2"))) static inline void
look(const char *p, uint32_t *ends, uint32_t *marks)
{
	__m256i v = _mm256_loadu_si256((const void *)p);
	__m256i next = _mm256_loadu_si256((const void *)(p + 1));

	*ends = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v,
	    _mm256_set1_epi8('\n')));
	*marks = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(
	    _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
	    _mm256_cmpeq_epi8(next, _mm256_set1_epi8('P'))));
}

/*
 * Whole lines, 64 bytes at a time: their ends are counted, and `"P` is what
 * is looked for; what else there must be is seen when it is there.
 */
__attribute__((target("avx2,popcnt"))) static void
lines_avx2(struct ir_web_scan *s, const char *begin, const char *end)
{
	const char *p = begin, *done = begin;
	uint32_t e[2], m[2];
	uint64_t ends, marks, k;

	for (; end - p >= 32 * 2 + 1; p += 32 * 2) {
		look(p, &e[0], &m[0]);
		look(p + 32, &e[1], &m[1]);
		ends = (uint64_t)e[1] << 32 | e[0];
		marks = (uint64_t)m[1] << 32 | m[0];
		for (; marks; marks &= marks - 1) {
			k = (uint64_t)__builtin_ctzll(marks);
			if (p + k < done || end - (p + k) < 5 ||
			    memcmp(p + k, "\"POST", 5) != 0)
				continue;
			done = take(s, begin, p + k, end, s->lines + 1 +
			    (uint64_t)__builtin_popcountll(ends &
			    ((UINT64_C(1) << k) - 1)));
		}
		s->lines += (uint64_t)__builtin_popcountll(ends);
	}
	/* what is left may be of a line that was taken */
	if (done > p) {
		s->lines += done < end;
		p = done < end ? done + 1 : end;
	}
	lines_plain(s, begin, p, end);
}
#endif

/* p ... end are whole lines, but perhaps the last. */
static void
lines(struct ir_web_scan *s, const char *p, const char *end)
{
#ifdef HAVE_AVX2
	if (__builtin_cpu_supports("avx2")) {
		lines_avx2(s, p, end);
		return;
	}
#endif
	lines_plain(s, p, p, end);
}

/* Keep what a later chunk goes on with, as far as a line may go. */
static int
keep(struct ir_web_scan *s, const char *p, size_t n)
{
	if (!s->part && !(s->part = malloc(IR_WEB_LINE + 1)))
		return -1;
	if (n > IR_WEB_LINE + 1 - s->npart)
		n = IR_WEB_LINE + 1 - s->npart;
	memcpy(s->part + s->npart, p, n);
	s->npart += n;
	return 0;
}

static void
end_part(struct ir_web_scan *s)
{
	uint64_t before = s->lines;

	if (ir_web_maybe(s->part, s->npart))
		lines(s, s->part, s->part + s->npart);
	s->lines = before + 1;
	s->npart = 0;
}

int
ir_web_feed(struct ir_web_scan *s, const char *p, size_t n)
{
	const char *end = p + n, *last, *nl;

	if (n == 0)
		return 0;
	if (s->npart) {
		nl = memchr(p, '\n', n);
		if (keep(s, p, nl ? (size_t)(nl - p) : n))
			return -1;
		if (!nl)
			return 0;
		end_part(s);
		p = nl + 1;
	}
	last = p < end ? memrchr(p, '\n', (size_t)(end - p)) : NULL;
	if (last) {
		lines(s, p, last + 1);
		p = last + 1;
	}
	return p < end ? keep(s, p, (size_t)(end - p)) : 0;
}

void
ir_web_end(struct ir_web_scan *s)
{
	if (s->npart)
		end_part(s);
}

void
ir_web_scan_free(struct ir_web_scan *s)
{
	free(s->part);
	s->part = NULL;
	s->npart = 0;
}
