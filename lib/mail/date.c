/* date.c - see date.h */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "date.h"

#define DATE_MAX 128		/* bytes looked at */

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

static const struct zone {
	const char *name;
	int hours;
} zones[] = {
	{ "ut", 0 }, { "utc", 0 }, { "gmt", 0 }, { "z", 0 }, { "jst", 9 },
	{ "kst", 9 }, { "est", -5 }, { "edt", -4 }, { "cst", -6 },
	{ "cdt", -5 }, { "mst", -7 }, { "mdt", -6 }, { "pst", -8 },
	{ "pdt", -7 }, { "cet", 1 }, { "cest", 2 }, { "bst", 1 },
};

struct scan {
	int y, mon, d, h, m, s;
	int zone;		/* seconds east */
	bool have_time, have_zone;
};

/* Without comments, lower case, NUL-terminated. */
static void
fold(char out[DATE_MAX + 1], const char *s, size_t n)
{
	size_t i, len = 0;
	int depth = 0;

	for (i = 0; i < n && len < DATE_MAX; i++) {
		char c = s[i];

		if (c == '(')
			depth++;
		else if (c == ')' && depth)
			depth--;
		else if (depth == 0 || len == 0)
			out[len++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) :
			    c == '\0' ? ' ' : c;
	}
	out[len] = '\0';
}

static int
month_of(const char *w, size_t n)
{
	size_t i;

	for (i = 0; n >= 3 && i < 12; i++)
		if (memcmp(months + i * 3, w, 3) == 0)
			return (int)i + 1;
	return 0;
}

static void
word(struct scan *t, const char *w, size_t n)
{
	size_t i;

	if (t->mon == 0 && (t->mon = month_of(w, n)) != 0)
		return;
	if (!t->have_time || t->have_zone)
		return;
	if (n == 2 && w[1] == 'm' && (*w == 'a' || *w == 'p') && t->h <= 12)
		t->h = t->h % 12 + (*w == 'p' ? 12 : 0);
	for (i = 0; i < sizeof zones / sizeof zones[0]; i++)
		if (strlen(zones[i].name) == n &&
		    memcmp(zones[i].name, w, n) == 0) {
			t->zone = zones[i].hours * 3600;
			t->have_zone = true;
		}
}

/* A time, a zone, an ISO date, a day or a year; bytes used. */
static size_t
number(struct scan *t, const char *p, bool sign_before)
{
	int a, b, c, n = 0;

	if (!sign_before && t->y == 0 &&
	    sscanf(p, "%4d-%2d-%2d%n", &a, &b, &c, &n) == 3 && a > 999) {
		t->y = a;
		t->mon = b;
		t->d = c;
		return (size_t)n;
	}
	n = 0;
	if (t->y == 0 && sscanf(p, "%4d年%2d月%2d日%n", &a, &b, &c,
	    &n) == 3 && n && a > 999) {
		t->y = a;
		t->mon = b;
		t->d = c;
		t->zone = 9 * 3600;	/* unless a zone follows */
		return (size_t)n;
	}
	n = 0;
	if (!t->have_time && sscanf(p, "%2d:%2d%n", &a, &b, &n) == 2 && n) {
		t->h = a;
		t->m = b;
		t->have_time = true;
		p += n;
		c = 0;
		if (*p == ':' && sscanf(p, ":%2d%n", &t->s, &c) == 1)
			n += c;
		p += c;
		if (*p == '.')
			n += 1 + (int)strspn(p + 1, "0123456789");
		return (size_t)n;
	}
	n = (int)strspn(p, "0123456789");
	if (n > 4)
		return (size_t)n;
	sscanf(p, "%4d", &a);
	if (n <= 2 && t->d == 0) {
		t->d = a;
	} else if (t->y == 0 && t->d && !t->have_time) {
		t->y = n == 2 ? a + (a < 50 ? 2000 : 1900) :
		    n == 3 ? a + 1900 : a;
	} else if (t->y == 0 && n == 4) {
		t->y = a;	/* "Wed Nov 21 02:04:18 2026" */
	}
	return (size_t)n;
}

static size_t
zone(struct scan *t, const char *p)
{
	int hh, mm = 0, n = 0;

	if ((sscanf(p + 1, "%2d%2d%n", &hh, &mm, &n) == 2 && n == 4) ||
	    (sscanf(p + 1, "%2d:%2d%n", &hh, &mm, &n) == 2 && n == 5)) {
		if (hh <= 14 && mm < 60) {
			t->zone = (hh * 3600 + mm * 60) * (*p == '-' ? -1 : 1);
			t->have_zone = true;
		}
		return (size_t)n + 1;
	}
	return 1;
}

int
ir_mail_date(const char *s, size_t n, int64_t *out)
{
	struct scan t = { 0, 0, 0, 0, 0, 0, 0, false, false };
	char buf[DATE_MAX + 1];
	const char *p = buf;
	size_t len;

	fold(buf, s, n);
	while (*p && !(t.have_zone && t.y)) {
		if (*p >= '0' && *p <= '9') {
			p += number(&t, p, p > buf && p[-1] == '-');
		} else if (*p >= 'a' && *p <= 'z') {
			for (len = 1; p[len] >= 'a' && p[len] <= 'z'; len++)
				;
			word(&t, p, len);
			p += len;
		} else if ((*p == '+' || *p == '-') && t.have_time &&
		    p[1] >= '0' && p[1] <= '9') {
			p += zone(&t, p);
		} else {
			p++;
		}
	}
	if (!t.have_time || t.y < 1970 || t.y > 9999 || t.mon < 1 ||
	    t.mon > 12 || t.d < 1 || t.d > 31 || t.h < 0 || t.h > 23 ||
	    t.m < 0 || t.m > 59 || t.s < 0 || t.s > 60)
		return -1;
	*out = ir_time_civil(t.y, t.mon, t.d, t.h, t.m, t.s) - t.zone;
	return 0;
}
