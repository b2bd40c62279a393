/* creds_conf.c - see creds_conf.h */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "creds_conf.h"

#define CONDS 32
#define INCLUDES 1000		/* .include lines that are followed */
#define WORK (32u << 20)	/* bytes looked through for macros */

/* --- text that knows where it stands ------------------------------------ */

static uint64_t
origin(size_t file, size_t off, size_t len)
{
	return (uint64_t)file << 48 | (uint64_t)(len & 0xff) << 40 |
	    (uint64_t)off;
}

static size_t
o_file(uint64_t o)
{
	return (size_t)(o >> 48);
}

static size_t
o_from(uint64_t o)
{
	return (size_t)(o & 0xffffffffffU);
}

static size_t
o_to(uint64_t o)
{
	return o_from(o) + (size_t)(o >> 40 & 0xff);
}

static void
text_init(struct ir_conf_text *t)
{
	t->c = (struct ir_buf)IR_BUF_SECRET(IR_CONF_LINE);
	t->o = (struct ir_buf)IR_BUF(IR_CONF_LINE * sizeof(uint64_t));
}

static void
text_free(struct ir_conf_text *t)
{
	ir_buf_free(&t->c);
	ir_buf_free(&t->o);
}

static void
text_chr(struct ir_conf_text *t, char c, uint64_t o)
{
	ir_buf_chr(&t->c, c);
	ir_buf_add(&t->o, &o, sizeof o);
}

static void
text_trunc(struct ir_conf_text *t, size_t n)
{
	ir_buf_trunc(&t->c, n);
	ir_buf_trunc(&t->o, n * sizeof(uint64_t));
}

static const char *
text_str(const struct ir_conf_text *t)
{
	return ir_buf_cstr(&t->c);
}

static uint64_t
text_at(const struct ir_conf_text *t, size_t i)
{
	uint64_t o;

	memcpy(&o, t->o.data + i * sizeof o, sizeof o);
	return o;
}

static void
text_add(struct ir_conf_text *t, const struct ir_conf_text *from, size_t at,
    size_t n)
{
	if (n == 0)
		return;
	ir_buf_add(&t->c, from->c.data + at, n);
	ir_buf_add(&t->o, from->o.data + at * sizeof(uint64_t),
	    n * sizeof(uint64_t));
}

static bool
text_bad(const struct ir_conf_text *t)
{
	return t->c.bad || t->o.bad;
}

/* --- the reader --------------------------------------------------------- */

enum cond { TAKEN, LEFT, DONE, EITHER };

