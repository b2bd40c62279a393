/* aws_config.c - AWS configuration files, and all that hands out credentials */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/config.h"
#include "aws/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A copy that may be written to, of exactly n bytes. */
static char *
copy_of(const uint8_t *data, size_t n)
{
	char *p = malloc(n ? n : 1);

	if (!p)
		abort();
	if (n)
		memcpy(p, data, n);
	return p;
}

static void
replies(const uint8_t *data, size_t n)
{
	struct ir_aws_cred cred;
	struct ir_secret token = IR_SECRET_INIT;
	int64_t expires;
	char *copy;
	int form;

	for (form = IR_CRED_METADATA; form <= IR_CRED_SSO + 1; form++) {
		memset(&cred, 0, sizeof cred);
		copy = copy_of(data, n);
		if (form <= IR_CRED_SSO)
			ir_cred_parse(&cred, (enum ir_cred_form)form, copy, n,
			    NULL);
		else
			ir_cred_parse_sts(&cred, copy, n, NULL);
		ir_aws_cred_free(&cred);
		free(copy);
	}
	copy = copy_of(data, n);
	ir_sso_parse_token(&token, &expires, copy, n, NULL);
	ir_secret_free(&token);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_aws_config *c = ir_aws_config_new();
	char *copy = copy_of(data, n), *words[16];

	if (!c)
		abort();
	ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", copy, n, NULL);
	ir_aws_config_parse(c, IR_AWS_FILE_CREDENTIALS, "f", copy, n, NULL);
	ir_aws_config_get(c, IR_AWS_PROFILE, "default", "region");
	ir_aws_config_free(c);
	free(copy);
	replies(data, n);
	copy = strndup((const char *)data, n);
	if (!copy)
		abort();
	ir_container_url_ok(copy);
	ir_shell_split(copy, words, 16);
	free(copy);
	return 0;
}
