/*
 * dnsbl_ask.c - see dnsbl_ask.h
 *
 * A list, seen through one kind of target, is a family.  It is tested, or
 * was within the hour; then it gets its questions, a few at a time, each for
 * a token of the zone's allowance when it has one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../core/text.h"
#include "dnsbl_ask.h"

#define LANES 16		/* questions at once to one list */
#define NS_NAMES 3		/* name servers of a list that are tried */
#define NS_CLIMB 3		/* names that are asked for their servers */

enum kind { LISTED, UNLISTED, RANDOM, NPROBES, ADDRESS = NPROBES, TEXT,
	SERVERS, SERVER };

struct question {
	struct ir_dns_query q;
	enum kind kind;
	struct family *family;
	size_t target;
	unsigned epoch;
	struct question *next;		/* held, or waiting for a token */
	struct question *answer;	/* of a TEXT: the A question */
};

/* What a zone allows; families of one zone share it. */
struct bucket {
	const struct ir_dnsbl_zone *zone;
	bool limited;
	long tokens;
	int64_t due;			/* monotonic; may ask for more then */
	bool spent;			/* no more today */
	struct question *first, **last;	/* waiting */
	size_t waiting;
};

struct family {
	struct run *run;
	const struct ir_dnsbl_zone *zone;
	struct bucket *bucket;
	enum ir_dnsbl_kind kind;
	struct question *probe[NPROBES];
	size_t probing;			/* probes that are still out */
	bool judged, believed;
	bool cached;			/* believed for an earlier test */
	bool by_ns, tried_ns;
	unsigned epoch;			/* answers of an older one are void */
	struct ir_dnsbl_result verdict;	/* of all targets: not believed */
	struct question *held;
	size_t next;			/* target to ask about next */
	size_t said;
	char server[64];		/* who answered the test */
	char ns[200];			/* addresses of its name servers */
	size_t looking, climbed;	/* for those */
};

struct run {
	const struct ir_dnsbl_ask *o;
	const struct ir_dnsbl_zone *const *zone;
	size_t nzones;
	const struct ir_dnsbl_target *target;
	size_t ntargets;
	struct family *family;
	size_t nfamilies;
	struct bucket *bucket;
	struct ir_dns *dns;
	int64_t deadline, due;		/* due: refill() has more then */
	bool sorry;			/* has warned of its state file */
	struct ir_err *err;
};

static const char kind_letter[] = "46dh";

/* --- results ------------------------------------------------------------ */

static bool
is_part(const struct ir_dnsbl_zone *part, const struct ir_dnsbl_zone *whole)
{
	return part != whole && part->part_of[0] &&
	    (ir_ascii_ieq(part->part_of, whole->name) ||
	    ir_ascii_ieq(part->part_of, whole->shown));
}

/* The list among those asked of which this one is a part; NULL. */
static const struct ir_dnsbl_zone *
whole_of(const struct run *r, const struct ir_dnsbl_zone *z)
{
	size_t i;

	for (i = 0; i < r->nzones; i++)
		if (is_part(z, r->zone[i]) && !ir_dnsbl_keyless(r->zone[i]) &&
		    !(z->kinds & ~r->zone[i]->kinds))
			return r->zone[i];
	return NULL;
}

/* Say it of the list, and of the parts of it that were named, too. */
static void
say(struct family *f, const struct ir_dnsbl_target *t,
    const struct ir_dnsbl_result *v, const struct ir_dns_query *a,
    const struct ir_dns_query *txt)
{
	struct run *r = f->run;
	struct ir_dnsbl_said s = { f->zone, t, v, a, txt,
		f->by_ns ? "ns" : "resolver", NULL };
	struct ir_dnsbl_result part;
	size_t i;

	f->said++;
	r->o->said(&s, r->o->arg);
	for (i = 0; i < r->nzones; i++) {
		if (whole_of(r, r->zone[i]) != f->zone ||
		    !(r->zone[i]->kinds & 1u << t->kind))
			continue;
		part = *v;
		if (a && f->believed && v->verdict != IR_DNSBL_UNKNOWN &&
		    v->verdict != IR_DNSBL_REFUSED)
			ir_dnsbl_judge_part(r->zone[i], a, &part);
		s.zone = r->zone[i];
		s.result = &part;
		s.txt = part.nhits ? txt : NULL;
		s.whole = f->zone;
		r->o->said(&s, r->o->arg);
	}
}

