/* score.c - see score.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score.h"

#define HOUR 3600
#define DAY 86400
#define INSIDE_KEY UINT32_MAX
#define NO_LINE IR_MAIL_NOWHERE
#define LOOKS 8			/* at all accounts, for one of them */

/* What is worked out for one subject. */
struct judge {
	const struct ir_mail_state *s;
	const struct ir_mail_subject *u;
	struct ir_origins *o;
	size_t lines;
	struct ir_mail_verdict *v;
	struct ir_mail_place *near;	/* by /16, for what is new; by first */
	size_t nnear;
	uint32_t day_peak, day_median, days;
	bool by_login;		/* it sends nothing here: logins count */
	bool fresh;		/* a place without a past sends, and not news */
	bool regular;		/* such hours come again and again */
	bool inside;		/* most comes by webmail, scripts */
	bool steady;		/* its places always were that many */
};

void
ir_mail_verdict_free(struct ir_mail_verdict *v)
{
	free(v->place);
	v->place = NULL;
}

bool
ir_mail_maybe(const struct ir_mail_subject *u)
{
	return u->msgs >= 20 || (u->msgs >= 5 && u->nnet >= 5) ||
	    (u->msgs && u->nfail) || u->checks >= 2 || u->nnet >= 5 ||
	    ir_mail_rare(u)->heavy_rcpts >= 100;
}

