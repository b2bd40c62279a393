/* Any bytes as evidence: lines of a log, records, the AWS CLI's JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "incident/chart.h"
#include "incident/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
use(struct ir_volumes *vs, const char *p, size_t n)
{
	struct ir_rec *r = ir_rec_parse(p, n, NULL);

	ir_volume_log(vs, p, n, 32400);
	if (r)
		ir_volume_json(vs, r);
	ir_rec_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data, *end = p + n, *nl;
	struct ir_volumes vs = { 0 }, two = { 0 };
	struct ir_buf out = IR_BUF(8u << 20);
	struct ir_span s;
	size_t i, k;

	use(&vs, p, n);
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		use(&vs, p, (size_t)(nl - p));
	}
	ir_volumes_join(&two, &vs);
	for (i = 0; i < two.n; i++) {
		for (k = 1; k < two.v[i].n; k++)
			if (two.v[i].slot[k] <= two.v[i].slot[k - 1])
				abort();
		if (two.v[i].n == 0)
			continue;
		s = (struct ir_span){ two.v[i].slot[0] - 4,
			two.v[i].slot[0] + 500, two.v[i].slot[0] * 900,
			"x" };
		ir_buf_trunc(&out, 0);
		ir_chart_svg(&two.v[i], &s, 1, &out);
		if (out.bad)
			abort();
	}
	ir_buf_free(&out);
	ir_volumes_free(&vs);
	ir_volumes_free(&two);
	return 0;
}
