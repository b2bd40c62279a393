/* dsn.c - see dsn.h */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "dsn.h"
#include "mime.h"

#define STATUS_MAX (1u << 20)	/* bytes of the part that is read */

static const char *const words[] = { "failed", "delayed", "delivered",
    "relayed", "expanded" };

#define NWORDS (sizeof words / sizeof *words)

const char *
ir_dsn_word(enum ir_dsn_action action)
{
	return words[action];
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One clean line, cut to the field; a fold is one space. */
static void
keep(char *to, size_t size, const char *s, size_t n)
{
	struct ir_buf line = IR_BUF(size), b = IR_BUF(size * 8);
	size_t i;

	while (n && blank(s[n - 1]))
		n--;
	for (i = 0; i < n && line.len < size - 1; i++)
		if (!blank(s[i]))
			ir_buf_chr(&line, s[i]);
		else if (line.len && !blank(s[i + 1]))
			ir_buf_chr(&line, ' ');
	ir_text_clean(&b, ir_buf_cstr(&line), ir_text_cut(ir_buf_cstr(&line),
	    line.len, size - 1));
	ir_buf_free(&line);
	n = ir_text_cut(ir_buf_cstr(&b), b.len, size - 1);
	memcpy(to, ir_buf_cstr(&b), n);
	to[n] = '\0';
	ir_buf_free(&b);
}

/* "rfc822; <a@b>" -> "a@b", "dns; mx.example" -> "mx.example" */
static void
typed(char *to, size_t size, const char *s, size_t n)
{
	const char *semi = memchr(s, ';', n);

	if (semi) {
		n -= (size_t)(semi + 1 - s);
		s = semi + 1;
	}
	while (n && (blank(*s) || *s == '<'))
		s++, n--;
	while (n && (blank(s[n - 1]) || s[n - 1] == '>'))
		n--;
	keep(to, size, s, n);
}

static bool
is_name(const char *name, size_t n, const char *want)
{
	return strlen(want) == n && strncasecmp(name, want, n) == 0;
}

/* Of a word that RFC 3464 does not know nothing can be concluded. */
static bool
action(enum ir_dsn_action *a, const char *s, size_t n)
{
	char word[16];
	size_t i;

	keep(word, sizeof word, s, n);
	word[strcspn(word, " (;")] = '\0';
	for (i = 0; i < NWORDS; i++)
		if (strcasecmp(word, words[i]) == 0) {
			*a = (enum ir_dsn_action)i;
			return true;
		}
	return false;
}

/* The block of one recipient, or of the whole notification, in the making. */
struct block {
	struct ir_dsn *d;
	struct ir_dsn_recipient r;
	bool acted;
};

static void
field(struct block *b, const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n), *v;
	size_t name, len;

	if (!colon)
		return;
	name = (size_t)(colon - s);
	while (name && blank(s[name - 1]))
		name--;
	v = colon + 1;
	len = n - (size_t)(v - s);
	if (is_name(s, name, "Reporting-MTA") && !b->d->from[0])
		typed(b->d->from, sizeof b->d->from, v, len);
	else if (is_name(s, name, "Final-Recipient"))
		typed(b->r.final, sizeof b->r.final, v, len);
	else if (is_name(s, name, "Original-Recipient"))
		typed(b->r.original, sizeof b->r.original, v, len);
	else if (is_name(s, name, "Action"))
		b->acted = action(&b->r.action, v, len);
	else if (is_name(s, name, "Status"))
		keep(b->r.status, sizeof b->r.status, v, len);
	else if (is_name(s, name, "Diagnostic-Code"))
		keep(b->r.text, sizeof b->r.text, v, len);
}

static void
end_block(struct block *b)
{
	struct ir_dsn *d = b->d;

	if (b->acted && (b->r.final[0] || b->r.original[0]) &&
	    d->n < IR_DSN_RECIPIENTS)
		d->rcpt[d->n++] = b->r;
	memset(&b->r, 0, sizeof b->r);
	b->acted = false;
}

