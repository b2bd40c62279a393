/*
 * sweep.c - one look at every byte: what all rules hang on is four bytes
 * long or a run of base64 characters; both come out of table look-ups: by
 * half bytes, which AVX2 does for 32 bytes at once (as the "Teddy" of
 * Hyperscan does), or by six bits, which AVX-512VBMI does for 64.  A run of 31
 * characters covers 16 bytes at a multiple of 16, wherever it begins: only
 * such blocks are looked at.
 */
#include <string.h>

#include "scan_in.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#endif

#define BLOCK 32
#define AHEAD 3			/* bytes of the next block that are read */

/* The four bytes of each kind of candidate; the sets of one are crossed. */
static const struct {
	unsigned bit;
	const char *byte[4];
} anchors[] = {
	{ LEAK_AT_KEY, { "A", "KSBC", "IC", "A" } },
	{ LEAK_AT_PASS, { "pP", "aA", "sS", "sS" } },
	{ LEAK_AT_BEGIN, { "-", "B", "E", "G" } },
	{ LEAK_AT_HOOK, { "h/", "ob", "o", "kt" } },
	{ LEAK_AT_OTHER, { "at", "t_", ".s", "ge" } },
	{ LEAK_AT_B64, { "Q", "UV", "tNJ", "JD" } },
	{ LEAK_AT_B64_2, { "F", "LTCD", "SQ", "U0" } },
	{ LEAK_AT_B64_3, { "B", "SUQ", "0k", "lN" } },
};

/*
 * The same as bits by lower and upper half of each of the four bytes; the
 * fifth row is the class of runs, a bit for each upper half that has some.
 * tests/unit/leak.c holds them against the sets.
 */
static const unsigned char low[5][16] = {
	{ 2, 49, 128, 0, 16, 0, 64, 0,
	    8, 0, 0, 0, 0, 4, 0, 8 },
	{ 0, 130, 13, 193, 80, 160, 32, 0,
	    0, 0, 0, 1, 64, 0, 0, 24 },
	{ 128, 64, 0, 83, 32, 4, 0, 0,
	    0, 1, 32, 128, 0, 0, 48, 8 },
	{ 64, 1, 0, 2, 40, 80, 0, 20,
	    0, 0, 32, 8, 128, 0, 128, 0 },
	{ 168, 248, 248, 248, 248, 252, 248, 248,
	    248, 248, 240, 84, 112, 80, 80, 84 },
};
static const unsigned char high[5][16] = {
	{ 0, 0, 12, 0, 193, 34, 24, 18,
	    0, 0, 0, 0, 0, 0, 0, 0 },
	{ 0, 0, 0, 0, 71, 241, 10, 16,
	    0, 0, 0, 0, 0, 0, 0, 0 },
	{ 0, 0, 16, 128, 37, 66, 136, 50,
	    0, 0, 0, 0, 0, 0, 0, 0 },
	{ 0, 0, 0, 64, 165, 66, 152, 10,
	    0, 0, 0, 0, 0, 0, 0, 0 },
	{ 0, 0, 4, 8, 16, 32, 64, 128,
	    0, 0, 0, 0, 0, 0, 0, 0 },
};

/* What the masks of a block say; bit i: byte i of it. */
static void
handle(struct leak_span *s, const struct leak_sweep *to, size_t at,
    uint32_t found, uint32_t run)
{
	uint32_t half;
	int i;

	for (; found; found &= found - 1)
		to->anchor(s, at + (size_t)__builtin_ctz(found));
	for (i = 0; i < 2; i++) {
		half = run >> (16 * i) & 0xffff;
		if (half == 0xffff)
			to->run(s, at + 16u * (unsigned)i);
		else if (half == 0x5555 || half == 0xaaaa)
			to->wide(s, at + 16u * (unsigned)i +
			    (half == 0xaaaa));
	}
}

static inline unsigned
bits(int k, unsigned char c)
{
	return low[k][c & 15] & high[k][c >> 4];
}

unsigned
ir_leak_anchor(const unsigned char *p, size_t n)
{
	unsigned found = 0, may;
	size_t i, k;

	if (n < 4)
		return 0;
	may = bits(0, p[0]) & bits(1, p[1]) & bits(2, p[2]) & bits(3, p[3]);
	for (i = 0; may >> i; i++) {
		if (!(may & anchors[i].bit))
			continue;
		for (k = 0; k < 4; k++)
			if (p[k] == 0 || !strchr(anchors[i].byte[k], p[k]))
				break;
		if (k == 4)
			found |= anchors[i].bit;
	}
	return found;
}

