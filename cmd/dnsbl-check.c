/*
 * dnsbl-check - which DNS lists have these addresses?
 *
 * Reads addresses (operands, or records and bare keys on standard input) and
 * a table of lists; asks the DNS; writes one "listing" record for each
 * address and list as soon as it is known.  A list is believed only after its
 * own test points and a random name have been answered as they must be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/text.h"
#include "net/dnsbl.h"

#ifndef QUELL_DATADIR
#define QUELL_DATADIR "/usr/local/share/quell"
#endif

#define ZONES_ETC "/etc/quell/dnsbl.zones"
#define ZONES_SHIPPED QUELL_DATADIR "/dnsbl-zones.tsv"
#define MAX_IPS 4096
#define LANES 4			/* addresses at once to one list */
#define IN_FLIGHT 128
#define DEFAULT_MS 5000
#define MAX_REASON 1024		/* bytes of one TXT */
#define LOOKUPS_A_SECOND 500	/* what the default limit allows for */

struct opts {
	struct ir_common common;
	const char *zones, *resolver;
	struct ir_list only;
	long tier;
	bool force, nagios;
};

enum kind { LISTED, UNLISTED, RANDOM, NPROBES, ADDRESS = NPROBES, TEXT };

struct question {
	struct ir_dns_query q;
	enum kind kind;
	struct family *family;
	size_t ip;
	struct question *next;		/* held until the list is judged */
	struct ir_dns_query *answer;	/* of a TEXT: the A answer */
};

/* One list, seen through one address family. */
struct family {
	struct run *run;
	const struct ir_dnsbl_zone *zone;
	bool v6;
	struct question *probe[NPROBES];
	size_t probing;			/* probes that are still out */
	bool judged, believed;
	struct ir_dnsbl_result verdict;	/* of all addresses: not believed */
	struct question *held;
	size_t next;			/* address to ask about next */
};

struct run {
	struct opts *opts;
	struct ir_dnsbl_table table, shipped;
	const struct ir_dnsbl_zone **zone;
	size_t nzones;
	struct ir_ip *ip;
	size_t nips;
	struct family *family;
	size_t nfamilies;
	struct ir_dns *dns;
	struct ir_out *out;
	struct ir_err *err;
	size_t listed, listed_wide, clean, unknown;	/* verdicts */
	struct ir_buf names;		/* for --nagios: what is listed where */
};

/* --- results ------------------------------------------------------------ */

static void
count(struct run *r, const struct ir_dnsbl_zone *z, const struct ir_ip *ip,
    enum ir_dnsbl_verdict v)
{
	char text[64];

	if (v == IR_DNSBL_LISTED) {
		r->listed++;
		r->listed_wide += z->tier == 1;
		ir_buf_fmt(&r->names, "%s%s in %s", r->names.len ? ", " : "",
		    ir_ip_text(ip, text, sizeof text), z->shown);
	} else if (v == IR_DNSBL_CLEAN) {
		r->clean++;
	} else if ((v == IR_DNSBL_UNKNOWN || v == IR_DNSBL_REFUSED) &&
	    z->class != IR_DNSBL_WHITE) {
		r->unknown++;
	}
}

static void
add_answer(struct ir_rec *rec, const struct ir_dnsbl_result *v,
    const struct ir_dns_query *a)
{
	struct ir_rec *codes = ir_rec_array(), *meanings = ir_rec_array();
	size_t i;

	for (i = 0; v->nhits && i < a->n; i++)
		ir_rec_push_str(codes, a->answer[i].text);
	for (i = 0; i < v->nhits; i++)
		ir_rec_push_str(meanings, v->hit[i]->meaning);
	ir_rec_set(rec, "codes", codes);
	ir_rec_set(rec, "meanings", meanings);
}

