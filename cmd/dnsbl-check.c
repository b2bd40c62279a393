/*
 * dnsbl-check - which DNS lists have these addresses and domains?
 *
 * Reads targets (operands, or records and bare keys on standard input) and a
 * table of lists; asks the DNS, or reads the lists' own files; writes one
 * "listing" record for each target and list as soon as it is known.  A list
 * is believed only after its own test points and a random name have been
 * answered as they must be.  What the runs tell each other (tests, limits)
 * is in the state folder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/text.h"
#include "incident/journal.h"
#include "net/dnsbl_ask.h"
#include "net/dnsbl_delist.h"
#include "net/dnsbl_load.h"
#include "net/feed.h"
#include "vault/vault.h"

#define MAX_TARGETS 4096	/* asked of lists in one run */
#define MAX_FORCED 65536	/* with --force: a /16 */
#define MAX_NET 256		/* addresses of one network; --force: more */
#define MAX_REASON 1000		/* bytes of one TXT answer */
#define DEFAULT_MS 5000
#define LOOKUPS_A_SECOND 500	/* what the default limit allows for */
#define DEFAULT_EVERY 900	/* seconds between two looks of --watch */

struct opts {
	struct ir_common common;
	const char *zones, *resolver, *keys, *vault;
	struct ir_list only, feeds;
	long tier, every, deadline, ns_port;
	bool force, nagios, fresh, no_ns, delist, watch;
};

struct feed {
	struct ir_feed *feed;
	struct ir_feed_info info;
	struct ir_dnsbl_table own;	/* its entry, when it is in no other */
	const struct ir_dnsbl_zone *zone;
	char path[512];
};

/* What was said last of a list and a target: for --watch. */
struct last {
	unsigned char known;	/* verdict + 1; 0: never known */
	bool unknown;		/* in the last round */
};

struct run {
	struct opts *opts;
	struct ir_dnsbl_tables tables;
	const struct ir_dnsbl_zone **zone;
	size_t nzones;
	struct ir_dnsbl_target *target;
	size_t ntargets, ctargets;
	uint32_t *seen;			/* hash table: index + 1 of target */
	struct feed feed[64];
	size_t nfeeds;
	struct ir_dnsbl_state *state;
	struct ir_out *out;
	struct ir_err *err;
	size_t listed, listed_wide, clean, unknown;	/* verdicts */
	size_t checked;			/* targets, for --nagios */
	struct ir_buf names;		/* for --nagios: what is listed where */
	struct ir_dnsbl_todos todo;	/* for --delist */
	struct last *last;
	size_t rounds;
};

/* --- records ------------------------------------------------------------ */

static void
count(struct run *r, const struct ir_dnsbl_zone *z, const char *id,
    enum ir_dnsbl_verdict v)
{
	if (v == IR_DNSBL_LISTED) {
		r->listed++;
		r->listed_wide += z->tier == 1;
		if (r->opts->nagios)
			ir_buf_fmt(&r->names, "%s%s in %s", r->names.len ?
			    ", " : "", id, z->shown);
	} else if (v == IR_DNSBL_CLEAN) {
		r->clean++;
	} else if ((v == IR_DNSBL_UNKNOWN || v == IR_DNSBL_REFUSED) &&
	    z->class != IR_DNSBL_WHITE) {
		r->unknown++;
	}
}

static void
add_codes(struct ir_rec *rec, const struct ir_dnsbl_result *v,
    const struct ir_dns_query *a)
{
	struct ir_rec *codes = ir_rec_array(), *meanings = ir_rec_array();
	size_t i;

	for (i = 0; a && v->nhits && i < a->n; i++)
		ir_rec_push_str(codes, a->answer[i].text);
	for (i = 0; i < v->nhits; i++)
		ir_rec_push_str(meanings, v->hit[i]->meaning);
	ir_rec_set(rec, "codes", codes);
	ir_rec_set(rec, "meanings", meanings);
}

/* The list's own words; an access key in them is hidden. */
static void
own_words(const struct ir_dnsbl_zone *z, const struct ir_dns_query *txt,
    struct ir_buf *out)
{
	size_t i, n;

	for (i = 0; txt && txt->status == IR_DNS_OK && i < txt->n; i++) {
		n = txt->answer[i].len;
		if (n > MAX_REASON)
			n = ir_text_cut(txt->answer[i].text, n, MAX_REASON);
		if (i)
			ir_buf_str(out, " | ");
		ir_text_clean(out, txt->answer[i].text, n);
	}
	if (out->data)
		ir_dnsbl_mask(z, out->data);
}

