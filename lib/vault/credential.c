/* credential.c - see credential.h */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../aws/smtp_password.h"
#include "../core/text.h"
#include "credential.h"

#define KEY_CHARS "abcdefghijklmnopqrstuvwxyz0123456789._-"

/* --- the fields --------------------------------------------------------- */

static bool
key_ok(const char *key, size_t n)
{
	size_t i;

	if (n == 0 || n > IR_CREDENTIAL_KEY)
		return false;
	for (i = 0; i < n; i++)
		if (!key[i] || !strchr(KEY_CHARS, key[i]))
			return false;
	return true;
}

static struct ir_credential_field *
find(const struct ir_credential *c, const char *key)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->field[i].key, key) == 0)
			return (struct ir_credential_field *)
			    (uintptr_t)&c->field[i];
	return NULL;
}

const struct ir_secret *
ir_credential_get(const struct ir_credential *c, const char *key)
{
	const struct ir_credential_field *f = find(c, key);

	return f ? &f->value : NULL;
}

int
ir_credential_set(struct ir_credential *c, const char *key,
    const char *value, size_t n, struct ir_err *err)
{
	struct ir_credential_field *f;
	size_t len = strlen(key);

	if (!key_ok(key, len))
		return ir_fail(err, IR_DATAERR,
		    "credential: not a field's name");
	if (n && (memchr(value, '\n', n) || memchr(value, '\0', n)))
		return ir_fail(err, IR_DATAERR,
		    "credential: %s: a newline or NUL in it", key);
	f = find(c, key);
	if (f)
		return ir_secret_set(&f->value, value, n, err);
	if (c->n == IR_CREDENTIAL_FIELDS)
		return ir_fail(err, IR_DATAERR,
		    "credential: more than %d fields", IR_CREDENTIAL_FIELDS);
	f = &c->field[c->n];
	f->value = (struct ir_secret)IR_SECRET_INIT;
	if (ir_secret_set(&f->value, value, n, err))
		return -1;
	memcpy(f->key, key, len + 1);
	c->n++;
	return 0;
}

void
ir_credential_unset(struct ir_credential *c, const char *key)
{
	struct ir_credential_field *f = find(c, key);
	size_t i;

	if (!f)
		return;
	ir_secret_free(&f->value);
	i = (size_t)(f - c->field);
	memmove(f, f + 1, (c->n - i - 1) * sizeof *f);
	c->n--;
}

void
ir_credential_free(struct ir_credential *c)
{
	while (c->n)
		ir_secret_free(&c->field[--c->n].value);
}

/* --- the block ---------------------------------------------------------- */

static int
parse_line(struct ir_credential *c, const char *line, size_t n, size_t no,
    struct ir_err *err)
{
	const char *eq = memchr(line, '=', n);
	char key[IR_CREDENTIAL_KEY + 1];
	size_t k = eq ? (size_t)(eq - line) : 0;

	if (!eq)
		return ir_fail(err, IR_DATAERR,
		    "credential: line %zu: not of the form key=value", no);
	if (!key_ok(line, k))
		return ir_fail(err, IR_DATAERR,
		    "credential: line %zu: not a field's name before the =",
		    no);
	memcpy(key, line, k);
	key[k] = '\0';
	if (find(c, key))
		return ir_fail(err, IR_DATAERR,
		    "credential: line %zu: %s a second time", no, key);
	if (ir_credential_set(c, key, eq + 1, n - k - 1, err)) {
		ir_fail_prefix(err, "line %zu", no);
		return -1;
	}
	return 0;
}