static void
set_verdict(struct ir_dnsbl_result *v, enum ir_dnsbl_verdict verdict,
    const char *why, const char *detail)
{
	memset(v, 0, sizeof *v);
	v->verdict = verdict;
	v->why = why;
	snprintf(v->detail, sizeof v->detail, "%.127s", detail);
}

/* A verdict that needed no question. */
static void
say_plain(struct run *r, const struct ir_dnsbl_zone *z,
    const struct ir_dnsbl_target *t, enum ir_dnsbl_verdict verdict,
    const char *why, const char *detail)
{
	struct ir_dnsbl_result v;
	struct ir_dnsbl_said s = { z, t, &v, NULL, NULL, NULL, NULL };

	set_verdict(&v, verdict, why, detail);
	r->o->said(&s, r->o->arg);
}

static void
drop(struct question *q)
{
	if (!q)
		return;
	ir_dns_query_free(&q->q);
	free(q);
}

/* --- the allowance ------------------------------------------------------ */

static int
lock(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;
	int rc = ir_dnsbl_state_lock(r->o->state, ir_now_ms(), &err);

	if (rc && !r->sorry)
		r->o->warn(NULL, err.msg, r->o->arg);
	r->sorry = r->sorry || rc;
	return rc;
}

static void
unlock(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_dnsbl_state_unlock(r->o->state, &err) && !r->sorry) {
		r->o->warn(NULL, err.msg, r->o->arg);
		r->sorry = true;
	}
}

static void finish(struct question *q);

static void
send_now(struct question *q)
{
	struct run *r = q->family->run;

	if (ir_dns_ask(r->dns, &q->q, r->err)) {
		r->err->code = IR_OSERR;	/* ends the run */
		if (q->kind >= NPROBES)
			drop(q);
	}
}

/* Let those go for which there is a token. */
static void
let_go(struct bucket *b)
{
	struct question *q;

	while ((q = b->first) && b->tokens > 0) {
		b->first = q->next;
		if (!b->first)
			b->last = &b->first;
		q->next = NULL;
		b->waiting--;
		b->tokens--;
		send_now(q);
	}
}

/* When the first zone that has questions waiting may be asked again. */
static int64_t
next_due(const struct run *r)
{
	int64_t until = INT64_MAX;
	size_t i;

	for (i = 0; i < r->nzones; i++)
		if (r->bucket[i].waiting && r->bucket[i].due < until)
			until = r->bucket[i].due;
	return until;
}

/* More tokens for every zone that has questions waiting and may ask. */
static void
refill(struct run *r)
{
	int64_t now = ir_mono_ms(), wait;
	bool open = false, locked = false;
	struct bucket *b;
	size_t i;

	for (i = 0; i < r->nzones; i++) {
		b = &r->bucket[i];
		if (!b->waiting || b->spent || b->due > now)
			continue;
		/* without the file, what is in memory still counts */
		if (!open)
			locked = lock(r) == 0;
		open = true;
		b->tokens += ir_dnsbl_state_take(r->o->state, b->zone->shown,
		    b->zone->per_second, b->zone->per_day, (long)b->waiting,
		    &wait);
		b->spent = wait < 0;
		b->due = now + wait;
	}
	if (locked)
		unlock(r);
	for (i = 0; i < r->nzones; i++)
		let_go(&r->bucket[i]);
	r->due = next_due(r);
}

static void
ask(struct question *q)
{
	struct bucket *b = q->family->bucket;

	if (!b->limited) {
		send_now(q);
		return;
	}
	q->next = NULL;
	*b->last = q;
	b->last = &q->next;
	b->waiting++;
}

