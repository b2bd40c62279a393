/* origin.c - any bytes as Team Cymru's answer, a range, AWS's file, a cache */
#include <stdlib.h>
#include <string.h>

#include "net/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_route(const struct ir_route *r)
{
	struct ir_route best = { .nasn = 0 };
	struct ir_prefix p;
	char text[IR_PREFIX_TEXT];

	if (r->nasn == 0 || r->nasn > IR_ORIGIN_ASNS ||
	    strlen(r->country) > 2)
		abort();
	ir_prefix_text(&r->prefix, text, sizeof text);
	if (ir_prefix_parse(text, &p) || memcmp(&p, &r->prefix, sizeof p))
		abort();
	ir_route_merge(&best, r, &r->prefix.ip);
	ir_route_merge(&best, r, &r->prefix.ip);
	if (best.nasn != r->nasn)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct ir_origin_opts none = { .dns = true };
	const char *s = (const char *)data;
	struct ir_aws_ranges aws;
	struct ir_origins *o = NULL;
	struct ir_origin out;
	struct ir_prefix p;
	struct ir_route r;
	struct ir_range range;
	char name[IR_ORIGIN_NAME];

	if (ir_cymru_route(s, n, &r) == 0)
		check_route(&r);
	(void)ir_cymru_name(s, n, name);
	if (ir_range_parse(s, n, &range) == 0) {
		ir_range_prefix(&range.first, &range.last, &range.last, &p);
		if (!ir_prefix_holds(&p, &range.last) ||
		    ir_ip_cmp(&p.ip, &range.first) < 0)
			abort();
	}
	if (ir_aws_ranges_parse(&aws, s, n, NULL) == 0) {
		if (aws.n > IR_AWS_RANGES_MAX)
			abort();
		ir_aws_ranges_free(&aws);
	}
	if (ir_origins_open(&o, &none, NULL))
		abort();
	ir_origins_cache_read(o, s, n, 1700000000);
	(void)ir_ip_parse("8.8.8.8", false, &p.ip);
	ir_origins_find(o, &p.ip, &out);
	ir_origins_close(o);
	return 0;
}
