/* posture_auth.c - findings about SPF, DKIM, DMARC and SES's MAIL FROM */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/text.h"
#include "dkim_key.h"
#include "posture.h"
#include "posture_in.h"

#define SES_SPF "amazonses.com"

/* --- SPF ---------------------------------------------------------------- */

/* Append the terms of a record that are not "all". */
static void
add_terms(struct ir_buf *out, const char *s, size_t n, bool *redirects)
{
	struct ir_spf_record r;
	struct ir_spf_term bad;
	size_t i;

	if (ir_spf_parse(s, n, &r, &bad))
		return;
	for (i = 0; i < r.n; i++)
		if (r.term[i].kind != IR_SPF_ALL)
			ir_buf_fmt(out, " %.*s", (int)r.term[i].len,
			    r.term[i].text);
	*redirects = *redirects || r.redirect;
	ir_spf_record_free(&r);
}

/* Several records, or one without a word about the rest: one that is whole. */
static void
publish_merged(struct ir_finding *f, const char *domain,
    const struct ir_rrset *s, const char *more)
{
	struct ir_buf b = IR_BUF(4096);
	bool redirects = false;
	size_t i;

	ir_buf_str(&b, "v=spf1");
	if (more)
		ir_buf_fmt(&b, " %s", more);
	for (i = 0; s && s->status == IR_DNS_OK && i < s->n; i++)
		if (ir_spf_is_record(s->rr[i].data, s->rr[i].len))
			add_terms(&b, s->rr[i].data, s->rr[i].len,
			    &redirects);
	if (b.len == 6)		/* no terms at all: what most have */
		ir_buf_str(&b, " mx");
	if (!redirects)
		ir_buf_str(&b, " ~all");
	if (!b.bad)
		ir_finding_txt(f, domain, ir_buf_cstr(&b));
	ir_buf_free(&b);
}

static void
seen_spf(struct ir_finding *f, const struct ir_rrset *s)
{
	size_t i;

	for (i = 0; s && s->status == IR_DNS_OK && i < s->n; i++)
		if (ir_spf_is_record(s->rr[i].data, s->rr[i].len)) {
			if (f->seen.len)
				ir_buf_chr(&f->seen, '\n');
			ir_text_clean(&f->seen, s->rr[i].data,
			    s->rr[i].len);
		}
}

static const char *
spf_reason(const struct ir_rrset *s)
{
	return ir_rrset_failed(s) ? ir_dns_status_word(s ? s->status :
	    IR_DNS_TIMEOUT) : "temperror";
}

static void
judge_costs(struct ir_finding *f, const struct ir_spf_answer *a)
{
	if (a->result == IR_SPF_PERMERROR || a->result == IR_SPF_TEMPERROR)
		return;
	if (a->lookups == IR_SPF_LOOKUPS)
		ir_finding_say(f, IR_V_WARN, "%d of %d lookups are used: one "
		    "more include anywhere breaks it", a->lookups,
		    IR_SPF_LOOKUPS);
	if (a->void_queries > IR_SPF_VOIDS)
		ir_finding_say(f, IR_V_WARN, "%d questions find nothing: "
		    "receivers that count those give up", a->void_queries);
	else if (a->dead)
		ir_finding_say(f, IR_V_WARN, "%d of its names lead to "
		    "nothing: remove them", a->dead);
	if (a->used_ptr)
		ir_finding_say(f, IR_V_WARN, "it uses ptr, which RFC 7208 "
		    "says not to");
}

