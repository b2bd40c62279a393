/* smtp_verdict.c - see smtp_verdict.h */
#include <string.h>

#include "smtp_verdict.h"

static const char *const names[IR_SV_COUNT] = {
	[IR_SV_OK] = "ok",
	[IR_SV_BAD_CREDENTIALS] = "bad-credentials",
	[IR_SV_NOT_PROPAGATED] = "not-propagated",
	[IR_SV_NO_PERMISSION] = "no-permission",
	[IR_SV_NOT_VERIFIED] = "identity-not-verified",
	[IR_SV_PAUSED] = "paused",
	[IR_SV_THROTTLED] = "throttled",
	[IR_SV_TEMPORARY] = "temporary",
	[IR_SV_TLS] = "tls",
	[IR_SV_BLOCKED] = "blocked",
	[IR_SV_UNREACHABLE] = "unreachable",
	[IR_SV_NOT_SMTP] = "not-smtp",
	[IR_SV_NOT_SUBSCRIBED] = "account-not-subscribed",
	[IR_SV_REJECTED] = "rejected",
	[IR_SV_UNKNOWN] = "unknown",
};

const char *
ir_smtp_verdict_name(enum ir_smtp_verdict v)
{
	return names[v];
}

enum ir_smtp_verdict
ir_smtp_verdict_find(const char *word)
{
	enum ir_smtp_verdict v;

	for (v = 0; v < IR_SV_COUNT; v++)
		if (strcmp(names[v], word) == 0)
			break;
	return v;
}

static void
is(struct ir_smtp_judged *j, enum ir_smtp_verdict v, const char *kind)
{
	j->verdict = v;
	j->kind = kind;
}

