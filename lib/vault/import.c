/* import.c - see import.h */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "../core/text.h"
#include "base64.h"
#include "import.h"

#define MAGIC "Salted__"
#define SALT 8
#define KEY 32
#define IV 16
#define ITER 10000		/* of enc(1ssl) with -pbkdf2 alone */

/* --- the old encryption --------------------------------------------------- */

/* The bytes between the two that have no white space around them. */
static int
undo_base64(const char *bytes, size_t n, struct ir_buf *raw)
{
	char *text = OPENSSL_malloc(n + 1);
	size_t i, k = 0;
	int len = -1;

	for (i = 0; text && i < n; i++)
		if (!strchr(" \t\r\n", bytes[i]) || !bytes[i])
			text[k++] = bytes[i];
	if (text && k && k <= IR_IMPORT_MAX * 2) {
		ir_buf_add(raw, text, k);	/* room for what comes of it */
		len = ir_base64_decode(text, k, (unsigned char *)raw->data,
		    k);
		if (len >= 0)
			ir_buf_trunc(raw, (size_t)len);
	}
	OPENSSL_free(text);
	return len;
}

static bool
is_text(const char *s, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i += k) {
		k = ir_utf8_len(s + i, n - i, NULL);
		if (k == 0 || s[i] == 0x7f || ((unsigned char)s[i] < ' ' &&
		    !strchr("\t\r\n", s[i])) || !s[i])
			return false;
	}
	return n > 0;
}

static bool
decrypt(const unsigned char *key, const unsigned char *iv,
    const unsigned char *p, size_t n, struct ir_buf *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char *plain = OPENSSL_malloc(n + IV);
	int a = 0, b = 0;
	bool ok;

	ok = c && plain && EVP_DecryptInit_ex(c, EVP_aes_256_cbc(), NULL, key,
	    iv) == 1 && EVP_DecryptUpdate(c, plain, &a, p, (int)n) == 1 &&
	    EVP_DecryptFinal_ex(c, plain + a, &b) == 1 &&
	    is_text((char *)plain, (size_t)(a + b));
	if (ok)
		ir_buf_add(out, plain, (size_t)(a + b));
	if (plain)
		OPENSSL_clear_free(plain, n + IV);
	EVP_CIPHER_CTX_free(c);
	return ok;
}

/* One way to make key and iv of a passphrase: iter 0 is the old one. */
static bool
try_pass(const struct ir_import_how *how, const char *md, long iter,
    const unsigned char *salt, const unsigned char *p, size_t n,
    struct ir_buf *out)
{
	const EVP_MD *hash = EVP_get_digestbyname(md);
	unsigned char both[KEY + IV];
	bool ok;

	if (!hash)
		return false;
	ok = iter ? PKCS5_PBKDF2_HMAC(how->pass->data, (int)how->pass->len,
	    salt, salt ? SALT : 0, (int)iter, hash, sizeof both, both) == 1 :
	    EVP_BytesToKey(EVP_aes_256_cbc(), hash, salt,
	    (unsigned char *)how->pass->data, (int)how->pass->len, 1, both,
	    both + KEY) == KEY;
	if (ok)
		ok = decrypt(both, both + KEY, p, n, out);
	OPENSSL_cleanse(both, sizeof both);
	return ok;
}

static bool
try_all(const struct ir_import_how *how, const unsigned char *salt,
    const unsigned char *p, size_t n, struct ir_buf *out)
{
	static const char *const mds[] = { "sha256", "md5", "sha512", "sha1" };
	size_t i;

	if (how->iter)
		return try_pass(how, how->md ? how->md : "sha256", how->iter,
		    salt, p, n, out);
	if (how->md)
		return try_pass(how, how->md, 0, salt, p, n, out) ||
		    try_pass(how, how->md, ITER, salt, p, n, out);
	for (i = 0; i < sizeof mds / sizeof *mds; i++)
		if (try_pass(how, mds[i], 0, salt, p, n, out))
			return true;
	return try_pass(how, "sha256", ITER, salt, p, n, out);
}