struct reader {
	struct ir_conf *c;
	struct ir_conf_text line;	/* logical line so far */
	bool more;			/* it goes on */
	bool dead;			/* it began in a branch not taken */
	enum cond cond[CONDS];
	size_t nconds, work, includes;
	char section[IR_CONF_NAME];
	struct ir_conf_auth *auth;	/* the one being read */
	struct ir_conf_auth *ghost;	/* of it, what is dead */
	struct ir_err *err;
};

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_name(char c)
{
	return is_upper(c) || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Length of the name when the text is "NAME =", with where its value is. */
static size_t
macro_name(const char *s, size_t n, size_t *value)
{
	size_t i = 0, k;

	if (n == 0 || !(is_upper(*s) || (*s == '_' && n > 1 &&
	    is_upper(s[1]))))
		return 0;
	while (i < n && is_name(s[i]))
		i++;
	for (k = i; k < n && is_blank(s[k]); k++)
		;
	if (k == n || s[k] != '=')
		return 0;
	k++;
	if (k < n && s[k] == '=')
		k++;
	while (k < n && is_blank(s[k]))
		k++;
	*value = k;
	return i;
}

/* Replace the names of macros from `at` on, as often as Exim does. */
static void
expand(struct reader *r, struct ir_conf_text *t, size_t at)
{
	struct ir_conf *c = r->c;
	const struct ir_conf_macro *m;
	struct ir_conf_text to;
	const char *hit;
	size_t i, from, k;

	r->work += c->nmacro;
	for (i = 0; i < c->nmacro && !text_bad(t); i++) {
		m = &c->macro[i];
		k = strlen(m->name);
		from = at;
		while (!m->dead && from < t->c.len && !text_bad(t)) {
			r->work += t->c.len - from;
			if (r->work > WORK) {
				c->cut = true;
				return;
			}
			hit = memmem(t->c.data + from, t->c.len - from,
			    m->name, k);
			if (!hit)
				break;
			from = (size_t)(hit - t->c.data);
			text_init(&to);
			text_add(&to, t, 0, from);
			text_add(&to, &m->value, 0, m->value.c.len);
			text_add(&to, t, from + k, t->c.len - from - k);
			text_free(t);
			*t = to;
			from += m->value.c.len;
		}
	}
}

static void
define(struct reader *r, const struct ir_conf_text *t, size_t name_len,
    size_t value)
{
	struct ir_conf *c = r->c;
	struct ir_conf_macro *m;
	bool again = value >= 2 && memmem(t->c.data, value, "==", 2);
	size_t i;

	if (name_len >= IR_CONF_NAME || c->nmacro == IR_CONF_MACROS) {
		c->cut = true;
		return;
	}
	m = &c->macro[c->nmacro];
	memset(m, 0, sizeof *m);
	memcpy(m->name, t->c.data, name_len);
	m->dead = r->dead;
	for (i = 0; i < c->nmacro; i++) {
		if (c->macro[i].dead || strcmp(c->macro[i].name, m->name) != 0)
			continue;
		if (again && !r->dead)
			c->macro[i].dead = true;
		else
			m->dead = true;
	}
	text_init(&m->value);
	text_add(&m->value, t, value, t->c.len - value);
	c->nmacro++;
}

static struct ir_conf_auth *
new_auth(struct reader *r, const char *name, size_t n, size_t file,
    size_t off)
{
	struct ir_conf *c = r->c;
	struct ir_conf_auth *a;

	if (c->nauth == IR_CONF_AUTHS || n >= IR_CONF_NAME) {
		c->cut = true;
		return NULL;
	}
	a = &c->auth[c->nauth++];
	memset(a, 0, sizeof *a);
	memcpy(a->name, name, n);
	a->file = file;
	a->off = off;
	a->twin = -1;
	a->dead = r->dead;
	return a;
}

/* What stands in a branch that is not taken goes to a twin. */
static struct ir_conf_auth *
target(struct reader *r)
{
	if (!r->dead || !r->auth || r->auth->dead)
		return r->auth;
	if (!r->ghost) {
		r->ghost = new_auth(r, r->auth->name, strlen(r->auth->name),
		    r->auth->file, r->auth->off);
		if (r->ghost)
			r->ghost->twin = r->auth - r->c->auth;
	}
	return r->ghost;
}

/* The value of an option, out of its double quotes. */
static void
take_value(struct ir_conf_option *o, const struct ir_conf_text *t, size_t at)
{
	const char *s = text_str(t);
	size_t n = t->c.len, k;
	uint64_t from;
	char c;

	if (o->set)
		text_free(&o->value);
	text_init(&o->value);
	o->set = true;
	o->quoted = at < n && s[at] == '"';
	if (!o->quoted) {
		text_add(&o->value, t, at, n - at);
		return;
	}
	for (at++; at < n && s[at] != '"'; at++) {
		from = text_at(t, at);
		if (s[at] != '\\') {
			text_chr(&o->value, s[at], from);
			continue;
		}
		k = ir_spell_escape(s + at + 1, n - at - 1, &c);
		if (k == 0)
			break;
		at += k;
		text_chr(&o->value, c, origin(o_file(from), o_from(from),
		    o_to(text_at(t, at)) - o_from(from)));
	}
}

static void
set_word(char to[IR_CONF_NAME], const char *s, size_t n)
{
	while (n && (*s == '"' || is_blank(*s))) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == '"' || is_blank(s[n - 1])))
		n--;
	if (n >= IR_CONF_NAME)
		n = IR_CONF_NAME - 1;
	memcpy(to, s, n);
	to[n] = '\0';
}

static bool
is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

