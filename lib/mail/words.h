/*
 * words.h - header values as people read them (RFC 2047, with RFC 2231's
 * language suffix), and the two transfer encodings of RFC 2045.
 */
#ifndef IR_MAIL_WORDS_H
#define IR_MAIL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct ir_buf;

/*
 * Append the value of a header field (folded or not, any bytes) as valid
 * UTF-8 on one line.  Encoded words are decoded one by one, and the octets
 * of neighbours of one charset are joined before they are converted, so that
 * a character split between two words survives.  What is no valid encoded
 * word stays as it is; raw 8-bit text is guessed; nothing is dropped but the
 * line ends of folding.
 */
void ir_mail_words(struct ir_buf *out, const char *s, size_t n);

/*
 * Append the decoded octets.  Padding inside ends a group, not the data;
 * bytes outside the alphabet are passed over.
 */
void ir_base64_lenient(struct ir_buf *out, const char *s, size_t n);

/* header: '_' is a space and there are no soft line ends (RFC 2047 "Q"). */
void ir_qp_lenient(struct ir_buf *out, const char *s, size_t n, bool header);

#endif
