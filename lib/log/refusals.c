/* refusals.c - see refusals.h */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "refusals.h"

#define MATCH_LIMIT 20000
#define HEAP_LIMIT 1024		/* KiB */
#define SHAPE_MAX 240
#define TABLES 8

struct ir_refusals {
	char *text[TABLES];		/* what all strings point into */
	size_t ntables;
	struct ir_refusal_provider *provider;
	struct ir_refusal_rule *rule;
	size_t nproviders, nrules, cap_providers, cap_rules;
	size_t first;			/* rule of the newest table */
	pcre2_match_data *data;
	pcre2_match_context *ctx;
};

struct ir_refusals *
ir_refusals_new(void)
{
	struct ir_refusals *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->data = pcre2_match_data_create(2, NULL);
	t->ctx = pcre2_match_context_create(NULL);
	if (!t->data || !t->ctx) {
		ir_refusals_free(t);
		return NULL;
	}
	pcre2_set_match_limit(t->ctx, MATCH_LIMIT);
	pcre2_set_heap_limit(t->ctx, HEAP_LIMIT);
	return t;
}

void
ir_refusals_free(struct ir_refusals *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->nrules; i++)
		pcre2_code_free(t->rule[i].code);
	for (i = 0; i < t->ntables; i++)
		free(t->text[i]);
	pcre2_match_data_free(t->data);
	pcre2_match_context_free(t->ctx);
	free(t->provider);
	free(t->rule);
	free(t);
}

size_t
ir_refusals_count(const struct ir_refusals *t)
{
	return t->nproviders + t->nrules;
}

/* --- reading ------------------------------------------------------------ */

struct place {
	const char *name;
	size_t line;
	struct ir_err *err;
};

static int
wrong(const struct place *at, const char *what, const char *value)
{
	return ir_fail(at->err, IR_CONFIG, "%s:%zu: %s: %.80s", at->name,
	    at->line, what, value);
}

/* Columns of a line, in place; "-" becomes "".  Their number. */
static size_t
split(char *line, const char *col[], size_t max)
{
	size_t n = 0;
	char *p = line;

	while (p && n < max) {
		col[n] = p;
		p = strchr(p, '\t');
		if (p)
			*p++ = '\0';
		if (strcmp(col[n], "-") == 0)
			col[n] = "";
		n++;
	}
	return p ? max + 1 : n;
}

static void *
more(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 64;
	return realloc(v, *cap * size);
}

static int
add_provider(struct ir_refusals *t, const char *const c[],
    const struct place *at)
{
	struct ir_refusal_provider *v = more(t->provider, t->nproviders,
	    &t->cap_providers, sizeof *v);

	if (!v)
		return ir_fail(at->err, IR_OSERR, "no memory");
	t->provider = v;
	if (!*c[1] || !*c[2])
		return wrong(at, "a provider without a name", c[1]);
	t->provider[t->nproviders++] = (struct ir_refusal_provider){
		.name = c[1], .title = c[2], .hosts = c[3], .domains = c[4],
		.contact = c[5], .asks = c[6] };
	return 0;
}

static bool
known_class(const char *s)
{
	static const char *const classes[] = { IR_REFUSAL_CLASSES };
	size_t i;

	for (i = 0; i < sizeof classes / sizeof *classes; i++)
		if (strcmp(s, classes[i]) == 0)
			return true;
	return false;
}

static bool
known_provider(const struct ir_refusals *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->nproviders; i++)
		if (strcmp(t->provider[i].name, name) == 0)
			return true;
	return strcmp(name, "*") == 0;
}

static int
add_rule(struct ir_refusals *t, const char *const c[], const struct place *at)
{
	struct ir_refusal_rule *v = more(t->rule, t->nrules, &t->cap_rules,
	    sizeof *v);
	PCRE2_SIZE where;
	PCRE2_UCHAR why[120];
	int e;

	if (!v)
		return ir_fail(at->err, IR_OSERR, "no memory");
	t->rule = v;
	if (!known_provider(t, c[1]))
		return wrong(at, "no such provider above", c[1]);
	if (!*c[2] || !*c[3] || !*c[7])
		return wrong(at, "a refusal without id, codes or meaning",
		    c[2]);
	if (!known_class(c[5]))
		return wrong(at, "not a class", c[5]);
	v = &t->rule[t->nrules];
	*v = (struct ir_refusal_rule){ c[1], c[2], c[3], c[4], c[5], c[6],
		c[7], c[8], c[9], NULL };
	if (!*c[4])
		goto ok;
	v->code = pcre2_compile((PCRE2_SPTR)c[4], PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C, &e, &where,
	    NULL);
	if (!v->code) {
		pcre2_get_error_message(e, why, sizeof why);
		return wrong(at, (const char *)why, c[4]);
	}
ok:
	t->nrules++;
	return 0;
}

