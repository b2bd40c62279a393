/*
 * select.h - which messages of a queue: the options that exim-queue and
 * exim-queue-purge share, and whether a message meets them all.
 *
 * Texts are compared whole and without regard to the case of ASCII letters,
 * since mailbox names and domains are written either way for one account.
 * With --regex they are PCRE2 patterns, which match anywhere and by case.
 * Each match has a limit, so that no text of a spammer can stall us.
 *
 * All options become one expression (expr.h), joined by "and".
 */
#ifndef IR_EXIM_SELECT_H
#define IR_EXIM_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/cli.h"
#include "expr.h"
#include "queue.h"
#include "spool.h"

#define IR_SEL_TEXTS (IR_F_BODY + 1)	/* fields that are options */
#define IR_SEL_BODY_MAX 262144		/* bytes of a body that are searched */

struct ir_regex;

struct ir_select {
	const char *text[IR_SEL_TEXTS];	/* by field; NULL: not asked for */
	long min_rcpts, max_rcpts;	/* -1: not asked for, as all below */
	long older, newer, larger, smaller, deferred_since;
	bool frozen, not_frozen, bounces, not_bounces, deferred, regex;
	struct ir_list headers;		/* NAME=REGEX */
	const char *where;
	/* owned */
	struct ir_expr expr;
	int root;			/* -1: everything matches */
	struct ir_regex **re;		/* by node */
	struct ir_buf scratch;
	struct ir_file_buf file;
	size_t gave_up;			/* matches that took too long */
};

#define IR_SELECT_INIT { .min_rcpts = -1, .max_rcpts = -1, .older = -1, \
	.newer = -1, .larger = -1, .smaller = -1, .deferred_since = -1, \
	.root = -1 }

#define IR_OPTS_SELECT(s) \
	{ 0, "sender", "ADDR", IR_STR, &(s)->text[IR_F_SENDER], \
	    "envelope sender; '<>' is that of a bounce" }, \
	{ 0, "sender-domain", "DOMAIN", IR_STR, \
	    &(s)->text[IR_F_SENDER_DOMAIN], "its domain" }, \
	{ 0, "auth-user", "ID", IR_STR, &(s)->text[IR_F_AUTH_USER], \
	    "who logged in (SMTP AUTH), or the local user" }, \
	{ 0, "auth-sender", "ADDR", IR_STR, &(s)->text[IR_F_AUTH_SENDER], \
	    "authenticated sender" }, \
	{ 0, "ident", "USER", IR_STR, &(s)->text[IR_F_IDENT], \
	    "local user, or what ident said" }, \
	{ 0, "host", "IP", IR_STR, &(s)->text[IR_F_HOST], \
	    "address it came from, or a net: 192.0.2.0/24" }, \
	{ 0, "helo", "NAME", IR_STR, &(s)->text[IR_F_HELO], \
	    "what the client called itself" }, \
	{ 0, "protocol", "NAME", IR_STR, &(s)->text[IR_F_PROTOCOL], \
	    "how it came: esmtpsa, local, ..." }, \
	{ 0, "script", "TEXT", IR_STR, &(s)->text[IR_F_SCRIPT], \
	    "PHP script that the headers name" }, \
	{ 0, "recipient", "ADDR", IR_STR, &(s)->text[IR_F_RECIPIENT], \
	    "one of the recipients" }, \
	{ 0, "recipient-domain", "DOMAIN", IR_STR, \
	    &(s)->text[IR_F_RECIPIENT_DOMAIN], "domain of one of them" }, \
	{ 0, "min-recipients", "N", IR_INT, &(s)->min_rcpts, \
	    "this many recipients or more" }, \
	{ 0, "max-recipients", "N", IR_INT, &(s)->max_rcpts, \
	    "this many or fewer" }, \
	{ 0, "subject", "REGEX", IR_STR, &(s)->text[IR_F_SUBJECT], \
	    "subject, decoded; always a regular expression" }, \
	{ 0, "header", "NAME=REGEX", IR_LIST, &(s)->headers, \
	    "a header of that name matches; may be repeated" }, \
	{ 0, "body", "REGEX", IR_STR, &(s)->text[IR_F_BODY], \
	    "the first 256 KiB of the body, also decoded" }, \
	{ 0, "older-than", "SECONDS", IR_SECONDS, &(s)->older, \
	    "received longer ago than that" }, \
	{ 0, "newer-than", "SECONDS", IR_SECONDS, &(s)->newer, \
	    "received since then" }, \
	{ 0, "larger-than", "BYTES", IR_INT, &(s)->larger, \
	    "headers and body are more than that" }, \
	{ 0, "smaller-than", "BYTES", IR_INT, &(s)->smaller, \
	    "or less" }, \
	{ 0, "deferred", NULL, IR_BOOL, &(s)->deferred, \
	    "tried at least once" }, \
	{ 0, "deferred-since", "SECONDS", IR_SECONDS, \
	    &(s)->deferred_since, "first tried longer ago than that" }, \
	{ 0, "frozen", NULL, IR_BOOL, &(s)->frozen, "only frozen ones" }, \
	{ 0, "not-frozen", NULL, IR_BOOL, &(s)->not_frozen, \
	    "no frozen ones" }, \
	{ 0, "bounces", NULL, IR_BOOL, &(s)->bounces, "only bounces" }, \
	{ 0, "not-bounces", NULL, IR_BOOL, &(s)->not_bounces, \
	    "no bounces" }, \
	{ 0, "where", "EXPR", IR_STR, &(s)->where, \
	    "an expression with and, or, not and ( )" }, \
	{ 'E', "regex", NULL, IR_BOOL, &(s)->regex, \
	    "the texts are regular expressions (PCRE2)" }

/* Is anything asked for? */
bool ir_select_any(const struct ir_select *s);

/* Compile it all.  0, or -1: 64 a bad pattern or expression, 71. */
int ir_select_begin(struct ir_select *s, struct ir_err *err);
void ir_select_end(struct ir_select *s);

/* A message to be judged. */
struct ir_select_msg {
	const struct ir_spool_msg *m;
	const struct ir_queue_item *at;	/* NULL: it lies in no folder, and no
					   size, body or delay is known */
	int data_fd;			/* its -D where that is open, else -1:
					   who has it locked must not open it
					   a second time */
	int64_t now;
};

/* Does the message meet all that is asked for? */
bool ir_select_match(struct ir_select *s, const struct ir_select_msg *t);

/*
 * Texts of a message as records have them: at most this many bytes, clean
 * UTF-8, and "<>" for the sender of a bounce.
 */
#define IR_SPOOL_TEXT_MAX 1024

struct ir_rec;

void ir_spool_text(struct ir_rec *r, const char *key, struct ir_span s);
struct ir_span ir_spool_sender(const struct ir_spool_msg *m);

/* Append what a record calls s. */
void ir_spool_recorded(struct ir_buf *out, struct ir_span s);

#endif
