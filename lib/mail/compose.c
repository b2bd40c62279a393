/* compose.c - see compose.h */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "../core/text.h"
#include "compose.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define ATEXT LETTERS DIGITS "!#$%&'*+-/=?^_`{|}~"

#define FOLD 76		/* columns that a header line aims at */
#define BRACKET 200	/* a longer "[...]" is no id */
#define WORD 200	/* a longer word is split by encoding it */
#define CHUNK 42	/* bytes in one encoded-word: 68 columns of 75 */

bool
ir_mail_address_ok(const char *addr)
{
	const char *at = strchr(addr, '@'), *p;
	size_t n;

	if (!at || at == addr || at - addr > 64 || strlen(addr) > 254)
		return false;
	for (p = addr; p < at; p += n + 1) {
		n = strspn(p, ATEXT);
		if (n == 0 || (p[n] != '.' && p + n != at))
			return false;
		if (p[n] == '.' && p + n + 1 == at)
			return false;
	}
	for (p = at + 1; ; p += n + 1) {
		n = strspn(p, LETTERS DIGITS "-");
		if (n == 0 || n > 63 || p[0] == '-' || p[n - 1] == '-')
			return false;
		if (p[n] == '\0')
			return true;
		if (p[n] != '.')
			return false;
	}
}

bool
ir_mail_id_ok(const char *id)
{
	size_t n = strlen(id), i, at = 0;

	if (n < 5 || n > 250 || id[0] != '<' || id[n - 1] != '>')
		return false;
	for (i = 1; i < n - 1; i++) {
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '<' ||
		    id[i] == '>')
			return false;
		if (id[i] == '@' && i > 1 && i < n - 2)
			at++;
	}
	return at > 0;
}

void
ir_mail_reply_subject(const char *subject, struct ir_buf *out)
{
	while (*subject == ' ' || *subject == '\t')
		subject++;
	if (!ir_ascii_starts(subject, "re:"))
		ir_buf_str(out, "Re: ");
	ir_buf_str(out, subject);
}

/* --- the subject -------------------------------------------------------- */

/* A piece of the subject and the spaces before it. */
struct piece {
	const char *space, *s;
	size_t nspace, n;
	bool encode;
};

/* Length of the "[...]" at s, if it is one that must be left alone. */
static size_t
bracket(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || *s != '[')
		return 0;
	for (i = 1; i < n && i < BRACKET && s[i] != '['; i++) {
		if ((unsigned char)s[i] >= 0x80)
			return 0;
		if (s[i] == ']')
			return i + 1;
	}
	return 0;
}

static bool
must_encode(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] >= 0x80)
			return true;
	return n > WORD || memmem(s, n, "=?", 2);
}

/*
 * The next piece: a word up to a space, or a "[...]", which is always a
 * piece of its own.
 */
static bool
next_piece(const char **p, const char *end, struct piece *w)
{
	const char *s = *p;
	size_t b;

	w->space = s;
	while (s < end && *s == ' ')
		s++;
	w->nspace = (size_t)(s - w->space);
	w->s = s;
	b = bracket(s, (size_t)(end - s));
	if (b)
		s += b;
	else
		while (s < end && *s != ' ' && (s == w->s ||
		    !bracket(s, (size_t)(end - s))))
			s++;
	w->n = (size_t)(s - w->s);
	w->encode = !b && must_encode(w->s, w->n);
	*p = s;
	return w->n > 0;
}

/* Spaces or a line fold, before n columns of text. */
static void
gap(struct ir_buf *out, size_t *col, const char *space, size_t nspace,
    size_t n)
{
	if (nspace > FOLD)
		nspace = FOLD;
	if (!nspace && *col + n > 900) {	/* no line may pass 998 */
		space = " ";
		nspace = 1;
	}
	if (nspace && *col + nspace + n > FOLD && *col > 1) {
		ir_buf_str(out, "\r\n");
		*col = 0;
	}
	ir_buf_add(out, space, nspace);
	*col += nspace;
}

