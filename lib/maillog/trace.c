/* trace.c - see trace.h */
#include <stdlib.h>
#include <string.h>

#include "../log/input.h"
#include "run.h"
#include "trace.h"

/* A piece of a log that is looked through. */
struct piece {
	const char *p, *end;
	const char *next[IR_MAIL_TRACE_IDS];	/* hits; end: no more */
	size_t n;		/* ids that were looked for */
	uint64_t line;		/* of the line at `counted`, from 1 */
	const char *counted;
};

bool
ir_mail_trace_header(const char *id)
{
	return strchr(id, '@') != NULL;
}

int
ir_mail_trace_add(struct ir_mail_trace *t, const char *id, size_t n,
    struct ir_err *err)
{
	size_t i;

	if (n > 2 && id[0] == '<' && id[n - 1] == '>') {
		id++;
		n -= 2;
	}
	if (n < 5 || n >= sizeof t->id[0])
		return ir_fail(err, IR_USAGE, "not the id of a message: %.*s",
		    (int)(n > 200 ? 200 : n), id);
	for (i = 0; i < t->n; i++)
		if (strlen(t->id[i]) == n && memcmp(t->id[i], id, n) == 0)
			return 0;
	if (t->n == IR_MAIL_TRACE_IDS)
		return ir_fail(err, IR_USAGE, "more than %d ids",
		    IR_MAIL_TRACE_IDS);
	memcpy(t->id[t->n], id, n);
	t->id[t->n++][n] = '\0';
	return 0;
}

/* Newlines; eight bytes at a time, which compilers do not do by themselves. */
static uint64_t
newlines(const char *p, const char *end)
{
	const uint64_t low = 0x0101010101010101u, nl = low * '\n';
	uint64_t v, x, n = 0;

	for (; end - p >= 8; p += 8) {
		memcpy(&v, p, 8);
		v ^= nl;
		/* the top bit of each byte that is zero, and of no other */
		x = ~(((v & ~(low << 7)) + ~(low << 7)) | v | ~(low << 7));
		n += (uint64_t)__builtin_popcountll(x);
	}
	for (; p < end; p++)
		n += *p == '\n';
	return n;
}

static bool
id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '-';
}

/* The next place at or after `from` where id stands by itself. */
static const char *
hit(const struct piece *x, const char *from, const char *id)
{
	size_t n = strlen(id);
	const char *p = from;

	while (p < x->end && (p = memmem(p, (size_t)(x->end - p), id, n))) {
		if ((p == x->p || !id_char(p[-1])) &&
		    (p + n == x->end || !id_char(p[n])))
			return p;
		p++;
	}
	return x->end;
}

static void
look_for_new(const struct ir_mail_trace *t, struct piece *x,
    const char *from)
{
	for (; x->n < t->n; x->n++)
		x->next[x->n] = hit(x, from, t->id[x->n]);
}

/* The id of the queue in a line that has the Message-ID. */
static void
learn_id(struct ir_mail_trace *t, const char *p, const char *end)
{
	struct ir_err ignored = IR_ERR_INIT;
	const char *q, *b;
	size_t n;
	int words = 0;

	for (q = p; q < end && words < 8; q++) {
		if (q > p && q[-1] != ' ')
			continue;
		words++;
		n = ir_mlog_exim_id(q, (size_t)(end - q));
		if (n == 0) {
			/* Postfix: "QID: message-id=<...>" */
			for (b = q; b < end && id_char(*b); b++)
				continue;
			if (b - q >= 8 && end - b > 14 &&
			    memcmp(b, ": message-id=<", 14) == 0)
				n = (size_t)(b - q);
		}
		if (n) {
			(void)ir_mail_trace_add(t, q, n, &ignored);
			return;
		}
	}
}

/* One line that fits: told of, or learned from. */
static bool
take(struct ir_mail_trace *t, struct piece *x, const char *p,
    const char *end, bool header, bool learn, const char *file)
{
	struct ir_mail_text l = { .file = file, .text = p };
	size_t n = (size_t)(end - p);

	if (header)
		learn_id(t, p, end);
	if (learn)
		return true;
	x->line += newlines(x->counted, p);
	x->counted = p;
	if (n && end[-1] == '\r')
		n--;
	l.ntext = n > IR_MAIL_TRACE_LINE ? IR_MAIL_TRACE_LINE : n;
	l.line = x->line;
	t->lines++;
	return t->put(&l, t->arg);
}

static bool
search(struct ir_mail_trace *t, struct piece *x, bool learn,
    const char *file)
{
	const char *best, *begin, *end;
	bool header;
	size_t i;

	x->n = 0;
	look_for_new(t, x, x->p);
	for (;;) {
		best = x->end;
		for (i = 0; i < x->n; i++)
			if (x->next[i] < best)
				best = x->next[i];
		if (best == x->end)
			break;
		begin = memrchr(x->p, '\n', (size_t)(best - x->p));
		begin = begin ? begin + 1 : x->p;
		end = memchr(best, '\n', (size_t)(x->end - best));
		if (!end)
			end = x->end;
		for (header = false, i = 0; i < x->n; i++) {
			if (x->next[i] >= end)
				continue;
			header |= ir_mail_trace_header(t->id[i]);
			x->next[i] = hit(x, end, t->id[i]);
		}
		if (!take(t, x, begin, end, header, learn, file))
			return false;
		look_for_new(t, x, end);
	}
	if (!learn)
		x->line += newlines(x->counted, x->end);
	return true;
}

int
ir_mail_trace_file(struct ir_mail_trace *t, const char *path, bool learn,
    struct ir_err *err)
{
	struct ir_log_input *in = NULL;
	struct piece x = { .line = 1 };
	char *buf = malloc(IR_MAIL_PART), *nl;
	size_t n = 0, whole;
	ssize_t got = 1;
	int rc = -1;

	if (!buf) {
		(void)ir_fail(err, IR_OSERR, "no memory");
		goto out;
	}
	if (ir_log_open(&in, path, err))
		goto out;
	while (got > 0) {
		rc = 1;
		if (t->over && t->over(t->arg))
			goto out;
		for (got = 1; n < IR_MAIL_PART && got > 0; n += got > 0 ?
		    (size_t)got : 0)
			got = ir_log_read_into(in, buf + n, IR_MAIL_PART - n,
			    err);
		nl = got > 0 ? memrchr(buf, '\n', n) : NULL;
		/* a line that does not fit is looked through in pieces */
		whole = nl ? (size_t)(nl + 1 - buf) : n;
		x.p = x.counted = buf;
		x.end = buf + whole;
		if (!search(t, &x, learn, ir_log_name(in)))
			goto out;
		memmove(buf, buf + whole, n - whole);
		n -= whole;
	}
	rc = got < 0 ? -1 : 0;
out:
	ir_log_close(in);
	free(buf);
	return rc;
}