static void
judge_policy(struct ir_finding *f, const struct ir_spf_answer *a,
    const char *domain, const struct ir_rrset *s)
{
	switch (a->result) {
	case IR_SPF_PASS:
		ir_finding_say(f, IR_V_FAIL, "it lets any address in the "
		    "world send, by %s", a->matched);
		publish_merged(f, domain, s, NULL);
		break;
	case IR_SPF_NEUTRAL:
		ir_finding_say(f, IR_V_WARN, "it says nothing about other "
		    "addresses");
		publish_merged(f, domain, s, NULL);
		break;
	case IR_SPF_NONE:
		ir_finding_say(f, IR_V_FAIL, "no SPF record");
		ir_finding_txt(f, domain, "v=spf1 mx ~all");
		break;
	case IR_SPF_TEMPERROR:
		f->reason = spf_reason(s);
		ir_finding_say(f, IR_V_UNKNOWN, "%s", a->why);
		break;
	case IR_SPF_PERMERROR:
		ir_finding_say(f, IR_V_FAIL, "permerror: %s", a->why);
		if (!a->record[0] && s && s->status == IR_DNS_OK)
			publish_merged(f, domain, s, NULL);
		break;
	case IR_SPF_FAIL:
	case IR_SPF_SOFTFAIL:
	default:
		ir_finding_say(f, IR_V_PASS, "others get %s",
		    ir_spf_word(a->result));
	}
}

void
ir_posture_spf(const struct ir_posture *p, const char *domain)
{
	/* an address of nobody (RFC 5737) sees all of the record */
	struct ir_spf_query q = { .helo = domain, .mailfrom = domain,
		.now = p->now };
	const struct ir_rrset *s = p->res->ask(p->res, domain, IR_DNS_TXT);
	struct ir_spf_answer a;
	struct ir_finding f;

	(void)ir_ip_parse("192.0.2.255", false, &q.ip);
	ir_finding_begin(&f, domain, "spf", "RFC 7208");
	snprintf(f.name, sizeof f.name, "%s", domain);
	seen_spf(&f, s);
	ir_spf_check(p->res, &q, &a);
	f.spf = &a;
	judge_policy(&f, &a, domain, s);
	judge_costs(&f, &a);
	ir_finding_end(p, &f);
	ir_spf_answer_free(&a);
}

void
ir_posture_spf_ip(const struct ir_posture *p, const char *domain,
    const char *sender, const struct ir_ip *ip, const char *helo)
{
	struct ir_spf_query q = { .ip = *ip, .helo = helo ? helo : domain,
		.mailfrom = sender ? sender : domain, .now = p->now };
	const struct ir_rrset *s = p->res->ask(p->res, domain, IR_DNS_TXT);
	struct ir_spf_answer a;
	struct ir_finding f;
	char text[64], term[80];

	ir_finding_begin(&f, domain, "spf-address", "RFC 7208");
	snprintf(f.name, sizeof f.name, "%s", domain);
	seen_spf(&f, s);
	ir_spf_check(p->res, &q, &a);
	f.spf = &a;
	ir_ip_text(ip, text, sizeof text);
	snprintf(term, sizeof term, "%s:%s", ip->v6 ? "ip6" : "ip4", text);
	if (a.result == IR_SPF_PASS) {
		ir_finding_say(&f, IR_V_PASS, "mail from %s passes, by %s",
		    text, a.matched);
	} else if (a.result == IR_SPF_TEMPERROR) {
		f.reason = spf_reason(s);
		ir_finding_say(&f, IR_V_UNKNOWN, "%s", a.why);
	} else {
		ir_finding_say(&f, a.result == IR_SPF_NEUTRAL ? IR_V_WARN :
		    IR_V_FAIL, "mail from %s gets %s%s%s%s%s", text,
		    ir_spf_word(a.result), a.matched[0] ? ", by " : "",
		    a.matched, a.why[0] ? ": " : "", a.why);
		if (a.result != IR_SPF_PERMERROR || !a.record[0])
			publish_merged(&f, domain, s, term);
	}
	judge_costs(&f, &a);
	ir_finding_end(p, &f);
	ir_spf_answer_free(&a);
}

/* --- DKIM --------------------------------------------------------------- */

