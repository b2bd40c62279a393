/*
 * courier.h - carry one message to its recipients, and know whether it may
 * have arrived.  Four ways: a relay, the recipient's own mail server (MX),
 * and, only when asked for, SES of another account or a local sendmail
 * program.
 */
#ifndef IR_COURIER_H
#define IR_COURIER_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"
#include "../net/smtp.h"

#define IR_COURIER_RCPTS 16

struct ir_aws;

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

	struct ir_aws *ses;	/* SES version 2; or NULL */
	const char *ses_region, *ses_account;

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
	size_t refused;		/* copies that were refused; by SES they
				   are sent with the rest or not at all */
	char remote_id[256];	/* Message-ID that SES put in; or "" */
};

/* "mx", "relay", "ses" or "sendmail": whose word "taken" is. */
const char *ir_courier_word(const struct ir_courier *c);


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

int ir_courier_by_ses(const struct ir_courier *c, const struct ir_message *m,
    int (*before)(void *, const char *, struct ir_err *), void *arg,
    struct ir_courier_result *r, struct ir_err *err);

/*
 * The Message-ID of a mail that SES took and answered with id: SES puts
 * "<id@REGION.amazonses.com>" (us-east-1: email) in place of ours.  "" when
 * id is none.  Source: "Header fields", SES developer guide.
 */
void ir_courier_ses_id(const char *region, const char *id, char *out,
    size_t size);

/* Is the host an SMTP endpoint of Amazon SES: part of the incident? */
bool ir_courier_is_ses(const char *host);

#endif
