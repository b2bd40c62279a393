/* mime.c - see mime.h */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "charset.h"
#include "core/buf.h"
#include "core/text.h"
#include "mime.h"
#include "words.h"

#define BOUNDARY_MAX 200	/* RFC 2046: 70 */

static void
partial(struct ir_mime *m, const char *why)
{
	if (!m->partial)
		m->partial = why;
}

/* One more item in a growing array; NULL when there is no memory. */
static void *
grow(struct ir_mime *m, void *items, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 16;
	void *p;

	if (n < *cap)
		return items;
	p = realloc(items, want * size);
	if (!p) {
		m->no_memory = true;
		return NULL;
	}
	*cap = want;
	return p;
}

static bool
own(struct ir_mime *m, char *bytes, size_t n)
{
	char **p = grow(m, m->owned, m->nowned, &m->cap_owned, sizeof *p);

	if (!p || !bytes) {
		m->no_memory = true;
		free(bytes);
		return false;
	}
	m->owned = p;
	m->owned_bytes += n;
	m->owned[m->nowned++] = bytes;
	return true;
}

/*
 * Line ends become LF.  A lone CR is one only where no LF is: Mac files.
 * The bytes themselves, when there is nothing to do.
 */
static const char *
normalise(struct ir_mime *m, const char *s, size_t *n)
{
	bool mac;
	size_t i, len = 0;
	char *out;

	if (!memchr(s, '\r', *n))
		return s;
	mac = !memchr(s, '\n', *n);
	out = malloc(*n + 1);
	if (!out) {
		m->no_memory = true;
		return NULL;
	}
	for (i = 0; i < *n; i++) {
		if (s[i] != '\r')
			out[len++] = s[i];
		else if (mac)
			out[len++] = '\n';
		else if (i + 1 == *n || s[i + 1] != '\n')
			out[len++] = '\r';
	}
	*n = len;
	return own(m, out, len) ? out : NULL;
}

static const char *
line_end(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return nl ? nl : end;
}

/* Bytes of a field name before its ':', 0 when this is no header line. */
static size_t
field_name(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && q - p < 128 && *q > 32 && *q < 127 && *q != ':')
		q++;
	if (q == p)
		return 0;
	while (q < end && (*q == ' ' || *q == '\t'))	/* obsolete syntax */
		q++;
	return q < end && *q == ':' ? (size_t)(q - p) : 0;
}

static void
add_header(struct ir_mime *m, struct ir_mime_part *p, const char *name,
    size_t name_len, const char *value, const char *end)
{
	struct ir_mime_header *h;

	if (p->headers >= IR_MIME_HEADERS ||
	    m->nheaders >= IR_MIME_HEADERS_ALL) {
		partial(m, "too many header fields");
		return;
	}
	h = grow(m, m->headers, m->nheaders, &m->cap_headers, sizeof *h);
	if (!h)
		return;
	m->headers = h;
	h += m->nheaders++;
	p->headers++;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (name_len && (name[name_len - 1] == ' ' ||
	    name[name_len - 1] == '\t'))
		name_len--;
	h->name = name;
	h->name_len = name_len;
	h->value = value;
	h->value_len = (size_t)(end - value);
	if (h->value_len > IR_MIME_VALUE) {
		h->value_len = IR_MIME_VALUE;
		partial(m, "a header field is too long");
	}
}

/* Split a part into header fields and body. */
static void
read_head(struct ir_mime *m, struct ir_mime_part *p, const char *s, size_t n)
{
	const char *end = s + n, *eol, *value_end;
	size_t len;

	p->head = s;
	p->header = m->nheaders;
	if (n > 5 && (memcmp(s, "From ", 5) == 0 ||
	    memcmp(s, ">From", 5) == 0)) {	/* mbox */
		eol = line_end(s, end);
		s = eol < end ? eol + 1 : end;
	}
	/* text that begins otherwise has no head at all */
	if (s < end && *s != '\n' && field_name(s, line_end(s, end)) == 0) {
		p->body = p->head;
		p->body_len = n;
		return;
	}
	while (s < end && *s != '\n') {
		value_end = eol = line_end(s, end);
		len = field_name(s, eol);
		while (eol + 1 < end && (eol[1] == ' ' || eol[1] == '\t'))
			value_end = eol = line_end(eol + 1, end);
		if (len)
			add_header(m, p, s, len, s + len + 1, value_end);
		s = eol < end ? eol + 1 : end;
	}
	p->head_len = (size_t)(s - p->head);
	if (s < end)
		s++;
	p->body = s;
	p->body_len = (size_t)(end - s);
}

/* --- Content-* ---------------------------------------------------------- */

