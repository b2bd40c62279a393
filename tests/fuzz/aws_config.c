/* aws_config.c - AWS configuration files, and the metadata service's JSON */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/config.h"
#include "aws/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_aws_cred cred;
	char *copy = malloc(n ? n : 1);

	if (!c || !copy)
		abort();
	memcpy(copy, data, n);
	ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", copy, n, NULL);
	ir_aws_config_parse(c, IR_AWS_FILE_CREDENTIALS, "f", copy, n, NULL);
	ir_aws_config_get(c, IR_AWS_PROFILE, "default", "region");
	ir_aws_config_free(c);
	memset(&cred, 0, sizeof cred);
	ir_cred_parse(&cred, IR_CRED_METADATA, copy, n, NULL);
	ir_aws_cred_free(&cred);
	free(copy);
	return 0;
}