static struct ir_rec *
listing(const struct ir_dnsbl_zone *z, const char *id,
    const struct ir_dnsbl_result *v)
{
	struct ir_rec *rec = ir_rec_new("listing", id);
	char detail[sizeof v->detail];

	ir_rec_str(rec, "zone", z->shown);
	ir_rec_str(rec, "verdict", ir_dnsbl_verdict_word(v->verdict));
	if (v->why)
		ir_rec_str(rec, "why", v->why);
	if (v->detail[0]) {
		memcpy(detail, v->detail, sizeof detail);
		ir_dnsbl_mask(z, detail);
		ir_rec_str(rec, "detail", detail);
	}
	ir_rec_str(rec, "class", z->class == IR_DNSBL_WHITE ? "white" :
	    z->class == IR_DNSBL_DEAD ? "dead" : "black");
	ir_rec_int(rec, "tier", z->tier);
	if (v->verdict == IR_DNSBL_LISTED)
		ir_rec_str(rec, "severity",
		    ir_dnsbl_severity_word(v->severity));
	return rec;
}

static void
emit(struct run *r, const struct ir_dnsbl_said *s, const char *was)
{
	char id[320];
	struct ir_buf reason = IR_BUF(16384);
	struct ir_rec *rec;

	ir_dnsbl_target_text(s->target, id, sizeof id);
	count(r, s->zone, id, s->result->verdict);
	own_words(s->zone, s->txt, &reason);
	if (r->opts->delist && s->result->verdict == IR_DNSBL_LISTED)
		ir_dnsbl_todo_add(&r->todo, s->zone, id, s->result,
		    ir_buf_cstr(&reason), r->err);
	if (r->opts->nagios || r->opts->delist) {
		ir_buf_free(&reason);
		return;
	}
	rec = listing(s->zone, id, s->result);
	add_codes(rec, s->result, s->a);
	ir_rec_str(rec, "reason", reason.len ? reason.data : NULL);
	ir_rec_str(rec, "delist", s->zone->delist[0] ? s->zone->delist :
	    NULL);
	if (was)
		ir_rec_str(rec, "was", was);
	if (s->target->kind == IR_DNSBL_DOMAIN && s->zone->registered &&
	    s->target->registered)
		ir_rec_str(rec, "asked", s->target->registered);
	if (s->whole)
		ir_rec_str(rec, "part_of", s->whole->shown);
	if (s->a) {
		ir_rec_int(rec, "ttl", s->a->ttl);
		ir_rec_int(rec, "rtt_ms", s->a->rtt_ms);
		ir_rec_str(rec, "server", s->a->server);
		ir_rec_str(rec, "via", s->via);
	}
	ir_buf_free(&reason);
	ir_out_put(r->out, rec);
}

/* --- watching ----------------------------------------------------------- */

static struct last *
last_of(struct run *r, const struct ir_dnsbl_said *s)
{
	size_t i;

	for (i = 0; i < r->nzones && r->zone[i] != s->zone; i++)
		continue;
	return &r->last[i * r->ntargets + (size_t)(s->target - r->target)];
}

/* All of the first round, then what has changed. */
static void
said(const struct ir_dnsbl_said *s, void *arg)
{
	struct run *r = arg;
	enum ir_dnsbl_verdict v = s->result->verdict, was;
	struct last *l;

	if (!r->opts->watch) {
		emit(r, s, NULL);
		return;
	}
	l = last_of(r, s);
	l->unknown = v == IR_DNSBL_UNKNOWN || v == IR_DNSBL_REFUSED;
	was = l->known ? (enum ir_dnsbl_verdict)(l->known - 1) :
	    IR_DNSBL_UNKNOWN;
	if (r->rounds == 0 || (!l->unknown && was != v))
		emit(r, s, r->rounds ? ir_dnsbl_verdict_word(was) : NULL);
	if (!l->unknown)
		l->known = (unsigned char)(v + 1);
}

static void
warned(const char *zone, const char *text, void *arg)
{
	struct run *r = arg;

	if (r->rounds == 0)
		ir_warn(&r->opts->common, "%s%s%s", zone ? zone : "",
		    zone ? ": " : "", text);
}

static int ask_round(struct run *r);

/* How things stand, for the exit code. */
static void
count_last(struct run *r)
{
	size_t i, k;

	r->listed = r->listed_wide = r->clean = r->unknown = 0;
	for (i = 0; i < r->nzones; i++)
		for (k = 0; k < r->ntargets; k++) {
			const struct last *l = &r->last[i * r->ntargets + k];

			if (l->known == IR_DNSBL_LISTED + 1)
				r->listed++;
			else if (l->unknown && !l->known &&
			    r->zone[i]->class != IR_DNSBL_WHITE)
				r->unknown++;
		}
}

