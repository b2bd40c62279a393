/* spf.c - see spf.h */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../core/err.h"
#include "../core/text.h"
#include "spf.h"
#include "spf_macro.h"

#define MAX_MX 10
#define MAX_PTR 10

struct check {
	struct ir_resolver *res;
	struct ir_spf_answer *a;
	struct ir_spf_values v;		/* v.domain: the one at hand */
	char local[IR_SPF_IDENTITY_MAX + 1];
	char sender_domain[IR_SPF_IDENTITY_MAX + 1];
	bool asked_ptr;			/* %{p} has been paid for */
	bool term_void;			/* of the term at hand */
	bool explaining;		/* no limits count here */
	int depth;
	char validated[256];
};

const char *
ir_spf_word(enum ir_spf_result r)
{
	static const char *const words[] = { "none", "neutral", "pass",
		"fail", "softfail", "temperror", "permerror" };

	return words[r];
}

/* --- questions ---------------------------------------------------------- */

static const struct ir_rrset *
ask(struct check *c, const char *name, enum ir_dns_type type)
{
	const struct ir_rrset *s = c->res->ask(c->res, name, type);

	if (s && (s->status == IR_DNS_NODATA ||
	    s->status == IR_DNS_NXDOMAIN)) {
		c->term_void = true;
		if (!c->explaining)
			c->a->void_queries++;
	}
	return s;
}

static enum ir_dns_type
address_type(const struct check *c)
{
	return c->v.ip.v6 ? IR_DNS_AAAA : IR_DNS_A;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, (size_t)whole) == 0 && (rest == 0 ||
	    ((a[whole] ^ b[whole]) & (0xff00 >> rest) & 0xff) == 0);
}

/* Is the client in the network of an address of this set? */
static bool
any_address(const struct check *c, const struct ir_rrset *s, int cidr4,
    int cidr6)
{
	uint8_t b[16];
	size_t i;

	for (i = 0; i < s->n; i++)
		if (inet_pton(c->v.ip.v6 ? AF_INET6 : AF_INET, s->rr[i].data,
		    b) == 1 && same_bits(b, c->v.ip.b, c->v.ip.v6 ? cidr6 :
		    cidr4))
			return true;
	return false;
}

static void
reverse_name(const struct ir_ip *ip, char out[256])
{
	(void)ir_dnsbl_name(ip, ip->v6 ? "ip6.arpa" : "in-addr.arpa", out);
}

/*
 * The next name in the PTR answer, from *at on, that has the client's
 * address; NULL when there is no more.
 */
static const char *
next_validated(struct check *c, const struct ir_rrset *names, size_t *at)
{
	const struct ir_rrset *s;
	const char *name;
	char ok[256];

	for (; *at < names->n && *at < MAX_PTR; ) {
		name = names->rr[(*at)++].data;
		if (!ir_spf_name(name, strlen(name), ok))
			continue;
		s = ask(c, ok, address_type(c));
		if (s && s->status == IR_DNS_OK && any_address(c, s, 32, 128))
			return name;
	}
	return NULL;
}

/* Is name the domain, or below it? */
static bool
is_below(const char *name, const char *domain, bool *same)
{
	size_t n = strlen(name), d = strlen(domain);

	if (n && name[n - 1] == '.')
		n--;
	if (d && domain[d - 1] == '.')
		d--;
	*same = n == d;
	return n >= d && strncasecmp(name + n - d, domain, d) == 0 &&
	    (n == d || name[n - d - 1] == '.');
}