int
ir_credential_parse(struct ir_credential *c, const char *bytes, size_t n,
    size_t *used, struct ir_err *err)
{
	const char *nl;
	size_t at = 0, len, no = 1;
	int rc = 0;

	ir_credential_free(c);
	if (n > IR_CREDENTIAL_MAX)
		return ir_fail(err, IR_DATAERR,
		    "credential: larger than %d bytes", IR_CREDENTIAL_MAX);
	for (; rc == 0 && at < n; no++) {
		nl = memchr(bytes + at, '\n', n - at);
		len = nl ? (size_t)(nl - bytes) - at : n - at;
		if (len)
			rc = parse_line(c, bytes + at, len, no, err);
		at += len + (nl != NULL);
		if (!len)
			break;
	}
	if (used)
		*used = at;
	if (rc == 0 && c->n == 0)
		rc = ir_fail(err, IR_DATAERR, "credential: empty");
	if (rc)
		ir_credential_free(c);
	return rc;
}

int
ir_credential_read_fd(struct ir_credential *c, int fd, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	int rc = ir_buf_read_fd(&b, fd, "credential", err);

	if (rc == 0)
		rc = ir_credential_parse(c, ir_buf_cstr(&b), b.len, NULL,
		    err);
	ir_buf_free(&b);
	ir_secret_burn();
	return rc;
}

int
ir_credential_read_file(struct ir_credential *c, const char *path,
    struct ir_err *err)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return ir_credential_read_fd(c, STDIN_FILENO, err);
	fd = ir_secret_open(path, err);
	if (fd < 0)
		return -1;
	rc = ir_credential_read_fd(c, fd, err);
	if (rc)
		ir_fail_prefix(err, "%s", path);
	close(fd);
	return rc;
}

/* --- passwords ---------------------------------------------------------- */

static bool
same(const struct ir_secret *s, const char *text)
{
	return s && s->len == strlen(text) &&
	    memcmp(s->data, text, s->len) == 0;
}

static bool
filled(const struct ir_secret *s)
{
	return s && s->len;
}

/* A long-term key's: SES takes no SMTP password of a session's. */
static bool
derivable(const struct ir_credential *c)
{
	const struct ir_secret *user = ir_credential_get(c, "username");

	return filled(ir_credential_get(c, "secret_access_key")) &&
	    !filled(ir_credential_get(c, "session_token")) &&
	    user && user->len > 4 && strncmp(user->data, "AKIA", 4) == 0;
}

int
ir_credential_password(const struct ir_credential *c, const char *region,
    struct ir_secret *out, struct ir_err *err)
{
	const struct ir_secret *own = ir_credential_get(c, "region");
	const struct ir_secret *s = NULL;
	char key[IR_CREDENTIAL_KEY + 1];

	if (!region && filled(own))
		region = own->data;
	if (region && (size_t)snprintf(key, sizeof key, "password.%s",
	    region) < sizeof key)
		s = ir_credential_get(c, key);
	if (!filled(s) && (!region || !filled(own) || same(own, region)))
		s = ir_credential_get(c, "password");
	if (filled(s))
		return ir_secret_set(out, s->data, s->len, err);
	if (region && derivable(c))
		return ir_ses_smtp_password(ir_credential_get(c,
		    "secret_access_key"), region, out, err);
	return ir_fail(err, IR_DATAERR, "credential: no password%s%s",
	    region ? " for " : "", region ? region : "");
}

/* --- the forms ---------------------------------------------------------- */

static void
add_secret(struct ir_buf *b, const struct ir_secret *s)
{
	ir_buf_add(b, s->data, s->len);
}

static int
print_block(const struct ir_credential *c, struct ir_buf *b)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		ir_buf_str(b, c->field[i].key);
		ir_buf_chr(b, '=');
		add_secret(b, &c->field[i].value);
		ir_buf_chr(b, '\n');
	}
	return 0;
}

/*
 * So that a shell and systemd's EnvironmentFile= read the same.  They agree
 * on single quotes around anything but a single quote, and on the four
 * characters that a backslash protects between double quotes.
 */
static int
add_env(struct ir_buf *b, const char *name, const struct ir_secret *s,
    struct ir_err *err)
{
	size_t i;

