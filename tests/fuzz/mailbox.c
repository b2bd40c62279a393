/* mailbox.c - any bytes as doveconf's output, a format, a passwd-file */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Taken out, it is not there; put in, it is there with that field. */
static void
lines(const char *s, size_t n)
{
	struct ir_buf b = IR_BUF(1 << 22), with = IR_BUF(1 << 22);
	struct ir_passwd_line l;

	ir_passwd_without(s, n, "a", &b);
	if (ir_passwd_find(ir_buf_cstr(&b), b.len, "a", &l))
		abort();
	ir_passwd_add(ir_buf_cstr(&b), b.len, "a", &with);
	if (!ir_passwd_find(with.data, with.len, "a", &l) || l.has_field)
		abort();
	ir_buf_trunc(&b, 0);
	ir_passwd_put(with.data, with.len, &l, "field", &b);
	if (!ir_passwd_find(b.data, b.len, "a", &l) || l.len != 5 ||
	    memcmp(b.data + l.field, "field", 5) != 0)
		abort();
	ir_buf_free(&b);
	ir_buf_free(&with);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *s = malloc(n + 1), out[64];
	struct ir_doveconf c;
	int r[2];

	if (!s)
		return 0;
	memcpy(s, data, n);
	s[n] = '\0';
	(void)ir_doveconf_parse(s, n, &c, NULL);
	if (c.n > IR_PASSDBS)
		abort();
	(void)ir_mailbox_expand(s, "some@body.example", out, sizeof out);
	if (ir_mailbox_name_ok(s) && strpbrk(s, "/: \n"))
		abort();
	(void)ir_mailbox_hash_ok(s);
	(void)ir_cpanel_owner(s, n, "a", out, sizeof out);
	(void)ir_uapi_answer(s, n, r, NULL);
	lines(s, n);
	free(s);
	return 0;
}
