/* aws_xml.c - XML answers and error answers of AWS */
#include <stddef.h>
#include <stdint.h>

#include "aws/answer.h"
#include "aws/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *s = (const char *)data;
	struct ir_secret secret = IR_SECRET_INIT;
	struct ir_aws_error e;
	struct ir_rec *r = ir_xml_parse(s, n, "SecretAccessKey", &secret, NULL);
	struct ir_buf b = IR_BUF(1 << 24);

	if (r)
		ir_rec_json(r, &b);
	ir_rec_free(r);
	ir_buf_free(&b);
	ir_secret_free(&secret);
	ir_aws_error_read(IR_AWS_QUERY, s, n, "", "", &e);
	ir_aws_error_class(400, &e);
	ir_aws_error_read(IR_AWS_JSON10, s, n, "", "", &e);
	ir_aws_error_class(400, &e);
	return 0;
}
