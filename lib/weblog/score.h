/*
 * score.h - which URLs look like forms or scripts through which somebody
 * sends spam, by signals that each name what was found and from where on it
 * counts; and who posts to many of them.
 *
 *	signal	points	when
 *	burst	15	an hour of 50 or more, and 10 times its median other
 *			hour (of those farther than 12 hours away, if there
 *			are 3); or of 100, where it has fewer than 6 other
 *			hours, if all are within a day, or 3 times their median
 *	spread	10	a burst from 20 networks or more
 *	one	10	a burst of which 80 % come from one network
 *	bare	10	80 % without a referer
 *	agent	10	80 % by one program that is no browser, or by one and
 *			the same browser from 5 networks or more
 *	form	10	it is named as a mail form is
 *	place	30	a script in a folder for uploads, caches, pictures; or
 *			a part of WordPress' that is only included
 *	mail	25	mail of its user in the same seconds, for half of them,
 *			and twice as often as by chance; or as many mails in
 *			its worst hour, if the user is known or one has 8 of
 *			10 of them: only of what burst, bare and agent, or
 *			place speak, or of a known user's form by which few
 *			networks (100 POSTs, 20 for each) write to always new
 *			recipients.  Or, of a known user, 4 mails for each
 *	to-few	-20	instead: all of 20 or more recipients are the same few
 *			(a twentieth): the owner is told
 *	reply	10	with that, 9 of 10 of 20 or more recipients in its
 *			hours are new
 *	no-mail	-20	the user's mail is known, and it follows one of ten
 *
 * 60 abused, 30 suspect, 15 watch.  Only what was answered with 2xx or 3xx
 * counts, from 20 on (place: 3).  What is known to be honest by its name, and a
 * login, have points only when mail follows; shops and payments, of which each
 * has its mail, only if 4 do.
 */
#ifndef IR_WEBLOG_SCORE_H
#define IR_WEBLOG_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counts.h"

#define IR_WEB_SIGNALS 10
#define IR_WEB_GUESSES 100	/* an hour at a login: brute force */

struct ir_web_signal {
	const char *name;
	int points;
	int64_t found, limit;
	const char *unit;	/* "% of them", "in an hour" */
};

struct ir_web_score {
	struct ir_web_url *url;		/* borrowed; its sets are sorted */
	int score;
	const char *verdict;	/* abused, suspect, watch, brute-force, none */
	struct ir_web_signal signal[IR_WEB_SIGNALS];
	size_t n;
	int64_t peak_hour;	/* epoch */
	uint32_t peak, median;	/* median 0: it has no other hours */
	size_t others;		/* hours that it is the median of */
	uint64_t chance;	/* how many would have had mail by chance */
	int user;		/* who sent mail meanwhile; of mails.h */
	bool has_mail;		/* these two are known */
};

/* A network or a program, over all URLs that are not known as honest. */
struct ir_web_who {
	bool agent;
	uint64_t key;		/* of ir_web_net_text, ir_web_agent_of */
	uint64_t posts, logins;
	uint32_t urls;
	int64_t first, last;
	struct ir_web_url *top[5];	/* where most went; borrowed */
	uint32_t top_n[5];
	int score;
	const char *verdict;
	struct ir_web_signal signal[2];
	size_t n;
};

/* How bad it is, as a word. */
const char *ir_web_verdict(int score);

void ir_web_score(struct ir_web_url *u, const struct ir_web_counts *c,
    struct ir_web_score *s);

/*
 * Networks and programs that post to 5 URLs or more, or guess at logins: *v,
 * which the caller frees.  Before ir_web_score() sorts the sets.  How many, or
 * -1: no memory.
 */
int ir_web_whos(const struct ir_web_counts *c, struct ir_web_who **v,
    struct ir_err *err);

/* Does a program call itself a browser? */
bool ir_web_browser(const char *agent);

#endif
