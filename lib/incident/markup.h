/*
 * markup.h - foreign text into HTML, Markdown and CSV, so that it stays text.
 *
 * Whatever it is: control characters, broken UTF-8, bidirectional overrides
 * and invisible characters become U+FFFD, and an access key id is cut to
 * its last four characters.  Pure.
 */
#ifndef IR_MARKUP_H
#define IR_MARKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/record.h"

/* Text that can be shown: as above, on one line. */
void ir_mark_plain(struct ir_buf *out, const char *s);

/* Into an element or a quoted attribute. */
void ir_mark_html(struct ir_buf *out, const char *s);

/* Into a cell of a Markdown table, or a line of it. */
void ir_mark_md(struct ir_buf *out, const char *s);

/*
 * A field of CSV (RFC 4180), quoted; what a spreadsheet would take for a
 * formula gets an apostrophe in front.
 */
void ir_mark_csv(struct ir_buf *out, const char *s);

/* What an event's data says, as "name value, name value", plain. */
void ir_mark_data(struct ir_buf *out, const struct ir_rec *data);

/* "2026-11-22 00:24:45" of an RFC 3339 time; other text as it is. */
void ir_mark_time(struct ir_buf *out, const char *time);

#endif
