/* dnsbl_zones.c - any bytes as a table of lists, and answers for them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dnsbl_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_dnsbl_table t = { NULL, 0, 0 };
	char text[16];
	struct ir_dns_answer a = { .text = text };
	struct ir_dns_query q = { .status = IR_DNS_OK, .n = 1, .answer = &a };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dnsbl_result r;
	struct ir_ip ip = { .v6 = true };
	char name[256];
	size_t i;

	if (ir_dnsbl_parse(&t, (const char *)data, n, "fuzz", &err) &&
	    (err.code != 78 || strncmp(err.msg, "fuzz:", 5)))
		abort();
	for (i = 0; i < t.n; i++) {
		snprintf(text, sizeof text, "127.0.0.%u", n ?
		    data[0] : 0u);
		ir_dnsbl_judge(&t.zone[i], &q, &r);
		ir_dnsbl_believe(&t.zone[i], &q, NULL, &q, &r);
		ir_dnsbl_judge_part(&t.zone[i], &q, &r);
		if (ir_dnsbl_name(&ip, t.zone[i].name, name))
			abort();
		ir_dnsbl_set_key(&t.zone[i], "key", &err);
		ir_dnsbl_dead(&t, t.zone[i].name);
	}
	ir_dnsbl_keys(&t, (const char *)data, n, "fuzz", &err);
	ir_dnsbl_free(&t);
	return 0;
}
