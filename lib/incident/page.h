/*
 * page.h - the report of an incident: one HTML page that needs nothing else,
 * or Markdown.  Pure, of what casefile.h gathered.
 */
#ifndef IR_PAGE_H
#define IR_PAGE_H

#include <stdbool.h>

#include "../core/buf.h"
#include "casefile.h"

void ir_page(const struct ir_case *c, bool html, struct ir_buf *out);

#endif
