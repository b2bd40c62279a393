/* partial.c - states as records, and back; see state.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "state_in.h"

#define TYPE "mail-partial"
#define FULL 40000		/* bytes after which a record ends */
#define FILES 64		/* that one record names */
#define PLACES (UINT64_C(1) << 39)

static const char *const kinds[IR_MLOG_WHOS] = { "", "account", "script",
	"user", "host" };

/* A record that is being filled. */
struct out {
	struct ir_mail_state *s;
	const struct ir_mail_subject *u;
	struct ir_rec *r, *files;
	size_t size, nfiles;
	ir_mail_look *look;
	void *look_arg;
	void (*put)(struct ir_rec *r, void *arg);
	void *put_arg;
};

static void
push_hex(struct ir_rec *a, uint64_t v)
{
	char b[20];

	(void)snprintf(b, sizeof b, "%016" PRIx64, v);
	ir_rec_push_str(a, b);
}

static void
end_record(struct out *o)
{
	if (!o->r)
		return;
	ir_rec_set(o->r, "files", o->files);
	o->put(o->r, o->put_arg);
	o->r = NULL;
}

/* The one to go on with; a full one is ended first. */
static struct ir_rec *
record(struct out *o, size_t more)
{
	char b[20];

	if (o->r && (o->size + more > FULL || o->nfiles == FILES))
		end_record(o);
	if (!o->r) {
		o->r = ir_rec_new(TYPE, NULL);
		if (o->u) {
			ir_rec_fmt(o->r, "id", "%s:%s", kinds[o->u->who],
			    o->u->name);
			ir_rec_str(o->r, "kind", kinds[o->u->who]);
			ir_rec_str(o->r, "name", o->u->name);
			(void)snprintf(b, sizeof b, "%016" PRIx64,
			    o->u->hash);
			ir_rec_str(o->r, "hash", b);
		} else {
			ir_rec_str(o->r, "id", "sums");
		}
		o->files = ir_rec_array();
		o->size = o->nfiles = 0;
	}
	o->size += more;
	return o->r;
}

/* The list of that name in the record. */
static struct ir_rec *
list(struct out *o, struct ir_rec **have, const char *name, size_t more)
{
	struct ir_rec *r = record(o, more);

	if (!*have || !ir_rec_has(r, name)) {
		*have = ir_rec_array();
		ir_rec_set(r, name, *have);
	}
	return *have;
}

/* A line of evidence, as three items: file, line, text. */
static void
push_line(struct out *o, struct ir_rec *a, uint64_t where)
{
	struct ir_mail_text t;
	char text[IR_MAIL_TEXT * 3 + 1];
	size_t i, n;

	if (where == IR_MAIL_NOWHERE || !o->look(o->look_arg, where, &t)) {
		ir_rec_push_int(a, -1);
		return;
	}
	for (i = 0; i < o->nfiles; i++)
		if (strcmp(ir_rec_cstr(ir_rec_item(o->files, i)), t.file) ==
		    0)
			break;
	if (i == o->nfiles && i < FILES) {
		ir_rec_push_str(o->files, t.file);
		o->nfiles++;
	}
	n = t.ntext < sizeof text ? t.ntext : sizeof text - 1;
	memcpy(text, t.text, n);
	ir_mlog_redact(text, n);
	ir_rec_push_int(a, (int64_t)i);
	ir_rec_push_int(a, (int64_t)t.line);
	ir_rec_push(a, ir_rec_string(text, n));
	o->size += ir_mail_text_size(text, n);
}

/* A byte that is none of UTF-8 becomes three, a quote two. */
size_t
ir_mail_text_size(const char *p, size_t n)
{
	size_t i, size = n;

	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x7f || p[i] < ' ')
			size += 2;
		else if (p[i] == '"' || p[i] == '\\')
			size++;
	return size;
}

static void
push_net(const struct ir_mail_state *s, struct ir_rec *a, uint32_t net)
{
	struct ir_mlog_addr ip;
	char b[16];

	if (net == IR_MAIL_INSIDE) {
		ir_rec_push_str(a, "inside");
	} else if (ir_mail_net_addr(s, net, &ip) && ip.family == 6) {
		ir_hex(ip.b, 6, b);
		ir_rec_push_str(a, b);
	} else {
		ir_rec_push_int(a, net);
	}
}

