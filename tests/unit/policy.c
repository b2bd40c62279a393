/* policy.c - IAM policies: what they allow, deny, and leave open */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

#define USER "arn:aws:iam::111122223333:user/mail/ses-smtp"
#define HEAD "{\"Version\":\"2012-10-17\",\"Statement\":"

static const char *const name[] = { "ses-smtp" };
static const char *const ip[] = { "198.51.100.7" };
static const char *const ip6[] = { "2001:db8::7" };
static const char *const now[] = { "2026-11-21T20:00:00Z" };
static const char *const tags[] = { "a", "b" };
static const char *const number[] = { "17" };
static const char *const arn[] = { USER };
static const char *const yes[] = { "true" };

static const struct ir_policy_key keys[] = {
	{ "aws:username", name, 1 }, { "aws:SourceIp", ip, 1 },
	{ "x:ip6", ip6, 1 }, { "aws:CurrentTime", now, 1 },
	{ "aws:TagKeys", tags, 2 }, { "x:n", number, 1 },
	{ "aws:PrincipalArn", arn, 1 }, { "x:yes", yes, 1 },
	{ "aws:TokenIssueTime", NULL, 0 },
};

static struct ir_policy *
parsed(const char *text)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_policy *p;

	if (ir_policy_parse(&p, "p", text, strlen(text), &err))
		print_message("%s: %s\n", text, err.msg);
	assert_non_null(p);
	return p;
}

static enum ir_policy_verdict
decide(const char *text, const char *boundary, const char *action,
    const char *resource, char why[IR_POLICY_WHY])
{
	struct ir_policy *p = parsed(text);
	struct ir_policy *b = boundary ? parsed(boundary) : NULL;
	struct ir_policy_set set = { .identity = &p, .n = 1, .boundary = b };
	struct ir_policy_request r = { .action = action,
		.resource = resource, .keys = keys,
		.nkeys = sizeof keys / sizeof *keys };
	enum ir_policy_verdict v = ir_policy_decide(&set, &r, why);

	ir_policy_free(p);
	ir_policy_free(b);
	return v;
}

static void
is(enum ir_policy_verdict want, const char *statements, const char *action,
    const char *resource)
{
	char text[2048], why[IR_POLICY_WHY];
	enum ir_policy_verdict got;

	snprintf(text, sizeof text, HEAD "%s}", statements);
	got = decide(text, NULL, action, resource, why);
	if (got != want)
		print_message("%s %s: %s\n", statements, action, why);
	assert_int_equal(got, want);
}

#define ALLOW(rest) "{\"Effect\":\"Allow\"," rest "}"
#define DENY(rest) "{\"Effect\":\"Deny\"," rest "}"
#define ALL "\"Action\":\"*\",\"Resource\":\"*\""

