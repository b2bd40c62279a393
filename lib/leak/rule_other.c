/* rule_other.c - private keys in their armour, and web addresses that take
 * messages from whoever knows them. */
#include <string.h>

#include "scan_in.h"

#define BODY_LEAST 40		/* characters of base64 that follow */

static bool
is(const struct leak_span *s, size_t at, const char *text)
{
	size_t n = strlen(text);

	return at <= s->n && s->n - at >= n && memcmp(s->p + at, text, n) == 0;
}

/* --- private keys -------------------------------------------------------- */

/* Line ends, also as \n and \r in strings, blanks, quotes and what joins. */
static size_t
skip_break(const struct leak_span *s, size_t at)
{
	for (;;) {
		if (at + 1 < s->n && s->p[at] == '\\' &&
		    strchr("nr\\", s->p[at + 1]) && s->p[at + 1])
			at += 2;
		else if (at < s->n && s->p[at] &&
		    strchr(" \t\r\n\"'+.,", s->p[at]))
			at++;
		else
			return at;
	}
}

/*
 * Where the base64 begins: behind headers ("Proc-Type: 4,ENCRYPTED"), of
 * which there are few.
 */
static size_t
body_at(const struct leak_span *s, size_t at, bool *encrypted)
{
	size_t i, line;

	for (line = 0; line < 6; line++) {
		at = skip_break(s, at);
		for (i = at; i < s->n && LEAK_B64(s->p[i]); i++)
			continue;
		if (i - at >= BODY_LEAST)
			return at;
		for (; i < s->n && i - at < 200 && s->p[i] != '\n' &&
		    s->p[i] != '\\'; i++)
			continue;
		*encrypted |= ir_leak_near(s, at, i, "encrypted");
		if (i >= s->n || (s->p[i] != '\n' && s->p[i] != '\\'))
			return s->n;
		at = i;
	}
	return s->n;
}

/* "-----BEGIN RSA PRIVATE KEY-----", found by its "-BEG". */
void
ir_leak_rule_armour(struct leak_span *s, size_t at)
{
	static const char *const what[] = { "", "RSA ", "EC ", "DSA ",
	    "OPENSSH ", "ENCRYPTED ", "PGP ", "SSH2 ENCRYPTED ", NULL };
	static const char *const rule[] = { "private-key",
	    "rsa-private-key", "ec-private-key", "dsa-private-key",
	    "openssh-private-key", "encrypted-private-key",
	    "pgp-private-key", "encrypted-private-key" };
	struct ir_leak_hit hit = { .kind = IR_LEAK_PRIVATE_KEY,
	    .account = -1, .context = true };
	bool encrypted = false;
	size_t i, end, body;

	if (at < 4 || !is(s, at - 4, "-----BEGIN "))
		return;
	for (i = 0; what[i]; i++)
		if (is(s, at + 7, what[i]) &&
		    is(s, at + 7 + strlen(what[i]), "PRIVATE KEY"))
			break;
	if (!what[i])
		return;
	end = at + 7 + strlen(what[i]) + strlen("PRIVATE KEY");
	if (is(s, end, " BLOCK"))
		end += 6;
	if (!is(s, end, "-----"))
		return;
	body = body_at(s, end + 5, &encrypted);
	for (end = body; end < s->n && end - body < 64 &&
	    LEAK_B64(s->p[end]); end++)
		continue;
	if (end - body < BODY_LEAST)
		return;
	hit.rule = encrypted ? "encrypted-private-key" : rule[i];
	hit.offset = at - 4;
	hit.len = end - hit.offset;
	hit.value = (const char *)s->p + body;
	hit.nvalue = end - body;
	ir_leak_emit(s, &hit);
}

/* --- web hooks ----------------------------------------------------------- */

/* What a slash is in a span: /, \/ or %2F.  How many bytes; 0: none. */
static size_t
slash(const struct leak_span *s, size_t at)
{
	if (is(s, at, "/"))
		return 1;
	if (is(s, at, "\\/"))
		return 2;
	return is(s, at, "%2F") || is(s, at, "%2f") ? 3 : 0;
}

