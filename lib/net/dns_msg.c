/* dns_msg.c - see dns_msg.h and dns.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "dns_msg.h"

#define CLASS_IN 1
#define TYPE_OPT 41
#define MAX_JUMPS 64		/* compression pointers in one name */
#define MAX_ALIASES 16		/* CNAMEs in a row */
#define NAME_TEXT 256

/* --- names -------------------------------------------------------------- */

struct msg {
	const uint8_t *p;
	size_t len, at;
};

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/*
 * The next label of the name at *at: its length (0: the root), -1: broken.
 * *at goes past it; *end, when it is still 0, to behind the name's last byte
 * in this place.  jumps and used keep count for one name.
 */
struct walk {
	size_t at, end, used;
	int jumps;
};

static int
next_label(const struct msg *m, struct walk *w)
{
	size_t n;

	for (;;) {
		if (w->at >= m->len)
			return -1;
		n = m->p[w->at++];
		if ((n & 0xc0) != 0xc0)
			break;
		if (w->at >= m->len || ++w->jumps > MAX_JUMPS)
			return -1;
		if (!w->end)
			w->end = w->at + 1;
		w->at = (n & 0x3f) << 8 | m->p[w->at];
	}
	if (n > 63 || n > m->len - w->at || w->used + n + 1 > 254)
		return -1;
	w->used += n ? n + 1 : 0;
	w->at += n;
	if (n == 0 && !w->end)
		w->end = w->at;
	return (int)n;
}

/*
 * Read the name at m->at and go past it.  out (NAME_TEXT bytes) may be NULL;
 * what is not printable in it becomes '?', and so does a dot within a label.
 */
static int
read_name(struct msg *m, char *out)
{
	struct walk w = { .at = m->at };
	size_t used = 0;
	int n, i;

	while ((n = next_label(m, &w)) > 0) {
		for (i = 0; i < n && out; i++) {
			char c = (char)m->p[w.at - (size_t)(n - i)];

			out[used++] = c > ' ' && c < 127 && c != '.' ? c :
			    '?';
		}
		if (out)
			out[used++] = '.';
	}
	if (n < 0)
		return -1;
	if (out)
		out[used ? used - 1 : 0] = '\0';
	m->at = w.end;
	return 0;
}

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool
same_bytes(const uint8_t *a, const uint8_t *b, int n)
{
	while (n-- > 0)
		if (lower(a[n]) != lower(b[n]))
			return false;
	return true;
}

/* The names at a->at and b->at, in any case. */
static bool
same_name(const struct msg *a, const struct msg *b)
{
	struct walk x = { .at = a->at }, y = { .at = b->at };
	int n;

	for (;;) {
		n = next_label(a, &x);
		if (n < 0 || n != next_label(b, &y))
			return false;
		if (n == 0)
			return true;
		if (!same_bytes(a->p + x.at - n, b->p + y.at - n, n))
			return false;
	}
}

/* A name as text into bytes: their number, or 0. */
static size_t
put_name(uint8_t *out, const char *name)
{
	size_t used = 0, n;

	while (*name) {
		n = strcspn(name, ".");
		if (n == 0 || n > 63 || used + n + 2 > 255)
			return 0;
		out[used++] = (uint8_t)n;
		memcpy(out + used, name, n);
		used += n;
		name += n + (name[n] == '.');
	}
	out[used++] = 0;
	return used;
}

/* --- questions ---------------------------------------------------------- */

static uint8_t *
put16(uint8_t *p, unsigned n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return p + 2;
}

size_t
ir_dns_question(uint8_t out[IR_DNS_MAX_QUESTION], uint16_t id,
    const char *name, unsigned type, unsigned edns)
{
	static const uint8_t head[IR_DNS_HEAD] = { 0, 0, 0x01, 0x20, 0, 1 };
	size_t n = put_name(out + IR_DNS_HEAD, name);
	uint8_t *p = out + IR_DNS_HEAD + n;

	if (n == 0)
		return 0;
	memcpy(out, head, sizeof head);
	put16(out, id);
	p = put16(put16(p, type), CLASS_IN);
	if (edns) {
		out[11] = 1;
		*p++ = 0;
		p = put16(put16(p, TYPE_OPT), edns);
		memset(p, 0, 6);
		p += 6;
	}
	return (size_t)(p - out);
}

