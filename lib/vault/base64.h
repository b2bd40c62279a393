/* base64.h - RFC 4648, section 4, without line breaks.  Pure. */
#ifndef IR_BASE64_H
#define IR_BASE64_H

#include <stddef.h>

/* n bytes and a NUL at out, which has room for n * 4 / 3 + 5. */
size_t ir_base64_encode(const unsigned char *p, size_t n, char *out);

/* At most max bytes at out; how many, or -1: none of these. */
int ir_base64_decode(const char *s, size_t n, unsigned char *out,
    size_t max);

#endif
