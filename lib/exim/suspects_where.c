/* suspects_where.c - the selection for a suspect, and his record */
#include <stdbool.h>
#include <string.h>

#include "../core/text.h"
#include "expr.h"
#include "suspects_in.h"

#define TERMS_MAX 24		/* hosts or subjects of one selection */

static const char *const kind_name[] = { "account", "script", "user",
	"sender", "host", "source" };

/* --- the selection ------------------------------------------------------ */

/*
 * As a regular expression; '#' stands for a number.  What a record could not
 * hold, and what was cut off, may be anything.
 */
static void
put_pattern(struct ir_buf *b, const char *text)
{
	size_t n = strlen(text), i, k;
	uint32_t cp;

	ir_buf_str(b, "(?i)^");
	for (i = 0; i < n; i += k) {
		k = ir_utf8_len(text + i, n - i, &cp);
		if (k == 0 || cp < ' ' || (cp >= 0x7f && cp < 0xa0) ||
		    cp == 0xfffd)
			return;
		if (text[i] == '#') {
			ir_buf_str(b, "[#0-9]+");
			continue;
		}
		if (strchr(".\\+*?[^]$(){}=!<>|:-", text[i]))
			ir_buf_chr(b, '\\');
		ir_buf_add(b, text + i, k);
	}
	if (n < NAME_BYTES - 3)
		ir_buf_chr(b, '$');
}

static void
put_subject(const struct ir_suspects *s, struct ir_buf *b, uint32_t subject)
{
	struct ir_buf re = IR_BUF(4096);

	put_pattern(&re, s->names[subject]);
	ir_buf_str(b, "subject ~ ");
	ir_expr_quote(b, ir_buf_cstr(&re), re.len);
	ir_buf_free(&re);
}

static void
put_is(const struct ir_suspects *s, struct ir_buf *b, const char *field,
    uint32_t value)
{
	const char *v = s->names[value];

	ir_buf_fmt(b, "%s = ", field);
	ir_expr_quote(b, v, strlen(v));
}

static void
put_who(const struct ir_suspects *s, struct ir_buf *b, const struct ir_group *g)
{
	switch (g->kind) {
	case K_ACCOUNT:
		put_is(s, b, "auth_user", g->name);
		/* a local user may have the name of an account */
		if (!strchr(s->names[g->name], '@'))
			ir_buf_str(b, " and authenticated");
		break;
	case K_SCRIPT:
		put_is(s, b, "script", g->name);
		break;
	case K_USER:
		ir_buf_str(b, "local and ");
		put_is(s, b, "auth_user", g->name);
		break;
	case K_SENDER:
		put_is(s, b, "sender", g->name);
		ir_buf_str(b, " and not authenticated");
		break;
	case K_HOST:
	case K_SOURCE:
	default:
		put_is(s, b, "host", g->name);
		ir_buf_str(b, " and not authenticated");
		break;
	}
}

struct choice {			/* what becomes of the sources of a group */
	size_t sources, bad, bad_hosts, good_hosts, taken;
	bool by_subject;	/* a shared source is split by subject */
	uint32_t helo;		/* that all bad ones have, and no good one */
	bool one_helo;
};

static void
mark_waves(struct ir_suspects *s, uint32_t owner, bool from_bad)
{
	struct ir_cell *c;
	struct ir_group *src;
	size_t i;

	for (i = 0; i < s->by_cell.n; i++) {
		c = &s->cells[i];
		src = &s->groups[c->source];
		if (src->owner != owner || c->wave)
			continue;
		c->wave = from_bad ? src->bad && c->count >= FEW :
		    ir_suspects_met(s, D_SUBJECT, owner, c->subject) >= FEW;
		if (c->wave)
			src->in_waves += c->count;
	}
}

/* What came from bad sources in waves is bad from others as well. */
static void
spread_waves(struct ir_suspects *s, uint32_t owner)
{
	struct ir_group *src;
	struct ir_cell *c, *d;
	size_t i, k, waves = 0;
	uint32_t subjects[256];

	for (i = 0; i < s->by_cell.n && waves < 256; i++) {
		c = &s->cells[i];
		if (s->groups[c->source].owner == owner && c->wave)
			subjects[waves++] = c->subject;
	}
	for (i = 0; i < s->by_cell.n; i++) {
		d = &s->cells[i];
		src = &s->groups[d->source];
		if (src->owner != owner || src->bad || d->wave)
			continue;
		for (k = 0; k < waves && subjects[k] != d->subject; k++)
			;
		d->wave = k < waves;
		if (d->wave)
			src->in_waves += d->count;
	}
}

