/* scan.c - see scan.h */
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "scan.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_X86 1
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

#ifdef HAVE_X86
/* Of 64 bytes, and the next: where a line ends, and where `"P` is. */
typedef void look_fn(const char *p, uint64_t *ends, uint64_t *marks);

__attribute__((target("avx2"))) static inline void
look_avx2(const char *p, uint64_t *ends, uint64_t *marks)
{
	const __m256i nl = _mm256_set1_epi8('\n');
	const __m256i c0 = _mm256_set1_epi8('"'), c1 = _mm256_set1_epi8('P');
	__m256i a = _mm256_loadu_si256((const void *)p);
	__m256i b = _mm256_loadu_si256((const void *)(p + 32));
	__m256i a1 = _mm256_loadu_si256((const void *)(p + 1));
	__m256i b1 = _mm256_loadu_si256((const void *)(p + 33));

	*ends = (uint64_t)(uint32_t)_mm256_movemask_epi8(
	    _mm256_cmpeq_epi8(b, nl)) << 32 |
	    (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, nl));
	*marks = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_and_si256(
	    _mm256_cmpeq_epi8(b, c0), _mm256_cmpeq_epi8(b1, c1))) << 32 |
	    (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(
	    _mm256_cmpeq_epi8(a, c0), _mm256_cmpeq_epi8(a1, c1)));
}

__attribute__((target("avx512bw"))) static inline void
look_avx512(const char *p, uint64_t *ends, uint64_t *marks)
{
	__m512i a = _mm512_loadu_si512((const void *)p);
	__m512i a1 = _mm512_loadu_si512((const void *)(p + 1));

	*ends = _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('\n'));
	*marks = _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('"')) &
	    _mm512_cmpeq_epi8_mask(a1, _mm512_set1_epi8('P'));
}

/*
 * Whole lines, 64 bytes at a time: their ends are counted, and `"P` is what
 * is looked for; what else there must be is seen when it is there.
 */
__attribute__((always_inline)) static inline void
lines_64(struct ir_web_scan *s, const char *begin, const char *end,
    look_fn *look)
{
	const char *p = begin, *done = begin;
	uint64_t ends, marks, k;

	for (; end - p >= 64 + 1; p += 64) {
		look(p, &ends, &marks);
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

__attribute__((target("avx2,popcnt"))) static void
lines_avx2(struct ir_web_scan *s, const char *begin, const char *end)
{
	lines_64(s, begin, end, look_avx2);
}

__attribute__((target("avx512bw,popcnt"))) static void
lines_avx512(struct ir_web_scan *s, const char *begin, const char *end)
{
	lines_64(s, begin, end, look_avx512);
}
#endif

/* p ... end are whole lines, but perhaps the last. */
static void
lines(struct ir_web_scan *s, const char *p, const char *end)
{
#ifdef HAVE_X86
	if (__builtin_cpu_supports("avx512bw")) {
		lines_avx512(s, p, end);
		return;
	}
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
