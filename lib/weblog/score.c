/* score.c - see score.h */
#include <stdlib.h>
#include <string.h>

#include "score.h"

#define WHO_MAX (1u << 20)
#define MANY 50			/* an hour that is compared with its mail */

const char *
ir_web_verdict(int score)
{
	return score >= 60 ? "abused" : score >= 30 ? "suspect" :
	    score >= 15 ? "watch" : "none";
}

bool
ir_web_browser(const char *agent)
{
	return strncmp(agent, "Mozilla/", 8) == 0 ||
	    strncmp(agent, "Opera/", 6) == 0;
}

static int64_t
percent(uint64_t part, uint64_t all)
{
	return all ? (int64_t)(part * 100 / all) : 0;
}

static void
say(struct ir_web_score *s, const char *name, int points, int64_t found,
    int64_t limit, const char *unit)
{
	if (s->n < IR_WEB_SIGNALS)
		s->signal[s->n++] = (struct ir_web_signal){ name, points,
		    found, limit, unit };
	s->score += points;
}

/* The middle one of v[from ...], which are sorted, but only of those that are
 * apart from the worst hour by more than so many; *n is how many there are. */
static uint32_t
middle(const struct ir_web_set *h, uint32_t apart, size_t *n)
{
	uint64_t worst = h->v[0].key, at;
	size_t i, k = 0;

	*n = 0;
	for (i = 1; i < h->n; i++) {
		at = h->v[i].key;
		*n += (at > worst ? at - worst : worst - at) > apart;
	}
	for (i = 1; i < h->n; i++) {
		at = h->v[i].key;
		if ((at > worst ? at - worst : worst - at) > apart &&
		    k++ == *n / 2 - !(*n % 2))
			return h->v[i].count;
	}
	return 0;
}

/*
 * Its worst hour, and the median of the others; the set is sorted.  A flood
 * lasts: hours within half a day of the worst are of the same, where there are
 * enough others to compare with.
 */
static void
find_peak(struct ir_web_score *s)
{
	const struct ir_web_set *h = &s->url->hours;

	if (h->n == 0)
		return;
	s->peak = h->v[0].count;
	s->peak_hour = (int64_t)h->v[0].key * 3600;
	s->median = middle(h, 12, &s->others);
	if (s->others < 3)
		s->median = middle(h, 0, &s->others);
}

static bool
burst(struct ir_web_score *s)
{
	if (s->url->hours.n >= 7) {
		if (s->peak < 50 || s->peak < 10 * (uint64_t)s->median)
			return false;
		say(s, "burst", 15, s->peak, s->median * 10 > 50 ?
		    (int64_t)s->median * 10 : 50, "in an hour");
		return true;
	}
	/* the same in a few hours of several days is somebody's habit */
	if (s->peak < 100 || (s->url->last - s->url->first > 86400 &&
	    s->peak < 3 * (uint64_t)s->median))
		return false;
	say(s, "burst", 15, s->peak, 100, "in an hour");
	return true;
}

static void
sources(struct ir_web_score *s)
{
	const struct ir_web_url *u = s->url;
	int64_t one = u->nets.n ? percent(u->nets.v[0].count, u->ok) : 0;

	if (u->nets.n >= 20)
		say(s, "spread", 10, (int64_t)u->nets.n, 20, "networks");
	else if (one >= 80)
		say(s, "one", 10, one, 80, "% from one network");
}

/* All by one program: one that is no browser, or everywhere the same. */
static bool
machine(struct ir_web_score *s, const struct ir_web_counts *c)
{
	const struct ir_web_url *u = s->url;
	const struct ir_web_agent *a;
	int64_t share = u->agents.n ? percent(u->agents.v[0].count, u->ok) : 0;

	a = u->agents.n ? ir_web_agent_of(c, u->agents.v[0].key) : NULL;
	if (share < 80 || !a || (ir_web_browser(a->name) && u->nets.n < 5))
		return false;
	say(s, "agent", 10, share, 80, ir_web_browser(a->name) ?
	    "% by the same browser" : "% by a program that is no browser");
	return true;
}