static struct ir_mail_signal *
signal_at(struct judge *j, const char *name, int points, int64_t value,
    int64_t limit, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

static struct ir_mail_signal *
signal_at(struct judge *j, const char *name, int points, int64_t value,
    int64_t limit, const char *fmt, ...)
{
	struct ir_mail_signal *g = &j->v->signal[j->v->nsignals++];
	va_list ap;

	g->name = name;
	g->points = points;
	g->value = value;
	g->limit = limit;
	g->nlines = 0;
	va_start(ap, fmt);
	(void)vsnprintf(g->why, sizeof g->why, fmt, ap);
	va_end(ap);
	return g;
}

static bool
has(const struct judge *j, const char *name)
{
	size_t i;

	for (i = 0; i < j->v->nsignals; i++)
		if (strcmp(j->v->signal[i].name, name) == 0)
			return true;
	return false;
}

static void
add_line(const struct judge *j, struct ir_mail_signal *g, uint64_t where)
{
	size_t i;

	if (where == NO_LINE || g->nlines >= j->lines)
		return;
	for (i = 0; i < g->nlines; i++)
		if (g->line[i] == where)
			return;
	g->line[g->nlines++] = where;
}

/* --- places ------------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
	const struct ir_mail_place *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->net > y->net) - (x->net < y->net);
}

static int
by_first(const void *a, const void *b)
{
	const struct ir_mail_place *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static void
add_country(struct ir_mail_verdict *v, const char *c)
{
	size_t i;

	for (i = 0; i < v->countries; i++)
		if (strcmp(v->country[i], c) == 0)
			return;
	if (i < IR_MAIL_COUNTRIES)
		memcpy(v->country[v->countries++], c, 3);
}

/*
 * The part of the world that a /8 was given to, when no database knows more:
 * IANA, "IPv4 Address Space Registry": A for APNIC, R for RIPE, L for LACNIC,
 * F for AFRINIC, N for ARIN.  0: it was given out before there were such, or
 * is a cloud's, and may be anywhere by now.
 */
static char
region(unsigned char a)
{
	static const unsigned char apnic[] = { 1, 14, 27, 36, 39, 42, 43, 49,
		58, 59, 60, 61, 101, 103, 106, 110, 111, 112, 113, 114, 115,
		116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 133,
		150, 153, 163, 171, 175, 180, 182, 183, 202, 203, 210, 211,
		218, 219, 220, 221, 222, 223 };
	static const unsigned char ripe[] = { 2, 5, 31, 37, 46, 62, 77, 78,
		79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93,
		94, 95, 109, 141, 145, 151, 176, 178, 185, 188, 193, 194,
		195, 212, 213, 217 };
	static const unsigned char lacnic[] = { 177, 179, 181, 186, 187, 189,
		190, 191, 200, 201 };
	static const unsigned char afrinic[] = { 41, 102, 105, 154, 196,
		197 };
	static const unsigned char arin[] = { 23, 24, 50, 63, 64, 65, 66, 67,
		68, 69, 70, 71, 72, 73, 74, 75, 76, 96, 97, 98, 99, 100, 104,
		107, 108, 173, 174, 184, 199, 204, 205, 206, 207, 208, 209,
		216 };

	return memchr(apnic, a, sizeof apnic) ? 'A' :
	    memchr(ripe, a, sizeof ripe) ? 'R' :
	    memchr(lacnic, a, sizeof lacnic) ? 'L' :
	    memchr(afrinic, a, sizeof afrinic) ? 'F' :
	    memchr(arin, a, sizeof arin) ? 'N' : '\0';
}

/* Where a network is: as key what counts as one place. */
static void
locate(struct judge *j, uint32_t net, struct ir_mail_place *p)
{
	struct ir_mlog_addr a;
	struct ir_origin o;
	struct ir_ip ip = { 0 };

	if (!ir_mail_net_addr(j->s, net, &a)) {
		p->key = INSIDE_KEY;
		return;
	}
	/* IPv6: as wide as what the largest providers were given */
	p->key = a.family == 4 ? a.b[0] : (uint32_t)(a.b[0] & 0x3f) << 24 |
	    (uint32_t)a.b[1] << 16 | (uint32_t)a.b[2] << 8;
	if (a.family == 4)
		p->region = region(a.b[0]);
	ip.v6 = a.family == 6;
	memcpy(ip.b, a.b, 16);
	if (!j->o || !ir_origins_find(j->o, &ip, &o))
		return;
	if (o.nasn)
		p->key = o.asn[0] | 0x40000000u;
	if (o.country[0]) {
		memcpy(p->country, o.country, 3);
		add_country(j->v, o.country);
	}
}

/* What counts as the same neighbourhood: the /16, of IPv6 the /32. */
static uint32_t
near_of(const struct ir_mail_state *s, uint32_t net)
{
	struct ir_mlog_addr a;

	if (!(net & 0x80000000u) || !ir_mail_net_addr(s, net, &a))
		return net == IR_MAIL_INSIDE ? net : net >> 8;
	return 0x80000000u | (uint32_t)(a.b[0] & 15) << 24 |
	    (uint32_t)a.b[1] << 16 | (uint32_t)a.b[2] << 8 | a.b[3];
}

/* Join those of one key; the order is then that of their first. */
static size_t
join(struct ir_mail_place *p, size_t n)
{
	size_t i, k = 0;

	if (n)
		qsort(p, n, sizeof *p, by_key);
	for (i = 0; i < n; i++) {
		if (k == 0 || p[k - 1].key != p[i].key) {
			p[k++] = p[i];
			continue;
		}
		if (p[i].last > p[k - 1].last)
			p[k - 1].last = p[i].last;
		p[k - 1].sends += p[i].sends;
		p[k - 1].nets++;
	}
	if (k)
		qsort(p, k, sizeof *p, by_first);
	return k;
}

/* All networks as places. */
static int
find_places(struct judge *j, struct ir_err *err)
{
	const struct ir_mail_subject *u = j->u;
	struct ir_mail_place *p;
	uint32_t i, n = 0;

	p = j->v->place = calloc(u->nnet + (size_t)1, sizeof *p);
	j->near = calloc(u->nnet + (size_t)1, sizeof *p);
	if (!p || !j->near)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < u->net_cap; i++) {
		const struct ir_mail_net *e = &u->net[i];

		if (!e->net || (!j->by_login && !e->sends))
			continue;
		p[n] = (struct ir_mail_place){ .net = e->net,
			.first = e->first,
			.last = ir_mail_net_last(e), .nets = 1,
			.sends = j->by_login ? e->logins : e->sends,
			.where = ir_mail_net_where(e) };
		j->near[n] = p[n];
		j->near[n].key = near_of(j->s, e->net);
		locate(j, e->net, &p[n]);
		j->v->nets += p[n++].key != INSIDE_KEY;
	}
	j->nnear = join(j->near, n);
	j->v->places = join(p, n);
	for (i = 0; i < j->v->places; i++)
		j->v->asns += (p[i].key & 0x40000000u) &&
		    p[i].key != INSIDE_KEY;
	j->v->ips = ir_mail_ips(u);
	return 0;
}

/* Of one domain; names without one are all of this host's. */
static bool
colleagues(const struct ir_mail_subject *a, const struct ir_mail_subject *b)
{
	const char *x = strrchr(a->name, '@'), *y = strrchr(b->name, '@');

	return strcmp(x ? x : "", y ? y : "") == 0;
}

/*
 * Is the network known here, though new to this account: two of its
 * colleagues, or twenty others, had been there for days (an office, a
 * carrier's one address for all)?
 */
static bool
familiar(const struct judge *j, uint32_t net, uint32_t time)
{
	size_t i, n = ir_mail_subjects(j->s);
	const struct ir_mail_subject *u;
	const struct ir_mail_net *e;
	uint32_t near = 0, all = 0;

	if (net == IR_MAIL_INSIDE)
		return false;
	for (i = 0; i < n && near < 2 && all < 20; i++) {
		u = ir_mail_subject_at(j->s, i);
		if (u == j->u || u->who != IR_MLOG_ACCOUNT ||
		    u->first + 3 * DAY > time)
			continue;
		e = ir_mail_net_in(u, net);
		if (!e || e->first + 3 * DAY > time)
			continue;
		all++;
		near += colleagues(u, j->u);
	}
	return near >= 2 || all >= 20;
}

