/* policy_resource.c - policies of resources, sessions, and who asks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "policy/compromised.h"
#include "policy/who.h"

#define ACCOUNT "111122223333"
#define IAM "arn:aws:iam::" ACCOUNT ":"
#define BOB IAM "user/mail/bob"
#define HOST IAM "role/mail-host"
#define ID "arn:aws:ses:us-east-1:" ACCOUNT ":identity/shop.example.net"
#define HEAD "{\"Version\":\"2012-10-17\",\"Statement\":"
#define ST(effect, who, rest) "{\"Effect\":\"" effect "\"," who \
	",\"Action\":\"ses:Send*\"" rest "}"
#define AWS(name) "\"Principal\":{\"AWS\":\"" name "\"}"
#define NOT_AWS(names) "\"NotPrincipal\":{\"AWS\":[" names "]}"
#define ALL HEAD "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"
#define S3 HEAD "{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}}"

static const struct ir_policy_who bob = { IR_POLICY_USER, BOB, ACCOUNT,
	"AIDABOB" };
static const struct ir_policy_who host = { IR_POLICY_ROLE, HOST, ACCOUNT,
	"AROAHOST" };
static const struct ir_policy_who partner = { IR_POLICY_OTHER,
	"arn:aws:iam::999988887777:root", "999988887777", NULL };
static const struct ir_policy_who everyone = { IR_POLICY_OTHER, "*", "",
	NULL };

static struct ir_policy *
parsed(enum ir_policy_kind kind, const char *text)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_policy *p = NULL;

	if (text && ir_policy_parse_kind(&p, kind, "p", text, strlen(text),
	    &err))
		print_message("%s: %s\n", text, err.msg);
	assert_true(!text || p);
	return p;
}

struct set {
	const char *own, *boundary, *session, *resource;
};

static struct ir_policy_answer
judged(struct set t, const struct ir_policy_who *who)
{
	struct ir_policy *own = parsed(IR_POLICY_OF_IDENTITY, t.own);
	struct ir_policy *b = parsed(IR_POLICY_OF_IDENTITY, t.boundary);
	struct ir_policy *s = parsed(IR_POLICY_OF_IDENTITY, t.session);
	struct ir_policy *res = parsed(IR_POLICY_OF_RESOURCE, t.resource);
	struct ir_policy_set set = { .identity = &own, .n = own != NULL,
		.boundary = b, .session = s, .resource = &res,
		.nresource = res != NULL };
	struct ir_policy_request r = { .action = "ses:SendEmail",
		.resource = ID, .who = who };
	struct ir_policy_answer a;

	ir_policy_judge(&set, &r, &a);
	ir_policy_free(own);
	ir_policy_free(b);
	ir_policy_free(s);
	ir_policy_free(res);
	return a;
}

/* With the policies given, statements of the resource's in brackets. */
#define IS(want, who, ...) assert_int_equal(want, \
	judged((struct set){ __VA_ARGS__ }, &(who)).verdict)

