/* select.c - see select.h */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/record.h"
#include "../core/text.h"
#include "select.h"
#include "subject.h"

#define MATCH_LIMIT 200000	/* steps: a hostile text must not stall us */

struct ir_regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *ctx;
};

static const char *const opt_name[IR_SEL_N] = { "sender", "auth-user",
	"auth-sender", "ident", "host", "protocol", "script", "recipient",
	"recipient-domain", "subject" };

bool
ir_select_any(const struct ir_select *s)
{
	int i;

	for (i = 0; i < IR_SEL_N; i++)
		if (s->text[i])
			return true;
	return s->min_rcpts >= 0 || s->older >= 0 || s->newer >= 0 ||
	    s->frozen || s->not_frozen || s->bounces || s->not_bounces;
}

struct ir_span
ir_spool_sender(const struct ir_spool_msg *m)
{
	static const struct ir_span bounce = { "<>", 2 };

	return m->sender.n ? m->sender : bounce;
}

void
ir_spool_text(struct ir_rec *r, const char *key, struct ir_span s)
{
	if (s.p)
		ir_rec_strn(r, key, s.p,
		    ir_text_cut(s.p, s.n, IR_SPOOL_TEXT_MAX));
}

bool
ir_spool_text_is(struct ir_span s, const char *recorded)
{
	struct ir_buf b = IR_BUF(IR_SPOOL_TEXT_MAX * 3);
	bool same;

	if (strlen(recorded) == s.n && memcmp(recorded, s.p ? s.p : "",
	    s.n) == 0)
		return true;
	ir_text_clean(&b, s.p ? s.p : "",
	    s.p ? ir_text_cut(s.p, s.n, IR_SPOOL_TEXT_MAX) : 0);
	same = strcmp(ir_buf_cstr(&b), recorded) == 0;
	ir_buf_free(&b);
	return same;
}

static void
regex_free(struct ir_regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->ctx);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}

static struct ir_regex *
regex_new(const char *name, const char *text, struct ir_err *err)
{
	struct ir_regex *r = calloc(1, sizeof *r);
	PCRE2_UCHAR why[160];
	PCRE2_SIZE at;
	int e;

	if (!r)
		goto no_memory;
	r->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
	    &e, &at, NULL);
	if (!r->code) {
		pcre2_get_error_message(e, why, sizeof why);
		ir_fail(err, IR_USAGE, "--%s: not a regular expression: %s "
		    "at character %zu", name, (const char *)why, at + 1);
		free(r);
		return NULL;
	}
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	r->data = pcre2_match_data_create(1, NULL);
	r->ctx = pcre2_match_context_create(NULL);
	if (!r->data || !r->ctx)
		goto no_memory;
	pcre2_set_match_limit(r->ctx, MATCH_LIMIT);
	return r;
no_memory:
	regex_free(r);
	ir_fail(err, IR_OSERR, "no memory");
	return NULL;
}

int
ir_select_begin(struct ir_select *s, struct ir_err *err)
{
	int i;

	for (i = 0; i < IR_SEL_N; i++) {
		if (!s->text[i] || !(s->regex || i == IR_SEL_SUBJECT))
			continue;
		s->re[i] = regex_new(opt_name[i], s->text[i], err);
		if (!s->re[i])
			return -1;
	}
	return 0;
}

void
ir_select_end(struct ir_select *s)
{
	int i;

	for (i = 0; i < IR_SEL_N; i++) {
		regex_free(s->re[i]);
		s->re[i] = NULL;
	}
}

static bool
text_is(struct ir_select *s, enum ir_sel i, struct ir_span v)
{
	struct ir_regex *r = s->re[i];
	int rc;

	if (!s->text[i])
		return true;
	if (!r)
		return v.p && ir_span_ieq(v, s->text[i]);
	rc = pcre2_match(r->code, (PCRE2_SPTR)(v.p ? v.p : ""), v.n, 0, 0,
	    r->data, r->ctx);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		s->gave_up++;
	return rc >= 0;
}

/* "mailer.php" and "33:mailer.php" both name the script 33:mailer.php. */
static bool
script_is(struct ir_select *s, const struct ir_spool_msg *m)
{
	struct ir_span v, tail;
	const char *colon;

	if (!s->text[IR_SEL_SCRIPT])
		return true;
	v = ir_spool_script(m);
	if (text_is(s, IR_SEL_SCRIPT, v))
		return true;
	colon = v.n && !s->re[IR_SEL_SCRIPT] ? memchr(v.p, ':', v.n) : NULL;
	if (!colon)
		return false;
	tail = (struct ir_span){ colon + 1, (size_t)(v.p + v.n - colon) - 1 };
	return text_is(s, IR_SEL_SCRIPT, tail);
}

static bool
subject_is(struct ir_select *s, const struct ir_spool_msg *m)
{
	struct ir_buf b = IR_BUF(IR_SUBJECT_MAX);
	bool yes;

	if (!s->text[IR_SEL_SUBJECT])
		return true;
	ir_spool_subject(m, &b);
	yes = text_is(s, IR_SEL_SUBJECT,
	    (struct ir_span){ ir_buf_cstr(&b), b.len });
	ir_buf_free(&b);
	return yes;
}

static bool
recipient_is(struct ir_select *s, const struct ir_spool_msg *m)
{
	struct ir_span left = m->rcpts, addr;
	bool rcpt = !s->text[IR_SEL_RCPT];
	bool domain = !s->text[IR_SEL_RCPT_DOMAIN];

	while (!(rcpt && domain) && ir_spool_next_rcpt(&left, &addr)) {
		rcpt = rcpt || text_is(s, IR_SEL_RCPT, addr);
		domain = domain || text_is(s, IR_SEL_RCPT_DOMAIN,
		    ir_span_domain(addr));
	}
	return rcpt && domain;
}

bool
ir_select_match(struct ir_select *s, const struct ir_spool_msg *m,
    int64_t now)
{
	int64_t age = now - m->received;

	return (!s->frozen || m->frozen) && (!s->not_frozen || !m->frozen) &&
	    (!s->bounces || m->sender.n == 0) &&
	    (!s->not_bounces || m->sender.n) &&
	    (s->min_rcpts < 0 || m->rcpt_count >= (size_t)s->min_rcpts) &&
	    (s->older < 0 || age > s->older) &&
	    (s->newer < 0 || age <= s->newer) &&
	    text_is(s, IR_SEL_AUTH_USER, m->auth_user) &&
	    text_is(s, IR_SEL_SENDER, ir_spool_sender(m)) &&
	    text_is(s, IR_SEL_AUTH_SENDER, m->auth_sender) &&
	    text_is(s, IR_SEL_IDENT, m->ident) &&
	    text_is(s, IR_SEL_HOST, m->host) &&
	    text_is(s, IR_SEL_PROTOCOL, m->protocol) &&
	    script_is(s, m) && recipient_is(s, m) && subject_is(s, m);
}