/* Hex digits; too few are filled up with zeros, as openssl does. */
static int
read_hex(const char *s, size_t n, unsigned char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const char *d;
	size_t i;

	memset(out, 0, size);
	if (n > 2 * size)
		return -1;
	for (i = 0; i < n; i++) {
		d = memchr(digits, tolower((unsigned char)s[i]), 16);
		if (!d)
			return -1;
		out[i / 2] |= (unsigned char)((d - digits) << (i % 2 ? 0 : 4));
	}
	return 0;
}

static int
with_key(const struct ir_import_how *how, const unsigned char *p, size_t n,
    struct ir_buf *out, struct ir_err *err)
{
	unsigned char key[KEY], iv[IV];
	int rc = 0;

	if (read_hex(how->iv ? how->iv : "", how->iv ? strlen(how->iv) : 0,
	    iv, sizeof iv))
		return ir_fail(err, IR_USAGE, "--iv: not up to 32 hex digits");
	if (!how->key->len ||
	    read_hex(how->key->data, how->key->len, key, sizeof key))
		rc = ir_fail(err, IR_DATAERR, "key: not up to 64 hex digits");
	else if (!decrypt(key, iv, p, n, out))
		rc = ir_fail(err, IR_DATAERR,
		    "not encrypted with this key, or what is in it is no "
		    "text");
	OPENSSL_cleanse(key, sizeof key);
	return rc;
}

int
ir_import_decrypt(const char *bytes, size_t n,
    const struct ir_import_how *how, struct ir_buf *out, struct ir_err *err)
{
	struct ir_buf raw = IR_BUF(IR_IMPORT_MAX * 2);
	const unsigned char *p, *salt = NULL;
	int rc = 0;

	if (n > IR_IMPORT_MAX)
		return ir_fail(err, IR_DATAERR, "larger than %d bytes",
		    IR_IMPORT_MAX);
	if (how->md && !EVP_get_digestbyname(how->md))
		return ir_fail(err, IR_USAGE, "--md: no such digest: %s",
		    how->md);
	if (n < SALT || memcmp(bytes, MAGIC, SALT) == 0 ||
	    undo_base64(bytes, n, &raw) < 0) {
		ir_buf_free(&raw);
		ir_buf_add(&raw, bytes, n);
	}
	p = (const unsigned char *)ir_buf_cstr(&raw);
	n = raw.len;
	if (n >= 2 * SALT && memcmp(p, MAGIC, SALT) == 0) {
		salt = p + SALT;
		p += 2 * SALT;
		n -= 2 * SALT;
	}
	if (n == 0 || n % IV)
		rc = ir_fail(err, IR_DATAERR,
		    "not what openssl enc -aes-256-cbc writes");
	else if (how->key)
		rc = with_key(how, p, n, out, err);
	else if (!try_all(how, salt, p, n, out))
		rc = ir_fail(err, IR_DATAERR, "another passphrase, or another "
		    "way to make a key of it (--iter, --md)");
	ir_buf_free(&raw);
	ir_secret_burn();
	return rc ? rc : ir_buf_check(out, "text", err);
}

/* --- the text ------------------------------------------------------------- */

/* What programs call the fields, in lower case without "smtp_", "mail_". */
static const char *const names[][2] = {
	{ "user", "username" }, { "login", "username" },
	{ "aws_access_key_id", "username" }, { "access_key_id", "username" },
	{ "access_key", "username" }, { "key_id", "username" },
	{ "pass", "password" }, { "passwd", "password" },
	{ "aws_secret_access_key", "secret_access_key" },
	{ "secret_key", "secret_access_key" },
	{ "aws_session_token", "session_token" },
	{ "aws_region", "region" }, { "aws_default_region", "region" },
	{ "server", "host" }, { "hostname", "host" },
};

static bool
field_name(const char *s, size_t n, char name[IR_CREDENTIAL_KEY + 1])
{
	static const char *const prefixes[] = { "smtp_", "mail_", "ses_" };
	size_t i, k;

	if (n == 0 || n > IR_CREDENTIAL_KEY)
		return false;
	for (i = 0; i < n; i++) {
		name[i] = (char)tolower((unsigned char)s[i]);
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' &&
		    name[i] != '.' && name[i] != '-')
			return false;
	}
	name[n] = '\0';
	for (i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		k = strlen(prefixes[i]);
		if (n > k && memcmp(name, prefixes[i], k) == 0) {
			memmove(name, name + k, n - k + 1);
			break;
		}
	}
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i][0]) == 0)
			memcpy(name, names[i][1], strlen(names[i][1]) + 1);
	return true;
}

