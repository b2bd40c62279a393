/* dnsbl.c - what answers mean; see dnsbl.h */
#include <stdio.h>
#include <string.h>

#include "dnsbl.h"

static uint32_t
ip4_number(const struct ir_ip *ip)
{
	return (uint32_t)ip->b[0] << 24 | (uint32_t)ip->b[1] << 16 |
	    (uint32_t)ip->b[2] << 8 | ip->b[3];
}

/* --- what an answer means ----------------------------------------------- */

const char *
ir_dnsbl_verdict_word(enum ir_dnsbl_verdict v)
{
	switch (v) {
	case IR_DNSBL_CLEAN:
		return "clean";
	case IR_DNSBL_LISTED:
		return "listed";
	case IR_DNSBL_WHITELISTED:
		return "whitelisted";
	case IR_DNSBL_REFUSED:
		return "policy-refused";
	case IR_DNSBL_NOT_COVERED:
		return "not-covered";
	case IR_DNSBL_UNKNOWN:
	default:
		return "unknown";
	}
}

const char *
ir_dnsbl_severity_word(enum ir_dnsbl_severity s)
{
	switch (s) {
	case IR_DNSBL_HIGH:
		return "high";
	case IR_DNSBL_MEDIUM:
		return "medium";
	case IR_DNSBL_LOW:
		return "low";
	case IR_DNSBL_POLICY:
	default:
		return "policy";
	}
}

static bool
matches(const struct ir_dnsbl_code *c, uint32_t a)
{
	if (c->bit)
		return a >> 8 == 0x7f0000 && (a & c->bit);
	if (c->any)
		return a >> 24 == 127;
	return a >= c->low && a <= c->high;
}

/* Named by the table itself, "*" apart. */
static bool
named(const struct ir_dnsbl_code *c, size_t n, uint32_t a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!c[i].any && matches(&c[i], a))
			return true;
	return false;
}

static void
set(struct ir_dnsbl_result *r, enum ir_dnsbl_verdict v, const char *why,
    const char *address, const char *meaning)
{
	r->verdict = v;
	r->why = why;
	r->nhits = 0;
	snprintf(r->detail, sizeof r->detail, "%.40s%s%.80s", address,
	    *address && *meaning ? ": " : "", meaning);
}

/* Is this address the list's way to say no?  Then *r says so. */
static bool
is_error(const struct ir_dnsbl_zone *z, uint32_t a, const char *text,
    struct ir_dnsbl_result *r)
{
	size_t i;

	for (i = 0; i < z->nerrors; i++)
		if (matches(&z->error[i], a)) {
			set(r, IR_DNSBL_REFUSED, "error-code", text,
			    z->error[i].meaning);
			return true;
		}
	if (named(z->code, z->ncodes, a))
		return false;
	if (a >> 8 == 0x7fffff) {	/* 127.255.255.0/24 */
		set(r, IR_DNSBL_REFUSED, "error-code", text,
		    "the list refuses to answer");
		return true;
	}
	if (a == 0x7f000001 || a >> 24 != 127) {
		set(r, IR_DNSBL_UNKNOWN, "error-code", text, "");
		return true;
	}
	return false;
}

static void
add_hit(struct ir_dnsbl_result *r, const struct ir_dnsbl_code *c)
{
	size_t i;

	for (i = 0; i < r->nhits; i++)
		if (r->hit[i] == c)
			return;
	if (r->nhits < IR_DNSBL_MAX_CODES)
		r->hit[r->nhits++] = c;
}

/* The codes of one address; "*" only when nothing else fits. */
static bool
add_hits(const struct ir_dnsbl_zone *z, uint32_t a,
    struct ir_dnsbl_result *r)
{
	bool exact = named(z->code, z->ncodes, a), found = false;
	size_t i;

	for (i = 0; i < z->ncodes; i++)
		if (z->code[i].any != exact && matches(&z->code[i], a)) {
			add_hit(r, &z->code[i]);
			found = true;
		}
	return found;
}