static void
actions_and_resources(void **state)
{
	(void)state;
	is(IR_POLICY_ALLOWED, ALLOW(ALL), "iam:ListUsers", "*");
	is(IR_POLICY_ALLOWED, ALLOW("\"Action\":[\"x:y\",\"SES:send*\"],"
	    "\"Resource\":\"*\""), "ses:SendRawEmail", "*");
	is(IR_POLICY_NONE, ALLOW("\"Action\":\"ses:Get?\","
	    "\"Resource\":\"*\""), "ses:GetAccount", "*");
	is(IR_POLICY_ALLOWED, ALLOW("\"Action\":\"ses:Get???oun?\","
	    "\"Resource\":\"*\""), "ses:GetAccount", "*");
	is(IR_POLICY_ALLOWED, ALLOW("\"NotAction\":\"iam:*\","
	    "\"Resource\":\"*\""), "ses:GetAccount", "*");
	is(IR_POLICY_NONE, ALLOW("\"NotAction\":\"iam:*\","
	    "\"Resource\":\"*\""), "iam:ListUsers", "*");
	is(IR_POLICY_ALLOWED, ALLOW("\"Action\":\"iam:*\",\"Resource\":"
	    "\"arn:aws:iam::*:user/mail/*\""), "iam:ListAccessKeys", USER);
	is(IR_POLICY_NONE, ALLOW("\"Action\":\"iam:*\",\"Resource\":"
	    "\"arn:aws:iam::*:user/Mail/*\""), "iam:ListAccessKeys", USER);
	is(IR_POLICY_ALLOWED, ALLOW("\"Action\":\"iam:*\",\"Resource\":"
	    "\"arn:aws:iam::*:user/*/${aws:username}\""),
	    "iam:ListAccessKeys", USER);
	is(IR_POLICY_NONE, ALLOW("\"Action\":\"iam:*\",\"NotResource\":"
	    "\"arn:aws:iam::*:user/*\""), "iam:ListAccessKeys", USER);
	/* an action without a resource is not had by one that names any */
	is(IR_POLICY_NONE, ALLOW("\"Action\":\"ses:*\",\"Resource\":"
	    "\"arn:aws:ses:*:*:identity/*\""), "ses:GetAccount", "*");
	/* a star over a colon, and a resource that is not known */
	is(IR_POLICY_UNKNOWN, ALLOW("\"Action\":\"iam:*\",\"Resource\":"
	    "\"arn:*ses-smtp\""), "iam:ListAccessKeys", USER);
	is(IR_POLICY_UNKNOWN, ALLOW("\"Action\":\"iam:*\",\"Resource\":"
	    "\"arn:aws:iam::*:user/mail/*\""), "iam:ListAccessKeys", NULL);
	is(IR_POLICY_ALLOWED, ALLOW(ALL), "iam:ListAccessKeys", NULL);
	is(IR_POLICY_UNKNOWN, "[" ALLOW(ALL) "," DENY("\"Action\":\"iam:*\","
	    "\"Resource\":\"arn:aws:iam::*:user/mail/*\"") "]",
	    "iam:ListAccessKeys", NULL);
	/* deny wins, wherever it stands */
	is(IR_POLICY_DENIED, "[" DENY("\"Action\":\"ses:*\","
	    "\"Resource\":\"*\"") "," ALLOW(ALL) "]", "ses:GetAccount", "*");
	is(IR_POLICY_ALLOWED, "[" DENY("\"Action\":\"ses:*\","
	    "\"Resource\":\"*\"") "," ALLOW(ALL) "]", "iam:ListUsers", "*");
}

/* with an Allow of all, what a Deny with this condition does */
static void
condition(enum ir_policy_verdict allow, const char *c)
{
	enum ir_policy_verdict deny =
	    allow == IR_POLICY_ALLOWED ? IR_POLICY_DENIED :
	    allow == IR_POLICY_NONE ? IR_POLICY_ALLOWED : IR_POLICY_UNKNOWN;
	char s[1024];

	snprintf(s, sizeof s, ALLOW(ALL ",\"Condition\":{%s}"), c);
	is(allow, s, "a:B", "*");
	snprintf(s, sizeof s, "[" ALLOW(ALL) "," DENY(ALL
	    ",\"Condition\":{%s}") "]", c);
	is(deny, s, "a:B", "*");
}

#define YES(c) condition(IR_POLICY_ALLOWED, c)
#define NO(c) condition(IR_POLICY_NONE, c)
#define MAYBE(c) condition(IR_POLICY_UNKNOWN, c)

