/* dnsbl.c - see dnsbl.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "dnsbl.h"

#define KEY_LABEL 20		/* a first label this long is an access key */

/* --- addresses ---------------------------------------------------------- */

int
ir_ip_parse(const char *s, bool keep_mapped, struct ir_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(ip, 0, sizeof *ip);
	if (inet_pton(AF_INET, s, ip->b) == 1)
		return 0;
	if (inet_pton(AF_INET6, s, ip->b) != 1)
		return -1;
	if (!keep_mapped && memcmp(ip->b, mapped, 12) == 0) {
		memmove(ip->b, ip->b + 12, 4);
		memset(ip->b + 4, 0, 12);
		return 0;
	}
	ip->v6 = true;
	return 0;
}

char *
ir_ip_text(const struct ir_ip *ip, char *buf, size_t size)
{
	if (!inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->b, buf,
	    (socklen_t)size))
		buf[0] = '\0';
	return buf;
}

static const char *
special4(const uint8_t *b)
{
	if (b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
	    (b[0] == 192 && b[1] == 168))
		return "private";
	if (b[0] == 127 && (b[1] || b[2]))
		return "loopback";
	if (b[0] == 169 && b[1] == 254)
		return "link-local";
	if (b[0] == 100 && (b[1] & 0xc0) == 64)
		return "shared";	/* RFC 6598 */
	if (b[0] == 0 || b[0] >= 240)
		return "reserved";
	if (b[0] >= 224)
		return "multicast";
	return NULL;
}

const char *
ir_ip_special(const struct ir_ip *ip)
{
	static const uint8_t zero[15];

	if (!ip->v6)
		return special4(ip->b);
	if (memcmp(ip->b, zero, 15) == 0)
		return ip->b[15] == 1 ? "loopback" : "reserved";
	if ((ip->b[0] & 0xfe) == 0xfc)
		return "private";
	if (ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80)
		return "link-local";
	if (ip->b[0] == 0xff)
		return "multicast";
	return NULL;
}

int
ir_dnsbl_name(const struct ir_ip *ip, const char *zone, char out[256])
{
	size_t used = 0;
	int i, n;

	if (ip->v6)
		for (i = 15; i >= 0; i--)
			used += (size_t)snprintf(out + used, 256 - used,
			    "%x.%x.", (unsigned)ip->b[i] & 15,
			    (unsigned)ip->b[i] >> 4);
	else
		used = (size_t)snprintf(out, 256, "%u.%u.%u.%u.", ip->b[3],
		    ip->b[2], ip->b[1], ip->b[0]);
	n = snprintf(out + used, 256 - used, "%s", zone);
	return n < 0 || used + (size_t)n > 253 ? -1 : 0;
}

/* --- reading the table -------------------------------------------------- */

/* Where the parser is, for its messages. */
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

static uint32_t
ip4_number(const struct ir_ip *ip)
{
	return (uint32_t)ip->b[0] << 24 | (uint32_t)ip->b[1] << 16 |
	    (uint32_t)ip->b[2] << 8 | ip->b[3];
}

/* "127.0.0.2", ".0.2", ".0.0.2" */
static int
read_address(const char *s, uint32_t *out)
{
	char full[32];
	struct ir_ip ip;
	size_t dots = 0, i;

	for (i = 0; s[i]; i++)
		dots += s[i] == '.';
	if (i == 0 || i > 16)
		return -1;
	snprintf(full, sizeof full, "%s%s", *s != '.' ? "" : dots == 3 ?
	    "127" : "127.0", s);
	if (ir_ip_parse(full, true, &ip) || ip.v6)
		return -1;
	*out = ip4_number(&ip);
	return 0;
}