/* Both masks of the block at p, whose next AHEAD bytes can be read. */
static void
look_plain(const unsigned char *p, uint32_t *found, uint32_t *run)
{
	unsigned i, b;

	*found = *run = 0;
	for (i = 0; i < BLOCK; i++) {
		*run |= (uint32_t)(LEAK_RUN(p[i]) >> 1) << i;
		b = bits(0, p[i]) & bits(1, p[i + 1]);
		if (b && (b & bits(2, p[i + 2]) & bits(3, p[i + 3])))
			*found |= 1u << i;
	}
}

static void
sweep_plain(struct leak_span *s, const struct leak_sweep *to)
{
	unsigned char last[2 * BLOCK + AHEAD] = { 0 };
	uint32_t found, run;
	size_t at, i;

	for (at = 0; at + BLOCK + AHEAD <= s->n && !s->root->stop;
	    at += BLOCK) {
		look_plain(s->p + at, &found, &run);
		if (found || run)
			handle(s, to, at, found, run);
	}
	/* what is left, with zeros behind it */
	memcpy(last, s->p + at, s->n - at);
	for (i = 0; at + i < s->n && !s->root->stop; i += BLOCK) {
		look_plain(last + i, &found, &run);
		handle(s, to, at + i, found, run);
	}
}

#ifdef HAVE_X86
#define TARGET __attribute__((target("avx2")))

TARGET static inline __m256i
table(const unsigned char t[16])
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128(
	    (const __m128i *)(const void *)t));
}

TARGET static inline __m256i
look_up(__m256i lo, __m256i hi, __m256i v)
{
	const __m256i half = _mm256_set1_epi8(15);

	return _mm256_and_si256(_mm256_shuffle_epi8(lo,
	    _mm256_and_si256(v, half)), _mm256_shuffle_epi8(hi,
	    _mm256_and_si256(_mm256_srli_epi16(v, 4), half)));
}

TARGET static inline __m256i
load(const unsigned char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

TARGET static inline uint32_t
nonzero(__m256i v)
{
	return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v,
	    _mm256_setzero_si256()));
}

/* Has a run's mask a half that matters? */
static inline bool
matters(uint32_t run)
{
	uint32_t a = run & 0xffff, b = run >> 16;

	return a == 0xffff || b == 0xffff || a == 0x5555 || b == 0x5555 ||
	    a == 0xaaaa || b == 0xaaaa;
}

/*
 * The same of both blocks at once.  In a half that matters every bit is as the
 * next but one, and one of the lowest two is set.
 */
static inline bool
matters64(uint64_t run)
{
	const uint64_t lowest = UINT64_C(0x0001000100010001);
	uint64_t against;

	against = (run ^ run >> 2) & lowest * 0x3fff;
	against |= (~(run | run >> 1) & lowest) << 14;
	/* has one of the four halves nothing against it? */
	return ((against - lowest) & lowest << 15) != 0;
}

/* What the masks of two blocks say. */
static void
handle_both(struct leak_span *s, const struct leak_sweep *to, size_t at,
    uint64_t found, uint64_t run)
{
	int i;

	for (i = 0; i < 2; i++, at += BLOCK, found >>= BLOCK, run >>= BLOCK)
		if ((uint32_t)found || matters((uint32_t)run))
			handle(s, to, at, (uint32_t)found, (uint32_t)run);
}

struct halves {
	__m256i lo[5], hi[5];
};

TARGET static inline void
look_avx2(const struct halves *t, const unsigned char *p, uint32_t *found,
    uint32_t *run)
{
	__m256i v = load(p);

	*run = nonzero(look_up(t->lo[4], t->hi[4], v));
	v = look_up(t->lo[0], t->hi[0], v);
	v = _mm256_and_si256(v, look_up(t->lo[1], t->hi[1], load(p + 1)));
	v = _mm256_and_si256(v, look_up(t->lo[2], t->hi[2], load(p + 2)));
	v = _mm256_and_si256(v, look_up(t->lo[3], t->hi[3], load(p + 3)));
	*found = nonzero(v);
}

/* From `at` on, a multiple of BLOCK. */
TARGET static void
sweep_avx2(struct leak_span *s, const struct leak_sweep *to, size_t at)
{
	unsigned char last[3 * BLOCK + AHEAD] = { 0 };
	const unsigned char *p = s->p;
	const size_t n = s->n;
	uint32_t found, run, found2, run2;
	uint64_t both, runs;
	struct halves t;
	size_t i;

	for (i = 0; i < 5; i++) {
		t.lo[i] = table(low[i]);
		t.hi[i] = table(high[i]);
	}
	for (; at + 2 * BLOCK + AHEAD <= n; at += 2 * BLOCK) {
		look_avx2(&t, p + at, &found, &run);
		look_avx2(&t, p + at + BLOCK, &found2, &run2);
		both = (uint64_t)found2 << 32 | found;
		runs = (uint64_t)run2 << 32 | run;
		if (__builtin_expect(!both && !matters64(runs), 1))
			continue;
		handle_both(s, to, at, both, runs);
		if (s->root->stop)
			return;
	}
	memcpy(last, p + at, s->n - at);
	for (i = 0; at + i < s->n && !s->root->stop; i += BLOCK) {
		look_avx2(&t, last + i, &found, &run);
		handle(s, to, at + i, found, run);
	}
}