/* The pause, a tenth more or less; false when there is to be no more. */
static bool
wait_for_next(const struct run *r, int64_t until)
{
	int64_t ms = (r->opts->every ? r->opts->every : DEFAULT_EVERY) * 1000;
	int64_t left, end;
	uint32_t dice = 0;
	struct timespec ts;

	if (getrandom(&dice, sizeof dice, 0) == sizeof dice)
		ms += (int64_t)(dice % 2001) * ms / 10000 - ms / 10;
	end = ir_mono_ms() + ms;
	if (until && end > until)
		return false;
	while (!ir_stopped() && (left = end - ir_mono_ms()) > 0) {
		ts.tv_sec = (time_t)(left / 1000);
		ts.tv_nsec = (long)(left % 1000) * 1000000L;
		if (nanosleep(&ts, NULL) && errno != EINTR)
			return false;
	}
	return !ir_stopped();
}

static int
watch(struct run *r)
{
	int64_t until = r->opts->deadline ? ir_mono_ms() +
	    r->opts->deadline * 1000 : 0;

	r->last = calloc(r->nzones * r->ntargets + 1, sizeof *r->last);
	if (!r->last)
		return ir_fail(r->err, IR_OSERR, "no memory");
	ir_catch_stop();
	for (;;) {
		if (ask_round(r))
			return -1;
		count_last(r);
		r->rounds++;
		if (!r->listed || !wait_for_next(r, until))
			return 0;
		ir_note(&r->opts->common, "look %zu: %zu listed", r->rounds,
		    r->listed);
	}
}

/* --- lists and keys ----------------------------------------------------- */

/* Keys of lists are in the vault as dnsbl/NAME, in the field password. */
static int
keys_of_vault(struct run *r)
{
	struct ir_aws_opts aws = { NULL, NULL, NULL };
	const struct ir_vault_opts o = { .path = r->opts->vault,
		.aws = &aws, .common = &r->opts->common, .ask = ir_ask_tty,
		.look = true };
	struct ir_credential c = IR_CREDENTIAL_INIT;
	const struct ir_secret *key;
	struct ir_vault *v;
	char name[IR_VAULT_NAME + 8];
	size_t i;
	int rc = 0;

	if (ir_vault_open(&v, &o, false, r->err))
		return -1;
	for (i = 0; i < r->tables.table.n && rc == 0; i++) {
		struct ir_dnsbl_zone *z = &r->tables.table.zone[i];

		snprintf(name, sizeof name, "dnsbl/%.120s", z->key_name);
		if (!ir_dnsbl_keyless(z) || !ir_vault_item(v, name, 0))
			continue;
		rc = ir_vault_get(v, name, 0, &c, r->err);
		key = rc ? NULL : ir_credential_get(&c, "password");
		if (rc == 0)
			rc = ir_dnsbl_set_key(z, key ? key->data : "",
			    r->err);
		ir_credential_free(&c);
	}
	ir_vault_close(v);
	return rc;
}

static int
read_tables(struct run *r)
{
	if (ir_dnsbl_load(&r->tables, r->opts->zones, r->err) ||
	    ir_dnsbl_load_keys(&r->tables.table, r->opts->keys, r->err))
		return -1;
	if (r->tables.missing[0])
		ir_note(&r->opts->common, "%s: not there: dead lists in your "
		    "table are not noticed", r->tables.missing);
	return r->opts->vault ? keys_of_vault(r) : 0;
}

/*
 * By default: what the tier lets in, what there is a key for, and what is
 * not in another list that is asked.
 */
static bool
by_default(const struct run *r, const struct ir_dnsbl_zone *z)
{
	const struct ir_dnsbl_zone *whole = z->part_of[0] ?
	    ir_dnsbl_find(&r->tables.table, z->part_of) : NULL;

	if (z->class == IR_DNSBL_DEAD || z->tier > r->opts->tier)
		return false;
	if (whole && whole->class != IR_DNSBL_DEAD &&
	    whole->tier <= r->opts->tier && !ir_dnsbl_keyless(whole))
		return false;
	return !ir_dnsbl_keyless(z) || r->tables.own;
}

static void
add_zone(struct run *r, const struct ir_dnsbl_zone *z)
{
	size_t i;

	for (i = 0; i < r->nzones; i++)
		if (r->zone[i] == z)
			return;
	r->zone[r->nzones++] = z;
}