static void
grants(void **state)
{
	(void)state;
	IS(IR_POLICY_ALLOWED, bob, .resource = HEAD ST("Allow", AWS(BOB), "")
	    "}");
	IS(IR_POLICY_ALLOWED, bob, .resource = HEAD
	    ST("Allow", AWS("AIDABOB"), "") "}");
	IS(IR_POLICY_NONE, bob, .resource = HEAD
	    ST("Allow", AWS(IAM "user/bob"), "") "}");
	IS(IR_POLICY_NONE, host, .resource = HEAD ST("Allow", AWS(BOB), "")
	    "}");
	IS(IR_POLICY_ALLOWED, bob, .resource = HEAD
	    ST("Allow", "\"Principal\":\"*\"", "") "}");
	IS(IR_POLICY_ALLOWED, host, .resource = HEAD ST("Allow", AWS("*"), "")
	    "}");
	/* the own account lets its policies decide */
	IS(IR_POLICY_NONE, bob, .resource = HEAD
	    ST("Allow", AWS(IAM "root"), "") "}");
	IS(IR_POLICY_NONE, bob, .resource = HEAD
	    ST("Allow", AWS(ACCOUNT), "") "}");
	IS(IR_POLICY_ALLOWED, partner, .resource = HEAD
	    ST("Allow", AWS("999988887777"), "") "}");
	IS(IR_POLICY_NONE, partner, .resource = HEAD
	    ST("Allow", AWS(IAM "root"), "") "}");
	IS(IR_POLICY_ALLOWED, everyone, .resource = HEAD
	    ST("Allow", AWS("*"), "") "}");
	IS(IR_POLICY_NONE, everyone, .resource = HEAD
	    ST("Allow", AWS(BOB), "") "}");
	/* a session by its name: whoever assumes the role chooses that */
	IS(IR_POLICY_UNKNOWN, host, .resource = HEAD ST("Allow",
	    AWS("arn:aws:sts::" ACCOUNT ":assumed-role/mail-host/i-1"), "")
	    "}");
	IS(IR_POLICY_NONE, host, .resource = HEAD ST("Allow",
	    AWS("arn:aws:sts::" ACCOUNT ":assumed-role/other/i-1"), "") "}");
	/* another resource, another action */
	IS(IR_POLICY_NONE, bob, .resource = HEAD ST("Allow", AWS(BOB),
	    ",\"Resource\":\"" ID "x\"") "}");
	IS(IR_POLICY_ALLOWED, bob, .resource = HEAD ST("Allow", AWS(BOB),
	    ",\"Resource\":\"" ID "\"") "}");
	IS(IR_POLICY_UNKNOWN, bob, .resource = HEAD ST("Allow", AWS(BOB),
	    ",\"Condition\":{\"StringEquals\":{\"ses:FromAddress\":\"a\"}}")
	    "}");
	IS(IR_POLICY_UNKNOWN, bob, .resource = HEAD
	    ST("Allow", NOT_AWS("\"" HOST "\""), "") "}");
	IS(IR_POLICY_NONE, bob, .resource = HEAD
	    ST("Allow", NOT_AWS("\"" BOB "\""), "") "}");
}

static void
limits(void **state)
{
	(void)state;
	/* a boundary: not for a user's ARN, for a role's, for all: unsaid */
	IS(IR_POLICY_ALLOWED, bob, .boundary = S3, .resource = HEAD
	    ST("Allow", AWS(BOB), "") "}");
	IS(IR_POLICY_NONE, host, .boundary = S3, .resource = HEAD
	    ST("Allow", AWS(HOST), "") "}");
	IS(IR_POLICY_ALLOWED, host, .boundary = ALL, .resource = HEAD
	    ST("Allow", AWS(HOST), "") "}");
	IS(IR_POLICY_UNKNOWN, bob, .boundary = S3, .resource = HEAD
	    ST("Allow", AWS("*"), "") "}");
	IS(IR_POLICY_ALLOWED, bob, .boundary = ALL, .resource = HEAD
	    ST("Allow", AWS("*"), "") "}");
	/* a session's policy takes away, and says so */
	IS(IR_POLICY_NONE, host, .own = ALL, .session = S3);
	IS(IR_POLICY_ALLOWED, host, .own = ALL, .session = ALL);
	IS(IR_POLICY_NONE, host, .session = ALL);
	assert_string_equal(judged((struct set){ .own = ALL, .session = S3 },
	    &host).why, "not allowed by the session policy p");
}

