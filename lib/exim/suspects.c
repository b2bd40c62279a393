/* suspects.c - see suspects.h */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "../core/text.h"
#include "select.h"
#include "subject.h"
#include "suspects_in.h"

/* --- tables ------------------------------------------------------------- */

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 33;
}

static uint64_t
hash(const struct ir_suspects *s, struct ir_span v)
{
	uint64_t h = 14695981039346656037u ^ s->seed;
	size_t i;

	for (i = 0; i < v.n; i++)
		h = (h ^ (unsigned char)(v.p[i] >= 'A' && v.p[i] <= 'Z' ?
		    v.p[i] | 0x20 : v.p[i])) * 1099511628211u;
	return h ^ h >> 32;
}

/* Make room for one more; hash_of tells where a number belongs. */
static int
index_grow(struct ir_suspects *s, struct ir_index *x,
    uint64_t (*hash_of)(struct ir_suspects *, uint32_t))
{
	size_t slots = x->slots ? x->slots * 2 : 1024, i, at;
	uint32_t *v;

	if (x->n * 2 < x->slots)
		return 0;
	v = calloc(slots, sizeof *v);
	if (!v)
		return -1;
	for (i = 0; i < x->n; i++) {
		at = (size_t)hash_of(s, (uint32_t)i) & (slots - 1);
		while (v[at])
			at = (at + 1) & (slots - 1);
		v[at] = (uint32_t)i + 1;
	}
	free(x->v);
	x->v = v;
	x->slots = slots;
	return 0;
}

/* Double an array whose length is a power of two, or 0. */
static int
array_grow(void **v, size_t n, size_t size)
{
	void *p;

	if (n & (n - 1) || (n && n < 64))
		return 0;
	p = reallocarray(*v, n ? n * 2 : 64, size);
	if (!p)
		return -1;
	*v = p;
	return 0;
}

static uint64_t
name_hash(struct ir_suspects *s, uint32_t i)
{
	return hash(s, (struct ir_span){ s->names[i], strlen(s->names[i]) });
}

/*
 * Number of a text, or NO_NAME.  What a spammer can make up without end has
 * only a part of the room.  -1: 71.
 */
static int
name(struct ir_suspects *s, struct ir_span v, bool made_up, uint32_t *out)
{
	struct ir_index *x = &s->by_name;
	void *mem = s->names;
	size_t at;

	*out = NO_NAME;
	if (v.n > NAME_BYTES)
		v.n = ir_text_cut(v.p, v.n, NAME_BYTES);
	if (v.n && memchr(v.p, '\0', v.n))
		v.n = (size_t)((const char *)memchr(v.p, '\0', v.n) - v.p);
	if (index_grow(s, x, name_hash))
		return -1;
	at = (size_t)hash(s, v) & (x->slots - 1);
	for (; x->v[at]; at = (at + 1) & (x->slots - 1))
		if (ir_span_ieq(v, s->names[x->v[at] - 1])) {
			*out = x->v[at] - 1;
			return 0;
		}
	if (x->n >= (made_up ? NAMES_MAX / 4 * 3 : NAMES_MAX))
		return 0;
	if (array_grow(&mem, x->n, sizeof *s->names))
		return -1;
	s->names = mem;
	s->names[x->n] = strndup(v.p ? v.p : "", v.n);
	if (!s->names[x->n])
		return -1;
	*out = (uint32_t)x->n++;
	x->v[at] = (uint32_t)x->n;
	return 0;
}

static uint64_t
group_key(const struct ir_suspects *s, const struct ir_group *g)
{
	return mix(mix(mix(mix(s->seed, g->kind), g->name), g->channel),
	    (uint64_t)g->owner << 32 | g->helo);
}

static uint64_t
group_hash(struct ir_suspects *s, uint32_t i)
{
	return group_key(s, &s->groups[i]);
}

