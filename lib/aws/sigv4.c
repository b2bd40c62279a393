/* sigv4.c - see sigv4.h */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../core/file.h"
#include "../core/text.h"
#include "sigv4.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

struct header {
	char *name;		/* lower case; owned */
	const char *value;	/* borrowed */
	size_t order;		/* of arrival, among equal names */
};

struct item {
	char *key, *value;	/* encoded; owned */
};

static bool
unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

void
ir_sigv4_encode(struct ir_buf *out, const char *s, size_t n, bool slash)
{
	static const char hex[] = "0123456789ABCDEF";
	char esc[3] = "%";
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (unreserved(c) || (slash && c == '/')) {
			ir_buf_chr(out, c);
			continue;
		}
		esc[1] = hex[c >> 4];
		esc[2] = hex[c & 15];
		ir_buf_add(out, esc, 3);
	}
}

int
ir_sigv4_hmac(const void *key, size_t keylen, const char *text, size_t n,
    unsigned char mac[IR_SIGV4_KEY], struct ir_err *err)
{
	unsigned int len = 0;

	if (!HMAC(EVP_sha256(), key, (int)keylen, (const unsigned char *)text,
	    n, mac, &len) || len != IR_SIGV4_KEY)
		return ir_fail(err, IR_OSERR, "HMAC-SHA256 failed");
	return 0;
}

int
ir_sigv4_key(const struct ir_secret *secret, const char *day,
    const char *region, const char *service, unsigned char key[IR_SIGV4_KEY],
    struct ir_err *err)
{
	struct ir_buf first = IR_BUF_SECRET(IR_SECRET_MAX + 4);
	const char *const part[] = { region, service, "aws4_request" };
	unsigned char next[IR_SIGV4_KEY];
	size_t i;
	int rc;

	ir_buf_str(&first, "AWS4");
	ir_buf_add(&first, secret->data, secret->len);
	rc = ir_buf_check(&first, "secret key", err);
	if (rc == 0)
		rc = ir_sigv4_hmac(first.data, first.len, day, strlen(day),
		    key, err);
	for (i = 0; rc == 0 && i < sizeof part / sizeof *part; i++) {
		rc = ir_sigv4_hmac(key, IR_SIGV4_KEY, part[i],
		    strlen(part[i]), next, err);
		memcpy(key, next, sizeof next);
	}
	OPENSSL_cleanse(next, sizeof next);
	if (rc)
		OPENSSL_cleanse(key, IR_SIGV4_KEY);
	ir_buf_free(&first);
	return rc;
}

/* Take off the last segment of a normalised path. */
static void
pop(struct ir_buf *path)
{
	while (path->len && path->data[path->len - 1] != '/')
		ir_buf_trunc(path, path->len - 1);
	if (path->len)
		ir_buf_trunc(path, path->len - 1);
}

static void
canonical_path(const char *raw, struct ir_buf *out)
{
	struct ir_buf path = IR_BUF(IR_SIGV4_MAX);
	const char *p = raw;
	size_t n, len = strlen(raw);

	while (*p) {
		n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			pop(&path);
		} else if (n && !(n == 1 && *p == '.')) {
			ir_buf_chr(&path, '/');
			ir_buf_add(&path, p, n);
		}
		p += n + (p[n] == '/');
	}
	if (path.len == 0 || raw[len - 1] == '/')
		ir_buf_chr(&path, '/');
	ir_sigv4_encode(out, ir_buf_cstr(&path), path.len, true);
	out->bad |= path.bad;
	ir_buf_free(&path);
}

/* Decode %XX, then encode strictly; '+' is a plus.  NULL: no memory. */
static char *
recode(const char *s, size_t n)
{
	struct ir_buf plain = IR_BUF(IR_SIGV4_MAX);
	struct ir_buf out = IR_BUF(IR_SIGV4_MAX);
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '%' && i + 2 < n && ir_hex_digit(s[i + 1]) >= 0 &&
		    ir_hex_digit(s[i + 2]) >= 0) {
			ir_buf_chr(&plain, ir_hex_digit(s[i + 1]) * 16 +
			    ir_hex_digit(s[i + 2]));
			i += 2;
		} else {
			ir_buf_chr(&plain, s[i]);
		}
	}
	ir_buf_add(&out, "", 0);
	ir_sigv4_encode(&out, ir_buf_cstr(&plain), plain.len, false);
	if (plain.bad || out.bad) {
		ir_buf_free(&plain);
		ir_buf_free(&out);
		return NULL;
	}
	ir_buf_free(&plain);
	return ir_buf_take(&out);
}