/* Does mail follow?  By the second, or by as much in its worst hour. */
static bool
mailed(const struct ir_web_score *s, const struct ir_web_counts *c,
    struct ir_web_signal *how)
{
	const struct ir_web_url *u = s->url;
	size_t n;

	if (u->mailed >= 10 && u->mailed * 2 >= u->ok &&
	    u->mailed >= u->shifted) {
		*how = (struct ir_web_signal){ "mail", 25, percent(u->mailed,
		    u->ok), 50, "% with mail in the same seconds" };
		return true;
	}
	/* In a flood each second has mail, and chance would give the same:
	 * then it is as much mail, if it is known whose. */
	if (s->user == IR_WEB_ANY || (u->user == IR_WEB_ANY &&
	    (u->known.kind == IR_WEB_HONEST || u->known.kind == IR_WEB_LOGIN)))
		return false;
	n = ir_web_mails_count(c->mails, s->user, s->peak_hour,
	    s->peak_hour + 3599 + IR_WEB_AFTER);
	*how = (struct ir_web_signal){ "mail", 25, (int64_t)n,
	    (int64_t)s->peak * 7 / 10, "mails in its worst hour" };
	return s->peak >= MANY && n * 10 >= (uint64_t)s->peak * 7 &&
	    n * 10 <= (uint64_t)s->peak * 15;
}

/* Is it a few that all of its mail goes to? */
static bool
to_few(const struct ir_web_mails_sum *m)
{
	return m->recipients >= 20 && m->distinct * 20 <= m->recipients;
}

/* Do most go to somebody else? */
static bool
to_many(const struct ir_web_mails_sum *m)
{
	return m->recipients >= 20 && m->distinct * 10 >= m->recipients * 9;
}

/* A script that is called, and then mails to lists.  Its user must be known:
 * all that is asked for in such an hour has as much mail near it. */
static bool
heap(const struct ir_web_url *u, const struct ir_web_mails_sum *m)
{
	return u->user != IR_WEB_ANY && u->mailed * 10 >= u->ok * 8 &&
	    m->mails >= 100 && m->mails >= u->ok * 4 &&
	    m->distinct * 2 >= m->recipients;
}

/* A form by which few write to many. */
static bool
few_write(const struct ir_web_url *u, const struct ir_web_mails_sum *m)
{
	return u->known.kind == IR_WEB_FORM && u->user != IR_WEB_ANY &&
	    u->ok >= 100 && u->nets.n * 20 <= u->ok && to_many(m);
}

/* Do all the lines that were kept of it say so? */
static bool
all_say(const struct ir_web_url *u, const char *what)
{
	size_t i, n = 0;

	for (i = 0; i < IR_WEB_SAMPLES; i++) {
		if (!u->sample[i].text)
			continue;
		if (!strstr(u->sample[i].text, what))
			return false;
		n++;
	}
	return n >= 3;
}

/* suspicious: something else speaks against it, too. */
static bool
mails(struct ir_web_score *s, const struct ir_web_counts *c, bool suspicious)
{
	const struct ir_web_url *u = s->url;
	struct ir_web_mails_sum m;
	struct ir_web_signal how;
	bool much;

	if (!s->has_mail)
		return false;
	ir_web_mails_about(c->mails, s->user, &u->hours, IR_WEB_AFTER, &m);
	much = heap(u, &m);
	if (much) {
		say(s, "mail", 25, (int64_t)(m.mails / u->ok), 4,
		    "mails for each");
	} else if (!mailed(s, c, &how)) {
		if (u->mailed * 10 < u->ok)
			say(s, "no-mail", -20, percent(u->mailed, u->ok), 10,
			    "% with mail in the same seconds");
		return false;
	} else if (s->user != IR_WEB_ANY && to_few(&m)) {
		/* the owner is told: nobody else has any of it */
		say(s, "to-few", -20, (int64_t)m.distinct, (int64_t)
		    m.recipients / 20, "recipients of all of its mail");
		return false;
	} else if (u->known.kind == IR_WEB_PAID ||
	    (!suspicious && !few_write(u, &m))) {
		return false;
	} else {
		say(s, how.name, how.points, how.found, how.limit, how.unit);
	}
	if (to_many(&m))
		say(s, "reply", 10, percent(m.distinct, m.recipients), 90,
		    "% of recipients are new");
	return true;
}