static void
option_line(struct reader *r, const struct ir_conf_text *t)
{
	struct ir_conf_auth *a = target(r);
	const char *s = text_str(t);
	size_t n = t->c.len, at = 0, k, v;

	if (!a)
		return;
	if (n > 5 && memcmp(s, "hide", 4) == 0 && is_blank(s[4]))
		for (at = 4; at < n && is_blank(s[at]); at++)
			;
	for (k = at; k < n && is_name(s[k]); k++)
		;
	for (v = k; v < n && is_blank(s[v]); v++)
		;
	if (v < n && s[v] == '=')
		v++;
	while (v < n && is_blank(s[v]))
		v++;
	s += at;
	k -= at;
	if (is_word(s, k, "driver"))
		set_word(a->driver, text_str(t) + v, n - v);
	else if (is_word(s, k, "public_name"))
		set_word(a->mechanism, text_str(t) + v, n - v);
	else if (is_word(s, k, "client_send"))
		take_value(&a->send, t, v);
	else if (is_word(s, k, "client_name") ||
	    is_word(s, k, "client_username"))
		take_value(&a->user, t, v);
	else if (is_word(s, k, "client_secret") ||
	    is_word(s, k, "client_password"))
		take_value(&a->pass, t, v);
}

static void
logical_line(struct reader *r)
{
	struct ir_conf_text *t = &r->line;
	const char *s;
	size_t n, k, v;

	while (t->c.len && is_blank(t->c.data[t->c.len - 1]))
		text_trunc(t, t->c.len - 1);
	n = t->c.len;
	if (n == 0 || text_bad(t)) {
		r->c->cut |= text_bad(t);
		return;
	}
	s = t->c.data;
	k = macro_name(s, n, &v);
	if (k) {
		define(r, t, k, v);
		return;
	}
	if (n > 6 && memcmp(s, "begin ", 6) == 0) {
		set_word(r->section, s + 6, n - 6);
		r->auth = r->ghost = NULL;
		return;
	}
	if (strcmp(r->section, "authenticators") != 0)
		return;
	for (k = 0; k < n && is_name(s[k]); k++)
		;
	for (v = k; v < n && is_blank(s[v]); v++)
		;
	if (k && v < n && s[v] == ':') {
		r->ghost = NULL;
		r->auth = new_auth(r, s, k, o_file(text_at(t, 0)),
		    o_from(text_at(t, 0)));
	} else {
		option_line(r, t);
	}
}

static void
flush(struct reader *r)
{
	logical_line(r);
	text_free(&r->line);
	text_init(&r->line);
	r->more = false;
}

/* --- directives --------------------------------------------------------- */

static bool
dead_now(const struct reader *r)
{
	size_t i;

	for (i = 0; i < r->nconds; i++)
		if (r->cond[i] == LEFT || r->cond[i] == DONE)
			return true;
	return false;
}

/* As .ifdef asks: is there a macro's name in it?  -1: Exim's own may be. */
static int
has_macro(const struct ir_conf *c, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < c->nmacro; i++)
		if (!c->macro[i].dead && memmem(s, n, c->macro[i].name,
		    strlen(c->macro[i].name)))
			return 1;
	while (n && is_blank(*s)) {
		s++;
		n--;
	}
	return n && *s == '_' ? -1 : 0;
}

static enum cond
branch(const struct ir_conf *c, const char *s, size_t n, bool wanted)
{
	int has = has_macro(c, s, n);

	return has < 0 ? EITHER : (has > 0) == wanted ? TAKEN : LEFT;
}

/* 1 when the line was a condition. */
static int
condition(struct reader *r, const char *word, size_t k, const char *rest,
    size_t n)
{
	enum cond *top = r->nconds ? &r->cond[r->nconds - 1] : NULL;
	bool no = is_word(word, k, "elifndef");

	if (is_word(word, k, "ifdef") || is_word(word, k, "ifndef")) {
		if (r->nconds == CONDS) {
			r->c->cut = true;
			return 1;
		}
		r->cond[r->nconds++] = branch(r->c, rest, n,
		    is_word(word, k, "ifdef"));
	} else if (is_word(word, k, "elifdef") ||
	    is_word(word, k, "elifndef")) {
		if (top && *top == TAKEN)
			*top = DONE;
		else if (top && *top == LEFT)
			*top = branch(r->c, rest, n, !no);
	} else if (is_word(word, k, "else")) {
		if (top && *top != EITHER)
			*top = *top == LEFT ? TAKEN : DONE;
	} else if (is_word(word, k, "endif")) {
		if (r->nconds)
			r->nconds--;
	} else {
		return 0;
	}
	return 1;
}

