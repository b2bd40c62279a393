/* letter.c - fuzz the answer that goes out: a person's template and hostile
 * values in it, then a whole message with a hostile subject */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "incident/letter.h"
#include "mail/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Headers that were asked for, and no line beside them. */
static void
check(const char *s, size_t n)
{
	static const char *const names[] = { "Date:", "From:", "To:", "Cc:",
	    "Reply-To:", "Subject:", "Message-ID:", "In-Reply-To:",
	    "References:", "MIME-Version:", "Content-Type:",
	    "Content-Transfer-Encoding:", " " };
	const char *end = s + n, *eol;
	size_t i;

	for (; (eol = memmem(s, (size_t)(end - s), "\r\n", 2)) && eol > s;
	    s = eol + 2) {
		for (i = 0; i < sizeof names / sizeof *names; i++)
			if (strncmp(s, names[i], strlen(names[i])) == 0)
				break;
		if (i == sizeof names / sizeof *names || eol - s > 998 ||
		    memchr(s, '\r', (size_t)(eol - s)) ||
		    memchr(s, '\n', (size_t)(eol - s)) ||
		    memchr(s, '\0', (size_t)(eol - s)))
			abort();
	}
	if (!eol)
		abort();	/* no end of the head */
	for (s = eol; s < end; s++)
		if ((*s == '\r') != (s + 1 < end && s[1] == '\n'))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_buf text = IR_BUF(1u << 20), msg = IR_BUF(4u << 20);
	struct ir_err err = IR_ERR_INIT;
	char *value = malloc(n + 1), *nl;
	const char *const refs[] = { "<a@b.example>" };

	if (!value || n > 65536)
		goto out;
	memcpy(value, data, n);
	value[n] = '\0';
	nl = strchr(value, '\n');
	const struct ir_letter_value v[] = { { "case", value, false },
	    { "next", nl ? nl + 1 : NULL, false } };
	struct ir_mail m = { .from = "a@x.example", .to = "b@x.example",
	    .subject = value, .message_id = "<c@x.example>",
	    .references = refs, .nreferences = 1 };

	(void)ir_letter_fill(value, strlen(value), v, 2, &text, &err);
	ir_buf_trunc(&text, 0);
	if (ir_letter_fill("{{case}}\n{{next?}}\n", 19, v, 2, &text, &err) ==
	    0) {
		m.body = ir_buf_cstr(&text);
		if (ir_mail_compose(&m, &msg, &err) == 0)
			check(ir_buf_cstr(&msg), msg.len);
	}
	(void)ir_mail_address_ok(value);
	(void)ir_mail_id_ok(value);
out:
	free(value);
	ir_buf_free(&text);
	ir_buf_free(&msg);
	return 0;
}