/* 1, 0 no room for another one, -1: 71. */
static int
group(struct ir_suspects *s, struct ir_group key, uint32_t *out)
{
	struct ir_index *x = &s->by_group;
	const struct ir_group *g;
	void *mem = s->groups;
	size_t at;

	if (index_grow(s, x, group_hash))
		return -1;
	at = (size_t)group_key(s, &key) & (x->slots - 1);
	for (; x->v[at]; at = (at + 1) & (x->slots - 1)) {
		g = &s->groups[x->v[at] - 1];
		if (g->kind == key.kind && g->name == key.name &&
		    g->channel == key.channel && g->owner == key.owner &&
		    g->helo == key.helo) {
			*out = x->v[at] - 1;
			return 1;
		}
	}
	if (x->n >= (key.kind == K_SENDER ? GROUPS_MAX / 2 :
	    key.kind == K_SOURCE ? GROUPS_MAX / 4 * 3 : GROUPS_MAX))
		return 0;
	if (array_grow(&mem, x->n, sizeof *s->groups))
		return -1;
	s->groups = mem;
	*out = (uint32_t)x->n++;
	s->groups[*out] = key;
	x->v[at] = (uint32_t)x->n;
	if (key.kind == K_SOURCE) {
		s->groups[*out].next = s->groups[key.owner].first_source;
		s->groups[key.owner].first_source = *out + 1;
	}
	return 1;
}

static uint64_t
cell_hash(struct ir_suspects *s, uint32_t i)
{
	return mix(mix(s->seed, s->cells[i].source), s->cells[i].subject);
}

static int
count_cell(struct ir_suspects *s, uint32_t source, uint32_t subject)
{
	struct ir_index *x = &s->by_cell;
	void *mem = s->cells;
	size_t at;

	if (index_grow(s, x, cell_hash))
		return -1;
	at = (size_t)mix(mix(s->seed, source), subject) & (x->slots - 1);
	for (; x->v[at]; at = (at + 1) & (x->slots - 1))
		if (s->cells[x->v[at] - 1].source == source &&
		    s->cells[x->v[at] - 1].subject == subject) {
			s->cells[x->v[at] - 1].count++;
			return 0;
		}
	if (x->n >= CELLS_MAX)
		return 0;
	if (array_grow(&mem, x->n, sizeof *s->cells))
		return -1;
	s->cells = mem;
	s->cells[x->n] = (struct ir_cell){ source, subject, 1, false };
	x->v[at] = (uint32_t)++x->n;
	return 0;
}

static int
pairs_grow(struct ir_suspects *s)
{
	size_t slots = s->pair_slots ? s->pair_slots * 2 : 4096, i, at;
	struct ir_pair *v;

	if (s->npairs * 3 < s->pair_slots * 2)
		return 0;
	v = s->npairs < PAIRS_MAX ? calloc(slots, sizeof *v) : NULL;
	if (!v)
		return -1;
	for (i = 0; i < s->pair_slots; i++) {
		if (!s->pairs[i].key)
			continue;
		at = (size_t)s->pairs[i].key & (slots - 1);
		while (v[at].key)
			at = (at + 1) & (slots - 1);
		v[at] = s->pairs[i];
	}
	free(s->pairs);
	s->pairs = v;
	s->pair_slots = slots;
	return 0;
}

static struct ir_pair *
pair_at(const struct ir_suspects *s, enum ir_dim d, uint32_t g, uint64_t value,
    uint64_t *key)
{
	size_t at;

	*key = mix(mix(mix(s->seed, d), g), value) | 1;
	at = (size_t)*key & (s->pair_slots - 1);
	while (s->pairs[at].key && s->pairs[at].key != *key)
		at = (at + 1) & (s->pair_slots - 1);
	return &s->pairs[at];
}

uint32_t
ir_suspects_met(const struct ir_suspects *s, enum ir_dim d, uint32_t g,
    uint64_t value)
{
	uint64_t key;

	return pair_at(s, d, g, value, &key)->n;
}

/* And these times, too; 0: there is no room to know it. */
static uint32_t
meet(struct ir_suspects *s, enum ir_dim d, uint32_t g, uint64_t value,
    uint32_t times)
{
	struct ir_pair *p;
	uint64_t key;

	p = pair_at(s, d, g, value, &key);
	if (!p->key) {
		if (pairs_grow(s))
			return 0;
		p = pair_at(s, d, g, value, &key);
		p->key = key;
		s->npairs++;
	}
	return p->n += times;
}

/* --- one message -------------------------------------------------------- */

