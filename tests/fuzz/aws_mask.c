/* Any bytes to be masked: the value of a secret member never comes out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_buf in = IR_BUF(1 << 20), out = IR_BUF(1 << 22);

	if (n > 65536)
		return 0;
	ir_aws_mask(&out, (const char *)data, n);
	ir_buf_trunc(&out, 0);
	/* whatever stands before it on lines of its own */
	ir_buf_add(&in, data, n);
	ir_buf_str(&in, "\nx-amz-security-token:q9Z8xW7v\n");
	if (!memmem(data, n, "q9Z8", 4)) {
		ir_aws_mask(&out, in.data, in.len);
		if (out.len && memmem(out.data, out.len, "q9Z8xW7v", 8))
			abort();
	}
	ir_buf_free(&in);
	ir_buf_free(&out);
	return 0;
}
