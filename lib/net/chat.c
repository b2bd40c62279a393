/* chat.c - see chat.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "chat.h"

#define KEY_ID_LEN 20		/* of an access key id */
#define FOOT_MAX 250
#define NOTE_ROOM 48		/* for "... (N bytes more)" */

static const struct {
	const char *word;
	size_t title, text;	/* most bytes of them */
} kinds[] = {
	[IR_CHAT_SLACK] = { "slack", 150, 2900 },	/* block: 3000 */
	[IR_CHAT_TEAMS] = { "teams", 200, 7000 },	/* all: 28 KB */
	[IR_CHAT_CHATWORK] = { "chatwork", 200, 5000 },
	[IR_CHAT_GCHAT] = { "gchat", 200, 3500 },	/* 4096 */
	[IR_CHAT_DISCORD] = { "discord", 200, 1500 },	/* all: 2000 */
	[IR_CHAT_PAGERDUTY] = { "pagerduty", 200, 7000 },
	[IR_CHAT_LINEWORKS] = { "lineworks", 100, 2000 },
	[IR_CHAT_MATTERMOST] = { "mattermost", 200, 7000 },
	[IR_CHAT_TYPETALK] = { "typetalk", 200, 3000 },	/* all: 4000 */
	[IR_CHAT_JSON] = { "json", 200, 7000 },
};

int
ir_chat_kind(const char *word, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strlen(kinds[i].word) == n &&
		    strncmp(kinds[i].word, word, n) == 0)
			return (int)i;
	return -1;
}

const char *
ir_chat_kind_word(enum ir_chat_kind kind)
{
	return kinds[kind].word;
}

const char *
ir_chat_content_type(enum ir_chat_kind kind)
{
	return kind == IR_CHAT_CHATWORK || kind == IR_CHAT_TYPETALK ?
	    "application/x-www-form-urlencoded" :
	    "application/json; charset=utf-8";
}

/* --- foreign text made harmless ----------------------------------------- */

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* An access key id at s: its length, or 0. */
static size_t
key_id(const char *s)
{
	size_t n;

	if (strncmp(s, "AKIA", 4) && strncmp(s, "ASIA", 4))
		return 0;
	n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	return n >= KEY_ID_LEN ? n : 0;
}

/* Words that call people, after an '@'. */
static bool
calls_people(const char *s)
{
	static const char *const word[] = { "everyone", "here", "channel",
		"all", "room", "team" };
	size_t i;

	for (i = 0; i < sizeof word / sizeof *word; i++)
		if (ir_ascii_starts(s, word[i]))
			return true;
	return false;
}

void
ir_chat_defang(struct ir_buf *out, const char *s, size_t n)
{
	struct ir_buf clean = IR_BUF(n * 3 + 1);
	const char *p, *start;
	size_t len;

	ir_text_term(&clean, s, n);
	start = ir_buf_cstr(&clean);
	for (p = start; *p; p++) {
		if (ir_ascii_starts(p, "http://") ||
		    ir_ascii_starts(p, "https://")) {
			len = strcspn(p, ":");
			ir_buf_fmt(out, "hxxp%s://", len == 5 ? "s" : "");
			p += len + 2;
		} else if ((len = key_id(p))) {
			ir_buf_add(out, p, 4);
			ir_buf_str(out, "\xe2\x80\xa6");
			ir_buf_add(out, p + len - 4, 4);
			p += len - 1;
		} else if (*p == '.' && p > start && is_alnum(p[-1]) &&
		    is_alnum(p[1]) && !(is_digit(p[-1]) && is_digit(p[1]))) {
			ir_buf_str(out, "[.]");
		} else if (strncmp(p, "://", 3) == 0) {
			ir_buf_str(out, "[:]");
		} else {
			ir_buf_chr(out, *p);
			if (*p == '@' && calls_people(p + 1))
				ir_buf_chr(out, ' ');
		}
	}
	ir_buf_free(&clean);
}

