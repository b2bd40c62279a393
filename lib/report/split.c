/* split.c - see split.h */
#include <string.h>

#include "split.h"

#define GIVE void (*fn)(const char *doc, size_t n, bool whole, void *arg)

static void
give(struct ir_split *s, bool whole, GIVE, void *arg)
{
	if (s->b.len)
		fn(ir_buf_cstr(&s->b), s->b.len, whole, arg);
	ir_buf_free(&s->b);
	s->depth = 0;
	s->text = s->escape = s->junk = false;
}

/* Inside of a string; false: the line ended in it. */
static bool
in_text(struct ir_split *s, char c)
{
	if (c == '\n')
		return false;
	if (s->escape)
		s->escape = false;
	else if (c == '\\')
		s->escape = true;
	else if (c == '"')
		s->text = false;
	return true;
}

/* One byte of a document, which is added; true: it is whole. */
static bool
in_document(struct ir_split *s, char c)
{
	ir_buf_chr(&s->b, c);
	if (c == '"')
		s->text = true;
	else if (c == '{' || c == '[')
		s->depth++;
	else if (c == '}' || c == ']')
		s->depth--;
	return s->depth == 0;
}

static void
byte(struct ir_split *s, char c, GIVE, void *arg)
{
	if (s->skip) {
		s->skip = c != '\n';
	} else if (s->text) {
		if (in_text(s, c))
			ir_buf_chr(&s->b, c);
		else
			give(s, false, fn, arg);
	} else if (s->junk) {
		if (c == '\n')
			give(s, false, fn, arg);
		else
			ir_buf_chr(&s->b, c);
	} else if (s->depth || c == '{' || c == '[') {
		if (in_document(s, c))
			give(s, true, fn, arg);
	} else if (!strchr(" \t\r\n", c) || !c) {
		s->junk = true;
		ir_buf_chr(&s->b, c);
	}
	if (s->b.bad || s->b.len == IR_SPLIT_MAX) {
		s->skip = c != '\n';
		give(s, false, fn, arg);
	}
}

void
ir_split_feed(struct ir_split *s, const char *p, size_t n, GIVE,
    void *arg)
{
	size_t i;

	for (i = 0; i < n; i++)
		byte(s, p[i], fn, arg);
}

void
ir_split_end(struct ir_split *s, GIVE, void *arg)
{
	give(s, false, fn, arg);
}
