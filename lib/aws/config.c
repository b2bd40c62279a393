/* config.c - see config.h */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../core/buf.h"
#include "../core/secret.h"
#include "../core/text.h"
#include "config.h"

struct prop {
	enum ir_aws_section section;
	bool credentials;	/* from that file: wins */
	bool prefixed;		/* [profile default] wins over [default] */
	char *name, *key;	/* key NULL: the section itself */
	bool hidden;		/* value is on the secure heap */
	char *value;		/* owned; wiped */
};

struct ir_aws_config {
	struct prop *props;
	size_t n, cap;
};

/* Where the parser is. */
struct place {
	struct ir_aws_config *c;
	enum ir_aws_file file;
	const char *file_name;
	size_t line;
	bool in_section;	/* a section line has been seen */
	bool ignored;		/* the section is none of ours */
	enum ir_aws_section section;
	bool prefixed;
	char name[256];
	char parent[256];	/* of sub-properties; "" when there is none */
	bool have_prop;		/* an indented line may follow */
	struct prop *last;
	struct ir_err *err;
};

struct ir_aws_config *
ir_aws_config_new(void)
{
	return calloc(1, sizeof(struct ir_aws_config));
}

/*
 * The value of a property: a secret's goes to the secure heap.  That may be
 * full, for a file can hold many; then it is kept as the others are.
 */
static int
set_value(struct prop *q, const char *value, size_t n)
{
	struct ir_secret s = IR_SECRET_INIT;

	q->hidden = (ir_ascii_ieq(q->key, "aws_secret_access_key") ||
	    ir_ascii_ieq(q->key, "aws_session_token")) &&
	    ir_secret_set(&s, value, n, NULL) == 0;
	q->value = q->hidden ? s.data : strndup(value, n);
	return q->value ? 0 : -1;
}

static void
wipe_value(struct prop *q)
{
	struct ir_secret s = { q->value, q->value ? strlen(q->value) : 0 };

	if (q->hidden) {
		ir_secret_free(&s);
	} else {
		OPENSSL_cleanse(s.data, s.len);
		free(s.data);
	}
	q->value = NULL;
}

void
ir_aws_config_free(struct ir_aws_config *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n; i++) {
		free(c->props[i].name);
		free(c->props[i].key);
		wipe_value(&c->props[i]);
	}
	free(c->props);
	free(c);
}

static int
bad(struct place *p, const char *why)
{
	return ir_fail(p->err, IR_CONFIG, "%s:%zu: %s", p->file_name, p->line,
	    why);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
trim(const char **s, size_t *n)
{
	while (*n && blank(**s))
		++*s, --*n;
	while (*n && blank((*s)[*n - 1]))
		--*n;
}

static bool
is_name(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') ||
		    (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= '0' && s[i] <= '9') ||
		    (s[i] && strchr("_-/.%@:+", s[i]))))
			return false;
	return n > 0 && n < 128;
}

static struct prop *
add(struct place *p, const char *key, const char *value, size_t n)
{
	struct ir_aws_config *c = p->c;
	struct prop *q;
	size_t cap;

	if (c->n == IR_AWS_CONFIG_PROPS) {
		bad(p, "too many properties");
		return NULL;
	}
	if (c->n == c->cap) {
		cap = c->cap ? c->cap * 2 : 32;
		q = realloc(c->props, cap * sizeof *q);
		if (!q)
			goto nomem;
		c->props = q;
		c->cap = cap;
	}
	q = &c->props[c->n];
	*q = (struct prop){ p->section,
	    p->file == IR_AWS_FILE_CREDENTIALS, p->prefixed,
	    strdup(p->name), key ? strdup(key) : NULL, false, NULL };
	c->n++;
	if (q->name && (!key || (q->key && set_value(q, value, n) == 0)))
		return q;
nomem:
	ir_fail(p->err, IR_OSERR, "no memory");
	return NULL;
}