/* Into a field of the message, cut to its size. */
static void
set(char *field, size_t size, const char *s)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 8);
	size_t n, len = strlen(s);

	ir_chat_defang(&b, s, len > 4096 ? ir_text_cut(s, len, 4096) : len);
	if (b.len < size) {
		memcpy(field, ir_buf_cstr(&b), b.len + 1);
	} else {
		n = ir_text_cut(b.data, b.len, size - 4);
		memcpy(field, b.data, n);
		memcpy(field + n, "\xe2\x80\xa6", 4);
	}
	ir_buf_free(&b);
}

/* --- records into lines ------------------------------------------------- */

/* What is said of the types that are known; of others, everything. */
static const struct {
	const char *type, *name;
	const char *state;		/* field that the title ends with, */
	const char *yes, *no;		/* and its words when it is a bool */
	const char *fields[12];
} types[] = {
	{ "report", "Abuse report", NULL, NULL, NULL, { "account", "region",
	    "activity", "activity_text", "stage", "due", "resources",
	    "authentic", "subject", "why", NULL } },
	{ "ack", "Acknowledgement", "state", NULL, NULL, { "case", "stage",
	    "to", "accepted_by", "reply", "how", "why", NULL } },
	{ "incident", "Incident", "state", NULL, NULL, { "case", "account",
	    "region", "stage", "due", "why", NULL } },
	{ "journal", "Journal", "event", NULL, NULL, { "host", "user",
	    "time", NULL } },
	{ "ses-account", "SES sending", "sending", "on", "off", { "account",
	    "enforcement", "why", NULL } },
	{ "aws-key", "AWS access key", "status", NULL, NULL, { "account",
	    "user", "role", "phase", "last_used", "why", NULL } },
	{ "listing", "Blocklist", NULL, NULL, NULL, { "meanings", "reason",
	    "delist", "why", "detail", NULL } },
	{ "mail-hold", "Mail", "held", "held", "not held", { "since",
	    "in_progress", "queue_count", "why", NULL } },
	{ "mail-block", "Mail account", "blocked", "blocked", "not blocked",
	    { "why", NULL } },
	{ "queue-msg", "Queued message", "action", NULL, NULL, { "sender",
	    "why", NULL } },
	{ "queue-move", "Queue", "action", NULL, NULL, { "queue", "why",
	    NULL } },
};

#define NTYPES (sizeof types / sizeof *types)

static size_t
find_type(const char *type)
{
	size_t i;

	for (i = 0; i < NTYPES; i++)
		if (type && strcmp(types[i].type, type) == 0)
			break;
	return i;
}

static const char *
type_name(const char *type)
{
	size_t i = find_type(type);

	return i < NTYPES ? types[i].name : type && *type ? type : "Record";
}

/* "23 h 10 min left" */
static void
time_left(struct ir_buf *b, int64_t due, int64_t now)
{
	int64_t s = due > now ? due - now : now - due;
	const char *word = due > now ? "left" : "overdue";

	if (s >= 48 * 3600)
		ir_buf_fmt(b, " (%lld days %s)", (long long)(s / 86400),
		    word);
	else if (s >= 3600)
		ir_buf_fmt(b, " (%lld h %lld min %s)", (long long)(s / 3600),
		    (long long)(s % 3600 / 60), word);
	else
		ir_buf_fmt(b, " (%lld min %s)", (long long)(s / 60), word);
}