/* Questions that will never be asked: the day or the time is over. */
static void
give_up(struct run *r, bool all)
{
	struct question *q;
	struct bucket *b;
	size_t i;

	for (i = 0; i < r->nzones; i++) {
		b = &r->bucket[i];
		while ((q = b->first) && (all || b->spent)) {
			b->first = q->next;
			if (!b->first)
				b->last = &b->first;
			b->waiting--;
			q->q.status = IR_DNS_TIMEOUT;
			finish(q);
		}
	}
}

/* --- asking ------------------------------------------------------------- */

static struct question *
new_question(struct family *f, enum kind kind)
{
	struct question *q = calloc(1, sizeof *q);

	if (!q)
		abort();
	q->kind = kind;
	q->family = f;
	q->epoch = f->epoch;
	q->q.arg = q;
	q->q.type = kind == TEXT ? IR_DNS_TXT : kind == SERVERS ?
	    IR_DNS_NS : IR_DNS_A;
	if (f->by_ns && kind < SERVERS)
		q->q.ask = f->ns;
	return q;
}

static void
ask_probe(struct family *f, enum kind kind, const char *label)
{
	struct question *q = new_question(f, kind);
	unsigned long long n = 0x5a5a5a5a5a5a5a5aULL;

	if (kind == RANDOM && getrandom(&n, sizeof n, 0) != sizeof n)
		n ^= (unsigned long long)ir_now_ms();
	if (kind == RANDOM)
		snprintf(q->q.name, sizeof q->q.name, "q%016llx.%.200s", n,
		    f->zone->name);
	else
		snprintf(q->q.name, sizeof q->q.name, "%.60s.%.190s", label,
		    f->zone->name);
	if (kind != RANDOM && strlen(label) > 60)	/* nibbles */
		snprintf(q->q.name, sizeof q->q.name, "%s.%.170s", label,
		    f->zone->name);
	f->probe[kind] = q;
	f->probing++;
	ask(q);
}

static void
test_list(struct family *f)
{
	const struct ir_dnsbl_zone *z = f->zone;
	int k;

	for (k = 0; k < NPROBES; k++) {
		drop(f->probe[k]);
		f->probe[k] = NULL;
	}
	f->judged = f->believed = f->cached = false;
	f->probing = 1;		/* not all out before all are asked */
	ask_probe(f, RANDOM, NULL);
	if (z->unlisted[f->kind].label[0])
		ask_probe(f, UNLISTED, z->unlisted[f->kind].label);
	if (z->listed[f->kind].label[0])
		ask_probe(f, LISTED, z->listed[f->kind].label);
	f->probing--;
}

/* A target that this family takes, may be asked about, and has a name. */
static bool
wanted(const struct family *f, const struct ir_dnsbl_target *t, char *name)
{
	const char *why;

	return t->kind == f->kind &&
	    (f->run->o->force || !ir_dnsbl_special(t)) &&
	    ir_dnsbl_question(t, f->zone, name, &why) == 0;
}

/* Ask about the next target, if there is one. */
static void
ask_next(struct family *f)
{
	struct run *r = f->run;
	struct question *q;
	char name[256];

	while (f->next < r->ntargets && !wanted(f, &r->target[f->next], name))
		f->next++;
	if (f->next == r->ntargets)
		return;
	q = new_question(f, ADDRESS);
	q->target = f->next++;
	snprintf(q->q.name, sizeof q->q.name, "%s", name);
	ask(q);
}

/* What became of a question that had no token. */
static bool
unasked(const struct question *q, struct ir_dnsbl_result *v)
{
	const struct bucket *b = q->family->bucket;
	char text[64];

	if (q->q.server[0] || !b->limited)
		return false;
	snprintf(text, sizeof text, b->spent ? "%ld a day" : "%ld a second",
	    b->spent ? b->zone->per_day : b->zone->per_second);
	set_verdict(v, IR_DNSBL_UNKNOWN, b->spent ? "daily-limit" :
	    "rate-limit", text);
	return true;
}

