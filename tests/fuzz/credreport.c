/* credreport.c - IAM's credential report */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "aws/credreport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_credreport c;
	size_t i;

	if (ir_credreport_parse(&c, (const char *)data, n, NULL))
		return 0;
	for (i = 0; i < c.n; i++)
		if (!ir_credreport_find(&c, c.row[i].arn))
			abort();
	ir_credreport_free(&c);
	return 0;
}