/* a and txt may be NULL: not asked. */
static void
emit(struct run *r, const struct ir_dnsbl_zone *z, const struct ir_ip *ip,
    const struct ir_dnsbl_result *v, const struct ir_dns_query *a,
    const struct ir_dns_query *txt)
{
	char text[64];
	struct ir_buf reason = IR_BUF(16 * 3 * MAX_REASON);
	struct ir_rec *rec;
	size_t i;

	count(r, z, ip, v->verdict);
	if (r->opts->nagios)
		return;
	rec = ir_rec_new("listing", ir_ip_text(ip, text, sizeof text));
	ir_rec_str(rec, "zone", z->shown);
	ir_rec_str(rec, "verdict", ir_dnsbl_verdict_word(v->verdict));
	if (v->why)
		ir_rec_str(rec, "why", v->why);
	if (v->detail[0])
		ir_rec_str(rec, "detail", v->detail);
	ir_rec_str(rec, "class", z->class == IR_DNSBL_WHITE ? "white" :
	    z->class == IR_DNSBL_DEAD ? "dead" : "black");
	ir_rec_int(rec, "tier", z->tier);
	add_answer(rec, v, a);
	for (i = 0; txt && txt->status == IR_DNS_OK && i < txt->n; i++) {
		ir_buf_str(&reason, i ? " | " : "");
		ir_text_clean(&reason, txt->answer[i].text,
		    txt->answer[i].len > MAX_REASON ? MAX_REASON :
		    txt->answer[i].len);
	}
	ir_rec_str(rec, "reason", reason.len ? reason.data : NULL);
	ir_rec_str(rec, "delist", z->delist[0] ? z->delist : NULL);
	if (a) {
		ir_rec_int(rec, "ttl", a->ttl);
		ir_rec_int(rec, "rtt_ms", a->rtt_ms);
		ir_rec_str(rec, "server", a->server);
	}
	ir_buf_free(&reason);
	ir_out_put(r->out, rec);
}

/* A verdict that needed no question. */
static void
emit_plain(struct run *r, const struct ir_dnsbl_zone *z,
    const struct ir_ip *ip, enum ir_dnsbl_verdict verdict, const char *why,
    const char *detail)
{
	struct ir_dnsbl_result v = { .verdict = verdict, .why = why };

	snprintf(v.detail, sizeof v.detail, "%.127s", detail);
	emit(r, z, ip, &v, NULL, NULL);
}

/* --- asking ------------------------------------------------------------- */

static void
free_question(struct question *q)
{
	if (q)
		ir_dns_query_free(&q->q);
	free(q);
}

static void
ask(struct family *f, struct question *q, const struct ir_ip *ip)
{
	unsigned char rnd[8];
	unsigned long long n;

	q->q.type = q->kind == TEXT ? IR_DNS_TXT : IR_DNS_A;
	q->q.arg = q;
	q->family = f;
	if (q->kind == RANDOM) {
		if (getrandom(rnd, sizeof rnd, 0) != sizeof rnd)
			memset(rnd, 0x5a, sizeof rnd);
		memcpy(&n, rnd, sizeof n);
		snprintf(q->q.name, sizeof q->q.name, "q%016llx.%.200s", n,
		    f->zone->name);
	} else {
		ir_dnsbl_name(ip, f->zone->name, q->q.name);
	}
	if (ir_dns_ask(f->run->dns, &q->q, f->run->err))
		f->run->err->code = IR_OSERR;
}

static void
ask_probe(struct family *f, enum kind kind, const struct ir_ip *ip)
{
	struct question *q = calloc(1, sizeof *q);

	if (!q)
		abort();
	q->kind = kind;
	f->probe[kind] = q;
	f->probing++;
	ask(f, q, ip);
}

/* An address that this family takes and that may be asked about. */
static bool
wanted(const struct family *f, const struct ir_ip *ip)
{
	return ip->v6 == f->v6 && (f->run->opts->force ||
	    !ir_ip_special(ip));
}

/* Ask about the next address, in q if there is one; else free it. */
static void
ask_next(struct family *f, struct question *q)
{
	struct run *r = f->run;

	while (f->next < r->nips && !wanted(f, &r->ip[f->next]))
		f->next++;
	if (f->next == r->nips) {
		free_question(q);
		return;
	}
	if (!q)
		q = calloc(1, sizeof *q);
	if (!q)
		abort();
	ir_dns_query_free(&q->q);
	memset(q, 0, sizeof *q);
	q->kind = ADDRESS;
	q->ip = f->next++;
	ask(f, q, &r->ip[q->ip]);
}

/* The A answer for an address is here, and the list has been judged. */
static void
settle(struct family *f, struct question *q)
{
	struct ir_dnsbl_result v = f->verdict;
	struct ir_ip *ip = &f->run->ip[q->ip];
	struct question *txt;

	if (f->believed)
		ir_dnsbl_judge(f->zone, &q->q, &v);
	if (f->believed && q->q.status != IR_DNS_TIMEOUT &&
	    strcmp(q->q.server, f->probe[RANDOM]->q.server)) {
		memset(&v, 0, sizeof v);
		v.verdict = IR_DNSBL_UNKNOWN;
		v.why = "other-resolver";
	}
	if (v.nhits && (txt = calloc(1, sizeof *txt))) {
		txt->kind = TEXT;
		txt->ip = q->ip;
		txt->answer = &q->q;
		ask(f, txt, ip);
		return;
	}
	emit(f->run, f->zone, ip, &v, &q->q, NULL);
	if (f->believed)
		ask_next(f, q);
	else
		free_question(q);
}

