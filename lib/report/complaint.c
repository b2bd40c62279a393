/* complaint.c - see complaint.h */
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "arf.h"
#include "complaint.h"
#include "core/buf.h"
#include "core/record.h"
#include "core/sha256.h"
#include "core/text.h"
#include "mail/date.h"
#include "mail/words.h"
#include "report/text.h"
#include "xarf.h"

#define MAX_IPS 50
#define MAX_IDS 20
#define MAX_SUBJECTS 10
#define SKEW_MAX 300		/* seconds an id and its field may differ */
#define VALUE_MAX 300		/* bytes of one value kept */

static int
base62(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 36;
	return -1;
}

int64_t
ir_exim_id_time(const char *s, size_t n)
{
	size_t second, i;
	int64_t t = 0;

	if (n != 16 && n != 23)
		return -1;
	second = n == 16 ? 13 : 18;	/* where the second '-' is */
	for (i = 0; i < n; i++) {
		if (i == 6 || i == second) {
			if (s[i] != '-')
				return -1;
		} else if (base62(s[i]) < 0) {
			return -1;
		} else if (i < 6) {
			t = t * 62 + base62(s[i]);
		}
	}
	return t;
}

static bool
known(const struct ir_rec *list, const char *key, const char *s)
{
	const struct ir_rec *v;
	const char *have;
	size_t i;

	for (i = 0; i < ir_rec_len(list); i++) {
		v = ir_rec_item(list, i);
		have = key ? ir_rec_get(v, key) : ir_rec_cstr(v);
		if (have && strcmp(have, s) == 0)
			return true;
	}
	return false;
}

static void
add(struct ir_rec *list, size_t max, const char *s, size_t n)
{
	char value[VALUE_MAX + 1];

	n = ir_text_cut(s, n, VALUE_MAX);
	memcpy(value, s, n);
	value[n] = '\0';
	if (n && ir_rec_len(list) < max && !known(list, NULL, value))
		ir_rec_push_str(list, value);
}

static bool
ip_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F') || c == '.' || c == ':';
}

static void
ips(struct ir_rec *list, const char *s, const char *end)
{
	unsigned char addr[16];
	char text[INET6_ADDRSTRLEN];
	const char *p;
	size_t n, dots, colons;

	while (s < end && ir_rec_len(list) < MAX_IPS) {
		if (!ip_char(*s)) {
			s++;
			continue;
		}
		dots = colons = 0;
		for (p = s; p < end && ip_char(*p); p++) {
			dots += *p == '.';
			colons += *p == ':';
		}
		n = (size_t)(p - s);
		while (n && (s[n - 1] == '.' || (s[n - 1] == ':' && n > 1 &&
		    s[n - 2] != ':')))
			n--;
		if (n >= 3 && n < sizeof text && (dots >= 3 || colons >= 2) &&
		    !(p < end && ir_text_word_char(*p))) {
			memcpy(text, s, n);
			text[n] = '\0';
			if (inet_pton(colons ? AF_INET6 : AF_INET, text, addr)
			    == 1)
				add(list, MAX_IPS, text, n);
		}
		/* the rest of a longer word is none either */
		for (s = p; s < end && ir_text_word_char(*s); s++)
			;
	}
}

/* The host in the "by" that stands before an id in a Received field. */
static void
by_host(struct ir_rec *o, const char *s, const char *id)
{
	const char *from = id - s > 300 ? id - 300 : s, *p, *q, *last = NULL;

	for (q = from; (p = ir_text_phrase(q, id, "by ", &q)); )
		if (p == from || !ir_text_word_char(p[-1]))
			last = q;
	/* a field that begins in between is another one */
	if (!last || ir_text_phrase(last, id, "Received:", NULL))
		return;
	for (p = last; p < id && (ir_text_word_char(*p) || *p == '.' ||
	    *p == '-'); p++)
		;
	if (p > last)
		ir_rec_strn(o, "by", last, (size_t)(p - last) < VALUE_MAX ?
		    (size_t)(p - last) : VALUE_MAX);
}

/* The date at the end of the Received field that the id ends at p in. */
static bool
field_date(const char *p, const char *end, int64_t *t)
{
	const char *eol = p, *semi;

	while (eol < end && eol - p < 1000 && !(*eol == '\n' &&
	    (eol + 1 == end || (eol[1] != ' ' && eol[1] != '\t' &&
	    eol[1] != '>'))))
		eol++;
	semi = memrchr(p, ';', (size_t)(eol - p));
	return semi && ir_mail_date(semi + 1, (size_t)(eol - semi - 1), t) ==
	    0;
}

static bool
one_of(const struct ir_complaint_opts *opts, const char *host)
{
	size_t i;

	for (i = 0; host && i < opts->nhosts; i++)
		if (ir_ascii_ieq(opts->hosts[i], host))
			return true;
	return false;
}