/* The same key without its t=y. */
static void
publish_untested(struct ir_finding *f, const struct ir_rr *rr)
{
	struct ir_buf b = IR_BUF(IR_FINDING_TEXT);
	const char *item;
	struct ir_tags t;
	size_t i, at, n;

	ir_tags_parse(rr->data, rr->len, &t);
	for (i = 0; i < t.n; i++) {
		const struct ir_tag *tag = &t.tag[i];
		bool flags = tag->name_len == 1 && tag->name[0] == 't', any;

		if (!flags) {
			ir_buf_fmt(&b, "%s%.*s=%.*s", b.len ? "; " : "",
			    (int)tag->name_len, tag->name,
			    (int)tag->value_len, tag->value);
			continue;
		}
		for (at = 0, any = false; ir_tag_item(tag, ':', &at, &item,
		    &n); )
			if (n && !(n == 1 && (item[0] | 0x20) == 'y')) {
				ir_buf_fmt(&b, "%s%.*s", any ? ":" : "; t=",
				    (int)n, item);
				any = true;
			}
	}
	if (!b.bad)
		ir_finding_txt(f, f->name, ir_buf_cstr(&b));
	ir_buf_free(&b);
}

static void
judge_key(struct ir_finding *f, const struct ir_rr *rr)
{
	struct ir_dkim_key k;

	ir_dkim_key_parse(rr->data, rr->len, &k);
	if (k.problem)
		ir_finding_say(f, IR_V_FAIL, "%s", k.problem);
	else if (k.revoked)
		ir_finding_say(f, IR_V_FAIL, "the key is revoked: p= is "
		    "empty");
	else if (k.type == IR_DKIM_RSA && k.bits < 1024)
		ir_finding_say(f, IR_V_FAIL, "RSA of %d bits: receivers must "
		    "not accept less than 1024", k.bits);
	else if (k.type == IR_DKIM_RSA && k.bits < 2048)
		ir_finding_say(f, IR_V_WARN, "RSA of %d bits: use 2048",
		    k.bits);
	else
		ir_finding_say(f, IR_V_PASS, "%s of %d bits", k.type ==
		    IR_DKIM_RSA ? "RSA" : "Ed25519", k.bits);
	if (k.type == IR_DKIM_ED25519 && !k.problem && !k.revoked)
		ir_finding_say(f, IR_V_WARN, "many receivers cannot check "
		    "Ed25519: sign with an RSA key, too");
	if (k.testing) {
		ir_finding_say(f, IR_V_WARN, "t=y: in testing, receivers may "
		    "treat the mail as unsigned");
		publish_untested(f, rr);
	}
	if (k.pkcs1)
		ir_finding_say(f, IR_V_WARN, "the key is a bare RSAPublicKey: "
		    "some receivers want SubjectPublicKeyInfo");
}

static void
publish_key(struct ir_finding *f, const char *selector, bool ses)
{
	if (ses)
		ir_finding_line(f, "%s. IN CNAME %s.dkim.amazonses.com.",
		    f->name, selector);
	else if (!f->publish.len)
		ir_finding_txt(f, f->name, "v=DKIM1; k=rsa; p=(base64 of a "
		    "new 2048-bit public key)");
}

void
ir_posture_dkim(const struct ir_posture *p, const char *domain,
    const char *selector, bool ses)
{
	const struct ir_rr *found = NULL;
	const struct ir_rrset *s;
	struct ir_finding f;
	size_t i, n = 0;

	ir_finding_begin(&f, domain, "dkim",
	    "RFC 6376, 3.6; RFC 8301; RFC 8463");
	snprintf(f.name, sizeof f.name, "%.150s._domainkey.%.150s", selector,
	    domain);
	s = p->res->ask(p->res, f.name, IR_DNS_TXT);
	ir_finding_seen(&f, s);
	if (ir_finding_asked(&f, s, f.name)) {
		for (i = 0; s->status == IR_DNS_OK && i < s->n; i++)
			if (ir_dkim_is_key(s->rr[i].data, s->rr[i].len)) {
				found = &s->rr[i];
				n++;
			}
		if (n > 1)
			ir_finding_say(&f, IR_V_FAIL, "%zu keys under one "
			    "name: what is done with them is not defined", n);
		else if (found)
			judge_key(&f, found);
		else
			ir_finding_say(&f, IR_V_FAIL, s->status == IR_DNS_OK ?
			    "what is there is no key" : "no key is there");
		if (f.verdict == IR_V_FAIL)
			publish_key(&f, selector, ses);
	}
	ir_finding_end(p, &f);
}