static int
choose_zones(struct run *r)
{
	const struct opts *o = r->opts;
	struct ir_dnsbl_table *t = &r->tables.table;
	size_t i;

	for (i = 0; i < o->only.n; i++)
		if (ir_dnsbl_choose(t, o->only.v[i], r->err))
			return -1;
	r->zone = calloc(t->n + 1, sizeof *r->zone);
	if (!r->zone)
		return ir_fail(r->err, IR_OSERR, "no memory");
	for (i = 0; i < o->only.n; i++)
		add_zone(r, ir_dnsbl_find(t, o->only.v[i]));
	for (i = 0; i < t->n && !o->only.n && !o->feeds.n; i++)
		if (by_default(r, &t->zone[i]))
			add_zone(r, &t->zone[i]);
	if (r->nzones == 0 && !o->feeds.n)
		return ir_fail(r->err, IR_USAGE,
		    "no list in the table is of tier %ld or better", o->tier);
	return 0;
}

/* --- feeds -------------------------------------------------------------- */

/* [[ZONE:]TYPE:]FILE */
static void
split_feed(const char *s, char *zone, size_t size, int *type,
    const char **path)
{
	const char *colon = strchr(s, ':'), *second;
	int t;

	*type = IR_FEED_AUTO;
	*path = s;
	zone[0] = '\0';
	if (!colon)
		return;
	t = ir_feed_type(s, (size_t)(colon - s));
	second = strchr(colon + 1, ':');
	if (t >= 0) {
		*type = t;
		*path = colon + 1;
	} else if (second && (t = ir_feed_type(colon + 1,
	    (size_t)(second - colon - 1))) >= 0) {
		snprintf(zone, size, "%.*s", (int)(colon - s), s);
		*type = t;
		*path = second + 1;
	}
}

/* The list that the file is of; else one that is called like the file. */
static int
name_feed(struct run *r, struct feed *f, const char *zone)
{
	const char *base = strrchr(f->path, '/');
	char name[190];
	size_t i;

	f->zone = zone[0] ? ir_dnsbl_find(&r->tables.table, zone) : NULL;
	if (f->zone)
		return 0;
	snprintf(name, sizeof name, "%.180s", zone[0] ? zone : base ?
	    base + 1 : f->path);
	for (i = 0; name[i]; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
		    "WXYZ0123456789-_.", name[i]) || (name[i] == '.' &&
		    (i == 0 || name[i - 1] == '.' || !name[i + 1])))
			name[i] = '_';
	if (ir_dnsbl_parse(&f->own, name, strlen(name), "--feed", r->err))
		return -1;
	f->zone = f->own.zone;
	return 0;
}

static int
read_feed(struct run *r, const char *spec)
{
	struct ir_buf b = IR_BUF(IR_FEED_MAX_BYTES);
	struct feed *f = &r->feed[r->nfeeds++];
	int64_t began = ir_mono_ms();
	char zone[256];
	const char *path;
	int type, rc;

	split_feed(spec, zone, sizeof zone, &type, &path);
	snprintf(f->path, sizeof f->path, "%.511s", path);
	if (name_feed(r, f, zone))
		return -1;
	rc = ir_buf_read_file(&b, path, r->err);
	if (rc == 0 && ir_feed_read(&f->feed, ir_buf_cstr(&b), b.len,
	    (enum ir_feed_type)type, &f->info, r->err)) {
		ir_fail_prefix(r->err, "%.200s", path);
		rc = -1;
	}
	ir_buf_free(&b);
	if (rc)
		return -1;
	if (f->info.bad)
		ir_warn(&r->opts->common, "%s: %zu lines not understood, the "
		    "first is line %zu", path, f->info.bad,
		    f->info.first_bad);
	ir_note(&r->opts->common, "%s: %zu entries read in %lld ms", path,
	    f->info.entries, (long long)(ir_mono_ms() - began));
	if (!f->info.entries)
		ir_warn(&r->opts->common, "%s: empty: not believed", path);
	return 0;
}

static int
read_feeds(struct run *r)
{
	size_t i;

	for (i = 0; i < r->opts->feeds.n; i++)
		if (read_feed(r, r->opts->feeds.v[i]))
			return -1;
	return 0;
}

struct feed_part {
	struct run *run;
	const struct feed *feed;
};

/* hit NULL: not listed. */
static void
emit_feed(struct run *r, const struct feed *f, const char *id,
    uint64_t addresses, const struct ir_feed_hit *hit,
    struct ir_dnsbl_result *v)
{
	char a[16], reason[MAX_REASON];
	struct ir_dns_answer answer = { .text = a };
	const struct ir_dns_query q = { .status = IR_DNS_OK, .n = 1,
		.answer = &answer };
	struct ir_rec *rec;

