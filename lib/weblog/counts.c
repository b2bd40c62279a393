/* counts.c - see counts.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../net/prefix.h"
#include "counts.h"

#define CLOCK_STEP 300		/* seconds back that are a step */
#define NET4 (UINT64_C(4) << 56)
#define NET6 (UINT64_C(6) << 56)

/* --- networks ----------------------------------------------------------- */

uint64_t
ir_web_net(const struct ir_web_post *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < (p->v6 ? 6 : 3); i++)
		v = v << 8 | p->ip[i];
	return v | (p->v6 ? NET6 : NET4);
}

char *
ir_web_net_text(uint64_t net, char *buf, size_t size)
{
	struct ir_prefix x = { .bits = 24 };
	int i, n = 3;

	if (net & NET6 & ~NET4) {
		x.ip.v6 = true;
		x.bits = 48;
		n = 6;
	}
	for (i = 0; i < n; i++)
		x.ip.b[i] = (uint8_t)(net >> (8 * (n - 1 - i)));
	return ir_prefix_text(&x, buf, size);
}

/* --- tables ------------------------------------------------------------- */

struct ir_web_counts *
ir_web_counts_new(const struct ir_web_mails *mails)
{
	struct ir_web_counts *c = calloc(1, sizeof *c);

	if (c)
		c->mails = mails;
	return c;
}

static void
free_url(struct ir_web_url *u)
{
	size_t i;

	if (!u)
		return;
	free(u->key);
	ir_web_set_free(&u->hours);
	ir_web_set_free(&u->nets);
	ir_web_set_free(&u->addresses);
	ir_web_set_free(&u->agents);
	for (i = 0; i < IR_WEB_SAMPLES; i++)
		free(u->sample[i].text);
	free(u);
}

void
ir_web_counts_free(struct ir_web_counts *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->cap; i++)
		free_url(c->url[i]);
	for (i = 0; i < c->agent_cap; i++)
		free(c->agent[i].name);
	free(c->url);
	free(c->agent);
	free(c);
}