/* By key, then by value: as pairs, for "k-2=1" must not overtake "k=2". */
static int
by_pair(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c ? c : strcmp(x->value, y->value);
}

static int
canonical_query(const char *raw, struct ir_buf *out)
{
	struct item *items;
	size_t n, i, count = 0, klen;
	int rc = 0;

	items = calloc(IR_SIGV4_PARAMS, sizeof *items);
	if (!items)
		return -1;
	for (; *raw; raw += n + (raw[n] == '&')) {
		n = strcspn(raw, "&");
		if (n == 0)
			continue;
		if (count == IR_SIGV4_PARAMS) {
			rc = -1;
			break;
		}
		klen = strcspn(raw, "=&");
		items[count].key = recode(raw, klen);
		items[count].value = klen < n ?
		    recode(raw + klen + 1, n - klen - 1) : recode("", 0);
		if (!items[count].key || !items[count].value)
			rc = -1;
		count++;
		if (rc)
			break;
	}
	if (rc == 0)
		qsort(items, count, sizeof *items, by_pair);
	for (i = 0; i < count; i++) {
		if (rc == 0)
			ir_buf_fmt(out, "%s%s=%s", i ? "&" : "", items[i].key,
			    items[i].value);
		free(items[i].key);
		free(items[i].value);
	}
	free(items);
	return rc;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Trimmed, and every run of blanks (a folded line too) as one space. */
static void
add_value(struct ir_buf *out, const char *v)
{
	bool gap = false, any = false;

	for (; *v; v++) {
		if (blank(*v)) {
			gap = any;
			continue;
		}
		if (gap)
			ir_buf_chr(out, ' ');
		ir_buf_chr(out, *v);
		gap = false;
		any = true;
	}
}

/* By name, not by line: ':' sorts after '-'. */
static int
by_name(const void *a, const void *b)
{
	const struct header *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static bool
may_be_signed(const char *name)
{
	return strcmp(name, "host") == 0 || strcmp(name, "content-type") == 0 ||
	    strncmp(name, "x-amz-", 6) == 0;
}

static int
add_header(struct header *list, size_t *n, const char *name, const char *value)
{
	char *p;

	list[*n].name = strdup(name);
	if (!list[*n].name)
		return -1;
	for (p = list[*n].name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	list[*n].value = value;
	list[*n].order = *n;
	++*n;
	return 0;
}

/* The headers to sign, sorted. */
static int
collect(const struct ir_sigv4_req *r, const char *date, struct header *list,
    size_t *n, struct ir_err *err)
{
	bool host = false;
	const char *name;
	size_t i;
	int rc = 0;

	if (r->nheaders > IR_SIGV4_HEADERS)
		return ir_fail(err, IR_DATAERR, "signature: too many headers");
	for (i = 0; i < r->nheaders && rc == 0; i++) {
		rc = add_header(list, n, r->headers[i].name,
		    r->headers[i].value);
		if (rc)
			break;
		name = list[*n - 1].name;
		host |= strcmp(name, "host") == 0;
		if ((!r->any_header && !may_be_signed(name)) ||
		    strcmp(name, "x-amz-date") == 0 ||
		    (strcmp(name, "x-amz-security-token") == 0))
			return ir_fail(err, IR_SOFTWARE,
			    "signature: header %s must not be given", name);
	}
	if (rc == 0 && !host)
		return ir_fail(err, IR_SOFTWARE, "signature: no Host header");
	if (rc == 0)
		rc = add_header(list, n, "x-amz-date", date);
	if (rc == 0 && r->token && r->token->len)
		rc = add_header(list, n, "x-amz-security-token",
		    r->token->data);
	if (rc)
		return ir_fail(err, IR_OSERR, "signature: no memory");
	qsort(list, *n, sizeof *list, by_name);
	return 0;
}

static void
canonical_headers(const struct header *list, size_t n, struct ir_buf *out,
    struct ir_buf *names)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i && strcmp(list[i].name, list[i - 1].name) == 0) {
			ir_buf_chr(out, ',');
		} else {
			ir_buf_fmt(out, "%s%s:", i ? "\n" : "", list[i].name);
			ir_buf_fmt(names, "%s%s", i ? ";" : "", list[i].name);
		}
		add_value(out, list[i].value);
	}
	ir_buf_chr(out, '\n');
}

