/* ends.c - see ends.h */
#include <string.h>

#include "ends.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

static size_t
ends_plain(const char *p, size_t from, size_t n, uint16_t *at)
{
	const char *q = p + from, *end = p + n;
	size_t k = 0;

	for (; q < end && (q = memchr(q, '\n', (size_t)(end - q))); q++)
		at[k++] = (uint16_t)(q - p);
	return k;
}

#ifdef HAVE_AVX2
/*
 * Nearly every block has two ends or fewer: so many are written, whether they
 * are there or not, since to ask would cost more (the answer is never what
 * the processor guessed).
 */
__attribute__((target("avx2,bmi,popcnt"))) static size_t
ends_avx2(const char *p, size_t n, uint16_t *at)
{
	const __m256i nl = _mm256_set1_epi8('\n');
	size_t i, k = 0, more;
	uint64_t m;

	for (i = 0; i + 64 <= n; i += 64) {
		__m256i a = _mm256_loadu_si256((const void *)(p + i));
		__m256i b = _mm256_loadu_si256((const void *)(p + i + 32));

		m = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, nl)) |
		    (uint64_t)(uint32_t)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(b, nl)) << 32;
		more = k + (size_t)_mm_popcnt_u64(m);
		at[k] = (uint16_t)(i + _tzcnt_u64(m));
		m = _blsr_u64(m);
		at[k + 1] = (uint16_t)(i + _tzcnt_u64(m));
		for (k += 2; k < more; k++) {
			m = _blsr_u64(m);
			at[k] = (uint16_t)(i + _tzcnt_u64(m));
		}
		k = more;
	}
	return k + ends_plain(p, i, n, at + k);
}
#endif

size_t
ir_log_ends_portable(const char *p, size_t n, struct ir_log_ends *e)
{
	return ends_plain(p, 0, n, e->at);
}

size_t
ir_log_ends(const char *p, size_t n, struct ir_log_ends *e)
{
#ifdef HAVE_AVX2
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
		return ends_avx2(p, n, e->at);
#endif
	return ends_plain(p, 0, n, e->at);
}