/* Which sources of a suspect are the thief's? */
static void
choose(struct ir_suspects *s, uint32_t owner, struct choice *o)
{
	struct ir_group *g = &s->groups[owner], *src;
	uint32_t i;
	int best = 0, score;

	memset(o, 0, sizeof *o);
	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		ir_suspects_judge(src);
		score = src->volume + src->deceit;
		if (score > best)
			best = score;
		o->sources++;
	}
	for (i = g->first_source; i && best >= 2; i = src->next) {
		src = &s->groups[i - 1];
		score = src->volume + src->deceit;
		src->bad = score >= 2 && score >= best - 1;
	}
	mark_waves(s, owner, best >= 2);
	if (best >= 2)
		spread_waves(s, owner);
	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		src->bad = src->bad || src->in_waves * 2 >= src->count;
		o->bad += src->bad;
	}
	/* nothing tells them apart: all of it */
	for (i = g->first_source; i && o->bad == 0; i = src->next) {
		src = &s->groups[i - 1];
		src->bad = true;
	}
	if (o->bad == 0)
		o->bad = o->sources;
}

/* Is the host of a bad source that of a good one, too? */
static bool
host_is_mixed(const struct ir_suspects *s, const struct ir_group *g,
    uint32_t host)
{
	const struct ir_group *src;
	uint32_t i;

	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		if (!src->bad && src->name == host)
			return true;
	}
	return false;
}

static bool
split_by_subject(const struct ir_group *src)
{
	return src->shared && src->in_waves * 2 >= src->count &&
	    src->in_waves < src->count;
}

/* The subjects of a source's waves; how many messages that are. */
static size_t
put_waves(const struct ir_suspects *s, struct ir_buf *b, uint32_t source)
{
	size_t i, n = 0, terms = 0;
	const struct ir_cell *c;

	ir_buf_chr(b, '(');
	for (i = 0; i < s->by_cell.n && terms < TERMS_MAX; i++) {
		c = &s->cells[i];
		if (c->source != source || !c->wave)
			continue;
		if (terms++)
			ir_buf_str(b, " or ");
		put_subject(s, b, c->subject);
		n += c->count;
	}
	ir_buf_chr(b, ')');
	return n;
}

static void
put_source(const struct ir_suspects *s, struct ir_buf *b,
    const struct ir_group *g, uint32_t i, size_t *taken)
{
	const struct ir_group *src = &s->groups[i];
	bool host = src->name && g->kind != K_HOST;
	bool helo = src->name && host_is_mixed(s, g, src->name);
	bool waves = split_by_subject(src);

	if (helo || (host && waves))
		ir_buf_chr(b, '(');
	if (host)
		put_is(s, b, "host", src->name);
	if (helo) {
		ir_buf_str(b, host ? " and " : "");
		put_is(s, b, "helo", src->helo);
	}
	if (waves) {
		ir_buf_str(b, host || helo ? " and " : "");
		*taken += put_waves(s, b, i);
	} else {
		if (!host && !helo)
			ir_buf_str(b, src->name ? "not local" : "local");
		*taken += src->count;
	}
	if (helo || (host && waves))
		ir_buf_chr(b, ')');
}

/* One line for each source, as long as they are few. */
static void
put_sources(const struct ir_suspects *s, struct ir_buf *b,
    const struct ir_group *g, struct choice *o)
{
	const struct ir_group *src;
	uint32_t i, k;
	size_t n = 0;

	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		if (!src->bad)
			continue;
		/* the same address under another name, both bad: said once */
		for (k = g->first_source; k != i && src->name &&
		    !split_by_subject(src) && !host_is_mixed(s, g, src->name);
		    k = s->groups[k - 1].next)
			if (s->groups[k - 1].bad &&
			    s->groups[k - 1].name == src->name &&
			    !split_by_subject(&s->groups[k - 1]))
				break;
		if (k != i && src->name && !split_by_subject(src) &&
		    !host_is_mixed(s, g, src->name)) {
			o->taken += src->count;
			continue;
		}
		ir_buf_str(b, n++ ? " or " : "");
		put_source(s, b, g, i - 1, &o->taken);
	}
}