/* The A answer for a target is here, and the list has been judged. */
static void
settle(struct family *f, struct question *q)
{
	struct ir_dnsbl_result v = f->verdict;
	const struct ir_dnsbl_target *t = &f->run->target[q->target];
	struct question *txt;
	bool other;

	if (f->believed && !unasked(q, &v))
		ir_dnsbl_judge(f->zone, &q->q, &v);
	other = f->believed && q->q.status != IR_DNS_TIMEOUT &&
	    strcmp(q->q.server, f->server);
	if (f->cached && (v.nhits || other)) {
		/* only a fresh test makes a listing believed */
		q->next = f->held;
		f->held = q;
		test_list(f);
		return;
	}
	if (other)
		set_verdict(&v, IR_DNSBL_UNKNOWN, "other-resolver", "");
	if (v.nhits) {
		txt = new_question(f, TEXT);
		txt->target = q->target;
		txt->answer = q;
		snprintf(txt->q.name, sizeof txt->q.name, "%s", q->q.name);
		ask(txt);
		return;
	}
	say(f, t, &v, q->q.server[0] ? &q->q : NULL, NULL);
	drop(q);
	if (f->believed)
		ask_next(f);
}

/* Remember a test; a passing failure is not worth it. */
static void
remember(struct family *f)
{
	static const char *const lasting[] = { "dead-zone", "empty-zone",
		"lists-the-world", NULL };
	struct ir_dnsbl_belief b = { .believed = f->believed };
	struct run *r = f->run;
	int i;

	for (i = 0; !f->believed && lasting[i]; i++)
		if (f->verdict.why && strcmp(f->verdict.why, lasting[i]) == 0)
			break;
	if (!f->believed && !lasting[i])
		return;
	snprintf(b.why, sizeof b.why, "%s", f->believed ? "" :
	    f->verdict.why);
	snprintf(b.detail, sizeof b.detail, "%s", f->verdict.detail);
	snprintf(b.server, sizeof b.server, "%s", f->server);
	snprintf(b.ask, sizeof b.ask, "%s", f->by_ns ? f->ns : "");
	if (lock(r) == 0) {
		ir_dnsbl_state_believe(r->o->state, f->zone->shown,
		    kind_letter[f->kind], r->o->resolver ? r->o->resolver :
		    "system", &b);
		unlock(r);
	}
}

/* The same verdict for all that has not been said yet. */
static void
say_rest(struct family *f)
{
	char name[256];

	for (; f->next < f->run->ntargets; f->next++)
		if (wanted(f, &f->run->target[f->next], name))
			say(f, &f->run->target[f->next], &f->verdict, NULL,
			    NULL);
}

static void
warn_list(const struct family *f)
{
	const struct ir_dnsbl_result *v = &f->verdict;
	const char *text = NULL;

	if (v->why && strcmp(v->why, "lists-the-world") == 0)
		text = "lists the world: not believed";
	else if (v->why && strcmp(v->why, "empty-zone") == 0)
		text = "its test point is gone: emptied, not believed";
	else if (v->why && strcmp(v->why, "dead-zone") == 0)
		text = "dead, or the resolver makes up answers: not believed";
	if (text)
		f->run->o->warn(f->zone->shown, text, f->run->o->arg);
}

static void find_servers(struct family *f, const char *name);

/* It is known whether the list is to be believed: go on. */
static void
go_on(struct family *f)
{
	struct question *q, *held = f->held;
	int i;

	f->judged = true;
	f->held = NULL;
	while ((q = held)) {
		held = q->next;
		if (f->judged) {
			settle(f, q);
		} else {	/* one of them led to a new test */
			q->next = f->held;
			f->held = q;
		}
	}
	for (i = 0; f->believed && f->judged && i < LANES; i++)
		ask_next(f);
	if (f->judged && !f->believed)
		say_rest(f);
}

