/* cloudtrail.c - CloudTrail files in pieces; the quick look and the parser */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log/cloudtrail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
same(const char *a, const char *b)
{
	if ((a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0))
		abort();
}

static int
take(const char *text, size_t n, bool escapes, void *arg, struct ir_err *err)
{
	const struct ir_trail_query *q = arg;
	struct ir_rec *ev = ir_trail_parse(text, n, err);
	struct ir_trail_fields quick, f;
	bool sure = ir_trail_fields_quick(text, n, &quick);

	if (ev) {
		ir_trail_fields_of(ev, &f);
		if (sure) {
			same(quick.time, f.time);
			same(quick.event, f.event);
			same(quick.source, f.source);
			same(quick.ip, f.ip);
			same(quick.error, f.error);
			same(quick.key, f.key);
			same(ir_trail_user(&quick), ir_trail_user(&f));
			same(ir_trail_role(&quick), ir_trail_role(&f));
			same(ir_trail_session(&quick), ir_trail_session(&f));
		}
		/* what fits must not be passed over by the quick look */
		if (ir_trail_match(q, &f) && !ir_trail_maybe(q, text, n,
		    escapes))
			abort();
		ir_rec_free(ir_trail_record(ev));
	}
	ir_rec_free(ev);
	return 0;
}

static uint64_t
feed(const uint8_t *data, size_t n, size_t piece, int *rc)
{
	struct ir_trail_query q = { .keys = { { "AKIA1" }, 1 },
		.events = { { "CreateUser" }, 1 } };
	struct ir_trail_scan s = { .fn = take, .arg = &q };
	struct ir_err err = IR_ERR_INIT;
	size_t at, k;

	*rc = 0;
	for (at = 0; at < n && *rc == 0; at += k) {
		k = n - at < piece ? n - at : piece;
		*rc = ir_trail_feed(&s, (const char *)data + at, k, &err);
	}
	if (*rc == 0)
		*rc = ir_trail_end(&s, &err);
	ir_trail_scan_free(&s);
	return s.events;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int a, b;

	if (feed(data, n, n + 1, &a) != feed(data, n, 7, &b) || a != b)
		abort();
	return 0;
}
