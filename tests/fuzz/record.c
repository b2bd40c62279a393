/*
 * A report record as it may come on standard input: what is made of it is a
 * message of 7 bits, CRLF, short lines, and no header that is not ours.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "incident/incident.h"
#include "incident/letter.h"
#include "mail/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *
text(const struct ir_rec *r, const char *key)
{
	const char *s = ir_report_str(r, key);

	return s ? s : "";
}

static void
check(const struct ir_buf *b)
{
	size_t i, col = 0;

	for (i = 0; i < b->len; i++) {
		col = b->data[i] == '\n' ? 0 : col + 1;
		if ((unsigned char)b->data[i] > 0x7e || col > 999)
			abort();
		if (b->data[i] == '\n' && (!i || b->data[i - 1] != '\r'))
			abort();
		if (b->data[i] == '\r' && b->data[i + 1] != '\n')
			abort();
	}
	/* a header that would have come out of the subject */
	if (strstr(b->data, "\r\nBcc") && strstr(b->data, "\r\nBcc") <
	    strstr(b->data, "\r\n\r\n"))
		abort();
}

static void
use(const struct ir_rec *r)
{
	const struct ir_letter_value v[] = { { "case", text(r, "case"), false },
	    { "due", text(r, "due"), false } };
	struct ir_buf subject = IR_BUF(1 << 20), body = IR_BUF(1 << 20);
	struct ir_buf out = IR_BUF(8 << 20);
	struct ir_mail m = { .from = "a@x.example", .to = "b@y.example",
	    .message_id = "<1@x.example>", .date = 1795255200 };
	const char *tpl = text(r, "activity"), *id = text(r, "message_id");
	char key[96], notice[65];

	(void)ir_incident_key(r, key, NULL);
	ir_report_notice(r, notice);
	(void)ir_letter_fill(tpl, strlen(tpl), v, 2, &body, NULL);
	ir_mail_reply_subject(text(r, "subject"), &subject);
	m.subject = ir_buf_cstr(&subject);
	m.body = ir_buf_cstr(&body);
	m.in_reply_to = ir_mail_id_ok(id) ? id : NULL;
	if (ir_mail_compose(&m, &out, NULL) == 0)
		check(&out);
	ir_buf_free(&subject);
	ir_buf_free(&body);
	ir_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_rec *r = ir_rec_parse((const char *)data, n, NULL);

	if (r && ir_rec_kind(r) == IR_REC_OBJECT)
		use(r);
	ir_rec_free(r);
	return 0;
}
