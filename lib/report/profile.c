/* profile.c - see profile.h */
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "profile.h"

#define MATCH_MAX 65536

static bool
valid(const struct ir_profile_row *r, const char **why)
{
	static const char *const keys[] = { "domain", "case", "account",
	    "resource", "reply", "reply-url", "deadline" };
	regex_t re;
	size_t i;

	if (!r->provider[0] || strlen(r->provider) >= IR_PROFILE_NAME ||
	    strspn(r->provider, "abcdefghijklmnopqrstuvwxyz0123456789") <
	    strlen(r->provider) || strcmp(r->provider, "aws") == 0 ||
	    strcmp(r->provider, "complaint") == 0) {
		*why = "not a name for a provider";
		return false;
	}
	for (i = 0; i < 7 && strcmp(r->key, keys[i]) != 0; i++)
		;
	*why = "no such key";
	if (i == 7)
		return false;
	*why = "not a value of that key";
	if (i == 0)
		return strchr(r->value, '.') && !strchr(r->value, '@');
	if (i == 4)
		return strcmp(r->value, "mail") == 0 ||
		    strcmp(r->value, "web") == 0 ||
		    strcmp(r->value, "ticket") == 0;
	if (i == 6)
		return atoi(r->value) > 0 && strlen(r->value) <= 4 &&
		    strspn(r->value, "0123456789") == strlen(r->value);
	*why = "not an extended regular expression";
	if (regcomp(&re, r->value, REG_EXTENDED | REG_NOSUB))
		return false;
	regfree(&re);
	return true;
}

static int
row(struct ir_profiles *p, char *line, const char *name, size_t number,
    struct ir_err *err)
{
	struct ir_profile_row r = { line, strchr(line, '\t'), NULL };
	const char *why = "three fields are needed, with a tab between them";
	char *tab = strchr(line, '\t');

	if (tab) {
		*tab++ = '\0';
		r.key = tab;
		tab = strchr(tab, '\t');
	}
	if (tab) {
		*tab++ = '\0';
		r.value = tab;
	}
	if (!r.value || !*r.value || !valid(&r, &why))
		return ir_fail(err, IR_CONFIG, "%s:%zu: %s", name, number,
		    why);
	if (p->n == IR_PROFILE_ROWS)
		return ir_fail(err, IR_CONFIG, "%s: too many lines", name);
	p->rows[p->n++] = r;
	return 0;
}

int
ir_profiles_add(struct ir_profiles *p, const char *s, size_t n,
    const char *name, struct ir_err *err)
{
	char *text, *eol;
	size_t number = 0;

	if (p->ntext == 2 || n > IR_PROFILE_BYTES || memchr(s, '\0', n))
		return ir_fail(err, IR_CONFIG, "%s: not a table of providers",
		    name);
	text = malloc(n + 1);
	if (!text)
		return ir_fail(err, IR_OSERR, "no memory");
	memcpy(text, s, n);
	text[n] = '\0';
	p->text[p->ntext++] = text;
	for (; *text; text = eol) {
		eol = strchr(text, '\n');
		if (eol)
			*eol++ = '\0';
		else
			eol = text + strlen(text);
		number++;
		if (*text && *text != '#' && row(p, text, name, number, err))
			return -1;
	}
	return 0;
}

void
ir_profiles_free(struct ir_profiles *p)
{
	while (p->ntext)
		free(p->text[--p->ntext]);
	p->n = 0;
}

const char *
ir_profile_sender(const struct ir_profiles *p, const char *addr)
{
	const char *at = strrchr(addr, '@'), *domain, *root;
	size_t i, n, len;

	for (i = 0; p && at && i < p->n; i++) {
		if (strcmp(p->rows[i].key, "domain") != 0)
			continue;
		domain = at + 1;
		root = p->rows[i].value;
		n = strlen(domain);
		len = strlen(root);
		if (n >= len && strcasecmp(domain + n - len, root) == 0 &&
		    (n == len || domain[n - len - 1] == '.'))
			return p->rows[i].provider;
	}
	return NULL;
}

const char *
ir_profile_get(const struct ir_profiles *p, const char *provider,
    const char *key, size_t nth)
{
	size_t i;

	for (i = 0; p && i < p->n; i++)
		if (strcmp(p->rows[i].provider, provider) == 0 &&
		    strcmp(p->rows[i].key, key) == 0 && nth-- == 0)
			return p->rows[i].value;
	return NULL;
}

bool
ir_profile_match(const char *expression, const char *s, size_t n,
    const char **value, size_t *len)
{
	regmatch_t m[2];
	regex_t re;
	bool hit;

	if (regcomp(&re, expression, REG_EXTENDED | REG_NEWLINE))
		return false;
	m[0].rm_so = 0;
	m[0].rm_eo = (regoff_t)(n < MATCH_MAX ? n : MATCH_MAX);
	m[1].rm_so = -1;
	hit = regexec(&re, s, 2, m, REG_STARTEND) == 0;
	regfree(&re);
	if (!hit)
		return false;
	if (m[1].rm_so < 0)
		m[1] = m[0];
	*value = s + m[1].rm_so;
	*len = (size_t)(m[1].rm_eo - m[1].rm_so);
	return *len > 0;
}
