/* leak_unpack.c - any bytes as an archive, put in at once and in pieces: what
 * comes out is the same, and bounded */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "leak/unpack.h"

#define LIMIT 4000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sum {
	uint64_t bytes, hash;
	bool damaged;
};

static void
window(const unsigned char *p, size_t n, size_t from, size_t to,
    uint64_t base, uint64_t line, const char *member, void *arg)
{
	struct sum *s = arg;
	size_t i;

	if (from > to || to > n || line == 0 || strlen(member) >=
	    IR_UNPACK_MEMBER || n > IR_UNPACK_WINDOW + 2 * IR_LEAK_REACH)
		abort();
	(void)base;
	s->bytes += to - from;
	for (i = from; i < to; i++)
		s->hash = s->hash * 31 + p[i];
}

static void
problem(const char *member, const char *why, void *arg)
{
	struct sum *s = arg;

	s->damaged |= strncmp(why, "damaged", 7) == 0;
	if (strlen(member) >= IR_UNPACK_MEMBER || !why[0])
		abort();
}

static struct sum
put_in(const uint8_t *data, size_t n, size_t piece)
{
	struct sum s = { 0, 0, false };
	const struct ir_unpack_to to = { window, problem, &s };
	struct ir_unpack *u = ir_unpack_new(&to, LIMIT);
	size_t i, part;

	if (!u)
		abort();
	ir_unpack_begin(u, true);
	for (i = 0; i < n; i += part) {
		part = n - i < piece ? n - i : piece;
		ir_unpack_data(u, data + i, part);
	}
	ir_unpack_end(u);
	if (s.bytes > LIMIT + n)
		abort();
	/* how far it came before damage was noticed depends on the pieces */
	if (ir_unpack_full(u) || s.damaged)
		s.hash = s.bytes = 0;
	ir_unpack_free(u);
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sum a = put_in(data, n, n ? n : 1), b = put_in(data, n, 7);

	(void)ir_unpack_is(data, n);
	if (a.damaged == b.damaged && (a.bytes != b.bytes || a.hash != b.hash))
		abort();
	return 0;
}