/* Base64 encoded-words of at most 75 columns, cut between code points. */
static void
encode_words(struct ir_buf *out, size_t *col, const char *space,
    size_t nspace, const char *s, size_t n)
{
	unsigned char b64[CHUNK * 2];
	size_t len, cols;

	while (n) {
		len = ir_text_cut(s, n, CHUNK);
		if (len == 0)
			len = n < CHUNK ? n : CHUNK;	/* not UTF-8 */
		cols = (size_t)EVP_EncodeBlock(b64,
		    (const unsigned char *)s, (int)len) + 12;
		gap(out, col, space, nspace, cols);
		ir_buf_fmt(out, "=?UTF-8?B?%s?=", b64);
		*col += cols;
		s += len;
		n -= len;
		space = " ";
		nspace = 1;
	}
}

static void
subject(struct ir_buf *out, const char *text)
{
	const char *p = text, *end = text + strlen(text), *run = NULL;
	struct piece w, first = { 0 };
	size_t col = strlen("Subject:"), run_len = 0;
	bool more;

	ir_buf_str(out, "Subject:");
	do {
		more = next_piece(&p, end, &w);
		if (w.s == text) {
			w.space = " ";
			w.nspace = 1;
		}
		if (more && w.encode) {
			if (!run) {	/* words side by side go together, */
				run = w.s;	/* with their spaces */
				first = w;
			}
			run_len = (size_t)(w.s + w.n - run);
			continue;
		}
		if (run) {
			encode_words(out, &col, first.nspace ? first.space :
			    " ", first.nspace ? first.nspace : 1, run,
			    run_len);
			if (!w.nspace)	/* the word must end here */
				w.space = " ", w.nspace = 1;
			run = NULL;
		}
		if (more) {
			gap(out, &col, w.space, w.nspace, w.n);
			ir_buf_add(out, w.s, w.n);
			col += w.n;
		}
	} while (more);
	ir_buf_str(out, "\r\n");
}

/* --- the other headers -------------------------------------------------- */

