/* part.c - the lines of one part of a log as events; see run.h */
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define SLOTS 8192		/* of a hash table that stays in a near cache */
#define EVENTS (SLOTS - SLOTS / 8)	/* of one part, which has not as many */
#define NAMES (256u << 10)
#define MARK 64			/* lines */
/* Out of the way of what is frequent, which then needs fewer registers. */
#define RARE __attribute__((noinline))

/* Of the table of messages: half a near cache, with so many slots. */
struct ir_mail_slot {
	uint16_t event, stamp;
};

void
ir_mail_events_free(struct ir_mail_events *e)
{
	free(e->v);
	free(e->mark);
	free(e->slot);
	free(e->names);
	memset(e, 0, sizeof *e);
}

/* One more; nothing in it is set. */
static struct ir_mail_event *
more(struct ir_mail_events *e)
{
	struct ir_mail_event *v;
	size_t cap;

	if (e->n == e->cap) {
		cap = e->cap * 2 + 512;
		v = realloc(e->v, cap * sizeof *v);
		if (!v)
			return NULL;
		e->v = v;
		e->cap = cap;
	}
	return &e->v[e->n++];
}

/* Hash of bytes whose case does not matter; never 0. */
static uint32_t
hash_text(const char *p, size_t n)
{
	return (uint32_t)(ir_mail_subject_hash(IR_MLOG_NOBODY, p, n) >> 32) |
	    1;
}

static bool
same_text(const char *a, const char *b, size_t n)
{
	const uint64_t upper = 0x2020202020202020u;

	if (n >= 8) {
		for (; n > 8; n -= 8, a += 8, b += 8)
			if ((ir_mail_load(a) | upper) !=
			    (ir_mail_load(b) | upper))
				return false;
		/* the last eight, some of them again */
		a -= 8 - n;
		b -= 8 - n;
		return (ir_mail_load(a) | upper) == (ir_mail_load(b) | upper);
	}
	for (; n; n--, a++, b++)
		if ((*a | 0x20) != (*b | 0x20))
			return false;
	return true;
}

/* Does an account write from a domain that is not its own? */
static bool
is_foreign(const struct ir_mlog_line *l)
{
	const char *a, *b;
	size_t n;

	a = memrchr(l->name, '@', l->nname);
	b = memrchr(l->sender, '@', l->nsender);
	if (!a || !b)
		return false;
	n = (size_t)(l->name + l->nname - a);
	return n != (size_t)(l->sender + l->nsender - b) ||
	    !same_text(a, b, n);
}

static void
set_name(struct ir_mail_events *e, struct ir_mail_event *v,
    const struct ir_mlog_line *l)
{
	size_t n = l->nname > IR_MLOG_NAME ? IR_MLOG_NAME : l->nname;

	v->who = (uint8_t)l->who;
	v->name = l->name;
	v->nname = (uint32_t)n;
	if (l->name == l->store) {
		/* outlives the line only if it is copied */
		if (e->names_used + n > NAMES) {
			v->who = IR_MLOG_NOBODY;
			return;
		}
		v->name = memcpy(e->names + e->names_used, l->name, n);
		e->names_used += n;
	}
	v->hash = ir_mail_subject_hash(l->who, v->name, n);
}

/* Who it was, and as whom he wrote. */
static void
set_who(struct ir_mail_events *e, struct ir_mail_event *v,
    const struct ir_mlog_line *l)
{
	if (l->who == IR_MLOG_NOBODY || !l->nname)
		return;
	set_name(e, v, l);
	if (l->ntitle)
		v->title = hash_text(l->title, l->ntitle);
	if (!l->nsender)
		return;
	if (l->nsender == l->nname &&
	    same_text(l->sender, l->name, l->nname)) {
		v->sender = (uint32_t)(v->hash >> 32) | 1;
		return;
	}
	v->sender = hash_text(l->sender, l->nsender);
	v->foreign = l->who == IR_MLOG_ACCOUNT && is_foreign(l);
}

/* The event of a message in this part, or where it goes. */
static struct ir_mail_slot *
find(struct ir_mail_events *e, uint64_t id)
{
	size_t k = (size_t)(id >> 40) & (SLOTS - 1);

	while (e->slot[k].stamp == e->stamp && e->v[e->slot[k].event].id != id)
		k = (k + 1) & (SLOTS - 1);
	return &e->slot[k];
}

