/* Any bytes as a credential block, and every form of what was read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vault/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is printed as a block is read as the same fields. */
static void
again(const struct ir_credential *c)
{
	struct ir_credential d = IR_CREDENTIAL_INIT;
	struct ir_buf b = IR_BUF_SECRET(2 * IR_CREDENTIAL_MAX);
	const struct ir_secret *v;
	size_t i;

	if (ir_credential_print(c, IR_CREDENTIAL_BLOCK, &b, NULL) ||
	    ir_credential_parse(&d, b.data, b.len, NULL, NULL) || d.n != c->n)
		abort();
	for (i = 0; i < c->n; i++) {
		v = ir_credential_get(&d, c->field[i].key);
		if (!v || v->len != c->field[i].value.len ||
		    memcmp(v->data, c->field[i].value.data, v->len) != 0)
			abort();
	}
	ir_credential_free(&d);
	ir_buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum ir_credential_form forms[] = { IR_CREDENTIAL_ENV,
	    IR_CREDENTIAL_EXIM, IR_CREDENTIAL_AWS };
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_secret s = IR_SECRET_INIT;
	struct ir_buf b = IR_BUF_SECRET(4 * IR_CREDENTIAL_MAX);
	size_t i, used = 0;

	if (ir_credential_parse(&c, (const char *)data, n, &used, NULL) == 0)
		again(&c);
	else if (c.n)
		abort();
	if (used > n)
		abort();
	for (i = 0; c.n && i < sizeof forms / sizeof *forms; i++)
		if (ir_credential_print(&c, forms[i], &b, NULL) && b.len)
			abort();
		else
			ir_buf_trunc(&b, 0);
	if (ir_credential_password(&c, "eu-west-1", &s, NULL) == 0 && !s.len)
		abort();
	ir_secret_free(&s);
	ir_credential_free(&c);
	ir_buf_free(&b);
	return 0;
}