static int read_file(struct reader *r, const char *path, int depth,
    bool cpanel);

static int
directive(struct reader *r, const struct ir_conf_text *t, int depth)
{
	const char *s = text_str(t) + 1;
	size_t n = t->c.len - 1, k;
	uint64_t o = text_at(t, 0);
	size_t before = r->c->nfile;
	char path[PATH_MAX];
	const char *nl;
	int rc;

	for (k = 0; k < n && is_name(s[k]); k++)
		;
	if (condition(r, s, k, s + k, n - k))
		return 0;
	if ((!is_word(s, k, "include") &&
	    !is_word(s, k, "include_if_exists")) || dead_now(r))
		return 0;
	n -= k;
	s += k;
	while (n && (is_blank(*s) || *s == '"')) {
		s++;
		n--;
	}
	while (n && (is_blank(s[n - 1]) || s[n - 1] == '"'))
		n--;
	if (n == 0 || n >= sizeof path)
		return 0;
	memcpy(path, s, n);
	path[n] = '\0';
	rc = read_file(r, path, depth + 1, false);
	if (r->c->nfile > before) {
		struct ir_conf_file *f = &r->c->file[before];

		f->included = true;
		f->by = o_file(o);
		f->by_off = o_from(o);
		nl = memchr(r->c->file[f->by].bytes.data + f->by_off, '\n',
		    r->c->file[f->by].bytes.len - f->by_off);
		f->by_len = nl ? (size_t)(nl - r->c->file[f->by].bytes.data) -
		    f->by_off : r->c->file[f->by].bytes.len - f->by_off;
	}
	return rc;
}

/* --- physical lines ----------------------------------------------------- */

/* "@AUTH@": a section of cPanel's exim.conf.local. */
static bool
cpanel_section(struct reader *r, const char *s, size_t n)
{
	if (n < 3 || *s != '@' || s[n - 1] != '@')
		return false;
	flush(r);
	r->auth = r->ghost = NULL;
	set_word(r->section, s + 1, n - 2);
	if (strcmp(r->section, "AUTH") == 0)
		set_word(r->section, "authenticators", 14);
	else if (strcmp(r->section, "CONFIG") == 0)
		r->section[0] = '\0';
	return true;
}

static int
physical_line(struct reader *r, size_t file, size_t off, size_t n, int depth)
{
	const char *s = r->c->file[file].bytes.data + off;
	struct ir_conf_text t;
	size_t i, v = 0;
	int rc = 0;

	while (n && is_blank(s[n - 1]))
		n--;
	for (i = 0; i < n && is_blank(s[i]); i++)
		;
	if (i < n && s[i] == '#')
		return 0;
	if (r->c->file[file].cpanel && cpanel_section(r, s + i, n - i))
		return 0;
	if (i == n) {
		if (r->more)
			flush(r);
		return 0;
	}
	text_init(&t);
	for (; i < n; i++)
		text_chr(&t, s[i], origin(file, off + i, 1));
	if (!r->more)
		r->dead = dead_now(r);
	if (t.c.data[0] == '.' && t.c.len > 1 && t.c.data[1] >= 'a' &&
	    t.c.data[1] <= 'z') {
		if (strncmp(t.c.data, ".inc", 4) == 0)
			expand(r, &t, 0);
		rc = directive(r, &t, depth);
	} else if (r->more && !r->dead && dead_now(r)) {
		;	/* a line goes on past what is not taken */
	} else {
		/* the name of a macro that is defined is not replaced */
		if (r->more || !macro_name(t.c.data, t.c.len, &v))
			v = 0;
		expand(r, &t, v);
		r->more = t.c.len && t.c.data[t.c.len - 1] == '\\';
		text_add(&r->line, &t, 0, t.c.len - r->more);
		r->line.c.bad |= text_bad(&t);
		if (!r->more)
			flush(r);
	}
	text_free(&t);
	return rc;
}