static inline uint32_t
time_32(const struct ir_mlog_line *l)
{
	return l->time > 0 && l->time < UINT32_MAX ? (uint32_t)l->time : 0;
}

/* What the line says, in a new event. */
static void
fill(struct ir_mail_events *e, struct ir_mail_event *v,
    const struct ir_mlog_line *l, uint32_t off, uint32_t len, uint32_t line)
{
	*v = (struct ir_mail_event){ .kind = (uint8_t)l->kind,
		.robot = l->robot, .time = time_32(l), .off = off,
		.len = len, .line = line, .n = l->n, .id = l->id,
		.ip = l->ip };
	set_who(e, v, l);
}

/* A message came in; deliveries may be logged first. */
static RARE int
take_arrival(struct ir_mail_events *e, const struct ir_mlog_line *l,
    uint32_t off, uint32_t len, uint32_t line)
{
	struct ir_mail_slot *s = find(e, l->id);
	struct ir_mail_event *v, was;

	if (s->stamp == e->stamp) {
		v = &e->v[s->event];
		was = *v;
		if (!was.done && was.kind != IR_MLOG_ARRIVE) {
			fill(e, v, l, off, len, line);
			v->rcpts = was.rcpts;
			v->bounces = was.bounces;
			v->defers = was.defers;
			v->bounce_off = was.bounce_off;
			v->bounce_len = was.bounce_len;
			v->bounce_line = was.bounce_line;
			return 0;
		}
	}
	v = more(e);
	if (!v)
		return -1;
	*s = (struct ir_mail_slot){ (uint16_t)(e->n - 1), e->stamp };
	fill(e, v, l, off, len, line);
	return 0;
}

/* Another line about a message that has an id. */
static inline int
take_id(struct ir_mail_events *e, const struct ir_mlog_line *l, uint32_t off,
    uint32_t len, uint32_t line)
{
	struct ir_mail_slot *s = find(e, l->id);
	struct ir_mail_event *v;

	if (s->stamp == e->stamp) {
		v = &e->v[s->event];
		if (v->done)
			return 0;
	} else {
		v = more(e);
		if (!v)
			return -1;
		*v = (struct ir_mail_event){ .id = l->id };
		*s = (struct ir_mail_slot){ (uint16_t)(e->n - 1), e->stamp };
	}
	switch (l->kind) {
	case IR_MLOG_SENT:
		v->rcpts++;
		e->sums.recipients++;
		break;
	case IR_MLOG_BOUNCE:
		if (v->bounces++ == 0) {
			v->bounce_off = off;
			v->bounce_len = len;
			v->bounce_line = line;
		}
		e->sums.bounces++;
		break;
	case IR_MLOG_DEFER:
		v->defers++;
		break;
	default:
		v->done = true;
		break;
	}
	return 0;
}

static RARE bool
wanted_ip(const struct ir_mail_opts *o, const struct ir_mlog_addr *a)
{
	struct ir_ip ip = { .v6 = a->family == 6 };
	size_t i;

	if (a->family == 0)
		return false;
	memcpy(ip.b, a->b, ip.v6 ? 16 : 4);
	for (i = 0; i < o->nnet; i++)
		if (ir_prefix_holds(&o->net[i], &ip))
			return true;
	return false;
}

static bool
in_window(const struct ir_mail_opts *o, const struct ir_mlog_line *l)
{
	return (!o->since || l->time >= o->since) &&
	    (!o->until || l->time < o->until);
}

/* Lines that start something are held to the networks; those that end a
 * message go with it. */
static inline bool
from_there(const struct ir_mail_opts *o, const struct ir_mlog_line *l)
{
	return !o->nnet || (l->id && l->kind != IR_MLOG_ARRIVE) ||
	    wanted_ip(o, &l->ip);
}

static inline int
take_line(struct ir_mail_events *e, const struct ir_mail_opts *o,
    struct ir_mlog_line *l, uint32_t off, uint32_t len, uint32_t line)
{
	struct ir_mail_event *v;
	bool ours;

