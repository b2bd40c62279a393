/*
 * smtp_verdict.h - what a mail server's answer says about credentials, as
 * one word.  Pure: no sockets, no clock.
 *
 * Sources: SES Developer Guide, "Troubleshooting Amazon SES SMTP issues" and
 * "SMTP response codes returned by Amazon SES"; RFC 4954, section 6; RFC
 * 3207; RFC 5321, 4.2.  SES writes what it means into the text, so the text
 * is looked at; a server of another make gets by with the code.
 */
#ifndef IR_SMTP_VERDICT_H
#define IR_SMTP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "smtp.h"

enum ir_smtp_verdict {
	IR_SV_OK,
	IR_SV_BAD_CREDENTIALS,
	IR_SV_NOT_PROPAGATED,	/* only of several answers, or a young key */
	IR_SV_NO_PERMISSION,
	IR_SV_NOT_VERIFIED,	/* identity-not-verified */
	IR_SV_PAUSED,
	IR_SV_THROTTLED,
	IR_SV_TEMPORARY,	/* another 4xx */
	IR_SV_TLS,
	IR_SV_BLOCKED,		/* only when another port was tried */
	IR_SV_UNREACHABLE,
	IR_SV_NOT_SMTP,
	IR_SV_NOT_SUBSCRIBED,	/* account-not-subscribed */
	IR_SV_REJECTED,		/* another 5xx */
	IR_SV_UNKNOWN,		/* the answer to the dot was lost */
	IR_SV_COUNT
};

struct ir_smtp_judged {
	enum ir_smtp_verdict verdict;
	const char *kind;	/* more exactly, static; "" when there is no
				   more: "expired", "daily-quota", ... */
	/* of no-permission and identity-not-verified; may be "" */
	char principal[320], action[64], resource[320];
};

/* The word of a verdict, and the verdict of a word (IR_SV_COUNT: none). */
const char *ir_smtp_verdict_name(enum ir_smtp_verdict v);
enum ir_smtp_verdict ir_smtp_verdict_find(const char *word);

/*
 * One answer: the reply, if there was one (code not 0), else the trouble.  A
 * 2xx or 3xx is IR_SV_OK, at whatever stage.
 */
void ir_smtp_judge(const struct ir_smtp_reply *reply,
    enum ir_smtp_trouble trouble, struct ir_smtp_judged *j);

/*
 * Several answers to the same question: all alike is that; both accepted and
 * refused is a change that is spreading; a lost one outweighs all; else the
 * last that decides something, else the last.  n is at least 1.
 */
enum ir_smtp_verdict ir_smtp_verdict_sum(const enum ir_smtp_verdict *v,
    size_t n);

/* Would asking again be of no use? */
bool ir_smtp_verdict_decided(enum ir_smtp_verdict v);

#endif
