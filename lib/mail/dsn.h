/*
 * dsn.h - a delivery status notification: a mail server's word on what became
 * of a mail.  Pure.
 *
 * Sources: RFC 3464 (message/delivery-status), RFC 6522 (multipart/report),
 * RFC 6533 (message/global-...), RFC 3463 (status codes).  What is in it may
 * be forged: nothing but the ids says that it is about a mail of ours.
 */
#ifndef IR_DSN_H
#define IR_DSN_H

#include <stddef.h>

#include "../core/err.h"

#define IR_DSN_RECIPIENTS 50	/* more are passed over */
#define IR_DSN_IDS 21		/* of the mail that is told about */

enum ir_dsn_action {
	IR_DSN_FAILED, IR_DSN_DELAYED, IR_DSN_DELIVERED, IR_DSN_RELAYED,
	IR_DSN_EXPANDED
};

struct ir_dsn_recipient {
	char final[256], original[256];	/* bare addresses; "" */
	enum ir_dsn_action action;
	char status[16];	/* "5.1.1"; "" */
	char text[512];		/* Diagnostic-Code, one clean line; "" */
};

struct ir_dsn {
	char own_id[256];	/* Message-ID of the notification; "" */
	char from[256];		/* Reporting-MTA, without its type; "" */
	/* Of the returned mail, or of its headers, with <>: first its
	 * Message-ID ("" when there is none), then its References. */
	char id[IR_DSN_IDS][256];
	size_t nids;
	struct ir_dsn_recipient rcpt[IR_DSN_RECIPIENTS];
	size_t n;
};

const char *ir_dsn_word(enum ir_dsn_action action);

/* 0, or -1 and 65: it is no such notification, 71. */
int ir_dsn_parse(struct ir_dsn *d, const char *raw, size_t n,
    struct ir_err *err);

#endif