/* The word before the name of a section, with its blanks taken off. */
static bool
take_word(const char **s, size_t *n, const char *word)
{
	size_t k = strlen(word);

	if (*n <= k || strncmp(*s, word, k) != 0 || !blank((*s)[k]))
		return false;
	*s += k;
	*n -= k;
	trim(s, n);
	return true;
}

static int
section_line(struct place *p, const char *s, size_t n)
{
	const char *close = memchr(s, ']', n), *rest, *name = s + 1;
	size_t len;

	if (!close)
		return bad(p, "section without ]");
	rest = close + 1;
	len = n - (size_t)(rest - s);
	trim(&rest, &len);
	if (len && *rest != '#' && *rest != ';')
		return bad(p, "something after ]");
	len = (size_t)(close - name);
	trim(&name, &len);
	p->in_section = true;
	p->have_prop = p->prefixed = p->ignored = false;
	p->parent[0] = '\0';
	p->last = NULL;
	p->section = IR_AWS_PROFILE;
	if (p->file == IR_AWS_FILE_CONFIG) {
		if (take_word(&name, &len, "profile"))
			p->prefixed = true;
		else if (take_word(&name, &len, "sso-session"))
			p->section = IR_AWS_SSO_SESSION;
		else if (take_word(&name, &len, "services"))
			p->section = IR_AWS_SERVICES;
		else if (len != 7 || memcmp(name, "default", 7) != 0)
			p->ignored = true;
	}
	/* botocore's way of writing a name with blanks */
	if (len > 2 && *name == '"' && name[len - 1] == '"') {
		name++;
		len -= 2;
	}
	if (!is_name(name, len))
		p->ignored = true;
	if (p->ignored)
		return 0;
	memcpy(p->name, name, len);
	p->name[len] = '\0';
	return add(p, NULL, NULL, 0) ? 0 : -1;
}

/* Split at the first '='; the parts are trimmed.  -1: there is none. */
static int
split(const char *s, size_t n, const char **key, size_t *klen,
    const char **value, size_t *vlen)
{
	const char *eq = memchr(s, '=', n);

	if (!eq)
		return -1;
	*key = s;
	*klen = (size_t)(eq - s);
	*value = eq + 1;
	*vlen = n - *klen - 1;
	trim(key, klen);
	trim(value, vlen);
	return 0;
}

static size_t
without_comment(const char *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((v[i] == '#' || v[i] == ';') && (i == 0 || blank(v[i - 1])))
			break;
	while (i && blank(v[i - 1]))
		i--;
	return i;
}

static int
prop_line(struct place *p, const char *s, size_t n)
{
	const char *key, *value;
	size_t klen, vlen;
	char k[128];

	if (!p->in_section)
		return bad(p, "property before the first section");
	p->have_prop = true;
	p->last = NULL;
	p->parent[0] = '\0';
	if (p->ignored)
		return 0;
	if (split(s, n, &key, &klen, &value, &vlen))
		return bad(p, "neither a section nor name = value");
	if (klen == 0)
		return bad(p, "property without a name");
	if (!is_name(key, klen))
		return 0;
	memcpy(k, key, klen);
	k[klen] = '\0';
	vlen = without_comment(value, vlen);
	if (vlen == 0)
		memcpy(p->parent, k, klen + 1);
	p->last = add(p, k, value, vlen);
	return p->last ? 0 : -1;
}

