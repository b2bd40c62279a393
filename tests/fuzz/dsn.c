/* dsn.c - fuzz target: notifications, and lines of a relay's log */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "incident/receipt.h"
#include "mail/dsn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ir_dsn d;
	struct ir_ack a = { .message_id = "<k@x>", .to = "t@aws.test",
	    .cc = "c@x, d@y" };
	struct ir_receipt_look l = { .ack = &a, .host = "h",
	    .now = 1795341600 };
	union { const uint8_t *u; const char *c; } v = { data };
	const char *s = v.c, *nl;
	struct ir_err err = IR_ERR_INIT;
	size_t i, len;

	if (ir_dsn_parse(&d, s, n, &err) == 0) {
		if (d.n == 0 || d.n > IR_DSN_RECIPIENTS || d.nids > IR_DSN_IDS)
			abort();
		for (i = 0; i < d.nids; i++)
			if (strlen(d.id[i]) >= sizeof d.id[i])
				abort();
		(void)ir_receipt_of(&d, &a);
	} else if (!err.code) {
		abort();
	}
	for (; n; s += len, n -= len) {
		nl = memchr(s, '\n', n);
		len = nl ? (size_t)(nl - s) : n;
		ir_receipt_line(&l, s, len);
		len += nl != NULL;
	}
	if (strlen(l.line) >= sizeof l.line)
		abort();
	return 0;
}