static void
conditions(void **state)
{
	(void)state;
	YES("\"StringEquals\":{\"AWS:Username\":[\"x\",\"ses-smtp\"]}");
	NO("\"StringEquals\":{\"aws:username\":\"ses-*\"}");
	YES("\"StringLike\":{\"aws:username\":\"ses-*\"}");
	NO("\"StringLike\":{\"aws:username\":\"ses-${*}\"}");
	NO("\"StringNotLike\":{\"aws:username\":[\"x\",\"ses-*\"]}");
	YES("\"StringEqualsIgnoreCase\":{\"aws:username\":\"SES-SMTP\"}");
	YES("\"StringNotEquals\":{\"aws:username\":[\"x\",\"y\"]}");
	YES("\"StringEquals\":{\"aws:username\":\"${aws:username}\"}");
	YES("\"ArnLike\":{\"aws:PrincipalArn\":"
	    "\"arn:aws:iam::*:user/*\"}");
	NO("\"ArnLike\":{\"aws:PrincipalArn\":\"arn:*:user/*\"}");
	YES("\"ArnNotEquals\":{\"aws:PrincipalArn\":"
	    "\"arn:aws:iam::1:user/x\"}");
	YES("\"Bool\":{\"x:yes\":true}");
	NO("\"Bool\":{\"x:yes\":\"false\"}");
	YES("\"IpAddress\":{\"aws:SourceIp\":[\"192.0.2.0/24\","
	    "\"198.51.100.0/24\"]}");
	NO("\"NotIpAddress\":{\"aws:SourceIp\":\"198.51.100.7\"}");
	NO("\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}");
	NO("\"IpAddress\":{\"x:ip6\":[\"0.0.0.0/0\",\"::1\"]}");
	MAYBE("\"IpAddress\":{\"aws:SourceIp\":\"::ffff:198.51.100.7\"}");
	YES("\"IpAddress\":{\"x:ip6\":\"2001:db8::/32\"}");
	MAYBE("\"IpAddress\":{\"aws:SourceIp\":\"198.51.100.0/33\"}");
	YES("\"NumericLessThanEquals\":{\"x:n\":17}");
	NO("\"NumericGreaterThan\":{\"x:n\":\"17.0\"}");
	YES("\"NumericNotEquals\":{\"x:n\":\"18\"}");
	MAYBE("\"NumericEquals\":{\"x:n\":\"0x11\"}");
	MAYBE("\"NumericEquals\":{\"x:n\":\"nan\"}");
	YES("\"DateGreaterThan\":{\"aws:CurrentTime\":\"2026-01-01\"},"
	    "\"DateLessThan\":{\"aws:CurrentTime\":1900000000}");
	MAYBE("\"DateGreaterThan\":{\"aws:CurrentTime\":\"yesterday\"}");
	/* all of several operators and keys */
	NO("\"StringEquals\":{\"aws:username\":\"ses-smtp\","
	    "\"x:n\":\"18\"}");
	/* absent, and known to be */
	NO("\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-01-01\"}");
	YES("\"DateLessThanIfExists\":{\"aws:TokenIssueTime\":"
	    "\"2026-01-01\"}");
	YES("\"DateNotEquals\":{\"aws:TokenIssueTime\":\"2026-01-01\"}");
	YES("\"Null\":{\"aws:TokenIssueTime\":\"true\"}");
	YES("\"Null\":{\"aws:username\":[false]}");
	NO("\"Null\":{\"aws:username\":\"true\"}");
	MAYBE("\"Null\":{\"aws:username\":\"perhaps\"}");
	/* sets */
	YES("\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":\"b\"}");
	NO("\"ForAllValues:StringEquals\":{\"aws:TagKeys\":\"b\"}");
	YES("\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\"]}");
	YES("\"ForAllValues:StringEquals\":{\"aws:TokenIssueTime\":\"x\"}");
	NO("\"ForAnyValue:StringNotEquals\":{\"aws:TokenIssueTime\":\"x\"}");
	/* not known: neither satisfied nor failed */
	MAYBE("\"StringEquals\":{\"aws:SourceVpc\":\"vpc-1\"}");
	MAYBE("\"StringNotEquals\":{\"aws:SourceVpc\":\"vpc-1\"}");
	MAYBE("\"StringEqualsIfExists\":{\"aws:SourceVpc\":\"vpc-1\"}");
	MAYBE("\"Null\":{\"aws:SourceVpc\":\"true\"}");
	MAYBE("\"StringEqualz\":{\"aws:username\":\"ses-smtp\"}");
	MAYBE("\"NullIfExists\":{\"aws:username\":\"true\"}");
	MAYBE("\"ForMostValues:StringEquals\":{\"aws:username\":\"x\"}");
	MAYBE("\"StringEquals\":{\"aws:username\":\"${aws:SourceVpc}\"}");
	YES("\"StringEquals\":{\"aws:username\":"
	    "\"${aws:TokenIssueTime, 'ses-smtp'}\"}");
	NO("\"StringEquals\":{\"aws:username\":\"${aws:TokenIssueTime}\"}");
	MAYBE("\"StringNotEquals\":{\"aws:username\":"
	    "\"${aws:TokenIssueTime}\"}");
	/* what fails fails, whatever else is not known */
	NO("\"StringEquals\":{\"aws:username\":\"x\",\"aws:SourceVpc\":"
	    "\"y\"}");
}