/* The most places that first appear in a window; *at is its first one. */
static size_t
window(const struct judge *j, uint32_t span, size_t *at)
{
	const struct ir_mail_place *p = j->v->place;
	size_t a = 0, b, n = 0, best = 0;

	for (b = 0; b < j->v->places; b++) {
		if (p[b].key == INSIDE_KEY)
			continue;
		n++;
		for (; p[b].first - p[a].first > span; a++)
			n -= p[a].key != INSIDE_KEY;
		if (n > best) {
			best = n;
			*at = a;
		}
	}
	return best;
}

static int
steps(size_t n, const size_t at[4], const int points[4])
{
	int i, p = 0;

	for (i = 0; i < 4; i++)
		if (n >= at[i])
			p = points[i];
	return p;
}

/* Lines of different places, the latest first: a thief comes last. */
static void
place_lines(const struct judge *j, struct ir_mail_signal *g, size_t from,
    uint32_t until)
{
	const struct ir_mail_place *p = j->v->place;
	size_t i;

	for (i = from; i < j->v->places && p[i].first <= until; i++)
		if (p[i].key != INSIDE_KEY)
			add_line(j, g, p[i].where);
}

/*
 * Has it always moved about like that (who works through a VPN does), at no
 * more than a person writes, and next to nothing was refused?  A thief has a
 * beginning.
 */
static bool
steady(const struct judge *j, size_t day, size_t week)
{
	const struct ir_mail_subject *u = j->u;
	const struct ir_mail_place *p = j->v->place;
	uint32_t third = (u->last - u->first) / 3 > 3 * DAY ?
	    (u->last - u->first) / 3 : 3 * DAY;
	size_t a = 0, b, n = 0, best = 0;

	if (j->days < 5 || j->day_peak > 40 || u->last - u->first < 5 * DAY ||
	    u->bounces * UINT64_C(20) > (uint64_t)u->rcpts + u->bounces)
		return false;
	/* the most in a day of its first third */
	for (b = 0; b < j->v->places && p[b].first < u->first + third; b++) {
		n += p[b].key != INSIDE_KEY;
		for (; p[b].first - p[a].first > DAY; a++)
			n -= p[a].key != INSIDE_KEY;
		if (n > best)
			best = n;
	}
	return best >= 3 && best * 3 >= day && best * 6 >= week;
}

static void
judge_nets(struct judge *j)
{
	static const size_t day[4] = { 5, 8, 14, 25 };
	static const size_t week[4] = { 10, 12, 16, 30 };
	static const int points[4] = { 10, 25, 40, 55 };
	const char *what = j->v->asns ? "AS" : "/8 networks";
	const struct ir_mail_place *p = j->v->place;
	size_t at = 0, at_week = 0, n = window(j, DAY, &at);
	size_t nw = window(j, 7 * DAY, &at_week);
	int d = steps(n, day, points), w = steps(nw, week, points);
	struct ir_mail_signal *g;

	if (d == 0 && w == 0)
		return;
	j->steady = steady(j, n, nw);
	if (j->steady) {
		d /= 3;
		w /= 3;
	}
	if (d >= w) {
		g = signal_at(j, "nets", d, (int64_t)n, (int64_t)day[0],
		    "%s from %zu different %s within a day%s",
		    j->by_login ? "logged in" : "sent", n, what,
		    j->steady ? ", as it always did" : "");
		place_lines(j, g, at, p[at].first + DAY);
	} else {
		g = signal_at(j, "nets", w, (int64_t)nw, (int64_t)week[0],
		    "%s from %zu different %s within a week%s",
		    j->by_login ? "logged in" : "sent", nw, what,
		    j->steady ? ", as it always did" : "");
		place_lines(j, g, at_week, p[at_week].first + 7 * DAY);
	}
}

static void
judge_countries(struct judge *j)
{
	size_t n = j->v->countries, i;
	int points = n >= 6 ? 35 : n >= 3 ? 20 : n == 2 ? 5 : 0;
	int before = 0;
	struct ir_mail_signal *g;

	for (i = 0; i < j->v->nsignals; i++)
		before += j->v->signal[i].points;
	if (j->steady)
		points /= 3;
	if (points + before > 60)
		points = 60 - before;
	if (points <= 0)
		return;
	g = signal_at(j, "countries", points, (int64_t)n, 2,
	    "from %zu countries", n);
	for (i = j->v->places; i-- > 0; )
		if (j->v->place[i].country[0])
			add_line(j, g, j->v->place[i].where);
}

/* A moment of a place: its first or last line. */
struct moment {
	uint32_t time;
	uint32_t place;
};