/* %{p}: the domain itself, else one below it, else any, else "unknown". */
static const char *
validated_name(void *arg)
{
	struct check *c = arg;
	const struct ir_rrset *s;
	const char *name, *best = NULL, *below = NULL;
	bool was_void = c->term_void, same;
	size_t at = 0;

	if (!c->explaining && !c->asked_ptr) {
		c->asked_ptr = true;
		c->a->lookups++;
	}
	reverse_name(&c->v.ip, c->validated);
	s = ask(c, c->validated, IR_DNS_PTR);
	while (s && s->status == IR_DNS_OK &&
	    (name = next_validated(c, s, &at))) {
		if (is_below(name, c->v.domain, &same)) {
			below = same || !below ? name : below;
			if (same)
				break;
		}
		best = best ? best : name;
	}
	c->term_void = was_void;
	snprintf(c->validated, sizeof c->validated, "%s", below ? below :
	    best ? best : "unknown");
	return c->validated;
}

/* --- targets ------------------------------------------------------------ */

/*
 * The name that a term means: its domain-spec expanded, else the domain at
 * hand.  False: that is no name.
 */
static bool
target_of(struct check *c, const struct ir_spf_term *t, char out[256])
{
	struct ir_buf b = IR_BUF(IR_SPF_EXPANDED_MAX);
	bool ok;

	if (t->spec)
		ir_spf_expand(&c->v, t->spec, t->spec_len, &b);
	else
		ir_buf_str(&b, c->v.domain);
	ok = !b.bad && ir_spf_name(ir_buf_cstr(&b), b.len, out);
	ir_buf_free(&b);
	return ok;
}

/* 4.3: what check_host() can be asked about: several labels. */
static bool
domain_ok(const char *s, char out[256])
{
	size_t n = strlen(s);

	/* what is too long is not cut here: it is no domain */
	return n <= 254 && s[0] != '[' && ir_spf_name(s, n, out) &&
	    strchr(out, '.');
}

/* --- the trace ---------------------------------------------------------- */