	reason[0] = '\0';
	if (hit) {
		snprintf(a, sizeof a, "%u.%u.%u.%u", hit->a >> 24,
		    hit->a >> 16 & 255, hit->a >> 8 & 255, hit->a & 255);
		ir_dnsbl_judge(f->zone, &q, v);
		ir_feed_text(f->feed, hit, id, reason, sizeof reason);
	}
	count(r, f->zone, id, v->verdict);
	if (r->opts->delist && v->verdict == IR_DNSBL_LISTED)
		ir_dnsbl_todo_add(&r->todo, f->zone, id, v, reason, r->err);
	if (r->opts->nagios || r->opts->delist)
		return;
	rec = listing(f->zone, id, v);
	add_codes(rec, v, hit ? &q : NULL);
	ir_rec_str(rec, "reason", reason[0] ? reason : NULL);
	ir_rec_str(rec, "delist", f->zone->delist[0] ? f->zone->delist :
	    NULL);
	if (addresses > 1)
		ir_rec_int(rec, "addresses", addresses > INT64_MAX ?
		    INT64_MAX : (int64_t)addresses);
	ir_rec_str(rec, "server", f->path);
	ir_rec_str(rec, "via", "feed");
	ir_out_put(r->out, rec);
}

/* One address stands for itself. */
static char *
net_text(const struct ir_prefix *net, char *buf, size_t size)
{
	return net->bits == (net->ip.v6 ? 128 : 32) ?
	    ir_ip_text(&net->ip, buf, size) :
	    ir_prefix_text(net, buf, size);
}

static int
feed_part(const struct ir_prefix *part, const struct ir_feed_hit *hit,
    void *arg)
{
	struct feed_part *p = arg;
	struct ir_dnsbl_result v = { .verdict = IR_DNSBL_CLEAN };
	char id[80];

	emit_feed(p->run, p->feed, net_text(part, id, sizeof id),
	    ir_net_size(part), hit, &v);
	return p->run->err->code ? -1 : 0;
}

/* The listed parts of a network, and then how much of it that is. */
static void
look_net(struct run *r, const struct feed *f, const struct ir_prefix *net)
{
	struct feed_part p = { r, f };
	uint64_t listed = 0, all = ir_net_size(net);
	struct ir_rec *rec;
	char id[80];

	ir_feed_net(f->feed, net, feed_part, &p, &listed);
	r->clean += listed < all;
	if (r->opts->nagios || r->opts->delist)
		return;
	rec = ir_rec_new("listing-range", net_text(net, id, sizeof id));
	ir_rec_str(rec, "zone", f->zone->shown);
	ir_rec_int(rec, "addresses", all > INT64_MAX ? INT64_MAX :
	    (int64_t)all);
	ir_rec_int(rec, "listed", listed > INT64_MAX ? INT64_MAX :
	    (int64_t)listed);
	ir_rec_str(rec, "server", f->path);
	ir_rec_str(rec, "via", "feed");
	ir_out_put(r->out, rec);
}

static void
look_target(struct run *r, const struct feed *f,
    const struct ir_dnsbl_target *t)
{
	static const char *const lacks[] = { "no-ipv4", "no-ipv6",
		"no-domains", "no-mail" };
	struct ir_dnsbl_result v = { .verdict = IR_DNSBL_CLEAN };
	struct ir_feed_hit hit;
	bool found = false;
	char id[320];

	ir_dnsbl_target_text(t, id, sizeof id);
	if (!f->info.entries) {
		v.verdict = IR_DNSBL_UNKNOWN;
		v.why = "empty-zone";
	} else if (!(f->info.kinds & 1u << t->kind)) {
		v.verdict = IR_DNSBL_NOT_COVERED;
		v.why = lacks[t->kind];
	} else {
		found = t->name ? ir_feed_name(f->feed, t->name, &hit) :
		    ir_feed_ip(f->feed, &t->ip, &hit);
	}
	emit_feed(r, f, id, 1, found ? &hit : NULL, &v);
}

/* --- targets ------------------------------------------------------------ */

static size_t
hash(const struct ir_dnsbl_target *t)
{
	const unsigned char *p = t->name ? (unsigned char *)t->name : t->ip.b;
	size_t n = t->name ? strlen(t->name) : sizeof t->ip.b, i;
	uint64_t h = 0xcbf29ce484222325ULL;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return (size_t)(h >> 20) & (MAX_FORCED * 4 - 1);
}

/* Takes t over.  Each is asked about once. */
static int
add_target(struct run *r, struct ir_dnsbl_target *t)
{
	size_t at = hash(t), most = r->opts->force ? MAX_FORCED : MAX_TARGETS;
	const char *special = ir_dnsbl_special(t);
	char id[320];

	for (; r->seen[at]; at = (at + 1) & (MAX_FORCED * 4 - 1))
		if (ir_dnsbl_target_same(&r->target[r->seen[at] - 1], t)) {
			ir_dnsbl_target_free(t);
			return 0;
		}
	if (r->ntargets == most) {
		ir_dnsbl_target_free(t);
		return ir_fail(r->err, IR_DATAERR,
		    "more than %zu to ask about", most);
	}
	if (special && !r->opts->force)
		ir_warn(&r->opts->common, "%s: not asked about: %s %s",
		    ir_dnsbl_target_text(t, id, sizeof id), special,
		    t->name ? "name" : "address");
	r->target[r->ntargets++] = *t;
	r->seen[at] = (uint32_t)r->ntargets;
	return 0;
}

