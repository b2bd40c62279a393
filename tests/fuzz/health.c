/* health.c - fuzz target: events and what they come in */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/record.h"
#include "report/health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
one(struct ir_rec *rec, void *arg)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	int *count = arg;

	ir_rec_json(rec, &b);
	if (b.bad)
		abort();	/* a record must fit on a line */
	(*count)++;
	ir_buf_free(&b);
	ir_rec_free(rec);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct ir_report_opts opts = { .now = 1777900000 };
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_err err = IR_ERR_INIT;
	int count = 0, rc;

	if (n > 65536)
		return 0;
	rc = ir_health_parse(v.c, n, &opts, one, &count, &err);
	if (rc > IR_HEALTH_EVENTS || (rc >= 0 && rc != count) ||
	    (rc < 0 && err.code != IR_DATAERR))
		abort();
	return 0;
}
