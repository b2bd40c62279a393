/*
 * vault_tool.c - makes a large vault at once, for tests/cred-vault.bats and
 * the bench: as many puts would write the file as often.
 *
 * Not a unit test of its own: without operands it does nothing.
 * usage: vault_tool FILE SOURCE COUNT
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/file.h"
#include "vault/format.h"
#include "vault/seal.h"
#include "vault/source.h"
#include "vault/vault.h"

static int
add(struct ir_buf *b, const struct ir_vault_head *h,
    const struct ir_vault_keys *k, long i, struct ir_err *err)
{
	struct ir_vault_item item = { .version = 1, .created = 1700000000 + i,
		.username = "AKIAEXAMPLE0000000001" };
	unsigned char label[IR_VAULT_LABEL], sealed[2][512];
	char block[64];
	size_t n, len;
	struct ir_vault_sealed s = { sealed[0], sealed[1], 0, 0 };

	snprintf(item.name, sizeof item.name, "name-%05ld", i);
	n = (size_t)snprintf(block, sizeof block,
	    "username=u\npassword=secret-%05ld\n", i);
	len = ir_vault_label(&item, label);
	const struct ir_vault_aad of_label = { { "label", h->id },
	    { 5, IR_VAULT_ID } }, of_box = { { h->id, label },
	    { IR_VAULT_ID, len } };

	s.nlabel = len + IR_VAULT_SEAL;
	s.nbox = n + IR_VAULT_SEAL;
	if (ir_vault_seal(k->label, &of_label, label, len, sealed[0], err) ||
	    ir_vault_seal(k->box, &of_box, block, n, sealed[1], err))
		return -1;
	ir_vault_add_sealed(b, &s);
	return 0;
}

/* The empty vault at path, filled. */
static int
fill(const char *path, long n, struct ir_err *err)
{
	struct ir_buf was = IR_BUF(65536), b = IR_BUF(IR_VAULT_FILE_MAX);
	const struct ir_vault_opts o = { .path = path };
	struct ir_vault_ctx x = { &o, NULL };
	struct ir_vault_keys *k = ir_vault_alloc(sizeof *k, err);
	struct ir_vault_file f;
	unsigned char mac[IR_VAULT_MAC];
	long i;

	if (!k || ir_buf_read_file(&was, path, err) ||
	    ir_vault_parse(&f, (unsigned char *)was.data, was.len, err) ||
	    ir_vault_unwrap(&x, &f.head, NULL, k->data, err) ||
	    ir_vault_derive(k, f.head.id, err))
		return -1;
	f.head.generation++;
	ir_vault_add_head(&b, &f.head, (size_t)n);
	for (i = 0; i < n; i++)
		if (add(&b, &f.head, k, i, err))
			return -1;
	if (ir_vault_hmac(k->mac, b.data, b.len, mac, err))
		return -1;
	ir_buf_add(&b, mac, sizeof mac);
	i = ir_file_replace(path, b.data, b.len, 0600, err);
	ir_vault_file_free(&f);
	ir_vault_wipe(k, sizeof *k);
	ir_buf_free(&was);
	ir_buf_free(&b);
	return (int)i;
}

int
main(int argc, char **argv)
{
	struct ir_vault_opts o = { .path = argc > 1 ? argv[1] : NULL,
		.key = argc > 2 ? argv[2] : NULL };
	long n = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	struct ir_vault *v = NULL;
	struct ir_err err = IR_ERR_INIT;

	if (n <= 0)
		return 0;
	if (ir_vault_open(&v, &o, true, &err) == 0) {
		ir_vault_close(v);
		if (fill(o.path, n, &err) == 0)
			return 0;
	}
	fprintf(stderr, "vault_tool: %s\n", err.msg);
	return 1;
}