static int
add_line(struct ir_refusals *t, char *line, const struct place *at)
{
	const char *c[10];
	size_t n = split(line, c, 10);

	if (ir_refusals_count(t) >= IR_REFUSALS_MAX)
		return wrong(at, "too many entries", c[0]);
	if (strcmp(c[0], "provider") == 0)
		return n == 7 ? add_provider(t, c, at) :
		    wrong(at, "a provider has 7 columns", line);
	if (strcmp(c[0], "refusal") == 0)
		return n == 10 ? add_rule(t, c, at) :
		    wrong(at, "a refusal has 10 columns", line);
	return wrong(at, "neither provider nor refusal", c[0]);
}

int
ir_refusals_add(struct ir_refusals *t, const char *text, size_t n,
    const char *name, struct ir_err *err)
{
	struct place at = { name, 0, err };
	char *copy, *p, *nl;

	if (n > IR_REFUSALS_BYTES || t->ntables == TABLES)
		return ir_fail(err, IR_CONFIG, "%s: too large, or too many "
		    "tables", name);
	copy = malloc(n + 1);
	if (!copy)
		return ir_fail(err, IR_OSERR, "no memory");
	memcpy(copy, text, n);
	copy[n] = '\0';
	t->text[t->ntables++] = copy;
	if (strlen(copy) != n)
		return ir_fail(err, IR_CONFIG, "%s: a NUL byte", name);
	t->first = t->nrules;
	for (p = copy; p; p = nl) {
		at.line++;
		nl = strchr(p, '\n');
		if (nl)
			*nl++ = '\0';
		if (*p && p[strlen(p) - 1] == '\r')
			p[strlen(p) - 1] = '\0';
		if (*p && *p != '#' && add_line(t, p, &at))
			return -1;
	}
	return 0;
}

/* --- matching ----------------------------------------------------------- */

/* Is name one of the list, or below one? */
static bool
in_list(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list; list += n + (list[n] == ';')) {
		n = strcspn(list, ";");
		if (n && len >= n && memcmp(name + len - n, list, n) == 0 &&
		    (len == n || name[len - n - 1] == '.'))
			return true;
	}
	return false;
}

const struct ir_refusal_provider *
ir_refusals_provider(const struct ir_refusals *t, const char *host,
    const char *domain)
{
	size_t i;

	/* newer tables first; a server's name before a domain */
	for (i = t->nproviders; *host && i-- > 0;)
		if (in_list(t->provider[i].hosts, host))
			return &t->provider[i];
	for (i = t->nproviders; *domain && i-- > 0;)
		if (in_list(t->provider[i].domains, domain))
			return &t->provider[i];
	return NULL;
}

static bool
fits_code(const char *list, const struct ir_delivery *d)
{
	char code[8];
	size_t n;

	if (strcmp(list, "*") == 0)
		return true;
	code[0] = (char)('0' + d->code / 100 % 10);
	code[1] = (char)('0' + d->code / 10 % 10);
	code[2] = (char)('0' + d->code % 10);
	for (; *list; list += n + (list[n] == ';')) {
		n = strcspn(list, ";");
		if (n > 1 && list[1] == '.') {
			if (list[n - 1] == '*' ?
			    strncmp(d->enhanced, list, n - 1) == 0 :
			    strncmp(d->enhanced, list, n) == 0 &&
			    !d->enhanced[n])
				return true;
		} else if (n == 3 && code[0] == list[0] &&
		    (list[1] == 'x' || memcmp(code, list, 3) == 0)) {
			return true;
		}
	}
	return false;
}

