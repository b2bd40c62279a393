/*
 * spf.c - any bytes as an SPF record: the parser; the macros of its terms;
 * and the evaluator, whose every TXT answer is one of the lines of the input.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/spf.h"
#include "auth/spf_macro.h"

struct zone {
	struct ir_resolver res;	/* first */
	const char *s;
	size_t n, at;
	struct ir_rr rr;
	struct ir_rrset set;
	size_t questions;
	char text[65536];
};

/* The next line of the input, as an answer of any type. */
static const struct ir_rrset *
ask(struct ir_resolver *res, const char *name, enum ir_dns_type type)
{
	struct zone *z = (struct zone *)res;
	const char *end;
	size_t len;

	/* 10 terms, each of at most 10 names, %{p} in each, and the first */
	if (++z->questions > 3000 || strlen(name) > 253)
		abort();
	if (z->at >= z->n)
		z->at = 0;
	end = memchr(z->s + z->at, '\n', z->n - z->at);
	len = end ? (size_t)(end - z->s) - z->at : z->n - z->at;
	memcpy(z->text, z->s + z->at, len);
	z->text[len] = '\0';
	z->at += len + 1;
	z->rr = (struct ir_rr){ z->text, len, 0 };
	z->set.status = len == 0 ? IR_DNS_NXDOMAIN : len == 1 ?
	    IR_DNS_SERVFAIL : IR_DNS_OK;
	z->set.rr = &z->rr;
	z->set.n = 1;
	if (type == IR_DNS_A)
		z->rr.data = "192.0.2.1";
	return &z->set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct zone z;
	struct ir_spf_query q = { .ip = { .b = { 192, 0, 2, 1 } },
		.helo = "mail.example.test", .mailfrom = "u@example.test" };
	const char *s = (const char *)data;
	struct ir_spf_record r;
	struct ir_spf_term bad;
	struct ir_spf_answer a;
	size_t i;
	char name[256];

	if (n > 65535)
		return 0;
	if (ir_spf_parse(s, n, &r, &bad) == 0) {
		for (i = 0; i < r.n; i++)
			if (r.term[i].text < s ||
			    r.term[i].text + r.term[i].len > s + n)
				abort();
		ir_spf_record_free(&r);
	}
	(void)ir_spf_domain_spec_ok(s, n);
	if (ir_spf_name(s, n, name) && strlen(name) > 253)
		abort();
	z = (struct zone){ .res = { ask }, .s = s, .n = n };
	ir_spf_check(&z.res, &q, &a);
	if (a.lookups > IR_SPF_LOOKUPS + 2)
		abort();
	ir_spf_answer_free(&a);
	return 0;
}