#define TARGET64 __attribute__((target("avx512bw,avx512vbmi")))

/*
 * The sets again, by the lower six bits of a byte: what AVX-512VBMI looks up
 * at once.  "-" and "m" are one then: what is found is looked at again anyway.
 */
#define SIX(c) [(c) & 63]
static const unsigned char six[4][64] = {
	{ SIX('A') = 1, SIX('p') = 2, SIX('P') = 2, SIX('-') = 4,
	    SIX('h') = 8, SIX('/') = 8, SIX('a') = 16, SIX('t') = 16,
	    SIX('Q') = 32, SIX('F') = 64, SIX('B') = 128 },
	{ SIX('K') = 1, SIX('S') = 1 | 128, SIX('B') = 1 | 4,
	    SIX('C') = 1 | 64, SIX('a') = 2, SIX('A') = 2, SIX('o') = 8,
	    SIX('b') = 8, SIX('t') = 16, SIX('_') = 16, SIX('U') = 32 | 128,
	    SIX('V') = 32, SIX('L') = 64, SIX('T') = 64, SIX('D') = 64,
	    SIX('Q') = 128 },
	{ SIX('I') = 1, SIX('C') = 1, SIX('s') = 2 | 16, SIX('S') = 2 | 64,
	    SIX('E') = 4, SIX('o') = 8, SIX('.') = 16, SIX('t') = 32,
	    SIX('N') = 32, SIX('J') = 32, SIX('Q') = 64, SIX('0') = 128,
	    SIX('k') = 128 },
	{ SIX('A') = 1, SIX('s') = 2, SIX('S') = 2, SIX('G') = 4,
	    SIX('k') = 8, SIX('t') = 8, SIX('g') = 16, SIX('e') = 16,
	    SIX('J') = 32, SIX('D') = 32, SIX('U') = 64, SIX('0') = 64,
	    SIX('l') = 128, SIX('N') = 128 },
};
#undef SIX
/*
 * Part of a run is a byte that is larger, signs minded, than what stands here
 * by its lower six bits: 63: letters and \ only; -1: digits and + / %, too.
 */
#define N 127			/* none */
#define L 63
static const signed char above[64] = {
	N, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
	L, L, L, L, L, L, L, L, L, L, L, N, L, N, N, N,
	N, L, L, L, L, -1, L, L, L, L, L, -1, L, L, L, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, L, N, N, N, N, N,
};
#undef N
#undef L

TARGET64 static inline __m512i
load64(const void *p)
{
	return _mm512_loadu_si512(p);
}

/* Two blocks at once; how far it came.  The rest is for AVX2. */
TARGET64 static size_t
sweep_avx512(struct leak_span *s, const struct leak_sweep *to)
{
	const unsigned char *p = s->p;
	const size_t n = s->n;
	__m512i t[4], runs, v, a;
	uint64_t found, run;
	size_t at, i;

	for (i = 0; i < 4; i++)
		t[i] = load64(six[i]);
	runs = load64(above);
	for (at = 0; at + 2 * BLOCK + AHEAD <= n; at += 2 * BLOCK) {
		v = load64(p + at);
		run = _mm512_cmpgt_epi8_mask(v,
		    _mm512_permutexvar_epi8(v, runs));
		a = _mm512_ternarylogic_epi64(
		    _mm512_permutexvar_epi8(v, t[0]),
		    _mm512_permutexvar_epi8(load64(p + at + 1), t[1]),
		    _mm512_permutexvar_epi8(load64(p + at + 2), t[2]), 0x80);
		found = _mm512_test_epi8_mask(a,
		    _mm512_permutexvar_epi8(load64(p + at + 3), t[3]));
		if (__builtin_expect(!found && !matters64(run), 1))
			continue;
		handle_both(s, to, at, found, run);
		if (s->root->stop)
			break;
	}
	return at;
}
#endif

void
ir_leak_sweep(struct leak_span *s, const struct leak_sweep *to,
    enum ir_leak_way way)
{
#ifdef HAVE_X86
	size_t at = 0;

	if (way != IR_LEAK_SCALAR && __builtin_cpu_supports("avx2")) {
		if (way == IR_LEAK_FASTEST &&
		    __builtin_cpu_supports("avx512vbmi"))
			at = sweep_avx512(s, to);
		if (!s->root->stop)
			sweep_avx2(s, to, at);
		return;
	}
#endif
	(void)way;
	sweep_plain(s, to);
}
