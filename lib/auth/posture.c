/* posture.c - findings about addresses and about where mail goes */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/text.h"
#include "posture.h"
#include "posture_in.h"

#define MAX_PTR 10
#define MAX_MX 20

const char *
ir_verdict_word(enum ir_verdict v)
{
	static const char *const words[] = { "pass", "warn", "fail",
		"unknown", "none" };

	return words[v];
}

/* --- findings ----------------------------------------------------------- */

void
ir_finding_begin(struct ir_finding *f, const char *subject,
    const char *check, const char *source)
{
	memset(f, 0, sizeof *f);
	f->subject = subject;
	f->check = check;
	f->source = source;
	f->verdict = IR_V_PASS;
	f->seen = (struct ir_buf)IR_BUF(IR_FINDING_TEXT);
	f->publish = (struct ir_buf)IR_BUF(IR_FINDING_TEXT);
	f->why = (struct ir_buf)IR_BUF(2048);
}

void
ir_finding_end(const struct ir_posture *p, struct ir_finding *f)
{
	p->put(f, p->arg);
	ir_buf_free(&f->seen);
	ir_buf_free(&f->publish);
	ir_buf_free(&f->why);
}

void
ir_finding_txt(struct ir_finding *f, const char *name, const char *value)
{
	size_t i;

	ir_buf_fmt(&f->publish, "%s%s. IN TXT \"", f->publish.len ? "\n" :
	    "", name);
	for (i = 0; value[i]; i++) {
		if (i && i % 255 == 0)
			ir_buf_str(&f->publish, "\" \"");
		if (value[i] == '"' || value[i] == '\\')
			ir_buf_chr(&f->publish, '\\');
		ir_buf_chr(&f->publish, value[i]);
	}
	ir_buf_chr(&f->publish, '"');
}

void
ir_finding_line(struct ir_finding *f, const char *fmt, ...)
{
	char line[900];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	ir_buf_fmt(&f->publish, "%s%s", f->publish.len ? "\n" : "", line);
}

/* It is worse than it was; and what is wrong, after what was before. */
void
ir_finding_say(struct ir_finding *f, enum ir_verdict v, const char *fmt, ...)
{
	static const int rank[] = { [IR_V_NONE] = 0, [IR_V_PASS] = 1,
		[IR_V_WARN] = 2, [IR_V_UNKNOWN] = 3, [IR_V_FAIL] = 4 };
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (v == IR_V_NONE ? f->verdict == IR_V_PASS :
	    rank[v] > rank[f->verdict])
		f->verdict = v;
	ir_buf_fmt(&f->why, "%s%s", f->why.len ? "; " : "", text);
}

bool
ir_finding_asked(struct ir_finding *f, const struct ir_rrset *s,
    const char *name)
{
	if (!ir_rrset_failed(s))
		return true;
	f->reason = ir_dns_status_word(s ? s->status : IR_DNS_TIMEOUT);
	ir_finding_say(f, IR_V_UNKNOWN, "no answer about %s: %s", name,
	    f->reason);
	return false;
}

void
ir_finding_seen(struct ir_finding *f, const struct ir_rrset *s)
{
	size_t i;

	for (i = 0; s && s->status == IR_DNS_OK && i < s->n; i++) {
		if (f->seen.len)
			ir_buf_chr(&f->seen, '\n');
		ir_text_clean(&f->seen, s->rr[i].data, s->rr[i].len);
	}
}

/* --- reverse DNS -------------------------------------------------------- */

static const struct ir_rrset *
addresses(const struct ir_posture *p, const char *name,
    const struct ir_ip *ip)
{
	return p->res->ask(p->res, name, ip->v6 ? IR_DNS_AAAA : IR_DNS_A);
}

static bool
has_address(const struct ir_rrset *s, const struct ir_ip *ip)
{
	struct ir_ip one;
	size_t i;

	for (i = 0; s && s->status == IR_DNS_OK && i < s->n; i++)
		if (ir_ip_parse(s->rr[i].data, false, &one) == 0 &&
		    one.v6 == ip->v6 &&
		    memcmp(one.b, ip->b, ip->v6 ? 16 : 4) == 0)
			return true;
	return false;
}

