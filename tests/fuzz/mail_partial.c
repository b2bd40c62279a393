/* mail_partial.c - any bytes as a record of a state */
#include <stdint.h>
#include <stdlib.h>

#include "maillog/score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_mail_state *s = ir_mail_state_new(&err);
	struct ir_rec *r = ir_rec_parse((const char *)data, n, &err);
	struct ir_mail_verdict v;
	size_t i;

	if (!s)
		abort();
	if (r)
		(void)ir_mail_import(s, r, &err);
	ir_mail_finish(s);
	for (i = 0; i < ir_mail_subjects(s); i++) {
		if (ir_mail_judge(s, ir_mail_subject(s, i), NULL, 3, &v,
		    &err))
			abort();
		ir_mail_verdict_free(&v);
	}
	ir_rec_free(r);
	ir_mail_state_free(s);
	return 0;
}
