/* text.c (report) - see text.h */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/text.h"
#include "report/text.h"

/* What a character becomes: itself, 0 (nothing), or an ASCII one. */
static uint32_t
regular(uint32_t c)
{
	if (c >= 0xff01 && c <= 0xff5e)
		return c - 0xff01 + '!';
	if (c == 0xa0 || c == 0x3000 || c == 0x202f ||
	    (c >= 0x2000 && c <= 0x200a))
		return ' ';
	if (c == 0x2018 || c == 0x2019 || c == 0x02bc)
		return '\'';
	if (c == 0x201c || c == 0x201d)
		return '"';
	if (c == 0x2010 || c == 0x2011 || c == 0x2212)
		return '-';
	if (c == 0xad || c == 0xfeff || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069))
		return 0;
	return c;
}

void
ir_text_regular(struct ir_buf *out, const char *s, size_t n)
{
	uint32_t c, r;
	size_t len, i, run = 0;

	for (i = 0; i < n; i += len) {
		len = ir_utf8_len(s + i, n - i, &c);
		if (len == 1 && c != '\r' && c >= 0x20 && c < 0x7f)
			continue;	/* most of it: copied in one go */
		ir_buf_add(out, s + run, i - run);
		if (len == 0) {
			ir_buf_chr(out, '?');
			len = 1;
		} else if (c == '\r') {
			if (i + 1 == n || s[i + 1] != '\n')
				ir_buf_chr(out, '\n');
		} else if (c < 0x20 && c != '\n' && c != '\t') {
			ir_buf_chr(out, ' ');
		} else if ((r = regular(c)) == c) {
			ir_buf_add(out, s + i, len);
		} else if (r) {
			ir_buf_chr(out, (int)r);
		}
		run = i + len;
	}
	ir_buf_add(out, s + run, n - run);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *
skip(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* Does the line begin (after white space) with the word; where it goes on. */
static const char *
begins(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - p) < n || strncasecmp(p, word, n) != 0)
		return NULL;
	return p + n;
}

static const char *const after_dashes[] = {
	"Beginning of forwarded report", "Original report",
	"Original message", "Forwarded message",
};

/* Does the line begin the complaint? */
static bool
separator(const char *p, const char *end)
{
	static const char *const alone[] = { "Original report",
	    "Log Extract", "Original complaint", "Original abuse report",
	    "Original message", "元のレポート", "元の報告",
	    "報告の原文" };
	/* what the reporter filled in, in the oldest notices */
	static const char *const from_here[] = {
	    "Additional abuse report information",
	    "Additional information provided by" };
	/* between dashes: the languages and wordings differ */
	static const char *const headings[] = { "report", "complaint",
	    "original message", "forwarded", "レポート", "報告",
	    "苦情", "転送", "原文" };
	const char *q, *marks = p;
	size_t dashes = 0, i;

	if (begins(p, end, "[ Offending message") ||
	    begins(p, end, "Offending message"))
		return true;
	p = skip(p, end);
	if (end - p == 3 && memcmp(p, "<<<", 3) == 0)
		return true;
	if (p < end && *p == '*')	/* an item of a list */
		p = skip(p + 1, end);
	while (p < end && *p == '-') {
		p++;
		dashes++;
	}
	p = skip(p, end);
	if (dashes >= 3 && begins(p, end, "attachment"))
		return true;
	for (marks = skip(marks, end), i = 0; marks + i < end &&
	    strchr("-=_#~*", marks[i]); i++)
		;
	if (i >= 3 && end - p < 100)
		for (i = 0; i < sizeof headings / sizeof headings[0]; i++)
			if (ir_text_phrase(p, end, headings[i], NULL))
				return true;
	for (i = 0; i < 2; i++)
		if (begins(p, end, from_here[i]))
			return true;
	for (i = 0; dashes == 0 && i < sizeof alone / sizeof alone[0]; i++) {
		q = begins(p, end, alone[i]);
		if (!q)
			continue;
		q = skip(q, end);
		q = skip(q + (q < end && *q == ':'), end);
		if (q == end)
			return true;
	}
	return false;
}

/*
 * The dashes that begin the complaint, anywhere in a line: a line end before
 * them may have been lost on the way (flowed text, HTML).
 */
static const char *
dashed(const char *p, const char *end)
{
	const char *from;
	size_t i;

	while ((p = memmem(p, (size_t)(end - p), "--", 2)) != NULL) {
		from = p;
		while (p < end && *p == '-')
			p++;
		p = skip(p, end);
		for (i = 0; i < 4; i++)
			if (begins(p, end, after_dashes[i]))
				return from;
	}
	return NULL;
}

size_t
ir_text_complaint(const char *s, size_t n, size_t *body)
{
	const char *p = s, *end = s + n, *eol, *at;

	while (p < end) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		at = separator(p, eol) ? p : dashed(p, eol);
		if (at) {
			/* lost line ends: the rest of it is complaint too */
			*body = at == p || skip(p, at) == at ?
			    (size_t)(eol - s) + (eol < end) :
			    (size_t)(at - s);
			return (size_t)(at - s);
		}
		p = eol < end ? eol + 1 : end;
	}
	*body = n;
	return n;
}

void
ir_text_unquote(char *s, size_t n)
{
	char *end = s + n, *eol;

	while (s < end) {
		eol = memchr(s, '\n', (size_t)(end - s));
		if (!eol)
			eol = end;
		if (*s == '>')
			memset(s, ' ', (size_t)(eol - s));
		s = eol < end ? eol + 1 : end;
	}
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* After the phrase when it stands at p, else NULL. */
static const char *
phrase_at(const char *p, const char *stop, const char *phrase)
{
	for (; *phrase; phrase++) {
		if (*phrase == ' ') {
			if (p == stop || !blank(*p))
				return NULL;
			while (p < stop && blank(*p))
				p++;
		} else if (p == stop || lower(*p++) != lower(*phrase)) {
			return NULL;
		}
	}
	return p;
}

const char *
ir_text_phrase(const char *s, const char *stop, const char *phrase,
    const char **end)
{
	const char *after;
	char first = lower(*phrase);

	for (; s < stop; s++) {
		if (lower(*s) != first)
			continue;
		after = phrase_at(s, stop, phrase);
		if (after) {
			if (end)
				*end = after;
			return s;
		}
	}
	return NULL;
}

bool
ir_text_word_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '_';
}

unsigned
ir_text_line(const char *s, const char *p)
{
	unsigned n = 1;

	for (; s < p; s++)
		n += *s == '\n';
	return n;
}
