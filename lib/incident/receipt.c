/* receipt.c - see receipt.h */
#include <stdio.h>
#include <string.h>

#include "../core/file.h"
#include "../core/text.h"
#include "../log/delivery.h"
#include "../report/sender.h"
#include "courier.h"
#include "receipt.h"

#define MAX_DELAYS 20	/* kept; anybody can send more of them */

/* --- notifications ------------------------------------------------------- */

static bool
names(const struct ir_dsn *d, const struct ir_ack *a)
{
	size_t i;

	if (d->nids == 0)
		return false;
	if (d->id[0][0] && (strcmp(d->id[0], a->message_id) == 0 ||
	    strcmp(d->id[0], a->remote_id) == 0))
		return true;
	/* who replaced our Message-ID left it in References */
	if (strcmp(a->accepted_by, "ses") != 0 &&
	    strncmp(a->transport, "ses ", 4) != 0 &&
	    strncmp(a->transport, "smtp email-smtp", 15) != 0)
		return false;
	for (i = 1; i < d->nids; i++)
		if (strcmp(d->id[i], a->message_id) == 0)
			return true;
	return false;
}

int
ir_receipt_find(const char *dir, const struct ir_dsn *d, struct ir_ack *a,
    struct ir_err *err)
{
	struct ir_acks all;
	size_t i;
	int rc = ir_acks_load(dir, &all, err);

	for (i = 0; rc == 0 && i < all.n; i++)
		if (all.v[i].message_id[0] && names(d, &all.v[i])) {
			*a = all.v[i];
			rc = 1;
		}
	ir_acks_free(&all);
	return rc;
}

/* Is it one of "a@x, b@y"? */
static bool
listed(const char *list, const char *address)
{
	char one[256];
	size_t n;

	for (; *list; list += strspn(list, ", ")) {
		n = strcspn(list, ",");
		snprintf(one, sizeof one, "%.*s", (int)(n < 255 ? n : 255),
		    list);
		if (*address && ir_ascii_ieq(one, address))
			return true;
		list += n;
	}
	return false;
}

/* 2 it went to this one, 1 it may have been passed on to it, 0 a copy */
static int
closeness(const struct ir_dsn_recipient *r, const struct ir_ack *a)
{
	if (ir_ascii_ieq(r->final, a->to) || ir_ascii_ieq(r->original, a->to))
		return 2;
	return listed(a->cc, r->final) || listed(a->cc, r->original) ? 0 : 1;
}

const struct ir_dsn_recipient *
ir_receipt_of(const struct ir_dsn *d, const struct ir_ack *a)
{
	const struct ir_dsn_recipient *best = NULL;
	int have = 0, is;
	size_t i;

	for (i = 0; i < d->n; i++) {
		is = closeness(&d->rcpt[i], a);
		if (is && (!best || is > have || (is == have &&
		    d->rcpt[i].action < best->action))) {
			best = &d->rcpt[i];
			have = is;
		}
	}
	return best;
}

struct before {
	const char *hash;
	size_t delays;
};

static int
was_taken(const struct ir_rec *line, void *arg)
{
	struct before *b = arg;
	const char *hash = ir_rec_get(line, "data.dsn");
	const char *event = ir_rec_get(line, "event");

	if (hash && event && strcmp(event, "ack.delayed") == 0)
		b->delays++;
	return hash && strcmp(hash, b->hash) == 0;
}

/* 1: this very notification, also when it came by another way. */
static int
taken(const char *dir, const struct ir_dsn *d, const char *raw, size_t n,
    char hash[65], size_t *delays, struct ir_err *err)
{
	struct before b = { hash, 0 };
	int rc;

	if (d->own_id[0])
		ir_sha256_hex(d->own_id, strlen(d->own_id), hash);
	else
		ir_sha256_hex(raw, n, hash);
	rc = ir_journal_each(dir, was_taken, &b, err);
	*delays = b.delays;
	return rc;
}

static void
tell(struct ir_ack *a, const struct ir_dsn *d,
    const struct ir_dsn_recipient *r)
{
	snprintf(a->how, sizeof a->how, "%s%s%s%s%.200s%s%.300s",
	    ir_dsn_word(r->action), r->status[0] ? " " : "", r->status,
	    d->from[0] ? ", says " : "", d->from, r->text[0] ? ": " : "",
	    r->text);
	ir_text_printable(a->how);
}

/* Kept before it is told, so that it cannot be told without being kept. */
static int
write_down(struct ir_journal *j, struct ir_ack *a,
    const struct ir_dsn_recipient *r, const char *hash, const char *raw,
    size_t n, struct ir_err *err)
{
	struct ir_rec *extra;

	if (ir_journal_evidence(j, "bounce.eml", raw, n, err))
		return -1;
	extra = ir_rec_object();
	ir_rec_str(extra, "dsn", hash);
	ir_rec_str(extra, "recipient", r->final[0] ? r->final : r->original);
	if (r->status[0])
		ir_rec_str(extra, "status", r->status);
	return ir_ack_learn(j, a, r->action == IR_DSN_FAILED ? IR_ACK_BOUNCED :
	    IR_ACK_NONE, extra, err);
}

int
ir_receipt_take(struct ir_journal *j, const char *dir, struct ir_ack *a,
    const struct ir_dsn *d, const char *raw, size_t n, const char **why,
    struct ir_err *err)
{
	const struct ir_dsn_recipient *r = ir_receipt_of(d, a);
	char hash[65];
	size_t delays = 0;
	int rc;

