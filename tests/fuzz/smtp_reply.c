/* Any bytes from a server: replies in a row, then as a message to stuff. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What every MTA does to it again must be the message, with CRLF. */
static void
check_stuffed(const char *p, size_t n)
{
	size_t i;

	if (n && (n < 2 || memcmp(p + n - 2, "\r\n", 2) != 0))
		abort();
	for (i = 0; i < n; i++) {
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			abort();
		if (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n'))
			abort();
		if (p[i] == '.' && (i == 0 || p[i - 1] == '\n') &&
		    p[i + 1] == '\r')
			abort();	/* the end, too early */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct ir_buf b = IR_BUF(3 * n + 16);
	struct ir_smtp_parsed r;
	size_t at = 0;
	long took;

	while (at < n && (took = ir_smtp_reply_parse(p + at, n - at, &r)) > 0) {
		if ((size_t)took > n - at || r.code < 200 || r.code > 599 ||
		    strlen(r.text) >= sizeof r.text)
			abort();
		at += (size_t)took;
	}
	ir_smtp_stuff(p, n, &b);
	check_stuffed(ir_buf_cstr(&b), b.len);
	ir_buf_free(&b);
	return 0;
}
