/* arf.c - see arf.h */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arf.h"
#include "core/buf.h"
#include "core/record.h"
#include "core/text.h"
#include "mail/date.h"

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
trim(const char **s, size_t *n)
{
	while (*n && blank((*s)[*n - 1]))
		(*n)--;
	while (*n && blank(**s)) {
		(*s)++;
		(*n)--;
	}
}

void
ir_claim_put(struct ir_rec *o, const char *key, const char *s, size_t n)
{
	trim(&s, &n);
	if (n && !ir_rec_has(o, key))
		ir_rec_strn(o, key, s, ir_text_cut(s, n, IR_ARF_VALUE));
}

void
ir_claim_add(struct ir_rec *o, const char *key, const char *s, size_t n)
{
	const struct ir_rec *have = ir_rec_at(o, key);
	struct ir_rec *list;
	const char *v;
	size_t i;

	trim(&s, &n);
	n = ir_text_cut(s, n, IR_ARF_VALUE);
	if (n == 0 || ir_rec_len(have) >= IR_ARF_LIST)
		return;
	for (i = 0; i < ir_rec_len(have); i++) {
		v = ir_rec_cstr(ir_rec_item(have, i));
		if (v && strlen(v) == n && memcmp(v, s, n) == 0)
			return;
	}
	list = have ? ir_rec_copy(have) : ir_rec_array();
	ir_rec_push(list, ir_rec_string(s, n));
	ir_rec_set(o, key, list);
}

void
ir_claim_time(struct ir_rec *o, const char *key, const char *s, size_t n)
{
	int64_t t;

	trim(&s, &n);
	if (!ir_rec_has(o, key) && n < 200 && ir_mail_date(s, n, &t) == 0)
		ir_rec_time(o, key, t);
}

bool
ir_claim_ip(struct ir_rec *o, const char *key, const char *s, size_t n)
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];

	trim(&s, &n);
	if (n && *s == '[' && s[n - 1] == ']') {
		s++;
		n -= n > 1 ? 2 : 1;
	}
	if (n > 5 && strncasecmp(s, "IPv6:", 5) == 0) {
		s += 5;
		n -= 5;
	}
	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, bytes) != 1 &&
	    inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	ir_claim_put(o, key, text, n);
	return true;
}

/* "<a@b>", "a@b", "rfc822; a@b": the address. */
static void
mailbox(const char **s, size_t *n)
{
	const char *p;

	trim(s, n);
	p = memchr(*s, ';', *n);
	if (p && *n > 6 && strncasecmp(*s, "rfc822", 6) == 0) {
		*n -= (size_t)(p + 1 - *s);
		*s = p + 1;
		trim(s, n);
	}
	if (*n > 1 && **s == '<' && (*s)[*n - 1] == '>') {
		(*s)++;
		*n -= 2;
	}
}

static void
number(struct ir_rec *o, const char *key, const char *s, size_t n)
{
	char text[12];

	trim(&s, &n);
	if (n == 0 || n > 9 || ir_rec_has(o, key))
		return;
	memcpy(text, s, n);
	text[n] = '\0';
	if (strspn(text, "0123456789") != n)
		return;
	ir_rec_int(o, key, strtol(text, NULL, 10));
}

enum how { TEXT, LIST, TIME, IP, NUMBER, BOX, BOXES };

struct field {
	const char *name, *key;
	enum how how;
};

static void
put(struct ir_rec *o, const struct field *f, const char *s, size_t n)
{
	switch (f->how) {
	case LIST:
		ir_claim_add(o, f->key, s, n);
		break;
	case TIME:
		ir_claim_time(o, f->key, s, n);
		break;
	case IP:
		ir_claim_ip(o, f->key, s, n);
		break;
	case NUMBER:
		number(o, f->key, s, n);
		break;
	case BOX:
		mailbox(&s, &n);
		ir_claim_put(o, f->key, s, n);
		break;
	case BOXES:
		mailbox(&s, &n);
		ir_claim_add(o, f->key, s, n);
		break;
	case TEXT:
	default:
		ir_claim_put(o, f->key, s, n);
	}
}