/* --- out ---------------------------------------------------------------- */

static void
put_sums(struct ir_rec *r, const struct ir_mail_subject *u)
{
	const struct ir_mail_rare *q = ir_mail_rare(u);
	const uint32_t v[] = { u->msgs, u->rcpts, u->bounces, u->defers,
		u->logins, u->checks, u->fails, u->foreign, u->titled,
		u->robots, q->heavy, q->heavy_rcpts, q->heavy_first,
		q->heavy_last, u->max_rcpts, u->first, u->last };
	struct ir_rec *a = ir_rec_array(), *b = ir_rec_array();
	struct ir_rec *c = ir_rec_array();
	size_t i;

	for (i = 0; i < sizeof v / sizeof *v; i++)
		ir_rec_push_int(a, v[i]);
	for (i = 0; i < IR_MAIL_KMV; i++) {
		ir_rec_push_int(b, u->senders.v[i]);
		ir_rec_push_int(c, u->titles.v[i]);
	}
	ir_rec_set(r, "sums", a);
	ir_rec_set(r, "senders", b);
	ir_rec_set(r, "titles", c);
}

static void
put_nets(struct out *o)
{
	const struct ir_mail_subject *u = o->u;
	struct ir_rec *l = NULL, *a;
	const struct ir_mail_net *e;
	uint32_t i;

	for (i = 0; i < u->net_cap; i++) {
		e = &u->net[i];
		if (!e->net)
			continue;
		a = ir_rec_array();
		(void)list(o, &l, "nets", 80);
		push_net(o->s, a, e->net);
		ir_rec_push_int(a, e->first);
		ir_rec_push_int(a, ir_mail_net_last(e));
		ir_rec_push_int(a, e->sends);
		ir_rec_push_int(a, e->logins);
		ir_rec_push_int(a, e->several ? -1 : (int)e->low);
		push_line(o, a, ir_mail_net_where(e));
		ir_rec_push(l, a);
	}
	for (i = 0, l = NULL; i < u->ip_cap; i++) {
		if (!u->ip[i])
			continue;
		a = list(o, &l, "ips", 20);
		push_hex(a, u->ip[i]);
	}
	for (i = 0, l = NULL; i < u->fail_cap; i++) {
		if (!u->fail[i].net)
			continue;
		a = ir_rec_array();
		(void)list(o, &l, "fails", 80);
		push_net(o->s, a, u->fail[i].net);
		ir_rec_push_int(a, u->fail[i].first);
		ir_rec_push_int(a, u->fail[i].last);
		ir_rec_push_int(a, u->fail[i].n);
		push_line(o, a, u->fail[i].where);
		ir_rec_push(l, a);
	}
}

static void
put_sample(struct out *o, struct ir_rec **l, const char *name,
    const struct ir_mail_sample *f)
{
	struct ir_rec *a = ir_rec_array();

	(void)list(o, l, name, 60);
	ir_rec_push_int(a, f->hash);
	ir_rec_push_int(a, f->hour);
	push_line(o, a, f->where);
	ir_rec_push(*l, a);
}

static void
put_subject(struct out *o)
{
	const struct ir_mail_subject *u = o->u;
	struct ir_rec *l = NULL, *a;
	uint32_t i;

	put_sums(record(o, 400), u);
	for (i = 0; i < u->ncell; i++) {
		a = list(o, &l, "hours", 12);
		ir_rec_push_int(a, u->cell[i]);
	}
	for (i = 0, l = NULL; i < u->nsample; i++)
		put_sample(o, &l, "samples", &u->sample[i]);
	for (i = 0, l = NULL; i < IR_MAIL_BOUNCE_LINES; i++)
		if (ir_mail_rare(u)->bounced[i].hash)
			put_sample(o, &l, "bounced",
			    &ir_mail_rare(u)->bounced[i]);
	put_nets(o);
	end_record(o);
}

