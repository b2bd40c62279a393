/*
 * auth.c - DKIM keys, DMARC records and the walk, MTA-STS, TLS-RPT, TLSA.
 * SPF has cases of its own: tests/spf/cases.tsv.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "auth/dkim_key.h"
#include "auth/dmarc.h"
#include "auth/spf_macro.h"
#include "auth/transport.h"

#define RSA512 "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL"	/* begins one */
#define ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static struct ir_dkim_key
key(const char *s)
{
	struct ir_dkim_key k;

	ir_dkim_key_parse(s, strlen(s), &k);
	return k;
}

static void
dkim_keys(void **state)
{
	struct ir_dkim_key k;

	(void)state;
	k = key("v=DKIM1; k=ed25519; p=" ED);
	assert_null(k.problem);
	assert_int_equal(k.type, IR_DKIM_ED25519);
	assert_false(k.testing || k.revoked || k.no_version);
	k = key("k=ed25519; t=s:Y; p=11qYAYKxCrfVS/7TyW\r\n\tQHOg7hcvPapiMlrw"
	    "IaaPcHURo=;");
	assert_null(k.problem);
	assert_true(k.testing && k.same_domain && k.no_version);
	assert_true(key("v=DKIM1; p=").revoked);
	assert_null(key("v=DKIM1; p=").problem);
	assert_string_equal(key("v=DKIM2; p=" ED).problem,
	    "v= is not DKIM1, or not the first tag");
	assert_non_null(key("p=" ED "; v=DKIM1").problem);
	assert_non_null(key("v=dkim1; p=" ED).problem);
	assert_string_equal(key("v=DKIM1; k=rsa").problem, "no p= tag");
	assert_non_null(key("v=DKIM1; k=rsa; p=" ED).problem);
	assert_string_equal(key("v=DKIM1; p=!!!!").problem,
	    "p= is not base64");
	assert_string_equal(key("v=DKIM1; p=" RSA512).problem,
	    "p= is not base64");
	assert_string_equal(key("v=DKIM1; p=" RSA512 "==").problem,
	    "p= is no public key");
	assert_non_null(key("v=DKIM1; k=ed25519; p=AAAA").problem);
	assert_non_null(key("v=DKIM1; k=gost; p=AAAA").problem);
	assert_non_null(key("v=DKIM1; k=ed25519; h=sha1; p=" ED).problem);
	assert_null(key("v=DKIM1; k=ed25519; h=sha1:sha256; p=" ED).problem);
	assert_non_null(key("v=DKIM1; k=ed25519; s=other; p=" ED).problem);
	assert_null(key("v=DKIM1; k=ed25519; s=*; p=" ED).problem);
	assert_non_null(key("v=DKIM1; p; p=" ED).problem);
	assert_non_null(key("v=DKIM1; p=" ED "; p=" ED).problem);
	assert_true(ir_dkim_is_key("p=x", 3));
	assert_false(ir_dkim_is_key("v=spf1 -all", 11));
}

static void
dkim_signatures(void **state)
{
	static const char s[] = " v=1; a=rsa-sha256; d=Mail.Example.TEST;\r\n"
	    "\ts=s1._x; h=from:to; b=abc";
	char d[256], sel[256];

	(void)state;
	assert_true(ir_dkim_signature(s, sizeof s - 1, d, sel));
	assert_string_equal(d, "mail.example.test");
	assert_string_equal(sel, "s1._x");
	assert_false(ir_dkim_signature("d=a.test", 8, d, sel));
	assert_false(ir_dkim_signature("d=a test; s=x", 13, d, sel));
}

static struct ir_dmarc_record
record(const char *s)
{
	struct ir_dmarc_record r;

	ir_dmarc_parse(s, strlen(s), &r);
	return r;
}

static bool
is_dmarc(const char *s)
{
	return ir_dmarc_is_record(s, strlen(s));
}

static void
dmarc_records(void **state)
{
	struct ir_dmarc_record r;
	char to[IR_DMARC_URIS][256];
	static const char uris[] = "v=DMARC1;rua=mailto:a@One.test!10m , "
	    "https://two.test/, mailto:b@three.test?x=y,nonsense";

	(void)state;
	assert_true(is_dmarc("v=DMARC1"));
	assert_true(is_dmarc("v = DMARC1 ; p=none"));
	assert_false(is_dmarc("v=dmarc1; p=none"));
	assert_false(is_dmarc("v=DMARC10; p=none"));
	assert_false(is_dmarc("p=none; v=DMARC1"));
	assert_false(is_dmarc("v=DMARC1 p=none"));
	assert_false(is_dmarc(""));
	r = record("v=DMARC1; p=Reject; sp=QUARANTINE; np=none; psd=n; t=y; "
	    "adkim=s; aspf=r; ruf=mailto:f@x.test");
	assert_int_equal(r.p, IR_DMARC_REJECT);
	assert_int_equal(r.sp, IR_DMARC_QUARANTINE);
	assert_int_equal(r.np, IR_DMARC_NONE);
	assert_int_equal(r.psd, 'n');
	assert_true(r.testing && r.adkim_strict && !r.aspf_strict);
	assert_int_equal(r.ruf, 1);
	assert_int_equal(r.ignored, 0);
	assert_int_equal(r.pct, -1);
	r = record("v=DMARC1; p=perhaps; t=maybe; psd=1; ; rubbish; pct=20");
	assert_int_equal(r.p, IR_DMARC_BAD);
	assert_int_equal(r.psd, 'u');
	assert_int_equal(r.ignored, 3);
	assert_int_equal(r.pct, 20);
	assert_true(r.old_tags);
	assert_int_equal(record("v=DMARC1").p, IR_DMARC_UNSET);
	r = record(uris);
	assert_int_equal(r.rua, 3);
	assert_int_equal(r.ignored, 1);
	assert_int_equal(ir_dmarc_rua_domains(uris, sizeof uris - 1, to), 2);
	assert_string_equal(to[0], "one.test");
	assert_string_equal(to[1], "three.test");
}