	for (i = 0; i < s->len; i++)
		if ((unsigned char)s->data[i] < ' ' && s->data[i] != '\t')
			return ir_fail(err, IR_DATAERR, "credential: %s: a "
			    "control character in it", name);
	ir_buf_str(b, name);
	if (!memchr(s->data, '\'', s->len)) {
		ir_buf_str(b, "='");
		add_secret(b, s);
		ir_buf_str(b, "'\n");
		return 0;
	}
	ir_buf_str(b, "=\"");
	for (i = 0; i < s->len; i++) {
		if (strchr("\"\\$`", s->data[i]))
			ir_buf_chr(b, '\\');
		ir_buf_chr(b, s->data[i]);
	}
	ir_buf_str(b, "\"\n");
	return 0;
}

/* The variable's name: prefix and key in capitals; AWS's own for AWS's. */
static void
env_name(const char *key, const char *prefix, char *name, size_t size)
{
	static const char *const aws[][2] = {
		{ "secret_access_key", "AWS_SECRET_ACCESS_KEY" },
		{ "session_token", "AWS_SESSION_TOKEN" },
	};
	size_t i;
	char *p;

	for (i = 0; i < sizeof aws / sizeof *aws; i++)
		if (strcmp(key, aws[i][0]) == 0) {
			snprintf(name, size, "%s", aws[i][1]);
			return;
		}
	snprintf(name, size, "%s%s", prefix, key);
	for (p = name + strlen(prefix); *p; p++)
		*p = *p == '.' || *p == '-' ? '_' :
		    (char)toupper((unsigned char)*p);
}

static bool
env_used(const struct ir_credential *c, size_t n, const char *prefix,
    const char *name)
{
	char other[2 * IR_CREDENTIAL_KEY + 1];
	size_t i;

	for (i = 0; i < n; i++) {
		env_name(c->field[i].key, prefix, other, sizeof other);
		if (strcmp(other, name) == 0)
			return true;
	}
	return false;
}

static bool
prefix_ok(const char *s)
{
	return strlen(s) <= IR_CREDENTIAL_KEY && !isdigit((unsigned char)*s) &&
	    s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_")] == '\0';
}

int
ir_credential_env(const struct ir_credential *c, const char *prefix,
    struct ir_buf *b, struct ir_err *err)
{
	const struct ir_credential_field *f;
	char name[2 * IR_CREDENTIAL_KEY + 1];
	size_t i;

	if (!prefix_ok(prefix))
		return ir_fail(err, IR_USAGE,
		    "not the beginning of a variable's name: %s", prefix);
	for (i = 0; i < c->n; i++) {
		f = &c->field[i];
		if (strcmp(f->key, "name") == 0 ||
		    strcmp(f->key, "expires") == 0)
			continue;
		env_name(f->key, prefix, name, sizeof name);
		if (isdigit((unsigned char)name[0]) ||
		    env_used(c, i, prefix, name))
			return ir_fail(err, IR_DATAERR,
			    "credential: %s: no variable can be named %s",
			    f->key, name);
		if (add_env(b, name, &f->value, err))
			return -1;
		if (strcmp(f->key, "username") == 0 &&
		    filled(ir_credential_get(c, "secret_access_key")) &&
		    add_env(b, "AWS_ACCESS_KEY_ID", &f->value, err))
			return -1;
	}
	return 0;
}

/* Exim's lsearch takes off white space around a value. */
static int
add_lookup(struct ir_buf *b, const char *name, const struct ir_secret *s,
    struct ir_err *err)
{
	size_t i;

	for (i = 0; i < s->len; i++)
		if ((unsigned char)s->data[i] < ' ' || s->data[i] == 0x7f)
			break;
	if (i < s->len || (s->len && (s->data[0] == ' ' ||
	    s->data[s->len - 1] == ' ')))
		return ir_fail(err, IR_DATAERR, "credential: %s: a lookup "
		    "file cannot carry control characters or outer blanks",
		    name);
	ir_buf_fmt(b, "%s: ", name);
	add_secret(b, s);
	ir_buf_chr(b, '\n');
	return 0;
}

