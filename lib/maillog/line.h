/*
 * line.h - what one line of a mail server's log says about who sends: Exim's
 * main log, Postfix, Dovecot, Courier, qmail and Plesk, with and without
 * syslog in front.  Pure; any bytes will do.
 *
 * Sources: Exim specification, "Log files", and the order in which receive.c
 * writes the fields of "<=": what stands after S= is the sender's choice, and
 * so is what stands in the parentheses of H= (the HELO); ids of both lengths
 * (exim_id_update(8)).  Postfix: smtpd(8), qmgr(8), pickup(8), "status=".
 * Dovecot: login_log_format.  Courier: "LOGIN, user=".  Plesk: smtp_auth.
 */
#ifndef IR_MAILLOG_LINE_H
#define IR_MAILLOG_LINE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IR_MLOG_NAME 200	/* bytes of a name; more is cut */

enum ir_mlog_kind {
	IR_MLOG_NONE,		/* about something else */
	IR_MLOG_JUNK,		/* no line of a log that is known */
	IR_MLOG_ARRIVE,		/* a message came in */
	IR_MLOG_SENT,		/* it went to a recipient */
	IR_MLOG_BOUNCE,		/* a recipient failed for good */
	IR_MLOG_DEFER,
	IR_MLOG_DONE,		/* nothing more will come for the message */
	IR_MLOG_LOGIN,		/* somebody logged in, and sent nothing */
	IR_MLOG_CHECK,		/* logged in by SMTP, and sent nothing */
	IR_MLOG_FAIL,		/* a login failed, n times */
	IR_MLOG_SCRIPT,		/* a program handed a message to sendmail */
};

enum ir_mlog_who {
	IR_MLOG_NOBODY,		/* from outside, or not known */
	IR_MLOG_ACCOUNT,
	IR_MLOG_PATH,		/* working directory of a script */
	IR_MLOG_USER,		/* local user */
	IR_MLOG_PEER,		/* this host or its network, without a login */
	IR_MLOG_WHOS
};

struct ir_mlog_addr {
	int family;		/* 0 none, 4, 6 */
	unsigned char b[16];	/* of IPv4 the first four */
};

/* Parts of the line, borrowed from it or from store. */
struct ir_mlog_line {
	enum ir_mlog_kind kind;
	enum ir_mlog_who who;
	int64_t time;
	uint64_t id;		/* of the message, hashed; 0 none */
	const char *name;
	size_t nname;
	const char *sender;	/* of the envelope */
	size_t nsender;
	const char *title;	/* T="..." */
	size_t ntitle;
	struct ir_mlog_addr ip;
	unsigned n;		/* attempts */
	bool robot;		/* a HELO that mass mailers use */
	bool forged;		/* HELO tries to look like more of the line */
	char store[IR_MLOG_NAME];
};

/* How times are read that do not say all; keeps what it worked out last. */
struct ir_mlog_clock {
	int64_t now;		/* about when the file ends; for the year */
	bool utc;		/* what has no zone is UTC, not local */
	char key[16];
	size_t nkey;
	int64_t civil, wall;	/* of that hour */
};

/* Read one line, without its end. */
void ir_mlog_parse(const char *line, size_t n, struct ir_mlog_clock *c,
    struct ir_mlog_line *l);

/* An id of Exim's at p: its length, 16 or 23, or 0. */
size_t ir_mlog_exim_id(const char *p, size_t n);
/* The same hash as of the line. */
uint64_t ir_mlog_id_hash(const char *p, size_t n);

/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; false: none. */
bool ir_mlog_addr(const char *p, size_t n, struct ir_mlog_addr *a);
/* Loopback, private, link-local: not a place in the world. */
bool ir_mlog_addr_6_inside(const struct ir_mlog_addr *a);
static inline bool
ir_mlog_addr_inside(const struct ir_mlog_addr *a)
{
	const unsigned char *b = a->b;

	if (a->family == 4)
		return b[0] == 127 || b[0] == 10 || b[0] == 0 ||
		    (b[0] == 192 && b[1] == 168) ||
		    (b[0] == 172 && (b[1] & 0xf0) == 16) ||
		    (b[0] == 169 && b[1] == 254);
	return a->family == 6 && ir_mlog_addr_6_inside(a);
}

/*
 * What is secret in a line, masked in place: passwords that Dovecot, Courier
 * and Postfix write in clear.
 */
void ir_mlog_redact(char *line, size_t n);

/* Eight bytes as a number, the first the lowest. */
static inline uint64_t
ir_mail_load(const char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return le64toh(v);
}

/* A hash of two numbers: the halves of their product. */
static inline uint64_t
ir_mail_mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide r = (wide)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);

	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/* For line.c and syslog.c only. */
struct ir_span {
	const char *p, *end;
};

void ir_mlog_syslog(struct ir_span s, struct ir_mlog_line *l);
bool ir_mlog_exim(struct ir_span s, struct ir_mlog_line *l);

#endif
