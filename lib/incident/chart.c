/* chart.c - see chart.h */
#include <stdio.h>
#include <string.h>

#include "../core/text.h"
#include "chart.h"
#include "markup.h"

/* In the units of the view box. */
#define WIDTH 960
#define HEIGHT 260
#define LEFT 64
#define RIGHT 12
#define TOP 30
#define BOTTOM 40
#define INNER_W (WIDTH - LEFT - RIGHT)
#define INNER_H (HEIGHT - TOP - BOTTOM)

void
ir_chart_sum(const struct ir_volume *v, const struct ir_span *s,
    struct ir_chart_sums *sum)
{
	int64_t slot, mark = s->mark / IR_VOLUME_STEP;
	double n;

	memset(sum, 0, sizeof *sum);
	for (slot = s->from; slot <= s->to; slot++) {
		n = ir_volume_at(v, slot);
		if (n < 0) {
			sum->unknown++;
			continue;
		}
		if (n > sum->peak) {
			sum->peak = n;
			sum->peak_at = slot;
		}
		if (s->mark && slot > mark) {
			sum->after += n;
			sum->known_after++;
		} else {
			sum->before += n;
		}
	}
}

/* A step of the scale that gives two to five lines. */
static double
nice_step(double max)
{
	static const double factors[] = { 1, 2, 5 };
	double p = 1;
	size_t i;

	for (;; p *= 10)
		for (i = 0; i < 3; i++)
			if (max <= 5 * p * factors[i])
				return p * factors[i];
}

static double
x_of(const struct ir_span *s, double slot)
{
	return LEFT + (slot - (double)s->from) * INNER_W /
	    (double)(s->to - s->from + 1);
}

static void
number(struct ir_buf *out, double n)
{
	char text[32];
	size_t len, i;

	len = (size_t)snprintf(text, sizeof text, "%.0f", n);
	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			ir_buf_chr(out, ',');
		ir_buf_chr(out, text[i]);
	}
}

static void
scale(struct ir_buf *out, double top, double step)
{
	double n, y;

	for (n = 0; n <= top + step / 2; n += step) {
		y = TOP + INNER_H - n * INNER_H / top;
		ir_buf_fmt(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" "
		    "y1=\"%.1f\" y2=\"%.1f\"/><text class=\"num\" x=\"%d\" "
		    "y=\"%.1f\">", LEFT, WIDTH - RIGHT, y, y, LEFT - 8,
		    y + 4);
		number(out, n);
		ir_buf_str(out, "</text>\n");
	}
}

/* Times below: at round ones, eight at most. */
static void
times(struct ir_buf *out, const struct ir_span *s)
{
	static const int steps[] = { 1, 2, 4, 8, 12, 24, 48, 96, 192, 384,
	    96 * 7, 96 * 14, 96 * 28 };
	int64_t slot, len = s->to - s->from + 1, day = -1;
	char stamp[IR_TIME_LEN];
	size_t i = 0;
	double x;

	while (i + 1 < sizeof steps / sizeof *steps && len / steps[i] > 8)
		i++;
	slot = (s->from + steps[i] - 1) / steps[i] * steps[i];
	for (; slot <= s->to + 1; slot += steps[i]) {
		x = x_of(s, (double)slot);
		if (x > WIDTH - RIGHT - 16 && slot != s->from)
			break;
		ir_time_rfc3339(slot * IR_VOLUME_STEP, stamp);
		ir_buf_fmt(out, "<line class=\"tick\" x1=\"%.1f\" "
		    "x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text class=\"time\" "
		    "x=\"%.1f\" y=\"%d\">%.5s</text>\n", x, x,
		    TOP + INNER_H, TOP + INNER_H + 5, x,
		    TOP + INNER_H + 18, stamp + 11);
		if (slot * IR_VOLUME_STEP / 86400 != day)
			ir_buf_fmt(out, "<text class=\"time\" x=\"%.1f\" "
			    "y=\"%d\">%.10s</text>\n", x,
			    TOP + INNER_H + 33, stamp);
		day = slot * IR_VOLUME_STEP / 86400;
	}
}

