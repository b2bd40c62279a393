/*
 * html.h - HTML mail to the text that a reader sees.
 *
 * Not a browser: style, script, head and comments go; inline tags, <wbr> and
 * soft hyphens vanish without a space (so that "us-<wbr>west-2" is whole),
 * block tags become a line end, cells a space; character references are
 * decoded, white space is collapsed except in <pre>.  Linear, never fails.
 */
#ifndef IR_HTML_H
#define IR_HTML_H

#include <stddef.h>

struct ir_buf;

/* s is UTF-8; so is what is appended. */
void ir_html_text(struct ir_buf *out, const char *s, size_t n);

#endif