static int
add_net(struct run *r, const struct ir_prefix *net, const char *s)
{
	uint64_t n = ir_net_size(net), i;
	int rc = 0;

	if (n > (r->opts->force ? MAX_FORCED : MAX_NET)) {
		ir_fail(r->err, IR_DATAERR, "%.60s: more than %d addresses "
		    "are too many to ask lists about", s,
		    r->opts->force ? MAX_FORCED : MAX_NET);
		ir_hint(r->err, "read the lists' own files: --feed%s",
		    r->opts->force ? "" : "; up to a /16 goes with --force");
		return -1;
	}
	for (i = 0; i < n && rc == 0; i++) {
		struct ir_dnsbl_target t = { .name = NULL };

		t.ip = ir_ip_add(&net->ip, i);
		t.kind = t.ip.v6 ? IR_DNSBL_IP6 : IR_DNSBL_IP4;
		rc = add_target(r, &t);
	}
	return rc;
}

/* One record of the input: looked up in the feeds, kept for the lists. */
static int
take(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct run *r = arg;
	const char *s = ir_rec_get(rec, "ip");
	struct ir_dnsbl_target t;
	struct ir_prefix net;
	size_t i;

	if (!s)
		s = ir_rec_get(rec, "id");
	if (!s)
		return ir_fail(err, IR_DATAERR, "no \"ip\" and no \"id\"");
	r->checked++;
	if (ir_net_parse(s, &net) == 0) {
		for (i = 0; i < r->nfeeds; i++)
			look_net(r, &r->feed[i], &net);
		return r->nzones ? add_net(r, &net, s) : 0;
	}
	if (ir_dnsbl_target(s, &t, err))
		return -1;
	for (i = 0; i < r->nfeeds; i++)
		look_target(r, &r->feed[i], &t);
	if (r->nzones)
		return add_target(r, &t);
	ir_dnsbl_target_free(&t);
	return 0;
}

static int
read_targets(struct run *r, char **operands, size_t n)
{
	int rc;

	r->target = calloc(r->nzones ? MAX_FORCED : 1, sizeof *r->target);
	r->seen = calloc(r->nzones ? MAX_FORCED * 4 : 1, sizeof *r->seen);
	if (!r->target || !r->seen)
		return ir_fail(r->err, IR_OSERR, "no memory");
	rc = ir_in_each(operands, n, take, r, r->err);
	if (rc == 0 && r->checked == 0)
		rc = ir_fail(r->err, IR_USAGE, "no addresses");
	return rc || r->err->code ? -1 : 0;
}

/* --- the run ------------------------------------------------------------ */

/* Lists that are known to be dead are not asked; say so. */
static const struct ir_dnsbl_zone *
dead(const struct run *r, const struct ir_dnsbl_zone *z)
{
	const struct ir_dnsbl_zone *d = ir_dnsbl_dead(&r->tables.shipped,
	    z->name);

	return d ? d : ir_dnsbl_dead(&r->tables.table, z->name);
}

static void
say_dead(struct run *r, const struct ir_dnsbl_zone *z,
    const struct ir_dnsbl_zone *d)
{
	struct ir_dnsbl_result v = { .verdict = IR_DNSBL_UNKNOWN,
		.why = "dead-zone" };
	struct ir_dnsbl_said s = { .zone = z, .result = &v };
	size_t i;

	if (r->rounds == 0)
		ir_warn(&r->opts->common, "%s: a dead list, not asked: %s",
		    z->shown, d->status);
	snprintf(v.detail, sizeof v.detail, "%.127s", d->status);
	for (i = 0; i < r->ntargets; i++) {
		s.target = &r->target[i];
		said(&s, r);
	}
}

/* Default limit: for so many lookups, and as slow as lists want them. */
static int
limit_ms(const struct run *r)
{
	long each = (long)r->ntargets * 2 + 3, slow = 0, s;
	size_t i;

	if (r->opts->common.timeout)
		return (int)r->opts->common.timeout * 1000;
	for (i = 0; i < r->nzones; i++) {
		s = r->zone[i]->per_second ? each / r->zone[i]->per_second :
		    0;
		if (s > slow)
			slow = s;
	}
	s = (long)(r->nzones * (r->ntargets + 3)) / LOOKUPS_A_SECOND;
	s = s > slow ? s : slow;
	return DEFAULT_MS + (int)(s > 86400 ? 86400 : s) * 1000;
}