bool
ir_dns_answers(const uint8_t *msg, size_t len, uint16_t id, const char *name,
    unsigned type)
{
	size_t at = IR_DNS_HEAD, n, i;

	if (len < IR_DNS_HEAD || get16(msg) != id || !(msg[2] & 0x80))
		return false;
	if (get16(msg + 4) == 0)
		return IR_DNS_RCODE(msg) == 1 || IR_DNS_RCODE(msg) == 4;
	if (get16(msg + 4) != 1)
		return false;
	while (*name) {
		n = strcspn(name, ".");
		if (at >= len || msg[at] != n || n > len - at - 1)
			return false;
		at++;
		for (i = 0; i < n; i++)
			if (lower(msg[at + i]) != lower((uint8_t)name[i]))
				return false;
		at += n;
		name += n + (name[n] == '.');
	}
	return len - at >= 5 && msg[at] == 0 && get16(msg + at + 1) == type &&
	    get16(msg + at + 3) == CLASS_IN;
}

/* --- records ------------------------------------------------------------ */

struct rr {
	struct msg owner;	/* its name */
	unsigned type, class;
	uint32_t ttl;
	size_t data, len;	/* where in the message */
};

/* The record at m->at, and past it: 0, or -1 when it is broken. */
static int
read_rr(struct msg *m, struct rr *r)
{
	const uint8_t *h;

	r->owner = *m;
	if (read_name(m, NULL) || m->len - m->at < 10)
		return -1;
	h = m->p + m->at;
	r->type = get16(h);
	r->class = get16(h + 2);
	r->ttl = get32(h + 4);
	if (r->ttl > INT32_MAX)		/* RFC 2181, 8 */
		r->ttl = 0;
	r->len = get16(h + 8);
	m->at += 10;
	if (r->len > m->len - m->at)
		return -1;
	r->data = m->at;
	m->at += r->len;
	return 0;
}

/* The most bytes that the text of a record takes, with its '\0'. */
static size_t
text_room(const struct rr *r)
{
	switch (r->type) {
	case IR_DNS_A:
	case IR_DNS_AAAA:
		return INET6_ADDRSTRLEN;
	case IR_DNS_SOA:
		return 2 * NAME_TEXT + 5 * 11 + 1;
	case IR_DNS_TXT:
	case IR_DNS_TLSA:
	case IR_DNS_CAA:
		return r->len + 2;
	default:
		return NAME_TEXT;
	}
}

/* The strings of a TXT record, joined; a length that lies ends with it. */
static size_t
join_txt(const uint8_t *p, size_t len, char *out)
{
	size_t at = 0, n, used = 0;

	while (at < len) {
		n = p[at++];
		if (n > len - at)
			n = len - at;
		memcpy(out + used, p + at, n);
		used += n;
		at += n;
	}
	return used;
}

static int
read_soa(struct msg m, size_t end, char *out, size_t *len, uint32_t *minimum)
{
	char mname[NAME_TEXT], rname[NAME_TEXT];
	const uint8_t *p;
	int n;

	if (read_name(&m, mname) || read_name(&m, rname) ||
	    m.at > end || end - m.at < 20)
		return -1;
	p = m.p + m.at;
	*minimum = get32(p + 16);
	if (!out)
		return 0;
	n = snprintf(out, 2 * NAME_TEXT + 5 * 11 + 1, "%s %s %u %u %u %u %u",
	    mname, rname, get32(p), get32(p + 4), get32(p + 8),
	    get32(p + 12), *minimum);
	*len = (size_t)n;
	return 0;
}

/* RFC 8659, 4.1: flags, length of the tag, tag, value. */
static int
read_caa(const uint8_t *p, size_t len, struct ir_dns_answer *a, char *out)
{
	size_t tag;

	if (len < 2 || p[1] == 0 || p[1] > len - 2)
		return -1;
	tag = p[1];
	a->pref = p[0];
	memcpy(out, p + 2, tag);
	out[tag] = ' ';
	memcpy(out + tag + 1, p + 2 + tag, len - 2 - tag);
	a->len = len - 1;
	return 0;
}

