/* dns_answer.c - any bytes as a DNS answer */
#include <stdlib.h>
#include <string.h>

#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum ir_dns_type type[] = { IR_DNS_A, IR_DNS_MX,
		IR_DNS_TXT, IR_DNS_AAAA };
	struct ir_dns_query q;
	size_t i, k;

	for (i = 0; i < 4; i++) {
		memset(&q, 0, sizeof q);
		q.type = type[i];
		ir_dns_parse(data, n, &q);
		if (q.n > IR_DNS_MAX_ANSWERS || (q.status == IR_DNS_OK) !=
		    (q.n > 0))
			abort();
		for (k = 0; k < q.n; k++)
			if (!memchr(q.answer[k].text, '\0', 256))
				abort();
	}
	return 0;
}
