/* Any bytes as a file of openssl enc, and as the text inside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vault/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_buf out = IR_BUF_SECRET(IR_IMPORT_MAX);
	struct ir_secret key = IR_SECRET_INIT;
	const struct ir_import_how with_key = { .key = &key },
	    with_pass = { .pass = &key, .md = "sha256", .iter = 1 };

	if (ir_import_text(&c, (const char *)data, n, NULL) && c.n)
		abort();
	ir_credential_free(&c);
	if (ir_secret_set(&key, "00", 2, NULL))
		abort();
	(void)ir_import_decrypt((const char *)data, n, &with_key, &out, NULL);
	(void)ir_import_decrypt((const char *)data, n, &with_pass, &out,
	    NULL);
	ir_buf_free(&out);
	ir_secret_free(&key);
	return 0;
}
