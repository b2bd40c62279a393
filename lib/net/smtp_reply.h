/*
 * smtp_reply.h - the pure half of the SMTP client (RFC 5321): bytes to a
 * reply, a message to the bytes that DATA sends.  No sockets, no clock.
 */
#ifndef IR_SMTP_REPLY_H
#define IR_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"

#define IR_SMTP_LINE_MAX 2048	/* bytes of a line; RFC 5321 asks for 512 */
#define IR_SMTP_LINES_MAX 100	/* lines of one reply */
#define IR_SMTP_REPLY_MAX (IR_SMTP_LINE_MAX * IR_SMTP_LINES_MAX)

/* What a reply to EHLO offers, of what this client knows. */
struct ir_smtp_offers {
	bool starttls, auth_plain, auth_login;
};

struct ir_smtp_parsed {
	int code;			/* 200-599 */
	size_t lines;
	char text[512];			/* the last line, printable */
	struct ir_smtp_offers offers;	/* read as if it answered EHLO */
};

/*
 * One reply from the beginning of p.  Lines end in CRLF or LF; all must
 * have the same code.  The number of bytes it took; 0: it is not complete,
 * read more; -1: this is not SMTP, or it is longer than the limits.
 */
long ir_smtp_reply_parse(const char *p, size_t n, struct ir_smtp_parsed *r);

/*
 * Append msg as DATA carries it (RFC 5321, 4.5.2): every line ending (CRLF,
 * LF or a lone CR) as CRLF, the last line ended too, a dot in front of each
 * line that begins with one.  The final dot is not part of it.  An empty
 * message stays empty.
 */
void ir_smtp_stuff(const char *msg, size_t n, struct ir_buf *out);

#endif
