/*
 * doc.h - headings, paragraphs, lists and tables, as HTML or as Markdown.
 * All text that goes in is plain and may be hostile: it stays text
 * (markup.h).  Pure.
 */
#ifndef IR_DOC_H
#define IR_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"

struct ir_doc {
	bool html;
	struct ir_buf *out;
	/* of the table that is open */
	const char *const *heads;
	const char *kinds;
	size_t columns;
};

/* The page around it; the style is in it.  Markdown: the title only. */
void ir_doc_begin(struct ir_doc *d, const char *title);
void ir_doc_end(struct ir_doc *d);

/* A section with its heading; id is a plain word of ours. */
void ir_doc_section(struct ir_doc *d, const char *id, const char *heading);
void ir_doc_section_end(struct ir_doc *d);

void ir_doc_p(struct ir_doc *d, const char *text);
/* A remark of less weight. */
void ir_doc_note(struct ir_doc *d, const char *text);

void ir_doc_list(struct ir_doc *d, const char *class);
void ir_doc_item(struct ir_doc *d, const char *text);
void ir_doc_list_end(struct ir_doc *d);

/*
 * A table.  kinds has a letter a column: t text, n number, m of one width,
 * w text that is not broken, s a state (its word decides its colour, too).
 * heads live until its end.
 */
void ir_doc_table(struct ir_doc *d, const char *caption,
    const char *const *heads, const char *kinds);
void ir_doc_row(struct ir_doc *d, const char *const *cells);
void ir_doc_table_end(struct ir_doc *d);

#endif
