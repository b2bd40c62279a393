/*
 * complaint.h - the complaint that a notice quotes: what in it leads to the
 * message and the account on our side.
 *
 * All of it is written by strangers: leads to follow up in our own logs,
 * never facts to act on.
 */
#ifndef IR_COMPLAINT_H
#define IR_COMPLAINT_H

#include <stddef.h>
#include <stdint.h>

struct ir_rec;

#define IR_COMPLAINT_BYTES (4U << 20)	/* more is hashed, not searched */
#define IR_COMPLAINT_EXCERPT 2000	/* characters */

/*
 * {present, sha256, excerpt, ips, message_ids, exim_ids: [{id, time, by}],
 * subjects, php_script, auth_user}.  s is UTF-8 text, quoted mails with
 * their headers included; n 0 gives {present: false}.  Exim ids are those
 * whose time (their first six digits, base 62: Exim manual, "Message
 * identification") lies between 2010 and a day after now.
 */
struct ir_rec *ir_complaint(const char *s, size_t n, int64_t now);

/* The time in an Exim message id of 16 or 23 characters; -1 when it is none. */
int64_t ir_exim_id_time(const char *s, size_t n);

#endif
