/*
 * text.h (report) - the text of a notice made regular, and found in: the
 * small tools that the extractors of this room share.
 */
#ifndef IR_REPORT_TEXT_H
#define IR_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct ir_buf;

/*
 * Append UTF-8 text with what mail programs vary made one: line ends LF;
 * no-break and ideographic spaces are spaces; full-width ASCII is ASCII;
 * curly quotes straight; all hyphens '-'; invisible characters gone.
 */
void ir_text_regular(struct ir_buf *out, const char *s, size_t n);

/*
 * Offset of the line that ends the provider's own words and begins the quoted
 * complaint; n when there is none.  *body is where the complaint itself
 * begins, after that line.
 */
size_t ir_text_complaint(const char *s, size_t n, size_t *body);

/* Blank the lines that begin with '>', in place, so that numbers stay. */
void ir_text_unquote(char *s, size_t n);

/*
 * Find a phrase: ASCII without regard to case, a space in it matches any
 * run of white space.  *end, when not NULL, is after what matched.
 */
const char *ir_text_phrase(const char *s, const char *stop,
    const char *phrase, const char **end);

/* Is there a letter, digit or '_' at p, or before it? */
bool ir_text_word_char(char c);

/* Number, from 1, of the line that p is on. */
unsigned ir_text_line(const char *s, const char *p);

#endif
