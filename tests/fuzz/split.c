/* split.c - fuzz target: a stream cut anywhere gives the same documents */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
note(const char *doc, size_t n, bool whole, void *arg)
{
	struct ir_buf *b = arg;

	if (n == 0 || (whole && *doc != '{' && *doc != '['))
		abort();
	ir_buf_add(b, doc, n);
	ir_buf_chr(b, whole ? 1 : 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_split a = IR_SPLIT_INIT, b = IR_SPLIT_INIT;
	struct ir_buf x = IR_BUF(1U << 22), y = IR_BUF(1U << 22);
	size_t i;

	ir_split_feed(&a, v.c, n, note, &x);
	ir_split_end(&a, note, &x);
	for (i = 0; i < n; i++)
		ir_split_feed(&b, v.c + i, 1, note, &y);
	ir_split_end(&b, note, &y);
	if (x.len != y.len || (x.len && memcmp(x.data, y.data, x.len) != 0))
		abort();
	ir_buf_free(&x);
	ir_buf_free(&y);
	return 0;
}
