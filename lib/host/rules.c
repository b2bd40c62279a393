/* rules.c - see rules.h */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

#define MATCH_LIMIT 2000000
#define HEAP_LIMIT 20000	/* KiB */
#define COLUMNS 6
#define COUNT_MAX 1000
/* what stands behind a name like "password", in a URL, behind -p and -u */
#define SECRETS "((?:pass(?:w(?:or)?d)?|pwd|secret|token|api_?key)\\w{0,20}" \
	"['\"\\])]{0,4}\\s*(?:=>|[=:,\\s])\\s*['\"]?)[^\\s'\"]{3,}" \
	"|(://[^/\\s:@]{1,60}:)[^@\\s]+(?=@)|(\\s-p)[^\\s]{3,}" \
	"|(\\s(?:-u|--user)[ =]?[^\\s:]{1,60}:)\\S+"

struct rule {
	char *text;		/* owns the columns */
	const char *id, *why;
	enum ir_rule_level level;
	unsigned kinds;		/* bits */
	pcre2_code *pattern, *also;
};

struct ir_rules {
	struct rule v[IR_RULES_MAX];
	size_t n;
	pcre2_match_data *data;
	pcre2_match_context *ctx;
	pcre2_code *secrets;
};

static const char *const kinds[] = { IR_RULE_KINDS };
static const char *const levels[] = { "note", "look", "strong" };

const char *
ir_rule_level(enum ir_rule_level l)
{
	return levels[l];
}

static void
free_rule(struct rule *r)
{
	pcre2_code_free(r->pattern);
	pcre2_code_free(r->also);
	free(r->text);
	memset(r, 0, sizeof *r);
}

struct ir_rules *
ir_rules_new(void)
{
	struct ir_rules *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->data = pcre2_match_data_create(2, NULL);
	t->ctx = pcre2_match_context_create(NULL);
	t->secrets = pcre2_compile((PCRE2_SPTR)SECRETS, PCRE2_ZERO_TERMINATED,
	    PCRE2_CASELESS | PCRE2_NEVER_UTF, &(int){ 0 }, &(PCRE2_SIZE){ 0 },
	    NULL);
	if (!t->data || !t->ctx || !t->secrets) {
		ir_rules_free(t);
		return NULL;
	}
	pcre2_set_match_limit(t->ctx, MATCH_LIMIT);
	pcre2_set_heap_limit(t->ctx, HEAP_LIMIT);
	return t;
}

void
ir_rules_free(struct ir_rules *t)
{
	if (!t)
		return;
	while (t->n)
		free_rule(&t->v[--t->n]);
	pcre2_match_data_free(t->data);
	pcre2_match_context_free(t->ctx);
	pcre2_code_free(t->secrets);
	free(t);
}

size_t
ir_rules_count(const struct ir_rules *t)
{
	return t->n;
}

static int
compile(const char *pattern, pcre2_code **out, struct ir_err *err)
{
	PCRE2_UCHAR why[120];
	PCRE2_SIZE at;
	int e;

	*out = NULL;
	if (strcmp(pattern, "-") == 0)
		return 0;
	*out = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_CASELESS | PCRE2_MULTILINE | PCRE2_NEVER_UTF, &e, &at, NULL);
	if (!*out) {
		pcre2_get_error_message(e, why, sizeof why);
		return ir_fail(err, IR_CONFIG, "not a pattern: %s",
		    (char *)why);
	}
	/* without it the same, slower */
	(void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
	return 0;
}

static int
find_word(const char *const *list, size_t many, const char *word, size_t n)
{
	size_t i;

	for (i = 0; i < many; i++)
		if (strlen(list[i]) == n && memcmp(list[i], word, n) == 0)
			return (int)i;
	return -1;
}

static int
take_kinds(struct rule *r, const char *s, struct ir_err *err)
{
	size_t n;
	int k;

	for (; *s; s += n + (s[n] == ',')) {
		n = strcspn(s, ",");
		k = find_word(kinds, IR_RULE_KINDS_N, s, n);
		if (k < 0)
			return ir_fail(err, IR_CONFIG, "no such kind: %.*s",
			    (int)n, s);
		r->kinds |= 1u << k;
	}
	return r->kinds ? 0 : ir_fail(err, IR_CONFIG, "no kind");
}

static int
split(char *line, char *c[COLUMNS])
{
	size_t n = 0;
	char *tab;

	for (;;) {
		if (n == COLUMNS)
			return -1;
		c[n++] = line;
		tab = strchr(line, '\t');
		if (!tab)
			return n == COLUMNS ? 0 : -1;
		*tab = '\0';
		line = tab + 1;
	}
}

/* Its place, or that of the one with its name. */
static struct rule *
place(struct ir_rules *t, const char *id)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->v[i].id, id) == 0)
			return &t->v[i];
	return t->n < IR_RULES_MAX ? &t->v[t->n] : NULL;
}

