/*
 * block.h - what can be kept from sending, each by a file of Exim's hook
 * (hook.h): an entry may end by itself, with "until=SECONDS" behind its key.
 *
 *	deny_accounts	who logged in		550 at MAIL
 *	deny_users	local users		refused by sendmail
 *	deny_senders	envelope senders	550 at MAIL, refused
 *	deny_hosts	addresses		550 at MAIL
 *	deny_scripts	of X-PHP-... headers	refused by sendmail
 *	deny_domains	of recipients		451 at RCPT
 *	limits		who logged in		451 at RCPT: "limit=N" an hour
 *
 * What is in the queue already, of all but the limits, is held by the first
 * router: deferred, so that nothing bounces.  Not so with "new=1" behind the
 * key: then only new mail is meant.
 */
#ifndef IR_EXIM_BLOCK_H
#define IR_EXIM_BLOCK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../core/buf.h"
#include "hook.h"

#define IR_BLOCK_SAID "by incident response"	/* Exim says so */

enum ir_block {
	IR_BLOCK_AUTH, IR_BLOCK_LOCAL, IR_BLOCK_SENDER, IR_BLOCK_HOST,
	IR_BLOCK_SCRIPT, IR_BLOCK_DOMAIN, IR_BLOCK_LIMIT, IR_BLOCK_N
};

/* "auth", "local", ...; -1 when the word is none. */
const char *ir_block_name(enum ir_block k);
int ir_block_kind(const char *name);

/* The file in the folder. */
const char *ir_block_file(enum ir_block k);

/* What the hook lacks for that kind, or NULL. */
const char *ir_block_lacks(const struct ir_exim_hook *h, enum ir_block k);

/* Append the lines for a section: "mail", "not_smtp", "rcpt", "router". */
void ir_block_print(struct ir_buf *out, const char *section,
    const char *dir);

/* Append the condition under which a queued message is held. */
void ir_block_print_held(struct ir_buf *out, const char *dir);

/* "until=N " and "limit=N " of an entry's text; 0 when there is none. */
int64_t ir_block_number(const char *text, size_t n, const char *name);

/*
 * Ask Exim by a session that is not for real ("exim -bh"), as if the message
 * came from there: does it refuse, by our words?  Only for accounts, senders,
 * hosts and domains.  Sets *code and said (its reply).  1, 0 it was let
 * through, or it was refused for another reason, or -1: 75, 66.
 */
int ir_block_probe(const char *exim, enum ir_block k, const char *key,
    int *code, char said[200], struct ir_err *err);

#endif
