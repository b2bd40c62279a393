/*
 * text.h - foreign text (mail, log, reply, file name) made safe to keep and
 * to show.  Everything here is pure and works on any bytes.
 */
#ifndef IR_TEXT_H
#define IR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ir_buf;

/*
 * Append s as valid UTF-8 without control bytes: an invalid byte becomes
 * U+FFFD; C0 controls, DEL and C1 controls become a space when they are
 * white space and U+FFFD else.  For records.
 */
void ir_text_clean(struct ir_buf *out, const char *s, size_t n);

/*
 * The same for a terminal: also bidirectional overrides and other invisible
 * format characters become U+FFFD.
 */
void ir_text_term(struct ir_buf *out, const char *s, size_t n);

/* How many bytes at the start of s are printable ASCII. */
size_t ir_text_plain(const char *s, size_t n);

/* Bytes as 2 * n hex digits and a NUL. */
void ir_hex(const unsigned char *bytes, size_t n, char *out);

/* In place: control bytes and broken UTF-8 become '?'.  For messages. */
void ir_text_printable(char *s);

/*
 * Length in bytes (1-4) of the valid UTF-8 sequence at s, 0 if there is none.
 * *cp, when not NULL, is the code point.
 */
size_t ir_utf8_len(const char *s, size_t n, uint32_t *cp);

/* Columns that s (UTF-8) takes on a terminal; wide East Asian counts two. */
size_t ir_text_width(const char *s);

/* Largest prefix of s of at most max bytes that ends between code points. */
size_t ir_text_cut(const char *s, size_t n, size_t max);

/* ASCII only, no locale. */
bool ir_ascii_ieq(const char *a, const char *b);
bool ir_ascii_starts(const char *s, const char *prefix);
/* What a hexadecimal digit is worth; -1: it is none. */
int ir_hex_digit(char c);

/* Time: seconds since the epoch (UTC) to and from RFC 3339. */
#define IR_TIME_LEN 32
char *ir_time_rfc3339(int64_t t, char buf[IR_TIME_LEN]);
char *ir_time_rfc3339_ms(int64_t ms, char buf[IR_TIME_LEN]);
/* "2026-11-21T18:00:00[.fff]Z|+hh:mm"; 0, or -1 when it is not one. */
int ir_time_parse(const char *s, int64_t *t);
/*
 * A point in time as options take it: RFC 3339, a date (its first second), or
 * how long before now (90m, 24h, 14d).  0, or -1.
 */
int ir_time_when(const char *s, int64_t now, int64_t *t);
/* Now, in seconds and in milliseconds. */
int64_t ir_now(void);
int64_t ir_now_ms(void);
/* Monotonic milliseconds, for deadlines. */
int64_t ir_mono_ms(void);
/* Civil date (UTC) to seconds since the epoch; month 1-12. */
int64_t ir_time_civil(int64_t y, int mon, int d, int h, int m, int s);
/* The same of what a clock of this host's zone showed; tzset() is done. */
int64_t ir_time_local(int64_t civil);

#endif
