/* leak_staged.c - any bytes as git's list of what is staged */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "leak/staged.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_leak_staged s;
	const char *text = (const char *)data;
	size_t at = 0, before, len;
	int rc;

	do {
		before = at;
		rc = ir_leak_staged_next(text, n, &at, &s, &err);
		if (at > n || (rc > 0 && at <= before) ||
		    (rc < 0 && err.code == 0))
			abort();
		len = rc > 0 ? strlen(s.object) : 40;
		if ((len != 40 && len != 64) ||
		    (rc > 0 && strlen(s.path) >= n))
			abort();
	} while (rc > 0);
	return 0;
}