/* A value as people read it; of objects in a list, their ids. */
static void
value_text(struct ir_buf *b, const struct ir_rec *v)
{
	size_t i;

	switch (ir_rec_kind(v)) {
	case IR_REC_STRING:
		ir_buf_str(b, ir_rec_cstr(v));
		break;
	case IR_REC_BOOL:
		ir_buf_str(b, ir_rec_get_bool(v, "", false) ? "yes" : "no");
		break;
	case IR_REC_INT:
	case IR_REC_DOUBLE:
		ir_rec_json(v, b);
		break;
	case IR_REC_ARRAY:
		for (i = 0; i < ir_rec_len(v) && i < 20; i++) {
			const struct ir_rec *item = ir_rec_item(v, i);

			if (ir_rec_kind(item) == IR_REC_OBJECT)
				item = ir_rec_at(item, "id");
			if (!ir_rec_cstr(item) &&
			    ir_rec_kind(item) != IR_REC_INT)
				continue;
			if (b->len)
				ir_buf_str(b, ", ");
			value_text(b, item);
		}
		break;
	case IR_REC_OBJECT:
	case IR_REC_NULL:
	default:
		break;
	}
}

struct adding {
	struct ir_chat *m;
	int64_t now;
};

static void
add_fact(struct adding *a, const char *key, const struct ir_rec *v)
{
	struct ir_chat *m = a->m;
	struct ir_chat_line *l = &m->fact[m->nfacts];
	struct ir_buf b = IR_BUF(IR_REC_MAX * 8);
	int64_t due;
	char *p;

	value_text(&b, v);
	if (b.len && m->nfacts < IR_CHAT_LINES) {
		if (strcmp(key, "due") == 0 && !ir_time_parse(b.data, &due))
			time_left(&b, due, a->now);
		set(l->label, sizeof l->label, key);
		for (p = l->label; (p = strchr(p, '_')); p++)
			*p = ' ';
		set(l->value, sizeof l->value, ir_buf_cstr(&b));
		m->nfacts++;
	}
	ir_buf_free(&b);
}

/* A member of a record of a type that is not known. */
static int
any_fact(const char *key, const struct ir_rec *v, void *arg)
{
	static const char *const skip[] = { "type", "id", "ok", "changed",
		"dry_run", "raw" };
	size_t i;

	for (i = 0; i < sizeof skip / sizeof *skip; i++)
		if (strcmp(key, skip[i]) == 0)
			return 0;
	add_fact(arg, key, v);
	return 0;
}

/* ": off", ": Inactive" */
static void
add_state(struct ir_buf *b, const struct ir_rec *rec, size_t type)
{
	const struct ir_rec *v;

	if (type == NTYPES || !types[type].state)
		return;
	v = ir_rec_at(rec, types[type].state);
	if (ir_rec_kind(v) == IR_REC_BOOL && types[type].yes)
		ir_buf_fmt(b, ": %s", ir_rec_get_bool(v, "", false) ?
		    types[type].yes : types[type].no);
	else if (ir_rec_cstr(v))
		ir_buf_fmt(b, ": %s", ir_rec_cstr(v));
}

/* "AWS access key: AKIA...WXYZ: failed (dry run)" */
static void
record_title(const struct ir_rec *rec, char *out, size_t size)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 8);
	const char *type = ir_rec_get(rec, "type"), *id = ir_rec_get(rec,
	    "id"), *zone = ir_rec_get(rec, "zone");
	const char *verdict = ir_rec_get(rec, "verdict");
	const char *number = ir_rec_get(rec, "case");
	const struct ir_rec *n = ir_rec_at(rec, "id");

	ir_buf_str(&b, type_name(type));
	if (number && type && strcmp(type, "report") == 0)
		ir_buf_fmt(&b, ": case %s", number);
	else if (id || ir_rec_kind(n) == IR_REC_INT) {
		ir_buf_str(&b, ": ");
		value_text(&b, n);
	}
	if (type && strcmp(type, "listing") == 0 && verdict && zone)
		ir_buf_fmt(&b, " %s, %s", verdict, zone);
	add_state(&b, rec, find_type(type));
	if (!ir_rec_get_bool(rec, "ok", true))
		ir_buf_str(&b, ": failed");
	else if (ir_rec_has(rec, "changed") &&
	    !ir_rec_get_bool(rec, "changed", true))
		ir_buf_str(&b, ": was so already");
	if (ir_rec_get_bool(rec, "dry_run", false))
		ir_buf_str(&b, " (dry run)");
	set(out, size, ir_buf_cstr(&b));
	ir_buf_free(&b);
}

