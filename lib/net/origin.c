/* origin.c - see origin.h */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "../core/record.h"
#include "../core/text.h"
#include "../log/input.h"
#include "dns.h"
#include "origin.h"
#include "origin_mmdb.h"

#define ROUTES_MAX 500000	/* answers that are kept */
#define CACHE_BYTES (32u << 20)
#define ZONE_V4 "origin.asn.cymru.com"
#define ZONE_V6 "origin6.asn.cymru.com"
#define ZONE_AS "asn.cymru.com"
/* What is asked about together, until the answer names the network. */
#define GROUP_V4 24
#define GROUP_V6 48
#define ROUNDS 8

struct row {
	struct ir_ip first, last;
	uint32_t asn, name;	/* name: offset in text */
	char country[3];
};

/* A table of ranges. */
struct table {
	struct row *row;
	size_t n, cap;
	struct ir_buf text;
	char source[48];
};

/* An answer; nasn 0: nobody announces it. */
struct answer {
	struct ir_route r;
	int64_t until;
};

struct as_name {
	uint32_t asn;		/* 0: free */
	int64_t until;
	char name[IR_ORIGIN_NAME];
};

struct ir_origins {
	struct ir_mmdb *mmdb[IR_ORIGIN_DBS];
	struct table *table[IR_ORIGIN_DBS];
	size_t nmmdb, ntables;
	char said[IR_ORIGIN_DBS * 2 + 1][80];
	size_t nsaid;
	struct ir_aws_ranges aws;

	bool dns, changed;
	char *resolver, *cache;
	int deadline_ms;
	struct answer *answer;
	size_t nanswers, cap_answers;
	struct ir_prefix_map *map, *failed;	/* failed: this run's */
	struct as_name *names;			/* a hash table */
	size_t nnames, cap_names;
};

/* --- tables of ranges --------------------------------------------------- */

static int
add_row(struct table *t, const struct ir_range *r, struct ir_err *err)
{
	struct row *v;
	const char *last;

	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 4096;
		v = t->n < IR_ORIGIN_ROWS ? realloc(t->row,
		    t->cap * sizeof *v) : NULL;
		if (!v)
			return ir_fail(err, IR_OSERR,
			    "too many ranges, or no memory");
		t->row = v;
	}
	v = &t->row[t->n];
	memset(v, 0, sizeof *v);
	v->first = r->first;
	v->last = r->last;
	v->asn = r->asn;
	memcpy(v->country, r->country, 3);
	/* neighbours often have the same owner */
	last = t->n && v[-1].asn == r->asn ? ir_buf_cstr(&t->text) +
	    v[-1].name : NULL;
	if (last && strcmp(last, r->name) == 0) {
		v->name = v[-1].name;
	} else {
		v->name = (uint32_t)t->text.len;
		ir_buf_add(&t->text, r->name, strlen(r->name) + 1);
	}
	t->n++;
	return ir_buf_check(&t->text, "names", err);
}

static int
by_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return ir_ip_cmp(&x->first, &y->first);
}

static void
free_table(struct table *t)
{
	if (!t)
		return;
	free(t->row);
	ir_buf_free(&t->text);
	free(t);
}

static struct table *
read_table(const char *path, struct ir_err *err)
{
	struct ir_log_input *in = NULL;
	struct table *t = calloc(1, sizeof *t);
	const char *p, *base = strrchr(path, '/');
	struct ir_range r;
	size_t n, lines = 0;
	int rc = -1;

	if (!t || ir_log_open(&in, path, err)) {
		free(t);
		return NULL;
	}
	t->text.max = 256u << 20;
	snprintf(t->source, sizeof t->source, "%.47s", base ? base + 1 : path);
	ir_text_printable(t->source);
	while ((rc = ir_log_line(in, &p, &n, NULL, err)) > 0) {
		lines++;
		if (n == 0 || *p == '#')
			continue;
		if (ir_range_parse(p, n, &r)) {
			rc = ir_fail(err, IR_DATAERR, "%s:%zu: neither a "
			    "database nor a range: FIRST, LAST, ASN, ...",
			    path, lines);
			break;
		}
		if (r.asn || r.country[0])
			if ((rc = add_row(t, &r, err)))
				break;
	}
	ir_log_close(in);
	if (rc == 0 && t->n == 0)
		rc = ir_fail(err, IR_DATAERR, "%s: no range in it", path);
	if (rc) {
		free_table(t);
		return NULL;
	}
	qsort(t->row, t->n, sizeof *t->row, by_first);
	return t;
}

