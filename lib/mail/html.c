/* html.c - see html.h */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "html.h"

struct html {
	struct ir_buf *out;
	const char *p, *end;
	bool quotes_broken;	/* a quote never closes: read tags without */
	bool space;		/* white space is due before the next text */
	unsigned pre;		/* inside so many <pre> */
};

static void
put_utf8(struct ir_buf *out, uint32_t c)
{
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		ir_buf_chr(out, (int)c);
		return;
	}
	if (c < 0x800) {
		ir_buf_chr(out, (int)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		ir_buf_chr(out, (int)(0xe0 | c >> 12));
		ir_buf_chr(out, (int)(0x80 | (c >> 6 & 0x3f)));
	} else {
		ir_buf_chr(out, (int)(0xf0 | c >> 18));
		ir_buf_chr(out, (int)(0x80 | (c >> 12 & 0x3f)));
		ir_buf_chr(out, (int)(0x80 | (c >> 6 & 0x3f)));
	}
	ir_buf_chr(out, (int)(0x80 | (c & 0x3f)));
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void
newline(struct html *h)
{
	h->space = false;
	if (h->out->len && h->out->data[h->out->len - 1] != '\n')
		ir_buf_chr(h->out, '\n');
}

static void
pending_space(struct html *h)
{
	if (h->space && h->out->len && h->out->data[h->out->len - 1] != '\n')
		ir_buf_chr(h->out, ' ');
	h->space = false;
}

/* "&name;", "&#n;", "&#xn;" at p; false when it is none. */
static bool
reference(struct html *h)
{
	static const struct {
		const char *name;
		uint32_t c;
	} names[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
		{ "apos", '\'' }, { "nbsp", 0xa0 }, { "rsquo", 0x2019 },
		{ "lsquo", 0x2018 }, { "rdquo", 0x201d }, { "ldquo", 0x201c },
		{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "hellip", 0x2026 },
		{ "copy", 0xa9 }, { "reg", 0xae }, { "bull", 0x2022 },
		{ "middot", 0xb7 }, { "shy", 0xad }, { "zwnj", 0x200c },
		{ "zwj", 0x200d }, { "emsp", ' ' }, { "ensp", ' ' },
	};
	const char *p = h->p + 1, *from;
	uint32_t c = 0;
	size_t i, n;
	bool hex;

	if (p < h->end && *p == '#') {
		p++;
		hex = p < h->end && (*p == 'x' || *p == 'X');
		p += hex;
		for (from = p; p < h->end && p - from < 8; p++) {
			if (*p >= '0' && *p <= '9')
				c = c * (hex ? 16 : 10) + (uint32_t)(*p - '0');
			else if (hex && *p >= 'a' && *p <= 'f')
				c = c * 16 + (uint32_t)(*p - 'a') + 10;
			else if (hex && *p >= 'A' && *p <= 'F')
				c = c * 16 + (uint32_t)(*p - 'A') + 10;
			else
				break;
		}
		if (p == from)
			return false;
	} else {
		for (from = p; p < h->end && p - from < 8 && ((*p >= 'a' &&
		    *p <= 'z') || (*p >= 'A' && *p <= 'Z')); p++)
			;
		n = (size_t)(p - from);
		for (i = 0; i < sizeof names / sizeof names[0]; i++)
			if (strlen(names[i].name) == n &&
			    memcmp(names[i].name, from, n) == 0)
				c = names[i].c;
		if (c == 0)
			return false;
	}
	h->p = p + (p < h->end && *p == ';');
	if (c == 0xad || c == 0x200b)
		return true;
	if (c == ' ' || c == 0xa0 || c == '\n' || c == '\t' || c == '\r') {
		h->space = true;
		return true;
	}
	pending_space(h);
	put_utf8(h->out, c);
	return true;
}

/* The '>' of the tag at p, or NULL. */
static const char *
tag_end(struct html *h)
{
	const char *p;
	char quote = 0;

	for (p = h->p + 1; p < h->end && !h->quotes_broken; p++) {
		if (quote)
			quote = *p == quote ? 0 : quote;
		else if ((*p == '"' || *p == '\'') && p[-1] == '=')
			quote = *p;
		else if (*p == '>')
			return p;
	}
	h->quotes_broken = true;
	return memchr(h->p, '>', (size_t)(h->end - h->p));
}

static bool
one_of(const char *const *list, const char *name, size_t n)
{
	for (; *list; list++)
		if (strlen(*list) == n && strncasecmp(*list, name, n) == 0)
			return true;
	return false;
}

/* Go to the "</name" that ends what nobody reads; to the end without one. */
static void
skip_to_close(struct html *h, const char *name, size_t n)
{
	const char *p = h->p;

	while ((p = memmem(p, (size_t)(h->end - p), "</", 2)) != NULL) {
		p += 2;
		if ((size_t)(h->end - p) >= n && strncasecmp(p, name, n) == 0) {
			h->p = p - 2;
			return;
		}
	}
	h->p = h->end;
}

/* At '<': step over a tag or comment; false when it is plain text. */
static bool
tag(struct html *h)
{
	static const char *const blocks[] = { "p", "br", "div", "tr", "table",
	    "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre",
	    "blockquote", "section", "article", "header", "footer", "center",
	    "tbody", "thead", "body", "dl", "dt", "dd", "form", "xmp",
	    "textarea", NULL };
	static const char *const pre[] = { "pre", "xmp", "textarea", NULL };
	static const char *const cells[] = { "td", "th", NULL };
	static const char *const unread[] = { "style", "script", "title",
	    "head", "template", NULL };
	const char *p = h->p + 1, *name, *close;
	bool closing;
	size_t n;

	if (h->end - p >= 3 && memcmp(p, "!--", 3) == 0) {
		p = memmem(p + 3, (size_t)(h->end - p) - 3, "-->", 3);
		h->p = p ? p + 3 : h->end;
		return true;
	}
	closing = p < h->end && *p == '/';
	name = p + closing;
	for (p = name; p < h->end && ((*p >= 'a' && *p <= 'z') ||
	    (*p >= 'A' && *p <= 'Z') || (p > name && *p >= '0' && *p <= '9'));
	    p++)
		;
	n = (size_t)(p - name);
	if (n == 0 && (name >= h->end || (*name != '!' && *name != '?')))
		return false;
	close = tag_end(h);
	if (!close)
		h->p = h->end;		/* the tag never ends */
	else
		h->p = close + 1;
	if (one_of(blocks, name, n))
		newline(h);
	else if (one_of(cells, name, n))
		h->space = true;
	else if (!closing && one_of(unread, name, n))
		skip_to_close(h, name, n);
	if (one_of(pre, name, n))
		h->pre = closing ? h->pre - (h->pre > 0) : h->pre + 1;
	return true;
}

void
ir_html_text(struct ir_buf *out, const char *s, size_t n)
{
	struct html h = { out, s, s + n, false, false, 0 };

	while (h.p < h.end) {
		if (*h.p == '<' && tag(&h))
			continue;
		if (*h.p == '&' && reference(&h))
			continue;
		if (*h.p == '\n' && h.pre) {
			h.space = false;
			ir_buf_chr(out, '\n');
		} else if (is_space(*h.p)) {
			h.space = true;
		} else if (h.end - h.p >= 2 &&
		    memcmp(h.p, "\xc2\xad", 2) == 0) {
			h.p++;
		} else {
			pending_space(&h);
			ir_buf_chr(out, *h.p);
		}
		h.p++;
	}
}
