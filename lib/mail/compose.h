/*
 * compose.h - one mail message as bytes (RFC 5322, RFC 2045-2047): 7 bits,
 * CRLF, ready for DATA.  Pure: the time and the Message-ID are the caller's,
 * so the same input gives the same bytes.
 *
 * What comes from outside cannot add a header: CR, LF and other control
 * bytes are refused in addresses and ids, and become spaces in the subject.
 */
#ifndef IR_COMPOSE_H
#define IR_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"

#define IR_MAIL_SUBJECT_MAX 2000	/* bytes */
#define IR_MAIL_BODY_MAX (1u << 20)
#define IR_MAIL_REFERENCES 20		/* ids that are kept */

struct ir_mail {
	const char *from, *to;		/* bare addresses */
	const char *reply_to;		/* may be NULL */
	const char *const *cc;		/* bare addresses */
	size_t ncc;
	const char *subject;		/* UTF-8 */
	int64_t date;
	const char *message_id;		/* "<...>" */
	const char *in_reply_to;	/* "<...>"; may be NULL */
	const char *const *references;	/* oldest first; the first and the
					   last ones are kept */
	size_t nreferences;
	bool unattended;		/* Auto-Submitted (RFC 3834) */
	const char *body;		/* UTF-8, lines end in LF */
};

/*
 * Append the message to out.  A subject's "[...]" stays as it is, neither
 * encoded nor folded inside: the other side files by it.  0, or -1 and 65.
 */
int ir_mail_compose(const struct ir_mail *m, struct ir_buf *out,
    struct ir_err *err);

/* Append "Re: subject", without adding a second "Re:". */
void ir_mail_reply_subject(const char *subject, struct ir_buf *out);

/*
 * A bare address that needs no quoting: dot-atom "@" host name, ASCII, at
 * most 254 bytes.
 */
bool ir_mail_address_ok(const char *addr);

/* "<left@right>" without spaces and control bytes, at most 250 bytes. */
bool ir_mail_id_ok(const char *id);

#endif
