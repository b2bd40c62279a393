/*
 * delivery.h - what the log of a mail server says became of messages that it
 * handed to others: Exim's main log and Postfix's.  Pure; any line will do.
 *
 * Sources: Exim specification, "Log files" (=> -> >> *> == **, and the lines
 * of a host that failed, "H=... [...]: SMTP error from remote mail server
 * ..."); ids of both lengths (exim_id_update(8)); with and without syslog in
 * front.  Postfix: smtp(8), "status=", bounce of the text by
 * DSN_STATUS; "said:" and "refused to talk to me:".
 */
#ifndef IR_LOG_DELIVERY_H
#define IR_LOG_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_DELIVERY_TEXT 2048	/* bytes of a reply; more is cut */

enum ir_delivery_kind {
	IR_DELIVERED,
	IR_DEFERRED,		/* will be tried again */
	IR_REFUSED,		/* for good */
	IR_HOST_REFUSED,	/* a host, with no recipient: it is tried again,
				   and often told again for the recipient */
};

struct ir_delivery {
	enum ir_delivery_kind kind;
	int64_t time;		/* 0: the line has none */
	char id[28];		/* of the message, at that server; "" */
	char domain[256];	/* of the recipient, lower case; "" */
	char host[256];		/* that answered, lower case; "" */
	char ip[64];		/* of it; "" */
	int code;		/* of its reply; 0: there was none */
	char enhanced[16];	/* "5.7.1"; "" */
	/* The reply, or what went wrong: one line, codes of all its lines cut
	 * off, valid UTF-8.  Of what was delivered: "". */
	char text[IR_DELIVERY_TEXT];
};

/* How times are read that do not say all. */
struct ir_delivery_clock {
	int64_t now;		/* about when the file ends; for the year */
	bool utc;		/* what has no zone is UTC, not local */
};

/*
 * Read one line.  1: something was handed over, or refused by who should have
 * taken it; 0: the line is about something else; 2: it failed before anybody
 * was asked (no route, no such domain, retry time not reached).
 */
int ir_delivery_parse(const char *line, size_t n,
    const struct ir_delivery_clock *c, struct ir_delivery *d);

/*
 * The front of a line of Exim's main log, syslog's before it or not: when, and
 * the id of the message ("" when there is none).  *p moves on to what follows.
 * true: it is such a line.
 */
bool ir_delivery_front(const char **p, const char *end,
    const struct ir_delivery_clock *c, int64_t *t, char id[28]);

/*
 * A reply without the codes of its lines, in `to`: "550-5.7.1 a\n550 5.7.1 b"
 * (also with \ and n, as Exim writes it, and with blanks, as Postfix does) is
 * "a b".  code 0: find it out.
 */
void ir_delivery_reply(const char *p, size_t n, struct ir_delivery *d);

#endif