/* The range that begins last before the address, if it is in it. */
static const struct row *
find_row(const struct table *t, const struct ir_ip *ip)
{
	size_t lo = 0, hi = t->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ir_ip_cmp(&t->row[mid].first, ip) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && t->row[lo - 1].first.v6 == ip->v6 &&
	    ir_ip_cmp(ip, &t->row[lo - 1].last) <= 0 ? &t->row[lo - 1] : NULL;
}

static bool
find_table(const struct table *t, const struct ir_ip *ip,
    struct ir_origin *out)
{
	const struct row *r = find_row(t, ip);
	bool asn = r && r->asn && !out->nasn;
	bool country = r && r->country[0] && !out->country[0];
	struct ir_prefix p;

	if (!asn && !country)
		return false;
	if (asn || !out->prefix[0]) {
		ir_range_prefix(&r->first, &r->last, ip, &p);
		ir_prefix_text(&p, out->prefix, sizeof out->prefix);
	}
	if (asn) {
		out->asn[out->nasn++] = r->asn;
		snprintf(out->name, sizeof out->name, "%s",
		    ir_buf_cstr(&t->text) + r->name);
	}
	if (country)
		memcpy(out->country, r->country, 3);
	return true;
}

/* --- what Team Cymru said ------------------------------------------------ */

static struct as_name *
name_place(const struct ir_origins *o, uint32_t asn)
{
	size_t i = asn * 2654435761u & (o->cap_names - 1);

	while (o->names[i].asn && o->names[i].asn != asn)
		i = (i + 1) & (o->cap_names - 1);
	return &o->names[i];
}

static int
grow_names(struct ir_origins *o)
{
	struct as_name *old = o->names;
	size_t n = o->cap_names, i;

	o->names = calloc(n ? n * 2 : 256, sizeof *old);
	if (!o->names) {
		o->names = old;
		return -1;
	}
	o->cap_names = n ? n * 2 : 256;
	for (i = 0; i < n; i++)
		if (old[i].asn)
			*name_place(o, old[i].asn) = old[i];
	free(old);
	return 0;
}

static void
put_name(struct ir_origins *o, uint32_t asn, const char *name, int64_t until)
{
	struct as_name *p;

	if (o->nnames * 4 >= o->cap_names * 3 && (o->nnames >= ROUTES_MAX ||
	    grow_names(o)))
		return;
	p = name_place(o, asn);
	o->nnames += p->asn == 0;
	p->asn = asn;
	p->until = until;
	snprintf(p->name, sizeof p->name, "%s", name);
}

/* NULL: not known; "" it has none. */
static const char *
find_name(const struct ir_origins *o, uint32_t asn)
{
	const struct as_name *p = o->cap_names ? name_place(o, asn) : NULL;

	return p && p->asn ? p->name : NULL;
}

static void
put_answer(struct ir_origins *o, const struct ir_route *r, int64_t until)
{
	struct answer *v;
	uint32_t at;

	if (ir_prefix_map_get(o->map, &r->prefix, &at)) {
		o->answer[at] = (struct answer){ *r, until };
		return;
	}
	if (o->nanswers == o->cap_answers) {
		if (o->nanswers >= ROUTES_MAX)
			return;
		o->cap_answers = o->cap_answers ? o->cap_answers * 2 : 256;
		v = realloc(o->answer, o->cap_answers * sizeof *v);
		if (!v) {
			o->cap_answers = o->nanswers;
			return;
		}
		o->answer = v;
	}
	if (ir_prefix_map_set(o->map, &r->prefix, (uint32_t)o->nanswers))
		return;
	o->answer[o->nanswers++] = (struct answer){ *r, until };
}

static const struct answer *
find_answer(const struct ir_origins *o, const struct ir_ip *ip)
{
	uint32_t at;

	return o->map && ir_prefix_map_find(o->map, ip, -1, &at) >= 0 ?
	    &o->answer[at] : NULL;
}

