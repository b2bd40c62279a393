/* xarf.c - fuzz target: XARF reports in text, and the JSON in them */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/record.h"
#include "report/xarf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_buf text = IR_BUF(1U << 24);
	struct ir_rec *json, *o;
	size_t at, len;

	if (n > 65536)
		return 0;
	if (ir_xarf_find(v.c, n, &at, &len)) {
		if (at + len > n)
			abort();
		json = ir_rec_parse_raw(v.c + at, len, NULL);
		if (json && ir_xarf_is(json)) {
			o = ir_rec_object();
			ir_xarf_json(json, o, &text);
			if (!ir_rec_get(o, "format"))
				abort();
			ir_rec_free(o);
		}
		ir_rec_free(json);
	}
	ir_buf_free(&text);
	return 0;
}