/*
 * A name as providers give to every address: the last two octets stand in
 * it as numbers.
 */
static bool
looks_generic(const char *name, const struct ir_ip *ip)
{
	bool third = false, last = false;
	const char *s = name;

	while (!ip->v6 && *s) {
		unsigned v = 0;
		int digits = 0;

		for (; isdigit((unsigned char)*s) && digits < 6; digits++)
			v = v * 10 + (unsigned)(*s++ - '0');
		if (digits && digits < 4) {
			if (v == ip->b[3] && !(last && v == ip->b[2]))
				last = true;
			else if (v == ip->b[2])
				third = true;
		}
		if (!digits)
			s++;
	}
	return third && last;
}

static void
judge_ptr(const struct ir_posture *p, struct ir_finding *f,
    const struct ir_rrset *ptr, const struct ir_ip *ip, char name[256])
{
	const struct ir_rrset *s;
	size_t i, failed = 0;

	for (i = 0; i < ptr->n && i < MAX_PTR && !name[0]; i++) {
		if (!ptr->rr[i].len)
			continue;
		s = addresses(p, ptr->rr[i].data, ip);
		failed += ir_rrset_failed(s);
		if (has_address(s, ip))
			snprintf(name, 256, "%s", ptr->rr[i].data);
	}
	if (!name[0] && failed) {
		f->reason = "no-answer";
		ir_finding_say(f, IR_V_UNKNOWN, "the address of %s could not "
		    "be asked for", ptr->rr[0].data);
	} else if (!name[0]) {
		ir_finding_say(f, IR_V_FAIL, "%s does not have this address: "
		    "give it an address record, or change the PTR",
		    ptr->rr[0].data);
	} else if (looks_generic(name, ip)) {
		ir_finding_say(f, IR_V_WARN, "%s looks like a name that the "
		    "provider gives to every address", name);
	}
	if (ptr->n > MAX_PTR)
		ir_finding_say(f, IR_V_WARN, "%zu names: one is usual",
		    ptr->n);
}

void
ir_posture_rdns(const struct ir_posture *p, const struct ir_ip *ip,
    char name[256])
{
	const struct ir_rrset *ptr;
	struct ir_finding f;
	char text[64], rev[256];

	name[0] = '\0';
	ir_ip_text(ip, text, sizeof text);
	ir_finding_begin(&f, text, "rdns", "RFC 1912, 2.1");
	(void)ir_dnsbl_name(ip, ip->v6 ? "ip6.arpa" : "in-addr.arpa", rev);
	snprintf(f.name, sizeof f.name, "%s", rev);
	ptr = p->res->ask(p->res, rev, IR_DNS_PTR);
	ir_finding_seen(&f, ptr);
	if (ir_finding_asked(&f, ptr, rev)) {
		if (ptr->status == IR_DNS_OK)
			judge_ptr(p, &f, ptr, ip, name);
		else
			ir_finding_say(&f, IR_V_FAIL, "the address has no "
			    "name: ask whose network it is for one");
	}
	if (f.verdict == IR_V_FAIL && ptr->status == IR_DNS_OK)
		ir_finding_line(&f, "%s. IN %s %s", ptr->rr[0].data,
		    ip->v6 ? "AAAA" : "A", text);
	else if (f.verdict == IR_V_FAIL || (f.verdict == IR_V_WARN))
		ir_finding_line(&f, "%s. IN PTR mail.example.com.", rev);
	if (f.verdict == IR_V_PASS)
		ir_finding_say(&f, IR_V_PASS, "%s has this address", name);
	ir_finding_end(p, &f);
}

static void
helo_spf(const struct ir_posture *p, const struct ir_ip *ip,
    const char *helo, struct ir_finding *f)
{
	struct ir_spf_query q = { .ip = *ip, .helo = helo, .now = p->now };
	struct ir_spf_answer a;

	ir_spf_check(p->res, &q, &a);
	if (a.result == IR_SPF_FAIL || a.result == IR_SPF_PERMERROR)
		ir_finding_say(f, IR_V_FAIL, "SPF of %s says %s of this "
		    "address", helo, ir_spf_word(a.result));
	else if (a.result == IR_SPF_NONE)
		ir_finding_txt(f, helo, "v=spf1 a -all");
	ir_spf_answer_free(&a);
}

