/* spf_record.c - see spf_record.h */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spf_macro.h"
#include "spf_record.h"

static const char *const words[] = {
	[IR_SPF_ALL] = "all", [IR_SPF_INCLUDE] = "include", [IR_SPF_A] = "a",
	[IR_SPF_MX] = "mx", [IR_SPF_PTR] = "ptr", [IR_SPF_IP4] = "ip4",
	[IR_SPF_IP6] = "ip6", [IR_SPF_EXISTS] = "exists",
	[IR_SPF_REDIRECT] = "redirect", [IR_SPF_EXP] = "exp",
	[IR_SPF_OTHER] = "modifier",
};

const char *
ir_spf_kind_word(enum ir_spf_kind k)
{
	return words[k];
}

bool
ir_spf_is_record(const char *s, size_t n)
{
	return n >= 6 && strncasecmp(s, "v=spf1", 6) == 0 &&
	    (n == 6 || s[6] == ' ');
}

/* Bytes of a modifier's name at s, 0 when there is none. */
static size_t
name_len(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z');

		if (!letter && (i == 0 || s[i] == '\0' ||
		    !strchr("0123456789-_.", s[i])))
			break;
	}
	return i;
}

static bool
is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

/*
 * Take "/N" off the end of s: slashes of them, N of at most `digits` digits
 * and without leading zeros.  1 taken, 0 not there, -1 more than max.
 */
static int
take_cidr(const char *s, size_t *n, size_t slashes, size_t digits, int max,
    int *value)
{
	size_t at = *n, len;
	int v = 0;

	while (at > 0 && s[at - 1] >= '0' && s[at - 1] <= '9')
		at--;
	len = *n - at;
	if (len == 0 || len > digits || (len > 1 && s[at] == '0') ||
	    at < slashes || memcmp(s + at - slashes, "//", slashes))
		return 0;
	for (; at < *n; at++)
		v = v * 10 + (s[at] - '0');
	if (v > max)
		return -1;
	*value = v;
	*n -= len + slashes;
	return 1;
}

static int
read_address(struct ir_spf_term *t, const char *s, size_t n)
{
	bool v6 = t->kind == IR_SPF_IP6;
	char text[64];

	if (n < 2 || s[0] != ':')
		return -1;
	if (take_cidr(s, &n, 1, v6 ? 3 : 2, v6 ? 128 : 32,
	    v6 ? &t->cidr6 : &t->cidr4) < 0)
		return -1;
	if (--n >= sizeof text || memchr(s + 1, '\0', n))
		return -1;
	memcpy(text, s + 1, n);
	text[n] = '\0';
	return inet_pton(v6 ? AF_INET6 : AF_INET, text, t->ip) == 1 ? 0 : -1;
}

/* What comes after a mechanism's name. */
static int
read_argument(struct ir_spf_term *t, const char *s, size_t n)
{
	bool needs = t->kind == IR_SPF_INCLUDE || t->kind == IR_SPF_EXISTS;

	if (t->kind == IR_SPF_ALL)
		return n ? -1 : 0;
	if (t->kind == IR_SPF_IP4 || t->kind == IR_SPF_IP6)
		return read_address(t, s, n);
	if ((t->kind == IR_SPF_A || t->kind == IR_SPF_MX) &&
	    (take_cidr(s, &n, 2, 3, 128, &t->cidr6) < 0 ||
	    take_cidr(s, &n, 1, 2, 32, &t->cidr4) < 0))
		return -1;
	if (n == 0)
		return needs ? -1 : 0;
	if (s[0] != ':' || !ir_spf_domain_spec_ok(s + 1, n - 1))
		return -1;
	t->spec = s + 1;
	t->spec_len = n - 1;
	return 0;
}

static int
read_modifier(struct ir_spf_term *t, size_t name, struct ir_spf_record *r)
{
	const struct ir_spf_term **once;

	t->spec = t->text + name + 1;
	t->spec_len = t->len - name - 1;
	t->kind = is_word(t->text, name, "redirect") ? IR_SPF_REDIRECT :
	    is_word(t->text, name, "exp") ? IR_SPF_EXP : IR_SPF_OTHER;
	/* the grammar lets c, r and t stand in a modifier not yet known */
	if (t->kind == IR_SPF_OTHER)
		return ir_spf_macro_string_ok(t->spec, t->spec_len, true) &&
		    !memchr(t->spec, ' ', t->spec_len) ? 0 : -1;
	once = t->kind == IR_SPF_EXP ? &r->exp : &r->redirect;
	if (*once || !ir_spf_domain_spec_ok(t->spec, t->spec_len))
		return -1;
	*once = t;
	return 0;
}

static int
read_term(struct ir_spf_term *t, struct ir_spf_record *r)
{
	const char *s = t->text;
	size_t n = t->len, name = name_len(s, n);
	int k;

	if (name && name < n && s[name] == '=')
		return read_modifier(t, name, r);
	t->qualifier = '+';
	if (s[0] == '+' || s[0] == '-' || s[0] == '~' || s[0] == '?') {
		t->qualifier = *s++;
		n--;
	}
	for (name = 0; name < n && s[name] != ':' && s[name] != '/'; name++)
		continue;
	for (k = IR_SPF_ALL; k <= IR_SPF_EXISTS; k++)
		if (is_word(s, name, words[k])) {
			t->kind = (enum ir_spf_kind)k;
			return read_argument(t, s + name, n - name);
		}
	return -1;
}

int
ir_spf_parse(const char *s, size_t n, struct ir_spf_record *r,
    struct ir_spf_term *where)
{
	size_t at = 6, i, spaces = 1;
	struct ir_spf_term *t;

	memset(r, 0, sizeof *r);
	memset(where, 0, sizeof *where);
	where->text = s + n;
	if (!ir_spf_is_record(s, n) || n > IR_SPF_RECORD_MAX)
		return -1;
	for (i = 0; i < n; i++)
		spaces += s[i] == ' ';
	r->term = calloc(spaces, sizeof *r->term);
	if (!r->term)
		return -1;
	while (at < n) {
		if (s[at] == ' ') {
			at++;
			continue;
		}
		t = &r->term[r->n++];
		t->text = s + at;
		while (at < n && s[at] != ' ')
			at++;
		t->len = (size_t)(s + at - t->text);
		t->cidr4 = 32;
		t->cidr6 = 128;
		if (read_term(t, r)) {
			*where = *t;
			ir_spf_record_free(r);
			return -1;
		}
	}
	return 0;
}

void
ir_spf_record_free(struct ir_spf_record *r)
{
	free(r->term);
	memset(r, 0, sizeof *r);
}
