/* ses_history.c - see ses_history.h */
#include <stdlib.h>

#include "ses_history.h"

#define DAY 24
#define WEEK (7 * DAY)

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The most within an hour of hour i. */
static double
around(const double *sent, size_t n, size_t i)
{
	double most = sent[i];

	if (i > 0 && sent[i - 1] > most)
		most = sent[i - 1];
	if (i + 1 < n && sent[i + 1] > most)
		most = sent[i + 1];
	return most;
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_size);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Was it alike at this time of another week? */
static bool
weekly(const double *sent, size_t n, size_t i, double times)
{
	size_t back;

	for (back = WEEK; back < n; back += WEEK) {
		if (i >= back && around(sent, n, i - back) * times >= sent[i])
			return true;
		if (i + back < n &&
		    around(sent, n, i + back) * times >= sent[i])
			return true;
	}
	return false;
}

void
ir_history_marks(const double *sent, size_t n, double times, double floor,
    struct ir_history_mark *out)
{
	double other[IR_HISTORY_HOURS / DAY + 1];
	size_t i, k, days;

	for (i = 0; i < n; i++) {
		days = 0;
		for (k = i % DAY; k < n && days < IR_HISTORY_HOURS / DAY;
		    k += DAY)
			if (k != i)
				other[days++] = around(sent, n, k);
		out[i] = (struct ir_history_mark){ false, false, 0 };
		if (days < IR_HISTORY_DAYS)
			continue;
		out[i].known = true;
		out[i].usual = median(other, days);
		out[i].marked = sent[i] > out[i].usual * times + floor &&
		    !weekly(sent, n, i, times);
	}
}