/* All probes are back. */
static void
judge_list(struct family *f)
{
	struct question **p = f->probe;
	int i;

	f->believed = ir_dnsbl_believe(f->zone, p[LISTED] ?
	    &p[LISTED]->q : NULL, p[UNLISTED] ? &p[UNLISTED]->q : NULL,
	    &p[RANDOM]->q, &f->verdict);
	snprintf(f->server, sizeof f->server, "%s", p[RANDOM]->q.server);
	for (i = 0; i < NPROBES; i++)
		if (p[i] && unasked(p[i], &f->verdict))
			f->believed = false;
	if (!f->believed && !f->tried_ns && !f->run->o->no_ns && !f->said &&
	    ir_dnsbl_shut_out(&f->verdict)) {
		f->tried_ns = true;
		find_servers(f, f->zone->name);
		return;
	}
	remember(f);
	warn_list(f);
	go_on(f);
}

/* --- the list's own name servers ---------------------------------------- */

static void
find_servers(struct family *f, const char *name)
{
	struct question *q = new_question(f, SERVERS);

	f->climbed++;
	snprintf(q->q.name, sizeof q->q.name, "%s", name);
	send_now(q);
}

/* They are known, or there are none. */
static void
use_servers(struct family *f)
{
	struct question *q;

	if (!f->ns[0]) {
		go_on(f);
		return;
	}
	f->by_ns = true;
	f->epoch++;		/* what the resolver still says is void */
	f->next = 0;
	while ((q = f->held)) {
		f->held = q->next;
		drop(q);
	}
	test_list(f);
}

static void
got_servers(struct family *f, struct question *q)
{
	const char *dot = strchr(q->q.name, '.');
	struct question *a;
	size_t i;

	if (q->q.status != IR_DNS_OK) {
		/* the zone may have no servers of its own: those above */
		if (f->climbed < NS_CLIMB && dot && strchr(dot + 1, '.'))
			find_servers(f, dot + 1);
		else
			go_on(f);
		return;
	}
	f->looking = 1;
	for (i = 0; i < q->q.n && i < NS_NAMES; i++) {
		if (!q->q.answer[i].text[0])
			continue;
		a = new_question(f, SERVER);
		snprintf(a->q.name, sizeof a->q.name, "%.253s",
		    q->q.answer[i].text);
		f->looking++;
		send_now(a);
	}
	if (--f->looking == 0)
		go_on(f);
}

/* A private address is no name server of a public list. */
static void
got_server(struct family *f, const struct question *q)
{
	size_t used = strlen(f->ns);
	struct ir_ip ip;

	if (q->q.status == IR_DNS_OK &&
	    ir_ip_parse(q->q.answer[0].text, false, &ip) == 0 &&
	    (f->run->o->ns_port || !ir_ip_special(&ip)) &&
	    used + 40 < sizeof f->ns)
		snprintf(f->ns + used, sizeof f->ns - used, "%s%s:%ld",
		    used ? "," : "", q->q.answer[0].text,
		    f->run->o->ns_port ? f->run->o->ns_port : 53L);
	if (--f->looking == 0)
		use_servers(f);
}

/* --- answers ------------------------------------------------------------ */

static void
say_with_text(struct family *f, struct question *q)
{
	struct ir_dnsbl_result v;

	ir_dnsbl_judge(f->zone, &q->answer->q, &v);
	say(f, &f->run->target[q->target], &v, &q->answer->q, &q->q);
	drop(q->answer);
	drop(q);
	ask_next(f);
}

/* A question has ended. */
static void
finish(struct question *q)
{
	struct family *f = q->family;

	if (q->kind < NPROBES) {
		if (q->epoch == f->epoch && --f->probing == 0)
			judge_list(f);
	} else if (q->kind == SERVERS) {
		got_servers(f, q);
		drop(q);
	} else if (q->kind == SERVER) {
		got_server(f, q);
		drop(q);
	} else if (q->epoch != f->epoch) {
		drop(q->answer);
		drop(q);
	} else if (q->kind == TEXT) {
		say_with_text(f, q);
	} else if (f->judged) {
		settle(f, q);
	} else {
		q->next = f->held;
		f->held = q;
	}
}

