/* notice.c - see notice.h */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "complaint.h"
#include "core/record.h"
#include "core/text.h"
#include "mail/date.h"
#include "mail/html.h"
#include "mail/mime.h"
#include "notice.h"
#include "report/text.h"
#include "profile.h"
#include "sender.h"
#include "xarf.h"

#define MAX_FORWARDS 5
#define MAX_REFERENCES 50
#define MIN_TEXT 40		/* a shorter plain part is "see the HTML" */
#define MAX_NEST 2		/* mails in files in mails */
#define WEEK (7 * 86400)

/* Where in a mail the notice is. */
struct found {
	size_t message;		/* its part */
	unsigned depth;		/* forwards around it */
	bool rewritten;		/* by a mailing list */
	bool is_inline;		/* its headers are lines of the text */
	size_t text_from;	/* inline: where its text begins */
	char date[128];		/* inline: the date it shows */
};

static bool
address_in(const struct ir_mime *m, size_t part, const char *name, char *addr,
    size_t size)
{
	const struct ir_mime_header *h = ir_mime_header(m, part, name, 0);

	addr[0] = '\0';
	return h && ir_sender_address(h->value, h->value_len, addr, size);
}

/* Whose address is it: "aws", a provider of the table, or NULL. */
static const char *
provider(const struct ir_report *r, const char *addr)
{
	return ir_sender_aws(addr) ? "aws" :
	    ir_profile_sender(r->opts->profiles, addr);
}

/* A list that avoids DMARC puts itself in From and the author elsewhere. */
static bool
from_list(const struct ir_report *r, const struct ir_mime *m, size_t part,
    char *addr, size_t size)
{
	static const char *const fields[] = { "X-Original-From",
	    "X-Original-Sender", "Reply-To" };
	size_t i;

	if (!ir_mime_header(m, part, "List-Id", 0) &&
	    !ir_mime_header(m, part, "List-Post", 0) &&
	    !ir_mime_header(m, part, "X-Original-From", 0))
		return false;
	for (i = 0; i < 3; i++)
		if (address_in(m, part, fields[i], addr, size) &&
		    provider(r, addr))
			return true;
	return false;
}

/* --- the text of a message ---------------------------------------------- */

static bool
in_message(const struct ir_mime *m, size_t msg, size_t i)
{
	return m->parts[i].message == m->parts[msg].message;
}

static size_t
message_end(const struct ir_mime *m, size_t msg)
{
	size_t i = msg + 1;

	while (i < m->n && m->parts[i].depth > m->parts[msg].depth)
		i++;
	return i;
}

static size_t
pick(const struct ir_mime *m, size_t msg, const char *type)
{
	size_t i, end = message_end(m, msg);

	for (i = msg; i < end; i++)
		if (in_message(m, msg, i) &&
		    m->parts[i].kind == IR_MIME_LEAF &&
		    !m->parts[i].attachment &&
		    strcmp(m->parts[i].type, type) == 0)
			return i;
	return end;
}

/* Length without white space at the ends. */
static size_t
solid(const struct ir_buf *b)
{
	size_t n = b->len, i = 0;

	while (n && (b->data[n - 1] == ' ' || b->data[n - 1] == '\n'))
		n--;
	while (i < n && (b->data[i] == ' ' || b->data[i] == '\n'))
		i++;
	return n - i;
}

/* A plain part may say no more than that there is an HTML one. */
static bool
names_aws(const struct ir_buf *b)
{
	const char *s = ir_buf_cstr(b), *end = s + b->len;

	return ir_text_phrase(s, end, "AWS", NULL) ||
	    ir_text_phrase(s, end, "Amazon", NULL) ||
	    ir_text_phrase(s, end, "abuse", NULL);
}

/* The regular text of a message; which part it is, or m->n. */
static size_t
message_text(const struct ir_mime *m, size_t msg, struct ir_buf *out)
{
	struct ir_buf raw = IR_BUF(128U << 20), html = IR_BUF(128U << 20);
	size_t end = message_end(m, msg), plain, rich, part = m->n;

	plain = pick(m, msg, "text/plain");
	rich = pick(m, msg, "text/html");
	if (plain < end) {
		ir_mime_text(m, plain, &raw);
		ir_text_regular(out, ir_buf_cstr(&raw), raw.len);
		part = plain;
	}
	if (rich < end && (solid(out) < MIN_TEXT || !names_aws(out))) {
		ir_buf_trunc(&raw, 0);
		ir_mime_text(m, rich, &raw);
		ir_html_text(&html, ir_buf_cstr(&raw), raw.len);
		/* of two texts that say nothing the plain one */
		if (solid(out) >= MIN_TEXT && !names_aws(&html))
			goto out;
		ir_buf_trunc(out, 0);
		ir_text_regular(out, ir_buf_cstr(&html), html.len);
		part = rich;
	}
out:
	ir_buf_free(&raw);
	ir_buf_free(&html);
	return part;
}

