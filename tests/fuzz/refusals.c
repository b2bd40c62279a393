/* refusals.c - any bytes as lines of a log, and as a table */
#include <stdlib.h>
#include <string.h>

#include "log/refusals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char table[] =
    "provider\tg\tG\tgoogle.com\tgmail.com\tc\ta\n"
    "refusal\tg\tx\t550;5.7.*\tlow (\\w+)\tauth\t$1\tm\t-\t-\n"
    "refusal\t*\ty\t4xx\t-\trate\t-\tm\tt\tc\n";

static void
check_line(const struct ir_refusals *t, const char *p, size_t n)
{
	static const struct ir_delivery_clock clock = { 1795300000, true };
	static struct ir_delivery d;
	struct ir_buf b = IR_BUF(1 << 16);
	char list[80];
	int rc;

	memset(&d, 0xee, sizeof d);
	rc = ir_delivery_parse(p, n, &clock, &d);
	if (rc < 0 || rc > 2)
		abort();
	if (rc == 0)
		return;
	if (!memchr(d.id, 0, sizeof d.id) ||
	    !memchr(d.domain, 0, sizeof d.domain) ||
	    !memchr(d.host, 0, sizeof d.host) ||
	    !memchr(d.ip, 0, sizeof d.ip) ||
	    !memchr(d.enhanced, 0, sizeof d.enhanced) ||
	    !memchr(d.text, 0, sizeof d.text) || d.code < 0 || d.code > 599)
		abort();
	(void)ir_refusals_match(t, ir_refusals_provider(t, d.host, d.domain),
	    &d, list);
	if (!memchr(list, 0, sizeof list))
		abort();
	ir_refusal_shape(d.text, &b);
	if (b.bad || b.len > 4096)
		abort();
	ir_buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_refusals *t = ir_refusals_new();
	const char *p = (const char *)data, *end = p + n, *nl;
	struct ir_err err = IR_ERR_INIT;

	if (!t || ir_refusals_add(t, table, sizeof table - 1, "t", &err))
		abort();
	if (ir_refusals_add(t, p, n, "fuzz", &err) && (err.code != 78 ||
	    strncmp(err.msg, "fuzz:", 5)))
		abort();
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		check_line(t, p, (size_t)(nl - p));
		if (nl == end)
			break;
	}
	ir_refusals_free(t);
	return 0;
}
