/* rule_aws.c - what AWS gives out: access key ids, secret keys, SES's SMTP
 * passwords.  None has a check digit, but none is any text either. */
#include <string.h>

#include "scan_in.h"

#define ID 20
#define SECRET 40
#define SES 44
#define LINES_NEAR 20
#define NAME_NEAR 100

/* --- access key ids ------------------------------------------------------ */

static int
digit32(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/*
 * Behind the prefix stand 80 bits in base32.  The first is 1 in ids made
 * since about 2019, and the 40 from bit 1 on are the account; ids of before
 * begin with I or J there.
 */
int64_t
ir_leak_account(const char *id)
{
	uint64_t z = 0;
	int i, d;

	if (id[0] != 'A' || id[3] != 'A')
		return -2;
	for (i = 4; i < ID; i++) {
		d = digit32((unsigned char)id[i]);
		if (d < 0)
			return -2;
		if (i < 4 + 9)
			z = z << 5 | (unsigned)d;
	}
	if (id[4] == 'I' || id[4] == 'J')
		return -1;
	/* 45 bits: the first, 40 of the account, 4 of the rest */
	z = z >> 4 & 0xffffffffff;
	return digit32((unsigned char)id[4]) >= 16 && z < 1000000000000 ?
	    (int64_t)z : -2;
}

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || (ir_leak_lower(c) >= 'a' &&
	    ir_leak_lower(c) <= 'f');
}

/* May something begin at `at`?  The end of an escape is no letter before. */
static bool
begins(const struct leak_span *s, size_t at)
{
	const unsigned char *p = s->p;
	unsigned char c;

	if (at == 0)
		return true;
	c = p[at - 1];
	/* a line that a patch adds */
	if (c == '+')
		return at == 1 || p[at - 2] == '\n';
	if (!ir_leak_alnum(c))
		return true;
	if (at >= 2 && p[at - 2] == '\\' && strchr("nrtbf", c))
		return true;
	if (!is_hex(c) || at < 3 || !is_hex(p[at - 2]))
		return false;
	if (p[at - 3] == '%' || p[at - 3] == '=')
		return true;
	if (at >= 4 && p[at - 3] == 'x' && p[at - 4] == '\\')
		return true;
	return at >= 6 && p[at - 6] == '\\' && p[at - 5] == 'u' &&
	    is_hex(p[at - 4]) && is_hex(p[at - 3]);
}

static int
different(const unsigned char *p, size_t n)
{
	bool seen[256] = { false };
	int count = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		count += !seen[p[i]];
		seen[p[i]] = true;
	}
	return count;
}

bool
ir_leak_key_id(const struct leak_span *s, size_t at)
{
	const unsigned char *p = s->p + at;

	if (s->n - at < ID || !(ir_leak_anchor(p, ID) & LEAK_AT_KEY) ||
	    (s->n - at > ID && ir_leak_alnum(p[ID])) || !begins(s, at))
		return false;
	/* of the four by four that the sets allow, these are in use */
	if (!(p[2] == 'I' ? p[1] != 'C' : p[1] == 'C'))
		return false;
	/* AWS's own examples end like that; a random one has 12 or 13 */
	return ir_leak_account((const char *)p) != -2 &&
	    memcmp(p + 13, "EXAMPLE", 7) != 0 && different(p + 4, 16) >= 7;
}

void
ir_leak_rule_key(struct leak_span *s, size_t at)
{
	struct ir_leak_hit hit = {
		.offset = at, .len = ID, .kind = IR_LEAK_AWS_KEY,
		.rule = "aws-access-key-id",
		.value = (const char *)s->p + at, .nvalue = ID,
	};

	if (!ir_leak_key_id(s, at))
		return;
	memcpy(s->root->key, s->p + at, ID);
	s->root->key_at = ir_leak_outside(s, at);
	hit.account = ir_leak_account(hit.value);
	hit.context = true;
	memcpy(hit.key, s->p + at, ID);
	ir_leak_assigned(s, at, hit.name);
	ir_leak_emit(s, &hit);
}

/* --- runs of 40 and 44 --------------------------------------------------- */

struct shape {
	unsigned upper, lower, digit, changes, different;
	unsigned words;		/* small letters after small letters */
	bool hex;
	unsigned bits;		/* thousandths of sum n log2 n */
};

static int
sort_of(unsigned char c)
{
	if (c >= 'a' && c <= 'z')
		return 0;
	if (c >= 'A' && c <= 'Z')
		return 1;
	return c >= '0' && c <= '9' ? 2 : 3;
}

static struct shape
shape_of(const char *v, size_t n)
{
	static const unsigned nlogn[] = { 0, 0, 2000, 4755, 8000, 11610,
	    15510, 19651, 24000, 28529, 33219 };
	unsigned char count[256] = { 0 };
	struct shape h = { .hex = true };
	int sort, last = -1;
	size_t i;

	for (i = 0; i < n; i++) {
		count[(unsigned char)v[i]]++;
		sort = sort_of((unsigned char)v[i]);
		h.lower += sort == 0;
		h.upper += sort == 1;
		h.digit += sort == 2;
		h.changes += last >= 0 && sort != last;
		h.words += last == 0 && sort == 0;
		h.hex = h.hex && is_hex((unsigned char)v[i]);
		last = sort;
	}
	for (i = 0; i < sizeof count; i++) {
		h.different += count[i] > 0;
		h.bits += count[i] <= 10 ? nlogn[count[i]] : 99999;
	}
	return h;
}

