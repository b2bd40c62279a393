/*
 * score.h - who of a state (state.h) looks as if somebody else sends by it?
 * Each signal is named with its points, what was found, from where on it
 * counts, and the lines that show it.  Sources of the limits: what cPanel,
 * CSF, policy daemons and postmasters use (reference in the man page).
 *
 * Places, not addresses, are counted: the AS where a database knows it, else
 * the /8 (IPv6: /24), so that a telephone that roams is one or a few.  This
 * host's own and private addresses (webmail, panels) are no place.
 */
#ifndef IR_MAILLOG_SCORE_H
#define IR_MAILLOG_SCORE_H

#include "../net/origin.h"
#include "state.h"

#define IR_MAIL_SIGNALS 20
#define IR_MAIL_LINES 10		/* of evidence, per signal */
#define IR_MAIL_COUNTRIES 32
#define IR_MAIL_WATCH 20
#define IR_MAIL_SUSPECT 30
#define IR_MAIL_COMPROMISED 60

struct ir_mail_signal {
	const char *name;	/* "nets" */
	int points;
	int64_t value, limit;	/* found; counts from here on */
	char why[200];
	uint64_t line[IR_MAIL_LINES];	/* where */
	size_t nlines;
};

struct ir_mail_place {
	uint32_t key, net, first, last, sends, nets;
	uint64_t where;
	char country[3];	/* "": not known */
	char region;		/* of its /8; 0: IPv6, or not known */
	bool known;		/* others here use it */
};

struct ir_mail_verdict {
	int score;
	const char *level;	/* "compromised", "suspect", "watch", "" */
	struct ir_mail_signal signal[IR_MAIL_SIGNALS];
	size_t nsignals;
	size_t ips, nets, places;
	size_t asns, countries;	/* 0 without a database */
	char country[IR_MAIL_COUNTRIES][3];
	struct ir_mail_place *place;	/* by first; owned */
	uint32_t peak, peak_hour;	/* messages; hours since the epoch */
	uint32_t median;		/* messages in its middle hour */
};

/* lines: how many of evidence per signal, at most IR_MAIL_LINES.  0, or -1:
 * 71.  The caller calls ir_mail_verdict_free(). */
int ir_mail_judge(const struct ir_mail_state *s,
    const struct ir_mail_subject *u, struct ir_origins *o, size_t lines,
    struct ir_mail_verdict *v, struct ir_err *err);
void ir_mail_verdict_free(struct ir_mail_verdict *v);

/* Is it worth judging?  Quick; false is certain. */
bool ir_mail_maybe(const struct ir_mail_subject *u);

#endif
