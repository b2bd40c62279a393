/* feed.c - the files of lists, in every form, and what is found in them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/feed.h"

static struct ir_feed *
feed(const char *text, enum ir_feed_type type, struct ir_feed_info *info)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_feed *f;

	if (ir_feed_read(&f, text, strlen(text), type, info, &err))
		fail_msg("%s", err.msg);
	return f;
}

/* "127.0.0.2 text", or "-" */
static const char *
says(const struct ir_feed *f, const char *s)
{
	static char out[300];
	struct ir_feed_hit hit;
	struct ir_ip ip;
	char text[256];
	bool found = ir_ip_parse(s, false, &ip) ? ir_feed_name(f, s, &hit) :
	    ir_feed_ip(f, &ip, &hit);

	if (!found)
		return "-";
	snprintf(out, sizeof out, "%u %s", hit.a & 255,
	    ir_feed_text(f, &hit, s, text, sizeof text));
	return out;
}

static void
rbldnsd(void **state)
{
	struct ir_feed_info info;
	struct ir_feed *f = feed("# a comment\n$SOA 60 ns.x h.x 1 1 1 1 1\n"
	    "$1 see https://x/\n:127.0.0.3:bad, $1?$\n10.0.0.1\n"
	    "10.0.1.0/24 :4:worse\n10.0.2 :5:\n10.1\n!10.0.1.7\n"
	    "10.3.0.10-20 twenty\n10.4.0.250-10.4.1.5\n"
	    "2001:db8::/32 :6:six $$\n; another\r\n  10.5.0.1  \n",
	    IR_FEED_AUTO, &info);

	(void)state;
	assert_int_equal(info.bad, 0);
	assert_int_equal(info.entries, 9);
	assert_int_equal(info.kinds, 3);
	assert_string_equal(says(f, "10.0.0.1"),
	    "3 bad, see https://x/?10.0.0.1");
	assert_string_equal(says(f, "10.0.0.2"), "-");
	assert_string_equal(says(f, "10.0.0.0"), "-");
	assert_string_equal(says(f, "10.0.1.0"), "4 worse");
	assert_string_equal(says(f, "10.0.1.255"), "4 worse");
	assert_string_equal(says(f, "10.0.1.7"), "-");
	assert_string_equal(says(f, "10.0.1.8"), "4 worse");
	assert_memory_equal(says(f, "10.0.2.99"), "5 ", 2);
	assert_memory_equal(says(f, "10.1.2.3"), "3 ", 2);
	assert_string_equal(says(f, "10.2.0.0"), "-");
	assert_string_equal(says(f, "10.3.0.9"), "-");
	assert_string_equal(says(f, "10.3.0.10"), "3 twenty");
	assert_string_equal(says(f, "10.3.0.20"), "3 twenty");
	assert_string_equal(says(f, "10.3.0.21"), "-");
	assert_memory_equal(says(f, "10.4.0.250"), "3 ", 2);
	assert_memory_equal(says(f, "10.4.1.5"), "3 ", 2);
	assert_string_equal(says(f, "10.4.1.6"), "-");
	assert_string_equal(says(f, "2001:db8::1"), "6 six $");
	assert_string_equal(says(f, "2001:db9::"), "-");
	assert_memory_equal(says(f, "10.5.0.1"), "3 ", 2);
	ir_feed_free(f);
}

/* In an ip4set an exclusion wins over its level, in a trie the nearer one. */
static void
levels(void **state)
{
	static const char text[] = "!10.0.0.0/25\n10.0.0.7\n10.9.0.0/16\n"
	    "!10.9.0.0/20\n10.9.1.0/24\n10.9.2.9\n";
	struct ir_feed_info info;
	struct ir_feed *set = feed(text, IR_FEED_IP4SET, &info);
	struct ir_feed *trie = feed(text, IR_FEED_IP4TRIE, &info);

	(void)state;
	assert_string_equal(says(set, "10.0.0.7"), "-");
	assert_string_equal(says(trie, "10.0.0.7"), "2 ");
	assert_string_equal(says(set, "10.9.1.1"), "-");
	assert_string_equal(says(trie, "10.9.1.1"), "2 ");
	assert_string_equal(says(set, "10.9.2.9"), "2 ");
	assert_string_equal(says(set, "10.9.2.8"), "-");
	assert_string_equal(says(set, "10.9.16.0"), "2 ");
	ir_feed_free(set);
	ir_feed_free(trie);
}

