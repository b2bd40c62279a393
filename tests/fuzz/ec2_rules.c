/* ec2_rules.c - any rule of an answer: mail is closed after the rewriting. */
#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>

#include "aws/ec2_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const allow[] = { "10.0.0.0/8" };
	struct ir_rec *rec = n ? ir_rec_parse((const char *)data, n, NULL) :
	    NULL;
	struct ir_sg_rules in = { 0 }, out = { 0 };
	struct ir_sg_rule r;
	char common[64];

	if (rec && ir_sg_read(rec, &r, NULL) == 0) {
		(void)ir_sg_add(&in, &r, NULL);
		if (ir_sg_without_mail(&in, NULL, 0, &out, NULL) == 0 &&
		    ir_sg_lets_mail(&out))
			abort();
		(void)ir_sg_without_mail(&in, allow, 1, &out, NULL);
		(void)ir_cidr_common(r.peer, allow[0], common);
	}
	ir_sg_free(&in);
	ir_sg_free(&out);
	ir_rec_free(rec);
	return 0;
}
