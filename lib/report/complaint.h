/*
 * complaint.h - the complaint that a notice quotes: what in it leads to the
 * message and the account on our side.
 *
 * All of it is written by strangers: leads to follow up in our own logs,
 * never facts to act on.
 */
#ifndef IR_COMPLAINT_H
#define IR_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ir_buf;
struct ir_rec;

#define IR_COMPLAINT_BYTES (4U << 20)	/* more is hashed, not searched */
#define IR_COMPLAINT_EXCERPT 2000	/* characters */

/* What is known of the complaint before its text is searched. */
struct ir_complaint_opts {
	int64_t now;
	const char *const *hosts;	/* names of our hosts */
	size_t nhosts;
	const struct ir_rec *claim;	/* of its form, or NULL; see below */
};

/*
 * What the complaint's form says, put into an object: ir_claim_part() for
 * each part of a mail that may be a report, ir_claim_text() for text.
 * "format" is arf, x-arf, xarf, spamcop, hotmail or absent.  Text that the
 * report carries is appended to text.
 */
void ir_claim_part(struct ir_rec *o, const char *type, const char *s,
    size_t n, bool x_arf, struct ir_buf *text);
void ir_claim_text(struct ir_rec *o, const char *s, size_t n,
    struct ir_buf *text);
/* By the subject and sender of a mail: SpamCop's and Hotmail's. */
void ir_claim_head(struct ir_rec *o, const char *subject, const char *from);

/*
 * {present, format, and what the claim has, sha256, excerpt, ips,
 * message_ids, exim_ids: [{id, time, by, ours, date, skew, ok}], lead: {id,
 * why}, subjects, php_script, auth_user}.  s is UTF-8 text, quoted mails with
 * their headers included; n 0 gives {present: false}.
 *
 * Exim ids are those whose time (their first six digits, base 62: Exim
 * manual, "Message identification") lies between 2010 and a day after now.
 * date is that of the Received field which an id stands in; skew its distance
 * in seconds from the id's own time, ok that it is at most 5 minutes.  lead
 * is the id under which the mail left one of our hosts.
 */
struct ir_rec *ir_complaint(const char *s, size_t n,
    const struct ir_complaint_opts *opts);

/* The time in an Exim message id of 16 or 23 characters; -1 when it is none. */
int64_t ir_exim_id_time(const char *s, size_t n);

#endif