static void
names(void **state)
{
	struct ir_feed_info info;
	struct ir_feed *f = feed(":127.0.1.2:$ is bad\nbad.example\n"
	    ".worse.example :3:\n*.below.example\n!ok.worse.example\n"
	    "test\n", IR_FEED_DNSET, &info);

	(void)state;
	assert_int_equal(info.bad, 0);
	assert_int_equal(info.kinds, 1u << IR_DNSBL_DOMAIN);
	assert_string_equal(says(f, "bad.example"), "2 bad.example is bad");
	assert_string_equal(says(f, "a.bad.example"), "-");
	assert_memory_equal(says(f, "worse.example"), "3 ", 2);
	assert_memory_equal(says(f, "a.b.worse.example"), "3 ", 2);
	assert_string_equal(says(f, "ok.worse.example"), "-");
	assert_string_equal(says(f, "below.example"), "-");
	assert_memory_equal(says(f, "x.below.example"), "2 ", 2);
	assert_memory_equal(says(f, "test"), "2 ", 2);
	assert_string_equal(says(f, "example"), "-");
	ir_feed_free(f);
}

static void
other_forms(void **state)
{
	static const char *const text[] = {
		"; Spamhaus DROP List\n; Expires: never\n"
		"192.0.2.0/24 ; SBL1\n198.51.100.0/25 ; SBL2\n",
		"{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\",\"rir\":\"x\"}"
		"\n{\"cidr\":\"198.51.100.0/25\",\"sblid\":\"SBL2\"}\n"
		"{\"type\":\"metadata\",\"records\":2}\n",
		"first seen,network,reason\n2026-01-01,192.0.2.0/24,SBL1\n"
		"2026-01-02,\"198.51.100.0/25\",\"SBL2\"\n",
		"\"192.0.2.0/24\";\"SBL1\"\n\"198.51.100.0/25\";\"SBL2\"\n",
		"192.0.2.0/24,SBL1\n198.51.100.0/25,SBL2\n",
	};
	struct ir_feed_info info;
	struct ir_feed *f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof text / sizeof *text; i++) {
		f = feed(text[i], i == 3 ? IR_FEED_CSV : IR_FEED_AUTO, &info);
		assert_int_equal(info.entries, 2);
		assert_int_equal(info.bad, 0);
		assert_string_equal(says(f, "192.0.2.1"), "2 SBL1");
		assert_string_equal(says(f, "198.51.100.127"), "2 SBL2");
		assert_string_equal(says(f, "198.51.100.128"), "-");
		ir_feed_free(f);
	}
}

static void
bad_lines(void **state)
{
	struct ir_feed_info info;
	struct ir_err err = IR_ERR_INIT;
	struct ir_feed *f = feed("192.0.2.1\n192.0.2.300\n192.0.2.0/33\n"
	    "192.0.2.9-3\nnot one\n::1/129\n192.0.2.2 :400:x\n192.0.2.3\n",
	    IR_FEED_IP4TRIE, &info);

	(void)state;
	assert_int_equal(info.entries, 2);
	assert_int_equal(info.bad, 6);
	assert_int_equal(info.first_bad, 2);
	ir_feed_free(f);
	assert_int_equal(ir_feed_read(&f, "<html>\n<body>\n", 14, IR_FEED_AUTO,
	    &info, &err), -1);
	assert_int_equal(err.code, 65);
	assert_null(f);
	f = feed("", IR_FEED_AUTO, &info);
	assert_int_equal(info.entries, 0);
	ir_feed_free(f);
}

struct seen {
	char text[512];
	uint64_t sum;
};