/* --- the cache file ------------------------------------------------------ */

/* A field up to the next tab, NUL-terminated in buf; false: too long. */
static bool
take(const char **p, const char *end, char *buf, size_t size)
{
	const char *tab = memchr(*p, '\t', (size_t)(end - *p));
	size_t n = (size_t)((tab ? tab : end) - *p);

	if (n >= size || memchr(*p, '\0', n))
		return false;
	memcpy(buf, *p, n);
	buf[n] = '\0';
	*p = tab ? tab + 1 : end;
	return true;
}

/* "p PREFIX ASNS CC REGISTRY UNTIL", "a ASN NAME UNTIL" */
static void
cache_line(struct ir_origins *o, const char *p, size_t n, int64_t now)
{
	char kind[4], a[IR_PREFIX_TEXT], b[128], c[4], d[12], t[24];
	const char *end = p + n, *s;
	struct ir_route r = { .nasn = 0 };
	int64_t until;

	if (!take(&p, end, kind, sizeof kind) || !take(&p, end, a, sizeof a) ||
	    !take(&p, end, b, sizeof b))
		return;
	if (strcmp(kind, "a") == 0 && take(&p, end, t, sizeof t)) {
		until = strtoll(t, NULL, 10);
		r.asn[0] = (uint32_t)strtoul(a, NULL, 10);
		if (r.asn[0] && until > now &&
		    until <= now + IR_ORIGIN_DAYS * 86400)
			put_name(o, r.asn[0], b, until);
		return;
	}
	if (strcmp(kind, "p") || !take(&p, end, c, sizeof c) ||
	    !take(&p, end, d, sizeof d) || !take(&p, end, t, sizeof t) ||
	    ir_prefix_parse(a, &r.prefix) || r.prefix.bits < 8)
		return;
	for (s = b; *s && r.nasn < IR_ORIGIN_ASNS; s += *s == ',') {
		ir_route_add_asn(&r, (uint32_t)strtoul(s, NULL, 10));
		s += strcspn(s, ",");
	}
	snprintf(r.country, sizeof r.country, "%.2s", c);
	snprintf(r.registry, sizeof r.registry, "%s", d);
	until = strtoll(t, NULL, 10);
	if (until > now && until <= now + IR_ORIGIN_DAYS * 86400)
		put_answer(o, &r, until);
}

void
ir_origins_cache_read(struct ir_origins *o, const char *s, size_t n,
    int64_t now)
{
	const char *end = s + n, *nl;

	while (s < end) {
		nl = memchr(s, '\n', (size_t)(end - s));
		cache_line(o, s, (size_t)((nl ? nl : end) - s), now);
		s = nl ? nl + 1 : end;
	}
}

/* One that cannot be read is one that is not there: it is only a cache. */
static void
load_cache(struct ir_origins *o)
{
	struct ir_buf b = IR_BUF(CACHE_BYTES);

	if (o->cache && access(o->cache, R_OK) == 0 &&
	    ir_buf_read_file(&b, o->cache, NULL) == 0)
		ir_origins_cache_read(o, ir_buf_cstr(&b), b.len, ir_now());
	ir_buf_free(&b);
}

int
ir_origins_save(struct ir_origins *o, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(CACHE_BYTES);
	char text[IR_PREFIX_TEXT];
	const struct ir_route *r;
	size_t i, k;
	int rc;

	if (!o->cache || !o->changed)
		return 0;
	for (i = 0; i < o->nanswers; i++) {
		r = &o->answer[i].r;
		ir_buf_fmt(&b, "p\t%s\t", ir_prefix_text(&r->prefix, text,
		    sizeof text));
		for (k = 0; k < r->nasn; k++)
			ir_buf_fmt(&b, "%s%u", k ? "," : "", r->asn[k]);
		ir_buf_fmt(&b, "\t%s\t%s\t%lld\n", r->country, r->registry,
		    (long long)o->answer[i].until);
	}
	for (i = 0; i < o->cap_names; i++)
		if (o->names[i].asn)
			ir_buf_fmt(&b, "a\t%u\t%s\t%lld\n", o->names[i].asn,
			    o->names[i].name, (long long)o->names[i].until);
	rc = ir_buf_check(&b, o->cache, err);
	if (rc == 0)
		rc = ir_file_replace(o->cache, ir_buf_cstr(&b), b.len, 0600,
		    err);
	o->changed = rc != 0;
	ir_buf_free(&b);
	return rc;
}

