/* principal.c - ARNs of callers */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "aws/principal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_principal p;
	char arn[2048];

	if (n >= sizeof arn)
		return 0;
	memcpy(arn, data, n);
	arn[n] = '\0';
	(void)ir_principal_parse(arn, &p, NULL);
	return 0;
}