/* Fields, folded as in a header, in blocks that empty lines part. */
static void
blocks(struct ir_dsn *d, const char *s, size_t n)
{
	const char *end = s + n, *eol, *start = s;
	struct block b = { .d = d };

	for (; s < end; s = eol + (eol < end)) {
		eol = memchr(s, '\n', (size_t)(end - s));
		if (!eol)
			eol = end;
		if (s > start && (*s == ' ' || *s == '\t') && eol > s + 1 &&
		    !(eol == s + 2 && s[1] == '\r'))
			continue;	/* goes on from the line before */
		if (s > start)
			field(&b, start, (size_t)(s - start));
		start = s;
		if (eol == s || (eol == s + 1 && *s == '\r'))
			end_block(&b);
	}
	if (start < end)
		field(&b, start, (size_t)(end - start));
	end_block(&b);
}

/* The <...> in a header field. */
static void
ids(struct ir_dsn *d, const struct ir_mime_header *h, size_t most)
{
	const char *s = h ? h->value : "", *end = h ? s + h->value_len : s;
	const char *open, *shut;
	size_t n;

	while (most-- && d->nids < IR_DSN_IDS &&
	    (open = memchr(s, '<', (size_t)(end - s))) &&
	    (shut = memchr(open, '>', (size_t)(end - open)))) {
		n = (size_t)(shut + 1 - open);
		s = shut + 1;
		if (n >= sizeof d->id[0] || ir_text_plain(open, n) != n)
			continue;
		memcpy(d->id[d->nids], open, n);
		d->id[d->nids++][n] = '\0';
	}
}

static void
returned(struct ir_dsn *d, const struct ir_mime *m, size_t part)
{
	if (d->nids)
		return;		/* the first one counts */
	ids(d, ir_mime_header(m, part, "Message-ID", 0), 1);
	if (d->nids == 0)
		d->nids = 1;	/* its place stays empty */
	ids(d, ir_mime_header(m, part, "References", 0), IR_DSN_IDS);
}

/* text/rfc822-headers: only the headers came back. */
static int
returned_headers(struct ir_dsn *d, const struct ir_mime *m, size_t part)
{
	struct ir_buf b = IR_BUF(STATUS_MAX);
	struct ir_mime inner;
	int rc;

	ir_mime_octets(m, part, &b);
	rc = ir_mime_parse(&inner, ir_buf_cstr(&b), b.len);
	if (rc == 0) {
		returned(d, &inner, 0);
		ir_mime_free(&inner);
	}
	ir_buf_free(&b);
	return rc;
}

static int
part_of(struct ir_dsn *d, const struct ir_mime *m, size_t i, bool *status)
{
	const char *type = m->parts[i].type;
	struct ir_buf b = IR_BUF(STATUS_MAX);
	int rc = 0;

	if (!*status && (strcmp(type, "message/delivery-status") == 0 ||
	    strcmp(type, "message/global-delivery-status") == 0)) {
		ir_mime_octets(m, i, &b);
		blocks(d, ir_buf_cstr(&b), b.len);
		*status = true;
	} else if (m->parts[i].kind == IR_MIME_MESSAGE && i + 1 < m->n &&
	    m->parts[i + 1].parent == i) {
		returned(d, m, i + 1);
	} else if (strcmp(type, "text/rfc822-headers") == 0 ||
	    strcmp(type, "message/global-headers") == 0) {
		rc = returned_headers(d, m, i);
	}
	ir_buf_free(&b);
	return rc;
}

int
ir_dsn_parse(struct ir_dsn *d, const char *raw, size_t n, struct ir_err *err)
{
	struct ir_mime m;
	size_t i, top;
	bool status = false;
	int rc;

	memset(d, 0, sizeof *d);
	rc = ir_mime_parse(&m, raw, n);
	if (rc == 0 && m.n) {
		ids(d, ir_mime_header(&m, 0, "Message-ID", 0), 1);
		memcpy(d->own_id, d->id[0], sizeof d->own_id);
		memset(d->id[0], 0, sizeof d->id[0]);
		d->nids = 0;
	}
	/* one that is only attached to a mail is what somebody tells of it */
	for (top = 0; rc == 0 && top < m.n; top++)
		if (m.parts[top].message == 0 &&
		    m.parts[top].kind == IR_MIME_MULTIPART &&
		    strcmp(m.parts[top].report_type, "delivery-status") == 0)
			break;
	for (i = top; rc == 0 && i < m.n; i++)
		if (i > top && m.parts[i].parent == top)
			rc = part_of(d, &m, i, &status);
	ir_mime_free(&m);
	if (rc)
		return ir_fail(err, IR_OSERR, "no memory");
	if (!status || d->n == 0)
		return ir_fail(err, IR_DATAERR,
		    "not a delivery status notification (RFC 3464)");
	return 0;
}
