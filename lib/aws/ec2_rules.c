/* ec2_rules.c - see ec2_rules.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ec2_rules.h"

/* Sorted. Where mail servers and SES take mail. */
static const int mail_ports[] = { 25, 465, 587, 2465, 2525, 2587 };
#define MAIL_PORTS (sizeof mail_ports / sizeof *mail_ports)

int
ir_sg_add(struct ir_sg_rules *r, const struct ir_sg_rule *rule,
    struct ir_err *err)
{
	struct ir_sg_rule *v;
	size_t cap = r->cap ? r->cap * 2 : 32;

	if (r->n == IR_SG_RULES_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d rules",
		    IR_SG_RULES_MAX);
	if (r->n == r->cap) {
		v = realloc(r->v, cap * sizeof *v);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = *rule;
	return 0;
}

void
ir_sg_free(struct ir_sg_rules *r)
{
	free(r->v);
	*r = (struct ir_sg_rules){ NULL, 0, 0 };
}

static bool
copied(char *out, size_t size, const char *s)
{
	return s && *s && (size_t)snprintf(out, size, "%s", s) < size;
}

/* XML has numbers and booleans as text. */
static int
number(const struct ir_rec *rec, const char *key)
{
	const char *s = ir_rec_get(rec, key);

	return s && *s ? (int)strtol(s, NULL, 10) : -1;
}

int
ir_sg_read(const struct ir_rec *rec, struct ir_sg_rule *r,
    struct ir_err *err)
{
	const char *s = ir_rec_get(rec, "isEgress");
	static const struct {
		const char *path;
		enum ir_sg_peer kind;
	} peers[] = {
		{ "cidrIpv4", IR_SG_CIDR4 }, { "cidrIpv6", IR_SG_CIDR6 },
		{ "prefixListId", IR_SG_PREFIX },
		{ "referencedGroupInfo.groupId", IR_SG_GROUP },
	};
	bool ok = false;
	size_t i;

	*r = (struct ir_sg_rule){ .kind = IR_SG_CIDR4 };
	r->egress = s && strcmp(s, "true") == 0;
	for (i = 0; i < sizeof peers / sizeof *peers && !ok; i++) {
		r->kind = peers[i].kind;
		ok = copied(r->peer, sizeof r->peer,
		    ir_rec_get(rec, peers[i].path));
	}
	r->from = number(rec, "fromPort");
	r->to = number(rec, "toPort");
	if (!s || !ok || !copied(r->protocol, sizeof r->protocol,
	    ir_rec_get(rec, "ipProtocol")) || !copied(r->id, sizeof r->id,
	    ir_rec_get(rec, "securityGroupRuleId")))
		return ir_fail(err, IR_PROTOCOL,
		    "a security group rule that is not understood");
	(void)copied(r->owner, sizeof r->owner,
	    ir_rec_get(rec, "referencedGroupInfo.userId"));
	(void)copied(r->note, sizeof r->note, ir_rec_get(rec, "description"));
	return 0;
}

bool
ir_sg_same(const struct ir_sg_rule *a, const struct ir_sg_rule *b)
{
	return a->egress == b->egress && a->kind == b->kind &&
	    a->from == b->from && a->to == b->to &&
	    strcmp(a->protocol, b->protocol) == 0 &&
	    strcmp(a->peer, b->peer) == 0;
}

bool
ir_sg_has(const struct ir_sg_rules *r, const struct ir_sg_rule *rule)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (ir_sg_same(&r->v[i], rule))
			return true;
	return false;
}

/* The ports that a rule opens for TCP; false: none. */
static bool
tcp_ports(const struct ir_sg_rule *r, int *from, int *to)
{
	bool all = strcmp(r->protocol, "-1") == 0;

	if (!all && strcmp(r->protocol, "tcp") != 0 &&
	    strcmp(r->protocol, "6") != 0)
		return false;
	all = all || r->from < 0;
	*from = all ? 0 : r->from;
	*to = all ? 65535 : r->to;
	return true;
}

static bool
lets_mail(const struct ir_sg_rule *r)
{
	int from, to;
	size_t i;

	if (!r->egress || !tcp_ports(r, &from, &to))
		return false;
	for (i = 0; i < MAIL_PORTS; i++)
		if (from <= mail_ports[i] && mail_ports[i] <= to)
			return true;
	return false;
}

bool
ir_sg_lets_mail(const struct ir_sg_rules *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (lets_mail(&r->v[i]))
			return true;
	return false;
}

/* Append a variant of a rule, unless it is there. */
static int
variant(struct ir_sg_rules *out, const struct ir_sg_rule *of,
    const char *protocol, int from, int to, struct ir_err *err)
{
	struct ir_sg_rule r = *of;

	r.id[0] = '\0';
	snprintf(r.protocol, sizeof r.protocol, "%s", protocol);
	r.from = from;
	r.to = to;
	return ir_sg_has(out, &r) ? 0 : ir_sg_add(out, &r, err);
}

