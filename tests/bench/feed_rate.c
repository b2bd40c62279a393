/*
 * feed_rate.c [entries] - addresses a second against a feed of a million
 * entries of one /8, or so many: each of a /16 looked up, the /8 at random
 * and gone through as a network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/buf.h"
#include "net/feed.h"

#define ENTRIES "1000000"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t
chance(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 32);
}

int
main(int argc, char **argv)
{
	size_t entries = strtoul(argc > 1 ? argv[1] : ENTRIES, NULL, 10);
	struct ir_buf b = IR_BUF(512u << 20);
	struct ir_feed_info info;
	struct ir_err err = IR_ERR_INIT;
	struct ir_feed *f;
	struct ir_feed_hit hit;
	struct ir_prefix net;
	uint64_t seed = 1, count;
	size_t i, listed = 0;
	double began, t;

	for (i = 0; i < entries; i++) {
		uint32_t a = chance(&seed);

		ir_buf_fmt(&b, "10.%u.%u.%u\n", a >> 16 & 255, a >> 8 & 255,
		    a & 255);
	}
	began = now();
	if (ir_feed_read(&f, b.data, b.len, IR_FEED_IP4SET, &info, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	t = now() - began;
	printf("read     %8.0f entries/s (%zu in %.2f s)\n",
	    (double)entries / t, info.entries, t);
	began = now();
	for (i = 0; i < 1u << 22; i++) {	/* a /16 64 times */
		struct ir_ip ip = { .b = { 10, 77, (uint8_t)(i >> 8),
		    (uint8_t)i } };

		listed += ir_feed_ip(f, &ip, &hit);
	}
	t = now() - began;
	printf("/16      %8.2f M addresses/s, one by one (%zu listed)\n",
	    (1u << 22) / t / 1e6, listed / 64);
	began = now();
	for (i = listed = 0; i < 1u << 22; i++) {
		uint32_t a = chance(&seed);
		struct ir_ip ip = { .b = { 10, (uint8_t)(a >> 16),
		    (uint8_t)(a >> 8), (uint8_t)a } };

		listed += ir_feed_ip(f, &ip, &hit);
	}
	t = now() - began;
	printf("/8       %8.2f M addresses/s, one by one, at random\n",
	    (1u << 22) / t / 1e6);
	ir_net_parse("10.0.0.0/8", &net);
	began = now();
	ir_feed_net(f, &net, NULL, NULL, &count);
	t = now() - began;
	printf("/8       %8.2f M addresses/s, as a network (%llu listed)\n",
	    (1u << 24) / t / 1e6, (unsigned long long)count);
	ir_feed_free(f);
	ir_buf_free(&b);
	return 0;
}
