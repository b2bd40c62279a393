/* authdetails.c - an account's authorization details, page by page */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "aws/authdetails.h"

#define IAM "arn:aws:iam::111122223333:"
#define DOC(action) "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C" \
	"%22Action%22%3A%22" action "%22%2C%22Resource%22%3A%22%2A%22%7D%7D"

static int
page(struct ir_auth *a, const char *json, struct ir_err *err)
{
	struct ir_rec *r = ir_rec_parse(json, strlen(json), err);
	int rc;

	assert_non_null(r);
	rc = ir_auth_page(a, r, err);
	ir_rec_free(r);
	return rc;
}

static const char users[] = "{\"UserDetailList\":[{\"UserName\":\"bob\","
    "\"UserId\":\"AIDA1\",\"Arn\":\"" IAM "user/mail/bob\",\"CreateDate\":"
    "\"2026-01-02T03:04:05Z\",\"GroupList\":[\"g\"],\"UserPolicyList\":["
    "{\"PolicyName\":\"own\",\"PolicyDocument\":\"" DOC("a:b") "\"}],"
    "\"AttachedManagedPolicies\":[{\"PolicyName\":\"m\",\"PolicyArn\":\""
    IAM "policy/m\"}],\"Tags\":[{\"Key\":\"team\",\"Value\":\"\"}],"
    "\"PermissionsBoundary\":{\"PermissionsBoundaryArn\":\"" IAM
    "policy/b\"}},{\"UserName\":\"al\",\"UserId\":\"AIDA2\",\"Arn\":\"" IAM
    "user/al\",\"GroupList\":\"\",\"UserPolicyList\":\"\"}],"
    "\"GroupDetailList\":\"\",\"RoleDetailList\":\"\",\"Policies\":\"\"}";
static const char rest[] = "{\"GroupDetailList\":[{\"GroupName\":\"g\","
    "\"GroupId\":\"AGPA1\",\"Arn\":\"" IAM "group/x/g\",\"GroupPolicyList\":"
    "[{\"PolicyName\":\"odd\",\"PolicyDocument\":\"%7B\"}]}],"
    "\"RoleDetailList\":[{\"RoleName\":\"r\",\"RoleId\":\"AROA1\",\"Arn\":\""
    IAM "role/aws-service-role/x/r\",\"Path\":\"/aws-service-role/x/\","
    "\"AssumeRolePolicyDocument\":\"{\\\"Statement\\\":{\\\"Effect\\\":"
    "\\\"Allow\\\",\\\"Action\\\":\\\"sts:AssumeRole\\\",\\\"Principal\\\":"
    "{\\\"Service\\\":\\\"x\\\"}}}\",\"InstanceProfileList\":["
    "{\"InstanceProfileName\":\"ip\"}],\"RoleLastUsed\":{\"LastUsedDate\":"
    "\"2026-11-01T00:00:00Z\",\"Region\":\"us-east-1\"}}],\"Policies\":["
    "{\"Arn\":\"" IAM "policy/m\",\"PolicyName\":\"m\",\"DefaultVersionId\":"
    "\"v2\",\"PolicyVersionList\":[{\"VersionId\":\"v1\",\"Document\":\""
    DOC("old:x") "\"},{\"VersionId\":\"v2\",\"Document\":\"" DOC("new:x")
    "\"}]},{\"Arn\":\"" IAM "policy/b\",\"PolicyName\":\"b\","
    "\"DefaultVersionId\":\"v1\",\"PolicyVersionList\":[{\"VersionId\":"
    "\"v1\",\"Document\":\"" DOC("a:*") "\"}]}]}";

static void
whole(void **state)
{
	struct ir_auth a = { .n = 0 };
	struct ir_auth_rights r;
	const struct ir_auth_entity *bob, *role;

	(void)state;
	assert_int_equal(page(&a, users, NULL), 0);
	assert_int_equal(page(&a, rest, NULL), 0);
	assert_int_equal(ir_auth_finish(&a, NULL), 0);
	assert_int_equal(a.n, 4);
	bob = ir_auth_find(&a, IAM "user/mail/bob");
	assert_non_null(bob);
	assert_int_equal(bob->created, 1767323045);
	assert_string_equal(bob->tags[0], "team");
	assert_string_equal(bob->tags[1], "");
	assert_null(ir_auth_find(&a, IAM "user/bob"));
	/* the version in force, and only what is used is read */
	assert_true(ir_policy_statement_has(ir_policy_statement(
	    ir_auth_managed(&a, IAM "policy/m")->doc, 0), "new:x"));
	assert_int_equal(ir_auth_rights(&a, bob, &r, NULL), 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.nidentity, 2);
	assert_non_null(r.boundary);
	assert_true(r.incomplete);
	assert_string_equal(r.why, "policy odd could not be read");
	assert_string_equal(r.held[2].owner->name, "g");
	assert_string_equal(ir_policy_name(r.identity[0]),
	    "own (inline, user bob)");
	ir_auth_rights_free(&r);
	role = ir_auth_find(&a, IAM "role/aws-service-role/x/r");
	assert_true(role->service_linked);
	assert_string_equal(role->profiles[0], "ip");
	assert_string_equal(role->last_region, "us-east-1");
	assert_non_null(role->trust);
	ir_auth_free(&a);
}

static void
missing(void **state)
{
	struct ir_auth a = { .n = 0 };
	struct ir_auth_rights r;

	(void)state;
	/* a policy, a boundary and a group that no page had */
	assert_int_equal(page(&a, users, NULL), 0);
	assert_int_equal(ir_auth_finish(&a, NULL), 0);
	assert_int_equal(ir_auth_rights(&a, ir_auth_find(&a,
	    IAM "user/mail/bob"), &r, NULL), 0);
	assert_true(r.incomplete);
	assert_null(r.boundary);
	ir_auth_rights_free(&r);
	assert_int_equal(ir_auth_rights(&a, ir_auth_find(&a, IAM "user/al"),
	    &r, NULL), 0);
	assert_false(r.incomplete);
	assert_int_equal(r.n, 0);
	ir_auth_rights_free(&r);
	ir_auth_free(&a);
}

static void
refused(void **state)
{
	struct ir_auth a = { .n = 0 };
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_int_equal(page(&a, "{\"UserDetailList\":[{}]}", &err), -1);
	assert_int_equal(err.code, IR_PROTOCOL);
	/* half an entity is freed, too */
	ir_auth_free(&a);
	assert_int_equal(page(&a, "{\"Policies\":[{\"Arn\":\"x\"}]}", &err),
	    -1);
	ir_auth_free(&a);
	assert_int_equal(page(&a, users, NULL), 0);
	assert_int_equal(page(&a, users, NULL), 0);
	assert_int_equal(ir_auth_finish(&a, &err), -1);
	ir_auth_free(&a);
	assert_int_equal(page(&a, "{\"UserDetailList\":\"\",\"Policies\":1}",
	    NULL), 0);
	assert_int_equal(ir_auth_finish(&a, NULL), 0);
	assert_null(ir_auth_find(&a, "x"));
	ir_auth_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(missing),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