void
ir_posture_dkim_any(const struct ir_posture *p, const char *domain)
{
	const struct ir_rrset *s;
	struct ir_finding f;

	ir_finding_begin(&f, domain, "dkim", "RFC 6376, 3.6; RFC 8020");
	snprintf(f.name, sizeof f.name, "_domainkey.%.250s", domain);
	s = p->res->ask(p->res, f.name, IR_DNS_TXT);
	if (ir_finding_asked(&f, s, f.name)) {
		if (s->status == IR_DNS_NXDOMAIN)
			ir_finding_say(&f, IR_V_WARN, "there is nothing "
			    "below this name, so no key at all");
		else
			ir_finding_say(&f, IR_V_NONE, "no selector is known, "
			    "and keys cannot be listed: name it, or give a "
			    "signed message");
	}
	ir_finding_end(p, &f);
}

/* --- DMARC -------------------------------------------------------------- */

static bool
old_tag(const struct ir_tag *t)
{
	return (t->name_len == 3 && memcmp(t->name, "pct", 3) == 0) ||
	    (t->name_len == 2 && (memcmp(t->name, "rf", 2) == 0 ||
	    memcmp(t->name, "ri", 2) == 0));
}

/* The record with p=quarantine for none, and without what is no more. */
static void
publish_dmarc(struct ir_finding *f, const struct ir_dmarc_found *d)
{
	struct ir_buf b = IR_BUF(IR_FINDING_TEXT);
	struct ir_tags t;
	char name[300];
	size_t i;

	ir_tags_parse(d->txt->data, d->txt->len, &t);
	for (i = 0; i < t.n; i++) {
		const struct ir_tag *tag = &t.tag[i];
		bool p = tag->name_len == 1 && tag->name[0] == 'p';

		if (old_tag(tag) || (tag->name_len == 1 &&
		    tag->name[0] == 't' && d->rec.testing))
			continue;
		if (b.len)
			ir_buf_str(&b, "; ");
		ir_buf_fmt(&b, "%.*s=%.*s", (int)tag->name_len, tag->name,
		    p && d->rec.p != IR_DMARC_QUARANTINE &&
		    d->rec.p != IR_DMARC_REJECT ? 10 : (int)tag->value_len,
		    p && d->rec.p != IR_DMARC_QUARANTINE &&
		    d->rec.p != IR_DMARC_REJECT ? "quarantine" : tag->value);
	}
	if (d->rec.p == IR_DMARC_UNSET)
		ir_buf_str(&b, "; p=quarantine");
	if (!d->rec.has_rua)
		ir_buf_fmt(&b, "; rua=mailto:dmarc-reports@%s", d->domain);
	snprintf(name, sizeof name, "_dmarc.%s", d->domain);
	if (!b.bad)
		ir_finding_txt(f, name, ir_buf_cstr(&b));
	ir_buf_free(&b);
}