/* "Name: value" lines, folded ones joined by their white space. */
static size_t
fields(const char *s, size_t n, const struct field *table, size_t count,
    struct ir_rec *o)
{
	const char *end = s + n, *p, *colon;
	size_t known = 0, i, len;

	for (; s < end; s = p) {
		for (p = s; p < end; p++)
			if (*p == '\n' && (p + 1 == end || (p[1] != ' ' &&
			    p[1] != '\t')))
				break;
		len = (size_t)(p - s);
		p += p < end;
		while (len && (*s == ' ' || *s == '\t' || *s == '>')) {
			s++;
			len--;
		}
		colon = memchr(s, ':', len);
		if (!colon)
			continue;
		for (i = 0; i < count; i++)
			if (strlen(table[i].name) == (size_t)(colon - s) &&
			    strncasecmp(table[i].name, s,
			    (size_t)(colon - s)) == 0)
				break;
		if (i == count)
			continue;
		known++;
		put(o, &table[i], colon + 1, len - (size_t)(colon + 1 - s));
	}
	return known;
}

size_t
ir_arf_parse(const char *s, size_t n, struct ir_rec *o)
{
	static const struct field table[] = {
		{ "Feedback-Type", "feedback_type", TEXT },
		{ "User-Agent", "user_agent", TEXT },
		{ "Version", "version", TEXT },
		{ "Source-IP", "source_ip", IP },
		{ "Source-Port", "source_port", NUMBER },
		{ "Arrival-Date", "arrived", TIME },
		{ "Received-Date", "arrived", TIME },
		{ "Original-Mail-From", "mail_from", BOX },
		{ "Original-Rcpt-To", "rcpt_to", BOXES },
		{ "Removal-Recipient", "rcpt_to", BOXES },
		{ "Reported-Domain", "domains", LIST },
		{ "Reported-URI", "uris", LIST },
		{ "Original-Envelope-Id", "envelope_id", TEXT },
		{ "Reporting-MTA", "reporting_mta", TEXT },
		{ "Auth-Failure", "auth_failure", TEXT },
		{ "Incidents", "incidents", NUMBER },
	};

	return fields(s, n < IR_ARF_BYTES ? n : IR_ARF_BYTES, table,
	    sizeof table / sizeof table[0], o);
}

/* The source of an X-ARF report is what its Source-Type says. */
static void
xarf_source(struct ir_rec *o, struct ir_rec *raw)
{
	const char *s = ir_rec_get(raw, "source"),
	    *type = ir_rec_get(raw, "source_type");

	if (!s || ir_claim_ip(o, "source_ip", s, strlen(s)))
		return;
	if (type && ir_ascii_ieq(type, "uri"))
		ir_claim_add(o, "uris", s, strlen(s));
	else if (type && (ir_ascii_ieq(type, "domain") ||
	    ir_ascii_ieq(type, "fqdn")))
		ir_claim_add(o, "domains", s, strlen(s));
	else
		ir_claim_put(o, "source", s, strlen(s));
}

size_t
ir_xarf_text(const char *s, size_t n, struct ir_rec *o)
{
	static const struct field table[] = {
		{ "Category", "category", TEXT },
		{ "Report-Type", "kind", TEXT },
		{ "Report-ID", "report_id", TEXT },
		{ "Reported-From", "reporter", BOX },
		{ "User-Agent", "user_agent", TEXT },
		{ "Version", "version", TEXT },
		{ "Service", "service", TEXT },
		{ "Port", "source_port", NUMBER },
		{ "Date", "arrived", TIME },
	};
	static const struct field where[] = {
		{ "Source", "source", TEXT },
		{ "Source-Type", "source_type", TEXT },
	};
	struct ir_rec *raw = ir_rec_object();
	size_t known;

	n = n < IR_ARF_BYTES ? n : IR_ARF_BYTES;
	known = fields(s, n, table, sizeof table / sizeof table[0], o);
	known += fields(s, n, where, 2, raw);
	xarf_source(o, raw);
	ir_rec_free(raw);
	return known;
}
