/*
 * spool.h - what is in a message's files in Exim's spool.
 *
 * The format is described in Exim's specification, chapter "Format of spool
 * files"; where that and Exim's own reader differ, the reader is followed.
 * Everything here is pure: bytes in, a struct with borrowed pieces of those
 * bytes out.  Nothing is copied, so the bytes must outlive the struct.
 *
 *	ID-H	envelope and headers	ID-D	body, locked by who works on it
 *	ID-J	delivered meanwhile	hdr.*	a -H being written: not ours
 *
 * ID is 16 characters (Exim before 4.97) or 23; both live in one spool after
 * an upgrade.
 */
#ifndef IR_EXIM_SPOOL_H
#define IR_EXIM_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"

#define IR_SPOOL_ID_MAX 24		/* an id and its NUL */
#define IR_SPOOL_H_MAX (32u << 20)	/* bytes of one -H or -J file */
#define IR_SPOOL_RCPT_MAX 16384		/* recipients; Exim's own limit */
#define IR_SPOOL_VAR_MAX (1u << 20)	/* bytes of one ACL variable */

/* A piece of somebody else's bytes; p is NULL when it was not there. */
struct ir_span {
	const char *p;
	size_t n;
};

struct ir_spool_msg {
	struct ir_span id;
	struct ir_span login;		/* who ran the receiving exim */
	struct ir_span sender;		/* without <>; n is 0 for a bounce */
	int64_t received;		/* seconds since the epoch */
	struct ir_span auth_user;	/* -auth_id: SMTP AUTH, or local user */
	struct ir_span auth_sender;
	struct ir_span authenticator;	/* -host_auth: only after SMTP AUTH */
	struct ir_span ident;
	struct ir_span host;		/* address, without the port */
	struct ir_span helo;
	struct ir_span protocol;
	struct ir_span variables;	/* all lines that begin with '-' */
	bool frozen, local;
	bool untried;			/* no delivery was tried yet */
	int64_t frozen_at;		/* 0: not known */
	struct ir_span done;		/* lines of the non-recipients tree */
	size_t done_count;
	struct ir_span rcpts;		/* lines of the recipients */
	size_t rcpt_count;
	struct ir_span headers;		/* to the end of the file */
	size_t header_size;		/* bytes of what is transmitted */
	struct ir_span subject;		/* raw value, unfolded by nobody yet */
	struct ir_span script;		/* the first X-PHP-... header */
};

/*
 * Length of the message id that s begins with, 16 or 23; 0 when there is
 * none.  n may be more than the id.
 */
size_t ir_spool_id_len(const char *s, size_t n);

/* Is the name ID-H?  The length of the id, or 0. */
size_t ir_spool_h_name(const char *name);

/* First byte of the body in ID-D, which is also how much Exim locks. */
int64_t ir_spool_data_start(size_t id_len);

/*
 * A whole -H file.  id is what its name says.  0, or -1 with 65 and
 * "malformed: why": cut short, counts that are not met, NUL bytes, ...
 */
int ir_spool_parse(const char *bytes, size_t n, const char *id,
    struct ir_spool_msg *m, struct ir_err *err);

/*
 * Take the next recipient's address, or the next address of the tree of
 * those that need no delivery.  *left begins as m->rcpts or m->done.
 */
bool ir_spool_next_rcpt(struct ir_span *left, struct ir_span *addr);
bool ir_spool_next_done(struct ir_span *left, struct ir_span *addr);

/* The same for a -J file: one address a line, a torn last line included. */
bool ir_spool_next_journal(struct ir_span *left, struct ir_span *addr);

/*
 * Take the next header that is transmitted (not one marked '*'): its name,
 * and its value without the white space around it.  *left begins as
 * m->headers.
 */
bool ir_spool_next_header(struct ir_span *left, struct ir_span *name,
    struct ir_span *value);

/*
 * Name of the first variable that no Exim up to 4.99 writes, which Exim and
 * we pass over; p is NULL when there is none.
 */
struct ir_span ir_spool_unknown(const struct ir_spool_msg *m);

/*
 * How many of the recipients are delivered, by the tree and by the -J file
 * (j may be empty).  0, or -1 and 71.
 */
int ir_spool_delivered(const struct ir_spool_msg *m, struct ir_span j,
    size_t *count, struct ir_err *err);

/* The script without what varies: "(82) : eval()'d code", " for 1.2.3.4". */
struct ir_span ir_spool_script(const struct ir_spool_msg *m);

/* The same of any such header's value, and whether a name is one's. */
struct ir_span ir_spool_script_of(struct ir_span value);
bool ir_spool_script_header(struct ir_span name);

/* What follows the last '@'; nothing when there is none. */
struct ir_span ir_span_domain(struct ir_span addr);

/* Equal, ASCII letters in any case. */
bool ir_span_ieq(struct ir_span a, const char *s);
bool ir_span_eq(struct ir_span a, struct ir_span b);

#endif