static struct ir_web_url **
url_slot(struct ir_web_url **v, size_t cap, uint64_t hash, const char *key)
{
	size_t i = (size_t)hash & (cap - 1);

	while (v[i] && (v[i]->hash != hash || strcmp(v[i]->key, key)))
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static int
grow_urls(struct ir_web_counts *c)
{
	size_t cap = c->cap ? c->cap * 2 : 256, i;
	struct ir_web_url **v = calloc(cap, sizeof(struct ir_web_url *));

	if (!v) {
		c->bad = true;
		return -1;
	}
	for (i = 0; i < c->cap; i++)
		if (c->url[i])
			*url_slot(v, cap, c->url[i]->hash, c->url[i]->key) =
			    c->url[i];
	free(c->url);
	c->url = v;
	c->cap = cap;
	return 0;
}

/* The URL of that key; *fresh: it is new.  NULL: no room for it. */
static struct ir_web_url *
find_url(struct ir_web_counts *c, const char *key, size_t n, size_t host_len,
    bool *fresh)
{
	uint64_t hash = ir_web_hash(key, n, 2);
	struct ir_web_url **at, *u;

	*fresh = false;
	if (c->nurls * 2 >= c->cap && grow_urls(c))
		return NULL;
	at = url_slot(c->url, c->cap, hash, key);
	if (*at || c->nurls == IR_WEB_URLS)
		return *at;
	u = calloc(1, sizeof *u);
	if (!u || !(u->key = strdup(key))) {
		c->bad = true;
		free(u);
		return NULL;
	}
	u->hash = hash;
	u->host_len = host_len;
	u->known = ir_web_known(u->key + host_len);
	*fresh = true;
	c->nurls++;
	*at = u;
	return *at;
}

static struct ir_web_agent *
agent_slot(struct ir_web_agent *v, size_t cap, uint64_t hash)
{
	size_t i = (size_t)hash & (cap - 1);

	while (v[i].name && v[i].hash != hash)
		i = (i + 1) & (cap - 1);
	return &v[i];
}

const struct ir_web_agent *
ir_web_agent_of(const struct ir_web_counts *c, uint64_t hash)
{
	const struct ir_web_agent *a = c->agent_cap ? agent_slot(c->agent,
	    c->agent_cap, hash) : NULL;

	return a && a->name ? a : NULL;
}

static void
add_agent(struct ir_web_counts *c, const char *name, uint64_t hash)
{
	struct ir_web_agent *v, *a;
	size_t cap, i;

	if (c->nagents * 2 >= c->agent_cap) {
		cap = c->agent_cap ? c->agent_cap * 2 : 256;
		v = calloc(cap, sizeof *v);
		if (!v) {
			c->bad = true;
			return;
		}
		for (i = 0; i < c->agent_cap; i++)
			if (c->agent[i].name)
				*agent_slot(v, cap, c->agent[i].hash) =
				    c->agent[i];
		free(c->agent);
		c->agent = v;
		c->agent_cap = cap;
	}
	a = agent_slot(c->agent, c->agent_cap, hash);
	if (a->name || c->nagents == IR_WEB_AGENTS)
		return;
	a->name = strdup(name);
	a->hash = hash;
	c->nagents += a->name != NULL;
	c->bad |= a->name == NULL;
}

/* --- one POST ----------------------------------------------------------- */

/* Of two that weigh the same, the earlier. */
static bool
before(const struct ir_web_sample *a, const struct ir_web_sample *b)
{
	if (!a->text || !b->text)
		return a->text != NULL;
	if (a->weight != b->weight)
		return a->weight < b->weight;
	return a->file != b->file ? a->file < b->file : a->line < b->line;
}

/* text is copied when it is kept. */
static void
add_sample(struct ir_web_url *u, const struct ir_web_sample *s, size_t n)
{
	struct ir_web_sample *worst = u->sample, *v;

	for (v = u->sample; v < u->sample + IR_WEB_SAMPLES; v++)
		if (before(worst, v))
			worst = v;
	if (!before(s, worst))
		return;
	free(worst->text);
	*worst = *s;
	worst->text = strndup(s->text, n < IR_WEB_SAMPLE ? n : IR_WEB_SAMPLE);
}

void
ir_web_counts_end(struct ir_web_counts *c)
{
	struct ir_web_waiting *w = &c->waiting;
	struct ir_web_url *u = w->url;
	int64_t t = w->time;

	if (!u)
		return;
	ir_web_set_add(&u->hours, (uint64_t)(t / 3600), 1, t, t);
	ir_web_set_add(&u->agents, w->agent, 1, t, t);
	if (w->has_ip) {
		ir_web_set_add(&u->nets, w->net, 1, t, t);
		ir_web_set_add(&u->addresses, w->address, 1, t, t);
	}
	w->url = NULL;
}

/* Put it into the sets of u when the next one comes. */
static void
put_off(struct ir_web_counts *c, struct ir_web_url *u,
    const struct ir_web_post *p, uint64_t agent)
{
	struct ir_web_waiting *w = &c->waiting;

	ir_web_counts_end(c);
	w->url = u;
	w->net = ir_web_net(p);
	w->address = ir_web_hash(p->ip, sizeof p->ip, p->v6);
	w->agent = agent;
	w->time = p->time;
	w->has_ip = p->has_ip;
	ir_web_set_soon(&u->agents, w->agent);
	ir_web_set_soon(&u->nets, w->net);
	ir_web_set_soon(&u->addresses, w->address);
}

static void
count_ok(struct ir_web_counts *c, struct ir_web_url *u,
    const struct ir_web_post *p, const struct ir_web_where *w)
{
	const struct ir_web_mails *m = c->mails;
	int64_t t = p->time, from = t - IR_WEB_BEFORE, to = t + IR_WEB_AFTER;
	uint64_t agent = ir_web_hash(p->agent, strlen(p->agent), 3);
	struct ir_web_sample s = { .time = t, .file = w->file,
		.line = w->line };
	union { const char *c; char *p; } text = { w->text };

	u->ok++;
	u->bare += !p->referer;
	if (!u->first || t < u->first)
		u->first = t;
	if (t > u->last)
		u->last = t;
	put_off(c, u, p, agent);
	add_agent(c, p->agent, agent);
	if (m && u->user != IR_WEB_NONE) {
		u->mailed += ir_web_mails_count(m, u->user, from, to) > 0;
		u->shifted += ir_web_mails_count(m, u->user,
		    from - IR_WEB_SHIFT, to - IR_WEB_SHIFT) > 0;
		u->shifted += ir_web_mails_count(m, u->user,
		    from + IR_WEB_SHIFT, to + IR_WEB_SHIFT) > 0;
	}
	/* only read */
	s.text = text.p;
	s.weight = ir_web_hash(p->ip, sizeof p->ip, (uint64_t)t);
	add_sample(u, &s, w->n);
}

void
ir_web_counts_add(struct ir_web_counts *c, const struct ir_web_post *p,
    const struct ir_web_where *w,
    int (*user)(const struct ir_web_post *p, void *arg), void *arg)
{
	size_t host = strlen(p->vhost), n = strlen(p->path);
	struct ir_web_url *u;
	bool fresh;

	c->posts++;
	c->steps += c->before && p->time < c->before - CLOCK_STEP;
	c->before = p->time;
	if (!c->first || p->time < c->first)
		c->first = p->time;
	if (p->time > c->last)
		c->last = p->time;
	memmove(c->key, p->vhost, host);
	memmove(c->key + host, p->path, n + 1);
	u = find_url(c, c->key, host + n, host, &fresh);
	if (!u) {
		c->uncounted++;
		return;
	}
	if (fresh)
		u->user = user ? user(p, arg) : IR_WEB_ANY;
	u->cut |= p->path_cut;
	u->posts++;
	u->answers[p->status / 100]++;
	if (p->status >= 200 && p->status < 400)
		count_ok(c, u, p, w);
}

/* --- merging ------------------------------------------------------------ */

static void
merge_url(struct ir_web_url *to, const struct ir_web_url *from)
{
	size_t i;

	to->cut |= from->cut;
	to->posts += from->posts;
	to->ok += from->ok;
	for (i = 0; i < 6; i++)
		to->answers[i] += from->answers[i];
	to->bare += from->bare;
	to->mailed += from->mailed;
	to->shifted += from->shifted;
	if (from->first && (!to->first || from->first < to->first))
		to->first = from->first;
	if (from->last > to->last)
		to->last = from->last;
	ir_web_set_merge(&to->hours, &from->hours);
	ir_web_set_merge(&to->nets, &from->nets);
	ir_web_set_merge(&to->addresses, &from->addresses);
	ir_web_set_merge(&to->agents, &from->agents);
	for (i = 0; i < IR_WEB_SAMPLES; i++)
		if (from->sample[i].text)
			add_sample(to, &from->sample[i], IR_WEB_SAMPLE);
}

void
ir_web_counts_merge(struct ir_web_counts *to,
    const struct ir_web_counts *from)
{
	const struct ir_web_url *v;
	struct ir_web_url *u;
	bool fresh;
	size_t i;

	to->posts += from->posts;
	to->uncounted += from->uncounted;
	to->steps += from->steps;
	to->bad |= from->bad;
	if (from->first && (!to->first || from->first < to->first))
		to->first = from->first;
	if (from->last > to->last)
		to->last = from->last;
	for (i = 0; i < from->cap; i++) {
		v = from->url[i];
		if (!v)
			continue;
		u = find_url(to, v->key, strlen(v->key), v->host_len,
		    &fresh);
		if (!u) {
			to->uncounted += v->posts;
			continue;
		}
		if (fresh)
			u->user = v->user;
		merge_url(u, v);
	}
	for (i = 0; i < from->agent_cap; i++)
		if (from->agent[i].name)
			add_agent(to, from->agent[i].name,
			    from->agent[i].hash);
}