/* RFC 9990: reports to another organisation need its consent. */
static void
judge_rua(const struct ir_posture *p, struct ir_finding *f,
    const struct ir_dmarc_found *d)
{
	char to[IR_DMARC_URIS][256], name[600];
	struct ir_dmarc_walk w;
	const struct ir_rrset *s;
	size_t n = ir_dmarc_rua_domains(d->txt->data, d->txt->len, to), i, k;

	ir_dmarc_walk(p->res, d->domain, &w);
	for (i = 0; i < n; i++) {
		if (ir_dmarc_aligned(p->res, &w, to[i], false) != 0)
			continue;
		snprintf(name, sizeof name, "%s._report._dmarc.%s",
		    d->domain, to[i]);
		s = strlen(name) > 253 ? NULL :
		    p->res->ask(p->res, name, IR_DNS_TXT);
		if (ir_rrset_failed(s))
			continue;
		for (k = 0; s->status == IR_DNS_OK && k < s->n; k++)
			if (ir_dmarc_is_record(s->rr[k].data, s->rr[k].len))
				break;
		if (s->status == IR_DNS_OK && k < s->n)
			continue;
		ir_finding_say(f, IR_V_WARN, "%s has not agreed to get the "
		    "reports of %s: none are sent there", to[i], d->domain);
		ir_finding_txt(f, name, "v=DMARC1");
	}
}

static void
judge_dmarc(const struct ir_posture *p, struct ir_finding *f,
    const struct ir_dmarc_walk *w, const struct ir_dmarc_found *d)
{
	int has = ir_posture_has_address(p, w->start);
	const struct ir_rrset *mx = p->res->ask(p->res, w->start, IR_DNS_MX);
	enum ir_dmarc_policy now = ir_dmarc_effective(w, d, has != 0 ||
	    (mx && mx->status == IR_DNS_OK));
	const struct ir_dmarc_record *r = &d->rec;
	bool broken = r->p == IR_DMARC_UNSET || r->p == IR_DMARC_BAD ||
	    r->sp == IR_DMARC_BAD || r->np == IR_DMARC_BAD;
	enum ir_verdict before;

	ir_finding_say(f, IR_V_PASS, "policy %s, of %s",
	    ir_dmarc_policy_word(now), d->domain);
	if (broken && !r->rua)
		ir_finding_say(f, IR_V_FAIL, "without a valid p= (or with a "
		    "bad sp= or np=) and without rua= it is not used");
	else if (broken)
		ir_finding_say(f, IR_V_WARN, "no valid p=, or a bad sp= or "
		    "np=: it counts as p=none");
	else if (now == IR_DMARC_NONE)
		ir_finding_say(f, IR_V_WARN, "p=none only asks for reports: "
		    "forged mail is delivered");
	if (r->testing && now != IR_DMARC_NONE)
		ir_finding_say(f, IR_V_WARN, "t=y: one step less than the "
		    "policy is applied");
	if (!r->rua)
		ir_finding_say(f, IR_V_WARN, "no rua=: nobody is told of "
		    "forged mail");
	if (r->old_tags)
		ir_finding_say(f, IR_V_WARN, "pct, rf and ri are no more "
		    "since RFC 9989%s", r->pct >= 0 && r->pct < 100 ?
		    "; older receivers apply the policy to a part only" : "");
	if (r->ignored)
		ir_finding_say(f, IR_V_WARN, "%zu tag(s) or value(s) are not "
		    "understood and passed over", r->ignored);
	before = f->verdict;
	if (before != IR_V_PASS)
		publish_dmarc(f, d);
	if (r->rua)
		judge_rua(p, f, d);
}

void
ir_posture_dmarc(const struct ir_posture *p, const char *domain)
{
	const struct ir_dmarc_found *d;
	struct ir_dmarc_walk w;
	struct ir_finding f;
	char org[256], name[300], value[600];
	size_t i;

	ir_finding_begin(&f, domain, "dmarc", "RFC 9989");
	ir_dmarc_walk(p->res, domain, &w);
	d = ir_dmarc_applies(&w);
	ir_dmarc_org(&w, org);
	snprintf(f.name, sizeof f.name, "_dmarc.%s", d ? d->domain : domain);
	for (i = 0; i < w.n; i++) {
		ir_buf_fmt(&f.seen, "%s_dmarc.%s: ", i ? "\n" : "",
		    w.found[i].domain);
		ir_text_clean(&f.seen, w.found[i].txt->data,
		    w.found[i].txt->len);
	}
	if (w.several)
		ir_finding_say(&f, IR_V_FAIL, "several records under one "
		    "name: none of them counts");
	/* its own record applies, whatever stands above it */
	if (w.failed != IR_DNS_OK && (!d || strcasecmp(d->domain,
	    w.start))) {
		f.reason = ir_dns_status_word(w.failed);
		ir_finding_say(&f, IR_V_UNKNOWN, "part of the walk up the "
		    "tree was not answered: %s", f.reason);
	} else if (d) {
		judge_dmarc(p, &f, &w, d);
	} else {
		ir_finding_say(&f, IR_V_FAIL, "no DMARC record");
		snprintf(name, sizeof name, "_dmarc.%s", org);
		snprintf(value, sizeof value,
		    "v=DMARC1; p=none; rua=mailto:dmarc-reports@%s", org);
		ir_finding_txt(&f, name, value);
	}
	ir_finding_end(p, &f);
}