/*
 * 240 random bits: the tests lose less than one in a thousand.  Shannon's
 * entropy of 40 characters is at least 4.25 when sum n log2 n is below
 * 40 * (log2 40 - 4.25) = 42.877.
 */
static bool
like_secret(const char *v)
{
	struct shape h = shape_of(v, SECRET);

	return !h.hex && h.upper && h.lower && h.digit && h.changes >= 14 &&
	    h.different >= 18 && h.words <= 16 && h.bits <= 42877 &&
	    !memmem(v, SECRET, "EXAMPLE", 7);
}

/*
 * 33 bytes of which the first is 4: the second character is A to P; before
 * 2021 it was 2: A, then g to v.  Camel-case words of 44 letters change
 * their class less often.
 */
static int
like_ses(const char *v)
{
	struct shape h = shape_of(v, SES);

	if (!h.digit || !h.upper || !h.lower || h.changes < 15 ||
	    h.different < 19 || h.words > 18 || memmem(v, SES, "EXAMPLE", 7))
		return 0;
	if (v[0] == 'B' && v[1] >= 'A' && v[1] <= 'P')
		return 4;
	return v[0] == 'A' && v[1] >= 'g' && v[1] <= 'v' ? 2 : 0;
}

/* The last line of a block of base64, such as a certificate's. */
static bool
ends_block(const struct leak_span *s, size_t at, size_t len)
{
	size_t i = at, n;

	if (i == 0 || s->p[i - 1] != '\n')
		return false;
	i--;
	if (i && s->p[i - 1] == '\r')
		i--;
	for (n = 0; i > n && n <= len && LEAK_B64(s->p[i - n - 1]); n++)
		continue;
	return n > len;
}

/* Alone, not part of a longer word, hash or token. */
static bool
alone(const struct leak_span *s, size_t at, size_t len)
{
	size_t end = at + len;

	if (at && s->p[at - 1] && strchr("-_.$~", s->p[at - 1]))
		return false;
	if (end < s->n && s->p[end] && strchr("-_=$~", s->p[end]))
		return false;
	if (end + 1 < s->n && s->p[end] == '.' &&
	    ir_leak_alnum(s->p[end + 1]))
		return false;
	return !ends_block(s, at, len);
}

/* At most LINES_NEAR lines between a and b of the span? */
static bool
few_lines(const struct leak_span *s, size_t a, size_t b)
{
	size_t i;
	int lines = 0;

	for (i = a; i < b && i < s->n && lines <= LINES_NEAR; i++)
		lines += s->p[i] == '\n';
	return lines <= LINES_NEAR;
}

/* The access key id that stands next to [at, at + len). */
static void
key_near(const struct leak_span *s, size_t at, size_t len, char key[ID + 1])
{
	const struct leak_root *r = s->root;
	const struct leak_span *top = s;
	size_t here = ir_leak_outside(s, at), i, end = at + len + IR_LEAK_REACH;

	while (top->outer)
		top = top->outer;
	if (r->key[0] && (r->key_at > here || (here - r->key_at <=
	    IR_LEAK_REACH - ID && few_lines(top, r->key_at, here)))) {
		memcpy(key, r->key, ID + 1);
		return;
	}
	for (i = at + len; i < end && i + ID <= s->n; i++)
		if (s->p[i] == 'A' && ir_leak_key_id(s, i)) {
			if (few_lines(s, at, i))
				memcpy(key, s->p + i, ID);
			return;
		}
}

/* Is one of the words on this line or the one before, not far away? */
static bool
named(const struct leak_span *s, size_t at, const char *const *words)
{
	size_t from, i;
	int lines = 0;

	for (from = at; from && at - from < NAME_NEAR; from--)
		if (s->p[from - 1] == '\n' && ++lines == 2)
			break;
	for (i = 0; words[i]; i++)
		if (ir_leak_near(s, from, at, words[i]))
			return true;
	return s->outer && named(s->outer, s->base, words);
}

static void
assigned(const struct leak_span *s, size_t at, char name[IR_LEAK_NAME + 1])
{
	ir_leak_assigned(s, at, name);
	if (!name[0] && s->outer)
		assigned(s->outer, s->base, name);
}

void
ir_leak_rule_run(struct leak_span *s, size_t at, size_t len,
    const char *value, size_t nvalue, enum ir_leak_form form)
{
	static const char *const secret[] = { "secret", "aws", "amazon",
	    NULL };
	static const char *const mail[] = { "smtp", "pass", "ses_", "ses-",
	    "mail", NULL };
	struct ir_leak_hit hit = {
		.offset = at, .len = len, .form = form, .account = -1,
		.value = value, .nvalue = nvalue,
	};
	bool is_secret = nvalue == SECRET;
	int version = is_secret ? 0 : like_ses(value);

	if ((is_secret ? !like_secret(value) : !version) ||
	    !alone(s, at, len))
		return;
	hit.kind = is_secret ? IR_LEAK_AWS_SECRET : IR_LEAK_SES_PASSWORD;
	hit.rule = is_secret ? "aws-secret-access-key" :
	    version == 4 ? "ses-smtp-password" : "ses-smtp-password-v2";
	key_near(s, at, len, hit.key);
	hit.context = hit.key[0] || named(s, at, is_secret ? secret : mail);
	assigned(s, at, hit.name);
	if (hit.context || is_secret || version == 4)
		ir_leak_emit(s, &hit);
}