static int
take_rule(struct ir_rules *t, char *line, struct ir_err *err)
{
	struct rule r = { .text = line }, *to;
	char *c[COLUMNS];
	int level = -1;
	bool off;

	if (split(line, c)) {
		free(line);
		return ir_fail(err, IR_CONFIG, "not %d columns", COLUMNS);
	}
	r.id = c[0];
	r.why = c[5];
	off = strcmp(c[1], "off") == 0;
	level = off ? 0 : find_word(levels, 3, c[1], strlen(c[1]));
	to = place(t, r.id);
	if (level < 0)
		ir_fail(err, IR_CONFIG, "no such level: %s", c[1]);
	else if (!*r.id || !*c[3] || (!off && strcmp(c[3], "-") == 0) || !to)
		ir_fail(err, IR_CONFIG, to ? "no name or no pattern" :
		    "more than %d rules", IR_RULES_MAX);
	else if (off ? 0 : take_kinds(&r, c[2], err) ||
	    compile(c[3], &r.pattern, err) || compile(c[4], &r.also, err))
		level = -1;
	else
		goto good;
	free_rule(&r);
	return -1;
good:
	r.level = (enum ir_rule_level)level;
	if (to == &t->v[t->n])
		t->n++;
	else
		free_rule(to);
	*to = r;
	return 0;
}

int
ir_rules_add(struct ir_rules *t, const char *text, size_t n, const char *name,
    struct ir_err *err)
{
	const char *end = text + n, *nl;
	size_t line = 0;
	char *copy;

	if (n > IR_RULES_BYTES || memchr(text, '\0', n))
		return ir_fail(err, IR_CONFIG, "%s: not a table of rules",
		    name);
	for (; text < end; text = nl + 1) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if (!nl)
			nl = end;
		line++;
		if (nl == text || *text == '#')
			continue;
		copy = strndup(text, (size_t)(nl - text));
		if (!copy)
			return ir_fail(err, IR_OSERR, "no memory");
		if (take_rule(t, copy, err)) {
			ir_fail_prefix(err, "%s:%zu", name, line);
			return -1;
		}
	}
	return 0;
}

/* --- scanning ------------------------------------------------------------ */

struct scan {
	const struct ir_rules *t;
	const char *bytes;
	size_t n;
	bool *gave_up;
};

/* 1 and where, or 0 */
static int
find(const struct scan *s, const pcre2_code *code, size_t from, size_t *at,
    size_t *end)
{
	PCRE2_SIZE *v;
	int rc = pcre2_match(code, (PCRE2_SPTR)s->bytes, s->n, from, 0,
	    s->t->data, s->t->ctx);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		*s->gave_up = true;
	if (rc < 0)
		return 0;
	v = pcre2_get_ovector_pointer(s->t->data);
	*at = v[0];
	*end = v[1] > v[0] ? v[1] : v[0] + 1;
	return 1;
}

/* At most IR_RULE_TEXT bytes, without what may be a secret. */
static void
mask(const struct ir_rules *t, const char *from, size_t n,
    char out[IR_RULE_TEXT + 1])
{
	PCRE2_UCHAR wide[8 * IR_RULE_TEXT];
	PCRE2_SIZE len = sizeof wide;
	int rc = pcre2_substitute(t->secrets, (PCRE2_SPTR)from, n, 0,
	    PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY, NULL,
	    t->ctx, (PCRE2_SPTR)"$1$2$3$4***", PCRE2_ZERO_TERMINATED, wide,
	    &len);

	/* rather nothing than a password */
	if (rc < 0)
		len = 0;
	else if (len > IR_RULE_TEXT)
		len = IR_RULE_TEXT;
	memcpy(out, wide, len);
	out[len] = '\0';
}

static void
shown(const struct scan *s, struct ir_rule_hit *h)
{
	size_t from = h->at, n;
	const char *nl;

	/* what stands before it on its line, a little of it */
	while (from > 0 && h->at - from < 40 && s->bytes[from - 1] != '\n')
		from--;
	nl = memchr(s->bytes + h->at, '\n', s->n - h->at);
	n = (size_t)((nl ? nl : s->bytes + s->n) - (s->bytes + from));
	if (n > IR_RULE_TEXT)
		n = IR_RULE_TEXT;
	mask(s->t, s->bytes + from, n, h->text);
}

static size_t
scan_rule(const struct scan *s, const struct rule *r, bool each_line,
    void (*fn)(const struct ir_rule_hit *, void *), void *arg)
{
	struct ir_rule_hit h = { .id = r->id, .why = r->why,
		.level = r->level, .line = 1 };
	size_t at, end, from = 0, counted = 0;
	const char *p;

	if (r->also && !find(s, r->also, 0, &at, &end))
		return 0;
	while (from < s->n && h.count < COUNT_MAX &&
	    find(s, r->pattern, from, &at, &end)) {
		if (h.count++ == 0 || each_line) {
			for (p = s->bytes + counted; p < s->bytes + at; p++)
				h.line += *p == '\n';
			counted = at;
			h.at = at;
			shown(s, &h);
		}
		if (each_line) {
			fn(&h, arg);
			p = memchr(s->bytes + at, '\n', s->n - at);
			end = p ? (size_t)(p - s->bytes) + 1 : s->n;
		}
		from = end;
	}
	if (h.count && !each_line)
		fn(&h, arg);
	return h.count;
}

size_t
ir_rules_scan(const struct ir_rules *t, enum ir_rule_kind kind,
    bool each_line, const char *bytes, size_t n,
    void (*fn)(const struct ir_rule_hit *hit, void *arg), void *arg,
    bool *gave_up)
{
	struct scan s = { t, bytes, n, gave_up };
	size_t i, hits = 0;

	for (i = 0; i < t->n; i++)
		if (t->v[i].pattern && (t->v[i].kinds & 1u << kind))
			hits += scan_rule(&s, &t->v[i], each_line, fn, arg);
	return hits;
}
