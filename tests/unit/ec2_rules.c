/* ec2_rules.c - security group rules rewritten: exactly the mail ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "aws/ec2_rules.h"

static struct ir_sg_rule
rule(bool egress, const char *protocol, int from, int to,
    enum ir_sg_peer kind, const char *peer)
{
	struct ir_sg_rule r = { .egress = egress, .from = from, .to = to,
	    .kind = kind };

	snprintf(r.protocol, sizeof r.protocol, "%s", protocol);
	snprintf(r.peer, sizeof r.peer, "%s", peer);
	return r;
}

/* Would a TCP packet to a port of that peer be let out? */
static bool
passes(const struct ir_sg_rules *r, const char *peer, int port)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->v[i].egress && strcmp(r->v[i].peer, peer) == 0 &&
		    (strcmp(r->v[i].protocol, "-1") == 0 ||
		    (strcmp(r->v[i].protocol, "tcp") == 0 &&
		    r->v[i].from <= port && port <= r->v[i].to)))
			return true;
	return false;
}

static bool
is_mail(int port)
{
	return port == 25 || port == 465 || port == 587 || port == 2465 ||
	    port == 2525 || port == 2587;
}

/* Every port of TCP, for rules of every shape: closed are the six, only. */
static void
every_port(void **state)
{
	static const struct {
		const char *protocol;
		int from, to;
	} v[] = {
		{ "-1", -1, -1 }, { "tcp", 0, 65535 }, { "tcp", 25, 25 },
		{ "tcp", 25, 465 }, { "tcp", 26, 464 }, { "tcp", 24, 26 },
		{ "tcp", 0, 24 }, { "tcp", 2587, 65535 }, { "tcp", 587, 587 },
		{ "tcp", 65535, 65535 }, { "tcp", 465, 2587 },
		{ "6", 0, 65535 }, { "tcp", -1, -1 },
	};
	struct ir_err err = IR_ERR_INIT;
	size_t i;
	int port, from, to;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		struct ir_sg_rules in = { 0 }, out = { 0 };
		struct ir_sg_rule r = rule(true, v[i].protocol, v[i].from,
		    v[i].to, IR_SG_CIDR4, "0.0.0.0/0");

		from = v[i].from < 0 ? 0 : v[i].from;
		to = v[i].from < 0 ? 65535 : v[i].to;
		assert_int_equal(ir_sg_add(&in, &r, &err), 0);
		assert_int_equal(ir_sg_without_mail(&in, NULL, 0, &out,
		    &err), 0);
		assert_false(ir_sg_lets_mail(&out));
		for (port = 0; port <= 65535; port++) {
			bool want = from <= port && port <= to &&
			    !is_mail(port);

			if (ir_sg_lets_mail(&in))
				assert_int_equal(passes(&out, "0.0.0.0/0",
				    port), want);
		}
		ir_sg_free(&in);
		ir_sg_free(&out);
	}
}

static void
other_peers_and_protocols(void **state)
{
	struct ir_sg_rule v[] = {
		rule(false, "-1", -1, -1, IR_SG_GROUP, "sg-1"),
		rule(true, "udp", 25, 25, IR_SG_CIDR4, "0.0.0.0/0"),
		rule(true, "-1", -1, -1, IR_SG_CIDR6, "::/0"),
		rule(true, "tcp", 587, 587, IR_SG_PREFIX, "pl-1"),
		rule(true, "tcp", 443, 443, IR_SG_PREFIX, "pl-1"),
		rule(true, "-1", -1, -1, IR_SG_GROUP, "sg-2"),
	};
	struct ir_sg_rules in = { 0 }, out = { 0 };
	struct ir_sg_rule want;
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++)
		assert_int_equal(ir_sg_add(&in, &v[i], &err), 0);
	assert_int_equal(ir_sg_without_mail(&in, NULL, 0, &out, &err), 0);
	/* what is no mail stays as it is */
	assert_true(ir_sg_has(&out, &v[0]));
	assert_true(ir_sg_has(&out, &v[1]));
	assert_true(ir_sg_has(&out, &v[4]));
	assert_false(ir_sg_has(&out, &v[3]));
	/* all of IPv6: its own ICMP, not that of IPv4 */
	want = rule(true, "icmpv6", -1, -1, IR_SG_CIDR6, "::/0");
	assert_true(ir_sg_has(&out, &want));
	want = rule(true, "icmp", -1, -1, IR_SG_CIDR6, "::/0");
	assert_false(ir_sg_has(&out, &want));
	want = rule(true, "udp", 0, 65535, IR_SG_CIDR6, "::/0");
	assert_true(ir_sg_has(&out, &want));
	/* 7 ranges and UDP, ICMPv6, three tunnels */
	assert_int_equal(ir_sg_count(&out, true, 4), 1 + 13 + 1);
	assert_int_equal(ir_sg_count(&out, true, 6), 12 + 13 + 1);
	assert_int_equal(ir_sg_count(&out, false, 4), 1);
	ir_sg_free(&in);
	ir_sg_free(&out);
}

