/* volume.c - see volume.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "volume.h"

void
ir_volumes_free(struct ir_volumes *vs)
{
	size_t i;

	for (i = 0; i < vs->n; i++) {
		free(vs->v[i].slot);
		free(vs->v[i].count);
	}
	memset(vs, 0, sizeof *vs);
}

static struct ir_volume *
series(struct ir_volumes *vs, const char *label, const char *unit)
{
	struct ir_volume *v;
	size_t i;

	for (i = 0; i < vs->n; i++)
		if (strcmp(vs->v[i].label, label) == 0)
			return &vs->v[i];
	if (vs->n == IR_VOLUME_SERIES) {
		vs->full = true;
		return NULL;
	}
	v = &vs->v[vs->n++];
	snprintf(v->label, sizeof v->label, "%s", label);
	snprintf(v->unit, sizeof v->unit, "%s", unit);
	v->from = INT64_MAX;
	v->to = INT64_MIN;
	return v;
}

/* Where the slot is, or would be. */
static size_t
place(const struct ir_volume *v, int64_t slot)
{
	size_t lo = 0, hi = v->n, mid;

	if (v->n && v->slot[v->n - 1] < slot)	/* logs are in order */
		return v->n;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (v->slot[mid] < slot)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
grow(struct ir_volume *v)
{
	size_t cap = v->cap ? v->cap * 2 : 128;
	int64_t *slot = realloc(v->slot, cap * sizeof *slot);
	double *count;

	if (!slot)
		return -1;
	v->slot = slot;
	count = realloc(v->count, cap * sizeof *count);
	if (!count)
		return -1;
	v->count = count;
	v->cap = cap;
	return 0;
}

static double *
at(struct ir_volumes *vs, struct ir_volume *v, int64_t slot)
{
	size_t i = place(v, slot);

	if (i < v->n && v->slot[i] == slot)
		return &v->count[i];
	if (v->n >= IR_VOLUME_SLOTS || (v->n == v->cap && grow(v))) {
		vs->full = true;
		return NULL;
	}
	memmove(v->slot + i + 1, v->slot + i, (v->n - i) * sizeof *v->slot);
	memmove(v->count + i + 1, v->count + i,
	    (v->n - i) * sizeof *v->count);
	v->slot[i] = slot;
	v->count[i] = 0;
	v->n++;
	return &v->count[i];
}

static void
cover(struct ir_volume *v, int64_t slot)
{
	if (slot < v->from)
		v->from = slot;
	if (slot > v->to)
		v->to = slot;
}

static void
count(struct ir_volumes *vs, struct ir_volume *v, int64_t t, double n)
{
	double *c;

	if (!v || t < 0 || t > INT64_C(253402300799) || !(n >= 0) || n > 1e15)
		return;
	cover(v, t / IR_VOLUME_STEP);
	c = n > 0 ? at(vs, v, t / IR_VOLUME_STEP) : NULL;
	if (c)
		*c += n;
}

/* --- a main log -------------------------------------------------------- */

static int
digits(const char *s, size_t n)
{
	int v = 0;

	for (; n; n--, s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

/*
 * "2026-11-22 00:24:32[.123] [+0900] [[1234]] " at the beginning: its length,
 * or 0.
 */
static size_t
stamp(const char *s, size_t n, long zone, int64_t *t)
{
	int y, mon, d, h, m, sec, oh, om;
	size_t i = 19;

	if (n < 20 || s[4] != '-' || s[7] != '-' || s[10] != ' ' ||
	    s[13] != ':' || s[16] != ':')
		return 0;
	y = digits(s, 4);
	mon = digits(s + 5, 2);
	d = digits(s + 8, 2);
	h = digits(s + 11, 2);
	m = digits(s + 14, 2);
	sec = digits(s + 17, 2);
	if (y < 1970 || mon < 1 || mon > 12 || d < 1 || d > 31 || h < 0 ||
	    h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
		return 0;
	if (s[i] == '.')
		for (i++; i < n && s[i] >= '0' && s[i] <= '9'; i++)
			;
	if (i + 6 < n && s[i] == ' ' && (s[i + 1] == '+' || s[i + 1] == '-') &&
	    (oh = digits(s + i + 2, 2)) >= 0 &&
	    (om = digits(s + i + 4, 2)) >= 0) {
		zone = (oh * 60L + om) * 60 * (s[i + 1] == '-' ? -1 : 1);
		i += 6;
	}
	if (i < n && s[i] == ' ')
		i++;
	if (i < n && s[i] == '[') {
		while (i < n && s[i] != ']' && s[i] != ' ')
			i++;
		i += i + 1 < n && s[i] == ']' ? 2 : 0;
	}
	*t = ir_time_civil(y, mon, d, h, m, sec) - zone;
	return i;
}

void
ir_volume_log(struct ir_volumes *vs, const char *line, size_t n, long zone)
{
	struct ir_volume *in, *out;
	const char *word;
	int64_t t;
	size_t i = stamp(line, n, zone, &t);

	if (i == 0)
		return;
	in = series(vs, "Mail host: accepted", "messages, by the main log");
	out = series(vs, "Mail host: delivered",
	    "recipients, by the main log");
	/* each line says that the log covers its time */
	count(vs, in, t, 0);
	count(vs, out, t, 0);
	/* an id, 16 or 23 characters, then what happened */
	word = memchr(line + i, ' ', n - i);
	if (!word || (word - (line + i) != 16 && word - (line + i) != 23) ||
	    (size_t)(line + n - word) < 4 || word[3] != ' ')
		return;
	if (memcmp(word + 1, "<=", 2) == 0)
		count(vs, in, t, 1);
	else if (memcmp(word + 1, "=>", 2) == 0 ||
	    memcmp(word + 1, "->", 2) == 0)
		count(vs, out, t, 1);
}

/* --- CloudWatch -------------------------------------------------------- */

static void
history(struct ir_volumes *vs, const struct ir_rec *r)
{
	const struct ir_rec *hours = ir_rec_at(r, "hours");
	const struct ir_rec *quarters = ir_rec_at(r, "quarters");
	const char *region = ir_rec_get(r, "region");
	const char *start = ir_rec_get(r, "start");
	struct ir_volume *v;
	char label[96];
	double sent;
	int64_t t;
	size_t i, k;
	char path[24];

	if (!start || ir_time_parse(start, &t) || !ir_rec_len(hours))
		return;
	snprintf(label, sizeof label, "SES %.60s: sent", region ? region :
	    "");
	if (ir_rec_kind(quarters) == IR_REC_ARRAY && ir_rec_len(quarters)) {
		v = series(vs, label, "mails, by CloudWatch");
		for (i = 0; v && i < ir_rec_len(quarters) &&
		    i < IR_VOLUME_SLOTS; i++)
			count(vs, v, t + (int64_t)i * IR_VOLUME_STEP,
			    ir_rec_get_num(ir_rec_item(quarters, i), "", 0));
		return;
	}
	v = series(vs, label, "mails, by CloudWatch by the hour");
	if (!v)
		return;
	v->hourly = true;
	for (i = 0; i < ir_rec_len(hours) && i < IR_VOLUME_SLOTS / 4; i++) {
		snprintf(path, sizeof path, "hours.%zu", i);
		sent = ir_rec_get_num(r, path, 0);
		for (k = 0; k < 4; k++)
			count(vs, v, t + (int64_t)i * 3600 +
			    (int64_t)k * IR_VOLUME_STEP, sent / 4);
	}
}

static void
metric_data(struct ir_volumes *vs, const struct ir_rec *one)
{
	const struct ir_rec *times = ir_rec_at(one, "Timestamps");
	const char *name = ir_rec_get(one, "Label"), *s;
	struct ir_volume *v;
	char label[96], path[32];
	int64_t t;
	size_t i;

	snprintf(label, sizeof label, "CloudWatch: %.60s", name ? name : "");
	v = series(vs, label, "by CloudWatch");
	for (i = 0; i < ir_rec_len(times); i++) {
		s = ir_rec_cstr(ir_rec_item(times, i));
		snprintf(path, sizeof path, "Values.%zu", i);
		if (s && ir_time_parse(s, &t) == 0)
			count(vs, v, t, ir_rec_get_num(one, path, -1));
	}
}

static void
metric_statistics(struct ir_volumes *vs, const struct ir_rec *r)
{
	const struct ir_rec *list = ir_rec_at(r, "Datapoints"), *p;
	const char *name = ir_rec_get(r, "Label"), *s;
	struct ir_volume *v;
	char label[96];
	int64_t t;
	size_t i;

	snprintf(label, sizeof label, "CloudWatch: %.60s", name ? name : "");
	v = series(vs, label, "by CloudWatch");
	for (i = 0; i < ir_rec_len(list); i++) {
		p = ir_rec_item(list, i);
		s = ir_rec_get(p, "Timestamp");
		if (s && ir_time_parse(s, &t) == 0)
			count(vs, v, t, ir_rec_get_num(p, "Sum", -1));
	}
}

void
ir_volume_json(struct ir_volumes *vs, const struct ir_rec *r)
{
	const struct ir_rec *list = ir_rec_at(r, "MetricDataResults");
	const char *type = ir_rec_get(r, "type");
	size_t i;

	if (ir_rec_kind(r) != IR_REC_OBJECT)
		return;
	if (type && strcmp(type, "ses-history") == 0)
		history(vs, r);
	for (i = 0; ir_rec_kind(list) == IR_REC_ARRAY && i < ir_rec_len(list);
	    i++)
		metric_data(vs, ir_rec_item(list, i));
	if (ir_rec_kind(ir_rec_at(r, "Datapoints")) == IR_REC_ARRAY)
		metric_statistics(vs, r);
}

/* --- several files ----------------------------------------------------- */

void
ir_volumes_join(struct ir_volumes *to, const struct ir_volumes *from)
{
	const struct ir_volume *f;
	struct ir_volume *v;
	double *c;
	size_t i, k;

	for (i = 0; i < from->n; i++) {
		f = &from->v[i];
		v = series(to, f->label, f->unit);
		if (!v || f->to < f->from)
			continue;
		v->hourly = f->hourly;
		cover(v, f->from);
		cover(v, f->to);
		for (k = 0; k < f->n; k++) {
			c = at(to, v, f->slot[k]);
			if (c && f->count[k] > *c)
				*c = f->count[k];
		}
	}
	to->full = to->full || from->full;
}

double
ir_volume_at(const struct ir_volume *v, int64_t slot)
{
	size_t i = place(v, slot);

	if (i < v->n && v->slot[i] == slot)
		return v->count[i];
	return slot >= v->from && slot <= v->to ? 0 : -1;
}
