/* origin_parse.c - see origin_parse.h */
#include <stdlib.h>
#include <string.h>

#include "../core/record.h"
#include "origin_parse.h"

/* Networks that are shorter than this are announced by nobody. */
#define SHORTEST_V4 8
#define SHORTEST_V6 12

/* The next column, blanks around it cut off; false at the end. */
static bool
column(const char **s, const char *end, char sep, const char **p, size_t *n)
{
	const char *q;

	if (!*s)
		return false;
	q = memchr(*s, sep, (size_t)(end - *s));
	*p = *s;
	*n = (size_t)((q ? q : end) - *s);
	*s = q ? q + 1 : NULL;
	while (*n && (**p == ' ' || **p == '"'))
		(*p)++, (*n)--;
	while (*n && ((*p)[*n - 1] == ' ' || (*p)[*n - 1] == '"' ||
	    (*p)[*n - 1] == '\r'))
		(*n)--;
	return true;
}

static void
copy(char *to, size_t size, const char *p, size_t n)
{
	if (n >= size)
		n = size - 1;
	memcpy(to, p, n);
	to[n] = '\0';
}

/* Two capitals, or nothing. */
static void
copy_country(char to[3], const char *p, size_t n)
{
	to[0] = '\0';
	if (n == 2 && p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' &&
	    p[1] <= 'Z')
		copy(to, 3, p, 2);
}

/* Digits and nothing else: 1 to 4294967295; *s moves past them. */
static int
number(const char **s, const char *end, uint32_t *v)
{
	uint64_t x = 0;
	const char *p = *s;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		x = x * 10 + (uint64_t)(*p - '0');
		if (x > UINT32_MAX)
			return -1;
	}
	if (p == *s)
		return -1;
	*s = p;
	*v = (uint32_t)x;
	return 0;
}

void
ir_route_add_asn(struct ir_route *r, uint32_t asn)
{
	size_t i;

	for (i = 0; i < r->nasn; i++)
		if (r->asn[i] == asn)
			return;
	if (asn && r->nasn < IR_ORIGIN_ASNS)
		r->asn[r->nasn++] = asn;
}

/* "13335 209242", also "{13335,209242}": sets are written so. */
static int
read_asns(const char *p, size_t n, struct ir_route *r)
{
	const char *end = p + n;
	uint32_t asn;

	while (p < end) {
		if (*p == ' ' || *p == ',' || *p == '{' || *p == '}') {
			p++;
			continue;
		}
		if (number(&p, end, &asn))
			return -1;
		ir_route_add_asn(r, asn);
	}
	return r->nasn ? 0 : -1;
}

int
ir_cymru_route(const char *s, size_t n, struct ir_route *r)
{
	const char *end = s + n, *p;
	char text[IR_PREFIX_TEXT];
	size_t len, i;

	memset(r, 0, sizeof *r);
	if (!column(&s, end, '|', &p, &len) || read_asns(p, len, r) ||
	    !column(&s, end, '|', &p, &len) || len >= sizeof text ||
	    !memchr(p, '/', len))
		return -1;
	copy(text, sizeof text, p, len);
	if (strlen(text) != len || ir_prefix_parse(text, &r->prefix) ||
	    r->prefix.bits < (r->prefix.ip.v6 ? SHORTEST_V6 : SHORTEST_V4))
		return -1;
	if (column(&s, end, '|', &p, &len))
		copy_country(r->country, p, len);
	if (column(&s, end, '|', &p, &len) && len < sizeof r->registry) {
		for (i = 0; i < len; i++)
			if (p[i] < 'a' || p[i] > 'z')
				return 0;
		copy(r->registry, sizeof r->registry, p, len);
	}
	return 0;
}

int
ir_cymru_name(const char *s, size_t n, char name[IR_ORIGIN_NAME])
{
	const char *end = s + n, *p = s;
	size_t len = 0, i;

	for (i = 0; i < 5; i++)
		if (!column(&s, end, '|', &p, &len))
			return -1;
	if (len == 0)
		return -1;
	copy(name, IR_ORIGIN_NAME, p, len);
	return 0;
}

void
ir_route_merge(struct ir_route *best, const struct ir_route *r,
    const struct ir_ip *ip)
{
	size_t i;

	/* whatever it says of other addresses is not believed */
	if (!ir_prefix_holds(&r->prefix, ip))
		return;
	if (!best->nasn || r->prefix.bits > best->prefix.bits) {
		*best = *r;
		return;
	}
	if (r->prefix.bits == best->prefix.bits)
		for (i = 0; i < r->nasn; i++)
			ir_route_add_asn(best, r->asn[i]);
}

/* --- tables of ranges --------------------------------------------------- */

static int
read_ip(const char *p, size_t n, struct ir_ip *ip)
{
	char text[64];

	if (n == 0 || n >= sizeof text)
		return -1;
	copy(text, sizeof text, p, n);
	memset(ip, 0, sizeof *ip);
	return strlen(text) == n ? ir_ip_parse(text, true, ip) : -1;
}

