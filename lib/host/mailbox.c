/* mailbox.c - see mailbox.h */
#include <crypt.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/record.h"
#include "../core/text.h"
#include "mailbox.h"

#define LETTERS "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
#define SALT "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* --- doveconf ------------------------------------------------------------ */

struct line {
	const char *p;
	size_t n;
};

static struct line
trim(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t'))
		p++, n--;
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
		n--;
	return (struct line){ p, n };
}

static bool
is(struct line l, const char *word)
{
	return l.n == strlen(word) && memcmp(l.p, word, l.n) == 0;
}

static void
keep(char *out, size_t size, struct line l)
{
	snprintf(out, size, "%.*s", l.n < size ? (int)l.n : 0, l.p);
}

/* args = [scheme=X] [username_format=Y] PATH */
static void
take_args(struct ir_passdb *db, struct line v)
{
	static const char format[] = "username_format=";
	size_t n;

	while (v.n) {
		for (n = 0; n < v.n && v.p[n] != ' '; n++)
			;
		if (n > sizeof format - 1 &&
		    memcmp(v.p, format, sizeof format - 1) == 0)
			keep(db->format, sizeof db->format, (struct line){
			    v.p + sizeof format - 1, n - sizeof format + 1 });
		else if (*v.p == '/')
			keep(db->file, sizeof db->file,
			    (struct line){ v.p, n });
		v = trim(v.p + n, v.n - n);
	}
}

static void
take_setting(struct ir_passdb *db, struct line k, struct line v)
{
	/* 2.4 may say the block's name before each of its settings */
	if (k.n > 7 && memcmp(k.p, "passdb_", 7) == 0)
		k = (struct line){ k.p + 7, k.n - 7 };
	if (is(k, "driver"))
		keep(db->driver, sizeof db->driver, v);
	else if (is(k, "args"))
		take_args(db, v);
	else if (is(k, "passwd_file_path"))
		keep(db->file, sizeof db->file, v);
	else if (is(k, "username_format"))
		keep(db->format, sizeof db->format, v);
	else if (is(k, "deny"))
		db->deny = is(v, "yes");
	else if (is(k, "master"))
		db->master = is(v, "yes");
}

/* "passdb {", or "passdb NAME {" where the name is the driver's */
static struct ir_passdb *
open_passdb(struct ir_doveconf *c, struct line l)
{
	struct ir_passdb *db;
	struct line name;

	if (l.n < 7 || memcmp(l.p, "passdb", 6) != 0 || (l.p[6] != ' ' &&
	    l.p[6] != '{'))
		return NULL;
	if (c->n == IR_PASSDBS) {
		c->more = true;
		return NULL;
	}
	db = &c->db[c->n++];
	memset(db, 0, sizeof *db);
	name = trim(l.p + 6, l.n - 7);
	keep(db->driver, sizeof db->driver, name);
	return db;
}

int
ir_doveconf_parse(const char *s, size_t n, struct ir_doveconf *c,
    struct ir_err *err)
{
	struct ir_passdb *db = NULL;
	const char *end = s + n, *nl, *eq;
	struct line l, v;
	int depth = 0;

	memset(c, 0, sizeof *c);
	snprintf(c->format, sizeof c->format, "%%Lu");
	for (; s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			nl = end;
		l = trim(s, (size_t)(nl - s));
		if (l.n == 0 || *l.p == '#')
			continue;
		eq = memchr(l.p, '=', l.n);
		if (l.p[l.n - 1] == '{' && !eq) {
			if (depth++ == 0)
				db = open_passdb(c, l);
		} else if (is(l, "}")) {
			if (depth-- == 0)
				return ir_fail(err, IR_DATAERR,
				    "not a configuration of Dovecot");
			if (depth == 0)
				db = NULL;
		} else if (eq) {
			v = trim(eq + 1, (size_t)(l.p + l.n - eq - 1));
			l = trim(l.p, (size_t)(eq - l.p));
			if (depth == 1 && db)
				take_setting(db, l, v);
			else if (depth == 0 && is(l, "auth_username_format"))
				keep(c->format, sizeof c->format, v);
		}
	}
	return depth == 0 ? 0 : ir_fail(err, IR_DATAERR,
	    "not a configuration of Dovecot");
}

