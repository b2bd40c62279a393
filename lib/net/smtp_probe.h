/*
 * smtp_probe.h - one whole try at a mail server: connect, TLS, AUTH, one
 * message, and what it shows; and the questions that tell an open relay.
 *
 * Each try is a connection of its own.
 */
#ifndef IR_SMTP_PROBE_H
#define IR_SMTP_PROBE_H

#include <stdint.h>

#include "../core/buf.h"
#include "smtp_verdict.h"

/* SES takes mail to it and delivers it to nobody. */
#define IR_SMTP_SIMULATOR "success@simulator.amazonses.com"

struct ir_smtp_probe {
	struct ir_smtp_opts server;	/* facts is not used */
	const char *user;		/* NULL: no AUTH */
	const struct ir_secret *password;
	const char *from, *to;		/* from NULL: no message */
};

struct ir_smtp_answer {
	struct ir_smtp_judged judged;
	struct ir_smtp_facts facts;
	int64_t ms;			/* what it took */
	int open_port;			/* of "blocked": the one that works */
	char message_id[128];		/* of the message; may be "" */
};

/*
 * 0 when all of it was accepted, else -1 and the error of the step that
 * failed, as smtp.h has it (79: the answer to the message was lost); a is
 * filled in both cases.  64, 65 and 78 are ours: nothing was learnt.
 */
int ir_smtp_probe(const struct ir_smtp_probe *p, struct ir_smtp_answer *a,
    struct ir_err *err);

/* Implicit TLS on 465 and 2465, else STARTTLS that must be. */
enum ir_smtp_tls ir_smtp_tls_of(int port);

/* --- relay ------------------------------------------------------------- */

struct ir_smtp_relay {
	struct ir_smtp_opts server;	/* tls is set to IR_SMTP_TLS_MAY */
	const char *domain;		/* local there; NULL: by its greeting */
	const char *from, *to;		/* both foreign to it */
};

enum ir_smtp_relay_answer {
	IR_RELAY_REFUSED,	/* as it should be */
	IR_RELAY_ACCEPTED,
	IR_RELAY_LATER,		/* 4xx, or no answer */
};

#define IR_RELAY_TESTS 7

struct ir_smtp_relay_test {
	const char *name;	/* "foreign-to-foreign", ... */
	char from[300], to[620];
	enum ir_smtp_relay_answer answer;
	struct ir_smtp_reply reply;
};

enum ir_smtp_relay_verdict {
	IR_RELAY_CLOSED,
	IR_RELAY_OPEN,
	IR_RELAY_UNDECIDED,
};

/*
 * MAIL and RCPT for each test, RSET between them; never DATA.  0 and the
 * tests, in their order; -1 when the server could not be asked at all.
 * domain[] becomes the local domain that was used.
 */
int ir_smtp_relay(const struct ir_smtp_relay *r,
    struct ir_smtp_relay_test test[IR_RELAY_TESTS], char domain[256],
    struct ir_smtp_facts *facts, struct ir_err *err);

/*
 * What they mean together; why is text of ours.  known: the domain is local
 * there for sure, so that refusing its postmaster says something.  Pure.
 */
enum ir_smtp_relay_verdict ir_smtp_relay_judge(
    const struct ir_smtp_relay_test test[IR_RELAY_TESTS], bool known,
    const char **why);

#endif