static bool
common_helo(const struct ir_suspects *s, const struct ir_group *g,
    uint32_t *helo)
{
	const struct ir_group *src;
	bool any = false;
	uint32_t i;

	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		if (src->bad && any && src->helo != *helo)
			return false;
		if (src->bad) {
			*helo = src->helo;
			any = true;
		}
	}
	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		if (!src->bad && src->helo == *helo)
			return false;
	}
	return any && s->names[*helo][0];
}

/* Too many to be named one by one. */
static void
put_many(const struct ir_suspects *s, struct ir_buf *b,
    const struct ir_group *g, struct choice *o)
{
	const struct ir_group *src;
	uint32_t i, helo = 0;
	size_t n = 0;

	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		o->taken += src->bad ? src->count : 0;
	}
	if (common_helo(s, g, &helo)) {
		put_is(s, b, "helo", helo);
		return;
	}
	if (o->sources - o->bad > TERMS_MAX) {
		/* no short way to say it: by the subject that most have */
		put_subject(s, b, g->subject);
		o->taken = g->same;
		return;
	}
	ir_buf_str(b, "not (");
	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		if (src->bad)
			continue;
		ir_buf_str(b, n++ ? " or (" : "(");
		put_is(s, b, "host", src->name);
		if (s->names[src->helo][0]) {
			ir_buf_str(b, " and ");
			put_is(s, b, "helo", src->helo);
		}
		ir_buf_chr(b, ')');
	}
	ir_buf_chr(b, ')');
}

static void
put_where(struct ir_suspects *s, struct ir_buf *b, uint32_t owner,
    struct choice *o)
{
	struct ir_group *g = &s->groups[owner], *src;
	bool split = false;
	uint32_t i;

	choose(s, owner, o);
	for (i = g->first_source; i; i = src->next) {
		src = &s->groups[i - 1];
		split = split || (src->bad && split_by_subject(src));
	}
	put_who(s, b, g);
	if (o->bad == o->sources && !split) {
		o->taken = g->count;
		return;
	}
	ir_buf_str(b, " and (");
	if (o->bad > TERMS_MAX)
		put_many(s, b, g, o);
	else
		put_sources(s, b, g, o);
	ir_buf_chr(b, ')');
}

/* --- the record --------------------------------------------------------- */

static void
add_signal(struct ir_rec *list, bool on, const char *which, const char *kind,
    size_t found, size_t threshold, const char *what)
{
	struct ir_rec *r;

	if (!on)
		return;
	r = ir_rec_object();
	ir_rec_str(r, "signal", which);
	ir_rec_str(r, "kind", kind);
	ir_rec_int(r, "found", (int64_t)found);
	ir_rec_int(r, "threshold", (int64_t)threshold);
	ir_rec_str(r, "what", what);
	ir_rec_push(list, r);
}

static struct ir_rec *
signals(const struct ir_group *g, size_t middle)
{
	struct ir_rec *l = ir_rec_array();
	bool account = g->kind == K_ACCOUNT;
	bool fine = g->kind != K_HOST && g->kind != K_USER;

	add_signal(l, g->busiest >= BUSY, "rate", "volume", g->busiest, BUSY,
	    "messages in its busiest ten minutes");
	add_signal(l, g->domains >= WIDE, "spread", "volume", g->domains, WIDE,
	    "domains of recipients");
	add_signal(l, g->same >= SAME, "same-subject", "volume", g->same, SAME,
	    "messages with one subject, numbers aside");
	add_signal(l, fine && g->senders >= SENDERS, "senders", "deceit",
	    g->senders, SENDERS, "different envelope senders");
	add_signal(l, account && g->foreign >= FOREIGN, "foreign-senders",
	    "deceit", g->foreign, FOREIGN,
	    "sender domains that are not the account's");
	add_signal(l, account && g->nets >= NETS, "networks", "deceit", g->nets,
	    NETS, "networks it logged in from");
	add_signal(l, g->evals > 0, "eval", "deceit", g->evals, 1,
	    "messages of a script that was made at run time");
	add_signal(l, fine && g->bounces >= BOUNCES, "bounces", "deceit",
	    g->bounces, BOUNCES, "bounces that wait for it");
	add_signal(l, middle > 0 && g->count >= 2 * middle, "outsize", "size",
	    g->count, 2 * middle, "messages; the median sender's twice");
	return l;
}