static void
put_open(struct out *o)
{
	struct ir_rec *l = NULL, *a;
	const struct ir_mail_subject *u;
	const struct message *m;
	uint32_t i;

	for (i = 0; i < o->s->open_cap; i++) {
		m = &o->s->open[i];
		if (!m->id || m->subject == OUTSIDE)
			continue;
		a = ir_rec_array();
		(void)list(o, &l, "messages", 160);
		push_hex(a, m->id);
		u = m->subject ? ir_mail_subject(o->s, m->subject - 1) : NULL;
		ir_rec_push_str(a, u ? kinds[u->who] : "");
		ir_rec_push_str(a, u ? u->name : "");
		push_hex(a, u ? u->hash : 0);
		ir_rec_push_int(a, m->rcpts);
		ir_rec_push_int(a, m->bounces);
		ir_rec_push_int(a, m->defers);
		ir_rec_push_int(a, m->time);
		ir_rec_push_int(a, m->done);
		ir_rec_push_int(a, m->bounced.hash);
		push_line(o, a, m->bounced.hash ? m->bounced.where :
		    IR_MAIL_NOWHERE);
		ir_rec_push(l, a);
	}
}

#define SUMS 14

static void
sums_of(struct ir_mail_sums *f, uint64_t *v[SUMS])
{
	uint64_t *const all[SUMS] = { &f->lines, &f->bytes, &f->junk,
		&f->long_lines, &f->torn, &f->messages, &f->recipients,
		&f->bounces, &f->logins, &f->fails, &f->forged,
		&f->backwards, &f->uncounted, &f->files };

	memcpy(v, all, sizeof all);
}

void
ir_mail_export(struct ir_mail_state *s, ir_mail_look *look, void *arg,
    void (*put)(struct ir_rec *r, void *arg), void *put_arg)
{
	struct out o = { .s = s, .look = look, .look_arg = arg, .put = put,
		.put_arg = put_arg };
	struct ir_rec *a = ir_rec_array();
	uint64_t *v[SUMS];
	size_t i;

	sums_of(&s->sums, v);
	for (i = 0; i < SUMS; i++)
		ir_rec_push_int(a, (int64_t)*v[i]);
	ir_rec_push_int(a, s->sums.first);
	ir_rec_push_int(a, s->sums.last);
	ir_rec_set(record(&o, 300), "sums", a);
	put_open(&o);
	end_record(&o);
	for (i = 0; i < s->n; i++) {
		o.u = ir_mail_subject(s, i);
		put_subject(&o);
	}
}

/* --- back --------------------------------------------------------------- */

static int64_t
num(const struct ir_rec *a, size_t i)
{
	char at[24];

	(void)snprintf(at, sizeof at, "%zu", i);
	return ir_rec_get_int(a, at, 0);
}

