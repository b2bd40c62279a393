/* Any bytes as a vault's file, and as the label of a record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vault/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was read is written as the same bytes. */
static void
again(const struct ir_vault_file *f, const uint8_t *data, size_t n)
{
	struct ir_buf b = IR_BUF(1 << 20);
	size_t i;

	ir_vault_add_head(&b, &f->head, f->n);
	for (i = 0; i < f->n; i++)
		ir_vault_add_sealed(&b, &f->sealed[i]);
	ir_buf_add(&b, f->mac, IR_VAULT_MAC);
	if (b.len != n || memcmp(b.data, data, n) != 0)
		abort();
	ir_buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_vault_file f;
	struct ir_vault_item item;
	unsigned char label[IR_VAULT_LABEL];

	if (ir_vault_parse(&f, data, n, NULL) == 0)
		again(&f, data, n);
	else if (f.sealed || f.n)
		abort();
	ir_vault_file_free(&f);
	if (ir_vault_label_parse(&item, data, n, NULL) == 0 &&
	    (ir_vault_label(&item, label) != n ||
	    memcmp(label, data, n) != 0 || !ir_vault_name_ok(item.name)))
		abort();
	return 0;
}