/* What stands at "pass": the password, else the first of a region. */
static int
main_password(const struct ir_credential *c, struct ir_secret *out,
    struct ir_err *err)
{
	size_t i;

	if (ir_credential_password(c, NULL, out, err) == 0)
		return 0;
	for (i = 0; i < c->n; i++)
		if (strncmp(c->field[i].key, "password.", 9) == 0 &&
		    c->field[i].value.len)
			return ir_secret_set(out, c->field[i].value.data,
			    c->field[i].value.len, err);
	return -1;
}

static int
print_exim(const struct ir_credential *c, struct ir_buf *b,
    struct ir_err *err)
{
	const struct ir_secret *user = ir_credential_get(c, "username");
	struct ir_secret pass = IR_SECRET_INIT;
	char name[IR_CREDENTIAL_KEY + 8];
	size_t i;
	int rc;

	if (!filled(user))
		return ir_fail(err, IR_DATAERR, "credential: no username");
	if (main_password(c, &pass, err))
		return -1;
	rc = add_lookup(b, "user", user, err);
	if (rc == 0)
		rc = add_lookup(b, "pass", &pass, err);
	for (i = 0; rc == 0 && i < c->n; i++) {
		if (strncmp(c->field[i].key, "password.", 9) != 0)
			continue;
		snprintf(name, sizeof name, "pass.%s", c->field[i].key + 9);
		rc = add_lookup(b, name, &c->field[i].value, err);
	}
	ir_secret_free(&pass);
	return rc;
}

static int
add_json(struct ir_buf *b, const char *name, const struct ir_secret *s,
    struct ir_err *err)
{
	size_t i, k;

	ir_buf_fmt(b, ",\"%s\":\"", name);
	for (i = 0; i < s->len; i += k) {
		k = ir_utf8_len(s->data + i, s->len - i, NULL);
		if (!k || (unsigned char)s->data[i] < ' ')
			return ir_fail(err, IR_DATAERR,
			    "credential: %s: JSON cannot carry it", name);
		if (s->data[i] == '"' || s->data[i] == '\\')
			ir_buf_chr(b, '\\');
		ir_buf_add(b, s->data + i, k);
	}
	ir_buf_chr(b, '"');
	return 0;
}

static int
print_aws(const struct ir_credential *c, struct ir_buf *b, struct ir_err *err)
{
	static const struct {
		const char *key, *name;
		bool needed;
	} f[] = {
		{ "username", "AccessKeyId", true },
		{ "secret_access_key", "SecretAccessKey", true },
		{ "session_token", "SessionToken", false },
		{ "expires", "Expiration", false },
	};
	const struct ir_secret *s;
	size_t i;

	ir_buf_str(b, "{\"Version\":1");
	for (i = 0; i < sizeof f / sizeof *f; i++) {
		s = ir_credential_get(c, f[i].key);
		if (f[i].needed && !filled(s))
			return ir_fail(err, IR_DATAERR, "credential: no %s",
			    f[i].key);
		if (filled(s) && add_json(b, f[i].name, s, err))
			return -1;
	}
	ir_buf_str(b, "}\n");
	return 0;
}

int
ir_credential_print(const struct ir_credential *c,
    enum ir_credential_form form, struct ir_buf *b, struct ir_err *err)
{
	size_t was = b->len;
	int rc;

	switch (form) {
	case IR_CREDENTIAL_ENV:
		rc = ir_credential_env(c, IR_CREDENTIAL_PREFIX, b, err);
		break;
	case IR_CREDENTIAL_EXIM:
		rc = print_exim(c, b, err);
		break;
	case IR_CREDENTIAL_AWS:
		rc = print_aws(c, b, err);
		break;
	case IR_CREDENTIAL_BLOCK:
	default:
		rc = print_block(c, b);
		break;
	}
	if (rc == 0)
		rc = ir_buf_check(b, "credential", err);
	if (rc)
		ir_buf_trunc(b, was);
	return rc;
}