/* A table of _dmarc names; "!" does not answer. */
struct table {
	struct ir_resolver res;
	const char *const (*rows)[2];
	struct ir_rr rr;
	struct ir_rrset set;
	char asked[2000];
};

static const struct ir_rrset *
ask(struct ir_resolver *res, const char *name, enum ir_dns_type type)
{
	struct table *t = (struct table *)res;
	struct ir_rrset *s;
	static struct ir_rr rr[20];
	static struct ir_rrset sets[20];
	static size_t n;
	size_t i;

	assert_int_equal(type, IR_DNS_TXT);
	n = (n + 1) % 20;
	s = &sets[n];
	snprintf(t->asked + strlen(t->asked),
	    sizeof t->asked - strlen(t->asked), "%s ", name + 7);
	*s = (struct ir_rrset){ .status = IR_DNS_NXDOMAIN };
	for (i = 0; t->rows[i][0]; i++) {
		if (strcasecmp(t->rows[i][0], name + 7))
			continue;
		if (t->rows[i][1][0] == '!') {
			s->status = IR_DNS_SERVFAIL;
			return s;
		}
		rr[n] = (struct ir_rr){ t->rows[i][1],
			strlen(t->rows[i][1]), 0 };
		*s = (struct ir_rrset){ .status = IR_DNS_OK, .rr = &rr[n],
			.n = 1 };
	}
	return s;
}

static void
dmarc_walks(void **state)
{
	static const char *const rows[][2] = {
		{ "example.com", "v=DMARC1; p=reject; sp=quarantine; np=none" },
		{ "signing.example.com", "v=DMARC1; p=none" },
		{ "bank.example", "v=DMARC1; p=none; psd=y; np=reject" },
		{ "giant.bank.example", "v=DMARC1; p=quarantine" },
		{ "own.example.com", "v=DMARC1; p=none; psd=n" },
		{ "down.test", "!" }, { NULL, NULL } };
	struct table t = { .res = { ask }, .rows = rows };
	struct ir_dmarc_walk w;
	char org[256];

	(void)state;
	ir_dmarc_walk(&t.res, "a.b.c.d.e.f.g.h.i.j.mail.example.com", &w);
	assert_string_equal(t.asked, "a.b.c.d.e.f.g.h.i.j.mail.example.com "
	    "g.h.i.j.mail.example.com h.i.j.mail.example.com "
	    "i.j.mail.example.com j.mail.example.com mail.example.com "
	    "example.com com ");
	assert_int_equal(w.queries, IR_DMARC_QUERIES);
	ir_dmarc_org(&w, org);
	assert_string_equal(org, "example.com");
	assert_string_equal(ir_dmarc_applies(&w)->domain, "example.com");
	assert_int_equal(ir_dmarc_effective(&w, ir_dmarc_applies(&w), true),
	    IR_DMARC_QUARANTINE);
	assert_int_equal(ir_dmarc_effective(&w, ir_dmarc_applies(&w), false),
	    IR_DMARC_NONE);
	t.asked[0] = '\0';
	ir_dmarc_walk(&t.res, "1.2.3.4.5.6.7.8", &w);
	assert_string_equal(t.asked, "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 "
	    "3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8 ");
	assert_null(ir_dmarc_applies(&w));
	ir_dmarc_walk(&t.res, "example.com.", &w);
	assert_int_equal(ir_dmarc_effective(&w, ir_dmarc_applies(&w), true),
	    IR_DMARC_REJECT);
	assert_int_equal(ir_dmarc_aligned(&t.res, &w, "signing.example.com",
	    false), 1);
	assert_int_equal(ir_dmarc_aligned(&t.res, &w, "signing.example.com",
	    true), 0);
	assert_int_equal(ir_dmarc_aligned(&t.res, &w, "x.own.example.com",
	    false), 0);
	assert_int_equal(ir_dmarc_aligned(&t.res, &w, "x.down.test", false),
	    -1);
	/* a public suffix: the organisation is one label below it */
	t.asked[0] = '\0';
	ir_dmarc_walk(&t.res, "giant.bank.example", &w);
	assert_string_equal(t.asked, "giant.bank.example bank.example ");
	ir_dmarc_org(&w, org);
	assert_string_equal(org, "giant.bank.example");
	assert_int_equal(ir_dmarc_aligned(&t.res, &w,
	    "mail.giant.bank.example", false), 1);
	assert_int_equal(ir_dmarc_aligned(&t.res, &w,
	    "mail.mega.bank.example", false), 0);
	ir_dmarc_walk(&t.res, "mail.mega.bank.example", &w);
	ir_dmarc_org(&w, org);
	assert_string_equal(org, "mega.bank.example");
	assert_string_equal(ir_dmarc_applies(&w)->domain, "bank.example");
	assert_int_equal(ir_dmarc_effective(&w, ir_dmarc_applies(&w), false),
	    IR_DMARC_REJECT);
	ir_dmarc_walk(&t.res, "bank.example", &w);
	ir_dmarc_org(&w, org);
	assert_string_equal(org, "bank.example");
}

