/* aws_endpoint.c - hosts and scopes, and what an error answer means */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/answer.h"
#include "aws/client.h"
#include "aws/endpoint.h"

static void
goes_to(const char *service, const char *region, const char *url,
    const char *want_url, const char *scope, const char *signing)
{
	struct ir_endpoint e;
	struct ir_err err = IR_ERR_INIT;
	struct ir_endpoint_opts o = { .url = url };

	if (ir_endpoint_find(service, region, &o, &e, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(e.url, want_url);
	assert_string_equal(e.host, strstr(want_url, "://") + 3);
	assert_string_equal(e.region, scope);
	assert_string_equal(e.signing, signing);
}

static void
fails(const char *service, const char *region, const char *url, int code)
{
	struct ir_endpoint e;
	struct ir_err err = IR_ERR_INIT;
	struct ir_endpoint_opts o = { .url = url };

	assert_int_equal(ir_endpoint_find(service, region, &o, &e, &err), -1);
	assert_int_equal(err.code, code);
}

static void
hosts_and_scopes(void **state)
{
	(void)state;
	goes_to("iam", "eu-west-1", NULL, "https://iam.amazonaws.com",
	    "us-east-1", "iam");
	goes_to("iam", NULL, NULL, "https://iam.amazonaws.com", "us-east-1",
	    "iam");
	goes_to("iam", "us-gov-east-1", NULL,
	    "https://iam.us-gov.amazonaws.com", "us-gov-west-1", "iam");
	goes_to("iam", "cn-northwest-1", NULL,
	    "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1", "iam");
	goes_to("iam", "eusc-de-east-1", NULL,
	    "https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1",
	    "iam");
	goes_to("sts", "eu-west-1", NULL,
	    "https://sts.eu-west-1.amazonaws.com", "eu-west-1", "sts");
	goes_to("ses", "eu-west-1", NULL,
	    "https://email.eu-west-1.amazonaws.com", "eu-west-1", "ses");
	goes_to("sesv2", "us-gov-west-1", NULL,
	    "https://email.us-gov-west-1.amazonaws.com", "us-gov-west-1",
	    "ses");
	goes_to("monitoring", "eu-west-1", NULL,
	    "https://monitoring.eu-west-1.amazonaws.com", "eu-west-1",
	    "monitoring");
	goes_to("ec2", "cn-north-1", NULL,
	    "https://ec2.cn-north-1.amazonaws.com.cn", "cn-north-1", "ec2");
	fails("sesv2", "cn-north-1", NULL, IR_CONFIG);
	fails("sesv2", NULL, NULL, IR_CONFIG);
	fails("ec2", "us-east-1.evil.example", NULL, IR_CONFIG);
	fails("s3", "us-east-1", NULL, IR_SOFTWARE);
}

static void
own_endpoints(void **state)
{
	(void)state;
	goes_to("ses", "eu-west-1", "http://{service}.{region}.localhost:99/",
	    "http://email.eu-west-1.localhost:99", "eu-west-1", "ses");
	goes_to("iam", "eu-west-1", "http://{service}.{region}.localhost:99",
	    "http://iam.us-east-1.localhost:99", "us-east-1", "iam");
	goes_to("sts", "eu-west-1", "https://VPCE.Example:443",
	    "https://vpce.example", "eu-west-1", "sts");
	goes_to("sts", "eu-west-1", "http://localhost:80", "http://localhost",
	    "eu-west-1", "sts");
	goes_to("sts", "eu-west-1", "http://localhost:443",
	    "http://localhost:443", "eu-west-1", "sts");
	goes_to("sts", "eu-west-1", "https://[::1]:443", "https://[::1]",
	    "eu-west-1", "sts");
	fails("sts", "eu-west-1", "ftp://x", IR_CONFIG);
	fails("sts", "eu-west-1", "localhost:99", IR_CONFIG);
	fails("sts", "eu-west-1", "https://", IR_CONFIG);
	fails("sts", "eu-west-1", "https://a/path", IR_CONFIG);
	fails("sts", "eu-west-1", "https://u:p@host", IR_CONFIG);
	fails("sts", "eu-west-1", "https://a b", IR_CONFIG);
}

/* variant: 1 FIPS, 2 dual-stack, 3 both */
static void
variant(int v, const char *service, const char *region, const char *want)
{
	struct ir_endpoint_opts o = { .fips = v & 1, .dualstack = v & 2 };
	struct ir_endpoint e;
	struct ir_err err = IR_ERR_INIT;

	if (ir_endpoint_find(service, region, &o, &e, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(e.host, want);
}

/* the rest of the table is compared with botocore's in aws-chain.bats */
static void
variants(void **state)
{
	struct ir_endpoint_opts o = { .url = "https://x", .fips = true };
	struct ir_endpoint e;
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	variant(1, "sesv2", "us-east-1", "email-fips.us-east-1.amazonaws.com");
	variant(2, "sesv2", "eu-west-1", "email.eu-west-1.api.aws");
	variant(3, "sts", "us-west-2", "sts-fips.us-west-2.api.aws");
	variant(1, "sts", "us-gov-west-1", "sts.us-gov-west-1.amazonaws.com");
	variant(1, "iam", "eu-west-1", "iam-fips.amazonaws.com");
	variant(2, "iam", NULL, "iam.global.api.aws");
	assert_int_equal(ir_endpoint_find("sts", "us-east-1", &o, &e, &err),
	    -1);
	assert_int_equal(err.code, IR_CONFIG);
}

/* Health is in one region at a time: the one that its alias points to. */
static void
health(void **state)
{
	struct ir_endpoint_opts o = {
		.health = "health.us-east-2.amazonaws.com." };
	struct ir_endpoint e;
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	goes_to("health", "eu-west-1", NULL,
	    "https://health.us-east-1.amazonaws.com", "us-east-1", "health");
	goes_to("health", "cn-north-1", NULL,
	    "https://health.cn-northwest-1.amazonaws.com.cn",
	    "cn-northwest-1", "health");
	assert_int_equal(ir_endpoint_find("health", "eu-west-1", &o, &e,
	    &err), 0);
	assert_string_equal(e.host, "health.us-east-2.amazonaws.com");
	assert_string_equal(e.region, "us-east-2");
	o.health = "health.example.net";
	assert_int_equal(ir_endpoint_find("health", "eu-west-1", &o, &e,
	    &err), -1);
	o.health = "evil";
	assert_int_equal(ir_endpoint_find("health", "eu-west-1", &o, &e,
	    &err), -1);
	o.health = "health.cn-north-1.amazonaws.com.cn";
	assert_int_equal(ir_endpoint_find("health", "eu-west-1", &o, &e,
	    &err), -1);
}

/* Who wins: the option, the service's variable, the general one, the files */
static void
configured_ones(void **state)
{
	static const char file[] = "[profile p]\nservices = s\n"
	    "endpoint_url = http://general-file\nuse_fips_endpoint = true\n"
	    "[services s]\nsts =\n  endpoint_url = http://service-file\n"
	    "[profile q]\nendpoint_url = http://q\n"
	    "ignore_configured_endpoint_urls = true\n";
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_endpoint_opts o;
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_int_equal(ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", file,
	    sizeof file - 1, &err), 0);
#define URL(service, profile, option, want) do { \
	assert_int_equal(ir_endpoint_options(service, c, profile, option, &o, \
	    &err), 0); \
	if (want) \
		assert_string_equal(o.url, want); \
	else \
		assert_null(o.url); \
} while (0)
	URL("sts", "p", NULL, "http://service-file");
	assert_true(o.fips);
	assert_false(o.dualstack);
	URL("iam", "p", NULL, "http://general-file");
	URL("iam", "q", NULL, (const char *)NULL);
	setenv("AWS_ENDPOINT_URL", "http://general", 1);
	URL("sts", "p", NULL, "http://general");
	setenv("AWS_ENDPOINT_URL_STS", "http://service", 1);
	URL("sts", "p", NULL, "http://service");
	URL("iam", "p", NULL, "http://general");
	URL("sts", "p", "http://option", "http://option");
	setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
	URL("sts", "p", NULL, (const char *)NULL);
	URL("sts", "p", "http://option", "http://option");
	setenv("AWS_USE_FIPS_ENDPOINT", "false", 1);
	setenv("AWS_USE_DUALSTACK_ENDPOINT", "True", 1);
	URL("sts", "p", NULL, (const char *)NULL);
	assert_false(o.fips);
	assert_true(o.dualstack);
	setenv("AWS_USE_DUALSTACK_ENDPOINT", "yes", 1);
	assert_int_equal(ir_endpoint_options("sts", c, "p", NULL, &o, &err),
	    -1);
	assert_int_equal(err.code, IR_CONFIG);
	ir_aws_config_free(c);
}

static void
regions(void **state)
{
	const char *const *r = ir_endpoint_ses_regions("eu-west-1");
	size_t n = 0;

	(void)state;
	while (r[n])
		n++;
	assert_int_equal(n, 27);
	assert_null(ir_endpoint_ses_regions("cn-north-1")[0]);
	assert_string_equal(ir_endpoint_ses_regions("us-gov-west-1")[0],
	    "us-gov-east-1");
	assert_string_equal(ir_endpoint_partition("eusc-de-east-1"),
	    "aws-eusc");
	assert_string_equal(ir_endpoint_partition(NULL), "aws");
	assert_true(ir_aws_region_ok("us-gov-west-1"));
	assert_true(ir_aws_region_ok("ap-southeast-99"));
	assert_false(ir_aws_region_ok(""));
	assert_false(ir_aws_region_ok("us-east"));
	assert_false(ir_aws_region_ok("US-EAST-1"));
	assert_false(ir_aws_region_ok("us-east-1x"));
	assert_false(ir_aws_region_ok("us-east-1/"));
	assert_false(ir_aws_region_ok("us--1"));
	assert_false(ir_aws_region_ok("us-1"));
}

static void
is_error(enum ir_aws_protocol p, int status, const char *body,
    const char *query_error, const char *type, const char *code,
    enum ir_aws_class class)
{
	struct ir_aws_error e;

	ir_aws_error_read(p, body, strlen(body), query_error, type, &e);
	assert_string_equal(e.code, code);
	assert_int_equal(ir_aws_error_class(status, &e), class);
}

#define QUERY(code) "<ErrorResponse><Error><Type>Sender</Type><Code>" code \
	"</Code><Message>m</Message></Error></ErrorResponse>"

static void
errors(void **state)
{
	(void)state;
	is_error(IR_AWS_QUERY, 403, QUERY("AccessDenied"), "", "",
	    "AccessDenied", IR_AWS_DENIED);
	is_error(IR_AWS_QUERY, 403, QUERY("InvalidClientTokenId"), "", "",
	    "InvalidClientTokenId", IR_AWS_DENIED);
	is_error(IR_AWS_QUERY, 400, QUERY("Throttling"), "", "",
	    "Throttling", IR_AWS_SLOW_DOWN);
	/* a quota of IAM, no throttle */
	is_error(IR_AWS_QUERY, 409, QUERY("LimitExceeded"), "", "",
	    "LimitExceeded", IR_AWS_REFUSED);
	is_error(IR_AWS_QUERY, 404, QUERY("NoSuchEntity"), "", "",
	    "NoSuchEntity", IR_AWS_REFUSED);
	is_error(IR_AWS_QUERY, 500, QUERY("InternalFailure"), "", "",
	    "InternalFailure", IR_AWS_BROKEN);
	is_error(IR_AWS_QUERY, 502, "<html>bad gateway", "", "", "",
	    IR_AWS_BROKEN);
	is_error(IR_AWS_QUERY, 403, "<html>proxy", "", "", "", IR_AWS_DENIED);
	is_error(IR_AWS_QUERY, 302, "", "", "", "", IR_AWS_STRANGE);
	is_error(IR_AWS_QUERY, 403, "<ErrorResponse><Error><Code>"
	    "SignatureDoesNotMatch</Code><Message>Signature expired: 2015 is "
	    "now earlier</Message></Error></ErrorResponse>", "", "",
	    "SignatureDoesNotMatch", IR_AWS_CLOCK);
	is_error(IR_AWS_EC2, 503, "<Response><Errors><Error><Code>"
	    "RequestLimitExceeded</Code><Message>m</Message></Error></Errors>"
	    "<RequestID>r</RequestID></Response>", "", "",
	    "RequestLimitExceeded", IR_AWS_SLOW_DOWN);
	is_error(IR_AWS_JSON10, 400, "{\"__type\":\"com.amazonaws#"
	    "ThrottlingException\",\"message\":\"m\"}", "", "",
	    "ThrottlingException", IR_AWS_SLOW_DOWN);
	is_error(IR_AWS_JSON10, 400, "{\"__type\":\"x#ResourceNotFound"
	    "Exception\"}", "ResourceNotFound;Sender", "", "ResourceNotFound",
	    IR_AWS_REFUSED);
	is_error(IR_AWS_REST_JSON, 404, "{\"message\":\"m\"}", "",
	    "NotFoundException:http://x/", "NotFoundException",
	    IR_AWS_REFUSED);
	is_error(IR_AWS_REST_JSON, 429, "{}", "", "", "", IR_AWS_SLOW_DOWN);
	is_error(IR_AWS_REST_JSON, 403, "{", "", "", "", IR_AWS_DENIED);
}

static void
the_token_stays_out_of_messages(void **state)
{
	static const char xml[] = "<ErrorResponse><Error><Code>"
	    "SignatureDoesNotMatch</Code><Message>The request signature we "
	    "calculated does not match.\n\nThe Canonical String for this "
	    "request should have been\n'POST\n/\nx-amz-security-token:"
	    "TOKEN'</Message></Error></ErrorResponse>";
	struct ir_aws_error e;

	(void)state;
	ir_aws_error_read(IR_AWS_QUERY, xml, sizeof xml - 1, "", "", &e);
	assert_string_equal(e.text,
	    "The request signature we calculated does not match.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_and_scopes),
		cmocka_unit_test(own_endpoints),
		cmocka_unit_test(variants),
		cmocka_unit_test(health),
		cmocka_unit_test(configured_ones),
		cmocka_unit_test(regions),
		cmocka_unit_test(errors),
		cmocka_unit_test(the_token_stays_out_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
