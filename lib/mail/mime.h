/*
 * mime.h - a mail as a tree of parts (RFC 5322, 2045, 2046, 2183, 3676).
 *
 * Made for untrusted bytes: never fails, except for lack of memory.  At a
 * limit it stops there, keeps what it has and says so in `partial`.  Time is
 * linear in the size; nesting is bounded.  Parts point into the bytes given
 * (or into copies that the tree owns), so those must stay until it is freed.
 */
#ifndef IR_MIME_H
#define IR_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ir_buf;

#define IR_MIME_BYTES (32U << 20)	/* more is not looked at */
#define IR_MIME_DEPTH 20
#define IR_MIME_PARTS 10000
#define IR_MIME_HEADERS 2000		/* of one part */
#define IR_MIME_HEADERS_ALL 200000	/* of a mail */
#define IR_MIME_OWNED (96U << 20)	/* of decoded nested messages */
#define IR_MIME_VALUE 65536		/* bytes of one header field */

enum ir_mime_kind { IR_MIME_LEAF, IR_MIME_MULTIPART, IR_MIME_MESSAGE };
enum ir_mime_encoding { IR_MIME_8BIT, IR_MIME_BASE64, IR_MIME_QP };

struct ir_mime_header {
	const char *name, *value;	/* value is still folded */
	size_t name_len, value_len;
};

struct ir_mime_part {
	size_t parent;		/* index; the root is its own parent */
	unsigned depth;		/* of nesting of any kind; the root has 0 */
	unsigned message;	/* how many message/rfc822 it is in */
	enum ir_mime_kind kind;
	enum ir_mime_encoding encoding;
	bool attachment;	/* by Content-Disposition or a file name */
	bool flowed, delsp;	/* RFC 3676 */
	char type[64];		/* "text/plain", lower case */
	char charset[41];	/* as labelled; may be empty */
	char report_type[32];	/* of multipart/report, lower case */
	const char *head, *body;
	size_t head_len, body_len;
	size_t header, headers;	/* first in ir_mime.headers, and count */
};

struct ir_mime {
	struct ir_mime_part *parts;	/* in order; [0] is the mail itself */
	size_t n;
	struct ir_mime_header *headers;
	size_t nheaders;
	const char *partial;	/* why it is not all there; NULL: it is */
	size_t cap_parts, cap_headers;
	char **owned;		/* normalised and decoded copies */
	size_t nowned, cap_owned, owned_bytes;
	bool no_memory;
};

/*
 * A message/rfc822 part (kind IR_MIME_MESSAGE) is followed by the part that
 * is the message inside, with its own headers.  0, or -1: no memory.
 */
int ir_mime_parse(struct ir_mime *m, const char *raw, size_t n);
void ir_mime_free(struct ir_mime *m);

/* The nth (from 0) header of that name, or NULL. */
const struct ir_mime_header *ir_mime_header(const struct ir_mime *m,
    size_t part, const char *name, size_t nth);
/* How often it is there.  Where only one is legal, the first is used. */
size_t ir_mime_header_count(const struct ir_mime *m, size_t part,
    const char *name);
/* Append the first header of that name, decoded; false when there is none. */
bool ir_mime_get(const struct ir_mime *m, size_t part, const char *name,
    struct ir_buf *out);

/* Append the body with its transfer encoding undone. */
void ir_mime_octets(const struct ir_mime *m, size_t part, struct ir_buf *out);
/*
 * Append the body of a text part as UTF-8 with LF line ends, a flowed one
 * with its lines joined.  HTML stays HTML.
 */
void ir_mime_text(const struct ir_mime *m, size_t part, struct ir_buf *out);

#endif