struct seen {			/* what counts of a message, for all groups */
	const struct ir_spool_msg *m;
	struct ir_span sender;
	uint64_t sender_hash, sender_domain_hash, host_hash, net_hash;
	uint32_t subject;
	bool foreign, list, own_list, eval;
};

/* The sender without what differs for each recipient of a list. */
static struct ir_span
plain_sender(struct ir_span a)
{
	size_t i;

	for (i = 0; i < a.n && a.p[i] != '@'; i++)
		if (a.p[i] == '+' || a.p[i] == '=')
			return (struct ir_span){ a.p, i };
	return a;
}

/* 192.0.2.x is one network, and so is 2001:db8:1:: */
static struct ir_span
net_of(struct ir_span host)
{
	bool six = host.n && memchr(host.p, ':', host.n);
	size_t i, parts = 0;

	for (i = 0; i < host.n; i++)
		if (host.p[i] == (six ? ':' : '.') && ++parts == 3)
			break;
	return (struct ir_span){ host.p, i };
}

static bool
is_value(struct ir_span v, const char *word)
{
	size_t n = strlen(word);

	return v.n >= n && strncasecmp(v.p, word, n) == 0;
}

static bool
part_of_label(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' &&
	    (c | 0x20) <= 'z') || c == '-';
}

/* Is that domain, or one below it, named in the text? */
static bool
names_domain(struct ir_span text, struct ir_span domain)
{
	size_t i, end;

	for (i = 0; domain.n && i + domain.n <= text.n; i++) {
		if (strncasecmp(text.p + i, domain.p, domain.n) != 0 ||
		    (i && part_of_label(text.p[i - 1])))
			continue;
		end = i + domain.n;
		/* firm.example.evil.example is another's */
		end += end < text.n && text.p[end] == '.';
		if (end == text.n || !part_of_label(text.p[end]))
			return true;
	}
	return false;
}

/*
 * The domain that a list of this one is in: lists.firm.example is of
 * firm.example.
 */
static struct ir_span
above(struct ir_span domain)
{
	const char *dot = domain.n ? memchr(domain.p, '.', domain.n) : NULL;
	size_t skip = dot ? (size_t)(dot + 1 - domain.p) : 0;

	if (!dot || !memchr(dot + 1, '.', domain.n - skip))
		return domain;
	return (struct ir_span){ dot + 1, domain.n - skip };
}

/* The marks of a list; own: which say that it is the sender's. */
static bool
list_marks(const struct ir_spool_msg *m, bool *own)
{
	struct ir_span left = m->headers, n, v;
	struct ir_span a = above(ir_span_domain(m->sender));
	struct ir_span b = above(ir_span_domain(m->auth_user));
	bool marks = false;

	*own = false;
	while (ir_spool_next_header(&left, &n, &v)) {
		switch (n.n ? n.p[0] | 0x20 : 0) {
		case 'l':
			if (!ir_span_ieq(n, "List-Id") &&
			    !ir_span_ieq(n, "List-Unsubscribe"))
				break;
			marks = true;
			*own = *own || names_domain(v, a) ||
			    names_domain(v, b);
			break;
		case 'p':
			marks = marks || (ir_span_ieq(n, "Precedence") &&
			    (is_value(v, "bulk") || is_value(v, "list")));
			break;
		case 'a':
			marks = marks || (ir_span_ieq(n, "Auto-Submitted") &&
			    !is_value(v, "no"));
			break;
		default:
			break;
		}
	}
	return marks;
}

static void
count_one(struct ir_suspects *s, uint32_t i, const struct seen *o)
{
	struct ir_group *g = &s->groups[i];
	struct ir_span left = o->m->rcpts, a;
	uint32_t n;

	if (g->count == 0)
		g->first = g->last = o->m->received;
	g->count++;
	g->rcpts += o->m->rcpt_count;
	g->lists += o->list;
	g->own_lists += o->own_list;
	g->evals += o->eval;
	if (o->m->received < g->first)
		g->first = o->m->received;
	if (o->m->received > g->last)
		g->last = o->m->received;
	g->senders += meet(s, D_SENDER, i, o->sender_hash, 1) == 1;
	if (meet(s, D_SENDER_DOMAIN, i, o->sender_domain_hash, 1) == 1) {
		g->sender_domains++;
		g->foreign += o->foreign;
	}
	if (o->m->host.n) {
		g->hosts += meet(s, D_HOST, i, o->host_hash, 1) == 1;
		g->nets += meet(s, D_NET, i, o->net_hash, 1) == 1;
	}
	n = meet(s, D_TIME, i, (uint64_t)o->m->received / 600, 1);
	if (n > g->busiest)
		g->busiest = n;
	while (ir_spool_next_rcpt(&left, &a))
		g->domains += meet(s, D_DOMAIN, i,
		    hash(s, ir_span_domain(a)), 1) == 1;
}