/* Count it, and say whether it is worth a line beside others. */
static bool
weigh(struct ir_chat *m, const struct ir_rec *rec)
{
	const char *verdict = ir_rec_get(rec, "verdict");

	if (!ir_rec_get_bool(rec, "ok", true))
		m->failed++;
	if (strcmp(m->type, "listing") || !verdict)
		return true;
	if (strcmp(verdict, "listed") == 0) {
		m->listed++;
		return true;
	}
	if (strcmp(verdict, "unknown") && strcmp(verdict, "policy-refused"))
		return false;
	m->unknown++;
	return true;
}

void
ir_chat_add(struct ir_chat *m, const struct ir_rec *rec, int64_t now)
{
	const char *type = ir_rec_get(rec, "type"), *why;
	struct adding a = { m, now };
	struct ir_chat_line *l;
	size_t i, t = find_type(type);

	if (m->records++ == 0) {
		snprintf(m->type, sizeof m->type, "%s", type ? type : "");
		record_title(rec, m->title, sizeof m->title);
		if (t == NTYPES)
			ir_rec_each(rec, any_fact, &a);
		for (i = 0; t < NTYPES && types[t].fields[i]; i++)
			add_fact(&a, types[t].fields[i],
			    ir_rec_at(rec, types[t].fields[i]));
	} else if (strcmp(m->type, type ? type : "") != 0) {
		m->type[0] = '\0';
	}
	if (!weigh(m, rec)) {
		m->quiet++;
		return;
	}
	if (m->nlines == IR_CHAT_LINES)
		return;
	l = &m->line[m->nlines++];
	record_title(rec, l->value, sizeof l->value);
	why = ir_rec_get(rec, "why");
	i = strlen(l->value);
	if (why && *why && i + 8 < sizeof l->value) {
		memcpy(l->value + i, ": ", 2);
		set(l->value + i + 2, sizeof l->value - i - 2, why);
	}
}

/* --- rendering ---------------------------------------------------------- */

/* What looks like it, and means nothing to the service. */
static const char *
look_alike(char c)
{
	switch (c) {
	case '<': return "\xe2\x80\xb9";
	case '>': return "\xe2\x80\xba";
	case '@': return "\xef\xbc\xa0";
	case '`': return "'";
	default: return "";
	}
}

/* One code point of n bytes, in the service's own escapes. */
static void
escape(struct ir_buf *out, enum ir_chat_kind kind, const char *s, size_t n)
{
	if (n == 1 && kind == IR_CHAT_SLACK && strchr("&<>", *s))
		ir_buf_str(out, *s == '&' ? "&amp;" : *s == '<' ? "&lt;" :
		    "&gt;");
	else if (n == 1 && kind == IR_CHAT_CHATWORK && strchr("[]", *s))
		ir_buf_str(out, *s == '[' ? "\xef\xbc\xbb" : "\xef\xbc\xbd");
	else if (n == 1 && kind == IR_CHAT_GCHAT && strchr("<>", *s))
		ir_buf_str(out, *s == '<' ? "\xe2\x80\xb9" : "\xe2\x80\xba");
	else if (n == 1 && kind == IR_CHAT_GCHAT && strchr("*_~`", *s))
		ir_buf_str(out, *s == '*' ? "\xe2\x88\x97" : *s == '_' ?
		    "\xef\xbc\xbf" : *s == '~' ? "\xe2\x88\xbc" : "'");
	/* <m userId="all"> is a mention there */
	else if (n == 1 && kind == IR_CHAT_LINEWORKS && strchr("<>", *s))
		ir_buf_str(out, look_alike(*s));
	/* <!channel>, <url|text> as in Slack; @name is anybody's */
	else if (n == 1 && kind == IR_CHAT_MATTERMOST && strchr("<>@", *s))
		ir_buf_str(out, look_alike(*s));
	else if (n == 1 && kind == IR_CHAT_MATTERMOST &&
	    strchr("\\*_~`|[]()#", *s))
		ir_buf_fmt(out, "\\%c", *s);
	else if (n == 1 && kind == IR_CHAT_TYPETALK && strchr("@`", *s))
		ir_buf_str(out, look_alike(*s));
	else if (n == 1 && kind == IR_CHAT_DISCORD &&
	    strchr("\\*_~`|<>[]#", *s))
		ir_buf_fmt(out, "\\%c", *s);
	else
		ir_buf_add(out, s, n);
}