static struct ir_rec *
subjects(const struct ir_suspects *s, uint32_t owner)
{
	struct { uint32_t subject; size_t n; } top[5] = { { 0, 0 } };
	struct ir_rec *l = ir_rec_array(), *r;
	const struct ir_cell *c;
	size_t i, k, n;

	for (i = 0; i < s->by_cell.n; i++) {
		c = &s->cells[i];
		if (s->groups[c->source].owner != owner)
			continue;
		for (k = 0; k < 5 && top[k].n && top[k].subject != c->subject;
		    k++)
			;
		if (k < 5 && top[k].n)
			continue;	/* met before, with its sum */
		n = ir_suspects_met(s, D_SUBJECT, owner, c->subject);
		for (k = 5; k > 0 && n > top[k - 1].n; k--)
			if (k < 5)
				top[k] = top[k - 1];
		if (k < 5) {
			top[k].subject = c->subject;
			top[k].n = n;
		}
	}
	for (k = 0; k < 5 && top[k].n; k++) {
		r = ir_rec_object();
		ir_rec_str(r, "subject", s->names[top[k].subject]);
		ir_rec_int(r, "count", (int64_t)top[k].n);
		ir_rec_push(l, r);
	}
	return l;
}

static struct ir_rec *
sources(const struct ir_suspects *s, const struct ir_group *g)
{
	struct ir_rec *l = ir_rec_array(), *r;
	const struct ir_group *src;
	uint32_t i;

	for (i = g->first_source; i && ir_rec_len(l) < 10; i = src->next) {
		src = &s->groups[i - 1];
		r = ir_rec_object();
		if (src->name)
			ir_rec_str(r, "host", s->names[src->name]);
		if (src->helo)
			ir_rec_str(r, "helo", s->names[src->helo]);
		ir_rec_int(r, "count", (int64_t)src->count);
		ir_rec_bool(r, "selected", src->bad);
		ir_rec_push(l, r);
	}
	return l;
}

/* One word for a shell. */
static void
put_command(struct ir_rec *r, const char *where)
{
	struct ir_buf b = IR_BUF(65536);

	ir_buf_str(&b, "exim-queue-purge -n --where '");
	for (; *where; where++) {
		if (*where == '\'')
			ir_buf_str(&b, "'\\''");
		else
			ir_buf_chr(&b, *where);
	}
	ir_buf_chr(&b, '\'');
	ir_rec_str(r, "command", ir_buf_cstr(&b));
	ir_buf_free(&b);
}

struct ir_rec *
ir_suspects_record(struct ir_suspects *s, uint32_t i, size_t middle)
{
	struct ir_group *g = &s->groups[i];
	struct ir_buf where = IR_BUF(16384);
	struct choice o;
	struct ir_rec *r = ir_rec_new("queue-suspect", NULL);

	put_where(s, &where, i, &o);
	ir_rec_fmt(r, "id", "%s=%s", kind_name[g->kind], s->names[g->name]);
	ir_rec_str(r, "kind", kind_name[g->kind]);
	ir_rec_str(r, "value", s->names[g->name]);
	if (g->channel)
		ir_rec_str(r, "through", s->names[g->channel]);
	ir_rec_int(r, "count", (int64_t)g->count);
	ir_rec_num(r, "share", (double)(g->count * 10000 /
	    (s->messages ? s->messages : 1)) / 10000);
	ir_rec_int(r, "recipients", (int64_t)g->rcpts);
	ir_rec_int(r, "recipient_domains", (int64_t)g->domains);
	ir_rec_int(r, "senders", (int64_t)g->senders);
	ir_rec_int(r, "hosts", (int64_t)g->hosts);
	ir_rec_int(r, "busiest_10min", (int64_t)g->busiest);
	ir_rec_int(r, "bounces", (int64_t)g->bounces);
	ir_rec_time(r, "first", g->first);
	ir_rec_time(r, "last", g->last);
	ir_rec_set(r, "signals", signals(g, middle));
	ir_rec_set(r, "subjects", subjects(s, i));
	ir_rec_set(r, "sources", sources(s, g));
	ir_rec_int(r, "selected", (int64_t)o.taken);
	ir_rec_int(r, "left", (int64_t)(g->count - o.taken));
	ir_rec_str(r, "where", ir_buf_cstr(&where));
	put_command(r, ir_buf_cstr(&where));
	ir_buf_free(&where);
	return r;
}