static int
ask_round(struct run *r)
{
	struct ir_dnsbl_ask a = { .resolver = r->opts->resolver,
		.deadline_ms = limit_ms(r), .force = r->opts->force,
		.named = r->opts->only.n > 0, .fresh = r->opts->fresh,
		.no_ns = r->opts->no_ns, .ns_port = r->opts->ns_port,
		.state = r->state, .said = said, .warn = warned, .arg = r };
	const struct ir_dnsbl_zone **alive, *d;
	size_t n = 0, i;
	int rc;

	alive = calloc(r->nzones + 1, sizeof *alive);
	if (!alive)
		return ir_fail(r->err, IR_OSERR, "no memory");
	for (i = 0; i < r->nzones; i++) {
		d = dead(r, r->zone[i]);
		if (d)
			say_dead(r, r->zone[i], d);
		else
			alive[n++] = r->zone[i];
	}
	rc = ir_dnsbl_ask(&a, alive, n, r->target, r->ntargets, r->err);
	free(alive);
	return rc;
}

/* Without a state folder tests and limits hold for this run only. */
static int
open_state(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;
	char dir[4000];

	if (ir_state_dir(dir, sizeof dir, &err) == 0 &&
	    ir_dnsbl_state_open(&r->state, dir, &err) == 0)
		return 0;
	ir_warn(&r->opts->common, "%s: what lists allow is counted for this "
	    "run only", err.msg);
	return ir_dnsbl_state_open(&r->state, NULL, r->err);
}

static int
ask_lists(struct run *r)
{
	if (r->nzones == 0)
		return 0;
	if (open_state(r))
		return -1;
	return r->opts->watch ? watch(r) : ask_round(r);
}

static void
say_todo(struct run *r)
{
	struct ir_buf b = IR_BUF(16384);
	const struct ir_common *c = &r->opts->common;
	bool text = c->format == IR_FMT_TABLE ||
	    (c->format == IR_FMT_AUTO && isatty(STDOUT_FILENO));
	size_t i;

	ir_dnsbl_todo_sort(&r->todo);
	for (i = 0; i < r->todo.n; i++) {
		if (!text) {
			ir_out_put(r->out, ir_dnsbl_todo_record(
			    &r->todo.v[i], i + 1));
			continue;
		}
		ir_buf_trunc(&b, 0);
		ir_dnsbl_todo_text(&r->todo.v[i], i + 1, &b);
		fputs(ir_buf_cstr(&b), stdout);
	}
	ir_buf_free(&b);
}

/* Nagios: one line, and 0 fine, 1 warning, 2 critical, 3 unknown. */
static int
nagios(struct run *r)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	size_t lists = r->nzones + r->nfeeds;
	int state = r->err->code ? 3 : r->listed_wide ? 2 : r->listed ? 1 :
	    r->unknown ? 3 : 0;

	printf("DNSBL %s - ", word[state]);
	if (r->err->code)
		printf("%s", r->err->msg);
	else if (r->listed)
		printf("%.900s", ir_buf_cstr(&r->names));
	else
		printf("%zu address%s, %zu list%s: not listed", r->checked,
		    r->checked == 1 ? "" : "es", lists, lists == 1 ? "" :
		    "s");
	if (r->unknown)
		printf(", %zu unknown", r->unknown);
	printf(" | listed=%zu clean=%zu unknown=%zu\n", r->listed, r->clean,
	    r->unknown);
	return state;
}

/* Bad usage, as a plugin: its caller knows no other code than 3. */
static void
plugin_end(int status, void *arg)
{
	(void)arg;
	if (status != IR_USAGE)
		return;
	puts("DNSBL UNKNOWN - bad usage");
	fflush(stdout);
	_exit(3);
}

/* Called by the name that monitoring knows? */
static bool
is_plugin(const char *name)
{
	const char *base = strrchr(name, '/');

	if (strcmp(base ? base + 1 : name, "check_dnsbl"))
		return false;
	on_exit(plugin_end, NULL);
	return true;
}

/* The exit code: the answer, unless there was an error. */
static int
end(struct run *r)
{
	int state = r->opts->nagios ? nagios(r) : 0;
	int code = ir_end(r->err, r->out, NULL);

	if (r->opts->nagios)
		return code == IR_IOERR ? code : state;
	if (code)
		return code;
	return r->listed ? IR_NO : r->unknown ? IR_TEMPFAIL : 0;
}