/* --- asking -------------------------------------------------------------- */

static void
group_of(const struct ir_ip *ip, struct ir_prefix *p)
{
	ir_prefix_of(ip, ip->v6 ? GROUP_V6 : GROUP_V4, p);
}

/* Is it for the DNS, and not known yet? */
static bool
to_ask(struct ir_origins *o, const struct ir_ip *ip)
{
	struct ir_origin out;
	struct ir_prefix p;
	uint32_t v;

	group_of(ip, &p);
	return !find_answer(o, ip) && !ir_prefix_map_get(o->failed, &p, &v) &&
	    !ir_ip_special(ip) && (!ir_origins_find(o, ip, &out) ||
	    !out.nasn);
}

static void
take_route(struct ir_origins *o, const struct ir_ip *ip,
    const struct ir_dns_query *q)
{
	struct ir_route best = { .nasn = 0 }, r;
	struct ir_prefix group;
	size_t i;

	group_of(ip, &group);
	for (i = 0; q->status == IR_DNS_OK && i < q->n; i++)
		if (ir_cymru_route(q->answer[i].text, q->answer[i].len,
		    &r) == 0)
			ir_route_merge(&best, &r, ip);
	if (best.nasn == 0 && q->status != IR_DNS_NXDOMAIN &&
	    q->status != IR_DNS_NODATA) {
		(void)ir_prefix_map_set(o->failed, &group, (uint32_t)
		    (q->status == IR_DNS_OK ? IR_DNS_BAD : q->status));
		return;
	}
	if (best.nasn == 0)
		best.prefix = group;
	put_answer(o, &best, ir_now() + (best.nasn ? IR_ORIGIN_DAYS : 1) *
	    86400);
	o->changed = true;
}

static int
ask(struct ir_origins *o, struct ir_dns_query *q, size_t n,
    struct ir_err *err)
{
	const struct ir_dns_opts opts = { .resolver = o->resolver,
		.deadline_ms = o->deadline_ms };

	return n ? ir_dns_run(&opts, q, n, NULL, NULL, err) : 0;
}

/* One question for each group of addresses that nothing is known about. */
static int
ask_routes(struct ir_origins *o, const struct ir_ip *ips, size_t n,
    bool *again, struct ir_err *err)
{
	struct ir_dns_query *q = calloc(n, sizeof *q);
	struct ir_prefix_map *seen = ir_prefix_map_new();
	struct ir_prefix p;
	uint32_t at;
	size_t i, asked = 0;
	int rc = -1;

	if (!q || !seen) {
		ir_fail(err, IR_OSERR, "no memory");
		goto out;
	}
	for (i = 0; i < n; i++) {
		group_of(&ips[i], &p);
		if (ir_prefix_map_get(seen, &p, &at) || !to_ask(o, &ips[i]))
			continue;
		if (ir_prefix_map_set(seen, &p, (uint32_t)i) ||
		    ir_dnsbl_name(&ips[i], ips[i].v6 ? ZONE_V6 : ZONE_V4,
		    q[asked].name))
			continue;
		q[asked].type = IR_DNS_TXT;
		q[asked++].arg = (void *)(uintptr_t)i;
	}
	rc = ask(o, q, asked, err);
	for (i = 0; rc == 0 && i < asked; i++)
		take_route(o, &ips[(uintptr_t)q[i].arg], &q[i]);
	*again = asked > 0;
out:
	for (i = 0; q && i < n; i++)
		ir_dns_query_free(&q[i]);
	free(q);
	ir_prefix_map_free(seen);
	return rc;
}

/* Names of the systems that the answers about these addresses have. */
static int
ask_names(struct ir_origins *o, const struct ir_ip *ips, size_t n,
    struct ir_err *err)
{
	struct ir_dns_query *q = calloc(n, sizeof *q);
	char name[IR_ORIGIN_NAME];
	const struct answer *a;
	size_t i, k, asked = 0;
	uint32_t asn;
	int rc;