int
ir_conf_file(struct ir_conf *c, const char *path, bool cpanel, size_t *file,
    struct ir_err *err)
{
	struct ir_conf_file *f;
	size_t i;
	int rc;

	for (i = 0; i < c->nfile; i++)
		if (strcmp(c->file[i].path, path) == 0) {
			*file = i;
			return 0;
		}
	if (c->nfile == IR_CONF_FILES)
		return ir_fail(err, IR_DATAERR, "%s: more than %d files",
		    path, IR_CONF_FILES);
	f = &c->file[c->nfile];
	f->bytes = (struct ir_buf)IR_BUF_SECRET(IR_CONF_FILE_MAX);
	f->cpanel = cpanel;
	rc = c->load(c->arg, path, &f->bytes, err);
	if (rc == 0 && !(f->path = strdup(path)))
		rc = ir_fail(err, IR_OSERR, "no memory");
	if (rc) {
		ir_buf_free(&f->bytes);
		return rc;
	}
	*file = c->nfile++;
	return 0;
}

static int
read_file(struct reader *r, const char *path, int depth, bool cpanel)
{
	size_t file, off = 0, n;
	const char *nl;
	int rc;

	if (depth > IR_CONF_DEPTH || r->includes++ > INCLUDES) {
		r->c->cut = true;
		return 0;
	}
	rc = ir_conf_file(r->c, path, cpanel, &file, r->err);
	if (rc)
		return rc < 0 ? -1 : 0;
	while (off < r->c->file[file].bytes.len) {
		n = r->c->file[file].bytes.len - off;
		nl = memchr(r->c->file[file].bytes.data + off, '\n', n);
		if (nl)
			n = (size_t)(nl - r->c->file[file].bytes.data) - off;
		if (r->work > WORK)
			return 0;
		r->work += n + 64;
		if (physical_line(r, file, off, n, depth))
			return -1;
		off += n + 1;
	}
	return 0;
}

int
ir_conf_read(struct ir_conf *c, const char *const *paths, size_t n,
    bool cpanel, struct ir_err *err)
{
	struct reader r = { .c = c, .err = err };
	struct ir_conf_auth *a;
	size_t i;
	int rc = 0;

	text_init(&r.line);
	for (i = 0; rc == 0 && i < n; i++)
		rc = read_file(&r, paths[i], 0, cpanel);
	flush(&r);
	text_free(&r.line);
	for (i = 0; i < c->nauth; i++) {
		a = &c->auth[i];
		if (a->twin < 0)
			continue;
		memcpy(a->driver, c->auth[a->twin].driver, IR_CONF_NAME);
		memcpy(a->mechanism, c->auth[a->twin].mechanism,
		    IR_CONF_NAME);
	}
	return rc;
}

struct ir_conf *
ir_conf_new(struct ir_err *err)
{
	struct ir_conf *c = calloc(1, sizeof *c);

	if (!c)
		ir_fail(err, IR_OSERR, "no memory");
	return c;
}

void
ir_conf_free(struct ir_conf *c)
{
	struct ir_conf_option *o[3];
	size_t i, k;

	if (!c)
		return;
	for (i = 0; i < c->nfile; i++) {
		free(c->file[i].path);
		ir_buf_free(&c->file[i].bytes);
	}
	for (i = 0; i < c->nmacro; i++)
		text_free(&c->macro[i].value);
	for (i = 0; i < c->nauth; i++) {
		o[0] = &c->auth[i].send;
		o[1] = &c->auth[i].user;
		o[2] = &c->auth[i].pass;
		for (k = 0; k < 3; k++)
			if (o[k]->set)
				text_free(&o[k]->value);
	}
	free(c);
}

long
ir_conf_macro_in(const char *text, size_t n, void *conf)
{
	const struct ir_conf *c = conf;
	const char *hit;
	long at = -1;
	size_t i;

	/* dead ones as well: another host's macros may be in force */
	for (i = 0; i < c->nmacro; i++) {
		hit = memmem(text, n, c->macro[i].name,
		    strlen(c->macro[i].name));
		if (hit && (at < 0 || hit - text < at))
			at = hit - text;
	}
	return at;
}