/* --- names --------------------------------------------------------------- */

bool
ir_mailbox_name_ok(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._%+=@-");
	const char *at = strchr(name, '@');

	return n > 0 && name[n] == '\0' && n <= IR_MAILBOX_NAME &&
	    *name != '-' && *name != '.' && *name != '@' &&
	    !strstr(name, "..") && (!at || (!strchr(at + 1, '@') &&
	    at[1] != '.' && at[1] != '\0'));
}

static char
fold(char c, char how)
{
	if (how == 'L' && c >= 'A' && c <= 'Z')
		return (char)(c + 32);
	return how == 'U' && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

struct part {			/* of the name, and in what letters */
	char what, how;		/* u n d; 0 L U */
};

/* %Lu */
static const char *
short_variable(const char *f, struct part *p)
{
	for (; *f == 'L' || *f == 'U'; f++)
		p->how = *f;
	p->what = *f;
	return *f && strchr("und", *f) ? f + 1 : NULL;
}

/* %{user | lower} */
static const char *
long_variable(const char *f, struct part *p)
{
	const char *end = strchr(f, '}');
	struct line w;
	size_t n;

	if (!end)
		return NULL;
	while (f < end) {
		n = strcspn(f, "|}");
		w = trim(f, n);
		if (is(w, "user"))
			p->what = 'u';
		else if (is(w, "username"))
			p->what = 'n';
		else if (is(w, "domain"))
			p->what = 'd';
		else if (is(w, "lower") || is(w, "upper"))
			p->how = is(w, "lower") ? 'L' : 'U';
		else
			return NULL;
		f += n + (f + n < end);
	}
	return p->what ? end + 1 : NULL;
}

int
ir_mailbox_expand(const char *f, const char *user, char *out, size_t size)
{
	const char *at = strchr(user, '@'), *from, *to;
	struct part p;
	size_t n = 0;

	while (*f) {
		p = (struct part){ 0, 0 };
		from = f;
		to = ++f;
		if (*from == '%' && *f != '%') {
			f = *f == '{' ? long_variable(f + 1, &p) :
			    short_variable(f, &p);
			if (!f)
				return -1;
			from = p.what != 'd' ? user : at ? at + 1 : "";
			to = p.what == 'n' && at ? at : from + strlen(from);
		} else if (*from == '%') {
			f++;
		}
		for (; from < to; from++) {
			if (n + 1 >= size)
				return -1;
			out[n++] = fold(*from, p.how);
		}
	}
	out[n] = '\0';
	return 0;
}

/* --- lines --------------------------------------------------------------- */

bool
ir_passwd_find(const char *s, size_t n, const char *key,
    struct ir_passwd_line *l)
{
	size_t at, end, k = strlen(key);
	const char *p;

	for (at = 0; at < n; at = end + 1) {
		p = memchr(s + at, '\n', n - at);
		end = p ? (size_t)(p - s) : n;
		if (end - at < k || memcmp(s + at, key, k) != 0 ||
		    (end - at > k && s[at + k] != ':'))
			continue;
		l->line = at;
		l->end = end;
		l->has_field = end - at > k;
		l->field = at + k + l->has_field;
		p = memchr(s + l->field, ':', end - l->field);
		l->len = (p ? (size_t)(p - s) : end) - l->field;
		return true;
	}
	return false;
}

void
ir_passwd_put(const char *s, size_t n, const struct ir_passwd_line *l,
    const char *field, struct ir_buf *out)
{
	ir_buf_add(out, s, l->field);
	if (!l->has_field)
		ir_buf_chr(out, ':');
	ir_buf_str(out, field);
	ir_buf_add(out, s + l->field + l->len, n - l->field - l->len);
}

void
ir_passwd_add(const char *s, size_t n, const char *key, struct ir_buf *out)
{
	ir_buf_add(out, s, n);
	if (n && s[n - 1] != '\n')
		ir_buf_chr(out, '\n');
	ir_buf_fmt(out, "%s\n", key);
}

void
ir_passwd_without(const char *s, size_t n, const char *key,
    struct ir_buf *out)
{
	struct ir_passwd_line l;

	while (ir_passwd_find(s, n, key, &l)) {
		ir_buf_add(out, s, l.line);
		l.end += l.end < n;
		s += l.end;
		n -= l.end;
	}
	ir_buf_add(out, s, n);
}

bool
ir_mailbox_hash_ok(const char *hash)
{
	static const char head[] = "{SHA512-CRYPT}$6$";
	size_t n;

	if (strncmp(hash, head, sizeof head - 1) != 0)
		return false;
	hash += sizeof head - 1;
	n = strspn(hash, SALT);
	if (n < 8 || n > 16 || hash[n] != '$')
		return false;
	hash += n + 1;
	return strspn(hash, SALT) == 86 && hash[86] == '\0';
}

/* --- cPanel -------------------------------------------------------------- */

int
ir_cpanel_owner(const char *s, size_t n, const char *domain, char *owner,
    size_t size)
{
	struct ir_passwd_line l;
	struct line v;

	if (!ir_passwd_find(s, n, domain, &l) || !l.has_field)
		return -1;
	v = trim(s + l.field, l.len);
	if (v.n == 0 || v.n >= size || *v.p == '-' || *v.p == '*')
		return -1;
	keep(owner, size, v);
	return 0;
}

/* 1, 0, "1", "0"; what else: not said */
static int
flag(const struct ir_rec *r, const char *path)
{
	const char *text = ir_rec_get(r, path);
	int64_t v = text ? (strcmp(text, "1") == 0 ? 1 :
	    strcmp(text, "0") == 0 ? 0 : -1) : ir_rec_get_int(r, path, -1);

	return v == 0 || v == 1 ? (int)v : -1;
}

int
ir_uapi_answer(const char *s, size_t n, int restricted[2],
    struct ir_err *err)
{
	struct ir_rec *r = ir_rec_parse(s, n, err);
	const char *why;
	int rc = 0;

	if (!r) {
		ir_fail(err, IR_PROTOCOL, "uapi: its answer is no JSON");
		return -1;
	}
	why = ir_rec_get(r, "result.errors.0");
	if (flag(r, "result.status") != 1)
		rc = ir_fail(err, IR_UNAVAILABLE, "uapi: %s", why ? why :
		    "it does not say that it was done");
	else if (restricted && ir_rec_len(ir_rec_at(r, "result.data")) != 1)
		rc = ir_fail(err, IR_DATAERR, "cPanel has no such mailbox");
	if (rc == 0 && restricted) {
		restricted[0] = flag(r, "result.data.0.suspended_login");
		restricted[1] = flag(r, "result.data.0.suspended_outgoing");
	}
	ir_rec_free(r);
	return rc;
}

/* --- passwords ----------------------------------------------------------- */

/* n of the letters, each as likely as another */
static int
random_text(char *out, size_t n, const char *letters, struct ir_err *err)
{
	unsigned many = (unsigned)strlen(letters);
	unsigned char b;

	while (n) {
		if (RAND_priv_bytes(&b, 1) != 1)
			return ir_fail(err, IR_OSERR, "no random bytes");
		if (b >= 256 / many * many)
			continue;
		*out++ = letters[b % many];
		n--;
	}
	ir_secret_wipe(&b, 1);
	return 0;
}

int
ir_mailbox_password(struct ir_secret *out, struct ir_err *err)
{
	char text[24];
	int rc = random_text(text, sizeof text, LETTERS, err);

	if (rc == 0)
		rc = ir_secret_set(out, text, sizeof text, err);
	ir_secret_wipe(text, sizeof text);
	return rc;
}

int
ir_mailbox_hash(const struct ir_secret *password,
    char hash[IR_MAILBOX_HASH], struct ir_err *err)
{
	struct crypt_data *work = calloc(1, sizeof *work);
	char setting[24] = "$6$";
	const char *done = NULL;

	if (work && random_text(setting + 3, 16, SALT, err) == 0) {
		setting[19] = '\0';
		/* not crypt_r: the sanitizers' own stands before it */
		done = crypt_rn(password->data, setting, work,
		    (int)sizeof *work);
	}
	snprintf(hash, IR_MAILBOX_HASH, "{SHA512-CRYPT}%s", done ? done : "");
	if (work)
		ir_secret_wipe(work, sizeof *work);
	free(work);
	return ir_mailbox_hash_ok(hash) ? 0 : ir_fail(err, IR_OSERR,
	    "crypt: no SHA-512 here");
}