/* Append text, escaped, as long as out stays below max bytes. */
static void
put(struct ir_buf *out, enum ir_chat_kind kind, const char *s, size_t max)
{
	size_t len = strlen(s), at = 0, n, before;

	while (at < len) {
		n = ir_utf8_len(s + at, len - at, NULL);
		if (n == 0)
			n = 1;
		before = out->len;
		escape(out, kind, s + at, n);
		if (out->len > max) {
			ir_buf_trunc(out, before);
			return;
		}
		at += n;
	}
}

/* The title of the whole message. */
static void
title(const struct ir_chat *m, enum ir_chat_kind kind, struct ir_buf *out)
{
	struct ir_buf b = IR_BUF(1024);

	if (m->records == 1) {
		ir_buf_str(&b, m->title);
	} else if (strcmp(m->type, "listing") == 0) {
		ir_buf_fmt(&b, "Blocklist: %zu listed, %zu unknown, "
		    "%zu others", m->listed, m->unknown, m->quiet);
	} else {
		/* m->type is foreign, too */
		char name[64];

		set(name, sizeof name, *m->type ? type_name(m->type) :
		    "quell");
		ir_buf_fmt(&b, "%s: %zu records", name, m->records);
		if (m->failed)
			ir_buf_fmt(&b, ", %zu failed", m->failed);
	}
	put(out, kind, ir_buf_cstr(&b), kinds[kind].title - 1);
	ir_buf_free(&b);
}

static const struct ir_chat_line *
lines(const struct ir_chat *m, size_t *n)
{
	*n = m->records == 1 ? m->nfacts : m->nlines;
	return m->records == 1 ? m->fact : m->line;
}

/* Records that got no line of their own. */
static size_t
left_out(const struct ir_chat *m)
{
	return m->records == 1 ? 0 : m->records - m->quiet - m->nlines;
}

/* All lines as one text of at most max bytes, cut between code points. */
static void
text(const struct ir_chat *m, enum ir_chat_kind kind, struct ir_buf *out,
    size_t max)
{
	size_t n, i, start = out->len, room = start + max - NOTE_ROOM, cut = 0;
	const struct ir_chat_line *l = lines(m, &n);
	struct ir_buf one = IR_BUF(8192);

	for (i = 0; i < n; i++) {
		ir_buf_trunc(&one, 0);
		if (l[i].label[0]) {
			put(&one, kind, l[i].label, SIZE_MAX);
			ir_buf_str(&one, ": ");
		}
		put(&one, kind, l[i].value, SIZE_MAX);
		if (out->len + one.len + 1 > room) {
			cut += one.len;
			continue;
		}
		if (out->len > start)
			ir_buf_chr(out, '\n');
		ir_buf_add(out, ir_buf_cstr(&one), one.len);
	}
	if (out->len == start)
		ir_buf_str(out, "nothing more to say");
	if (left_out(m))
		ir_buf_fmt(out, "\n\xe2\x80\xa6 and %zu more", left_out(m));
	if (cut)
		ir_buf_fmt(out, "\n\xe2\x80\xa6 (%zu bytes more)", cut);
	ir_buf_free(&one);
}

static struct ir_rec *
plain_text(const struct ir_buf *b)
{
	struct ir_rec *r = ir_rec_object();

	ir_rec_str(r, "type", "plain_text");
	ir_rec_text(r, "text", b->len ? b->data : "quell");
	ir_rec_bool(r, "emoji", false);
	return r;
}