unsigned
ir_conf_line(const struct ir_buf *bytes, size_t off)
{
	unsigned line = 1;
	size_t i;

	for (i = 0; i < off && i < bytes->len; i++)
		line += bytes->data[i] == '\n';
	return line;
}

/* --- lists -------------------------------------------------------------- */

/* Where the list's first item is; its separator. */
static size_t
list_start(const char *s, size_t n, char *sep)
{
	size_t i = 0;

	*sep = ':';
	while (i < n && is_blank(s[i]))
		i++;
	if (i + 1 < n && s[i] == '<' && ispunct((unsigned char)s[i + 1])) {
		*sep = s[i + 1];
		i += 2;
		while (i < n && is_blank(s[i]) && s[i] != *sep)
			i++;
	}
	return i;
}

/* One item from *at on into item; false when there is none. */
static bool
list_next(const struct ir_conf_text *t, const char *s, size_t n, char sep,
    size_t *at, struct ir_conf_text *item)
{
	size_t i = *at;
	uint64_t o = 0;

	if (i > n || (i == n && (i == 0 || s[i - 1] != sep)))
		return false;
	while (i < n && is_blank(s[i]) && s[i] != sep)
		i++;
	for (; i < n; i++) {
		if (t)
			o = text_at(t, i);
		if (s[i] != sep) {
			text_chr(item, s[i], o);
		} else if (i + 1 < n && s[i + 1] == sep) {
			if (t)
				o = origin(o_file(o), o_from(o),
				    o_to(text_at(t, i + 1)) - o_from(o));
			text_chr(item, s[i++], o);
		} else {
			break;
		}
	}
	while (item->c.len && is_blank(item->c.data[item->c.len - 1]))
		text_trunc(item, item->c.len - 1);
	*at = i + 1;
	return true;
}

bool
ir_conf_item(const char *list, size_t n, size_t nth, struct ir_buf *item)
{
	struct ir_conf_text t;
	size_t at, i;
	bool there;
	char sep;

	at = list_start(list, n, &sep);
	text_init(&t);
	for (i = 0; (there = list_next(NULL, list, n, sep, &at, &t)) &&
	    i < nth; i++)
		text_trunc(&t, 0);
	if (there)
		ir_buf_add(item, text_str(&t), t.c.len);
	text_free(&t);
	return there;
}

/* --- what an item says -------------------------------------------------- */

/* Behind what a backslash at s[i] protects: i itself when there is none. */
static size_t
protected(const char *s, size_t n, size_t i)
{
	const char *end;

	if (s[i] != '\\' || i + 1 >= n)
		return i;
	if (s[i + 1] != 'N')
		return i + 2;
	end = memmem(s + i + 2, n - i - 2, "\\N", 2);
	return end ? (size_t)(end - s) + 2 : n;
}

/* The two circumflexes that separate, and where the password ends. */
static bool
split_plain(const char *s, size_t n, size_t at[2], size_t *end)
{
	size_t i, next, found = 0;
	int depth = 0, where = 0;

	*end = n;
	for (i = 0; i < n; i++) {
		next = protected(s, n, i);
		if (next > i) {
			i = next - 1;
		} else if (s[i] == '{') {
			depth++;
		} else if (s[i] == '}') {
			depth--;
			if (found == 2 && depth < where) {
				*end = i;
				return true;
			}
		} else if (s[i] == '^' && i + 1 < n && s[i + 1] == '^') {
			i++;
		} else if (s[i] == '^') {
			if (found == 1 && depth != where)
				found = 0;
			if (found < 2) {
				where = depth;
				at[found++] = i;
			}
		}
	}
	return found == 2;
}

/* What is in the braces at s[*i]; *i goes behind them. */
static bool
braces(const char *s, size_t n, size_t *i, size_t *from, size_t *to)
{
	size_t k = *i, next;
	int depth = 0;

	while (k < n && is_blank(s[k]))
		k++;
	if (k == n || s[k] != '{')
		return false;
	*from = k + 1;
	for (; k < n; k++) {
		next = protected(s, n, k);
		if (next > k) {
			k = next - 1;
		} else if (s[k] == '{') {
			depth++;
		} else if (s[k] == '}' && --depth == 0) {
			*to = k;
			*i = k + 1;
			return true;
		}
	}
	return false;
}

