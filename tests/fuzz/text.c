/* text.c - fuzz what is made of foreign text before a person or a shell sees
 * it: cleaned, printable, cut; HTML, dates and times */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "mail/date.h"
#include "mail/html.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* All of it UTF-8, and no control byte that a terminal would obey. */
static void
must_be_clean(const char *s, size_t n)
{
	size_t len;
	uint32_t c;

	for (; n; s += len, n -= len) {
		len = ir_utf8_len(s, n, &c);
		if (len == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *s = (const char *)data;
	struct ir_buf clean = IR_BUF(1u << 20), html = IR_BUF(1u << 20);
	char stamp[IR_TIME_LEN], *copy;
	int64_t t, again;
	size_t cut;

	if (n > 65536)
		return 0;
	ir_text_clean(&clean, s, n);
	must_be_clean(ir_buf_cstr(&clean), clean.len);
	cut = ir_text_cut(ir_buf_cstr(&clean), clean.len, n / 2);
	must_be_clean(ir_buf_cstr(&clean), cut);
	ir_buf_trunc(&clean, 0);
	ir_text_term(&clean, s, n);
	must_be_clean(ir_buf_cstr(&clean), clean.len);
	copy = malloc(n + 1);
	if (!copy)
		return 0;
	memcpy(copy, s, n);
	copy[n] = '\0';
	if (ir_time_parse(copy, &t) == 0) {
		ir_time_rfc3339(t, stamp);
		if (t < INT64_C(253402300800) && (ir_time_parse(stamp,
		    &again) || again != t) && t >= 0)
			abort();
		ir_time_rfc3339_ms(t, stamp);
	}
	ir_text_printable(copy);
	must_be_clean(copy, strlen(copy));
	(void)ir_text_width(copy);
	free(copy);
	(void)ir_mail_date(s, n, &t);
	ir_html_text(&html, s, n);
	ir_buf_free(&clean);
	ir_buf_free(&html);
	return 0;
}