	*why = NULL;
	if (a->state == IR_ACK_NONE || a->state == IR_ACK_PREPARED ||
	    a->state == IR_ACK_FAILED || a->state == IR_ACK_POSTED)
		return ir_fail(err, IR_DATAERR,
		    "nothing was sent that could come back: it is %s",
		    ir_ack_word(a));
	rc = taken(dir, d, raw, n, hash, &delays, err);
	if (rc < 0)
		return -1;
	if (rc)
		*why = "this notification was taken in before";
	else if (!r)
		*why = "only a copy came back";
	else if (r->action == IR_DSN_DELIVERED)
		*why = "it says that the answer was delivered: a person may "
		    "take its word (--delivered --evidence)";
	else if (r->action != IR_DSN_FAILED && r->action != IR_DSN_DELAYED)
		*why = "it says that the answer was passed on";
	else if (a->state == IR_ACK_BOUNCED)
		*why = "the answer came back before";
	else if (r->action == IR_DSN_DELAYED && delays >= MAX_DELAYS)
		*why = "that it waits was told often enough";
	if (*why)
		return 0;
	tell(a, d, r);
	return write_down(j, a, r, hash, raw, n, err) ? -1 : 1;
}

/* --- the relay's log ----------------------------------------------------- */

/* Remember the word that ends there. */
static void
queue_id(struct ir_receipt_look *l, const char *start, const char *end)
{
	const char *id = end;
	size_t n;

	while (id > start && id[-1] != ' ')
		id--;
	n = (size_t)(end - id);
	if (n == 0 || n >= sizeof l->id[0] ||
	    l->nids == sizeof l->id / sizeof *l->id)
		return;
	memcpy(l->id[l->nids], id, n);
	l->id[l->nids++][n] = '\0';
}

/* The relay got our message: which id did it give it?  Exim, Postfix. */
static void
arrival(struct ir_receipt_look *l, const char *s, size_t n)
{
	const char *mark = memmem(s, n, " <= ", 4), *found, *end = s + n;
	const char *id = l->ack->message_id + 1;
	int len = (int)strcspn(id, ">");
	char want[300];
	size_t w;

	if (mark) {
		snprintf(want, sizeof want, " id=%.*s", len, id);
		w = strlen(want);
		found = memmem(mark, (size_t)(end - mark), want, w);
		if (found && (found + w == end || found[w] == ' '))
			queue_id(l, s, mark);
	} else if ((mark = memmem(s, n, ": message-id=<", 14))) {
		snprintf(want, sizeof want, "%.*s>", len, id);
		w = strlen(want);
		if ((size_t)(end - mark) >= 14 + w &&
		    memcmp(mark + 14, want, w) == 0)
			queue_id(l, s, mark);
	}
}

static bool
word_end(const char *s, const char *end)
{
	return s == end || strchr(" <>:,", *s);
}

/* Is the line about the recipient that counts, not about a copy? */
static bool
about(const struct ir_receipt_look *l, const char *s, size_t n)
{
	const char *end = s + n, *router = memmem(s, n, " R=", 3);
	size_t len = strlen(l->ack->to);
	char one[256];

	if (router)
		end = router;
	for (; len && s + len <= end; s++) {
		if (s[-1] != ' ' && s[-1] != '<')
			continue;
		snprintf(one, sizeof one, "%.*s", (int)len, s);
		if (ir_ascii_ieq(one, l->ack->to) && word_end(s + len, end))
			return true;
	}
	return false;
}

static bool
theirs(const struct ir_receipt_look *l, const char *host)
{
	const char *at = strrchr(l->ack->to, '@');
	char address[300];

	if (!*host)
		return false;
	if (l->host && ir_ascii_ieq(host, l->host))
		return true;
	/* a customer's way out by SES, not a server that takes AWS's mail */
	if (ir_courier_is_ses(host))
		return false;
	snprintf(address, sizeof address, "x@%.255s", host);
	return ir_sender_aws(address) || (at && ir_sender_below(address,
	    at + 1));
}

void
ir_receipt_line(struct ir_receipt_look *l, const char *s, size_t n)
{
	const struct ir_delivery_clock clock = { l->now, false };
	enum ir_receipt_word word;
	struct ir_delivery d;
	const char *at;
	size_t i;

	if (memchr(s, '\0', n) || !l->ack->message_id[0])
		return;
	arrival(l, s, n);
	if (l->nids && l->word == IR_RECEIPT_NONE)
		l->word = IR_RECEIPT_QUEUED;
	if (ir_delivery_parse(s, n, &clock, &d) < 1 || !d.id[0] ||
	    (d.time && d.time < l->ack->bounced))
		return;
	/* Postfix's are in lower case there */
	for (i = 0; i < l->nids && !ir_ascii_ieq(l->id[i], d.id); i++)
		continue;
	at = i < l->nids ? memmem(s, n, l->id[i], strlen(l->id[i])) : NULL;
	if (!at)
		return;
	at += strlen(d.id) + 1;		/* the mark, or to=<> */
	if (at >= s + n || !about(l, at, n - (size_t)(at - s)))
		return;
	word = d.kind == IR_DELIVERED ? theirs(l, d.host) ?
	    IR_RECEIPT_DELIVERED : IR_RECEIPT_ELSEWHERE :
	    d.kind == IR_REFUSED ? IR_RECEIPT_FAILED : IR_RECEIPT_DEFERRED;
	if (word < l->word)
		return;
	l->word = word;
	n = ir_text_cut(s, n, sizeof l->line - 1);
	memcpy(l->line, s, n);
	l->line[n] = '\0';
	ir_text_printable(l->line);
}