static bool
copy_trim(char *to, size_t size, const char *s, size_t from, size_t end)
{
	while (from < end && is_blank(s[from]))
		from++;
	while (end > from && is_blank(s[end - 1]))
		end--;
	if (end - from >= size)
		return false;
	memcpy(to, s + from, end - from);
	to[end - from] = '\0';
	return true;
}

/* One "${lookup{KEY}TYPE{PATH}" at s; false when it is of another form. */
static bool
one_lookup(const char *s, size_t n, struct ir_conf_part *p)
{
	size_t i = strlen("${lookup"), from, to, k;

	if (!braces(s, n, &i, &from, &to) ||
	    !copy_trim(p->key, sizeof p->key, s, from, to))
		return false;
	while (i < n && is_blank(s[i]))
		i++;
	for (k = i; k < n && s[k] != '{'; k++)
		;
	if (!copy_trim(p->type, sizeof p->type, s, i, k))
		return false;
	i = k;
	return braces(s, n, &i, &from, &to) &&
	    copy_trim(p->path, sizeof p->path, s, from, to) &&
	    p->path[0] == '/' && !strpbrk(p->path, "$\\");
}

/* All lookups of an expression must be of one file and key. */
static void
expression(const char *s, size_t n, struct ir_conf_part *p)
{
	struct ir_conf_part other = *p;
	const char *hit = s, *end = s + n;
	size_t i, from, to;
	bool any = false;

	p->kind = IR_PART_OTHER;
	p->carets = memmem(s, n, "{^^}", 4) != NULL;
	if (memmem(s, n, "extract{1}{:", 12))
		p->field = 1;
	else if (memmem(s, n, "extract{2}{:", 12) ||
	    memmem(s, n, "{$2}", 4) || memmem(s, n, "{\\$2}", 5))
		p->field = 2;
	for (; (hit = memmem(hit, (size_t)(end - hit), "${lookup", 8)); hit++) {
		if (!one_lookup(hit, (size_t)(end - hit), &other))
			return;
		if (any && (strcmp(p->path, other.path) != 0 ||
		    strcmp(p->key, other.key) != 0))
			return;
		memcpy(p->path, other.path, sizeof p->path);
		memcpy(p->key, other.key, sizeof p->key);
		memcpy(p->type, other.type, sizeof p->type);
		any = true;
	}
	if (any) {
		p->kind = IR_PART_LOOKUP;
		return;
	}
	hit = memmem(s, n, "${readfile", 10);
	if (!hit)
		return;
	i = 10;
	if (braces(hit, (size_t)(end - hit), &i, &from, &to) &&
	    copy_trim(p->path, sizeof p->path, hit, from, to) &&
	    p->path[0] == '/' && !strpbrk(p->path, "$\\"))
		p->kind = IR_PART_FILE;
}

/* May all that stands between two bytes in a file go with them? */
static bool
only_continues(const char *s, size_t from, size_t to)
{
	bool comment = false;

	for (; from < to; from++) {
		if (s[from] == '\n')
			comment = false;
		else if (s[from] == '#' && from && !comment)
			comment = true;
		else if (!comment && !is_blank(s[from]) && s[from] != '\\')
			return false;
	}
	return true;
}

static bool
in_macro(const struct ir_conf *c, size_t file, size_t off)
{
	const struct ir_conf_text *v;
	size_t i, k;

	for (i = 0; i < c->nmacro; i++) {
		v = &c->macro[i].value;
		for (k = 0; k < v->c.len && !text_bad(v); k++)
			if (o_file(text_at(v, k)) == file &&
			    o_from(text_at(v, k)) == off)
				return true;
	}
	return false;
}

static void
locate(const struct ir_conf *c, const struct ir_conf_text *t, size_t from,
    size_t to, struct ir_conf_part *p)
{
	uint64_t o = text_at(t, from), next;
	size_t i;

	p->file = o_file(o);
	p->from = o_from(o);
	p->to = o_to(o);
	for (i = from + 1; i < to; i++) {
		next = text_at(t, i);
		if (o_file(next) != p->file || o_from(next) < p->to ||
		    !only_continues(c->file[p->file].bytes.data, p->to,
		    o_from(next))) {
			p->apart = true;
			return;
		}
		p->to = o_to(next);
	}
	p->in_macro = in_macro(c, p->file, p->from);
}

