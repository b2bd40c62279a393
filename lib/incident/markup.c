/* markup.c - see markup.h */
#include <string.h>

#include "../core/text.h"
#include "markup.h"

#define KEY_ID_LEN 20
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* An access key id at s: its length, or 0. */
static size_t
key_id(const char *s)
{
	size_t n;

	if (strncmp(s, "AKIA", 4) && strncmp(s, "ASIA", 4))
		return 0;
	n = strspn(s, CAPITALS);
	return n >= KEY_ID_LEN ? n : 0;
}

void
ir_mark_plain(struct ir_buf *out, const char *s)
{
	struct ir_buf clean = IR_BUF(IR_REC_MAX * 4);
	const char *p;
	size_t n;

	ir_text_term(&clean, s, strlen(s));
	for (p = ir_buf_cstr(&clean); *p; p += n) {
		n = key_id(p);
		if (n) {
			ir_buf_add(out, p, 4);
			ir_buf_str(out, "\xe2\x80\xa6");
			ir_buf_add(out, p + n - 4, 4);
		} else {
			n = strcspn(p + 1, "A") + 1;
			ir_buf_add(out, p, n);
		}
	}
	ir_buf_free(&clean);
}

void
ir_mark_html(struct ir_buf *out, const char *s)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);
	const char *p;

	ir_mark_plain(&b, s);
	for (p = ir_buf_cstr(&b); *p; p++)
		switch (*p) {
		case '&':
			ir_buf_str(out, "&amp;");
			break;
		case '<':
			ir_buf_str(out, "&lt;");
			break;
		case '>':
			ir_buf_str(out, "&gt;");
			break;
		case '"':
			ir_buf_str(out, "&quot;");
			break;
		case '\'':
			ir_buf_str(out, "&#39;");
			break;
		default:
			ir_buf_chr(out, *p);
			break;
		}
	ir_buf_free(&b);
}

void
ir_mark_md(struct ir_buf *out, const char *s)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);
	const char *p;

	ir_mark_plain(&b, s);
	for (p = ir_buf_cstr(&b); *p; p++) {
		if (strchr("|\\`*_<>[]~&", *p))
			ir_buf_chr(out, '\\');
		ir_buf_chr(out, *p);
	}
	ir_buf_free(&b);
}

void
ir_mark_csv(struct ir_buf *out, const char *s)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);
	const char *p;

	ir_mark_plain(&b, s);
	p = ir_buf_cstr(&b);
	ir_buf_chr(out, '"');
	if (*p && strchr("=+-@", *p))
		ir_buf_chr(out, '\'');
	for (; *p; p++) {
		if (*p == '"')
			ir_buf_chr(out, '"');
		ir_buf_chr(out, *p);
	}
	ir_buf_chr(out, '"');
	ir_buf_free(&b);
}

static int
add_pair(const char *key, const struct ir_rec *val, void *arg)
{
	struct ir_buf *b = arg, json = IR_BUF(IR_REC_MAX);
	const char *s = ir_rec_cstr(val);

	if (b->len)
		ir_buf_str(b, ", ");
	if (!s) {
		ir_rec_json(val, &json);
		s = ir_buf_cstr(&json);
	}
	if (strcmp(key, "text") == 0)
		ir_buf_str(b, s);
	else
		ir_buf_fmt(b, "%s %s", key, s);
	ir_buf_free(&json);
	return 0;
}

void
ir_mark_data(struct ir_buf *out, const struct ir_rec *data)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 2);

	if (ir_rec_kind(data) == IR_REC_OBJECT)
		ir_rec_each(data, add_pair, &b);
	ir_mark_plain(out, ir_buf_cstr(&b));
	ir_buf_free(&b);
}

void
ir_mark_time(struct ir_buf *out, const char *time)
{
	int64_t t;

	if (!time || ir_time_parse(time, &t)) {
		ir_mark_plain(out, time ? time : "");
		return;
	}
	ir_buf_add(out, time, 10);
	ir_buf_chr(out, ' ');
	ir_buf_add(out, time + 11, 8);
}
