/* state.c - see state.h */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "state_in.h"

#define FREE_CELL 0
/* Out of the way of what is frequent, which then needs fewer registers. */
#define RARE __attribute__((noinline))
#define PLACES (UINT64_C(1) << 39)	/* from here on: imported lines */

uint64_t
ir_mail_subject_hash(enum ir_mlog_who who, const char *name, size_t n)
{
	const uint64_t upper = 0x2020202020202020u;
	uint64_t h = (uint64_t)who + 1, v = 0;
	bool behind = n >= 8;	/* the last may be had with those before */

	for (; n >= 8; n -= 8, name += 8)
		h = ir_mail_mix(h, ir_mail_load(name) | upper);
	if (n && behind) {
		v = ir_mail_load(name + n - 8) >> (64 - 8 * n);
	} else {
		memcpy(&v, name, n);
		v = le64toh(v);
	}
	return ir_mail_mix(h, ir_mail_mix(v | upper, n)) | 1;
}

/* --- subjects ----------------------------------------------------------- */

struct ir_mail_state *
ir_mail_state_new(struct ir_err *err)
{
	struct ir_mail_state *s = calloc(1, sizeof *s);

	if (s) {
		s->cap = 1024;
		s->slot = calloc(s->cap, sizeof *s->slot);
		s->open_cap = 4096;
		s->open = calloc(s->open_cap, sizeof *s->open);
	}
	if (s && s->slot && s->open)
		return s;
	ir_mail_state_free(s);
	(void)ir_fail(err, IR_OSERR, "no memory");
	return NULL;
}

static inline struct ir_mail_subject *
subject(const struct ir_mail_state *s, size_t i)
{
	return &s->block[i / BLOCK][i % BLOCK];
}

struct ir_mail_subject *
ir_mail_subject(struct ir_mail_state *s, size_t i)
{
	return subject(s, i);
}

const struct ir_mail_subject *
ir_mail_subject_at(const struct ir_mail_state *s, size_t i)
{
	return &s->block[i / BLOCK][i % BLOCK];
}

size_t
ir_mail_subjects(const struct ir_mail_state *s)
{
	return s->n;
}

struct ir_mail_sums *
ir_mail_state_sums(struct ir_mail_state *s)
{
	return &s->sums;
}

void
ir_mail_add_sums(struct ir_mail_sums *to, const struct ir_mail_sums *f)
{
	to->lines += f->lines;
	to->bytes += f->bytes;
	to->junk += f->junk;
	to->long_lines += f->long_lines;
	to->torn += f->torn;
	to->messages += f->messages;
	to->recipients += f->recipients;
	to->bounces += f->bounces;
	to->logins += f->logins;
	to->fails += f->fails;
	to->forged += f->forged;
	to->backwards += f->backwards;
	to->uncounted += f->uncounted;
	to->files += f->files;
	if (f->first && (!to->first || f->first < to->first))
		to->first = f->first;
	if (f->last > to->last)
		to->last = f->last;
}

void
ir_mail_state_free(struct ir_mail_state *s)
{
	struct ir_mail_subject *u;
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->n; i++) {
		u = subject(s, i);
		free(u->net);
		free(u->ip);
		free(u->fail);
		free(u->cell);
		free(u->sample);
		free(u->rare);
	}
	for (i = 0; i < s->nblocks; i++)
		free(s->block[i]);
	for (i = 0; i < s->nstores; i++)
		free(s->store[i]);
	for (i = 0; i < s->nplaces; i++)
		free(s->place[i].text);
	for (i = 0; i < s->nfiles; i++)
		free(s->file[i]);
	free(s->block);
	free(s->store);
	free(s->place);
	free(s->file);
	free(s->v6);
	free(s->slot);
	free(s->open);
	free(s);
}

static int
no_memory(struct ir_mail_state *s)
{
	s->no_memory = true;
	return -1;
}

/* Room for one more in an array that grows by half. */
static bool
room(struct ir_mail_state *s, void *array, uint32_t n, uint32_t *cap,
    size_t size)
{
	void **v = array, *more;
	uint32_t want;

	if (n < *cap)
		return true;
	want = *cap < 4 ? *cap + 1 : *cap < 16 ? *cap + 2 :
	    *cap + *cap / 2;
	more = realloc(*v, want * size);
	if (!more)
		return no_memory(s) == 0;
	*v = more;
	*cap = want;
	return true;
}