static struct ir_rec *
slack(const struct ir_buf *head, const struct ir_buf *body,
    const struct ir_buf *foot)
{
	struct ir_rec *r = ir_rec_object(), *blocks = ir_rec_array();
	struct ir_rec *b, *elements;

	ir_rec_str(r, "text", ir_buf_cstr(head));
	b = ir_rec_object();
	ir_rec_str(b, "type", "header");
	ir_rec_set(b, "text", plain_text(head));
	ir_rec_push(blocks, b);
	b = ir_rec_object();
	ir_rec_str(b, "type", "section");
	ir_rec_set(b, "text", plain_text(body));
	ir_rec_push(blocks, b);
	b = ir_rec_object();
	ir_rec_str(b, "type", "context");
	elements = ir_rec_array();
	ir_rec_push(elements, plain_text(foot));
	ir_rec_set(b, "elements", elements);
	ir_rec_push(blocks, b);
	ir_rec_set(r, "blocks", blocks);
	return r;
}

/* A line of a card; text runs know no markup. */
static struct ir_rec *
card_line(const char *label, const char *value, const char *size)
{
	struct ir_rec *b = ir_rec_object(), *runs = ir_rec_array(), *run;

	ir_rec_str(b, "type", "RichTextBlock");
	if (*label) {
		run = ir_rec_object();
		ir_rec_str(run, "type", "TextRun");
		ir_rec_fmt(run, "text", "%s%s", label, *value ? ": " : "");
		ir_rec_str(run, "weight", "Bolder");
		if (size)
			ir_rec_str(run, "size", size);
		ir_rec_push(runs, run);
	}
	if (*value) {
		run = ir_rec_object();
		ir_rec_str(run, "type", "TextRun");
		ir_rec_str(run, "text", value);
		ir_rec_push(runs, run);
	}
	ir_rec_set(b, "inlines", runs);
	return b;
}

static struct ir_rec *
teams(const struct ir_chat *m, const struct ir_buf *head)
{
	struct ir_rec *r = ir_rec_object(), *list = ir_rec_array();
	struct ir_rec *one = ir_rec_object(), *card = ir_rec_object();
	struct ir_rec *body = ir_rec_array();
	size_t n, i, used = 0;
	const struct ir_chat_line *l = lines(m, &n);
	char more[64];

	ir_rec_push(body, card_line(ir_buf_cstr(head), "", "Large"));
	for (i = 0; i < n; i++) {
		used += strlen(l[i].label) + strlen(l[i].value);
		if (used > kinds[IR_CHAT_TEAMS].text)
			break;
		ir_rec_push(body, card_line(l[i].label, l[i].value, NULL));
	}
	if (n - i + left_out(m)) {
		snprintf(more, sizeof more, "\xe2\x80\xa6 and %zu more",
		    n - i + left_out(m));
		ir_rec_push(body, card_line("", more, NULL));
	}
	if (m->footer[0])
		ir_rec_push(body, card_line("", m->footer, NULL));
	ir_rec_str(card, "$schema",
	    "http://adaptivecards.io/schemas/adaptive-card.json");
	ir_rec_str(card, "type", "AdaptiveCard");
	ir_rec_str(card, "version", "1.4");
	ir_rec_set(card, "body", body);
	ir_rec_str(one, "contentType",
	    "application/vnd.microsoft.card.adaptive");
	ir_rec_set(one, "content", card);
	ir_rec_push(list, one);
	ir_rec_str(r, "type", "message");
	ir_rec_set(r, "attachments", list);
	return r;
}

