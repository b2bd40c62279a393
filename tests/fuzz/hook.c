/* hook.c - fuzz target: Exim's configuration listing, and deny files */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "exim/block.h"
#include "exim/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
keep(const char *key, size_t len, const char *line, size_t line_n, void *arg)
{
	if (ir_block_number(line, line_n, "until") < 0)
		abort();
	if (strlen(key) == len && !ir_deny_bad_key(key))
		memcpy(arg, key, len + 1);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	union { const uint8_t *u; const char *c; } v = { data };
	char key[IR_DENY_KEY_MAX + 1] = "k";
	struct ir_buf out = IR_BUF(n + 8 * IR_DENY_KEY_MAX);
	struct ir_exim_hook h;

	if (n > 65536)
		return 0;
	ir_exim_hook_parse(v.c, n, "/q", &h);
	ir_deny_each(v.c, n, keep, key);
	ir_deny_without(v.c, n, key, &out);
	if (ir_deny_has(ir_buf_cstr(&out), out.len, key))
		abort();	/* still blocked */
	ir_deny_add(&out, key, "note");
	if (!ir_deny_has(ir_buf_cstr(&out), out.len, key))
		abort();	/* not blocked */
	ir_buf_free(&out);
	return 0;
}
