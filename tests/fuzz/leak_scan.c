/* leak_scan.c - any bytes as a file that is looked through: with vectors and
 * without, whole and in windows, the hits are the same */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "leak/scan.h"
#include "leak/served.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sum {
	size_t n, total;	/* bytes of the span */
	uint64_t hash;
};

static int
hit(const struct ir_leak_hit *h, void *arg)
{
	struct sum *s = arg;
	size_t i;

	if (h->offset > s->total || h->len > s->total - h->offset ||
	    h->kind >= IR_LEAK_KINDS || h->form >= IR_LEAK_FORMS ||
	    !memchr(h->name, 0, sizeof h->name) || h->nvalue > IR_LEAK_VALUE ||
	    (h->kind == IR_LEAK_AWS_KEY && h->nvalue != 20) ||
	    (h->key[0] && ir_leak_account(h->key) == -2))
		abort();
	s->n++;
	s->hash = s->hash * 31 + h->offset * 7 + h->kind;
	for (i = 0; i < h->nvalue; i++)
		s->hash = s->hash * 31 + (unsigned char)h->value[i];
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_leak_rules fast = { .lines = n & 1 }, other = fast;
	struct sum a = { .total = n }, b, c = a;
	char path[256];
	size_t k = n < sizeof path - 1 ? n : sizeof path - 1;

	if (ir_leak_scan(&fast, data, n, 0, n, hit, &a))
		abort();
	for (other.way = IR_LEAK_AVX2; other.way < IR_LEAK_WAYS; other.way++) {
		b = c;
		if (ir_leak_scan(&other, data, n, 0, n, hit, &b) ||
		    a.n != b.n || a.hash != b.hash)
			abort();
	}
	/* each hit begins in one half */
	(void)ir_leak_scan(&fast, data, n, 0, n / 2, hit, &c);
	(void)ir_leak_scan(&fast, data, n, n / 2, n, hit, &c);
	if (c.n != a.n)
		abort();
	memcpy(path, data, k);
	path[k] = '\0';
	(void)ir_leak_served(path, NULL, 0, NULL);
	return 0;
}
