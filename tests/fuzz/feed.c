/* feed.c - any bytes as the file of a list, in every form */
#include <stdlib.h>

#include "net/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Parts come in order, and lie in the network. */
static int
part(const struct ir_prefix *p, const struct ir_feed_hit *hit, void *arg)
{
	const struct ir_feed *f = arg;
	struct ir_feed_hit again;
	char buf[64];

	if (!ir_feed_ip(f, &p->ip, &again) || again.a != hit->a)
		abort();
	ir_feed_text(f, hit, "key", buf, sizeof buf);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_feed *f;
	struct ir_feed_info info;
	struct ir_feed_hit hit;
	struct ir_err err = IR_ERR_INIT;
	struct ir_prefix all = { .bits = 0 };
	char name[64] = "a.b.example";
	uint64_t count;

	if (n == 0)
		return 0;
	if (ir_feed_read(&f, (const char *)data + 1, n - 1,
	    (enum ir_feed_type)(data[0] % 8), &info, &err)) {
		if (err.code != 65)
			abort();
		return 0;
	}
	if (info.ranges > 2 * 32 * 128 * (n + 1))
		abort();
	ir_feed_net(f, &all, part, f, &count);
	all.ip.v6 = true;
	ir_feed_net(f, &all, part, f, NULL);
	if (ir_feed_name(f, name, &hit))
		ir_feed_text(f, &hit, name, name, sizeof name);
	ir_feed_free(f);
	return 0;
}