	if (!q)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n; i++) {
		a = find_answer(o, &ips[i]);
		if (!a || !a->r.nasn || find_name(o, a->r.asn[0]))
			continue;
		/* taken as nameless, so that it is asked for once */
		put_name(o, a->r.asn[0], "", ir_now());
		snprintf(q[asked].name, sizeof q[asked].name, "AS%u." ZONE_AS,
		    a->r.asn[0]);
		q[asked].type = IR_DNS_TXT;
		q[asked++].arg = (void *)(uintptr_t)a->r.asn[0];
	}
	rc = ask(o, q, asked, err);
	for (i = 0; rc == 0 && i < asked; i++) {
		asn = (uint32_t)(uintptr_t)q[i].arg;
		for (k = 0; q[i].status == IR_DNS_OK && k < q[i].n; k++) {
			if (ir_cymru_name(q[i].answer[k].text,
			    q[i].answer[k].len, name))
				continue;
			ir_text_printable(name);
			put_name(o, asn, name, ir_now() +
			    IR_ORIGIN_DAYS * 86400);
			o->changed = true;
			break;
		}
	}
	for (i = 0; i < asked; i++)
		ir_dns_query_free(&q[i]);
	free(q);
	return rc;
}

int
ir_origins_fetch(struct ir_origins *o, const struct ir_ip *ips, size_t n,
    struct ir_err *err)
{
	bool again = true;
	int round;

	if (!o->dns || n == 0)
		return 0;
	if (n > IR_ORIGIN_BATCH)
		return ir_fail(err, IR_SOFTWARE, "more than a batch");
	/* a network smaller than the group leaves the rest to another round */
	for (round = 0; again && round < ROUNDS; round++)
		if (ask_routes(o, ips, n, &again, err))
			return -1;
	return ask_names(o, ips, n, err);
}

/* --- finding ------------------------------------------------------------- */

static void
add_source(struct ir_origin *out, const char *name)
{
	size_t n = strlen(out->source);

	snprintf(out->source + n, sizeof out->source - n, "%s%s",
	    n ? "," : "", name);
}

static void
find_dns(struct ir_origins *o, const struct ir_ip *ip, struct ir_origin *out)
{
	const struct answer *a = find_answer(o, ip);
	struct ir_prefix p;
	const char *name;
	uint32_t status;

	if (!o->dns || out->special || out->nasn)
		return;
	group_of(ip, &p);
	if (!a && ir_prefix_map_get(o->failed, &p, &status))
		out->why = ir_dns_status_word((enum ir_dns_status)status);
	if (!a)
		return;
	if (!a->r.nasn) {
		out->why = "not-announced";
		return;
	}
	memcpy(out->asn, a->r.asn, sizeof out->asn);
	out->nasn = a->r.nasn;
	ir_prefix_text(&a->r.prefix, out->prefix, sizeof out->prefix);
	if (!out->country[0])
		memcpy(out->country, a->r.country, 3);
	memcpy(out->registry, a->r.registry, sizeof out->registry);
	name = find_name(o, out->asn[0]);
	snprintf(out->name, sizeof out->name, "%s", name ? name : "");
	add_source(out, "cymru");
}

/* Is it one of those, joined by commas?  EC2 is not EC2_INSTANCE_CONNECT. */
static bool
is_among(const char *list, const char *word)
{
	size_t len = strlen(word), n;

	for (; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == len && memcmp(list, word, n) == 0)
			return true;
	}
	return false;
}

/* AWS lists its services besides a network for all of them. */
static void
find_aws(const struct ir_aws_ranges *a, const struct ir_ip *ip,
    struct ir_origin *out)
{
	const struct ir_aws_range *r;
	int bits = -1;
	uint32_t at;
	size_t n;

	while (a->map && (bits = ir_prefix_map_find(a->map, ip, bits, &at)) >=
	    0) {
		for (r = &a->v[at]; r; r = r->next ? &a->v[r->next - 1] :
		    NULL) {
			if (!out->aws.known) {
				out->aws.known = true;
				ir_prefix_text(&r->prefix, out->aws.prefix,
				    sizeof out->aws.prefix);
				memcpy(out->aws.region, r->region,
				    sizeof out->aws.region);
				memcpy(out->aws.group, r->group,
				    sizeof out->aws.group);
			}
			n = strlen(out->aws.services);
			if (n + strlen(r->service) + 2 <
			    sizeof out->aws.services && !is_among(
			    out->aws.services, r->service))
				snprintf(out->aws.services + n,
				    sizeof out->aws.services - n, "%s%s",
				    n ? "," : "", r->service);
		}
		if (bits-- == 0)
			break;
	}
}

