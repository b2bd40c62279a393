/*
 * charset.h - text of mail in any charset to UTF-8, never failing: what does
 * not convert becomes U+FFFD, an unknown charset is guessed.
 *
 * The labels of real mail are read as what they mean: Shift_JIS is CP932,
 * gb2312 is GB18030, EUC-JP has the NEC and IBM rows, ISO-2022-JP has them
 * too and half-width kana (CP50221), ISO-8859-1 is windows-1252.
 *
 * glibc's iconv loads a module per charset when it is first opened.  A
 * process that gives up its file system must load them before: hold them.
 */
#ifndef IR_CHARSET_H
#define IR_CHARSET_H

#include <stddef.h>

struct ir_buf;

/*
 * Append s as UTF-8.  charset is a label of len bytes from a mail, in any
 * case; NULL, empty, us-ascii, unknown or not one that mail is written in:
 * guess (ISO-2022-JP by its escapes, UTF-8, EUC-JP, CP932, else
 * windows-1252).
 */
void ir_charset_utf8(struct ir_buf *out, const char *charset, size_t len,
    const char *s, size_t n);

/*
 * Keep loaded what raw, a mail, may need: the charsets that it names, those
 * that guessing may choose, and the common ones when the names may be hidden
 * in base64.  NULL when there are none.
 */
struct ir_charset_hold;

struct ir_charset_hold *ir_charset_hold(const char *raw, size_t n);
void ir_charset_release(struct ir_charset_hold *h);

#endif