static void
denials(void **state)
{
	(void)state;
	IS(IR_POLICY_DENIED, bob, .own = ALL, .resource = HEAD
	    ST("Deny", AWS(BOB), "") "}");
	IS(IR_POLICY_DENIED, bob, .own = ALL, .resource = HEAD
	    ST("Deny", AWS("*"), "") "}");
	IS(IR_POLICY_DENIED, bob, .own = ALL, .resource = HEAD
	    ST("Deny", AWS(IAM "root"), "") "}");
	IS(IR_POLICY_ALLOWED, bob, .own = ALL, .resource = HEAD
	    ST("Deny", AWS(HOST), "") "}");
	IS(IR_POLICY_UNKNOWN, host, .own = ALL, .resource = HEAD ST("Deny",
	    AWS("arn:aws:sts::" ACCOUNT ":assumed-role/mail-host/i-1"), "")
	    "}");
	/* all but some */
#define FEW NOT_AWS("\"" BOB "\",\"" HOST "\",\"" IAM "root\"")
	IS(IR_POLICY_ALLOWED, bob, .own = ALL, .resource = HEAD
	    ST("Deny", FEW, "") "}");
	IS(IR_POLICY_UNKNOWN, host, .own = ALL, .resource = HEAD
	    ST("Deny", FEW, "") "}");
	IS(IR_POLICY_DENIED, bob, .own = ALL, .boundary = ALL, .resource =
	    HEAD ST("Deny", FEW, "") "}");
	IS(IR_POLICY_UNKNOWN, bob, .own = ALL, .resource = HEAD
	    ST("Deny", NOT_AWS("\"" BOB "\""), "") "}");
	IS(IR_POLICY_DENIED, bob, .own = ALL, .resource = HEAD
	    ST("Deny", NOT_AWS("\"" HOST "\",\"" IAM "root\""), "") "}");
}

static void
reasons(void **state)
{
	struct ir_policy_answer a;

	(void)state;
	a = judged((struct set){ .own = HEAD "[" "{\"Effect\":\"Allow\","
	    "\"Action\":\"s3:*\",\"Resource\":\"*\"},{\"Sid\":\"Mail\","
	    "\"Effect\":\"Allow\",\"Action\":\"ses:*\",\"Resource\":\"*\"}]}"
	    }, &bob);
	assert_string_equal(a.why, "allowed by p, statement 2 (Mail)");
	assert_int_equal(a.statement, 2);
	a = judged((struct set){ .own = ALL, .resource = HEAD "[" ST("Allow",
	    AWS(HOST), "") "," ST("Deny", AWS(BOB), "") "]}" }, &bob);
	assert_string_equal(a.why, "denied by p, statement 2");
	/* what decides is what is named, not the first unknown thing */
	a = judged((struct set){ .own = HEAD "[{\"Effect\":\"Allow\","
	    "\"Action\":\"ses:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":"
	    "{\"x:a\":\"true\"}}},{\"Effect\":\"Allow\",\"Action\":\"*\","
	    "\"Resource\":\"*\"},{\"Effect\":\"Deny\",\"Action\":\"*\","
	    "\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"x:b\":\"true\"}}}"
	    "]}" }, &bob);
	assert_string_equal(a.why,
	    "depends on condition key x:b in p, statement 3");
}