static struct ir_rec *
discord(const struct ir_buf *head, const struct ir_buf *body,
    const struct ir_buf *foot)
{
	struct ir_rec *r = ir_rec_object(), *mentions = ir_rec_object();
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);

	ir_buf_fmt(&b, "**%s**\n%s\n%s", ir_buf_cstr(head),
	    ir_buf_cstr(body), ir_buf_cstr(foot));
	ir_rec_text(r, "content", ir_buf_cstr(&b));
	ir_buf_free(&b);
	ir_rec_set(mentions, "parse", ir_rec_array());
	ir_rec_set(r, "allowed_mentions", mentions);
	return r;
}

static struct ir_rec *
gchat(const struct ir_chat *m, const struct ir_buf *head,
    const struct ir_buf *body, const struct ir_buf *foot)
{
	struct ir_rec *r = ir_rec_object(), *thread;
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);

	ir_buf_fmt(&b, "*%s*\n%s\n%s", ir_buf_cstr(head), ir_buf_cstr(body),
	    ir_buf_cstr(foot));
	ir_rec_text(r, "text", ir_buf_cstr(&b));
	ir_buf_free(&b);
	if (m->incident[0]) {
		thread = ir_rec_object();
		ir_rec_str(thread, "threadKey", m->incident);
		ir_rec_set(r, "thread", thread);
	}
	return r;
}

/* An event; only one that triggers says what it is about. */
static struct ir_rec *
pagerduty(const struct ir_chat *m, const struct ir_buf *head,
    const struct ir_buf *body)
{
	struct ir_rec *r = ir_rec_object(), *p = ir_rec_object();
	struct ir_rec *more = ir_rec_object();
	const char *action = m->action ? m->action : "trigger";

	ir_rec_str(r, "routing_key", "");
	ir_rec_str(r, "event_action", action);
	ir_rec_str(r, "dedup_key", m->incident);
	if (strcmp(action, "trigger") != 0) {
		ir_rec_free(p);
		ir_rec_free(more);
		return r;
	}
	ir_rec_str(p, "summary", ir_buf_cstr(head));
	ir_rec_str(p, "source", "quell");
	ir_rec_str(p, "severity", strcmp(m->type, "report") == 0 ?
	    "critical" : m->failed ? "error" : "warning");
	ir_rec_text(more, "text", ir_buf_cstr(body));
	ir_rec_str(more, "from", m->footer);
	ir_rec_set(p, "custom_details", more);
	ir_rec_set(r, "payload", p);
	return r;
}

static struct ir_rec *
generic(const struct ir_chat *m, const struct ir_buf *head,
    const struct ir_buf *body)
{
	struct ir_rec *r = ir_rec_object(), *list = ir_rec_array(), *one;
	size_t n, i;
	const struct ir_chat_line *l = lines(m, &n);

	for (i = 0; i < n; i++) {
		one = ir_rec_object();
		ir_rec_str(one, "label", l[i].label);
		ir_rec_str(one, "value", l[i].value);
		ir_rec_push(list, one);
	}
	ir_rec_str(r, "source", "quell");
	ir_rec_str(r, "title", ir_buf_cstr(head));
	ir_rec_text(r, "text", ir_buf_cstr(body));
	ir_rec_int(r, "records", (int64_t)m->records);
	ir_rec_set(r, "lines", list);
	ir_rec_str(r, "footer", m->footer);
	return r;
}

/* {"title", "body": {"text"}}; a button would be a link */
static struct ir_rec *
lineworks(const struct ir_buf *head, const struct ir_buf *body,
    const struct ir_buf *foot)
{
	struct ir_rec *r = ir_rec_object(), *inner = ir_rec_object();
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);

	ir_buf_fmt(&b, "%s\n%s", ir_buf_cstr(body), ir_buf_cstr(foot));
	ir_rec_str(r, "title", ir_buf_cstr(head));
	ir_rec_text(inner, "text", ir_buf_cstr(&b));
	ir_rec_set(r, "body", inner);
	ir_buf_free(&b);
	return r;
}