/* --- forwarded inline ---------------------------------------------------- */

struct line {
	const char *s, *end, *next;
};

/* The line at p, with at most `quotes` marks of quoting taken off. */
static struct line
line_at(const char *p, const char *end, size_t quotes, size_t *taken)
{
	struct line l = { p, end, end };
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	size_t n = 0;

	if (nl) {
		l.end = nl;
		l.next = nl + 1;
	}
	while (l.s < l.end && (*l.s == ' ' || *l.s == '\t' || *l.s == '*' ||
	    (*l.s == '>' && n < quotes)))
		n += *l.s++ == '>';
	if (taken)
		*taken = n;
	return l;
}

static const char *
label(const struct line *l, const char *const *names)
{
	const char *p;
	size_t n;

	for (; *names; names++) {
		n = strlen(*names);
		if ((size_t)(l->end - l->s) < n ||
		    strncasecmp(l->s, *names, n) != 0)
			continue;
		p = l->s + n;
		while (p < l->end && (*p == ' ' || *p == '*'))
			p++;
		if (p < l->end && *p == ':') {
			p++;
			while (p < l->end && (*p == ' ' || *p == '*'))
				p++;
			return p;
		}
	}
	return NULL;
}

static bool
take(char *out, size_t size, const char *p, const char *end)
{
	size_t n = ir_text_cut(p, (size_t)(end - p), size - 1);

	if (p >= end || out[0])
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

/* The fields of a forwarded head, in the languages of mail programs. */
static const char *const l_from[] = { "From", "差出人", "送信者",
    "送信元", "Von", "De", "Da", "Van", "보낸 사람", "보낸사람",
    "发件人", "寄件者", NULL };
static const char *const l_subject[] = { "Subject", "件名", "Betreff",
    "Assunto", "Asunto", "Objet", "Oggetto", "Onderwerp", "제목",
    "主题", "主旨", NULL };
static const char *const l_date[] = { "Date", "Sent", "日付", "日時",
    "送信日時", "送信日", "Datum", "Gesendet", "Data", "Enviado em",
    "Enviado", "Enviada em", "Fecha", "Envoyé", "Inviato", "날짜",
    "보낸 날짜", "发送时间", "日期", NULL };
static const char *const l_to[] = { "To", "宛先", "An", "Para", "À",
    "A", "Aan", "받는 사람", "收件人", NULL };
static const char *const l_reply[] = { "Reply-To", "返信先", NULL };
static const char *const l_id[] = { "Message-ID", NULL };
static const char *const l_other[] = { "Cc", "Bcc", "Importance", "Priority",
    "Attachments", "Organization", "Resent-From", "Resent-To",
    "Resent-Date", "Return-Path", "CC", "添付ファイル",
    "重要度", "返信日", NULL };

/* Is the line a field of such a head? */
static bool
head_line(const struct line *l)
{
	return label(l, l_from) || label(l, l_subject) || label(l, l_date) ||
	    label(l, l_to) || label(l, l_reply) || label(l, l_id) ||
	    label(l, l_other);
}

/* The address in such a line; "Name [mailto:user@host]" is Outlook's. */
static bool
line_address(const char *v, const char *end, char *addr, size_t size)
{
	const char *p = memmem(v, (size_t)(end - v), "[mailto:", 8), *q;

	if (p) {
		p += 8;
		q = memchr(p, ']', (size_t)(end - p));
		return q && ir_sender_address(p, (size_t)(q - p), addr, size);
	}
	return ir_sender_address(v, (size_t)(end - v), addr, size);
}

/* Does the subject end inside of a bracket: is it folded there? */
static bool
open_bracket(const struct ir_buf *subject)
{
	const char *s = ir_buf_cstr(subject), *last = strrchr(s, '[');

	return last && !strchr(last, ']');
}

/* The lines of a forwarded head, down to what is none. */
static const char *
forwarded_head(struct ir_report *r, struct found *f, const char *p,
    const char *end, size_t quotes)
{
	struct line l, next;
	const char *v;
	char addr[256];
	int n;

	ir_buf_trunc(&r->subject, 0);
	r->to[0] = r->reply_to[0] = r->message_id[0] = '\0';
	for (n = 0; p < end && n < 40; n++, p = l.next) {
		l = line_at(p, end, quotes, NULL);
		if (l.s == l.end)
			return l.next;
		if ((v = label(&l, l_subject)) && r->subject.len == 0) {
			ir_buf_add(&r->subject, v, (size_t)(l.end - v));
		} else if ((v = label(&l, l_date))) {
			take(f->date, sizeof f->date, v, l.end);
		} else if ((v = label(&l, l_to)) && line_address(v, l.end,
		    addr, sizeof addr)) {
			take(r->to, sizeof r->to, addr, addr + strlen(addr));
		} else if ((v = label(&l, l_reply)) && line_address(v, l.end,
		    addr, sizeof addr)) {
			take(r->reply_to, sizeof r->reply_to, addr,
			    addr + strlen(addr));
		} else if ((v = label(&l, l_id))) {
			take(r->message_id, sizeof r->message_id, v, l.end);
		} else if (!head_line(&l)) {
			next = line_at(l.next, end, quotes, NULL);
			if (!head_line(&next) && !open_bracket(&r->subject))
				return p;
			if (open_bracket(&r->subject)) {
				ir_buf_chr(&r->subject, ' ');
				ir_buf_add(&r->subject, l.s,
				    (size_t)(l.end - l.s));
			}
		}
	}
	return p;
}

/*
 * Look for "From: ... AWS" in the head of a copy forwarded in the text; some
 * programs write the subject and the date before it.
 */
static bool
find_inline(struct ir_report *r, struct found *f, struct ir_buf *text)
{
	const char *p = ir_buf_cstr(text), *end = p + text->len, *v;
	const char *from_here = NULL;
	char addr[256];
	struct line l;
	size_t quotes, at;
	unsigned depth = 0;

	for (; p < end && depth < MAX_FORWARDS; p = l.next) {
		l = line_at(p, end, 20, &quotes);
		if (!head_line(&l)) {
			from_here = NULL;
			continue;
		}
		if (!from_here)
			from_here = p;
		v = label(&l, l_from);
		if (!v || v == l.end)
			continue;
		depth++;
		if (!line_address(v, l.end, addr, sizeof addr) ||
		    !provider(r, addr))
			continue;
		memcpy(r->sender, addr, strlen(addr) + 1);
		at = (size_t)(forwarded_head(r, f, from_here, end, quotes) -
		    text->data);
		f->is_inline = true;
		f->depth += depth;
		f->text_from = at;
		/* take the marks of this forward off what follows */
		while (quotes && at < text->len) {
			l = line_at(text->data + at, end, quotes, NULL);
			memset(text->data + at, ' ', (size_t)(l.s -
			    (text->data + at)));
			at = (size_t)(l.next - text->data);
		}
		return true;
	}
	return false;
}

/* --- which message ------------------------------------------------------ */

/*
 * The notice: the outermost message from AWS, else one in the text.  The
 * text of the chosen message is left in r->upper.  Returns its part.
 */
static size_t
locate(struct ir_report *r, const struct ir_mime *m, struct found *f)
{
	size_t i, part;

	for (i = 0; i < m->n; i++) {
		if ((i && m->parts[m->parts[i].parent].kind !=
		    IR_MIME_MESSAGE) || m->parts[i].message > MAX_FORWARDS)
			continue;
		f->message = i;
		f->depth = m->parts[i].message;
		if (address_in(m, i, "From", r->sender, sizeof r->sender) &&
		    provider(r, r->sender))
			return message_text(m, i, &r->upper);
		f->rewritten = from_list(r, m, i, r->sender,
		    sizeof r->sender);
		if (f->rewritten)
			return message_text(m, i, &r->upper);
	}
	for (i = 0; i < m->n; i++) {
		if ((i && m->parts[m->parts[i].parent].kind !=
		    IR_MIME_MESSAGE) || m->parts[i].message > MAX_FORWARDS)
			continue;
		f->message = i;
		f->depth = m->parts[i].message;
		ir_buf_trunc(&r->upper, 0);
		part = message_text(m, i, &r->upper);
		if (find_inline(r, f, &r->upper))
			return part;
	}
	f->message = 0;
	f->depth = 0;
	address_in(m, 0, "From", r->sender, sizeof r->sender);
	ir_buf_trunc(&r->upper, 0);
	return message_text(m, 0, &r->upper);
}

/* --- the complaint ------------------------------------------------------- */

static bool
alternative_to(const struct ir_mime *m, size_t a, size_t b)
{
	return a < m->n && m->parts[a].parent == m->parts[b].parent &&
	    strcmp(m->parts[m->parts[b].parent].type,
	    "multipart/alternative") == 0;
}

/* Is the message marked as X-ARF? */
static bool
x_arf(const struct ir_mime *m, size_t msg)
{
	return ir_mime_header(m, msg, "X-XARF", 0) ||
	    ir_mime_header(m, msg, "X-ARF", 0);
}

/* What is attached to the notice, heads of messages included. */
static void
attachments(struct ir_report *r, const struct ir_mime *m, size_t msg,
    size_t text)
{
	struct ir_buf evidence = IR_BUF(4U << 20);
	size_t i, at, end = message_end(m, msg);
	bool xarf = x_arf(m, msg);

	/* a mail that is nothing but the JSON of a report */
	if (m->parts[msg].kind == IR_MIME_LEAF && text != msg) {
		at = r->complaint.len;
		ir_mime_text(m, msg, &r->complaint);
		ir_claim_part(r->claim, m->parts[msg].type, ir_buf_cstr(
		    &r->complaint) + at, r->complaint.len - at, xarf,
		    &evidence);
	}

	for (i = msg + 1; i < end; i++) {
		const struct ir_mime_part *p = &m->parts[i];

		if (i == text || alternative_to(m, text, i))
			continue;
		if (m->parts[p->parent].kind == IR_MIME_MESSAGE) {
			ir_buf_add(&r->complaint, p->head, p->head_len);
			ir_buf_chr(&r->complaint, '\n');
			xarf = xarf || x_arf(m, i);
		}
		if (p->kind != IR_MIME_LEAF || (strncmp(p->type, "text/", 5) &&
		    strncmp(p->type, "message/", 8) &&
		    strcmp(p->type, "application/json") != 0))
			continue;
		at = r->complaint.len;
		ir_mime_text(m, i, &r->complaint);
		ir_claim_part(r->claim, p->type, ir_buf_cstr(&r->complaint) +
		    at, r->complaint.len - at, xarf, &evidence);
		ir_buf_chr(&r->complaint, '\n');
	}
	ir_claim_text(r->claim, ir_buf_cstr(&r->complaint), r->complaint.len,
	    &evidence);
	ir_buf_add(&r->complaint, ir_buf_cstr(&evidence), evidence.len);
	ir_buf_free(&evidence);
}

/* Cut the text of the notice: r->upper keeps the provider's half. */
static void
cut(struct ir_report *r, const struct found *f)
{
	struct ir_buf whole = r->upper;
	const char *s;
	size_t n, at, body;

	r->upper = (struct ir_buf)IR_BUF(whole.max);
	s = ir_buf_cstr(&whole) + f->text_from;
	n = whole.len - f->text_from;
	at = ir_text_complaint(s, n, &body);
	ir_buf_add(&r->upper, s, at);
	if (r->upper.data)
		ir_text_unquote(r->upper.data, r->upper.len);
	ir_buf_add(&r->complaint, s + body, n - body);
	if (n > body)
		ir_buf_chr(&r->complaint, '\n');
	ir_buf_free(&whole);
}

/* --- the head ------------------------------------------------------------ */

static void
message_ids(struct ir_report *r, const struct ir_mime *m, size_t msg)
{
	static const char *const fields[] = { "References", "In-Reply-To" };
	const struct ir_mime_header *h;
	const char *p, *q, *end;
	size_t i;

	r->references = ir_rec_array();
	h = ir_mime_header(m, msg, "Message-ID", 0);
	if (h && (p = memchr(h->value, '<', h->value_len)) &&
	    (q = memchr(p, '>', h->value_len - (size_t)(p - h->value))))
		take(r->message_id, sizeof r->message_id, p, q + 1);
	for (i = 0; i < 2; i++) {
		h = ir_mime_header(m, msg, fields[i], 0);
		if (!h || ir_rec_len(r->references))
			continue;
		end = h->value + h->value_len;
		for (p = h->value; ir_rec_len(r->references) < MAX_REFERENCES &&
		    (p = memchr(p, '<', (size_t)(end - p))) != NULL; p = q) {
			q = memchr(p, '>', (size_t)(end - p));
			if (!q)
				break;
			q++;
			if (q - p < 256)
				ir_rec_push(r->references, ir_rec_string(p,
				    (size_t)(q - p)));
		}
	}
}

/* The date after the last ';' of our topmost Received field. */
static bool
received(const struct ir_mime *m, int64_t *t)
{
	const struct ir_mime_header *h = ir_mime_header(m, 0, "Received", 0);
	const char *p = h ? memrchr(h->value, ';', h->value_len) : NULL;

	return p && ir_mail_date(p + 1, h->value_len -
	    (size_t)(p + 1 - h->value), t) == 0;
}

/*
 * The time limit counts from the older of our Received and the notice's
 * Date, but a Date that cannot be is not believed, and it never begins after
 * we have seen the notice.
 */
static void
base_time(struct ir_report *r, const struct ir_mime *m, const struct found *f)
{
	const struct ir_mime_header *h = ir_mime_header(m, f->message, "Date",
	    0);
	int64_t now = r->opts->now, recv, date;
	bool have_recv = received(m, &recv), have_date;

	if (f->is_inline)
		have_date = ir_mail_date(f->date, strlen(f->date), &date) == 0;
	else
		have_date = h && ir_mail_date(h->value, h->value_len,
		    &date) == 0;
	if (have_date && !f->is_inline)
		r->date = date;
	if (have_recv && recv < now)
		r->received = recv;
	if (have_recv)
		r->base_source = IR_FROM_HEADER;
	r->base = r->received;
	if (!have_date || date > now + 300 || (have_recv &&
	    (date > r->received + WEEK || date < r->received - WEEK)))
		return;
	r->base_source = IR_FROM_HEADER;
	if (!have_recv && date < now)
		r->received = date;
	if (date < r->base)
		r->base = date;
}

static void
head(struct ir_report *r, const struct ir_mime *m, const struct found *f)
{
	static const char *const to[] = { "Delivered-To", "X-Original-To",
	    "Envelope-To" };
	char addr[256];
	size_t i;

	for (i = 0; i < 3; i++)
		if (address_in(m, 0, to[i], addr, sizeof addr)) {
			memcpy(r->to, addr, strlen(addr) + 1);
			break;
		}
	if (f->is_inline) {
		r->references = ir_rec_array();
	} else {
		ir_mime_get(m, f->message, "Subject", &r->subject);
		message_ids(r, m, f->message);
		if (i == 3)
			address_in(m, f->message, "To", r->to, sizeof r->to);
		address_in(m, f->message, "Reply-To", r->reply_to,
		    sizeof r->reply_to);
	}
	base_time(r, m, f);
}

/* The domain that must have passed: the provider's that it is from. */
static const char *
root(const struct ir_report *r)
{
	const char *domain, *at = strrchr(r->sender, '@');
	size_t i;

	if (strcmp(r->provider, "aws") == 0)
		return NULL;
	for (i = 0; (domain = ir_profile_get(r->opts->profiles, r->provider,
	    "domain", i)) != NULL; i++)
		if (ir_sender_below(r->sender, domain))
			return domain;
	return at ? at + 1 : "(none)";
}

static void
authenticity(struct ir_report *r, const struct ir_mime *m,
    const struct found *f)
{
	const char *why = NULL;

	if (f->depth)
		why = "forwarded: the headers inside cannot be verified";
	else if (f->rewritten)
		why = "rewritten by a mailing list: its sender cannot be "
		    "verified";
	if (why) {
		r->authentic = "unverified";
		memcpy(r->auth_why, why, strlen(why) + 1);
		return;
	}
	r->authentic = ir_sender_authentic(m, r->sender, root(r),
	    r->opts->authserv_id, r->auth_why, sizeof r->auth_why);
}

/* How AWS wants to be answered, and where. */
static void
channel(struct ir_report *r, bool rewritten)
{
	bool aws = ir_sender_aws(r->sender);

	if (ir_ascii_starts(r->sender, "no-reply-aws@"))
		r->facts.support_case = true;
	if (aws && rewritten) {
		memcpy(r->reply_to, r->sender, sizeof r->sender);
	} else if (r->reply_to[0] && !ir_sender_aws(r->reply_to)) {
		r->reply_conflict = aws ? r->reply_to : NULL;
	} else if (!r->reply_to[0] && aws) {
		memcpy(r->reply_to, r->sender, sizeof r->sender);
	}
	if (aws && r->facts.support_case)
		r->channel = "support-case";
	else if (ir_sender_reads_mail(r->sender) ||
	    (aws && ir_sender_reads_mail(r->reply_to)))
		r->channel = "mail";
	if (strcmp(r->channel, "mail") != 0)
		r->reply_to[0] = '\0';
}

/* How another provider wants to be answered. */
static void
other_channel(struct ir_report *r)
{
	const char *how = ir_profile_get(r->opts->profiles, r->provider,
	    "reply", 0), *url, *v;
	size_t n, i;

	r->channel = how ? how : "none";
	if (strcmp(r->channel, "mail") != 0)
		r->reply_to[0] = '\0';
	else if (r->reply_to[0] && (!provider(r, r->reply_to) ||
	    strcmp(provider(r, r->reply_to), r->provider) != 0))
		r->reply_conflict = r->reply_to;
	else if (!r->reply_to[0])
		memcpy(r->reply_to, r->sender, sizeof r->sender);
	for (i = 0; !r->reply_url[0] && (url = ir_profile_get(
	    r->opts->profiles, r->provider, "reply-url", i)) != NULL; i++)
		if (ir_profile_match(url, ir_buf_cstr(&r->upper),
		    r->upper.len, &v, &n) && n < sizeof r->reply_url) {
			memcpy(r->reply_url, v, n);
			r->reply_url[n] = '\0';
		}
}

static void
add_match(struct ir_report *r, struct ir_fact_set *set, const char *key)
{
	const struct ir_buf *where[] = { &r->subject, &r->upper };
	const char *e, *v, *s;
	size_t i, j, n;

	for (i = 0; i < 2 && set->n == 0; i++)
		for (j = 0; (e = ir_profile_get(r->opts->profiles, r->provider,
		    key, j)) != NULL; j++) {
			s = ir_buf_cstr(where[i]);
			if (ir_profile_match(e, s, where[i]->len, &v, &n))
				ir_facts_add(set, v, n, i ? IR_FROM_BODY :
				    IR_FROM_SUBJECT, i ? ir_text_line(s, v) :
				    0, 1);
		}
	/* OVH's stands in the address that it writes from */
	for (j = 0; set->n == 0 && (e = ir_profile_get(r->opts->profiles,
	    r->provider, key, j)) != NULL; j++)
		if (ir_profile_match(e, r->sender, strlen(r->sender), &v, &n))
			ir_facts_add(set, v, n, IR_FROM_HEADER, 0, 1);
}

/* What the table says of another provider, in place of AWS's own rules. */
static void
other_facts(struct ir_report *r)
{
	struct ir_facts *f = &r->facts;
	struct ir_fact_set found = { 0 };
	size_t i;

	memset(&f->cases, 0, sizeof f->cases);
	memset(&f->accounts, 0, sizeof f->accounts);
	memset(&f->regions, 0, sizeof f->regions);
	f->nresources = 0;
	f->support_case = false;
	add_match(r, &f->cases, "case");
	add_match(r, &f->accounts, "account");
	add_match(r, &found, "resource");
	for (i = 0; i < found.n; i++)
		ir_facts_resource(f, "ip", found.v[i].value, found.v[i].line);
}

/* --- a complaint that came to us without a provider ----------------------- */

/* spam, unless its form says something else. */
static const char *
complaint_activity(const struct ir_rec *claim)
{
	static const char *const keys[] = { "kind", "feedback_type",
	    "category" };
	static const struct {
		const char *part, *word;
	} words[] = {	/* of XARF's types */
		{ "bulk_messaging", "spam" },
		{ "sql_injection", "intrusion" }, { "login", "intrusion" },
		{ "_scan", "port-scan" }, { "reconnaissance", "port-scan" },
		{ "attack", "intrusion" }, { "infected", "malware" },
		{ "compromise", "intrusion" }, { "crawl", "crawling" },
	};
	const char *s, *word;
	size_t i, j;

	for (i = 0; i < 3; i++) {
		s = ir_rec_get(claim, keys[i]);
		word = s ? ir_activity_word(s, strlen(s)) : NULL;
		if (word)
			return word;
		if (s && strcasecmp(s, "abuse") == 0)	/* ARF's word */
			return "spam";
		for (j = 0; s && j < sizeof words / sizeof words[0]; j++)
			if (strcasestr(s, words[j].part))
				return words[j].word;
	}
	s = ir_rec_get(claim, "format");
	return s && (strcmp(s, "spamcop") == 0 || strcmp(s, "hotmail") == 0) ?
	    "spam" : "other";
}

/* Strangers set no fact but what is complained of. */
static void
as_complaint(struct ir_report *r)
{
	const char *word = complaint_activity(r->claim),
	    *id = ir_rec_get(r->claim, "report_id");

	r->provider = "complaint";
	ir_facts_init(&r->facts);
	memcpy(r->facts.activity.value, word, strlen(word) + 1);
	r->facts.activity.source = IR_FROM_QUOTE;
	r->reply_to[0] = '\0';
	if (id && strlen(id) < 80 && strspn(id, "0123456789abcdefghijklmnop"
	    "qrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == strlen(id))
		memcpy(r->key, id, strlen(id) + 1);
}

/* Is the mail as a whole a complaint, whatever stands in it? */
static bool
complaint_by_form(const struct ir_report *r, const struct ir_mime *m)
{
	return !provider(r, r->sender) && (x_arf(m, 0) ||
	    strcmp(m->parts[0].report_type, "feedback-report") == 0);
}

/* Without a provider all of the mail is the complaint, its head as well. */
static void
whole_complaint(struct ir_report *r)
{
	struct ir_buf rest = r->complaint, evidence = IR_BUF(4U << 20);

	r->complaint = (struct ir_buf)IR_BUF(rest.max);
	ir_buf_add(&r->complaint, ir_buf_cstr(&r->upper), r->upper.len);
	ir_buf_chr(&r->complaint, '\n');
	ir_buf_add(&r->complaint, ir_buf_cstr(&rest), rest.len);
	ir_buf_free(&rest);
	ir_claim_head(r->claim, ir_buf_cstr(&r->subject), r->sender);
	ir_claim_text(r->claim, ir_buf_cstr(&r->complaint), r->complaint.len,
	    &evidence);
	ir_buf_add(&r->complaint, ir_buf_cstr(&evidence), evidence.len);
	ir_buf_free(&evidence);
}

/* A bounce of our own answer, or another machine's: never a notice. */
static bool
delivery_report(const struct ir_mime *m)
{
	return strcmp(m->parts[0].report_type, "delivery-status") == 0 ||
	    ir_mime_header(m, 0, "X-Failed-Recipients", 0) != NULL;
}

/* An absence message, or another machine's answer to us. */
static bool
automatic(const struct ir_report *r, const struct ir_mime *m)
{
	const struct ir_mime_header *h = ir_mime_header(m, 0,
	    "Auto-Submitted", 0);

	return !provider(r, r->sender) && h && h->value_len >= 12 &&
	    strncasecmp(h->value, "auto-replied", 12) == 0;
}

static bool
says_aws(const struct ir_buf *b)
{
	const char *s = ir_buf_cstr(b), *end = s + b->len, *p, *q;

	for (q = s; (p = ir_text_phrase(q, end, "AWS", &q)) != NULL; )
		if ((p == s || !ir_text_word_char(p[-1])) && (q == end ||
		    !ir_text_word_char(*q)))
			return true;
	return ir_text_phrase(s, end, "Amazon", NULL) != NULL;
}

static bool
is_notice(const struct ir_report *r)
{
	const struct ir_facts *f = &r->facts;

	if (strcmp(r->provider, "aws") != 0)
		return f->cases.n || f->about_aws;
	if (ir_sender_reads_mail(r->sender))
		return true;
	if (ir_sender_aws(r->sender))
		return f->about_aws || f->activity.value[0] ||
		    f->cases.n > 0;
	/* from a stranger it must be AWS's that he passes on */
	return f->about_aws && (f->cases.n || f->accounts.n ||
	    f->nresources) && (says_aws(&r->upper) || says_aws(&r->subject));
}

/* Does it look like a mail: fields, From among them? */
static bool
mail_like(const char *s, size_t n)
{
	size_t head = n < 65536 ? n : 65536;

	return n > 40 && !memchr(s, '\0', head) &&
	    (ir_text_phrase(s, s + head, "\nFrom:", NULL) ||
	    ir_ascii_starts(s, "From:")) &&
	    (ir_text_phrase(s, s + head, "\nSubject:", NULL) ||
	    ir_ascii_starts(s, "Subject:"));
}

static struct ir_rec *parse(const char *raw, size_t n, unsigned nest,
    const struct ir_report_opts *o, struct ir_err *err);

/* A mail that was attached as a file: "notice.eml". */
static struct ir_rec *
in_file(const struct ir_mime *m, unsigned nest, const struct ir_report_opts *o)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *rec = NULL;
	size_t i, tries = 0;

	for (i = 1; i < m->n && !rec && nest < MAX_NEST && tries < 5; i++) {
		struct ir_buf b = IR_BUF(IR_MIME_BYTES);

		if (m->parts[i].kind == IR_MIME_LEAF &&
		    m->parts[i].message == 0 &&
		    strncmp(m->parts[i].type, "application/", 12) == 0) {
			tries++;
			ir_mime_octets(m, i, &b);
			if (mail_like(ir_buf_cstr(&b), b.len))
				rec = parse(ir_buf_cstr(&b), b.len, nest + 1,
				    o, &err);
		}
		ir_buf_free(&b);
	}
	return rec;
}

/* nest: how many mails attached as files it is in. */
static struct ir_rec *
parse(const char *raw, size_t n, unsigned nest,
    const struct ir_report_opts *o, struct ir_err *err)
{
	struct found f = { 0, 0, false, false, 0, "" };
	struct ir_rec *rec = NULL;
	const char *whose;
	struct ir_buf subject = IR_BUF(1U << 20);
	struct ir_report r;
	struct ir_mime m;
	size_t text;

	ir_report_init(&r, o);
	if (ir_mime_parse(&m, raw, n)) {
		ir_fail(err, IR_OSERR, "no memory");
		goto out;
	}
	if (delivery_report(&m)) {
		ir_fail(err, IR_DATAERR, "not an abuse notice: "
		    "it is a delivery report");
		goto out;
	}
	text = locate(&r, &m, &f);
	f.depth += nest;
	cut(&r, &f);
	attachments(&r, &m, f.message, text);
	head(&r, &m, &f);
	/* the record keeps the subject as it is: an answer must repeat it */
	ir_text_regular(&subject, ir_buf_cstr(&r.subject), r.subject.len);
	ir_facts_subject(&r.facts, ir_buf_cstr(&subject), subject.len);
	ir_facts_body(&r.facts, ir_buf_cstr(&r.upper), r.upper.len);
	whose = provider(&r, r.sender);
	if (whose && strcmp(whose, "aws") != 0) {
		r.provider = whose;
		other_facts(&r);
	}
	r.depth = f.depth;
	r.partial = m.partial;
	if (r.upper.bad || r.complaint.bad)
		r.partial = "too large once decoded";
	if (!whose && (rec = in_file(&m, nest, o)))
		goto out;
	if (automatic(&r, &m)) {
		ir_fail(err, IR_DATAERR, "not an abuse notice: "
		    "it is an automatic reply");
		goto out;
	}
	if (complaint_by_form(&r, &m) || !is_notice(&r)) {
		whole_complaint(&r);
		if (!ir_rec_has(r.claim, "format")) {
			ir_fail(err, IR_DATAERR, "not an abuse notice");
			ir_hint(err, "it is not from AWS, or says nothing of "
			    "abuse");
			goto out;
		}
		as_complaint(&r);
	}
	authenticity(&r, &m, &f);
	if (strcmp(r.provider, "aws") == 0)
		channel(&r, f.rewritten);
	else
		other_channel(&r);
	rec = ir_report_record(&r);
out:
	ir_buf_free(&subject);
	ir_mime_free(&m);
	ir_report_free(&r);
	return rec;
}

struct ir_rec *
ir_notice_parse(const char *raw, size_t n, const struct ir_report_opts *o,
    struct ir_err *err)
{
	return parse(raw, n, 0, o, err);
}

struct ir_rec *
ir_notice_xarf(const struct ir_rec *json, const struct ir_report_opts *o)
{
	static const char why[] = "a report in JSON carries no proof of where "
	    "it comes from";
	struct ir_report r;
	struct ir_rec *rec;

	ir_report_init(&r, o);
	ir_xarf_json(json, r.claim, &r.complaint);
	if (r.complaint.len == 0)
		ir_rec_json(json, &r.complaint);
	as_complaint(&r);
	memcpy(r.auth_why, why, sizeof why);
	rec = ir_report_record(&r);
	ir_report_free(&r);
	return rec;
}