static void
refused(enum ir_policy_kind kind, const char *text)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_policy *p;

	assert_int_equal(ir_policy_parse_kind(&p, kind, "p", text,
	    strlen(text), &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
}

static void
documents(void **state)
{
	struct ir_policy *p;

	(void)state;
	refused(IR_POLICY_OF_RESOURCE, ALL);
	refused(IR_POLICY_OF_RESOURCE, HEAD ST("Allow",
	    "\"Principal\":\"bob\"", "") "}");
	refused(IR_POLICY_OF_RESOURCE, HEAD ST("Allow",
	    "\"Principal\":{}", "") "}");
	refused(IR_POLICY_OF_RESOURCE, HEAD ST("Allow",
	    "\"Principal\":{\"AWS\":[]}", "") "}");
	refused(IR_POLICY_OF_RESOURCE, HEAD ST("Allow", AWS(BOB) ","
	    NOT_AWS("\"" BOB "\""), "") "}");
	refused(IR_POLICY_OF_ROLE, HEAD ST("Allow", AWS(BOB),
	    ",\"Resource\":\"*\"") "}");
	p = parsed(IR_POLICY_OF_ROLE, HEAD ST("Allow", AWS(BOB), "") "}");
	assert_non_null(ir_policy_statement(p, 0));
	assert_null(ir_policy_statement(p, 1));
	assert_true(ir_policy_statement_has(ir_policy_statement(p, 0),
	    "ses:sendEmail"));
	assert_false(ir_policy_statement_has(ir_policy_statement(p, 0),
	    "sts:AssumeRole"));
	ir_policy_free(p);
}

/* "any": absent by its family; "some": there, and its value not known. */
static void
keys(void **state)
{
	static const char *const team[] = { "mail" };
	const struct ir_policy_key k[] = { { "aws:PrincipalTag/*", NULL, 0 },
		{ "aws:PrincipalTag/team", team, 1 }, { "x:some", NULL, 1 } };
	static const struct {
		const char *condition;
		enum ir_policy_verdict v;
	} all[] = {
		{ "\"StringEquals\":{\"aws:principaltag/Team\":\"mail\"}",
		    IR_POLICY_ALLOWED },
		{ "\"StringEquals\":{\"aws:PrincipalTag/other\":\"mail\"}",
		    IR_POLICY_NONE },
		{ "\"StringNotEquals\":{\"aws:PrincipalTag/other\":\"x\"}",
		    IR_POLICY_ALLOWED },
		{ "\"StringEquals\":{\"aws:ResourceTag/other\":\"x\"}",
		    IR_POLICY_UNKNOWN },
		{ "\"Null\":{\"x:some\":\"false\"}", IR_POLICY_ALLOWED },
		{ "\"Null\":{\"x:some\":\"true\"}", IR_POLICY_NONE },
		{ "\"StringLike\":{\"x:some\":\"*\"}", IR_POLICY_UNKNOWN },
		{ "\"StringLike\":{\"aws:PrincipalTag/team\":\"${x:some}\"}",
		    IR_POLICY_UNKNOWN },
	};
	struct ir_policy_request r = { .action = "ses:SendEmail",
		.resource = ID, .keys = k, .nkeys = 3 };
	struct ir_policy_set set = { .n = 1 };
	struct ir_policy_answer a;
	struct ir_policy *p;
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof all / sizeof *all; i++) {
		snprintf(text, sizeof text, HEAD "{\"Effect\":\"Allow\","
		    "\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{%s}}}",
		    all[i].condition);
		p = parsed(IR_POLICY_OF_IDENTITY, text);
		set.identity = &p;
		ir_policy_judge(&set, &r, &a);
		if (a.verdict != all[i].v)
			print_message("%s: %s\n", all[i].condition, a.why);
		assert_int_equal(a.verdict, all[i].v);
		ir_policy_free(p);
	}
}

static void
accounts(void **state)
{
	char account[13];

	(void)state;
	assert_true(ir_policy_account(BOB, account));
	assert_string_equal(account, ACCOUNT);
	assert_true(ir_policy_account(ACCOUNT, account));
	assert_false(ir_policy_account("arn:aws:iam", account));
	assert_false(ir_policy_account("arn:aws:iam::12:root", account));
	assert_false(ir_policy_account("1111222233334", account));
	assert_false(ir_policy_account("111122223333:x", account));
	assert_false(ir_policy_account("*", account));
	assert_false(ir_policy_account("", account));
}

static void
quarantines(void **state)
{
	static const char *const send[] = { "ses:SendEmail",
		"ses:SendRawEmail" };
	struct ir_policy *p = parsed(IR_POLICY_OF_IDENTITY, HEAD
	    "{\"Effect\":\"Deny\",\"Action\":[\"ses:SendEmail\",\"ses:Get*\"],"
	    "\"Resource\":\"*\"}}");
	struct ir_rec *rec = ir_rec_object();

	(void)state;
	assert_true(ir_compromised_is(
	    "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV9"));
	assert_false(ir_compromised_is("arn:aws:iam::" ACCOUNT
	    ":policy/AWSCompromisedKeyQuarantineV9"));
	assert_true(ir_compromised_only_denies(p));
	ir_compromised_sending(rec, p, send, 2);
	assert_false(ir_rec_get_bool(rec, "stops_sending", true));
	assert_int_equal(ir_compromised_denies(rec, p, "ses:GetAccount", "*"),
	    IR_POLICY_DENIED);
	ir_rec_free(rec);
	ir_policy_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants), cmocka_unit_test(limits),
		cmocka_unit_test(denials), cmocka_unit_test(reasons),
		cmocka_unit_test(documents), cmocka_unit_test(keys),
		cmocka_unit_test(accounts), cmocka_unit_test(quarantines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
