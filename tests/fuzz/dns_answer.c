/* dns_answer.c - any bytes as a DNS answer, and as a name to ask for */
#include <stdlib.h>
#include <string.h>

#include "net/dns.h"
#include "net/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Every byte of what was read can be read again. */
static void
look_at(const struct ir_dns_query *q)
{
	unsigned seen = 0;
	size_t i, k;

	if (q->n > IR_DNS_MAX_ANSWERS || (q->status == IR_DNS_OK) !=
	    (q->n > 0))
		abort();
	for (i = 0; i < q->n; i++) {
		for (k = 0; k < q->answer[i].len; k++)
			seen += (uint8_t)q->answer[i].text[k];
		if (q->answer[i].text[k] || seen > 255u * 65536 * 256)
			abort();
	}
	if (q->alias && strlen(q->alias) > 255)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum ir_dns_type type[] = { IR_DNS_A, IR_DNS_NS,
		IR_DNS_CNAME, IR_DNS_SOA, IR_DNS_PTR, IR_DNS_MX, IR_DNS_TXT,
		IR_DNS_AAAA, IR_DNS_TLSA, IR_DNS_CAA };
	uint8_t out[IR_DNS_MAX_QUESTION];
	struct ir_dns_query q;
	size_t i, len;

	for (i = 0; i < sizeof type / sizeof *type; i++) {
		ir_dns_query_set(&q, "a.b", type[i]);
		ir_dns_parse(data, n, &q);
		look_at(&q);
		ir_dns_query_free(&q);
	}
	memset(q.name, 0, sizeof q.name);
	memcpy(q.name, data, n < 255 ? n : 255);
	len = ir_dns_question(out, 7, q.name, 1, 1232);
	if (len) {
		out[2] |= 0x80;
		if (!ir_dns_answers(out, len, 7, q.name, 1) ||
		    ir_dns_answers(out, len, 8, q.name, 1))
			abort();
	}
	ir_dns_answers(data, n, 0x0102, "a.b", 1);
	return 0;
}