static void
lower_copy(char *to, size_t size, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n && i + 1 < size; i++)
		to[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
	to[i] = '\0';
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * The parameter of that name in "value; a=b; c=\"d\"".  RFC 2231's name*=
 * and name*0= are taken as the plain name (enough for what is read here).
 */
static bool
param(const struct ir_mime_header *h, const char *name, char *out, size_t size)
{
	const char *p = h->value, *end = p + h->value_len, *key;
	size_t len = 0, n = strlen(name);
	bool quoted;

	while ((p = memchr(p, ';', (size_t)(end - p))) != NULL) {
		for (p++; p < end && is_space(*p); p++)
			;
		key = p;
		while (p < end && *p != '=' && *p != ';')
			p++;
		if (p == end || *p == ';')
			continue;
		quoted = (size_t)(p - key) >= n &&
		    strncasecmp(key, name, n) == 0 &&
		    ((size_t)(p - key) == n || key[n] == '*' ||
		    is_space(key[n]));
		for (p++; p < end && is_space(*p); p++)
			;
		if (!quoted) {		/* another one: step over its value */
			if (p < end && *p == '"')
				for (p++; p < end && *p != '"'; p++)
					if (*p == '\\' && p + 1 < end)
						p++;
			continue;
		}
		quoted = p < end && *p == '"';
		for (p += quoted; p < end && len + 1 < size; p++) {
			if (quoted ? *p == '"' : *p == ';' || is_space(*p))
				break;
			if (quoted && *p == '\\' && p + 1 < end)
				p++;
			if (*p != '\r' && *p != '\n')
				out[len++] = *p;
		}
		out[len] = '\0';
		return len > 0;
	}
	return false;
}

static bool
value_starts(const struct ir_mime_header *h, const char *word)
{
	size_t n = strlen(word);

	return h && h->value_len >= n && strncasecmp(h->value, word, n) == 0;
}

/* Read what the part is; boundary is filled for a multipart. */
static void
read_content(struct ir_mime *m, size_t i, char boundary[BOUNDARY_MAX + 1])
{
	const struct ir_mime_header *type = ir_mime_header(m, i,
	    "Content-Type", 0), *disp = ir_mime_header(m, i,
	    "Content-Disposition", 0), *cte = ir_mime_header(m, i,
	    "Content-Transfer-Encoding", 0);
	struct ir_mime_part *p = &m->parts[i];
	char word[16], name[8];
	size_t n = 0;

	boundary[0] = '\0';
	/* RFC 2046 5.1.5: a digest's part is a message if it says nothing */
	if (!type && strcmp(m->parts[p->parent].type, "multipart/digest") == 0)
		memcpy(p->type, "message/rfc822", 15);
	else
		memcpy(p->type, "text/plain", 11);
	if (type) {
		while (n < type->value_len && type->value[n] != ';' &&
		    !is_space(type->value[n]))
			n++;
		if (memchr(type->value, '/', n))
			lower_copy(p->type, sizeof p->type, type->value, n);
		param(type, "charset", p->charset, sizeof p->charset);
		param(type, "boundary", boundary, BOUNDARY_MAX + 1);
		if (param(type, "report-type", word, sizeof word))
			lower_copy(p->report_type, sizeof p->report_type,
			    word, strlen(word));
		if (param(type, "format", word, sizeof word))
			p->flowed = ir_ascii_ieq(word, "flowed");
		if (param(type, "delsp", word, sizeof word))
			p->delsp = ir_ascii_ieq(word, "yes");
		p->attachment = param(type, "name", name, sizeof name);
	}
	if (disp)
		p->attachment = value_starts(disp, "attachment");
	if (value_starts(cte, "base64"))
		p->encoding = IR_MIME_BASE64;
	else if (value_starts(cte, "quoted-printable"))
		p->encoding = IR_MIME_QP;
	if (strncmp(p->type, "multipart/", 10) == 0)
		p->kind = IR_MIME_MULTIPART;
	else if (strcmp(p->type, "message/rfc822") == 0 ||
	    strcmp(p->type, "message/global") == 0)
		p->kind = IR_MIME_MESSAGE;
}

/* --- the tree ----------------------------------------------------------- */

static void parse_part(struct ir_mime *m, size_t parent, unsigned message,
    const char *s, size_t n, bool root);

/* Some senders forget to say it: then the first "--x" line is it. */
static void
guess_boundary(const struct ir_mime_part *p, char boundary[BOUNDARY_MAX + 1])
{
	const char *s = p->body, *end = s + p->body_len, *eol;
	size_t n, lines;

	for (lines = 0; s < end && lines < 100; lines++) {
		eol = line_end(s, end);
		n = (size_t)(eol - s);
		if (n > 4 && n - 2 <= BOUNDARY_MAX && s[0] == '-' &&
		    s[1] == '-' && !memchr(s, ' ', n)) {
			memcpy(boundary, s + 2, n - 2);
			boundary[n - 2] = '\0';
			return;
		}
		s = eol < end ? eol + 1 : end;
	}
}

/* 0: not that boundary; 1: a part begins; 2: the last one ends. */
static int
is_boundary(const char *s, const char *eol, const char *b, size_t n)
{
	if ((size_t)(eol - s) < n + 2 || s[0] != '-' || s[1] != '-' ||
	    memcmp(s + 2, b, n) != 0)
		return 0;
	s += n + 2;
	while (eol > s && is_space(eol[-1]))
		eol--;
	if (s == eol)
		return 1;
	return eol - s == 2 && s[0] == '-' && s[1] == '-' ? 2 : 0;
}

static void
split(struct ir_mime *m, size_t i, const char *boundary)
{
	const char *s = m->parts[i].body, *end = s + m->parts[i].body_len;
	const char *from = NULL, *eol;
	size_t n = strlen(boundary);
	unsigned message = m->parts[i].message;
	int kind = 0;

	while (s < end && kind != 2) {
		/* a line that begins otherwise cannot be one: go on fast */
		if (*s != '-' && (s = memmem(s, (size_t)(end - s), "\n--",
		    3)) == NULL)
			break;
		s += *s == '\n';
		eol = line_end(s, end);
		kind = is_boundary(s, eol, boundary, n);
		/* two such lines in a row: there is no part between them */
		if (kind && from && s > from)
			parse_part(m, i, message, from,
			    (size_t)(s - from - 1), false);
		if (kind == 1)
			from = eol < end ? eol + 1 : end;
		if (m->n >= IR_MIME_PARTS)
			partial(m, "too many parts");
		if (m->n >= IR_MIME_PARTS || m->no_memory)
			return;
		s = eol < end ? eol + 1 : end;
	}
	if (from && kind != 2) {
		if (message == 0)	/* else it is not ours to wonder */
			partial(m, "a multipart has no end");
		parse_part(m, i, message, from, (size_t)(end - from), false);
	}
}

/* The message in a message/rfc822, decoded first if it must be. */
static void
inside(struct ir_mime *m, size_t i)
{
	struct ir_mime_part *p = &m->parts[i];
	struct ir_buf b = IR_BUF(IR_MIME_BYTES);
	const char *s = p->body;
	size_t n = p->body_len;
	char *bytes;

	if (p->encoding != IR_MIME_8BIT) {
		if (m->owned_bytes + n > IR_MIME_OWNED) {
			partial(m, "too much encoded in one another");
			p->kind = IR_MIME_LEAF;
			return;
		}
		ir_mime_octets(m, i, &b);
		n = b.len;
		bytes = ir_buf_take(&b);
		if (!own(m, bytes, n))
			return;
		s = normalise(m, bytes, &n);
		if (!s)
			return;
	}
	/* a Mac's message in another's mail */
	if (memchr(s, '\r', n) && !memchr(s, '\n', n) &&
	    !(s = normalise(m, s, &n)))
		return;
	while (n && *s == '\n') {	/* seen before the inner head */
		s++;
		n--;
	}
	parse_part(m, i, m->parts[i].message + 1, s, n, false);
}

/* Recursion ends at IR_MIME_DEPTH. */
static void
parse_part(struct ir_mime *m, size_t parent, unsigned message, const char *s,
    size_t n, bool root)
{
	char boundary[BOUNDARY_MAX + 1];
	struct ir_mime_part *p;
	size_t i = m->n;

	if (m->n >= IR_MIME_PARTS) {
		partial(m, "too many parts");
		return;
	}
	p = grow(m, m->parts, m->n, &m->cap_parts, sizeof *p);
	if (!p)
		return;
	m->parts = p;
	p += m->n++;
	memset(p, 0, sizeof *p);
	p->parent = parent;
	p->depth = root ? 0 : m->parts[parent].depth + 1;
	p->message = message;
	read_head(m, p, s, n);
	read_content(m, i, boundary);
	if (p->kind == IR_MIME_LEAF)
		return;
	if (p->depth >= IR_MIME_DEPTH) {
		partial(m, "nested too deeply");
		p->kind = IR_MIME_LEAF;
		return;
	}
	if (p->kind == IR_MIME_MESSAGE) {
		inside(m, i);
		return;
	}
	if (!boundary[0])
		guess_boundary(p, boundary);
	if (boundary[0])
		split(m, i, boundary);
	else
		p->kind = IR_MIME_LEAF;
}

int
ir_mime_parse(struct ir_mime *m, const char *raw, size_t n)
{
	memset(m, 0, sizeof *m);
	if (n > IR_MIME_BYTES) {
		n = IR_MIME_BYTES;
		partial(m, "larger than 32 MiB");
	}
	raw = normalise(m, raw, &n);
	if (raw)
		parse_part(m, 0, 0, raw, n, true);
	return m->no_memory || m->n == 0 ? -1 : 0;
}

void
ir_mime_free(struct ir_mime *m)
{
	while (m->nowned)
		free(m->owned[--m->nowned]);
	free(m->owned);
	free(m->parts);
	free(m->headers);
	memset(m, 0, sizeof *m);
}

/* --- reading it --------------------------------------------------------- */

const struct ir_mime_header *
ir_mime_header(const struct ir_mime *m, size_t part, const char *name,
    size_t nth)
{
	const struct ir_mime_part *p = &m->parts[part];
	size_t i, n = strlen(name);

	for (i = 0; i < p->headers; i++) {
		const struct ir_mime_header *h = &m->headers[p->header + i];

		if (h->name_len == n && strncasecmp(h->name, name, n) == 0 &&
		    nth-- == 0)
			return h;
	}
	return NULL;
}

size_t
ir_mime_header_count(const struct ir_mime *m, size_t part, const char *name)
{
	const struct ir_mime_part *p = &m->parts[part];
	size_t i, count = 0, n = strlen(name);

	for (i = 0; i < p->headers; i++) {
		const struct ir_mime_header *h = &m->headers[p->header + i];

		count += h->name_len == n && strncasecmp(h->name, name, n) == 0;
	}
	return count;
}

bool
ir_mime_get(const struct ir_mime *m, size_t part, const char *name,
    struct ir_buf *out)
{
	const struct ir_mime_header *h = ir_mime_header(m, part, name, 0);

	if (h)
		ir_mail_words(out, h->value, h->value_len);
	return h != NULL;
}

void
ir_mime_octets(const struct ir_mime *m, size_t part, struct ir_buf *out)
{
	const struct ir_mime_part *p = &m->parts[part];

	if (p->encoding == IR_MIME_BASE64)
		ir_base64_lenient(out, p->body, p->body_len);
	else if (p->encoding == IR_MIME_QP)
		ir_qp_lenient(out, p->body, p->body_len, false);
	else
		ir_buf_add(out, p->body, p->body_len);
}

/* RFC 3676: a line that ends in a space goes on in the next of its depth. */
static void
unflow(struct ir_buf *out, const char *s, size_t n, bool delsp)
{
	const char *end = s + n, *eol, *text;
	size_t depth, last = 0;
	bool joining = false;

	while (s < end) {
		eol = line_end(s, end);
		for (text = s; text < eol && *text == '>'; text++)
			;
		depth = (size_t)(text - s);
		if (text < eol && *text == ' ')
			text++;		/* space-stuffed */
		if (joining && depth != last) {
			ir_buf_chr(out, '\n');
			joining = false;
		}
		if (!joining)
			ir_buf_add(out, s, depth);
		last = depth;
		/* "--" begins a signature or a part: never joined to before */
		joining = eol > text && eol[-1] == ' ' &&
		    !(eol - text == 3 && memcmp(text, "-- ", 3) == 0) &&
		    !(end - eol > 2 && memcmp(eol + 1, "--", 2) == 0);
		ir_buf_add(out, text, (size_t)(eol - text) -
		    (joining && delsp));
		if (!joining)
			ir_buf_chr(out, '\n');
		s = eol < end ? eol + 1 : end;
	}
}

void
ir_mime_text(const struct ir_mime *m, size_t part, struct ir_buf *out)
{
	const struct ir_mime_part *p = &m->parts[part];
	struct ir_buf octets = IR_BUF(IR_MIME_BYTES);
	struct ir_buf text = IR_BUF(IR_MIME_BYTES * 4UL);
	size_t i, len = 0;

	ir_mime_octets(m, part, &octets);
	ir_charset_utf8(&text, p->charset, strlen(p->charset),
	    ir_buf_cstr(&octets), octets.len);
	ir_buf_free(&octets);
	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '\r' && i + 1 < text.len && text.data[i + 1] == '\n')
			continue;
		text.data[len++] = c == '\r' ? '\n' : c == '\0' ? ' ' : c;
	}
	ir_buf_trunc(&text, len);
	if (p->flowed && strcmp(p->type, "text/plain") == 0)
		unflow(out, ir_buf_cstr(&text), text.len, p->delsp);
	else
		ir_buf_add(out, ir_buf_cstr(&text), text.len);
	ir_buf_free(&text);
}