static void
printable(char *out, size_t size, const char *s, size_t n)
{
	size_t i;

	if (n >= size)
		n = size - 1;
	for (i = 0; i < n; i++)
		out[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	out[n] = '\0';
}

static struct ir_spf_step *
trace(struct check *c, const struct ir_spf_term *t, const char *target)
{
	struct ir_spf_answer *a = c->a;
	struct ir_spf_step *s;

	if (!a->step || a->nsteps == IR_SPF_STEPS)
		return NULL;
	s = &a->step[a->nsteps++];
	s->depth = c->depth;
	printable(s->domain, sizeof s->domain, c->v.domain,
	    strlen(c->v.domain));
	printable(s->term, sizeof s->term, t->text, t->len);
	if (target)
		printable(s->target, sizeof s->target, target,
		    strlen(target));
	s->outcome = "";
	return s;
}

static void
trace_end(struct check *c, struct ir_spf_step *s, const char *outcome)
{
	if (!s)
		return;
	s->outcome = outcome;
	s->lookups = c->a->lookups;
	s->voids = c->a->voids;
}

__attribute__((format(printf, 4, 5)))
static enum ir_spf_result
wrong(struct check *c, enum ir_spf_result r, const struct ir_spf_term *t,
    const char *fmt, ...)
{
	char text[200], term[100] = "";
	va_list ap;

	if (c->a->why[0])	/* the first one is the cause */
		return r;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (t)
		printable(term, sizeof term, t->text, t->len);
	snprintf(c->a->why, sizeof c->a->why, "%.120s: %s%s%s",
	    c->v.domain, term, term[0] ? ": " : "", text);
	ir_text_printable(c->a->why);
	return r;
}

/* --- records ------------------------------------------------------------ */

const struct ir_rr *
ir_spf_select(const struct ir_rrset *set, enum ir_spf_result *result)
{
	const struct ir_rr *found = NULL;
	size_t i;

	*result = IR_SPF_TEMPERROR;
	if (ir_rrset_failed(set))
		return NULL;
	*result = IR_SPF_NONE;
	for (i = 0; set->status == IR_DNS_OK && i < set->n; i++) {
		if (!ir_spf_is_record(set->rr[i].data, set->rr[i].len))
			continue;
		if (found) {
			*result = IR_SPF_PERMERROR;
			return NULL;
		}
		found = &set->rr[i];
	}
	return found;
}

/* --- explanation -------------------------------------------------------- */

/* 6.2: anything wrong is as if there were no exp. */
static void
explain(struct check *c, const struct ir_spf_term *t)
{
	const struct ir_rrset *s;
	char name[256];

	c->explaining = true;
	if (target_of(c, t, name) &&
	    (s = ask(c, name, IR_DNS_TXT)) && s->status == IR_DNS_OK &&
	    s->n == 1 && ir_spf_macro_string_ok(s->rr[0].data, s->rr[0].len,
	    true)) {
		ir_spf_expand(&c->v, s->rr[0].data, s->rr[0].len, &c->a->exp);
		c->a->has_exp = !c->a->exp.bad;
	}
	c->explaining = false;
}

/* --- mechanisms --------------------------------------------------------- */

enum outcome { NO_MATCH, MATCH, TEMPORARY, PERMANENT };

static enum ir_spf_result check_host(struct check *c, const char *domain,
    bool included);

static enum outcome
failed(struct check *c, const struct ir_spf_term *t, const char *name)
{
	wrong(c, IR_SPF_TEMPERROR, t, "no answer from the DNS for %.100s",
	    name);
	return TEMPORARY;
}

static enum outcome
match_address(struct check *c, const struct ir_spf_term *t,
    const char *name)
{
	const struct ir_rrset *s = ask(c, name, address_type(c));

	if (ir_rrset_failed(s))
		return failed(c, t, name);
	return any_address(c, s, t->cidr4, t->cidr6) ? MATCH : NO_MATCH;
}

static enum outcome
match_mx(struct check *c, const struct ir_spf_term *t, const char *name)
{
	const struct ir_rrset *s = ask(c, name, IR_DNS_MX);
	enum outcome o = NO_MATCH;
	char host[256];
	size_t i;

	if (ir_rrset_failed(s))
		return failed(c, t, name);
	if (s->n > MAX_MX) {
		wrong(c, IR_SPF_PERMERROR, t, "%zu MX names, %d are allowed",
		    s->n, MAX_MX);
		return PERMANENT;
	}
	for (i = 0; i < s->n && o == NO_MATCH; i++)
		if (ir_spf_name(s->rr[i].data, s->rr[i].len, host))
			o = match_address(c, t, host);
	return o;
}

/* 5.5: errors are no match. */
static enum outcome
match_ptr(struct check *c, const char *domain)
{
	const struct ir_rrset *s;
	const char *name;
	char rev[256];
	size_t at = 0;
	bool same;

	c->a->used_ptr = true;
	reverse_name(&c->v.ip, rev);
	s = ask(c, rev, IR_DNS_PTR);
	if (!s || s->status != IR_DNS_OK)
		return NO_MATCH;
	while ((name = next_validated(c, s, &at)))
		if (is_below(name, domain, &same))
			return MATCH;
	return NO_MATCH;
}

static enum outcome
match_exists(struct check *c, const struct ir_spf_term *t, const char *name)
{
	const struct ir_rrset *s = ask(c, name, IR_DNS_A);

	if (ir_rrset_failed(s))
		return failed(c, t, name);
	return s->status == IR_DNS_OK ? MATCH : NO_MATCH;
}

/* 5.2 */
static enum outcome
match_include(struct check *c, const struct ir_spf_term *t,
    const char *name)
{
	enum ir_spf_result r = check_host(c, name, true);

	switch (r) {
	case IR_SPF_PASS:
		return MATCH;
	case IR_SPF_FAIL:
	case IR_SPF_SOFTFAIL:
	case IR_SPF_NEUTRAL:
		return NO_MATCH;
	case IR_SPF_TEMPERROR:
		return TEMPORARY;
	case IR_SPF_NONE:
		wrong(c, IR_SPF_PERMERROR, t, "no SPF record there");
		return PERMANENT;
	case IR_SPF_PERMERROR:
	default:
		return PERMANENT;
	}
}

/* The term's lookup is counted, and the limit looked at. */
static bool
over_limit(struct check *c, const struct ir_spf_term *t)
{
	if (c->a->lookups <= IR_SPF_LOOKUPS)
		return false;
	wrong(c, IR_SPF_PERMERROR, t, "more than %d lookups",
	    IR_SPF_LOOKUPS);
	return true;
}

static enum outcome
match_named(struct check *c, const struct ir_spf_term *t,
    struct ir_spf_step **step)
{
	enum outcome o = NO_MATCH;
	char name[256];
	bool ok;

	c->a->lookups++;
	ok = target_of(c, t, name);
	*step = trace(c, t, ok ? name : NULL);
	if (over_limit(c, t))
		return PERMANENT;
	c->term_void = false;
	if (t->kind == IR_SPF_INCLUDE)
		return match_include(c, t, ok ? name : "");
	if (!ok)
		return NO_MATCH;
	if (t->kind == IR_SPF_A)
		o = match_address(c, t, name);
	else if (t->kind == IR_SPF_MX)
		o = match_mx(c, t, name);
	else if (t->kind == IR_SPF_PTR)
		o = match_ptr(c, name);
	else
		o = match_exists(c, t, name);
	c->a->dead += c->term_void && t->kind != IR_SPF_PTR;
	if (c->term_void && ++c->a->voids > IR_SPF_VOIDS &&
	    o != TEMPORARY) {
		wrong(c, IR_SPF_PERMERROR, t, "more than %d terms found "
		    "nothing", IR_SPF_VOIDS);
		return PERMANENT;
	}
	return o;
}

static enum outcome
match_term(struct check *c, const struct ir_spf_term *t)
{
	static const char *const words[] = { "no-match", "match",
		"temperror", "permerror" };
	struct ir_spf_step *step = NULL;
	enum outcome o;

	switch (t->kind) {
	case IR_SPF_ALL:
		o = MATCH;
		break;
	case IR_SPF_IP4:
		o = !c->v.ip.v6 && same_bits(t->ip, c->v.ip.b, t->cidr4) ?
		    MATCH : NO_MATCH;
		break;
	case IR_SPF_IP6:
		o = c->v.ip.v6 && same_bits(t->ip, c->v.ip.b, t->cidr6) ?
		    MATCH : NO_MATCH;
		break;
	case IR_SPF_INCLUDE:
	case IR_SPF_A:
	case IR_SPF_MX:
	case IR_SPF_PTR:
	case IR_SPF_EXISTS:
		o = match_named(c, t, &step);
		trace_end(c, step, words[o]);
		return o;
	case IR_SPF_REDIRECT:
	case IR_SPF_EXP:
	case IR_SPF_OTHER:
	default:
		return NO_MATCH;
	}
	trace_end(c, trace(c, t, NULL), words[o]);
	return o;
}

/* --- check_host() ------------------------------------------------------- */

static enum ir_spf_result
matched(struct check *c, const struct ir_spf_record *r,
    const struct ir_spf_term *t, bool included)
{
	if (!included)
		printable(c->a->matched, sizeof c->a->matched, t->text,
		    t->len);
	if (t->qualifier == '-') {
		if (r->exp && !included)
			explain(c, r->exp);
		return IR_SPF_FAIL;
	}
	return t->qualifier == '~' ? IR_SPF_SOFTFAIL :
	    t->qualifier == '?' ? IR_SPF_NEUTRAL : IR_SPF_PASS;
}

/* 6.1 */
static enum ir_spf_result
redirected(struct check *c, const struct ir_spf_term *t, bool included)
{
	struct ir_spf_step *step;
	enum ir_spf_result r;
	char name[256];
	bool ok;

	c->a->lookups++;
	ok = target_of(c, t, name);
	step = trace(c, t, ok ? name : NULL);
	trace_end(c, step, "modifier");
	if (over_limit(c, t))
		return IR_SPF_PERMERROR;
	r = check_host(c, ok ? name : "", included);
	if (r == IR_SPF_NONE)
		r = wrong(c, IR_SPF_PERMERROR, t, "no SPF record there");
	trace_end(c, step, ir_spf_word(r));
	return r;
}

static enum ir_spf_result
evaluate(struct check *c, const struct ir_spf_record *r, bool included)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct ir_spf_term *t = &r->term[i];

		switch (match_term(c, t)) {
		case MATCH:
			return matched(c, r, t, included);
		case TEMPORARY:
			return IR_SPF_TEMPERROR;
		case PERMANENT:
			return IR_SPF_PERMERROR;
		case NO_MATCH:
		default:
			break;
		}
	}
	return r->redirect ? redirected(c, r->redirect, included) :
	    IR_SPF_NEUTRAL;
}