static void
several(void **state)
{
	char why[IR_POLICY_WHY];
	struct ir_policy_set set = { .incomplete = true };
	struct ir_policy_request r = { .action = "ses:GetAccount",
		.resource = "*" };
	struct ir_policy *p;

	(void)state;
	/* the older version has no variables */
	assert_int_equal(decide("{\"Statement\":" ALLOW("\"Action\":\"iam:*\","
	    "\"Resource\":\"arn:aws:iam::*:user/*/${aws:username}\"") "}",
	    NULL, "iam:ListAccessKeys", USER, why), IR_POLICY_NONE);
	/* a boundary allows nothing, and takes away */
	assert_int_equal(decide(HEAD ALLOW(ALL) "}", HEAD
	    ALLOW("\"Action\":\"iam:*\",\"Resource\":\"*\"") "}",
	    "ses:GetAccount", "*", why), IR_POLICY_NONE);
	assert_string_equal(why, "not allowed by the boundary p");
	assert_int_equal(decide(HEAD ALLOW("\"Action\":\"ses:*\","
	    "\"Resource\":\"*\"") "}", HEAD ALLOW(ALL) "}",
	    "iam:ListUsers", "*", why), IR_POLICY_NONE);
	assert_int_equal(decide(HEAD ALLOW(ALL) "}", HEAD "[" ALLOW(ALL) ","
	    DENY("\"Action\":\"ses:*\",\"Resource\":\"*\"") "]}",
	    "ses:GetAccount", "*", why), IR_POLICY_DENIED);
	/* with some unread, only a Deny is sure */
	p = parsed(HEAD ALLOW(ALL) "}");
	set.identity = &p;
	set.n = 1;
	assert_int_equal(ir_policy_decide(&set, &r, why), IR_POLICY_UNKNOWN);
	ir_policy_free(p);
	p = parsed(HEAD DENY(ALL) "}");
	assert_int_equal(ir_policy_decide(&set, &r, why), IR_POLICY_DENIED);
	assert_string_equal(why, "denied by p");
	ir_policy_free(p);
}

static void
refused(const char *text)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_policy *p;

	assert_int_equal(ir_policy_parse(&p, "p", text, strlen(text), &err),
	    -1);
	assert_null(p);
	assert_int_equal(err.code, IR_DATAERR);
}

static void
documents(void **state)
{
	char *big = malloc(IR_POLICY_MAX + 8);
	struct ir_rec *a = ir_rec_array();
	struct ir_policy *p;

	(void)state;
	assert_non_null(big);
	/* as IAM returns them; a plus is a plus */
	p = parsed("%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A"
	    "%5B%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22a%3A+%22%2C"
	    "%22Resource%22%3A%22%2A%22%7D%5D%7D");
	ir_policy_denies(p, true, a);
	assert_string_equal(ir_rec_cstr(ir_rec_item(a, 0)), "a:+");
	ir_rec_free(a);
	ir_policy_free(p);
	refused("");
	refused("[]");
	refused("{}");
	refused("%7B%2");
	refused("%7B%zz");
	refused(HEAD "[]}");
	refused(HEAD "[{}]}");
	refused("{\"Version\":\"2020-01-01\",\"Statement\":" ALLOW(ALL) "}");
	refused(HEAD ALLOW(ALL) ",\"More\":1}");
	refused(HEAD ALLOW(ALL ",\"Principal\":\"*\"") "}");
	refused(HEAD ALLOW(ALL ",\"NotAction\":\"x:y\"") "}");
	refused(HEAD ALLOW("\"Action\":\"*\"") "}");
	refused(HEAD ALLOW("\"Action\":[],\"Resource\":\"*\"") "}");
	refused(HEAD ALLOW("\"Action\":[1],\"Resource\":\"*\"") "}");
	refused(HEAD "{\"Effect\":\"allow\"," ALL "}}");
	refused(HEAD ALLOW("\"Action\":\"a\\u0000b\",\"Resource\":\"*\"") "}");
	refused(HEAD ALLOW("\"Action\":\"a\\u0001b\",\"Resource\":\"*\"") "}");
	refused(HEAD ALLOW(ALL ",\"Condition\":{\"Bool\":1}") "}");
	refused(HEAD ALLOW(ALL ",\"Condition\":{\"Bool\":{\"k\":[]}}") "}");
	refused(HEAD ALLOW(ALL ",\"Condition\":{\"Bool\":{\"k\":{}}}") "}");
	memset(big, ' ', IR_POLICY_MAX + 7);
	big[IR_POLICY_MAX + 7] = '\0';
	refused(big);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions_and_resources),
		cmocka_unit_test(conditions),
		cmocka_unit_test(several),
		cmocka_unit_test(documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