static void
answered(struct ir_dns_query *dq, void *arg)
{
	finish(dq->arg);
	refill(arg);
}

/* --- the run ------------------------------------------------------------ */

/* What a list cannot or must not be asked, and why. */
static void
say_unasked(struct run *r, const struct ir_dnsbl_zone *z)
{
	static const char *const lacks[] = { "no-ipv4", "no-ipv6",
		"no-domains", "no-mail" };
	const char *special, *why;
	char name[256];
	size_t i;

	for (i = 0; i < r->ntargets; i++) {
		const struct ir_dnsbl_target *t = &r->target[i];
		bool ip = t->kind <= IR_DNSBL_IP6;
		/* an address, and a list of domains, say */
		bool other = !(z->kinds & 1u << t->kind) &&
		    (!ip || !(z->kinds & 3));

		special = r->o->force ? NULL : ir_dnsbl_special(t);
		if (other && !r->o->named)
			continue;
		if (ir_dnsbl_keyless(z))
			say_plain(r, z, t, IR_DNSBL_UNKNOWN, "no-key",
			    z->key_name);
		else if (!(z->kinds & 1u << t->kind))
			say_plain(r, z, t, IR_DNSBL_NOT_COVERED,
			    lacks[t->kind], "");
		else if (special)
			say_plain(r, z, t, IR_DNSBL_NOT_COVERED, special, "");
		else if (ir_dnsbl_question(t, z, name, &why))
			say_plain(r, z, t, strcmp(why, "no-psl") ?
			    IR_DNSBL_NOT_COVERED : IR_DNSBL_UNKNOWN, why,
			    "");
	}
}

/* An earlier test of the list that holds still. */
static bool
recall(struct family *f, const char *resolver)
{
	static const char *const words[] = { "dead-zone", "empty-zone",
		"lists-the-world", NULL };
	struct ir_dnsbl_belief b;
	int i;

	if (f->run->o->fresh || !ir_dnsbl_state_belief(f->run->o->state,
	    f->zone->shown, kind_letter[f->kind], resolver, &b))
		return false;
	if (b.ask[0] && f->run->o->no_ns)
		return false;
	f->believed = b.believed;
	f->cached = b.believed;
	for (i = 0; !b.believed && words[i]; i++)
		if (strcmp(words[i], b.why) == 0)
			set_verdict(&f->verdict, IR_DNSBL_UNKNOWN, words[i],
			    b.detail);
	if (!b.believed && !f->verdict.why)
		return false;
	snprintf(f->server, sizeof f->server, "%s", b.server);
	if (b.ask[0]) {
		snprintf(f->ns, sizeof f->ns, "%s", b.ask);
		f->by_ns = f->tried_ns = true;
	}
	return true;
}

/* One list for one kind of target, if a target needs it. */
static void
add_family(struct run *r, const struct ir_dnsbl_zone *z, struct bucket *b,
    enum ir_dnsbl_kind kind, const char *resolver)
{
	struct family *f = &r->family[r->nfamilies];
	char name[256];
	size_t i;

	f->run = r;
	f->zone = z;
	f->bucket = b;
	f->kind = kind;
	for (i = 0; i < r->ntargets && !wanted(f, &r->target[i], name); i++)
		continue;
	if (i == r->ntargets)
		return;
	r->nfamilies++;
	f->judged = recall(f, resolver);
}

static void
start_family(struct family *f)
{
	if (f->judged) {
		if (!f->believed)
			warn_list(f);
		go_on(f);
		return;
	}
	test_list(f);
	if (!f->bucket->limited)
		ask_next(f);	/* in the hope that the test goes well */
}