/* A name that lives as long as the state, lower case. */
static const char *
store_name(struct ir_mail_state *s, const char *p, size_t n)
{
	char *to;
	size_t i;

	if (n > IR_MLOG_NAME)
		n = IR_MLOG_NAME;
	if (!s->nstores || s->store_used + n + 1 > STORE) {
		if (!room(s, &s->store, s->nstores, &s->store_cap,
		    sizeof *s->store) ||
		    !(s->store[s->nstores] = malloc(STORE)))
			return no_memory(s) ? NULL : "";
		s->nstores++;
		s->store_used = 0;
	}
	to = s->store[s->nstores - 1] + s->store_used;
	for (i = 0; i < n; i++)
		to[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
	to[n] = '\0';
	s->store_used += n + 1;
	return to;
}

static void
grow_slots(struct ir_mail_state *s)
{
	size_t cap = s->cap * 2, i, k;
	struct slot *v = calloc(cap, sizeof *v);
	uint64_t hash;

	if (!v) {
		no_memory(s);
		return;
	}
	for (i = 0; i < s->n; i++) {
		hash = subject(s, i)->hash;
		for (k = hash & (cap - 1); v[k].number;
		    k = (k + 1) & (cap - 1))
			continue;
		v[k] = (struct slot){ (uint32_t)(hash >> 32),
		    (uint32_t)i + 1 };
	}
	free(s->slot);
	s->slot = v;
	s->cap = cap;
}

/* Where a subject is, or goes. */
static struct slot *
slot_of(const struct ir_mail_state *s, uint64_t hash)
{
	size_t k = hash & (s->cap - 1);

	while (s->slot[k].number && (s->slot[k].tag != hash >> 32 ||
	    subject(s, s->slot[k].number - 1)->hash != hash))
		k = (k + 1) & (s->cap - 1);
	return &s->slot[k];
}

struct ir_mail_subject *
ir_mail_find(struct ir_mail_state *s, uint64_t hash)
{
	uint32_t number = slot_of(s, hash)->number;

	return number ? subject(s, number - 1) : NULL;
}

/* Its number, made when it is new; NOBODY: no room. */
uint32_t
ir_mail_intern(struct ir_mail_state *s, enum ir_mlog_who who,
    const char *name, size_t n, uint64_t hash)
{
	struct slot *k = slot_of(s, hash);
	struct ir_mail_subject *u;
	void *block;

	if (k->number)
		return k->number - 1;
	if (s->n == IR_MAIL_SUBJECTS) {
		s->sums.uncounted++;
		return NOBODY;
	}
	if (s->n == s->nblocks * (size_t)BLOCK) {
		if (!room(s, &s->block, s->nblocks, &s->block_cap,
		    sizeof *s->block) ||
		    !(block = calloc(BLOCK, sizeof *u))) {
			no_memory(s);
			return NOBODY;
		}
		s->block[s->nblocks++] = block;
	}
	u = subject(s, s->n);
	u->name = store_name(s, name, n);
	if (!u->name)
		return NOBODY;
	u->hash = hash;
	u->who = (uint8_t)who;
	*k = (struct slot){ (uint32_t)(hash >> 32), (uint32_t)++s->n };
	if (s->n * 4 > s->cap * 3)
		grow_slots(s);
	return (uint32_t)s->n - 1;
}

/* --- sets --------------------------------------------------------------- */

static uint32_t
spread(uint64_t v, uint32_t cap)
{
	/* any capacity, not only powers of two */
	return (uint32_t)((ir_mail_mix(v, 77) >> 32) * cap >> 32);
}

/* As full as that a table grows: small ones to the last but one. */
static bool
full(uint32_t n, uint32_t cap)
{
	return cap < 16 ? n + 1 >= cap : n + 1 + n / 8 >= cap;
}

static uint32_t
larger(uint32_t cap)
{
	return cap < 4 ? 4 : cap < 16 ? cap + 2 : cap + cap / 3;
}

static struct ir_mail_net *
net_slot(struct ir_mail_net *v, uint32_t cap, uint32_t net)
{
	uint32_t k = spread(net, cap);

	while (v[k].net && v[k].net != net)
		k = k + 1 == cap ? 0 : k + 1;
	return &v[k];
}

const struct ir_mail_net *
ir_mail_net_in(const struct ir_mail_subject *u, uint32_t net)
{
	const struct ir_mail_net *e;

	if (!u->nnet)
		return NULL;
	e = net_slot(u->net, u->net_cap, net);
	return e->net ? e : NULL;
}

static void
set_where(struct ir_mail_net *e, uint64_t where)
{
	e->where = (uint32_t)where;
	e->where_high = where >> 32 & 255;
}

/* The entry of a network, new ones with first 0; NULL: no room. */
static struct ir_mail_net *
find_net(struct ir_mail_state *s, struct ir_mail_subject *u, uint32_t net)
{
	struct ir_mail_net *v, *e;
	uint32_t cap, i;

	if (u->nnet) {
		e = net_slot(u->net, u->net_cap, net);
		if (e->net)
			return e;
	}
	if (u->nnet == IR_MAIL_NETS) {
		s->sums.uncounted++;
		return NULL;
	}
	if (full(u->nnet, u->net_cap)) {
		cap = larger(u->net_cap);
		v = calloc(cap, sizeof *v);
		if (!v)
			return no_memory(s) ? NULL : v;
		for (i = 0; i < u->net_cap; i++)
			if (u->net[i].net)
				*net_slot(v, cap, u->net[i].net) = u->net[i];
		free(u->net);
		u->net = v;
		u->net_cap = cap;
	}
	e = net_slot(u->net, u->net_cap, net);
	e->net = net;
	set_where(e, IR_MAIL_NOWHERE);
	u->nnet++;
	return e;
}

void
ir_mail_add_ip(struct ir_mail_state *s, struct ir_mail_subject *u, uint64_t ip)
{
	uint32_t cap, i, k;
	uint64_t *v;

	if (full(u->nip, u->ip_cap)) {
		cap = larger(u->ip_cap);
		v = calloc(cap, sizeof *v);
		if (!v) {
			no_memory(s);
			return;
		}
		for (i = 0; i < u->ip_cap; i++) {
			if (!u->ip[i])
				continue;
			for (k = spread(u->ip[i], cap); v[k];
			    k = k + 1 == cap ? 0 : k + 1)
				continue;
			v[k] = u->ip[i];
		}
		free(u->ip);
		u->ip = v;
		u->ip_cap = cap;
	}
	for (k = spread(ip, u->ip_cap); u->ip[k];
	    k = k + 1 == u->ip_cap ? 0 : k + 1)
		if (u->ip[k] == ip)
			return;
	u->ip[k] = ip;
	u->nip++;
}

static struct ir_mail_failnet *
fail_slot(struct ir_mail_failnet *v, uint32_t cap, uint32_t net)
{
	uint32_t k = spread(net, cap);

	while (v[k].net && v[k].net != net)
		k = k + 1 == cap ? 0 : k + 1;
	return &v[k];
}

static struct ir_mail_failnet *
find_fail(struct ir_mail_state *s, struct ir_mail_subject *u, uint32_t net)
{
	struct ir_mail_failnet *v, *e;
	uint32_t cap, i;

	if (u->nfail) {
		e = fail_slot(u->fail, u->fail_cap, net);
		if (e->net)
			return e;
	}
	if (u->nfail == IR_MAIL_FAILNETS) {
		s->sums.uncounted++;
		return NULL;
	}
	if (full(u->nfail, u->fail_cap)) {
		cap = larger(u->fail_cap);
		v = calloc(cap, sizeof *v);
		if (!v)
			return no_memory(s) ? NULL : v;
		for (i = 0; i < u->fail_cap; i++)
			if (u->fail[i].net)
				*fail_slot(v, cap, u->fail[i].net) =
				    u->fail[i];
		free(u->fail);
		u->fail = v;
		u->fail_cap = cap;
	}
	e = fail_slot(u->fail, u->fail_cap, net);
	e->net = net;
	e->where = IR_MAIL_NOWHERE;
	u->nfail++;
	return e;
}

uint32_t
ir_mail_distinct(const struct ir_mail_kmv *k)
{
	int n = 0;

	while (n < IR_MAIL_KMV && k->v[n])
		n++;
	if (n < IR_MAIL_KMV)
		return (uint32_t)n;
	return (uint32_t)((IR_MAIL_KMV - 1) * 4294967296.0 /
	    k->v[IR_MAIL_KMV - 1]);
}

static void
add_kmv(struct ir_mail_kmv *k, uint32_t v)
{
	int i, j;

	/* of a full one, nearly always; what is the same, nearly always */
	if (v == 0 || v == k->v[0] ||
	    (k->v[IR_MAIL_KMV - 1] && v >= k->v[IR_MAIL_KMV - 1]))
		return;
	for (i = 0; i < IR_MAIL_KMV && k->v[i] && k->v[i] < v; i++)
		continue;
	if (i == IR_MAIL_KMV || k->v[i] == v)
		return;
	for (j = IR_MAIL_KMV - 1; j > i; j--)
		k->v[j] = k->v[j - 1];
	k->v[i] = v;
}

static uint32_t
plus(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* Where hour is in an order of hours, or would be. */
static void
add_cell(struct ir_mail_state *s, struct ir_mail_subject *u, uint32_t hour,
    uint32_t n)
{
	uint32_t lo = 0, hi = u->ncell, mid, key = hour & 0xffff, have;

	/* nearly always the last one, or after it */
	if (hi && u->cell[hi - 1] >> 16 == key) {
		lo = hi - 1;
	} else if (hi && u->cell[hi - 1] >> 16 < key) {
		lo = hi;
	} else {
		while (lo < hi) {
			mid = lo + (hi - lo) / 2;
			if (u->cell[mid] >> 16 < key)
				lo = mid + 1;
			else
				hi = mid;
		}
	}
	if (lo < u->ncell && u->cell[lo] >> 16 == key) {
		have = (u->cell[lo] & 0xffff) + (n > 0xffff ? 0xffff : n);
		u->cell[lo] = key << 16 | (have > 0xffff ? 0xffff : have);
		return;
	}
	if (!room(s, &u->cell, u->ncell, &u->cell_cap, sizeof *u->cell))
		return;
	memmove(u->cell + lo + 1, u->cell + lo,
	    (u->ncell - lo) * sizeof *u->cell);
	u->cell[lo] = key << 16 | (n > 0xffff ? 0xffff : n);
	u->ncell++;
}

/* --- places ------------------------------------------------------------- */

bool
ir_mail_imported(const struct ir_mail_state *s, uint64_t where,
    struct ir_mail_text *t)
{
	const struct place *p;

	if (where < PLACES || where - PLACES >= s->nplaces)
		return false;
	p = &s->place[where - PLACES];
	t->file = s->file[p->file];
	t->line = p->line;
	t->text = p->text;
	t->ntext = strlen(p->text);
	return true;
}

/* Of two lines of one second, the one that is named; any rule will do as
 * long as it is the same for parts and for the whole. */
static bool
before(const struct ir_mail_state *s, uint64_t a, uint64_t b)
{
	struct ir_mail_text x, y;
	int d;

	if (b == IR_MAIL_NOWHERE || a == IR_MAIL_NOWHERE)
		return a != IR_MAIL_NOWHERE;
	if (!ir_mail_imported(s, a, &x) || !ir_mail_imported(s, b, &y))
		return a < b;
	d = strcmp(x.file, y.file);
	return d ? d < 0 : x.line < y.line;
}

/* --- IPv6 networks ------------------------------------------------------ */

static uint32_t
net_of_6(struct ir_mail_state *s, const struct ir_mlog_addr *a)
{
	uint64_t v = 0;
	uint32_t key, k, i, cap;
	struct v6 *more;

	memcpy(&v, a->b, 6);
	key = 0x80000000u | (uint32_t)(ir_mail_mix(v, 48) >> 33);
	if (key == IR_MAIL_INSIDE)
		key--;
	if (full(s->nv6, s->v6_cap)) {
		cap = s->v6_cap ? s->v6_cap * 2 : 64;
		more = calloc(cap, sizeof *more);
		if (!more) {
			no_memory(s);
			return key;
		}
		for (i = 0; i < s->v6_cap; i++) {
			if (!s->v6[i].key)
				continue;
			for (k = s->v6[i].key % cap; more[k].key;
			    k = k + 1 == cap ? 0 : k + 1)
				continue;
			more[k] = s->v6[i];
		}
		free(s->v6);
		s->v6 = more;
		s->v6_cap = cap;
	}
	for (k = key % s->v6_cap; s->v6[k].key && s->v6[k].key != key;
	    k = k + 1 == s->v6_cap ? 0 : k + 1)
		continue;
	if (!s->v6[k].key) {
		s->v6[k].key = key;
		memcpy(s->v6[k].b, a->b, 6);
		s->nv6++;
	} else if (memcmp(a->b, s->v6[k].b, 6) < 0) {
		memcpy(s->v6[k].b, a->b, 6);
	}
	return key;
}

static inline uint32_t
net_of_4(const struct ir_mlog_addr *a)
{
	return (uint32_t)a->b[0] << 16 | (uint32_t)a->b[1] << 8 | a->b[2];
}

static inline uint32_t
net_of(struct ir_mail_state *s, const struct ir_mlog_addr *a)
{
	if (a->family == 0)
		return 0;
	if (ir_mlog_addr_inside(a))
		return IR_MAIL_INSIDE;
	return a->family == 4 ? net_of_4(a) : net_of_6(s, a);
}

uint32_t
ir_mail_net_of(struct ir_mail_state *s, const struct ir_mlog_addr *a)
{
	return net_of(s, a);
}

bool
ir_mail_net_addr(const struct ir_mail_state *s, uint32_t net,
    struct ir_mlog_addr *a)
{
	uint32_t k;

	memset(a, 0, sizeof *a);
	if (net == IR_MAIL_INSIDE || net == 0)
		return false;
	if (!(net & 0x80000000u)) {
		a->family = 4;
		a->b[0] = (unsigned char)(net >> 16);
		a->b[1] = (unsigned char)(net >> 8);
		a->b[2] = (unsigned char)net;
		return true;
	}
	a->family = 6;
	for (k = s->v6_cap ? net % s->v6_cap : 0; s->v6_cap && s->v6[k].key;
	    k = k + 1 == s->v6_cap ? 0 : k + 1)
		if (s->v6[k].key == net) {
			memcpy(a->b, s->v6[k].b, 6);
			return true;
		}
	return false;
}

static uint8_t
low_byte(const struct ir_mlog_addr *a)
{
	uint64_t x, y;

	if (a->family == 4)
		return a->b[3];
	memcpy(&x, a->b, 8);
	memcpy(&y, a->b + 8, 8);
	return (uint8_t)(ir_mail_mix(x, y) >> 40);
}

size_t
ir_mail_ips(const struct ir_mail_subject *u)
{
	size_t n = u->nip;
	uint32_t i;

	for (i = 0; i < u->net_cap; i++)
		n += u->net[i].net && u->net[i].net != IR_MAIL_INSIDE &&
		    !u->net[i].several;
	return n;
}

/* --- facts, each of which may come in any order ------------------------- */

static inline void
add_net(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct net_fact *f)
{
	struct ir_mail_net *e = find_net(s, u, f->net);
	bool is_new;
	uint32_t n;

	if (!e)
		return;
	is_new = e->first == 0;
	if (f->several) {
		/* the addresses themselves come by ir_mail_add_ip */
		if (e->first && !e->several)
			ir_mail_add_ip(s, u, (uint64_t)f->net << 8 | e->low |
			    UINT64_C(1) << 40);
		e->several = 1;
	} else if (e->first == 0) {
		e->low = f->low;
	} else if (f->net != IR_MAIL_INSIDE && f->low_known &&
	    (e->several || e->low != f->low)) {
		if (!e->several)
			ir_mail_add_ip(s, u, (uint64_t)f->net << 8 | e->low |
			    UINT64_C(1) << 40);
		e->several = 1;
		ir_mail_add_ip(s, u, (uint64_t)f->net << 8 | f->low |
		    UINT64_C(1) << 40);
	}
	if (e->first == 0 || f->time < e->first || (f->time == e->first &&
	    before(s, f->where, ir_mail_net_where(e)))) {
		e->first = f->time;
		set_where(e, f->where);
		s->took = true;
	}
	n = f->last / 3600;
	if (is_new || (int16_t)((n & 0xffff) - e->last) > 0)
		e->last = n & 0xffff;
	n = e->sends + f->sends;
	e->sends = n > 4095 ? 4095 : n & 4095;
	n = e->logins + f->logins;
	e->logins = n > 7 ? 7 : n & 7;
}

void
ir_mail_add_net(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct net_fact *f)
{
	add_net(s, u, f);
}

void
ir_mail_add_fail(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_failnet *f)
{
	struct ir_mail_failnet *e = find_fail(s, u, f->net);

	if (!e)
		return;
	if (e->n == 0 || f->first < e->first || (f->first == e->first &&
	    before(s, f->where, e->where))) {
		e->first = f->first;
		e->where = f->where;
		s->took = true;
	}
	if (f->last > e->last)
		e->last = f->last;
	e->n = plus(e->n, f->n);
}

static bool
sample_before(const struct ir_mail_state *s, const struct ir_mail_sample *a,
    const struct ir_mail_sample *b)
{
	return a->hash != b->hash ? a->hash < b->hash :
	    before(s, a->where, b->where);
}

/* Of each hour the line with the smallest hash. */
void
ir_mail_add_sample(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_sample *f)
{
	uint32_t i = u->nsample;

	while (i > 0 && u->sample[i - 1].hour >= f->hour)
		i--;
	if (i < u->nsample && u->sample[i].hour == f->hour) {
		if (sample_before(s, f, &u->sample[i])) {
			u->sample[i] = *f;
			s->took = true;
		}
		return;
	}
	if (!room(s, &u->sample, u->nsample, &u->sample_cap,
	    sizeof *u->sample))
		return;
	memmove(u->sample + i + 1, u->sample + i,
	    (u->nsample - i) * sizeof *u->sample);
	u->sample[i] = *f;
	u->nsample++;
	s->took = true;
}

const struct ir_mail_rare *
ir_mail_rare(const struct ir_mail_subject *u)
{
	static const struct ir_mail_rare none;

	return u->rare ? u->rare : &none;
}

static struct ir_mail_rare *
make_rare(struct ir_mail_state *s, struct ir_mail_subject *u)
{
	if (!u->rare)
		u->rare = calloc(1, sizeof *u->rare);
	if (!u->rare)
		no_memory(s);
	return u->rare;
}

void
ir_mail_add_heavy(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_rare *f)
{
	struct ir_mail_rare *r = f->heavy ? make_rare(s, u) : NULL;

	if (!r)
		return;
	r->heavy = plus(r->heavy, f->heavy);
	r->heavy_rcpts = plus(r->heavy_rcpts, f->heavy_rcpts);
	if (!r->heavy_first || f->heavy_first < r->heavy_first)
		r->heavy_first = f->heavy_first;
	if (f->heavy_last > r->heavy_last)
		r->heavy_last = f->heavy_last;
}

void
ir_mail_add_bounced(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_sample *f)
{
	struct ir_mail_rare *r = make_rare(s, u);
	int i, j;

	if (!r)
		return;
	for (i = 0; i < IR_MAIL_BOUNCE_LINES && r->bounced[i].hash &&
	    !sample_before(s, f, &r->bounced[i]); i++)
		continue;
	if (i == IR_MAIL_BOUNCE_LINES)
		return;
	for (j = IR_MAIL_BOUNCE_LINES - 1; j > i; j--)
		r->bounced[j] = r->bounced[j - 1];
	r->bounced[i] = *f;
	s->took = true;
}

void
ir_mail_add_times(struct ir_mail_subject *u, uint32_t first, uint32_t last)
{
	if (first && (!u->first || first < u->first))
		u->first = first;
	if (last > u->last)
		u->last = last;
}

void
ir_mail_add_counts(struct ir_mail_subject *u,
    const struct ir_mail_subject *f)
{
	int i;

	u->msgs = plus(u->msgs, f->msgs);
	u->rcpts = plus(u->rcpts, f->rcpts);
	u->bounces = plus(u->bounces, f->bounces);
	u->defers = plus(u->defers, f->defers);
	u->logins = plus(u->logins, f->logins);
	u->checks = plus(u->checks, f->checks);
	u->fails = plus(u->fails, f->fails);
	u->foreign = plus(u->foreign, f->foreign);
	u->titled = plus(u->titled, f->titled);
	u->robots = plus(u->robots, f->robots);
	if (f->max_rcpts > u->max_rcpts)
		u->max_rcpts = f->max_rcpts;
	ir_mail_add_times(u, f->first, f->last);
	for (i = 0; i < IR_MAIL_KMV; i++) {
		add_kmv(&u->senders, f->senders.v[i]);
		add_kmv(&u->titles, f->titles.v[i]);
	}
}

void
ir_mail_add_hour(struct ir_mail_state *s, struct ir_mail_subject *u,
    uint32_t hour, uint32_t n)
{
	add_cell(s, u, hour, n);
}

/* --- messages under way ------------------------------------------------- */

static struct message *
open_slot(struct message *v, uint32_t cap, uint64_t id)
{
	uint32_t k = (uint32_t)(id >> 20) & (cap - 1);

	while (v[k].id && v[k].id != id)
		k = (k + 1) & (cap - 1);
	return &v[k];
}

static RARE void
settle_rare(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct message *m)
{
	struct ir_mail_rare h;

	if (m->rcpts + m->bounces >= IR_MAIL_HEAVY && m->time) {
		h = (struct ir_mail_rare){ .heavy = 1,
			.heavy_rcpts = m->rcpts + m->bounces,
			.heavy_first = m->time, .heavy_last = m->time };
		ir_mail_add_heavy(s, u, &h);
	}
	if (m->bounces && m->bounced.hash)
		ir_mail_add_bounced(s, u, &m->bounced);
}

/* What is known of a message goes to its subject. */
static inline void
settle(struct ir_mail_state *s, const struct message *m)
{
	struct ir_mail_subject *u;

	if (m->subject == 0 || m->subject == OUTSIDE)
		return;
	u = subject(s, m->subject - 1);
	u->rcpts = plus(u->rcpts, m->rcpts);
	u->bounces = plus(u->bounces, m->bounces);
	u->defers = plus(u->defers, m->defers);
	if (m->rcpts + m->bounces > u->max_rcpts)
		u->max_rcpts = m->rcpts + m->bounces;
	if (m->bounces || m->rcpts >= IR_MAIL_HEAVY)
		settle_rare(s, u, m);
}

static void
forget(struct ir_mail_state *s, struct message *m)
{
	uint32_t mask = s->open_cap - 1, hole = (uint32_t)(m - s->open), k;
	uint32_t home;

	s->nopen--;
	for (k = (hole + 1) & mask; s->open[k].id; k = (k + 1) & mask) {
		home = (uint32_t)(s->open[k].id >> 20) & mask;
		if (((k - home) & mask) >= ((k - hole) & mask)) {
			s->open[hole] = s->open[k];
			hole = k;
		}
	}
	memset(&s->open[hole], 0, sizeof s->open[hole]);
}

void
ir_mail_finish(struct ir_mail_state *s)
{
	uint32_t i;

	for (i = 0; i < s->open_cap; i++)
		if (s->open[i].id)
			settle(s, &s->open[i]);
	memset(s->open, 0, s->open_cap * sizeof *s->open);
	s->nopen = 0;
}

/* The message, made when it is new; NULL: no memory. */
struct message *
ir_mail_message(struct ir_mail_state *s, uint64_t id)
{
	struct message *m = open_slot(s->open, s->open_cap, id), *v;
	uint32_t i, cap;

	if (m->id)
		return m;
	if (s->nopen == IR_MAIL_OPEN) {
		s->sums.uncounted += s->nopen;
		ir_mail_finish(s);
	}
	if (s->nopen * 4 >= s->open_cap * 3) {
		cap = s->open_cap * 2;
		v = calloc(cap, sizeof *v);
		if (!v) {
			no_memory(s);
			return NULL;
		}
		for (i = 0; i < s->open_cap; i++)
			if (s->open[i].id)
				*open_slot(v, cap, s->open[i].id) =
				    s->open[i];
		free(s->open);
		s->open = v;
		s->open_cap = cap;
	}
	m = open_slot(s->open, s->open_cap, id);
	m->id = id;
	s->nopen++;
	return m;
}

void
ir_mail_message_add(const struct ir_mail_state *s, struct message *m,
    const struct message *f)
{
	m->rcpts = plus(m->rcpts, f->rcpts);
	m->bounces = plus(m->bounces, f->bounces);
	m->defers = plus(m->defers, f->defers);
	if (f->bounced.hash && (!m->bounced.hash ||
	    sample_before(s, &f->bounced, &m->bounced)))
		m->bounced = f->bounced;
	if (f->subject && !m->subject) {
		m->subject = f->subject;
		m->time = f->time;
	}
	m->done |= f->done;
}

/* --- events ------------------------------------------------------------- */

/* What is under way with the events of one part. */
struct part {
	uint64_t base;
	const char *text;
	ir_mail_keep *keep;
	void *arg;
	uint64_t kept;		/* where the line that was kept last is */
};

/* A line is evidence now: its text is kept if it cannot be read again. */
static void
keep_line(struct ir_mail_state *s, struct part *p, uint32_t off,
    uint32_t len, uint32_t line)
{
	if (!s->took)
		return;
	s->took = false;
	if (!p->keep || p->kept == p->base + off)
		return;
	p->kept = p->base + off;
	if (p->keep(p->arg, p->base + off, line, p->text + off, len))
		no_memory(s);
}

static inline void
take_success(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_event *e, const struct part *p, bool sent)
{
	struct net_fact f = { .net = net_of(s, &e->ip),
		.time = e->time, .last = e->time,
		.where = p->base + e->off, .sends = sent,
		.logins = !sent, .low_known = true };

	ir_mail_add_times(u, e->time, e->time);
	if (!f.net)
		return;
	f.low = f.net == IR_MAIL_INSIDE ? 0 : low_byte(&e->ip);
	add_net(s, u, &f);
}

static void
take_send(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_event *e, struct part *p)
{
	struct ir_mail_sample f = { .hash = (uint32_t)(ir_mail_mix(
	    e->id ? e->id : e->time * 2654435761u, u->hash) >> 32),
	    .hour = e->time / 3600, .where = p->base + e->off };

	u->msgs = plus(u->msgs, 1);
	u->foreign = plus(u->foreign, e->foreign);
	u->robots = plus(u->robots, e->robot);
	add_kmv(&u->senders, e->sender);
	if (e->title) {
		add_kmv(&u->titles, e->title);
		u->titled = plus(u->titled, 1);
	}
	if (!e->time)
		return;
	take_success(s, u, e, p, true);
	add_cell(s, u, e->time / 3600, 1);
	/* an eighth is enough for hours with much in them */
	if (f.hash < UINT32_MAX / 8)
		ir_mail_add_sample(s, u, &f);
	keep_line(s, p, e->off, e->len, e->line);
}

static void
take_fail(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_mail_event *e, struct part *p)
{
	struct ir_mail_failnet f = { .net = ir_mail_net_of(s, &e->ip),
		.first = e->time, .last = e->time, .n = e->n,
		.where = p->base + e->off };

	u->fails = plus(u->fails, e->n);
	if (!f.net || !e->time || !e->n)
		return;
	ir_mail_add_fail(s, u, &f);
	keep_line(s, p, e->off, e->len, e->line);
}

/* What was said of a message by id. */
static void
take_message(struct ir_mail_state *s, const struct ir_mail_event *e,
    uint32_t subject, struct part *p)
{
	struct message f = { .id = e->id, .subject = subject,
		.rcpts = e->rcpts, .bounces = e->bounces,
		.defers = e->defers, .done = e->done, .time = e->time };
	struct message *m;
	uint32_t h = (uint32_t)(ir_mail_mix(e->id, 3) >> 32);

	if (e->bounces && h % 4 == 0) {
		f.bounced = (struct ir_mail_sample){ h | 1, 0,
		    p->base + e->bounce_off };
		if (subject != OUTSIDE) {
			s->took = true;
			keep_line(s, p, e->bounce_off, e->bounce_len,
			    e->bounce_line);
		}
	}
	if (e->done && e->kind == IR_MLOG_ARRIVE) {
		settle(s, &f);
		return;
	}
	m = ir_mail_message(s, e->id);
	if (!m)
		return;
	/* a short id of Postfix's, used again; or a line logged twice */
	if (m->done && e->kind == IR_MLOG_ARRIVE)
		memset((char *)m + sizeof m->id, 0,
		    sizeof *m - sizeof m->id);
	if (!m->done)
		ir_mail_message_add(s, m, &f);
	if (m->done && m->subject) {
		settle(s, m);
		forget(s, m);
	}
}

/* number: of what is likely the subject, and 1; 0: look for it */
static void
take_event(struct ir_mail_state *s, const struct ir_mail_event *e,
    uint32_t number, struct part *p)
{
	uint32_t i = number ? number : OUTSIDE, n = e->nname;
	struct ir_mail_subject *u = number ? subject(s, number - 1) : NULL;

	if (u && u->hash != e->hash)
		u = NULL;
	if (!u && e->who != IR_MLOG_NOBODY && n) {
		i = ir_mail_intern(s, e->who, e->name, n, e->hash);
		u = i == NOBODY ? NULL : subject(s, i);
		i = i == NOBODY ? OUTSIDE : i + 1;
	}
	if (u && (e->kind == IR_MLOG_ARRIVE || e->kind == IR_MLOG_SCRIPT)) {
		take_send(s, u, e, p);
	} else if (u && e->kind == IR_MLOG_FAIL) {
		take_fail(s, u, e, p);
	} else if (u && e->time && (e->kind == IR_MLOG_LOGIN ||
	    e->kind == IR_MLOG_CHECK)) {
		u->logins = plus(u->logins, 1);
		u->checks = plus(u->checks, e->kind == IR_MLOG_CHECK);
		take_success(s, u, e, p, false);
		keep_line(s, p, e->off, e->len, e->line);
	}
	if (e->id)
		take_message(s, e, e->kind == IR_MLOG_ARRIVE ? i : 0, p);
}

/*
 * What the next events need is too much for the caches: fetch it early, in
 * steps, since each tells where the next is.
 */
#define SLOT_AHEAD 24
#define SUBJECT_AHEAD 16		/* a power of two */
#define TABLES_AHEAD 8

static inline void
fetch_subject(const struct ir_mail_state *s, uint64_t hash, uint32_t *number)
{
	size_t k = hash & (s->cap - 1);
	const char *u;

	/* not a look at the subject itself: that would wait for it */
	while (s->slot[k].number && s->slot[k].tag != hash >> 32)
		k = (k + 1) & (s->cap - 1);
	*number = s->slot[k].number;
	if (*number == 0)
		return;
	u = (const char *)subject(s, *number - 1);
	__builtin_prefetch(u);
	__builtin_prefetch(u + 64);
	__builtin_prefetch(u + 128);
	__builtin_prefetch(u + sizeof(struct ir_mail_subject) - 1);
}

static inline void
fetch_tables(const struct ir_mail_subject *u, const struct ir_mlog_addr *a)
{
	const struct ir_mail_net *e;

	if (u->net_cap && a->family == 4) {
		e = &u->net[spread(net_of_4(a), u->net_cap)];
		__builtin_prefetch(e);
		__builtin_prefetch((const char *)e + 64);
		__builtin_prefetch((const char *)e + 128);
	}
	if (u->ncell)
		__builtin_prefetch(&u->cell[u->ncell - 1]);
	if (u->nsample)
		__builtin_prefetch(&u->sample[u->nsample - 1]);
}

int
ir_mail_apply(struct ir_mail_state *s, const struct ir_mail_event *ev,
    size_t n, uint64_t base, const char *text, ir_mail_keep *keep, void *arg,
    struct ir_err *err)
{
	struct part p = { base, text, keep, arg, IR_MAIL_NOWHERE };
	uint32_t number[SUBJECT_AHEAD] = { 0 };
	const struct ir_mail_event *e;
	size_t i;

	s->took = false;
	for (i = 0; i < n; i++) {
		e = &ev[i];
		if (i + SLOT_AHEAD < n && e[SLOT_AHEAD].who)
			__builtin_prefetch(&s->slot[e[SLOT_AHEAD].hash &
			    (s->cap - 1)]);
		if (number[(i + TABLES_AHEAD) % SUBJECT_AHEAD])
			fetch_tables(subject(s, number[(i + TABLES_AHEAD) %
			    SUBJECT_AHEAD] - 1), &e[TABLES_AHEAD].ip);
		take_event(s, e, number[i % SUBJECT_AHEAD], &p);
		number[i % SUBJECT_AHEAD] = 0;
		if (i + SUBJECT_AHEAD < n && e[SUBJECT_AHEAD].who)
			fetch_subject(s, e[SUBJECT_AHEAD].hash,
			    &number[i % SUBJECT_AHEAD]);
	}
	return s->no_memory ? ir_fail(err, IR_OSERR, "no memory") : 0;
}