/* The worst of the codes decides. */
static void
worst(const struct ir_dnsbl_zone *z, struct ir_dnsbl_result *r)
{
	size_t i;

	r->verdict = IR_DNSBL_CLEAN;
	for (i = 0; i < r->nhits; i++) {
		const struct ir_dnsbl_code *c = r->hit[i];

		if (c->sign == '~')
			continue;
		if (c->sign == '!' && z->class == IR_DNSBL_BLACK) {
			if (r->verdict != IR_DNSBL_LISTED ||
			    c->severity < r->severity)
				r->severity = c->severity;
			r->verdict = IR_DNSBL_LISTED;
		} else if (r->verdict != IR_DNSBL_LISTED) {
			r->verdict = IR_DNSBL_WHITELISTED;
		}
	}
}

/* An answer without addresses: what became of the question. */
static void
no_answer(const struct ir_dns_query *q, struct ir_dnsbl_result *r)
{
	if (q->status == IR_DNS_NXDOMAIN || q->status == IR_DNS_NODATA)
		set(r, IR_DNSBL_CLEAN, NULL, "", "");
	else
		set(r, IR_DNSBL_UNKNOWN, ir_dns_status_word(q->status), "",
		    "");
}

static void
judge(const struct ir_dnsbl_zone *z, const struct ir_dns_query *q, bool part,
    struct ir_dnsbl_result *r)
{
	struct ir_ip ip;
	size_t i;

	memset(r, 0, sizeof *r);
	if (q->status != IR_DNS_OK) {
		no_answer(q, r);
		return;
	}
	for (i = 0; i < q->n; i++) {
		if (ir_ip_parse(q->answer[i].text, true, &ip) || ip.v6) {
			set(r, IR_DNSBL_UNKNOWN, "bad-reply", "", "");
			return;
		}
		if (is_error(z, ip4_number(&ip), q->answer[i].text, r))
			return;
		if (!add_hits(z, ip4_number(&ip), r) && !part) {
			set(r, IR_DNSBL_UNKNOWN, "error-code",
			    q->answer[i].text, "not in the table");
			return;
		}
	}
	worst(z, r);
}

void
ir_dnsbl_judge(const struct ir_dnsbl_zone *z, const struct ir_dns_query *q,
    struct ir_dnsbl_result *r)
{
	judge(z, q, false, r);
}

void
ir_dnsbl_judge_part(const struct ir_dnsbl_zone *z,
    const struct ir_dns_query *q, struct ir_dnsbl_result *r)
{
	judge(z, q, true, r);
}

bool
ir_dnsbl_shut_out(const struct ir_dnsbl_result *r)
{
	if (r->verdict == IR_DNSBL_REFUSED)
		return true;
	return r->verdict == IR_DNSBL_UNKNOWN && r->why &&
	    (strcmp(r->why, "refused") == 0 ||
	    strcmp(r->why, "servfail") == 0);
}

/* A name that must not be there: true when it is not. */
static bool
absent(const struct ir_dnsbl_zone *z, const struct ir_dns_query *q,
    struct ir_dnsbl_result *r)
{
	ir_dnsbl_judge(z, q, r);
	if (q->status == IR_DNS_NXDOMAIN || q->status == IR_DNS_NODATA)
		return true;
	if (q->status != IR_DNS_OK || r->verdict == IR_DNSBL_REFUSED)
		return false;
	if (strncmp(q->answer[0].text, "127.", 4))
		set(r, IR_DNSBL_UNKNOWN, "dead-zone", q->answer[0].text,
		    "answers anything: parked, or the resolver makes it up");
	else if (r->verdict != IR_DNSBL_UNKNOWN)
		set(r, IR_DNSBL_UNKNOWN, "lists-the-world",
		    q->answer[0].text, "");
	return false;
}

bool
ir_dnsbl_believe(const struct ir_dnsbl_zone *z,
    const struct ir_dns_query *listed, const struct ir_dns_query *unlisted,
    const struct ir_dns_query *random, struct ir_dnsbl_result *r)
{
	memset(r, 0, sizeof *r);
	if (!absent(z, random, r))
		return false;
	if (unlisted && !absent(z, unlisted, r))
		return false;
	if (!listed)
		return true;
	ir_dnsbl_judge(z, listed, r);
	if (r->verdict == IR_DNSBL_UNKNOWN || r->verdict == IR_DNSBL_REFUSED)
		return false;
	if (listed->status != IR_DNS_OK) {
		set(r, IR_DNSBL_UNKNOWN, "empty-zone", "",
		    "its test point is not listed");
		return false;
	}
	return true;
}
