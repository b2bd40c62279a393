/* text.c - see text.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "buf.h"
#include "text.h"

#define REPLACEMENT "\xef\xbf\xbd"

size_t
ir_utf8_len(const char *str, size_t n, uint32_t *cp)
{
	const unsigned char *s = (const unsigned char *)str;
	uint32_t c, min;
	size_t len, i;

	if (n == 0)
		return 0;
	if (s[0] < 0x80) {
		if (cp)
			*cp = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		len = 2;
		c = s[0] & 0x1fU;
		min = 0x80;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		len = 3;
		c = s[0] & 0x0fU;
		min = 0x800;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		len = 4;
		c = s[0] & 0x07U;
		min = 0x10000;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (cp)
		*cp = c;
	return len;
}

/* Invisible characters that can make a terminal line lie. */
static bool
deceptive(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x061c ||
	    (c >= 0xe0000 && c <= 0xe007f) || c == 0x2028 || c == 0x2029;
}

size_t
ir_text_plain(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] < 0x7f)
		i++;
	return i;
}

static void
clean(struct ir_buf *out, const char *s, size_t n, bool term)
{
	uint32_t c;
	size_t len;

	while (n) {
		len = ir_text_plain(s, n);
		if (len) {
			ir_buf_add(out, s, len);
			s += len;
			n -= len;
			continue;
		}
		len = ir_utf8_len(s, n, &c);
		if (len == 0) {
			ir_buf_str(out, REPLACEMENT);
			len = 1;
		} else if (c == '\t' || c == '\n' || c == '\r' || c == 0x85) {
			ir_buf_chr(out, ' ');
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    (term && deceptive(c))) {
			ir_buf_str(out, REPLACEMENT);
		} else {
			ir_buf_add(out, s, len);
		}
		s += len;
		n -= len;
	}
}

void
ir_text_clean(struct ir_buf *out, const char *s, size_t n)
{
	clean(out, s, n, false);
}

void
ir_text_term(struct ir_buf *out, const char *s, size_t n)
{
	clean(out, s, n, true);
}

void
ir_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void
ir_text_printable(char *s)
{
	uint32_t c;
	size_t len, n = strlen(s), i;

	while (n) {
		len = ir_utf8_len(s, n, &c);
		if (len == 0) {
			*s = '?';
			len = 1;
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    deceptive(c)) {
			for (i = 0; i < len; i++)
				s[i] = '?';
		}
		s += len;
		n -= len;
	}
}

/* Wide by range, so that the result does not depend on the locale. */
static size_t
width(uint32_t c)
{
	if (c < 0x20 || (c >= 0x300 && c < 0x370))
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
	    (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

size_t
ir_text_width(const char *s)
{
	size_t n = strlen(s), len, cols = 0;
	uint32_t c;

	while (n) {
		len = ir_utf8_len(s, n, &c);
		cols += len ? width(c) : 1;
		if (len == 0)
			len = 1;
		s += len;
		n -= len;
	}
	return cols;
}

size_t
ir_text_cut(const char *s, size_t n, size_t max)
{
	size_t end = n < max ? n : max;

	if (end == n)
		return n;
	while (end && ((unsigned char)s[end] & 0xc0) == 0x80)
		end--;
	return end;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool
ir_ascii_ieq(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

bool
ir_ascii_starts(const char *s, const char *prefix)
{
	while (*prefix && lower(*s) == lower(*prefix)) {
		s++;
		prefix++;
	}
	return *prefix == '\0';
}

int
ir_hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Days since 1970-01-01 of a civil date (H. Hinnant's public algorithm). */
int64_t
ir_time_civil(int64_t y, int mon, int d, int h, int m, int s)
{
	int64_t era, yoe, doy, doe;

	y -= mon <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (mon + (mon > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return ((era * 146097 + doe - 719468) * 24 + h) * 3600 + m * 60 + s;
}

int64_t
ir_time_local(int64_t civil)
{
	time_t guess = (time_t)civil;
	struct tm tm;

	if (!localtime_r(&guess, &tm))
		return civil;
	guess = (time_t)(civil - tm.tm_gmtoff);
	/* near a change of the offset the guess may be off by it */
	if (localtime_r(&guess, &tm))
		guess = (time_t)(civil - tm.tm_gmtoff);
	return guess;
}

char *
ir_time_rfc3339(int64_t t, char buf[IR_TIME_LEN])
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&tt, &tm))
		memset(&tm, 0, sizeof tm);
	strftime(buf, IR_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

char *
ir_time_rfc3339_ms(int64_t ms, char buf[IR_TIME_LEN])
{
	int64_t t = ms / 1000, frac = ms % 1000;

	if (frac < 0) {
		frac += 1000;
		t--;
	}
	ir_time_rfc3339(t, buf);
	snprintf(buf + 19, IR_TIME_LEN - 19, ".%03dZ", (int)frac);
	return buf;
}

int
ir_time_parse(const char *s, int64_t *t)
{
	int y, mon, d, h, m, sec, n = 0, oh = 0, om = 0;
	char sign = '+';

	if (sscanf(s, "%4d-%2d-%2d%*[Tt ]%2d:%2d:%2d%n", &y, &mon, &d, &h, &m,
	    &sec, &n) != 6 || n == 0)
		return -1;
	if (mon < 1 || mon > 12 || d < 1 || d > 31 || h < 0 || h > 23 ||
	    m < 0 || m > 59 || sec < 0 || sec > 60 || y < 1970)
		return -1;
	s += n;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			;
	if (*s == 'Z' || *s == 'z') {
		s++;
	} else {
		n = 0;
		if (sscanf(s, "%c%2d:%2d%n", &sign, &oh, &om, &n) != 3 ||
		    n != 6 || (sign != '+' && sign != '-') || oh > 14 ||
		    om > 59 || oh < 0 || om < 0)
			return -1;
		s += n;
	}
	if (*s)
		return -1;
	*t = ir_time_civil(y, mon, d, h, m, sec) -
	    (sign == '-' ? -1 : 1) * (oh * 3600 + om * 60);
	return 0;
}

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
ir_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int
ir_time_when(const char *s, int64_t now, int64_t *t)
{
	char full[IR_TIME_LEN], *end;
	int64_t unit;
	long long n;

	snprintf(full, sizeof full, "%.20sT00:00:00Z", s);
	if (ir_time_parse(s, t) == 0 || ir_time_parse(full, t) == 0)
		return 0;
	n = strtoll(s, &end, 10);
	unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 :
	    0;
	if (end == s || !unit || end[1] || n < 0 || n > 36500LL * 1440)
		return -1;
	*t = now - n * unit;
	return 0;
}

int64_t
ir_now(void)
{
	return ir_now_ms() / 1000;
}

int64_t
ir_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}