static uint32_t
u32(const struct ir_rec *a, size_t i)
{
	int64_t v = num(a, i);

	return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t
hex(const char *s)
{
	return s ? strtoull(s, NULL, 16) : 0;
}

static const char *
str(const struct ir_rec *a, size_t i)
{
	const struct ir_rec *v = i < ir_rec_len(a) ? ir_rec_item(a, i) : NULL;
	const char *s = v ? ir_rec_cstr(v) : NULL;

	return s ? s : "";
}

/* A line that came along; it becomes a place. */
static uint64_t
line(struct ir_mail_state *s, const struct ir_rec *files,
    const struct ir_rec *a, size_t i)
{
	const char *file, *text;
	uint32_t f, cap;
	void *more;

	if (ir_rec_len(a) < i + 3 || !files || num(a, i) < 0 ||
	    (size_t)num(a, i) >= ir_rec_len(files))
		return IR_MAIL_NOWHERE;
	file = str(files, (size_t)num(a, i));
	text = str(a, i + 2);
	for (f = s->nfiles; f-- > 0; )
		if (strcmp(s->file[f], file) == 0)
			break;
	if (f == UINT32_MAX) {
		if (s->nfiles == s->file_cap) {
			cap = s->file_cap * 2 + 16;
			more = realloc(s->file, cap * sizeof *s->file);
			if (!more)
				goto no_memory;
			s->file = more;
			s->file_cap = cap;
		}
		s->file[s->nfiles] = strdup(file);
		if (!s->file[s->nfiles])
			goto no_memory;
		f = s->nfiles++;
	}
	if (s->nplaces == s->place_cap) {
		cap = s->place_cap + s->place_cap / 2 + 64;
		more = realloc(s->place, cap * sizeof *s->place);
		if (!more)
			goto no_memory;
		s->place = more;
		s->place_cap = cap;
	}
	s->place[s->nplaces].file = f;
	s->place[s->nplaces].line = (uint64_t)num(a, i + 1);
	s->place[s->nplaces].text = strdup(text);
	if (s->place[s->nplaces].text)
		return PLACES + s->nplaces++;
no_memory:
	s->no_memory = true;
	return IR_MAIL_NOWHERE;
}

/* The line of a fact that was not taken is not needed. */
static void
unless_taken(struct ir_mail_state *s, uint64_t where)
{
	if (!s->took && s->nplaces && where == PLACES + s->nplaces - 1)
		free(s->place[--s->nplaces].text);
	s->took = false;
}

static uint32_t
net(struct ir_mail_state *s, const struct ir_rec *a)
{
	const char *t = str(a, 0);
	struct ir_mlog_addr ip = { .family = 6 };
	uint64_t v;
	int i;

	if (!*t)
		return u32(a, 0) & 0xffffff;
	if (strcmp(t, "inside") == 0)
		return IR_MAIL_INSIDE;
	v = hex(t);
	for (i = 5; i >= 0; i--, v >>= 8)
		ip.b[i] = (unsigned char)v;
	return ir_mail_net_of(s, &ip);
}

static void
take_nets(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_rec *r)
{
	const struct ir_rec *l = ir_rec_at(r, "nets"), *a;
	const struct ir_rec *files = ir_rec_at(r, "files");
	struct net_fact f;
	size_t i;

	for (i = 0; l && i < ir_rec_len(l); i++) {
		a = ir_rec_item(l, i);
		f = (struct net_fact){ .net = net(s, a), .time = u32(a, 1),
			.last = u32(a, 2), .sends = u32(a, 3),
			.logins = u32(a, 4), .low_known = num(a, 5) >= 0,
			.low = (uint8_t)num(a, 5),
			.several = num(a, 5) < 0 };
		if (!f.net || !f.time)
			continue;
		f.where = line(s, files, a, 6);
		s->took = false;
		ir_mail_add_net(s, u, &f);
		unless_taken(s, f.where);
	}
	l = ir_rec_at(r, "ips");
	for (i = 0; l && i < ir_rec_len(l); i++)
		ir_mail_add_ip(s, u, hex(str(l, i)));
}

static void
take_fails(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_rec *r)
{
	const struct ir_rec *l = ir_rec_at(r, "fails"), *a;
	const struct ir_rec *files = ir_rec_at(r, "files");
	struct ir_mail_failnet f;
	size_t i;

	for (i = 0; l && i < ir_rec_len(l); i++) {
		a = ir_rec_item(l, i);
		f = (struct ir_mail_failnet){ .net = net(s, a),
			.first = u32(a, 1), .last = u32(a, 2),
			.n = u32(a, 3) };
		if (!f.net || !f.first || !f.n)
			continue;
		f.where = line(s, files, a, 4);
		s->took = false;
		ir_mail_add_fail(s, u, &f);
		unless_taken(s, f.where);
	}
}

static void
take_samples(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_rec *r, const char *name)
{
	const struct ir_rec *l = ir_rec_at(r, name), *a;
	const struct ir_rec *files = ir_rec_at(r, "files");
	struct ir_mail_sample f;
	size_t i;

	for (i = 0; l && i < ir_rec_len(l); i++) {
		a = ir_rec_item(l, i);
		f = (struct ir_mail_sample){ u32(a, 0), u32(a, 1),
			line(s, files, a, 2) };
		s->took = false;
		if (*name == 's')
			ir_mail_add_sample(s, u, &f);
		else if (f.hash)
			ir_mail_add_bounced(s, u, &f);
		unless_taken(s, f.where);
	}
}

static void
take_sums(struct ir_mail_state *s, struct ir_mail_subject *u,
    const struct ir_rec *r)
{
	const struct ir_rec *a = ir_rec_at(r, "sums");
	const struct ir_rec *b = ir_rec_at(r, "senders");
	const struct ir_rec *c = ir_rec_at(r, "titles");
	struct ir_mail_subject f = { 0 };
	struct ir_mail_rare q = { 0 };
	uint32_t *const v[] = { &f.msgs, &f.rcpts, &f.bounces, &f.defers,
		&f.logins, &f.checks, &f.fails, &f.foreign, &f.titled,
		&f.robots, &q.heavy, &q.heavy_rcpts, &q.heavy_first,
		&q.heavy_last, &f.max_rcpts, &f.first, &f.last };
	size_t i;

	if (!a)
		return;
	for (i = 0; i < sizeof v / sizeof *v; i++)
		*v[i] = u32(a, i);
	for (i = 0; i < IR_MAIL_KMV; i++) {
		f.senders.v[i] = b ? u32(b, i) : 0;
		f.titles.v[i] = c ? u32(c, i) : 0;
	}
	ir_mail_add_counts(u, &f);
	ir_mail_add_heavy(s, u, &q);
}

static enum ir_mlog_who
kind_of(const char *s)
{
	int k;

	for (k = IR_MLOG_WHOS - 1; k > 0; k--)
		if (s && strcmp(kinds[k], s) == 0)
			break;
	return (enum ir_mlog_who)k;
}

static void
take_open(struct ir_mail_state *s, const struct ir_rec *r)
{
	const struct ir_rec *l = ir_rec_at(r, "messages"), *a;
	struct message f, *m;
	uint32_t n;
	size_t i;

	for (i = 0; l && i < ir_rec_len(l); i++) {
		a = ir_rec_item(l, i);
		f = (struct message){ .id = hex(str(a, 0)),
			.rcpts = u32(a, 4), .bounces = u32(a, 5),
			.defers = u32(a, 6), .time = u32(a, 7),
			.done = num(a, 8) != 0 };
		if (!f.id)
			continue;
		if (kind_of(str(a, 1)) != IR_MLOG_NOBODY) {
			n = ir_mail_intern(s, kind_of(str(a, 1)), str(a, 2),
			    strlen(str(a, 2)), hex(str(a, 3)));
			f.subject = n == NOBODY ? OUTSIDE : n + 1;
		}
		f.bounced.hash = u32(a, 9);
		f.bounced.where = f.bounced.hash ? line(s,
		    ir_rec_at(r, "files"), a, 10) : IR_MAIL_NOWHERE;
		m = ir_mail_message(s, f.id);
		if (m)
			ir_mail_message_add(s, m, &f);
	}
}

int
ir_mail_import(struct ir_mail_state *s, const struct ir_rec *r,
    struct ir_err *err)
{
	const char *type = ir_rec_get(r, "type"), *name;
	enum ir_mlog_who who = kind_of(ir_rec_get(r, "kind"));
	const struct ir_rec *a = ir_rec_at(r, "sums"), *h;
	struct ir_mail_subject *u;
	struct ir_mail_sums f = { 0 };
	uint64_t *v[SUMS], hash;
	uint32_t n;
	size_t i;

	if (!type || strcmp(type, TYPE) != 0)
		return ir_fail(err, IR_DATAERR, "not a record of type " TYPE);
	if (who == IR_MLOG_NOBODY) {
		sums_of(&f, v);
		for (i = 0; a && i < SUMS; i++)
			*v[i] = num(a, i) > 0 ? (uint64_t)num(a, i) : 0;
		f.first = a ? num(a, SUMS) : 0;
		f.last = a ? num(a, SUMS + 1) : 0;
		ir_mail_add_sums(&s->sums, &f);
		take_open(s, r);
		return s->no_memory ? ir_fail(err, IR_OSERR, "no memory") : 0;
	}
	name = ir_rec_get(r, "name");
	hash = hex(ir_rec_get(r, "hash"));
	if (!name || !hash)
		return ir_fail(err, IR_DATAERR, "no name or hash in it");
	n = ir_mail_intern(s, who, name, strlen(name), hash);
	if (n != NOBODY) {
		u = ir_mail_subject(s, n);
		take_sums(s, u, r);
		take_nets(s, u, r);
		take_fails(s, u, r);
		take_samples(s, u, r, "samples");
		take_samples(s, u, r, "bounced");
		h = ir_rec_at(r, "hours");
		for (i = 0; h && i < ir_rec_len(h); i++)
			ir_mail_add_hour(s, u, u32(h, i) >> 16,
			    u32(h, i) & 0xffff);
	}
	return s->no_memory ? ir_fail(err, IR_OSERR, "no memory") : 0;
}