void
ir_posture_helo(const struct ir_posture *p, const struct ir_ip *ip,
    const char *helo)
{
	const struct ir_rrset *s;
	struct ir_finding f;
	char text[64];

	ir_ip_text(ip, text, sizeof text);
	ir_finding_begin(&f, text, "helo", "RFC 5321, 4.1.4");
	snprintf(f.name, sizeof f.name, "%s", helo);
	s = addresses(p, helo, ip);
	ir_finding_seen(&f, s);
	if (!strchr(helo, '.')) {
		ir_finding_say(&f, IR_V_FAIL, "%s is no full host name",
		    helo);
	} else if (ir_finding_asked(&f, s, helo)) {
		if (s->status != IR_DNS_OK)
			ir_finding_say(&f, IR_V_FAIL, "%s has no address",
			    helo);
		else if (!has_address(s, ip))
			ir_finding_say(&f, IR_V_WARN, "%s has other "
			    "addresses", helo);
		else
			ir_finding_say(&f, IR_V_PASS, "%s has this address",
			    helo);
		if (f.verdict != IR_V_PASS)
			ir_finding_line(&f, "%s. IN %s %s", helo, ip->v6 ?
			    "AAAA" : "A", text);
		helo_spf(p, ip, helo, &f);
	}
	ir_finding_end(p, &f);
}

/* --- where mail to the domain goes -------------------------------------- */

/* 1 it has an address, 0 not, -1 no answer. */
int
ir_posture_has_address(const struct ir_posture *p, const char *name)
{
	static const enum ir_dns_type types[] = { IR_DNS_A, IR_DNS_AAAA };
	const struct ir_rrset *s;
	int rc = 0;
	size_t i;

	for (i = 0; i < 2; i++) {
		s = p->res->ask(p->res, name, types[i]);
		if (s && s->status == IR_DNS_OK)
			return 1;
		if (ir_rrset_failed(s))
			rc = -1;
	}
	return rc;
}

static void
judge_mx(const struct ir_posture *p, struct ir_finding *f,
    const struct ir_rrset *s)
{
	size_t i, good = 0;
	int has;

	for (i = 0; i < s->n; i++)
		ir_buf_fmt(&f->seen, "%s%d %s", i ? "\n" : "",
		    s->rr[i].pref, s->rr[i].len ? s->rr[i].data : ".");
	if (s->n == 1 && s->rr[0].len == 0) {
		ir_finding_say(f, IR_V_WARN, "a null MX: answers, bounces "
		    "and complaints cannot reach this domain");
		return;
	}
	for (i = 0; i < s->n && i < MAX_MX; i++) {
		has = s->rr[i].len ? ir_posture_has_address(p,
		    s->rr[i].data) : 0;
		good += has == 1;
		if (has == 0)
			ir_finding_say(f, IR_V_WARN, "%s has no address",
			    s->rr[i].len ? s->rr[i].data : ".");
		else if (has < 0)
			f->reason = "no-answer";
	}
	if (!good && f->reason)
		ir_finding_say(f, IR_V_UNKNOWN, "the addresses of the hosts "
		    "could not be asked for");
	else if (!good)
		ir_finding_say(f, IR_V_FAIL, "no host takes mail for it");
	else
		f->reason = NULL;
	if (f->verdict == IR_V_PASS)
		ir_finding_say(f, IR_V_PASS, "%zu host%s mail", good,
		    good == 1 ? " takes" : "s take");
}

