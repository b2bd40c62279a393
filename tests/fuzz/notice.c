/* notice.c - fuzz target: mails and Health events to records */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/record.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct ir_report_opts opts = { .now = 1777900000 };
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r;

	if (n > 65536)
		return 0;
	r = ir_report_parse(v.c, n, &opts, &err);
	if (r) {
		ir_rec_json(r, &b);
		if (b.bad)
			abort();	/* a record must fit on a line */
	} else if (err.code != IR_DATAERR) {
		abort();
	}
	ir_rec_free(r);
	ir_buf_free(&b);
	return 0;
}
