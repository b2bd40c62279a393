/*
 * refusals.h - the table of providers and of what they say when they will not
 * take a message: which provider, what it means, what to do.  Pure.
 *
 * The table is text: one entry a line, columns separated by tabs, '#' begins
 * a comment line, "-" is an empty column.
 *
 *	provider NAME TITLE HOSTS DOMAINS CONTACT ASKS
 *		HOSTS and DOMAINS: names, joined by ';', of mail servers and of
 *		recipients; what ends in ".NAME" is meant, too; of several
 *		providers that fit, the last.  CONTACT: URL or
 *		address of who helps senders.  ASKS: what they want to be told
 *	refusal PROVIDER ID CODES PATTERN CLASS LIST MEANING TODO CONTACT
 *		PROVIDER: a NAME from above, or "*".  ID: a word of its own.
 *		CODES: "*", or several joined by ';' of "421", "4xx", "5.7.1",
 *		"5.7.*" (begins so).  PATTERN: a regular expression (PCRE), case
 *		does not matter, "-": any text.  CLASS: see
 *		IR_REFUSAL_CLASSES.  LIST: the blocklist that is named, "$1"
 *		is what the first group matched.  CONTACT "-": the
 *		provider's
 *
 * Of a provider's entries and then those of "*" the first that fits holds.
 * A later table comes before an earlier one: yours before the one that ships.
 */
#ifndef IR_LOG_REFUSALS_H
#define IR_LOG_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "delivery.h"

#define IR_REFUSALS_BYTES (1u << 20)	/* of one table */
#define IR_REFUSALS_MAX 2000		/* entries of all tables */

#define IR_REFUSAL_CLASSES "ip-blocked", "domain-blocked", "rate", "auth", \
	"ptr", "content", "user", "policy", "tls", "account", "greylist", \
	"connection", "temporary"

struct ir_refusal_provider {
	const char *name, *title, *hosts, *domains, *contact, *asks;
};

struct ir_refusal_rule {
	const char *provider, *id, *codes, *pattern, *class, *list;
	const char *meaning, *todo, *contact;
	void *code;		/* compiled */
};

struct ir_refusals;

/* NULL: no memory. */
struct ir_refusals *ir_refusals_new(void);
void ir_refusals_free(struct ir_refusals *t);

/* Add a table.  name is for messages.  0, or -1: 78 "NAME:LINE: ...", 71. */
int ir_refusals_add(struct ir_refusals *t, const char *text, size_t n,
    const char *name, struct ir_err *err);
size_t ir_refusals_count(const struct ir_refusals *t);

/*
 * Who answered: by the server's name, else by the recipient's domain.  NULL:
 * nobody in the table.
 */
const struct ir_refusal_provider *ir_refusals_provider(
    const struct ir_refusals *t, const char *host, const char *domain);

/*
 * What the reply means; provider may be NULL.  NULL: nothing fits.  list:
 * the blocklist that is named, or "".
 */
const struct ir_refusal_rule *ir_refusals_match(const struct ir_refusals *t,
    const struct ir_refusal_provider *provider, const struct ir_delivery *d,
    char list[80]);

/*
 * The reply with what differs from one message to the next taken out:
 * addresses, ids, long numbers.  Replies of one shape are one kind.
 */
void ir_refusal_shape(const char *text, struct ir_buf *out);

#endif