void
ir_posture_mx(const struct ir_posture *p, const char *domain)
{
	const struct ir_rrset *s = p->res->ask(p->res, domain, IR_DNS_MX);
	struct ir_finding f;
	int has;

	ir_finding_begin(&f, domain, "mx", "RFC 5321, 5.1; RFC 7505");
	snprintf(f.name, sizeof f.name, "%s", domain);
	if (ir_finding_asked(&f, s, domain)) {
		has = s->status == IR_DNS_OK ? 1 :
		    ir_posture_has_address(p, domain);
		if (s->status == IR_DNS_OK) {
			judge_mx(p, &f, s);
		} else if (has == 1) {
			ir_finding_say(&f, IR_V_WARN, "no MX: mail goes to "
			    "the address of the domain itself");
			ir_finding_line(&f, "%s. IN MX 10 %s.", domain,
			    domain);
		} else if (has == 0) {
			ir_finding_say(&f, IR_V_FAIL, "neither MX nor "
			    "address: nothing can be answered to it");
			ir_finding_line(&f, "%s. IN MX 10 mail.%s.", domain,
			    domain);
		} else {
			f.reason = "no-answer";
			ir_finding_say(&f, IR_V_UNKNOWN, "its address could "
			    "not be asked for");
		}
	}
	ir_finding_end(p, &f);
}

/* --- TLS of mail to it -------------------------------------------------- */

/* The one record that `is` takes among the TXT there; NULL: f says. */
static const struct ir_rr *
one_record(const struct ir_posture *p, struct ir_finding *f,
    bool (*is)(const char *s, size_t n))
{
	const struct ir_rrset *s = p->res->ask(p->res, f->name, IR_DNS_TXT);
	const struct ir_rr *found = NULL;
	size_t i, n = 0;

	ir_finding_seen(f, s);
	if (!ir_finding_asked(f, s, f->name))
		return NULL;
	for (i = 0; s->status == IR_DNS_OK && i < s->n; i++)
		if (is(s->rr[i].data, s->rr[i].len)) {
			found = &s->rr[i];
			n++;
		}
	if (n > 1)
		ir_finding_say(f, IR_V_FAIL, "%zu records: none of them "
		    "counts; leave one", n);
	else if (n == 0 && s->status == IR_DNS_OK)
		ir_finding_say(f, IR_V_FAIL, "what is there is no such "
		    "record");
	return n == 1 ? found : NULL;
}

bool
ir_posture_sts(const struct ir_posture *p, const char *domain)
{
	const struct ir_rr *rr;
	const char *bad = NULL;
	struct ir_finding f;
	char id[33], value[80], date[IR_TIME_LEN];

	ir_finding_begin(&f, domain, "mta-sts", "RFC 8461");
	snprintf(f.name, sizeof f.name, "_mta-sts.%s", domain);
	rr = one_record(p, &f, ir_sts_is_record);
	if (rr && (bad = ir_sts_record(rr->data, rr->len, id)))
		ir_finding_say(&f, IR_V_FAIL, "%s", bad);
	else if (rr)
		ir_finding_say(&f, IR_V_PASS, "policy %s is announced", id);
	else if (f.why.len == 0)
		ir_finding_say(&f, IR_V_NONE, "not used: mail to the domain "
		    "may travel without TLS");
	if (f.verdict == IR_V_FAIL || f.verdict == IR_V_NONE) {
		ir_time_rfc3339(p->now, date);
		snprintf(value, sizeof value,
		    "v=STSv1; id=%.4s%.2s%.2s%.2s%.2s", date, date + 5,
		    date + 8, date + 11, date + 14);
		ir_finding_txt(&f, f.name, value);
	}
	ir_finding_end(p, &f);
	return rr && !bad;
}

