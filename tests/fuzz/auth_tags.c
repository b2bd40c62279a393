/*
 * auth_tags.c - any bytes as a DKIM key, a DKIM signature, a DMARC, MTA-STS,
 * TLS-RPT or TLSA record, or an MTA-STS policy.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/dkim_key.h"
#include "auth/dmarc.h"
#include "auth/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ir_sts_policy policy;
	static char to[IR_DMARC_URIS][256];
	const char *s = (const char *)data;
	struct ir_dkim_key k;
	struct ir_dmarc_record d;
	char domain[256], selector[256], id[33], text[160];
	size_t i, rua;

	ir_dkim_key_parse(s, n, &k);
	if (!k.problem && !k.revoked && (k.bits <= 0 || k.bits > 65536))
		abort();
	(void)ir_dkim_is_key(s, n);
	if (ir_dkim_signature(s, n, domain, selector) &&
	    (strlen(domain) > 253 || !*selector))
		abort();
	(void)ir_dmarc_is_record(s, n);
	ir_dmarc_parse(s, n, &d);
	rua = ir_dmarc_rua_domains(s, n, to);
	for (i = 0; i < rua; i++)
		if (!to[i][0] || strlen(to[i]) > 254)
			abort();
	if (ir_sts_is_record(s, n) && !ir_sts_record(s, n, id) && !id[0])
		abort();
	if (ir_tlsrpt_is_record(s, n))
		(void)ir_tlsrpt_record(s, n);
	if (!ir_sts_policy(s, n, &policy) && policy.mode != IR_STS_NONE &&
	    !policy.nmx)
		abort();
	(void)ir_sts_mx_ok(&policy, "mx1.example.test");
	(void)ir_tlsa(data, n, text);
	return 0;
}