static void
sort_sets(struct ir_web_url *u)
{
	ir_web_set_sort(&u->hours);
	ir_web_set_sort(&u->nets);
	ir_web_set_sort(&u->agents);
}

void
ir_web_score(struct ir_web_url *u, const struct ir_web_counts *c,
    struct ir_web_score *s)
{
	bool place = u->known.kind == IR_WEB_PLACE, is_burst, bare, same;
	bool by_mail;

	*s = (struct ir_web_score){ .url = u, .verdict = "none" };
	sort_sets(u);
	find_peak(s);
	/* a shop whose name is in the query only */
	if (u->known.kind == IR_WEB_PLAIN && all_say(u, "?wc-ajax="))
		u->known = (struct ir_web_known){ IR_WEB_PAID, "shop" };
	if (c->mails) {
		s->has_mail = true;
		s->chance = u->shifted / 2;
		/* whose is looked for only where it may decide */
		s->user = u->user != IR_WEB_ANY || s->peak < MANY ? u->user :
		    ir_web_mails_most(c->mails, s->peak_hour,
		    s->peak_hour + 3599 + IR_WEB_AFTER);
	}
	if (u->ok < (place ? 3 : 20))
		return;
	is_burst = burst(s);
	if (is_burst)
		sources(s);
	bare = u->bare * 10 >= u->ok * 8;
	if (bare)
		say(s, "bare", 10, percent(u->bare, u->ok), 80,
		    "% without a referer");
	same = machine(s, c);
	if (u->known.kind == IR_WEB_FORM)
		say(s, "form", 10, 1, 1, "by its name");
	if (place)
		say(s, "place", 30, 1, 1, "by its folder");
	by_mail = mails(s, c, is_burst || place || (bare && same));
	if (!by_mail && (u->known.kind == IR_WEB_HONEST ||
	    u->known.kind == IR_WEB_LOGIN || u->known.kind == IR_WEB_PAID)) {
		s->score = 0;
		s->n = 0;
		if (u->known.kind == IR_WEB_LOGIN && s->peak >= IR_WEB_GUESSES)
			s->verdict = "brute-force";
		return;
	}
	if (s->score < 0)
		s->score = 0;
	s->verdict = ir_web_verdict(s->score);
}

/* --- who ---------------------------------------------------------------- */

struct whos {
	struct ir_web_who *v;
	size_t cap, n;
};

static struct ir_web_who *
who_slot(struct ir_web_who *v, size_t cap, bool agent, uint64_t key)
{
	size_t i = (size_t)ir_web_hash(&key, sizeof key, agent) & (cap - 1);

	while (v[i].posts && (v[i].key != key || v[i].agent != agent))
		i = (i + 1) & (cap - 1);
	return &v[i];
}

/* NULL: no memory; a slot without posts: it is new. */
static struct ir_web_who *
find_who(struct whos *w, bool agent, uint64_t key)
{
	struct ir_web_who *v;
	size_t cap, i;

	if (w->n * 2 >= w->cap) {
		cap = w->cap ? w->cap * 2 : 1024;
		v = cap > 2 * WHO_MAX ? NULL : calloc(cap, sizeof *v);
		if (!v)
			return NULL;
		for (i = 0; i < w->cap; i++)
			if (w->v[i].posts)
				*who_slot(v, cap, w->v[i].agent,
				    w->v[i].key) = w->v[i];
		free(w->v);
		w->v = v;
		w->cap = cap;
	}
	return who_slot(w->v, w->cap, agent, key);
}