static void
start(struct run *r)
{
	const char *resolver = r->o->resolver ? r->o->resolver : "system";
	const struct ir_dnsbl_zone *z;
	int kind, locked = lock(r);
	size_t i;

	for (i = 0; i < r->nzones; i++) {
		z = r->zone[i];
		r->bucket[i].zone = z;
		r->bucket[i].last = &r->bucket[i].first;
		r->bucket[i].limited = z->per_second || z->per_day;
		if (whole_of(r, z))
			continue;
		say_unasked(r, z);
		for (kind = 0; kind < (int)IR_DNSBL_KINDS; kind++)
			if ((z->kinds & 1u << kind) && !ir_dnsbl_keyless(z))
				add_family(r, z, &r->bucket[i],
				    (enum ir_dnsbl_kind)kind, resolver);
	}
	if (locked == 0)
		unlock(r);
	for (i = 0; i < r->nfamilies; i++)
		start_family(&r->family[i]);
}

/* Sleep until then, or false: the time will be over. */
static bool
pause_for(struct run *r)
{
	int64_t now = ir_mono_ms(), until = next_due(r);
	struct timespec ts;

	if (until >= r->deadline)
		return false;
	if (until > now) {
		ts.tv_sec = (time_t)((until - now) / 1000);
		ts.tv_nsec = (long)((until - now) % 1000) * 1000000L;
		nanosleep(&ts, NULL);
	}
	return true;
}

static bool
some_wait(const struct run *r)
{
	return next_due(r) < INT64_MAX;
}

static int
all_of_it(struct run *r)
{
	int rc;

	for (;;) {
		refill(r);
		/* no list waits for the answers of another one */
		rc = ir_dns_wait_until(r->dns, &r->due, r->err);
		if (rc < 0 || r->err->code)
			return -1;
		give_up(r, ir_mono_ms() >= r->deadline);
		if (rc)
			continue;
		if (!some_wait(r)) {
			/* what was given up may have led to questions */
			if (ir_dns_wait(r->dns, r->err))
				return -1;
			if (!some_wait(r))
				return 0;
		} else if (!pause_for(r)) {
			give_up(r, true);
		}
	}
}

/* Tokens that were not needed go back. */
static void
give_back(struct run *r)
{
	size_t i;

	for (i = 0; i < r->nzones && r->bucket[i].tokens == 0; i++)
		continue;
	if (i == r->nzones || lock(r))
		return;
	for (; i < r->nzones; i++)
		if (r->bucket[i].tokens)
			ir_dnsbl_state_give(r->o->state,
			    r->bucket[i].zone->shown, r->bucket[i].tokens);
	unlock(r);
}

static void
free_run(struct run *r)
{
	struct question *q;
	size_t i;
	int k;

	ir_dns_close(r->dns);
	for (i = 0; i < r->nfamilies; i++) {
		for (k = 0; k < NPROBES; k++)
			drop(r->family[i].probe[k]);
		while ((q = r->family[i].held)) {
			r->family[i].held = q->next;
			drop(q);
		}
	}
	free(r->family);
	free(r->bucket);
}

int
ir_dnsbl_ask(const struct ir_dnsbl_ask *o,
    const struct ir_dnsbl_zone *const *zone, size_t nzones,
    const struct ir_dnsbl_target *target, size_t ntargets,
    struct ir_err *err)
{
	struct run r = { .o = o, .zone = zone, .nzones = nzones,
		.target = target, .ntargets = ntargets, .err = err };
	/* 60 lists with their test points, all at once */
	struct ir_dns_opts d = { .resolver = o->resolver,
		.deadline_ms = o->deadline_ms, .begin = 256 };
	int rc = -1;

	r.family = calloc(nzones * IR_DNSBL_KINDS + 1, sizeof *r.family);
	r.bucket = calloc(nzones + 1, sizeof *r.bucket);
	if (!r.family || !r.bucket) {
		ir_fail(err, IR_OSERR, "no memory");
		goto out;
	}
	r.deadline = ir_mono_ms() + o->deadline_ms;
	if (ir_dns_open(&r.dns, &d, answered, &r, err))
		goto out;
	start(&r);
	rc = all_of_it(&r);
	give_back(&r);
out:
	free_run(&r);
	return rc;
}