static void
bars(struct ir_buf *out, const struct ir_volume *v, const struct ir_span *s,
    double top)
{
	int64_t slot, mark = s->mark / IR_VOLUME_STEP;
	double n, x, w = (double)INNER_W / (double)(s->to - s->from + 1), h;
	double gap = w > 4 ? 1 : w > 2 ? 0.4 : 0;

	for (slot = s->from; slot <= s->to; slot++) {
		n = ir_volume_at(v, slot);
		if (n <= 0)
			continue;
		x = x_of(s, (double)slot) + gap / 2;
		h = n * INNER_H / top;
		if (h < 1.5)
			h = 1.5;	/* little is not nothing */
		ir_buf_fmt(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" "
		    "width=\"%.2f\" height=\"%.1f\"/>\n",
		    s->mark && slot > mark ? "after" : "before", x,
		    TOP + INNER_H - h, w - gap, h);
	}
}

/* Where nothing is known, so that it is not taken for nothing sent. */
static void
blanks(struct ir_buf *out, const struct ir_volume *v, const struct ir_span *s,
    unsigned id)
{
	int64_t slot, start = -1;

	for (slot = s->from; slot <= s->to + 1; slot++) {
		if (slot <= s->to && ir_volume_at(v, slot) < 0) {
			if (start < 0)
				start = slot;
		} else if (start >= 0) {
			ir_buf_fmt(out, "<rect fill=\"url(#unknown%u)\" "
			    "x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
			    "height=\"%d\"/>\n", id,
			    x_of(s, (double)start), TOP,
			    x_of(s, (double)slot) - x_of(s, (double)start),
			    INNER_H);
			start = -1;
		}
	}
}

static void
mark(struct ir_buf *out, const struct ir_span *s)
{
	double x = x_of(s, (double)s->mark / IR_VOLUME_STEP);
	char stamp[IR_TIME_LEN];
	bool left = x > WIDTH * 0.7;

	if (!s->mark || x < LEFT || x > WIDTH - RIGHT)
		return;
	ir_time_rfc3339(s->mark, stamp);
	ir_buf_fmt(out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" "
	    "y1=\"%d\" y2=\"%d\"/><text class=\"marktext\" x=\"%.1f\" "
	    "y=\"%d\" text-anchor=\"%s\">", x, x, TOP - 12, TOP + INNER_H,
	    left ? x - 6 : x + 6, TOP - 4, left ? "end" : "start");
	ir_mark_html(out, s->mark_text);
	ir_buf_fmt(out, " %.5s</text>\n", stamp + 11);
}

void
ir_chart_svg(const struct ir_volume *v, const struct ir_span *s, unsigned n,
    struct ir_buf *out)
{
	struct ir_chart_sums sum;
	double step, top;

	ir_chart_sum(v, s, &sum);
	step = nice_step(sum.peak > 0 ? sum.peak : 1);
	for (top = step; top < sum.peak; top += step)
		;
	ir_buf_fmt(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" "
	    "aria-labelledby=\"chart%u-t chart%u-d\">\n"
	    "<title id=\"chart%u-t\">", WIDTH, HEIGHT, n, n, n);
	ir_mark_html(out, v->label);
	ir_buf_fmt(out, "</title>\n<desc id=\"chart%u-d\">The figures are in "
	    "the caption below and in the table at the end of the page."
	    "</desc>\n<defs><pattern id=\"unknown%u\" width=\"8\" "
	    "height=\"8\" patternUnits=\"userSpaceOnUse\" "
	    "patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" "
	    "y1=\"0\" x2=\"0\" y2=\"8\"/></pattern></defs>\n", n, n);
	blanks(out, v, s, n);
	scale(out, top, step);
	bars(out, v, s, top);
	times(out, s);
	mark(out, s);
	ir_buf_str(out, "</svg>\n");
}