/* A group and the source in it. */
static int
count_group(struct ir_suspects *s, struct ir_group key, const struct seen *o)
{
	struct ir_group src = { .kind = K_SOURCE };
	uint32_t g, at;
	int rc = key.name == NO_NAME ? 0 : group(s, key, &g);

	if (rc <= 0)
		return rc;
	count_one(s, g, o);
	src.owner = g;
	if (name(s, o->m->host, false, &src.name) ||
	    name(s, o->m->helo, true, &src.helo))
		return -1;
	if (src.name == NO_NAME || src.helo == NO_NAME)
		return 0;
	src.shared = o->m->host.n == 0 || ir_span_ieq(o->m->host,
	    "127.0.0.1") || ir_span_ieq(o->m->host, "::1");
	rc = group(s, src, &at);
	if (rc <= 0)
		return rc;
	count_one(s, at, o);
	return o->subject == NO_NAME ? 0 : count_cell(s, at, o->subject);
}

/* Subjects that differ in numbers only are one; as --top has them. */
static int
subject_name(struct ir_suspects *s, const struct ir_spool_msg *m,
    uint32_t *out)
{
	size_t i, to = 0;
	char *p;

	ir_buf_trunc(&s->text, 0);
	ir_spool_subject(m, &s->text);
	p = s->text.data;
	for (i = 0; i < s->text.len; i++) {
		if (p[i] < '0' || p[i] > '9')
			p[to++] = p[i];
		else if (to == 0 || p[to - 1] != '#')
			p[to++] = '#';
	}
	ir_buf_trunc(&s->text, to);
	return name(s, (struct ir_span){ ir_buf_cstr(&s->text), to }, true,
	    out);
}

/* Whom is the bounce for?  He is asked for by that in the end. */
static void
count_bounce(struct ir_suspects *s, const struct ir_spool_msg *m)
{
	struct ir_span left = m->rcpts, a;

	s->bounces++;
	while (ir_spool_next_rcpt(&left, &a))
		(void)meet(s, D_BOUNCE, 0, hash(s, a), 1);
}

static void
look(struct ir_suspects *s, const struct ir_spool_msg *m, struct seen *o)
{
	struct ir_span domain = ir_span_domain(m->sender);
	struct ir_span own = ir_span_domain(m->auth_user);

	o->m = m;
	o->sender_hash = hash(s, plain_sender(m->sender));
	o->sender_domain_hash = hash(s, domain);
	o->host_hash = hash(s, m->host);
	o->net_hash = hash(s, net_of(m->host));
	o->foreign = own.n && m->authenticator.p &&
	    (own.n != domain.n || strncasecmp(own.p, domain.p, own.n) != 0);
	o->list = list_marks(m, &o->own_list);
	o->eval = m->script.n && memmem(m->script.p, m->script.n,
	    "eval()'d", 8);
}

/*
 * Under which names it is counted: an account that logged in; or else what
 * carried it, a user of this host or an address, and in that a script or a
 * sender.
 */
static int
count_all(struct ir_suspects *s, const struct ir_spool_msg *m,
    const struct seen *o)
{
	struct ir_group key = { .kind = K_ACCOUNT };
	struct ir_group coarse = { .kind = K_HOST };
	bool local = m->local || m->host.n == 0;
	struct ir_span user = m->auth_user.n ? m->auth_user : m->login;
	bool own = ir_span_ieq(m->host, "127.0.0.1") ||
	    ir_span_ieq(m->host, "::1");

	if (m->authenticator.p && m->auth_user.n)
		return name(s, m->auth_user, false, &key.name) ||
		    count_group(s, key, o) < 0 ? -1 : 0;
	if (local)
		coarse.kind = K_USER;
	coarse.shared = local || own;
	if (name(s, local ? user : m->host, false, &coarse.name) ||
	    count_group(s, coarse, o) < 0)
		return -1;
	if (!local && !own)
		return 0;
	key.kind = local && m->script.n ? K_SCRIPT : K_SENDER;
	key.channel = coarse.name;
	return name(s, key.kind == K_SCRIPT ? ir_spool_script(m) : m->sender,
	    true, &key.name) || count_group(s, key, o) < 0 ? -1 : 0;
}