void
ir_posture_alignment(const struct ir_posture *p, const char *from,
    const char *dkim, const char *mail_from)
{
	const struct ir_dmarc_found *d;
	struct ir_dmarc_walk w;
	struct ir_finding f;
	int by_dkim, by_spf;

	ir_finding_begin(&f, from, "alignment", "RFC 9989, 4.4");
	snprintf(f.name, sizeof f.name, "%s", from);
	ir_dmarc_walk(p->res, from, &w);
	d = ir_dmarc_applies(&w);
	ir_buf_fmt(&f.seen, "From: %s\nDKIM d=%s\nMAIL FROM: %s", from,
	    dkim ? dkim : "(none)", mail_from ? mail_from : SES_SPF);
	by_dkim = dkim ? ir_dmarc_aligned(p->res, &w, dkim,
	    d && d->rec.adkim_strict) : 0;
	by_spf = ir_dmarc_aligned(p->res, &w, mail_from ? mail_from :
	    SES_SPF, d && d->rec.aspf_strict);
	if (by_dkim == 1 && by_spf == 1) {
		ir_finding_say(&f, IR_V_PASS, "DKIM and SPF both");
	} else if (by_dkim < 0 || by_spf < 0) {
		f.reason = w.failed != IR_DNS_OK ?
		    ir_dns_status_word(w.failed) : "no-answer";
		ir_finding_say(&f, IR_V_UNKNOWN, "a walk up the tree was not "
		    "answered");
	} else if (by_dkim == 1) {
		ir_finding_say(&f, IR_V_WARN, "by DKIM only: MAIL FROM is of "
		    "another organisation, so SPF does not count");
	} else if (by_spf == 1) {
		ir_finding_say(&f, IR_V_WARN, "by SPF only: mail that is "
		    "forwarded fails");
	} else {
		ir_finding_say(&f, IR_V_FAIL, "neither by DKIM nor by SPF: "
		    "DMARC fails");
	}
	ir_finding_end(p, &f);
}

/* --- SES ---------------------------------------------------------------- */

static void
publish_mail_from(struct ir_finding *f, const char *mail_from,
    const char *region)
{
	ir_finding_line(f, "%s. IN MX 10 feedback-smtp.%s.amazonses.com.",
	    mail_from, region ? region : "REGION");
	ir_finding_txt(f, mail_from, "v=spf1 include:" SES_SPF " ~all");
}

/* An address that SES sends from: of the first network of its record. */
static bool
ses_address(const struct ir_posture *p, struct ir_ip *ip)
{
	enum ir_spf_result result;
	const struct ir_rr *rr = ir_spf_select(p->res->ask(p->res, SES_SPF,
	    IR_DNS_TXT), &result);
	struct ir_spf_record r;
	struct ir_spf_term bad;
	bool found = false;
	size_t i;

	if (!rr || ir_spf_parse(rr->data, rr->len, &r, &bad))
		return false;
	for (i = 0; i < r.n && !found; i++)
		if (r.term[i].kind == IR_SPF_IP4 &&
		    r.term[i].qualifier == '+') {
			memset(ip, 0, sizeof *ip);
			memcpy(ip->b, r.term[i].ip, 4);
			found = true;
		}
	ir_spf_record_free(&r);
	return found;
}

