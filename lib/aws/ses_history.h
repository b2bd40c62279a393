/*
 * ses_history.h - which hours of a region's sending are out of the ordinary,
 * by a rule that can be said in a sentence.  Pure.
 *
 * The usual of an hour is the median, over the other days, of the most that
 * was sent within an hour of that time of day (a newsletter may come an hour
 * later).  The median does not move when a few days are abuse.  An hour is
 * marked when it has more than `times` the usual and `floor` mails besides,
 * unless a week before or after it was alike (a newsletter of each Monday).
 */
#ifndef IR_SES_HISTORY_H
#define IR_SES_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#define IR_HISTORY_HOURS (60 * 24)	/* most hours that are looked at */
#define IR_HISTORY_TIMES 4
#define IR_HISTORY_FLOOR 100
#define IR_HISTORY_DAYS 3		/* fewest other days to compare with */

struct ir_history_mark {
	bool marked;
	bool known;		/* there are days enough to compare with */
	double usual;
};

/* sent[0] is the oldest of n hours; out has n. */
void ir_history_marks(const double *sent, size_t n, double times,
    double floor, struct ir_history_mark *out);

#endif
