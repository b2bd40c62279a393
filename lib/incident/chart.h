/*
 * chart.h - a bar chart of a series as SVG that stands in an HTML page: no
 * script, nothing from elsewhere; its colours are the page's CSS variables
 * (--before, --after, --grid, --unknown), its text the page's.  Pure.
 */
#ifndef IR_CHART_H
#define IR_CHART_H

#include <stdint.h>

#include "../core/buf.h"
#include "volume.h"

/* What is shown of a series. */
struct ir_span {
	int64_t from, to;	/* slots, to included */
	int64_t mark;		/* seconds since the epoch; 0: none */
	const char *mark_text;	/* "contained" */
};

/* What can be said of it, for people who do not see it. */
struct ir_chart_sums {
	double peak, before, after;
	int64_t peak_at;	/* slot */
	size_t unknown;		/* slots of which nothing is known */
	size_t known_after;	/* slots after the mark that are known */
};

void ir_chart_sum(const struct ir_volume *v, const struct ir_span *s,
    struct ir_chart_sums *sum);

/* n makes the ids in it its own. */
void ir_chart_svg(const struct ir_volume *v, const struct ir_span *s,
    unsigned n, struct ir_buf *out);

#endif