static void
allowed_networks(void **state)
{
	static const char *const allow[] = { "198.51.100.0/24",
	    "2001:db8::/32" };
	static const char *const bad[] = { "198.51.100.1/24" };
	struct ir_sg_rule v[] = {
		rule(true, "-1", -1, -1, IR_SG_CIDR4, "0.0.0.0/0"),
		rule(true, "tcp", 587, 587, IR_SG_CIDR6, "2001:db8:1::/48"),
		rule(true, "tcp", 25, 25, IR_SG_CIDR4, "203.0.113.0/24"),
	};
	struct ir_sg_rules in = { 0 }, out = { 0 };
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++)
		assert_int_equal(ir_sg_add(&in, &v[i], &err), 0);
	assert_int_equal(ir_sg_without_mail(&in, allow, 2, &out, &err), 0);
	assert_true(passes(&out, "198.51.100.0/24", 25));
	assert_true(passes(&out, "198.51.100.0/24", 2587));
	assert_false(passes(&out, "198.51.100.0/24", 80));
	/* not more than it was open to */
	assert_true(passes(&out, "2001:db8:1::/48", 587));
	assert_false(passes(&out, "2001:db8:1::/48", 25));
	assert_false(passes(&out, "2001:db8::/32", 587));
	assert_false(passes(&out, "203.0.113.0/24", 25));
	ir_sg_free(&out);
	assert_int_equal(ir_sg_without_mail(&in, bad, 1, &out, &err), -1);
	assert_int_equal(err.code, IR_USAGE);
	ir_sg_free(&in);
	ir_sg_free(&out);
}

static void
networks(void **state)
{
	char out[64];

	(void)state;
	assert_true(ir_cidr_common("10.0.0.0/8", "10.1.0.0/16", out));
	assert_string_equal(out, "10.1.0.0/16");
	assert_true(ir_cidr_common("10.1.0.0/16", "0.0.0.0/0", out));
	assert_string_equal(out, "10.1.0.0/16");
	assert_false(ir_cidr_common("10.1.0.0/16", "10.2.0.0/16", out));
	assert_false(ir_cidr_common("0.0.0.0/0", "::/0", out));
	assert_true(ir_cidr_ok("::/0"));
	assert_true(ir_cidr_ok("192.0.2.1/32"));
	assert_false(ir_cidr_ok("192.0.2.1"));
	assert_false(ir_cidr_ok("192.0.2.1/33"));
	assert_false(ir_cidr_ok("192.0.2.1/-1"));
	assert_false(ir_cidr_ok("192.0.2.0/24x"));
	assert_false(ir_cidr_ok("/8"));
	assert_false(ir_cidr_ok("10.0.0.1/8"));
	assert_false(ir_cidr_ok(""));
}

static void
reading(void **state)
{
	static const char good[] = "{\"securityGroupRuleId\":\"sgr-1\","
	    "\"isEgress\":\"true\",\"ipProtocol\":\"tcp\",\"fromPort\":\"25\","
	    "\"toPort\":\"25\",\"referencedGroupInfo\":{\"groupId\":\"sg-9\","
	    "\"userId\":\"111122223333\"},\"description\":\"x\"}";
	static const char *const bad[] = { "{}", "[]",
	    "{\"securityGroupRuleId\":\"sgr-1\",\"isEgress\":\"true\","
	    "\"ipProtocol\":\"tcp\"}", "{\"securityGroupRuleId\":\"sgr-1\","
	    "\"ipProtocol\":\"tcp\",\"cidrIpv4\":\"0.0.0.0/0\"}" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_sg_rule r;
	struct ir_rec *rec = ir_rec_parse(good, sizeof good - 1, &err);
	size_t i;

	(void)state;
	assert_int_equal(ir_sg_read(rec, &r, &err), 0);
	assert_true(r.egress && r.kind == IR_SG_GROUP && r.from == 25);
	assert_string_equal(r.peer, "sg-9");
	ir_rec_free(rec);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		rec = ir_rec_parse(bad[i], strlen(bad[i]), &err);
		assert_int_equal(ir_sg_read(rec, &r, &err), -1);
		assert_int_equal(err.code, IR_PROTOCOL);
		ir_rec_free(rec);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port),
		cmocka_unit_test(other_peers_and_protocols),
		cmocka_unit_test(allowed_networks),
		cmocka_unit_test(networks),
		cmocka_unit_test(reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