/* All probes are back: is the list to be believed? */
static void
judge_list(struct family *f)
{
	struct question *q;
	int i;

	f->believed = ir_dnsbl_believe(f->zone,
	    f->probe[LISTED] ? &f->probe[LISTED]->q : NULL,
	    f->probe[UNLISTED] ? &f->probe[UNLISTED]->q : NULL,
	    &f->probe[RANDOM]->q, &f->verdict);
	f->judged = true;
	while ((q = f->held)) {
		f->held = q->next;
		settle(f, q);
	}
	for (i = 0; f->believed && i < LANES; i++)
		ask_next(f, NULL);
	if (f->believed)
		return;
	for (; f->next < f->run->nips; f->next++)
		if (wanted(f, &f->run->ip[f->next]))
			emit(f->run, f->zone, &f->run->ip[f->next],
			    &f->verdict, NULL, NULL);
}

static void
answered(struct ir_dns_query *dq, void *arg)
{
	struct question *q = dq->arg, *a;
	struct family *f = q->family;
	struct ir_dnsbl_result v;

	(void)arg;
	if (q->kind < NPROBES) {
		if (--f->probing == 0)
			judge_list(f);
	} else if (q->kind == TEXT) {
		a = q->answer->arg;
		ir_dnsbl_judge(f->zone, q->answer, &v);
		emit(f->run, f->zone, &f->run->ip[q->ip], &v, q->answer, dq);
		free_question(q);
		ask_next(f, a);
	} else if (f->judged) {
		settle(f, q);
	} else {
		q->next = f->held;
		f->held = q;
	}
}

/* --- tables and input --------------------------------------------------- */

/* 1 when read, 0 when there is none, -1. */
static int
read_table(struct ir_dnsbl_table *t, const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_DNSBL_MAX_TEXT);
	int rc;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	rc = ir_buf_read_file(&b, path, err);
	if (rc == 0)
		rc = ir_dnsbl_parse(t, ir_buf_cstr(&b), b.len, path, err);
	ir_buf_free(&b);
	return rc ? -1 : 1;
}