static bool
of(unsigned char c, const char *set)
{
	if (c == 0)
		return false;
	for (; *set; set++)
		if (*set == '9' ? c >= '0' && c <= '9' :
		    *set == 'A' ? c >= 'A' && c <= 'Z' :
		    *set == 'a' ? c >= 'a' && c <= 'z' :
		    c == (unsigned char)*set)
			return true;
	return false;
}

/*
 * Match from `at`: '/' a slash, '*' least to most of what its set has
 * ("*24-24:Aa9;"), all else itself.  Where it ends, or 0.  *token is where
 * the last '*' began.
 */
static size_t
match(const struct leak_span *s, size_t at, const char *pattern,
    size_t *token)
{
	size_t n, least, most, got;
	char set[16];

	while (*pattern) {
		if (*pattern == '/') {
			if ((n = slash(s, at)) == 0)
				return 0;
			at += n;
			pattern++;
			continue;
		}
		if (*pattern != '*') {
			if (at >= s->n || s->p[at] !=
			    (unsigned char)*pattern)
				return 0;
			at++;
			pattern++;
			continue;
		}
		least = most = 0;
		for (pattern++; *pattern != '-'; pattern++)
			least = least * 10 + (size_t)(*pattern - '0');
		for (pattern++; *pattern != ':'; pattern++)
			most = most * 10 + (size_t)(*pattern - '0');
		for (n = 0, pattern++; *pattern != ';'; pattern++)
			set[n++] = *pattern;
		set[n] = '\0';
		pattern++;
		*token = at;
		for (got = 0; at < s->n && got < most && of(s->p[at], set);
		    got++)
			at++;
		if (got < least)
			return 0;
	}
	return at;
}

static bool
varied(const unsigned char *p, size_t n)
{
	bool seen[256] = { false };
	int count = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		count += !seen[p[i]];
		seen[p[i]] = true;
	}
	return count >= 7;
}

/*
 * "hook", "/bot" or "at.g" is at `at`: the addresses in which that stands,
 * from `back` bytes before it.
 */
void
ir_leak_rule_hook(struct leak_span *s, size_t at)
{
	static const struct {
		const char *rule, *first, *pattern;
		size_t back;	/* from first's beginning */
	} hooks[] = {
		{ "slack-webhook", "hooks.slack.com",
		    "hooks.slack.com/services/*9-12:A9;/*9-12:A9;"
		    "/*20-28:Aa9;", 0 },
		{ "slack-webhook", "hooks.slack.com",
		    "hooks.slack.com/workflows/*9-12:A9;/*9-12:A9;"
		    "/*15-22:9;/*20-28:Aa9;", 0 },
		{ "slack-webhook", "hooks.slack.com",
		    "hooks.slack.com/triggers/*9-12:A9;/*10-20:9;"
		    "/*28-40:a9;", 0 },
		{ "discord-webhook", "hooks",
		    "hooks/*17-20:9;/*60-80:Aa9_-;", 0 },
		{ "teams-webhook", "hook",
		    "hookb2/*36-36:a9-;@*36-36:a9-;/IncomingWebhook"
		    "/*32-32:a9;/*36-36:a9-;", 0 },
		{ "teams-webhook", "hook",
		    "hook/*36-36:a9-;@*36-36:a9-;/IncomingWebhook"
		    "/*32-32:a9;/*36-36:a9-;", 0 },
		{ "telegram-bot-token", "/bot",
		    "/bot*8-10:9;:*35-35:Aa9_-;", 0 },
		{ "google-chat-webhook", "at.g",
		    "at.googleapis.com/v1/spaces/*8-16:Aa9_-;"
		    "/messages?key=*39-39:Aa9_-;&token=*40-90:Aa9_%-;", 2 },
	};
	struct ir_leak_hit hit = { .kind = IR_LEAK_WEBHOOK, .account = -1,
	    .context = true };
	size_t i, end, token = 0;

	for (i = 0; i < sizeof hooks / sizeof *hooks; i++) {
		if (!is(s, at, hooks[i].first) || at < hooks[i].back)
			continue;
		end = match(s, at, hooks[i].pattern, &token);
		if (end == 0 || !varied(s->p + token, end - token))
			continue;
		hit.rule = hooks[i].rule;
		hit.offset = at - hooks[i].back;
		hit.len = end - hit.offset;
		hit.value = (const char *)s->p + token;
		hit.nvalue = end - token;
		ir_leak_emit(s, &hit);
		return;
	}
}
