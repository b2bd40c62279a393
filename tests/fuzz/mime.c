/* mime.c - fuzz target: the tree of parts, its texts, and HTML */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "mail/html.h"
#include "mail/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_buf b = IR_BUF(1U << 22), text = IR_BUF(1U << 24);
	struct ir_mime m;
	size_t i;

	if (n > 65536)
		return 0;
	if (ir_mime_parse(&m, v.c, n))
		abort();
	if (m.n == 0 || m.n > IR_MIME_PARTS)
		abort();
	for (i = 0; i < m.n && i < 100; i++) {
		if (m.parts[i].depth > IR_MIME_DEPTH ||
		    m.parts[i].parent > i)
			abort();
		ir_mime_get(&m, i, "Subject", &b);
		ir_mime_text(&m, i, &b);
	}
	ir_html_text(&text, ir_buf_cstr(&b), b.len);
	ir_mime_free(&m);
	ir_buf_free(&b);
	ir_buf_free(&text);
	return 0;
}