static void
free_run(struct run *r)
{
	size_t i;

	for (i = 0; i < r->nfeeds; i++) {
		ir_feed_free(r->feed[i].feed);
		ir_dnsbl_free(&r->feed[i].own);
	}
	for (i = 0; i < r->ntargets; i++)
		ir_dnsbl_target_free(&r->target[i]);
	ir_dnsbl_state_close(r->state);
	ir_dnsbl_todo_free(&r->todo);
	ir_dnsbl_tables_free(&r->tables);
	ir_buf_free(&r->names);
	free(r->last);
	free(r->zone);
	free(r->target);
	free(r->seen);
}

static void
check_usage(struct opts *o, int operands)
{
	if (o->tier < 1 || o->tier > 3)
		ir_die_usage("--tier: not 1, 2 or 3");
	if (o->common.timeout > 86400)
		ir_die_usage("--timeout: more than a day");
	if (operands == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no addresses, and standard input is a terminal");
	if (o->watch && (o->nagios || o->delist || o->feeds.n))
		ir_die_usage("--watch goes neither with --nagios nor with "
		    "--delist nor with --feed");
	if (o->delist && o->nagios)
		ir_die_usage("--delist does not go with --nagios");
	if (!o->watch && (o->every || o->deadline))
		ir_die_usage("--every and --deadline go with --watch");
	if (o->ns_port > 65535)
		ir_die_usage("--ns-port: not a port");
}

static const struct ir_cmd command = {
	"dnsbl-check", "which DNS lists have these addresses and domains?",
	"[options] [address | network | domain ...]"
};

static const struct ir_col cols[] = {
	{ "id", "ADDRESS" }, { "zone", "LIST" }, { "verdict", "VERDICT" },
	{ "why", "WHY" }, { "codes", "CODES" }, { "meanings", "MEANING" },
	{ "reason", "REASON" }, { "delist", "REMOVAL" }, { NULL, NULL }
};

int
main(int argc, char **argv)
{
	struct opts o = { .tier = 2 };
	const struct ir_opt opts[] = {
		{ 0, "zones", "FILE", IR_STR, &o.zones,
		    "table of lists; default: " IR_DNSBL_ETC },
		{ 0, "zone", "ZONE", IR_LIST, &o.only,
		    "only this list; may be given many times" },
		{ 0, "tier", "N", IR_INT, &o.tier,
		    "lists of tiers 1 to N; default: 2" },
		{ 0, "resolver", "HOST[:PORT]", IR_STR, &o.resolver,
		    "name server, several by commas; "
		    "default: the system's" },
		{ 0, "no-ns", NULL, IR_BOOL, &o.no_ns,
		    "never ask the name servers of a list itself" },
		{ 0, "retest", NULL, IR_BOOL, &o.fresh,
		    "test each list, also if that was done within the hour" },
		{ 0, "keys", "FILE", IR_STR, &o.keys,
		    "access keys of lists; default: " IR_DNSBL_ETC_KEYS },
		{ 0, "vault", "FILE", IR_STR, &o.vault,
		    "vault that has access keys of lists" },
		{ 0, "feed", "[[ZONE:]TYPE:]FILE", IR_LIST, &o.feeds,
		    "read a list from its file; may be given many times" },
		{ 0, "force", NULL, IR_BOOL, &o.force,
		    "ask about private addresses and large networks, too" },
		{ 0, "delist", NULL, IR_BOOL, &o.delist,
		    "say what to do about each listing, in order of effect" },
		{ 0, "watch", NULL, IR_BOOL, &o.watch,
		    "look again until nothing is listed; tell what changes" },
		{ 0, "every", "SECONDS", IR_SECONDS, &o.every,
		    "pause between two looks; default: 15m" },
		{ 0, "deadline", "SECONDS", IR_SECONDS, &o.deadline,
		    "end of --watch; default: none" },
		{ 0, "nagios", NULL, IR_BOOL, &o.nagios,
		    "one line, and exit 0, 1, 2 or 3 as a plugin" },
		{ 0, "ns-port", "PORT", IR_INT, &o.ns_port, NULL },
		IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .opts = &o, .err = &err, .names = IR_BUF(1 << 20) };
	int n;

	ir_begin(&command);
	o.nagios = is_plugin(argv[0]);
	n = ir_parse(argc, argv, opts, &o.common);
	check_usage(&o, n);
	if (!o.nagios)
		r.out = ir_open_output(&o.common, cols);
	if (read_tables(&r) == 0 && choose_zones(&r) == 0 &&
	    read_feeds(&r) == 0 && read_targets(&r, argv + 1, (size_t)n) == 0 &&
	    ask_lists(&r) == 0)
		say_todo(&r);
	n = end(&r);
	free_run(&r);
	return n;
}