/* "CODE=MEANING"; s is changed. */
static int
read_code(char *s, struct ir_dnsbl_code *c)
{
	char *eq = strchr(s, '='), *dash, *end;
	long bit;

	memset(c, 0, sizeof *c);
	if (!eq || !eq[1])
		return -1;
	*eq++ = '\0';
	c->sign = *eq == '+' || *eq == '~' ? *eq++ : '!';
	if (!*eq || strlen(eq) >= sizeof c->meaning)
		return -1;
	memcpy(c->meaning, eq, strlen(eq) + 1);
	if (strcmp(s, "*") == 0) {
		c->any = true;
		return 0;
	}
	if (strncmp(s, "bit:", 4) == 0) {
		bit = strtol(s + 4, &end, 10);
		if (*end || bit < 1 || bit > 128 || (bit & (bit - 1)))
			return -1;
		c->bit = (uint8_t)bit;
		return 0;
	}
	dash = strchr(s, '-');
	if (dash)
		*dash++ = '\0';
	if (read_address(s, &c->low) ||
	    read_address(dash ? dash : s, &c->high))
		return -1;
	return c->low <= c->high ? 0 : -1;
}

static int
read_codes(const struct place *at, char *s, struct ir_dnsbl_code *c,
    size_t *n)
{
	char *next, whole[100];

	*n = 0;
	if (strcmp(s, "-") == 0)
		return 0;
	for (; s; s = next) {
		next = strchr(s, ';');
		if (next)
			*next++ = '\0';
		snprintf(whole, sizeof whole, "%.99s", s);
		if (*n == IR_DNSBL_MAX_CODES)
			return wrong(at, "too many codes", whole);
		if (read_code(s, &c[*n]))
			return wrong(at, "not a code and its meaning", whole);
		++*n;
	}
	return 0;
}

static void
standard_tests(struct ir_dnsbl_zone *z)
{
	ir_ip_parse("127.0.0.2", true, &z->listed[0]);
	ir_ip_parse("127.0.0.1", true, &z->unlisted[0]);
	ir_ip_parse("::ffff:7f00:2", true, &z->listed[1]);
	ir_ip_parse("::ffff:7f00:1", true, &z->unlisted[1]);
	z->have_listed[0] = z->have_listed[1] = true;
	z->have_unlisted[0] = z->have_unlisted[1] = true;
}

static int
read_tests(const struct place *at, char *s, struct ir_dnsbl_zone *z)
{
	char *next;
	struct ir_ip ip;

	if (strcmp(s, "std") == 0)
		standard_tests(z);
	if (strcmp(s, "std") == 0 || strcmp(s, "none") == 0)
		return 0;
	for (; s; s = next) {
		next = strchr(s, ';');
		if (next)
			*next++ = '\0';
		if ((*s != '+' && *s != '-') || ir_ip_parse(s + 1, true, &ip))
			return wrong(at, "not a test point", s);
		if (*s == '+') {
			z->listed[ip.v6] = ip;
			z->have_listed[ip.v6] = true;
		} else {
			z->unlisted[ip.v6] = ip;
			z->have_unlisted[ip.v6] = true;
		}
	}
	return 0;
}