/* What the field around an id says of it. */
static void
weigh(struct ir_rec *o, const struct ir_complaint_opts *opts, int64_t t,
    const char *after, const char *end)
{
	int64_t date, skew;

	ir_rec_bool(o, "ours", one_of(opts, ir_rec_get(o, "by")));
	if (!ir_rec_has(o, "by") || !field_date(after, end, &date))
		return;
	skew = date - t;
	ir_rec_time(o, "date", date);
	ir_rec_int(o, "skew", skew);
	ir_rec_bool(o, "ok", skew <= SKEW_MAX && skew >= -SKEW_MAX);
}

static void
exim_ids(struct ir_rec *list, const char *s, const char *end,
    const struct ir_complaint_opts *opts)
{
	const char *p, *from;
	char text[24];
	struct ir_rec *o;
	int64_t t;
	size_t n;

	for (p = s; (p = memchr(p, '-', (size_t)(end - p))) &&
	    ir_rec_len(list) < MAX_IDS; p++) {
		from = p - 6;
		if (p - s < 6)
			continue;
		n = end - from >= 23 ? 23 : 0;
		t = n ? ir_exim_id_time(from, n) : -1;
		if (t < 0 || (from + n < end && ir_text_word_char(from[n]))) {
			n = end - from >= 16 ? 16 : 0;
			t = n ? ir_exim_id_time(from, n) : -1;
		}
		if (t < ir_time_civil(2010, 1, 1, 0, 0, 0) ||
		    t > opts->now + 86400 || (from + n < end &&
		    ir_text_word_char(from[n])))
			continue;
		/* "<E1uABCd-...": Exim's own Message-ID */
		if (from > s && ir_text_word_char(from[-1]) &&
		    !(from[-1] == 'E' && from - s > 1 && from[-2] == '<'))
			continue;
		memcpy(text, from, n);
		text[n] = '\0';
		if (known(list, "id", text))
			continue;
		o = ir_rec_object();
		ir_rec_str(o, "id", text);
		ir_rec_time(o, "time", t);
		by_host(o, s, from);
		weigh(o, opts, t, from + n, end);
		ir_rec_push(list, o);
	}
}

