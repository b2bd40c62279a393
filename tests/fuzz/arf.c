/* arf.c - fuzz target: feedback reports, X-ARF, the complaint around them */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/record.h"
#include "report/arf.h"
#include "report/complaint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const hosts[] = { "web2.example.net" };
	union { const uint8_t *u; const char *c; } v = { data };
	struct ir_complaint_opts opts = { 1777900000, hosts, 1, NULL };
	struct ir_rec *o = ir_rec_object(), *c;
	struct ir_buf text = IR_BUF(1U << 22);

	if (n <= 65536) {
		ir_arf_parse(v.c, n, o);
		ir_rec_free(o);
		o = ir_rec_object();
		ir_xarf_text(v.c, n, o);
		ir_rec_free(o);
		o = ir_rec_object();
		ir_claim_part(o, n % 2 ? "message/feedback-report" :
		    "text/plain", v.c, n, true, &text);
		ir_claim_text(o, v.c, n, &text);
		ir_buf_add(&text, v.c, n);
		opts.claim = o;
		c = ir_complaint(ir_buf_cstr(&text), text.len, &opts);
		if (!c)
			abort();
		ir_rec_free(c);
	}
	ir_rec_free(o);
	ir_buf_free(&text);
	return 0;
}
