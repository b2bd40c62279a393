/* Any bytes as a credential file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/smtp_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data, *v;
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	struct ir_secret s = IR_SECRET_INIT;
	size_t len;

	if (n > IR_SMTP_FILE_MAX)
		return 0;
	if (ir_smtp_file_find(p, n, "pass", &v, &len) &&
	    (v < p || v + len > p + n || len == 0 || memchr(v, '\n', len)))
		abort();
	ir_buf_add(&b, p, n);
	if (ir_smtp_file_password(&b, "us-east-1", &s, NULL) == 0 &&
	    (!s.data || s.len == 0))
		abort();
	ir_secret_free(&s);
	ir_buf_free(&b);
	return 0;
}