/* The table that came with this program, or lies beside its source. */
static int
read_shipped(struct ir_dnsbl_table *t, struct ir_err *err)
{
	static const char *const near[] = { "../../", "../../../" };
	char exe[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	size_t i;
	int rc = read_table(t, ZONES_SHIPPED, err);

	exe[n < 0 ? 0 : n] = '\0';
	for (i = 0; i < 2 && rc == 0 && strrchr(exe, '/'); i++) {
		snprintf(path, sizeof path, "%.*s%slib/net/dnsbl-zones.tsv",
		    (int)(strrchr(exe, '/') + 1 - exe), exe, near[i]);
		rc = read_table(t, path, err);
	}
	return rc;
}

static int
read_tables(struct run *r)
{
	const char *own = r->opts->zones;
	int shipped = read_shipped(&r->shipped, r->err), rc;

	if (shipped < 0)
		return -1;
	rc = read_table(&r->table, own ? own : ZONES_ETC, r->err);
	if (rc < 0)
		return -1;
	if (rc == 0 && own)
		return ir_fail(r->err, IR_NOINPUT, "%s: no such file", own);
	if (rc == 0) {
		r->table = r->shipped;
		memset(&r->shipped, 0, sizeof r->shipped);
		if (!shipped)
			return ir_fail(r->err, IR_NOINPUT,
			    "no table of lists: neither " ZONES_ETC " nor "
			    ZONES_SHIPPED);
	}
	if (!shipped)
		ir_note(&r->opts->common, "%s: not there: dead lists in your "
		    "table are not noticed", ZONES_SHIPPED);
	return 0;
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

/* The lists to ask: --zone, else what the tier lets in. */
static int
choose_zones(struct run *r)
{
	const struct opts *o = r->opts;
	const struct ir_dnsbl_zone *z;
	size_t i;

	for (i = 0; i < o->only.n; i++) {
		const char *name = o->only.v[i];

		if (!ir_dnsbl_find(&r->table, name) &&
		    (ir_dnsbl_parse(&r->table, name, strlen(name), "--zone",
		    r->err) || !ir_dnsbl_find(&r->table, name)))
			return ir_fail(r->err, IR_USAGE,
			    "--zone: not the name of a zone: %s", name);
	}
	r->zone = calloc(r->table.n + o->only.n + 1, sizeof *r->zone);
	if (!r->zone)
		return ir_fail(r->err, IR_OSERR, "no memory");
	for (i = 0; i < o->only.n; i++)
		add_zone(r, ir_dnsbl_find(&r->table, o->only.v[i]));
	for (i = 0; i < r->table.n && !o->only.n; i++) {
		z = &r->table.zone[i];
		if (z->class != IR_DNSBL_DEAD && z->tier <= o->tier)
			add_zone(r, z);
	}
	if (r->nzones == 0)
		return ir_fail(r->err, IR_USAGE,
		    "no list in the table is of tier %ld or better", o->tier);
	return 0;
}

static int
add_ip(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct run *r = arg;
	const char *s = ir_rec_get(rec, "ip"), *special;
	struct ir_ip ip;
	size_t i;

	if (!s)
		s = ir_rec_get(rec, "id");
	if (!s || ir_ip_parse(s, false, &ip))
		return ir_fail(err, IR_DATAERR,
		    "not an IP address: %.80s", s ? s :
		    "no \"ip\" and no \"id\"");
	for (i = 0; i < r->nips; i++)
		if (memcmp(&r->ip[i], &ip, sizeof ip) == 0)
			return 0;
	if (r->nips == MAX_IPS)
		return ir_fail(err, IR_DATAERR, "more than %d addresses",
		    MAX_IPS);
	special = ir_ip_special(&ip);
	if (special && !r->opts->force)
		ir_warn(&r->opts->common, "%s: not asked about: %s address",
		    s, special);
	r->ip[r->nips++] = ip;
	return 0;
}

static int
read_ips(struct run *r, char **operands, size_t n)
{
	int rc;

	r->ip = calloc(MAX_IPS, sizeof *r->ip);
	if (!r->ip)
		return ir_fail(r->err, IR_OSERR, "no memory");
	rc = ir_in_each(operands, n, add_ip, r, r->err);
	if (rc == 0 && r->nips == 0)
		rc = ir_fail(r->err, IR_USAGE, "no addresses");
	return rc;
}

/* --- the run ------------------------------------------------------------ */

/* Addresses that a list cannot or must not be asked about. */
static void
report_unasked(struct run *r, const struct ir_dnsbl_zone *z,
    const struct ir_dnsbl_zone *dead)
{
	const char *special;
	size_t i;

	if (dead)
		ir_warn(&r->opts->common, "%s: a dead list, not asked: %s",
		    z->shown, dead->status);
	for (i = 0; i < r->nips; i++) {
		const struct ir_ip *ip = &r->ip[i];

		special = r->opts->force ? NULL : ir_ip_special(ip);
		if (dead)
			emit_plain(r, z, ip, IR_DNSBL_UNKNOWN, "dead-zone",
			    dead->status);
		else if (special)
			emit_plain(r, z, ip, IR_DNSBL_NOT_COVERED, special,
			    "");
		else if (ip->v6 ? !z->v6 : !z->v4)
			emit_plain(r, z, ip, IR_DNSBL_NOT_COVERED, ip->v6 ?
			    "no-ipv6" : "no-ipv4", "");
	}
}

/* Begin with one list in one address family, if an address needs it. */
static void
start_family(struct run *r, const struct ir_dnsbl_zone *z, bool v6)
{
	struct family *f = &r->family[r->nfamilies];
	size_t i;

	f->run = r;
	f->zone = z;
	f->v6 = v6;
	for (i = 0; i < r->nips && !wanted(f, &r->ip[i]); i++)
		continue;
	if (i == r->nips)
		return;
	r->nfamilies++;
	ask_probe(f, RANDOM, NULL);
	if (z->have_unlisted[v6])
		ask_probe(f, UNLISTED, &z->unlisted[v6]);
	if (z->have_listed[v6])
		ask_probe(f, LISTED, &z->listed[v6]);
	ask_next(f, NULL);	/* in the hope that the probes turn out well */
}

static int
ask_all(struct run *r)
{
	const struct opts *o = r->opts;
	size_t lookups = r->nzones * (r->nips + NPROBES), i;
	struct ir_dns_opts d = { .resolver = o->resolver,
		.in_flight = IN_FLIGHT };
	const struct ir_dnsbl_zone *dead;

	d.deadline_ms = o->common.timeout ? (int)o->common.timeout * 1000 :
	    DEFAULT_MS + (int)(lookups / LOOKUPS_A_SECOND) * 1000;
	r->family = calloc(r->nzones * 2, sizeof *r->family);
	if (!r->family)
		return ir_fail(r->err, IR_OSERR, "no memory");
	if (ir_dns_open(&r->dns, &d, answered, r, r->err))
		return -1;
	for (i = 0; i < r->nzones; i++) {
		dead = ir_dnsbl_dead(&r->shipped, r->zone[i]->name);
		if (!dead)
			dead = ir_dnsbl_dead(&r->table, r->zone[i]->name);
		report_unasked(r, r->zone[i], dead);
		if (!dead && r->zone[i]->v4)
			start_family(r, r->zone[i], false);
		if (!dead && r->zone[i]->v6)
			start_family(r, r->zone[i], true);
	}
	return ir_dns_wait(r->dns, r->err);
}

/* Nagios: one line, and 0 fine, 1 warning, 2 critical, 3 unknown. */
static int
nagios(struct run *r)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	int state = r->err->code ? 3 : r->listed_wide ? 2 : r->listed ? 1 :
	    r->unknown ? 3 : 0;

	printf("DNSBL %s - ", word[state]);
	if (r->err->code)
		printf("%s", r->err->msg);
	else if (r->listed)
		printf("%.900s", ir_buf_cstr(&r->names));
	else
		printf("%zu address%s, %zu list%s: not listed", r->nips,
		    r->nips == 1 ? "" : "es", r->nzones,
		    r->nzones == 1 ? "" : "s");
	if (r->unknown)
		printf(", %zu unknown", r->unknown);
	printf(" | listed=%zu clean=%zu unknown=%zu\n", r->listed, r->clean,
	    r->unknown);
	return state;
}

static void
free_run(struct run *r)
{
	size_t i;
	int k;

	ir_dns_close(r->dns);
	for (i = 0; i < r->nfamilies; i++)
		for (k = 0; k < NPROBES; k++)
			free_question(r->family[i].probe[k]);
	free(r->family);
	free(r->zone);
	free(r->ip);
	ir_buf_free(&r->names);
	ir_dnsbl_free(&r->table);
	ir_dnsbl_free(&r->shipped);
}

static const struct ir_cmd command = {
	"dnsbl-check", "which DNS lists have these addresses?",
	"[options] [ip ...]"
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
		    "table of lists; default: " ZONES_ETC },
		{ 0, "zone", "ZONE", IR_LIST, &o.only,
		    "only this list; may be given many times" },
		{ 0, "tier", "N", IR_INT, &o.tier,
		    "lists of tiers 1 to N; default: 2" },
		{ 0, "resolver", "HOST[:PORT]", IR_STR, &o.resolver,
		    "name server, several by commas; "
		    "default: the system's" },
		{ 0, "force", NULL, IR_BOOL, &o.force,
		    "ask about private addresses, too" },
		{ 0, "nagios", NULL, IR_BOOL, &o.nagios,
		    "one line, and exit 0, 1, 2 or 3 as a plugin" },
		IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .opts = &o, .err = &err, .names = IR_BUF(1 << 20) };
	const char *base = strrchr(argv[0], '/');
	int n, code, state = 0;

	ir_begin(&command);
	n = ir_parse(argc, argv, opts, &o.common);
	if (strcmp(base ? base + 1 : argv[0], "check_dnsbl") == 0)
		o.nagios = true;
	if (o.tier < 1 || o.tier > 3)
		ir_die_usage("--tier: not 1, 2 or 3");
	if (o.common.timeout > 86400)
		ir_die_usage("--timeout: more than a day");
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no addresses, and standard input is a terminal");
	if (!o.nagios)
		r.out = ir_open_output(&o.common, cols);
	if (read_ips(&r, argv + 1, (size_t)n) || read_tables(&r) ||
	    choose_zones(&r) || ask_all(&r))
		goto out;
out:
	if (o.nagios)
		state = nagios(&r);
	code = ir_end(&err, r.out, NULL);
	if (o.nagios && code != IR_IOERR)
		code = state;
	else if (!code)
		code = r.listed ? IR_NO : r.unknown ? IR_TEMPFAIL : 0;
	free_run(&r);
	return code;
}