/* Letters, digits, '-' and '_' in labels of 1 to 63, in lower case. */
static bool
zone_ok(const char *s, size_t n)
{
	size_t i, label = 0;

	for (i = 0; i < n; i++) {
		if (s[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((s[i] >= 'a' && s[i] <= 'z') || s[i] == '-' ||
		    s[i] == '_' || (s[i] >= '0' && s[i] <= '9')) ||
		    ++label > 63)
			return false;
	}
	return label > 0;
}

static int
read_zone(const struct place *at, char *s, struct ir_dnsbl_zone *z)
{
	size_t n = strlen(s), i, key, star;

	if (n && s[n - 1] == '.')
		s[--n] = '\0';
	for (i = 0; i < n; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
	star = s[0] == '*' && s[1] == '.' ? 2 : 0;
	/* 189: room for 32 nibbles in front of it */
	if (n > 189 || !zone_ok(s + star, n - star))
		return wrong(at, "not the name of a zone", s);
	memcpy(z->name, s, n + 1);
	memcpy(z->shown, s, n + 1);
	key = strcspn(s, ".");
	if (key >= KEY_LABEL && strchr(s + key + 1, '.'))
		snprintf(z->shown, sizeof z->shown, "KEY%s", s + key);
	return 0;
}

static int
read_words(const struct place *at, char *const *col, struct ir_dnsbl_zone *z)
{
	z->v4 = strchr(col[1], '4');
	z->v6 = strchr(col[1], '6');
	if (strcmp(col[2], "black") == 0)
		z->class = IR_DNSBL_BLACK;
	else if (strcmp(col[2], "white") == 0)
		z->class = IR_DNSBL_WHITE;
	else if (strcmp(col[2], "dead") == 0)
		z->class = IR_DNSBL_DEAD;
	else
		return wrong(at, "class is not black, white or dead", col[2]);
	if (z->class != IR_DNSBL_DEAD) {
		if (strcmp(col[1], "4") && strcmp(col[1], "6") &&
		    strcmp(col[1], "46"))
			return wrong(at, "kind is not 4, 6 or 46", col[1]);
		if (z->name[0] == '*')
			return wrong(at, "only a dead zone may begin with *",
			    z->name);
		if (strlen(col[3]) != 1 || !strchr("123", col[3][0]))
			return wrong(at, "tier is not 1, 2 or 3", col[3]);
	}
	z->tier = col[3][0] - '0';
	snprintf(z->delist, sizeof z->delist, "%s",
	    strcmp(col[7], "-") ? col[7] : "");
	snprintf(z->status, sizeof z->status, "%s",
	    strcmp(col[8], "-") ? col[8] : "");
	return 0;
}

/* One line that is neither empty nor a comment; it is changed. */
static int
read_line(const struct place *at, char *line, struct ir_dnsbl_zone *z)
{
	char kind[] = "4", class[] = "black", tier[] = "1", codes[] =
	    "*=listed", none[] = "-", std[] = "std";
	char *col[9] = { line, kind, class, tier, codes, none, std, none,
		none };
	size_t n;

	memset(z, 0, sizeof *z);
	for (n = 0; line; n++) {
		char *tab = strchr(line, '\t');

		if (n == 9)
			return wrong(at, "more than 9 columns", col[0]);
		if (tab)
			*tab++ = '\0';
		if (*line)
			col[n] = line;
		else if (n == 0)
			return wrong(at, "the zone is missing", "");
		line = tab;
	}
	if (read_zone(at, col[0], z) || read_words(at, col, z) ||
	    read_codes(at, col[5], z->error, &z->nerrors) ||
	    read_tests(at, col[6], z) ||
	    read_codes(at, col[4], z->code, &z->ncodes))
		return -1;
	if (z->ncodes == 0 && z->class != IR_DNSBL_DEAD)
		return wrong(at, "no codes", z->name);
	return 0;
}

static int
grow(struct ir_dnsbl_table *t, struct ir_err *err)
{
	struct ir_dnsbl_zone *z;
	size_t cap = t->cap ? t->cap * 2 : 32;

	if (t->n < t->cap)
		return 0;
	z = realloc(t->zone, cap * sizeof *z);
	if (!z)
		return ir_fail(err, IR_OSERR, "no memory");
	t->zone = z;
	t->cap = cap;
	return 0;
}

int
ir_dnsbl_parse(struct ir_dnsbl_table *t, const char *text, size_t n,
    const char *name, struct ir_err *err)
{
	struct place at = { name, 0, err };
	const char *nl;
	char line[4096];
	size_t len, i;

	for (; n; text += len + (nl != NULL), n -= len + (nl != NULL)) {
		at.line++;
		nl = memchr(text, '\n', n);
		len = nl ? (size_t)(nl - text) : n;
		if (len >= sizeof line || memchr(text, '\0', len))
			return wrong(&at, "not a line of text", "");
		memcpy(line, text, len);
		line[len] = '\0';
		ir_text_printable(line);
		for (i = 0; i < len; i++)	/* that took the tabs too */
			if (text[i] == '\t')
				line[i] = '\t';
		while (i && strchr(" \t\r", text[i - 1]))
			line[--i] = '\0';
		if (i == 0 || line[0] == '#')
			continue;
		if (t->n == IR_DNSBL_MAX_ZONES)
			return wrong(&at, "too many zones", line);
		if (grow(t, err) || read_line(&at, line, &t->zone[t->n]))
			return -1;
		if (ir_dnsbl_find(t, t->zone[t->n].name))
			return wrong(&at, "here for the second time",
			    t->zone[t->n].shown);
		t->n++;
	}
	return 0;
}

void
ir_dnsbl_free(struct ir_dnsbl_table *t)
{
	free(t->zone);
	memset(t, 0, sizeof *t);
}

const struct ir_dnsbl_zone *
ir_dnsbl_find(const struct ir_dnsbl_table *t, const char *name)
{
	size_t i, n = strlen(name);
	char plain[256];

	if (n >= sizeof plain)
		return NULL;
	memcpy(plain, name, n + 1);
	if (n && plain[n - 1] == '.')
		plain[n - 1] = '\0';
	for (i = 0; i < t->n; i++)
		if (ir_ascii_ieq(t->zone[i].name, plain))
			return &t->zone[i];
	return NULL;
}

const struct ir_dnsbl_zone *
ir_dnsbl_dead(const struct ir_dnsbl_table *t, const char *name)
{
	const struct ir_dnsbl_zone *z;
	size_t i, n = strlen(name), len;

	for (i = 0; i < t->n; i++) {
		z = &t->zone[i];
		if (z->class != IR_DNSBL_DEAD)
			continue;
		len = strlen(z->name) - 1;
		if (z->name[0] == '*' ? n > len &&
		    ir_ascii_ieq(name + n - len, z->name + 1) :
		    ir_ascii_ieq(name, z->name))
			return z;
	}
	return NULL;
}

/* --- what an answer means ----------------------------------------------- */

const char *
ir_dnsbl_verdict_word(enum ir_dnsbl_verdict v)
{
	switch (v) {
	case IR_DNSBL_CLEAN:
		return "clean";
	case IR_DNSBL_LISTED:
		return "listed";
	case IR_DNSBL_WHITELISTED:
		return "whitelisted";
	case IR_DNSBL_REFUSED:
		return "policy-refused";
	case IR_DNSBL_NOT_COVERED:
		return "not-covered";
	case IR_DNSBL_UNKNOWN:
	default:
		return "unknown";
	}
}

static bool
matches(const struct ir_dnsbl_code *c, uint32_t a)
{
	if (c->bit)
		return a >> 8 == 0x7f0000 && (a & c->bit);
	if (c->any)
		return a >> 24 == 127;
	return a >= c->low && a <= c->high;
}

/* Named by the table itself, "*" apart. */
static bool
named(const struct ir_dnsbl_code *c, size_t n, uint32_t a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!c[i].any && matches(&c[i], a))
			return true;
	return false;
}

static void
set(struct ir_dnsbl_result *r, enum ir_dnsbl_verdict v, const char *why,
    const char *address, const char *meaning)
{
	r->verdict = v;
	r->why = why;
	r->nhits = 0;
	snprintf(r->detail, sizeof r->detail, "%.40s%s%.80s", address,
	    *address && *meaning ? ": " : "", meaning);
}

/* Is this address the list's way to say no?  Then *r says so. */
static bool
is_error(const struct ir_dnsbl_zone *z, uint32_t a, const char *text,
    struct ir_dnsbl_result *r)
{
	size_t i;

	for (i = 0; i < z->nerrors; i++)
		if (matches(&z->error[i], a)) {
			set(r, IR_DNSBL_REFUSED, "error-code", text,
			    z->error[i].meaning);
			return true;
		}
	if (named(z->code, z->ncodes, a))
		return false;
	if (a >> 8 == 0x7fffff) {	/* 127.255.255.0/24 */
		set(r, IR_DNSBL_REFUSED, "error-code", text,
		    "the list refuses to answer");
		return true;
	}
	if (a == 0x7f000001 || a >> 24 != 127) {
		set(r, IR_DNSBL_UNKNOWN, "error-code", text, "");
		return true;
	}
	return false;
}

static void
add_hit(struct ir_dnsbl_result *r, const struct ir_dnsbl_code *c)
{
	size_t i;

	for (i = 0; i < r->nhits; i++)
		if (r->hit[i] == c)
			return;
	if (r->nhits < IR_DNSBL_MAX_CODES)
		r->hit[r->nhits++] = c;
}

/* The codes of one address; "*" only when nothing else fits. */
static bool
add_hits(const struct ir_dnsbl_zone *z, uint32_t a,
    struct ir_dnsbl_result *r)
{
	bool exact = named(z->code, z->ncodes, a), found = false;
	size_t i;

	for (i = 0; i < z->ncodes; i++)
		if (z->code[i].any != exact && matches(&z->code[i], a)) {
			add_hit(r, &z->code[i]);
			found = true;
		}
	return found;
}

/* The worst of the codes decides. */
static enum ir_dnsbl_verdict
worst(const struct ir_dnsbl_zone *z, const struct ir_dnsbl_result *r)
{
	enum ir_dnsbl_verdict v = IR_DNSBL_CLEAN;
	size_t i;

	for (i = 0; i < r->nhits; i++) {
		if (r->hit[i]->sign == '~')
			continue;
		if (r->hit[i]->sign == '!' && z->class == IR_DNSBL_BLACK)
			return IR_DNSBL_LISTED;
		v = IR_DNSBL_WHITELISTED;
	}
	return v;
}

/* An answer without addresses: what became of the question. */
static void
no_answer(const struct ir_dns_query *q, struct ir_dnsbl_result *r)
{
	if (q->status == IR_DNS_NXDOMAIN || q->status == IR_DNS_NODATA)
		set(r, IR_DNSBL_CLEAN, NULL, "", "");
	else
		set(r, IR_DNSBL_UNKNOWN, ir_dns_status_word(q->status), "",
		    "");
}

void
ir_dnsbl_judge(const struct ir_dnsbl_zone *z, const struct ir_dns_query *q,
    struct ir_dnsbl_result *r)
{
	struct ir_ip ip;
	size_t i;

	memset(r, 0, sizeof *r);
	if (q->status != IR_DNS_OK) {
		no_answer(q, r);
		return;
	}
	for (i = 0; i < q->n; i++) {
		if (ir_ip_parse(q->answer[i].text, true, &ip) || ip.v6) {
			set(r, IR_DNSBL_UNKNOWN, "bad-reply", "", "");
			return;
		}
		if (is_error(z, ip4_number(&ip), q->answer[i].text, r))
			return;
		if (!add_hits(z, ip4_number(&ip), r)) {
			set(r, IR_DNSBL_UNKNOWN, "error-code",
			    q->answer[i].text, "not in the table");
			return;
		}
	}
	r->verdict = worst(z, r);
}

/* A name that must not be there: true when it is not. */
static bool
absent(const struct ir_dnsbl_zone *z, const struct ir_dns_query *q,
    struct ir_dnsbl_result *r)
{
	ir_dnsbl_judge(z, q, r);
	if (q->status == IR_DNS_NXDOMAIN || q->status == IR_DNS_NODATA)
		return true;
	if (q->status != IR_DNS_OK || r->verdict == IR_DNSBL_REFUSED)
		return false;
	if (strncmp(q->answer[0].text, "127.", 4))
		/* a parked domain, or a resolver that makes up answers */
		set(r, IR_DNSBL_UNKNOWN, "dead-zone", q->answer[0].text,
		    "answers anything");
	else if (r->verdict != IR_DNSBL_UNKNOWN)
		set(r, IR_DNSBL_UNKNOWN, "lists-the-world",
		    q->answer[0].text, "");
	return false;
}

bool
ir_dnsbl_believe(const struct ir_dnsbl_zone *z,
    const struct ir_dns_query *listed, const struct ir_dns_query *unlisted,
    const struct ir_dns_query *random, struct ir_dnsbl_result *r)
{
	memset(r, 0, sizeof *r);
	if (!absent(z, random, r))
		return false;
	if (unlisted && !absent(z, unlisted, r))
		return false;
	if (!listed)
		return true;
	ir_dnsbl_judge(z, listed, r);
	if (r->verdict == IR_DNSBL_UNKNOWN || r->verdict == IR_DNSBL_REFUSED)
		return false;
	if (listed->status != IR_DNS_OK) {
		set(r, IR_DNSBL_UNKNOWN, "empty-zone", "",
		    "its test point is not listed");
		return false;
	}
	return true;
}