static bool
fits(const struct ir_refusals *t, const struct ir_refusal_rule *r,
    const struct ir_delivery *d, char list[80])
{
	PCRE2_SIZE *at, n;
	int rc = 1;

	list[0] = '\0';
	if (!fits_code(r->codes, d))
		return false;
	if (r->code)
		rc = pcre2_match(r->code, (PCRE2_SPTR)d->text,
		    strlen(d->text), 0, 0, t->data, t->ctx);
	if (rc < 0)
		return false;
	if (strcmp(r->list, "$1") == 0) {
		at = pcre2_get_ovector_pointer(t->data);
		if (r->code && rc > 1 && at[2] != PCRE2_UNSET) {
			n = at[3] - at[2] < 79 ? at[3] - at[2] : 79;
			memcpy(list, d->text + at[2], n);
			list[n] = '\0';
			while (n && strchr(".,;:)", list[n - 1]))
				list[--n] = '\0';
			ir_text_printable(list);
		}
	} else {
		n = strlen(r->list) < 79 ? strlen(r->list) : 79;
		memcpy(list, r->list, n);
		list[n] = '\0';
	}
	return true;
}

/* Rules [from, to) of that provider. */
static const struct ir_refusal_rule *
search(const struct ir_refusals *t, size_t from, size_t to,
    const char *provider, const struct ir_delivery *d, char list[80])
{
	size_t i;

	for (i = from; i < to; i++)
		if (strcmp(t->rule[i].provider, provider) == 0 &&
		    fits(t, &t->rule[i], d, list))
			return &t->rule[i];
	return NULL;
}

const struct ir_refusal_rule *
ir_refusals_match(const struct ir_refusals *t,
    const struct ir_refusal_provider *provider, const struct ir_delivery *d,
    char list[80])
{
	const char *names[2] = { provider ? provider->name : NULL, "*" };
	const struct ir_refusal_rule *r;
	int i;

	for (i = 0; i < 2; i++) {
		if (!names[i])
			continue;
		r = search(t, t->first, t->nrules, names[i], d, list);
		if (!r)
			r = search(t, 0, t->first, names[i], d, list);
		if (r)
			return r;
	}
	list[0] = '\0';
	return NULL;
}

/* --- shapes ------------------------------------------------------------- */

static bool
is_word(char c)
{
	return !strchr(" \t<>()[]{}\"',;=|", c);
}

/* What stands for a word that another message will not have. */
static const char *
stand_in(const char *p, size_t n)
{
	size_t i, digit = 0, dots = 0, colons = 0, hex = 0, upper = 0;

	for (i = 0; i < n; i++) {
		digit += p[i] >= '0' && p[i] <= '9';
		dots += p[i] == '.';
		colons += p[i] == ':';
		upper += p[i] >= 'A' && p[i] <= 'Z';
		hex += (p[i] >= '0' && p[i] <= '9') ||
		    ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f');
		if (p[i] == '@')
			return "ADDRESS";
		if (p[i] == '?' && n > 8 && memcmp(p, "http", 4) == 0)
			return "URL";
	}
	if (digit && dots == 3 && digit + dots == n)
		return "IP";
	if (colons >= 2 && hex + colons == n)
		return "IP";
	if (digit == n && n >= 3)
		return "N";
	if (memchr(p, '/', n))
		return NULL;
	if (digit >= 2 && n >= 8)
		return dots ? "NAME" : "ID";
	return upper >= 3 && digit && n >= 8 ? "ID" : NULL;
}

void
ir_refusal_shape(const char *text, struct ir_buf *out)
{
	const char *s;
	size_t n, last, start = out->len;

	while (*text && out->len - start < SHAPE_MAX) {
		for (n = 0; text[n] && is_word(text[n]); n++)
			continue;
		if (n == 0) {
			ir_buf_chr(out, *text++);
			continue;
		}
		/* a dot or a colon at the end is not the word's */
		for (last = n; last > 1 && strchr(".:", text[last - 1]);
		    last--)
			continue;
		s = stand_in(text, last);
		if (s)
			ir_buf_str(out, s);
		else
			ir_buf_add(out, text, last);
		ir_buf_add(out, text + last, n - last);
		text += n;
	}
}
