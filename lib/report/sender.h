/*
 * sender.h - who sent a notice, and what our own mail server says of it.
 */
#ifndef IR_SENDER_H
#define IR_SENDER_H

#include <stdbool.h>
#include <stddef.h>

struct ir_mime;

/*
 * The one address in a From or Reply-To value, lower case in its domain.
 * false, and addr "": none, or more than one, or it does not parse.
 */
bool ir_sender_address(const char *s, size_t n, char *addr, size_t size);

/*
 * Is the domain of addr one of AWS's, or below one (on a label boundary)?
 * Not the names that customers' hosts have: compute.amazonaws.com, on.aws.
 */
bool ir_sender_aws(const char *addr);

/* Is the local part that of a mailbox of AWS that reads answers? */
bool ir_sender_reads_mail(const char *addr);

/* Is the domain of addr root or below it? */
bool ir_sender_below(const char *addr, const char *root);

/*
 * What Authentication-Results (RFC 8601) of our server say about a message
 * at the top of a mail whose From is addr: "pass", "fail" or "unverified",
 * and why.  authserv_id: our server's; NULL: that of the topmost field, if
 * it stands above all Received, or the topmost of those was written by a
 * host of that name, or below it.
 * Only fields of that id above the first foreign hop's Received count.
 *
 * root NULL: it must be AWS.  Else a domain that addr is at or below, and
 * that what passed must be at or below, too.
 */
const char *ir_sender_authentic(const struct ir_mime *m, const char *addr,
    const char *root, const char *authserv_id, char *why, size_t size);

#endif
