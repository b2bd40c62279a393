/* origin.c - networks, the map of them, what others write about them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/origin.h"

static struct ir_ip
ip(const char *s)
{
	struct ir_ip a;

	assert_int_equal(ir_ip_parse(s, true, &a), 0);
	return a;
}

static void
networks(void **state)
{
	static const char *const good[][2] = {
		{ "192.0.2.77/24", "192.0.2.0/24" },
		{ "192.0.2.77", "192.0.2.77/32" }, { "1.2.3.4/0", "0.0.0.0/0" },
		{ "255.255.255.255/1", "128.0.0.0/1" },
		{ "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
		{ "::1", "::1/128" }, { "::ffff:1.2.3.4/96",
		"::ffff:0.0.0.0/96" } };
	static const char *const bad[] = { "", "/", "1.2.3.4/", "1.2.3.4/33",
		"1.2.3/8", "::/129", "1.2.3.4/+1", "1.2.3.4/ 8", "x/8",
		"1.2.3.4/8x", "1.2.3.4/0008" };
	char text[IR_PREFIX_TEXT];
	struct ir_prefix p;
	struct ir_ip a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(ir_prefix_parse(good[i][0], &p), 0);
		assert_string_equal(ir_prefix_text(&p, text, sizeof text),
		    good[i][1]);
	}
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(ir_prefix_parse(bad[i], &p), -1);
	assert_int_equal(ir_prefix_parse("192.0.2.0/25", &p), 0);
	a = ip("192.0.2.127");
	assert_true(ir_prefix_holds(&p, &a));
	a = ip("192.0.2.128");
	assert_false(ir_prefix_holds(&p, &a));
	a = ip("c000:200::");
	assert_false(ir_prefix_holds(&p, &a));
}

/* Against a search of all of them, with many lengths and collisions. */
static void
map(void **state)
{
	struct ir_prefix_map *m = ir_prefix_map_new();
	static struct ir_prefix all[5000];
	struct ir_ip a;
	uint32_t v, x = 12345;
	size_t i, k, best;
	int bits;

	(void)state;
	for (i = 0; i < 5000; i++) {
		memset(&a, 0, sizeof a);
		a.v6 = i % 3 == 0;
		for (k = 0; k < (a.v6 ? 16u : 4u); k++) {
			x = x * 1103515245 + 12345;
			a.b[k] = (uint8_t)(x >> 16 & 3);
		}
		ir_prefix_of(&a, (int)(x >> 8) % (a.v6 ? 129 : 33), &all[i]);
		assert_int_equal(ir_prefix_map_set(m, &all[i], (uint32_t)i),
		    0);
	}
	for (k = 0; k < 500; k++) {
		a = all[k * 7 % 5000].ip;
		for (i = 0, best = 5000; i < 5000; i++)
			if (ir_prefix_holds(&all[i], &a) && (best == 5000 ||
			    all[i].bits >= all[best].bits))
				best = i;
		bits = ir_prefix_map_find(m, &a, -1, &v);
		assert_int_equal(bits, all[best].bits);
		assert_int_equal(v, best);
		if (bits > 0 && ir_prefix_map_find(m, &a, bits - 1, &v) >= 0)
			assert_true(all[v].bits < bits);
	}
	assert_true(ir_prefix_map_size(m) <= 5000);
	ir_prefix_map_free(m);
}

static int
route(const char *s, struct ir_route *r)
{
	return ir_cymru_route(s, strlen(s), r);
}

