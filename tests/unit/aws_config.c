/* aws_config.c - the files of the AWS CLI, and the metadata reply */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/config.h"
#include "aws/chain.h"

static struct ir_aws_config *
parsed(const char *config, const char *credentials)
{
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_err err = IR_ERR_INIT;

	assert_non_null(c);
	if (ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "config", config,
	    strlen(config), &err) || ir_aws_config_parse(c,
	    IR_AWS_FILE_CREDENTIALS, "credentials", credentials,
	    strlen(credentials), &err))
		fail_msg("%s", err.msg);
	return c;
}

/* want NULL: it must not be there */
static void
check(const char *config, const char *credentials, const char *profile,
    const char *key, const char *want)
{
	struct ir_aws_config *c = parsed(config, credentials);
	const char *got = ir_aws_config_get(c, IR_AWS_PROFILE, profile, key);

	if (want) {
		assert_non_null(got);
		assert_string_equal(got, want);
	} else {
		assert_null(got);
	}
	ir_aws_config_free(c);
}

static void
bad(const char *text, const char *why)
{
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", text,
	    strlen(text), &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	if (!strstr(err.msg, why))
		fail_msg("%s, not %s", err.msg, why);
	ir_aws_config_free(c);
}

static void
values(void **state)
{
	(void)state;
	check("[profile p]\nregion = eu-west-1\n", "", "p", "region",
	    "eu-west-1");
	check("[profile p]\r\nregion=eu-west-1\r\n", "", "p", "region",
	    "eu-west-1");
	check("[profile p]\nregion=x", "", "p", "region", "x");
	check("\xef\xbb\xbf[profile p]\nk = v", "", "p", "k", "v");
	check("[profile p]\nk =\t v\t \n", "", "p", "k", "v");
	check("[profile p]\nK = v\n", "", "p", "k", "v");
	check("", "[p]\ns = a/b+c==\n", "p", "s", "a/b+c==");
	check("[profile p]\nk = a#b;c\n", "", "p", "k", "a#b;c");
	check("[profile p]\nk = v # c\n", "", "p", "k", "v");
	check("[profile p]\nk = v\t;c\n", "", "p", "k", "v");
	check("[profile p]\nk = # c\n", "", "p", "k", "");
	check("[profile p]\n# k = v\n;k = w\n", "", "p", "k", NULL);
	check("[profile p]\nk = v\nk = w\n", "", "p", "k", "w");
	check("[profile p]\nk = v\n  more ; x\n", "", "p", "k",
	    "v\nmore ; x");
	check("[profile p]\n\n   \nk = v\n", "", "p", "k", "v");
	check("[profile p]\nb@d! = 1\nk = v\n", "", "p", "k", "v");
}

static void
sections(void **state)
{
	(void)state;
	check("[default]\nk = v\n", "", "default", "k", "v");
	check("[profile default]\nk = v\n[default]\nk = w\n", "", "default",
	    "k", "v");
	check("[default]\nk = v\n", "[default]\nk = w\n", "default", "k", "w");
	check("", "[default]\nk = w\n", "default", "k", "w");
	/* without the prefix it is not a profile of config */
	check("[p]\nk = v\n", "", "p", "k", NULL);
	check("", "[profile p]\nk = v\n", "p", "k", NULL);
	check("[profile p]\nk = v\n[profile q]\nk = w\n[profile p]\nl = x\n",
	    "", "p", "l", "x");
	check("[profile p] ; c\nk = v\n", "", "p", "k", "v");
	check("[profile p]# c\nk = v\n", "", "p", "k", "v");
	check("[ profile\tp ]\nk = v\n", "", "p", "k", "v");
	check("[profile \"p\"]\nk = v\n", "", "p", "k", "v");
	check("[profile a b]\nk = v\n", "", "a b", "k", NULL);
	check("[profile x/y.z%@:+]\nk = v\n", "", "x/y.z%@:+", "k", "v");
	check("[sso-session p]\nk = v\n", "", "p", "k", NULL);
	/* nothing is inherited from default */
	check("[default]\nk = v\n[profile p]\nl = w\n", "", "p", "k", NULL);
	/* an unknown section may hold anything, indented lines too */
	check("[plugins]\n  x = y\n z\n[profile p]\nk = v\n", "", "p", "k",
	    "v");
}