void
ir_posture_sts_policy(const struct ir_posture *p, const char *domain,
    const char *url, const char *text, size_t n)
{
	const struct ir_rrset *s = p->res->ask(p->res, domain, IR_DNS_MX);
	struct ir_sts_policy policy;
	struct ir_finding f;
	const char *bad = ir_sts_policy(text, n, &policy);
	size_t i;

	ir_finding_begin(&f, domain, "mta-sts-policy", "RFC 8461, 3.2");
	snprintf(f.name, sizeof f.name, "%s", url);
	ir_text_clean(&f.seen, text, n > 2000 ? 2000 : n);
	if (bad)
		ir_finding_say(&f, IR_V_FAIL, "%s", bad);
	else if (policy.mode != IR_STS_ENFORCE)
		ir_finding_say(&f, IR_V_WARN, "mode is %s: it protects "
		    "nothing yet", ir_sts_mode_word(policy.mode));
	if (!bad && policy.max_age < 86400)
		ir_finding_say(&f, IR_V_WARN, "max_age is less than a day");
	if (!bad && policy.more_mx)
		ir_finding_say(&f, IR_V_WARN, "more than %d mx lines: the "
		    "rest was not read", IR_STS_MX_MAX);
	if (!bad && policy.mode != IR_STS_NONE &&
	    ir_finding_asked(&f, s, domain))
		for (i = 0; s->status == IR_DNS_OK && i < s->n; i++)
			if (s->rr[i].len && !policy.more_mx &&
			    !ir_sts_mx_ok(&policy, s->rr[i].data)) {
				ir_finding_say(&f, policy.mode ==
				    IR_STS_ENFORCE ? IR_V_FAIL : IR_V_WARN,
				    "the policy does not have the MX %s",
				    s->rr[i].data);
				ir_finding_line(&f, "mx: %s", s->rr[i].data);
			}
	if (f.verdict == IR_V_PASS)
		ir_finding_say(&f, IR_V_PASS, "enforced, for all MX hosts");
	ir_finding_end(p, &f);
}

void
ir_posture_tlsrpt(const struct ir_posture *p, const char *domain)
{
	const struct ir_rr *rr;
	const char *bad = NULL;
	struct ir_finding f;
	char value[400];

	ir_finding_begin(&f, domain, "tls-rpt", "RFC 8460");
	snprintf(f.name, sizeof f.name, "_smtp._tls.%s", domain);
	rr = one_record(p, &f, ir_tlsrpt_is_record);
	if (rr && (bad = ir_tlsrpt_record(rr->data, rr->len)))
		ir_finding_say(&f, IR_V_FAIL, "%s", bad);
	else if (rr)
		ir_finding_say(&f, IR_V_PASS, "reports are asked for");
	else if (f.why.len == 0)
		ir_finding_say(&f, IR_V_NONE, "not used: nobody tells when "
		    "TLS to the domain fails");
	if (f.verdict == IR_V_FAIL || f.verdict == IR_V_NONE) {
		snprintf(value, sizeof value,
		    "v=TLSRPTv1; rua=mailto:tls-reports@%s", domain);
		ir_finding_txt(&f, f.name, value);
	}
	ir_finding_end(p, &f);
}

static void
judge_tlsa(struct ir_finding *f, const struct ir_rrset *s)
{
	char text[160];
	const char *bad;
	size_t i, good = 0;

	for (i = 0; i < s->n; i++) {
		bad = ir_tlsa((const unsigned char *)s->rr[i].data,
		    s->rr[i].len, text);
		ir_buf_fmt(&f->seen, "%s%s", f->seen.len ? "\n" : "", text);
		good += !bad;
		if (bad)
			ir_finding_say(f, IR_V_WARN, "%s: %s", text, bad);
	}
	if (good && !s->secure)
		ir_finding_say(f, IR_V_NONE, "the resolver does not say that "
		    "DNSSEC was checked: without it DANE does nothing");
	else if (good)
		ir_finding_say(f, IR_V_PASS, "%zu record(s) that mail can "
		    "use", good);
}

/* For information: few publish it, and few ask. */
void
ir_posture_dane(const struct ir_posture *p, const char *domain)
{
	const struct ir_rrset *mx = p->res->ask(p->res, domain, IR_DNS_MX);
	const struct ir_rrset *s;
	struct ir_finding f;
	size_t i;

	for (i = 0; mx && mx->status == IR_DNS_OK && i < mx->n &&
	    i < MAX_MX; i++) {
		if (!mx->rr[i].len)
			continue;
		ir_finding_begin(&f, domain, "dane", "RFC 7672");
		snprintf(f.name, sizeof f.name, "_25._tcp.%s",
		    mx->rr[i].data);
		s = p->res->ask(p->res, f.name, IR_DNS_TLSA);
		if (ir_finding_asked(&f, s, f.name)) {
			if (s->status == IR_DNS_OK)
				judge_tlsa(&f, s);
			else
				ir_finding_say(&f, IR_V_NONE, "not used");
		}
		ir_finding_end(p, &f);
	}
}