static int
canonical_request(const struct ir_sigv4_req *r, struct ir_sigv4 *out,
    struct ir_buf *names, struct ir_err *err)
{
	struct header list[IR_SIGV4_HEADERS + 2];
	struct ir_buf *c = &out->canonical;
	char hash[65];
	size_t i, n = 0;
	int rc = collect(r, out->date, list, &n, err);

	if (rc == 0) {
		ir_buf_fmt(c, "%s\n", r->method);
		canonical_path(r->path, c);
		ir_buf_chr(c, '\n');
		if (r->query && canonical_query(r->query, c))
			rc = ir_fail(err, IR_DATAERR,
			    "signature: query too long");
	}
	if (rc == 0) {
		ir_buf_chr(c, '\n');
		canonical_headers(list, n, c, names);
		ir_sha256_hex(r->body_len ? r->body : "", r->body_len, hash);
		ir_buf_fmt(c, "\n%s\n%s", ir_buf_cstr(names), hash);
		rc = ir_buf_check(c, "canonical request", err);
	}
	for (i = 0; i < n; i++)
		free(list[i].name);
	return rc;
}

/* YYYYMMDDTHHMMSSZ */
static int
basic_date(int64_t when, char date[17])
{
	char text[IR_TIME_LEN], *p;
	size_t n = 0;

	for (p = ir_time_rfc3339(when, text); *p; p++)
		if (*p != '-' && *p != ':' && n < 16)
			date[n++] = *p;
	date[n] = '\0';
	return n == 16 && date[15] == 'Z' ? 0 : -1;
}

static void
to_hex(const unsigned char *in, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = hex[in[i] >> 4];
		out[2 * i + 1] = hex[in[i] & 15];
	}
	out[2 * n] = '\0';
}

static int
signature(const struct ir_sigv4_req *r, const char *day,
    const struct ir_buf *text, char hex[2 * IR_SIGV4_KEY + 1],
    struct ir_err *err)
{
	unsigned char key[IR_SIGV4_KEY], mac[IR_SIGV4_KEY];
	int rc = ir_sigv4_key(r->secret, day, r->region, r->service, key, err);

	if (rc == 0)
		rc = ir_sigv4_hmac(key, sizeof key, text->data, text->len, mac,
		    err);
	OPENSSL_cleanse(key, sizeof key);
	if (rc == 0)
		to_hex(mac, sizeof mac, hex);
	return rc;
}

int
ir_sigv4_sign(const struct ir_sigv4_req *r, struct ir_sigv4 *out,
    struct ir_err *err)
{
	struct ir_buf names = IR_BUF(8192);
	char hash[65], hex[2 * IR_SIGV4_KEY + 1], day[9];
	int rc;

	*out = (struct ir_sigv4){ "", IR_BUF_SECRET(16384),
	    IR_BUF_SECRET(IR_SIGV4_MAX), IR_BUF_SECRET(16384) };
	if (basic_date(r->when, out->date))
		return ir_fail(err, IR_SOFTWARE, "signature: bad time");
	memcpy(day, out->date, 8);
	day[8] = '\0';
	rc = canonical_request(r, out, &names, err);
	if (rc)
		goto out;
	ir_sha256_hex(out->canonical.data, out->canonical.len, hash);
	ir_buf_fmt(&out->to_sign, ALGORITHM "\n%s\n%s/%s/%s/aws4_request\n%s",
	    out->date, day, r->region, r->service, hash);
	rc = ir_buf_check(&out->to_sign, "string to sign", err);
	if (rc == 0)
		rc = signature(r, day, &out->to_sign, hex, err);
	if (rc)
		goto out;
	ir_buf_fmt(&out->authorization, ALGORITHM " Credential=%s/%s/%s/%s/"
	    "aws4_request, SignedHeaders=%s, Signature=%s", r->key_id, day,
	    r->region, r->service, ir_buf_cstr(&names), hex);
	rc = ir_buf_check(&out->authorization, "signature", err);
out:
	ir_buf_free(&names);
	return rc;
}

void
ir_sigv4_free(struct ir_sigv4 *out)
{
	ir_buf_free(&out->authorization);
	ir_buf_free(&out->canonical);
	ir_buf_free(&out->to_sign);
}