static struct ir_rec *
mattermost(const struct ir_buf *head, const struct ir_buf *body,
    const struct ir_buf *foot)
{
	struct ir_rec *r = ir_rec_object();
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);

	ir_buf_fmt(&b, "**%s**\n%s\n%s", ir_buf_cstr(head),
	    ir_buf_cstr(body), ir_buf_cstr(foot));
	ir_rec_text(r, "text", ir_buf_cstr(&b));
	ir_buf_free(&b);
	return r;
}

/* A value in a form. */
static void
form_value(struct ir_buf *out, const struct ir_buf *b)
{
	size_t i;
	char c;

	for (i = 0; i < b->len; i++) {
		c = b->data[i];
		if ((unsigned char)c < 0x80 && is_alnum(c))
			ir_buf_chr(out, c);
		else
			ir_buf_fmt(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

static void
typetalk(const struct ir_buf *head, const struct ir_buf *body,
    const struct ir_buf *foot, struct ir_buf *out)
{
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);

	ir_buf_fmt(&b, "%s\n%s\n%s", ir_buf_cstr(head), ir_buf_cstr(body),
	    ir_buf_cstr(foot));
	ir_buf_str(out, "message=");
	form_value(out, &b);
	ir_buf_str(out, "&ignoreHashtag=true&showLinkMeta=false");
	ir_buf_free(&b);
}

/* body=[info][title]...[/title]...[/info]&self_unread=1, as a form */
static void
chatwork(const struct ir_buf *head, const struct ir_buf *body,
    const struct ir_buf *foot, struct ir_buf *out)
{
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);

	ir_buf_fmt(&b, "[info][title]%s[/title]%s\n%s[/info]",
	    ir_buf_cstr(head), ir_buf_cstr(body), ir_buf_cstr(foot));
	ir_buf_str(out, "body=");
	form_value(out, &b);
	ir_buf_str(out, "&self_unread=1");
	ir_buf_free(&b);
}

int
ir_chat_render(const struct ir_chat *m, enum ir_chat_kind kind,
    struct ir_buf *out, struct ir_err *err)
{
	struct ir_buf head = IR_BUF(1024), body = IR_BUF(IR_CHAT_MAX);
	struct ir_buf foot = IR_BUF(4096);
	struct ir_rec *r = NULL;

	title(m, kind, &head);
	text(m, kind, &body, kinds[kind].text);
	put(&foot, kind, m->footer, FOOT_MAX);
	switch (kind) {
	case IR_CHAT_SLACK:
		r = slack(&head, &body, &foot);
		break;
	case IR_CHAT_TEAMS:
		r = teams(m, &head);
		break;
	case IR_CHAT_CHATWORK:
		chatwork(&head, &body, &foot, out);
		break;
	case IR_CHAT_GCHAT:
		r = gchat(m, &head, &body, &foot);
		break;
	case IR_CHAT_DISCORD:
		r = discord(&head, &body, &foot);
		break;
	case IR_CHAT_PAGERDUTY:
		r = pagerduty(m, &head, &body);
		break;
	case IR_CHAT_LINEWORKS:
		r = lineworks(&head, &body, &foot);
		break;
	case IR_CHAT_MATTERMOST:
		r = mattermost(&head, &body, &foot);
		break;
	case IR_CHAT_TYPETALK:
		typetalk(&head, &body, &foot, out);
		break;
	case IR_CHAT_JSON:
	default:
		r = generic(m, &head, &body);
		break;
	}
	if (r)
		ir_rec_json(r, out);
	ir_rec_free(r);
	ir_buf_free(&head);
	ir_buf_free(&body);
	ir_buf_free(&foot);
	if (out->bad)
		return ir_fail(err, IR_SOFTWARE, "a message of more than %zu "
		    "bytes", out->max);
	return 0;
}

int64_t
ir_chat_retry_after(const char *body, size_t n)
{
	struct ir_rec *r = ir_rec_parse(body, n, NULL);
	double s = ir_rec_get_num(r, "retry_after", 0);

	ir_rec_free(r);
	return s > 0 && s < 86400 ? (int64_t)(s * 1000) + 1 : 0;
}