static void
date_header(struct ir_buf *out, int64_t date)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu",
	    "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr",
	    "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)date;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof tm);
	ir_buf_fmt(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static int
check(const struct ir_mail *m, struct ir_err *err)
{
	size_t i;

	if (!ir_mail_address_ok(m->from))
		return ir_fail(err, IR_DATAERR, "not a mail address: %.100s",
		    m->from);
	if (!ir_mail_address_ok(m->to))
		return ir_fail(err, IR_DATAERR, "not a mail address: %.100s",
		    m->to);
	if (m->reply_to && !ir_mail_address_ok(m->reply_to))
		return ir_fail(err, IR_DATAERR, "not a mail address: %.100s",
		    m->reply_to);
	for (i = 0; i < m->ncc; i++)
		if (!ir_mail_address_ok(m->cc[i]))
			return ir_fail(err, IR_DATAERR,
			    "not a mail address: %.100s", m->cc[i]);
	if (!ir_mail_id_ok(m->message_id))
		return ir_fail(err, IR_DATAERR, "not a Message-ID: %.100s",
		    m->message_id);
	if (m->in_reply_to && !ir_mail_id_ok(m->in_reply_to))
		return ir_fail(err, IR_DATAERR, "not a Message-ID: %.100s",
		    m->in_reply_to);
	for (i = 0; i < m->nreferences; i++)
		if (!ir_mail_id_ok(m->references[i]))
			return ir_fail(err, IR_DATAERR,
			    "not a Message-ID: %.100s", m->references[i]);
	if (strlen(m->subject) > IR_MAIL_SUBJECT_MAX)
		return ir_fail(err, IR_DATAERR,
		    "the subject is longer than %d bytes",
		    IR_MAIL_SUBJECT_MAX);
	if (strlen(m->body) > IR_MAIL_BODY_MAX)
		return ir_fail(err, IR_DATAERR,
		    "the text is longer than %u bytes", IR_MAIL_BODY_MAX);
	return 0;
}

static void
list_header(struct ir_buf *out, const char *name, const char *sep,
    const char *const *v, size_t n, size_t skip_after_first)
{
	size_t i;

	if (n == 0)
		return;
	ir_buf_fmt(out, "%s: ", name);
	for (i = 0; i < n; i++) {
		if (i)
			ir_buf_fmt(out, "%s\r\n ", sep);
		ir_buf_str(out, v[i]);
		if (i == 0)
			i += skip_after_first;
	}
	ir_buf_str(out, "\r\n");
}

/* --- the body ----------------------------------------------------------- */

/* Can it go as it is?  ASCII, no control bytes, lines of at most 998. */
static bool
plain(const char *s, size_t n)
{
	size_t i, col = 0;

	for (i = 0; i < n; i++) {
		if (s[i] == '\n') {
			col = 0;
			continue;
		}
		if ((s[i] < ' ' && s[i] != '\t') || s[i] > '~' || ++col > 998)
			return false;
	}
	return true;
}

static void
quoted_printable(struct ir_buf *out, const char *s, size_t n)
{
	size_t col = 0, i, need;
	bool last, hex;

	for (i = 0; i < n; i++) {
		if (s[i] == '\n') {
			ir_buf_str(out, "\r\n");
			col = 0;
			continue;
		}
		last = i + 1 == n || s[i + 1] == '\n';
		hex = s[i] == '=' || s[i] < ' ' || s[i] > '~' ||
		    (s[i] == ' ' && last);
		need = hex ? 3 : 1;
		if (col + need > (last ? 76 : 75)) {
			ir_buf_str(out, "=\r\n");
			col = 0;
		}
		if (hex)
			ir_buf_fmt(out, "=%02X", (unsigned char)s[i]);
		else
			ir_buf_chr(out, s[i]);
		col += need;
	}
}

/* Lines end in LF, the last one too, and there is no other control byte. */
static void
normalise(struct ir_buf *out, const char *s)
{
	size_t n;

	while (*s) {
		n = strcspn(s, "\r\n");
		ir_text_clean(out, s, n);
		ir_buf_chr(out, '\n');
		s += n;
		if (*s == '\r' && s[1] == '\n')
			s++;
		if (*s)
			s++;
	}
}

static void
body(struct ir_buf *out, const struct ir_buf *text)
{
	const char *s = ir_buf_cstr(text), *nl;
	size_t n = text->len;

	if (plain(s, n)) {
		ir_buf_str(out, "Content-Type: text/plain; charset=us-ascii"
		    "\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
		for (; (nl = memchr(s, '\n', n)); n -= (size_t)(nl + 1 - s),
		    s = nl + 1) {
			ir_buf_add(out, s, (size_t)(nl - s));
			ir_buf_str(out, "\r\n");
		}
		return;
	}
	ir_buf_str(out, "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	quoted_printable(out, s, n);
}

int
ir_mail_compose(const struct ir_mail *m, struct ir_buf *out,
    struct ir_err *err)
{
	struct ir_buf clean = IR_BUF(IR_MAIL_SUBJECT_MAX * 3);
	struct ir_buf text = IR_BUF(IR_MAIL_BODY_MAX * 3);
	size_t over = m->nreferences > IR_MAIL_REFERENCES ?
	    m->nreferences - IR_MAIL_REFERENCES : 0;

	if (check(m, err))
		return -1;
	ir_text_clean(&clean, m->subject, strlen(m->subject));
	while (clean.len && clean.data[clean.len - 1] == ' ')
		ir_buf_trunc(&clean, clean.len - 1);
	normalise(&text, m->body);
	date_header(out, m->date);
	ir_buf_fmt(out, "From: %s\r\nTo: %s\r\n", m->from, m->to);
	list_header(out, "Cc", ",", m->cc, m->ncc, 0);
	if (m->reply_to)
		ir_buf_fmt(out, "Reply-To: %s\r\n", m->reply_to);
	subject(out, ir_buf_cstr(&clean) +
	    strspn(ir_buf_cstr(&clean), " "));
	ir_buf_fmt(out, "Message-ID: %s\r\n", m->message_id);
	if (m->in_reply_to)
		ir_buf_fmt(out, "In-Reply-To: %s\r\n", m->in_reply_to);
	list_header(out, "References", "", m->references, m->nreferences,
	    over);
	if (m->unattended)
		ir_buf_str(out, "Auto-Submitted: auto-replied\r\n");
	ir_buf_str(out, "MIME-Version: 1.0\r\n");
	body(out, &text);
	ir_buf_free(&clean);
	ir_buf_free(&text);
	return ir_buf_check(out, "message", err);
}
