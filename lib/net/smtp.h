/*
 * smtp.h - an SMTP client (RFC 5321, 3207, 4954) that can say exactly how
 * far it came: which command got which reply, and whether a message may
 * have been taken although the answer was lost.
 *
 * Names that end in ".localhost" are loopback (RFC 6761) and are not asked
 * of the DNS.  Commands go one by one; a server that answers before it is
 * asked (RFC 3207's injection among it) is not understood: 76.  The caller
 * ignores SIGPIPE (ir_begin does).
 */
#ifndef IR_SMTP_H
#define IR_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/secret.h"

enum ir_smtp_tls {
	IR_SMTP_TLS_NONE,	/* never: loopback and tests */
	IR_SMTP_TLS_MAY,	/* STARTTLS if offered, any certificate: MX */
	IR_SMTP_TLS_MUST,	/* STARTTLS, certificate checked */
	IR_SMTP_TLS_WRAP,	/* implicit TLS (465), certificate checked */
};

/* What went wrong where no reply says it. */
enum ir_smtp_trouble {
	IR_SMTP_FINE,
	IR_SMTP_NO_HOST,	/* the name is not known */
	IR_SMTP_NO_ANSWER,	/* connect: time is up */
	IR_SMTP_NO_LISTENER,	/* connect: refused */
	IR_SMTP_NO_WAY,		/* connect: no route, filtered, ... */
	IR_SMTP_SILENT,		/* connected, and no reply in time */
	IR_SMTP_CLOSED,		/* connected, and closed without a reply */
	IR_SMTP_GARBLED,	/* what came is not SMTP */
	IR_SMTP_TLS_EXPIRED,	/* the certificate's time is over */
	IR_SMTP_TLS_EARLY,	/* or has not begun */
	IR_SMTP_TLS_NAME,	/* it is for another name */
	IR_SMTP_TLS_CA,		/* nobody we trust has signed it */
	IR_SMTP_TLS_VERSION,	/* no protocol version in common */
	IR_SMTP_TLS_ABSENT,	/* STARTTLS is not offered */
	IR_SMTP_TLS_FAILED,	/* another failure of the handshake */
	IR_SMTP_LOST,		/* the answer to the final dot never came */
};

struct ir_smtp_opts {
	const char *host;	/* name, also for SNI and the certificate */
	const char *address;	/* connect here instead; may be NULL */
	int port;		/* 25, 587, 465, ... */
	enum ir_smtp_tls tls;
	const char *ca_file;	/* NULL: AWS_CA_BUNDLE, else the system's */
	const char *helo;	/* NULL: this host's name */
	int timeout_ms;		/* each reply; 0: 30 s (300 s after DATA) */
	struct ir_smtp_facts *facts;	/* filled when opening fails; may be
					   NULL */
};

/* What the server said last. */
struct ir_smtp_reply {
	int code;		/* 0: no reply */
	char text[512];		/* last line, printable, without the code */
	const char *stage;	/* "connect", "helo", "starttls", "auth",
				   "mail", "rcpt", "data", "message",
				   "rset" */
};

/* The same, and what else the conversation has shown so far. */
struct ir_smtp_facts {
	struct ir_smtp_reply reply;
	enum ir_smtp_trouble trouble;
	char name[256];		/* the server's, by its greeting; may be "" */
	char tls_version[16];	/* "TLSv1.3"; "" without TLS */
	char tls_cipher[64];
	bool tls_verified;	/* certificate and name were checked */
	int64_t not_after;	/* of the server's certificate; 0: not seen */
};

struct ir_smtp;

/*
 * Connect, greet, start TLS.  0, or -1: 75 cannot connect, timeout or a 4xx
 * reply, 69 a 5xx reply, no such host, or no STARTTLS where it must be, 76
 * not SMTP, 77 certificate not accepted, 78 CA file unreadable, 64 not a
 * host or port.
 */
int ir_smtp_open(struct ir_smtp **s, const struct ir_smtp_opts *o,
    struct ir_err *err);

/*
 * AUTH PLAIN, or LOGIN when that is all there is.  Never without TLS,
 * except on loopback (78).  0, or -1: 77 for 535, 75 for 4xx and a lost
 * connection, 69 for other 5xx or no mechanism.  A reply that repeats the
 * credential is not kept.
 */
int ir_smtp_auth(struct ir_smtp *s, const char *user,
    const struct ir_secret *password, struct ir_err *err);

/*
 * MAIL FROM ("" for <>), RCPT TO.  0, or -1: 75 for 4xx, 69 for 5xx, 65 not
 * an address.
 */
int ir_smtp_mail(struct ir_smtp *s, const char *from, struct ir_err *err);
int ir_smtp_rcpt(struct ir_smtp *s, const char *to, struct ir_err *err);

/*
 * DATA and the message: lines of it may end in LF or CRLF, they are sent
 * with CRLF and dot-stuffed.  0, or -1: 75/69 by the reply; 79 when the
 * final dot may have arrived and the reply was lost: never send it again.
 */
int ir_smtp_data(struct ir_smtp *s, const char *msg, size_t n,
    struct ir_err *err);

/* QUIT (not waited for longer than a second), close, free. */
void ir_smtp_close(struct ir_smtp *s);

/* The envelope begins anew.  0, or -1: 75 and 69. */
int ir_smtp_rset(struct ir_smtp *s, struct ir_err *err);

/*
 * RCPT TO:<@via:to>, a source route (RFC 5321, appendix C): only for asking
 * whether a server still heeds it.
 */
int ir_smtp_rcpt_via(struct ir_smtp *s, const char *via, const char *to,
    struct ir_err *err);

/* Does anybody take a connection there?  0, or -1: 75, 69, 64. */
int ir_smtp_reach(const struct ir_smtp_opts *o, struct ir_err *err);

const struct ir_smtp_reply *ir_smtp_last(const struct ir_smtp *s);
const struct ir_smtp_facts *ir_smtp_facts(const struct ir_smtp *s);

/*
 * A mail address that can stand in MAIL/RCPT: local@domain, ASCII, no
 * control bytes, no spaces outside quotes, no angle brackets, at most 254
 * bytes.
 */
bool ir_smtp_address_ok(const char *addr);

/*
 * "HOST[:PORT]" with {region} replaced; brackets for IPv6.  *port keeps its
 * value when none is given.  0, or -1 and 64.
 */
int ir_smtp_endpoint(const char *template, const char *region, char *host,
    size_t size, int *port, struct ir_err *err);

#endif