/* The line belongs to the property above. */
static int
indented_line(struct place *p, const char *s, size_t n)
{
	const char *key, *value;
	size_t klen, vlen;
	struct ir_buf b = IR_BUF_SECRET(IR_AWS_CONFIG_MAX);
	char k[512];

	if (!p->in_section || (!p->have_prop && !p->ignored))
		return bad(p, "indented line without a property above");
	if (!p->last)
		return 0;
	if (!*p->parent) {
		ir_buf_fmt(&b, "%s\n%.*s", p->last->value, (int)n, s);
		if (b.bad) {
			ir_buf_free(&b);
			return bad(p, "value too long");
		}
		wipe_value(p->last);
		set_value(p->last, ir_buf_cstr(&b), b.len);
		ir_buf_free(&b);
		return p->last->value ? 0 :
		    ir_fail(p->err, IR_OSERR, "no memory");
	}
	if (*s == '#' || *s == ';')
		return 0;
	if (split(s, n, &key, &klen, &value, &vlen) || klen == 0)
		return bad(p, "indented line is not name = value");
	if (!is_name(key, klen))
		return 0;
	ir_buf_fmt(&b, "%s.%.*s", p->parent, (int)klen, key);
	memcpy(k, ir_buf_cstr(&b), b.len + 1);
	ir_buf_free(&b);
	/* add() may move the property above; parent is what is needed of it */
	p->last = add(p, k, value, without_comment(value, vlen));
	return p->last ? 0 : -1;
}

int
ir_aws_config_parse(struct ir_aws_config *c, enum ir_aws_file file,
    const char *name, const char *bytes, size_t n, struct ir_err *err)
{
	struct place p = { .c = c, .file = file, .file_name = name,
	    .err = err };
	const char *s, *end = bytes + n;
	size_t len;
	int rc = 0;

	if (n > IR_AWS_CONFIG_MAX)
		return ir_fail(err, IR_CONFIG, "%s: too large", name);
	if (n && memchr(bytes, '\0', n))
		return ir_fail(err, IR_CONFIG, "%s: not a text file", name);
	if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		bytes += 3;
	for (; rc == 0 && bytes < end; bytes += len + (bytes + len < end)) {
		s = memchr(bytes, '\n', (size_t)(end - bytes));
		len = (size_t)((s ? s : end) - bytes);
		n = len;
		s = bytes;
		p.line++;
		if (n && s[n - 1] == '\r')
			n--;
		trim(&s, &n);
		if (n == 0)
			continue;
		if (blank(*bytes))
			rc = indented_line(&p, s, n);
		else if (*s == '#' || *s == ';')
			continue;
		else if (*s == '[')
			rc = section_line(&p, s, n);
		else
			rc = prop_line(&p, s, n);
	}
	return rc;
}

static bool
is_in(const struct prop *q, enum ir_aws_section section, const char *name)
{
	return q->section == section && strcmp(q->name, name) == 0;
}

/* Later wins; before that the prefixed; before that the credentials file. */
static int
rank(const struct prop *q)
{
	return q->credentials * 2 + q->prefixed;
}

/* in_config, in_credentials: which of the files count */
static const char *
best(const struct ir_aws_config *c, bool in_config, bool in_credentials,
    enum ir_aws_section section, const char *name, const char *key)
{
	const struct prop *found = NULL, *q;
	size_t i;

	for (i = 0; i < c->n; i++) {
		q = &c->props[i];
		if (q->key && (q->credentials ? in_credentials : in_config) &&
		    is_in(q, section, name) && ir_ascii_ieq(q->key, key) &&
		    (!found || rank(q) >= rank(found)))
			found = q;
	}
	return found ? found->value : NULL;
}

const char *
ir_aws_config_get(const struct ir_aws_config *c, enum ir_aws_section section,
    const char *name, const char *key)
{
	return best(c, true, true, section, name, key);
}

const char *
ir_aws_config_get_from(const struct ir_aws_config *c, enum ir_aws_file file,
    enum ir_aws_section section, const char *name, const char *key)
{
	return best(c, file == IR_AWS_FILE_CONFIG,
	    file == IR_AWS_FILE_CREDENTIALS, section, name, key);
}

bool
ir_aws_config_has(const struct ir_aws_config *c, enum ir_aws_section section,
    const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (is_in(&c->props[i], section, name))
			return true;
	return false;
}