static bool
says(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

/*
 * The word behind `after`, as SES quotes it: `ses:SendRawEmail'.  Blanks,
 * quotes and the end of the sentence end it.
 */
static void
word_after(const char *text, const char *after, char *out, size_t size)
{
	const char *p = strcasestr(text, after);
	size_t n;

	out[0] = '\0';
	if (!p)
		return;
	p += strlen(after);
	p += strspn(p, ": `'\"");
	n = strcspn(p, " `'\"");
	while (n && (p[n - 1] == '.' || p[n - 1] == ','))
		n--;
	if (n >= size)
		return;		/* cut, it would name something else */
	memcpy(out, p, n);
	out[n] = '\0';
}

/* Text that a person reads may be cut. */
static void
rest_after(const char *text, const char *after, char *out, size_t size)
{
	const char *p = strcasestr(text, after);
	size_t n;

	out[0] = '\0';
	p = p ? strchr(p + strlen(after), ':') : NULL;
	if (!p)
		return;
	p += 1 + strspn(p + 1, " ");
	n = strlen(p);
	if (n >= size) {
		n = size - 1;
		while (n && ((unsigned char)p[n] & 0xc0) == 0x80)
			n--;	/* not within a character */
	}
	memcpy(out, p, n);
	out[n] = '\0';
}

static bool
says_paused(const char *text)
{
	return (says(text, "sending") || says(text, "account")) &&
	    (says(text, "disabled") || says(text, "paused") ||
	    says(text, "suspended") || says(text, "shut down"));
}

/* 4xx: it may be otherwise the next time. */
static void
judge_later(int code, const char *stage, const char *text,
    struct ir_smtp_judged *j)
{
	if (strcmp(stage, "starttls") == 0)
		is(j, IR_SV_TLS, "refused");
	else if (says(text, "quota"))
		is(j, IR_SV_THROTTLED, "daily-quota");
	else if (says(text, "sending rate"))
		is(j, IR_SV_THROTTLED, "rate");
	else if (says(text, "concurrent") || (code == 421 &&
	    says(text, "too many")))
		is(j, IR_SV_THROTTLED, "connections");
	else if (says(text, "throttl"))
		is(j, IR_SV_THROTTLED, "");
	else if (code == 454 && (strcmp(stage, "auth") == 0 ||
	    says(text, "authentication")))
		is(j, IR_SV_THROTTLED, "authentication");
	else
		is(j, IR_SV_TEMPORARY, "");
}

/* 5xx. */
static void
judge_never(int code, const char *stage, const char *text,
    struct ir_smtp_judged *j)
{
	if (strcmp(stage, "starttls") == 0) {
		is(j, IR_SV_TLS, "refused");
	} else if (says(text, "not subscribed")) {
		is(j, IR_SV_NOT_SUBSCRIBED, "");
	} else if (code == 535) {
		is(j, IR_SV_BAD_CREDENTIALS, "");
	} else if (says(text, "not authorized to perform") ||
	    says(text, "access denied")) {
		is(j, IR_SV_NO_PERMISSION, says(text, "explicit deny") ?
		    "explicit-deny" : "");
		word_after(text, "User", j->principal, sizeof j->principal);
		word_after(text, "to perform", j->action, sizeof j->action);
		word_after(text, says(text, "resource") ? "resource" : " on ",
		    j->resource, sizeof j->resource);
	} else if (says(text, "not verified")) {
		is(j, IR_SV_NOT_VERIFIED, "");
		rest_after(text, "failed the check", j->resource,
		    sizeof j->resource);
	} else if (says_paused(text)) {
		is(j, IR_SV_PAUSED, says(text, "configuration set") ?
		    "configuration-set" : "account");
	} else {
		is(j, IR_SV_REJECTED, code == 530 ? "not-authenticated" : "");
	}
}

static void
judge_trouble(enum ir_smtp_trouble t, struct ir_smtp_judged *j)
{
	static const struct {
		enum ir_smtp_verdict verdict;
		const char *kind;
	} of[] = {
		[IR_SMTP_FINE] = { IR_SV_REJECTED, "no-auth-offered" },
		[IR_SMTP_NO_HOST] = { IR_SV_UNREACHABLE, "no-such-host" },
		[IR_SMTP_NO_ANSWER] = { IR_SV_UNREACHABLE, "timeout" },
		[IR_SMTP_NO_LISTENER] = { IR_SV_UNREACHABLE, "refused" },
		[IR_SMTP_NO_WAY] = { IR_SV_UNREACHABLE, "no-route" },
		[IR_SMTP_SILENT] = { IR_SV_UNREACHABLE, "silent" },
		[IR_SMTP_CLOSED] = { IR_SV_UNREACHABLE, "closed" },
		[IR_SMTP_GARBLED] = { IR_SV_NOT_SMTP, "" },
		[IR_SMTP_TLS_EXPIRED] = { IR_SV_TLS, "expired" },
		[IR_SMTP_TLS_EARLY] = { IR_SV_TLS, "not-yet-valid" },
		[IR_SMTP_TLS_NAME] = { IR_SV_TLS, "name" },
		[IR_SMTP_TLS_CA] = { IR_SV_TLS, "ca" },
		[IR_SMTP_TLS_VERSION] = { IR_SV_TLS, "version" },
		[IR_SMTP_TLS_ABSENT] = { IR_SV_TLS, "none-offered" },
		[IR_SMTP_TLS_FAILED] = { IR_SV_TLS, "handshake" },
		[IR_SMTP_LOST] = { IR_SV_UNKNOWN, "lost" },
	};

	is(j, of[t].verdict, of[t].kind);
}

void
ir_smtp_judge(const struct ir_smtp_reply *r, enum ir_smtp_trouble trouble,
    struct ir_smtp_judged *j)
{
	memset(j, 0, sizeof *j);
	if (r->code == 0 || trouble == IR_SMTP_LOST)
		judge_trouble(trouble, j);
	else if (r->code < 400)
		is(j, IR_SV_OK, "");
	else if (r->code < 500)
		judge_later(r->code, r->stage, r->text, j);
	else
		judge_never(r->code, r->stage, r->text, j);
}

bool
ir_smtp_verdict_decided(enum ir_smtp_verdict v)
{
	switch (v) {
	case IR_SV_NOT_PROPAGATED:
	case IR_SV_THROTTLED:
	case IR_SV_TEMPORARY:
	case IR_SV_UNREACHABLE:
	case IR_SV_UNKNOWN:
		return false;
	default:
		return true;
	}
}

enum ir_smtp_verdict
ir_smtp_verdict_sum(const enum ir_smtp_verdict *v, size_t n)
{
	enum ir_smtp_verdict last = v[n - 1];
	bool accepted = false, refused = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (v[i] == IR_SV_UNKNOWN)
			return IR_SV_UNKNOWN;
		if (v[i] == IR_SV_BAD_CREDENTIALS)
			refused = true;
		/* judged at DATA: AUTH was accepted */
		if (v[i] == IR_SV_OK || v[i] == IR_SV_NO_PERMISSION ||
		    v[i] == IR_SV_NOT_VERIFIED || v[i] == IR_SV_PAUSED)
			accepted = true;
		if (ir_smtp_verdict_decided(v[i]))
			last = v[i];
	}
	return accepted && refused ? IR_SV_NOT_PROPAGATED : last;
}