static int
by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Are they further apart than one gets in two hours? */
static bool
apart(const struct ir_mail_place *a, const struct ir_mail_place *b)
{
	if (a->key == INSIDE_KEY || b->key == INSIDE_KEY || a->key == b->key)
		return false;
	if (a->country[0] && b->country[0])
		return strcmp(a->country, b->country) != 0;
	return a->region && b->region && a->region != b->region;
}

static int
judge_travel(struct judge *j, struct ir_err *err)
{
	const struct ir_mail_place *p = j->v->place;
	size_t n = j->v->places * 2, i, pairs = 0;
	struct moment *m;
	struct ir_mail_signal *g;

	if (n < 4)
		return 0;
	m = calloc(n, sizeof *m);
	if (!m)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n; i++)
		m[i] = (struct moment){ i % 2 ? p[i / 2].last :
		    p[i / 2].first, (uint32_t)(i / 2) };
	qsort(m, n, sizeof *m, by_time);
	for (i = 1; i < n; i++)
		pairs += m[i].time - m[i - 1].time <= 2 * HOUR &&
		    apart(&p[m[i].place], &p[m[i - 1].place]);
	if (pairs) {
		g = signal_at(j, "travel", j->steady ? 5 : 15,
		    (int64_t)pairs, 1,
		    "%zu times in two %s within two hours", pairs,
		    j->v->countries > 1 ? "countries" : "parts of the world");
		for (i = 1; i < n; i++)
			if (m[i].time - m[i - 1].time <= 2 * HOUR &&
			    apart(&p[m[i].place], &p[m[i - 1].place])) {
				add_line(j, g, p[m[i - 1].place].where);
				add_line(j, g, p[m[i].place].where);
			}
	}
	free(m);
	return 0;
}

/* Were twenty others at work for days before it? */
static bool
log_is_older(const struct judge *j, uint32_t time)
{
	size_t i, n = ir_mail_subjects(j->s), others = 0;
	const struct ir_mail_subject *u;

	for (i = 0; i < n && others < 20; i++) {
		u = ir_mail_subject_at(j->s, i);
		others += u->msgs >= 20 && u->first && u->first + 2 * DAY <
		    time;
	}
	return others == 20;
}

/* What is found of places without a past. */
struct fresh {
	size_t at;		/* the first of them */
	uint32_t sends;
	double times;		/* as many as before */
};

/* Is this much, from a place on or from it alone, far more than before? */
static void
weigh(const struct judge *j, size_t i, uint32_t sends, uint32_t last,
    uint32_t idle, struct fresh *f)
{
	const struct ir_mail_subject *u = j->u;
	const struct ir_mail_place *p = &j->near[i];
	uint32_t base = u->msgs > sends ? u->msgs - sends : 1;
	double past = (double)(p->first - u->first) / DAY;
	double days = (double)(last - p->first) / DAY, times;

	/* who has hardly written until then has no rate of its own */
	if (past < 2 && sends >= 100 && base * 10 <= sends)
		past += (double)idle / DAY;
	if (days < 0.5)
		days = 0.5;
	times = sends / days / (base / past);
	/* the less past there is, the more there must be */
	if (past > (sends >= 100 && times >= 20 ? 1 : 2) && sends >= 30 &&
	    sends / days >= 15 && times >= f->times)
		*f = (struct fresh){ i, sends, times };
}

/* Do places without a past send far more than all there was before?  idle:
 * the time for which others wrote, before it did. */
static bool
new_places(const struct judge *j, uint32_t idle, struct fresh *f)
{
	const struct ir_mail_place *p = j->near;
	uint32_t sends = 0, last = 0;
	size_t i;

	*f = (struct fresh){ .times = 5 };
	for (i = j->nnear; i-- > 0 && p[i].first > j->u->first; ) {
		if (p[i].known)
			continue;
		sends += p[i].sends;
		if (p[i].last > last)
			last = p[i].last;
		weigh(j, i, p[i].sends, p[i].last, idle, f);
		weigh(j, i, sends, last, idle, f);
	}
	return f->sends;
}

/* A list that is so long, and as well kept, was not bought. */
static bool
clean(const struct ir_mail_subject *u)
{
	return u->rcpts >= 500 && u->bounces * UINT64_C(33) < u->rcpts;
}

/* Is it in no part of the world in which it was before? */
static bool
far_away(struct judge *j, const struct ir_mail_place *p)
{
	struct ir_mail_place at = *p, old;
	size_t i, n = 0;

	locate(j, at.net, &at);
	for (i = 0; i < j->nnear && j->near[i].first < p->first; i++) {
		old = j->near[i];
		locate(j, old.net, &old);
		if (old.key == INSIDE_KEY)
			continue;
		if (!apart(&at, &old))
			return false;
		n++;
	}
	return n > 0;
}