static void
classify(const struct ir_conf *c, const struct ir_conf_text *t, size_t from,
    size_t to, struct ir_conf_part *p)
{
	const char *s = text_str(t);

	while (from < to && is_blank(s[from]))
		from++;
	while (to > from && is_blank(s[to - 1]))
		to--;
	if (from == to || text_bad(t))
		return;
	if (ir_unspell(&p->value, &p->how, s + from, to - from)) {
		expression(s + from, to - from, p);
		return;
	}
	p->kind = IR_PART_LITERAL;
	locate(c, t, from, to, p);
}

static void
part_init(struct ir_conf_part *p, unsigned how, char sep)
{
	memset(p, 0, sizeof *p);
	p->how.how = how;
	p->how.separator = sep;
	p->value = (struct ir_buf)IR_BUF_SECRET(IR_CONF_LINE);
}

void
ir_conf_part_free(struct ir_conf_part *p)
{
	ir_buf_free(&p->value);
}

/* client_send of PLAIN: ^USER^PASSWORD in one item. */
static bool
plain_parts(const struct ir_conf *c, const struct ir_conf_text *item,
    struct ir_conf_part *user, struct ir_conf_part *pass)
{
	size_t at[2], end;

	if (!split_plain(text_str(item), item->c.len, at, &end))
		return false;
	user->how.how |= IR_SPELL_PLAIN;
	pass->how.how |= IR_SPELL_PLAIN;
	classify(c, item, at[0] + 1, at[1], user);
	classify(c, item, at[1] + 1, end, pass);
	return true;
}

static void
send_parts(const struct ir_conf *c, const struct ir_conf_auth *a,
    struct ir_conf_part *user, struct ir_conf_part *pass)
{
	const struct ir_conf_text *t = &a->send.value;
	struct ir_conf_text item, last;
	unsigned how = IR_SPELL_EXPAND | IR_SPELL_LIST | IR_SPELL_CARET |
	    (a->send.quoted ? IR_SPELL_QUOTED : 0);
	bool done = false, login = ir_ascii_ieq(a->mechanism, "LOGIN");
	size_t at, count = 0;
	char sep;

	at = list_start(text_str(t), t->c.len, &sep);
	part_init(user, how, sep);
	part_init(pass, how, sep);
	text_init(&item);
	text_init(&last);
	while (!done && list_next(t, text_str(t), t->c.len, sep, &at, &item)) {
		if (!login)
			done = plain_parts(c, &item, user, pass);
		count++;
		text_free(&last);
		last = item;
		text_init(&item);
		if (done || at > t->c.len)
			break;
	}
	if (!done && count >= 2) {
		classify(c, &last, 0, last.c.len, pass);
		/* the one before it */
		at = list_start(text_str(t), t->c.len, &sep);
		text_trunc(&item, 0);
		while (--count && list_next(t, text_str(t), t->c.len, sep,
		    &at, &item)) {
			text_free(&last);
			last = item;
			text_init(&item);
		}
		classify(c, &last, 0, last.c.len, user);
	}
	text_free(&item);
	text_free(&last);
}

static void
option_part(const struct ir_conf *c, const struct ir_conf_option *o,
    struct ir_conf_part *p)
{
	part_init(p, IR_SPELL_EXPAND | (o->quoted ? IR_SPELL_QUOTED : 0), 0);
	if (o->set)
		classify(c, &o->value, 0, o->value.c.len, p);
}

bool
ir_conf_parts(const struct ir_conf *c, const struct ir_conf_auth *a,
    struct ir_conf_part *user, struct ir_conf_part *pass)
{
	if (a->send.set) {
		send_parts(c, a, user, pass);
	} else if (a->pass.set) {
		option_part(c, &a->user, user);
		option_part(c, &a->pass, pass);
	} else {
		return false;
	}
	if (pass->kind != IR_PART_NONE)
		return true;
	ir_conf_part_free(user);
	ir_conf_part_free(pass);
	return false;
}