static int
collect(const struct ir_prefix *p, const struct ir_feed_hit *hit, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);
	char net[IR_PREFIX_TEXT];

	(void)hit;
	s->sum += ir_net_size(p);
	snprintf(s->text + n, sizeof s->text - n, "%s ", ir_prefix_text(p,
	    net, sizeof net));
	return 0;
}

static void
networks(void **state)
{
	struct ir_feed_info info;
	struct ir_feed *f = feed("10.0.0.0/8\n!10.128.0.0/9\n11.0.0.5-9\n"
	    "255.255.255.255\n0.0.0.0\n::/0\n", IR_FEED_AUTO, &info);
	struct ir_prefix net;
	uint64_t count;

	(void)state;
	static const struct {
		const char *net, *parts;
		uint64_t count;
	} want[] = {
		{ "10.1.0.0/16", "10.1.0.0/16 ", 65536 },
		{ "10.128.0.0/16", "", 0 },
		{ "10.127.255.0/24", "10.127.255.0/24 ", 256 },
		{ "11.0.0.8/30", "11.0.0.8/31 ", 2 },
	};
	size_t i;

	for (i = 0; i < sizeof want / sizeof *want; i++) {
		struct seen s = { "", 0 };

		assert_int_equal(ir_net_parse(want[i].net, &net), 0);
		ir_feed_net(f, &net, collect, &s, &count);
		assert_string_equal(s.text, want[i].parts);
		assert_true(count == want[i].count && s.sum == count);
	}
	ir_feed_free(f);
	f = feed("10.0.0.0/8\n!10.128.0.0/9\n11.0.0.5-9\n255.255.255.255\n",
	    IR_FEED_AUTO, &info);
	assert_int_equal(ir_net_parse("0.0.0.0/0", &net), 0);
	struct seen s = { "", 0 };
	ir_feed_net(f, &net, collect, &s, &count);
	assert_string_equal(s.text, "10.0.0.0/9 11.0.0.5/32 11.0.0.6/31 "
	    "11.0.0.8/31 255.255.255.255/32 ");
	assert_true(count == (1 << 23) + 6);
	ir_feed_free(f);
}

/* Any address against the list of entries, the slow way. */
static void
against_the_slow_way(void **state)
{
	struct ir_feed_info info;
	struct ir_feed *f;
	char text[64 * 40] = "";
	unsigned seed = 7, first[60], bits[60], out[60], i, a, best, in;
	int round;

	(void)state;
	for (round = 0; round < 200; round++) {
		size_t n = 0;

		for (i = 0; i < 60; i++) {
			seed = seed * 1103515245 + 12345;
			bits[i] = 24 + (seed >> 16) % 9;
			seed = seed * 1103515245 + 12345;
			first[i] = (seed >> 16) % 256 &
			    ~(unsigned)(0xff >> (bits[i] - 24));
			seed = seed * 1103515245 + 12345;
			out[i] = (seed >> 16) % 3 == 0;
			n += (size_t)snprintf(text + n, sizeof text - n,
			    "%s10.0.0.%u/%u\n", out[i] ? "!" : "", first[i],
			    bits[i]);
		}
		f = feed(text, IR_FEED_IP4TRIE, &info);
		for (a = 0; a < 256; a++) {
			char ip[32];

			best = in = 0;
			for (i = 0; i < 60; i++) {
				if ((a & ~(unsigned)(0xff >> (bits[i] - 24)))
				    != first[i] || bits[i] < best)
					continue;
				/* of equals, an exclusion wins */
				in = bits[i] == best ? in && !out[i] :
				    !out[i];
				best = bits[i];
			}
			snprintf(ip, sizeof ip, "10.0.0.%u", a);
			assert_int_equal(says(f, ip)[0] != '-', in);
		}
		ir_feed_free(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rbldnsd),
		cmocka_unit_test(levels),
		cmocka_unit_test(names),
		cmocka_unit_test(other_forms),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(networks),
		cmocka_unit_test(against_the_slow_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