static void
below_a_property(void **state)
{
	struct ir_aws_config *c = parsed("[services s]\nses =\n"
	    "  endpoint_url = http://a\n  # c\n\n  x = 1 ; c\nsts = \n"
	    "\tendpoint_url=http://b\n[profile p]\nservices = s\n", "");

	(void)state;
	assert_string_equal(ir_aws_config_get(c, IR_AWS_SERVICES, "s",
	    "ses.endpoint_url"), "http://a");
	assert_string_equal(ir_aws_config_get(c, IR_AWS_SERVICES, "s",
	    "ses.x"), "1");
	assert_string_equal(ir_aws_config_get(c, IR_AWS_SERVICES, "s",
	    "sts.endpoint_url"), "http://b");
	assert_true(ir_aws_config_has(c, IR_AWS_PROFILE, "p"));
	assert_false(ir_aws_config_has(c, IR_AWS_PROFILE, "s"));
	ir_aws_config_free(c);
}

static void
bad_files(void **state)
{
	static const char nul[] = "[default]\nk = \0v\n";
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	bad("k = v\n", "f:1: property before");
	bad("[profile p\nk = v\n", "f:1: section without");
	bad("[profile p] x\n", "f:1: something after");
	bad("\n[default]\nword\n", "f:3: neither");
	bad("[default]\n= v\n", "f:2: property without");
	bad(" k = v\n", "f:1: indented");
	bad("[default]\n k = v\n", "f:2: indented");
	bad("[default]\ns3 =\n  word\n", "f:3: indented");
	assert_int_equal(ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", nul,
	    sizeof nul - 1, &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	ir_aws_config_free(c);
}

static int
imds(const char *json, struct ir_aws_cred *cred)
{
	struct ir_err err = IR_ERR_INIT;
	char *copy = strdup(json);
	int rc;

	memset(cred, 0, sizeof *cred);
	rc = ir_cred_parse(cred, IR_CRED_METADATA, copy, strlen(copy), &err);
	assert_null(strstr(copy, "wJal"));
	free(copy);
	return rc ? err.code : 0;
}

static void
metadata_reply(void **state)
{
	struct ir_aws_cred c;

	(void)state;
	assert_int_equal(imds("{\"Code\" : \"Success\", \"AccessKeyId\" : "
	    "\"ASIAX\", \"SecretAccessKey\" :\n \"wJal/+=\", \"Token\":\"t\","
	    "\"Expiration\":\"2026-11-21T18:00:00Z\"}", &c), 0);
	assert_string_equal(c.key_id, "ASIAX");
	assert_string_equal(c.secret.data, "wJal/+=");
	assert_string_equal(c.token.data, "t");
	assert_int_equal(c.expires, 1795284000);
	ir_aws_cred_free(&c);
	assert_int_equal(imds("{\"Code\":\"Failed\"}", &c), IR_NOPERM);
	ir_aws_cred_free(&c);
	assert_int_equal(imds("{}", &c), IR_PROTOCOL);
	assert_int_equal(imds("<html>", &c), IR_PROTOCOL);
	assert_int_equal(imds("{\"SecretAccessKey", &c), IR_PROTOCOL);
	assert_int_equal(imds("{\"SecretAccessKey\":", &c), IR_PROTOCOL);
	assert_int_equal(imds("{\"SecretAccessKey\":\"", &c), IR_PROTOCOL);
	ir_aws_cred_free(&c);
	assert_int_equal(imds("{\"AccessKeyId\":\"A B\",\"SecretAccessKey\":"
	    "\"wJal\",\"Token\":\"t\",\"Expiration\":"
	    "\"2026-11-21T18:00:00Z\"}", &c), IR_CONFIG);
	ir_aws_cred_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(sections),
		cmocka_unit_test(below_a_property),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(metadata_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