static void
judge_new(struct judge *j)
{
	struct ir_mail_place *p = j->near;
	struct ir_mail_signal *g;
	uint32_t idle = 2 * DAY;
	struct fresh f;
	size_t i, looks = 0;
	bool far;

	if (j->by_login || !new_places(j, idle, &f))
		return;
	if (!log_is_older(j, j->u->first))
		idle = 0;
	/* the office, from where only colleagues wrote until now */
	for (i = f.at; i < j->nnear && looks < LOOKS; i++)
		if (p[i].sends >= 10) {
			p[i].known = familiar(j, p[i].net, p[i].first);
			looks++;
		}
	if (!new_places(j, idle, &f))
		return;
	far = far_away(j, &p[f.at]);
	j->fresh = far || !clean(j->u);
	g = signal_at(j, "new", !j->fresh ? 10 : !j->regular && (far ||
	    (f.sends >= 200 && f.times >= 8)) ? 30 : 20, f.sends, 30,
	    "%u messages from places that it never used before%s, %.0f times "
	    "its rate until then", f.sends, far ?
	    ", in another part of the world" : "", f.times);
	for (i = f.at; i < j->nnear; i++)
		if (!p[i].known)
			add_line(j, g, p[i].where);
}

/* --- logins ------------------------------------------------------------- */

static int
by_fail(const void *a, const void *b)
{
	const struct ir_mail_failnet *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->net > y->net) - (x->net < y->net);
}

/* Had it been near there before that time? */
static bool
was_near(const struct judge *j, uint32_t net, uint32_t time)
{
	uint32_t i, key = near_of(j->s, net);

	for (i = 0; i < j->u->net_cap; i++)
		if (j->u->net[i].net && j->u->net[i].first < time &&
		    near_of(j->s, j->u->net[i].net) == key)
			return true;
	return false;
}

/* Those that failed often and then did not, in order; their number. */
static uint32_t
guessed(const struct judge *j, struct ir_mail_failnet *to)
{
	const struct ir_mail_subject *u = j->u;
	const struct ir_mail_failnet *f;
	const struct ir_mail_net *e;
	uint32_t i, n = 0;

	for (i = 0; i < u->fail_cap; i++) {
		f = &u->fail[i];
		if (!f->net || f->n < 5 || f->net == IR_MAIL_INSIDE)
			continue;
		e = ir_mail_net_in(u, f->net);
		/* a password that was changed fails where it used to work;
		 * who guessed for long may come back later */
		if (e && e->first >= f->first && e->first - f->first <= DAY &&
		    (f->n >= 15 || e->first <= f->last ||
		    e->first - f->last <= HOUR) &&
		    !was_near(j, f->net, f->first) &&
		    !familiar(j, f->net, f->first))
			to[n++] = *f;
	}
	if (n)
		qsort(to, n, sizeof *to, by_fail);
	return n;
}

static int
judge_fails(struct judge *j, struct ir_err *err)
{
	const struct ir_mail_subject *u = j->u;
	struct ir_mail_failnet *f;
	struct ir_mail_signal *g;
	uint32_t i, n, most = 0, came;
	bool busy = false;

	if (u->nfail == 0)
		return 0;
	f = malloc(u->nfail * sizeof *f);
	if (!f)
		return ir_fail(err, IR_OSERR, "no memory");
	n = guessed(j, f);
	for (i = 0; i < n; i++) {
		came = ir_mail_net_in(u, f[i].net)->first / HOUR;
		if (f[i].n > most)
			most = f[i].n;
		/* and then it had its busiest hour ever */
		busy |= j->v->peak >= 10 && j->v->peak >= j->v->median * 2 &&
		    ir_mail_net_in(u, f[i].net)->sends >= 10 &&
		    j->v->peak_hour >= came && j->v->peak_hour < came + 24;
	}
	if (n) {
		/* nobody mistypes as often */
		g = signal_at(j, "guessed", most >= 15 || busy ? 30 : 20,
		    most, 5, "%u logins failed from a network, then one did "
		    "not", most);
		for (i = 0; i < n; i++) {
			add_line(j, g, f[i].where);
			add_line(j, g, ir_mail_net_where(ir_mail_net_in(u,
			    f[i].net)));
		}
	}
	free(f);
	return 0;
}

/* Logins by SMTP that send nothing, from several places: a list is tried. */
static void
judge_checks(struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t i, n = 0;

	if (u->checks < 2 || u->checks != u->logins)
		return;
	for (i = 0; i < u->net_cap; i++)
		n += u->net[i].net && u->net[i].logins &&
		    !u->net[i].sends && u->net[i].net != IR_MAIL_INSIDE;
	if (n < 2)
		return;
	place_lines(j, signal_at(j, "checked", 15, n, 2, "its password was "
	    "tried from %u networks, which then sent nothing", n), 0,
	    UINT32_MAX);
}