static void
add_top(struct ir_web_who *w, struct ir_web_url *u, uint32_t n)
{
	size_t i, k;

	for (i = 0; i < 5 && w->top[i] && (w->top_n[i] > n ||
	    (w->top_n[i] == n && strcmp(w->top[i]->key, u->key) < 0)); i++)
		continue;
	if (i == 5)
		return;
	for (k = 4; k > i; k--) {
		w->top[k] = w->top[k - 1];
		w->top_n[k] = w->top_n[k - 1];
	}
	w->top[i] = u;
	w->top_n[i] = n;
}

static int
add_whos(struct whos *w, struct ir_web_url *u, bool agent)
{
	const struct ir_web_set *s = agent ? &u->agents : &u->nets;
	const struct ir_web_entry *e;
	struct ir_web_who *who;
	size_t i;

	for (i = 0; i < s->cap; i++) {
		e = &s->v[i];
		if (!e->count)
			continue;
		who = find_who(w, agent, e->key);
		if (!who)
			return -1;
		w->n += who->posts == 0;
		if (!who->posts || e->first < who->first)
			who->first = e->first;
		if (e->last > who->last)
			who->last = e->last;
		who->agent = agent;
		who->key = e->key;
		who->posts += e->count;
		who->urls++;
		if (u->known.kind == IR_WEB_LOGIN)
			who->logins += e->count;
		add_top(who, u, e->count);
	}
	return 0;
}

static void
who_says(struct ir_web_who *w, const char *name, int points, int64_t found,
    int64_t limit, const char *unit)
{
	w->signal[w->n++] = (struct ir_web_signal){ name, points, found, limit,
	    unit };
	w->score += points;
}

/* 50 POSTs at least; a browser's name is that of many honest people. */
static bool
judge(struct ir_web_who *w, const struct ir_web_counts *c)
{
	int64_t span = w->last - w->first + 1;
	int64_t rate = (int64_t)w->posts * 3600 / (span < 3600 ? 3600 : span);
	const struct ir_web_agent *a = w->agent ? ir_web_agent_of(c, w->key) :
	    NULL;

	w->verdict = "none";
	if (w->posts < 50 || (w->agent && (!a || ir_web_browser(a->name))))
		return false;
	if (w->logins * 10 >= w->posts * 8) {
		if (rate < IR_WEB_GUESSES)
			return false;
		w->verdict = "brute-force";
		return true;
	}
	if (w->urls < 5)
		return false;
	who_says(w, "many", 20, w->urls, 5, "URLs");
	if (rate >= 100)
		who_says(w, "rate", 15, rate, 100, "in an hour");
	w->verdict = ir_web_verdict(w->score);
	return true;
}

static int
by_score(const void *a, const void *b)
{
	const struct ir_web_who *x = a, *y = b;

	if (x->score != y->score)
		return y->score - x->score;
	if (x->posts != y->posts)
		return x->posts < y->posts ? 1 : -1;
	if (x->agent != y->agent)
		return x->agent - y->agent;
	return (x->key > y->key) - (x->key < y->key);
}

int
ir_web_whos(const struct ir_web_counts *c, struct ir_web_who **v,
    struct ir_err *err)
{
	struct whos w = { NULL, 0, 0 };
	size_t i, n = 0;

	*v = NULL;
	for (i = 0; i < c->cap; i++) {
		struct ir_web_url *u = c->url[i];

		if (u && u->known.kind != IR_WEB_HONEST &&
		    u->known.kind != IR_WEB_PAID &&
		    (add_whos(&w, u, false) || add_whos(&w, u, true))) {
			free(w.v);
			return ir_fail(err, IR_OSERR, "no memory");
		}
	}
	for (i = 0; i < w.cap; i++)
		if (w.v[i].posts && judge(&w.v[i], c))
			w.v[n++] = w.v[i];
	if (n)
		qsort(w.v, n, sizeof *w.v, by_score);
	*v = w.v;
	return (int)n;
}
