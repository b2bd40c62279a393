/* transport.c - see transport.h */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "taglist.h"
#include "transport.h"

#define MAX_AGE_MAX 31557600	/* RFC 8461, 3.2: a year */
#define MAX_ID 32

static bool
begins(const char *s, size_t n, const char *version)
{
	size_t len = strlen(version);

	if (n < len || memcmp(s, version, len))
		return false;
	for (; len < n && (s[len] == ' ' || s[len] == '\t'); )
		len++;
	return len < n && s[len] == ';';
}

bool
ir_sts_is_record(const char *s, size_t n)
{
	return begins(s, n, "v=STSv1");
}

bool
ir_tlsrpt_is_record(const char *s, size_t n)
{
	return begins(s, n, "v=TLSRPTv1");
}

const char *
ir_sts_record(const char *s, size_t n, char id[33])
{
	const struct ir_tag *tag;
	struct ir_tags t;
	size_t i;

	id[0] = '\0';
	ir_tags_parse(s, n, &t);
	tag = ir_tags_find(&t, "id");
	if (t.bad)
		return "not a list of tags";
	if (!tag)
		return "no id= tag";
	if (tag->value_len == 0 || tag->value_len > MAX_ID)
		return "id= is not 1 to 32 letters and digits";
	for (i = 0; i < tag->value_len; i++) {
		char c = tag->value[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9')))
			return "id= is not 1 to 32 letters and digits";
		id[i] = c;
	}
	id[i] = '\0';
	return NULL;
}

const char *
ir_tlsrpt_record(const char *s, size_t n)
{
	const struct ir_tag *tag;
	struct ir_tags t;
	const char *item;
	size_t at = 0, len;

	ir_tags_parse(s, n, &t);
	tag = ir_tags_find(&t, "rua");
	if (t.bad)
		return "not a list of tags";
	if (!tag)
		return "no rua= tag";
	while (ir_tag_item(tag, ',', &at, &item, &len)) {
		bool mail = len > 7 && strncasecmp(item, "mailto:", 7) == 0 &&
		    memchr(item, '@', len);
		bool web = len > 8 && strncasecmp(item, "https://", 8) == 0;

		if (!mail && !web)
			return "rua= has something that is neither mailto: "
			    "nor https:";
	}
	return NULL;
}

/* --- the policy --------------------------------------------------------- */

static bool
is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

static const char *
add_mx(struct ir_sts_policy *p, const char *s, size_t n)
{
	size_t i, label = 0;
	char *out;

	if (p->nmx == IR_STS_MX_MAX) {
		p->more_mx = true;
		return NULL;
	}
	out = p->mx[p->nmx];
	if (n == 0 || n > 253)
		return "mx: no host name";
	for (i = 0; i < n; i++) {
		char c = s[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c == '.' ? label == 0 : !((c >= 'a' && c <= 'z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    (c == '*' && i == 0 && n > 2 && s[1] == '.')))
			return "mx: no host name";
		label = c == '.' ? 0 : label + 1;
		out[i] = c;
	}
	out[i] = '\0';
	p->nmx++;
	return NULL;
}

static const char *
add_age(struct ir_sts_policy *p, const char *s, size_t n)
{
	size_t i;

	p->max_age = 0;
	for (i = 0; i < n && i < 10 && s[i] >= '0' && s[i] <= '9'; i++)
		p->max_age = p->max_age * 10 + (s[i] - '0');
	return i == 0 || i < n || p->max_age > MAX_AGE_MAX ?
	    "max_age: not 0 to 31557600" : NULL;
}

struct seen {
	bool version, mode, age;
};

static const char *
add_line(struct ir_sts_policy *p, struct seen *seen, const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n), *v;
	size_t key = colon ? (size_t)(colon - s) : 0, len;
	const char *bad = NULL;

	if (!key)
		return "a line that is not KEY: VALUE";
	v = colon + 1;
	len = n - key - 1;
	for (; len && (*v == ' ' || *v == '\t'); len--)
		v++;
	for (; len && (v[len - 1] == ' ' || v[len - 1] == '\t'); )
		len--;
	/* of what is there twice, the first counts (RFC 8461, 3.2) */
	if (is(s, key, "version") && !seen->version) {
		seen->version = true;
		bad = is(v, len, "STSv1") ? NULL : "version: not STSv1";
	} else if (is(s, key, "mode") && !seen->mode) {
		seen->mode = true;
		p->mode = is(v, len, "enforce") ? IR_STS_ENFORCE :
		    is(v, len, "testing") ? IR_STS_TESTING : IR_STS_NONE;
		if (p->mode == IR_STS_NONE && !is(v, len, "none"))
			bad = "mode: not enforce, testing or none";
	} else if (is(s, key, "max_age") && !seen->age) {
		seen->age = true;
		bad = add_age(p, v, len);
	} else if (is(s, key, "mx")) {
		bad = add_mx(p, v, len);
	}
	return bad;
}

const char *
ir_sts_policy(const char *s, size_t n, struct ir_sts_policy *p)
{
	struct seen seen = { false, false, false };
	size_t lines = 0, at = 0;
	const char *bad = NULL;

	memset(p, 0, sizeof *p);
	if (n > IR_STS_POLICY_MAX)
		return "longer than 64 KiB";
	while (at < n && !bad) {
		const char *end = memchr(s + at, '\n', n - at);
		size_t len = end ? (size_t)(end - s) - at : n - at;
		size_t text = len && s[at + len - 1] == '\r' ? len - 1 : len;

		if (++lines > IR_STS_LINES_MAX)
			return "too many lines";
		if (text)
			bad = add_line(p, &seen, s + at, text);
		at += len + 1;
	}
	if (bad)
		return bad;
	return !seen.version ? "no version" : !seen.mode ? "no mode" :
	    !seen.age ? "no max_age" : p->mode != IR_STS_NONE && !p->nmx ?
	    "no mx" : NULL;
}

const char *
ir_sts_mode_word(enum ir_sts_mode m)
{
	static const char *const words[] = { "none", "testing", "enforce" };

	return words[m];
}

bool
ir_sts_mx_ok(const struct ir_sts_policy *p, const char *host)
{
	const char *dot = strchr(host, '.');
	size_t i;

	for (i = 0; i < p->nmx; i++) {
		const char *mx = p->mx[i];

		if (mx[0] == '*' ? dot && dot > host &&
		    strcasecmp(mx + 1, dot) == 0 : strcasecmp(mx, host) == 0)
			return true;
	}
	return false;
}

/* --- TLSA --------------------------------------------------------------- */

const char *
ir_tlsa(const unsigned char *p, size_t n, char text[160])
{
	size_t i, used;

	text[0] = '\0';
	if (n < 4)
		return "too short";
	used = (size_t)snprintf(text, 160, "%u %u %u ", p[0], p[1], p[2]);
	for (i = 3; i < n && used + 3 < 160; i++)
		used += (size_t)snprintf(text + used, 160 - used, "%02x",
		    p[i]);
	if (p[0] != 2 && p[0] != 3)
		return "usage is not 2 or 3: mail does not use it";
	if (p[1] > 1)
		return "selector is not 0 or 1";
	if (p[2] > 2)
		return "matching type is not 0, 1 or 2";
	if ((p[2] == 1 && n != 3 + 32) || (p[2] == 2 && n != 3 + 64))
		return "the digest has the wrong length";
	return NULL;
}