/* The data of a record into *a, with its text at out: 0, or -1. */
static int
read_data(const struct msg *m, const struct rr *r, struct ir_dns_answer *a,
    char *out)
{
	struct msg sub = { m->p, m->len, r->data };
	const uint8_t *p = m->p + r->data;
	uint32_t minimum;

	a->text = out;
	a->ttl = r->ttl;
	a->pref = 0;
	switch (r->type) {
	case IR_DNS_A:
	case IR_DNS_AAAA:
		if (r->len != (r->type == IR_DNS_A ? 4 : 16) ||
		    !inet_ntop(r->type == IR_DNS_A ? AF_INET : AF_INET6, p,
		    out, INET6_ADDRSTRLEN))
			return -1;
		a->len = strlen(out);
		return 0;
	case IR_DNS_MX:
	case IR_DNS_NS:
	case IR_DNS_CNAME:
	case IR_DNS_PTR:
		if (r->type == IR_DNS_MX) {
			if (r->len < 3)
				return -1;
			a->pref = (int)get16(p);
			sub.at += 2;
		}
		if (read_name(&sub, out) || sub.at > r->data + r->len)
			return -1;
		a->len = strlen(out);
		return 0;
	case IR_DNS_SOA:
		return read_soa(sub, r->data + r->len, out, &a->len,
		    &minimum);
	case IR_DNS_TXT:
		a->len = join_txt(p, r->len, out);
		break;
	case IR_DNS_TLSA:
		if (r->len < 3)
			return -1;
		memcpy(out, p, r->len);
		a->len = r->len;
		break;
	case IR_DNS_CAA:
		if (read_caa(p, r->len, a, out))
			return -1;
		break;
	default:
		return -1;
	}
	out[a->len] = '\0';
	return 0;
}

/* --- answers ------------------------------------------------------------ */

/* The answer section, of count records from at on, and whose we want. */
struct section {
	struct msg m;
	unsigned count;
	struct msg target;	/* the name */
	unsigned type;
};

/*
 * The next record of the section that is the target's and of this type: 1,
 * 0 at the end, -1 when one is broken.  m and left keep the place.
 */
static int
next_match(const struct section *s, struct msg *m, unsigned *left,
    unsigned type, struct rr *r)
{
	while (*left) {
		--*left;
		if (read_rr(m, r))
			return -1;
		if (r->type == type && r->class == CLASS_IN &&
		    same_name(&r->owner, &s->target))
			return 1;
	}
	return 0;
}

/*
 * Go from CNAME to CNAME as far as they lead: how many there were, or -1.
 * *ttl is the smallest of theirs.
 */
static int
follow_aliases(struct section *s, uint32_t *ttl)
{
	unsigned left;
	struct msg m;
	struct rr r;
	int rc, hops;

	for (hops = 0; hops < MAX_ALIASES; hops++) {
		m = s->m;
		left = s->count;
		rc = next_match(s, &m, &left, IR_DNS_CNAME, &r);
		if (rc <= 0)
			return rc < 0 ? -1 : hops;
		s->target = s->m;
		s->target.at = r.data;
		if (r.ttl < *ttl)
			*ttl = r.ttl;
	}
	return -1;
}

/* How many records match, and the room that their texts take. */
static int
measure(const struct section *s, size_t *n, size_t *room)
{
	struct msg m = s->m;
	unsigned left = s->count;
	struct rr r;
	int rc;

	*n = *room = 0;
	while ((rc = next_match(s, &m, &left, s->type, &r)) > 0)
		if (*n < IR_DNS_MAX_ANSWERS) {
			++*n;
			*room += text_room(&r);
		}
	return rc;
}

static int
collect(const struct section *s, struct ir_dns_query *q, char *text)
{
	struct msg m = s->m;
	unsigned left = s->count;
	struct rr r;

	while (next_match(s, &m, &left, s->type, &r) > 0 &&
	    q->n < IR_DNS_MAX_ANSWERS) {
		if (read_data(&m, &r, &q->answer[q->n], text))
			return -1;
		text += text_room(&r);
		q->n++;
		if (r.ttl < q->ttl)
			q->ttl = r.ttl;
	}
	return 0;
}

/* The records that answer q, in one block: 0, or -1. */
static int
read_answers(struct section *s, struct ir_dns_query *q)
{
	size_t n, room, alias = 0;
	int hops = 0;

	q->ttl = UINT32_MAX;
	if (s->type != IR_DNS_CNAME && s->count > 0) {
		hops = follow_aliases(s, &q->ttl);
		if (hops < 0)
			return -1;
		alias = hops ? NAME_TEXT : 0;
	}
	if (measure(s, &n, &room))
		return -1;
	if (n == 0 && alias == 0)
		return 0;
	q->answer = malloc(n * sizeof *q->answer + alias + room);
	if (!q->answer)
		return -1;
	if (alias) {
		struct msg name = s->target;

		q->alias = (char *)(q->answer + n);
		if (read_name(&name, (char *)(q->answer + n)))
			return -1;
	}
	return collect(s, q, (char *)(q->answer + n) + alias);
}

