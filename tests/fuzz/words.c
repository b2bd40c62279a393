/* words.c - fuzz target: header values and charsets */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "mail/charset.h"
#include "mail/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const labels[] = { "iso-2022-jp", "shift_jis",
	    "euc-jp", "utf-8", "", "gb2312" };
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_buf b = IR_BUF(n * 16 + 64);
	size_t i, len;

	if (n > 65536)
		return 0;
	ir_mail_words(&b, v.c, n);
	if (n) {
		const char *l = labels[data[0] % 6];

		ir_charset_utf8(&b, l, strlen(l), v.c + 1, n - 1);
	}
	for (i = 0; i < b.len; i += len) {
		len = ir_utf8_len(b.data + i, b.len - i, NULL);
		if (len == 0)
			abort();	/* output must be valid UTF-8 */
	}
	ir_charset_release(ir_charset_hold(v.c, n));
	ir_buf_free(&b);
	return 0;
}
