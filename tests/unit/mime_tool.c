/*
 * mime_tool FILE...: Message-ID, subject and part list of mails as JSON
 * Lines, for tests/corpus/compare.py.
 */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/record.h"
#include "mail/mime.h"

static void
one(const char *path)
{
	struct ir_buf raw = IR_BUF(64U << 20), b = IR_BUF(1U << 20);
	struct ir_rec *r = ir_rec_object(), *parts = ir_rec_array();
	struct ir_err err = IR_ERR_INIT;
	struct ir_mime m;
	size_t i;

	ir_rec_str(r, "file", path);
	if (ir_buf_read_file(&raw, path, &err) == 0 &&
	    ir_mime_parse(&m, ir_buf_cstr(&raw), raw.len) == 0) {
		if (ir_mime_get(&m, 0, "Message-ID", &b))
			ir_rec_strn(r, "message_id", ir_buf_cstr(&b), b.len);
		ir_buf_trunc(&b, 0);
		if (ir_mime_get(&m, 0, "Subject", &b))
			ir_rec_strn(r, "subject", ir_buf_cstr(&b), b.len);
		for (i = 0; i < m.n; i++)
			ir_rec_push_str(parts, m.parts[i].type);
		ir_mime_free(&m);
	}
	ir_rec_set(r, "parts", parts);
	ir_buf_trunc(&b, 0);
	b.max = 16U << 20;
	ir_rec_json(r, &b);
	puts(ir_buf_cstr(&b));
	ir_rec_free(r);
	ir_buf_free(&b);
	ir_buf_free(&raw);
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		one(argv[i]);
	return 0;
}
