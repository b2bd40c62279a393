/*
 * mails.h - mail that local programs handed to Exim, by Exim's main log: who
 * (the local user), when, to whom, and from which folder.
 *
 * Source: Exim specification, "Log files": "<= sender U=user P=local ... for
 * recipients" without H=; with log_selector = +arguments a line "cwd=FOLDER N
 * args: ..." before it.
 */
#ifndef IR_WEBLOG_MAILS_H
#define IR_WEBLOG_MAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../log/delivery.h"
#include "set.h"

#define IR_WEB_USERS 4096	/* local users that are told apart */
#define IR_WEB_ANY 0		/* "any local user but root" */
#define IR_WEB_NONE (-1)	/* a user of whom there is no mail */

struct ir_web_mails;

struct ir_web_mails *ir_web_mails_new(void);	/* NULL: no memory */
void ir_web_mails_free(struct ir_web_mails *m);

/* One line of the log; what is of something else is passed over. */
void ir_web_mails_line(struct ir_web_mails *m, const char *line, size_t n,
    const struct ir_delivery_clock *clock);
/* All is read: now it can be asked.  0, or -1: no memory. */
int ir_web_mails_ready(struct ir_web_mails *m, struct ir_err *err);

/* The user's number, or IR_WEB_NONE. */
int ir_web_mails_user(const struct ir_web_mails *m, const char *name);
const char *ir_web_mails_name(const struct ir_web_mails *m, int user);
/* How many he sent in from ... to, both included. */
size_t ir_web_mails_count(const struct ir_web_mails *m, int user,
    int64_t from, int64_t to);

/* The user who sent 8 of 10 of those, if they are 10; or IR_WEB_ANY. */
int ir_web_mails_most(const struct ir_web_mails *m, int64_t from,
    int64_t to);

struct ir_web_mails_sum {
	uint64_t mails, recipients;
	uint64_t distinct;	/* recipients, each counted once */
	const char *cwd;	/* where most were sent from; or NULL */
	uint64_t cwd_mails;
};

/*
 * What he sent in those hours, of each between its first time and so many
 * seconds after its last; cwd is of all that he sent.  Not from two threads at
 * once.
 */
void ir_web_mails_about(const struct ir_web_mails *m, int user,
    const struct ir_web_set *hours, int64_t after,
    struct ir_web_mails_sum *sum);

#endif