/* --- volume ------------------------------------------------------------- */

static int
by_count(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a & 0xffff;
	uint32_t y = *(const uint32_t *)b & 0xffff;

	return (x > y) - (x < y);
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
hour_of(const struct ir_mail_subject *u, uint32_t cell)
{
	uint32_t h = u->first / HOUR;

	return h + (((cell >> 16) - h) & 0xffff);
}

/* Lines of the busiest hours. */
static void
hour_lines(const struct judge *j, struct ir_mail_signal *g)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t i, k, least = j->v->peak / 3 + 1;

	for (i = 0; i < u->nsample && g->nlines < j->lines; i++)
		for (k = 0; k < u->ncell; k++)
			if (hour_of(u, u->cell[k]) == u->sample[i].hour &&
			    (u->cell[k] & 0xffff) >= least)
				add_line(j, g, u->sample[i].where);
	for (i = 0; i < u->nsample && g->nlines == 0; i++)
		add_line(j, g, u->sample[i].where);
}

/* Do hours like the busiest come again and again, or have always been? */
static bool
regular(const struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t least = j->v->peak / 3 > 20 ? j->v->peak / 3 : 20;
	uint32_t i, h, first = UINT32_MAX, last = 0, days = 0, day = 0;

	for (i = 0; i < u->ncell; i++) {
		if ((u->cell[i] & 0xffff) < least)
			continue;
		h = hour_of(u, u->cell[i]);
		if (h < first)
			first = h;
		if (h > last)
			last = h;
		days += h / 24 != day;
		day = h / 24;
	}
	if (days < 2 || last - first < 6 * 24)
		return false;
	return days * 3 <= (last - first) / 24 + 3 ||
	    first < u->first / HOUR + 72;
}

/* Its busiest day, and its middle one; v has room for as many as hours. */
static void
find_days(struct judge *j, uint32_t *v)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t i, day, last = 0, n = 0;

	for (i = 0; i < u->ncell; i++) {
		day = hour_of(u, u->cell[i]) / 24;
		if (n == 0 || day != last)
			v[n++] = 0;
		last = day;
		v[n - 1] += u->cell[i] & 0xffff;
		if (v[n - 1] > j->day_peak)
			j->day_peak = v[n - 1];
	}
	j->days = n;
	qsort(v, n, sizeof *v, by_number);
	j->day_median = v[n / 2];
}

static int
find_peak(struct judge *j, struct ir_err *err)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t *v, i, n;

	for (i = 0; i < u->ncell; i++) {
		n = u->cell[i] & 0xffff;
		if (n > j->v->peak) {
			j->v->peak = n;
			j->v->peak_hour = hour_of(u, u->cell[i]);
		}
	}
	if (u->ncell == 0)
		return 0;
	v = malloc(u->ncell * sizeof *v);
	if (!v)
		return ir_fail(err, IR_OSERR, "no memory");
	memcpy(v, u->cell, u->ncell * sizeof *v);
	qsort(v, u->ncell, sizeof *v, by_count);
	j->v->median = v[u->ncell / 2] & 0xffff;
	find_days(j, v);
	free(v);
	j->regular = regular(j);
	return 0;
}

/* Nothing is strange about it but how much it is: an announcement. */
static bool
calm(const struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	uint64_t rcpts = (uint64_t)u->rcpts + u->bounces;

	/* a few more refusals than a list should have are not many yet */
	return !j->fresh && !j->inside && (j->v->nsignals == 0 ||
	    (j->v->nsignals == 1 && has(j, "new"))) &&
	    rcpts >= 20 && u->bounces * (u->bounces < 20 ? UINT64_C(10) :
	    UINT64_C(20)) < rcpts &&
	    u->foreign * UINT64_C(5) < u->msgs + UINT64_C(1);
}

/* Its messages of the first day, when it wrote nothing for days before while
 * others did; else 0. */
static uint32_t
sudden(const struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t i, n = 0;

	for (i = 0; i < u->ncell && hour_of(u, u->cell[i]) < u->first / HOUR +
	    24; i++)
		n += u->cell[i] & 0xffff;
	return n >= 100 && log_is_older(j, u->first) ? n : 0;
}

