/* chat.c - any record as a message for every chat */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "net/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
render(const struct ir_chat *m, enum ir_chat_kind kind)
{
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r;

	if (ir_chat_render(m, kind, &b, &err))
		abort();
	if (kind != IR_CHAT_CHATWORK && kind != IR_CHAT_TYPETALK) {
		r = ir_rec_parse(b.data, b.len, &err);
		if (!r)
			abort();
		ir_rec_free(r);
	} else if (kind == IR_CHAT_CHATWORK && strstr(b.data, "%5Bto")) {
		abort();
	}
	if ((kind == IR_CHAT_MATTERMOST && strchr(b.data, '@')) ||
	    (kind == IR_CHAT_LINEWORKS && strchr(b.data, '<')) ||
	    (kind == IR_CHAT_TYPETALK && strstr(b.data, "%40")))
		abort();
	if (strstr(b.data, "http://") && kind != IR_CHAT_TEAMS)
		abort();	/* Teams: the name of its schema */
	ir_buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_chat *m;
	struct ir_buf b = IR_BUF(n * 16 + 16);
	const char *s = (const char *)data, *nl;
	struct ir_rec *r;
	size_t len;
	int k;

	ir_chat_retry_after(s, n);
	ir_chat_defang(&b, s, n);
	ir_buf_free(&b);
	m = calloc(1, sizeof *m);
	if (!m)
		return 0;
	for (; n; s += len, n -= len) {
		nl = memchr(s, '\n', n);
		len = nl ? (size_t)(nl - s) : n;
		r = ir_rec_parse(s, len, NULL);
		if (r) {
			ir_chat_add(m, r, 0);
			ir_rec_free(r);
		}
		len += nl != NULL;
	}
	for (k = IR_CHAT_SLACK; k <= IR_CHAT_JSON && m->records; k++)
		render(m, (enum ir_chat_kind)k);
	free(m);
	return 0;
}