/* The value of a header line at s, folded lines included. */
static const char *
value(const char *s, const char *end, const char *name, size_t *n)
{
	size_t len = strlen(name);
	const char *p, *eol;

	if ((size_t)(end - s) <= len || strncasecmp(s, name, len) != 0)
		return NULL;
	for (p = s + len; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	for (eol = p; eol < end; eol++)
		if (*eol == '\n' && (eol + 1 == end || (eol[1] != ' ' &&
		    eol[1] != '\t') || eol - p > 4000))
			break;
	*n = (size_t)(eol - p);
	return p;
}

struct lists {
	struct ir_rec *message_ids, *subjects;
};

static void
first(struct ir_rec *o, const char *key, const char *s, size_t n)
{
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\n'))
		n--;
	if (n && !ir_rec_has(o, key))
		ir_rec_strn(o, key, s, ir_text_cut(s, n, VALUE_MAX));
}

static void
header_line(struct ir_rec *o, struct lists *l, const char *s, const char *end)
{
	struct ir_buf b = IR_BUF(65536);
	const char *v, *p, *q;
	size_t n;

	if ((v = value(s, end, "Message-ID:", &n)) != NULL) {
		p = memchr(v, '<', n);
		q = p ? memchr(p, '>', n - (size_t)(p - v)) : NULL;
		if (q)
			add(l->message_ids, MAX_IDS, p, (size_t)(q - p) + 1);
	} else if ((v = value(s, end, "Subject:", &n)) != NULL) {
		ir_mail_words(&b, v, n);
		add(l->subjects, MAX_SUBJECTS, ir_buf_cstr(&b), b.len);
	} else if ((v = value(s, end, "X-PHP-Originating-Script:", &n)) ||
	    (v = value(s, end, "X-PHP-Script:", &n))) {
		first(o, "php_script", v, n);
	} else if ((v = value(s, end, "X-Get-Message-Sender-Via:", &n)) &&
	    ir_text_phrase(v, v + n, "authenticated_id: ", &p)) {
		for (q = p; q < v + n && *q != ' ' && *q != '\n' && *q != '/';
		    q++)
			;
		first(o, "auth_user", p, (size_t)(q - p));
	} else if ((v = value(s, end, "Authentication-Results:", &n)) &&
	    ir_text_phrase(v, v + n, "smtp.auth=", &p)) {
		for (q = p; q < v + n && *q != ' ' && *q != ';' && *q != '\n';
		    q++)
			;
		first(o, "auth_user", p, (size_t)(q - p));
	}
	ir_buf_free(&b);
}

static void
header_lines(struct ir_rec *o, struct lists *l, const char *s,
    const char *end)
{
	const char *p;

	while (s && s < end) {
		for (p = s; p < end && (*p == '>' || *p == ' ' ||
		    *p == '\t'); p++)
			;
		if (p < end && strchr("MSXAmsxa", *p))
			header_line(o, l, p, end);
		s = memchr(p, '\n', (size_t)(end - p));
		if (s)
			s++;
	}
}

static void
excerpt(struct ir_rec *o, const char *s, size_t n)
{
	struct ir_buf b = IR_BUF(IR_COMPLAINT_EXCERPT * 4);
	size_t i, len, chars = 0;

	for (i = 0; i < n && chars < IR_COMPLAINT_EXCERPT; i += len, chars++) {
		len = ir_utf8_len(s + i, n - i, NULL);
		if (len == 0)
			len = 1;
	}
	ir_text_term(&b, s, i);
	ir_rec_strn(o, "excerpt", ir_buf_cstr(&b), b.len);
	ir_buf_free(&b);
}

/* --- the form of a complaint --------------------------------------------- */

static void
spamcop(struct ir_rec *o, const char *s, const char *end)
{
	const char *p, *q, *eol;

	/* "Email from 192.0.2.1 / Mon, 02 Mar 2026 09:00:00 +0000" */
	if (!ir_text_phrase(s, end, "\nEmail from ", &p) &&
	    !(ir_text_phrase(s, end, "Email from ", &p) == s))
		return;
	eol = memchr(p, '\n', (size_t)(end - p));
	if (!eol)
		eol = end;
	q = memchr(p, '/', (size_t)(eol - p));
	if (!q || !ir_claim_ip(o, "source_ip", p, (size_t)(q - p)))
		return;
	ir_claim_time(o, "arrived", q + 1, (size_t)(eol - q - 1));
	ir_claim_put(o, "format", "spamcop", 7);
}

void
ir_claim_head(struct ir_rec *o, const char *subject, const char *from)
{
	static const char hotmail[] = "complaint about message from ";
	const char *end = subject + strlen(subject), *p, *q, *at;

	at = strrchr(from, '@');
	if (ir_text_phrase(subject, end, "[SpamCop (", &p) ||
	    (at && (ir_ascii_ieq(at + 1, "reports.spamcop.net") ||
	    ir_ascii_ieq(at + 1, "spamcop.net")))) {
		ir_claim_put(o, "format", "spamcop", 7);
		if (ir_text_phrase(subject, end, "[SpamCop (", &p) &&
		    (q = memchr(p, ')', (size_t)(end - p))) != NULL) {
			if (!ir_claim_ip(o, "source_ip", p, (size_t)(q - p)))
				ir_claim_add(o, "uris", p, (size_t)(q - p));
			if (ir_text_phrase(q, end, "id:", &p))
				ir_claim_put(o, "report_id", p,
				    strspn(p, "0123456789"));
		}
	} else if (ir_text_phrase(subject, end, hotmail, &p)) {
		ir_claim_put(o, "format", "hotmail", 7);
		ir_claim_ip(o, "source_ip", p, strcspn(p, " \n"));
	}
}

/* A JSON report in s; its evidence goes to text. */
static bool
xarf(struct ir_rec *o, const char *s, size_t n, struct ir_buf *text)
{
	struct ir_rec *json;
	size_t at, len;
	bool is;

	if (!ir_xarf_find(s, n, &at, &len))
		return false;
	json = ir_rec_parse_raw(s + at, len, NULL);
	is = json && ir_xarf_is(json);
	if (is)
		ir_xarf_json(json, o, text);
	ir_rec_free(json);
	return is;
}

void
ir_claim_part(struct ir_rec *o, const char *type, const char *s, size_t n,
    bool x_arf, struct ir_buf *text)
{
	if (strcmp(type, "message/feedback-report") == 0) {
		ir_claim_put(o, "format", "arf", 3);
		ir_arf_parse(s, n, o);
	} else if (ir_rec_has(o, "format")) {
		return;
	} else if (strcmp(type, "application/json") == 0 ||
	    strncmp(type, "text/", 5) == 0) {
		if (!xarf(o, s, n, text) && x_arf &&
		    ir_text_phrase(s, s + n, "Report-Type:", NULL)) {
			ir_claim_put(o, "format", "x-arf", 5);
			ir_xarf_text(s, n, o);
		}
	}
}

void
ir_claim_text(struct ir_rec *o, const char *s, size_t n, struct ir_buf *text)
{
	const char *end = s + n, *p, *format = ir_rec_get(o, "format");

	if (n > IR_COMPLAINT_BYTES)
		end = s + (n = IR_COMPLAINT_BYTES);
	if (format && strcmp(format, "spamcop") == 0)
		spamcop(o, s, end);
	if (format)
		return;
	if (xarf(o, s, n, text))
		return;
	p = ir_text_phrase(s, end, "Feedback-Type:", NULL);
	if (p && (ir_text_phrase(p, end, "User-Agent:", NULL) ||
	    ir_text_phrase(p, end, "Source-IP:", NULL))) {
		ir_rec_str(o, "format", "arf");
		ir_arf_parse(p, (size_t)(end - p) < 4096 ?
		    (size_t)(end - p) : 4096, o);
		return;
	}
	p = ir_text_phrase(s, end, "Report-Type:", NULL);
	if (p && ir_text_phrase(s, end, "Source-Type:", NULL)) {
		p = p - s > 2048 ? p - 2048 : s;
		ir_rec_str(o, "format", "x-arf");
		ir_xarf_text(p, (size_t)(end - p) < 8192 ?
		    (size_t)(end - p) : 8192, o);
		return;
	}
	spamcop(o, s, end);
}

static int
copy_member(const char *key, const struct ir_rec *v, void *arg)
{
	ir_rec_set(arg, key, ir_rec_copy(v));
	return 0;
}

/* --- which message it is about ------------------------------------------- */

/*
 * The id under which it left one of our hosts: the first Received field from
 * the top that one of ours wrote, when its id agrees with its date; else the
 * envelope id of the report; else Exim's own Message-ID with our name in it.
 */
static void
lead(struct ir_rec *o, const struct ir_rec *ids,
    const struct ir_complaint_opts *opts, const struct ir_rec *message_ids)
{
	const char *s = ir_rec_get(o, "envelope_id"), *at;
	struct ir_rec *l = ir_rec_object();
	char host[VALUE_MAX + 1];
	size_t i, n;

	for (i = 0; i < ir_rec_len(ids) && !ir_rec_has(l, "id"); i++) {
		const struct ir_rec *id = ir_rec_item(ids, i);

		if (ir_rec_get_bool(id, "ours", false) &&
		    ir_rec_get_bool(id, "ok", true)) {
			ir_rec_str(l, "id", ir_rec_get(id, "id"));
			ir_rec_str(l, "why", "received");
		}
	}
	if (!ir_rec_has(l, "id") && s &&
	    ir_exim_id_time(s, strlen(s)) >= 0) {
		ir_rec_str(l, "id", s);
		ir_rec_str(l, "why", "envelope-id");
	}
	for (i = 0; i < ir_rec_len(message_ids) && !ir_rec_has(l, "id"); i++) {
		s = ir_rec_cstr(ir_rec_item(message_ids, i));
		at = s ? strchr(s, '@') : NULL;
		if (!at || s[1] != 'E' ||
		    ir_exim_id_time(s + 2, (size_t)(at - s - 2)) < 0)
			continue;
		n = strcspn(at + 1, ">");
		if (n >= sizeof host)	/* cleaned text can be longer */
			continue;
		memcpy(host, at + 1, n);
		host[n] = '\0';
		if (!one_of(opts, host))
			continue;
		ir_rec_strn(l, "id", s + 2, (size_t)(at - s - 2));
		ir_rec_str(l, "why", "message-id");
	}
	if (ir_rec_has(l, "id"))
		ir_rec_set(o, "lead", l);
	else
		ir_rec_free(l);
}

struct ir_rec *
ir_complaint(const char *s, size_t n, const struct ir_complaint_opts *opts)
{
	struct ir_rec *o = ir_rec_object(), *list;
	struct lists l;
	char hex[65];
	const char *end;
	size_t i;

	for (i = 0; i < n && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t'); )
		i++;
	ir_rec_bool(o, "present", i < n);
	if (i == n)
		return o;
	if (opts->claim)
		ir_rec_each(opts->claim, copy_member, o);
	if (!ir_rec_has(o, "format"))
		ir_rec_str(o, "format", "plain");
	ir_sha256_small(s, n, hex);
	ir_rec_str(o, "sha256", hex);
	excerpt(o, s + i, n - i);
	if (n > IR_COMPLAINT_BYTES)
		n = ir_text_cut(s, n, IR_COMPLAINT_BYTES);
	end = s + n;
	ips(list = ir_rec_array(), s, end);
	ir_rec_set(o, "ips", list);
	exim_ids(list = ir_rec_array(), s, end, opts);
	ir_rec_set(o, "exim_ids", list);
	l.message_ids = ir_rec_array();
	l.subjects = ir_rec_array();
	header_lines(o, &l, s, end);
	lead(o, ir_rec_at(o, "exim_ids"), opts, l.message_ids);
	ir_rec_set(o, "message_ids", l.message_ids);
	ir_rec_set(o, "subjects", l.subjects);
	return o;
}