int
ir_range_parse(const char *s, size_t n, struct ir_range *r)
{
	const char *end = s + n, *p;
	size_t len;

	memset(r, 0, sizeof *r);
	if (!column(&s, end, '\t', &p, &len) || read_ip(p, len, &r->first) ||
	    !column(&s, end, '\t', &p, &len) || read_ip(p, len, &r->last) ||
	    r->first.v6 != r->last.v6 || ir_ip_cmp(&r->first, &r->last) > 0 ||
	    !column(&s, end, '\t', &p, &len))
		return -1;
	if (len > 2 && (p[0] == 'A' || p[0] == 'a') &&
	    (p[1] == 'S' || p[1] == 's'))
		p += 2, len -= 2;
	if (number(&p, p + len, &r->asn))
		return -1;
	if (column(&s, end, '\t', &p, &len))
		copy_country(r->country, p, len);
	if (column(&s, end, '\t', &p, &len))
		copy(r->name, sizeof r->name, p, len);
	return 0;
}

void
ir_range_prefix(const struct ir_ip *first, const struct ir_ip *last,
    const struct ir_ip *ip, struct ir_prefix *p)
{
	int bits = ip->v6 ? 128 : 32, size = ip->v6 ? 16 : 4, i;
	struct ir_prefix q;
	struct ir_ip top;

	ir_prefix_of(ip, bits, p);
	while (bits-- > 0) {
		ir_prefix_of(ip, bits, &q);
		top = q.ip;
		for (i = bits; i < size * 8; i++)
			top.b[i / 8] |= (uint8_t)(0x80 >> (i % 8));
		if (ir_ip_cmp(&q.ip, first) < 0 || ir_ip_cmp(&top, last) > 0)
			return;
		*p = q;
	}
}

/* --- AWS ---------------------------------------------------------------- */

static int
add_range(struct ir_aws_ranges *a, const struct ir_rec *r, const char *key,
    struct ir_err *err)
{
	const char *text = ir_rec_get(r, key);
	struct ir_aws_range *v = &a->v[a->n];
	uint32_t first;

	memset(v, 0, sizeof *v);
	if (!text || ir_prefix_parse(text, &v->prefix))
		return ir_fail(err, IR_DATAERR, "not a network: %.60s",
		    text ? text : key);
#define COPY(field, name) do { \
	text = ir_rec_get(r, name); \
	copy(v->field, sizeof v->field, text ? text : "", \
	    text ? strlen(text) : 0); \
} while (0)
	COPY(service, "service");
	COPY(region, "region");
	COPY(group, "network_border_group");
#undef COPY
	if (ir_prefix_map_get(a->map, &v->prefix, &first)) {
		v->next = a->v[first].next;
		a->v[first].next = (uint32_t)a->n + 1;
	} else if (ir_prefix_map_set(a->map, &v->prefix, (uint32_t)a->n)) {
		return ir_fail(err, IR_OSERR, "no memory");
	}
	a->n++;
	return 0;
}

int
ir_aws_ranges_parse(struct ir_aws_ranges *a, const char *s, size_t n,
    struct ir_err *err)
{
	static const char *const lists[][2] = { { "prefixes", "ip_prefix" },
		{ "ipv6_prefixes", "ipv6_prefix" } };
	const struct ir_rec *l[2];
	struct ir_rec *top;
	const char *date;
	size_t total, i, k;
	int rc = -1;

	memset(a, 0, sizeof *a);
	if (n > IR_AWS_BYTES_MAX)
		return ir_fail(err, IR_DATAERR, "too large");
	top = ir_rec_parse(s, n, err);
	if (!top)
		return -1;
	for (i = total = 0; i < 2; i++) {
		l[i] = ir_rec_at(top, lists[i][0]);
		if (l[i] && ir_rec_kind(l[i]) == IR_REC_ARRAY)
			total += ir_rec_len(l[i]);
		else
			l[i] = NULL;
	}
	if (total == 0 || total > IR_AWS_RANGES_MAX) {
		ir_fail(err, IR_DATAERR, total ? "too many networks" :
		    "no \"prefixes\": not AWS's ip-ranges.json");
		goto out;
	}
	a->v = calloc(total, sizeof *a->v);
	a->map = ir_prefix_map_new();
	if (!a->v || !a->map) {
		ir_fail(err, IR_OSERR, "no memory");
		goto out;
	}
	date = ir_rec_get(top, "createDate");
	copy(a->date, sizeof a->date, date ? date : "",
	    date ? strlen(date) : 0);
	for (i = 0; i < 2; i++)
		for (k = 0; l[i] && k < ir_rec_len(l[i]); k++)
			if (add_range(a, ir_rec_item(l[i], k), lists[i][1],
			    err))
				goto out;
	rc = 0;
out:
	ir_rec_free(top);
	if (rc)
		ir_aws_ranges_free(a);
	return rc;
}

void
ir_aws_ranges_free(struct ir_aws_ranges *a)
{
	free(a->v);
	ir_prefix_map_free(a->map);
	memset(a, 0, sizeof *a);
}