static void
cymru(void **state)
{
	static const char *const bad[] = { "", "|", "1", "1 | ",
		"x | 1.0.0.0/8 | US", "1 | 1.0.0.0 | US", "1 | 1.0.0.0/7 | US",
		"1 | 0.0.0.0/0 | US", "1 | ::/0 |", "4294967296 | 1.0.0.0/8",
		"-1 | 1.0.0.0/8", " | 1.0.0.0/8 | US | arin |",
		"0 | 1.0.0.0/8 | US" };
	struct ir_route r, best = { .nasn = 0 };
	char name[IR_ORIGIN_NAME];
	struct ir_ip a = ip("216.90.108.9");
	size_t i;

	(void)state;
	assert_int_equal(route("23028 701 23028 | 216.90.108.0/24 | US | arin "
	    "| 1998-09-25", &r), 0);
	assert_int_equal(r.nasn, 2);
	assert_int_equal(r.asn[1], 701);
	assert_string_equal(r.country, "US");
	assert_string_equal(r.registry, "arin");
	assert_int_equal(route("{64496,64497} | 2001:db8::/32 | us | ", &r),
	    0);
	assert_int_equal(r.nasn, 2);
	assert_string_equal(r.country, "");
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(route(bad[i], &r), -1);
	/* the longest that holds it; of one network all; no other */
	route("1 | 216.0.0.0/8 |", &r);
	ir_route_merge(&best, &r, &a);
	route("2 | 216.90.108.0/24 |", &r);
	ir_route_merge(&best, &r, &a);
	route("3 | 216.90.108.0/24 |", &r);
	ir_route_merge(&best, &r, &a);
	route("4 | 216.90.0.0/16 |", &r);
	ir_route_merge(&best, &r, &a);
	route("5 | 216.90.109.0/24 |", &r);
	ir_route_merge(&best, &r, &a);
	assert_int_equal(best.nasn, 2);
	assert_int_equal(best.asn[0], 2);
	assert_int_equal(best.asn[1], 3);
	assert_int_equal(ir_cymru_name("1 | US | arin | d | A, | US", 27,
	    name), 0);
	assert_string_equal(name, "A,");
	assert_int_equal(ir_cymru_name("1 | US | arin", 13, name), -1);
	assert_int_equal(ir_cymru_name("1|US|arin|d| ", 13, name), -1);
}

static void
ranges(void **state)
{
	static const char *const nets[][4] = {
		{ "192.0.2.0", "192.0.2.255", "192.0.2.9", "192.0.2.0/24" },
		{ "192.0.2.0", "192.0.2.9", "192.0.2.9", "192.0.2.8/31" },
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1/32" },
		{ "0.0.0.0", "255.255.255.255", "9.9.9.9", "0.0.0.0/0" },
		{ "2001:db8::", "2001:db8:1::", "2001:db8:0:1::",
		    "2001:db8::/48" } };
	char text[IR_PREFIX_TEXT];
	struct ir_range r;
	struct ir_prefix p;
	struct ir_ip a;
	size_t i;

	(void)state;
#define PARSE(s) ir_range_parse(s, strlen(s), &r)
	assert_int_equal(PARSE("192.0.2.0\t192.0.2.9\tAS64496\tZZ\tA\tB"), 0);
	assert_int_equal(r.asn, 64496);
	assert_string_equal(r.name, "A");
	assert_int_equal(PARSE("\"::\"\t\"::5\"\t0\tNone\tNot routed\r"), 0);
	assert_string_equal(r.country, "");
	assert_string_equal(r.name, "Not routed");
	assert_int_equal(PARSE("192.0.2.9\t192.0.2.0\t1"), -1);
	assert_int_equal(PARSE("192.0.2.9\t::1\t1"), -1);
	assert_int_equal(PARSE("192.0.2.0\t192.0.2.9"), -1);
	assert_int_equal(PARSE("192.0.2.0\t192.0.2.9\tx"), -1);
#undef PARSE
	for (i = 0; i < sizeof nets / sizeof *nets; i++) {
		r.first = ip(nets[i][0]);
		r.last = ip(nets[i][1]);
		a = ip(nets[i][2]);
		ir_range_prefix(&r.first, &r.last, &a, &p);
		assert_string_equal(ir_prefix_text(&p, text, sizeof text),
		    nets[i][3]);
	}
}

static void
nobody_is_asked_about(void **state)
{
	static const char *const special[] = { "10.0.0.1", "127.0.0.1",
		"127.9.9.9", "192.0.2.1", "198.51.100.9", "203.0.113.1",
		"169.254.1.1", "100.64.0.1", "224.0.0.1", "0.1.2.3",
		"255.255.255.255", "198.19.0.1", "::1", "::", "fe80::1",
		"fd00::1", "ff02::1", "2001:db8::5", "3fff::1",
		"::ffff:8.8.8.8" };
	static const char *const open[] = { "8.8.8.8", "192.0.3.1",
		"100.128.0.1", "172.32.0.1", "2001:4860::1", "2600::1" };
	struct ir_ip a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof special / sizeof *special; i++) {
		a = ip(special[i]);
		assert_non_null(ir_ip_special(&a));
	}
	for (i = 0; i < sizeof open / sizeof *open; i++) {
		a = ip(open[i]);
		assert_null(ir_ip_special(&a));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks),
		cmocka_unit_test(map),
		cmocka_unit_test(cymru),
		cmocka_unit_test(ranges),
		cmocka_unit_test(nobody_is_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
