/* prefix.c - see prefix.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prefix.h"

#define FIRST_SLOTS 1024

struct slot {
	uint8_t b[16];
	uint32_t value;
	uint8_t bits;
	uint8_t kind;		/* 0 free, 4 or 6 */
};

struct ir_prefix_map {
	struct slot *slot;
	size_t cap, n;		/* cap: a power of two */
	uint64_t lengths[2][3];	/* which lengths there are, by family */
};

/* --- one network -------------------------------------------------------- */

void
ir_prefix_of(const struct ir_ip *ip, int bits, struct ir_prefix *p)
{
	int size = ip->v6 ? 16 : 4, i;

	if (bits < 0)
		bits = 0;
	if (bits > size * 8)
		bits = size * 8;
	memset(p, 0, sizeof *p);
	p->ip.v6 = ip->v6;
	p->bits = bits;
	for (i = 0; i < size && bits > 0; i++, bits -= 8) {
		unsigned mask = bits >= 8 ? 0xff : 0xff00u >> bits;

		p->ip.b[i] = (uint8_t)(ip->b[i] & mask);
	}
}

int
ir_prefix_parse(const char *s, struct ir_prefix *p)
{
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	char text[64], *end;
	struct ir_ip ip;
	long bits;

	if (n == 0 || n >= sizeof text)
		return -1;
	memcpy(text, s, n);
	text[n] = '\0';
	if (ir_ip_parse(text, true, &ip))
		return -1;
	bits = ip.v6 ? 128 : 32;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9' || strlen(slash) > 4)
			return -1;
		n = (size_t)bits;
		bits = strtol(slash + 1, &end, 10);
		if (*end || bits > (long)n)
			return -1;
	}
	ir_prefix_of(&ip, (int)bits, p);
	return 0;
}

char *
ir_prefix_text(const struct ir_prefix *p, char *buf, size_t size)
{
	char ip[64];

	snprintf(buf, size, "%s/%d", ir_ip_text(&p->ip, ip, sizeof ip),
	    p->bits);
	return buf;
}

bool
ir_prefix_holds(const struct ir_prefix *p, const struct ir_ip *ip)
{
	struct ir_prefix q;

	if (p->ip.v6 != ip->v6)
		return false;
	ir_prefix_of(ip, p->bits, &q);
	return memcmp(p->ip.b, q.ip.b, ip->v6 ? 16 : 4) == 0;
}

int
ir_ip_cmp(const struct ir_ip *a, const struct ir_ip *b)
{
	if (a->v6 != b->v6)
		return a->v6 ? 1 : -1;
	return memcmp(a->b, b->b, a->v6 ? 16 : 4);
}

/* --- the map ------------------------------------------------------------ */

struct ir_prefix_map *
ir_prefix_map_new(void)
{
	struct ir_prefix_map *m = calloc(1, sizeof *m);

	if (m)
		m->slot = calloc(FIRST_SLOTS, sizeof *m->slot);
	if (m && !m->slot) {
		free(m);
		return NULL;
	}
	if (m)
		m->cap = FIRST_SLOTS;
	return m;
}

void
ir_prefix_map_free(struct ir_prefix_map *m)
{
	if (m)
		free(m->slot);
	free(m);
}

size_t
ir_prefix_map_size(const struct ir_prefix_map *m)
{
	return m->n;
}

/* Where it is, or where it would be. */
static struct slot *
place(const struct ir_prefix_map *m, const struct ir_prefix *p)
{
	uint64_t h = (uint64_t)p->bits * 0x9e3779b97f4a7c15u, w[2];
	size_t i;

	memcpy(w, p->ip.b, sizeof w);
	h = (h ^ w[0]) * 0xff51afd7ed558ccdu;
	h = (h ^ (h >> 32) ^ w[1]) * 0xc4ceb9fe1a85ec53u;
	h ^= h >> 29;
	for (i = (size_t)h & (m->cap - 1); m->slot[i].kind;
	    i = (i + 1) & (m->cap - 1))
		if (m->slot[i].bits == p->bits &&
		    m->slot[i].kind == (p->ip.v6 ? 6 : 4) &&
		    memcmp(m->slot[i].b, p->ip.b, 16) == 0)
			break;
	return &m->slot[i];
}

static int
grow(struct ir_prefix_map *m)
{
	struct ir_prefix_map old = *m;
	struct ir_prefix p;
	size_t i;

	m->slot = calloc(old.cap * 2, sizeof *m->slot);
	if (!m->slot) {
		m->slot = old.slot;
		return -1;
	}
	m->cap = old.cap * 2;
	for (i = 0; i < old.cap; i++) {
		if (!old.slot[i].kind)
			continue;
		memset(&p, 0, sizeof p);
		p.ip.v6 = old.slot[i].kind == 6;
		p.bits = old.slot[i].bits;
		memcpy(p.ip.b, old.slot[i].b, 16);
		*place(m, &p) = old.slot[i];
	}
	free(old.slot);
	return 0;
}

int
ir_prefix_map_set(struct ir_prefix_map *m, const struct ir_prefix *p,
    uint32_t value)
{
	struct slot *s = place(m, p);

	if (!s->kind) {
		if (m->n >= IR_PREFIX_MAX)
			return -1;
		if ((m->n + 1) * 4 > m->cap * 3) {
			if (grow(m))
				return -1;
			s = place(m, p);
		}
		m->n++;
		memcpy(s->b, p->ip.b, 16);
		s->bits = (uint8_t)p->bits;
		s->kind = p->ip.v6 ? 6 : 4;
		m->lengths[p->ip.v6][p->bits / 64] |=
		    (uint64_t)1 << (p->bits % 64);
	}
	s->value = value;
	return 0;
}

bool
ir_prefix_map_get(const struct ir_prefix_map *m, const struct ir_prefix *p,
    uint32_t *value)
{
	const struct slot *s = place(m, p);

	if (!s->kind)
		return false;
	*value = s->value;
	return true;
}

int
ir_prefix_map_find(const struct ir_prefix_map *m, const struct ir_ip *ip,
    int max, uint32_t *value)
{
	int bits = ip->v6 ? 128 : 32;
	struct ir_prefix p;

	if (max >= 0 && max < bits)
		bits = max;
	for (; bits >= 0; bits--) {
		if (!(m->lengths[ip->v6][bits / 64] >> (bits % 64) & 1))
			continue;
		ir_prefix_of(ip, bits, &p);
		if (ir_prefix_map_get(m, &p, value))
			return bits;
	}
	return -1;
}