static enum ir_spf_result
check_host(struct check *c, const char *domain, bool included)
{
	const char *outer = c->v.domain;
	struct ir_spf_record r = { NULL, 0, NULL, NULL };
	struct ir_spf_term bad;
	enum ir_spf_result result;
	const struct ir_rr *txt;
	char here[256];

	if (!domain_ok(domain, here))
		return IR_SPF_NONE;
	c->v.domain = here;
	c->depth++;
	txt = ir_spf_select(ask(c, here, IR_DNS_TXT), &result);
	if (txt && c->depth == 1)
		printable(c->a->record, sizeof c->a->record, txt->data,
		    txt->len);
	if (!txt && result == IR_SPF_TEMPERROR)
		wrong(c, result, NULL, "no answer from the DNS");
	else if (!txt && result == IR_SPF_PERMERROR)
		wrong(c, result, NULL, "several SPF records");
	else if (txt && ir_spf_parse(txt->data, txt->len, &r, &bad))
		result = wrong(c, IR_SPF_PERMERROR, &bad, "syntax error");
	else if (txt)
		result = evaluate(c, &r, included);
	ir_spf_record_free(&r);
	c->depth--;
	c->v.domain = outer;
	return result;
}

void
ir_spf_check(struct ir_resolver *res, const struct ir_spf_query *q,
    struct ir_spf_answer *a)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff };
	const char *from = q->mailfrom && q->mailfrom[0] ? q->mailfrom :
	    q->helo, *at = strrchr(from, '@');
	struct check c = { .res = res, .a = a };

	memset(a, 0, sizeof *a);
	a->exp = (struct ir_buf)IR_BUF(IR_SPF_EXPANDED_MAX);
	a->step = calloc(IR_SPF_STEPS, sizeof *a->step);
	if (!at || at == from || from == q->helo)
		snprintf(c.local, sizeof c.local, "postmaster");
	else
		snprintf(c.local, sizeof c.local, "%.*s", (int)(at - from),
		    from);
	snprintf(c.sender_domain, sizeof c.sender_domain, "%s",
	    at && from != q->helo ? at + 1 : from);
	c.v = (struct ir_spf_values){ .local = c.local,
		.sender_domain = c.sender_domain, .domain = c.sender_domain,
		.ip = q->ip, .helo = q->helo, .receiver = q->receiver,
		.now = q->now, .validated = validated_name, .arg = &c };
	if (q->ip.v6 && memcmp(q->ip.b, mapped, 12) == 0) {
		c.v.ip = (struct ir_ip){ .v6 = false };
		memcpy(c.v.ip.b, q->ip.b + 12, 4);
	}
	a->result = strlen(from) > IR_SPF_IDENTITY_MAX ||
	    strlen(q->helo) > IR_SPF_IDENTITY_MAX ? IR_SPF_NONE :
	    check_host(&c, c.sender_domain, false);
}

void
ir_spf_answer_free(struct ir_spf_answer *a)
{
	ir_buf_free(&a->exp);
	free(a->step);
	a->step = NULL;
}