/* Does the record have the include, as a term of its own? */
static bool
includes_ses(const struct ir_rrset *s)
{
	enum ir_spf_result result;
	const struct ir_rr *rr = ir_spf_select(s, &result);
	struct ir_spf_record r;
	struct ir_spf_term bad;
	bool found = false;
	size_t i;

	if (!rr || ir_spf_parse(rr->data, rr->len, &r, &bad))
		return false;
	for (i = 0; i < r.n; i++)
		found |= r.term[i].kind == IR_SPF_INCLUDE &&
		    r.term[i].spec_len == strlen(SES_SPF) &&
		    strncasecmp(r.term[i].spec, SES_SPF,
		    r.term[i].spec_len) == 0;
	ir_spf_record_free(&r);
	return found;
}

static void
judge_feedback(struct ir_finding *f, const struct ir_rrset *s,
    const char *region)
{
	char want[200];
	const char *host;

	if (s->status != IR_DNS_OK) {
		ir_finding_say(f, IR_V_FAIL, "no MX: SES goes back to its own "
		    "MAIL FROM");
		return;
	}
	host = s->rr[0].data;
	snprintf(want, sizeof want, "feedback-smtp.%s.amazonses.com",
	    region ? region : "");
	if (s->n != 1)
		ir_finding_say(f, IR_V_FAIL, "%zu MX records: SES wants "
		    "exactly one", s->n);
	else if (region ? strcasecmp(host, want) :
	    strncasecmp(host, "feedback-smtp.", 14))
		ir_finding_say(f, IR_V_FAIL, "the MX is %s, not SES's of the "
		    "region", host);
}

void
ir_posture_mail_from(const struct ir_posture *p, const char *mail_from,
    const char *region)
{
	const struct ir_rrset *mx = p->res->ask(p->res, mail_from,
	    IR_DNS_MX);
	const struct ir_rrset *txt = p->res->ask(p->res, mail_from,
	    IR_DNS_TXT);
	struct ir_finding f;
	struct ir_ip ip;
	size_t i;

	ir_finding_begin(&f, mail_from, "ses-mail-from",
	    "SES Developer Guide, custom MAIL FROM domain");
	snprintf(f.name, sizeof f.name, "%s", mail_from);
	for (i = 0; mx && mx->status == IR_DNS_OK && i < mx->n; i++)
		ir_buf_fmt(&f.seen, "%s%d %s", i ? "\n" : "", mx->rr[i].pref,
		    mx->rr[i].data);
	seen_spf(&f, txt);
	if (ir_finding_asked(&f, mx, mail_from))
		judge_feedback(&f, mx, region);
	if (ir_finding_asked(&f, txt, mail_from) && !includes_ses(txt))
		ir_finding_say(&f, IR_V_WARN, "SPF does not include "
		    SES_SPF);
	if (f.verdict == IR_V_FAIL || f.verdict == IR_V_WARN)
		publish_mail_from(&f, mail_from, region);
	if (f.verdict == IR_V_PASS)
		ir_finding_say(&f, IR_V_PASS, "bounces go to SES, and SPF "
		    "includes it");
	ir_finding_end(p, &f);
	if (ses_address(p, &ip))
		ir_posture_spf_ip(p, mail_from, NULL, &ip, NULL);
}

void
ir_posture_mail_from_none(const struct ir_posture *p, const char *domain,
    const char *region)
{
	struct ir_finding f;
	char name[300];

	ir_finding_begin(&f, domain, "ses-mail-from",
	    "SES Developer Guide, custom MAIL FROM domain");
	ir_finding_say(&f, IR_V_WARN, "SES sends with a MAIL FROM of its own, "
	    "so SPF says nothing for this domain");
	snprintf(name, sizeof name, "bounce.%.250s", domain);
	publish_mail_from(&f, name, region);
	ir_finding_end(p, &f);
}