bool
ir_origins_find(struct ir_origins *o, const struct ir_ip *ip,
    struct ir_origin *out)
{
	size_t i;

	memset(out, 0, sizeof *out);
	out->special = ir_ip_special(ip);
	for (i = 0; i < o->nmmdb; i++)
		if (!(out->nasn && out->country[0]) &&
		    ir_mmdb_find(o->mmdb[i], ip, out))
			add_source(out, ir_mmdb_type(o->mmdb[i]));
	for (i = 0; i < o->ntables; i++)
		if (!(out->nasn && out->country[0]) &&
		    find_table(o->table[i], ip, out))
			add_source(out, o->table[i]->source);
	find_dns(o, ip, out);
	find_aws(&o->aws, ip, out);
	out->known = out->nasn || out->country[0];
	if (!out->known && !out->why)
		out->why = out->special ? out->special : "no-source-knows";
	if (out->known)
		out->why = NULL;
	return out->known;
}

/* --- as a record ---------------------------------------------------------- */

static struct ir_rec *
split_words(const char *s)
{
	struct ir_rec *a = ir_rec_array();
	size_t n;

	for (; *s; s += n + (s[n] == ',')) {
		n = strcspn(s, ",");
		ir_rec_push(a, ir_rec_string(s, n));
	}
	return a;
}

struct ir_rec *
ir_origin_record(const struct ir_origin *o)
{
	struct ir_rec *r = ir_rec_object(), *l;
	size_t i;

	if (o->nasn)
		ir_rec_int(r, "asn", o->asn[0]);
	if (o->nasn > 1) {
		l = ir_rec_array();
		for (i = 0; i < o->nasn; i++)
			ir_rec_push_int(l, o->asn[i]);
		ir_rec_set(r, "asns", l);
	}
#define STR(key, value) \
	if ((value)[0]) \
		ir_rec_str(r, key, value)
	STR("as_name", o->name);
	STR("prefix", o->prefix);
	STR("country", o->country);
	STR("registry", o->registry);
	STR("source", o->source);
#undef STR
	if (o->special)
		ir_rec_str(r, "special", o->special);
	if (o->why)
		ir_rec_str(r, "why", o->why);
	if (o->aws.known) {
		l = ir_rec_object();
		ir_rec_str(l, "prefix", o->aws.prefix);
		ir_rec_set(l, "services", split_words(o->aws.services));
		ir_rec_str(l, "region", o->aws.region);
		ir_rec_str(l, "network_border_group", o->aws.group);
		ir_rec_set(r, "aws", l);
	}
	return r;
}

/* --- opening ------------------------------------------------------------- */

size_t
ir_origins_usual(const char *v[IR_ORIGIN_DBS], char *buf, size_t size)
{
	static const char *const dirs[] = { "/var/lib/GeoIP",
		"/usr/share/GeoIP", "/usr/local/share/GeoIP",
		"/usr/local/var/GeoIP" };
	static const char *const files[] = { "GeoIP2-ISP.mmdb",
		"GeoLite2-ASN.mmdb", "dbip-asn*.mmdb", "ipinfo_lite.mmdb",
		"GeoIP2-Country.mmdb", "GeoLite2-Country.mmdb",
		"GeoLite2-City.mmdb", "dbip-country*.mmdb" };
	char pattern[128];
	size_t n = 0, used = 0, d, f, len;
	glob_t g;

	/* the first folder that has any: mixing them mixes their ages */
	for (d = 0; d < 4 && n == 0; d++)
		for (f = 0; f < 8 && n < IR_ORIGIN_DBS; f++) {
			snprintf(pattern, sizeof pattern, "%s/%s", dirs[d],
			    files[f]);
			if (glob(pattern, 0, NULL, &g))
				continue;
			/* the last name is the newest month */
			len = strlen(g.gl_pathv[g.gl_pathc - 1]) + 1;
			if (used + len <= size) {
				memcpy(buf + used, g.gl_pathv[g.gl_pathc - 1],
				    len);
				v[n++] = buf + used;
				used += len;
			}
			globfree(&g);
		}
	return n;
}