/* The ports of TCP between those of mail. */
static int
complement(struct ir_sg_rules *out, const struct ir_sg_rule *of,
    struct ir_err *err)
{
	int from = 0, to = -1, next, end;
	size_t i;

	(void)tcp_ports(of, &from, &to);
	for (i = 0, next = from; i <= MAIL_PORTS; i++) {
		end = i < MAIL_PORTS && mail_ports[i] <= to ?
		    mail_ports[i] - 1 : to;
		if (end >= next &&
		    variant(out, of, "tcp", next, end, err))
			return -1;
		if (i < MAIL_PORTS && mail_ports[i] >= next)
			next = mail_ports[i] + 1;
		if (end == to)
			break;
	}
	return 0;
}

/* What "every protocol" is without the mail ports of TCP. */
static int
others(struct ir_sg_rules *out, const struct ir_sg_rule *of,
    struct ir_err *err)
{
	static const char *const tunnels[] = { "47", "50", "51" };
	size_t i;

	if (strcmp(of->protocol, "-1") != 0)
		return 0;
	if (variant(out, of, "udp", 0, 65535, err) ||
	    (of->kind != IR_SG_CIDR6 &&
	    variant(out, of, "icmp", -1, -1, err)) ||
	    (of->kind != IR_SG_CIDR4 &&
	    variant(out, of, "icmpv6", -1, -1, err)))
		return -1;
	for (i = 0; i < sizeof tunnels / sizeof *tunnels; i++)
		if (variant(out, of, tunnels[i], -1, -1, err))
			return -1;
	return 0;
}

/* The mail ports that a rule has open, to one allowed network. */
static int
keep_open(struct ir_sg_rules *out, const struct ir_sg_rule *of,
    const char *network, struct ir_err *err)
{
	struct ir_sg_rule r = *of;
	int from, to;
	size_t i;

	if ((of->kind != IR_SG_CIDR4 && of->kind != IR_SG_CIDR6) ||
	    !ir_cidr_common(of->peer, network, r.peer) ||
	    !tcp_ports(of, &from, &to))
		return 0;
	for (i = 0; i < MAIL_PORTS; i++)
		if (from <= mail_ports[i] && mail_ports[i] <= to &&
		    variant(out, &r, "tcp", mail_ports[i], mail_ports[i],
		    err))
			return -1;
	return 0;
}

int
ir_sg_without_mail(const struct ir_sg_rules *in, const char *const *allow,
    size_t nallow, struct ir_sg_rules *out, struct ir_err *err)
{
	const struct ir_sg_rule *r;
	size_t i, k;

	for (k = 0; k < nallow; k++)
		if (!ir_cidr_ok(allow[k]))
			return ir_fail(err, IR_USAGE, "not a network: %s",
			    allow[k]);
	for (i = 0; i < in->n; i++) {
		r = &in->v[i];
		if (!lets_mail(r)) {
			if (variant(out, r, r->protocol, r->from, r->to, err))
				return -1;
			continue;
		}
		if (complement(out, r, err) || others(out, r, err))
			return -1;
		for (k = 0; k < nallow; k++)
			if (keep_open(out, r, allow[k], err))
				return -1;
	}
	return 0;
}

size_t
ir_sg_count(const struct ir_sg_rules *r, bool egress, int version)
{
	enum ir_sg_peer other = version == 4 ? IR_SG_CIDR6 : IR_SG_CIDR4;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		n += r->v[i].egress == egress && r->v[i].kind != other;
	return n;
}

/* --- networks ---------------------------------------------------------- */

struct network {
	int family, bits;
	unsigned char b[16];
};

static bool
parse(const char *s, struct network *n)
{
	const char *slash = strchr(s, '/');
	char host[64], *end;
	size_t len = slash ? (size_t)(slash - s) : 0;
	long bits;
	int i, max;

	if (!slash || len == 0 || len >= sizeof host)
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	n->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	max = n->family == AF_INET ? 32 : 128;
	bits = strtol(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end || bits > max ||
	    inet_pton(n->family, host, n->b) != 1)
		return false;
	n->bits = (int)bits;
	/* 10.0.0.1/8 is a slip: which of the two was meant? */
	for (i = n->bits; i < max; i++)
		if (n->b[i / 8] & (0x80 >> i % 8))
			return false;
	return true;
}

bool
ir_cidr_ok(const char *s)
{
	struct network n;

	return parse(s, &n);
}

static bool
inside(const struct network *small, const struct network *large)
{
	int i;

	if (small->family != large->family || small->bits < large->bits)
		return false;
	for (i = 0; i < large->bits; i++)
		if ((small->b[i / 8] ^ large->b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

bool
ir_cidr_common(const char *a, const char *b, char *out)
{
	struct network x, y;
	const char *which;

	if (!parse(a, &x) || !parse(b, &y))
		return false;
	which = inside(&x, &y) ? a : inside(&y, &x) ? b : NULL;
	return which && copied(out, 64, which);
}
