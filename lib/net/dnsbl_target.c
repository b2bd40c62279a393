/* dnsbl_target.c - what is asked about, and the names for it; see dnsbl.h */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBIDN2
#include <idn2.h>
#endif
#ifdef HAVE_LIBPSL
#include <libpsl.h>
#endif

#include "../core/text.h"
#include "dnsbl.h"
#include "prefix.h"

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

/* IANA's registry of special-purpose addresses (RFC 6890) */
static const char *
special4(const uint8_t *b)
{
	if (b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
	    (b[0] == 192 && b[1] == 168))
		return "private";
	if (b[0] == 127)
		return b[1] || b[2] ? "loopback" : NULL;
	if (b[0] == 169 && b[1] == 254)
		return "link-local";
	if (b[0] == 100 && (b[1] & 0xc0) == 64)
		return "shared";	/* RFC 6598 */
	if ((b[0] == 192 && b[1] == 0 && b[2] == 2) ||
	    (b[0] == 198 && b[1] == 51 && b[2] == 100) ||
	    (b[0] == 203 && b[1] == 0 && b[2] == 113))
		return "documentation";	/* RFC 5737 */
	if (b[0] == 198 && (b[1] & 0xfe) == 18)
		return "benchmark";	/* RFC 2544 */
	if (b[0] == 0 || b[0] >= 240 || (b[0] == 192 && !b[1] && !b[2]))
		return "reserved";
	if (b[0] >= 224)
		return "multicast";
	return NULL;
}

const char *
ir_ip_special(const struct ir_ip *ip)
{
	static const uint8_t zero[15];
	const uint8_t *b = ip->b;

	if (!ip->v6)
		return special4(b);
	if (memcmp(b, zero, 15) == 0)
		return b[15] == 1 ? "loopback" : "reserved";
	if ((b[0] & 0xfe) == 0xfc)
		return "private";
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return "link-local";
	if (b[0] == 0xff)
		return "multicast";
	if ((b[0] == 0x20 && b[1] == 1 && b[2] == 0x0d && b[3] == 0xb8) ||
	    (b[0] == 0x3f && b[1] == 0xff && b[2] < 0x10))
		return "documentation";	/* RFC 3849, 9637 */
	return NULL;
}

int
ir_net_parse(const char *s, struct ir_prefix *net)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (!strchr(s, '/') || ir_prefix_parse(s, net))
		return -1;
	if (!net->ip.v6 || memcmp(net->ip.b, mapped, 12) || net->bits < 96)
		return 0;
	memmove(net->ip.b, net->ip.b + 12, 4);
	memset(net->ip.b + 4, 0, 12);
	net->ip.v6 = false;
	net->bits -= 96;
	return 0;
}

uint64_t
ir_net_size(const struct ir_prefix *net)
{
	int rest = (net->ip.v6 ? 128 : 32) - net->bits;

	return rest >= 64 ? UINT64_MAX : (uint64_t)1 << rest;
}

struct ir_ip
ir_ip_add(const struct ir_ip *ip, uint64_t i)
{
	struct ir_ip out = *ip;
	int at = ip->v6 ? 15 : 3;

	for (; at >= 0 && i; at--) {
		i += out.b[at];
		out.b[at] = (uint8_t)i;
		i >>= 8;
	}
	return out;
}

/* --- domains and mail addresses ----------------------------------------- */

bool
ir_dnsbl_have_psl(void)
{
#ifdef HAVE_LIBPSL
	return psl_builtin() != NULL;
#else
	return false;
#endif
}

bool
ir_dnsbl_have_idn(void)
{
#ifdef HAVE_LIBIDN2
	return true;
#else
	return false;
#endif
}

