/*
 * courier.h - carry one message to its recipients, and know whether it may
 * have arrived.  Three ways: a relay, the recipient's own mail server (MX),
 * and, only when asked for, a local sendmail program.
 */
#ifndef IR_COURIER_H
#define IR_COURIER_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"
#include "../net/smtp.h"

#define IR_COURIER_RCPTS 16

struct ir_courier {
	const char *relay;	/* host; or NULL */
	int port;
	enum ir_smtp_tls tls;
	const char *user;	/* NULL: no AUTH */
	const struct ir_secret *password;

	bool mx;		/* straight to the first recipient's MX */
	int mx_port;		/* 25 */
	const char *resolver;	/* NULL: /etc/resolv.conf */

	const char *sendmail;	/* program */

	const char *ca_file;
	int timeout_ms;		/* 0: none of our own */
};

struct ir_message {
	const char *from;
	const char *to[IR_COURIER_RCPTS];	/* all but the first are
						   copies: they may fail */
	size_t nto;
	const char *bytes;
	size_t n;
};

struct ir_courier_result {
	char transport[256];	/* "smtp mx1.example:25", "sendmail /usr/..." */
	char reply[512];	/* what the other side said last */
	size_t refused;		/* copies that were refused */
};

/*
 * before() is called once, when everything but the message itself has been
 * accepted; when it fails, nothing is sent.  After a failure before that
 * point the next MX is tried; never after it.
 * 0 taken, or -1: 69 refused, 75 try again, 76, 77 (login, certificate), 78,
 * 66 (no such program), 79 the answer was lost; or before()'s own code.
 */
int ir_courier_send(const struct ir_courier *c, const struct ir_message *m,
    int (*before)(void *arg, const char *transport, struct ir_err *err),
    void *arg, struct ir_courier_result *r, struct ir_err *err);

/* Is the host an SMTP endpoint of Amazon SES: part of the incident? */
bool ir_courier_is_ses(const char *host);

#endif