static void
judge_rate(struct judge *j, bool quiet)
{
	uint32_t peak = j->v->peak, median = j->v->median, n;
	struct ir_mail_signal *g;
	/* nobody writes that much by hand, in a browser */
	bool web = j->inside && j->u->who == IR_MLOG_ACCOUNT;

	if (j->regular)
		return;
	if (peak >= 50 && peak >= median * 10) {
		g = signal_at(j, "burst", quiet ? 7 : web ? 20 : 15, peak, 50,
		    "%u messages in an hour; its usual hour has %u", peak,
		    median);
		hour_lines(j, g);
	} else if (j->day_peak >= 100 && j->days >= 4 &&
	    j->day_peak >= j->day_median * 10) {
		g = signal_at(j, "burst", quiet ? 7 : 15, j->day_peak, 100,
		    "%u messages in a day; its usual day has %u", j->day_peak,
		    j->day_median);
		hour_lines(j, g);
	}
	if (peak >= 100) {
		g = signal_at(j, "rate", quiet ? 7 : web ? 20 : 15, peak, 100,
		    "%u messages in an hour", peak);
		hour_lines(j, g);
	}
	n = sudden(j);
	if (n) {
		g = signal_at(j, "sudden", quiet ? 7 : 15, n, 100,
		    "%u messages in its first day, and nothing in the days "
		    "before", n);
		hour_lines(j, g);
	}
}

static void
judge_fanout(struct judge *j, bool quiet)
{
	const struct ir_mail_subject *u = j->u;
	const struct ir_mail_rare *r = ir_mail_rare(u);
	const struct ir_mail_place *p = j->v->place;
	uint32_t span = r->heavy_last - r->heavy_first;
	struct ir_mail_signal *g;
	size_t i;

	if (r->heavy_rcpts < 300 || span > 4 * DAY ||
	    r->heavy_first < u->first + (r->heavy_rcpts < 600 ? 2u : 1u) * DAY)
		return;
	/* from a place that came with them? */
	for (i = 0; i < j->v->places && (p[i].key == INSIDE_KEY ||
	    p[i].first < r->heavy_first - HOUR ||
	    p[i].first > r->heavy_first + HOUR); i++)
		continue;
	g = signal_at(j, "fanout", i < j->v->places ? 35 : quiet ? 10 : 25,
	    r->heavy_rcpts, 300, "%u recipients in %u messages to many, "
	    "which it never wrote before%s", r->heavy_rcpts, r->heavy,
	    i < j->v->places ? ", from a new place" : "");
	if (i < j->v->places)
		add_line(j, g, p[i].where);
	hour_lines(j, g);
}

static void
judge_night(struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t i, h, others = 0, day = j->v->peak_hour / 24;
	uint32_t days = 0, last = 0;
	struct ir_mail_signal *g;

	if (j->v->peak < 30 || j->regular)
		return;
	for (i = 0; i < u->ncell; i++) {
		h = hour_of(u, u->cell[i]);
		if (h / 24 + 3 < day || h / 24 > day + 3) {
			days += h / 24 != last;
			last = h / 24;
			others += h % 24 == j->v->peak_hour % 24;
		}
	}
	if (days < 5 || others)
		return;
	g = signal_at(j, "night", 5, j->v->peak, 30, "%u messages in an hour "
	    "of the day in which it never sends", j->v->peak);
	hour_lines(j, g);
}

/* --- what it sends ------------------------------------------------------ */

static void
judge_bounces(struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	uint64_t all = (uint64_t)u->rcpts + u->bounces, share;
	struct ir_mail_signal *g;
	int i;

	if (u->bounces < 20)
		return;
	share = u->bounces * UINT64_C(100) / all;
	if (share < 5)
		return;
	/* SES looks closer from 5% on, and stops sending from 10% on */
	g = signal_at(j, "bounces", share < 10 ? 10 : u->bounces < 50 ? 20 :
	    share < 15 ? 20 : 25, (int64_t)share, 5,
	    "%u of %llu recipients (%llu%%) refused", u->bounces,
	    (unsigned long long)all, (unsigned long long)share);
	for (i = 0; i < IR_MAIL_BOUNCE_LINES; i++)
		if (ir_mail_rare(u)->bounced[i].hash)
			add_line(j, g, ir_mail_rare(u)->bounced[i].where);
}

static void
judge_text(struct judge *j, bool quiet)
{
	const struct ir_mail_subject *u = j->u;
	uint32_t titles = ir_mail_distinct(&u->titles);
	uint32_t senders = ir_mail_distinct(&u->senders);
	struct ir_mail_signal *g;

	if (u->foreign >= 10 && u->foreign * UINT64_C(5) >= u->msgs) {
		g = signal_at(j, "from", senders >= 5 ? 15 : 5, u->foreign,
		    10, "%u messages as senders of other domains, %s%u "
		    "senders", u->foreign, senders > IR_MAIL_KMV ? "about " :
		    "", senders);
		hour_lines(j, g);
	}
	/* a scanner's have one, too */
	if (u->titled >= 50 && !j->regular && titles * UINT64_C(10) <=
	    u->titled && (u->who != IR_MLOG_PEER || has(j, "burst") ||
	    has(j, "rate") || has(j, "sudden") || has(j, "bounces"))) {
		g = signal_at(j, "subject", quiet ? 5 : 10, u->titled, 50,
		    "%u messages with %s%u subjects", u->titled, titles >
		    IR_MAIL_KMV ? "about " : "", titles);
		hour_lines(j, g);
	}
	if (!j->inside && u->robots >= 10 && u->robots * UINT64_C(5) >=
	    u->msgs) {
		g = signal_at(j, "helo", 10, u->robots, 10, "%u messages by "
		    "programs that name themselves as mass mailers do",
		    u->robots);
		hour_lines(j, g);
	}
}