static int
open_db(struct ir_origins *o, const char *path, struct ir_err *err)
{
	struct ir_mmdb *m;
	struct table *t;

	if (o->nmmdb + o->ntables == IR_ORIGIN_DBS)
		return ir_fail(err, IR_USAGE, "more than %d databases",
		    IR_ORIGIN_DBS);
	if (ir_mmdb_is(path)) {
		if (ir_mmdb_open(&m, path, err))
			return -1;
		o->mmdb[o->nmmdb++] = m;
		snprintf(o->said[o->nsaid++], sizeof o->said[0], "%s %s",
		    ir_mmdb_type(m), ir_mmdb_date(m));
		return 0;
	}
	t = read_table(path, err);
	if (!t)
		return -1;
	o->table[o->ntables++] = t;
	snprintf(o->said[o->nsaid++], sizeof o->said[0], "%s, %zu ranges",
	    t->source, t->n);
	return 0;
}

static int
open_aws(struct ir_origins *o, const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_AWS_BYTES_MAX);
	int rc = ir_buf_read_file(&b, path, err);

	if (rc == 0 && ir_aws_ranges_parse(&o->aws, ir_buf_cstr(&b), b.len,
	    err)) {
		ir_fail_prefix(err, "%s", path);
		rc = -1;
	}
	ir_buf_free(&b);
	return rc;
}

static int
open_dns(struct ir_origins *o, const struct ir_origin_opts *opts,
    struct ir_err *err)
{
	o->map = ir_prefix_map_new();
	o->failed = ir_prefix_map_new();
	o->resolver = opts->resolver ? strdup(opts->resolver) : NULL;
	o->cache = opts->cache ? strdup(opts->cache) : NULL;
	if (!o->map || !o->failed || (opts->resolver && !o->resolver) ||
	    (opts->cache && !o->cache))
		return ir_fail(err, IR_OSERR, "no memory");
	o->dns = true;
	o->deadline_ms = opts->deadline_ms;
	snprintf(o->said[o->nsaid++], sizeof o->said[0], "cymru");
	load_cache(o);
	return 0;
}

int
ir_origins_open(struct ir_origins **out, const struct ir_origin_opts *opts,
    struct ir_err *err)
{
	const char *usual[IR_ORIGIN_DBS];
	struct ir_origins *o = calloc(1, sizeof *o);
	char paths[2048];
	size_t i, n = opts->ndb;
	int rc = 0;

	*out = NULL;
	if (!o)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n && rc == 0; i++)
		rc = open_db(o, opts->db[i], err);
	if (rc == 0 && n == 0 && opts->usual) {
		n = ir_origins_usual(usual, paths, sizeof paths);
		/* nobody asked for these: one that is no good is left out */
		for (i = 0; i < n; i++)
			(void)open_db(o, usual[i], NULL);
	}
	if (rc == 0 && opts->aws)
		rc = open_aws(o, opts->aws, err);
	if (rc == 0 && opts->dns)
		rc = open_dns(o, opts, err);
	if (rc)
		ir_origins_close(o);
	else
		*out = o;
	return rc;
}

size_t
ir_origins_sources(const struct ir_origins *o)
{
	return o->nsaid;
}

const char *
ir_origins_source(const struct ir_origins *o, size_t i)
{
	return i < o->nsaid ? o->said[i] : NULL;
}

void
ir_origins_close(struct ir_origins *o)
{
	size_t i;

	if (!o)
		return;
	for (i = 0; i < o->nmmdb; i++)
		ir_mmdb_close(o->mmdb[i]);
	for (i = 0; i < o->ntables; i++)
		free_table(o->table[i]);
	ir_aws_ranges_free(&o->aws);
	ir_prefix_map_free(o->map);
	ir_prefix_map_free(o->failed);
	free(o->answer);
	free(o->names);
	free(o->resolver);
	free(o->cache);
	free(o);
}
