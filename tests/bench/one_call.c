/*
 * one_call.c - a cold start and one signed call (sts:GetCallerIdentity), for
 * bench: what every AWS command of ours costs at least.
 */
#include <stdio.h>

#include "aws/client.h"

int
main(void)
{
	struct ir_aws_opts opts = { NULL, NULL, NULL };
	struct ir_aws_call call = { .service = "sts",
	    .operation = "GetCallerIdentity" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_aws *aws;

	if (ir_aws_open(&aws, &opts, NULL, &err) ||
	    ir_aws_do(aws, &call, &err)) {
		fprintf(stderr, "one_call: %s\n", err.msg);
		return err.code;
	}
	printf("%s\n", ir_rec_get(call.reply, "Account"));
	ir_aws_call_free(&call);
	ir_aws_close(aws);
	return 0;
}
