/* quarantine.c - any bytes as the policy that IAM has under our name. */
#include <stdint.h>
#include <stddef.h>

#include "policy/policy.h"
#include "policy/quarantine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_buf b = IR_BUF(IR_POLICY_MAX);
	const char *s = (const char *)data;
	int64_t since;

	(void)ir_policy_text(s, n, &b, NULL);
	(void)ir_quarantine_is(ir_buf_cstr(&b), b.len, false, &since);
	(void)ir_quarantine_same(s, n, ir_buf_cstr(&b), b.len);
	ir_rec_free(ir_quarantine_gaps(s, n, NULL));
	ir_buf_free(&b);
	return 0;
}