/*
 * How long there will be no such record: RFC 2308, 5.  Also the rest of the
 * rcode, which EDNS keeps in the additional section.
 */
static void
read_rest(struct msg *m, unsigned authority, unsigned additional,
    struct ir_dns_query *q)
{
	uint32_t minimum;
	unsigned i;
	struct rr r;

	for (i = 0; i < authority + additional; i++) {
		if (read_rr(m, &r))
			return;
		if (i < authority && r.type == IR_DNS_SOA &&
		    r.class == CLASS_IN) {
			struct msg sub = { m->p, m->len, r.data };

			if (read_soa(sub, r.data + r.len, NULL, NULL,
			    &minimum) == 0 && q->n == 0)
				q->ttl = minimum < r.ttl ? minimum : r.ttl;
		}
		if (i >= authority && r.type == TYPE_OPT)
			q->rcode |= (int)(get32(m->p + r.data - 6) >> 24) << 4;
	}
}

static enum ir_dns_status
status_of(const struct ir_dns_query *q)
{
	switch (q->rcode) {
	case 0:
		return q->n ? IR_DNS_OK : IR_DNS_NODATA;
	case 2:
		return IR_DNS_SERVFAIL;
	case 3:
		return IR_DNS_NXDOMAIN;
	case 5:
		return IR_DNS_REFUSED;
	default:
		return IR_DNS_BAD;
	}
}

static enum ir_dns_status
read_message(struct msg *m, struct ir_dns_query *q)
{
	uint8_t name[256];
	struct section s = { .type = (unsigned)q->type };
	unsigned questions, i;
	struct rr r;

	if (m->len < IR_DNS_HEAD || !(m->p[2] & 0x80))
		return IR_DNS_BAD;
	q->rcode = IR_DNS_RCODE(m->p);
	q->ad = m->p[3] & 0x20;
	questions = get16(m->p + 4);
	s.count = get16(m->p + 6);
	if (questions > 1 || (s.target.len = put_name(name, q->name)) == 0)
		return IR_DNS_BAD;
	m->at = IR_DNS_HEAD;
	if (questions) {
		if (read_name(m, NULL) || m->len - m->at < 4)
			return IR_DNS_BAD;
		m->at += 4;
	}
	s.m = *m;
	s.target.p = name;
	for (i = 0; i < s.count; i++)
		if (read_rr(m, &r))
			return q->rcode ? status_of(q) : IR_DNS_BAD;
	if (q->rcode == 0 && read_answers(&s, q))
		return IR_DNS_BAD;
	if (q->n == 0)
		q->ttl = 0;
	read_rest(m, get16(m->p + 8), get16(m->p + 10), q);
	return status_of(q);
}

void
ir_dns_parse(const uint8_t *msg, size_t len, struct ir_dns_query *q)
{
	struct msg m = { msg, len, 0 };

	q->answer = NULL;
	q->alias = NULL;
	q->n = 0;
	q->ttl = 0;
	q->rcode = -1;
	q->ad = false;
	q->status = read_message(&m, q);
	if (q->status == IR_DNS_BAD) {
		ir_dns_query_free(q);
		q->ttl = 0;
	}
}

void
ir_dns_query_free(struct ir_dns_query *q)
{
	free(q->answer);
	q->answer = NULL;
	q->alias = NULL;
	q->n = 0;
}

void
ir_dns_query_set(struct ir_dns_query *q, const char *name,
    enum ir_dns_type type)
{
	memset(q, 0, sizeof *q);
	snprintf(q->name, sizeof q->name, "%s", name);
	q->type = type;
}

const char *
ir_dns_status_word(enum ir_dns_status s)
{
	switch (s) {
	case IR_DNS_OK:
		return "ok";
	case IR_DNS_NODATA:
		return "nodata";
	case IR_DNS_NXDOMAIN:
		return "nxdomain";
	case IR_DNS_REFUSED:
		return "refused";
	case IR_DNS_SERVFAIL:
		return "servfail";
	case IR_DNS_TIMEOUT:
		return "timeout";
	case IR_DNS_BAD:
	default:
		return "bad-reply";
	}
}