	if (l->kind == IR_MLOG_JUNK) {
		e->sums.junk++;
		return 0;
	}
	if (l->time) {
		e->sums.backwards += l->time < e->time - 1;
		e->time = l->time;
		if (!e->begin)
			e->begin = l->time;
		if (l->time > e->sums.last)
			e->sums.last = l->time;
		if (!e->sums.first || l->time < e->sums.first)
			e->sums.first = l->time;
	}
	if (l->kind == IR_MLOG_NONE || !in_window(o, l))
		return 0;
	ours = from_there(o, l);
	if (!ours) {
		if (!l->id)
			return 0;
		/* without a beginning, the message's other lines would wait
		 * for it to the end */
		l->who = IR_MLOG_NOBODY;
		l->forged = false;
	}
	e->sums.forged += l->forged;
	if (l->id && l->kind == IR_MLOG_ARRIVE) {
		e->sums.messages += ours;
		return take_arrival(e, l, off, len, line);
	}
	if (l->id)
		return take_id(e, l, off, len, line);
	if (l->kind == IR_MLOG_LOGIN)
		e->sums.logins++;
	else if (l->kind == IR_MLOG_FAIL)
		e->sums.fails += l->n;
	else if (l->kind != IR_MLOG_CHECK)
		e->sums.messages += l->kind == IR_MLOG_ARRIVE;
	if (l->who == IR_MLOG_NOBODY || !l->nname)
		return 0;
	v = more(e);
	if (!v)
		return -1;
	fill(e, v, l, off, len, line);
	v->done = true;
	return 0;
}

static int
mark_line(struct ir_mail_events *e, uint32_t off)
{
	uint32_t *v;
	size_t cap;

	if (e->nmark == e->mark_cap) {
		cap = e->mark_cap * 2 + 64;
		v = realloc(e->mark, cap * sizeof *v);
		if (!v)
			return -1;
		e->mark = v;
		e->mark_cap = cap;
	}
	e->mark[e->nmark++] = off;
	return 0;
}

static int
begin(struct ir_mail_events *e)
{
	if (!e->slot)
		e->slot = calloc(SLOTS, sizeof *e->slot);
	if (!e->names)
		e->names = malloc(NAMES);
	if (++e->stamp == 0 && e->slot) {
		memset(e->slot, 0, SLOTS * sizeof *e->slot);
		e->stamp = 1;
	}
	e->n = e->nmark = e->names_used = 0;
	e->time = e->begin = 0;
	memset(&e->sums, 0, sizeof e->sums);
	return e->slot && e->names ? 0 : -1;
}

/* What a line is read with: made once, since the line has much room in it. */
struct reader {
	struct ir_mail_events *e;
	const struct ir_mail_opts *o;
	struct ir_mlog_clock *c;
	const char *text;
	struct ir_mlog_line l;
};

/* One line, from off on. */
static inline int
take_text(struct reader *r, size_t off, size_t len)
{
	struct ir_mail_events *e = r->e;
	uint32_t line = (uint32_t)e->sums.lines++;

	if (line % MARK == 0 && mark_line(e, (uint32_t)off))
		return -1;
	if (len && r->text[off + len - 1] == '\r')
		len--;
	e->sums.long_lines += len >= IR_MAIL_LONG;
	ir_mlog_parse(r->text + off, len, r->c, &r->l);
	if (r->l.kind == IR_MLOG_NONE && r->l.time == e->time)
		return 0;
	/* a part has at most this many ids that fit its table */
	if (e->n == EVENTS) {
		e->sums.uncounted++;
		return 0;
	}
	return take_line(e, r->o, &r->l, (uint32_t)off, (uint32_t)len, line);
}

int
ir_mail_parse_part(struct ir_mail_events *e, const char *text, size_t n,
    const struct ir_mail_opts *o, struct ir_mlog_clock *c)
{
	struct reader r = { .e = e, .o = o, .c = c, .text = text };
	size_t off = 0, at, size, i, ends, nl;

	if (begin(e))
		return -1;
	for (at = 0; at < n; at += size) {
		size = n - at > IR_LOG_ENDS ? IR_LOG_ENDS : n - at;
		ends = ir_log_ends(text + at, size, &e->ends);
		for (i = 0; i < ends; i++, off = nl + 1) {
			nl = at + e->ends.at[i];
			if (take_text(&r, off, nl - off))
				return -1;
		}
	}
	if (off < n) {
		/* one that fills its part goes on: it is long */
		e->sums.torn += n < IR_MAIL_PART;
		if (take_text(&r, off, n - off))
			return -1;
	}
	e->sums.bytes = n;
	return 0;
}