int
ir_suspects_add(struct ir_suspects *s, const struct ir_spool_msg *m,
    struct ir_err *err)
{
	struct seen o = { .m = m };
	int rc = 0;

	if (m->sender.n == 0) {
		count_bounce(s, m);
	} else {
		s->messages++;
		look(s, m, &o);
		rc = subject_name(s, m, &o.subject);
		if (rc == 0)
			rc = count_all(s, m, &o);
	}
	return rc ? ir_fail(err, IR_OSERR, "no memory") : 0;
}

/* --- signals ------------------------------------------------------------ */

/* Of all messages with a subject, those that no other group counts again. */
static size_t *
all_subjects(const struct ir_suspects *s)
{
	size_t *all = calloc(s->by_name.n + 1, sizeof *all), i;
	const struct ir_cell *c;

	for (i = 0; all && i < s->by_cell.n; i++) {
		c = &s->cells[i];
		if (!s->groups[s->groups[c->source].owner].shared)
			all[c->subject] += c->count;
	}
	return all;
}

/*
 * The subject that most messages of each group have, unless everybody has it
 * ("Re:"), and that of each source.
 */
static int
find_subjects(struct ir_suspects *s)
{
	size_t *all = all_subjects(s), i, n;
	struct ir_group *g, *src;
	struct ir_cell *c;

	if (!all)
		return -1;
	for (i = 0; i < s->by_cell.n; i++) {
		c = &s->cells[i];
		src = &s->groups[c->source];
		if (c->count > src->same) {
			src->same = c->count;
			src->subject = c->subject;
		}
		g = &s->groups[src->owner];
		n = meet(s, D_SUBJECT, src->owner, c->subject, c->count);
		if (n > g->same && (n >= all[c->subject] ||
		    n * 100 / all[c->subject] >= SAME_SHARE)) {
			g->same = n;
			g->subject = c->subject;
		}
	}
	free(all);
	return 0;
}

void
ir_suspects_judge(struct ir_group *g)
{
	g->volume = (g->busiest >= BUSY) + (g->domains >= WIDE) +
	    (g->same >= SAME);
	g->deceit = g->evals > 0;
	if (g->kind == K_ACCOUNT)
		g->deceit += (g->senders >= SENDERS || g->foreign >= FOREIGN)
		    + (g->nets >= NETS) + (g->bounces >= BOUNCES);
	else if (g->kind != K_HOST && g->kind != K_USER)
		g->deceit += (g->senders >= SENDERS) +
		    (g->bounces >= BOUNCES);
	/* a thief, and beside him the owner, make two networks, too */
	g->is_list = g->lists * 100 >= g->count * 95 &&
	    g->sender_domains <= 1 && g->evals == 0 && (g->nets <= 1 ||
	    (g->nets == 2 && g->own_lists * 100 >= g->count * 95)) &&
	    (g->bounces < BOUNCES || g->bounces * 10 < g->count);
}