/* A script where only data should be, a program that mails. */
static void
judge_local(struct judge *j)
{
	static const char *const data[] = { "/uploads", "/upload/", "/cache",
		"/tmp", "/images", "/img/", "/fonts", "/.well-known",
		"/media/", "/css", "/wp-includes", "/files/", "/dev/shm" };
	const struct ir_mail_subject *u = j->u;
	struct ir_mail_signal *g = NULL;
	size_t i;

	if (u->who == IR_MLOG_PATH)
		for (i = 0; i < sizeof data / sizeof *data && !g; i++)
			if (strstr(u->name, data[i]) && u->msgs >= 5)
				g = signal_at(j, "place", j->v->peak >= 20 ?
				    30 : 20, u->msgs, 5,
				    "a program sends from a folder for data "
				    "(%s)", data[i]);
	if (!g && (u->who == IR_MLOG_PATH || u->who == IR_MLOG_USER) &&
	    j->v->peak >= 50 && !j->regular)
		g = signal_at(j, "script", 10, j->v->peak, 50,
		    "a program sent %u messages in an hour", j->v->peak);
	else if (!g && (u->who == IR_MLOG_PATH || u->who == IR_MLOG_USER) &&
	    j->day_peak >= 300 && !j->regular)
		g = signal_at(j, "script", 10, j->day_peak, 300,
		    "a program sent %u messages in a day", j->day_peak);
	if (u->who == IR_MLOG_PEER && u->msgs >= 20)
		g = signal_at(j, "direct", 20, u->msgs, 20, "%u messages "
		    "by SMTP without a login, from this host or beside it",
		    u->msgs);
	if (g)
		hour_lines(j, g);
}

/* --- all ---------------------------------------------------------------- */

static bool
mostly_inside(const struct judge *j)
{
	uint32_t in = 0, all = 0;
	size_t i;

	for (i = 0; i < j->v->places; i++) {
		all += j->v->place[i].sends;
		if (j->v->place[i].key == INSIDE_KEY)
			in += j->v->place[i].sends;
	}
	return in * UINT64_C(2) > all;
}

/* Too little to say anything. */
static bool
enough(const struct judge *j)
{
	const struct ir_mail_subject *u = j->u;
	size_t i;

	if (u->msgs >= 20 || ir_mail_rare(u)->heavy_rcpts >= 300 || j->by_login)
		return true;
	for (i = 0; i < j->v->nsignals; i++)
		if (u->msgs >= 5 && (strcmp(j->v->signal[i].name, "nets") ==
		    0 || strcmp(j->v->signal[i].name, "guessed") == 0) &&
		    j->v->signal[i].points >= 20)
			return true;
	return false;
}

int
ir_mail_judge(const struct ir_mail_state *s,
    const struct ir_mail_subject *u, struct ir_origins *o, size_t lines,
    struct ir_mail_verdict *v, struct ir_err *err)
{
	struct judge j = { .s = s, .u = u, .o = o, .v = v,
		.lines = lines > IR_MAIL_LINES ? IR_MAIL_LINES : lines,
		.by_login = u->msgs == 0 };
	bool quiet;
	int rc = -1;
	size_t i;

	memset(v, 0, sizeof *v);
	v->level = "";
	if (find_places(&j, err) || find_peak(&j, err))
		goto out;
	j.inside = mostly_inside(&j);
	judge_nets(&j);
	judge_countries(&j);
	if (judge_travel(&j, err))
		goto out;
	judge_new(&j);
	if (judge_fails(&j, err))
		goto out;
	judge_checks(&j);
	quiet = calm(&j);
	judge_rate(&j, quiet);
	judge_fanout(&j, quiet);
	judge_night(&j);
	judge_bounces(&j);
	judge_text(&j, quiet);
	judge_local(&j);
	for (i = 0; i < v->nsignals; i++)
		v->score += v->signal[i].points;
	if (!enough(&j))
		v->score = v->score < IR_MAIL_WATCH ? v->score :
		    IR_MAIL_WATCH - 1;
	v->level = v->score >= IR_MAIL_COMPROMISED ? "compromised" :
	    v->score >= IR_MAIL_SUSPECT ? "suspect" :
	    v->score >= IR_MAIL_WATCH ? "watch" : "";
	rc = 0;
out:
	free(j.near);
	return rc;
}