static struct ir_sts_policy policy;

static const char *
sts(const char *s)
{
	return ir_sts_policy(s, strlen(s), &policy);
}

static void
transport(void **state)
{
	static const unsigned char tlsa[35] = { 3, 1, 1, 0xab };
	unsigned char other[35] = { 1, 1, 1 };
	char id[33], text[160];

	(void)state;
	assert_true(ir_sts_is_record("v=STSv1; id=1;", 14));
	assert_true(ir_sts_is_record("v=STSv1 ;id=1", 13));
	assert_false(ir_sts_is_record("v=STSv1", 7));
	assert_false(ir_sts_is_record("v=STSv10; id=1", 14));
	assert_null(ir_sts_record("v=STSv1; id=A1", 14, id));
	assert_string_equal(id, "A1");
	assert_non_null(ir_sts_record("v=STSv1;", 8, id));
	assert_non_null(ir_sts_record("v=STSv1; id=a-b", 15, id));
	assert_null(ir_tlsrpt_record("v=TLSRPTv1; rua=mailto:a@b", 26));
	assert_null(ir_tlsrpt_record("v=TLSRPTv1;rua=https://a/b", 26));
	assert_non_null(ir_tlsrpt_record("v=TLSRPTv1;rua=http://a/bc", 26));
	assert_non_null(ir_tlsrpt_record("v=TLSRPTv1;", 11));
	assert_null(sts("version: STSv1\r\nmode: enforce\r\n"
	    "mx: Mail.example.com\r\nmx: *.example.net\r\n"
	    "max_age:86400\r\nlater: x\r\n"));
	assert_int_equal(policy.mode, IR_STS_ENFORCE);
	assert_int_equal(policy.max_age, 86400);
	assert_true(ir_sts_mx_ok(&policy, "mail.Example.com"));
	assert_true(ir_sts_mx_ok(&policy, "a.example.net"));
	assert_false(ir_sts_mx_ok(&policy, "a.b.example.net"));
	assert_false(ir_sts_mx_ok(&policy, "example.net"));
	assert_null(sts("version: STSv1\nmode: none\nmax_age: 0"));
	assert_non_null(sts("mode: none\nmax_age: 0"));
	assert_non_null(sts("version: STSv1\nmode: enforce\nmax_age: 9"));
	assert_non_null(sts("version: STSv1\nmode: on\nmx: a\nmax_age: 9"));
	assert_non_null(sts("version: STSv1\nmode: testing\nmx: a\n"
	    "max_age: 31557601"));
	assert_non_null(sts("version: STSv1\nmode: testing\nmx: a b\n"
	    "max_age: 9"));
	assert_non_null(sts("<html>"));
	assert_null(ir_tlsa(tlsa, sizeof tlsa, text));
	assert_memory_equal(text, "3 1 1 ab00", 10);
	assert_non_null(ir_tlsa(tlsa, 34, text));
	assert_non_null(ir_tlsa(tlsa, 3, text));
	assert_non_null(ir_tlsa(other, sizeof other, text));
}

static void
spf_names(void **state)
{
	char name[256], s[400];

	(void)state;
	assert_true(ir_spf_name("a.b.", 4, name));
	assert_string_equal(name, "a.b");
	assert_false(ir_spf_name("a..b", 4, name));
	assert_false(ir_spf_name("", 0, name));
	assert_false(ir_spf_name(".", 1, name));
	memset(s, 'x', sizeof s);
	assert_true(ir_spf_name(s, 63, name));
	assert_false(ir_spf_name(s, 64, name));
	s[50] = s[100] = s[150] = s[200] = s[250] = '.';
	assert_true(ir_spf_name(s, 253, name));
	assert_int_equal(strlen(name), 253);
	assert_true(ir_spf_name(s, 254, name));
	assert_int_equal(strlen(name), 203);
	assert_false(ir_spf_name(s, sizeof s, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_keys),
		cmocka_unit_test(dkim_signatures),
		cmocka_unit_test(dmarc_records),
		cmocka_unit_test(dmarc_walks),
		cmocka_unit_test(transport),
		cmocka_unit_test(spf_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
