/* Any text of a server: one word, and names that are parts of the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/smtp_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A name that is not in the text would be of our own making. */
static void
check(const char *text, const char *name, size_t size)
{
	if (strlen(name) >= size || !strstr(text, name))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const stages[] = { "connect", "helo", "starttls",
		"auth", "mail", "rcpt", "data", "message" };
	struct ir_smtp_reply r = { 0 };
	struct ir_smtp_judged j;

	if (n < 3)
		return 0;
	r.code = data[0] % 4 ? 200 + data[0] % 4 * 100 + data[1] % 100 : 0;
	r.stage = stages[data[2] % (sizeof stages / sizeof stages[0])];
	data += 3;
	n -= 3;
	memcpy(r.text, data, n < sizeof r.text ? n : sizeof r.text - 1);
	ir_smtp_judge(&r, (enum ir_smtp_trouble)(r.stage[0] %
	    (IR_SMTP_LOST + 1)), &j);
	if (j.verdict >= IR_SV_COUNT || !j.kind ||
	    ir_smtp_verdict_find(ir_smtp_verdict_name(j.verdict)) != j.verdict)
		abort();
	check(r.text, j.principal, sizeof j.principal);
	check(r.text, j.action, sizeof j.action);
	check(r.text, j.resource, sizeof j.resource);
	return 0;
}