static int
by_size(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Messages of the sender in the middle. */
static size_t
median(const struct ir_suspects *s)
{
	size_t *v = calloc(s->by_group.n + 1, sizeof *v), n = 0, i, m;

	if (!v)
		return 0;
	for (i = 0; i < s->by_group.n; i++)
		if (s->groups[i].kind != K_SOURCE && !s->groups[i].is_list &&
		    !s->groups[i].shared)
			v[n++] = s->groups[i].count;
	qsort(v, n, sizeof *v, by_size);
	/* with two there is no middle */
	m = n < 3 ? 0 : v[(n - 1) / 2];
	free(v);
	return m;
}

/* --- who is named ------------------------------------------------------- */

static bool
stands_out(const struct ir_group *g, size_t middle)
{
	if (g->is_list || g->count < SAME)
		return false;
	if (g->deceit && g->volume + g->deceit >= 2)
		return true;
	/* programs write to many, and the same; people do not */
	if ((g->kind == K_SCRIPT || g->kind == K_USER) && g->busiest < BUSY)
		return false;
	return (g->volume >= 3 && g->count >= 2 * middle) ||
	    (g->volume == 2 && g->count >= 5 * middle);
}

/* A user or an address that carries several: only if none of them is named. */
static bool
named_within(const struct ir_suspects *s, const struct ir_group *g)
{
	size_t i;

	for (i = 0; i < s->by_group.n; i++)
		if (s->groups[i].named && s->groups[i].channel == g->name &&
		    (s->groups[i].kind == K_SCRIPT ||
		    s->groups[i].kind == K_SENDER))
			return true;
	return false;
}

static uint32_t
next_named(const struct ir_suspects *s, bool *done)
{
	uint32_t best = 0;
	size_t i;
	bool any = false;

	for (i = 0; i < s->by_group.n; i++)
		if (s->groups[i].named && !done[i] && (!any ||
		    s->groups[i].count > s->groups[best].count)) {
			best = (uint32_t)i;
			any = true;
		}
	done[best] = any;
	return any ? best + 1 : 0;
}

static size_t
bounces_for(struct ir_suspects *s, const struct ir_group *g)
{
	const char *n = s->names[g->name];

	if (g->kind != K_ACCOUNT && g->kind != K_SENDER)
		return 0;
	return ir_suspects_met(s, D_BOUNCE, 0, hash(s, (struct ir_span){ n,
	    strlen(n) }));
}

static void
name_them(struct ir_suspects *s, size_t middle)
{
	struct ir_group *g;
	size_t i;
	int coarse;

	for (coarse = 0; coarse < 2; coarse++)
		for (i = 0; i < s->by_group.n; i++) {
			g = &s->groups[i];
			if (g->kind == K_SOURCE || g->shared != (coarse == 1))
				continue;
			g->named = stands_out(g, middle) &&
			    (!coarse || (!named_within(s, g) &&
			    g->same >= SAME));
		}
}

void
ir_suspects_report(struct ir_suspects *s,
    void (*put)(struct ir_rec *, void *),
    void (*list)(const char *, size_t, void *), void *arg)
{
	bool *done = calloc(s->by_group.n + 1, sizeof *done);
	struct ir_group *g;
	size_t i, middle;
	uint32_t n;

	if (!done || find_subjects(s))
		goto out;
	for (i = 0; i < s->by_group.n; i++) {
		g = &s->groups[i];
		if (g->kind == K_SOURCE)
			continue;
		g->bounces = bounces_for(s, g);
		ir_suspects_judge(g);
	}
	middle = median(s);
	name_them(s, middle);
	for (i = 0; i < s->by_group.n; i++) {
		g = &s->groups[i];
		if (g->kind != K_SOURCE && g->is_list && g->count >= SAME &&
		    g->volume >= 2 && !g->shared)
			list(s->names[g->name], g->count, arg);
	}
	while ((n = next_named(s, done)))
		put(ir_suspects_record(s, n - 1, middle), arg);
out:
	free(done);
}

struct ir_suspects *
ir_suspects_new(struct ir_err *err)
{
	struct ir_suspects *s = calloc(1, sizeof *s);
	struct ir_span none = { "", 0 };
	uint32_t zero;

	if (s) {
		s->text.max = IR_SUBJECT_MAX;
		if (getrandom(&s->seed, sizeof s->seed, 0) < 0)
			s->seed = (uint64_t)(uintptr_t)s;
	}
	/* the name number 0 is the empty one */
	if (!s || name(s, none, false, &zero) || pairs_grow(s)) {
		ir_suspects_free(s);
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	return s;
}

void
ir_suspects_free(struct ir_suspects *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->by_name.n; i++)
		free(s->names[i]);
	free(s->names);
	free(s->groups);
	free(s->cells);
	free(s->pairs);
	free(s->by_name.v);
	free(s->by_group.v);
	free(s->by_cell.v);
	ir_buf_free(&s->text);
	free(s);
}