/* NULL when it cannot be told, or there is none: a public suffix. */
static char *
registered_domain(const char *name)
{
	const char *r = NULL;

#ifdef HAVE_LIBPSL
	if (psl_builtin())
		r = psl_registrable_domain(psl_builtin(), name);
#else
	const char *dot = strchr(name, '.');

	if (dot && !strchr(dot + 1, '.'))
		r = name;	/* cannot be shorter */
#endif
	return r ? strdup(r) : NULL;
}

static bool
ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* The A-label of s into out; 0, or -1 and *why. */
static int
a_label(const char *s, char *out, size_t size, const char **why)
{
#ifdef HAVE_LIBIDN2
	uint8_t *got = NULL;
	int rc;

	if (!ascii(s)) {
		rc = idn2_lookup_u8((const uint8_t *)s, &got,
		    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
		if (rc != IDN2_OK || strlen((char *)got) >= size) {
			idn2_free(got);
			*why = "not a domain name that IDNA allows";
			return -1;
		}
		snprintf(out, size, "%s", (char *)got);
		idn2_free(got);
		return 0;
	}
#else
	if (!ascii(s)) {
		*why = "a domain beyond ASCII needs libidn2, which was not "
		    "there when this was built";
		return -1;
	}
#endif
	if ((size_t)snprintf(out, size, "%s", s) >= size) {
		*why = "too long for a domain";
		return -1;
	}
	return 0;
}

/* In place to lower case; two labels or more, the last not a number. */
static bool
domain_ok(char *s)
{
	size_t i, n = strlen(s), label = 0, dots = 0;
	bool number = true;

	for (i = 0; i < n; i++) {
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
		if (s[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			dots++;
			number = true;
			continue;
		}
		if (s[i] < '0' || s[i] > '9')
			number = false;
		if (!((s[i] >= 'a' && s[i] <= 'z') || s[i] == '-' ||
		    s[i] == '_' || (s[i] >= '0' && s[i] <= '9')) ||
		    ++label > 63)
			return false;
	}
	return label > 0 && dots > 0 && !number && n <= 253;
}

int
ir_dnsbl_target(const char *s, struct ir_dnsbl_target *t, struct ir_err *err)
{
	const char *why = "not an IP address, a domain or a mail address";
	const char *at = strrchr(s, '@'), *host = at ? at + 1 : s;
	char name[256], domain[1024];
	size_t n = strlen(host);

	memset(t, 0, sizeof *t);
	if (ir_ip_parse(s, false, &t->ip) == 0) {
		t->kind = t->ip.v6 ? IR_DNSBL_IP6 : IR_DNSBL_IP4;
		return 0;
	}
	if (n && host[n - 1] == '.')
		n--;
	if (n == 0 || n >= sizeof domain || (at && (at == s ||
	    at - s > 64 || !ascii(s) || strpbrk(s, " \t<>,;"))))
		return ir_fail(err, IR_DATAERR, "%s: %.80s", why, s);
	memcpy(domain, host, n);
	domain[n] = '\0';
	if (a_label(domain, name, sizeof name, &why) || !domain_ok(name))
		return ir_fail(err, IR_DATAERR, "%s: %.80s", why, s);
	t->kind = at ? IR_DNSBL_MAIL : IR_DNSBL_DOMAIN;
	if (at) {
		snprintf(domain, sizeof domain, "%.*s@%s", (int)(at - s), s,
		    name);
		for (n = 0; domain[n]; n++)
			if (domain[n] >= 'A' && domain[n] <= 'Z')
				domain[n] = (char)(domain[n] - 'A' + 'a');
		t->name = strdup(domain);
	} else {
		t->name = strdup(name);
		t->registered = registered_domain(name);
	}
	return t->name ? 0 : ir_fail(err, IR_OSERR, "no memory");
}

void
ir_dnsbl_target_free(struct ir_dnsbl_target *t)
{
	free(t->name);
	free(t->registered);
	memset(t, 0, sizeof *t);
}

bool
ir_dnsbl_target_same(const struct ir_dnsbl_target *a,
    const struct ir_dnsbl_target *b)
{
	if (a->kind != b->kind)
		return false;
	return a->name ? strcmp(a->name, b->name) == 0 :
	    memcmp(&a->ip, &b->ip, sizeof a->ip) == 0;
}

char *
ir_dnsbl_target_text(const struct ir_dnsbl_target *t, char *buf, size_t size)
{
	if (!t->name)
		return ir_ip_text(&t->ip, buf, size);
	snprintf(buf, size, "%s", t->name);
	return buf;
}

/* Is name the domain, or below it? */
static bool
within(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n >= d && strcmp(name + n - d, domain) == 0 &&
	    (n == d || name[n - d - 1] == '.');
}

const char *
ir_dnsbl_special(const struct ir_dnsbl_target *t)
{
	/* RFC 6761, 6762, 7686, 8375, 9476; ".internal" is ICANN's */
	static const char *const house[] = { "localhost", "local", "internal",
		"home.arpa", "lan", "corp", "home", "onion", "alt", NULL };
	static const char *const book[] = { "example", "example.com",
		"example.net", "example.org", "test", "invalid", NULL };
	const char *name = t->name;
	size_t i;

	if (!name)
		return ir_ip_special(&t->ip);
	if (strrchr(name, '@'))
		name = strrchr(name, '@') + 1;
	for (i = 0; house[i]; i++)
		if (within(name, house[i]))
			return "private";
	for (i = 0; book[i]; i++)
		if (within(name, book[i]))
			return "documentation";
	return NULL;
}

/* --- names -------------------------------------------------------------- */

static size_t
ip_label(const struct ir_ip *ip, char *out, size_t size)
{
	size_t used = 0;
	int i;

	if (!ip->v6)
		return (size_t)snprintf(out, size, "%u.%u.%u.%u", ip->b[3],
		    ip->b[2], ip->b[1], ip->b[0]);
	for (i = 15; i >= 0; i--)
		used += (size_t)snprintf(out + used, size - used, "%x.%x%s",
		    (unsigned)ip->b[i] & 15, (unsigned)ip->b[i] >> 4,
		    i ? "." : "");
	return used;
}

/* SHA-1 of the address in lower case, as hex: what hash lists go by. */
static size_t
mail_label(const char *mail, char *out, size_t size)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;
	size_t used = 0;

	if (EVP_Digest(mail, strlen(mail), md, &n, EVP_sha1(), NULL) != 1)
		return 0;
	for (i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, size - used, "%02x",
		    md[i]);
	return used;
}

static int
join(const char *label, const char *zone, char out[256])
{
	size_t n = strlen(label), z = strlen(zone);

	if (n == 0 || n + 1 + z > 253)
		return -1;
	memcpy(out, label, n);
	out[n] = '.';
	memcpy(out + n + 1, zone, z + 1);
	return 0;
}

int
ir_dnsbl_name(const struct ir_ip *ip, const char *zone, char out[256])
{
	char label[80];

	ip_label(ip, label, sizeof label);
	return join(label, zone, out);
}

int
ir_dnsbl_question(const struct ir_dnsbl_target *t,
    const struct ir_dnsbl_zone *z, char out[256], const char **why)
{
	char label[256] = "";

	*why = "name-too-long";
	switch (t->kind) {
	case IR_DNSBL_MAIL:
		mail_label(t->name, label, sizeof label);
		break;
	case IR_DNSBL_DOMAIN:
		if (z->registered && !t->registered) {
			*why = ir_dnsbl_have_psl() ? "public-suffix" :
			    "no-psl";
			return -1;
		}
		snprintf(label, sizeof label, "%s", z->registered ?
		    t->registered : t->name);
		break;
	case IR_DNSBL_IP4:
	case IR_DNSBL_IP6:
	case IR_DNSBL_KINDS:
	default:
		ip_label(&t->ip, label, sizeof label);
	}
	return join(label, z->name, out);
}
