/* Any bytes as a journal: the check must end and never accept nothing. */
#include <stdint.h>
#include <stdlib.h>

#include "incident/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_journal_check c;

	ir_journal_check((const char *)data, n, NULL, &c);
	if (n == 0 && !c.bad_line)
		abort();
	if (c.torn > c.lines || c.bad_line > c.lines + 1)
		abort();
	return 0;
}
