/*
 * select.h - which messages of a queue: the options that exim-queue and
 * exim-queue-purge share, and whether a message meets them all.
 *
 * Texts are compared whole and without regard to the case of ASCII letters,
 * since mailbox names and domains are written either way for one account.
 * With --regex they are PCRE2 patterns, which match anywhere and by case.
 */
#ifndef IR_EXIM_SELECT_H
#define IR_EXIM_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/cli.h"
#include "spool.h"

enum ir_sel {
	IR_SEL_SENDER, IR_SEL_AUTH_USER, IR_SEL_AUTH_SENDER, IR_SEL_IDENT,
	IR_SEL_HOST, IR_SEL_PROTOCOL, IR_SEL_SCRIPT, IR_SEL_RCPT,
	IR_SEL_RCPT_DOMAIN, IR_SEL_SUBJECT, IR_SEL_N
};

struct ir_regex;

struct ir_select {
	const char *text[IR_SEL_N];	/* NULL: not asked for */
	long min_rcpts, older, newer;	/* -1: not asked for */
	bool frozen, not_frozen, bounces, not_bounces, regex;
	struct ir_regex *re[IR_SEL_N];	/* owned */
	size_t gave_up;			/* matches that took too long */
};

#define IR_SELECT_INIT { .min_rcpts = -1, .older = -1, .newer = -1 }

#define IR_OPTS_SELECT(s) \
	{ 0, "sender", "ADDR", IR_STR, &(s)->text[IR_SEL_SENDER], \
	    "envelope sender; '<>' is that of a bounce" }, \
	{ 0, "auth-user", "ID", IR_STR, &(s)->text[IR_SEL_AUTH_USER], \
	    "who logged in (SMTP AUTH), or the local user" }, \
	{ 0, "auth-sender", "ADDR", IR_STR, &(s)->text[IR_SEL_AUTH_SENDER], \
	    "authenticated sender" }, \
	{ 0, "ident", "USER", IR_STR, &(s)->text[IR_SEL_IDENT], \
	    "local user, or what ident said" }, \
	{ 0, "host", "IP", IR_STR, &(s)->text[IR_SEL_HOST], \
	    "address it came from" }, \
	{ 0, "protocol", "NAME", IR_STR, &(s)->text[IR_SEL_PROTOCOL], \
	    "how it came: esmtpsa, local, ..." }, \
	{ 0, "script", "TEXT", IR_STR, &(s)->text[IR_SEL_SCRIPT], \
	    "PHP script that the headers name" }, \
	{ 0, "recipient", "ADDR", IR_STR, &(s)->text[IR_SEL_RCPT], \
	    "one of the recipients" }, \
	{ 0, "recipient-domain", "DOMAIN", IR_STR, \
	    &(s)->text[IR_SEL_RCPT_DOMAIN], "domain of one of them" }, \
	{ 0, "min-recipients", "N", IR_INT, &(s)->min_rcpts, \
	    "this many recipients or more" }, \
	{ 0, "subject", "REGEX", IR_STR, &(s)->text[IR_SEL_SUBJECT], \
	    "subject, decoded; always a regular expression" }, \
	{ 0, "older-than", "SECONDS", IR_SECONDS, &(s)->older, \
	    "received longer ago than that" }, \
	{ 0, "newer-than", "SECONDS", IR_SECONDS, &(s)->newer, \
	    "received since then" }, \
	{ 0, "frozen", NULL, IR_BOOL, &(s)->frozen, "only frozen ones" }, \
	{ 0, "not-frozen", NULL, IR_BOOL, &(s)->not_frozen, \
	    "no frozen ones" }, \
	{ 0, "bounces", NULL, IR_BOOL, &(s)->bounces, "only bounces" }, \
	{ 0, "not-bounces", NULL, IR_BOOL, &(s)->not_bounces, \
	    "no bounces" }, \
	{ 'E', "regex", NULL, IR_BOOL, &(s)->regex, \
	    "the texts are regular expressions (PCRE2)" }

/* Is anything asked for? */
bool ir_select_any(const struct ir_select *s);

/* Compile the patterns.  0, or -1: 64 a bad pattern, 71. */
int ir_select_begin(struct ir_select *s, struct ir_err *err);
void ir_select_end(struct ir_select *s);

/* Does the message meet all that is asked for?  now: seconds. */
bool ir_select_match(struct ir_select *s, const struct ir_spool_msg *m,
    int64_t now);

/*
 * Texts of a message as records have them: at most this many bytes, clean
 * UTF-8, and "<>" for the sender of a bounce.
 */
#define IR_SPOOL_TEXT_MAX 1024

struct ir_rec;

void ir_spool_text(struct ir_rec *r, const char *key, struct ir_span s);
struct ir_span ir_spool_sender(const struct ir_spool_msg *m);

/* Is s what a record calls `recorded`? */
bool ir_spool_text_is(struct ir_span s, const char *recorded);

#endif