/* Without white space around it; false: an empty line or a comment. */
static bool
strip(const char **s, size_t *n)
{
	while (*n && (**s == ' ' || **s == '\t')) {
		++*s;
		--*n;
	}
	while (*n && strchr(" \t\r", (*s)[*n - 1]))
		--*n;
	return *n && **s != '#';
}

/*
 * Quotes around the value, with what a backslash protects between double
 * ones.  b is a secret buffer.
 */
static void
unquote(const char *s, size_t n, struct ir_buf *b)
{
	bool twofold = n >= 2 && s[0] == '"' && s[n - 1] == '"';
	size_t i;

	if (n >= 2 && s[0] == '\'' && s[n - 1] == '\'') {
		ir_buf_add(b, s + 1, n - 2);
		return;
	}
	for (i = twofold; i < n - twofold; i++) {
		if (twofold && s[i] == '\\' && i + 2 < n && s[i + 1] &&
		    strchr("\"\\$`", s[i + 1]))
			i++;
		ir_buf_chr(b, s[i]);
	}
}

static int
text_line(struct ir_credential *c, const char *s, size_t n, size_t no,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	char name[IR_CREDENTIAL_KEY + 1];
	const char *eq, *v;
	size_t k;
	int rc;

	if (n > 7 && memcmp(s, "export ", 7) == 0) {
		s += 7;
		n -= 7;
		strip(&s, &n);
	}
	eq = memchr(s, '=', n);
	k = eq ? (size_t)(eq - s) : 0;
	while (k && s[k - 1] == ' ')
		k--;
	if (!eq || !field_name(s, k, name))
		return ir_fail(err, IR_DATAERR,
		    "line %zu: not of the form NAME=VALUE", no);
	if (ir_credential_get(c, name))
		return ir_fail(err, IR_DATAERR, "line %zu: %s a second time",
		    no, name);
	v = eq + 1;
	n -= (size_t)(v - s);
	if (strip(&v, &n) || n)
		unquote(v, n, &b);
	rc = ir_buf_check(&b, "value", err);
	if (rc == 0)
		rc = ir_credential_set(c, name, ir_buf_cstr(&b), b.len, err);
	ir_buf_free(&b);
	return rc;
}

/* One line that is no NAME=VALUE: base64 may end with "=", too. */
static bool
is_password(const char *s, size_t n)
{
	const char *eq = memchr(s, '=', n);
	char name[IR_CREDENTIAL_KEY + 1];
	size_t k = eq ? (size_t)(eq - s) : n;

	if (memchr(s, ' ', n) || memchr(s, '\t', n))
		return false;
	while (k < n && s[k] == '=')
		k++;
	return k == n || !field_name(s, (size_t)(eq - s), name);
}

int
ir_import_text(struct ir_credential *c, const char *text, size_t n,
    struct ir_err *err)
{
	const char *s, *nl, *end = text + n, *first = NULL;
	size_t len, no = 0, lines = 0, first_len = 0;
	int rc = 0;

	ir_credential_free(c);
	for (s = text; s < end; s = nl + 1) {
		const char *p = s;

		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			nl = end;
		len = (size_t)(nl - s);
		if (strip(&p, &len) && !lines++) {
			first = p;
			first_len = len;
		}
	}
	if (lines == 1 && is_password(first, first_len))
		return ir_credential_set(c, "password", first, first_len, err);
	for (s = text; rc == 0 && s < end; s = nl + 1) {
		const char *p = s;

		no++;
		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			nl = end;
		len = (size_t)(nl - s);
		if (strip(&p, &len))
			rc = text_line(c, p, len, no, err);
	}
	if (rc == 0 && c->n == 0)
		rc = ir_fail(err, IR_DATAERR, "nothing in it");
	if (rc)
		ir_credential_free(c);
	return rc;
}
